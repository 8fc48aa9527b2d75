// SPDX-License-Identifier: GPL-2.0-only
/* What a guest may say in management datagrams, and to whom answers go. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mad_policy.h"

#define SUBN_ADM	0x03
#define PERF_MGMT	0x04
#define DEV_MGMT	0x06
#define VENDOR		0x32

#define GET		0x01
#define SET		0x02
#define SEND		0x03
#define GET_TABLE	0x12
#define DELETE		0x15
#define GET_RESP	0x81
#define TABLE_RESP	0x92

#define SM_LID		7
#define OTHER_LID	9
#define HI_TID		0xabcd0123

#define RMPP_DATA	1
#define RMPP_ACK	2
#define RMPP_ABORT	4

static const struct ibback_mad_rules rules = { .sm_lid = SM_LID, .pm = true };

struct mad {
	u8 octets[256];
};

static struct mad make(u8 mgmt_class, u8 method)
{
	struct mad m = {};

	memset(m.octets + 24, 0x5a, sizeof(m.octets) - 24);
	memset(m.octets + 24, 0, 12);
	m.octets[0] = 1;
	m.octets[1] = mgmt_class;
	m.octets[2] = mgmt_class == SUBN_ADM ? 2 : 1;
	m.octets[3] = method;
	memcpy(m.octets + 8, "12345678", 8);
	if (mgmt_class == VENDOR)
		memcpy(m.octets + 37, "\x00\x14\x05", 3);
	return m;
}

static struct mad make_rmpp(u8 method, u8 type)
{
	struct mad m = make(SUBN_ADM, method);

	m.octets[25] = type;
	m.octets[26] = 1;
	return m;
}

static enum ibback_mad_verdict judge(struct mad m)
{
	return ibback_mad_judge(m.octets, SM_LID, &rules);
}

/* Every method of every class */
static void test_methods(void **state)
{
	static const struct {
		u8 mgmt_class;
		u8 method;
	} allowed[] = {
		{ SUBN_ADM, GET }, { SUBN_ADM, GET_TABLE }, { PERF_MGMT, GET },
		{ DEV_MGMT, GET }, { VENDOR, GET },
	};
	unsigned int mgmt_class, method, i;
	enum ibback_mad_verdict wanted;

	(void)state;
	for (mgmt_class = 0; mgmt_class < 256; mgmt_class++) {
		for (method = 0; method < 256; method++) {
			wanted = method == GET || method == SET ||
				(method >= GET_TABLE && method <= 0x15) ?
				IBBACK_MAD_REFUSE : IBBACK_MAD_DISCARD;
			for (i = 0; i < 5; i++)
				if (mgmt_class == allowed[i].mgmt_class &&
				    method == allowed[i].method)
					wanted = IBBACK_MAD_REQUEST;
			assert_int_equal(judge(make(mgmt_class, method)),
					 wanted);
		}
	}
}

static void test_versions(void **state)
{
	static const u8 classes[] = { SUBN_ADM, PERF_MGMT, DEV_MGMT, VENDOR };
	unsigned int i, version;
	struct mad m;

	(void)state;
	for (i = 0; i < 4; i++) {
		for (version = 0; version < 256; version++) {
			m = make(classes[i], GET);
			m.octets[0] = version;
			assert_int_equal(judge(m), version == 1 ?
					 IBBACK_MAD_REQUEST :
					 IBBACK_MAD_REFUSE);
			m = make(classes[i], GET);
			m.octets[2] = version;
			assert_int_equal(judge(m),
					 version == 1 + (i == 0) ?
					 IBBACK_MAD_REQUEST :
					 IBBACK_MAD_REFUSE);
		}
	}
}

/* Questions about the subnet go to who can say no. */
static void test_sm_only(void **state)
{
	struct mad m = make(SUBN_ADM, GET_TABLE);

	(void)state;
	assert_int_equal(ibback_mad_judge(m.octets, OTHER_LID, &rules),
			 IBBACK_MAD_REFUSE);
	m = make(PERF_MGMT, GET);
	assert_int_equal(ibback_mad_judge(m.octets, OTHER_LID, &rules),
			 IBBACK_MAD_REQUEST);
}

