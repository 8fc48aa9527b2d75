// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work of the kernel's own: posting it, polling for its completion, and what
 * software completes in place of the HCA.
 *
 * The backend can write the queues. So all that is taken from one is checked
 * against what is kept of each work request, which the backend cannot reach.
 *
 * When the ring has died, no completion can be relied on any more. Each CQ
 * reports those that are there, then leaves its ring alone, and flushes what is
 * left in the QPs that it serves, and what is posted from then on. So whoever
 * waits for the completion of a work request gets it.
 */

#include <linux/nospec.h>
#include <linux/slab.h>

#include "ibfront.h"

static const struct ibfront_queue_ops *ibfront_queues(struct ib_device *ibdev)
{
	return to_fdev(ibdev)->provider->queues;
}

/**
 * ibfront_wq_init() - make a work queue usable
 * @wq: sized by the provider
 * @queue: where it is
 * @writes: work requests can have the HCA write
 *
 * Return: 0 or -ENOMEM.
 */
int ibfront_wq_init(struct ibfront_wq *wq, const struct ibfront_queue *queue,
		    bool writes)
{
	spin_lock_init(&wq->lock);
	wq->area = queue->area + wq->offset;
	wq->record = queue->record;
	wq->wr = kvcalloc(wq->count, sizeof(*wq->wr), GFP_KERNEL);
	if (!wq->wr)
		return -ENOMEM;
	if (!writes || !wq->max_sge)
		return 0;
	wq->range = kvcalloc(wq->count,
			     array_size(wq->max_sge, sizeof(*wq->range)),
			     GFP_KERNEL);
	if (wq->range)
		return 0;
	kvfree(wq->wr);
	return -ENOMEM;
}

void ibfront_wq_fini(struct ibfront_wq *wq)
{
	kvfree(wq->range);
	kvfree(wq->wr);
}

static struct ibfront_range *ibfront_ranges(const struct ibfront_wq *wq,
					    u32 index)
{
	return &wq->range[(size_t)(index & (wq->count - 1)) * wq->max_sge];
}

/* Keep where a work request has the HCA write. Return how many places. */
static u16 ibfront_keep_ranges(struct ibfront_wq *wq, u32 index,
			       const struct ib_sge *sge, int nr)
{
	struct ibfront_range *range = ibfront_ranges(wq, index);
	u16 kept = 0;

	for (; nr > 0; nr--, sge++)
		if (sge->length)
			range[kept++] = (struct ibfront_range){
				.addr = sge->addr,
				.len = sge->length,
			};
	return kept;
}

/* The HCA has written so much: it is found there before it is unmapped, too. */
static void ibfront_arrived(struct ibfront_dev *dev,
			    const struct ibfront_wq *wq, u32 index, u32 len)
{
	const struct ibfront_wr *wr = &wq->wr[index & (wq->count - 1)];
	const struct ibfront_range *range;
	unsigned int i;
	u32 part;

	for (i = 0; len && i < wr->num_sge; i++) {
		range = &ibfront_ranges(wq, index)[i];
		part = min(len, range->len);
		ibfront_arena_arrived(dev, range->addr, part);
		len -= part;
	}
}

static void ibfront_srq_link(struct ibfront_srq *srq, u16 index, u16 next)
{
	srq->next[index] = next;
	ibfront_queues(srq->ibsrq.device)->link_srq(srq, index, next);
}

/**
 * ibfront_srq_init() - make an SRQ usable
 * @srq: sized by the provider, its queue allocated
 *
 * Return: 0 or -ENOMEM.
 */
int ibfront_srq_init(struct ibfront_srq *srq)
{
	u32 i, count = srq->wq.count;

	srq->next = kvmalloc_array(count, sizeof(*srq->next), GFP_KERNEL);
	if (!srq->next)
		return -ENOMEM;
	if (ibfront_wq_init(&srq->wq, &srq->queue, true)) {
		kvfree(srq->next);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++)
		ibfront_srq_link(srq, i, (i + 1) & (count - 1));
	srq->last_free = count - 1;
	return 0;
}

void ibfront_srq_fini(struct ibfront_srq *srq)
{
	ibfront_wq_fini(&srq->wq);
	kvfree(srq->next);
}

