/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * xenib.h - libxenib: give InfiniBand devices to guests, from the domain that
 * owns the HCA (dom0).
 *
 * A device is named by its guest's domain id and a device id, a small number
 * that the caller chooses. It lives in xenstore, as described in
 * xen/interface/io/vibif.h; the library keeps no state of its own, so any
 * process may list or detach what another has attached.
 *
 * Errors: functions that return int return 0, or -1 with errno set; functions
 * that return a pointer return NULL with errno set. xenib_error() then has a
 * message for people, which names the thing that is wrong.
 *
 * Threads: a handle serves one thread at a time. After fork() only the parent
 * may use a handle that was open before.
 */
#ifndef XENIB_H
#define XENIB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xenib;

/**
 * xenib_open - connect to xenstore and the hypervisor
 * @flags: none is defined; must be 0
 *
 * Returns a handle, to be closed with xenib_close().
 * EINVAL: unknown flags. EACCES, EPERM: not privileged. ENOENT: not a Xen
 * domain, or xenstored or the privcmd driver is missing. ENOMEM.
 */
struct xenib *xenib_open(unsigned int flags);

/** xenib_close - release a handle; NULL is allowed. Preserves errno. */
void xenib_close(struct xenib *xn);

/**
 * xenib_error - what the last failure on this handle was
 *
 * Returns a line without newline, never NULL, valid until the next call on
 * the handle; it belongs to the handle.
 */
const char *xenib_error(const struct xenib *xn);

/**
 * xenib_warning - what the last xenib_attach() or xenib_limit() on this handle
 * has to say
 *
 * For people, about what it did all the same. Returns a line without newline,
 * empty when there is nothing to say, never NULL, valid until the next call on
 * the handle; it belongs to the handle.
 */
const char *xenib_warning(const struct xenib *xn);

/**
 * xenib_domain - find a domain
 * @domain: name or decimal id
 * @domid: set to its id
 *
 * A number is always an id, and it need not belong to a running domain: what
 * a domain has left behind can be listed and detached when it is gone.
 * ENOENT: no domain has this name.
 */
int xenib_domain(struct xenib *xn, const char *domain, uint32_t *domid);

/** What a guest may hold at once; the objects are those of the protocol. */
enum xenib_quota {
	XENIB_QUOTA_CONTEXT,	/* processes; doorbell pages reserved */
	XENIB_QUOTA_PD,
	XENIB_QUOTA_MR,
	XENIB_QUOTA_PAGE,	/* of 4096 octets, registered and in queues */
	XENIB_QUOTA_CQ,
	XENIB_QUOTA_QP,
	XENIB_QUOTA_SRQ,
	XENIB_QUOTA_MCAST,	/* multicast attachments */
	XENIB_QUOTA_MW,
	XENIB_QUOTA_XRCD,
	XENIB_NR_QUOTAS
};

/**
 * xenib_quota_name - "contexts", "pds" and so on
 *
 * Returns a string that needs no free, NULL from XENIB_NR_QUOTAS on.
 */
const char *xenib_quota_name(unsigned int quota);

/** Where the GUID of a device or of the GID of a port of it comes from. */
enum xenib_guid_from {
	XENIB_GUID_AUTO,	/* default: from the UUID, stays the same */
	XENIB_GUID_SM,		/* the subnet manager; not for a device */
	XENIB_GUID_GIVEN,	/* the caller */
	XENIB_GUID_SHARED,	/* that of the HCA, or of its port */
};

struct xenib_guid {
	enum xenib_guid_from from;
	uint64_t guid;		/* with XENIB_GUID_GIVEN */
};

#define XENIB_MAX_PORTS		2
#define XENIB_MAX_PKEYS		128
#define XENIB_MAX_IPS		7

/**
 * struct xenib_attach_port - a port of the device to be
 * @guid: of its GID, which has to be the only one of its kind in the subnet; if
 *	the subnet manager does not give it, it may choose another, and if it
 *	gives none the guest has the GID of the HCA's port
 * @pkey: the P_Keys that the guest may use, not 0 in the lower 15 bits,
 * @nr_pkeys: 0: all that the HCA's port has
 */
struct xenib_attach_port {
	struct xenib_guid guid;
	uint16_t pkey[XENIB_MAX_PKEYS];
	unsigned int nr_pkeys;
};

#define XENIB_MAX_CONTEXTS	256
#define XENIB_MAX_QUOTA		(1U << 26)	/* of anything else */
#define XENIB_MAX_MAD_RATE	1000000
#define XENIB_MAX_DEVID		255
#define XENIB_DEFAULT_TIMEOUT	30000	/* milliseconds */

