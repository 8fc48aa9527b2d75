// SPDX-License-Identifier: GPL-2.0-only
/* Completion queues: their geometry is the provider's; pages, moderation. */

#include "guest.h"

static struct ibback_dev *dev;
static struct obj context, cq;

static int setup(void **state)
{
	guest_setup(state);
	dev = guest_new();
	context = guest_create(dev, req_context());
	cq = guest_create(dev, req_cq(context));
	return 0;
}

static struct vibif_req with_entries(u32 entries)
{
	struct vibif_req req = req_cq(context);
	struct vibif_req resize = req_resize_cq(cq, entries);

	req.op.create_cq.entries = entries;
	req.op.create_cq.pages = resize.op.resize_cq.pages;
	return req;
}

static void test_sizes(void **state)
{
	static const struct {
		u32 entries;
		int status;
	} sizes[] = {
		{ 0, -EINVAL },
		{ FAKE_MIN_CQ_ENTRIES / 2, -EINVAL },
		{ FAKE_MIN_CQ_ENTRIES, 0 },
		{ 48, -EINVAL },
		{ FAKE_MAX_CQ_ENTRIES, 0 },
		{ FAKE_MAX_CQ_ENTRIES * 2, -EINVAL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(guest_status(dev,
					      with_entries(sizes[i].entries)),
				 sizes[i].status);
		assert_int_equal(guest_status(dev,
					      req_resize_cq(cq,
							    sizes[i].entries)),
				 sizes[i].status);
	}
}

static void test_parameters(void **state)
{
	struct vibif_req req = req_cq(context);

	req.op.create_cq.comp_vector = FAKE_VECTORS;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req = req_cq(context);
	req.op.create_cq.pages.nr_pages++;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req = req_cq(context);
	req.op.create_cq.doorbell.offset = FAKE_CQ_DB_SIZE / 2;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.create_cq.doorbell.offset = PAGE_SIZE - FAKE_CQ_DB_SIZE;
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(guest_status(dev, req_cq(cq)), -ENOENT);
	assert_int_equal(guest_status(dev, req_cq((struct obj) {})), -ENOENT);
}

/* The old pages go with success, the new ones with failure. */
static void test_resize(void **state)
{
	u64 old = fake_page(FAKE_CQ, cq.number, 0);

	assert_int_equal(xen_nr_mapped(), 2 + 1);
	fail_always("cq resize", -EBUSY);
	assert_int_equal(guest_status(dev, req_resize_cq(cq, 128)), -EBUSY);
	assert_true(xen_is_mapped(old, true));
	fail_always(NULL, 0);
	assert_int_equal(guest_status(dev, req_resize_cq(cq, 128)), 0);
	assert_false(xen_is_mapped(old, true));
	assert_int_equal(xen_nr_mapped(), 4 + 1);
	assert_int_equal(guest_total("pages"), 4 + 1);
	assert_int_equal(guest_status(dev, req_resize_cq(context, 128)),
			 -ENOENT);
}

static struct vibif_req moderate(struct obj obj, u16 period_us)
{
	struct vibif_req req = req_on(VIBIF_OP_MODIFY_CQ, obj);

	req.op.modify_cq.count = 8;
	req.op.modify_cq.period_us = period_us;
	return req;
}

/* What the guest has set, unless it has too many events. */
static void test_moderation(void **state)
{
	struct obj calm = guest_create(dev, req_cq(context)), late;

	guest_create(dev, req_pd());
	guest_do(dev, moderate(cq, 5));
	guest_do(dev, moderate(calm, 500));
	assert_int_equal(fake_cq_period(cq.number), 5);

	guest_least_period = 100;
	ibback_cqs_moderate(dev, true);
	assert_int_equal(fake_cq_period(cq.number), 100);
	assert_int_equal(fake_cq_period(calm.number), 500);
	late = guest_create(dev, req_cq(context));
	assert_int_equal(fake_cq_period(late.number), 100);
	guest_do(dev, moderate(cq, 7));
	assert_int_equal(fake_cq_period(cq.number), 100);

	guest_least_period = 0;
	ibback_cqs_moderate(dev, false);
	assert_int_equal(fake_cq_period(cq.number), 7);
	assert_int_equal(fake_cq_period(calm.number), 500);
	assert_int_equal(fake_cq_period(late.number), 0);
}

/* What the HCA refuses is not what the guest has set. */
static void test_moderation_fails(void **state)
{
	guest_do(dev, moderate(cq, 5));
	fail_always("cq modify", -EINVAL);
	assert_int_equal(guest_status(dev, moderate(cq, 9)), -EINVAL);
	fail_always(NULL, 0);
	ibback_cqs_moderate(dev, true);
	assert_int_equal(fake_cq_period(cq.number), 5);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),
		TEST(test_parameters),
		TEST(test_resize),
		TEST(test_moderation),
		TEST(test_moderation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
