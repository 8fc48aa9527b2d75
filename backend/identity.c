// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who a guest is on the fabric: its node GUID, and the tables of its ports.
 *
 * A port has one GID, at index 0, and all other entries are empty: what else
 * the HCA's table has is the other guests'. The P_Keys are those that the
 * toolstack names, each at its place in that list while the HCA's table has it;
 * if it names none they are the HCA's. IP addresses matter to the connections
 * alone (gsi_cm.c).
 */

#include <linux/inet.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <rdma/ib_cache.h>

#include "ibback.h"

/**
 * ibback_guid_read() - read a node of the toolstack's that has a GUID
 * @dev: the guest's device
 * @node: its name
 * @guid: set to the GUID, or left alone if there is no such node
 *
 * Return: 0, also without the node, or -EINVAL after xenbus_dev_fatal().
 */
int ibback_guid_read(struct ibback_dev *dev, const char *node, u64 *guid)
{
	const char *dir = dev->xbdev->nodename;
	u16 part[4];

	if (!xenbus_exists(XBT_NIL, dir, node))
		return 0;
	if (xenbus_scanf(XBT_NIL, dir, node, "%hx:%hx:%hx:%hx", &part[0],
			 &part[1], &part[2], &part[3]) != 4) {
		xenbus_dev_fatal(dev->xbdev, -EINVAL, "reading %s", node);
		return -EINVAL;
	}
	*guid = (u64)part[0] << 48 | (u64)part[1] << 32 | (u64)part[2] << 16 |
		part[3];
	return 0;
}

static int ibback_pkeys_parse(struct ibback_port *port, const char *text)
{
	u16 pkey;
	int len;

	do {
		if (port->nr_pkeys == VIBIF_MAX_PKEYS ||
		    sscanf(text, "0x%4hx%n", &pkey, &len) != 1 ||
		    !(pkey & IBBACK_PARTITION))
			return -EINVAL;
		port->pkey[port->nr_pkeys++] = pkey;
		text += len;
	} while (*text++ == ',');
	return text[-1] ? -EINVAL : 0;
}

static int ibback_pkeys_read(struct ibback_dev *dev, u32 port)
{
	char node[32];
	char *text;
	int err;

	snprintf(node, sizeof(node), VIBIF_FIELD_PKEYS "%u", port);
	text = xenbus_read(XBT_NIL, dev->xbdev->nodename, node, NULL);
	if (IS_ERR(text)) {
		err = PTR_ERR(text);
		if (err == -ENOENT)
			return 0;
	} else {
		err = ibback_pkeys_parse(&dev->port[port], text);
		kfree(text);
	}
	if (err)
		xenbus_dev_fatal(dev->xbdev, err, "reading %s", node);
	return err;
}

static int ibback_ips_parse(struct ibback_dev *dev, const char *text)
{
	struct in6_addr addr;
	__be32 v4;

	do {
		if (dev->nr_ips == VIBIF_MAX_ADDRS)
			return -EINVAL;
		if (in4_pton(text, -1, (u8 *)&v4, ',', &text))
			ipv6_addr_set_v4mapped(v4, &addr);
		else if (!in6_pton(text, -1, addr.s6_addr, ',', &text))
			return -EINVAL;
		memcpy(dev->ip[dev->nr_ips++], &addr, sizeof(addr));
	} while (*text++ == ',');
	return text[-1] ? -EINVAL : 0;
}

static int ibback_ips_read(struct ibback_dev *dev)
{
	char *text;
	int err;

	text = xenbus_read(XBT_NIL, dev->xbdev->nodename, VIBIF_FIELD_IPS,
			   NULL);
	if (IS_ERR(text)) {
		err = PTR_ERR(text);
		if (err == -ENOENT)
			return 0;
	} else {
		err = ibback_ips_parse(dev, text);
		kfree(text);
	}
	if (err)
		xenbus_dev_fatal(dev->xbdev, err, "reading " VIBIF_FIELD_IPS);
	return err;
}

static int ibback_gid_read(struct ibback_dev *dev, u32 port)
{
	struct ibback_port *p = &dev->port[port];
	const char *dir = dev->xbdev->nodename;
	char node[32];

	snprintf(node, sizeof(node), VIBIF_FIELD_GID_INDEX "%u", port);
	p->alias_index = xenbus_read_unsigned(dir, node, 0);
	snprintf(node, sizeof(node), VIBIF_FIELD_GUID "%u", port);
	p->wants_alias = xenbus_exists(XBT_NIL, dir, node);
	return ibback_guid_read(dev, node, &p->guid);
}

