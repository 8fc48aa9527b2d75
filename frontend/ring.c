// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request ring: slots for requests in flight, responses matched to them by
 * id, and a dead state in which everything fails at once.
 *
 * The backend is not trusted: each response is copied once and must answer a
 * request that is in flight. A slot is part of struct ibfront_dev and outlives
 * the event channel, and a dead ring takes no response, so that a late one
 * touches nothing.
 */

#include <linux/delay.h>
#include <linux/nospec.h>
#include <xen/events.h>

#include "ibfront.h"
#include "trace.h"

static struct ibfront_dev *ibfront_ring_dev(struct ibfront_ring *ring)
{
	return container_of(ring, struct ibfront_dev, ring);
}

/**
 * ibfront_ring_kill() - let all requests, present and future, fail with -EIO
 * @dev: device
 *
 * Return: whether the ring was alive.
 */
bool ibfront_ring_kill(struct ibfront_dev *dev)
{
	struct ibfront_ring *ring = &dev->ring;
	unsigned long flags;
	unsigned int i;
	bool alive;

	spin_lock_irqsave(&ring->lock, flags);
	alive = !ring->dead;
	WRITE_ONCE(ring->dead, true);
	for_each_set_bit(i, ring->busy, ring->nr_slots)
		complete(&ring->slots[i].done);
	spin_unlock_irqrestore(&ring->lock, flags);

	/* The caller may be a verb, which must not call a consumer back. */
	if (alive)
		irq_work_queue(&ring->died);
	return alive;
}

static void ibfront_ring_died(struct irq_work *died)
{
	struct ibfront_ring *ring =
		container_of(died, struct ibfront_ring, died);

	ibfront_events_died(ibfront_ring_dev(ring));
	ibfront_gsi_died(ibfront_ring_dev(ring));
	ibfront_arena_died(ibfront_ring_dev(ring));
}

/* Return NULL, or what is wrong with the response. */
static const char *ibfront_take_response(struct ibfront_ring *ring,
					 const struct vibif_rsp *rsp)
{
	struct ibfront_slot *slot;

	lockdep_assert_held(&ring->lock);

	if (rsp->id >= ring->nr_slots)
		return "an id out of range";
	slot = &ring->slots[array_index_nospec(rsp->id, ring->nr_slots)];
	if (!slot->sent || slot->answered)
		return "an id that is not in flight";
	if (rsp->operation != slot->operation)
		return "the wrong operation";
	if (rsp->status > 0 || rsp->status < -MAX_ERRNO)
		return "a status out of range";

	trace_vib_response(ibfront_ring_dev(ring)->xbdev, rsp, slot->handle);
	slot->rsp = *rsp;
	slot->answered = true;
	complete(&slot->done);
	return NULL;
}

/* Return how many responses there were; set *wrong if one was wrong. */
static unsigned int ibfront_take_responses(struct ibfront_ring *ring,
					   const char **wrong)
{
	unsigned int taken = 0;
	struct vibif_rsp rsp;
	RING_IDX prod;
	int more;

	lockdep_assert_held(&ring->lock);

	do {
		prod = READ_ONCE(ring->front.sring->rsp_prod);
		/* Read no response before the index that says it is there. */
		virt_rmb();
		if (RING_RESPONSE_PROD_OVERFLOW(&ring->front, prod)) {
			*wrong = "more responses than requests";
			return taken;
		}
		while (ring->front.rsp_cons != prod) {
			RING_COPY_RESPONSE(&ring->front, ring->front.rsp_cons,
					   &rsp);
			*wrong = ibfront_take_response(ring, &rsp);
			if (*wrong)
				return taken;
			ring->front.rsp_cons++;
			taken++;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&ring->front, more);
	} while (more);

	return taken;
}

static irqreturn_t ibfront_ring_irq(int irq, void *data)
{
	struct ibfront_dev *dev = data;
	struct ibfront_ring *ring = &dev->ring;
	const char *wrong = NULL;
	unsigned int taken = 0;
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	if (!ring->dead)
		taken = ibfront_take_responses(ring, &wrong);
	spin_unlock_irqrestore(&ring->lock, flags);

	if (wrong) {
		/* No EOI: nothing more is wanted of this backend. */
		ibfront_fail(dev, "backend sent %s", wrong);
		return IRQ_HANDLED;
	}

	xen_irq_lateeoi(irq, taken ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

/*
 * Wait for a free slot; NULL on a dead ring. up() hands the slot to whoever has
 * waited longest, so that a process with many threads that send all the time
 * does not keep others from sending at all. Those who wait when the ring dies
 * get their turn too, as each request in flight ends and gives its slot back.
 */
static struct ibfront_slot *ibfront_get_slot(struct ibfront_ring *ring)
{
	struct ibfront_slot *slot = NULL;
	unsigned long flags;
	unsigned int i;

	down(&ring->free);
	spin_lock_irqsave(&ring->lock, flags);
	if (!ring->dead) {
		i = find_first_zero_bit(ring->busy, ring->nr_slots);
		__set_bit(i, ring->busy);
		slot = &ring->slots[i];
		slot->sent = false;
		slot->answered = false;
		reinit_completion(&slot->done);
	}
	spin_unlock_irqrestore(&ring->lock, flags);

	if (!slot)
		up(&ring->free);
	return slot;
}

static void ibfront_put_slot(struct ibfront_ring *ring,
			     struct ibfront_slot *slot)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	slot->sent = false;
	__clear_bit(slot - ring->slots, ring->busy);
	spin_unlock_irqrestore(&ring->lock, flags);

	up(&ring->free);
}

static void ibfront_send(struct ibfront_ring *ring, struct ibfront_slot *slot,
			 struct vibif_req *req)
{
	unsigned long flags;
	int notify = 0;

	spin_lock_irqsave(&ring->lock, flags);
	if (!ring->dead) {
		req->id = slot - ring->slots;
		slot->operation = req->operation;
		slot->handle = req->handle;
		slot->since = ktime_get_ns();
		slot->sent = true;
		trace_vib_request(ibfront_ring_dev(ring)->xbdev, req);
		*RING_GET_REQUEST(&ring->front, ring->front.req_prod_pvt) =
			*req;
		ring->front.req_prod_pvt++;
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&ring->front, notify);
	}
	spin_unlock_irqrestore(&ring->lock, flags);

	if (notify)
		notify_remote_via_irq(ring->channel.irq);
}

