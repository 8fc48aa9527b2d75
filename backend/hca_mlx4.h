/* SPDX-License-Identifier: GPL-2.0-only */
/* ConnectX-3 and its kin, behind the seam: what its files share. */
#ifndef IBBACK_HCA_MLX4_H
#define IBBACK_HCA_MLX4_H

#include <linux/mlx4/device.h>

#include "compat.h"
#include "hca.h"

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

static inline struct ibback_mlx4 *to_mlx4(const struct ibback_hca *hca)
{
	return hca->priv;
}

struct ibback_hca_cq {
	struct mlx4_cq mcq;
	struct mlx4_uar uar;
	struct mlx4_mtt mtt;
	struct ibback_sink sink;
};

struct ibback_hca_srq {
	struct mlx4_srq msrq;
	struct mlx4_mtt mtt;
	struct ibback_sink sink;
};

/**
 * struct ibback_hca_xrcd - an XRC domain, with what its target QPs share
 * @xrcdn: its number
 * @pdn: their PD; what SRQs receive is the business of the SRQs' PDs
 * @buf: a page of this domain's
 * @page: its bus address
 * @dma: the same, the queue of @cq and the send queue of each of them
 * @db: doorbell record of @cq
 * @cq: their CQ
 */
struct ibback_hca_xrcd {
	u32 xrcdn;
	u32 pdn;
	struct mlx4_buf buf;
	u64 page;
	struct ibback_dma dma;
	struct mlx4_db db;
	struct ibback_hca_cq cq;
};

/* hca_mlx4_mem.c */
int ibback_mlx4_mtt_create(struct mlx4_dev *dev, struct mlx4_mtt *mtt,
			   const struct ibback_dma *dma);
void ibback_mlx4_cq_prepare(struct mlx4_cq *mcq,
			    void (*comp)(struct mlx4_cq *mcq),
			    void (*event)(struct mlx4_cq *mcq,
					  enum mlx4_event type));
struct ibback_hca_mr *ibback_mlx4_mr_create(struct ibback_hca *hca,
					    const struct ibback_mr_params *p,
					    u32 *lkey, u32 *rkey);
int ibback_mlx4_mr_rereg(struct ibback_hca *hca, struct ibback_hca_mr *mr,
			 const struct ibback_mr_params *p, u32 flags);
int ibback_mlx4_mr_destroy(struct ibback_hca *hca, struct ibback_hca_mr *mr);
struct ibback_hca_mw *ibback_mlx4_mw_create(struct ibback_hca *hca, u32 pdn,
					    enum ib_mw_type type, u32 *rkey);
void ibback_mlx4_mw_destroy(struct ibback_hca *hca, struct ibback_hca_mw *mw);
struct ibback_hca_cq *ibback_mlx4_cq_create(struct ibback_hca *hca,
					    const struct ibback_cq_params *p,
					    u32 *cqn);
int ibback_mlx4_cq_modify(struct ibback_hca *hca, struct ibback_hca_cq *cq,
			  u16 count, u16 period_us);
int ibback_mlx4_cq_resize(struct ibback_hca *hca, struct ibback_hca_cq *cq,
			  u32 entries, const struct ibback_dma *pages);
void ibback_mlx4_cq_destroy(struct ibback_hca *hca, struct ibback_hca_cq *cq);
struct ibback_hca_srq *ibback_mlx4_srq_create(struct ibback_hca *hca,
					      const struct ibback_srq_params *p,
					      u32 *srqn);
int ibback_mlx4_srq_arm(struct ibback_hca *hca, struct ibback_hca_srq *srq,
			u32 limit);
int ibback_mlx4_srq_query(struct ibback_hca *hca, struct ibback_hca_srq *srq,
			  u32 *limit);
void ibback_mlx4_srq_destroy(struct ibback_hca *hca,
			     struct ibback_hca_srq *srq);

/* hca_mlx4_qp.c */
struct ibback_hca_qp *ibback_mlx4_qp_create(struct ibback_hca *hca,
					    const struct ibback_qp_params *p,
					    u32 *qpn);
enum ib_qp_state ibback_mlx4_qp_state(const struct ibback_hca_qp *qp);
u8 ibback_mlx4_qp_port(const struct ibback_hca_qp *qp);
int ibback_mlx4_qp_modify(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			  const struct vibif_qp_attr *attr,
			  enum ib_qp_state cur, enum ib_qp_state next);
int ibback_mlx4_qp_query(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			 struct vibif_qp_attr *attr);
void ibback_mlx4_qp_reset(struct ibback_hca *hca, struct ibback_hca_qp *qp);
void ibback_mlx4_qp_destroy(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			    bool keep_number);
int ibback_mlx4_mcast_attach(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			     const u8 *gid, bool block_loopback, u64 *reg_id);
int ibback_mlx4_mcast_detach(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			     const u8 *gid, u64 reg_id);

/* hca_mlx4_xrc.c */
struct ibback_hca_xrcd *ibback_mlx4_xrcd_create(struct ibback_hca *hca);
void ibback_mlx4_xrcd_destroy(struct ibback_hca *hca,
			      struct ibback_hca_xrcd *xrcd);

#endif /* IBBACK_HCA_MLX4_H */
