// SPDX-License-Identifier: LGPL-2.1-only
/* handle.c - the handle of libxenib, its errors, and whom it talks about */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

#ifndef XENIB_SYSFS
#define XENIB_SYSFS	"/sys"
#endif

/* libxenctrl would print its complaints; we have them in errno. */
static void log_nothing(struct xentoollog_logger *logger,
			xentoollog_level level, int errnoval,
			const char *context, const char *format, va_list al)
{
	(void)logger;
	(void)level;
	(void)errnoval;
	(void)context;
	(void)format;
	(void)al;
}

static void log_destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

struct xenib *xenib_open(unsigned int flags)
{
	struct xenib *xn;

	if (flags) {
		errno = EINVAL;
		return NULL;
	}
	xn = calloc(1, sizeof(*xn));
	if (!xn)
		return NULL;
	xn->sysfs = XENIB_SYSFS;
	xn->log.vmessage = log_nothing;
	xn->log.destroy = log_destroy;
	xn->xc = xc_interface_open(&xn->log, &xn->log, 0);
	if (!xn->xc)
		goto err;
	xn->xs = xs_open(0);
	if (!xn->xs)
		goto err;
	return xn;
err:
	xenib_close(xn);
	return NULL;
}

void xenib_close(struct xenib *xn)
{
	int saved_errno = errno;

	if (!xn)
		return;
	if (xn->xs)
		xs_close(xn->xs);
	if (xn->xc)
		xc_interface_close(xn->xc);
	free(xn);
	errno = saved_errno;
}

const char *xenib_error(const struct xenib *xn)
{
	return xn->message;
}

const char *xenib_warning(const struct xenib *xn)
{
	return xn->warning;
}

/* One line, safe for a terminal, whatever it quotes. */
static void print_line(char *line, size_t size, const char *fmt, va_list ap)
{
	char *p;

	vsnprintf(line, size, fmt, ap);
	for (p = line; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

int fail(struct xenib *xn, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(xn->message, sizeof(xn->message), fmt, ap);
	va_end(ap);
	errno = err;
	return -1;
}

void warn(struct xenib *xn, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(xn->warning, sizeof(xn->warning), fmt, ap);
	va_end(ap);
}

void failure_save(const struct xenib *xn, struct failure *f)
{
	f->err = errno;
	memcpy(f->message, xn->message, sizeof(f->message));
}

void failure_restore(struct xenib *xn, const struct failure *f)
{
	memcpy(xn->message, f->message, sizeof(xn->message));
	errno = f->err;
}

int domain_alive(struct xenib *xn, uint32_t domid, xc_domaininfo_t *info)
{
	xc_domaininfo_t local;
	int found;

	if (!info)
		info = &local;
	/*
	 * This finds the first domain with that id or a higher one. The call
	 * for one domain is another in Xen 4.17 than from 4.18 on.
	 */
	found = xc_domain_getinfolist(xn->xc, domid, 1, info);
	if (found < 0)
		return fail(xn, errno,
			    "cannot ask the hypervisor about domain %u: %s",
			    domid, strerror(errno));
	return found && info->domain == domid &&
	       !(info->flags & XEN_DOMINF_dying);
}

bool backend_loaded(struct xenib *xn)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/" SYSFS_DRIVER, xn->sysfs);
	return !access(path, F_OK);
}

bool backend_bound(struct xenib *xn, const struct device *dev)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/" SYSFS_DEVICE "/driver", xn->sysfs,
		 dev->domid, dev->devid);
	return !access(path, F_OK);
}

bool backend_holds(struct xenib *xn, const struct device *dev)
{
	char path[256];

	/* The links below bus/ go before the driver has let go of it. */
	snprintf(path, sizeof(path), "%s/devices/" SYSFS_NAME, xn->sysfs,
		 dev->domid, dev->devid);
	return !access(path, F_OK);
}

int xenib_domain(struct xenib *xn, const char *domain, uint32_t *domid)
{
	uint32_t *ids;
	uint64_t id;
	size_t i, nr;
	int rc = -1;

	/* Domain ids from here on are Xen's own (DOMID_SELF and so on). */
	if (!parse_number(domain, 10, DOMID_FIRST_RESERVED - 1, &id)) {
		*domid = id;
		return 0;
	}
	if (store_ids(xn, DOMAIN_ROOT, &ids, &nr))
		return -1;
	for (i = 0; i < nr && rc; i++) {
		char path[64], *name;

		snprintf(path, sizeof(path), DOMAIN_ROOT "/%u", ids[i]);
		name = store_read(xn, XBT_NULL, path, "name");
		if (name && !strcmp(name, domain)) {
			*domid = ids[i];
			rc = 0;
		}
		free(name);
	}
	free(ids);
	if (rc)
		fail(xn, ENOENT, "no such domain: %s", domain);
	return rc;
}

/* xenib.h is read without the protocol's header, whose numbers it repeats. */
static_assert(XENIB_MAX_CONTEXTS == VIBIF_MAX_CONTEXTS, "most contexts");
static_assert(XENIB_MAX_QUOTA == VIBIF_MAX_QUOTA, "highest quota");
static_assert(XENIB_MAX_MAD_RATE == VIBIF_MAX_MAD_RATE, "highest rate of MADs");
static_assert(XENIB_MAX_PORTS == VIBIF_MAX_PORTS, "most ports");
static_assert(XENIB_MAX_PKEYS == VIBIF_MAX_PKEYS, "most P_Keys of a port");
#define COUNT(id, name, value)		+ 1
static_assert(XENIB_NR_QUOTAS == VIBIF_QUOTAS(COUNT), "all quotas");

#define QUOTA_NAME(id, name, value)	[XENIB_QUOTA_##id] = #name,
static const char *const quota_names[XENIB_NR_QUOTAS] = {
	VIBIF_QUOTAS(QUOTA_NAME)
};

#define QUOTA_NODE(id, name, value)	\
	[XENIB_QUOTA_##id] = VIBIF_FIELD_QUOTA(name),
static const char *const quota_nodes[XENIB_NR_QUOTAS] = {
	VIBIF_QUOTAS(QUOTA_NODE)
};

const char *xenib_quota_name(unsigned int quota)
{
	return quota < XENIB_NR_QUOTAS ? quota_names[quota] : NULL;
}

const char *quota_node(enum xenib_quota quota)
{
	return quota_nodes[quota];
}

static const char *const state_names[] = {
	[XenbusStateUnknown] = "Unknown",
	[XenbusStateInitialising] = "Initialising",
	[XenbusStateInitWait] = "InitWait",
	[XenbusStateInitialised] = "Initialised",
	[XenbusStateConnected] = "Connected",
	[XenbusStateClosing] = "Closing",
	[XenbusStateClosed] = "Closed",
	[XenbusStateReconfiguring] = "Reconfiguring",
	[XenbusStateReconfigured] = "Reconfigured",
};

const char *xenib_state_name(unsigned int state)
{
	if (state >= sizeof(state_names) / sizeof(state_names[0]))
		state = XenbusStateUnknown;
	return state_names[state];
}
