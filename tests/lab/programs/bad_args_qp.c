// SPDX-License-Identifier: GPL-2.0-only
/* Queue pairs that cannot be made, and changes that cannot be. */

#include "bad_args.h"

static const struct {
	enum ibv_qp_type type;
	const char *name;
} types[] = {
	{ IBV_QPT_RC, "RC" },
	{ IBV_QPT_UC, "UC" },
	{ IBV_QPT_UD, "UD" },
	{ IBV_QPT_XRC_SEND, "XRC_SEND" },
	{ IBV_QPT_XRC_RECV, "XRC_RECV" },
};

static const char *const state_name[] = {
	"RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"
};

#define NR_TYPES	(sizeof(types) / sizeof(types[0]))
#define NR_STATES	(IBV_QPS_ERR + 1)

/* ---- Creation ---- */

static void try_cap(enum ibv_qp_type type, struct ibv_qp_cap cap,
		    const char *type_name)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq, .recv_cq = cq, .qp_type = type, .cap = cap,
	};

	MAKE(ibv_create_qp(pd, &attr), ibv_destroy_qp,
	     "create_qp/%s, caps %u %u %u %u %u", type_name, cap.max_send_wr,
	     cap.max_recv_wr, cap.max_send_sge, cap.max_recv_sge,
	     cap.max_inline_data);
}

static void try_caps(void)
{
	static const struct ibv_qp_cap caps[] = {
		{ 8, 8, 2, 2, 64 },
		{ 0, 8, 1, 1, 0 }, { 8, 0, 1, 1, 0 }, { 0, 0, 0, 0, 0 },
		{ 8, 8, 0, 1, 0 }, { 8, 8, 1, 0, 0 },
		{ 16351, 1, 1, 1, 0 }, { 16352, 1, 1, 1, 0 },
		{ 16384, 1, 1, 1, 0 }, { 65536, 1, 1, 1, 0 },
		{ 1, 16351, 1, 1, 0 }, { 1, 16352, 1, 1, 0 },
		{ 1, 16384, 1, 1, 0 }, { 1, ~0u, 1, 1, 0 },
		{ 8, 8, 31, 1, 0 }, { 8, 8, 32, 1, 0 }, { 8, 8, 33, 1, 0 },
		{ 8, 8, 62, 1, 0 }, { 8, 8, 64, 1, 0 },
		{ 8, 8, 1, 31, 0 }, { 8, 8, 1, 32, 0 }, { 8, 8, 1, 33, 0 },
		{ 8, 8, 1, 62, 0 }, { 8, 8, 1, 64, 0 },
		{ 8, 8, 1, 1, 900 }, { 8, 8, 1, 1, 1000 },
		{ 8, 8, 1, 1, 1024 }, { 8, 8, 1, 1, 1025 },
	};
	unsigned int i, j;

	for (i = 0; i < 4; i++)
		for (j = 0; j < sizeof(caps) / sizeof(caps[0]); j++)
			try_cap(types[i].type, caps[j], types[i].name);
}

static void try_create(struct ibv_qp_init_attr_ex attr, const char *name)
{
	attr.cap = (struct ibv_qp_cap) { 8, 8, 1, 1, 0 };
	MAKE(ibv_create_qp_ex(ctx, &attr), ibv_destroy_qp, "create_qp/%s",
	     name);
}

#define CREATE(name, ...) \
	try_create((struct ibv_qp_init_attr_ex){ __VA_ARGS__ }, name)
#define GOOD(t) .qp_type = (t), .send_cq = cq, .recv_cq = cq, .pd = pd, \
	.comp_mask = IBV_QP_INIT_ATTR_PD

