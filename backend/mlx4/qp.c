// SPDX-License-Identifier: GPL-2.0-only
/*
 * ConnectX-3 and its kin: queue pairs and multicast.
 *
 * QP contexts say what they say for a native user's QP. What a user must not
 * have is never set: the reserved lkey, fast registration, special QPs.
 */

#include <linux/slab.h>
#include <linux/mlx4/qp.h>

#include "mlx4.h"

/* struct mlx4_qp_context, flags */
#define QPC_STATE_SHIFT		28
#define QPC_SERVICE_SHIFT	16
#define QPC_PM_STATE_SHIFT	11
#define QPC_PM_STATE_MASK	3
/* mtu_msgmax */
#define QPC_MTU_SHIFT		5
#define QPC_UD_LOG_MAX_MSG	13
/* rq_size_stride, sq_size_stride */
#define QPC_LOG_COUNT_SHIFT	3
#define QPC_LOG_STRIDE_BASE	4
/* params1 */
#define QPC_ACK_REQ_FREQ	8
#define QPC_ACK_REQ_FREQ_SHIFT	28
#define QPC_RETRY_CNT_SHIFT	16
#define QPC_RNR_RETRY_SHIFT	13
/* params1 and params2 */
#define QPC_RD_ATOMIC_SHIFT	21
#define QPC_RD_ATOMIC_MASK	7
/* rnr_nextrecvpsn */
#define QPC_MIN_RNR_SHIFT	24
#define QPC_PSN_MASK		0xffffff
#define QPC_QPN_MASK		0xffffff
/* Of the number of a target QP, as all commands and users have it */
#define QPN_XRC_TARGET		BIT(23)
/* srqn */
#define QPC_SRQ_VALID		BIT(24)
/* param3 */
#define QPC_INL_RECV		BIT(25)

/* struct mlx4_qp_path, sched_queue: port and SL of a QP of an IB port */
#define PATH_SCHED_DEFAULT	0x83
#define PATH_SCHED_PORT_SHIFT	6
#define PATH_SCHED_SL_SHIFT	2
/* grh_mylmc */
#define PATH_GRH		BIT(7)
#define PATH_BITS_MASK		0x7f
/* ackto */
#define PATH_TIMEOUT_SHIFT	3
/* mgid_index: the source GID of a UD QP is this one, not the AV's */
#define PATH_FORCE_GID		BIT(7)
/* tclass_flowlabel */
#define PATH_TCLASS_SHIFT	20
#define PATH_FLOW_MASK		0xfffff
/* pkey_index */
#define PATH_PKEY_MASK		0x7f

/**
 * struct ibback_hw_qp - a queue pair
 * @mqp: as mlx4_core knows it
 * @mtt: its queues' translation
 * @p: what it was created with; the pages are not kept
 * @uar_index: uar's number
 * @pdn: its PD
 * @send_cqn: send_cq's number
 * @recv_cqn: recv_cq's number
 * @srqn: srq's number
 * @access: VIBIF_ACCESS_* last set
 * @dest_rd_atomic: max_dest_rd_atomic last set
 */
struct ibback_hw_qp {
	struct mlx4_qp mqp;
	struct mlx4_mtt mtt;
	struct ibback_qp_params p;
	u32 uar_index;
	u32 pdn;
	u32 send_cqn;
	u32 recv_cqn;
	u32 srqn;
	u32 access;
	u8 dest_rd_atomic;
};

static int ibback_mlx4_qp_event_bit(enum mlx4_event type)
{
	switch (type) {
	case MLX4_EVENT_TYPE_WQ_CATAS_ERROR:
		return VIBIF_EVENT_QP_FATAL;
	case MLX4_EVENT_TYPE_WQ_INVAL_REQ_ERROR:
		return VIBIF_EVENT_QP_REQ_ERROR;
	case MLX4_EVENT_TYPE_WQ_ACCESS_ERROR:
		return VIBIF_EVENT_QP_ACCESS_ERROR;
	case MLX4_EVENT_TYPE_COMM_EST:
		return VIBIF_EVENT_QP_COMM_EST;
	case MLX4_EVENT_TYPE_SQ_DRAINED:
		return VIBIF_EVENT_QP_SQ_DRAINED;
	case MLX4_EVENT_TYPE_PATH_MIG:
		return VIBIF_EVENT_QP_PATH_MIG;
	case MLX4_EVENT_TYPE_PATH_MIG_FAILED:
		return VIBIF_EVENT_QP_PATH_MIG_ERROR;
	case MLX4_EVENT_TYPE_SRQ_QP_LAST_WQE:
		return VIBIF_EVENT_QP_LAST_WQE_REACHED;
	default:
		return -1;
	}
}

