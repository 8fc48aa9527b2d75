// SPDX-License-Identifier: GPL-2.0-only
/* test_xenib.c - the command against a fake Xen */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <xenib_version.h>
#include <xen/interface/io/vibif.h>

#include "ends.h"
#include "fake.h"

/* main() of the command, renamed by the Makefile */
int xenib_main(int argc, char **argv);

#define MAX_ARGS	24

static char out[16384], err[16384];

static int setup(void **state)
{
	(void)state;
	ends_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_end();
	return fake_handles;
}

/* Sends what is written to @fd into a new file; returns the old target. */
static int capture(int fd, FILE **file)
{
	int saved = dup(fd);

	*file = tmpfile();
	if (saved < 0 || !*file || dup2(fileno(*file), fd) < 0)
		abort();
	return saved;
}

static void release(int fd, int saved, FILE *file, char *text, size_t size)
{
	dup2(saved, fd);
	close(saved);
	rewind(file);
	text[fread(text, 1, size - 1, file)] = 0;
	fclose(file);
}

/* Run a command line of words; fills out and err, returns its exit status. */
static int run(const char *line)
{
	char copy[512], *argv[MAX_ARGS + 1], *word, *save;
	int argc = 0, status, saved_out, saved_err;
	FILE *out_file, *err_file;

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &save); word && argc < MAX_ARGS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;

	fflush(stdout);
	saved_out = capture(STDOUT_FILENO, &out_file);
	saved_err = capture(STDERR_FILENO, &err_file);
	optind = 0;
	status = xenib_main(argc, argv);
	fflush(stdout);
	release(STDOUT_FILENO, saved_out, out_file, out, sizeof(out));
	release(STDERR_FILENO, saved_err, err_file, err, sizeof(err));
	return status;
}

/* A run that must fail with a status and words on standard error only. */
static void fails(const char *line, int status, const char *words)
{
	int rc = run(line);

	if (rc != status)
		fail_msg("\"%s\" exits %d, not %d: %s", line, rc, status, err);
	if (!strstr(err, words))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", line, err,
			 words);
	assert_string_equal(out, "");
}

static void succeeds(const char *line, const char *words)
{
	int rc = run(line);

	if (rc || *err)
		fail_msg("\"%s\" exits %d: %s", line, rc, err);
	if (!strstr(out, words))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", line, out,
			 words);
}

static void test_usage(void **state)
{
	static const char *const commands[] = {
		"attach", "detach", "limit", "list", "top", "help"
	};
	char line[64], usage[64];
	size_t i;

	(void)state;
	fails("xenib", 2, "Usage: xenib COMMAND");
	fails("xenib atach pv", 2, "no such command: atach");
	fails("xenib help atach", 2, "no such command: atach");
	fails("xenib help list 2", 2, "too many arguments: 2");
	succeeds("xenib help", "  attach  Give guests");
	succeeds("xenib --help", "  detach  Take");
	succeeds("xenib --version", "xenib " XENIB_VERSION "\n");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(line, sizeof(line), "xenib help %s", commands[i]);
		snprintf(usage, sizeof(usage), "Usage: xenib %s ", commands[i]);
		succeeds(line, usage);
	}
	succeeds("xenib attach -h", "--contexts N");
	snprintf(usage, sizeof(usage), "up to %u\n", VIBIF_MAX_QUOTA);
	succeeds("xenib attach -h", usage);
	snprintf(usage, sizeof(usage), "up to %u\n", VIBIF_MAX_CONTEXTS);
	succeeds("xenib attach -h", usage);
	succeeds("xenib detach --help", "--force");
	succeeds("xenib list -h", "--json");
}

