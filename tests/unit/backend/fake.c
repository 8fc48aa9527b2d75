// SPDX-License-Identifier: GPL-2.0-only
/* A provider without hardware: its ops, see fake.h. hw.c keeps its books. */

#include "hw.h"

struct ibback_hw_mr {
	struct hw hw;
	u32 access;
	unsigned int windows;	/* bound to it */
	bool retired;
};

struct ibback_hw_mw {
	struct hw hw;
	struct ibback_hw_mr *region;
};

struct ibback_hw_cq {
	struct hw hw;
	u16 period_us;
};

struct ibback_hw_srq {
	struct hw hw;
	u32 limit;
};

struct ibback_hw_qp {
	struct hw hw;
	enum ib_qp_type type;
	enum ib_qp_state state;
	u8 port;
	u8 sgid_index;
	u8 alt_sgid_index;
	u16 pkey_index;
	u16 alt_pkey_index;
	u8 members[64];		/* groups that have this reg_id */
	unsigned int nr_members;
};

struct ibback_hw_xrcd {
	struct hw hw;
};

struct pd {
	struct hw hw;
};

struct ib_device fake_device;
static u32 instance;

/* Doorbell pages */

static void fill_uar(struct ibback_uar *uar, u32 index)
{
	*uar = (struct ibback_uar) {
		.index = index,
		.frame = FAKE_UAR_FRAME + index,
		.bf_frame = index % 2 ? 0xe000 + index : 0,
		.held = true,
	};
}

static int uar_alloc(struct ibback_hca *hca, struct ibback_uar *uar, u32 nr)
{
	u32 i, found = 0;
	int err = hw_op("uar alloc");

	if (err)
		return err;
	for (i = FAKE_RESERVED_UARS; i < FAKE_UARS; i++)
		found += !hw_uars[i].taken;
	if (found < nr)
		return -ENOSPC;
	for (i = FAKE_UARS; nr; i--) {
		if (hw_uars[i - 1].taken)
			continue;
		hw_uars[i - 1].taken = true;
		fake_books.uars++;
		fill_uar(&uar[--nr], i - 1);
	}
	return 0;
}

static int uar_adopt(struct ibback_hca *hca, struct ibback_uar *uar)
{
	if (uar->index < FAKE_RESERVED_UARS || uar->index >= FAKE_UARS)
		return -EINVAL;
	fill_uar(uar, uar->index);
	return 0;
}

static u32 uar_retake(struct ibback_hca *hca, struct ibback_uar *uar, u32 nr)
{
	u32 i, missing = 0;

	might_sleep();
	for (i = 0; i < nr; i++) {
		uar[i].held = !hw_uars[uar[i].index].taken;
		if (uar[i].held) {
			hw_uars[uar[i].index].taken = true;
			fake_books.uars++;
		} else {
			missing++;
		}
	}
	return missing;
}

static void uar_free(struct ibback_hca *hca, const struct ibback_uar *uar)
{
	might_sleep();
	if (!hw_uars[uar->index].taken || hw_uars[uar->index].other ||
	    hw_uars[uar->index].users)
		kernel_bug("UAR %u is given back: %s", uar->index,
			   hw_uars[uar->index].users ? "it is in use" :
			   "it is another's");
	hw_uars[uar->index].taken = false;
	fake_books.uars--;
}

static const struct ibback_uar_ops uar_ops = {
	.alloc = uar_alloc,
	.adopt = uar_adopt,
	.retake = uar_retake,
	.free = uar_free,
};

/* Protection domains */

static int pd_alloc(struct ibback_hca *hca, u32 *pdn)
{
	int err = hw_op("pd alloc");

	if (!err)
		hw_new(FAKE_PD, sizeof(struct pd), pdn);
	return err;
}

static void pd_free(struct ibback_hca *hca, u32 pdn)
{
	might_sleep();
	hw_free(hw_find(FAKE_PD, pdn));
}

static const struct ibback_pd_ops pd_ops = {
	.alloc = pd_alloc,
	.free = pd_free,
};

/* Memory regions */

#define MR_ALL	(VIBIF_MR_REREG_TRANS | VIBIF_MR_REREG_PD |		\
		 VIBIF_MR_REREG_ACCESS)

