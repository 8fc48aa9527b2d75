// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arena: memory for the HCA that the kernel's own users send from and
 * receive in.
 *
 * It is granted once, in chunks, because granting anew for each message would
 * take a request; dma.c gives out pieces of it. Each chunk is a memory region
 * in a protection domain of ours, of which the kernel's PDs have shares. So its
 * key depends on the PD, and whoever posts a work request asks for it.
 */

#include <linux/dma-map-ops.h>
#include <linux/genalloc.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "ibfront.h"

static unsigned int arena_mb = 64;
module_param(arena_mb, uint, 0444);
MODULE_PARM_DESC(arena_mb,
		 "MiB at most for what the kernel's users of an HCA send and receive, in steps of 4 (4-256, default 64)");

#define IBFRONT_CHUNK_MB	((unsigned int)(IBFRONT_CHUNK_SIZE / SZ_1M))
#define IBFRONT_CHUNK_PAGES	(IBFRONT_CHUNK_SIZE / PAGE_SIZE)
/* After a failure the arena is not made larger for so long. */
#define IBFRONT_GROW_PAUSE	HZ

static unsigned int ibfront_max_chunks(void)
{
	return clamp_t(unsigned int, arena_mb / IBFRONT_CHUNK_MB, 1,
		       IBFRONT_MAX_CHUNKS);
}

/**
 * ibfront_arena_max_mapping() - how much a user may map at once
 *
 * A queue of 128 of the largest I/Os takes half of the arena. Users that cannot
 * wait for room, as those of block devices, have such queues.
 *
 * Return: octets.
 */
size_t ibfront_arena_max_mapping(void)
{
	return max_t(size_t, ibfront_max_chunks() * IBFRONT_CHUNK_SIZE / 256,
		     SZ_64K);
}

/**
 * ibfront_arena_taken() - have the arena grow when little is left
 * @arena: the arena
 * @addr: the piece that has been taken; 0: there was none
 *
 * Pieces come from the newest chunk first. So one in the second half of the
 * oldest says that little is left.
 */
void ibfront_arena_taken(struct ibfront_arena *arena, u64 addr)
{
	if (addr && (addr < IBFRONT_ARENA_BASE + IBFRONT_CHUNK_SIZE / 2 ||
		     addr >= IBFRONT_ARENA_BASE + IBFRONT_CHUNK_SIZE))
		return;
	if (READ_ONCE(arena->nr_chunks) < ibfront_max_chunks())
		schedule_work(&arena->grow_work);
}

/**
 * ibfront_arena_lkey() - the key of an address
 * @pd: PD of the kernel's
 * @addr: the address
 * @len: octets
 * @lkey: result
 *
 * Return: 0, or -EFAULT if it is not in one chunk. In any context.
 */
int ibfront_arena_lkey(struct ibfront_pd *pd, u64 addr, u32 len, u32 *lkey)
{
	struct ibfront_arena *arena = &to_fdev(pd->ibpd.device)->arena;
	struct ibfront_chunk *chunk = ibfront_chunk_of(arena, addr, len);

	if (!chunk)
		return -EFAULT;
	*lkey = pd->share[chunk - arena->chunk].lkey;
	return 0;
}

static int ibfront_share_at(struct ibfront_dev *dev, struct ibfront_pd *pd,
			    const struct ibfront_chunk *chunk, u64 iova,
			    struct ibfront_share *share)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_REG_MR,
		.op.reg_mr = {
			.iova = iova,
			.length = IBFRONT_CHUNK_SIZE,
			.pd = pd->obj.handle,
			.access = VIBIF_ACCESS_LOCAL_WRITE |
				  VIBIF_ACCESS_MW_BIND,
			.flags = VIBIF_MR_SHARE,
			.source = chunk->mr.handle,
		},
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_create(dev, &share->obj, &req, &rsp);
	if (!err)
		share->lkey = rsp.op.reg_mr.lkey;
	return err;
}

/* Have the PD's users reach a chunk. */
static int ibfront_share(struct ibfront_dev *dev, struct ibfront_pd *pd,
			 unsigned int i)
{
	return ibfront_share_at(dev, pd, &dev->arena.chunk[i],
				IBFRONT_ARENA_BASE + i * IBFRONT_CHUNK_SIZE,
				&pd->share[i]);
}

