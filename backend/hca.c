// SPDX-License-Identifier: GPL-2.0-only
/* The HCAs of this domain: found as an RDMA client, bound to devices. */

#include <linux/slab.h>
#include <rdma/ib_cache.h>

#include "ibback.h"

/* How often a new HCA's ports are looked at, and what is between */
#define LOOKS		60
#define LOOK_MS		1000

static LIST_HEAD(hca_list);
/*
 * Protects the list and hca->devices. An HCA in dev->hca does not go away as
 * long as dev->lock is held, as its removal takes that to clear dev->hca.
 */
static DEFINE_MUTEX(ibback_hca_mutex);

/* Devices whose HCA is not there, and may come back; under the same mutex */
static LIST_HEAD(orphan_list);

/* The bit in word 0 of the event area, or -1 for events that say nothing. */
static int ibback_event_bit(const struct ib_event *event, u32 num_ports)
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

/* What becomes of the GIDs of an HCA's guests is decided here. */
void ibback_hca_gids_changed(struct ibback_hca *hca, u32 port)
{
	mutex_lock(&ibback_hca_mutex);
	ibback_gids_changed(hca, port);
	mutex_unlock(&ibback_hca_mutex);
}

/*
 * Events that all guests of an HCA hear of, if it is theirs: each has a GID of
 * its own, and a port that has none yet does not become active.
 */
static void ibback_hca_tell(struct ibback_hca *hca, int bit,
			    const struct ib_event *event)
{
	u32 port = event->element.port_num;
	struct ibback_dev *dev;

	switch (event->event) {
	case IB_EVENT_GID_CHANGE:
		ibback_gids_changed(hca, port);
		return;
	case IB_EVENT_PORT_ACTIVE:
	case IB_EVENT_LID_CHANGE:
	case IB_EVENT_SM_CHANGE:
	case IB_EVENT_CLIENT_REREGISTER:
		ibback_aliases_ask_again(hca, port);
		break;
	default:
		break;
	}
	list_for_each_entry(dev, &hca->devices, hca_entry)
		if (event->event != IB_EVENT_PORT_ACTIVE ||
		    !ibback_gid_pending(dev, port))
			ibback_device_event(dev, bit);
}

/* Before guests are told: they ask the subnet manager then. */
static void ibback_hca_read_sm_lid(struct ibback_hca *hca, u32 port)
{
	struct ib_port_attr attr;

	lockdep_assert_held(&ibback_hca_mutex);

	if (ib_query_port(hca->ibdev, port, &attr))
		return;
	WRITE_ONCE(hca->sm_lid[port - 1], attr.sm_lid);
	ibback_gsi_cm_port_changed(hca, port, &attr);
}

/* In process context; unregistering waits for it. */
static void ibback_hca_event(struct ib_event_handler *handler,
			     struct ib_event *event)
{
	struct ibback_hca *hca = container_of(handler, struct ibback_hca,
					      event_handler);
	int bit = ibback_event_bit(event, hca->limits.num_ports);

	if (bit < 0)
		return;
	mutex_lock(&ibback_hca_mutex);
	if (bit != VIBIF_EVENT_DEVICE_FATAL)
		ibback_hca_read_sm_lid(hca, event->element.port_num);
	ibback_hca_tell(hca, bit, event);
	mutex_unlock(&ibback_hca_mutex);
}

/* ib_core reads a port's state when it comes, and with each of its events. */
static bool ibback_port_came_unnoticed(struct ib_device *ibdev, u32 port)
{
	enum ib_port_state noticed;
	struct ib_port_attr attr;

	return !ib_query_port(ibdev, port, &attr) &&
	       attr.state == IB_PORT_ACTIVE &&
	       !ib_get_cached_port_state(ibdev, port, &noticed) &&
	       noticed != IB_PORT_ACTIVE;
}

/*
 * A driver registers its RDMA device, and may listen to the HCA only then. Of a
 * port that the subnet manager brings up in between nobody hears: ib_core never
 * learns who the subnet manager is, here and in guests. So for a while this
 * looks whether there is one, and tells all.
 */
static void ibback_hca_look(struct work_struct *work)
{
	struct ibback_hca *hca = container_of(to_delayed_work(work),
					      struct ibback_hca, look);
	struct ib_event event = {
		.device = hca->ibdev,
		.event = IB_EVENT_PORT_ACTIVE,
	};
	u32 port;

	for (port = 1; port <= hca->limits.num_ports; port++) {
		if (!ibback_port_came_unnoticed(hca->ibdev, port))
			continue;
		event.element.port_num = port;
		ib_dispatch_event(&event);
	}
	if (--hca->looks)
		queue_delayed_work(system_unbound_wq, &hca->look,
				   msecs_to_jiffies(LOOK_MS));
}

