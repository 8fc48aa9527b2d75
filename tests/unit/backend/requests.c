// SPDX-License-Identifier: GPL-2.0-only
/* Requests as a sane frontend makes them, and the memory that they name. */

#include "guest.h"

#define MAX_GUEST_PAGES		256

static void *pages[MAX_GUEST_PAGES];
static unsigned int nr_pages;

void *guest_page(void)
{
	void *page = NULL;

	if (nr_pages == MAX_GUEST_PAGES ||
	    posix_memalign(&page, PAGE_SIZE, PAGE_SIZE))
		kernel_bug("too many pages for this test");
	memset(page, 0, PAGE_SIZE);
	pages[nr_pages++] = page;
	return page;
}

void guest_free_pages(void)
{
	while (nr_pages)
		free(pages[--nr_pages]);
}

struct vibif_page_list guest_pages(u32 nr, bool writable)
{
	struct vibif_page_directory *dir = guest_page();
	struct vibif_page_list list = { xen_grant(dir, false), nr };
	u32 i, k = 0;

	for (i = 0; i < nr; i++, k++) {
		if (k == VIBIF_GREFS_PER_PAGE) {
			struct vibif_page_directory *next = guest_page();

			dir->gref_dir_next_page = xen_grant(next, false);
			dir = next;
			k = 0;
		}
		dir->gref[k] = xen_grant(NULL, writable);
	}
	return list;
}

struct vibif_page_directory *guest_directory(const struct vibif_page_list *l)
{
	return xen_page(l->gref_directory);
}

struct vibif_doorbell guest_doorbell(void)
{
	return (struct vibif_doorbell) { xen_grant(NULL, false), 64 };
}

struct vibif_req req_on(u8 operation, struct obj obj)
{
	return (struct vibif_req) { .operation = operation,
				    .handle = obj.handle };
}

struct vibif_req req_destroy(struct obj obj)
{
	return req_on(VIBIF_OP_DESTROY, obj);
}

struct vibif_req req_context(void)
{
	return (struct vibif_req) { .operation = VIBIF_OP_ALLOC_CONTEXT };
}

struct vibif_req req_pd(void)
{
	return (struct vibif_req) { .operation = VIBIF_OP_ALLOC_PD };
}

struct vibif_req req_xrcd(void)
{
	return (struct vibif_req) { .operation = VIBIF_OP_ALLOC_XRCD };
}

struct vibif_req req_query_device(grant_ref_t gref)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_QUERY_DEVICE,
		.op.query_device.gref = gref,
	};
}

struct vibif_req req_query_port(u8 port)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_QUERY_PORT,
		.op.query_port.port = port,
	};
}

struct vibif_req req_query_table(u8 operation, u8 port, u16 index)
{
	return (struct vibif_req) {
		.operation = operation,
		.op.query_table = { .port = port, .index = index },
	};
}

struct vibif_req req_mw(struct obj pd)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_ALLOC_MW,
		.op.alloc_mw = { .pd = pd.handle, .type = 1 },
	};
}

/* For all that there is, of pages that begin in the middle of one */
struct vibif_req req_mr(struct obj pd, u32 nr_pages)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_REG_MR,
		.op.reg_mr = {
			.iova = 0x10800,
			.length = (u64)nr_pages * PAGE_SIZE - 0x800,
			.pd = pd.handle,
			.access = VIBIF_ACCESS_MASK,
			.flags = VIBIF_MR_WRITABLE,
			.pages = guest_pages(nr_pages, true),
		},
	};
}

/* The pages of a region that req_mr() has made */
struct vibif_req req_share(struct obj pd, struct obj source, u32 nr_pages)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_REG_MR,
		.op.reg_mr = {
			.iova = 0x700000800,
			.length = (u64)nr_pages * PAGE_SIZE - 0x800,
			.pd = pd.handle,
			.access = VIBIF_ACCESS_MASK,
			.flags = VIBIF_MR_SHARE,
			.source = source.handle,
		},
	};
}

/* To other pages, three of them */
struct vibif_req req_rereg(struct obj mr, u32 flags)
{
	struct vibif_req req = req_mr((struct obj) {}, 3);

	req.operation = VIBIF_OP_REREG_MR;
	req.handle = mr.handle;
	req.op.reg_mr.flags = flags;
	if (flags & VIBIF_MR_REREG_TRANS)
		req.op.reg_mr.flags |= VIBIF_MR_WRITABLE;
	return req;
}

struct vibif_req req_retire(struct obj mr)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_RETIRE_MR,
		.handle = mr.handle,
	};
}

static u32 cq_pages(u32 entries)
{
	return DIV_ROUND_UP(entries * FAKE_CQE_SIZE, PAGE_SIZE);
}

struct vibif_req req_cq(struct obj context)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_CREATE_CQ,
		.op.create_cq = {
			.context = context.handle,
			.entries = 64,
			.comp_vector = FAKE_VECTORS - 1,
			.pages = guest_pages(cq_pages(64), true),
			.doorbell = guest_doorbell(),
		},
	};
}

