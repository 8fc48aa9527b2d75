// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: queue pairs and multicast. */

#include <linux/slab.h>

#include "ibback.h"

/**
 * struct ibback_qp - a queue pair
 * @obj: depends on all that it uses
 * @by_number: in dev->qps
 * @hw: the HCA's
 * @type: never changes
 * @state: after the last command or query
 * @port: the path's port, 0 before one was set
 * @alt_port: the alternate path's, which @port becomes by migration
 * @pkey_index: in the guest's table, as it has set it
 * @queue: its queues
 * @mcast: struct ibback_mcast, one for each group
 * @in_group: the HCA did not take it out of one
 *
 * @obj.lock protects what changes, but migration is told in interrupt context.
 */
struct ibback_qp {
	struct ibback_obj obj;
	struct hlist_node by_number;
	struct ibback_hw_qp *hw;
	enum ib_qp_type type;
	enum ib_qp_state state;
	u8 port;
	u8 alt_port;
	u16 pkey_index;
	struct ibback_queue queue;
	struct list_head mcast;
	bool in_group;
};

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

/* Find what the QP is to use, all of it the guest's own. */
static int ibback_qp_depend(struct ibback_obj *obj,
			    const struct vibif_create_qp_req *args,
			    struct ibback_qp_params *params)
{
	struct ibback_obj *ctx, *pd, *send_cq, *recv_cq, *srq;

	if (params->type == IB_QPT_XRC_TGT)
		return ibback_xrc_target_depend(obj, args, params);
	ctx = ibback_obj_depend(obj, args->context, IBBACK_CONTEXT);
	pd = ibback_obj_depend(obj, args->pd, IBBACK_PD);
	send_cq = ibback_obj_depend(obj, args->send_cq, IBBACK_CQ);
	if (!ctx || !pd || !send_cq)
		return -ENOENT;
	params->uar = ibback_to(context, ctx)->uar;
	params->pdn = pd->number;
	params->send_cq = ibback_to(cq, send_cq)->hw;
	if (params->type != IB_QPT_XRC_INI) {
		recv_cq = ibback_obj_depend(obj, args->recv_cq, IBBACK_CQ);
		if (!recv_cq)
			return -ENOENT;
		params->recv_cq = ibback_to(cq, recv_cq)->hw;
	}
	if (args->srq) {
		srq = ibback_obj_depend(obj, args->srq, IBBACK_SRQ);
		if (!srq)
			return -ENOENT;
		params->srq = ibback_to(srq, srq)->hw;
	}
	return 0;
}

/* In any context. */
static void ibback_qp_event(void *arg, unsigned int event)
{
	struct ibback_qp *qp = ibback_to(qp, (struct ibback_obj *)arg);

	if (event == VIBIF_EVENT_QP_PATH_MIG)
		WRITE_ONCE(qp->port, READ_ONCE(qp->alt_port));
	ibback_obj_event(arg, event);
}

int ibback_qp_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_create_qp_req *args = &req->op.create_qp;
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_qp_params params = {
		.type = (enum ib_qp_type)args->type,
		.has_rq = args->flags & VIBIF_QP_HAS_RQ,
		.inl_recv = args->flags & VIBIF_QP_INL_RECV,
		.log_sq_wqe_count = args->log_sq_wqe_count,
		.log_sq_wqe_stride = args->log_sq_wqe_stride,
		.log_rq_wqe_count = args->log_rq_wqe_count,
		.log_rq_wqe_stride = args->log_rq_wqe_stride,
		.flow = obj->dev->nr_flows ? obj->dev->flow : NULL,
		.sink = { ibback_qp_event, obj },
	};
	int err;

	qp->type = params.type;
	qp->state = IB_QPS_RESET;
	INIT_LIST_HEAD(&qp->mcast);
	err = ibback_qp_depend(obj, args, &params);
	if (err)
		return err;
	if (qp->type != IB_QPT_XRC_TGT)
		err = ibback_queue_map(obj->dev, &qp->queue, &args->pages,
				       params.has_rq ? &args->doorbell : NULL);
	if (err)
		return err;
	params.pages = qp->queue.pages.dma;
	params.db_addr = qp->queue.db_addr;
	qp->hw = hca->ops->qp->create(hca, &params, &obj->number);
	if (IS_ERR(qp->hw)) {
		ibback_queue_unmap(obj->dev, &qp->queue);
		return PTR_ERR(qp->hw);
	}
	xa_lock(&obj->dev->objects);
	hash_add(obj->dev->qps, &qp->by_number, obj->number);
	xa_unlock(&obj->dev->objects);
	rsp->op.create_qp.qpn = obj->number;
	return 0;
}

