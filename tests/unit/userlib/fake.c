// SPDX-License-Identifier: GPL-2.0-only
/* fake.c - see fake.h */

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenhypfs.h>
#include <xenstore.h>

#include "fake.h"

#define MAX_NODES	1024
#define MAX_FRAMES	1024
#define MAX_DOMAINS	8
#define MAX_WATCHES	8

struct node {
	char path[128];
	char value[1024];
	struct xs_permissions perms[2];
};

struct store {
	struct node nodes[MAX_NODES];
	size_t nr;
};

struct domain {
	uint32_t domid;
	uint32_t flags;
	uint64_t max_pages;
	uint8_t uuid;
};

/* @gfn: 0: a permission, else a mapping */
struct frame {
	uint32_t domid;
	uint64_t mfn;
	uint64_t gfn;
};

char fake_sysfs[64];
char fake_guests[80];
char fake_run[80];
unsigned int fake_grant_frames, fake_max_grant_frames;
void (*fake_hook)(void);
void (*fake_slept)(void);
int fake_conflicts;
const char *fake_writer;
bool fake_flood;
int fake_handles;
int fake_open_errno;
unsigned int fake_euid;
const char *fake_maptrack;

static struct store committed, pending;
static bool in_transaction, conflict;
static struct domain domains[MAX_DOMAINS];
static size_t nr_domains;
static struct frame frames[MAX_FRAMES];
static size_t nr_frames;
static char watches[MAX_WATCHES][128];
static size_t nr_watches;
static bool changed, event_pending;
static int event_fd = -1;
static unsigned int calls, fail_at, strike_at;
static void (*strike)(void);

static void die(const char *what)
{
	fprintf(stderr, "fake: %s\n", what);
	abort();
}

/* Counts a call; true: it has to fail. */
static bool failing(void)
{
	if (++calls == strike_at)
		strike();
	if (calls != fail_at)
		return false;
	errno = EIO;
	return true;
}

/* The store */

static struct node *find(struct store *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (!strcmp(s->nodes[i].path, path))
			return &s->nodes[i];
	errno = ENOENT;
	return NULL;
}

/* Creates parents, too; a new node has the permissions of its parent. */
static struct node *make(struct store *s, const char *path)
{
	struct xs_permissions perms[2] = { { 0, XS_PERM_NONE } };
	struct node *n = find(s, path);
	char parent[128];
	char *slash;

	if (n)
		return n;
	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash != parent) {
		*slash = 0;
		memcpy(perms, make(s, parent)->perms, sizeof(perms));
	}
	if (s->nr == MAX_NODES)
		die("too many nodes");
	n = &s->nodes[s->nr++];
	memset(n, 0, sizeof(*n));
	snprintf(n->path, sizeof(n->path), "%s", path);
	memcpy(n->perms, perms, sizeof(perms));
	return n;
}

static bool below(const char *path, const char *root)
{
	size_t len = strlen(root);

	return !strncmp(path, root, len) && (!path[len] || path[len] == '/');
}

/* Where @path is looked up, which may be what others write to meanwhile. */
static struct store *store(xs_transaction_t t, const char *path)
{
	if (!t)
		return &committed;
	if (!in_transaction)
		die("no such transaction");
	if (fake_writer && below(path, fake_writer) &&
	    find(&committed, fake_writer))
		conflict = true;
	return &pending;
}

static bool rm(struct store *s, const char *path)
{
	size_t i, kept = 0;

	if (!find(s, path))
		return false;
	for (i = 0; i < s->nr; i++)
		if (!below(s->nodes[i].path, path))
			s->nodes[kept++] = s->nodes[i];
	s->nr = kept;
	return true;
}

static void notify(void)
{
	static bool running;

	changed = true;
	conflict = true;
	if (nr_watches && !event_pending) {
		event_pending = true;
		if (eventfd_write(event_fd, 1))
			die("eventfd");
	}
	if (running)
		return;
	running = true;
	while (changed && fake_hook) {
		changed = false;
		fake_hook();
	}
	running = false;
}

struct xs_handle *xs_open(unsigned long flags)
{
	(void)flags;
	if (failing())
		return NULL;
	fake_handles++;
	return (struct xs_handle *)&committed;
}

