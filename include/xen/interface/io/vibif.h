/* SPDX-License-Identifier: MIT */
/*
 * vibif.h - virtual InfiniBand HCA: the protocol between a guest's frontend
 * and the backend in the domain that owns the HCA.
 *
 * This header is the specification. Bits and values that it does not list are
 * those of Linux's rdma/ib_verbs.h: attr_mask, device_cap_flags, states of ports
 * and queue pairs, MTUs, rates, speeds and widths.
 */

#ifndef __XEN_PUBLIC_IO_VIBIF_H__
#define __XEN_PUBLIC_IO_VIBIF_H__

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/types.h>
#include <xen/interface/io/ring.h>
#else
#include <assert.h>
#include <stdint.h>
#endif

/*
 * Protocol version
 * ================
 *
 * The backend lists what it speaks in "versions", the frontend picks one it
 * speaks too and writes it to "version". If they share none, whichever end
 * notices closes the device with an error.
 */
#define VIBIF_PROTOCOL_VERSION			"1"
#define VIBIF_PROTOCOL_VERSION_INT		1

/*
 * Purpose
 * =======
 *
 * The frontend forwards the privileged verbs: those that create, change, query
 * or destroy an object of the HCA. Posting work, ringing doorbells and polling
 * for completions never appear here: the guest's processes do these on a
 * doorbell page (UAR) of their own and on queues in their own memory, which the
 * HCA reaches by DMA.
 *
 * Three channels connect the two ends:
 *  - the request ring, with its event channel;
 *  - the event area, shared pages in which the backend sets bits for
 *    completion and asynchronous events, with an event channel of its own;
 *  - frames of I/O memory that the toolstack has opened to the guest.
 *
 * Addresses and numbers: QPN, CQN, SRQN, PDN, lkey, rkey and the UAR index are the
 * HCA's own, because user space puts them into work requests and doorbells.
 * All other objects are named by handles, which the backend chooses.
 *
 * Notification: both directions of the ring use the hold-off mechanism of
 * ring.h (req_event, rsp_event).
 *
 * Example
 * =======
 *
 * Backend, /local/domain/0/backend/vib/3/0/
 *	frontend		= "/local/domain/3/device/vib/0"
 *	frontend-id		= "3"
 *	online			= "1"
 *	state			= "4"
 *	hca			= "mlx4_0"
 *	hca-guid		= "0002:c903:0012:3456"
 *	max-contexts		= "32"
 *	versions		= "1"
 *	max-ring-page-order	= "4"
 *	max-event-page-order	= "4"
 *	feature-resize-cq	= "1"
 *	hca-instance		= "0"
 *	uar-count		= "32"
 *	uar-0			= "1032 0xfe408 0xfe808"
 *	uar-1			= "1033 0xfe409 0xfe809"
 *	...
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
 *
 * Backend nodes
 * =============
 *
 * Numbers are decimal unless said otherwise.
 *
 * Written by the toolstack before state Initialising:
 *
 * hca-guid
 *	Values:		<string>, the HCA's node GUID, "%04x:%04x:%04x:%04x"
 *	Default Value:	that of the first HCA that the backend can use; it
 *			writes its choice here
 *
 *	Names the HCA for as long as the device is attached. A name would not
 *	do: udev renames RDMA devices, and one that restarts comes back under its first name.
 *
 * max-contexts, max-pds, max-mrs, max-pages, max-cqs, max-qps, max-srqs,
 * max-mcast, max-mws, max-xrcds
 *	Values:		<uint32_t>; a backend may have limits for them
 *	Default Value:	set by the backend
 *
 *	Quotas: how many such objects, and pages granted and mapped for the
 *	HCA, the guest may hold at once. A request beyond its quota fails with
 *	-XEN_ENOMEM. So many times what a context has of them UARs are reserved.
 *
 * Written by the toolstack after the backend has reached InitWait and before
 * it creates the frontend's nodes:
 *
 * uar-gfn-base
 *	Values:		<uint64_t>
 *	Default Value:	absent
 *
 *	For an auto-translated guest (PVH, HVM): the guest frame at which UAR
 *	0 is mapped; UAR i is at uar-gfn-base + 2 * i and its BlueFlame page in the
 *	frame after. Absent for a PV guest, which uses machine frames.
 *
 * Written by the backend before InitWait:
 *
 * hca
 *	Values:		<string>, the HCA's RDMA device name in the backend's
 *			domain, for people; follows renames
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
 * feature-resize-cq, feature-rereg-mr, feature-xrc, feature-mw
 *	Values:		0, 1
 *	Default Value:	0
 *
 *	The backend serves VIBIF_OP_RESIZE_CQ; VIBIF_OP_REREG_MR; VIBIF_OP_ALLOC_XRCD
 *	and XRC queue pairs and SRQs; VIBIF_OP_ALLOC_MW.
 *
 * uar-count
 *	Values:		<uint32_t>, 1 .. VIBIF_MAX_UARS; as many for each of
 *			max-contexts as a context of the HCA has
 *
 * uar-<i>, i = 0 .. uar-count - 1
 *	Values:		<uint32_t> <hex uint64_t> <hex uint64_t>
 *
 *	The UAR's index in the HCA, the machine frame of its doorbell page, and
 *	that of its BlueFlame page (0: the HCA has none). For the toolstack,
 *	and for the backend itself after it has been reloaded: the
 *	reservation belongs to the attached device, not to the running
 *	backend. The frontend learns frames from VIBIF_OP_ALLOC_CONTEXT.
 *
 * hca-instance
 *	Values:		<uint32_t>
 *
 *	Changes when the HCA's core driver restarts and forgets reservations.
 *	A backend that finds another value, be it reloaded or told of the restart,
 *	reserves the same UARs again; it refuses the device if one of them has
 *	gone to somebody else.
 *
 * Frontend nodes
 * ==============
 *
 * Written by the frontend before Initialised:
 *
 * version
 *	Values:		one of the backend's versions
 *
 * req-ring-page-order
 *	Values:		<uint32_t>, 0 .. max-ring-page-order
 *
 * req-ring-ref<i>, i = 0 .. 2^req-ring-page-order - 1
 *	Values:		<uint32_t>, grant reference of the ring's page i
 *
 * req-event-channel
 *	Values:		<uint32_t>
 *
 * evt-page-order
 *	Values:		<uint32_t>, 1 .. max-event-page-order
 *
 * evt-page-ref<i>, i = 0 .. 2^evt-page-order - 1
 *	Values:		<uint32_t>, grant reference of page i of the event area
 *
 * evt-event-channel
 *	Values:		<uint32_t>
 *
 * States
 * ======
 *
 *	Toolstack		Back				Front
 *
 *	creates an empty
 *	frontend directory and
 *	the backend nodes, state
 *	Initialising
 *				reserves UARs,
 *				writes its nodes,
 *				InitWait
 *	opens the UAR frames
 *	to the guest, creates
 *	frontend nodes, state
 *	Initialising
 *								reads versions, limits,
 *								grants ring and event
 *								area, writes its nodes,
 *								Initialised
 *				maps ring and event area,
 *				Connected
 *								queries the device,
 *								registers it, Connected
 *
 * The frontend's directory exists from the start, because the xenbus of Linux does not
 * probe a backend without one. Until the toolstack has written its state it has none:
 * a backend takes that as a frontend that has not come, as long as "online" is 1.
 *
 * Closing: whoever closes first writes Closing. The frontend revokes the
 * mappings of its processes, destroys or abandons its objects, and writes Closed. The
 * backend, seeing the frontend Closing, Closed or gone, stops serving the
 * ring, destroys every object of the guest in the HCA, unmaps every page, and writes
 * Closed (Closing before the frontend has closed).
 *
 * Reload: a backend that comes back finds its nodes, adopts the UARs, and
 * writes InitWait. A frontend that is Closed and sees InitWait starts again at
 * Initialising. A frontend that comes back writes Initialising; a backend
 * that is Closed while "online" is 1 returns to InitWait.
 *
 * A frontend's directory that disappears while the guest lives closes the device. Its
 * backend nodes stay for the toolstack, which takes the UARs from the guest and
 * removes them.
 *
 * A UAR that the guest may still have mapped is not given to anyone else until
 * the domain is gone.
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

#define VIBIF_FIELD_VERSIONS			"versions"
#define VIBIF_FIELD_VERSION			"version"
#define VIBIF_FIELD_HCA				"hca"
#define VIBIF_FIELD_HCA_GUID			"hca-guid"
#define VIBIF_FIELD_HCA_INSTANCE		"hca-instance"
#define VIBIF_FIELD_UAR_COUNT			"uar-count"
#define VIBIF_FIELD_UAR				"uar-"	/* and a number */
#define VIBIF_FIELD_UAR_GFN_BASE		"uar-gfn-base"
#define VIBIF_FIELD_MAX_RING_PAGE_ORDER		"max-ring-page-order"
#define VIBIF_FIELD_MAX_EVENT_PAGE_ORDER	"max-event-page-order"
#define VIBIF_FIELD_FEATURE_RESIZE_CQ		"feature-resize-cq"
#define VIBIF_FIELD_FEATURE_REREG_MR		"feature-rereg-mr"
#define VIBIF_FIELD_FEATURE_XRC			"feature-xrc"
#define VIBIF_FIELD_FEATURE_MW			"feature-mw"
#define VIBIF_FIELD_RING_PAGE_ORDER		"req-ring-page-order"
#define VIBIF_FIELD_RING_REF			"req-ring-ref"
#define VIBIF_FIELD_RING_EVTCHN			"req-event-channel"
#define VIBIF_FIELD_EVENT_PAGE_ORDER		"evt-page-order"
#define VIBIF_FIELD_EVENT_REF			"evt-page-ref"
#define VIBIF_FIELD_EVENT_EVTCHN		"evt-event-channel"

