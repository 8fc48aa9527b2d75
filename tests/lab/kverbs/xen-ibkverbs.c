// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-ibkverbs: the verbs as a user in the kernel sees them. For the lab's
 * tests only.
 *
 * Two QPs of one device talk to each other, and what arrives is compared. In
 * debugfs, xen-ibkverbs/<device>/run: who writes the name of a test runs it and
 * gets its error; the log says where it was. "load" goes on until "stop", or
 * until the device is gone, and then the log says how it ended. "hold" keeps
 * the device until its writer gets a signal.
 */

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/freezer.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_verbs.h>

#define KV_BUF		SZ_64K
#define KV_DEPTH	16
#define KV_GRH		40
#define KV_QKEY		0x11111111
#define KV_IMM		0x12345678
#define KV_PORT		1
#define KV_TIMEOUT	(30 * HZ)
#define KV_LOAD		8	/* messages in flight */

/* A work request and its completion */
struct kv_wr {
	struct ib_cqe cqe;
	struct completion done;
	struct ib_wc wc;
};

struct kv_end {
	struct ib_cq *cq;
	struct ib_qp *qp;
	struct ib_mr *mr;
	void *buf;
	u64 dma;
};

struct kv_pair {
	struct ib_device *ibdev;
	struct ib_pd *pd;
	struct ib_srq *srq;
	struct kv_end end[2];
	/* Here, so that one that comes too late does no harm */
	struct kv_wr send;
	struct kv_wr recv;
	struct kv_wr wr[2 * KV_DEPTH];
};

struct kv_load {
	struct kv_pair *pair;
	struct ib_cqe send_cqe;
	struct ib_cqe recv_cqe;
	bool stop;
	atomic_t posted;
	atomic_t completed;
	atomic_t flushed;
	atomic_t bad;
};

struct kv_dev {
	struct ib_device *ibdev;
	struct dentry *dir;
	struct mutex lock;	/* Protects load, and has one test at a time */
	struct kv_load *load;
};

static struct dentry *kv_root;

/* Say where a test failed, and how. */
#define kv_check(cond, err)						\
({									\
	int __err = (cond) ? 0 : (err);					\
									\
	if (__err)							\
		pr_info("xen-ibkverbs: %s:%u: " #cond ": %d\n",	\
			__func__, __LINE__, __err);			\
	__err;								\
})

#define kv_try(call)							\
({									\
	int __ret = (call);						\
									\
	if (__ret)							\
		pr_info("xen-ibkverbs: %s:%u: " #call ": %d\n",	\
			__func__, __LINE__, __ret);			\
	__ret;								\
})

static void kv_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kv_wr *wr = container_of(wc->wr_cqe, struct kv_wr, cqe);

	wr->wc = *wc;
	complete(&wr->done);
}

static void kv_wr_init(struct kv_wr *wr)
{
	wr->cqe.done = kv_done;
	init_completion(&wr->done);
}

static int kv_wait(struct kv_wr *wr, enum ib_wc_status status)
{
	if (!wait_for_completion_timeout(&wr->done, KV_TIMEOUT)) {
		pr_info("xen-ibkverbs: a completion is missing\n");
		return -ETIMEDOUT;
	}
	if (wr->wc.status != status) {
		pr_info("xen-ibkverbs: status %d (%s), vendor 0x%x, %d expected\n",
			wr->wc.status, ib_wc_status_msg(wr->wc.status),
			wr->wc.vendor_err, status);
		return -EIO;
	}
	return 0;
}

static void kv_end_free(struct kv_pair *pair, struct kv_end *end)
{
	if (end->mr)
		ib_dereg_mr(end->mr);
	if (end->qp)
		ib_destroy_qp(end->qp);
	if (end->cq)
		ib_free_cq(end->cq);
	if (end->dma)
		ib_dma_unmap_single(pair->ibdev, end->dma, KV_BUF,
				    DMA_BIDIRECTIONAL);
	kfree(end->buf);
}

static void kv_pair_free(struct kv_pair *pair)
{
	kv_end_free(pair, &pair->end[0]);
	kv_end_free(pair, &pair->end[1]);
	if (pair->srq)
		ib_destroy_srq(pair->srq);
	if (pair->pd)
		ib_dealloc_pd(pair->pd);
	kfree(pair);
}

static int kv_end_alloc(struct kv_pair *pair, struct kv_end *end,
			enum ib_qp_type type, enum ib_sig_type sig)
{
	struct ib_qp_init_attr init = {
		.qp_type = type,
		.sq_sig_type = sig,
		.srq = pair->srq,
		.cap.max_send_wr = KV_DEPTH,
		.cap.max_recv_wr = KV_DEPTH,
		.cap.max_send_sge = 3,
		.cap.max_recv_sge = 3,
	};
	u64 dma;

	end->buf = kzalloc(KV_BUF, GFP_KERNEL);
	if (!end->buf)
		return -ENOMEM;
	dma = ib_dma_map_single(pair->ibdev, end->buf, KV_BUF,
				DMA_BIDIRECTIONAL);
	if (kv_try(ib_dma_mapping_error(pair->ibdev, dma)))
		return -ENOMEM;
	end->dma = dma;

	end->cq = ib_alloc_cq(pair->ibdev, NULL, 4 * KV_DEPTH, 0,
			      IB_POLL_WORKQUEUE);
	if (IS_ERR(end->cq)) {
		int err = PTR_ERR(end->cq);

		end->cq = NULL;
		return kv_try(err);
	}
	init.send_cq = end->cq;
	init.recv_cq = end->cq;
	end->qp = ib_create_qp(pair->pd, &init);
	if (IS_ERR(end->qp)) {
		int err = PTR_ERR(end->qp);

		end->qp = NULL;
		return kv_try(err);
	}
	return kv_check(init.cap.max_send_wr >= KV_DEPTH &&
			init.cap.max_send_sge >= 3, -EINVAL);
}

