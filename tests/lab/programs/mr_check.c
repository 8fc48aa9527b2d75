// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the HCA reads of memory is what the process has there when it registers
 * it, whatever it had there when it registered it before; and nothing is kept
 * that keeps the process from having more. Says what is not as it should be,
 * and exits with 1 then. Needs one active port.
 *
 * usage: mr_check changes
 *	  mr_check churn SECONDS	(changes of many areas, at random)
 *	  mr_check many COUNT OCTETS	(so many areas, one after the other)
 */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define PAGE	4096UL
#define PAGES	8UL
#define SIZE	(PAGES * PAGE)
#define AREAS	200

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct pair qps;
static struct ibv_mr *seen_mr;
static unsigned char *area, *seen;

static void *map(void *at, size_t size)
{
	void *found = mmap(at, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS |
			   (at ? MAP_FIXED : 0), -1, 0);

	NEED(found != MAP_FAILED);
	return found;
}

static struct ibv_qp *create(void)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { 4, 4, 1, 1, 0 },
	};
	struct ibv_qp *qp;

	NEED(qp = ibv_create_qp(pd, &attr));
	return qp;
}

static int rdma(enum ibv_wr_opcode opcode, uint32_t rkey)
{
	struct ibv_sge sge = { (uintptr_t)seen, SIZE, seen_mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { (uintptr_t)area, rkey },
	};
	struct ibv_wc wc;

	NEED(!ibv_post_send(qps.near, &wr, &bad));
	return next_wc(cq, &wc);
}

/* Registers what is there, and has the HCA read and write all of it. */
static void check(const char *when)
{
	static unsigned char value;
	struct ibv_mr *mr;
	size_t i;

	for (i = 0; i < SIZE; i += PAGE)
		memset(area + i, ++value, PAGE);
	NEED(mr = ibv_reg_mr(pd, area, SIZE, ALL_RIGHTS));
	memset(seen, 0, SIZE);
	EXPECT(rdma(IBV_WR_RDMA_READ, mr->rkey), IBV_WC_SUCCESS);
	if (memcmp(seen, area, SIZE)) {
		printf("%s: the HCA reads something else\n", when);
		failures++;
	}
	memset(seen, ++value, SIZE);
	EXPECT(rdma(IBV_WR_RDMA_WRITE, mr->rkey), IBV_WC_SUCCESS);
	if (memcmp(seen, area, SIZE)) {
		printf("%s: the HCA writes elsewhere\n", when);
		failures++;
	}
	EXPECT(ibv_dereg_mr(mr), 0);
}

static void mapped_anew(void)
{
	NEED(!munmap(area, SIZE));
	map(area, SIZE);
}

static void one_page_mapped_anew(void)
{
	map(area + 3 * PAGE, PAGE);
}

static void forgotten(void)
{
	NEED(!madvise(area, SIZE, MADV_DONTNEED));
}

static void moved(void)
{
	void *elsewhere = map(NULL, SIZE);

	NEED(mremap(area, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    elsewhere) == elsewhere);
	map(area, SIZE);
	NEED(!munmap(elsewhere, SIZE));
}

static void forked(void)
{
	pid_t child = fork();
	int status;

	NEED(child >= 0);
	if (!child) {
		memset(area, 0xee, SIZE);
		_exit(0);
	}
	NEED(waitpid(child, &status, 0) == child);
}

static void protected(void)
{
	NEED(!mprotect(area, SIZE, PROT_READ));
	EXPECT(!ibv_reg_mr(pd, area, SIZE, ALL_RIGHTS), 1);
	NEED(!mprotect(area, SIZE, PROT_READ | PROT_WRITE));
}

