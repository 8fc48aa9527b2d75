// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event area: bits that the backend sets, taken in the interrupt handler
 * and handed to the object they belong to.
 *
 * An object is found and called under events.lock, and ibfront_events_del()
 * takes that lock, so that no event reaches an object being destroyed.
 */

#include <linux/mm.h>
#include <linux/nospec.h>
#include <xen/events.h>

#include "ibfront.h"
#include "trace.h"

/*
 * The order in which events are reported that are pending together, as it is
 * not known which came first. A port that failed and recovered while the guest
 * was paused must not be taken for one that has failed.
 */
static const struct {
	unsigned int bit;
	enum ib_event_type type;
} ibfront_port_events[] = {
	{ VIBIF_EVENT_PORT_ERROR,		IB_EVENT_PORT_ERR },
	{ VIBIF_EVENT_PORT_LID_CHANGE,		IB_EVENT_LID_CHANGE },
	{ VIBIF_EVENT_PORT_PKEY_CHANGE,		IB_EVENT_PKEY_CHANGE },
	{ VIBIF_EVENT_PORT_GID_CHANGE,		IB_EVENT_GID_CHANGE },
	{ VIBIF_EVENT_PORT_SM_CHANGE,		IB_EVENT_SM_CHANGE },
	{ VIBIF_EVENT_PORT_CLIENT_REREGISTER,	IB_EVENT_CLIENT_REREGISTER },
	{ VIBIF_EVENT_PORT_ACTIVE,		IB_EVENT_PORT_ACTIVE },
};

static u64 *ibfront_event_summary(struct ibfront_events *events)
{
	return events->channel.area;
}

static u32 *ibfront_event_words(struct ibfront_events *events)
{
	return events->channel.area + XEN_PAGE_SIZE;
}

static void ibfront_dispatch_device(struct ibfront_dev *dev, u32 bits)
{
	struct ib_event event = { .device = &dev->ibdev };
	unsigned int port, i;

	lockdep_assert_held(&dev->events.lock);

	if (!dev->events.device_events) {
		dev->events.early |= bits;
		return;
	}

	for (port = 1; port <= dev->ibdev.phys_port_cnt; port++) {
		for (i = 0; i < ARRAY_SIZE(ibfront_port_events); i++) {
			unsigned int bit = ibfront_port_events[i].bit;

			if (!(bits & BIT(VIBIF_EVENT_PORT(port, bit))))
				continue;
			event.event = ibfront_port_events[i].type;
			event.element.port_num = port;
			ib_dispatch_event(&event);
		}
	}
	if (bits & BIT(VIBIF_EVENT_DEVICE_FATAL)) {
		event.event = IB_EVENT_DEVICE_FATAL;
		event.element.port_num = 0;
		ib_dispatch_event(&event);
	}
}

/* Dispatch the events of the 64 words that one number of the summary names. */
static void ibfront_dispatch_group(struct ibfront_dev *dev, unsigned int group)
{
	struct ibfront_events *events = &dev->events;
	struct ibfront_obj *obj;
	unsigned int bit, handle;
	unsigned long summary;
	u32 bits;

	lockdep_assert_held(&events->lock);

	/*
	 * Summary first, word second: a bit set in between leaves the summary
	 * set, and the next interrupt finds an empty word. xchg() is a full
	 * barrier.
	 */
	summary = xchg(&ibfront_event_summary(events)[group], 0);
	for_each_set_bit(bit, &summary, VIBIF_SUMMARY_BITS) {
		handle = group * VIBIF_SUMMARY_BITS + bit;
		bits = xchg(&ibfront_event_words(events)[handle], 0);
		obj = events->objects[handle];
		if (bits)
			trace_vib_event(dev->xbdev, handle, bits);
		if (!handle)
			ibfront_dispatch_device(dev, bits);
		else if (obj && bits)
			obj->dispatch(obj, bits);
	}
}

static irqreturn_t ibfront_events_irq(int irq, void *data)
{
	struct ibfront_dev *dev = data;
	struct ibfront_events *events = &dev->events;
	unsigned int eoi_flag = XEN_EOI_FLAG_SPURIOUS;
	unsigned long flags;
	unsigned int i;

	/* One pass only: whoever sets a bit behind it notifies again. */
	for (i = 0; i < events->nr_words / VIBIF_SUMMARY_BITS; i++) {
		if (!READ_ONCE(ibfront_event_summary(events)[i]))
			continue;
		eoi_flag = 0;
		spin_lock_irqsave(&events->lock, flags);
		ibfront_dispatch_group(dev, i);
		spin_unlock_irqrestore(&events->lock, flags);
	}

	xen_irq_lateeoi(irq, eoi_flag);
	return IRQ_HANDLED;
}

