// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long ibv_query_port() takes, which is a verb that the HCA has little to
 * do with: prints the median of so many calls, in nanoseconds.
 *
 * usage: latency CALLS
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"

#define MAX_CALLS	10000

static int compare(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(int argc, char **argv)
{
	static long took[MAX_CALLS];
	struct ibv_port_attr attr;
	struct ibv_context *ctx;
	int i, calls;

	NEED(argc == 2);
	calls = atoi(argv[1]);
	NEED(calls > 0 && calls <= MAX_CALLS);
	ctx = open_hca();
	for (i = 0; i < calls; i++) {
		long began = now_ns();

		NEED(!ibv_query_port(ctx, CHECK_PORT, &attr));
		took[i] = now_ns() - began;
	}
	NEED(!ibv_close_device(ctx));
	qsort(took, calls, sizeof(*took), compare);
	printf("%ld\n", took[calls / 2]);
	return failures != 0;
}
