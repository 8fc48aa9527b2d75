// SPDX-License-Identifier: GPL-2.0-only
/*
 * settings.c - what the administrator wants: xenib.conf and guests.d
 *
 * What is wrong in a file must not give a guest more than the file would have
 * given it. So a broken file gives nothing, and keeps the guest that it names
 * from less exact files; one that does not say whom it names, keeps all guests
 * from all files that do not name them by UUID.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "../tools/args.h"
#include "xenibd.h"

#define DEFAULT_TIMEOUT	(XENIB_DEFAULT_TIMEOUT / 1000)
/* More than any machine has, and no overflow when quotas are added up. */
#define MAX_TOTAL_PAGES	(1UL << 40)

enum section {
	SECTION_NONE,
	SECTION_GUEST,
	SECTION_DEVICE,
	SECTION_XENIBD,
	SECTION_DEFAULTS,
};

static const char *const section_names[] = {
	[SECTION_GUEST] = "guest",
	[SECTION_DEVICE] = "device",
	[SECTION_XENIBD] = "xenibd",
	[SECTION_DEFAULTS] = "defaults",
};

/* Which of the two that a file may have this is. */
static enum section get_section(struct ini *ini, const char *name,
				enum section first)
{
	enum section i;

	if (!name)
		return SECTION_NONE;
	for (i = first; i < first + 2; i++)
		if (!strcmp(name, section_names[i]))
			return i;
	ini_error(ini, "[%s]: there is no such section, only [%s] and [%s]",
		  name, section_names[first], section_names[first + 1]);
	return SECTION_NONE;
}

static void check_option(struct ini *ini, struct xenib_attach_args *args,
			 const char *key, const char *value)
{
	char why[ARGS_WHY];

	if (args_set(args, key, value, why))
		ini_error(ini, "%s: %s", key, why);
}

/*
 * Reading a file of guests.d
 * @guests: so many sections [guest]
 * @unsure: it names more than one
 * @args: of the device that is being read, and
 * @given: the number of that was among them
 */
struct guest_reader {
	struct guest_setting *file;
	enum section section;
	unsigned int guests;
	bool unsure;
	struct xenib_attach_args args;
	bool given;
};

static void guest_section(void *ctx, struct ini *ini, const char *name)
{
	struct guest_reader *r = ctx;
	struct guest_setting *file = r->file;

	r->section = get_section(ini, name, SECTION_GUEST);
	if (r->section == SECTION_GUEST && r->guests++)
		ini_error(ini, "another [guest]: a file is about one");
	if (r->section != SECTION_DEVICE)
		return;
	memset(&r->args, 0, sizeof(r->args));
	r->given = false;
	file->devices = must(reallocarray(file->devices, file->nr_devices + 1,
					  sizeof(*file->devices)));
	file->devices[file->nr_devices] = (struct device_setting){
		.devid = file->nr_devices,
		.options = must(strdup("")),
	};
	if (file->nr_devices++ > XENIB_MAX_DEVID)
		ini_error(ini, "a guest can have %u devices",
			  XENIB_MAX_DEVID + 1);
}

static bool parse_uuid(const char *text, char *uuid)
{
	size_t i;

	if (strlen(text) != UUID_LEN)
		return false;
	for (i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
		uuid[i] = tolower((unsigned char)text[i]);
	}
	uuid[i] = 0;
	return true;
}

static void guest_key(struct guest_reader *r, struct ini *ini,
		      const char *key, const char *value)
{
	struct guest_setting *file = r->file;
	char uuid[UUID_LEN + 1];
	char **where;

	if (!strcmp(key, "uuid")) {
		where = &file->uuid;
		if (!parse_uuid(value, uuid)) {
			ini_error(ini, "uuid: \"%s\" is not a UUID like 6f1c2d3e-0123-4567-89ab-cdef01234567",
				  value);
			return;
		}
		value = uuid;
	} else if (!strcmp(key, "name")) {
		where = &file->name;
		if (!*value) {
			ini_error(ini, "name: there is none");
			return;
		}
	} else {
		ini_error(ini, "%s: there is no such thing, only uuid and name",
			  key);
		return;
	}
	if (file->uuid || file->name) {
		ini_error(ini, "%s: the guest has been named before", key);
		r->unsure = true;
		return;
	}
	*where = must(strdup(value));
}

