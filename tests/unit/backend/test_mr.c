// SPDX-License-Identifier: GPL-2.0-only
/* Memory regions and windows, and what a REREG_MR leaves of a region. */

#include "guest.h"

#define ALL_OF_IT	(VIBIF_MR_REREG_TRANS | VIBIF_MR_REREG_PD |	\
			 VIBIF_MR_REREG_ACCESS)

static struct ibback_dev *dev;
static struct obj pd, other_pd, mr;

static int setup(void **state)
{
	guest_setup(state);
	dev = guest_new();
	pd = guest_create(dev, req_pd());
	other_pd = guest_create(dev, req_pd());
	mr = guest_create(dev, req_mr(pd, 2));
	return 0;
}

/* To @other_pd, three other pages, less access: what @flags says of it */
static int rereg(u32 flags)
{
	struct vibif_req req = req_rereg(mr, flags);

	req.op.reg_mr.pd = other_pd.handle;
	req.op.reg_mr.access = VIBIF_ACCESS_REMOTE_READ;
	return guest_status(dev, req);
}

/* Its keys are the HCA's, and stay. */
static void test_keys(void **state)
{
	struct vibif_req req = req_mr(pd, 1);
	struct vibif_rsp rsp;
	u32 handle, lkey;

	assert_int_equal(guest_request(dev, req, &rsp), 0);
	handle = rsp.op.reg_mr.handle;
	lkey = rsp.op.reg_mr.lkey;
	assert_int_not_equal(fake_page(FAKE_MR, lkey, 0), 0);
	assert_int_equal(rsp.op.reg_mr.rkey, lkey | 1U << 31);
	req = req_rereg((struct obj) { handle }, VIBIF_MR_REREG_TRANS);
	assert_int_equal(guest_request(dev, req, &rsp), 0);
	assert_int_equal(rsp.op.reg_mr.handle, handle);
	assert_int_equal(rsp.op.reg_mr.lkey, lkey);
	assert_int_equal(rsp.op.reg_mr.rkey, lkey | 1U << 31);
}

static void test_wrong_handles(void **state)
{
	struct vibif_req req = req_mr(mr, 1);

	assert_int_equal(guest_status(dev, req), -ENOENT);
	req = req_rereg(pd, VIBIF_MR_REREG_TRANS);
	assert_int_equal(guest_status(dev, req), -ENOENT);
	req = req_rereg(mr, VIBIF_MR_REREG_PD);
	assert_int_equal(guest_status(dev, req), -ENOENT);
	/* The PD counts only where it is asked for. */
	req = req_rereg(mr, VIBIF_MR_REREG_TRANS);
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(guest_status(dev, req_mw(mr)), -ENOENT);
}

/* It uses the new PD, and the old one no more. */
static void test_other_pd(void **state)
{
	assert_int_equal(rereg(VIBIF_MR_REREG_PD), 0);
	assert_int_equal(guest_destroy(dev, pd), 0);
	assert_int_equal(guest_destroy(dev, other_pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, mr), 0);
	assert_int_equal(guest_destroy(dev, other_pd), 0);
}

static void test_other_pages(void **state)
{
	u64 old = fake_page(FAKE_MR, mr.number, 0);

	assert_int_equal(rereg(VIBIF_MR_REREG_TRANS), 0);
	assert_int_not_equal(fake_page(FAKE_MR, mr.number, 2), 0);
	assert_false(xen_is_mapped(old, false));
	assert_int_equal(xen_nr_mapped(), 3);
	assert_int_equal(guest_total("pages"), 3);
	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, other_pd), 0);
}

/* Rights that want writable pages are had with these only. */
static void test_access(void **state)
{
	struct vibif_req req;

	/* With many of them it cannot have pages for reading. */
	req = req_rereg(mr, VIBIF_MR_REREG_TRANS);
	req.op.reg_mr.flags &= ~VIBIF_MR_WRITABLE;
	assert_int_equal(guest_status(dev, req), -EPERM);
	/* With few it can, and then not have many again. */
	assert_int_equal(rereg(VIBIF_MR_REREG_ACCESS), 0);
	assert_int_equal(guest_status(dev, req), 0);
	req = req_rereg(mr, VIBIF_MR_REREG_ACCESS);
	assert_int_equal(guest_status(dev, req), -EPERM);
	/* Unless its pages are for writing, too. */
	assert_int_equal(rereg(VIBIF_MR_REREG_TRANS), 0);
	assert_int_equal(guest_status(dev, req), 0);
}

