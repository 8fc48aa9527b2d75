// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device: xenbus driver, state machine, xenstore nodes; and of
 * the module.
 */

#include <linux/module.h>
#include <linux/slab.h>
#include <xen/xen.h>

#include "gsi_hook.h"
#include "ibback.h"
#include "trace.h"
#include "xenib_version.h"

/* How long a frontend may take to close after a detach, before it is cut off */
#define DETACH_GRACE_MS	5000
/* How often it is asked whether a guest without its side of the device lives */
#define GUEST_POLL_MS	500

/* Log the version as a number, never the string that the guest has written. */
static int ibback_check_version(struct ibback_dev *dev)
{
	unsigned int version = xenbus_read_unsigned(dev->xbdev->otherend,
						    VIBIF_FIELD_VERSION, 0);

	if (version == VIBIF_PROTOCOL_VERSION_INT)
		return 0;
	xenbus_dev_fatal(dev->xbdev, -EPROTO,
			 "frontend speaks version %u, backend "
			 VIBIF_PROTOCOL_VERSION, version);
	return -EPROTO;
}

/* Return: as ibback_ring_connect(); nothing is held after an error. */
static int ibback_dev_connect(struct ibback_dev *dev)
{
	int err;

	err = ibback_check_version(dev);
	if (err)
		return err;
	dev->has_gfn_base = xenbus_scanf(XBT_NIL, dev->xbdev->nodename,
					 VIBIF_FIELD_UAR_GFN_BASE, "%llu",
					 &dev->gfn_base) == 1;
	err = ibback_events_connect(dev);
	if (err)
		return err;
	err = ibback_gsi_connect(dev);
	if (err)
		goto err_events;
	ibback_flows_alloc(dev);
	err = ibback_ring_connect(dev);
	if (err)
		goto err_flows;
	return 0;

err_flows:
	ibback_flows_free(dev);
	ibback_gsi_disconnect(dev);
err_events:
	ibback_events_disconnect(dev);
	return err;
}

/* May be called in any state. */
static void ibback_dev_disconnect(struct ibback_dev *dev)
{
	ibback_events_stop(dev);
	ibback_ring_disconnect(dev);
	ibback_gsi_disconnect(dev);
	ibback_objects_destroy_all(dev);
	ibback_flows_free(dev);
	ibback_events_disconnect(dev);
}

static void ibback_enter_state(struct ibback_dev *dev, enum xenbus_state state)
{
	trace_vib_state(dev->xbdev, state);
	dev->state = state;
	xenbus_switch_state(dev->xbdev, state);
}

/*
 * The walk of the backend through its states, each arrow one step:
 *
 *	Initialising --> InitWait --> Connected
 *	     |            ^    |          |
 *	     |            |    |          |
 *	     v            |    v          v
 *	   Closing <------|----+----------+
 *	     |            |
 *	     v            |
 *	   Closed --------+
 *
 * What the frontend does only sets the target; the way there is the shortest,
 * with the same actions whatever the reason.
 */
static void ibback_set_state(struct ibback_dev *dev, enum xenbus_state target)
{
	int err;

	lockdep_assert_held(&dev->lock);

	while (dev->state != target) {
		switch (dev->state) {
		case XenbusStateInitialising:
			ibback_enter_state(dev, target == XenbusStateInitWait ||
					   target == XenbusStateConnected ?
					   XenbusStateInitWait :
					   XenbusStateClosing);
			break;
		case XenbusStateInitWait:
			if (target != XenbusStateConnected) {
				ibback_enter_state(dev, XenbusStateClosing);
				break;
			}
			err = ibback_dev_connect(dev);
			if (err == -ESTALE && dev->stale_frontend)
				return;
			if (!err) {
				ibback_enter_state(dev, XenbusStateConnected);
			} else {
				/* xenbus_dev_fatal() has written it */
				trace_vib_state(dev->xbdev, XenbusStateClosing);
				dev->state = XenbusStateClosing;
				target = XenbusStateClosed;
			}
			break;
		case XenbusStateConnected:
			ibback_enter_state(dev, XenbusStateClosing);
			break;
		case XenbusStateClosing:
			ibback_dev_disconnect(dev);
			ibback_enter_state(dev, XenbusStateClosed);
			break;
		default:	/* Closed */
			if (target == XenbusStateClosing)
				return;
			ibback_enter_state(dev, XenbusStateInitWait);
			break;
		}
	}
}

