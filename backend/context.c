// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: contexts, which are doorbell pages, and protection domains. */

#include "ibback.h"

/* A PV guest maps machine frames, another what the toolstack put there. */
static void fill_uar(const struct ibback_dev *dev, const struct ibback_uar *uar,
		     struct vibif_uar *rsp)
{
	rsp->index = uar->index;
	rsp->frame = uar->frame;
	rsp->bf_frame = uar->bf_frame;
	if (dev->has_gfn_base) {
		rsp->frame = dev->gfn_base + 2 * (uar - dev->uar);
		if (uar->bf_frame)
			rsp->bf_frame = rsp->frame + 1;
	}
}

static int context_create(struct ibback_obj *obj, const struct vibif_req *req,
			  struct vibif_rsp *rsp)
{
	struct ibback_context *ctx = ibback_to(context, obj);
	u32 i, nr = obj->dev->hca->uars_per_context;

	ctx->uar = ibback_uars_get(obj->dev);
	if (!ctx->uar)
		return -ENOMEM;
	rsp->op.alloc_context.handle = obj->handle;
	rsp->op.alloc_context.nr_uars = nr;
	for (i = 0; i < nr; i++)
		fill_uar(obj->dev, &ctx->uar[i], &rsp->op.alloc_context.uar[i]);
	return 0;
}

int ibback_alloc_context(struct ibback_dev *dev, const struct vibif_req *req,
			 struct vibif_rsp *rsp)
{
	return ibback_obj_create(dev, IBBACK_CONTEXT, context_create, req, rsp);
}

int ibback_context_destroy(struct ibback_obj *obj)
{
	ibback_uars_put(obj->dev, ibback_to(context, obj)->uar);
	return 0;
}

static int pd_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_pd *pd = ibback_to(pd, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	err = hca->ops->pd->alloc(hca, &pd->pdn);
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

	hca->ops->pd->free(hca, ibback_to(pd, obj)->pdn);
	return 0;
}
