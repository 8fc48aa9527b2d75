// SPDX-License-Identifier: GPL-2.0-only
/* Queue pairs and their multicast groups. */

#include <linux/log2.h>
#include <linux/nospec.h>

#include "ibfront.h"

static const enum ib_event_type ibfront_qp_event_type[] = {
	[VIBIF_EVENT_QP_FATAL]			= IB_EVENT_QP_FATAL,
	[VIBIF_EVENT_QP_REQ_ERROR]		= IB_EVENT_QP_REQ_ERR,
	[VIBIF_EVENT_QP_ACCESS_ERROR]		= IB_EVENT_QP_ACCESS_ERR,
	[VIBIF_EVENT_QP_COMM_EST]		= IB_EVENT_COMM_EST,
	[VIBIF_EVENT_QP_SQ_DRAINED]		= IB_EVENT_SQ_DRAINED,
	[VIBIF_EVENT_QP_PATH_MIG]		= IB_EVENT_PATH_MIG,
	[VIBIF_EVENT_QP_PATH_MIG_ERROR]		= IB_EVENT_PATH_MIG_ERR,
	[VIBIF_EVENT_QP_LAST_WQE_REACHED]	= IB_EVENT_QP_LAST_WQE_REACHED,
};

/*
 * The QP has no more messages to take. Who has an SRQ waits for this event
 * before it gives the QP up.
 */
static void ibfront_qp_died(struct ibfront_obj *obj)
{
	struct ibfront_qp *qp = container_of(obj, struct ibfront_qp, obj);

	if (qp->ibqp.srq)
		obj->dispatch(obj, BIT(VIBIF_EVENT_QP_LAST_WQE_REACHED));
}

static void ibfront_qp_dispatch(struct ibfront_obj *obj, u32 events)
{
	struct ibfront_qp *qp = container_of(obj, struct ibfront_qp, obj);
	struct ib_qp *ibqp = &qp->ibqp;
	struct ib_event event = {
		.device = ibqp->device,
		.element.qp = ibqp,
	};
	unsigned int i;

	if (!ibqp->event_handler)
		return;
	for (i = 0; i < ARRAY_SIZE(ibfront_qp_event_type); i++) {
		if (!(events & BIT(i)))
			continue;
		event.event = ibfront_qp_event_type[i];
		ibqp->event_handler(&event, ibqp->qp_context);
	}
}

static int ibfront_check_qp(struct ibfront_dev *dev,
			    const struct ib_qp_init_attr *init_attr,
			    struct ib_udata *udata)
{
	u32 flags = init_attr->create_flags;

	if (init_attr->rwq_ind_tbl || flags & ~dev->provider->qp_create_flags)
		return -EOPNOTSUPP;
	if (flags & ~IB_QP_CREATE_BLOCK_MULTICAST_LOOPBACK)
		return -EINVAL;

	switch (init_attr->qp_type) {
	case IB_QPT_RC:
	case IB_QPT_UC:
	case IB_QPT_UD:
		return 0;
	case IB_QPT_XRC_INI:
		return udata && ibfront_has_xrc(dev) ? 0 : -EOPNOTSUPP;
	case IB_QPT_XRC_TGT:
		/* It belongs to the XRC domain, not to a process: no udata. */
		return ibfront_has_xrc(dev) ? 0 : -EOPNOTSUPP;
	default:
		return -EOPNOTSUPP;
	}
}

static void ibfront_fill_create_qp(struct vibif_create_qp_req *create,
				   struct ibfront_qp *qp,
				   const struct ib_qp_init_attr *init_attr)
{
	create->type = init_attr->qp_type;
	if (init_attr->qp_type == IB_QPT_XRC_TGT) {
		ibfront_xrc_fill_target(create, init_attr);
		return;
	}
	create->pd = to_fpd(qp->ibqp.pd)->obj.handle;
	create->send_cq = to_fcq(init_attr->send_cq)->obj.handle;
	if (init_attr->qp_type != IB_QPT_XRC_INI)
		create->recv_cq = to_fcq(init_attr->recv_cq)->obj.handle;
	if (init_attr->srq)
		create->srq = to_fsrq(init_attr->srq)->obj.handle;
	create->log_sq_wqe_count = ilog2(qp->sq.count);
	create->log_sq_wqe_stride = qp->sq.log_stride;
	create->pages = ibfront_page_list(qp->queue.mem);
	create->doorbell = ibfront_doorbell(&qp->queue);
	if (qp->rq.count) {
		create->flags = VIBIF_QP_HAS_RQ;
		if (qp->inl_recv)
			create->flags |= VIBIF_QP_INL_RECV;
		create->log_rq_wqe_count = ilog2(qp->rq.count);
		create->log_rq_wqe_stride = qp->rq.log_stride;
	}
}

