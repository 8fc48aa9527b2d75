// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request ring.
 *
 * The device has a workqueue of its own, because firmware commands sleep. The
 * interrupt starts work there that copies requests out of the ring, each once.
 * It hands on all but the last to works of their own, and executes that itself:
 * a request that comes alone costs one wake-up. By then another work is to read
 * what comes next, so that a request that takes long holds no other up. The
 * workqueue runs a few of all these at a time, so a guest that fills its ring
 * waits for itself, not others for it. Responses go out as requests finish.
 *
 * There is a request structure for each ring slot, and one more, whose work
 * reads the ring next.
 */

#include <linux/slab.h>
#include <xen/events.h>

#include "ibback.h"
#include "trace.h"

/* Requests of one guest in execution at the same time */
#define MAX_IN_FLIGHT	4

static void ibback_ring_respond(struct ibback_request *r,
				const struct vibif_rsp *rsp)
{
	struct ibback_ring *ring = &r->dev->ring;
	int notify;

	spin_lock(&ring->lock);
	memcpy(RING_GET_RESPONSE(&ring->back, ring->back.rsp_prod_pvt), rsp,
	       sizeof(*rsp));
	ring->back.rsp_prod_pvt++;
	r->since = 0;
	list_add(&r->entry, &ring->idle);
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&ring->back, notify);
	spin_unlock(&ring->lock);
	if (notify)
		notify_remote_via_irq(ring->channel.irq);
}

/* Linux numbers are Xen's, as far as Xen has them. */
static int ibback_wire_status(int err)
{
	const int max_xen_errno = 133;

	return err <= 0 && err >= -max_xen_errno ? err : -EIO;
}

static void ibback_ring_execute(struct ibback_request *r)
{
	struct ibback_dev *dev = r->dev;
	struct vibif_rsp rsp;
	int err;

	WRITE_ONCE(r->executing, true);
	/* An initialiser need not clear all of a union */
	memset(&rsp, 0, sizeof(rsp));
	rsp.id = r->req.id;
	rsp.operation = r->req.operation;
	/* When the ring is going away nobody reads the answer */
	err = READ_ONCE(dev->ring.stopped) ? -EIO :
		ibback_execute(dev, &r->req, &rsp);
	if (err) {
		memset(&rsp.op, 0, sizeof(rsp.op));
		ibback_count(dev, IBBACK_COUNT_ERRORS, 1);
	}
	rsp.status = ibback_wire_status(err);
	trace_vib_response(dev->xbdev, &rsp, r->req.handle);
	ibback_ring_respond(r, &rsp);
}

/*
 * There is one: the overflow check lets no more requests in than the ring has
 * slots, and besides them only the reader is taken.
 */
static struct ibback_request *ibback_ring_get_idle(struct ibback_ring *ring)
{
	struct ibback_request *r;

	spin_lock(&ring->lock);
	r = list_first_entry(&ring->idle, struct ibback_request, entry);
	list_del(&r->entry);
	spin_unlock(&ring->lock);
	return r;
}

/* The request has been copied: let it be seen. */
static void ibback_ring_begin(struct ibback_ring *ring,
			      struct ibback_request *r)
{
	trace_vib_request(r->dev->xbdev, &r->req);
	ibback_count(r->dev, IBBACK_COUNT_REQUESTS, 1);
	spin_lock(&ring->lock);
	r->executing = false;
	r->since = ktime_get_ns();
	spin_unlock(&ring->lock);
}

/*
 * Return: whether there was something in the ring, of which the last is
 * @reader's now; or -EPROTO.
 */
static int ibback_ring_consume(struct ibback_dev *dev,
			       struct ibback_request *reader)
{
	struct ibback_ring *ring = &dev->ring;
	RING_IDX prod = READ_ONCE(ring->back.sring->req_prod);
	RING_IDX cons = ring->back.req_cons;
	bool overflow, any = prod != cons;
	struct ibback_request *r;

	/* The requests up to prod were written before it */
	virt_rmb();
	spin_lock(&ring->lock);
	overflow = RING_REQUEST_PROD_OVERFLOW(&ring->back, prod);
	spin_unlock(&ring->lock);
	if (overflow)
		return -EPROTO;

	while (cons != prod) {
		r = cons + 1 == prod ? reader : ibback_ring_get_idle(ring);
		RING_COPY_REQUEST(&ring->back, cons, &r->req);
		ring->back.req_cons = ++cons;
		ibback_ring_begin(ring, r);
		if (r != reader)
			queue_work(ring->workqueue, &r->work);
	}
	return any;
}

/*
 * At most a ringful at a time: what has come since waits for its turn.
 * Return: whether @reader has a request now.
 */
static bool ibback_ring_read(struct ibback_dev *dev,
			     struct ibback_request *reader)
{
	struct ibback_ring *ring = &dev->ring;
	int ret, more;

