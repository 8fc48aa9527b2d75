// SPDX-License-Identifier: GPL-2.0-only
/* A guest's memberships of multicast groups, without hardware. */

#include "guest.h"

#define PORT		2
/* What the port has, see rdma.c */
#define PKEY		0x8201
#define SHARED_GID	"\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\2"
#define MCMEMBER	56

#define SET		0x02
#define DELETE		0x15
#define FULL		1
#define SEND_ONLY	4

/* Components, from the last: join state, P_Key, PortGID, MGID */
#define MASK_JOIN	0x10083
#define MASK_LEAVE	0x10003

#define NO_RESOURCES	0x0100
#define INVALID		0x0200
#define INVALID_GID	0x0500
#define INCOMPLETE	0x0600
#define DENIED		0x0700

static const struct obj device;
static struct ibback_dev *dev;
static struct vibif_mad answer;
static unsigned int nr_answers;

void ibback_gsi_answer(struct ibback_dev *d, const struct vibif_mad *m)
{
	assert_ptr_equal(d, dev);
	answer = *m;
	nr_answers++;
}

static int setup(void **state)
{
	int err = guest_setup(state);

	xen_write(GUEST_DIR, "max-mcast", "4");
	dev = guest_new();
	ibback_members_init(dev);
	nr_answers = 0;
	return err;
}

static int teardown(void **state)
{
	ibback_members_leave(dev);
	assert_int_equal(mcast_nr_members(), 0);
	assert_int_equal(atomic_read(&dev->used[IBBACK_MCAST]), 0);
	return guest_teardown(state);
}

/* As the guest asks */

static void put_mask(struct vibif_mad *m, u32 mask)
{
	mask = cpu_to_be32(mask);
	memcpy(m->mad + 52, &mask, sizeof(mask));
}

static struct vibif_mad question(u8 method, u8 group, u8 join_state)
{
	struct vibif_mad m = {
		.port = PORT,
		.qpn = 1,
		.av.dlid = 1,
		.mad = { 1, 3, 2, method, [8] = 'T', 'I', 'D', [17] = 0x38 },
	};
	u8 *rec = m.mad + MCMEMBER;

	put_mask(&m, method == SET ? MASK_JOIN : MASK_LEAVE);
	rec[0] = 0xff;
	rec[15] = group;
	memcpy(rec + 16, SHARED_GID, 16);
	rec[40] = PKEY >> 8;
	rec[41] = PKEY & 0xff;
	rec[48] = join_state;
	return m;
}

static enum ibback_counter ask(struct vibif_mad m)
{
	return ibback_members_ask(dev, &m);
}

static unsigned int status(void)
{
	return answer.mad[4] << 8 | answer.mad[5];
}

static void assert_refused(struct vibif_mad m, unsigned int wanted)
{
	unsigned int before = nr_answers;

	assert_int_equal(ask(m), IBBACK_COUNT_MAD_REFUSED);
	assert_int_equal(nr_answers, before + 1);
	assert_int_equal(status(), wanted);
	assert_memory_equal(answer.mad + 8, "TID", 3);
}

static struct ib_sa_multicast *join(u8 group, u8 join_state)
{
	struct ib_sa_multicast *sa;

	assert_int_equal(ask(question(SET, group, join_state)),
			 IBBACK_COUNT_MAD_TX);
	sa = mcast_member(mcast_nr_members() - 1);
	mcast_tell(sa, 0);
	assert_int_equal(status(), 0);
	return sa;
}

static void settle(long members)
{
	kernel_run_work();
	assert_int_equal(mcast_nr_members(), members);
	assert_int_equal(atomic_read(&dev->used[IBBACK_MCAST]), members);
}

/* Tests */