static int kv_to_rts(struct kv_pair *pair, struct ib_qp *qp, u32 dest)
{
	struct ib_port_attr port;
	struct ib_qp_attr attr = {
		.qp_state = IB_QPS_INIT,
		.port_num = KV_PORT,
		.qkey = KV_QKEY,
		.qp_access_flags = IB_ACCESS_REMOTE_READ |
				   IB_ACCESS_REMOTE_WRITE |
				   IB_ACCESS_REMOTE_ATOMIC,
		.dest_qp_num = dest,
		.max_rd_atomic = 4,
		.max_dest_rd_atomic = 4,
		.min_rnr_timer = 1,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
	};
	bool rc = qp->qp_type == IB_QPT_RC, ud = qp->qp_type == IB_QPT_UD;
	int err;

	err = kv_try(ib_query_port(pair->ibdev, KV_PORT, &port));
	if (err)
		return err;
	attr.path_mtu = port.active_mtu;
	attr.ah_attr.type = RDMA_AH_ATTR_TYPE_IB;
	rdma_ah_set_port_num(&attr.ah_attr, KV_PORT);
	rdma_ah_set_dlid(&attr.ah_attr, port.lid);

	err = kv_try(ib_modify_qp(qp, &attr, IB_QP_STATE | IB_QP_PORT |
				  IB_QP_PKEY_INDEX |
				  (ud ? IB_QP_QKEY : IB_QP_ACCESS_FLAGS)));
	if (err)
		return err;
	attr.qp_state = IB_QPS_RTR;
	err = kv_try(ib_modify_qp(qp, &attr, IB_QP_STATE |
				  (ud ? 0 : IB_QP_AV | IB_QP_PATH_MTU |
				   IB_QP_DEST_QPN | IB_QP_RQ_PSN) |
				  (rc ? IB_QP_MAX_DEST_RD_ATOMIC |
				   IB_QP_MIN_RNR_TIMER : 0)));
	if (err)
		return err;
	attr.qp_state = IB_QPS_RTS;
	return kv_try(ib_modify_qp(qp, &attr, IB_QP_STATE | IB_QP_SQ_PSN |
				   (rc ? IB_QP_TIMEOUT | IB_QP_RETRY_CNT |
				    IB_QP_RNR_RETRY |
				    IB_QP_MAX_QP_RD_ATOMIC : 0)));
}

static int kv_connect(struct kv_pair *pair)
{
	int i, err;

	for (i = 0; i < 2; i++) {
		err = kv_to_rts(pair, pair->end[i].qp,
				pair->end[!i].qp->qp_num);
		if (err)
			return err;
	}
	return 0;
}

static struct kv_pair *kv_pair_alloc(struct ib_device *ibdev,
				     enum ib_qp_type type,
				     enum ib_sig_type sig, bool srq)
{
	struct ib_srq_init_attr srq_init = {
		.srq_type = IB_SRQT_BASIC,
		.attr.max_wr = KV_DEPTH - 1,
		.attr.max_sge = 2,
	};
	struct kv_pair *pair;
	int i, err;

	pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair)
		return ERR_PTR(-ENOMEM);
	pair->ibdev = ibdev;
	pair->pd = ib_alloc_pd(ibdev, 0);
	if (IS_ERR(pair->pd)) {
		err = kv_try(PTR_ERR(pair->pd));
		pair->pd = NULL;
		goto err_free;
	}
	if (srq) {
		pair->srq = ib_create_srq(pair->pd, &srq_init);
		if (IS_ERR(pair->srq)) {
			err = kv_try(PTR_ERR(pair->srq));
			pair->srq = NULL;
			goto err_free;
		}
	}
	for (i = 0; i < 2; i++) {
		err = kv_end_alloc(pair, &pair->end[i], type, sig);
		if (err)
			goto err_free;
	}
	err = kv_connect(pair);
	if (err)
		goto err_free;
	return pair;

err_free:
	kv_pair_free(pair);
	return ERR_PTR(err);
}

/* What is at @at in a buffer that has been filled from @seed. */
static u8 kv_octet(u32 seed, u32 at)
{
	return (seed * 131 + at * 7 + (at >> 8)) & 0xff;
}

static void kv_fill(struct kv_pair *pair, struct kv_end *end, u32 seed,
		    u32 off, u32 len)
{
	u8 *to = end->buf + off;
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = kv_octet(seed, i);
	ib_dma_sync_single_for_device(pair->ibdev, end->dma, KV_BUF,
				      DMA_BIDIRECTIONAL);
}

static int kv_compare(struct kv_pair *pair, struct kv_end *end, u32 seed,
		      u32 off, u32 len)
{
	const u8 *from = end->buf + off;
	u32 i;

	ib_dma_sync_single_for_cpu(pair->ibdev, end->dma, KV_BUF,
				   DMA_BIDIRECTIONAL);
	for (i = 0; i < len; i++) {
		if (from[i] == kv_octet(seed, i))
			continue;
		pr_info("xen-ibkverbs: octet %u of %u is 0x%x, 0x%x expected\n",
			i, len, from[i], kv_octet(seed, i));
		return -EIO;
	}
	return 0;
}