/* A failure that leaves the HCA unchanged leaves everything so. */
static void test_rereg_fails(void **state)
{
	fail_always("mr rereg", -ENOMEM);
	assert_int_equal(rereg(ALL_OF_IT), -ENOMEM);
	fail_always(NULL, 0);
	assert_int_equal(guest_destroy(dev, other_pd), 0);
	assert_int_equal(xen_nr_mapped(), 2);
	assert_int_equal(guest_status(dev, req_rereg(mr, VIBIF_MR_REREG_TRANS)),
			 0);
}

/* After -EIO the HCA may use all of it, so all is kept until it is gone. */
static void test_rereg_breaks(void **state)
{
	fail_always("mr rereg", -EIO);
	assert_int_equal(rereg(ALL_OF_IT), -EIO);
	fail_always(NULL, 0);
	assert_int_equal(xen_nr_mapped(), 2 + 3);
	assert_int_equal(rereg(ALL_OF_IT), -EINVAL);
	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, other_pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, mr), 0);
	assert_int_equal(xen_nr_mapped(), 0);
	assert_int_equal(guest_destroy(dev, pd), 0);
	assert_int_equal(guest_destroy(dev, other_pd), 0);
}

/* That is so whichever part of it was asked for, and in a teardown. */
static void test_rereg_breaks_in_part(void **state)
{
	static const u32 flags[] = {
		VIBIF_MR_REREG_TRANS, VIBIF_MR_REREG_PD, VIBIF_MR_REREG_ACCESS
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		mr = guest_create(dev, req_mr(pd, 2));
		fail_always("mr rereg", -EIO);
		assert_int_equal(rereg(flags[i]), -EIO);
		fail_always(NULL, 0);
	}
	guest_disconnect(dev);
}

static u32 used(enum ibback_resource res)
{
	return atomic_read(&dev->used[res]);
}

/* It is a region of its own, of pages that are mapped and counted once. */
static void test_share(void **state)
{
	struct obj share = guest_create(dev, req_share(other_pd, mr, 2));

	assert_int_not_equal(share.number, mr.number);
	assert_int_equal(fake_page(FAKE_MR, share.number, 0),
			 fake_page(FAKE_MR, mr.number, 0));
	assert_int_equal(fake_page(FAKE_MR, share.number, 1),
			 fake_page(FAKE_MR, mr.number, 1));
	assert_int_equal(fake_page(FAKE_MR, share.number, 2), 0);
	assert_int_equal(xen_nr_mapped(), 2);
	assert_int_equal(used(IBBACK_PAGE), 2);
	assert_int_equal(used(IBBACK_MR), 2);
	assert_int_equal(guest_destroy(dev, other_pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, share), 0);
	assert_int_equal(guest_destroy(dev, other_pd), 0);
	assert_int_equal(xen_nr_mapped(), 2);
}

/* As long as there is one the source keeps its pages, and nothing else. */
static void test_share_keeps_pages(void **state)
{
	struct obj share = guest_create(dev, req_share(pd, mr, 2));
	struct obj second = guest_create(dev, req_share(pd, mr, 2));
	unsigned int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(guest_destroy(dev, mr), -EBUSY);
		assert_int_equal(rereg(VIBIF_MR_REREG_TRANS), -EBUSY);
		assert_int_equal(rereg(VIBIF_MR_REREG_PD), 0);
		assert_int_equal(rereg(VIBIF_MR_REREG_ACCESS), 0);
		assert_int_equal(xen_nr_mapped(), 2);
		assert_int_equal(guest_destroy(dev, i ? second : share), 0);
	}
	assert_int_equal(rereg(VIBIF_MR_REREG_TRANS), 0);
	assert_int_equal(guest_destroy(dev, mr), 0);
}

