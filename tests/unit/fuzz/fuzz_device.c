// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a guest's device: what the frontend writes to xenstore, to its
 * request ring and to its event area, at any moment and in any order, while the
 * toolstack attaches and detaches, the HCA goes and comes, and calls fail. What
 * is executed, and all else of the backend, is here, and sees that it is called
 * when it may be.
 */

#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "fuzz.h"
#include "ibback.h"
#include "gsi_hook.h"

#define MAX_STEPS	256
#define BE		"backend/vib/7/0"
#define FE		"device/vib/0"
#define DOMAINS		"/local/domain"
#define DOMID		"7"
/* Pages that the guest can grant; event channels that it has */
#define NR_PAGES	40U
#define NR_CHANNELS	6U
#define MAX_MAPS	64
#define MAX_ACTIVE	4
#define MAX_CHANGES	64

static struct xenbus_device xbdev = {
	.nodename = BE,
	.otherend = FE,
	.otherend_id = 7,
	.dev.name = "vib-7-0",
};
static struct ibback_hca hca;
static const struct xenbus_driver *driver;
static bool bound, hca_present, racing;
static unsigned int steps;

static struct ibback_dev *dev(void)
{
	return bound ? dev_get_drvdata(&xbdev.dev) : NULL;
}

/* The guest's pages: all of them at once, as it sees them itself */

static int memory_fd = -1;
static u8 *memory;
static bool granted[NR_PAGES];
/* In how many mappings of this domain it is: Xen looks at its grant no more. */
static unsigned int nr_mapped[NR_PAGES];

static struct {
	u8 *addr;		/* NULL: lost, as nobody can unmap it */
	unsigned int nr;
	grant_ref_t ref[1 << VIBIF_MAX_RING_PAGE_ORDER];
} maps[MAX_MAPS];

static unsigned int find_map(const void *addr)
{
	unsigned int i = 0;

	while (i < MAX_MAPS && (!maps[i].nr || maps[i].addr != addr))
		i++;
	return i;
}

static unsigned int nr_maps(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < MAX_MAPS; i++)
		nr += !!maps[i].nr;
	return nr;
}

static bool may_map(grant_ref_t ref)
{
	return ref < NR_PAGES && (granted[ref] || nr_mapped[ref]);
}

/* There is nothing behind the last page. */
static u8 *map_pages(const grant_ref_t *ref, unsigned int nr)
{
	u8 *addr = mmap(NULL, (nr + 1) * PAGE_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (mmap(addr + i * PAGE_SIZE, PAGE_SIZE,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 memory_fd, ref[i] * PAGE_SIZE) == MAP_FAILED)
			kernel_bug("mmap: %m");
	return addr;
}

static void race(void);

int xenbus_map_ring_valloc(struct xenbus_device *d, grant_ref_t *gref,
			   unsigned int nr, void **addr)
{
	unsigned int i, m = 0, bad = 0;

	might_sleep();
	race();
	if (kernel_fail("map_ring", -ENOMEM))
		return -ENOMEM;
	while (m < MAX_MAPS && maps[m].nr)
		m++;
	if (m == MAX_MAPS)
		kernel_bug("too many mappings");
	for (i = 0; i < nr; i++)
		bad += !may_map(gref[i]);
	/* What could be mapped of a failure stays so. */
	for (i = 0; i < nr; i++)
		if (may_map(gref[i])) {
			nr_mapped[gref[i]]++;
			maps[m].ref[maps[m].nr++] = gref[i];
		}
	maps[m].addr = bad ? NULL : map_pages(gref, nr);
	*addr = maps[m].addr;
	return bad ? -EINVAL : 0;
}

void xenbus_unmap_ring_vfree(struct xenbus_device *d, void *addr)
{
	unsigned int m = find_map(addr), i;

	might_sleep();
	if (!addr || m == MAX_MAPS)
		kernel_bug("%p is not mapped, to be unmapped", addr);
	munmap(addr, (maps[m].nr + 1) * PAGE_SIZE);
	for (i = 0; i < maps[m].nr; i++)
		nr_mapped[maps[m].ref[i]]--;
	maps[m].nr = 0;
}

/* Event channels: an interrupt's number is that of the channel, and 10 */

static struct {
	irq_handler_t handler;
	void *arg;
	bool masked;	/* until an EOI, or for ever */
} irqs[NR_CHANNELS];

static unsigned int irq_index(unsigned int irq)
{
	if (irq - 10 >= NR_CHANNELS || !irqs[irq - 10].handler)
		kernel_bug("%u is no interrupt", irq);
	return irq - 10;
}

static void interrupt(unsigned int i)
{
	if (!irqs[i].handler || irqs[i].masked)
		return;
	irqs[i].masked = true;
	assert_int_equal(irqs[i].handler(i + 10, irqs[i].arg), IRQ_HANDLED);
}

static unsigned int nr_irqs(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_CHANNELS; i++)
		nr += !!irqs[i].handler;
	return nr;
}

