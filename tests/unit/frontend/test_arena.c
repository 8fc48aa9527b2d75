// SPDX-License-Identifier: GPL-2.0-only
/* The frontend's arena: what a mapping promises, and how the arena grows. */

#include <setjmp.h>
#include <cmocka.h>

#define CHUNKS		16	/* of 4 MiB, by default */
#define BIG		SZ_1M
#define MAX_BIG		(CHUNKS * SZ_4M / BIG)
#define ODD		5003	/* octets */

static struct xenbus_device xbdev;
static struct ibfront_dev *dev;
static struct ibfront_pd pd[3];
static struct device *const device = &xbdev.dev;
static u8 *buf;

static int add_pd(unsigned int i)
{
	pd[i].ibpd.device = &dev->ibdev;
	pd[i].obj.handle = 1000 + i;
	return ibfront_arena_add_pd(dev, &pd[i]);
}

static void open_dev(void)
{
	kernel_reset();
	kernel_arena_reset();
	xbdev = (struct xenbus_device) { .otherend = "backend" };
	memset(pd, 0, sizeof(pd));
	dev = calloc(1, sizeof(*dev));
	dev->xbdev = &xbdev;
}

static void close_dev(void)
{
	ibfront_arena_stop(dev);
	ibfront_arena_fini(dev);
	assert_null(device->dma_ops);
	assert_null(device->dma_parms);
	free(dev);
	assert_int_equal(kernel_books.slabs, 0);
	assert_int_equal(kernel_books.vmallocs, 0);
	assert_int_equal(kernel_arena.mems, 0);
	kernel_check_idle();
}

static int setup(void **state)
{
	open_dev();
	buf = calloc(1, 4 * BIG);
	assert_int_equal(ibfront_arena_init(dev), 0);
	assert_int_equal(add_pd(0), 0);
	return 0;
}

static int teardown(void **state)
{
	dev->dead = true;
	if (pd[0].share)
		ibfront_arena_del_pd(dev, &pd[0]);
	close_dev();
	free(buf);
	return 0;
}

static void fill(u8 *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = 31 * i + seed;
}

static void check(const u8 *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		assert_int_equal(p[i], (u8)(31 * i + seed));
}

static u64 map(void *p, size_t len, enum dma_data_direction dir)
{
	return device->dma_ops->map_phys(device, virt_to_phys(p), len, dir, 0);
}

static void unmap(u64 addr, size_t len, enum dma_data_direction dir,
		  unsigned long attrs)
{
	device->dma_ops->unmap_phys(device, addr, len, dir, attrs);
}

static u8 *seen(u64 addr)
{
	return ibfront_arena_ptr(dev, addr, 1);
}

static void test_to_device(void **state)
{
	u64 addr;

	fill(buf + 7, ODD, 1);
	addr = map(buf + 7, ODD, DMA_TO_DEVICE);
	assert_true(addr >= IBFRONT_ARENA_BASE && addr != DMA_MAPPING_ERROR);
	check(seen(addr), ODD, 1);
	fill(buf + 7, ODD, 2);
	device->dma_ops->sync_single_for_device(device, addr, ODD,
						DMA_TO_DEVICE);
	check(seen(addr), ODD, 2);
	memset(seen(addr), 0, ODD);
	unmap(addr, ODD, DMA_TO_DEVICE, 0);
	check(buf + 7, ODD, 2);
}

