// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: XRC domains. */

#include <linux/slab.h>

#include "ibback.h"

int ibback_alloc_xrcd(struct ibback_dev *dev, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	struct ibback_xrcd *xrcd;
	int err;

	xrcd = kzalloc(sizeof(*xrcd), GFP_KERNEL);
	if (!xrcd)
		return -ENOMEM;
	err = ibback_obj_init(dev, &xrcd->obj, IBBACK_XRCD);
	if (err)
		goto err_free;
	xrcd->hca = dev->hca->ops->xrcd_create(dev->hca);
	if (IS_ERR(xrcd->hca)) {
		err = PTR_ERR(xrcd->hca);
		goto err_obj;
	}
	rsp->op.alloc_xrcd.handle = xrcd->obj.handle;
	ibback_obj_publish(&xrcd->obj);
	return 0;

err_obj:
	ibback_obj_abort(&xrcd->obj);
err_free:
	kfree(xrcd);
	return err;
}

int ibback_xrcd_destroy(struct ibback_obj *obj)
{
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->xrcd_destroy(hca, ibback_to(xrcd, obj)->hca);
	return 0;
}
