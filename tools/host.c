// SPDX-License-Identifier: GPL-2.0-only
/* host.c - see host.h */

#include <stdarg.h>
#include <stdlib.h>

#include <xenhypfs.h>
#include <xentoollog.h>

#include "host.h"

/* libxenhypfs would print its complaints, as that of a Xen without hypfs. */
static void log_nothing(struct xentoollog_logger *logger,
			xentoollog_level level, int errnoval,
			const char *context, const char *format, va_list al)
{
	(void)logger;
	(void)level;
	(void)errnoval;
	(void)context;
	(void)format;
	(void)al;
}

int maptrack_limit(uint64_t *entries)
{
	xentoollog_logger log = { .vmessage = log_nothing };
	xenhypfs_handle *hypfs = xenhypfs_open(&log, 0);
	char *frames;

	if (!hypfs)
		return -1;
	frames = xenhypfs_read(hypfs, "/params/gnttab_max_maptrack_frames");
	xenhypfs_close(hypfs);
	if (!frames)
		return -1;
	*entries = strtoull(frames, NULL, 10) * MAPTRACK_PER_FRAME;
	free(frames);
	return 0;
}
