// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: XRC domains. */

#include "ibback.h"

static int xrcd_create(struct ibback_obj *obj, const struct vibif_req *req,
		       struct vibif_rsp *rsp)
{
	struct ibback_xrcd *xrcd = ibback_to(xrcd, obj);
	struct ibback_hca *hca = obj->dev->hca;

	xrcd->hw = hca->ops->xrcd->create(hca);
	if (IS_ERR(xrcd->hw))
		return PTR_ERR(xrcd->hw);
	rsp->op.alloc_xrcd.handle = obj->handle;
	return 0;
}

int ibback_alloc_xrcd(struct ibback_dev *dev, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	if (!(dev->limits.caps & IBBACK_CAP_XRC))
		return -EOPNOTSUPP;
	return ibback_obj_create(dev, IBBACK_XRCD, xrcd_create, req, rsp);
}

int ibback_xrcd_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->xrcd->destroy(hca, ibback_to(xrcd, obj)->hw);
	return 0;
}
