// SPDX-License-Identifier: GPL-2.0-only
/* MADs between a guest's area and ib_core. */

#include "area.h"

#define SUBN_ADM	3
#define PERF_MGMT	4
#define GET		1
#define SET		2
#define GET_TABLE	0x12
#define RMPP_ACK	2
#define RESPONSE	0x80
#define LID		AREA_LID

static struct ibback_dev *dev;

static u64 counted(enum ibback_counter counter)
{
	return atomic64_read(&dev->count[counter]);
}

static int setup(void **state)
{
	int err = guest_setup(state);

	area_reset();
	guest_now = 1000000000;
	dev = guest_new();
	dev->xbdev->otherend = AREA_DIR;
	return err;
}

static int connect_setup(void **state)
{
	int err = setup(state);

	assert_int_equal(ibback_gsi_connect(dev), 0);
	assert_non_null(dev->gsi);
	return err;
}

static int teardown(void **state)
{
	ibback_gsi_disconnect(dev);
	assert_null(dev->gsi);
	assert_int_equal(mad_nr_messages(), 0);
	assert_int_equal(mad_nr_ahs(), 0);
	return guest_teardown(state);
}

static void put(struct vibif_mad m)
{
	area.tx[area.indices.tx_prod.value++ % NR_TX] = m;
}

static void ring(void)
{
	area_notify();
	kernel_run_work();
}

static void send(struct vibif_mad m)
{
	put(m);
	ring();
}

static struct vibif_mad take(void)
{
	assert_int_not_equal(area.indices.rx_cons.value,
			     area.indices.rx_prod.value);
	return area.rx[area.indices.rx_cons.value++ % NR_RX];
}

static void assert_nothing(void)
{
	assert_int_equal(area.indices.rx_cons.value,
			 area.indices.rx_prod.value);
}

/* The other end of what was posted last */
static const struct ib_wc from_there = {
	.src_qp = 1, .slid = LID, .sl = 3, .dlid_path_bits = 5,
};

static void answer(struct ib_mad_send_buf *msg)
{
	struct ib_mad mad = msg->octets;

	mad.octets[3] |= RESPONSE;
	mad_answer(msg->mad_agent->port_num, &from_there, NULL, &mad);
	mad_done(msg);
}

/* Tests */

static void test_no_area(void **state)
{
	xen_write(AREA_DIR, VIBIF_FIELD_MAD_PAGE_ORDER, "0");
	assert_int_equal(ibback_gsi_connect(dev), 0);
	assert_null(dev->gsi);
}

/* What the administrator wants, or what is nearest to it */
static void test_nodes(void **state)
{
	xen_write(GUEST_DIR, VIBIF_FIELD_MAD_PM, "0");
	xen_write(GUEST_DIR, VIBIF_FIELD_MAD_RATE, "0");
	assert_int_equal(ibback_gsi_connect(dev), 0);
	send(area_question(GET, 7));
	assert_null(mad_posted(2));
	assert_int_equal(take().mad[5], 0x0c);
}

/* Whatever fails, nothing is left of it. */
static void test_connect_fails(void **state)
{
	struct books before, after;
	unsigned int call;
	int err;

	books_read(dev, &before);
	for (call = 1;; call++) {
		fail_at(call);
		err = ibback_gsi_connect(dev);
		if (!failed())
			break;
		assert_int_equal(err, failed());
		assert_null(dev->gsi);
		assert_null(mad_agent(1));
		assert_null(mad_agent(2));
		books_read(dev, &after);
		books_compare(&before, &after, failed_call());
	}
	fail_at(0);
	assert_int_equal(err, 0);
	/* Allocating, mapping, two ports, binding */
	assert_int_equal(call, 6);
	ibback_gsi_disconnect(dev);
	books_read(dev, &after);
	books_compare(&before, &after, "disconnecting");
}

