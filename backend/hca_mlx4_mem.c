// SPDX-License-Identifier: GPL-2.0-only
/*
 * ConnectX-3 and its kin: translation tables, memory regions and
 * windows, CQs, SRQs.
 *
 * mlx4_core resets the HCA when a command fails that takes an object away from
 * it, except for a memory region with windows. So after its free functions
 * memory can be released.
 */

#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/mlx4/cq.h>
#include <linux/mlx4/srq.h>

#include "hca_mlx4.h"

struct ibback_hca_mr {
	struct mlx4_mr mmr;
};

struct ibback_hca_mw {
	struct mlx4_mw mmw;
};

/* Always real entries: a table of no pages would mean all of memory. */
static int mtt_write(struct mlx4_dev *dev, struct mlx4_mtt *mtt,
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
	err = mtt_write(dev, mtt, dma);
	if (err)
		mlx4_mtt_cleanup(dev, mtt);
	return err;
}

static u32 mr_access(u32 access)
{
	u32 perm = MLX4_PERM_LOCAL_READ;

	if (access & VIBIF_ACCESS_LOCAL_WRITE)
		perm |= MLX4_PERM_LOCAL_WRITE;
	if (access & VIBIF_ACCESS_REMOTE_WRITE)
		perm |= MLX4_PERM_REMOTE_WRITE;
	if (access & VIBIF_ACCESS_REMOTE_READ)
		perm |= MLX4_PERM_REMOTE_READ;
	if (access & VIBIF_ACCESS_REMOTE_ATOMIC)
		perm |= MLX4_PERM_ATOMIC;
	if (access & VIBIF_ACCESS_MW_BIND)
		perm |= MLX4_PERM_BIND_MW;
	return perm;
}

struct ibback_hca_mr *ibback_mlx4_mr_create(struct ibback_hca *hca,
					    const struct ibback_mr_params *p,
					    u32 *lkey, u32 *rkey)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	struct ibback_hca_mr *mr;
	int err;

	if (!p->pages.nr)
		return ERR_PTR(-EINVAL);
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	err = mlx4_mr_alloc(dev, p->pdn, p->iova, p->length,
			    mr_access(p->access), p->pages.nr,
			    VIBIF_PAGE_SHIFT, &mr->mmr);
	if (err)
		goto err_free;
	err = mtt_write(dev, &mr->mmr.mtt, &p->pages);
	if (err)
		goto err_mr;
	err = mlx4_mr_enable(dev, &mr->mmr);
	if (err)
		goto err_mr;
	*lkey = mr->mmr.key;
	*rkey = mr->mmr.key;
	return mr;

err_mr:
	mlx4_mr_free(dev, &mr->mmr);
err_free:
	kfree(mr);
	return ERR_PTR(err);
}

/*
 * Translate through new pages. The old table is left to the caller, in @old,
 * who frees it when the HCA has got the entry back.
 */
static int mr_set_pages(struct mlx4_dev *dev, struct mlx4_mr *mmr,
			const struct ibback_mr_params *p,
			struct mlx4_mpt_entry *mpt, struct mlx4_mtt *old)
{
	struct mlx4_mtt mtt = mmr->mtt;
	int err;

	/* Puts a new table in the old one's place before it fills the entry */
	err = mlx4_mr_rereg_mem_write(dev, mmr, p->iova, p->length,
				      p->pages.nr, VIBIF_PAGE_SHIFT, mpt);
	if (err) {
		mmr->mtt = mtt;
		return err;
	}
	*old = mtt;
	mmr->iova = p->iova;
	mmr->size = p->length;
	return mtt_write(dev, &mmr->mtt, &p->pages) ? -EIO : 0;
}

/* Return: 0, -EIO and the entry is half changed, or another and it is not. */
static int mr_change(struct mlx4_dev *dev, struct mlx4_mr *mmr,
		     const struct ibback_mr_params *p, u32 flags,
		     struct mlx4_mpt_entry *mpt, struct mlx4_mtt *old)
{
	int err = 0;

	/* First, because it can fail with nothing changed */
	if (flags & VIBIF_MR_REREG_TRANS)
		err = mr_set_pages(dev, mmr, p, mpt, old);
	if (!err && flags & VIBIF_MR_REREG_PD)
		err = mlx4_mr_hw_change_pd(dev, mpt, p->pdn) ? -EIO : 0;
	if (!err && flags & VIBIF_MR_REREG_ACCESS) {
		mmr->access = mr_access(p->access);
		err = mlx4_mr_hw_change_access(dev, mpt, mmr->access) ?
			-EIO : 0;
	}
	return err;
}

int ibback_mlx4_mr_rereg(struct ibback_hca *hca, struct ibback_hca_mr *mr,
			 const struct ibback_mr_params *p, u32 flags)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	struct mlx4_mtt old = { .order = -1 };
	struct mlx4_mpt_entry *mpt, **pmpt = &mpt;
	int in_hca = mr->mmr.enabled;
	int err;

	err = mlx4_mr_hw_get_mpt(dev, &mr->mmr, &pmpt);
	/*
	 * The region is unchanged if the HCA still has it, as with a window
	 * bound to it. Else only destroying it is left.
	 */
	if (err)
		return mr->mmr.enabled == in_hca ? err : -EIO;
	err = mr_change(dev, &mr->mmr, p, flags, *pmpt, &old);
	if (err != -EIO && mlx4_mr_hw_write_mpt(dev, &mr->mmr, pmpt)) {
		/* It may have got there: have a destroy take it away */
		mr->mmr.enabled = in_hca;
		err = -EIO;
	}
	mlx4_mr_hw_put_mpt(dev, pmpt);
	mlx4_mtt_cleanup(dev, &old);
	return err;
}