static void test_arguments(void **state)
{
	(void)state;
	fails("xenib attach", 2, "DOMAIN is missing");
	fails("xenib attach --uuid 00000000000000000000000000000003 pv pvh", 2,
	      "xenib attach: --uuid is for one DOMAIN");
	fails("xenib attach --hca", 2, "requires an argument");
	fails("xenib attach --force pv", 2, "--force");
	fails("xenib attach --contexts 0 pv", 2,
	      "--contexts: \"0\" is not a number in 1 .. 256");
	fails("xenib attach --contexts 257 pv", 2, "1 .. 256");
	fails("xenib attach --mrs -1 pv", 2, "--mrs: \"-1\"");
	fails("xenib attach --mrs 67108865 pv", 2, "1 .. 67108864");
	fails("xenib attach --pages 4294967296 pv", 2,
	      "--pages: \"4294967296\" is not a number in 1 .. 67108864");
	fails("xenib attach --mrs 99999999999999999999999 pv", 2, "--mrs");
	fails("xenib attach --pages 1k pv", 2, "--pages: \"1k\"");
	fails("xenib attach --devid 256 pv", 2, "0 .. 255");
	fails("xenib attach --timeout 0 pv", 2, "1 .. 3600");
	fails("xenib attach --guid 3=auto pv", 2,
	      "--guid: \"3\" is not a port in 1 .. 2");
	fails("xenib attach --guid =auto pv", 2, "1 .. 2");
	fails("xenib attach --guid none pv", 2,
	      "--guid: \"none\" is not auto, sm or shared, nor a GUID");
	fails("xenib attach --guid 1=0200:1234:5678 pv", 2, "nor a GUID");
	fails("xenib attach --guid 1=0200:1234:5678:9abc: pv", 2, "nor a GUID");
	fails("xenib attach --guid 1=0000000000000000 pv", 2,
	      "nor a GUID other than 0");
	fails("xenib attach --guid 1=0200:1234:5678:9abx pv", 2, "nor a GUID");
	fails("xenib attach --guid 1=0200:1234:567:89abc pv", 2, "nor a GUID");
	fails("xenib attach --guid 0200:1234:5678:9abc pv", 2,
	      "a GUID is one port's");
	fails("xenib attach --node-guid sm pv", 2,
	      "--node-guid: \"sm\" is not auto or shared");
	fails("xenib attach --node-guid 1=auto pv", 2, "auto or shared");
	fails("xenib attach --pkeys 0x8000 pv", 2,
	      "--pkeys: \"0x8000\" is not a list of P_Keys in 0x0001 .. 0x7fff");
	fails("xenib attach --pkeys 0x18001 pv", 2, "--pkeys");
	fails("xenib attach --pkeys 1, pv", 2, "--pkeys");
	fails("xenib attach --pkeys ,1 pv", 2, "--pkeys");
	fails("xenib attach --pkeys 1=1,-1 pv", 2, "--pkeys: \"1,-1\"");
	fails("xenib attach --pkeys 1;2 pv", 2, "--pkeys");
	fails("xenib attach --pkeys 0=1 pv", 2, "1 .. 2");
	fails("xenib attach --pkeys 0x pv", 2, "--pkeys: \"0x\"");
	fails("xenib attach --ips 10.0.0 pv", 2,
	      "--ips: \"10.0.0\" is not a list of IP addresses like 10.0.0.1");
	fails("xenib attach --ips 10.0.0.1, pv", 2, "--ips");
	fails("xenib attach --ips ,10.0.0.1 pv", 2, "--ips");
	fails("xenib attach --ips 10.0.0.1/8 pv", 2, "--ips");
	fails("xenib attach --ips 1=10.0.0.1 pv", 2, "--ips");
	fails("xenib attach --ips fd00:0000:0000:0000:0000:0000:255.255.255.2555 pv",
	      2, "--ips");
	fails("xenib attach --ips 1::,2::,3::,4::,5::,6::,7::,8:: pv", 2,
	      "with commas between, 7 at most");
	fails("xenib attach --ips 224.0.0.1 pv", 1,
	      "224.0.0.1 cannot be an IP address of a guest");
	fails("xenib attach --mad-rate 0 pv", 2, "1 .. 1000000");
	fails("xenib attach --mad-rate 1000001 pv", 2, "1 .. 1000000");
	fails("xenib attach --mad-pm 1 pv", 2,
	      "--mad-pm: \"1\" is not on or off");
	fails("xenib detach", 2, "DOMAIN is missing");
	fails("xenib detach --devid x pv", 2, "--devid: \"x\"");
	fails("xenib detach --timeout 1e3 pv", 2, "--timeout");
	fails("xenib limit pv", 2, "xenib limit: no quota is given");
	fails("xenib limit --pages 1", 2, "DOMAIN is missing");
	fails("xenib limit --pages 0 pv", 2, "--pages: \"0\"");
	fails("xenib limit --wait pv", 2, "--wait");
	fails("xenib list -x", 2, "x");
}

static void test_failures(void **state)
{
	(void)state;
	fails("xenib attach web", 1, "xenib: no such domain: web\n");
	fails("xenib attach 99", 1, "xenib: no such domain: 99\n");
	fails("xenib attach pv --hca mlx4_9", 1,
	      "xenib: no such HCA: mlx4_9; there is mlx4_0 (guid");
	fails("xenib attach --uuid 00000000-0000-0000-0000-000000000004 pv", 1,
	      "xenib: domain 3 is not the one that is meant");
	fails("xenib detach pv", 3, "not attached: domain 3 has no device 0");
	fails("xenib detach --devid 1 pv", 3, "domain 3 has no device 1");
	fails("xenib detach web", 3, "no such domain: web");
	fails("xenib detach 99", 3, "no such domain: 99");
	fails("xenib list web", 1, "no such domain: web");
	fails("xenib list 99", 1, "no such domain: 99");
	ends_backend = BACKEND_REFUSES;
	fails("xenib attach pv", 1, "the backend reports: no doorbell pages");
	ends_backend = BACKEND_FORBIDS;
	fails("xenib attach pv", 1, "the backend reports: no\n");
	fake_euid = 1000;
	fails("xenib attach pv", 1, "no (only root in dom0 may do this)\n");
	fake_euid = 0;
	ends_backend = BACKEND_GOOD;
	succeeds("xenib attach pv --uuid 00000000000000000000000000000003", "");
	fails("xenib attach --devid 0 pv", 3,
	      "already attached: domain 3 has device 0");
	fake_unlink("bus/xen-backend/drivers");
	assert_int_equal(run("xenib list"), 0);
	assert_string_equal(err, "xenib: note: no backend: the module xen-ibback is not loaded\n");
	succeeds("xenib list -j", "\"totals\": null");
	fails("xenib attach pvh", 1, "module xen-ibback is not loaded");
	fake_open_errno = EACCES;
	fails("xenib list", 1, "only root in dom0");
	fake_open_errno = ENOENT;
	fails("xenib list", 1, "is this dom0");
}

static void test_attach_detach(void **state)
{
	(void)state;
	succeeds("xenib attach pv --hca mlx4_0 --contexts 2 --pages 4096 --wait",
		 "");
	assert_string_equal(out, "");
	assert_string_equal(
		fake_get("/local/domain/0/backend/vib/3/0/max-pages"), "4096");
	succeeds("xenib attach --devid 1 --qps 8 --cqs 8 --srqs 8 pvh", "");
	succeeds("xenib list",
		 "pvh                          4   1 mlx4_0     Connected");
	succeeds("xenib list pv",
		 "pv                           3   0 mlx4_0     Connected     Connected         2\n");
	assert_null(strstr(out, "pvh"));
	succeeds("xenib detach 3", "");
	succeeds("xenib detach --devid 1 --timeout 3 --force pvh", "");
	succeeds("xenib list", "Domain");
	assert_non_null(strchr(out, '\n'));
	assert_string_equal(strchr(out, '\n'), "\n");
}

