// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: pages shared with the backend, and an event channel. The request
 * ring is one, the event area and the MAD area are others.
 */

#include <xen/events.h>

#include "ibfront.h"

/**
 * ibfront_channel_open() - allocate and grant the pages, bind the event channel
 * @dev: device
 * @channel: filled in
 * @order: of the number of pages, IBFRONT_MAX_PAGE_ORDER at most
 * @handler: of the backend's notifications, called with @dev. It may be called
 *	before this returns, and has to say xen_irq_lateeoi()
 * @name: of the interrupt
 *
 * Return: 0 or a negative errno.
 */
int ibfront_channel_open(struct ibfront_dev *dev,
			 struct ibfront_channel *channel, unsigned int order,
			 irq_handler_t handler, const char *name)
{
	int err;

	channel->order = order;
	err = xenbus_setup_ring(dev->xbdev, GFP_KERNEL, &channel->area,
				1 << order, channel->grefs);
	if (err)
		return err;

	err = xenbus_alloc_evtchn(dev->xbdev, &channel->evtchn);
	if (err)
		goto err_teardown;

	err = bind_evtchn_to_irqhandler_lateeoi(channel->evtchn, handler, 0,
						name, dev);
	if (err < 0)
		goto err_free_evtchn;
	channel->irq = err;
	return 0;

err_free_evtchn:
	xenbus_free_evtchn(dev->xbdev, channel->evtchn);
err_teardown:
	xenbus_teardown_ring(&channel->area, 1 << order, channel->grefs);
	return err;
}

/**
 * ibfront_channel_close() - undo ibfront_channel_open()
 * @dev: device
 * @channel: the channel
 *
 * The handler has returned, and is called no more.
 */
void ibfront_channel_close(struct ibfront_dev *dev,
			   struct ibfront_channel *channel)
{
	unbind_from_irqhandler(channel->irq, dev);
	xenbus_teardown_ring(&channel->area, 1 << channel->order,
			     channel->grefs);
}

/**
 * ibfront_channel_publish() - write a channel's nodes into our directory
 * @dev: device
 * @channel: the channel
 * @xbt: transaction
 * @order: name of the node for its order
 * @ref: of those for its grant references, to which their numbers are added
 * @evtchn: of that for its event channel
 *
 * Return: 0 or a negative errno.
 */
int ibfront_channel_publish(struct ibfront_dev *dev,
			    const struct ibfront_channel *channel,
			    struct xenbus_transaction xbt, const char *order,
			    const char *ref, const char *evtchn)
{
	const char *path = dev->xbdev->nodename;
	unsigned int i;
	char node[32];
	int err;

	err = xenbus_printf(xbt, path, order, "%u", channel->order);
	if (err)
		return err;
	for (i = 0; i < 1 << channel->order; i++) {
		snprintf(node, sizeof(node), "%s%u", ref, i);
		err = xenbus_printf(xbt, path, node, "%u", channel->grefs[i]);
		if (err)
			return err;
	}
	return xenbus_printf(xbt, path, evtchn, "%u", channel->evtchn);
}
