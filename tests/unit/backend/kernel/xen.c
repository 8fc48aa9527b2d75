// SPDX-License-Identifier: GPL-2.0-only
/* The stand-in for Xen: grants, domains, xenstore. */

#include "xen.h"

/* Grants: a reference is an index, a handle that of a mapping */

#define MAX_GRANTS		32768
#define FIRST_REF		8
#define FIRST_FRAME		0x40000ULL

static struct {
	void *page;
	bool writable;
} grants[MAX_GRANTS];
static unsigned int nr_grants;

static struct {
	bool used;
	bool writable;
	u64 bus_addr;
} maps[MAX_GRANTS];
static unsigned int nr_maps;	/* ever made: handles are not used again */
static long nr_mapped;

static bool domain_gone[XEN_DOMAINS];

bool xen_no_maptrack;
void (*xen_before_unmap)(u64 bus_addr);
void (*xen_before_copy)(void *page);

grant_ref_t xen_grant(void *page, bool writable)
{
	if (nr_grants == MAX_GRANTS)
		kernel_bug("too many grants for this test");
	grants[nr_grants].page = page;
	grants[nr_grants].writable = writable;
	return FIRST_REF + nr_grants++;
}

void *xen_page(grant_ref_t ref)
{
	return grants[ref - FIRST_REF].page;
}

u64 xen_bus_addr(grant_ref_t ref)
{
	return (FIRST_FRAME + ref) << PAGE_SHIFT;
}

long xen_nr_mapped(void)
{
	return nr_mapped;
}

bool xen_is_mapped(u64 bus_addr, bool writable)
{
	unsigned int i;

	for (i = 0; i < nr_maps; i++)
		if (maps[i].used && maps[i].bus_addr == bus_addr &&
		    (maps[i].writable || !writable))
			return true;
	return false;
}

unsigned int xen_times_mapped(u64 bus_addr)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_maps; i++)
		nr += maps[i].used && maps[i].bus_addr == bus_addr;
	return nr;
}

void xen_unmap_all(void)
{
	nr_maps = 0;
	nr_mapped = 0;
}

static bool grant_ok(domid_t dom, grant_ref_t ref, bool writable)
{
	return dom < XEN_DOMAINS && !domain_gone[dom] && ref >= FIRST_REF &&
		ref - FIRST_REF < nr_grants &&
		(grants[ref - FIRST_REF].writable || !writable);
}

static void map_one(struct gnttab_map_grant_ref *op)
{
	bool writable = !(op->flags & GNTMAP_readonly);

	if ((op->flags & ~GNTMAP_readonly) != GNTMAP_device_map)
		kernel_bug("flags %#x map more than for the HCA", op->flags);
	if (nr_maps == MAX_GRANTS)
		kernel_bug("too many mappings for this test");
	op->status = GNTST_no_device_space;
	if (xen_no_maptrack)
		return;
	op->status = GNTST_bad_gntref;
	if (kernel_fail("map", -EFAULT) ||
	    !grant_ok(op->dom, op->ref, writable))
		return;
	op->status = GNTST_okay;
	op->handle = nr_maps++;
	op->dev_bus_addr = xen_bus_addr(op->ref);
	maps[op->handle].used = true;
	maps[op->handle].writable = writable;
	maps[op->handle].bus_addr = op->dev_bus_addr;
	nr_mapped++;
}

/* May wait for pages that the guest's own memory manager has put away. */
void gnttab_batch_map(struct gnttab_map_grant_ref *ops, unsigned int nr)
{
	might_sleep();
	while (nr--)
		map_one(ops++);
}

static void unmap_one(struct gnttab_unmap_grant_ref *op)
{
	op->status = GNTST_bad_handle;
	if (op->handle >= nr_maps || !maps[op->handle].used ||
	    maps[op->handle].bus_addr != op->dev_bus_addr)
		kernel_bug("handle %u is not mapped at %#llx, to be unmapped",
			   op->handle, op->dev_bus_addr);
	if (xen_before_unmap)
		xen_before_unmap(op->dev_bus_addr);
	if (kernel_fail("unmap", 0))
		return;
	op->status = GNTST_okay;
	maps[op->handle].used = false;
	nr_mapped--;
}

