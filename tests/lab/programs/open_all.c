// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens the first HCA until that fails, prints how often it did not, and keeps
 * all but the first few until it is killed.
 */

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

#define MAX_OPEN	4096
#define FEW		8

int main(void)
{
	struct rlimit files = { 8192, 8192 };
	static struct ibv_context *ctx[MAX_OPEN];
	struct ibv_device **list;
	int nr, i;

	NEED(!setrlimit(RLIMIT_NOFILE, &files));
	list = ibv_get_device_list(NULL);
	NEED(list && list[0]);
	for (nr = 0; nr < MAX_OPEN; nr++) {
		ctx[nr] = ibv_open_device(list[0]);
		if (!ctx[nr])
			break;
	}
	for (i = 0; i < FEW && i < nr; i++)
		ibv_close_device(ctx[i]);
	printf("%d\n", nr);
	fflush(stdout);
	pause();
	return 0;
}