int bind_interdomain_evtchn_to_irqhandler_lateeoi(struct xenbus_device *d,
						  unsigned int evtchn,
						  irq_handler_t handler,
						  unsigned long flags,
						  const char *name, void *arg)
{
	might_sleep();
	race();
	if (kernel_fail("bind", -ENOMEM))
		return -ENOMEM;
	if (evtchn >= NR_CHANNELS || irqs[evtchn].handler)
		return -EINVAL;
	irqs[evtchn].handler = handler;
	irqs[evtchn].arg = arg;
	irqs[evtchn].masked = false;
	/* One that is bound has an interrupt pending. */
	interrupt(evtchn);
	return evtchn + 10;
}

void unbind_from_irqhandler(unsigned int irq, void *arg)
{
	unsigned int i = irq_index(irq);

	might_sleep();
	assert_ptr_equal(irqs[i].arg, arg);
	irqs[i].handler = NULL;
}

void disable_irq(int irq)
{
	might_sleep();
	irqs[irq_index(irq)].masked = true;
}

void xen_irq_lateeoi(int irq, unsigned int flags)
{
	unsigned int i = irq_index(irq);

	if (!irqs[i].masked)
		kernel_bug("an EOI without an interrupt");
	irqs[i].masked = false;
}

void notify_remote_via_irq(int irq)
{
	irq_index(irq);
}

/* The workqueue of the ring: no work runs beside itself */

struct workqueue_struct {
	int max_active;
};

static struct workqueue_struct *workqueue;
static LIST_HEAD(queued);
static struct work_struct *running[MAX_ACTIVE];
static unsigned int nr_running, nr_executed;
/* The answer to the request that was executed last */
static struct vibif_rsp answer;

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active, ...)
{
	assert_null(workqueue);
	assert_in_range(max_active, 1, MAX_ACTIVE);
	workqueue = kmalloc(sizeof(*workqueue), GFP_KERNEL);
	if (workqueue)
		workqueue->max_active = max_active;
	return workqueue;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	if (!wq || wq != workqueue)
		kernel_bug("work for a queue that is not there");
	if (work->pending)
		return false;
	work->pending = true;
	list_add_tail(&work->entry, &queued);
	return true;
}

static bool can_run(const struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < nr_running; i++)
		if (running[i] == work)
			return false;
	return nr_running < workqueue->max_active;
}

/* The last response is the one to the request that was executed last. */
static void check_answer(void)
{
	const struct ibback_ring *ring = &dev()->ring;
	const struct vibif_sring *sring = ring->channel.area;
	RING_IDX last = ring->back.rsp_prod_pvt;
	const struct vibif_rsp *rsp = RING_GET_RESPONSE(&ring->back, last - 1);

	assert_int_equal(sring->rsp_prod, last);
	assert_memory_equal(rsp, &answer, sizeof(answer));
}

/* The next one, or one behind it; whether there was one that could run */
static bool run_work(unsigned int skip)
{
	struct work_struct *work, *found = NULL;
	unsigned int before = nr_executed;

	list_for_each_entry(work, &queued, entry) {
		if (!can_run(work))
			continue;
		found = work;
		if (!skip--)
			break;
	}
	if (!found)
		return false;
	list_del(&found->entry);
	found->pending = false;
	running[nr_running++] = found;
	found->func(found);
	nr_running--;
	/* No spinlock is held */
	might_sleep();
	if (nr_executed != before)
		check_answer();
	return true;
}