int ibback_mlx4_mr_destroy(struct ibback_hca *hca, struct ibback_hca_mr *mr)
{
	int err = mlx4_mr_free(to_mlx4(hca)->dev, &mr->mmr);

	if (!err)
		kfree(mr);
	return err;
}

struct ibback_hca_mw *ibback_mlx4_mw_create(struct ibback_hca *hca, u32 pdn,
					    enum ib_mw_type type, u32 *rkey)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	struct ibback_hca_mw *mw;
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

void ibback_mlx4_mw_destroy(struct ibback_hca *hca, struct ibback_hca_mw *mw)
{
	mlx4_mw_free(to_mlx4(hca)->dev, &mw->mmw);
	kfree(mw);
}

static void cq_completion(struct mlx4_cq *mcq)
{
	struct ibback_hca_cq *cq = container_of(mcq, struct ibback_hca_cq, mcq);

	cq->sink.fn(cq->sink.arg, VIBIF_EVENT_COMPLETION);
}

static void cq_event(struct mlx4_cq *mcq, enum mlx4_event type)
{
	struct ibback_hca_cq *cq = container_of(mcq, struct ibback_hca_cq, mcq);

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
 * ibback_mlx4_cq_prepare - set what events need, before a CQ can have any
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

struct ibback_hca_cq *ibback_mlx4_cq_create(struct ibback_hca *hca,
					    const struct ibback_cq_params *p,
					    u32 *cqn)
{
	struct ibback_mlx4 *m = to_mlx4(hca);
	struct ibback_hca_cq *cq;
	int err;

	cq = kzalloc(sizeof(*cq), GFP_KERNEL);
	if (!cq)
		return ERR_PTR(-ENOMEM);
	cq->sink = p->sink;
	cq->uar.index = p->uar->index;
	err = ibback_mlx4_mtt_create(m->dev, &cq->mtt, &p->pages);
	if (err)
		goto err_free;
	ibback_mlx4_cq_prepare(&cq->mcq, cq_completion, cq_event);
	cq->mcq.usage = MLX4_RES_USAGE_USER_VERBS;
	err = mlx4_cq_alloc(m->dev, p->entries, &cq->mtt, &cq->uar, p->db_addr,
			    &cq->mcq, m->vector[p->vector], 0, 0,
			    NO_USER_ADDRESS, true);
	if (err)
		goto err_mtt;
	/* Straight from the interrupt, without mlx4_core's tasklet */
	cq->mcq.comp = cq_completion;
	*cqn = cq->mcq.cqn;
	return cq;

err_mtt:
	mlx4_mtt_cleanup(m->dev, &cq->mtt);
err_free:
	kfree(cq);
	return ERR_PTR(err);
}

int ibback_mlx4_cq_modify(struct ibback_hca *hca, struct ibback_hca_cq *cq,
			  u16 count, u16 period_us)
{
	return mlx4_cq_modify(to_mlx4(hca)->dev, &cq->mcq, count, period_us);
}

int ibback_mlx4_cq_resize(struct ibback_hca *hca, struct ibback_hca_cq *cq,
			  u32 entries, const struct ibback_dma *pages)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
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

void ibback_mlx4_cq_destroy(struct ibback_hca *hca, struct ibback_hca_cq *cq)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;

	mlx4_cq_free(dev, &cq->mcq);
	mlx4_mtt_cleanup(dev, &cq->mtt);
	kfree(cq);
}

static void srq_event(struct mlx4_srq *msrq, enum mlx4_event type)
{
	struct ibback_hca_srq *srq = container_of(msrq, struct ibback_hca_srq,
						  msrq);

	if (type == MLX4_EVENT_TYPE_SRQ_LIMIT)
		srq->sink.fn(srq->sink.arg, VIBIF_EVENT_SRQ_LIMIT);
	else if (type == MLX4_EVENT_TYPE_SRQ_CATAS_ERROR)
		srq->sink.fn(srq->sink.arg, VIBIF_EVENT_SRQ_ERROR);
}

struct ibback_hca_srq *ibback_mlx4_srq_create(struct ibback_hca *hca,
					      const struct ibback_srq_params *p,
					      u32 *srqn)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	struct ibback_hca_srq *srq;
	int err;

	srq = kzalloc(sizeof(*srq), GFP_KERNEL);
	if (!srq)
		return ERR_PTR(-ENOMEM);
	srq->sink = p->sink;
	srq->msrq.max = 1 << p->log_wqe_count;
	srq->msrq.wqe_shift = p->log_wqe_stride;
	srq->msrq.event = srq_event;
	err = ibback_mlx4_mtt_create(dev, &srq->mtt, &p->pages);
	if (err)
		goto err_free;
	err = mlx4_srq_alloc(dev, p->pdn, p->cq ? p->cq->mcq.cqn : 0,
			     p->xrcd ? p->xrcd->xrcdn :
			     dev->caps.reserved_xrcds,
			     &srq->mtt, p->db_addr, &srq->msrq);
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

int ibback_mlx4_srq_arm(struct ibback_hca *hca, struct ibback_hca_srq *srq,
			u32 limit)
{
	return mlx4_srq_arm(to_mlx4(hca)->dev, &srq->msrq, limit);
}

int ibback_mlx4_srq_query(struct ibback_hca *hca, struct ibback_hca_srq *srq,
			  u32 *limit)
{
	int watermark;
	int err;

	err = mlx4_srq_query(to_mlx4(hca)->dev, &srq->msrq, &watermark);
	if (!err)
		*limit = watermark;
	return err;
}

void ibback_mlx4_srq_destroy(struct ibback_hca *hca,
			     struct ibback_hca_srq *srq)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;

	mlx4_srq_free(dev, &srq->msrq);
	mlx4_mtt_cleanup(dev, &srq->mtt);
	kfree(srq);
}
