// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: shared receive queues. */

#include "ibback.h"

static void srq_unmap(struct ibback_srq *srq)
{
	ibback_pages_unmap(srq->obj.dev, &srq->db);
	ibback_pages_unmap(srq->obj.dev, &srq->pages);
}

static int srq_map(struct ibback_srq *srq,
		   const struct vibif_create_srq_req *req)
{
	int err;

	err = ibback_pages_map(srq->obj.dev, &srq->pages, &req->pages, true);
	if (!err)
		err = ibback_page_map(srq->obj.dev, &srq->db,
				      req->doorbell.gref);
	if (err)
		srq_unmap(srq);
	return err;
}

/* Find what the SRQ is to use, all of it the guest's own. */
static int srq_depend(struct ibback_srq *srq,
		      const struct vibif_create_srq_req *req,
		      struct ibback_srq_params *params)
{
	struct ibback_obj *pd, *cq, *xrcd;

	pd = ibback_obj_depend(&srq->obj, req->pd, IBBACK_PD);
	if (!pd)
		return -ENOENT;
	params->pdn = ibback_to(pd, pd)->pdn;
	if (req->type != VIBIF_SRQ_XRC)
		return 0;
	cq = ibback_obj_depend(&srq->obj, req->cq, IBBACK_CQ);
	xrcd = ibback_obj_depend(&srq->obj, req->xrcd, IBBACK_XRCD);
	if (!cq || !xrcd)
		return -ENOENT;
	params->cq = ibback_to(cq, cq)->hw;
	params->xrcd = ibback_to(xrcd, xrcd)->hw;
	return 0;
}

static int srq_create(struct ibback_obj *obj, const struct vibif_req *msg,
		      struct vibif_rsp *answer)
{
	const struct vibif_create_srq_req *req = &msg->op.create_srq;
	struct vibif_create_srq_rsp *rsp = &answer->op.create_srq;
	struct ibback_srq *srq = ibback_to(srq, obj);
	struct ibback_hca *hca = obj->dev->hca;
	struct ibback_srq_params params = {
		.log_wqe_count = req->log_wqe_count,
		.log_wqe_stride = req->log_wqe_stride,
		.sink = { ibback_obj_event, obj },
	};
	u32 srqn;
	int err;

	err = srq_depend(srq, req, &params);
	if (err)
		return err;
	err = srq_map(srq, req);
	if (err)
		return err;
	srq->nr_wqes = 1U << req->log_wqe_count;
	params.pages = srq->pages.dma;
	params.db_addr = srq->db.dma.addr[0] + req->doorbell.offset;
	srq->hw = hca->ops->srq->create(hca, &params, &srqn);
	if (IS_ERR(srq->hw)) {
		srq_unmap(srq);
		return PTR_ERR(srq->hw);
	}
	rsp->handle = obj->handle;
	rsp->srqn = srqn;
	return 0;
}

int ibback_create_srq(struct ibback_dev *dev, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	int err = ibback_check_create_srq(&dev->limits, &req->op.create_srq);

	return err ?: ibback_obj_create(dev, IBBACK_SRQ, srq_create, req, rsp);
}

int ibback_modify_srq(struct ibback_obj *obj, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	struct ibback_srq *srq = ibback_to(srq, obj);
	struct ibback_hca *hca = obj->dev->hca;
	u32 limit = req->op.modify_srq.limit;
	int err;

	if (limit >= srq->nr_wqes)
		return -EINVAL;
	err = hca->ops->srq->arm(hca, srq->hw, limit);
	if (!err)
		rsp->op.query_srq.limit = limit;
	return err;
}

int ibback_query_srq(struct ibback_obj *obj, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	struct ibback_hca *hca = obj->dev->hca;
	u32 limit;
	int err;

	err = hca->ops->srq->query(hca, ibback_to(srq, obj)->hw, &limit);
	if (!err)
		rsp->op.query_srq.limit = limit;
	return err;
}

int ibback_srq_destroy(struct ibback_obj *obj)
{
	struct ibback_srq *srq = ibback_to(srq, obj);
	struct ibback_hca *hca = obj->dev->hca;

	hca->ops->srq->destroy(hca, srq->hw);
	srq_unmap(srq);
	return 0;
}
