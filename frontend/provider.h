/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the frontend and a kind of HCA: its user-space library, and
 * the form of its queues.
 *
 * libibverbs picks the library by the driver_id of the device. The library lays
 * out queues and doorbell records in the process's memory and names them in the
 * driver's part of a command (udata), in a form of its own. A provider reads
 * that part, tells what the protocol needs to know of it, and writes the
 * response that the library expects. Above it nothing names a vendor.
 *
 * Of the queues of the kernel's own the provider reads and writes the entries,
 * in memory that the backend can write, too.
 *
 * An op returns 0 or a negative errno, the one that the HCA's native driver
 * returns.
 */
#ifndef IBFRONT_PROVIDER_H
#define IBFRONT_PROVIDER_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <rdma/ib_verbs.h>
#include <xen/interface/io/vibif.h>

struct ibfront_cq;
struct ibfront_dev;
struct ibfront_pd;
struct ibfront_qp;
struct ibfront_srq;
struct ibfront_ucontext;

/**
 * struct ibfront_layout - where the library has laid out a queue
 * @addr: user address of its buffer, where a page begins
 * @size: octets; 0: there is no queue
 * @db_addr: user address of its doorbell record
 * @db_size: octets; 0: there is no record
 */
struct ibfront_layout {
	u64 addr;
	size_t size;
	u64 db_addr;
	unsigned int db_size;
};

/**
 * struct ibfront_wr - what is kept of a work request until it is complete
 * @id: the consumer's
 * @len: octets of its scatter list
 * @opcode: enum ib_wc_opcode
 * @posted: it is in the queue
 * @num_sge: of one that has the HCA write, what is kept of its scatter list
 */
struct ibfront_wr {
	u64 id;
	u32 len;
	u8 opcode;
	bool posted;
	u16 num_sge;
};

/* Where a work request has the HCA write */
struct ibfront_range {
	u64 addr;
	u32 len;
};

/**
 * struct ibfront_wq - a queue of work requests
 * @count: WQEs, a power of two; 0: there is no queue
 * @max_sge: scatter entries of a WQE
 * @log_stride: log2 of a WQE's octets
 * @max_post: WQEs that may be posted at a time
 * @offset: of the queue in its buffer
 * @data_offset: of the scatter list in a WQE of a receive queue
 * @lock: of those that post
 * @area: its WQEs
 * @record: its doorbell record
 * @wr: as many as WQEs
 * @range: of each WQE, @max_sge; NULL: no WQE has the HCA write
 * @head: work requests ever posted
 * @tail: work requests ever completed; of a QP's, under the CQ's lock
 *
 * From @max_post on only a queue of the kernel's own has them.
 */
struct ibfront_wq {
	u32 count;
	u32 max_sge;
	u8 log_stride;

	u32 max_post;
	u32 offset;
	u32 data_offset;
	spinlock_t lock;	/* Protects head, wr and the WQEs */
	void *area;
	void *record;
	struct ibfront_wr *wr;
	struct ibfront_range *range;
	u32 head;
	u32 tail;
};

static inline void *ibfront_wqe(const struct ibfront_wq *wq, u32 index)
{
	return wq->area + ((size_t)(index & (wq->count - 1)) << wq->log_stride);
}

/**
 * struct ibfront_cqe - what a CQ entry says
 * @qpn: number of the QP
 * @index: of the work request: of a send queue the low bits of how many were
 *	posted before, of an SRQ the WQE's
 * @send: it is one of the send queue
 * @wc: the rest; of a send that succeeded no more than the status
 */
struct ibfront_cqe {
	u32 qpn;
	u16 index;
	bool send;
	struct ib_wc wc;
};

static inline size_t ibfront_wq_size(const struct ibfront_wq *wq)
{
	return (size_t)wq->count << wq->log_stride;
}

/**
 * struct ibfront_queue_ops - the queues of the kernel's own
 * @init_cq: give all entries to the HCA
 * @take_cqe: take the next entry, false if there is none
 * @has_cqe: whether there is one
 * @arm_cq: ask for an event, maybe only at a solicited completion
 * @clean_cq: remove the entries of QP number @qpn, which adds none any more;
 *	give the WQEs of its SRQ back, if it has one
 * @init_sq: prepare the send queue of a QP that leaves Reset
 * @write_send: write WQE @index; -EINVAL for what the HCA cannot do. With
 *	@hold, for a registration, the HCA goes no further than to this WQE.
 * @release_send: let the HCA have that WQE; @lkey: what it binds the window to
 * @no_lkey: a key with which binding a window fails
 * @ring_sq: tell the HCA of the WQEs written up to head
 * @write_recv: write the scatter list of WQE @index
 * @ring_rq: tell the HCA of the WQEs written up to head, also of an SRQ
 * @link_srq: have WQE @next follow WQE @index
 *
 * Those of a CQ are called under its lock, those that write and ring under that
 * of the work queue.
 */