/**
 * ibback_identity_read() - learn who the toolstack wants the guest to be
 * @dev: the guest's device, which may have no HCA yet
 *
 * Return: 0, or an errno after xenbus_dev_fatal().
 */
int ibback_identity_read(struct ibback_dev *dev)
{
	u32 port;
	int err;

	err = ibback_guid_read(dev, VIBIF_FIELD_NODE_GUID, &dev->node_guid) ?:
		ibback_ips_read(dev);
	for (port = 1; port <= VIBIF_MAX_PORTS && !err; port++)
		err = ibback_gid_read(dev, port) ?:
			ibback_pkeys_read(dev, port);
	return err;
}

/**
 * ibback_limits_set() - what the guest can do with the HCA that it has now
 * @dev: the guest's device, with an HCA
 */
void ibback_limits_set(struct ibback_dev *dev)
{
	u32 port;

	dev->limits = dev->hca->limits;
	for (port = 1; port <= dev->limits.num_ports; port++)
		if (dev->port[port].nr_pkeys)
			dev->limits.pkey_tbl_len[port] =
				dev->port[port].nr_pkeys;
}

/**
 * ibback_pkey_get() - read an entry of a guest's P_Key table
 * @dev: the guest's device, with an HCA
 * @port: a port of it
 * @index: of the entry, within the table
 * @pkey: set to the P_Key, 0 if the entry is empty
 *
 * Return: 0 or an errno.
 */
int ibback_pkey_get(struct ibback_dev *dev, u8 port, u16 index, u16 *pkey)
{
	u16 hw_index;

	if (!dev->port[port].nr_pkeys)
		return ib_get_cached_pkey(dev->hca->ibdev, port, index, pkey);
	*pkey = ibback_pkey_to_hw(dev, port, index, &hw_index) ? 0 :
		dev->port[port].pkey[index];
	return 0;
}

/**
 * ibback_pkey_to_hw() - find a P_Key of a guest's in the HCA's table
 * @dev: the guest's device, with an HCA
 * @port: a port of it
 * @index: in the guest's table, checked to be within
 * @hw_index: set to that in the HCA's
 *
 * Return: 0, or -EINVAL if the HCA's has no such P_Key (any more).
 */
int ibback_pkey_to_hw(struct ibback_dev *dev, u8 port, u16 index, u16 *hw_index)
{
	const struct ibback_port *p = &dev->port[port];
	u16 i, pkey;

	*hw_index = index;
	if (!p->nr_pkeys)
		return 0;
	for (i = 0; i < dev->hca->limits.pkey_tbl_len[port]; i++) {
		*hw_index = i;
		if (!ib_get_cached_pkey(dev->hca->ibdev, port, i, &pkey) &&
		    pkey == p->pkey[index])
			return 0;
	}
	return -EINVAL;
}

/**
 * ibback_pkey_from_hw() - find an entry of the HCA's P_Key table in a guest's
 * @dev: the guest's device, with an HCA
 * @port: a port of it
 * @hw_index: in the HCA's table
 *
 * Return: the index in the guest's, or VIBIF_NO_PKEY_INDEX.
 */
u16 ibback_pkey_from_hw(struct ibback_dev *dev, u8 port, u16 hw_index)
{
	const struct ibback_port *p = &dev->port[port];
	u16 i, pkey;

	if (!p->nr_pkeys)
		return hw_index;
	if (!ib_get_cached_pkey(dev->hca->ibdev, port, hw_index, &pkey))
		for (i = 0; i < p->nr_pkeys; i++)
			if (p->pkey[i] == pkey)
				return i;
	return VIBIF_NO_PKEY_INDEX;
}

/**
 * ibback_has_pkey() - whether a guest is in a partition
 * @dev: the guest's device, with an HCA
 * @port: a port of it
 * @pkey: of the partition, as full or limited member
 */
bool ibback_has_pkey(struct ibback_dev *dev, u8 port, u16 pkey)
{
	u16 i, entry;

	for (i = 0; i < dev->limits.pkey_tbl_len[port]; i++)
		if (!ibback_pkey_get(dev, port, i, &entry) &&
		    entry & IBBACK_PARTITION &&
		    !((entry ^ pkey) & IBBACK_PARTITION))
			return true;
	return false;
}