int HYPERVISOR_grant_table_op(unsigned int cmd, void *ops, unsigned int nr)
{
	struct gnttab_unmap_grant_ref *op = ops;
	int err = kernel_fail("grant_table_op", 0);

	if (cmd != GNTTABOP_unmap_grant_ref)
		kernel_bug("no such operation on grants: %u", cmd);
	if (err)
		return err;
	while (nr--)
		unmap_one(op++);
	return 0;
}

/* One end is the guest's page, the other one of this program's. */
static void copy_one(struct gnttab_copy *op)
{
	bool to_guest = op->flags == GNTCOPY_dest_gref;
	struct gnttab_copy_ptr *guest = to_guest ? &op->dest : &op->source;
	struct gnttab_copy_ptr *own = to_guest ? &op->source : &op->dest;
	char *local = (char *)(own->u.gmfn << PAGE_SHIFT) + own->offset;
	char *page;

	if (own->domid != DOMID_SELF)
		kernel_bug("a copy between two guests");
	if (own->offset + op->len > PAGE_SIZE ||
	    guest->offset + op->len > PAGE_SIZE)
		kernel_bug("a copy beyond the end of a page");
	op->status = GNTST_bad_gntref;
	if (kernel_fail("copy", -EFAULT) ||
	    !grant_ok(guest->domid, guest->u.ref, to_guest))
		return;
	op->status = GNTST_okay;
	page = grants[guest->u.ref - FIRST_REF].page;
	if (xen_before_copy && !to_guest)
		xen_before_copy(page);
	if (page && to_guest)
		memcpy(page + guest->offset, local, op->len);
	else if (page)
		memcpy(local, page + guest->offset, op->len);
	else if (!to_guest)
		memset(local, 0, op->len);
}

void gnttab_batch_copy(struct gnttab_copy *ops, unsigned int nr)
{
	might_sleep();
	while (nr--)
		copy_one(ops++);
}

/* Domains */

void xen_domain_gone(domid_t domid)
{
	domain_gone[domid] = true;
}

long HYPERVISOR_memory_op(unsigned int cmd, void *arg)
{
	if (cmd != XENMEM_current_reservation)
		kernel_bug("no such operation on memory: %u", cmd);
	return domain_gone[*(domid_t *)arg] ? -ESRCH : 1;
}

/* xenstore */

#define MAX_NODES		512

static struct {
	char path[64];
	char value[1024];
} nodes[MAX_NODES];
static unsigned int nr_nodes;
static int error, fatal;

void (*xen_before_read)(void);
void (*xen_changed)(const char *path);
void (*xen_on_fatal)(void);

static char *node_value(const char *dir, const char *node, bool create)
{
	char path[sizeof(nodes[0].path)];
	unsigned int i;

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	for (i = 0; i < nr_nodes; i++)
		if (!strcmp(nodes[i].path, path))
			return nodes[i].value;
	if (!create)
		return NULL;
	if (nr_nodes == MAX_NODES)
		kernel_bug("too many nodes for this test");
	memcpy(nodes[nr_nodes].path, path, sizeof(path));
	return nodes[nr_nodes++].value;
}

const char *xen_read(const char *dir, const char *node)
{
	return node_value(dir, node, false);
}

static void changed(const char *dir, const char *node)
{
	char path[sizeof(nodes[0].path)];

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	if (xen_changed)
		xen_changed(path);
}

void xen_write(const char *dir, const char *node, const char *value)
{
	snprintf(node_value(dir, node, true), sizeof(nodes[0].value), "%s",
		 value);
	changed(dir, node);
}

static bool is_below(unsigned int i, const char *path)
{
	size_t len = strlen(path);

	return !strncmp(nodes[i].path, path, len) &&
		(!nodes[i].path[len] || nodes[i].path[len] == '/');
}

