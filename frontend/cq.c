// SPDX-License-Identifier: GPL-2.0-only
/* Completion queues. */

#include <linux/log2.h>
#include <rdma/mlx4-abi.h>

#include "ibfront.h"

static void ibfront_cq_dispatch(struct ibfront_target *target, u32 events)
{
	struct ibfront_cq *cq = container_of(target, struct ibfront_cq, target);
	struct ib_cq *ibcq = &cq->ibcq;
	struct ib_event event = {
		.device = ibcq->device,
		.element.cq = ibcq,
		.event = IB_EVENT_CQ_ERR,
	};

	if (events & BIT(VIBIF_EVENT_COMPLETION))
		ibcq->comp_handler(ibcq, ibcq->cq_context);
	if (events & BIT(VIBIF_EVENT_CQ_ERROR) && ibcq->event_handler)
		ibcq->event_handler(&event, ibcq->cq_context);
}

static int ibfront_map_cq(struct ibfront_ucontext *ctx, struct ibfront_cq *cq,
			  const struct mlx4_ib_create_cq *cmd, u32 entries)
{
	struct ibfront_dev *dev = to_fdev(ctx->ibucontext.device);
	int err;

	/* The HCA takes a queue to begin with its first page. */
	cq->mem = ibfront_mem_map(dev, cmd->buf_addr & PAGE_MASK,
				  (size_t)entries * dev->attr.mlx4_cqe_size,
				  IB_ACCESS_LOCAL_WRITE);
	if (IS_ERR(cq->mem))
		return PTR_ERR(cq->mem);

	err = ibfront_db_map(ctx, &cq->db, cmd->db_addr, 8);
	if (err)
		ibfront_mem_unmap(dev, cq->mem);
	return err;
}

static void ibfront_unmap_cq(struct ibfront_dev *dev, struct ibfront_cq *cq)
{
	ibfront_db_unmap(&cq->db);
	ibfront_mem_unmap(dev, cq->mem);
}

int ibfront_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		      struct compat_cq_attrs *attrs)
{
	struct vibif_req req = { .operation = VIBIF_OP_CREATE_CQ };
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	struct ib_udata *udata = compat_cq_udata(attrs);
	struct ibfront_cq *cq = to_fcq(ibcq);
	struct ibfront_ucontext *ctx;
	struct mlx4_ib_create_cq cmd;
	struct vibif_rsp rsp;
	u32 entries;
	int err;

	if (!attr->cqe || attr->cqe > dev->attr.max_cqe ||
	    attr->flags & ~IB_UVERBS_CQ_FLAGS_TIMESTAMP_COMPLETION)
		return -EINVAL;
	/* Stamps are of no use without the HCA's clock, which guests lack */
	if (attr->flags)
		return -EOPNOTSUPP;
	err = ibfront_copy_in(udata, &cmd, sizeof(cmd));
	if (err)
		return err;

	entries = roundup_pow_of_two(attr->cqe + 1);
	ctx = ibfront_udata_context(udata);
	err = ibfront_map_cq(ctx, cq, &cmd, entries);
	if (err)
		return err;

	req.op.create_cq.context = ctx->handle;
	req.op.create_cq.entries = entries;
	req.op.create_cq.comp_vector = attr->comp_vector %
				       ibcq->device->num_comp_vectors;
	req.op.create_cq.pages = ibfront_page_list(cq->mem);
	req.op.create_cq.doorbell = ibfront_doorbell(&cq->db);
	err = ibfront_exec(dev, &req, &rsp);
	if (err)
		goto err_unmap;

	mutex_init(&cq->mutex);
	ibcq->cqe = entries - 1;
	cq->target.handle = rsp.op.create_cq.handle;
	cq->target.dispatch = ibfront_cq_dispatch;
	err = ibfront_target_add(dev, &cq->target);
	if (err)
		goto err_unmap;

	err = ibfront_put_number(udata, rsp.op.create_cq.cqn);
	if (err)
		goto err_destroy;
	return 0;

err_destroy:
	ibfront_target_del(dev, &cq->target);
	ibfront_destroy(dev, cq->target.handle);
err_unmap:
	ibfront_unmap_cq(dev, cq);
	return err;
}

int ibfront_modify_cq(struct ib_cq *ibcq, u16 count, u16 period)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_MODIFY_CQ,
		.handle = to_fcq(ibcq)->target.handle,
		.op.modify_cq.count = count,
		.op.modify_cq.period_us = period,
	};
	struct vibif_rsp rsp;

	return ibfront_exec(to_fdev(ibcq->device), &req, &rsp);
}

static int ibfront_resize_cq_locked(struct ibfront_dev *dev,
				    struct ibfront_cq *cq, u32 entries,
				    struct ib_udata *udata)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_RESIZE_CQ,
		.handle = cq->target.handle,
		.op.resize_cq.entries = entries,
	};
	struct mlx4_ib_resize_cq cmd;
	struct ibfront_mem *mem;
	struct vibif_rsp rsp;
	int err;

	lockdep_assert_held(&cq->mutex);

	if (entries == cq->ibcq.cqe + 1)
		return 0;
	err = ibfront_copy_in(udata, &cmd, sizeof(cmd));
	if (err)
		return err;
	mem = ibfront_mem_map(dev, cmd.buf_addr & PAGE_MASK,
			      (size_t)entries * dev->attr.mlx4_cqe_size,
			      IB_ACCESS_LOCAL_WRITE);
	if (IS_ERR(mem))
		return PTR_ERR(mem);

	req.op.resize_cq.pages = ibfront_page_list(mem);
	err = ibfront_exec(dev, &req, &rsp);
	if (!err) {
		swap(cq->mem, mem);
		cq->ibcq.cqe = entries - 1;
	}
	ibfront_mem_unmap(dev, mem);
	return err;
}

/*
 * libmlx4 copies the CQEs that are left in the old buffer, up to the one by which
 * the HCA says that it uses the new one.
 */
int ibfront_resize_cq(struct ib_cq *ibcq, compat_cqe_t cqe,
		      struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	struct ibfront_cq *cq = to_fcq(ibcq);
	int err;

	if (cqe < 1 || cqe > dev->attr.max_cqe)
		return -EINVAL;

	mutex_lock(&cq->mutex);
	err = ibfront_resize_cq_locked(dev, cq, roundup_pow_of_two(cqe + 1),
				       udata);
	mutex_unlock(&cq->mutex);
	return err;
}

int ibfront_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibcq->device);
	struct ibfront_cq *cq = to_fcq(ibcq);

	/* First, for the backend may reuse the handle before it answers. */
	ibfront_target_del(dev, &cq->target);
	ibfront_destroy(dev, cq->target.handle);
	ibfront_unmap_cq(dev, cq);
	return 0;
}
