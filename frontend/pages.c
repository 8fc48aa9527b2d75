// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the HCA, granted page by page and named by a directory of granted
 * pages (see "Page lists" in vibif.h): user memory, which ib_umem_get_va() has
 * pinned, or the kernel's own.
 *
 * The directory doubles as our own record of the references. It is granted
 * read-only, so the backend cannot change it.
 */

#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "ibfront.h"

static_assert(PAGE_SIZE == VIBIF_PAGE_SIZE);

static void ibfront_no_grants(struct ibfront_dev *dev, unsigned long nr)
{
	dev_warn_ratelimited(&dev->xbdev->dev,
			     "out of grant references for %lu pages: raise the domain's max_grant_frames (now %u)\n",
			     nr, gnttab_max_grant_frames());
}

static struct sg_table *ibfront_mem_sgt(struct ibfront_mem *mem)
{
	return mem->umem ? &mem->umem->sgt_append.sgt : &mem->kernel;
}

/*
 * Revoke a reference to @page. One that the backend still maps is ended later,
 * and until then keeps the page from being used for anything else.
 */
static void ibfront_ungrant_page(grant_ref_t gref, struct page *page)
{
	get_page(page);
	gnttab_end_foreign_access(gref, page);
}

/* Undo ibfront_grant_dir(). */
static void ibfront_ungrant_dir(struct ibfront_dir *dir,
				struct sg_page_iter *iter, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		__sg_page_iter_next(iter);
		ibfront_ungrant_page(dir->page->gref[i],
				     sg_page_iter_page(iter));
	}
	gnttab_end_foreign_access(dir->gref, virt_to_page(dir->page));
}

static void ibfront_ungrant(struct ibfront_mem *mem)
{
	struct sg_table *sgt = ibfront_mem_sgt(mem);
	unsigned int i, nr, left = mem->nr_pages;
	struct sg_page_iter iter;

	if (!mem->nr_dirs && mem->nr_pages)
		ibfront_ungrant_page(mem->gref, sg_page(sgt->sgl));

	__sg_page_iter_start(&iter, sgt->sgl, sgt->orig_nents, 0);
	for (i = 0; i < mem->nr_dirs; i++) {
		nr = min_t(unsigned int, left, VIBIF_GREFS_PER_PAGE);
		ibfront_ungrant_dir(&mem->dirs[i], &iter, nr);
		left -= nr;
		cond_resched();
	}
	kvfree(mem->dirs);
}

/* Grant the next @nr pages of @iter and the directory page that lists them. */
static int ibfront_grant_dir(struct ibfront_dev *dev, struct ibfront_dir *dir,
			     struct sg_page_iter *iter, unsigned int nr,
			     bool readonly)
{
	domid_t otherend = dev->xbdev->otherend_id;
	grant_ref_t head;
	struct page *page;
	unsigned int i;

	dir->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!dir->page)
		return -ENOMEM;
	if (gnttab_alloc_grant_references(nr + 1, &head) &&
	    (!ibfront_cache_empty(dev, NULL) ||
	     gnttab_alloc_grant_references(nr + 1, &head))) {
		free_page((unsigned long)dir->page);
		return -ENOSPC;
	}

	dir->gref = gnttab_claim_grant_reference(&head);
	gnttab_grant_foreign_access_ref(dir->gref, otherend,
					virt_to_gfn(dir->page), 1);
	for (i = 0; i < nr; i++) {
		__sg_page_iter_next(iter);
		page = sg_page_iter_page(iter);
		dir->page->gref[i] = gnttab_claim_grant_reference(&head);
		gnttab_grant_foreign_access_ref(dir->page->gref[i], otherend,
						xen_page_to_gfn(page),
						readonly);
	}
	return 0;
}

static int ibfront_grant(struct ibfront_dev *dev, struct ibfront_mem *mem,
			 size_t nr_pages)
{
	bool readonly = mem->umem && !mem->umem->writable;
	struct sg_table *sgt = ibfront_mem_sgt(mem);
	unsigned int nr_dirs = DIV_ROUND_UP(nr_pages, VIBIF_GREFS_PER_PAGE);
	struct sg_page_iter iter;
	unsigned int nr;
	int err;

	mem->dirs = kvcalloc(nr_dirs, sizeof(*mem->dirs), GFP_KERNEL);
	if (!mem->dirs)
		return -ENOMEM;

	__sg_page_iter_start(&iter, sgt->sgl, sgt->orig_nents, 0);
	while (mem->nr_dirs < nr_dirs) {
		nr = min_t(size_t, nr_pages - mem->nr_pages,
			   VIBIF_GREFS_PER_PAGE);
		err = ibfront_grant_dir(dev, &mem->dirs[mem->nr_dirs], &iter,
					nr, readonly);
		if (err == -ENOSPC) {
			ibfront_no_grants(dev, nr_pages);
			err = -ENOMEM;
		}
		if (err)
			return err;
		mem->nr_pages += nr;
		mem->nr_dirs++;
		cond_resched();
	}

	for (nr = 1; nr < nr_dirs; nr++)
		mem->dirs[nr - 1].page->gref_dir_next_page = mem->dirs[nr].gref;
	return 0;
}

