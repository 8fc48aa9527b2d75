// SPDX-License-Identifier: GPL-2.0-only
/* The HCAs of this domain: found as an RDMA client, bound to devices. */

#include <linux/kernfs.h>
#include <linux/slab.h>

#include "ibback.h"

static LIST_HEAD(hca_list);
/*
 * Protects the list and hca->devices. An HCA in dev->hca does not go away as
 * long as dev->lock is held, as its removal takes that to clear dev->hca.
 */
static DEFINE_MUTEX(ibback_hca_mutex);

/* Devices whose HCA is not there, and may come back; under the same mutex */
static LIST_HEAD(orphan_list);

static const struct ibback_hca_ops *const hca_kinds[] = {
	&ibback_mlx4_ops,
};

/* The bit in word 0 of the event area, or -1 for events that say nothing. */
static int event_bit(const struct ib_event *event, u32 num_ports)
{
	static const s8 port_event[] = {
		[IB_EVENT_PORT_ACTIVE] = VIBIF_EVENT_PORT_ACTIVE,
		[IB_EVENT_PORT_ERR] = VIBIF_EVENT_PORT_ERROR,
		[IB_EVENT_LID_CHANGE] = VIBIF_EVENT_PORT_LID_CHANGE,
		[IB_EVENT_PKEY_CHANGE] = VIBIF_EVENT_PORT_PKEY_CHANGE,
		[IB_EVENT_SM_CHANGE] = VIBIF_EVENT_PORT_SM_CHANGE,
		[IB_EVENT_CLIENT_REREGISTER] =
			VIBIF_EVENT_PORT_CLIENT_REREGISTER,
		[IB_EVENT_GID_CHANGE] = VIBIF_EVENT_PORT_GID_CHANGE,
	};
	u32 port = event->element.port_num;

	switch (event->event) {
	case IB_EVENT_DEVICE_FATAL:
		return VIBIF_EVENT_DEVICE_FATAL;
	case IB_EVENT_PORT_ACTIVE:
	case IB_EVENT_PORT_ERR:
	case IB_EVENT_LID_CHANGE:
	case IB_EVENT_PKEY_CHANGE:
	case IB_EVENT_SM_CHANGE:
	case IB_EVENT_CLIENT_REREGISTER:
	case IB_EVENT_GID_CHANGE:
		if (port < 1 || port > num_ports)
			return -1;
		return VIBIF_EVENT_PORT(port, port_event[event->event]);
	default:
		return -1;
	}
}

/* In process context; unregistering waits for it. */
static void hca_event(struct ib_event_handler *handler, struct ib_event *event)
{
	struct ibback_hca *hca = container_of(handler, struct ibback_hca,
					      event_handler);
	int bit = event_bit(event, hca->limits.num_ports);
	struct ibback_dev *dev;

	if (bit < 0)
		return;
	mutex_lock(&ibback_hca_mutex);
	list_for_each_entry(dev, &hca->devices, hca_entry)
		ibback_device_event(dev, bit);
	mutex_unlock(&ibback_hca_mutex);
}

/* What all kinds of HCA report in the same way. */
static int read_limits(struct ibback_hca *hca)
{
	const struct ib_device_attr *attrs = &hca->ibdev->attrs;
	struct ibback_limits *lim = &hca->limits;
	struct ib_port_attr port_attr;
	u32 port;
	int err;

	lim->max_cqe = attrs->max_cqe;
	lim->num_comp_vectors = hca->ibdev->num_comp_vectors;
	lim->num_ports = min_t(u32, hca->ibdev->phys_port_cnt,
			       VIBIF_MAX_PORTS);
	lim->max_rd_atomic = attrs->max_qp_init_rd_atom;
	lim->max_dest_rd_atomic = attrs->max_qp_rd_atom;
	for (port = 1; port <= lim->num_ports; port++) {
		err = ib_query_port(hca->ibdev, port, &port_attr);
		if (err)
			return err;
		lim->gid_tbl_len[port] = port_attr.gid_tbl_len;
		lim->pkey_tbl_len[port] = port_attr.pkey_tbl_len;
	}
	return 0;
}

static bool all_ports_ib(struct ib_device *ibdev)
{
	u32 port;

	rdma_for_each_port(ibdev, port)
		if (!rdma_protocol_ib(ibdev, port))
			return false;
	return true;
}

