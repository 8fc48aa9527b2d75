// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers and deregisters the same memory so many times.
 *
 * usage: register_again TIMES OCTETS
 */

#include <stdlib.h>

#include "check.h"

int main(int argc, char **argv)
{
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_mr *mr;
	size_t size;
	void *area;
	int i;

	NEED(argc == 3);
	size = strtoul(argv[2], NULL, 10);
	NEED(area = malloc(size));
	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	for (i = atoi(argv[1]); i > 0; i--) {
		NEED(mr = ibv_reg_mr(pd, area, size, ALL_RIGHTS));
		NEED(!ibv_dereg_mr(mr));
	}
	NEED(!ibv_dealloc_pd(pd));
	NEED(!ibv_close_device(ctx));
	return verdict();
}
