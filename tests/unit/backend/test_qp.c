// SPDX-License-Identifier: GPL-2.0-only
/* Queue pairs: what each type uses, states, ports, multicast groups. */

#include "guest.h"

static struct ibback_dev *dev;
static struct obj context, pd, cq, xrcd, srq;

static int setup(void **state)
{
	guest_setup(state);
	dev = guest_new();
	context = guest_create(dev, req_context());
	pd = guest_create(dev, req_pd());
	cq = guest_create(dev, req_cq(context));
	xrcd = guest_create(dev, req_xrcd());
	srq = guest_create(dev, req_srq(pd));
	return 0;
}

static struct obj new_qp(u8 type)
{
	return guest_create(dev, req_qp(type, context, pd, cq));
}

static int modify(struct obj qp, u8 type, enum ib_qp_state next)
{
	return guest_status(dev, req_modify_qp(qp, type, next));
}

static struct vibif_qp_attr query(struct obj qp)
{
	struct vibif_rsp rsp;

	assert_int_equal(guest_request(dev, req_on(VIBIF_OP_QUERY_QP, qp),
				       &rsp), 0);
	assert_int_equal(rsp.op.query_qp.attr_mask, 0);
	assert_int_equal(rsp.op.query_qp.cur_state, rsp.op.query_qp.state);
	return rsp.op.query_qp;
}

/* Each object that it uses is in use, and no other. */
static void test_uses(void **state)
{
	struct obj qp = guest_create(dev, req_srq_qp(context, pd, cq, srq));

	assert_int_equal(guest_destroy(dev, context), -EBUSY);
	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, cq), -EBUSY);
	assert_int_equal(guest_destroy(dev, srq), -EBUSY);
	assert_int_equal(guest_destroy(dev, xrcd), 0);
	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, srq), 0);
	qp = new_qp(VIBIF_QPT_XRC_INI);
	assert_int_equal(guest_destroy(dev, cq), -EBUSY);
	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, cq), 0);
}

static void test_target_uses(void **state)
{
	struct obj qp = guest_create(dev, req_tgt_qp(xrcd));

	assert_int_equal(guest_destroy(dev, srq), 0);
	assert_int_equal(guest_destroy(dev, cq), 0);
	assert_int_equal(guest_destroy(dev, pd), 0);
	assert_int_equal(guest_destroy(dev, context), 0);
	assert_int_equal(guest_destroy(dev, xrcd), -EBUSY);
	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, xrcd), 0);
}

/*
 * A domain is a target QP's alone: no other may name one, not even if there is
 * no room for it.
 */
static void test_domain_is_of_targets(void **state)
{
	static const u8 types[] = {
		VIBIF_QPT_RC, VIBIF_QPT_UC, VIBIF_QPT_UD, VIBIF_QPT_XRC_INI
	};
	struct vibif_req req;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		req = req_qp(types[i], context, pd, cq);
		assert_int_equal(guest_status(dev, req), 0);
		req.op.create_qp.xrcd = xrcd.handle;
		assert_int_equal(guest_status(dev, req), -EINVAL);
	}
	dev->quota[IBBACK_QP] = 0;
	assert_int_equal(guest_status(dev, req), -EINVAL);
}

/* What debugfs says of one */
static void test_names(void **state)
{
	static const struct {
		u8 type;
		const char *name;
	} types[] = {
		{ VIBIF_QPT_RC, "RC" },
		{ VIBIF_QPT_UC, "UC" },
		{ VIBIF_QPT_UD, "UD" },
		{ VIBIF_QPT_XRC_INI, "XRC_SEND" },
		{ VIBIF_QPT_XRC_TGT, "XRC_RECV" },
	};
	struct ibback_obj *obj;
	unsigned int i;
	struct obj qp;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		qp = types[i].type == VIBIF_QPT_XRC_TGT ?
			guest_create(dev, req_tgt_qp(xrcd)) :
			new_qp(types[i].type);
		obj = xa_load(&dev->objects, qp.handle);
		assert_string_equal(ibback_qp_type_name(obj), types[i].name);
	}
	qp = new_qp(VIBIF_QPT_RC);
	obj = xa_load(&dev->objects, qp.handle);
	assert_string_equal(ibback_qp_state_name(obj), "RESET");
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_INIT), 0);
	assert_string_equal(ibback_qp_state_name(obj), "INIT");
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTR), 0);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTS), 0);
	assert_string_equal(ibback_qp_state_name(obj), "RTS");
	/* What the HCA does by itself is seen when the guest asks. */
	fake_qp_error(qp.number);
	assert_string_equal(ibback_qp_state_name(obj), "RTS");
	guest_do(dev, req_on(VIBIF_OP_QUERY_QP, qp));
	assert_string_equal(ibback_qp_state_name(obj), "ERR");
}

/* The send CQ and the receive CQ need not be the same. */
static void test_two_cqs(void **state)
{
	struct obj recv = guest_create(dev, req_cq(context));
	struct vibif_req req = req_qp(VIBIF_QPT_UC, context, pd, cq);
	struct obj qp;

	req.op.create_qp.recv_cq = recv.handle;
	qp = guest_create(dev, req);
	assert_int_equal(guest_destroy(dev, cq), -EBUSY);
	assert_int_equal(guest_destroy(dev, recv), -EBUSY);
	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, recv), 0);
}

