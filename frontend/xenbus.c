// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-ibfront: an InfiniBand HCA of another domain.
 *
 * This file is the xenbus lifecycle, as drawn under "States" in vibif.h.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/slab.h>
#include <xen/xen.h>

#include "ibfront.h"
#include "trace.h"
#include "xenib_version.h"

struct ibfront_info {
	struct xenbus_device *xbdev;
	struct mutex lock;	/* Protects dev and our state in xenstore */
	struct ibfront_dev *dev;	/* from InitWait to Closed, or NULL */
	bool reopen;		/* as soon as the backend has closed */
	struct work_struct fail_work;
	struct completion stopped;	/* fail_work has run */
	struct xenbus_watch state_watch;	/* of our state */
};

/**
 * ibfront_fail() - give up on a backend that broke the protocol or is stuck
 * @dev: device
 * @fmt: what it did
 *
 * Kills the ring and has the device closed from a work item. Callable from any
 * context; only the first call has an effect.
 */
void ibfront_fail(struct ibfront_dev *dev, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (!ibfront_ring_kill(dev))
		return;

	va_start(args, fmt);
	vaf.va = &args;
	dev_err(&dev->xbdev->dev, "%pV; closing\n", &vaf);
	va_end(args);
	schedule_work(dev->fail_work);
}

static void ibfront_switch_state(struct xenbus_device *xbdev,
				 enum xenbus_state state)
{
	if (state != xbdev->state)
		trace_vib_state(xbdev, state);
	xenbus_switch_state(xbdev, state);
}

/* The same, and whoever waits for the device to be down goes on. */
static void ibfront_closed(struct xenbus_device *xbdev)
{
	ibfront_switch_state(xbdev, XenbusStateClosed);
	xenbus_frontend_closed(xbdev);
}

/*
 * Stop using the backend: nothing is sent any more, processes lose their
 * contexts, memory that the backend may have mapped goes to the limbo.
 */
static void ibfront_stop(struct ibfront_info *info)
{
	lockdep_assert_held(&info->lock);

	if (!info->dev)
		return;
	ibfront_ring_kill(info->dev);
	ibfront_dev_unregister(info->dev);
}

/* Once the backend has closed: give back all that it had mapped. */
static void ibfront_free(struct ibfront_info *info)
{
	struct ibfront_dev *dev = info->dev;

	lockdep_assert_held(&info->lock);

	if (!dev)
		return;
	info->dev = NULL;
	ibfront_debugfs_remove(dev);
	ibfront_gsi_fini(dev);
	ibfront_kernel_fini(dev);
	ibfront_events_fini(dev);
	ibfront_ring_fini(dev);
	ibfront_arena_stop(dev);
	ibfront_mem_empty_limbo(dev);
	ibfront_arena_fini(dev);
	ib_dealloc_device(&dev->ibdev);
}

static void ibfront_fail_work(struct work_struct *work)
{
	struct ibfront_info *info =
		container_of(work, struct ibfront_info, fail_work);

	mutex_lock(&info->lock);
	/* Not the next connection, if this one has been closed meanwhile */
	if (info->dev && ibfront_ring_dead(info->dev) &&
	    info->xbdev->state != XenbusStateClosed) {
		ibfront_switch_state(info->xbdev, XenbusStateClosing);
		ibfront_stop(info);
		ibfront_switch_state(info->xbdev, XenbusStateClosed);
	}
	mutex_unlock(&info->lock);
	complete(&info->stopped);
}

/* Whether our version is in "versions", a list with commas. */
static bool ibfront_version_ok(struct xenbus_device *xbdev)
{
	char *versions, *next, *version;
	bool found = false;

	versions = xenbus_read(XBT_NIL, xbdev->otherend, VIBIF_FIELD_VERSIONS,
			       NULL);
	if (IS_ERR(versions))
		return false;
	next = versions;
	while ((version = strsep(&next, ",")))
		if (!strcmp(strim(version), VIBIF_PROTOCOL_VERSION))
			found = true;
	kfree(versions);
	return found;
}

static int ibfront_write_nodes(struct ibfront_dev *dev,
			       struct xenbus_transaction xbt)
{
	int err;

