// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: contexts, which are doorbell pages, and protection domains. */

#include <linux/slab.h>

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

int ibback_alloc_context(struct ibback_dev *dev, const struct vibif_req *req,
			 struct vibif_rsp *rsp)
{
	struct ibback_context *ctx;
	int err;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	err = ibback_obj_init(dev, &ctx->obj, IBBACK_CONTEXT);
	if (err)
		goto err_free;
	ctx->uar = ibback_uar_get(dev);
	if (!ctx->uar) {
		err = -ENOMEM;
		goto err_obj;
	}
	rsp->op.alloc_context.handle = ctx->obj.handle;
	context_frames(dev, ctx->uar, &rsp->op.alloc_context);
	ibback_obj_publish(&ctx->obj);
	return 0;

err_obj:
	ibback_obj_abort(&ctx->obj);
err_free:
	kfree(ctx);
	return err;
}

int ibback_context_destroy(struct ibback_obj *obj)
{
	ibback_uar_put(obj->dev, ibback_to(context, obj)->uar);
	return 0;
}

int ibback_alloc_pd(struct ibback_dev *dev, const struct vibif_req *req,
		    struct vibif_rsp *rsp)
{
	struct ibback_pd *pd;
	int err;

	pd = kzalloc(sizeof(*pd), GFP_KERNEL);
	if (!pd)
		return -ENOMEM;
	err = ibback_obj_init(dev, &pd->obj, IBBACK_PD);
	if (err)
		goto err_free;
	err = dev->hca->ops->pd_alloc(dev->hca, &pd->pdn);
	if (err)
		goto err_obj;
	rsp->op.alloc_pd.handle = pd->obj.handle;
	rsp->op.alloc_pd.pdn = pd->pdn;
	ibback_obj_publish(&pd->obj);
	return 0;

err_obj:
	ibback_obj_abort(&pd->obj);
err_free:
	kfree(pd);
	return err;
}

int ibback_pd_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->pd_free(hca, ibback_to(pd, obj)->pdn);
	return 0;
}
