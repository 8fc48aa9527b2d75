// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbell pages: whose they are while a device is attached, after that, and
 * when the HCA has restarted.
 */

#include "guest.h"

#define NR_UARS		(GUEST_NR_CONTEXTS * FAKE_UARS_PER_CONTEXT)
/* Of the HCA itself, mapped nowhere */
#define NR_SPARE	1

static u32 node_number(const char *node)
{
	const char *value = xen_read(GUEST_DIR, node);

	assert_non_null(value);
	return strtoul(value, NULL, 10);
}

/* The toolstack detaches the device. */
static void detach(struct ibback_dev *dev)
{
	xen_rm_nodes();
	guest_detach(dev);
}

static void go_away(void)
{
	ib_device_remove(&fake_device);
}

static void restart(void)
{
	go_away();
	fake_restart();
}

static void come_back(void)
{
	assert_int_equal(ib_device_add(&fake_device), 0);
}

/*
 * A device that is Closed when its HCA comes back, and cannot have it, is not
 * said to be Closing: it never would be Closed.
 */
static void assert_still_closed(const struct ibback_dev *dev, int err)
{
	assert_int_equal(dev->state, XenbusStateClosed);
	assert_int_equal(xen_error(), err);
	assert_int_not_equal(xen_fatal(), err);
}

static void test_publish(void **state)
{
	struct ibback_dev *dev = guest_attach();

	assert_int_equal(node_number(VIBIF_FIELD_UAR_COUNT), NR_UARS);
	assert_int_equal(node_number(VIBIF_FIELD_HCA_INSTANCE), 1);
	assert_string_equal(xen_read(GUEST_DIR, VIBIF_FIELD_HCA), "fake_0");
	assert_string_equal(xen_read(GUEST_DIR, VIBIF_FIELD_HCA_GUID),
			    "fa4e:0000:0000:0001");
	/* The HCA's spare one is the highest, then come the guest's. */
	assert_string_equal(xen_read(GUEST_DIR, VIBIF_FIELD_UAR "0"),
			    "55 0xd037 0xe037");
	assert_string_equal(xen_read(GUEST_DIR, VIBIF_FIELD_UAR "7"),
			    "62 0xd03e 0x0");
	assert_null(xen_read(GUEST_DIR, VIBIF_FIELD_UAR "8"));
	assert_int_equal(guest_total("uars"), NR_UARS);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

static void test_too_many(void **state)
{
	struct ibback_dev *dev;

	xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(contexts), "31");
	dev = guest_attach();
	assert_int_equal(xen_error(), -ENOSPC);
	assert_int_equal(fake_books.uars, NR_SPARE);
	guest_end(dev);
}

/* What is not published is not the device's, but may be known to somebody. */
static void test_publish_fails(void **state)
{
	struct ibback_dev *dev;

	fail_always("xenbus_printf", -ENOMEM);
	dev = guest_attach();
	fail_always(NULL, 0);
	assert_int_equal(xen_error(), -ENOMEM);
	assert_int_equal(dev->nr_uars, 0);
	assert_int_equal(guest_total("uars"), NR_UARS);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* The backend is loaded anew: the pages are still the guest's. */
static void test_adopt(void **state)
{
	struct ibback_dev *dev = guest_attach();

	guest_detach(dev);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	assert_int_equal(guest_total("uars"), 0);
	dev = guest_attach();
	assert_int_equal(xen_error(), 0);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	assert_int_equal(guest_total("uars"), NR_UARS);
	assert_int_equal(dev->uar[0].index, 55);
	assert_int_equal(dev->uar[7].frame, FAKE_UAR_FRAME + 62);
	guest_end(dev);
}

static void check_bad_node(const char *node, const char *value)
{
	struct ibback_dev *dev;

	xen_write(GUEST_DIR, node, value);
	dev = guest_attach();
	assert_int_equal(xen_fatal(), -EINVAL);
	assert_int_equal(guest_total("uars"), 0);
	guest_end(dev);
}

/* What the nodes say of the pages is believed within limits. */
static void test_bad_nodes(void **state)
{
	char node[16];
	u32 i;

	for (i = 0; i <= VIBIF_MAX_UARS; i++) {
		snprintf(node, sizeof(node), VIBIF_FIELD_UAR "%u", i);
		xen_write(GUEST_DIR, node, "55");
	}
	check_bad_node(VIBIF_FIELD_UAR_COUNT, "257");
	xen_write(GUEST_DIR, VIBIF_FIELD_UAR "0", "55");
	check_bad_node(VIBIF_FIELD_UAR_COUNT, "2");
	xen_write(GUEST_DIR, VIBIF_FIELD_UAR "0", "55");
	xen_write(GUEST_DIR, VIBIF_FIELD_UAR "1", "64");
	check_bad_node(VIBIF_FIELD_UAR_COUNT, "2");
	xen_write(GUEST_DIR, VIBIF_FIELD_UAR "0", "1");
	check_bad_node(VIBIF_FIELD_UAR_COUNT, "1");
}

/* What a guest may have mapped is nobody's as long as the guest lives. */
static void test_quarantine(void **state)
{
	detach(guest_attach());
	kernel_run_work();
	kernel_run_work();
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	assert_int_equal(guest_total("uars"), NR_UARS);
	xen_domain_gone(guest_domid());
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	kernel_run_work();
	assert_int_equal(fake_books.uars, NR_SPARE);
	assert_int_equal(guest_total("uars"), 0);
	/* Nobody looks any more. */
	assert_int_equal(kernel_books.works, 0);
}

/* The same guest gets them again, and more if it needs more. */
static void test_from_quarantine(void **state)
{
	struct ibback_dev *dev;

	detach(guest_attach());
	dev = guest_attach();
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	assert_int_equal(guest_total("uars"), NR_UARS);
	detach(dev);
	xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(contexts), "5");
	dev = guest_attach();
	assert_int_equal(dev->nr_uars, NR_UARS + 2);
	assert_int_equal(fake_books.uars, NR_UARS + 2 + NR_SPARE);
	detach(dev);
	xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(contexts), "1");
	dev = guest_attach();
	assert_int_equal(dev->nr_uars, 2);
	assert_int_equal(fake_books.uars, NR_UARS + 2 + NR_SPARE);
	guest_end(dev);
}

