// SPDX-License-Identifier: GPL-2.0-only
/* host.c - see host.h */

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenhypfs.h>
#include <xentoollog.h>

#include "host.h"

/* Xen's libraries print their complaints, as that of a Xen without hypfs. */
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

int grant_frames(uint32_t domid, unsigned int *used, unsigned int *max)
{
	xentoollog_logger log = { .vmessage = log_nothing };
	struct gnttab_query_size size = { .dom = domid };
	xc_interface *xc = xc_interface_open(&log, &log, 0);
	int rc;

	if (!xc)
		return -1;
	rc = xc_gnttab_query_size(xc, &size);
	xc_interface_close(xc);
	if (rc || size.status)
		return -1;
	*used = size.nr_frames;
	*max = size.max_nr_frames;
	return 0;
}

bool xenibd_runs(void)
{
	int fd = open(XENIB_RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool runs = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB);

	if (fd >= 0)
		close(fd);
	return runs;
}
