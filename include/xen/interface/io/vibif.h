/* SPDX-License-Identifier: MIT */
/*
 * vibif.h - virtual InfiniBand HCA: the protocol between the frontend in a
 * guest and the backend in the domain that owns the HCA.
 *
 * This header is the specification: either end can be written from it. Terms
 * are those of the InfiniBand Architecture Specification, volume 1 ("IBTA"),
 * and an octet has 8 bits.
 *
 * The protocol is little-endian and both ends run on x86 only. No field is
 * ever swapped: a machine of the other byte order must not compile this.
 */

#ifndef __XEN_PUBLIC_IO_VIBIF_H__
#define __XEN_PUBLIC_IO_VIBIF_H__

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <xen/interface/io/ring.h>
#else
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "vibif is little-endian, and its structures are used as they are"
#endif

/*
 * Protocol version
 * ================
 *
 * The backend lists the versions that it speaks in "versions". The frontend
 * picks one that it speaks, too, and writes it to "version". If they share
 * none, whichever end notices closes the device with an error.
 */
#define VIBIF_PROTOCOL_VERSION			"1"
#define VIBIF_PROTOCOL_VERSION_INT		1

/*
 * Purpose
 * =======
 *
 * The frontend forwards the privileged verbs: those that create, change, query
 * or destroy an object of the HCA. Posting work, ringing doorbells and polling
 * for completions never appear here. The guest's processes do these on a
 * doorbell page (UAR) of their own, and on queues in their own memory, which
 * the HCA reaches by DMA.
 *
 * Four channels connect the two ends:
 *  - the request ring, with its event channel;
 *  - the event area: shared pages in which the backend sets bits for completion
 *    and asynchronous events, with an event channel of its own;
 *  - the MAD area, if the frontend has one: shared pages for the management
 *    datagrams that the guest sends and receives, with an event channel of its
 *    own;
 *  - frames of I/O memory that the toolstack has opened to the guest.
 *
 * QPN, CQN, SRQN, PDN, lkey, rkey and the UAR index are the HCA's own numbers,
 * because user space puts them into work requests and doorbells. Requests name
 * objects by handles, which the backend chooses.
 *
 * Notification
 * ============
 *
 * Both directions of the ring use the hold-off mechanism of ring.h (req_event,
 * rsp_event): an end notifies the ring's event channel when
 * RING_PUSH_*_AND_CHECK_NOTIFY says so. The event area and the MAD area have
 * rules of their own, which stand with their layouts below. The frontend never
 * notifies the event area's channel.
 *
 * Example
 * =======
 *
 * Backend, /local/domain/0/backend/vib/3/0/
 *	frontend		= "/local/domain/3/device/vib/0"
 *	frontend-id		= "3"
 *	online			= "1"
 *	state			= "4"
 *	max-contexts		= "16"
 *	hca			= "mlx4_0"
 *	hca-guid		= "0002:c903:0012:3456"
 *	hca-instance		= "4711"
 *	versions		= "1"
 *	max-ring-page-order	= "4"
 *	max-event-page-order	= "4"
 *	max-mad-page-order	= "4"
 *	feature-resize-cq	= "1"
 *	feature-rereg-mr	= "1"
 *	feature-xrc		= "1"
 *	feature-mw		= "1"
 *	feature-mr-share	= "1"
 *	feature-mad		= "1"
 *	uar-count		= "16"
 *	uar-0			= "1032 0xfe408 0xfe808"
 *	uar-1			= "1033 0xfe409 0xfe809"
 *	...
 *	uar-15			= "1047 0xfe417 0xfe817"
 *
 * Frontend, /local/domain/3/device/vib/0/
 *	backend			= "/local/domain/0/backend/vib/3/0"
 *	backend-id		= "0"
 *	state			= "4"
 *	version			= "1"
 *	req-ring-page-order	= "0"
 *	req-ring-ref0		= "8"
 *	req-event-channel	= "9"
 *	evt-page-order		= "1"
 *	evt-page-ref0		= "10"
 *	evt-page-ref1		= "11"
 *	evt-event-channel	= "10"
 *	mad-page-order		= "3"
 *	mad-page-ref0		= "12"
 *	mad-page-ref1		= "13"
 *	...
 *	mad-page-ref7		= "19"
 *	mad-event-channel	= "11"
 *
 * Error, /local/domain/0/error/backend/vib/3/0/, when the backend has failed
 *	error			= "19 HCA has been removed"
 *
 * Backend nodes
 * =============
 *
 * Numbers are decimal unless said otherwise. frontend, frontend-id, online and
 * state are those of every xenbus device.
 *
 * Nodes of the toolstack, valid from state Initialising on
 * --------------------------------------------------------
 *
 * hca-guid
 *	Values:		<string>, the HCA's node GUID, "%04x:%04x:%04x:%04x"
 *	Default Value:	that of the first HCA that the backend can use; it
 *			writes its choice here
 *
 *	Names the HCA for as long as the device is attached. A name would not
 *	do: udev renames RDMA devices, and one that restarts comes back under
 *	its first name.
 *
 * max-contexts, max-pds, max-mrs, max-pages, max-cqs, max-qps, max-srqs,
 * max-mcast, max-mws, max-xrcds
 *	Values:		<uint32_t>
 *			max-contexts: 1 .. VIBIF_MAX_CONTEXTS
 *			others: 0 .. VIBIF_MAX_QUOTA
 *	Default Value:	see VIBIF_QUOTAS
 *
 *	Quotas: how many the guest may hold at once. The backend takes the
 *	nearest value for one that is out of range. A request beyond its quota
 *	fails with -XEN_ENOMEM. max-pages counts pages in memory regions and
 *	queues, and one more for each doorbell record. max-mcast counts pairs
 *	of a multicast group and a queue pair that is attached to it, and
 *	memberships of groups.
 *
 *	The backend reserves as many UARs for each of max-contexts as a
 *	context of the HCA has, VIBIF_MAX_UARS at most. The others may be
 *	changed at any time; what the guest holds beyond a smaller one it
 *	keeps.
 *
 * node-guid
 *	Values:		<string>, a GUID, "%04x:%04x:%04x:%04x"
 *	Default Value:	the HCA's
 *
 *	The node GUID of the guest's device.
 *
 * guid-<p>, p = 1 .. phys_port_cnt
 *	Values:		<string>, a GUID, "%04x:%04x:%04x:%04x"
 *	Default Value:	absent
 *
 *	The GUID in the GID of the guest's port p, which the subnet manager is
 *	asked for as an alias of the HCA's port. 0: it may choose. It also may
 *	if it does not give this one. Absent, or if it gives none: the guest
 *	has the GID of the HCA's port, which all such guests share.
 *
 * pkeys-<p>, p = 1 .. phys_port_cnt
 *	Values:		<string>, 1 .. VIBIF_MAX_PKEYS numbers with commas
 *			between, each "0x%04x", and not 0 in bits 14:0
 *	Default Value:	the table that the HCA's port has
 *
 *	The P_Key table of the guest's port p. An entry reads as 0 while the
 *	HCA's port does not have that P_Key with that membership.
 *
 * ips
 *	Values:		<string>, 1 .. VIBIF_MAX_ADDRS addresses with commas
 *			between, as "10.0.0.1" and "fd00::1"
 *	Default Value:	those that the frontend says, see VIBIF_OP_SET_ADDRS
 *
 *	The IP addresses of the guest, at each port. Who else has said that he
 *	has one loses it, and the guest can have no others: requests for those
 *	are not for it, and its own do not come from them. If two guests are
 *	given the same it is the first one's.
 *
 * mad-rate
 *	Values:		<uint32_t>, 1 .. VIBIF_MAX_MAD_RATE
 *	Default Value:	VIBIF_DEFAULT_MAD_RATE
 *
 *	How many MADs a second the backend takes from the guest, for some time.
 *	VIBIF_MAD_BURST may come at once. More wait in the guest. The backend
 *	takes the nearest value for one that is out of range.
 *
 * mad-pm
 *	Values:		0, 1
 *	Default Value:	1
 *
 *	The guest may read performance counters, its port's and others'.
 *
 * Nodes of the toolstack, valid from the frontend's state Initialising on
 * ------------------------------------------------------------------------
 *
 * The toolstack writes these after the backend has reached InitWait.
 *
 * uar-gfn-base
 *	Values:		<uint64_t>
 *	Default Value:	absent
 *
 *	For an auto-translated guest (PVH, HVM): the guest frame at which UAR 0
 *	is mapped. UAR i is at uar-gfn-base + VIBIF_FRAMES_PER_UAR * i and its
 *	BlueFlame page in the frame after. Absent for a PV guest, which uses
 *	machine frames.
 *
 * Nodes of the backend, valid from state InitWait on
 * --------------------------------------------------
 *
 * hca
 *	Values:		<string>, the HCA's RDMA device name in the backend's
 *			domain
 *
 *	For people. Written anew when the device is connected to the HCA again.
 *
 * gid-state-<p>, p = 1 .. phys_port_cnt
 *	Values:		shared, pending, alias, assigned, refused, unanswered,
 *			no-index
 *
 *	How the guest's port p came by its GID: the port's was wanted; it is
 *	being asked for; its own, as wanted; its own, the subnet manager's
 *	choice; or the port's, because the subnet manager gives none, does not
 *	answer, or the HCA's table is full. For people. A port that is pending
 *	is no more than Init for the guest.
 *
 * gid-<p>, p = 1 .. phys_port_cnt
 *	Values:		<string>, eight groups of four hexadecimal digits with
 *			colons between
 *
 *	The GID. For people.
 *
 * gid-index-<p>, p = 1 .. phys_port_cnt
 *	Values:		<uint32_t>
 *
 *	Where the HCA's table has room for the guest's own GID, 0 if it has
 *	none. For the backend itself after it has been reloaded.
 *
 * hca-instance
 *	Values:		<uint32_t>
 *
 *	Changes when the HCA's core driver restarts and forgets reservations.
 *	A backend that finds another value, be it reloaded or told of the
 *	restart, reserves the same UARs again. It refuses the device if one of
 *	them has gone to somebody else.
 *
 * versions
 *	Values:		<string>, comma-separated protocol versions
 *
 * max-ring-page-order
 *	Values:		<uint32_t>, 0 .. VIBIF_MAX_RING_PAGE_ORDER
 *
 * max-event-page-order
 *	Values:		<uint32_t>, 1 .. VIBIF_MAX_EVENT_PAGE_ORDER
 *
 * max-mad-page-order
 *	Values:		<uint32_t>, VIBIF_MIN_MAD_PAGE_ORDER ..
 *			VIBIF_MAX_MAD_PAGE_ORDER
 *
 *	There with feature-mad.
 *
 * feature-resize-cq
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_RESIZE_CQ.
 *
 * feature-rereg-mr
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_REREG_MR.
 *
 * feature-xrc
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_ALLOC_XRCD, and the XRC types in
 *	VIBIF_OP_CREATE_SRQ and VIBIF_OP_CREATE_QP.
 *
 * feature-mw
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_ALLOC_MW.
 *
 * feature-mr-share
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_REG_MR with VIBIF_MR_SHARE.
 *
 * feature-mr-retire
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_RETIRE_MR, and feature-mr-share is 1.
 *
 * feature-mad
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves a MAD area.
 *
 * feature-addrs
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_SET_ADDRS.
 *
 * uar-count
 *	Values:		<uint32_t>, 1 .. VIBIF_MAX_UARS
 *
 *	Written last of the UARs' nodes: with it the reservation is complete.
 *
 * uar-<i>, i = 0 .. uar-count - 1
 *	Values:		<uint32_t> <hex uint64_t> <hex uint64_t>
 *
 *	The UAR's index in the HCA; the machine frame of its doorbell page,
 *	1 .. VIBIF_MAX_FRAME; that of its BlueFlame page, or 0 if the HCA has
 *	none. Hexadecimal numbers begin with 0x.
 *
 *	For the toolstack, and for the backend itself after it has been
 *	reloaded: the reservation belongs to the attached device, not to the
 *	running backend. The frontend learns frames from
 *	VIBIF_OP_ALLOC_CONTEXT.
 *
 * Frontend nodes
 * ==============
 *
 * backend, backend-id and state are those of every xenbus device, written by
 * the toolstack. The frontend writes the others, all in one transaction, before
 * it enters Initialised.
 *
 * version
 *	Values:		one of the backend's versions
 *
 * req-ring-page-order
 *	Values:		<uint32_t>, 0 .. max-ring-page-order
 *	Default Value:	0
 *
 * req-ring-ref<i>, i = 0 .. 2^req-ring-page-order - 1
 *	Values:		<uint32_t>
 *
 *	Grant reference of the ring's page i, granted for writing.
 *
 * req-event-channel
 *	Values:		<uint32_t>
 *
 *	Event channel of the ring, allocated for the backend's domain.
 *
 * evt-page-order
 *	Values:		<uint32_t>, 1 .. max-event-page-order
 *
 * evt-page-ref<i>, i = 0 .. 2^evt-page-order - 1
 *	Values:		<uint32_t>
 *
 *	Grant reference of page i of the event area, granted for writing.
 *
 * evt-event-channel
 *	Values:		<uint32_t>
 *
 *	Event channel of the event area, allocated for the backend's domain.
 *
 * mad-page-order
 *	Values:		<uint32_t>, VIBIF_MIN_MAD_PAGE_ORDER ..
 *			max-mad-page-order
 *
 *	Absent, with the two nodes that follow, if the frontend has no MAD area.
 *
 * mad-page-ref<i>, i = 0 .. 2^mad-page-order - 1
 *	Values:		<uint32_t>
 *
 *	Grant reference of page i of the MAD area, granted for writing.
 *
 * mad-event-channel
 *	Values:		<uint32_t>
 *
 *	Event channel of the MAD area, allocated for the backend's domain.
 *
 * States
 * ======
 *
 * Normal flow
 * -----------
 *
 * Toolstack		Backend				Frontend
 *
 * makes an empty
 * frontend directory
 * and the backend's
 * nodes, state:
 *			Initialising
 *
 *			reserves UARs, writes
 *			its nodes
 *
 *			InitWait
 *
 * opens the UAR frames
 * to the guest, makes
 * the frontend's nodes,
 * state:
 *							Initialising
 *
 *							grants ring, event area
 *							and MAD area, writes its
 *							nodes
 *
 *							Initialised
 *
 *			maps ring, event area
 *			and MAD area
 *
 *			Connected
 *
 *							queries the device,
 *							registers it
 *
 *							Connected
 *
 * writes online = "0"
 * and the backend's
 * state:
 *			Closing
 *
 *							takes the device from
 *							its users
 *
 *							Closing
 *							Closed
 *
 *			destroys the guest's
 *			objects, unmaps its
 *			pages, ring, event area
 *			and MAD area
 *
 *			Closed
 *
 * closes the UAR frames
 * to the guest, removes
 * both directories
 *
 * The frontend's directory exists from the start, because xenbus in Linux
 * probes no backend without one. It has no state before the toolstack writes
 * one. The backend takes that as a frontend that has not come yet.
 *
 * Closing
 * -------
 *
 * Either end may close at any time, and writes Closing. The frontend then
 * revokes the mappings of its processes, destroys or abandons its objects, and
 * writes Closed. It may wait for the backend to be Closed before it revokes
 * grants: until then the backend, and the HCA, may use what was granted.
 *
 * The backend writes Closing, unless the frontend is Closed or gone by then,
 * and goes on serving the ring. It waits until the frontend is Closed or gone,
 * but a few seconds only once "online" is 0, and not at all if the HCA is gone
 * or the frontend has broken a rule. Then it stops serving, destroys every
 * object that the guest has left, unmaps every page, and writes Closed.
 *
 * A frontend's directory that disappears while the guest lives closes the
 * device. The backend's nodes stay for the toolstack, which takes the UARs from
 * the guest and then removes the nodes.
 *
 * A UAR that the guest may still have mapped is given to nobody else until the
 * domain is gone.
 *
 * Recovery flow
 * -------------
 *
 * The backend has been reloaded, or the HCA has come back after a restart:
 *
 *			Backend				Frontend
 *
 *			Closed, or no driver		Closed, or finds the
 *							backend closed: Closed
 *
 *			adopts the UARs that its
 *			nodes name, or reserves
 *			the same ones again
 *
 *			InitWait
 *
 *							Initialising
 *
 *							from here on as in the
 *							normal flow
 *
 * The frontend has been reloaded:
 *
 *			Backend				Frontend
 *
 *							Initialising
 *
 *			if Connected: closes as
 *			above
 *			if "online" is 1:
 *			InitWait
 *							from here on as in the
 *							normal flow
 *
 * A frontend that sees InitWait makes a new ring, a new event area and a new
 * MAD area. A backend refuses a ring that was used before.
 *
 * Operations
 * ==========
 *
 * Numbers from VIBIF_OP_MAX + 1 on are for later versions. A backend answers an
 * operation that it does not serve with -XEN_EOPNOTSUPP.
 */
