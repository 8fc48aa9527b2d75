/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mr_cache.c uses of ib_core, of memory management and of the rest of the
 * frontend, besides the backend's stand-in for Linux.
 */
#ifndef KEEP_H
#define KEEP_H

#include "linux.h"
#include <xen/interface/io/vibif.h>

#define hash_init(table)	memset(table, 0, sizeof(table))

struct mmu_interval_notifier_ops;

struct mmu_interval_notifier {
	const struct mmu_interval_notifier_ops *ops;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long length;
	unsigned long seq;
};

struct ibfront_obj {
	u32 handle;
};

#include "mr_cache.h"

#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define untagged_addr(addr)	(addr)

bool schedule_work(struct work_struct *work);
bool flush_work(struct work_struct *work);

/* Memory of processes */

struct mm_struct {
	int nothing;
};

struct task_struct {
	struct mm_struct *mm;
};

extern struct task_struct *current;

struct mmu_notifier_range {
	int nothing;
};

struct mmu_interval_notifier_ops {
	bool (*invalidate)(struct mmu_interval_notifier *notifier,
			   const struct mmu_notifier_range *range,
			   unsigned long seq);
};

int mmu_interval_notifier_insert(struct mmu_interval_notifier *notifier,
				 struct mm_struct *mm, unsigned long start,
				 unsigned long length,
				 const struct mmu_interval_notifier_ops *ops);
void mmu_interval_notifier_remove(struct mmu_interval_notifier *notifier);
#define mmu_interval_set_seq(notifier, value)				\
	((notifier)->seq = (value))

struct shrink_control {
	unsigned long nr_to_scan;
};

#define SHRINK_EMPTY		(~0UL - 1)

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *shrinker,
				       struct shrink_control *control);
	unsigned long (*scan_objects)(struct shrinker *shrinker,
				      struct shrink_control *control);
	void *data;
};

#define compat_shrinker_data(shrinker)	((shrinker)->data)

struct shrinker *shrinker_alloc(unsigned int flags, const char *name);
void shrinker_register(struct shrinker *shrinker);
void shrinker_free(struct shrinker *shrinker);

/* ib_core's and Xen's */

#define IB_ACCESS_LOCAL_WRITE	1
#define IB_ACCESS_REMOTE_READ	4
#define ib_access_writable(access)	((access) & IB_ACCESS_LOCAL_WRITE)

struct ib_device {
	int nothing;
};

struct ib_umem {
	struct mm_struct *owning_mm;
	unsigned long address;
	size_t length;
	u32 writable : 1;
};

struct grant_entry_v1 {
	u64 all;
};

unsigned int gnttab_max_grant_frames(void);
unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value);

/* The frontend's */

struct ibfront_mem {
	struct ib_umem *umem;
	unsigned int nr_pages;
};

struct ibfront_ucontext {
	struct {
		struct ib_device *device;
	} ibucontext;
};

struct ibfront_dev {
	struct ib_device ibdev;
	struct {
		const char *otherend;
	} *xbdev;
	struct ibfront_mr_cache mr_cache;
};

#define to_fdev(dev)		container_of(dev, struct ibfront_dev, ibdev)

void ibfront_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj);
void ibfront_mem_unmap(struct ibfront_dev *dev, struct ibfront_mem *mem);

#endif /* KEEP_H */
