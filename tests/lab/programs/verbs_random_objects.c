// SPDX-License-Identifier: GPL-2.0-only
/* Random verbs that make, change and query objects. */

#include <fcntl.h>
#include <stdlib.h>

#include "check.h"
#include "verbs_random.h"

/* ---- Memory ---- */

static int any_access(void)
{
	const int most = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
		IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC |
		IBV_ACCESS_MW_BIND;

	return chance(75) ? most : (int)below(most + 1);
}

/* Some place in the arena, or rarely beyond it. */
static struct region any_place(void)
{
	struct region r = { .addr = arena + below(ARENA / 2) };

	r.length = 1 + below(chance(70) ? ARENA / 2 : 5000);
	if (chance(50)) {
		r.addr = arena + (below(ARENA / 2) & ~4095);
		r.length = 4096 * (1 + below(8));
	}
	if (chance(4))
		r.length = ONE_OF(0, 1, 4 * ARENA);
	return r;
}

void step_alloc_pd(void)
{
	int i = pick(PD, true);

	if (i < 0)
		return;
	printf(" pd%d", i);
	made(PD, i, ibv_alloc_pd(ctx));
}

void step_reg_mr(void)
{
	int i = pick(MR, true), pd = used(PD), access = any_access();
	struct region r = any_place();

	if (i < 0 || pd < 0)
		return;
	printf(" mr%d pd%d +%ld %zu access %#x", i, pd, r.addr - arena,
	       r.length, access);
	mrs[i] = r;
	made(MR, i, ibv_reg_mr(object[PD][pd], r.addr, r.length, access));
}

void step_rereg_mr(void)
{
	int i = used(MR), pd = used(PD), access = any_access();
	int flags = chance(95) ? 1 + below(7) : ONE_OF(0, 8, 15);
	struct region r = any_place();
	int ret;

	if (i < 0 || pd < 0 || mrs[i].broken || is_named(i))
		return;
	printf(" mr%d flags %d pd%d +%ld %zu access %#x", i, flags, pd,
	       r.addr - arena, r.length, access);
	ret = ibv_rereg_mr(object[MR][i], flags, object[PD][pd], r.addr,
			   r.length, access);
	printf(" (%d)", ret);
	ended(ret ? -1 : 0);
	if (ret)
		mrs[i].broken = ret != IBV_REREG_MR_ERR_INPUT;
	else if (flags & IBV_REREG_MR_CHANGE_TRANSLATION)
		mrs[i] = r;
}

void step_alloc_mw(void)
{
	int i = pick(MW, true), pd = used(PD);
	int type = chance(95) ? 1 + below(2) : ONE_OF(0, 3);

	if (i < 0 || pd < 0)
		return;
	printf(" mw%d pd%d type %d", i, pd, type);
	mws[i] = (struct region) { .addr = arena, .length = 1 };
	made(MW, i, ibv_alloc_mw(object[PD][pd], type));
}

/* ---- Queues ---- */

void step_create_cq(void)
{
	int i = pick(CQ, true), size = 300 + below(700), vector = 0;
	bool with_channel = chance(50);

	if (i < 0)
		return;
	if (chance(10))
		size = ONE_OF(0, -1, 1 << 22);
	if (chance(3))
		vector = 1000;
	printf(" cq%d size %d vector %d channel %d", i, size, vector,
	       with_channel);
	armed[i] = 0;
	if (made(CQ, i, ibv_create_cq(ctx, size, NULL, with_channel ?
				      channel : NULL, vector)))
		printf(" cqe %d", ((struct ibv_cq *)object[CQ][i])->cqe);
}

void step_resize_cq(void)
{
	int i = used(CQ), size = 300 + below(2000);

	if (i < 0)
		return;
	if (chance(10))
		size = ONE_OF(0, -1, 1 << 22);
	printf(" cq%d size %d", i, size);
	ended(ibv_resize_cq(object[CQ][i], size));
	printf(" cqe %d", ((struct ibv_cq *)object[CQ][i])->cqe);
}

