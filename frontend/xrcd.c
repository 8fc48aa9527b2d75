// SPDX-License-Identifier: GPL-2.0-only
/* XRC domains, and what QPs and SRQs have of them. */

#include "ibfront.h"

struct ibfront_xrcd {
	struct ib_xrcd ibxrcd;
	struct ibfront_obj obj;
};

static struct ibfront_xrcd *to_fxrcd(struct ib_xrcd *ibxrcd)
{
	return container_of(ibxrcd, struct ibfront_xrcd, ibxrcd);
}

static int ibfront_alloc_xrcd(struct ib_xrcd *ibxrcd, struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_XRCD };
	struct vibif_rsp rsp;

	return ibfront_create(to_fdev(ibxrcd->device), &to_fxrcd(ibxrcd)->obj,
			      &req, &rsp);
}

static int ibfront_dealloc_xrcd(struct ib_xrcd *ibxrcd, struct ib_udata *udata)
{
	ibfront_destroy(to_fdev(ibxrcd->device), &to_fxrcd(ibxrcd)->obj);
	return 0;
}

/**
 * ibfront_has_xrc() - whether the backend serves XRC
 * @dev: the device
 */
bool ibfront_has_xrc(const struct ibfront_dev *dev)
{
	return dev->ibdev.ops.alloc_xrcd;
}

/**
 * ibfront_xrc_fill_target() - say what an XRC target QP has: its domain alone
 * @create: zero on entry but for the type
 * @init_attr: what is asked for
 */
void ibfront_xrc_fill_target(struct vibif_create_qp_req *create,
			     const struct ib_qp_init_attr *init_attr)
{
	create->xrcd = to_fxrcd(init_attr->xrcd)->obj.handle;
}

/**
 * ibfront_xrc_fill_srq() - say what an XRC SRQ has and no other does
 * @create: its type, CQ and domain are filled in
 * @init_attr: what is asked for
 */
void ibfront_xrc_fill_srq(struct vibif_create_srq_req *create,
			  const struct ib_srq_init_attr *init_attr)
{
	create->type = VIBIF_SRQ_XRC;
	create->cq = to_fcq(init_attr->ext.cq)->obj.handle;
	create->xrcd = to_fxrcd(init_attr->ext.xrc.xrcd)->obj.handle;
}

const struct ib_device_ops ibfront_xrcd_ops = {
	.alloc_xrcd = ibfront_alloc_xrcd,
	.dealloc_xrcd = ibfront_dealloc_xrcd,

	INIT_RDMA_OBJ_SIZE(ib_xrcd, ibfront_xrcd, ibxrcd),
};
