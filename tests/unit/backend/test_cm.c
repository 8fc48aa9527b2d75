// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose a CM message is: guests and the wire, with messages as Linux writes
 * them. Everything is at port 1, unless it says otherwise.
 */

#include "linux.h"

#include <setjmp.h>
#include <cmocka.h>

#include "cm.h"

#define SECOND		1000000000ULL

enum {
	REQ = 0x10, MRA, REJ, REP, RTU, DREQ, DREP, SIDR_REQ, SIDR_REP, LAP,
	APR,
};

/* Octets of the messages */
#define TID		8
#define ATTR		16
#define LOCAL		24
#define REMOTE		28
#define REQ_SERVICE	32
#define REQ_GUID	40
#define REQ_QPN		56
#define REQ_EECN	60
#define REQ_PKEY	72
#define REQ_PATH	76
#define REQ_ALT		120
#define REQ_DATA	164
#define PATH_GID	4
#define PATH_TO_GID	20
#define WHAT		32	/* of MRA, REJ */
#define REJ_LEN		33
#define REJ_REASON	34
#define REJ_INFO	36
#define REP_QPN		36
#define REP_EECN	40
#define REP_GUID	52
#define SIDR_PKEY	28
#define SIDR_SERVICE	32
#define SIDR_DATA	40
#define SIDR_QPN	32
#define LAP_PATH	44

#define TIMEOUT		4
#define CONSUMER	28

#define OUR_LID		0x20
#define PEER_LID	0x31
#define PEER_GUID	0x0002c90300001234ULL
#define PKEY		0x8001
#define IP_SERVICE(port)	(0x1060000ULL | (port))

struct mad {
	u8 octet[256];
};

struct guest {
	struct ibback_cm_guest cm;
	u8 gid[16];
	u32 qpn;	/* its only one */
};

static struct ibback_cm *cm;
static struct guest a, b;	/* with GIDs of their own */
static struct guest s, t;	/* share the port's */
static u64 now;

static const u8 port_gid[2][16] = {
	{ 0xfe, 0x80, [15] = 0x01 }, { 0xfe, 0x80, [15] = 0x02 },
};

static const u8 ip4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
static const u8 other_ip4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
static const u8 ip6[16] = { 0xfd, [15] = 1 };

static bool owns_qp(struct ibback_cm_guest *guest, u32 qpn)
{
	might_sleep();
	return qpn == container_of(guest, struct guest, cm)->qpn;
}

static bool has_pkey(struct ibback_cm_guest *guest, u32 port, u16 pkey)
{
	might_sleep();
	return port == 1 && pkey == PKEY;
}

/* An IP address of this domain */
static const u8 *own_ip;

static bool is_own_ip(const u8 *ip)
{
	return own_ip && !memcmp(ip, own_ip, 16);
}

static void add(struct guest *g, u8 number, bool gid)
{
	*g = (struct guest) {
		.cm = {
			.node_guid = 0x0200000000000000ULL | number,
			.max_ids = 8,
			.owns_qp = owns_qp,
			.has_pkey = has_pkey,
		},
		.gid = { 0xfe, 0x80, [8] = 2, [15] = number },
		.qpn = 0x100 + number,
	};
	if (!gid)
		memcpy(g->gid, port_gid[0], 16);
	ibback_cm_add_guest(cm, &g->cm);
	ibback_cm_set_gid(cm, &g->cm, 1, gid ? g->gid : NULL);
}

static int setup(void **state)
{
	kernel_reset();
	own_ip = NULL;
	now = 1000 * SECOND;
	cm = ibback_cm_create(is_own_ip);
	assert_non_null(cm);
	ibback_cm_set_port(cm, 1, OUR_LID, 0, port_gid[0]);
	ibback_cm_set_port(cm, 2, OUR_LID + 1, 0, port_gid[1]);
	add(&a, 0xa, true);
	add(&b, 0xb, true);
	add(&s, 0xc, false);
	add(&t, 0xd, false);
	return 0;
}

static int teardown(void **state)
{
	ibback_cm_del_guest(cm, &a.cm);
	ibback_cm_del_guest(cm, &b.cm);
	ibback_cm_del_guest(cm, &s.cm);
	ibback_cm_del_guest(cm, &t.cm);
	ibback_cm_destroy(cm);
	kernel_check_idle();
	assert_int_equal(kernel_books.slabs, 0);
	assert_int_equal(kernel_books.vmallocs, 0);
	return 0;
}

/* Messages */

static void put(struct mad *m, unsigned int at, unsigned int octets, u64 value)
{
	while (octets--) {
		m->octet[at + octets] = value;
		value >>= 8;
	}
}

static u64 get(const struct mad *m, unsigned int at, unsigned int octets)
{
	u64 value = 0;

	while (octets--)
		value = value << 8 | m->octet[at++];
	return value;
}

static struct mad message(u16 attr, u64 tid, u32 local, u32 remote)
{
	struct mad m = { { 1, 0x07, 2, 0x03 } };

	put(&m, TID, 8, tid);
	put(&m, ATTR, 2, attr);
	put(&m, LOCAL, 4, local);
	put(&m, REMOTE, 4, remote);
	return m;
}

/* A path from here, or to here */
static void path(struct mad *m, unsigned int at, u16 lid, const u8 *gid,
		 const u8 *to)
{
	put(m, at, 2, lid);
	memcpy(m->octet + at + PATH_GID, gid, 16);
	if (to)
		memcpy(m->octet + at + PATH_TO_GID, to, 16);
}

static struct mad req(const struct guest *g, u64 tid, u32 local)
{
	struct mad m = message(REQ, tid, local, 0);

	put(&m, REQ_GUID, 8, g->cm.node_guid);
	put(&m, REQ_QPN, 3, g->qpn);
	put(&m, REQ_PKEY, 2, PKEY);
	path(&m, REQ_PATH, OUR_LID, g->gid, NULL);
	return m;
}

static struct mad rep(const struct guest *g, u64 tid, u32 local, u32 remote)
{
	struct mad m = message(REP, tid, local, remote);

	put(&m, REP_QPN, 3, g->qpn);
	put(&m, REP_GUID, 8, g->cm.node_guid);
	return m;
}

static struct mad rej(u64 tid, u32 local, u32 remote, u8 what, u16 reason)
{
	struct mad m = message(REJ, tid, local, remote);

	put(&m, WHAT, 1, what << 6);
	put(&m, REJ_REASON, 2, reason);
	return m;
}

/* Of who gives up, and says his node's GUID */
static struct mad timed_out(u64 tid, u32 local, u64 guid)
{
	struct mad m = rej(tid, local, 0, 2, TIMEOUT);