/* Up to three pieces, not equal, of which one may be empty */
static int kv_sges(struct kv_pair *pair, const struct kv_end *end, u32 off,
		   u32 len, int nr, struct ib_sge *sge)
{
	u32 part;
	int i;

	for (i = 0; i < nr; i++) {
		part = i == nr - 1 ? len : len / (i + 2);
		sge[i] = (struct ib_sge){
			.addr = end->dma + off,
			.length = part,
			.lkey = pair->pd->local_dma_lkey,
		};
		off += part;
		len -= part;
	}
	return nr;
}

static int kv_recv(struct kv_pair *pair, struct kv_end *end, struct kv_wr *wr,
		   u32 off, u32 len, int nr_sge)
{
	struct ib_sge sge[3];
	struct ib_recv_wr recv = {
		.wr_cqe = &wr->cqe,
		.sg_list = sge,
		.num_sge = kv_sges(pair, end, off, len, nr_sge, sge),
	};

	kv_wr_init(wr);
	if (pair->srq)
		return ib_post_srq_recv(pair->srq, &recv, NULL);
	return ib_post_recv(end->qp, &recv, NULL);
}

static int kv_post(struct kv_end *end, struct kv_wr *wr,
		   struct ib_send_wr *send)
{
	kv_wr_init(wr);
	send->wr_cqe = &wr->cqe;
	send->send_flags |= IB_SEND_SIGNALED;
	return ib_post_send(end->qp, send, NULL);
}

static int kv_send(struct kv_pair *pair, struct kv_end *end, struct kv_wr *wr,
		   u32 len, int nr_sge, enum ib_wr_opcode opcode, u32 ex)
{
	struct ib_sge sge[3];
	struct ib_send_wr send = {
		.opcode = opcode,
		.sg_list = sge,
		.num_sge = kv_sges(pair, end, 0, len, nr_sge, sge),
	};

	if (opcode == IB_WR_SEND_WITH_IMM)
		send.ex.imm_data = cpu_to_be32(ex);
	else
		send.ex.invalidate_rkey = ex;
	return kv_post(end, wr, &send);
}

/* One message from the first end to the second */
static int kv_message(struct kv_pair *pair, u32 len, int nr_sge,
		      enum ib_wr_opcode opcode, u32 ex)
{
	struct kv_end *from = &pair->end[0], *to = &pair->end[1];
	struct kv_wr *send = &pair->send, *recv = &pair->recv;
	int err;

	memset(to->buf, 0xee, KV_BUF);
	ib_dma_sync_single_for_device(pair->ibdev, to->dma, KV_BUF,
				      DMA_BIDIRECTIONAL);
	kv_fill(pair, from, len, 0, len);
	err = kv_try(kv_recv(pair, to, recv, 0, len,
			     pair->srq ? 2 : nr_sge)) ?:
	      kv_try(kv_send(pair, from, send, len, nr_sge, opcode, ex)) ?:
	      kv_try(kv_wait(send, IB_WC_SUCCESS)) ?:
	      kv_try(kv_wait(recv, IB_WC_SUCCESS));
	return err ?:
	       kv_check(send->wc.opcode == IB_WC_SEND, -EINVAL) ?:
	       kv_check(recv->wc.opcode == IB_WC_RECV, -EINVAL) ?:
	       kv_check(recv->wc.byte_len == len, -EMSGSIZE) ?:
	       kv_check(recv->wc.qp == to->qp && send->wc.qp == from->qp,
			-EINVAL) ?:
	       kv_check(opcode != IB_WR_SEND_WITH_IMM ||
			(recv->wc.wc_flags & IB_WC_WITH_IMM &&
			 recv->wc.ex.imm_data == cpu_to_be32(ex)), -EINVAL) ?:
	       kv_check(opcode != IB_WR_SEND_WITH_INV ||
			(recv->wc.wc_flags & IB_WC_WITH_INVALIDATE &&
			 recv->wc.ex.invalidate_rkey == ex), -EINVAL) ?:
	       kv_try(kv_compare(pair, to, len, 0, len));
}

static int kv_messages(struct kv_pair *pair)
{
	static const u32 sizes[] = {
		0, 1, 3, 44, 45, 64, 104, 105, 128, 1023, 4096, KV_BUF
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		err = kv_message(pair, sizes[i], 1 + i % 3,
				 i & 1 ? IB_WR_SEND_WITH_IMM : IB_WR_SEND,
				 KV_IMM + i);
		if (err)
			return err;
	}
	return 0;
}

static int kv_alloc_mr(struct kv_pair *pair)
{
	struct kv_end *end = &pair->end[1];
	int err;

	end->mr = ib_alloc_mr(pair->pd, IB_MR_TYPE_MEM_REG, 32);
	if (!IS_ERR(end->mr))
		return 0;
	err = PTR_ERR(end->mr);
	end->mr = NULL;
	return kv_try(err);
}

/* What has the first end reach the second's buffer */
static int kv_map(struct kv_end *end, struct ib_reg_wr *reg)
{
	struct scatterlist sg;

	sg_init_one(&sg, end->buf, KV_BUF);
	sg_dma_address(&sg) = end->dma;
	sg_dma_len(&sg) = KV_BUF;
	ib_update_fast_reg_key(end->mr, ib_inc_rkey(end->mr->rkey));
	*reg = (struct ib_reg_wr){
		.wr.opcode = IB_WR_REG_MR,
		.mr = end->mr,
		.key = end->mr->rkey,
		.access = IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_READ |
			  IB_ACCESS_REMOTE_WRITE | IB_ACCESS_REMOTE_ATOMIC,
	};
	return kv_check(ib_map_mr_sg(end->mr, &sg, 1, NULL, PAGE_SIZE) == 1,
			-EINVAL);
}

