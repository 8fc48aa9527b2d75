/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What xenbus.c, channel.c and events.c use of the kernel that no objects do,
 * besides what ring.c uses: a module, xenbus itself, pages of a guest that are
 * mapped here, and event channels.
 */
#ifndef BUS_KERNEL_H
#define BUS_KERNEL_H

#include "ring_kernel.h"

#define trace_vib_state(...)		((void)0)
#define trace_vib_otherend_state(...)	((void)0)
#define trace_vib_event(...)		((void)0)

/* linux/module.h, linux/moduleparam.h */

#define MODULE_ALIAS(name)	extern int module_alias
#define MODULE_DESCRIPTION(text)	extern int module_description
#define MODULE_LICENSE(text)	extern int module_license
#define MODULE_VERSION(text)	extern int module_version
#define MODULE_PARM_DESC(name, text)	extern int module_parm_desc
#define module_init(fn)		int (*const bus_load)(void) = fn
#define module_exit(fn)		void (*const bus_unload)(void) = fn
#define __exit

extern int (*const bus_load)(void);
extern void (*const bus_unload)(void);

struct kernel_param;

struct kernel_param_ops {
	int (*set)(const char *value, const struct kernel_param *param);
	int (*get)(char *buf, const struct kernel_param *param);
};

#define module_param_cb(name, param_ops, arg, perm)			\
	const struct kernel_param_ops *const bus_param_##name = param_ops
#define param_set_uint_minmax(value, param, lo, hi)	(-EOPNOTSUPP)
#define param_get_uint		NULL

/* Others of Linux */

#define NSEC_PER_SEC		1000000000L
#define USEC_PER_SEC		1000000L
#define time_after(a, b)	time_before(b, a)
#define strstarts(s, prefix)	(!strncmp(s, prefix, strlen(prefix)))
#define xchg(p, value)		__atomic_exchange_n(p, value, __ATOMIC_SEQ_CST)

u64 local_clock(void);
bool sync_test_and_set_bit(unsigned long nr, unsigned long *addr);
void sync_clear_bit(unsigned long nr, unsigned long *addr);
char *kstrndup(const char *s, size_t max, gfp_t flags);

struct device_driver {
	const struct attribute_group **groups;
	const struct attribute_group **dev_groups;
};

#include "xen.h"

#define xen_domain()		true

struct xenbus_device_id {
	char devicetype[8];
};

struct xenbus_driver {
	const struct xenbus_device_id *ids;
	bool allow_rebind;
	int (*probe)(struct xenbus_device *dev,
		     const struct xenbus_device_id *id);
	void (*remove)(struct xenbus_device *dev);
	void (*otherend_changed)(struct xenbus_device *dev,
				 enum xenbus_state state);
	struct device_driver driver;
};

int __xenbus_register_backend(struct xenbus_driver *drv, void *owner,
			      const char *name);
void xenbus_unregister_driver(struct xenbus_driver *drv);
int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state state);
void xenbus_rm(struct xenbus_transaction t, const char *dir, const char *node);
char **xenbus_directory(struct xenbus_transaction t, const char *dir,
			const char *node, unsigned int *nr);
int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 void *will_handle,
			 void (*callback)(struct xenbus_watch *watch,
					  const char *path, const char *token),
			 const char *fmt, ...);
void unregister_xenbus_watch(struct xenbus_watch *watch);

int xenbus_map_ring_valloc(struct xenbus_device *dev, grant_ref_t *gref,
			   unsigned int nr, void **addr);
void xenbus_unmap_ring_vfree(struct xenbus_device *dev, void *addr);
int bind_interdomain_evtchn_to_irqhandler_lateeoi(struct xenbus_device *dev,
						  unsigned int evtchn,
						  irq_handler_t handler,
						  unsigned long flags,
						  const char *name, void *arg);
void unbind_from_irqhandler(unsigned int irq, void *arg);

#endif /* BUS_KERNEL_H */