#define VIBIF_OP_QUERY_DEVICE			1
#define VIBIF_OP_QUERY_PORT			2
#define VIBIF_OP_QUERY_GID			3
#define VIBIF_OP_QUERY_PKEY			4
#define VIBIF_OP_ALLOC_CONTEXT			5
#define VIBIF_OP_ALLOC_PD			6
#define VIBIF_OP_REG_MR				7
#define VIBIF_OP_REREG_MR			8	/* feature-rereg-mr */
#define VIBIF_OP_CREATE_CQ			9
#define VIBIF_OP_MODIFY_CQ			10
#define VIBIF_OP_RESIZE_CQ			11	/* feature-resize-cq */
#define VIBIF_OP_CREATE_SRQ			12
#define VIBIF_OP_MODIFY_SRQ			13
#define VIBIF_OP_QUERY_SRQ			14
#define VIBIF_OP_CREATE_QP			15
#define VIBIF_OP_MODIFY_QP			16
#define VIBIF_OP_QUERY_QP			17
#define VIBIF_OP_ATTACH_MCAST			18
#define VIBIF_OP_DETACH_MCAST			19
#define VIBIF_OP_DESTROY			20
#define VIBIF_OP_ALLOC_XRCD			21	/* feature-xrc */
#define VIBIF_OP_ALLOC_MW			22	/* feature-mw */
#define VIBIF_OP_SET_ADDRS			23	/* feature-addrs */
#define VIBIF_OP_QUERY_COUNTERS			24
#define VIBIF_OP_RETIRE_MR			25	/* feature-mr-retire */
#define VIBIF_OP_MAX				25

/*
 * Nodes
 * =====
 */
#define VIBIF_DEVICE_CLASS			"vib"

/* Of every xenbus device */
#define VIBIF_FIELD_FRONTEND			"frontend"
#define VIBIF_FIELD_FRONTEND_ID			"frontend-id"
#define VIBIF_FIELD_BACKEND			"backend"
#define VIBIF_FIELD_BACKEND_ID			"backend-id"
#define VIBIF_FIELD_ONLINE			"online"
#define VIBIF_FIELD_STATE			"state"
#define VIBIF_FIELD_ERROR			"error"

/* Of the backend; the node of a quota is made from its name below */
#define VIBIF_FIELD_HCA				"hca"
#define VIBIF_FIELD_HCA_GUID			"hca-guid"
#define VIBIF_FIELD_HCA_INSTANCE		"hca-instance"
#define VIBIF_FIELD_NODE_GUID			"node-guid"
#define VIBIF_FIELD_GUID			"guid-"		/* <p> */
#define VIBIF_FIELD_GID				"gid-"		/* <p> */
#define VIBIF_FIELD_GID_INDEX			"gid-index-"	/* <p> */
#define VIBIF_FIELD_GID_STATE			"gid-state-"	/* <p> */
#define VIBIF_FIELD_PKEYS			"pkeys-"	/* <p> */
#define VIBIF_FIELD_IPS				"ips"
#define VIBIF_FIELD_VERSIONS			"versions"
#define VIBIF_FIELD_MAX_RING_PAGE_ORDER		"max-ring-page-order"
#define VIBIF_FIELD_MAX_EVENT_PAGE_ORDER	"max-event-page-order"
#define VIBIF_FIELD_FEATURE_RESIZE_CQ		"feature-resize-cq"
#define VIBIF_FIELD_FEATURE_REREG_MR		"feature-rereg-mr"
#define VIBIF_FIELD_FEATURE_XRC			"feature-xrc"
#define VIBIF_FIELD_FEATURE_MW			"feature-mw"
#define VIBIF_FIELD_FEATURE_MR_SHARE		"feature-mr-share"
#define VIBIF_FIELD_FEATURE_MR_RETIRE		"feature-mr-retire"
#define VIBIF_FIELD_FEATURE_MAD			"feature-mad"
#define VIBIF_FIELD_FEATURE_ADDRS		"feature-addrs"
#define VIBIF_FIELD_MAX_MAD_PAGE_ORDER		"max-mad-page-order"
#define VIBIF_FIELD_MAD_RATE			"mad-rate"
#define VIBIF_FIELD_MAD_PM			"mad-pm"
#define VIBIF_FIELD_UAR_COUNT			"uar-count"
#define VIBIF_FIELD_UAR				"uar-"		/* <i> */
#define VIBIF_FIELD_UAR_GFN_BASE		"uar-gfn-base"
#define VIBIF_FIELD_QUOTA(name)			"max-" #name

/* Of the frontend */
#define VIBIF_FIELD_VERSION			"version"
#define VIBIF_FIELD_RING_PAGE_ORDER		"req-ring-page-order"
#define VIBIF_FIELD_RING_REF			"req-ring-ref"	/* <i> */
#define VIBIF_FIELD_RING_EVTCHN			"req-event-channel"
#define VIBIF_FIELD_EVENT_PAGE_ORDER		"evt-page-order"
#define VIBIF_FIELD_EVENT_REF			"evt-page-ref"	/* <i> */
#define VIBIF_FIELD_EVENT_EVTCHN		"evt-event-channel"
#define VIBIF_FIELD_MAD_PAGE_ORDER		"mad-page-order"
#define VIBIF_FIELD_MAD_REF			"mad-page-ref"	/* <i> */
#define VIBIF_FIELD_MAD_EVTCHN			"mad-event-channel"

/* As many as a port of an HCA has at most */
#define VIBIF_MAX_PKEYS				128

#define VIBIF_MAX_RING_PAGE_ORDER		4
#define VIBIF_MAX_EVENT_PAGE_ORDER		4
#define VIBIF_MIN_MAD_PAGE_ORDER		1
#define VIBIF_MAX_MAD_PAGE_ORDER		4

/* Physical addresses have 52 bits at most on x86, frame numbers 40. */
#define VIBIF_MAX_FRAME				((1ULL << 40) - 1)
/* The doorbell page and the BlueFlame page */
#define VIBIF_FRAMES_PER_UAR			2

/* X(id, name, default value) for each quota */
#define VIBIF_QUOTAS(X)				\
	X(CONTEXT, contexts, 32)		\
	X(PD, pds, 1024)			\
	X(MR, mrs, 8192)			\
	X(PAGE, pages, 65536)			\
	X(CQ, cqs, 128)				\
	X(QP, qps, 192)				\
	X(SRQ, srqs, 32)			\
	X(MCAST, mcast, 256)			\
	X(MW, mws, 8192)			\
	X(XRCD, xrcds, 256)

#define VIBIF_QUOTA_DEFAULT(id, name, value)	VIBIF_DEFAULT_##id = value,
enum vibif_quota_default { VIBIF_QUOTAS(VIBIF_QUOTA_DEFAULT) };

#define VIBIF_MAX_UARS				256
#define VIBIF_MAX_CONTEXTS			VIBIF_MAX_UARS
#define VIBIF_MAX_QUOTA				(1U << 26)

/*
 * Each CQ, QP and SRQ can have an asynchronous event at the same moment. These
 * go to one queue of the HCA, which has 512 entries, and so do the completions
 * of its commands. If one of those is lost the HCA is reset. So the CQs, QPs
 * and SRQs of all guests of an HCA should stay below three quarters of that
 * together, and those of one guest with the default quotas do. More is the
 * administrator's choice.
 */
#define VIBIF_MAX_EVENT_SOURCES			384
static_assert(VIBIF_DEFAULT_CQ + VIBIF_DEFAULT_QP + VIBIF_DEFAULT_SRQ <
	      VIBIF_MAX_EVENT_SOURCES, "a guest with the default quotas");

/*
 * Status codes
 * ============
 *
 * The status of a response is 0, or one of these numbers of Xen's errno.h with
 * a minus sign. Linux has the same numbers.
 *
 *   XEN_EPERM		a right is missing that the request wants
 *   XEN_ENOENT		a handle does not name an object of the type wanted
 *   XEN_EIO		the HCA failed or is gone
 *   XEN_ENOMEM		over quota, or the HCA or the backend is out of
 *			resources
 *   XEN_EFAULT		a grant reference cannot be used
 *   XEN_EBUSY		another object, or another request, uses the object
 *   XEN_EINVAL		an argument is out of its range, or does not go with
 *			another
 *   XEN_EOPNOTSUPP	the operation is not served
 *
 * Every request can fail with these three, which are not repeated below:
 *   -XEN_EINVAL	a reserved field or an unknown bit is set
 *   -XEN_EOPNOTSUPP	the operation is unknown, or its feature is not offered
 *   -XEN_EIO		the HCA failed or is gone, or the backend is closing
 *
 * What the HCA itself refuses comes back with the status that a native user of
 * it would get, which may be any other number. Where several statuses apply
 * the backend chooses. A request that failed has changed nothing, unless said
 * otherwise.
 *
 * Assumptions
 * ===========
 *
 *  - Pages are VIBIF_PAGE_SIZE octets, on both sides.
 *  - Fields are naturally aligned. GIDs are 16 octets and GUIDs 8 octets in
 *    network order.
 *  - All reserved fields must be 0. So must the octets of a request behind its
 *    last field, the handle of an operation that has none, and bits beyond a
 *    field's range. A request that breaks this fails with -XEN_EINVAL. A
 *    backend sends zeroes in all of these, too.
 *  - The ring has as many slots as fit, rounded down to a power of two: behind
 *    64 octets of indices, in 2^req-ring-page-order pages.
 *  - The frontend sends no request before the backend is Connected.
 *  - Responses come in any order; id tells which request they answer. A
 *    frontend must not use an id again before its response has come. Requests
 *    in flight together may be executed in any order.
 *  - A frontend that overruns the ring or the MAD area, or causes events
 *    without end, loses the device: the backend writes an error and Closing.
 *  - The frontend keeps pages granted until the response of the request that
 *    destroys the object that uses them, or that says it was not created.
 */
#define VIBIF_PAGE_SHIFT			12
#define VIBIF_PAGE_SIZE				(1U << VIBIF_PAGE_SHIFT)

/*
 * Requests and responses
 * ======================
 *
 * Every request has VIBIF_SLOT_SIZE octets and begins so:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                id               |   operation    |    reserved    | 4
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 8
 * +----------------+----------------+----------------+----------------+
 *
 * id - uint16_t, chosen by the frontend, returned in the response
 * operation - uint8_t, VIBIF_OP_*
 * handle - uint32_t, the object that the operation is on; 0 if it is on none
 *
 * Every response has VIBIF_SLOT_SIZE octets and begins so:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                id               |   operation    |    reserved    | 4
 * +----------------+----------------+----------------+----------------+
 * |                               status                              | 8
 * +----------------+----------------+----------------+----------------+
 *
 * id, operation - those of the request
 * status - int32_t, 0 or a negative status code. Unless it is 0, the rest of
 *   the response is zero.
 *
 * What an operation adds to that is drawn with it, from octet 8 of the slot on.
 * The slot is zero behind what is drawn. Drawings cut names that are too long
 * for them, with a dot.
 */
#define VIBIF_SLOT_SIZE				128

/*
 * Page lists
 * ==========
 *
 * A directory names the pages of a queue or memory region. It is a list of
 * granted pages, each with references to VIBIF_GREFS_PER_PAGE pages:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                         gref_dir_next_page                        | 4
 * +----------------+----------------+----------------+----------------+
 * |                              gref[0]                              | 8
 * +----------------+----------------+----------------+----------------+
 * |                              gref[1]                              | 12
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                             gref[1022]                            | 4096
 * +----------------+----------------+----------------+----------------+
 *
 * gref_dir_next_page - grant_ref_t, the next page of the directory. Nobody
 *   reads it in the last page: nr_pages says which that is.
 * gref[i] - grant_ref_t, page i of this part of the list
 *
 * The frontend may revoke the directory's own pages when the response has come.
 * The listed pages stay granted as said above.
 */
#define VIBIF_GREFS_PER_PAGE			1023

struct vibif_page_directory {
	uint32_t gref_dir_next_page;
	uint32_t gref[VIBIF_GREFS_PER_PAGE];
};

/*
 * A request names the list so:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 4
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 8
 * +----------------+----------------+----------------+----------------+
 *
 * gref_directory - grant_ref_t, first page of the directory, granted for
 *   reading at least
 * nr_pages - uint32_t, number of listed pages, from 1. The request's sizes tell
 *   how many it needs. Any other number fails with -XEN_EINVAL.
 */
struct vibif_page_list {
	uint32_t gref_directory;
	uint32_t nr_pages;
};

/*
 * Doorbell records
 * ================
 *
 * The HCA reads how far the user of a CQ, SRQ or QP has come from a few octets
 * of memory, whose number depends on the provider. A request names them so:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                gref                               | 4
 * +----------------+----------------+----------------+----------------+
 * |              offset             |             reserved            | 8
 * +----------------+----------------+----------------+----------------+
 *
 * gref - grant_ref_t, the page with the record, granted for reading at least.
 *   Records in one page may have one reference, VIBIF_MAX_GREF_RECORDS at most:
 *   the backend maps it for each of them, and Xen does so no more often.
 * offset - uint16_t, octets from the start of the page to the record, a
 *   multiple of the record's size. The record ends within the page.
 */
#define VIBIF_MAX_GREF_RECORDS			128

struct vibif_doorbell {
	uint32_t gref;
	uint16_t offset;
	uint16_t reserved;
};

