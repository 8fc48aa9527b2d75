// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address handles. The HCA knows none: the library puts the address vector into
 * each work request, and an address handle is but a copy of its attributes.
 */

#include "ibfront.h"

static int ibfront_create_ah(struct ib_ah *ibah,
			     struct rdma_ah_init_attr *init_attr,
			     struct ib_udata *udata)
{
	struct ibfront_ah *ah = to_fah(ibah);

	ah->attr = *init_attr->ah_attr;
	ah->attr.grh.sgid_attr = NULL;	/* ib_core keeps the reference */
	return 0;
}

static int ibfront_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr)
{
	*attr = to_fah(ibah)->attr;
	return 0;
}

static int ibfront_destroy_ah(struct ib_ah *ibah, u32 flags)
{
	return 0;
}

const struct ib_device_ops ibfront_ah_ops = {
	.create_ah = ibfront_create_ah,
	.destroy_ah = ibfront_destroy_ah,
	.query_ah = ibfront_query_ah,

	INIT_RDMA_OBJ_SIZE(ib_ah, ibfront_ah, ibah),
};
