// SPDX-License-Identifier: GPL-2.0-only
/* test_plan.c - what xenibd attaches, and what not, and when */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "files.h"

#define UUID	"6f1c2d3e-0123-4567-89ab-cdef01234567"
#define OTHER	"6f1c2d3e-0123-4567-89ab-cdef01234568"

#define WEB	"[guest]\nname = web1\n"

/* The world as it is, and what xenibd knows of it */
static struct domain domains[4];
static struct attached devices[4][3];
static size_t nr;
static struct guest *guests;
static struct settings *settings;
static int64_t now;

static void forget(void)
{
	while (guests)
		guest_remove(&guests, guests);
}

static int setup(void **state)
{
	nr = 0;
	now = 1000000;
	memset(domains, 0, sizeof(domains));
	if (files_setup(state))
		return -1;
	settings = files_load();
	return 0;
}

static int teardown(void **state)
{
	forget();
	return files_teardown(state);
}

static struct domain *create(uint32_t domid, const char *uuid, char *name)
{
	struct domain *d = &domains[nr];

	memset(d, 0, sizeof(*d));
	d->domid = domid;
	strcpy(d->uuid, uuid);
	d->name = name;
	d->devices = devices[nr++];
	return d;
}

/* Those behind it stay where they are. */
static void destroy(struct domain *d)
{
	strcpy(d->uuid, "none");
	d->name = NULL;
}

static void plug(struct domain *d, unsigned int devid, char *options)
{
	d->devices[d->nr_devices++] = (struct attached){ devid, true, options };
}

static void unplug(struct domain *d)
{
	d->nr_devices = 0;
}

static void update(void)
{
	files_hush();
	plan_update(&guests, domains, nr, settings, now);
	files_heard();
}

static void write_web(const char *text)
{
	files_write("etc/web.conf", text);
	settings = files_load();
}

static struct slot *next(struct guest **g)
{
	int64_t when = INT64_MAX;

	return plan_next(guests, settings, now, g, &when);
}

/* There is this to be attached, and nothing else. */
static struct slot *wanted(uint32_t domid, unsigned int devid,
			   const char *options)
{
	struct guest *g;
	struct slot *slot;

	update();
	slot = next(&g);
	assert_non_null(slot);
	assert_int_equal(g->domid, domid);
	assert_int_equal(slot->devid, devid);
	assert_string_equal(slot_options(slot), options);
	slot->busy = true;
	assert_null(next(&g));
	slot->busy = false;
	return slot;
}

static void none(void)
{
	struct guest *g;

	update();
	assert_null(next(&g));
}

/* As after a command that has succeeded */
static void attach(struct domain *d, struct slot *slot, char *options)
{
	plan_begin(slot, now);
	slot->busy = false;
	slot->state = SLOT_ATTACHED;
	plug(d, slot->devid, options);
	none();
	assert_string_equal(files_said, "");
}

/* The domain ends, and is gone; the next has this id. */
static struct domain *restart(struct domain *d, uint32_t domid, bool restarts)
{
	char *name = d->name;

	d->ended = true;
	d->restarts = restarts;
	unplug(d);
	none();
	destroy(d);
	none();
	now += 2 * SECOND;
	return create(domid, UUID, name);
}

static void test_file(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	create(4, OTHER, "web2");
	none();
	write_web(WEB "[device]\npages = 9\n");
	attach(d, wanted(3, 0, "pages=9\n"), "pages=9\ncqs=4\n");

	/* The devices of a file that is gone stay. */
	files_rm("etc/web.conf");
	settings = files_load();
	none();
}

static void test_two_devices(void **state)
{
	struct domain *d = create(3, UUID, "web1");
	struct slot *slot;
	struct guest *g;

	(void)state;
	write_web(WEB "[device]\ndevid = 5\npages = 5\n[device]\nhca = a\n");
	update();
	slot = next(&g);
	assert_int_equal(slot->devid, 1);
	plan_begin(slot, now);
	attach(d, wanted(3, 5, "pages=5\n"), "pages=5\n");
	/* That of the first is not over. */
	none();
	assert_true(slot->busy);
	slot->busy = false;
	slot->state = SLOT_ATTACHED;
	plug(d, 1, "hca=guid:a\n");
	none();
}

/* What is being made or removed has no name yet, or no more. */
static void test_without_name(void **state)
{
	struct domain *d = create(3, UUID, NULL);

	(void)state;
	write_web("[guest]\nuuid = " UUID "\n[device]\n");
	none();
	d->name = "web1";
	wanted(3, 0, "");
	d->ended = true;
	none();
}