/* An area that an earlier backend has served */
static void test_used_area(void **state)
{
	area.indices.rx_prod.value = 1;
	assert_int_equal(ibback_gsi_connect(dev), -ESTALE);
	assert_int_equal(xen_fatal(), -ESTALE);
	assert_null(dev->gsi);
}

static void test_answer(void **state)
{
	struct vibif_mad asked = area_question(GET, 7), m;
	struct ib_mad_send_buf *msg;

	send(asked);
	assert_null(mad_posted(1));
	msg = mad_posted(2);
	assert_non_null(msg);
	assert_int_equal(msg->qpn, 1);
	assert_int_equal(msg->ah->attr.dlid, LID);
	assert_int_equal(msg->ah->attr.sl, 3);
	assert_int_equal(msg->ah->attr.port_num, 2);
	assert_int_equal(msg->pkey_index, 0);
	assert_false(msg->ah->attr.has_grh);
	assert_int_equal(msg->timeout_ms, 20000);
	assert_memory_not_equal(msg->octets.octets + 8, asked.mad + 8, 8);
	assert_int_equal(area.indices.tx_cons.value, 1);
	answer(msg);
	m = take();
	assert_int_equal(m.port, 2);
	assert_int_equal(m.qpn, 1);
	assert_int_equal(m.av.dlid, LID);
	assert_int_equal(m.av.sl, 3);
	assert_int_equal(m.av.src_path_bits, 5);
	assert_int_equal(m.av.flags, 0);
	asked.mad[3] |= RESPONSE;
	assert_memory_equal(m.mad, asked.mad, sizeof(m.mad));
	assert_int_equal(counted(IBBACK_COUNT_MAD_TX), 1);
	assert_int_equal(counted(IBBACK_COUNT_MAD_RX), 1);
	assert_int_equal(mad_nr_messages(), 0);
	assert_int_equal(mad_nr_ahs(), 0);
	assert_int_equal(area_notified, 1);
	assert_int_equal(area_eois, 1);
}

static void test_routed(void **state)
{
	struct vibif_mad asked = area_question(GET, 7), m;
	struct ib_grh grh = { .hop_limit = 9 };
	struct ib_wc wc = from_there;
	struct ib_mad mad;

	asked.av.flags = VIBIF_AV_GRH;
	asked.av.dgid[15] = 3;
	asked.av.hop_limit = 4;
	send(asked);
	assert_true(mad_posted(2)->ah->attr.has_grh);
	assert_int_equal(mad_posted(2)->ah->attr.dgid.raw[15], 3);
	assert_int_equal(mad_posted(2)->ah->attr.hop_limit, 4);
	assert_int_equal(mad_posted(2)->ah->attr.sgid_index, 0);
	mad = mad_posted(2)->octets;
	mad.octets[3] |= RESPONSE;
	wc.wc_flags = IB_WC_GRH;
	mad_answer(2, &wc, &grh, &mad);
	m = take();
	assert_int_equal(m.av.flags, VIBIF_AV_GRH);
	assert_memory_equal(m.grh, &grh, sizeof(grh));
}

static void test_own_gid(void **state)
{
	struct vibif_mad asked = area_question(GET, 7);

	dev->port[1].sgid_index = 4;
	dev->port[2].sgid_index = 5;
	dev->hca->ibdev->guid[2][5] = 0x42;
	asked.av.flags = VIBIF_AV_GRH;
	send(asked);
	assert_int_equal(mad_posted(2)->ah->attr.sgid_index, 5);
	/* Also of an answer that is made here */
	asked = area_question(SET, 8);
	asked.av.flags = VIBIF_AV_GRH;
	send(asked);
	assert_int_equal(take().grh[39], 0x42);
}

static struct vibif_mad answered(u8 port, u16 hw_pkey_index)
{
	struct ib_mad mad = mad_posted(port)->octets;
	struct ib_wc wc = from_there;

	wc.pkey_index = hw_pkey_index;
	mad.octets[3] |= RESPONSE;
	mad_answer(port, &wc, NULL, &mad);
	mad_done(mad_posted(port));
	return take();
}

