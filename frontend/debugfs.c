// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root can see of a connection at any moment, in debugfs,
 * xen-ibfront/vib-<devid>/:
 *
 * io_ring	indices of the request ring
 * requests	those that wait for their response
 *
 * The files are there as long as the connection. Whoever reads them holds the
 * ring's lock, for about a page of output.
 */

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "ibfront.h"
#include "vib_names.h"

static struct dentry *ibfront_debugfs_root;

static int ibfront_io_ring_show(struct seq_file *m, void *unused)
{
	struct ibfront_dev *dev = m->private;
	struct ibfront_ring *ring = &dev->ring;
	const struct vibif_front_ring *front = &ring->front;

	seq_puts(m, "name value\n");
	spin_lock_irq(&ring->lock);
	seq_printf(m, "slots %u\n", ring->nr_slots);
	seq_printf(m, "free %u\n", ring->nr_slots -
		   bitmap_weight(ring->busy, ring->nr_slots));
	seq_printf(m, "req_prod %u\n", front->req_prod_pvt);
	seq_printf(m, "req_event %u\n", READ_ONCE(front->sring->req_event));
	seq_printf(m, "rsp_prod %u\n", READ_ONCE(front->sring->rsp_prod));
	seq_printf(m, "rsp_cons %u\n", front->rsp_cons);
	seq_printf(m, "rsp_event %u\n", READ_ONCE(front->sring->rsp_event));
	seq_printf(m, "stopped %u\n", ring->dead);
	spin_unlock_irq(&ring->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ibfront_io_ring);

static int ibfront_requests_show(struct seq_file *m, void *unused)
{
	struct ibfront_dev *dev = m->private;
	struct ibfront_ring *ring = &dev->ring;
	const struct ibfront_slot *slot;
	unsigned int i;

	seq_puts(m, "   id operation          handle age_ms\n");
	spin_lock_irq(&ring->lock);
	for_each_set_bit(i, ring->busy, ring->nr_slots) {
		slot = &ring->slots[i];
		if (slot->sent && !slot->answered)
			seq_printf(m, "%5u %-14s %10u %6llu\n", i,
				   vib_operation_name(slot->operation),
				   slot->handle, vib_age_ms(slot->since));
	}
	spin_unlock_irq(&ring->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ibfront_requests);

void ibfront_debugfs_add(struct ibfront_dev *dev)
{
	struct dentry *dir = debugfs_create_dir(dev_name(&dev->xbdev->dev),
						ibfront_debugfs_root);

	debugfs_create_file("io_ring", 0400, dir, dev, &ibfront_io_ring_fops);
	debugfs_create_file("requests", 0400, dir, dev,
			    &ibfront_requests_fops);
	dev->debugfs = dir;
}

void ibfront_debugfs_remove(struct ibfront_dev *dev)
{
	debugfs_remove(dev->debugfs);
}

void ibfront_debugfs_init(void)
{
	ibfront_debugfs_root = debugfs_create_dir("xen-ibfront", NULL);
}

void ibfront_debugfs_exit(void)
{
	debugfs_remove(ibfront_debugfs_root);
}