static void ring_step(void);

void destroy_workqueue(struct workqueue_struct *wq)
{
	might_sleep();
	assert_ptr_equal(wq, workqueue);
	assert_int_equal(nr_running, 0);
	while (run_work(0))
		if (fuzz_more())
			ring_step();
	assert_true(list_empty(&queued));
	workqueue = NULL;
	kfree(wq);
}

/* Others of Linux */

static u64 now;

u64 local_clock(void)
{
	return now++;
}

u64 ktime_get_ns(void)
{
	return now;
}

bool sync_test_and_set_bit(unsigned long nr, unsigned long *addr)
{
	bool was = addr[nr / 64] & 1UL << nr % 64;

	addr[nr / 64] |= 1UL << nr % 64;
	return was;
}

void sync_clear_bit(unsigned long nr, unsigned long *addr)
{
	addr[nr / 64] &= ~(1UL << nr % 64);
}

char *kstrndup(const char *s, size_t max, gfp_t flags)
{
	char *copy = kzalloc(max + 1, flags);

	return copy ? strncpy(copy, s, max) : NULL;
}

/* xenbus: watches fire later, in its own thread */

static char changes[MAX_CHANGES][48];
static unsigned int nr_changes;
static bool other_end_changed, lost;
static enum xenbus_state written;
static struct xenbus_watch *watch;
static void (*watch_callback)(struct xenbus_watch *watch, const char *path,
			      const char *token);

static void changed(const char *path)
{
	if (strstarts(FE "/state", path))
		other_end_changed = true;
	if (strstarts(BE, path))
		lost = true;
	if (!watch || !strstarts(path, BE))
		return;
	if (nr_changes == MAX_CHANGES)
		nr_changes--;
	snprintf(changes[nr_changes++], sizeof(changes[0]), "%s", path);
}

/* What is written already is not written again, nor what is not there. */
int xenbus_switch_state(struct xenbus_device *d, enum xenbus_state state)
{
	char value[4];

	might_sleep();
	if (state == written)
		return 0;
	written = state;
	snprintf(value, sizeof(value), "%u", state);
	if (xen_read(BE, "state"))
		xen_write(BE, "state", value);
	return 0;
}

static void fatal(void)
{
	xen_write("error/" BE, "error", "");
	xenbus_switch_state(&xbdev, XenbusStateClosing);
}

void xenbus_rm(struct xenbus_transaction t, const char *dir, const char *node)
{
	char path[64];

	might_sleep();
	snprintf(path, sizeof(path), "%s%s%s", dir, *node ? "/" : "", node);
	xen_rm(path);
}

/* Only how many there are, of those that there can be */
char **xenbus_directory(struct xenbus_transaction t, const char *dir,
			const char *node, unsigned int *nr)
{
	char **list = kmalloc(sizeof(*list), GFP_KERNEL);

	*nr = xenbus_exists(t, dir, "");
	return list ?: ERR_PTR(-ENOMEM);
}

int xenbus_watch_pathfmt(struct xenbus_device *d, struct xenbus_watch *w,
			 void *will_handle,
			 void (*callback)(struct xenbus_watch *watch,
					  const char *path, const char *token),
			 const char *fmt, ...)
{
	w->node = kstrndup(BE, sizeof(BE), GFP_KERNEL);
	if (!w->node) {
		xenbus_dev_fatal(d, -ENOMEM, "watch");
		return -ENOMEM;
	}
	watch = w;
	watch_callback = callback;
	changed(BE);
	return 0;
}

void unregister_xenbus_watch(struct xenbus_watch *w)
{
	assert_ptr_equal(w, watch);
	watch = NULL;
	nr_changes = 0;
}

int __xenbus_register_backend(struct xenbus_driver *drv, void *owner,
			      const char *name)
{
	driver = drv;
	return kernel_fail("register", -ENOMEM);
}

