// SPDX-License-Identifier: GPL-2.0-only
/* Protection domains. */

#include "ibfront.h"

int ibfront_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_PD };
	struct ibfront_dev *dev = to_fdev(ibpd->device);
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(dev, &req, &rsp);
	if (err)
		return err;
	to_fpd(ibpd)->handle = rsp.op.alloc_pd.handle;

	if (udata)
		err = dev->provider->put_number(udata, rsp.op.alloc_pd.pdn);
	if (err)
		ibfront_destroy(dev, rsp.op.alloc_pd.handle);
	return err;
}

int ibfront_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	ibfront_destroy(to_fdev(ibpd->device), to_fpd(ibpd)->handle);
	return 0;
}
