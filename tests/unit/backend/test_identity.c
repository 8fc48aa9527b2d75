// SPDX-License-Identifier: GPL-2.0-only
/* Who a guest is: its GUIDs, and the GID and P_Key tables of its ports. */

#include "guest.h"

static int setup(void **state)
{
	return guest_setup(state);
}

static int teardown(void **state)
{
	return guest_teardown(state);
}

static struct obj new_qp(struct ibback_dev *dev, u8 type)
{
	struct obj context = guest_create(dev, req_context());
	struct obj pd = guest_create(dev, req_pd());
	struct obj cq = guest_create(dev, req_cq(context));

	return guest_create(dev, req_qp(type, context, pd, cq));
}

static struct vibif_rsp query(struct ibback_dev *dev, u8 operation, u8 port,
			      u16 index)
{
	struct vibif_rsp rsp;

	guest_request(dev, req_query_table(operation, port, index), &rsp);
	return rsp;
}

#define query_gid(dev, port, index)					\
	query(dev, VIBIF_OP_QUERY_GID, port, index).op.query_gid.gid
#define query_pkey(dev, port, index)					\
	query(dev, VIBIF_OP_QUERY_PKEY, port, index).op.query_pkey.pkey

/* Of the HCA's GIDs a guest sees its own, and finds it at index 0. */
static void test_gids(void **state)
{
	static const u8 none[16] = { 0xfe, 0x80 }, end[16];
	struct ibback_dev *dev = guest_new();
	struct vibif_rsp rsp = query(dev, VIBIF_OP_QUERY_GID, 1, 0);
	unsigned int i;

	assert_int_equal(rsp.op.query_gid.gid[0][0], 0xfe);
	assert_int_equal(rsp.op.query_gid.gid[0][14], 1);
	assert_int_equal(rsp.op.query_gid.gid[0][15], 0);
	for (i = 1; i < VIBIF_GIDS_PER_RSP; i++)
		assert_memory_equal(rsp.op.query_gid.gid[i], none, 16);
	rsp = query(dev, VIBIF_OP_QUERY_GID, 1, 8);
	assert_memory_equal(rsp.op.query_gid.gid[0], none, 16);
	assert_memory_equal(rsp.op.query_gid.gid[1], end, 16);
	assert_int_equal(guest_status(dev, req_query_table(VIBIF_OP_QUERY_GID,
							   1, 9)), -EINVAL);
	fake_device.guid[1][5] = 5;
	dev->port[1].sgid_index = 5;
	assert_int_equal(query_gid(dev, 1, 0)[0][15], 5);
	assert_int_equal(query_gid(dev, 1, 5)[0][15], 0);
	assert_int_equal(query_gid(dev, 2, 0)[0][15], 0);
	/* An entry of the cache that is not valid is empty. */
	fail_always("rdma_query_gid", -ENOENT);
	assert_int_equal(query_gid(dev, 1, 0)[0][0], 0);
	fail_always("rdma_query_gid", -EIO);
	assert_int_equal(guest_status(dev, req_query_table(VIBIF_OP_QUERY_GID,
							   1, 0)), -EIO);
	fail_always(NULL, 0);
	guest_end(dev);
}

/* A QP sends from the guest's GID of its port, whatever the guest says. */
static void test_gid_of_qp(void **state)
{
	static const u8 types[] = { VIBIF_QPT_UD, VIBIF_QPT_RC, VIBIF_QPT_UC };
	struct ibback_dev *dev = guest_new();
	struct vibif_req req;
	struct obj qp;
	unsigned int i;

	dev->port[1].sgid_index = 5;
	dev->port[2].sgid_index = 6;
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		qp = new_qp(dev, types[i]);
		guest_do(dev, req_modify_qp(qp, types[i], IB_QPS_INIT));
		req = req_modify_qp(qp, types[i], IB_QPS_RTR);
		if (types[i] != VIBIF_QPT_UD) {
			req.op.modify_qp.av.flags = VIBIF_AV_GRH;
			req.op.modify_qp.av.sgid_index = 5;
			assert_int_equal(guest_status(dev, req), -EINVAL);
			req.op.modify_qp.av.sgid_index = 0;
		}
		guest_do(dev, req);
		assert_int_equal(fake_qp_sgid_index(qp.number), 5);
	}
	/* At the other port it is another. */
	qp = new_qp(dev, VIBIF_QPT_UD);
	req = req_modify_qp(qp, VIBIF_QPT_UD, IB_QPS_INIT);
	req.op.modify_qp.port = 2;
	guest_do(dev, req);
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_UD, IB_QPS_RTR));
	assert_int_equal(fake_qp_sgid_index(qp.number), 6);
	guest_end(dev);
}

