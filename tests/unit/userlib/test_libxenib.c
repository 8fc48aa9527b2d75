// SPDX-License-Identifier: GPL-2.0-only
/* test_libxenib.c - the library against a fake Xen */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before cmocka.h, which has a macro of the name of a function in it */
#include "../../../userlib/private.h"
#include "ends.h"
#include "fake.h"

#include <cmocka.h>

#define BE3	"/local/domain/0/backend/vib/3/0"
#define FE3	"/local/domain/3/device/vib/0"

#define PV	3
#define PVH	4

static struct xenib *xn;

static int setup(void **state)
{
	(void)state;
	ends_reset();
	xn = xenib_open(0);
	return !xn;
}

static int teardown(void **state)
{
	(void)state;
	xenib_close(xn);
	fake_end();
	return fake_handles;
}

/* By the fake clock, which a busy machine does not make go faster */
#define TIMEOUT_MS	200

static struct xenib_attach_args args_for(uint32_t domid)
{
	struct xenib_attach_args args = {
		.domid = domid,
		.timeout_ms = TIMEOUT_MS,
	};

	return args;
}

static int attach(uint32_t domid)
{
	struct xenib_attach_args args = args_for(domid);

	return xenib_attach(xn, &args);
}

static int detach_with(uint32_t domid, unsigned int flags)
{
	return xenib_detach(xn, domid, 0, flags, TIMEOUT_MS);
}

static int detach(uint32_t domid)
{
	return detach_with(domid, 0);
}

static int detach_forced(uint32_t domid)
{
	return detach_with(domid, XENIB_DETACH_FORCE);
}

static void assert_error(int rc, int err, const char *text)
{
	assert_int_equal(rc, -1);
	assert_int_equal(errno, err);
	if (!strstr(xenib_error(xn), text))
		fail_msg("\"%s\" does not say \"%s\"", xenib_error(xn), text);
	assert_null(strchr(xenib_error(xn), '\n'));
}

static void assert_warning(const char *text)
{
	assert_non_null(strstr(xenib_warning(xn), text));
}

static void assert_node(const char *path, const char *value)
{
	assert_non_null(fake_get(path));
	assert_string_equal(fake_get(path), value);
}

/* Nothing is left of any device. */
static void assert_clean(const char *before)
{
	char *after = fake_dump();

	assert_string_equal(after, before);
	free(after);
	assert_int_equal(fake_permitted(PV) + fake_permitted(PVH), 0);
	assert_int_equal(fake_mapped(PV, 0) + fake_mapped(PVH, 0), 0);
}

static void test_numbers(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(parse_number("0", 10, 9, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse_number("18446744073709551615", 10, UINT64_MAX,
				      &n), 0);
	assert_int_equal(n, UINT64_MAX);
	assert_int_equal(parse_number("0xff", 16, 255, &n), 0);
	assert_int_equal(n, 255);
	assert_int_equal(parse_number("", 10, 9, &n), -1);
	assert_int_equal(parse_number("10", 10, 9, &n), -1);
	assert_int_equal(parse_number("-1", 10, UINT64_MAX, &n), -1);
	assert_int_equal(parse_number("+1", 10, 9, &n), -1);
	assert_int_equal(parse_number(" 1", 10, 9, &n), -1);
	assert_int_equal(parse_number("1 ", 10, 9, &n), -1);
	assert_int_equal(parse_number("1x", 10, 9, &n), -1);
	assert_int_equal(parse_number("18446744073709551616", 10, UINT64_MAX,
				      &n), -1);
	assert_int_equal(n, 255);
}

static void test_uar(void **state)
{
	static const char *const bad[] = {
		"", "1032", "1032 0xfe408", "1032 0xfe408 0xfe808 ",
		"1032  0xfe408 0xfe808", "0x10 0xfe408 0xfe808",
		"4294967296 0xfe408 0xfe808", "1032 0 0xfe808",
		"1032 0x10000000000 0xfe808", "1032 -1 0", "1032 0xg 0",
		"1032 0xfe408 0xfe808 1", "1032,0xfe408,0xfe808",
	};
	struct xenib_uar uar;
	size_t i;

	(void)state;
	assert_int_equal(parse_uar("1032 0xfe408 0xfe808", &uar), 0);
	assert_int_equal(uar.index, 1032);
	assert_int_equal(uar.frame, 0xfe408);
	assert_int_equal(uar.bf_frame, 0xfe808);
	assert_int_equal(parse_uar("4294967295 fe408 0", &uar), 0);
	assert_int_equal(uar.bf_frame, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse_uar(bad[i], &uar))
			fail_msg("\"%s\" passes for a UAR", bad[i]);
}

static void test_error_node(void **state)
{
	const char *text;

	(void)state;
	assert_int_equal(parse_error("12 no memory", &text), ENOMEM);
	assert_string_equal(text, "no memory");
	assert_int_equal(parse_error("-12 no memory", &text), EPROTO);
	assert_string_equal(text, "-12 no memory");
	assert_int_equal(parse_error("0 fine", &text), EPROTO);
	assert_int_equal(parse_error("99999 what", &text), EPROTO);
	assert_int_equal(parse_error("", &text), EPROTO);
	assert_string_equal(text, "");
}

static void test_hca_name(void **state)
{
	char longest[65];

	(void)state;
	memset(longest, 'a', 64);
	longest[64] = 0;
	assert_false(valid_hca_name(longest));
	longest[63] = 0;
	assert_true(valid_hca_name(longest));
	assert_true(valid_hca_name("mlx4_0"));
	assert_false(valid_hca_name(""));
	assert_false(valid_hca_name(".."));
	assert_false(valid_hca_name("a/b"));
	assert_false(valid_hca_name("a b"));
}

static void test_guid(void **state)
{
	static const char *const good[] = {
		"0002:c903:00fa:bcde", "0002c90300fabcde", "2C90300FABCDE",
		"0x0002c90300fabcde",
	};
	static const char *const bad[] = {
		"", "0", "0000:0000:0000:0000", "2:c903:fa:bcde",
		"0002:c903:00fa:bcde:", "0002:c903:00fa:bcd",
		"0002:c903:00fabcde", "0x02:c903:00fa:bcde",
		"0002:c903:00fa-bcde", "10002c90300fabcde",
		"0002c90300fabcde ", "-1", "mlx4_0",
	};
	uint64_t guid;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		guid = 0;
		assert_int_equal(parse_guid(good[i], &guid), 0);
		assert_int_equal(guid, 0x0002c90300fabcde);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse_guid(bad[i], &guid))
			fail_msg("\"%s\" passes for a GUID", bad[i]);
}

