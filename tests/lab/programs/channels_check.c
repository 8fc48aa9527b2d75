// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion events: none lost, none too many, none for a CQ that is gone, on
 * one channel that many CQs of every completion vector share. All of it in two
 * processes at once. Exits with 1 if that is not so. Needs one active port.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define SHARING		24	/* CQs of the one channel */
#define STREAMS		8	/* of them under load */
#define DEPTH		4	/* of a stream's queues */
#define LOAD		8000	/* completions, an event for DEPTH or less */
#define ROUNDS		100	/* of creating and destroying */
/* How long an event that must not come is waited for */
#define QUIET_MS	200

static struct ibv_context *ctx;
static struct ibv_comp_channel *channel;
static struct ibv_pd *pd;
static struct ibv_ah *self;
static struct ibv_qp *sink;	/* drops what it is sent, having no WQEs */
static char memory[64];

/* A QP whose sends complete into a CQ of its own. */
struct stream {
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	unsigned int posted;
	unsigned int done;
	unsigned int events;
	sem_t room;
};

static void create_stream(struct stream *s, int vector)
{
	memset(s, 0, sizeof(*s));
	NEED(s->cq = ibv_create_cq(ctx, 2 * DEPTH, s, channel, vector));
	s->qp = create_ud(pd, s->cq, s->cq, DEPTH);
	NEED(!sem_init(&s->room, 0, DEPTH));
}

static void destroy_stream(struct stream *s)
{
	EXPECT(ibv_destroy_qp(s->qp), 0);
	EXPECT(ibv_destroy_cq(s->cq), 0);
	sem_destroy(&s->room);
}

static void post(struct stream *s, struct ibv_qp *to, int flags)
{
	struct ibv_send_wr wr = {
		.wr_id = s->posted++,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED | flags,
		.wr.ud = {
			.ah = self,
			.remote_qpn = to->qp_num,
			.remote_qkey = CHECK_QKEY,
		},
	}, *bad;

	NEED(!ibv_post_send(s->qp, &wr, &bad));
}

/* The stream that the next event is for, acknowledged, or NULL: none came. */
static struct stream *next_event(int ms)
{
	struct ibv_cq *cq;
	void *context;

	if (!readable(channel->fd, ms))
		return NULL;
	NEED(!ibv_get_cq_event(channel, &cq, &context));
	EXPECT(((struct stream *)context)->cq, cq);
	ibv_ack_cq_events(cq, 1);
	return context;
}

static void check_shared(void)
{
	struct stream streams[SHARING], *s;
	struct ibv_wc wc;
	int i, round;

	EXPECT_CMP(ctx->num_comp_vectors, >, 1);
	EXPECT(ibv_create_cq(ctx, 1, NULL, channel, ctx->num_comp_vectors),
	       NULL);
	for (i = 0; i < SHARING; i++)
		create_stream(&streams[i], i % ctx->num_comp_vectors);
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < SHARING; i++) {
			EXPECT(ibv_req_notify_cq(streams[i].cq, 0), 0);
			post(&streams[i], sink, 0);
		}
		for (i = 0; i < SHARING; i++) {
			NEED(s = next_event(CHECK_TIMEOUT_S * 1000));
			s->events++;
		}
		/* Once each, and not again for what nobody has asked for */
		for (i = 0; i < SHARING; i++) {
			EXPECT(streams[i].events, round);
			EXPECT(next_wc(streams[i].cq, &wc), IBV_WC_SUCCESS);
			post(&streams[i], sink, 0);
			EXPECT(next_wc(streams[i].cq, &wc), IBV_WC_SUCCESS);
		}
		EXPECT(next_event(QUIET_MS), NULL);
	}
	for (i = 0; i < SHARING; i++)
		destroy_stream(&streams[i]);
}

static void check_solicited(void)
{
	struct ibv_cq *cq = ibv_create_cq(ctx, DEPTH, NULL, NULL, 0);
	struct ibv_mr *mr = ibv_reg_mr(pd, memory, sizeof(memory),
				       IBV_ACCESS_LOCAL_WRITE);
	struct ibv_qp_attr error = { .qp_state = IBV_QPS_ERR };
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory,
		.length = sizeof(memory),
	};
	struct ibv_recv_wr recv = { .sg_list = &sge, .num_sge = 1 }, *bad;
	struct stream s, *got;
	struct ibv_wc wc;
	int i;

	NEED(cq && mr);
	sge.lkey = mr->lkey;
	create_stream(&s, 0);
	EXPECT(ibv_destroy_qp(s.qp), 0);
	s.qp = create_ud(pd, cq, s.cq, DEPTH);
	for (i = 0; i < 3; i++)
		NEED(!ibv_post_recv(s.qp, &recv, &bad));
	EXPECT(ibv_req_notify_cq(s.cq, 1), 0);
	post(&s, s.qp, 0);
	EXPECT(next_event(QUIET_MS), NULL);
	post(&s, s.qp, IBV_SEND_SOLICITED);
	got = next_event(CHECK_TIMEOUT_S * 1000);
	EXPECT(got, &s);
	/* What failed is always told of */
	EXPECT(ibv_req_notify_cq(s.cq, 1), 0);
	EXPECT(next_event(QUIET_MS), NULL);
	EXPECT(ibv_modify_qp(s.qp, &error, IBV_QP_STATE), 0);
	got = next_event(CHECK_TIMEOUT_S * 1000);
	EXPECT(got, &s);
	EXPECT(next_wc(s.cq, &wc), IBV_WC_SUCCESS);
	EXPECT(next_wc(s.cq, &wc), IBV_WC_SUCCESS);
	EXPECT(next_wc(s.cq, &wc), IBV_WC_WR_FLUSH_ERR);
	destroy_stream(&s);
	EXPECT(ibv_destroy_cq(cq), 0);
	EXPECT(ibv_dereg_mr(mr), 0);
}