static int hca_open(struct ibback_hca *hca, struct ib_device *ibdev)
{
	unsigned int i;
	int err;

	hca->ibdev = ibdev;
	/* Unlike the device's index this does not start over with ib_core */
	hca->instance = kernfs_ino(ibdev->dev.kobj.sd);
	err = read_limits(hca);
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(hca_kinds); i++) {
		hca->ops = hca_kinds[i];
		err = hca->ops->open(hca, ibdev);
		if (err != -ENODEV)
			return err;
	}
	return -ENODEV;
}

/* An HCA that has restarted, after a fatal error for instance, is a new one. */
static void adopt_orphans(struct ibback_hca *hca)
{
	struct ibback_dev *dev, *next;

	mutex_lock(&ibback_hca_mutex);
	list_for_each_entry_safe(dev, next, &orphan_list, hca_entry)
		if (ibback_dev_hca_back(dev, hca))
			list_move_tail(&dev->hca_entry, &hca->devices);
	mutex_unlock(&ibback_hca_mutex);
}

static struct ib_client hca_client;

static int hca_add(struct ib_device *ibdev)
{
	struct ibback_hca *hca;
	int err;

	if (!all_ports_ib(ibdev))
		return -EOPNOTSUPP;
	hca = kzalloc(sizeof(*hca), GFP_KERNEL);
	if (!hca)
		return -ENOMEM;
	INIT_LIST_HEAD(&hca->devices);
	err = hca_open(hca, ibdev);
	if (err) {
		kfree(hca);
		return err == -ENODEV ? -EOPNOTSUPP : err;
	}
	ib_set_client_data(ibdev, &hca_client, hca);
	mutex_lock(&ibback_hca_mutex);
	list_add_tail(&hca->entry, &hca_list);
	mutex_unlock(&ibback_hca_mutex);
	INIT_IB_EVENT_HANDLER(&hca->event_handler, ibdev, hca_event);
	ib_register_event_handler(&hca->event_handler);
	dev_info(&ibdev->dev, "available to guests, %u ports\n",
		 hca->limits.num_ports);
	adopt_orphans(hca);
	return 0;
}

static void hca_remove(struct ib_device *ibdev, void *client_data)
{
	struct ibback_hca *hca = client_data;
	struct ibback_dev *dev, *next;

	ib_unregister_event_handler(&hca->event_handler);
	mutex_lock(&ibback_hca_mutex);
	list_del(&hca->entry);
	list_for_each_entry_safe(dev, next, &hca->devices, hca_entry) {
		ibback_dev_hca_gone(dev);
		list_move_tail(&dev->hca_entry, &orphan_list);
	}
	ibback_uars_hca_gone(hca);
	mutex_unlock(&ibback_hca_mutex);
	hca->ops->close(hca);
	kfree(hca);
}

static struct ib_client hca_client = {
	.name = "xen-ibback",
	.add = hca_add,
	.remove = hca_remove,
};

/**
 * ibback_hca_bind - choose the HCA of a guest's device
 * @dev: the device, not yet visible to others
 * @name: RDMA device name, or NULL for the first there is
 *
 * Without one there is an error in xenstore, and @dev waits for one to come.
 */
void ibback_hca_bind(struct ibback_dev *dev, const char *name)
{
	struct ibback_hca *hca;

	mutex_lock(&ibback_hca_mutex);
	list_for_each_entry(hca, &hca_list, entry) {
		if (name && strcmp(name, dev_name(&hca->ibdev->dev)))
			continue;
		dev->hca = hca;
		dev->limits = hca->limits;
		list_add_tail(&dev->hca_entry, &hca->devices);
		break;
	}
	if (!dev->hca) {
		xenbus_dev_fatal(dev->xbdev, -ENODEV, "no usable HCA%s%s",
				 name ? " " : "", name ?: "");
		list_add_tail(&dev->hca_entry, &orphan_list);
	}
	mutex_unlock(&ibback_hca_mutex);
}

/* Undo ibback_hca_bind(); dev->lock is not held, nothing uses the HCA. */
void ibback_hca_unbind(struct ibback_dev *dev)
{
	mutex_lock(&ibback_hca_mutex);
	list_del_init(&dev->hca_entry);
	dev->hca = NULL;
	mutex_unlock(&ibback_hca_mutex);
}

int ibback_hca_init(void)
{
	return ib_register_client(&hca_client);
}

void ibback_hca_exit(void)
{
	ib_unregister_client(&hca_client);
}
