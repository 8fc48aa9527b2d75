// SPDX-License-Identifier: GPL-2.0-only
/* Checks of what a frontend asks for, see validate.h. */

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#else
#include <errno.h>
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1UL << (n))
#endif

#include "validate.h"

/* Bits of enum ib_qp_attr_mask, which the protocol uses as they are */
#define ATTR_STATE		BIT(0)
#define ATTR_CUR_STATE		BIT(1)
#define ATTR_EN_SQD_NOTIFY	BIT(2)
#define ATTR_ACCESS		BIT(3)
#define ATTR_PKEY_INDEX		BIT(4)
#define ATTR_PORT		BIT(5)
#define ATTR_QKEY		BIT(6)
#define ATTR_AV			BIT(7)
#define ATTR_PATH_MTU		BIT(8)
#define ATTR_TIMEOUT		BIT(9)
#define ATTR_RETRY_CNT		BIT(10)
#define ATTR_RNR_RETRY		BIT(11)
#define ATTR_RQ_PSN		BIT(12)
#define ATTR_MAX_RD_ATOMIC	BIT(13)
#define ATTR_ALT_PATH		BIT(14)
#define ATTR_MIN_RNR_TIMER	BIT(15)
#define ATTR_SQ_PSN		BIT(16)
#define ATTR_MAX_DEST_RD_ATOMIC	BIT(17)
#define ATTR_PATH_MIG_STATE	BIT(18)
/* Bit 19, the queue capacities, is not changed by any HCA here */
#define ATTR_CAP		BIT(19)
#define ATTR_DEST_QPN		BIT(20)
#define ATTR_KNOWN		(BIT(21) - 1)

#define LOG_WQE_COUNT_MAX	15
#define LOG_SQ_STRIDE_MIN	6
#define LOG_RQ_STRIDE_MIN	4
#define LOG_SRQ_STRIDE_MIN	5
#define LOG_STRIDE_MAX		11

#define QP_STATE_MAX		6
#define PATH_MTU_MIN		1
#define PATH_MTU_MAX		5
#define RATE_MAX		23	/* the last value of enum ib_rate */
#define QKEY_PRIVILEGED		BIT(31)

#define MR_REREG_FLAGS		(VIBIF_MR_WRITABLE | VIBIF_MR_REREG_TRANS | \
				 VIBIF_MR_REREG_PD | VIBIF_MR_REREG_ACCESS)

#define DATA_SEG_SIZE		16U
#define SRQ_NEXT_SEG_SIZE	16U