/* By its alternate path it sends from that of the other port. */
static void test_gid_of_alternate_path(void **state)
{
	struct ibback_dev *dev = guest_new();
	struct obj qp = new_qp(dev, VIBIF_QPT_RC);
	struct vibif_req req;

	dev->port[1].sgid_index = 5;
	dev->port[2].sgid_index = 6;
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_INIT));
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR);
	req.op.modify_qp.attr_mask |= VIBIF_QP_ATTR_ALT_PATH;
	req.op.modify_qp.alt_port = 2;
	req.op.modify_qp.alt_av.flags = VIBIF_AV_GRH;
	req.op.modify_qp.alt_av.sgid_index = 6;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.modify_qp.alt_av.sgid_index = 0;
	guest_do(dev, req);
	assert_int_equal(fake_qp_sgid_index(qp.number), 5);
	assert_int_equal(fake_qp_alt_sgid_index(qp.number), 6);
	guest_end(dev);
}

static void test_bad_pkeys(void **state)
{
	static const char *const bad[] = {
		"", "0x", "8001", "0x8000", "0x0000", "0x8001,", ",0x8001",
		"0x8001 0x8002", "0x8001,,0x8002", "0x18001", "0x8001x",
		"0x8001,0x8000",
	};
	char text[7 * (VIBIF_MAX_PKEYS + 1) + 1] = "";
	struct ibback_dev *dev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		xen_write(GUEST_DIR, "pkeys-1", bad[i]);
		dev = guest_attach();
		assert_int_equal(dev->state, XenbusStateClosed);
		assert_int_equal(xen_fatal(), -EINVAL);
		guest_end(dev);
		xen_reset();
	}
	for (i = 0; i <= VIBIF_MAX_PKEYS; i++)
		sprintf(text + 7 * i, "0x%04x,", i + 1);
	text[sizeof(text) - 2] = '\0';
	xen_write(GUEST_DIR, "pkeys-1", text);
	dev = guest_attach();
	assert_int_equal(dev->state, XenbusStateClosed);
	guest_end(dev);
	text[7 * VIBIF_MAX_PKEYS - 1] = '\0';
	xen_write(GUEST_DIR, "pkeys-1", text);
	dev = guest_new();
	assert_int_equal(dev->limits.pkey_tbl_len[1], VIBIF_MAX_PKEYS);
	guest_end(dev);
	/* What cannot be read is told, too. */
	xen_write(GUEST_DIR, "pkeys-1", "0x8001");
	fail_at(1);
	dev = guest_attach();
	assert_true(failed());
	assert_true(kernel_logged("reading pkeys-1"));
	fail_at(0);
	guest_end(dev);
}

static void test_ips(void **state)
{
	static const u8 ip4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const u8 ip6[16] = { 0xfd, [15] = 1 };
	static const char *const bad[] = {
		"", "10.0.0", "10.0.0.256", "10.0.0.1,", ",10.0.0.1",
		"10.0.0.1 10.0.0.2", "10.0.0.1/8", "fd00::1/64", "fd00::g",
		"1::,2::,3::,4::,5::,6::,7::,8::",
	};
	struct ibback_dev *dev;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		xen_write(GUEST_DIR, VIBIF_FIELD_IPS, bad[i]);
		dev = guest_attach();
		assert_int_equal(dev->state, XenbusStateClosed);
		assert_int_equal(xen_fatal(), -EINVAL);
		guest_end(dev);
		xen_reset();
	}
	xen_write(GUEST_DIR, VIBIF_FIELD_IPS, "10.0.0.1,fd00::1");
	dev = guest_new();
	assert_int_equal(dev->nr_ips, 2);
	assert_memory_equal(dev->ip[0], ip4, 16);
	assert_memory_equal(dev->ip[1], ip6, 16);
	guest_end(dev);
	xen_write(GUEST_DIR, VIBIF_FIELD_IPS, "1::,2::,3::,4::,5::,6::,7::");
	dev = guest_new();
	assert_int_equal(dev->nr_ips, VIBIF_MAX_ADDRS);
	guest_end(dev);
	fail_at(1);
	dev = guest_attach();
	assert_true(failed());
	assert_true(kernel_logged("reading ips"));
	fail_at(0);
	guest_end(dev);
}