static void probe(void)
{
	written = atoi(xen_read(BE, "state"));
	lost = false;
	bound = !driver->probe(&xbdev, driver->ids);
	other_end_changed = bound;
}

static void unbind(void)
{
	if (!bound)
		return;
	other_end_changed = false;
	driver->remove(&xbdev);
	bound = false;
	xenbus_switch_state(&xbdev, XenbusStateClosed);
}

void xenbus_unregister_driver(struct xenbus_driver *drv)
{
	unbind();
}

static bool is_lost(void)
{
	return lost && !xenbus_exists(XBT_NIL, BE, "");
}

static void run_xenwatch(void)
{
	char path[sizeof(changes[0])];

	if (bound && is_lost()) {
		unbind();
		return;
	}
	if (watch && nr_changes) {
		memcpy(path, changes[0], sizeof(path));
		memmove(changes, changes + 1, --nr_changes * sizeof(path));
		watch_callback(watch, path, BE);
	}
	if (bound && other_end_changed) {
		other_end_changed = false;
		driver->otherend_changed(&xbdev, compat_read_state(FE));
	}
}

/* The rest of the backend: what it holds, and when it is called */

const struct attribute_group *ibback_dev_groups[1], *ibback_driver_groups[1];

static long totals[IBBACK_NR_TOTALS];
static unsigned int nr_objects;
static bool has_flows, has_uars, has_debugfs, loaded;

static const struct ibback_channel_nodes mad_nodes = {
	.what = "the MAD area",
	.order = VIBIF_FIELD_MAD_PAGE_ORDER,
	.min_order = VIBIF_MIN_MAD_PAGE_ORDER,
	.max_order = VIBIF_MAX_MAD_PAGE_ORDER,
	.ref = VIBIF_FIELD_MAD_REF,
	.evtchn = VIBIF_FIELD_MAD_EVTCHN,
};
static struct ibback_channel mads;

void ibback_total_add(enum ibback_total total, long nr)
{
	totals[total] += nr;
	if (totals[total] < 0)
		kernel_bug("less than nothing of total %u", total);
}

void ibback_count(struct ibback_dev *d, enum ibback_counter counter, u64 nr)
{
}

void ibback_refusals_init(struct ibback_dev *d)
{
}

void ibback_quotas_read(struct ibback_dev *d)
{
	might_sleep();
}

int ibback_guid_read(struct ibback_dev *d, const char *node, u64 *guid)
{
	*guid = 1;
	return 0;
}

int ibback_identity_read(struct ibback_dev *d)
{
	return kernel_fail("identity_read", -EINVAL);
}

void ibback_limits_set(struct ibback_dev *d)
{
	lockdep_assert_held(&d->lock);
}

void ibback_gids_forget(struct ibback_dev *d)
{
}

void ibback_aliases_claim(struct ibback_dev *d)
{
	lockdep_assert_held(&d->lock);
}

void ibback_aliases_release(struct ibback_dev *d, bool keep)
{
	assert_int_equal(nr_objects, 0);
}

int ibback_uars_read(struct ibback_dev *d)
{
	int err = kernel_fail("uars_read", -EINVAL);

	d->nr_uars = !err && xen_read(BE, VIBIF_FIELD_UAR_COUNT);
	return err;
}

int ibback_uars_reserve(struct ibback_dev *d)
{
	int err = kernel_fail("uars_reserve", -ENOSPC);

	assert_non_null(d->hca);
	if (err) {
		xenbus_dev_fatal(d->xbdev, err, "reserving");
		return err;
	}
	if (!xen_read(BE, VIBIF_FIELD_UAR_COUNT))
		xen_write(BE, VIBIF_FIELD_UAR_COUNT, "1");
	d->nr_uars = 1;
	has_uars = true;
	return 0;
}

int ibback_uars_retake(struct ibback_dev *d)
{
	int err = kernel_fail("uars_retake", -EBUSY);

	if (!err && !d->nr_uars)
		return ibback_uars_reserve(d);
	if (err)
		xenbus_dev_fatal(d->xbdev, err, "retaking");
	return err;
}

