// SPDX-License-Identifier: LGPL-2.1-only
/* hca.c - the HCAs of this domain, and what the guests of one share */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

#define GUID	"guid:"
#define PCI	"pci:"

#define MAX_PORTS	255

/*
 * @guid, @pci: as sysfs has them; "": it has none
 * @port, @link: the first port that is not InfiniBand, and what it is; 0: none
 */
struct hca {
	char name[64];
	char guid[24];
	char pci[32];
	unsigned int port;
	char link[32];
};

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

int hca_check_form(struct xenib *xn, const char *which)
{
	uint64_t guid;

	if (has_prefix(which, GUID) &&
	    parse_guid(which + strlen(GUID), &guid))
		return fail(xn, EINVAL,
			    "\"%s\" has no GUID like that of guid:0002:c903:0012:3456",
			    which);
	if (!valid_hca_name(which))
		return fail(xn, EINVAL, "\"%s\" cannot be the name of an HCA",
			    which);
	return 0;
}

static void hca_path(struct xenib *xn, const struct hca *hca, const char *node,
		     char *path, size_t size)
{
	snprintf(path, size, "%s/class/infiniband/%s/%s", xn->sysfs, hca->name,
		 node);
}

/* The first line of a file of the HCA; "": there is none. */
static void read_line(struct xenib *xn, const struct hca *hca,
		      const char *node, char *text, size_t size)
{
	char path[256];
	FILE *f;

	hca_path(xn, hca, node, path, sizeof(path));
	f = fopen(path, "re");
	if (!f || !fgets(text, size, f))
		*text = 0;
	text[strcspn(text, "\n")] = 0;
	if (f)
		fclose(f);
}