	err = xenbus_write(xbt, dev->xbdev->nodename, VIBIF_FIELD_VERSION,
			   VIBIF_PROTOCOL_VERSION);
	if (err)
		return err;
	err = ibfront_channel_publish(dev, &dev->ring.channel, xbt,
				      VIBIF_FIELD_RING_PAGE_ORDER,
				      VIBIF_FIELD_RING_REF,
				      VIBIF_FIELD_RING_EVTCHN);
	if (err)
		return err;
	err = ibfront_channel_publish(dev, &dev->events.channel, xbt,
				      VIBIF_FIELD_EVENT_PAGE_ORDER,
				      VIBIF_FIELD_EVENT_REF,
				      VIBIF_FIELD_EVENT_EVTCHN);
	if (err || !dev->gsi.channel.area)
		return err;
	return ibfront_channel_publish(dev, &dev->gsi.channel, xbt,
				       VIBIF_FIELD_MAD_PAGE_ORDER,
				       VIBIF_FIELD_MAD_REF,
				       VIBIF_FIELD_MAD_EVTCHN);
}

static int ibfront_publish(struct ibfront_dev *dev)
{
	struct xenbus_transaction xbt;
	int err;

	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			return err;
		err = ibfront_write_nodes(dev, xbt);
		if (err) {
			xenbus_transaction_end(xbt, 1);
			return err;
		}
		err = xenbus_transaction_end(xbt, 0);
	} while (err == -EAGAIN);

	return err;
}

/* The backend is in InitWait: allocate and publish the channels. */
static int ibfront_connect(struct ibfront_info *info)
{
	struct xenbus_device *xbdev = info->xbdev;
	unsigned int ring_order, event_order;
	struct ibfront_dev *dev;
	int err;

	lockdep_assert_held(&info->lock);

	if (!ibfront_version_ok(xbdev)) {
		xenbus_dev_fatal(xbdev, -EPROTO,
				 "backend does not speak protocol version %s",
				 VIBIF_PROTOCOL_VERSION);
		return -EPROTO;
	}
	ring_order = xenbus_read_unsigned(xbdev->otherend,
					  VIBIF_FIELD_MAX_RING_PAGE_ORDER, 0);
	ring_order = min(ring_order, IBFRONT_RING_PAGE_ORDER);
	event_order = xenbus_read_unsigned(xbdev->otherend,
					   VIBIF_FIELD_MAX_EVENT_PAGE_ORDER, 1);
	event_order = clamp(event_order, 1, IBFRONT_EVENT_PAGE_ORDER);

	dev = ibfront_dev_alloc(xbdev);
	if (!dev) {
		err = -ENOMEM;
		goto err_fatal;
	}
	dev->fail_work = &info->fail_work;
	err = ibfront_ring_init(dev, ring_order);
	if (err)
		goto err_dealloc;
	err = ibfront_events_init(dev, event_order);
	if (err)
		goto err_fini_ring;
	err = ibfront_gsi_init(dev);
	if (err)
		goto err_fini_events;
	err = ibfront_publish(dev);
	if (err)
		goto err_fini_gsi;

	ibfront_debugfs_add(dev);
	info->dev = dev;
	return 0;

err_fini_gsi:
	ibfront_gsi_fini(dev);
err_fini_events:
	ibfront_events_fini(dev);
err_fini_ring:
	ibfront_ring_fini(dev);
err_dealloc:
	ib_dealloc_device(&dev->ibdev);
err_fatal:
	xenbus_dev_fatal(xbdev, err, "setting up the shared pages");
	return err;
}

static void ibfront_backend_initwait(struct ibfront_info *info)
{
	struct xenbus_device *xbdev = info->xbdev;

	/* We have published, and the backend has not looked yet. */
	if (xbdev->state == XenbusStateInitialised)
		return;

	/* It may have closed and come back without our seeing it closed. */
	ibfront_stop(info);
	ibfront_free(info);
	if (xbdev->state != XenbusStateInitialising)
		ibfront_switch_state(xbdev, XenbusStateInitialising);
	if (!ibfront_connect(info))
		ibfront_switch_state(xbdev, XenbusStateInitialised);
}

static void ibfront_backend_connected(struct ibfront_info *info)
{
	struct xenbus_device *xbdev = info->xbdev;
	int err;

	lockdep_assert_held(&info->lock);

	if (!info->dev || xbdev->state != XenbusStateInitialised)
		return;

	err = ibfront_dev_register(info->dev);
	if (err) {
		/* It is no failure of ours if the backend has left. */
		if (compat_read_state(xbdev->otherend) == XenbusStateConnected)
			xenbus_dev_fatal(xbdev, err, "registering the HCA");
		ibfront_stop(info);
		ibfront_switch_state(xbdev, XenbusStateClosed);
		return;
	}
	ibfront_switch_state(xbdev, XenbusStateConnected);
	ibdev_info(&info->dev->ibdev, "HCA of domain %d\n",
		   xbdev->otherend_id);
}

static void ibfront_backend_closing(struct ibfront_info *info)
{
	ibfront_stop(info);
	ibfront_closed(info->xbdev);
}