/* What is written after it was mapped is sent, of one place and of a list. */
static void test_refresh(void **state)
{
	struct scatterlist sgl[3] = {
		{ buf + 9, ODD }, { buf + 20000, 1 }, { buf + 30000, 2 * ODD },
	};
	u64 addr;

	addr = map(buf, ODD, DMA_TO_DEVICE);
	fill(buf, ODD, 3);
	ibfront_arena_refresh(dev, addr + 1000, 2000);
	assert_memory_equal(seen(addr) + 1000, buf + 1000, 2000);
	assert_int_equal(seen(addr)[999], 0);
	assert_int_equal(seen(addr)[3000], 0);
	ibfront_arena_refresh(dev, addr, ODD);
	check(seen(addr), ODD, 3);
	/* Not more than there is */
	fill(buf, ODD, 10);
	ibfront_arena_refresh(dev, addr, ODD + 1);
	check(seen(addr), ODD, 3);
	ibfront_arena_refresh(dev, 0, 1);
	unmap(addr, ODD, DMA_TO_DEVICE, 0);

	memset(buf, 0, 50000);
	assert_int_equal(device->dma_ops->map_sg(device, sgl, 3, DMA_TO_DEVICE,
						 0), 1);
	addr = sg_dma_address(&sgl[0]);
	fill(buf + 9, ODD, 4);
	buf[20000] = 5;
	fill(buf + 30000, 2 * ODD, 6);
	ibfront_arena_refresh(dev, addr + ODD - 10, 11 + 7000);
	assert_memory_equal(seen(addr) + ODD - 10, buf + 9 + ODD - 10, 10);
	assert_int_equal(seen(addr)[ODD], 5);
	check(seen(addr) + ODD + 1, 7000, 6);
	assert_int_equal(seen(addr)[ODD - 11], 0);
	assert_int_equal(seen(addr)[ODD + 1 + 7000], 0);
	fill(buf + 30000, 2 * ODD, 9);
	ibfront_arena_refresh(dev, addr + ODD + 1 + 100, 50);
	assert_memory_equal(seen(addr) + ODD + 101, buf + 30100, 50);
	assert_memory_not_equal(seen(addr) + ODD + 1, buf + 30000, 100);
	fill(buf + 30000, 2 * ODD, 6);
	ibfront_arena_refresh(dev, addr, 3 * ODD + 1);
	check(seen(addr), ODD, 4);
	check(seen(addr) + ODD + 1, 2 * ODD, 6);
	device->dma_ops->unmap_sg(device, sgl, 3, DMA_TO_DEVICE, 0);
}

/* What the HCA may have written is not overwritten by what it is to send. */
static void test_refresh_nothing(void **state)
{
	static const enum dma_data_direction dirs[] = {
		DMA_BIDIRECTIONAL, DMA_FROM_DEVICE,
	};
	unsigned int i;
	u64 addr;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		addr = map(buf, ODD, dirs[i]);
		fill(seen(addr), ODD, 7);
		ibfront_arena_refresh(dev, addr, ODD);
		check(seen(addr), ODD, 7);
		unmap(addr, ODD, dirs[i], 0);
	}
	fill(ibfront_arena_alloc(dev, ODD, &addr), ODD, 8);
	ibfront_arena_refresh(dev, addr, ODD);
	check(seen(addr), ODD, 8);
	ibfront_arena_free(dev, addr);
}

/* What has been read from a peer is there before it is unmapped. */
static void test_arrived(void **state)
{
	struct scatterlist sgl[3] = {
		{ buf + 9, ODD }, { buf + 20000, 1 }, { buf + 30000, 2 * ODD },
	};
	u64 addr;

	addr = map(buf, ODD, DMA_FROM_DEVICE);
	fill(seen(addr), ODD, 3);
	ibfront_arena_arrived(dev, addr + 1000, 2000);
	assert_memory_equal(seen(addr) + 1000, buf + 1000, 2000);
	assert_int_equal(buf[999], 0);
	assert_int_equal(buf[3000], 0);
	ibfront_arena_arrived(dev, addr, ODD + 1);
	assert_int_equal(buf[3000], 0);
	unmap(addr, ODD, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);

	assert_int_equal(device->dma_ops->map_sg(device, sgl, 3,
						 DMA_FROM_DEVICE, 0), 1);
	addr = sg_dma_address(&sgl[0]);
	fill(seen(addr), 3 * ODD + 1, 4);
	ibfront_arena_arrived(dev, addr + ODD, 2 * ODD);
	assert_int_equal(buf[20000], seen(addr)[ODD]);
	assert_memory_equal(buf + 30000, seen(addr) + ODD + 1, 2 * ODD - 1);
	assert_int_equal(buf[30000 + 2 * ODD - 1], 0);
	assert_int_equal(buf[9 + 2999], 0);
	device->dma_ops->unmap_sg(device, sgl, 3, DMA_FROM_DEVICE,
				  DMA_ATTR_SKIP_CPU_SYNC);

	/* Not into what the HCA only sends, nor into what is no copy */
	memset(buf, 0, ODD);
	addr = map(buf, ODD, DMA_TO_DEVICE);
	fill(seen(addr), ODD, 5);
	ibfront_arena_arrived(dev, addr, ODD);
	assert_int_equal(buf[100], 0);
	unmap(addr, ODD, DMA_TO_DEVICE, 0);
	ibfront_arena_alloc(dev, ODD, &addr);
	ibfront_arena_arrived(dev, addr, ODD);
	ibfront_arena_free(dev, addr);
}