	put(&m, REJ_LEN, 1, 8 << 1);
	put(&m, REJ_INFO, 8, guid);
	return m;
}

static struct mad sidr_req(u64 tid, u32 id)
{
	struct mad m = message(SIDR_REQ, tid, id, 0);

	put(&m, SIDR_PKEY, 2, PKEY);
	return m;
}

/* What rdma_cm says of addresses, in a message for a port of IP */
static struct mad called(struct mad m, unsigned int service, unsigned int data,
			 const u8 *src, const u8 *dst)
{
	static const u8 v4[12] = { [10] = 0xff, 0xff };
	bool is_v4 = !memcmp(dst, v4, 12);

	put(&m, service, 8, IP_SERVICE(7471));
	put(&m, data + 1, 1, (is_v4 ? 4 : 6) << 4);
	memcpy(m.octet + data + 4, src, 16);
	memcpy(m.octet + data + 20, dst, 16);
	if (is_v4) {
		memset(m.octet + data + 4, 0, 12);
		/* Linux leaves there what was there. */
		memset(m.octet + data + 20, 0x5a, 12);
	}
	return m;
}

/* A REQ from the wire, to a GID */
static struct mad wire_req(u64 tid, u32 local, const u8 *gid)
{
	struct mad m = message(REQ, tid, local, 0);

	put(&m, REQ_GUID, 8, PEER_GUID);
	path(&m, REQ_PATH, PEER_LID, port_gid[1], gid);
	return m;
}

/* Both ways */

static int out_to(struct guest *g, u16 lid, struct mad *m)
{
	struct ibback_cm_way way = { .port = 1, .lid = lid, .now = now };

	return ibback_cm_out(cm, &g->cm, &way, m->octet);
}

static int out(struct guest *g, struct mad *m)
{
	return out_to(g, PEER_LID, m);
}

static int sends(struct guest *g, struct mad m)
{
	return out(g, &m);
}

/* It goes out, and nothing is changed but the two IDs, to these. */
static void goes(struct guest *g, struct mad m, u32 local, u32 remote)
{
	struct mad sent = m;

	assert_int_equal(out(g, &sent), 0);
	put(&m, LOCAL, 4, local);
	put(&m, REMOTE, 4, remote);
	assert_memory_equal(sent.octet, m.octet, sizeof(m.octet));
}

/* What the wire ID of a message is that may go */
static u32 wire_id(struct guest *g, struct mad m)
{
	assert_int_equal(out(g, &m), 0);
	assert_int_not_equal(get(&m, LOCAL, 4), 0);
	return get(&m, LOCAL, 4);
}

static int in_from(u16 lid, struct mad *m, struct guest **g)
{
	struct ibback_cm_way way = { .port = 1, .lid = lid, .now = now };
	struct ibback_cm_guest *guest = NULL;
	int ret = ibback_cm_in(cm, &way, m->octet, &guest);

	*g = guest ? container_of(guest, struct guest, cm) : NULL;
	return ret;
}

/* It comes to a guest, and nothing is changed but the two IDs. */
static void comes(struct guest *to, struct mad m, u32 local, u32 remote)
{
	struct mad seen = m;
	struct guest *g;

	assert_int_equal(in_from(PEER_LID, &seen, &g), 1);
	assert_ptr_equal(g, to);
	put(&m, LOCAL, 4, local);
	put(&m, REMOTE, 4, remote);
	assert_memory_equal(seen.octet, m.octet, sizeof(m.octet));
}

/* It is this domain's, and not touched. */
static void passes_from(u16 lid, struct mad m)
{
	struct mad seen = m;
	struct guest *g;

	assert_int_equal(in_from(lid, &seen, &g), 0);
	assert_memory_equal(seen.octet, m.octet, sizeof(m.octet));
}

static void passes(struct mad m)
{
	passes_from(PEER_LID, m);
}

/* Nobody gets it. */
static void is_nobodys(struct mad m)
{
	struct guest *g;

	assert_int_equal(in_from(PEER_LID, &m, &g), -ENOENT);
	assert_null(g);
}

/* A REP of the peer */
static struct mad wire_rep(u64 tid, u32 local, u32 remote)
{
	return message(REP, tid, local, remote);
}

/* Connect @g, by its ID; the peer has @peer. Return: the wire ID. */
static u32 connect_to(struct guest *g, u32 local, u32 peer)
{
	u64 tid = 0x700000000ULL | local;
	u32 wire = wire_id(g, req(g, tid, local));

	comes(g, wire_rep(tid, peer, wire), peer, local);
	goes(g, message(RTU, tid, local, peer), wire, peer);
	return wire;
}

/* A guest connects, and disconnects. */
static void test_connect(void **state)
{
	struct mad m = req(&a, 77, 5);
	u32 wire = wire_id(&a, m);

	assert_int_not_equal(wire, 5);
	goes(&a, m, wire, 0);
	m = message(MRA, 77, 900, wire);
	comes(&a, m, 900, 5);
	comes(&a, wire_rep(77, 900, wire), 900, 5);
	/* Its MRA of the REP */
	m = message(MRA, 77, 5, 900);
	put(&m, WHAT, 1, 1 << 6);
	goes(&a, m, wire, 900);
	goes(&a, message(RTU, 77, 5, 900), wire, 900);
	/* The peer has not heard it. */
	comes(&a, wire_rep(77, 900, wire), 900, 5);
	goes(&a, message(RTU, 77, 5, 900), wire, 900);
	goes(&a, message(DREQ, 78, 5, 900), wire, 900);
	comes(&a, message(DREP, 78, 900, wire), 900, 5);
}

/* A guest is connected to, whatever the service. */
static void test_listen(void **state)
{
	struct mad m = wire_req(77, 900, b.gid);
	u32 wire;

	comes(&b, m, 900, 0);
	m = message(MRA, 77, 5, 900);
	wire = wire_id(&b, m);
	assert_int_not_equal(wire, 5);
	goes(&b, rep(&b, 77, 5, 900), wire, 900);
	/* It has not been heard. */
	comes(&b, wire_req(77, 900, b.gid), 900, 0);
	goes(&b, rep(&b, 77, 5, 900), wire, 900);
	m = message(MRA, 77, 900, wire);
	put(&m, WHAT, 1, 1 << 6);
	comes(&b, m, 900, 5);
	comes(&b, message(RTU, 77, 900, wire), 900, 5);
	m = message(LAP, 79, 900, wire);
	comes(&b, m, 900, 5);
	goes(&b, message(APR, 79, 5, 900), wire, 900);
	comes(&b, message(DREQ, 78, 900, wire), 900, 5);
	goes(&b, message(DREP, 78, 5, 900), wire, 900);
}

