// SPDX-License-Identifier: GPL-2.0-only
/* What the backend accepts from a frontend, and what it refuses. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "validate.h"

/* What a check of whole requests says of one whose operation's part is this */
#define CHECK(operation, lim, args)					\
({									\
	struct vibif_req req_ = { .op.operation = *(args) };		\
									\
	ibback_check_##operation(lim, &req_);				\
})

/* As of a ConnectX-3 */
static const struct ibback_limits lim = {
	.caps = IBBACK_CAP_XRC | IBBACK_CAP_MW_TYPE_1 | IBBACK_CAP_MW_TYPE_2,
	.num_comp_vectors = 3,
	.min_cq_entries = VIBIF_MIN_CQ_ENTRIES,
	.max_cq_entries = 1 << 22,
	.cqe_size = 64,
	.sq = { 14, VIBIF_MLX4_MIN_LOG_SQ_STRIDE, 10 },
	.rq = { 14, VIBIF_MLX4_MIN_LOG_RQ_STRIDE, 9 },
	.srq = { 14, VIBIF_MLX4_MIN_LOG_SRQ_STRIDE, 9 },
	.cq_db_size = VIBIF_MLX4_CQ_DOORBELL,
	.qp_db_size = VIBIF_MLX4_WQ_DOORBELL,
	.srq_db_size = VIBIF_MLX4_WQ_DOORBELL,
	.max_rd_atomic = 128,
	.max_dest_rd_atomic = 16,
	.num_ports = 2,
	.gid_tbl_len = { 0, 16, 8 },
	.pkey_tbl_len = { 0, 128, 64 },
	.nr_event_words = 1024,
};

static void test_header(void **state)
{
	struct ibback_op_shape shape = {
		.size = sizeof(struct vibif_srq_limit),
		.handle = true,
	};
	struct vibif_req req = { .handle = 7 };
	unsigned int i;

	(void)state;
	req.op.modify_srq.limit = 3;
	assert_int_equal(ibback_check_header(&req, &shape), 0);
	shape.handle = false;
	assert_int_equal(ibback_check_header(&req, &shape), -EINVAL);
	req.handle = 0;
	assert_int_equal(ibback_check_header(&req, &shape), 0);
	req.reserved = 1;
	assert_int_equal(ibback_check_header(&req, &shape), -EINVAL);
	req.reserved = 0;
	for (i = shape.size; i < sizeof(req.op.pad); i++) {
		req.op.pad[i] = 1;
		assert_int_equal(ibback_check_header(&req, &shape), -EINVAL);
		req.op.pad[i] = 0;
	}
	assert_int_equal(ibback_check_header(&req, &shape), 0);
}

/* What one type alone has must be zero in requests of others. */
static void test_own(void **state)
{
	const struct ibback_op_shape shape = {
		.size = 16, .own_at = 5, .own_size = 7, .type_at = 12, .type = 9
	};
	struct vibif_req req = {};
	unsigned int type, i;

	(void)state;
	for (type = 0; type < 256; type++) {
		req.op.pad[shape.type_at] = type;
		assert_int_equal(ibback_check_header(&req, &shape), 0);
		for (i = 0; i < shape.type_at; i++) {
			req.op.pad[i] = 1;
			assert_int_equal(ibback_check_header(&req, &shape),
					 type == shape.type ||
					 i < shape.own_at ? 0 : -EINVAL);
			req.op.pad[i] = 0;
		}
	}
}

static void test_doorbell(void **state)
{
	struct vibif_doorbell db = { .offset = 4088 };

	(void)state;
	assert_int_equal(ibback_check_doorbell(&db, 8), 0);
	db.offset = 4092;
	assert_int_equal(ibback_check_doorbell(&db, 8), -EINVAL);
	assert_int_equal(ibback_check_doorbell(&db, 4), 0);
	db.offset = 4096;
	assert_int_equal(ibback_check_doorbell(&db, 4), -EINVAL);
	db.offset = 65532;
	assert_int_equal(ibback_check_doorbell(&db, 4), -EINVAL);
	db.offset = 2;
	assert_int_equal(ibback_check_doorbell(&db, 4), -EINVAL);
	db.offset = 0;
	db.reserved = 1;
	assert_int_equal(ibback_check_doorbell(&db, 4), -EINVAL);
}

static void test_tables(void **state)
{
	struct vibif_query_table_req req = { .port = 1, .index = 15 };

	(void)state;
	assert_int_equal(ibback_check_table(&lim, &req, true), 0);
	req.port = 2;
	assert_int_equal(ibback_check_table(&lim, &req, true), -EINVAL);
	assert_int_equal(ibback_check_table(&lim, &req, false), 0);
	req.index = 64;
	assert_int_equal(ibback_check_table(&lim, &req, false), -EINVAL);
	req.index = 0;
	req.reserved = 1;
	assert_int_equal(ibback_check_table(&lim, &req, false), -EINVAL);
	assert_int_equal(ibback_check_port(&lim, 0), -EINVAL);
	assert_int_equal(ibback_check_port(&lim, 3), -EINVAL);
	assert_int_equal(ibback_check_port(&lim, 2), 0);
}

