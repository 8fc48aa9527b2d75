// SPDX-License-Identifier: GPL-2.0-only
/* test_settings.c - what files say, and what is wrong with them */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../tools/args.h"
#include "../../../tools/persist.h"
#include "../../../tools/print.h"
#include "files.h"

#define UUID	"6f1c2d3e-0123-4567-89ab-cdef01234567"
#define OTHER	"6f1c2d3e-0123-4567-89ab-cdef01234568"

/* Enough of a file that names a guest */
#define WEB	"[guest]\nname = web1\n"

static const struct guest_setting *find(const char *uuid, const char *name)
{
	return settings_find(files_load(), uuid, name);
}

/* What the guest gets: the options of its only device, or NULL */
static const char *gets(const char *uuid, const char *name)
{
	const struct guest_setting *file = find(uuid, name);

	if (!file || file->broken || !file->nr_devices)
		return NULL;
	assert_int_equal(file->nr_devices, 1);
	return file->devices[0].options;
}

static void test_devices(void **state)
{
	const struct guest_setting *file;

	(void)state;
	files_write("etc/a.conf",
		    "# a guest\n"
		    " [ guest ]\r\n"
		    "\t; with two\n"
		    "uuid = 6F1C2D3E-0123-4567-89AB-CDEF01234567\n"
		    "\n"
		    "[device]\n"
		    "hca=guid:0002:c903:0010:0010  \n"
		    "contexts = 8\n"
		    "guid = auto\n"
		    "guid = 2=sm\n"
		    "[device]\n"
		    "[device]\n"
		    "devid = 7\n"
		    "ips = 10.0.0.1,fd00::1");
	file = find(UUID, "web1");
	assert_string_equal(files_said, "");
	assert_non_null(file);
	assert_false(file->broken);
	assert_int_equal(file->nr_devices, 3);
	assert_int_equal(file->devices[0].devid, 0);
	assert_string_equal(file->devices[0].options,
			    "hca=guid:0002:c903:0010:0010\ncontexts=8\nguid=auto\nguid=2=sm\n");
	assert_int_equal(file->devices[1].devid, 1);
	assert_string_equal(file->devices[1].options, "");
	assert_int_equal(file->devices[2].devid, 7);
	assert_string_equal(file->devices[2].options,
			    "ips=10.0.0.1,fd00::1\n");
	assert_null(find(OTHER, "web1"));
}

/* A table of P_Keys is as long as it may be. */
static void test_long_line(void **state)
{
	char text[2048] = WEB "[device]\npkeys = 0x8001";
	unsigned int i;

	(void)state;
	for (i = 1; i < XENIB_MAX_PKEYS; i++)
		strcat(text, ",0x8001");
	files_write("run/a.conf", text);
	assert_int_equal(strlen(gets(UUID, "web1")), 6 + 7 * 128);
	strcat(text, ",0x8001");
	files_write("run/a.conf", text);
	assert_null(gets(UUID, "web1"));
	files_assert_said("128 at most\n");
}

/*
 * What is wrong, and in which line; the guest is known all the same, or not.
 * Each is also said to be ignored.
 */