/* The node of a quota, from its name in VIBIF_QUOTAS */
#define VIBIF_FIELD_QUOTA(name)			"max-" #name

/* VIBIF_QUOTAS(X): X(id, name, default value) for each quota. */
#define VIBIF_QUOTAS(X)			\
	X(CONTEXT, contexts, 32)	\
	X(PD, pds, 1024)		\
	X(MR, mrs, 8192)		\
	X(PAGE, pages, 65536)		\
	X(CQ, cqs, 128)			\
	X(QP, qps, 192)			\
	X(SRQ, srqs, 32)		\
	X(MCAST, mcast, 256)		\
	X(MW, mws, 8192)		\
	X(XRCD, xrcds, 256)

#define VIBIF_QUOTA_DEFAULT(id, name, value)	VIBIF_DEFAULT_##id = value,
enum vibif_quota_default { VIBIF_QUOTAS(VIBIF_QUOTA_DEFAULT) };

#define VIBIF_MAX_UARS				256
#define VIBIF_MAX_CONTEXTS			VIBIF_MAX_UARS
#define VIBIF_MAX_QUOTA				(1U << 26)

/*
 * Each CQ, QP and SRQ can have an asynchronous event at the same moment. These
 * go to one queue of the HCA, of 512 entries, and so do the completions of its
 * commands: if one of those is lost the HCA is reset. So the CQs, QPs and SRQs
 * of all guests of an HCA should stay below three quarters of that together,
 * and one guest's defaults do. More is the administrator's choice.
 */