/**
 * ibfront_arena_share() - have the HCA find memory at another address, too
 * @dev: device
 * @pd: PD of the kernel's
 * @addr: where it is
 * @len: octets
 * @iova: the other address, at the same place in a page
 * @share: filled in; it is of all of the chunk, and to be destroyed
 *
 * Return: 0, -EFAULT if the memory is not in one chunk, or another errno.
 */
int ibfront_arena_share(struct ibfront_dev *dev, struct ibfront_pd *pd,
			u64 addr, u64 len, u64 iova,
			struct ibfront_share *share)
{
	struct ibfront_chunk *chunk = ibfront_chunk_of(&dev->arena, addr, len);

	if (!chunk)
		return -EFAULT;
	return ibfront_share_at(dev, pd, chunk,
				iova - addr % IBFRONT_CHUNK_SIZE, share);
}

static int ibfront_share_with_all(struct ibfront_dev *dev, unsigned int i)
{
	struct ibfront_arena *arena = &dev->arena;
	struct ibfront_pd *pd;
	int err;

	list_for_each_entry(pd, &arena->pds, entry) {
		err = ibfront_share(dev, pd, i);
		if (err)
			goto err_unshare;
	}
	return 0;

err_unshare:
	list_for_each_entry_continue_reverse(pd, &arena->pds, entry)
		ibfront_destroy(dev, &pd->share[i].obj);
	return err;
}

static void ibfront_chunk_free(struct ibfront_dev *dev,
			       struct ibfront_chunk *chunk)
{
	if (chunk->mem)
		ibfront_mem_unmap(dev, chunk->mem);
	vfree(chunk->area);
	kvfree(chunk->piece);
	*chunk = (struct ibfront_chunk) {};
}

static int ibfront_chunk_alloc(struct ibfront_dev *dev,
			       struct ibfront_chunk *chunk)
{
	int err;

	chunk->area = vzalloc(IBFRONT_CHUNK_SIZE);
	chunk->piece = kvcalloc(IBFRONT_CHUNK_SIZE / IBFRONT_GRANULE,
				sizeof(*chunk->piece), GFP_KERNEL);
	if (!chunk->area || !chunk->piece) {
		ibfront_chunk_free(dev, chunk);
		return -ENOMEM;
	}
	chunk->mem = ibfront_mem_map_kernel(dev, chunk->area,
					    IBFRONT_CHUNK_PAGES);
	if (IS_ERR(chunk->mem)) {
		err = PTR_ERR(chunk->mem);
		chunk->mem = NULL;
		ibfront_chunk_free(dev, chunk);
		return err;
	}
	return 0;
}

/* Have the HCA know a chunk, which nobody is to reach but by shares of it. */
static int ibfront_chunk_register(struct ibfront_dev *dev, unsigned int i)
{
	struct ibfront_chunk *chunk = &dev->arena.chunk[i];
	struct vibif_req req = {
		.operation = VIBIF_OP_REG_MR,
		.op.reg_mr = {
			.iova = IBFRONT_ARENA_BASE + i * IBFRONT_CHUNK_SIZE,
			.length = IBFRONT_CHUNK_SIZE,
			.pd = dev->arena.pd.handle,
			.flags = VIBIF_MR_WRITABLE,
			.pages = ibfront_page_list(chunk->mem),
		},
	};
	struct vibif_rsp rsp;

	return ibfront_create(dev, &chunk->mr, &req, &rsp);
}

/* Last of all it is where pieces can be taken from. */
static int ibfront_chunk_publish(struct ibfront_dev *dev, unsigned int i)
{
	struct ibfront_arena *arena = &dev->arena;
	int err;

	WRITE_ONCE(arena->nr_chunks, i + 1);
	err = gen_pool_add(arena->pool,
			   IBFRONT_ARENA_BASE + i * IBFRONT_CHUNK_SIZE,
			   IBFRONT_CHUNK_SIZE, NUMA_NO_NODE);
	if (err)
		WRITE_ONCE(arena->nr_chunks, i);
	else
		wake_up(&arena->room);
	return err;
}

