// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: pages that the frontend shares, and an event channel. The request
 * ring is one, the event area and the MAD area are others.
 */

#include <xen/events.h>

#include "ibback.h"

#define MAX_PAGES	(1U << VIBIF_MAX_RING_PAGE_ORDER)
static_assert(VIBIF_MAX_EVENT_PAGE_ORDER <= VIBIF_MAX_RING_PAGE_ORDER);
static_assert(VIBIF_MAX_MAD_PAGE_ORDER <= VIBIF_MAX_RING_PAGE_ORDER);

/*
 * As xenbus_map_ring_valloc(), which in an error forgets to unmap the pages
 * behind one that could not be mapped. So each is mapped alone first: while it
 * is, Xen looks at its grant no more, and mapping it again cannot fail for
 * that.
 */
static int ibback_map_shared(struct xenbus_device *xbdev, grant_ref_t *gref,
			     unsigned int nr, void **addr)
{
	void *page[MAX_PAGES];
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr && !err; i++)
		err = xenbus_map_ring_valloc(xbdev, &gref[i], 1, &page[i]);
	if (err)
		i--;
	else
		err = xenbus_map_ring_valloc(xbdev, gref, nr, addr);
	while (i--)
		xenbus_unmap_ring_vfree(xbdev, page[i]);
	return err;
}

static int ibback_channel_read(struct xenbus_device *xbdev, const char *node,
			       unsigned int *value)
{
	if (xenbus_scanf(XBT_NIL, xbdev->otherend, node, "%u", value) == 1)
		return 0;
	xenbus_dev_fatal(xbdev, -EINVAL, "reading %s", node);
	return -EINVAL;
}

static int ibback_channel_read_refs(struct xenbus_device *xbdev,
				    const char *prefix, grant_ref_t *gref,
				    unsigned int nr)
{
	unsigned int i;
	char node[32];
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		snprintf(node, sizeof(node), "%s%u", prefix, i);
		err = ibback_channel_read(xbdev, node, &gref[i]);
	}
	return err;
}

/**
 * ibback_channel_map() - map the pages that the frontend has announced
 * @dev: the guest's device; dev->lock is held
 * @channel: the channel, not mapped
 * @nodes: where it is announced
 *
 * Return: 0, or an errno after xenbus_dev_fatal(); then nothing is mapped.
 */
int ibback_channel_map(struct ibback_dev *dev, struct ibback_channel *channel,
		       const struct ibback_channel_nodes *nodes)
{
	struct xenbus_device *xbdev = dev->xbdev;
	grant_ref_t gref[MAX_PAGES];
	unsigned int order, nr;
	int err;

	lockdep_assert_held(&dev->lock);

	order = xenbus_read_unsigned(xbdev->otherend, nodes->order, 0);
	if (order < nodes->min_order || order > nodes->max_order) {
		xenbus_dev_fatal(xbdev, -EINVAL,
				 "%s is %u, valid range is %u - %u",
				 nodes->order, order, nodes->min_order,
				 nodes->max_order);
		return -EINVAL;
	}
	nr = 1U << order;
	err = ibback_channel_read(xbdev, nodes->evtchn, &channel->evtchn);
	if (!err)
		err = ibback_channel_read_refs(xbdev, nodes->ref, gref, nr);
	if (err)
		return err;
	err = ibback_map_shared(xbdev, gref, nr, &channel->area);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "mapping %s", nodes->what);
		channel->area = NULL;
		return err;
	}
	channel->nr_pages = nr;
	ibback_total_add(IBBACK_TOTAL_GRANTS, nr);
	return 0;
}

/**
 * ibback_channel_bind() - have the frontend's notifications handled
 * @dev: the guest's device; dev->lock is held
 * @channel: the channel, mapped
 * @handler: of lateeoi interrupts; may be called before this returns
 * @name: of the interrupt
 * @arg: of @handler
 *
 * Return: 0, or an errno after xenbus_dev_fatal().
 */
int ibback_channel_bind(struct ibback_dev *dev, struct ibback_channel *channel,
			irq_handler_t handler, const char *name, void *arg)
{
	int irq;

	irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(dev->xbdev,
							    channel->evtchn,
							    handler, 0, name,
							    arg);
	if (irq < 0) {
		xenbus_dev_fatal(dev->xbdev, irq, "binding event channel %u",
				 channel->evtchn);
		return irq;
	}
	WRITE_ONCE(channel->irq, irq);
	return 0;
}

/* Undo both, in any state; @arg is that of ibback_channel_bind(). */
void ibback_channel_close(struct ibback_dev *dev,
			  struct ibback_channel *channel, void *arg)
{
	if (channel->irq)
		unbind_from_irqhandler(channel->irq, arg);
	channel->irq = 0;
	if (!channel->area)
		return;
	xenbus_unmap_ring_vfree(dev->xbdev, channel->area);
	ibback_total_add(IBBACK_TOTAL_GRANTS, -(long)channel->nr_pages);
	channel->area = NULL;
}