/* Only the two of all of it are of the same pages. */
static void at_once(void)
{
	struct ibv_mr *all, *same, *part;

	NEED(all = ibv_reg_mr(pd, area, SIZE, ALL_RIGHTS));
	NEED(same = ibv_reg_mr(pd, area, SIZE, 0));
	NEED(part = ibv_reg_mr(pd, area + PAGE, SIZE - PAGE, ALL_RIGHTS));
	EXPECT(ibv_dereg_mr(all), 0);
	EXPECT(ibv_dereg_mr(part), 0);
	NEED(all = ibv_reg_mr(pd, area, SIZE, ALL_RIGHTS));
	EXPECT(ibv_dereg_mr(same), 0);
	EXPECT(ibv_dereg_mr(all), 0);
}

/* Given other pages while it is a share of those that are kept */
static void given_others(void)
{
	unsigned char *other = map(NULL, SIZE);
	struct ibv_mr *mr;

	NEED(mr = ibv_reg_mr(pd, area, SIZE, ALL_RIGHTS));
	NEED(!ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_TRANSLATION, NULL, other,
			   SIZE, 0));
	EXPECT(ibv_dereg_mr(mr), 0);
	NEED(!munmap(other, SIZE));
}

static void freed(void)
{
	NEED(!munmap(area, SIZE));
	area = NULL;
}

static void left_alone(void)
{
}

static void churn(int seconds)
{
	static void (*const make[])(void) = {
		freed, forked, forgotten, moved, mapped_anew, protected,
		left_alone, left_alone, left_alone, left_alone
	};
	static unsigned char *areas[AREAS];
	time_t end = time(NULL) + seconds;
	int i, rounds;

	for (rounds = 0; time(NULL) < end && !failures; rounds++) {
		i = rand() % AREAS;
		area = areas[i] ?: map(NULL, SIZE);
		check("churn");
		make[rand() % (sizeof(make) / sizeof(*make))]();
		areas[i] = area;
	}
	printf("%d rounds\n", rounds);
}

/* The keys of what has been deregistered are of no use. */
static void check_keys(void)
{
	struct ibv_mr *mr;
	uint32_t rkey;

	NEED(mr = ibv_reg_mr(pd, area, SIZE, ALL_RIGHTS));
	rkey = mr->rkey;
	EXPECT(ibv_dereg_mr(mr), 0);
	EXPECT(rdma(IBV_WR_RDMA_READ, rkey), IBV_WC_REM_ACCESS_ERR);
}

static void changes(void)
{
	static const struct {
		const char *name;
		void (*make)(void);
	} all[] = {
		{ "mapped anew", mapped_anew },
		{ "a page mapped anew", one_page_mapped_anew },
		{ "forgotten", forgotten },
		{ "moved", moved },
		{ "forked", forked },
		{ "protected", protected },
		{ "at once", at_once },
		{ "given others", given_others },
	};
	size_t i;

	check("first");
	check("again");
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		all[i].make();
		check(all[i].name);
		check(all[i].name);
	}
	check_keys();
}

/* All have been registered and are there until the input ends. */
static void many(int count, size_t size)
{
	struct ibv_mr *mr;
	void *each;

	while (count--) {
		each = map(NULL, size);
		memset(each, 1, size);
		NEED(mr = ibv_reg_mr(pd, each, size, ALL_RIGHTS));
		NEED(!ibv_dereg_mr(mr));
	}
	puts("registered");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

int main(int argc, char **argv)
{
	NEED(argc >= 2 && argc <= 4);
	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	if (argc == 4) {
		many(atoi(argv[2]), strtoul(argv[3], NULL, 10));
		return verdict();
	}
	NEED(cq = ibv_create_cq(ctx, 8, NULL, NULL, 0));
	qps.near = create();
	qps.far = create();
	connect_qps(qps.near, qps.far, port_lid(ctx));
	area = map(NULL, SIZE);
	seen = map(NULL, SIZE);
	NEED(seen_mr = ibv_reg_mr(pd, seen, SIZE, ALL_RIGHTS));
	if (argc == 3)
		churn(atoi(argv[2]));
	else
		changes();
	return verdict();
}