/**
 * ibfront_srq_put() - take back a WQE that the HCA has done with
 * @srq: SRQ
 * @index: of the WQE, as the HCA says
 * @wr: filled in with what was kept of it
 * @len: how much the HCA has written
 *
 * Return: whether it was posted.
 */
bool ibfront_srq_put(struct ibfront_srq *srq, u16 index, struct ibfront_wr *wr,
		     u32 len)
{
	struct ibfront_dev *dev = to_fdev(srq->ibsrq.device);
	struct ibfront_wq *wq = &srq->wq;
	unsigned long flags;

	if (index >= wq->count)
		return false;
	index = array_index_nospec(index, wq->count);

	spin_lock_irqsave(&wq->lock, flags);
	*wr = wq->wr[index];
	if (wr->posted) {
		ibfront_arrived(dev, wq, index, len);
		wq->wr[index].posted = false;
		ibfront_srq_link(srq, srq->last_free, index);
		srq->last_free = index;
	}
	spin_unlock_irqrestore(&wq->lock, flags);
	return wr->posted;
}

/**
 * ibfront_qp_init() - make a QP's queues usable
 * @qp: sized by the provider, its queue allocated
 *
 * Return: 0 or -ENOMEM.
 */
int ibfront_qp_init(struct ibfront_qp *qp)
{
	int err;

	err = ibfront_wq_init(&qp->sq, &qp->queue,
			      qp->ibqp.qp_type == IB_QPT_RC);
	if (err)
		return err;
	err = ibfront_wq_init(&qp->rq, &qp->queue, true);
	if (err)
		ibfront_wq_fini(&qp->sq);
	return err;
}

void ibfront_qp_fini(struct ibfront_qp *qp)
{
	ibfront_wq_fini(&qp->sq);
	ibfront_wq_fini(&qp->rq);
}

/**
 * ibfront_qp_add() - let the QP's CQs find it
 * @qp: QP, which has its number
 *
 * Return: 0; -ENOMEM; or -EIO if the backend chose another QP's number.
 */
int ibfront_qp_add(struct ibfront_qp *qp)
{
	struct ibfront_cq *send_cq = to_fcq(qp->ibqp.send_cq);
	struct ibfront_cq *recv_cq = to_fcq(qp->ibqp.recv_cq);
	struct ibfront_dev *dev = to_fdev(qp->ibqp.device);
	int err;

	err = xa_insert(&dev->qps, qp->ibqp.qp_num, qp, GFP_KERNEL);
	if (err == -EBUSY) {
		ibfront_fail(dev, "backend sent QP number %u twice",
			     qp->ibqp.qp_num);
		return -EIO;
	}
	if (err)
		return err;

	spin_lock_irq(&send_cq->lock);
	list_add_tail(&qp->send_entry, &send_cq->send_qps);
	spin_unlock_irq(&send_cq->lock);
	spin_lock_irq(&recv_cq->lock);
	list_add_tail(&qp->recv_entry, &recv_cq->recv_qps);
	spin_unlock_irq(&recv_cq->lock);
	return 0;
}

static void ibfront_clean_cq(struct ib_cq *ibcq, const struct ibfront_qp *qp)
{
	struct ib_srq *ibsrq = qp->ibqp.srq;

	ibfront_queues(ibcq->device)->clean_cq(to_fcq(ibcq), qp->ibqp.qp_num,
					       ibsrq ? to_fsrq(ibsrq) : NULL);
}

/**
 * ibfront_qp_del() - undo ibfront_qp_add(), and remove completions
 * @qp: QP, of which the HCA completes nothing any more
 */
void ibfront_qp_del(struct ibfront_qp *qp)
{
	struct ibfront_cq *send_cq = to_fcq(qp->ibqp.send_cq);
	struct ibfront_cq *recv_cq = to_fcq(qp->ibqp.recv_cq);

	spin_lock_irq(&send_cq->lock);
	list_del(&qp->send_entry);
	ibfront_clean_cq(&send_cq->ibcq, qp);
	spin_unlock_irq(&send_cq->lock);
	spin_lock_irq(&recv_cq->lock);
	list_del(&qp->recv_entry);
	ibfront_clean_cq(&recv_cq->ibcq, qp);
	spin_unlock_irq(&recv_cq->lock);

	xa_erase(&to_fdev(qp->ibqp.device)->qps, qp->ibqp.qp_num);
	/*
	 * Any CQ may have an entry with its number, if the backend is bad. Who
	 * polls that holds a spinlock, for which this waits.
	 */
	synchronize_rcu();
}