/* As long as the guest may have them mapped they are not given back. */
static void uars_go(struct ibback_dev *d)
{
	lockdep_assert_held(&d->lock);
	assert_int_equal(nr_objects, 0);
	assert_int_not_equal(d->state, XenbusStateConnected);
	d->nr_uars = 0;
	has_uars = false;
}

void ibback_uars_release(struct ibback_dev *d)
{
	assert_null(xen_read(BE, VIBIF_FIELD_UAR_COUNT));
	uars_go(d);
}

void ibback_uars_forget(struct ibback_dev *d)
{
	uars_go(d);
}

void ibback_uars_exit(void)
{
	assert_false(bound);
}

void ibback_hca_bind(struct ibback_dev *d)
{
	if (!hca_present) {
		xenbus_dev_fatal(d->xbdev, -ENODEV, "no HCA");
		return;
	}
	d->guid = hca.guid;
	d->hca = &hca;
}

void ibback_hca_unbind(struct ibback_dev *d)
{
	assert_null(d->lock.holder);
	d->hca = NULL;
}

int ibback_hca_init(void)
{
	int err = kernel_fail("hca_init", -ENOMEM);

	loaded = !err;
	return err;
}

void ibback_hca_exit(void)
{
	assert_true(loaded);
	loaded = false;
}

int ibback_hook_init(void)
{
	return 0;
}

void ibback_debugfs_init(void)
{
}

void ibback_debugfs_exit(void)
{
}

void ibback_debugfs_add(struct ibback_dev *d)
{
	assert_false(has_debugfs);
	has_debugfs = true;
}

void ibback_debugfs_remove(struct ibback_dev *d)
{
	has_debugfs = false;
}

void ibback_flows_alloc(struct ibback_dev *d)
{
	lockdep_assert_held(&d->lock);
	assert_false(has_flows);
	has_flows = true;
}

void ibback_flows_free(struct ibback_dev *d)
{
	lockdep_assert_held(&d->lock);
	assert_int_equal(nr_objects, 0);
	has_flows = false;
}

void ibback_cqs_moderate(struct ibback_dev *d, bool on)
{
	might_sleep();
	d->moderated = on;
}