/* Memberships are done here, if nothing of the question is odd. */
static void test_members(void **state)
{
	static const struct {
		u8 octet;
		u8 value;
		enum ibback_mad_verdict wanted;
	} others[] = {
		{ 0, 2, IBBACK_MAD_REFUSE },
		{ 1, DEV_MGMT, IBBACK_MAD_REFUSE },
		{ 2, 1, IBBACK_MAD_REFUSE },
		{ 3, GET, IBBACK_MAD_REQUEST },
		{ 3, 0x14, IBBACK_MAD_REFUSE },
		{ 3, SET | 0x80, IBBACK_MAD_DISCARD },
		{ 16, 1, IBBACK_MAD_REFUSE },
		{ 17, 0x30, IBBACK_MAD_REFUSE },
		{ 26, 1, IBBACK_MAD_DISCARD },
	};
	struct mad m = make(SUBN_ADM, SET);
	unsigned int i;

	(void)state;
	m.octets[17] = 0x38;
	assert_int_equal(judge(m), IBBACK_MAD_MEMBER);
	assert_int_equal(ibback_mad_judge(m.octets, OTHER_LID, &rules),
			 IBBACK_MAD_REFUSE);
	m.octets[3] = DELETE;
	assert_int_equal(judge(m), IBBACK_MAD_MEMBER);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct mad other = m;

		other.octets[others[i].octet] = others[i].value;
		assert_int_equal(judge(other), others[i].wanted);
	}
	/* Of a class that has another version */
	m.octets[1] = DEV_MGMT;
	m.octets[2] = 1;
	assert_int_equal(judge(m), IBBACK_MAD_REFUSE);
}

static void test_pm(void **state)
{
	const struct ibback_mad_rules no_pm = { .sm_lid = SM_LID };
	struct mad m = make(PERF_MGMT, GET);

	(void)state;
	assert_int_equal(ibback_mad_judge(m.octets, SM_LID, &no_pm),
			 IBBACK_MAD_REFUSE);
	m = make(DEV_MGMT, GET);
	assert_int_equal(ibback_mad_judge(m.octets, SM_LID, &no_pm),
			 IBBACK_MAD_REQUEST);
}

static void test_vendors(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 37; i < 40; i++) {
		struct mad m = make(VENDOR, GET);

		m.octets[i] ^= 0x80;
		assert_int_equal(judge(m), IBBACK_MAD_REFUSE);
	}
}

static void test_rmpp(void **state)
{
	enum ibback_mad_verdict wanted;
	unsigned int type;
	struct mad m;

	(void)state;
	for (type = 0; type < 256; type++) {
		wanted = type >= RMPP_ACK && type <= RMPP_ABORT ?
			IBBACK_MAD_CONTROL : IBBACK_MAD_DISCARD;
		assert_int_equal(judge(make_rmpp(GET_TABLE, type)), wanted);
		assert_int_equal(judge(make_rmpp(GET, type)), wanted);
		assert_int_equal(judge(make_rmpp(SET, type)),
				 IBBACK_MAD_DISCARD);
		assert_int_equal(judge(make_rmpp(TABLE_RESP, type)),
				 IBBACK_MAD_DISCARD);
	}
	/* To the SM only, too */
	m = make_rmpp(GET_TABLE, RMPP_ACK);
	assert_int_equal(ibback_mad_judge(m.octets, OTHER_LID, &rules),
			 IBBACK_MAD_DISCARD);
	/* A class without RMPP has other things there */
	m = make(PERF_MGMT, GET);
	m.octets[26] = 1;
	assert_int_equal(judge(m), IBBACK_MAD_REQUEST);
}

static void test_sm_key(void **state)
{
	struct mad m = make(SUBN_ADM, GET), before = m;

	(void)state;
	ibback_mad_clean(m.octets);
	memset(before.octets + 36, 0, 8);
	assert_memory_equal(&m, &before, sizeof(m));
	m = before = make(PERF_MGMT, GET);
	ibback_mad_clean(m.octets);
	assert_memory_equal(&m, &before, sizeof(m));
}

static void test_refuse(void **state)
{
	static const u8 methods[][2] = {
		{ GET, GET_RESP }, { SET, GET_RESP }, { GET_TABLE, TABLE_RESP },
		{ 0x13, 0x93 }, { 0x14, 0x94 }, { 0x15, 0x95 },
	};
	struct mad m, wanted;
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		m = make(SUBN_ADM, methods[i][0]);
		m.octets[4] = 0xff;
		wanted = m;
		wanted.octets[3] = methods[i][1];
		wanted.octets[4] = 0;
		wanted.octets[5] = 0x0c;
		ibback_mad_refuse(m.octets);
		assert_memory_equal(&m, &wanted, sizeof(m));
	}
}