/* "online" is 0 as soon as the toolstack wants the device to go. */
static bool ibback_dev_online(struct ibback_dev *dev)
{
	return xenbus_read_unsigned(dev->xbdev->nodename,
				    VIBIF_FIELD_ONLINE, 1);
}

/* The HCA is there, and so are the doorbell pages open to the guest. */
static bool ibback_dev_usable(struct ibback_dev *dev)
{
	return dev->hca && dev->nr_uars;
}

/* A frontend (re)starts, which ends what was before. */
static void ibback_frontend_initialising(struct ibback_dev *dev)
{
	dev->stale_frontend = false;
	if (dev->state == XenbusStateInitWait || !ibback_dev_online(dev))
		return;
	if (dev->state != XenbusStateInitialising)
		ibback_set_state(dev, XenbusStateClosed);
	if (!ibback_dev_usable(dev)) {
		/* Not fatal, which writes Closing: this is Closed */
		xenbus_dev_error(dev->xbdev, -ENODEV, "HCA is gone");
		return;
	}
	ibback_set_state(dev, XenbusStateInitWait);
}

/*
 * Announcements may collapse: Connected can be seen without Initialised. A
 * frontend that has outlived its backend is also in these states when the
 * backend returns; only Initialised tells that the nodes are fresh.
 */
static void ibback_frontend_ready(struct ibback_dev *dev,
				  enum xenbus_state state)
{
	if (dev->state == XenbusStateInitWait &&
	    state == XenbusStateInitialised)
		ibback_set_state(dev, XenbusStateConnected);
}

static void ibback_frontend_closed(struct ibback_dev *dev)
{
	bool stale = dev->stale_frontend;

	dev->stale_frontend = false;
	if (dev->state == XenbusStateInitialising)
		return;
	if (dev->state == XenbusStateInitWait && ibback_dev_online(dev)) {
		/*
		 * The end of what an earlier backend had begun. Say again that
		 * this one waits: the frontend may have missed it while it was
		 * closing.
		 */
		xenbus_printf(XBT_NIL, dev->xbdev->nodename, VIBIF_FIELD_STATE,
			      "%d", XenbusStateInitWait);
		return;
	}
	ibback_set_state(dev, XenbusStateClosed);
	/* It closed because of the earlier backend, and may come to this one */
	if (stale && ibback_dev_usable(dev) && ibback_dev_online(dev))
		ibback_set_state(dev, XenbusStateInitWait);
}

/* No toolstack removes the nodes of a class that it does not know. */
static void ibback_remove_nodes(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	unsigned int nr = 0;
	char *parent, **list;

	xenbus_rm(XBT_NIL, dir, "");
	parent = kstrndup(dir, strrchr(dir, '/') - dir, GFP_KERNEL);
	if (!parent)
		return;
	list = xenbus_directory(XBT_NIL, parent, "", &nr);
	if (!IS_ERR(list)) {
		kfree(list);
		if (!nr)
			xenbus_rm(XBT_NIL, parent, "");
	}
	kfree(parent);
}

/* The guest cannot remove this directory, only the toolstack can. */
static bool ibback_guest_gone(const struct ibback_dev *dev)
{
	char domid[8];

	snprintf(domid, sizeof(domid), "%u", dev->xbdev->otherend_id);
	return !xenbus_exists(XBT_NIL, "/local/domain", domid);
}

/*
 * The guest's side of the device is gone. If the guest is gone, too, the nodes
 * are removed, and remove() comes from that. One that lives has removed its
 * side itself, or the toolstack is about to remove all of the device: it may
 * have the doorbell pages mapped, and the nodes say which they are to whoever
 * takes them from it.
 */
static void ibback_frontend_gone(struct ibback_dev *dev)
{
	ibback_set_state(dev, XenbusStateClosed);
	if (ibback_guest_gone(dev)) {
		ibback_remove_nodes(dev);
		return;
	}
	if (!dev->abandoned && ibback_dev_online(dev))
		xenbus_dev_error(dev->xbdev, -ENOENT,
				 "the guest has removed its side; detach it");
	dev->abandoned = true;
	/* Nobody tells when the guest goes */
	queue_delayed_work(system_unbound_wq, &dev->watch_work,
			   msecs_to_jiffies(GUEST_POLL_MS));
}