/* There is nothing to copy back of what is only sent, nor of nothing. */
static void test_sync_of_what_is_sent(void **state)
{
	struct scatterlist sg = { buf, ODD };
	u64 addr;

	addr = map(buf, ODD, DMA_TO_DEVICE);
	fill(buf, ODD, 3);
	device->dma_ops->sync_single_for_cpu(device, addr, ODD, DMA_TO_DEVICE);
	check(buf, ODD, 3);
	unmap(addr, ODD, DMA_TO_DEVICE, 0);
	device->dma_ops->sync_single_for_cpu(device, addr, ODD, DMA_TO_DEVICE);
	device->dma_ops->sync_single_for_cpu(device, 0, ODD, DMA_TO_DEVICE);

	assert_int_equal(device->dma_ops->map_sg(device, &sg, 1, DMA_TO_DEVICE,
						 0), 1);
	fill(buf, ODD, 4);
	device->dma_ops->sync_sg_for_cpu(device, &sg, 1, DMA_TO_DEVICE);
	check(buf, ODD, 4);
	device->dma_ops->unmap_sg(device, &sg, 1, DMA_TO_DEVICE, 0);
}

/* What the HCA has not written comes back as it was, and nothing beside it. */
static void test_from_device(void **state)
{
	u64 addr, other;

	memset(buf, 0xee, ODD + 14);
	fill(buf + 7, ODD, 1);
	addr = map(buf + 7, ODD, DMA_FROM_DEVICE);
	memset(seen(addr), 9, 100);
	unmap(addr, ODD, DMA_FROM_DEVICE, 0);
	assert_int_equal(buf[6], 0xee);
	assert_int_equal(buf[7], 9);
	assert_int_equal(buf[7 + 99], 9);
	assert_int_equal(buf[7 + 100], (u8)(31 * 100 + 1));
	assert_int_equal(buf[7 + ODD], 0xee);
	/* The piece has what was there before, and this is not told. */
	other = map(buf + 7, ODD, DMA_FROM_DEVICE);
	assert_int_equal(other, addr);
	memset(seen(addr), 8, ODD);
	unmap(addr, ODD, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
	assert_int_equal(buf[7], 9);
}

/* A part from the middle of a mapping, with others before and behind */
static void test_sync_a_part(void **state)
{
	u64 before = map(buf + 2 * BIG, 300, DMA_BIDIRECTIONAL);
	u64 addr = map(buf, 300, DMA_BIDIRECTIONAL);
	u64 behind = map(buf, 300, DMA_BIDIRECTIONAL);

	/* Nothing is left of pieces that were there before it. */
	unmap(addr, 300, DMA_BIDIRECTIONAL, 0);
	unmap(behind, 300, DMA_BIDIRECTIONAL, 0);
	fill(buf, ODD, 1);
	addr = map(buf, ODD, DMA_FROM_DEVICE);
	behind = map(buf + 2 * BIG, 300, DMA_BIDIRECTIONAL);
	assert_true(before < addr && addr < behind);
	memset(seen(addr), 9, ODD);
	device->dma_ops->sync_single_for_cpu(device, addr + 4999, 4,
					     DMA_FROM_DEVICE);
	check(buf, 4999, 1);
	assert_int_equal(buf[4999], 9);
	assert_int_equal(buf[5002], 9);
	assert_int_equal(buf[2 * BIG], 0);
	unmap(before, 300, DMA_BIDIRECTIONAL, 0);
	unmap(behind, 300, DMA_BIDIRECTIONAL, 0);
	unmap(addr, ODD, DMA_FROM_DEVICE, 0);
}

static void init_list(struct scatterlist *sg)
{
	static const unsigned int len[] = { 13, 4096, 700, 1 };
	unsigned int i, at = 0;

	for (i = 0; i < ARRAY_SIZE(len); i++) {
		sg[i] = (struct scatterlist) { buf + at, len[i] };
		fill(buf + at, len[i], i);
		at += len[i] + 50;
	}
}

static void test_list(void **state)
{
	struct scatterlist sg[4];
	u8 *p;

	init_list(sg);
	assert_int_equal(device->dma_ops->map_sg(device, sg, 4,
						 DMA_BIDIRECTIONAL, 0), 1);
	assert_int_equal(sg_dma_len(sg), 13 + 4096 + 700 + 1);
	p = seen(sg_dma_address(sg));
	check(p, 13, 0);
	check(p + 13, 4096, 1);
	check(p + 13 + 4096, 700, 2);
	check(p + 13 + 4096 + 700, 1, 3);
	memset(p, 9, sg_dma_len(sg));
	device->dma_ops->unmap_sg(device, sg, 4, DMA_BIDIRECTIONAL, 0);
	assert_int_equal(buf[12], 9);
	assert_int_equal(buf[13], 0);
	assert_int_equal(buf[13 + 50 + 4095], 9);
	assert_int_equal(buf[13 + 50 + 4096], 0);
}

/* What a process registers stays where it is, with or without room for it. */
static void test_user_list(void **state)
{
	struct scatterlist sg[4];
	unsigned int i;

	init_list(sg);
	assert_int_equal(device->dma_ops->map_sg(device, sg, 4,
						 DMA_BIDIRECTIONAL,
						 DMA_ATTR_WEAK_ORDERING), 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(sg_dma_address(&sg[i]), sg_phys(&sg[i]));
		assert_int_equal(sg_dma_len(&sg[i]), sg[i].length);
	}
	assert_int_equal(gen_pool_avail(dev->arena.pool), SZ_4M);
	/* By the address alone, as Linux 6 unmaps it */
	device->dma_ops->unmap_sg(device, sg, 4, DMA_BIDIRECTIONAL, 0);
	check(buf, 13, 0);
}

static void test_alloc(void **state)
{
	dma_addr_t addr;
	u8 *p;

	p = device->dma_ops->alloc(device, ODD, &addr, GFP_KERNEL, 0);
	assert_ptr_equal(p, seen(addr));
	memset(p, 9, ODD);
	device->dma_ops->free(device, ODD, p, addr, 0);
	p = device->dma_ops->alloc(device, ODD, &addr, GFP_ATOMIC, 0);
	assert_int_equal(p[0] | p[ODD - 1], 0);
	device->dma_ops->free(device, ODD, p, addr, 0);
	assert_null(device->dma_ops->alloc(device, SZ_4M + 1, &addr,
					   GFP_KERNEL, 0));
	assert_int_equal(map(buf, 0, DMA_TO_DEVICE), DMA_MAPPING_ERROR);
	assert_int_equal(device->dma_ops->map_phys(device, 4096, 10,
						   DMA_TO_DEVICE,
						   DMA_ATTR_MMIO),
			 DMA_MAPPING_ERROR);
}

/* A key is that of the chunk and of the PD, and no further than the chunk. */
static void test_keys(void **state)
{
	const u64 base = IBFRONT_ARENA_BASE;
	u32 key, other;

	assert_int_equal(ibfront_arena_lkey(&pd[0], base, SZ_4M, &key), 0);
	assert_int_equal(ibfront_arena_lkey(&pd[0], base + SZ_4M - 1, 1,
					    &other), 0);
	assert_int_equal(key, other);
	assert_int_equal(add_pd(1), 0);
	assert_int_equal(ibfront_arena_lkey(&pd[1], base, 1, &other), 0);
	assert_int_not_equal(key, other);
	ibfront_arena_del_pd(dev, &pd[1]);
	assert_int_equal(ibfront_arena_lkey(&pd[0], base - 1, 1, &key),
			 -EFAULT);
	assert_int_equal(ibfront_arena_lkey(&pd[0], base, SZ_4M + 1, &key),
			 -EFAULT);
	assert_int_equal(ibfront_arena_lkey(&pd[0], base + SZ_4M - 1, 2, &key),
			 -EFAULT);
	assert_int_equal(ibfront_arena_lkey(&pd[0], base + SZ_4M, 1, &key),
			 -EFAULT);
	assert_int_equal(ibfront_arena_lkey(&pd[0], 0, 1, &key), -EFAULT);
	assert_int_equal(ibfront_arena_lkey(&pd[0], ~0ULL, 1, &key), -EFAULT);
	assert_null(ibfront_arena_ptr(dev, base + SZ_4M, 1));
}

/* As many as there is room for, with what is made when there is none */
static unsigned int map_all(u64 *addr)
{
	unsigned int nr = 0, tries;

	for (tries = 0; tries < 3 * MAX_BIG; tries++) {
		addr[nr] = map(buf, BIG, DMA_TO_DEVICE);
		if (addr[nr] != DMA_MAPPING_ERROR)
			nr++;
		jiffies += HZ + 1;
		kernel_run_work();
	}
	return nr;
}

static void test_growth(void **state)
{
	u64 addr[3 * MAX_BIG + 1];
	unsigned int nr, i;
	u32 key;

	assert_int_equal(dev->arena.nr_chunks, 1);
	/* Little is left once half of the first chunk is taken. */
	addr[0] = map(buf, 2 * BIG, DMA_TO_DEVICE);
	kernel_run_work();
	assert_int_equal(dev->arena.nr_chunks, 1);
	addr[1] = map(buf, BIG, DMA_TO_DEVICE);
	kernel_run_work();
	assert_int_equal(dev->arena.nr_chunks, 2);
	unmap(addr[0], 2 * BIG, DMA_TO_DEVICE, 0);
	unmap(addr[1], BIG, DMA_TO_DEVICE, 0);

	nr = map_all(addr);
	assert_int_equal(nr, MAX_BIG);
	assert_int_equal(dev->arena.nr_chunks, CHUNKS);
	assert_int_equal(kernel_arena.sources, CHUNKS);
	assert_int_equal(kernel_arena.shares, CHUNKS);
	for (i = 0; i < nr; i++)
		assert_int_equal(ibfront_arena_lkey(&pd[0], addr[i], BIG,
						    &key), 0);
	/* One that comes late reaches all of it. */
	assert_int_equal(add_pd(1), 0);
	assert_int_equal(kernel_arena.shares, 2 * CHUNKS);
	assert_int_equal(ibfront_arena_lkey(&pd[1], addr[0], BIG, &key), 0);
	ibfront_arena_del_pd(dev, &pd[1]);
	assert_int_equal(kernel_arena.shares, CHUNKS);
	for (i = 0; i < nr; i++)
		unmap(addr[i], BIG, DMA_TO_DEVICE, 0);
}

/* A chunk can be at another address, too, so that a piece is where it should. */
static void test_share(void **state)
{
	struct ibfront_share share = {};
	u64 addr[5], iova = 0x1234567800003000ULL;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		addr[i] = map(buf, BIG, DMA_TO_DEVICE);
		kernel_run_work();
		if (addr[i] == DMA_MAPPING_ERROR)
			addr[i] = map(buf, BIG, DMA_TO_DEVICE);
	}
	assert_int_equal(dev->arena.nr_chunks, 2);
	for (i = 0; i < 5; i++) {
		assert_int_equal(ibfront_arena_share(dev, &pd[0], addr[i], BIG,
						     iova, &share), 0);
		assert_int_equal(kernel_arena.shares, 3);
		assert_int_equal(iova - kernel_arena.iova,
				 (addr[i] - IBFRONT_ARENA_BASE) % SZ_4M);
		assert_int_equal(share.lkey, share.obj.handle + 0x1000);
		ibfront_destroy(dev, &share.obj);
	}
	assert_int_equal(ibfront_arena_share(dev, &pd[0], addr[0], SZ_4M + 1,
					     iova, &share), -EFAULT);
	assert_int_equal(ibfront_arena_share(dev, &pd[0], 0, 1, iova, &share),
			 -EFAULT);
	assert_int_equal(kernel_arena.shares, 2);
	for (i = 0; i < 5; i++)
		unmap(addr[i], BIG, DMA_TO_DEVICE, 0);
}