/* The guest's CM refuses at once: Linux says something else for an ID. */
static void test_refuse(void **state)
{
	comes(&b, wire_req(77, 900, b.gid), 900, 0);
	goes(&b, rej(77, 0, 900, 0, 8), 0, 900);
	comes(&b, wire_req(78, 901, b.gid), 901, 0);
	goes(&b, rej(78, 0x2c9, 901, 0, 8), 0, 901);
	assert_int_equal(sends(&b, rej(77, 0, 900, 0, 8)), -ENOENT);
}

/* It refuses later, when the peer knows its ID. */
static void test_reject(void **state)
{
	u32 wire;

	comes(&b, wire_req(77, 900, b.gid), 900, 0);
	wire = wire_id(&b, message(MRA, 77, 5, 900));
	goes(&b, rej(77, 5, 900, 0, CONSUMER), wire, 900);

	wire = wire_id(&a, req(&a, 80, 6));
	comes(&a, rej(80, 0, wire, 0, CONSUMER), 0, 6);

	wire = wire_id(&a, req(&a, 81, 7));
	comes(&a, wire_rep(81, 902, wire), 902, 7);
	goes(&a, rej(81, 7, 902, 1, CONSUMER), wire, 902);

	comes(&b, wire_req(82, 903, b.gid), 903, 0);
	wire = wire_id(&b, rep(&b, 82, 8, 903));
	comes(&b, rej(82, 903, wire, 1, CONSUMER), 903, 8);
}

/* Who gives up says no ID of the other's. */
static void test_give_up(void **state)
{
	u32 wire = wire_id(&a, req(&a, 77, 5));
	struct mad m;

	goes(&a, timed_out(77, 5, a.cm.node_guid), wire, 0);

	/* Before the guest has answered, and after that */
	comes(&b, wire_req(78, 900, b.gid), 900, 0);
	comes(&b, timed_out(78, 900, PEER_GUID), 900, 0);
	passes(timed_out(78, 900, PEER_GUID));
	comes(&b, wire_req(79, 901, b.gid), 901, 0);
	wire_id(&b, rep(&b, 79, 6, 901));
	passes(timed_out(79, 901, PEER_GUID + 1));
	passes_from(PEER_LID + 1, timed_out(79, 901, PEER_GUID));
	passes(timed_out(79, 902, PEER_GUID));
	m = timed_out(79, 901, PEER_GUID);
	put(&m, REJ_REASON, 2, CONSUMER);
	passes(m);
	comes(&b, timed_out(79, 901, PEER_GUID), 901, 0);
}

static void test_give_up_forged(void **state)
{
	struct mad m;

	wire_id(&a, req(&a, 77, 5));
	m = timed_out(77, 5, b.cm.node_guid);
	assert_int_equal(out(&a, &m), -EPERM);
	m = timed_out(77, 5, a.cm.node_guid);
	put(&m, REJ_LEN, 1, 7 << 1);
	assert_int_equal(out(&a, &m), -EPERM);
	m = timed_out(77, 6, a.cm.node_guid);
	assert_int_equal(out(&a, &m), -ENOENT);
	m = timed_out(77, 5, a.cm.node_guid);
	put(&m, REMOTE, 4, 900);
	assert_int_equal(out(&a, &m), -ENOENT);
}

/* Every guest has ID 5, and each gets its own answers. */
static void test_same_ids(void **state)
{
	u32 wire_a = wire_id(&a, req(&a, 77, 5));
	u32 wire_b = wire_id(&b, req(&b, 77, 5));

	assert_int_not_equal(wire_a, wire_b);
	comes(&b, wire_rep(77, 900, wire_b), 900, 5);
	comes(&a, wire_rep(77, 901, wire_a), 901, 5);
	goes(&a, message(RTU, 77, 5, 901), wire_a, 901);
	goes(&b, message(RTU, 77, 5, 900), wire_b, 900);
	assert_int_equal(sends(&a, message(DREQ, 78, 5, 900)), -ENOENT);
	comes(&a, message(DREQ, 79, 901, wire_a), 901, 5);
}

/* Guests talk to each other through the HCA. */
static void test_guest_to_guest(void **state)
{
	struct mad m = req(&a, 77, 5);
	struct guest *g;
	u32 wire_a, wire_b;

	memcpy(m.octet + REQ_PATH + PATH_TO_GID, b.gid, 16);
	assert_int_equal(out_to(&a, OUR_LID, &m), 0);
	wire_a = get(&m, LOCAL, 4);
	assert_int_equal(in_from(OUR_LID, &m, &g), 1);
	assert_ptr_equal(g, &b);
	m = rep(&b, 77, 5, wire_a);
	assert_int_equal(out_to(&b, OUR_LID, &m), 0);
	wire_b = get(&m, LOCAL, 4);
	assert_int_not_equal(wire_a, wire_b);
	assert_int_equal(in_from(OUR_LID, &m, &g), 1);
	assert_ptr_equal(g, &a);
	assert_int_equal(get(&m, LOCAL, 4), wire_b);
	assert_int_equal(get(&m, REMOTE, 4), 5);
	m = message(DREQ, 78, 5, wire_b);
	assert_int_equal(out_to(&a, OUR_LID, &m), 0);
	assert_int_equal(in_from(OUR_LID, &m, &g), 1);
	assert_ptr_equal(g, &b);
	assert_int_equal(get(&m, LOCAL, 4), wire_a);
	assert_int_equal(get(&m, REMOTE, 4), 5);
}

/* What is not certainly a guest's is this domain's. */
/* What is to a GID that no guest has any more, this domain does not get. */
static void test_of_nobody(void **state)
{
	static const u8 site_gid[16] = { 0xfe, 0xc0, [15] = 0x01 };

	ibback_cm_set_gid(cm, &a.cm, 1, NULL);
	is_nobodys(wire_req(80, 904, a.gid));
	/* Prefixes may differ. */
	passes(wire_req(80, 904, site_gid));
	/* A port that is no port of InfiniBand has other GIDs, and no LID. */
	ibback_cm_set_port(cm, 1, 0, 0, port_gid[0]);
	passes(wire_req(80, 904, a.gid));
}

