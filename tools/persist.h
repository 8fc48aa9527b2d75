/* SPDX-License-Identifier: GPL-2.0-only */
/* persist.h - files of guests.d that "xenib attach --persist" writes */
#ifndef PERSIST_H
#define PERSIST_H

#include <stdint.h>

/*
 * There is one for each guest, named after it. Each function returns 0, or -1
 * with a message printed that names the file.
 */

/* Can it be written? Not if somebody else has written it. */
int persist_check(const char *guest);

/*
 * Have xenibd attach a device of this number to the guest, in place of what the
 * file has said of it. @options: a line "KEY = VALUE" for each.
 */
int persist_add(const char *guest, uint32_t devid, const char *options);

/* Say nothing more of the device; without a device there is no file. */
int persist_remove(const char *guest, uint32_t devid);

#endif /* PERSIST_H */
