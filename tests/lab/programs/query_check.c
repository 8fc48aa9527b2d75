// SPDX-License-Identifier: GPL-2.0-only
/*
 * What queries say, a line "NAME VALUE" for each field, and what creating
 * extended objects does, the value being an errno then. Completions are read
 * through an extended CQ: what is wrong with one is said, and the exit status
 * is 1 then.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

#define IMM		0x12345678
#define LENGTH		24
#define GRH_SIZE	40

static struct ibv_context *ctx;
static struct ibv_pd *pd;

#define FIELD(s, f) printf(#f " %#jx\n", (uintmax_t)(s)->f)

static void print_device(const struct ibv_device_attr *a)
{
	printf("fw_ver %s\n", a->fw_ver);
	FIELD(a, node_guid);
	FIELD(a, sys_image_guid);
	FIELD(a, max_mr_size);
	FIELD(a, page_size_cap);
	FIELD(a, vendor_id);
	FIELD(a, vendor_part_id);
	FIELD(a, hw_ver);
	FIELD(a, max_qp);
	FIELD(a, max_qp_wr);
	FIELD(a, device_cap_flags);
	FIELD(a, max_sge);
	FIELD(a, max_sge_rd);
	FIELD(a, max_cq);
	FIELD(a, max_cqe);
	FIELD(a, max_mr);
	FIELD(a, max_pd);
	FIELD(a, max_qp_rd_atom);
	FIELD(a, max_ee_rd_atom);
	FIELD(a, max_res_rd_atom);
	FIELD(a, max_qp_init_rd_atom);
	FIELD(a, max_ee_init_rd_atom);
	FIELD(a, atomic_cap);
	FIELD(a, max_ee);
	FIELD(a, max_rdd);
	FIELD(a, max_mw);
	FIELD(a, max_raw_ipv6_qp);
	FIELD(a, max_raw_ethy_qp);
	FIELD(a, max_mcast_grp);
	FIELD(a, max_mcast_qp_attach);
	FIELD(a, max_total_mcast_qp_attach);
	FIELD(a, max_ah);
	FIELD(a, max_fmr);
	FIELD(a, max_map_per_fmr);
	FIELD(a, max_srq);
	FIELD(a, max_srq_wr);
	FIELD(a, max_srq_sge);
	FIELD(a, max_pkeys);
	FIELD(a, local_ca_ack_delay);
	FIELD(a, phys_port_cnt);
}

static void print_device_ex(void)
{
	struct ibv_device_attr_ex attr = {}, *a = &attr;

	NEED(!ibv_query_device_ex(ctx, NULL, a));
	print_device(&a->orig_attr);
	FIELD(a, comp_mask);
	FIELD(a, odp_caps.general_caps);
	FIELD(a, completion_timestamp_mask);
	FIELD(a, hca_core_clock);
	FIELD(a, device_cap_flags_ex);
	FIELD(a, tso_caps.max_tso);
	FIELD(a, tso_caps.supported_qpts);
	FIELD(a, rss_caps.supported_qpts);
	FIELD(a, rss_caps.max_rwq_indirection_tables);
	FIELD(a, rss_caps.max_rwq_indirection_table_size);
	FIELD(a, rss_caps.rx_hash_fields_mask);
	FIELD(a, rss_caps.rx_hash_function);
	FIELD(a, max_wq_type_rq);
	FIELD(a, packet_pacing_caps.supported_qpts);
	FIELD(a, raw_packet_caps);
	FIELD(a, tm_caps.max_num_tags);
	FIELD(a, cq_mod_caps.max_cq_count);
	FIELD(a, cq_mod_caps.max_cq_period);
	FIELD(a, max_dm_size);
	FIELD(a, pci_atomic_caps.fetch_add);
	FIELD(a, pci_atomic_caps.swap);
	FIELD(a, pci_atomic_caps.compare_swap);
	FIELD(a, xrc_odp_caps);
	FIELD(a, phys_port_cnt_ex);
	printf("num_comp_vectors %d\n", ctx->num_comp_vectors);
	printf("fork %d\n", ibv_is_fork_initialized());
}

static void print_tables(int number, int gids, int pkeys)
{
	char text[INET6_ADDRSTRLEN];
	union ibv_gid gid;
	__be16 pkey;
	int i;

	for (i = 0; i < gids; i++) {
		EXPECT(ibv_query_gid(ctx, number, i, &gid), 0);
		printf("port%d.gid%d %s\n", number, i,
		       inet_ntop(AF_INET6, &gid, text, sizeof(text)));
	}
	for (i = 0; i < pkeys; i++) {
		EXPECT(ibv_query_pkey(ctx, number, i, &pkey), 0);
		printf("port%d.pkey%d %#x\n", number, i, ntohs(pkey));
	}
	EXPECT_CMP(ibv_query_gid(ctx, number, gids, &gid), !=, 0);
	EXPECT_CMP(ibv_query_pkey(ctx, number, pkeys, &pkey), !=, 0);
}

#define PORT_FIELD(p, f) \
	printf("port%d." #f " %#jx\n", number, (uintmax_t)(p)->f)

static void print_port(int number)
{
	struct ibv_port_attr attr, *p = &attr;

	NEED(!ibv_query_port(ctx, number, p));
	PORT_FIELD(p, state);
	PORT_FIELD(p, max_mtu);
	PORT_FIELD(p, active_mtu);
	PORT_FIELD(p, gid_tbl_len);
	PORT_FIELD(p, port_cap_flags);
	PORT_FIELD(p, port_cap_flags2);
	PORT_FIELD(p, max_msg_sz);
	PORT_FIELD(p, bad_pkey_cntr);
	PORT_FIELD(p, qkey_viol_cntr);
	PORT_FIELD(p, pkey_tbl_len);
	PORT_FIELD(p, lid);
	PORT_FIELD(p, sm_lid);
	PORT_FIELD(p, lmc);
	PORT_FIELD(p, max_vl_num);
	PORT_FIELD(p, sm_sl);
	PORT_FIELD(p, subnet_timeout);
	PORT_FIELD(p, init_type_reply);
	PORT_FIELD(p, active_width);
	PORT_FIELD(p, active_speed);
	PORT_FIELD(p, phys_state);
	PORT_FIELD(p, link_layer);
	PORT_FIELD(p, flags);
	print_tables(number, p->gid_tbl_len, p->pkey_tbl_len);
}

static void print_clock(void)
{
	struct ibv_values_ex values = { .comp_mask = IBV_VALUES_MASK_RAW_CLOCK };

	printf("clock.status %d\n", ibv_query_rt_values_ex(ctx, &values));
	printf("clock.mask %#x\n", values.comp_mask);
	values.comp_mask = 0;
	printf("clock.nothing %d\n", ibv_query_rt_values_ex(ctx, &values));
}

/* 0, or the errno of creating a CQ that tells of @wc_flags. */
static int cq_errno(uint64_t wc_flags, uint32_t comp_mask, uint32_t flags)
{
	struct ibv_cq_init_attr_ex attr = {
		.cqe = 10,
		.wc_flags = wc_flags,
		.comp_mask = comp_mask,
		.flags = flags,
	};
	struct ibv_cq_ex *cq;

	errno = 0;
	cq = ibv_create_cq_ex(ctx, &attr);
	if (!cq)
		return errno;
	EXPECT(ibv_destroy_cq(ibv_cq_ex_to_cq(cq)), 0);
	return 0;
}