void try_create_qp(void)
{
	int type;

	try_caps();
	for (type = 0; type < 16; type++) {
		char name[20];

		snprintf(name, sizeof(name), "type %d", type);
		if (type < IBV_QPT_XRC_SEND || type > IBV_QPT_XRC_RECV)
			CREATE(name, GOOD(type));
	}
	CREATE("driver type", GOOD(0xff));
	CREATE("SRQ", GOOD(IBV_QPT_RC), .srq = srq);
	CREATE("UC with SRQ", GOOD(IBV_QPT_UC), .srq = srq);
	CREATE("UD with SRQ", GOOD(IBV_QPT_UD), .srq = srq);
	CREATE("XRC SRQ", GOOD(IBV_QPT_RC), .srq = xrc_srq);
	CREATE("XRC sender with SRQ", GOOD(IBV_QPT_XRC_SEND), .srq = srq);
	CREATE("XRC receiver", .qp_type = IBV_QPT_XRC_RECV,
	       .comp_mask = IBV_QP_INIT_ATTR_XRCD, .xrcd = xrcd);
	CREATE("block loopback", .qp_type = IBV_QPT_UD, .send_cq = cq,
	       .recv_cq = cq, .pd = pd, .comp_mask = IBV_QP_INIT_ATTR_PD |
	       IBV_QP_INIT_ATTR_CREATE_FLAGS,
	       .create_flags = IBV_QP_CREATE_BLOCK_SELF_MCAST_LB);
	CREATE("scatter FCS", .qp_type = IBV_QPT_UD, .send_cq = cq,
	       .recv_cq = cq, .pd = pd, .comp_mask = IBV_QP_INIT_ATTR_PD |
	       IBV_QP_INIT_ATTR_CREATE_FLAGS,
	       .create_flags = IBV_QP_CREATE_SCATTER_FCS);
	CREATE("VLAN stripping", .qp_type = IBV_QPT_UD, .send_cq = cq,
	       .recv_cq = cq, .pd = pd, .comp_mask = IBV_QP_INIT_ATTR_PD |
	       IBV_QP_INIT_ATTR_CREATE_FLAGS,
	       .create_flags = IBV_QP_CREATE_CVLAN_STRIPPING);
	CREATE("unknown flag", .qp_type = IBV_QPT_UD, .send_cq = cq,
	       .recv_cq = cq, .pd = pd, .comp_mask = IBV_QP_INIT_ATTR_PD |
	       IBV_QP_INIT_ATTR_CREATE_FLAGS, .create_flags = 1 << 25);
	CREATE("TSO header", .qp_type = IBV_QPT_UD, .send_cq = cq,
	       .recv_cq = cq, .pd = pd, .comp_mask = IBV_QP_INIT_ATTR_PD |
	       IBV_QP_INIT_ATTR_MAX_TSO_HEADER, .max_tso_header = 100);
}

/* ---- Modification ---- */

static struct ibv_qp_attr good_attr(const struct ibv_qp *qp,
				    enum ibv_qp_state next)
{
	struct ibv_qp_attr attr = {
		.qp_state = next,
		.port_num = CHECK_PORT,
		.qkey = CHECK_QKEY,
		.qp_access_flags = ALL_RIGHTS,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = qp->qp_num,
		.max_rd_atomic = 1,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.timeout = 14,
		.ah_attr = { .dlid = lid, .port_num = CHECK_PORT },
		.alt_ah_attr = { .dlid = lid, .port_num = CHECK_PORT },
		.alt_port_num = CHECK_PORT,
		.alt_timeout = 14,
	};

	return attr;
}

/* A new QP in a state that a program can bring it to; SQE is none. */
static struct ibv_qp *qp_in(enum ibv_qp_type type, enum ibv_qp_state state)
{
	struct ibv_qp *qp = make_qp(type, pd, NULL);
	enum ibv_qp_state cur, next;
	struct ibv_qp_attr attr;

	NEED(qp);
	for (cur = IBV_QPS_RESET; cur != state; cur = next) {
		next = cur == IBV_QPS_INIT && state == IBV_QPS_ERR ? state :
			cur + 1;
		attr = good_attr(qp, next);
		NEED(!ibv_modify_qp(qp, &attr, qp_needs(type, cur, next)));
	}
	return qp;
}

/* Can this type be in this state? */
static int exists(enum ibv_qp_type type, enum ibv_qp_state state)
{
	return state != IBV_QPS_SQE &&
		(type != IBV_QPT_XRC_RECV || state != IBV_QPS_SQD);
}

/* Try a change; what it has succeeded with is replaced by its like. */
static int try_change(struct ibv_qp **qp, enum ibv_qp_state cur,
		      struct ibv_qp_attr *attr, int mask)
{
	enum ibv_qp_type type = (*qp)->qp_type;
	int err;