static void ibback_mlx4_qp_event(struct mlx4_qp *mqp, enum mlx4_event type)
{
	struct ibback_hw_qp *qp = container_of(mqp, struct ibback_hw_qp, mqp);
	int event = ibback_mlx4_qp_event_bit(type);

	if (event >= 0)
		qp->p.sink.fn(qp->p.sink.arg, event);
	mlx4_put_qp(mqp);
}

static void ibback_mlx4_qp_use_params(struct ibback_hw_qp *qp)
{
	const struct ibback_qp_params *p = &qp->p;

	qp->uar_index = p->uar->index;
	qp->pdn = p->pdn;
	qp->send_cqn = p->send_cq->mcq.cqn;
	qp->recv_cqn = p->recv_cq ? p->recv_cq->mcq.cqn : qp->send_cqn;
	if (p->srq)
		qp->srqn = p->srq->msrq.srqn;
}

static struct ibback_hw_qp *
ibback_mlx4_qp_create(struct ibback_hca *hca, const struct ibback_qp_params *p,
		      u32 *qpn)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct ibback_hw_qp *qp;
	int base, err;

	qp = kzalloc(sizeof(*qp), GFP_KERNEL);
	if (!qp)
		return ERR_PTR(-ENOMEM);
	qp->p = *p;
	if (p->type == IB_QPT_XRC_TGT)
		ibback_mlx4_xrc_target_params(hca, &qp->p);
	ibback_mlx4_qp_use_params(qp);
	qp->mqp.event = ibback_mlx4_qp_event;
	qp->mqp.usage = MLX4_RES_USAGE_USER_VERBS;
	err = ibback_mlx4_mtt_create(dev, &qp->mtt, &qp->p.pages);
	qp->p.pages = (struct ibback_dma) {};
	if (err)
		goto err_free;
	err = mlx4_qp_reserve_range(dev, 1, 1, &base, 0, qp->mqp.usage);
	if (err)
		goto err_mtt;
	err = mlx4_qp_alloc(dev, base, &qp->mqp);
	if (err)
		goto err_range;
	if (p->type == IB_QPT_XRC_TGT)
		qp->mqp.qpn |= QPN_XRC_TARGET;
	*qpn = qp->mqp.qpn;
	return qp;

err_range:
	mlx4_qp_release_range(dev, base, 1);
err_mtt:
	mlx4_mtt_cleanup(dev, &qp->mtt);
err_free:
	kfree(qp);
	return ERR_PTR(err);
}

static enum mlx4_qp_state ibback_mlx4_to_hw_state(enum ib_qp_state state)
{
	static const u8 hw_state[] = {
		[IB_QPS_RESET] = MLX4_QP_STATE_RST,
		[IB_QPS_INIT] = MLX4_QP_STATE_INIT,
		[IB_QPS_RTR] = MLX4_QP_STATE_RTR,
		[IB_QPS_RTS] = MLX4_QP_STATE_RTS,
		[IB_QPS_SQD] = MLX4_QP_STATE_SQD,
		[IB_QPS_SQE] = MLX4_QP_STATE_SQER,
		[IB_QPS_ERR] = MLX4_QP_STATE_ERR,
	};

	return (enum mlx4_qp_state)hw_state[state];
}

static enum ib_qp_state ibback_mlx4_from_hw_state(enum mlx4_qp_state state)
{
	static const u8 ib_state[MLX4_QP_NUM_STATE] = {
		[MLX4_QP_STATE_RST] = IB_QPS_RESET,
		[MLX4_QP_STATE_INIT] = IB_QPS_INIT,
		[MLX4_QP_STATE_RTR] = IB_QPS_RTR,
		[MLX4_QP_STATE_RTS] = IB_QPS_RTS,
		[MLX4_QP_STATE_SQER] = IB_QPS_SQE,
		[MLX4_QP_STATE_SQD] = IB_QPS_SQD,
		[MLX4_QP_STATE_ERR] = IB_QPS_ERR,
		[MLX4_QP_STATE_SQ_DRAINING] = IB_QPS_SQD,
	};

