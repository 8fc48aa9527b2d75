/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the backend and a kind of HCA, its provider.
 *
 * Above it nothing names a vendor. Objects are asked for with checked
 * parameters and come back as an opaque pointer and the numbers that the
 * guest's user space needs. Below it firmware contexts are built field by
 * field. All number allocation happens below the seam.
 *
 * An HCA has two halves:
 *  - ib_core's, the same for every kind: the HCA as an RDMA client finds it,
 *    its events, the attributes of the device and its ports, GID and P_Key
 *    tables; management datagrams. Above the seam hca.c, query.c and gsi.c ask
 *    ib_core for these, through hca->ibdev, and nothing else uses that.
 *  - the provider's, the ops below: what has no call in ib_core that could
 *    serve a guest. Doorbell pages, objects made of a guest's pages, and the
 *    geometry of queues.
 *
 * What is kept above the seam, for all kinds: who may refer to what, the state
 * and the port of a queue pair, the pages of an object, quotas.
 *
 * Unless said otherwise an op may sleep, is called with no spinlock held, and
 * returns 0 or a negative errno, the one that a native user would get; commands
 * on one object come one at a time. When a destroy op has returned, not with an
 * error, the HCA has given up the object or has been reset: its memory may be
 * released, and no event of it comes. After an error the object is as before.
 */
#ifndef IBBACK_HCA_H
#define IBBACK_HCA_H

#include <linux/list.h>
#include <linux/types.h>
#include <rdma/ib_verbs.h>

#include "validate.h"

struct ibback_cm;
struct ibback_hca;
struct ibback_hook;
struct ibback_aliases;

/* Objects of the HCA; each provider has its own definitions. */
struct ibback_hw_mr;
struct ibback_hw_mw;
struct ibback_hw_cq;
struct ibback_hw_srq;
struct ibback_hw_qp;
struct ibback_hw_xrcd;

/**
 * struct ibback_uar - a doorbell page (UAR) of the HCA
 * @index: the HCA's number of it
 * @frame: machine frame of the doorbell page
 * @bf_frame: machine frame of the BlueFlame page, 0 if there is none
 * @held: reserved; all are but those that the retake op did not get
 * @busy: a context of the guest has it; protected by the slab's lock
 */
struct ibback_uar {
	u32 index;
	u64 frame;
	u64 bf_frame;
	bool held;
	bool busy;
};

/**
 * struct ibback_dma - guest memory as the HCA sees it
 * @nr: pages of VIBIF_PAGE_SIZE, from 1
 * @addr: their bus addresses
 */
struct ibback_dma {
	u32 nr;
	u64 *addr;
};

/**
 * struct ibback_sink - where an object's events go
 * @fn: called in any context, also with interrupts off; @event is a
 *	VIBIF_EVENT_* of the object's kind
 * @arg: first argument of @fn, valid until the object's destroy has returned
 */
struct ibback_sink {
	void (*fn)(void *arg, unsigned int event);
	void *arg;
};

/**
 * struct ibback_uar_ops - doorbell pages
 * @alloc: reserve @nr of them, all or none, where the HCA's other users do not
 *	get theirs after a restart; -ENOSPC if there are not so many
 * @adopt: fill in @uar, whose index was reserved by an earlier backend
 * @retake: reserve those of @nr, which the HCA had given before it restarted,
 *	that nobody else has got since; say in @held of each whether it is one.
 *	Return: how many are not
 * @free: give one back; nobody may have it mapped
 */
struct ibback_uar_ops {
	int (*alloc)(struct ibback_hca *hca, struct ibback_uar *uar, u32 nr);
	int (*adopt)(struct ibback_hca *hca, struct ibback_uar *uar);
	u32 (*retake)(struct ibback_hca *hca, struct ibback_uar *uar, u32 nr);
	void (*free)(struct ibback_hca *hca, const struct ibback_uar *uar);
};

/* Protection domains, which are their numbers */
struct ibback_pd_ops {
	int (*alloc)(struct ibback_hca *hca, u32 *pdn);
	void (*free)(struct ibback_hca *hca, u32 pdn);
};