	errno = 0;
	err = errno_of(ibv_modify_qp(*qp, attr, mask));
	if (!err) {
		NEED(!ibv_destroy_qp(*qp));
		*qp = qp_in(type, cur);
	}
	return err;
}

static void try_transitions(enum ibv_qp_type type, const char *name,
			    enum ibv_qp_state cur)
{
	struct ibv_qp *qp = qp_in(type, cur);
	enum ibv_qp_state next;
	struct ibv_qp_attr attr;

	for (next = 0; next < NR_STATES + 1; next++) {
		attr = good_attr(qp, next);
		say(try_change(&qp, cur, &attr, qp_needs(type, cur, next)),
		    "modify_qp/%s %s to %s", name, state_name[cur],
		    next < NR_STATES ? state_name[next] : "none");
	}
	NEED(!ibv_destroy_qp(qp));
}

/* Each attribute too few, and each too many. */
static void try_masks(enum ibv_qp_type type, const char *name,
		      enum ibv_qp_state cur, enum ibv_qp_state next)
{
	int mask = qp_needs(type, cur, next), bit;
	struct ibv_qp *qp = qp_in(type, cur);
	struct ibv_qp_attr attr;

	for (bit = 0; bit < 27; bit++) {
		attr = good_attr(qp, next);
		attr.cur_qp_state = cur;
		say(try_change(&qp, cur, &attr, mask ^ 1 << bit),
		    "modify_qp/%s %s to %s, %s attribute %d", name,
		    state_name[cur], state_name[next],
		    mask & 1 << bit ? "without" : "with", bit);
	}
	NEED(!ibv_destroy_qp(qp));
}

/* One attribute with some values, where the IBTA wants or allows it. */
#define VALUES(cur, next, more, field, ...) do { \
	static const long values_[] = { __VA_ARGS__ }; \
	struct ibv_qp *qp_ = qp_in(IBV_QPT_RC, cur); \
	struct ibv_qp_attr attr_; \
	unsigned int i_; \
	for (i_ = 0; i_ < sizeof(values_) / sizeof(values_[0]); i_++) { \
		attr_ = good_attr(qp_, next); \
		attr_.field = values_[i_]; \
		say(try_change(&qp_, cur, &attr_, \
			       qp_needs(IBV_QPT_RC, cur, next) | (more)), \
		    "modify_qp/%s to %s, mask %#x more, %s %ld", \
		    state_name[cur], state_name[next], more, #field, \
		    values_[i_]); \
	} \
	NEED(!ibv_destroy_qp(qp_)); \
} while (0)

static void try_values(void)
{
	VALUES(IBV_QPS_RESET, IBV_QPS_INIT, 0, port_num, 0, 2, 3, 255);
	VALUES(IBV_QPS_RESET, IBV_QPS_INIT, 0, pkey_index, 1, 127, 128, 65535);
	VALUES(IBV_QPS_RESET, IBV_QPS_INIT, 0, qp_access_flags, 0, 16, 0x1f,
	       1 << 6, 1 << 20, ~0u);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, path_mtu, 0, 6, 7, 255);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, dest_qp_num, 0, 0xffffff,
	       0x1000000, ~0u);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, rq_psn, 0xffffff, 0x1000000, ~0u);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, max_dest_rd_atomic, 0, 1, 15, 16,
	       17, 127, 128, 129, 255);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, min_rnr_timer, 31, 32, 255);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, ah_attr.port_num, 0, 2, 3);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, ah_attr.dlid, 0, 0xc000, 0xffff);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, ah_attr.sl, 15, 16, 255);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, ah_attr.src_path_bits, 127, 128);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, ah_attr.static_rate, 1, 2, 10, 22,
	       23, 24, 26);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, 0, ah_attr.is_global, 1, 2);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, IBV_QP_ALT_PATH, alt_port_num, 0, 1,
	       2, 3);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, IBV_QP_ALT_PATH,
	       alt_ah_attr.port_num, 0, 2, 3);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, IBV_QP_ALT_PATH, alt_pkey_index, 1,
	       127, 128, 65535);
	VALUES(IBV_QPS_INIT, IBV_QPS_RTR, IBV_QP_ALT_PATH, alt_timeout, 31,
	       32, 255);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, 0, sq_psn, 0xffffff, 0x1000000, ~0u);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, 0, timeout, 0, 31, 32, 255);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, 0, retry_cnt, 7, 8, 255);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, 0, rnr_retry, 7, 8, 255);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, 0, max_rd_atomic, 0, 1, 15, 16, 17,
	       127, 128, 129, 255);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, IBV_QP_PATH_MIG_STATE,
	       path_mig_state, 0, 1, 2, 3, 255);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, IBV_QP_ALT_PATH |
	       IBV_QP_PATH_MIG_STATE, path_mig_state, 0, 1, 2, 3);
	VALUES(IBV_QPS_RTR, IBV_QPS_RTS, IBV_QP_CUR_STATE, cur_qp_state, 0, 1,
	       2, 3, 6, 7, 100);
	VALUES(IBV_QPS_RTS, IBV_QPS_SQD, IBV_QP_EN_SQD_ASYNC_NOTIFY,
	       en_sqd_async_notify, 0, 1, 2, 255);
}

