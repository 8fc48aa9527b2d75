// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: completion queues. */

#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/mlx4/cq.h>

#include "mlx4.h"

static void ibback_mlx4_cq_completion(struct mlx4_cq *mcq)
{
	struct ibback_hw_cq *cq = container_of(mcq, struct ibback_hw_cq, mcq);

	cq->sink.fn(cq->sink.arg, VIBIF_EVENT_COMPLETION);
}

static void ibback_mlx4_cq_event(struct mlx4_cq *mcq, enum mlx4_event type)
{
	struct ibback_hw_cq *cq = container_of(mcq, struct ibback_hw_cq, mcq);

	if (type == MLX4_EVENT_TYPE_CQ_ERROR)
		cq->sink.fn(cq->sink.arg, VIBIF_EVENT_CQ_ERROR);
}

/*
 * Where CQEs are to be initialised by software mlx4_core tries to write them
 * through a user address, and on failure has the HCA do it. The buffer is not
 * in any process here: this address is never a user's, so it always fails.
 */
#define NO_USER_ADDRESS		((void *)PAGE_MASK)

/*
 * mlx4_core's struct mlx4_eq_tasklet, which no header that is installed has.
 * The lists and the tasklet are never reached, see ibback_mlx4_cq_prepare().
 */
static struct {
	struct list_head list;
	struct list_head process_list;
	struct tasklet_struct task;
	spinlock_t lock;	/* of mlx4_core's function */
} no_tasklet = {
	.lock = __SPIN_LOCK_UNLOCKED(no_tasklet.lock),
};

/**
 * ibback_mlx4_cq_prepare() - set what events need, before a CQ can have any
 * @mcq: the CQ, zeroed
 * @comp: called for completion events
 * @event: called for asynchronous ones
 *
 * mlx4_cq_alloc() makes the CQ known and gives it to the HCA first, then sets
 * its own @comp, and its tasklet context last. An event in between, which a
 * guest can provoke for a number that it guesses, would find NULL there. It
 * finds a lock instead, and a list head that is not empty, being zero, so
 * that nothing is queued.
 */
void ibback_mlx4_cq_prepare(struct mlx4_cq *mcq,
			    void (*comp)(struct mlx4_cq *mcq),
			    void (*event)(struct mlx4_cq *mcq,
					  enum mlx4_event type))
{
	mcq->comp = comp;
	mcq->event = event;
	mcq->tasklet_ctx.comp = comp;
	mcq->tasklet_ctx.priv = &no_tasklet;
}

static struct ibback_hw_cq *
ibback_mlx4_cq_create(struct ibback_hca *hca, const struct ibback_cq_params *p,
		      u32 *cqn)
{
	struct ibback_mlx4 *m = ibback_mlx4_priv(hca);
	struct ibback_hw_cq *cq;
	int err;

	cq = kzalloc(sizeof(*cq), GFP_KERNEL);
	if (!cq)
		return ERR_PTR(-ENOMEM);
	cq->sink = p->sink;
	cq->uar.index = p->uar->index;
	err = ibback_mlx4_mtt_create(m->dev, &cq->mtt, &p->pages);
	if (err)
		goto err_free;
	ibback_mlx4_cq_prepare(&cq->mcq, ibback_mlx4_cq_completion,
			       ibback_mlx4_cq_event);
	cq->mcq.usage = MLX4_RES_USAGE_USER_VERBS;
	err = mlx4_cq_alloc(m->dev, p->entries, &cq->mtt, &cq->uar, p->db_addr,
			    &cq->mcq, m->vector[p->vector], 0, 0,
			    NO_USER_ADDRESS, true);
	if (err)
		goto err_mtt;
	/* Straight from the interrupt, without mlx4_core's tasklet */
	cq->mcq.comp = ibback_mlx4_cq_completion;
	*cqn = cq->mcq.cqn;
	return cq;

err_mtt:
	mlx4_mtt_cleanup(m->dev, &cq->mtt);
err_free:
	kfree(cq);
	return ERR_PTR(err);
}

static int ibback_mlx4_cq_modify(struct ibback_hca *hca,
				 struct ibback_hw_cq *cq, u16 count,
				 u16 period_us)
{
	return mlx4_cq_modify(ibback_mlx4_dev(hca), &cq->mcq, count, period_us);
}

static int ibback_mlx4_cq_resize(struct ibback_hca *hca,
				 struct ibback_hw_cq *cq, u32 entries,
				 const struct ibback_dma *pages)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct mlx4_mtt mtt;
	int err;

	err = ibback_mlx4_mtt_create(dev, &mtt, pages);
	if (err)
		return err;
	err = mlx4_cq_resize(dev, &cq->mcq, entries, &mtt);
	if (err) {
		mlx4_mtt_cleanup(dev, &mtt);
		return err;
	}
	mlx4_mtt_cleanup(dev, &cq->mtt);
	cq->mtt = mtt;
	return 0;
}

static void ibback_mlx4_cq_destroy(struct ibback_hca *hca,
				   struct ibback_hw_cq *cq)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);

	mlx4_cq_free(dev, &cq->mcq);
	mlx4_mtt_cleanup(dev, &cq->mtt);
	kfree(cq);
}

const struct ibback_cq_ops ibback_mlx4_cq_ops = {
	.create = ibback_mlx4_cq_create,
	.destroy = ibback_mlx4_cq_destroy,
	.modify = ibback_mlx4_cq_modify,
	.resize = ibback_mlx4_cq_resize,
};