/* All that the record has, from the guest and to it */
static void test_join(void **state)
{
	struct vibif_mad m = question(SET, 7, FULL);
	struct ib_sa_multicast *sa;
	u8 *rec = m.mad + MCMEMBER;
	unsigned int i;

	for (i = 32; i < 48; i++)
		if (i != 40 && i != 41)
			rec[i] = 0x11 * (i - 31) + i;
	rec[48] |= 0x50;
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	assert_int_equal(nr_answers, 0);
	sa = mcast_member(0);
	assert_int_equal(sa->port, PORT);
	assert_int_equal(sa->comp_mask, cpu_to_be64(MASK_JOIN));
	assert_memory_equal(&sa->rec.mgid, rec, 16);
	assert_memory_equal(&sa->rec.qkey, rec + 32, 4);
	assert_memory_equal(&sa->rec.mlid, rec + 36, 2);
	assert_int_equal(sa->rec.mtu_selector, rec[38] >> 6);
	assert_int_equal(sa->rec.mtu, rec[38] & 0x3f);
	assert_int_equal(sa->rec.traffic_class, rec[39]);
	assert_int_equal(be16_to_cpu(sa->rec.pkey), PKEY);
	assert_int_equal(sa->rec.rate_selector, rec[42] >> 6);
	assert_int_equal(sa->rec.rate, rec[42] & 0x3f);
	assert_int_equal(sa->rec.packet_life_time_selector, rec[43] >> 6);
	assert_int_equal(sa->rec.packet_life_time, rec[43] & 0x3f);
	assert_int_equal(sa->rec.sl, rec[44] >> 4);
	assert_int_equal(be32_to_cpu(sa->rec.flow_label),
			 (rec[44] & 15) << 16 | rec[45] << 8 | rec[46]);
	assert_int_equal(sa->rec.hop_limit, rec[47]);
	assert_int_equal(sa->rec.scope, 5);
	assert_int_equal(sa->rec.join_state, FULL);
	/* What the subnet manager has chosen */
	sa->rec.mlid = cpu_to_be16(0xc00d);
	mcast_tell(sa, 0);
	assert_int_equal(nr_answers, 1);
	m.mad[3] = 0x81;
	rec[36] = 0xc0;
	rec[37] = 0x0d;
	assert_memory_equal(answer.mad, m.mad, sizeof(m.mad));
	assert_int_equal(answer.av.dlid, 1);
	settle(1);
}

/* The port joins, by its own GID, for a guest that has another. */
static void test_own_gid(void **state)
{
	struct vibif_mad m = question(SET, 7, FULL);
	struct ib_sa_multicast *sa;
	u8 *port_gid = m.mad + MCMEMBER + 16;

	fake_device.guid[PORT][3] = 0x1234;
	dev->port[PORT].sgid_index = 3;
	assert_refused(m, INVALID_GID);
	memcpy(port_gid + 8, "\0\0\0\0\0\0\x12\x34", 8);
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	sa = mcast_member(0);
	assert_memory_equal(&sa->rec.port_gid, SHARED_GID, 16);
	mcast_tell(sa, 0);
	assert_memory_equal(answer.mad + MCMEMBER + 16, port_gid, 16);
	/* It leaves as itself, too */
	assert_refused(question(DELETE, 7, FULL), INVALID_GID);
	settle(1);
	dev->port[PORT].sgid_index = 0;
}


static void test_incomplete(void **state)
{
	struct vibif_mad m = question(SET, 7, FULL);
	unsigned int bit;

	for (bit = 0; bit < 18; bit++) {
		if (!(MASK_JOIN & 1 << bit))
			continue;
		m = question(SET, 7, FULL);
		put_mask(&m, MASK_JOIN & ~(1 << bit));
		assert_refused(m, INCOMPLETE);
	}
	join(7, FULL);
	for (bit = 0; bit < 18; bit++) {
		if (!(MASK_LEAVE & 1 << bit))
			continue;
		m = question(DELETE, 7, FULL);
		put_mask(&m, MASK_LEAVE & ~(1 << bit));
		assert_refused(m, INCOMPLETE);
	}
	settle(1);
}

static void test_not_for_guests(void **state)
{
	struct vibif_mad m = question(SET, 7, FULL);
	unsigned int i;

	/* For another port */
	put_mask(&m, MASK_JOIN | 1 << 17);
	assert_refused(m, INVALID_GID);
	/* The SA is to name the group */
	m = question(SET, 7, FULL);
	m.mad[MCMEMBER] = 0;
	assert_refused(m, INVALID);
	for (i = 0; i < 16; i++)
		if (i != 1 && i != 2 && i != 4 && i != 8)
			assert_refused(question(SET, 7, i), INVALID);
	/* One of the port's partitions is none of the guest's */
	dev->port[PORT].nr_pkeys = 1;
	dev->port[PORT].pkey[0] = 0x8202;
	ibback_limits_set(dev);
	assert_refused(question(SET, 7, FULL), DENIED);
	m = question(SET, 7, FULL);
	m.mad[MCMEMBER + 40] = 0x02;
	m.mad[MCMEMBER + 41] = 0x02;
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	/* Nor is one that it is to have, and the port has not */
	dev->port[PORT].pkey[0] = 0x9999;
	m = question(SET, 8, FULL);
	m.mad[MCMEMBER + 40] = 0x99;
	m.mad[MCMEMBER + 41] = 0x99;
	assert_refused(m, DENIED);
	m.mad[MCMEMBER + 40] = 0x80;
	m.mad[MCMEMBER + 41] = 0;
	assert_refused(m, DENIED);
	settle(1);
}

