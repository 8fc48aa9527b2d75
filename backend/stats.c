// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quotas and statistics, per device and for the whole module.
 *
 * /sys/bus/xen-backend/devices/vib-<domid>-<devid>/statistics/: what the guest
 * holds (<resource>), may hold (<resource>_max), how often a limit was in its
 * way (refused_<limit>), and what was counted since the device was created, by
 * the HCA, too; what that counts, up to 100 ms ago.
 *
 * /sys/bus/xen-backend/drivers/vib/: what all guests hold, and grants mapped
 * (also those of rings and event areas), UARs reserved (also those in
 * quarantine), and stuck, the objects that the HCA refused to give up. All are
 * zero when nothing is attached.
 */

#include <linux/sysfs.h>

#include "ibback.h"

/*
 * dev->used and the quotas are int, whose sums must not overflow. One request
 * may want an array of 8 octets for each of its pages: kvmalloc() warns from
 * 2 GiB on.
 */
static_assert(VIBIF_MAX_QUOTA <= INT_MAX / 16);

static atomic_long_t total_resources[IBBACK_NR_RESOURCES];
static atomic_long_t totals[IBBACK_NR_TOTALS];

#define IBBACK_QUOTA_NAME(id, name, quota)	#name,
#define IBBACK_LIMIT_NAME(id, name)		#name,
static const char * const limit_names[IBBACK_NR_LIMITS] = {
	VIBIF_QUOTAS(IBBACK_QUOTA_NAME)
	IBBACK_LIMITS(IBBACK_LIMIT_NAME)
};

/* So many lines in so many seconds are said of a guest that is refused much */
#define REFUSED_LINES		6
#define REFUSED_S		60

/* Before anything is refused */
void ibback_refusals_init(struct ibback_dev *dev)
{
	ratelimit_state_init(&dev->refused_log, REFUSED_S * HZ, REFUSED_LINES);
	/* How many there are more the counters tell. */
	ratelimit_set_flags(&dev->refused_log, RATELIMIT_MSG_ON_RELEASE);
}

void ibback_count_refused(struct ibback_dev *dev, enum ibback_limit limit)
{
	atomic64_add(1, &dev->refused[limit]);
}

/**
 * ibback_refuse() - count and say that a guest does not get what it wants
 * @dev: the guest's device
 * @limit: what is in its way
 * @value: how many there may be
 *
 * Return: -ENOMEM.
 */
int ibback_refuse(struct ibback_dev *dev, enum ibback_limit limit, u32 value)
{
	ibback_count_refused(dev, limit);
	if (__ratelimit(&dev->refused_log))
		dev_notice(&dev->xbdev->dev,
			   "refused: over its limit of %s, %u\n",
			   limit_names[limit], value);
	return -ENOMEM;
}

/* The same where it is a limit of Xen's, which tells no value. */
int ibback_refuse_maptrack(struct ibback_dev *dev)
{
	ibback_count_refused(dev, IBBACK_LIMIT_MAPTRACK);
	if (__ratelimit(&dev->refused_log))
		dev_notice(&dev->xbdev->dev,
			   "refused: Xen has no maptrack entries for its pages\n");
	return -ENOMEM;
}

/**
 * ibback_charge() - account for something that the guest is about to hold
 * @dev: the guest's device
 * @res: what
 * @nr: how many
 *
 * Return: 0, or -ENOMEM if that is beyond its quota.
 */
int ibback_charge(struct ibback_dev *dev, enum ibback_resource res, u32 nr)
{
	u32 quota = READ_ONCE(dev->quota[res]);

	if (nr > quota)
		return ibback_refuse(dev, (enum ibback_limit)res, quota);
	if (atomic_add_return(nr, &dev->used[res]) > quota) {
		atomic_sub(nr, &dev->used[res]);
		return ibback_refuse(dev, (enum ibback_limit)res, quota);
	}
	atomic_long_add(nr, &total_resources[res]);
	return 0;
}

