// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does something FEW times and then MANY times, in so many ROUNDS after one
 * that is not counted. Marks for the plugin that counts instructions,
 * tests/lab/count, are before and after each step: there is one, or with
 * "message" three, to post receives, to post sends and to poll.
 *
 * usage: counted STEP FEW MANY ROUNDS		STEP: as in steps[], below
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define PAGE	4096
#define LARGE	(1 << 20)
#define STRIDE	(16 * PAGE)

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_comp_channel *channel;
static struct ibv_cq *send_cq, *recv_cq;
static struct pair qps;
static struct ibv_mr *mr;
static char *memory;
static size_t size;	/* of what reg(), map() and reg_new() are about */
static int marking;

static void mark(void)
{
	if (marking)
		asm volatile("nopl 0x696e6578(%%rax)" : : : "memory");
}

static void counted(void (*step)(int n), int n)
{
	mark();
	step(n);
	mark();
}

/* Two instructions each time */
static void loop(int n)
{
	asm volatile("1: dec %0; jnz 1b" : "+r" (n));
}

static void query_port(int n)
{
	struct ibv_port_attr attr;

	while (n--)
		NEED(!ibv_query_port(ctx, CHECK_PORT, &attr));
}

static void pd_alone(int n)
{
	struct ibv_pd *one;

	while (n--) {
		NEED(one = ibv_alloc_pd(ctx));
		NEED(!ibv_dealloc_pd(one));
	}
}

static void cq_255(int n)
{
	struct ibv_cq *cq;

	while (n--) {
		NEED(cq = ibv_create_cq(ctx, 255, NULL, NULL, 0));
		NEED(!ibv_destroy_cq(cq));
	}
}

static struct ibv_qp *create_qp(int depth)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC, .send_cq = send_cq, .recv_cq = recv_cq,
		.cap = { .max_send_wr = depth, .max_recv_wr = depth,
			 .max_send_sge = 1, .max_recv_sge = 1 },
	};

	return ibv_create_qp(pd, &attr);
}

static void qp_rc(int n)
{
	struct ibv_qp *qp;

	while (n--) {
		NEED(qp = create_qp(16));
		NEED(!ibv_destroy_qp(qp));
	}
}

static void register_once(void *addr)
{
	struct ibv_mr *one;

	NEED(one = ibv_reg_mr(pd, addr, size, ALL_RIGHTS));
	NEED(!ibv_dereg_mr(one));
}

static void reg(int n)
{
	while (n--)
		register_once(memory);
}

static void *get_memory(int flags)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	NEED(addr != MAP_FAILED);
	return addr;
}

/* What reg_new() costs without the registration */
static void map(int n)
{
	while (n--)
		NEED(!munmap(get_memory(MAP_POPULATE), size));
}

static void reg_new(int n)
{
	void *addr;

	while (n--) {
		addr = get_memory(MAP_POPULATE);
		register_once(addr);
		NEED(!munmap(addr, size));
	}
}

static void post_recv(int n)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory, .length = 8, .lkey = mr->lkey,
	};
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	while (n--)
		NEED(!ibv_post_recv(qps.far, &wr, &bad));
}

/* The last one causes the event that arrive() waits for. */
static void post_send(int n)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory, .length = 8, .lkey = mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	}, *bad;

	while (n--) {
		if (!n)
			wr.send_flags |= IBV_SEND_SOLICITED;
		NEED(!ibv_post_send(qps.near, &wr, &bad));
	}
}

/* Wait until all that was sent has arrived, without a look at recv_cq. */
static void arrive(int n)
{
	struct ibv_cq *cq;
	struct ibv_wc wc;
	void *unused;

	NEED(!ibv_get_cq_event(channel, &cq, &unused));
	ibv_ack_cq_events(cq, 1);
	while (n--)
		NEED(!next_wc(send_cq, &wc));
}

static void poll_cq(int n)
{
	struct ibv_wc wc;

	while (n--) {
		NEED(ibv_poll_cq(recv_cq, 1, &wc) == 1);
		NEED(!wc.status);
	}
}

/* Messages to itself, each with an event that is waited for */
static void event(int n)
{
	while (n--) {
		NEED(!ibv_req_notify_cq(recv_cq, 1));
		post_recv(1);
		post_send(1);
		arrive(1);
		poll_cq(1);
	}
}

static void message(int n)
{
	NEED(!ibv_req_notify_cq(recv_cq, 1));
	counted(post_recv, n);
	counted(post_send, n);
	arrive(n);
	counted(poll_cq, n);
}

/*
 * Neighbours are touched at different times: how many pages of a memory region
 * follow each other in the machine, too, is not left to chance.
 */
static void make_memory(void)
{
	char *first, *page;

	size = LARGE;
	memory = get_memory(0);
	for (first = memory; first < memory + STRIDE; first += PAGE)
		for (page = first; page < memory + LARGE; page += STRIDE)
			*page = 1;
}

static void connect_pair(int depth)
{
	NEED(channel = ibv_create_comp_channel(ctx));
	NEED(send_cq = ibv_create_cq(ctx, depth, NULL, NULL, 0));
	NEED(recv_cq = ibv_create_cq(ctx, depth, NULL, channel, 0));
	NEED(qps.near = create_qp(depth));
	NEED(qps.far = create_qp(depth));
	connect_qps(qps.near, qps.far, port_lid(ctx));
	NEED(mr = ibv_reg_mr(pd, memory, PAGE, ALL_RIGHTS));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*step)(int n);
		size_t size;
	} steps[] = {
		{ "loop", loop, 0 },
		{ "query_port", query_port, 0 },
		{ "pd", pd_alone, 0 },
		{ "cq", cq_255, 0 },
		{ "qp", qp_rc, 0 },
		{ "reg_4k", reg, PAGE },
		{ "reg_1m", reg, LARGE },
		{ "map_4k", map, PAGE },
		{ "map_1m", map, LARGE },
		{ "reg_new_4k", reg_new, PAGE },
		{ "reg_new_1m", reg_new, LARGE },
		{ "event", event, 0 },
		{ "message", message, 0 },
	};
	unsigned int i = 0, j;
	int n[2], rounds;

	NEED(argc == 5);
	while (strcmp(argv[1], steps[i].name))
		NEED(++i < sizeof(steps) / sizeof(steps[0]));
	n[0] = atoi(argv[2]);
	n[1] = atoi(argv[3]);
	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	make_memory();
	connect_pair(steps[i].step == message ? n[1] : 1);
	size = steps[i].size;
	for (rounds = atoi(argv[4]); rounds >= 0; rounds--) {
		for (j = 0; j < 2; j++) {
			if (steps[i].step == message)
				message(n[j]);
			else
				counted(steps[i].step, n[j]);
		}
		marking = 1;
	}
	return 0;
}
