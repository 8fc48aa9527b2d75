// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads of a process register memory without a pause; another process,
 * which asks one thing after the other, gets its share all the same: each of
 * the threads has at most one request that came before. Counts requests, not
 * time. Says what is not as it should be, and exits with 1 then.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE	4096
#define THREADS	64
#define ASKED	50
/* What the flood may do for each answer: four times what is just. */
#define SHARE	(4 * THREADS)

struct flood {
	atomic_long requests;		/* answered so far */
	atomic_int threads;		/* that have come to work */
};

static struct flood *flood;
static struct ibv_pd *pd;

static void *register_for_ever(void *page)
{
	struct ibv_mr *mr;
	int first = 1;

	for (;;) {
		NEED(mr = ibv_reg_mr(pd, page, PAGE, ALL_RIGHTS));
		flood->requests++;
		NEED(!ibv_dereg_mr(mr));
		flood->requests++;
		if (first)
			flood->threads++;
		first = 0;
	}
	return NULL;
}

static void run_flood(void)
{
	static char memory[THREADS * PAGE] __attribute__((aligned(PAGE)));
	pthread_t thread;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	NEED(pd = ibv_alloc_pd(open_hca()));
	for (i = 0; i < THREADS; i++)
		NEED(!pthread_create(&thread, NULL, register_for_ever,
				     memory + i * PAGE));
	pause();
	_exit(1);
}

int main(void)
{
	struct ibv_context *ctx;
	struct ibv_port_attr port;
	int asked, status;
	long before, done;
	pid_t child;

	flood = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(flood != MAP_FAILED);
	NEED((child = fork()) >= 0);
	if (!child)
		run_flood();

	ctx = open_hca();
	while (flood->threads < THREADS) {
		NEED(!waitpid(child, &status, WNOHANG));
		usleep(10000);
	}
	before = flood->requests;
	for (asked = 0; asked < ASKED; asked++)
		NEED(!ibv_query_port(ctx, CHECK_PORT, &port));
	done = flood->requests - before;

	printf("%ld requests of the flood for each answer\n", done / ASKED);
	EXPECT(done > 0, 1);
	EXPECT(done > ASKED * SHARE, 0);
	EXPECT(waitpid(child, &status, WNOHANG), 0);
	NEED(!kill(child, SIGKILL));
	NEED(waitpid(child, &status, 0) == child);
	return verdict();
}
