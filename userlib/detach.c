// SPDX-License-Identifier: LGPL-2.1-only
/* detach.c - take a device from a guest */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* Nodes that the backend has removed are not made anew. */
static int set_offline(struct xenib *xn, xs_transaction_t t,
		       struct device *dev, const void *arg)
{
	int exists = store_exists(xn, t, dev->be);

	(void)arg;
	if (exists <= 0)
		return exists;
	return store_write(xn, t, dev->be, VIBIF_FIELD_ONLINE, "0");
}

static int set_closing(struct xenib *xn, xs_transaction_t t,
		       struct device *dev, const void *arg)
{
	int state = store_state(xn, t, dev->be);

	(void)arg;
	/* A closed end would take it for a new start. */
	if (state < 0 || state == XenbusStateUnknown ||
	    state == XenbusStateClosed)
		return state < 0 ? -1 : 0;
	return store_write(xn, t, dev->be, VIBIF_FIELD_STATE, "%d",
			   XenbusStateClosing);
}

/*
 * Two steps, since a backend that is offline only goes down, while before that
 * a guest can have it change its state again and again.
 */
static int ask_to_close(struct xenib *xn, struct device *dev,
			unsigned int timeout_ms)
{
	if (store_transact(xn, dev, NULL, timeout_ms, set_offline))
		return -1;
	return store_transact(xn, dev, NULL, timeout_ms, set_closing);
}

static int remove_nodes(struct xenib *xn, xs_transaction_t t,
			struct device *dev, const void *arg)
{
	(void)arg;
	if (store_remove(xn, t, dev->fe) || store_remove(xn, t, dev->be))
		return -1;
	return store_remove(xn, t, dev->error);
}

static int backend_closed(struct xenib *xn, struct device *dev)
{
	int state = store_state(xn, XBT_NULL, dev->be);

	if (state < 0)
		return -1;
	return state == XenbusStateClosed || state == XenbusStateUnknown;
}

/* A driver in the guest has the device. */
static int guest_uses(struct xenib *xn, struct device *dev)
{
	int state = store_state(xn, XBT_NULL, dev->fe);

	if (state < 0)
		return -1;
	return state != XenbusStateUnknown &&
	       state != XenbusStateInitialising && state != XenbusStateClosed;
}

static int close_guest(struct xenib *xn, struct device *dev, bool force,
		       unsigned int timeout_ms)
{
	int rc = guest_uses(xn, dev);

	if (rc > 0) {
		rc = store_wait(xn, dev, timeout_ms, backend_closed);
		if (!rc && !force)
			return fail(xn, ETIMEDOUT,
				    "domain %u did not let go of device %u within %g s: is its kernel alive? To go on without it, force it",
				    dev->domid, dev->devid,
				    seconds(timeout_ms));
	}
	return rc < 0 ? -1 : 0;
}

static int close_backend(struct xenib *xn, struct device *dev, bool force,
			 unsigned int timeout_ms)
{
	int rc = store_wait(xn, dev, timeout_ms, backend_closed);

	if (!rc && !force)
		return fail(xn, ETIMEDOUT,
			    "the backend did not close device %u of domain %u within %g s: see the kernel's log of this domain",
			    dev->devid, dev->domid, seconds(timeout_ms));
	return rc < 0 ? -1 : 0;
}

/*
 * The driver lets go of a device when its nodes are gone; only then is nothing
 * held for it any more. sysfs sends no events, so this polls.
 */
static int wait_released(struct xenib *xn, struct device *dev,
			 unsigned int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	while (backend_holds(xn, dev))
		if (!pause_until(deadline))
			return fail(xn, ETIMEDOUT,
				    "the backend did not release device %u of domain %u within %g s",
				    dev->devid, dev->domid,
				    seconds(timeout_ms));
	return 0;
}

static int remove_steps(struct xenib *xn, struct device *dev, bool force,
			unsigned int timeout_ms)
{
	/* Without its driver nobody answers, nor is there anything to stop. */
	bool bound = backend_bound(xn, dev);
	struct failure first;
	int rc;

	if (bound && ask_to_close(xn, dev, timeout_ms) &&
	    !(force && errno == ETIMEDOUT))
		return -1;
	if (bound && dev->alive && close_guest(xn, dev, force, timeout_ms))
		return -1;
	/* While the nodes are there, another detach can do what failed. */
	rc = dev->alive ? uars_close(xn, dev) : 0;
	if (rc && !force)
		return -1;
	failure_save(xn, &first);
	/*
	 * To the backend, a frontend without nodes is gone. The guest, to which
	 * they belong, can write to them all the time: no transaction.
	 */
	if (store_rm(xn, XBT_NULL, dev->fe))
		return -1;
	if (bound && close_backend(xn, dev, force, timeout_ms))
		return -1;
	if (store_transact(xn, dev, NULL, timeout_ms, remove_nodes) ||
	    wait_released(xn, dev, timeout_ms))
		return -1;
	if (rc)
		failure_restore(xn, &first);
	return rc;
}

/* Where a translated guest has its UARs; before uars_close(). */
static int read_gfn_base(struct xenib *xn, struct device *dev)
{
	char *value = store_read(xn, XBT_NULL, dev->be,
				 VIBIF_FIELD_UAR_GFN_BASE);
	int rc = 0;

	if (!value)
		return errno == ENOENT ? 0 : -1;
	if (parse_number(value, 10, UINT64_MAX >> XC_PAGE_SHIFT,
			 &dev->gfn_base))
		rc = fail(xn, EPROTO,
			  "%s/" VIBIF_FIELD_UAR_GFN_BASE " is \"%s\", not a frame",
			  dev->be, value);
	dev->translated = dev->gfn_base;
	free(value);
	return rc;
}

int device_remove(struct xenib *xn, struct device *dev, unsigned int flags,
		  unsigned int timeout_ms)
{
	bool force = flags & XENIB_DETACH_FORCE;
	int rc;

	/* Pages that cannot be read cannot be closed. If forced, leave them. */
	rc = read_gfn_base(xn, dev) ? -1 : uars_read(xn, dev);
	if (rc && !force)
		return -1;
	if (dev->nr_uars && !force && !backend_bound(xn, dev))
		rc = fail(xn, ENXIO,
			  "no backend: without xen-ibback the HCA would lose the %zu doorbell pages of domain %u",
			  dev->nr_uars, dev->domid);
	else
		rc = remove_steps(xn, dev, force, timeout_ms);
	free(dev->uars);
	dev->uars = NULL;
	return rc;
}

int xenib_detach(struct xenib *xn, uint32_t domid, uint32_t devid,
		 unsigned int flags, unsigned int timeout_ms)
{
	struct device dev;
	int be, fe, alive;

	if (flags & ~XENIB_DETACH_FORCE)
		return fail(xn, EINVAL, "unknown flags %#x", flags);
	device_paths(&dev, domid, devid);
	be = store_exists(xn, XBT_NULL, dev.be);
	fe = store_exists(xn, XBT_NULL, dev.fe);
	alive = domain_alive(xn, domid, NULL);
	if (be < 0 || fe < 0 || alive < 0)
		return -1;
	if (!be && !fe && !alive)
		return fail(xn, ENOENT, "no such domain: %u", domid);
	if (!be && !fe)
		return fail(xn, ENOENT,
			    "not attached: domain %u has no device %u", domid,
			    devid);
	dev.alive = alive;
	return device_remove(xn, &dev, flags, timeout_ms);
}