static int ibfront_arena_add_chunk(struct ibfront_dev *dev)
{
	struct ibfront_arena *arena = &dev->arena;
	unsigned int i = arena->nr_chunks;
	struct ibfront_pd *pd;
	int err;

	err = ibfront_chunk_alloc(dev, &arena->chunk[i]);
	if (err)
		return err;
	err = ibfront_chunk_register(dev, i);
	if (err)
		goto err_free;
	err = ibfront_share_with_all(dev, i);
	if (err)
		goto err_unregister;
	err = ibfront_chunk_publish(dev, i);
	if (err)
		goto err_unshare;
	return 0;

err_unshare:
	list_for_each_entry(pd, &arena->pds, entry)
		ibfront_destroy(dev, &pd->share[i].obj);
err_unregister:
	ibfront_destroy(dev, &arena->chunk[i].mr);
err_free:
	ibfront_chunk_free(dev, &arena->chunk[i]);
	return err;
}

/* Return: whether it has grown. */
static bool ibfront_arena_grow(struct ibfront_dev *dev)
{
	struct ibfront_arena *arena = &dev->arena;
	unsigned int noio;
	int err;

	lockdep_assert_held(&arena->lock);

	if (!arena->nr_chunks || arena->nr_chunks >= ibfront_max_chunks() ||
	    ibfront_ring_dead(dev) || !time_after(jiffies, arena->pause))
		return false;
	/* What is to be written over NFS may wait for this. */
	noio = memalloc_noio_save();
	err = ibfront_arena_add_chunk(dev);
	memalloc_noio_restore(noio);
	if (!err)
		return true;
	arena->pause = jiffies + IBFRONT_GROW_PAUSE;
	dev_warn_ratelimited(&dev->xbdev->dev,
			     "cannot make the arena larger than %u MiB: %d\n",
			     arena->nr_chunks * IBFRONT_CHUNK_MB, err);
	return false;
}

static void ibfront_arena_grow_work(struct work_struct *work)
{
	struct ibfront_arena *arena = container_of(work, struct ibfront_arena,
						   grow_work);

	mutex_lock(&arena->lock);
	ibfront_arena_grow(container_of(arena, struct ibfront_dev, arena));
	mutex_unlock(&arena->lock);
}

/**
 * ibfront_arena_expect() - have room for what a queue can receive into
 * @dev: device
 * @nr: how many pieces of memory that is
 *
 * The user of a new queue maps all of that at once, and faster than the arena
 * grows by itself; what does not fit then is an error to most users. Each piece
 * is taken for a page, and what MRs can have comes on top. If there cannot be
 * so much there is less.
 */
void ibfront_arena_expect(struct ibfront_dev *dev, u64 nr)
{
	struct ibfront_arena *arena = &dev->arena;

	mutex_lock(&arena->lock);
	nr += arena->mr_pages;
	while (gen_pool_avail(arena->pool) < nr * PAGE_SIZE)
		if (!ibfront_arena_grow(dev))
			break;
	mutex_unlock(&arena->lock);
}

/**
 * ibfront_arena_add_mr() - have room for what is registered at once
 * @dev: device
 * @nr: pages that a new MR can have
 */
void ibfront_arena_add_mr(struct ibfront_dev *dev, u32 nr)
{
	struct ibfront_arena *arena = &dev->arena;

	mutex_lock(&arena->lock);
	arena->mr_pages += nr;
	mutex_unlock(&arena->lock);
	ibfront_arena_expect(dev, 0);
}

/* Undo ibfront_arena_add_mr(). */
void ibfront_arena_del_mr(struct ibfront_dev *dev, u32 nr)
{
	struct ibfront_arena *arena = &dev->arena;

	mutex_lock(&arena->lock);
	arena->mr_pages -= nr;
	mutex_unlock(&arena->lock);
}

/* The first of the kernel's PDs: until then user space may be all there is. */
static int ibfront_arena_open(struct ibfront_dev *dev)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_PD };
	struct ibfront_arena *arena = &dev->arena;
	struct vibif_rsp rsp;
	int err;

	if (arena->nr_chunks)
		return 0;
	if (!arena->has_pd) {
		err = ibfront_create(dev, &arena->pd, &req, &rsp);
		if (err)
			return err;
		arena->has_pd = true;
	}
	return ibfront_arena_add_chunk(dev);
}

static int ibfront_arena_share_all(struct ibfront_dev *dev,
				   struct ibfront_pd *pd)
{
	unsigned int i;
	int err;

	for (i = 0; i < dev->arena.nr_chunks; i++) {
		err = ibfront_share(dev, pd, i);
		if (err)
			goto err_unshare;
	}
	return 0;

err_unshare:
	while (i--)
		ibfront_destroy(dev, &pd->share[i].obj);
	return err;
}

