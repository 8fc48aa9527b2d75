/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arena, see arena.c: what of it dma.c, and the users of both, know. For
 * ibfront.h, and for a test without a kernel.
 */
#ifndef IBFRONT_ARENA_H
#define IBFRONT_ARENA_H

struct ibfront_dev;
struct ibfront_mem;
struct ibfront_pd;

#define IBFRONT_CHUNK_SIZE		((u64)SZ_4M)
#define IBFRONT_MAX_CHUNKS		64
/* The HCA's address of the first chunk: beyond all physical ones */
#define IBFRONT_ARENA_BASE		BIT_ULL(56)
/* Pieces begin at multiples of it, each in cache lines of its own. */
#define IBFRONT_LOG_GRANULE		8
#define IBFRONT_GRANULE			((size_t)BIT(IBFRONT_LOG_GRANULE))

/*
 * The kernel's key for all that it has mapped. It says nothing: the key that
 * the HCA gets is that of the chunk, see ibfront_arena_lkey().
 */
#define IBFRONT_LOCAL_DMA_LKEY		0x100

/* A piece of a chunk that is taken */
struct ibfront_piece {
	/* What it is a copy of: where that begins, or a list; 0: of nothing */
	union {
		phys_addr_t phys;
		struct scatterlist *sgl;
	};
	int nents;		/* of the list; 0: of one place */
	u32 size:31;		/* 0: no piece begins here */
	u32 to_device:1;	/* the HCA writes nothing there */
};

/* Memory for the HCA, granted once */
struct ibfront_chunk {
	void *area;
	struct ibfront_piece *piece;	/* by granule */
	struct ibfront_mem *mem;
	struct ibfront_obj mr;
};

/* What the kernel's users of the HCA send from and receive in */
struct ibfront_arena {
	struct device_dma_parameters dma_parms;
	struct gen_pool *pool;	/* by the HCA's addresses; NULL: no arena */
	struct ibfront_chunk chunk[IBFRONT_MAX_CHUNKS];
	unsigned int nr_chunks;	/* that there are; grows under lock */
	struct work_struct grow_work;
	wait_queue_head_t room;	/* who waits for a piece */
	work_func_t poll_work;	/* of ib_core, which handles completions */
	struct mutex lock;	/* Protects what follows */
	struct list_head pds;
	struct ibfront_obj pd;	/* of the chunks themselves */
	bool has_pd;
	unsigned long pause;	/* jiffies from which on it may grow */
	u64 mr_pages;		/* for which there are MRs of the kernel's */
};

/* A chunk of the arena in a PD of the kernel's */
struct ibfront_share {
	struct ibfront_obj obj;
	u32 lkey;
};

/* dma.c */
extern const struct dma_map_ops ibfront_dma_ops;
struct ibfront_chunk *ibfront_chunk_of(struct ibfront_arena *arena, u64 addr,
				       u64 len);
void *ibfront_arena_alloc(struct ibfront_dev *dev, size_t size, u64 *addr);
void ibfront_arena_free(struct ibfront_dev *dev, u64 addr);
void ibfront_arena_refresh(struct ibfront_dev *dev, u64 addr, u32 len);
void ibfront_arena_arrived(struct ibfront_dev *dev, u64 addr, u32 len);
void *ibfront_arena_ptr(struct ibfront_dev *dev, u64 addr, u32 len);

/* arena.c */
int __must_check ibfront_arena_init(struct ibfront_dev *dev);
void ibfront_arena_died(struct ibfront_dev *dev);
void ibfront_arena_stop(struct ibfront_dev *dev);
void ibfront_arena_fini(struct ibfront_dev *dev);
int __must_check ibfront_arena_add_pd(struct ibfront_dev *dev,
				      struct ibfront_pd *pd);
void ibfront_arena_del_pd(struct ibfront_dev *dev, struct ibfront_pd *pd);
void ibfront_arena_expect(struct ibfront_dev *dev, u64 nr);
void ibfront_arena_add_mr(struct ibfront_dev *dev, u32 nr);
void ibfront_arena_del_mr(struct ibfront_dev *dev, u32 nr);
size_t ibfront_arena_max_mapping(void);
void ibfront_arena_taken(struct ibfront_arena *arena, u64 addr);
int __must_check ibfront_arena_share(struct ibfront_dev *dev,
				     struct ibfront_pd *pd, u64 addr, u64 len,
				     u64 iova, struct ibfront_share *share);
int __must_check ibfront_arena_lkey(struct ibfront_pd *pd, u64 addr, u32 len,
				    u32 *lkey);

#endif /* IBFRONT_ARENA_H */