static void test_addrs(void **state)
{
	struct vibif_set_addrs_req req = { .port = 1 };
	unsigned int i;

	(void)state;
	assert_int_equal(ibback_check_addrs(&lim, &req), 0);
	for (i = 0; i <= VIBIF_MAX_ADDRS; i++) {
		req.count = i;
		assert_int_equal(ibback_check_addrs(&lim, &req), 0);
		if (i == VIBIF_MAX_ADDRS)
			break;
		/* Behind the last */
		req.addr[i][0] = 1;
		assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
		req.addr[i][0] = 0;
		req.addr[VIBIF_MAX_ADDRS - 1][15] = 1;
		assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
		req.addr[VIBIF_MAX_ADDRS - 1][15] = 0;
		memset(req.addr[i], 0xff, sizeof(req.addr[i]));
	}
	req.count = VIBIF_MAX_ADDRS + 1;
	assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
	req.count = 255;
	assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
	req.count = VIBIF_MAX_ADDRS;
	req.reserved = 1;
	assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
	req.reserved = 0;
	req.port = 0;
	assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
	req.port = 3;
	assert_int_equal(ibback_check_addrs(&lim, &req), -EINVAL);
}

static int reg_mr(uint64_t iova, uint64_t length, uint32_t nr_pages)
{
	struct vibif_reg_mr_req req = {
		.iova = iova,
		.length = length,
		.pages.nr_pages = nr_pages,
	};

	return CHECK(reg_mr, &lim, &req);
}

static void test_mr_geometry(void **state)
{
	(void)state;
	assert_int_equal(reg_mr(0, 0, 0), -EINVAL);
	assert_int_equal(reg_mr(0, 0, 1), -EINVAL);
	assert_int_equal(reg_mr(1, 0, 0), -EINVAL);
	assert_int_equal(reg_mr(1, 0, 1), 0);
	assert_int_equal(reg_mr(1, 0, 2), -EINVAL);
	assert_int_equal(reg_mr(~0ULL, 0, 1), 0);
	assert_int_equal(reg_mr(0, 1, 1), 0);
	assert_int_equal(reg_mr(0, 1, 2), -EINVAL);
	assert_int_equal(reg_mr(0, 1, 0), -EINVAL);
	assert_int_equal(reg_mr(0, 4096, 1), 0);
	assert_int_equal(reg_mr(0, 4097, 2), 0);
	assert_int_equal(reg_mr(4095, 1, 1), 0);
	assert_int_equal(reg_mr(4095, 2, 2), 0);
	assert_int_equal(reg_mr(0x7f0000000fff, 8192, 3), 0);
	/* The end of the address space */
	assert_int_equal(reg_mr(~0ULL, 1, 1), 0);
	assert_int_equal(reg_mr(~0ULL, 2, 2), -EINVAL);
	assert_int_equal(reg_mr(~0ULL - 4095, 4096, 1), 0);
	assert_int_equal(reg_mr(1, ~0ULL, 0), -EINVAL);
	/* 2^52 pages do not become 0 of them in 32 bits */
	assert_int_equal(reg_mr(0, ~0ULL, 0), -EINVAL);
	assert_int_equal(reg_mr(0, 1ULL << 44, 0), -EINVAL);
	assert_int_equal(reg_mr(0, (1ULL << 44) + 1, 1), -EINVAL);
}

static void test_mr_access(void **state)
{
	struct vibif_reg_mr_req req = { .length = 1, .pages.nr_pages = 1 };
	uint32_t access, flags;
	int want;

	(void)state;
	for (access = 0; access <= 2 * VIBIF_ACCESS_MASK + 1; access++) {
		for (flags = 0; flags < 4; flags++) {
			req.access = access;
			req.flags = flags;
			want = 0;
			if (flags & ~VIBIF_MR_WRITABLE ||
			    access & ~VIBIF_ACCESS_MASK)
				want = -EINVAL;
			else if (access & (VIBIF_ACCESS_REMOTE_WRITE |
					   VIBIF_ACCESS_REMOTE_ATOMIC) &&
				 !(access & VIBIF_ACCESS_LOCAL_WRITE))
				want = -EINVAL;
			else if (access & (VIBIF_ACCESS_LOCAL_WRITE |
					   VIBIF_ACCESS_MW_BIND) && !flags)
				want = -EPERM;
			assert_int_equal(CHECK(reg_mr, &lim, &req), want);
		}
	}
	req.access = 0;
	req.flags = 0;
	req.source = 1;
	assert_int_equal(CHECK(reg_mr, &lim, &req), -EINVAL);
}

