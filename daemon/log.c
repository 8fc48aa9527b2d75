// SPDX-License-Identifier: GPL-2.0-only
/* log.c - what xenibd says */

#include <stdlib.h>
#include <syslog.h>

#include "xenibd.h"

void say(int priority, const char *fmt, ...)
{
	char line[3072], *p;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	/* systemd says so; to a terminal the number would mean nothing. */
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", priority, line);
	else
		fprintf(stderr, "xenibd: %s\n", line);
}

void *must(void *p)
{
	if (p)
		return p;
	say(LOG_CRIT, "out of memory");
	exit(EXIT_FAILURE);
}
