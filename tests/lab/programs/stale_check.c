// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queries a QP of each type in each of its states, in a kernel that was booted
 * with slub_debug=P,kmalloc-*: memory that it allocates and does not write has
 * the octets 0x6b, 0x5a or 0xa5, and none of them may be in an answer. Says what
 * is not as it should be, and exits with 1 then. Needs one active port.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define DEST_QPN	0x010203	/* a real one might look like poison */
#define EVERYTHING	0x1fffff

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_xrcd *xrcd;
static struct ibv_cq *cq;
static uint16_t lid;

/* Without it this test could not fail. */
static void need_poison(void)
{
	char on;
	int fd;

	NEED((fd = open("/sys/kernel/slab/kmalloc-512/poison", O_RDONLY)) >= 0);
	NEED(read(fd, &on, 1) == 1);
	NEED(on == '1');
	close(fd);
}

static struct ibv_qp *create(enum ibv_qp_type type)
{
	struct ibv_qp_init_attr_ex attr = {
		.qp_type = type,
		.comp_mask = type == IBV_QPT_XRC_RECV ?
			IBV_QP_INIT_ATTR_XRCD : IBV_QP_INIT_ATTR_PD,
		.pd = pd,
		.xrcd = xrcd,
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { .max_send_wr = 4, .max_send_sge = 1 },
	};
	struct ibv_qp *qp;

	if (type != IBV_QPT_XRC_SEND && type != IBV_QPT_XRC_RECV) {
		attr.cap.max_recv_wr = 4;
		attr.cap.max_recv_sge = 1;
	}
	NEED(qp = ibv_create_qp_ex(ctx, &attr));
	return qp;
}

static void to_state(struct ibv_qp *qp, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };

	switch (state) {
	case IBV_QPS_RESET:
		break;
	case IBV_QPS_INIT:
		qp_to_init(qp);
		break;
	case IBV_QPS_RTR:
		qp_to_rtr(qp, lid, DEST_QPN);
		break;
	case IBV_QPS_RTS:
		qp_to_rts(qp);
		break;
	default:
		NEED(!ibv_modify_qp(qp, &attr, IBV_QP_STATE));
	}
}

static void check_answer(struct ibv_qp *qp, enum ibv_qp_state state)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	unsigned char *octet = (unsigned char *)&attr;
	int stale = 0;
	size_t i;

	memset(&attr, 0, sizeof(attr));
	memset(&init, 0, sizeof(init));
	NEED(!ibv_query_qp(qp, &attr, EVERYTHING, &init));
	EXPECT(attr.qp_state, state);
	for (i = 0; i < sizeof(attr); i++)
		stale += octet[i] == 0x6b || octet[i] == 0x5a ||
			 octet[i] == 0xa5;
	if (stale)
		printf("type %d, state %d: %d octets that nobody wrote\n",
		       qp->qp_type, state, stale);
	failures += !!stale;
	EXPECT(init.sq_sig_all, 0);
}

static void check_type(enum ibv_qp_type type)
{
	struct ibv_qp *qp = create(type);
	enum ibv_qp_state state;

	for (state = IBV_QPS_RESET; state <= IBV_QPS_ERR; state++) {
		/* No program can bring a QP to SQE, nor XRC's target to SQD. */
		if (state == IBV_QPS_SQE ||
		    (state == IBV_QPS_SQD && type == IBV_QPT_XRC_RECV))
			continue;
		to_state(qp, state);
		check_answer(qp, state);
	}
	EXPECT(ibv_destroy_qp(qp), 0);
}

int main(void)
{
	struct ibv_xrcd_init_attr xrcd_attr = {
		.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS,
		.fd = -1,
		.oflags = O_CREAT,
	};

	need_poison();
	ctx = open_hca();
	lid = port_lid(ctx);
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(xrcd = ibv_open_xrcd(ctx, &xrcd_attr));
	NEED(cq = ibv_create_cq(ctx, 8, NULL, NULL, 0));
	check_type(IBV_QPT_RC);
	check_type(IBV_QPT_UC);
	check_type(IBV_QPT_UD);
	check_type(IBV_QPT_XRC_SEND);
	check_type(IBV_QPT_XRC_RECV);
	return verdict();
}