static irqreturn_t mad_interrupt(int irq, void *arg)
{
	xen_irq_lateeoi(irq, XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

int ibback_gsi_connect(struct ibback_dev *d)
{
	int err;

	if (!xenbus_read_unsigned(d->xbdev->otherend,
				  VIBIF_FIELD_MAD_PAGE_ORDER, 0))
		return 0;
	err = ibback_channel_map(d, &mads, &mad_nodes);
	if (!err)
		err = ibback_channel_bind(d, &mads, mad_interrupt, "mads", d);
	if (err)
		ibback_gsi_disconnect(d);
	return err;
}

void ibback_gsi_disconnect(struct ibback_dev *d)
{
	ibback_channel_close(d, &mads, d);
}

/* Nobody executes anything, nor gets an event, and the event area is there. */
void ibback_objects_destroy_all(struct ibback_dev *d)
{
	lockdep_assert_held(&d->lock);
	assert_null(workqueue);
	assert_int_equal(nr_running, 0);
	assert_null(mads.area);
	if (nr_objects)
		assert_non_null(d->events.channel.area);
	if (nr_objects && fuzz_more())
		ibback_event(d, 1, 0);
	nr_objects = 0;
}

static bool is_shared(const void *p)
{
	const u8 *at = p;
	unsigned int i;

	for (i = 0; i < MAX_MAPS; i++)
		if (maps[i].nr && at >= maps[i].addr &&
		    at < maps[i].addr + maps[i].nr * PAGE_SIZE)
			return true;
	return false;
}

/*
 * Others go on, and this request stays what it is. An answer that is none has
 * nothing in it but the errno.
 */
int ibback_execute(struct ibback_dev *d, const struct vibif_req *req,
		   struct vibif_rsp *rsp)
{
	static const int errnos[] = { 0, 0, 0, -EINVAL, -ENOMEM, -4000, 5 };
	struct vibif_req first = *req;
	unsigned int how = fuzz_8();
	int err = errnos[how % ARRAY_SIZE(errnos)];

	might_sleep();
	assert_false(d->ring.stopped);
	assert_true(has_flows);
	assert_non_null(d->events.channel.area);
	assert_false(is_shared(req));
	nr_objects++;
	while (fuzz_more() && fuzz_below(2))
		ring_step();
	assert_memory_equal(req, &first, sizeof(first));
	assert_int_equal(rsp->id, first.id);
	assert_int_equal(rsp->operation, first.operation);
	memset(&rsp->op, how, sizeof(rsp->op));
	answer = *rsp;
	answer.status = err == -4000 || err > 0 ? -EIO : err;
	if (err)
		memset(&answer.op, 0, sizeof(answer.op));
	nr_executed++;
	return err;
}

/* The frontend */

static const char *const fe_nodes[] = {
	VIBIF_FIELD_VERSION, VIBIF_FIELD_RING_PAGE_ORDER,
	VIBIF_FIELD_RING_REF "0", VIBIF_FIELD_RING_REF "1",
	VIBIF_FIELD_RING_REF "15", VIBIF_FIELD_RING_EVTCHN,
	VIBIF_FIELD_EVENT_PAGE_ORDER, VIBIF_FIELD_EVENT_REF "0",
	VIBIF_FIELD_EVENT_REF "1", VIBIF_FIELD_EVENT_EVTCHN,
	VIBIF_FIELD_MAD_PAGE_ORDER, VIBIF_FIELD_MAD_REF "0",
	VIBIF_FIELD_MAD_EVTCHN, VIBIF_FIELD_STATE,
};

static void write_number(const char *node, unsigned int value)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", value);
	xen_write(FE, node, text);
}

static void write_state(enum xenbus_state state)
{
	write_number(VIBIF_FIELD_STATE, state);
}

static void write_channel(const char *order_node, unsigned int order,
			  const char *prefix, unsigned int ref,
			  const char *evtchn_node, unsigned int evtchn)
{
	unsigned int i;
	char node[32];

	write_number(order_node, order);
	write_number(evtchn_node, evtchn);
	for (i = 0; i < 1U << order; i++) {
		snprintf(node, sizeof(node), "%s%u", prefix, i);
		write_number(node, ref + i);
		granted[(ref + i) % NR_PAGES] = true;
	}
}

/* All the nodes that a sane one writes, and new pages */
static void announce(unsigned int ring_order)
{
	memset(memory, 0, NR_PAGES * PAGE_SIZE);
	write_number(VIBIF_FIELD_VERSION, VIBIF_PROTOCOL_VERSION_INT);
	write_channel(VIBIF_FIELD_RING_PAGE_ORDER, ring_order,
		      VIBIF_FIELD_RING_REF, 0, VIBIF_FIELD_RING_EVTCHN, 0);
	write_channel(VIBIF_FIELD_EVENT_PAGE_ORDER, 1, VIBIF_FIELD_EVENT_REF,
		      16, VIBIF_FIELD_EVENT_EVTCHN, 1);
	write_channel(VIBIF_FIELD_MAD_PAGE_ORDER, 1, VIBIF_FIELD_MAD_REF, 20,
		      VIBIF_FIELD_MAD_EVTCHN, 2);
}

/* One node becomes something else. */
static void rewrite(void)
{
	static const char *const values[] = {
		"", "x", "-1", "4294967295", "4294967296", "99999999999999999",
		"0x1", " 1", "1 2", "%s%n",
	};
	const char *node = fe_nodes[fuzz_below(ARRAY_SIZE(fe_nodes))];
	unsigned int how = fuzz_8();
	char path[64];

	if (how >= 0xf0) {
		xen_write(FE, node, values[how % ARRAY_SIZE(values)]);
	} else if (how >= 0xe0) {
		snprintf(path, sizeof(path), FE "/%s", node);
		xen_rm(path);
	} else {
		write_number(node, how % (NR_PAGES + 2));
	}
}

static void regrant(void)
{
	unsigned int i = fuzz_below(NR_PAGES);

	granted[i] = !granted[i];
}

/* Another processor of the guest's does something in the middle of things. */
static void race(void)
{
	unsigned int what;

	if (!racing || !fuzz_more())
		return;
	what = fuzz_8();
	if (what < 0x20)
		rewrite();
	else if (what < 0x30)
		regrant();
	else if (what < 0x40)
		fuzz_alter(memory, NR_PAGES * PAGE_SIZE);
}

static struct vibif_sring *sring(void)
{
	return (struct vibif_sring *)memory;
}

static void put_request(unsigned int nr)
{
	const unsigned int size = __CONST_RING_SIZE(vibif, PAGE_SIZE);
	unsigned int i = sring()->req_prod % size;
	struct vibif_req req = { .id = nr, .operation = fuzz_8() };

	memcpy(&sring()->ring[i], &req, sizeof(req));
	sring()->req_prod++;
}

/* What can happen while a request is executed */
static void ring_step(void)
{
	unsigned int what;

	if (++steps > MAX_STEPS)
		return;
	what = fuzz_8();
	switch (what >> 4) {
	case 0 ... 4:
		put_request(what);
		break;
	case 5:
		sring()->req_prod += what & 0xf;
		break;
	case 6:
		sring()->req_prod = fuzz_32();
		break;
	case 7:
		fuzz_alter(memory, 4 * PAGE_SIZE);
		break;
	case 8 ... 10:
		interrupt(what % NR_CHANNELS);
		break;
	case 11:
		now += 1ULL << what % 16 * 3;
		if (dev() && dev()->events.channel.area && nr_objects)
			ibback_event(dev(), what % 4 + 1, what % 32);
		break;
	default:
		if (workqueue)
			run_work(what % 4);
	}
}

/* The toolstack, and the HCA */

static void attach(void)
{
	if (bound)
		return;
	if (!xen_read(BE, "state")) {
		xen_write(BE, "state", "1");
		xen_write(BE, VIBIF_FIELD_ONLINE, "1");
		write_state(XenbusStateInitialising);
	}
	probe();
}

static void toolstack(unsigned int what)
{
	switch (what % 8) {
	case 0:
		attach();
		break;
	case 1:
		xen_write(BE, VIBIF_FIELD_ONLINE, "0");
		break;
	case 2:
		xen_write(BE, VIBIF_FIELD_ONLINE, "1");
		break;
	case 3:
		xen_rm(BE);
		break;
	case 4:
		/* The module is reloaded. */
		unbind();
		break;
	case 5:
		xen_rm(FE);
		if (fuzz_8() & 1)
			xen_rm(DOMAINS "/" DOMID);
		break;
	case 6:
		xen_write(BE, VIBIF_FIELD_QUOTA(mrs), "5");
		break;
	default:
		xen_write(BE, VIBIF_FIELD_UAR_GFN_BASE, "77");
	}
}

static void hca_goes(void)
{
	hca_present = false;
	if (dev() && dev()->hca)
		ibback_dev_hca_gone(dev());
}

static void hca_comes(void)
{
	hca_present = true;
	if (dev() && !dev()->hca)
		ibback_dev_hca_back(dev(), &hca);
}

/* In no state is anything held that belongs to another. */
static void check(void)
{
	kernel_check_idle();
	if (nr_maps() && (!dev() || dev()->state == XenbusStateClosed ||
			  dev()->state == XenbusStateInitWait ||
			  dev()->state == XenbusStateInitialising))
		kernel_bug("%u mappings in state %u", nr_maps(),
			   dev() ? dev()->state : 0);
	if (nr_maps())
		return;
	assert_int_equal(nr_irqs(), 0);
	assert_int_equal(nr_objects, 0);
	assert_null(workqueue);
	assert_false(has_flows);
	assert_int_equal(totals[IBBACK_TOTAL_GRANTS], 0);
	if (dev())
		assert_null(dev()->ring.requests);
}

/* Its responses never overtake the requests that they answer. */
static void check_ring(void)
{
	const struct vibif_back_ring *back;

	if (!dev() || !dev()->ring.requests)
		return;
	back = &dev()->ring.back;
	if (back->req_cons - back->rsp_prod_pvt > RING_SIZE(back))
		kernel_bug("%u requests in a ring of %u",
			   back->req_cons - back->rsp_prod_pvt,
			   RING_SIZE(back));
	if (list_empty(&queued) && !dev()->ring.stopped)
		assert_int_equal(back->req_cons, back->rsp_prod_pvt);
}

static void step(void)
{
	unsigned int what = fuzz_8();

	steps++;
	switch (what >> 4) {
	case 0 ... 3:
		ring_step();
		break;
	case 4:
		write_state(what % 10);
		break;
	case 5:
		announce(what % 3);
		break;
	case 6:
		announce(what % 6);
		write_state(XenbusStateInitialised);
		run_xenwatch();
		kernel_run_work();
		break;
	case 7:
		rewrite();
		break;
	case 8 ... 9:
		run_xenwatch();
		break;
	case 10:
		kernel_run_work();
		break;
	case 11:
		regrant();
		break;
	case 12:
		toolstack(what);
		break;
	case 13:
		if (what & 1)
			hca_goes();
		else
			hca_comes();
		break;
	case 14:
		fail_at(1 + fuzz_below(16));
		break;
	default:
		racing = what & 1;
	}
	check();
	check_ring();
}

static void settle(void)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		while (nr_changes ||
		       (bound && (other_end_changed || is_lost())))
			run_xenwatch();
		while (workqueue && run_work(0))
			;
		kernel_run_work();
		check();
		check_ring();
		lost = false;
	}
}