static void test_of_this_domain(void **state)
{
	u32 wire = wire_id(&a, req(&a, 77, 5)), open;
	struct mad m;
	u16 attr;

	/* Its REQs, and its own IDs, one of which could be a wire ID, too */
	passes(wire_req(77, 900, port_gid[0]));
	passes(wire_req(77, 900, port_gid[1]));
	passes(wire_rep(77, 900, wire + 1));
	passes(wire_rep(78, 900, wire));
	passes_from(PEER_LID + 1, wire_rep(77, 900, wire));
	for (attr = RTU; attr <= APR; attr++)
		if (attr != SIDR_REQ)
			passes(message(attr, 77, 900, wire));
	open = connect_to(&b, 6, 901);
	for (attr = MRA; attr <= APR; attr++)
		if (attr != SIDR_REQ)
			passes(message(attr, 0x700000006ULL, 902, open));

	/* And what is none of the CM's messages */
	m = wire_rep(77, 900, wire);
	put(&m, 0, 1, 2);
	passes(m);
	put(&m, 0, 1, 1);
	put(&m, 1, 1, 3);
	passes(m);
	put(&m, 1, 1, 7);
	put(&m, 2, 1, 1);
	passes(m);
	put(&m, 2, 1, 2);
	put(&m, 3, 1, 0x83);
	passes(m);
	put(&m, 3, 1, 3);
	comes(&a, m, 900, 5);
	m = wire_req(77, 900, b.gid);
	put(&m, ATTR, 2, 0x0f);
	passes(m);
	put(&m, ATTR, 2, 0x1b);
	passes(m);
}

/* The wire ID of what the guest has not answered has been told to nobody. */
static void test_not_answered(void **state)
{
	u32 wire;

	comes(&b, wire_req(79, 903, b.gid), 903, 0);
	wire = wire_id(&b, rep(&b, 79, 5, 903));
	/* All of it once more, with the same random numbers */
	teardown(state);
	setup(state);
	comes(&b, wire_req(79, 903, b.gid), 903, 0);
	passes(message(RTU, 79, 903, wire));
	goes(&b, rep(&b, 79, 5, 903), wire, 903);
}

static void test_no_message(void **state)
{
	struct mad m = req(&a, 77, 5);

	assert_int_equal(out_to(&a, 0, &m), -EINVAL);
	assert_int_equal(out_to(&a, 0xc000, &m), -EINVAL);
	assert_int_equal(out_to(&a, 0xffff, &m), -EINVAL);
	put(&m, 0, 1, 2);
	assert_int_equal(out(&a, &m), -EINVAL);
	put(&m, 0, 1, 1);
	put(&m, 1, 1, 3);
	assert_int_equal(out(&a, &m), -EINVAL);
	put(&m, 1, 1, 7);
	put(&m, 2, 1, 1);
	assert_int_equal(out(&a, &m), -EINVAL);
	put(&m, 2, 1, 2);
	put(&m, 3, 1, 2);
	assert_int_equal(out(&a, &m), -EINVAL);
	put(&m, 3, 1, 3);
	put(&m, ATTR, 2, 0x0f);
	assert_int_equal(out(&a, &m), -EINVAL);
	put(&m, ATTR, 2, 0x1b);
	assert_int_equal(out(&a, &m), -EINVAL);
	put(&m, ATTR, 2, REQ);
	assert_int_equal(out_to(&a, 0xbfff, &m), 0);
}

/* What a REQ says with one thing changed */
static int req_with(unsigned int at, unsigned int octets, u64 value)
{
	struct mad m = req(&a, 77, 5);

	put(&m, at, octets, value);
	return out(&a, &m);
}

static void test_req_forged(void **state)
{
	assert_int_equal(req_with(REQ_GUID, 8, b.cm.node_guid), -EPERM);
	assert_int_equal(req_with(REQ_QPN, 3, b.qpn), -EPERM);
	assert_int_equal(req_with(REQ_QPN, 3, 0), -EPERM);
	assert_int_equal(req_with(REQ_EECN, 3, b.qpn), -EPERM);
	assert_int_equal(req_with(REQ_PKEY, 2, 0xffff), -EPERM);
	/* Where answers, and what the QP sends, would go to */
	assert_int_equal(req_with(REQ_PATH + PATH_GID + 15, 1, 0xb), -EPERM);
	assert_int_equal(req_with(REQ_PATH + PATH_GID, 1, 0xff), -EPERM);
	assert_int_equal(req_with(REQ_PATH, 2, OUR_LID + 1), -EPERM);
	assert_int_equal(req_with(REQ_PATH, 2, 0), -EPERM);
	assert_int_equal(req_with(REQ_PATH, 2, 0xffff), 0);
	assert_int_equal(a.cm.nr_ids[IBBACK_CM_OPENING], 1);
}

/* Without a GID of its own it is the port's, and with one it is not. */
static void test_req_shared(void **state)
{
	struct mad m = req(&s, 77, 5);

	assert_int_equal(out(&s, &m), 0);
	m = req(&a, 77, 5);
	path(&m, REQ_PATH, OUR_LID, port_gid[0], NULL);
	assert_int_equal(out(&a, &m), -EPERM);
	/* The port has not come up yet. */
	ibback_cm_set_port(cm, 1, 0, 0, port_gid[0]);
	m = req(&s, 77, 6);
	path(&m, REQ_PATH, 0, port_gid[0], NULL);
	assert_int_equal(out(&s, &m), -EPERM);
}

static void test_alternate_path(void **state)
{
	struct mad m = req(&a, 77, 5);
	u8 gid[16] = { 0xfe, 0x80, [15] = 0x77 };
	u32 wire;

	path(&m, REQ_ALT, OUR_LID, a.gid, NULL);
	assert_int_equal(out(&a, &m), 0);
	m = req(&a, 77, 5);
	path(&m, REQ_ALT, OUR_LID, b.gid, NULL);
	assert_int_equal(out(&a, &m), -EPERM);
	path(&m, REQ_ALT, 0, b.gid, NULL);
	assert_int_equal(out(&a, &m), -EPERM);
	m = req(&a, 77, 5);
	put(&m, REQ_ALT, 2, OUR_LID);
	assert_int_equal(out(&a, &m), -EPERM);
	m = req(&a, 77, 5);
	put(&m, REQ_ALT + PATH_GID + 15, 1, 1);
	assert_int_equal(out(&a, &m), -EPERM);
	m = req(&a, 77, 5);
	put(&m, REQ_ALT + PATH_GID, 1, 0xfe);
	assert_int_equal(out(&a, &m), -EPERM);

	/* The other port, with that port's LID */
	ibback_cm_set_gid(cm, &a.cm, 2, gid);
	m = req(&a, 77, 5);
	path(&m, REQ_ALT, OUR_LID + 1, gid, NULL);
	assert_int_equal(out(&a, &m), 0);
	path(&m, REQ_ALT, OUR_LID, gid, NULL);
	assert_int_equal(out(&a, &m), -EPERM);
	path(&m, REQ_ALT, OUR_LID + 1, a.gid, NULL);
	assert_int_equal(out(&a, &m), -EPERM);
	m = req(&a, 77, 5);
	path(&m, REQ_PATH, OUR_LID + 1, gid, NULL);
	assert_int_equal(out(&a, &m), -EPERM);

	wire = connect_to(&a, 6, 900);
	m = message(LAP, 79, 6, 900);
	path(&m, LAP_PATH, OUR_LID + 1, gid, NULL);
	goes(&a, m, wire, 900);
	path(&m, LAP_PATH, OUR_LID, b.gid, NULL);
	assert_int_equal(out(&a, &m), -EPERM);
}