/*
 * VIBIF_OP_QUERY_DEVICE: the attributes of the HCA
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                gref                               | 12
 * +----------------+----------------+----------------+----------------+
 *
 * gref - grant_ref_t, a page granted for writing
 *
 * Response: no more than the status. The backend has put a struct
 * vibif_device_attr at the start of the page.
 *
 * Status:
 *   -XEN_EFAULT	gref does not name a page granted for writing
 *   -XEN_ENOMEM	the backend has no memory
 *
 * The attributes are those of the IBTA's Query HCA (11.2.1.2), under Linux's
 * names, lowered to the guest's quotas. Octets count from the page's start:
 *
 *    0  fw_ver - uint64_t, version of the firmware: major in bits
 *        63:32, minor in bits 31:16, subminor in bits 15:0
 *    8  node_guid - GUID
 *   16  sys_image_guid - GUID
 *   24  max_mr_size - uint64_t, octets
 *   32  page_size_cap - uint64_t, page sizes of memory regions: bit n for
 *        2^n octets
 *   40  device_cap_flags - uint64_t, VIBIF_DEVICE_CAP_*
 *   48  vendor_id - uint32_t
 *   52  vendor_part_id - uint32_t
 *   56  hw_ver - uint32_t
 *   60  max_qp - uint32_t, QPs of the guest
 *   64  max_qp_wr - uint32_t, work requests in a queue of a QP
 *   68  max_send_sge - uint32_t, gather entries of a work request
 *   72  max_recv_sge - uint32_t, scatter entries of a work request
 *   76  max_sge_rd - uint32_t, scatter entries of an RDMA read
 *   80  max_cq - uint32_t, CQs of the guest
 *   84  max_cqe - uint32_t, entries that a user may ask for in a CQ
 *   88  max_mr - uint32_t, memory regions of the guest
 *   92  max_pd - uint32_t, protection domains of the guest
 *   96  max_qp_rd_atom - uint32_t, RDMA reads and atomics in flight
 *        towards a QP
 *  100  max_res_rd_atom - uint32_t, the same towards all QPs of the guest
 *  104  max_qp_init_rd_atom - uint32_t, the same from a QP
 *  108  atomic_cap - uint32_t, VIBIF_ATOMIC_*
 *  112  masked_atomic_cap - uint32_t, VIBIF_ATOMIC_*
 *  116  max_mw - uint32_t, memory windows of the guest
 *  120  max_mcast_grp - uint32_t, multicast groups of the HCA
 *  124  max_mcast_qp_attach - uint32_t, QPs of the guest in a group
 *  128  max_total_mcast_qp_attach - uint32_t, attachments of the guest
 *  132  max_ah - uint32_t, address handles; the backend knows of none
 *  136  max_srq - uint32_t, SRQs of the guest
 *  140  max_srq_wr - uint32_t, work requests in an SRQ
 *  144  max_srq_sge - uint32_t, scatter entries of one
 *  148  max_fast_reg_page_list_len - uint32_t, 0: there is no fast
 *        registration for guests
 *  152  max_pkeys - uint16_t, entries of a P_Key table
 *  154  local_ca_ack_delay - uint8_t, 4.096 us * 2^n
 *  155  phys_port_cnt - uint8_t, 1 .. VIBIF_MAX_PORTS
 *  156  num_comp_vectors - uint32_t, from 1
 *  160  node_desc - char[64], padded with zeroes; a full one has no end
 *  224  board_id - char[64], ends with a zero
 *  288  provider - uint32_t, VIBIF_PROVIDER_*: which user-space ABI the
 *        HCA's queues and doorbells follow. What is behind belongs to it.
 *
 * The provider VIBIF_PROVIDER_MLX4
 * --------------------------------
 *
 * The ABI is that of rdma/mlx4-abi.h in Linux and of the ConnectX-3's manual.
 *
 *  292  mlx4_dev_caps - uint32_t, passed on to user space
 *  296  mlx4_qp_tab_size - uint32_t, passed on to user space, a power of
 *        two
 *  300  mlx4_cqe_size - uint32_t, 32 or 64 octets
 *  304  mlx4_bf_reg_size - uint16_t, octets of a BlueFlame register;
 *        0: there is none
 *  306  mlx4_bf_regs_per_page - uint16_t
 *  308  mlx4_max_wqes - uint32_t, WQEs of a queue
 *  312  mlx4_max_sq_sg - uint32_t, gather entries of a WQE
 *  316  mlx4_max_rq_sg - uint32_t, scatter entries of a WQE
 *  320  mlx4_max_sq_desc_sz - uint32_t, octets of a WQE of a send queue
 *  324  mlx4_max_rq_desc_sz - uint32_t, octets of one of a receive queue
 *
 * A context has one UAR. A queue of a QP has at most mlx4_max_wqes WQEs, an SRQ
 * at most the first power of two above max_srq_wr. The size of a WQE, its
 * stride, is at most what the attributes allow, rounded up to a power of two:
 *   send queue		from 2^VIBIF_MLX4_MIN_LOG_SQ_STRIDE octets to
 *			mlx4_max_sq_desc_sz
 *   receive queue	from 2^VIBIF_MLX4_MIN_LOG_RQ_STRIDE octets to
 *			VIBIF_MLX4_DATA_SEG for each of mlx4_max_rq_sg or
 *			mlx4_max_sq_sg, whichever is less
 *   SRQ		from 2^VIBIF_MLX4_MIN_LOG_SRQ_STRIDE octets to
 *			VIBIF_MLX4_NEXT_SEG and VIBIF_MLX4_DATA_SEG for each of
 *			max_srq_sge
 *
 * The queue of a QP with the larger stride comes first in its pages, the send
 * queue if they are equal, and the other one right behind it.
 *
 * The doorbell record of a CQ is VIBIF_MLX4_CQ_DOORBELL octets: the consumer
 * index, and what arms the CQ. That of an SRQ or QP is VIBIF_MLX4_WQ_DOORBELL
 * octets: the producer index of the SRQ or of the QP's receive queue.
 */
#define VIBIF_PROVIDER_MLX4			1

/* A WQE is a segment at least, that of an SRQ two. */
#define VIBIF_MLX4_MIN_LOG_SQ_STRIDE		6
#define VIBIF_MLX4_MIN_LOG_RQ_STRIDE		4
#define VIBIF_MLX4_MIN_LOG_SRQ_STRIDE		5
#define VIBIF_MLX4_DATA_SEG			16	/* octets */
#define VIBIF_MLX4_NEXT_SEG			16
#define VIBIF_MLX4_CQ_DOORBELL			8
#define VIBIF_MLX4_WQ_DOORBELL			4

#define VIBIF_MAX_PORTS				2

/* P_Key violations and Q_Key violations are counted */
#define VIBIF_DEVICE_CAP_BAD_PKEY_CNTR		(1U << 1)
#define VIBIF_DEVICE_CAP_BAD_QKEY_CNTR		(1U << 2)
/* Automatic path migration */
#define VIBIF_DEVICE_CAP_AUTO_PATH_MIG		(1U << 4)
/* A QP can change its port on the way from SQD to RTS */
#define VIBIF_DEVICE_CAP_CHANGE_PHY_PORT	(1U << 5)
/* The port of an address handle must be that of the UD QP */
#define VIBIF_DEVICE_CAP_UD_AV_PORT_ENFORCE	(1U << 6)
/* MODIFY_QP looks at cur_state */
#define VIBIF_DEVICE_CAP_CURR_QP_STATE_MOD	(1U << 7)
/* VIBIF_EVENT_PORT_ACTIVE is sent */
#define VIBIF_DEVICE_CAP_PORT_ACTIVE_EVENT	(1U << 10)
/* sys_image_guid is valid */
#define VIBIF_DEVICE_CAP_SYS_IMAGE_GUID		(1U << 11)
/* RC QPs send RNR NAKs */
#define VIBIF_DEVICE_CAP_RC_RNR_NAK_GEN		(1U << 12)
/* Memory windows of type 1 */
#define VIBIF_DEVICE_CAP_MEM_WINDOW		(1U << 17)
/* UD QPs compute and check IP checksums */
#define VIBIF_DEVICE_CAP_UD_IP_CSUM		(1U << 18)
#define VIBIF_DEVICE_CAP_XRC			(1U << 20)
/* Memory windows of type 2A, or of type 2B */
#define VIBIF_DEVICE_CAP_MEM_WINDOW_TYPE_2A	(1U << 23)
#define VIBIF_DEVICE_CAP_MEM_WINDOW_TYPE_2B	(1U << 24)
/* What else an HCA can do is not for guests, or nothing that they can see. */
#define VIBIF_DEVICE_CAP_MASK						\
	(VIBIF_DEVICE_CAP_BAD_PKEY_CNTR | VIBIF_DEVICE_CAP_BAD_QKEY_CNTR | \
	 VIBIF_DEVICE_CAP_AUTO_PATH_MIG | VIBIF_DEVICE_CAP_CHANGE_PHY_PORT | \
	 VIBIF_DEVICE_CAP_UD_AV_PORT_ENFORCE |				\
	 VIBIF_DEVICE_CAP_CURR_QP_STATE_MOD |				\
	 VIBIF_DEVICE_CAP_PORT_ACTIVE_EVENT |				\
	 VIBIF_DEVICE_CAP_SYS_IMAGE_GUID | VIBIF_DEVICE_CAP_RC_RNR_NAK_GEN | \
	 VIBIF_DEVICE_CAP_MEM_WINDOW | VIBIF_DEVICE_CAP_UD_IP_CSUM |	\
	 VIBIF_DEVICE_CAP_XRC | VIBIF_DEVICE_CAP_MEM_WINDOW_TYPE_2A |	\
	 VIBIF_DEVICE_CAP_MEM_WINDOW_TYPE_2B)

/* atomic_cap, masked_atomic_cap: atomic among what accesses memory */
#define VIBIF_ATOMIC_NONE			0
#define VIBIF_ATOMIC_HCA			1	/* through the HCA */
#define VIBIF_ATOMIC_GLOB			2	/* in any way */

struct vibif_query_device_req {
	uint32_t gref;
};

struct vibif_device_attr {
	uint64_t fw_ver;
	uint8_t  node_guid[8];
	uint8_t  sys_image_guid[8];
	uint64_t max_mr_size;
	uint64_t page_size_cap;
	uint64_t device_cap_flags;
	uint32_t vendor_id;
	uint32_t vendor_part_id;
	uint32_t hw_ver;
	uint32_t max_qp;
	uint32_t max_qp_wr;
	uint32_t max_send_sge;
	uint32_t max_recv_sge;
	uint32_t max_sge_rd;
	uint32_t max_cq;
	uint32_t max_cqe;
	uint32_t max_mr;
	uint32_t max_pd;
	uint32_t max_qp_rd_atom;
	uint32_t max_res_rd_atom;
	uint32_t max_qp_init_rd_atom;
	uint32_t atomic_cap;
	uint32_t masked_atomic_cap;
	uint32_t max_mw;
	uint32_t max_mcast_grp;
	uint32_t max_mcast_qp_attach;
	uint32_t max_total_mcast_qp_attach;
	uint32_t max_ah;
	uint32_t max_srq;
	uint32_t max_srq_wr;
	uint32_t max_srq_sge;
	uint32_t max_fast_reg_page_list_len;
	uint16_t max_pkeys;
	uint8_t  local_ca_ack_delay;
	uint8_t  phys_port_cnt;
	uint32_t num_comp_vectors;
	char     node_desc[64];
	char     board_id[64];
	uint32_t provider;
	/* VIBIF_PROVIDER_MLX4 */
	uint32_t mlx4_dev_caps;
	uint32_t mlx4_qp_tab_size;
	uint32_t mlx4_cqe_size;
	uint16_t mlx4_bf_reg_size;
	uint16_t mlx4_bf_regs_per_page;
	uint32_t mlx4_max_wqes;
	uint32_t mlx4_max_sq_sg;
	uint32_t mlx4_max_rq_sg;
	uint32_t mlx4_max_sq_desc_sz;
	uint32_t mlx4_max_rq_desc_sz;
	uint32_t reserved[2];
};

/*
 * VIBIF_OP_QUERY_PORT: the attributes of a port
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |      port      |                     reserved                     | 12
 * +----------------+----------------+----------------+----------------+
 *
 * port - uint8_t, 1 .. phys_port_cnt
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                           port_cap_flags                          | 12
 * +----------------+----------------+----------------+----------------+
 * |                             max_msg_sz                            | 16
 * +----------------+----------------+----------------+----------------+
 * |                           bad_pkey_cntr                           | 20
 * +----------------+----------------+----------------+----------------+
 * |                           qkey_viol_cntr                          | 24
 * +----------------+----------------+----------------+----------------+
 * |           gid_tbl_len           |           pkey_tbl_len          | 28
 * +----------------+----------------+----------------+----------------+
 * |               lid               |              sm_lid             | 32
 * +----------------+----------------+----------------+----------------+
 * |           active_speed          |         port_cap_flags2         | 36
 * +----------------+----------------+----------------+----------------+
 * |     state      |    max_mtu     |   active_mtu   |      lmc       | 40
 * +----------------+----------------+----------------+----------------+
 * |     sm_sl      |   max_vl_num   | subnet_timeout |init_type_reply | 44
 * +----------------+----------------+----------------+----------------+
 * |  active_width  |   phys_state   |             reserved            | 48
 * +----------------+----------------+----------------+----------------+
 *
 * The attributes are those of the IBTA's PortInfo (14.2.5.6), under Linux's
 * names:
 *
 * port_cap_flags - uint32_t, bits of CapabilityMask
 * max_msg_sz - uint32_t, octets
 * bad_pkey_cntr, qkey_viol_cntr - uint32_t, violations counted
 * gid_tbl_len, pkey_tbl_len - uint16_t, entries of the port's tables
 * lid, sm_lid - uint16_t, LIDs of the port and of the subnet manager
 * active_speed - uint16_t, VIBIF_SPEED_*
 * port_cap_flags2 - uint16_t, bits of CapabilityMask2
 * state - uint8_t, VIBIF_PORT_*
 * max_mtu, active_mtu - uint8_t, VIBIF_MTU_*
 * lmc - uint8_t, 0 .. 7: the port has 2^lmc LIDs from lid on
 * sm_sl - uint8_t, 0 .. VIBIF_MAX_SL
 * max_vl_num - uint8_t, code of VLCap
 * subnet_timeout - uint8_t, 4.096 us * 2^n
 * init_type_reply - uint8_t, bits of InitTypeReply
 * active_width - uint8_t, VIBIF_WIDTH_*
 * phys_state - uint8_t, VIBIF_PHYS_*
 *
 * Status:
 *   -XEN_EINVAL	there is no such port
 */
#define VIBIF_SPEED_SDR				1	/*  2.5 Gbit/s a lane */
#define VIBIF_SPEED_DDR				2	/*  5 */
#define VIBIF_SPEED_QDR				4	/* 10 */
#define VIBIF_SPEED_FDR10			8	/* 10, 64b/66b */
#define VIBIF_SPEED_FDR				16	/* 14 */
#define VIBIF_SPEED_EDR				32	/* 25 */
#define VIBIF_SPEED_HDR				64	/* 50 */
#define VIBIF_SPEED_NDR				128	/* 100 */
#define VIBIF_SPEED_XDR				256	/* 200 */

#define VIBIF_PORT_NOP				0
#define VIBIF_PORT_DOWN				1
#define VIBIF_PORT_INIT				2
#define VIBIF_PORT_ARMED			3
#define VIBIF_PORT_ACTIVE			4
#define VIBIF_PORT_ACTIVE_DEFER			5

#define VIBIF_MTU_256				1
#define VIBIF_MTU_512				2
#define VIBIF_MTU_1024				3
#define VIBIF_MTU_2048				4
#define VIBIF_MTU_4096				5

#define VIBIF_WIDTH_1X				1
#define VIBIF_WIDTH_4X				2
#define VIBIF_WIDTH_8X				4
#define VIBIF_WIDTH_12X				8
#define VIBIF_WIDTH_2X				16

#define VIBIF_PHYS_SLEEP			1
#define VIBIF_PHYS_POLLING			2
#define VIBIF_PHYS_DISABLED			3
#define VIBIF_PHYS_TRAINING			4
#define VIBIF_PHYS_LINK_UP			5
#define VIBIF_PHYS_RECOVERY			6
#define VIBIF_PHYS_TEST				7