	return state < MLX4_QP_NUM_STATE ? (enum ib_qp_state)ib_state[state] :
		IB_QPS_ERR;
}

static u32 ibback_mlx4_service_type(enum ib_qp_type type)
{
	switch (type) {
	case IB_QPT_RC:
		return MLX4_QP_ST_RC;
	case IB_QPT_UC:
		return MLX4_QP_ST_UC;
	case IB_QPT_XRC_INI:
	case IB_QPT_XRC_TGT:
		return MLX4_QP_ST_XRC;
	default:
		return MLX4_QP_ST_UD;
	}
}

/**
 * struct qp_change - a MODIFY_QP in preparation
 * @dev: the HCA
 * @qp: the QP
 * @attr: what is asked for
 * @mask: attr->attr_mask
 * @cur: state before
 * @next: state after
 * @port: the QP's port after it, 0 if there is none yet
 * @sgid_index: the GID to send from
 * @ctx: the context being filled in
 * @optpar: which optional parts of it are valid, MLX4_QP_OPTPAR_*
 */
struct qp_change {
	struct mlx4_dev *dev;
	struct ibback_hw_qp *qp;
	const struct vibif_qp_attr *attr;
	u32 mask;
	enum ib_qp_state cur;
	enum ib_qp_state next;
	u8 port;
	u8 sgid_index;
	struct mlx4_qp_context *ctx;
	u32 optpar;
};

static bool ibback_mlx4_is_transition(const struct qp_change *c,
				      enum ib_qp_state cur,
				      enum ib_qp_state next)
{
	return c->cur == cur && c->next == next;
}

static void ibback_mlx4_set_flags(struct qp_change *c)
{
	static const u8 hw_pm_state[] = {
		[IB_MIG_MIGRATED] = MLX4_QP_PM_MIGRATED,
		[IB_MIG_REARM] = MLX4_QP_PM_REARM,
		[IB_MIG_ARMED] = MLX4_QP_PM_ARMED,
	};
	u32 pm_state = MLX4_QP_PM_MIGRATED;

	if (c->mask & VIBIF_QP_ATTR_PATH_MIG_STATE) {
		pm_state = hw_pm_state[c->attr->path_mig_state];
		c->optpar |= MLX4_QP_OPTPAR_PM_STATE;
	}
	c->ctx->flags = cpu_to_be32((u32)ibback_mlx4_to_hw_state(c->next) <<
				    QPC_STATE_SHIFT |
				    ibback_mlx4_service_type(c->qp->p.type) <<
				    QPC_SERVICE_SHIFT |
				    pm_state << QPC_PM_STATE_SHIFT);
}

static void ibback_mlx4_set_mtu(struct qp_change *c)
{
	if (c->qp->p.type == IB_QPT_UD)
		c->ctx->mtu_msgmax = IB_MTU_4096 << QPC_MTU_SHIFT |
			QPC_UD_LOG_MAX_MSG;
	else if (c->mask & VIBIF_QP_ATTR_PATH_MTU)
		c->ctx->mtu_msgmax = c->attr->path_mtu << QPC_MTU_SHIFT |
			ilog2(c->dev->caps.max_msg_sz);
}