static void test_parse_uuid(void **state)
{
	static const char *const good[] = {
		"6f1c2b1e-93b5-4e0f-8d2c-0a5b7c9d1e3f",
		"6F1C2B1E-93B5-4E0F-8D2C-0A5B7C9D1E3F",
		"6f1c2b1e93b54e0f8d2c0a5b7c9d1e3f",
	};
	static const char *const bad[] = {
		"", "-", "6f", "6f1c2b1e-93b5-4e0f-8d2c-0a5b7c9d1e3",
		"6f1c2b1e-93b5-4e0f-8d2c-0a5b7c9d1e3f0",
		"6f1c2b1e-93b5-4e0f-8d2c0a5b7c9d1e3f",
		"6f1c2b1e-93b5-4e0f-8d2c-0a5b7c9d1e3g",
		"6f1c2b1e-93b54-e0f-8d2c-0a5b7c9d1e3f",
		" 6f1c2b1e93b54e0f8d2c0a5b7c9d1e3f",
		"6f1c2b1e93b54e0f8d2c0a5b7c9d1e3f-",
	};
	static const xen_domain_handle_t expected = {
		0x6f, 0x1c, 0x2b, 0x1e, 0x93, 0xb5, 0x4e, 0x0f,
		0x8d, 0x2c, 0x0a, 0x5b, 0x7c, 0x9d, 0x1e, 0x3f,
	};
	xen_domain_handle_t uuid;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(uuid, 0, sizeof(uuid));
		assert_int_equal(parse_uuid(good[i], uuid), 0);
		assert_memory_equal(uuid, expected, sizeof(uuid));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse_uuid(bad[i], uuid))
			fail_msg("\"%s\" passes for a UUID", bad[i]);
}

static void test_gfn_base(void **state)
{
	const uint64_t gib = 1 << 18;
	uint64_t a, b;

	(void)state;
	a = choose_gfn_base(gib / 2, 40, 0);
	assert_in_range(a, 5 * gib, 7 * gib);
	b = choose_gfn_base(gib / 2, 40, 1);
	assert_in_range(b, a + VIBIF_FRAMES_PER_UAR * VIBIF_MAX_UARS, 7 * gib);
	/* Above all RAM, wherever it lies */
	assert_in_range(choose_gfn_base(100 * gib, 40, 255), 104 * gib,
			110 * gib);
	assert_int_equal(choose_gfn_base(100 * gib, 36, 0), 0);
	assert_int_equal(choose_gfn_base(100 * gib, 0, 0), 0);
	assert_int_equal(choose_gfn_base(1024 * gib, 40, 0), 0);
	assert_int_equal(choose_gfn_base(UINT64_MAX, 255, 0), 0);
	assert_int_not_equal(choose_gfn_base(58 * gib, 36, 0), 0);
}

static void test_open(void **state)
{
	(void)state;
	assert_null(xenib_open(1));
	assert_int_equal(errno, EINVAL);
	fake_open_errno = EACCES;
	assert_null(xenib_open(0));
	assert_int_equal(errno, EACCES);
	fake_open_errno = 0;
	fake_fail_at(2);
	assert_null(xenib_open(0));
	assert_int_equal(errno, EIO);
	assert_int_equal(fake_handles, 2);
	xenib_close(NULL);
	assert_string_equal(xenib_error(xn), "");
}

static void test_domain(void **state)
{
	uint32_t domid;

	(void)state;
	assert_int_equal(xenib_domain(xn, "pvh", &domid), 0);
	assert_int_equal(domid, PVH);
	assert_int_equal(xenib_domain(xn, "99", &domid), 0);
	assert_int_equal(domid, 99);
	assert_error(xenib_domain(xn, "web", &domid), ENOENT,
		     "no such domain: web");
	assert_error(xenib_domain(xn, "", &domid), ENOENT, "no such domain");
	assert_error(xenib_domain(xn, "99999", &domid), ENOENT, "99999");
	assert_error(xenib_domain(xn, "a\nb", &domid), ENOENT, "a?b");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(xenib_quota_name(XENIB_QUOTA_MCAST), "mcast");
	assert_null(xenib_quota_name(XENIB_NR_QUOTAS));
	assert_string_equal(xenib_state_name(2), "InitWait");
	assert_string_equal(xenib_state_name(99), "Unknown");
}

static void test_attach_pv(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump(), *during;

	(void)state;
	args.hca = "mlx4_0";
	args.quota[XENIB_QUOTA_CONTEXT] = 2;
	args.quota[XENIB_QUOTA_PAGE] = 4096;
	fake_conflicts = 3;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_node(BE3 "/frontend", FE3);
	assert_node(BE3 "/frontend-id", "3");
	assert_node(BE3 "/online", "1");
	assert_node(BE3 "/hca-guid", "0002:c903:0012:3456");
	assert_node(BE3 "/max-contexts", "2");
	assert_node(BE3 "/max-pages", "4096");
	assert_null(fake_get(BE3 "/max-cqs"));
	assert_null(fake_get(BE3 "/uar-gfn-base"));
	assert_node(BE3 "/state", "4");
	assert_node(FE3 "/backend", BE3);
	assert_node(FE3 "/backend-id", "0");
	assert_node(FE3 "/state", "4");
	assert_int_equal(fake_permitted(PV), 2 * ENDS_UARS);

	/* Each end writes its own nodes, the other reads them. */
	during = fake_dump();
	assert_non_null(strstr(during, BE3 "/online = \"1\" (0 0, 3 1)"));
	assert_non_null(strstr(during, FE3 "/backend-id = \"0\" (3 0, 0 1)"));
	free(during);

	assert_error(attach(PV), EEXIST, "already attached: domain 3");
	assert_int_equal(fake_permitted(PV), 2 * ENDS_UARS);

	fake_conflicts = 3;
	assert_int_equal(detach(PV), 0);
	assert_clean(before);
	assert_error(detach(PV), ENOENT, "not attached: domain 3");
	free(before);
}