/* Before its source is known, and then with what that has */
static void test_share_mr(void **state)
{
	struct vibif_reg_mr_req req = {
		.iova = 0x7000ff0,
		.length = 4096 + 16,
		.access = VIBIF_ACCESS_MASK,
		.flags = VIBIF_MR_SHARE,
		.source = 1,
	};

	(void)state;
	assert_int_equal(CHECK(reg_mr, &lim, &req), 0);
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(reg_mr, &lim, &req), -EINVAL);
	req.pages.nr_pages = 0;
	req.pages.gref_directory = 1;
	assert_int_equal(CHECK(reg_mr, &lim, &req), -EINVAL);
	req.pages.gref_directory = 0;
	req.flags |= VIBIF_MR_WRITABLE;
	assert_int_equal(CHECK(reg_mr, &lim, &req), -EINVAL);
	req.flags = 2 * VIBIF_MR_SHARE;
	assert_int_equal(CHECK(reg_mr, &lim, &req), -EINVAL);

	assert_int_equal(ibback_check_share_mr(&req, 2, true), 0);
	assert_int_equal(ibback_check_share_mr(&req, 2, false), -EPERM);
	assert_int_equal(ibback_check_share_mr(&req, 1, true), -EINVAL);
	assert_int_equal(ibback_check_share_mr(&req, 3, true), -EINVAL);
	assert_int_equal(ibback_check_share_mr(&req, 0, true), -EINVAL);
	req.access = VIBIF_ACCESS_MW_BIND;
	assert_int_equal(ibback_check_share_mr(&req, 2, false), -EPERM);
	req.access = VIBIF_ACCESS_REMOTE_READ;
	assert_int_equal(ibback_check_share_mr(&req, 2, false), 0);
	req.access = VIBIF_ACCESS_REMOTE_WRITE;
	assert_int_equal(ibback_check_share_mr(&req, 2, true), -EINVAL);
	req.access = VIBIF_ACCESS_MASK + 1;
	assert_int_equal(ibback_check_share_mr(&req, 2, true), -EINVAL);
	req.access = 0;
	req.length = 0;
	assert_int_equal(ibback_check_share_mr(&req, 1, true), 0);
	req.iova = 0x7000000;
	assert_int_equal(ibback_check_share_mr(&req, 1, true), -EINVAL);
	assert_int_equal(ibback_check_share_mr(&req, 0, true), -EINVAL);
}

static void test_rereg(void **state)
{
	const uint32_t kinds = VIBIF_MR_MASK & ~VIBIF_MR_WRITABLE;
	struct vibif_reg_mr_req req = { .length = 1, .pages.nr_pages = 1 };
	uint32_t flags, access;
	int had, want;

	(void)state;
	/* What it becomes wants what it then maps, from either side */
	for (flags = 0; flags <= 2 * kinds + 1; flags++) {
		for (access = 0; access < 8; access++) {
			bool rights = access & 1, had_rights = access & 2;
			bool had_writable = access & 4;
			bool writable = flags & VIBIF_MR_REREG_TRANS ?
				flags & VIBIF_MR_WRITABLE : had_writable;

			req.flags = flags;
			req.access = rights ? VIBIF_ACCESS_LOCAL_WRITE : 0;
			had = had_rights ? VIBIF_ACCESS_LOCAL_WRITE : 0;
			if (!(flags & VIBIF_MR_REREG_ACCESS))
				rights = had_rights;
			want = 0;
			if (flags & ~(kinds | VIBIF_MR_WRITABLE) ||
			    !(flags & kinds) ||
			    (flags & VIBIF_MR_WRITABLE &&
			     !(flags & VIBIF_MR_REREG_TRANS)))
				want = -EINVAL;
			else if (rights && !writable)
				want = -EPERM;
			assert_int_equal(ibback_check_rereg_mr(&req, had,
							       had_writable),
					 want);
		}
	}
	/* What is not named is not looked at */
	req.flags = VIBIF_MR_REREG_PD;
	req.access = ~0U;
	req.length = 0;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, false), 0);
	req.flags = VIBIF_MR_REREG_ACCESS;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, true), -EINVAL);
	/* A region that had windows does not get pages for reading only */
	req.length = 1;
	req.flags = VIBIF_MR_REREG_TRANS;
	assert_int_equal(ibback_check_rereg_mr(&req, VIBIF_ACCESS_MW_BIND,
					       true), -EPERM);
	req.length = 0;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, false), -EINVAL);
	req.length = 4097;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, false), -EINVAL);
	req.pages.nr_pages = 2;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, false), 0);
	req.source = 1;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, false), -EINVAL);
	/* A region becomes no share. */
	req.source = 0;
	req.flags |= VIBIF_MR_SHARE;
	assert_int_equal(ibback_check_rereg_mr(&req, 0, false), -EINVAL);
}

