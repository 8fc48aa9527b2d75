// SPDX-License-Identifier: GPL-2.0-only
/* The ib_device: its operations and attributes, and its registration. */

#include "ibfront.h"

/* The number of entries, and a CQ's size, cannot overflow. */
#define IBFRONT_MAX_CQE		BIT(26)

/* Set the guest's own name for the node. The HCA has dom0's. */
static int ibfront_modify_device(struct ib_device *ibdev, int mask,
				 struct ib_device_modify *modify)
{
	if (mask & ~IB_DEVICE_MODIFY_NODE_DESC)
		return -EOPNOTSUPP;
	if (mask & IB_DEVICE_MODIFY_NODE_DESC)
		memcpy(ibdev->node_desc, modify->node_desc,
		       sizeof(ibdev->node_desc));
	return 0;
}

static const struct ib_device_ops ibfront_dev_ops = {
	.owner = THIS_MODULE,

	.modify_device = ibfront_modify_device,
};

#define IBFRONT_VERBS_ROW(name, feature)	\
	{ &ibfront_##name##_ops, feature },

static const struct {
	const struct ib_device_ops *ops;
	const char *feature;
} ibfront_verbs[] = {
	IBFRONT_VERBS(IBFRONT_VERBS_ROW)
};

static void ibfront_set_ops(struct ibfront_dev *dev)
{
	const char *backend = dev->xbdev->otherend;
	struct ib_device *ibdev = &dev->ibdev;
	unsigned int i;

	ib_set_device_ops(ibdev, &ibfront_dev_ops);
	ib_set_device_ops(ibdev, dev->provider->ops);
	for (i = 0; i < ARRAY_SIZE(ibfront_verbs); i++)
		if (!ibfront_verbs[i].feature ||
		    xenbus_read_unsigned(backend, ibfront_verbs[i].feature, 0))
			ib_set_device_ops(ibdev, ibfront_verbs[i].ops);
}

/* Return NULL, or which attribute the frontend cannot work with. */
static const char *ibfront_check_attr(const struct ibfront_dev *dev)
{
	const struct vibif_device_attr *attr = &dev->attr;

	if (!dev->provider)
		return "provider";
	if (!attr->phys_port_cnt || attr->phys_port_cnt > VIBIF_MAX_PORTS)
		return "phys_port_cnt";
	if (!attr->num_comp_vectors)
		return "num_comp_vectors";
	if (!attr->max_cqe || attr->max_cqe >= IBFRONT_MAX_CQE)
		return "max_cqe";
	return dev->provider->check_attr(attr);
}

/* Have the backend put the device's attributes into a page, and copy them. */
static int ibfront_read_attr(struct ibfront_dev *dev)
{
	struct vibif_req req = { .operation = VIBIF_OP_QUERY_DEVICE };
	struct vibif_rsp rsp;
	const char *bad;
	void *page;
	int ref, err;

	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ref = gnttab_grant_foreign_access(dev->xbdev->otherend_id,
					  virt_to_gfn(page), 0);
	if (ref < 0) {
		free_page((unsigned long)page);
		return -ENOMEM;
	}

	req.op.query_device.gref = ref;
	err = ibfront_exec(dev, &req, &rsp);
	memcpy(&dev->attr, page, sizeof(dev->attr));
	gnttab_end_foreign_access(ref, virt_to_page(page));
	if (err)
		return err;

	dev->attr.board_id[sizeof(dev->attr.board_id) - 1] = '\0';
	dev->provider = ibfront_find_provider(dev->attr.provider);
	bad = ibfront_check_attr(dev);
	if (bad) {
		dev_err(&dev->xbdev->dev, "backend sent a bad %s\n", bad);
		return -EINVAL;
	}
	return 0;
}

/**
 * ibfront_dev_alloc() - allocate what a connection to a backend needs
 * @xbdev: device
 *
 * Return: the device, of which nothing works yet, or NULL. ib_dealloc_device()
 * frees it.
 */
struct ibfront_dev *ibfront_dev_alloc(struct xenbus_device *xbdev)
{
	struct ibfront_dev *dev;

	dev = ib_alloc_device(ibfront_dev, ibdev);
	if (!dev)
		return NULL;

	dev->xbdev = xbdev;
	dev->ring.dead = true;
	spin_lock_init(&dev->ring.lock);
	spin_lock_init(&dev->events.lock);
	spin_lock_init(&dev->gsi.lock);
	init_waitqueue_head(&dev->arena.room);
	spin_lock_init(&dev->limbo_lock);
	mutex_init(&dev->tables_lock);
	INIT_LIST_HEAD(&dev->limbo);
	ibfront_kernel_init(dev);
	ibfront_fastreg_init(dev);
	ibfront_cache_init(dev);
	xa_init(&dev->qps);
	return dev;
}

/**
 * ibfront_dev_register() - read the HCA's attributes and register the ib_device
 * @dev: device, whose backend is Connected
 *
 * Return: 0 or a negative errno.
 */
int ibfront_dev_register(struct ibfront_dev *dev)
{
	struct ib_device *ibdev = &dev->ibdev;
	int err;

	err = ibfront_read_attr(dev);
	if (err)
		return err;

	ibdev->node_type = RDMA_NODE_IB_CA;
	ibdev->phys_port_cnt = dev->attr.phys_port_cnt;
	ibdev->num_comp_vectors = dev->attr.num_comp_vectors;
	ibdev->dev.parent = &dev->xbdev->dev;
	memcpy(&ibdev->node_guid, dev->attr.node_guid,
	       sizeof(ibdev->node_guid));
	memcpy(ibdev->node_desc, dev->attr.node_desc,
	       sizeof(ibdev->node_desc) - 1);
	ibfront_set_ops(dev);
	ibdev->local_dma_lkey = IBFRONT_LOCAL_DMA_LKEY;

	err = ibfront_arena_init(dev);
	if (err)
		return err;

	/* No DMA device: machine addresses are the backend's business. */
	err = ib_register_device(ibdev, dev->provider->name,
				 dev->arena.pool ? &dev->xbdev->dev : NULL);
	if (err)
		return err;
	dev->registered = true;
	ibfront_events_enable_device(dev, true);
	ibfront_addrs_start(dev);
	ibfront_cache_start(dev);
	return 0;
}

/**
 * ibfront_dev_unregister() - undo ibfront_dev_register(), if it was successful
 * @dev: device, whose ring is dead
 *
 * Open contexts lose their mappings and objects; processes live on.
 */
void ibfront_dev_unregister(struct ibfront_dev *dev)
{
	if (!dev->registered)
		return;
	ibfront_addrs_stop(dev);
	ibfront_events_enable_device(dev, false);
	ib_unregister_device(&dev->ibdev);
	ibfront_cache_stop(dev);
	dev->registered = false;
}
