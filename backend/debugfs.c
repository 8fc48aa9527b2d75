// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root can see of a device at any moment, in debugfs,
 * xen-ibback/vib-<domid>-<devid>/:
 *
 * io_ring	indices of the request ring
 * requests	those that have no response yet
 * objects	what the guest has created
 *
 * The files are there as long as the device. Whoever reads them holds a lock
 * for about a page of output. For the ring it is the ring's spinlock, under
 * which it appears and goes. For the objects it is walk_lock: while it is held
 * none of them goes. Neither is held while the HCA executes a command for a
 * request, because a command that hangs is what these files are to show.
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "ibback.h"
#include "vib_names.h"

static struct dentry *ibback_debugfs_root;

static int ibback_io_ring_show(struct seq_file *m, void *unused)
{
	struct ibback_dev *dev = m->private;
	struct ibback_ring *ring = &dev->ring;
	const struct vibif_back_ring *back = &ring->back;

	seq_puts(m, "name value\n");
	spin_lock(&ring->lock);
	if (ring->requests) {
		seq_printf(m, "slots %u\n", RING_SIZE(back));
		seq_printf(m, "req_prod %u\n",
			   READ_ONCE(back->sring->req_prod));
		seq_printf(m, "req_cons %u\n", READ_ONCE(back->req_cons));
		seq_printf(m, "req_event %u\n",
			   READ_ONCE(back->sring->req_event));
		seq_printf(m, "rsp_prod %u\n", back->rsp_prod_pvt);
		seq_printf(m, "rsp_event %u\n",
			   READ_ONCE(back->sring->rsp_event));
		seq_printf(m, "stopped %u\n", READ_ONCE(ring->stopped));
	}
	spin_unlock(&ring->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ibback_io_ring);

static void ibback_show_request(struct seq_file *m,
				const struct ibback_request *r)
{
	seq_printf(m, "%5u %-14s %10u %-9s %6llu\n", r->req.id,
		   vib_operation_name(r->req.operation), r->req.handle,
		   READ_ONCE(r->executing) ? "executing" : "queued",
		   vib_age_ms(r->since));
}

static int ibback_requests_show(struct seq_file *m, void *unused)
{
	struct ibback_dev *dev = m->private;
	struct ibback_ring *ring = &dev->ring;
	unsigned int i;

	seq_puts(m, "   id operation          handle state     age_ms\n");
	spin_lock(&ring->lock);
	for (i = 0; ring->requests && i < ring->nr_requests; i++)
		if (ring->requests[i].since)
			ibback_show_request(m, &ring->requests[i]);
	spin_unlock(&ring->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ibback_requests);

/* The first object from handle *@pos on; position 0, no handle, is the head. */
static void *ibback_objects_find(struct ibback_dev *dev, loff_t *pos)
{
	unsigned long handle = *pos;
	struct ibback_obj *obj;

	obj = xa_find(&dev->objects, &handle, ULONG_MAX, XA_PRESENT);
	*pos = handle;
	return obj;
}

static void *ibback_objects_start(struct seq_file *m, loff_t *pos)
{
	struct ibback_dev *dev = m->private;

	mutex_lock(&dev->walk_lock);
	return *pos ? ibback_objects_find(dev, pos) : SEQ_START_TOKEN;
}

static void *ibback_objects_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return ibback_objects_find(m->private, pos);
}

static void ibback_objects_stop(struct seq_file *m, void *v)
{
	struct ibback_dev *dev = m->private;

	mutex_unlock(&dev->walk_lock);
}

static int ibback_objects_show(struct seq_file *m, void *v)
{
	const struct ibback_obj *obj = v, *dep;
	unsigned int i;
	bool is_qp;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "kind        handle     number type     state uses\n");
		return 0;
	}
	is_qp = obj->type == IBBACK_QP;
	seq_printf(m, "%-7s %10u %#10x %-8s %-5s", ibback_obj_kind(obj),
		   obj->handle, obj->number,
		   is_qp ? ibback_qp_type_name(obj) : "-",
		   is_qp ? ibback_qp_state_name(obj) : "-");
	/* What it uses cannot be freed while walk_lock is held, either */
	xa_lock(&obj->dev->objects);
	for (i = 0; i < obj->nr_deps; i++) {
		dep = obj->dep[i];
		seq_printf(m, " %s:%u", ibback_obj_kind(dep), dep->handle);
	}
	xa_unlock(&obj->dev->objects);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations ibback_objects_sops = {
	.start = ibback_objects_start,
	.next = ibback_objects_next,
	.stop = ibback_objects_stop,
	.show = ibback_objects_show,
};
DEFINE_SEQ_ATTRIBUTE(ibback_objects);

void ibback_debugfs_add(struct ibback_dev *dev)
{
	struct dentry *dir = debugfs_create_dir(dev_name(&dev->xbdev->dev),
						ibback_debugfs_root);

	debugfs_create_file("io_ring", 0400, dir, dev, &ibback_io_ring_fops);
	debugfs_create_file("requests", 0400, dir, dev, &ibback_requests_fops);
	debugfs_create_file("objects", 0400, dir, dev, &ibback_objects_fops);
	dev->debugfs = dir;
}

/* Waits for whoever reads. */
void ibback_debugfs_remove(struct ibback_dev *dev)
{
	debugfs_remove(dev->debugfs);
}

void ibback_debugfs_init(void)
{
	ibback_debugfs_root = debugfs_create_dir("xen-ibback", NULL);
}

void ibback_debugfs_exit(void)
{
	debugfs_remove(ibback_debugfs_root);
}
