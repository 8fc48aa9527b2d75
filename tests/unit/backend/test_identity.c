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

/* Indices are the guest's on one side and the HCA's on the other. */
static void test_pkey_of_qp(void **state)
{
	struct ibback_dev *dev;
	struct vibif_req req;
	struct obj qp;

	xen_write(GUEST_DIR, "pkeys-1", "0x813b,0x8107");
	xen_write(GUEST_DIR, "pkeys-2", "0x8202,0x9999,0x8201");
	dev = guest_new();
	qp = new_qp(dev, VIBIF_QPT_RC);
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
	struct ibback_dev *dev;
	struct vibif_req req;
	struct obj qp, old;

	xen_write(GUEST_DIR, "pkeys-2", "0x8201");
	dev = guest_new();
	old = new_qp(dev, VIBIF_QPT_RC);
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
	struct ibback_dev *dev;
	struct vibif_req req;
	struct obj qp;

	xen_write(GUEST_DIR, "pkeys-1", "0x813b");
	xen_write(GUEST_DIR, "pkeys-2", "0x8202,0x8201");
	dev = guest_new();
	qp = new_qp(dev, VIBIF_QPT_RC);
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

int main(void)
{
#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_gids),
		TEST(test_gid_of_qp),
		TEST(test_bad_pkeys),
		TEST(test_pkeys),
		TEST(test_pkey_of_qp),
		TEST(test_pkeys_move),
		TEST(test_pkey_at_other_port),
		TEST(test_node_guid),
		TEST(test_no_sm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
