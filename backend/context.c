// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: contexts, which are doorbell pages, and protection domains. */

#include "ibback.h"

/* A PV guest maps machine frames, another what the toolstack put there. */
static void context_frames(const struct ibback_dev *dev,
			   const struct ibback_uar *uar,
			   struct vibif_alloc_context_rsp *rsp)
{
	rsp->uar_index = uar->index;
	rsp->uar_frame = uar->frame;
	rsp->bf_frame = uar->bf_frame;
	if (dev->has_gfn_base) {
		rsp->uar_frame = dev->gfn_base + 2 * (uar - dev->uar);
		if (uar->bf_frame)
			rsp->bf_frame = rsp->uar_frame + 1;
	}
}

static int context_create(struct ibback_obj *obj, const struct vibif_req *req,
			  struct vibif_rsp *rsp)
{
	struct ibback_context *ctx = ibback_to(context, obj);

	ctx->uar = ibback_uar_get(obj->dev);
	if (!ctx->uar)
		return -ENOMEM;
	rsp->op.alloc_context.handle = obj->handle;
	context_frames(obj->dev, ctx->uar, &rsp->op.alloc_context);
	return 0;
}

int ibback_alloc_context(struct ibback_dev *dev, const struct vibif_req *req,
			 struct vibif_rsp *rsp)
{
	return ibback_obj_create(dev, IBBACK_CONTEXT, context_create, req, rsp);
}

int ibback_context_destroy(struct ibback_obj *obj)
{
	ibback_uar_put(obj->dev, ibback_to(context, obj)->uar);
	return 0;
}

static int pd_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_pd *pd = ibback_to(pd, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	err = hca->ops->pd_alloc(hca, &pd->pdn);
	if (err)
		return err;
	rsp->op.alloc_pd.handle = obj->handle;
	rsp->op.alloc_pd.pdn = pd->pdn;
	return 0;
}

int ibback_alloc_pd(struct ibback_dev *dev, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	return ibback_obj_create(dev, IBBACK_PD, pd_create, req, rsp);
}

int ibback_pd_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->pd_free(hca, ibback_to(pd, obj)->pdn);
	return 0;
}