struct vibif_query_port_req {
	uint8_t  port;
};

struct vibif_query_port_rsp {
	uint32_t port_cap_flags;
	uint32_t max_msg_sz;
	uint32_t bad_pkey_cntr;
	uint32_t qkey_viol_cntr;
	uint16_t gid_tbl_len;
	uint16_t pkey_tbl_len;
	uint16_t lid;
	uint16_t sm_lid;
	uint16_t active_speed;
	uint16_t port_cap_flags2;
	uint8_t  state;
	uint8_t  max_mtu;
	uint8_t  active_mtu;
	uint8_t  lmc;
	uint8_t  sm_sl;
	uint8_t  max_vl_num;
	uint8_t  subnet_timeout;
	uint8_t  init_type_reply;
	uint8_t  active_width;
	uint8_t  phys_state;
	uint8_t  reserved[2];
};

/*
 * VIBIF_OP_QUERY_GID: entries of a port's GID table
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |      port      |    reserved    |              index              | 12
 * +----------------+----------------+----------------+----------------+
 *
 * port - uint8_t, 1 .. phys_port_cnt
 * index - uint16_t, 0 .. gid_tbl_len - 1
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               gid[0]                              | 12
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               gid[0]                              | 24
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               gid[6]                              | 108
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               gid[6]                              | 120
 * +----------------+----------------+----------------+----------------+
 *
 * gid[i] - GID, entry index + i; its GUID is 0 where it is empty, as all but
 *   entry 0 are; zero where the table has ended
 *
 * Status:
 *   -XEN_EINVAL	there is no such port or entry
 *
 * VIBIF_OP_QUERY_PKEY: entries of a port's P_Key table
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |      port      |    reserved    |              index              | 12
 * +----------------+----------------+----------------+----------------+
 *
 * port - uint8_t, 1 .. phys_port_cnt
 * index - uint16_t, 0 .. pkey_tbl_len - 1
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |             pkey[0]             |             pkey[1]             | 12
 * +----------------+----------------+----------------+----------------+
 * |             pkey[2]             |             pkey[3]             | 16
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |             pkey[54]            |             pkey[55]            | 120
 * +----------------+----------------+----------------+----------------+
 *
 * pkey[i] - uint16_t, entry index + i; zero where the table has ended
 *
 * Status:
 *   -XEN_EINVAL	there is no such port or entry
 */
#define VIBIF_GIDS_PER_RSP			7
#define VIBIF_PKEYS_PER_RSP			56

struct vibif_query_table_req {
	uint8_t  port;
	uint8_t  reserved;
	uint16_t index;
};

struct vibif_query_gid_rsp {
	uint8_t  gid[VIBIF_GIDS_PER_RSP][16];
};

struct vibif_query_pkey_rsp {
	uint16_t pkey[VIBIF_PKEYS_PER_RSP];
};

/*
 * VIBIF_OP_ALLOC_CONTEXT: what one process opens
 *
 * Request: nothing more.
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                              nr_uars                              | 16
 * +----------------+----------------+----------------+----------------+
 * |                               uar[0]                              | 20
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               uar[0]                              | 40
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               uar[3]                              | 92
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               uar[3]                              | 112
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the context
 * nr_uars - uint32_t, UARs of the context, 1 .. VIBIF_MAX_CONTEXT_UARS, as the
 *   provider wants it
 * uar[i] - struct vibif_uar, one of them; zero from nr_uars on
 *
 * A UAR:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                         frame, low 32 bits                        | 4
 * |                        frame, high 32 bits                        | 8
 * +----------------+----------------+----------------+----------------+
 * |                       bf_frame, low 32 bits                       | 12
 * |                       bf_frame, high 32 bits                      | 16
 * +----------------+----------------+----------------+----------------+
 * |                               index                               | 20
 * +----------------+----------------+----------------+----------------+
 * |                              reserved                             | 24
 * +----------------+----------------+----------------+----------------+
 *
 * frame - uint64_t, frame of the doorbell page, to be mapped uncached
 * bf_frame - uint64_t, frame of the BlueFlame page, to be mapped
 *   write-combining; 0: there is none
 * index - uint32_t, the HCA's number of the UAR
 *
 * Frames are machine frames for a PV guest, and guest frames for an
 * auto-translated one, 1 .. VIBIF_MAX_FRAME.
 *
 * Status:
 *   -XEN_ENOMEM	over quota, or not enough UARs are free
 */
#define VIBIF_MAX_CONTEXT_UARS			4

struct vibif_uar {
	uint64_t frame;
	uint64_t bf_frame;
	uint32_t index;
	uint32_t reserved;
};

struct vibif_alloc_context_rsp {
	uint32_t handle;
	uint32_t nr_uars;
	struct vibif_uar uar[VIBIF_MAX_CONTEXT_UARS];
};

/*
 * VIBIF_OP_ALLOC_PD: create a protection domain
 *
 * Request: nothing more.
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                pdn                                | 16
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the protection domain
 * pdn - uint32_t, the HCA's number of it, 24 bits
 *
 * Status:
 *   -XEN_ENOMEM	over quota, or out of resources
 */
struct vibif_alloc_pd_rsp {
	uint32_t handle;
	uint32_t pdn;
};

/*
 * VIBIF_OP_REG_MR: register a memory region
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                         iova, low 32 bits                         | 12
 * |                         iova, high 32 bits                        | 16
 * +----------------+----------------+----------------+----------------+
 * |                        length, low 32 bits                        | 20
 * |                        length, high 32 bits                       | 24
 * +----------------+----------------+----------------+----------------+
 * |                                 pd                                | 28
 * +----------------+----------------+----------------+----------------+
 * |                               access                              | 32
 * +----------------+----------------+----------------+----------------+
 * |                               flags                               | 36
 * +----------------+----------------+----------------+----------------+
 * |                               source                              | 40
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 44
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 48
 * +----------------+----------------+----------------+----------------+
 *
 * iova - uint64_t, the address by which work requests name the first octet
 * length - uint64_t, octets; iova + length is not beyond 2^64. A region of no
 *   octets must begin within a page.
 * pd - uint32_t, handle of the protection domain
 * access - uint32_t, VIBIF_ACCESS_*. REMOTE_WRITE and REMOTE_ATOMIC want
 *   LOCAL_WRITE.
 * flags - uint32_t, VIBIF_MR_WRITABLE, VIBIF_MR_SHARE or 0
 * source - uint32_t, with VIBIF_MR_SHARE the handle of a memory region that is
 *   no share itself, else 0
 * gref_directory, nr_pages - struct vibif_page_list, the pages from that of the
 *   first octet to that of the last. The first octet is at iova modulo
 *   VIBIF_PAGE_SIZE in the first page.
 *
 * With VIBIF_MR_WRITABLE the pages are granted for writing, and the backend
 * maps them so. Without it they may be granted for reading only.
 *
 * With VIBIF_MR_SHARE the region has the pages of another, its source, in a
 * protection domain and with rights of its own. gref_directory and nr_pages are
 * 0, and iova and length are those of a region of as many pages. Nothing is
 * granted or mapped, and no page counts for the quota. As long as there is a
 * share its source keeps its pages and cannot be destroyed.
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                lkey                               | 16
 * +----------------+----------------+----------------+----------------+
 * |                                rkey                               | 20
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the memory region
 * lkey, rkey - uint32_t, the HCA's keys
 *
 * Status:
 *   -XEN_EINVAL	length, access, source or nr_pages is not as described;
 *			or a REREG_MR of the source has failed halfway
 *   -XEN_EPERM		LOCAL_WRITE or MW_BIND without VIBIF_MR_WRITABLE, or
 *			with a source whose pages are not writable
 *   -XEN_ENOENT	pd is no protection domain, or source no memory region
 *   -XEN_ENOMEM	over the quota of regions or pages, or out of resources
 *   -XEN_EFAULT	a page of the directory cannot be read, or a listed page
 *			cannot be mapped
 *
 * VIBIF_OP_REREG_MR: change a memory region
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                         iova, low 32 bits                         | 12
 * |                         iova, high 32 bits                        | 16
 * +----------------+----------------+----------------+----------------+
 * |                        length, low 32 bits                        | 20
 * |                        length, high 32 bits                       | 24
 * +----------------+----------------+----------------+----------------+
 * |                                 pd                                | 28
 * +----------------+----------------+----------------+----------------+
 * |                               access                              | 32
 * +----------------+----------------+----------------+----------------+
 * |                               flags                               | 36
 * +----------------+----------------+----------------+----------------+
 * |                               source                              | 40
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 44
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 48
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the memory region
 * flags - uint32_t, which of the following changes, at least one:
 *   VIBIF_MR_REREG_TRANS - iova, length, the page list, VIBIF_MR_WRITABLE
 *   VIBIF_MR_REREG_PD - pd
 *   VIBIF_MR_REREG_ACCESS - access
 *
 * The fields are as in REG_MR. The backend ignores those that do not change.
 * VIBIF_MR_WRITABLE is set with VIBIF_MR_REREG_TRANS only. With the latter the
 * frontend may revoke the old pages when the response has come with status 0.
 * source is 0. A share can get pages of its own, and stays a share.
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                lkey                               | 16
 * +----------------+----------------+----------------+----------------+
 * |                                rkey                               | 20
 * +----------------+----------------+----------------+----------------+
 *
 * handle, lkey, rkey - as in REG_MR; the keys may be new ones
 *
 * Status:
 *   -XEN_ENOENT	handle is no memory region, or pd no protection domain
 *   -XEN_EIO		the HCA has failed halfway. The region can only be
 *			destroyed. The frontend keeps old and new pages granted
 *			until then.
 *   -XEN_EBUSY		a memory window is bound to the region; or it has a
 *			share, with VIBIF_MR_REREG_TRANS
 *   -XEN_EINVAL	as in REG_MR, or an earlier REREG_MR has failed halfway,
 *			or the region has been retired
 *   others		as in REG_MR, with the rights that the region would have
 *
 * After all statuses but -XEN_EIO the region is what it was before.
 *
 * VIBIF_OP_RETIRE_MR: take a memory region from the HCA, and keep its pages
 *
 * Request: no more than handle, of the memory region, which is no share
 *
 * Its keys are gone as if it had been destroyed, and its protection domain is
 * not in use by it any more. Its pages stay mapped, and it counts for the
 * quotas. It is good for nothing but to be the source of shares, and to be
 * destroyed, when the frontend may revoke its pages.
 *
 * Response: no more than the status.
 *
 * Status:
 *   -XEN_ENOENT	handle is no memory region
 *   -XEN_EBUSY		a memory window is bound to the region
 *   -XEN_EINVAL	the region is a share, or retired already, or a
 *			REREG_MR of it has failed halfway
 */
#define VIBIF_ACCESS_LOCAL_WRITE		(1U << 0)
#define VIBIF_ACCESS_REMOTE_WRITE		(1U << 1)
#define VIBIF_ACCESS_REMOTE_READ		(1U << 2)
#define VIBIF_ACCESS_REMOTE_ATOMIC		(1U << 3)
#define VIBIF_ACCESS_MW_BIND			(1U << 4)
#define VIBIF_ACCESS_MASK			0x1fU

#define VIBIF_MR_WRITABLE			(1U << 0)
#define VIBIF_MR_REREG_TRANS			(1U << 1)
#define VIBIF_MR_REREG_PD			(1U << 2)
#define VIBIF_MR_REREG_ACCESS			(1U << 3)
#define VIBIF_MR_MASK				0xfU	/* those of REREG_MR */
#define VIBIF_MR_SHARE				(1U << 4)

struct vibif_reg_mr_req {
	uint64_t iova;
	uint64_t length;
	uint32_t pd;
	uint32_t access;
	uint32_t flags;
	uint32_t source;
	struct vibif_page_list pages;
};

struct vibif_reg_mr_rsp {
	uint32_t handle;
	uint32_t lkey;
	uint32_t rkey;
};

/*
 * VIBIF_OP_CREATE_CQ: create a completion queue
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                              context                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                              entries                              | 16
 * +----------------+----------------+----------------+----------------+
 * |                            comp_vector                            | 20
 * +----------------+----------------+----------------+----------------+
 * |                              reserved                             | 24
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 28
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 32
 * +----------------+----------------+----------------+----------------+
 * |                              db_gref                              | 36
 * +----------------+----------------+----------------+----------------+
 * |            db_offset            |             reserved            | 40
 * +----------------+----------------+----------------+----------------+
 *
 * context - uint32_t, handle; the CQ is armed through this context's UARs
 * entries - uint32_t, a power of two, from VIBIF_MIN_CQ_ENTRIES to the first
 *   one above max_cqe
 * comp_vector - uint32_t, 0 .. num_comp_vectors - 1
 * gref_directory, nr_pages - struct vibif_page_list, granted for writing: the
 *   entries, from the start of the first page
 * db_gref, db_offset - struct vibif_doorbell, the doorbell record
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                cqn                                | 16
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the CQ, and its word in the event area
 * cqn - uint32_t, the HCA's number of it, 24 bits
 *
 * Status:
 *   -XEN_EINVAL	a number is out of its range, or nr_pages does not fit
 *   -XEN_ENOENT	context is no context
 *   -XEN_ENOMEM	over the quota of CQs or of pages, or out of resources
 *   -XEN_EFAULT	a granted page cannot be read or mapped
 */
#define VIBIF_MIN_CQ_ENTRIES			2

struct vibif_create_cq_req {
	uint32_t context;
	uint32_t entries;
	uint32_t comp_vector;
	uint32_t reserved;
	struct vibif_page_list pages;
	struct vibif_doorbell doorbell;
};

struct vibif_create_cq_rsp {
	uint32_t handle;
	uint32_t cqn;
};

/*
 * VIBIF_OP_MODIFY_CQ: set event moderation
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |              count              |            period_us            | 12
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the CQ
 * count - uint16_t, completions after which an armed CQ has an event
 * period_us - uint16_t, microseconds after which it has one in any case
 *
 * A backend may moderate more than that when the guest has too many events.
 *
 * Response: no more than the status.
 *
 * Status:
 *   -XEN_ENOENT	handle is no CQ
 *
 * VIBIF_OP_RESIZE_CQ: move a completion queue to other memory
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                              entries                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 16
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 20
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the CQ
 * entries, gref_directory, nr_pages - as in CREATE_CQ
 *
 * Response: no more than the status. The frontend may revoke the old pages if
 * it is 0, the new ones if it is not.
 *
 * Status:
 *   -XEN_ENOENT	handle is no CQ
 *   -XEN_EINVAL	entries is out of its range, or nr_pages does not fit
 *   -XEN_ENOMEM	over the quota of pages, or out of resources
 *   -XEN_EFAULT	a granted page cannot be read or mapped
 */
struct vibif_modify_cq_req {
	uint16_t count;
	uint16_t period_us;
};

struct vibif_resize_cq_req {
	uint32_t entries;
	struct vibif_page_list pages;
};