/* A queue has room for all that it can receive, before that is mapped. */
static void test_expected(void **state)
{
	ibfront_arena_expect(dev, SZ_4M / PAGE_SIZE);
	assert_int_equal(dev->arena.nr_chunks, 1);
	ibfront_arena_expect(dev, SZ_4M / PAGE_SIZE + 1);
	assert_int_equal(dev->arena.nr_chunks, 2);
	ibfront_arena_expect(dev, 5 * SZ_4M / PAGE_SIZE);
	assert_int_equal(dev->arena.nr_chunks, 5);
	/* Or as much as there may be */
	ibfront_arena_expect(dev, ~0U);
	assert_int_equal(dev->arena.nr_chunks, CHUNKS);
}

/* So has what can be registered at once. */
static void test_expected_of_mrs(void **state)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		ibfront_arena_add_mr(dev, SZ_1M / PAGE_SIZE);
	assert_int_equal(dev->arena.nr_chunks, 1);
	ibfront_arena_add_mr(dev, 1);
	assert_int_equal(dev->arena.nr_chunks, 2);
	ibfront_arena_expect(dev, SZ_4M / PAGE_SIZE);
	assert_int_equal(dev->arena.nr_chunks, 3);
	for (i = 0; i < 4; i++)
		ibfront_arena_del_mr(dev, SZ_1M / PAGE_SIZE);
	ibfront_arena_expect(dev, 3 * SZ_4M / PAGE_SIZE);
	assert_int_equal(dev->arena.nr_chunks, 4);
}

