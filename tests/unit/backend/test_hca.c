// SPDX-License-Identifier: GPL-2.0-only
/*
 * HCAs: which are offered to guests, which a device gets, what guests hear of
 * them; and what they answer when asked about themselves.
 */

#include "guest.h"

/* What is no HCA for guests, or cannot be had, leaves nothing behind. */
static void check_refused(int status)
{
	struct books before, after;

	books_read(NULL, &before);
	assert_int_equal(ib_device_add(&fake_device), status);
	books_read(NULL, &after);
	books_compare(&before, &after, "an HCA that was refused");
}

static void test_refused(void **state)
{
	struct ib_device other;

	ib_device_remove(&fake_device);
	fake_device.ethernet = true;
	check_refused(-EOPNOTSUPP);
	assert_true(kernel_logged("port 1 is Ethernet"));
	fake_device.ethernet = false;
	fake_device.node_guid = 0;
	check_refused(-EOPNOTSUPP);
	assert_true(kernel_logged("it has no node GUID"));
	fake_device.node_guid = cpu_to_be64(FAKE_GUID);
	other = fake_device;
	assert_int_equal(ib_device_add(&other), -EOPNOTSUPP);
	assert_true(kernel_logged("HCAs of its kind are not supported"));
	fail_always("open", -ENODEV);
	check_refused(-EOPNOTSUPP);
	fail_always("open", -ENOMEM);
	check_refused(-ENOMEM);
	assert_true(kernel_logged("cannot open it [-12]"));
	fail_always("ib_query_port", -EIO);
	check_refused(-EIO);
	fail_always(NULL, 0);
	assert_int_equal(ib_device_add(&fake_device), 0);
}

/* No doorbell page is left for the HCA itself: guests' devices wait on. */
static void test_no_spare_page(void **state)
{
	struct ibback_dev *dev = guest_attach();

	ib_device_remove(&fake_device);
	fail_always("uar alloc", -ENOSPC);
	assert_int_equal(ib_device_add(&fake_device), -ENOSPC);
	assert_true(kernel_logged("no doorbell page is left"));
	assert_null(dev->hca);
	assert_int_equal(fake_books.open, 0);
	fail_always(NULL, 0);
	assert_int_equal(ib_device_add(&fake_device), 0);
	assert_non_null(dev->hca);
	guest_end(dev);
}

/* What not every HCA has is known from ib_core. */
static void test_caps(void **state)
{
	struct ibback_dev *dev;
	struct vibif_req req;

	ib_device_remove(&fake_device);
	fake_device.attrs.device_cap_flags = IB_DEVICE_MEM_WINDOW_TYPE_2B;
	assert_int_equal(ib_device_add(&fake_device), 0);
	dev = guest_new();
	assert_int_equal(guest_status(dev, req_xrcd()), -EOPNOTSUPP);
	req = req_mw(guest_create(dev, req_pd()));
	assert_int_equal(guest_status(dev, req), -EOPNOTSUPP);
	req.op.alloc_mw.type = 2;
	assert_int_equal(guest_status(dev, req), 0);
}

/* A device gets the HCA that it wants, and waits for it. */
static void test_bind(void **state)
{
	struct ibback_dev *dev;

	guest_guid = FAKE_GUID + 1;
	dev = guest_attach();
	assert_null(dev->hca);
	assert_int_equal(xen_fatal(), -ENODEV);
	ib_device_remove(&fake_device);
	assert_int_equal(ib_device_add(&fake_device), 0);
	assert_null(dev->hca);
	guest_end(dev);
	guest_guid = FAKE_GUID;
	dev = guest_attach();
	assert_non_null(dev->hca);
	assert_int_equal(dev->limits.num_ports, VIBIF_MAX_PORTS);
	guest_end(dev);
}

/* Its HCA is away when the backend comes: the device is made later. */
static void test_bind_later(void **state)
{
	struct ibback_dev *dev = guest_attach();

	guest_detach(dev);
	ib_device_remove(&fake_device);
	guest_guid = FAKE_GUID;
	dev = guest_attach();
	assert_int_equal(dev->state, XenbusStateClosed);
	assert_int_equal(ib_device_add(&fake_device), 0);
	assert_non_null(dev->hca);
	assert_int_equal(dev->state, XenbusStateInitWait);
	assert_int_equal(fake_books.uars, dev->nr_uars + 1);
	guest_end(dev);
}

