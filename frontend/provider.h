/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the frontend and the user-space library of a kind of HCA.
 *
 * libibverbs picks the library by the driver_id of the device. The library lays
 * out queues and doorbell records in the process's memory and names them in the
 * driver's part of a command (udata), in a form of its own. A provider reads
 * that part, tells what the protocol needs to know of it, and writes the
 * response that the library expects. Above it nothing names a vendor.
 *
 * An op returns 0 or a negative errno, the one that the HCA's native driver
 * returns.
 */
#ifndef IBFRONT_PROVIDER_H
#define IBFRONT_PROVIDER_H

#include <linux/types.h>
#include <rdma/ib_verbs.h>
#include <xen/interface/io/vibif.h>

struct ibfront_dev;
struct ibfront_qp;
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
 * struct ibfront_wq - the size of a queue of work requests
 * @count: WQEs, a power of two; 0: there is no queue
 * @max_sge: scatter entries of a WQE
 * @log_stride: log2 of a WQE's octets
 */
struct ibfront_wq {
	u32 count;
	u32 max_sge;
	u8 log_stride;
};

static inline size_t ibfront_wq_size(const struct ibfront_wq *wq)
{
	return (size_t)wq->count << wq->log_stride;
}

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
 */
struct ibfront_provider {
	const char *name;
	const struct ib_device_ops *ops;
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

/* NULL if there is none with that VIBIF_PROVIDER_*. */
static inline const struct ibfront_provider *ibfront_find_provider(u32 id)
{
	return id == VIBIF_PROVIDER_MLX4 ? &ibfront_mlx4 : NULL;
}

#endif /* IBFRONT_PROVIDER_H */
