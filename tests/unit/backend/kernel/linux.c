// SPDX-License-Identifier: GPL-2.0-only
/* The stand-in for Linux: memory, locks, xarrays, work, failures. */

#include "linux.h"

#include <setjmp.h>
#include <cmocka.h>

struct kernel_books kernel_books;

static struct {
	unsigned int calls;
	unsigned int fail_at;
	const char *always;
	int always_err;
	int err;
	const char *name;
} failure;

static char log_text[1 << 16];
static unsigned int mutexes_held;
static unsigned int spinlocks_held;
static LIST_HEAD(work_list);

void kernel_bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint_error(fmt, ap);
	va_end(ap);
	print_error("\n");
	if (failure.err)
		print_error("after the failure of call %u, %s\n",
			    failure.fail_at, failure.name);
	fail();
	abort();
}

void kernel_check_idle(void)
{
	if (mutexes_held || spinlocks_held)
		kernel_bug("%u mutexes and %u spinlocks are held",
			   mutexes_held, spinlocks_held);
}

/* Failures */

void fail_at(unsigned int call)
{
	failure.calls = 0;
	failure.fail_at = call;
	failure.err = 0;
	failure.name = NULL;
}

void fail_always(const char *name, int err)
{
	failure.always = name;
	failure.always_err = err;
}

int failed(void)
{
	return failure.err;
}

const char *failed_call(void)
{
	return failure.name;
}

int kernel_fail(const char *name, int err)
{
	if (failure.always && !strcmp(failure.always, name))
		return failure.always_err;
	if (!err || ++failure.calls != failure.fail_at)
		return 0;
	failure.err = err;
	failure.name = name;
	return err;
}

/* Messages */