struct ibback_mr_params {
	u32 pdn;
	u32 access;		/* VIBIF_ACCESS_* */
	u64 iova;
	u64 length;		/* octets */
	struct ibback_dma pages;
	struct ibback_hw_mr *source;	/* NULL, or a region of these pages */
};

/**
 * struct ibback_mr_ops - memory regions
 * @create: register memory; its keys go to @lkey and @rkey. A source gets no
 *	other pages, and is destroyed after all that have been made of it: use
 *	its translation, because nothing but the number of regions bounds what
 *	a guest can make of one
 * @rereg: change what @flags, VIBIF_MR_REREG_*, names. After -EIO the HCA may
 *	use both the old and the new pages until @destroy, the only thing that
 *	is left to do; after any other error it is unchanged
 * @retire: no key names it any more, it is a source and nothing else; -EBUSY
 *	while a window is bound to it. After an error it is unchanged
 * @destroy: -EBUSY while a window is bound to it
 */
struct ibback_mr_ops {
	struct ibback_hw_mr *(*create)(struct ibback_hca *hca,
				       const struct ibback_mr_params *p,
				       u32 *lkey, u32 *rkey);
	int (*rereg)(struct ibback_hca *hca, struct ibback_hw_mr *mr,
		     const struct ibback_mr_params *p, u32 flags);
	int (*retire)(struct ibback_hca *hca, struct ibback_hw_mr *mr);
	int (*destroy)(struct ibback_hca *hca, struct ibback_hw_mr *mr);
};

/**
 * struct ibback_mw_ops - memory windows; with IBBACK_CAP_MW_TYPE_*
 * @create: allocate one of a type that the HCA has; its key goes to @rkey
 * @destroy: free it, bound or not
 */
struct ibback_mw_ops {
	struct ibback_hw_mw *(*create)(struct ibback_hca *hca, u32 pdn,
				       enum ib_mw_type type, u32 *rkey);
	void (*destroy)(struct ibback_hca *hca, struct ibback_hw_mw *mw);
};

struct ibback_cq_params {
	const struct ibback_uar *uar;	/* uars_per_context of them */
	u32 entries;			/* power of two */
	u32 vector;
	struct ibback_dma pages;
	u64 db_addr;			/* of the doorbell record */
	struct ibback_sink sink;
};

/**
 * struct ibback_cq_ops - completion queues
 * @create: its number goes to @cqn
 * @modify: set event moderation
 * @resize: move it to @pages of @entries; after success the HCA has left the
 *	old ones
 * @destroy: destroy it
 */
struct ibback_cq_ops {
	struct ibback_hw_cq *(*create)(struct ibback_hca *hca,
				       const struct ibback_cq_params *p,
				       u32 *cqn);
	int (*modify)(struct ibback_hca *hca, struct ibback_hw_cq *cq,
		      u16 count, u16 period_us);
	int (*resize)(struct ibback_hca *hca, struct ibback_hw_cq *cq,
		      u32 entries, const struct ibback_dma *pages);
	void (*destroy)(struct ibback_hca *hca, struct ibback_hw_cq *cq);
};

struct ibback_srq_params {
	u32 pdn;
	struct ibback_hw_cq *cq;	/* of an XRC SRQ, else NULL */
	struct ibback_hw_xrcd *xrcd;	/* the same */
	u8 log_wqe_count;
	u8 log_wqe_stride;
	struct ibback_dma pages;
	u64 db_addr;
	struct ibback_sink sink;
};

/**
 * struct ibback_srq_ops - shared receive queues
 * @create: its number goes to @srqn
 * @arm: ask for an event when less than @limit WQEs are left
 * @query: read the limit
 * @destroy: destroy it
 */
