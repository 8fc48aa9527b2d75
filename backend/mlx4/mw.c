// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: memory windows. */

#include <linux/slab.h>

#include "mlx4.h"

struct ibback_hw_mw {
	struct mlx4_mw mmw;
};

static struct ibback_hw_mw *ibback_mlx4_mw_create(struct ibback_hca *hca,
						  u32 pdn, enum ib_mw_type type,
						  u32 *rkey)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct ibback_hw_mw *mw;
	int err;

	mw = kzalloc(sizeof(*mw), GFP_KERNEL);
	if (!mw)
		return ERR_PTR(-ENOMEM);
	err = mlx4_mw_alloc(dev, pdn, type == IB_MW_TYPE_1 ? MLX4_MW_TYPE_1 :
			    MLX4_MW_TYPE_2, &mw->mmw);
	if (err)
		goto err_free;
	err = mlx4_mw_enable(dev, &mw->mmw);
	if (err)
		goto err_mw;
	*rkey = mw->mmw.key;
	return mw;

err_mw:
	mlx4_mw_free(dev, &mw->mmw);
err_free:
	kfree(mw);
	return ERR_PTR(err);
}

static void ibback_mlx4_mw_destroy(struct ibback_hca *hca,
				   struct ibback_hw_mw *mw)
{
	mlx4_mw_free(ibback_mlx4_dev(hca), &mw->mmw);
	kfree(mw);
}

const struct ibback_mw_ops ibback_mlx4_mw_ops = {
	.create = ibback_mlx4_mw_create,
	.destroy = ibback_mlx4_mw_destroy,
};
