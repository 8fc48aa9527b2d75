// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: protection domains. */

#include "mlx4.h"

static int ibback_mlx4_pd_alloc(struct ibback_hca *hca, u32 *pdn)
{
	return mlx4_pd_alloc(ibback_mlx4_dev(hca), pdn);
}

static void ibback_mlx4_pd_free(struct ibback_hca *hca, u32 pdn)
{
	mlx4_pd_free(ibback_mlx4_dev(hca), pdn);
}

const struct ibback_pd_ops ibback_mlx4_pd_ops = {
	.alloc = ibback_mlx4_pd_alloc,
	.free = ibback_mlx4_pd_free,
};