static void test_rename(void **state)
{
	struct domain *d = create(3, UUID, "web1--incoming");

	(void)state;
	write_web(WEB "[device]\n");
	none();
	d->name = "web1";
	attach(d, wanted(3, 0, ""), "");
	d->name = "web2";
	none();
}

static void test_busy(void **state)
{
	struct guest *g;
	struct slot *slot;

	(void)state;
	create(3, UUID, "web1");
	write_web(WEB "[device]\n");
	slot = wanted(3, 0, "");
	plan_begin(slot, now);
	/* Half of it is there, or it is again gone: it is not over. */
	plug(&domains[0], 0, "");
	none();
	unplug(&domains[0]);
	none();
	assert_string_equal(files_said, "");
	/* The file has gone meanwhile; who ends it still finds it. */
	files_rm("etc/web.conf");
	settings = files_load();
	none();
	g = guest_find(guests, UUID);
	assert_ptr_equal(slot_find(g, 0), slot);
	slot->busy = false;
	none();
	assert_null(g->slots);
}

/* It was to have a device again, and is created anew while that is done. */
static void test_busy_restart(void **state)
{
	struct domain *d = create(3, UUID, "web1");
	struct slot *slot;

	(void)state;
	plug(d, 1, "pages=5\n");
	none();
	d = restart(d, 4, true);
	slot = wanted(4, 1, "pages=5\n");
	plan_begin(slot, now);
	restart(d, 5, false);
	none();
	assert_ptr_equal(slot_find(guests, 1), slot);
	slot->busy = false;
	none();
	assert_null(guests->slots);
}

static void test_back_off(void **state)
{
	static const int64_t delays[] = {
		1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300
	};
	int64_t when;
	struct slot *slot;
	struct guest *g;
	size_t i;

	(void)state;
	create(3, UUID, "web1");
	write_web(WEB "[device]\n");
	for (i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		slot = wanted(3, 0, "");
		plan_begin(slot, now);
		slot->busy = false;
		when = INT64_MAX;
		assert_null(plan_next(guests, settings, now, &g, &when));
		assert_int_equal(when, now + delays[i] * SECOND);
		now = when - 1;
		none();
		now = when;
	}
	/* Another setting is tried at once. */
	slot = wanted(3, 0, "");
	plan_begin(slot, now);
	slot->busy = false;
	none();
	write_web(WEB "[device]\npages = 9\n");
	slot = wanted(3, 0, "pages=9\n");
	plan_begin(slot, now);
	assert_int_equal(slot->delay, MIN_DELAY);
}

/* A guest that reboots all the time costs no more than one that fails. */
static void test_back_off_of_restarts(void **state)
{
	struct domain *d = create(3, UUID, "web1");
	struct slot *slot;
	uint32_t domid;

	(void)state;
	write_web(WEB "[device]\n");
	attach(d, wanted(3, 0, ""), "");
	for (domid = 4; domid < 9; domid++) {
		nr = 0;
		memset(domains, 0, sizeof(domains));
		d = restart(create(domid - 1, UUID, "web1"), domid, true);
		/* Two seconds after the last time are too soon from then on. */
		if (domid > 5)
			none();
		now += 64 * SECOND;
		slot = wanted(domid, 0, "");
		attach(d, slot, "");
		assert_int_equal(slot->delay, SECOND << (domid - 3));
	}
	/* One that has lasted begins anew. */
	now += 2 * MAX_DELAY + 1;
	plan_begin(slot, now);
	assert_int_equal(slot->delay, MIN_DELAY);
	slot->busy = false;
}

static void test_by_hand(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	none();
	plug(d, 2, "pages=5\n");
	d->devices[0].ready = false;
	none();
	assert_string_equal(files_said, "");
	d->devices[0].ready = true;
	none();
	files_assert_said("web1 (" UUID ") device 2: attached by hand\n");
	none();
	assert_string_equal(files_said, "");
	/* As it is now: limits may change. */
	d->devices[0].options = "pages=6\n";
	none();

	d = restart(d, 4, true);
	attach(d, wanted(4, 2, "pages=6\n"), "pages=6\n");
	d = restart(d, 5, true);
	attach(d, wanted(5, 2, "pages=6\n"), "pages=6\n");
	unplug(d);
	none();
	files_assert_said("web1 (" UUID ") device 2: detached by hand\n");
	restart(d, 6, true);
	none();
}

/* Powered off, or destroyed: only what the files say */
static void test_created_anew(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	write_web(WEB "[device]\npages = 9\n");
	attach(d, wanted(3, 0, "pages=9\n"), "pages=9\n");
	plug(d, 1, "pages=1\n");
	none();
	d = restart(d, 4, false);
	attach(d, wanted(4, 0, "pages=9\n"), "pages=9\n");
	none();
}