#define VIBIF_MAX_EVENT_SOURCES			384
static_assert(VIBIF_DEFAULT_CQ + VIBIF_DEFAULT_QP + VIBIF_DEFAULT_SRQ <
	      VIBIF_MAX_EVENT_SOURCES, "a guest with default quotas");

/* Frames have 40 bits at most on x86. */
#define VIBIF_MAX_FRAME				((1ULL << 40) - 1)
#define VIBIF_FRAMES_PER_UAR			2

#define VIBIF_MAX_RING_PAGE_ORDER		4
#define VIBIF_MAX_EVENT_PAGE_ORDER		4

/*
 * Assumptions
 * ===========
 *
 *  - Pages are XEN_PAGE_SIZE, 4096 octets, on both sides.
 *  - Fields are little-endian and naturally aligned. GIDs are 16 octets and GUIDs
 *    8 octets in network order.
 *  - All reserved fields must be 0, and so must the octets of a request behind
 *    its operation's struct, the handle of an operation that has none, and bits
 *    beyond a field's range; a request that breaks this fails with -XEN_EINVAL.
 *  - The frontend makes a new ring for each connection, and sends no request
 *    before the backend is Connected.
 *  - Responses come in any order; id tells which request they answer. A frontend
 *    must not reuse an id before its response. Requests that are in flight
 *    together may be executed in any order.
 *  - The frontend keeps pages granted until the response of the request that
 *    destroys the object that uses them (or reports that it was not created).
 *
 * Page lists
 * ==========
 *
 * The pages of a queue or memory region are named by a directory: a list of
 * granted pages, each with references to VIBIF_GREFS_PER_PAGE pages.
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                        gref_dir_next_page                         | 4
 * +----------------+----------------+----------------+----------------+
 * |                              gref[0]                              | 8
 * +----------------+----------------+----------------+----------------+
 * |/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/|
 * +----------------+----------------+----------------+----------------+
 *
 * gref_dir_next_page - grant_ref_t, the next page of the directory; not read
 *   in the last page, which nr_pages tells
 * gref[i] - grant_ref_t, page i of this part of the list
 *
 * Directory pages may be revoked when the response has come; the listed pages
 * stay granted as said above.
 */