/*
 * Whatever was before: a guest's new kernel can use the device, if it has one,
 * and its requests are answered.
 */
static void be_sane(void)
{
	unsigned int i;

	fail_at(0);
	racing = false;
	memset(granted, true, sizeof(granted));
	hca_comes();
	settle();
	unbind();
	xen_rm(BE);
	xen_rm(FE);
	xen_write(DOMAINS, DOMID, "");
	attach();
	settle();
	assert_int_equal(dev()->state, XenbusStateInitWait);
	announce(0);
	write_state(XenbusStateInitialised);
	settle();
	assert_int_equal(dev()->state, XenbusStateConnected);
	for (i = 0; i < 40; i++) {
		put_request(i);
		interrupt(0);
		settle();
		assert_int_equal(sring()->rsp_prod, i + 1);
	}
	assert_int_equal(nr_objects, 40);
	write_state(XenbusStateClosing);
	settle();
	assert_int_equal(dev()->state, XenbusStateClosing);
	write_state(XenbusStateClosed);
	settle();
	assert_int_equal(dev()->state, XenbusStateClosed);
}

static void setup(void)
{
	kernel_reset();
	xen_reset();
	xen_before_read = race;
	xen_changed = changed;
	xen_on_fatal = fatal;
	if (memory_fd < 0) {
		memory_fd = fileno(tmpfile());
		if (ftruncate(memory_fd, NR_PAGES * PAGE_SIZE))
			kernel_bug("ftruncate: %m");
		memory = mmap(NULL, NR_PAGES * PAGE_SIZE,
			      PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	}
	memset(memory, 0, NR_PAGES * PAGE_SIZE);
	memset(granted, 0, sizeof(granted));
	hca.guid = 1;
	hca_present = true;
	racing = false;
	steps = 0;
	/* Linux has run for a while: 0 may stand for never */
	now = 1;
	jiffies = 0;
	xen_write(DOMAINS, DOMID, "");
}

void fuzz_run(void)
{
	setup();
	assert_int_equal(bus_load(), 0);
	attach();
	while (steps < MAX_STEPS && fuzz_more())
		step();
	be_sane();
	bus_unload();
	assert_false(bound);
	assert_false(loaded);
	assert_false(has_debugfs);
	assert_false(has_uars);
	assert_null(watch);
	check();
	assert_int_equal(totals[IBBACK_TOTAL_DEVICES], 0);
	assert_int_equal(kernel_books.slabs, 0);
	assert_int_equal(kernel_books.vmallocs, 0);
	assert_int_equal(kernel_books.works, 0);
}
