// SPDX-License-Identifier: GPL-2.0-only
/* Which IP addresses the frontend says the guest has, and when. */

#include <setjmp.h>
#include <cmocka.h>

struct net_device *netdevs;
unsigned int rtnl_held;

static struct xenbus_device xbdev = { .otherend = "backend" };
static struct ibfront_dev dev;
static struct notifier_block *v4, *v6;
static struct work_struct *wanted;
static unsigned int feature, told;
static struct vibif_set_addrs_req last[VIBIF_MAX_PORTS + 1];
static int answer;

static struct in_ifaddr ifa[2] = { { &ifa[1] } };
static struct in_device in_dev = { ifa };
static struct inet6_ifaddr ifa6[8];
static struct inet6_dev in6_dev;
static struct device other_device;
static struct net_device netdev, second;

/* The rest of the kernel and of the frontend */

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value)
{
	assert_string_equal(node, VIBIF_FIELD_FEATURE_ADDRS);
	return feature;
}

int register_inetaddr_notifier(struct notifier_block *nb)
{
	v4 = nb;
	return 0;
}

int unregister_inetaddr_notifier(struct notifier_block *nb)
{
	assert_ptr_equal(nb, v4);
	v4 = NULL;
	return 0;
}

int register_inet6addr_notifier(struct notifier_block *nb)
{
	v6 = nb;
	return 0;
}

int unregister_inet6addr_notifier(struct notifier_block *nb)
{
	assert_ptr_equal(nb, v6);
	v6 = NULL;
	return 0;
}

bool schedule_work(struct work_struct *work)
{
	wanted = work;
	return true;
}

bool cancel_work_sync(struct work_struct *work)
{
	/* Nobody may schedule it any more. */
	assert_null(v4);
	assert_null(v6);
	wanted = NULL;
	return true;
}

int ibfront_exec(struct ibfront_dev *d, struct vibif_req *req,
		 struct vibif_rsp *rsp)
{
	const struct vibif_set_addrs_req *args = &req->op.set_addrs;

	/* It may take long. */
	assert_int_equal(rtnl_held, 0);
	assert_int_equal(req->operation, VIBIF_OP_SET_ADDRS);
	assert_true(args->port && args->port <= VIBIF_MAX_PORTS);
	assert_true(args->count <= VIBIF_MAX_ADDRS);
	told++;
	last[args->port] = *args;
	return answer;
}

static void run_work(void)
{
	struct work_struct *work = wanted;

	assert_non_null(work);
	wanted = NULL;
	work->func(work);
}

/* Requests since last time, after a change of an address */
static unsigned int changes(struct notifier_block *nb)
{
	unsigned int before = told;

	nb->notifier_call(nb, 0, NULL);
	run_work();
	return told - before;
}

/* The first port has an interface with two IPv4 and @nr6 IPv6 addresses. */
static void give(unsigned int nr6)
{
	unsigned int i;

	ifa[0].ifa_local = 0x0100000a;
	ifa[1].ifa_local = 0x0200000a;
	spin_lock_init(&in6_dev.lock);
	INIT_LIST_HEAD(&in6_dev.addr_list);
	for (i = 0; i < nr6; i++) {
		ifa6[i].addr = (struct in6_addr) { .s6_addr = { 0xfd, i } };
		list_add_tail(&ifa6[i].if_list, &in6_dev.addr_list);
	}
	netdev = (struct net_device) {
		.dev.parent = &xbdev.dev,
		.in_dev = &in_dev,
		.in6_dev = &in6_dev,
	};
	netdevs = &netdev;
}

static int setup(void **state)
{
	memset(&dev, 0, sizeof(dev));
	memset(last, 0, sizeof(last));
	dev.xbdev = &xbdev;
	dev.ibdev.phys_port_cnt = 2;
	netdevs = NULL;
	rtnl_held = 0;
	wanted = NULL;
	feature = 1;
	answer = 0;
	told = 0;
	return 0;
}

static int teardown(void **state)
{
	ibfront_addrs_stop(&dev);
	assert_null(v4);
	assert_null(v6);
	assert_null(wanted);
	return 0;
}

/* Tests */

static void test_addrs(void **state)
{
	static const u8 ip4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
	static const u8 ip6[16] = { 0xfd };

	give(1);
	ibfront_addrs_start(&dev);
	run_work();
	assert_int_equal(last[1].count, 3);
	assert_memory_equal(last[1].addr[1], ip4, 16);
	assert_memory_equal(last[1].addr[2], ip6, 16);
	assert_int_equal(last[2].count, 0);
	/* What the backend knows is not said again. */
	assert_int_equal(changes(v4), 0);
	give(2);
	assert_int_equal(changes(v6), 1);
	assert_int_equal(last[1].count, 4);
	netdevs = NULL;
	assert_int_equal(changes(v4), 1);
	assert_int_equal(last[1].count, 0);
}

/* Of this device, at this port */
static void test_others(void **state)
{
	give(1);
	second = netdev;
	second.next = &netdev;
	second.dev.parent = &other_device;
	netdev.dev_port = 1;
	netdevs = &second;
	ibfront_addrs_start(&dev);
	run_work();
	assert_int_equal(last[1].count, 0);
	assert_int_equal(last[2].count, 3);
	/* One without addresses is no matter. */
	netdev.in_dev = NULL;
	netdev.in6_dev = NULL;
	changes(v4);
	assert_int_equal(last[2].count, 0);
}

static void test_too_many(void **state)
{
	give(ARRAY_SIZE(ifa6));
	ibfront_addrs_start(&dev);
	run_work();
	assert_int_equal(last[1].count, VIBIF_MAX_ADDRS);
}

/* What the backend has refused it is told again. */
static void test_refused(void **state)
{
	give(1);
	answer = -EINVAL;
	ibfront_addrs_start(&dev);
	run_work();
	answer = 0;
	assert_int_equal(changes(v4), 2);
	assert_int_equal(changes(v4), 0);
}

/* What is still to be said when the device goes is not said. */
static void test_stop(void **state)
{
	give(1);
	ibfront_addrs_start(&dev);
	run_work();
	v6->notifier_call(v6, 0, NULL);
	assert_non_null(wanted);
	ibfront_addrs_stop(&dev);
	assert_null(wanted);
}

static void test_no_feature(void **state)
{
	feature = 0;
	ibfront_addrs_start(&dev);
	assert_null(v4);
	assert_null(wanted);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_addrs),
		TEST(test_others),
		TEST(test_too_many),
		TEST(test_refused),
		TEST(test_stop),
		TEST(test_no_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
