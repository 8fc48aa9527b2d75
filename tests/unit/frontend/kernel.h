/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the arena uses of Linux, besides the backend's stand-in for it, and of
 * the frontend, besides arena.h.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "linux.h"

typedef u64 dma_addr_t;
typedef u64 phys_addr_t;

#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(7, 2, 0)

#define SZ_64K			0x10000
#define SZ_1M			0x100000
#define SZ_4M			0x400000
#define BIT_ULL(n)		(1ULL << (n))
#define U16_MAX			UINT16_MAX
#define NUMA_NO_NODE		(-1)
#define clamp_t(type, v, lo, hi)	clamp((type)(v), (type)(lo), (type)(hi))
#define module_param(name, type, mode)
#define MODULE_PARM_DESC(name, text)	extern int module_parm_##name
#define mutex_init_once(m)	mutex_init(m)
#define gfpflags_allow_blocking(gfp)	((gfp) == GFP_KERNEL)

#define time_after(a, b)	((long)((b) - (a)) < 0)

#define list_for_each_entry_continue_reverse(pos, head, member)		\
	for (pos = list_entry((pos)->member.prev, typeof(*pos), member);	\
	     &(pos)->member != (head);					\
	     pos = list_entry((pos)->member.prev, typeof(*pos), member))

void *vzalloc(size_t size);
void vfree(const void *p);

bool schedule_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
void flush_work(struct work_struct *work);

typedef void (*work_func_t)(struct work_struct *work);
typedef struct {
	bool waits;
} wait_queue_head_t;

#define init_waitqueue_head(head)	((head)->waits = false)
#define wq_has_sleeper(head)		((head)->waits)
#define wake_up(head)			((head)->waits = false)
/* Others do something three times, and have to wake who waits. */
#define wait_event_timeout(head, condition, timeout)			\
({									\
	unsigned int left = 3;						\
									\
	while (left && !(condition)) {					\
		left--;							\
		(head).waits = true;					\
		kernel_context.others();				\
		if ((head).waits)					\
			left = 0;					\
	}								\
	left;								\
})

/* Where the code under test runs, and what happens when it waits */
extern struct kernel_context {
	bool preemptible;
	int rcu_depth;
	struct work_struct *work;
	struct {
		unsigned int flags;
	} task;
	void (*others)(void);
} kernel_context;

#define PF_KTHREAD			1
#define current				(&kernel_context.task)
#define memalloc_noio_save()		0
#define memalloc_noio_restore(flags)	((void)(flags))

#define preemptible()			(kernel_context.preemptible)
#define rcu_preempt_depth()		(kernel_context.rcu_depth)
#define current_work()			(kernel_context.work)

/* Memory is where it is. */
#define phys_to_virt(phys)	((void *)(uintptr_t)(phys))
#define virt_to_phys(ptr)	((u64)(uintptr_t)(ptr))

struct scatterlist {
	void *ptr;
	unsigned int length;
	dma_addr_t dma_address;
	unsigned int dma_length;
};

#define sg_virt(sg)		((sg)->ptr)
#define sg_phys(sg)		virt_to_phys((sg)->ptr)
#define sg_dma_address(sg)	((sg)->dma_address)
#define sg_dma_len(sg)		((sg)->dma_length)
#define for_each_sg(sgl, sg, nents, i)					\
	for (i = 0, sg = (sgl); i < (nents); i++, sg++)

struct gen_pool;

struct gen_pool *gen_pool_create(int min_alloc_order, int nid);
void gen_pool_destroy(struct gen_pool *pool);
int gen_pool_add(struct gen_pool *pool, unsigned long addr, size_t size,
		 int nid);
unsigned long gen_pool_alloc(struct gen_pool *pool, size_t size);
void gen_pool_free(struct gen_pool *pool, unsigned long addr, size_t size);
size_t gen_pool_avail(struct gen_pool *pool);
size_t gen_pool_size(struct gen_pool *pool);