static void ibfront_wq_reset(struct ibfront_wq *wq)
{
	spin_lock(&wq->lock);
	wq->head = 0;
	wq->tail = 0;
	spin_unlock(&wq->lock);
}

/**
 * ibfront_qp_reset() - forget what was posted
 * @qp: QP, which the HCA has reset
 */
void ibfront_qp_reset(struct ibfront_qp *qp)
{
	struct ibfront_cq *send_cq = to_fcq(qp->ibqp.send_cq);
	struct ibfront_cq *recv_cq = to_fcq(qp->ibqp.recv_cq);

	spin_lock_irq(&send_cq->lock);
	ibfront_clean_cq(&send_cq->ibcq, qp);
	ibfront_wq_reset(&qp->sq);
	spin_unlock_irq(&send_cq->lock);
	spin_lock_irq(&recv_cq->lock);
	ibfront_clean_cq(&recv_cq->ibcq, qp);
	ibfront_wq_reset(&qp->rq);
	if (qp->rq.count)
		ibfront_queues(qp->ibqp.device)->ring_rq(&qp->rq);
	spin_unlock_irq(&recv_cq->lock);
}

static void ibfront_cq_notify(struct irq_work *notify)
{
	struct ibfront_cq *cq = container_of(notify, struct ibfront_cq, notify);

	cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
}

/*
 * There is something to poll for. The handler is called from an interrupt: the
 * caller may be a verb, which must not call a consumer back.
 */
static void ibfront_cq_kick(struct ibfront_cq *cq)
{
	unsigned long flags;
	bool armed;

	spin_lock_irqsave(&cq->lock, flags);
	armed = cq->armed;
	cq->armed = false;
	spin_unlock_irqrestore(&cq->lock, flags);

	if (armed)
		irq_work_queue(&cq->notify);
}

static void ibfront_cq_died(struct ibfront_obj *obj)
{
	ibfront_cq_kick(container_of(obj, struct ibfront_cq, obj));
}

/**
 * ibfront_cq_init() - make a CQ usable
 * @cq: its size set, its queue allocated
 *
 * Return: 0 or -ENOMEM.
 */
int ibfront_cq_init(struct ibfront_cq *cq)
{
	cq->soft = kvcalloc(cq->ibcq.cqe + 1, sizeof(*cq->soft), GFP_KERNEL);
	if (!cq->soft)
		return -ENOMEM;
	spin_lock_init(&cq->lock);
	INIT_LIST_HEAD(&cq->send_qps);
	INIT_LIST_HEAD(&cq->recv_qps);
	init_irq_work(&cq->notify, ibfront_cq_notify);
	cq->obj.died = ibfront_cq_died;
	ibfront_queues(cq->ibcq.device)->init_cq(cq);
	return 0;
}

/**
 * ibfront_cq_fini() - undo ibfront_cq_init(), if it was called
 * @cq: which serves no QP and has no events any more
 */
void ibfront_cq_fini(struct ibfront_cq *cq)
{
	if (!cq->kernel)
		return;
	irq_work_sync(&cq->notify);
	kvfree(cq->soft);
}

/**
 * ibfront_cq_add_soft() - add a completion that is not the HCA's
 * @cq: CQ of the kernel's own
 * @wc: the completion
 *
 * It is polled before what the HCA completes later. comp_handler is called,
 * from an interrupt, if the CQ is armed. Callable from any context. The
 * consumer has seen to it that the CQ has room, as for those of the HCA.
 */
void ibfront_cq_add_soft(struct ibfront_cq *cq, const struct ib_wc *wc)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&cq->lock, flags);
	room = cq->soft_head - cq->soft_tail <= cq->ibcq.cqe;
	if (room)
		cq->soft[cq->soft_head++ & cq->ibcq.cqe] = *wc;
	spin_unlock_irqrestore(&cq->lock, flags);

	if (!room)
		dev_err_ratelimited(&cq->ibcq.device->dev,
				    "CQ %u is full: a completion is lost\n",
				    cq->number);
	ibfront_cq_kick(cq);
}