/* It comes too late for one that never had doorbell pages. */
static void test_bind_too_late(void **state)
{
	struct ibback_dev *dev;

	ib_device_remove(&fake_device);
	guest_guid = FAKE_GUID;
	dev = guest_attach();
	assert_int_equal(ib_device_add(&fake_device), 0);
	assert_null(dev->hca);
	guest_end(dev);
}

/* An HCA that goes takes all of a guest's objects along. */
static void test_remove(void **state)
{
	struct ibback_dev *dev = guest_new();
	struct obj pd = guest_create(dev, req_pd());

	guest_create(dev, req_mr(pd, 3));
	ib_device_remove(&fake_device);
	assert_null(dev->hca);
	assert_int_equal(xen_nr_mapped(), 0);
	assert_int_equal(guest_total("mrs"), 0);
	assert_int_equal(ib_device_add(&fake_device), 0);
}

/* Guests ask it when they are told, and the backend knows it by then. */
static void test_sm_lid(void **state)
{
	struct ibback_dev *dev;

	ib_device_remove(&fake_device);
	fake_device.port[2].sm_lid = 5;
	assert_int_equal(ib_device_add(&fake_device), 0);
	dev = guest_attach();
	assert_int_equal(dev->hca->sm_lid[0], 0);
	assert_int_equal(dev->hca->sm_lid[1], 5);
	fake_device.port[1].sm_lid = 6;
	fake_device.port[2].sm_lid = 7;
	ib_device_event(&fake_device, IB_EVENT_SM_CHANGE, 1);
	assert_int_equal(dev->hca->sm_lid[0], 6);
	assert_int_equal(dev->hca->sm_lid[1], 5);
	ib_device_event(&fake_device, IB_EVENT_DEVICE_FATAL, 0);
	guest_end(dev);
}

/*
 * An HCA's driver does not listen to it at first: a port comes up, and nobody
 * is told but by the backend. Others are not told of what they know.
 */
static void test_port_came_unnoticed(void **state)
{
	const struct obj device = {};
	struct ibback_dev *dev;
	unsigned int looks = 0;

	ib_device_remove(&fake_device);
	assert_int_equal(ib_device_add(&fake_device), 0);
	dev = guest_new();
	kernel_run_work();
	assert_int_equal(guest_events(device), 0);
	fake_device.port[2].state = IB_PORT_INIT;
	fake_device.unnoticed[2] = true;
	kernel_run_work();
	assert_int_equal(guest_events(device), 0);
	fake_device.port[2].state = IB_PORT_ACTIVE;
	fake_device.port[2].sm_lid = 9;
	fail_always("ib_query_port", -EIO);
	kernel_run_work();
	fail_always("ib_get_cached_port_state", -EINVAL);
	kernel_run_work();
	fail_always(NULL, 0);
	assert_int_equal(guest_events(device), 0);
	kernel_run_work();
	assert_int_equal(guest_events(device), 1U <<
			 VIBIF_EVENT_PORT(2, VIBIF_EVENT_PORT_ACTIVE));
	assert_int_equal(dev->hca->sm_lid[1], 9);
	for (; kernel_books.works; looks++) {
		kernel_run_work();
		assert_int_equal(guest_events(device), 0);
	}
	assert_in_range(looks, 50, 100);
}

/* udev gives it another name. */
static void test_rename(void **state)
{
	struct ibback_dev *dev = guest_attach();

	ib_device_rename(&fake_device, "ibp1s0");
	assert_string_equal(xen_read(GUEST_DIR, VIBIF_FIELD_HCA), "ibp1s0");
	guest_end(dev);
}

