// SPDX-License-Identifier: GPL-2.0-only
/* Random verbs that move data: work requests, address handles, groups. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "verbs_random.h"

static unsigned int named;	/* MRs in what is being made up, a bit for each */

/* Some octets of the message: around the MTUs and page sizes, and any. */
static uint32_t any_length(void)
{
	if (chance(50))
		return below(300);
	if (chance(50))
		return (256 << below(6)) + below(3) - 1;
	return below(20000);
}

/* An MR in a PD if there is one and no mistake is wanted. */
static int mr_in(const struct ibv_pd *pd)
{
	int found[MAX_SLOTS], n = 0, i;

	for (i = 0; i < slots[MR]; i++)
		if (object[MR][i] && !mrs[i].broken &&
		    (((struct ibv_mr *)object[MR][i])->pd == pd || chance(2)))
			found[n++] = i;
	return n ? found[below(n)] : -1;
}

/* Where in a region something of @length begins; rarely it does not fit. */
static char *place_in(const struct region *r, uint32_t length)
{
	if (chance(3))
		return r->addr + r->length - length + 1;
	if (length >= r->length)
		return r->addr;
	return r->addr + below(r->length - length + 1);
}

static uint32_t perhaps_wrong(uint32_t key)
{
	return chance(2) ? key ^ 0x55 : key;
}

/* Fills in up to @most entries; returns how many, -1 if there is no MR. */
static int any_sges(const struct ibv_pd *pd, struct ibv_sge *sge, int most,
		    uint32_t length)
{
	int n = chance(3) ? 0 : 1 + below(most), i, mr;

	for (i = 0; i < n; i++) {
		mr = mr_in(pd);
		if (mr < 0)
			return -1;
		named |= 1 << mr;
		sge[i].length = i == n - 1 ? length : length / 2;
		length -= sge[i].length;
		if (sge[i].length > mrs[mr].length && chance(90))
			sge[i].length = mrs[mr].length;
		sge[i].addr = (uintptr_t)place_in(&mrs[mr], sge[i].length);
		sge[i].lkey = perhaps_wrong(((struct ibv_mr *)
					     object[MR][mr])->lkey);
		printf(" mr%d +%ld %u", mr, (char *)(uintptr_t)sge[i].addr -
		       arena, sge[i].length);
	}
	return n;
}

/* ---- Receiving ---- */

static int recv_chain(struct ibv_recv_wr *wr, const struct ibv_pd *pd, int srq)
{
	int n = 1 + below(MAX_SENDS), i, nr_sge;
	struct posted *p;

	named = 0;
	for (i = 0; i < n; i++) {
		wr[i] = (struct ibv_recv_wr) { .wr_id = next_wr_id(WR_RECV) };
		p = &posted[(wr[i].wr_id >> 2) % MAX_RECVS];
		*p = (struct posted) { .srq = srq };
		printf(" |");
		nr_sge = any_sges(pd, p->sge, MAX_SGE, chance(70) ? 4096 :
				  any_length());
		if (nr_sge < 0)
			break;
		wr[i].sg_list = p->sge;
		wr[i].num_sge = nr_sge;
		if (i)
			wr[i - 1].next = &wr[i];
	}
	return i;
}

static int accepted(const struct ibv_recv_wr *wr, int n,
		    const struct ibv_recv_wr *bad)
{
	if (bad)
		n = bad - wr;
	printf(" accepted %d", n);
	return n;
}

void step_post_recv(void)
{
	struct ibv_recv_wr wr[MAX_SENDS], *bad = NULL;
	int i = used(QP), n;
	struct ibv_qp *qp;

	if (i < 0)
		return;
	qp = object[QP][i];
	/* libmlx4 does not refuse these as the IBTA has it, nor has them work */
	if (!qp->pd || qps[i].state == IBV_QPS_RESET ||
	    qps[i].type == IBV_QPT_XRC_SEND || qp->srq)
		return;
	printf(" qp%d %s", i, state_name(qps[i].state));
	n = recv_chain(wr, qp->pd, -1);
	if (!n)
		return;
	ended(ibv_post_recv(qp, wr, &bad));
	qps[i].recvs += accepted(wr, n, bad);
	qps[i].mrs |= named;
}