/* An MGID says whose partition's IPoIB it is for. */
static void test_group_of_another_partition(void **state)
{
	const u8 signatures[] = { 0x40, 0x60 };
	struct vibif_mad m;
	u8 *mgid;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signatures); i++) {
		m = question(SET, i, FULL);
		mgid = m.mad + MCMEMBER;
		mgid[1] = 0x12;
		mgid[2] = signatures[i];
		mgid[3] = 0x1b;
		mgid[4] = 0x82;
		mgid[5] = 0x02;
		assert_refused(m, DENIED);
		/* Of the same one, with and without the bit for full members */
		mgid[4] = PKEY >> 8 ^ 0x80;
		mgid[5] = PKEY & 0xff;
		assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
		/* Not IPoIB's */
		m = question(SET, 8 + i, FULL);
		mgid[2] = 0x41;
		mgid[3] = 0x1b;
		mgid[4] = 0x82;
		assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	}
	settle(4);
}

/* A program that has no answer yet asks again. */
static void test_again(void **state)
{
	struct vibif_mad m = question(SET, 7, FULL);

	assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	m.mad[8] = 'N';
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	assert_int_equal(mcast_nr_members(), 1);
	/* Something else waits for that */
	m.mad[8] = 'X';
	m.mad[MCMEMBER + 39] = 1;
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_DROPPED);
	put_mask(&m, MASK_JOIN | 1 << 6);
	m.mad[MCMEMBER + 39] = 0;
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_DROPPED);
	assert_int_equal(mcast_nr_members(), 1);
	mcast_tell(mcast_member(0), 0);
	assert_int_equal(nr_answers, 1);
	assert_memory_equal(answer.mad + 8, "NID", 3);
	/* Other groups are not kept waiting */
	ask(question(SET, 8, FULL));
	ask(question(SET, 9, FULL));
	assert_int_equal(mcast_nr_members(), 3);
}

/* Whose answer was lost is a member once, by what ib_core says now. */
static void test_member_asks(void **state)
{
	struct ib_sa_multicast *old = join(7, FULL), *new;

	assert_int_equal(ask(question(SET, 7, FULL)), IBBACK_COUNT_MAD_TX);
	new = mcast_member(1);
	/* One is there until the other is: the port stays in the group */
	settle(2);
	mcast_tell(new, 0);
	assert_int_equal(nr_answers, 2);
	assert_int_equal(mcast_nr_members(), 2);
	settle(1);
	assert_ptr_equal(mcast_member(0), new);
	/* The earlier one ends while it is given back */
	old = new;
	new = join(7, FULL);
	mcast_tell(old, -ENETRESET);
	settle(1);
	assert_ptr_equal(mcast_member(0), new);
	/* Other values than the group's */
	assert_int_equal(ask(question(SET, 7, FULL)), IBBACK_COUNT_MAD_TX);
	mcast_tell(mcast_member(1), -EINVAL);
	assert_int_equal(status(), INVALID);
	settle(1);
	assert_ptr_equal(mcast_member(0), new);
}

/* Each group, port and state is one of its own. */
static void test_states(void **state)
{
	struct vibif_mad m;

	join(7, FULL);
	join(7, SEND_ONLY);
	assert_int_equal(answer.mad[MCMEMBER + 48], FULL | SEND_ONLY);
	join(8, FULL);
	assert_int_equal(answer.mad[MCMEMBER + 48], FULL);
	m = question(SET, 7, FULL);
	m.port = 1;
	m.mad[MCMEMBER + 30] = 1;
	m.mad[MCMEMBER + 40] = 0x81;
	assert_int_equal(ask(m), IBBACK_COUNT_MAD_TX);
	mcast_tell(mcast_member(3), 0);
	assert_int_equal(answer.mad[MCMEMBER + 48], FULL);
	settle(4);
	assert_int_equal(ask(question(DELETE, 7, FULL)), IBBACK_COUNT_MAD_TX);
	assert_int_equal(answer.mad[3], 0x95);
	assert_int_equal(status(), 0);
	settle(3);
	assert_int_equal(mcast_member(0)->rec.join_state, SEND_ONLY);
	/* All that are left of the group */
	join(7, FULL);
	assert_int_equal(ask(question(DELETE, 7, FULL | SEND_ONLY)),
			 IBBACK_COUNT_MAD_TX);
	settle(2);
	assert_refused(question(DELETE, 7, FULL), INVALID);
	assert_refused(question(DELETE, 8, SEND_ONLY), INVALID);
	settle(2);
}