/* With @add it keeps what it had, too. */
static void mr_fill(struct ibback_hw_mr *mr, const struct ibback_mr_params *p,
		    u32 flags, bool add)
{
	if (flags & VIBIF_MR_REREG_ACCESS)
		mr->access = p->access;
	if (flags & VIBIF_MR_REREG_TRANS) {
		if (!add)
			mr->hw.nr_pages = 0;
		hw_add_pages(&mr->hw, &p->pages);
	}
	if (flags & VIBIF_MR_REREG_PD) {
		if (!add && mr->hw.nr_deps)
			hw_unuse(&mr->hw);
		hw_use(&mr->hw, hw_find(FAKE_PD, p->pdn));
	}
	hw_check_mapped(&mr->hw, mr->access & (VIBIF_ACCESS_LOCAL_WRITE |
					       VIBIF_ACCESS_MW_BIND));
}

static struct ibback_hw_mr *mr_create(struct ibback_hca *hca,
				      const struct ibback_mr_params *p,
				      u32 *lkey, u32 *rkey)
{
	struct ibback_hw_mr *mr;
	int err = hw_op("mr create");

	if (err)
		return ERR_PTR(err);
	if (!p->pages.nr)
		kernel_bug("a region without pages");
	mr = hw_new(FAKE_MR, sizeof(*mr), lkey);
	*rkey = *lkey | 1U << 31;
	if (p->source)
		hw_use(&mr->hw, &p->source->hw);
	mr_fill(mr, p, MR_ALL, true);
	return mr;
}

/* After -EIO it has both the old and the new pages, and both PDs. */
static int mr_rereg(struct ibback_hca *hca, struct ibback_hw_mr *mr,
		    const struct ibback_mr_params *p, u32 flags)
{
	int err = hw_op("mr rereg");

	if (mr->retired)
		kernel_bug("MR %u, retired, is changed", mr->hw.number);
	if (!err || err == -EIO)
		mr_fill(mr, p, flags, err);
	return err;
}

/* It leaves the PD, which it was made with, or has got last. */
static int mr_retire(struct ibback_hca *hca, struct ibback_hw_mr *mr)
{
	int err = hw_op("mr retire");

	if (mr->retired)
		kernel_bug("MR %u is retired twice", mr->hw.number);
	if (!err && mr->windows)
		err = -EBUSY;
	if (err)
		return err;
	hw_unuse(&mr->hw);
	mr->retired = true;
	return 0;
}

static int mr_destroy(struct ibback_hca *hca, struct ibback_hw_mr *mr)
{
	int err = hw_op("mr destroy");

	if (!err && mr->windows)
		err = -EBUSY;
	if (!err)
		hw_free(&mr->hw);
	return err;
}

static const struct ibback_mr_ops mr_ops = {
	.create = mr_create,
	.rereg = mr_rereg,
	.retire = mr_retire,
	.destroy = mr_destroy,
};

/* Memory windows */

static struct ibback_hw_mw *mw_create(struct ibback_hca *hca, u32 pdn,
				      enum ib_mw_type type, u32 *rkey)
{
	struct ibback_hw_mw *mw;
	int err = hw_op("mw create");

	if (err)
		return ERR_PTR(err);
	mw = hw_new(FAKE_MW, sizeof(*mw), rkey);
	hw_use(&mw->hw, hw_find(FAKE_PD, pdn));
	return mw;
}

static void mw_destroy(struct ibback_hca *hca, struct ibback_hw_mw *mw)
{
	might_sleep();
	if (mw->region)
		mw->region->windows--;
	hw_free(&mw->hw);
}

void fake_bind(u32 window_rkey, u32 region_lkey)
{
	struct ibback_hw_mw *mw = hw_find_as(mw, FAKE_MW, window_rkey);

	mw->region = hw_find_as(mr, FAKE_MR, region_lkey);
	mw->region->windows++;
}

static const struct ibback_mw_ops mw_ops = {
	.create = mw_create,
	.destroy = mw_destroy,
};

/* Completion queues */

static void cq_check(u32 entries, const struct ibback_dma *pages)
{
	if (entries < FAKE_MIN_CQ_ENTRIES || entries > FAKE_MAX_CQ_ENTRIES ||
	    !is_power_of_2(entries) ||
	    pages->nr != DIV_ROUND_UP(entries * FAKE_CQE_SIZE, PAGE_SIZE))
		kernel_bug("no CQ has %u entries in %u pages", entries,
			   pages->nr);
}