void xen_rm(const char *path)
{
	unsigned int i = 0;

	while (i < nr_nodes)
		if (is_below(i, path))
			nodes[i] = nodes[--nr_nodes];
		else
			i++;
	if (xen_changed)
		xen_changed(path);
}

void xen_rm_nodes(void)
{
	nr_nodes = 0;
}

int xen_error(void)
{
	return error;
}

int xen_fatal(void)
{
	return fatal;
}

/* Nobody interferes, but one of them may be told so. */
int xenbus_transaction_start(struct xenbus_transaction *t)
{
	t->id = 1;
	return kernel_fail("xenbus_transaction_start", 0);
}

int xenbus_transaction_end(struct xenbus_transaction t, int abort)
{
	return abort ? 0 : kernel_fail("xenbus_transaction_end", 0);
}

static int print_gid(char *value, const u8 *raw)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		value += sprintf(value, "%s%02x%02x", i ? ":" : "", raw[2 * i],
				 raw[2 * i + 1]);
	return 0;
}

int xenbus_printf(struct xenbus_transaction t, const char *dir,
		  const char *node, const char *fmt, ...)
{
	int err = kernel_fail("xenbus_printf", -ENOMEM);
	va_list ap;

	might_sleep();
	if (err)
		return err;
	va_start(ap, fmt);
	if (!strcmp(fmt, "%pI6"))
		print_gid(node_value(dir, node, true), va_arg(ap, u8 *));
	else
		vsnprintf(node_value(dir, node, true), sizeof(nodes[0].value),
			  fmt, ap);
	va_end(ap);
	changed(dir, node);
	return 0;
}

/* As others read it, who may find that it has just changed */
static const char *read_node(const char *dir, const char *node)
{
	might_sleep();
	if (xen_before_read)
		xen_before_read();
	return xen_read(dir, node);
}

int xenbus_scanf(struct xenbus_transaction t, const char *dir,
		 const char *node, const char *fmt, ...)
{
	const char *value = read_node(dir, node);
	va_list ap;
	int nr;

	if (!value)
		return -ENOENT;
	va_start(ap, fmt);
	nr = vsscanf(value, fmt, ap);
	va_end(ap);
	return nr > 0 ? nr : -ERANGE;
}

int xenbus_exists(struct xenbus_transaction t, const char *dir,
		  const char *node)
{
	unsigned int i = 0;

	if (*node)
		return !!read_node(dir, node);
	might_sleep();
	while (i < nr_nodes && !is_below(i, dir))
		i++;
	return i < nr_nodes;
}

void *xenbus_read(struct xenbus_transaction t, const char *dir,
		  const char *node, unsigned int *len)
{
	const char *value = read_node(dir, node);
	char *copy;

	if (!value)
		return ERR_PTR(-ENOENT);
	copy = kmalloc(strlen(value) + 1, GFP_KERNEL);
	return copy ? strcpy(copy, value) : ERR_PTR(-ENOMEM);
}

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int otherwise)
{
	unsigned int value;

	return xenbus_scanf(XBT_NIL, dir, node, "%u", &value) == 1 ?
		value : otherwise;
}

static void log_error(int err, const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
	kernel_log("%d %s\n", -err, text);
	error = err;
}

void xenbus_dev_error(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_error(err, fmt, ap);
	va_end(ap);
}

void xenbus_dev_fatal(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_error(err, fmt, ap);
	va_end(ap);
	fatal = err;
	if (xen_on_fatal)
		xen_on_fatal();
}

void xen_reset(void)
{
	nr_grants = 0;
	nr_maps = 0;
	nr_mapped = 0;
	nr_nodes = 0;
	error = 0;
	fatal = 0;
	memset(domain_gone, 0, sizeof(domain_gone));
	xen_before_unmap = NULL;
	xen_before_copy = NULL;
	xen_before_read = NULL;
	xen_changed = NULL;
	xen_on_fatal = NULL;
}
