// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous events: each that a QP, CQ or SRQ has comes, once, for the
 * object that it is of, and none when the object is gone. All of it in two
 * processes at once. Exits with 1 if that is not so. Needs two active ports,
 * and sends through each to itself.
 *
 * usage: events_check [watch]
 * watch: say what happens to ports and device until the device goes
 */

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <infiniband/mlx4dv.h>

#include "check.h"

#define WQES		16
#define QUIET_MS	200
/* The path that QPs migrate to */
#define OTHER_PORT	2

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_mr *mr;
static uint64_t memory[512];
static uint16_t lid, other_lid;

struct want {
	enum ibv_event_type type;
	void *element;		/* a QP, CQ or SRQ */
	bool seen;
};

#define QP_EVENT(name, qp) { IBV_EVENT_##name, qp, false }
#define EXPECT_EVENTS(...) do {						\
	struct want want_[] = { __VA_ARGS__ };				\
									\
	expect_events(__LINE__, want_, sizeof(want_) / sizeof(want_[0]));\
} while (0)

/* Just these come, in any order, and then no other. */
static void expect_events(int line, struct want *want, int nr)
{
	struct ibv_async_event event;
	int i, got;

	for (got = 0; readable(ctx->async_fd, got < nr ?
			       CHECK_TIMEOUT_S * 1000 : QUIET_MS); got++) {
		NEED(!ibv_get_async_event(ctx, &event));
		for (i = 0; i < nr; i++) {
			if (want[i].type == event.event_type && !want[i].seen &&
			    want[i].element == event.element.qp)
				break;
		}
		if (i < nr) {
			want[i].seen = true;
		} else {
			printf("line %d: unexpected: %s\n", line,
			       ibv_event_type_str(event.event_type));
			failures++;
		}
		ibv_ack_async_event(&event);
	}
	for (i = 0; i < nr; i++) {
		if (want[i].seen)
			continue;
		printf("line %d: missing: %s\n", line,
		       ibv_event_type_str(want[i].type));
		failures++;
	}
}

static struct ibv_qp *create_rc(struct ibv_cq *send_cq, struct ibv_srq *srq)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = send_cq,
		.recv_cq = cq,
		.srq = srq,
		.cap = {
			.max_send_wr = WQES,
			.max_recv_wr = srq ? 0 : WQES,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *qp = ibv_create_qp(pd, &attr);

	NEED(qp);
	return qp;
}

static struct pair connect_pair(struct ibv_cq *near_cq, struct ibv_srq *far_srq)
{
	struct pair p = { create_rc(near_cq, NULL), create_rc(cq, far_srq) };

	connect_qps(p.near, p.far, lid);
	return p;
}

/* Of 8 octets, between the beginnings of the memory or from @offset on. */
static void post_send(struct ibv_qp *qp, enum ibv_wr_opcode opcode,
		      unsigned int offset, uint32_t rkey)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory,
		.length = 8,
		.lkey = mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
	}, *bad;

	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		wr.wr.atomic.remote_addr = (uintptr_t)memory + offset;
		wr.wr.atomic.rkey = rkey;
	} else {
		wr.wr.rdma.remote_addr = (uintptr_t)memory + offset;
		wr.wr.rdma.rkey = rkey;
	}
	NEED(!ibv_post_send(qp, &wr, &bad));
}

static int send_status(struct ibv_qp *qp, enum ibv_wr_opcode opcode,
		       unsigned int offset, uint32_t rkey)
{
	struct ibv_wc wc;

	post_send(qp, opcode, offset, rkey);
	return next_wc(qp->send_cq, &wc);
}

static void to_error(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	NEED(!ibv_modify_qp(qp, &attr, IBV_QP_STATE));
}

static void check_established(void)
{
	struct pair p = { create_rc(cq, NULL), create_rc(cq, NULL) };

	qp_to_init(p.near);
	qp_to_init(p.far);
	qp_to_rtr(p.near, lid, p.far->qp_num);
	qp_to_rts(p.near);
	qp_to_rtr(p.far, lid, p.near->qp_num);
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_SUCCESS);
	EXPECT_EVENTS(QP_EVENT(COMM_EST, p.far));
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_SUCCESS);
	qp_to_rts(p.far);
	EXPECT_EVENTS();
	destroy_pair(p);
}