static void device_key(struct guest_reader *r, struct ini *ini,
		       const char *key, const char *value)
{
	struct device_setting *dev = &r->file->devices[r->file->nr_devices - 1];
	bool is_devid = !strcmp(key, "devid");
	char *before = options_get(dev->options, key);

	if ((before && !args_may_repeat(key)) || (is_devid && r->given))
		ini_error(ini, "%s: given twice", key);
	free(before);
	check_option(ini, &r->args, key, value);
	if (is_devid) {
		dev->devid = r->args.devid;
		r->given = true;
	} else {
		options_add(&dev->options, key, value);
	}
}

static void guest_file_key(void *ctx, struct ini *ini, const char *key,
			   const char *value)
{
	struct guest_reader *r = ctx;

	if (r->section == SECTION_GUEST)
		guest_key(r, ini, key, value);
	else if (r->section == SECTION_DEVICE)
		device_key(r, ini, key, value);
}

static void check_devids(struct ini *ini, const struct guest_setting *file)
{
	size_t i, j;

	for (i = 0; i < file->nr_devices; i++)
		for (j = 0; j < i; j++)
			if (file->devices[i].devid == file->devices[j].devid)
				ini_error(ini, "sections %zu and %zu of [device] are both device %u: give one another devid",
					  j + 1, i + 1,
					  file->devices[i].devid);
}

static void read_guest_file(struct settings *s, char *path)
{
	static const struct ini_reader reader = {
		guest_section, guest_file_key
	};
	struct guest_setting file = { .path = path };
	struct guest_reader r = { .file = &file };
	struct ini ini = { .path = path };
	FILE *f = ini_open(&ini);

	if (!f && errno == ENOENT) {
		free(path);
		return;
	}
	if (f) {
		ini_read(f, &ini, &reader, &r);
		if (!file.uuid && !file.name)
			ini_error(&ini, "the end, and no uuid or name in [guest]");
		check_devids(&ini, &file);
	}
	if (r.unsure) {
		free(file.uuid);
		free(file.name);
		file.uuid = NULL;
		file.name = NULL;
	}
	file.broken = !f || ini.errors;
	if (file.broken)
		say(LOG_ERR, "%s: ignored; %s%s gets nothing by it", path,
		    !file.uuid && !file.name ?
		    "until it is mended, a guest that no file names by UUID" :
		    "the guest ",
		    file.uuid ? file.uuid : file.name ? file.name : "");
	s->files = must(reallocarray(s->files, s->nr_files + 1,
				     sizeof(*s->files)));
	s->files[s->nr_files++] = file;
}

static int is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && !strcmp(dot, ".conf");
}

/* Whoever may write to it can put anybody's old files there. */
static bool is_safe(const char *dir)
{
	struct stat st;

	if (stat(dir, &st)) {
		say(LOG_ERR, "%s: %s", dir, strerror(errno));
		return false;
	}
	if (st.st_uid == geteuid() && !(st.st_mode & 0022))
		return true;
	say(LOG_ERR, "%s: ignored: it has to be root's, and writable for nobody else",
	    dir);
	return false;
}

static void read_directory(struct settings *s, const char *dir)
{
	struct dirent **entries;
	int i, nr;

	nr = is_safe(dir) ? scandir(dir, &entries, is_conf, alphasort) : -1;
	if (nr < 0) {
		s->broken = true;
		return;
	}
	for (i = 0; i < nr; i++) {
		char *path;

		if (asprintf(&path, "%s/%s", dir, entries[i]->d_name) < 0)
			path = NULL;
		read_guest_file(s, must(path));
		free(entries[i]);
	}
	free(entries);
}

struct conf_reader {
	struct settings *s;
	enum section section;
	struct xenib_attach_args args;
};

static void conf_section(void *ctx, struct ini *ini, const char *name)
{
	struct conf_reader *r = ctx;

	r->section = get_section(ini, name, SECTION_XENIBD);
}

static bool is_quota(const char *key)
{
	unsigned int i;

	for (i = 0; i < XENIB_NR_QUOTAS; i++)
		if (!strcmp(key, xenib_quota_name(i)))
			return true;
	return false;
}