/**
 * ibfront_cq_clean_soft() - remove a QP's completions that are not the HCA's
 * @cq: CQ of the kernel's own
 * @ibqp: the QP
 */
void ibfront_cq_clean_soft(struct ibfront_cq *cq, const struct ib_qp *ibqp)
{
	unsigned long flags;
	u32 i, head;

	spin_lock_irqsave(&cq->lock, flags);
	head = cq->soft_tail;
	for (i = cq->soft_tail; i != cq->soft_head; i++)
		if (cq->soft[i & cq->ibcq.cqe].qp != ibqp)
			cq->soft[head++ & cq->ibcq.cqe] =
				cq->soft[i & cq->ibcq.cqe];
	cq->soft_head = head;
	spin_unlock_irqrestore(&cq->lock, flags);
}

static int ibfront_poll_soft(struct ibfront_cq *cq, int max, struct ib_wc *wc)
{
	int nr = 0;

	while (nr < max && cq->soft_tail != cq->soft_head)
		wc[nr++] = cq->soft[cq->soft_tail++ & cq->ibcq.cqe];
	return nr;
}

static u32 ibfront_wq_head(const struct ibfront_wq *wq)
{
	/* Read no work request before the index that says it is there. */
	return smp_load_acquire(&wq->head);
}

/* The work request at head has been written. */
static void ibfront_wq_advance(struct ibfront_wq *wq)
{
	/* Pairs with ibfront_wq_head(). */
	smp_store_release(&wq->head, wq->head + 1);
}

static bool ibfront_complete_send(struct ibfront_qp *qp, u16 index,
				  struct ib_wc *wc)
{
	struct ibfront_wq *sq = &qp->sq;
	const struct ibfront_wr *wr;
	u32 i, tail = sq->tail;

	/* A completion is that of all before it that asked for none. */
	if (!qp->signal_all)
		tail += (u16)(index - (u16)tail);
	if (tail - sq->tail >= ibfront_wq_head(sq) - sq->tail)
		return false;

	wr = &sq->wr[tail & (sq->count - 1)];
	wc->wr_id = wr->id;
	if (wc->status == IB_WC_SUCCESS) {
		wc->opcode = wr->opcode;
		wc->byte_len = wr->len;
		for (i = sq->tail; i != tail + 1; i++)
			ibfront_arrived(to_fdev(qp->ibqp.device), sq, i,
					sq->wr[i & (sq->count - 1)].len);
	}
	WRITE_ONCE(sq->tail, tail + 1);
	return true;
}

/* Consumers take byte_len for what is in their buffers. */
static bool ibfront_recv_fits(const struct ibfront_wr *wr,
			      const struct ib_wc *wc)
{
	return wc->status != IB_WC_SUCCESS || wc->opcode != IB_WC_RECV ||
	       wc->byte_len <= wr->len;
}

static u32 ibfront_received(const struct ib_wc *wc)
{
	return wc->status == IB_WC_SUCCESS && wc->opcode == IB_WC_RECV ?
		wc->byte_len : 0;
}

static bool ibfront_complete_recv(struct ibfront_qp *qp, struct ib_wc *wc)
{
	struct ibfront_wq *rq = &qp->rq;
	const struct ibfront_wr *wr;

	if (!rq->count || rq->tail == ibfront_wq_head(rq))
		return false;
	wr = &rq->wr[rq->tail & (rq->count - 1)];
	if (!ibfront_recv_fits(wr, wc))
		return false;
	wc->wr_id = wr->id;
	ibfront_arrived(to_fdev(qp->ibqp.device), rq, rq->tail,
			ibfront_received(wc));
	WRITE_ONCE(rq->tail, rq->tail + 1);
	return true;
}

static bool ibfront_complete_srq(struct ibfront_srq *srq, u16 index,
				 struct ib_wc *wc)
{
	struct ibfront_wr wr;

	if (!ibfront_srq_put(srq, index, &wr, ibfront_received(wc)) ||
	    !ibfront_recv_fits(&wr, wc))
		return false;
	wc->wr_id = wr.id;
	return true;
}