/* What it is not in yet it is not told. */
static void test_two_at_once(void **state)
{
	ask(question(SET, 7, FULL));
	join(7, SEND_ONLY);
	assert_int_equal(answer.mad[MCMEMBER + 48], SEND_ONLY);
	mcast_tell(mcast_member(0), 0);
	assert_int_equal(answer.mad[MCMEMBER + 48], FULL | SEND_ONLY);
	settle(2);
}

/* It leaves before it is in. */
static void test_leave_early(void **state)
{
	assert_int_equal(ask(question(SET, 7, FULL)), IBBACK_COUNT_MAD_TX);
	assert_int_equal(ask(question(DELETE, 7, FULL)), IBBACK_COUNT_MAD_TX);
	/* ib_core was about to say so */
	mcast_tell(mcast_member(0), 0);
	assert_int_equal(nr_answers, 1);
	settle(0);
}

/* What the subnet manager says, and that it says nothing */
static void test_failures(void **state)
{
	static const int errors[] = { -ETIMEDOUT, -EAGAIN, -EINVAL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		assert_int_equal(ask(question(SET, 7, FULL)),
				 IBBACK_COUNT_MAD_TX);
		mcast_tell(mcast_member(0), errors[i]);
		assert_int_equal(nr_answers, errors[i] == -EINVAL);
		assert_int_equal(guest_events(device), 0);
		settle(0);
	}
	assert_int_equal(status(), INVALID);
	assert_memory_equal(answer.mad + 8, "TID", 3);
}

/* The subnet manager has restarted: it knows of none. */
static void test_reset(void **state)
{
	struct ib_sa_multicast *sa = join(7, FULL);

	assert_int_equal(guest_events(device), 0);
	mcast_tell(sa, -ENETRESET);
	assert_int_equal(nr_answers, 1);
	assert_int_equal(guest_events(device), 1U << VIBIF_EVENT_PORT(
				 PORT, VIBIF_EVENT_PORT_CLIENT_REREGISTER));
	settle(0);
	assert_refused(question(DELETE, 7, FULL), INVALID);
	join(7, FULL);
}

static void test_quota(void **state)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		join(i, FULL);
	assert_refused(question(SET, i, FULL), NO_RESOURCES);
	settle(4);
	assert_int_equal(ask(question(DELETE, 2, FULL)), IBBACK_COUNT_MAD_TX);
	settle(3);
	join(i, FULL);
}

/* Whatever fails, nothing is left of it. */
static void test_join_fails(void **state)
{
	struct vibif_mad m = question(SET, 7, FULL);
	struct books before, after;
	unsigned int call;

	books_read(dev, &before);
	for (call = 1;; call++) {
		fail_at(call);
		ask(m);
		if (!failed())
			break;
		/* Another P_Key is as good as that which cannot be read. */
		if (mcast_nr_members()) {
			assert_string_equal(failed_call(),
					    "ib_get_cached_pkey");
			ask(question(DELETE, 7, FULL));
		}
		settle(0);
		books_read(dev, &after);
		books_compare(&before, &after, failed_call());
	}
	fail_at(0);
	assert_int_equal(mcast_nr_members(), 1);
}

/* In every state that one can have */
static void test_disconnect(void **state)
{
	struct books before, after;

	books_read(dev, &before);
	join(1, FULL);
	join(2, FULL);
	ask(question(SET, 3, FULL));
	ask(question(DELETE, 1, FULL));
	mcast_tell(mcast_member(1), -ENETRESET);
	ibback_members_leave(dev);
	books_read(dev, &after);
	books_compare(&before, &after, "leaving all groups");
	assert_int_equal(mcast_nr_members(), 0);
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_join),
		TEST(test_own_gid),
		TEST(test_incomplete),
		TEST(test_not_for_guests),
		TEST(test_group_of_another_partition),
		TEST(test_again),
		TEST(test_member_asks),
		TEST(test_states),
		TEST(test_two_at_once),
		TEST(test_leave_early),
		TEST(test_failures),
		TEST(test_reset),
		TEST(test_quota),
		TEST(test_join_fails),
		TEST(test_disconnect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
