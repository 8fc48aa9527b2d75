// SPDX-License-Identifier: GPL-2.0-only
/*
 * member: a member of a multicast group, says "joined" and stays until it is
 * killed.
 * member send: sends a hundred datagrams to the group.
 */

#include <stdio.h>
#include <unistd.h>

#include "check.h"

#define GROUP_LID	0xc321
#define GROUP_QPN	0xffffff
#define DEPTH		100
#define GRH_SIZE	40

static const union ibv_gid group = { .raw = {
	0xff, 0x12, 0x40, 0x1b, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x43, 0x21,
} };

static struct ibv_cq *cq;
static struct ibv_mr *mr;
static struct ibv_qp *qp;
static char memory[4096];

static void join_group(void)
{
	struct ibv_sge sge = { (uintptr_t)memory, GRH_SIZE + 8, mr->lkey };
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;
	int i;

	for (i = 0; i < DEPTH; i++)
		NEED(!ibv_post_recv(qp, &wr, &bad));
	NEED(!ibv_req_notify_cq(cq, 0));
	NEED(!ibv_attach_mcast(qp, &group, GROUP_LID));
	puts("joined");
	fflush(stdout);
	pause();
}

static void send_to_group(struct ibv_pd *pd)
{
	struct ibv_ah_attr attr = {
		.grh = { .dgid = group, .hop_limit = 1 },
		.dlid = GROUP_LID,
		.is_global = 1,
		.port_num = CHECK_PORT,
	};
	struct ibv_sge sge = { (uintptr_t)memory, 8, mr->lkey };
	struct ibv_send_wr wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = {
			.ah = ibv_create_ah(pd, &attr),
			.remote_qpn = GROUP_QPN,
			.remote_qkey = CHECK_QKEY,
		},
	}, *bad;
	struct ibv_wc wc;
	int i;

	NEED(wr.wr.ud.ah);
	for (i = 0; i < DEPTH; i++) {
		NEED(!ibv_post_send(qp, &wr, &bad));
		EXPECT(next_wc(cq, &wc), IBV_WC_SUCCESS);
	}
}

int main(int argc, char **argv)
{
	struct ibv_context *ctx = open_hca();
	struct ibv_comp_channel *channel = ibv_create_comp_channel(ctx);
	struct ibv_pd *pd = ibv_alloc_pd(ctx);

	(void)argv;
	NEED(channel && pd);
	mr = ibv_reg_mr(pd, memory, sizeof(memory), ALL_RIGHTS);
	cq = ibv_create_cq(ctx, DEPTH, NULL, channel, 0);
	NEED(mr && cq);
	qp = create_ud(pd, cq, cq, DEPTH);
	if (argc > 1)
		send_to_group(pd);
	else
		join_group();
	return verdict();
}