void step_req_notify(void)
{
	int i = used(CQ), only = below(2);

	if (i < 0 || !((struct ibv_cq *)object[CQ][i])->channel || armed[i])
		return;
	printf(" cq%d solicited %d", i, only);
	ended(ibv_req_notify_cq(object[CQ][i], only));
	armed[i] = 1 + only;
}

void step_create_srq(void)
{
	int i = pick(SRQ, true), pd = used(PD), cq = used(CQ);
	int xrcd = chance(40) ? used(XRCD) : -1;
	struct ibv_srq_init_attr_ex attr = {
		.attr = { .max_wr = 1 + below(40), .max_sge = 1 + below(3) },
		.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD,
		.srq_type = xrcd < 0 ? IBV_SRQT_BASIC : IBV_SRQT_XRC,
	};

	if (i < 0 || pd < 0 || cq < 0)
		return;
	attr.pd = object[PD][pd];
	if (xrcd >= 0) {
		attr.comp_mask |= IBV_SRQ_INIT_ATTR_XRCD |
			IBV_SRQ_INIT_ATTR_CQ;
		attr.xrcd = object[XRCD][xrcd];
		attr.cq = object[CQ][cq];
	}
	if (chance(8))
		attr.attr.max_wr = ONE_OF(0, 65535, 65536, 1 << 20);
	if (chance(4))
		attr.attr.max_sge = ONE_OF(0, 32, 65);
	printf(" srq%d pd%d cq%d xrcd%d wr %u sge %u", i, pd, cq, xrcd,
	       attr.attr.max_wr, attr.attr.max_sge);
	srqs[i] = (struct shared_queue) { .has_xrcd = xrcd >= 0 };
	if (made(SRQ, i, ibv_create_srq_ex(ctx, &attr)))
		printf(" wr %u sge %u", attr.attr.max_wr, attr.attr.max_sge);
}

void step_modify_srq(void)
{
	int i = used(SRQ), mask = chance(90) ? IBV_SRQ_LIMIT : below(16);
	struct ibv_srq_attr attr = {
		.max_wr = below(100),
		.srq_limit = chance(80) ? below(40) : below(100000),
	};

	if (i < 0)
		return;
	printf(" srq%d mask %d wr %u limit %u", i, mask, attr.max_wr,
	       attr.srq_limit);
	ended(ibv_modify_srq(object[SRQ][i], &attr, mask));
}

void step_query_srq(void)
{
	int i = used(SRQ);
	struct ibv_srq_attr attr = {};

	if (i < 0)
		return;
	printf(" srq%d", i);
	ended(ibv_query_srq(object[SRQ][i], &attr));
	printf(" wr %u sge %u limit %u", attr.max_wr, attr.max_sge,
	       attr.srq_limit);
}

void step_open_xrcd(void)
{
	int i = pick(XRCD, true);
	struct ibv_xrcd_init_attr attr = {
		.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS,
		.fd = chance(90) ? -1 : 1000,
		.oflags = chance(90) ? O_CREAT : below(8) << 6,
	};

	if (i < 0)
		return;
	printf(" xrcd%d fd %d flags %#x", i, attr.fd, attr.oflags);
	made(XRCD, i, ibv_open_xrcd(ctx, &attr));
}

/* ---- Queue pairs ---- */

static const char *type_name(enum ibv_qp_type type)
{
	switch (type) {
	case IBV_QPT_RC:
		return "RC";
	case IBV_QPT_UC:
		return "UC";
	case IBV_QPT_UD:
		return "UD";
	case IBV_QPT_XRC_SEND:
		return "XRC_SEND";
	case IBV_QPT_XRC_RECV:
		return "XRC_RECV";
	default:
		return "other";
	}
}

static void spoil_cap(struct ibv_qp_cap *cap)
{
	switch (below(6)) {
	case 0:
		cap->max_send_wr = ONE_OF(0, 16351, 16352, 100000);
		break;
	case 1:
		cap->max_recv_wr = ONE_OF(0, 16351, 16352, 100000);
		break;
	case 2:
		cap->max_send_sge = ONE_OF(0, 32, 33, 63, 64);
		break;
	case 3:
		cap->max_recv_sge = ONE_OF(0, 32, 33, 63, 64);
		break;
	case 4:
		cap->max_inline_data = ONE_OF(900, 1024, 1025, 5000);
		break;
	case 5:
		cap->max_recv_wr = 0;
		cap->max_recv_sge = 0;
		break;
	}
}