static int ibfront_create_qp(struct ib_qp *ibqp,
			     struct ib_qp_init_attr *init_attr,
			     struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_CREATE_QP };
	struct ibfront_dev *dev = to_fdev(ibqp->device);
	struct ibfront_qp *qp = to_fqp(ibqp);
	struct ibfront_layout layout = {};
	struct ibfront_ucontext *ctx;
	struct vibif_rsp rsp;
	u64 pieces;
	int err;

	if (!udata && (init_attr->qp_type == IB_QPT_SMI ||
		       init_attr->qp_type == IB_QPT_GSI))
		return ibfront_gsi_create_qp(ibqp, init_attr);
	err = ibfront_check_qp(dev, init_attr, udata);
	if (err)
		return err;
	pieces = (u64)init_attr->cap.max_recv_wr * init_attr->cap.max_recv_sge;
	err = dev->provider->create_qp(dev, init_attr, udata, qp, &layout);
	if (err)
		return err;
	if (init_attr->qp_type != IB_QPT_XRC_TGT) {
		ctx = ibfront_context(dev, udata);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		err = ibfront_queue_map(ctx, &qp->queue, &layout);
		if (err)
			return err;
		req.op.create_qp.context = ctx->obj.handle;
		qp->kernel = !udata;
	}
	if (qp->kernel) {
		err = ibfront_qp_init(qp);
		if (err)
			goto err_unmap;
		qp->obj.died = ibfront_qp_died;
	}

	mutex_init(&qp->mutex);
	qp->obj.dispatch = ibfront_qp_dispatch;
	qp->state = IB_QPS_RESET;
	qp->signal_all = init_attr->sq_sig_type == IB_SIGNAL_ALL_WR;
	qp->block_mcast_loopback = init_attr->create_flags &
				   IB_QP_CREATE_BLOCK_MULTICAST_LOOPBACK;

	ibfront_fill_create_qp(&req.op.create_qp, qp, init_attr);
	err = ibfront_create(dev, &qp->obj, &req, &rsp);
	if (err)
		goto err_fini;
	ibqp->qp_num = rsp.op.create_qp.qpn;
	if (qp->kernel && !init_attr->srq)
		ibfront_arena_expect(dev, pieces);
	if (qp->kernel)
		err = ibfront_qp_add(qp);
	if (err)
		goto err_destroy;
	return 0;

err_destroy:
	ibfront_destroy(dev, &qp->obj);
err_fini:
	ibfront_qp_fini(qp);
err_unmap:
	ibfront_queue_unmap(dev, &qp->queue);
	return err;
}

/**
 * ibfront_av_from_ah() - tell the backend of a path
 * @av: filled in; zero on entry
 * @ah: the path
 *
 * Natively few values are checked before they are the HCA's. Of the others the
 * HCA takes the bits that there is room for, and so do we.
 */
void ibfront_av_from_ah(struct vibif_av *av, const struct rdma_ah_attr *ah)
{
	const struct ib_global_route *grh;

	av->dlid = rdma_ah_get_dlid(ah);
	av->sl = rdma_ah_get_sl(ah) & VIBIF_MAX_SL;
	av->src_path_bits = rdma_ah_get_path_bits(ah) & VIBIF_MAX_SRC_PATH_BITS;
	av->static_rate = min_t(u8, rdma_ah_get_static_rate(ah),
				VIBIF_MAX_RATE);
	if (!(rdma_ah_get_ah_flags(ah) & IB_AH_GRH))
		return;

	grh = rdma_ah_read_grh(ah);
	av->flags = VIBIF_AV_GRH;
	memcpy(av->dgid, grh->dgid.raw, sizeof(av->dgid));
	av->flow_label = grh->flow_label & VIBIF_MAX_FLOW_LABEL;
	av->sgid_index = grh->sgid_index;
	av->hop_limit = grh->hop_limit;
	av->traffic_class = grh->traffic_class | grh->flow_label >> 20;
}