/* The guest's table is the list: its order, and nothing besides. */
static void test_pkeys(void **state)
{
	struct ibback_dev *dev;
	struct vibif_rsp rsp;

	xen_write(GUEST_DIR, "pkeys-2", "0x8202,0x0200,0x8200,0x9999");
	dev = guest_new();
	assert_int_equal(guest_request(dev, req_query_port(2), &rsp), 0);
	assert_int_equal(rsp.op.query_port.pkey_tbl_len, 4);
	rsp = query(dev, VIBIF_OP_QUERY_PKEY, 2, 0);
	assert_int_equal(rsp.op.query_pkey.pkey[0], 0x8202);
	/* The HCA's port is a full member, and has no such partition. */
	assert_int_equal(rsp.op.query_pkey.pkey[1], 0);
	assert_int_equal(rsp.op.query_pkey.pkey[2], 0x8200);
	assert_int_equal(rsp.op.query_pkey.pkey[3], 0);
	assert_int_equal(guest_status(dev, req_query_table(VIBIF_OP_QUERY_PKEY,
							   2, 4)), -EINVAL);
	/* For the other port there is no list. */
	assert_int_equal(query_pkey(dev, 1, 59)[0], 0x813b);
	assert_int_equal(guest_request(dev, req_query_port(1), &rsp), 0);
	assert_int_equal(rsp.op.query_port.pkey_tbl_len, 60);
	guest_end(dev);
}

static int init_qp(struct ibback_dev *dev, struct obj qp, u16 pkey_index)
{
	struct vibif_req req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_INIT);

	req.op.modify_qp.port = 2;
	req.op.modify_qp.pkey_index = pkey_index;
	return guest_status(dev, req);
}

static u16 pkey_index_of(struct ibback_dev *dev, struct obj qp, bool alt)
{
	struct vibif_rsp rsp;

	assert_int_equal(guest_request(dev, req_on(VIBIF_OP_QUERY_QP, qp),
				       &rsp), 0);
	return alt ? rsp.op.query_qp.alt_pkey_index :
		rsp.op.query_qp.pkey_index;
}

/* A guest with these tables, or the HCA's, and a QP of it. */
static struct ibback_dev *guest_of(const char *pkeys_1, const char *pkeys_2,
				   struct obj *qp)
{
	struct ibback_dev *dev;

	if (pkeys_1)
		xen_write(GUEST_DIR, "pkeys-1", pkeys_1);
	xen_write(GUEST_DIR, "pkeys-2", pkeys_2);
	dev = guest_new();
	*qp = new_qp(dev, VIBIF_QPT_RC);
	return dev;
}

/* Indices are the guest's on one side and the HCA's on the other. */
static void test_pkey_of_qp(void **state)
{
	struct vibif_req req;
	struct obj qp;
	struct ibback_dev *dev = guest_of("0x813b,0x8107",
					  "0x8202,0x9999,0x8201", &qp);

	assert_int_equal(init_qp(dev, qp, 3), -EINVAL);
	assert_int_equal(init_qp(dev, qp, 1), -EINVAL);
	assert_int_equal(init_qp(dev, qp, 2), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 1);
	assert_int_equal(pkey_index_of(dev, qp, false), 2);
	assert_int_equal(init_qp(dev, qp, 0), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 2);
	assert_int_equal(pkey_index_of(dev, qp, false), 0);
	/* The alternate path has the other port's. */
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR);
	req.op.modify_qp.attr_mask |= VIBIF_QP_ATTR_ALT_PATH;
	req.op.modify_qp.alt_port = 1;
	req.op.modify_qp.alt_pkey_index = 2;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.modify_qp.alt_pkey_index = 1;
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(pkey_index_of(dev, qp, false), 0);
	assert_int_equal(pkey_index_of(dev, qp, true), 1);
	guest_end(dev);
}