struct ibback_srq_ops {
	struct ibback_hw_srq *(*create)(struct ibback_hca *hca,
					const struct ibback_srq_params *p,
					u32 *srqn);
	int (*arm)(struct ibback_hca *hca, struct ibback_hw_srq *srq,
		   u32 limit);
	int (*query)(struct ibback_hca *hca, struct ibback_hw_srq *srq,
		     u32 *limit);
	void (*destroy)(struct ibback_hca *hca, struct ibback_hw_srq *srq);
};

/* An XRC target QP has a type, an xrcd and a sink, and nothing else. */
struct ibback_qp_params {
	const struct ibback_uar *uar;	/* uars_per_context of them */
	u32 pdn;
	enum ib_qp_type type;
	struct ibback_hw_cq *send_cq;
	struct ibback_hw_cq *recv_cq;	/* NULL: an XRC initiator QP */
	struct ibback_hw_srq *srq;	/* NULL: none */
	struct ibback_hw_xrcd *xrcd;	/* NULL: no XRC target QP */
	bool has_rq;
	bool inl_recv;
	u8 log_sq_wqe_count;
	u8 log_sq_wqe_stride;
	u8 log_rq_wqe_count;
	u8 log_rq_wqe_stride;
	struct ibback_dma pages;
	u64 db_addr;			/* with has_rq */
	const u32 *flow;		/* of each port, or NULL */
	struct ibback_sink sink;
};

/**
 * struct ibback_qp_change - a transition of a queue pair
 * @attr: what to set: values in range, and a set that fits the transition; GID
 *	and P_Key indices are the HCA's
 * @cur: state before
 * @next: state after
 * @port: the QP's port, that of @attr if it sets one; 0 if there is none yet
 * @sgid_index: the only GID that it may send from at that port: a UD QP is to
 *	have it whatever its work requests say, and the AVs of @attr name it
 */
struct ibback_qp_change {
	const struct vibif_qp_attr *attr;
	enum ib_qp_state cur;
	enum ib_qp_state next;
	u8 port;
	u8 sgid_index;
};

/**
 * struct ibback_qp_ops - queue pairs and their multicast groups
 * @create: create one in Reset, its number goes to @qpn
 * @modify: take it through a transition, but not from Reset to Reset
 * @query: read the attributes of one that is not in Reset, with the HCA's P_Key
 *	indices; the port of one in Init, GID indices and cur_state need not be
 *	told
 * @reset: take it from the HCA, out of state @cur: it neither sends nor
 *	receives any more
 * @destroy: destroy one in Reset. With @keep_number a multicast group may still
 *	have the number, which is not given to another before a restart
 * @attach_mcast: let a UD QP receive what is sent to @gid at @port
 * @detach_mcast: undo @attach_mcast
 */
struct ibback_qp_ops {
	struct ibback_hw_qp *(*create)(struct ibback_hca *hca,
				       const struct ibback_qp_params *p,
				       u32 *qpn);
	int (*modify)(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		      const struct ibback_qp_change *change);
	int (*query)(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		     struct vibif_qp_attr *attr);
	void (*reset)(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		      enum ib_qp_state cur);
	void (*destroy)(struct ibback_hca *hca, struct ibback_hw_qp *qp,
			bool keep_number);
	int (*attach_mcast)(struct ibback_hca *hca, struct ibback_hw_qp *qp,
			    const u8 *gid, u8 port, bool block_loopback,
			    u64 *reg_id);
	int (*detach_mcast)(struct ibback_hca *hca, struct ibback_hw_qp *qp,
			    const u8 *gid, u64 reg_id);
};

/* XRC domains; with IBBACK_CAP_XRC */
struct ibback_xrcd_ops {
	struct ibback_hw_xrcd *(*create)(struct ibback_hca *hca);
	void (*destroy)(struct ibback_hca *hca, struct ibback_hw_xrcd *xrcd);
};

/* What is counted of traffic: of whole packets */
#define IBBACK_FLOW_COUNTS(X)			\
	X(RX_OCTETS, rx_octets)			\
	X(RX_PACKETS, rx_packets)		\
	X(TX_OCTETS, tx_octets)			\
	X(TX_PACKETS, tx_packets)