static struct ibback_hw_cq *cq_create(struct ibback_hca *hca,
				      const struct ibback_cq_params *p,
				      u32 *cqn)
{
	struct ibback_hw_cq *cq;
	int err = hw_op("cq create");

	if (err)
		return ERR_PTR(err);
	cq_check(p->entries, &p->pages);
	if (p->vector >= FAKE_VECTORS)
		kernel_bug("no vector is %u", p->vector);
	cq = hw_new(FAKE_CQ, sizeof(*cq), cqn);
	hw_use_uars(&cq->hw, p->uar);
	hw_add_pages(&cq->hw, &p->pages);
	hw_check_mapped(&cq->hw, true);
	hw_set_db(&cq->hw, p->db_addr, FAKE_CQ_DB_SIZE);
	cq->hw.sink = p->sink;
	return cq;
}

static int cq_modify(struct ibback_hca *hca, struct ibback_hw_cq *cq,
		     u16 count, u16 period_us)
{
	int err = hw_op("cq modify");

	if (!err)
		cq->period_us = period_us;
	return err;
}

static int cq_resize(struct ibback_hca *hca, struct ibback_hw_cq *cq,
		     u32 entries, const struct ibback_dma *pages)
{
	int err = hw_op("cq resize");

	if (err)
		return err;
	cq_check(entries, pages);
	cq->hw.nr_pages = 0;
	hw_add_pages(&cq->hw, pages);
	hw_check_mapped(&cq->hw, true);
	return 0;
}

static void cq_destroy(struct ibback_hca *hca, struct ibback_hw_cq *cq)
{
	might_sleep();
	hw_free(&cq->hw);
}

u16 fake_cq_period(u32 cqn)
{
	return hw_find_as(cq, FAKE_CQ, cqn)->period_us;
}

static const struct ibback_cq_ops cq_ops = {
	.create = cq_create,
	.modify = cq_modify,
	.resize = cq_resize,
	.destroy = cq_destroy,
};

/* Shared receive queues */

static struct ibback_hw_srq *srq_create(struct ibback_hca *hca,
					const struct ibback_srq_params *p,
					u32 *srqn)
{
	struct ibback_hw_srq *srq;
	int err = hw_op("srq create");

	if (err)
		return ERR_PTR(err);
	if (!p->cq != !p->xrcd)
		kernel_bug("an SRQ is either XRC's or it is not");
	srq = hw_new(FAKE_SRQ, sizeof(*srq), srqn);
	hw_use(&srq->hw, hw_find(FAKE_PD, p->pdn));
	if (p->cq) {
		hw_use(&srq->hw, &p->cq->hw);
		hw_use(&srq->hw, &p->xrcd->hw);
	}
	hw_add_pages(&srq->hw, &p->pages);
	hw_check_mapped(&srq->hw, true);
	hw_set_db(&srq->hw, p->db_addr, FAKE_SRQ_DB_SIZE);
	srq->hw.sink = p->sink;
	return srq;
}

static int srq_arm(struct ibback_hca *hca, struct ibback_hw_srq *srq,
		   u32 limit)
{
	int err = hw_op("srq arm");

	if (!err)
		srq->limit = limit;
	return err;
}

static int srq_query(struct ibback_hca *hca, struct ibback_hw_srq *srq,
		     u32 *limit)
{
	int err = hw_op("srq query");

	if (!err)
		*limit = srq->limit;
	return err;
}

static void srq_destroy(struct ibback_hca *hca, struct ibback_hw_srq *srq)
{
	might_sleep();
	hw_free(&srq->hw);
}

u32 fake_srq_limit(u32 srqn)
{
	return hw_find_as(srq, FAKE_SRQ, srqn)->limit;
}

static const struct ibback_srq_ops srq_ops = {
	.create = srq_create,
	.arm = srq_arm,
	.query = srq_query,
	.destroy = srq_destroy,
};

/* Queue pairs */