static void test_events(void **state)
{
	static const struct {
		enum ib_event_type type;
		unsigned int bit;
	} events[] = {
		{ IB_EVENT_PORT_ACTIVE, VIBIF_EVENT_PORT_ACTIVE },
		{ IB_EVENT_PORT_ERR, VIBIF_EVENT_PORT_ERROR },
		{ IB_EVENT_LID_CHANGE, VIBIF_EVENT_PORT_LID_CHANGE },
		{ IB_EVENT_PKEY_CHANGE, VIBIF_EVENT_PORT_PKEY_CHANGE },
		{ IB_EVENT_SM_CHANGE, VIBIF_EVENT_PORT_SM_CHANGE },
		{ IB_EVENT_CLIENT_REREGISTER,
		  VIBIF_EVENT_PORT_CLIENT_REREGISTER },
	};
	const struct obj device = {};
	struct ibback_dev *dev = guest_new();
	unsigned int i, port;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		for (port = 1; port <= 2; port++) {
			ib_device_event(&fake_device, events[i].type, port);
			assert_int_equal(guest_events(device), 1U <<
					 VIBIF_EVENT_PORT(port, events[i].bit));
		}
		/* Of ports that guests do not know of they do not hear. */
		ib_device_event(&fake_device, events[i].type, 0);
		ib_device_event(&fake_device, events[i].type, 3);
		assert_int_equal(guest_events(device), 0);
	}
	ib_device_event(&fake_device, IB_EVENT_DEVICE_FATAL, 0);
	assert_int_equal(guest_events(device), 1U << VIBIF_EVENT_DEVICE_FATAL);
	ib_device_event(&fake_device, IB_EVENT_CQ_ERR, 1);
	assert_int_equal(guest_events(device), 0);
	guest_end(dev);
	ib_device_event(&fake_device, IB_EVENT_DEVICE_FATAL, 0);
	assert_int_equal(guest_events(device), 0);
}

/* The HCA's attributes, lowered to what the guest may have */
static void test_query_device(void **state)
{
	struct ibback_dev *dev = guest_new();
	struct vibif_device_attr *attr = guest_page();
	grant_ref_t gref;

	dev->quota[IBBACK_MR] = 33;
	guest_do(dev, req_query_device(xen_grant(attr, true)));
	assert_int_equal(attr->provider, FAKE_PROVIDER);
	assert_string_equal(attr->board_id, "fake");
	assert_string_equal(attr->node_desc, "fake");
	assert_int_equal(attr->phys_port_cnt, VIBIF_MAX_PORTS);
	assert_int_equal(attr->num_comp_vectors, FAKE_VECTORS);
	assert_int_equal(attr->max_mr, 33);
	assert_int_equal(attr->max_qp, GUEST_EVENT_WORDS - 1);
	assert_int_equal(attr->max_mcast_qp_attach, IBBACK_MAX_GROUP_QPS);
	assert_int_equal(attr->device_cap_flags, FAKE_CAPS);
	assert_int_equal(attr->node_guid[0], FAKE_GUID >> 56);

	assert_int_equal(guest_status(dev, req_query_device(7)), -EFAULT);
	gref = xen_grant(attr, false);
	assert_int_equal(guest_status(dev, req_query_device(gref)), -EFAULT);
}

static void test_query_port(void **state)
{
	struct ibback_dev *dev = guest_new();
	struct vibif_rsp rsp;

	assert_int_equal(guest_request(dev, req_query_port(2), &rsp), 0);
	assert_int_equal(rsp.op.query_port.lid, 22);
	assert_int_equal(rsp.op.query_port.state, IB_PORT_DOWN);
	assert_int_equal(guest_status(dev, req_query_port(0)), -EINVAL);
	assert_int_equal(guest_status(dev, req_query_port(3)), -EINVAL);
}

/* Tables come in parts, and end where the port's ends. */
static void test_query_tables(void **state)
{
	struct ibback_dev *dev = guest_new();
	struct vibif_rsp rsp;

	assert_int_equal(guest_status(dev, req_query_table(VIBIF_OP_QUERY_GID,
							   1, 9)), -EINVAL);
	assert_int_equal(guest_request(dev, req_query_table(VIBIF_OP_QUERY_PKEY,
							    2, 1), &rsp), 0);
	assert_int_equal(rsp.op.query_pkey.pkey[1], 0x8202);
	assert_int_equal(rsp.op.query_pkey.pkey[2], 0);
	assert_int_equal(guest_status(dev, req_query_table(VIBIF_OP_QUERY_PKEY,
							   2, 3)), -EINVAL);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, guest_setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_no_spare_page),
		TEST(test_caps),
		TEST(test_bind),
		TEST(test_bind_later),
		TEST(test_bind_too_late),
		TEST(test_remove),
		TEST(test_port_came_unnoticed),
		TEST(test_rename),
		TEST(test_events),
		TEST(test_sm_lid),
		TEST(test_query_device),
		TEST(test_query_port),
		TEST(test_query_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