/* Fill in what the entry does not say. False: it is of nothing posted. */
static bool ibfront_complete(struct ibfront_cq *cq,
			     const struct ibfront_cqe *cqe, struct ib_wc *wc)
{
	struct ibfront_qp *qp;
	struct ib_cq *ibcq;

	lockdep_assert_held(&cq->lock);

	/* It stays until we let go of the lock: see ibfront_qp_del(). */
	qp = xa_load(&to_fdev(cq->ibcq.device)->qps, cqe->qpn);
	if (!qp)
		return false;
	ibcq = cqe->send ? qp->ibqp.send_cq : qp->ibqp.recv_cq;
	if (ibcq != &cq->ibcq)
		return false;

	*wc = cqe->wc;
	wc->qp = &qp->ibqp;
	if (cqe->send)
		return ibfront_complete_send(qp, cqe->index, wc);
	if (qp->ibqp.srq)
		return ibfront_complete_srq(to_fsrq(qp->ibqp.srq), cqe->index,
					    wc);
	return ibfront_complete_recv(qp, wc);
}

static int ibfront_poll_ring(struct ibfront_cq *cq, int max, struct ib_wc *wc)
{
	struct ibfront_dev *dev = to_fdev(cq->ibcq.device);
	struct ibfront_cqe cqe;
	int nr = 0;

	while (nr < max && dev->provider->queues->take_cqe(cq, &cqe)) {
		if (!ibfront_complete(cq, &cqe, &wc[nr])) {
			ibfront_fail(dev, "CQ %u has a bad entry of QP %u",
				     cq->number, cqe.qpn);
			break;
		}
		nr++;
	}
	return nr;
}

/*
 * The lock is for those who post meanwhile: either their work request is seen
 * here, or they see that the ring is dead, and kick the CQ.
 */
static int ibfront_flush_wq(struct ibfront_qp *qp, struct ibfront_wq *wq,
			    int max, struct ib_wc *wc)
{
	int nr = 0;

	spin_lock(&wq->lock);
	while (nr < max && wq->tail != wq->head) {
		wc[nr++] = (struct ib_wc){
			.wr_id = wq->wr[wq->tail & (wq->count - 1)].id,
			.status = IB_WC_WR_FLUSH_ERR,
			.qp = &qp->ibqp,
		};
		WRITE_ONCE(wq->tail, wq->tail + 1);
	}
	spin_unlock(&wq->lock);
	return nr;
}

static int ibfront_poll_flush(struct ibfront_cq *cq, int max, struct ib_wc *wc)
{
	struct ibfront_qp *qp;
	int nr = 0;

	list_for_each_entry(qp, &cq->send_qps, send_entry)
		nr += ibfront_flush_wq(qp, &qp->sq, max - nr, wc + nr);
	list_for_each_entry(qp, &cq->recv_qps, recv_entry)
		nr += ibfront_flush_wq(qp, &qp->rq, max - nr, wc + nr);
	return nr;
}

static int ibfront_poll_cq(struct ib_cq *ibcq, int max, struct ib_wc *wc)
{
	struct ibfront_cq *cq = to_fcq(ibcq);
	unsigned long flags;
	int nr;

	spin_lock_irqsave(&cq->lock, flags);
	nr = ibfront_poll_soft(cq, max, wc);
	if (!cq->flushed)
		nr += ibfront_poll_ring(cq, max - nr, wc + nr);
	if (nr < max && ibfront_ring_dead(to_fdev(ibcq->device))) {
		cq->flushed = true;
		nr += ibfront_poll_flush(cq, max - nr, wc + nr);
	}
	spin_unlock_irqrestore(&cq->lock, flags);
	return nr;
}

static bool ibfront_has_unflushed(const struct ibfront_cq *cq)
{
	const struct ibfront_qp *qp;

	list_for_each_entry(qp, &cq->send_qps, send_entry)
		if (READ_ONCE(qp->sq.head) != qp->sq.tail)
			return true;
	list_for_each_entry(qp, &cq->recv_qps, recv_entry)
		if (READ_ONCE(qp->rq.head) != qp->rq.tail)
			return true;
	return false;
}

/*
 * The HCA tells of entries that were there before it was asked to tell, so they
 * are not missed; as natively, to which the stock users are used.
 */
