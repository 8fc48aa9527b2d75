// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: XRC domains. */

#include "ibback.h"

int ibback_xrcd_create(struct ibback_obj *obj, const struct vibif_req *req,
		       struct vibif_rsp *rsp)
{
	struct ibback_xrcd *xrcd = ibback_to(xrcd, obj);
	struct ibback_hca *hca = obj->dev->hca;

	xrcd->hw = hca->ops->xrcd->create(hca);
	return PTR_ERR_OR_ZERO(xrcd->hw);
}

static int ibback_xrcd_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->xrcd->destroy(hca, ibback_to(xrcd, obj)->hw);
	return 0;
}

const struct ibback_obj_type ibback_xrcd_type = {
	.name = "XRCD",
	.size = sizeof(struct ibback_xrcd),
	.destroy = ibback_xrcd_destroy,
};
