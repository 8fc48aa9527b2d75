// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest moves past the backend: counters of the HCA, one for each port,
 * which the guest's queue pairs name. They count as long as the guest is
 * connected; what they had counted then is kept.
 */

#include "ibback.h"

static void ibback_flows_add(struct ibback_dev *dev, struct ibback_flow *sum)
{
	u32 i;

	lockdep_assert_held(&dev->flow_lock);

	for (i = 0; i < dev->nr_flows; i++)
		dev->hca->ops->flow->read(dev->hca, dev->flow[i], sum);
}

static void ibback_flows_end(struct ibback_dev *dev)
{
	ibback_flows_add(dev, &dev->moved);
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
 * @sum: the answer, over all ports
 *
 * Not under the device's lock: a teardown holds that for long.
 */
void ibback_flows_read(struct ibback_dev *dev, struct ibback_flow *sum)
{
	mutex_lock(&dev->flow_lock);
	*sum = dev->moved;
	ibback_flows_add(dev, sum);
	mutex_unlock(&dev->flow_lock);
}