static void check_drained(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_SQD };
	struct pair p = connect_pair(cq, NULL);
	struct ibv_qp_init_attr init_attr;

	NEED(!ibv_modify_qp(p.near, &attr, IBV_QP_STATE));
	EXPECT_EVENTS();
	attr.qp_state = IBV_QPS_RTS;
	NEED(!ibv_modify_qp(p.near, &attr, IBV_QP_STATE));
	post_send(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey);
	attr.qp_state = IBV_QPS_SQD;
	attr.en_sqd_async_notify = 1;
	NEED(!ibv_modify_qp(p.near, &attr, IBV_QP_STATE |
			    IBV_QP_EN_SQD_ASYNC_NOTIFY));
	EXPECT_EVENTS(QP_EVENT(SQ_DRAINED, p.near));
	NEED(!ibv_query_qp(p.near, &attr, IBV_QP_STATE, &init_attr));
	EXPECT(attr.qp_state, IBV_QPS_SQD);
	EXPECT(attr.sq_draining, 0);
	attr.qp_state = IBV_QPS_RTS;
	NEED(!ibv_modify_qp(p.near, &attr, IBV_QP_STATE));
	/* The one from before, and one more */
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_SUCCESS);
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_SUCCESS);
	destroy_pair(p);
}

/* What a peer does wrong is told to whom it was done. */
static void check_refused(void)
{
	struct pair p = connect_pair(cq, NULL);

	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey ^ 0x100),
	       IBV_WC_REM_ACCESS_ERR);
	EXPECT_EVENTS(QP_EVENT(QP_ACCESS_ERR, p.far));
	destroy_pair(p);

	p = connect_pair(cq, NULL);
	EXPECT(send_status(p.near, IBV_WR_ATOMIC_FETCH_AND_ADD, 9, mr->rkey),
	       IBV_WC_REM_INV_REQ_ERR);
	EXPECT_EVENTS(QP_EVENT(QP_REQ_ERR, p.far));
	destroy_pair(p);
}

static void check_overrun(void)
{
	struct ibv_cq *small = ibv_create_cq(ctx, 3, NULL, NULL, 0);
	struct pair p;
	int i;

	NEED(small);
	p = connect_pair(small, NULL);
	for (i = 0; i <= small->cqe + 1; i++)
		post_send(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey);
	EXPECT_EVENTS(QP_EVENT(CQ_ERR, small), QP_EVENT(QP_FATAL, p.near));
	destroy_pair(p);
	EXPECT(ibv_destroy_cq(small), 0);
}

static struct ibv_srq *create_srq(int wqes)
{
	struct ibv_srq_init_attr attr = {
		.attr = { .max_wr = WQES, .max_sge = 1 },
	};
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory + 8,
		.length = 8,
		.lkey = mr->lkey,
	};
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;
	struct ibv_srq *srq = ibv_create_srq(pd, &attr);

	NEED(srq);
	while (wqes--)
		NEED(!ibv_post_srq_recv(srq, &wr, &bad));
	return srq;
}

/* Sends one to an SRQ. */
static void feed(struct pair p)
{
	struct ibv_wc wc;

	EXPECT(send_status(p.near, IBV_WR_SEND, 0, 0), IBV_WC_SUCCESS);
	EXPECT(next_wc(cq, &wc), IBV_WC_SUCCESS);
}

