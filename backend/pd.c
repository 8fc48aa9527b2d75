// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: protection domains. */

#include "ibback.h"

int ibback_pd_create(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	err = hca->ops->pd->alloc(hca, &obj->number);
	rsp->op.alloc_pd.pdn = obj->number;
	return err;
}

static int ibback_pd_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->pd->free(hca, obj->number);
	return 0;
}

const struct ibback_obj_type ibback_pd_type = {
	.name = "PD",
	.size = sizeof(struct ibback_obj),
	.destroy = ibback_pd_destroy,
};