static int kv_post_reg(struct kv_pair *pair, struct ib_reg_wr *reg)
{
	struct kv_wr *wr = &pair->send;

	return kv_try(kv_post(&pair->end[1], wr, &reg->wr)) ?:
	       kv_try(kv_wait(wr, IB_WC_SUCCESS)) ?:
	       kv_check(wr->wc.opcode == IB_WC_REG_MR, -EINVAL);
}

static int kv_register(struct kv_pair *pair, u32 *rkey)
{
	struct ib_reg_wr reg;
	int err;

	err = kv_alloc_mr(pair) ?: kv_map(&pair->end[1], &reg);
	if (err)
		return err;
	*rkey = reg.key;
	return kv_post_reg(pair, &reg);
}

static int kv_rdma(struct kv_pair *pair, u32 rkey, u32 len, int nr_sge,
		   enum ib_wr_opcode opcode, enum ib_wc_status status)
{
	struct kv_end *from = &pair->end[0], *to = &pair->end[1];
	bool read = opcode == IB_WR_RDMA_READ;
	struct ib_sge sge[3];
	struct ib_rdma_wr rdma = {
		.wr.opcode = opcode,
		.wr.ex.imm_data = cpu_to_be32(KV_IMM),
		.wr.sg_list = sge,
		.wr.num_sge = kv_sges(pair, from, 0, len, nr_sge, sge),
		.remote_addr = to->mr->iova,
		.rkey = rkey,
	};
	struct kv_wr *send = &pair->send, *recv = &pair->recv;
	int err = 0;

	kv_fill(pair, read ? to : from, len + 1, 0, len);
	if (opcode == IB_WR_RDMA_WRITE_WITH_IMM)
		err = kv_try(kv_recv(pair, to, recv, 0, 0, 1));
	err = err ?: kv_try(kv_post(from, send, &rdma.wr)) ?:
	      kv_try(kv_wait(send, status));
	if (!err && opcode == IB_WR_RDMA_WRITE_WITH_IMM)
		err = kv_try(kv_wait(recv, IB_WC_SUCCESS)) ?:
		      kv_check(recv->wc.opcode == IB_WC_RECV_RDMA_WITH_IMM &&
			       recv->wc.byte_len == len &&
			       recv->wc.ex.imm_data == cpu_to_be32(KV_IMM),
			       -EINVAL);
	if (err || status != IB_WC_SUCCESS)
		return err;
	return kv_check(send->wc.opcode ==
			(read ? IB_WC_RDMA_READ : IB_WC_RDMA_WRITE),
			-EINVAL) ?:
	       kv_check(!read || send->wc.byte_len == len, -EMSGSIZE) ?:
	       kv_try(kv_compare(pair, read ? from : to, len + 1, 0, len));
}

static int kv_atomic(struct kv_pair *pair, u32 rkey, enum ib_wr_opcode opcode,
		     u64 compare_add, u64 swap, u64 before, u64 after)
{
	struct kv_end *from = &pair->end[0], *to = &pair->end[1];
	u64 *was = from->buf, *is = to->buf;
	struct ib_sge sge;
	struct ib_atomic_wr atomic = {
		.wr.opcode = opcode,
		.wr.sg_list = &sge,
		.wr.num_sge = kv_sges(pair, from, 0, sizeof(u64), 1, &sge),
		.remote_addr = to->mr->iova,
		.compare_add = compare_add,
		.swap = swap,
		.rkey = rkey,
	};
	struct kv_wr *wr = &pair->send;
	int err;

	err = kv_try(kv_post(from, wr, &atomic.wr)) ?:
	      kv_try(kv_wait(wr, IB_WC_SUCCESS));
	if (err)
		return err;
	ib_dma_sync_single_for_cpu(pair->ibdev, from->dma, KV_BUF,
				   DMA_BIDIRECTIONAL);
	ib_dma_sync_single_for_cpu(pair->ibdev, to->dma, KV_BUF,
				   DMA_BIDIRECTIONAL);
	return kv_check(*was == before && *is == after, -EIO);
}

/* Many that ask for no completion, so that the queue goes round */
static int kv_unsignaled(struct kv_pair *pair, u32 rkey)
{
	struct kv_end *from = &pair->end[0], *to = &pair->end[1];
	struct ib_sge sge;
	struct ib_rdma_wr rdma[4] = {};
	struct kv_wr *last = &pair->send;
	unsigned int i, round;
	int err;

	for (round = 0; round < 100; round++) {
		kv_fill(pair, from, round, 0, 256);
		for (i = 0; i < ARRAY_SIZE(rdma); i++)
			rdma[i] = (struct ib_rdma_wr){
				.wr.opcode = IB_WR_RDMA_WRITE,
				.wr.sg_list = &sge,
				.wr.num_sge = kv_sges(pair, from, 0, 256, 1,
						      &sge),
				.wr.next = i + 1 < ARRAY_SIZE(rdma) ?
					   &rdma[i + 1].wr : NULL,
				.remote_addr = to->mr->iova + i * 256,
				.rkey = rkey,
			};
		kv_wr_init(last);
		rdma[i - 1].wr.wr_cqe = &last->cqe;
		rdma[i - 1].wr.send_flags = IB_SEND_SIGNALED;
		err = kv_try(ib_post_send(from->qp, &rdma[0].wr, NULL)) ?:
		      kv_try(kv_wait(last, IB_WC_SUCCESS)) ?:
		      kv_try(kv_compare(pair, to, round, 768, 256));
		if (err)
			return err;
	}
	return 0;
}

