/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MAD area and QPs 0 and 1, see gsi.c. For ibfront.h, and for a test
 * without a kernel.
 */
#ifndef IBFRONT_GSI_H
#define IBFRONT_GSI_H

struct ib_smp;
struct ibfront_gsi_qp;

/* The MAD area; all zero but lock: there is none */
struct ibfront_gsi {
	struct ibfront_channel channel;
	u32 nr_tx;
	u32 nr_rx;
	spinlock_t lock;	/* Protects all that follows */
	u32 tx_prod;		/* as last written to the area */
	u32 rx_cons;		/* the same */
	struct ibfront_gsi_qp *qp[VIBIF_MAX_PORTS][2];	/* by their numbers */
};

int __must_check ibfront_gsi_init(struct ibfront_dev *dev);
void ibfront_gsi_died(struct ibfront_dev *dev);
void ibfront_gsi_fini(struct ibfront_dev *dev);
int __must_check ibfront_gsi_create_qp(struct ib_qp *ibqp,
				       struct ib_qp_init_attr *attr);
int ibfront_gsi_destroy_qp(struct ib_qp *ibqp);
int ibfront_gsi_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			  int mask);
int ibfront_gsi_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			 struct ib_qp_init_attr *init_attr);
int ibfront_gsi_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad_wr);
int ibfront_gsi_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad_wr);

bool ibfront_smp_refuse(struct ib_smp *smp);

extern const struct ib_device_ops ibfront_gsi_ops;

#endif /* IBFRONT_GSI_H */
