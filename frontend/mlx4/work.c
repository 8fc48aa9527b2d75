// SPDX-License-Identifier: GPL-2.0-only
/*
 * The provider for mlx4: the entries of queues that the kernel itself posts to
 * and polls. WQEs, CQEs and doorbells are those of the ConnectX-3's manual,
 * under the names of <linux/mlx4/>.
 */

#include <linux/io.h>
#include <linux/mlx4/cq.h>
#include <linux/mlx4/doorbell.h>
#include <linux/mlx4/qp.h>
#include <linux/mlx4/srq.h>

#include "../ibfront.h"

#define IBFRONT_MLX4_CQE		sizeof(struct mlx4_cqe)
static_assert(IBFRONT_MLX4_CQE == 32);

/* An inline segment of no octets, where a length of 0 would mean 2^31 */
#define IBFRONT_MLX4_NO_DATA		((u32)MLX4_INLINE_SEG)

/* What the first word of 64 octets is that the HCA is not to take for a WQE */
#define IBFRONT_MLX4_STAMP		0xffffffff
#define IBFRONT_MLX4_CHUNK		64

/* Messages up to so many octets go into the WQE, if there is room. */
#define IBFRONT_MLX4_MAX_INLINE		128

/* Words of a CQ's doorbell record */
#define IBFRONT_MLX4_SET_CI		0
#define IBFRONT_MLX4_ARM		1

#define IBFRONT_MLX4_OWNER		BIT(31)
#define IBFRONT_MLX4_AV_GRH		BIT(7)

#define IBFRONT_MLX4_CQE_GRH		BIT(31)

/* The entry proper is at the end of a larger one. */
static void *ibfront_mlx4_cqe(const struct ibfront_cq *cq, u32 index)
{
	u32 size = to_fdev(cq->ibcq.device)->attr.mlx4_cqe_size;

	return cq->queue.area + (size_t)(index & cq->ibcq.cqe) * size + size -
	       IBFRONT_MLX4_CQE;
}

/* The HCA inverts the bit that says whose an entry is with each round. */
static struct mlx4_cqe *ibfront_mlx4_next_cqe(const struct ibfront_cq *cq,
					      u32 index)
{
	struct mlx4_cqe *cqe = ibfront_mlx4_cqe(cq, index);
	bool owner = READ_ONCE(cqe->owner_sr_opcode) & MLX4_CQE_OWNER_MASK;

	return owner == !!(index & (cq->ibcq.cqe + 1)) ? cqe : NULL;
}

static void ibfront_mlx4_set_ci(struct ibfront_cq *cq)
{
	__be32 *record = cq->queue.record;

	record[IBFRONT_MLX4_SET_CI] = cpu_to_be32(cq->next & 0xffffff);
}

static void ibfront_mlx4_init_cq(struct ibfront_cq *cq)
{
	struct mlx4_cqe *cqe;
	u32 i;

	for (i = 0; i <= cq->ibcq.cqe; i++) {
		cqe = ibfront_mlx4_cqe(cq, i);
		cqe->owner_sr_opcode = MLX4_CQE_OWNER_MASK;
	}
	/* The HCA counts events from 1. */
	cq->arm_sn = 1;
}