static void qp_use(struct ibback_hw_qp *qp, const struct ibback_qp_params *p)
{
	hw_use_uars(&qp->hw, p->uar);
	hw_use(&qp->hw, hw_find(FAKE_PD, p->pdn));
	hw_use(&qp->hw, &p->send_cq->hw);
	if (p->recv_cq)
		hw_use(&qp->hw, &p->recv_cq->hw);
	if (p->srq)
		hw_use(&qp->hw, &p->srq->hw);
	hw_add_pages(&qp->hw, &p->pages);
	hw_check_mapped(&qp->hw, true);
	if (p->has_rq)
		hw_set_db(&qp->hw, p->db_addr, FAKE_QP_DB_SIZE);
}

static void qp_check(const struct ibback_qp_params *p)
{
	bool xrc = p->type == IB_QPT_XRC_INI || p->type == IB_QPT_XRC_TGT;

	if (!p->xrcd == (p->type == IB_QPT_XRC_TGT) ||
	    (p->xrcd && (p->uar || p->send_cq || p->pages.nr)) ||
	    !p->recv_cq != xrc || (xrc && (p->srq || p->has_rq)) ||
	    (!xrc && !p->srq == !p->has_rq))
		kernel_bug("no QP of type %d is like this", p->type);
}

void (*fake_qp_dies)(u32 qpn);

static struct ibback_hw_qp *qp_create(struct ibback_hca *hca,
				      const struct ibback_qp_params *p,
				      u32 *qpn)
{
	struct ibback_hw_qp *qp;
	int err = hw_op("qp create");
	u32 i;

	if (err)
		return ERR_PTR(err);
	qp_check(p);
	qp = hw_new(FAKE_QP, sizeof(*qp), qpn);
	if (p->xrcd)
		hw_use(&qp->hw, &p->xrcd->hw);
	else
		qp_use(qp, p);
	for (i = 0; p->flow && i < hca->limits.num_ports; i++)
		hw_use(&qp->hw, hw_find(FAKE_FLOW, p->flow[i]));
	qp->type = p->type;
	qp->hw.sink = p->sink;
	return qp;
}

static void qp_set_state(struct ibback_hw_qp *qp, enum ib_qp_state state)
{
	fake_books.active += (state != IB_QPS_RESET) -
			     (qp->state != IB_QPS_RESET);
	qp->state = state;
}

static int qp_modify(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		     const struct ibback_qp_change *c)
{
	int err = hw_op("qp modify");

	if (c->cur == IB_QPS_RESET && c->next == IB_QPS_RESET)
		kernel_bug("from Reset to Reset");
	if (!(c->attr->attr_mask & VIBIF_QP_ATTR_CUR_STATE) &&
	    c->cur != qp->state)
		kernel_bug("QP %u is in state %u, not %u", qp->hw.number,
			   qp->state, c->cur);
	if (err)
		return err;
	if (c->attr->attr_mask & VIBIF_QP_ATTR_PORT)
		qp->port = c->attr->port;
	if (c->port != qp->port)
		kernel_bug("QP %u is at port %u, not %u", qp->hw.number,
			   qp->port, c->port);
	if (qp->type == IB_QPT_UD)
		qp->sgid_index = c->sgid_index;
	else if (c->attr->attr_mask & VIBIF_QP_ATTR_AV)
		qp->sgid_index = c->attr->av.sgid_index;
	if (c->attr->attr_mask & VIBIF_QP_ATTR_PKEY_INDEX)
		qp->pkey_index = c->attr->pkey_index;
	if (c->attr->attr_mask & VIBIF_QP_ATTR_ALT_PATH) {
		qp->alt_sgid_index = c->attr->alt_av.sgid_index;
		qp->alt_pkey_index = c->attr->alt_pkey_index;
	}
	qp_set_state(qp, c->next);
	return 0;
}

static int qp_query(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		    struct vibif_qp_attr *attr)
{
	int err = hw_op("qp query");

	if (qp->state == IB_QPS_RESET)
		kernel_bug("a QP in Reset has no attributes");
	if (err)
		return err;
	attr->state = qp->state;
	attr->qkey = qp->hw.number;
	attr->pkey_index = qp->pkey_index;
	attr->alt_pkey_index = qp->alt_pkey_index;
	if (qp->state != IB_QPS_INIT)
		attr->port = qp->port;
	return 0;
}