/* What the QP was created with; all of it is the guest's own. */
static void ibback_mlx4_set_resources(struct qp_change *c)
{
	const struct ibback_qp_params *p = &c->qp->p;
	struct mlx4_qp_context *ctx = c->ctx;
	u8 rq = 0;

	if (p->has_rq)
		rq = p->log_rq_wqe_count << QPC_LOG_COUNT_SHIFT;
	/*
	 * As natively also with an SRQ or XRC, whose log stride is 0: there the
	 * HCA looks neither at this nor at the doorbell record.
	 */
	ctx->rq_size_stride = rq | (u8)(p->log_rq_wqe_stride -
					QPC_LOG_STRIDE_BASE);
	ctx->sq_size_stride = p->log_sq_wqe_count << QPC_LOG_COUNT_SHIFT |
		(p->log_sq_wqe_stride - QPC_LOG_STRIDE_BASE);
	ctx->usr_page = cpu_to_be32(mlx4_to_hw_uar_index(c->dev,
							 c->qp->uar_index));
	ctx->pd = cpu_to_be32(c->qp->pdn);
	ctx->cqn_send = cpu_to_be32(c->qp->send_cqn);
	ctx->cqn_recv = cpu_to_be32(c->qp->recv_cqn);
	if (p->inl_recv)
		ctx->param3 = cpu_to_be32(QPC_INL_RECV);
	if (p->srq) {
		ctx->params2 |= cpu_to_be32(MLX4_QP_BIT_RIC);
		ctx->srqn = cpu_to_be32(QPC_SRQ_VALID | c->qp->srqn);
	}
	if (!ibback_mlx4_is_transition(c, IB_QPS_RESET, IB_QPS_INIT))
		return;
	if (p->has_rq)
		ctx->db_rec_addr = cpu_to_be64(p->db_addr);
	if (p->type == IB_QPT_XRC_TGT)
		ibback_mlx4_xrc_target_context(p, ctx);
}

static u8 ibback_mlx4_static_rate(const struct mlx4_dev *dev, u8 rate)
{
	u8 hw;

	if (!rate)
		return 0;
	/* The next slower one that the HCA has */
	for (hw = rate + MLX4_STAT_RATE_OFFSET;
	     hw > IB_RATE_2_5_GBPS + MLX4_STAT_RATE_OFFSET; hw--)
		if (BIT(hw) & dev->caps.stat_rate_support)
			break;
	return hw;
}

static void ibback_mlx4_set_path(const struct mlx4_dev *dev,
				 struct mlx4_qp_path *path,
				 const struct vibif_av *av, u8 port)
{
	path->grh_mylmc = av->src_path_bits;
	path->rlid = cpu_to_be16(av->dlid);
	path->static_rate = ibback_mlx4_static_rate(dev, av->static_rate);
	path->sched_queue = PATH_SCHED_DEFAULT |
		(port - 1) << PATH_SCHED_PORT_SHIFT |
		av->sl << PATH_SCHED_SL_SHIFT;
	if (!(av->flags & VIBIF_AV_GRH))
		return;
	path->grh_mylmc |= PATH_GRH;
	path->mgid_index = av->sgid_index;
	path->hop_limit = av->hop_limit;
	path->tclass_flowlabel = cpu_to_be32((u32)av->traffic_class <<
					     PATH_TCLASS_SHIFT |
					     av->flow_label);
	memcpy(path->rgid, av->dgid, sizeof(path->rgid));
}

/* Without a counter of the guest's it is to be nobody's. */
static u8 ibback_mlx4_counter(const struct qp_change *c, u8 port)
{
	const u32 *flow = c->qp->p.flow;

	return flow ? flow[port - 1] : MLX4_SINK_COUNTER_INDEX(c->dev);
}

static void ibback_mlx4_set_counter(struct qp_change *c)
{
	if (!ibback_mlx4_is_transition(c, IB_QPS_INIT, IB_QPS_RTR))
		return;
	c->ctx->pri_path.counter_index = ibback_mlx4_counter(c, c->port);
	if (c->dev->caps.flags & MLX4_DEV_CAP_FLAG_COUNTERS)
		c->optpar |= MLX4_QP_OPTPAR_COUNTER_INDEX;
}