void xs_close(struct xs_handle *h)
{
	(void)h;
	if (nr_watches || in_transaction)
		die("closed with a watch or a transaction");
	fake_handles--;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path,
		    unsigned int *num)
{
	char *text, **entries;
	size_t i, len = strlen(path);
	struct store *s;

	(void)h;
	if (failing())
		return NULL;
	s = store(t, path);
	if (!find(s, path))
		return NULL;
	/* One block, as the real one */
	entries = malloc(s->nr * (sizeof(*entries) + 128));
	text = (char *)&entries[s->nr];
	*num = 0;
	for (i = 0; i < s->nr; i++) {
		const char *p = s->nodes[i].path;

		if (!below(p, path) || !p[len] || strchr(p + len + 1, '/'))
			continue;
		entries[(*num)++] = strcpy(text, p + len + 1);
		text += strlen(text) + 1;
	}
	return entries;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path,
	      unsigned int *len)
{
	struct node *n;

	(void)h;
	if (failing())
		return NULL;
	n = find(store(t, path), path);
	if (n && len)
		*len = strlen(n->value);
	return n ? strdup(n->value) : NULL;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path,
	      const void *data, unsigned int len)
{
	struct node *n;

	(void)h;
	if (failing())
		return false;
	n = make(store(t, path), path);
	snprintf(n->value, sizeof(n->value), "%.*s", (int)len,
		 (const char *)data);
	if (!t)
		notify();
	return true;
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)h;
	if (failing())
		return false;
	make(store(t, path), path);
	if (!t)
		notify();
	return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)h;
	if (failing() || !rm(store(t, path), path))
		return false;
	if (!t)
		notify();
	return true;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t,
			const char *path, struct xs_permissions *perms,
			unsigned int nr)
{
	struct node *n;

	(void)h;
	if (failing())
		return false;
	n = find(store(t, path), path);
	if (!n || nr != 2)
		die("permissions");
	memcpy(n->perms, perms, sizeof(n->perms));
	return true;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	(void)h;
	if (failing())
		return XBT_NULL;
	if (in_transaction)
		die("two transactions");
	pending = committed;
	in_transaction = true;
	conflict = false;
	return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
	bool failed = !abort && failing();

	(void)h;
	(void)t;
	if (!in_transaction)
		die("no such transaction");
	in_transaction = false;
	if (abort || failed)
		return abort;
	if (conflict || fake_conflicts > 0) {
		fake_conflicts -= !conflict;
		errno = EAGAIN;
		return false;
	}
	committed = pending;
	notify();
	return true;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	(void)h;
	(void)token;
	if (failing())
		return false;
	if (nr_watches == MAX_WATCHES)
		die("too many watches");
	snprintf(watches[nr_watches++], 128, "%s", path);
	return true;
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
	size_t i;

	(void)h;
	(void)token;
	for (i = 0; i < nr_watches; i++)
		if (!strcmp(watches[i], path)) {
			memcpy(watches[i], watches[--nr_watches], 128);
			return true;
		}
	die("no such watch");
	return false;
}

static int64_t clock_ns;

int fake_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	clock_ns += 100000;
	ts->tv_sec = clock_ns / 1000000000;
	ts->tv_nsec = clock_ns % 1000000000;
	return 0;
}

int fake_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	clock_ns += time->tv_sec * 1000000000LL + time->tv_nsec;
	if (fake_slept)
		fake_slept();
	return 0;
}

uid_t fake_geteuid(void)
{
	return fake_euid;
}

int fake_poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	const struct timespec at_once = { 0 };
	int rc = ppoll(fds, nr, &at_once, NULL);

	if (!rc)
		clock_ns += timeout * 1000000LL;
	return rc;
}

int xs_fileno(struct xs_handle *h)
{
	(void)h;
	return event_fd;
}

char **xs_check_watch(struct xs_handle *h)
{
	eventfd_t n;

	(void)h;
	if (failing())
		return NULL;
	if (fake_flood)
		return malloc(sizeof(char *));
	if (!event_pending) {
		errno = EAGAIN;
		return NULL;
	}
	event_pending = false;
	if (eventfd_read(event_fd, &n))
		die("eventfd");
	return malloc(sizeof(char *));
}

/* The hypervisor */

static struct domain *find_domain(uint32_t domid)
{
	size_t i;

	for (i = 0; i < nr_domains; i++)
		if (domains[i].domid == domid)
			return &domains[i];
	errno = ESRCH;
	return NULL;
}

static struct frame *find_frame(uint32_t domid, uint64_t mfn, uint64_t gfn)
{
	size_t i;

	for (i = 0; i < nr_frames; i++)
		if (frames[i].domid == domid && frames[i].mfn == mfn &&
		    frames[i].gfn == gfn)
			return &frames[i];
	return NULL;
}

static void add_frame(uint32_t domid, uint64_t mfn, uint64_t gfn)
{
	if (nr_frames == MAX_FRAMES || find_frame(domid, mfn, gfn))
		die("frame");
	frames[nr_frames++] = (struct frame){ domid, mfn, gfn };
}