static void test_mw(void **state)
{
	struct vibif_alloc_mw_req req = { .pd = 1 };

	(void)state;
	for (req.type = 0; req.type < 300; req.type++)
		assert_int_equal(CHECK(alloc_mw, &lim, &req),
				 req.type == VIBIF_MW_TYPE_1 ||
				 req.type == VIBIF_MW_TYPE_2 ? 0 : -EINVAL);
	req.type = 1U << 31;
	assert_int_equal(CHECK(alloc_mw, &lim, &req), -EINVAL);
}

/* An HCA that has not everything refuses what it has not, and nothing else. */
static void test_caps(void **state)
{
	struct vibif_create_qp_req tgt = { .type = VIBIF_QPT_XRC_TGT };
	struct vibif_create_qp_req ini = {
		.type = VIBIF_QPT_XRC_INI,
		.log_sq_wqe_stride = 6,
		.pages.nr_pages = 1,
	};
	struct vibif_alloc_mw_req mw = {};
	struct ibback_limits some = lim;
	uint32_t caps;

	(void)state;
	for (caps = 0; caps < 8; caps++) {
		int xrc = caps & IBBACK_CAP_XRC ? 0 : -EOPNOTSUPP;

		some.caps = caps;
		assert_int_equal(CHECK(create_qp, &some, &ini), xrc);
		assert_int_equal(CHECK(create_qp, &some, &tgt), xrc);
		assert_int_equal(ibback_check_xrc(&some, NULL), xrc);
		mw.type = VIBIF_MW_TYPE_1;
		assert_int_equal(CHECK(alloc_mw, &some, &mw),
				 caps & IBBACK_CAP_MW_TYPE_1 ?
				 0 : -EOPNOTSUPP);
		mw.type = VIBIF_MW_TYPE_2;
		assert_int_equal(CHECK(alloc_mw, &some, &mw),
				 caps & IBBACK_CAP_MW_TYPE_2 ?
				 0 : -EOPNOTSUPP);
		mw.type = VIBIF_MW_TYPE_2 + 1;
		assert_int_equal(CHECK(alloc_mw, &some, &mw), -EINVAL);
	}
}

/* Sizes are what the HCA's provider says, not a ConnectX-3's. */
static void test_other_geometry(void **state)
{
	struct ibback_limits other = lim;
	struct vibif_create_cq_req cq = {
		.entries = 4,
		.pages.nr_pages = 1,
		.doorbell.offset = 16,
	};
	struct vibif_create_srq_req srq = {
		.log_wqe_stride = 4,
		.pages.nr_pages = 1,
		.doorbell.offset = 8,
	};
	struct vibif_create_qp_req qp = {
		.type = VIBIF_QPT_RC,
		.flags = VIBIF_QP_HAS_RQ,
		.log_sq_wqe_stride = 7,
		.log_rq_wqe_stride = 5,
		.pages.nr_pages = 1,
		.doorbell.offset = 8,
	};

	(void)state;
	other.min_cq_entries = 4;
	other.cq_db_size = 16;
	other.qp_db_size = 8;
	other.srq_db_size = 8;
	other.sq.min_log_stride = 7;
	other.rq.min_log_stride = 5;
	other.srq.min_log_stride = 4;
	assert_int_equal(CHECK(create_cq, &other, &cq), 0);
	assert_int_equal(CHECK(create_srq, &other, &srq), 0);
	assert_int_equal(CHECK(create_qp, &other, &qp), 0);
	cq.entries = 2;
	assert_int_equal(CHECK(create_cq, &other, &cq), -EINVAL);
	cq.entries = 4;
	cq.doorbell.offset = 8;
	assert_int_equal(CHECK(create_cq, &other, &cq), -EINVAL);
	srq.doorbell.offset = 4;
	assert_int_equal(CHECK(create_srq, &other, &srq), -EINVAL);
	qp.doorbell.offset = 4;
	assert_int_equal(CHECK(create_qp, &other, &qp), -EINVAL);
	qp.doorbell.offset = 0;
	qp.log_sq_wqe_stride = 6;
	assert_int_equal(CHECK(create_qp, &other, &qp), -EINVAL);
	qp.log_sq_wqe_stride = 7;
	qp.log_rq_wqe_stride = 4;
	assert_int_equal(CHECK(create_qp, &other, &qp), -EINVAL);
}

