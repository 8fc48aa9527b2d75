// SPDX-License-Identifier: GPL-2.0-only
/* Shared receive queues. */

#include <linux/log2.h>
#include <rdma/mlx4-abi.h>

#include "ibfront.h"

/* Octets: of what precedes the scatter list in a WQE, and of its entries. */
#define IBFRONT_SRQ_NEXT_SEG		16
#define IBFRONT_DATA_SEG		16
#define IBFRONT_SRQ_MIN_STRIDE		32
/* Of VIBIF_OP_CREATE_SRQ */
#define IBFRONT_SRQ_MAX_LOG_COUNT	15
#define IBFRONT_SRQ_MAX_LOG_STRIDE	11

static void ibfront_srq_dispatch(struct ibfront_target *target, u32 events)
{
	struct ibfront_srq *srq =
		container_of(target, struct ibfront_srq, target);
	struct ib_srq *ibsrq = &srq->ibsrq;
	struct ib_event event = {
		.device = ibsrq->device,
		.element.srq = ibsrq,
	};

	if (!ibsrq->event_handler)
		return;
	if (events & BIT(VIBIF_EVENT_SRQ_LIMIT)) {
		event.event = IB_EVENT_SRQ_LIMIT_REACHED;
		ibsrq->event_handler(&event, ibsrq->srq_context);
	}
	if (events & BIT(VIBIF_EVENT_SRQ_ERROR)) {
		event.event = IB_EVENT_SRQ_ERR;
		ibsrq->event_handler(&event, ibsrq->srq_context);
	}
}

/* The sizes that libmlx4 computes from the same attributes. */
static int ibfront_size_srq(struct ibfront_dev *dev, struct ibfront_srq *srq,
			    const struct ib_srq_attr *attr,
			    struct vibif_create_srq_req *req)
{
	u32 stride;

	if (attr->max_wr > dev->attr.max_srq_wr ||
	    attr->max_sge > dev->attr.max_srq_sge)
		return -EINVAL;

	srq->max = roundup_pow_of_two(attr->max_wr + 1);
	srq->max_gs = attr->max_sge;
	stride = roundup_pow_of_two(IBFRONT_SRQ_NEXT_SEG +
				    srq->max_gs * IBFRONT_DATA_SEG);
	stride = max_t(u32, stride, IBFRONT_SRQ_MIN_STRIDE);

	if (ilog2(srq->max) > IBFRONT_SRQ_MAX_LOG_COUNT ||
	    ilog2(stride) > IBFRONT_SRQ_MAX_LOG_STRIDE)
		return -EINVAL;
	req->log_wqe_count = ilog2(srq->max);
	req->log_wqe_stride = ilog2(stride);
	return 0;
}

static int ibfront_map_srq(struct ibfront_ucontext *ctx,
			   struct ibfront_srq *srq,
			   const struct mlx4_ib_create_srq *cmd, size_t size)
{
	struct ibfront_dev *dev = to_fdev(ctx->ibucontext.device);
	int err;

	srq->mem = ibfront_mem_map(dev, cmd->buf_addr & PAGE_MASK, size,
				   IB_ACCESS_LOCAL_WRITE);
	if (IS_ERR(srq->mem))
		return PTR_ERR(srq->mem);

	err = ibfront_db_map(ctx, &srq->db, cmd->db_addr, 4);
	if (err)
		ibfront_mem_unmap(dev, srq->mem);
	return err;
}

static void ibfront_unmap_srq(struct ibfront_dev *dev, struct ibfront_srq *srq)
{
	ibfront_db_unmap(&srq->db);
	ibfront_mem_unmap(dev, srq->mem);
}

int ibfront_create_srq(struct ib_srq *ibsrq, struct ib_srq_init_attr *init_attr,
		       struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_CREATE_SRQ };
	struct ibfront_dev *dev = to_fdev(ibsrq->device);
	struct vibif_create_srq_req *create = &req.op.create_srq;
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	struct mlx4_ib_create_srq cmd;
	struct vibif_rsp rsp;
	int err;

	if (!udata || (init_attr->srq_type != IB_SRQT_BASIC &&
		       init_attr->srq_type != IB_SRQT_XRC))
		return -EOPNOTSUPP;
	err = ibfront_size_srq(dev, srq, &init_attr->attr, create);
	if (err)
		return err;
	err = ibfront_copy_in(udata, &cmd, sizeof(cmd));
	if (err)
		return err;
	err = ibfront_map_srq(ibfront_udata_context(udata), srq, &cmd,
			      (size_t)srq->max << create->log_wqe_stride);
	if (err)
		return err;

	create->pd = to_fpd(ibsrq->pd)->handle;
	create->type = VIBIF_SRQ_BASIC;
	if (init_attr->srq_type == IB_SRQT_XRC) {
		create->type = VIBIF_SRQ_XRC;
		create->cq = to_fcq(init_attr->ext.cq)->target.handle;
		create->xrcd = to_fxrcd(init_attr->ext.xrc.xrcd)->handle;
	}
	create->pages = ibfront_page_list(srq->mem);
	create->doorbell = ibfront_doorbell(&srq->db);
	err = ibfront_exec(dev, &req, &rsp);
	if (err)
		goto err_unmap;

	srq->target.handle = rsp.op.create_srq.handle;
	srq->target.dispatch = ibfront_srq_dispatch;
	err = ibfront_target_add(dev, &srq->target);
	if (err)
		goto err_unmap;

	ibsrq->ext.xrc.srq_num = rsp.op.create_srq.srqn;
	err = ibfront_put_number(udata, rsp.op.create_srq.srqn);
	if (err)
		goto err_destroy;

	init_attr->attr.max_wr = srq->max - 1;
	return 0;

err_destroy:
	ibfront_target_del(dev, &srq->target);
	ibfront_destroy(dev, srq->target.handle);
err_unmap:
	ibfront_unmap_srq(dev, srq);
	return err;
}

int ibfront_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
		       enum ib_srq_attr_mask attr_mask, struct ib_udata *udata)
{
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	struct vibif_req req = {
		.operation = VIBIF_OP_MODIFY_SRQ,
		.handle = srq->target.handle,
		.op.modify_srq.limit = attr->srq_limit,
	};
	struct vibif_rsp rsp;

	if (attr_mask & IB_SRQ_MAX_WR)
		return -EINVAL;
	if (!(attr_mask & IB_SRQ_LIMIT))
		return 0;
	if (attr->srq_limit >= srq->max)
		return -EINVAL;
	return ibfront_exec(to_fdev(ibsrq->device), &req, &rsp);
}

int ibfront_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr)
{
	struct ibfront_srq *srq = to_fsrq(ibsrq);
	struct vibif_req req = {
		.operation = VIBIF_OP_QUERY_SRQ,
		.handle = srq->target.handle,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(to_fdev(ibsrq->device), &req, &rsp);
	if (err)
		return err;

	attr->srq_limit = rsp.op.query_srq.limit;
	attr->max_wr = srq->max - 1;
	attr->max_sge = srq->max_gs;
	return 0;
}

int ibfront_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibsrq->device);
	struct ibfront_srq *srq = to_fsrq(ibsrq);

	ibfront_target_del(dev, &srq->target);
	ibfront_destroy(dev, srq->target.handle);
	ibfront_unmap_srq(dev, srq);
	return 0;
}
