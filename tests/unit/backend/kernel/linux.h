/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the backend uses of Linux, in a program of one thread.
 *
 * Every <linux/...> and <asm/...> that the backend names is this file. Where it
 * costs little the kernel's rules are checked: who holds which lock, what may
 * sleep, that each free is the one of its allocation.
 */
#ifndef KERNEL_LINUX_H
#define KERNEL_LINUX_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "books.h"

/* linux/types.h, linux/compiler.h, linux/kernel.h */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;
typedef u16 __le16;
typedef u32 __le32;
typedef u64 __le64;
typedef u16 __be16;
typedef u32 __be32;
typedef u64 __be64;
typedef unsigned int gfp_t;

#define U8_MAX			UINT8_MAX
#define U16_MAX			UINT16_MAX
#define U32_MAX			UINT32_MAX

#define cpu_to_le16(x)		((__le16)(x))
#define cpu_to_le32(x)		((__le32)(x))
#define cpu_to_le64(x)		((__le64)(x))
#define le16_to_cpu(x)		((u16)(x))
#define le32_to_cpu(x)		((u32)(x))
#define le64_to_cpu(x)		((u64)(x))
#define cpu_to_be16(x)		__builtin_bswap16(x)
#define cpu_to_be32(x)		__builtin_bswap32(x)
#define be16_to_cpu(x)		__builtin_bswap16(x)
#define be32_to_cpu(x)		__builtin_bswap32(x)
#define be64_to_cpu(x)		__builtin_bswap64(x)
#define cpu_to_be64(x)		__builtin_bswap64(x)

#define __init
#define __exit
#define __must_check		__attribute__((warn_unused_result))
#define __packed		__attribute__((packed))
#define __printf(fmt, args)	__attribute__((format(printf, fmt, args)))
#define __acquires(lock)
#define __releases(lock)
#define fallthrough		__attribute__((fallthrough))

#define READ_ONCE(x)		(*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))

#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, value)	WRITE_ONCE(*(p), value)

#define barrier()		__asm__ volatile("" : : : "memory")
#define virt_mb()		barrier()
#define virt_rmb()		barrier()
#define virt_wmb()		barrier()

#define BIT(n)			(1UL << (n))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(cond)	static_assert(!(cond), #cond)
#undef static_assert
#define static_assert(...)	_Static_assert(__VA_ARGS__)
#define container_of(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))
#define struct_size(p, member, n)					\
	(sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define array_index_nospec(index, size)		(index)

#define min(a, b) ({							\
	typeof(a) _a = (a); typeof(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({							\
	typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define min3(a, b, c)		min(min(a, b), c)
#define clamp(value, lo, hi)	min(max(value, lo), hi)
#define swap(a, b) ({							\
	typeof(a) _a = (a); (a) = (b); (void)((b) = _a); })

#define WARN_ON(cond) ({						\
	bool _warn = (cond);						\
	if (_warn)							\
		kernel_bug("WARN_ON(%s) at %s:%d", #cond, __FILE__,	\
			   __LINE__);					\
	_warn; })
#define WARN_ON_ONCE(cond)	WARN_ON(cond)

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n < 2 ? 1 : 1UL << (CHAR_BIT * sizeof(n) -
				   __builtin_clzl(n - 1));
}

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

#define ilog2(n)		(63 - __builtin_clzll(n))

/* linux/err.h */

#define MAX_ERRNO		4095

static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

static inline bool IS_ERR(const void *ptr)
{
	return (unsigned long)ptr >= (unsigned long)-MAX_ERRNO;
}

static inline int PTR_ERR_OR_ZERO(const void *ptr)
{
	return IS_ERR(ptr) ? PTR_ERR(ptr) : 0;
}

/* linux/list.h */

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	entry->next = head->next;
	entry->prev = head;
	head->next->prev = entry;
	head->next = entry;
}

static inline void list_add_tail(struct list_head *entry,
				 struct list_head *head)
{
	list_add(entry, head->prev);
}

/* Whoever uses the entry after this finds out */
static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = NULL;
	entry->prev = NULL;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline void list_move_tail(struct list_head *entry,
				  struct list_head *head)
{
	list_del(entry);
	list_add_tail(entry, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member)				\
	list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member)			\
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next(pos, member)						\
	list_entry((pos)->member.next, typeof(*(pos)), member)
