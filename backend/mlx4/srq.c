// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: shared receive queues. */

#include <linux/slab.h>
#include <linux/mlx4/device.h>
#include <linux/mlx4/srq.h>

#include "mlx4.h"

static void ibback_mlx4_srq_event(struct mlx4_srq *msrq, enum mlx4_event type)
{
	struct ibback_hw_srq *srq = container_of(msrq, struct ibback_hw_srq,
						  msrq);

	if (type == MLX4_EVENT_TYPE_SRQ_LIMIT)
		srq->sink.fn(srq->sink.arg, VIBIF_EVENT_SRQ_LIMIT);
	else if (type == MLX4_EVENT_TYPE_SRQ_CATAS_ERROR)
		srq->sink.fn(srq->sink.arg, VIBIF_EVENT_SRQ_ERROR);
}

static struct ibback_hw_srq *
ibback_mlx4_srq_create(struct ibback_hca *hca,
		       const struct ibback_srq_params *p, u32 *srqn)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct ibback_hw_srq *srq;
	int err;

	srq = kzalloc(sizeof(*srq), GFP_KERNEL);
	if (!srq)
		return ERR_PTR(-ENOMEM);
	srq->sink = p->sink;
	srq->msrq.max = 1 << p->log_wqe_count;
	srq->msrq.wqe_shift = p->log_wqe_stride;
	srq->msrq.event = ibback_mlx4_srq_event;
	err = ibback_mlx4_mtt_create(dev, &srq->mtt, &p->pages);
	if (err)
		goto err_free;
	err = mlx4_srq_alloc(dev, p->pdn, p->cq ? p->cq->mcq.cqn : 0,
			     ibback_mlx4_xrc_srq_domain(dev, p), &srq->mtt,
			     p->db_addr, &srq->msrq);
	if (err)
		goto err_mtt;
	*srqn = srq->msrq.srqn;
	return srq;

err_mtt:
	mlx4_mtt_cleanup(dev, &srq->mtt);
err_free:
	kfree(srq);
	return ERR_PTR(err);
}

static int ibback_mlx4_srq_arm(struct ibback_hca *hca,
			       struct ibback_hw_srq *srq, u32 limit)
{
	return mlx4_srq_arm(ibback_mlx4_dev(hca), &srq->msrq, limit);
}

static int ibback_mlx4_srq_query(struct ibback_hca *hca,
				 struct ibback_hw_srq *srq, u32 *limit)
{
	int watermark;
	int err;

	err = mlx4_srq_query(ibback_mlx4_dev(hca), &srq->msrq, &watermark);
	if (!err)
		*limit = watermark;
	return err;
}

static void ibback_mlx4_srq_destroy(struct ibback_hca *hca,
				    struct ibback_hw_srq *srq)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);

	mlx4_srq_free(dev, &srq->msrq);
	mlx4_mtt_cleanup(dev, &srq->mtt);
	kfree(srq);
}

const struct ibback_srq_ops ibback_mlx4_srq_ops = {
	.arm = ibback_mlx4_srq_arm,
	.create = ibback_mlx4_srq_create,
	.destroy = ibback_mlx4_srq_destroy,
	.query = ibback_mlx4_srq_query,
};
