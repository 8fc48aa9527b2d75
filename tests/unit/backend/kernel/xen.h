/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the backend uses of Xen: grants, domains, xenstore.
 *
 * Every <xen/...> and <asm/xen/...> that the backend names is this file.
 */
#ifndef KERNEL_XEN_H
#define KERNEL_XEN_H

#include "linux.h"

typedef u16 domid_t;
typedef u32 grant_ref_t;
typedef u32 grant_handle_t;

#define DOMID_SELF		0x7ff0U
#define XEN_PAGE_SIZE		PAGE_SIZE

/* xen/grant_table.h */

#define GNTMAP_device_map	1U
#define GNTMAP_readonly		4U
#define GNTCOPY_source_gref	1U
#define GNTCOPY_dest_gref	2U
#define GNTST_okay		0
#define GNTST_general_error	(-1)
#define GNTST_bad_gntref	(-3)
#define GNTST_bad_handle	(-4)
#define GNTST_no_device_space	(-7)
#define GNTTABOP_unmap_grant_ref	1

struct gnttab_map_grant_ref {
	u64 host_addr;
	u32 flags;
	grant_ref_t ref;
	domid_t dom;
	s16 status;
	grant_handle_t handle;
	u64 dev_bus_addr;
};

struct gnttab_unmap_grant_ref {
	u64 host_addr;
	u64 dev_bus_addr;
	grant_handle_t handle;
	s16 status;
};

struct gnttab_copy {
	struct gnttab_copy_ptr {
		union {
			grant_ref_t ref;
			unsigned long gmfn;
		} u;
		domid_t domid;
		u16 offset;
	} source, dest;
	u16 len;
	u16 flags;
	s16 status;
};

#define virt_to_gfn(p)		((unsigned long)(p) >> PAGE_SHIFT)
#define xen_offset_in_page(p)	((unsigned long)(p) & (PAGE_SIZE - 1))

void gnttab_batch_map(struct gnttab_map_grant_ref *ops, unsigned int nr);
void gnttab_batch_copy(struct gnttab_copy *ops, unsigned int nr);
int HYPERVISOR_grant_table_op(unsigned int cmd, void *ops, unsigned int nr);

/* xen/events.h: nothing of their binding */

#define XEN_EOI_FLAG_SPURIOUS	1U

void disable_irq(int irq);
void notify_remote_via_irq(int irq);
void xen_irq_lateeoi(int irq, unsigned int flags);

/* xen/interface/memory.h */

#define XENMEM_current_reservation	3

long HYPERVISOR_memory_op(unsigned int cmd, void *arg);

/* xen/xenbus.h, xen/xen.h */

enum xenbus_state {
	XenbusStateUnknown,
	XenbusStateInitialising,
	XenbusStateInitWait,
	XenbusStateInitialised,
	XenbusStateConnected,
	XenbusStateClosing,
	XenbusStateClosed,
};

struct xenbus_transaction {
	u32 id;
};

#define XBT_NIL			((struct xenbus_transaction) { 0 })

struct xenbus_watch {
	const char *node;
};

struct xenbus_device {
	const char *nodename;
	const char *otherend;
	int otherend_id;
	struct device dev;
};

/* Besides what is standard it knows %pI6. */
int xenbus_printf(struct xenbus_transaction t, const char *dir,
		  const char *node, const char *fmt, ...);
int xenbus_transaction_start(struct xenbus_transaction *t);
int xenbus_transaction_end(struct xenbus_transaction t, int abort);
int xenbus_scanf(struct xenbus_transaction t, const char *dir,
		 const char *node, const char *fmt, ...);
int xenbus_exists(struct xenbus_transaction t, const char *dir,
		  const char *node);
/* To be freed, with kfree() */
void *xenbus_read(struct xenbus_transaction t, const char *dir,
		  const char *node, unsigned int *len);
unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int otherwise);
void __printf(3, 4) xenbus_dev_error(struct xenbus_device *dev, int err,
				     const char *fmt, ...);
void __printf(3, 4) xenbus_dev_fatal(struct xenbus_device *dev, int err,
				     const char *fmt, ...);

/* xen/interface/io/ring.h: nothing of the ring itself, but for ring.c */

#ifndef DEFINE_RING_TYPES
#define DEFINE_RING_TYPES(name, req_t, rsp_t)				\
	struct name##_back_ring { unsigned int nr_ents; }
#endif

/* What tests do */

#define XEN_DOMAINS		16

/* No grants, an empty store; all domains live. */
void xen_reset(void);

/*
 * The guest grants a page; with @page NULL one of zeros, whatever is written
 * there. Return: the reference.
 */
grant_ref_t xen_grant(void *page, bool writable);
void *xen_page(grant_ref_t ref);
/* Where the HCA sees it */
u64 xen_bus_addr(grant_ref_t ref);
/* How many grants are mapped */
long xen_nr_mapped(void);
/* Forget all mappings. */
void xen_unmap_all(void);
/* Whether a page is mapped, and for writing if @writable; how often it is. */
bool xen_is_mapped(u64 bus_addr, bool writable);
unsigned int xen_times_mapped(u64 bus_addr);
/* There are no maptrack entries: nothing can be mapped. */
extern bool xen_no_maptrack;
/* Called before a page is unmapped. */
extern void (*xen_before_unmap)(u64 bus_addr);
/* Called before a guest's page is copied, NULL if it is one of zeros. */
extern void (*xen_before_copy)(void *page);
/* A domain, and all that it had mapped, is gone. */
void xen_domain_gone(domid_t domid);

/*
 * A node of the store, NULL: none; removing all of them, or one and all below;
 * writing one
 */
const char *xen_read(const char *dir, const char *node);
void xen_rm_nodes(void);
void xen_rm(const char *path);
void xen_write(const char *dir, const char *node, const char *value);
/* Called before a node is read, and when one has changed, or is removed */
extern void (*xen_before_read)(void);
extern void (*xen_changed)(const char *path);
/*
 * The last error of xenbus_dev_error() or xenbus_dev_fatal(), 0: none; that of
 * the last xenbus_dev_fatal(), which changes the state in the store, too: what
 * is called does that.
 */
int xen_error(void);
int xen_fatal(void);
extern void (*xen_on_fatal)(void);

#endif /* KERNEL_XEN_H */