static void xenibd_key(struct settings *s, struct ini *ini, const char *key,
		       const char *value)
{
	char why[ARGS_WHY];
	int rc;

	if (!strcmp(key, "attach-timeout")) {
		rc = args_number(value, 1, ARGS_MAX_TIMEOUT, &s->timeout, why);
	} else if (!strcmp(key, "max-total-pages")) {
		rc = args_number(value, 0, MAX_TOTAL_PAGES, &s->max_pages, why);
	} else {
		ini_error(ini, "%s: there is no such thing, only attach-timeout and max-total-pages",
			  key);
		return;
	}
	if (rc)
		ini_error(ini, "%s: %s", key, why);
}

static void conf_key(void *ctx, struct ini *ini, const char *key,
		     const char *value)
{
	struct conf_reader *r = ctx;
	struct settings *s = r->s;
	char *before;

	if (r->section == SECTION_XENIBD) {
		xenibd_key(s, ini, key, value);
	} else if (r->section == SECTION_DEFAULTS) {
		before = options_get(s->defaults, key);
		if (before)
			ini_error(ini, "%s: given twice", key);
		free(before);
		if (is_quota(key))
			check_option(ini, &r->args, key, value);
		else
			ini_error(ini, "%s: there is no such thing, only quotas, as contexts and pages",
				  key);
		options_add(&s->defaults, key, value);
	}
}

static void read_conf(struct settings *s, const char *path)
{
	static const struct ini_reader reader = { conf_section, conf_key };
	struct conf_reader r = { .s = s };
	struct ini ini = { .path = path };
	FILE *f = ini_open(&ini);

	if (f)
		ini_read(f, &ini, &reader, &r);
	else
		ini.errors += errno != ENOENT;
	if (!ini.errors)
		return;
	say(LOG_ERR, "%s: until it is mended, no guest gets a device", path);
	s->broken = true;
}

void settings_load(struct settings *s, const char *conf,
		   const char *const *dirs, unsigned long max_pages)
{
	memset(s, 0, sizeof(*s));
	s->max_pages = max_pages;
	s->timeout = DEFAULT_TIMEOUT;
	s->defaults = must(strdup(""));
	read_conf(s, conf);
	for (; *dirs; dirs++)
		read_directory(s, *dirs);
}

void settings_free(struct settings *s)
{
	size_t i, j;

	for (i = 0; i < s->nr_files; i++) {
		struct guest_setting *file = &s->files[i];

		for (j = 0; j < file->nr_devices; j++)
			free(file->devices[j].options);
		free(file->devices);
		free(file->path);
		free(file->uuid);
		free(file->name);
	}
	free(s->files);
	free(s->defaults);
}

/* How exactly a file names a guest, 0: not at all */
#define EXACT_UUID	UINT_MAX
#define EXACT_UNKNOWN	(UINT_MAX - 1)	/* the file does not say whom */
#define EXACT_NAME	(UINT_MAX - 2)

/* One more than what a pattern says literally */
static unsigned int literals(const char *pattern)
{
	unsigned int n = 1;

	for (; *pattern; pattern++) {
		if (*pattern == '[' && strchr(pattern, ']'))
			pattern = strchr(pattern, ']');
		else if (*pattern != '*' && *pattern != '?')
			n++;
	}
	return n;
}

static unsigned int exactness(const struct guest_setting *file,
			      const char *uuid, const char *name)
{
	if (file->uuid && !strcmp(file->uuid, uuid))
		return EXACT_UUID;
	if (!file->uuid && !file->name)
		return EXACT_UNKNOWN;
	if (!file->name)
		return 0;
	if (!strcmp(file->name, name))
		return EXACT_NAME;
	if (fnmatch(file->name, name, FNM_NOESCAPE))
		return 0;
	return literals(file->name);
}

const struct guest_setting *settings_find(const struct settings *s,
					  const char *uuid, const char *name)
{
	const struct guest_setting *best = NULL;
	unsigned int exact, most = 0;
	size_t i;

	for (i = 0; i < s->nr_files; i++) {
		exact = exactness(&s->files[i], uuid, name);
		if (exact > most) {
			most = exact;
			best = &s->files[i];
		}
	}
	return best;
}
