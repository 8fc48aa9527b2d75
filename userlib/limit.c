// SPDX-License-Identifier: LGPL-2.1-only
/* limit.c - what a guest may hold, and how to change it later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "private.h"

int quotas_check(struct xenib *xn, const uint32_t *quota)
{
	unsigned int i;

	for (i = 0; i < XENIB_NR_QUOTAS; i++) {
		uint32_t max = i == XENIB_QUOTA_CONTEXT ? XENIB_MAX_CONTEXTS :
							   XENIB_MAX_QUOTA;

		if (quota[i] > max)
			return fail(xn, EINVAL, "%u %s are more than %u",
				    quota[i], xenib_quota_name(i), max);
	}
	return 0;
}

int quotas_write(struct xenib *xn, xs_transaction_t t, struct device *dev,
		 const uint32_t *quota)
{
	unsigned int i;

	for (i = 0; i < XENIB_NR_QUOTAS; i++)
		if (quota[i] && store_write(xn, t, dev->be, quota_node(i), "%u",
					    quota[i]))
			return -1;
	return 0;
}

static int check_change(struct xenib *xn, const uint32_t *quota)
{
	if (quota[XENIB_QUOTA_CONTEXT])
		return fail(xn, EINVAL,
			    "contexts cannot change while a device is attached, as doorbell pages are reserved for them: detach it and attach it with other --contexts");
	return quotas_check(xn, quota);
}

static int change_quotas(struct xenib *xn, xs_transaction_t t,
			 struct device *dev, const void *arg)
{
	int exists = store_exists(xn, t, dev->be);

	if (exists < 0)
		return -1;
	if (!exists)
		return fail(xn, ENOENT,
			    "not attached: domain %u has no device %u",
			    dev->domid, dev->devid);
	return quotas_write(xn, t, dev, arg);
}

/* The backend enforces all that was written. */
static bool quotas_enforced(struct xenib *xn, const struct device *dev,
			    const uint32_t *quota)
{
	char path[256];
	uint64_t value;
	unsigned int i;

	for (i = 0; i < XENIB_NR_QUOTAS; i++) {
		if (!quota[i])
			continue;
		snprintf(path, sizeof(path),
			 "%s/" SYSFS_DEVICE "/statistics/%s_max", xn->sysfs,
			 dev->domid, dev->devid, xenib_quota_name(i));
		if (counter_read(AT_FDCWD, path, &value) || value != quota[i])
			return false;
	}
	return true;
}

int xenib_limit(struct xenib *xn, uint32_t domid, uint32_t devid,
		const uint32_t *quota, unsigned int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	struct device dev;

	xn->warning[0] = 0;
	device_paths(&dev, domid, devid);
	if (check_change(xn, quota) ||
	    store_transact(xn, &dev, quota, timeout_ms, change_quotas))
		return -1;
	/* Without its driver, the quotas are those of the next. */
	while (backend_bound(xn, &dev) && !quotas_enforced(xn, &dev, quota))
		if (!pause_until(deadline))
			return fail(xn, ETIMEDOUT,
				    "the backend did not take the quotas of device %u of domain %u within %g s",
				    devid, domid, seconds(timeout_ms));
	hca_check_events(xn, &dev, timeout_ms);
	return 0;
}