#define VIBIF_PAGE_SHIFT			12
#define VIBIF_PAGE_SIZE				(1U << VIBIF_PAGE_SHIFT)

#define VIBIF_GREFS_PER_PAGE			1023

struct vibif_page_directory {
	uint32_t gref_dir_next_page;
	uint32_t gref[VIBIF_GREFS_PER_PAGE];
};

/*
 * gref_directory - grant_ref_t, first page of the directory
 * nr_pages - number of listed pages, from 1; the request tells how many its
 *   sizes need, and any other number fails with -XEN_EINVAL
 */
struct vibif_page_list {
	uint32_t gref_directory;
	uint32_t nr_pages;
};

/*
 * The doorbell record of a CQ, SRQ or QP.
 *
 * gref - grant_ref_t of the page that holds it, granted for reading at least. Records
 *   in one page may have one reference, which the backend maps for each of them;
 *   Xen maps a reference 128 times at most.
 * offset - in octets within the page, a multiple of 8 (CQ) or 4 (SRQ, QP), the
 *   record ending within the page
 */
struct vibif_doorbell {
	uint32_t gref;
	uint16_t offset;
	uint16_t reserved;
};

/*
 * Operations
 * ==========
 *
 * Every request is VIBIF_SLOT_SIZE octets and begins so:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |               id                |   operation    |    reserved    | 4
 * +----------------+----------------+----------------+----------------+
 * |                              handle                               | 8
 * +----------------+----------------+----------------+----------------+
 *
 * id - chosen by the frontend, echoed in the response
 * operation - VIBIF_OP_*
 * handle - the object that the operation is on, 0 where there is none
 *
 * Every response is VIBIF_SLOT_SIZE octets and begins so:
 *
 *         0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |               id                |   operation    |    reserved    | 4
 * +----------------+----------------+----------------+----------------+
 * |                              status                               | 8
 * +----------------+----------------+----------------+----------------+
 *
 * status - 0, or a negative XEN_E* number; the rest is zero unless status is 0
 *
 * Common statuses:
 *   -XEN_EINVAL	an argument is out of its range, or a reserved field is set
 *   -XEN_ENOENT	a handle does not name an object of the type wanted
 *   -XEN_ENOMEM	over quota, or the HCA or the backend is out of resources
 *   -XEN_EFAULT	a grant reference cannot be used
 *   -XEN_EBUSY		the object is in use by another
 *   -XEN_EOPNOTSUPP	unknown operation, or one without its feature
 *   -XEN_EIO		the HCA failed or is gone
 * What the HCA itself refuses comes back with the status that a native user
 * would get for it.
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
#define VIBIF_OP_MAX				22

#define VIBIF_SLOT_SIZE				128

/*
 * VIBIF_OP_QUERY_DEVICE
 *
 * Request: gref - grant_ref_t, a page granted for writing. The backend puts a struct
 *   vibif_device_attr at its start before it responds.
 * Response: no more than the status.
 *
 * The attributes are those of the HCA, lowered to the guest's quotas. Names
 * and meanings are those of the IBTA's QueryHCA, and of struct ib_device_attr
 * in Linux.
 *
 * device_cap_flags - bit values of enum ib_device_cap_flags; the backend
 *   clears what a guest cannot use
 * provider - which user-space ABI the HCA's queues and doorbells follow,
 *   VIBIF_PROVIDER_*; the fields after it belong to that provider
 */
#define VIBIF_PROVIDER_MLX4			1

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
	uint32_t atomic_cap;		/* enum ib_atomic_cap */
	uint32_t masked_atomic_cap;	/* enum ib_atomic_cap */
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
	uint8_t  phys_port_cnt;		/* 1 .. VIBIF_MAX_PORTS */
	uint32_t num_comp_vectors;	/* from 1 */
	char     node_desc[64];		/* NUL-padded */
	char     board_id[64];		/* NUL-terminated */
	uint32_t provider;
	/* VIBIF_PROVIDER_MLX4; see rdma/mlx4-abi.h and the PRM */
	uint32_t mlx4_dev_caps;		/* MLX4_USER_DEV_CAP_* */
	uint32_t mlx4_qp_tab_size;	/* power of two */
	uint32_t mlx4_cqe_size;		/* octets, 32 or 64 */
	uint16_t mlx4_bf_reg_size;	/* octets, 0: no BlueFlame */
	uint16_t mlx4_bf_regs_per_page;
	uint32_t mlx4_max_wqes;
	uint32_t mlx4_max_sq_sg;
	uint32_t mlx4_max_rq_sg;
	uint32_t mlx4_max_sq_desc_sz;	/* octets */
	uint32_t mlx4_max_rq_desc_sz;	/* octets */
	uint32_t reserved[2];
};

