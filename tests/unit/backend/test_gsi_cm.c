// SPDX-License-Identifier: GPL-2.0-only
/*
 * As who a guest has connections: what its device says of it, told to what
 * test_cm.c tests.
 */

#include "guest.h"

#define GUID		0x0200000000000abcULL
#define NODE_GUID	0x0200000000000defULL
#define PEER_LID	0x31
#define OUR_LID		0x20

/* Octets of a REQ */
#define REQ_ID		24
#define REQ_SERVICE	32
#define REQ_GUID	40
#define REQ_QPN		56
#define REQ_PKEY	72
#define REQ_LID		76
#define REQ_GID		80
#define REQ_TO_GID	96
#define REQ_DATA	164

static struct ibback_dev *dev;

/* In place of gsi.c */
static struct ibback_dev *received_by;
static struct ib_mad received;

void ibback_gsi_receive(struct ibback_dev *d, u32 port, const struct ib_wc *wc,
			const struct ib_grh *grh, const u8 *mad)
{
	assert_null(received_by);
	assert_int_equal(port, 1);
	received_by = d;
	memcpy(&received, mad, sizeof(received));
}

static int setup(void **state)
{
	int err = guest_setup(state);
	u32 port;

	ib_device_remove(&fake_device);
	for (port = 1; port <= VIBIF_MAX_PORTS; port++) {
		fake_device.port[port].state = IB_PORT_ACTIVE;
		fake_device.port[port].lid = OUR_LID;
	}
	assert_int_equal(ib_device_add(&fake_device), 0);
	received_by = NULL;
	guest_now = 1000000000;
	guest_hook_syncs = 0;
	dev = NULL;
	return err;
}

static int teardown(void **state)
{
	if (dev && dev->hca) {
		mutex_lock(&dev->lock);
		ibback_gsi_cm_close(dev);
		mutex_unlock(&dev->lock);
		assert_int_equal(guest_hook_users(), 0);
	}
	return guest_teardown(state);
}

static void open_guest(void)
{
	dev = guest_new();
	kernel_run_work();
	mutex_lock(&dev->lock);
	ibback_gsi_cm_open(dev);
	mutex_unlock(&dev->lock);
}

/* One that has all of its own */
static void open_named(void)
{
	xen_write(GUEST_DIR, "guid-1", "0200:0000:0000:0abc");
	xen_write(GUEST_DIR, VIBIF_FIELD_NODE_GUID, "0200:0000:0000:0def");
	open_guest();
	assert_int_equal(dev->port[1].gid_state, IBBACK_GID_ALIAS);
}

static struct obj new_qp(void)
{
	struct obj context = guest_create(dev, req_context());
	struct obj pd = guest_create(dev, req_pd());
	struct obj cq = guest_create(dev, req_cq(context));

	return guest_create(dev, req_qp(VIBIF_QPT_RC, context, pd, cq));
}

static void put(u8 *mad, unsigned int at, unsigned int octets, u64 value)
{
	while (octets--) {
		mad[at + octets] = value;
		value >>= 8;
	}
}

static void put_gid(u8 *mad, unsigned int at, u64 guid)
{
	put(mad, at, 8, 0xfe80ULL << 48);
	put(mad, at + 8, 8, guid);
}

/* A REQ that says all that is so of open_named()'s guest */
static struct vibif_mad request(u32 qpn, u32 id)
{
	struct vibif_mad m = {
		.port = 1,
		.qpn = 1,
		.av.dlid = PEER_LID,
		.mad = { 1, 0x07, 2, 0x03, [17] = 0x10 },
	};

	put(m.mad, REQ_ID, 4, id);
	put(m.mad, REQ_GUID, 8, NODE_GUID);
	put(m.mad, REQ_QPN, 3, qpn);
	put(m.mad, REQ_PKEY, 2, 0x8101);
	put(m.mad, REQ_LID, 2, OUR_LID);
	put_gid(m.mad, REQ_GID, GUID);
	return m;
}

static int sends(struct vibif_mad m)
{
	return ibback_gsi_cm_out(dev, &m);
}

static enum { PASSES, IS_LOST, COMES } sorted;