#define BE	"/local/domain/0/backend/vib/3/0/"

static void test_mads(void **state)
{
	(void)state;
	succeeds("xenib attach pv --mad-rate 1000000 --mad-pm off", "");
	assert_string_equal(fake_get(BE "mad-rate"), "1000000");
	assert_string_equal(fake_get(BE "mad-pm"), "0");
	succeeds("xenib list -l",
		 "    MADs         1000000 a second\n    MADs         no performance counters\n");
	succeeds("xenib list -j", "\"mad_rate\": 1000000, \"mad_pm\": false,");
	succeeds("xenib detach pv", "");
	succeeds("xenib attach pv --mad-pm off --mad-pm on", "");
	assert_null(fake_get(BE "mad-rate"));
	assert_null(fake_get(BE "mad-pm"));
	succeeds("xenib list -l", "");
	assert_null(strstr(out, "MADs"));
	succeeds("xenib list -j", "\"mad_rate\": null, \"mad_pm\": true,");
	succeeds("xenib detach pv", "");
}

#define FEW	" --cqs 8 --qps 8 --srqs 8 "

/* Nobody needs to count. */
static void test_devids(void **state)
{
	(void)state;
	succeeds("xenib attach" FEW "pv", "");
	succeeds("xenib attach" FEW "pv", "");
	assert_non_null(fake_get("/local/domain/0/backend/vib/3/1"));
	fails("xenib detach pv", 1,
	      "xenib: pv has devices 0, 1: which is meant? Add --devid\n");
	succeeds("xenib detach --devid 0 pv", "");
	succeeds("xenib attach" FEW "pv", "");
	assert_non_null(fake_get("/local/domain/0/backend/vib/3/0"));
	succeeds("xenib detach --devid 0 pv", "");
	/* The only one */
	succeeds("xenib detach pv", "");
	fails("xenib detach pv", 3, "no device 0");
	/* What an attach has left */
	fake_set("/local/domain/3/device/vib/0", "");
	succeeds("xenib detach pv", "");
	assert_null(fake_get("/local/domain/3/device/vib"));
}

static void test_domains(void **state)
{
	(void)state;
	succeeds("xenib attach" FEW "pv pvh", "");
	succeeds("xenib list pvh pv", "\npvh ");
	assert_non_null(strstr(out, "\npv "));
	assert_true(strstr(out, "\npv ") > strstr(out, "\npvh "));
	/* One that fails is not in the way of the next. */
	assert_int_equal(run("xenib attach --devid 0" FEW "pv web 99"), 1);
	assert_int_equal(run("xenib list -j web pv"), 1);
	assert_non_null(strstr(out, "\"domain\": \"pv\""));
	assert_non_null(strstr(err, "no such domain: web\n"));
	succeeds("xenib detach pv", "");
	assert_int_equal(run("xenib detach pv pvh"), 3);
	assert_int_equal(run("xenib detach --timeout 1 web pvh 99"), 3);
	succeeds("xenib attach" FEW "pv", "");
	assert_int_equal(run("xenib attach --devid 0" FEW "pv pvh"), 3);
	succeeds("xenib list", "\npvh ");
	fails("xenib list web 99", 1, "no such domain: 99");
}

static void test_identity(void **state)
{
	(void)state;
	succeeds("xenib attach --guid auto --guid 2=0200:0000:0000:00ff --node-guid 02000000000000fe --pkeys 0xffff --pkeys 2=1,0x8002 --ips 1.2.3.4 --ips 10.0.0.1,fd00:0::1,fd00::0.0.0.2 pv",
		 "");
	assert_non_null(fake_get(BE "guid-1"));
	assert_string_equal(fake_get(BE "guid-2"), "0200:0000:0000:00ff");
	assert_string_equal(fake_get(BE "node-guid"), "0200:0000:0000:00fe");
	assert_string_equal(fake_get(BE "pkeys-1"), "0xffff");
	assert_string_equal(fake_get(BE "pkeys-2"), "0x0001,0x8002");
	assert_string_equal(fake_get(BE "ips"), "10.0.0.1,fd00::1,fd00::2");
	fake_set(BE "gid-2", "fe80:0000:0000:0000:0200:0000:0000:00ff");
	fake_set(BE "gid-state-2", "alias");
	succeeds("xenib list -l",
		 "    port 2       GID fe80:0000:0000:0000:0200:0000:0000:00ff (alias), P_Keys 0x0001,0x8002\n");
	assert_non_null(strstr(out, "    node GUID    0200:0000:0000:00fe\n"));
	assert_non_null(strstr(out, "    IP addresses 10.0.0.1,fd00::1,fd00::2\n"));
	assert_non_null(strstr(out, "    port 1       GID - (-), P_Keys 0xffff\n"));
	succeeds("xenib list -j",
		 "\"node_guid\": \"0200:0000:0000:00fe\", \"ips\": \"10.0.0.1,fd00::1,fd00::2\", \"ports\": [{\"guid\": ");
	assert_non_null(strstr(out, "{\"guid\": \"0200:0000:0000:00ff\", \"gid\": \"fe80:0000:0000:0000:0200:0000:0000:00ff\", \"gid_state\": \"alias\", \"pkeys\": \"0x0001,0x8002\"}],"));
	succeeds("xenib detach pv", "");
	succeeds("xenib attach --guid shared --node-guid shared pv", "");
	assert_null(fake_get(BE "guid-1"));
	assert_null(fake_get(BE "node-guid"));
	assert_null(fake_get(BE "pkeys-1"));
	succeeds("xenib list -j", "\"node_guid\": null, \"ips\": null,");
}