static void ibfront_mem_put_pages(struct ibfront_mem *mem)
{
	struct sg_page_iter iter;

	for_each_sgtable_page(&mem->kernel, &iter, 0)
		put_page(sg_page_iter_page(&iter));
	sg_free_table(&mem->kernel);
}

static void ibfront_mem_free(struct ibfront_mem *mem)
{
	ibfront_ungrant(mem);
	if (mem->umem)
		ib_umem_release(mem->umem);
	else
		ibfront_mem_put_pages(mem);
	kfree(mem);
}

static struct ibfront_mem *ibfront_mem_pin(struct ibfront_dev *dev,
					   unsigned long addr, size_t len,
					   int access)
{
	struct ibfront_mem *mem;
	struct ib_umem *umem;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	/* With this ib_core marks it for ibfront_map_sg() not to copy. */
	access |= IB_ACCESS_RELAXED_ORDERING;
	umem = ib_umem_get_va(&dev->ibdev, addr, len, access);
	if (umem == ERR_PTR(-ENOMEM) && ibfront_cache_empty(dev, NULL))
		umem = ib_umem_get_va(&dev->ibdev, addr, len, access);
	if (IS_ERR(umem)) {
		kfree(mem);
		return ERR_CAST(umem);
	}
	mem->umem = umem;
	return mem;
}

/**
 * ibfront_mem_map() - pin user memory and grant it as a page list
 * @dev: device
 * @addr: user address, of any alignment
 * @len: octets
 * @access: IB_ACCESS_*, which decide whether the pages are writable
 *
 * Return: the memory; or an ERR_PTR: as ib_umem_get_va(), and -ENOMEM when the
 * domain has too few grants.
 */
struct ibfront_mem *ibfront_mem_map(struct ibfront_dev *dev, unsigned long addr,
				    size_t len, int access)
{
	struct ibfront_mem *mem;
	int err;

	mem = ibfront_mem_pin(dev, addr, len, access);
	if (IS_ERR(mem))
		return mem;
	err = ibfront_grant(dev, mem, ib_umem_num_pages(mem->umem));
	if (err) {
		ibfront_mem_free(mem);
		return ERR_PTR(err);
	}
	return mem;
}

/* Take a reference to each page, as pinning does. */
static struct ibfront_mem *ibfront_mem_get_pages(void *area,
						 unsigned int nr_pages)
{
	struct ibfront_mem *mem;
	struct page **pages;
	unsigned int i;
	int err;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	pages = kvmalloc_array(nr_pages, sizeof(*pages), GFP_KERNEL);
	if (!mem || !pages) {
		err = -ENOMEM;
		goto err_free;
	}
	for (i = 0; i < nr_pages; i++, area += PAGE_SIZE)
		pages[i] = is_vmalloc_addr(area) ? vmalloc_to_page(area) :
						   virt_to_page(area);
	err = sg_alloc_table_from_pages(&mem->kernel, pages, nr_pages, 0,
					(size_t)nr_pages << PAGE_SHIFT,
					GFP_KERNEL);
	if (err)
		goto err_free;
	for (i = 0; i < nr_pages; i++)
		get_page(pages[i]);
	kvfree(pages);
	return mem;

err_free:
	kvfree(pages);
	kfree(mem);
	return ERR_PTR(err);
}

/**
 * ibfront_mem_map_kernel() - grant memory of the kernel as a page list
 * @dev: device
 * @area: where it is, page-aligned: of vmalloc(), vmap() or alloc_pages(), the
 *	pages each with a reference count or compound; not of kmalloc()
 * @nr_pages: its pages
 *
 * The pages, granted for writing, are held until ibfront_mem_unmap() has
 * revoked them, or the limbo has. The caller may free @area once it has called
 * that: what the backend may still have mapped is not given to anyone else.
 *
 * Return: the memory, or an ERR_PTR of -ENOMEM.
 */
