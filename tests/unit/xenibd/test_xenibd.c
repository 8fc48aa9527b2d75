// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_xenibd.c - the daemon as a process: files, signals and commands are
 * real, Xen is a file, and xenib a script that writes down how it is called
 */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "files.h"

/* main() of the daemon, renamed by the Makefile */
int xenibd_main(int argc, char **argv);

#define UUID	"6f1c2d3e-0123-4567-89ab-cdef01234567"
#define OTHER	"6f1c2d3e-0123-4567-89ab-cdef01234568"

#define WEB	"[guest]\nname = web1\n"

/* The timeout and the defaults stand before what the file says. */
#define CALL(domid, devid, options) \
	"attach --uuid=" UUID " --devid=" devid " --timeout=30 " options domid "\n"

static pid_t daemon_pid;
static int notified;

static void write_whole(const char *name, const char *text)
{
	char part[64];
	FILE *f;

	snprintf(part, sizeof(part), "%s.part", name);
	f = fopen(part, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(part, name), 0);
}

static const char *read_whole(const char *name)
{
	static char text[65536];
	FILE *f = fopen(name, "r");

	text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = 0;
	if (f)
		fclose(f);
	return text;
}

/* Wait until a file has these words so often. */
static void wait_for(const char *name, const char *words, int count)
{
	const struct timespec time = { .tv_nsec = 10000000 };
	const char *p;
	int i, n;

	for (i = 0; i < 3000; i++) {
		for (n = 0, p = read_whole(name); (p = strstr(p, words)); p++)
			n++;
		if (n >= count)
			return;
		nanosleep(&time, NULL);
	}
	fail_msg("%s: no %s in \"%s\", log \"%s\"", name, words,
		 read_whole(name), read_whole("log"));
}

static void wait_notified(const char *words)
{
	char text[64];
	ssize_t len = recv(notified, text, sizeof(text) - 1, 0);

	assert_true(len > 0);
	text[len] = 0;
	assert_string_equal(text, words);
}

static void run(const char *log)
{
	char *argv[] = { "xenibd", NULL };

	daemon_pid = fork();
	assert_true(daemon_pid >= 0);
	if (daemon_pid)
		return;
	dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0644), STDERR_FILENO);
	/* What it holds in the end is not lost. */
	_exit(xenibd_main(1, argv));
}

static void start(void)
{
	run("log");
	wait_notified("READY=1");
}

/* How it ends */
static int end(void)
{
	int status;

	assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void stop(void)
{
	kill(daemon_pid, SIGTERM);
	wait_notified("STOPPING=1");
	assert_int_equal(end(), 0);
}

static int setup(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = 30 };

	if (files_setup(state) || chdir(files_top))
		return -1;
	mkdir("etc/guests.d", 0755);
	mkdir("bin", 0755);
	write_whole("bin/xenib",
		    "#!/bin/sh\necho \"$@\" >>calls\n"
		    "while [ -e hold ]; do sleep 0.1; done\n"
		    "[ ! -e fail ] || { echo 'xenib: no HCA' >&2; exit 1; }\n");
	chmod("bin/xenib", 0755);
	setenv("PATH", "bin:/usr/bin:/bin", 1);
	write_whole("world", "");
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", files_top);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(notified, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return bind(notified, (struct sockaddr *)&at, sizeof(at));
}

static int teardown(void **state)
{
	if (daemon_pid) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
		daemon_pid = 0;
	}
	close(notified);
	return chdir("/") | files_teardown(state);
}

static void test_attach(void **state)
{
	(void)state;
	write_whole("etc/xenib.conf",
		    "[xenibd]\nattach-timeout=9\n[defaults]\ncqs=3\n");
	write_whole("etc/guests.d/a.conf", WEB "[device]\npages=7\nhca=a\n");
	write_whole("hold", "");
	start();
	write_whole("world", "3 " UUID " web1 runs\n4 " OTHER " web2 runs\n");
	wait_for("calls",
		 "attach --uuid=" UUID " --devid=0 --timeout=9 --cqs=3 --pages=7 --hca=a 3\n",
		 1);
	write_whole("world", "3 " UUID " web1 runs 0:pages=7\n");
	unlink("hold");
	wait_for("log",
		 "web1 (" UUID ") device 0: attached to domain 3: pages=7 hca=a",
		 1);
	stop();
	assert_null(strstr(read_whole("log"), "by hand"));
	assert_null(strchr(strchr(read_whole("calls"), '\n') + 1, '\n'));
}

