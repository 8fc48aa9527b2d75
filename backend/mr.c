// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: memory regions. */

#include "ibback.h"

static void mr_response(const struct ibback_mr *mr,
			struct vibif_reg_mr_rsp *rsp)
{
	rsp->handle = mr->obj.handle;
	rsp->lkey = mr->lkey;
	rsp->rkey = mr->rkey;
}

static int mr_create(struct ibback_obj *obj, const struct vibif_req *msg,
		     struct vibif_rsp *answer)
{
	const struct vibif_reg_mr_req *req = &msg->op.reg_mr;
	struct vibif_reg_mr_rsp *rsp = &answer->op.reg_mr;
	struct ibback_mr *mr = ibback_to(mr, obj);
	struct ibback_dev *dev = obj->dev;
	struct ibback_mr_params params = {
		.access = req->access,
		.iova = req->iova,
		.length = req->length,
	};
	struct ibback_obj *pd;
	int err;

	pd = ibback_obj_depend(obj, req->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	mr->access = req->access;
	mr->writable = req->flags & VIBIF_MR_WRITABLE;
	err = ibback_pages_map(dev, &mr->pages, &req->pages, mr->writable);
	if (err)
		return err;
	params.pdn = ibback_to(pd, pd)->pdn;
	params.pages = mr->pages.dma;
	mr->hw = dev->hca->ops->mr->create(dev->hca, &params, &mr->lkey,
					   &mr->rkey);
	if (IS_ERR(mr->hw)) {
		ibback_pages_unmap(dev, &mr->pages);
		return PTR_ERR(mr->hw);
	}
	mr_response(mr, rsp);
	return 0;
}

int ibback_reg_mr(struct ibback_dev *dev, const struct vibif_req *req,
		  struct vibif_rsp *rsp)
{
	int err = ibback_check_reg_mr(&req->op.reg_mr);

	return err ?: ibback_obj_create(dev, IBBACK_MR, mr_create, req, rsp);
}

/* What remains to be done once the HCA has answered; @pd, @pages or none. */
static void mr_changed(struct ibback_mr *mr,
		       const struct vibif_reg_mr_req *req,
		       struct ibback_obj **pd, struct ibback_pages *pages)
{
	if (req->flags & VIBIF_MR_REREG_PD)
		swap(mr->obj.dep[0], *pd);
	if (req->flags & VIBIF_MR_REREG_ACCESS)
		mr->access = req->access;
	if (req->flags & VIBIF_MR_REREG_TRANS) {
		mr->writable = req->flags & VIBIF_MR_WRITABLE;
		swap(mr->pages, *pages);
	}
}

/* The HCA may have some of it: keep everything until it gives up the MR. */
static void mr_break(struct ibback_mr *mr, struct ibback_obj **pd,
		     struct ibback_pages *pages)
{
	mr->broken = true;
	if (*pd)
		mr->obj.dep[mr->obj.nr_deps++] = *pd;
	*pd = NULL;
	swap(mr->other_pages, *pages);
}

static int mr_rereg(struct ibback_mr *mr, const struct vibif_reg_mr_req *req)
{
	struct ibback_dev *dev = mr->obj.dev;
	struct ibback_mr_params params = {
		.access = req->access,
		.iova = req->iova,
		.length = req->length,
	};
	struct ibback_pages pages = {};
	struct ibback_obj *pd = NULL;
	int err;

	err = ibback_check_rereg_mr(req, mr->access, mr->writable);
	if (err)
		return err;
	if (req->flags & VIBIF_MR_REREG_PD) {
		pd = ibback_obj_get(dev, req->pd, IBBACK_PD);
		if (!pd)
			return -ENOENT;
		params.pdn = ibback_to(pd, pd)->pdn;
	}
	if (req->flags & VIBIF_MR_REREG_TRANS)
		err = ibback_pages_map(dev, &pages, &req->pages,
				       req->flags & VIBIF_MR_WRITABLE);
	if (!err) {
		params.pages = pages.dma;
		err = dev->hca->ops->mr->rereg(dev->hca, mr->hw, &params,
					      req->flags);
		if (!err)
			mr_changed(mr, req, &pd, &pages);
		else if (err == -EIO)
			mr_break(mr, &pd, &pages);
	}
	ibback_pages_unmap(dev, &pages);
	if (pd)
		ibback_obj_put(pd);
	return err;
}

int ibback_rereg_mr(struct ibback_obj *obj, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	struct ibback_mr *mr = ibback_to(mr, obj);
	int err;

	if (mr->broken)
		return -EINVAL;
	err = mr_rereg(mr, &req->op.reg_mr);
	if (!err)
		mr_response(mr, &rsp->op.reg_mr);
	return err;
}

int ibback_mr_destroy(struct ibback_obj *obj)
{
	struct ibback_mr *mr = ibback_to(mr, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	err = hca->ops->mr->destroy(hca, mr->hw);
	if (err)
		return err;
	ibback_pages_unmap(obj->dev, &mr->pages);
	ibback_pages_unmap(obj->dev, &mr->other_pages);
	return 0;
}