void step_post_srq_recv(void)
{
	struct ibv_recv_wr wr[MAX_SENDS], *bad = NULL;
	int i = used(SRQ), n;
	struct ibv_srq *srq;

	if (i < 0)
		return;
	srq = object[SRQ][i];
	printf(" srq%d", i);
	n = recv_chain(wr, srq->pd, i);
	if (!n)
		return;
	ended(ibv_post_srq_recv(srq, wr, &bad));
	srqs[i].recvs += accepted(wr, n, bad);
	srqs[i].mrs |= named;
}

/* ---- Sending ---- */

/* Where an RDMA request goes: an MR or window of the peer's PD. */
static void any_target(const struct queue_pair *q, uint32_t length,
		       uint64_t *addr, uint32_t *rkey)
{
	const struct ibv_qp *peer = q->peer < 0 ? NULL : object[QP][q->peer];
	int mw = chance(20) && q->state == IBV_QPS_RTS ? used(MW) : -1;
	int mr = mr_in(peer && peer->pd ? peer->pd : object[PD][used(PD)]);

	*addr = 0;
	*rkey = 0;
	if (mw >= 0) {
		*addr = (uintptr_t)place_in(&mws[mw], length);
		*rkey = ((struct ibv_mw *)object[MW][mw])->rkey;
		printf(" to mw%d", mw);
	} else if (mr >= 0) {
		*addr = (uintptr_t)place_in(&mrs[mr], length);
		*rkey = perhaps_wrong(((struct ibv_mr *)
				       object[MR][mr])->rkey);
		named |= 1 << mr;
		printf(" to mr%d", mr);
	}
	if (*addr)
		printf(" +%ld", (char *)(uintptr_t)*addr - arena);
}

static uint32_t sum(const struct ibv_send_wr *wr)
{
	uint32_t length = 0;
	int i;

	for (i = 0; i < wr->num_sge; i++)
		length += wr->sg_list[i].length;
	return length;
}

static void any_remote(const struct queue_pair *q, struct ibv_send_wr *wr)
{
	int srq;

	switch (wr->opcode) {
	case IBV_WR_RDMA_WRITE:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
	case IBV_WR_RDMA_READ:
		any_target(q, sum(wr), &wr->wr.rdma.remote_addr,
			   &wr->wr.rdma.rkey);
		break;
	case IBV_WR_ATOMIC_CMP_AND_SWP:
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
		any_target(q, 8, &wr->wr.atomic.remote_addr,
			   &wr->wr.atomic.rkey);
		if (chance(90))
			wr->wr.atomic.remote_addr &= ~7;
		wr->wr.atomic.compare_add = random64();
		wr->wr.atomic.swap = random64();
		break;
	default:
		break;
	}
	if (q->type != IBV_QPT_XRC_SEND)
		return;
	/* libmlx4 does not know that others have no number */
	srq = used(SRQ);
	if (srq >= 0 && (!srqs[srq].has_xrcd ||
			 ibv_get_srq_num(object[SRQ][srq],
					 &wr->qp_type.xrc.remote_srqn)))
		srq = -1;
	printf(" srq%d", srq);
}

static void any_datagram(struct ibv_send_wr *wr)
{
	int ah = used(AH), to = used(QP);
	struct ibv_qp *qp = object[QP][to];

	wr->wr.ud.ah = object[AH][ah];
	wr->wr.ud.remote_qpn = groups[ah] ? 0xffffff : qp->qp_num;
	wr->wr.ud.remote_qkey = chance(95) ? CHECK_QKEY : CHECK_QKEY + 1;
	printf(" ah%d qp%d qkey %#x", ah, groups[ah] ? -1 : to,
	       wr->wr.ud.remote_qkey);
	qps[to].dirty = true;
}