/* One from the fabric, to a GID of port 1; whether it was a guest's */
static bool comes(u32 port, u64 guid)
{
	static const struct ib_wc wc = { .src_qp = 1, .slid = PEER_LID };
	struct ib_mad mad = { { 1, 0x07, 2, 0x03, [17] = 0x10 } };

	put(mad.octets, REQ_ID, 4, 5);
	put_gid(mad.octets, REQ_TO_GID, guid);
	received_by = NULL;
	if (!guest_hook_mad(port, &wc, &mad)) {
		sorted = PASSES;
		return false;
	}
	sorted = received_by ? COMES : IS_LOST;
	if (!received_by)
		return false;
	assert_ptr_equal(received_by, dev);
	assert_memory_equal(&received, &mad, sizeof(mad));
	return true;
}

/* Tests */

static void test_identity(void **state)
{
	struct vibif_mad m;
	u32 qpn;

	open_named();
	qpn = new_qp().number;
	m = request(qpn, 1);
	assert_int_equal(sends(m), 0);
	/* The port's GID, and the HCA's GUID, are the domain's own. */
	put_gid(m.mad, REQ_GID, 1 << 8);
	assert_int_equal(sends(m), -EPERM);
	m = request(qpn, 1);
	put(m.mad, REQ_GUID, 8, FAKE_GUID);
	assert_int_equal(sends(m), -EPERM);
	m = request(qpn, 1);
	put(m.mad, REQ_LID, 2, OUR_LID + 1);
	assert_int_equal(sends(m), -EPERM);
	m = request(qpn, 1);
	m.mad[17] = 0x1b;
	assert_int_equal(sends(m), -EINVAL);
	assert_true(comes(1, GUID));
	/* What is not its own is dom0's, or nobody's and nobody's loss. */
	assert_false(comes(1, 1 << 8));
	assert_int_equal(sorted, PASSES);
	assert_false(comes(1, GUID + 1));
	assert_int_equal(sorted, IS_LOST);
	assert_int_equal(atomic64_read(&dev->count[IBBACK_COUNT_MAD_DROPPED]),
			 0);
}

/* Without a name of its own it has the HCA's. */
static void test_shared(void **state)
{
	struct vibif_mad m;

	open_guest();
	assert_int_equal(dev->port[1].gid_state, IBBACK_GID_SHARED);
	m = request(new_qp().number, 1);
	assert_int_equal(sends(m), -EPERM);
	put(m.mad, REQ_GUID, 8, FAKE_GUID);
	assert_int_equal(sends(m), -EPERM);
	put_gid(m.mad, REQ_GID, 1 << 8);
	assert_int_equal(sends(m), 0);
	/* Without an IP address it cannot be called. */
	assert_false(comes(1, 1 << 8));
}

/* What it is called may be decided late. */
static void test_gid_changes(void **state)
{
	xen_write(GUEST_DIR, "guid-1", "0200:0000:0000:0abc");
	fake_device.sm.silent = true;
	open_guest();
	assert_false(comes(1, GUID));
	fake_device.sm.silent = false;
	ib_device_event(&fake_device, IB_EVENT_SM_CHANGE, 1);
	kernel_run_work();
	assert_int_equal(dev->port[1].gid_state, IBBACK_GID_ALIAS);
	assert_true(comes(1, GUID));
}

/* So may its LID. */
static void test_lid_changes(void **state)
{
	struct vibif_mad m;
	u32 qpn;

	open_named();
	qpn = new_qp().number;
	fake_device.port[1].lid = OUR_LID + 8;
	fake_device.port[1].lmc = 1;
	m = request(qpn, 1);
	put(m.mad, REQ_LID, 2, OUR_LID + 9);
	assert_int_equal(sends(m), -EPERM);
	ib_device_event(&fake_device, IB_EVENT_LID_CHANGE, 1);
	assert_int_equal(sends(m), 0);
	assert_int_equal(sends(request(qpn, 1)), -EPERM);
}

/* A queue pair is the guest's from its creation until it is destroyed. */
static void test_qps(void **state)
{
	struct obj first, second;

	open_named();
	assert_int_equal(sends(request(0, 1)), -EPERM);
	first = new_qp();
	second = new_qp();
	assert_int_equal(sends(request(first.number, 1)), 0);
	assert_int_equal(sends(request(second.number, 2)), 0);
	assert_int_equal(sends(request(second.number + 1, 3)), -EPERM);
	/* Of the same bucket */
	assert_int_equal(sends(request(first.number + (1 << 16), 3)), -EPERM);
	assert_int_equal(guest_destroy(dev, first), 0);
	assert_int_equal(sends(request(first.number, 4)), -EPERM);
	assert_int_equal(sends(request(second.number, 5)), 0);
}

/* When the HCA can give the number to another it is not the guest's any more */
static u32 dying;
static unsigned int seen_dying;

