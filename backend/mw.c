// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: memory windows. Binding them is a work request, and none of ours. */

#include "ibback.h"

static int mw_create(struct ibback_obj *obj, const struct vibif_req *msg,
		     struct vibif_rsp *answer)
{
	const struct vibif_alloc_mw_req *req = &msg->op.alloc_mw;
	struct vibif_alloc_mw_rsp *rsp = &answer->op.alloc_mw;
	struct ibback_mw *mw = ibback_to(mw, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_obj *pd;
	u32 rkey;

	pd = ibback_obj_depend(obj, req->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	mw->hw = hca->ops->mw->create(hca, ibback_to(pd, pd)->pdn,
				      (enum ib_mw_type)req->type, &rkey);
	if (IS_ERR(mw->hw))
		return PTR_ERR(mw->hw);
	rsp->handle = obj->handle;
	rsp->rkey = rkey;
	return 0;
}

int ibback_alloc_mw(struct ibback_dev *dev, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	int err = ibback_check_alloc_mw(&dev->limits, &req->op.alloc_mw);

	return err ?: ibback_obj_create(dev, IBBACK_MW, mw_create, req, rsp);
}

int ibback_mw_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->mw->destroy(hca, ibback_to(mw, obj)->hw);
	return 0;
}