static void test_rep_forged(void **state)
{
	struct mad m = rep(&b, 77, 5, 900);

	comes(&b, wire_req(77, 900, b.gid), 900, 0);
	put(&m, REP_QPN, 3, a.qpn);
	assert_int_equal(out(&b, &m), -EPERM);
	put(&m, REP_QPN, 3, 0);
	assert_int_equal(out(&b, &m), -EPERM);
	put(&m, REP_EECN, 3, a.qpn);
	assert_int_equal(out(&b, &m), -EPERM);
	put(&m, REP_QPN, 3, b.qpn);
	assert_int_equal(out(&b, &m), -EPERM);
	/* The target of XRC is there. */
	put(&m, REP_QPN, 3, 0);
	put(&m, REP_EECN, 3, b.qpn);
	put(&m, REP_GUID, 8, a.cm.node_guid);
	assert_int_equal(out(&b, &m), -EPERM);
	put(&m, REP_GUID, 8, b.cm.node_guid);
	assert_int_equal(out(&b, &m), 0);
}

/* Nobody answers what others were asked, or nobody was. */
static void test_not_asked(void **state)
{
	struct mad m;
	u16 attr;

	comes(&b, wire_req(77, 900, b.gid), 900, 0);
	m = rep(&a, 77, 5, 900);
	assert_int_equal(out(&a, &m), -ENOENT);
	m = message(MRA, 77, 5, 900);
	assert_int_equal(out(&a, &m), -ENOENT);
	m = rej(77, 0, 900, 0, CONSUMER);
	assert_int_equal(out(&a, &m), -ENOENT);
	m = message(SIDR_REP, 77, 900, 0);
	assert_int_equal(out(&a, &m), -ENOENT);
	assert_int_equal(out(&b, &m), -ENOENT);
	m = rep(&b, 77, 5, 901);
	assert_int_equal(out(&b, &m), -ENOENT);
	m = rep(&b, 77, 5, 900);
	assert_int_equal(out_to(&b, PEER_LID + 1, &m), -ENOENT);
	assert_int_equal(out(&b, &m), 0);

	/* Nor does it go on with what is not its own. */
	connect_to(&a, 6, 901);
	for (attr = MRA; attr <= APR; attr++) {
		if (attr == REP || attr == SIDR_REQ)
			continue;
		m = message(attr, 77, 6, 902);
		put(&m, WHAT, 1, 1 << 6);
		path(&m, LAP_PATH, OUR_LID, a.gid, NULL);
		/* The place of the QPN that a SIDR_REP says */
		if (attr == SIDR_REP)
			put(&m, WHAT, 1, 0);
		assert_int_equal(out(&a, &m), -ENOENT);
		put(&m, LOCAL, 4, 7);
		put(&m, REMOTE, 4, 901);
		assert_int_equal(out(&a, &m), -ENOENT);
	}

	/* And it cannot say whom it has asked: the peer does. */
	wire_id(&a, req(&a, 78, 8));
	assert_int_equal(sends(&a, message(RTU, 78, 8, 903)), -ENOENT);
	assert_int_equal(sends(&a, message(DREQ, 78, 8, 0)), -ENOENT);
}

/* Two services at one GID: the address says whose. */
static void test_ip(void **state)
{
	struct mad m, to_ip4, to_other, to_ip6;
	u8 both[2][16];

	memcpy(both[0], ip4, 16);
	memcpy(both[1], ip6, 16);
	ibback_cm_set_ips(cm, &s.cm, 1, both[0], 2, false);
	/* Who is first has it. */
	memcpy(both[1], other_ip4, 16);
	ibback_cm_set_ips(cm, &t.cm, 1, both[0], 2, false);
	ibback_cm_set_ips(cm, &s.cm, 2, both[0], 2, false);
	memcpy(both[1], ip6, 16);
	ibback_cm_set_ips(cm, &s.cm, 1, both[0], 2, false);

	m = wire_req(77, 900, port_gid[0]);
	to_ip4 = called(m, REQ_SERVICE, REQ_DATA, other_ip4, ip4);
	to_other = called(m, REQ_SERVICE, REQ_DATA, ip4, other_ip4);
	to_ip6 = called(m, REQ_SERVICE, REQ_DATA, ip6, ip6);
	comes(&s, to_ip4, 900, 0);
	comes(&t, to_other, 900, 0);
	comes(&s, to_ip6, 900, 0);
	goes(&s, rej(77, 0, 900, 0, 8), 0, 900);

	/* Not rdma_cm's, or of another version */
	m = to_ip4;
	put(&m, REQ_SERVICE, 8, 0x1000000000000048ULL);
	passes(m);
	m = to_ip4;
	put(&m, REQ_DATA, 1, 1);
	passes(m);
	m = to_ip6;
	put(&m, REQ_DATA + 1, 1, 0x50);
	passes(m);
	/* To this domain's address, and to another GID */
	put(&to_ip4, REQ_DATA + 35, 1, 9);
	passes(to_ip4);
	memcpy(to_other.octet + REQ_PATH + PATH_TO_GID, port_gid[1], 16);
	passes(to_other);

	/* With a GID of its own it is called by that. */
	ibback_cm_set_gid(cm, &t.cm, 1, t.cm.port[1].ip[0]);
	memcpy(to_other.octet + REQ_PATH + PATH_TO_GID, port_gid[0], 16);
	passes(to_other);
	/* And an address that somebody had can be had by another. */
	ibback_cm_set_gid(cm, &t.cm, 1, NULL);
	ibback_cm_set_ips(cm, &s.cm, 1, NULL, 0, false);
	ibback_cm_set_ips(cm, &t.cm, 1, both[0], 2, false);
	ibback_cm_set_ips(cm, &s.cm, 1, both[0], 2, false);
	put(&to_ip4, REQ_DATA + 35, 1, 1);
	put(&to_ip4, LOCAL, 4, 901);
	comes(&t, to_ip4, 901, 0);
}

