// SPDX-License-Identifier: GPL-2.0-only
/* Checks of what a frontend asks for, see validate.h. */

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#else
#include <errno.h>
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#include "validate.h"

static u64 ibback_pages_of(u64 octets)
{
	return (octets + VIBIF_PAGE_SIZE - 1) >> VIBIF_PAGE_SHIFT;
}

static bool ibback_all_zero(const void *data, size_t len)
{
	const u8 *p = data;

	while (len--)
		if (*p++)
			return false;
	return true;
}

/**
 * ibback_check_header() - check what all requests share
 * @req: the request, a private copy
 * @shape: what its operation uses
 */
int ibback_check_header(const struct vibif_req *req,
			const struct ibback_op_shape *shape)
{
	const u8 *part = req->op.pad;

	if (req->reserved)
		return -EINVAL;
	if (!shape->handle && req->handle)
		return -EINVAL;
	if (!ibback_all_zero(part + shape->size,
			     sizeof(req->op.pad) - shape->size))
		return -EINVAL;
	if (part[shape->type_at] != shape->type &&
	    !ibback_all_zero(part + shape->own_at, shape->own_size))
		return -EINVAL;
	return 0;
}

/**
 * ibback_check_doorbell() - check the place of a doorbell record
 * @db: as the frontend wrote it
 * @size: octets of the record, also its alignment
 */
int ibback_check_doorbell(const struct vibif_doorbell *db, u32 size)
{
	if (db->reserved || db->offset % size ||
	    db->offset > VIBIF_PAGE_SIZE - size)
		return -EINVAL;
	return 0;
}

int ibback_check_port(const struct ibback_limits *lim, u32 port)
{
	return port >= 1 && port <= lim->num_ports ? 0 : -EINVAL;
}

int ibback_check_table(const struct ibback_limits *lim,
		       const struct vibif_query_table_req *args, bool gid)
{
	const u32 *len = gid ? lim->gid_tbl_len : lim->pkey_tbl_len;

	if (args->reserved || ibback_check_port(lim, args->port))
		return -EINVAL;
	return args->index < len[args->port] ? 0 : -EINVAL;
}

int ibback_check_addrs(const struct ibback_limits *lim,
		       const struct vibif_set_addrs_req *args)
{
	if (args->reserved || ibback_check_port(lim, args->port) ||
	    args->count > VIBIF_MAX_ADDRS)
		return -EINVAL;
	return ibback_all_zero(args->addr + args->count,
			       sizeof(args->addr) -
			       args->count * sizeof(args->addr[0])) ?
		0 : -EINVAL;
}

static int ibback_check_access(u32 access, bool writable)
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
static int ibback_check_translation(const struct vibif_reg_mr_req *args,
				    u32 nr_pages)
{
	u64 offset = args->iova % VIBIF_PAGE_SIZE;
	u64 last = args->length ? args->length - 1 : 0;

	if ((!args->length && !offset) || args->iova + last < args->iova)
		return -EINVAL;
	if (((offset + last) >> VIBIF_PAGE_SHIFT) + 1 != nr_pages)
		return -EINVAL;
	return 0;
}

/**
 * ibback_check_reg_mr() - check a memory region's place, size and rights
 * @lim: the HCA's limits
 * @req: the request
 *
 * Those of a share depend on its source, see ibback_check_share_mr().
 */
int ibback_check_reg_mr(const struct ibback_limits *lim,
			const struct vibif_req *req)
{
	const struct vibif_reg_mr_req *args = &req->op.reg_mr;

	if (args->flags == VIBIF_MR_SHARE)
		return ibback_all_zero(&args->pages, sizeof(args->pages)) ?
			0 : -EINVAL;
	if (args->source || args->flags & ~VIBIF_MR_WRITABLE)
		return -EINVAL;
	if (ibback_check_translation(args, args->pages.nr_pages))
		return -EINVAL;
	return ibback_check_access(args->access,
				   args->flags & VIBIF_MR_WRITABLE);
}

/**
 * ibback_check_share_mr() - check a share's place, size and rights
 * @args: its part of the request
 * @nr_pages: how many its source has
 * @writable: these are mapped for writing
 */
int ibback_check_share_mr(const struct vibif_reg_mr_req *args, u32 nr_pages,
			  bool writable)
{
	if (ibback_check_translation(args, nr_pages))
		return -EINVAL;
	return ibback_check_access(args->access, writable);
}

