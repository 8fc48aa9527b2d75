// SPDX-License-Identifier: GPL-2.0-only
/*
 * plan.c - what is to be done
 *
 * It compares what there is with what it knows, and with what is to be, as
 * often as anything changes; which event it was does not matter. Nothing that a
 * guest can write is among that.
 */

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <xen/interface/io/vibif.h>

#include "xenibd.h"

struct guest *guest_find(struct guest *guests, const char *uuid)
{
	while (guests && strcmp(guests->uuid, uuid))
		guests = guests->next;
	return guests;
}

struct guest *guest_new(struct guest **guests, const char *uuid)
{
	struct guest *g = must(calloc(1, sizeof(*g)));

	snprintf(g->uuid, sizeof(g->uuid), "%s", uuid);
	g->name = must(strdup(""));
	g->saved = must(strdup(""));
	g->next = *guests;
	*guests = g;
	return g;
}

void domains_free(struct domain *domains, size_t nr)
{
	size_t i, j;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < domains[i].nr_devices; j++)
			free(domains[i].devices[j].options);
		free(domains[i].devices);
		free(domains[i].name);
	}
	free(domains);
}

struct slot *slot_find(const struct guest *g, unsigned int devid)
{
	struct slot *slot = g->slots;

	while (slot && slot->devid != devid)
		slot = slot->next;
	return slot;
}

/* By their numbers, so that they are attached in this order. */
struct slot *slot_new(struct guest *g, unsigned int devid)
{
	struct slot *slot = must(calloc(1, sizeof(*slot)));
	struct slot **p = &g->slots;

	while (*p && (*p)->devid < devid)
		p = &(*p)->next;
	slot->devid = devid;
	slot->next = *p;
	*p = slot;
	return slot;
}

static void slot_free(struct slot *slot)
{
	free(slot->kept);
	free(slot->setting);
	free(slot);
}

void guest_remove(struct guest **guests, struct guest *g)
{
	struct slot *slot;

	while (*guests != g)
		guests = &(*guests)->next;
	*guests = g->next;
	while ((slot = g->slots)) {
		g->slots = slot->next;
		slot_free(slot);
	}
	free(g->name);
	free(g->saved);
	free(g);
}

static void set(char **text, const char *value)
{
	char *copy = value ? must(strdup(value)) : NULL;

	free(*text);
	*text = copy;
}

/* Devices that the guest had, it gets again if it was restarted. */
static void begin_domain(struct guest *g, uint32_t domid, int64_t now)
{
	bool again = g->restarts && now - g->ended <= RESTART_TIME;
	struct slot *slot;

	for (slot = g->slots; slot; slot = slot->next) {
		if (again && slot->state == SLOT_DETACHED)
			continue;
		slot->state = SLOT_MISSING;
		if (!again)
			set(&slot->kept, NULL);
	}
	g->domid = domid;
	g->restarts = false;
}

static const char *setting_of(const struct guest_setting *file,
			      unsigned int devid)
{
	size_t i;

	for (i = 0; file && i < file->nr_devices; i++)
		if (file->devices[i].devid == devid)
			return file->devices[i].options;
	return NULL;
}

static const struct attached *attached_of(const struct domain *d,
					  unsigned int devid)
{
	size_t i;

	for (i = 0; i < d->nr_devices; i++)
		if (d->devices[i].devid == devid)
			return &d->devices[i];
	return NULL;
}

static void note(const struct guest *g, const struct slot *slot,
		 const char *what)
{
	say(LOG_INFO, "%s (%s) device %u: %s by hand", g->name, g->uuid,
	    slot->devid, what);
}

/* @want, @have: what the file says of it, and what there is, or NULL */
static void update_slot(const struct guest *g, struct slot *slot,
			const char *want, const struct attached *have)
{
	bool changed = !options_same(want, slot->setting);

	if (have && (have->ready || slot->state == SLOT_ATTACHED)) {
		if (slot->state != SLOT_ATTACHED)
			note(g, slot, "attached");
		slot->state = SLOT_ATTACHED;
		set(&slot->kept, have->options);
	} else if (slot->state == SLOT_ATTACHED) {
		note(g, slot, "detached");
		slot->state = SLOT_DETACHED;
		set(&slot->kept, NULL);
	} else if (changed) {
		slot->state = SLOT_MISSING;
		slot->delay = 0;
	}
	set(&slot->setting, want);
}

/* Neither is there to be such a device, nor was there one. */
static bool is_void(const struct slot *slot)
{
	return slot->state != SLOT_ATTACHED && !slot->setting && !slot->kept &&
	       !slot->busy;
}