/* Files that come, change, break and go while it runs */
static void test_files(void **state)
{
	(void)state;
	write_whole("world", "3 " UUID " web1 runs\n");
	start();
	write_whole("run/guests.d/a.conf", WEB "[device]\npages=many\n");
	wait_for("log", "run/guests.d/a.conf:4: pages: \"many\" is not", 1);
	write_whole("run/guests.d/a.conf", WEB "[device]\npages=7\n");
	wait_for("calls", CALL("3", "0", "--pages=7 "), 1);
	chmod("run/guests.d/a.conf", 0666);
	wait_for("log", "run/guests.d/a.conf: ignored", 2);
	/* A directory may go, and come again. */
	assert_int_equal(rename("etc/guests.d", "etc/gone"), 0);
	wait_for("log", "etc/guests.d: No such file or directory", 1);
	unlink("run/guests.d/a.conf");
	assert_int_equal(rename("etc/gone", "etc/guests.d"), 0);
	write_whole("etc/guests.d/b.conf", WEB "[device]\ndevid=5\n");
	wait_for("calls", CALL("3", "5", ""), 1);
	stop();
}

static void test_failure(void **state)
{
	(void)state;
	write_whole("fail", "");
	write_whole("world", "3 " UUID " web1 runs\n");
	write_whole("etc/guests.d/a.conf", WEB "[device]\n");
	start();
	wait_for("log",
		 "web1 (" UUID ") device 0: not attached: no HCA; trying again 1 s after",
		 1);
	unlink("fail");
	wait_for("log", "attached to domain 3: as by default", 1);
	/* There is no such command. */
	unlink("bin/xenib");
	setenv("PATH", "bin", 1);
	write_whole("etc/guests.d/a.conf", WEB "[device]\n[device]\n");
	stop();
	start();
	wait_for("log", "device 1: not attached: cannot run xenib: No such", 1);
	stop();
}

/* Four at once; those that run are let end before it does. */
static void test_stop_waits(void **state)
{
	(void)state;
	write_whole("hold", "");
	write_whole("world", "3 " UUID " web1 runs\n");
	write_whole("etc/guests.d/a.conf",
		    WEB "[device]\n[device]\n[device]\n[device]\n[device]\n");
	start();
	wait_for("calls", "\n", 4);
	kill(daemon_pid, SIGTERM);
	wait_notified("STOPPING=1");
	unlink("hold");
	assert_int_equal(end(), 0);
	wait_for("log", "attached to domain 3", 4);
	assert_null(strstr(read_whole("calls"), "--devid=4"));
}

/* Another that runs is not disturbed. */
static void test_only_one(void **state)
{
	pid_t first;

	(void)state;
	start();
	first = daemon_pid;
	run("log2");
	assert_int_equal(end(), 1);
	wait_for("log2", "another xenibd runs", 1);
	daemon_pid = first;
	stop();
}

/* Over a reboot, in the middle of which it is killed */
static void test_restart(void **state)
{
	(void)state;
	write_whole("world", "3 " UUID " web1 runs 7:pages=5,guid=1=sm\n");
	start();
	wait_for("log", "device 7: attached by hand", 1);
	write_whole("world", "3 " UUID " web1 reboots\n");
	wait_for("run/devices/" UUID, "restarts = 1", 1);
	kill(daemon_pid, SIGKILL);
	assert_int_equal(end(), -1);
	start();
	write_whole("world", "");
	write_whole("world", "4 " UUID " web1 runs\n");
	wait_for("calls", CALL("4", "7", "--pages=5 --guid=1=sm "), 1);
	stop();
}

static void test_max_total_pages(void **state)
{
	(void)state;
	write_whole("etc/xenib.conf", "[xenibd]\nmax-total-pages=10\n");
	write_whole("world",
		    "3 " UUID " web1 runs\n4 " OTHER " web2 runs 0:pages=4\n");
	write_whole("etc/guests.d/a.conf",
		    WEB "[device]\npages=7\n[device]\npages=6\n");
	start();
	wait_for("log",
		 "device 0: not attached: its 7 pages and 4 of other devices are more than max-total-pages, 10;",
		 1);
	wait_for("calls", CALL("3", "1", "--pages=6 "), 1);
	stop();
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attach),
		TEST(files),
		TEST(failure),
		TEST(stop_waits),
		TEST(only_one),
		TEST(restart),
		TEST(max_total_pages),
	};

	return cmocka_run_group_tests_name("xenibd", tests, NULL, NULL);
}