static void ibback_mlx4_set_paths(struct qp_change *c)
{
	const struct vibif_qp_attr *attr = c->attr;
	struct mlx4_qp_context *ctx = c->ctx;

	ibback_mlx4_set_counter(c);
	if (c->mask & VIBIF_QP_ATTR_AV) {
		ibback_mlx4_set_path(c->dev, &ctx->pri_path, &attr->av,
				     c->port);
		c->optpar |= MLX4_QP_OPTPAR_PRIMARY_ADDR_PATH |
			MLX4_QP_OPTPAR_SCHED_QUEUE;
	} else if (c->mask & VIBIF_QP_ATTR_PORT &&
		   ibback_mlx4_is_transition(c, IB_QPS_SQD, IB_QPS_SQD)) {
		ctx->pri_path.sched_queue = (c->port - 1) <<
			PATH_SCHED_PORT_SHIFT;
		c->optpar |= MLX4_QP_OPTPAR_SCHED_QUEUE;
	}
	if (c->mask & VIBIF_QP_ATTR_PKEY_INDEX) {
		ctx->pri_path.pkey_index = attr->pkey_index;
		c->optpar |= MLX4_QP_OPTPAR_PKEY_INDEX;
	}
	if (c->mask & VIBIF_QP_ATTR_TIMEOUT) {
		ctx->pri_path.ackto = attr->timeout << PATH_TIMEOUT_SHIFT;
		c->optpar |= MLX4_QP_OPTPAR_ACK_TIMEOUT;
	}
	if (c->mask & VIBIF_QP_ATTR_ALT_PATH) {
		ibback_mlx4_set_path(c->dev, &ctx->alt_path, &attr->alt_av,
				     attr->alt_port);
		ctx->alt_path.counter_index =
			ibback_mlx4_counter(c, attr->alt_port);
		ctx->alt_path.pkey_index = attr->alt_pkey_index;
		ctx->alt_path.ackto = attr->alt_timeout << PATH_TIMEOUT_SHIFT;
		c->optpar |= MLX4_QP_OPTPAR_ALT_ADDR_PATH;
	}
	if (c->qp->p.type != IB_QPT_UD)
		return;
	/* As virtual functions are kept from sending in others' names */
	ctx->pri_path.mgid_index = PATH_FORCE_GID | c->sgid_index;
	if (ibback_mlx4_is_transition(c, IB_QPS_INIT, IB_QPS_RTR))
		ctx->pri_path.sched_queue = PATH_SCHED_DEFAULT |
			(c->port - 1) << PATH_SCHED_PORT_SHIFT;
}

static u32 ibback_mlx4_rd_atomic(u8 depth)
{
	return depth ? fls(depth - 1) << QPC_RD_ATOMIC_SHIFT : 0;
}

static void ibback_mlx4_set_requester(struct qp_change *c)
{
	const struct vibif_qp_attr *attr = c->attr;
	u32 params1 = (u32)QPC_ACK_REQ_FREQ << QPC_ACK_REQ_FREQ_SHIFT;

	if (c->mask & VIBIF_QP_ATTR_RNR_RETRY) {
		params1 |= attr->rnr_retry << QPC_RNR_RETRY_SHIFT;
		c->optpar |= MLX4_QP_OPTPAR_RNR_RETRY;
	}
	if (c->mask & VIBIF_QP_ATTR_RETRY_CNT) {
		params1 |= attr->retry_cnt << QPC_RETRY_CNT_SHIFT;
		c->optpar |= MLX4_QP_OPTPAR_RETRY_COUNT;
	}
	if (c->mask & VIBIF_QP_ATTR_MAX_RD_ATOMIC) {
		params1 |= ibback_mlx4_rd_atomic(attr->max_rd_atomic);
		c->optpar |= MLX4_QP_OPTPAR_SRA_MAX;
	}
	if (c->mask & VIBIF_QP_ATTR_SQ_PSN)
		c->ctx->next_send_psn = cpu_to_be32(attr->sq_psn);
	if (c->mask & VIBIF_QP_ATTR_DEST_QPN)
		c->ctx->remote_qpn = cpu_to_be32(attr->dest_qpn);
	c->ctx->params1 = cpu_to_be32(params1);
}

/* With no resources for them peers can neither read nor do atomics. */
static u32 ibback_mlx4_qp_access(const struct qp_change *c)
{
	u32 access = c->mask & VIBIF_QP_ATTR_ACCESS ? c->attr->access :
		c->qp->access;
	u8 depth = c->mask & VIBIF_QP_ATTR_MAX_DEST_RD_ATOMIC ?
		c->attr->max_dest_rd_atomic : c->qp->dest_rd_atomic;
	u32 bits = 0;

	if (access & VIBIF_ACCESS_REMOTE_WRITE)
		bits |= MLX4_QP_BIT_RWE;
	if (depth && access & VIBIF_ACCESS_REMOTE_READ)
		bits |= MLX4_QP_BIT_RRE;
	if (depth && access & VIBIF_ACCESS_REMOTE_ATOMIC)
		bits |= MLX4_QP_BIT_RAE;
	return bits;
}