static int qp_errno(enum ibv_qp_type type, uint32_t comp_mask,
		    uint32_t create_flags)
{
	struct ibv_cq *cq = ibv_create_cq(ctx, 1, NULL, NULL, 0);
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { .max_send_wr = 1, .max_recv_wr = 1,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = type,
		.comp_mask = IBV_QP_INIT_ATTR_PD | comp_mask,
		.pd = pd,
		.create_flags = create_flags,
		.send_ops_flags = IBV_QP_EX_WITH_SEND,
	};
	struct ibv_qp *qp;
	int err = 0;

	NEED(cq);
	errno = 0;
	qp = ibv_create_qp_ex(ctx, &attr);
	if (qp)
		EXPECT(ibv_destroy_qp(qp), 0);
	else
		err = errno;
	EXPECT(ibv_destroy_cq(cq), 0);
	return err;
}

static void print_create(void)
{
	const uint32_t flags_mask = IBV_CQ_INIT_ATTR_MASK_FLAGS;
	int i;

	for (i = 0; i <= 12; i++)
		printf("cq.wc_flag%d %d\n", i, cq_errno(1 << i, 0, 0));
	printf("cq.single_threaded %d\n",
	       cq_errno(0, flags_mask, IBV_CREATE_CQ_ATTR_SINGLE_THREADED));
	printf("cq.ignore_overrun %d\n",
	       cq_errno(0, flags_mask, IBV_CREATE_CQ_ATTR_IGNORE_OVERRUN));
	printf("cq.parent_domain %d\n",
	       cq_errno(0, IBV_CQ_INIT_ATTR_MASK_PD, 0));
	for (i = 0; i <= IBV_QPT_XRC_SEND; i++)
		printf("qp.type%d %d\n", i, qp_errno(i, 0, 0));
	printf("qp.send_ops %d\n",
	       qp_errno(IBV_QPT_RC, IBV_QP_INIT_ATTR_SEND_OPS_FLAGS, 0));
	for (i = 0; i < 32; i++)
		printf("qp.create_flag%d %d\n", i,
		       qp_errno(IBV_QPT_UD, IBV_QP_INIT_ATTR_CREATE_FLAGS,
				1U << i));
}