/* What this domain has got since is its own, whoever had said it first. */
static void test_own_ip(void **state)
{
	struct mad rc = called(wire_req(77, 900, port_gid[0]), REQ_SERVICE,
			       REQ_DATA, other_ip4, ip4);
	struct mad sidr = called(sidr_req(78, 901), SIDR_SERVICE, SIDR_DATA,
				 other_ip4, ip4);

	ibback_cm_set_ips(cm, &s.cm, 1, ip4, 1, false);
	comes(&s, rc, 900, 0);
	comes(&s, sidr, 901, get(&sidr, REMOTE, 4));
	own_ip = ip4;
	put(&rc, LOCAL, 4, 902);
	put(&sidr, LOCAL, 4, 903);
	passes(rc);
	passes(sidr);
	own_ip = ip6;
	comes(&s, rc, 902, 0);
	comes(&s, sidr, 903, get(&sidr, REMOTE, 4));
}

/* What may be called, it may only call from, if the administrator says so. */
static void test_source_ip(void **state)
{
	struct mad m = called(req(&a, 77, 5), REQ_SERVICE, REQ_DATA, other_ip4,
			      other_ip4);
	struct mad sidr = called(sidr_req(77, 6), SIDR_SERVICE, SIDR_DATA,
				 other_ip4, other_ip4);

	ibback_cm_set_ips(cm, &a.cm, 1, ip4, 1, false);
	assert_int_equal(sends(&a, m), 0);
	assert_int_equal(sends(&a, sidr), 0);
	ibback_cm_set_ips(cm, &a.cm, 1, ip4, 1, true);
	assert_int_equal(sends(&a, m), -EPERM);
	assert_int_equal(sends(&a, sidr), -EPERM);
	assert_int_equal(sends(&a, req(&a, 77, 5)), 0);
	m = called(req(&a, 77, 5), REQ_SERVICE, REQ_DATA, ip4, other_ip4);
	assert_int_equal(sends(&a, m), 0);
	sidr = called(sidr_req(77, 6), SIDR_SERVICE, SIDR_DATA, ip4, other_ip4);
	assert_int_equal(sends(&a, sidr), 0);
}

/* Who was given none does not call from what is this domain's or given. */
static void test_source_ip_of_others(void **state)
{
	struct mad m = called(req(&a, 77, 5), REQ_SERVICE, REQ_DATA, ip4,
			      other_ip4);
	struct mad sidr = called(sidr_req(77, 6), SIDR_SERVICE, SIDR_DATA, ip4,
				 other_ip4);

	own_ip = ip4;
	assert_int_equal(sends(&a, m), -EPERM);
	assert_int_equal(sends(&a, sidr), -EPERM);
	own_ip = NULL;
	ibback_cm_set_ips(cm, &b.cm, 1, ip4, 1, true);
	assert_int_equal(sends(&a, m), -EPERM);
	assert_int_equal(sends(&a, sidr), -EPERM);
	/* What another only says it has may be the guest's. */
	ibback_cm_set_ips(cm, &b.cm, 1, ip4, 1, false);
	assert_int_equal(sends(&a, m), 0);
	assert_int_equal(sends(&a, sidr), 0);
}

/* What the administrator gives is not what another guest says it has. */
static void test_given_ip(void **state)
{
	struct mad m = called(wire_req(77, 900, port_gid[0]), REQ_SERVICE,
			      REQ_DATA, other_ip4, ip4);
	u8 ips[4][16];

	memcpy(ips[0], ip4, 16);
	memcpy(ips[1], ip6, 16);
	memcpy(ips[2], ip4, 16);
	memcpy(ips[3], ip4, 16);
	ibback_cm_set_ips(cm, &s.cm, 1, ips[0], 4, false);
	ibback_cm_set_ips(cm, &s.cm, 2, ips[0], 4, false);
	comes(&s, m, 900, 0);
	ibback_cm_set_ips(cm, &t.cm, 1, ip4, 1, true);
	put(&m, LOCAL, 4, 901);
	comes(&t, m, 901, 0);
	/* It keeps its others, and those of another port. */
	assert_int_equal(s.cm.port[1].nr_ips, 1);
	assert_memory_equal(s.cm.port[1].ip[0], ip6, 16);
	assert_int_equal(s.cm.port[2].nr_ips, 4);
	/* And cannot take it back, nor can it be given twice. */
	ibback_cm_set_ips(cm, &s.cm, 1, ips[0], 4, false);
	assert_int_equal(s.cm.port[1].nr_ips, 1);
	ibback_cm_set_ips(cm, &s.cm, 1, ips[0], 2, true);
	assert_int_equal(s.cm.port[1].nr_ips, 1);
	assert_true(s.cm.port[1].ips_given);
	assert_int_equal(t.cm.port[1].nr_ips, 1);
	put(&m, LOCAL, 4, 902);
	comes(&t, m, 902, 0);
}

static void test_sidr(void **state)
{
	struct mad m = sidr_req(77, 5);
	u32 wire = wire_id(&a, m);

	assert_int_not_equal(wire, 5);
	goes(&a, m, wire, (u32)PKEY << 16);
	put(&m, SIDR_PKEY, 2, 0xffff);
	assert_int_equal(out(&a, &m), -EPERM);
	/* Not an answer to this */
	passes(message(SIDR_REP, 78, wire, 0));
	passes_from(PEER_LID + 1, message(SIDR_REP, 77, wire, 0));
	passes(message(SIDR_REP, 77, wire + 1, 0));
	passes(wire_rep(77, 900, wire));
	comes(&a, message(SIDR_REP, 77, wire, 0), 5, 0);

	/* To a guest, by its address, also if it has a GID */
	ibback_cm_set_ips(cm, &b.cm, 1, ip4, 1, false);
	m = sidr_req(79, 900);
	passes(m);
	m = called(m, SIDR_SERVICE, SIDR_DATA, other_ip4, other_ip4);
	passes(m);
	m = called(m, SIDR_SERVICE, SIDR_DATA, other_ip4, ip4);
	comes(&b, m, 900, get(&m, REMOTE, 4));
	comes(&b, m, 900, get(&m, REMOTE, 4));
	assert_int_equal(sends(&b, rep(&b, 79, 5, 900)), -ENOENT);
	m = message(SIDR_REP, 79, 900, 0);
	put(&m, SIDR_QPN, 3, a.qpn);
	assert_int_equal(out(&b, &m), -EPERM);
	put(&m, SIDR_QPN, 3, b.qpn);
	goes(&b, m, 900, 0);
	assert_int_equal(out(&b, &m), -ENOENT);
	/* One that says no, which has no QPN */
	m = called(sidr_req(80, 901), SIDR_SERVICE, SIDR_DATA, other_ip4, ip4);
	comes(&b, m, 901, get(&m, REMOTE, 4));
	goes(&b, message(SIDR_REP, 80, 901, 0), 901, 0);
}

