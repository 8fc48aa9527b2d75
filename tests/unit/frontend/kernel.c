// SPDX-License-Identifier: GPL-2.0-only
/* The rest of the kernel and of the frontend, see kernel.h. */

#define MAX_OBJECTS	1024
#define POOL_GRANULES	(SZ_4M / 256)

struct kernel_arena kernel_arena;
struct kernel_context kernel_context;

/* By handle: what it is, and of which source */
static struct {
	u8 operation;
	u32 source;
} objects[MAX_OBJECTS];

void *vzalloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL);
}

void vfree(const void *p)
{
	kvfree(p);
}

/* Works, by way of those that are delayed */

static struct delayed_work later;
static struct work_struct *wanted;

static void run_wanted(struct work_struct *work)
{
	struct work_struct *w = wanted;

	wanted = NULL;
	w->func(w);
}

bool schedule_work(struct work_struct *work)
{
	if (wanted)
		return false;
	wanted = work;
	INIT_DELAYED_WORK(&later, run_wanted);
	return schedule_delayed_work(&later, 0);
}

bool cancel_work_sync(struct work_struct *work)
{
	if (wanted)
		cancel_delayed_work_sync(&later);
	wanted = NULL;
	return true;
}

void flush_work(struct work_struct *work)
{
	kernel_run_work();
}

/* A pool, newest chunk first; each granule of 256 octets is taken or not. */

struct pool_chunk {
	struct list_head entry;
	unsigned long addr;
	bool taken[POOL_GRANULES];
};

struct gen_pool {
	struct list_head chunks;
};

struct gen_pool *gen_pool_create(int min_alloc_order, int nid)
{
	struct gen_pool *pool = kmalloc(sizeof(*pool), GFP_KERNEL);

	if (pool)
		INIT_LIST_HEAD(&pool->chunks);
	return pool;
}

int gen_pool_add(struct gen_pool *pool, unsigned long addr, size_t size,
		 int nid)
{
	struct pool_chunk *chunk = kvzalloc(sizeof(*chunk), GFP_KERNEL);

	if (!chunk)
		return -ENOMEM;
	chunk->addr = addr;
	list_add(&chunk->entry, &pool->chunks);
	return 0;
}

static bool all(const struct pool_chunk *chunk, unsigned int i, unsigned int n,
		bool taken)
{
	while (n--)
		if (chunk->taken[i++] != taken)
			return false;
	return true;
}

unsigned long gen_pool_alloc(struct gen_pool *pool, size_t size)
{
	unsigned int n = DIV_ROUND_UP(size, 256), i;
	struct pool_chunk *chunk;

	list_for_each_entry(chunk, &pool->chunks, entry)
		for (i = 0; i + n <= POOL_GRANULES; i++)
			if (all(chunk, i, n, false)) {
				memset(chunk->taken + i, true, n);
				return chunk->addr + 256UL * i;
			}
	return 0;
}

void gen_pool_free(struct gen_pool *pool, unsigned long addr, size_t size)
{
	unsigned int n = DIV_ROUND_UP(size, 256), i;
	struct pool_chunk *chunk;

	list_for_each_entry(chunk, &pool->chunks, entry) {
		if (addr < chunk->addr || addr - chunk->addr >= SZ_4M)
			continue;
		i = (addr - chunk->addr) / 256;
		if (i + n > POOL_GRANULES || !all(chunk, i, n, true))
			break;
		memset(chunk->taken + i, false, n);
		return;
	}
	kernel_bug("%zu octets at %#lx are not taken", size, addr);
}

size_t gen_pool_avail(struct gen_pool *pool)
{
	struct pool_chunk *chunk;
	size_t nr = 0;
	unsigned int i;

	list_for_each_entry(chunk, &pool->chunks, entry)
		for (i = 0; i < POOL_GRANULES; i++)
			nr += !chunk->taken[i];
	return 256 * nr;
}

size_t gen_pool_size(struct gen_pool *pool)
{
	struct pool_chunk *chunk;
	size_t size = 0;

	list_for_each_entry(chunk, &pool->chunks, entry)
		size += SZ_4M;
	return size;
}

void gen_pool_destroy(struct gen_pool *pool)
{
	struct pool_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &pool->chunks, entry)
		kvfree(chunk);
	kfree(pool);
}

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value)
{
	return !strcmp(node, VIBIF_FIELD_FEATURE_MR_SHARE);
}

static unsigned int *count_of(u32 handle)
{
	if (objects[handle].operation == VIBIF_OP_ALLOC_PD)
		return &kernel_arena.pds;
	return objects[handle].source ? &kernel_arena.shares :
					&kernel_arena.sources;
}

int ibfront_create(struct ibfront_dev *dev, struct ibfront_obj *obj,
		   struct vibif_req *req, struct vibif_rsp *rsp)
{
	int err = dev->dead ? -EIO : kernel_fail("request", -ENOMEM);
	u32 handle = 1;

	might_sleep();
	if (err)
		return err;
	while (objects[handle].operation)
		handle++;
	objects[handle].operation = req->operation;
	if (req->operation == VIBIF_OP_REG_MR) {
		objects[handle].source = req->op.reg_mr.source;
		if (req->op.reg_mr.source &&
		    !objects[req->op.reg_mr.source].operation)
			kernel_bug("a share of nothing");
		rsp->op.reg_mr.lkey = handle + 0x1000;
		kernel_arena.iova = req->op.reg_mr.iova;
	}
	obj->handle = handle;
	++*count_of(handle);
	return 0;
}

void ibfront_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj)
{
	u32 i;

	might_sleep();
	if (dev->dead)
		return;
	if (!objects[obj->handle].operation)
		kernel_bug("%u is destroyed and is nothing", obj->handle);
	for (i = 0; i < MAX_OBJECTS; i++)
		if (objects[i].source == obj->handle)
			kernel_bug("%u is destroyed and has shares",
				   obj->handle);
	--*count_of(obj->handle);
	memset(&objects[obj->handle], 0, sizeof(objects[0]));
}

struct ibfront_mem *ibfront_mem_map_kernel(struct ibfront_dev *dev, void *area,
					   unsigned int nr_pages)
{
	struct ibfront_mem *mem = kmalloc(sizeof(*mem), GFP_KERNEL);

	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->area = area;
	kernel_arena.mems++;
	return mem;
}

void ibfront_mem_unmap(struct ibfront_dev *dev, struct ibfront_mem *mem)
{
	kernel_arena.mems--;
	kfree(mem);
}

void kernel_arena_reset(void)
{
	memset(objects, 0, sizeof(objects));
	memset(&kernel_arena, 0, sizeof(kernel_arena));
	memset(&kernel_context, 0, sizeof(kernel_context));
	wanted = NULL;
}
