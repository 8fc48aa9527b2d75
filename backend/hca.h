/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the backend and a kind of HCA.
 *
 * Above it nothing names a vendor: objects are asked for with checked
 * parameters and come back as an opaque pointer and the numbers that the
 * guest's user space needs. Below it firmware contexts are built field by
 * field. All number allocation happens below the seam.
 *
 * Unless said otherwise an op may sleep, is called with no spinlock held, and
 * returns 0 or a negative errno, the one that a native user would get. When a
 * destroy op has returned, not with an error, the HCA has given up the object
 * or has been reset: its memory may be released, and no event of it comes.
 * After an error the object is as before.
 */
#ifndef IBBACK_HCA_H
#define IBBACK_HCA_H

#include <linux/list.h>
#include <linux/types.h>
#include <rdma/ib_verbs.h>

#include "validate.h"

struct ibback_hca;

/* Objects of the HCA; each kind of HCA has its own definitions. */
struct ibback_hca_mr;
struct ibback_hca_mw;
struct ibback_hca_cq;
struct ibback_hca_srq;
struct ibback_hca_qp;
struct ibback_hca_xrcd;

/**
 * struct ibback_uar - a doorbell page of the HCA
 * @index: the HCA's number of it
 * @frame: machine frame of the doorbell page
 * @bf_frame: machine frame of the BlueFlame page, 0 if there is none
 * @held: reserved; all are but those that @uar_retake did not get
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

struct ibback_mr_params {
	u32 pdn;
	u32 access;		/* VIBIF_ACCESS_* */
	u64 iova;
	u64 length;		/* octets */
	struct ibback_dma pages;
};

struct ibback_cq_params {
	const struct ibback_uar *uar;
	u32 entries;		/* power of two */
	u32 vector;
	struct ibback_dma pages;
	u64 db_addr;		/* bus address of the doorbell record */
	struct ibback_sink sink;
};

struct ibback_srq_params {
	u32 pdn;
	struct ibback_hca_cq *cq;	/* of an XRC SRQ, else NULL */
	struct ibback_hca_xrcd *xrcd;	/* the same */
	u8 log_wqe_count;
	u8 log_wqe_stride;
	struct ibback_dma pages;
	u64 db_addr;
	struct ibback_sink sink;
};

/* An XRC target QP has a type, an xrcd and a sink, and nothing else. */
struct ibback_qp_params {
	const struct ibback_uar *uar;
	u32 pdn;
	enum ib_qp_type type;
	struct ibback_hca_cq *send_cq;
	struct ibback_hca_cq *recv_cq;	/* NULL: an XRC initiator QP */
	struct ibback_hca_srq *srq;	/* NULL: none */
	struct ibback_hca_xrcd *xrcd;	/* NULL: no XRC target QP */
	bool has_rq;
	bool inl_recv;
	u8 log_sq_wqe_count;
	u8 log_sq_wqe_stride;
	u8 log_rq_wqe_count;
	u8 log_rq_wqe_stride;
	struct ibback_dma pages;
	u64 db_addr;			/* with has_rq */
	struct ibback_sink sink;
};

/**
 * struct ibback_hca_ops - what the backend asks of a kind of HCA
 * @match: whether @ibdev is of this kind
 * @open: fill in the HCA's priv, instance and limits. Takes no doorbell page:
 *	those that guests had before are reserved first
 * @close: undo @open
 * @query_device: fill in the provider's part of @attr and its board_id
 * @uar_alloc: reserve @nr doorbell pages, all or none, where the HCA's other
 *	users do not get theirs after a restart; -ENOSPC if there are not so many
 * @uar_adopt: fill in @uar, whose index was reserved by an earlier backend
 * @uar_retake: reserve those of @nr doorbell pages, which the HCA had given
 *	before it restarted, that nobody else has got since; says in @held of
 *	each whether it is one, and returns how many are not
 * @uar_free: give a doorbell page back; nobody may have it mapped
 * @pd_alloc: allocate a protection domain
 * @pd_free: free it
 * @mr_create: register memory; its lkey and rkey go to @lkey and @rkey
 * @mr_rereg: change what @flags, VIBIF_MR_REREG_*, names. After -EIO the HCA may use
 *	both the old and the new pages until @mr_destroy, the only thing that
 *	is left to do; after any other error it is unchanged
 * @mr_destroy: -EBUSY while a window is bound to it
 * @mw_create: allocate a memory window, its rkey goes to @rkey; -EOPNOTSUPP if
 *	the HCA has none of @type
 * @mw_destroy: free it, bound or not
 * @cq_create: create a completion queue, its number goes to @cqn
 * @cq_modify: set event moderation
 * @cq_resize: move a completion queue to @pages of @entries; after success
 *	the HCA has left the old ones
 * @cq_destroy: destroy it
 * @srq_create: create a shared receive queue, its number goes to @srqn
 * @srq_arm: ask for an event when less than @limit WQEs are left
 * @srq_query: read the limit
 * @srq_destroy: destroy it
 * @qp_create: create a queue pair in Reset, its number goes to @qpn
 * @qp_state: the state as this side knows it
 * @qp_port: the port, 0 before one has been set
 * @qp_modify: change attributes; the set fits the transition from @cur to
 *	@next and the values are in range
 * @qp_query: read the attributes
 * @qp_reset: take it from the HCA: it neither sends nor receives any more
 * @qp_destroy: reset and destroy it. With @keep_number a multicast group may
 *	still have the number, which is not given to another before a restart
 * @mcast_attach: let a UD QP receive what is sent to @gid
 * @mcast_detach: undo @mcast_attach
 * @xrcd_create: create an XRC domain; -EOPNOTSUPP if the HCA has none
 * @xrcd_destroy: destroy it
 */