static enum ib_wc_status ibfront_mlx4_status(u8 syndrome)
{
	switch (syndrome) {
	case MLX4_CQE_SYNDROME_LOCAL_LENGTH_ERR:
		return IB_WC_LOC_LEN_ERR;
	case MLX4_CQE_SYNDROME_LOCAL_QP_OP_ERR:
		return IB_WC_LOC_QP_OP_ERR;
	case MLX4_CQE_SYNDROME_LOCAL_PROT_ERR:
		return IB_WC_LOC_PROT_ERR;
	case MLX4_CQE_SYNDROME_WR_FLUSH_ERR:
		return IB_WC_WR_FLUSH_ERR;
	case MLX4_CQE_SYNDROME_MW_BIND_ERR:
		return IB_WC_MW_BIND_ERR;
	case MLX4_CQE_SYNDROME_BAD_RESP_ERR:
		return IB_WC_BAD_RESP_ERR;
	case MLX4_CQE_SYNDROME_LOCAL_ACCESS_ERR:
		return IB_WC_LOC_ACCESS_ERR;
	case MLX4_CQE_SYNDROME_REMOTE_INVAL_REQ_ERR:
		return IB_WC_REM_INV_REQ_ERR;
	case MLX4_CQE_SYNDROME_REMOTE_ACCESS_ERR:
		return IB_WC_REM_ACCESS_ERR;
	case MLX4_CQE_SYNDROME_REMOTE_OP_ERR:
		return IB_WC_REM_OP_ERR;
	case MLX4_CQE_SYNDROME_TRANSPORT_RETRY_EXC_ERR:
		return IB_WC_RETRY_EXC_ERR;
	case MLX4_CQE_SYNDROME_RNR_RETRY_EXC_ERR:
		return IB_WC_RNR_RETRY_EXC_ERR;
	case MLX4_CQE_SYNDROME_REMOTE_ABORTED_ERR:
		return IB_WC_REM_ABORT_ERR;
	default:
		return IB_WC_GENERAL_ERR;
	}
}

static bool ibfront_mlx4_csum_ok(const struct mlx4_cqe *cqe)
{
	u16 status = be16_to_cpu(cqe->status);

	return (status & (MLX4_CQE_STATUS_IPV4 | MLX4_CQE_STATUS_IPV4F |
			  MLX4_CQE_STATUS_IPV4OPT | MLX4_CQE_STATUS_IPV6 |
			  MLX4_CQE_STATUS_IPOK)) ==
	       (MLX4_CQE_STATUS_IPV4 | MLX4_CQE_STATUS_IPOK) &&
	       status & (MLX4_CQE_STATUS_UDP | MLX4_CQE_STATUS_TCP) &&
	       cqe->checksum == cpu_to_be16(0xffff);
}

static void ibfront_mlx4_read_recv(struct ib_wc *wc, const struct mlx4_cqe *cqe)
{
	u32 path = be32_to_cpu(cqe->g_mlpath_rqpn);

	wc->opcode = IB_WC_RECV;
	wc->byte_len = be32_to_cpu(cqe->byte_cnt);
	switch (cqe->owner_sr_opcode & MLX4_CQE_OPCODE_MASK) {
	case MLX4_RECV_OPCODE_RDMA_WRITE_IMM:
		wc->opcode = IB_WC_RECV_RDMA_WITH_IMM;
		fallthrough;
	case MLX4_RECV_OPCODE_SEND_IMM:
		wc->wc_flags = IB_WC_WITH_IMM;
		wc->ex.imm_data = cqe->immed_rss_invalid;
		break;
	case MLX4_RECV_OPCODE_SEND_INVAL:
		wc->wc_flags = IB_WC_WITH_INVALIDATE;
		wc->ex.invalidate_rkey = be32_to_cpu(cqe->immed_rss_invalid);
		break;
	}
	if (path & IBFRONT_MLX4_CQE_GRH)
		wc->wc_flags |= IB_WC_GRH;
	if (ibfront_mlx4_csum_ok(cqe))
		wc->wc_flags |= IB_WC_IP_CSUM_OK;
	wc->src_qp = path & MLX4_CQE_QPN_MASK;
	wc->dlid_path_bits = path >> 24 & 0x7f;
	wc->pkey_index = be32_to_cpu(cqe->immed_rss_invalid) & 0x7f;
	wc->slid = be16_to_cpu(cqe->rlid);
	wc->sl = be16_to_cpu(cqe->sl_vid) >> 12;
}