static const struct bad {
	const char *text;
	unsigned int line;
	const char *words;
	bool known;
} bad[] = {
	{ "", 0, "the end, and no uuid or name in [guest]", false },
	{ "\n# nothing\n", 2, "no uuid or name", false },
	{ "[guest]\n[device]\n", 2, "no uuid or name", false },
	{ "name = web1\n[guest]\n", 1,
	  "\"name = web1\" stands before the first [SECTION]", false },
	{ "[guest\nname = web1\n", 1, "\"[guest\" does not end with ]", false },
	{ "[guest] # web\nname = web1\n", 1, "does not end with ]", false },
	{ "[Guest]\nname = web1\n", 1,
	  "[Guest]: there is no such section, only [guest] and [device]",
	  false },
	{ "[]\n" WEB, 1, "[]: there is no such section", true },
	{ "[]x]\n" WEB, 1, "[]x]: there is no such section", true },
	{ WEB "[defaults]\npages = 1\n", 3,
	  "[defaults]: there is no such section", true },
	{ WEB "[guest]\n", 3, "another [guest]: a file is about one", true },
	{ WEB "[device]\n" WEB, 4, "another [guest]", false },
	{ "[guest]\nuuid = " UUID "\nname = web1\n", 3,
	  "name: the guest has been named before", false },
	{ WEB "name = web2\n", 3, "has been named before", false },
	{ "[guest]\nname =\n", 2, "name: there is none", false },
	{ "[guest]\nuuid = web1\n", 2,
	  "uuid: \"web1\" is not a UUID like 6f1c", false },
	{ "[guest]\nuuid = " UUID "0\n", 2, "is not a UUID", false },
	{ "[guest]\nuuid = 6f1c2d3e-0123-4567-89ab-cdef0123456\n", 2,
	  "is not a UUID", false },
	{ "[guest]\nuuid = 6f1c2d3e-0123-4567-89ab-cdef0123456g\n", 2,
	  "is not a UUID", false },
	{ "[guest]\nuuid = 6f1c2d3e0-123-4567-89ab-cdef01234567\n", 2,
	  "is not a UUID", false },
	{ WEB "domid = 3\n", 3,
	  "domid: there is no such thing, only uuid and name", true },
	{ WEB "pages = 3\n", 3, "only uuid and name", true },
	{ WEB "web2\n", 3,
	  "\"web2\" is neither [SECTION] nor KEY = VALUE, nor a comment", true },
	{ WEB "= web2\n", 3, "is neither", true },
	{ WEB "[device]\npagez = 3\n", 4,
	  "pagez: there is no such thing, only hca, devid, guid, node-guid, pkeys, ips, mad-rate, mad-pm, contexts, pds, mrs, pages, cqs, qps, srqs, mcast, mws, xrcds\n",
	  true },
	{ WEB "[device]\nuuid = " UUID "\n", 4, "uuid: there is no such thing",
	  true },
	{ WEB "[device]\nwait = 1\n", 4, "wait: there is no such thing", true },
	{ WEB "[device]\ntimeout = 1\n", 4, "timeout: there is no", true },
	{ WEB "[device]\nforce\n", 4, "is neither", true },
	{ WEB "[device]\n\n\npages = 1k\n", 6,
	  "pages: \"1k\" is not a number in 1 .. 67108864", true },
	{ WEB "[device]\npages = 1 # few\n", 4, "\"1 # few\" is not a number",
	  true },
	{ WEB "[device]\npages =\n", 4, "\"\" is not a number", true },
	{ WEB "[device]\npages = -1\n", 4, "\"-1\" is not a number", true },
	{ WEB "[device]\npages = 0\n", 4, "\"0\" is not a number", true },
	{ WEB "[device]\ncontexts = 257\n", 4, "in 1 .. 256", true },
	{ WEB "[device]\npages = 18446744073709551617\n", 4, "not a number",
	  true },
	{ WEB "[device]\npages = 2\npages = 3\n", 5, "pages: given twice",
	  true },
	{ WEB "[device]\nhca =\n", 4, "hca: there is none", true },
	{ WEB "[device]\nhca = a\nhca = a\n", 5, "hca: given twice", true },
	{ WEB "[device]\ndevid = 256\n", 4, "in 0 .. 255", true },
	{ WEB "[device]\ndevid = 0\ndevid = 0\n", 5, "devid: given twice",
	  true },
	{ WEB "[device]\n[device]\ndevid = 0\n", 5,
	  "sections 1 and 2 of [device] are both device 0", true },
	{ WEB "[device]\nguid = none\n", 4,
	  "guid: \"none\" is not auto, sm or shared", true },
	{ WEB "[device]\nguid = 3=auto\n", 4, "\"3\" is not a port in 1 .. 2",
	  true },
	{ WEB "[device]\nguid = 0200:0000:0000:0001\n", 4, "not for all ports",
	  true },
	{ WEB "[device]\nnode-guid = sm\n", 4, "\"sm\" is not auto or shared",
	  true },
	{ WEB "[device]\npkeys = 0x8000\n", 4, "not a list of P_Keys", true },
	{ WEB "[device]\nips = 10.0.0.256\n", 4, "not a list of IP addresses",
	  true },
	{ WEB "x\n[device]\ny\n", 5, "\"y\" is neither", true },
};

static void test_bad_files(void **state)
{
	const struct guest_setting *file;
	char words[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct bad *b = &bad[i];

		files_write("etc/bad.conf", b->text);
		file = find(UUID, "web1");
		snprintf(words, sizeof(words), "%s/etc/bad.conf:%u: ",
			 files_top, b->line);
		files_assert_said(words);
		files_assert_said(b->words);
		files_assert_said("etc/bad.conf: ignored; ");
		assert_non_null(file);
		assert_true(file->broken);
		/* Whoever is not named is not concerned, if it is known who. */
		if (!find(OTHER, "web2") != b->known)
			fail_msg("%zu: \"%s\"", i, b->text);
	}
}

