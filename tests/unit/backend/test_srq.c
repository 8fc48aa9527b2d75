// SPDX-License-Identifier: GPL-2.0-only
/* Shared receive queues, and what those of XRC use. */

#include "guest.h"

static struct ibback_dev *dev;
static struct obj context, pd, cq, xrcd;

static int setup(void **state)
{
	guest_setup(state);
	dev = guest_new();
	context = guest_create(dev, req_context());
	pd = guest_create(dev, req_pd());
	cq = guest_create(dev, req_cq(context));
	xrcd = guest_create(dev, req_xrcd());
	return 0;
}

static void test_uses(void **state)
{
	struct obj srq = guest_create(dev, req_srq(pd));
	struct obj xrc = guest_create(dev, req_xrc_srq(pd, cq, xrcd));

	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, cq), -EBUSY);
	assert_int_equal(guest_destroy(dev, xrcd), -EBUSY);
	assert_int_equal(guest_destroy(dev, xrc), 0);
	assert_int_equal(guest_destroy(dev, cq), 0);
	assert_int_equal(guest_destroy(dev, xrcd), 0);
	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, srq), 0);
	assert_int_equal(guest_destroy(dev, pd), 0);
}

static void test_wrong_handles(void **state)
{
	const struct obj none = {};

	assert_int_equal(guest_status(dev, req_srq(cq)), -ENOENT);
	assert_int_equal(guest_status(dev, req_xrc_srq(pd, xrcd, xrcd)),
			 -ENOENT);
	assert_int_equal(guest_status(dev, req_xrc_srq(pd, cq, cq)), -ENOENT);
	assert_int_equal(guest_status(dev, req_xrc_srq(pd, none, xrcd)),
			 -ENOENT);
	assert_int_equal(guest_status(dev, req_xrc_srq(none, cq, xrcd)),
			 -ENOENT);
}

/*
 * A CQ and a domain are an XRC SRQ's alone: no other may name one, not even if
 * there is no room for it.
 */
static void test_domain_is_of_xrc(void **state)
{
	struct vibif_req with_cq = req_srq(pd), with_xrcd = req_srq(pd);

	with_cq.op.create_srq.cq = cq.handle;
	with_xrcd.op.create_srq.xrcd = xrcd.handle;
	assert_int_equal(guest_status(dev, with_cq), -EINVAL);
	assert_int_equal(guest_status(dev, with_xrcd), -EINVAL);
	dev->quota[IBBACK_SRQ] = 0;
	assert_int_equal(guest_status(dev, with_cq), -EINVAL);
	assert_int_equal(guest_status(dev, with_xrcd), -EINVAL);
	assert_int_equal(guest_status(dev, req_srq(pd)), -ENOMEM);
}

static void test_geometry(void **state)
{
	struct vibif_req req = req_srq(pd);

	req.op.create_srq.log_wqe_stride = 6;
	req.op.create_srq.pages.nr_pages = 1;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req = req_srq(pd);
	req.op.create_srq.doorbell.offset = FAKE_SRQ_DB_SIZE / 2;
	assert_int_equal(guest_status(dev, req), -EINVAL);
}

/* There is a limit when less than all of its WQEs are left. */
static void test_limit(void **state)
{
	struct obj srq = guest_create(dev, req_srq(pd));
	struct vibif_req req = req_on(VIBIF_OP_MODIFY_SRQ, srq);
	struct vibif_rsp rsp;

	req.op.modify_srq.limit = 64;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.modify_srq.limit = 63;
	assert_int_equal(guest_request(dev, req, &rsp), 0);
	assert_int_equal(rsp.op.query_srq.limit, 63);
	assert_int_equal(fake_srq_limit(srq.number), 63);
	req = req_on(VIBIF_OP_QUERY_SRQ, srq);
	assert_int_equal(guest_request(dev, req, &rsp), 0);
	assert_int_equal(rsp.op.query_srq.limit, 63);
}

/* An HCA without XRC */
static void test_no_xrc(void **state)
{
	dev->limits.caps &= ~IBBACK_CAP_XRC;
	assert_int_equal(guest_status(dev, req_xrcd()), -EOPNOTSUPP);
	assert_int_equal(guest_status(dev, req_tgt_qp(xrcd)), -EOPNOTSUPP);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_uses),
		TEST(test_wrong_handles),
		TEST(test_domain_is_of_xrc),
		TEST(test_geometry),
		TEST(test_limit),
		TEST(test_no_xrc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
