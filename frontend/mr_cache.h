/* SPDX-License-Identifier: GPL-2.0-only */
/* What stays granted of memory that processes have registered, mr_cache.c */

#ifndef IBFRONT_MR_CACHE_H
#define IBFRONT_MR_CACHE_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct ibfront_dev;
struct ibfront_mem;
struct ibfront_ucontext;
struct shrinker;

#define IBFRONT_CACHE_BITS	10

struct ibfront_mr_cache {
	struct shrinker *shrinker;	/* NULL: nothing is kept */
	unsigned long max_pages;
	spinlock_t lock;	/* Protects all that follows, and each entry */
	unsigned long nr_pages;	/* of all in the table */
	unsigned long nr_idle;	/* of those among them in idle */
	DECLARE_HASHTABLE(table, IBFRONT_CACHE_BITS);	/* by first page */
	struct list_head idle;	/* least recently used first */
	struct list_head going;	/* idle, and not in the table any more */
	struct work_struct work;	/* gives back what is in going */
};

/* Pages of a process that regions have, or had */
struct ibfront_kept {
	struct mmu_interval_notifier notifier;
	struct ibfront_dev *dev;
	struct ibfront_ucontext *context;
	bool stale;		/* the process may have others there by now */
	/* Once it keeps them */
	struct ibfront_mem *mem;
	struct ibfront_obj retired;	/* source of the shares */
	unsigned int users;	/* shares */
	struct hlist_node node;	/* in the table */
	struct list_head entry;	/* in idle or going */
};

void ibfront_cache_init(struct ibfront_dev *dev);
void ibfront_cache_start(struct ibfront_dev *dev);
void ibfront_cache_stop(struct ibfront_dev *dev);
bool ibfront_cache_empty(struct ibfront_dev *dev,
			 const struct ibfront_ucontext *context);

struct ibfront_kept *ibfront_kept_get(struct ibfront_ucontext *context,
				      u64 start, u64 length, int access);
void ibfront_kept_put(struct ibfront_kept *kept);
struct ibfront_kept *ibfront_kept_watch(struct ibfront_ucontext *context,
					u64 start, u64 length);
void ibfront_kept_unwatch(struct ibfront_kept *kept);
bool ibfront_kept_is_wanted(const struct ibfront_kept *kept,
			    const struct ibfront_mem *mem);
void ibfront_kept_keep(struct ibfront_kept *kept, struct ibfront_mem *mem,
		       const struct ibfront_obj *retired);

#endif /* IBFRONT_MR_CACHE_H */
