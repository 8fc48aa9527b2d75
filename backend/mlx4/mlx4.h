/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The provider for ConnectX-3 and its kin: what its files share.
 *
 * mlx4_core resets the HCA when a command fails that takes an object away from
 * it, except for a memory region with windows. So after its free functions
 * memory can be released.
 */
#ifndef IBBACK_MLX4_H
#define IBBACK_MLX4_H

#include <linux/mlx4/device.h>

#include "compat.h"
#include "../hca.h"

struct mlx4_qp_context;

/**
 * struct ibback_mlx4 - an HCA
 * @dev: as mlx4_core knows it
 * @vector: mlx4_core's numbers of the completion vectors
 * @nr_vectors: entries of @vector
 */
struct ibback_mlx4 {
	struct mlx4_dev *dev;
	int *vector;
	u32 nr_vectors;
};

static inline struct ibback_mlx4 *ibback_mlx4_priv(const struct ibback_hca *hca)
{
	return hca->priv;
}

static inline struct mlx4_dev *ibback_mlx4_dev(const struct ibback_hca *hca)
{
	return ibback_mlx4_priv(hca)->dev;
}

struct ibback_hw_cq {
	struct mlx4_cq mcq;
	struct mlx4_uar uar;
	struct mlx4_mtt mtt;
	struct ibback_sink sink;
};

struct ibback_hw_srq {
	struct mlx4_srq msrq;
	struct mlx4_mtt mtt;
	struct ibback_sink sink;
};

/* mtt.c */
int ibback_mlx4_mtt_write(struct mlx4_dev *dev, struct mlx4_mtt *mtt,
			  const struct ibback_dma *dma);
int ibback_mlx4_mtt_create(struct mlx4_dev *dev, struct mlx4_mtt *mtt,
			   const struct ibback_dma *dma);

/* cq.c */
void ibback_mlx4_cq_prepare(struct mlx4_cq *mcq,
			    void (*comp)(struct mlx4_cq *mcq),
			    void (*event)(struct mlx4_cq *mcq,
					  enum mlx4_event type));

/* XRC: what target QPs have of their domain, and SRQs */
void ibback_mlx4_xrc_target_params(struct ibback_hca *hca,
				   struct ibback_qp_params *p);
void ibback_mlx4_xrc_target_context(const struct ibback_qp_params *p,
				    struct mlx4_qp_context *ctx);
u32 ibback_mlx4_xrc_srq_domain(const struct mlx4_dev *dev,
			       const struct ibback_srq_params *p);

/* The ops of each kind of object are in the file of its name. */
#define IBBACK_MLX4_DECLARE(kind)	\
	extern const struct ibback_##kind##_ops ibback_mlx4_##kind##_ops;
IBBACK_PROVIDES(IBBACK_MLX4_DECLARE)

/* dev.c, the whole of it */
extern const struct ibback_hca_ops ibback_mlx4_ops;

#endif /* IBBACK_MLX4_H */