xc_interface *xc_interface_open(xentoollog_logger *logger,
				xentoollog_logger *dombuild_logger,
				unsigned int flags)
{
	(void)flags;
	if (!logger || !dombuild_logger)
		die("a library must not print");
	if (fake_open_errno) {
		errno = fake_open_errno;
		return NULL;
	}
	if (failing())
		return NULL;
	fake_handles++;
	return (xc_interface *)&domains;
}

int xc_interface_close(xc_interface *xc)
{
	(void)xc;
	fake_handles--;
	return 0;
}

int xc_gnttab_query_size(xc_interface *xc, struct gnttab_query_size *query)
{
	(void)xc;
	query->nr_frames = fake_grant_frames;
	query->max_nr_frames = fake_max_grant_frames;
	query->status = fake_max_grant_frames ? 0 : -1;
	return 0;
}

int xc_domain_getinfolist(xc_interface *xc, uint32_t first, unsigned int max,
			  xc_domaininfo_t *info)
{
	struct domain *d = NULL;
	size_t i;

	(void)xc;
	if (max != 1)
		die("one domain at a time");
	if (failing())
		return -1;
	for (i = 0; i < nr_domains; i++)
		if (domains[i].domid >= first &&
		    (!d || domains[i].domid < d->domid))
			d = &domains[i];
	if (!d)
		return 0;
	memset(info, 0, sizeof(*info));
	info->domain = d->domid;
	info->flags = d->flags;
	info->max_pages = d->max_pages;
	info->gpaddr_bits = 40;
	info->handle[15] = d->uuid;
	return 1;
}

int xc_domain_iomem_permission(xc_interface *xc, uint32_t domid,
			       unsigned long first, unsigned long nr,
			       uint8_t allow)
{
	struct frame *f;

	(void)xc;
	if (nr != 1)
		die("one frame at a time");
	if (failing() || !find_domain(domid))
		return -1;
	f = find_frame(domid, first, 0);
	if (allow)
		add_frame(domid, first, 0);
	else if (f)
		*f = frames[--nr_frames];
	return 0;
}

