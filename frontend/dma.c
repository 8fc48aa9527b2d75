// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA operations of the device, for the kernel's own users of the HCA.
 *
 * They copy, as swiotlb does: a DMA address is where a piece of the arena is
 * for the HCA, and what is mapped is copied there and back. What a process
 * registers is granted as it is, and not copied.
 */

#include <linux/dma-map-ops.h>
#include <linux/genalloc.h>
#include <linux/scatterlist.h>

#include "ibfront.h"

/* How long a list waits for room */
#define IBFRONT_ROOM_TIMEOUT	(30 * HZ)

/* Its dma_parms are what the device has of a connection. */
static struct ibfront_arena *ibfront_arena(struct device *dev)
{
	return container_of(dev->dma_parms, struct ibfront_arena, dma_parms);
}

/* Anything else that has been mapped is memory of a process. */
static bool ibfront_in_arena(u64 addr)
{
	return addr >= IBFRONT_ARENA_BASE;
}

static u32 ibfront_chunk_offset(u64 addr)
{
	return addr & (IBFRONT_CHUNK_SIZE - 1);
}

/**
 * ibfront_chunk_of() - find what is at an address of the HCA's
 * @arena: the arena
 * @addr: the address
 * @len: octets
 *
 * Return: the chunk that holds all of it, or NULL. In any context.
 */
struct ibfront_chunk *ibfront_chunk_of(struct ibfront_arena *arena, u64 addr,
				       u64 len)
{
	u64 i = (addr - IBFRONT_ARENA_BASE) / IBFRONT_CHUNK_SIZE;

	/* What is below the first is beyond the last. */
	if (i >= READ_ONCE(arena->nr_chunks) ||
	    len > IBFRONT_CHUNK_SIZE - ibfront_chunk_offset(addr))
		return NULL;
	return &arena->chunk[i];
}

static void *ibfront_chunk_ptr(const struct ibfront_chunk *chunk, u64 addr)
{
	return chunk->area + ibfront_chunk_offset(addr);
}

static struct ibfront_piece *
ibfront_chunk_piece(const struct ibfront_chunk *chunk, u64 addr)
{
	return &chunk->piece[ibfront_chunk_offset(addr) / IBFRONT_GRANULE];
}

/*
 * Take a piece. Return: its chunk, and in @addr its address, or NULL. In any
 * context.
 */
static struct ibfront_chunk *
ibfront_piece_get(struct ibfront_arena *arena, size_t size,
		  const struct ibfront_piece *of, u64 *addr)
{
	struct ibfront_piece *piece;
	struct ibfront_chunk *chunk;

	if (!size || size > IBFRONT_CHUNK_SIZE)
		return NULL;
	*addr = gen_pool_alloc(arena->pool, size);
	ibfront_arena_taken(arena, *addr);
	chunk = ibfront_chunk_of(arena, *addr, size);
	if (!chunk)
		return NULL;
	piece = ibfront_chunk_piece(chunk, *addr);
	*piece = *of;
	piece->size = size;
	return chunk;
}

/* What a user gives back twice is not taken from another that has it by now. */
static void ibfront_piece_put(struct ibfront_arena *arena, u64 addr)
{
	struct ibfront_chunk *chunk = ibfront_chunk_of(arena, addr, 1);
	struct ibfront_piece *piece;
	size_t size;

	if (WARN_ON_ONCE(!chunk))
		return;
	piece = ibfront_chunk_piece(chunk, addr);
	size = piece->size;
	if (WARN_ON_ONCE(!size))
		return;
	*piece = (struct ibfront_piece) {};
	gen_pool_free(arena->pool, addr, size);
	if (wq_has_sleeper(&arena->room))
		wake_up(&arena->room);
}

/* The piece that an address is in, and where in it; its begin may be before. */
static struct ibfront_piece *
ibfront_piece_of(const struct ibfront_chunk *chunk, u64 addr, size_t *offset)
{
	struct ibfront_piece *piece = ibfront_chunk_piece(chunk, addr);

	*offset = addr % IBFRONT_GRANULE;
	for (; !piece->size && piece > chunk->piece; piece--)
		*offset += IBFRONT_GRANULE;
	return piece;
}

