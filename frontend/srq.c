// SPDX-License-Identifier: GPL-2.0-only
/* Shared receive queues. */

#include <linux/log2.h>

#include "ibfront.h"

static void ibfront_srq_dispatch(struct ibfront_obj *obj, u32 events)
{
	struct ibfront_srq *srq = container_of(obj, struct ibfront_srq, obj);
	struct ib_srq *ibsrq = &srq->ibsrq;
	struct ib_event event = {
		.device = ibsrq->device,
		.element.srq = ibsrq,
	};

	if (!ibsrq->event_handler)
		return;
	if (events & BIT(VIBIF_EVENT_SRQ_LIMIT)) {
		event.event = IB_EVENT_SRQ_LIMIT_REACHED;
		ibsrq->event_handler(&event, ibsrq->srq_context);
	}
	if (events & BIT(VIBIF_EVENT_SRQ_ERROR)) {
		event.event = IB_EVENT_SRQ_ERR;
		ibsrq->event_handler(&event, ibsrq->srq_context);
	}
}

static int ibfront_create_srq(struct ib_srq *ibsrq,
			      struct ib_srq_init_attr *init_attr,
			      struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_CREATE_SRQ };
	struct ibfront_dev *dev = to_fdev(ibsrq->device);
	struct vibif_create_srq_req *create = &req.op.create_srq;
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	struct ibfront_layout layout = {};
	struct ibfront_ucontext *ctx;
	struct vibif_rsp rsp;
	u64 pieces;
	int err;

	if (init_attr->srq_type != IB_SRQT_BASIC &&
	    (init_attr->srq_type != IB_SRQT_XRC || !udata))
		return -EOPNOTSUPP;
	ctx = ibfront_context(dev, udata);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	pieces = (u64)init_attr->attr.max_wr * init_attr->attr.max_sge;
	err = dev->provider->create_srq(dev, &init_attr->attr, udata, &srq->wq,
					&layout);
	if (err)
		return err;
	err = ibfront_queue_map(ctx, &srq->queue, &layout);
	if (err)
		return err;
	if (!udata) {
		err = ibfront_srq_init(srq);
		if (err)
			goto err_unmap;
	}

	srq->obj.dispatch = ibfront_srq_dispatch;
	create->pd = to_fpd(ibsrq->pd)->obj.handle;
	create->type = VIBIF_SRQ_BASIC;
	if (init_attr->srq_type == IB_SRQT_XRC)
		ibfront_xrc_fill_srq(create, init_attr);
	create->log_wqe_count = ilog2(srq->wq.count);
	create->log_wqe_stride = srq->wq.log_stride;
	create->pages = ibfront_page_list(srq->queue.mem);
	create->doorbell = ibfront_doorbell(&srq->queue);
	err = ibfront_create(dev, &srq->obj, &req, &rsp);
	if (err)
		goto err_fini;
	if (udata)
		err = ibfront_put_number(dev, &srq->obj, udata,
					 rsp.op.create_srq.srqn);
	if (err)
		goto err_fini;

	if (!udata)
		ibfront_arena_expect(dev, pieces);
	ibsrq->ext.xrc.srq_num = rsp.op.create_srq.srqn;
	init_attr->attr.max_wr = srq->wq.count - 1;
	return 0;

err_fini:
	ibfront_srq_fini(srq);
err_unmap:
	ibfront_queue_unmap(dev, &srq->queue);
	return err;
}

static int ibfront_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
			      enum ib_srq_attr_mask attr_mask,
			      struct ib_udata *udata)
{
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	struct vibif_req req = {
		.operation = VIBIF_OP_MODIFY_SRQ,
		.handle = srq->obj.handle,
		.op.modify_srq.limit = attr->srq_limit,
	};
	struct vibif_rsp rsp;

	if (attr_mask & IB_SRQ_MAX_WR)
		return -EINVAL;
	if (!(attr_mask & IB_SRQ_LIMIT))
		return 0;
	if (attr->srq_limit >= srq->wq.count)
		return -EINVAL;
	return ibfront_exec(to_fdev(ibsrq->device), &req, &rsp);
}

static int ibfront_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr)
{
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	struct vibif_req req = {
		.operation = VIBIF_OP_QUERY_SRQ,
		.handle = srq->obj.handle,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(to_fdev(ibsrq->device), &req, &rsp);
	if (err)
		return err;

	attr->srq_limit = rsp.op.query_srq.limit;
	attr->max_wr = srq->wq.count - 1;
	attr->max_sge = srq->wq.max_sge;
	return 0;
}

static int ibfront_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibsrq->device);
	struct ibfront_srq *srq = to_fsrq(ibsrq);

	ibfront_destroy(dev, &srq->obj);
	ibfront_srq_fini(srq);
	ibfront_queue_unmap(dev, &srq->queue);
	return 0;
}

const struct ib_device_ops ibfront_srq_ops = {
	.create_srq = ibfront_create_srq,
	.destroy_srq = ibfront_destroy_srq,
	.modify_srq = ibfront_modify_srq,
	.query_srq = ibfront_query_srq,

	INIT_RDMA_OBJ_SIZE(ib_srq, ibfront_srq, ibsrq),
};