/* Another guest does not. */
static void test_quarantine_of_others(void **state)
{
	struct ibback_dev *dev;

	detach(guest_attach());
	guest_set_domid(8);
	dev = guest_attach();
	assert_int_equal(dev->uar[0].index, 55 - NR_UARS);
	assert_int_equal(fake_books.uars, 2 * NR_UARS + NR_SPARE);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	xen_domain_gone(7);
	kernel_run_work();
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* Of a guest that is gone already they are free at once. */
static void test_guest_gone(void **state)
{
	struct ibback_dev *dev = guest_attach();

	xen_domain_gone(guest_domid());
	detach(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
	assert_int_equal(kernel_books.works, 0);
}

/* Unloaded while a guest lives: they stay reserved, and that is said. */
static void test_exit(void **state)
{
	detach(guest_attach());
	ibback_uars_exit();
	assert_true(kernel_logged("domain 7 may still use 8 UARs"));
	assert_int_equal(guest_total("uars"), 0);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	/* Until the HCA's core driver restarts */
	restart();
	come_back();
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* Only the RDMA device is away for some time: nothing was given back. */
static void test_device_away(void **state)
{
	struct ibback_dev *dev = guest_attach();

	guest_connect(dev);
	guest_create(dev, req_context());
	go_away();
	assert_null(dev->hca);
	assert_int_equal(fake_books.uars, NR_UARS);
	come_back();
	assert_non_null(dev->hca);
	assert_int_equal(dev->state, XenbusStateInitWait);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	guest_connect(dev);
	guest_create(dev, req_context());
	guest_end(dev);
}

/* They are reserved again, but that cannot be said: a detach frees them. */
static void check_back_unpublished(void (*go)(void))
{
	struct ibback_dev *dev = guest_attach();

	go();
	fail_always("xenbus_printf", -ENOMEM);
	come_back();
	fail_always(NULL, 0);
	assert_still_closed(dev, -ENOMEM);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

static void test_back_unpublished(void **state)
{
	check_back_unpublished(go_away);
	check_back_unpublished(restart);
}

/* The nodes name what is no page of the HCA, which comes later. */
static void test_back_bad_node(void **state)
{
	struct ibback_dev *dev = guest_attach();

	guest_detach(dev);
	restart();
	guest_guid = FAKE_GUID;
	xen_write(GUEST_DIR, VIBIF_FIELD_UAR "1", "64");
	dev = guest_attach();
	come_back();
	assert_null(dev->hca);
	assert_still_closed(dev, -EINVAL);
	assert_int_equal(guest_total("uars"), 0);
	guest_end(dev);
}

/* What could not be said then is, when the RDMA device alone comes back. */
static void test_back_published_later(void **state)
{
	struct ibback_dev *dev = guest_attach();

	restart();
	fail_always("xenbus_printf", -ENOMEM);
	come_back();
	fail_always(NULL, 0);
	assert_int_equal(node_number(VIBIF_FIELD_HCA_INSTANCE), 1);
	go_away();
	come_back();
	assert_int_equal(node_number(VIBIF_FIELD_HCA_INSTANCE), 2);
	/* A backend that is loaded anew believes that. */
	guest_detach(dev);
	dev = guest_attach();
	assert_int_equal(dev->state, XenbusStateInitWait);
	assert_int_equal(dev->nr_uars, NR_UARS);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* Or when the backend goes: for the next one they are the guest's own. */
static void test_unloaded_unpublished(void **state)
{
	struct ibback_dev *dev = guest_attach();

	restart();
	fail_always("xenbus_printf", -ENOMEM);
	come_back();
	fail_always(NULL, 0);
	assert_int_equal(node_number(VIBIF_FIELD_HCA_INSTANCE), 1);
	guest_detach(dev);
	dev = guest_attach();
	assert_false(kernel_logged("went to another user"));
	assert_int_equal(dev->state, XenbusStateInitWait);
	assert_int_equal(dev->nr_uars, NR_UARS);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* After a restart the same ones are reserved, before any other is taken. */
static void test_restart(void **state)
{
	struct ibback_dev *dev = guest_attach();

	restart();
	come_back();
	assert_non_null(dev->hca);
	assert_int_equal(dev->uar[0].index, 55);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	assert_int_equal(node_number(VIBIF_FIELD_HCA_INSTANCE), 2);
	guest_end(dev);
}

/* The device was detached, or its backend unloaded, while the HCA was away. */
static void test_restart_without_backend(void **state)
{
	struct ibback_dev *dev = guest_attach();

	guest_detach(dev);
	restart();
	come_back();
	dev = guest_attach();
	assert_int_equal(xen_error(), 0);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	restart();
	detach(dev);
	kernel_run_work();
	come_back();
	assert_int_equal(guest_total("uars"), NR_UARS);
	assert_int_equal(fake_books.uars, NR_UARS + NR_SPARE);
	xen_domain_gone(guest_domid());
	kernel_run_work();
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* One went to another user: the guest loses its device, and that is said. */
static void test_lost(void **state)
{
	struct ibback_dev *dev = guest_attach();

	restart();
	fake_uar_take(57);
	come_back();
	assert_null(dev->hca);
	assert_still_closed(dev, -EBUSY);
	assert_true(kernel_logged("doorbell page 57 went to another user"));
	assert_int_equal(dev->nr_uars, 0);
	/* The others are in quarantine. */
	assert_int_equal(guest_total("uars"), NR_UARS - 1);
	assert_int_equal(fake_books.uars, NR_UARS - 1 + NR_SPARE);
	guest_end(dev);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* The same with what was in quarantine: what is lost is forgotten. */
static void test_lost_in_quarantine(void **state)
{
	u32 i;

	detach(guest_attach());
	restart();
	kernel_run_work();
	fake_uar_take(55);
	come_back();
	assert_true(kernel_logged("doorbell page 55 went to another user"));
	assert_int_equal(guest_total("uars"), NR_UARS - 1);
	assert_int_equal(fake_books.uars, NR_UARS - 1 + NR_SPARE);
	restart();
	for (i = 55; i < 63; i++)
		fake_uar_take(i);
	come_back();
	assert_int_equal(guest_total("uars"), 0);
	assert_int_equal(fake_books.uars, NR_SPARE);
	/* Neither this nor the look at the HCA's ports goes on for ever. */
	for (i = 0; i < 100; i++)
		kernel_run_work();
	assert_int_equal(kernel_books.works, 0);
}

/* Those in quarantine that nobody took, while only the RDMA device was away */
static void test_quarantine_device_away(void **state)
{
	detach(guest_attach());
	go_away();
	xen_domain_gone(guest_domid());
	kernel_run_work();
	assert_int_equal(guest_total("uars"), NR_UARS);
	come_back();
	kernel_run_work();
	assert_int_equal(guest_total("uars"), 0);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

/* Another HCA comes in its place: they are not its own. */
static void test_quarantine_other_hca(void **state)
{
	detach(guest_attach());
	restart();
	fake_device.node_guid = cpu_to_be64(FAKE_GUID + 1);
	come_back();
	assert_int_equal(fake_books.uars, NR_SPARE);
	xen_domain_gone(guest_domid());
	kernel_run_work();
	assert_int_equal(guest_total("uars"), NR_UARS);
	restart();
	fake_device.node_guid = cpu_to_be64(FAKE_GUID);
	come_back();
	kernel_run_work();
	assert_int_equal(guest_total("uars"), 0);
	assert_int_equal(fake_books.uars, NR_SPARE);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, guest_setup, guest_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_publish),
		TEST(test_too_many),
		TEST(test_publish_fails),
		TEST(test_adopt),
		TEST(test_bad_nodes),
		TEST(test_quarantine),
		TEST(test_from_quarantine),
		TEST(test_quarantine_of_others),
		TEST(test_guest_gone),
		TEST(test_exit),
		TEST(test_device_away),
		TEST(test_back_unpublished),
		TEST(test_back_bad_node),
		TEST(test_back_published_later),
		TEST(test_unloaded_unpublished),
		TEST(test_restart),
		TEST(test_restart_without_backend),
		TEST(test_lost),
		TEST(test_lost_in_quarantine),
		TEST(test_quarantine_device_away),
		TEST(test_quarantine_other_hca),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
