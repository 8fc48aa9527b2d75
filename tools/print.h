/* SPDX-License-Identifier: GPL-2.0-only */
/* print.h - how devices are shown */
#ifndef XENIB_PRINT_H
#define XENIB_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <xenib.h>

/*
 * What there is to show.
 *
 * @totals: NULL: not to be shown, or the backend is not loaded
 */
struct listing {
	struct xenib_device *devices;
	size_t nr_devices;
	struct xenib_value *totals;
	size_t nr_totals;
};

/* The value of this name; NULL: there is none. */
const struct xenib_value *find_value(const struct xenib_value *values,
				     size_t nr, const char *name);

/* Of what a counter of refusals counts them; NULL: it is another counter. */
const char *refused_kind(const struct xenib_value *counter);

/* The character of UTF-8 at @s, and how many octets it has; 0: it is none. */
int get_utf8(const char *s, uint32_t *c);

/* Of ASCII, or of the terminals of old (U+0080 .. U+009F) */
bool is_control(uint32_t c);

/* What is printable ASCII of a string, and ? for all else */
void print_text(FILE *out, const char *s, int width);

/* One line for each device. */
void print_table(FILE *out, const struct listing *list);

/* Everything about each device, and the totals. */
void print_long(FILE *out, const struct listing *list);

/* The same as one JSON object. */
void print_json(FILE *out, const struct listing *list);

/* The same without the totals; and also the queue pairs of each device. */
void print_show(FILE *out, const struct listing *list);
void print_qps(FILE *out, const struct listing *list);

/* Metrics for Prometheus. */
void print_metrics(FILE *out, const struct listing *list);

/*
 * What guests moved in a second, since the list that was printed before this
 * one; nothing at the first call after top_begin().
 */
void top_begin(void);
void print_top(FILE *out, const struct listing *list);

/*
 * Show a block of lines in place of the one before, which took @shown lines, 0:
 * there is none. On a terminal as many as there is room for, elsewhere all,
 * after an empty line. Returns what fflush() does.
 */
int watch_show(const char *text, unsigned int *shown);

/* Print what is wrong on this host, a line each. Returns how much that is. */
unsigned int doctor(const struct listing *list);

#endif /* XENIB_PRINT_H */