static void qp_reset(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		     enum ib_qp_state cur)
{
	might_sleep();
	if (cur != qp->state)
		kernel_bug("QP %u is in state %u, not %u", qp->hw.number,
			   qp->state, cur);
	qp_set_state(qp, IB_QPS_RESET);
}

static void qp_destroy(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		       bool keep_number)
{
	might_sleep();
	if (fake_qp_dies)
		fake_qp_dies(qp->hw.number);
	if (qp->state != IB_QPS_RESET)
		kernel_bug("QP %u is destroyed in state %u", qp->hw.number,
			   qp->state);
	if (!keep_number != !qp->nr_members)
		kernel_bug("QP %u is in a group, or is said to be",
			   qp->hw.number);
	hw_free(&qp->hw);
}

static int qp_attach(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		     const u8 *gid, u8 port, bool block_loopback, u64 *reg_id)
{
	int err = hw_op("qp attach");

	if (err)
		return err;
	if (qp->type != IB_QPT_UD || gid[0] != 0xff)
		kernel_bug("QP %u cannot be in that group", qp->hw.number);
	*reg_id = gid[15] % ARRAY_SIZE(qp->members);
	qp->members[*reg_id]++;
	qp->nr_members++;
	fake_books.members++;
	return 0;
}

static int qp_detach(struct ibback_hca *hca, struct ibback_hw_qp *qp,
		     const u8 *gid, u64 reg_id)
{
	int err = hw_op("qp detach");

	if (err)
		return err;
	if (reg_id != gid[15] % ARRAY_SIZE(qp->members) ||
	    !qp->members[reg_id])
		kernel_bug("QP %u is not in that group", qp->hw.number);
	qp->members[reg_id]--;
	qp->nr_members--;
	fake_books.members--;
	return 0;
}

u8 fake_qp_sgid_index(u32 qpn)
{
	return hw_find_as(qp, FAKE_QP, qpn)->sgid_index;
}

u8 fake_qp_alt_sgid_index(u32 qpn)
{
	return hw_find_as(qp, FAKE_QP, qpn)->alt_sgid_index;
}

u16 fake_qp_pkey_index(u32 qpn)
{
	return hw_find_as(qp, FAKE_QP, qpn)->pkey_index;
}

enum ib_qp_state fake_qp_state(u32 qpn)
{
	return hw_find_as(qp, FAKE_QP, qpn)->state;
}

void fake_qp_error(u32 qpn)
{
	qp_set_state(hw_find_as(qp, FAKE_QP, qpn), IB_QPS_ERR);
}

void fake_qp_migrate(u32 qpn, u8 port)
{
	hw_find_as(qp, FAKE_QP, qpn)->port = port;
	fake_event(FAKE_QP, qpn, VIBIF_EVENT_QP_PATH_MIG);
}

static const struct ibback_qp_ops qp_ops = {
	.create = qp_create,
	.modify = qp_modify,
	.query = qp_query,
	.reset = qp_reset,
	.destroy = qp_destroy,
	.attach_mcast = qp_attach,
	.detach_mcast = qp_detach,
};

/* XRC domains */

static struct ibback_hw_xrcd *xrcd_create(struct ibback_hca *hca)
{
	int err = hw_op("xrcd create");

	return err ? ERR_PTR(err) :
		hw_new(FAKE_XRCD, sizeof(struct ibback_hw_xrcd), NULL);
}

static void xrcd_destroy(struct ibback_hca *hca, struct ibback_hw_xrcd *xrcd)
{
	might_sleep();
	hw_free(&xrcd->hw);
}

static const struct ibback_xrcd_ops xrcd_ops = {
	.create = xrcd_create,
	.destroy = xrcd_destroy,
};

/* Counters of traffic */

struct ibback_hw_flow {
	struct hw hw;
	struct ibback_flow moved;
};

struct ibback_flow *fake_flow(u32 index)
{
	return &hw_find_as(flow, FAKE_FLOW, index)->moved;
}

unsigned int fake_flow_users(u32 index)
{
	return hw_find(FAKE_FLOW, index)->users;
}

unsigned int fake_flow_reads;

static int flow_alloc(struct ibback_hca *hca, u32 *index)
{
	int err = hw_op("flow alloc");

	if (!err)
		hw_new(FAKE_FLOW, sizeof(struct ibback_hw_flow), index);
	return err;
}