static void update_guest(struct guest *g, const struct domain *d,
			 const struct guest_setting *file)
{
	struct slot **p = &g->slots, *slot;
	size_t i;

	if (file && file->broken)
		file = NULL;
	for (i = 0; i < d->nr_devices; i++)
		if (!slot_find(g, d->devices[i].devid))
			slot_new(g, d->devices[i].devid);
	for (i = 0; file && i < file->nr_devices; i++)
		if (!slot_find(g, file->devices[i].devid))
			slot_new(g, file->devices[i].devid);
	while ((slot = *p)) {
		if (!slot->busy)
			update_slot(g, slot, setting_of(file, slot->devid),
				    attached_of(d, slot->devid));
		if (is_void(slot)) {
			*p = slot->next;
			slot_free(slot);
		} else {
			p = &slot->next;
		}
	}
}

static const struct domain *domain_find(const struct domain *domains, size_t nr,
					uint32_t domid, const char *uuid)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (domains[i].domid == domid && !strcmp(domains[i].uuid, uuid))
			return &domains[i];
	return NULL;
}

/* Those that have ended, or are gone */
static void update_ends(struct guest *guests, const struct domain *domains,
			size_t nr, int64_t now)
{
	struct guest *g;

	for (g = guests; g; g = g->next) {
		const struct domain *d = domain_find(domains, nr, g->domid,
						     g->uuid);

		if (d && d->ended)
			g->restarts = d->restarts;
		else if (d)
			g->restarts = false;
		if (d || g->lives)
			g->ended = now;
		g->lives = d && !d->ended;
	}
}

void plan_update(struct guest **guests, const struct domain *domains, size_t nr,
		 const struct settings *s, int64_t now)
{
	size_t i;

	update_ends(*guests, domains, nr, now);
	for (i = 0; i < nr; i++) {
		const struct domain *d = &domains[i];
		struct guest *g = guest_find(*guests, d->uuid);

		if (d->ended || !d->name)
			continue;
		if (!g) {
			g = guest_new(guests, d->uuid);
			g->domid = d->domid;
		} else if (g->domid != d->domid) {
			/* One is moved to here while the other still runs. */
			if (g->lives)
				continue;
			begin_domain(g, d->domid, now);
		}
		g->lives = true;
		set(&g->name, d->name);
		if (!s->broken)
			update_guest(g, d, settings_find(s, d->uuid, d->name));
	}
}

struct guest *plan_forget(struct guest *guests, int64_t now)
{
	struct guest *g;
	struct slot *slot;
	bool busy;

	for (g = guests; g; g = g->next) {
		for (busy = false, slot = g->slots; slot; slot = slot->next)
			busy |= slot->busy;
		if (!g->lives && !busy && now - g->ended > RESTART_TIME)
			return g;
	}
	return NULL;
}

struct slot *plan_next(struct guest *guests, const struct settings *s,
		       int64_t now, struct guest **guest, int64_t *when)
{
	struct slot *slot;
	struct guest *g;
	int64_t at;

	for (g = guests; g; g = g->next) {
		if (!g->lives) {
			at = g->ended + RESTART_TIME + 1;
			*when = at < *when ? at : *when;
			continue;
		}
		for (slot = g->slots; slot; slot = slot->next) {
			if (slot->busy || slot->state != SLOT_MISSING ||
			    s->broken)
				continue;
			at = slot->tried + slot->delay;
			if (at <= now) {
				*guest = g;
				return slot;
			}
			*when = at < *when ? at : *when;
		}
	}
	return NULL;
}

/* What lasted longer than the longest wait, begins at the shortest again. */
void plan_begin(struct slot *slot, int64_t now)
{
	if (!slot->delay || now - slot->tried > 2 * MAX_DELAY)
		slot->delay = MIN_DELAY;
	else
		slot->delay = 2 * slot->delay < MAX_DELAY ? 2 * slot->delay :
							    MAX_DELAY;
	slot->tried = now;
	slot->busy = true;
}

const char *slot_options(const struct slot *slot)
{
	return slot->setting ? slot->setting : slot->kept;
}

unsigned long options_pages(const char *options, const char *defaults)
{
	char *pages = options_get(options, "pages");
	unsigned long n = VIBIF_DEFAULT_PAGE;

	if (!pages)
		pages = options_get(defaults, "pages");
	if (pages)
		n = strtoul(pages, NULL, 10);
	free(pages);
	return n;
}

unsigned long plan_pages(const struct guest *guests, const char *defaults)
{
	unsigned long n = 0;
	struct slot *slot;

	for (; guests; guests = guests->next) {
		for (slot = guests->slots; slot; slot = slot->next) {
			if (!guests->lives ||
			    (slot->state != SLOT_ATTACHED && !slot->busy))
				continue;
			/* A file may have changed since it was attached. */
			n += options_pages(slot->kept && !slot->busy ?
					   slot->kept : slot_options(slot),
					   defaults);
		}
	}
	return n;
}
