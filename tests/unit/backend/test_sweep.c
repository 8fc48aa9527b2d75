// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call of the backend's that can fail does, one after the other.
 *
 * Each scenario is run with its 1st, 2nd, ... call failing: an allocation, a
 * mapping, a copy, a node of xenstore, an op of the HCA. A request that fails
 * so has that call's errno and changes nothing, and succeeds when it is
 * repeated (see guest_request()); in the end all is given back.
 */

#include "guest.h"

#define SWEEP(scenario)							\
static void test_##scenario(void **state)				\
{									\
	sweep(scenario);						\
}

/* A device, with one of each that others are made of */
struct parts {
	struct ibback_dev *dev;
	struct obj context;
	struct obj pd;
	struct obj cq;
	struct obj xrcd;
};

static struct parts parts_new(void)
{
	struct parts p = { .dev = guest_new() };

	p.context = guest_create(p.dev, req_context());
	p.pd = guest_create(p.dev, req_pd());
	p.cq = guest_create(p.dev, req_cq(p.context));
	p.xrcd = guest_create(p.dev, req_xrcd());
	return p;
}

static void destroy(struct parts *p, struct obj obj)
{
	guest_do(p->dev, req_destroy(obj));
}

static void parts_end(struct parts *p)
{
	destroy(p, p->xrcd);
	destroy(p, p->cq);
	destroy(p, p->pd);
	destroy(p, p->context);
	guest_end(p->dev);
}

static void parts(void)
{
	struct parts p = parts_new();

	parts_end(&p);
}

SWEEP(parts)

/* A region gets other pages, another PD, other rights. */
static void regions(void)
{
	static const u32 flags[] = {
		VIBIF_MR_REREG_TRANS,
		VIBIF_MR_REREG_PD,
		VIBIF_MR_REREG_ACCESS,
		VIBIF_MR_REREG_TRANS | VIBIF_MR_REREG_PD |
		VIBIF_MR_REREG_ACCESS,
	};
	struct parts p = parts_new();
	struct obj pd = guest_create(p.dev, req_pd());
	struct vibif_req req;
	struct obj mr;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		mr = guest_create(p.dev, req_mr(p.pd, 5));
		req = req_rereg(mr, flags[i]);
		req.op.reg_mr.pd = pd.handle;
		/* After -EIO only to be destroyed, with all that it has had */
		if (guest_status(p.dev, req))
			assert_int_equal(guest_status(p.dev, req), -EINVAL);
		destroy(&p, mr);
	}
	destroy(&p, pd);
	parts_end(&p);
}

SWEEP(regions)

/* The source's pages stay with the shares, and go with the source. */
static void shares(void)
{
	struct parts p = parts_new();
	struct obj mr = guest_create(p.dev, req_mr(p.pd, 2));
	struct obj share = guest_create(p.dev, req_share(p.pd, mr, 2));
	struct obj second = guest_create(p.dev, req_share(p.pd, mr, 2));
	struct vibif_req req = req_rereg(second, VIBIF_MR_REREG_TRANS);

	destroy(&p, share);
	if (guest_status(p.dev, req))
		assert_int_equal(guest_status(p.dev, req), -EINVAL);
	destroy(&p, second);
	destroy(&p, mr);
	parts_end(&p);
}

SWEEP(shares)

/* What has been retired is there for shares, with nothing of the PD. */
static void retired(void)
{
	struct parts p = parts_new();
	struct obj pd = guest_create(p.dev, req_pd());
	struct obj mr = guest_create(p.dev, req_mr(pd, 2));
	struct obj share;

	guest_do(p.dev, req_retire(mr));
	destroy(&p, pd);
	share = guest_create(p.dev, req_share(p.pd, mr, 2));
	destroy(&p, share);
	destroy(&p, mr);
	parts_end(&p);
}

SWEEP(retired)

static void windows(void)
{
	struct parts p = parts_new();
	struct obj mr = guest_create(p.dev, req_mr(p.pd, 1));
	struct obj mw = guest_create(p.dev, req_mw(p.pd));

	destroy(&p, mw);
	destroy(&p, mr);
	parts_end(&p);
}

SWEEP(windows)

static void completion_queues(void)
{
	struct parts p = parts_new();
	struct vibif_req req = req_on(VIBIF_OP_MODIFY_CQ, p.cq);

	guest_do(p.dev, req_resize_cq(p.cq, 128));
	req.op.modify_cq.period_us = 5;
	guest_do(p.dev, req);
	/* One that has too many events from the beginning */
	guest_least_period = 100;
	destroy(&p, guest_create(p.dev, req_cq(p.context)));
	ibback_cqs_moderate(p.dev, true);
	parts_end(&p);
}

SWEEP(completion_queues)

static void shared_receive_queues(void)
{
	struct parts p = parts_new();
	struct obj srq = guest_create(p.dev, req_srq(p.pd));
	struct vibif_req req = req_on(VIBIF_OP_MODIFY_SRQ, srq);

	req.op.modify_srq.limit = 3;
	guest_do(p.dev, req);
	guest_do(p.dev, req_on(VIBIF_OP_QUERY_SRQ, srq));
	destroy(&p, srq);
	destroy(&p, guest_create(p.dev, req_xrc_srq(p.pd, p.cq, p.xrcd)));
	parts_end(&p);
}

SWEEP(shared_receive_queues)

static void queue_pair(struct parts *p, u8 type, struct vibif_req req)
{
	struct obj qp = guest_create(p->dev, req);

	guest_do(p->dev, req_modify_qp(qp, type, IB_QPS_INIT));
	guest_do(p->dev, req_modify_qp(qp, type, IB_QPS_RTR));
	guest_do(p->dev, req_modify_qp(qp, type, IB_QPS_RTS));
	guest_do(p->dev, req_on(VIBIF_OP_QUERY_QP, qp));
	destroy(p, qp);
}