static void check_dying(u32 qpn)
{
	assert_int_equal(qpn, dying);
	assert_int_equal(sends(request(qpn, 9)), -EPERM);
	seen_dying++;
}

static void test_qp_dies(void **state)
{
	struct obj qp, pd;

	open_named();
	qp = new_qp();
	dying = qp.number;
	fake_qp_dies = check_dying;
	assert_int_equal(guest_destroy(dev, qp), 0);
	fake_qp_dies = NULL;
	assert_int_equal(seen_dying, 1);
	/* Other objects have numbers, too. */
	pd = guest_create(dev, req_pd());
	assert_int_equal(sends(request(pd.number, 1)), -EPERM);
}

static int sends_pkey(u32 qpn, u16 pkey)
{
	struct vibif_mad m = request(qpn, 1);

	put(m.mad, REQ_PKEY, 2, pkey);
	return sends(m);
}

/* Those that it is given, as a full or a limited member */
static void test_pkeys(void **state)
{
	u32 qpn;

	xen_write(GUEST_DIR, "pkeys-1", "0x8102,0x9999");
	open_named();
	qpn = new_qp().number;
	assert_int_equal(sends_pkey(qpn, 0x8102), 0);
	assert_int_equal(sends_pkey(qpn, 0x0102), 0);
	assert_int_equal(sends_pkey(qpn, 0x8101), -EPERM);
	/* The HCA is not in this one. */
	assert_int_equal(sends_pkey(qpn, 0x9999), -EPERM);
	assert_int_equal(sends_pkey(qpn, 0), -EPERM);
}

static void test_all_pkeys(void **state)
{
	u32 qpn;

	open_named();
	qpn = new_qp().number;
	assert_int_equal(sends_pkey(qpn, 0x8102), 0);
	assert_int_equal(sends_pkey(qpn, 0x8202), -EPERM);
	assert_int_equal(sends_pkey(qpn, 0x8000), -EPERM);
}

/* A guest has no more connections than it may. */
static void test_too_many(void **state)
{
	open_named();
	dev->cm.max_ids = 0;
	assert_int_equal(sends(request(new_qp().number, 5)), -ENOSPC);
	assert_int_equal(atomic64_read(&dev->refused[IBBACK_LIMIT_CONNECTIONS]),
			 1);
	assert_true(kernel_logged("refused: over its limit of connections, 0\n"));
}

/* If nothing can be had in front of the domain's CM, guests have none. */
static void test_no_hook(void **state)
{
	guest_no_hook = true;
	open_named();
	assert_int_equal(sends(request(new_qp().number, 1)), -EOPNOTSUPP);
	assert_int_equal(guest_hook_users(), 0);
	assert_false(comes(1, GUID));
	ibback_gsi_cm_close(dev);
	assert_int_equal(guest_hook_syncs, 0);
}

static void test_close(void **state)
{
	struct books before, after;
	u32 qpn;

	open_named();
	qpn = new_qp().number;
	ibback_gsi_cm_close(dev);
	assert_int_equal(guest_hook_users(), 0);
	books_read(dev, &before);
	ibback_gsi_cm_open(dev);
	assert_int_equal(guest_hook_users(), 1);
	assert_int_equal(sends(request(qpn, 1)), 0);
	assert_true(comes(1, GUID));
	guest_hook_syncs = 0;
	ibback_gsi_cm_close(dev);
	assert_int_equal(guest_hook_syncs, 1);
	assert_int_equal(sends(request(qpn, 2)), -EOPNOTSUPP);
	books_read(dev, &after);
	books_compare(&before, &after, "connections");
}

static struct vibif_req set_addrs(u8 port, u8 count)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_SET_ADDRS,
		.op.set_addrs = {
			.port = port,
			.count = count,
			.addr = {
				{ [10] = 0xff, 0xff, 10, 0, 0, 1 },
				{ 0xfd, [15] = 1 },
			},
		},
	};

	memset(req.op.set_addrs.addr[count], 0, 16);
	return req;
}

/* One to the GID of the HCA's port, and an address there */
static bool comes_to_ip(const u8 *ip)
{
	static const struct ib_wc wc = { .src_qp = 1, .slid = PEER_LID };
	struct ib_mad mad = { { 1, 0x07, 2, 0x03, [17] = 0x10 } };
	static u32 id;

	put(mad.octets, REQ_ID, 4, ++id);
	put(mad.octets, REQ_SERVICE, 8, 0x1061d2f);
	put_gid(mad.octets, REQ_TO_GID, 1 << 8);
	mad.octets[REQ_DATA + 1] = ip[0] ? 0x60 : 0x40;
	memcpy(mad.octets + REQ_DATA + 20, ip, 16);
	received_by = NULL;
	return guest_hook_mad(1, &wc, &mad) && received_by == dev;
}

