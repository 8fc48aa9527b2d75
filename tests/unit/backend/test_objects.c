// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of objects: handles, types, references, quotas, the end; and what
 * is no more than a number, a name or a doorbell page.
 */

#include "guest.h"

static struct ibback_dev *dev;
static struct obj context, pd, cq, xrcd, srq, qp, mr, mw;

static int setup(void **state)
{
	guest_setup(state);
	dev = guest_new();
	context = guest_create(dev, req_context());
	pd = guest_create(dev, req_pd());
	cq = guest_create(dev, req_cq(context));
	xrcd = guest_create(dev, req_xrcd());
	srq = guest_create(dev, req_xrc_srq(pd, cq, xrcd));
	qp = guest_create(dev, req_qp(VIBIF_QPT_RC, context, pd, cq));
	mr = guest_create(dev, req_mr(pd, 2));
	mw = guest_create(dev, req_mw(pd));
	return 0;
}

/* What sysfs tells of a guest */
static long statistic(const char *name)
{
	struct attribute **attr = ibback_dev_groups[0]->attrs;
	struct device_attribute *d;
	struct device device = { .driver_data = dev };
	char buf[PAGE_SIZE];

	while (*attr && strcmp((*attr)->name, name))
		attr++;
	assert_non_null(*attr);
	d = container_of(*attr, struct device_attribute, attr);
	assert_true(d->show(&device, d, buf) > 0);
	return strtol(buf, NULL, 10);
}

/* A handle is found as what it is, and as nothing else. */
static void test_types(void **state)
{
	const struct obj all[] = { context, pd, cq, xrcd, srq, qp, mr, mw };
	struct vibif_req req;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		bool is_pd = all[i].handle == pd.handle;

		req = req_mw(all[i]);
		assert_int_equal(guest_status(dev, req), is_pd ? 0 : -ENOENT);
		req = req_on(VIBIF_OP_QUERY_SRQ, all[i]);
		assert_int_equal(guest_status(dev, req),
				 all[i].handle == srq.handle ? 0 : -ENOENT);
	}
	assert_int_equal(guest_status(dev, req_mw((struct obj) {})), -ENOENT);
	assert_int_equal(guest_destroy(dev, (struct obj) { 12345 }), -ENOENT);
	assert_int_equal(guest_destroy(dev, (struct obj) { ~0U }), -ENOENT);
}

/* What is in use stays. */
static void test_references(void **state)
{
	static const struct obj *const used[] = { &context, &pd, &cq, &xrcd };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(used); i++)
		assert_int_equal(guest_destroy(dev, *used[i]), -EBUSY);
	assert_int_equal(guest_destroy(dev, srq), 0);
	assert_int_equal(guest_destroy(dev, xrcd), 0);
	assert_int_equal(guest_destroy(dev, cq), -EBUSY);
	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, cq), 0);
	assert_int_equal(guest_destroy(dev, context), 0);
	assert_int_equal(guest_destroy(dev, pd), -EBUSY);
	assert_int_equal(guest_destroy(dev, mr), 0);
	assert_int_equal(guest_destroy(dev, mw), 0);
	assert_int_equal(guest_destroy(dev, pd), 0);
	assert_int_equal(guest_destroy(dev, pd), -ENOENT);
	assert_int_equal(guest_total("pds"), 0);
}