static int ibfront_req_notify_cq(struct ib_cq *ibcq,
				 enum ib_cq_notify_flags notify)
{
	const struct ibfront_queue_ops *queues = ibfront_queues(ibcq->device);
	bool solicited = (notify & IB_CQ_SOLICITED_MASK) == IB_CQ_SOLICITED;
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	bool dead = ibfront_ring_dead(dev);
	struct ibfront_cq *cq = to_fcq(ibcq);
	unsigned long flags;
	bool missed;

	if (ibcq->poll_ctx == IB_POLL_WORKQUEUE ||
	    ibcq->poll_ctx == IB_POLL_UNBOUND_WORKQUEUE)
		WRITE_ONCE(dev->arena.poll_work, ibcq->work.func);

	spin_lock_irqsave(&cq->lock, flags);
	cq->armed = true;
	if (!dead)
		queues->arm_cq(cq, solicited);
	missed = cq->soft_tail != cq->soft_head ||
		 (dead && (ibfront_has_unflushed(cq) ||
			   (!cq->flushed && queues->has_cqe(cq))));
	spin_unlock_irqrestore(&cq->lock, flags);

	return missed && notify & IB_CQ_REPORT_MISSED_EVENTS;
}

static u32 ibfront_sge_length(const struct ib_sge *sge, int nr)
{
	u32 length = 0;

	while (nr--)
		length += sge++->length;
	return length;
}

static enum ib_wc_opcode ibfront_wc_opcode(enum ib_wr_opcode opcode)
{
	switch (opcode) {
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		return IB_WC_RDMA_WRITE;
	case IB_WR_RDMA_READ:
		return IB_WC_RDMA_READ;
	case IB_WR_ATOMIC_CMP_AND_SWP:
		return IB_WC_COMP_SWAP;
	case IB_WR_ATOMIC_FETCH_AND_ADD:
		return IB_WC_FETCH_ADD;
	case IB_WR_LOCAL_INV:
		return IB_WC_LOCAL_INV;
	case IB_WR_REG_MR:
		return IB_WC_REG_MR;
	default:
		return IB_WC_SEND;
	}
}

/* Return -ENOMEM if the queue is full, -EINVAL for a list that is too long. */
static int ibfront_check_wr(const struct ibfront_wq *wq, int num_sge)
{
	lockdep_assert_held(&wq->lock);

	if (wq->head - READ_ONCE(wq->tail) >= wq->max_post)
		return -ENOMEM;
	return num_sge < 0 || num_sge > wq->max_sge ? -EINVAL : 0;
}

/* What the HCA sends is as it is now, whenever it was mapped. */
static void ibfront_refresh(struct ibfront_dev *dev,
			    const struct ib_send_wr *wr)
{
	int i;

	switch (wr->opcode) {
	case IB_WR_SEND:
	case IB_WR_SEND_WITH_IMM:
	case IB_WR_SEND_WITH_INV:
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		for (i = 0; i < wr->num_sge; i++)
			if (wr->sg_list[i].length)
				ibfront_arena_refresh(dev, wr->sg_list[i].addr,
						      wr->sg_list[i].length);
		break;
	default:
		break;
	}
}

static int ibfront_post_one_send(struct ibfront_qp *qp,
				 const struct ib_send_wr *wr)
{
	bool hold = ibfront_fastreg_is_moved(wr);
	struct ibfront_wq *sq = &qp->sq;
	int err;

	err = ibfront_check_wr(sq, wr->num_sge);
	if (err)
		return err;
	ibfront_refresh(to_fdev(qp->ibqp.device), wr);
	err = ibfront_queues(qp->ibqp.device)->write_send(qp, sq->head, wr,
							  hold);
	if (!err && hold)
		err = ibfront_fastreg_hold(qp, sq->head, wr);
	if (err)
		return err;
	sq->wr[sq->head & (sq->count - 1)] = (struct ibfront_wr){
		.id = wr->wr_id,
		.len = ibfront_sge_length(wr->sg_list, wr->num_sge),
		.opcode = ibfront_wc_opcode(wr->opcode),
	};
	if (wr->opcode == IB_WR_RDMA_READ && sq->range)
		sq->wr[sq->head & (sq->count - 1)].num_sge =
			ibfront_keep_ranges(sq, sq->head, wr->sg_list,
					    wr->num_sge);
	ibfront_wq_advance(sq);
	return 0;
}