void kernel_log(const char *fmt, ...)
{
	size_t len = strlen(log_text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(log_text + len, sizeof(log_text) - len, fmt, ap);
	va_end(ap);
}

const char *kernel_log_text(void)
{
	return log_text;
}

bool kernel_logged(const char *part)
{
	return strstr(log_text, part);
}

/* Random numbers */

static u32 nr_randoms;

u32 get_random_u32(void)
{
	u32 nr = ++nr_randoms;

	switch (nr % 8) {
	case 1:
		return 0;
	case 7:
		nr--;
	}
	return nr * 0x85ebca6bU;
}

/* References */

void refcount_inc(refcount_t *r)
{
	if (r->refs++ < 1)
		kernel_bug("a reference to what has none");
}

void refcount_dec(refcount_t *r)
{
	if (--r->refs < 1)
		kernel_bug("the last reference is dropped, and nobody frees");
}

bool refcount_dec_if_one(refcount_t *r)
{
	if (r->refs != 1)
		return false;
	r->refs = 0;
	return true;
}

/* Locks: what would wait here waits for ever. */

void kernel_might_sleep(const char *where)
{
	if (spinlocks_held)
		kernel_bug("%s() may sleep, under a spinlock", where);
}

static void take(const char **holder, unsigned int magic, const char *where)
{
	if (magic != LOCK_MAGIC)
		kernel_bug("%s() takes a lock that is none", where);
	if (*holder)
		kernel_bug("%s() waits for %s()", where, *holder);
	*holder = where;
}

static void release(const char **holder)
{
	if (!*holder)
		kernel_bug("a lock is released that nobody has");
	*holder = NULL;
}

void kernel_mutex_lock(struct mutex *m, const char *where)
{
	kernel_might_sleep(where);
	take(&m->holder, m->magic, where);
	mutexes_held++;
}

void mutex_unlock(struct mutex *m)
{
	release(&m->holder);
	mutexes_held--;
}

void mutex_destroy(struct mutex *m)
{
	if (m->holder)
		kernel_bug("%s() holds a lock that is destroyed", m->holder);
	m->magic = 0;
}

void kernel_spin_lock(spinlock_t *lock, const char *where)
{
	take(&lock->holder, lock->magic, where);
	spinlocks_held++;
}

void spin_unlock(spinlock_t *lock)
{
	release(&lock->holder);
	spinlocks_held--;
}

/* Memory: a table of what is allocated, to find a free that is another's */

#define SLAB			(&kernel_books.slabs)
#define VMALLOC			(&kernel_books.vmallocs)
#define PAGE			(&kernel_books.pages)

#define MAX_CHUNKS		65536

static struct chunk {
	void *p;
	size_t size;
	long *book;
} chunks[MAX_CHUNKS];
static unsigned int nr_chunks;

static void *allocate(size_t size, size_t align, gfp_t flags, long *book,
		      const char *name)
{
	struct chunk *c = &chunks[nr_chunks];

	if (!(flags & GFP_ATOMIC))
		kernel_might_sleep(name);
	if (!(flags & __GFP_NOFAIL) && kernel_fail(name, -ENOMEM))
		return NULL;
	if (nr_chunks == MAX_CHUNKS)
		kernel_bug("too many allocations for this test");
	*c = (struct chunk) { .size = size, .book = book };
	if (posix_memalign(&c->p, align, size ? size : 1))
		abort();
	memset(c->p, flags & __GFP_ZERO ? 0 : 0xa5, size);
	nr_chunks++;
	++*book;
	return c->p;
}

static void release_chunk(const void *p, long *book, long *or_book)
{
	unsigned int i = nr_chunks;
	struct chunk *c;

	if (!p)
		return;
	while (i && chunks[i - 1].p != p)
		i--;
	c = &chunks[i - 1];
	if (!i || (c->book != book && c->book != or_book))
		kernel_bug("%p is freed, which is not what was allocated", p);
	--*c->book;
	memset(c->p, 0x6b, c->size);
	free(c->p);
	*c = chunks[--nr_chunks];
}

void *kmalloc(size_t size, gfp_t flags)
{
	return allocate(size, sizeof(u64), flags, SLAB, "kmalloc");
}

void *kvmalloc(size_t size, gfp_t flags)
{
	return allocate(size, sizeof(u64), flags, VMALLOC, "kvmalloc");
}

void *kernel_alloc_array(size_t n, size_t size, gfp_t flags,
			 void *(*alloc)(size_t size, gfp_t flags))
{
	size_t octets;

	if (__builtin_mul_overflow(n, size, &octets))
		return NULL;
	return alloc(octets, flags);
}

unsigned long __get_free_page(gfp_t flags)
{
	return (unsigned long)allocate(PAGE_SIZE, PAGE_SIZE, flags, PAGE,
				       "get_free_page");
}

void kfree(const void *p)
{
	release_chunk(p, SLAB, SLAB);
}

void kvfree(const void *p)
{
	release_chunk(p, VMALLOC, SLAB);
}

void free_page(unsigned long addr)
{
	release_chunk((void *)addr, PAGE, PAGE);
}

/* xarrays: an index can be reserved, with nothing under it */

struct xa_slot {
	unsigned long index;
	void *entry;
};

/* Where @index is, or would be */
static unsigned int xa_place(const struct xarray *xa, unsigned long index)
{
	unsigned int i = 0;

	while (i < xa->nr && xa->slot[i].index < index)
		i++;
	return i;
}

static struct xa_slot *xa_slot(const struct xarray *xa, unsigned long index)
{
	unsigned int i = xa_place(xa, index);

	return i < xa->nr && xa->slot[i].index == index ? &xa->slot[i] : NULL;
}

static void xa_insert_slot(struct xarray *xa, unsigned long index, void *entry)
{
	unsigned int i = xa_place(xa, index);

	xa->slot = realloc(xa->slot, (xa->nr + 1) * sizeof(*xa->slot));
	memmove(&xa->slot[i + 1], &xa->slot[i],
		(xa->nr - i) * sizeof(*xa->slot));
	xa->slot[i] = (struct xa_slot) { index, entry };
	xa->nr++;
	kernel_books.slots++;
}

int xa_alloc(struct xarray *xa, u32 *id, void *entry, struct xa_limit limit,
	     gfp_t flags)
{
	u32 index = limit.min;

	if (!(flags & GFP_ATOMIC))
		might_sleep();
	xa_lock(xa);
	while (index <= limit.max && xa_slot(xa, index))
		index++;
	xa_unlock(xa);
	if (index > limit.max)
		return -EBUSY;
	if (kernel_fail("xa_alloc", -ENOMEM))
		return -ENOMEM;
	xa_insert_slot(xa, index, entry);
	*id = index;
	return 0;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	struct xa_slot *slot = xa_slot(xa, index);

	return slot ? slot->entry : NULL;
}

void *__xa_store(struct xarray *xa, unsigned long index, void *entry,
		 gfp_t flags)
{
	struct xa_slot *slot = xa_slot(xa, index);
	void *old;

	lockdep_assert_held(&xa->xa_lock);
	if (!slot)
		kernel_bug("xa_store() into a slot that is not there");
	old = slot->entry;
	slot->entry = entry;
	return old;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry,
	       gfp_t flags)
{
	void *old;

	if (!(flags & GFP_ATOMIC))
		might_sleep();
	xa_lock(xa);
	old = __xa_store(xa, index, entry, flags);
	xa_unlock(xa);
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct xa_slot *slot;
	void *old = NULL;

	xa_lock(xa);
	slot = xa_slot(xa, index);
	if (slot) {
		old = slot->entry;
		memmove(slot, slot + 1,
			(char *)&xa->slot[xa->nr] - (char *)(slot + 1));
		xa->nr--;
		kernel_books.slots--;
	}
	xa_unlock(xa);
	if (!xa->nr)
		xa_destroy(xa);
	return old;
}

void *kernel_xa_find(struct xarray *xa, unsigned long *index)
{
	unsigned int i;

	for (i = xa_place(xa, *index); i < xa->nr; i++) {
		if (!xa->slot[i].entry)
			continue;
		*index = xa->slot[i].index;
		return xa->slot[i].entry;
	}
	return NULL;
}

void xa_destroy(struct xarray *xa)
{
	kernel_books.slots -= xa->nr;
	free(xa->slot);
	xa->slot = NULL;
	xa->nr = 0;
}

/* Work */

bool schedule_delayed_work(struct delayed_work *dwork, unsigned long delay)
{
	struct work_struct *work = &dwork->work;

	if (work->pending)
		return false;
	work->pending = true;
	list_add_tail(&work->entry, &work_list);
	kernel_books.works++;
	return true;
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	struct work_struct *work = &dwork->work;

	might_sleep();
	if (!work->pending)
		return false;
	work->pending = false;
	list_del(&work->entry);
	kernel_books.works--;
	return true;
}

static struct delayed_work *first_work(void)
{
	return to_delayed_work(list_first_entry(&work_list, struct work_struct,
						entry));
}

unsigned long jiffies;

void kernel_run_work(void)
{
	unsigned int nr = kernel_books.works;

	while (nr-- && !list_empty(&work_list)) {
		struct delayed_work *dwork = first_work();

		cancel_delayed_work_sync(dwork);
		dwork->work.func(&dwork->work);
	}
}

u8 kernel_own_ip[16];

/* <arpa/inet.h> has a struct in6_addr, as the kernel. */
int inet_pton(int family, const char *text, void *addr);

static int pton(int family, const char *text, u8 *addr, int delim,
		const char **end)
{
	const char *last = strchrnul(text, delim);
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", (int)(last - text), text);
	if (inet_pton(family, copy, addr) != 1)
		return 0;
	*end = last;
	return 1;
}

int in4_pton(const char *text, int len, u8 *addr, int delim, const char **end)
{
	return pton(2, text, addr, delim, end);
}

int in6_pton(const char *text, int len, u8 *addr, int delim, const char **end)
{
	return pton(10, text, addr, delim, end);
}

void kernel_reset(void)
{
	memset(kernel_own_ip, 0, sizeof(kernel_own_ip));
	while (!list_empty(&work_list))
		cancel_delayed_work_sync(first_work());
	while (nr_chunks)
		free(chunks[--nr_chunks].p);
	kernel_books = (struct kernel_books) {};
	fail_at(0);
	fail_always(NULL, 0);
	log_text[0] = '\0';
	nr_randoms = 0;
	mutexes_held = 0;
	spinlocks_held = 0;
}