static struct vibif_mad sa_question(u32 tid)
{
	struct vibif_mad m = area_question(GET, tid);

	m.mad[1] = SUBN_ADM;
	m.mad[2] = 2;
	dev->hca->sm_lid[1] = LID;
	return m;
}

/* What a subnet manager trusts is not sent, and nothing to any other. */
static void test_sm_key(void **state)
{
	static const u8 none[8];
	struct vibif_mad asked = sa_question(7);

	memset(asked.mad + 36, 0x5a, 9);
	send(asked);
	assert_memory_equal(mad_posted(2)->octets.octets + 36, none, 8);
	assert_int_equal(mad_posted(2)->octets.octets[44], 0x5a);
	mad_done(mad_posted(2));
	asked.av.dlid = LID + 1;
	send(asked);
	assert_null(mad_posted(2));
	assert_int_equal(take().mad[5], 0x0c);
	assert_int_equal(counted(IBBACK_COUNT_MAD_REFUSED), 1);
}

/* Of what it has not begun nothing is sent: the ID would be the guest's. */
static void test_no_transaction(void **state)
{
	struct vibif_mad asked = sa_question(7), ack = asked;
	u8 tid[8];

	ack.mad[3] = GET_TABLE;
	ack.mad[25] = RMPP_ACK;
	ack.mad[26] = 1;
	send(ack);
	assert_null(mad_posted(2));
	assert_nothing();
	assert_int_equal(counted(IBBACK_COUNT_MAD_REFUSED), 1);
	asked.mad[3] = GET_TABLE;
	send(asked);
	memcpy(tid, mad_posted(2)->octets.octets + 8, sizeof(tid));
	mad_done(mad_posted(2));
	send(ack);
	assert_memory_equal(mad_posted(2)->octets.octets + 8, tid, 8);
	assert_int_equal(mad_posted(2)->timeout_ms, 0);
}

/* The guest has three P_Keys, of which the HCA has the first and the last. */
static void test_pkeys(void **state)
{
	static const u16 pkeys[] = { 0x8201, 0x9999, 0x8202 };
	struct vibif_mad asked = area_question(GET, 7);
	struct ib_wc wc = from_there;
	struct ib_mad mad;

	dev->port[2].nr_pkeys = ARRAY_SIZE(pkeys);
	memcpy(dev->port[2].pkey, pkeys, sizeof(pkeys));
	dev->limits.pkey_tbl_len[2] = ARRAY_SIZE(pkeys);

	asked.pkey_index = 2;
	send(asked);
	assert_int_equal(mad_posted(2)->pkey_index, 2);
	assert_int_equal(answered(2, 1).pkey_index, 0);
	asked.pkey_index = 0;
	send(asked);
	assert_int_equal(mad_posted(2)->pkey_index, 1);
	assert_int_equal(answered(2, 2).pkey_index, 2);
	/* It has none at this place any more, and no such place */
	asked.pkey_index = 1;
	send(asked);
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 1);
	asked.pkey_index = 3;
	send(asked);
	assert_int_equal(counted(IBBACK_COUNT_MAD_REFUSED), 1);
	assert_null(mad_posted(2));
	/* What comes with another's */
	asked.pkey_index = 2;
	send(asked);
	mad = mad_posted(2)->octets;
	wc.pkey_index = 0;
	mad.octets[3] |= RESPONSE;
	mad_answer(2, &wc, NULL, &mad);
	assert_nothing();
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 2);
	mad_done(mad_posted(2));
	/* What others say is not counted */
	mad_answer(2, &wc, NULL, &mad);
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 2);
}

