// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADs of a guest: its area with all indices, its questions, memberships of
 * groups and messages of the communication manager; and those that come from
 * the fabric, for it or not.
 */

#include "area.h"
#include "fuzz.h"

#define MAX_STEPS	128
#define NR_PORTS	2

#define SUBN_ADM	3
#define PERF_MGMT	4
#define DEV_MGMT	6
#define COMM_MGMT	7
#define VENDOR		0x32
#define RESPONSE	0x80

/* Octets of MADs */
#define CLASS		1
#define METHOD		3
#define TID		8
#define SM_KEY		36
#define ATTR		17
#define LOCAL		24
#define REMOTE		28

static struct ibback_dev *dev;
static struct vibif_mad cm_request;
/* The IDs of the last messages of the CM, of which others are made */
static u8 wire_id[4], guest_id[4];

/* What the guest alone writes, and how far it was served then */
static struct {
	u32 tx_prod, rx_cons, rx_prod;
	struct vibif_mad tx[NR_TX];
} guests;

static void remember(void)
{
	guests.tx_prod = area.indices.tx_prod.value;
	guests.rx_cons = area.indices.rx_cons.value;
	guests.rx_prod = area.indices.rx_prod.value;
	memcpy(guests.tx, area.tx, sizeof(area.tx));
}

/* What goes out is one of a few kinds, and in the guest's name only. */
static void check_posted(struct ib_mad_send_buf *msg)
{
	const u8 *mad = msg->octets.octets;
	static const u8 no_key[8];
	u32 hi_tid;
	bool ok;

	/* By now the subnet manager may have another LID. */
	if (msg->seen)
		return;
	msg->seen = true;
	memcpy(&hi_tid, mad + TID, sizeof(hi_tid));
	switch (mad[CLASS]) {
	case SUBN_ADM:
		ok = (mad[METHOD] == 1 || mad[METHOD] == 0x12) &&
			!memcmp(mad + SM_KEY, no_key, sizeof(no_key)) &&
			msg->ah->attr.dlid ==
			dev->hca->sm_lid[msg->mad_agent->port_num - 1];
		break;
	case PERF_MGMT:
	case DEV_MGMT:
	case VENDOR:
		ok = mad[METHOD] == 1;
		break;
	case COMM_MGMT:
		ok = mad[METHOD] == 3;
		memcpy(wire_id, mad + LOCAL, sizeof(wire_id));
		break;
	default:
		ok = false;
	}
	if (mad[CLASS] != COMM_MGMT)
		ok = ok && be32_to_cpu(hi_tid) == msg->mad_agent->hi_tid;
	if (!ok || msg->qpn != 1 ||
	    msg->ah->attr.port_num != msg->mad_agent->port_num)
		kernel_bug("a MAD of class %#x, method %#x was sent",
			   mad[CLASS], mad[METHOD]);
}

static void check(void)
{
	struct ib_mad_send_buf *msg;
	u32 port;

	kernel_check_idle();
	if (guests.tx_prod != area.indices.tx_prod.value ||
	    guests.rx_cons != area.indices.rx_cons.value ||
	    memcmp(guests.tx, area.tx, sizeof(area.tx)))
		kernel_bug("the backend has written what is the guest's");
	if (area.indices.rx_prod.value != guests.rx_prod &&
	    area.indices.rx_prod.value - guests.rx_cons > NR_RX)
		kernel_bug("a MAD is delivered where there is no slot");
	if (mad_nr_messages() > NR_PORTS * VIBIF_MAD_TRANSACTIONS)
		kernel_bug("%ld MADs are being sent", mad_nr_messages());
	for (port = 1; port <= NR_PORTS; port++)
		if (mad_agent(port))
			list_for_each_entry(msg, &mad_agent(port)->posted,
					    entry)
				check_posted(msg);
}

static void connect(void)
{
	area_reset();
	if (dev->state == XenbusStateInitWait)
		guest_connect(dev);
	ibback_gsi_connect(dev);
	remember();
}

/* The guest */

static void put(struct vibif_mad m)
{
	fuzz_alter(&m, sizeof(m));
	area.tx[area.indices.tx_prod.value++ % NR_TX] = m;
}

static void put_sa(void)
{
	u8 method = fuzz_8();
	struct vibif_mad m = area_question(method, fuzz_8());

	m.mad[CLASS] = SUBN_ADM;
	m.mad[2] = 2;
	m.av.dlid = dev->hca->sm_lid[1];
	put(m);
}

/* The next of a conversation that a REQ has begun, on either side */
static void talk(u8 *mad, bool guest)
{
	mad[ATTR] = 0x10 + fuzz_below(12);
	if (mad[ATTR] == 0x10)
		return;
	memset(mad + LOCAL, 0, 256 - LOCAL);
	memcpy(mad + LOCAL, guest ? guest_id : cm_request.mad + LOCAL, 4);
	memcpy(mad + REMOTE, guest ? cm_request.mad + LOCAL : wire_id, 4);
}

static void put_cm(void)
{
	struct vibif_mad m = cm_request;

	talk(m.mad, true);
	memcpy(guest_id, m.mad + LOCAL, sizeof(guest_id));
	put(m);
}

static void guest_sends(unsigned int what)
{
	static u32 tid;

	switch (what % 4) {
	case 0:
		put(area_question(1, tid++));
		break;
	case 1:
		put(area_membership(dev));
		break;
	case 2:
		put_sa();
		break;
	default:
		put_cm();
	}
}