/* A guest that shares the port's GID is called by an IP address. */
static void test_addrs(void **state)
{
	static const u8 ip4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const u8 ip6[16] = { 0xfd, [15] = 1 };

	open_guest();
	assert_false(comes_to_ip(ip4));
	assert_int_equal(guest_status(dev, set_addrs(1, 2)), 0);
	assert_true(comes_to_ip(ip4));
	assert_true(comes_to_ip(ip6));
	memcpy(kernel_own_ip, ip4, 16);
	assert_false(comes_to_ip(ip4));
	assert_true(comes_to_ip(ip6));
	memcpy(kernel_own_ip, ip6, 16);
	assert_true(comes_to_ip(ip4));
	assert_false(comes_to_ip(ip6));
	memset(kernel_own_ip, 0, 16);
	/* It replaces what was said, or nothing is changed. */
	assert_int_equal(guest_status(dev, set_addrs(1, 1)), 0);
	assert_true(comes_to_ip(ip4));
	assert_false(comes_to_ip(ip6));
	assert_int_equal(guest_status(dev, set_addrs(3, 2)), -EINVAL);
	assert_int_equal(guest_status(dev, set_addrs(0, 2)), -EINVAL);
	assert_false(comes_to_ip(ip6));
	/* Nor is anything left of it for the next connection. */
	ibback_gsi_cm_close(dev);
	assert_int_equal(guest_status(dev, set_addrs(1, 2)), 0);
	ibback_gsi_cm_open(dev);
	assert_false(comes_to_ip(ip4));
	assert_int_equal(guest_status(dev, set_addrs(1, 2)), 0);
	assert_true(comes_to_ip(ip4));
	ibback_gsi_cm_close(dev);
	ibback_gsi_cm_open(dev);
	assert_false(comes_to_ip(ip4));
}

/* With what the administrator gives, the guest's word counts for nothing. */
static void test_ips(void **state)
{
	static const u8 ip4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
	static const u8 ip6[16] = { 0xfd, [15] = 2 };
	static const u8 said[16] = { 0xfd, [15] = 1 };

	xen_write(GUEST_DIR, VIBIF_FIELD_IPS, "10.0.0.2,fd00::2");
	open_guest();
	assert_true(comes_to_ip(ip4));
	assert_true(comes_to_ip(ip6));
	assert_int_equal(guest_status(dev, set_addrs(1, 2)), 0);
	assert_false(comes_to_ip(said));
	assert_true(comes_to_ip(ip4));
	assert_int_equal(guest_status(dev, set_addrs(1, 1)), 0);
	assert_true(comes_to_ip(ip4));
	assert_int_equal(dev->cm.port[1].nr_ips, 2);
	assert_true(dev->cm.port[1].ips_given);
	assert_int_equal(dev->cm.port[2].nr_ips, 2);
	assert_true(dev->cm.port[2].ips_given);
	/* They are the next connection's, too. */
	ibback_gsi_cm_close(dev);
	assert_int_equal(dev->cm.port[1].nr_ips, 0);
	ibback_gsi_cm_open(dev);
	assert_true(comes_to_ip(ip4));
}

/* A port that guests have not */
static void test_other_port(void **state)
{
	open_named();
	assert_false(comes(VIBIF_MAX_PORTS + 1, GUID));
}

/* An HCA comes, and memory or something else fails. */
static void test_hca_comes(void **state)
{
	struct books before, after;
	unsigned int call;
	int err;

	ib_device_remove(&fake_device);
	books_read(NULL, &before);
	for (call = 1;; call++) {
		fail_at(call);
		err = ib_device_add(&fake_device);
		if (!failed())
			break;
		if (!err)
			ib_device_remove(&fake_device);
		books_read(NULL, &after);
		books_compare(&before, &after, failed_call());
	}
	fail_at(0);
	assert_int_equal(err, 0);
	assert_true(call > 5);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_shared),
		TEST(test_gid_changes),
		TEST(test_lid_changes),
		TEST(test_qps),
		TEST(test_qp_dies),
		TEST(test_pkeys),
		TEST(test_all_pkeys),
		TEST(test_too_many),
		TEST(test_no_hook),
		TEST(test_close),
		TEST(test_addrs),
		TEST(test_ips),
		TEST(test_other_port),
		TEST(test_hca_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