struct ibfront_queue_ops {
	void (*init_cq)(struct ibfront_cq *cq);
	bool (*take_cqe)(struct ibfront_cq *cq, struct ibfront_cqe *cqe);
	bool (*has_cqe)(const struct ibfront_cq *cq);
	void (*arm_cq)(struct ibfront_cq *cq, bool solicited);
	void (*clean_cq)(struct ibfront_cq *cq, u32 qpn,
			 struct ibfront_srq *srq);
	void (*init_sq)(struct ibfront_qp *qp);
	int (*write_send)(struct ibfront_qp *qp, u32 index,
			  const struct ib_send_wr *wr, bool hold);
	void (*release_send)(struct ibfront_qp *qp, u32 index, u32 lkey);
	u32 no_lkey;
	void (*ring_sq)(struct ibfront_qp *qp);
	int (*write_recv)(const struct ibfront_wq *wq, u32 index,
			  struct ibfront_pd *pd, const struct ib_recv_wr *wr);
	void (*ring_rq)(struct ibfront_wq *wq);
	void (*link_srq)(struct ibfront_srq *srq, u16 index, u16 next);
};

/**
 * struct ibfront_provider - what a kind of HCA has of its own
 * @name: of its devices, as the native driver has it
 * @ops: driver_id, uverbs_abi_ver and what else ib_core shows of the kind
 * @qp_create_flags: IB_QP_CREATE_* that the native driver knows, if only for
 *	the kernel's own QPs
 * @check_attr: name an attribute that the provider cannot work with, or NULL
 * @query_device: read the driver's part of the command, write the response
 * @alloc_context: write the response
 * @put_number: write the response to a command that made an object: its number
 *	in the HCA
 * @doorbell_frame: which of the context's frames page @pgoff of its file is,
 *	0 if none; says in @wc whether it is mapped write-combining
 * @create_cq: lay out a CQ of @entries
 * @resize_cq: lay out its new buffer; the doorbell record stays
 * @create_srq: size @wq for @attr and lay it out
 * @create_qp: size the sq and rq of @qp for the capabilities in @init_attr,
 *	which are then set to what the process gets, and lay them out; an XRC
 *	target QP has no queues, and no @udata
 *
 * @queues: what reads and writes the queues of the kernel's own. These are
 *	created without @udata: only sizes are wanted, and of an SRQ and a QP
 *	max_post and the offsets.
 */
struct ibfront_provider {
	const char *name;
	const struct ib_device_ops *ops;
	const struct ibfront_queue_ops *queues;
	u32 qp_create_flags;

	const char *(*check_attr)(const struct vibif_device_attr *attr);
	int (*query_device)(const struct ibfront_dev *dev,
			    struct ib_udata *udata);
	int (*alloc_context)(const struct ibfront_dev *dev,
			     struct ib_udata *udata);
	int (*put_number)(struct ib_udata *udata, u32 number);
	u64 (*doorbell_frame)(const struct ibfront_ucontext *ctx,
			      unsigned long pgoff, bool *wc);
	int (*create_cq)(const struct ibfront_dev *dev, u32 entries,
			 struct ib_udata *udata, struct ibfront_layout *layout);
	int (*resize_cq)(const struct ibfront_dev *dev, u32 entries,
			 struct ib_udata *udata, struct ibfront_layout *layout);
	int (*create_srq)(const struct ibfront_dev *dev,
			  const struct ib_srq_attr *attr,
			  struct ib_udata *udata, struct ibfront_wq *wq,
			  struct ibfront_layout *layout);
	int (*create_qp)(const struct ibfront_dev *dev,
			 struct ib_qp_init_attr *init_attr,
			 struct ib_udata *udata, struct ibfront_qp *qp,
			 struct ibfront_layout *layout);
};

extern const struct ibfront_provider ibfront_mlx4;
extern const struct ibfront_queue_ops ibfront_mlx4_queues;

/* NULL if there is none with that VIBIF_PROVIDER_*. */
static inline const struct ibfront_provider *ibfront_find_provider(u32 id)
{
	return id == VIBIF_PROVIDER_MLX4 ? &ibfront_mlx4 : NULL;
}

#endif /* IBFRONT_PROVIDER_H */
