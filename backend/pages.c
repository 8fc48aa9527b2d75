// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory for the HCA.
 *
 * Pages are mapped with GNTMAP_device_map alone: Xen pins them and tells the
 * bus address, and no page or address of this domain is spent. They stay
 * pinned until ibback_pages_unmap(), which is called only when the HCA has
 * given up the object that uses them.
 */

#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>

#include "ibback.h"

/* One page of operations for Xen at a time */
#define MAP_BATCH	(PAGE_SIZE / sizeof(struct gnttab_map_grant_ref))
#define UNMAP_BATCH	(PAGE_SIZE / sizeof(struct gnttab_unmap_grant_ref))

static int ibback_copy_directory_page(struct ibback_dev *dev, grant_ref_t gref,
				      struct vibif_page_directory *dir)
{
	struct gnttab_copy op = {
		.source.u.ref = gref,
		.source.domid = dev->xbdev->otherend_id,
		.dest.u.gmfn = virt_to_gfn(dir),
		.dest.domid = DOMID_SELF,
		.len = XEN_PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};

	gnttab_batch_copy(&op, 1);
	return op.status == GNTST_okay ? 0 : -EFAULT;
}

/**
 * ibback_copy_to_guest() - write into the beginning of a granted page
 * @dev: the guest's device
 * @gref: the page, granted for writing
 * @data: what to write, kmalloc'ed and within one page
 * @len: octets
 *
 * Return: 0 or -EFAULT.
 */
int ibback_copy_to_guest(struct ibback_dev *dev, grant_ref_t gref,
			 void *data, size_t len)
{
	struct gnttab_copy op = {
		.source.u.gmfn = virt_to_gfn(data),
		.source.domid = DOMID_SELF,
		.source.offset = xen_offset_in_page(data),
		.dest.u.ref = gref,
		.dest.domid = dev->xbdev->otherend_id,
		.len = len,
		.flags = GNTCOPY_dest_gref,
	};

	gnttab_batch_copy(&op, 1);
	return op.status == GNTST_okay ? 0 : -EFAULT;
}

static void ibback_unmap_batch(struct ibback_dev *dev,
			       struct ibback_pages *pages,
			       struct gnttab_unmap_grant_ref *ops, u32 first,
			       u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		ops[i] = (struct gnttab_unmap_grant_ref) {
			.dev_bus_addr = pages->dma.addr[first + i],
			.handle = pages->handle[first + i],
		};
	}
	/* Fails as a whole only for an address outside this kernel */
	if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, ops, nr))
		dev_err(&dev->xbdev->dev, "cannot unmap %u grants\n", nr);
	for (i = 0; i < nr; i++)
		if (ops[i].status != GNTST_okay)
			dev_err_ratelimited(&dev->xbdev->dev,
					    "cannot unmap grant handle %u [%d]\n",
					    ops[i].handle, ops[i].status);
}

static void ibback_unmap_mapped(struct ibback_dev *dev,
				struct ibback_pages *pages, u32 nr)
{
	struct gnttab_unmap_grant_ref *ops;
	u32 first, n;

	if (!nr)
		return;
	/* Cannot be allowed to fail, and a page always comes in the end */
	ops = (void *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	for (first = 0; first < nr; first += n) {
		n = min_t(u32, nr - first, UNMAP_BATCH);
		ibback_unmap_batch(dev, pages, ops, first, n);
		cond_resched();
	}
	free_page((unsigned long)ops);
	ibback_total_add(IBBACK_TOTAL_GRANTS, -(long)nr);
}

/*
 * Map @nr grants behind the @done that are mapped already, and count up
 * @done so that it always is the number of leading mapped pages.
 */
static int ibback_map_batch(struct ibback_dev *dev, struct ibback_pages *pages,
			    struct gnttab_map_grant_ref *ops,
			    const grant_ref_t *gref, u32 nr, bool writable,
			    u32 *done)
{
	u32 flags = GNTMAP_device_map | (writable ? 0 : GNTMAP_readonly);
	u32 first = *done, i;
	bool full = false;
	int err = 0;

	for (i = 0; i < nr; i++) {
		ops[i] = (struct gnttab_map_grant_ref) {
			.flags = flags,
			.ref = gref[i],
			.dom = dev->xbdev->otherend_id,
		};
	}
	gnttab_batch_map(ops, nr);

	for (i = 0; i < nr; i++) {
		if (ops[i].status != GNTST_okay) {
			full |= ops[i].status == GNTST_no_device_space;
			err = -EFAULT;
			continue;
		}
		pages->dma.addr[*done] = ops[i].dev_bus_addr;
		pages->handle[*done] = ops[i].handle;
		(*done)++;
	}
	ibback_total_add(IBBACK_TOTAL_GRANTS, *done - first);
	return full ? ibback_refuse_maptrack(dev) : err;
}

static int ibback_map_grefs(struct ibback_dev *dev, struct ibback_pages *pages,
			    const grant_ref_t *gref, u32 nr, bool writable,
			    u32 *done)
{
	struct gnttab_map_grant_ref *ops;
	u32 i, n;
	int err = 0;

	ops = (void *)__get_free_page(GFP_KERNEL);
	if (!ops)
		return -ENOMEM;
	for (i = 0; i < nr && !err; i += n) {
		n = min_t(u32, nr - i, MAP_BATCH);
		err = ibback_map_batch(dev, pages, ops, gref + i, n, writable,
				       done);
		cond_resched();
	}
	free_page((unsigned long)ops);
	return err;
}

static int ibback_map_directory(struct ibback_dev *dev,
				struct ibback_pages *pages, grant_ref_t gref,
				bool writable, u32 *done)
{
	struct vibif_page_directory *dir;
	u32 nr = pages->dma.nr, n;
	int err = 0;

	dir = (void *)__get_free_page(GFP_KERNEL);
	if (!dir)
		return -ENOMEM;
	while (*done < nr && !err) {
		n = min_t(u32, nr - *done, VIBIF_GREFS_PER_PAGE);
		err = ibback_copy_directory_page(dev, gref, dir);
		if (!err)
			err = ibback_map_grefs(dev, pages, dir->gref, n,
					       writable, done);
		gref = dir->gref_dir_next_page;
	}
	free_page((unsigned long)dir);
	return err;
}

static int ibback_pages_alloc(struct ibback_dev *dev,
			      struct ibback_pages *pages, u32 nr)
{
	int err = ibback_charge(dev, IBBACK_PAGE, nr);