static void test_wrong_handles(void **state)
{
	struct vibif_req good = req_srq_qp(context, pd, cq, srq), req;
	struct vibif_create_qp_req *q = &req.op.create_qp;
	u32 *const handles[] = {
		&q->context, &q->pd, &q->send_cq, &q->recv_cq, &q->srq
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		req = good;
		*handles[i] = xrcd.handle;
		assert_int_equal(guest_status(dev, req), -ENOENT);
	}
	assert_int_equal(guest_status(dev, req_tgt_qp(cq)), -ENOENT);
	assert_int_equal(guest_status(dev, good), 0);
}

/* The geometry is the provider's. */
static void test_geometry(void **state)
{
	struct vibif_req req = req_qp(VIBIF_QPT_RC, context, pd, cq);

	req.op.create_qp.doorbell.offset = FAKE_QP_DB_SIZE / 2;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.create_qp.doorbell.offset = FAKE_QP_DB_SIZE;
	req.op.create_qp.log_sq_wqe_stride = 4;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.create_qp.log_sq_wqe_stride = 5;
	req.op.create_qp.log_sq_wqe_count = 9;
	req.op.create_qp.pages = guest_pages(5, true);
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.create_qp.log_sq_wqe_count = 8;
	req.op.create_qp.pages.nr_pages = 3;
	assert_int_equal(guest_status(dev, req), 0);
}

static void test_states(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_RC);
	struct vibif_req req;

	/* From Reset nowhere but to Init, to Error, and to Reset */
	assert_int_equal(query(qp).state, IB_QPS_RESET);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTR), -EINVAL);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RESET), 0);
	assert_int_equal(modify(qp, VIBIF_QPT_UD, IB_QPS_INIT), -EINVAL);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_INIT), 0);
	assert_int_equal(query(qp).state, IB_QPS_INIT);
	assert_int_equal(query(qp).port, 1);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTR), 0);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTS), 0);
	assert_int_equal(fake_qp_state(qp.number), IB_QPS_RTS);
	assert_int_equal(query(qp).qkey, qp.number);

	/* What happened to it meanwhile is known once it has been asked for. */
	fake_qp_error(qp.number);
	assert_int_equal(query(qp).state, IB_QPS_ERR);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTS), -EINVAL);
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RESET), 0);
	assert_int_equal(fake_books.active, 0);

	/* Or the guest says so. */
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_INIT), 0);
	fake_qp_error(qp.number);
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR);
	req.op.modify_qp.attr_mask |= VIBIF_QP_ATTR_CUR_STATE;
	req.op.modify_qp.cur_state = IB_QPS_ERR;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RESET);
	req.op.modify_qp.attr_mask |= VIBIF_QP_ATTR_CUR_STATE;
	req.op.modify_qp.cur_state = IB_QPS_ERR;
	assert_int_equal(guest_status(dev, req), 0);
}

/* A failure leaves the state: the same transition can be tried again. */
static void test_modify_fails(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_UD);

	fail_always("qp modify", -ENOMEM);
	assert_int_equal(modify(qp, VIBIF_QPT_UD, IB_QPS_INIT), -ENOMEM);
	fail_always(NULL, 0);
	assert_int_equal(query(qp).state, IB_QPS_RESET);
	assert_int_equal(modify(qp, VIBIF_QPT_UD, IB_QPS_INIT), 0);
	fail_always("qp query", -EIO);
	assert_int_equal(guest_status(dev, req_on(VIBIF_OP_QUERY_QP, qp)),
			 -EIO);
}

/* A guest that lies about the state gets no QP without a port to Ready. */
static void test_no_port(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_UD);
	struct vibif_req req = req_modify_qp(qp, VIBIF_QPT_UD, IB_QPS_RTR);

	req.op.modify_qp.attr_mask |= VIBIF_QP_ATTR_CUR_STATE;
	req.op.modify_qp.cur_state = IB_QPS_INIT;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	assert_int_equal(fake_qp_state(qp.number), IB_QPS_RESET);
}

/* After a migration the QP is at its alternate port. */
static void test_migration(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_RC);
	struct vibif_req req;

	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_INIT), 0);
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR);
	req.op.modify_qp.attr_mask |= VIBIF_QP_ATTR_ALT_PATH;
	req.op.modify_qp.alt_port = 2;
	assert_int_equal(guest_status(dev, req), 0);
	fake_qp_migrate(qp.number, 2);
	assert_int_equal(guest_events(qp), 1 << VIBIF_EVENT_QP_PATH_MIG);
	/* The provider compares ports. */
	assert_int_equal(modify(qp, VIBIF_QPT_RC, IB_QPS_RTS), 0);
	/* Port 1 has P_Keys that this one has not. */
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTS);
	req.op.modify_qp.attr_mask = VIBIF_QP_ATTR_PKEY_INDEX;
	req.op.modify_qp.pkey_index = 3;
	assert_int_equal(guest_status(dev, req), -EINVAL);
}