static void ibfront_backend_closed(struct ibfront_info *info)
{
	struct xenbus_device *xbdev = info->xbdev;

	/* A backend that is online will see that we have come, and open. */
	if (xbdev->state == XenbusStateInitialising &&
	    xenbus_read_unsigned(xbdev->otherend, VIBIF_FIELD_ONLINE, 0))
		return;

	ibfront_stop(info);
	ibfront_free(info);
	ibfront_closed(xbdev);
	if (info->reopen) {
		info->reopen = false;
		ibfront_switch_state(xbdev, XenbusStateInitialising);
	}
}

/*
 * All is done in the thread that reports changes, however long it takes. Linux
 * 7 takes a device for a new one if that thread reads Initialising from
 * xenstore while another thread changes the state.
 */
static void ibfront_otherend_changed(struct xenbus_device *xbdev,
				     enum xenbus_state state)
{
	struct ibfront_info *info = dev_get_drvdata(&xbdev->dev);

	mutex_lock(&info->lock);
	trace_vib_otherend_state(xbdev, state);
	switch (state) {
	case XenbusStateInitialising:
	case XenbusStateInitialised:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	case XenbusStateInitWait:
		ibfront_backend_initwait(info);
		break;
	case XenbusStateConnected:
		ibfront_backend_connected(info);
		break;
	case XenbusStateClosing:
		ibfront_backend_closing(info);
		break;
	case XenbusStateUnknown:
	case XenbusStateClosed:
		ibfront_backend_closed(info);
		break;
	}
	mutex_unlock(&info->lock);
}

/*
 * A domain that was saved or has migrated has its devices still, but not what
 * they were in xenstore, and xenbus does not look for those that it lacks. So
 * without its nodes this one goes, in the thread in which xenbus would remove
 * it. If they are there by now xenbus takes them for the old ones: begin anew.
 *
 * The watch is set again, and so fires, when such a domain runs again.
 */
static void ibfront_state_changed(struct xenbus_watch *watch, const char *path,
				  const char *token)
{
	struct ibfront_info *info = container_of(watch, struct ibfront_info,
						 state_watch);
	struct xenbus_device *xbdev = info->xbdev;
	const char *dir = xbdev->nodename;

	if (xbdev->otherend)
		return;
	/* What remove() ends with is not to be written: the nodes are new. */
	xbdev->state = XenbusStateClosed;
	/* Both free info. */
	if (!xenbus_exists(XBT_NIL, dir, ""))
		device_unregister(&xbdev->dev);
	else if (compat_read_state(dir) == XenbusStateInitialising &&
		 device_reprobe(&xbdev->dev))
		dev_warn(&xbdev->dev, "cannot begin anew\n");
}

static int ibfront_probe(struct xenbus_device *xbdev,
			 const struct xenbus_device_id *id)
{
	struct ibfront_info *info;
	int err;

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->xbdev = xbdev;
	mutex_init(&info->lock);
	INIT_WORK(&info->fail_work, ibfront_fail_work);
	init_completion(&info->stopped);
	dev_set_drvdata(&xbdev->dev, info);

	/* An earlier frontend left Closed. */
	if (xbdev->state != XenbusStateInitialising)
		ibfront_switch_state(xbdev, XenbusStateInitialising);
	err = xenbus_watch_pathfmt(xbdev, &info->state_watch, NULL,
				   ibfront_state_changed,
				   "%s/" VIBIF_FIELD_STATE, xbdev->nodename);
	if (err)
		kfree(info);
	return err;
}

/*
 * The backend's state is polled, because its watch is gone when remove() runs,
 * and its thread is the one that suspends the domain.
 * A backend that does not close in time loses nothing: what it still has mapped
 * is kept from other use until it is unmapped.
 */
static int ibfront_wait_closed(struct xenbus_device *xbdev)
{
	unsigned int waited;

	for (waited = 0; waited < IBFRONT_CLOSE_TIMEOUT_MS; waited += 20) {
		switch (compat_read_state(xbdev->otherend)) {
		case XenbusStateInitialised:
		case XenbusStateConnected:
		case XenbusStateClosing:
			msleep(20);
			break;
		default:
			return 0;
		}
	}
	dev_warn(&xbdev->dev, "backend did not close in %u ms\n", waited);
	return -ETIMEDOUT;
}

static void ibfront_remove(struct xenbus_device *xbdev)
{
	struct ibfront_info *info = dev_get_drvdata(&xbdev->dev);

	unregister_xenbus_watch(&info->state_watch);
	kfree(info->state_watch.node);
	mutex_lock(&info->lock);
	ibfront_stop(info);
	if (info->dev) {
		ibfront_switch_state(xbdev, XenbusStateClosed);
		ibfront_wait_closed(xbdev);
		ibfront_free(info);
	}
	mutex_unlock(&info->lock);
	/* The ring's interrupt handler, which may have queued it, is gone. */
	cancel_work_sync(&info->fail_work);
	kfree(info);
}

