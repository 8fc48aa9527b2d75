/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of what a frontend asks for: pure functions over the wire protocol,
 * without kernel calls, so that they are also built and tested in user space.
 *
 * Every function returns 0, or a negative errno that goes to the frontend as
 * it is.
 */
#ifndef IBBACK_VALIDATE_H
#define IBBACK_VALIDATE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#include <xen/interface/io/vibif.h>

/* What not every HCA has */
#define IBBACK_CAP_XRC		(1U << 0)
#define IBBACK_CAP_MW_TYPE_1	(1U << 1)
#define IBBACK_CAP_MW_TYPE_2	(1U << 2)

/**
 * struct ibback_wq_limits - the geometry of a kind of work queue
 * @max_log_wqes: log2 of the most WQEs that one can have
 * @min_log_stride: log2 of the least distance between two WQEs, in octets
 * @max_log_stride: log2 of the largest
 */
struct ibback_wq_limits {
	u8 max_log_wqes;
	u8 min_log_stride;
	u8 max_log_stride;
};

/**
 * struct ibback_limits - what the HCA can do, as far as checks need it
 *
 * The same for every kind of HCA, from ib_core:
 * @caps: IBBACK_CAP_*
 * @max_rd_atomic: RDMA reads and atomics in flight as initiator
 * @max_dest_rd_atomic: the same as responder
 * @num_ports: 1 .. VIBIF_MAX_PORTS
 * @gid_tbl_len: entries, by port; [0] is not used
 * @pkey_tbl_len: entries, by port; [0] is not used
 *
 * The provider's:
 * @num_comp_vectors: from 1
 * @min_cq_entries: entries of the smallest CQ, a power of two
 * @max_cq_entries: those of the largest, too
 * @cqe_size: octets of an entry
 * @sq: send queues
 * @rq: receive queues
 * @srq: shared receive queues
 * @cq_db_size: octets of a CQ's doorbell record, a power of two
 * @qp_db_size: of a QP's
 * @srq_db_size: of an SRQ's
 *
 * The guest's:
 * @nr_event_words: words in its event area
 */
struct ibback_limits {
	u32 caps;
	u32 max_rd_atomic;
	u32 max_dest_rd_atomic;
	u32 num_ports;
	u32 gid_tbl_len[VIBIF_MAX_PORTS + 1];
	u32 pkey_tbl_len[VIBIF_MAX_PORTS + 1];

	u32 num_comp_vectors;
	u32 min_cq_entries;
	u32 max_cq_entries;
	u32 cqe_size;
	struct ibback_wq_limits sq;
	struct ibback_wq_limits rq;
	struct ibback_wq_limits srq;
	u8 cq_db_size;
	u8 qp_db_size;
	u8 srq_db_size;

	u32 nr_event_words;
};

/**
 * struct ibback_op_shape - which parts of a request an operation uses
 * @size: octets of its part of the union
 * @handle: the header's handle names an object
 * @own_at: where in that part begins what one type of object alone has
 * @own_size: octets of it, 0 if there is no such
 * @type_at: where in that part the type is
 * @type: that type
 *
 * The rest must be zero, and so must what another type has.
 */
struct ibback_op_shape {
	u8 size;
	bool handle;
	u8 own_at;
	u8 own_size;
	u8 type_at;
	u8 type;
};

int ibback_check_header(const struct vibif_req *req,
			const struct ibback_op_shape *shape);
int ibback_check_doorbell(const struct vibif_doorbell *db, u32 size);

/* A whole request, before anything is done with it */
typedef int ibback_check_fn(const struct ibback_limits *lim,
			    const struct vibif_req *req);
ibback_check_fn ibback_check_reg_mr;
ibback_check_fn ibback_check_alloc_mw;
ibback_check_fn ibback_check_create_cq;
ibback_check_fn ibback_check_create_srq;
ibback_check_fn ibback_check_xrc;
ibback_check_fn ibback_check_create_qp;

/* The operation's part of one, which is about what there is already */
int ibback_check_port(const struct ibback_limits *lim, u32 port);
int ibback_check_table(const struct ibback_limits *lim,
		       const struct vibif_query_table_req *args, bool gid);
int ibback_check_share_mr(const struct vibif_reg_mr_req *args, u32 nr_pages,
			  bool writable);
int ibback_check_rereg_mr(const struct vibif_reg_mr_req *args, u32 access,
			  bool writable);
int ibback_check_resize_cq(const struct ibback_limits *lim,
			   const struct vibif_resize_cq_req *args);
int ibback_check_qp_attr(const struct ibback_limits *lim, u8 qp_port,
			 const struct vibif_qp_attr *attr);
int ibback_check_addrs(const struct ibback_limits *lim,
		       const struct vibif_set_addrs_req *args);
int ibback_check_mcast(const struct vibif_mcast_req *args);

/* Not of a request, but a slot of the MAD area */
int ibback_check_mad(const struct ibback_limits *lim,
		     const struct vibif_mad *m);

#endif /* IBBACK_VALIDATE_H */
