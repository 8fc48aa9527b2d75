// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event area: sticky bits in shared pages, and an event channel.
 *
 * Setting a bit cannot fail, needs no memory and never waits for the guest, so
 * it is done right where the HCA's interrupt is served. The area is mapped as
 * long as there are objects, which are the senders; what is told of the device
 * itself may come at any time, and looks whether there is an area.
 *
 * A guest decides how often its queues have events, and each costs a processor
 * of this domain time in hard interrupts. That time is measured. A guest that
 * has used up its budget for the second is told of further events less often,
 * which loses none, its bits being sticky, and its CQs are moderated, so that
 * the HCA has fewer events; if it goes on it is disconnected.
 */

#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/sched/clock.h>
#include <asm/sync_bitops.h>
#include <xen/events.h>

#include "ibback.h"
#include "trace.h"

#define WINDOW_NS		NSEC_PER_SEC
/* What the HCA's driver takes for an event until it comes here, about */
#define HCA_DRIVER_NS		500
/* Between notifications of a guest that is over its budget */
#define LATE_MS			10
/* Moderated CQs have so many events a second, all of a guest's together */
#define MODERATED_RATE		10000
/* How long a guest must keep its budget until its CQs are no more moderated */
#define MODERATED_S		10
/* Seconds over budget while they are, until it is disconnected */
#define MAX_STRIKES		5

static int ibback_set_permille(const char *value,
			       const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, 1, 1000);
}

static const struct kernel_param_ops permille_ops = {
	.set = ibback_set_permille,
	.get = param_get_uint,
};

static unsigned int event_budget = 250;
module_param_cb(event_budget, &permille_ops, &event_budget, 0644);
MODULE_PARM_DESC(event_budget,
		 "What one guest's events may take of a processor, in thousandths (1 - 1000, default 250)");

static bool ibback_events_over_budget(const struct ibback_events *ev)
{
	return atomic64_read(&ev->spent) >=
		READ_ONCE(event_budget) * (u64)(WINDOW_NS / 1000);
}