#define list_for_each_entry(pos, head, member)				\
	for (pos = list_first_entry(head, typeof(*pos), member);	\
	     &pos->member != (head); pos = list_next(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_first_entry(head, typeof(*pos), member),	\
	     n = list_next(pos, member); &pos->member != (head);	\
	     pos = n, n = list_next(n, member))

/* linux/hashtable.h: zeros are an empty one */

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define hash_bucket(table, key)		(&(table)[(key) % ARRAY_SIZE(table)])
#define hash_add(table, node, key)					\
	hlist_add_head(node, hash_bucket(table, key))
#define hlist_entry_safe(ptr, type, member) ({				\
	typeof(ptr) _ptr = (ptr);					\
	_ptr ? container_of(_ptr, type, member) : NULL; })
#define hash_for_each_possible(table, pos, member, key)			\
	for (pos = hlist_entry_safe(hash_bucket(table, key)->first,	\
				    typeof(*pos), member);		\
	     pos;							\
	     pos = hlist_entry_safe(pos->member.next, typeof(*pos), member))

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
}

#define hash_hashed(node)	((node)->pprev)

static inline void hash_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	node->next = NULL;
	node->pprev = NULL;
}

/* linux/atomic.h, linux/refcount.h */

typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
typedef struct { long counter; } atomic_long_t;
typedef struct { int refs; } refcount_t;

#define atomic_read(v)			((v)->counter)
#define atomic_set(v, i)		((v)->counter = (i))
#define atomic_add(i, v)		((void)((v)->counter += (i)))
#define atomic_sub(i, v)		((void)((v)->counter -= (i)))
#define atomic_inc(v)			atomic_add(1, v)
#define atomic_dec(v)			atomic_sub(1, v)
#define atomic_add_return(i, v)		((v)->counter += (i))
#define atomic_inc_return(v)		atomic_add_return(1, v)
#define atomic_long_read(v)		atomic_read(v)
#define atomic_long_add(i, v)		atomic_add(i, v)
#define atomic_long_sub(i, v)		atomic_sub(i, v)
#define atomic64_read(v)		atomic_read(v)
#define atomic64_set(v, i)		atomic_set(v, i)
#define atomic64_add(i, v)		atomic_add(i, v)

static inline void refcount_set(refcount_t *r, int n)
{
	r->refs = n;
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return r->refs;
}

void refcount_inc(refcount_t *r);
void refcount_dec(refcount_t *r);
bool refcount_dec_if_one(refcount_t *r);

/* linux/mutex.h, linux/spinlock.h, linux/lockdep.h */

struct mutex {
	const char *holder;	/* NULL: nobody */
	unsigned int magic;
};

typedef struct spinlock {
	const char *holder;
	unsigned int magic;
} spinlock_t;

#define LOCK_MAGIC		0x10c4edU
#define DEFINE_MUTEX(name)	struct mutex name = { NULL, LOCK_MAGIC }
#define DEFINE_SPINLOCK(name)	spinlock_t name = { NULL, LOCK_MAGIC }

static inline void mutex_init(struct mutex *m)
{
	*m = (struct mutex) { NULL, LOCK_MAGIC };
}

static inline void spin_lock_init(spinlock_t *lock)
{
	*lock = (spinlock_t) { NULL, LOCK_MAGIC };
}

void kernel_mutex_lock(struct mutex *m, const char *where);
void mutex_unlock(struct mutex *m);
void mutex_destroy(struct mutex *m);
void kernel_spin_lock(spinlock_t *lock, const char *where);
void spin_unlock(spinlock_t *lock);

#define mutex_lock(m)		kernel_mutex_lock(m, __func__)
#define spin_lock(lock)		kernel_spin_lock(lock, __func__)
#define spin_lock_irqsave(lock, flags)	((void)(flags = 0), spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags)				\
	((void)(flags), spin_unlock(lock))
