/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What addrs.c uses of the kernel's network interfaces, and of the rest of the
 * frontend, besides the backend's stand-in for Linux.
 */
#ifndef NETDEV_H
#define NETDEV_H

#include "linux.h"
#include <xen/interface/io/vibif.h>

/* An interface has one list of addresses of each kind, or none. */

struct in_ifaddr {
	struct in_ifaddr *ifa_next;
	u32 ifa_local;
};

struct in_device {
	struct in_ifaddr *ifa_list;
};

struct inet6_ifaddr {
	struct list_head if_list;
	struct in6_addr addr;
};

struct inet6_dev {
	spinlock_t lock;
	struct list_head addr_list;
};

struct net_device {
	struct net_device *next;
	struct device dev;
	u16 dev_port;
	struct in_device *in_dev;
	struct inet6_dev *in6_dev;
};

extern struct net_device *netdevs;
extern unsigned int rtnl_held;

#define rtnl_lock()		(rtnl_held++)
#define rtnl_unlock()		(rtnl_held--)
#define read_lock_bh(lock)	spin_lock(lock)
#define read_unlock_bh(lock)	spin_unlock(lock)
#define for_each_netdev(net, d)						\
	for (d = rtnl_held ? netdevs : NULL; d; d = d->next)
#define __in_dev_get_rtnl(d)	((d)->in_dev)
#define __in6_dev_get(d)	((d)->in6_dev)
#define in_dev_for_each_ifa_rtnl(ifa, in_dev)				\
	for (ifa = (in_dev)->ifa_list; ifa; ifa = ifa->ifa_next)

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long event,
			     void *data);
};

#define NOTIFY_DONE		0

int register_inetaddr_notifier(struct notifier_block *nb);
int unregister_inetaddr_notifier(struct notifier_block *nb);
int register_inet6addr_notifier(struct notifier_block *nb);
int unregister_inet6addr_notifier(struct notifier_block *nb);
bool schedule_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);

/* The frontend's */

struct xenbus_device {
	struct device dev;
	const char *otherend;
};

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value);

struct ibfront_addrs {
	bool started;
	struct notifier_block v4;
	struct notifier_block v6;
	struct work_struct work;
	struct vibif_set_addrs_req told[VIBIF_MAX_PORTS];
};

struct ibfront_dev {
	struct {
		u32 phys_port_cnt;
	} ibdev;
	struct xenbus_device *xbdev;
	struct ibfront_addrs addrs;
};

int ibfront_exec(struct ibfront_dev *dev, struct vibif_req *req,
		 struct vibif_rsp *rsp);
void ibfront_addrs_start(struct ibfront_dev *dev);
void ibfront_addrs_stop(struct ibfront_dev *dev);

#endif /* NETDEV_H */