/**
 * struct xenib_attach_args - the device to be
 * @domid: of a running guest, not 0
 * @uuid: that it has to have, as struct xenib_device tells it, also without
 *	the hyphens; NULL: any. A domain id may go to another guest at any
 *	moment, and a UUID may not.
 * @devid: 0 .. XENIB_MAX_DEVID
 * @hca: of this domain: the name of the RDMA device, or "guid:" and its node
 *	GUID, or "pci:" and its address there ("mlx4_0",
 *	"guid:0002:c903:0012:3456", "pci:0000:03:00.0"). What it means is found
 *	out now: a name may change. NULL: the first that the backend can use
 * @quota: by enum xenib_quota; 0: the backend's default.
 *	XENIB_QUOTA_CONTEXT is limited to XENIB_MAX_CONTEXTS, all others to
 *	XENIB_MAX_QUOTA.
 * @mad_rate: management datagrams a second that are taken from the guest, for
 *	some time, at most XENIB_MAX_MAD_RATE; 0: the backend's default
 * @no_mad_pm: nonzero: the guest may not read performance counters of ports
 * @timeout_ms: how long to wait for the backend, and then again for the guest;
 *	also how long to try each update of xenstore that others interfere with
 * @wait: nonzero: return when the guest's driver has connected
 * @node_guid: of the device
 * @port: of port i + 1; what the HCA has not is ignored
 * @ip: IPv6 addresses, in the network's order, those of IPv4 as
 *	::ffff:a.b.c.d. The guest can be called by these, at each port, and be
 *	known by no others to who it calls. Groups and 0 are none.
 * @nr_ips: 0: the guest has those of its network interfaces, of which nobody
 *	else has said before that he has them
 */
struct xenib_attach_args {
	uint32_t domid;
	const char *uuid;
	uint32_t devid;
	const char *hca;
	uint32_t quota[XENIB_NR_QUOTAS];
	uint32_t mad_rate;
	int no_mad_pm;
	unsigned int timeout_ms;
	int wait;
	struct xenib_guid node_guid;
	struct xenib_attach_port port[XENIB_MAX_PORTS];
	uint8_t ip[XENIB_MAX_IPS][16];
	unsigned int nr_ips;
};

/**
 * xenib_attach - give a guest a device
 *
 * Creates the backend's nodes, waits until the backend has reserved doorbell
 * pages, opens these to the guest and creates the frontend's nodes. What
 * domains that no longer exist have left behind in xenstore is removed on the
 * way.
 * On failure nothing stays attached. On success, xenib_warning() tells when the
 * guests of the HCA may hold more than is good for it.
 *
 * EINVAL: an argument out of range. ESRCH: no such domain, or it is dying, or
 * has another UUID.
 * ENXIO: the backend driver is not loaded. ENODEV: no HCA, or not this one, or
 * one with a port that is not InfiniBand.
 * EEXIST: the guest has a device of this id. ETIMEDOUT: no answer, or others
 * write to the nodes all the time. What the backend or
 * guest reported, else EPROTO; what xenstore or the hypervisor reported.
 */
int xenib_attach(struct xenib *xn, const struct xenib_attach_args *args);

/** Go on when the guest or the backend does not answer in time. */
#define XENIB_DETACH_FORCE	(1U << 0)

/**
 * xenib_detach - take a device from a guest
 * @flags: XENIB_DETACH_*
 * @timeout_ms: how long to wait for the guest, and then again for the backend;
 *	also how long to try each update of xenstore that others interfere with
 *
 * Asks both ends to close, closes the doorbell pages to the guest and removes
 * the device's nodes. Also removes what an interrupted attach or detach, or a
 * domain that is gone, has left. After a failure it may be called again.
 *
 * EINVAL: unknown flags. ENOENT: not attached. ENXIO: the backend driver does
 * not serve the device, and could not release its doorbell pages. ETIMEDOUT:
 * the guest or the backend did not close, or others write to the nodes all the
 * time; the device stays, closing. What xenstore or the hypervisor reported.
 */
int xenib_detach(struct xenib *xn, uint32_t domid, uint32_t devid,
		 unsigned int flags, unsigned int timeout_ms);

/**
 * xenib_limit - change the quotas of a device that is attached
 * @quota: by enum xenib_quota; 0: stays as it is. XENIB_QUOTA_CONTEXT cannot
 *	change
 * @timeout_ms: how long to wait for the backend; also how long to try the
 *	update of xenstore
 *
 * A guest that holds more than a smaller quota keeps it, and gets no more.
 * xenib_warning() tells the same as after xenib_attach(). When the backend
 * driver does not serve the device, the quotas count when it does again.
 *
 * EINVAL: a quota out of range, or XENIB_QUOTA_CONTEXT. ENOENT: not attached.
 * ETIMEDOUT: the backend did not take them. What xenstore reported.
 */
