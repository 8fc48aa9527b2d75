// SPDX-License-Identifier: LGPL-2.1-only
/* list.c - what is attached, and what the backend counts */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

static int compare_values(const void *a, const void *b)
{
	const struct xenib_value *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int add_value(struct xenib *xn, struct xenib_value **values, size_t *nr,
		     const char *name, uint64_t value)
{
	struct xenib_value *v;
	char *copy = strdup(name);

	v = copy ? realloc(*values, (*nr + 1) * sizeof(*v)) : NULL;
	if (!v) {
		free(copy);
		return fail(xn, ENOMEM, "out of memory");
	}
	*values = v;
	v[*nr].name = copy;
	v[*nr].value = value;
	++*nr;
	return 0;
}

static void free_values(struct xenib_value *values, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		free(values[i].name);
	free(values);
}

int counter_read(int dirfd, const char *name, uint64_t *value)
{
	char text[32];
	struct stat st;
	ssize_t len;
	int fd;

	/* To root, sysfs opens files that cannot be read, too. */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode) || !(st.st_mode & 0444))
		return -1;
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -1;
	text[len] = 0;
	text[strcspn(text, "\n")] = 0;
	return parse_number(text, 10, UINT64_MAX, value);
}

/* All counters in a directory of sysfs. No such directory: none. */
static int read_counters(struct xenib *xn, const char *path,
			 struct xenib_value **values, size_t *nr)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 :
		       fail(xn, errno, "cannot list %s: %s", path,
			    strerror(errno));
	while (!rc && (entry = readdir(dir))) {
		uint64_t value;

		if (!counter_read(dirfd(dir), entry->d_name, &value))
			rc = add_value(xn, values, nr, entry->d_name, value);
	}
	closedir(dir);
	if (*nr)
		qsort(*values, *nr, sizeof(**values), compare_values);
	return rc;
}

/* Take a counter out of @d. Returns false if it has none of this name. */
static bool take_counter(struct xenib_device *d, const char *name,
			 uint64_t *value)
{
	size_t i;

	for (i = 0; i < d->nr_counters; i++) {
		if (strcmp(d->counters[i].name, name))
			continue;
		*value = d->counters[i].value;
		free(d->counters[i].name);
		d->nr_counters--;
		memmove(&d->counters[i], &d->counters[i + 1],
			(d->nr_counters - i) * sizeof(d->counters[0]));
		return true;
	}
	return false;
}

/*
 * The backend tells what it enforces among its counters, as <quota>_max;
 * without it, what is set in xenstore has to do. Call after read_counters().
 */
static int read_quotas(struct xenib *xn, const char *be,
		       struct xenib_device *d)
{
	unsigned int i;

	for (i = 0; i < XENIB_NR_QUOTAS; i++) {
		const char *name = xenib_quota_name(i);
		char counter[32], *value;
		uint64_t quota;
		bool found;

		snprintf(counter, sizeof(counter), "%s_max", name);
		found = take_counter(d, counter, &quota);
		if (!found) {
			value = store_read(xn, XBT_NULL, be, quota_node(i));
			if (!value && errno != ENOENT)
				return -1;
			found = value && !parse_number(value, 10, UINT32_MAX,
						       &quota);
			free(value);
		}
		if (found && add_value(xn, &d->quotas, &d->nr_quotas, name,
				       quota))
			return -1;
	}
	return 0;
}

/* That of the domain, as long as it lives */
static int read_uuid(struct xenib *xn, uint32_t domid, char **uuid)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * sizeof(xen_domain_handle_t) + 5], *p = text;
	xc_domaininfo_t info;
	size_t i;
	int alive = domain_alive(xn, domid, &info);

	if (alive <= 0)
		return alive;
	for (i = 0; i < sizeof(info.handle); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[info.handle[i] >> 4];
		*p++ = digits[info.handle[i] & 0xf];
	}
	*p = 0;
	*uuid = strdup(text);
	return *uuid ? 0 : fail(xn, ENOMEM, "out of memory");
}

/* What it may do with MADs; without nodes, all that guests may by default */
static int read_mads(struct xenib *xn, const char *be, struct xenib_device *d)
{
	uint64_t rate = 0, pm = 1;
	char *value;

	if (store_read_optional(xn, be, VIBIF_FIELD_MAD_RATE, &value))
		return -1;
	if (value)
		parse_number(value, 10, XENIB_MAX_MAD_RATE, &rate);
	free(value);
	if (store_read_optional(xn, be, VIBIF_FIELD_MAD_PM, &value))
		return -1;
	if (value)
		parse_number(value, 10, 1, &pm);
	free(value);
	d->mad_rate = rate;
	d->no_mad_pm = !pm;
	return 0;
}

static int read_device(struct xenib *xn, struct device *dev,
		       struct xenib_device *d)
{
	char path[256], *gfn_base;
	int state;