static void test_max_mapping(void **state)
{
	assert_int_equal(device->dma_ops->max_mapping_size(device),
			 CHUNKS * SZ_4M / 2 / 128);
	assert_int_equal(ibfront_arena_max_mapping(), 4 * SZ_64K);
}

static u64 first_list;
static unsigned int waits;

static int map_list(struct scatterlist *sg)
{
	*sg = (struct scatterlist) { buf, BIG };
	return device->dma_ops->map_sg(device, sg, 1, DMA_TO_DEVICE, 0);
}

static void give_back_later(void)
{
	struct scatterlist sg = { buf, BIG, first_list, BIG };

	if (++waits == 2)
		device->dma_ops->unmap_sg(device, &sg, 1, DMA_TO_DEVICE, 0);
	else
		wake_up(&dev->arena.room);
}

static void let_it_grow(void)
{
	waits++;
	kernel_run_work();
}

static void die(void)
{
	waits++;
	dev->dead = true;
	ibfront_arena_died(dev);
}

static void give_nothing_back(void)
{
	waits++;
}

/* Who can sleep waits for room, until others give some back or it grows. */
static void test_list_waits(void **state)
{
	struct scatterlist sg[6];
	unsigned int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(map_list(&sg[i]), 1);
	first_list = sg[0].dma_address;
	kernel_context.preemptible = true;
	kernel_context.others = give_back_later;
	waits = 0;
	assert_int_equal(map_list(&sg[0]), 1);
	assert_int_equal(waits, 2);
	assert_int_equal(sg[0].dma_address, first_list);

	kernel_context.others = let_it_grow;
	waits = 0;
	assert_int_equal(map_list(&sg[4]), 1);
	assert_int_equal(waits, 1);
	assert_int_equal(dev->arena.nr_chunks, 2);

	for (i = 0; i < 5; i++)
		device->dma_ops->unmap_sg(device, &sg[i], 1, DMA_TO_DEVICE, 0);
}