int xc_domain_memory_mapping(xc_interface *xc, uint32_t domid,
			     unsigned long gfn, unsigned long mfn,
			     unsigned long nr, uint32_t add)
{
	struct domain *d;
	struct frame *f;

	(void)xc;
	if (failing())
		return -1;
	d = find_domain(domid);
	if (!d)
		return -1;
	f = find_frame(domid, mfn, gfn);
	if (nr != 1 || !(d->flags & XEN_DOMINF_hvm_guest))
		die("mapping");
	if (!find_frame(domid, mfn, 0)) {
		errno = EPERM;
		return -1;
	}
	if (add) {
		add_frame(domid, mfn, gfn);
	} else if (f) {
		*f = frames[--nr_frames];
	} else {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

xenhypfs_handle *xenhypfs_open(struct xentoollog_logger *logger,
			       unsigned int flags)
{
	(void)flags;
	if (!logger)
		die("a command must not print for a library");
	if (!fake_maptrack)
		return NULL;
	fake_handles++;
	return (xenhypfs_handle *)&fake_maptrack;
}

int xenhypfs_close(xenhypfs_handle *hypfs)
{
	(void)hypfs;
	fake_handles--;
	return 0;
}

char *xenhypfs_read(xenhypfs_handle *hypfs, const char *path)
{
	(void)hypfs;
	if (strcmp(path, "/params/gnttab_max_maptrack_frames"))
		die(path);
	return strdup(fake_maptrack);
}

/* For tests */

void fake_domain(uint32_t domid, const char *name, uint32_t flags,
		 uint64_t max_pages)
{
	char path[64];

	if (nr_domains == MAX_DOMAINS)
		die("too many domains");
	domains[nr_domains++] = (struct domain){
		domid, flags, max_pages, domid
	};
	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	fake_set(path, name);
}

void fake_uuid(uint32_t domid, uint8_t last)
{
	find_domain(domid)->uuid = last;
}

void fake_domain_gone(uint32_t domid)
{
	struct domain *d = find_domain(domid);
	size_t i, kept = 0;
	char path[64];

	*d = domains[--nr_domains];
	for (i = 0; i < nr_frames; i++)
		if (frames[i].domid != domid)
			frames[kept++] = frames[i];
	nr_frames = kept;
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	fake_rm(path);
}

void fake_set(const char *path, const char *value)
{
	struct node *n = make(&committed, path);

	snprintf(n->value, sizeof(n->value), "%s", value);
	notify();
}

const char *fake_get(const char *path)
{
	struct node *n = find(&committed, path);

	return n ? n->value : NULL;
}

void fake_rm(const char *path)
{
	if (rm(&committed, path))
		notify();
}

bool fake_childless(const char *path)
{
	size_t i;

	for (i = 0; i < committed.nr; i++)
		if (below(committed.nodes[i].path, path) &&
		    strcmp(committed.nodes[i].path, path))
			return false;
	return true;
}

static int compare_nodes(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->path,
		      ((const struct node *)b)->path);
}

char *fake_dump(void)
{
	struct store *s = malloc(sizeof(*s));
	char *text;
	size_t i, size;
	FILE *f = open_memstream(&text, &size);

	*s = committed;
	qsort(s->nodes, s->nr, sizeof(s->nodes[0]), compare_nodes);
	for (i = 0; i < s->nr; i++) {
		struct node *n = &s->nodes[i];

		fprintf(f, "%s = \"%s\" (%u %d, %u %d)\n", n->path, n->value,
			n->perms[0].id, n->perms[0].perms, n->perms[1].id,
			n->perms[1].perms);
	}
	fclose(f);
	free(s);
	return text;
}

size_t fake_permitted(uint32_t domid)
{
	size_t i, n = 0;

	for (i = 0; i < nr_frames; i++)
		n += frames[i].domid == domid && !frames[i].gfn;
	return n;
}

size_t fake_mapped(uint32_t domid, uint64_t gfn)
{
	size_t i, n = 0;

	for (i = 0; i < nr_frames; i++)
		n += frames[i].domid == domid && frames[i].gfn &&
		     frames[i].gfn >= gfn;
	return n;
}

void fake_file(const char *path, const char *content)
{
	char full[256], part[260], *p;
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", fake_sysfs, path);
	for (p = full + strlen(fake_sysfs) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(full, 0755);
		*p = '/';
	}
	/* As in sysfs, a file is there with all its content */
	snprintf(part, sizeof(part), "%s~", full);
	f = fopen(part, "w");
	if (!f || fputs(content, f) < 0 || fclose(f) || rename(part, full))
		die(full);
}

void fake_hca(const char *name, const char *guid, const char *pci)
{
	static const char *const nodes[] = {
		"node_guid", "ports/1/link_layer", "ports/2/link_layer"
	};
	char path[128], text[64], target[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "class/infiniband/%s/%s", name,
			 nodes[i]);
		snprintf(text, sizeof(text), "%s\n", i ? "InfiniBand" : guid);
		fake_file(path, text);
	}
	if (!pci)
		return;
	snprintf(path, sizeof(path), "%s/class/infiniband/%s/device",
		 fake_sysfs, name);
	snprintf(target, sizeof(target), "../../../%s", pci);
	if (symlink(target, path))
		die(path);
}

static int unlink_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_unlink(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", fake_sysfs, path);
	nftw(full, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

void fake_fail_at(unsigned int call)
{
	calls = 0;
	fail_at = call;
}

void fake_strike_at(unsigned int call, void (*fn)(void))
{
	calls = 0;
	strike_at = call;
	strike = fn;
}

bool fake_struck(void)
{
	return strike_at && calls >= strike_at;
}

bool fake_failed(void)
{
	return fail_at && calls >= fail_at;
}

void fake_reset(void)
{
	fake_end();
	strcpy(fake_sysfs, "/tmp/xenib-unit-XXXXXX");
	if (!mkdtemp(fake_sysfs))
		die("mkdtemp");
	snprintf(fake_guests, sizeof(fake_guests), "%s/guests.d", fake_sysfs);
	snprintf(fake_run, sizeof(fake_run), "%s/run", fake_sysfs);
	if (mkdir(fake_guests, 0755) || mkdir(fake_run, 0755))
		die("mkdir");
	fake_grant_frames = 9;
	fake_max_grant_frames = 512;
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		die("eventfd");
	fake_hca("mlx4_0", "0002:c903:0012:3456", "0000:03:00.0");
	fake_file("bus/xen-backend/drivers/vib/uevent", "");
	fake_domain(0, "Domain-0", 0, 1 << 18);
}

void fake_end(void)
{
	if (event_fd >= 0) {
		fake_unlink("");
		close(event_fd);
		event_fd = -1;
	}
	committed.nr = 0;
	nr_domains = nr_frames = nr_watches = 0;
	in_transaction = event_pending = changed = false;
	fake_hook = NULL;
	fake_slept = NULL;
	fake_conflicts = fake_open_errno = 0;
	fake_writer = NULL;
	fake_maptrack = NULL;
	fake_flood = false;
	fake_fail_at(0);
	fake_strike_at(0, NULL);
}
