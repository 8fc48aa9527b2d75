// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: memory windows. Binding them is a work request, and none of ours. */

#include "ibback.h"

struct ibback_mw {
	struct ibback_obj obj;
	struct ibback_hw_mw *hw;
};

int ibback_mw_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_alloc_mw_req *args = &req->op.alloc_mw;
	struct ibback_mw *mw = ibback_to(mw, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_obj *pd;

	pd = ibback_obj_depend(obj, args->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	mw->hw = hca->ops->mw->create(hca, pd->number,
				      (enum ib_mw_type)args->type,
				      &obj->number);
	if (IS_ERR(mw->hw))
		return PTR_ERR(mw->hw);
	rsp->op.alloc_mw.rkey = obj->number;
	return 0;
}

static int ibback_mw_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->mw->destroy(hca, ibback_to(mw, obj)->hw);
	return 0;
}

const struct ibback_obj_type ibback_mw_type = {
	.name = "MW",
	.size = sizeof(struct ibback_mw),
	.destroy = ibback_mw_destroy,
};