void step_create_qp(void)
{
	int i = pick(QP, true), pd = used(PD), cq = used(CQ), rcq = used(CQ);
	int srq = chance(25) ? used(SRQ) : -1, xrcd = used(XRCD);
	struct ibv_qp_init_attr_ex attr = {
		.cap = { 4 + below(28), 1 + below(16), 1 + below(MAX_SGE),
			 1 + below(MAX_SGE), below(200) },
		.qp_type = ONE_OF(IBV_QPT_RC, IBV_QPT_RC, IBV_QPT_RC,
				  IBV_QPT_UC, IBV_QPT_UC, IBV_QPT_UD,
				  IBV_QPT_UD, IBV_QPT_XRC_SEND,
				  IBV_QPT_XRC_RECV),
		.sq_sig_all = chance(20),
		.comp_mask = IBV_QP_INIT_ATTR_PD,
	};

	if (i < 0 || pd < 0 || cq < 0)
		return;
	/* But not raw packets, 8: those are not for guests */
	if (chance(2))
		attr.qp_type = ONE_OF(0, 1, 5, 6, 7, 77);
	if (chance(8))
		spoil_cap(&attr.cap);
	if (attr.qp_type == IBV_QPT_XRC_RECV) {
		if (xrcd < 0)
			return;
		attr.comp_mask = IBV_QP_INIT_ATTR_XRCD;
		attr.xrcd = object[XRCD][xrcd];
	} else {
		attr.pd = object[PD][pd];
		attr.send_cq = object[CQ][cq];
		/* libmlx4 would keep one that nothing else keeps from going */
		if (attr.qp_type != IBV_QPT_XRC_SEND)
			attr.recv_cq = object[CQ][rcq];
		attr.srq = srq < 0 ? NULL : object[SRQ][srq];
	}
	printf(" qp%d %s pd%d cq%d cq%d srq%d xrcd%d all %d cap %u %u %u %u %u",
	       i, type_name(attr.qp_type), pd, cq, rcq, srq, xrcd,
	       attr.sq_sig_all, attr.cap.max_send_wr, attr.cap.max_recv_wr,
	       attr.cap.max_send_sge, attr.cap.max_recv_sge,
	       attr.cap.max_inline_data);
	qps[i] = (struct queue_pair) {
		.type = attr.qp_type,
		.peer = -1,
		.signal_all = attr.sq_sig_all,
	};
	if (made(QP, i, ibv_create_qp_ex(ctx, &attr)))
		printf(" cap %u %u %u %u %u", attr.cap.max_send_wr,
		       attr.cap.max_recv_wr, attr.cap.max_send_sge,
		       attr.cap.max_recv_sge, attr.cap.max_inline_data);
}

static bool may_talk(enum ibv_qp_type a, enum ibv_qp_type b)
{
	if (a == IBV_QPT_XRC_SEND)
		return b == IBV_QPT_XRC_RECV;
	if (a == IBV_QPT_XRC_RECV)
		return b == IBV_QPT_XRC_SEND;
	return a == b;
}

/* A QP that may talk to this, or perhaps itself, or -1. */
static int any_peer(int i)
{
	int found[MAX_SLOTS], n = 0, j;

	for (j = 0; j < slots[QP]; j++)
		if (object[QP][j] && may_talk(qps[i].type, qps[j].type))
			found[n++] = j;
	return n ? found[below(n)] : -1;
}

struct ibv_qp_attr good_attr(enum ibv_qp_state next, uint32_t dest,
				    enum ibv_mtu mtu)
{
	struct ibv_qp_attr attr = {
		.qp_state = next,
		.port_num = 1,
		.qkey = CHECK_QKEY,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE |
			IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC,
		.path_mtu = mtu,
		.path_mig_state = IBV_MIG_MIGRATED,
		.dest_qp_num = dest,
		.max_rd_atomic = 4,
		.max_dest_rd_atomic = 4,
		.min_rnr_timer = 1,
		.timeout = 12,
		.retry_cnt = 1,
		.rnr_retry = 1,
		.ah_attr = { .dlid = lid, .port_num = 1 },
		.alt_ah_attr = { .dlid = lid, .port_num = 1 },
		.alt_port_num = 1,
		.alt_timeout = 12,
	};