static void check_srq(void)
{
	struct ibv_srq_attr attr = { .srq_limit = 3 };
	struct ibv_srq *srq = create_srq(4);
	struct pair p = connect_pair(cq, srq);

	EXPECT(ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT), 0);
	feed(p);
	EXPECT_EVENTS();
	feed(p);
	EXPECT_EVENTS(QP_EVENT(SRQ_LIMIT_REACHED, srq));
	EXPECT(ibv_query_srq(srq, &attr), 0);
	EXPECT(attr.srq_limit, 0);
	feed(p);
	EXPECT_EVENTS();
	to_error(p.far);
	EXPECT_EVENTS(QP_EVENT(QP_LAST_WQE_REACHED, p.far));
	destroy_pair(p);
	EXPECT(ibv_destroy_srq(srq), 0);
}

/* A doorbell record that speaks of more WQEs than there is room for. */
static void check_srq_error(void)
{
	struct ibv_srq *srq = create_srq(0);
	struct mlx4dv_srq dv = {};
	struct mlx4dv_obj obj = { .srq = { .in = srq, .out = &dv } };
	struct pair p = connect_pair(cq, srq);

	NEED(!mlx4dv_init_obj(&obj, MLX4DV_OBJ_SRQ));
	*(volatile uint32_t *)dv.db = htobe32(0x4000);
	EXPECT(send_status(p.near, IBV_WR_SEND, 0, 0), IBV_WC_REM_OP_ERR);
	EXPECT_EVENTS(QP_EVENT(SRQ_ERR, srq), QP_EVENT(QP_FATAL, p.far),
		      QP_EVENT(QP_LAST_WQE_REACHED, p.far));
	destroy_pair(p);
	EXPECT(ibv_destroy_srq(srq), 0);
}

/* Offers the QP a second way, by the other port. */
static void set_alternate(struct ibv_qp *qp, uint16_t dlid)
{
	struct ibv_qp_attr attr = {
		.path_mig_state = IBV_MIG_REARM,
		.alt_ah_attr = { .dlid = dlid, .port_num = OTHER_PORT },
		.alt_port_num = OTHER_PORT,
		.alt_timeout = 10,
	};

	NEED(!ibv_modify_qp(qp, &attr, IBV_QP_ALT_PATH |
			    IBV_QP_PATH_MIG_STATE));
}

static void expect_path(int line, struct ibv_qp *qp, enum ibv_mig_state state,
			int port)
{
	struct ibv_qp_init_attr init_attr;
	struct ibv_qp_attr attr;

	NEED(!ibv_query_qp(qp, &attr, IBV_QP_PATH_MIG_STATE | IBV_QP_AV,
			   &init_attr));
	expect(line, "migration state", attr.path_mig_state, state);
	expect(line, "port", attr.ah_attr.port_num, port);
}

/* Two QPs that know of the other port; armed, as both have offered it. */
static struct pair connect_armed(uint16_t dlid_of_far)
{
	struct pair p = connect_pair(cq, NULL);

	set_alternate(p.near, other_lid);
	set_alternate(p.far, dlid_of_far);
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_SUCCESS);
	expect_path(__LINE__, p.near, IBV_MIG_ARMED, CHECK_PORT);
	expect_path(__LINE__, p.far, IBV_MIG_ARMED, CHECK_PORT);
	return p;
}

static void check_migration(void)
{
	struct ibv_qp_attr attr = { .path_mig_state = IBV_MIG_MIGRATED };
	struct pair p = connect_armed(other_lid);

	NEED(!ibv_modify_qp(p.near, &attr, IBV_QP_PATH_MIG_STATE));
	EXPECT_EVENTS(QP_EVENT(PATH_MIG, p.near));
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_SUCCESS);
	EXPECT_EVENTS(QP_EVENT(PATH_MIG, p.far));
	expect_path(__LINE__, p.near, IBV_MIG_MIGRATED, OTHER_PORT);
	expect_path(__LINE__, p.far, IBV_MIG_MIGRATED, OTHER_PORT);
	destroy_pair(p);

	/* It comes where its peer does not expect it */
	p = connect_armed(other_lid + 1);
	NEED(!ibv_modify_qp(p.near, &attr, IBV_QP_PATH_MIG_STATE));
	EXPECT_EVENTS(QP_EVENT(PATH_MIG, p.near));
	EXPECT(send_status(p.near, IBV_WR_RDMA_WRITE, 8, mr->rkey),
	       IBV_WC_RETRY_EXC_ERR);
	EXPECT_EVENTS(QP_EVENT(PATH_MIG_ERR, p.far));
	destroy_pair(p);
}