/* It was alive when it was seen last. */
static void test_destroyed(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	plug(d, 1, "pages=1\n");
	none();
	destroy(d);
	none();
	create(4, UUID, "web1");
	none();
}

/* Who is restarted after long is not restarted by a reboot. */
static void test_late_restart(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	plug(d, 1, "pages=1\n");
	none();
	d->ended = true;
	d->restarts = true;
	none();
	/* For that long Xen takes its memory away. */
	now += 2 * RESTART_TIME;
	none();
	destroy(d);
	now += RESTART_TIME;
	d = create(4, UUID, "web1");
	wanted(4, 1, "pages=1\n");
	d->ended = true;
	d->restarts = true;
	none();
	destroy(d);
	now += RESTART_TIME + 1;
	create(5, UUID, "web1");
	none();
}

/* It was shut down to be saved, and went on. */
static void test_resumed(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	plug(d, 1, "pages=1\n");
	none();
	d->ended = true;
	d->restarts = true;
	none();
	d->ended = false;
	d->restarts = false;
	none();
	destroy(d);
	none();
	create(4, UUID, "web1");
	none();
}

/* A guest that ends takes its nodes along; nobody has detached it. */
static void test_end_is_no_detach(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	plug(d, 1, "pages=1\n");
	none();
	d->ended = true;
	d->restarts = true;
	unplug(d);
	none();
	assert_string_equal(files_said, "");
	d->name = NULL;
	none();
	assert_string_equal(files_said, "");
}

static void test_detached_stays_detached(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	write_web(WEB "[device]\npages = 9\n");
	attach(d, wanted(3, 0, "pages=9\n"), "pages=9\n");
	unplug(d);
	none();
	now += 1000 * SECOND;
	none();
	/* Over a reboot, too */
	d = restart(d, 4, true);
	none();
	/* Until the file changes */
	write_web(WEB "[device]\npages = 8\n");
	attach(d, wanted(4, 0, "pages=8\n"), "pages=8\n");
	unplug(d);
	none();
	/* or goes and comes again */
	files_rm("etc/web.conf");
	settings = files_load();
	none();
	write_web(WEB "[device]\npages = 8\n");
	attach(d, wanted(4, 0, "pages=8\n"), "pages=8\n");
	unplug(d);
	none();
	/* or the guest is created anew */
	restart(d, 5, false);
	wanted(5, 0, "pages=8\n");
}

/* A file that changes while its device is attached counts from then on. */
static void test_changed_file(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	write_web(WEB "[device]\npages = 9\n");
	attach(d, wanted(3, 0, "pages=9\n"), "pages=9\n");
	write_web(WEB "[device]\npages = 8\n");
	none();
	d = restart(d, 4, true);
	attach(d, wanted(4, 0, "pages=8\n"), "pages=8\n");
	/* Like what is in xl's file, it is there until the guest is anew. */
	files_rm("etc/web.conf");
	settings = files_load();
	none();
	d = restart(d, 5, true);
	attach(d, wanted(5, 0, "pages=8\n"), "pages=8\n");
	restart(d, 6, false);
	none();
}

/* Nothing is taken by a broken file, and nothing given. */
static void test_broken_file(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	files_write("etc/all.conf", "[guest]\nname=*\n[device]\npages=7\n");
	write_web(WEB "[device]\npages = 9\n");
	attach(d, wanted(3, 0, "pages=9\n"), "pages=9\n");
	write_web(WEB "[device]\npages = 9k\n[device]\n");
	none();
	d = restart(d, 4, true);
	attach(d, wanted(4, 0, "pages=9\n"), "pages=9\n");
	d = restart(d, 5, false);
	none();
	write_web(WEB "[device]\npages = 9\n");
	wanted(5, 0, "pages=9\n");
	/* Without its limits nobody gets anything. */
	files_write("xenib.conf", "[defaults]\npages = 1k\n");
	settings = files_load();
	assert_true(settings->broken);
	none();
}

/* One guest is moved to where it runs: the new one waits for the old. */
static void test_two_of_one_uuid(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	write_web("[guest]\nuuid = " UUID "\n[device]\n");
	attach(d, wanted(3, 0, ""), "");
	create(4, UUID, "web1--incoming");
	now += SECOND;
	none();
	d->ended = true;
	wanted(4, 0, "");
	destroy(d);
	wanted(4, 0, "");
}