static int mcast(u8 operation, struct obj qp, u8 group, u32 flags)
{
	struct vibif_req req = req_mcast(operation, qp, group);

	req.op.mcast.flags = flags;
	return guest_status(dev, req);
}

#define attach(...)	mcast(VIBIF_OP_ATTACH_MCAST, __VA_ARGS__)
#define detach(...)	mcast(VIBIF_OP_DETACH_MCAST, __VA_ARGS__)

static void test_groups(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_UD);

	assert_int_equal(attach(qp, 1, 0), 0);
	assert_int_equal(attach(qp, 1, 0), 0);
	assert_int_equal(attach(qp, 1, VIBIF_MCAST_BLOCK_LOOPBACK), -EINVAL);
	assert_int_equal(guest_total("mcast"), 1);
	assert_int_equal(attach(qp, 2, VIBIF_MCAST_BLOCK_LOOPBACK), 0);
	assert_int_equal(guest_destroy(dev, qp), -EBUSY);
	assert_int_equal(detach(qp, 3, 0), -EINVAL);
	assert_int_equal(detach(qp, 2, 0), -EINVAL);
	assert_int_equal(detach(qp, 2, VIBIF_MCAST_BLOCK_LOOPBACK), 0);
	assert_int_equal(detach(qp, 1, 2), -EINVAL);
	assert_int_equal(attach(qp, 1, 2), -EINVAL);
	assert_int_equal(detach(qp, 1, 0), 0);
	assert_int_equal(detach(qp, 1, 0), -EINVAL);
	assert_int_equal(guest_destroy(dev, qp), 0);
	qp = new_qp(VIBIF_QPT_RC);
	assert_int_equal(attach(qp, 1, 0), -EINVAL);
}

static void test_group_quota(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_UD);

	dev->quota[IBBACK_MCAST] = 2;
	assert_int_equal(attach(qp, 1, 0), 0);
	assert_int_equal(attach(qp, 2, 0), 0);
	assert_int_equal(attach(qp, 3, 0), -ENOMEM);
	assert_int_equal(detach(qp, 1, 0), 0);
	assert_int_equal(attach(qp, 3, 0), 0);
}

/* A guest has so many QPs in one group, and as many in another. */
static void test_group_members(void **state)
{
	struct obj qp[IBBACK_MAX_GROUP_QPS + 1];
	unsigned int i;

	for (i = 0; i < IBBACK_MAX_GROUP_QPS; i++) {
		qp[i] = new_qp(VIBIF_QPT_UD);
		assert_int_equal(attach(qp[i], 1, 0), 0);
	}
	qp[i] = new_qp(VIBIF_QPT_UD);
	assert_int_equal(attach(qp[i], 1, 0), -ENOMEM);
	assert_int_equal(atomic64_read(&dev->refused[IBBACK_LIMIT_GROUP_QPS]),
			 1);
	assert_true(kernel_logged("refused: over its limit of group_qps, 16\n"));
	assert_int_equal(attach(qp[i], 2, 0), 0);
	assert_int_equal(detach(qp[3], 1, 0), 0);
	assert_int_equal(attach(qp[i], 1, 0), 0);
}

/* What the HCA does not take out of a group is a member as before. */
static void test_detach_fails(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_UD);

	assert_int_equal(attach(qp, 1, 0), 0);
	fail_always("qp detach", -EIO);
	assert_int_equal(detach(qp, 1, 0), -EIO);
	assert_int_equal(guest_destroy(dev, qp), -EBUSY);
	fail_always(NULL, 0);
	assert_int_equal(detach(qp, 1, 0), 0);
}

/* In a teardown such a QP goes, and the HCA keeps its number. */
static void test_teardown_in_group(void **state)
{
	struct obj qp = new_qp(VIBIF_QPT_UD);

	assert_int_equal(modify(qp, VIBIF_QPT_UD, IB_QPS_INIT), 0);
	assert_int_equal(attach(qp, 1, 0), 0);
	assert_int_equal(attach(qp, 2, 0), 0);
	guest_may_stick = true;
	fail_always("qp detach", -EIO);
	guest_disconnect(dev);
	assert_int_equal(guest_nr_stuck(), 1);
	assert_int_equal(guest_stuck.fake.members, 2);
	assert_int_equal(guest_stuck.fake.objects[FAKE_QP], 0);
	assert_int_equal(guest_stuck.kernel.slabs, 0);
	assert_int_equal(guest_stuck.mapped, 0);
	assert_int_equal(guest_total("mcast"), 0);
	assert_true(kernel_logged("in a multicast group [-5]"));
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_uses),
		TEST(test_target_uses),
		TEST(test_domain_is_of_targets),
		TEST(test_names),
		TEST(test_two_cqs),
		TEST(test_wrong_handles),
		TEST(test_geometry),
		TEST(test_states),
		TEST(test_modify_fails),
		TEST(test_no_port),
		TEST(test_migration),
		TEST(test_groups),
		TEST(test_group_quota),
		TEST(test_group_members),
		TEST(test_detach_fails),
		TEST(test_teardown_in_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
