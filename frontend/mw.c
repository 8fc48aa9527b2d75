// SPDX-License-Identifier: GPL-2.0-only
/* Memory windows. */

#include "ibfront.h"

static int ibfront_alloc_mw(struct ib_mw *ibmw, struct ib_udata *udata)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_ALLOC_MW,
		.op.alloc_mw.pd = to_fpd(ibmw->pd)->obj.handle,
		.op.alloc_mw.type = ibmw->type,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_create(to_fdev(ibmw->device), &to_fmw(ibmw)->obj, &req,
			     &rsp);
	if (!err)
		ibmw->rkey = rsp.op.alloc_mw.rkey;
	return err;
}

static int ibfront_dealloc_mw(struct ib_mw *ibmw)
{
	ibfront_destroy(to_fdev(ibmw->device), &to_fmw(ibmw)->obj);
	return 0;
}

const struct ib_device_ops ibfront_mw_ops = {
	.alloc_mw = ibfront_alloc_mw,
	.dealloc_mw = ibfront_dealloc_mw,

	INIT_RDMA_OBJ_SIZE(ib_mw, ibfront_mw, ibmw),
};