enum dma_data_direction { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE };

#define DMA_ATTR_WEAK_ORDERING		(1UL << 1)
#define DMA_ATTR_SKIP_CPU_SYNC		(1UL << 5)
#define DMA_ATTR_MMIO			(1UL << 10)
#define DMA_MAPPING_ERROR		(~0ULL)
#define DMA_BIT_MASK(n)			(~0ULL)

struct device_dma_parameters {
	unsigned int max_segment_size;
};

struct dma_map_ops {
	void *(*alloc)(struct device *dev, size_t size, dma_addr_t *addr,
		       gfp_t gfp, unsigned long attrs);
	void (*free)(struct device *dev, size_t size, void *ptr,
		     dma_addr_t addr, unsigned long attrs);
	dma_addr_t (*map_phys)(struct device *dev, phys_addr_t phys,
			       size_t size, enum dma_data_direction dir,
			       unsigned long attrs);
	void (*unmap_phys)(struct device *dev, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir, unsigned long attrs);
	int (*map_sg)(struct device *dev, struct scatterlist *sgl, int nents,
		      enum dma_data_direction dir, unsigned long attrs);
	void (*unmap_sg)(struct device *dev, struct scatterlist *sgl, int nents,
			 enum dma_data_direction dir, unsigned long attrs);
	void (*sync_single_for_cpu)(struct device *dev, dma_addr_t addr,
				    size_t size, enum dma_data_direction dir);
	void (*sync_single_for_device)(struct device *dev, dma_addr_t addr,
				       size_t size,
				       enum dma_data_direction dir);
	void (*sync_sg_for_cpu)(struct device *dev, struct scatterlist *sgl,
				int nents, enum dma_data_direction dir);
	void (*sync_sg_for_device)(struct device *dev, struct scatterlist *sgl,
				   int nents, enum dma_data_direction dir);
	size_t (*max_mapping_size)(struct device *dev);
};

#define set_dma_ops(dev, ops)	((dev)->dma_ops = (ops))
#define dma_set_mask_and_coherent(dev, mask)				\
	((dev)->coherent_dma_mask = (mask), kernel_fail("dma mask", -EIO))

/* Xen's, and the frontend's */

struct vm_area_struct;
typedef unsigned long vm_flags_t;
enum xenbus_state { XenbusStateUnknown };

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value);

#include <xen/interface/io/vibif.h>
#include "compat.h"

struct ibfront_obj {
	u32 handle;
};

struct ibfront_mem {
	void *area;
};

#include "arena.h"

struct xenbus_device {
	struct device dev;
	const char *otherend;
};

struct ibfront_dev {
	struct ib_device {
		int nothing;
	} ibdev;
	struct xenbus_device *xbdev;
	struct ibfront_arena arena;
	bool dead;
};

struct ibfront_pd {
	struct {
		struct ib_device *device;
	} ibpd;
	struct ibfront_obj obj;
	struct list_head entry;
	struct ibfront_share *share;
};

#define to_fdev(dev)		container_of(dev, struct ibfront_dev, ibdev)
#define ibfront_ring_dead(d)	((d)->dead)
#define ibfront_page_list(mem)	((struct vibif_page_list) { 1, 1024 })

int ibfront_create(struct ibfront_dev *dev, struct ibfront_obj *obj,
		   struct vibif_req *req, struct vibif_rsp *rsp);
void ibfront_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj);
struct ibfront_mem *ibfront_mem_map_kernel(struct ibfront_dev *dev, void *area,
					   unsigned int nr_pages);
void ibfront_mem_unmap(struct ibfront_dev *dev, struct ibfront_mem *mem);

/* What the backend has been asked for, and the frontend for pages */
extern struct kernel_arena {
	unsigned int pds, sources, shares, mems;
	u64 iova;	/* of the last region */
} kernel_arena;

/* The pool is the stand-in's own, and its works those of linux.c. */
void kernel_arena_reset(void);

#endif /* KERNEL_H */
