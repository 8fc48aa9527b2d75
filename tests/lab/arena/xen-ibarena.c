// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-ibarena: maps memory for an HCA as its users in the kernel do, and looks
 * where it gets. For the lab's tests only.
 *
 * Loading it runs all tests on each xen-ibfront device, and fails if one does:
 * the log says which line it was. Until it is removed it keeps a protection
 * domain, and with it the arena.
 */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/ib_verbs.h>

static unsigned int arena_mb = 64;
module_param(arena_mb, uint, 0444);
MODULE_PARM_DESC(arena_mb, "what xen-ibfront has been given");

#define ODD		5003	/* octets, over page boundaries */
#define AT		77	/* where they begin in a buffer */
#define BIG		SZ_256K
#define MAX_BIG		(256 * SZ_1M / BIG)
/* ib_mad's: 512 receives of 512 octets at two QPs of each of two ports */
#define MADS		SZ_1M

static unsigned int devices, failures;

/* What a test has, and where the arena's first chunk is for this side */
struct test {
	struct ib_device *ibdev;
	struct ib_pd *pd;
	u8 *buf;
	u8 *window;
	u64 window_dma;
};

#define CHECK(cond)							\
do {									\
	if (!(cond)) {							\
		pr_err("xen-ibarena: line %d: %s\n", __LINE__, #cond);	\
		return -EIO;						\
	}								\
} while (0)

static u8 pattern(unsigned int seed, size_t i)
{
	return (i * 31 + (i >> 8) + seed) & 0xff;
}

static void fill(u8 *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pattern(seed, i);
}

static bool has(const u8 *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != pattern(seed, i))
			return false;
	return true;
}

/* What the HCA sees: all is near enough to what was allocated before. */
static u8 *seen(struct test *t, u64 dma)
{
	return t->window + (dma - t->window_dma);
}

/* Where the test allocates, all of it in the only chunk that there is yet */
static int test_coherent(struct test *t)
{
	struct device *dev = t->ibdev->dma_device;
	dma_addr_t dma, other;
	u8 *p, *q;

	p = dma_alloc_coherent(dev, ODD, &dma, GFP_KERNEL);
	CHECK(p && !memchr_inv(p, 0, ODD));
	q = dma_alloc_coherent(dev, ODD, &other, GFP_ATOMIC);
	CHECK(q && q - p == other - dma);
	t->window = p;
	t->window_dma = dma;
	fill(p, ODD, 1);
	fill(q, ODD, 2);
	CHECK(has(p, ODD, 1));
	dma_free_coherent(dev, ODD, q, other);
	dma_free_coherent(dev, ODD, p, dma);
	/* Nobody learns what it was. */
	p = dma_alloc_coherent(dev, 2 * ODD, &dma, GFP_KERNEL);
	CHECK(p && !memchr_inv(p, 0, 2 * ODD));
	dma_free_coherent(dev, 2 * ODD, p, dma);
	return 0;
}

static int test_to_device(struct test *t)
{
	u8 *p = t->buf + AT;
	u64 dma;

	fill(p, ODD, 3);
	dma = ib_dma_map_single(t->ibdev, p, ODD, DMA_TO_DEVICE);
	CHECK(!ib_dma_mapping_error(t->ibdev, dma));
	CHECK(seen(t, dma) != p && has(seen(t, dma), ODD, 3));
	fill(p, ODD, 4);
	CHECK(has(seen(t, dma), ODD, 3));
	ib_dma_sync_single_for_device(t->ibdev, dma, ODD, DMA_TO_DEVICE);
	CHECK(has(seen(t, dma), ODD, 4));
	/* What the HCA is only to read does not come back. */
	memset(seen(t, dma), 0, ODD);
	ib_dma_unmap_single(t->ibdev, dma, ODD, DMA_TO_DEVICE);
	CHECK(has(p, ODD, 4));
	return 0;
}

