/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fuzzers have in common: an input is a string of octets, of which a
 * fuzzer makes steps. Behind its end there are zeros.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each fuzzer has one: all that is to be done with an input. */
void fuzz_run(void);

/* Whether there is something left of it */
bool fuzz_more(void);
uint8_t fuzz_8(void);
uint16_t fuzz_16(void);
uint32_t fuzz_32(void);
/* One of 0 .. @nr - 1, of one octet */
unsigned int fuzz_below(unsigned int nr);
/* An octet says how many of @len there are to be replaced, and then which. */
void fuzz_alter(void *p, size_t len);

#endif /* FUZZ_H */