struct vibif_req req_resize_cq(struct obj cq, u32 entries)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_RESIZE_CQ,
		.handle = cq.handle,
		.op.resize_cq = {
			.entries = entries,
			.pages = guest_pages(cq_pages(entries), true),
		},
	};
}

struct vibif_req req_srq(struct obj pd)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_CREATE_SRQ,
		.op.create_srq = {
			.pd = pd.handle,
			.type = VIBIF_SRQ_BASIC,
			.log_wqe_count = 6,
			.log_wqe_stride = 7,
			.pages = guest_pages(2, true),
			.doorbell = guest_doorbell(),
		},
	};
}

struct vibif_req req_xrc_srq(struct obj pd, struct obj cq, struct obj xrcd)
{
	struct vibif_req req = req_srq(pd);

	req.op.create_srq.type = VIBIF_SRQ_XRC;
	req.op.create_srq.cq = cq.handle;
	req.op.create_srq.xrcd = xrcd.handle;
	return req;
}

/* With a receive queue, unless it has none: a page of each */
struct vibif_req req_qp(u8 type, struct obj context, struct obj pd,
			struct obj cq)
{
	bool rq = type != VIBIF_QPT_XRC_INI;
	struct vibif_req req = {
		.operation = VIBIF_OP_CREATE_QP,
		.op.create_qp = {
			.context = context.handle,
			.pd = pd.handle,
			.send_cq = cq.handle,
			.type = type,
			.log_sq_wqe_count = 7,
			.log_sq_wqe_stride = 5,
			.pages = guest_pages(1 + rq, true),
		},
	};

	if (rq) {
		req.op.create_qp.recv_cq = cq.handle;
		req.op.create_qp.flags = VIBIF_QP_HAS_RQ;
		req.op.create_qp.log_rq_wqe_count = 6;
		req.op.create_qp.log_rq_wqe_stride = 6;
		req.op.create_qp.doorbell = guest_doorbell();
	}
	return req;
}

struct vibif_req req_srq_qp(struct obj context, struct obj pd, struct obj cq,
			    struct obj srq)
{
	struct vibif_req req = req_qp(VIBIF_QPT_XRC_INI, context, pd, cq);

	req.op.create_qp.type = VIBIF_QPT_RC;
	req.op.create_qp.recv_cq = cq.handle;
	req.op.create_qp.srq = srq.handle;
	return req;
}

struct vibif_req req_tgt_qp(struct obj xrcd)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_CREATE_QP,
		.op.create_qp = {
			.xrcd = xrcd.handle,
			.type = VIBIF_QPT_XRC_TGT,
		},
	};
}

static u32 modify_mask(u8 type, enum ib_qp_state next)
{
	const u32 path = VIBIF_QP_ATTR_AV | VIBIF_QP_ATTR_PATH_MTU |
			 VIBIF_QP_ATTR_DEST_QPN | VIBIF_QP_ATTR_RQ_PSN;
	bool ud = type == VIBIF_QPT_UD;
	bool requests = type == VIBIF_QPT_RC || type == VIBIF_QPT_XRC_INI;
	bool responds = type == VIBIF_QPT_RC || type == VIBIF_QPT_XRC_TGT;

	switch (next) {
	case IB_QPS_INIT:
		return VIBIF_QP_ATTR_PKEY_INDEX | VIBIF_QP_ATTR_PORT |
			(ud ? VIBIF_QP_ATTR_QKEY : VIBIF_QP_ATTR_ACCESS);
	case IB_QPS_RTR:
		return (ud ? 0 : path) |
			(responds ? VIBIF_QP_ATTR_MAX_DEST_RD_ATOMIC |
			 VIBIF_QP_ATTR_MIN_RNR_TIMER : 0);
	case IB_QPS_RTS:
		return VIBIF_QP_ATTR_SQ_PSN |
			(requests || responds ? VIBIF_QP_ATTR_TIMEOUT : 0) |
			(requests ? VIBIF_QP_ATTR_RETRY_CNT |
			 VIBIF_QP_ATTR_RNR_RETRY |
			 VIBIF_QP_ATTR_MAX_RD_ATOMIC : 0);
	default:
		return 0;
	}
}

struct vibif_req req_modify_qp(struct obj qp, u8 type, enum ib_qp_state next)
{
	return (struct vibif_req) {
		.operation = VIBIF_OP_MODIFY_QP,
		.handle = qp.handle,
		.op.modify_qp = {
			.attr_mask = VIBIF_QP_ATTR_STATE |
				     modify_mask(type, next),
			.state = next,
			.port = 1,
			.path_mtu = 4,
			.qkey = 1,
			.max_rd_atomic = 4,
			.max_dest_rd_atomic = 8,
		},
	};
}

struct vibif_req req_mcast(u8 operation, struct obj qp, u8 group)
{
	return (struct vibif_req) {
		.operation = operation,
		.handle = qp.handle,
		.op.mcast = { .gid = { 0xff, 0x12, [15] = group } },
	};
}
