// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many objects in one process, memory of every kind, as much of it as there
 * is, and fork. Says what is not as it should be, and exits with 1 then.
 * Needs one active port.
 *
 * usage: scale_check
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define NR_CQS		1000
#define NR_QPS		1000
#define NR_MRS		1000
#define PAGE		4096
#define HUGE_PAGE	(2UL << 20)
#define NR_HUGE		4
#define NR_LOCKED	512
#define NOBODY		65534
/* Of the memory that is free: of what the kernel needs for the rest */
#define SHARE_PERCENT	85
#define MAX_MEMORY	(384UL << 20)
#define CHUNK		(64UL << 10)
#define IMAGE_FILE	"/lib/x86_64-linux-gnu/libc.so.6"

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *near, *far;
static uint16_t lid;

static struct ibv_qp *create_qp(struct ibv_cq *for_qp)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = for_qp,
		.recv_cq = for_qp,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *qp = ibv_create_qp(pd, &attr);

	NEED(qp);
	return qp;
}

/* An RDMA write within one MR or between two; returns its status. */
static int copy(struct ibv_qp *qp, struct ibv_mr *from, void *src,
		struct ibv_mr *to, void *dst, uint32_t length)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)src,
		.length = length,
		.lkey = from->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)dst, .rkey = to->rkey },
	}, *bad;
	struct ibv_wc wc;

	NEED(!ibv_post_send(qp, &wr, &bad));
	return next_wc(qp->send_cq, &wc);
}