	if (READ_ONCE(ring->stopped))
		return false;
	ret = ibback_ring_consume(dev, reader);
	if (ret < 0) {
		ibback_dev_rogue(dev, "request ring overrun");
		return false;
	}
	/* Once there is an EOI, the interrupt may start the next one. */
	if (ret)
		ring->reader = ibback_ring_get_idle(ring);
	RING_FINAL_CHECK_FOR_REQUESTS(&ring->back, more);
	if (more)
		queue_work(ring->workqueue, &ring->reader->work);
	else
		xen_irq_lateeoi(ring->channel.irq,
				ret ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return ret;
}

/* A work either has got a request, or is to read the ring. */
static void ibback_ring_work(struct work_struct *work)
{
	struct ibback_request *r = container_of(work, struct ibback_request,
						work);

	if (r->since || ibback_ring_read(r->dev, r))
		ibback_ring_execute(r);
}

static irqreturn_t ibback_ring_interrupt(int irq, void *data)
{
	struct ibback_ring *ring = data;

	/* The first one may come before ibback_channel_bind() knows it */
	WRITE_ONCE(ring->channel.irq, irq);
	queue_work(ring->workqueue, &ring->reader->work);
	return IRQ_HANDLED;
}

/* Return: what they were. As long as there are any, debugfs reads the ring. */
static struct ibback_request *
ibback_ring_set_requests(struct ibback_ring *ring,
			 struct ibback_request *requests)
{
	spin_lock(&ring->lock);
	swap(ring->requests, requests);
	spin_unlock(&ring->lock);
	return requests;
}

static int ibback_ring_alloc(struct ibback_dev *dev)
{
	struct ibback_ring *ring = &dev->ring;
	unsigned int i;

	ring->nr_requests = RING_SIZE(&ring->back) + 1;
	ibback_ring_set_requests(ring, kvcalloc(ring->nr_requests,
						sizeof(*ring->requests),
						GFP_KERNEL));
	ring->workqueue = alloc_workqueue("%s", WQ_UNBOUND, MAX_IN_FLIGHT,
					  dev_name(&dev->xbdev->dev));
	if (!ring->requests || !ring->workqueue) {
		xenbus_dev_fatal(dev->xbdev, -ENOMEM, "allocating requests");
		return -ENOMEM;
	}
	INIT_LIST_HEAD(&ring->idle);
	for (i = 0; i < ring->nr_requests; i++) {
		ring->requests[i].dev = dev;
		INIT_WORK(&ring->requests[i].work, ibback_ring_work);
		list_add_tail(&ring->requests[i].entry, &ring->idle);
	}
	ring->reader = ibback_ring_get_idle(ring);
	return 0;
}

/*
 * A frontend sends nothing before this side is Connected. A ring with requests
 * is one that an earlier backend has served: they were executed then.
 */
static int ibback_ring_check_fresh(struct ibback_dev *dev)
{
	const struct vibif_sring *sring = dev->ring.channel.area;

	if (!READ_ONCE(sring->req_prod) && !READ_ONCE(sring->rsp_prod))
		return 0;
	if (!dev->stale_frontend)
		xenbus_dev_fatal(dev->xbdev, -ESTALE,
				 "request ring is not a new one");
	return -ESTALE;
}

static int ibback_ring_open(struct ibback_dev *dev)
{
	struct ibback_ring *ring = &dev->ring;
	struct ibback_channel *channel = &ring->channel;
	int err;

	BACK_RING_INIT(&ring->back, (struct vibif_sring *)channel->area,
		       (size_t)channel->nr_pages * XEN_PAGE_SIZE);
	err = ibback_ring_check_fresh(dev);
	if (!err)
		err = ibback_ring_alloc(dev);
	return err ?: ibback_channel_bind(dev, channel, ibback_ring_interrupt,
					  dev_name(&dev->xbdev->dev), ring);
}

/**
 * ibback_ring_connect() - map and serve the ring that the frontend announced
 * @dev: the guest's device; dev->lock is held
 *
 * Return: 0, or an errno after xenbus_dev_fatal(); but with dev->stale_frontend
 * -ESTALE says that the announcement was meant for an earlier backend.
 */
int ibback_ring_connect(struct ibback_dev *dev)
{
	static const struct ibback_channel_nodes nodes = {
		.what = "the request ring",
		.order = VIBIF_FIELD_RING_PAGE_ORDER,
		.max_order = VIBIF_MAX_RING_PAGE_ORDER,
		.ref = VIBIF_FIELD_RING_REF,
		.evtchn = VIBIF_FIELD_RING_EVTCHN,
	};
	int err;

	WRITE_ONCE(dev->ring.stopped, false);
	err = ibback_channel_map(dev, &dev->ring.channel, &nodes);
	if (!err)
		err = ibback_ring_open(dev);
	if (err)
		ibback_ring_disconnect(dev);
	return err;
}

/*
 * Stop reading, let what is in flight finish, and unmap. May be called in any
 * state.
 */
void ibback_ring_disconnect(struct ibback_dev *dev)
{
	struct ibback_ring *ring = &dev->ring;

	WRITE_ONCE(ring->stopped, true);
	if (ring->channel.irq)
		disable_irq(ring->channel.irq);
	/* Workers notify through the irq, so it goes after them */
	if (ring->workqueue)
		destroy_workqueue(ring->workqueue);
	ring->workqueue = NULL;
	/* Nobody sees them, nor the ring, when that is unmapped */
	kvfree(ibback_ring_set_requests(ring, NULL));
	ibback_channel_close(dev, &ring->channel, ring);
}