static void test_cq(void **state)
{
	struct vibif_create_cq_req req = {
		.entries = 64,
		.pages.nr_pages = 1,
	};
	struct vibif_resize_cq_req resize = { .entries = 128 };

	(void)state;
	assert_int_equal(CHECK(create_cq, &lim, &req), 0);
	req.comp_vector = 3;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.comp_vector = 2;
	req.entries = 65;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.entries = 128;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.pages.nr_pages = 2;
	assert_int_equal(CHECK(create_cq, &lim, &req), 0);
	/* No power of two, with as many pages as it needs */
	req.entries = 127;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.entries = 0;
	req.pages.nr_pages = 0;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.entries = 1;
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.entries = 1 << 22;
	req.pages.nr_pages = 1 << 16;
	assert_int_equal(CHECK(create_cq, &lim, &req), 0);
	req.entries = 1 << 23;
	req.pages.nr_pages = 1 << 17;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.entries = 1U << 31;
	req.pages.nr_pages = 1 << 25;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.entries = 2;
	req.pages.nr_pages = 1;
	req.doorbell.offset = 4;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	req.doorbell.offset = 8;
	req.reserved = 1;
	assert_int_equal(CHECK(create_cq, &lim, &req), -EINVAL);
	resize.pages.nr_pages = 2;
	assert_int_equal(ibback_check_resize_cq(&lim, &resize), 0);
	resize.pages.nr_pages = 3;
	assert_int_equal(ibback_check_resize_cq(&lim, &resize), -EINVAL);
}

static void test_srq(void **state)
{
	struct vibif_create_srq_req good = {
		.pd = 1,
		.log_wqe_count = 7,
		.log_wqe_stride = 6,
		.pages.nr_pages = 2,
	};
	struct vibif_create_srq_req req = good;

	(void)state;
	assert_int_equal(CHECK(create_srq, &lim, &req), 0);
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req.log_wqe_count = 15;
	req.pages.nr_pages = 1 << 9;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req.log_wqe_count = 14;
	req.pages.nr_pages = 1 << 8;
	assert_int_equal(CHECK(create_srq, &lim, &req), 0);
	req = good;
	req.log_wqe_count = 0;
	req.log_wqe_stride = 5;
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(create_srq, &lim, &req), 0);
	req.log_wqe_stride = 4;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	/* 31 entries and the header are 512 octets */
	req.log_wqe_stride = 9;
	assert_int_equal(CHECK(create_srq, &lim, &req), 0);
	req.log_wqe_stride = 10;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req.log_wqe_stride = 255;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req = good;
	req.log_wqe_count = 255;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req = good;
	req.doorbell.offset = 2;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req = good;
	req.type = VIBIF_SRQ_XRC;
	assert_int_equal(CHECK(create_srq, &lim, &req), 0);
	req.type = VIBIF_SRQ_XRC + 1;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
	req = good;
	req.reserved = 1;
	assert_int_equal(CHECK(create_srq, &lim, &req), -EINVAL);
}

static const struct vibif_create_qp_req good_qp = {
	.type = VIBIF_QPT_RC,
	.flags = VIBIF_QP_HAS_RQ,
	.log_sq_wqe_count = 6,
	.log_sq_wqe_stride = 6,
	.log_rq_wqe_count = 4,
	.log_rq_wqe_stride = 4,
	.pages.nr_pages = 2,
	.doorbell.offset = 4,
};

static void test_qp_sizes(void **state)
{
	struct vibif_create_qp_req req = good_qp;

	(void)state;
	assert_int_equal(CHECK(create_qp, &lim, &req), 0);
	req.flags |= VIBIF_QP_INL_RECV;
	assert_int_equal(CHECK(create_qp, &lim, &req), 0);
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req = good_qp;
	req.log_sq_wqe_count = 14;
	req.log_sq_wqe_stride = 10;
	req.pages.nr_pages = (1 << 12) + 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), 0);
	req.log_sq_wqe_stride = 11;
	req.pages.nr_pages = (1 << 13) + 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req = good_qp;
	req.log_sq_wqe_count = 15;
	req.pages.nr_pages = (1 << 9) + 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req = good_qp;
	req.log_sq_wqe_stride = 5;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req = good_qp;
	req.log_rq_wqe_stride = 3;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req.log_rq_wqe_stride = 200;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req = good_qp;
	req.doorbell.offset = 6;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
}

