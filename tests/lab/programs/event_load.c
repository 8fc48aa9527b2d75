// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion events, many of them. Prints how many there were. Exits with 1 if
 * something is not as it should be.
 *
 * usage: event_load work SECONDS
 *	64 queue pairs, each of which sends to itself and sleeps until both
 *	completions have had their event, over and over again
 * usage: event_load storm SECONDS
 *	64 queue pairs that send datagrams, whose CQs four threads arm without
 *	ever waiting for an event, so that each completion has one
 * usage: event_load overrun CQS
 *	So many CQs of two entries, and as many queue pairs, each of which
 *	completes more than its CQ can hold, all at once
 */

#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <infiniband/mlx4dv.h>

#include "check.h"

#define QPS		64
#define MAX_CQS		4096
#define OVERRUN		8	/* completions in a CQ of two entries */
#define THREADS		4
/* The doorbell that arms a CQ, and its command to do so for any completion */
#define DB_CQ_ARM	0x20
#define DB_ARM_NEXT	(2u << 24)
#define DB_SN_SHIFT	28
#define DB_INDEX_MASK	0xffffff

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_comp_channel *channel;
static struct ibv_cq *cq[MAX_CQS];
static struct ibv_qp *qp[MAX_CQS];
static struct ibv_mr *mr;
static char memory[4096];
static struct ibv_ah *nowhere;
static uint16_t lid;
static time_t end;

static void open_all(void)
{
	struct ibv_ah_attr attr = { .port_num = CHECK_PORT };

	ctx = open_hca();
	lid = port_lid(ctx);
	pd = ibv_alloc_pd(ctx);
	NEED(pd);
	channel = ibv_create_comp_channel(ctx);
	NEED(channel);
	mr = ibv_reg_mr(pd, memory, sizeof(memory), ALL_RIGHTS);
	NEED(mr);
	attr.dlid = lid;
	nowhere = ibv_create_ah(pd, &attr);
	NEED(nowhere);
}

static void create_all(enum ibv_qp_type type)
{
	int i;

	for (i = 0; i < QPS; i++) {
		struct ibv_qp_init_attr attr = {
			.cap = { .max_send_wr = 1, .max_recv_wr = 1,
				 .max_send_sge = 1, .max_recv_sge = 1 },
			.qp_type = type,
			.sq_sig_all = 1,
		};

		cq[i] = ibv_create_cq(ctx, 4, (void *)(long)i, channel, 0);
		NEED(cq[i]);
		attr.send_cq = cq[i];
		attr.recv_cq = cq[i];
		qp[i] = ibv_create_qp(pd, &attr);
		NEED(qp[i]);
		if (type == IBV_QPT_UD)
			ud_to_rts(qp[i]);
		else
			qp_to_init(qp[i]);
	}
}

static void post(int i, bool send)
{
	struct ibv_sge sge = { (uintptr_t)memory, 8, mr->lkey };
	struct ibv_recv_wr recv = { .sg_list = &sge, .num_sge = 1 }, *bad_recv;
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1,
				  .opcode = IBV_WR_SEND }, *bad;

	NEED(!ibv_post_recv(qp[i], &recv, &bad_recv));
	if (send)
		NEED(!ibv_post_send(qp[i], &wr, &bad));
}

/* Takes the completions of a CQ that had an event. */
static int take(int i)
{
	struct ibv_wc wc;
	int n = 0;

	while (ibv_poll_cq(cq[i], 1, &wc) > 0) {
		NEED(wc.status == IBV_WC_SUCCESS);
		n++;
	}
	return n;
}

static void work(void)
{
	unsigned long events = 0;
	int taken[QPS] = {};
	int i;

	for (i = 0; i < QPS; i++) {
		qp_to_rtr(qp[i], lid, qp[i]->qp_num);
		qp_to_rts(qp[i]);
		NEED(!ibv_req_notify_cq(cq[i], 0));
		post(i, true);
	}
	while (time(NULL) < end) {
		struct ibv_cq *which;
		void *context;

		NEED(readable(channel->fd, CHECK_TIMEOUT_S * 1000));
		NEED(!ibv_get_cq_event(channel, &which, &context));
		ibv_ack_cq_events(which, 1);
		events++;
		i = (long)context;
		/* Armed first, so that what comes after take() has an event */
		NEED(!ibv_req_notify_cq(cq[i], 0));
		taken[i] += take(i);
		if (taken[i] == 2) {
			taken[i] = 0;
			post(i, true);
		}
	}
	printf("%lu events\n", events);
}