static bool ibfront_mlx4_take_cqe(struct ibfront_cq *cq, struct ibfront_cqe *to)
{
	const struct mlx4_cqe *next = ibfront_mlx4_next_cqe(cq, cq->next);
	const struct mlx4_err_cqe *err;
	struct mlx4_cqe cqe;

	if (!next)
		return false;
	/* Read no entry before the bit that says that it is there. */
	dma_rmb();
	cqe = *next;
	barrier();
	cq->next++;
	ibfront_mlx4_set_ci(cq);

	memset(to, 0, sizeof(*to));
	to->qpn = be32_to_cpu(cqe.vlan_my_qpn) & MLX4_CQE_QPN_MASK;
	to->index = be16_to_cpu(cqe.wqe_index);
	to->send = cqe.owner_sr_opcode & MLX4_CQE_IS_SEND_MASK;
	if ((cqe.owner_sr_opcode & MLX4_CQE_OPCODE_MASK) ==
	    MLX4_CQE_OPCODE_ERROR) {
		err = (const struct mlx4_err_cqe *)&cqe;
		to->wc.status = ibfront_mlx4_status(err->syndrome);
		to->wc.vendor_err = err->vendor_err_syndrome;
	} else if (!to->send) {
		ibfront_mlx4_read_recv(&to->wc, &cqe);
	}
	return true;
}

static bool ibfront_mlx4_has_cqe(const struct ibfront_cq *cq)
{
	return ibfront_mlx4_next_cqe(cq, cq->next);
}

static void ibfront_mlx4_arm_cq(struct ibfront_cq *cq, bool solicited)
{
	u32 cmd = solicited ? MLX4_CQ_DB_REQ_NOT_SOL : MLX4_CQ_DB_REQ_NOT;
	void __iomem *uar = to_fdev(cq->ibcq.device)->kernel.uar;
	u32 sn = (READ_ONCE(cq->arm_sn) & 3) << 28;
	u32 ci = cq->next & 0xffffff;
	__be32 *record = cq->queue.record;
	__be32 doorbell[2] = {
		cpu_to_be32(sn | cmd | cq->number),
		cpu_to_be32(ci),
	};

	record[IBFRONT_MLX4_ARM] = cpu_to_be32(sn | cmd | ci);
	/* The HCA reads the record when the doorbell rings. */
	wmb();
	mlx4_write64(doorbell, uar + MLX4_CQ_DOORBELL, NULL);
}

/* The entries that stay move up to the last, as the HCA goes on behind it. */
static void ibfront_mlx4_clean_cq(struct ibfront_cq *cq, u32 qpn,
				  struct ibfront_srq *srq)
{
	struct mlx4_cqe *cqe, *dest;
	struct ibfront_wr wr;
	u32 from, to, end;
	u8 owner;

	for (end = cq->next; end - cq->next <= cq->ibcq.cqe; end++)
		if (!ibfront_mlx4_next_cqe(cq, end))
			break;
	dma_rmb();

	for (from = to = end; from != cq->next; ) {
		cqe = ibfront_mlx4_cqe(cq, --from);
		if ((be32_to_cpu(cqe->vlan_my_qpn) & MLX4_CQE_QPN_MASK) ==
		    qpn) {
			if (srq && !(cqe->owner_sr_opcode &
				     MLX4_CQE_IS_SEND_MASK))
				ibfront_srq_put(srq,
						be16_to_cpu(cqe->wqe_index),
						&wr, 0);
			continue;
		}
		dest = ibfront_mlx4_cqe(cq, --to);
		if (dest == cqe)
			continue;
		owner = dest->owner_sr_opcode & MLX4_CQE_OWNER_MASK;
		*dest = *cqe;
		dest->owner_sr_opcode &= ~MLX4_CQE_OWNER_MASK;
		dest->owner_sr_opcode |= owner;
	}
	cq->next = to;
	/* An entry is the HCA's again once the index says so. */
	wmb();
	ibfront_mlx4_set_ci(cq);
}

/* Whatever the HCA fetches ahead of the doorbell must not look like a WQE. */
static void ibfront_mlx4_stamp(const struct ibfront_wq *sq, u32 index)
{
	void *wqe = ibfront_wqe(sq, index);
	u32 i;

	for (i = IBFRONT_MLX4_CHUNK; i < 1 << sq->log_stride;
	     i += IBFRONT_MLX4_CHUNK)
		*(__be32 *)(wqe + i) = cpu_to_be32(IBFRONT_MLX4_STAMP);
}