/**
 * ibback_qp_is_of() - whether a queue pair is a guest's
 * @dev: the guest's device
 * @qpn: its number
 *
 * Not any more if it is being destroyed: its number may soon be another's.
 */
bool ibback_qp_is_of(struct ibback_dev *dev, u32 qpn)
{
	struct ibback_qp *qp;
	bool found = false;

	xa_lock(&dev->objects);
	hash_for_each_possible(dev->qps, qp, by_number, qpn)
		found |= qp->obj.number == qpn;
	xa_unlock(&dev->objects);
	return found;
}

/*
 * The P_Key that the QP has in Init is found anew when it becomes ready, for it
 * may have moved; and at another port, which has a table of its own. It has the
 * guest's index there, be it that only one of the two tables is a list.
 */
static int ibback_qp_keep_pkey(struct ibback_qp *qp,
			       const struct ibback_qp_change *change,
			       struct vibif_qp_attr *attr)
{
	struct ibback_dev *dev = qp->obj.dev;
	const struct ibback_port *port = dev->port;
	bool ready = change->cur == IB_QPS_INIT && change->next == IB_QPS_RTR;

	if (attr->attr_mask & VIBIF_QP_ATTR_PKEY_INDEX ||
	    !(attr->attr_mask & VIBIF_QP_ATTR_PORT || ready) ||
	    (!port[change->port].nr_pkeys &&
	     !port[READ_ONCE(qp->port)].nr_pkeys))
		return 0;
	if (qp->pkey_index >= dev->limits.pkey_tbl_len[change->port])
		return -EINVAL;
	attr->pkey_index = qp->pkey_index;
	attr->attr_mask |= VIBIF_QP_ATTR_PKEY_INDEX;
	return 0;
}

/*
 * A path has the index of the guest's GID, which at another port is another
 * guest's: a QP goes there with a path that has the right one, or not at all.
 */
static bool ibback_qp_path_stays(const struct ibback_qp *qp,
				 const struct ibback_qp_change *change,
				 const struct vibif_qp_attr *attr)
{
	const struct ibback_port *port = qp->obj.dev->port;
	u8 old = READ_ONCE(qp->port);

	return change->cur != IB_QPS_SQD || change->port == old ||
		attr->attr_mask & VIBIF_QP_ATTR_AV ||
		(!port[old].wants_alias && !port[change->port].wants_alias);
}

/* From the guest's tables to the HCA's: @attr is a copy of the request's. */
static int ibback_qp_to_hw(struct ibback_qp *qp,
			   struct ibback_qp_change *change,
			   struct vibif_qp_attr *attr)
{
	struct ibback_dev *dev = qp->obj.dev;
	int err;

	if (!ibback_qp_path_stays(qp, change, attr))
		return -EINVAL;
	change->sgid_index = READ_ONCE(dev->port[change->port].sgid_index);
	attr->av.sgid_index = change->sgid_index;
	err = ibback_qp_keep_pkey(qp, change, attr);
	if (!err && attr->attr_mask & VIBIF_QP_ATTR_PKEY_INDEX)
		err = ibback_pkey_to_hw(dev, change->port, attr->pkey_index,
					&attr->pkey_index);
	if (err || !(attr->attr_mask & VIBIF_QP_ATTR_ALT_PATH))
		return err;
	attr->alt_av.sgid_index =
		READ_ONCE(dev->port[attr->alt_port].sgid_index);
	return ibback_pkey_to_hw(dev, attr->alt_port, attr->alt_pkey_index,
				 &attr->alt_pkey_index);
}

/* The HCA has accepted: remember what later commands need. */
static void ibback_qp_changed(struct ibback_qp *qp,
			      const struct ibback_qp_change *change,
			      const struct vibif_qp_attr *attr)
{
	qp->state = change->next;
	if (attr->attr_mask & VIBIF_QP_ATTR_PORT)
		WRITE_ONCE(qp->port, attr->port);
	if (attr->attr_mask & VIBIF_QP_ATTR_ALT_PATH)
		WRITE_ONCE(qp->alt_port, attr->alt_port);
	if (attr->attr_mask & VIBIF_QP_ATTR_PKEY_INDEX)
		qp->pkey_index = attr->pkey_index;
}

