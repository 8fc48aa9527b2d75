// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: memory windows. Binding them is a work request, and none of ours. */

#include <linux/slab.h>

#include "ibback.h"

static int mw_create(struct ibback_mw *mw, const struct vibif_alloc_mw_req *req,
		     struct vibif_alloc_mw_rsp *rsp)
{
	struct ibback_hca *hca = mw->obj.dev->hca;
	struct ibback_obj *pd;
	u32 rkey;

	pd = ibback_obj_depend(&mw->obj, req->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	mw->hca = hca->ops->mw_create(hca, ibback_to(pd, pd)->pdn,
				      (enum ib_mw_type)req->type, &rkey);
	if (IS_ERR(mw->hca))
		return PTR_ERR(mw->hca);
	rsp->handle = mw->obj.handle;
	rsp->rkey = rkey;
	return 0;
}

int ibback_alloc_mw(struct ibback_dev *dev, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	struct ibback_mw *mw;
	int err;

	err = ibback_check_alloc_mw(&req->op.alloc_mw);
	if (err)
		return err;
	mw = kzalloc(sizeof(*mw), GFP_KERNEL);
	if (!mw)
		return -ENOMEM;
	err = ibback_obj_init(dev, &mw->obj, IBBACK_MW);
	if (err)
		goto err_free;
	err = mw_create(mw, &req->op.alloc_mw, &rsp->op.alloc_mw);
	if (err)
		goto err_obj;
	ibback_obj_publish(&mw->obj);
	return 0;

err_obj:
	ibback_obj_abort(&mw->obj);
err_free:
	kfree(mw);
	return err;
}

int ibback_mw_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->mw_destroy(hca, ibback_to(mw, obj)->hca);
	return 0;
}
