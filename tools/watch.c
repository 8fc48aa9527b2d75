// SPDX-License-Identifier: GPL-2.0-only
/* watch.c - what changes: blocks on a terminal, and traffic in a second */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

/* Unless it says another one */
#define DEFAULT_LINES	24
#define DEFAULT_COLUMNS	80

static struct winsize terminal_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		size.ws_row = 0;
	if (size.ws_row < 2 || !size.ws_col)
		return (struct winsize){
			.ws_row = DEFAULT_LINES, .ws_col = DEFAULT_COLUMNS,
		};
	return size;
}

/* How much of a text a terminal can show above the cursor, in @lines lines */
static size_t fitting(const char *text, unsigned int *lines)
{
	const struct winsize size = terminal_size();
	const char *end = text;
	unsigned int wanted;
	size_t len;

	for (*lines = 0; *end; *lines += wanted) {
		len = strcspn(end, "\n");
		wanted = len ? (len - 1) / size.ws_col + 1 : 1;
		if (*lines + wanted >= size.ws_row)
			break;
		end += len + (end[len] == '\n');
	}
	return end - text;
}

/*
 * On a terminal a block takes the place of the one before, and nothing else is
 * touched: there is nothing to be restored whenever the program ends.
 */
int watch_show(const char *text, unsigned int *shown)
{
	size_t len = strlen(text);
	unsigned int lines = 1;

	if (isatty(STDOUT_FILENO)) {
		len = fitting(text, &lines);
		if (*shown)
			printf("\033[%uA\033[J", *shown);
	} else if (*shown) {
		putchar('\n');
	}
	fwrite(text, 1, len, stdout);
	*shown = lines;
	return fflush(stdout);
}

enum traffic { RX_OCTETS, RX_PACKETS, TX_OCTETS, TX_PACKETS, NR_TRAFFIC };

static const char *const traffic_names[NR_TRAFFIC] = {
	[RX_OCTETS] = "rx_octets",
	[RX_PACKETS] = "rx_packets",
	[TX_OCTETS] = "tx_octets",
	[TX_PACKETS] = "tx_packets",
};

/* What a device had moved when it was looked at */
struct reading {
	uint32_t domid;
	uint32_t devid;
	uint64_t count[NR_TRAFFIC];
};

/* All that were there the last time, and when that was; NULL: never */
static struct reading *last;
static size_t nr_last;
static int64_t last_ms;

/* Of all devices of a guest */
struct row {
	const char *domain;
	uint32_t domid;
	uint64_t count[NR_TRAFFIC];
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static const struct reading *find_last(const struct reading *now)
{
	size_t i;

	for (i = 0; i < nr_last; i++)
		if (last[i].domid == now->domid && last[i].devid == now->devid)
			return &last[i];
	return NULL;
}

/* A device that came since began with 0, and so did one that came back. */
static void add_reading(struct row *row, const struct reading *now)
{
	const struct reading *before = find_last(now);
	unsigned int i;

	for (i = 0; i < NR_TRAFFIC; i++)
		row->count[i] += now->count[i] -
			(before && before->count[i] <= now->count[i] ?
			 before->count[i] : 0);
}

static void take_reading(struct reading *r, const struct xenib_device *d)
{
	const struct xenib_value *v;
	unsigned int i;

	r->domid = d->domid;
	r->devid = d->devid;
	for (i = 0; i < NR_TRAFFIC; i++) {
		v = find_value(d->counters, d->nr_counters, traffic_names[i]);
		r->count[i] = v ? v->value : 0;
	}
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t m = x->count[RX_OCTETS] + x->count[TX_OCTETS];
	uint64_t n = y->count[RX_OCTETS] + y->count[TX_OCTETS];

	if (m != n)
		return m < n ? 1 : -1;
	return x->domid < y->domid ? -1 : x->domid > y->domid;
}

/* Devices of a guest stand together. Returns how many guests there are. */
static size_t make_rows(struct row *rows, const struct reading *now,
			const struct listing *list)
{
	size_t i, nr = 0;

	for (i = 0; i < list->nr_devices; i++) {
		const struct xenib_device *d = &list->devices[i];

		if (!nr || rows[nr - 1].domid != d->domid)
			rows[nr++] = (struct row){
				.domain = d->domain ? d->domain : "-",
				.domid = d->domid,
			};
		add_reading(&rows[nr - 1], &now[i]);
	}
	qsort(rows, nr, sizeof(*rows), compare_rows);
	return nr;
}

static void print_rows(FILE *out, const struct row *rows, size_t nr,
		       int64_t ms)
{
	uint64_t rate[NR_TRAFFIC];
	unsigned int k;
	size_t i;

	fprintf(out, "%-24s %5s %12s %10s %12s %10s\n", "Domain", "ID",
		"RX byte/s", "RX pkt/s", "TX byte/s", "TX pkt/s");
	for (i = 0; i < nr; i++) {
		for (k = 0; k < NR_TRAFFIC; k++)
			rate[k] = (double)rows[i].count[k] * 1000 / ms + 0.5;
		print_text(out, rows[i].domain, 24);
		fprintf(out, " %5u %12" PRIu64 " %10" PRIu64 " %12" PRIu64
			" %10" PRIu64 "\n", rows[i].domid, rate[RX_OCTETS],
			rate[RX_PACKETS], rate[TX_OCTETS], rate[TX_PACKETS]);
	}
}

void top_begin(void)
{
	free(last);
	last = NULL;
	nr_last = 0;
}

void print_top(FILE *out, const struct listing *list)
{
	struct reading *now = calloc(list->nr_devices + 1, sizeof(*now));
	struct row *rows = calloc(list->nr_devices + 1, sizeof(*rows));
	int64_t ms = now_ms();
	size_t i;

	if (!now || !rows) {
		fputs("xenib: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	for (i = 0; i < list->nr_devices; i++)
		take_reading(&now[i], &list->devices[i]);
	if (last && ms > last_ms)
		print_rows(out, rows, make_rows(rows, now, list), ms - last_ms);
	free(rows);
	top_begin();
	last = now;
	nr_last = list->nr_devices;
	last_ms = ms;
}
