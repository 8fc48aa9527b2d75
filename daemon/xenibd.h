/* SPDX-License-Identifier: GPL-2.0-only */
/* xenibd.h - what the files of xenibd share */
#ifndef XENIBD_H
#define XENIBD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <xenib.h>

#define UUID_LEN	36

/* log.c */

/*
 * Say a line on standard error, which is the journal's: @priority is one of
 * syslog's. Control characters come out as question marks.
 */
void say(int priority, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* @p, which is what an allocation returned. Ends the program for NULL. */
void *must(void *p);

/* options.c */

/*
 * Options of "xenib attach" are kept as text, "KEY=VALUE\n" for each. NULL: no
 * device at all, "": one without options.
 */
void options_add(char **options, const char *key, const char *value);

/* Are both the same device? Either may be NULL. */
bool options_same(const char *a, const char *b);

/* The last value of a key, as a string to be freed, or NULL. */
char *options_get(const char *options, const char *key);

/* Go on to the next of a text's lines, a string to be freed, NULL: no more. */
char *options_next(const char **rest);

/* Those with which to attach the same device again, to be freed */
char *options_of(const struct xenib_device *d);

/* ini.c */

/* Where reading a file has come to, and how often something was wrong */
struct ini {
	const char *path;
	unsigned int line;
	unsigned int errors;
};

/* Say what is wrong in this line. */
void ini_error(struct ini *ini, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Who reads a file
 * @section: called at each "[name]"
 * @key: called for each "key = value" below one; the value may be empty
 */
struct ini_reader {
	void (*section)(void *ctx, struct ini *ini, const char *name);
	void (*key)(void *ctx, struct ini *ini, const char *key,
		    const char *value);
};

/*
 * Open a file that nobody but us can have written. Says what is wrong, and
 * returns NULL; errno is ENOENT when there is none, of which it says nothing.
 */
FILE *ini_open(struct ini *ini);

/* Read all of it, also past errors, and close it. */
void ini_read(FILE *f, struct ini *ini, const struct ini_reader *reader,
	      void *ctx);

/* settings.c: what the administrator wants */

/*
 * A device that a file gives
 * @options: without devid
 */
struct device_setting {
	unsigned int devid;
	char *options;
};

/*
 * A file of guests.d
 * @uuid, @name: of the guest, either may be NULL; the name can be a pattern
 * @broken: it gives nothing to anybody, and keeps its place: what names the
 *	guest less exactly gives it nothing either
 */
struct guest_setting {
	char *path;
	char *uuid;
	char *name;
	bool broken;
	struct device_setting *devices;
	size_t nr_devices;
};

/*
 * @files: in the order in which they are asked
 * @broken: nobody is given anything
 * @defaults: options of devices that do not say otherwise
 * @timeout: of an attach, in seconds
 * @max_pages: sum of the quotas of pages of all devices, 0: no limit
 */
struct settings {
	struct guest_setting *files;
	size_t nr_files;
	bool broken;
	char *defaults;
	unsigned long timeout;
	unsigned long max_pages;
};

/*
 * Read all settings, say what is wrong with them.
 * @conf: xenib.conf, which need not exist
 * @dirs: directories of guests.d, to NULL; the first takes precedence
 * @max_pages: where xenib.conf does not say it
 */
void settings_load(struct settings *s, const char *conf,
		   const char *const *dirs, unsigned long max_pages);

void settings_free(struct settings *s);

/* The file that names a guest most exactly, or NULL. It may be broken. */
const struct guest_setting *settings_find(const struct settings *s,
					  const char *uuid, const char *name);

/* plan.c: what is to be done; nothing here waits, reads or writes */

/* A device that a guest has, and the options to get the same one again */
struct attached {
	unsigned int devid;
	bool ready;		/* the backend has it; else it is on its way */
	char *options;
};

/*
 * A domain as it is now
 * @uuid: the hypervisor's
 * @name: dom0's, NULL: it is being made, or removed
 * @ended: it does not run any more
 * @restarts: by the way it ended, its toolstack will start it again
 */
struct domain {
	uint32_t domid;
	char uuid[UUID_LEN + 1];
	char *name;
	bool ended;
	bool restarts;
	struct attached *devices;
	size_t nr_devices;
};

void domains_free(struct domain *domains, size_t nr);

enum slot_state {
	SLOT_MISSING,		/* to be attached */
	SLOT_ATTACHED,
	SLOT_DETACHED,		/* by hand */
};

/*
 * A device that a guest has, is to have, or had
 * @kept: options with which it was attached, NULL: it was not
 * @setting: what the file said of it when it got into this state, or NULL
 * @busy: it is being attached
 * @tried: when that was begun last, in milliseconds
 * @delay: how long to wait then until it may be begun again
 */
struct slot {
	struct slot *next;
	unsigned int devid;
	enum slot_state state;
	char *kept;
	char *setting;
	bool busy;
	int64_t tried;
	int64_t delay;
};

/*
 * A guest that is known, also for a while after its domain is gone
 * @lives: the domain runs
 * @ended: when it was last seen, if it does not
 * @saved: what state.c has written of it
 */
struct guest {
	struct guest *next;
	char uuid[UUID_LEN + 1];
	char *name;
	uint32_t domid;
	bool lives;
	bool restarts;
	int64_t ended;
	struct slot *slots;
	char *saved;
};

#define SECOND		INT64_C(1000)

/* A guest that is not started again for so long was not restarted. */
#define RESTART_TIME	(300 * SECOND)

/* Between the beginnings of two attempts at a device */
#define MIN_DELAY	(1 * SECOND)
#define MAX_DELAY	(300 * SECOND)

struct guest *guest_find(struct guest *guests, const char *uuid);
struct guest *guest_new(struct guest **guests, const char *uuid);
struct slot *slot_find(const struct guest *g, unsigned int devid);
struct slot *slot_new(struct guest *g, unsigned int devid);

/* Compare what is with what was, and with what is to be. */
void plan_update(struct guest **guests, const struct domain *domains, size_t nr,
		 const struct settings *s, int64_t now);

/* A guest that is gone for long; the caller is to guest_remove() it. */
struct guest *plan_forget(struct guest *guests, int64_t now);
void guest_remove(struct guest **guests, struct guest *g);

/*
 * A device that is to be attached now, or NULL; *@when is then lowered to when
 * there is one, or a guest is to be forgotten.
 */
struct slot *plan_next(struct guest *guests, const struct settings *s,
		       int64_t now, struct guest **guest, int64_t *when);

/* Attaching it begins: plan_next() returns it no more until that has ended. */
void plan_begin(struct slot *slot, int64_t now);

/* What to attach it with, but for the defaults */
const char *slot_options(const struct slot *slot);

/* The quota of pages of a device with these options */
unsigned long options_pages(const char *options, const char *defaults);

/* Those of all devices that guests have, or are about to have */
unsigned long plan_pages(const struct guest *guests, const char *defaults);

/* state.c: what is known of guests outlives the daemon, but not dom0 */

/* Write what has changed. @dir: a directory of ours */
void state_save(struct guest *guests, const char *dir);
void state_remove(const struct guest *g, const char *dir);
void state_load(struct guest **guests, const char *dir);

/* world.c: what Xen says */

struct world;

/* Returns NULL when there is no Xen, and says so. */
struct world *world_open(void);
/* What to wait for, and what has happened */
int world_fd(const struct world *w);

enum world_event {
	WORLD_SAME,
	WORLD_DEVICES,	/* something about devices, of which much is said */
	WORLD_DOMAINS,	/* domains came, went, or have another name */
	WORLD_LOST,	/* there is no xenstore any more */
};

enum world_event world_event(struct world *w);

/*
 * What domains there are, but dom0, and what they have. Returns their number,
 * -1 with a message said. To be released with domains_free().
 */
ssize_t world_read(struct world *w, struct domain **domains);

#endif /* XENIBD_H */