/* Who could not write to the pages cannot by a share of them. */
static void test_share_rights(void **state)
{
	struct vibif_req req = req_mr(pd, 2);
	struct obj source, share;

	req.op.reg_mr.access = VIBIF_ACCESS_REMOTE_READ;
	req.op.reg_mr.flags = 0;
	source = guest_create(dev, req);
	req = req_share(pd, source, 2);
	assert_int_equal(guest_status(dev, req), -EPERM);
	req.op.reg_mr.access = VIBIF_ACCESS_MW_BIND;
	assert_int_equal(guest_status(dev, req), -EPERM);
	req.op.reg_mr.access = VIBIF_ACCESS_REMOTE_READ;
	share = guest_create(dev, req);
	req = req_rereg(share, VIBIF_MR_REREG_ACCESS);
	assert_int_equal(guest_status(dev, req), -EPERM);
	/* The pages count, not what the source is for. */
	req = req_mr(pd, 2);
	req.op.reg_mr.access = 0;
	source = guest_create(dev, req);
	share = guest_create(dev, req_share(pd, source, 2));
	req = req_rereg(share, VIBIF_MR_REREG_ACCESS);
	assert_int_equal(guest_status(dev, req), 0);
}

static void test_share_of_what(void **state)
{
	struct vibif_req req = req_share(pd, pd, 2);
	struct obj share;

	assert_int_equal(guest_status(dev, req), -ENOENT);
	assert_int_equal(guest_status(dev, req_share(mr, mr, 2)), -ENOENT);
	/* So many pages as there are */
	assert_int_equal(guest_status(dev, req_share(pd, mr, 1)), -EINVAL);
	assert_int_equal(guest_status(dev, req_share(pd, mr, 3)), -EINVAL);
	req = req_share(pd, mr, 2);
	req.op.reg_mr.access = ~VIBIF_ACCESS_MASK;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	/* Not of a share, nor of what is half changed */
	share = guest_create(dev, req_share(pd, mr, 2));
	assert_int_equal(guest_status(dev, req_share(pd, share, 2)), -EINVAL);
	assert_int_equal(guest_destroy(dev, share), 0);
	fail_always("mr rereg", -EIO);
	assert_int_equal(rereg(VIBIF_MR_REREG_TRANS), -EIO);
	fail_always(NULL, 0);
	assert_int_equal(guest_status(dev, req_share(pd, mr, 2)), -EINVAL);
}

/* A share that is given pages of its own leaves the source's alone. */
static void test_share_gets_pages(void **state)
{
	struct obj share = guest_create(dev, req_share(pd, mr, 2));

	guest_do(dev, req_rereg(share, VIBIF_MR_REREG_TRANS));
	assert_int_equal(xen_nr_mapped(), 2 + 3);
	assert_int_equal(guest_status(dev, req_share(pd, share, 3)), -EINVAL);
	assert_int_equal(guest_destroy(dev, mr), -EBUSY);
	assert_int_equal(guest_destroy(dev, share), 0);
	assert_int_equal(xen_nr_mapped(), 2);
	assert_int_equal(guest_destroy(dev, mr), 0);
}

/* In a teardown shares go first, whichever has the lower handle. */
static void test_share_teardown(void **state)
{
	struct obj first = guest_create(dev, req_mr(pd, 1));
	struct obj source = guest_create(dev, req_mr(pd, 1));

	guest_create(dev, req_share(pd, mr, 2));
	assert_int_equal(guest_destroy(dev, first), 0);
	/* With the handle that this has left */
	guest_create(dev, req_share(pd, source, 1));
	guest_create(dev, req_share(other_pd, source, 1));
	guest_disconnect(dev);
	assert_int_equal(guest_nr_stuck(), 0);
	assert_int_equal(xen_nr_mapped(), 0);
}

/* A share that the HCA keeps keeps the pages, with all that they belong to. */
static void test_share_stuck(void **state)
{
	guest_create(dev, req_share(other_pd, mr, 2));
	guest_may_stick = true;
	fail_always("mr destroy", -EBUSY);
	guest_disconnect(dev);
	fail_always(NULL, 0);
	assert_int_equal(guest_stuck.fake.objects[FAKE_MR], 2);
	assert_int_equal(guest_stuck.mapped, 2);
	assert_int_equal(guest_nr_stuck(), 4);
}

