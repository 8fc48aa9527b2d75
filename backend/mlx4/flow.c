// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: counters of traffic. */

#include <linux/mlx4/cmd.h>

#include "mlx4.h"

/* What there is not is the sink, with an error. */
static int ibback_mlx4_flow_alloc(struct ibback_hca *hca, u32 *index)
{
	return mlx4_counter_alloc(ibback_mlx4_dev(hca), index,
				  MLX4_RES_USAGE_DRIVER);
}

/* This clears it, too. */
static void ibback_mlx4_flow_free(struct ibback_hca *hca, u32 index)
{
	mlx4_counter_free(ibback_mlx4_dev(hca), index);
}

static void ibback_mlx4_flow_read(struct ibback_hca *hca, u32 index,
				  struct ibback_flow *sum)
{
	struct mlx4_counter counter = {};

	if (mlx4_get_counter_stats(ibback_mlx4_dev(hca), index, &counter, 0))
		return;
	sum->count[IBBACK_RX_OCTETS] += be64_to_cpu(counter.rx_bytes);
	sum->count[IBBACK_RX_PACKETS] += be64_to_cpu(counter.rx_frames);
	sum->count[IBBACK_TX_OCTETS] += be64_to_cpu(counter.tx_bytes);
	sum->count[IBBACK_TX_PACKETS] += be64_to_cpu(counter.tx_frames);
}

const struct ibback_flow_ops ibback_mlx4_flow_ops = {
	.alloc = ibback_mlx4_flow_alloc,
	.free = ibback_mlx4_flow_free,
	.read = ibback_mlx4_flow_read,
};