/* It reaches the subnet manager all the same. */
static void test_default_pkey(void **state)
{
	struct vibif_mad asked = sa_question(7);

	/* Whoever has the HCA's P_Keys names one itself. */
	asked.pkey_index = 2;
	send(asked);
	assert_int_equal(mad_posted(2)->pkey_index, 2);
	assert_int_equal(answered(2, 1).pkey_index, 1);
	dev->port[2].nr_pkeys = 1;
	dev->port[2].pkey[0] = 0x9999;
	dev->limits.pkey_tbl_len[2] = 1;
	send(sa_question(8));
	assert_int_equal(mad_posted(2)->pkey_index, DEFAULT_PKEY_INDEX);
	assert_int_equal(answered(2, DEFAULT_PKEY_INDEX).pkey_index, 0);
	dev->port[2].pkey[0] = 0x8202;
	send(area_question(GET, 9));
	assert_int_equal(mad_posted(2)->pkey_index, 2);
	mad_done(mad_posted(2));
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 0);
}

/* What comes for nobody, and what the guest has not asked */
static void test_strangers(void **state)
{
	struct ib_mad mad = { { 1, PERF_MGMT, 1, GET | RESPONSE } };

	mad_answer(1, &from_there, NULL, &mad);
	mad_answer(2, &from_there, NULL, &mad);
	send(area_question(GET, 7));
	/* At the other port it is another's */
	mad = mad_posted(2)->octets;
	mad.octets[3] |= RESPONSE;
	mad_answer(1, &from_there, NULL, &mad);
	assert_nothing();
	assert_int_equal(area_notified, 0);
}

static void test_refused(void **state)
{
	struct vibif_mad asked = area_question(SET, 7), m;

	asked.av.flags = VIBIF_AV_GRH;
	asked.av.dgid[15] = 3;
	asked.av.src_path_bits = 2;
	send(asked);
	m = take();
	assert_null(mad_posted(2));
	assert_int_equal(m.mad[3], GET | RESPONSE);
	assert_int_equal(m.mad[5], 0x0c);
	assert_memory_equal(m.mad + 8, asked.mad + 8, 8);
	assert_int_equal(m.av.dlid, LID);
	assert_int_equal(m.av.src_path_bits, 2);
	assert_int_equal(m.av.flags, VIBIF_AV_GRH);
	/* From there, and to the port's own GID */
	assert_int_equal(m.grh[0], 0x60);
	assert_int_equal(m.grh[23], 3);
	assert_int_equal(m.grh[24], 0xfe);
	assert_int_equal(m.grh[38], 2);
	asked = area_question(GET | RESPONSE, 8);
	send(asked);
	asked = area_question(GET, 9);
	asked.qpn = 2;
	send(asked);
	assert_nothing();
	assert_null(mad_posted(2));
	assert_int_equal(counted(IBBACK_COUNT_MAD_REFUSED), 3);
}

/* Messages of the CM: they have no answers, and IDs of their own. */
static void test_cm(void **state)
{
	struct vibif_mad asked = area_cm_request(dev), m;
	struct ib_wc wc = from_there;
	struct ib_mad mad;
	unsigned int i;

	ibback_cm_set_port(dev->hca->cm, 2, LID, 0, asked.mad + 80);
	send(asked);
	assert_non_null(mad_posted(2));
	assert_int_equal(mad_posted(2)->timeout_ms, 0);
	mad = mad_posted(2)->octets;
	assert_memory_equal(mad.octets + 8, asked.mad + 8, 8);
	assert_memory_not_equal(mad.octets + 24, asked.mad + 24, 4);
	assert_memory_equal(mad.octets + 28, asked.mad + 28, 256 - 28);
	assert_int_equal(counted(IBBACK_COUNT_MAD_TX), 1);
	/* It is rejected. */
	memcpy(mad.octets + 28, mad.octets + 24, 4);
	mad.octets[17] = 0x12;
	assert_true(guest_hook_mad(2, &wc, &mad));
	m = take();
	assert_int_equal(m.port, 2);
	assert_int_equal(m.av.dlid, LID);
	assert_int_equal(m.av.src_path_bits, 5);
	assert_memory_equal(m.mad + 28, asked.mad + 24, 4);
	assert_int_equal(area_notified, 1);
	assert_int_equal(counted(IBBACK_COUNT_MAD_RX), 1);
	/* Not about anything that there is */
	asked.mad[17] = 0x14;
	send(asked);
	assert_int_equal(counted(IBBACK_COUNT_MAD_REFUSED), 1);
	/* Of ib_core's messages it has no more than others. */
	asked.mad[17] = 0x10;
	for (i = 1; i < VIBIF_MAD_TRANSACTIONS; i++) {
		guest_now += 1000000000;
		send(asked);
	}
	assert_int_equal(mad_nr_messages(), VIBIF_MAD_TRANSACTIONS);
	send(asked);
	assert_int_equal(mad_nr_messages(), VIBIF_MAD_TRANSACTIONS);
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 1);
}