/**
 * ibfront_arena_add_pd() - have the arena be reached by a PD of the kernel's
 * @dev: device
 * @pd: the PD
 *
 * Return: 0, -EOPNOTSUPP if the backend knows no shares, or another errno.
 */
int ibfront_arena_add_pd(struct ibfront_dev *dev, struct ibfront_pd *pd)
{
	struct ibfront_arena *arena = &dev->arena;
	int err;

	if (!arena->pool)
		return -EOPNOTSUPP;
	pd->share = kcalloc(ibfront_max_chunks(), sizeof(*pd->share),
			    GFP_KERNEL);
	if (!pd->share)
		return -ENOMEM;
	mutex_lock(&arena->lock);
	err = ibfront_arena_open(dev);
	if (!err)
		err = ibfront_arena_share_all(dev, pd);
	if (!err)
		list_add(&pd->entry, &arena->pds);
	mutex_unlock(&arena->lock);
	if (err)
		kfree(pd->share);
	return err;
}

/* Undo ibfront_arena_add_pd(): nothing in the PD uses the arena any more. */
void ibfront_arena_del_pd(struct ibfront_dev *dev, struct ibfront_pd *pd)
{
	struct ibfront_arena *arena = &dev->arena;
	unsigned int i;

	mutex_lock(&arena->lock);
	list_del(&pd->entry);
	for (i = 0; i < arena->nr_chunks; i++)
		ibfront_destroy(dev, &pd->share[i].obj);
	mutex_unlock(&arena->lock);
	kfree(pd->share);
}

/**
 * ibfront_arena_init() - have the device copy what is mapped for it
 * @dev: device, whose backend is Connected
 *
 * There is no arena, and no need for one, if the backend knows no shares.
 *
 * Return: 0 or a negative errno.
 */
int ibfront_arena_init(struct ibfront_dev *dev)
{
	struct ibfront_arena *arena = &dev->arena;
	struct device *device = &dev->xbdev->dev;

	if (!xenbus_read_unsigned(dev->xbdev->otherend,
				  VIBIF_FIELD_FEATURE_MR_SHARE, 0))
		return 0;
	arena->pool = gen_pool_create(IBFRONT_LOG_GRANULE, NUMA_NO_NODE);
	if (!arena->pool)
		return -ENOMEM;
	mutex_init(&arena->lock);
	INIT_LIST_HEAD(&arena->pds);
	INIT_WORK(&arena->grow_work, ibfront_arena_grow_work);
	arena->pause = jiffies - 1;
	arena->dma_parms.max_segment_size = UINT_MAX;

	device->dma_parms = &arena->dma_parms;
	/* First: whether there is anything to sync follows from the mask. */
	set_dma_ops(device, &ibfront_dma_ops);
	device->dma_mask = &device->coherent_dma_mask;
	return dma_set_mask_and_coherent(device, DMA_BIT_MASK(64));
}

/**
 * ibfront_arena_died() - have nobody wait for room any more
 * @dev: device, whose ring has died
 */
void ibfront_arena_died(struct ibfront_dev *dev)
{
	wake_up(&dev->arena.room);
}

/**
 * ibfront_arena_stop() - let go of the arena's memory
 * @dev: device, which is not registered any more and whose ring is dead
 *
 * The chunks go to the limbo, and the backend has forgotten the rest.
 */
void ibfront_arena_stop(struct ibfront_dev *dev)
{
	struct ibfront_arena *arena = &dev->arena;

	if (!arena->pool)
		return;
	cancel_work_sync(&arena->grow_work);
	while (arena->nr_chunks)
		ibfront_chunk_free(dev, &arena->chunk[--arena->nr_chunks]);
}

/**
 * ibfront_arena_fini() - undo ibfront_arena_init()
 * @dev: device, which has no memory of a process mapped any more
 */
void ibfront_arena_fini(struct ibfront_dev *dev)
{
	struct ibfront_arena *arena = &dev->arena;
	struct device *device = &dev->xbdev->dev;

	if (!arena->pool)
		return;
	device->dma_mask = NULL;
	set_dma_ops(device, NULL);
	device->dma_parms = NULL;
	/* Destroying one with pieces in use would be a BUG. */
	if (WARN_ON(gen_pool_avail(arena->pool) != gen_pool_size(arena->pool)))
		return;
	gen_pool_destroy(arena->pool);
}