	if (err)
		return err;
	pages->dma.addr = kvmalloc_array(nr, sizeof(*pages->dma.addr),
					 GFP_KERNEL);
	pages->handle = kvmalloc_array(nr, sizeof(*pages->handle), GFP_KERNEL);
	if (!pages->dma.addr || !pages->handle) {
		kvfree(pages->dma.addr);
		kvfree(pages->handle);
		ibback_uncharge(dev, IBBACK_PAGE, nr);
		return -ENOMEM;
	}
	pages->dma.nr = nr;
	return 0;
}

static void ibback_pages_free(struct ibback_dev *dev,
			      struct ibback_pages *pages)
{
	ibback_uncharge(dev, IBBACK_PAGE, pages->dma.nr);
	kvfree(pages->dma.addr);
	kvfree(pages->handle);
	*pages = (struct ibback_pages) {};
}

/**
 * ibback_pages_map() - map the pages of a list for the HCA
 * @dev: the guest's device
 * @pages: result
 * @list: what the guest named, with a checked number of pages from 1
 * @writable: for writing too
 *
 * Return: 0, -ENOMEM (also over quota, or when dom0 has no maptrack entries
 * left), or -EFAULT for a bad grant.
 */
int ibback_pages_map(struct ibback_dev *dev, struct ibback_pages *pages,
		     const struct vibif_page_list *list, bool writable)
{
	u32 done = 0;
	int err;

	err = ibback_pages_alloc(dev, pages, list->nr_pages);
	if (err)
		return err;
	err = ibback_map_directory(dev, pages, list->gref_directory, writable,
				   &done);
	if (err) {
		ibback_unmap_mapped(dev, pages, done);
		ibback_pages_free(dev, pages);
	}
	return err;
}

/* Undo ibback_pages_map(); does nothing where there are no pages. */
void ibback_pages_unmap(struct ibback_dev *dev, struct ibback_pages *pages)
{
	if (!pages->dma.nr)
		return;
	ibback_unmap_mapped(dev, pages, pages->dma.nr);
	ibback_pages_free(dev, pages);
}

/* One page that is named by itself, for reading. */
static int ibback_page_map(struct ibback_dev *dev, struct ibback_pages *pages,
			   grant_ref_t gref)
{
	u32 done = 0;
	int err;

	err = ibback_pages_alloc(dev, pages, 1);
	if (err)
		return err;
	err = ibback_map_grefs(dev, pages, &gref, 1, false, &done);
	if (err)
		ibback_pages_free(dev, pages);
	return err;
}

/**
 * ibback_queue_map() - map a queue and its doorbell record for the HCA
 * @dev: the guest's device
 * @queue: result, zeroed
 * @list: the pages of the queue, as for ibback_pages_map()
 * @db: the record, whose place has been checked, or NULL
 *
 * Return: as ibback_pages_map().
 */
int ibback_queue_map(struct ibback_dev *dev, struct ibback_queue *queue,
		     const struct vibif_page_list *list,
		     const struct vibif_doorbell *db)
{
	int err;

	err = ibback_pages_map(dev, &queue->pages, list, true);
	if (err || !db)
		return err;
	err = ibback_page_map(dev, &queue->db, db->gref);
	if (err)
		ibback_pages_unmap(dev, &queue->pages);
	else
		queue->db_addr = queue->db.dma.addr[0] + db->offset;
	return err;
}

/* Undo ibback_queue_map(); does nothing where there is no queue. */
void ibback_queue_unmap(struct ibback_dev *dev, struct ibback_queue *queue)
{
	ibback_pages_unmap(dev, &queue->db);
	ibback_pages_unmap(dev, &queue->pages);
}
