// SPDX-License-Identifier: GPL-2.0-only
/* state.c - what is known of guests, in files named after their UUIDs */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "xenibd.h"

static const char *const state_names[] = {
	[SLOT_MISSING] = "missing",
	[SLOT_ATTACHED] = "attached",
	[SLOT_DETACHED] = "detached",
};

#define NR_STATES	(sizeof(state_names) / sizeof(state_names[0]))

/* A line without a value, and one for each option; nothing for NULL. */
static void print_options(FILE *f, const char *key, const char *options)
{
	char *line;

	if (!options)
		return;
	fprintf(f, "%s =\n", key);
	while ((line = options_next(&options))) {
		fprintf(f, "%s = %s\n", key, line);
		free(line);
	}
}

static char *state_text(const struct guest *g)
{
	const struct slot *slot;
	size_t size;
	char *text;
	FILE *f = must(open_memstream(&text, &size));

	/* When one was last seen that lives, is when we look the next time. */
	fprintf(f, "[guest]\ndomid = %u\nrestarts = %d\nended = %lld\n",
		g->domid, g->restarts, g->lives ? 0 : (long long)g->ended);
	for (slot = g->slots; slot; slot = slot->next) {
		fprintf(f, "[device]\ndevid = %u\nstate = %s\n", slot->devid,
			state_names[slot->state]);
		print_options(f, "kept", slot->kept);
		print_options(f, "setting", slot->setting);
	}
	if (fclose(f))
		must(NULL);
	return text;
}

static char *state_path(const char *dir, const char *uuid, const char *suffix)
{
	char *path;

	if (asprintf(&path, "%s/%s%s", dir, uuid, suffix) < 0)
		path = NULL;
	return must(path);
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -1;
	fputs(text, f);
	return ferror(f) | fclose(f) ? -1 : 0;
}

static void save(struct guest *g, const char *dir)
{
	char *text = state_text(g), *path, *new;

	if (!strcmp(text, g->saved)) {
		free(text);
		return;
	}
	path = state_path(dir, g->uuid, "");
	new = state_path(dir, g->uuid, ".new");
	if (write_file(new, text) || rename(new, path))
		say(LOG_ERR, "cannot write %s: %s: when xenibd is restarted, it does not know %s",
		    path, strerror(errno), g->name);
	free(g->saved);
	g->saved = text;
	free(path);
	free(new);
}

void state_save(struct guest *guests, const char *dir)
{
	for (; guests; guests = guests->next)
		save(guests, dir);
}

void state_remove(const struct guest *g, const char *dir)
{
	char *path = state_path(dir, g->uuid, "");

	unlink(path);
	free(path);
}

struct state_reader {
	struct guest *guest;
	struct slot *slot;
};

static void state_section(void *ctx, struct ini *ini, const char *name)
{
	struct state_reader *r = ctx;

	r->slot = NULL;
	if (name && !strcmp(name, "device"))
		r->slot = slot_new(r->guest, 0);
	else if (!name || strcmp(name, "guest"))
		ini_error(ini, "no such section");
}

static long long get_value(struct ini *ini, const char *value)
{
	char *end;
	long long n = strtoll(value, &end, 10);

	if (!*value || *end || n < 0)
		ini_error(ini, "\"%s\" is no number", value);
	return n;
}

static void slot_key(struct slot *slot, struct ini *ini, const char *key,
		     const char *value)
{
	char **options = !strcmp(key, "kept") ? &slot->kept : &slot->setting;
	const char *equals = strchr(value, '=');
	enum slot_state i;
	char *name;

	if (!strcmp(key, "devid")) {
		slot->devid = get_value(ini, value);
	} else if (!strcmp(key, "state")) {
		for (i = 0; i < NR_STATES; i++)
			if (!strcmp(value, state_names[i]))
				slot->state = i;
	} else if (!*value) {
		*options = must(strdup(""));
	} else if (equals) {
		name = must(strndup(value, equals - value));
		options_add(options, name, equals + 1);
		free(name);
	} else {
		ini_error(ini, "\"%s\" is no option", value);
	}
}

static void state_key(void *ctx, struct ini *ini, const char *key,
		      const char *value)
{
	struct state_reader *r = ctx;

	if (r->slot)
		slot_key(r->slot, ini, key, value);
	else if (!strcmp(key, "domid"))
		r->guest->domid = get_value(ini, value);
	else if (!strcmp(key, "restarts"))
		r->guest->restarts = get_value(ini, value);
	else if (!strcmp(key, "ended"))
		r->guest->ended = get_value(ini, value);
}

static void load(struct guest **guests, const char *dir, const char *uuid)
{
	static const struct ini_reader reader = { state_section, state_key };
	char *path = state_path(dir, uuid, "");
	struct ini ini = { .path = path };
	struct state_reader r = { 0 };
	FILE *f = ini_open(&ini);

	if (f) {
		r.guest = guest_new(guests, uuid);
		ini_read(f, &ini, &reader, &r);
		/* Unless it is found ended, or gone for long, it lives. */
		r.guest->lives = !r.guest->ended;
		if (ini.errors)
			guest_remove(guests, r.guest);
	}
	free(path);
}

void state_load(struct guest **guests, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (strlen(entry->d_name) == UUID_LEN)
			load(guests, dir, entry->d_name);
	if (d)
		closedir(d);
}
