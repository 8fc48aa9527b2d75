/* SPDX-License-Identifier: GPL-2.0-only */
/* host.h - what Xen says about this host */
#ifndef XENIB_HOST_H
#define XENIB_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <xenib.h>

#ifndef XENIB_SYSFS
#define XENIB_SYSFS	"/sys"
#endif

/* Where xenibd has its state, below which are files of guests */
#ifndef XENIB_RUN_DIR
#define XENIB_RUN_DIR	"/run/xenib"
#endif

/* Where administrators say which guest gets what */
#ifndef XENIB_GUESTS_DIR
#define XENIB_GUESTS_DIR	"/etc/xenib/guests.d"
#endif

/* Entries of a frame of gnttab_max_maptrack_frames, of 16 octets each */
#define MAPTRACK_PER_FRAME	256

/*
 * How many maptrack entries Xen lets a domain have, this one included: each
 * page of another domain that it maps takes one. Returns 0, or -1 if Xen does
 * not say.
 */
int maptrack_limit(uint64_t *entries);

/* Grants of a frame of a guest's grant table, in the format that Linux uses */
#define GRANTS_PER_FRAME	512

/*
 * How many frames the grant table of a domain has, and how many it can have.
 * Returns 0, or -1 if Xen does not say.
 */
int grant_frames(uint32_t domid, unsigned int *used, unsigned int *max);

/* Does xenibd run? It holds a lock as long. */
bool xenibd_runs(void);

#endif /* XENIB_HOST_H */
