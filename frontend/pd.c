// SPDX-License-Identifier: GPL-2.0-only
/* Protection domains. */

#include <rdma/mlx4-abi.h>

#include "ibfront.h"

int ibfront_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_PD };
	struct ibfront_dev *dev = to_fdev(ibpd->device);
	struct mlx4_ib_alloc_pd_resp resp = {};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(dev, &req, &rsp);
	if (err)
		return err;
	to_fpd(ibpd)->handle = rsp.op.alloc_pd.handle;

	resp.pdn = rsp.op.alloc_pd.pdn;
	if (udata)
		err = ibfront_copy_out(udata, &resp, sizeof(resp));
	if (err)
		ibfront_destroy(dev, rsp.op.alloc_pd.handle);
	return err;
}

int ibfront_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	ibfront_destroy(to_fdev(ibpd->device), to_fpd(ibpd)->handle);
	return 0;
}
