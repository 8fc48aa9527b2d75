// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a process registers again.
 *
 * To pin, grant and map pages is nearly all that a registration costs. So a
 * region that is deregistered is retired: the HCA has no key of it any more,
 * but its pages stay pinned, granted and mapped, and count for the process's
 * limit on locked memory. When the process registers them again the new region
 * is a share of the retired one.
 *
 * That holds as long as the process has the same pages there. A notifier
 * watches the addresses from before the pages are pinned. Whatever changes them
 * makes the entry stale: it is found no more, and given back as soon as nothing
 * uses it. The pages are pinned until then, so nobody else can have them.
 *
 * All that is kept is given back when the guest lacks grants or quota, and with
 * its context; what was least recently used when memory is short, or when it is
 * too much.
 */

#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "ibfront.h"

/* Of all that the domain can grant: the rest is for its other devices, too */
#define IBFRONT_CACHE_PART	4
#define IBFRONT_GRANTS_PER_FRAME					\
	(PAGE_SIZE / sizeof(struct grant_entry_v1))

/* Pages of a process */
struct ibfront_span {
	u64 first;	/* address of the first */
	u64 nr;		/* 0: there are none, or not as many addresses */
};

static struct ibfront_span ibfront_span(u64 start, u64 length)
{
	u64 addr = untagged_addr(start), end = addr + length;

	if (end <= addr)
		return (struct ibfront_span){};
	return (struct ibfront_span){
		.first = addr & PAGE_MASK,
		.nr = ((end - 1) >> PAGE_SHIFT) - (addr >> PAGE_SHIFT) + 1,
	};
}

/* @kept is out of the table, and no region has its pages. */
static void ibfront_kept_free(struct ibfront_kept *kept)
{
	mmu_interval_notifier_remove(&kept->notifier);
	ibfront_destroy(kept->dev, &kept->retired);
	ibfront_mem_unmap(kept->dev, kept->mem);
	kfree(kept);
}

/* Take it out of the table. The last share frees it, or the work does. */
static void ibfront_kept_leave(struct ibfront_mr_cache *cache,
			       struct ibfront_kept *kept)
{
	lockdep_assert_held(&cache->lock);

	hash_del(&kept->node);
	cache->nr_pages -= kept->mem->nr_pages;
	if (kept->users)
		return;
	cache->nr_idle -= kept->mem->nr_pages;
	list_move_tail(&kept->entry, &cache->going);
}

static struct ibfront_kept *ibfront_next_going(struct ibfront_mr_cache *cache)
{
	struct ibfront_kept *kept;

	spin_lock(&cache->lock);
	kept = list_first_entry_or_null(&cache->going, struct ibfront_kept,
					entry);
	if (kept)
		list_del(&kept->entry);
	spin_unlock(&cache->lock);
	return kept;
}

static void ibfront_cache_work(struct work_struct *work)
{
	struct ibfront_mr_cache *cache =
		container_of(work, struct ibfront_mr_cache, work);
	struct ibfront_kept *kept;

	while ((kept = ibfront_next_going(cache)))
		ibfront_kept_free(kept);
}

/* In a munmap(), fork() or the like, or as the process ends. */
static bool ibfront_kept_invalidate(struct mmu_interval_notifier *notifier,
				    const struct mmu_notifier_range *range,
				    unsigned long seq)
{
	struct ibfront_kept *kept =
		container_of(notifier, struct ibfront_kept, notifier);
	struct ibfront_mr_cache *cache = &kept->dev->mr_cache;

	spin_lock(&cache->lock);
	mmu_interval_set_seq(notifier, seq);
	kept->stale = true;
	if (hash_hashed(&kept->node))
		ibfront_kept_leave(cache, kept);
	spin_unlock(&cache->lock);
	/* It takes a request, which this cannot wait for. */
	schedule_work(&cache->work);
	return true;
}

static const struct mmu_interval_notifier_ops ibfront_kept_ops = {
	.invalidate = ibfront_kept_invalidate,
};

/* Least recently used ones, of @nr_pages at least. Return: of how many. */
static unsigned long ibfront_cache_evict(struct ibfront_mr_cache *cache,
					 unsigned long nr_pages)
{
	struct ibfront_kept *kept, *next;
	unsigned long nr = 0;

	lockdep_assert_held(&cache->lock);

	list_for_each_entry_safe(kept, next, &cache->idle, entry) {
		if (nr >= nr_pages)
			break;
		nr += kept->mem->nr_pages;
		ibfront_kept_leave(cache, kept);
	}
	return nr;
}

/**
 * ibfront_cache_empty() - give back all that no region uses
 * @dev: device
 * @context: of this context only, or NULL
 *
 * Return: whether there was any. It has been given back.
 */
