// SPDX-License-Identifier: LGPL-2.1-only
/* attach.c - give a guest a device */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* How long a backend that has already failed may take to clean up. */
#define UNDO_TIMEOUT	2000

static int check_args(struct xenib *xn, const struct xenib_attach_args *args)
{
	if (!args->domid)
		return fail(xn, EINVAL,
			    "domain 0 has the HCA itself: attach to a guest");
	if (args->domid >= DOMID_FIRST_RESERVED)
		return fail(xn, EINVAL, "domain id %u is not below %u",
			    args->domid, DOMID_FIRST_RESERVED);
	if (args->devid > XENIB_MAX_DEVID)
		return fail(xn, EINVAL, "device id %u is not in 0 .. %u",
			    args->devid, XENIB_MAX_DEVID);
	if (quotas_check(xn, args->quota))
		return -1;
	if (args->mad_rate > XENIB_MAX_MAD_RATE)
		return fail(xn, EINVAL, "%u MADs a second are more than %u",
			    args->mad_rate, XENIB_MAX_MAD_RATE);
	if (identity_check(xn, args))
		return -1;
	return args->hca ? hca_check_form(xn, args->hca) : 0;
}

/* @uuid: NULL: whatever it is */
static int find_domain(struct xenib *xn, uint32_t domid,
		       const xen_domain_handle_t *uuid, xc_domaininfo_t *info)
{
	int alive = domain_alive(xn, domid, info);

	if (alive < 0)
		return -1;
	if (!alive)
		return fail(xn, ESRCH, "no such domain: %u", domid);
	if (uuid && memcmp(info->handle, *uuid, sizeof(*uuid)))
		return fail(xn, ESRCH,
			    "domain %u is not the one that is meant: it has another UUID",
			    domid);
	return 0;
}

static int check_domain(struct xenib *xn, struct device *dev, const char *uuid)
{
	xen_domain_handle_t wanted;
	xc_domaininfo_t info;

	if (uuid && parse_uuid(uuid, wanted))
		return fail(xn, EINVAL,
			    "\"%s\" is not a UUID like 6f1c2b1e-93b5-4e0f-8d2c-0a5b7c9d1e3f",
			    uuid);
	if (find_domain(xn, dev->domid, uuid ? &wanted : NULL, &info))
		return -1;
	memcpy(dev->uuid, info.handle, sizeof(dev->uuid));
	dev->translated = info.flags & XEN_DOMINF_hvm_guest;
	if (!dev->translated)
		return 0;
	dev->gfn_base = choose_gfn_base(info.max_pages, info.gpaddr_bits,
					dev->devid);
	if (!dev->gfn_base)
		return fail(xn, ENOSPC,
			    "no room for doorbell pages above the memory of domain %u (up to %llu pages)",
			    dev->domid, (unsigned long long)info.max_pages);
	return 0;
}

/*
 * Nobody tells us when a domain dies, so what it left goes now, or what there
 * was no time for at the next attach.
 */
static int remove_stale(struct xenib *xn, unsigned int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	uint32_t *domids, *devids;
	size_t i, j, nr, nr_devs;
	int rc;

	rc = store_ids(xn, BACKEND_ROOT, &domids, &nr);
	if (rc)
		return rc;
	for (i = 0; i < nr && !rc; i++) {
		char path[64];

		rc = domain_alive(xn, domids[i], NULL);
		if (rc) {
			rc = rc < 0 ? rc : 0;
			continue;
		}
		snprintf(path, sizeof(path), BACKEND_ROOT "/%u", domids[i]);
		rc = store_ids(xn, path, &devids, &nr_devs);
		if (rc)
			break;
		for (j = 0; j < nr_devs && now_ms() < deadline; j++) {
			struct device dev;

			/* A failure is not ours, and the next may do better. */
			device_paths(&dev, domids[i], devids[j]);
			device_remove(xn, &dev, XENIB_DETACH_FORCE,
				      UNDO_TIMEOUT);
		}
		free(devids);
	}
	free(domids);
	return rc;
}