/* A P_Key that has moved is found again; one that has gone is refused. */
static void test_pkeys_move(void **state)
{
	struct vibif_req req;
	struct obj qp, old;
	struct ibback_dev *dev = guest_of(NULL, "0x8201", &old);

	qp = new_qp(dev, VIBIF_QPT_RC);
	assert_int_equal(init_qp(dev, old, 0), 0);
	assert_int_equal(init_qp(dev, qp, 0), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 1);
	fake_device.pkeys_moved = 1;
	assert_int_equal(query_pkey(dev, 2, 0)[0], 0x8201);
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR);
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 2);
	assert_int_equal(pkey_index_of(dev, qp, false), 0);
	fake_device.pkeys_moved = 2;
	assert_int_equal(query_pkey(dev, 2, 0)[0], 0);
	req = req_modify_qp(old, VIBIF_QPT_RC, IB_QPS_RTR);
	assert_int_equal(guest_status(dev, req), -EINVAL);
	assert_int_equal(fake_qp_state(old.number), IB_QPS_INIT);
	assert_int_equal(pkey_index_of(dev, qp, false), VIBIF_NO_PKEY_INDEX);
	guest_end(dev);
}

/* At another port the same index is another P_Key, or none. */
static void test_pkey_at_other_port(void **state)
{
	struct vibif_req req;
	struct obj qp;
	struct ibback_dev *dev = guest_of("0x813b", "0x8202,0x8201", &qp);

	assert_int_equal(init_qp(dev, qp, 0), 0);
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_INIT);
	req.op.modify_qp.attr_mask = VIBIF_QP_ATTR_PORT;
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 59);
	assert_int_equal(init_qp(dev, qp, 1), 0);
	/* Nor is it one of those that are empty. */
	fake_device.pkeys_moved = 1;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	assert_int_equal(fake_qp_pkey_index(qp.number), 1);
	guest_end(dev);
}

/* Where the other port's table is the HCA's the index is the HCA's. */
static void test_pkey_at_port_without_list(void **state)
{
	struct vibif_req req;
	struct obj qp;
	struct ibback_dev *dev = guest_of(NULL, "0x8202,0x8201", &qp);

	assert_int_equal(init_qp(dev, qp, 0), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 2);
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_INIT);
	req.op.modify_qp.attr_mask = VIBIF_QP_ATTR_PORT;
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(fake_qp_pkey_index(qp.number), 0);
	guest_end(dev);
}

static struct vibif_device_attr query_device(struct ibback_dev *dev)
{
	struct vibif_device_attr *attr = guest_page();

	guest_do(dev, req_query_device(xen_grant(attr, true)));
	return *attr;
}

static void test_node_guid(void **state)
{
	static const u8 guid[] = { 2, 0, 0, 0x12, 0x34, 0, 0xab, 0xcd };
	struct ibback_dev *dev = guest_new();

	assert_int_equal(query_device(dev).node_guid[0], FAKE_GUID >> 56);
	guest_end(dev);
	xen_reset();
	xen_write(GUEST_DIR, "node-guid", "0200:0012:3400:abcd");
	dev = guest_new();
	assert_memory_equal(query_device(dev).node_guid, guid, 8);
	guest_end(dev);
	xen_reset();
	xen_write(GUEST_DIR, "node-guid", "0200:0012:3400");
	dev = guest_attach();
	assert_int_equal(dev->state, XenbusStateClosed);
	assert_int_equal(xen_fatal(), -EINVAL);
	guest_end(dev);
}

/* What an SM in dom0 says of its port is not the guest's. */
static void test_no_sm(void **state)
{
	struct ibback_dev *dev = guest_new();
	struct vibif_rsp rsp;

	fake_device.port[1].port_cap_flags = IB_PORT_SM | 1 << 16;
	assert_int_equal(guest_request(dev, req_query_port(1), &rsp), 0);
	assert_int_equal(rsp.op.query_port.port_cap_flags, 1 << 16);
	guest_end(dev);
}

#define GUID		0x02000012340000abULL
#define GUID_TEXT	"0200:0012:3400:00ab"

static const struct obj device;

#define EVENT(port, event)	(1U << VIBIF_EVENT_PORT(port, event))

static struct ibback_dev *attach_with(const char *node, const char *guid)
{
	xen_write(GUEST_DIR, node, guid);
	return guest_new();
}

