/* SPDX-License-Identifier: GPL-2.0-only */
/* host.h - what Xen says about this host */
#ifndef XENIB_HOST_H
#define XENIB_HOST_H

#include <stdint.h>

#include <xenib.h>

#ifndef XENIB_SYSFS
#define XENIB_SYSFS	"/sys"
#endif

/* Entries of a frame of gnttab_max_maptrack_frames, of 16 octets each */
#define MAPTRACK_PER_FRAME	256

/*
 * How many maptrack entries Xen lets a domain have, this one included: each
 * page of another domain that it maps takes one. Returns 0, or -1 if Xen does
 * not say.
 */
int maptrack_limit(uint64_t *entries);

#endif /* XENIB_HOST_H */