/*
 * VIBIF_OP_CREATE_SRQ: create a shared receive queue
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                 pd                                | 12
 * +----------------+----------------+----------------+----------------+
 * |                                 cq                                | 16
 * +----------------+----------------+----------------+----------------+
 * |                                xrcd                               | 20
 * +----------------+----------------+----------------+----------------+
 * |      type      | log_wqe_count  | log_wqe_stride |    reserved    | 24
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 28
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 32
 * +----------------+----------------+----------------+----------------+
 * |                              db_gref                              | 36
 * +----------------+----------------+----------------+----------------+
 * |            db_offset            |             reserved            | 40
 * +----------------+----------------+----------------+----------------+
 *
 * pd - uint32_t, handle of the protection domain
 * cq, xrcd - uint32_t, handles of the CQ and the XRC domain of a
 *   VIBIF_SRQ_XRC; 0 for a VIBIF_SRQ_BASIC
 * type - uint8_t, VIBIF_SRQ_*
 * log_wqe_count - uint8_t, log2 of the number of WQEs, 0 .. VIBIF_MAX_LOG_WQES
 * log_wqe_stride - uint8_t, log2 of the octets of a WQE, from what the provider
 *   says to VIBIF_MAX_LOG_WQE_STRIDE
 * gref_directory, nr_pages - struct vibif_page_list, granted for writing: the
 *   WQEs, from the start of the first page
 * db_gref, db_offset - struct vibif_doorbell, the doorbell record
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                srqn                               | 16
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the SRQ, and its word in the event area
 * srqn - uint32_t, the HCA's number of it, 24 bits
 *
 * Status:
 *   -XEN_EINVAL	a number is out of its range or of what the attributes
 *			allow, or nr_pages does not fit
 *   -XEN_ENOENT	a handle names no such object
 *   -XEN_ENOMEM	over the quota of SRQs or of pages, or out of resources
 *   -XEN_EFAULT	a granted page cannot be read or mapped
 */
#define VIBIF_SRQ_BASIC				0
#define VIBIF_SRQ_XRC				1

/* Of all work queues, those of QPs, too */
#define VIBIF_MAX_LOG_WQES			15
#define VIBIF_MAX_LOG_WQE_STRIDE		11

struct vibif_create_srq_req {
	uint32_t pd;
	uint32_t cq;
	uint32_t xrcd;
	uint8_t  type;
	uint8_t  log_wqe_count;
	uint8_t  log_wqe_stride;
	uint8_t  reserved;
	struct vibif_page_list pages;
	struct vibif_doorbell doorbell;
};

struct vibif_create_srq_rsp {
	uint32_t handle;
	uint32_t srqn;
};

/*
 * VIBIF_OP_MODIFY_SRQ: arm the limit event
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               limit                               | 12
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the SRQ
 * limit - uint32_t, 0 .. the SRQ's WQEs - 1: VIBIF_EVENT_SRQ_LIMIT comes once,
 *   when less than so many WQEs are left
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               limit                               | 12
 * +----------------+----------------+----------------+----------------+
 *
 * limit - uint32_t, that of the request
 *
 * Status:
 *   -XEN_ENOENT	handle is no SRQ
 *   -XEN_EINVAL	limit is out of its range
 *
 * VIBIF_OP_QUERY_SRQ: read the limit
 *
 * Request:
 *
 * handle - uint32_t, of the SRQ
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               limit                               | 12
 * +----------------+----------------+----------------+----------------+
 *
 * limit - uint32_t, 0 if no event is to come
 *
 * Status:
 *   -XEN_ENOENT	handle is no SRQ
 */
struct vibif_srq_limit {
	uint32_t limit;
};

/*
 * VIBIF_OP_CREATE_QP: create a queue pair
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                              context                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                 pd                                | 16
 * +----------------+----------------+----------------+----------------+
 * |                              send_cq                              | 20
 * +----------------+----------------+----------------+----------------+
 * |                              recv_cq                              | 24
 * +----------------+----------------+----------------+----------------+
 * |                                srq                                | 28
 * +----------------+----------------+----------------+----------------+
 * |                                xrcd                               | 32
 * +----------------+----------------+----------------+----------------+
 * |      type      |     flags      |log_sq_wqe_count|log_sq_wqe_str. | 36
 * +----------------+----------------+----------------+----------------+
 * |log_rq_wqe_count|log_rq_wqe_str. |             reserved            | 40
 * +----------------+----------------+----------------+----------------+
 * |                           gref_directory                          | 44
 * +----------------+----------------+----------------+----------------+
 * |                              nr_pages                             | 48
 * +----------------+----------------+----------------+----------------+
 * |                              db_gref                              | 52
 * +----------------+----------------+----------------+----------------+
 * |            db_offset            |             reserved            | 56
 * +----------------+----------------+----------------+----------------+
 *
 * context - uint32_t, handle; the QP's doorbell is rung through this context's
 *   UARs
 * pd - uint32_t, handle of the protection domain
 * send_cq, recv_cq - uint32_t, handles of CQs, which may be the same
 * srq - uint32_t, handle of an SRQ, or 0
 * xrcd - uint32_t, handle of an XRC domain, or 0
 * type - uint8_t, VIBIF_QPT_*
 * flags - uint8_t, VIBIF_QP_*
 * log_sq_wqe_count, log_rq_wqe_count - uint8_t, log2 of the number of WQEs,
 *   0 .. VIBIF_MAX_LOG_WQES
 * log_sq_wqe_stride, log_rq_wqe_stride - uint8_t, log2 of the octets of a WQE,
 *   from what the provider says to VIBIF_MAX_LOG_WQE_STRIDE
 * gref_directory, nr_pages - struct vibif_page_list, granted for writing: both
 *   queues, from the start of the first page, in the provider's order
 * db_gref, db_offset - struct vibif_doorbell, the doorbell record
 *
 * VIBIF_QP_HAS_RQ - the QP has a receive queue. Without this flag log_rq_* and
 *   the doorbell record are 0.
 * VIBIF_QP_INL_RECV - the HCA may put a message that fits into the receive WQE
 *   there, instead of where the WQE points, and say so in the completion. It
 *   does not without this flag. Wants VIBIF_QP_HAS_RQ.
 *
 * Which fields are set depends on the type; all others are 0:
 *   RC, UC, UD	all but xrcd, and either VIBIF_QP_HAS_RQ or srq, not both
 *   XRC_INI	all but recv_cq, srq and xrcd; no receive queue
 *   XRC_TGT	xrcd only
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                qpn                                | 16
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the QP, and its word in the event area
 * qpn - uint32_t, the HCA's number of it, 24 bits
 *
 * The QP is in state VIBIF_QPS_RESET.
 *
 * Status:
 *   -XEN_EINVAL	the type is unknown, a field does not belong to it, a
 *			number is out of its range or of what the attributes
 *			allow, or nr_pages does not fit
 *   -XEN_EOPNOTSUPP	an XRC type without feature-xrc
 *   -XEN_ENOENT	a handle names no such object
 *   -XEN_ENOMEM	over the quota of QPs or of pages, or out of resources
 *   -XEN_EFAULT	a granted page cannot be read or mapped
 */
#define VIBIF_QPT_RC				2
#define VIBIF_QPT_UC				3
#define VIBIF_QPT_UD				4
#define VIBIF_QPT_XRC_INI			9
#define VIBIF_QPT_XRC_TGT			10

#define VIBIF_QP_HAS_RQ				(1U << 0)
#define VIBIF_QP_INL_RECV			(1U << 1)

struct vibif_create_qp_req {
	uint32_t context;
	uint32_t pd;
	uint32_t send_cq;
	uint32_t recv_cq;
	uint32_t srq;
	uint32_t xrcd;
	uint8_t  type;
	uint8_t  flags;
	uint8_t  log_sq_wqe_count;
	uint8_t  log_sq_wqe_stride;
	uint8_t  log_rq_wqe_count;
	uint8_t  log_rq_wqe_stride;
	uint16_t reserved;
	struct vibif_page_list pages;
	struct vibif_doorbell doorbell;
};

struct vibif_create_qp_rsp {
	uint32_t handle;
	uint32_t qpn;
};

/*
 * Address vectors
 * ===============
 *
 * The path of a QP, a part of the next message:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                dgid                               | 4
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                dgid                               | 16
 * +----------------+----------------+----------------+----------------+
 * |                             flow_label                            | 20
 * +----------------+----------------+----------------+----------------+
 * |               dlid              |   sgid_index   |   hop_limit    | 24
 * +----------------+----------------+----------------+----------------+
 * | traffic_class  |       sl       | src_path_bits  |  static_rate   | 28
 * +----------------+----------------+----------------+----------------+
 * |     flags      |                     reserved                     | 32
 * +----------------+----------------+----------------+----------------+
 *
 * dgid - GID of the destination
 * flow_label - uint32_t, 0 .. VIBIF_MAX_FLOW_LABEL
 * dlid - uint16_t, LID of the destination
 * sgid_index - uint8_t, 0, where the port's only GID is
 * hop_limit, traffic_class - uint8_t
 * sl - uint8_t, service level, 0 .. VIBIF_MAX_SL
 * src_path_bits - uint8_t, 0 .. VIBIF_MAX_SRC_PATH_BITS
 * static_rate - uint8_t, VIBIF_RATE_*, 0 .. VIBIF_MAX_RATE. The HCA takes the
 *   next slower rate if it does not have this one.
 * flags - uint8_t, VIBIF_AV_*
 *
 * Without VIBIF_AV_GRH there is no global route header, and the backend ignores
 * dgid, flow_label, sgid_index, hop_limit and traffic_class.
 */
#define VIBIF_AV_GRH				(1U << 0)

#define VIBIF_MAX_FLOW_LABEL			0xfffffU
#define VIBIF_MAX_SL				15
#define VIBIF_MAX_SRC_PATH_BITS			127

#define VIBIF_RATE_PORT_CURRENT			0	/* no limit */
#define VIBIF_RATE_2_5_GBPS			2
#define VIBIF_RATE_10_GBPS			3
#define VIBIF_RATE_30_GBPS			4
#define VIBIF_RATE_5_GBPS			5
#define VIBIF_RATE_20_GBPS			6
#define VIBIF_RATE_40_GBPS			7
#define VIBIF_RATE_60_GBPS			8
#define VIBIF_RATE_80_GBPS			9
#define VIBIF_RATE_120_GBPS			10
#define VIBIF_RATE_14_GBPS			11
#define VIBIF_RATE_56_GBPS			12
#define VIBIF_RATE_112_GBPS			13
#define VIBIF_RATE_168_GBPS			14
#define VIBIF_RATE_25_GBPS			15
#define VIBIF_RATE_100_GBPS			16
#define VIBIF_RATE_200_GBPS			17
#define VIBIF_RATE_300_GBPS			18
#define VIBIF_RATE_28_GBPS			19
#define VIBIF_RATE_50_GBPS			20
#define VIBIF_RATE_400_GBPS			21
#define VIBIF_RATE_600_GBPS			22
#define VIBIF_RATE_800_GBPS			23
#define VIBIF_MAX_RATE				VIBIF_RATE_800_GBPS

struct vibif_av {
	uint8_t  dgid[16];
	uint32_t flow_label;
	uint16_t dlid;
	uint8_t  sgid_index;
	uint8_t  hop_limit;
	uint8_t  traffic_class;
	uint8_t  sl;
	uint8_t  src_path_bits;
	uint8_t  static_rate;
	uint8_t  flags;
	uint8_t  reserved[3];
};

/*
 * VIBIF_OP_MODIFY_QP: change attributes of a queue pair
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                             attr_mask                             | 12
 * +----------------+----------------+----------------+----------------+
 * |                                qkey                               | 16
 * +----------------+----------------+----------------+----------------+
 * |                               rq_psn                              | 20
 * +----------------+----------------+----------------+----------------+
 * |                               sq_psn                              | 24
 * +----------------+----------------+----------------+----------------+
 * |                              dest_qpn                             | 28
 * +----------------+----------------+----------------+----------------+
 * |                               access                              | 32
 * +----------------+----------------+----------------+----------------+
 * |            pkey_index           |          alt_pkey_index         | 36
 * +----------------+----------------+----------------+----------------+
 * |     state      |   cur_state    |    path_mtu    | path_mig_state | 40
 * +----------------+----------------+----------------+----------------+
 * |en_sqd_async_n. |  sq_draining   | max_rd_atomic  |max_dest_rd_at. | 44
 * +----------------+----------------+----------------+----------------+
 * | min_rnr_timer  |      port      |    timeout     |   retry_cnt    | 48
 * +----------------+----------------+----------------+----------------+
 * |   rnr_retry    |    alt_port    |  alt_timeout   |    reserved    | 52
 * +----------------+----------------+----------------+----------------+
 * |                                 av                                | 56
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                 av                                | 84
 * +----------------+----------------+----------------+----------------+
 * |                               alt_av                              | 88
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               alt_av                              | 116
 * +----------------+----------------+----------------+----------------+
 * |                              reserved                             | 120
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the QP
 * attr_mask - uint32_t, VIBIF_QP_ATTR_*: the attributes that change. The
 *   backend ignores all others.
 * qkey - uint32_t; bit 31, VIBIF_QKEY_PRIVILEGED, is not for guests
 * rq_psn, sq_psn - uint32_t, 0 .. VIBIF_MAX_PSN
 * dest_qpn - uint32_t, 0 .. VIBIF_MAX_QPN
 * access - uint32_t, VIBIF_ACCESS_*, of which the remote ones count
 * pkey_index, alt_pkey_index - uint16_t, 0 .. pkey_tbl_len - 1. The backend
 *   refuses an entry that is empty because the HCA's port lacks its P_Key.
 * state, cur_state - uint8_t, VIBIF_QPS_*: the next, and what the frontend
 *   takes for the present one
 * path_mtu - uint8_t, VIBIF_MTU_*
 * path_mig_state - uint8_t, VIBIF_MIG_*
 * en_sqd_async_notify - uint8_t, 0, 1: VIBIF_EVENT_QP_SQ_DRAINED is to come
 * sq_draining - uint8_t, 0 here
 * max_rd_atomic - uint8_t, 0 .. max_qp_init_rd_atom
 * max_dest_rd_atomic - uint8_t, 0 .. max_qp_rd_atom
 * min_rnr_timer - uint8_t, 0 .. VIBIF_MAX_RNR_TIMER, code of the IBTA
 *   (9.7.5.2.8)
 * port, alt_port - uint8_t, 1 .. phys_port_cnt
 * timeout, alt_timeout - uint8_t, 0 .. VIBIF_MAX_TIMEOUT: 4.096 us * 2^timeout,
 *   but 0 means for ever
 * retry_cnt - uint8_t, 0 .. VIBIF_MAX_RETRY_CNT
 * rnr_retry - uint8_t, 0 .. VIBIF_MAX_RNR_RETRY, where that means for ever
 * av, alt_av - struct vibif_av, the path and the alternate path
 *
 * The fields that go with each bit have its name, but for:
 *   VIBIF_QP_ATTR_AV		av
 *   VIBIF_QP_ATTR_ALT_PATH	alt_av, alt_port, alt_pkey_index, alt_timeout
 *
 * Response: no more than the status.
 *
 * Status:
 *   -XEN_ENOENT	handle is no QP
 *   -XEN_EINVAL	an attribute that changes is out of its range; the path
 *			or the P_Key index changes and the QP has no port; or
 *			the attributes do not go with the transition from the
 *			present state, or from cur_state, to state (IBTA
 *			11.2.5.2)
 *   -XEN_EPERM		a Q_Key with VIBIF_QKEY_PRIVILEGED
 *
 * VIBIF_OP_QUERY_QP: read the attributes of a queue pair
 *
 * Request:
 *
 * handle - uint32_t, of the QP
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                             attr_mask                             | 12
 * +----------------+----------------+----------------+----------------+
 * |                                qkey                               | 16
 * +----------------+----------------+----------------+----------------+
 * |                               rq_psn                              | 20
 * +----------------+----------------+----------------+----------------+
 * |                               sq_psn                              | 24
 * +----------------+----------------+----------------+----------------+
 * |                              dest_qpn                             | 28
 * +----------------+----------------+----------------+----------------+
 * |                               access                              | 32
 * +----------------+----------------+----------------+----------------+
 * |            pkey_index           |          alt_pkey_index         | 36
 * +----------------+----------------+----------------+----------------+
 * |     state      |   cur_state    |    path_mtu    | path_mig_state | 40
 * +----------------+----------------+----------------+----------------+
 * |en_sqd_async_n. |  sq_draining   | max_rd_atomic  |max_dest_rd_at. | 44
 * +----------------+----------------+----------------+----------------+
 * | min_rnr_timer  |      port      |    timeout     |   retry_cnt    | 48
 * +----------------+----------------+----------------+----------------+
 * |   rnr_retry    |    alt_port    |  alt_timeout   |    reserved    | 52
 * +----------------+----------------+----------------+----------------+
 * |                                 av                                | 56
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                 av                                | 84
 * +----------------+----------------+----------------+----------------+
 * |                               alt_av                              | 88
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                               alt_av                              | 116
 * +----------------+----------------+----------------+----------------+
 * |                              reserved                             | 120
 * +----------------+----------------+----------------+----------------+
 *
 * attr_mask - 0
 * sq_draining - uint8_t, 0, 1: the QP is in VIBIF_QPS_SQD and still sends
 * pkey_index, alt_pkey_index - as in MODIFY_QP, or VIBIF_NO_PKEY_INDEX if the
 *   P_Key has left the table of the HCA's port since
 * others - as in MODIFY_QP. All are 0 for a QP in VIBIF_QPS_RESET. av and
 *   alt_av are 0 for a UD QP.
 *
 * Status:
 *   -XEN_ENOENT	handle is no QP
 *   -XEN_EINVAL	the HCA does not tell
 *   -XEN_ENOMEM	the backend has no memory
 */