static void *map(size_t size, int prot, int flags, int fd)
{
	void *p = mmap(NULL, size, prot, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *anonymous(size_t size)
{
	void *p = map(size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1);

	NEED(p);
	return p;
}

/* Numbers of its own for each 8 octets, from @seed on. */
static void fill(uint64_t *p, size_t size, uint64_t seed)
{
	size_t i;

	for (i = 0; i < size / sizeof(*p); i++)
		p[i] = seed + i * 0x9e3779b97f4a7c15;
}

/* The last of thousands works like the first. */
static void check_objects(void)
{
	static struct ibv_cq *cqs[NR_CQS];
	static struct ibv_qp *qps[NR_QPS];
	static struct ibv_mr *mrs[NR_MRS];
	uint64_t *memory = anonymous((size_t)NR_MRS * PAGE);
	int i;

	for (i = 0; i < NR_CQS; i++)
		NEED(cqs[i] = ibv_create_cq(ctx, 4, NULL, NULL,
					    i % ctx->num_comp_vectors));
	for (i = 0; i < NR_QPS; i++)
		qps[i] = create_qp(cqs[NR_CQS - 1 - i]);
	for (i = 0; i < NR_MRS; i++)
		NEED(mrs[i] = ibv_reg_mr(pd, memory + (size_t)i * PAGE / 8,
					 PAGE, ALL_RIGHTS));
	connect_qps(qps[0], qps[NR_QPS - 1], lid);
	fill(mrs[0]->addr, PAGE, 1);
	EXPECT(copy(qps[0], mrs[0], mrs[0]->addr, mrs[NR_MRS - 1],
		    mrs[NR_MRS - 1]->addr, PAGE), IBV_WC_SUCCESS);
	EXPECT(memcmp(mrs[0]->addr, mrs[NR_MRS - 1]->addr, PAGE), 0);
	for (i = 0; i < NR_MRS; i++)
		EXPECT(ibv_dereg_mr(mrs[i]), 0);
	for (i = 0; i < NR_QPS; i++)
		EXPECT(ibv_destroy_qp(qps[i]), 0);
	for (i = 0; i < NR_CQS; i++)
		EXPECT(ibv_destroy_cq(cqs[i]), 0);
	munmap(memory, (size_t)NR_MRS * PAGE);
}

/*
 * What a user may pin is spent on CQs' buffers, a page each, and hardly on their
 * doorbell records, hundreds of which are in a page.
 */
static void check_locked_memory(void)
{
	struct rlimit limit = { NR_LOCKED * PAGE, NR_LOCKED * PAGE };
	int status, nr = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	NEED(child >= 0);
	if (!child) {
		ctx = open_hca();
		NEED(!setrlimit(RLIMIT_MEMLOCK, &limit) && !setuid(NOBODY));
		while (ibv_create_cq(ctx, 4, NULL, NULL, 0))
			nr++;
		EXPECT(errno, ENOMEM);
		EXPECT_CMP(nr, >, NR_LOCKED - NR_LOCKED / 64);
		printf("%d CQs in %d locked pages\n", nr, NR_LOCKED);
		fflush(stdout);
		_exit(!!failures);
	}
	EXPECT(waitpid(child, &status, 0), child);
	EXPECT(status, 0);
}

/* There are as many PDs as the device says, but for others' few. */
static void check_limit(void)
{
	struct ibv_device_attr attr;
	struct ibv_pd **pds;
	int i, nr;

	NEED(!ibv_query_device(ctx, &attr));
	NEED(pds = calloc(attr.max_pd + 1, sizeof(*pds)));
	for (nr = 0; nr <= attr.max_pd; nr++) {
		errno = 0;
		pds[nr] = ibv_alloc_pd(ctx);
		if (!pds[nr])
			break;
	}
	EXPECT(errno, ENOMEM);
	EXPECT_CMP(nr, <, attr.max_pd);
	EXPECT_CMP(nr, >, attr.max_pd - 64);
	for (i = 0; i < nr; i++)
		EXPECT(ibv_dealloc_pd(pds[i]), 0);
	free(pds);
}

/* A region of @size octets takes what is written there, chunk by chunk. */
static void check_region(int line, void *addr, size_t size)
{
	uint64_t *from = anonymous(CHUNK);
	struct ibv_mr *from_mr = ibv_reg_mr(pd, from, CHUNK, 0);
	struct ibv_mr *mr = ibv_reg_mr(pd, addr, size, ALL_RIGHTS);
	size_t offset;

	NEED(from_mr);
	need(line, "MR", !!mr);
	for (offset = 0; offset + CHUNK <= size; offset += CHUNK) {
		fill(from, CHUNK, offset);
		expect(line, "status", copy(near, from_mr, from, mr,
					    addr + offset, CHUNK),
		       IBV_WC_SUCCESS);
	}
	for (offset = 0; offset + CHUNK <= size; offset += CHUNK) {
		fill(from, CHUNK, offset);
		expect(line, "contents", memcmp(addr + offset, from, CHUNK),
		       0);
	}
	EXPECT(ibv_dereg_mr(mr), 0);
	EXPECT(ibv_dereg_mr(from_mr), 0);
	munmap(from, CHUNK);
}

static size_t available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kb = 0;
	char line[128];

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lu", &kb) == 1)
			break;
	fclose(f);
	NEED(kb);
	return (size_t)kb << 10;
}

/* One write reads each page of the region, or writes it. */
static void check_all_memory(void)
{
	size_t size = available() / 100 * SHARE_PERCENT;
	size_t half;
	struct ibv_mr *mr;
	char *p;

	if (size > MAX_MEMORY)
		size = MAX_MEMORY;
	half = size / 2 & ~(CHUNK - 1);
	p = anonymous(2 * half);
	NEED(mr = ibv_reg_mr(pd, p, 2 * half, ALL_RIGHTS));
	fill((uint64_t *)p, half, 1);
	EXPECT(copy(near, mr, p, mr, p + half, half), IBV_WC_SUCCESS);
	EXPECT(memcmp(p, p + half, half), 0);
	EXPECT(ibv_dereg_mr(mr), 0);
	munmap(p, 2 * half);
	printf("an MR of %zu MiB\n", 2 * half >> 20);
}

static void set_huge_pages(int nr)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (!f)
		return;
	fprintf(f, "%d\n", nr);
	fclose(f);
}