/* The guest has no reason to send anything on this channel. */
static irqreturn_t ibback_events_interrupt(int irq, void *data)
{
	xen_irq_lateeoi(irq, XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

/* Whether there is someone to tell of what happens to the device itself. */
static void ibback_events_set_open(struct ibback_events *ev, bool open)
{
	spin_lock(&ev->lock);
	ev->open = open;
	spin_unlock(&ev->lock);
}

/**
 * ibback_events_connect() - map what the frontend has announced
 * @dev: the guest's device; dev->lock is held
 *
 * Return: 0, or an errno after xenbus_dev_fatal().
 */
int ibback_events_connect(struct ibback_dev *dev)
{
	static const struct ibback_channel_nodes nodes = {
		.what = "the event area",
		.order = VIBIF_FIELD_EVENT_PAGE_ORDER,
		.min_order = 1,
		.max_order = VIBIF_MAX_EVENT_PAGE_ORDER,
		.ref = VIBIF_FIELD_EVENT_REF,
		.evtchn = VIBIF_FIELD_EVENT_EVTCHN,
	};
	struct ibback_events *ev = &dev->events;
	int err;

	err = ibback_channel_map(dev, &ev->channel, &nodes);
	if (err)
		return err;
	WRITE_ONCE(ev->stopped, false);
	WRITE_ONCE(dev->moderated, false);
	dev->limits.nr_event_words =
		VIBIF_EVENT_WORDS(ilog2(ev->channel.nr_pages));
	err = ibback_channel_bind(dev, &ev->channel, ibback_events_interrupt,
				  "vib-events", dev);
	if (err)
		ibback_events_disconnect(dev);
	else
		ibback_events_set_open(ev, true);
	return err;
}

/**
 * ibback_events_stop() - from now on no event of an object reaches the guest
 * @dev: the guest's device, in any state
 *
 * The first step of a teardown, which must come to an end whatever the HCA
 * still tells of the guest's queues.
 */
void ibback_events_stop(struct ibback_dev *dev)
{
	WRITE_ONCE(dev->events.stopped, true);
	/* It uses objects; what is queued from now on does nothing */
	cancel_delayed_work_sync(&dev->events.late_work);
}

/* No object may be left; may be called in any state. */
void ibback_events_disconnect(struct ibback_dev *dev)
{
	struct ibback_events *ev = &dev->events;

	cancel_delayed_work_sync(&ev->late_work);
	ibback_events_set_open(ev, false);
	ibback_channel_close(dev, &ev->channel, dev);
}

/*
 * The words and the summary are seen as strings of bits: with x86's octet
 * order bit b of word h is bit 32 * h + b of the whole, and locked operations
 * on naturally aligned longs never cross a cache line.
 */
static unsigned long *ibback_event_words(const struct ibback_events *ev)
{
	return ev->channel.area + XEN_PAGE_SIZE;
}

/*
 * Set a bit and its word's in the summary. Locked operations are ordered: the
 * word before the summary.
 *
 * Return: whether the guest has to be notified. Not if either was set: then
 * the guest has not taken it since it was notified, and finds both bits.
 */
static bool ibback_event_set(struct ibback_events *ev, u32 word,
			     unsigned int bit)
{
	unsigned long nr = (unsigned long)word * VIBIF_WORD_BITS + bit;

	return !sync_test_and_set_bit(nr, ibback_event_words(ev)) &&
		!sync_test_and_set_bit(word, ev->channel.area);
}

static void ibback_events_queue_late_work(struct ibback_events *ev)
{
	queue_delayed_work(system_unbound_wq, &ev->late_work,
			   msecs_to_jiffies(LATE_MS));
}

/**
 * ibback_event() - tell the guest of an event of an object, in any context
 * @dev: the guest's device, with a mapped event area
 * @word: handle of the object
 * @bit: which event
 */
void ibback_event(struct ibback_dev *dev, u32 word, unsigned int bit)
{
	struct ibback_events *ev = &dev->events;
	u64 now = local_clock();

	if (READ_ONCE(ev->stopped))
		return;
	trace_vib_event(dev->xbdev, word, BIT(bit));
	if ((s64)(now - READ_ONCE(ev->window)) >= (s64)WINDOW_NS) {
		WRITE_ONCE(ev->window, now);
		atomic64_set(&ev->spent, 0);
	}
	if (ibback_events_over_budget(ev)) {
		ibback_event_set(ev, word, bit);
		WRITE_ONCE(ev->withheld, true);
		ibback_events_queue_late_work(ev);
	} else if (ibback_event_set(ev, word, bit)) {
		notify_remote_via_irq(ev->channel.irq);
	}
	ibback_count(dev, IBBACK_COUNT_EVENTS, 1);
	now = local_clock() - now + HCA_DRIVER_NS;
	atomic64_add(now, &ev->spent);
	ibback_count(dev, IBBACK_COUNT_EVENT_NS, now);
}

/* Once for each window in which a guest was over its budget. */
static void ibback_events_strike(struct ibback_dev *dev)
{
	struct ibback_events *ev = &dev->events;

	if (ev->window == ev->struck)
		return;
	ev->struck = ev->window;
	ev->quiet_at = jiffies + MODERATED_S * HZ;
	ibback_count(dev, IBBACK_COUNT_THROTTLED, 1);
	if (!dev->moderated) {
		ev->strikes = 0;
		dev_warn_ratelimited(&dev->xbdev->dev,
				     "too many events: moderating the guest's CQs\n");
		ibback_cqs_moderate(dev, true);
	} else if (++ev->strikes == MAX_STRIKES) {
		WRITE_ONCE(ev->stopped, true);
		ibback_dev_rogue(dev, "event storm");
	}
}

/*
 * What is left of the interrupt's work for a guest over its budget, and then
 * looks from time to time whether it still is.
 */
static void ibback_events_late_work(struct work_struct *work)
{
	struct ibback_events *ev = container_of(to_delayed_work(work),
						struct ibback_events,
						late_work);
	struct ibback_dev *dev = container_of(ev, struct ibback_dev, events);

	if (READ_ONCE(ev->stopped))
		return;
	if (xchg(&ev->withheld, false))
		notify_remote_via_irq(ev->channel.irq);
	if (ibback_events_over_budget(ev))
		ibback_events_strike(dev);
	if (!dev->moderated || READ_ONCE(ev->stopped))
		return;
	if (time_after(jiffies, ev->quiet_at))
		ibback_cqs_moderate(dev, false);
	else
		ibback_events_queue_late_work(ev);
}

/**
 * ibback_moderation() - the moderation of a guest's CQs
 * @dev: the guest's device
 *
 * Return: the least period of each in microseconds, 0 if there is none.
 */
u16 ibback_moderation(const struct ibback_dev *dev)
{
	u32 nr = atomic_read(&dev->used[IBBACK_CQ]);

	return READ_ONCE(dev->moderated) ?
		min_t(u32, nr * (USEC_PER_SEC / MODERATED_RATE), U16_MAX) : 0;
}

void ibback_events_init(struct ibback_dev *dev)
{
	spin_lock_init(&dev->events.lock);
	INIT_DELAYED_WORK(&dev->events.late_work, ibback_events_late_work);
}

/**
 * ibback_device_event() - tell the guest of an event of the device
 * @dev: the guest's device, in any state
 * @bit: which event
 *
 * In process context; not kept waiting by anything that the guest does.
 */
void ibback_device_event(struct ibback_dev *dev, unsigned int bit)
{
	struct ibback_events *ev = &dev->events;

	spin_lock(&ev->lock);
	if (ev->open) {
		trace_vib_event(dev->xbdev, 0, BIT(bit));
		if (ibback_event_set(ev, 0, bit))
			notify_remote_via_irq(ev->channel.irq);
		ibback_count(dev, IBBACK_COUNT_EVENTS, 1);
	}
	spin_unlock(&ev->lock);
}

/* Forget what an object that used this word has left pending. */
void ibback_event_clear(struct ibback_dev *dev, u32 word)
{
	struct ibback_events *ev = &dev->events;
	unsigned long nr = (unsigned long)word * VIBIF_WORD_BITS;
	unsigned int bit;

	sync_clear_bit(word, ev->channel.area);
	for (bit = 0; bit < VIBIF_WORD_BITS; bit++)
		sync_clear_bit(nr + bit, ibback_event_words(ev));
}
