// SPDX-License-Identifier: GPL-2.0-only
/* Protection domains. */

#include "ibfront.h"

static int ibfront_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_PD };
	struct ibfront_dev *dev = to_fdev(ibpd->device);
	struct ibfront_pd *pd = to_fpd(ibpd);
	struct vibif_rsp rsp;
	int err;

	err = ibfront_create(dev, &pd->obj, &req, &rsp);
	if (err)
		return err;
	pd->number = rsp.op.alloc_pd.pdn;
	if (udata)
		return ibfront_put_number(dev, &pd->obj, udata,
					  pd->number);
	err = ibfront_arena_add_pd(dev, pd);
	if (err)
		ibfront_destroy(dev, &pd->obj);
	return err;
}

static int ibfront_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibpd->device);
	struct ibfront_pd *pd = to_fpd(ibpd);

	if (pd->share)
		ibfront_arena_del_pd(dev, pd);
	ibfront_destroy(dev, &pd->obj);
	return 0;
}

const struct ib_device_ops ibfront_pd_ops = {
	.alloc_pd = ibfront_alloc_pd,
	.dealloc_pd = ibfront_dealloc_pd,

	INIT_RDMA_OBJ_SIZE(ib_pd, ibfront_pd, ibpd),
};