static void ibfront_mlx4_init_sq(struct ibfront_qp *qp)
{
	struct ibfront_wq *sq = &qp->sq;
	struct mlx4_wqe_ctrl_seg *ctrl;
	u32 i;

	for (i = 0; i < sq->count; i++) {
		ctrl = ibfront_wqe(sq, i);
		ctrl->owner_opcode = cpu_to_be32(IBFRONT_MLX4_OWNER);
		ctrl->qpn_vlan.fence_size = 1 << (sq->log_stride - 4);
		ibfront_mlx4_stamp(sq, i);
	}
}

static void *ibfront_mlx4_put_raddr(void *seg, u64 addr, u32 rkey)
{
	struct mlx4_wqe_raddr_seg *raddr = seg;

	raddr->raddr = cpu_to_be64(addr);
	raddr->rkey = cpu_to_be32(rkey);
	raddr->reserved = 0;
	return raddr + 1;
}

static void *ibfront_mlx4_put_atomic(void *seg, const struct ib_send_wr *wr)
{
	const struct ib_atomic_wr *from = atomic_wr(wr);
	struct mlx4_wqe_atomic_seg *atomic;

	atomic = ibfront_mlx4_put_raddr(seg, from->remote_addr, from->rkey);
	if (wr->opcode == IB_WR_ATOMIC_CMP_AND_SWP) {
		atomic->swap_add = cpu_to_be64(from->swap);
		atomic->compare = cpu_to_be64(from->compare_add);
	} else {
		atomic->swap_add = cpu_to_be64(from->compare_add);
		atomic->compare = 0;
	}
	return atomic + 1;
}

static void *ibfront_mlx4_put_inval(void *seg, u32 key)
{
	struct mlx4_wqe_local_inval_seg *inval = seg;

	memset(inval, 0, sizeof(*inval));
	inval->mem_key = cpu_to_be32(key);
	return inval + 1;
}

/*
 * For fast registration: bind a window to what the list is in the arena. The
 * key with which that is reached is the chunk's.
 */
static void *ibfront_mlx4_put_bind(void *seg, const struct ib_reg_wr *wr,
				   u32 lkey)
{
	struct mlx4_wqe_bind_seg *bind = seg;
	u32 rights = 0;

	if (wr->access & IB_ACCESS_REMOTE_READ)
		rights |= MLX4_WQE_FMR_AND_BIND_PERM_REMOTE_READ;
	if (wr->access & IB_ACCESS_REMOTE_WRITE)
		rights |= MLX4_WQE_FMR_AND_BIND_PERM_REMOTE_WRITE;
	if (wr->access & IB_ACCESS_REMOTE_ATOMIC)
		rights |= MLX4_WQE_FMR_AND_BIND_PERM_ATOMIC;
	bind->flags1 = cpu_to_be32(rights);
	bind->flags2 = cpu_to_be32(MLX4_WQE_BIND_TYPE_2);
	bind->new_rkey = cpu_to_be32(wr->key);
	bind->lkey = cpu_to_be32(lkey);
	bind->addr = cpu_to_be64(wr->mr->iova);
	bind->length = cpu_to_be64(wr->mr->length);
	return bind + 1;
}