/* A global route whose fields are out of their ranges. */
static void try_route(const char *name, int sgid_index, uint32_t flow)
{
	struct ibv_qp *qp = qp_in(IBV_QPT_RC, IBV_QPS_INIT);
	struct ibv_qp_attr attr = good_attr(qp, IBV_QPS_RTR);

	attr.ah_attr.is_global = 1;
	attr.ah_attr.grh.dgid = own_gid;
	attr.ah_attr.grh.sgid_index = sgid_index;
	attr.ah_attr.grh.flow_label = flow;
	TRY(ibv_modify_qp(qp, &attr, qp_needs(IBV_QPT_RC, IBV_QPS_INIT,
					      IBV_QPS_RTR)),
	    "modify_qp/route, %s", name);
	NEED(!ibv_destroy_qp(qp));
}

static void try_qkey(uint32_t qkey)
{
	struct ibv_qp *qp = qp_in(IBV_QPT_UD, IBV_QPS_RESET);
	struct ibv_qp_attr attr = good_attr(qp, IBV_QPS_INIT);

	attr.qkey = qkey;
	TRY(ibv_modify_qp(qp, &attr, qp_needs(IBV_QPT_UD, IBV_QPS_RESET,
					      IBV_QPS_INIT)),
	    "modify_qp/Q_Key %#x", qkey);
	NEED(!ibv_destroy_qp(qp));
}

void try_modify_qp(void)
{
	enum ibv_qp_state cur;
	unsigned int i;

	for (i = 0; i < NR_TYPES; i++)
		for (cur = 0; cur < NR_STATES; cur++)
			if (exists(types[i].type, cur))
				try_transitions(types[i].type, types[i].name,
						cur);
	try_masks(IBV_QPT_RC, "RC", IBV_QPS_RESET, IBV_QPS_INIT);
	try_masks(IBV_QPT_RC, "RC", IBV_QPS_INIT, IBV_QPS_RTR);
	try_masks(IBV_QPT_RC, "RC", IBV_QPS_RTR, IBV_QPS_RTS);
	try_masks(IBV_QPT_RC, "RC", IBV_QPS_RTS, IBV_QPS_RTS);
	try_masks(IBV_QPT_RC, "RC", IBV_QPS_SQD, IBV_QPS_SQD);
	try_masks(IBV_QPT_UC, "UC", IBV_QPS_INIT, IBV_QPS_RTR);
	try_masks(IBV_QPT_UD, "UD", IBV_QPS_RESET, IBV_QPS_INIT);
	try_masks(IBV_QPT_UD, "UD", IBV_QPS_RTR, IBV_QPS_RTS);
	try_masks(IBV_QPT_XRC_SEND, "XRC_SEND", IBV_QPS_RTR, IBV_QPS_RTS);
	try_masks(IBV_QPT_XRC_RECV, "XRC_RECV", IBV_QPS_INIT, IBV_QPS_RTR);
	try_values();
	try_route("good", 0, 0);
	try_route("GID that is empty", 1, 0);
	try_route("last GID", 127, 0);
	try_route("no GID", 128, 0);
	try_route("flow label of 20 bits", 0, 0xfffff);
	try_route("flow label of 21 bits", 0, 0x1fffff);
	try_route("flow label of 32 bits", 0, ~0u);
	try_qkey(0x7fffffff);
	try_qkey(0x80000000);
	try_qkey(0xffffffff);
}
