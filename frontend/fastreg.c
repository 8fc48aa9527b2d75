// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fast registration at an address of the user's own.
 *
 * A window is a part of a region, and has its addresses. What a list has in the
 * arena is part of a region already, see mr.c. But a user may have the peer use
 * another address: NFS puts the number of the call into the upper half. Then
 * the backend is asked for a share of the chunk at that address, and the window
 * is bound to this.
 *
 * Who posts cannot wait for that. So the work request is written, but held: the
 * HCA goes no further in that queue, and what is posted meanwhile waits behind
 * it. A work item has the share made and then lets the HCA have it. Without a
 * share binding fails, as for any other registration that the HCA refuses.
 */

#include <linux/slab.h>
#include <linux/workqueue.h>

#include "ibfront.h"

/* Memory may have to wait for what is written to a file by NFS. */
static struct workqueue_struct *ibfront_fastreg_wq;

int ibfront_fastreg_start(void)
{
	ibfront_fastreg_wq = alloc_workqueue("xen-ibfront",
					     WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return ibfront_fastreg_wq ? 0 : -ENOMEM;
}

void ibfront_fastreg_stop(void)
{
	destroy_workqueue(ibfront_fastreg_wq);
}

/* The next one, which is copied: its user may post it again, if it is bad. */
static struct ibfront_mr *ibfront_fastreg_next(struct ibfront_fastreg *fastreg,
					       struct ibfront_held *held)
{
	struct ibfront_mr *mr;

	spin_lock_irq(&fastreg->lock);
	mr = list_first_entry_or_null(&fastreg->held, struct ibfront_mr,
				      held.entry);
	if (mr) {
		list_del_init(&mr->held.entry);
		*held = mr->held;
	}
	if (!list_empty(&fastreg->held))
		queue_work(ibfront_fastreg_wq, &fastreg->work);
	spin_unlock_irq(&fastreg->lock);
	return mr;
}

/* The share that the window was bound to before is of no use any more. */
static int ibfront_fastreg_unmove(struct ibfront_dev *dev,
				  struct ibfront_mr *mr)
{
	int err = 0;

	if (mr->has_moved)
		err = ibfront_try_destroy(dev, &mr->moved.obj);
	if (!err)
		mr->has_moved = false;
	return err;
}

static u32 ibfront_fastreg_move(struct ibfront_dev *dev, struct ibfront_mr *mr,
				const struct ibfront_held *held)
{
	if (ibfront_fastreg_unmove(dev, mr) ||
	    ibfront_arena_share(dev, to_fpd(mr->ibmr.pd), held->addr,
				held->length, held->iova, &mr->moved))
		return dev->provider->queues->no_lkey;
	mr->has_moved = true;
	return mr->moved.lkey;
}

static void ibfront_fastreg_release(struct ibfront_dev *dev,
				    const struct ibfront_held *held, u32 lkey)
{
	const struct ibfront_queue_ops *queues = dev->provider->queues;
	struct ibfront_qp *qp = held->qp;

	spin_lock_irq(&qp->sq.lock);
	queues->release_send(qp, held->index, lkey);
	if (!ibfront_ring_dead(dev))
		queues->ring_sq(qp);
	spin_unlock_irq(&qp->sq.lock);
}

/* One at a time: who waits for one need not wait for all that come behind. */
static void ibfront_fastreg_work(struct work_struct *work)
{
	struct ibfront_fastreg *fastreg = container_of(work,
						       struct ibfront_fastreg,
						       work);
	struct ibfront_dev *dev = container_of(fastreg, struct ibfront_dev,
					       fastreg);
	struct ibfront_held held;
	struct ibfront_mr *mr;

	mr = ibfront_fastreg_next(fastreg, &held);
	if (mr)
		ibfront_fastreg_release(dev, &held,
					ibfront_fastreg_move(dev, mr, &held));
}

void ibfront_fastreg_init(struct ibfront_dev *dev)
{
	spin_lock_init(&dev->fastreg.lock);
	INIT_LIST_HEAD(&dev->fastreg.held);
	INIT_WORK(&dev->fastreg.work, ibfront_fastreg_work);
}

void ibfront_fastreg_init_mr(struct ibfront_mr *mr)
{
	INIT_LIST_HEAD(&mr->held.entry);
}

/**
 * ibfront_fastreg_fini_mr() - give back what fast registration has left
 * @dev: device
 * @mr: for fast registration, its window destroyed
 *
 * If it is held, the HCA is to get it first, and to find no window.
 */
void ibfront_fastreg_fini_mr(struct ibfront_dev *dev, struct ibfront_mr *mr)
{
	struct ibfront_fastreg *fastreg = &dev->fastreg;
	bool held;

	do {
		spin_lock_irq(&fastreg->lock);
		held = !list_empty(&mr->held.entry);
		spin_unlock_irq(&fastreg->lock);
		/* Last of all: if it is not held, the work may be at it. */
		flush_work(&fastreg->work);
	} while (held);
	if (mr->has_moved)
		ibfront_destroy(dev, &mr->moved.obj);
}

/**
 * ibfront_fastreg_is_moved() - whether a work request has to be held
 * @wr: the work request
 *
 * Return: whether it is a registration at another address than the arena's.
 */
bool ibfront_fastreg_is_moved(const struct ib_send_wr *wr)
{
	const struct ib_mr *ibmr;

	if (wr->opcode != IB_WR_REG_MR)
		return false;
	ibmr = reg_wr(wr)->mr;
	return ibmr->iova != container_of(ibmr, struct ibfront_mr, ibmr)->addr;
}

/**
 * ibfront_fastreg_hold() - have a registration released later
 * @qp: QP, its send queue locked
 * @index: of the work request, which has been written so that it is held
 * @wr: the work request
 *
 * Return: 0; -EINVAL if the address is at another place in its page than the
 * memory; -EBUSY if the same region is held already.
 */
int ibfront_fastreg_hold(struct ibfront_qp *qp, u32 index,
			 const struct ib_send_wr *wr)
{
	struct ibfront_fastreg *fastreg = &to_fdev(qp->ibqp.device)->fastreg;
	struct ibfront_mr *mr = to_fmr(reg_wr(wr)->mr);
	struct ibfront_held *held = &mr->held;
	int err = -EBUSY;

	lockdep_assert_held(&qp->sq.lock);

	if ((mr->ibmr.iova ^ mr->addr) % VIBIF_PAGE_SIZE)
		return -EINVAL;
	spin_lock(&fastreg->lock);
	if (list_empty(&held->entry)) {
		held->qp = qp;
		held->index = index;
		held->addr = mr->addr;
		held->iova = mr->ibmr.iova;
		held->length = mr->ibmr.length;
		list_add_tail(&held->entry, &fastreg->held);
		err = 0;
	}
	spin_unlock(&fastreg->lock);
	if (!err)
		queue_work(ibfront_fastreg_wq, &fastreg->work);
	return err;
}

/**
 * ibfront_fastreg_forget_qp() - have nothing released that a QP has posted
 * @qp: QP, to which nothing is posted any more
 */
void ibfront_fastreg_forget_qp(struct ibfront_qp *qp)
{
	struct ibfront_fastreg *fastreg = &to_fdev(qp->ibqp.device)->fastreg;
	struct ibfront_mr *mr, *next;

	spin_lock_irq(&fastreg->lock);
	list_for_each_entry_safe(mr, next, &fastreg->held, held.entry)
		if (mr->held.qp == qp)
			list_del_init(&mr->held.entry);
	spin_unlock_irq(&fastreg->lock);
	flush_work(&fastreg->work);
}