static void ibfront_mlx4_put_av(struct mlx4_av *av, const struct ibfront_ah *ah)
{
	const struct rdma_ah_attr *attr = &ah->attr;
	const struct ib_global_route *grh;
	u32 flow = rdma_ah_get_sl(attr) << 28;

	memset(av, 0, sizeof(*av));
	av->port_pd = cpu_to_be32(rdma_ah_get_port_num(attr) << 24 |
				  to_fpd(ah->ibah.pd)->number);
	av->g_slid = rdma_ah_get_path_bits(attr) & VIBIF_MAX_SRC_PATH_BITS;
	av->dlid = cpu_to_be16(rdma_ah_get_dlid(attr));
	if (rdma_ah_get_static_rate(attr))
		av->stat_rate = rdma_ah_get_static_rate(attr) +
				MLX4_STAT_RATE_OFFSET;
	if (rdma_ah_get_ah_flags(attr) & IB_AH_GRH) {
		grh = rdma_ah_read_grh(attr);
		av->g_slid |= IBFRONT_MLX4_AV_GRH;
		av->gid_index = grh->sgid_index;
		av->hop_limit = grh->hop_limit;
		flow |= grh->traffic_class << 20 | grh->flow_label;
		memcpy(av->dgid, grh->dgid.raw, sizeof(av->dgid));
	}
	av->sl_tclass_flowlabel = cpu_to_be32(flow);
}

static void *ibfront_mlx4_put_datagram(void *seg, const struct ib_ud_wr *wr)
{
	struct mlx4_wqe_datagram_seg *datagram = seg;

	memset(datagram, 0, sizeof(*datagram));
	ibfront_mlx4_put_av((struct mlx4_av *)datagram->av, to_fah(wr->ah));
	datagram->dqpn = cpu_to_be32(wr->remote_qpn);
	datagram->qkey = cpu_to_be32(wr->remote_qkey);
	return datagram + 1;
}

static void *ibfront_mlx4_put_reg(const struct ibfront_qp *qp, void *seg,
				  const struct ib_reg_wr *wr)
{
	u32 lkey;

	if (wr->mr->length > U32_MAX ||
	    ibfront_arena_lkey(to_fpd(qp->ibqp.pd), to_fmr(wr->mr)->addr,
			       wr->mr->length, &lkey))
		return NULL;
	return ibfront_mlx4_put_bind(seg, wr, lkey);
}

/*
 * What is between the control segment and the data, and the HCA's opcode; NULL:
 * the HCA cannot do it
 */
static void *ibfront_mlx4_put_op(const struct ibfront_qp *qp, void *seg,
				 const struct ib_send_wr *wr, u8 *opcode)
{
	if (qp->ibqp.qp_type == IB_QPT_UD) {
		if (wr->opcode != IB_WR_SEND &&
		    wr->opcode != IB_WR_SEND_WITH_IMM)
			return NULL;
		seg = ibfront_mlx4_put_datagram(seg, ud_wr(wr));
	}

	switch (wr->opcode) {
	case IB_WR_SEND:
		*opcode = MLX4_OPCODE_SEND;
		return seg;
	case IB_WR_SEND_WITH_IMM:
		*opcode = MLX4_OPCODE_SEND_IMM;
		return seg;
	case IB_WR_SEND_WITH_INV:
		*opcode = MLX4_OPCODE_SEND_INVAL;
		return seg;
	case IB_WR_RDMA_WRITE:
		*opcode = MLX4_OPCODE_RDMA_WRITE;
		break;
	case IB_WR_RDMA_WRITE_WITH_IMM:
		*opcode = MLX4_OPCODE_RDMA_WRITE_IMM;
		break;
	case IB_WR_RDMA_READ:
		*opcode = MLX4_OPCODE_RDMA_READ;
		break;
	case IB_WR_ATOMIC_CMP_AND_SWP:
		*opcode = MLX4_OPCODE_ATOMIC_CS;
		return ibfront_mlx4_put_atomic(seg, wr);
	case IB_WR_ATOMIC_FETCH_AND_ADD:
		*opcode = MLX4_OPCODE_ATOMIC_FA;
		return ibfront_mlx4_put_atomic(seg, wr);
	case IB_WR_LOCAL_INV:
		*opcode = MLX4_OPCODE_LOCAL_INVAL;
		return ibfront_mlx4_put_inval(seg, wr->ex.invalidate_rkey);
	case IB_WR_REG_MR:
		*opcode = MLX4_OPCODE_BIND_MW;
		return ibfront_mlx4_put_reg(qp, seg, reg_wr(wr));
	default:
		return NULL;
	}
	return ibfront_mlx4_put_raddr(seg, rdma_wr(wr)->remote_addr,
				      rdma_wr(wr)->rkey);
}