	d->domid = dev->domid;
	d->devid = dev->devid;
	snprintf(path, sizeof(path), DOMAIN_ROOT "/%u", dev->domid);
	if (store_read_optional(xn, path, "name", &d->domain) ||
	    read_uuid(xn, dev->domid, &d->uuid) ||
	    store_read_optional(xn, dev->be, VIBIF_FIELD_HCA, &d->hca) ||
	    store_read_optional(xn, dev->be, VIBIF_FIELD_HCA_GUID,
				&d->hca_guid) ||
	    store_read_optional(xn, dev->error, VIBIF_FIELD_ERROR, &d->error) ||
	    identity_read(xn, dev, d) ||
	    read_mads(xn, dev->be, d) ||
	    store_read_optional(xn, dev->be, VIBIF_FIELD_UAR_GFN_BASE,
				&gfn_base))
		return -1;
	if (gfn_base)
		parse_number(gfn_base, 10, UINT64_MAX, &d->uar_gfn_base);
	free(gfn_base);

	state = store_state(xn, XBT_NULL, dev->be);
	if (state < 0)
		return -1;
	d->backend_state = state;
	state = store_state(xn, XBT_NULL, dev->fe);
	if (state < 0)
		return -1;
	d->frontend_state = state;

	/* Half written or garbled: show the rest all the same. */
	if (uars_read(xn, dev) && errno == ENOMEM)
		return -1;
	d->uars = dev->uars;
	d->nr_uars = dev->nr_uars;

	snprintf(path, sizeof(path), "%s/" SYSFS_DEVICE "/statistics",
		 xn->sysfs, dev->domid, dev->devid);
	if (read_counters(xn, path, &d->counters, &d->nr_counters))
		return -1;
	return read_quotas(xn, dev->be, d);
}

static int list_domain(struct xenib *xn, uint32_t domid,
		       struct xenib_device **devices, size_t *nr)
{
	struct xenib_device *d;
	uint32_t *devids;
	size_t i, nr_devids;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), BACKEND_ROOT "/%u", domid);
	rc = store_ids(xn, path, &devids, &nr_devids);
	if (rc)
		return rc;
	for (i = 0; i < nr_devids && !rc; i++) {
		struct device dev;

		d = realloc(*devices, (*nr + 1) * sizeof(*d));
		if (!d) {
			rc = fail(xn, ENOMEM, "out of memory");
			break;
		}
		*devices = d;
		memset(&d[*nr], 0, sizeof(*d));
		device_paths(&dev, domid, devids[i]);
		rc = read_device(xn, &dev, &d[(*nr)++]);
	}
	free(devids);
	return rc;
}

static int check_alive(struct xenib *xn, uint32_t domid)
{
	int alive = domain_alive(xn, domid, NULL);

	if (!alive)
		return fail(xn, ESRCH, "no such domain: %u", domid);
	return alive < 0 ? -1 : 0;
}

int xenib_list(struct xenib *xn, uint32_t domid, struct xenib_device **devices,
	       size_t *nr)
{
	struct xenib_device *list = NULL;
	uint32_t *domids = NULL;
	size_t i, nr_domids, n = 0;
	int rc;

	if (domid != XENIB_ALL_DOMAINS) {
		rc = list_domain(xn, domid, &list, &n);
		if (!rc && !n)
			rc = check_alive(xn, domid);
	} else {
		rc = store_ids(xn, BACKEND_ROOT, &domids, &nr_domids);
		for (i = 0; !rc && i < nr_domids; i++)
			rc = list_domain(xn, domids[i], &list, &n);
	}
	free(domids);
	if (rc) {
		int saved_errno = errno;

		xenib_list_free(list, n);
		errno = saved_errno;
		return -1;
	}
	*devices = list;
	*nr = n;
	return 0;
}

void xenib_list_free(struct xenib_device *devices, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		free(devices[i].domain);
		free(devices[i].uuid);
		free(devices[i].hca);
		free(devices[i].hca_guid);
		free(devices[i].error);
		identity_free(&devices[i]);
		free(devices[i].uars);
		free_values(devices[i].quotas, devices[i].nr_quotas);
		free_values(devices[i].counters, devices[i].nr_counters);
	}
	free(devices);
}

int xenib_totals(struct xenib *xn, struct xenib_value **totals, size_t *nr)
{
	struct xenib_value *values = NULL;
	size_t n = 0;
	char path[256];

	if (!backend_loaded(xn))
		return fail(xn, ENXIO,
			    "no backend: the module xen-ibback is not loaded");
	snprintf(path, sizeof(path), "%s/" SYSFS_DRIVER, xn->sysfs);
	if (read_counters(xn, path, &values, &n)) {
		int saved_errno = errno;

		free_values(values, n);
		errno = saved_errno;
		return -1;
	}
	*totals = values;
	*nr = n;
	return 0;
}

void xenib_totals_free(struct xenib_value *totals, size_t nr)
{
	free_values(totals, nr);
}
