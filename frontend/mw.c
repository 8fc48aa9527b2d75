// SPDX-License-Identifier: GPL-2.0-only
/* Memory windows. */

#include "ibfront.h"

/* The type goes over the wire as it is. */
static_assert(IB_MW_TYPE_1 == 1 && IB_MW_TYPE_2 == 2);

int ibfront_alloc_mw(struct ib_mw *ibmw, struct ib_udata *udata)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_ALLOC_MW,
		.op.alloc_mw.pd = to_fpd(ibmw->pd)->handle,
		.op.alloc_mw.type = ibmw->type,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(to_fdev(ibmw->device), &req, &rsp);
	if (err)
		return err;
	to_fmw(ibmw)->handle = rsp.op.alloc_mw.handle;
	ibmw->rkey = rsp.op.alloc_mw.rkey;
	return 0;
}

int ibfront_dealloc_mw(struct ib_mw *ibmw)
{
	ibfront_destroy(to_fdev(ibmw->device), to_fmw(ibmw)->handle);
	return 0;
}