#define VIBIF_QP_ATTR_STATE			(1U << 0)
#define VIBIF_QP_ATTR_CUR_STATE			(1U << 1)
#define VIBIF_QP_ATTR_EN_SQD_ASYNC_NOTIFY	(1U << 2)
#define VIBIF_QP_ATTR_ACCESS			(1U << 3)
#define VIBIF_QP_ATTR_PKEY_INDEX		(1U << 4)
#define VIBIF_QP_ATTR_PORT			(1U << 5)
#define VIBIF_QP_ATTR_QKEY			(1U << 6)
#define VIBIF_QP_ATTR_AV			(1U << 7)
#define VIBIF_QP_ATTR_PATH_MTU			(1U << 8)
#define VIBIF_QP_ATTR_TIMEOUT			(1U << 9)
#define VIBIF_QP_ATTR_RETRY_CNT			(1U << 10)
#define VIBIF_QP_ATTR_RNR_RETRY			(1U << 11)
#define VIBIF_QP_ATTR_RQ_PSN			(1U << 12)
#define VIBIF_QP_ATTR_MAX_RD_ATOMIC		(1U << 13)
#define VIBIF_QP_ATTR_ALT_PATH			(1U << 14)
#define VIBIF_QP_ATTR_MIN_RNR_TIMER		(1U << 15)
#define VIBIF_QP_ATTR_SQ_PSN			(1U << 16)
#define VIBIF_QP_ATTR_MAX_DEST_RD_ATOMIC	(1U << 17)
#define VIBIF_QP_ATTR_PATH_MIG_STATE		(1U << 18)
/* Bit 19 is reserved: the capacities of queues cannot be changed. */
#define VIBIF_QP_ATTR_DEST_QPN			(1U << 20)
#define VIBIF_QP_ATTR_MASK			0x17ffffU

#define VIBIF_QPS_RESET				0
#define VIBIF_QPS_INIT				1
#define VIBIF_QPS_RTR				2	/* ready to receive */
#define VIBIF_QPS_RTS				3	/* ready to send */
#define VIBIF_QPS_SQD				4	/* send queue drained */
#define VIBIF_QPS_SQE				5	/* send queue error */
#define VIBIF_QPS_ERR				6

#define VIBIF_MIG_MIGRATED			0
#define VIBIF_MIG_REARM				1
#define VIBIF_MIG_ARMED				2

#define VIBIF_NO_PKEY_INDEX			0xffffU
#define VIBIF_QKEY_PRIVILEGED			(1U << 31)
#define VIBIF_MAX_PSN				0xffffffU
#define VIBIF_MAX_QPN				0xffffffU
#define VIBIF_MAX_RNR_TIMER			31
#define VIBIF_MAX_TIMEOUT			31
#define VIBIF_MAX_RETRY_CNT			7
#define VIBIF_MAX_RNR_RETRY			7

struct vibif_qp_attr {
	uint32_t attr_mask;
	uint32_t qkey;
	uint32_t rq_psn;
	uint32_t sq_psn;
	uint32_t dest_qpn;
	uint32_t access;
	uint16_t pkey_index;
	uint16_t alt_pkey_index;
	uint8_t  state;
	uint8_t  cur_state;
	uint8_t  path_mtu;
	uint8_t  path_mig_state;
	uint8_t  en_sqd_async_notify;
	uint8_t  sq_draining;
	uint8_t  max_rd_atomic;
	uint8_t  max_dest_rd_atomic;
	uint8_t  min_rnr_timer;
	uint8_t  port;
	uint8_t  timeout;
	uint8_t  retry_cnt;
	uint8_t  rnr_retry;
	uint8_t  alt_port;
	uint8_t  alt_timeout;
	uint8_t  reserved;
	struct vibif_av av;
	struct vibif_av alt_av;
	uint32_t reserved1;
};

/*
 * VIBIF_OP_ATTACH_MCAST: let a queue pair receive from a multicast group
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                gid                                | 12
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                gid                                | 24
 * +----------------+----------------+----------------+----------------+
 * |                               flags                               | 28
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of a UD QP
 * gid - GID of the group; its first octet is VIBIF_MCAST_GID_PREFIX
 * flags - uint32_t, VIBIF_MCAST_*
 *
 * VIBIF_MCAST_BLOCK_LOOPBACK - the QP does not receive what it has sent
 *
 * Attaching once more with the same flags does nothing.
 *
 * Response: no more than the status.
 *
 * Status:
 *   -XEN_ENOENT	handle is no QP
 *   -XEN_EINVAL	the QP is not of type UD, gid is not that of a group, or
 *			the QP is attached to it with other flags
 *   -XEN_ENOMEM	over quota, out of resources, or the guest has
 *			max_mcast_qp_attach QPs in the group
 *
 * VIBIF_OP_DETACH_MCAST: undo it
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                gid                                | 12
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                gid                                | 24
 * +----------------+----------------+----------------+----------------+
 * |                               flags                               | 28
 * +----------------+----------------+----------------+----------------+
 *
 * handle, gid, flags - those of the ATTACH_MCAST
 *
 * Response: no more than the status.
 *
 * Status:
 *   -XEN_ENOENT	handle is no QP
 *   -XEN_EINVAL	it is not attached to this group with these flags
 */
#define VIBIF_MCAST_GID_PREFIX			0xff

#define VIBIF_MCAST_BLOCK_LOOPBACK		(1U << 0)

struct vibif_mcast_req {
	uint8_t  gid[16];
	uint32_t flags;
};

/*
 * VIBIF_OP_DESTROY: destroy an object
 *
 * Request:
 *
 * handle - uint32_t, of an object of any type
 *
 * Response: no more than the status. If it is 0 the object has no events any
 * more, and the handle may name a new object.
 *
 * Status:
 *   -XEN_ENOENT	handle names nothing
 *   -XEN_EBUSY		another object refers to it, a request that works on it
 *			is in flight, a QP is attached to a multicast group, or
 *			a window is bound to a memory region
 *
 * VIBIF_OP_ALLOC_XRCD: create an XRC domain
 *
 * Request: nothing more.
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the XRC domain
 *
 * Status:
 *   -XEN_ENOMEM	over quota, or out of resources
 */
struct vibif_handle_rsp {
	uint32_t handle;
};

/*
 * VIBIF_OP_ALLOC_MW: create a memory window
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                 pd                                | 12
 * +----------------+----------------+----------------+----------------+
 * |                                type                               | 16
 * +----------------+----------------+----------------+----------------+
 *
 * pd - uint32_t, handle of the protection domain
 * type - uint32_t, VIBIF_MW_TYPE_*
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                               handle                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                                rkey                               | 16
 * +----------------+----------------+----------------+----------------+
 *
 * handle - uint32_t, of the window
 * rkey - uint32_t, the HCA's key of it. User space binds it by work requests.
 *
 * Status:
 *   -XEN_EINVAL	the type is unknown
 *   -XEN_EOPNOTSUPP	the HCA has no windows of this type
 *   -XEN_ENOENT	pd is no protection domain
 *   -XEN_ENOMEM	over quota, or out of resources
 */
#define VIBIF_MW_TYPE_1				1
#define VIBIF_MW_TYPE_2				2

struct vibif_alloc_mw_req {
	uint32_t pd;
	uint32_t type;
};

struct vibif_alloc_mw_rsp {
	uint32_t handle;
	uint32_t rkey;
};

/*
 * VIBIF_OP_SET_ADDRS: say what IP addresses the guest has at a port
 *
 * Requests of the CM for an IP address are the guest's that has said it first,
 * or that the toolstack has given it. They say no GID if they are about a
 * service ID (SIDR), and that of the HCA's port if the guest shares it. With a
 * node ips the guest's word counts for nothing.
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |      port      |     count      |             reserved            | 12
 * +----------------+----------------+----------------+----------------+
 * |                              addr[0]                              | 16
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\|
 * +----------------+----------------+----------------+----------------+
 * |                              addr[6]                              | 112
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\|
 * +----------------+----------------+----------------+----------------+
 * |                              addr[6]                              | 124
 * +----------------+----------------+----------------+----------------+
 *
 * port - uint8_t, 1 .. phys_port_cnt
 * count - uint8_t, 0 .. VIBIF_MAX_ADDRS, entries of addr. They replace what was
 *   said before.
 * addr[i] - an IPv6 address, in the network's order; one of IPv4 as
 *   ::ffff:a.b.c.d
 *
 * Response: nothing more. It does not tell which of them the guest has got.
 *
 * Status:
 *   -XEN_EINVAL	there is no such port, or these are too many
 */
#define VIBIF_MAX_ADDRS				7

struct vibif_set_addrs_req {
	uint8_t  port;
	uint8_t  count;
	uint16_t reserved;
	uint8_t  addr[VIBIF_MAX_ADDRS][16];
};

/*
 * VIBIF_OP_QUERY_COUNTERS: what the guest has moved through a port
 *
 * Request:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |      port      |                     reserved                     | 12
 * +----------------+----------------+----------------+----------------+
 *
 * port - uint8_t, 1 .. phys_port_cnt
 *
 * Response:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                             rx_octets                             | 12
 * +----------------+----------------+----------------+----------------+
 * |                             rx_octets                             | 16
 * +----------------+----------------+----------------+----------------+
 * |                             rx_packets                            | 20
 * +----------------+----------------+----------------+----------------+
 * |                             rx_packets                            | 24
 * +----------------+----------------+----------------+----------------+
 * |                             tx_octets                             | 28
 * +----------------+----------------+----------------+----------------+
 * |                             tx_octets                             | 32
 * +----------------+----------------+----------------+----------------+
 * |                             tx_packets                            | 36
 * +----------------+----------------+----------------+----------------+
 * |                             tx_packets                            | 40
 * +----------------+----------------+----------------+----------------+
 *
 * Each is a uint64_t. They count whole packets of the guest's queue pairs, its
 * MADs not among them, since its device was made, whatever connections it has
 * had. They may be some 100 ms old, and are zero if the HCA had no counter left
 * for the guest.
 *
 * Status:
 *   -XEN_EINVAL	there is no such port
 */
struct vibif_query_counters_req {
	uint8_t  port;
};

struct vibif_query_counters_rsp {
	uint64_t rx_octets;
	uint64_t rx_packets;
	uint64_t tx_octets;
	uint64_t tx_packets;
};

/*
 * The slots of the ring
 * =====================
 *
 * created - what the responses of all operations that create an object begin
 *   with
 */
struct vibif_req {
	uint16_t id;
	uint8_t  operation;
	uint8_t  reserved;
	uint32_t handle;
	union {
		struct vibif_query_device_req query_device;
		struct vibif_query_port_req   query_port;
		struct vibif_query_table_req  query_table;
		struct vibif_reg_mr_req       reg_mr;
		struct vibif_create_cq_req    create_cq;
		struct vibif_modify_cq_req    modify_cq;
		struct vibif_resize_cq_req    resize_cq;
		struct vibif_create_srq_req   create_srq;
		struct vibif_srq_limit        modify_srq;
		struct vibif_create_qp_req    create_qp;
		struct vibif_qp_attr          modify_qp;
		struct vibif_mcast_req        mcast;
		struct vibif_alloc_mw_req     alloc_mw;
		struct vibif_set_addrs_req    set_addrs;
		struct vibif_query_counters_req query_counters;
		uint8_t                       pad[VIBIF_SLOT_SIZE - 8];
	} op;
};

struct vibif_rsp {
	uint16_t id;
	uint8_t  operation;
	uint8_t  reserved;
	int32_t  status;
	union {
		struct vibif_query_port_rsp    query_port;
		struct vibif_query_gid_rsp     query_gid;
		struct vibif_query_pkey_rsp    query_pkey;
		struct vibif_alloc_context_rsp alloc_context;
		struct vibif_alloc_pd_rsp      alloc_pd;
		struct vibif_reg_mr_rsp        reg_mr;
		struct vibif_create_cq_rsp     create_cq;
		struct vibif_create_srq_rsp    create_srq;
		struct vibif_srq_limit         query_srq;
		struct vibif_create_qp_rsp     create_qp;
		struct vibif_qp_attr           query_qp;
		struct vibif_handle_rsp        alloc_xrcd;
		struct vibif_handle_rsp        created;
		struct vibif_alloc_mw_rsp      alloc_mw;
		struct vibif_query_counters_rsp query_counters;
		uint8_t                        pad[VIBIF_SLOT_SIZE - 8];
	} op;
};

#ifdef __KERNEL__
DEFINE_RING_TYPES(vibif, struct vibif_req, struct vibif_rsp);
#endif

/*
 * Event area
 * ==========
 *
 * 2^evt-page-order pages, which the frontend clears before Initialised:
 *
 *	page 0		summary: VIBIF_EVENT_WORDS(order) bits, bit h for word
 *			h. It is an array of uint64_t: bit h is bit
 *			h % VIBIF_SUMMARY_BITS of number h / VIBIF_SUMMARY_BITS.
 *	pages 1 ..	words: an array of uint32_t, VIBIF_WORDS_PER_PAGE in
 *			each page, word 0 at the start of page 1. Each has room
 *			for VIBIF_WORD_BITS events.
 *
 * Word 0 is the device's. Word h is that of the object with handle h: handles
 * of CQs, QPs and SRQs lie in 1 .. VIBIF_EVENT_WORDS(order) - 1. Handles of
 * other objects lie above, and have no word.
 *
 * The backend sets the event's bit in the word, then the word's bit in the
 * summary, both atomically. If neither was set before, it notifies the event
 * channel: at once, or some milliseconds later if the guest has very many
 * events.
 *
 * The frontend, when notified, atomically takes and clears a number of the
 * summary first, and then the words that it names. It finds a word empty if
 * the backend has set the word's bit of the summary again in between.
 *
 * A bit that is set again before it was taken is one event. For completions
 * this loses nothing, because a CQ fires once each time it is armed. Of events
 * that are pending together nobody knows which came first.
 */
