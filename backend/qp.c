// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: queue pairs and multicast. */

#include <linux/slab.h>

#include "ibback.h"

/**
 * struct ibback_mcast - the membership of a QP in a multicast group
 * @entry: in qp->mcast
 * @dev_entry: in dev->mcast
 * @gid: the group
 * @flags: VIBIF_MCAST_*
 * @reg_id: of the HCA
 */
struct ibback_mcast {
	struct list_head entry;
	struct list_head dev_entry;
	u8 gid[16];
	u32 flags;
	u64 reg_id;
};

static void qp_unmap(struct ibback_qp *qp)
{
	ibback_pages_unmap(qp->obj.dev, &qp->db);
	ibback_pages_unmap(qp->obj.dev, &qp->pages);
}

static int qp_map(struct ibback_qp *qp, const struct vibif_create_qp_req *req)
{
	int err;

	if (qp->type == IB_QPT_XRC_TGT)
		return 0;
	err = ibback_pages_map(qp->obj.dev, &qp->pages, &req->pages, true);
	if (!err && req->flags & VIBIF_QP_HAS_RQ)
		err = ibback_page_map(qp->obj.dev, &qp->db,
				      req->doorbell.gref);
	if (err)
		qp_unmap(qp);
	return err;
}

/* Find what the QP is to use, all of it the guest's own. */
static int qp_depend(struct ibback_qp *qp,
		     const struct vibif_create_qp_req *req,
		     struct ibback_qp_params *params)
{
	struct ibback_obj *ctx, *pd, *send_cq, *recv_cq, *srq, *xrcd;

	if (qp->type == IB_QPT_XRC_TGT) {
		xrcd = ibback_obj_depend(&qp->obj, req->xrcd, IBBACK_XRCD);
		if (!xrcd)
			return -ENOENT;
		params->xrcd = ibback_to(xrcd, xrcd)->hw;
		return 0;
	}
	ctx = ibback_obj_depend(&qp->obj, req->context, IBBACK_CONTEXT);
	pd = ibback_obj_depend(&qp->obj, req->pd, IBBACK_PD);
	send_cq = ibback_obj_depend(&qp->obj, req->send_cq, IBBACK_CQ);
	if (!ctx || !pd || !send_cq)
		return -ENOENT;
	params->uar = ibback_to(context, ctx)->uar;
	params->pdn = ibback_to(pd, pd)->pdn;
	params->send_cq = ibback_to(cq, send_cq)->hw;
	if (qp->type != IB_QPT_XRC_INI) {
		recv_cq = ibback_obj_depend(&qp->obj, req->recv_cq, IBBACK_CQ);
		if (!recv_cq)
			return -ENOENT;
		params->recv_cq = ibback_to(cq, recv_cq)->hw;
	}
	if (req->srq) {
		srq = ibback_obj_depend(&qp->obj, req->srq, IBBACK_SRQ);
		if (!srq)
			return -ENOENT;
		params->srq = ibback_to(srq, srq)->hw;
	}
	return 0;
}

/* In any context. */
static void qp_event(void *arg, unsigned int event)
{
	struct ibback_qp *qp = ibback_to(qp, (struct ibback_obj *)arg);

	if (event == VIBIF_EVENT_QP_PATH_MIG)
		WRITE_ONCE(qp->port, READ_ONCE(qp->alt_port));
	ibback_obj_event(arg, event);
}

static int qp_create(struct ibback_obj *obj, const struct vibif_req *msg,
		     struct vibif_rsp *answer)
{
	const struct vibif_create_qp_req *req = &msg->op.create_qp;
	struct vibif_create_qp_rsp *rsp = &answer->op.create_qp;
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_qp_params params = {
		.type = (enum ib_qp_type)req->type,
		.has_rq = req->flags & VIBIF_QP_HAS_RQ,
		.inl_recv = req->flags & VIBIF_QP_INL_RECV,
		.log_sq_wqe_count = req->log_sq_wqe_count,
		.log_sq_wqe_stride = req->log_sq_wqe_stride,
		.log_rq_wqe_count = req->log_rq_wqe_count,
		.log_rq_wqe_stride = req->log_rq_wqe_stride,
		.sink = { qp_event, obj },
	};
	u32 qpn;
	int err;