static int kv_test_rc_ops(struct kv_pair *pair)
{
	static const enum ib_wr_opcode ops[] = {
		IB_WR_RDMA_WRITE, IB_WR_RDMA_WRITE_WITH_IMM, IB_WR_RDMA_READ,
	};
	struct ib_send_wr inval = { .opcode = IB_WR_LOCAL_INV };
	struct kv_end *to = &pair->end[1];
	unsigned int i;
	struct kv_wr *wr = &pair->send;
	u32 rkey;
	int err;

	err = kv_messages(pair) ?: kv_register(pair, &rkey);
	if (err)
		return err;
	for (i = 0; i < 3 * ARRAY_SIZE(ops); i++) {
		err = kv_rdma(pair, rkey, i * i * 977 % KV_BUF, 1 + i / 3,
			      ops[i % 3], IB_WC_SUCCESS);
		if (err)
			return err;
	}
	err = kv_unsignaled(pair, rkey);
	if (err)
		return err;

	*(u64 *)to->buf = 5;
	ib_dma_sync_single_for_device(pair->ibdev, to->dma, KV_BUF,
				      DMA_BIDIRECTIONAL);
	err = kv_atomic(pair, rkey, IB_WR_ATOMIC_FETCH_AND_ADD, 37, 0, 5, 42) ?:
	      kv_atomic(pair, rkey, IB_WR_ATOMIC_CMP_AND_SWP, 42, 99, 42, 99) ?:
	      kv_atomic(pair, rkey, IB_WR_ATOMIC_CMP_AND_SWP, 42, 7, 99, 99);
	if (err)
		return err;

	/* Invalidate: here, register anew, then there. */
	inval.ex.invalidate_rkey = rkey;
	err = kv_try(kv_post(to, wr, &inval)) ?:
	      kv_try(kv_wait(wr, IB_WC_SUCCESS)) ?:
	      kv_check(wr->wc.opcode == IB_WC_LOCAL_INV, -EINVAL);
	if (err)
		return err;
	ib_dereg_mr(to->mr);
	to->mr = NULL;
	err = kv_register(pair, &rkey) ?:
	      kv_message(pair, 77, 1, IB_WR_SEND_WITH_INV, rkey);
	if (err)
		return err;
	/* The key is gone: an error, and the QP is in it. */
	return kv_rdma(pair, rkey, 64, 1, IB_WR_RDMA_WRITE,
		       IB_WC_REM_ACCESS_ERR);
}

static int kv_test_rc(struct ib_device *ibdev)
{
	struct kv_pair *pair;
	int err;

	pair = kv_pair_alloc(ibdev, IB_QPT_RC, IB_SIGNAL_REQ_WR, false);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	err = kv_test_rc_ops(pair);
	kv_pair_free(pair);
	return err;
}

/* The upper half of the address that the peer is to use is the user's own. */
static int kv_map_moved(struct kv_end *end, struct ib_reg_wr *reg, u32 upper)
{
	int err = kv_map(end, reg);

	end->mr->iova = (u64)upper << 32 | lower_32_bits(end->mr->iova);
	return err;
}

static int kv_invalidate(struct kv_pair *pair, u32 rkey)
{
	struct ib_send_wr inval = {
		.opcode = IB_WR_LOCAL_INV,
		.ex.invalidate_rkey = rkey,
	};
	struct kv_wr *wr = &pair->send;

	return kv_try(kv_post(&pair->end[1], wr, &inval)) ?:
	       kv_try(kv_wait(wr, IB_WC_SUCCESS));
}

static int kv_reach_moved(struct kv_pair *pair, u32 upper)
{
	struct kv_end *end = &pair->end[1];
	struct ib_reg_wr reg;
	int err;

	err = kv_map_moved(end, &reg, upper) ?: kv_post_reg(pair, &reg) ?:
	      kv_rdma(pair, reg.key, KV_BUF - upper % 999, 1, IB_WR_RDMA_WRITE,
		      IB_WC_SUCCESS) ?:
	      kv_rdma(pair, reg.key, KV_BUF - upper % 777, 2, IB_WR_RDMA_READ,
		      IB_WC_SUCCESS);
	return err ?: kv_invalidate(pair, reg.key);
}

/* What is posted behind it, also at once with it, comes behind it. */
static int kv_message_behind(struct kv_pair *pair)
{
	struct kv_end *from = &pair->end[1], *to = &pair->end[0];
	struct kv_wr *recv = &pair->recv, *sent = pair->wr;
	struct ib_sge sge;
	struct ib_send_wr send[2] = {
		{
			.opcode = IB_WR_SEND,
			.send_flags = IB_SEND_SIGNALED,
			.wr_cqe = &sent[0].cqe,
			.sg_list = &sge,
			.num_sge = 1,
		},
	};
	struct ib_reg_wr reg;
	int err;

	send[1] = send[0];
	send[1].wr_cqe = &sent[1].cqe;
	kv_wr_init(&sent[0]);
	kv_wr_init(&sent[1]);
	kv_sges(pair, from, 0, 1000, 1, &sge);
	kv_fill(pair, from, 1, 0, 1000);
	err = kv_try(kv_recv(pair, to, recv, 0, 1000, 1)) ?:
	      kv_try(kv_recv(pair, to, &sent[2], 2000, 1000, 1)) ?:
	      kv_map_moved(from, &reg, 7);
	reg.wr.next = &send[0];
	return err ?:
	       kv_try(kv_post(from, &pair->send, &reg.wr)) ?:
	       kv_try(ib_post_send(from->qp, &send[1], NULL)) ?:
	       kv_try(kv_wait(recv, IB_WC_SUCCESS)) ?:
	       kv_try(kv_wait(&sent[0], IB_WC_SUCCESS)) ?:
	       kv_check(completion_done(&pair->send.done), -EINVAL) ?:
	       kv_try(kv_wait(&pair->send, IB_WC_SUCCESS)) ?:
	       kv_try(kv_wait(&sent[1], IB_WC_SUCCESS)) ?:
	       kv_try(kv_wait(&sent[2], IB_WC_SUCCESS)) ?:
	       kv_try(kv_compare(pair, to, 1, 0, 1000)) ?:
	       kv_try(kv_compare(pair, to, 1, 2000, 1000)) ?:
	       kv_invalidate(pair, reg.key);
}