/* From the arena or to it */
static void ibfront_copy(void *mapped, void *ptr, size_t len, bool to_cpu)
{
	if (to_cpu)
		memcpy(mapped, ptr, len);
	else
		memcpy(ptr, mapped, len);
}

/* Copy a part of a piece, at any address in it, to or from where it belongs. */
static void ibfront_piece_sync(struct ibfront_arena *arena, u64 addr,
			       size_t size, bool to_cpu)
{
	struct ibfront_chunk *chunk = ibfront_chunk_of(arena, addr, size);
	struct ibfront_piece *piece;
	size_t offset;

	if (WARN_ON_ONCE(!chunk))
		return;
	piece = ibfront_piece_of(chunk, addr, &offset);
	if (WARN_ON_ONCE(!piece->phys || piece->nents ||
			 offset + size > piece->size))
		return;
	ibfront_copy(phys_to_virt(piece->phys + offset),
		     ibfront_chunk_ptr(chunk, addr), size, to_cpu);
}

static size_t ibfront_list_size(struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	size_t size = 0;
	int i;

	for_each_sg(sgl, sg, nents, i)
		size += sg->length;
	return size;
}

/* A part of a list, to or from where it is in the piece */
static void ibfront_list_copy(struct scatterlist *sgl, int nents, void *ptr,
			      size_t offset, size_t len, bool to_cpu)
{
	struct scatterlist *sg;
	size_t part;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (offset >= sg->length) {
			offset -= sg->length;
			continue;
		}
		part = min(len, sg->length - offset);
		ibfront_copy(sg_virt(sg) + offset, ptr, part, to_cpu);
		ptr += part;
		len -= part;
		offset = 0;
		if (!len)
			break;
	}
}

/* All of it, which is a piece */
static void ibfront_list_sync(struct ibfront_arena *arena,
			      struct scatterlist *sgl, int nents, bool to_cpu)
{
	size_t size = ibfront_list_size(sgl, nents);
	struct ibfront_chunk *chunk;

	chunk = ibfront_chunk_of(arena, sg_dma_address(sgl), size);
	if (WARN_ON_ONCE(!chunk))
		return;
	ibfront_list_copy(sgl, nents,
			  ibfront_chunk_ptr(chunk, sg_dma_address(sgl)), 0,
			  size, to_cpu);
}

static void ibfront_piece_copy(struct ibfront_arena *arena, u64 addr,
			       size_t len, bool to_cpu)
{
	struct ibfront_chunk *chunk = ibfront_chunk_of(arena, addr, len);
	const struct ibfront_piece *piece;
	size_t offset;
	void *ptr;

	if (!chunk)
		return;
	ptr = ibfront_chunk_ptr(chunk, addr);
	piece = ibfront_piece_of(chunk, addr, &offset);
	if (piece->to_device == to_cpu || offset + len > piece->size)
		return;
	if (piece->nents)
		ibfront_list_copy(piece->sgl, piece->nents, ptr, offset, len,
				  to_cpu);
	else if (piece->phys)
		ibfront_copy(phys_to_virt(piece->phys + offset), ptr, len,
			     to_cpu);
}

/**
 * ibfront_arena_refresh() - copy anew what the HCA is to send
 * @dev: device
 * @addr: its address
 * @len: octets
 *
 * Targets map memory first, then read from their disk what belongs there, and
 * send it: nvmet and srpt. Where memory is not copied that does no harm, so
 * they do not say it (dma_sync_*_for_device()). What the HCA may write, too, is
 * left alone. In any context.
 */
void ibfront_arena_refresh(struct ibfront_dev *dev, u64 addr, u32 len)
{
	ibfront_piece_copy(&dev->arena, addr, len, false);
}

/**
 * ibfront_arena_arrived() - copy back what the HCA has read from a peer
 * @dev: device
 * @addr: where it is
 * @len: octets
 *
 * In the same way svcrdma and srpt use that before they unmap it. In any
 * context.
 */
void ibfront_arena_arrived(struct ibfront_dev *dev, u64 addr, u32 len)
{
	ibfront_piece_copy(&dev->arena, addr, len, true);
}

/*
 * What is to be received is copied there, too: of a message that is shorter
 * than its buffer the rest comes back, and must not be what others had in the
 * piece.
 */
