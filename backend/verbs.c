// SPDX-License-Identifier: GPL-2.0-only
/* From a request to its verb. */

#include <linux/nospec.h>

#include "ibback.h"

static int ibback_verb_destroy(struct ibback_dev *dev,
			       const struct vibif_req *req,
			       struct vibif_rsp *rsp)
{
	return ibback_obj_destroy(dev, req->handle);
}

/**
 * struct ibback_op - how an operation is served
 * @shape: which parts of a request it uses
 * @type: of the object that it is on, or makes
 * @check: of a request that makes one, before anything is done; or NULL
 * @create: makes an object
 * @on_obj: is on one, which the request must name
 * @on_dev: is on the device. Of these three there is one; none: not served
 */
struct ibback_op {
	struct ibback_op_shape shape;
	enum ibback_resource type;
	ibback_check_fn *check;
	ibback_obj_verb *create;
	ibback_obj_verb *on_obj;
	ibback_dev_verb *on_dev;
};

#define LEN(member)	sizeof(((struct vibif_req *)NULL)->op.member)
#define AT(member)	(offsetof(struct vibif_req, op.member) -	\
			 offsetof(struct vibif_req, op))
#define CREATE(otype, chk, fn, ...)					\
	{ .type = IBBACK_##otype, .check = chk, .create = fn,		\
	  .shape = { __VA_ARGS__ } }