	qp->type = params.type;
	qp->state = IB_QPS_RESET;
	INIT_LIST_HEAD(&qp->mcast);
	err = qp_depend(qp, req, &params);
	if (err)
		return err;
	err = qp_map(qp, req);
	if (err)
		return err;
	params.pages = qp->pages.dma;
	if (params.has_rq)
		params.db_addr = qp->db.dma.addr[0] + req->doorbell.offset;
	qp->hw = hca->ops->qp->create(hca, &params, &qpn);
	if (IS_ERR(qp->hw)) {
		qp_unmap(qp);
		return PTR_ERR(qp->hw);
	}
	rsp->handle = obj->handle;
	rsp->qpn = qpn;
	return 0;
}

int ibback_create_qp(struct ibback_dev *dev, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	int err = ibback_check_create_qp(&dev->limits, &req->op.create_qp);

	return err ?: ibback_obj_create(dev, IBBACK_QP, qp_create, req, rsp);
}

/* The HCA has accepted: remember what later commands need. */
static void qp_changed(struct ibback_qp *qp,
		       const struct ibback_qp_change *change)
{
	const struct vibif_qp_attr *attr = change->attr;

	qp->state = change->next;
	if (attr->attr_mask & IB_QP_PORT)
		WRITE_ONCE(qp->port, attr->port);
	if (attr->attr_mask & IB_QP_ALT_PATH)
		WRITE_ONCE(qp->alt_port, attr->alt_port);
}

int ibback_modify_qp(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_qp_attr *attr = &req->op.modify_qp;
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_dev *dev = obj->dev;
	struct ibback_qp_change change = {
		.attr = attr,
		.cur = qp->state,
		.port = READ_ONCE(qp->port),
	};
	u32 mask = attr->attr_mask;
	int err;

	err = ibback_check_qp_attr(&dev->limits, change.port, attr);
	if (err)
		return err;
	if (mask & IB_QP_CUR_STATE)
		change.cur = attr->cur_state;
	change.next = mask & IB_QP_STATE ? attr->state : change.cur;
	if (!ib_modify_qp_is_ok(change.cur, change.next, qp->type, mask))
		return -EINVAL;
	if (change.cur == IB_QPS_RESET && change.next == IB_QPS_RESET)
		return 0;
	/* Out of Init implies that a port has been set, unless the guest lies */
	if (change.cur == IB_QPS_INIT && change.next == IB_QPS_RTR &&
	    !change.port)
		return -EINVAL;
	if (mask & IB_QP_PORT)
		change.port = attr->port;
	err = dev->hca->ops->qp->modify(dev->hca, qp->hw, &change);
	if (!err)
		qp_changed(qp, &change);
	return err;
}

int ibback_query_qp(struct ibback_obj *obj, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	struct vibif_qp_attr *attr = &rsp->op.query_qp;
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	if (qp->state != IB_QPS_RESET) {
		err = hca->ops->qp->query(hca, qp->hw, attr);
		if (err)
			return err;
		/* An error may have changed it */
		qp->state = attr->state;
	}
	attr->state = qp->state;
	attr->cur_state = qp->state;
	if (qp->state == IB_QPS_INIT)
		attr->port = READ_ONCE(qp->port);
	return 0;
}

static struct ibback_mcast *mcast_find(struct ibback_qp *qp, const u8 *gid)
{
	struct ibback_mcast *mc;

	list_for_each_entry(mc, &qp->mcast, entry)
		if (!memcmp(mc->gid, gid, sizeof(mc->gid)))
			return mc;
	return NULL;
}

/*
 * An HCA has room for a few hundred QPs in a group, those of all its users
 * together: a guest gets a small part of that.
 */
static int mcast_enter(struct ibback_dev *dev, struct ibback_mcast *new)
{
	struct ibback_mcast *mc;
	unsigned int nr = 0;

	spin_lock(&dev->mcast_lock);
	list_for_each_entry(mc, &dev->mcast, dev_entry)
		nr += !memcmp(mc->gid, new->gid, sizeof(mc->gid));
	if (nr < IBBACK_MAX_GROUP_QPS)
		list_add(&new->dev_entry, &dev->mcast);
	spin_unlock(&dev->mcast_lock);
	return nr < IBBACK_MAX_GROUP_QPS ? 0 : -ENOMEM;
}