	return attr;
}

static void spoil_attr(struct ibv_qp_attr *attr)
{
	switch (below(16)) {
	case 0:
		attr->port_num = ONE_OF(0, 2, 3);
		break;
	case 1:
		attr->pkey_index = ONE_OF(1, 127, 128, 65535);
		break;
	case 2:
		attr->path_mtu = ONE_OF(0, 6, 7);
		break;
	case 3:
		attr->max_rd_atomic = ONE_OF(0, 1, 16, 17, 128, 129, 255);
		break;
	case 4:
		attr->max_dest_rd_atomic = ONE_OF(0, 1, 16, 17, 255);
		break;
	case 5:
		attr->ah_attr.port_num = ONE_OF(0, 2, 3);
		break;
	case 6:
		attr->ah_attr.is_global = 1;
		attr->ah_attr.grh.dgid = gid;
		attr->ah_attr.grh.sgid_index = ONE_OF(0, 0, 1, 127, 128, 255);
		attr->ah_attr.grh.flow_label = random64();
		break;
	case 7:
		attr->alt_ah_attr.port_num = ONE_OF(0, 2, 3);
		break;
	case 8:
		attr->alt_port_num = ONE_OF(0, 2, 3);
		attr->alt_ah_attr.port_num = attr->alt_port_num;
		break;
	case 9:
		attr->alt_pkey_index = ONE_OF(1, 127, 128, 65535);
		break;
	case 10:
		attr->path_mig_state = below(4);
		break;
	case 11:
		attr->qp_access_flags = random64();
		break;
	case 12:
		attr->rq_psn = ONE_OF(1, 0xffffff, 0x1000000);
		attr->sq_psn = attr->rq_psn;
		break;
	case 13:
		attr->cur_qp_state = below(9);
		attr->en_sqd_async_notify = below(3);
		break;
	case 14:
		attr->ah_attr.sl = below(16);
		attr->ah_attr.static_rate = below(20);
		attr->ah_attr.src_path_bits = below(128);
		break;
	case 15:
		attr->qp_state = below(9);
		break;
	}
}

/* Modify, say how it ended, and note what it means. */
static int modify(int i, struct ibv_qp_attr *attr, int mask)
{
	int ret = ibv_modify_qp(object[QP][i], attr, mask);
	struct queue_pair *q = &qps[i];

	ended(ret);
	if (ret)
		return ret;
	if (mask & IBV_QP_DEST_QPN)
		q->peer = qp_of(attr->dest_qp_num);
	if (mask & IBV_QP_STATE)
		q->state = attr->qp_state;
	if (q->state == IBV_QPS_RESET)
		q->sends = q->recvs = q->mrs = 0;
	if (q->state == IBV_QPS_SQD)
		refresh(i);
	if (q->state == IBV_QPS_RTS)
		await_traffic(i);	/* what waited in SQD */
	return 0;
}

static enum ibv_qp_state any_next(enum ibv_qp_state cur)
{
	static const char next[][4] = {
		[IBV_QPS_RESET] = { 1, 1, 1, 0 },
		[IBV_QPS_INIT] = { 2, 2, 2, 1 },
		[IBV_QPS_RTR] = { 3, 3, 3, 6 },
		[IBV_QPS_RTS] = { 3, 4, 4, 6 },
		[IBV_QPS_SQD] = { 3, 3, 4, 6 },
		[IBV_QPS_SQE] = { 3, 3, 3, 6 },
		[IBV_QPS_ERR] = { 0, 0, 0, 6 },
	};

	return chance(85) ? next[cur][below(4)] : (char)below(7);
}