#define VIBIF_MAX_PORTS				2

struct vibif_query_device_req {
	uint32_t gref;
};

/*
 * VIBIF_OP_QUERY_PORT
 *
 * Request: port - from 1.
 * Response: attributes named as in struct ib_port_attr of Linux, values as on
 *   the wire of PortInfo (IBTA 14.2.5.6).
 */
#define VIBIF_MTU_256				1
#define VIBIF_MTU_512				2
#define VIBIF_MTU_1024				3
#define VIBIF_MTU_2048				4
#define VIBIF_MTU_4096				5

struct vibif_query_port_req {
	uint8_t  port;
};

struct vibif_query_port_rsp {
	uint32_t port_cap_flags;
	uint32_t max_msg_sz;		/* octets */
	uint32_t bad_pkey_cntr;
	uint32_t qkey_viol_cntr;
	uint16_t gid_tbl_len;
	uint16_t pkey_tbl_len;
	uint16_t lid;
	uint16_t sm_lid;
	uint16_t active_speed;		/* enum ib_port_speed */
	uint16_t port_cap_flags2;
	uint8_t  state;			/* enum ib_port_state */
	uint8_t  max_mtu;		/* 1: 256 .. 5: 4096 */
	uint8_t  active_mtu;
	uint8_t  lmc;
	uint8_t  sm_sl;
	uint8_t  max_vl_num;
	uint8_t  subnet_timeout;
	uint8_t  init_type_reply;
	uint8_t  active_width;		/* enum ib_port_width */
	uint8_t  phys_state;
	uint8_t  reserved[2];
};

/*
 * VIBIF_OP_QUERY_GID, VIBIF_OP_QUERY_PKEY
 *
 * Request: port - from 1; index - below the port's gid_tbl_len or pkey_tbl_len.
 * Response: the entries from index on, as many as there are and fit; the rest is zero.
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
 * Response:
 *   handle - of the context
 *   nr_uars - how many UARs the context has, 1 .. VIBIF_MAX_CONTEXT_UARS, as the
 *     provider wants it (VIBIF_PROVIDER_MLX4: 1)
 *   uar[i].frame, uar[i].bf_frame - frames of the doorbell page and the
 *     BlueFlame page (0: none), to be mapped uncached and write-combining:
 *     machine frames for a PV guest, guest frames for an auto-translated one
 *   uar[i].index - the HCA's number of the UAR
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
 * VIBIF_OP_ALLOC_PD
 *
 * Request: nothing more.
 * Response: handle; pdn - the HCA's protection domain number, 24 bits.
 */
struct vibif_alloc_pd_rsp {
	uint32_t handle;
	uint32_t pdn;
};

/*
 * VIBIF_OP_REG_MR, VIBIF_OP_REREG_MR
 *
 * Request:
 *   handle (header) - REREG_MR: the memory region
 *   iova - the address that work requests will use for the first octet
 *   length - octets, iova + length not beyond 2^64
 *   pd - handle
 *   access - VIBIF_ACCESS_*
 *   flags - VIBIF_MR_*
 *   pages - (iova % 4096 + length + 4095) / 4096 of them, from 1, the first octet
 *     at iova % 4096 in the first
 *   The pages are granted, and mapped by the backend, for writing when
 *   VIBIF_MR_WRITABLE is set, else for reading only; any of LOCAL_WRITE,
 *   REMOTE_WRITE, REMOTE_ATOMIC and MW_BIND wants it, -XEN_EPERM without.
 *   REREG_MR changes what VIBIF_MR_REREG_* names, at least one, and ignores the
 *   rest; VIBIF_MR_WRITABLE belongs to REREG_TRANS. With REREG_TRANS the old
 *   pages may be revoked when the response has come with status 0.
 * Response: handle, lkey, rkey.
 *   REREG_MR: a failure that leaves the region unusable (it can then only be
 *   destroyed) is -XEN_EIO; after all others it is unchanged.
 */