struct ibfront_mem *ibfront_mem_map_kernel(struct ibfront_dev *dev, void *area,
					   unsigned int nr_pages)
{
	struct ibfront_mem *mem;
	int err;

	mem = ibfront_mem_get_pages(area, nr_pages);
	if (IS_ERR(mem))
		return mem;
	err = ibfront_grant(dev, mem, nr_pages);
	if (err) {
		ibfront_mem_free(mem);
		return ERR_PTR(err);
	}
	return mem;
}

/**
 * ibfront_mem_unmap() - revoke and unpin, NULL being nothing
 * @dev: device
 * @mem: which the backend has been told to let go of
 *
 * If the backend could not be told, the memory stays until the connection is
 * freed, when the backend has closed.
 */
void ibfront_mem_unmap(struct ibfront_dev *dev, struct ibfront_mem *mem)
{
	if (!mem)
		return;
	if (!ibfront_ring_dead(dev)) {
		ibfront_mem_free(mem);
		return;
	}
	spin_lock(&dev->limbo_lock);
	list_add_tail(&mem->entry, &dev->limbo);
	spin_unlock(&dev->limbo_lock);
}

/**
 * ibfront_mem_empty_limbo() - revoke and unpin what the backend may have mapped
 * @dev: device, whose backend has closed
 */
void ibfront_mem_empty_limbo(struct ibfront_dev *dev)
{
	struct ibfront_mem *mem, *next;
	LIST_HEAD(limbo);

	spin_lock(&dev->limbo_lock);
	list_splice_init(&dev->limbo, &limbo);
	spin_unlock(&dev->limbo_lock);

	list_for_each_entry_safe(mem, next, &limbo, entry)
		ibfront_mem_free(mem);
}

static bool ibfront_is_kernel(const struct ibfront_ucontext *ctx)
{
	return ctx == &to_fdev(ctx->ibucontext.device)->kernel.context;
}

/* A page for records of the kernel's own: held by its ibfront_mem alone */
static struct ibfront_mem *ibfront_alloc_db_page(void)
{
	void *area = (void *)get_zeroed_page(GFP_KERNEL);
	struct ibfront_mem *mem;

	if (!area)
		return ERR_PTR(-ENOMEM);
	mem = ibfront_mem_get_pages(area, 1);
	free_page((unsigned long)area);
	return mem;
}

/* The HCA only reads doorbell records: ask for no more, as natively. */
static struct ibfront_mem *ibfront_map_db_page(struct ibfront_ucontext *ctx,
					       unsigned long addr)
{
	struct ibfront_dev *dev = to_fdev(ctx->ibucontext.device);
	struct ibfront_mem *mem;
	struct page *page;
	int ref;

	mem = ibfront_is_kernel(ctx) ? ibfront_alloc_db_page() :
				       ibfront_mem_pin(dev, addr, PAGE_SIZE, 0);
	if (IS_ERR(mem))
		return mem;

	page = sg_page(ibfront_mem_sgt(mem)->sgl);
	ref = gnttab_grant_foreign_access(dev->xbdev->otherend_id,
					  xen_page_to_gfn(page), 1);
	if (ref < 0 && ibfront_cache_empty(dev, NULL))
		ref = gnttab_grant_foreign_access(dev->xbdev->otherend_id,
						  xen_page_to_gfn(page), 1);
	if (ref < 0) {
		ibfront_no_grants(dev, 1);
		ibfront_mem_free(mem);
		return ERR_PTR(-ENOMEM);
	}
	mem->gref = ref;
	mem->nr_pages = 1;
	return mem;
}

/* Whether the page is the one at @addr, or any of the kernel's, with room. */
static bool ibfront_db_page_fits(const struct ibfront_mem *mem,
				 unsigned long addr)
{
	if (!mem->umem)
		return mem->users < IBFRONT_DB_RECORDS;
	return mem->umem->address == addr &&
	       mem->umem->owning_mm == current->mm &&
	       mem->users < VIBIF_MAX_GREF_RECORDS;
}

static struct ibfront_mem *ibfront_get_db_page(struct ibfront_ucontext *ctx,
					       unsigned long addr)
{
	struct ibfront_mem *mem;

	lockdep_assert_held(&ctx->db_mutex);

	list_for_each_entry(mem, &ctx->db_pages, entry)
		if (ibfront_db_page_fits(mem, addr))
			goto found;

	mem = ibfront_map_db_page(ctx, addr);
	if (IS_ERR(mem))
		return mem;
	list_add(&mem->entry, &ctx->db_pages);
found:
	mem->users++;
	return mem;
}

/*
 * Pin and grant a page with many records once, as natively: the user's limit on
 * locked memory is meant for that.
 */
