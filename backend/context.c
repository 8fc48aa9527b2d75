// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: contexts, which are doorbell pages. */

#include "ibback.h"

/* A PV guest maps machine frames, another what the toolstack put there. */
static void ibback_context_fill_uar(const struct ibback_dev *dev,
				    const struct ibback_uar *uar,
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

int ibback_context_create(struct ibback_obj *obj, const struct vibif_req *req,
			  struct vibif_rsp *rsp)
{
	struct vibif_alloc_context_rsp *answer = &rsp->op.alloc_context;
	struct ibback_context *ctx = ibback_to(context, obj);
	u32 i;

	ctx->uar = ibback_uars_get(obj->dev);
	if (!ctx->uar)
		return -ENOMEM;
	obj->number = ctx->uar->index;
	answer->nr_uars = obj->dev->hca->uars_per_context;
	for (i = 0; i < answer->nr_uars; i++)
		ibback_context_fill_uar(obj->dev, &ctx->uar[i],
					&answer->uar[i]);
	return 0;
}

static int ibback_context_destroy(struct ibback_obj *obj)
{
	ibback_uars_put(obj->dev, ibback_to(context, obj)->uar);
	return 0;
}

const struct ibback_obj_type ibback_context_type = {
	.name = "context",
	.size = sizeof(struct ibback_context),
	.destroy = ibback_context_destroy,
};
