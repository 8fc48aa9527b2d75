/* SPDX-License-Identifier: GPL-2.0-only */
/* args.h - options of "xenib attach" that say what a device is to be */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>

#include <xenib.h>

/* Room for a sentence about what is wrong, which may quote a table of P_Keys */
#define ARGS_WHY	2048

#define ARGS_MAX_TIMEOUT	3600	/* seconds */

/* More than there are of these options */
#define ARGS_MAX		(16 + XENIB_NR_QUOTAS)

/*
 * Their names, by a number from 0, NULL after the last: the HCA, the device's
 * number, who the guest is, its MADs, and quotas. All have a value.
 */
const char *args_name(unsigned int i);

/*
 * Set what one of them says; the name of an HCA is not copied. Returns 0, or -1
 * with a sentence in @why, which has room for ARGS_WHY octets.
 */
int args_set(struct xenib_attach_args *args, const char *name,
	     const char *value, char *why);

/* What is said of a port, and so may be said more than once */
bool args_may_repeat(const char *name);

/* A number in min .. max. Returns 0, or -1 with a sentence in @why. */
int args_number(const char *text, unsigned long min, unsigned long max,
		unsigned long *value, char *why);

#endif /* ARGS_H */