/* Transactions */

static struct ibback_mad_tids tids;

static int setup(void **state)
{
	(void)state;
	memset(&tids, 0, sizeof(tids));
	return 0;
}

/* A request with this transaction ID, as it goes out */
static struct mad ask(u32 number)
{
	struct mad m = make(SUBN_ADM, GET_TABLE);

	memcpy(m.octets + 12, &number, sizeof(number));
	assert_true(ibback_mad_tid_out(&tids, m.octets, HI_TID, true));
	assert_memory_equal(m.octets + 8, "\xab\xcd\x01\x23", 4);
	return m;
}

static struct mad answer_to(struct mad m)
{
	m.octets[3] |= 0x80;
	return m;
}

static struct mad segment_to(struct mad m)
{
	m = answer_to(m);
	m.octets[25] = RMPP_DATA;
	m.octets[26] = 1;
	return m;
}

/* It is delivered, and under this ID. */
static void assert_for(struct mad m, u32 number)
{
	assert_true(ibback_mad_tid_in(&tids, m.octets));
	assert_memory_equal(m.octets + 8, "1234", 4);
	assert_memory_equal(m.octets + 12, &number, sizeof(number));
}

static void assert_for_nobody(struct mad m)
{
	struct mad before = m;

	assert_false(ibback_mad_tid_in(&tids, m.octets));
	assert_memory_equal(&m, &before, sizeof(m));
}

static void test_answers(void **state)
{
	struct mad one = ask(1), two = ask(2);

	(void)state;
	assert_memory_not_equal(one.octets + 8, two.octets + 8, 8);
	assert_for(answer_to(two), 2);
	assert_for(answer_to(one), 1);
	/* There is one answer */
	assert_for_nobody(answer_to(one));
}

/* What is sent again has the same ID, and one of another class has not. */
static void test_again(void **state)
{
	struct mad one = ask(1), again = ask(1), pm = make(PERF_MGMT, GET);

	(void)state;
	assert_memory_equal(&one, &again, sizeof(one));
	memcpy(pm.octets + 12, "\x01\x00\x00\x00", 4);
	assert_true(ibback_mad_tid_out(&tids, pm.octets, HI_TID, true));
	assert_memory_not_equal(pm.octets + 8, one.octets + 8, 8);
}

static void test_not_answers(void **state)
{
	struct mad one = ask(1), m;

	(void)state;
	assert_for_nobody(one);
	m = answer_to(one);
	m.octets[1] = PERF_MGMT;
	assert_for_nobody(m);
	m = answer_to(one);
	m.octets[15] ^= 1;
	assert_for_nobody(m);
	m = answer_to(one);
	m.octets[12] ^= 0x80;
	assert_for_nobody(m);
	/* Of a table that is empty yet, or again */
	assert_for(answer_to(one), 1);
	assert_for_nobody(answer_to(one));
	memset(&tids, 0, sizeof(tids));
	m = answer_to(one);
	memset(m.octets + 12, 0, 4);
	assert_for_nobody(m);
}

/* An answer of segments, with what the guest says to each */
static void test_segments(void **state)
{
	struct mad one = ask(1), ack;
	u32 number = 1;

	(void)state;
	assert_for(segment_to(one), 1);
	assert_for(segment_to(one), 1);
	ack = make_rmpp(GET_TABLE, RMPP_ACK);
	memcpy(ack.octets + 12, &number, 4);
	assert_true(ibback_mad_tid_out(&tids, ack.octets, HI_TID, false));
	assert_memory_equal(ack.octets + 8, one.octets + 8, 8);
	assert_for(segment_to(one), 1);
	/* Nobody has begun this one */
	number = 2;
	ack = make_rmpp(GET_TABLE, RMPP_ACK);
	memcpy(ack.octets + 12, &number, 4);
	assert_false(ibback_mad_tid_out(&tids, ack.octets, HI_TID, false));
	/* In a class without RMPP nothing is a segment */
	one = make(PERF_MGMT, GET);
	assert_true(ibback_mad_tid_out(&tids, one.octets, HI_TID, true));
	one = segment_to(one);
	assert_true(ibback_mad_tid_in(&tids, one.octets));
	one = make(PERF_MGMT, GET);
	assert_false(ibback_mad_tid_out(&tids, one.octets, HI_TID, false));
}