/* Always the same, and another for each domain, device and port */
static void test_make_guid(void **state)
{
	xen_domain_handle_t uuid = { 0x12, [15] = 0x34 };
	uint64_t guid[4 * 4 * 3];
	size_t i, j, n = 0;

	(void)state;
	for (uuid[0] = 0; uuid[0] < 4; uuid[0]++)
		for (i = 0; i < 4; i++)
			for (j = 0; j < 3; j++)
				guid[n++] = make_guid(uuid, i, j);
	for (i = 0; i < n; i++) {
		assert_int_equal(guid[i] >> 56 & 3, 2);
		for (j = 0; j < i; j++)
			assert_true(guid[i] != guid[j]);
	}
	uuid[0] = 0;
	assert_true(make_guid(uuid, 0, 1) == guid[1]);
	/* What a guest has, it keeps, also with the next libxenib. */
	assert_true(guid[1] == 0x5e9ff3fa11489be6ULL);
}

#define assert_no_node(path)	assert_null(fake_get(path))

#define LONG_IP	"fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd"

static void test_identity(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	struct xenib_device *devices;
	char *before = fake_dump(), *guid;
	unsigned int i;
	size_t nr;

	(void)state;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_non_null(fake_get(BE3 "/node-guid"));
	assert_non_null(fake_get(BE3 "/guid-1"));
	assert_non_null(fake_get(BE3 "/guid-2"));
	assert_int_equal(detach(PV), 0);

	args.node_guid.from = XENIB_GUID_SHARED;
	args.port[0].guid.from = XENIB_GUID_SHARED;
	args.port[1].guid.from = XENIB_GUID_SHARED;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_no_node(BE3 "/node-guid");
	assert_no_node(BE3 "/guid-1");
	assert_no_node(BE3 "/pkeys-1");
	assert_no_node(BE3 "/ips");
	assert_int_equal(detach(PV), 0);

	args.node_guid.from = XENIB_GUID_AUTO;
	args.port[0].guid = (struct xenib_guid){
		XENIB_GUID_GIVEN, 0x0200abcd00001234ULL };
	args.port[1].guid.from = XENIB_GUID_SM;
	for (i = 0; i < XENIB_MAX_PKEYS; i++)
		args.port[0].pkey[i] = 0xff00 + i;
	args.port[0].nr_pkeys = XENIB_MAX_PKEYS;
	args.port[1].pkey[0] = 1;
	args.port[1].nr_pkeys = 1;
	memcpy(args.ip[0], "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\xa8\0\x1", 16);
	memset(args.ip[1], 0xfd, 16);
	args.nr_ips = 2;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_node(BE3 "/ips", "192.168.0.1," LONG_IP);
	assert_node(BE3 "/guid-1", "0200:abcd:0000:1234");
	assert_node(BE3 "/guid-2", "0000:0000:0000:0000");
	assert_int_equal(strlen(fake_get(BE3 "/pkeys-1")),
			 7 * XENIB_MAX_PKEYS - 1);
	assert_non_null(strstr(fake_get(BE3 "/pkeys-1"), "0xff7e,0xff7f"));
	assert_node(BE3 "/pkeys-2", "0x0001");
	guid = strdup(fake_get(BE3 "/node-guid"));
	fake_set(BE3 "/gid-1", "fe80:0000:0000:0000:0200:abcd:0000:1234");
	fake_set(BE3 "/gid-state-1", "alias");
	assert_int_equal(xenib_list(xn, PV, &devices, &nr), 0);
	assert_string_equal(devices[0].node_guid, guid);
	assert_string_equal(devices[0].ips, "192.168.0.1," LONG_IP);
	assert_string_equal(devices[0].port[0].guid, "0200:abcd:0000:1234");
	assert_string_equal(devices[0].port[0].gid,
			    "fe80:0000:0000:0000:0200:abcd:0000:1234");
	assert_string_equal(devices[0].port[0].gid_state, "alias");
	assert_null(devices[0].port[1].gid);
	assert_string_equal(devices[0].port[1].pkeys, "0x0001");
	xenib_list_free(devices, nr);

	/* The next attach makes the same. */
	assert_int_equal(detach(PV), 0);
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_node(BE3 "/node-guid", guid);
	free(guid);
	assert_int_equal(detach(PV), 0);
	assert_clean(before);
	free(before);
}

/* Of each guest, device and port another */
static void test_auto_guids(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	static const char *const paths[] = {
		BE3 "/node-guid", BE3 "/guid-1", BE3 "/guid-2",
		"/local/domain/0/backend/vib/3/1/node-guid",
		"/local/domain/0/backend/vib/3/1/guid-1",
		"/local/domain/0/backend/vib/4/1/node-guid",
		"/local/domain/0/backend/vib/4/1/guid-1",
	};
	size_t i, j;

	(void)state;
	args.node_guid.from = XENIB_GUID_AUTO;
	args.port[0].guid.from = XENIB_GUID_AUTO;
	args.port[1].guid.from = XENIB_GUID_AUTO;
	assert_int_equal(xenib_attach(xn, &args), 0);
	args.devid = 1;
	assert_int_equal(xenib_attach(xn, &args), 0);
	args.domid = PVH;
	assert_int_equal(xenib_attach(xn, &args), 0);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(fake_get(paths[i]),
						fake_get(paths[j]));
}

static void test_bad_identity(void **state)
{
	struct xenib_attach_args args = args_for(PV);

	(void)state;
	args.node_guid.from = XENIB_GUID_SM;
	assert_error(xenib_attach(xn, &args), EINVAL, "of a device");
	args = args_for(PV);
	args.node_guid.from = XENIB_GUID_GIVEN;
	assert_error(xenib_attach(xn, &args), EINVAL,
		     "GUID of the device is 0");
	args = args_for(PV);
	args.port[1].guid.from = XENIB_GUID_SHARED + 1;
	assert_error(xenib_attach(xn, &args), EINVAL, "port 2: 4");
	args = args_for(PV);
	args.port[1].nr_pkeys = XENIB_MAX_PKEYS + 1;
	assert_error(xenib_attach(xn, &args), EINVAL, "more than 128");
	args.port[1].nr_pkeys = 2;
	args.port[1].pkey[0] = 1;
	args.port[1].pkey[1] = 0x8000;
	assert_error(xenib_attach(xn, &args), EINVAL,
		     "0x8000 cannot be a P_Key of port 2");
	args = args_for(PV);
	args.nr_ips = 1;
	assert_error(xenib_attach(xn, &args), EINVAL,
		     ":: cannot be an IP address of a guest");
	args.ip[0][0] = 0xff;
	assert_error(xenib_attach(xn, &args), EINVAL, "ff00:: cannot be");
	memcpy(args.ip[0], "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	assert_error(xenib_attach(xn, &args), EINVAL, "0.0.0.0 cannot be");
	args.ip[0][12] = 224;
	assert_error(xenib_attach(xn, &args), EINVAL, "224.0.0.0 cannot be");
	for (args.nr_ips = 0; args.nr_ips <= XENIB_MAX_IPS; args.nr_ips++)
		if (args.nr_ips < XENIB_MAX_IPS)
			memset(args.ip[args.nr_ips], 0xfd, 16);
	assert_error(xenib_attach(xn, &args), EINVAL, "8 IP addresses");
	assert_int_equal(fake_permitted(PV), 0);
}

static void test_attach_pvh(void **state)
{
	struct xenib_attach_args args = args_for(PVH);
	uint64_t base = choose_gfn_base(1 << 17, 40, 1);
	char *before = fake_dump(), text[32];

	(void)state;
	args.devid = 1;
	assert_int_equal(attach(PVH), 0);
	assert_int_equal(xenib_attach(xn, &args), 0);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)base);
	assert_node("/local/domain/0/backend/vib/4/1/uar-gfn-base", text);
	assert_int_equal(fake_mapped(PVH, base), 2 * ENDS_UARS);
	assert_int_equal(fake_mapped(PVH, 0), 4 * ENDS_UARS);
	assert_int_equal(xenib_detach(xn, PVH, 1, 0, TIMEOUT_MS), 0);
	assert_int_equal(fake_mapped(PVH, base), 0);
	assert_int_equal(fake_mapped(PVH, 0), 2 * ENDS_UARS);
	assert_int_equal(detach(PVH), 0);
	assert_clean(before);
	free(before);
}