static void test_qp_kinds(void **state)
{
	struct vibif_create_qp_req req = good_qp;
	unsigned int type;

	(void)state;
	for (type = 0; type < 256; type++) {
		req.type = type;
		assert_int_equal(CHECK(create_qp, &lim, &req),
				 type >= VIBIF_QPT_RC && type <= VIBIF_QPT_UD ?
				 0 : -EINVAL);
	}
	req = good_qp;
	req.srq = 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req.flags = 0;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req.log_rq_wqe_count = 0;
	req.log_rq_wqe_stride = 0;
	req.doorbell.offset = 0;
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), 0);
	/* Neither a receive queue nor an SRQ */
	req.srq = 0;
	for (type = VIBIF_QPT_RC; type <= VIBIF_QPT_UD; type++) {
		req.type = type;
		assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	}
	req.type = VIBIF_QPT_RC;
	req.srq = 1;
	req.flags = VIBIF_QP_INL_RECV;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req.flags = VIBIF_QP_INL_RECV << 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req.flags = 0;
	req.reserved = 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	req.reserved = 0;
	req.srq = 0;
	req.type = VIBIF_QPT_XRC_INI;
	assert_int_equal(CHECK(create_qp, &lim, &req), 0);
	req.recv_cq = 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
	memset(&req, 0, sizeof(req));
	req.type = VIBIF_QPT_XRC_TGT;
	req.xrcd = 5;
	assert_int_equal(CHECK(create_qp, &lim, &req), 0);
	for (type = 0; type < offsetof(struct vibif_create_qp_req, type);
	     type += sizeof(uint32_t)) {
		if (type == offsetof(struct vibif_create_qp_req, xrcd))
			continue;
		*(uint32_t *)((char *)&req + type) = 1;
		assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
		*(uint32_t *)((char *)&req + type) = 0;
	}
	req.pages.nr_pages = 1;
	assert_int_equal(CHECK(create_qp, &lim, &req), -EINVAL);
}

static int modify(const struct vibif_qp_attr *attr)
{
	return ibback_check_qp_attr(&lim, 1, attr);
}

