// SPDX-License-Identifier: GPL-2.0-only
/* Completion queues. */

#include <linux/log2.h>

#include "ibfront.h"

static void ibfront_cq_dispatch(struct ibfront_obj *obj, u32 events)
{
	struct ibfront_cq *cq = container_of(obj, struct ibfront_cq, obj);
	struct ib_cq *ibcq = &cq->ibcq;
	struct ib_event event = {
		.device = ibcq->device,
		.element.cq = ibcq,
		.event = IB_EVENT_CQ_ERR,
	};

	if (events & BIT(VIBIF_EVENT_COMPLETION)) {
		WRITE_ONCE(cq->arm_sn, cq->arm_sn + 1);
		ibcq->comp_handler(ibcq, ibcq->cq_context);
	}
	if (events & BIT(VIBIF_EVENT_CQ_ERROR) && ibcq->event_handler)
		ibcq->event_handler(&event, ibcq->cq_context);
}

static int ibfront_create_cq(struct ib_cq *ibcq,
			     const struct ib_cq_init_attr *attr,
			     struct compat_cq_attrs *attrs)
{
	struct vibif_req req = { .operation = VIBIF_OP_CREATE_CQ };
	struct vibif_create_cq_req *create = &req.op.create_cq;
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	struct ib_udata *udata = attrs ? compat_cq_udata(attrs) : NULL;
	struct ibfront_cq *cq = to_fcq(ibcq);
	struct ibfront_layout layout = {};
	struct ibfront_ucontext *ctx;
	struct vibif_rsp rsp;
	u32 entries;
	int err;

	cq->kernel = !udata;
	ctx = ibfront_context(dev, udata);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);

	if (!attr->cqe || attr->cqe > dev->attr.max_cqe ||
	    attr->flags & ~IB_UVERBS_CQ_FLAGS_TIMESTAMP_COMPLETION)
		return -EINVAL;
	/* Stamps are of no use without the HCA's clock, which guests lack */
	if (attr->flags)
		return -EOPNOTSUPP;

	entries = roundup_pow_of_two(attr->cqe + 1);
	err = dev->provider->create_cq(dev, entries, udata, &layout);
	if (err)
		return err;
	err = ibfront_queue_map(ctx, &cq->queue, &layout);
	if (err)
		return err;

	mutex_init(&cq->mutex);
	ibcq->cqe = entries - 1;
	if (cq->kernel) {
		err = ibfront_cq_init(cq);
		if (err)
			goto err_unmap;
	}
	cq->obj.dispatch = ibfront_cq_dispatch;
	create->context = ctx->obj.handle;
	create->entries = entries;
	create->comp_vector = attr->comp_vector %
			      ibcq->device->num_comp_vectors;
	create->pages = ibfront_page_list(cq->queue.mem);
	create->doorbell = ibfront_doorbell(&cq->queue);
	err = ibfront_create(dev, &cq->obj, &req, &rsp);
	if (err)
		goto err_fini;
	cq->number = rsp.op.create_cq.cqn;
	if (udata)
		err = ibfront_put_number(dev, &cq->obj, udata, cq->number);
	if (err)
		goto err_fini;
	return 0;

err_fini:
	ibfront_cq_fini(cq);
err_unmap:
	ibfront_queue_unmap(dev, &cq->queue);
	return err;
}

static int ibfront_modify_cq(struct ib_cq *ibcq, u16 count, u16 period)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_MODIFY_CQ,
		.handle = to_fcq(ibcq)->obj.handle,
		.op.modify_cq.count = count,
		.op.modify_cq.period_us = period,
	};
	struct vibif_rsp rsp;

	return ibfront_exec(to_fdev(ibcq->device), &req, &rsp);
}

static int ibfront_resize_cq_locked(struct ibfront_dev *dev,
				    struct ibfront_cq *cq, u32 entries,
				    struct ib_udata *udata)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_RESIZE_CQ,
		.handle = cq->obj.handle,
		.op.resize_cq.entries = entries,
	};
	struct ibfront_layout layout = {};
	struct ibfront_queue queue = {};
	struct vibif_rsp rsp;
	int err;

	lockdep_assert_held(&cq->mutex);

	if (entries == cq->ibcq.cqe + 1)
		return 0;
	err = dev->provider->resize_cq(dev, entries, udata, &layout);
	if (err)
		return err;
	err = ibfront_queue_map(ibfront_context(dev, udata), &queue, &layout);
	if (err)
		return err;

	req.op.resize_cq.pages = ibfront_page_list(queue.mem);
	err = ibfront_exec_alloc(dev, &req, &rsp);
	if (!err) {
		swap(cq->queue.mem, queue.mem);
		cq->ibcq.cqe = entries - 1;
	}
	ibfront_queue_unmap(dev, &queue);
	return err;
}

/*
 * The library copies the CQEs left in the old buffer, up to the one by which
 * the HCA says that it uses the new buffer.
 */
static int ibfront_resize_cq(struct ib_cq *ibcq, compat_cqe_t cqe,
			     struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	struct ibfront_cq *cq = to_fcq(ibcq);
	int err;

	if (!udata)
		return -EOPNOTSUPP;
	if (cqe < 1 || cqe > dev->attr.max_cqe)
		return -EINVAL;

	mutex_lock(&cq->mutex);
	err = ibfront_resize_cq_locked(dev, cq, roundup_pow_of_two(cqe + 1),
				       udata);
	mutex_unlock(&cq->mutex);
	return err;
}

static int ibfront_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	struct ibfront_cq *cq = to_fcq(ibcq);

	ibfront_destroy(dev, &cq->obj);
	ibfront_cq_fini(cq);
	ibfront_queue_unmap(dev, &cq->queue);
	return 0;
}

const struct ib_device_ops ibfront_cq_ops = {
	.create_cq = ibfront_create_cq,
	.destroy_cq = ibfront_destroy_cq,
	.modify_cq = ibfront_modify_cq,

	INIT_RDMA_OBJ_SIZE(ib_cq, ibfront_cq, ibcq),
};

const struct ib_device_ops ibfront_cq_resize_ops = {
	.resize_user_cq = ibfront_resize_cq,
};