#define IBBACK_FLOW_ENUM(id, name)	IBBACK_##id,
enum ibback_flow_count {
	IBBACK_FLOW_COUNTS(IBBACK_FLOW_ENUM)
	IBBACK_NR_FLOW_COUNTS
};

struct ibback_flow {
	u64 count[IBBACK_NR_FLOW_COUNTS];
};

/**
 * struct ibback_flow_ops - counters of what queue pairs send and are given
 * @alloc: have one, from zero on; its number goes to @index. After an error the
 *	HCA has none left, or has none
 * @free: give one back that no queue pair names
 * @read: add what it has counted to @sum
 */
struct ibback_flow_ops {
	int (*alloc)(struct ibback_hca *hca, u32 *index);
	void (*free)(struct ibback_hca *hca, u32 index);
	void (*read)(struct ibback_hca *hca, u32 index,
		     struct ibback_flow *sum);
};

/* What a provider has ops for */
#define IBBACK_PROVIDES(X)						\
	X(uar) X(pd) X(mr) X(mw) X(cq) X(srq) X(qp) X(xrcd) X(flow)

#define IBBACK_OPS_MEMBER(kind)	const struct ibback_##kind##_ops *kind;

/**
 * struct ibback_hca_ops - a provider
 * @match: whether @ibdev is of this kind
 * @open: fill in the HCA's priv, instance, uars_per_context and the provider's
 *	part of limits. Takes no doorbell page: those that guests had before are
 *	reserved first. -ENODEV: it is one that cannot be given to guests, and
 *	@open has logged why
 * @close: undo @open
 * @query_device: fill in the provider's part of @attr and its board_id
 *
 * And the ops of each kind of object, under its name in IBBACK_PROVIDES.
 */
struct ibback_hca_ops {
	bool (*match)(const struct ib_device *ibdev);
	int (*open)(struct ibback_hca *hca);
	void (*close)(struct ibback_hca *hca);
	void (*query_device)(struct ibback_hca *hca,
			     struct vibif_device_attr *attr);
	IBBACK_PROVIDES(IBBACK_OPS_MEMBER)
};

/**
 * struct ibback_hca - an HCA that guests can be given
 * @entry: in the list of all HCAs
 * @devices: the guests' devices on it
 * @ibdev: its RDMA device in this domain
 * @guid: its node GUID, never 0: what names it, also when it has restarted
 * @ops: its provider
 * @priv: of @ops
 * @limits: what it can do; nr_event_words is the guest's and not set here
 * @uars_per_context: doorbell pages that each context has, from 1 to
 *	VIBIF_MAX_CONTEXT_UARS
 * @instance: changes when its core driver restarts and forgets who has which
 *	doorbell page
 * @spare_uar: a doorbell page that is mapped nowhere, for what nobody is to
 *	ring
 * @event_handler: for port and device events
 * @look: looks for such that nobody was told of
 * @looks: how often yet
 * @aliases: GIDs of guests, by port; [0] is not used
 * @sm_lid: of each port's subnet manager, from port 1; 0: it has none
 * @cm: tells whose messages of the communication manager are
 * @hook: where it gets them from
 *
 * @entry and @devices are protected by ibback_hca_mutex, which is held when
 * @sm_lid is written; the rest is constant from open to close.
 */
struct ibback_hca {
	struct list_head entry;
	struct list_head devices;
	struct ib_device *ibdev;
	u64 guid;
	const struct ibback_hca_ops *ops;
	void *priv;
	struct ibback_limits limits;
	u32 uars_per_context;
	u32 instance;
	struct ibback_uar spare_uar;
	struct ib_event_handler event_handler;
	struct delayed_work look;
	unsigned int looks;
	struct ibback_aliases *aliases[VIBIF_MAX_PORTS + 1];
	u16 sm_lid[VIBIF_MAX_PORTS];
	struct ibback_cm *cm;
	struct ibback_hook *hook;
};

/* All providers, NULL behind the last */
extern const struct ibback_hca_ops *const ibback_providers[];

#endif /* IBBACK_HCA_H */