static u64 round_up_pow2(u64 n)
{
	u64 p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

static u64 pages_of(u64 octets)
{
	return (octets + IBBACK_PAGE_SIZE - 1) >> IBBACK_PAGE_SHIFT;
}

static bool all_zero(const void *data, size_t len)
{
	const u8 *p = data;

	while (len--)
		if (*p++)
			return false;
	return true;
}

/**
 * ibback_check_header - check what all requests share
 * @req: the request, a private copy
 * @shape: what its operation uses
 */
int ibback_check_header(const struct vibif_req *req,
			const struct ibback_op_shape *shape)
{
	if (req->reserved)
		return -EINVAL;
	if (!shape->handle && req->handle)
		return -EINVAL;
	if (!all_zero(req->op.pad + shape->size,
		      sizeof(req->op.pad) - shape->size))
		return -EINVAL;
	return 0;
}

/**
 * ibback_check_doorbell - check the place of a doorbell record
 * @db: as the frontend wrote it
 * @size: octets of the record, also its alignment
 */
int ibback_check_doorbell(const struct vibif_doorbell *db, u32 size)
{
	if (db->reserved || db->offset % size ||
	    db->offset > IBBACK_PAGE_SIZE - size)
		return -EINVAL;
	return 0;
}

int ibback_check_port(const struct ibback_limits *lim, u32 port)
{
	return port >= 1 && port <= lim->num_ports ? 0 : -EINVAL;
}

int ibback_check_table(const struct ibback_limits *lim,
		       const struct vibif_query_table_req *req, bool gid)
{
	const u32 *len = gid ? lim->gid_tbl_len : lim->pkey_tbl_len;

	if (req->reserved || ibback_check_port(lim, req->port))
		return -EINVAL;
	return req->index < len[req->port] ? 0 : -EINVAL;
}

static int check_access(u32 access, bool writable)
{
	const u32 remote = VIBIF_ACCESS_REMOTE_WRITE |
			   VIBIF_ACCESS_REMOTE_ATOMIC;

	if (access & ~VIBIF_ACCESS_MASK)
		return -EINVAL;
	/* As natively: a peer that may write implies that the owner may */
	if (access & remote && !(access & VIBIF_ACCESS_LOCAL_WRITE))
		return -EINVAL;
	/*
	 * A window may be bound with more rights than its region has: whether
	 * the HCA compares them is not relied upon, as in ib_access_writable().
	 */
	if (access & (VIBIF_ACCESS_LOCAL_WRITE | VIBIF_ACCESS_MW_BIND) &&
	    !writable)
		return -EPERM;
	return 0;
}

/*
 * That the region ends at or below 2^64 also keeps the sums here from
 * overflowing. One of no octets has a page nevertheless, where it begins
 * within one.
 */
static int check_translation(const struct vibif_reg_mr_req *req)
{
	u64 offset = req->iova % IBBACK_PAGE_SIZE;
	u64 last = req->length ? req->length - 1 : 0;

	if ((!req->length && !offset) || req->iova + last < req->iova)
		return -EINVAL;
	if (((offset + last) >> IBBACK_PAGE_SHIFT) + 1 != req->pages.nr_pages)
		return -EINVAL;
	return 0;
}

/**
 * ibback_check_reg_mr - check a memory region's place, size and rights
 * @req: the request
 */
int ibback_check_reg_mr(const struct vibif_reg_mr_req *req)
{
	if (req->reserved || req->flags & ~VIBIF_MR_WRITABLE)
		return -EINVAL;
	if (check_translation(req))
		return -EINVAL;
	return check_access(req->access, req->flags & VIBIF_MR_WRITABLE);
}

/**
 * ibback_check_rereg_mr - the same for what a REREG_MR changes
 * @req: the request
 * @access: the region's VIBIF_ACCESS_*
 * @writable: its pages are mapped for writing
 */
int ibback_check_rereg_mr(const struct vibif_reg_mr_req *req, u32 access,
			  bool writable)
{
	if (req->reserved || req->flags & ~MR_REREG_FLAGS ||
	    !(req->flags & ~VIBIF_MR_WRITABLE))
		return -EINVAL;
	if (req->flags & VIBIF_MR_REREG_TRANS) {
		if (check_translation(req))
			return -EINVAL;
		writable = req->flags & VIBIF_MR_WRITABLE;
	} else if (req->flags & VIBIF_MR_WRITABLE) {
		return -EINVAL;
	}
	if (req->flags & VIBIF_MR_REREG_ACCESS)
		access = req->access;
	return check_access(access, writable);
}

int ibback_check_alloc_mw(const struct vibif_alloc_mw_req *req)
{
	return req->type == 1 || req->type == 2 ? 0 : -EINVAL;
}

static int check_cq_size(const struct ibback_limits *lim, u32 entries,
			 const struct vibif_page_list *pages)
{
	if (entries < 2 || entries & (entries - 1) ||
	    entries > round_up_pow2((u64)lim->max_cqe + 1))
		return -EINVAL;
	if (pages_of((u64)entries * lim->cqe_size) != pages->nr_pages)
		return -EINVAL;
	return 0;
}

int ibback_check_create_cq(const struct ibback_limits *lim,
			   const struct vibif_create_cq_req *req)
{
	if (req->reserved || req->comp_vector >= lim->num_comp_vectors)
		return -EINVAL;
	if (check_cq_size(lim, req->entries, &req->pages))
		return -EINVAL;
	return ibback_check_doorbell(&req->doorbell, 8);
}

int ibback_check_resize_cq(const struct ibback_limits *lim,
			   const struct vibif_resize_cq_req *req)
{
	return check_cq_size(lim, req->entries, &req->pages);
}

int ibback_check_create_srq(const struct ibback_limits *lim,
			    const struct vibif_create_srq_req *req)
{
	u64 max_stride = round_up_pow2(SRQ_NEXT_SEG_SIZE +
				       (u64)DATA_SEG_SIZE * lim->max_srq_sge);

	if (req->reserved || req->type > VIBIF_SRQ_XRC)
		return -EINVAL;
	if (req->type == VIBIF_SRQ_BASIC && (req->cq || req->xrcd))
		return -EINVAL;
	if (req->log_wqe_count > LOG_WQE_COUNT_MAX ||
	    (1ULL << req->log_wqe_count) > round_up_pow2(lim->max_srq_wqes))
		return -EINVAL;
	if (req->log_wqe_stride < LOG_SRQ_STRIDE_MIN ||
	    req->log_wqe_stride > LOG_STRIDE_MAX ||
	    (1ULL << req->log_wqe_stride) > max_stride)
		return -EINVAL;
	if (pages_of(1ULL << (req->log_wqe_count + req->log_wqe_stride)) !=
	    req->pages.nr_pages)
		return -EINVAL;
	return ibback_check_doorbell(&req->doorbell, 4);
}

static int check_wq(u32 log_count, u32 log_stride, u32 log_stride_min,
		    u32 max_wqes, u64 max_stride)
{
	if (log_count > LOG_WQE_COUNT_MAX || (1ULL << log_count) > max_wqes)
		return -EINVAL;
	if (log_stride < log_stride_min || log_stride > LOG_STRIDE_MAX ||
	    (1ULL << log_stride) > max_stride)
		return -EINVAL;
	return 0;
}

static int check_qp_rq(const struct ibback_limits *lim,
		       const struct vibif_create_qp_req *req)
{
	if (req->flags & VIBIF_QP_HAS_RQ) {
		if (check_wq(req->log_rq_wqe_count, req->log_rq_wqe_stride,
			     LOG_RQ_STRIDE_MIN, lim->max_wqes,
			     round_up_pow2((u64)DATA_SEG_SIZE *
					   lim->max_rq_sge)))
			return -EINVAL;
		return ibback_check_doorbell(&req->doorbell, 4);
	}
	if (req->log_rq_wqe_count || req->log_rq_wqe_stride ||
	    req->flags & VIBIF_QP_INL_RECV || !all_zero(&req->doorbell, sizeof(req->doorbell)))
		return -EINVAL;
	return 0;
}

static int check_qp_xrc(const struct vibif_create_qp_req *req)
{
	if (req->recv_cq || req->srq || req->flags & VIBIF_QP_HAS_RQ)
		return -EINVAL;
	if (req->type == VIBIF_QPT_XRC_INI)
		return req->xrcd ? -EINVAL : 0;
	if (req->context || req->pd || req->send_cq || req->log_sq_wqe_count ||
	    req->log_sq_wqe_stride || req->pages.gref_directory ||
	    req->pages.nr_pages)
		return -EINVAL;
	return 0;
}

/**
 * ibback_check_create_qp - check type, queue sizes and number of pages
 * @lim: the HCA's limits
 * @req: the request
 */
int ibback_check_create_qp(const struct ibback_limits *lim,
			   const struct vibif_create_qp_req *req)
{
	u64 octets;

	if (req->reserved || req->flags & ~(VIBIF_QP_HAS_RQ | VIBIF_QP_INL_RECV))
		return -EINVAL;
	switch (req->type) {
	case VIBIF_QPT_RC:
	case VIBIF_QPT_UC:
	case VIBIF_QPT_UD:
		if (req->xrcd)
			return -EINVAL;
		/*
		 * One of the two. With neither the HCA would take sizes and a
		 * doorbell record of 0 for a receive queue, and read foreign
		 * memory as work requests.
		 */
		if (!req->srq == !(req->flags & VIBIF_QP_HAS_RQ))
			return -EINVAL;
		break;
	case VIBIF_QPT_XRC_INI:
	case VIBIF_QPT_XRC_TGT:
		if (check_qp_xrc(req))
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (check_qp_rq(lim, req))
		return -EINVAL;
	if (req->type == VIBIF_QPT_XRC_TGT)
		return 0;
	if (check_wq(req->log_sq_wqe_count, req->log_sq_wqe_stride,
		     LOG_SQ_STRIDE_MIN, lim->max_wqes,
		     round_up_pow2(lim->max_sq_desc_size)))
		return -EINVAL;
	octets = 1ULL << (req->log_sq_wqe_count + req->log_sq_wqe_stride);
	if (req->flags & VIBIF_QP_HAS_RQ)
		octets += 1ULL << (req->log_rq_wqe_count +
				   req->log_rq_wqe_stride);
	return pages_of(octets) == req->pages.nr_pages ? 0 : -EINVAL;
}

static int check_av(const struct ibback_limits *lim, u8 port,
		    const struct vibif_av *av)
{
	if (av->flags & ~VIBIF_AV_GRH ||
	    !all_zero(av->reserved, sizeof(av->reserved)))
		return -EINVAL;
	if (av->sl > 15 || av->src_path_bits > 127 || av->static_rate > RATE_MAX)
		return -EINVAL;
	if (av->flags & VIBIF_AV_GRH &&
	    (av->flow_label > 0xfffff ||
	     av->sgid_index >= lim->gid_tbl_len[port]))
		return -EINVAL;
	return 0;
}

static int check_qp_paths(const struct ibback_limits *lim, u8 port,
			  const struct vibif_qp_attr *attr)
{
	u32 mask = attr->attr_mask;

	/* A port of 0 is a QP that has none yet, which has no path either */
	if (mask & (ATTR_AV | ATTR_PKEY_INDEX) && ibback_check_port(lim, port))
		return -EINVAL;
	if (mask & ATTR_AV && check_av(lim, port, &attr->av))
		return -EINVAL;
	if (mask & ATTR_PKEY_INDEX &&
	    attr->pkey_index >= lim->pkey_tbl_len[port])
		return -EINVAL;
	if (!(mask & ATTR_ALT_PATH))
		return 0;
	if (ibback_check_port(lim, attr->alt_port) ||
	    attr->alt_pkey_index >= lim->pkey_tbl_len[attr->alt_port] ||
	    attr->alt_timeout > 31)
		return -EINVAL;
	return check_av(lim, attr->alt_port, &attr->alt_av);
}

static int check_qp_values(const struct ibback_limits *lim,
			   const struct vibif_qp_attr *attr)
{
	const struct {
		u32 bit;
		u32 value;
		u32 min;
		u32 max;
	} range[] = {
		{ ATTR_STATE, attr->state, 0, QP_STATE_MAX },
		{ ATTR_CUR_STATE, attr->cur_state, 0, QP_STATE_MAX },
		{ ATTR_EN_SQD_NOTIFY, attr->en_sqd_async_notify, 0, 1 },
		{ ATTR_PORT, attr->port, 1, lim->num_ports },
		{ ATTR_PATH_MTU, attr->path_mtu, PATH_MTU_MIN, PATH_MTU_MAX },
		{ ATTR_TIMEOUT, attr->timeout, 0, 31 },
		{ ATTR_RETRY_CNT, attr->retry_cnt, 0, 7 },
		{ ATTR_RNR_RETRY, attr->rnr_retry, 0, 7 },
		{ ATTR_RQ_PSN, attr->rq_psn, 0, 0xffffff },
		{ ATTR_MAX_RD_ATOMIC, attr->max_rd_atomic, 0,
		  lim->max_rd_atomic },
		{ ATTR_MIN_RNR_TIMER, attr->min_rnr_timer, 0, 31 },
		{ ATTR_SQ_PSN, attr->sq_psn, 0, 0xffffff },
		{ ATTR_MAX_DEST_RD_ATOMIC, attr->max_dest_rd_atomic, 0,
		  lim->max_dest_rd_atomic },
		{ ATTR_PATH_MIG_STATE, attr->path_mig_state, 0, 2 },
		{ ATTR_DEST_QPN, attr->dest_qpn, 0, 0xffffff },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(range); i++) {
		if (!(attr->attr_mask & range[i].bit))
			continue;
		if (range[i].value < range[i].min ||
		    range[i].value > range[i].max)
			return -EINVAL;
	}
	return 0;
}

/**
 * ibback_check_qp_attr - check the attributes that a MODIFY_QP sets
 * @lim: the HCA's limits
 * @qp_port: the QP's port, 0 if it has none yet
 * @attr: the request
 *
 * Whether the set of attributes fits the transition is not checked here.
 */
int ibback_check_qp_attr(const struct ibback_limits *lim, u8 qp_port,
			 const struct vibif_qp_attr *attr)
{
	u8 port = attr->attr_mask & ATTR_PORT ? attr->port : qp_port;

	if (attr->attr_mask & ~ATTR_KNOWN || attr->attr_mask & ATTR_CAP ||
	    attr->reserved || attr->reserved1)
		return -EINVAL;
	if (attr->attr_mask & ATTR_ACCESS &&
	    attr->access & ~VIBIF_ACCESS_MASK)
		return -EINVAL;
	if (check_qp_values(lim, attr) || check_qp_paths(lim, port, attr))
		return -EINVAL;
	/* Those of management datagrams, which peers take for this domain's */
	if (attr->attr_mask & ATTR_QKEY && attr->qkey & QKEY_PRIVILEGED)
		return -EPERM;
	return 0;
}

int ibback_check_mcast(const struct vibif_mcast_req *req)
{
	if (req->flags & ~VIBIF_MCAST_BLOCK_LOOPBACK)
		return -EINVAL;
	return req->gid[0] == 0xff ? 0 : -EINVAL;
}