static int create_backend(struct xenib *xn, xs_transaction_t t,
			  struct device *dev, const void *arg)
{
	const struct xenib_attach_args *args = arg;
	int state, exists = store_exists(xn, t, dev->be);

	if (exists < 0)
		return -1;
	if (exists) {
		state = store_state(xn, t, dev->be);
		return fail(xn, EEXIST,
			    "already attached: domain %u has device %u (backend %s): detach it first",
			    dev->domid, dev->devid,
			    xenib_state_name(state < 0 ? 0 : state));
	}
	if (store_remove(xn, t, dev->error) || store_remove(xn, t, dev->fe) ||
	    store_mkdir(xn, t, dev->be, 0, dev->domid) ||
	    store_write(xn, t, dev->be, VIBIF_FIELD_FRONTEND, "%s", dev->fe) ||
	    store_write(xn, t, dev->be, VIBIF_FIELD_FRONTEND_ID, "%u",
			dev->domid) ||
	    store_write(xn, t, dev->be, VIBIF_FIELD_ONLINE, "1"))
		return -1;
	/* It stays the same when the HCA is renamed. */
	if (*dev->hca_guid &&
	    store_write(xn, t, dev->be, VIBIF_FIELD_HCA_GUID, "%s",
			dev->hca_guid))
		return -1;
	if (quotas_write(xn, t, dev, args->quota))
		return -1;
	if (args->mad_rate &&
	    store_write(xn, t, dev->be, VIBIF_FIELD_MAD_RATE, "%u",
			args->mad_rate))
		return -1;
	if (args->no_mad_pm &&
	    store_write(xn, t, dev->be, VIBIF_FIELD_MAD_PM, "0"))
		return -1;
	if (identity_write(xn, t, dev, args))
		return -1;
	/* Empty as yet, but a backend is not probed without it. */
	if (store_mkdir(xn, t, dev->fe, dev->domid, 0))
		return -1;
	return store_write(xn, t, dev->be, VIBIF_FIELD_STATE, "%d",
			   XenbusStateInitialising);
}

/* Nodes that the backend has removed, with the domain, are not made anew. */
static int set_gfn_base(struct xenib *xn, xs_transaction_t t,
			struct device *dev, const void *arg)
{
	int exists = store_exists(xn, t, dev->be);

	(void)arg;
	if (exists < 0)
		return -1;
	if (!exists)
		return fail(xn, ESRCH, "no such domain: %u", dev->domid);
	return store_write(xn, t, dev->be, VIBIF_FIELD_UAR_GFN_BASE, "%llu",
			   (unsigned long long)dev->gfn_base);
}

/*
 * The guest may write here already, so this does without a transaction: before
 * there is a state no driver looks at the rest.
 */
static int create_frontend(struct xenib *xn, struct device *dev)
{
	if (store_write(xn, XBT_NULL, dev->fe, VIBIF_FIELD_BACKEND, "%s",
			dev->be) ||
	    store_write(xn, XBT_NULL, dev->fe, VIBIF_FIELD_BACKEND_ID, "0"))
		return -1;
	return store_write(xn, XBT_NULL, dev->fe, VIBIF_FIELD_STATE, "%d",
			   XenbusStateInitialising);
}

/* Fails, with what the backend says, when it has given up. */
static int check_backend(struct xenib *xn, struct device *dev, int state)
{
	char *value = store_read(xn, XBT_NULL, dev->error, VIBIF_FIELD_ERROR);
	const char *text;
	int err;

	if (value) {
		err = parse_error(value, &text);
		fail(xn, err, "the backend reports: %s", text);
		free(value);
		return -1;
	}
	if (errno != ENOENT)
		return -1;
	if (state == XenbusStateInitialising || state == XenbusStateInitWait ||
	    state == XenbusStateInitialised || state == XenbusStateConnected)
		return 0;
	return fail(xn, EPROTO,
		    "the device went to state %s while it was being attached",
		    xenib_state_name(state));
}

static int backend_ready(struct xenib *xn, struct device *dev)
{
	int state = store_state(xn, XBT_NULL, dev->be);

	if (state < 0)
		return -1;
	if (state == XenbusStateInitWait)
		return 1;
	return check_backend(xn, dev, state);
}

