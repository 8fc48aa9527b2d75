// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest moves past the backend: counters of the HCA, one for each port,
 * which the guest's queue pairs name. They count as long as the guest is
 * connected; what they had counted then is kept.
 */

#include <linux/jiffies.h>

#include "ibback.h"

/*
 * How long a reading of the HCA stands: who lists a device reads one count
 * after the other, and for each the HCA would execute a command for each port.
 */
#define KEEP_MS		100

/* To what there is of each port */
static void ibback_flows_add(struct ibback_dev *dev, struct ibback_flow *sum)
{
	u32 i;

	lockdep_assert_held(&dev->flow_lock);

	for (i = 0; i < dev->nr_flows; i++)
		dev->hca->ops->flow->read(dev->hca, dev->flow[i], &sum[i]);
}

static void ibback_flows_end(struct ibback_dev *dev)
{
	ibback_flows_add(dev, dev->moved);
	while (dev->nr_flows)
		dev->hca->ops->flow->free(dev->hca, dev->flow[--dev->nr_flows]);
}

/**
 * ibback_flows_alloc() - have the HCA count what a guest moves
 * @dev: the guest's device, about to be connected
 *
 * Without counters enough for all ports the guest is served all the same.
 */
void ibback_flows_alloc(struct ibback_dev *dev)
{
	const struct ibback_flow_ops *ops = dev->hca->ops->flow;
	u32 nr = dev->limits.num_ports;

	mutex_lock(&dev->flow_lock);
	while (dev->nr_flows < nr &&
	       !ops->alloc(dev->hca, &dev->flow[dev->nr_flows]))
		dev->nr_flows++;
	if (dev->nr_flows < nr)
		ibback_flows_end(dev);
	dev->flow_read_end = jiffies;
	mutex_unlock(&dev->flow_lock);
}

/* No queue pair is left. */
void ibback_flows_free(struct ibback_dev *dev)
{
	mutex_lock(&dev->flow_lock);
	ibback_flows_end(dev);
	mutex_unlock(&dev->flow_lock);
}

/**
 * ibback_flows_read() - what a guest has moved since its device was created
 * @dev: the device
 * @flow: the answer, of VIBIF_MAX_PORTS ports from port 1 on, or what it was up
 *	to KEEP_MS ago
 *
 * Not under the device's lock: a teardown holds that for long.
 */
void ibback_flows_read(struct ibback_dev *dev, struct ibback_flow *flow)
{
	mutex_lock(&dev->flow_lock);
	if (!time_before(jiffies, dev->flow_read_end)) {
		memcpy(dev->flow_read, dev->moved, sizeof(dev->flow_read));
		ibback_flows_add(dev, dev->flow_read);
		dev->flow_read_end = jiffies + msecs_to_jiffies(KEEP_MS);
	}
	memcpy(flow, dev->flow_read, sizeof(dev->flow_read));
	mutex_unlock(&dev->flow_lock);
}
