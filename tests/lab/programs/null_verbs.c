// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes and frees a protection domain so many times: two verbs each, which cost
 * a guest a request and the HCA nothing.
 *
 * usage: null_verbs TIMES
 */

#include <stdlib.h>

#include "check.h"

int main(int argc, char **argv)
{
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	int i;

	NEED(argc == 2);
	ctx = open_hca();
	for (i = atoi(argv[1]); i > 0; i--) {
		NEED(pd = ibv_alloc_pd(ctx));
		NEED(!ibv_dealloc_pd(pd));
	}
	NEED(!ibv_close_device(ctx));
	return verdict();
}