/* Paravirtualised guests have none. */
static void check_huge_pages(void)
{
	char *p;

	set_huge_pages(NR_HUGE);
	p = map(NR_HUGE * HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	if (p) {
		check_region(__LINE__, p, NR_HUGE * HUGE_PAGE);
		/* Neither whole nor aligned */
		check_region(__LINE__, p + PAGE + 8,
			     (NR_HUGE - 1) * HUGE_PAGE + 16);
		munmap(p, NR_HUGE * HUGE_PAGE);
	}
	set_huge_pages(0);
	printf("huge pages: %s\n", p ? "yes" : "no");
}

/* What the HCA writes is in the file. */
static void check_shared_file(void)
{
	char name[] = "/dev/shm/scale_check.XXXXXX";
	int fd = mkstemp(name);
	uint64_t want[PAGE / 8], got[PAGE / 8];
	char *p;

	NEED(fd >= 0 && !unlink(name) && !ftruncate(fd, 4 * CHUNK));
	NEED(p = map(4 * CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
	check_region(__LINE__, p, 4 * CHUNK);
	munmap(p, 4 * CHUNK);
	fill(want, PAGE, 3 * CHUNK);
	EXPECT(pread(fd, got, PAGE, 3 * CHUNK), PAGE);
	EXPECT(memcmp(got, want, PAGE), 0);
	close(fd);
}

/* A file of the root image, which cannot be written, can be sent. */
static void check_read_only_file(void)
{
	int fd = open(IMAGE_FILE, O_RDONLY);
	char *file, *to = anonymous(CHUNK);
	struct ibv_mr *mr, *to_mr;
	struct stat st;

	NEED(fd >= 0 && !fstat(fd, &st));
	NEED(file = map(st.st_size, PROT_READ, MAP_SHARED, fd));
	NEED(to_mr = ibv_reg_mr(pd, to, CHUNK, ALL_RIGHTS));
	errno = 0;
	EXPECT(ibv_reg_mr(pd, file, st.st_size, IBV_ACCESS_LOCAL_WRITE), NULL);
	EXPECT(errno, EFAULT);
	NEED(mr = ibv_reg_mr(pd, file, st.st_size, IBV_ACCESS_REMOTE_READ));
	EXPECT(copy(near, mr, file, to_mr, to, PAGE * 3), IBV_WC_SUCCESS);
	EXPECT(memcmp(file, to, PAGE * 3), 0);
	EXPECT(ibv_dereg_mr(mr), 0);
	EXPECT(ibv_dereg_mr(to_mr), 0);
	munmap(file, st.st_size);
	munmap(to, CHUNK);
	close(fd);
}

/* A child has memory of its own, and the HCA goes on using the parent's. */
static void check_fork(void)
{
	uint64_t *p = anonymous(4 * PAGE);
	struct ibv_mr *mr = ibv_reg_mr(pd, p, 4 * PAGE, ALL_RIGHTS);
	int status, i;
	pid_t child;

	NEED(mr);
	for (i = 0; i < 3; i++) {
		fill(p, 4 * PAGE, i);
		child = fork();
		NEED(child >= 0);
		if (!child) {
			memset(p, 'c', 4 * PAGE);
			_exit(p[0] != 0x6363636363636363);
		}
		/* Both while the child lives and afterwards */
		EXPECT(copy(near, mr, p, mr, p + PAGE / 8, PAGE),
		       IBV_WC_SUCCESS);
		EXPECT(memcmp(p, p + PAGE / 8, PAGE), 0);
		EXPECT(waitpid(child, &status, 0), child);
		EXPECT(status, 0);
		p[0] = ~p[0];
		EXPECT(copy(near, mr, p, mr, p + 2 * PAGE / 8, PAGE),
		       IBV_WC_SUCCESS);
		EXPECT(memcmp(p, p + 2 * PAGE / 8, PAGE), 0);
	}
	EXPECT(ibv_dereg_mr(mr), 0);
	munmap(p, 4 * PAGE);
}

int main(void)
{
	NEED(!ibv_fork_init());
	ctx = open_hca();
	lid = port_lid(ctx);
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(cq = ibv_create_cq(ctx, 8, NULL, NULL, 0));
	near = create_qp(cq);
	far = create_qp(cq);
	connect_qps(near, far, lid);
	check_fork();
	check_huge_pages();
	check_shared_file();
	check_read_only_file();
	check_all_memory();
	check_limit();
	check_locked_memory();
	check_objects();
	EXPECT(ibv_destroy_qp(near), 0);
	EXPECT(ibv_destroy_qp(far), 0);
	EXPECT(ibv_destroy_cq(cq), 0);
	EXPECT(ibv_dealloc_pd(pd), 0);
	EXPECT(ibv_close_device(ctx), 0);
	return verdict();
}