struct ibback_hca_ops {
	bool (*match)(const struct ib_device *ibdev);
	int (*open)(struct ibback_hca *hca);
	void (*close)(struct ibback_hca *hca);
	void (*query_device)(struct ibback_hca *hca,
			     struct vibif_device_attr *attr);

	int (*uar_alloc)(struct ibback_hca *hca, struct ibback_uar *uar,
			 u32 nr);
	int (*uar_adopt)(struct ibback_hca *hca, struct ibback_uar *uar);
	u32 (*uar_retake)(struct ibback_hca *hca, struct ibback_uar *uar,
			  u32 nr);
	void (*uar_free)(struct ibback_hca *hca, const struct ibback_uar *uar);

	int (*pd_alloc)(struct ibback_hca *hca, u32 *pdn);
	void (*pd_free)(struct ibback_hca *hca, u32 pdn);

	struct ibback_hca_mr *(*mr_create)(struct ibback_hca *hca,
					   const struct ibback_mr_params *p,
					   u32 *lkey, u32 *rkey);
	int (*mr_rereg)(struct ibback_hca *hca, struct ibback_hca_mr *mr,
			const struct ibback_mr_params *p, u32 flags);
	int (*mr_destroy)(struct ibback_hca *hca, struct ibback_hca_mr *mr);

	struct ibback_hca_mw *(*mw_create)(struct ibback_hca *hca, u32 pdn,
					   enum ib_mw_type type, u32 *rkey);
	void (*mw_destroy)(struct ibback_hca *hca, struct ibback_hca_mw *mw);

	struct ibback_hca_cq *(*cq_create)(struct ibback_hca *hca,
					   const struct ibback_cq_params *p,
					   u32 *cqn);
	int (*cq_modify)(struct ibback_hca *hca, struct ibback_hca_cq *cq,
			 u16 count, u16 period_us);
	int (*cq_resize)(struct ibback_hca *hca, struct ibback_hca_cq *cq,
			 u32 entries, const struct ibback_dma *pages);
	void (*cq_destroy)(struct ibback_hca *hca, struct ibback_hca_cq *cq);

	struct ibback_hca_srq *(*srq_create)(struct ibback_hca *hca,
					     const struct ibback_srq_params *p,
					     u32 *srqn);
	int (*srq_arm)(struct ibback_hca *hca, struct ibback_hca_srq *srq,
		       u32 limit);
	int (*srq_query)(struct ibback_hca *hca, struct ibback_hca_srq *srq,
			 u32 *limit);
	void (*srq_destroy)(struct ibback_hca *hca, struct ibback_hca_srq *srq);

	struct ibback_hca_qp *(*qp_create)(struct ibback_hca *hca,
					   const struct ibback_qp_params *p,
					   u32 *qpn);
	enum ib_qp_state (*qp_state)(const struct ibback_hca_qp *qp);
	u8 (*qp_port)(const struct ibback_hca_qp *qp);
	int (*qp_modify)(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			 const struct vibif_qp_attr *attr,
			 enum ib_qp_state cur, enum ib_qp_state next);
	int (*qp_query)(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			struct vibif_qp_attr *attr);
	void (*qp_reset)(struct ibback_hca *hca, struct ibback_hca_qp *qp);
	void (*qp_destroy)(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			   bool keep_number);
	int (*mcast_attach)(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			    const u8 *gid, bool block_loopback, u64 *reg_id);
	int (*mcast_detach)(struct ibback_hca *hca, struct ibback_hca_qp *qp,
			    const u8 *gid, u64 reg_id);

	struct ibback_hca_xrcd *(*xrcd_create)(struct ibback_hca *hca);
	void (*xrcd_destroy)(struct ibback_hca *hca,
			     struct ibback_hca_xrcd *xrcd);
};

/**
 * struct ibback_hca - an HCA that guests can be given
 * @entry: in the list of all HCAs
 * @devices: the guests' devices on it
 * @ibdev: its RDMA device in this domain
 * @guid: its node GUID, never 0: what names it, also when it has restarted
 * @ops: how to drive it
 * @priv: of @ops
 * @limits: what it can do; nr_event_words is the guest's and not set here
 * @instance: changes when its core driver restarts and forgets who has which
 *	doorbell page
 * @spare_uar: a doorbell page that is mapped nowhere, for what nobody is to
 *	ring
 * @event_handler: for port and device events
 *
 * @entry and @devices are protected by ibback_hca_mutex; the rest is constant
 * from open to close.
 */
struct ibback_hca {
	struct list_head entry;
	struct list_head devices;
	struct ib_device *ibdev;
	u64 guid;
	const struct ibback_hca_ops *ops;
	void *priv;
	struct ibback_limits limits;
	u32 instance;
	struct ibback_uar spare_uar;
	struct ib_event_handler event_handler;
};

extern const struct ibback_hca_ops ibback_mlx4_ops;

#endif /* IBBACK_HCA_H */