/* What has events has a word, and there are no more of them than words. */
static void test_words(void **state)
{
	unsigned int nr = 0;
	struct vibif_rsp rsp;
	struct obj last = {};

	assert_in_range(cq.handle, 1, GUEST_EVENT_WORDS - 1);
	assert_in_range(qp.handle, 1, GUEST_EVENT_WORDS - 1);
	assert_in_range(srq.handle, 1, GUEST_EVENT_WORDS - 1);
	assert_true(context.handle >= GUEST_EVENT_WORDS);
	assert_true(pd.handle >= GUEST_EVENT_WORDS);
	assert_true(mr.handle >= GUEST_EVENT_WORDS);
	assert_true(mw.handle >= GUEST_EVENT_WORDS);
	assert_true(xrcd.handle >= GUEST_EVENT_WORDS);

	while (!guest_request(dev, req_cq(context), &rsp)) {
		last.handle = rsp.op.create_cq.handle;
		nr++;
	}
	assert_int_equal(nr, GUEST_EVENT_WORDS - 1 - 3);
	assert_int_equal(guest_status(dev, req_cq(context)), -ENOMEM);
	assert_int_equal(statistic("refused_event_words"), 2);
	assert_int_equal(statistic("refused_cqs"), 0);
	assert_true(kernel_logged("refused: over its limit of event_words, 63\n"));
	assert_int_equal(guest_destroy(dev, last), 0);
	assert_int_equal(guest_status(dev, req_cq(context)), 0);
	/* The others are not short of handles. */
	assert_int_equal(guest_status(dev, req_pd()), 0);
}

/* An event sets its bit, and nothing of it is left for the next object. */
static void test_events(void **state)
{
	u32 handle = cq.handle;

	assert_true(fake_event(FAKE_CQ, cq.number, 0));
	assert_true(fake_event(FAKE_CQ, cq.number, 1));
	assert_true(fake_event(FAKE_QP, qp.number, 4));
	assert_true(fake_event(FAKE_SRQ, srq.number, 0));
	assert_int_equal(guest_events(cq), 3);
	assert_int_equal(guest_events(qp), 1 << 4);
	assert_int_equal(guest_events(srq), 1);

	/* The provider has one more event while it destroys an object. */
	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, srq), 0);
	assert_int_equal(guest_destroy(dev, cq), 0);
	assert_int_equal(guest_events(cq), 0);
	assert_int_equal(guest_events(qp), 0);
	cq = guest_create(dev, req_cq(context));
	assert_int_equal(cq.handle, handle);
	assert_int_equal(guest_events(cq), 0);
}

/* A quota is as many as there may be, of each kind; each refusal counts. */
static void check_quota(enum ibback_resource res, const char *refused,
			struct vibif_req req)
{
	dev->quota[res] = atomic_read(&dev->used[res]) + 2;
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(statistic(refused), 0);
	assert_int_equal(guest_status(dev, req), -ENOMEM);
	assert_int_equal(statistic(refused), 1);
	/* And none is less than there are. */
	dev->quota[res] = 0;
	assert_int_equal(guest_status(dev, req), -ENOMEM);
	assert_int_equal(statistic(refused), 2);
}

static void test_quotas(void **state)
{
	check_quota(IBBACK_CONTEXT, "refused_contexts", req_context());
	check_quota(IBBACK_PD, "refused_pds", req_pd());
	check_quota(IBBACK_MR, "refused_mrs", req_mr(pd, 1));
	check_quota(IBBACK_CQ, "refused_cqs", req_cq(context));
	check_quota(IBBACK_QP, "refused_qps",
		    req_qp(VIBIF_QPT_UD, context, pd, cq));
	check_quota(IBBACK_SRQ, "refused_srqs", req_srq(pd));
	check_quota(IBBACK_MW, "refused_mws", req_mw(pd));
	check_quota(IBBACK_XRCD, "refused_xrcds", req_xrcd());
}

static unsigned int count_logged(const char *part)
{
	const char *at = kernel_log_text();
	unsigned int nr = 0;

	for (; (at = strstr(at, part)); at += strlen(part))
		nr++;
	return nr;
}

/* What a guest is refused is said with the limit, but not without end. */
static void test_refusals_are_said(void **state)
{
	static const char line[] = "refused: over its limit of mws, 1\n";
	unsigned int i;

	dev->quota[IBBACK_MW] = 1;
	for (i = 0; i < 100; i++)
		assert_int_equal(guest_status(dev, req_mw(pd)), -ENOMEM);
	assert_int_equal(statistic("refused_mws"), 100);
	assert_int_equal(count_logged(line), 6);
	jiffies += 61 * HZ;
	assert_int_equal(guest_status(dev, req_mw(pd)), -ENOMEM);
	assert_int_equal(count_logged(line), 7);
	assert_int_equal(statistic("refused_requests"), 0);
}