#define U8(bit, field, min, max)	\
	{ VIBIF_QP_ATTR_##bit, &attr.field, min, max }

static void test_qp_values(void **state)
{
	struct vibif_qp_attr attr = { 0 };
	const struct {
		uint32_t mask;
		uint8_t *field;
		unsigned int min, max;
	} u8_fields[] = {
		U8(STATE, state, VIBIF_QPS_RESET, VIBIF_QPS_ERR),
		U8(CUR_STATE, cur_state, VIBIF_QPS_RESET, VIBIF_QPS_ERR),
		U8(EN_SQD_ASYNC_NOTIFY, en_sqd_async_notify, 0, 1),
		U8(PORT, port, 1, lim.num_ports),
		U8(PATH_MTU, path_mtu, VIBIF_MTU_256, VIBIF_MTU_4096),
		U8(TIMEOUT, timeout, 0, VIBIF_MAX_TIMEOUT),
		U8(RETRY_CNT, retry_cnt, 0, VIBIF_MAX_RETRY_CNT),
		U8(RNR_RETRY, rnr_retry, 0, VIBIF_MAX_RNR_RETRY),
		U8(MAX_RD_ATOMIC, max_rd_atomic, 0, lim.max_rd_atomic),
		U8(MIN_RNR_TIMER, min_rnr_timer, 0, VIBIF_MAX_RNR_TIMER),
		U8(MAX_DEST_RD_ATOMIC, max_dest_rd_atomic, 0,
		   lim.max_dest_rd_atomic),
		U8(PATH_MIG_STATE, path_mig_state, 0, VIBIF_MIG_ARMED),
	};
	const struct {
		uint32_t mask;
		uint32_t *field;
		uint32_t max;
	} u24_fields[] = {
		{ VIBIF_QP_ATTR_RQ_PSN, &attr.rq_psn, VIBIF_MAX_PSN },
		{ VIBIF_QP_ATTR_SQ_PSN, &attr.sq_psn, VIBIF_MAX_PSN },
		{ VIBIF_QP_ATTR_DEST_QPN, &attr.dest_qpn, VIBIF_MAX_QPN },
	};
	unsigned int i, v;

	(void)state;
	for (i = 0; i < sizeof(u8_fields) / sizeof(u8_fields[0]); i++) {
		for (v = 0; v < 256; v++) {
			*u8_fields[i].field = v;
			attr.attr_mask = u8_fields[i].mask;
			assert_int_equal(modify(&attr),
					 v >= u8_fields[i].min &&
					 v <= u8_fields[i].max ? 0 : -EINVAL);
			/* What is not named is not looked at */
			attr.attr_mask = 0;
			assert_int_equal(modify(&attr), 0);
		}
		*u8_fields[i].field = 0;
	}
	for (i = 0; i < sizeof(u24_fields) / sizeof(u24_fields[0]); i++) {
		attr.attr_mask = u24_fields[i].mask;
		*u24_fields[i].field = u24_fields[i].max;
		assert_int_equal(modify(&attr), 0);
		*u24_fields[i].field = u24_fields[i].max + 1;
		assert_int_equal(modify(&attr), -EINVAL);
	}
}

static void test_qp_mask(void **state)
{
	struct vibif_qp_attr attr = {
		.port = 1,
		.path_mtu = VIBIF_MTU_256,
		.alt_port = 1,
	};
	unsigned int bit;

	(void)state;
	for (bit = 0; bit < 32; bit++) {
		attr.attr_mask = 1U << bit;
		assert_int_equal(modify(&attr),
				 attr.attr_mask & VIBIF_QP_ATTR_MASK ?
				 0 : -EINVAL);
	}
	attr.attr_mask = VIBIF_QP_ATTR_ACCESS;
	attr.access = VIBIF_ACCESS_MASK + 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.attr_mask = 0;
	attr.reserved = 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.reserved = 0;
	attr.reserved1 = 1;
	assert_int_equal(modify(&attr), -EINVAL);
}

static void test_qp_key(void **state)
{
	struct vibif_qp_attr attr = { .attr_mask = VIBIF_QP_ATTR_QKEY };

	(void)state;
	attr.qkey = VIBIF_QKEY_PRIVILEGED - 1;
	assert_int_equal(modify(&attr), 0);
	attr.qkey = VIBIF_QKEY_PRIVILEGED;
	assert_int_equal(modify(&attr), -EPERM);
	/* That of QP 1 */
	attr.qkey = 0x80010000;
	assert_int_equal(modify(&attr), -EPERM);
	attr.attr_mask = 0;
	assert_int_equal(modify(&attr), 0);
}

static void test_qp_paths(void **state)
{
	struct vibif_qp_attr attr = { .attr_mask = VIBIF_QP_ATTR_AV };

	(void)state;
	assert_int_equal(modify(&attr), 0);
	/* No port yet: there is no table to check an index in */
	assert_int_equal(ibback_check_qp_attr(&lim, 0, &attr), -EINVAL);
	attr.av.sl = VIBIF_MAX_SL + 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.sl = VIBIF_MAX_SL;
	attr.av.src_path_bits = VIBIF_MAX_SRC_PATH_BITS + 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.src_path_bits = VIBIF_MAX_SRC_PATH_BITS;
	attr.av.static_rate = VIBIF_MAX_RATE + 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.static_rate = VIBIF_MAX_RATE;
	attr.av.sgid_index = 1;
	attr.av.flow_label = VIBIF_MAX_FLOW_LABEL + 1;
	assert_int_equal(modify(&attr), 0);
	attr.av.flags = VIBIF_AV_GRH;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.flow_label = VIBIF_MAX_FLOW_LABEL;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.sgid_index = 0;
	assert_int_equal(modify(&attr), 0);
	attr.av.flow_label = VIBIF_MAX_FLOW_LABEL + 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.flow_label = VIBIF_MAX_FLOW_LABEL;
	attr.av.flags = VIBIF_AV_GRH | VIBIF_AV_GRH << 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.av.flags = 0;
	attr.av.reserved[2] = 1;
	assert_int_equal(modify(&attr), -EINVAL);

	memset(&attr, 0, sizeof(attr));
	attr.attr_mask = VIBIF_QP_ATTR_PKEY_INDEX;
	attr.pkey_index = 127;
	assert_int_equal(modify(&attr), 0);
	attr.attr_mask = VIBIF_QP_ATTR_PKEY_INDEX | VIBIF_QP_ATTR_PORT;
	attr.port = 2;
	assert_int_equal(modify(&attr), -EINVAL);

	memset(&attr, 0, sizeof(attr));
	attr.attr_mask = VIBIF_QP_ATTR_ALT_PATH;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.alt_port = 2;
	assert_int_equal(modify(&attr), 0);
	attr.alt_pkey_index = 64;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.alt_pkey_index = 63;
	attr.alt_timeout = VIBIF_MAX_TIMEOUT + 1;
	assert_int_equal(modify(&attr), -EINVAL);
	attr.alt_timeout = VIBIF_MAX_TIMEOUT;
	attr.alt_av.flags = VIBIF_AV_GRH;
	assert_int_equal(modify(&attr), 0);
	attr.alt_av.sgid_index = 1;
	assert_int_equal(modify(&attr), -EINVAL);
}

static void test_mcast(void **state)
{
	struct vibif_mcast_req req = { .gid = { VIBIF_MCAST_GID_PREFIX } };

	(void)state;
	assert_int_equal(ibback_check_mcast(&req), 0);
	req.flags = VIBIF_MCAST_BLOCK_LOOPBACK;
	assert_int_equal(ibback_check_mcast(&req), 0);
	req.flags = VIBIF_MCAST_BLOCK_LOOPBACK << 1;
	assert_int_equal(ibback_check_mcast(&req), -EINVAL);
	req.flags = 0;
	req.gid[0] = VIBIF_MCAST_GID_PREFIX - 1;
	assert_int_equal(ibback_check_mcast(&req), -EINVAL);
}

static int check_mad(const struct vibif_mad *m)
{
	return ibback_check_mad(&lim, m);
}

static void test_mad(void **state)
{
	const struct vibif_mad good = {
		.port = 2,
		.pkey_index = 63,
		.qpn = 1,
		.av = { .dlid = 1, .sl = VIBIF_MAX_SL },
	};
	struct vibif_mad m = good;

	(void)state;
	assert_int_equal(check_mad(&m), 0);
	m.port = 0;
	assert_int_equal(check_mad(&m), -EINVAL);
	m.port = 3;
	assert_int_equal(check_mad(&m), -EINVAL);
	m = good;
	m.pkey_index = 64;
	assert_int_equal(check_mad(&m), -EINVAL);
	m.port = 1;
	assert_int_equal(check_mad(&m), 0);
	m = good;
	m.qpn = 0;
	assert_int_equal(check_mad(&m), -EINVAL);
	m.qpn = 2;
	assert_int_equal(check_mad(&m), -EINVAL);
	m = good;
	m.av.dlid = 0;
	assert_int_equal(check_mad(&m), -EINVAL);
	m.av.dlid = VIBIF_MAX_UNICAST_LID;
	assert_int_equal(check_mad(&m), 0);
	m.av.dlid = VIBIF_MAX_UNICAST_LID + 1;
	assert_int_equal(check_mad(&m), -EINVAL);
	m.av.dlid = 0xffff;
	assert_int_equal(check_mad(&m), -EINVAL);
	m = good;
	m.av.sl = VIBIF_MAX_SL + 1;
	assert_int_equal(check_mad(&m), -EINVAL);
	m = good;
	m.av.flags = VIBIF_AV_GRH;
	assert_int_equal(check_mad(&m), 0);
	m.av.flow_label = VIBIF_MAX_FLOW_LABEL + 1;
	assert_int_equal(check_mad(&m), -EINVAL);
	m = good;
	m.av.sgid_index = 1;
	assert_int_equal(check_mad(&m), -EINVAL);
}

/* What a guest leaves zero */
static void test_mad_reserved(void **state)
{
	struct vibif_mad m = { .port = 1, .qpn = 1, .av.dlid = 1 };
	u8 *octets = (u8 *)&m;
	unsigned int i;

	(void)state;
	assert_int_equal(check_mad(&m), 0);
	m.reserved = 1;
	assert_int_equal(check_mad(&m), -EINVAL);
	m.reserved = 0;
	for (i = offsetof(struct vibif_mad, grh);
	     i < offsetof(struct vibif_mad, mad); i++) {
		octets[i] = 1;
		assert_int_equal(check_mad(&m), -EINVAL);
		octets[i] = 0;
	}
	memset(m.mad, 0xff, sizeof(m.mad));
	assert_int_equal(check_mad(&m), 0);
}

/* Whatever the octets are, a check ends and reads nothing but the request. */
static void test_noise(void **state)
{
	const struct ibback_op_shape shape = { .handle = true };
	struct vibif_mad mad = {};
	struct vibif_req req;
	unsigned int i, j;

	(void)state;
	srand(1);
	for (i = 0; i < 200000; i++) {
		for (j = 0; j < sizeof(req); j++)
			((uint8_t *)&req)[j] = rand() % 4 ? 0 : rand();
		ibback_check_header(&req, &shape);
		ibback_check_reg_mr(&lim, &req);
		ibback_check_rereg_mr(&req.op.reg_mr, rand(), rand() % 2);
		ibback_check_share_mr(&req.op.reg_mr, rand(), rand() % 2);
		ibback_check_create_cq(&lim, &req);
		ibback_check_resize_cq(&lim, &req.op.resize_cq);
		ibback_check_create_srq(&lim, &req);
		ibback_check_create_qp(&lim, &req);
		ibback_check_qp_attr(&lim, rand() % 3, &req.op.modify_qp);
		ibback_check_table(&lim, &req.op.query_table, rand() % 2);
		ibback_check_mcast(&req.op.mcast);
		ibback_check_addrs(&lim, &req.op.set_addrs);
		memcpy(&mad, &req, sizeof(req));
		ibback_check_mad(&lim, &mad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_doorbell),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_addrs),
		cmocka_unit_test(test_mr_geometry),
		cmocka_unit_test(test_mr_access),
		cmocka_unit_test(test_share_mr),
		cmocka_unit_test(test_rereg),
		cmocka_unit_test(test_mw),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_other_geometry),
		cmocka_unit_test(test_cq),
		cmocka_unit_test(test_srq),
		cmocka_unit_test(test_qp_sizes),
		cmocka_unit_test(test_qp_kinds),
		cmocka_unit_test(test_qp_values),
		cmocka_unit_test(test_qp_mask),
		cmocka_unit_test(test_qp_key),
		cmocka_unit_test(test_qp_paths),
		cmocka_unit_test(test_mcast),
		cmocka_unit_test(test_mad),
		cmocka_unit_test(test_mad_reserved),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
