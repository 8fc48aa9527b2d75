/* SPDX-License-Identifier: GPL-2.0-only */
/* print.h - how "xenib list" shows devices */
#ifndef XENIB_PRINT_H
#define XENIB_PRINT_H

#include <stddef.h>
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

/* One line for each device. */
void print_table(FILE *out, const struct listing *list);

/* Everything about each device, and the totals. */
void print_long(FILE *out, const struct listing *list);

/* The same as one JSON object. */
void print_json(FILE *out, const struct listing *list);

#endif /* XENIB_PRINT_H */