static void test_forget(void **state)
{
	struct domain *d = create(3, UUID, "web1");
	int64_t when = INT64_MAX;
	struct slot *slot;
	struct guest *g;

	(void)state;
	write_web(WEB "[device]\n");
	slot = wanted(3, 0, "");
	plan_begin(slot, now);
	destroy(d);
	update();
	now += RESTART_TIME;
	assert_null(plan_next(guests, settings, now, &g, &when));
	assert_int_equal(when, now + 1);
	assert_null(plan_forget(guests, now));
	now++;
	assert_null(plan_forget(guests, now));
	slot->busy = false;
	g = plan_forget(guests, now);
	assert_ptr_equal(g, guests);
	guest_remove(&guests, g);
	assert_null(guests);
}

static void test_pages(void **state)
{
	struct domain *d = create(3, UUID, "web1");
	struct slot *slot;

	(void)state;
	assert_int_equal(options_pages("", ""), 65536);
	assert_int_equal(options_pages("cqs=1\n", "pages=7\n"), 7);
	assert_int_equal(options_pages("pages=8\n", "pages=7\n"), 8);
	plug(d, 1, "pages=5\n");
	write_web(WEB "[device]\npages = 9\n");
	slot = wanted(3, 0, "pages=9\n");
	assert_int_equal(plan_pages(guests, ""), 5);
	slot->busy = true;
	assert_int_equal(plan_pages(guests, ""), 14);
	slot->busy = false;
	attach(d, slot, "cqs=1\n");
	assert_int_equal(plan_pages(guests, "pages=20\n"), 25);
	/* What is to be counts when the file changes no more than before. */
	write_web(WEB "[device]\npages = 1\n");
	none();
	assert_int_equal(plan_pages(guests, "pages=20\n"), 25);
	destroy(d);
	none();
	assert_int_equal(plan_pages(guests, ""), 0);
}

static void reload(void)
{
	char *dir = files_path("devices");

	files_hush();
	state_save(guests, dir);
	forget();
	state_load(&guests, dir);
	files_heard();
	assert_string_equal(files_said, "");
	free(dir);
}

/* The daemon is started anew, at any time. */
static void test_state(void **state)
{
	struct domain *d = create(3, UUID, "web1");

	(void)state;
	write_web(WEB "[device]\npages = 9\n[device]\n");
	plug(d, 0, "guid=1=sm\nguid=2=sm\npages=9\n");
	plug(d, 1, "");
	none();
	reload();
	d->nr_devices = 1;
	none();
	files_assert_said("device 1: detached by hand");
	reload();
	none();
	assert_string_equal(files_said, "");

	d->ended = true;
	d->restarts = true;
	unplug(d);
	none();
	reload();
	none();
	files_rm("etc/web.conf");
	settings = files_load();
	destroy(d);
	none();
	reload();
	d = create(4, UUID, "web1");
	wanted(4, 0, "guid=1=sm\nguid=2=sm\npages=9\n");
	reload();
	attach(d, wanted(4, 0, "guid=1=sm\nguid=2=sm\npages=9\n"), "");

	/* What it has not seen is no reboot. */
	reload();
	destroy(d);
	create(5, UUID, "web1");
	none();
}

static void test_state_files(void **state)
{
	char *dir = files_path("devices"), *path;

	(void)state;
	create(3, UUID, "web1");
	plug(&domains[0], 1, "pages=5\n");
	none();
	files_hush();
	state_save(guests, dir);
	/* It is not written again unless something changes. */
	files_rm("devices/" UUID);
	now += SECOND;
	plan_update(&guests, domains, nr, settings, now);
	state_save(guests, dir);
	files_heard();
	path = files_path("devices/" UUID);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	forget();

	files_write("devices/" UUID, "[guest]\ndomid = x\n");
	files_write("devices/" OTHER, "[device]\nkept = x\n");
	files_write("devices/" OTHER ".new", "[guest]\n");
	files_hush();
	state_load(&guests, dir);
	files_heard();
	assert_null(guests);
	files_assert_said(UUID ":2: \"x\" is no number");
	files_assert_said(OTHER ":2: \"x\" is no option");

	files_write("devices/" UUID, "[guest]\ndomid = 3\n");
	files_hush();
	state_load(&guests, dir);
	files_heard();
	assert_true(guests->lives);
	files_hush();
	state_remove(guests, dir);
	forget();
	state_load(&guests, dir);
	files_heard();
	assert_null(guests);
	free(dir);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(file),
		TEST(two_devices),
		TEST(without_name),
		TEST(rename),
		TEST(busy),
		TEST(busy_restart),
		TEST(back_off),
		TEST(back_off_of_restarts),
		TEST(by_hand),
		TEST(created_anew),
		TEST(destroyed),
		TEST(late_restart),
		TEST(resumed),
		TEST(end_is_no_detach),
		TEST(detached_stays_detached),
		TEST(changed_file),
		TEST(broken_file),
		TEST(two_of_one_uuid),
		TEST(forget),
		TEST(pages),
		TEST(state),
		TEST(state_files),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
