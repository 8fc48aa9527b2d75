// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page lists: what is mapped of them, in which order, and what is left of one
 * that could not be mapped.
 */

#include "guest.h"

static struct ibback_dev *dev;
static struct obj pd;

static int setup(void **state)
{
	guest_setup(state);
	dev = guest_new();
	pd = guest_create(dev, req_pd());
	return 0;
}

/* The list of a region's request; the place of its page @i in the directory */
static struct vibif_page_list *list_of(struct vibif_req *req)
{
	return &req->op.reg_mr.pages;
}

static u32 *gref(struct vibif_req *req, u32 i)
{
	struct vibif_page_directory *dir = guest_directory(list_of(req));

	while (i >= VIBIF_GREFS_PER_PAGE) {
		dir = xen_page(dir->gref_dir_next_page);
		i -= VIBIF_GREFS_PER_PAGE;
	}
	return &dir->gref[i];
}

/* Around the ends of a batch of Xen's operations, and of a directory page */
static const u32 sizes[] = {
	1, 2, 127, 128, 129, 170, 171, 256, 257, 1022, 1023, 1024, 1151, 1152,
	2046, 2047
};

static void test_all_pages_in_order(void **state)
{
	unsigned int k;
	u32 i;

	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		struct vibif_req req = req_mr(pd, sizes[k]);
		struct obj mr = guest_create(dev, req);

		assert_int_equal(xen_nr_mapped(), sizes[k]);
		assert_int_equal(guest_total("pages"), sizes[k]);
		assert_int_equal(guest_total("grants"), sizes[k]);
		for (i = 0; i < sizes[k]; i++)
			assert_int_equal(fake_page(FAKE_MR, mr.number, i),
					 xen_bus_addr(*gref(&req, i)));
		assert_int_equal(fake_page(FAKE_MR, mr.number, i), 0);
		guest_do(dev, req_destroy(mr));
		assert_int_equal(xen_nr_mapped(), 0);
	}
}

/*
 * One that is not granted, at any place where it may be overlooked: nothing
 * stays mapped, as after each failure.
 */
static void test_bad_grants(void **state)
{
	struct vibif_req req = req_mr(pd, 1152);
	unsigned int k;
	u32 good;

	for (k = 0; k < ARRAY_SIZE(sizes) && sizes[k] <= 1152; k++) {
		good = *gref(&req, sizes[k] - 1);
		*gref(&req, sizes[k] - 1) = 7;
		assert_int_equal(guest_status(dev, req), -EFAULT);
		*gref(&req, sizes[k] - 1) = good;
	}
	assert_int_equal(guest_status(dev, req), 0);
}

static void test_bad_directory(void **state)
{
	struct vibif_req req = req_mr(pd, 1100);
	struct vibif_page_directory *dir = guest_directory(list_of(&req));

	dir->gref_dir_next_page = 7;
	assert_int_equal(guest_status(dev, req), -EFAULT);
	list_of(&req)->gref_directory = 7;
	assert_int_equal(guest_status(dev, req), -EFAULT);
	/* The last one names no next one that anybody reads. */
	req = req_mr(pd, VIBIF_GREFS_PER_PAGE);
	guest_directory(list_of(&req))->gref_dir_next_page = 7;
	assert_int_equal(guest_status(dev, req), 0);
}

/* Pages are mapped as the request says, which must be as they are granted. */
static void test_read_only(void **state)
{
	struct vibif_req req = req_mr(pd, 3);
	struct obj mr;

	*list_of(&req) = guest_pages(3, false);
	assert_int_equal(guest_status(dev, req), -EFAULT);
	req.op.reg_mr.flags = 0;
	assert_int_equal(guest_status(dev, req), -EPERM);
	req.op.reg_mr.access = VIBIF_ACCESS_REMOTE_READ;
	mr = guest_create(dev, req);
	assert_true(xen_is_mapped(fake_page(FAKE_MR, mr.number, 0), false));
	assert_false(xen_is_mapped(fake_page(FAKE_MR, mr.number, 0), true));
	/* Those of queues are for writing. */
	mr = guest_create(dev, req_context());
	req = req_cq(mr);
	req.op.create_cq.pages = guest_pages(2, false);
	assert_int_equal(guest_status(dev, req), -EFAULT);
}

/* Doorbell records are only read. */
static void test_doorbell_page(void **state)
{
	struct obj context = guest_create(dev, req_context());
	struct vibif_req req = req_cq(context);

	guest_create(dev, req);
	assert_true(xen_is_mapped(xen_bus_addr(req.op.create_cq.doorbell.gref),
				  false));
	assert_false(xen_is_mapped(xen_bus_addr(req.op.create_cq.doorbell.gref),
				   true));
	req.op.create_cq.doorbell.gref = 7;
	assert_int_equal(guest_status(dev, req), -EFAULT);
}

/* Xen has no entry left to note one more of dom0's mappings in. */
static void test_no_maptrack(void **state)
{
	xen_no_maptrack = true;
	assert_int_equal(guest_status(dev, req_mr(pd, 3)), -ENOMEM);
	xen_no_maptrack = false;
	assert_int_equal(atomic64_read(&dev->refused[IBBACK_LIMIT_MAPTRACK]),
			 1);
	assert_int_equal(atomic64_read(&dev->refused[IBBACK_LIMIT_REQUESTS]),
			 0);
	assert_true(kernel_logged("refused: Xen has no maptrack entries"));
	assert_int_equal(guest_status(dev, req_mr(pd, 3)), 0);
}

static void test_quota(void **state)
{
	struct vibif_req req;
	struct obj mr;

	dev->quota[IBBACK_PAGE] = 10;
	mr = guest_create(dev, req_mr(pd, 7));
	assert_int_equal(guest_status(dev, req_mr(pd, 4)), -ENOMEM);
	guest_do(dev, req_destroy(mr));
	assert_int_equal(guest_status(dev, req_mr(pd, 11)), -ENOMEM);
	assert_int_equal(guest_status(dev, req_mr(pd, 10)), 0);
	assert_int_equal(guest_status(dev, req_mr(pd, 1)), -ENOMEM);
	/* So many that a sum could be small again */
	req = req_mr(pd, 1);
	list_of(&req)->nr_pages = ~0U;
	req.op.reg_mr.length = ~0U * PAGE_SIZE - 0x800;
	assert_int_equal(guest_status(dev, req), -ENOMEM);
}

/* What Xen does not unmap is said, and the object goes nevertheless. */
static void test_cannot_unmap(void **state)
{
	struct obj mr = guest_create(dev, req_mr(pd, 2));

	fail_always("unmap", -EINVAL);
	guest_do(dev, req_destroy(mr));
	assert_true(kernel_logged("cannot unmap grant handle"));
	assert_int_equal(xen_nr_mapped(), 2);
	fail_always("grant_table_op", -EFAULT);
	mr = guest_create(dev, req_mr(pd, 2));
	guest_do(dev, req_destroy(mr));
	assert_true(kernel_logged("cannot unmap 2 grants"));
	fail_always(NULL, 0);
	xen_unmap_all();
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_all_pages_in_order),
		TEST(test_bad_grants),
		TEST(test_bad_directory),
		TEST(test_read_only),
		TEST(test_doorbell_page),
		TEST(test_no_maptrack),
		TEST(test_quota),
		TEST(test_cannot_unmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
