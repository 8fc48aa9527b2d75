// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: memory regions. */

#include <linux/slab.h>

#include "ibback.h"

static int mr_create(struct ibback_mr *mr, const struct vibif_reg_mr_req *req,
		     struct vibif_reg_mr_rsp *rsp)
{
	struct ibback_dev *dev = mr->obj.dev;
	struct ibback_mr_params params = {
		.access = req->access,
		.iova = req->iova,
		.length = req->length,
	};
	struct ibback_obj *pd;
	u32 lkey, rkey;
	int err;

	pd = ibback_obj_depend(&mr->obj, req->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	err = ibback_pages_map(dev, &mr->pages, &req->pages,
			       req->flags & VIBIF_MR_WRITABLE);
	if (err)
		return err;
	params.pdn = ibback_to(pd, pd)->pdn;
	params.pages = mr->pages.dma;
	mr->hca = dev->hca->ops->mr_create(dev->hca, &params, &lkey, &rkey);
	if (IS_ERR(mr->hca)) {
		ibback_pages_unmap(dev, &mr->pages);
		return PTR_ERR(mr->hca);
	}
	rsp->handle = mr->obj.handle;
	rsp->lkey = lkey;
	rsp->rkey = rkey;
	return 0;
}

int ibback_reg_mr(struct ibback_dev *dev, const struct vibif_req *req,
		  struct vibif_rsp *rsp)
{
	struct ibback_mr *mr;
	int err;

	err = ibback_check_reg_mr(&req->op.reg_mr);
	if (err)
		return err;
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return -ENOMEM;
	err = ibback_obj_init(dev, &mr->obj, IBBACK_MR);
	if (err)
		goto err_free;
	err = mr_create(mr, &req->op.reg_mr, &rsp->op.reg_mr);
	if (err)
		goto err_obj;
	ibback_obj_publish(&mr->obj);
	return 0;

err_obj:
	ibback_obj_abort(&mr->obj);
err_free:
	kfree(mr);
	return err;
}

int ibback_mr_destroy(struct ibback_obj *obj)
{
	struct ibback_mr *mr = ibback_to(mr, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	err = hca->ops->mr_destroy(hca, mr->hca);
	if (!err)
		ibback_pages_unmap(obj->dev, &mr->pages);
	return err;
}