/**
 * ibfront_events_add() - deliver the events of a new object
 * @dev: device
 * @obj: its handle and dispatch set
 *
 * Return: 0, or -EIO if the backend chose an impossible handle.
 */
int ibfront_events_add(struct ibfront_dev *dev, struct ibfront_obj *obj)
{
	struct ibfront_events *events = &dev->events;
	u32 handle = obj->handle;
	unsigned long flags;
	int err = -EIO;

	if (handle && handle < events->nr_words) {
		handle = array_index_nospec(handle, events->nr_words);
		spin_lock_irqsave(&events->lock, flags);
		if (!events->objects[handle]) {
			/* What the handle's last owner left is not for us. */
			xchg(&ibfront_event_words(events)[handle], 0);
			events->objects[handle] = obj;
			err = 0;
		}
		spin_unlock_irqrestore(&events->lock, flags);
	}
	if (err)
		ibfront_fail(dev, "backend sent handle %u, 1 .. %u expected and not in use",
			     handle, events->nr_words - 1);
	return err;
}

/**
 * ibfront_events_del() - undo ibfront_events_add()
 * @dev: device
 * @obj: object
 *
 * No event reaches @obj any more.
 */
void ibfront_events_del(struct ibfront_dev *dev, const struct ibfront_obj *obj)
{
	struct ibfront_events *events = &dev->events;
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	events->objects[obj->handle] = NULL;
	spin_unlock_irqrestore(&events->lock, flags);
}

/**
 * ibfront_events_enable_device() - start or stop delivering port and device
 *	events
 * @dev: device
 * @enable: start, with those that are pending
 */
void ibfront_events_enable_device(struct ibfront_dev *dev, bool enable)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->events.lock, flags);
	dev->events.device_events = enable;
	if (enable)
		ibfront_dispatch_device(dev, dev->events.early);
	spin_unlock_irqrestore(&dev->events.lock, flags);
}

/* The ring may die meanwhile. */
static void ibfront_events_free(struct ibfront_events *events)
{
	struct ibfront_obj **objects = events->objects;

	spin_lock_irq(&events->lock);
	events->objects = NULL;
	spin_unlock_irq(&events->lock);
	kvfree(objects);
}

/**
 * ibfront_events_died() - tell the objects that want to know
 * @dev: device, whose ring has died
 */
void ibfront_events_died(struct ibfront_dev *dev)
{
	struct ibfront_events *events = &dev->events;
	struct ibfront_obj *obj;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&events->lock, flags);
	for (i = 0; events->objects && i < events->nr_words; i++) {
		obj = events->objects[i];
		if (obj && obj->died)
			obj->died(obj);
	}
	spin_unlock_irqrestore(&events->lock, flags);
}

/**
 * ibfront_events_init() - allocate the event area
 * @dev: device
 * @order: of its number of pages
 *
 * Return: 0 or a negative errno.
 */
int ibfront_events_init(struct ibfront_dev *dev, unsigned int order)
{
	struct ibfront_events *events = &dev->events;
	struct ibfront_obj **objects;
	int err;

	objects = kvcalloc(VIBIF_EVENT_WORDS(order), sizeof(*objects),
			   GFP_KERNEL);
	if (!objects)
		return -ENOMEM;
	spin_lock_irq(&events->lock);
	events->nr_words = VIBIF_EVENT_WORDS(order);
	events->objects = objects;
	spin_unlock_irq(&events->lock);

	err = ibfront_channel_open(dev, &events->channel, order,
				   ibfront_events_irq, "xen-ibfront-events");
	if (err)
		ibfront_events_free(events);
	return err;
}

/**
 * ibfront_events_fini() - undo ibfront_events_init()
 * @dev: device
 */
void ibfront_events_fini(struct ibfront_dev *dev)
{
	ibfront_channel_close(dev, &dev->events.channel);
	ibfront_events_free(&dev->events);
}