/*
 * Whether the backend has left. If it did not close, its nodes are gone: how
 * that reads varies, but -ENOMEM means that nothing could be read.
 */
static bool ibfront_backend_left(struct xenbus_device *xbdev)
{
	int state, err;

	err = xenbus_scanf(XBT_NIL, xbdev->otherend, VIBIF_FIELD_STATE, "%d",
			   &state);
	return err == 1 ? state != XenbusStateConnected : err != -ENOMEM;
}

/*
 * Give up a backend that answers nothing: one that answers other requests may
 * get to this one later. Its state is read rather than waited for, because the
 * watch may be waiting for the caller.
 */
static void ibfront_wait(struct ibfront_dev *dev, struct ibfront_slot *slot,
			 const struct vibif_req *req)
{
	RING_IDX seen = READ_ONCE(dev->ring.front.rsp_cons), cons;
	unsigned int seconds;

	for (seconds = 0; seconds < IBFRONT_TIMEOUT_S; seconds++) {
		if (wait_for_completion_timeout(&slot->done, HZ))
			return;
		if (ibfront_backend_left(dev->xbdev)) {
			if (ibfront_ring_kill(dev))
				schedule_work(dev->fail_work);
			return;
		}
		cons = READ_ONCE(dev->ring.front.rsp_cons);
		if (cons != seen)
			seconds = 0;
		seen = cons;
	}
	ibfront_fail(dev, "backend did not answer operation %u in %u s",
		     req->operation, IBFRONT_TIMEOUT_S);
}

/**
 * ibfront_exec() - send a request and wait for its response
 * @dev: device
 * @req: request; the id is filled in
 * @rsp: filled in when 0 is returned
 *
 * Sleeps, uninterruptibly, until the backend has answered, or has answered
 * nothing at all for IBFRONT_TIMEOUT_S and is given up.
 *
 * Return: 0, the status of the response, or -EIO if the ring is dead.
 */
int ibfront_exec(struct ibfront_dev *dev, struct vibif_req *req,
		 struct vibif_rsp *rsp)
{
	struct ibfront_ring *ring = &dev->ring;
	struct ibfront_slot *slot;
	unsigned long flags;
	int err = -EIO;

	slot = ibfront_get_slot(ring);
	if (!slot)
		return -EIO;

	ibfront_send(ring, slot, req);
	ibfront_wait(dev, slot, req);

	spin_lock_irqsave(&ring->lock, flags);
	if (slot->answered) {
		*rsp = slot->rsp;
		err = rsp->status;
	}
	spin_unlock_irqrestore(&ring->lock, flags);
	ibfront_put_slot(ring, slot);

	return err;
}

/**
 * ibfront_ring_init() - allocate the ring
 * @dev: device
 * @order: of its number of pages
 *
 * Return: 0 or a negative errno.
 */
int ibfront_ring_init(struct ibfront_dev *dev, unsigned int order)
{
	struct ibfront_ring *ring = &dev->ring;
	unsigned int i;
	int err;

	init_irq_work(&ring->died, ibfront_ring_died);
	err = ibfront_channel_open(dev, &ring->channel, order, ibfront_ring_irq,
				   "xen-ibfront-ring");
	if (err)
		return err;

	XEN_FRONT_RING_INIT(&ring->front,
			    (struct vibif_sring *)ring->channel.area,
			    XEN_PAGE_SIZE << order);
	ring->nr_slots = min_t(unsigned int, RING_SIZE(&ring->front),
			       IBFRONT_MAX_SLOTS);
	sema_init(&ring->free, ring->nr_slots);
	for (i = 0; i < ring->nr_slots; i++)
		init_completion(&ring->slots[i].done);

	spin_lock_irq(&ring->lock);
	WRITE_ONCE(ring->dead, false);
	spin_unlock_irq(&ring->lock);
	return 0;
}

/**
 * ibfront_ring_fini() - undo ibfront_ring_init()
 * @dev: device, which sends nothing any more
 */
void ibfront_ring_fini(struct ibfront_dev *dev)
{
	ibfront_channel_close(dev, &dev->ring.channel);
	irq_work_sync(&dev->ring.died);
}
