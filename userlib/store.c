// SPDX-License-Identifier: LGPL-2.1-only
/* store.c - xenstore, as libxenib uses it */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "private.h"

#define TOKEN	"xenib"

/* Events that are taken before the state of things is looked at again */
#define MAX_EVENTS	64

void device_paths(struct device *dev, uint32_t domid, uint32_t devid)
{
	memset(dev, 0, sizeof(*dev));
	dev->domid = domid;
	dev->devid = devid;
	snprintf(dev->be, sizeof(dev->be), BACKEND_ROOT "/%u/%u", domid,
		 devid);
	snprintf(dev->fe, sizeof(dev->fe),
		 DOMAIN_ROOT "/%u/device/" VIBIF_DEVICE_CLASS "/%u", domid,
		 devid);
	snprintf(dev->error, sizeof(dev->error), ERROR_ROOT "/%u/%u", domid,
		 devid);
}

/* Sets the message and errno for a failed access of @path. Returns -1. */
static int store_failed(struct xenib *xn, const char *verb, const char *path)
{
	return fail(xn, errno, "cannot %s xenstore node %s: %s", verb, path,
		    strerror(errno));
}

char *store_read(struct xenib *xn, xs_transaction_t t, const char *dir,
		 const char *node)
{
	char path[128];
	char *value;

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	value = xs_read(xn->xs, t, path, NULL);
	if (!value)
		store_failed(xn, "read", path);
	return value;
}

int store_read_optional(struct xenib *xn, const char *dir, const char *node,
			char **value)
{
	*value = store_read(xn, XBT_NULL, dir, node);
	return *value || errno == ENOENT ? 0 : -1;
}

int store_exists(struct xenib *xn, xs_transaction_t t, const char *path)
{
	char *value = xs_read(xn->xs, t, path, NULL);

	if (!value && errno != ENOENT)
		return store_failed(xn, "read", path);
	free(value);
	return !!value;
}

int store_write(struct xenib *xn, xs_transaction_t t, const char *dir,
		const char *node, const char *fmt, ...)
{
	char path[128], value[1024];
	va_list ap;

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (!xs_write(xn->xs, t, path, value, strlen(value)))
		return store_failed(xn, "write", path);
	return 0;
}

int store_mkdir(struct xenib *xn, xs_transaction_t t, const char *path,
		uint32_t owner, uint32_t reader)
{
	struct xs_permissions perms[] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	if (!xs_mkdir(xn->xs, t, path))
		return store_failed(xn, "create", path);
	if (!xs_set_permissions(xn->xs, t, path, perms, 2))
		return store_failed(xn, "set permissions of", path);
	return 0;
}

int store_rm(struct xenib *xn, xs_transaction_t t, const char *path)
{
	if (!xs_rm(xn->xs, t, path) && errno != ENOENT)
		return store_failed(xn, "remove", path);
	return 0;
}

