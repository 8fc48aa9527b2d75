// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IP addresses of the device's network interfaces, which the backend wants
 * to know: some requests for a connection name no other address.
 */

#include <linux/inetdevice.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>

#include "ibfront.h"

static void ibfront_addrs_add(struct vibif_set_addrs_req *args,
			      const struct in6_addr *addr)
{
	/* What is in excess cannot be called. */
	if (args->count < VIBIF_MAX_ADDRS)
		memcpy(args->addr[args->count++], addr, sizeof(*addr));
}

static void ibfront_addrs_add_v4(struct vibif_set_addrs_req *args,
				 struct net_device *netdev)
{
	struct in_device *in_dev = __in_dev_get_rtnl(netdev);
	const struct in_ifaddr *ifa;
	struct in6_addr addr;

	if (!in_dev)
		return;
	in_dev_for_each_ifa_rtnl(ifa, in_dev) {
		ipv6_addr_set_v4mapped(ifa->ifa_local, &addr);
		ibfront_addrs_add(args, &addr);
	}
}

static void ibfront_addrs_add_v6(struct vibif_set_addrs_req *args,
				 struct net_device *netdev)
{
	struct inet6_dev *in6_dev = __in6_dev_get(netdev);
	const struct inet6_ifaddr *ifa;

	if (!in6_dev)
		return;
	read_lock_bh(&in6_dev->lock);
	list_for_each_entry(ifa, &in6_dev->addr_list, if_list)
		ibfront_addrs_add(args, &ifa->addr);
	read_unlock_bh(&in6_dev->lock);
}

/* Interfaces have the parent of the RDMA device that they are made of. */
static void ibfront_addrs_collect(struct ibfront_dev *dev,
				  struct vibif_set_addrs_req *args)
{
	struct net_device *netdev;

	rtnl_lock();
	for_each_netdev(&init_net, netdev) {
		if (netdev->dev.parent != &dev->xbdev->dev ||
		    netdev->dev_port != args->port - 1)
			continue;
		ibfront_addrs_add_v4(args, netdev);
		ibfront_addrs_add_v6(args, netdev);
	}
	rtnl_unlock();
}

static void ibfront_addrs_work(struct work_struct *work)
{
	struct ibfront_addrs *addrs = container_of(work, struct ibfront_addrs,
						   work);
	struct ibfront_dev *dev = container_of(addrs, struct ibfront_dev,
					       addrs);
	struct vibif_set_addrs_req *args;
	struct vibif_rsp rsp;
	u32 port;

	for (port = 1; port <= dev->ibdev.phys_port_cnt; port++) {
		struct vibif_req req = {
			.operation = VIBIF_OP_SET_ADDRS,
			.op.set_addrs.port = port,
		};

		args = &req.op.set_addrs;
		ibfront_addrs_collect(dev, args);
		if (memcmp(args, &addrs->told[port - 1], sizeof(*args)) &&
		    !ibfront_exec(dev, &req, &rsp))
			addrs->told[port - 1] = *args;
	}
}

/* Both may be called where nothing may sleep. */
static int ibfront_addrs_changed(struct notifier_block *nb, unsigned long event,
				 void *ifa)
{
	struct ibfront_addrs *addrs = container_of(nb, struct ibfront_addrs,
						   v4);

	schedule_work(&addrs->work);
	return NOTIFY_DONE;
}

static int ibfront_addrs6_changed(struct notifier_block *nb,
				  unsigned long event, void *ifa)
{
	struct ibfront_addrs *addrs = container_of(nb, struct ibfront_addrs,
						   v6);

	schedule_work(&addrs->work);
	return NOTIFY_DONE;
}

/**
 * ibfront_addrs_start() - tell the backend about addresses, if it wants to know
 * @dev: device, connected
 */
void ibfront_addrs_start(struct ibfront_dev *dev)
{
	struct ibfront_addrs *addrs = &dev->addrs;

	if (!xenbus_read_unsigned(dev->xbdev->otherend,
				  VIBIF_FIELD_FEATURE_ADDRS, 0))
		return;
	INIT_WORK(&addrs->work, ibfront_addrs_work);
	addrs->v4.notifier_call = ibfront_addrs_changed;
	addrs->v6.notifier_call = ibfront_addrs6_changed;
	register_inetaddr_notifier(&addrs->v4);
	register_inet6addr_notifier(&addrs->v6);
	addrs->started = true;
	/* There may be interfaces already */
	schedule_work(&addrs->work);
}

/**
 * ibfront_addrs_stop() - undo ibfront_addrs_start(), if it has been called
 * @dev: device
 */
void ibfront_addrs_stop(struct ibfront_dev *dev)
{
	struct ibfront_addrs *addrs = &dev->addrs;

	if (!addrs->started)
		return;
	addrs->started = false;
	unregister_inet6addr_notifier(&addrs->v6);
	unregister_inetaddr_notifier(&addrs->v4);
	cancel_work_sync(&addrs->work);
}