static enum ibv_wr_opcode any_opcode(enum ibv_qp_type type)
{
	if (type == IBV_QPT_UD)
		return ONE_OF(IBV_WR_SEND, IBV_WR_SEND_WITH_IMM);
	if (type == IBV_QPT_UC && chance(98))
		return ONE_OF(IBV_WR_SEND, IBV_WR_SEND_WITH_IMM,
			      IBV_WR_RDMA_WRITE, IBV_WR_RDMA_WRITE_WITH_IMM);
	return ONE_OF(IBV_WR_SEND, IBV_WR_SEND_WITH_IMM, IBV_WR_RDMA_WRITE,
		      IBV_WR_RDMA_WRITE_WITH_IMM, IBV_WR_RDMA_READ,
		      IBV_WR_ATOMIC_CMP_AND_SWP, IBV_WR_ATOMIC_FETCH_AND_ADD);
}

static bool any_send(int i, struct ibv_send_wr *wr, struct ibv_sge *sge,
		     bool last)
{
	const struct ibv_qp *qp = object[QP][i];
	struct queue_pair *q = &qps[i];
	uint32_t length = any_length();
	bool silent = !last && !q->signal_all && chance(50);
	int most = MAX_SGE;

	*wr = (struct ibv_send_wr) {
		.wr_id = next_wr_id(silent ? WR_SILENT : 0),
		.sg_list = sge,
		.opcode = any_opcode(q->type),
		.send_flags = (silent ? 0 : IBV_SEND_SIGNALED) |
			(solicited ? IBV_SEND_SOLICITED : 0) |
			(chance(10) ? IBV_SEND_FENCE : 0),
		.imm_data = random64(),
	};
	printf(" | op %d", wr->opcode);
	if (wr->opcode == IBV_WR_ATOMIC_CMP_AND_SWP ||
	    wr->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		/* libmlx4 has not always room for more, and does not look */
		most = 1;
		length = 8;
	} else if (length < 250 && wr->opcode != IBV_WR_RDMA_READ &&
		   chance(40)) {
		wr->send_flags |= IBV_SEND_INLINE;
	}
	wr->num_sge = any_sges(qp->pd, sge, most, length);
	if (wr->num_sge < 0)
		return false;
	if (q->type == IBV_QPT_UD)
		any_datagram(wr);
	else
		any_remote(q, wr);
	printf(" flags %#x imm %#x", wr->send_flags, wr->imm_data);
	return true;
}

static void repeat_signalled(int i, struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad;

	wr->wr_id = next_wr_id(0);
	wr->send_flags |= IBV_SEND_SIGNALED;
	wr->next = NULL;
	if (!ended(ibv_post_send(object[QP][i], wr, &bad)))
		qps[i].sends++;
}

void step_post_send(void)
{
	struct ibv_send_wr wr[MAX_SENDS], *bad = NULL;
	struct ibv_sge sges[MAX_SENDS][MAX_SGE];
	int i = used(QP), n = 1 + below(MAX_SENDS), j, ret;

	/* As with receives, in other states it is no use to ask */
	if (i < 0 || qps[i].type == IBV_QPT_XRC_RECV ||
	    qps[i].state < IBV_QPS_RTS)
		return;
	/* What waits must name nothing that can go but MRs, see is_named() */
	if (qps[i].state == IBV_QPS_SQD && qps[i].type != IBV_QPT_RC &&
	    qps[i].type != IBV_QPT_UC)
		return;
	named = 0;
	if (used(PD) < 0 || (qps[i].type == IBV_QPT_UD && used(AH) < 0))
		return;
	printf(" qp%d %s to qp%d", i, state_name(qps[i].state), qps[i].peer);
	for (j = 0; j < n; j++) {
		if (!any_send(i, &wr[j], sges[j], j == n - 1))
			return;
		if (j)
			wr[j - 1].next = &wr[j];
	}
	ret = ended(ibv_post_send(object[QP][i], wr, &bad));
	if (ret)
		n = bad - wr;
	printf(" accepted %d", n);
	for (j = 0; j < n; j++)
		qps[i].sends += !(wr[j].wr_id & WR_SILENT);
	/* Cut short, the list may not end with one that tells of its end */
	if (n && wr[n - 1].wr_id & WR_SILENT)
		repeat_signalled(i, &wr[n - 1]);
	qps[i].mrs |= named;
	await_traffic(i);
}