/* What all of it says of port 1 */
static void assert_gid(struct ibback_dev *dev, const char *state, u32 index,
		       u64 guid)
{
	char text[64];
	struct vibif_rsp rsp;
	const u8 *gid;
	u64 be;

	assert_string_equal(xen_read(GUEST_DIR, "gid-state-1"), state);
	assert_int_equal(dev->port[1].sgid_index, index);
	rsp = query(dev, VIBIF_OP_QUERY_GID, 1, 0);
	gid = rsp.op.query_gid.gid[0];
	memcpy(&be, gid + 8, sizeof(be));
	assert_true(be64_to_cpu(be) == guid);
	snprintf(text, sizeof(text), "%02x%02x:0000:0000:0000:%04x:%04x:%04x:%04x",
		 gid[0], gid[1], (u16)(guid >> 48), (u16)(guid >> 32),
		 (u16)(guid >> 16), (u16)guid);
	assert_string_equal(xen_read(GUEST_DIR, "gid-1"), text);
}

static u8 port_state(struct ibback_dev *dev, u8 port)
{
	struct vibif_rsp rsp;

	assert_int_equal(guest_request(dev, req_query_port(port), &rsp), 0);
	return rsp.op.query_port.state;
}

/* The port's own; in the stand-in that is port << 8 */
#define PORT_GUID	0x100ULL

/*
 * Its port is active when its GID is there, and not before. What that is to be
 * is told: IPoIB may read it once.
 */
static void test_alias(void **state)
{
	struct ibback_dev *dev = attach_with("guid-1", GUID_TEXT);

	assert_gid(dev, "pending", 1, GUID);
	/* Connections for that GID are not the guest's yet. */
	assert_int_equal(dev->cm.port[1].gid[15], 0);
	assert_int_equal(port_state(dev, 1), IB_PORT_INIT);
	assert_int_equal(port_state(dev, 2), IB_PORT_DOWN);
	ib_device_event(&fake_device, IB_EVENT_PORT_ACTIVE, 1);
	ib_device_event(&fake_device, IB_EVENT_LID_CHANGE, 1);
	assert_int_equal(guest_events(device),
			 EVENT(1, VIBIF_EVENT_PORT_LID_CHANGE));
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	assert_int_equal(port_state(dev, 1), IB_PORT_ACTIVE);
	assert_int_equal(guest_events(device),
			 EVENT(1, VIBIF_EVENT_PORT_GID_CHANGE) |
			 EVENT(1, VIBIF_EVENT_PORT_ACTIVE));
	assert_string_equal(xen_read(GUEST_DIR, "gid-index-1"), "1");
	/* The other port has none of its own, and is as active as the HCA's. */
	assert_string_equal(xen_read(GUEST_DIR, "gid-state-2"), "shared");
	ib_device_event(&fake_device, IB_EVENT_PORT_ACTIVE, 2);
	assert_int_equal(guest_events(device),
			 EVENT(2, VIBIF_EVENT_PORT_ACTIVE));
	guest_end(dev);
	kernel_run_work();
	assert_int_equal(fake_device.guid[1][1], 0);
}

/* An answer is one thing, the HCA's table another. */
static void test_alias_later(void **state)
{
	struct ibback_dev *dev;

	fake_device.sm.slow = true;
	dev = attach_with("guid-1", GUID_TEXT);
	kernel_run_work();
	assert_gid(dev, "pending", 1, GUID);
	assert_int_equal(guest_events(device), 0);
	fake_device.guid[1][1] = GUID;
	ib_device_event(&fake_device, IB_EVENT_GID_CHANGE, 1);
	assert_gid(dev, "alias", 1, GUID);
	/* What becomes of others' GIDs it does not hear. */
	guest_events(device);
	fake_device.guid[1][2] = GUID + 1;
	ib_device_event(&fake_device, IB_EVENT_GID_CHANGE, 1);
	assert_int_equal(guest_events(device), 0);
	fake_device.sm.slow = false;
	guest_end(dev);
}

/* What has come since it was last looked for is not lost. */
static void test_alias_much_later(void **state)
{
	struct ibback_dev *dev;
	unsigned int i;

	fake_device.sm.slow = true;
	dev = attach_with("guid-1", GUID_TEXT);
	for (i = 0; i < 3; i++)
		kernel_run_work();
	assert_gid(dev, "pending", 1, GUID);
	fake_device.guid[1][1] = GUID;
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	assert_int_equal(fake_device.sm.asked, 1);
	fake_device.sm.slow = false;
	guest_end(dev);
}