#define VIBIF_ACCESS_LOCAL_WRITE		(1U << 0)
#define VIBIF_ACCESS_REMOTE_WRITE		(1U << 1)
#define VIBIF_ACCESS_REMOTE_READ		(1U << 2)
#define VIBIF_ACCESS_REMOTE_ATOMIC		(1U << 3)
#define VIBIF_ACCESS_MW_BIND			(1U << 4)
#define VIBIF_ACCESS_MASK			0x1fU

#define VIBIF_MR_WRITABLE			(1U << 0)
#define VIBIF_MR_REREG_TRANS			(1U << 1)	/* iova, length, pages */
#define VIBIF_MR_REREG_PD			(1U << 2)
#define VIBIF_MR_REREG_ACCESS			(1U << 3)
#define VIBIF_MR_MASK				0xfU

struct vibif_reg_mr_req {
	uint64_t iova;
	uint64_t length;
	uint32_t pd;
	uint32_t access;
	uint32_t flags;
	uint32_t reserved;
	struct vibif_page_list pages;
};

struct vibif_reg_mr_rsp {
	uint32_t handle;
	uint32_t lkey;
	uint32_t rkey;
};

/*
 * VIBIF_OP_CREATE_CQ
 *
 * Request:
 *   context - handle; the CQ is armed through this context's UAR
 *   entries - a power of two, 2 .. max_cqe rounded up to one
 *   comp_vector - 0 .. num_comp_vectors - 1
 *   pages - entries * cqe_size / 4096 of them, rounded up
 *   doorbell - 8 octets: consumer index, arm
 * Response: handle; cqn, 24 bits.
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
 * VIBIF_OP_MODIFY_CQ: event moderation
 *
 * Request: handle; count - completions, period_us - microseconds.
 */
struct vibif_modify_cq_req {
	uint16_t count;
	uint16_t period_us;
};

/*
 * VIBIF_OP_RESIZE_CQ
 *
 * Request: handle; entries and pages as for CREATE_CQ. The old pages may be
 *   revoked when the response has come with status 0.
 */
struct vibif_resize_cq_req {
	uint32_t entries;
	struct vibif_page_list pages;
};

/*
 * VIBIF_OP_CREATE_SRQ
 *
 * Request:
 *   pd, cq, xrcd - handles; cq and xrcd for VIBIF_SRQ_XRC only, else 0
 *   type - VIBIF_SRQ_BASIC, VIBIF_SRQ_XRC
 *   log_wqe_count - log2 of the number of WQEs, 0 .. 15
 *   log_wqe_stride - log2 of octets, 5 .. 11
 *   pages - (1 << (log_wqe_count + log_wqe_stride)) / 4096, rounded up
 *   doorbell - 4 octets
 * Response: handle; srqn, 24 bits.
 */
/* Work queues, those of QPs too */
#define VIBIF_MAX_LOG_WQES			15
#define VIBIF_MAX_LOG_WQE_STRIDE		11

#define VIBIF_SRQ_BASIC				0
#define VIBIF_SRQ_XRC				1

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
 * VIBIF_OP_MODIFY_SRQ: arms the limit event; VIBIF_OP_QUERY_SRQ: reads it
 *
 * Request: handle; limit - WQEs, 0 .. the SRQ's WQEs - 1 (not in QUERY_SRQ).
 * Response: limit.
 */
struct vibif_srq_limit {
	uint32_t limit;
};

/*
 * VIBIF_OP_CREATE_QP
 *
 * Request:
 *   context, pd, send_cq, recv_cq, srq, xrcd - handles; where one does not
 *     belong it is 0
 *   type - VIBIF_QPT_*
 *   flags - VIBIF_QP_*
 *   log_sq_wqe_count, log_rq_wqe_count - 0 .. 15
 *   log_sq_wqe_stride - log2 of octets, 6 .. 11
 *   log_rq_wqe_stride - log2 of octets, 4 .. 11
 *   pages - of both queues, that with the larger stride first (the send queue if
 *     they are equal), from octet 0 of the first page
 *   doorbell - 4 octets, receive producer index
 *   A QP has a receive queue when VIBIF_QP_HAS_RQ is set; without one,
 *   log_rq_* and doorbell are 0. RC, UC and UD: either a receive queue or srq.
 *   VIBIF_QP_INL_RECV, with VIBIF_QP_HAS_RQ only: the HCA may put a message that
 *     fits into the receive WQE there, and say so in the completion, rather than where
 *     the WQE points. Without it, it does not.
 *   VIBIF_QPT_XRC_INI: no recv_cq (0), no receive queue, no SRQ.
 *   VIBIF_QPT_XRC_TGT: xrcd and nothing else (pages.nr_pages is 0).
 * Response: handle; qpn, 24 bits. The QP is in Reset.
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
 * An address vector.
 *
 * dgid, flow_label, sgid_index, hop_limit, traffic_class - GRH, with VIBIF_AV_GRH
 * static_rate - enum ib_rate
 */