void ibback_uncharge(struct ibback_dev *dev, enum ibback_resource res, u32 nr)
{
	atomic_sub(nr, &dev->used[res]);
	atomic_long_sub(nr, &total_resources[res]);
}

void ibback_count(struct ibback_dev *dev, enum ibback_counter counter, u64 nr)
{
	atomic64_add(nr, &dev->count[counter]);
}

void ibback_total_add(enum ibback_total total, long nr)
{
	atomic_long_add(nr, &totals[total]);
}

#define IBBACK_QUOTA(id, name, quota)	{ VIBIF_FIELD_QUOTA(name), quota },
static const struct {
	const char *node;
	u32 value;
} default_quotas[IBBACK_NR_RESOURCES] = {
	VIBIF_QUOTAS(IBBACK_QUOTA)
};

/*
 * Read the quotas that the toolstack may have set, or has changed. What the
 * guest holds beyond a smaller one it keeps. Nodes that go, as all do in the
 * end, change nothing.
 */
void ibback_quotas_read(struct ibback_dev *dev)
{
	bool again = dev->quota[IBBACK_CONTEXT];
	unsigned int i, quota;

	for (i = 0; i < IBBACK_NR_RESOURCES; i++) {
		/* Doorbell pages are reserved for so many. */
		if (again && i == IBBACK_CONTEXT)
			continue;
		quota = xenbus_read_unsigned(dev->xbdev->nodename,
					     default_quotas[i].node,
					     again ? dev->quota[i] :
						     default_quotas[i].value);
		if (i == IBBACK_CONTEXT)
			quota = clamp(quota, 1U, (u32)VIBIF_MAX_CONTEXTS);
		WRITE_ONCE(dev->quota[i], min(quota, VIBIF_MAX_QUOTA));
	}
}

struct stat_attribute {
	struct device_attribute attr;
	unsigned int index;
};

#define to_stat(a)	container_of(a, struct stat_attribute, attr)

static ssize_t ibback_used_show(struct device *d, struct device_attribute *attr,
				char *buf)
{
	struct ibback_dev *dev = dev_get_drvdata(d);

	return sysfs_emit(buf, "%d\n",
			  atomic_read(&dev->used[to_stat(attr)->index]));
}

static ssize_t ibback_quota_show(struct device *d,
				 struct device_attribute *attr, char *buf)
{
	struct ibback_dev *dev = dev_get_drvdata(d);

	return sysfs_emit(buf, "%u\n", dev->quota[to_stat(attr)->index]);
}

static ssize_t ibback_count_show(struct device *d,
				 struct device_attribute *attr, char *buf)
{
	struct ibback_dev *dev = dev_get_drvdata(d);

	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&dev->count[to_stat(attr)->index]));
}

static ssize_t ibback_refused_show(struct device *d,
				   struct device_attribute *attr, char *buf)
{
	struct ibback_dev *dev = dev_get_drvdata(d);

	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&dev->refused[to_stat(attr)->index]));
}

static ssize_t ibback_flow_show(struct device *d, struct device_attribute *attr,
				char *buf)
{
	struct ibback_flow flow[VIBIF_MAX_PORTS];
	unsigned int i;
	u64 sum = 0;

	ibback_flows_read(dev_get_drvdata(d), flow);
	for (i = 0; i < ARRAY_SIZE(flow); i++)
		sum += flow[i].count[to_stat(attr)->index];
	return sysfs_emit(buf, "%llu\n", sum);
}

static ssize_t uars_show(struct device *d, struct device_attribute *attr,
			 char *buf)
{
	struct ibback_dev *dev = dev_get_drvdata(d);

	return sysfs_emit(buf, "%u\n", dev->nr_uars);
}

#define STAT_RESOURCE(id, name, quota)					\
static struct stat_attribute stat_##name = {				\
	__ATTR(name, 0444, ibback_used_show, NULL), IBBACK_##id		\
};									\
static struct stat_attribute stat_##name##_max = {			\
	__ATTR(name##_max, 0444, ibback_quota_show, NULL), IBBACK_##id	\
};
VIBIF_QUOTAS(STAT_RESOURCE)

