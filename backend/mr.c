// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: memory regions. */

#include "ibback.h"

/**
 * struct ibback_mr - a memory region
 * @obj: depends on the PD, and on @source; if @broken, also on what was to
 *	become its PD
 * @hw: the HCA's
 * @pd: the PD; NULL: it has been retired, and is a source and nothing else
 * @lkey: of @hw
 * @rkey: of @hw
 * @access: VIBIF_ACCESS_*
 * @writable: @pages are mapped for writing
 * @broken: a REREG_MR failed halfway, nothing is left but to destroy it
 * @source: whose pages it has; NULL: it is no share
 * @shares: how many have it for a source; under its lock
 * @pages: what it translates to, if it has pages of its own
 * @other_pages: what it was to translate to, if @broken
 */
struct ibback_mr {
	struct ibback_obj obj;
	struct ibback_hw_mr *hw;
	struct ibback_obj *pd;
	u32 lkey;
	u32 rkey;
	u32 access;
	bool writable;
	bool broken;
	struct ibback_mr *source;
	unsigned int shares;
	struct ibback_pages pages;
	struct ibback_pages other_pages;
};

static void ibback_mr_response(const struct ibback_mr *mr,
			       struct vibif_rsp *rsp)
{
	rsp->op.reg_mr.lkey = mr->lkey;
	rsp->op.reg_mr.rkey = mr->rkey;
}

/* @source: NULL, or whose @dma it is */
static int ibback_mr_to_hca(struct ibback_mr *mr,
			    const struct vibif_reg_mr_req *args,
			    const struct ibback_dma *dma,
			    struct ibback_mr *source)
{
	struct ibback_hca *hca = mr->obj.dev->hca;
	struct ibback_mr_params params = {
		.pdn = mr->pd->number,
		.access = args->access,
		.iova = args->iova,
		.length = args->length,
		.pages = *dma,
		.source = source ? source->hw : NULL,
	};

	mr->hw = hca->ops->mr->create(hca, &params, &mr->lkey, &mr->rkey);
	return PTR_ERR_OR_ZERO(mr->hw);
}

static int ibback_mr_register(struct ibback_mr *mr,
			      const struct vibif_reg_mr_req *args)
{
	struct ibback_dev *dev = mr->obj.dev;
	int err;

	mr->writable = args->flags & VIBIF_MR_WRITABLE;
	err = ibback_pages_map(dev, &mr->pages, &args->pages, mr->writable);
	if (err)
		return err;
	err = ibback_mr_to_hca(mr, args, &mr->pages.dma, NULL);
	if (err)
		ibback_pages_unmap(dev, &mr->pages);
	return err;
}

/* The source's lock is held: it keeps its pages, and is not being changed. */
static int ibback_mr_do_share(struct ibback_mr *mr, struct ibback_mr *source,
			      const struct vibif_reg_mr_req *args)
{
	int err;

	if (source->broken || source->source)
		return -EINVAL;
	err = ibback_check_share_mr(args, source->pages.dma.nr,
				    source->writable);
	if (!err)
		err = ibback_mr_to_hca(mr, args, &source->pages.dma, source);
	if (err)
		return err;
	mr->source = source;
	mr->writable = source->writable;
	source->shares++;
	return 0;
}

static int ibback_mr_share(struct ibback_mr *mr,
			   const struct vibif_reg_mr_req *args)
{
	struct ibback_obj *source;
	int err;

	source = ibback_obj_depend(&mr->obj, args->source, IBBACK_MR);
	if (!source)
		return -ENOENT;
	mutex_lock(&source->lock);
	err = ibback_mr_do_share(mr, ibback_to(mr, source), args);
	mutex_unlock(&source->lock);
	return err;
}

int ibback_mr_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_reg_mr_req *args = &req->op.reg_mr;
	struct ibback_mr *mr = ibback_to(mr, obj);
	int err;

	mr->pd = ibback_obj_depend(obj, args->pd, IBBACK_PD);
	if (!mr->pd)
		return -ENOENT;
	mr->access = args->access;
	if (args->flags & VIBIF_MR_SHARE)
		err = ibback_mr_share(mr, args);
	else
		err = ibback_mr_register(mr, args);
	if (err)
		return err;
	obj->number = mr->lkey;
	ibback_mr_response(mr, rsp);
	return 0;
}