/* While the port is down there is nobody to ask. */
static void test_alias_port_down(void **state)
{
	struct ibback_dev *dev;

	fake_device.port[1].state = IB_PORT_INIT;
	dev = attach_with("guid-1", GUID_TEXT);
	kernel_run_work();
	kernel_run_work();
	assert_int_equal(fake_device.sm.asked, 0);
	assert_gid(dev, "pending", 1, GUID);
	fake_device.port[1].state = IB_PORT_ACTIVE;
	ib_device_event(&fake_device, IB_EVENT_PORT_ACTIVE, 1);
	assert_int_equal(guest_events(device), 0);
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	/* From then on the GID stays, also while the cable is out. */
	guest_events(device);
	ib_device_event(&fake_device, IB_EVENT_PORT_ERR, 1);
	ib_device_event(&fake_device, IB_EVENT_PORT_ACTIVE, 1);
	assert_int_equal(guest_events(device),
			 EVENT(1, VIBIF_EVENT_PORT_ERROR) |
			 EVENT(1, VIBIF_EVENT_PORT_ACTIVE));
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	assert_int_equal(guest_events(device), 0);
	guest_end(dev);
}

/* Until another GUID than that which somebody has will do */
static void let_wait(struct ibback_dev *dev)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		kernel_run_work();
		assert_gid(dev, "pending", dev->port[1].alias_index, GUID);
	}
	kernel_run_work();
}

/* Somebody has the GUID: then any other will do, as it will if 0 is wanted. */
static void test_alias_assigned(void **state)
{
	struct ibback_dev *dev;

	fake_device.sm.taken = GUID;
	fake_device.sm.next = 0x77;
	dev = attach_with("guid-1", GUID_TEXT);
	let_wait(dev);
	assert_gid(dev, "assigned", 1, 0x77);
	guest_end(dev);
	kernel_run_work();
	dev = attach_with("guid-1", "0000:0000:0000:0000");
	assert_gid(dev, "pending", 1, 0);
	kernel_run_work();
	assert_gid(dev, "assigned", 1, 0x78);
	guest_end(dev);
}

/* The host that the guest comes from has the GUID for a while. */
static void test_alias_moves(void **state)
{
	struct ibback_dev *dev;

	fake_device.sm.taken = GUID;
	dev = attach_with("guid-1", GUID_TEXT);
	kernel_run_work();
	kernel_run_work();
	assert_gid(dev, "pending", 1, GUID);
	assert_int_equal(port_state(dev, 1), IB_PORT_INIT);
	assert_int_equal(guest_events(device), 0);
	fake_device.sm.taken = 0;
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	assert_int_equal(port_state(dev, 1), IB_PORT_ACTIVE);
	guest_end(dev);
}

/* The answer comes late, and the table even later: nothing in between. */
static void test_alias_assigned_later(void **state)
{
	struct ibback_dev *dev;

	fake_device.sm.taken = GUID;
	fake_device.sm.next = 0x77;
	fake_device.sm.slow = true;
	dev = attach_with("guid-1", GUID_TEXT);
	let_wait(dev);
	assert_gid(dev, "pending", 1, GUID);
	fake_device.guid[1][1] = 0x77;
	ib_device_event(&fake_device, IB_EVENT_GID_CHANGE, 1);
	assert_gid(dev, "assigned", 1, 0x77);
	fake_device.sm.slow = false;
	guest_end(dev);
}

/* Without an alias the guest has the port's GID. */
static void test_alias_refused(void **state)
{
	struct ibback_dev *dev;
	unsigned int asked;

	fake_device.sm.refuses = true;
	dev = attach_with("guid-1", GUID_TEXT);
	let_wait(dev);
	assert_gid(dev, "refused", 0, PORT_GUID);
	assert_int_equal(port_state(dev, 1), IB_PORT_ACTIVE);
	assert_int_equal(guest_events(device),
			 EVENT(1, VIBIF_EVENT_PORT_GID_CHANGE) |
			 EVENT(1, VIBIF_EVENT_PORT_ACTIVE));
	asked = fake_device.sm.asked;
	kernel_run_work();
	assert_int_equal(fake_device.sm.asked, asked);
	/* The next subnet manager may be another. */
	fake_device.sm.refuses = false;
	ib_device_event(&fake_device, IB_EVENT_CLIENT_REREGISTER, 1);
	assert_gid(dev, "refused", 0, PORT_GUID);
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	guest_end(dev);
}