/* All that is wrong is said, not only the first of it. */
static void test_all_errors(void **state)
{
	(void)state;
	files_write("etc/bad.conf", WEB "x\n[device]\npages = 0\n");
	files_load();
	files_assert_said("/etc/bad.conf:3: ");
	files_assert_said("/etc/bad.conf:5: ");
}

/* What is quoted does no harm to a terminal. */
static void test_control_characters(void **state)
{
	(void)state;
	files_write("etc/bad.conf", WEB "\033[31m\x9b\n");
	files_load();
	files_assert_said("\"?[31m?\" is neither");
}

static void test_binary(void **state)
{
	char *path;
	FILE *f;

	(void)state;
	files_write("etc/bad.conf", WEB);
	path = files_path("etc/bad.conf");
	f = fopen(path, "a");
	assert_int_equal(fwrite("pages\0= 1\n", 1, 10, f), 10);
	fclose(f);
	free(path);
	assert_null(gets(UUID, "web1"));
	files_assert_said("bad.conf:3: an octet is 0");
}

#define GOOD	WEB "[device]\npages = 9\n"
#define ALL	"[guest]\nname = *\n[device]\npages = 7\n"

static void test_only_conf(void **state)
{
	(void)state;
	files_write("etc/a.conf~", GOOD);
	files_write("etc/.a.conf", GOOD);
	files_write("etc/conf", GOOD);
	files_write("etc/a.conf.new", GOOD);
	assert_null(find(UUID, "web1"));
	assert_string_equal(files_said, "");
	files_write("etc/a.conf", GOOD);
	assert_string_equal(gets(UUID, "web1"), "pages=9\n");
}

/* A file that others can have written: nobody knows whom it would be about. */
static void test_unsafe_file(void **state)
{
	char *to, *from;

	(void)state;
	files_write("etc/all.conf", ALL);
	files_write("run/a.conf", GOOD);
	assert_string_equal(gets(UUID, "web1"), "pages=9\n");
	assert_string_equal(gets(UUID, "web2"), "pages=7\n");
	files_mode("run/a.conf", 0664);
	assert_null(gets(UUID, "web1"));
	files_assert_said("/run/a.conf: ignored: it has to be root's, and writable for nobody else\n");
	files_assert_said("until it is mended, a guest that no file names by UUID gets nothing by it\n");
	assert_null(gets(UUID, "web2"));
	files_mode("run/a.conf", 0646);
	assert_null(gets(UUID, "web1"));
	files_mode("run/a.conf", 0600);
	assert_string_equal(gets(UUID, "web1"), "pages=9\n");
	if (!geteuid()) {
		to = files_path("run/a.conf");
		/* No such user is in a namespace of one. */
		if (!chown(to, 1, 0)) {
			assert_null(gets(UUID, "web1"));
			files_assert_said("it has to be root's");
		}
		free(to);
	}
	files_rm("run/a.conf");

	files_write("a", GOOD);
	to = files_path("a");
	from = files_path("run/a.conf");
	assert_int_equal(symlink(to, from), 0);
	assert_null(gets(UUID, "web2"));
	files_assert_said("/run/a.conf: ignored: a symbolic link\n");
	assert_int_equal(unlink(from), 0);
	assert_int_equal(mkdir(from, 0755), 0);
	assert_null(gets(UUID, "web2"));
	files_assert_said("ignored: no plain file\n");
	assert_int_equal(rmdir(from), 0);
	assert_int_equal(mkfifo(from, 0644), 0);
	assert_null(gets(UUID, "web2"));
	files_assert_said("ignored: no plain file\n");
	free(to);
	free(from);
}

static void test_large_file(void **state)
{
	static char text[65537 + sizeof(GOOD)];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	memcpy(text, GOOD, sizeof(GOOD) - 1);
	files_write("etc/a.conf", text);
	assert_null(gets(UUID, "web1"));
	files_assert_said("ignored: it has more than 65536 octets\n");
}