static void ibback_act_on_frontend(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->otherend;
	enum xenbus_state state = compat_read_state(dir);

	trace_vib_otherend_state(dev->xbdev, state);
	switch (state) {
	case XenbusStateInitialising:
		ibback_frontend_initialising(dev);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		ibback_frontend_ready(dev, state);
		break;
	case XenbusStateClosing:
		if (dev->state == XenbusStateConnected)
			ibback_set_state(dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		ibback_frontend_closed(dev);
		break;
	case XenbusStateUnknown:
		if (!xenbus_exists(XBT_NIL, dir, ""))
			ibback_frontend_gone(dev);
		else if (dev->state == XenbusStateConnected)
			ibback_set_state(dev, XenbusStateClosed);
		break;
	default:
		break;
	}
}

/* The toolstack detaches the device: close, but not without the frontend. */
static void ibback_act_on_detach(struct ibback_dev *dev)
{
	if (dev->state == XenbusStateConnected)
		ibback_set_state(dev, XenbusStateClosing);
	if (dev->state == XenbusStateClosing)
		schedule_delayed_work(&dev->close_work,
				      msecs_to_jiffies(DETACH_GRACE_MS));
	else
		ibback_set_state(dev, XenbusStateClosed);
}

static void ibback_watch_work(struct work_struct *work)
{
	struct ibback_dev *dev = container_of(to_delayed_work(work),
					      struct ibback_dev, watch_work);

	mutex_lock(&dev->lock);
	if (!ibback_dev_online(dev))
		ibback_act_on_detach(dev);
	ibback_act_on_frontend(dev);
	mutex_unlock(&dev->lock);
}

/*
 * The thread that reports changes serves every device of the domain, and a
 * guest with many objects takes long to tear down: that is done elsewhere.
 */
static void ibback_frontend_changed(struct xenbus_device *xbdev,
				    enum xenbus_state state)
{
	struct ibback_dev *dev = dev_get_drvdata(&xbdev->dev);

	mod_delayed_work(system_unbound_wq, &dev->watch_work, 0);
}

/* Also called when the watch begins, and for what this driver writes. */
static void ibback_nodes_changed(struct xenbus_watch *watch, const char *path,
				 const char *token)
{
	struct ibback_dev *dev = container_of(watch, struct ibback_dev,
					      nodes_watch);
	const char *node = strrchr(path, '/') + 1;
	bool any = !strcmp(path, watch->node);

	if (any || strstarts(node, VIBIF_FIELD_QUOTA()))
		ibback_quotas_read(dev);
	if (any || !strcmp(node, VIBIF_FIELD_ONLINE))
		mod_delayed_work(system_unbound_wq, &dev->watch_work, 0);
}

static void ibback_close_work(struct work_struct *work)
{
	struct ibback_dev *dev = container_of(to_delayed_work(work),
					      struct ibback_dev, close_work);

	mutex_lock(&dev->lock);
	/* The frontend may have come back in the meantime */
	if (!ibback_dev_online(dev) || READ_ONCE(dev->ring.stopped))
		ibback_set_state(dev, XenbusStateClosed);
	mutex_unlock(&dev->lock);
}

/* The frontend broke the protocol: close the device, from any context. */
void ibback_dev_rogue(struct ibback_dev *dev, const char *what)
{
	/* Nothing is read from the ring, and without an EOI it rings no more */
	WRITE_ONCE(dev->ring.stopped, true);
	xenbus_dev_fatal(dev->xbdev, -EPROTO, "rogue frontend: %s", what);
	schedule_delayed_work(&dev->close_work, 0);
}

/* The HCA is going away; when this returns the device does not use it. */
void ibback_dev_hca_gone(struct ibback_dev *dev)
{
	mutex_lock(&dev->lock);
	xenbus_dev_error(dev->xbdev, -ENODEV, "HCA has been removed");
	ibback_set_state(dev, XenbusStateClosed);
	ibback_gids_forget(dev);
	dev->hca = NULL;
	mutex_unlock(&dev->lock);
}

static void ibback_invite(struct ibback_dev *dev)
{
	xenbus_rm(XBT_NIL, "error", dev->xbdev->nodename);
	ibback_set_state(dev, XenbusStateInitWait);
}

/**
 * ibback_dev_hca_back() - offer an HCA to a device that has lost its own
 * @dev: the device
 * @hca: the HCA, which has just come
 *
 * If it is the same, only restarted, the guest can have its device again: the
 * doorbell pages that are open to it are reserved, and the frontend is invited.
 *
 * Return: whether the device has the HCA now. It is closed after an error, but
 * has it nevertheless if it has doorbell pages of it.
 */
bool ibback_dev_hca_back(struct ibback_dev *dev, struct ibback_hca *hca)
{
	if (dev->guid != hca->guid)
		return false;

	mutex_lock(&dev->lock);
	if (!dev->removed) {
		dev->hca = hca;
		ibback_limits_set(dev);
		if (ibback_uars_retake(dev)) {
			/* With pages of the HCA it needs that, to free them */
			if (!dev->nr_uars)
				dev->hca = NULL;
		} else {
			ibback_aliases_claim(dev);
			if (ibback_dev_online(dev))
				ibback_invite(dev);
		}
	}
	mutex_unlock(&dev->lock);
	return dev->hca;
}

static int ibback_write_features(struct ibback_dev *dev)
{
	const struct {
		const char *field;
		bool has;
	} features[] = {
		{ VIBIF_FIELD_FEATURE_RESIZE_CQ, true },
		{ VIBIF_FIELD_FEATURE_REREG_MR, true },
		{ VIBIF_FIELD_FEATURE_XRC, dev->limits.caps & IBBACK_CAP_XRC },
		{ VIBIF_FIELD_FEATURE_MW,
		  dev->limits.caps & (IBBACK_CAP_MW_TYPE_1 |
				      IBBACK_CAP_MW_TYPE_2) },
		{ VIBIF_FIELD_FEATURE_MR_SHARE, true },
		{ VIBIF_FIELD_FEATURE_MR_RETIRE, true },
		{ VIBIF_FIELD_FEATURE_MAD, true },
		{ VIBIF_FIELD_FEATURE_ADDRS, true },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(features) && !err; i++)
		err = xenbus_printf(XBT_NIL, dev->xbdev->nodename,
				    features[i].field, "%u", features[i].has);
	return err;
}

static int ibback_write_nodes(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	int err;

	err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_VERSIONS, "%s",
			    VIBIF_PROTOCOL_VERSION);
	if (!err)
		err = xenbus_printf(XBT_NIL, dir,
				    VIBIF_FIELD_MAX_RING_PAGE_ORDER, "%u",
				    VIBIF_MAX_RING_PAGE_ORDER);
	if (!err)
		err = xenbus_printf(XBT_NIL, dir,
				    VIBIF_FIELD_MAX_EVENT_PAGE_ORDER, "%u",
				    VIBIF_MAX_EVENT_PAGE_ORDER);
	if (!err)
		err = xenbus_printf(XBT_NIL, dir,
				    VIBIF_FIELD_MAX_MAD_PAGE_ORDER, "%u",
				    VIBIF_MAX_MAD_PAGE_ORDER);
	if (!err)
		err = ibback_write_features(dev);
	if (err)
		xenbus_dev_fatal(dev->xbdev, err, "writing nodes");
	return err;
}

