// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: shared receive queues. */

#include "ibback.h"

/* Find what the SRQ is to use, all of it the guest's own. */
static int ibback_srq_depend(struct ibback_obj *obj,
			     const struct vibif_create_srq_req *args,
			     struct ibback_srq_params *params)
{
	struct ibback_obj *pd;

	pd = ibback_obj_depend(obj, args->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	params->pdn = pd->number;
	if (args->type != VIBIF_SRQ_XRC)
		return 0;
	return ibback_xrc_srq_depend(obj, args, params);
}

int ibback_srq_create(struct ibback_obj *obj, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	const struct vibif_create_srq_req *args = &req->op.create_srq;
	struct ibback_srq *srq = ibback_to(srq, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_srq_params params = {
		.log_wqe_count = args->log_wqe_count,
		.log_wqe_stride = args->log_wqe_stride,
		.sink = { ibback_obj_event, obj },
	};
	int err;

	err = ibback_srq_depend(obj, args, &params);
	if (err)
		return err;
	err = ibback_queue_map(obj->dev, &srq->queue, &args->pages,
			       &args->doorbell);
	if (err)
		return err;
	srq->nr_wqes = 1U << args->log_wqe_count;
	params.pages = srq->queue.pages.dma;
	params.db_addr = srq->queue.db_addr;
	srq->hw = hca->ops->srq->create(hca, &params, &obj->number);
	if (IS_ERR(srq->hw)) {
		ibback_queue_unmap(obj->dev, &srq->queue);
		return PTR_ERR(srq->hw);
	}
	rsp->op.create_srq.srqn = obj->number;
	return 0;
}

int ibback_srq_modify(struct ibback_obj *obj, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	const struct vibif_srq_limit *args = &req->op.modify_srq;
	struct ibback_srq *srq = ibback_to(srq, obj);
	struct ibback_hca *hca = obj->dev->hca;
	int err;

	if (args->limit >= srq->nr_wqes)
		return -EINVAL;
	err = hca->ops->srq->arm(hca, srq->hw, args->limit);
	if (!err)
		rsp->op.query_srq.limit = args->limit;
	return err;
}

int ibback_srq_query(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_hca *hca = obj->dev->hca;

	return hca->ops->srq->query(hca, ibback_to(srq, obj)->hw,
				    &rsp->op.query_srq.limit);
}

static int ibback_srq_destroy(struct ibback_obj *obj)
{
	struct ibback_srq *srq = ibback_to(srq, obj);
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->srq->destroy(hca, srq->hw);
	ibback_queue_unmap(obj->dev, &srq->queue);
	return 0;
}

const struct ibback_obj_type ibback_srq_type = {
	.name = "SRQ",
	.size = sizeof(struct ibback_srq),
	.events = true,
	.destroy = ibback_srq_destroy,
};
