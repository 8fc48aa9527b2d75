// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event area: sticky bits in shared pages, and an event channel.
 *
 * Setting a bit cannot fail, needs no memory and never waits for the guest, so
 * it is done right where the HCA's interrupt is served. The area is mapped as
 * long as there are objects, which are the senders; what is told of the device
 * itself may come at any time, and looks whether there is an area.
 */

#include <linux/bitops.h>
#include <asm/sync_bitops.h>
#include <xen/events.h>

#include "ibback.h"

#define BITS_PER_WORD_ON_WIRE	32

/* The guest has no reason to send anything on this channel. */
static irqreturn_t events_interrupt(int irq, void *data)
{
	xen_irq_lateeoi(irq, XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

static void events_set_irq(struct ibback_events *ev, int irq)
{
	spin_lock(&ev->lock);
	ev->irq = irq;
	spin_unlock(&ev->lock);
}

static int events_map(struct ibback_dev *dev, unsigned int order)
{
	grant_ref_t gref[1 << VIBIF_MAX_EVENT_PAGE_ORDER];
	struct ibback_events *ev = &dev->events;
	unsigned int i, nr = 1U << order;
	char node[sizeof(VIBIF_FIELD_EVENT_REF) + 4];
	int err;

	for (i = 0; i < nr; i++) {
		snprintf(node, sizeof(node), VIBIF_FIELD_EVENT_REF "%u", i);
		if (xenbus_scanf(XBT_NIL, dev->xbdev->otherend, node, "%u",
				 &gref[i]) != 1) {
			xenbus_dev_fatal(dev->xbdev, -EINVAL, "reading %s",
					 node);
			return -EINVAL;
		}
	}
	err = xenbus_map_ring_valloc(dev->xbdev, gref, nr, &ev->area);
	if (err) {
		xenbus_dev_fatal(dev->xbdev, err, "mapping the event area");
		ev->area = NULL;
		return err;
	}
	ev->nr_pages = nr;
	ibback_total_add(IBBACK_TOTAL_GRANTS, nr);
	return 0;
}

/**
 * ibback_events_connect - map what the frontend has announced
 * @dev: the guest's device; dev->lock is held
 *
 * Return: 0, or an errno after xenbus_dev_fatal().
 */
int ibback_events_connect(struct ibback_dev *dev)
{
	struct xenbus_device *xbdev = dev->xbdev;
	unsigned int order, evtchn;
	int err;

	order = xenbus_read_unsigned(xbdev->otherend,
				     VIBIF_FIELD_EVENT_PAGE_ORDER, 0);
	if (order < 1 || order > VIBIF_MAX_EVENT_PAGE_ORDER) {
		xenbus_dev_fatal(xbdev, -EINVAL,
				 VIBIF_FIELD_EVENT_PAGE_ORDER
				 " is %u, valid range is 1 - %u", order,
				 VIBIF_MAX_EVENT_PAGE_ORDER);
		return -EINVAL;
	}
	if (xenbus_scanf(XBT_NIL, xbdev->otherend, VIBIF_FIELD_EVENT_EVTCHN,
			 "%u", &evtchn) != 1) {
		xenbus_dev_fatal(xbdev, -EINVAL, "reading "
				 VIBIF_FIELD_EVENT_EVTCHN);
		return -EINVAL;
	}
	err = events_map(dev, order);
	if (err)
		return err;
	dev->limits.nr_event_words = VIBIF_EVENT_WORDS(order);

	err = bind_interdomain_evtchn_to_irqhandler_lateeoi(xbdev, evtchn,
							    events_interrupt,
							    0, "vib-events",
							    dev);
	if (err < 0) {
		xenbus_dev_fatal(xbdev, err, "binding event channel %u",
				 evtchn);
		ibback_events_disconnect(dev);
		return err;
	}
	events_set_irq(&dev->events, err);
	return 0;
}

/* No object may be left; may be called in any state. */
void ibback_events_disconnect(struct ibback_dev *dev)
{
	struct ibback_events *ev = &dev->events;
	int irq = ev->irq;

	events_set_irq(ev, 0);
	if (irq)
		unbind_from_irqhandler(irq, dev);
	if (ev->area) {
		xenbus_unmap_ring_vfree(dev->xbdev, ev->area);
		ibback_total_add(IBBACK_TOTAL_GRANTS, -(long)ev->nr_pages);
		ev->area = NULL;
	}
}

/*
 * The words and the summary are seen as strings of bits: with x86's octet
 * order bit b of word h is bit 32 * h + b of the whole, and locked operations
 * on naturally aligned longs never cross a cache line.
 */
static unsigned long *event_words(const struct ibback_events *ev)
{
	return ev->area + XEN_PAGE_SIZE;
}

/**
 * ibback_event - tell the guest of an event, in any context
 * @dev: the guest's device, with a mapped event area
 * @word: handle of the object, 0 for the device, with events.lock held
 * @bit: which event
 */
void ibback_event(struct ibback_dev *dev, u32 word, unsigned int bit)
{
	struct ibback_events *ev = &dev->events;
	unsigned long nr = (unsigned long)word * BITS_PER_WORD_ON_WIRE + bit;

	/* Locked operations are ordered: the word before its summary bit */
	sync_set_bit(nr, event_words(ev));
	sync_set_bit(word, ev->area);
	notify_remote_via_irq(ev->irq);
	ibback_count(dev, IBBACK_COUNT_EVENTS);
}

/**
 * ibback_device_event - tell the guest of an event of the device, if it listens
 * @dev: the guest's device, in any state
 * @bit: which event
 *
 * In process context; not kept waiting by anything that the guest does.
 */
void ibback_device_event(struct ibback_dev *dev, unsigned int bit)
{
	spin_lock(&dev->events.lock);
	if (dev->events.irq)
		ibback_event(dev, 0, bit);
	spin_unlock(&dev->events.lock);
}

/* Forget what an object that used this word has left pending. */
void ibback_event_clear(struct ibback_dev *dev, u32 word)
{
	struct ibback_events *ev = &dev->events;
	unsigned long nr = (unsigned long)word * BITS_PER_WORD_ON_WIRE;
	unsigned int bit;

	sync_clear_bit(word, ev->area);
	for (bit = 0; bit < BITS_PER_WORD_ON_WIRE; bit++)
		sync_clear_bit(nr + bit, event_words(ev));
}