static void ibback_mlx4_set_responder(struct qp_change *c)
{
	const struct vibif_qp_attr *attr = c->attr;
	u32 params2 = 0, rnr_psn = 0;

	if (c->mask & VIBIF_QP_ATTR_MAX_DEST_RD_ATOMIC) {
		params2 |= ibback_mlx4_rd_atomic(attr->max_dest_rd_atomic);
		c->optpar |= MLX4_QP_OPTPAR_RRA_MAX;
	}
	if (c->mask & (VIBIF_QP_ATTR_ACCESS |
		       VIBIF_QP_ATTR_MAX_DEST_RD_ATOMIC)) {
		params2 |= ibback_mlx4_qp_access(c);
		c->optpar |= MLX4_QP_OPTPAR_RWE | MLX4_QP_OPTPAR_RRE |
			MLX4_QP_OPTPAR_RAE;
	}
	if (c->mask & VIBIF_QP_ATTR_MIN_RNR_TIMER) {
		rnr_psn |= (u32)attr->min_rnr_timer << QPC_MIN_RNR_SHIFT;
		c->optpar |= MLX4_QP_OPTPAR_RNR_TIMEOUT;
	}
	if (c->mask & VIBIF_QP_ATTR_RQ_PSN)
		rnr_psn |= attr->rq_psn;
	if (c->mask & VIBIF_QP_ATTR_QKEY) {
		c->ctx->qkey = cpu_to_be32(attr->qkey);
		c->optpar |= MLX4_QP_OPTPAR_Q_KEY;
	}
	c->ctx->params2 |= cpu_to_be32(params2);
	c->ctx->rnr_nextrecvpsn = cpu_to_be32(rnr_psn);
}

/* The HCA has accepted: remember what later commands need. */
static void ibback_mlx4_change_done(const struct qp_change *c)
{
	struct ibback_hw_qp *qp = c->qp;

	if (c->mask & VIBIF_QP_ATTR_ACCESS)
		qp->access = c->attr->access;
	if (c->mask & VIBIF_QP_ATTR_MAX_DEST_RD_ATOMIC)
		qp->dest_rd_atomic = c->attr->max_dest_rd_atomic;
}

static int ibback_mlx4_qp_modify(struct ibback_hca *hca,
				 struct ibback_hw_qp *qp,
				 const struct ibback_qp_change *change)
{
	const struct vibif_qp_attr *attr = change->attr;
	struct qp_change c = {
		.dev = ibback_mlx4_dev(hca),
		.qp = qp,
		.attr = attr,
		.mask = attr->attr_mask,
		.cur = change->cur,
		.next = change->next,
		.port = change->port,
		.sgid_index = change->sgid_index,
	};
	bool sqd_event;
	int err;

	c.ctx = kzalloc(sizeof(*c.ctx), GFP_KERNEL);
	if (!c.ctx)
		return -ENOMEM;
	ibback_mlx4_set_flags(&c);
	ibback_mlx4_set_mtu(&c);
	ibback_mlx4_set_resources(&c);
	ibback_mlx4_set_paths(&c);
	ibback_mlx4_set_requester(&c);
	ibback_mlx4_set_responder(&c);
	sqd_event = ibback_mlx4_is_transition(&c, IB_QPS_RTS, IB_QPS_SQD) &&
		c.mask & VIBIF_QP_ATTR_EN_SQD_ASYNC_NOTIFY &&
		attr->en_sqd_async_notify;
	err = mlx4_qp_modify(c.dev, &qp->mtt, ibback_mlx4_to_hw_state(c.cur),
			     ibback_mlx4_to_hw_state(c.next), c.ctx,
			     (enum mlx4_qp_optpar)c.optpar, sqd_event,
			     &qp->mqp);
	if (!err)
		ibback_mlx4_change_done(&c);
	kfree(c.ctx);
	return err;
}

static void ibback_mlx4_get_path(const struct mlx4_qp_path *path,
				 struct vibif_av *av, u8 *port)
{
	u32 tclass_flow = be32_to_cpu(path->tclass_flowlabel);