/* As many as a port can have, and no more */
static void test_pkeys(void **state)
{
	char line[512] = "xenib attach pv --pkeys 010";
	unsigned int i;

	(void)state;
	for (i = 1; i < VIBIF_MAX_PKEYS; i++)
		strcat(line, ",1");
	succeeds(line, "");
	assert_int_equal(strlen(fake_get(BE "pkeys-2")),
			 7 * VIBIF_MAX_PKEYS - 1);
	assert_memory_equal(fake_get(BE "pkeys-2"), "0x000a,0x0001,", 14);
	fails(strcat(line, ",1"), 2, "with commas between, 128 at most\n");
}

static void test_limit(void **state)
{
	(void)state;
	fails("xenib limit --qps 4 pv", 1, "not attached: domain 3");
	fails("xenib limit --qps 4 web", 1, "no such domain: web");
	succeeds("xenib attach" FEW "pv pvh", "");
	succeeds("xenib limit --qps 4 --srqs 16 pv pvh", "");
	assert_string_equal(out, "");
	succeeds("xenib list -l", "    qps          - of 4\n");
	assert_string_equal(fake_get(BE "max-srqs"), "16");
	fails("xenib limit --contexts 4 pv", 1, "contexts cannot change");
	succeeds("xenib attach" FEW "pv", "");
	fails("xenib limit --qps 5 pv", 1, "pv has devices 0, 1: which");
	succeeds("xenib limit --qps 5 --devid 1 pv", "");
	assert_string_equal(fake_get(BE "max-qps"), "4");
	assert_int_equal(run("xenib limit --devid 0 --cqs 400 pv"), 0);
	assert_non_null(strstr(err, "xenib: warning: the guests of mlx4_0 may"));
}

/* What a guest has removed on its side is seen, and can be detached. */
static void test_removed_side(void **state)
{
	(void)state;
	succeeds("xenib attach pv", "");
	fake_rm("/local/domain/3/device/vib/0");
	succeeds("xenib list", " Closed        Unknown           2\n");
	succeeds("xenib list -l",
		 "    error        19 the guest has removed its side; detach it\n");
	succeeds("xenib list -j",
		 "\"error\": \"19 the guest has removed its side; detach it\"");
	fails("xenib attach --devid 0 pv", 3,
	      "already attached: domain 3 has device 0 (backend Closed): detach it first\n");
	succeeds("xenib detach pv", "");
	assert_int_equal(fake_permitted(3), 0);
	succeeds("xenib attach pv", "");
}

static void test_warning(void **state)
{
	(void)state;
	assert_int_equal(run("xenib attach pv --cqs 161"), 0);
	assert_string_equal(out, "");
	assert_non_null(strstr(err, "xenib: warning: the guests of mlx4_0 may hold 385 CQs, QPs and SRQs, more than 384: "));
	assert_string_equal(strchr(err, '\n'), "\n");
}

static void test_list(void **state)
{
	(void)state;
	fake_set("/local/domain/3/name", "a\"b\\c\033[31m\x9b\xc3\xa9\x7f");
	fake_file("bus/xen-backend/drivers/vib/devices", "2\n");
	succeeds("xenib attach 3 --cqs 100 --mws 5", "");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/cqs", "7\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/pds", "1\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/pds_max",
		  "1024\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/refused_cqs",
		  "0\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/refused_pds",
		  "3\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/refused_maptrack",
		  "2\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/refused_requests",
		  "0\n");
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/requests",
		  "42\n");

	succeeds("xenib list", "a\"b\\c?[31m???? ");
	succeeds("xenib list -l", "    cqs          7 of 100\n");
	assert_non_null(strstr(out, "    pds          1 of 1024, 3 refused\n"));
	assert_non_null(strstr(out, "    refused_maptrack 2\n"));
	assert_null(strstr(out, "refused_pds"));
	assert_null(strstr(out, "refused_requests"));
	assert_non_null(strstr(out, "    mws          - of 5\n"));
	assert_non_null(strstr(out, "    UUID         00000000-0000-0000-0000-000000000003\n"));
	assert_non_null(strstr(out, "    requests     42\n"));
	assert_non_null(strstr(out, "    HCA          mlx4_0 (guid 0002:c903:0012:3456)\n"));
	assert_non_null(strstr(out, "UAR 1032   frame 0xfe408, BlueFlame 0xfe808\n"));
	assert_non_null(strstr(out, "All guests:\n    devices      2\n"));

	succeeds("xenib list --json", "\"domain\": \"a\\\"b\\\\c\\u001b[31m\\ufffd\xc3\xa9\\u007f\"");
	assert_non_null(strstr(out, "{\n  \"version\": 1,\n  \"devices\": [\n"));
	assert_non_null(strstr(out, "\"counters\": {\"cqs\": 7, \"pds\": 1, \"refused_cqs\": 0, \"refused_maptrack\": 2, \"refused_pds\": 3, \"refused_requests\": 0, \"requests\": 42}"));
	assert_non_null(strstr(out, "\"quotas\": {\"pds\": 1024, \"cqs\": 100, \"qps\": 192, \"srqs\": 32, \"mws\": 5}"));
	assert_non_null(strstr(out, "\"uars\": [{\"index\": 1032, \"frame\": 1041416, \"bf_frame\": 1042440}, "));
	assert_non_null(strstr(out, "\"totals\": {\"devices\": 2}"));
	assert_non_null(strstr(out, "\"uuid\": \"00000000-0000-0000-0000-000000000003\""));
	assert_non_null(strstr(out, "\"hca\": \"mlx4_0\", \"hca_guid\": \"0002:c903:0012:3456\""));

	ends_backend = BACKEND_SILENT;
	fake_domain_gone(3);
	fake_unlink("bus/xen-backend/drivers");
	succeeds("xenib list -j", "\"domain\": null, \"uuid\": null");
	assert_non_null(strstr(out, "\"totals\": null"));

	/* What the backend has not served yet */
	fake_rm("/local/domain/0/backend/vib/3/0/hca");
	fake_rm("/local/domain/0/backend/vib/3/0/hca-guid");
	succeeds("xenib list -j", "\"hca\": null, \"hca_guid\": null");
	assert_int_equal(run("xenib list -l"), 0);
	assert_non_null(strstr(out, "    HCA          -\n"));
}