static int test_from_device(struct test *t)
{
	struct device *dev = t->ibdev->dma_device;
	u8 *p = t->buf + AT;
	u64 dma;

	memset(t->buf, 0xee, ODD + 2 * AT);
	fill(p, ODD, 5);
	dma = ib_dma_map_single(t->ibdev, p, ODD, DMA_FROM_DEVICE);
	CHECK(!ib_dma_mapping_error(t->ibdev, dma));
	/* A message that is too short leaves the rest as it is. */
	memset(seen(t, dma), 1, 100);
	CHECK(has(p, ODD, 5));
	ib_dma_sync_single_for_cpu(t->ibdev, dma, 50, DMA_FROM_DEVICE);
	CHECK(p[49] == 1 && p[50] == pattern(5, 50));
	/* A part from the middle of it */
	memset(seen(t, dma) + 3000, 2, 100);
	ib_dma_sync_single_for_cpu(t->ibdev, dma + 3010, 10, DMA_FROM_DEVICE);
	CHECK(p[3009] == pattern(5, 3009) && p[3010] == 2 && p[3019] == 2 &&
	      p[3020] == pattern(5, 3020));
	ib_dma_unmap_single(t->ibdev, dma, ODD, DMA_FROM_DEVICE);
	CHECK(p[99] == 1 && p[100] == pattern(5, 100) && p[3099] == 2);
	CHECK(p[ODD - 1] == pattern(5, ODD - 1));
	CHECK(t->buf[AT - 1] == 0xee && p[ODD] == 0xee);

	dma = dma_map_single_attrs(dev, p, ODD, DMA_FROM_DEVICE, 0);
	CHECK(!dma_mapping_error(dev, dma));
	memset(seen(t, dma), 7, ODD);
	dma_unmap_single_attrs(dev, dma, ODD, DMA_FROM_DEVICE,
			       DMA_ATTR_SKIP_CPU_SYNC);
	CHECK(p[0] == 1 && p[3099] == 2);
	return 0;
}

/* A list is one piece, whatever its parts are like. */
static int test_list(struct test *t)
{
	static const unsigned int part[] = { 13, 4096, 700, 8192, 1 };
	struct scatterlist sg[ARRAY_SIZE(part)];
	unsigned int i, at = 0, total = 0;
	struct ib_mr *mr;
	u64 dma;

	sg_init_table(sg, ARRAY_SIZE(part));
	for (i = 0; i < ARRAY_SIZE(part); i++) {
		at += 100;
		sg_set_buf(&sg[i], t->buf + at, part[i]);
		fill(t->buf + at, part[i], i);
		at += part[i];
		total += part[i];
	}
	CHECK(ib_dma_map_sg(t->ibdev, sg, ARRAY_SIZE(part),
			    DMA_BIDIRECTIONAL) == 1);
	dma = sg_dma_address(sg);
	CHECK(sg_dma_len(sg) == total);
	for (i = 0, at = 0; i < ARRAY_SIZE(part); at += part[i], i++)
		CHECK(has(seen(t, dma) + at, part[i], i));

	if (t->ibdev->attrs.device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS) {
		mr = ib_alloc_mr(t->pd, IB_MR_TYPE_MEM_REG, 16);
		CHECK(!IS_ERR(mr) && mr->rkey && mr->lkey == mr->rkey);
		CHECK(ib_map_mr_sg(mr, sg, 1, NULL, PAGE_SIZE) == 1);
		CHECK(mr->iova == dma && mr->length == total);
		ib_dereg_mr(mr);
	}

	for (i = 0, at = 0; i < ARRAY_SIZE(part); at += part[i], i++)
		fill(seen(t, dma) + at, part[i], 100 + i);
	dma_sync_sg_for_cpu(t->ibdev->dma_device, sg, ARRAY_SIZE(part),
			    DMA_BIDIRECTIONAL);
	for (i = 0; i < ARRAY_SIZE(part); i++)
		CHECK(has(sg_virt(&sg[i]), part[i], 100 + i));
	for (i = 0; i < ARRAY_SIZE(part); i++)
		fill(sg_virt(&sg[i]), part[i], 50 + i);
	dma_sync_sg_for_device(t->ibdev->dma_device, sg, ARRAY_SIZE(part),
			       DMA_BIDIRECTIONAL);
	for (i = 0, at = 0; i < ARRAY_SIZE(part); at += part[i], i++)
		CHECK(has(seen(t, dma) + at, part[i], 50 + i));
	memset(seen(t, dma), 9, total);
	ib_dma_unmap_sg(t->ibdev, sg, ARRAY_SIZE(part), DMA_BIDIRECTIONAL);
	for (i = 0; i < ARRAY_SIZE(part); i++)
		CHECK(!memchr_inv(sg_virt(&sg[i]), 9, part[i]));
	return 0;
}