static void test_unsafe_directory(void **state)
{
	(void)state;
	files_write("etc/a.conf", GOOD);
	assert_false(files_load()->broken);
	files_mode("run", 0777);
	assert_true(files_load()->broken);
	files_assert_said("/run: ignored: it has to be root's");
	files_mode("run", 0755);
	assert_false(files_load()->broken);
}

/* By how exactly they name the guest; then by directory and name */
static void test_precedence(void **state)
{
	(void)state;
	files_write("run/a.conf", "[guest]\nname=*\n[device]\npages=1\n");
	assert_string_equal(gets(UUID, "web1"), "pages=1\n");
	files_write("run/b.conf", "[guest]\nname=w*\n[device]\npages=2\n");
	assert_string_equal(gets(UUID, "web1"), "pages=2\n");
	files_write("run/c.conf", "[guest]\nname=[a-z]*\n[device]\n");
	assert_string_equal(gets(UUID, "web1"), "pages=2\n");
	files_write("run/c.conf", "[guest]\nname=*1\n[device]\npages=3\n");
	assert_string_equal(gets(UUID, "web1"), "pages=2\n");
	files_write("etc/c.conf", "[guest]\nname=*1\n[device]\npages=4\n");
	assert_string_equal(gets(UUID, "web1"), "pages=4\n");
	files_write("run/0.conf", "[guest]\nname=[v-x]e?1\n[device]\npages=5\n");
	assert_string_equal(gets(UUID, "web1"), "pages=5\n");
	files_write("run/d.conf", "[guest]\nname=web1\n[device]\npages=6\n");
	assert_string_equal(gets(UUID, "web1"), "pages=6\n");
	files_write("run/e.conf",
		    "[guest]\nuuid=" UUID "\n[device]\npages=7\n");
	assert_string_equal(gets(UUID, "web1"), "pages=7\n");
	assert_string_equal(gets(OTHER, "web1"), "pages=6\n");
	assert_string_equal(gets(OTHER, "web2"), "pages=2\n");
	assert_string_equal(gets(OTHER, "other"), "pages=1\n");
	assert_string_equal(files_said, "");
}

/* A name that looks like a pattern is one's own name first. */
static void test_literal_pattern(void **state)
{
	(void)state;
	files_write("run/a.conf", "[guest]\nname=web[1]\n[device]\n");
	assert_non_null(find(UUID, "web[1]"));
	assert_non_null(find(UUID, "web1"));
	assert_null(find(UUID, "web2"));
	files_write("run/a.conf", "[guest]\nname=web\\*\n[device]\n");
	assert_non_null(find(UUID, "web\\1"));
	assert_null(find(UUID, "web*"));
}

/* A guest that a file names exactly gets nothing by patterns. */
static void test_no_devices(void **state)
{
	(void)state;
	files_write("etc/all.conf", ALL);
	files_write("run/a.conf", WEB);
	assert_null(gets(UUID, "web1"));
	assert_string_equal(files_said, "");
	assert_non_null(gets(UUID, "web2"));
}

/* A broken file widens nothing, and harms nobody else if it says of whom. */
static void test_broken_file_keeps_its_place(void **state)
{
	(void)state;
	files_write("etc/all.conf", ALL);
	files_write("etc/web.conf", "[guest]\nname=web1\n[device]\npages=9\n");
	files_write("run/a.conf",
		    "[guest]\nuuid=" UUID "\n[device]\npages=1k\n");
	assert_null(gets(UUID, "web1"));
	files_assert_said("run/a.conf: ignored; the guest " UUID " gets nothing by it\n");
	assert_string_equal(gets(OTHER, "web1"), "pages=9\n");
	assert_string_equal(gets(OTHER, "web2"), "pages=7\n");
	files_write("run/a.conf", "[guest]\nuuid=?\n[device]\npages=1\n");
	assert_null(gets(UUID, "web1"));
	assert_null(gets(OTHER, "web2"));
	files_write("run/b.conf",
		    "[guest]\nuuid=" UUID "\n[device]\npages=2\n");
	assert_string_equal(gets(UUID, "web1"), "pages=2\n");
}

