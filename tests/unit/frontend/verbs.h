/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What QPs 0 and 1 use of ib_core, of Xen and of the rest of the frontend, besides
 * the backend's stand-in for Linux.
 */
#ifndef VERBS_H
#define VERBS_H

#include "linux.h"

#define spin_lock_irq(lock)	spin_lock(lock)
#define __aligned(n)		__attribute__((aligned(n)))
#define sizeof_field(type, member)	sizeof(((type *)0)->member)

/* Xen's */

#define XEN_EOI_FLAG_SPURIOUS	1U

struct xenbus_device {
	const char *otherend;
};

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value);
void notify_remote_via_irq(int irq);
void xen_irq_lateeoi(int irq, unsigned int flags);

#include <xen/interface/io/vibif.h>

/* ib_core's */

enum ib_qp_type { IB_QPT_SMI, IB_QPT_GSI };

enum ib_qp_state {
	IB_QPS_RESET, IB_QPS_INIT, IB_QPS_RTR, IB_QPS_RTS, IB_QPS_SQD,
	IB_QPS_SQE, IB_QPS_ERR,
};

enum {
	IB_QP_STATE = 1 << 0,
	IB_QP_PKEY_INDEX = 1 << 4,
	IB_QP_QKEY = 1 << 6,
	IB_QP_SQ_PSN = 1 << 16,
};

enum ib_sig_type { IB_SIGNAL_ALL_WR, IB_SIGNAL_REQ_WR };
enum ib_wr_opcode { IB_WR_RDMA_WRITE, IB_WR_SEND = 2 };
enum ib_wc_opcode { IB_WC_SEND, IB_WC_RECV = 1 << 7 };
enum ib_wc_status {
	IB_WC_SUCCESS,
	IB_WC_WR_FLUSH_ERR = 5,
	IB_WC_RESP_TIMEOUT_ERR = 20,
};

#define IB_SEND_SIGNALED	2
#define IB_WC_GRH		1
#define IB_PORT_SM		(1 << 1)

struct ib_device {
	u32 nr_ports;
};

struct ib_cq {
	struct ib_device *device;
};

struct ib_qp {
	struct ib_device *device;
	struct ib_cq *send_cq;
	struct ib_cq *recv_cq;
	u32 qp_num;
	enum ib_qp_type qp_type;
};

#define IB_MGMT_CLASS_SUBN_DIRECTED_ROUTE	0x81
#define IB_MGMT_METHOD_GET	1
#define IB_MGMT_METHOD_SET	2
#define IB_MGMT_METHOD_GET_RESP	0x81
#define IB_MGMT_MAD_STATUS_UNSUPPORTED_METHOD_ATTRIB	0x000c
#define IB_SMP_DIRECTION	cpu_to_be16(0x8000)

struct ib_smp {
	u8 base_version;
	u8 mgmt_class;
	u8 class_version;
	u8 method;
	__be16 status;
	u8 hop_ptr;
	u8 hop_cnt;
	__be64 tid;
};

struct rdma_ah_attr {
	struct vibif_av av;
};

struct ib_cqe {
	int nothing;
};

struct ib_sge {
	u64 addr;
	u32 length;
};

struct ib_send_wr {
	struct ib_send_wr *next;
	struct ib_cqe *wr_cqe;
	struct ib_sge *sg_list;
	int num_sge;
	enum ib_wr_opcode opcode;
	int send_flags;
};

struct ib_ud_wr {
	struct ib_send_wr wr;
	struct ib_ah *ah;
	u32 remote_qpn;
	u16 pkey_index;
};

#define ud_wr(w)		container_of(w, struct ib_ud_wr, wr)

struct ib_recv_wr {
	struct ib_recv_wr *next;
	struct ib_cqe *wr_cqe;
	struct ib_sge *sg_list;
	int num_sge;
};

struct ib_wc {
	struct ib_cqe *wr_cqe;
	enum ib_wc_status status;
	enum ib_wc_opcode opcode;
	u32 byte_len;
	struct ib_qp *qp;
	u32 src_qp;
	u32 slid;
	int wc_flags;
	u16 pkey_index;
	u8 sl;
	u8 dlid_path_bits;
	u32 port_num;
};

struct ib_qp_cap {
	u32 max_send_wr;
	u32 max_recv_wr;
};

struct ib_qp_attr {
	enum ib_qp_state qp_state;
	enum ib_qp_state cur_qp_state;
	u32 qkey;
	u32 sq_psn;
	u16 pkey_index;
	u32 port_num;
	struct ib_qp_cap cap;
};

struct ib_qp_init_attr {
	struct ib_cq *send_cq;
	struct ib_cq *recv_cq;
	void *srq;
	struct ib_qp_cap cap;
	enum ib_sig_type sq_sig_type;
	enum ib_qp_type qp_type;
	u32 port_num;
};

struct ib_port_modify {
	u32 set_port_cap_mask;
};

struct ib_device_ops {
	int (*modify_port)(struct ib_device *ibdev, u32 port, int mask,
			   struct ib_port_modify *props);
};

#define rdma_is_port_valid(ibdev, port)					\
	((port) >= 1 && (port) <= (ibdev)->nr_ports)

bool ib_modify_qp_is_ok(enum ib_qp_state cur, enum ib_qp_state next,
			enum ib_qp_type type, int mask);

/* The frontend's */

#define IBFRONT_MAD_PAGE_ORDER	4

struct ibfront_dev;

struct ibfront_channel {
	void *area;
	int irq;
};

#include "gsi.h"

struct ibfront_dev {
	struct ib_device ibdev;
	struct xenbus_device *xbdev;
	struct ibfront_gsi gsi;
	bool dead;
};

struct ibfront_cq {
	struct ib_cq ibcq;
	struct ib_wc wc[64];
	unsigned int nr;
};

struct ibfront_qp {
	struct ib_qp ibqp;
	struct ibfront_gsi_qp *gsi;
};

struct ib_ah {
	struct rdma_ah_attr attr;
};

#define to_fdev(dev)		container_of(dev, struct ibfront_dev, ibdev)
#define to_fcq(cq)		container_of(cq, struct ibfront_cq, ibcq)
#define to_fqp(qp)		container_of(qp, struct ibfront_qp, ibqp)
#define to_fah(ah)		(ah)
#define ibfront_ring_dead(d)	((d)->dead)

void ibfront_fail(struct ibfront_dev *dev, const char *fmt, ...);
int ibfront_channel_open(struct ibfront_dev *dev,
			 struct ibfront_channel *channel, unsigned int order,
			 irq_handler_t handler, const char *name);
void ibfront_channel_close(struct ibfront_dev *dev,
			   struct ibfront_channel *channel);
void *ibfront_arena_ptr(struct ibfront_dev *dev, u64 addr, u32 len);
void ibfront_av_from_ah(struct vibif_av *av, const struct rdma_ah_attr *ah);
void ibfront_cq_add_soft(struct ibfront_cq *cq, const struct ib_wc *wc);
void ibfront_cq_clean_soft(struct ibfront_cq *cq, const struct ib_qp *ibqp);

#endif /* VERBS_H */