static void test_attach_wait(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump();

	(void)state;
	args.wait = 1;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_node(FE3 "/state", "4");
	assert_int_equal(detach(PV), 0);

	ends_guest = GUEST_NONE;
	assert_error(xenib_attach(xn, &args), ETIMEDOUT, "xen-ibfront");
	assert_clean(before);
	ends_guest = GUEST_CLOSES;
	assert_error(xenib_attach(xn, &args), EPROTO, "Closing");
	assert_clean(before);
	free(before);
}

static void test_attach_refused(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump();

	(void)state;
	assert_error(attach(0), EINVAL, "domain 0");
	assert_error(attach(DOMID_SELF), EINVAL, "domain id");
	assert_error(attach(99), ESRCH, "no such domain: 99");
	fake_domain(100, "next", 0, 1 << 17);
	assert_error(attach(99), ESRCH, "no such domain: 99");
	fake_domain_gone(100);
	args.devid = XENIB_MAX_DEVID + 1;
	assert_error(xenib_attach(xn, &args), EINVAL, "device id 256");
	args = args_for(PV);
	args.quota[XENIB_QUOTA_CONTEXT] = XENIB_MAX_CONTEXTS + 1;
	assert_error(xenib_attach(xn, &args), EINVAL, "257 contexts");
	args = args_for(PV);
	args.quota[XENIB_QUOTA_PAGE] = XENIB_MAX_QUOTA + 1;
	assert_error(xenib_attach(xn, &args), EINVAL,
		     "67108865 pages are more than 67108864");
	args = args_for(PV);
	args.mad_rate = XENIB_MAX_MAD_RATE + 1;
	assert_error(xenib_attach(xn, &args), EINVAL,
		     "1000001 MADs a second are more than 1000000");
	args = args_for(PV);
	args.hca = "../mlx4_0";
	assert_error(xenib_attach(xn, &args), EINVAL, "../mlx4_0");
	args.hca = "mlx4_9";
	assert_error(xenib_attach(xn, &args), ENODEV, "no such HCA: mlx4_9");
	args.hca = "guid:2:c903";
	assert_error(xenib_attach(xn, &args), EINVAL,
		     "\"guid:2:c903\" has no GUID");
	fake_unlink("class/infiniband/mlx4_0");
	assert_error(attach(PV), ENODEV, "no HCA");
	fake_unlink("class");
	assert_error(attach(PV), ENODEV, "no HCA");
	fake_unlink("bus");
	assert_error(attach(PV), ENXIO, "xen-ibback");
	assert_clean(before);
	free(before);
}

/* Each way to name an HCA leads to its node GUID. */
static void test_hca(void **state)
{
	static const char *const names[] = {
		"ibp4s0", "guid:0002:c903:0012:abcd", "guid:2c9030012ABCD",
		"guid:0x0002c9030012abcd", "pci:0000:04:00.1", "pci:04:00.1",
	};
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump();
	size_t i;

	(void)state;
	fake_hca("ibp4s0", "0002:c903:0012:abcd", "0000:04:00.1");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		args.hca = names[i];
		assert_int_equal(xenib_attach(xn, &args), 0);
		assert_node(BE3 "/hca-guid", "0002:c903:0012:abcd");
		assert_int_equal(detach(PV), 0);
		assert_clean(before);
	}
	free(before);
}

static void test_hca_unknown(void **state)
{
	static const char *const names[] = {
		"ibp4s", "guid:0002:c903:0012:abce", "pci:0001:04:00.1",
		"pci:4:00.1", "pci:", "0002:c903:0012:abcd", "04:00.1",
	};
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump(), text[64];
	size_t i;

	(void)state;
	args.hca = "guid:1";
	assert_error(xenib_attach(xn, &args), ENODEV,
		     "no such HCA: guid:1; there is mlx4_0 (guid 0002:c903:0012:3456, pci 0000:03:00.0)");
	fake_hca("ibp4s0", "0002:c903:0012:abcd", "0000:04:00.1");
	fake_hca("rxe0", "505a:01ff:fe00:0001", NULL);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		args.hca = names[i];
		snprintf(text, sizeof(text),
			 "no such HCA: %s; there are ibp4s0 (guid 0002:c",
			 names[i]);
		assert_error(xenib_attach(xn, &args), ENODEV, text);
	}
	assert_error(xenib_attach(xn, &args), ENODEV,
		     ":3456, pci 0000:03:00.0), rxe0 (guid 505a:01ff:fe00:0001)");
	assert_clean(before);
	free(before);
}

/* The backend could not tell which is meant. */
static void test_hca_guid(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump();

	(void)state;
	args.hca = "mlx4_0";
	fake_hca("mlx4_1", "0002:c903:0012:3456", NULL);
	assert_error(xenib_attach(xn, &args), ENODEV,
		     "mlx4_0 and mlx4_1 have the same node GUID, 0002:c903:0012:3456");
	fake_hca("mlx4_0", "0000:0000:0000:0000", NULL);
	assert_error(xenib_attach(xn, &args), ENODEV,
		     "mlx4_0 cannot be given to guests: it has no node GUID");
	assert_clean(before);
	free(before);
}