static int both_connected(struct xenib *xn, struct device *dev)
{
	int be = store_state(xn, XBT_NULL, dev->be);
	int fe = store_state(xn, XBT_NULL, dev->fe);

	if (be < 0 || fe < 0)
		return -1;
	if (be == XenbusStateConnected && fe == XenbusStateConnected)
		return 1;
	if (fe == XenbusStateClosing || fe == XenbusStateClosed)
		be = fe;
	return check_backend(xn, dev, be);
}

static int wait_backend(struct xenib *xn, struct device *dev,
			unsigned int timeout_ms)
{
	int rc = store_wait(xn, dev, timeout_ms, backend_ready);

	if (!rc)
		return fail(xn, ETIMEDOUT,
			    "the backend did not answer within %g s: see the kernel's log of this domain, or give it more time",
			    seconds(timeout_ms));
	return rc < 0 ? -1 : 0;
}

static int wait_guest(struct xenib *xn, struct device *dev,
		      unsigned int timeout_ms)
{
	int rc = store_wait(xn, dev, timeout_ms, both_connected);
	int state;

	if (rc)
		return rc < 0 ? -1 : 0;
	state = store_state(xn, XBT_NULL, dev->fe);
	if (state < 0)
		return -1;
	return fail(xn, ETIMEDOUT,
		    "domain %u did not connect within %g s: %s%s",
		    dev->domid, seconds(timeout_ms),
		    state == XenbusStateInitialising ?
		    "is xen-ibfront loaded in it?" : "its driver is in state ",
		    state == XenbusStateInitialising ? "" :
		    xenib_state_name(state));
}

/*
 * The domain may have ended since it was looked at, and another one have got
 * its id. If the nodes went with the first, none tells what is open to it.
 */
static int open_to_domain(struct xenib *xn, struct device *dev)
{
	struct failure first;
	xc_domaininfo_t info;

	if (uars_open(xn, dev))
		return -1;
	if (!find_domain(xn, dev->domid, &dev->uuid, &info))
		return 0;
	failure_save(xn, &first);
	uars_close(xn, dev);
	failure_restore(xn, &first);
	return -1;
}

/* What remains once the backend's nodes exist. */
static int finish_attach(struct xenib *xn, struct device *dev,
			 const struct xenib_attach_args *args)
{
	if (wait_backend(xn, dev, args->timeout_ms) || uars_read(xn, dev))
		return -1;
	if (!dev->nr_uars)
		return fail(xn, EPROTO, "the backend reserved no doorbell page");
	/* First, so that whoever cleans up after us finds the mappings. */
	if (dev->translated &&
	    store_transact(xn, dev, NULL, args->timeout_ms, set_gfn_base))
		return -1;
	if (open_to_domain(xn, dev) || create_frontend(xn, dev))
		return -1;
	return args->wait ? wait_guest(xn, dev, args->timeout_ms) : 0;
}

int xenib_attach(struct xenib *xn, const struct xenib_attach_args *args)
{
	struct failure first;
	struct device dev;
	int rc;

	xn->warning[0] = 0;
	if (check_args(xn, args))
		return -1;
	device_paths(&dev, args->domid, args->devid);
	if (check_domain(xn, &dev, args->uuid))
		return -1;
	if (!backend_loaded(xn))
		return fail(xn, ENXIO,
			    "no backend: the module xen-ibback is not loaded");
	if (hca_find(xn, args->hca, &dev) ||
	    remove_stale(xn, args->timeout_ms) ||
	    store_transact(xn, &dev, args, args->timeout_ms, create_backend))
		return -1;

	rc = finish_attach(xn, &dev, args);
	free(dev.uars);
	if (!rc) {
		hca_check_events(xn, &dev, args->timeout_ms);
	} else {
		failure_save(xn, &first);
		device_paths(&dev, args->domid, args->devid);
		dev.alive = true;
		device_remove(xn, &dev, XENIB_DETACH_FORCE, UNDO_TIMEOUT);
		failure_restore(xn, &first);
	}
	return rc;
}