#define VIBIF_AV_GRH				(1U << 0)

#define VIBIF_MAX_FLOW_LABEL			0xfffffU
#define VIBIF_MAX_SL				15
#define VIBIF_MAX_SRC_PATH_BITS			127

/* static_rate */
#define VIBIF_RATE_PORT_CURRENT			0
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
	uint32_t flow_label;		/* 20 bits */
	uint16_t dlid;
	uint8_t  sgid_index;
	uint8_t  hop_limit;
	uint8_t  traffic_class;
	uint8_t  sl;			/* 0 .. 15 */
	uint8_t  src_path_bits;		/* 0 .. 127 */
	uint8_t  static_rate;
	uint8_t  flags;
	uint8_t  reserved[3];
};

/*
 * VIBIF_OP_MODIFY_QP, VIBIF_OP_QUERY_QP
 *
 * Request: handle; MODIFY_QP: attr_mask - bits of enum ib_qp_attr_mask (those
 *   of the IBTA's ModifyQP; others are -XEN_EINVAL); attr - the attributes whose
 *   bits are set, the rest ignored.
 * Response: QUERY_QP: attr; attr_mask is 0. MODIFY_QP: status only.
 *
 * States are 0 Reset, 1 Init, 2 RTR, 3 RTS, 4 SQD, 5 SQE, 6 Error. Values are those of
 * struct ib_qp_attr; access is VIBIF_ACCESS_*; timeouts are IBTA codes. A
 * privileged Q_Key, one with bit 31 set, is not for guests: -XEN_EPERM.
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
/* Bit 19 is reserved: queue capacities cannot be modified */
#define VIBIF_QP_ATTR_DEST_QPN			(1U << 20)
#define VIBIF_QP_ATTR_MASK			0x17ffffU

#define VIBIF_QPS_RESET				0
#define VIBIF_QPS_INIT				1
#define VIBIF_QPS_RTR				2
#define VIBIF_QPS_RTS				3
#define VIBIF_QPS_SQD				4
#define VIBIF_QPS_SQE				5
#define VIBIF_QPS_ERR				6

#define VIBIF_MIG_MIGRATED			0
#define VIBIF_MIG_REARM				1
#define VIBIF_MIG_ARMED				2

#define VIBIF_MAX_PSN				0xffffffU
#define VIBIF_MAX_QPN				0xffffffU
#define VIBIF_MAX_TIMEOUT			31
#define VIBIF_MAX_RNR_TIMER			31
#define VIBIF_MAX_RETRY_CNT			7
#define VIBIF_MAX_RNR_RETRY			7

/* A Q_Key with this bit is not for guests */
#define VIBIF_QKEY_PRIVILEGED			(1U << 31)

struct vibif_qp_attr {
	uint32_t attr_mask;
	uint32_t qkey;
	uint32_t rq_psn;		/* 24 bits */
	uint32_t sq_psn;		/* 24 bits */
	uint32_t dest_qpn;		/* 24 bits */
	uint32_t access;
	uint16_t pkey_index;
	uint16_t alt_pkey_index;
	uint8_t  state;
	uint8_t  cur_state;
	uint8_t  path_mtu;
	uint8_t  path_mig_state;	/* 0 Migrated, 1 Rearm, 2 Armed */
	uint8_t  en_sqd_async_notify;	/* 0, 1 */
	uint8_t  sq_draining;		/* 0, 1; query only */
	uint8_t  max_rd_atomic;
	uint8_t  max_dest_rd_atomic;
	uint8_t  min_rnr_timer;		/* 0 .. 31 */
	uint8_t  port;
	uint8_t  timeout;		/* 0 .. 31 */
	uint8_t  retry_cnt;		/* 0 .. 7 */
	uint8_t  rnr_retry;		/* 0 .. 7 */
	uint8_t  alt_port;
	uint8_t  alt_timeout;		/* 0 .. 31 */
	uint8_t  reserved;
	struct vibif_av av;
	struct vibif_av alt_av;
	uint32_t reserved1;
};

