/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake.h - libxenstore and libxenctrl for tests: a xenstore in memory, domains
 * with permissions and mappings, failures on demand
 */
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A clock of its own, so that a timeout does not depend on how busy the machine
 * is: looking at it takes 0.1 ms, and waiting what it is to take, at once.
 */
#define clock_gettime	fake_clock_gettime
#define nanosleep	fake_nanosleep
#define poll		fake_poll

/* As who the command runs; root is 0. */
#define geteuid		fake_geteuid
extern unsigned int fake_euid;

/* Called after each nanosleep(). */
extern void (*fake_slept)(void);

/* Stands for /etc/xenib/guests.d, and is below fake_sysfs */
extern char fake_guests[80];

/* And for /run/xenib */
extern char fake_run[80];

/* Of the grant tables of all domains; no maximum: Xen does not say. */
extern unsigned int fake_grant_frames, fake_max_grant_frames;

/* Stands for /sys; fake_reset() makes it, with mlx4_0 and the backend in it. */
extern char fake_sysfs[64];

/*
 * Called after each change of the store, and again as long as it changes
 * something itself: the other ends.
 */
extern void (*fake_hook)(void);

/* So many commits fail with EAGAIN first. */
extern int fake_conflicts;

/*
 * Somebody writes below this node all the time, as long as it is there: each
 * transaction that looks there conflicts. NULL: nobody does.
 */
extern const char *fake_writer;

/* There is always one more watch event. */
extern bool fake_flood;

/* Open calls minus close calls of both libraries. */
extern int fake_handles;

/* xc_interface_open() fails with this errno; 0: it does not. */
extern int fake_open_errno;

/* What Xen's hypfs has as gnttab_max_maptrack_frames; NULL: Xen has none. */
extern const char *fake_maptrack;

/* An empty store and no domain but 0. */
void fake_reset(void);
/* Remove what fake_reset() made. */
void fake_end(void);

/*
 * The call of this number, from 1, fails with EIO; 0: none does.
 * Closing calls are not counted.
 */
void fake_fail_at(unsigned int call);
/* Has it come to that? */
bool fake_failed(void);
/* Before the call of this number is done, @fn is; and has it been? */
void fake_strike_at(unsigned int call, void (*fn)(void));
bool fake_struck(void);

void fake_domain(uint32_t domid, const char *name, uint32_t flags,
		 uint64_t max_pages);
/* The last octet of the UUID, which is the domain id otherwise */
void fake_uuid(uint32_t domid, uint8_t last);
/* What xl destroy does. */
void fake_domain_gone(uint32_t domid);

/* As from another process. fake_get(): NULL: no such node. */
void fake_set(const char *path, const char *value);
const char *fake_get(const char *path);
void fake_rm(const char *path);
bool fake_childless(const char *path);

/* All nodes with values and permissions, sorted; to be freed. */
char *fake_dump(void);

/* How many frames the domain may use; and how many are mapped from @gfn on. */
size_t fake_permitted(uint32_t domid);
size_t fake_mapped(uint32_t domid, uint64_t gfn);

/* Create an empty or given file below fake_sysfs, with its directories. */
void fake_file(const char *path, const char *content);
/* An HCA of two InfiniBand ports in fake_sysfs; @pci may be NULL. */
void fake_hca(const char *name, const char *guid, const char *pci);
/* Remove a tree below fake_sysfs. */
void fake_unlink(const char *path);

#endif /* FAKE_H */