struct destroyer {
	struct ibv_qp *qp;
	volatile int done;
};

static void *destroy_qp(void *arg)
{
	struct destroyer *d = arg;

	EXPECT(ibv_destroy_qp(d->qp), 0);
	d->done = 1;
	return NULL;
}

static void check_destroy(void)
{
	struct ibv_srq *srq = create_srq(1);
	struct ibv_async_event event;
	struct destroyer d = {};
	pthread_t thread;
	struct pair p;
	int i;

	/* What was not got goes with its object, there already or not */
	for (i = 0; i < 20; i++) {
		p = connect_pair(cq, srq);
		to_error(p.far);
		if (i % 2)
			NEED(readable(ctx->async_fd, CHECK_TIMEOUT_S * 1000));
		destroy_pair(p);
		EXPECT(readable(ctx->async_fd, 0), 0);
	}
	EXPECT(readable(ctx->async_fd, QUIET_MS), 0);

	/* What was got has to be acknowledged first */
	p = connect_pair(cq, srq);
	to_error(p.far);
	NEED(!ibv_get_async_event(ctx, &event));
	EXPECT(event.element.qp, p.far);
	d.qp = p.far;
	NEED(!pthread_create(&thread, NULL, destroy_qp, &d));
	usleep(QUIET_MS * 1000);
	EXPECT(d.done, 0);
	ibv_ack_async_event(&event);
	NEED(!pthread_join(thread, NULL));
	EXPECT(d.done, 1);
	EXPECT(ibv_destroy_qp(p.near), 0);
	EXPECT(ibv_destroy_srq(srq), 0);
}

static void set_up(void)
{
	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(cq = ibv_create_cq(ctx, 100, NULL, NULL, 0));
	NEED(mr = ibv_reg_mr(pd, memory, sizeof(memory),
			     ALL_RIGHTS | IBV_ACCESS_REMOTE_ATOMIC));
}

static void tear_down(void)
{
	EXPECT(ibv_dereg_mr(mr), 0);
	EXPECT(ibv_destroy_cq(cq), 0);
	EXPECT(ibv_dealloc_pd(pd), 0);
	EXPECT(ibv_close_device(ctx), 0);
}

static void checks(void)
{
	struct ibv_port_attr port;

	set_up();
	lid = port_lid(ctx);
	NEED(!ibv_query_port(ctx, OTHER_PORT, &port));
	other_lid = port.lid;
	check_established();
	check_drained();
	check_refused();
	check_overrun();
	check_srq();
	check_srq_error();
	check_migration();
	check_destroy();
	EXPECT_EVENTS();
	tear_down();
}

/* Has objects meanwhile, which can be destroyed whatever has happened. */
static void watch(void)
{
	union ibv_gid group = { .raw = { 0xff, 0x12, [15] = 0x34 } };
	struct ibv_async_event event;
	struct ibv_qp *qp, *member;

	set_up();
	qp = create_rc(cq, NULL);
	qp_to_init(qp);
	member = create_ud(pd, cq, cq, WQES);
	NEED(!ibv_attach_mcast(member, &group, 0xc034));
	printf("watching\n");
	do {
		fflush(stdout);
		if (ibv_get_async_event(ctx, &event))
			break;
		printf("%s, port %d\n", ibv_event_type_str(event.event_type),
		       event.element.port_num);
		ibv_ack_async_event(&event);
	} while (event.event_type != IBV_EVENT_DEVICE_FATAL);
	/* Not told of when the device has gone, as destroying is then */
	ibv_detach_mcast(member, &group, 0xc034);
	EXPECT(ibv_destroy_qp(member), 0);
	EXPECT(ibv_destroy_qp(qp), 0);
	tear_down();
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "watch")) {
		watch();
		return verdict();
	}
	return twice_at_once(checks);
}