static int ibfront_db_map(struct ibfront_ucontext *ctx, struct ibfront_db *db,
			  unsigned long addr, unsigned int size)
{
	struct ibfront_mem *page;

	if (!IS_ALIGNED(addr, size))
		return -EINVAL;

	mutex_lock(&ctx->db_mutex);
	page = ibfront_get_db_page(ctx, addr & PAGE_MASK);
	mutex_unlock(&ctx->db_mutex);
	if (IS_ERR(page))
		return PTR_ERR(page);

	db->context = ctx;
	db->page = page;
	db->offset = offset_in_page(addr);
	return 0;
}

/* Take a record of the kernel's own. */
static int ibfront_db_alloc(struct ibfront_ucontext *ctx,
			    struct ibfront_queue *queue)
{
	struct ibfront_mem *page;
	unsigned int nr = 0;

	mutex_lock(&ctx->db_mutex);
	page = ibfront_get_db_page(ctx, 0);
	if (!IS_ERR(page)) {
		nr = find_first_zero_bit(&page->records, IBFRONT_DB_RECORDS);
		__set_bit(nr, &page->records);
	}
	mutex_unlock(&ctx->db_mutex);
	if (IS_ERR(page))
		return PTR_ERR(page);

	queue->db.context = ctx;
	queue->db.page = page;
	queue->db.offset = nr * IBFRONT_DB_SIZE;
	queue->record = page_address(sg_page(page->kernel.sgl)) +
			queue->db.offset;
	memset(queue->record, 0, IBFRONT_DB_SIZE);
	return 0;
}

static void ibfront_db_unmap(struct ibfront_db *db)
{
	struct ibfront_ucontext *ctx = db->context;
	struct ibfront_mem *page = db->page;

	if (!page)
		return;
	mutex_lock(&ctx->db_mutex);
	if (!page->umem)
		__clear_bit(db->offset / IBFRONT_DB_SIZE, &page->records);
	if (!--page->users) {
		list_del(&page->entry);
		ibfront_mem_unmap(to_fdev(ctx->ibucontext.device), page);
	}
	mutex_unlock(&ctx->db_mutex);
}

static int ibfront_queue_alloc(struct ibfront_ucontext *ctx,
			       struct ibfront_queue *queue,
			       const struct ibfront_layout *layout)
{
	struct ibfront_dev *dev = to_fdev(ctx->ibucontext.device);
	int err = 0;

	queue->area = vzalloc(layout->size);
	if (!queue->area)
		return -ENOMEM;
	queue->mem = ibfront_mem_map_kernel(dev, queue->area,
					    PFN_UP(layout->size));
	if (IS_ERR(queue->mem)) {
		err = PTR_ERR(queue->mem);
		goto err_free;
	}
	if (layout->db_size)
		err = ibfront_db_alloc(ctx, queue);
	if (err)
		goto err_unmap;
	return 0;

err_unmap:
	ibfront_mem_unmap(dev, queue->mem);
err_free:
	vfree(queue->area);
	return err;
}

/**
 * ibfront_queue_map() - pin and grant a queue and its doorbell record
 * @ctx: context of the calling process; that of the kernel: allocate them, all
 *	zero
 * @queue: filled in
 * @layout: where they are
 *
 * Return: 0, -EINVAL for a record that is not aligned, or as ibfront_mem_map().
 */
int ibfront_queue_map(struct ibfront_ucontext *ctx, struct ibfront_queue *queue,
		      const struct ibfront_layout *layout)
{
	struct ibfront_dev *dev = to_fdev(ctx->ibucontext.device);
	int err = 0;

	if (ibfront_is_kernel(ctx))
		return ibfront_queue_alloc(ctx, queue, layout);
	queue->mem = ibfront_mem_map(dev, layout->addr, layout->size,
				     IB_ACCESS_LOCAL_WRITE);
	if (IS_ERR(queue->mem))
		return PTR_ERR(queue->mem);
	if (layout->db_size)
		err = ibfront_db_map(ctx, &queue->db, layout->db_addr,
				     layout->db_size);
	if (err)
		ibfront_mem_unmap(dev, queue->mem);
	return err;
}

/**
 * ibfront_queue_unmap() - undo ibfront_queue_map()
 * @dev: device
 * @queue: which the backend has been told to let go of
 */
void ibfront_queue_unmap(struct ibfront_dev *dev, struct ibfront_queue *queue)
{
	ibfront_db_unmap(&queue->db);
	ibfront_mem_unmap(dev, queue->mem);
	vfree(queue->area);
}
