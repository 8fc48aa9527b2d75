// SPDX-License-Identifier: GPL-2.0-only
/* The input of a fuzzer, see fuzz.h. */

#include <stdlib.h>

#include "fuzz.h"

#define MAX_ALTERED	16

static const uint8_t *next, *end;

bool fuzz_more(void)
{
	return next < end;
}

uint8_t fuzz_8(void)
{
	return next < end ? *next++ : 0;
}

uint16_t fuzz_16(void)
{
	uint16_t high = fuzz_8();

	return high << 8 | fuzz_8();
}

uint32_t fuzz_32(void)
{
	uint32_t high = fuzz_16();

	return high << 16 | fuzz_16();
}

unsigned int fuzz_below(unsigned int nr)
{
	return fuzz_8() % nr;
}

void fuzz_alter(void *p, size_t len)
{
	unsigned int nr = fuzz_below(MAX_ALTERED + 1);
	size_t at;

	while (nr--) {
		at = (len > 256 ? fuzz_16() : fuzz_8()) % len;
		((uint8_t *)p)[at] = fuzz_8();
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* What fails is to end the program as anything else that is wrong. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	next = data;
	end = data + len;
	fuzz_run();
	return 0;
}