static void ibfront_ah_from_av(struct rdma_ah_attr *ah, struct vibif_av *av,
			       u32 port)
{
	memset(ah, 0, sizeof(*ah));
	if (!port)
		return;
	ah->type = RDMA_AH_ATTR_TYPE_IB;
	rdma_ah_set_port_num(ah, port);
	rdma_ah_set_dlid(ah, av->dlid);
	rdma_ah_set_sl(ah, av->sl);
	rdma_ah_set_path_bits(ah, av->src_path_bits);
	rdma_ah_set_static_rate(ah, av->static_rate);
	if (av->flags & VIBIF_AV_GRH) {
		rdma_ah_set_grh(ah, NULL, av->flow_label, av->sgid_index,
				av->hop_limit, av->traffic_class);
		rdma_ah_set_dgid_raw(ah, av->dgid);
	}
}

static bool ibfront_pkey_index_ok(struct ibfront_dev *dev, u32 port, u16 index)
{
	if (!rdma_is_port_valid(&dev->ibdev, port))
		return false;
	port = array_index_nospec(port, rdma_end_port(&dev->ibdev) + 1);
	return index < dev->ibdev.port_data[port].immutable.pkey_tbl_len;
}

/*
 * The checks of the native driver, so that what it refuses costs no request
 * here either. One is stricter: natively a transition to RTR with an alternate
 * path whose P_Key index is out of range succeeds, and changes nothing.
 */
static int ibfront_check_modify(struct ibfront_dev *dev, struct ibfront_qp *qp,
				const struct ib_qp_attr *attr, int attr_mask)
{
	u32 port = attr_mask & IB_QP_PORT ? attr->port_num : qp->port;

	if (attr_mask & IB_QP_PORT &&
	    !rdma_is_port_valid(&dev->ibdev, attr->port_num))
		return -EINVAL;
	if (attr_mask & IB_QP_PKEY_INDEX &&
	    !ibfront_pkey_index_ok(dev, port, attr->pkey_index))
		return -EINVAL;
	if (attr_mask & IB_QP_MAX_QP_RD_ATOMIC &&
	    attr->max_rd_atomic > dev->attr.max_qp_init_rd_atom)
		return -EINVAL;
	if (attr_mask & IB_QP_MAX_DEST_RD_ATOMIC &&
	    attr->max_dest_rd_atomic > dev->attr.max_qp_rd_atom)
		return -EINVAL;
	if (attr_mask & IB_QP_ALT_PATH &&
	    !ibfront_pkey_index_ok(dev, attr->alt_port_num,
				   attr->alt_pkey_index))
		return -EINVAL;
	return 0;
}

static void ibfront_fill_qp_attr(struct vibif_qp_attr *to,
				 const struct ib_qp_attr *from, int attr_mask)
{
	to->attr_mask = attr_mask;
	to->qkey = from->qkey;
	to->rq_psn = from->rq_psn & VIBIF_MAX_PSN;
	to->sq_psn = from->sq_psn & VIBIF_MAX_PSN;
	to->dest_qpn = from->dest_qp_num & VIBIF_MAX_QPN;
	to->access = from->qp_access_flags & VIBIF_ACCESS_MASK;
	to->pkey_index = from->pkey_index;
	to->alt_pkey_index = from->alt_pkey_index;
	to->state = from->qp_state;
	to->cur_state = from->cur_qp_state;
	to->path_mtu = from->path_mtu;
	/* Anything else is written as Armed, as natively. */
	to->path_mig_state = min_t(u32, from->path_mig_state, IB_MIG_ARMED);
	to->en_sqd_async_notify = !!from->en_sqd_async_notify;
	to->max_rd_atomic = from->max_rd_atomic;
	to->max_dest_rd_atomic = from->max_dest_rd_atomic;
	to->min_rnr_timer = from->min_rnr_timer & VIBIF_MAX_RNR_TIMER;
	to->port = from->port_num;
	to->timeout = from->timeout & VIBIF_MAX_TIMEOUT;
	to->retry_cnt = from->retry_cnt & VIBIF_MAX_RETRY_CNT;
	to->rnr_retry = from->rnr_retry & VIBIF_MAX_RNR_RETRY;
	to->alt_port = from->alt_port_num;
	to->alt_timeout = from->alt_timeout & VIBIF_MAX_TIMEOUT;
	if (attr_mask & IB_QP_AV)
		ibfront_av_from_ah(&to->av, &from->ah_attr);
	if (attr_mask & IB_QP_ALT_PATH)
		ibfront_av_from_ah(&to->alt_av, &from->alt_ah_attr);
}