static u32 ibback_hca_read_caps(const struct ib_device_attr *attrs)
{
	u64 flags = attrs->device_cap_flags;
	u32 caps = 0;

	if (flags & IB_DEVICE_XRC)
		caps |= IBBACK_CAP_XRC;
	if (flags & IB_DEVICE_MEM_WINDOW)
		caps |= IBBACK_CAP_MW_TYPE_1;
	if (flags & (IB_DEVICE_MEM_WINDOW_TYPE_2A |
		     IB_DEVICE_MEM_WINDOW_TYPE_2B))
		caps |= IBBACK_CAP_MW_TYPE_2;
	return caps;
}

/* ib_core's half of the limits; the other is the provider's. */
static int ibback_hca_read_limits(struct ibback_hca *hca)
{
	const struct ib_device_attr *attrs = &hca->ibdev->attrs;
	struct ibback_limits *lim = &hca->limits;
	struct ib_port_attr port_attr;
	u32 port;
	int err;

	lim->caps = ibback_hca_read_caps(attrs);
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

static const struct ibback_hca_ops *
ibback_find_provider(const struct ib_device *ibdev)
{
	const struct ibback_hca_ops *const *ops = ibback_providers;

	while (*ops && !(*ops)->match(ibdev))
		ops++;
	return *ops;
}

/*
 * Whether a device can be given to guests, as far as can be known before it is
 * opened. A user may want to give it to them, so it is said why not.
 */
static bool ibback_hca_is_usable(struct ib_device *ibdev,
				 const struct ibback_hca_ops *ops)
{
	u32 port;

	rdma_for_each_port(ibdev, port) {
		if (rdma_protocol_ib(ibdev, port))
			continue;
		dev_notice(&ibdev->dev,
			   "not offered to guests: port %u is %s, and all ports must be InfiniBand\n",
			   port, rdma_port_get_link_layer(ibdev, port) ==
			   IB_LINK_LAYER_ETHERNET ? "Ethernet" :
			   "OPA or iWARP");
		return false;
	}
	if (!ops)
		dev_notice(&ibdev->dev,
			   "not offered to guests: HCAs of its kind are not supported\n");
	else if (!ibdev->node_guid)
		dev_notice(&ibdev->dev,
			   "not offered to guests: it has no node GUID\n");
	return ops && ibdev->node_guid;
}

static struct ibback_hca *ibback_hca_open(struct ib_device *ibdev,
					  const struct ibback_hca_ops *ops)
{
	struct ibback_hca *hca = kzalloc(sizeof(*hca), GFP_KERNEL);
	int err;

	if (!hca)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&hca->devices);
	INIT_DELAYED_WORK(&hca->look, ibback_hca_look);
	hca->looks = LOOKS;
	hca->ibdev = ibdev;
	hca->guid = be64_to_cpu(ibdev->node_guid);
	hca->ops = ops;
	err = ibback_hca_read_limits(hca);
	if (err)
		goto err_free;
	err = ibback_aliases_open(hca);
	if (err)
		goto err_free;
	err = ibback_gsi_cm_hca_open(hca);
	if (err)
		goto err_aliases;
	err = ops->open(hca);
	if (err)
		goto err_cm;
	return hca;

err_cm:
	ibback_gsi_cm_hca_close(hca);
err_aliases:
	ibback_aliases_close(hca);
err_free:
	kfree(hca);
	return ERR_PTR(err);
}

static void ibback_hca_close(struct ibback_hca *hca)
{
	ibback_aliases_close(hca);
	ibback_gsi_cm_hca_close(hca);
	hca->ops->close(hca);
	kfree(hca);
}

/* Nobody uses the HCA any more when this returns. */
static void ibback_take_from_guests(struct ibback_hca *hca)
{
	struct ibback_dev *dev, *next;

	lockdep_assert_held(&ibback_hca_mutex);

	list_for_each_entry_safe(dev, next, &hca->devices, hca_entry) {
		ibback_dev_hca_gone(dev);
		list_move_tail(&dev->hca_entry, &orphan_list);
	}
	ibback_uars_hca_gone(hca);
}

/*
 * Doorbell pages that guests may have mapped, from the time before the HCA
 * restarted, are reserved before any other is given out. Then the HCA can be
 * had by others.
 */
static int ibback_offer_to_guests(struct ibback_hca *hca)
{
	struct ibback_dev *dev, *next;
	u32 port;
	int err;

	lockdep_assert_held(&ibback_hca_mutex);

	for (port = 1; port <= hca->limits.num_ports; port++)
		ibback_hca_read_sm_lid(hca, port);
	ibback_uars_hca_back(hca);
	list_for_each_entry_safe(dev, next, &orphan_list, hca_entry)
		if (ibback_dev_hca_back(dev, hca))
			list_move_tail(&dev->hca_entry, &hca->devices);
	err = hca->ops->uar->alloc(hca, &hca->spare_uar, 1);
	if (err)
		ibback_take_from_guests(hca);
	else
		list_add_tail(&hca->entry, &hca_list);
	return err;
}