	*port = path->sched_queue & BIT(PATH_SCHED_PORT_SHIFT) ? 2 : 1;
	av->dlid = be16_to_cpu(path->rlid);
	av->sl = path->sched_queue >> PATH_SCHED_SL_SHIFT & 0xf;
	av->src_path_bits = path->grh_mylmc & PATH_BITS_MASK;
	if (path->static_rate >= MLX4_STAT_RATE_OFFSET)
		av->static_rate = path->static_rate - MLX4_STAT_RATE_OFFSET;
	if (!(path->grh_mylmc & PATH_GRH))
		return;
	av->flags = VIBIF_AV_GRH;
	av->flow_label = tclass_flow & PATH_FLOW_MASK;
	av->traffic_class = tclass_flow >> PATH_TCLASS_SHIFT & 0xff;
	av->hop_limit = path->hop_limit;
	memcpy(av->dgid, path->rgid, sizeof(av->dgid));
}

static u8 ibback_mlx4_get_pm_state(const struct mlx4_qp_context *ctx)
{
	switch (be32_to_cpu(ctx->flags) >> QPC_PM_STATE_SHIFT &
		QPC_PM_STATE_MASK) {
	case MLX4_QP_PM_ARMED:
		return IB_MIG_ARMED;
	case MLX4_QP_PM_REARM:
		return IB_MIG_REARM;
	default:
		return IB_MIG_MIGRATED;
	}
}

static u32 ibback_mlx4_get_access(u32 params2)
{
	u32 access = 0;

	if (params2 & MLX4_QP_BIT_RRE)
		access |= VIBIF_ACCESS_REMOTE_READ;
	if (params2 & MLX4_QP_BIT_RWE)
		access |= VIBIF_ACCESS_REMOTE_WRITE;
	if (params2 & MLX4_QP_BIT_RAE)
		access |= VIBIF_ACCESS_REMOTE_ATOMIC;
	return access;
}

static void ibback_mlx4_get_paths(struct ibback_hw_qp *qp,
				  const struct mlx4_qp_context *ctx,
				  struct vibif_qp_attr *attr)
{
	u8 port;

	if (qp->p.type != IB_QPT_UD) {
		ibback_mlx4_get_path(&ctx->pri_path, &attr->av, &port);
		ibback_mlx4_get_path(&ctx->alt_path, &attr->alt_av,
				     &attr->alt_port);
		attr->alt_pkey_index = ctx->alt_path.pkey_index &
			PATH_PKEY_MASK;
	}
	attr->pkey_index = ctx->pri_path.pkey_index & PATH_PKEY_MASK;
	attr->port = ctx->pri_path.sched_queue & BIT(PATH_SCHED_PORT_SHIFT) ?
		2 : 1;
	attr->timeout = ctx->pri_path.ackto >> PATH_TIMEOUT_SHIFT;
	attr->alt_timeout = ctx->alt_path.ackto >> PATH_TIMEOUT_SHIFT;
}

static void ibback_mlx4_get_context(struct ibback_hw_qp *qp,
				    const struct mlx4_qp_context *ctx,
				    struct vibif_qp_attr *attr)
{
	u32 params1 = be32_to_cpu(ctx->params1);
	u32 params2 = be32_to_cpu(ctx->params2);
	u32 rnr_psn = be32_to_cpu(ctx->rnr_nextrecvpsn);
	enum mlx4_qp_state hw_state = be32_to_cpu(ctx->flags) >>
		QPC_STATE_SHIFT;

	attr->state = ibback_mlx4_from_hw_state(hw_state);
	attr->sq_draining = hw_state == MLX4_QP_STATE_SQ_DRAINING;
	attr->path_mtu = ctx->mtu_msgmax >> QPC_MTU_SHIFT;
	attr->path_mig_state = ibback_mlx4_get_pm_state(ctx);
	attr->qkey = be32_to_cpu(ctx->qkey);
	attr->rq_psn = rnr_psn & QPC_PSN_MASK;
	attr->sq_psn = be32_to_cpu(ctx->next_send_psn) & QPC_PSN_MASK;
	attr->dest_qpn = be32_to_cpu(ctx->remote_qpn) & QPC_QPN_MASK;
	attr->access = ibback_mlx4_get_access(params2);
	attr->max_rd_atomic = 1 << (params1 >> QPC_RD_ATOMIC_SHIFT &
				    QPC_RD_ATOMIC_MASK);
	attr->max_dest_rd_atomic = 1 << (params2 >> QPC_RD_ATOMIC_SHIFT &
					 QPC_RD_ATOMIC_MASK);
	attr->min_rnr_timer = rnr_psn >> QPC_MIN_RNR_SHIFT & 0x1f;
	attr->retry_cnt = params1 >> QPC_RETRY_CNT_SHIFT & 7;
	attr->rnr_retry = params1 >> QPC_RNR_RETRY_SHIFT & 7;
	ibback_mlx4_get_paths(qp, ctx, attr);
}