/*
 * The HCA has answered: keep what it uses now. @pd and @pages, or none, become
 * what it does not. If it may use both, all is kept until it gives up the MR.
 */
static void ibback_mr_changed(struct ibback_mr *mr,
			      const struct vibif_reg_mr_req *args, int err,
			      struct ibback_obj **pd,
			      struct ibback_pages *pages)
{
	if (err == -EIO) {
		mr->broken = true;
		*pd = NULL;
		swap(mr->other_pages, *pages);
	}
	if (err)
		return;
	if (args->flags & VIBIF_MR_REREG_PD)
		swap(mr->pd, *pd);
	if (args->flags & VIBIF_MR_REREG_ACCESS)
		mr->access = args->access;
	if (args->flags & VIBIF_MR_REREG_TRANS) {
		mr->writable = args->flags & VIBIF_MR_WRITABLE;
		swap(mr->pages, *pages);
	}
}

static int ibback_mr_do_rereg(struct ibback_mr *mr,
			      const struct vibif_reg_mr_req *args)
{
	struct ibback_dev *dev = mr->obj.dev;
	struct ibback_mr_params params = {
		.access = args->access,
		.iova = args->iova,
		.length = args->length,
	};
	struct ibback_pages pages = {};
	struct ibback_obj *pd = NULL;
	int err;

	err = ibback_check_rereg_mr(args, mr->access, mr->writable);
	if (err)
		return err;
	if (args->flags & VIBIF_MR_REREG_TRANS && mr->shares)
		return -EBUSY;
	if (args->flags & VIBIF_MR_REREG_PD) {
		pd = ibback_obj_depend(&mr->obj, args->pd, IBBACK_PD);
		if (!pd)
			return -ENOENT;
		params.pdn = pd->number;
	}
	if (args->flags & VIBIF_MR_REREG_TRANS)
		err = ibback_pages_map(dev, &pages, &args->pages,
				       args->flags & VIBIF_MR_WRITABLE);
	if (!err) {
		params.pages = pages.dma;
		err = dev->hca->ops->mr->rereg(dev->hca, mr->hw, &params,
					       args->flags);
		ibback_mr_changed(mr, args, err, &pd, &pages);
	}
	ibback_pages_unmap(dev, &pages);
	if (pd)
		ibback_obj_undepend(&mr->obj, pd);
	return err;
}

int ibback_mr_rereg(struct ibback_obj *obj, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	struct ibback_mr *mr = ibback_to(mr, obj);
	int err;

	if (mr->broken || !mr->pd)
		return -EINVAL;
	err = ibback_mr_do_rereg(mr, &req->op.reg_mr);
	if (err)
		return err;
	rsp->op.reg_mr.handle = obj->handle;
	ibback_mr_response(mr, rsp);
	return 0;
}

int ibback_mr_retire(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_mr *mr = ibback_to(mr, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	if (mr->broken || mr->source || !mr->pd)
		return -EINVAL;
	err = hca->ops->mr->retire(hca, mr->hw);
	if (err)
		return err;
	ibback_obj_undepend(obj, mr->pd);
	mr->pd = NULL;
	obj->number = 0;
	return 0;
}

static int ibback_mr_destroy(struct ibback_obj *obj)
{
	struct ibback_mr *mr = ibback_to(mr, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	err = hca->ops->mr->destroy(hca, mr->hw);
	if (err)
		return err;
	ibback_pages_unmap(obj->dev, &mr->pages);
	ibback_pages_unmap(obj->dev, &mr->other_pages);
	if (mr->source) {
		mutex_lock(&mr->source->obj.lock);
		mr->source->shares--;
		mutex_unlock(&mr->source->obj.lock);
	}
	return 0;
}

const struct ibback_obj_type ibback_mr_type = {
	.name = "MR",
	.size = sizeof(struct ibback_mr),
	.destroy = ibback_mr_destroy,
};