/* A card with an Ethernet port is refused before anything is created. */
static void test_hca_ethernet(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump();

	(void)state;
	/* Nothing asks the backend */
	fake_hook = NULL;
	fake_file("class/infiniband/mlx4_0/ports/2/link_layer", "Ethernet\n");
	args.hca = "mlx4_0";
	assert_error(xenib_attach(xn, &args), ENODEV,
		     "mlx4_0 cannot be given to guests: port 2 is Ethernet, and all ports must be InfiniBand");
	assert_error(attach(PV), ENODEV,
		     "mlx4_0 cannot be given to guests: port 2 is Ethernet");
	assert_clean(before);
	/* The backend finds the other one */
	fake_hca("mlx4_1", "0002:c903:0012:abcd", NULL);
	assert_error(xenib_attach(xn, &args), ENODEV, "port 2 is Ethernet");
	assert_clean(before);
	assert_error(attach(PV), ETIMEDOUT, "the backend did not answer");
	assert_clean(before);
	free(before);
}

static void test_dying(void **state)
{
	(void)state;
	fake_domain(5, "dying", XEN_DOMINF_dying, 1 << 17);
	assert_error(attach(5), ESRCH, "no such domain: 5");
	fake_domain(6, "huge", XEN_DOMINF_hvm_guest, 1ULL << 28);
	assert_error(attach(6), ENOSPC, "domain 6");
}

#define UUID_PVH	"00000000-0000-0000-0000-000000000004"

static void test_uuid(void **state)
{
	struct xenib_attach_args args = args_for(PVH);
	struct xenib_device *devices;
	char *before = fake_dump();
	size_t nr;

	(void)state;
	args.uuid = "00000000-0000-0000-0000-000000000003";
	assert_error(xenib_attach(xn, &args), ESRCH,
		     "domain 4 is not the one that is meant: it has another UUID");
	args.uuid = "4";
	assert_error(xenib_attach(xn, &args), EINVAL, "\"4\" is not a UUID");
	assert_clean(before);
	args.uuid = UUID_PVH;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_int_equal(xenib_list(xn, PVH, &devices, &nr), 0);
	assert_string_equal(devices[0].uuid, UUID_PVH);
	xenib_list_free(devices, nr);
	fake_hook = NULL;
	fake_domain_gone(PVH);
	assert_int_equal(xenib_list(xn, PVH, &devices, &nr), 0);
	assert_int_equal(nr, 1);
	assert_null(devices[0].uuid);
	xenib_list_free(devices, nr);
	free(before);
}

static void replace_domain(void)
{
	fake_domain_gone(PVH);
	fake_domain(PVH, "next", XEN_DOMINF_hvm_guest, 1 << 17);
	fake_set("/local/domain/4/device", "");
	fake_uuid(PVH, 99);
}

/* Whenever another domain gets the id, that one gets nothing. */
static void test_sweep_uuid(void **state)
{
	struct xenib_attach_args args = args_for(PVH);
	bool refused = false;
	unsigned int call;

	(void)state;
	args.uuid = UUID_PVH;
	for (call = 1;; call++) {
		int rc;

		teardown(NULL);
		setup(NULL);
		fake_strike_at(call, replace_domain);
		rc = xenib_attach(xn, &args);
		refused |= rc && errno == ESRCH;
		if (!fake_struck())
			break;
		fake_strike_at(0, NULL);
		if (fake_get("/local/domain/0/backend/vib/4/0"))
			fail_msg("call %u: rc %d, the next domain has a device",
				 call, rc);
		assert_int_equal(fake_permitted(PVH), 0);
	}
	assert_true(call > 30 && refused);
}

static void test_bad_backend(void **state)
{
	char *before = fake_dump();

	(void)state;
	ends_backend = BACKEND_SILENT;
	assert_error(attach(PV), ETIMEDOUT,
		     "the backend did not answer within 0.2 s: see the kernel's log");
	assert_clean(before);
	ends_backend = BACKEND_REFUSES;
	assert_error(attach(PV), ENOMEM,
		     "the backend reports: no doorbell pages??left");
	assert_clean(before);
	ends_backend = BACKEND_CLOSES;
	assert_error(attach(PV), EPROTO, "Closing");
	assert_clean(before);
	ends_backend = BACKEND_GARBLED;
	assert_error(attach(PV), EPROTO, "\"0xfe409\", not a UAR");
	assert_clean(before);
	ends_backend = BACKEND_GOOD;
	assert_int_equal(attach(PV), 0);
	free(before);
}

/* Whatever fails while attaching, nothing stays. */
static void sweep_attach(uint32_t domid)
{
	struct xenib_attach_args args = args_for(domid);
	char *before = fake_dump();
	unsigned int call;

	args.hca = "mlx4_0";
	args.quota[XENIB_QUOTA_PAGE] = 4096;
	args.wait = 1;
	for (call = 1;; call++) {
		int rc;

		fake_fail_at(call);
		rc = xenib_attach(xn, &args);
		if (!fake_failed()) {
			assert_int_equal(rc, 0);
			break;
		}
		fake_fail_at(0);
		if (rc)
			assert_string_not_equal(xenib_error(xn), "");
		else
			assert_int_equal(detach(domid), 0);
		assert_clean(before);
	}
	assert_true(call > 30);
	fake_fail_at(0);
	assert_int_equal(detach(domid), 0);
	free(before);
}

static void test_sweep_attach(void **state)
{
	(void)state;
	sweep_attach(PV);
	sweep_attach(PVH);
}

/* Whatever fails while detaching, trying again does the rest. */
static void test_sweep_detach(void **state)
{
	char *before = fake_dump();
	unsigned int call;

	(void)state;
	for (call = 1;; call++) {
		int rc;

		assert_int_equal(attach(PVH), 0);
		fake_fail_at(call);
		rc = detach(PVH);
		if (!fake_failed()) {
			assert_int_equal(rc, 0);
			break;
		}
		fake_fail_at(0);
		if (rc && fake_get("/local/domain/0/backend/vib/4/0"))
			assert_int_equal(detach(PVH), 0);
		assert_clean(before);
	}
	assert_true(call > 20);
	free(before);
}

