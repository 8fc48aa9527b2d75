// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: completion queues. */

#include "ibback.h"

/* What the guest has set, but no shorter period than its events allow. */
static int ibback_cq_moderate(struct ibback_cq *cq, u16 count, u16 period_us)
{
	struct ibback_hca *hca = cq->obj.dev->hca;
	u16 least = ibback_moderation(cq->obj.dev);

	if (period_us < least)
		return hca->ops->cq->modify(hca, cq->hw, U16_MAX, least);
	return hca->ops->cq->modify(hca, cq->hw, count, period_us);
}

int ibback_cq_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_create_cq_req *args = &req->op.create_cq;
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_cq_params params = {
		.entries = args->entries,
		.vector = args->comp_vector,
		.sink = { ibback_obj_event, obj },
	};
	struct ibback_obj *ctx;
	int err;

	ctx = ibback_obj_depend(obj, args->context, IBBACK_CONTEXT);
	if (!ctx)
		return -ENOENT;
	err = ibback_queue_map(obj->dev, &cq->queue, &args->pages,
			       &args->doorbell);
	if (err)
		return err;
	params.uar = ibback_to(context, ctx)->uar;
	params.pages = cq->queue.pages.dma;
	params.db_addr = cq->queue.db_addr;
	cq->hw = hca->ops->cq->create(hca, &params, &obj->number);
	if (IS_ERR(cq->hw)) {
		ibback_queue_unmap(obj->dev, &cq->queue);
		return PTR_ERR(cq->hw);
	}
	if (ibback_moderation(obj->dev))
		ibback_cq_moderate(cq, 0, 0);
	rsp->op.create_cq.cqn = obj->number;
	return 0;
}

int ibback_cq_modify(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_modify_cq_req *args = &req->op.modify_cq;
	struct ibback_cq *cq = ibback_to(cq, obj);
	int err;

	err = ibback_cq_moderate(cq, args->count, args->period_us);
	if (!err) {
		cq->count = args->count;
		cq->period_us = args->period_us;
	}
	return err;
}

/**
 * ibback_cqs_moderate() - have the HCA tell less often of completions, or again
 *	as the guest has asked
 * @dev: the guest's device, connected
 * @on: which of the two
 *
 * In process context. A CQ for which this fails goes on, and so do the guest's
 * strikes.
 */
void ibback_cqs_moderate(struct ibback_dev *dev, bool on)
{
	struct ibback_obj *obj;
	unsigned long handle;

	WRITE_ONCE(dev->moderated, on);
	xa_for_each(&dev->objects, handle, obj) {
		struct ibback_cq *cq;

		mutex_lock(&dev->walk_lock);
		obj = ibback_obj_get(dev, handle, IBBACK_CQ);
		if (obj) {
			cq = ibback_to(cq, obj);
			mutex_lock(&obj->lock);
			ibback_cq_moderate(cq, cq->count, cq->period_us);
			mutex_unlock(&obj->lock);
			ibback_obj_put(obj);
		}
		mutex_unlock(&dev->walk_lock);
	}
}

int ibback_cq_resize(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_resize_cq_req *args = &req->op.resize_cq;
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_dev *dev = obj->dev;
	struct ibback_pages pages = {};
	int err;

	err = ibback_check_resize_cq(&dev->limits, args);
	if (err)
		return err;
	err = ibback_pages_map(dev, &pages, &args->pages, true);
	if (err)
		return err;
	err = dev->hca->ops->cq->resize(dev->hca, cq->hw, args->entries,
					&pages.dma);
	/* On success unmap the old pages, on failure the new ones */
	if (!err)
		swap(cq->queue.pages, pages);
	ibback_pages_unmap(dev, &pages);
	return err;
}

static int ibback_cq_destroy(struct ibback_obj *obj)
{
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->cq->destroy(hca, cq->hw);
	ibback_queue_unmap(obj->dev, &cq->queue);
	return 0;
}

const struct ibback_obj_type ibback_cq_type = {
	.name = "CQ",
	.size = sizeof(struct ibback_cq),
	.events = true,
	.destroy = ibback_cq_destroy,
};