/* After it is gone nobody delivers to it. */
static void test_cm_disconnect(void **state)
{
	assert_int_equal(guest_hook_users(), 1);
	guest_hook_syncs = 0;
	ibback_gsi_disconnect(dev);
	assert_int_equal(guest_hook_users(), 0);
	assert_int_equal(guest_hook_syncs, 1);
}

/* The SA's part is done here, in a MAD without the SM_Key. */
static void test_member(void **state)
{
	struct vibif_mad asked = area_membership(dev), m;

	/* It lacks components */
	asked.mad[55] = 0;
	asked.mad[43] = 1;
	asked.av.src_path_bits = 2;
	send(asked);
	m = take();
	assert_null(mad_posted(2));
	assert_int_equal(m.mad[3], GET | RESPONSE);
	assert_int_equal(m.mad[4], 6);
	assert_int_equal(m.mad[43], 0);
	assert_memory_equal(m.mad + 8, asked.mad + 8, 8);
	assert_int_equal(m.av.dlid, LID);
	assert_int_equal(m.av.src_path_bits, 2);
	assert_int_equal(counted(IBBACK_COUNT_MAD_REFUSED), 1);
}

/* If it cannot be sent it is lost, and nothing stays of it. */
static void test_send_fails(void **state)
{
	struct books before, after;
	unsigned int call;

	books_read(dev, &before);
	for (call = 1;; call++) {
		fail_at(call);
		send(area_question(GET, call));
		if (!failed())
			break;
		assert_null(mad_posted(2));
		books_read(dev, &after);
		books_compare(&before, &after, failed_call());
		assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), call);
	}
	fail_at(0);
	/* The address handle, the message, posting it */
	assert_int_equal(call, 4);
	assert_non_null(mad_posted(2));
}

/* A port's QP has as many sends as this, and dom0 not more memory for them. */
static void test_unanswered(void **state)
{
	unsigned int i;

	for (i = 0; i < VIBIF_MAD_TRANSACTIONS + 10; i++) {
		guest_now += 1000000000;
		send(area_question(GET, i));
	}
	assert_int_equal(mad_nr_messages(), VIBIF_MAD_TRANSACTIONS);
	assert_int_equal(mad_nr_ahs(), VIBIF_MAD_TRANSACTIONS);
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 10);
	mad_done(mad_posted(2));
	send(area_question(GET, i));
	assert_int_equal(mad_nr_messages(), VIBIF_MAD_TRANSACTIONS);
}

/* The guest waits for itself. */
static void test_rate(void **state)
{
	struct vibif_mad asked = area_question(SET, 0);
	unsigned int i;

	for (i = 0; i < VIBIF_MAD_BURST; i++) {
		send(asked);
		take();
	}
	assert_int_equal(area_eois, VIBIF_MAD_BURST);
	put(asked);
	area_notify();
	kernel_run_work();
	/* Not taken, and no EOI: the work comes again by itself */
	assert_nothing();
	assert_int_equal(area_eois, VIBIF_MAD_BURST);
	assert_int_equal(kernel_books.works, 1);
	guest_now += 1000000000;
	kernel_run_work();
	take();
	assert_int_equal(kernel_books.works, 0);
	assert_int_equal(area_eois, VIBIF_MAD_BURST + 1);
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 0);
}