/* The rest of it; there may be no HCA, or no more. */
static int ibback_dev_setup(struct ibback_dev *dev)
{
	int err;

	lockdep_assert_held(&dev->lock);

	if (!dev->hca)
		return -ENODEV;
	err = ibback_uars_reserve(dev);
	if (err)
		return err;
	ibback_aliases_claim(dev);
	return ibback_write_nodes(dev);
}

static int ibback_probe(struct xenbus_device *xbdev,
			const struct xenbus_device_id *id)
{
	struct ibback_dev *dev;
	int err;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	dev->xbdev = xbdev;
	dev->state = XenbusStateInitialising;
	mutex_init(&dev->lock);
	mutex_init(&dev->flow_lock);
	spin_lock_init(&dev->uar_lock);
	mutex_init(&dev->walk_lock);
	spin_lock_init(&dev->mcast_lock);
	INIT_LIST_HEAD(&dev->mcast);
	spin_lock_init(&dev->ring.lock);
	ibback_events_init(dev);
	ibback_refusals_init(dev);
	INIT_LIST_HEAD(&dev->hca_entry);
	INIT_DELAYED_WORK(&dev->watch_work, ibback_watch_work);
	INIT_DELAYED_WORK(&dev->close_work, ibback_close_work);
	xa_init_flags(&dev->objects, XA_FLAGS_ALLOC);
	ibback_quotas_read(dev);
	err = ibback_guid_read(dev, VIBIF_FIELD_HCA_GUID, &dev->guid);
	if (!err)
		err = ibback_identity_read(dev);
	if (!err)
		err = ibback_uars_read(dev);
	dev->stale_frontend = compat_read_state(xbdev->otherend) ==
		      XenbusStateInitialised;
	dev_set_drvdata(&xbdev->dev, dev);
	ibback_total_add(IBBACK_TOTAL_DEVICES, 1);
	ibback_debugfs_add(dev);

	/*
	 * A device that cannot work stays, closed and with its error in
	 * xenstore, so that it is cleaned up with its guest like any other.
	 */
	if (!err)
		ibback_hca_bind(dev);
	mutex_lock(&dev->lock);
	/* If it got an HCA late, that has set it up */
	if (dev->state == XenbusStateInitialising)
		ibback_set_state(dev, ibback_dev_setup(dev) ?
				 XenbusStateClosed : XenbusStateInitWait);
	mutex_unlock(&dev->lock);

	err = xenbus_watch_pathfmt(xbdev, &dev->nodes_watch, NULL,
				   ibback_nodes_changed, "%s",
				   xbdev->nodename);
	if (err)
		dev_err(&xbdev->dev, "cannot watch its nodes [%d]\n", err);
	return 0;
}