void step_bind_mw(void)
{
	int i = used(QP), mw = used(MW), mr = used(MR), ret;
	struct ibv_mw_bind bind = {
		.send_flags = IBV_SEND_SIGNALED,
		.bind_info.mw_access_flags = chance(90) ?
			IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ :
			below(32),
	};
	struct region r;

	/* libmlx4 does not look at the type: others it would crash with */
	if (i < 0 || mw < 0 || mr < 0 || mrs[mr].broken ||
	    (qps[i].type != IBV_QPT_RC && qps[i].type != IBV_QPT_UC) ||
	    qps[i].state != IBV_QPS_RTS)
		return;
	r.length = below(mrs[mr].length + (chance(5) ? 2 : 1));
	r.addr = place_in(&mrs[mr], r.length);
	bind.wr_id = next_wr_id(0);
	bind.bind_info.mr = object[MR][mr];
	bind.bind_info.addr = (uintptr_t)r.addr;
	bind.bind_info.length = r.length;
	printf(" qp%d mw%d mr%d +%ld %zu access %#x", i, mw, mr,
	       r.addr - arena, r.length, bind.bind_info.mw_access_flags);
	ret = ibv_bind_mw(object[QP][i], object[MW][mw], &bind);
	ended(ret);
	if (ret)
		return;
	mws[mw] = r;
	qps[i].sends++;
}

/* ---- Addresses and groups ---- */

/* A group that no other process of this HCA knows. */
static union ibv_gid group_gid(int i)
{
	union ibv_gid group = { .raw = { 0xff, 0x12, 0xa0, 0x1b } };

	group.raw[15] = i;
	memcpy(group.raw + 8, &fence.qp->qp_num, 4);
	return group;
}

void step_create_ah(void)
{
	int i = pick(AH, true), pd = used(PD);
	struct ibv_ah_attr attr = { .dlid = lid, .port_num = 1 };

	if (i < 0 || pd < 0)
		return;
	groups[i] = chance(30) ? 1 + below(2) : 0;
	attr.is_global = groups[i] || chance(20);
	attr.grh.dgid = groups[i] ? group_gid(groups[i]) : gid;
	attr.grh.hop_limit = 1;
	if (groups[i])
		attr.dlid = 0xc000 + groups[i];
	if (chance(10))
		attr.port_num = ONE_OF(0, 2, 3);
	if (chance(20)) {
		attr.sl = below(16);
		attr.static_rate = below(20);
		attr.src_path_bits = below(2);
	}
	printf(" ah%d pd%d group %d global %d port %u sl %u", i, pd, groups[i],
	       attr.is_global, attr.port_num, attr.sl);
	made(AH, i, ibv_create_ah(object[PD][pd], &attr));
}

void step_multicast(void)
{
	int i = used(QP), group = 1 + below(2), attach = chance(60), group_lid;
	union ibv_gid address = chance(95) ? group_gid(group) : gid;

	if (i < 0)
		return;
	group_lid = chance(90) ? 0xc000 + group : ONE_OF(0, 1, 0xbfff, 0xffff);
	printf(" qp%d %s group %d lid %#x multicast %d", i, attach ? "attach" :
	       "detach", group, group_lid, address.raw[0] == 0xff);
	if (attach)
		ended(ibv_attach_mcast(object[QP][i], &address, group_lid));
	else
		ended(ibv_detach_mcast(object[QP][i], &address, group_lid));
}