static void mcast_leave(struct ibback_dev *dev, struct ibback_mcast *mc)
{
	spin_lock(&dev->mcast_lock);
	list_del(&mc->dev_entry);
	spin_unlock(&dev->mcast_lock);
	kfree(mc);
	ibback_uncharge(dev, IBBACK_MCAST, 1);
}

static int mcast_attach(struct ibback_qp *qp,
			const struct vibif_mcast_req *req)
{
	struct ibback_dev *dev = qp->obj.dev;
	struct ibback_mcast *mc;
	int err;

	mc = mcast_find(qp, req->gid);
	if (mc)
		return mc->flags == req->flags ? 0 : -EINVAL;
	err = ibback_charge(dev, IBBACK_MCAST, 1);
	if (err)
		return err;
	mc = kzalloc(sizeof(*mc), GFP_KERNEL);
	if (!mc) {
		err = -ENOMEM;
		goto err_uncharge;
	}
	memcpy(mc->gid, req->gid, sizeof(mc->gid));
	mc->flags = req->flags;
	err = mcast_enter(dev, mc);
	if (err)
		goto err_free;
	err = dev->hca->ops->qp->attach_mcast(dev->hca, qp->hw, mc->gid,
					      READ_ONCE(qp->port),
					      mc->flags &
					      VIBIF_MCAST_BLOCK_LOOPBACK,
					      &mc->reg_id);
	if (err) {
		mcast_leave(dev, mc);
		return err;
	}
	list_add(&mc->entry, &qp->mcast);
	return 0;

err_free:
	kfree(mc);
err_uncharge:
	ibback_uncharge(dev, IBBACK_MCAST, 1);
	return err;
}

static int mcast_detach(struct ibback_qp *qp, struct ibback_mcast *mc)
{
	struct ibback_dev *dev = qp->obj.dev;
	int err;

	err = dev->hca->ops->qp->detach_mcast(dev->hca, qp->hw, mc->gid,
					      mc->reg_id);
	if (err)
		return err;
	list_del(&mc->entry);
	mcast_leave(dev, mc);
	return 0;
}

int ibback_attach_mcast(struct ibback_obj *obj, const struct vibif_req *req,
			struct vibif_rsp *rsp)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	int err;

	err = ibback_check_mcast(&req->op.mcast);
	if (err)
		return err;
	if (qp->type != IB_QPT_UD)
		return -EINVAL;
	return mcast_attach(qp, &req->op.mcast);
}

int ibback_detach_mcast(struct ibback_obj *obj, const struct vibif_req *req,
			struct vibif_rsp *rsp)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_mcast *mc;
	int err;

	err = ibback_check_mcast(&req->op.mcast);
	if (err)
		return err;
	mc = mcast_find(qp, req->op.mcast.gid);
	if (!mc || mc->flags != req->op.mcast.flags)
		return -EINVAL;
	return mcast_detach(qp, mc);
}

/* First of all in a teardown: the QP touches no memory any more. */
void ibback_qp_reset(struct ibback_obj *obj)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;

	if (qp->state != IB_QPS_RESET)
		hca->ops->qp->reset(hca, qp->hw, qp->state);
	qp->state = IB_QPS_RESET;
}

/*
 * Before a forced destroy, when no request is in flight. A group that the HCA
 * does not take it out of keeps its number only.
 */
void ibback_qp_detach_all(struct ibback_obj *obj)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_mcast *mc, *next;
	int err;

	list_for_each_entry_safe(mc, next, &qp->mcast, entry) {
		err = mcast_detach(qp, mc);
		if (!err)
			continue;
		dev_err(&obj->dev->xbdev->dev,
			"HCA keeps QP %u in a multicast group [%d]\n",
			obj->handle, err);
		qp->in_group = true;
		list_del(&mc->entry);
		mcast_leave(obj->dev, mc);
	}
}

int ibback_qp_destroy(struct ibback_obj *obj)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;

	if (!list_empty(&qp->mcast))
		return -EBUSY;
	ibback_qp_reset(obj);
	hca->ops->qp->destroy(hca, qp->hw, qp->in_group);
	if (qp->in_group)
		ibback_total_add(IBBACK_TOTAL_STUCK, 1);
	qp_unmap(qp);
	return 0;
}
