// SPDX-License-Identifier: GPL-2.0-only
/*
 * ConnectX-3 and its kin: XRC domains.
 *
 * A target QP belongs to an XRC domain, not to a process. It receives into the
 * SRQs that requests name and never sends, but its context has to say where it
 * would send from, complete to, and be rung at: at a queue in this domain's
 * own memory, which comes with the XRC domain, and at a doorbell page that is
 * mapped nowhere.
 */

#include <linux/slab.h>

#include "mlx4.h"

/* The CQ of a domain, which nothing completes to: the fewest CQEs there are */
#define XRCD_CQ_ENTRIES		2

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

const struct ibback_xrcd_ops ibback_mlx4_xrcd_ops = {
	.create = ibback_mlx4_xrcd_create,
	.destroy = ibback_mlx4_xrcd_destroy,
};