int store_remove(struct xenib *xn, xs_transaction_t t, const char *path)
{
	char parent[128], **entries;
	unsigned int nr;

	if (store_rm(xn, t, path))
		return -1;
	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = 0;
	entries = xs_directory(xn->xs, t, parent, &nr);
	if (!entries)
		return errno == ENOENT ? 0 : store_failed(xn, "list", parent);
	free(entries);
	return nr ? 0 : store_rm(xn, t, parent);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int store_ids(struct xenib *xn, const char *path, uint32_t **ids, size_t *nr)
{
	unsigned int i, n = 0;
	char **entries = xs_directory(xn->xs, XBT_NULL, path, &n);

	if (!entries && errno != ENOENT)
		return store_failed(xn, "list", path);
	if (!entries)
		n = 0;
	*nr = 0;
	*ids = malloc((n + 1) * sizeof(**ids));
	if (!*ids) {
		free(entries);
		return fail(xn, ENOMEM, "out of memory");
	}
	for (i = 0; i < n; i++) {
		uint64_t id;

		if (!parse_number(entries[i], 10, UINT32_MAX, &id))
			(*ids)[(*nr)++] = id;
	}
	free(entries);
	qsort(*ids, *nr, sizeof(**ids), compare_ids);
	return 0;
}

int store_state(struct xenib *xn, xs_transaction_t t, const char *dir)
{
	char *value = store_read(xn, t, dir, VIBIF_FIELD_STATE);
	uint64_t state;

	if (!value)
		return errno == ENOENT ? XenbusStateUnknown : -1;
	/* The guest writes its own, and may write anything. */
	if (parse_number(value, 10, XenbusStateReconfigured, &state))
		state = XenbusStateUnknown;
	free(value);
	return state;
}

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

bool pause_until(int64_t deadline)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	if (now_ms() >= deadline)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

int store_transact(struct xenib *xn, struct device *dev, const void *arg,
		   unsigned int timeout_ms,
		   int (*fn)(struct xenib *xn, xs_transaction_t t,
			     struct device *dev, const void *arg))
{
	int64_t deadline = now_ms() + timeout_ms;
	xs_transaction_t t;

	do {
		t = xs_transaction_start(xn->xs);
		if (t == XBT_NULL)
			return fail(xn, errno,
				    "cannot start a xenstore transaction: %s",
				    strerror(errno));
		if (fn(xn, t, dev, arg)) {
			int saved_errno = errno;

			xs_transaction_end(xn->xs, t, true);
			errno = saved_errno;
			return -1;
		}
		if (xs_transaction_end(xn->xs, t, false))
			return 0;
		if (errno != EAGAIN)
			return fail(xn, errno,
				    "cannot commit a xenstore transaction: %s",
				    strerror(errno));
	} while (now_ms() < deadline);
	return fail(xn, ETIMEDOUT,
		    "others kept writing to the xenstore nodes of device %u of domain %u for %g s, and no transaction came through",
		    dev->devid, dev->domid, seconds(timeout_ms));
}

static int wait_for_change(struct xenib *xn, int64_t deadline)
{
	struct pollfd pfd = { .fd = xs_fileno(xn->xs), .events = POLLIN };
	int64_t left = deadline - now_ms();
	unsigned int i;

	if (left <= 0)
		return 0;
	if (left > 1000)
		left = 1000;
	if (poll(&pfd, 1, left) < 0 && errno != EINTR)
		return fail(xn, errno, "cannot wait for xenstore: %s",
			    strerror(errno));
	/* A guest can make more as fast as they are taken. */
	for (i = 0; i < MAX_EVENTS; i++) {
		char **event = xs_check_watch(xn->xs);

		if (!event && errno != EAGAIN)
			return fail(xn, errno, "lost xenstore: %s",
				    strerror(errno));
		if (!event)
			break;
		free(event);
	}
	return 1;
}

int store_wait(struct xenib *xn, struct device *dev, unsigned int timeout_ms,
	       int (*fn)(struct xenib *xn, struct device *dev))
{
	const char *const paths[] = { dev->be, dev->fe, dev->error };
	const size_t nr = sizeof(paths) / sizeof(paths[0]);
	int64_t deadline = now_ms() + timeout_ms;
	size_t i, watched;
	int rc = 0, saved_errno;

	for (watched = 0; watched < nr && !rc; watched++)
		if (!xs_watch(xn->xs, paths[watched], TOKEN)) {
			rc = store_failed(xn, "watch", paths[watched]);
			break;
		}
	while (!rc) {
		rc = fn(xn, dev);
		if (rc)
			break;
		rc = wait_for_change(xn, deadline);
		if (!rc)
			break;
		if (rc > 0)
			rc = 0;
	}
	saved_errno = errno;
	for (i = 0; i < watched; i++)
		xs_unwatch(xn->xs, paths[i], TOKEN);
	errno = saved_errno;
	return rc;
}