/* What is UTF-8 stays as it is; of what is not, each octet is U+FFFD. */
static void test_utf8(void **state)
{
#define NONE	"\\ufffd"
	static const char *const names[][2] = {
		{ "\xc3\xa9", "\xc3\xa9" },
		{ "\xe2\x82\xac\xf0\x9f\x90\xa7", "\xe2\x82\xac\xf0\x9f\x90\xa7" },
		{ "\xc2\xa0\xef\xbf\xbf", "\xc2\xa0\xef\xbf\xbf" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xc2\x80\xc2\x9f", "\\u0080\\u009f" },
		{ "\xef\xbf\xbd", NONE },
		/* Lone, cut, too long */
		{ "\x80" "a", NONE "a" },
		{ "\xbf\xbf", NONE NONE },
		{ "\xc3" "a", NONE "a" },
		{ "\xe2\x82", NONE NONE },
		{ "\xf0\x9f\x90" "a", NONE NONE NONE "a" },
		{ "\xc0\xaf", NONE NONE },
		{ "\xc1\xbf", NONE NONE },
		{ "\xe0\x9f\xbf", NONE NONE NONE },
		{ "\xf0\x8f\xbf\xbf", NONE NONE NONE NONE },
		/* Surrogates, beyond the last */
		{ "\xed\xa0\x80", NONE NONE NONE },
		{ "\xed\xbf\xbf", NONE NONE NONE },
		{ "\xf4\x90\x80\x80", NONE NONE NONE NONE },
		{ "\xf8\x88\x80\x80\x80", NONE NONE NONE NONE NONE },
		{ "\xf9\x90\x80\x80", NONE NONE NONE NONE },
		{ "\xff", NONE },
	};
	char expected[128];
	size_t i;

	(void)state;
	succeeds("xenib attach pv", "");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fake_set("/local/domain/3/name", names[i][0]);
		snprintf(expected, sizeof(expected), "{\"domain\": \"%s\", ",
			 names[i][1]);
		succeeds("xenib list -j", expected);
	}
}

/* Lines that must be there, in this order */
static void test_metrics(void **state)
{
	static const char *const lines[] = {
		"# HELP xenib_backend_up xen-ibback is loaded.\n# TYPE xenib_backend_up gauge\nxenib_backend_up 1\n",
		"\n# TYPE xenib_device_info gauge\n",
		"\nxenib_device_info{domain=\"a\\\"b\\\\\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\",domid=\"3\",devid=\"0\",uuid=\"00000000-0000-0000-0000-000000000003\",hca=\"mlx4_0\",backend=\"Connected\",frontend=\"Connected\"} 1\n",
		"\nxenib_device_info{domain=\"pvh\",domid=\"4\",",
		"\n# TYPE xenib_used gauge\nxenib_used{domain=\"pvh\",domid=\"4\",devid=\"0\",resource=\"cqs\"} 7\n",
		",domid=\"3\",devid=\"0\",resource=\"srqs\"} 8\n",
		"\n# TYPE xenib_requests_total counter\nxenib_requests_total{domain=\"pvh\",domid=\"4\",devid=\"0\"} 18446744073709551615\n",
		"\nxenib_event_seconds_total{domain=\"pvh\",domid=\"4\",devid=\"0\"} 1.500000003\n",
		"\n# TYPE xenib_transmit_bytes_total counter\n",
		"\n# HELP xenib_refused_total What a limit kept the guest from.\n# TYPE xenib_refused_total counter\nxenib_refused_total{domain=\"pvh\",domid=\"4\",devid=\"0\",kind=\"qps\"} 9\n",
		"\n# TYPE xenib_grants gauge\nxenib_grants 12\n",
		"\n# TYPE xenib_maptrack_limit gauge\nxenib_maptrack_limit 262144\n",
	};
	const char *p;
	size_t i;

	(void)state;
	fake_maptrack = "1024";
	fake_file("bus/xen-backend/drivers/vib/grants", "12\n");
	fake_set("/local/domain/3/name", "a\"b\\\x1b\x9b\xc3\xa9");
	succeeds("xenib attach" FEW "3 4", "");
	fake_file("bus/xen-backend/devices/vib-4-0/statistics/cqs", "7\n");
	fake_file("bus/xen-backend/devices/vib-4-0/statistics/requests",
		  "18446744073709551615\n");
	fake_file("bus/xen-backend/devices/vib-4-0/statistics/event_ns",
		  "1500000003\n");
	fake_file("bus/xen-backend/devices/vib-4-0/statistics/refused_qps",
		  "9\n");
	succeeds("xenib metrics", "");
	for (i = 0, p = out; i < sizeof(lines) / sizeof(lines[0]); i++) {
		p = strstr(p, lines[i]);
		if (!p)
			fail_msg("no \"%s\" in \"%s\"", lines[i], out);
	}
	fake_maptrack = NULL;
	fake_unlink("bus/xen-backend/drivers");
	succeeds("xenib metrics", "\nxenib_backend_up 0\n");
	assert_null(strstr(out, "maptrack"));
	fails("xenib metrics pv", 2, "xenib metrics: too many arguments: pv");
	fails("xenib metrics --json", 2, "--json");
	succeeds("xenib metrics -h", "Usage: xenib metrics\n");
}