bool ibfront_cache_empty(struct ibfront_dev *dev,
			 const struct ibfront_ucontext *context)
{
	struct ibfront_mr_cache *cache = &dev->mr_cache;
	struct ibfront_kept *kept, *next;
	bool any;

	spin_lock(&cache->lock);
	list_for_each_entry_safe(kept, next, &cache->idle, entry)
		if (!context || kept->context == context)
			ibfront_kept_leave(cache, kept);
	any = !list_empty(&cache->going);
	spin_unlock(&cache->lock);
	if (any)
		schedule_work(&cache->work);
	return flush_work(&cache->work) || any;
}

static struct ibfront_kept *
ibfront_kept_find(struct ibfront_mr_cache *cache,
		  const struct ibfront_ucontext *context,
		  const struct mm_struct *mm, struct ibfront_span range,
		  bool writable)
{
	const struct ib_umem *umem;
	struct ibfront_kept *kept;

	lockdep_assert_held(&cache->lock);

	hash_for_each_possible(cache->table, kept, node, range.first) {
		umem = kept->mem->umem;
		if (kept->context == context && umem->owning_mm == mm &&
		    kept->mem->nr_pages == range.nr &&
		    ibfront_span(umem->address, umem->length).first ==
			    range.first && umem->writable >= writable)
			return kept;
	}
	return NULL;
}

/**
 * ibfront_kept_get() - find pages that are granted already
 * @context: the calling process's
 * @start: its first address
 * @length: octets
 * @access: IB_ACCESS_*, with which the pages would be pinned
 *
 * Return: what has these pages, for one more region, or NULL.
 */
struct ibfront_kept *ibfront_kept_get(struct ibfront_ucontext *context,
				      u64 start, u64 length, int access)
{
	struct ibfront_dev *dev = to_fdev(context->ibucontext.device);
	struct ibfront_mr_cache *cache = &dev->mr_cache;
	struct ibfront_kept *kept;

	spin_lock(&cache->lock);
	kept = ibfront_kept_find(cache, context, current->mm,
				 ibfront_span(start, length),
				 ib_access_writable(access));
	if (kept && !kept->users++) {
		list_del(&kept->entry);
		cache->nr_idle -= kept->mem->nr_pages;
	}
	spin_unlock(&cache->lock);
	return kept;
}

/**
 * ibfront_kept_put() - say that a region has the pages no more
 * @kept: of ibfront_kept_get(); NULL is nothing
 */
void ibfront_kept_put(struct ibfront_kept *kept)
{
	struct ibfront_mr_cache *cache;
	bool last;

	if (!kept)
		return;
	cache = &kept->dev->mr_cache;
	spin_lock(&cache->lock);
	last = !--kept->users && !hash_hashed(&kept->node);
	if (!kept->users && !last) {
		list_add_tail(&kept->entry, &cache->idle);
		cache->nr_idle += kept->mem->nr_pages;
	}
	spin_unlock(&cache->lock);
	if (last)
		ibfront_kept_free(kept);
}

/**
 * ibfront_kept_watch() - watch what the process does to some addresses
 * @context: the calling process's
 * @start: the first address, whose pages have not been pinned yet
 * @length: octets
 *
 * Return: what can keep the pages, or NULL if they are not to be kept.
 */
struct ibfront_kept *ibfront_kept_watch(struct ibfront_ucontext *context,
					u64 start, u64 length)
{
	struct ibfront_dev *dev = to_fdev(context->ibucontext.device);
	struct ibfront_span range = ibfront_span(start, length);
	struct ibfront_kept *kept;

	if (!dev->mr_cache.shrinker || !range.nr ||
	    range.nr > dev->mr_cache.max_pages)
		return NULL;
	kept = kzalloc(sizeof(*kept), GFP_KERNEL);
	if (!kept)
		return NULL;
	kept->dev = dev;
	kept->context = context;
	if (mmu_interval_notifier_insert(&kept->notifier, current->mm,
					 range.first, range.nr << PAGE_SHIFT,
					 &ibfront_kept_ops)) {
		kfree(kept);
		return NULL;
	}
	return kept;
}

/**
 * ibfront_kept_unwatch() - undo ibfront_kept_watch()
 * @kept: which keeps no pages; NULL is nothing
 */
void ibfront_kept_unwatch(struct ibfront_kept *kept)
{
	if (!kept)
		return;
	mmu_interval_notifier_remove(&kept->notifier);
	kfree(kept);
}

/* Not if the process has changed them, or if the same are kept already */
static bool ibfront_kept_can_enter(struct ibfront_mr_cache *cache,
				   const struct ibfront_kept *kept,
				   const struct ibfront_mem *mem)
{
	const struct ib_umem *umem = mem->umem;

	return !kept->stale &&
		!ibfront_kept_find(cache, kept->context, umem->owning_mm,
				   ibfront_span(umem->address, umem->length),
				   umem->writable);
}