static void test_alias_unanswered(void **state)
{
	struct ibback_dev *dev;
	unsigned int i;

	fake_device.sm.silent = true;
	dev = attach_with("guid-1", GUID_TEXT);
	for (i = 0; i < 4; i++) {
		kernel_run_work();
		assert_gid(dev, "pending", 1, GUID);
	}
	kernel_run_work();
	assert_gid(dev, "unanswered", 0, PORT_GUID);
	/* Which need not say that it answers now */
	kernel_run_work();
	assert_gid(dev, "unanswered", 0, PORT_GUID);
	fake_device.sm.silent = false;
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	/* Nothing is left to ask. */
	kernel_run_work();
	assert_int_equal(fake_device.sm.asked, 7);
	guest_end(dev);
}

/* Until another is there, or the same again */
static void test_alias_no_manager(void **state)
{
	struct ibback_dev *dev;
	unsigned int i;

	fake_device.sm.silent = true;
	dev = attach_with("guid-1", GUID_TEXT);
	for (i = 0; i < 5; i++)
		kernel_run_work();
	assert_gid(dev, "unanswered", 0, PORT_GUID);
	fake_device.sm.silent = false;
	ib_device_event(&fake_device, IB_EVENT_SM_CHANGE, 1);
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	guest_end(dev);
}

/* A place where there is something is not taken. */
static void test_alias_no_index(void **state)
{
	struct ibback_dev *dev;

	fake_device.guid[2][1] = 0x99;
	dev = attach_with("guid-2", GUID_TEXT);
	assert_string_equal(xen_read(GUEST_DIR, "gid-state-2"), "no-index");
	assert_int_equal(dev->port[2].sgid_index, 0);
	assert_int_equal(port_state(dev, 2), IB_PORT_DOWN);
	guest_end(dev);
}

/* A backend that is reloaded finds it again, and asks for it again. */
static void test_alias_reload(void **state)
{
	struct ibback_dev *dev;

	fake_device.guid[1][1] = 0x99;
	dev = attach_with("guid-1", GUID_TEXT);
	kernel_run_work();
	assert_gid(dev, "alias", 2, GUID);
	guest_detach(dev);
	kernel_run_work();
	assert_int_equal(fake_device.guid[1][2], GUID);
	fake_device.guid[1][1] = 0;
	fake_device.sm.silent = true;
	dev = guest_new();
	assert_gid(dev, "alias", 2, GUID);
	guest_end(dev);
	assert_int_equal(fake_device.guid[1][2], GUID);
	/* Its nodes may say anything; what it had is there. */
	fake_device.sm.silent = false;
	xen_write(GUEST_DIR, "gid-index-1", "9");
	dev = attach_with("guid-1", GUID_TEXT);
	assert_gid(dev, "alias", 2, GUID);
	guest_end(dev);
	kernel_run_work();
	assert_int_equal(fake_device.guid[1][2], 0);
}

/* It is taken back also if it was not asked for again. */
static void test_alias_reload_detach(void **state)
{
	struct ibback_dev *dev = attach_with("guid-1", GUID_TEXT);

	kernel_run_work();
	guest_detach(dev);
	dev = guest_new();
	assert_gid(dev, "alias", 1, GUID);
	guest_end(dev);
	kernel_run_work();
	assert_int_equal(fake_device.guid[1][1], 0);
}

/* The HCA restarts: the same again. */
static void test_alias_restart(void **state)
{
	struct ibback_dev *dev = attach_with("guid-1", GUID_TEXT);
	unsigned int i;

	kernel_run_work();
	dev->port[1].alias_index = 1;
	ib_device_remove(&fake_device);
	memset(fake_device.guid, 0, sizeof(fake_device.guid));
	assert_int_equal(ib_device_add(&fake_device), 0);
	guest_connect(dev);
	/* The subnet manager believes that it has it still, for three tries. */
	for (i = 0; i < 4; i++) {
		assert_gid(dev, "pending", 1, GUID);
		kernel_run_work();
	}
	assert_gid(dev, "alias", 1, GUID);
	guest_end(dev);
}