#define ON_OBJ(otype, fn, len)						\
	{ .type = IBBACK_##otype, .on_obj = fn, .shape = { len, true } }
#define ON_DEV(fn, len)		{ .on_dev = fn, .shape = { len, false } }

static const struct ibback_op operations[VIBIF_OP_MAX + 1] = {
	[VIBIF_OP_QUERY_DEVICE] = ON_DEV(ibback_query_device,
					 LEN(query_device)),
	[VIBIF_OP_QUERY_PORT] = ON_DEV(ibback_query_port, LEN(query_port)),
	[VIBIF_OP_QUERY_GID] = ON_DEV(ibback_query_gid, LEN(query_table)),
	[VIBIF_OP_QUERY_PKEY] = ON_DEV(ibback_query_pkey, LEN(query_table)),
	[VIBIF_OP_ALLOC_CONTEXT] = CREATE(CONTEXT, NULL, ibback_context_create,
					  0),
	[VIBIF_OP_ALLOC_PD] = CREATE(PD, NULL, ibback_pd_create, 0),
	[VIBIF_OP_REG_MR] = CREATE(MR, ibback_check_reg_mr, ibback_mr_create,
				   LEN(reg_mr)),
	[VIBIF_OP_REREG_MR] = ON_OBJ(MR, ibback_mr_rereg, LEN(reg_mr)),
	[VIBIF_OP_RETIRE_MR] = ON_OBJ(MR, ibback_mr_retire, 0),
	[VIBIF_OP_CREATE_CQ] = CREATE(CQ, ibback_check_create_cq,
				      ibback_cq_create, LEN(create_cq)),
	[VIBIF_OP_MODIFY_CQ] = ON_OBJ(CQ, ibback_cq_modify, LEN(modify_cq)),
	[VIBIF_OP_RESIZE_CQ] = ON_OBJ(CQ, ibback_cq_resize, LEN(resize_cq)),
	[VIBIF_OP_CREATE_SRQ] = CREATE(SRQ, ibback_check_create_srq,
				       ibback_srq_create, LEN(create_srq),
				       .own_at = AT(create_srq.cq),
				       .own_size = LEN(create_srq.cq) +
						   LEN(create_srq.xrcd),
				       .type_at = AT(create_srq.type),
				       .type = VIBIF_SRQ_XRC),
	[VIBIF_OP_MODIFY_SRQ] = ON_OBJ(SRQ, ibback_srq_modify,
				       LEN(modify_srq)),
	[VIBIF_OP_QUERY_SRQ] = ON_OBJ(SRQ, ibback_srq_query, 0),
	[VIBIF_OP_CREATE_QP] = CREATE(QP, ibback_check_create_qp,
				      ibback_qp_create, LEN(create_qp),
				      .own_at = AT(create_qp.xrcd),
				      .own_size = LEN(create_qp.xrcd),
				      .type_at = AT(create_qp.type),
				      .type = VIBIF_QPT_XRC_TGT),
	[VIBIF_OP_MODIFY_QP] = ON_OBJ(QP, ibback_qp_modify, LEN(modify_qp)),
	[VIBIF_OP_QUERY_QP] = ON_OBJ(QP, ibback_qp_query, 0),
	[VIBIF_OP_ATTACH_MCAST] = ON_OBJ(QP, ibback_qp_attach_mcast,
					 LEN(mcast)),
	[VIBIF_OP_DETACH_MCAST] = ON_OBJ(QP, ibback_qp_detach_mcast,
					 LEN(mcast)),
	/* Of any type, and not while it is in use: found by the verb itself */
	[VIBIF_OP_DESTROY] = { .on_dev = ibback_verb_destroy,
			       .shape = { 0, true } },
	[VIBIF_OP_ALLOC_MW] = CREATE(MW, ibback_check_alloc_mw,
				     ibback_mw_create, LEN(alloc_mw)),
	[VIBIF_OP_SET_ADDRS] = ON_DEV(ibback_set_addrs, LEN(set_addrs)),
	[VIBIF_OP_QUERY_COUNTERS] = ON_DEV(ibback_query_counters,
					   LEN(query_counters)),
	[VIBIF_OP_ALLOC_XRCD] = CREATE(XRCD, ibback_check_xrc,
				       ibback_xrcd_create, 0),
};

static int ibback_execute_create(struct ibback_dev *dev,
				 const struct ibback_op *op,
				 const struct vibif_req *req,
				 struct vibif_rsp *rsp)
{
	int err = op->check ? op->check(&dev->limits, req) : 0;

	return err ?: ibback_obj_create(dev, op->type, op->create, req, rsp);
}

static int ibback_execute_on_obj(struct ibback_dev *dev,
				 const struct ibback_op *op,
				 const struct vibif_req *req,
				 struct vibif_rsp *rsp)
{
	struct ibback_obj *obj;
	int err;

	obj = ibback_obj_get(dev, req->handle, op->type);
	if (!obj)
		return -ENOENT;
	mutex_lock(&obj->lock);
	err = op->on_obj(obj, req, rsp);
	mutex_unlock(&obj->lock);
	ibback_obj_put(obj);
	return err;
}

static int ibback_serve(struct ibback_dev *dev, const struct vibif_req *req,
			struct vibif_rsp *rsp)
{
	const struct ibback_op *op;
	int err;

	if (req->operation > VIBIF_OP_MAX)
		return -EOPNOTSUPP;
	op = &operations[array_index_nospec(req->operation,
					    ARRAY_SIZE(operations))];
	if (!op->create && !op->on_obj && !op->on_dev)
		return -EOPNOTSUPP;
	err = ibback_check_header(req, &op->shape);
	if (err)
		return err;
	if (op->create)
		return ibback_execute_create(dev, op, req, rsp);
	if (op->on_obj)
		return ibback_execute_on_obj(dev, op, req, rsp);
	return op->on_dev(dev, req, rsp);
}

/* Whether it is the request that is wrong, not what there is of something */
static bool ibback_is_bad_request(int err)
{
	return err == -EINVAL || err == -ENOENT || err == -EPERM ||
		err == -EFAULT || err == -EOPNOTSUPP;
}

/**
 * ibback_execute() - check a request and do what it says
 * @dev: the guest's device, connected
 * @req: a private copy of the request
 * @rsp: where the answer goes; zero on entry but for id and operation
 *
 * Return: 0 or a negative errno; then @rsp->op is to be cleared.
 */
int ibback_execute(struct ibback_dev *dev, const struct vibif_req *req,
		   struct vibif_rsp *rsp)
{
	int err = ibback_serve(dev, req, rsp);

	if (ibback_is_bad_request(err))
		ibback_count_refused(dev, IBBACK_LIMIT_REQUESTS);
	return err;
}