static dma_addr_t ibfront_map_phys(struct device *dev, phys_addr_t phys,
				   size_t size, enum dma_data_direction dir,
				   unsigned long attrs)
{
	const struct ibfront_piece of = {
		.phys = phys,
		.to_device = dir == DMA_TO_DEVICE,
	};
	struct ibfront_arena *arena = ibfront_arena(dev);
	u64 addr;

	if (attrs & DMA_ATTR_MMIO ||
	    !ibfront_piece_get(arena, size, &of, &addr))
		return DMA_MAPPING_ERROR;
	ibfront_piece_sync(arena, addr, size, false);
	return addr;
}

COMPAT_DEFINE_MAP_PHYS(ibfront_dma_map_phys, ibfront_map_phys)

static void ibfront_unmap_phys(struct device *dev, dma_addr_t addr, size_t size,
			       enum dma_data_direction dir, unsigned long attrs)
{
	struct ibfront_arena *arena = ibfront_arena(dev);

	if (dir != DMA_TO_DEVICE && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		ibfront_piece_sync(arena, addr, size, true);
	ibfront_piece_put(arena, addr);
}

/* Isert says this of what it has not mapped yet, to send from it. */
static void ibfront_sync_for_cpu(struct device *dev, dma_addr_t addr,
				 size_t size, enum dma_data_direction dir)
{
	if (dir == DMA_TO_DEVICE)
		return;
	ibfront_piece_sync(ibfront_arena(dev), addr, size, true);
}

static void ibfront_sync_for_device(struct device *dev, dma_addr_t addr,
				    size_t size, enum dma_data_direction dir)
{
	ibfront_piece_sync(ibfront_arena(dev), addr, size, false);
}

/* For the pages of a process, which are granted one by one: nobody uses it. */
static int ibfront_map_user_sg(struct scatterlist *sgl, int nents)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		sg_dma_address(sg) = sg_phys(sg);
		sg_dma_len(sg) = sg->length;
	}
	return nents;
}

/*
 * Who handles completions must not wait: what is given back may be behind in
 * the same CQ. Nor must a thread of nfsd: another request that waits for such a
 * thread may have it. Where the kernel does not count nobody waits.
 */
static bool ibfront_may_wait(const struct ibfront_arena *arena)
{
	const struct work_struct *work = current_work();

	if (!preemptible() || rcu_preempt_depth())
		return false;
	return work ? work->func != READ_ONCE(arena->poll_work) :
		      !(current->flags & PF_KTHREAD);
}

/*
 * Take a piece once there is room, if the caller can sleep. For lists: these
 * are given back soon, and if one has no room, NFS has its writer fail.
 */
static struct ibfront_chunk *
ibfront_piece_wait(struct ibfront_arena *arena, size_t size,
		   const struct ibfront_piece *of, u64 *addr)
{
	struct ibfront_dev *dev = container_of(arena, struct ibfront_dev,
					       arena);
	struct ibfront_chunk *chunk;
	long left;

	chunk = ibfront_piece_get(arena, size, of, addr);
	if (chunk || !size || size > IBFRONT_CHUNK_SIZE ||
	    !ibfront_may_wait(arena))
		return chunk;
	left = wait_event_timeout(arena->room,
				  (chunk = ibfront_piece_get(arena, size, of,
							     addr)) ||
				  ibfront_ring_dead(dev),
				  IBFRONT_ROOM_TIMEOUT);
	if (!left)
		dev_warn_ratelimited(&dev->xbdev->dev,
				     "no room for %zu octets: arena_mb is too small\n",
				     size);
	return chunk;
}

/*
 * A list becomes one piece, for which a fast registration needs no page list.
 * ib_umem_get_va() says DMA_ATTR_WEAK_ORDERING because ibfront_mem_pin() has it
 * do so, and nobody else says it.
 */
static int ibfront_map_sg(struct device *dev, struct scatterlist *sgl,
			  int nents, enum dma_data_direction dir,
			  unsigned long attrs)
{
	const struct ibfront_piece of = {
		.sgl = sgl,
		.nents = nents,
		.to_device = dir == DMA_TO_DEVICE,
	};
	struct ibfront_arena *arena = ibfront_arena(dev);
	size_t size = ibfront_list_size(sgl, nents);
	u64 addr;

	if (attrs & DMA_ATTR_WEAK_ORDERING)
		return ibfront_map_user_sg(sgl, nents);
	if (!ibfront_piece_wait(arena, size, &of, &addr))
		return -ENOMEM;
	sg_dma_address(sgl) = addr;
	sg_dma_len(sgl) = size;
	ibfront_list_sync(arena, sgl, nents, false);
	return 1;
}