static int ibfront_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
			     const struct ib_send_wr **bad_wr)
{
	struct ibfront_dev *dev = to_fdev(ibqp->device);
	struct ibfront_qp *qp = to_fqp(ibqp);
	struct ibfront_wq *sq = &qp->sq;
	unsigned long flags;
	int err = 0;
	u32 head;

	if (qp->gsi)
		return ibfront_gsi_post_send(ibqp, wr, bad_wr);
	spin_lock_irqsave(&sq->lock, flags);
	head = sq->head;
	for (; wr; wr = wr->next) {
		err = ibfront_post_one_send(qp, wr);
		if (err)
			break;
	}
	if (sq->head != head && !ibfront_ring_dead(dev))
		dev->provider->queues->ring_sq(qp);
	spin_unlock_irqrestore(&sq->lock, flags);

	if (err)
		*bad_wr = wr;
	if (ibfront_ring_dead(dev))
		ibfront_cq_kick(to_fcq(ibqp->send_cq));
	return err;
}

/* Write a receive into WQE @index, which is free. */
static int ibfront_write_recv(struct ib_pd *ibpd, struct ibfront_wq *wq,
			      u32 index, const struct ib_recv_wr *wr)
{
	int err;

	err = ibfront_queues(ibpd->device)->write_recv(wq, index, to_fpd(ibpd),
						       wr);
	if (err)
		return err;
	wq->wr[index & (wq->count - 1)] = (struct ibfront_wr){
		.id = wr->wr_id,
		.len = ibfront_sge_length(wr->sg_list, wr->num_sge),
		.posted = true,
		.num_sge = ibfront_keep_ranges(wq, index, wr->sg_list,
					       wr->num_sge),
	};
	ibfront_wq_advance(wq);
	return 0;
}

static int ibfront_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
			     const struct ib_recv_wr **bad_wr)
{
	struct ibfront_dev *dev = to_fdev(ibqp->device);
	struct ibfront_wq *rq = &to_fqp(ibqp)->rq;
	unsigned long flags;
	int err = 0;

	if (to_fqp(ibqp)->gsi)
		return ibfront_gsi_post_recv(ibqp, wr, bad_wr);
	if (!rq->count) {
		*bad_wr = wr;
		return -EINVAL;
	}
	spin_lock_irqsave(&rq->lock, flags);
	for (; wr; wr = wr->next) {
		err = ibfront_check_wr(rq, wr->num_sge);
		if (!err)
			err = ibfront_write_recv(ibqp->pd, rq, rq->head, wr);
		if (err)
			break;
	}
	dev->provider->queues->ring_rq(rq);
	spin_unlock_irqrestore(&rq->lock, flags);

	if (err)
		*bad_wr = wr;
	if (ibfront_ring_dead(dev))
		ibfront_cq_kick(to_fcq(ibqp->recv_cq));
	return err;
}

static int ibfront_post_one_srq_recv(struct ibfront_srq *srq,
				     const struct ib_recv_wr *wr)
{
	u16 index = srq->first_free;
	int err;

	if (index == srq->last_free)
		return -ENOMEM;
	if (wr->num_sge < 0 || wr->num_sge > srq->wq.max_sge)
		return -EINVAL;
	err = ibfront_write_recv(srq->ibsrq.pd, &srq->wq, index, wr);
	if (!err)
		srq->first_free = srq->next[index];
	return err;
}

static int ibfront_post_srq_recv(struct ib_srq *ibsrq,
				 const struct ib_recv_wr *wr,
				 const struct ib_recv_wr **bad_wr)
{
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&srq->wq.lock, flags);
	for (; wr; wr = wr->next) {
		err = ibfront_post_one_srq_recv(srq, wr);
		if (err)
			break;
	}
	ibfront_queues(ibsrq->device)->ring_rq(&srq->wq);
	spin_unlock_irqrestore(&srq->wq.lock, flags);

	if (err)
		*bad_wr = wr;
	return err;
}

const struct ib_device_ops ibfront_work_ops = {
	.poll_cq = ibfront_poll_cq,
	.post_recv = ibfront_post_recv,
	.post_send = ibfront_post_send,
	.post_srq_recv = ibfront_post_srq_recv,
	.req_notify_cq = ibfront_req_notify_cq,
};