static void queue_pairs(void)
{
	static const u8 types[] = {
		VIBIF_QPT_RC, VIBIF_QPT_UC, VIBIF_QPT_UD, VIBIF_QPT_XRC_INI
	};
	struct parts p = parts_new();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		queue_pair(&p, types[i],
			   req_qp(types[i], p.context, p.pd, p.cq));
	queue_pair(&p, VIBIF_QPT_XRC_TGT, req_tgt_qp(p.xrcd));
	parts_end(&p);
}

SWEEP(queue_pairs)

static void queue_pair_with_srq(void)
{
	struct parts p = parts_new();
	struct obj srq = guest_create(p.dev, req_srq(p.pd));

	destroy(&p, guest_create(p.dev,
				 req_srq_qp(p.context, p.pd, p.cq, srq)));
	destroy(&p, srq);
	parts_end(&p);
}

SWEEP(queue_pair_with_srq)

static void multicast(void)
{
	struct parts p = parts_new();
	struct obj qp = guest_create(p.dev, req_qp(VIBIF_QPT_UD, p.context,
						   p.pd, p.cq));

	guest_do(p.dev, req_mcast(VIBIF_OP_ATTACH_MCAST, qp, 1));
	guest_do(p.dev, req_mcast(VIBIF_OP_ATTACH_MCAST, qp, 2));
	guest_do(p.dev, req_mcast(VIBIF_OP_DETACH_MCAST, qp, 1));
	guest_do(p.dev, req_mcast(VIBIF_OP_DETACH_MCAST, qp, 2));
	destroy(&p, qp);
	parts_end(&p);
}

SWEEP(multicast)

static void queries(void)
{
	struct ibback_dev *dev = guest_new();

	guest_do(dev, req_query_device(xen_grant(guest_page(), true)));
	guest_do(dev, req_query_port(1));
	guest_do(dev, req_query_table(VIBIF_OP_QUERY_GID, 1, 0));
	guest_do(dev, req_query_table(VIBIF_OP_QUERY_PKEY, 1, 0));
	guest_end(dev);
}

SWEEP(queries)

/*
 * A guest that has everything goes. What fails in this is what the HCA keeps: a
 * region with its PD, or a QP's number in a group, and nothing else is left.
 */
static void teardown(void)
{
	struct parts p = parts_new();
	struct obj srq = guest_create(p.dev, req_srq(p.pd));
	struct obj qp;

	guest_create(p.dev, req_xrc_srq(p.pd, p.cq, p.xrcd));
	guest_create(p.dev, req_mr(p.pd, 2));
	guest_create(p.dev, req_mw(p.pd));
	guest_create(p.dev, req_srq_qp(p.context, p.pd, p.cq, srq));
	guest_create(p.dev, req_tgt_qp(p.xrcd));
	qp = guest_create(p.dev, req_qp(VIBIF_QPT_UD, p.context, p.pd, p.cq));
	guest_do(p.dev, req_modify_qp(qp, VIBIF_QPT_UD, IB_QPS_INIT));
	guest_do(p.dev, req_mcast(VIBIF_OP_ATTACH_MCAST, qp, 1));
	guest_do(p.dev, req_mcast(VIBIF_OP_ATTACH_MCAST, qp, 2));
	guest_end(p.dev);
	if (!guest_nr_stuck())
		return;
	if (!strcmp(failed_call(), "qp detach")) {
		assert_int_equal(guest_stuck.fake.members, 1);
		assert_int_equal(guest_nr_stuck(), 1);
		assert_int_equal(guest_stuck.kernel.slabs, 0);
	} else {
		assert_string_equal(failed_call(), "mr destroy");
		assert_int_equal(guest_stuck.fake.objects[FAKE_MR], 1);
		assert_int_equal(guest_stuck.fake.objects[FAKE_PD], 1);
		assert_int_equal(guest_stuck.mapped, 2);
		assert_int_equal(guest_nr_stuck(), 2);
	}
}

SWEEP(teardown)

/* Doorbell pages: new ones, those of an earlier backend, those in quarantine */
static void doorbell_pages(void)
{
	struct ibback_dev *dev = guest_attach();

	guest_detach(dev);
	dev = guest_attach();
	xen_rm_nodes();
	guest_detach(dev);
	dev = guest_attach();
	guest_end(dev);
}

SWEEP(doorbell_pages)

/* The HCA restarts below a guest that has everything. */
static void restart(void)
{
	struct parts p = parts_new();

	guest_create(p.dev, req_mr(p.pd, 2));
	ib_device_remove(&fake_device);
	fake_restart();
	if (ib_device_add(&fake_device))
		assert_int_equal(ib_device_add(&fake_device), 0);
	/* If its pages could not be published: it comes back with the HCA. */
	if (p.dev->state == XenbusStateClosed) {
		assert_true(failed());
		ib_device_remove(&fake_device);
		assert_int_equal(ib_device_add(&fake_device), 0);
	}
	assert_non_null(p.dev->hca);
	assert_int_equal(p.dev->state, XenbusStateInitWait);
	assert_string_equal(xen_read(GUEST_DIR, VIBIF_FIELD_HCA_INSTANCE), "2");
	guest_end(p.dev);
}

SWEEP(restart)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_retired),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_completion_queues),
		cmocka_unit_test(test_shared_receive_queues),
		cmocka_unit_test(test_queue_pairs),
		cmocka_unit_test(test_queue_pair_with_srq),
		cmocka_unit_test(test_multicast),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_teardown),
		cmocka_unit_test(test_doorbell_pages),
		cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