/* What is not known, not served or not as it must be does nothing. */
static void test_headers(void **state)
{
	struct vibif_req req = {};
	unsigned int op;

	for (op = VIBIF_OP_MAX + 1; op <= U8_MAX; op++) {
		req.operation = op;
		assert_int_equal(guest_status(dev, req), -EOPNOTSUPP);
	}
	req.operation = 0;
	assert_int_equal(guest_status(dev, req), -EOPNOTSUPP);
	req = req_pd();
	req.handle = 1;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req = req_on(VIBIF_OP_QUERY_SRQ, srq);
	req.reserved = 1;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	assert_int_equal(statistic("refused_requests"),
			 U8_MAX - VIBIF_OP_MAX + 3);
}

/* Each context has doorbell pages of its own, as many as the HCA wants. */
static void test_contexts(void **state)
{
	struct vibif_alloc_context_rsp *a;
	struct vibif_rsp rsp;
	u64 seen = 0;
	unsigned int i, k;

	assert_int_equal(guest_destroy(dev, qp), 0);
	assert_int_equal(guest_destroy(dev, srq), 0);
	assert_int_equal(guest_destroy(dev, cq), 0);
	assert_int_equal(guest_destroy(dev, context), 0);
	for (i = 0; i < GUEST_NR_CONTEXTS; i++) {
		assert_int_equal(guest_request(dev, req_context(), &rsp), 0);
		a = &rsp.op.alloc_context;
		assert_int_equal(a->nr_uars, FAKE_UARS_PER_CONTEXT);
		for (k = 0; k < a->nr_uars; k++) {
			assert_int_equal(a->uar[k].frame,
					 FAKE_UAR_FRAME + a->uar[k].index);
			assert_false(seen & 1ULL << a->uar[k].index);
			seen |= 1ULL << a->uar[k].index;
		}
	}
	dev->quota[IBBACK_CONTEXT] = GUEST_NR_CONTEXTS + 1;
	assert_int_equal(guest_status(dev, req_context()), -ENOMEM);
	assert_int_equal(guest_destroy(dev, (struct obj) { a->handle, 0 }), 0);
	assert_int_equal(guest_status(dev, req_context()), 0);
}

/* An auto-translated guest has them in a row, each with its BlueFlame page. */
static void test_context_frames(void **state)
{
	struct vibif_alloc_context_rsp *a;
	struct vibif_rsp rsp;
	unsigned int k;

	dev->has_gfn_base = true;
	dev->gfn_base = 0x7000;
	assert_int_equal(guest_request(dev, req_context(), &rsp), 0);
	a = &rsp.op.alloc_context;
	for (k = 0; k < a->nr_uars; k++) {
		u64 frame = 0x7000 + 2 * (FAKE_UARS_PER_CONTEXT + k);

		assert_int_equal(a->uar[k].frame, frame);
		assert_int_equal(a->uar[k].bf_frame,
				 a->uar[k].index % 2 ? frame + 1 : 0);
	}
}

/* A window that is bound keeps its region, until it goes. */
static void test_bound_window(void **state)
{
	fake_bind(mw.number, mr.number);
	assert_int_equal(guest_destroy(dev, mr), -EBUSY);
	assert_int_equal(guest_destroy(dev, mr), -EBUSY);
	assert_int_equal(guest_status(dev, req_on(VIBIF_OP_QUERY_SRQ, mr)),
			 -ENOENT);
	assert_int_equal(guest_destroy(dev, mw), 0);
	assert_int_equal(guest_destroy(dev, mr), 0);
}

/* In a teardown, windows go before regions. */
static void test_teardown_bound_window(void **state)
{
	fake_bind(mw.number, mr.number);
	guest_disconnect(dev);
	assert_int_equal(guest_nr_stuck(), 0);
}

/* Everything goes, QPs that are working first of all, see fake_teardown. */
static void test_teardown_active(void **state)
{
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_INIT));
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR));
	assert_int_equal(fake_books.active, 1);
	guest_disconnect(dev);
	assert_int_equal(guest_nr_stuck(), 0);
}

