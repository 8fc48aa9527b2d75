// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests' connections: messages of the communication manager between the MAD
 * area (gsi.c) and the fabric (gsi_hook.c), by way of what tells whose they are
 * (cm.c).
 */

#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <rdma/ib_cache.h>

#include "gsi_hook.h"
#include "ibback.h"

/* Connections of a guest, those included that are ending */
#define MAX_CM_IDS		4096

static struct ibback_dev *to_dev(struct ibback_cm_guest *guest)
{
	return container_of(guest, struct ibback_dev, cm);
}

static bool ibback_gsi_cm_owns_qp(struct ibback_cm_guest *guest, u32 qpn)
{
	return ibback_qp_is_of(to_dev(guest), qpn);
}

static bool ibback_gsi_cm_has_pkey(struct ibback_cm_guest *guest, u32 port,
				   u16 pkey)
{
	return ibback_has_pkey(to_dev(guest), port, pkey);
}

/* Of whatever interface: what is this domain's no guest can have. */
static bool ibback_gsi_cm_is_own_ip(const u8 *ip)
{
	struct in6_addr addr;

	memcpy(&addr, ip, sizeof(addr));
	if (ipv6_addr_v4mapped(&addr))
		return __ip_dev_find(&init_net, addr.s6_addr32[3], false);
	return IS_ENABLED(CONFIG_IPV6) &&
		ipv6_chk_addr(&init_net, &addr, NULL, 0);
}

/* Messages from the fabric, of which those of guests are taken */
static bool ibback_gsi_cm_take(void *arg, u32 port, const struct ib_wc *wc,
			       const struct ib_grh *grh,
			       const struct ib_mad *mad)
{
	struct ibback_hca *hca = arg;
	struct ibback_cm_way way = {
		.port = port,
		.lid = wc->slid,
		.now = ktime_get_ns(),
	};
	struct ibback_cm_guest *guest;
	u8 copy[sizeof(*mad)];
	int ret;

	if (port > hca->limits.num_ports)
		return false;
	memcpy(copy, mad, sizeof(copy));
	ret = ibback_cm_in(hca->cm, &way, copy, &guest);
	if (!ret)
		return false;
	if (ret > 0)
		ibback_gsi_receive(to_dev(guest), port, wc, grh, copy);
	else if (ret != -ENOENT)
		ibback_count(to_dev(guest), IBBACK_COUNT_MAD_DROPPED, 1);
	return true;
}

/**
 * ibback_gsi_cm_out() - make a guest's message of the CM one that may be sent
 * @dev: the guest's device
 * @m: the message, a private copy, checked but for the MAD in it; changed
 *
 * Return: 0 or an errno.
 */
int ibback_gsi_cm_out(struct ibback_dev *dev, struct vibif_mad *m)
{
	struct ibback_cm_way way = {
		.port = m->port,
		.lid = m->av.dlid,
		.now = ktime_get_ns(),
	};
	int err;

	/* Pairs with ibback_gsi_cm_open() */
	if (!smp_load_acquire(&dev->has_cm))
		return -EOPNOTSUPP;
	err = ibback_cm_out(dev->hca->cm, &dev->cm, &way, m->mad);
	if (err == -ENOSPC)
		ibback_refuse(dev, IBBACK_LIMIT_CONNECTIONS, dev->cm.max_ids);
	return err;
}

/**
 * ibback_gsi_cm_open() - let a guest have connections, if any guest can
 * @dev: the guest's device, whose MAD area is in use
 */
void ibback_gsi_cm_open(struct ibback_dev *dev)
{
	struct ibback_hca *hca = dev->hca;
	u32 port;

	if (ibback_hook_get(hca->hook))
		return;
	dev->cm.node_guid = dev->node_guid ?: hca->guid;
	dev->cm.max_ids = MAX_CM_IDS;
	dev->cm.owns_qp = ibback_gsi_cm_owns_qp;
	dev->cm.has_pkey = ibback_gsi_cm_has_pkey;
	ibback_cm_add_guest(hca->cm, &dev->cm);
	for (port = 1; port <= VIBIF_MAX_PORTS && dev->nr_ips; port++)
		ibback_cm_set_ips(hca->cm, &dev->cm, port, dev->ip[0],
				  dev->nr_ips, true);
	/* The guest may have sent something already */
	smp_store_release(&dev->has_cm, true);
}

/**
 * ibback_gsi_cm_close() - undo ibback_gsi_cm_open()
 * @dev: the guest's device, of which nothing is sent any more
 *
 * After this nothing of the CM comes for the guest.
 */
void ibback_gsi_cm_close(struct ibback_dev *dev)
{
	struct ibback_hca *hca = dev->hca;
	u32 port;

	if (!dev->has_cm)
		return;
	dev->has_cm = false;
	ibback_cm_del_guest(hca->cm, &dev->cm);
	for (port = 1; port <= VIBIF_MAX_PORTS; port++)
		ibback_cm_set_ips(hca->cm, &dev->cm, port, NULL, 0, false);
	/* Who has found the guest before delivers to it now */
	ibback_hook_sync();
	ibback_hook_put(hca->hook);
}

/* The guest says which addresses it has, unless the administrator has. */
int ibback_set_addrs(struct ibback_dev *dev, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_set_addrs_req *args = &req->op.set_addrs;
	int err = ibback_check_addrs(&dev->limits, args);

	if (!err && dev->has_cm && !dev->nr_ips)
		ibback_cm_set_ips(dev->hca->cm, &dev->cm, args->port,
				  args->addr[0], args->count, false);
	return err;
}

/**
 * ibback_gsi_cm_hca_open() - prepare an HCA for guests' connections
 * @hca: the HCA
 *
 * Return: 0 or -ENOMEM.
 */
int ibback_gsi_cm_hca_open(struct ibback_hca *hca)
{
	hca->cm = ibback_cm_create(ibback_gsi_cm_is_own_ip);
	if (!hca->cm)
		return -ENOMEM;
	hca->hook = ibback_hook_open(hca->ibdev, ibback_gsi_cm_take, hca);
	if (hca->hook)
		return 0;
	ibback_cm_destroy(hca->cm);
	return -ENOMEM;
}

/**
 * ibback_gsi_cm_hca_close() - undo ibback_gsi_cm_hca_open()
 * @hca: the HCA, which no device is on
 */
void ibback_gsi_cm_hca_close(struct ibback_hca *hca)
{
	ibback_hook_close(hca->hook);
	ibback_cm_destroy(hca->cm);
}

/**
 * ibback_gsi_cm_port_changed() - a port may have other LIDs, or another GID
 * @hca: the HCA
 * @port: the port
 * @attr: what it is like now
 */
void ibback_gsi_cm_port_changed(struct ibback_hca *hca, u32 port,
				const struct ib_port_attr *attr)
{
	union ib_gid gid;

	if (!rdma_query_gid(hca->ibdev, port, 0, &gid))
		ibback_cm_set_port(hca->cm, port, attr->lid, attr->lmc,
				   gid.raw);
}