/* Nothing is said of a host that works, and each fault in a line of its own. */
static void ill(const char *line)
{
	int rc = run("xenib doctor");

	if (rc != 1 || strcmp(out, line))
		fail_msg("exits %d: \"%s\", not \"%s\"", rc, out, line);
}

static void test_doctor(void **state)
{
	int lock;

	(void)state;
	fake_maptrack = "1024";
	fake_file("hypervisor/version/major", "4\n");
	fake_file("hypervisor/version/minor", "17\n");
	fake_file("module/mlx4_core/x", "");
	fake_file("module/mlx4_ib/x", "");
	fake_file("module/xen_ibback/version", XENIB_VERSION "\n");
	fake_file("class/infiniband/mlx4_0/ports/1/state", "1: DOWN\n");
	fake_file("class/infiniband/mlx4_0/ports/2/state", "4: ACTIVE\n");
	fake_file("class/infiniband/rxe0/ports/1/link_layer", "Ethernet\n");
	succeeds("xenib doctor", "Nothing is wrong here.\n");
	succeeds("xenib attach pv --pages 196608" FEW, "");
	succeeds("xenib doctor", "Nothing is wrong here.\n");

	fake_file("hypervisor/version/minor", "16\n");
	ill("Xen 4.16 is older than all that xenib was tested with: have 4.17 or later\n");
	fake_file("hypervisor/version/minor", "20\n");
	fake_unlink("module/mlx4_ib");
	ill("mlx4_ib is not loaded: modprobe mlx4_ib\n");
	fake_file("module/mlx4_ib/x", "");
	fake_file("module/xen_ibback/version", "0.0.9\n");
	ill("xen-ibback has version 0.0.9 and xenib " XENIB_VERSION ": install both of one version, then rmmod xen-ibback and modprobe xen-ibback\n");
	fake_file("module/xen_ibback/version", XENIB_VERSION "\n");
	fake_file("class/infiniband/mlx4_0/ports/2/state", "2: INIT\n");
	ill("no port of mlx4_0 is active: look at its cable, and whether a subnet manager runs\n");
	fake_file("class/infiniband/mlx4_0/ports/2/link_layer", "Ethernet\n");
	ill("no HCA with InfiniBand ports only: have a ConnectX-3 in this domain, with all its ports set to InfiniBand\n");
	fake_file("class/infiniband/mlx4_0/ports/2/link_layer",
		  "InfiniBand\n");
	fake_file("class/infiniband/mlx4_0/ports/2/state", "4: ACTIVE\n");
	fake_file("bus/xen-backend/drivers/vib/stuck", "2\n");
	ill("the HCA did not give up 2 objects: when its guests can do without it, reload mlx4_core\n");
	fake_file("bus/xen-backend/drivers/vib/stuck", "0\n");
	fake_maptrack = "1023";
	ill("guests may have 196608 pages mapped, and Xen has 261888 maptrack entries for them, disks and networks: gnttab_max_maptrack_frames=1024 on Xen's command line, or xenib limit --pages\n");
	fake_maptrack = "1024";
	fake_max_grant_frames = 383;
	ill("device 0 of domain 3, pv may have 196608 pages, and the guest can grant 196096: max_grant_frames=385 in its configuration, and gnttab_max_frames on Xen's command line if that has fewer, or xenib limit --pages\n");
	/* Not of the default, which is more than what Xen's default grants */
	fake_file("bus/xen-backend/devices/vib-3-0/statistics/pages_max",
		  "65536\n");
	fake_max_grant_frames = 64;
	succeeds("xenib doctor", "Nothing is wrong here.\n");
	fake_grant_frames = fake_max_grant_frames = 383;
	ill("all 383 frames of the grant table of domain 3, pv are in use: max_grant_frames=766 in its configuration, and gnttab_max_frames=766 on Xen's command line if that has fewer\n");
	fake_max_grant_frames = 0;
	succeeds("xenib doctor", "Nothing is wrong here.\n");

	fake_file("guests.d/web1.conf~", "");
	succeeds("xenib doctor", "Nothing is wrong here.\n");
	fake_file("guests.d/web1.conf", "");
	fake_file("run/guests.d/web2.conf", "");
	ill("files of guests.d (2) give guests devices, but xenibd does not run: systemctl enable --now xenibd\n");
	lock = open(fake_run, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	succeeds("xenib doctor", "Nothing is wrong here.\n");

	fake_set("/local/domain/0/error/backend/vib/3/0/error",
		 "22 frontend speaks version 2, backend 1");
	ill("device 0 of domain 3, pv has failed (22 frontend speaks version 2, backend 1): install xen-ibfront " XENIB_VERSION " in the guest, and load it anew\n");
	fake_set("/local/domain/0/error/backend/vib/3/0/error", "5 it\x9b");
	ill("device 0 of domain 3, pv has failed (5 it?): xenib detach --devid 0 3, and attach it again\n");
	fake_rm("/local/domain/0/error/backend/vib/3/0/error");
	ends_guest = GUEST_STUBBORN;
	fake_set("/local/domain/3/device/vib/0/state", "5");
	ill("device 0 of domain 3, pv is Connected here and Closing in the guest, not Connected: dmesg of both says why\n");
	ends_guest = GUEST_NONE;
	fake_set("/local/domain/3/device/vib/0/state", "1");
	ill("device 0 of domain 3, pv waits for its driver: modprobe xen-ibfront in the guest\n");
	ends_backend = BACKEND_SILENT;
	fake_hook = NULL;
	fake_domain_gone(3);
	ill("device 0 of domain 3 is left of a guest that is gone: xenib detach --force --devid 0 3\n");
	close(lock);
}

#define OBJECTS	"kernel/debug/xen-ibback/vib-3-0/objects"

static void test_show(void **state)
{
	(void)state;
	fake_file("bus/xen-backend/drivers/vib/devices", "2\n");
	succeeds("xenib attach" FEW "pv pvh", "");
	succeeds("xenib show pv", "pv (domain 3), device 0:\n");
	assert_null(strstr(out, "pvh"));
	assert_null(strstr(out, "All guests"));
	assert_null(strstr(out, "QP "));
	fake_file(OBJECTS,
		  "kind        handle     number type     state uses\n"
		  "CQ               5       0x84 -        -     context:7174\n"
		  "QP               6       0x4b RC       RTS   context:7174 PD:2 CQ:5 CQ:5\n"
		  "QP               7          0 XRC_RECV RESET XRCD:9\n");
	succeeds("xenib show --qps pv",
		 "    QP 75        RC       RTS   uses context:7174 PD:2 CQ:5 CQ:5\n"
		 "    QP 0         XRC_RECV RESET uses XRCD:9\n");
	assert_null(strstr(out, "QP 132"));
	assert_int_equal(run("xenib show --qps pvh"), 0);
	assert_non_null(strstr(err, "no queue pairs of device 0 of domain 4: cannot read "));
	fails("xenib show", 2, "DOMAIN is missing");
	fails("xenib show web", 1, "no such domain: web");
	fails("xenib show --json pv", 2, "--json");
}

static void persisted(const char *name, const char *expected)
{
	char path[160], text[1024];
	struct stat st;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.conf", fake_guests, name);
	f = fopen(path, "r");
	if (!expected) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = 0;
	fclose(f);
	assert_string_equal(text, expected);
}

static unsigned int nr_guest_files(void)
{
	DIR *dir = opendir(fake_guests);
	unsigned int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr - 2;
}

#define MARK "# Written by xenib attach --persist; xenib detach --persist removes it.\n"

static void test_persist(void **state)
{
	static const char first[] = MARK "[guest]\nname = pv\n"
		"[device]\ndevid = 0\npages = 8\nguid = auto\nguid = 2=sm\ncqs = 4\nqps = 8\nsrqs = 8\n";
	static const char both[] = MARK "[guest]\nname = pv\n"
		"[device]\ndevid = 0\npages = 8\nguid = auto\nguid = 2=sm\ncqs = 4\nqps = 8\nsrqs = 8\n"
		"[device]\ndevid = 1\nmad-pm = off\ncqs = 8\nqps = 8\nsrqs = 8\n";
	static const char second[] = MARK "[guest]\nname = pv\n"
		"[device]\ndevid = 1\nmad-pm = off\ncqs = 8\nqps = 8\nsrqs = 8\n";
	mode_t mask = umask(077);

	(void)state;
	succeeds("xenib attach --persist pv --pages 9 --guid auto --guid 2=sm --cqs 4 --pages 8 --timeout 9 --qps 8 --srqs 8",
		 "");
	persisted("pv", first);
	umask(mask);
	succeeds("xenib attach pv --persist --mad-pm off" FEW, "");
	persisted("pv", both);
	/* What is not attached is not written, nor is what is only detached. */
	fails("xenib attach --devid 1 --persist pv", 3, "already attached");
	succeeds("xenib detach --devid 0 pv", "");
	persisted("pv", both);
	fails("xenib detach --devid 0 --persist pv", 3, "no device 0");
	persisted("pv", second);
	succeeds("xenib attach --persist pvh --devid 1", "");
	persisted("pvh", MARK "[guest]\nname = pvh\n[device]\ndevid = 1\n");
	/* It says something else of the same device then. */
	succeeds("xenib detach pv pvh", "");
	succeeds("xenib attach --persist pvh --devid 1 --mrs 3", "");
	persisted("pvh", MARK "[guest]\nname = pvh\n[device]\ndevid = 1\nmrs = 3\n");
	fake_domain_gone(3);
	fails("xenib detach --persist --devid 1 pv", 3, "no such domain: pv");
	persisted("pv", NULL);
	succeeds("xenib detach --persist pvh", "");
	assert_int_equal(nr_guest_files(), 0);
}

/* Nobody's file is written, and nothing is attached or detached, either. */
static void test_persist_not(void **state)
{
	static const char own[] = "[guest]\nname = pv\n";
	static const char path[] = "guests.d/pv.conf: not written by xenib attach --persist: change it by hand\n";
	static const char * const names[] = {
		"p*", "p?", "[p]", "a/b", ".p", "p\x01"
	};
	char line[64];
	size_t i;

	(void)state;
	fake_file("guests.d/pv.conf", own);
	fails("xenib attach --persist pv", 1, path);
	succeeds("xenib list", "");
	assert_null(strstr(out, "pv"));
	succeeds("xenib attach pv", "");
	fails("xenib detach --persist pv", 1, path);
	succeeds("xenib list", "pv ");
	persisted("pv", own);
	fails("xenib attach --persist 4", 2, "--persist is for names of guests, and 4 is an id");
	fails("xenib detach --persist pvh 4", 2, "4 is an id");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), "xenib attach --persist %s",
			 names[i]);
		fails(line, 1, "\" cannot be the name of a file of ");
	}
	assert_int_equal(nr_guest_files(), 1);
	fake_unlink("guests.d");
	fails("xenib attach --persist pvh", 1, "guests.d: No such file or directory");
	succeeds("xenib detach pv", "");
}