static int ibfront_mlx4_put_data(struct mlx4_wqe_data_seg *data,
				 struct ibfront_pd *pd,
				 const struct ib_sge *sge)
{
	u32 lkey = MLX4_INVALID_LKEY;
	int err;

	if (sge->length) {
		err = ibfront_arena_lkey(pd, sge->addr, sge->length, &lkey);
		if (err)
			return err;
	}
	data->lkey = cpu_to_be32(lkey);
	data->addr = cpu_to_be64(sge->addr);
	/* The length may be what the HCA finds in place of the stamp. */
	wmb();
	data->byte_count = cpu_to_be32(sge->length ?: IBFRONT_MLX4_NO_DATA);
	return 0;
}

static void ibfront_mlx4_end_inline(void *wqe, u32 begin, u32 end)
{
	struct mlx4_wqe_inline_seg *seg = wqe + begin;

	/* The length may be what the HCA finds in place of the stamp. */
	wmb();
	seg->byte_count = cpu_to_be32(MLX4_INLINE_SEG |
				      (end - begin - sizeof(*seg)));
}

/* Octets of data in an inline segment at @at, which ends with the chunk */
static u32 ibfront_mlx4_inline_room(u32 at)
{
	return IBFRONT_MLX4_CHUNK - at % IBFRONT_MLX4_CHUNK -
	       sizeof(struct mlx4_wqe_inline_seg);
}

/* Where @len octets of inline data end that begin at @at in a WQE */
static u32 ibfront_mlx4_inline_end(u32 at, u32 len)
{
	u32 part;

	while (len) {
		part = min(len, ibfront_mlx4_inline_room(at));
		at += sizeof(struct mlx4_wqe_inline_seg) + part;
		len -= part;
	}
	return at;
}

/* Whether the message goes into the WQE, of which @at octets are written. */
static bool ibfront_mlx4_is_inline(const struct ibfront_wq *sq,
				   const struct ib_send_wr *wr, u32 at)
{
	u32 len = 0;
	int i;

	if (wr->opcode == IB_WR_RDMA_READ ||
	    wr->opcode == IB_WR_ATOMIC_CMP_AND_SWP ||
	    wr->opcode == IB_WR_ATOMIC_FETCH_AND_ADD)
		return false;
	for (i = 0; i < wr->num_sge; i++) {
		if (wr->sg_list[i].length > IBFRONT_MLX4_MAX_INLINE)
			return false;
		len += wr->sg_list[i].length;
	}
	return len && len <= IBFRONT_MLX4_MAX_INLINE &&
	       ibfront_mlx4_inline_end(at, len) <= 1 << sq->log_stride;
}

/*
 * Put octets into the WQE at @at; @begin is where the segment begins that they
 * belong to. A segment's length is written when it is full, and the last one's
 * by the caller. Return where they end.
 */
static u32 ibfront_mlx4_put_octets(void *wqe, u32 *begin, u32 at,
				   const void *from, u32 len)
{
	u32 part;

	while (len) {
		if (at % IBFRONT_MLX4_CHUNK == 0) {
			ibfront_mlx4_end_inline(wqe, *begin, at);
			*begin = at;
			at += sizeof(struct mlx4_wqe_inline_seg);
		}
		part = min(len, IBFRONT_MLX4_CHUNK - at % IBFRONT_MLX4_CHUNK);
		memcpy(wqe + at, from, part);
		at += part;
		from += part;
		len -= part;
	}
	return at;
}

/* Return where the data end, or -EFAULT for what is not in the arena. */
static int ibfront_mlx4_put_inline(struct ibfront_dev *dev, void *wqe, u32 at,
				   const struct ib_send_wr *wr)
{
	const struct ib_sge *sge = wr->sg_list;
	u32 begin = at;
	const void *from;
	int i;

	at += sizeof(struct mlx4_wqe_inline_seg);
	for (i = 0; i < wr->num_sge; i++, sge++) {
		if (!sge->length)
			continue;
		from = ibfront_arena_ptr(dev, sge->addr, sge->length);
		if (!from)
			return -EFAULT;
		at = ibfront_mlx4_put_octets(wqe, &begin, at, from,
					     sge->length);
	}
	ibfront_mlx4_end_inline(wqe, begin, at);
	return ALIGN(at, 16);
}