/* What the HCA keeps stays pinned, for good, and that is said. */
static void test_teardown_stuck(void **state)
{
	static const char * const kept[] = { "MR", "PD" };
	char text[32];
	unsigned int i;

	guest_create(dev, req_mr(pd, 5));
	guest_may_stick = true;
	fail_always("mr destroy", -EIO);
	guest_disconnect(dev);
	assert_int_equal(guest_nr_stuck(), 3);
	assert_int_equal(guest_stuck.fake.objects[FAKE_MR], 2);
	assert_int_equal(guest_stuck.fake.objects[FAKE_PD], 1);
	assert_int_equal(guest_stuck.mapped, 7);
	assert_int_equal(guest_stuck.kernel.slabs, 3);
	for (i = 0; i < FAKE_NR_KINDS; i++)
		if (i != FAKE_MR && i != FAKE_PD)
			assert_int_equal(guest_stuck.fake.objects[i], 0);
	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		snprintf(text, sizeof(text), "HCA keeps %s ", kept[i]);
		assert_true(kernel_logged(text));
	}
}

static void test_statistics(void **state)
{
	assert_int_equal(statistic("qps"), 1);
	assert_int_equal(statistic("qps_max"), dev->quota[IBBACK_QP]);
	/* Each queue has a doorbell page, each but the CQ two others. */
	assert_int_equal(statistic("pages"), 3 + 3 + 3 + 2);
	assert_int_equal(statistic("uars"),
			 GUEST_NR_CONTEXTS * FAKE_UARS_PER_CONTEXT);
	assert_int_equal(statistic("errors"), 0);
	ibback_count(dev, IBBACK_COUNT_ERRORS, 3);
	assert_int_equal(statistic("errors"), 3);
	assert_int_equal(guest_total("grants"), 3 + 3 + 3 + 2);
}

/* What the toolstack writes while the device is there, counts from then on. */
static void test_quotas_change(void **state)
{
	u32 qps = atomic_read(&dev->used[IBBACK_QP]);

	assert_true(qps > 0);
	assert_int_equal(ibback_charge(dev, IBBACK_QP, 1), 0);
	xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(qps), "0");
	xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(pages), "4294967295");
	xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(contexts), "200");
	ibback_quotas_read(dev);
	assert_int_equal(statistic("qps_max"), 0);
	assert_int_equal(statistic("pages_max"), VIBIF_MAX_QUOTA);
	assert_int_equal(statistic("cqs_max"), VIBIF_DEFAULT_CQ);
	/* As many as there are doorbell pages for */
	assert_int_equal(statistic("contexts_max"), GUEST_NR_CONTEXTS);
	/* It keeps what it has. */
	assert_int_equal(ibback_charge(dev, IBBACK_QP, 1), -ENOMEM);
	assert_int_equal(statistic("qps"), qps + 1);
	ibback_uncharge(dev, IBBACK_QP, 1);
	assert_int_equal(ibback_charge(dev, IBBACK_QP, 1), -ENOMEM);
	/* Nor does it get the default when the nodes are removed. */
	xen_rm_nodes();
	ibback_quotas_read(dev);
	assert_int_equal(statistic("qps_max"), 0);
}

/* What a guest is told of a port: what it has moved there */
static struct vibif_query_counters_rsp counters(u8 port)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_QUERY_COUNTERS,
		.op.query_counters.port = port,
	};
	struct vibif_rsp rsp;

	guest_request(dev, req, &rsp);
	assert_int_equal(rsp.status, 0);
	return rsp.op.query_counters;
}

static void test_counters_of_no_port(void **state)
{
	static const u8 ports[] = { 0, VIBIF_MAX_PORTS + 1, 255 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		struct vibif_req req = {
			.operation = VIBIF_OP_QUERY_COUNTERS,
			.op.query_counters.port = ports[i],
		};

		assert_int_equal(guest_status(dev, req), -EINVAL);
	}
}