#define STATISTICS	"bus/xen-backend/devices/"

/* At the end of each wait something has changed, at last so much that it ends */
static unsigned int waits;

static void watched(void)
{
	if (++waits == 1)
		fake_set("/local/domain/0/backend/vib/3/0/state", "5");
	else
		fake_domain_gone(3);
}

static void test_watch(void **state)
{
	const char *second;

	(void)state;
	succeeds("xenib attach" FEW "pv", "");
	fake_hook = NULL;
	fake_slept = watched;
	waits = 0;
	assert_int_equal(run("xenib list --watch=3600 pv"), 1);
	assert_int_equal(waits, 2);
	assert_string_equal(err, "xenib: no such domain: pv\n");
	assert_int_equal(strncmp(out, "Domain ", 7), 0);
	second = strstr(out, "\n\nDomain ");
	assert_non_null(second);
	assert_non_null(strstr(out, "Connected"));
	assert_true(strstr(out, "Connected") < second);
	assert_non_null(strstr(second, " Closing "));
	assert_null(strchr(out, '\033'));
	fails("xenib list --watch=0", 2, "\"0\" is not a number in 1 .. 3600");
	/* With a blank between, it is a domain. */
	fails("xenib list --watch 5", 1, "no such domain: 5");
}

/* The same on a terminal; until it fails */
static void watch_on_terminal(unsigned short rows, unsigned short columns,
			      char **argv, int argc)
{
	const struct winsize size = { .ws_row = rows, .ws_col = columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	int saved_out, saved_err, slave;
	FILE *err_file;
	size_t len = 0;
	ssize_t n;

	ends_reset();
	succeeds("xenib attach" FEW "pv pvh", "");
	fake_hook = NULL;
	fake_slept = watched;
	waits = 0;
	assert_int_equal(grantpt(master) || unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
	fflush(stdout);
	saved_out = dup(STDOUT_FILENO);
	dup2(slave, STDOUT_FILENO);
	saved_err = capture(STDERR_FILENO, &err_file);
	optind = 0;
	assert_int_equal(xenib_main(argc, argv), 1);
	release(STDERR_FILENO, saved_err, err_file, err, sizeof(err));
	dup2(saved_out, STDOUT_FILENO);
	close(saved_out);
	assert_int_equal(waits, 2);
	/* It comes in pieces, and the next one before the end is told. */
	while ((n = read(master, out + len, sizeof(out) - 1 - len)) > 0)
		len += n;
	assert_true(len > 0);
	out[len] = 0;
	close(slave);
	close(master);
}

/* A block takes the place of the one before, as far as there is room. */
static void test_terminal(void **state)
{
	char *one[] = { "xenib", "list", "--watch", "pv", NULL };
	char *two[] = { "xenib", "list", "--watch", "pvh", "pv", NULL };

	(void)state;
	watch_on_terminal(24, 80, one, 4);
	assert_int_equal(strncmp(out, "Domain ", 7), 0);
	assert_non_null(strstr(out, "\r\n\033[2A\033[JDomain "));
	assert_null(strstr(out, "\r\n\r\n"));
	/* What was shown last stays, and the cursor is below. */
	assert_string_equal(out + strlen(out) - 2, "\r\n");
	/* Each line takes two there. */
	watch_on_terminal(24, 60, one, 4);
	assert_non_null(strstr(out, "\033[4A\033[J"));
	watch_on_terminal(3, 80, two, 5);
	assert_non_null(strstr(out, "\npvh "));
	assert_null(strstr(out, "\npv "));
	assert_non_null(strstr(out, "\033[2A\033[J"));
}

static void traffic(const char *dev, const char *counter, unsigned int value)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), STATISTICS "%s/statistics/%s", dev,
		 counter);
	snprintf(text, sizeof(text), "%u\n", value);
	fake_file(path, text);
}

