// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: XRC domains, and what QPs and SRQs use of them. */

#include "ibback.h"

struct ibback_xrcd {
	struct ibback_obj obj;
	struct ibback_hw_xrcd *hw;
};

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

/**
 * ibback_xrc_target_depend() - find what an XRC target QP uses: its domain
 * @obj: the QP
 * @args: what it is created with
 * @params: filled in
 */
int ibback_xrc_target_depend(struct ibback_obj *obj,
			     const struct vibif_create_qp_req *args,
			     struct ibback_qp_params *params)
{
	struct ibback_obj *xrcd;

	xrcd = ibback_obj_depend(obj, args->xrcd, IBBACK_XRCD);
	if (!xrcd)
		return -ENOENT;
	params->xrcd = ibback_to(xrcd, xrcd)->hw;
	return 0;
}

/**
 * ibback_xrc_srq_depend() - find what an XRC SRQ uses and no other does
 * @obj: the SRQ
 * @args: what it is created with
 * @params: filled in
 */
int ibback_xrc_srq_depend(struct ibback_obj *obj,
			  const struct vibif_create_srq_req *args,
			  struct ibback_srq_params *params)
{
	struct ibback_obj *cq, *xrcd;

	cq = ibback_obj_depend(obj, args->cq, IBBACK_CQ);
	xrcd = ibback_obj_depend(obj, args->xrcd, IBBACK_XRCD);
	if (!cq || !xrcd)
		return -ENOENT;
	params->cq = ibback_to(cq, cq)->hw;
	params->xrcd = ibback_to(xrcd, xrcd)->hw;
	return 0;
}

const struct ibback_obj_type ibback_xrcd_type = {
	.name = "XRCD",
	.size = sizeof(struct ibback_xrcd),
	.destroy = ibback_xrcd_destroy,
};