/* Not at another place in the page */
static int kv_moved_wrong(struct kv_pair *pair)
{
	struct kv_end *end = &pair->end[1];
	struct ib_reg_wr reg;
	struct kv_wr *wr = &pair->send;
	int err;

	err = kv_map_moved(end, &reg, 8);
	end->mr->iova += 8;
	return err ?: kv_check(kv_post(end, wr, &reg.wr) == -EINVAL, -EINVAL);
}

/*
 * Where it is wanted, time and again. What is held when the QP and the region
 * go holds nobody up.
 */
static int kv_test_moved(struct ib_device *ibdev)
{
	struct ib_qp_attr attr = { .qp_state = IB_QPS_ERR };
	struct ib_reg_wr reg;
	struct kv_pair *pair;
	struct kv_end *end;
	u32 i;
	int err;

	pair = kv_pair_alloc(ibdev, IB_QPT_RC, IB_SIGNAL_REQ_WR, false);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	end = &pair->end[1];
	err = kv_alloc_mr(pair);
	for (i = 0; !err && i < 2 * KV_DEPTH; i++)
		err = kv_reach_moved(pair, 0x89abcdef * i + 1);
	err = err ?: kv_moved_wrong(pair) ?: kv_message_behind(pair) ?:
	      kv_map_moved(end, &reg, 9) ?:
	      kv_try(kv_post(end, &pair->send, &reg.wr)) ?:
	      kv_try(ib_modify_qp(end->qp, &attr, IB_QP_STATE)) ?:
	      kv_try(kv_recv(pair, end, &pair->recv, 0, 64, 1)) ?:
	      kv_try(kv_wait(&pair->recv, IB_WC_WR_FLUSH_ERR));
	if (!err) {
		ib_drain_qp(end->qp);
		err = kv_check(completion_done(&pair->send.done), -EINVAL);
	}
	kv_pair_free(pair);
	return err;
}

static int kv_test_uc(struct ib_device *ibdev)
{
	struct kv_pair *pair;
	u32 rkey;
	int err;

	pair = kv_pair_alloc(ibdev, IB_QPT_UC, IB_SIGNAL_ALL_WR, false);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	err = kv_messages(pair) ?: kv_register(pair, &rkey) ?:
	      kv_rdma(pair, rkey, 3000, 2, IB_WR_RDMA_WRITE_WITH_IMM,
		      IB_WC_SUCCESS);
	kv_pair_free(pair);
	return err;
}

static int kv_datagram(struct kv_pair *pair, struct ib_ah *ah, bool grh,
		       u32 len)
{
	struct kv_end *from = &pair->end[0], *to = &pair->end[1];
	struct ib_sge sge[2];
	struct ib_ud_wr ud = {
		.wr.opcode = IB_WR_SEND,
		.wr.sg_list = sge,
		.wr.num_sge = kv_sges(pair, from, 0, len, 2, sge),
		.ah = ah,
		.remote_qpn = to->qp->qp_num,
		.remote_qkey = KV_QKEY,
	};
	struct kv_wr *send = &pair->send, *recv = &pair->recv;
	int err;

	kv_fill(pair, from, len, 0, len);
	err = kv_try(kv_recv(pair, to, recv, 0, KV_GRH + len, 2)) ?:
	      kv_try(kv_post(from, send, &ud.wr)) ?:
	      kv_try(kv_wait(send, IB_WC_SUCCESS)) ?:
	      kv_try(kv_wait(recv, IB_WC_SUCCESS));
	return err ?:
	       kv_check(recv->wc.byte_len == KV_GRH + len, -EMSGSIZE) ?:
	       kv_check(recv->wc.src_qp == from->qp->qp_num, -EINVAL) ?:
	       kv_check(!!(recv->wc.wc_flags & IB_WC_GRH) == grh, -EINVAL) ?:
	       kv_try(kv_compare(pair, to, len, KV_GRH, len));
}