/* But not for ever, and not where the CPU or a CQ must not wait. */
static void test_who_does_not_wait(void **state)
{
	struct work_struct poll = { .func = (work_func_t)let_it_grow };
	struct work_struct other = { .func = (work_func_t)die };
	struct scatterlist sg[5];
	unsigned int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(map_list(&sg[i]), 1);
	dev->arena.poll_work = poll.func;
	kernel_context.others = give_nothing_back;
	waits = 0;
	assert_int_equal(map_list(&sg[4]), -ENOMEM);
	kernel_context.preemptible = true;
	kernel_context.rcu_depth = 1;
	assert_int_equal(map_list(&sg[4]), -ENOMEM);
	kernel_context.rcu_depth = 0;
	kernel_context.work = &poll;
	assert_int_equal(map_list(&sg[4]), -ENOMEM);
	assert_int_equal(map(buf, BIG, DMA_TO_DEVICE), DMA_MAPPING_ERROR);
	kernel_context.work = NULL;
	kernel_context.task.flags = PF_KTHREAD;
	assert_int_equal(map_list(&sg[4]), -ENOMEM);
	assert_int_equal(waits, 0);
	kernel_context.work = &other;
	kernel_context.others = die;
	assert_int_equal(map_list(&sg[4]), -ENOMEM);
	assert_int_equal(waits, 1);
	assert_false(kernel_logged("arena_mb is too small"));
	dev->dead = false;
	kernel_context.others = give_nothing_back;
	assert_int_equal(map_list(&sg[4]), -ENOMEM);
	assert_int_equal(waits, 2);
	assert_true(kernel_logged("arena_mb is too small"));
	/* Nor for what there cannot be */
	sg[4].length = SZ_4M + 1;
	assert_int_equal(device->dma_ops->map_sg(device, &sg[4], 1,
						 DMA_TO_DEVICE, 0), -ENOMEM);
	sg[4].length = 0;
	assert_int_equal(device->dma_ops->map_sg(device, &sg[4], 1,
						 DMA_TO_DEVICE, 0), -ENOMEM);
	assert_int_equal(waits, 2);
	for (i = 0; i < 4; i++)
		device->dma_ops->unmap_sg(device, &sg[i], 1, DMA_TO_DEVICE, 0);
}