static void guest_writes(unsigned int what)
{
	switch (what % 4) {
	case 0:
		area.indices.tx_prod.value = fuzz_32();
		break;
	case 1:
		area.indices.rx_cons.value = fuzz_32();
		break;
	case 2:
		area.indices.rx_cons.value = area.indices.rx_prod.value;
		break;
	default:
		fuzz_alter(area.tx, sizeof(area.tx));
	}
}

/* The fabric */

static u32 choose_port(void)
{
	return 1 + fuzz_below(NR_PORTS);
}

static void fabric_answers(void)
{
	struct ib_wc wc = { .src_qp = 1, .slid = AREA_LID };
	struct ib_mad_send_buf *msg = mad_posted(choose_port());
	unsigned int how = fuzz_8();
	struct ib_mad mad;

	if (!msg)
		return;
	mad = msg->octets;
	mad.octets[METHOD] |= RESPONSE;
	fuzz_alter(&mad, sizeof(mad));
	wc.pkey_index = fuzz_8();
	if (how & 1)
		mad_answer(msg->mad_agent->port_num, &wc, NULL, &mad);
	if (how & 2)
		mad_done(msg);
}

static void fabric_sends(void)
{
	struct ib_wc wc = { .src_qp = 1, .slid = AREA_LID };
	struct ib_mad mad = { { 1, COMM_MGMT, 2, 3 } };
	u32 port = choose_port();

	memcpy(mad.octets, cm_request.mad, sizeof(mad.octets));
	talk(mad.octets, false);
	/* To the guest, if it has no name of its own */
	memcpy(mad.octets + 96, cm_request.mad + 80, 16);
	fuzz_alter(&mad, sizeof(mad));
	guest_hook_mad(port, &wc, &mad);
}

static void group_tells(void)
{
	static const int status[] = { 0, -ENETRESET, -EINVAL, -ETIMEDOUT };
	struct ib_sa_multicast *sa;

	if (!mcast_nr_members())
		return;
	sa = mcast_member(fuzz_8() % mcast_nr_members());
	if (!sa->failed)
		mcast_tell(sa, status[fuzz_below(ARRAY_SIZE(status))]);
}

static void port_changes(void)
{
	u32 port = choose_port();

	fake_device.port[port].sm_lid = fuzz_8();
	fake_device.port[port].lid = fuzz_8();
	fake_device.pkeys_moved = fuzz_below(4);
	ib_device_event(&fake_device, IB_EVENT_PORT_ACTIVE + fuzz_below(7),
			port);
}

/* It restarts, maybe, and the guest connects again. */
static void hca_goes(bool restart)
{
	ibback_gsi_disconnect(dev);
	ib_device_remove(&fake_device);
	if (restart)
		fake_restart();
	fail_at(0);
	if (ib_device_add(&fake_device))
		kernel_bug("the HCA does not come back");
	connect();
}

static void set_addrs(void)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_SET_ADDRS,
		.op.set_addrs = { .port = 2, .count = 1 },
	};
	struct vibif_rsp rsp;

	fuzz_alter(&req, sizeof(req));
	guest_try(dev, &req, &rsp);
}

static void step(void)
{
	unsigned int what = fuzz_8();

	switch (what >> 4) {
	case 0 ... 3:
		guest_sends(what);
		remember();
		break;
	case 4:
		guest_writes(what);
		remember();
		break;
	case 5 ... 7:
		if (dev->gsi) {
			area_notify();
			kernel_run_work();
		}
		break;
	case 8:
		fabric_answers();
		break;
	case 9:
		fabric_sends();
		break;
	case 10:
		group_tells();
		break;
	case 11:
		guest_now += 1000ULL << what % 16 * 2;
		jiffies += 1 << what % 16;
		kernel_run_work();
		break;
	case 12:
		port_changes();
		break;
	case 13:
		fail_at(1 + what % 16);
		break;
	case 14:
		set_addrs();
		break;
	default:
		if (what & 1)
			hca_goes(what & 2);
		else
			ibback_gsi_disconnect(dev);
	}
}

static void setup(void)
{
	unsigned int config = fuzz_8();

	guest_setup(NULL);
	guest_may_stick = true;
	guest_now = 1000000000;
	jiffies = 0;
	memset(wire_id, 0, sizeof(wire_id));
	memset(guest_id, 0, sizeof(guest_id));
	if (config & 1)
		xen_write(GUEST_DIR, "guid-2", "0200:0000:0000:0abc");
	if (config & 2)
		xen_write(GUEST_DIR, VIBIF_FIELD_MAD_PM, "0");
	if (config & 4)
		xen_write(GUEST_DIR, VIBIF_FIELD_MAD_RATE, "1000");
	if (config & 8)
		xen_write(GUEST_DIR, "max-mcast", "2");
	fake_device.port[2].state = IB_PORT_ACTIVE;
	guest_guid = FAKE_GUID;
	dev = guest_attach();
	dev->xbdev->otherend = AREA_DIR;
	guest_connect(dev);
	cm_request = area_cm_request(dev);
	connect();
	if (dev->hca)
		ibback_cm_set_port(dev->hca->cm, 2, AREA_LID, 0,
				   cm_request.mad + 80);
}

void fuzz_run(void)
{
	unsigned int i;

	setup();
	for (i = 0; i < MAX_STEPS && fuzz_more(); i++) {
		step();
		check();
		/* It is not served any more, and comes again. */
		if (area_rogue || !dev->gsi) {
			ibback_gsi_disconnect(dev);
			fail_at(0);
			connect();
		}
	}
	fail_at(0);
	ibback_gsi_disconnect(dev);
	if (mad_nr_messages() || mad_nr_ahs() || mcast_nr_members())
		kernel_bug("something is left of the guest's MADs");
	guest_end(dev);
	guest_teardown(NULL);
}
