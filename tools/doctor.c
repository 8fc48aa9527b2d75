// SPDX-License-Identifier: GPL-2.0-only
/* doctor.c - what is wrong on this host, and what to do about it */

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenib_version.h>
#include <xen/interface/io/vibif.h>
#include <xen/io/xenbus.h>

#include "host.h"
#include "print.h"

/* The oldest Xen that this is built and tested with */
#define MIN_XEN_MAJOR	4
#define MIN_XEN_MINOR	17

/* Maptrack entries that disks and networks of guests should find */
#define SPARE_ENTRIES	65536

static unsigned int nr_wrong;

/* One line: what is wrong, a colon, what to do. */
static void wrong(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static void wrong(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	print_text(stdout, line, 0);
	putchar('\n');
	nr_wrong++;
}

/* The first line of a file in sysfs. Returns -1 if there is none. */
static int read_line(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int read_line(char *text, size_t size, const char *fmt, ...)
{
	char path[512];
	int len = snprintf(path, sizeof(path), "%s/", XENIB_SYSFS);
	va_list ap;
	FILE *f;
	int rc;

	va_start(ap, fmt);
	vsnprintf(path + len, sizeof(path) - len, fmt, ap);
	va_end(ap);
	f = fopen(path, "re");
	if (!f)
		return -1;
	rc = fgets(text, size, f) ? 0 : -1;
	fclose(f);
	if (!rc)
		text[strcspn(text, "\n")] = 0;
	return rc;
}

static void check_xen(void)
{
	char major[16], minor[16];

	if (read_line(major, sizeof(major), "hypervisor/version/major") ||
	    read_line(minor, sizeof(minor), "hypervisor/version/minor"))
		return;
	if (atoi(major) < MIN_XEN_MAJOR ||
	    (atoi(major) == MIN_XEN_MAJOR && atoi(minor) < MIN_XEN_MINOR))
		wrong("Xen %s.%s is older than all that xenib was tested with: have %u.%u or later",
		      major, minor, MIN_XEN_MAJOR, MIN_XEN_MINOR);
}

static void check_modules(void)
{
	static const char *const modules[][2] = {
		{ "mlx4_core", "mlx4_core" },
		{ "mlx4_ib", "mlx4_ib" },
		{ "xen_ibback", "xen-ibback" },
	};
	char path[128], version[32];
	size_t i;

	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		snprintf(path, sizeof(path), "%s/module/%s", XENIB_SYSFS,
			 modules[i][0]);
		if (access(path, F_OK))
			wrong("%s is not loaded: modprobe %s", modules[i][1],
			      modules[i][1]);
	}
	if (!read_line(version, sizeof(version), "module/xen_ibback/version") &&
	    strcmp(version, XENIB_VERSION))
		wrong("xen-ibback has version %s and xenib " XENIB_VERSION ": install both of one version, then rmmod xen-ibback and modprobe xen-ibback",
		      version);
}

/* Returns whether all ports are InfiniBand, and if so counts active ones. */
static bool check_ports(const char *hca, unsigned int *active)
{
	char link[32], state[32];
	unsigned int port;

	for (port = 1; !read_line(link, sizeof(link),
				  "class/infiniband/%s/ports/%u/link_layer",
				  hca, port); port++) {
		if (strcmp(link, "InfiniBand"))
			return false;
		if (!read_line(state, sizeof(state),
			       "class/infiniband/%s/ports/%u/state", hca,
			       port) &&
		    !strncmp(state, "4:", 2))
			++*active;
	}
	return port > 1;
}

static void check_hcas(void)
{
	unsigned int usable = 0, active;
	struct dirent *entry;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/infiniband", XENIB_SYSFS);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		active = 0;
		if (!check_ports(entry->d_name, &active))
			continue;
		usable++;
		if (!active)
			wrong("no port of %s is active: look at its cable, and whether a subnet manager runs",
			      entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (!usable)
		wrong("no HCA with InfiniBand ports only: have a ConnectX-3 in this domain, with all its ports set to InfiniBand");
}

static void check_device(const struct xenib_device *d)
{
	char name[128];

	snprintf(name, sizeof(name), "device %u of domain %u%s%s", d->devid,
		 d->domid, d->domain ? ", " : "", d->domain ? d->domain : "");
	if (!d->uuid)
		wrong("%s is left of a guest that is gone: xenib detach --force --devid %u %u",
		      name, d->devid, d->domid);
	else if (d->error && strstr(d->error, "frontend speaks version"))
		wrong("%s has failed (%s): install xen-ibfront " XENIB_VERSION " in the guest, and load it anew",
		      name, d->error);
	else if (d->error)
		wrong("%s has failed (%s): xenib detach --devid %u %u, and attach it again",
		      name, d->error, d->devid, d->domid);
	else if (d->frontend_state == XenbusStateInitialising)
		wrong("%s waits for its driver: modprobe xen-ibfront in the guest",
		      name);
	else if (d->backend_state != XenbusStateConnected ||
		 d->frontend_state != XenbusStateConnected)
		wrong("%s is %s here and %s in the guest, not Connected: dmesg of both says why",
		      name, xenib_state_name(d->backend_state),
		      xenib_state_name(d->frontend_state));
}

static uint64_t page_quota(const struct xenib_device *d)
{
	const struct xenib_value *pages =
		find_value(d->quotas, d->nr_quotas,
			   xenib_quota_name(XENIB_QUOTA_PAGE));

	return pages ? pages->value : 0;
}

/*
 * Pages beyond the default quota somebody has asked for: the guest must be able
 * to grant them. The default is more than Xen's own.
 */
static void check_grants(const struct xenib_device *d)
{
	const char *guest = d->domain ? d->domain : "-";
	unsigned int used, max;
	uint64_t quota = page_quota(d);

	if (!d->uuid || grant_frames(d->domid, &used, &max))
		return;
	if (used >= max)
		wrong("all %u frames of the grant table of domain %u, %s are in use: max_grant_frames=%u in its configuration, and gnttab_max_frames=%u on Xen's command line if that has fewer",
		      max, d->domid, guest, 2 * max, 2 * max);
	else if (quota > VIBIF_DEFAULT_PAGE &&
		 quota > (uint64_t)max * GRANTS_PER_FRAME)
		wrong("device %u of domain %u, %s may have %llu pages, and the guest can grant %u: max_grant_frames=%llu in its configuration, and gnttab_max_frames on Xen's command line if that has fewer, or xenib limit --pages",
		      d->devid, d->domid, guest, (unsigned long long)quota,
		      max * GRANTS_PER_FRAME,
		      (unsigned long long)(quota + GRANTS_PER_FRAME - 1) /
		      GRANTS_PER_FRAME + 1);
}

static unsigned int count_conf(const char *path)
{
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *dir = opendir(path);
	const char *dot;

	while (dir && (entry = readdir(dir))) {
		dot = strrchr(entry->d_name, '.');
		nr += *entry->d_name != '.' && dot && !strcmp(dot, ".conf");
	}
	if (dir)
		closedir(dir);
	return nr;
}

static void check_xenibd(void)
{
	char run[128];
	unsigned int nr;

	snprintf(run, sizeof(run), "%s/guests.d", XENIB_RUN_DIR);
	nr = count_conf(XENIB_GUESTS_DIR) + count_conf(run);
	if (nr && !xenibd_runs())
		wrong("files of guests.d (%u) give guests devices, but xenibd does not run: systemctl enable --now xenibd",
		      nr);
}

static void check_maptrack(const struct listing *list)
{
	uint64_t limit, sum = 0;
	size_t i;

	for (i = 0; i < list->nr_devices; i++)
		sum += page_quota(&list->devices[i]);
	if (maptrack_limit(&limit) || !sum || sum + SPARE_ENTRIES <= limit)
		return;
	wrong("guests may have %llu pages mapped, and Xen has %llu maptrack entries for them, disks and networks: gnttab_max_maptrack_frames=%llu on Xen's command line, or xenib limit --pages",
	      (unsigned long long)sum, (unsigned long long)limit,
	      (unsigned long long)(sum + SPARE_ENTRIES + MAPTRACK_PER_FRAME -
				   1) / MAPTRACK_PER_FRAME);
}

unsigned int doctor(const struct listing *list)
{
	const struct xenib_value *stuck =
		find_value(list->totals, list->nr_totals, "stuck");
	size_t i;

	nr_wrong = 0;
	check_xen();
	check_modules();
	check_hcas();
	check_xenibd();
	for (i = 0; i < list->nr_devices; i++) {
		check_device(&list->devices[i]);
		check_grants(&list->devices[i]);
	}
	if (stuck && stuck->value)
		wrong("the HCA did not give up %llu objects: when its guests can do without it, reload mlx4_core",
		      (unsigned long long)stuck->value);
	check_maptrack(list);
	return nr_wrong;
}