/* The one that was not used for the longest is forgotten, and stays so. */
static void test_many(void **state)
{
	struct mad first = ask(0), second = ask(1);
	u32 i;

	(void)state;
	for (i = 2; i < VIBIF_MAD_TRANSACTIONS; i++)
		ask(i);
	assert_for(segment_to(first), 0);
	ask(i);
	assert_for_nobody(answer_to(second));
	assert_for(segment_to(first), 0);
	/* One that has ended goes before all others */
	assert_for(answer_to(first), 0);
	ask(i + 1);
	assert_for_nobody(answer_to(first));
	for (i = 2; i <= VIBIF_MAD_TRANSACTIONS + 1; i++)
		assert_for(answer_to(ask(i)), i);
}

static void test_bucket(void **state)
{
	const u64 second = 1000000000;
	struct ibback_mad_bucket b = {};
	unsigned int i;
	u64 wait, now = 5 * second;

	(void)state;
	for (i = 0; i < VIBIF_MAD_BURST; i++)
		assert_int_equal(ibback_mad_bucket_take(&b, 1000, now), 0);
	wait = ibback_mad_bucket_take(&b, 1000, now);
	assert_int_equal(wait, second / 1000);
	assert_int_not_equal(ibback_mad_bucket_take(&b, 1000, now + wait - 1),
			     0);
	assert_int_equal(ibback_mad_bucket_take(&b, 1000, now + wait), 0);
	/* At the rate from then on */
	now += wait;
	for (i = 0; i < 10; i++) {
		wait = ibback_mad_bucket_take(&b, 1000, now);
		assert_int_equal(wait, second / 1000);
		now += wait;
		assert_int_equal(ibback_mad_bucket_take(&b, 1000, now), 0);
	}
	/* And never more than a burst at once */
	now += 1000 * second;
	for (i = 0; i < VIBIF_MAD_BURST; i++)
		assert_int_equal(ibback_mad_bucket_take(&b, 1000, now), 0);
	assert_int_not_equal(ibback_mad_bucket_take(&b, 1000, now), 0);
	/* The slowest and the fastest */
	memset(&b, 0, sizeof(b));
	for (i = 0; i < VIBIF_MAD_BURST; i++)
		assert_int_equal(ibback_mad_bucket_take(&b, 1, now), 0);
	assert_int_equal(ibback_mad_bucket_take(&b, 1, now), second);
	memset(&b, 0, sizeof(b));
	for (i = 0; i < VIBIF_MAD_BURST; i++)
		assert_int_equal(ibback_mad_bucket_take(&b, VIBIF_MAX_MAD_RATE,
							now), 0);
	assert_int_equal(ibback_mad_bucket_take(&b, VIBIF_MAX_MAD_RATE, now),
			 second / VIBIF_MAX_MAD_RATE);
}

/* Whatever the octets are, all of it ends and reads nothing but them. */
static void test_noise(void **state)
{
	struct mad *m = malloc(sizeof(*m));
	unsigned int i, j;

	(void)state;
	srand(1);
	for (i = 0; i < 20000; i++) {
		*m = make(rand() % 8, rand() % 32);
		for (j = 0; j < 64; j++)
			if (!(rand() % 8))
				m->octets[j] = rand();
		ibback_mad_judge(m->octets, rand() % 10, &rules);
		ibback_mad_clean(m->octets);
		ibback_mad_tid_out(&tids, m->octets, HI_TID, rand() % 2);
		m->octets[3] = rand();
		ibback_mad_tid_in(&tids, m->octets);
		ibback_mad_refuse(m->octets);
	}
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_sm_only),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_pm),
		cmocka_unit_test(test_vendors),
		cmocka_unit_test(test_rmpp),
		cmocka_unit_test(test_sm_key),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test_setup(test_answers, setup),
		cmocka_unit_test_setup(test_again, setup),
		cmocka_unit_test_setup(test_not_answers, setup),
		cmocka_unit_test_setup(test_segments, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test(test_bucket),
		cmocka_unit_test_setup(test_noise, setup),
	};

	return cmocka_run_group_tests_name("mad_policy", tests, NULL, NULL);
}