static int kv_datagrams(struct kv_pair *pair, bool grh)
{
	const struct ib_gid_attr *gid = NULL;
	struct rdma_ah_attr attr = { .type = RDMA_AH_ATTR_TYPE_IB };
	struct ib_port_attr port;
	struct ib_ah *ah;
	int err;

	err = kv_try(ib_query_port(pair->ibdev, KV_PORT, &port));
	if (err)
		return err;
	rdma_ah_set_port_num(&attr, KV_PORT);
	rdma_ah_set_dlid(&attr, port.lid);
	if (grh) {
		gid = rdma_get_gid_attr(pair->ibdev, KV_PORT, 0);
		if (IS_ERR(gid))
			return kv_try(PTR_ERR(gid));
		rdma_move_grh_sgid_attr(&attr, (union ib_gid *)&gid->gid, 0, 64,
					0, gid);
	}
	ah = rdma_create_ah(pair->pd, &attr, RDMA_CREATE_AH_SLEEPABLE);
	rdma_destroy_ah_attr(&attr);
	if (IS_ERR(ah))
		return kv_try(PTR_ERR(ah));
	err = kv_datagram(pair, ah, grh, 1) ?:
	      kv_datagram(pair, ah, grh, 60) ?:
	      kv_datagram(pair, ah, grh, 61) ?:
	      kv_datagram(pair, ah, grh, 200) ?:
	      kv_datagram(pair, ah, grh, 2048);
	rdma_destroy_ah(ah, RDMA_DESTROY_AH_SLEEPABLE);
	return err;
}

static int kv_test_ud(struct ib_device *ibdev)
{
	struct kv_pair *pair;
	int err;

	pair = kv_pair_alloc(ibdev, IB_QPT_UD, IB_SIGNAL_REQ_WR, false);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	err = kv_datagrams(pair, false) ?: kv_datagrams(pair, true);
	kv_pair_free(pair);
	return err;
}

/* Fill an SRQ, too, and have it used so that its order changes. */
static int kv_test_srq(struct ib_device *ibdev)
{
	struct kv_pair *pair;
	unsigned int i, used;
	struct kv_wr *wr;
	int err;

	pair = kv_pair_alloc(ibdev, IB_QPT_RC, IB_SIGNAL_REQ_WR, true);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	wr = pair->wr;
	err = kv_messages(pair);
	for (i = 0; !err && i < KV_DEPTH - 1; i++)
		err = kv_try(kv_recv(pair, &pair->end[1], &wr[i], i * 512, 512,
				     1));
	err = err ?: kv_check(kv_recv(pair, &pair->end[1], &wr[i], 0, 512, 1) ==
			      -ENOMEM, -EINVAL);
	for (used = 0; !err && used < 100; used++) {
		i = used % (KV_DEPTH - 1);
		kv_fill(pair, &pair->end[0], used, 0, 512);
		err = kv_try(kv_send(pair, &pair->end[0], &pair->send, 512, 1,
				     IB_WR_SEND, 0)) ?:
		      kv_try(kv_wait(&pair->send, IB_WC_SUCCESS)) ?:
		      kv_try(kv_wait(&wr[i], IB_WC_SUCCESS)) ?:
		      kv_try(kv_compare(pair, &pair->end[1], used, i * 512,
					512)) ?:
		      kv_try(kv_recv(pair, &pair->end[1], &wr[i], i * 512, 512,
				     1));
	}
	kv_pair_free(pair);
	return err;
}

/*
 * What is posted comes back when the QP is in error, also what is posted then;
 * a full queue takes no more; a reset QP is as new.
 */
static int kv_test_flush(struct ib_device *ibdev)
{
	struct ib_qp_attr attr = { .qp_state = IB_QPS_ERR };
	struct kv_pair *pair;
	unsigned int i, posted;
	struct kv_wr *wr, *late;
	int err = 0;

	pair = kv_pair_alloc(ibdev, IB_QPT_RC, IB_SIGNAL_REQ_WR, false);
	if (IS_ERR(pair))
		return PTR_ERR(pair);
	wr = pair->wr;
	late = &pair->send;
	for (posted = 0; posted < ARRAY_SIZE(pair->wr); posted++) {
		err = kv_recv(pair, &pair->end[1], &wr[posted], 0, 64, 1);
		if (err)
			break;
	}
	err = kv_check(err == -ENOMEM && posted == KV_DEPTH, -EINVAL) ?:
	      kv_try(ib_modify_qp(pair->end[1].qp, &attr, IB_QP_STATE));
	for (i = 0; i < posted; i++)
		err = kv_try(kv_wait(&wr[i], IB_WC_WR_FLUSH_ERR)) ?: err;
	err = err ?: kv_try(kv_recv(pair, &pair->end[1], late, 0, 64, 1)) ?:
	      kv_try(kv_wait(late, IB_WC_WR_FLUSH_ERR)) ?:
	      kv_try(kv_send(pair, &pair->end[1], late, 64, 1, IB_WR_SEND,
			     0)) ?:
	      kv_try(kv_wait(late, IB_WC_WR_FLUSH_ERR));
	ib_drain_qp(pair->end[1].qp);
	attr.qp_state = IB_QPS_RESET;
	for (i = 0; i < 2; i++)
		err = err ?: kv_try(ib_modify_qp(pair->end[i].qp, &attr,
						 IB_QP_STATE));
	err = err ?: kv_connect(pair) ?: kv_messages(pair);
	kv_pair_free(pair);
	return err;
}

static void kv_load_post(struct kv_load *load, bool recv)
{
	struct kv_end *end = &load->pair->end[recv];
	struct ib_sge sge;
	int err;

	kv_sges(load->pair, end, 0, 4096, 1, &sge);
	if (recv) {
		struct ib_recv_wr wr = {
			.wr_cqe = &load->recv_cqe,
			.sg_list = &sge,
			.num_sge = 1,
		};

		err = ib_post_recv(end->qp, &wr, NULL);
	} else {
		struct ib_send_wr wr = {
			.wr_cqe = &load->send_cqe,
			.opcode = IB_WR_SEND,
			.send_flags = IB_SEND_SIGNALED,
			.sg_list = &sge,
			.num_sge = 1,
		};

		err = ib_post_send(end->qp, &wr, NULL);
	}
	atomic_inc(err ? &load->bad : &load->posted);
}