/* Of both ports, and of counters that the guest had in an earlier connection */
static void test_flows(void **state)
{
	static const char * const names[] = {
		"rx_octets", "rx_packets", "tx_octets", "tx_packets",
	};
	u64 base = 1ULL << 40;
	unsigned int i, port;

	assert_int_equal(dev->nr_flows, VIBIF_MAX_PORTS);
	assert_int_not_equal(dev->flow[0], dev->flow[1]);
	for (port = 0; port < dev->nr_flows; port++)
		assert_int_equal(fake_flow_users(dev->flow[port]), 1);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(statistic(names[i]), 0);
		for (port = 0; port < dev->nr_flows; port++)
			fake_flow(dev->flow[port])->count[i] =
				base * port + i + 1;
	}
	jiffies += 100;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(statistic(names[i]), base + 2 * (i + 1));
	for (port = 0; port < dev->nr_flows; port++) {
		struct vibif_query_counters_rsp told = counters(port + 1);

		assert_int_equal(told.rx_octets, base * port + 1);
		assert_int_equal(told.rx_packets, base * port + 2);
		assert_int_equal(told.tx_octets, base * port + 3);
		assert_int_equal(told.tx_packets, base * port + 4);
	}
	guest_disconnect(dev);
	assert_int_equal(dev->nr_flows, 0);
	jiffies += 100;
	assert_int_equal(statistic("rx_octets"), base + 2);
	dev->state = XenbusStateInitWait;
	guest_connect(dev);
	assert_int_equal(statistic("rx_octets"), base + 2);
	fake_flow(dev->flow[0])->count[IBBACK_RX_OCTETS] = 5;
	jiffies += 100;
	assert_int_equal(statistic("rx_octets"), base + 7);
	assert_int_equal(counters(1).rx_octets, 6);
	assert_int_equal(counters(2).rx_octets, base + 1);
}

/* Who lists all counts makes the HCA read each counter once. */
static void test_flows_read_once(void **state)
{
	unsigned int before;

	guest_disconnect(dev);
	dev->state = XenbusStateInitWait;
	/* Soon after the machine has started: about to wrap */
	jiffies = ULONG_MAX - 50;
	guest_connect(dev);
	before = fake_flow_reads;
	assert_int_equal(statistic("rx_octets"), 0);
	fake_flow(dev->flow[0])->count[IBBACK_TX_OCTETS] = 5;
	jiffies += 40;
	assert_int_equal(statistic("rx_packets"), 0);
	jiffies += 59;
	assert_int_equal(statistic("tx_octets"), 0);
	assert_int_equal(fake_flow_reads - before, VIBIF_MAX_PORTS);
	jiffies++;
	assert_int_equal(statistic("tx_octets"), 5);
	assert_int_equal(fake_flow_reads - before, 2 * VIBIF_MAX_PORTS);
}

/* A counter for each port, or none; the guest does not notice. */
static void test_no_flows(void **state)
{
	struct obj qp;

	guest_disconnect(dev);
	dev->state = XenbusStateInitWait;
	fail_at(2);
	guest_connect(dev);
	assert_true(failed());
	fail_at(0);
	assert_int_equal(dev->nr_flows, 0);
	assert_int_equal(statistic("tx_packets"), 0);
	context = guest_create(dev, req_context());
	pd = guest_create(dev, req_pd());
	cq = guest_create(dev, req_cq(context));
	qp = guest_create(dev, req_qp(VIBIF_QPT_RC, context, pd, cq));
	assert_int_equal(guest_destroy(dev, qp), 0);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_types),
		TEST(test_references),
		TEST(test_words),
		TEST(test_events),
		TEST(test_quotas),
		TEST(test_refusals_are_said),
		TEST(test_headers),
		TEST(test_contexts),
		TEST(test_context_frames),
		TEST(test_bound_window),
		TEST(test_teardown_bound_window),
		TEST(test_teardown_active),
		TEST(test_statistics),
		TEST(test_quotas_change),
		TEST(test_flows),
		TEST(test_flows_read_once),
		TEST(test_counters_of_no_port),
		TEST(test_no_flows),
		/* Last, as what is stuck is counted until the module goes */
		TEST(test_teardown_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