/**
 * ibback_check_rereg_mr() - the same for what a REREG_MR changes
 * @args: its part of the request
 * @access: the region's VIBIF_ACCESS_*
 * @writable: its pages are mapped for writing
 */
int ibback_check_rereg_mr(const struct vibif_reg_mr_req *args, u32 access,
			  bool writable)
{
	if (args->source || args->flags & ~VIBIF_MR_MASK ||
	    !(args->flags & ~VIBIF_MR_WRITABLE))
		return -EINVAL;
	if (args->flags & VIBIF_MR_REREG_TRANS) {
		if (ibback_check_translation(args, args->pages.nr_pages))
			return -EINVAL;
		writable = args->flags & VIBIF_MR_WRITABLE;
	} else if (args->flags & VIBIF_MR_WRITABLE) {
		return -EINVAL;
	}
	if (args->flags & VIBIF_MR_REREG_ACCESS)
		access = args->access;
	return ibback_check_access(access, writable);
}

int ibback_check_alloc_mw(const struct ibback_limits *lim,
			  const struct vibif_req *req)
{
	const struct vibif_alloc_mw_req *args = &req->op.alloc_mw;

	switch (args->type) {
	case VIBIF_MW_TYPE_1:
		return lim->caps & IBBACK_CAP_MW_TYPE_1 ? 0 : -EOPNOTSUPP;
	case VIBIF_MW_TYPE_2:
		return lim->caps & IBBACK_CAP_MW_TYPE_2 ? 0 : -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

static int ibback_check_cq_size(const struct ibback_limits *lim, u32 entries,
				const struct vibif_page_list *pages)
{
	if (entries < lim->min_cq_entries || entries & (entries - 1) ||
	    entries > lim->max_cq_entries)
		return -EINVAL;
	if (ibback_pages_of((u64)entries * lim->cqe_size) != pages->nr_pages)
		return -EINVAL;
	return 0;
}

int ibback_check_create_cq(const struct ibback_limits *lim,
			   const struct vibif_req *req)
{
	const struct vibif_create_cq_req *args = &req->op.create_cq;

	if (args->reserved || args->comp_vector >= lim->num_comp_vectors)
		return -EINVAL;
	if (ibback_check_cq_size(lim, args->entries, &args->pages))
		return -EINVAL;
	return ibback_check_doorbell(&args->doorbell, lim->cq_db_size);
}

int ibback_check_resize_cq(const struct ibback_limits *lim,
			   const struct vibif_resize_cq_req *args)
{
	return ibback_check_cq_size(lim, args->entries, &args->pages);
}

static int ibback_check_wq(const struct ibback_wq_limits *lim, u32 log_count,
			   u32 log_stride)
{
	if (log_count > lim->max_log_wqes ||
	    log_stride < lim->min_log_stride ||
	    log_stride > lim->max_log_stride)
		return -EINVAL;
	return 0;
}

int ibback_check_create_srq(const struct ibback_limits *lim,
			    const struct vibif_req *req)
{
	const struct vibif_create_srq_req *args = &req->op.create_srq;
	u64 octets;

	if (args->reserved || args->type > VIBIF_SRQ_XRC)
		return -EINVAL;
	if (ibback_check_wq(&lim->srq, args->log_wqe_count,
			    args->log_wqe_stride))
		return -EINVAL;
	octets = 1ULL << (args->log_wqe_count + args->log_wqe_stride);
	if (ibback_pages_of(octets) != args->pages.nr_pages)
		return -EINVAL;
	return ibback_check_doorbell(&args->doorbell, lim->srq_db_size);
}

/**
 * ibback_check_xrc() - check that the HCA has XRC
 * @lim: its limits
 * @req: any request that is about XRC
 */
int ibback_check_xrc(const struct ibback_limits *lim,
		     const struct vibif_req *req)
{
	return lim->caps & IBBACK_CAP_XRC ? 0 : -EOPNOTSUPP;
}

static int ibback_check_qp_rq(const struct ibback_limits *lim,
			      const struct vibif_create_qp_req *args)
{
	if (args->flags & VIBIF_QP_HAS_RQ) {
		if (ibback_check_wq(&lim->rq, args->log_rq_wqe_count,
				    args->log_rq_wqe_stride))
			return -EINVAL;
		return ibback_check_doorbell(&args->doorbell, lim->qp_db_size);
	}
	if (args->log_rq_wqe_count || args->log_rq_wqe_stride ||
	    args->flags & VIBIF_QP_INL_RECV ||
	    !ibback_all_zero(&args->doorbell, sizeof(args->doorbell)))
		return -EINVAL;
	return 0;
}

/* The send queue, and with it the pages of both. */
static int ibback_check_qp_sq(const struct ibback_limits *lim,
			      const struct vibif_create_qp_req *args)
{
	u64 octets;

	if (ibback_check_wq(&lim->sq, args->log_sq_wqe_count,
			    args->log_sq_wqe_stride))
		return -EINVAL;
	octets = 1ULL << (args->log_sq_wqe_count + args->log_sq_wqe_stride);
	if (args->flags & VIBIF_QP_HAS_RQ)
		octets += 1ULL << (args->log_rq_wqe_count +
				   args->log_rq_wqe_stride);
	return ibback_pages_of(octets) == args->pages.nr_pages ? 0 : -EINVAL;
}

static int ibback_check_qp_xrc(const struct vibif_create_qp_req *args)
{
	if (args->recv_cq || args->srq || args->flags & VIBIF_QP_HAS_RQ)
		return -EINVAL;
	if (args->type == VIBIF_QPT_XRC_INI)
		return 0;
	if (args->context || args->pd || args->send_cq ||
	    args->log_sq_wqe_count || args->log_sq_wqe_stride ||
	    args->pages.gref_directory || args->pages.nr_pages)
		return -EINVAL;
	return 0;
}

/**
 * ibback_check_create_qp() - check type, queue sizes and number of pages
 * @lim: the HCA's limits
 * @req: the request
 */
int ibback_check_create_qp(const struct ibback_limits *lim,
			   const struct vibif_req *req)
{
	const struct vibif_create_qp_req *args = &req->op.create_qp;

	if (args->reserved ||
	    args->flags & ~(VIBIF_QP_HAS_RQ | VIBIF_QP_INL_RECV))
		return -EINVAL;
	switch (args->type) {
	case VIBIF_QPT_RC:
	case VIBIF_QPT_UC:
	case VIBIF_QPT_UD:
		/*
		 * One of the two. With neither the HCA would take sizes and a
		 * doorbell record of 0 for a receive queue, and read foreign
		 * memory as work requests.
		 */
		if (!args->srq == !(args->flags & VIBIF_QP_HAS_RQ))
			return -EINVAL;
		break;
	case VIBIF_QPT_XRC_INI:
	case VIBIF_QPT_XRC_TGT:
		if (ibback_check_qp_xrc(args))
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (ibback_check_qp_rq(lim, args))
		return -EINVAL;
	if (args->type != VIBIF_QPT_XRC_TGT && ibback_check_qp_sq(lim, args))
		return -EINVAL;
	return args->type > VIBIF_QPT_UD ? ibback_check_xrc(lim, req) : 0;
}

static int ibback_check_av(const struct vibif_av *av)
{
	if (av->flags & ~VIBIF_AV_GRH ||
	    !ibback_all_zero(av->reserved, sizeof(av->reserved)))
		return -EINVAL;
	if (av->sl > VIBIF_MAX_SL ||
	    av->src_path_bits > VIBIF_MAX_SRC_PATH_BITS ||
	    av->static_rate > VIBIF_MAX_RATE)
		return -EINVAL;
	/* A port has one GID, and the backend knows where the HCA has it */
	if (av->flags & VIBIF_AV_GRH &&
	    (av->flow_label > VIBIF_MAX_FLOW_LABEL || av->sgid_index))
		return -EINVAL;
	return 0;
}

static int ibback_check_qp_paths(const struct ibback_limits *lim, u8 port,
				 const struct vibif_qp_attr *attr)
{
	u32 mask = attr->attr_mask;

	/* A port of 0 is a QP that has none yet, which has no path either */
	if (mask & (VIBIF_QP_ATTR_AV | VIBIF_QP_ATTR_PKEY_INDEX) &&
	    ibback_check_port(lim, port))
		return -EINVAL;
	if (mask & VIBIF_QP_ATTR_AV && ibback_check_av(&attr->av))
		return -EINVAL;
	if (mask & VIBIF_QP_ATTR_PKEY_INDEX &&
	    attr->pkey_index >= lim->pkey_tbl_len[port])
		return -EINVAL;
	if (!(mask & VIBIF_QP_ATTR_ALT_PATH))
		return 0;
	if (ibback_check_port(lim, attr->alt_port) ||
	    attr->alt_pkey_index >= lim->pkey_tbl_len[attr->alt_port] ||
	    attr->alt_timeout > VIBIF_MAX_TIMEOUT)
		return -EINVAL;
	return ibback_check_av(&attr->alt_av);
}

#define RANGE(bit, field, min, max)	\
	{ VIBIF_QP_ATTR_##bit, attr->field, min, max }

static int ibback_check_qp_values(const struct ibback_limits *lim,
				  const struct vibif_qp_attr *attr)
{
	const struct {
		u32 bit;
		u32 value;
		u32 min;
		u32 max;
	} range[] = {
		RANGE(STATE, state, 0, VIBIF_QPS_ERR),
		RANGE(CUR_STATE, cur_state, 0, VIBIF_QPS_ERR),
		RANGE(EN_SQD_ASYNC_NOTIFY, en_sqd_async_notify, 0, 1),
		RANGE(PORT, port, 1, lim->num_ports),
		RANGE(PATH_MTU, path_mtu, VIBIF_MTU_256, VIBIF_MTU_4096),
		RANGE(TIMEOUT, timeout, 0, VIBIF_MAX_TIMEOUT),
		RANGE(RETRY_CNT, retry_cnt, 0, VIBIF_MAX_RETRY_CNT),
		RANGE(RNR_RETRY, rnr_retry, 0, VIBIF_MAX_RNR_RETRY),
		RANGE(RQ_PSN, rq_psn, 0, VIBIF_MAX_PSN),
		RANGE(MAX_RD_ATOMIC, max_rd_atomic, 0, lim->max_rd_atomic),
		RANGE(MIN_RNR_TIMER, min_rnr_timer, 0, VIBIF_MAX_RNR_TIMER),
		RANGE(SQ_PSN, sq_psn, 0, VIBIF_MAX_PSN),
		RANGE(MAX_DEST_RD_ATOMIC, max_dest_rd_atomic, 0,
		      lim->max_dest_rd_atomic),
		RANGE(PATH_MIG_STATE, path_mig_state, 0, VIBIF_MIG_ARMED),
		RANGE(DEST_QPN, dest_qpn, 0, VIBIF_MAX_QPN),
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
 * ibback_check_qp_attr() - check the attributes that a MODIFY_QP sets
 * @lim: the HCA's limits
 * @qp_port: the QP's port, 0 if it has none yet
 * @attr: the request
 *
 * Whether the set of attributes fits the transition is not checked here.
 */
int ibback_check_qp_attr(const struct ibback_limits *lim, u8 qp_port,
			 const struct vibif_qp_attr *attr)
{
	u8 port = attr->attr_mask & VIBIF_QP_ATTR_PORT ? attr->port : qp_port;

	if (attr->attr_mask & ~VIBIF_QP_ATTR_MASK || attr->reserved ||
	    attr->reserved1)
		return -EINVAL;
	if (attr->attr_mask & VIBIF_QP_ATTR_ACCESS &&
	    attr->access & ~VIBIF_ACCESS_MASK)
		return -EINVAL;
	if (ibback_check_qp_values(lim, attr) ||
	    ibback_check_qp_paths(lim, port, attr))
		return -EINVAL;
	/* Those of management datagrams, which peers take for this domain's */
	if (attr->attr_mask & VIBIF_QP_ATTR_QKEY &&
	    attr->qkey & VIBIF_QKEY_PRIVILEGED)
		return -EPERM;
	return 0;
}

int ibback_check_mcast(const struct vibif_mcast_req *args)
{
	if (args->flags & ~VIBIF_MCAST_BLOCK_LOOPBACK)
		return -EINVAL;
	return args->gid[0] == VIBIF_MCAST_GID_PREFIX ? 0 : -EINVAL;
}

/**
 * ibback_check_mad() - check where a MAD of the guest is to go
 * @lim: the HCA's limits
 * @m: its slot, a private copy
 *
 * What the MAD itself says is for mad_policy.c.
 */
int ibback_check_mad(const struct ibback_limits *lim,
		     const struct vibif_mad *m)
{
	if (m->reserved ||
	    !ibback_all_zero(m->reserved1, sizeof(m->reserved1)) ||
	    !ibback_all_zero(m->grh, sizeof(m->grh)))
		return -EINVAL;
	if (ibback_check_port(lim, m->port) ||
	    m->pkey_index >= lim->pkey_tbl_len[m->port] || m->qpn != 1)
		return -EINVAL;
	if (m->av.sgid_index || m->av.dlid < 1 ||
	    m->av.dlid > VIBIF_MAX_UNICAST_LID)
		return -EINVAL;
	return ibback_check_av(&m->av);
}