static void test_detach_stubborn(void **state)
{
	char *before = fake_dump();

	(void)state;
	ends_guest = GUEST_STUBBORN;
	assert_int_equal(attach(PV), 0);
	assert_error(detach(PV), ETIMEDOUT, "domain 3 did not let go");
	assert_node(BE3 "/online", "0");
	assert_node(BE3 "/state", "5");
	assert_int_equal(fake_permitted(PV), 2 * ENDS_UARS);
	assert_int_equal(detach_forced(PV), 0);
	assert_clean(before);
	assert_error(detach_with(PV, 2), EINVAL, "flags");
	free(before);
}

static void test_detach_without_guest_driver(void **state)
{
	char *before = fake_dump();

	(void)state;
	ends_guest = GUEST_NONE;
	assert_int_equal(attach(PV), 0);
	assert_node(FE3 "/state", "1");
	assert_int_equal(detach(PV), 0);
	assert_clean(before);
	free(before);
}

static void test_detach_hung_backend(void **state)
{
	char *before = fake_dump();

	(void)state;
	ends_guest = GUEST_NONE;
	assert_int_equal(attach(PV), 0);
	ends_backend = BACKEND_SILENT;
	assert_error(detach(PV), ETIMEDOUT, "the backend did not close");
	assert_int_equal(detach_forced(PV), 0);
	assert_clean(before);
	free(before);
}

static void test_detach_held(void **state)
{
	char *before = fake_dump();

	(void)state;
	assert_int_equal(attach(PV), 0);
	ends_backend = BACKEND_HOLDS;
	assert_error(detach(PV), ETIMEDOUT, "the backend did not release");
	assert_clean(before);
	free(before);
}

static void test_detach_unloaded(void **state)
{
	char *before = fake_dump();

	(void)state;
	assert_int_equal(attach(PV), 0);
	ends_backend = BACKEND_SILENT;
	fake_unlink("bus");
	assert_error(detach(PV), ENXIO, "2 doorbell pages");
	assert_int_equal(detach_forced(PV), 0);
	assert_clean(before);
	free(before);
}

/* A guest that removes its directory keeps nothing once that is detached. */
static void test_directory_removed(void **state)
{
	static const unsigned int flags[] = { 0, XENIB_DETACH_FORCE };
	struct xenib_device *devices;
	char *before = fake_dump();
	size_t i, nr;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(attach(PVH), 0);
		fake_rm("/local/domain/4/device/vib/0");
		assert_int_equal(fake_permitted(PVH), 2 * ENDS_UARS);
		assert_error(attach(PVH), EEXIST,
			     "(backend Closed): detach it first");
		assert_int_equal(xenib_list(xn, PVH, &devices, &nr), 0);
		assert_int_equal(nr, 1);
		assert_string_equal(devices[0].error,
				    "19 the guest has removed its side; detach it");
		assert_int_equal(devices[0].backend_state, 6);
		assert_int_equal(devices[0].nr_uars, ENDS_UARS);
		xenib_list_free(devices, nr);
		assert_int_equal(detach_with(PVH, flags[i]), 0);
		assert_clean(before);
	}
	assert_int_equal(attach(PVH), 0);
	assert_int_equal(detach(PVH), 0);
	free(before);
}

static void remove_directory(void)
{
	fake_rm("/local/domain/4/device/vib/0");
}

/* The same at any moment while it is detached, or attached */
static void sweep_directory_removed(unsigned int flags)
{
	char *before = fake_dump();
	unsigned int call;

	for (call = 1;; call++) {
		assert_int_equal(attach(PVH), 0);
		fake_strike_at(call, remove_directory);
		assert_int_equal(detach_with(PVH, flags), 0);
		assert_clean(before);
		if (!fake_struck())
			break;
	}
	assert_true(call > 20);
	fake_strike_at(0, NULL);
	free(before);
}

static void test_sweep_directory_removed(void **state)
{
	struct xenib_attach_args args = args_for(PVH);
	char *before = fake_dump();
	unsigned int call;

	(void)state;
	sweep_directory_removed(0);
	sweep_directory_removed(XENIB_DETACH_FORCE);
	args.wait = 1;
	for (call = 1;; call++) {
		int rc;

		fake_strike_at(call, remove_directory);
		rc = xenib_attach(xn, &args);
		if (!fake_struck())
			break;
		fake_strike_at(0, NULL);
		if (!rc)
			assert_int_equal(detach(PVH), 0);
		assert_clean(before);
	}
	assert_true(call > 30);
	fake_strike_at(0, NULL);
	assert_int_equal(detach(PVH), 0);
	free(before);
}

/* A guest that writes to its directory without end is in nobody's way. */
static void test_busy_guest(void **state)
{
	char *before = fake_dump();

	(void)state;
	fake_writer = FE3;
	assert_int_equal(attach(PV), 0);
	assert_node(FE3 "/state", "4");
	assert_int_equal(detach(PV), 0);
	assert_clean(before);
	free(before);
}

/* No transaction is tried for ever; what is open is closed without any. */
static void test_conflicts(void **state)
{
	char *before = fake_dump();

	(void)state;
	fake_conflicts = 1000000;
	assert_error(attach(PV), ETIMEDOUT,
		     "others kept writing to the xenstore nodes of device 0 of domain 3 for 0.2 s");
	assert_true(fake_conflicts > 0);
	assert_clean(before);
	fake_conflicts = 0;
	assert_int_equal(attach(PV), 0);
	fake_conflicts = 1000000;
	assert_error(detach(PV), ETIMEDOUT, "others kept writing");
	assert_int_equal(fake_permitted(PV), 2 * ENDS_UARS);
	assert_error(detach_forced(PV), ETIMEDOUT, "others kept writing");
	assert_true(fake_conflicts > 0);
	assert_int_equal(fake_permitted(PV), 0);
	fake_conflicts = 0;
	assert_int_equal(detach(PV), 0);
	assert_clean(before);
	free(before);
}

/* Nor does it help to make watch events faster than they are taken. */
static void test_flood(void **state)
{
	char *before = fake_dump();

	(void)state;
	fake_flood = true;
	assert_int_equal(attach(PV), 0);
	assert_int_equal(detach(PV), 0);
	ends_guest = GUEST_STUBBORN;
	assert_int_equal(attach(PV), 0);
	assert_error(detach(PV), ETIMEDOUT, "domain 3 did not let go");
	assert_int_equal(detach_forced(PV), 0);
	assert_clean(before);
	free(before);
}

static void end_domain(void)
{
	fake_domain_gone(PVH);
}

/*
 * A domain that ends while its device is detached, or attached: the backend has
 * removed the nodes, and by nodes that are made anew it would be misled.
 */