int ibback_qp_modify(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_qp_attr *attr = &req->op.modify_qp;
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_dev *dev = obj->dev;
	struct vibif_qp_attr hw_attr = *attr;
	struct ibback_qp_change change = {
		.attr = &hw_attr,
		.cur = qp->state,
		.port = READ_ONCE(qp->port),
	};
	u32 mask = attr->attr_mask;
	int err;

	err = ibback_check_qp_attr(&dev->limits, change.port, attr);
	if (err)
		return err;
	if (mask & VIBIF_QP_ATTR_CUR_STATE)
		change.cur = attr->cur_state;
	change.next = mask & VIBIF_QP_ATTR_STATE ? attr->state : change.cur;
	/* The wire's states and bits are those of ib_core. */
	if (!ib_modify_qp_is_ok(change.cur, change.next, qp->type, mask))
		return -EINVAL;
	if (change.cur == IB_QPS_RESET && change.next == IB_QPS_RESET)
		return 0;
	/* Out of Init a port has been set, unless the guest lies about cur */
	if (change.cur == IB_QPS_INIT && change.next == IB_QPS_RTR &&
	    !change.port)
		return -EINVAL;
	if (mask & VIBIF_QP_ATTR_PORT)
		change.port = attr->port;
	err = ibback_qp_to_hw(qp, &change, &hw_attr);
	if (err)
		return err;
	err = dev->hca->ops->qp->modify(dev->hca, qp->hw, &change);
	if (!err)
		ibback_qp_changed(qp, &change, attr);
	return err;
}

/* And back; GIDs are at index 0. The port of one in Init is not told. */
static void ibback_qp_from_hw(struct ibback_qp *qp, struct vibif_qp_attr *attr)
{
	struct ibback_dev *dev = qp->obj.dev;
	u8 port = READ_ONCE(qp->port);
	u8 alt_port = READ_ONCE(qp->alt_port);

	attr->pkey_index = ibback_pkey_from_hw(dev, port, attr->pkey_index);
	if (alt_port)
		attr->alt_pkey_index =
			ibback_pkey_from_hw(dev, alt_port,
					    attr->alt_pkey_index);
}

int ibback_qp_query(struct ibback_obj *obj, const struct vibif_req *req,
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
		ibback_qp_from_hw(qp, attr);
	}
	attr->state = qp->state;
	attr->cur_state = qp->state;
	if (qp->state == IB_QPS_INIT)
		attr->port = READ_ONCE(qp->port);
	return 0;
}

/**
 * ibback_qp_type_name() - what kind of queue pair one is
 * @obj: the queue pair
 *
 * Return: the name that libibverbs has for it, without IBV_QPT_.
 */
const char *ibback_qp_type_name(const struct ibback_obj *obj)
{
	switch (ibback_to(qp, obj)->type) {
	case IB_QPT_RC:
		return "RC";
	case IB_QPT_UC:
		return "UC";
	case IB_QPT_UD:
		return "UD";
	case IB_QPT_XRC_INI:
		return "XRC_SEND";
	case IB_QPT_XRC_TGT:
		return "XRC_RECV";
	default:
		return "-";
	}
}

/**
 * ibback_qp_state_name() - the state in which a queue pair was seen last
 * @obj: the queue pair
 *
 * The guest has set it or asked for it then. After an error the HCA moves one
 * to SQE or ERR, and to ask it would wait for the HCA.
 *
 * Return: the name that libibverbs has for it, without IBV_QPS_.
 */
const char *ibback_qp_state_name(const struct ibback_obj *obj)
{
	static const char * const names[] = {
		[IB_QPS_RESET] = "RESET",
		[IB_QPS_INIT] = "INIT",
		[IB_QPS_RTR] = "RTR",
		[IB_QPS_RTS] = "RTS",
		[IB_QPS_SQD] = "SQD",
		[IB_QPS_SQE] = "SQE",
		[IB_QPS_ERR] = "ERR",
	};
	enum ib_qp_state state = READ_ONCE(ibback_to(qp, obj)->state);

	return state < ARRAY_SIZE(names) ? names[state] : "-";
}

static struct ibback_mcast *ibback_mcast_find(struct ibback_qp *qp,
					      const u8 *gid)
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
static int ibback_mcast_enter(struct ibback_dev *dev, struct ibback_mcast *new)
{
	struct ibback_mcast *mc;
	unsigned int nr = 0;

	spin_lock(&dev->mcast_lock);
	list_for_each_entry(mc, &dev->mcast, dev_entry)
		nr += !memcmp(mc->gid, new->gid, sizeof(mc->gid));
	if (nr < IBBACK_MAX_GROUP_QPS)
		list_add(&new->dev_entry, &dev->mcast);
	spin_unlock(&dev->mcast_lock);
	return nr < IBBACK_MAX_GROUP_QPS ? 0 :
		ibback_refuse(dev, IBBACK_LIMIT_GROUP_QPS,
			      IBBACK_MAX_GROUP_QPS);
}