/* It has no keys and no PD, and its pages are there for shares. */
static void test_retired(void **state)
{
	struct obj share;

	guest_do(dev, req_retire(mr));
	assert_int_equal(guest_destroy(dev, pd), 0);
	assert_int_equal(xen_nr_mapped(), 2);
	assert_int_equal(used(IBBACK_PAGE), 2);
	assert_int_equal(used(IBBACK_MR), 1);
	share = guest_create(dev, req_share(other_pd, mr, 2));
	assert_int_equal(fake_page(FAKE_MR, share.number, 1),
			 fake_page(FAKE_MR, mr.number, 1));
	assert_int_equal(guest_destroy(dev, mr), -EBUSY);
	assert_int_equal(guest_destroy(dev, share), 0);
	assert_int_equal(guest_destroy(dev, mr), 0);
	assert_int_equal(xen_nr_mapped(), 0);
	assert_int_equal(used(IBBACK_MR), 0);
}

/* There is nothing to change of it, and nothing more to take. */
static void test_retired_is_final(void **state)
{
	guest_do(dev, req_retire(mr));
	assert_int_equal(guest_status(dev, req_retire(mr)), -EINVAL);
	assert_int_equal(rereg(VIBIF_MR_REREG_TRANS), -EINVAL);
	assert_int_equal(rereg(VIBIF_MR_REREG_PD), -EINVAL);
	assert_int_equal(rereg(VIBIF_MR_REREG_ACCESS), -EINVAL);
	guest_disconnect(dev);
	assert_int_equal(guest_nr_stuck(), 0);
	assert_int_equal(xen_nr_mapped(), 0);
}

static void test_retire_what(void **state)
{
	struct obj share = guest_create(dev, req_share(pd, mr, 2));

	assert_int_equal(guest_status(dev, req_retire(pd)), -ENOENT);
	assert_int_equal(guest_status(dev, req_retire(share)), -EINVAL);
	/* It may have shares already. */
	guest_do(dev, req_retire(mr));
	assert_int_equal(guest_destroy(dev, share), 0);
	mr = guest_create(dev, req_mr(pd, 2));
	fail_always("mr rereg", -EIO);
	assert_int_equal(rereg(VIBIF_MR_REREG_PD), -EIO);
	fail_always(NULL, 0);
	assert_int_equal(guest_status(dev, req_retire(mr)), -EINVAL);
}

/* With a window bound to it, it stays what it is. */
static void test_retire_fails(void **state)
{
	struct obj mw = guest_create(dev, req_mw(pd));

	fake_bind(mw.number, mr.number);
	assert_int_equal(guest_status(dev, req_retire(mr)), -EBUSY);
	assert_int_equal(rereg(VIBIF_MR_REREG_ACCESS), 0);
	assert_int_equal(guest_destroy(dev, mw), 0);
	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	guest_do(dev, req_retire(mr));
	assert_int_equal(guest_destroy(dev, pd), 0);
}

/* The HCA has one of the two types that there are. */
static void test_windows(void **state)
{
	struct vibif_req req = req_mw(pd);
	struct obj mw = guest_create(dev, req);

	assert_int_equal(fake_books.objects[FAKE_MW], 1);
	assert_int_equal(guest_destroy(dev, mw), 0);
	req.op.alloc_mw.type = 2;
	assert_int_equal(guest_status(dev, req), -EOPNOTSUPP);
	req.op.alloc_mw.type = 3;
	assert_int_equal(guest_status(dev, req), -EINVAL);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_keys),
		TEST(test_wrong_handles),
		TEST(test_other_pd),
		TEST(test_other_pages),
		TEST(test_access),
		TEST(test_rereg_fails),
		TEST(test_rereg_breaks),
		TEST(test_rereg_breaks_in_part),
		TEST(test_share),
		TEST(test_share_keeps_pages),
		TEST(test_share_rights),
		TEST(test_share_of_what),
		TEST(test_share_gets_pages),
		TEST(test_share_teardown),
		TEST(test_share_stuck),
		TEST(test_retired),
		TEST(test_retired_is_final),
		TEST(test_retire_what),
		TEST(test_retire_fails),
		TEST(test_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