static void ibfront_unmap_sg(struct device *dev, struct scatterlist *sgl,
			     int nents, enum dma_data_direction dir,
			     unsigned long attrs)
{
	struct ibfront_arena *arena = ibfront_arena(dev);
	u64 addr = sg_dma_address(sgl);

	if (!ibfront_in_arena(addr))
		return;
	if (dir != DMA_TO_DEVICE && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		ibfront_list_sync(arena, sgl, nents, true);
	ibfront_piece_put(arena, addr);
}

static void ibfront_sync_sg_for_cpu(struct device *dev, struct scatterlist *sgl,
				    int nents, enum dma_data_direction dir)
{
	if (dir == DMA_TO_DEVICE)
		return;
	ibfront_list_sync(ibfront_arena(dev), sgl, nents, true);
}

static void ibfront_sync_sg_for_device(struct device *dev,
				       struct scatterlist *sgl, int nents,
				       enum dma_data_direction dir)
{
	ibfront_list_sync(ibfront_arena(dev), sgl, nents, false);
}

/**
 * ibfront_arena_alloc() - take memory for the HCA that is not a copy
 * @dev: device
 * @size: octets
 * @addr: the HCA's address of it
 *
 * Return: where it is, zeroed, or NULL. In any context.
 */
void *ibfront_arena_alloc(struct ibfront_dev *dev, size_t size, u64 *addr)
{
	static const struct ibfront_piece of_nothing;
	struct ibfront_chunk *chunk;

	chunk = ibfront_piece_get(&dev->arena, size, &of_nothing, addr);
	return chunk ? memset(ibfront_chunk_ptr(chunk, *addr), 0, size) : NULL;
}

/* Undo ibfront_arena_alloc(). */
void ibfront_arena_free(struct ibfront_dev *dev, u64 addr)
{
	ibfront_piece_put(&dev->arena, addr);
}

static void *ibfront_dma_alloc(struct device *dev, size_t size,
			       dma_addr_t *addr, gfp_t gfp, unsigned long attrs)
{
	struct ibfront_arena *arena = ibfront_arena(dev);
	struct ibfront_dev *fdev = container_of(arena, struct ibfront_dev,
						arena);
	void *ptr = ibfront_arena_alloc(fdev, size, addr);

	if (!ptr && gfpflags_allow_blocking(gfp)) {
		flush_work(&arena->grow_work);
		ptr = ibfront_arena_alloc(fdev, size, addr);
	}
	return ptr;
}

static void ibfront_dma_free(struct device *dev, size_t size, void *ptr,
			     dma_addr_t addr, unsigned long attrs)
{
	ibfront_piece_put(ibfront_arena(dev), addr);
}

static size_t ibfront_max_mapping_size(struct device *dev)
{
	return ibfront_arena_max_mapping();
}

const struct dma_map_ops ibfront_dma_ops = {
	.alloc = ibfront_dma_alloc,
	.free = ibfront_dma_free,
	.map_phys = ibfront_dma_map_phys,
	.unmap_phys = ibfront_unmap_phys,
	.map_sg = ibfront_map_sg,
	.unmap_sg = ibfront_unmap_sg,
	.sync_single_for_cpu = ibfront_sync_for_cpu,
	.sync_single_for_device = ibfront_sync_for_device,
	.sync_sg_for_cpu = ibfront_sync_sg_for_cpu,
	.sync_sg_for_device = ibfront_sync_sg_for_device,
	.max_mapping_size = ibfront_max_mapping_size,
};

/**
 * ibfront_arena_ptr() - what the HCA finds at an address
 * @dev: device
 * @addr: the address
 * @len: octets
 *
 * Return: where it is, or NULL if it is not in one chunk. In any context.
 */
void *ibfront_arena_ptr(struct ibfront_dev *dev, u64 addr, u32 len)
{
	struct ibfront_chunk *chunk = ibfront_chunk_of(&dev->arena, addr, len);

	return chunk ? ibfront_chunk_ptr(chunk, addr) : NULL;
}

