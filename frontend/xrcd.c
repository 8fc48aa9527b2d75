// SPDX-License-Identifier: GPL-2.0-only
/* XRC domains. */

#include "ibfront.h"

int ibfront_alloc_xrcd(struct ib_xrcd *ibxrcd, struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_XRCD };
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(to_fdev(ibxrcd->device), &req, &rsp);
	if (!err)
		to_fxrcd(ibxrcd)->handle = rsp.op.alloc_xrcd.handle;
	return err;
}

int ibfront_dealloc_xrcd(struct ib_xrcd *ibxrcd, struct ib_udata *udata)
{
	ibfront_destroy(to_fdev(ibxrcd->device), to_fxrcd(ibxrcd)->handle);
	return 0;
}