/* Return where the pointers end, or -EFAULT. */
static int ibfront_mlx4_put_pointers(struct ibfront_pd *pd, void *wqe, u32 at,
				     const struct ib_send_wr *wr)
{
	struct mlx4_wqe_data_seg *data = wqe + at;
	int i, err;

	for (i = wr->num_sge; i--; ) {
		err = ibfront_mlx4_put_data(&data[i], pd, &wr->sg_list[i]);
		if (err)
			return err;
	}
	return at + wr->num_sge * sizeof(*data);
}

static bool ibfront_mlx4_has_no_data(const struct ib_send_wr *wr)
{
	return wr->opcode == IB_WR_LOCAL_INV || wr->opcode == IB_WR_REG_MR;
}

static u32 ibfront_mlx4_send_flags(const struct ibfront_qp *qp,
				   const struct ib_send_wr *wr)
{
	u32 flags = 0;

	if (qp->signal_all || wr->send_flags & IB_SEND_SIGNALED)
		flags |= MLX4_WQE_CTRL_CQ_UPDATE;
	if (wr->send_flags & IB_SEND_SOLICITED)
		flags |= MLX4_WQE_CTRL_SOLICITED;
	if (wr->send_flags & IB_SEND_IP_CSUM)
		flags |= MLX4_WQE_CTRL_IP_CSUM | MLX4_WQE_CTRL_TCP_UDP_CSUM;
	/* What comes behind must find the key as it is then. */
	if (ibfront_mlx4_has_no_data(wr))
		flags |= MLX4_WQE_CTRL_STRONG_ORDER;
	return flags;
}

static __be32 ibfront_mlx4_immediate(const struct ib_send_wr *wr)
{
	switch (wr->opcode) {
	case IB_WR_SEND_WITH_IMM:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		return wr->ex.imm_data;
	case IB_WR_SEND_WITH_INV:
		return cpu_to_be32(wr->ex.invalidate_rkey);
	default:
		return 0;
	}
}

/* Write what follows the control segment; return where it ends, or an errno. */
static int ibfront_mlx4_put_body(const struct ibfront_qp *qp, void *wqe,
				 const struct ib_send_wr *wr, u8 *opcode)
{
	struct ibfront_pd *pd = to_fpd(qp->ibqp.pd);
	void *data;
	u32 at;

	data = ibfront_mlx4_put_op(qp, wqe + sizeof(struct mlx4_wqe_ctrl_seg),
				   wr, opcode);
	if (!data)
		return -EINVAL;
	at = data - wqe;
	if (ibfront_mlx4_has_no_data(wr))
		return at;
	if (ibfront_mlx4_is_inline(&qp->sq, wr, at))
		return ibfront_mlx4_put_inline(to_fdev(qp->ibqp.device), wqe,
					       at, wr);
	return ibfront_mlx4_put_pointers(pd, wqe, at, wr);
}

/* The HCA stops before a WQE of which it is not the owner. */
static void ibfront_mlx4_give(struct ibfront_qp *qp, u32 index, u8 opcode)
{
	struct ibfront_wq *sq = &qp->sq;
	struct mlx4_wqe_ctrl_seg *ctrl = ibfront_wqe(sq, index);

	/* The HCA may take the WQE as soon as it is the owner. */
	wmb();
	ctrl->owner_opcode = cpu_to_be32(opcode | (index & sq->count ?
						   IBFRONT_MLX4_OWNER : 0));
}

