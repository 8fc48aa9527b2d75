// SPDX-License-Identifier: GPL-2.0-only
/* ends.c - see ends.h */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/interface/io/vibif.h>
#include <xenctrl.h>

#include "ends.h"
#include "fake.h"

int ends_remnants;
enum backend ends_backend;
enum guest ends_guest;

/* The paths of a device, and its states, 0: none */
struct ends {
	char be[64];
	char fe[64];
	char device[64];
	char bus[64];
	int domid;
	int devid;
	int be_state;
	int fe_state;
};

static int state(const char *dir)
{
	char path[80];
	const char *value;

	snprintf(path, sizeof(path), "%s/" VIBIF_FIELD_STATE, dir);
	value = fake_get(path);
	return value ? atoi(value) : 0;
}

static void set(const char *dir, const char *node, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", dir, node);
	fake_set(path, value);
}

static int alive(const struct ends *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%d", e->domid);
	return !!fake_get(path);
}

static int online(const struct ends *e)
{
	char path[80];
	const char *value;

	snprintf(path, sizeof(path), "%s/" VIBIF_FIELD_ONLINE, e->be);
	value = fake_get(path);
	return value && !strcmp(value, "1");
}

/* Some of what the backend enforces: what was asked for, or its default. */
static void write_quotas(const struct ends *e)
{
	static const struct {
		const char *node;
		const char *counter;
		unsigned int value;
	} defaults[] = {
		{ VIBIF_FIELD_QUOTA(cqs), "cqs_max", VIBIF_DEFAULT_CQ },
		{ VIBIF_FIELD_QUOTA(qps), "qps_max", VIBIF_DEFAULT_QP },
		{ VIBIF_FIELD_QUOTA(srqs), "srqs_max", VIBIF_DEFAULT_SRQ },
	};
	char path[96], value[16];
	size_t i;

	for (i = 0; i < 3; i++) {
		const char *set;

		snprintf(path, sizeof(path), "%s/%s", e->be,
			 defaults[i].node);
		set = fake_get(path);
		snprintf(path, sizeof(path), "%s/statistics/%s", e->bus,
			 defaults[i].counter);
		snprintf(value, sizeof(value), "%u", defaults[i].value);
		fake_file(path, set ? set : value);
	}
}

static struct ends late;

static void write_late_quotas(void)
{
	write_quotas(&late);
}

static void probe(const struct ends *e)
{
	char path[96], value[64];
	int i;

	if (ends_backend == BACKEND_SILENT)
		return;
	/* As Linux does before it probes a driver */
	if (!fake_get(e->fe)) {
		fprintf(stderr, "no frontend directory\n");
		abort();
	}
	fake_file(e->device, "");
	snprintf(path, sizeof(path), "%s/driver", e->bus);
	fake_file(path, "");
	if (ends_backend == BACKEND_REFUSES ||
	    ends_backend == BACKEND_FORBIDS) {
		snprintf(path, sizeof(path), "/local/domain/0/error/%s/error",
			 strstr(e->be, "backend"));
		fake_set(path, ends_backend == BACKEND_FORBIDS ? "13 no" :
			 "12 no doorbell pages\n\x9bleft");
	}
	if (ends_backend == BACKEND_REFUSES ||
	    ends_backend == BACKEND_FORBIDS || ends_backend == BACKEND_CLOSES) {
		set(e->be, VIBIF_FIELD_STATE, "5");
		return;
	}
	set(e->be, VIBIF_FIELD_HCA, "mlx4_0");
	snprintf(path, sizeof(path), "%s/" VIBIF_FIELD_HCA_GUID, e->be);
	if (!fake_get(path))
		fake_set(path, "0002:c903:0012:3456");
	set(e->be, VIBIF_FIELD_UAR_COUNT, "2");
	for (i = 0; i < ENDS_UARS; i++) {
		int uar = 8 + ENDS_UARS * e->devid + i;

		snprintf(path, sizeof(path), VIBIF_FIELD_UAR "%d", i);
		snprintf(value, sizeof(value), "%d %#x %#x", 1024 + uar,
			 0xfe400 + uar, 0xfe800 + uar);
		if (i && ends_backend == BACKEND_GARBLED)
			strcpy(value, "0xfe409");
		set(e->be, path, value);
	}
	if (ends_backend != BACKEND_LATE) {
		write_quotas(e);
	} else {
		late = *e;
		fake_slept = write_late_quotas;
	}
	set(e->be, VIBIF_FIELD_VERSIONS, VIBIF_PROTOCOL_VERSION);
	set(e->be, VIBIF_FIELD_STATE, "2");
}