static void test_conf(void **state)
{
	struct settings *s = files_load();

	(void)state;
	assert_false(s->broken);
	assert_int_equal(s->timeout, 30);
	assert_int_equal(s->max_pages, FILES_PAGES);
	assert_string_equal(s->defaults, "");
	files_write("xenib.conf",
		    "[xenibd]\nattach-timeout = 60\nmax-total-pages = 262144\n"
		    "[defaults]\ncontexts = 8\npages = 4096\n");
	s = files_load();
	assert_string_equal(files_said, "");
	assert_false(s->broken);
	assert_int_equal(s->timeout, 60);
	assert_int_equal(s->max_pages, 262144);
	assert_string_equal(s->defaults, "contexts=8\npages=4096\n");
	files_write("xenib.conf", "[xenibd]\nmax-total-pages = 0\n");
	assert_int_equal(files_load()->max_pages, 0);
}

static const struct bad bad_confs[] = {
	{ "x\n", 1, "is neither", false },
	{ "attach-timeout = 1\n", 1, "stands before", false },
	{ "[device]\npages = 1\n", 1,
	  "[device]: there is no such section, only [xenibd] and [defaults]",
	  false },
	{ "[xenibd]\nattach-timeout = 0\n", 2,
	  "attach-timeout: \"0\" is not a number in 1 .. 3600", false },
	{ "[xenibd]\nmax-total-pages = all\n", 2, "is not a number", false },
	{ "[xenibd]\npages = 1\n", 2,
	  "pages: there is no such thing, only attach-timeout and max-total-pages",
	  false },
	{ "[defaults]\nhca = mlx4_0\n", 2, "hca: there is no such thing, only quotas",
	  false },
	{ "[defaults]\ndevid = 1\n", 2, "only quotas", false },
	{ "[defaults]\n\npages = 1k\n", 3, "pages: \"1k\" is not a number",
	  false },
	{ "[defaults]\npages = 1\npages = 2\n", 3, "pages: given twice",
	  false },
};

/* Without the limits that it would have set, nobody is to have anything. */
static void test_bad_confs(void **state)
{
	char words[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_confs) / sizeof(bad_confs[0]); i++) {
		files_write("xenib.conf", bad_confs[i].text);
		assert_true(files_load()->broken);
		snprintf(words, sizeof(words), "/xenib.conf:%u: ",
			 bad_confs[i].line);
		files_assert_said(words);
		files_assert_said(bad_confs[i].words);
		files_assert_said("xenib.conf: until it is mended, no guest gets a device\n");
	}
	files_write("xenib.conf", "");
	files_mode("xenib.conf", 0666);
	assert_true(files_load()->broken);
	files_mode("xenib.conf", 0644);
	assert_false(files_load()->broken);
}

static void test_options(void **state)
{
	char *options = NULL, *value;

	(void)state;
	options_add(&options, "guid", "1=sm");
	options_add(&options, "guid", "2=auto");
	options_add(&options, "pages", "");
	assert_string_equal(options, "guid=1=sm\nguid=2=auto\npages=\n");
	value = options_get(options, "guid");
	assert_string_equal(value, "2=auto");
	free(value);
	value = options_get(options, "pages");
	assert_string_equal(value, "");
	free(value);
	assert_null(options_get(options, "gui"));
	assert_true(options_same(NULL, NULL));
	assert_false(options_same(NULL, ""));
	assert_false(options_same(options, NULL));
	assert_true(options_same("a", "a"));
	free(options);
}

/* What is attached, in the options that would attach it again */
static void test_options_of(void **state)
{
	struct xenib_value quotas[] = { { "pages", 4096 }, { "mcast", 0 } };
	struct xenib_device d = {
		.hca_guid = "0002:c903:0012:3456",
		.quotas = quotas,
		.nr_quotas = 2,
		.node_guid = "0200:0000:0000:00fe",
		.port = { { .guid = "0000:0000:0000:0000",
			    .pkeys = "0x8001,0x0002" },
			  { .guid = "0200:0000:0000:00ff" } },
		.ips = "10.0.0.1,fd00::1",
		.mad_rate = 1234,
		.no_mad_pm = 1,
	};
	struct xenib_attach_args args = { 0 };
	char *options = options_of(&d), *line;
	const char *rest = options;
	char why[ARGS_WHY];

	(void)state;
	assert_string_equal(options,
			    "hca=guid:0002:c903:0012:3456\nnode-guid=0200:0000:0000:00fe\nguid=1=sm\npkeys=1=0x8001,0x0002\nguid=2=0200:0000:0000:00ff\nips=10.0.0.1,fd00::1\nmad-rate=1234\nmad-pm=off\npages=4096\n");
	while ((line = options_next(&rest))) {
		char *value = strchr(line, '=');

		*value++ = 0;
		assert_int_equal(args_set(&args, line, value, why), 0);
		free(line);
	}
	free(options);
	memset(&d, 0, sizeof(d));
	options = options_of(&d);
	assert_string_equal(options,
			    "node-guid=shared\nguid=1=shared\nguid=2=shared\n");
	free(options);
}