/* The guest has no slot, and hears of it when it has one again. */
static void test_no_slot(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_RX + 5; i++)
		send(area_question(SET, i));
	assert_int_equal(area.indices.rx_prod.value, NR_RX);
	assert_int_equal(area.indices.rx_dropped.value, 5);
	assert_int_equal(counted(IBBACK_COUNT_MAD_DROPPED), 5);
	/* It has taken nothing since the first */
	assert_int_equal(area_notified, 1);
	take();
	send(area_question(SET, i));
	assert_int_equal(area.indices.rx_prod.value, NR_RX + 1);
	assert_int_equal(area_notified, 1);
	area.indices.rx_cons.value = NR_RX + 1;
	send(area_question(SET, i));
	assert_int_equal(area_notified, 2);
}

/* What the guest says it has taken moves nothing but its own slots. */
static void test_bad_rx_cons(void **state)
{
	static const u32 values[] = { 1, 0x80000000, 0xffffffff, NR_RX + 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		area.indices.rx_cons.value = values[i];
		send(area_question(SET, i));
	}
	assert_null(area_rogue);
	area.indices.rx_cons.value = area.indices.rx_prod.value;
	send(area_question(SET, i));
	take();
	assert_nothing();
}

static void test_full(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_TX; i++)
		put(area_question(GET, i));
	ring();
	assert_null(area_rogue);
	assert_int_equal(area.indices.tx_cons.value, NR_TX);
	assert_int_equal(mad_nr_messages(), NR_TX);
	/* It may wait for a slot */
	assert_int_equal(area_notified, 1);
	send(area_question(GET, i));
	assert_int_equal(area_notified, 1);
}

static void test_overrun(void **state)
{
	static const u32 values[] = { NR_TX + 1, 0x80000000, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		area_rogue = NULL;
		area.indices.tx_prod.value = values[i];
		ring();
		assert_non_null(area_rogue);
		assert_int_equal(area_eois, 0);
		assert_int_equal(mad_nr_messages(), 0);
	}
}

/* With requests that wait for answers, and one that was not taken yet */
static void test_disconnect(void **state)
{
	struct books before, after;

	ibback_gsi_disconnect(dev);
	memset(&area, 0, sizeof(area));
	books_read(dev, &before);
	assert_int_equal(ibback_gsi_connect(dev), 0);
	send(area_question(GET, 1));
	send(area_question(GET, 2));
	assert_int_equal(mad_nr_messages(), 2);
	send(area_membership(dev));
	assert_int_equal(mcast_nr_members(), 1);
	put(area_question(GET, 3));
	area_notify();
	ibback_gsi_disconnect(dev);
	assert_int_equal(mcast_nr_members(), 0);
	assert_int_equal(mad_nr_messages(), 0);
	assert_int_equal(mad_nr_ahs(), 0);
	books_read(dev, &after);
	books_compare(&before, &after, "disconnecting");
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, connect_setup, teardown)
#define TEST_UNCONNECTED(name)						\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST_UNCONNECTED(test_no_area),
		TEST_UNCONNECTED(test_nodes),
		TEST_UNCONNECTED(test_connect_fails),
		TEST_UNCONNECTED(test_used_area),
		TEST(test_answer),
		TEST(test_routed),
		TEST(test_own_gid),
		TEST(test_sm_key),
		TEST(test_no_transaction),
		TEST(test_pkeys),
		TEST(test_default_pkey),
		TEST(test_strangers),
		TEST(test_refused),
		TEST(test_cm),
		TEST(test_cm_disconnect),
		TEST(test_member),
		TEST(test_send_fails),
		TEST(test_unanswered),
		TEST(test_rate),
		TEST(test_no_slot),
		TEST(test_bad_rx_cons),
		TEST(test_full),
		TEST(test_overrun),
		TEST(test_disconnect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