static int ibfront_mlx4_write_send(struct ibfront_qp *qp, u32 index,
				   const struct ib_send_wr *wr, bool hold)
{
	struct ibfront_wq *sq = &qp->sq;
	struct mlx4_wqe_ctrl_seg *ctrl = ibfront_wqe(sq, index);
	u8 opcode, size;
	int end;

	end = ibfront_mlx4_put_body(qp, ctrl, wr, &opcode);
	if (end < 0) {
		ibfront_mlx4_stamp(sq, index);
		return end;
	}

	size = end / 16;
	if (wr->send_flags & IB_SEND_FENCE)
		size |= MLX4_WQE_CTRL_FENCE;
	ctrl->qpn_vlan = (union mlx4_wqe_qpn_vlan){ .fence_size = size };
	ctrl->srcrb_flags = cpu_to_be32(ibfront_mlx4_send_flags(qp, wr));
	ctrl->imm = ibfront_mlx4_immediate(wr);
	if (!hold)
		ibfront_mlx4_give(qp, index, opcode);

	ibfront_mlx4_stamp(sq, index + sq->count - sq->max_post);
	return 0;
}

static void ibfront_mlx4_release_send(struct ibfront_qp *qp, u32 index,
				      u32 lkey)
{
	struct mlx4_wqe_ctrl_seg *ctrl = ibfront_wqe(&qp->sq, index);
	struct mlx4_wqe_bind_seg *bind = (void *)(ctrl + 1);

	bind->lkey = cpu_to_be32(lkey);
	ibfront_mlx4_give(qp, index, MLX4_OPCODE_BIND_MW);
}

static void ibfront_mlx4_ring_sq(struct ibfront_qp *qp)
{
	void __iomem *uar = to_fdev(qp->ibqp.device)->kernel.uar;

	/* The HCA reads WQEs when the doorbell rings. */
	wmb();
	__raw_writel((__force u32)cpu_to_be32(qp->ibqp.qp_num << 8),
		     uar + MLX4_SEND_DOORBELL);
}

static int ibfront_mlx4_write_recv(const struct ibfront_wq *wq, u32 index,
				   struct ibfront_pd *pd,
				   const struct ib_recv_wr *wr)
{
	void *wqe = ibfront_wqe(wq, index);
	struct mlx4_wqe_data_seg *data = wqe + wq->data_offset;
	int i, err;

	for (i = 0; i < wr->num_sge; i++) {
		if (!wr->sg_list[i].length)
			continue;
		err = ibfront_mlx4_put_data(data++, pd, &wr->sg_list[i]);
		if (err)
			return err;
	}
	/* What ends a list that does not fill the WQE */
	if ((void *)data < wqe + (1 << wq->log_stride))
		*data = (struct mlx4_wqe_data_seg){
			.lkey = cpu_to_be32(MLX4_INVALID_LKEY),
		};
	return 0;
}

static void ibfront_mlx4_ring_rq(struct ibfront_wq *wq)
{
	/* The HCA reads WQEs once the record says that they are there. */
	wmb();
	*(__be32 *)wq->record = cpu_to_be32(wq->head & 0xffff);
}

static void ibfront_mlx4_link_srq(struct ibfront_srq *srq, u16 index, u16 next)
{
	struct mlx4_wqe_srq_next_seg *seg = ibfront_wqe(&srq->wq, index);

	seg->next_wqe_index = cpu_to_be16(next);
}

const struct ibfront_queue_ops ibfront_mlx4_queues = {
	.init_cq = ibfront_mlx4_init_cq,
	.take_cqe = ibfront_mlx4_take_cqe,
	.has_cqe = ibfront_mlx4_has_cqe,
	.arm_cq = ibfront_mlx4_arm_cq,
	.clean_cq = ibfront_mlx4_clean_cq,
	.init_sq = ibfront_mlx4_init_sq,
	.write_send = ibfront_mlx4_write_send,
	.release_send = ibfront_mlx4_release_send,
	.no_lkey = MLX4_INVALID_LKEY,
	.ring_sq = ibfront_mlx4_ring_sq,
	.write_recv = ibfront_mlx4_write_recv,
	.ring_rq = ibfront_mlx4_ring_rq,
	.link_srq = ibfront_mlx4_link_srq,
};