/* In place of print.c */
void print_text(FILE *out, const char *s, int width)
{
	fprintf(out, "%*s", width, s);
}

/* What xenib writes is what xenibd reads. */
static void test_persist(void **state)
{
	const struct guest_setting *file;
	char *here = getcwd(NULL, 0);

	(void)state;
	assert_int_equal(chdir(files_top), 0);
	assert_int_equal(persist_add("web 1", 3, ""), 0);
	assert_int_equal(persist_add("web 1", 0,
				     "guid = 1=auto\nguid = 2=sm\n"), 0);
	assert_int_equal(persist_add("web 1", 3, "pages = 4096\n"), 0);
	assert_int_equal(chdir(here), 0);
	free(here);
	file = find(OTHER, "web 1");
	assert_string_equal(files_said, "");
	assert_non_null(file);
	assert_int_equal(file->nr_devices, 2);
	assert_int_equal(file->devices[0].devid, 0);
	assert_string_equal(file->devices[0].options,
			    "guid=1=auto\nguid=2=sm\n");
	assert_int_equal(file->devices[1].devid, 3);
	assert_string_equal(file->devices[1].options, "pages=4096\n");
	assert_null(find(OTHER, "web"));
}

/* As libvirt has a guest, and tells a hook of it */
#define XML(metadata)							\
	"<domain type='xen' id='7'>\n"					\
	"  <name>web1</name>\n"						\
	"  <uuid>" UUID "</uuid>\n"					\
	"  <metadata>\n"						\
	"    <app1:foo xmlns:app1=\"http://app1.org/app1/\">..</app1:foo>\n" \
	metadata							\
	"  </metadata>\n"						\
	"  <memory unit='KiB'>524288</memory>\n"			\
	"  <os><type>linux</type></os>\n"				\
	"  <devices><disk type='block'/></devices>\n"			\
	"</domain>\n"

static void libvirt_does(const char *operation, const char *xml)
{
	char command[256];
	FILE *hook;

	snprintf(command, sizeof(command),
		 "XENIB_RUN_GUESTS=%s/run " EXAMPLES "/libvirt-hook web1 %s begin -",
		 files_top, operation);
	hook = popen(command, "w");
	assert_non_null(hook);
	fputs(xml, hook);
	assert_int_equal(pclose(hook), 0);
}

/* The example: what metadata says, xenibd reads as long as the guest is there. */
static void test_libvirt(void **state)
{
	static const char xml[] =
		XML("    <xenib:guest xmlns:xenib=\"urn:xenib:guest\">\n"
		    "      [device]\n"
		    "      pages = 262144 \n"
		    "      # &lt;one more&gt;\n"
		    "      [device]\n"
		    "    </xenib:guest>\n");
	const struct guest_setting *file;

	(void)state;
	libvirt_does("prepare", xml);
	libvirt_does("start", xml);
	file = find(UUID, "web2");
	assert_string_equal(files_said, "");
	assert_non_null(file);
	assert_false(file->broken);
	assert_int_equal(file->nr_devices, 2);
	assert_string_equal(file->devices[0].options, "pages=262144\n");
	assert_string_equal(file->devices[1].options, "");
	assert_null(find(OTHER, "web1"));
	libvirt_does("release", xml);
	assert_null(find(UUID, "web1"));
	/* One that says nothing, also after it has said something */
	libvirt_does("prepare", xml);
	assert_non_null(find(UUID, "web1"));
	libvirt_does("prepare", XML(""));
	assert_null(find(UUID, "web1"));
	libvirt_does("release", XML(""));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, files_setup, \
					files_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(devices),
		TEST(long_line),
		TEST(bad_files),
		TEST(all_errors),
		TEST(control_characters),
		TEST(binary),
		TEST(only_conf),
		TEST(unsafe_file),
		TEST(large_file),
		TEST(unsafe_directory),
		TEST(precedence),
		TEST(literal_pattern),
		TEST(no_devices),
		TEST(broken_file_keeps_its_place),
		TEST(conf),
		TEST(bad_confs),
		TEST(options),
		TEST(options_of),
		TEST(persist),
		TEST(libvirt),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