static void read_pci(struct xenib *xn, struct hca *hca)
{
	char path[256], target[256];
	const char *name;
	ssize_t len;

	hca_path(xn, hca, "device", path, sizeof(path));
	len = readlink(path, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = 0;
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	/* Devices that no PCI function is behind have other parents, or none */
	if (strchr(name, ':') && strlen(name) < sizeof(hca->pci))
		strcpy(hca->pci, name);
}

static void read_hca(struct xenib *xn, const char *name, struct hca *hca)
{
	unsigned int port;

	memset(hca, 0, sizeof(*hca));
	memcpy(hca->name, name, strnlen(name, sizeof(hca->name) - 1));
	read_line(xn, hca, "node_guid", hca->guid, sizeof(hca->guid));
	read_pci(xn, hca);
	for (port = 1; port <= MAX_PORTS; port++) {
		char node[32];

		snprintf(node, sizeof(node), "ports/%u/link_layer", port);
		read_line(xn, hca, node, hca->link, sizeof(hca->link));
		if (!*hca->link)
			break;
		if (strcmp(hca->link, "InfiniBand")) {
			hca->port = port;
			break;
		}
	}
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* All HCAs by name. Returns their number, -1 with a message. */
static int read_hcas(struct xenib *xn, struct hca **hcas)
{
	struct dirent **entries;
	char path[256];
	int i, nr;

	*hcas = NULL;
	snprintf(path, sizeof(path), "%s/class/infiniband", xn->sysfs);
	nr = scandir(path, &entries, is_visible, alphasort);
	if (nr < 0 && errno != ENOENT)
		return fail(xn, errno, "cannot list %s: %s", path,
			    strerror(errno));
	if (nr > 0)
		*hcas = calloc(nr, sizeof(**hcas));
	for (i = 0; i < nr; i++) {
		if (*hcas)
			read_hca(xn, entries[i]->d_name, &(*hcas)[i]);
		free(entries[i]);
	}
	if (nr >= 0)
		free(entries);
	if (nr <= 0)
		return fail(xn, ENODEV, "no HCA in this domain: %s is empty",
			    path);
	return *hcas ? nr : fail(xn, ENOMEM, "out of memory");
}

static bool same_guid(const char *a, const char *b)
{
	uint64_t x, y;

	return !parse_guid(a, &x) && !parse_guid(b, &y) && x == y;
}

static bool is_hca(const struct hca *hca, const char *which)
{
	if (has_prefix(which, GUID))
		return same_guid(hca->guid, which + strlen(GUID));
	if (!has_prefix(which, PCI))
		return !strcmp(hca->name, which);
	which += strlen(PCI);
	if (!*hca->pci)
		return false;
	/* Domain 0 need not be said */
	return !strcasecmp(hca->pci, which) ||
	       (has_prefix(hca->pci, "0000:") &&
		!strcasecmp(hca->pci + strlen("0000:"), which));
}

static int no_such_hca(struct xenib *xn, const char *which,
		       const struct hca *hcas, int nr)
{
	char text[384] = "";
	size_t len = 0;
	int i;

	for (i = 0; i < nr && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len,
				"%s%s (guid %s%s%s)", i ? ", " : "",
				hcas[i].name, hcas[i].guid,
				*hcas[i].pci ? ", pci " : "", hcas[i].pci);
	return fail(xn, ENODEV, "no such HCA: %s; there %s %s", which,
		    nr == 1 ? "is" : "are", text);
}

static int check_usable(struct xenib *xn, const struct hca *hca)
{
	if (!hca->port)
		return 0;
	return fail(xn, ENODEV,
		    "%s cannot be given to guests: port %u is %s, and all ports must be InfiniBand",
		    hca->name, hca->port, hca->link);
}

/* What the backend knows it by has to be there, and nobody else's. */
static int check_guid(struct xenib *xn, const struct hca *hca,
		      const struct hca *hcas, int nr)
{
	uint64_t guid;
	int i;

	if (parse_guid(hca->guid, &guid))
		return fail(xn, ENODEV,
			    "%s cannot be given to guests: it has no node GUID",
			    hca->name);
	for (i = 0; i < nr; i++)
		if (&hcas[i] != hca && same_guid(hcas[i].guid, hca->guid))
			return fail(xn, ENODEV,
				    "%s and %s have the same node GUID, %s",
				    hca->name, hcas[i].name, hca->guid);
	return 0;
}

static int choose_hca(struct xenib *xn, const char *which,
		      const struct hca *hcas, int nr, struct device *dev)
{
	int i;

	for (i = 0; i < nr; i++)
		if (which ? is_hca(&hcas[i], which) : !hcas[i].port)
			break;
	if (!which)
		return i < nr ? 0 : check_usable(xn, &hcas[0]);
	if (i == nr)
		return no_such_hca(xn, which, hcas, nr);
	if (check_usable(xn, &hcas[i]) || check_guid(xn, &hcas[i], hcas, nr))
		return -1;
	snprintf(dev->hca_guid, sizeof(dev->hca_guid), "%s", hcas[i].guid);
	return 0;
}

int hca_find(struct xenib *xn, const char *which, struct device *dev)
{
	struct hca *hcas;
	int nr, rc;

	nr = read_hcas(xn, &hcas);
	if (nr < 0)
		return -1;
	rc = choose_hca(xn, which, hcas, nr, dev);
	free(hcas);
	return rc;
}

/* What reports events */
static const unsigned int sources[] = {
	XENIB_QUOTA_CQ, XENIB_QUOTA_QP, XENIB_QUOTA_SRQ
};

#define NR_SOURCES	(sizeof(sources) / sizeof(sources[0]))

/*
 * The backend tells what it enforces. It may have answered before: its files
 * come when it is through with probing, and one by one.
 */
static bool quotas_known(struct xenib *xn, const struct device *dev)
{
	char path[256];
	size_t i;

	for (i = 0; i < NR_SOURCES; i++) {
		snprintf(path, sizeof(path),
			 "%s/" SYSFS_DEVICE "/statistics/%s_max", xn->sysfs,
			 dev->domid, dev->devid, xenib_quota_name(sources[i]));
		if (access(path, F_OK))
			return false;
	}
	return true;
}

static uint64_t count_sources(const struct xenib_device *d)
{
	uint64_t sum = 0;
	size_t i, j;

	for (i = 0; i < d->nr_quotas; i++)
		for (j = 0; j < NR_SOURCES; j++)
			if (!strcmp(d->quotas[i].name,
				    xenib_quota_name(sources[j])))
				sum += d->quotas[i].value;
	return sum;
}

static void check_sum(struct xenib *xn, const struct device *dev,
		      const struct xenib_device *devices, size_t nr)
{
	const struct xenib_device *own = NULL;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < nr; i++)
		if (devices[i].domid == dev->domid &&
		    devices[i].devid == dev->devid)
			own = &devices[i];
	if (!own || !own->hca_guid)
		return;
	for (i = 0; i < nr; i++)
		if (devices[i].hca_guid &&
		    same_guid(devices[i].hca_guid, own->hca_guid))
			sum += count_sources(&devices[i]);
	if (sum > VIBIF_MAX_EVENT_SOURCES)
		warn(xn, "the guests of %s may hold %llu CQs, QPs and SRQs, more than %u: if so many fail at once, events of guests and command completions of the HCA may be lost, which resets it; to lower the sum, attach with less --cqs, --qps and --srqs",
		     own->hca ? own->hca : own->hca_guid,
		     (unsigned long long)sum, VIBIF_MAX_EVENT_SOURCES);
}

void hca_check_events(struct xenib *xn, struct device *dev,
		      unsigned int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	struct xenib_device *devices;
	size_t nr;

	while (backend_bound(xn, dev) && !quotas_known(xn, dev))
		if (!pause_until(deadline))
			break;
	if (xenib_list(xn, XENIB_ALL_DOMAINS, &devices, &nr)) {
		warn(xn, "cannot tell how many events the guests may cause: %s",
		     xn->message);
		return;
	}
	check_sum(xn, dev, devices, nr);
	xenib_list_free(devices, nr);
}