static void ibback_remove(struct xenbus_device *xbdev)
{
	struct ibback_dev *dev = dev_get_drvdata(&xbdev->dev);
	bool attached;

	if (dev->nodes_watch.node) {
		unregister_xenbus_watch(&dev->nodes_watch);
		kfree(dev->nodes_watch.node);
	}
	/* xenbus has unregistered its watch of the frontend: none comes anew */
	cancel_delayed_work_sync(&dev->watch_work);
	mutex_lock(&dev->lock);
	dev->removed = true;
	ibback_set_state(dev, XenbusStateClosed);
	/*
	 * As long as it is attached, its doorbell pages are open to the guest.
	 * Not if these nodes are the next attach's, which has none as yet.
	 */
	attached = xenbus_exists(XBT_NIL, xbdev->nodename,
				 VIBIF_FIELD_UAR_COUNT);
	ibback_aliases_release(dev, attached);
	if (attached) {
		ibback_uars_forget(dev);
	} else {
		ibback_uars_release(dev);
		/* What xenbus_dev_fatal() may have left */
		xenbus_rm(XBT_NIL, "error", xbdev->nodename);
	}
	mutex_unlock(&dev->lock);
	/* The ring's work, which may have queued it, is gone */
	cancel_delayed_work_sync(&dev->close_work);
	ibback_hca_unbind(dev);
	ibback_debugfs_remove(dev);
	dev_set_drvdata(&xbdev->dev, NULL);
	ibback_total_add(IBBACK_TOTAL_DEVICES, -1);
	kfree(dev);
}

COMPAT_DEFINE_REMOVE(ibback_driver_remove, ibback_remove)

static const struct xenbus_device_id ibback_ids[] = {
	{ VIBIF_DEVICE_CLASS },
	{ "" }
};

static struct xenbus_driver ibback_driver = {
	.ids = ibback_ids,
	.allow_rebind = true,
	.probe = ibback_probe,
	.remove = ibback_driver_remove,
	.otherend_changed = ibback_frontend_changed,
	.driver = {
		.groups = ibback_driver_groups,
		.dev_groups = ibback_dev_groups,
	},
};

static int __init ibback_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	err = ibback_hook_init();
	if (!err)
		err = ibback_hca_init();
	if (err)
		return err;
	ibback_debugfs_init();
	/*
	 * Without an owner: xenbus would hold a reference to it for each device
	 * and the module could not be unloaded with devices attached, which is
	 * meant to work. Unregistering waits for all that runs in it.
	 */
	err = __xenbus_register_backend(&ibback_driver, NULL, NULL);
	if (err) {
		ibback_debugfs_exit();
		ibback_hca_exit();
	}
	return err;
}
module_init(ibback_init);

static void __exit ibback_exit(void)
{
	xenbus_unregister_driver(&ibback_driver);
	/* While the HCAs are there, what is free can be given back to them */
	ibback_uars_exit();
	ibback_debugfs_exit();
	ibback_hca_exit();
}
module_exit(ibback_exit);

MODULE_DESCRIPTION("Xen virtual InfiniBand HCA backend");
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen-backend:vib");
MODULE_VERSION(XENIB_VERSION);