static void ibback_mcast_leave(struct ibback_dev *dev, struct ibback_mcast *mc)
{
	spin_lock(&dev->mcast_lock);
	list_del(&mc->dev_entry);
	spin_unlock(&dev->mcast_lock);
	kfree(mc);
	ibback_uncharge(dev, IBBACK_MCAST, 1);
}

static int ibback_mcast_attach(struct ibback_qp *qp,
			       const struct vibif_mcast_req *args)
{
	struct ibback_dev *dev = qp->obj.dev;
	struct ibback_mcast *mc;
	int err;

	mc = ibback_mcast_find(qp, args->gid);
	if (mc)
		return mc->flags == args->flags ? 0 : -EINVAL;
	err = ibback_charge(dev, IBBACK_MCAST, 1);
	if (err)
		return err;
	mc = kzalloc(sizeof(*mc), GFP_KERNEL);
	if (!mc) {
		err = -ENOMEM;
		goto err_uncharge;
	}
	memcpy(mc->gid, args->gid, sizeof(mc->gid));
	mc->flags = args->flags;
	err = ibback_mcast_enter(dev, mc);
	if (err)
		goto err_free;
	err = dev->hca->ops->qp->attach_mcast(dev->hca, qp->hw, mc->gid,
					      READ_ONCE(qp->port),
					      mc->flags &
					      VIBIF_MCAST_BLOCK_LOOPBACK,
					      &mc->reg_id);
	if (err) {
		ibback_mcast_leave(dev, mc);
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

static int ibback_mcast_detach(struct ibback_qp *qp, struct ibback_mcast *mc)
{
	struct ibback_dev *dev = qp->obj.dev;
	int err;

	err = dev->hca->ops->qp->detach_mcast(dev->hca, qp->hw, mc->gid,
					      mc->reg_id);
	if (err)
		return err;
	list_del(&mc->entry);
	ibback_mcast_leave(dev, mc);
	return 0;
}

int ibback_qp_attach_mcast(struct ibback_obj *obj, const struct vibif_req *req,
			   struct vibif_rsp *rsp)
{
	const struct vibif_mcast_req *args = &req->op.mcast;
	struct ibback_qp *qp = ibback_to(qp, obj);
	int err;

	err = ibback_check_mcast(args);
	if (err)
		return err;
	if (qp->type != IB_QPT_UD)
		return -EINVAL;
	return ibback_mcast_attach(qp, args);
}

int ibback_qp_detach_mcast(struct ibback_obj *obj, const struct vibif_req *req,
			   struct vibif_rsp *rsp)
{
	const struct vibif_mcast_req *args = &req->op.mcast;
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_mcast *mc;
	int err;

	err = ibback_check_mcast(args);
	if (err)
		return err;
	mc = ibback_mcast_find(qp, args->gid);
	if (!mc || mc->flags != args->flags)
		return -EINVAL;
	return ibback_mcast_detach(qp, mc);
}

static void ibback_qp_reset(struct ibback_obj *obj)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;

	if (qp->state != IB_QPS_RESET)
		hca->ops->qp->reset(hca, qp->hw, qp->state);
	qp->state = IB_QPS_RESET;
}

/* A group that the HCA does not take it out of keeps its number only. */
static void ibback_qp_detach_all(struct ibback_obj *obj)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_mcast *mc, *next;
	int err;

	list_for_each_entry_safe(mc, next, &qp->mcast, entry) {
		err = ibback_mcast_detach(qp, mc);
		if (!err)
			continue;
		dev_err(&obj->dev->xbdev->dev,
			"HCA keeps QP %u in a multicast group [%d]\n",
			obj->handle, err);
		qp->in_group = true;
		list_del(&mc->entry);
		ibback_mcast_leave(obj->dev, mc);
	}
}

static int ibback_qp_destroy(struct ibback_obj *obj)
{
	struct ibback_qp *qp = ibback_to(qp, obj);
	struct ibback_hca *hca = obj->dev->hca;

	if (!list_empty(&qp->mcast))
		return -EBUSY;
	xa_lock(&obj->dev->objects);
	hash_del(&qp->by_number);
	xa_unlock(&obj->dev->objects);
	ibback_qp_reset(obj);
	hca->ops->qp->destroy(hca, qp->hw, qp->in_group);
	if (qp->in_group)
		ibback_total_add(IBBACK_TOTAL_STUCK, 1);
	ibback_queue_unmap(obj->dev, &qp->queue);
	return 0;
}

const struct ibback_obj_type ibback_qp_type = {
	.name = "QP",
	.size = sizeof(struct ibback_qp),
	.events = true,
	.destroy = ibback_qp_destroy,
	.stop = ibback_qp_reset,
	.detach = ibback_qp_detach_all,
};