static int ibfront_modify_qp_locked(struct ibfront_dev *dev,
				    struct ibfront_qp *qp,
				    const struct ib_qp_attr *attr,
				    int attr_mask)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_MODIFY_QP,
		.handle = qp->obj.handle,
	};
	enum ib_qp_state cur_state, new_state;
	struct vibif_rsp rsp;
	int err;

	lockdep_assert_held(&qp->mutex);

	cur_state = attr_mask & IB_QP_CUR_STATE ? attr->cur_qp_state :
						  qp->state;
	new_state = attr_mask & IB_QP_STATE ? attr->qp_state : cur_state;
	if (!ib_modify_qp_is_ok(cur_state, new_state, qp->ibqp.qp_type,
				attr_mask))
		return -EINVAL;
	err = ibfront_check_modify(dev, qp, attr, attr_mask);
	if (err)
		return err;
	if (cur_state == IB_QPS_RESET && new_state == IB_QPS_RESET)
		return 0;

	if (qp->kernel && cur_state == IB_QPS_RESET)
		dev->provider->queues->init_sq(qp);
	ibfront_fill_qp_attr(&req.op.modify_qp, attr, attr_mask);
	err = ibfront_exec(dev, &req, &rsp);
	/* The QP is gone with the backend, and to its user that is an error. */
	if (err && qp->kernel && new_state == IB_QPS_ERR &&
	    ibfront_ring_dead(dev))
		err = 0;
	if (err)
		return err;

	if (qp->kernel && new_state == IB_QPS_RESET) {
		ibfront_fastreg_forget_qp(qp);
		ibfront_qp_reset(qp);
	}
	qp->state = new_state;
	if (attr_mask & IB_QP_PORT)
		qp->port = attr->port_num;
	return 0;
}

static int ibfront_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			     int attr_mask, struct ib_udata *udata)
{
	struct ibfront_qp *qp = to_fqp(ibqp);
	int err;

	if (attr_mask & ~IB_QP_ATTR_STANDARD_BITS)
		return -EOPNOTSUPP;
	if (qp->gsi)
		return ibfront_gsi_modify_qp(ibqp, attr, attr_mask);

	mutex_lock(&qp->mutex);
	err = ibfront_modify_qp_locked(to_fdev(ibqp->device), qp, attr,
				       attr_mask);
	mutex_unlock(&qp->mutex);
	return err;
}

static void ibfront_read_qp_attr(struct ibfront_qp *qp, struct ib_qp_attr *to,
				 struct vibif_qp_attr *from)
{
	to->qp_state = from->state;
	to->path_mtu = from->path_mtu;
	to->path_mig_state = from->path_mig_state;
	to->qkey = from->qkey;
	to->rq_psn = from->rq_psn;
	to->sq_psn = from->sq_psn;
	to->dest_qp_num = from->dest_qpn;
	to->qp_access_flags = from->access;
	if (qp->ibqp.qp_type != IB_QPT_UD) {
		/* In Init there is no path yet: it reads as one of port 1. */
		ibfront_ah_from_av(&to->ah_attr, &from->av,
				   from->state == IB_QPS_INIT ? 1 : from->port);
		ibfront_ah_from_av(&to->alt_ah_attr, &from->alt_av,
				   from->alt_port);
		to->alt_pkey_index = from->alt_pkey_index;
		to->alt_port_num = from->alt_port;
	}
	to->pkey_index = from->pkey_index;
	to->port_num = from->port;
	to->sq_draining = from->sq_draining;
	to->max_rd_atomic = from->max_rd_atomic;
	to->max_dest_rd_atomic = from->max_dest_rd_atomic;
	to->min_rnr_timer = from->min_rnr_timer;
	to->timeout = from->timeout;
	to->retry_cnt = from->retry_cnt;
	to->rnr_retry = from->rnr_retry;
	to->alt_timeout = from->alt_timeout;
}

/* A QP in Reset has no attributes to ask the HCA for. */
static int ibfront_query_qp_locked(struct ibfront_qp *qp,
				   struct ib_qp_attr *attr)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_QUERY_QP,
		.handle = qp->obj.handle,
	};
	struct vibif_rsp rsp;
	int err;

	lockdep_assert_held(&qp->mutex);

	if (qp->state == IB_QPS_RESET) {
		attr->qp_state = IB_QPS_RESET;
		return 0;
	}
	err = ibfront_exec(to_fdev(qp->ibqp.device), &req, &rsp);
	if (err)
		return err;
	if (rsp.op.query_qp.state > IB_QPS_ERR)
		return -EINVAL;

	ibfront_read_qp_attr(qp, attr, &rsp.op.query_qp);
	/* ib_core's table of transitions is indexed by it. */
	qp->state = array_index_nospec(attr->qp_state, IB_QPS_ERR + 1);
	return 0;
}

