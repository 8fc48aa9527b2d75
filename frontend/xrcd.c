// SPDX-License-Identifier: GPL-2.0-only
/* XRC domains. */

#include "ibfront.h"

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

const struct ib_device_ops ibfront_xrcd_ops = {
	.alloc_xrcd = ibfront_alloc_xrcd,
	.dealloc_xrcd = ibfront_dealloc_xrcd,

	INIT_RDMA_OBJ_SIZE(ib_xrcd, ibfront_xrcd, ibxrcd),
};
