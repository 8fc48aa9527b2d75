// SPDX-License-Identifier: GPL-2.0-only
/* world.c - what Xen says: the hypervisor, and what dom0 wrote to xenstore */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <xen/interface/io/vibif.h>
#include <xen/io/xenbus.h>
#include <xenctrl.h>
#include <xenstore.h>

#include "xenibd.h"

#define DEVICES		"/local/domain/0/backend/" VIBIF_DEVICE_CLASS
#define BATCH		64
#define MAX_EVENTS	100

/*
 * @named: the domains whose names are watched, ascending
 */
struct world {
	struct xenib *xn;
	xc_interface *xc;
	struct xs_handle *xs;
	uint32_t *named;
	size_t nr_named;
};

struct world *world_open(void)
{
	struct world *w = must(calloc(1, sizeof(*w)));

	w->xn = xenib_open(0);
	w->xc = w->xn ? xc_interface_open(NULL, NULL, 0) : NULL;
	w->xs = w->xc ? xs_open(0) : NULL;
	if (w->xs && xs_watch(w->xs, "@introduceDomain", "domains") &&
	    xs_watch(w->xs, "@releaseDomain", "domains") &&
	    xs_watch(w->xs, DEVICES, "devices"))
		return w;
	say(LOG_ERR, "cannot reach Xen: %s: is this dom0, is xenstored running, and are you root?",
	    strerror(errno));
	return NULL;
}

int world_fd(const struct world *w)
{
	return xs_fileno(w->xs);
}

enum world_event world_event(struct world *w)
{
	enum world_event found = WORLD_SAME;
	char **event;
	int i;

	/* A guest can cause more as fast as they are taken. */
	for (i = 0; i < MAX_EVENTS; i++) {
		event = xs_check_watch(w->xs);
		if (!event)
			return errno == EAGAIN ? found : WORLD_LOST;
		if (strcmp(event[XS_WATCH_TOKEN], "devices"))
			found = WORLD_DOMAINS;
		else if (found == WORLD_SAME)
			found = WORLD_DEVICES;
		free(event);
	}
	return found;
}

static void add_device(struct domain *d, const struct xenib_device *from)
{
	d->devices = must(reallocarray(d->devices, d->nr_devices + 1,
				       sizeof(*d->devices)));
	d->devices[d->nr_devices++] = (struct attached){
		.devid = from->devid,
		.ready = from->backend_state >= XenbusStateInitWait,
		.options = options_of(from),
	};
}

static bool is_watched(const struct world *w, uint32_t domid)
{
	size_t i;

	for (i = 0; i < w->nr_named; i++)
		if (w->named[i] == domid)
			return true;
	return false;
}

/* A watch of what is not there does no harm, and ends with us. */
static void watch_name(struct world *w, uint32_t domid)
{
	char path[64];

	if (is_watched(w, domid))
		return;
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	if (!xs_watch(w->xs, path, "name"))
		return;
	w->named = must(reallocarray(w->named, w->nr_named + 1,
				     sizeof(*w->named)));
	w->named[w->nr_named++] = domid;
}

/* Domain ids are used again late; those of domains that are gone go first. */
static void unwatch_names(struct world *w, const struct domain *domains,
			  size_t nr)
{
	size_t i, j, kept = 0;
	char path[64];

	for (i = 0; i < w->nr_named; i++) {
		for (j = 0; j < nr && domains[j].domid != w->named[i]; j++)
			;
		if (j < nr) {
			w->named[kept++] = w->named[i];
			continue;
		}
		snprintf(path, sizeof(path), "/local/domain/%u/name",
			 w->named[i]);
		xs_unwatch(w->xs, path, "name");
	}
	w->nr_named = kept;
}

/* A guest that ended in one of these ways, its toolstack starts again. */
static bool will_restart(const xc_domaininfo_t *info)
{
	unsigned int reason = info->flags >> XEN_DOMINF_shutdownshift &
			      XEN_DOMINF_shutdownmask;

	return info->flags & XEN_DOMINF_shutdown &&
	       (reason == SHUTDOWN_reboot || reason == SHUTDOWN_crash ||
		reason == SHUTDOWN_watchdog);
}

static void read_domain(struct world *w, struct domain *d,
			const xc_domaininfo_t *info)
{
	const uint8_t *u = info->handle;
	char path[64];

	memset(d, 0, sizeof(*d));
	d->domid = info->domain;
	snprintf(d->uuid, sizeof(d->uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
	d->ended = info->flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown);
	d->restarts = will_restart(info);
	snprintf(path, sizeof(path), "/local/domain/%u/name", d->domid);
	d->name = xs_read(w->xs, XBT_NULL, path, NULL);
}

static bool has_uuid(const xc_domaininfo_t *info)
{
	static const xen_domain_handle_t none;

	return memcmp(info->handle, none, sizeof(none)) != 0;
}

/* Those without a UUID cannot be known again, and toolstacks make none. */
static ssize_t read_domains(struct world *w, struct domain **domains)
{
	xc_domaininfo_t info[BATCH];
	struct domain *list = NULL;
	uint32_t first = 1;
	size_t nr = 0;
	int i, found;

	do {
		found = xc_domain_getinfolist(w->xc, first, BATCH, info);
		if (found < 0) {
			say(LOG_ERR, "cannot ask the hypervisor for domains: %s",
			    strerror(errno));
			domains_free(list, nr);
			return -1;
		}
		list = must(reallocarray(list, nr + found + 1, sizeof(*list)));
		for (i = 0; i < found; i++) {
			first = info[i].domain + 1;
			watch_name(w, info[i].domain);
			if (has_uuid(&info[i]))
				read_domain(w, &list[nr++], &info[i]);
		}
	} while (found == BATCH);
	*domains = list;
	return nr;
}

ssize_t world_read(struct world *w, struct domain **domains)
{
	struct xenib_device *devices;
	size_t i, nr_devices;
	ssize_t j, nr;

	/*
	 * The devices first: what is gone while its domain was still there is
	 * gone because somebody detached it.
	 */
	if (xenib_list(w->xn, XENIB_ALL_DOMAINS, &devices, &nr_devices)) {
		say(LOG_ERR, "cannot list devices: %s", xenib_error(w->xn));
		return -1;
	}
	nr = read_domains(w, domains);
	for (j = 0; j < nr; j++)
		for (i = 0; i < nr_devices; i++)
			if (devices[i].domid == (*domains)[j].domid)
				add_device(&(*domains)[j], &devices[i]);
	xenib_list_free(devices, nr_devices);
	if (nr >= 0)
		unwatch_names(w, *domains, nr);
	return nr;
}