static void flow_free(struct ibback_hca *hca, u32 index)
{
	might_sleep();
	hw_free(hw_find(FAKE_FLOW, index));
}

static void flow_read(struct ibback_hca *hca, u32 index,
		      struct ibback_flow *sum)
{
	unsigned int i;

	might_sleep();
	fake_flow_reads++;
	for (i = 0; i < IBBACK_NR_FLOW_COUNTS; i++)
		sum->count[i] += fake_flow(index)->count[i];
}

static const struct ibback_flow_ops flow_ops = {
	.alloc = flow_alloc,
	.free = flow_free,
	.read = flow_read,
};

/* The HCA */

static bool match(const struct ib_device *ibdev)
{
	return ibdev == &fake_device;
}

static int open_hca(struct ibback_hca *hca)
{
	struct ibback_limits *lim = &hca->limits;
	int err = hw_op("open");

	if (err)
		return err;
	hca->uars_per_context = FAKE_UARS_PER_CONTEXT;
	hca->instance = instance;
	lim->num_comp_vectors = FAKE_VECTORS;
	lim->min_cq_entries = FAKE_MIN_CQ_ENTRIES;
	lim->max_cq_entries = FAKE_MAX_CQ_ENTRIES;
	lim->cqe_size = FAKE_CQE_SIZE;
	lim->sq = (struct ibback_wq_limits)FAKE_SQ_LIMITS;
	lim->rq = (struct ibback_wq_limits)FAKE_RQ_LIMITS;
	lim->srq = (struct ibback_wq_limits)FAKE_SRQ_LIMITS;
	lim->cq_db_size = FAKE_CQ_DB_SIZE;
	lim->qp_db_size = FAKE_QP_DB_SIZE;
	lim->srq_db_size = FAKE_SRQ_DB_SIZE;
	fake_books.open++;
	return 0;
}

static void close_hca(struct ibback_hca *hca)
{
	fake_books.open--;
}

static void query_device(struct ibback_hca *hca, struct vibif_device_attr *attr)
{
	memcpy(attr->board_id, "fake", sizeof("fake"));
	attr->provider = FAKE_PROVIDER;
}

static const struct ibback_hca_ops fake_ops = {
	.match = match,
	.open = open_hca,
	.close = close_hca,
	.query_device = query_device,
	.uar = &uar_ops,
	.pd = &pd_ops,
	.mr = &mr_ops,
	.mw = &mw_ops,
	.cq = &cq_ops,
	.srq = &srq_ops,
	.qp = &qp_ops,
	.xrcd = &xrcd_ops,
	.flow = &flow_ops,
};

const struct ibback_hca_ops *const ibback_providers[] = { &fake_ops, NULL };

void fake_restart(void)
{
	hw_forget_uars();
	instance++;
}

void fake_reset(void)
{
	hw_reset();
	fake_errno = -ENOSPC;
	instance = 1;
	fake_device = (struct ib_device) {
		.dev.name = "fake_0",
		.node_guid = cpu_to_be64(FAKE_GUID),
		.node_desc = "fake",
		.phys_port_cnt = 3,	/* one more than the protocol's */
		.num_comp_vectors = FAKE_VECTORS + 1,
		.attrs = {
			.device_cap_flags = FAKE_CAPS |
					    IB_DEVICE_MEM_MGT_EXTENSIONS,
			.max_cqe = FAKE_MAX_CQ_ENTRIES - 1,
			.max_cq = 1 << 16,
			.max_qp = 100,
			.max_srq = 1 << 16,
			.max_mr = 1 << 16,
			.max_pd = 1 << 16,
			.max_mw = 1 << 16,
			.max_qp_rd_atom = 8,
			.max_qp_init_rd_atom = 4,
			.max_mcast_qp_attach = 240,
			.max_total_mcast_qp_attach = 1 << 16,
		},
		.port[1] = { .state = IB_PORT_ACTIVE, .gid_tbl_len = 9,
			     .pkey_tbl_len = 60, .lid = 11 },
		.port[2] = { .state = IB_PORT_DOWN, .gid_tbl_len = 2,
			     .pkey_tbl_len = 3, .lid = 22 },
	};
}
