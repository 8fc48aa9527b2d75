// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: completion queues. */

#include "ibback.h"

static void cq_unmap(struct ibback_cq *cq)
{
	ibback_pages_unmap(cq->obj.dev, &cq->db);
	ibback_pages_unmap(cq->obj.dev, &cq->pages);
}

static int cq_map(struct ibback_cq *cq, const struct vibif_create_cq_req *req)
{
	int err;

	err = ibback_pages_map(cq->obj.dev, &cq->pages, &req->pages, true);
	if (!err)
		err = ibback_page_map(cq->obj.dev, &cq->db,
				      req->doorbell.gref);
	if (err)
		cq_unmap(cq);
	return err;
}

/* What the guest has set; but one with too many events gets no shorter period. */
static int cq_moderate(struct ibback_cq *cq, u16 count, u16 period_us)
{
	struct ibback_hca *hca = cq->obj.dev->hca;
	u16 least = ibback_moderation(cq->obj.dev);

	if (period_us < least)
		return hca->ops->cq->modify(hca, cq->hw, U16_MAX, least);
	return hca->ops->cq->modify(hca, cq->hw, count, period_us);
}

static int cq_create(struct ibback_obj *obj, const struct vibif_req *msg,
		     struct vibif_rsp *answer)
{
	const struct vibif_create_cq_req *req = &msg->op.create_cq;
	struct vibif_create_cq_rsp *rsp = &answer->op.create_cq;
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_cq_params params = {
		.entries = req->entries,
		.vector = req->comp_vector,
		.sink = { ibback_obj_event, obj },
	};
	struct ibback_obj *ctx;
	u32 cqn;
	int err;

	ctx = ibback_obj_depend(obj, req->context, IBBACK_CONTEXT);
	if (!ctx)
		return -ENOENT;
	err = cq_map(cq, req);
	if (err)
		return err;
	params.uar = ibback_to(context, ctx)->uar;
	params.pages = cq->pages.dma;
	params.db_addr = cq->db.dma.addr[0] + req->doorbell.offset;
	cq->hw = hca->ops->cq->create(hca, &params, &cqn);
	if (IS_ERR(cq->hw)) {
		cq_unmap(cq);
		return PTR_ERR(cq->hw);
	}
	if (ibback_moderation(obj->dev))
		cq_moderate(cq, 0, 0);
	rsp->handle = obj->handle;
	rsp->cqn = cqn;
	return 0;
}

int ibback_create_cq(struct ibback_dev *dev, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	int err = ibback_check_create_cq(&dev->limits, &req->op.create_cq);

	return err ?: ibback_obj_create(dev, IBBACK_CQ, cq_create, req, rsp);
}

int ibback_modify_cq(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_modify_cq_req *modify = &req->op.modify_cq;
	struct ibback_cq *cq = ibback_to(cq, obj);
	int err;

	err = cq_moderate(cq, modify->count, modify->period_us);
	if (!err) {
		cq->count = modify->count;
		cq->period_us = modify->period_us;
	}
	return err;
}

/**
 * ibback_cqs_moderate - have the HCA tell less often of completions, or again
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
			cq_moderate(cq, cq->count, cq->period_us);
			mutex_unlock(&obj->lock);
			ibback_obj_put(obj);
		}
		mutex_unlock(&dev->walk_lock);
	}
}

int ibback_resize_cq(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_resize_cq_req *resize = &req->op.resize_cq;
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_dev *dev = obj->dev;
	struct ibback_pages pages = {};
	int err;

	err = ibback_check_resize_cq(&dev->limits, resize);
	if (err)
		return err;
	err = ibback_pages_map(dev, &pages, &resize->pages, true);
	if (err)
		return err;
	err = dev->hca->ops->cq->resize(dev->hca, cq->hw, resize->entries,
				       &pages.dma);
	/* On success unmap the old pages, on failure the new ones */
	if (!err)
		swap(cq->pages, pages);
	ibback_pages_unmap(dev, &pages);
	return err;
}

int ibback_cq_destroy(struct ibback_obj *obj)
{
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->cq->destroy(hca, cq->hw);
	cq_unmap(cq);
	return 0;
}