/* As many pieces as there is room for now */
static unsigned int map_all(struct test *t, u64 *dma)
{
	unsigned int i;

	for (i = 0; i < MAX_BIG; i++) {
		dma[i] = ib_dma_map_single(t->ibdev, t->buf, BIG,
					   DMA_FROM_DEVICE);
		if (ib_dma_mapping_error(t->ibdev, dma[i]))
			break;
	}
	return i;
}

static void unmap_all(struct test *t, u64 *dma, unsigned int nr)
{
	while (nr--)
		ib_dma_unmap_single(t->ibdev, dma[nr], BIG, DMA_FROM_DEVICE);
}

static int do_test_growth(struct test *t, u64 *dma)
{
	unsigned int want = (arena_mb * SZ_1M - MADS) / BIG, nr, tries;

	/* What finds no room makes some for the next. */
	for (tries = 0; tries < 100; tries++) {
		nr = map_all(t, dma);
		unmap_all(t, dma, nr);
		if (nr == want)
			break;
		CHECK(nr < want);
		msleep(100);
	}
	CHECK(nr == want);
	/* And then there is no more, and it is there again. */
	msleep(100);
	nr = map_all(t, dma);
	CHECK(nr == want);
	CHECK(ib_dma_mapping_error(t->ibdev,
				   ib_dma_map_single(t->ibdev, t->buf, BIG,
						     DMA_TO_DEVICE)));
	CHECK(!dma_alloc_coherent(t->ibdev->dma_device, BIG, &dma[nr],
				  GFP_KERNEL));
	unmap_all(t, dma, nr);
	return 0;
}

static int test_growth(struct test *t)
{
	u64 *dma = kvcalloc(MAX_BIG + 1, sizeof(*dma), GFP_KERNEL);
	int err = dma ? do_test_growth(t, dma) : -ENOMEM;

	kvfree(dma);
	return err;
}

static int test_limits(struct test *t)
{
	struct ib_pd *pd;

	CHECK(dma_max_mapping_size(t->ibdev->dma_device) ==
	      max(arena_mb * SZ_1M / 256, SZ_64K));
	CHECK(t->ibdev->attrs.kernel_cap_flags & IBK_LOCAL_DMA_LKEY);
	CHECK(t->pd->local_dma_lkey == t->ibdev->local_dma_lkey);
	pd = ib_alloc_pd(t->ibdev, IB_PD_UNSAFE_GLOBAL_RKEY);
	CHECK(PTR_ERR(pd) == -EOPNOTSUPP);
	return 0;
}

static int run(struct test *t)
{
	return test_coherent(t) ?: test_to_device(t) ?: test_from_device(t) ?:
	       test_list(t) ?: test_limits(t) ?: test_growth(t);
}

static struct ib_client client;

static int add_device(struct ib_device *ibdev)
{
	struct test t = { .ibdev = ibdev };

	if (ib_uses_virt_dma(ibdev) ||
	    strcmp(dev_driver_string(ibdev->dma_device), "vib"))
		return -EOPNOTSUPP;
	devices++;
	failures++;
	t.buf = kmalloc(BIG, GFP_KERNEL);
	if (!t.buf)
		return -ENOMEM;
	t.pd = ib_alloc_pd(ibdev, 0);
	if (!IS_ERR(t.pd)) {
		ib_set_client_data(ibdev, &client, t.pd);
		if (!run(&t))
			failures--;
	}
	kfree(t.buf);
	return 0;
}

static void remove_device(struct ib_device *ibdev, void *client_data)
{
	if (client_data)
		ib_dealloc_pd(client_data);
}

static struct ib_client client = {
	.name = "xen-ibarena",
	.add = add_device,
	.remove = remove_device,
	.no_kverbs_req = true,
};

static int __init arena_init(void)
{
	int err = ib_register_client(&client);

	if (!err && (!devices || failures)) {
		ib_unregister_client(&client);
		err = -EIO;
	}
	pr_info("xen-ibarena: %u devices, %u failures\n", devices, failures);
	return err;
}
module_init(arena_init);

static void __exit arena_exit(void)
{
	ib_unregister_client(&client);
}
module_exit(arena_exit);

MODULE_DESCRIPTION("Test of the memory that an HCA's kernel users map");
MODULE_LICENSE("GPL");