/* Attached anew before it was taken back, a guest has it at the same place. */
static void test_alias_again(void **state)
{
	struct ibback_dev *dev = attach_with("guid-1", GUID_TEXT);

	kernel_run_work();
	xen_rm_nodes();
	guest_detach(dev);
	dev = attach_with("guid-1", GUID_TEXT);
	assert_gid(dev, "alias", 1, GUID);
	kernel_run_work();
	assert_gid(dev, "alias", 1, GUID);
	guest_end(dev);
}

/*
 * A guest does not get another's, whatever it is said to have had; and a subnet
 * manager that has restarted hears of both.
 */
static void test_two_aliases(void **state)
{
	struct ibback_dev *a, *b;

	xen_write(GUEST_DIR, "guid-1", GUID_TEXT);
	a = guest_attach();
	kernel_run_work();
	assert_string_equal(xen_read(GUEST_DIR, "gid-state-1"), "alias");
	xen_rm_nodes();
	guest_set_domid(8);
	fake_device.sm.lost = true;
	fake_device.sm.next = 0x77;
	xen_write(GUEST_DIR, "guid-1", GUID_TEXT);
	xen_write(GUEST_DIR, "gid-index-1", "1");
	b = guest_attach();
	let_wait(b);
	assert_string_equal(xen_read(GUEST_DIR, "gid-state-1"), "assigned");
	assert_int_equal(a->port[1].sgid_index, 1);
	assert_int_equal(b->port[1].sgid_index, 2);
	assert_int_equal(fake_device.guid[1][1], GUID);
	assert_int_equal(fake_device.guid[1][2], 0x77);
	guest_end(b);
	assert_int_equal(fake_device.guid[1][1], GUID);
	assert_int_equal(fake_device.guid[1][2], 0);
	guest_end(a);
}

/* A path has the index of one port's GID, which at another is somebody else's. */
static void test_gid_at_other_port(void **state)
{
	struct ibback_dev *dev = attach_with("guid-1", GUID_TEXT);
	struct vibif_req req;
	struct obj qp;

	kernel_run_work();
	qp = new_qp(dev, VIBIF_QPT_RC);
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_INIT));
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTR));
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_RTS));
	guest_do(dev, req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_SQD));
	req = req_modify_qp(qp, VIBIF_QPT_RC, IB_QPS_SQD);
	req.op.modify_qp.attr_mask = VIBIF_QP_ATTR_PORT;
	assert_int_equal(guest_status(dev, req), 0);
	req.op.modify_qp.port = 2;
	assert_int_equal(guest_status(dev, req), -EINVAL);
	req.op.modify_qp.attr_mask = VIBIF_QP_ATTR_PORT | VIBIF_QP_ATTR_AV;
	assert_int_equal(guest_status(dev, req), 0);
	assert_int_equal(fake_qp_sgid_index(qp.number), 0);
	guest_end(dev);
}

/* A write to xenstore that fails, or that others interfere with */
static void test_publish_fails(void **state)
{
	struct ibback_dev *dev = attach_with("guid-1", GUID_TEXT);

	fail_always("xenbus_transaction_end", -ENOSPC);
	kernel_run_work();
	assert_true(kernel_logged("state of GIDs [-28]"));
	fail_always(NULL, 0);
	guest_end(dev);
}

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_gids),
		TEST(test_gid_of_qp),
		TEST(test_gid_of_alternate_path),
		TEST(test_bad_pkeys),
		TEST(test_ips),
		TEST(test_pkeys),
		TEST(test_pkey_of_qp),
		TEST(test_pkeys_move),
		TEST(test_pkey_at_other_port),
		TEST(test_pkey_at_port_without_list),
		TEST(test_node_guid),
		TEST(test_no_sm),
		TEST(test_alias),
		TEST(test_alias_later),
		TEST(test_alias_much_later),
		TEST(test_alias_port_down),
		TEST(test_alias_assigned),
		TEST(test_alias_moves),
		TEST(test_alias_assigned_later),
		TEST(test_alias_refused),
		TEST(test_alias_unanswered),
		TEST(test_alias_no_manager),
		TEST(test_alias_no_index),
		TEST(test_alias_reload),
		TEST(test_alias_reload_detach),
		TEST(test_alias_restart),
		TEST(test_alias_again),
		TEST(test_two_aliases),
		TEST(test_gid_at_other_port),
		TEST(test_publish_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
