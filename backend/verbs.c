// SPDX-License-Identifier: GPL-2.0-only
/* From a request to its verb. */

#include <linux/nospec.h>

#include "ibback.h"

static int destroy(struct ibback_dev *dev, const struct vibif_req *req,
		   struct vibif_rsp *rsp)
{
	return ibback_obj_destroy(dev, req->handle);
}

#define LEN(member)	sizeof(((struct vibif_req *)NULL)->op.member)

/* A verb takes an object, which the request must name, or it takes none. */
#define ON(otype, fn, len)	{ .obj_verb = fn, .type = IBBACK_##otype,	\
				  .shape = { len, true } }
#define ON_NONE(fn, len)	{ .verb = fn, .shape = { len, false } }

static const struct {
	ibback_verb verb;
	ibback_obj_verb obj_verb;	/* neither: not served */
	enum ibback_resource type;
	struct ibback_op_shape shape;
} verbs[VIBIF_OP_MAX + 1] = {
	[VIBIF_OP_QUERY_DEVICE] = ON_NONE(ibback_query_device,
					  LEN(query_device)),
	[VIBIF_OP_QUERY_PORT] = ON_NONE(ibback_query_port, LEN(query_port)),
	[VIBIF_OP_QUERY_GID] = ON_NONE(ibback_query_gid, LEN(query_table)),
	[VIBIF_OP_QUERY_PKEY] = ON_NONE(ibback_query_pkey, LEN(query_table)),
	[VIBIF_OP_ALLOC_CONTEXT] = ON_NONE(ibback_alloc_context, 0),
	[VIBIF_OP_ALLOC_PD] = ON_NONE(ibback_alloc_pd, 0),
	[VIBIF_OP_REG_MR] = ON_NONE(ibback_reg_mr, LEN(reg_mr)),
	[VIBIF_OP_REREG_MR] = ON(MR, ibback_rereg_mr, LEN(reg_mr)),
	[VIBIF_OP_CREATE_CQ] = ON_NONE(ibback_create_cq, LEN(create_cq)),
	[VIBIF_OP_MODIFY_CQ] = ON(CQ, ibback_modify_cq, LEN(modify_cq)),
	[VIBIF_OP_RESIZE_CQ] = ON(CQ, ibback_resize_cq, LEN(resize_cq)),
	[VIBIF_OP_CREATE_SRQ] = ON_NONE(ibback_create_srq, LEN(create_srq)),
	[VIBIF_OP_MODIFY_SRQ] = ON(SRQ, ibback_modify_srq, LEN(modify_srq)),
	[VIBIF_OP_QUERY_SRQ] = ON(SRQ, ibback_query_srq, 0),
	[VIBIF_OP_CREATE_QP] = ON_NONE(ibback_create_qp, LEN(create_qp)),
	[VIBIF_OP_MODIFY_QP] = ON(QP, ibback_modify_qp, LEN(modify_qp)),
	[VIBIF_OP_QUERY_QP] = ON(QP, ibback_query_qp, 0),
	[VIBIF_OP_ATTACH_MCAST] = ON(QP, ibback_attach_mcast, LEN(mcast)),
	[VIBIF_OP_DETACH_MCAST] = ON(QP, ibback_detach_mcast, LEN(mcast)),
	/* Of any type, and not while it is in use: found by the verb itself */
	[VIBIF_OP_DESTROY] = { .verb = destroy, .shape = { 0, true } },
	[VIBIF_OP_ALLOC_MW] = ON_NONE(ibback_alloc_mw, LEN(alloc_mw)),
	[VIBIF_OP_ALLOC_XRCD] = ON_NONE(ibback_alloc_xrcd, 0),
};

static int execute_on(struct ibback_obj *obj, ibback_obj_verb verb,
		      const struct vibif_req *req, struct vibif_rsp *rsp)
{
	int err;

	if (!obj)
		return -ENOENT;
	mutex_lock(&obj->lock);
	err = verb(obj, req, rsp);
	mutex_unlock(&obj->lock);
	ibback_obj_put(obj);
	return err;
}

/**
 * ibback_execute - check a request and do what it says
 * @dev: the guest's device, connected
 * @req: a private copy of the request
 * @rsp: where the answer goes; zero on entry but for id and operation
 *
 * Return: 0 or a negative errno; then @rsp->op is to be cleared.
 */
int ibback_execute(struct ibback_dev *dev, const struct vibif_req *req,
		   struct vibif_rsp *rsp)
{
	unsigned int op = req->operation;
	int err;

	if (op > VIBIF_OP_MAX || !(verbs[op].verb || verbs[op].obj_verb))
		return -EOPNOTSUPP;
	op = array_index_nospec(op, ARRAY_SIZE(verbs));
	err = ibback_check_header(req, &verbs[op].shape);
	if (err)
		return err;
	if (verbs[op].verb)
		return verbs[op].verb(dev, req, rsp);
	return execute_on(ibback_obj_get(dev, req->handle, verbs[op].type),
			  verbs[op].obj_verb, req, rsp);
}