/**
 * ibfront_kept_is_wanted() - whether a region is worth retiring
 * @kept: of ibfront_kept_watch()
 * @mem: its pages
 */
bool ibfront_kept_is_wanted(const struct ibfront_kept *kept,
			    const struct ibfront_mem *mem)
{
	struct ibfront_mr_cache *cache = &kept->dev->mr_cache;
	bool wanted;

	spin_lock(&cache->lock);
	wanted = ibfront_kept_can_enter(cache, kept, mem);
	spin_unlock(&cache->lock);
	return wanted;
}

static void ibfront_kept_enter(struct ibfront_mr_cache *cache,
			       struct ibfront_kept *kept)
{
	unsigned long nr = kept->mem->nr_pages;
	u64 first = ibfront_span(kept->mem->umem->address,
				  kept->mem->umem->length).first;

	if (cache->nr_pages + nr > cache->max_pages)
		ibfront_cache_evict(cache, cache->nr_pages + nr -
					   cache->max_pages);
	hash_add(cache->table, &kept->node, first);
	list_add_tail(&kept->entry, &cache->idle);
	cache->nr_pages += nr;
	cache->nr_idle += nr;
}

/**
 * ibfront_kept_keep() - keep the pages of a region that has been retired
 * @kept: of ibfront_kept_watch()
 * @mem: its pages
 * @retired: the region. All three are the cache's from now on.
 */
void ibfront_kept_keep(struct ibfront_kept *kept, struct ibfront_mem *mem,
		       const struct ibfront_obj *retired)
{
	struct ibfront_mr_cache *cache = &kept->dev->mr_cache;
	bool enters;

	kept->mem = mem;
	kept->retired = *retired;
	spin_lock(&cache->lock);
	enters = ibfront_kept_can_enter(cache, kept, mem);
	if (enters)
		ibfront_kept_enter(cache, kept);
	spin_unlock(&cache->lock);
	if (enters)
		schedule_work(&cache->work);
	else
		ibfront_kept_free(kept);
}

static unsigned long ibfront_cache_count(struct shrinker *shrinker,
					 struct shrink_control *control)
{
	struct ibfront_dev *dev = compat_shrinker_data(shrinker);

	return READ_ONCE(dev->mr_cache.nr_idle) ?: SHRINK_EMPTY;
}

static unsigned long ibfront_cache_scan(struct shrinker *shrinker,
					struct shrink_control *control)
{
	struct ibfront_dev *dev = compat_shrinker_data(shrinker);
	struct ibfront_mr_cache *cache = &dev->mr_cache;
	unsigned long nr;

	spin_lock(&cache->lock);
	nr = ibfront_cache_evict(cache, control->nr_to_scan);
	spin_unlock(&cache->lock);
	schedule_work(&cache->work);
	return nr;
}

void ibfront_cache_init(struct ibfront_dev *dev)
{
	struct ibfront_mr_cache *cache = &dev->mr_cache;

	spin_lock_init(&cache->lock);
	hash_init(cache->table);
	INIT_LIST_HEAD(&cache->idle);
	INIT_LIST_HEAD(&cache->going);
	INIT_WORK(&cache->work, ibfront_cache_work);
}

/**
 * ibfront_cache_start() - keep what is deregistered from now on
 * @dev: device, which is registered. If the backend cannot retire regions, or
 *	there is no memory, nothing is kept.
 */
void ibfront_cache_start(struct ibfront_dev *dev)
{
	struct shrinker *shrinker;

	if (!xenbus_read_unsigned(dev->xbdev->otherend,
				  VIBIF_FIELD_FEATURE_MR_RETIRE, 0))
		return;
	shrinker = shrinker_alloc(0, "xen-ibfront");
	if (!shrinker)
		return;
	dev->mr_cache.max_pages = gnttab_max_grant_frames() *
				  IBFRONT_GRANTS_PER_FRAME / IBFRONT_CACHE_PART;
	shrinker->count_objects = ibfront_cache_count;
	shrinker->scan_objects = ibfront_cache_scan;
	compat_shrinker_data(shrinker) = dev;
	shrinker_register(shrinker);
	dev->mr_cache.shrinker = shrinker;
}

/**
 * ibfront_cache_stop() - undo ibfront_cache_start()
 * @dev: device, which has no contexts any more
 */
void ibfront_cache_stop(struct ibfront_dev *dev)
{
	shrinker_free(dev->mr_cache.shrinker);
	dev->mr_cache.shrinker = NULL;
	flush_work(&dev->mr_cache.work);
}
