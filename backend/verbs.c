// SPDX-License-Identifier: GPL-2.0-only
/* From a request to its verb. */

#include "ibback.h"

static int destroy(struct ibback_dev *dev, const struct vibif_req *req,
		   struct vibif_rsp *rsp)
{
	return ibback_obj_destroy(dev, req->handle);
}

#define NO_HANDLE(member)						\
	{ sizeof(((struct vibif_req *)NULL)->op.member), false }
#define ON_HANDLE(member)						\
	{ sizeof(((struct vibif_req *)NULL)->op.member), true }

static const struct {
	ibback_verb verb;	/* NULL: not served */
	struct ibback_op_shape shape;
} verbs[VIBIF_OP_MAX + 1] = {
	[VIBIF_OP_QUERY_DEVICE] = {
		ibback_query_device, NO_HANDLE(query_device) },
	[VIBIF_OP_QUERY_PORT] = { ibback_query_port, NO_HANDLE(query_port) },
	[VIBIF_OP_QUERY_GID] = { ibback_query_gid, NO_HANDLE(query_table) },
	[VIBIF_OP_QUERY_PKEY] = { ibback_query_pkey, NO_HANDLE(query_table) },
	[VIBIF_OP_ALLOC_CONTEXT] = { ibback_alloc_context, { 0, false } },
	[VIBIF_OP_ALLOC_PD] = { ibback_alloc_pd, { 0, false } },
	[VIBIF_OP_REG_MR] = { ibback_reg_mr, NO_HANDLE(reg_mr) },
	[VIBIF_OP_REREG_MR] = { ibback_rereg_mr, ON_HANDLE(reg_mr) },
	[VIBIF_OP_CREATE_CQ] = { ibback_create_cq, NO_HANDLE(create_cq) },
	[VIBIF_OP_MODIFY_CQ] = { ibback_modify_cq, ON_HANDLE(modify_cq) },
	[VIBIF_OP_RESIZE_CQ] = { ibback_resize_cq, ON_HANDLE(resize_cq) },
	[VIBIF_OP_CREATE_SRQ] = { ibback_create_srq, NO_HANDLE(create_srq) },
	[VIBIF_OP_MODIFY_SRQ] = { ibback_modify_srq, ON_HANDLE(modify_srq) },
	[VIBIF_OP_QUERY_SRQ] = { ibback_query_srq, { 0, true } },
	[VIBIF_OP_CREATE_QP] = { ibback_create_qp, NO_HANDLE(create_qp) },
	[VIBIF_OP_MODIFY_QP] = { ibback_modify_qp, ON_HANDLE(modify_qp) },
	[VIBIF_OP_QUERY_QP] = { ibback_query_qp, { 0, true } },
	[VIBIF_OP_ATTACH_MCAST] = { ibback_attach_mcast, ON_HANDLE(mcast) },
	[VIBIF_OP_DETACH_MCAST] = { ibback_detach_mcast, ON_HANDLE(mcast) },
	[VIBIF_OP_DESTROY] = { destroy, { 0, true } },
	[VIBIF_OP_ALLOC_MW] = { ibback_alloc_mw, NO_HANDLE(alloc_mw) },
	[VIBIF_OP_ALLOC_XRCD] = { ibback_alloc_xrcd, { 0, false } },
};

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
	int err;

	if (req->operation > VIBIF_OP_MAX || !verbs[req->operation].verb)
		return -EOPNOTSUPP;
	err = ibback_check_header(req, &verbs[req->operation].shape);
	return err ?: verbs[req->operation].verb(dev, req, rsp);
}