int xenib_limit(struct xenib *xn, uint32_t domid, uint32_t devid,
		const uint32_t *quota, unsigned int timeout_ms);

/** A doorbell page that is reserved for a guest. */
struct xenib_uar {
	uint32_t index;		/* the HCA's number of it */
	uint64_t frame;		/* machine frame */
	uint64_t bf_frame;	/* machine frame of its BlueFlame page, or 0 */
};

/** A number with a name: a quota, or a counter of the backend. */
struct xenib_value {
	char *name;
	uint64_t value;
};

/**
 * struct xenib_port - a port of an attached device
 * @guid: what was asked for in its GID; NULL: the port's own, "0000:...": what
 *	the subnet manager chooses
 * @gid: its GID; NULL: the HCA has no such port, or the device has none
 * @gid_state: how it came by that: "alias" and so on, see vibif.h; NULL too
 * @pkeys: the P_Keys that it may use; NULL: all that the HCA's port has
 */
struct xenib_port {
	char *guid;
	char *gid;
	char *gid_state;
	char *pkeys;
};

/**
 * struct xenib_device - an attached device
 * @domid, @devid: its name
 * @domain: name of the guest; NULL: it has none, or is gone
 * @uuid: of the guest, as the hypervisor has it, in groups of 8, 4, 4, 4 and 12
 *	hexadecimal digits with hyphens between; NULL: it is gone, or dying
 * @hca: the present name of its RDMA device; NULL: the backend has found none
 * @hca_guid: node GUID of the HCA; NULL: nor was one named
 * @backend_state, @frontend_state: see xenib_state_name()
 * @error: what the backend last complained of; NULL: nothing
 * @uars, @nr_uars: its doorbell pages
 * @uar_gfn_base: guest frame of the first; 0: a PV guest, which uses machine
 *	frames
 * @quotas, @nr_quotas: named by xenib_quota_name(); all that the backend
 *	enforces, or when it does not serve the device, those that were set
 * @counters, @nr_counters: the backend's statistics, sorted by name. One that
 *	is named as a quota tells how much of it is in use.
 * @node_guid: of the device; NULL: the HCA's
 * @port: its ports from 1 on
 * @ips: the IP addresses that it was given; NULL: none
 * @mad_rate, @no_mad_pm: as they were given to xenib_attach()
 */
struct xenib_device {
	uint32_t domid;
	uint32_t devid;
	char *domain;
	char *uuid;
	char *hca;
	char *hca_guid;
	unsigned int backend_state;
	unsigned int frontend_state;
	char *error;
	struct xenib_uar *uars;
	size_t nr_uars;
	uint64_t uar_gfn_base;
	struct xenib_value *quotas;
	size_t nr_quotas;
	struct xenib_value *counters;
	size_t nr_counters;
	char *node_guid;
	struct xenib_port port[XENIB_MAX_PORTS];
	char *ips;
	uint32_t mad_rate;
	int no_mad_pm;
};

#define XENIB_ALL_DOMAINS	UINT32_MAX

/**
 * xenib_list - the attached devices
 * @domid: of one guest, or XENIB_ALL_DOMAINS
 * @devices, @nr: set to an array by domain and device id, to be released with
 *	xenib_list_free(); untouched on failure
 *
 * ESRCH: there is no such domain, nor has it left anything behind.
 */
int xenib_list(struct xenib *xn, uint32_t domid,
	       struct xenib_device **devices, size_t *nr);

/** xenib_list_free - release what xenib_list() returned; NULL is allowed. */
void xenib_list_free(struct xenib_device *devices, size_t nr);

/**
 * xenib_totals - the backend's counters over all guests
 * @totals, @nr: set to an array sorted by name, to be released with
 *	xenib_totals_free(); untouched on failure
 *
 * ENXIO: the backend driver is not loaded.
 */
int xenib_totals(struct xenib *xn, struct xenib_value **totals, size_t *nr);

/** xenib_totals_free - release what xenib_totals() returned; NULL will do. */
void xenib_totals_free(struct xenib_value *totals, size_t nr);

/**
 * xenib_state_name - a xenbus state in words: "InitWait", "Connected" ...
 *
 * Returns a string that needs no free; "Unknown" for 0 and what is no state.
 */
const char *xenib_state_name(unsigned int state);

#ifdef __cplusplus
}
#endif

#endif /* XENIB_H */
