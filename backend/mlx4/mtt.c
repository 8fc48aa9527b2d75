// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: translation tables. */

#include "mlx4.h"

/* Always real entries: a table of no pages would mean all of memory. */
int ibback_mlx4_mtt_write(struct mlx4_dev *dev, struct mlx4_mtt *mtt,
			  const struct ibback_dma *dma)
{
	return mlx4_write_mtt(dev, mtt, 0, dma->nr, dma->addr);
}

int ibback_mlx4_mtt_create(struct mlx4_dev *dev, struct mlx4_mtt *mtt,
			   const struct ibback_dma *dma)
{
	int err;

	if (!dma->nr)
		return -EINVAL;
	err = mlx4_mtt_init(dev, dma->nr, VIBIF_PAGE_SHIFT, mtt);
	if (err)
		return err;
	err = ibback_mlx4_mtt_write(dev, mtt, dma);
	if (err)
		mlx4_mtt_cleanup(dev, mtt);
	return err;
}