#define VIBIF_SUMMARY_BITS			64
#define VIBIF_WORD_BITS				32
#define VIBIF_WORDS_PER_PAGE			1024
#define VIBIF_EVENT_WORDS(order)		\
	(((1U << (order)) - 1) * VIBIF_WORDS_PER_PAGE)

/* Word of a CQ */
#define VIBIF_EVENT_COMPLETION			0
#define VIBIF_EVENT_CQ_ERROR			1
/* Word of a QP */
#define VIBIF_EVENT_QP_FATAL			0
#define VIBIF_EVENT_QP_REQ_ERROR		1
#define VIBIF_EVENT_QP_ACCESS_ERROR		2
#define VIBIF_EVENT_QP_COMM_EST			3
#define VIBIF_EVENT_QP_SQ_DRAINED		4
#define VIBIF_EVENT_QP_PATH_MIG			5
#define VIBIF_EVENT_QP_PATH_MIG_ERROR		6
#define VIBIF_EVENT_QP_LAST_WQE_REACHED		7
/* Word of an SRQ */
#define VIBIF_EVENT_SRQ_LIMIT			0
#define VIBIF_EVENT_SRQ_ERROR			1
/* Word 0: VIBIF_EVENT_PORT(port, event), port from 1, and the device's own */
#define VIBIF_EVENT_PORT_ACTIVE			0
#define VIBIF_EVENT_PORT_ERROR			1
#define VIBIF_EVENT_PORT_LID_CHANGE		2
#define VIBIF_EVENT_PORT_PKEY_CHANGE		3
#define VIBIF_EVENT_PORT_SM_CHANGE		4
#define VIBIF_EVENT_PORT_CLIENT_REREGISTER	5
#define VIBIF_EVENT_PORT_GID_CHANGE		6
#define VIBIF_EVENT_PORT(port, event)		(((port) - 1) * 8 + (event))
#define VIBIF_EVENT_DEVICE_FATAL		31

/*
 * MAD area
 * ========
 *
 * Management datagrams (MADs; IBTA, chapter 13) that the guest sends from QP 1,
 * and those for it. There is no QP 0 for guests.
 *
 * The area is 2^mad-page-order pages, which the frontend clears before
 * Initialised. It is divided into slots of VIBIF_MAD_SLOT_SIZE octets, which
 * may cross the end of a page:
 *
 *	slot 0		struct vibif_mad_indices
 *	slots 1 ..	VIBIF_MAD_TX_SLOTS(order) for MADs from the guest
 *	behind them	VIBIF_MAD_RX_SLOTS(order) for MADs to the guest
 *
 * Each index has a cache line of its own. Octets count from the area's start:
 *
 *    0  tx_prod - uint32_t, written by the frontend: MADs it has put into slots
 *   64  tx_cons - uint32_t, written by the backend: MADs it has taken
 *  128  rx_prod - uint32_t, written by the backend: MADs it has put into slots
 *  192  rx_cons - uint32_t, written by the frontend: MADs it has taken
 *  256  rx_dropped - uint32_t, written by the backend: MADs for which there was
 *        no slot. They are lost, as on a QP without receives.
 *
 * They count from 0, without end and modulo 2^32. MAD number n is in slot
 * n % VIBIF_MAD_*_SLOTS(order) of its direction. Whoever writes MADs fills the
 * slots, then writes the index. Whoever takes them reads the slots, then writes
 * the index. A frontend whose tx_prod is further ahead of tx_cons than there
 * are slots has overrun the area.
 *
 * After it has written an index, an end reads the other's, both with a full
 * barrier in between:
 *
 *  - Whoever has written MADs notifies the event channel, if the other end had
 *    taken all that were there before them.
 *  - Whoever has taken MADs goes on, if there are more. The backend notifies
 *    the event channel if the slots were full before it took these, as the
 *    frontend may wait for one.
 *
 * The backend takes MADs from the guest at a bounded rate, see mad-rate.
 *
 * A slot:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |      port      |    reserved    |            pkey_index           | 4
 * +----------------+----------------+----------------+----------------+
 * |                                qpn                                | 8
 * +----------------+----------------+----------------+----------------+
 * |                                 av                                | 12
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                 av                                | 40
 * +----------------+----------------+----------------+----------------+
 * |                                grh                                | 44
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                grh                                | 80
 * +----------------+----------------+----------------+----------------+
 * |                              reserved                             | 84
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                              reserved                             | 128
 * +----------------+----------------+----------------+----------------+
 * |                                mad                                | 132
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 * |                                mad                                | 384
 * +----------------+----------------+----------------+----------------+
 *
 * port - uint8_t, 1 .. phys_port_cnt
 * pkey_index - uint16_t, 0 .. pkey_tbl_len - 1. If there is a pkeys-<p> MADs of
 *   SubnAdm have the default P_Key instead: what the guest says here does not
 *   matter then, and what it is told is 0 if its table has no such P_Key.
 *   Other MADs with a P_Key that its table has not are lost.
 * qpn - uint32_t, the peer's. From the guest: 1.
 * av - struct vibif_av, the way to the peer. From the guest: dlid is a unicast
 *   LID, 1 .. VIBIF_MAX_UNICAST_LID, and sgid_index is 0. To the guest: dlid is
 *   the peer's LID, sl that of the MAD, and src_path_bits those of the LID that
 *   it was sent to. With VIBIF_AV_GRH there is a grh. The rest is zero.
 * grh - uint8_t[40], to the guest: the global route header as it came. Zero
 *   from the guest.
 * mad - uint8_t[256], the MAD itself
 *
 * What a guest may send
 * ---------------------
 *
 *	class			method			else
 *	0x03 SubnAdm		Get, GetTable		only to the SM's LID
 *	0x04 PerfMgt		Get			if mad-pm is 1
 *	0x06 DevMgt		Get
 *	0x07 CM			Send			attributes 0x10 .. 0x1a
 *	0x32 vendor specific	Get			OUI 00:14:05
 *
 * Set and Delete of an MCMemberRecord (attribute 0x38 of SubnAdm, to the SM's
 * LID) are not sent: the backend makes the port a member of the group for the
 * guest, or ends that, and answers as the SA does. The record must name the
 * group (MGID), the guest's own GID (PortGID) and the JoinState, of which Set
 * has one bit, and in a Set the P_Key, which is in the guest's table. There is
 * no proxy join. The backend answers with the guest's GID and with all states
 * that the guest is in the group with. Each group and state counts for
 * max-mcast. What the guest is in when the connection ends it leaves. After
 * VIBIF_EVENT_PORT_CLIENT_REREGISTER it joins again what it is to be in.
 *
 * And with these methods ACK, STOP and ABORT of RMPP (IBTA, 13.6), in a
 * transaction that the guest has begun. The SM_Key is cleared. To any other MAD
 * whose method is Get, Set, GetTable, GetTraceTable, GetMulti or Delete the
 * backend answers in the peer's name with the status 0x000c, which says that
 * there is no such method or attribute. All others it discards, other segments
 * of RMPP among them. It discards what breaks a rule of the slot, too.
 *
 * Messages of the communication manager (CM; IBTA, chapter 12) have to say of
 * the guest what is so, and to answer what it has received: others are
 * discarded. The guest's communication IDs are its own; on the fabric each has
 * another.
 *
 * The guest receives answers to what it has sent, and messages of the CM to its
 * GID or its IP addresses. Transaction IDs are the guest's own. Of its
 * transactions the backend remembers the last VIBIF_MAD_TRANSACTIONS of each
 * port, and as many requests wait for answers.
 */
#define VIBIF_MAD_SLOT_SIZE			384
#define VIBIF_MAD_TX_SLOTS(order)		(2U << (order))
#define VIBIF_MAD_RX_SLOTS(order)		(8U << (order))

#define VIBIF_MAX_UNICAST_LID			0xbfff
#define VIBIF_MAD_TRANSACTIONS			1024

#define VIBIF_DEFAULT_MAD_RATE			2000
#define VIBIF_MAX_MAD_RATE			1000000
#define VIBIF_MAD_BURST				512

struct vibif_mad_index {
	uint32_t value;
	uint32_t reserved[15];
};

struct vibif_mad_indices {
	struct vibif_mad_index tx_prod;
	struct vibif_mad_index tx_cons;
	struct vibif_mad_index rx_prod;
	struct vibif_mad_index rx_cons;
	struct vibif_mad_index rx_dropped;
	struct vibif_mad_index reserved;
};

struct vibif_mad {
	uint8_t  port;
	uint8_t  reserved;
	uint16_t pkey_index;
	uint32_t qpn;
	struct vibif_av av;
	uint8_t  grh[40];
	uint8_t  reserved1[48];
	uint8_t  mad[256];
};

/*
 * Layout
 * ======
 *
 * What the drawings say, for the compiler.
 */
#define VIBIF_ASSERT_SIZE(type, size)		\
	static_assert(sizeof(struct type) == (size), "size of " #type)
#define VIBIF_ASSERT_AT(type, field, offset)	\
	static_assert(offsetof(struct type, field) == (offset), \
		      "offset of " #type "." #field)

VIBIF_ASSERT_SIZE(vibif_page_directory, 4096);
VIBIF_ASSERT_AT(vibif_page_directory, gref_dir_next_page, 0);
VIBIF_ASSERT_AT(vibif_page_directory, gref, 4);

VIBIF_ASSERT_SIZE(vibif_page_list, 8);
VIBIF_ASSERT_AT(vibif_page_list, gref_directory, 0);
VIBIF_ASSERT_AT(vibif_page_list, nr_pages, 4);

VIBIF_ASSERT_SIZE(vibif_doorbell, 8);
VIBIF_ASSERT_AT(vibif_doorbell, gref, 0);
VIBIF_ASSERT_AT(vibif_doorbell, offset, 4);
VIBIF_ASSERT_AT(vibif_doorbell, reserved, 6);

VIBIF_ASSERT_SIZE(vibif_device_attr, 336);
VIBIF_ASSERT_AT(vibif_device_attr, fw_ver, 0);
VIBIF_ASSERT_AT(vibif_device_attr, node_guid, 8);
VIBIF_ASSERT_AT(vibif_device_attr, sys_image_guid, 16);
VIBIF_ASSERT_AT(vibif_device_attr, max_mr_size, 24);
VIBIF_ASSERT_AT(vibif_device_attr, page_size_cap, 32);
VIBIF_ASSERT_AT(vibif_device_attr, device_cap_flags, 40);
VIBIF_ASSERT_AT(vibif_device_attr, vendor_id, 48);
VIBIF_ASSERT_AT(vibif_device_attr, vendor_part_id, 52);
VIBIF_ASSERT_AT(vibif_device_attr, hw_ver, 56);
VIBIF_ASSERT_AT(vibif_device_attr, max_qp, 60);
VIBIF_ASSERT_AT(vibif_device_attr, max_qp_wr, 64);
VIBIF_ASSERT_AT(vibif_device_attr, max_send_sge, 68);
VIBIF_ASSERT_AT(vibif_device_attr, max_recv_sge, 72);
VIBIF_ASSERT_AT(vibif_device_attr, max_sge_rd, 76);
VIBIF_ASSERT_AT(vibif_device_attr, max_cq, 80);
VIBIF_ASSERT_AT(vibif_device_attr, max_cqe, 84);
VIBIF_ASSERT_AT(vibif_device_attr, max_mr, 88);
VIBIF_ASSERT_AT(vibif_device_attr, max_pd, 92);
VIBIF_ASSERT_AT(vibif_device_attr, max_qp_rd_atom, 96);
VIBIF_ASSERT_AT(vibif_device_attr, max_res_rd_atom, 100);
VIBIF_ASSERT_AT(vibif_device_attr, max_qp_init_rd_atom, 104);
VIBIF_ASSERT_AT(vibif_device_attr, atomic_cap, 108);
VIBIF_ASSERT_AT(vibif_device_attr, masked_atomic_cap, 112);
VIBIF_ASSERT_AT(vibif_device_attr, max_mw, 116);
VIBIF_ASSERT_AT(vibif_device_attr, max_mcast_grp, 120);
VIBIF_ASSERT_AT(vibif_device_attr, max_mcast_qp_attach, 124);
VIBIF_ASSERT_AT(vibif_device_attr, max_total_mcast_qp_attach, 128);
VIBIF_ASSERT_AT(vibif_device_attr, max_ah, 132);
VIBIF_ASSERT_AT(vibif_device_attr, max_srq, 136);
VIBIF_ASSERT_AT(vibif_device_attr, max_srq_wr, 140);
VIBIF_ASSERT_AT(vibif_device_attr, max_srq_sge, 144);
VIBIF_ASSERT_AT(vibif_device_attr, max_fast_reg_page_list_len, 148);
VIBIF_ASSERT_AT(vibif_device_attr, max_pkeys, 152);
VIBIF_ASSERT_AT(vibif_device_attr, local_ca_ack_delay, 154);
VIBIF_ASSERT_AT(vibif_device_attr, phys_port_cnt, 155);
VIBIF_ASSERT_AT(vibif_device_attr, num_comp_vectors, 156);
VIBIF_ASSERT_AT(vibif_device_attr, node_desc, 160);
VIBIF_ASSERT_AT(vibif_device_attr, board_id, 224);
VIBIF_ASSERT_AT(vibif_device_attr, provider, 288);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_dev_caps, 292);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_qp_tab_size, 296);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_cqe_size, 300);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_bf_reg_size, 304);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_bf_regs_per_page, 306);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_max_wqes, 308);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_max_sq_sg, 312);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_max_rq_sg, 316);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_max_sq_desc_sz, 320);
VIBIF_ASSERT_AT(vibif_device_attr, mlx4_max_rq_desc_sz, 324);
VIBIF_ASSERT_AT(vibif_device_attr, reserved, 328);

VIBIF_ASSERT_SIZE(vibif_query_device_req, 4);
VIBIF_ASSERT_AT(vibif_query_device_req, gref, 0);

VIBIF_ASSERT_SIZE(vibif_query_port_req, 1);
VIBIF_ASSERT_AT(vibif_query_port_req, port, 0);

VIBIF_ASSERT_SIZE(vibif_query_port_rsp, 40);
VIBIF_ASSERT_AT(vibif_query_port_rsp, port_cap_flags, 0);
VIBIF_ASSERT_AT(vibif_query_port_rsp, max_msg_sz, 4);
VIBIF_ASSERT_AT(vibif_query_port_rsp, bad_pkey_cntr, 8);
VIBIF_ASSERT_AT(vibif_query_port_rsp, qkey_viol_cntr, 12);
VIBIF_ASSERT_AT(vibif_query_port_rsp, gid_tbl_len, 16);
VIBIF_ASSERT_AT(vibif_query_port_rsp, pkey_tbl_len, 18);
VIBIF_ASSERT_AT(vibif_query_port_rsp, lid, 20);
VIBIF_ASSERT_AT(vibif_query_port_rsp, sm_lid, 22);
VIBIF_ASSERT_AT(vibif_query_port_rsp, active_speed, 24);
VIBIF_ASSERT_AT(vibif_query_port_rsp, port_cap_flags2, 26);
VIBIF_ASSERT_AT(vibif_query_port_rsp, state, 28);
VIBIF_ASSERT_AT(vibif_query_port_rsp, max_mtu, 29);
VIBIF_ASSERT_AT(vibif_query_port_rsp, active_mtu, 30);
VIBIF_ASSERT_AT(vibif_query_port_rsp, lmc, 31);
VIBIF_ASSERT_AT(vibif_query_port_rsp, sm_sl, 32);
VIBIF_ASSERT_AT(vibif_query_port_rsp, max_vl_num, 33);
VIBIF_ASSERT_AT(vibif_query_port_rsp, subnet_timeout, 34);
VIBIF_ASSERT_AT(vibif_query_port_rsp, init_type_reply, 35);
VIBIF_ASSERT_AT(vibif_query_port_rsp, active_width, 36);
VIBIF_ASSERT_AT(vibif_query_port_rsp, phys_state, 37);
VIBIF_ASSERT_AT(vibif_query_port_rsp, reserved, 38);