void step_modify_qp(void)
{
	struct ibv_qp_attr attr;
	int i = used(QP), peer, mask;

	if (i < 0)
		return;
	peer = any_peer(i);
	attr = good_attr(any_next(qps[i].state), peer < 0 ? 0xfffffe :
			 ((struct ibv_qp *)object[QP][peer])->qp_num,
			 IBV_MTU_256 + below(5));
	attr.cur_qp_state = qps[i].state;
	mask = qp_needs(qps[i].type, qps[i].state, attr.qp_state);
	if (chance(15))
		mask &= ~(1 << below(21));
	if (chance(25))
		mask |= 1 << below(21);
	if (chance(2))
		mask |= 1 << (21 + below(10));
	if (chance(25))
		spoil_attr(&attr);
	/* Natively a bad one is taken here; see EXPLAINED in test_errno.py. */
	if (attr.qp_state == IBV_QPS_RTR && mask & IBV_QP_ALT_PATH)
		attr.alt_pkey_index = 0;
	printf(" qp%d %s to %s mask %#x dest qp%d", i,
	       state_name(qps[i].state), state_name(attr.qp_state), mask, peer);
	modify(i, &attr, mask);
}

static void say_ah(const char *name, const struct ibv_ah_attr *ah)
{
	printf(" %s lid %d port %u sl %u rate %u path %u global %u", name,
	       ah->dlid == lid, ah->port_num, ah->sl, ah->static_rate,
	       ah->src_path_bits, ah->is_global);
	if (ah->is_global)
		printf(" flow %#x sgid %u hops %u class %u", ah->grh.flow_label,
		       ah->grh.sgid_index, ah->grh.hop_limit,
		       ah->grh.traffic_class);
}

void step_query_qp(void)
{
	struct ibv_qp_init_attr init = {};
	struct ibv_qp_attr a = {};
	int i = used(QP);

	if (i < 0)
		return;
	printf(" qp%d", i);
	if (ended(ibv_query_qp(object[QP][i], &a, 0x1fffff, &init)))
		return;
	qps[i].state = a.qp_state;
	printf(" %s cur %d mtu %d mig %d qkey %#x psn %#x %#x dest qp%d access %#x cap %u %u %u %u %u pkey %u %u notify %u rd %u %u rnr %u port %u timeout %u retry %u %u alt %u %u",
	       state_name(a.qp_state), a.cur_qp_state, a.path_mtu,
	       a.path_mig_state, a.qkey, a.rq_psn, a.sq_psn,
	       qp_of(a.dest_qp_num), a.qp_access_flags, a.cap.max_send_wr,
	       a.cap.max_recv_wr, a.cap.max_send_sge, a.cap.max_recv_sge,
	       a.cap.max_inline_data, a.pkey_index, a.alt_pkey_index,
	       a.en_sqd_async_notify, a.max_rd_atomic, a.max_dest_rd_atomic,
	       a.min_rnr_timer, a.port_num, a.timeout, a.retry_cnt,
	       a.rnr_retry, a.alt_port_num, a.alt_timeout);
	say_ah("ah", &a.ah_attr);
	say_ah("alt", &a.alt_ah_attr);
	printf(" init type %d all %d cq%d cq%d srq%d", init.qp_type,
	       init.sq_sig_all, slot_of(CQ, init.send_cq),
	       slot_of(CQ, init.recv_cq), slot_of(SRQ, init.srq));
}

/* From wherever it is to Ready to Send. */
static void bring_up(int i, int peer, enum ibv_mtu mtu)
{
	enum ibv_qp_state cur, next;
	struct ibv_qp_attr attr;
	int mask;

	for (cur = IBV_QPS_ERR, next = IBV_QPS_RESET; next <= IBV_QPS_RTS;
	     cur = next++) {
		attr = good_attr(next, ((struct ibv_qp *)
					object[QP][peer])->qp_num, mtu);
		mask = qp_needs(qps[i].type, cur, next);
		if (modify(i, &attr, mask))
			return;
	}
}

void step_connect(void)
{
	int i = used(QP), peer, mtu = IBV_MTU_256 + below(5);

	if (i < 0)
		return;
	peer = any_peer(i);
	if (peer < 0)
		return;
	printf(" qp%d qp%d mtu %d", i, peer, mtu);
	bring_up(i, peer, mtu);
	if (peer != i)
		bring_up(peer, i, mtu);
}