/* Two devices of one guest count together; one that came back began anew. */
static void moved(void)
{
	switch (++waits) {
	case 1:
		traffic("vib-4-0", "rx_octets", 1200);
		traffic("vib-4-1", "rx_octets", 100);
		traffic("vib-4-1", "tx_packets", 7);
		traffic("vib-3-0", "tx_octets", 20);
		break;
	case 2:
		traffic("vib-4-0", "rx_octets", 50);
		traffic("vib-3-0", "tx_octets", 320);
		break;
	default:
		fake_domain_gone(3);
	}
}

static void test_top(void **state)
{
	static const char expected[] =
		"Domain                      ID    RX byte/s   RX pkt/s    TX byte/s   TX pkt/s\n"
		"pvh                          4          150          0            0          4\n"
		"pv                           3            0          0           10          0\n"
		"\n"
		"Domain                      ID    RX byte/s   RX pkt/s    TX byte/s   TX pkt/s\n"
		"pv                           3            0          0          150          0\n"
		"pvh                          4           25          0            0          0\n";

	(void)state;
	succeeds("xenib attach" FEW "pv pvh pvh", "");
	fake_hook = NULL;
	traffic("vib-4-0", "rx_octets", 1000);
	traffic("vib-4-1", "rx_octets", 0);
	traffic("vib-3-0", "tx_octets", 0);
	fake_slept = moved;
	waits = 0;
	assert_int_equal(run("xenib top pv pvh"), 1);
	assert_string_equal(err, "xenib: no such domain: pv\n");
	assert_string_equal(out, expected);
	fails("xenib top --delay 3601", 2, "is not a number in 1 .. 3600");
	fails("xenib top --watch", 2, "--watch");
	succeeds("xenib top --help", "Usage: xenib top [OPTIONS] [DOMAIN...]");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage),
		TEST(arguments),
		TEST(failures),
		TEST(attach_detach),
		TEST(mads),
		TEST(devids),
		TEST(domains),
		TEST(identity),
		TEST(pkeys),
		TEST(limit),
		TEST(removed_side),
		TEST(warning),
		TEST(list),
		TEST(utf8),
		TEST(show),
		TEST(persist),
		TEST(persist_not),
		TEST(watch),
		TEST(terminal),
		TEST(top),
		TEST(metrics),
		TEST(doctor),
	};

	return cmocka_run_group_tests_name("xenib", tests, NULL, NULL);
}