static struct ib_client hca_client;

static int ibback_hca_add(struct ib_device *ibdev)
{
	const struct ibback_hca_ops *ops = ibback_find_provider(ibdev);
	struct ibback_hca *hca;
	int err;

	if (!ibback_hca_is_usable(ibdev, ops))
		return -EOPNOTSUPP;
	hca = ibback_hca_open(ibdev, ops);
	if (hca == ERR_PTR(-ENODEV))
		return -EOPNOTSUPP;
	if (IS_ERR(hca)) {
		/* ib_core says nothing of it */
		dev_err(&ibdev->dev,
			"not offered to guests: cannot open it [%ld]\n",
			PTR_ERR(hca));
		return PTR_ERR(hca);
	}
	ib_set_client_data(ibdev, &hca_client, hca);
	INIT_IB_EVENT_HANDLER(&hca->event_handler, ibdev, ibback_hca_event);
	ib_register_event_handler(&hca->event_handler);
	mutex_lock(&ibback_hca_mutex);
	err = ibback_offer_to_guests(hca);
	mutex_unlock(&ibback_hca_mutex);
	if (err) {
		dev_err(&ibdev->dev,
			"not offered to guests: no doorbell page is left [%d]\n",
			err);
		ib_unregister_event_handler(&hca->event_handler);
		ibback_hca_close(hca);
		return err;
	}
	queue_delayed_work(system_unbound_wq, &hca->look,
			   msecs_to_jiffies(LOOK_MS));
	dev_info(&ibdev->dev, "available to guests, %u ports\n",
		 hca->limits.num_ports);
	return 0;
}

static void ibback_hca_remove(struct ib_device *ibdev, void *client_data)
{
	struct ibback_hca *hca = client_data;

	cancel_delayed_work_sync(&hca->look);
	ib_unregister_event_handler(&hca->event_handler);
	mutex_lock(&ibback_hca_mutex);
	list_del(&hca->entry);
	ibback_take_from_guests(hca);
	mutex_unlock(&ibback_hca_mutex);
	hca->ops->uar->free(hca, &hca->spare_uar);
	ibback_hca_close(hca);
}

/* As udev does, soon after the device has come */
static void ibback_hca_rename(struct ib_device *ibdev, void *client_data)
{
	struct ibback_hca *hca = client_data;
	struct ibback_dev *dev;

	mutex_lock(&ibback_hca_mutex);
	list_for_each_entry(dev, &hca->devices, hca_entry)
		ibback_hca_publish(dev);
	mutex_unlock(&ibback_hca_mutex);
}

static struct ib_client hca_client = {
	.name = "xen-ibback",
	.add = ibback_hca_add,
	.remove = ibback_hca_remove,
	.rename = ibback_hca_rename,
};

/**
 * ibback_hca_bind() - choose the HCA of a guest's device
 * @dev: the device, not yet visible to others, whose guid names the HCA, or is
 *	0 for the first there is
 *
 * Without one there is an error in xenstore, and @dev waits for one to come.
 */
void ibback_hca_bind(struct ibback_dev *dev)
{
	struct ibback_hca *hca;

	mutex_lock(&ibback_hca_mutex);
	list_for_each_entry(hca, &hca_list, entry) {
		if (dev->guid && dev->guid != hca->guid)
			continue;
		dev->hca = hca;
		dev->guid = hca->guid;
		ibback_limits_set(dev);
		list_add_tail(&dev->hca_entry, &hca->devices);
		break;
	}
	if (!dev->hca) {
		xenbus_dev_fatal(dev->xbdev, -ENODEV,
				 "no usable HCA (node GUID wanted: %016llx)",
				 dev->guid);
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

/**
 * ibback_hca_publish() - write to xenstore which HCA a device is on
 * @dev: the device, with an HCA
 *
 * The GUID is for the next backend, that it does not choose another; the name
 * is for people.
 *
 * Return: 0 or an errno.
 */
int ibback_hca_publish(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	u64 guid = dev->guid;
	int err;

	err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_HCA, "%s",
			    dev_name(&dev->hca->ibdev->dev));
	return err ?: xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_HCA_GUID,
				    "%04x:%04x:%04x:%04x",
				    (u16)(guid >> 48), (u16)(guid >> 32),
				    (u16)(guid >> 16), (u16)guid);
}

int ibback_hca_init(void)
{
	int err;

	ibback_aliases_init();
	err = ib_register_client(&hca_client);
	if (err)
		ibback_aliases_exit();
	return err;
}

void ibback_hca_exit(void)
{
	ib_unregister_client(&hca_client);
	ibback_aliases_exit();
}
