// SPDX-License-Identifier: GPL-2.0-only
/*
 * ConnectX-3 and its kin: XRC domains, and what QPs and SRQs have of them.
 *
 * A target QP belongs to an XRC domain, not to a process. It receives into the
 * SRQs that requests name and never sends, but its context has to say where it
 * would send from, complete to, and be rung at: at a queue in this domain's
 * own memory, which comes with the XRC domain, and at a doorbell page that is
 * mapped nowhere.
 */

#include <linux/slab.h>
#include <linux/mlx4/qp.h>

#include "mlx4.h"

/* The CQ of a domain, which nothing completes to: the fewest CQEs there are */
#define XRCD_CQ_ENTRIES		2

/**
 * struct ibback_hw_xrcd - an XRC domain, with what its target QPs share
 * @xrcdn: its number
 * @pdn: their PD; what SRQs receive is the business of the SRQs' PDs
 * @buf: a page of this domain's
 * @page: its bus address
 * @dma: the same, the queue of @cq and the send queue of each of them
 * @db: doorbell record of @cq
 * @cq: their CQ
 */
struct ibback_hw_xrcd {
	u32 xrcdn;
	u32 pdn;
	struct mlx4_buf buf;
	u64 page;
	struct ibback_dma dma;
	struct mlx4_db db;
	struct ibback_hw_cq cq;
};

static void ibback_mlx4_no_completion(struct mlx4_cq *mcq)
{
}

static void ibback_mlx4_no_cq_event(struct mlx4_cq *mcq, enum mlx4_event type)
{
}

static int ibback_mlx4_xrcd_create_cq(struct ibback_hca *hca,
				      struct ibback_hw_xrcd *xrcd)
{
	struct ibback_mlx4 *m = ibback_mlx4_priv(hca);
	struct ibback_hw_cq *cq = &xrcd->cq;
	int err;

	err = mlx4_db_alloc(m->dev, &xrcd->db, 1);
	if (err)
		return err;
	err = ibback_mlx4_mtt_create(m->dev, &cq->mtt, &xrcd->dma);
	if (err)
		goto err_db;
	cq->uar.index = hca->spare_uar.index;
	ibback_mlx4_cq_prepare(&cq->mcq, ibback_mlx4_no_completion,
			       ibback_mlx4_no_cq_event);
	cq->mcq.usage = MLX4_RES_USAGE_DRIVER;
	err = mlx4_cq_alloc(m->dev, XRCD_CQ_ENTRIES, &cq->mtt, &cq->uar,
			    xrcd->db.dma, &cq->mcq, m->vector[0], 0, 0,
			    &xrcd->buf, false);
	if (err)
		goto err_mtt;
	return 0;

err_mtt:
	mlx4_mtt_cleanup(m->dev, &cq->mtt);
err_db:
	mlx4_db_free(m->dev, &xrcd->db);
	return err;
}

static int ibback_mlx4_xrcd_fill(struct ibback_hca *hca,
				 struct ibback_hw_xrcd *xrcd)
{
	struct ibback_mlx4 *m = ibback_mlx4_priv(hca);
	int err;

	err = mlx4_xrcd_alloc(m->dev, &xrcd->xrcdn);
	if (err)
		return err;
	err = mlx4_pd_alloc(m->dev, &xrcd->pdn);
	if (err)
		goto err_xrcd;
	err = mlx4_buf_alloc(m->dev, PAGE_SIZE, PAGE_SIZE, &xrcd->buf);
	if (err)
		goto err_pd;
	xrcd->page = xrcd->buf.direct.map;
	xrcd->dma = (struct ibback_dma) { .nr = 1, .addr = &xrcd->page };
	err = ibback_mlx4_xrcd_create_cq(hca, xrcd);
	if (err)
		goto err_buf;
	return 0;

err_buf:
	mlx4_buf_free(m->dev, PAGE_SIZE, &xrcd->buf);
err_pd:
	mlx4_pd_free(m->dev, xrcd->pdn);
err_xrcd:
	mlx4_xrcd_free(m->dev, xrcd->xrcdn);
	return err;
}

static struct ibback_hw_xrcd *ibback_mlx4_xrcd_create(struct ibback_hca *hca)
{
	struct ibback_hw_xrcd *xrcd;
	int err;

	xrcd = kzalloc(sizeof(*xrcd), GFP_KERNEL);
	if (!xrcd)
		return ERR_PTR(-ENOMEM);
	err = ibback_mlx4_xrcd_fill(hca, xrcd);
	if (err) {
		kfree(xrcd);
		return ERR_PTR(err);
	}
	return xrcd;
}

static void ibback_mlx4_xrcd_destroy(struct ibback_hca *hca,
				     struct ibback_hw_xrcd *xrcd)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);

	mlx4_cq_free(dev, &xrcd->cq.mcq);
	mlx4_mtt_cleanup(dev, &xrcd->cq.mtt);
	mlx4_db_free(dev, &xrcd->db);
	mlx4_buf_free(dev, PAGE_SIZE, &xrcd->buf);
	mlx4_pd_free(dev, xrcd->pdn);
	mlx4_xrcd_free(dev, xrcd->xrcdn);
	kfree(xrcd);
}

/**
 * ibback_mlx4_xrc_target_params() - give a target QP what its domain has for it
 * @hca: the HCA
 * @p: the QP, afterwards with all that others are given by the guest
 */
void ibback_mlx4_xrc_target_params(struct ibback_hca *hca,
				   struct ibback_qp_params *p)
{
	p->uar = &hca->spare_uar;
	p->pdn = p->xrcd->pdn;
	p->send_cq = &p->xrcd->cq;
	p->log_sq_wqe_stride = VIBIF_MLX4_MIN_LOG_SQ_STRIDE;
	p->pages = p->xrcd->dma;
}

/**
 * ibback_mlx4_xrc_target_context() - put a target QP into its domain
 * @p: the QP
 * @ctx: its context on the way to Init
 */
void ibback_mlx4_xrc_target_context(const struct ibback_qp_params *p,
				    struct mlx4_qp_context *ctx)
{
	ctx->xrcd = cpu_to_be32(p->xrcd->xrcdn);
}

/**
 * ibback_mlx4_xrc_srq_domain() - what an SRQ's context is to say of a domain
 * @dev: the HCA
 * @p: the SRQ
 *
 * Return: the number of its domain; for an SRQ without XRC one that mlx4_core
 * gives to no domain, as natively
 */
u32 ibback_mlx4_xrc_srq_domain(const struct mlx4_dev *dev,
			       const struct ibback_srq_params *p)
{
	return p->xrcd ? p->xrcd->xrcdn : dev->caps.reserved_xrcds;
}

const struct ibback_xrcd_ops ibback_mlx4_xrcd_ops = {
	.create = ibback_mlx4_xrcd_create,
	.destroy = ibback_mlx4_xrcd_destroy,
};
