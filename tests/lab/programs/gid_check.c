// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagrams whose address vectors name each index of the port's table of GIDs,
 * which only user space looks at: all of them come from the port's own GID.
 * Exits with 1 if one does not.
 */

#include <stdio.h>
#include <string.h>

#include "check.h"

#define WQES		4
#define GRH_SIZE	40
#define LENGTH		16
#define HOPS		3

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_cq *send_cq, *recv_cq;
static struct ibv_qp *from, *to;
static struct ibv_mr *mr;
static char memory[GRH_SIZE + LENGTH];
static union ibv_gid gid;

static void post_recv(void)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory,
		.length = sizeof(memory),
		.lkey = mr->lkey,
	};
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	NEED(!ibv_post_recv(to, &wr, &bad));
}

static void post_send(struct ibv_ah *ah)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory,
		.length = LENGTH,
		.lkey = mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = {
			.ah = ah,
			.remote_qpn = to->qp_num,
			.remote_qkey = CHECK_QKEY,
		},
	}, *bad;

	NEED(!ibv_post_send(from, &wr, &bad));
}

static void try_index(int index)
{
	struct ibv_ah_attr attr = {
		.dlid = port_lid(ctx),
		.port_num = CHECK_PORT,
		.is_global = 1,
		.grh = { .dgid = gid, .sgid_index = index, .hop_limit = HOPS },
	};
	const struct ibv_grh *grh = (const struct ibv_grh *)memory;
	struct ibv_ah *ah = ibv_create_ah(pd, &attr);
	struct ibv_wc wc;

	NEED(ah);
	memset(memory, 0, sizeof(memory));
	post_recv();
	post_send(ah);
	NEED(next_wc(send_cq, &wc) == IBV_WC_SUCCESS);
	NEED(next_wc(recv_cq, &wc) == IBV_WC_SUCCESS);
	EXPECT(wc.wc_flags & IBV_WC_GRH, IBV_WC_GRH);
	EXPECT(grh->hop_limit, HOPS);
	if (memcmp(&grh->sgid, &gid, sizeof(gid))) {
		printf("index %d: another source\n", index);
		failures++;
	}
	EXPECT(ibv_destroy_ah(ah), 0);
}

int main(void)
{
	struct ibv_port_attr port;
	int i;

	ctx = open_hca();
	NEED(!ibv_query_port(ctx, CHECK_PORT, &port));
	NEED(!ibv_query_gid(ctx, CHECK_PORT, 0, &gid));
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(send_cq = ibv_create_cq(ctx, WQES, NULL, NULL, 0));
	NEED(recv_cq = ibv_create_cq(ctx, WQES, NULL, NULL, 0));
	NEED(mr = ibv_reg_mr(pd, memory, sizeof(memory),
			     IBV_ACCESS_LOCAL_WRITE));
	from = create_ud(pd, send_cq, recv_cq, WQES);
	to = create_ud(pd, send_cq, recv_cq, WQES);
	for (i = 0; i < port.gid_tbl_len; i++)
		try_index(i);
	return verdict();
}