COMPAT_DEFINE_REMOVE(ibfront_driver_remove, ibfront_remove)

/* Close as after a failure, and free all. Return: 0 or a negative errno. */
static int ibfront_close(struct ibfront_info *info)
{
	unsigned int ms = IBFRONT_CLOSE_TIMEOUT_MS;
	int err;

	/*
	 * A user in the kernel may need a thread that is frozen to let go of
	 * the device, as the server of NFS does. So another thread waits for
	 * it, and goes on when that is thawed.
	 */
	reinit_completion(&info->stopped);
	schedule_work(&info->fail_work);
	if (!wait_for_completion_timeout(&info->stopped,
					 msecs_to_jiffies(ms))) {
		dev_warn(&info->xbdev->dev,
			 "the HCA is still in use after %u ms\n", ms);
		return -EBUSY;
	}
	mutex_lock(&info->lock);
	err = ibfront_wait_closed(info->xbdev);
	if (!err)
		ibfront_free(info);
	mutex_unlock(&info->lock);
	return err;
}

/*
 * The domain is about to be suspended: it may run again elsewhere, where there
 * is neither this backend nor a doorbell page. Nor can dom0 save a PV domain
 * that has such a page mapped. So the device is closed as if the backend had
 * gone. This is the last step that can refuse: xenbus ignores what suspend()
 * of its drivers returns.
 */
static int ibfront_prepare(struct device *device)
{
	struct ibfront_info *info = dev_get_drvdata(device);
	bool open;
	int err = 0;

	/* Who has it may wait for a thread that is frozen. */
	if (!mutex_trylock(&info->lock))
		return -EBUSY;
	open = info->dev;
	if (open)
		ibfront_ring_kill(info->dev);
	mutex_unlock(&info->lock);
	if (open)
		err = ibfront_close(info);
	if (err) {
		/* There will be no complete(). */
		WRITE_ONCE(info->reopen, true);
		return err;
	}
	/*
	 * A domain that runs again elsewhere may have no such device yet. For
	 * that xenbus goes to Closing, and would do so in xenstore, too, if the
	 * device is attached at that moment.
	 */
	info->xbdev->state = XenbusStateClosing;
	return 0;
}

/*
 * The domain runs again. If the device is still in xenstore this is the same
 * domain, after a checkpoint or because saving it has failed.
 */
static void ibfront_complete(struct device *device)
{
	struct xenbus_device *xbdev = to_xenbus_device(device);
	struct ibfront_info *info = dev_get_drvdata(device);

	mutex_lock(&info->lock);
	/* prepare() has changed it here alone, and so may xenbus have */
	xbdev->state = compat_read_state(xbdev->nodename);
	if (xbdev->state == XenbusStateClosed)
		ibfront_switch_state(xbdev, XenbusStateInitialising);
	mutex_unlock(&info->lock);
}

static const struct dev_pm_ops ibfront_pm_ops = {
	.prepare = ibfront_prepare,
	.complete = ibfront_complete,
};

static const struct xenbus_device_id ibfront_ids[] = {
	{ VIBIF_DEVICE_CLASS },
	{ "" }
};

static struct xenbus_driver ibfront_driver = {
	.ids = ibfront_ids,
	.not_essential = true,
	.probe = ibfront_probe,
	.remove = ibfront_driver_remove,
	.otherend_changed = ibfront_otherend_changed,
	.driver.pm = &ibfront_pm_ops,
};

static int __init ibfront_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	err = ibfront_fastreg_start();
	if (err)
		return err;
	ibfront_debugfs_init();
	/*
	 * No owner: with one, xenbus would hold the module as long as there is
	 * a device. remove() leaves nothing that needs the module.
	 */
	err = __xenbus_register_frontend(&ibfront_driver, NULL,
					 KBUILD_MODNAME);
	if (err) {
		ibfront_debugfs_exit();
		ibfront_fastreg_stop();
	}
	return err;
}
module_init(ibfront_init);

static void __exit ibfront_exit(void)
{
	xenbus_unregister_driver(&ibfront_driver);
	ibfront_debugfs_exit();
	ibfront_fastreg_stop();
}
module_exit(ibfront_exit);

MODULE_ALIAS("xen:vib");
MODULE_DESCRIPTION("Xen virtual InfiniBand HCA frontend");
MODULE_LICENSE("GPL");
MODULE_VERSION(XENIB_VERSION);