/* With the ring dead it does not grow, and all else goes on. */
static void test_dead_ring(void **state)
{
	u64 addr[5];
	unsigned int i;

	dev->dead = true;
	for (i = 0; i < 5; i++) {
		addr[i] = map(buf, BIG, DMA_TO_DEVICE);
		kernel_run_work();
	}
	assert_int_equal(addr[4], DMA_MAPPING_ERROR);
	assert_int_equal(dev->arena.nr_chunks, 1);
	assert_int_not_equal(add_pd(1), 0);
	for (i = 0; i < 4; i++)
		unmap(addr[i], BIG, DMA_TO_DEVICE, 0);
}

/* Whatever fails: nothing of it is left, and later it can be done. */
static void grow_with_failures(void)
{
	u64 addr[4];
	unsigned int i;

	if (ibfront_arena_init(dev)) {
		assert_true(failed());
		return;
	}
	for (i = 0; i < 2; i++) {
		if (!add_pd(i))
			continue;
		assert_true(failed());
		assert_int_equal(kernel_arena.shares, i);
		assert_int_equal(add_pd(i), 0);
	}
	assert_int_equal(kernel_arena.shares, 2);
	for (i = 0; i < 4; i++)
		addr[i] = map(buf, BIG, DMA_TO_DEVICE);
	kernel_run_work();
	if (dev->arena.nr_chunks == 1) {
		assert_true(failed());
		assert_true(kernel_logged("larger than 4 MiB"));
		assert_int_equal(kernel_arena.sources, 1);
		assert_int_equal(kernel_arena.shares, 2);
		assert_int_equal(kernel_arena.mems, 1);
		/* Not at once, but then */
		assert_int_equal(map(buf, BIG, DMA_TO_DEVICE),
				 DMA_MAPPING_ERROR);
		kernel_run_work();
		assert_int_equal(dev->arena.nr_chunks, 1);
		jiffies += HZ + 1;
		assert_int_equal(map(buf, BIG, DMA_TO_DEVICE),
				 DMA_MAPPING_ERROR);
		kernel_run_work();
	}
	assert_int_equal(dev->arena.nr_chunks, 2);
	assert_int_equal(kernel_arena.shares, 4);
	/* One for which there is more than one chunk already */
	if (add_pd(2)) {
		assert_true(failed());
		assert_int_equal(kernel_arena.shares, 4);
		assert_int_equal(add_pd(2), 0);
	}
	assert_int_equal(kernel_arena.shares, 6);
	for (i = 0; i < 4; i++)
		unmap(addr[i], BIG, DMA_TO_DEVICE, 0);
	for (i = 0; i < 3; i++)
		ibfront_arena_del_pd(dev, &pd[i]);
	assert_int_equal(kernel_arena.shares, 0);
	assert_int_equal(kernel_arena.sources, 2);
	assert_int_equal(kernel_arena.pds, 1);
}

static void test_sweep(void **state)
{
	unsigned int call = 0;
	bool done;

	buf = calloc(1, 4 * BIG);
	do {
		open_dev();
		fail_at(++call);
		grow_with_failures();
		done = !failed();
		dev->dead = true;
		close_dev();
	} while (!done);
	fail_at(0);
	free(buf);
	print_message("[          ] each of %u calls failed once\n", call - 1);
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_to_device),
		TEST(test_refresh),
		TEST(test_refresh_nothing),
		TEST(test_arrived),
		TEST(test_sync_of_what_is_sent),
		TEST(test_from_device),
		TEST(test_sync_a_part),
		TEST(test_list),
		TEST(test_user_list),
		TEST(test_alloc),
		TEST(test_keys),
		TEST(test_growth),
		TEST(test_share),
		TEST(test_expected),
		TEST(test_expected_of_mrs),
		TEST(test_max_mapping),
		TEST(test_list_waits),
		TEST(test_who_does_not_wait),
		TEST(test_dead_ring),
		cmocka_unit_test(test_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