/* A SIDR ID is not a connection's. */
static void test_sidr_is_apart(void **state)
{
	u32 wire = wire_id(&a, req(&a, 77, 5));
	u32 sidr = wire_id(&a, sidr_req(77, 6));
	struct mad m;

	passes(message(SIDR_REP, 77, wire, 0));
	passes(rej(77, 0, sidr, 0, CONSUMER));
	comes(&b, wire_req(78, 900, b.gid), 900, 0);
	m = message(SIDR_REP, 78, 900, 0);
	assert_int_equal(out(&b, &m), -ENOENT);
	/* The same ID, for both */
	assert_int_not_equal(wire_id(&a, sidr_req(77, 5)), wire);
	passes(wire_rep(77, 900, wire));
}

/* LIDs of one port are one peer. */
static void test_lmc(void **state)
{
	u32 wire = wire_id(&a, req(&a, 77, 5));
	struct guest *g;
	struct mad m;

	m = wire_rep(77, 900, wire);
	passes_from(PEER_LID - 1, m);
	ibback_cm_set_port(cm, 1, OUR_LID, 1, port_gid[0]);
	passes_from(PEER_LID - 2, m);
	assert_int_equal(in_from(PEER_LID - 1, &m, &g), 1);
	assert_ptr_equal(g, &a);
	assert_int_equal(req_with(REQ_PATH, 2, OUR_LID + 1), 0);
	assert_int_equal(req_with(REQ_PATH, 2, OUR_LID + 2), -EPERM);
	comes(&b, wire_req(78, 901, b.gid), 901, 0);
	m = rep(&b, 78, 6, 901);
	assert_int_equal(out_to(&b, PEER_LID - 2, &m), -ENOENT);
	assert_int_equal(out_to(&b, PEER_LID - 1, &m), 0);
}

/* The guest uses an ID once more. */
static void test_reuse(void **state)
{
	struct mad m = req(&a, 77, 5);
	u32 wire = wire_id(&a, m), second, third;

	/* The same REQ, sent again */
	assert_int_equal(wire_id(&a, m), wire);
	/* Another transaction, then another peer: another connection */
	second = wire_id(&a, req(&a, 78, 5));
	assert_int_not_equal(second, wire);
	passes(wire_rep(77, 900, wire));
	m = req(&a, 78, 5);
	assert_int_equal(out_to(&a, PEER_LID + 1, &m), 0);
	third = get(&m, LOCAL, 4);
	assert_int_not_equal(third, second);
	passes(wire_rep(78, 900, second));
	assert_int_equal(a.cm.nr_ids[IBBACK_CM_OPENING], 1);

	/* After it was refused */
	wire = wire_id(&a, req(&a, 79, 6));
	comes(&a, rej(79, 0, wire, 0, CONSUMER), 0, 6);
	second = wire_id(&a, req(&a, 79, 6));
	assert_int_not_equal(second, wire);
	comes(&a, wire_rep(79, 901, second), 901, 6);

	/* For what it has been asked */
	comes(&a, wire_req(80, 902, a.gid), 902, 0);
	wire = wire_id(&a, rep(&a, 80, 6, 902));
	assert_int_not_equal(wire, second);
	passes(message(DREQ, 81, 901, second));
	/* And the other way round */
	second = wire_id(&a, req(&a, 80, 6));
	assert_int_not_equal(second, wire);
	passes(message(DREQ, 81, 902, wire));
	comes(&a, wire_rep(80, 903, second), 903, 6);
}

/* The peer does, or has started again. */
static void test_peer_reuses(void **state)
{
	u32 first, second;

	comes(&b, wire_req(77, 900, b.gid), 900, 0);
	comes(&b, wire_req(78, 900, b.gid), 900, 0);
	assert_int_equal(b.cm.nr_ids[IBBACK_CM_WAITING], 1);
	first = wire_id(&b, rep(&b, 78, 5, 900));
	comes(&b, wire_req(79, 900, b.gid), 900, 0);
	second = wire_id(&b, rep(&b, 79, 6, 900));
	assert_int_not_equal(first, second);
	/* The old connection ends as any. */
	goes(&b, message(DREQ, 80, 5, 900), first, 900);
	comes(&b, message(RTU, 79, 900, second), 900, 6);
	/* One that is closing is not what is asked for now. */
	comes(&b, message(DREQ, 81, 900, second), 900, 6);
	comes(&b, wire_req(79, 900, b.gid), 900, 0);
	assert_int_equal(b.cm.nr_ids[IBBACK_CM_WAITING], 1);
	/* One request is one guest's, also if it was another's before. */
	comes(&a, wire_req(82, 900, a.gid), 900, 0);
	assert_int_not_equal(wire_id(&a, rep(&a, 82, 6, 900)), second);
}

/* What comes late still finds the guest, for some time. */
static void test_linger(void **state)
{
	u32 wire = connect_to(&a, 5, 900), other = connect_to(&a, 6, 901);

	goes(&a, message(DREQ, 78, 5, 900), wire, 900);
	now += 29 * SECOND;
	comes(&a, message(DREP, 78, 900, wire), 900, 5);
	comes(&a, message(DREQ, 79, 901, other), 901, 6);
	/* Once more: from now on */
	goes(&a, message(DREQ, 78, 5, 900), wire, 900);
	now += 29 * SECOND;
	goes(&a, message(DREQ, 78, 5, 900), wire, 900);
	now += 30 * SECOND - 1;
	comes(&a, message(DREP, 78, 900, wire), 900, 5);
	passes(message(DREQ, 79, 901, other));
	now++;
	passes(message(DREP, 78, 900, wire));
	assert_int_equal(a.cm.nr_ids[IBBACK_CM_CLOSING], 2);
	assert_int_equal(sends(&a, message(DREQ, 78, 5, 900)), -ENOENT);
	assert_int_equal(a.cm.nr_ids[IBBACK_CM_CLOSING], 0);

	/* It is over as well for who asks. */
	wire = connect_to(&b, 5, 900);
	comes(&b, message(DREQ, 79, 900, wire), 900, 5);
	now += 30 * SECOND;
	comes(&b, wire_req(80, 901, b.gid), 901, 0);
	assert_int_equal(b.cm.nr_ids[IBBACK_CM_CLOSING], 0);

	/* What is open does not end. */
	wire = connect_to(&b, 7, 902);
	now += 1000000 * SECOND;
	comes(&b, message(DREQ, 81, 902, wire), 902, 7);
}