static void kv_load_completed(struct kv_load *load, struct ib_wc *wc, bool recv)
{
	atomic_inc(&load->completed);
	if (wc->status == IB_WC_SUCCESS && !READ_ONCE(load->stop)) {
		kv_load_post(load, recv);
		return;
	}
	if (wc->status == IB_WC_WR_FLUSH_ERR)
		atomic_inc(&load->flushed);
	else if (wc->status != IB_WC_SUCCESS)
		atomic_inc(&load->bad);
}

static void kv_load_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	kv_load_completed(container_of(wc->wr_cqe, struct kv_load, send_cqe),
			  wc, false);
}

static void kv_load_received(struct ib_cq *cq, struct ib_wc *wc)
{
	kv_load_completed(container_of(wc->wr_cqe, struct kv_load, recv_cqe),
			  wc, true);
}

static int kv_load_start(struct kv_dev *dev)
{
	struct kv_load *load;
	unsigned int i;

	if (dev->load)
		return -EBUSY;
	load = kzalloc(sizeof(*load), GFP_KERNEL);
	if (!load)
		return -ENOMEM;
	load->send_cqe.done = kv_load_sent;
	load->recv_cqe.done = kv_load_received;
	load->pair = kv_pair_alloc(dev->ibdev, IB_QPT_RC, IB_SIGNAL_REQ_WR,
				   false);
	if (IS_ERR(load->pair)) {
		int err = PTR_ERR(load->pair);

		kfree(load);
		return err;
	}
	for (i = 0; i < KV_DEPTH; i++)
		kv_load_post(load, true);
	for (i = 0; i < KV_LOAD; i++)
		kv_load_post(load, false);
	dev->load = load;
	return 0;
}

static int kv_load_stop(struct kv_dev *dev)
{
	struct kv_load *load = dev->load;
	bool whole;

	if (!load)
		return -ENOENT;
	WRITE_ONCE(load->stop, true);
	ib_drain_qp(load->pair->end[0].qp);
	ib_drain_qp(load->pair->end[1].qp);
	whole = atomic_read(&load->posted) == atomic_read(&load->completed) &&
		!atomic_read(&load->bad);
	pr_info("xen-ibkverbs: load ended %s: %d posted, %d completed, %d flushed, %d bad\n",
		whole ? "well" : "badly", atomic_read(&load->posted),
		atomic_read(&load->completed), atomic_read(&load->flushed),
		atomic_read(&load->bad));
	kv_pair_free(load->pair);
	kfree(load);
	dev->load = NULL;
	return whole ? 0 : -EIO;
}

/* Frozen as it is, with the device in use */
static int kv_hold(struct ib_device *ibdev)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(never);

	pr_info("xen-ibkverbs: holding %s\n", dev_name(&ibdev->dev));
	return wait_event_freezable(never, false);
}

static const struct {
	const char *name;
	int (*run)(struct ib_device *ibdev);
} kv_tests[] = {
	{ "rc", kv_test_rc },
	{ "uc", kv_test_uc },
	{ "ud", kv_test_ud },
	{ "srq", kv_test_srq },
	{ "flush", kv_test_flush },
	{ "moved", kv_test_moved },
	{ "hold", kv_hold },
};

static int kv_run(struct kv_dev *dev, const char *name)
{
	unsigned int i;

	if (!strcmp(name, "load"))
		return kv_load_start(dev);
	if (!strcmp(name, "stop"))
		return kv_load_stop(dev);
	for (i = 0; i < ARRAY_SIZE(kv_tests); i++)
		if (!strcmp(name, kv_tests[i].name))
			return kv_tests[i].run(dev->ibdev);
	return -EINVAL;
}

static ssize_t kv_run_write(struct file *file, const char __user *from,
			    size_t len, loff_t *pos)
{
	struct kv_dev *dev = file_inode(file)->i_private;
	char name[16] = {};
	int err;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, len))
		return -EFAULT;
	mutex_lock(&dev->lock);
	err = kv_run(dev, strim(name));
	mutex_unlock(&dev->lock);
	return err ?: len;
}

static const struct file_operations kv_run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = kv_run_write,
};

static struct ib_client kv_client;

static int kv_add(struct ib_device *ibdev)
{
	struct kv_dev *dev;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	dev->ibdev = ibdev;
	mutex_init(&dev->lock);
	dev->dir = debugfs_create_dir(dev_name(&ibdev->dev), kv_root);
	debugfs_create_file("run", 0200, dev->dir, dev, &kv_run_fops);
	ib_set_client_data(ibdev, &kv_client, dev);
	return 0;
}

static void kv_remove(struct ib_device *ibdev, void *data)
{
	struct kv_dev *dev = data;

	/* Returns when no test runs any more. */
	debugfs_remove(dev->dir);
	if (dev->load)
		kv_load_stop(dev);
	kfree(dev);
}

static struct ib_client kv_client = {
	.name = "xen-ibkverbs",
	.add = kv_add,
	.remove = kv_remove,
};

static int __init kv_init(void)
{
	int err;

	kv_root = debugfs_create_dir("xen-ibkverbs", NULL);
	err = ib_register_client(&kv_client);
	if (err)
		debugfs_remove(kv_root);
	return err;
}
module_init(kv_init);

static void __exit kv_exit(void)
{
	ib_unregister_client(&kv_client);
	debugfs_remove(kv_root);
}
module_exit(kv_exit);

MODULE_DESCRIPTION("Test of the verbs in the kernel");
MODULE_LICENSE("GPL");