static void test_sweep_domain_ends(void **state)
{
	struct xenib_attach_args args = args_for(PVH);
	unsigned int call;
	char *before;

	(void)state;
	fake_domain_gone(PVH);
	before = fake_dump();
	for (call = 1;; call++) {
		fake_domain(PVH, "pvh", XEN_DOMINF_hvm_guest, 1 << 17);
		assert_int_equal(attach(PVH), 0);
		fake_strike_at(call, end_domain);
		detach(PVH);
		if (!fake_struck())
			break;
		assert_int_equal(ends_remnants, 0);
		assert_clean(before);
	}
	assert_true(call > 20);
	fake_strike_at(0, NULL);
	fake_domain_gone(PVH);
	args.wait = 1;
	for (call = 1;; call++) {
		fake_domain(PVH, "pvh", XEN_DOMINF_hvm_guest, 1 << 17);
		fake_strike_at(call, end_domain);
		xenib_attach(xn, &args);
		if (!fake_struck())
			break;
		assert_int_equal(ends_remnants, 0);
		fake_strike_at(0, NULL);
		assert_null(fake_get("/local/domain/0/backend/vib/4"));
		fake_rm("/local/domain/4");
	}
	assert_true(call > 30);
	free(before);
}

static void test_leftovers(void **state)
{
	struct xenib_attach_args args = args_for(PV);
	char *before = fake_dump();

	(void)state;
	/* An attach that was killed, early and late */
	fake_set(FE3, "");
	assert_int_equal(detach(PV), 0);
	fake_set(BE3 "/frontend-id", "3");
	assert_int_equal(detach(PV), 0);
	assert_clean(before);

	/* Domains that died while nobody looked: as much as time allows */
	assert_int_equal(attach(PV), 0);
	args.devid = 1;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_int_equal(attach(PVH), 0);
	ends_backend = BACKEND_SILENT;
	fake_domain_gone(PV);
	assert_non_null(fake_get(BE3));
	assert_error(attach(PVH), EEXIST, "already attached");
	assert_null(fake_get(BE3));
	assert_non_null(fake_get("/local/domain/0/backend/vib/3/1"));
	assert_error(attach(PVH), EEXIST, "already attached");
	assert_null(fake_get("/local/domain/0/backend/vib/3"));
	fake_domain_gone(PVH);
	assert_int_equal(detach_forced(PVH), 0);
	assert_null(fake_get("/local/domain/0/backend/vib/4"));
	assert_error(detach(PVH), ENOENT, "no such domain: 4");
	free(before);
}

/* What the guest writes into its directory decides nothing. */
static void test_hostile_guest(void **state)
{
	char *before = fake_dump();

	(void)state;
	ends_guest = GUEST_NONE;
	assert_int_equal(attach(PV), 0);
	fake_set(FE3 "/state", "4 or \"so\"\n");
	fake_set(FE3 "/backend", "/local/domain/0/backend/vbd/4/0");
	assert_int_equal(detach(PV), 0);
	assert_clean(before);
	free(before);
}