static void arm(struct mlx4dv_cq *dv, uint32_t sn)
{
	uint32_t ci = be32toh(*dv->set_ci_db) & DB_INDEX_MASK;
	uint32_t head = (sn & 3) << DB_SN_SHIFT | DB_ARM_NEXT;
	uint64_t doorbell = (uint64_t)(head | dv->cqn) << 32 | ci;

	*(volatile uint32_t *)dv->arm_db = htobe32(head | ci);
	__sync_synchronize();
	*(volatile uint64_t *)((char *)dv->cq_uar + DB_CQ_ARM) =
		htobe64(doorbell);
}

/* A datagram needs nobody to complete. */
static void send_datagrams(int i, struct ibv_ah *ah, int nr)
{
	struct ibv_sge sge = { (uintptr_t)memory, 8, mr->lkey };
	struct ibv_send_wr wr[OVERRUN] = {}, *bad;
	int n;

	for (n = 0; n < nr; n++) {
		wr[n].next = n + 1 < nr ? &wr[n + 1] : NULL;
		wr[n].sg_list = &sge;
		wr[n].num_sge = 1;
		wr[n].opcode = IBV_WR_SEND;
		wr[n].send_flags = IBV_SEND_SIGNALED;
		wr[n].wr.ud.ah = ah;
		wr[n].wr.ud.remote_qkey = CHECK_QKEY;
	}
	NEED(!ibv_post_send(qp[i], wr, &bad));
}

static void *storm(void *arg)
{
	int first = (long)arg * (QPS / THREADS), i;
	struct mlx4dv_cq dv[QPS / THREADS] = {};
	unsigned long sent = QPS / THREADS;
	uint32_t sn[QPS / THREADS] = {};

	for (i = 0; i < QPS / THREADS; i++) {
		struct mlx4dv_obj obj = {
			.cq = { .in = cq[first + i], .out = &dv[i] },
		};

		dv[i].comp_mask = MLX4DV_CQ_MASK_UAR;
		NEED(!mlx4dv_init_obj(&obj, MLX4DV_OBJ_CQ) && dv[i].cq_uar);
		arm(&dv[i], ++sn[i]);
		send_datagrams(first + i, nowhere, 1);
	}
	while (time(NULL) < end) {
		for (i = 0; i < QPS / THREADS; i++) {
			if (!take(first + i))
				continue;
			arm(&dv[i], ++sn[i]);
			send_datagrams(first + i, nowhere, 1);
			sent++;
		}
	}
	return (void *)sent;
}

static void storms(void)
{
	pthread_t thread[THREADS];
	unsigned long sent = 0;
	void *its;
	long i;

	for (i = 0; i < THREADS; i++)
		NEED(!pthread_create(&thread[i], NULL, storm, (void *)i));
	for (i = 0; i < THREADS; i++) {
		NEED(!pthread_join(thread[i], &its));
		sent += (unsigned long)its;
	}
	printf("%lu events asked for\n", sent);
}

/* Waits for the error of each CQ; there are others, of the queue pairs. */
static void overrun(int nr)
{
	struct ibv_async_event event;
	int i, errors = 0;

	NEED(nr > 0 && nr <= MAX_CQS);
	for (i = 0; i < nr; i++) {
		cq[i] = ibv_create_cq(ctx, 1, NULL, NULL, 0);
		NEED(cq[i]);
		qp[i] = create_ud(pd, cq[i], cq[i], OVERRUN);
	}
	for (i = 0; i < nr; i++)
		send_datagrams(i, nowhere, OVERRUN);
	while (errors < nr && readable(ctx->async_fd, CHECK_TIMEOUT_S * 1000)) {
		NEED(!ibv_get_async_event(ctx, &event));
		errors += event.event_type == IBV_EVENT_CQ_ERR;
		ibv_ack_async_event(&event);
	}
	EXPECT(errors, nr);
}

int main(int argc, char **argv)
{
	NEED(argc == 3);
	open_all();
	if (!strcmp(argv[1], "overrun")) {
		overrun(atoi(argv[2]));
		return verdict();
	}
	end = time(NULL) + atoi(argv[2]);
	if (!strcmp(argv[1], "storm")) {
		create_all(IBV_QPT_UD);
		storms();
	} else {
		create_all(IBV_QPT_RC);
		work();
	}
	return verdict();
}