#define lockdep_assert_held(lock)					\
	((lock)->holder ? (void)0 :					\
	 kernel_bug("%s() without %s", __func__, #lock))

/* What may sleep may not be called under a spinlock. */
void kernel_might_sleep(const char *where);

#define might_sleep()		kernel_might_sleep(__func__)
#define cond_resched()		might_sleep()

/* linux/slab.h, linux/mm.h */

#define GFP_KERNEL		0U
#define GFP_ATOMIC		1U
#define __GFP_NOFAIL		2U
#define __GFP_ZERO		4U

#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL

void *kmalloc(size_t size, gfp_t flags);
void *kvmalloc(size_t size, gfp_t flags);
void *kernel_alloc_array(size_t n, size_t size, gfp_t flags,
			 void *(*alloc)(size_t size, gfp_t flags));
void kfree(const void *p);
void kvfree(const void *p);
unsigned long __get_free_page(gfp_t flags);
void free_page(unsigned long addr);

#define kzalloc(size, flags)	kmalloc(size, (flags) | __GFP_ZERO)
#define kvzalloc(size, flags)	kvmalloc(size, (flags) | __GFP_ZERO)
#define kmalloc_array(n, size, flags)					\
	kernel_alloc_array(n, size, flags, kmalloc)
#define kcalloc(n, size, flags)						\
	kernel_alloc_array(n, size, (flags) | __GFP_ZERO, kmalloc)
#define kvmalloc_array(n, size, flags)					\
	kernel_alloc_array(n, size, flags, kvmalloc)
#define kvcalloc(n, size, flags)					\
	kernel_alloc_array(n, size, (flags) | __GFP_ZERO, kvmalloc)
#define get_zeroed_page(flags)	__get_free_page((flags) | __GFP_ZERO)

struct vm_area_struct;
typedef unsigned long vm_flags_t;

/* linux/random.h, linux/jhash.h */

/*
 * The same numbers after each kernel_reset(). 0 is among them, and some come
 * twice.
 */
u32 get_random_u32(void);

static inline u32 jhash_1word(u32 a, u32 initval)
{
	return (a ^ initval) * 0x9e3779b9U;
}

/* linux/xarray.h: one that allocates, as all of the backend's do */

struct xarray {
	spinlock_t xa_lock;
	struct xa_slot *slot;	/* by ascending index */
	unsigned int nr;
};

struct xa_limit {
	u32 min;
	u32 max;
};

#define XA_FLAGS_ALLOC		1U
#define XA_LIMIT(_min, _max)	(struct xa_limit) { .min = _min, .max = _max }

static inline void xa_init_flags(struct xarray *xa, unsigned int flags)
{
	*xa = (struct xarray) { { NULL, LOCK_MAGIC }, NULL, 0 };
}

#define xa_lock(xa)		spin_lock(&(xa)->xa_lock)
#define xa_unlock(xa)		spin_unlock(&(xa)->xa_lock)

int xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit,
	     gfp_t flags);
void *xa_load(struct xarray *xa, unsigned long index);
void *xa_store(struct xarray *xa, unsigned long index, void *entry,
	       gfp_t flags);
void *__xa_store(struct xarray *xa, unsigned long index, void *entry,
		 gfp_t flags);
void *xa_erase(struct xarray *xa, unsigned long index);
/* The first entry from *@index on, or NULL. */
void *kernel_xa_find(struct xarray *xa, unsigned long *index);
void xa_destroy(struct xarray *xa);

#define xa_for_each(xa, index, entry)					\
	for (index = 0; (entry = kernel_xa_find(xa, &(index))); index++)

/* linux/completion.h: what is waited for has happened */

struct completion {
	bool done;
};

#define init_completion(c)	((void)((c)->done = false))
#define complete(c)		((void)((c)->done = true))
#define wait_for_completion(c)						\
	(might_sleep(), (c)->done ? (void)0 :				\
	 kernel_bug("%s() waits for ever", __func__))

/* linux/interrupt.h */

typedef int irqreturn_t;
#define IRQ_HANDLED		1
typedef irqreturn_t (*irq_handler_t)(int irq, void *data);

/* linux/workqueue.h, linux/jiffies.h */

struct work_struct {
	struct list_head entry;
	void (*func)(struct work_struct *work);
	bool pending;
};

struct delayed_work {
	struct work_struct work;
};

/* Tests let it pass. */
extern unsigned long jiffies;
#define time_before(a, b)	((long)((a) - (b)) < 0)

#define INIT_WORK(w, fn)	(*(w) = (struct work_struct) { .func = (fn) })
#define INIT_DELAYED_WORK(w, fn)	INIT_WORK(&(w)->work, fn)
#define DECLARE_DELAYED_WORK(name, fn)					\
	struct delayed_work name = { { .func = (fn) } }
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
#define msecs_to_jiffies(ms)	((unsigned long)(ms))

#define nsecs_to_jiffies(ns)		((unsigned long)((ns) / 1000000))
#define system_unbound_wq	NULL
#define mod_delayed_work(wq, w, delay)	queue_delayed_work(wq, w, delay)
#define queue_delayed_work(wq, w, delay)				\
	((void)(wq), schedule_delayed_work(w, delay))

bool schedule_delayed_work(struct delayed_work *work, unsigned long delay);
bool cancel_delayed_work_sync(struct delayed_work *work);

/* linux/ktime.h */

u64 ktime_get_ns(void);

/* linux/inet.h, linux/inetdevice.h, net/addrconf.h */

struct in6_addr {
	union {
		u8 s6_addr[16];
		u32 s6_addr32[4];
	};
};

/* Of this domain, as an IPv6 address */
extern u8 kernel_own_ip[16];

#define IS_ENABLED(option)	1
#define init_net		kernel_own_ip

static inline bool ipv6_addr_v4mapped(const struct in6_addr *addr)
{
	static const u8 v4[12] = { [10] = 0xff, 0xff };

	return !memcmp(addr->s6_addr, v4, sizeof(v4));
}

static inline void ipv6_addr_set_v4mapped(u32 v4, struct in6_addr *addr)
{
	*addr = (struct in6_addr) { .s6_addr = { [10] = 0xff, 0xff } };
	addr->s6_addr32[3] = v4;
}

/* Up to @delim or the end, of @len -1 */
int in4_pton(const char *text, int len, u8 *addr, int delim, const char **end);
int in6_pton(const char *text, int len, u8 *addr, int delim, const char **end);

static inline bool ipv6_chk_addr(void *net, const struct in6_addr *addr,
				 void *dev, int strict)
{
	return !memcmp(addr->s6_addr, net, 16);
}

static inline void *__ip_dev_find(void *net, u32 addr, bool ref)
{
	return memcmp(&addr, (u8 *)net + 12, 4) ? NULL : net;
}

/* linux/device.h, linux/sysfs.h, linux/printk.h */

struct device {
	const char *name;
	struct device *parent;
	void *driver_data;
	/* Of one that memory is mapped for */
	const struct dma_map_ops *dma_ops;
	struct device_dma_parameters *dma_parms;
	u64 *dma_mask;
	u64 coherent_dma_mask;
};

struct device_driver;

struct attribute {
	const char *name;
	unsigned short mode;
};

struct device_attribute {
	struct attribute attr;
	ssize_t (*show)(struct device *dev, struct device_attribute *attr,
			char *buf);
	void *store;
};

struct driver_attribute {
	struct attribute attr;
	ssize_t (*show)(struct device_driver *drv, char *buf);
	void *store;
};

struct attribute_group {
	const char *name;
	struct attribute **attrs;
};

#define __ATTR(_name, _mode, _show, _store)				\
	{ .attr = { #_name, _mode }, .show = _show, .store = _store }
#define DEVICE_ATTR_RO(name)						\
	struct device_attribute dev_attr_##name =			\
		__ATTR(name, 0444, name##_show, NULL)
#define DRIVER_ATTR_RO(name)						\
	struct driver_attribute driver_attr_##name =			\
		__ATTR(name, 0444, name##_show, NULL)

#define sysfs_emit(buf, ...)	snprintf(buf, PAGE_SIZE, __VA_ARGS__)
#define dev_get_drvdata(dev)	((dev)->driver_data)
#define dev_set_drvdata(dev, data)	((void)((dev)->driver_data = (data)))
#define dev_name(dev)		((dev)->name)

#define dev_crit(dev, ...)	((void)(dev), kernel_log(__VA_ARGS__))
#define dev_err(dev, ...)	((void)(dev), kernel_log(__VA_ARGS__))
#define dev_warn(dev, ...)	((void)(dev), kernel_log(__VA_ARGS__))
#define dev_notice(dev, ...)	((void)(dev), kernel_log(__VA_ARGS__))
#define dev_info(dev, ...)	((void)(dev), kernel_log(__VA_ARGS__))
#define dev_err_ratelimited(dev, ...)	dev_err(dev, __VA_ARGS__)
#define dev_warn_ratelimited(dev, ...)	dev_warn(dev, __VA_ARGS__)
#define pr_notice(...)		kernel_log(__VA_ARGS__)

/* linux/ratelimit.h */

struct ratelimit_state {
	int interval;
	int burst;
	int printed;
	unsigned long begin;
};

#define HZ		1000

static inline void ratelimit_state_init(struct ratelimit_state *rs,
					int interval, int burst)
{
	*rs = (struct ratelimit_state) { interval, burst };
}

#define RATELIMIT_MSG_ON_RELEASE	1
#define ratelimit_set_flags(rs, flags)	((void)(rs))

static inline int __ratelimit(struct ratelimit_state *rs)
{
	if (!rs->printed || jiffies - rs->begin > rs->interval) {
		rs->begin = jiffies;
		rs->printed = 0;
	}
	return rs->printed++ < rs->burst;
}

#endif /* KERNEL_LINUX_H */