static void test_list(void **state)
{
	struct xenib_device *devices = NULL;
	struct xenib_attach_args args = args_for(PV);
	size_t nr;

	(void)state;
	assert_int_equal(xenib_list(xn, XENIB_ALL_DOMAINS, &devices, &nr), 0);
	assert_int_equal(nr, 0);
	xenib_list_free(devices, nr);

	args.hca = "mlx4_0";
	args.quota[XENIB_QUOTA_CQ] = 100;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_int_equal(attach(PVH), 0);
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/requests",
		  "18446744073709551615\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/cqs", "7\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/text", "x\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/empty", "");
	fake_set("/local/domain/0/error/backend/vib/3/0/error", "5 broken");

	assert_int_equal(xenib_list(xn, XENIB_ALL_DOMAINS, &devices, &nr), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(devices[0].domid, PV);
	assert_string_equal(devices[0].domain, "pv");
	assert_string_equal(devices[0].hca, "mlx4_0");
	assert_string_equal(devices[0].hca_guid, "0002:c903:0012:3456");
	assert_string_equal(devices[0].error, "5 broken");
	assert_int_equal(devices[0].backend_state, 4);
	assert_int_equal(devices[0].frontend_state, 4);
	assert_int_equal(devices[0].nr_uars, ENDS_UARS);
	assert_int_equal(devices[0].uars[1].index, 1033);
	assert_int_equal(devices[0].nr_quotas, 3);
	assert_string_equal(devices[0].quotas[0].name, "cqs");
	assert_int_equal(devices[0].quotas[0].value, 100);
	assert_int_equal(devices[0].nr_counters, 2);
	assert_string_equal(devices[0].counters[0].name, "cqs");
	assert_int_equal(devices[0].counters[0].value, 7);
	assert_int_equal(devices[0].counters[1].value, UINT64_MAX);
	assert_string_equal(devices[1].hca, "mlx4_0");
	assert_null(devices[1].error);
	assert_int_equal(devices[1].uar_gfn_base,
			 choose_gfn_base(1 << 17, 40, 0));
	xenib_list_free(devices, nr);

	fake_set(BE3 "/uar-1", "garbled");
	assert_int_equal(xenib_list(xn, PV, &devices, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(devices[0].nr_uars, 0);
	xenib_list_free(devices, nr);
	assert_error(xenib_list(xn, 99, &devices, &nr), ESRCH, "99");
}

static void attach_with(uint32_t domid, uint32_t devid, const char *hca,
			uint32_t qps)
{
	struct xenib_attach_args args = args_for(domid);

	args.devid = devid;
	args.hca = hca;
	args.quota[XENIB_QUOTA_QP] = qps;
	assert_int_equal(xenib_attach(xn, &args), 0);
}

/* With the default of 128 CQs and 32 SRQs there is room for 224 QPs. */
static void test_warning(void **state)
{
	(void)state;
	assert_string_equal(xenib_warning(xn), "");
	attach_with(PV, 0, "mlx4_0", 224);
	assert_string_equal(xenib_warning(xn), "");
	/* Another HCA has room of its own, until both are full. */
	fake_hca("mlx4_1", "0002:c903:0012:abcd", NULL);
	attach_with(PV, 1, "mlx4_1", 0);
	assert_string_equal(xenib_warning(xn), "");
	attach_with(PVH, 0, NULL, 1);
	assert_warning(
		"the guests of mlx4_0 may hold 545 CQs, QPs and SRQs, more than 384: ");
	assert_warning(
		"command completions of the HCA may be lost, which resets it");
	assert_warning("--qps");
	/* It says what the last attach does, be it that this fails. */
	assert_error(attach(PVH), EEXIST, "already");
	assert_string_equal(xenib_warning(xn), "");
	assert_int_equal(detach(PVH), 0);
	assert_int_equal(detach(PV), 0);
	attach_with(PV, 0, NULL, 225);
	assert_warning(" 385 ");
}

/* What is enforced is known soon after the backend waits for the guest. */
static void test_warning_early(void **state)
{
	struct xenib_attach_args args = args_for(PV);

	(void)state;
	ends_backend = BACKEND_LATE;
	args.quota[XENIB_QUOTA_QP] = 225;
	assert_int_equal(xenib_attach(xn, &args), 0);
	assert_warning(" 385 ");
}

/* An attach that cannot look at the others is one all the same. */
static void test_sweep_warning(void **state)
{
	unsigned int call;
	bool warned = false;

	(void)state;
	for (call = 1;; call++) {
		int rc;

		fake_fail_at(call);
		rc = attach(PV);
		if (!fake_failed())
			break;
		fake_fail_at(0);
		if (!rc) {
			warned |= !!strstr(xenib_warning(xn), "cannot tell");
			assert_int_equal(detach(PV), 0);
		} else {
			assert_string_equal(xenib_warning(xn), "");
		}
	}
	assert_true(warned);
}

static int limit(uint32_t domid, unsigned int quota, uint32_t value)
{
	uint32_t quotas[XENIB_NR_QUOTAS] = { 0 };

	quotas[quota] = value;
	return xenib_limit(xn, domid, 0, quotas, TIMEOUT_MS);
}

static void test_limit(void **state)
{
	uint32_t none[XENIB_NR_QUOTAS] = { 0 };
	struct xenib_device *devices;
	size_t nr;

	(void)state;
	assert_error(limit(PV, XENIB_QUOTA_QP, 8), ENOENT,
		     "not attached: domain 3 has no device 0");
	attach_with(PV, 0, NULL, 224);
	assert_int_equal(limit(PV, XENIB_QUOTA_QP, 8), 0);
	assert_string_equal(xenib_warning(xn), "");
	assert_node(BE3 "/max-qps", "8");
	assert_null(fake_get(BE3 "/max-cqs"));
	assert_int_equal(xenib_list(xn, PV, &devices, &nr), 0);
	assert_string_equal(devices[0].quotas[1].name, "qps");
	assert_int_equal(devices[0].quotas[1].value, 8);
	xenib_list_free(devices, nr);
	assert_int_equal(limit(PV, XENIB_QUOTA_QP, 225), 0);
	assert_warning(" 385 ");

	assert_error(limit(PV, XENIB_QUOTA_CONTEXT, 8), EINVAL,
		     "contexts cannot change while a device is attached");
	assert_null(fake_get(BE3 "/max-contexts"));
	assert_error(limit(PV, XENIB_QUOTA_PAGE, XENIB_MAX_QUOTA + 1), EINVAL,
		     "67108865 pages are more than 67108864");
	assert_int_equal(xenib_limit(xn, PV, 0, none, TIMEOUT_MS), 0);

	/* A backend that is too old, and none */
	ends_backend = BACKEND_SILENT;
	assert_error(limit(PV, XENIB_QUOTA_QP, 7), ETIMEDOUT,
		     "the backend did not take the quotas of device 0 of domain 3");
	fake_unlink("bus/xen-backend/devices/vib-3-0");
	assert_int_equal(limit(PV, XENIB_QUOTA_QP, 6), 0);
	assert_node(BE3 "/max-qps", "6");
}

static void test_sweep_list(void **state)
{
	struct xenib_device *devices;
	unsigned int call;
	size_t nr;

	(void)state;
	assert_int_equal(attach(PV), 0);
	assert_int_equal(attach(PVH), 0);
	for (call = 1;; call++) {
		fake_fail_at(call);
		if (!xenib_list(xn, XENIB_ALL_DOMAINS, &devices, &nr)) {
			xenib_list_free(devices, nr);
			if (!fake_failed())
				break;
		} else {
			assert_int_equal(errno, EIO);
		}
	}
}

static void test_totals(void **state)
{
	struct xenib_value *totals;
	size_t nr;

	(void)state;
	fake_file("bus/xen-backend/drivers/vib/pages", "12\n");
	fake_file("bus/xen-backend/drivers/vib/devices", "0\n");
	assert_int_equal(xenib_totals(xn, &totals, &nr), 0);
	assert_int_equal(nr, 2);
	assert_string_equal(totals[0].name, "devices");
	assert_string_equal(totals[1].name, "pages");
	assert_int_equal(totals[1].value, 12);
	xenib_totals_free(totals, nr);
	fake_unlink("bus");
	assert_error(xenib_totals(xn, &totals, &nr), ENXIO, "xen-ibback");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_uar),
		cmocka_unit_test(test_error_node),
		cmocka_unit_test(test_hca_name),
		cmocka_unit_test(test_guid),
		cmocka_unit_test(test_parse_uuid),
		cmocka_unit_test(test_gfn_base),
		cmocka_unit_test(test_names),
		TEST(open),
		TEST(domain),
		TEST(attach_pv),
		TEST(make_guid),
		TEST(identity),
		TEST(auto_guids),
		TEST(bad_identity),
		TEST(attach_pvh),
		TEST(attach_wait),
		TEST(attach_refused),
		TEST(hca),
		TEST(hca_unknown),
		TEST(hca_guid),
		TEST(hca_ethernet),
		TEST(dying),
		TEST(uuid),
		TEST(sweep_uuid),
		TEST(bad_backend),
		TEST(sweep_attach),
		TEST(sweep_detach),
		TEST(detach_stubborn),
		TEST(detach_without_guest_driver),
		TEST(detach_hung_backend),
		TEST(detach_held),
		TEST(detach_unloaded),
		TEST(directory_removed),
		TEST(sweep_directory_removed),
		TEST(sweep_domain_ends),
		TEST(busy_guest),
		TEST(conflicts),
		TEST(flood),
		TEST(leftovers),
		TEST(hostile_guest),
		TEST(list),
		TEST(warning),
		TEST(warning_early),
		TEST(sweep_warning),
		TEST(limit),
		TEST(sweep_list),
		TEST(totals),
	};

	return cmocka_run_group_tests_name("libxenib", tests, NULL, NULL);
}