static int ibback_mlx4_qp_query(struct ibback_hca *hca,
				struct ibback_hw_qp *qp,
				struct vibif_qp_attr *attr)
{
	struct mlx4_qp_context *ctx;
	int err;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	err = mlx4_qp_query(ibback_mlx4_dev(hca), &qp->mqp, ctx);
	if (err)
		err = -EINVAL;
	else
		ibback_mlx4_get_context(qp, ctx, attr);
	kfree(ctx);
	return err;
}

/* If the HCA refuses, mlx4_core resets all of it. */
static void ibback_mlx4_qp_reset(struct ibback_hca *hca,
				 struct ibback_hw_qp *qp, enum ib_qp_state cur)
{
	mlx4_qp_modify(ibback_mlx4_dev(hca), NULL, ibback_mlx4_to_hw_state(cur),
		       MLX4_QP_STATE_RST, NULL, 0, 0, &qp->mqp);
}

static void ibback_mlx4_no_qp_event(void *arg, unsigned int event)
{
}

/*
 * The HCA may look at the context of a QP whose number is in a multicast
 * group: it stays, in Reset, and so does what an event of it would need.
 */
static void ibback_mlx4_qp_abandon(struct ibback_hw_qp *qp)
{
	qp->p.sink.fn = ibback_mlx4_no_qp_event;
	/* The interrupt handlers that had found the QP have ended */
	synchronize_rcu();
}

static void ibback_mlx4_qp_destroy(struct ibback_hca *hca,
				   struct ibback_hw_qp *qp, bool keep_number)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	u32 qpn = qp->mqp.qpn & ~QPN_XRC_TARGET;

	mlx4_qp_remove(dev, &qp->mqp);
	if (keep_number) {
		mlx4_mtt_cleanup(dev, &qp->mtt);
		ibback_mlx4_qp_abandon(qp);
		return;
	}
	mlx4_qp_free(dev, &qp->mqp);
	mlx4_qp_release_range(dev, qpn, 1);
	mlx4_mtt_cleanup(dev, &qp->mtt);
	kfree(qp);
}

static int ibback_mlx4_qp_attach_mcast(struct ibback_hca *hca,
				       struct ibback_hw_qp *qp, const u8 *gid,
				       u8 port, bool block_loopback,
				       u64 *reg_id)
{
	u8 raw[16];

	memcpy(raw, gid, sizeof(raw));
	*reg_id = 0;
	return mlx4_multicast_attach(ibback_mlx4_dev(hca), &qp->mqp, raw, port,
				     block_loopback, MLX4_PROT_IB_IPV6, reg_id);
}

static int ibback_mlx4_qp_detach_mcast(struct ibback_hca *hca,
				       struct ibback_hw_qp *qp, const u8 *gid,
				       u64 reg_id)
{
	u8 raw[16];

	memcpy(raw, gid, sizeof(raw));
	return mlx4_multicast_detach(ibback_mlx4_dev(hca), &qp->mqp, raw,
				     MLX4_PROT_IB_IPV6, reg_id);
}

const struct ibback_qp_ops ibback_mlx4_qp_ops = {
	.attach_mcast = ibback_mlx4_qp_attach_mcast,
	.create = ibback_mlx4_qp_create,
	.destroy = ibback_mlx4_qp_destroy,
	.detach_mcast = ibback_mlx4_qp_detach_mcast,
	.modify = ibback_mlx4_qp_modify,
	.query = ibback_mlx4_qp_query,
	.reset = ibback_mlx4_qp_reset,
};