static void unregister(const struct ends *e)
{
	if (ends_backend == BACKEND_HOLDS)
		return;
	fake_unlink(e->bus);
	fake_unlink(e->device);
}

/*
 * No toolstack knows the class: the backend removes nodes of the dead. A guest
 * that lives still has the doorbell pages.
 */
static void frontend_gone(const struct ends *e)
{
	char parent[64], error[96];

	if (alive(e)) {
		if (e->be_state == 6)
			return;
		snprintf(error, sizeof(error), "/local/domain/0/error/%s/error",
			 strstr(e->be, "backend"));
		fake_set(error, "19 the guest has removed its side; detach it");
		set(e->be, VIBIF_FIELD_STATE, "6");
		return;
	}
	snprintf(parent, sizeof(parent), "%s", e->be);
	fake_rm(e->be);
	*strrchr(parent, '/') = 0;
	if (fake_childless(parent))
		fake_rm(parent);
	unregister(e);
}

static void run_backend(const struct ends *e)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/frontend-id", e->be);
	if (fake_get(e->be) && !fake_get(path))
		ends_remnants++;
	if (ends_backend == BACKEND_GOOD && e->be_state == 4)
		write_quotas(e);
	if (!e->be_state)
		unregister(e);
	else if (e->be_state == 1)
		probe(e);
	else if (ends_backend == BACKEND_SILENT)
		return;
	else if (!fake_get(e->fe))
		frontend_gone(e);
	else if (e->be_state == 2 && e->fe_state == 3)
		set(e->be, VIBIF_FIELD_STATE, "4");
	else if (!online(e) && e->be_state != 6 &&
		 (e->fe_state < 2 || e->fe_state == 6))
		set(e->be, VIBIF_FIELD_STATE, "6");
}

static void run_guest(const struct ends *e)
{
	if (ends_guest == GUEST_NONE || !e->fe_state)
		return;
	if (e->fe_state == 1 && e->be_state == 2)
		set(e->fe, VIBIF_FIELD_STATE,
		    ends_guest == GUEST_CLOSES ? "5" : "3");
	else if (e->fe_state == 3 && e->be_state == 4)
		set(e->fe, VIBIF_FIELD_STATE, "4");
	else if (e->fe_state == 4 && e->be_state == 5 &&
		 ends_guest == GUEST_GOOD)
		set(e->fe, VIBIF_FIELD_STATE, "6");
}

static void run_device(int domid, int devid)
{
	struct ends e;

	snprintf(e.be, sizeof(e.be), "/local/domain/0/backend/vib/%d/%d",
		 domid, devid);
	snprintf(e.fe, sizeof(e.fe), "/local/domain/%d/device/vib/%d", domid,
		 devid);
	snprintf(e.bus, sizeof(e.bus), "bus/xen-backend/devices/vib-%d-%d",
		 domid, devid);
	snprintf(e.device, sizeof(e.device), "devices/vib-%d-%d", domid, devid);
	e.domid = domid;
	e.devid = devid;
	e.be_state = state(e.be);
	e.fe_state = state(e.fe);
	run_backend(&e);
	e.be_state = state(e.be);
	run_guest(&e);
}

static void run_all(void)
{
	int domid, devid;

	for (domid = 3; domid <= 4; domid++)
		for (devid = 0; devid <= 1; devid++)
			run_device(domid, devid);
}

void ends_reset(void)
{
	fake_reset();
	ends_remnants = 0;
	ends_backend = BACKEND_GOOD;
	ends_guest = GUEST_GOOD;
	fake_domain(3, "pv", 0, 1 << 17);
	fake_domain(4, "pvh", XEN_DOMINF_hvm_guest, 1 << 17);
	fake_set("/local/domain/0/backend/vib", "");
	fake_set("/local/domain/0/error/backend/vib", "");
	fake_set("/local/domain/3/device", "");
	fake_set("/local/domain/4/device", "");
	fake_hook = run_all;
}