/*
 * VIBIF_OP_ATTACH_MCAST, VIBIF_OP_DETACH_MCAST
 *
 * Request: handle - of a UD QP; gid - multicast; flags - VIBIF_MCAST_*, the
 *   same for attach and detach.
 */
#define VIBIF_MCAST_BLOCK_LOOPBACK		(1U << 0)

#define VIBIF_MCAST_GID_PREFIX			0xff	/* gid[0] */

struct vibif_mcast_req {
	uint8_t  gid[16];
	uint32_t flags;
};

/*
 * VIBIF_OP_ALLOC_XRCD
 *
 * Request: nothing more. Response: handle.
 *
 * VIBIF_OP_ALLOC_MW
 *
 * Request: pd - handle; type - 1, 2 (IBTA memory window types).
 * Response: handle; rkey.
 */
struct vibif_handle_rsp {
	uint32_t handle;
};

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
 * VIBIF_OP_DESTROY
 *
 * Request: handle - of any object. Its events are over when the response has
 *   come; the handle may then name a new object.
 * Status: -XEN_EBUSY while another object refers to it.
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
		struct vibif_handle_rsp        created;	/* of each new object */
		struct vibif_alloc_mw_rsp      alloc_mw;
		uint8_t                        pad[VIBIF_SLOT_SIZE - 8];
	} op;
};

/*
 * Event area
 * ==========
 *
 * 2^evt-page-order pages, zeroed by the frontend before Initialised. Handles of
 * CQs, QPs and SRQs lie in 1 .. VIBIF_EVENT_WORDS(order) - 1, so that each has a
 * word here; other handles lie above. Word 0 is the device.
 *
 * Page 0: summary, a string of bits, one for each word: bit h of it is bit
 *   h % 64 of the 64-bit little-endian number h / 64.
 * Pages 1 and up: uint32_t words, word h for handle h.
 *
 * The backend sets the event's bit in the word, then the word's bit in the
 * summary, both atomically. If neither was set before it notifies the event channel, at
 * once, or some milliseconds later if the guest has very many events. The frontend
 * atomically takes and clears a summary bit first and the word after it. A bit that is
 * set again before it was taken is one event: for completions this loses
 * nothing, because a CQ fires once each time it is armed.
 */
#define VIBIF_WORDS_PER_PAGE			1024
#define VIBIF_EVENT_WORDS(order)	(((1U << (order)) - 1) * VIBIF_WORDS_PER_PAGE)

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

#ifdef __KERNEL__
DEFINE_RING_TYPES(vibif, struct vibif_req, struct vibif_rsp);
#endif

#define VIBIF_ASSERT_SIZE(type, size) \
	static_assert(sizeof(struct type) == (size), #type " layout")

VIBIF_ASSERT_SIZE(vibif_page_directory, 4096);
VIBIF_ASSERT_SIZE(vibif_page_list, 8);
VIBIF_ASSERT_SIZE(vibif_doorbell, 8);
VIBIF_ASSERT_SIZE(vibif_device_attr, 336);
VIBIF_ASSERT_SIZE(vibif_query_port_rsp, 40);
VIBIF_ASSERT_SIZE(vibif_query_table_req, 4);
VIBIF_ASSERT_SIZE(vibif_query_gid_rsp, 112);
VIBIF_ASSERT_SIZE(vibif_query_pkey_rsp, 112);
VIBIF_ASSERT_SIZE(vibif_uar, 24);
VIBIF_ASSERT_SIZE(vibif_alloc_context_rsp, 104);
VIBIF_ASSERT_SIZE(vibif_reg_mr_req, 40);
VIBIF_ASSERT_SIZE(vibif_create_cq_req, 32);
VIBIF_ASSERT_SIZE(vibif_resize_cq_req, 12);
VIBIF_ASSERT_SIZE(vibif_create_srq_req, 32);
VIBIF_ASSERT_SIZE(vibif_create_qp_req, 48);
VIBIF_ASSERT_SIZE(vibif_av, 32);
VIBIF_ASSERT_SIZE(vibif_qp_attr, 112);
VIBIF_ASSERT_SIZE(vibif_mcast_req, 20);
VIBIF_ASSERT_SIZE(vibif_req, VIBIF_SLOT_SIZE);
VIBIF_ASSERT_SIZE(vibif_rsp, VIBIF_SLOT_SIZE);

#endif /* __XEN_PUBLIC_IO_VIBIF_H__ */