/* A datagram from a QP to itself, with all that a completion can tell. */
static void send_self(struct ibv_qp *qp, struct ibv_mr *mr, struct ibv_ah *ah)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)mr->addr,
		.length = GRH_SIZE + LENGTH,
		.lkey = mr->lkey,
	};
	struct ibv_recv_wr recv = {
		.wr_id = 2,
		.sg_list = &sge,
		.num_sge = 1,
	}, *bad_recv;
	struct ibv_send_wr send = {
		.wr_id = 1,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND_WITH_IMM,
		.imm_data = htonl(IMM),
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = {
			.ah = ah,
			.remote_qpn = qp->qp_num,
			.remote_qkey = CHECK_QKEY,
		},
	}, *bad_send;

	NEED(!ibv_post_recv(qp, &recv, &bad_recv));
	sge.length = LENGTH;
	NEED(!ibv_post_send(qp, &send, &bad_send));
}

static void check_send_wc(struct ibv_cq_ex *cq, struct ibv_qp *qp)
{
	EXPECT(cq->status, IBV_WC_SUCCESS);
	EXPECT(ibv_wc_read_opcode(cq), IBV_WC_SEND);
	EXPECT(ibv_wc_read_qp_num(cq), qp->qp_num);
	EXPECT(ibv_wc_read_vendor_err(cq), 0);
}

static void check_recv_wc(struct ibv_cq_ex *cq, struct ibv_qp *qp)
{
	EXPECT(cq->status, IBV_WC_SUCCESS);
	EXPECT(ibv_wc_read_opcode(cq), IBV_WC_RECV);
	EXPECT(ibv_wc_read_byte_len(cq), GRH_SIZE + LENGTH);
	EXPECT(ibv_wc_read_wc_flags(cq), IBV_WC_GRH | IBV_WC_WITH_IMM);
	EXPECT(ntohl(ibv_wc_read_imm_data(cq)), IMM);
	EXPECT(ibv_wc_read_qp_num(cq), qp->qp_num);
	EXPECT(ibv_wc_read_src_qp(cq), qp->qp_num);
	EXPECT(ibv_wc_read_slid(cq), port_lid(ctx));
	EXPECT(ibv_wc_read_sl(cq), 3);
	EXPECT(ibv_wc_read_dlid_path_bits(cq), 0);
}

/* Batches as they come: the two completions need not be there together. */
static void check_extended_poll(struct ibv_mr *mr)
{
	struct ibv_cq_init_attr_ex cq_attr = {
		.cqe = 10,
		.wc_flags = IBV_WC_STANDARD_FLAGS,
	};
	struct ibv_ah_attr ah_attr = {
		.dlid = port_lid(ctx),
		.sl = 3,
		.port_num = CHECK_PORT,
		.is_global = 1,
		.grh.hop_limit = 1,
	};
	struct ibv_poll_cq_attr poll_attr = {};
	struct ibv_cq_ex *cq = ibv_create_cq_ex(ctx, &cq_attr);
	struct ibv_qp *qp;
	struct ibv_ah *ah;
	int err, seen = 0;

	NEED(cq);
	NEED(!ibv_query_gid(ctx, CHECK_PORT, 0, &ah_attr.grh.dgid));
	NEED(ah = ibv_create_ah(pd, &ah_attr));
	qp = create_ud(pd, ibv_cq_ex_to_cq(cq), ibv_cq_ex_to_cq(cq), 4);
	EXPECT(ibv_start_poll(cq, &poll_attr), ENOENT);
	send_self(qp, mr, ah);
	while (seen != (1 | 2)) {
		do {
			err = ibv_start_poll(cq, &poll_attr);
		} while (err == ENOENT);
		for (; !err; err = ibv_next_poll(cq)) {
			EXPECT(seen & cq->wr_id, 0);
			seen |= cq->wr_id;
			if (cq->wr_id == 1)
				check_send_wc(cq, qp);
			else
				check_recv_wc(cq, qp);
		}
		EXPECT(err, ENOENT);
		ibv_end_poll(cq);
	}
	EXPECT(ibv_destroy_qp(qp), 0);
	EXPECT(ibv_destroy_ah(ah), 0);
	EXPECT(ibv_destroy_cq(ibv_cq_ex_to_cq(cq)), 0);
}

int main(void)
{
	static char memory[256];
	struct ibv_mr *mr;

	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(mr = ibv_reg_mr(pd, memory, sizeof(memory),
			     IBV_ACCESS_LOCAL_WRITE));
	print_device_ex();
	print_port(1);
	print_port(2);
	print_clock();
	print_create();
	check_extended_poll(mr);
	return verdict();
}
