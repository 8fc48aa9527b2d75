/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What xenbus.c uses of Xen, of power management and of the rest of the
 * frontend, besides the backend's stand-in for Linux.
 */
#ifndef BUS_H
#define BUS_H

#include "linux.h"

#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(7, 2, 0)

#define MODULE_ALIAS(name)	extern int module_alias
#define MODULE_DESCRIPTION(text)	extern int module_description
#define MODULE_LICENSE(text)	extern int module_license
#define MODULE_VERSION(text)	extern int module_version
#define KBUILD_MODNAME		"xen_ibfront"
#define module_init(fn)		int (*const bus_load)(void) = fn
#define module_exit(fn)		void (*const bus_unload)(void) = fn

/* The module's */
extern int (*const bus_load)(void);
extern void (*const bus_unload)(void);

struct va_format {
	const char *fmt;
	va_list *va;
};

#define strim(s)		((s) + strspn(s, " "))
#define ibdev_info(dev, ...)	dev_info(dev, __VA_ARGS__)
#define mutex_trylock(m)	((m)->holder ? false : (mutex_lock(m), true))

bool schedule_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);

/* Others go on meanwhile, maybe with what is waited for. */
void bus_run_work(void);
void bus_run_backend(void);

#define msleep(ms)		(might_sleep(), bus_run_backend())
#define reinit_completion(c)	init_completion(c)
#define wait_for_completion_timeout(c, timeout)				\
	(might_sleep(), bus_run_work(), (c)->done)

/* xen/xenbus.h, xen/xen.h */

enum xenbus_state {
	XenbusStateUnknown, XenbusStateInitialising, XenbusStateInitWait,
	XenbusStateInitialised, XenbusStateConnected, XenbusStateClosing,
	XenbusStateClosed, XenbusStateReconfiguring, XenbusStateReconfigured,
};

struct xenbus_transaction {
	u32 id;
};

#define XBT_NIL			((struct xenbus_transaction) { 0 })

struct xenbus_watch {
	const char *node;
	void (*callback)(struct xenbus_watch *watch, const char *path,
			 const char *token);
};

struct xenbus_device {
	struct device dev;
	const char *nodename;
	const char *otherend;
	int otherend_id;
	enum xenbus_state state;
	struct xenbus_watch otherend_watch;
	struct completion down;
};

struct xenbus_device_id {
	char devicetype[8];
};

struct dev_pm_ops {
	int (*prepare)(struct device *dev);
	void (*complete)(struct device *dev);
};

struct device_driver {
	const struct dev_pm_ops *pm;
};

struct xenbus_driver {
	const struct xenbus_device_id *ids;
	bool not_essential;
	int (*probe)(struct xenbus_device *dev,
		     const struct xenbus_device_id *id);
	void (*remove)(struct xenbus_device *dev);
	void (*otherend_changed)(struct xenbus_device *dev,
				 enum xenbus_state state);
	struct device_driver driver;
};

#define to_xenbus_device(d)	container_of(d, struct xenbus_device, dev)
#define xen_domain()		true

int __xenbus_register_frontend(struct xenbus_driver *drv, void *owner,
			       const char *name);
void xenbus_unregister_driver(struct xenbus_driver *drv);
int device_reprobe(struct device *dev);
void device_unregister(struct device *dev);

void *xenbus_read(struct xenbus_transaction t, const char *dir,
		  const char *node, unsigned int *len);
unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int otherwise);
int xenbus_write(struct xenbus_transaction t, const char *dir,
		 const char *node, const char *value);
int xenbus_exists(struct xenbus_transaction t, const char *dir,
		  const char *node);
int xenbus_transaction_start(struct xenbus_transaction *t);
int xenbus_transaction_end(struct xenbus_transaction t, int abort);
int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state state);
int xenbus_frontend_closed(struct xenbus_device *dev);
void __printf(3, 4) xenbus_dev_fatal(struct xenbus_device *dev, int err,
				     const char *fmt, ...);
int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 void *will_handle,
			 void (*callback)(struct xenbus_watch *watch,
					  const char *path, const char *token),
			 const char *fmt, ...);
void unregister_xenbus_watch(struct xenbus_watch *watch);

#include <xen/interface/io/vibif.h>
#include "compat.h"

/* The frontend's, as in ibfront.h */

#define VIB_TRACE_H
#define trace_vib_state(...)		((void)0)
#define trace_vib_otherend_state(...)	((void)0)

#define IBFRONT_RING_PAGE_ORDER		1
#define IBFRONT_EVENT_PAGE_ORDER	3
#define IBFRONT_CLOSE_TIMEOUT_MS	10000

struct ibfront_channel {
	void *area;
};

/* What is open */
enum bus_part { BUS_RING, BUS_EVENTS, BUS_GSI, BUS_DEBUGFS, BUS_PARTS };

struct ibfront_dev {
	struct ib_device {
		int nothing;
	} ibdev;
	struct xenbus_device *xbdev;
	struct {
		struct ibfront_channel channel;
	} ring, events, gsi;
	struct work_struct *fail_work;
	bool dead;
	bool registered;
	bool open[BUS_PARTS];
};

void ibfront_fail(struct ibfront_dev *dev, const char *fmt, ...);
struct ibfront_dev *ibfront_dev_alloc(struct xenbus_device *xbdev);
void ib_dealloc_device(struct ib_device *ibdev);
int ibfront_dev_register(struct ibfront_dev *dev);
void ibfront_dev_unregister(struct ibfront_dev *dev);
bool ibfront_ring_kill(struct ibfront_dev *dev);
int ibfront_channel_publish(struct ibfront_dev *dev,
			    struct ibfront_channel *channel,
			    struct xenbus_transaction xbt, const char *order,
			    const char *ref, const char *evtchn);
void ibfront_mem_empty_limbo(struct ibfront_dev *dev);

int bus_open(struct ibfront_dev *dev, enum bus_part part);
void bus_close(struct ibfront_dev *dev, enum bus_part part);

#define ibfront_ring_dead(d)		((d)->dead)
#define ibfront_ring_init(d, order)	bus_open(d, BUS_RING)
#define ibfront_ring_fini(d)		bus_close(d, BUS_RING)
#define ibfront_events_init(d, order)	bus_open(d, BUS_EVENTS)
#define ibfront_events_fini(d)		bus_close(d, BUS_EVENTS)
#define ibfront_gsi_init(d)		bus_open(d, BUS_GSI)
#define ibfront_gsi_fini(d)		bus_close(d, BUS_GSI)
#define ibfront_debugfs_add(d)		((void)bus_open(d, BUS_DEBUGFS))
#define ibfront_debugfs_remove(d)	bus_close(d, BUS_DEBUGFS)
#define ibfront_kernel_fini(d)		((void)(d))
#define ibfront_arena_stop(d)		((void)(d))
#define ibfront_arena_fini(d)		((void)(d))
#define ibfront_fastreg_start()		kernel_fail("fastreg", -ENOMEM)
#define ibfront_fastreg_stop()		((void)0)
#define ibfront_debugfs_init()		((void)0)
#define ibfront_debugfs_exit()		((void)0)

#endif /* BUS_H */