static void *produce(void *arg)
{
	struct stream *streams = arg;
	int i;

	for (i = 0; i < LOAD; i++) {
		NEED(!sem_wait(&streams[i % STREAMS].room));
		post(&streams[i % STREAMS], sink, 0);
	}
	return NULL;
}

static int drain(struct stream *s)
{
	struct ibv_wc wc;
	int n = 0;

	while (ibv_poll_cq(s->cq, 1, &wc) == 1) {
		EXPECT(wc.status, IBV_WC_SUCCESS);
		EXPECT(wc.wr_id, s->done);
		s->done++;
		n++;
		sem_post(&s->room);
	}
	return n;
}

/* Polls a CQ only when told to: an event lost ends it. */
static void check_load(void)
{
	struct stream streams[STREAMS], *s;
	int i, events, done = 0;
	pthread_t producer;

	for (i = 0; i < STREAMS; i++) {
		create_stream(&streams[i], i % ctx->num_comp_vectors);
		EXPECT(ibv_req_notify_cq(streams[i].cq, 0), 0);
	}
	NEED(!pthread_create(&producer, NULL, produce, streams));
	for (events = 0; done < LOAD; events++) {
		NEED(s = next_event(CHECK_TIMEOUT_S * 1000));
		EXPECT(ibv_req_notify_cq(s->cq, 0), 0);
		done += drain(s);
	}
	NEED(!pthread_join(producer, NULL));
	EXPECT(done, LOAD);
	EXPECT_CMP(events, >=, LOAD / (2 * DEPTH));
	printf("%d completions, %d events\n", done, events);
	/* What was armed last may have fired for what the last poll took */
	while (next_event(QUIET_MS))
		;
	for (i = 0; i < STREAMS; i++)
		destroy_stream(&streams[i]);
}

static void *destroy_cq(void *arg)
{
	struct stream *s = arg;

	EXPECT(ibv_destroy_cq(s->cq), 0);
	s->events = 1;
	return NULL;
}

static void check_destroy(void)
{
	pthread_t thread;
	struct stream s;
	void *context;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		create_stream(&s, i % ctx->num_comp_vectors);
		EXPECT(ibv_req_notify_cq(s.cq, 0), 0);
		post(&s, sink, 0);
		/* With the event there, on its way, or both in a race */
		if (i % 2)
			NEED(readable(channel->fd, CHECK_TIMEOUT_S * 1000));
		destroy_stream(&s);
		EXPECT(readable(channel->fd, 0), 0);
	}
	EXPECT(readable(channel->fd, QUIET_MS), 0);

	/* An event that was got has to be acknowledged first */
	create_stream(&s, 0);
	EXPECT(ibv_req_notify_cq(s.cq, 0), 0);
	post(&s, sink, 0);
	NEED(!ibv_get_cq_event(channel, &s.cq, &context));
	EXPECT(ibv_destroy_qp(s.qp), 0);
	NEED(!pthread_create(&thread, NULL, destroy_cq, &s));
	usleep(QUIET_MS * 1000);
	EXPECT(s.events, 0);
	ibv_ack_cq_events(s.cq, 1);
	NEED(!pthread_join(thread, NULL));
	EXPECT(s.events, 1);
}

static void checks(void)
{
	struct ibv_ah_attr to_self = { .port_num = CHECK_PORT };
	struct ibv_cq *cq;

	ctx = open_hca();
	to_self.dlid = port_lid(ctx);
	NEED(channel = ibv_create_comp_channel(ctx));
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(self = ibv_create_ah(pd, &to_self));
	NEED(cq = ibv_create_cq(ctx, 1, NULL, NULL, 0));
	sink = create_ud(pd, cq, cq, DEPTH);
	check_shared();
	check_solicited();
	check_load();
	check_destroy();
	EXPECT(ibv_destroy_qp(sink), 0);
	EXPECT(ibv_destroy_cq(cq), 0);
	EXPECT(ibv_destroy_ah(self), 0);
	EXPECT(ibv_dealloc_pd(pd), 0);
	EXPECT(ibv_destroy_comp_channel(channel), 0);
	EXPECT(ibv_close_device(ctx), 0);
}

int main(void)
{
	return twice_at_once(checks);
}
