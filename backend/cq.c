// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: completion queues. */

#include <linux/slab.h>

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

static int cq_create(struct ibback_cq *cq,
		     const struct vibif_create_cq_req *req,
		     struct vibif_create_cq_rsp *rsp)
{
	struct ibback_hca *hca = cq->obj.dev->hca;
	struct ibback_cq_params params = {
		.entries = req->entries,
		.vector = req->comp_vector,
		.sink = { ibback_obj_event, &cq->obj },
	};
	struct ibback_obj *ctx;
	u32 cqn;
	int err;

	ctx = ibback_obj_depend(&cq->obj, req->context, IBBACK_CONTEXT);
	if (!ctx)
		return -ENOENT;
	err = cq_map(cq, req);
	if (err)
		return err;
	params.uar = ibback_to(context, ctx)->uar;
	params.pages = cq->pages.dma;
	params.db_addr = cq->db.dma.addr[0] + req->doorbell.offset;
	cq->hca = hca->ops->cq_create(hca, &params, &cqn);
	if (IS_ERR(cq->hca)) {
		cq_unmap(cq);
		return PTR_ERR(cq->hca);
	}
	rsp->handle = cq->obj.handle;
	rsp->cqn = cqn;
	return 0;
}

int ibback_create_cq(struct ibback_dev *dev, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_cq *cq;
	int err;

	err = ibback_check_create_cq(&dev->limits, &req->op.create_cq);
	if (err)
		return err;
	cq = kzalloc(sizeof(*cq), GFP_KERNEL);
	if (!cq)
		return -ENOMEM;
	err = ibback_obj_init(dev, &cq->obj, IBBACK_CQ);
	if (err)
		goto err_free;
	err = cq_create(cq, &req->op.create_cq, &rsp->op.create_cq);
	if (err)
		goto err_obj;
	ibback_obj_publish(&cq->obj);
	return 0;

err_obj:
	ibback_obj_abort(&cq->obj);
err_free:
	kfree(cq);
	return err;
}

int ibback_modify_cq(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_hca *hca = obj->dev->hca;

	return hca->ops->cq_modify(hca, ibback_to(cq, obj)->hca,
				   req->op.modify_cq.count,
				   req->op.modify_cq.period_us);
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
	err = dev->hca->ops->cq_resize(dev->hca, cq->hca, resize->entries,
				       &pages.dma);
	/* Of the two it is the one that the HCA does not use that goes */
	if (!err)
		swap(cq->pages, pages);
	ibback_pages_unmap(dev, &pages);
	return err;
}

int ibback_cq_destroy(struct ibback_obj *obj)
{
	struct ibback_cq *cq = ibback_to(cq, obj);
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->cq_destroy(hca, cq->hca);
	cq_unmap(cq);
	return 0;
}