/* A guest has so many connections, and others are not touched. */
static void test_too_many(void **state)
{
	u32 open[7], closing, opening, other = connect_to(&b, 5, 900);
	unsigned int i;

	for (i = 0; i < 6; i++)
		open[i] = connect_to(&a, 10 + i, 910 + i);
	opening = wire_id(&a, req(&a, 77, 20));
	closing = connect_to(&a, 21, 921);
	goes(&a, message(DREQ, 78, 21, 921), closing, 921);
	/* What is closing goes first, then what is not open */
	open[6] = connect_to(&a, 16, 916);
	passes(message(DREP, 78, 921, closing));
	closing = wire_id(&a, req(&a, 79, 22));
	passes(wire_rep(77, 900, opening));
	comes(&a, wire_rep(79, 922, closing), 922, 22);
	goes(&a, message(RTU, 79, 22, 922), closing, 922);
	/* And what is open does not. */
	assert_int_equal(sends(&a, req(&a, 80, 23)), -ENOSPC);
	assert_int_equal(sends(&a, sidr_req(80, 23)), -ENOSPC);
	comes(&a, wire_req(81, 924, a.gid), 924, 0);
	assert_int_equal(sends(&a, rep(&a, 81, 24, 924)), -ENOSPC);
	goes(&a, rej(81, 0, 924, 0, CONSUMER), 0, 924);
	for (i = 0; i < 7; i++)
		comes(&a, message(DREQ, 82, 910 + i, open[i]), 910 + i, 10 + i);
	comes(&b, message(DREQ, 82, 900, other), 900, 5);
}

/* A guest that establishes nothing itself is what the peer says it is. */
static void test_open_by_peer(void **state)
{
	u32 wire;
	unsigned int i;

	comes(&a, wire_req(77, 900, a.gid), 900, 0);
	wire = wire_id(&a, rep(&a, 77, 5, 900));
	comes(&a, message(RTU, 77, 900, wire), 900, 5);
	for (i = 0; i < 100; i++)
		wire_id(&a, req(&a, 78, 100 + i));
	comes(&a, message(DREQ, 79, 900, wire), 900, 5);
	assert_int_equal(a.cm.nr_ids[IBBACK_CM_OPENING], 7);
}

/* Who asks without end only takes from who asks. */
static void test_flood(void **state)
{
	u32 wire = wire_id(&a, req(&a, 77, 5));
	unsigned int i;

	for (i = 0; i <= 2 * IBBACK_CM_MAX_REQS; i++)
		comes(&a, wire_req(78, 1000 + i, a.gid), 1000 + i, 0);
	assert_int_equal(a.cm.nr_ids[IBBACK_CM_WAITING], IBBACK_CM_MAX_REQS);
	assert_int_equal(sends(&a, rep(&a, 78, 6, 1000 + IBBACK_CM_MAX_REQS)),
			 -ENOENT);
	wire_id(&a, rep(&a, 78, 6, 1001 + IBBACK_CM_MAX_REQS));
	comes(&a, wire_rep(77, 900, wire), 900, 5);
}

static void test_no_memory(void **state)
{
	struct mad m = wire_req(77, 900, b.gid);
	struct guest *g;

	fail_always("kmalloc", -ENOMEM);
	assert_int_equal(sends(&a, req(&a, 77, 5)), -ENOMEM);
	assert_int_equal(in_from(PEER_LID, &m, &g), -ENOSPC);
	assert_int_equal(sends(&b, rep(&b, 77, 5, 900)), -ENOENT);
	fail_always(NULL, 0);
	comes(&b, m, 900, 0);
	fail_always("kvmalloc", -ENOMEM);
	assert_null(ibback_cm_create(is_own_ip));
	ibback_cm_destroy(NULL);
	fail_always(NULL, 0);
}

/* A guest is gone, and this domain says so to its peers. */
static void test_death(void **state)
{
	u32 wire[4], other = connect_to(&b, 5, 900);

	ibback_cm_set_ips(cm, &a.cm, 1, ip4, 1, false);
	wire[0] = wire_id(&a, req(&a, 77, 6));
	wire[1] = connect_to(&a, 5, 900);
	wire[2] = connect_to(&a, 7, 901);
	goes(&a, message(DREQ, 78, 7, 901), wire[2], 901);
	comes(&a, wire_req(79, 902, a.gid), 902, 0);
	ibback_cm_del_guest(cm, &a.cm);
	passes(wire_rep(77, 903, wire[0]));
	passes(message(DREQ, 80, 900, wire[1]));
	passes(message(DREP, 78, 901, wire[2]));
	passes(timed_out(79, 902, PEER_GUID));
	is_nobodys(wire_req(81, 904, a.gid));
	passes(called(sidr_req(81, 904), SIDR_SERVICE, SIDR_DATA, ip4, ip4));
	comes(&b, message(DREQ, 82, 900, other), 900, 5);
	ibback_cm_set_ips(cm, &b.cm, 1, ip4, 1, false);
	add(&a, 0xa, true);
	assert_int_equal(sends(&a, message(DREQ, 80, 5, 900)), -ENOENT);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_connect),
		TEST(test_listen),
		TEST(test_refuse),
		TEST(test_reject),
		TEST(test_give_up),
		TEST(test_give_up_forged),
		TEST(test_same_ids),
		TEST(test_guest_to_guest),
		TEST(test_of_this_domain),
		TEST(test_of_nobody),
		TEST(test_not_answered),
		TEST(test_no_message),
		TEST(test_req_forged),
		TEST(test_req_shared),
		TEST(test_alternate_path),
		TEST(test_rep_forged),
		TEST(test_not_asked),
		TEST(test_ip),
		TEST(test_own_ip),
		TEST(test_source_ip),
		TEST(test_source_ip_of_others),
		TEST(test_given_ip),
		TEST(test_sidr),
		TEST(test_sidr_is_apart),
		TEST(test_lmc),
		TEST(test_reuse),
		TEST(test_peer_reuses),
		TEST(test_linger),
		TEST(test_too_many),
		TEST(test_open_by_peer),
		TEST(test_flood),
		TEST(test_no_memory),
		TEST(test_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