#define STAT_COUNTER(id, name)						\
static struct stat_attribute stat_##name = {				\
	__ATTR(name, 0444, ibback_count_show, NULL), IBBACK_COUNT_##id	\
};
IBBACK_COUNTERS(STAT_COUNTER)

#define STAT_LIMIT(id, name)						\
static struct stat_attribute stat_refused_##name = {			\
	__ATTR(refused_##name, 0444, ibback_refused_show, NULL),	\
	IBBACK_LIMIT_##id						\
};
#define STAT_QUOTA_LIMIT(id, name, quota)	STAT_LIMIT(id, name)
VIBIF_QUOTAS(STAT_QUOTA_LIMIT)
IBBACK_LIMITS(STAT_LIMIT)

#define STAT_FLOW(id, name)						\
static struct stat_attribute stat_##name = {				\
	__ATTR(name, 0444, ibback_flow_show, NULL), IBBACK_##id		\
};
IBBACK_FLOW_COUNTS(STAT_FLOW)

static DEVICE_ATTR_RO(uars);

#define STAT_RESOURCE_ENTRY(id, name, quota)				\
	&stat_##name.attr.attr, &stat_##name##_max.attr.attr,
#define STAT_COUNTER_ENTRY(id, name)	&stat_##name.attr.attr,
#define STAT_LIMIT_ENTRY(id, name)	&stat_refused_##name.attr.attr,
#define STAT_QUOTA_LIMIT_ENTRY(id, name, quota)	STAT_LIMIT_ENTRY(id, name)
static struct attribute *stat_attrs[] = {
	VIBIF_QUOTAS(STAT_RESOURCE_ENTRY)
	IBBACK_COUNTERS(STAT_COUNTER_ENTRY)
	VIBIF_QUOTAS(STAT_QUOTA_LIMIT_ENTRY)
	IBBACK_LIMITS(STAT_LIMIT_ENTRY)
	IBBACK_FLOW_COUNTS(STAT_COUNTER_ENTRY)
	&dev_attr_uars.attr,
	NULL
};

static const struct attribute_group stat_group = {
	.name = "statistics",
	.attrs = stat_attrs,
};

const struct attribute_group *ibback_dev_groups[] = {
	&stat_group,
	NULL
};

#define TOTAL_RESOURCE(id, name, quota)					\
static ssize_t name##_show(struct device_driver *drv, char *buf)	\
{									\
	return sysfs_emit(buf, "%ld\n",					\
			  atomic_long_read(&total_resources[IBBACK_##id])); \
}									\
static DRIVER_ATTR_RO(name);
VIBIF_QUOTAS(TOTAL_RESOURCE)

#define TOTAL_OTHER(id, name)						\
static ssize_t total_##name##_show(struct device_driver *drv, char *buf) \
{									\
	return sysfs_emit(buf, "%ld\n",					\
			  atomic_long_read(&totals[IBBACK_TOTAL_##id])); \
}									\
static struct driver_attribute driver_attr_total_##name =		\
	__ATTR(name, 0444, total_##name##_show, NULL);
IBBACK_TOTALS(TOTAL_OTHER)

#define TOTAL_RESOURCE_ENTRY(id, name, quota)	&driver_attr_##name.attr,
#define TOTAL_OTHER_ENTRY(id, name)		&driver_attr_total_##name.attr,
static struct attribute *total_attrs[] = {
	VIBIF_QUOTAS(TOTAL_RESOURCE_ENTRY)
	IBBACK_TOTALS(TOTAL_OTHER_ENTRY)
	NULL
};

static const struct attribute_group total_group = {
	.attrs = total_attrs,
};

const struct attribute_group *ibback_driver_groups[] = {
	&total_group,
	NULL
};