VIBIF_ASSERT_SIZE(vibif_query_table_req, 4);
VIBIF_ASSERT_AT(vibif_query_table_req, port, 0);
VIBIF_ASSERT_AT(vibif_query_table_req, reserved, 1);
VIBIF_ASSERT_AT(vibif_query_table_req, index, 2);

VIBIF_ASSERT_SIZE(vibif_query_gid_rsp, 112);
VIBIF_ASSERT_AT(vibif_query_gid_rsp, gid, 0);

VIBIF_ASSERT_SIZE(vibif_query_pkey_rsp, 112);
VIBIF_ASSERT_AT(vibif_query_pkey_rsp, pkey, 0);

VIBIF_ASSERT_SIZE(vibif_uar, 24);
VIBIF_ASSERT_AT(vibif_uar, frame, 0);
VIBIF_ASSERT_AT(vibif_uar, bf_frame, 8);
VIBIF_ASSERT_AT(vibif_uar, index, 16);
VIBIF_ASSERT_AT(vibif_uar, reserved, 20);

VIBIF_ASSERT_SIZE(vibif_alloc_context_rsp, 104);
VIBIF_ASSERT_AT(vibif_alloc_context_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_alloc_context_rsp, nr_uars, 4);
VIBIF_ASSERT_AT(vibif_alloc_context_rsp, uar, 8);

VIBIF_ASSERT_SIZE(vibif_alloc_pd_rsp, 8);
VIBIF_ASSERT_AT(vibif_alloc_pd_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_alloc_pd_rsp, pdn, 4);

VIBIF_ASSERT_SIZE(vibif_reg_mr_req, 40);
VIBIF_ASSERT_AT(vibif_reg_mr_req, iova, 0);
VIBIF_ASSERT_AT(vibif_reg_mr_req, length, 8);
VIBIF_ASSERT_AT(vibif_reg_mr_req, pd, 16);
VIBIF_ASSERT_AT(vibif_reg_mr_req, access, 20);
VIBIF_ASSERT_AT(vibif_reg_mr_req, flags, 24);
VIBIF_ASSERT_AT(vibif_reg_mr_req, source, 28);
VIBIF_ASSERT_AT(vibif_reg_mr_req, pages, 32);

VIBIF_ASSERT_SIZE(vibif_reg_mr_rsp, 12);
VIBIF_ASSERT_AT(vibif_reg_mr_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_reg_mr_rsp, lkey, 4);
VIBIF_ASSERT_AT(vibif_reg_mr_rsp, rkey, 8);

VIBIF_ASSERT_SIZE(vibif_create_cq_req, 32);
VIBIF_ASSERT_AT(vibif_create_cq_req, context, 0);
VIBIF_ASSERT_AT(vibif_create_cq_req, entries, 4);
VIBIF_ASSERT_AT(vibif_create_cq_req, comp_vector, 8);
VIBIF_ASSERT_AT(vibif_create_cq_req, reserved, 12);
VIBIF_ASSERT_AT(vibif_create_cq_req, pages, 16);
VIBIF_ASSERT_AT(vibif_create_cq_req, doorbell, 24);

VIBIF_ASSERT_SIZE(vibif_create_cq_rsp, 8);
VIBIF_ASSERT_AT(vibif_create_cq_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_create_cq_rsp, cqn, 4);

VIBIF_ASSERT_SIZE(vibif_modify_cq_req, 4);
VIBIF_ASSERT_AT(vibif_modify_cq_req, count, 0);
VIBIF_ASSERT_AT(vibif_modify_cq_req, period_us, 2);

VIBIF_ASSERT_SIZE(vibif_resize_cq_req, 12);
VIBIF_ASSERT_AT(vibif_resize_cq_req, entries, 0);
VIBIF_ASSERT_AT(vibif_resize_cq_req, pages, 4);

VIBIF_ASSERT_SIZE(vibif_create_srq_req, 32);
VIBIF_ASSERT_AT(vibif_create_srq_req, pd, 0);
VIBIF_ASSERT_AT(vibif_create_srq_req, cq, 4);
VIBIF_ASSERT_AT(vibif_create_srq_req, xrcd, 8);
VIBIF_ASSERT_AT(vibif_create_srq_req, type, 12);
VIBIF_ASSERT_AT(vibif_create_srq_req, log_wqe_count, 13);
VIBIF_ASSERT_AT(vibif_create_srq_req, log_wqe_stride, 14);
VIBIF_ASSERT_AT(vibif_create_srq_req, reserved, 15);
VIBIF_ASSERT_AT(vibif_create_srq_req, pages, 16);
VIBIF_ASSERT_AT(vibif_create_srq_req, doorbell, 24);

VIBIF_ASSERT_SIZE(vibif_create_srq_rsp, 8);
VIBIF_ASSERT_AT(vibif_create_srq_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_create_srq_rsp, srqn, 4);

VIBIF_ASSERT_SIZE(vibif_srq_limit, 4);
VIBIF_ASSERT_AT(vibif_srq_limit, limit, 0);

VIBIF_ASSERT_SIZE(vibif_create_qp_req, 48);
VIBIF_ASSERT_AT(vibif_create_qp_req, context, 0);
VIBIF_ASSERT_AT(vibif_create_qp_req, pd, 4);
VIBIF_ASSERT_AT(vibif_create_qp_req, send_cq, 8);
VIBIF_ASSERT_AT(vibif_create_qp_req, recv_cq, 12);
VIBIF_ASSERT_AT(vibif_create_qp_req, srq, 16);
VIBIF_ASSERT_AT(vibif_create_qp_req, xrcd, 20);
VIBIF_ASSERT_AT(vibif_create_qp_req, type, 24);
VIBIF_ASSERT_AT(vibif_create_qp_req, flags, 25);
VIBIF_ASSERT_AT(vibif_create_qp_req, log_sq_wqe_count, 26);
VIBIF_ASSERT_AT(vibif_create_qp_req, log_sq_wqe_stride, 27);
VIBIF_ASSERT_AT(vibif_create_qp_req, log_rq_wqe_count, 28);
VIBIF_ASSERT_AT(vibif_create_qp_req, log_rq_wqe_stride, 29);
VIBIF_ASSERT_AT(vibif_create_qp_req, reserved, 30);
VIBIF_ASSERT_AT(vibif_create_qp_req, pages, 32);
VIBIF_ASSERT_AT(vibif_create_qp_req, doorbell, 40);

VIBIF_ASSERT_SIZE(vibif_create_qp_rsp, 8);
VIBIF_ASSERT_AT(vibif_create_qp_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_create_qp_rsp, qpn, 4);

VIBIF_ASSERT_SIZE(vibif_av, 32);
VIBIF_ASSERT_AT(vibif_av, dgid, 0);
VIBIF_ASSERT_AT(vibif_av, flow_label, 16);
VIBIF_ASSERT_AT(vibif_av, dlid, 20);
VIBIF_ASSERT_AT(vibif_av, sgid_index, 22);
VIBIF_ASSERT_AT(vibif_av, hop_limit, 23);
VIBIF_ASSERT_AT(vibif_av, traffic_class, 24);
VIBIF_ASSERT_AT(vibif_av, sl, 25);
VIBIF_ASSERT_AT(vibif_av, src_path_bits, 26);
VIBIF_ASSERT_AT(vibif_av, static_rate, 27);
VIBIF_ASSERT_AT(vibif_av, flags, 28);
VIBIF_ASSERT_AT(vibif_av, reserved, 29);

VIBIF_ASSERT_SIZE(vibif_qp_attr, 112);
VIBIF_ASSERT_AT(vibif_qp_attr, attr_mask, 0);
VIBIF_ASSERT_AT(vibif_qp_attr, qkey, 4);
VIBIF_ASSERT_AT(vibif_qp_attr, rq_psn, 8);
VIBIF_ASSERT_AT(vibif_qp_attr, sq_psn, 12);
VIBIF_ASSERT_AT(vibif_qp_attr, dest_qpn, 16);
VIBIF_ASSERT_AT(vibif_qp_attr, access, 20);
VIBIF_ASSERT_AT(vibif_qp_attr, pkey_index, 24);
VIBIF_ASSERT_AT(vibif_qp_attr, alt_pkey_index, 26);
VIBIF_ASSERT_AT(vibif_qp_attr, state, 28);
VIBIF_ASSERT_AT(vibif_qp_attr, cur_state, 29);
VIBIF_ASSERT_AT(vibif_qp_attr, path_mtu, 30);
VIBIF_ASSERT_AT(vibif_qp_attr, path_mig_state, 31);
VIBIF_ASSERT_AT(vibif_qp_attr, en_sqd_async_notify, 32);
VIBIF_ASSERT_AT(vibif_qp_attr, sq_draining, 33);
VIBIF_ASSERT_AT(vibif_qp_attr, max_rd_atomic, 34);
VIBIF_ASSERT_AT(vibif_qp_attr, max_dest_rd_atomic, 35);
VIBIF_ASSERT_AT(vibif_qp_attr, min_rnr_timer, 36);
VIBIF_ASSERT_AT(vibif_qp_attr, port, 37);
VIBIF_ASSERT_AT(vibif_qp_attr, timeout, 38);
VIBIF_ASSERT_AT(vibif_qp_attr, retry_cnt, 39);
VIBIF_ASSERT_AT(vibif_qp_attr, rnr_retry, 40);
VIBIF_ASSERT_AT(vibif_qp_attr, alt_port, 41);
VIBIF_ASSERT_AT(vibif_qp_attr, alt_timeout, 42);
VIBIF_ASSERT_AT(vibif_qp_attr, reserved, 43);
VIBIF_ASSERT_AT(vibif_qp_attr, av, 44);
VIBIF_ASSERT_AT(vibif_qp_attr, alt_av, 76);
VIBIF_ASSERT_AT(vibif_qp_attr, reserved1, 108);

VIBIF_ASSERT_SIZE(vibif_mcast_req, 20);
VIBIF_ASSERT_AT(vibif_mcast_req, gid, 0);
VIBIF_ASSERT_AT(vibif_mcast_req, flags, 16);

VIBIF_ASSERT_SIZE(vibif_handle_rsp, 4);
VIBIF_ASSERT_AT(vibif_handle_rsp, handle, 0);

VIBIF_ASSERT_SIZE(vibif_alloc_mw_req, 8);
VIBIF_ASSERT_AT(vibif_alloc_mw_req, pd, 0);
VIBIF_ASSERT_AT(vibif_alloc_mw_req, type, 4);

VIBIF_ASSERT_SIZE(vibif_alloc_mw_rsp, 8);
VIBIF_ASSERT_AT(vibif_alloc_mw_rsp, handle, 0);
VIBIF_ASSERT_AT(vibif_alloc_mw_rsp, rkey, 4);

VIBIF_ASSERT_SIZE(vibif_set_addrs_req, 116);
VIBIF_ASSERT_AT(vibif_set_addrs_req, port, 0);
VIBIF_ASSERT_AT(vibif_set_addrs_req, count, 1);
VIBIF_ASSERT_AT(vibif_set_addrs_req, reserved, 2);
VIBIF_ASSERT_AT(vibif_set_addrs_req, addr, 4);

VIBIF_ASSERT_SIZE(vibif_query_counters_req, 1);
VIBIF_ASSERT_AT(vibif_query_counters_req, port, 0);

VIBIF_ASSERT_SIZE(vibif_query_counters_rsp, 32);
VIBIF_ASSERT_AT(vibif_query_counters_rsp, rx_octets, 0);
VIBIF_ASSERT_AT(vibif_query_counters_rsp, rx_packets, 8);
VIBIF_ASSERT_AT(vibif_query_counters_rsp, tx_octets, 16);
VIBIF_ASSERT_AT(vibif_query_counters_rsp, tx_packets, 24);

VIBIF_ASSERT_SIZE(vibif_mad_index, 64);
VIBIF_ASSERT_AT(vibif_mad_index, value, 0);

VIBIF_ASSERT_SIZE(vibif_mad_indices, VIBIF_MAD_SLOT_SIZE);
VIBIF_ASSERT_AT(vibif_mad_indices, tx_prod, 0);
VIBIF_ASSERT_AT(vibif_mad_indices, tx_cons, 64);
VIBIF_ASSERT_AT(vibif_mad_indices, rx_prod, 128);
VIBIF_ASSERT_AT(vibif_mad_indices, rx_cons, 192);
VIBIF_ASSERT_AT(vibif_mad_indices, rx_dropped, 256);
VIBIF_ASSERT_AT(vibif_mad_indices, reserved, 320);

VIBIF_ASSERT_SIZE(vibif_mad, VIBIF_MAD_SLOT_SIZE);
VIBIF_ASSERT_AT(vibif_mad, port, 0);
VIBIF_ASSERT_AT(vibif_mad, reserved, 1);
VIBIF_ASSERT_AT(vibif_mad, pkey_index, 2);
VIBIF_ASSERT_AT(vibif_mad, qpn, 4);
VIBIF_ASSERT_AT(vibif_mad, av, 8);
VIBIF_ASSERT_AT(vibif_mad, grh, 40);
VIBIF_ASSERT_AT(vibif_mad, reserved1, 80);
VIBIF_ASSERT_AT(vibif_mad, mad, 128);

#define VIBIF_ASSERT_MAD_AREA(order)					\
	static_assert((1 + VIBIF_MAD_TX_SLOTS(order) +			\
		       VIBIF_MAD_RX_SLOTS(order)) * VIBIF_MAD_SLOT_SIZE <= \
		      VIBIF_PAGE_SIZE << (order), "MAD area of order " #order)
VIBIF_ASSERT_MAD_AREA(VIBIF_MIN_MAD_PAGE_ORDER);
VIBIF_ASSERT_MAD_AREA(VIBIF_MAX_MAD_PAGE_ORDER);

VIBIF_ASSERT_SIZE(vibif_req, VIBIF_SLOT_SIZE);
VIBIF_ASSERT_AT(vibif_req, id, 0);
VIBIF_ASSERT_AT(vibif_req, operation, 2);
VIBIF_ASSERT_AT(vibif_req, reserved, 3);
VIBIF_ASSERT_AT(vibif_req, handle, 4);
VIBIF_ASSERT_AT(vibif_req, op, 8);

VIBIF_ASSERT_SIZE(vibif_rsp, VIBIF_SLOT_SIZE);
VIBIF_ASSERT_AT(vibif_rsp, id, 0);
VIBIF_ASSERT_AT(vibif_rsp, operation, 2);
VIBIF_ASSERT_AT(vibif_rsp, reserved, 3);
VIBIF_ASSERT_AT(vibif_rsp, status, 4);
VIBIF_ASSERT_AT(vibif_rsp, op, 8);

#endif /* __XEN_PUBLIC_IO_VIBIF_H__ */