static int ibfront_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			    int attr_mask, struct ib_qp_init_attr *init_attr)
{
	struct ibfront_qp *qp = to_fqp(ibqp);
	int err;

	/* ib_uverbs gives the process all of them, and has not cleared them. */
	memset(attr, 0, sizeof(*attr));
	memset(init_attr, 0, sizeof(*init_attr));
	if (qp->gsi)
		return ibfront_gsi_query_qp(ibqp, attr, init_attr);

	mutex_lock(&qp->mutex);
	err = ibfront_query_qp_locked(qp, attr);
	mutex_unlock(&qp->mutex);
	if (err)
		return err;

	attr->cur_qp_state = attr->qp_state;
	attr->cap.max_recv_wr = qp->rq.count;
	attr->cap.max_recv_sge = qp->rq.max_sge;
	/* A library knows what it laid out for a send queue: 0. */
	attr->cap.max_send_wr = qp->sq.max_post;
	attr->cap.max_send_sge = qp->kernel ? qp->sq.max_sge : 0;

	init_attr->cap = attr->cap;
	init_attr->create_flags = qp->block_mcast_loopback ?
				  IB_QP_CREATE_BLOCK_MULTICAST_LOOPBACK : 0;
	init_attr->sq_sig_type = qp->signal_all ? IB_SIGNAL_ALL_WR :
						  IB_SIGNAL_REQ_WR;
	return 0;
}

/*
 * Have the HCA write no more completions of the QP, remove those there are, and
 * forget the QP, before its number can be another's.
 */
static void ibfront_quiet_qp(struct ibfront_qp *qp)
{
	struct ib_qp_attr attr = { .qp_state = IB_QPS_RESET };

	mutex_lock(&qp->mutex);
	ibfront_modify_qp_locked(to_fdev(qp->ibqp.device), qp, &attr,
				 IB_QP_STATE);
	mutex_unlock(&qp->mutex);
	/* Whatever the backend has said of its state */
	ibfront_fastreg_forget_qp(qp);
	ibfront_qp_del(qp);
}

static int ibfront_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibqp->device);
	struct ibfront_qp *qp = to_fqp(ibqp);

	if (qp->gsi)
		return ibfront_gsi_destroy_qp(ibqp);
	if (qp->kernel)
		ibfront_quiet_qp(qp);
	ibfront_destroy(dev, &qp->obj);
	ibfront_qp_fini(qp);
	ibfront_queue_unmap(dev, &qp->queue);
	return 0;
}

static int ibfront_mcast(struct ib_qp *ibqp, const union ib_gid *gid,
			 u8 operation)
{
	struct ibfront_qp *qp = to_fqp(ibqp);
	struct vibif_req req = {
		.operation = operation,
		.handle = qp->obj.handle,
	};
	struct vibif_rsp rsp;

	memcpy(req.op.mcast.gid, gid->raw, sizeof(req.op.mcast.gid));
	if (qp->block_mcast_loopback)
		req.op.mcast.flags = VIBIF_MCAST_BLOCK_LOOPBACK;
	return ibfront_exec(to_fdev(ibqp->device), &req, &rsp);
}

static int ibfront_attach_mcast(struct ib_qp *ibqp, union ib_gid *gid, u16 lid)
{
	return ibfront_mcast(ibqp, gid, VIBIF_OP_ATTACH_MCAST);
}

static int ibfront_detach_mcast(struct ib_qp *ibqp, union ib_gid *gid, u16 lid)
{
	int err;

	err = ibfront_mcast(ibqp, gid, VIBIF_OP_DETACH_MCAST);
	/* The group is gone with the backend, and the QP must be freed. */
	return ibfront_ring_dead(to_fdev(ibqp->device)) ? 0 : err;
}

const struct ib_device_ops ibfront_qp_ops = {
	.attach_mcast = ibfront_attach_mcast,
	.create_qp = ibfront_create_qp,
	.destroy_qp = ibfront_destroy_qp,
	.detach_mcast = ibfront_detach_mcast,
	.modify_qp = ibfront_modify_qp,
	.query_qp = ibfront_query_qp,

	INIT_RDMA_OBJ_SIZE(ib_qp, ibfront_qp, ibqp),
};
