// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no library would send: commands written straight to the device file,
 * above all with private data that is short, long or senseless, and mappings.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/mlx4-abi.h>
#include <rdma/rdma_user_ioctl.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include "bad_args.h"

/* Room behind a command, so that what is read beyond it is always the same. */
#define MAX_COMMAND	4096

/* Return: 0 or errno. @extra: octets by which what is written is longer. */
static int command(unsigned int number, const void *body, size_t length,
		   void *response, size_t response_length)
{
	static char buf[MAX_COMMAND] __attribute__((aligned(8)));
	struct ib_uverbs_cmd_hdr *hdr = (void *)buf;
	uint64_t where = (uintptr_t)response;
	ssize_t n = sizeof(*hdr) + length;

	memset(buf, 0, sizeof(buf));
	*hdr = (struct ib_uverbs_cmd_hdr) {
		.command = number,
		.in_words = n / 4,
		.out_words = response_length / 4,
	};
	if (body)
		memcpy(hdr + 1, body, length);
	if (response)
		memcpy(hdr + 1, &where, sizeof(where));
	errno = 0;
	return write(ctx->cmd_fd, buf, n) == n ? 0 : errno_of(-1);
}

/* ---- The frame of commands ---- */

static void try_frames(void)
{
	struct ib_uverbs_cmd_hdr hdr = {};
	struct ib_uverbs_alloc_pd_resp response;
	unsigned int i;

	TRY(write(ctx->cmd_fd, &hdr, 0), "raw/nothing");
	TRY(write(ctx->cmd_fd, &hdr, 4) - 4, "raw/half a header");
	hdr.command = IB_USER_VERBS_CMD_ALLOC_PD;
	hdr.in_words = 2;
	TRY(write(ctx->cmd_fd, &hdr, 8) - 8, "raw/header only");
	hdr.in_words = 3;
	TRY(write(ctx->cmd_fd, &hdr, 8) - 8, "raw/wrong length");
	TRY(write(ctx->cmd_fd, memory + MEMORY, 8) - 8, "raw/unmapped");
	for (i = 0; i < 60; i++)
		say(command(i, NULL, 0, NULL, 0), "raw/command %u, empty", i);
	say(command(0x80000000 | IB_USER_VERBS_EX_CMD_CREATE_CQ, NULL, 8, NULL,
		    0), "raw/extended command, empty");
	say(command(0xffffff, NULL, 8, NULL, 0), "raw/unknown command");
	say(command(IB_USER_VERBS_CMD_ALLOC_PD, NULL, 8, &response, 4),
	    "raw/short response");
	say(command(IB_USER_VERBS_CMD_ALLOC_PD, NULL, 8, memory + MEMORY, 16),
	    "raw/response unmapped");
	say(command(IB_USER_VERBS_CMD_GET_CONTEXT, NULL, 8, memory, 64),
	    "raw/second context");
}

/* ---- Private data ---- */

struct create_cq {
	struct ib_uverbs_create_cq core;
	struct mlx4_ib_create_cq drv;
	uint64_t more[8];
};

#define CQ_LENGTH	offsetof(struct create_cq, more)
#define CQ_OUT		(sizeof(struct ib_uverbs_create_cq_resp) + \
			 sizeof(struct mlx4_ib_create_cq_resp))

static void try_raw_cq(const char *name, uint64_t buf, uint64_t db, int more,
		       size_t out)
{
	struct {
		struct ib_uverbs_create_cq_resp core;
		struct mlx4_ib_create_cq_resp drv;
		uint64_t more[8];
	} response;
	struct create_cq cmd = {
		.core = { .cqe = 100, .comp_channel = -1 },
		.drv = { .buf_addr = buf, .db_addr = db },
	};
	struct ib_uverbs_destroy_cq destroy = {};
	int err;

	err = command(IB_USER_VERBS_CMD_CREATE_CQ, &cmd, CQ_LENGTH + more,
		      &response, out);
	say(err, "raw/create_cq, %s", name);
	if (err)
		return;
	destroy.cq_handle = response.core.cq_handle;
	NEED(!command(IB_USER_VERBS_CMD_DESTROY_CQ, &destroy, sizeof(destroy),
		      &response, 8));
}

static void try_raw_cqs(void)
{
	uint64_t buf = (uintptr_t)memory, db = buf + MEMORY - PAGE;
	uint64_t none = 1ul << 45;

	try_raw_cq("good", buf, db, 0, CQ_OUT);
	try_raw_cq("private data too long", buf, db, 16, CQ_OUT);
	try_raw_cq("no private data", buf, db, -16, CQ_OUT);
	try_raw_cq("half the private data", buf, db, -8, CQ_OUT);
	try_raw_cq("no private response", buf, db, 0, CQ_OUT - 8);
	try_raw_cq("half the private response", buf, db, 0, CQ_OUT - 4);
	try_raw_cq("response too long", buf, db, 0, CQ_OUT + 8);
	try_raw_cq("no buffer", 0, db, 0, CQ_OUT);
	try_raw_cq("unmapped buffer", none, db, 0, CQ_OUT);
	try_raw_cq("buffer at the end", buf + MEMORY - PAGE, db, 0, CQ_OUT);
	try_raw_cq("buffer within a page", buf + 64, db, 0, CQ_OUT);
	try_raw_cq("no doorbell", buf, 0, 0, CQ_OUT);
	try_raw_cq("unmapped doorbell", buf, none, 0, CQ_OUT);
	try_raw_cq("doorbell at an odd place", buf, db + 4, 0, CQ_OUT);
	try_raw_cq("doorbell at an odder place", buf, db + 1, 0, CQ_OUT);
	try_raw_cq("doorbell across pages", buf, db + PAGE - 4, 0, CQ_OUT);
}

struct create_qp {
	struct ib_uverbs_create_qp core;
	struct mlx4_ib_create_qp drv;
	uint64_t more[4];
};

static void try_raw_qp(const char *name, const struct mlx4_ib_create_qp *drv,
		       int more)
{
	struct ib_uverbs_create_qp_resp response;
	struct create_qp cmd = {
		.core = {
			.pd_handle = pd->handle,
			.send_cq_handle = cq->handle,
			.recv_cq_handle = cq->handle,
			.max_recv_wr = 4,
			.max_recv_sge = 1,
			.qp_type = IB_UVERBS_QPT_RC,
		},
		.drv = *drv,
	};
	struct ib_uverbs_destroy_qp destroy = {};
	int err;

	err = command(IB_USER_VERBS_CMD_CREATE_QP, &cmd,
		      offsetof(struct create_qp, more) + more, &response,
		      sizeof(response));
	say(err, "raw/create_qp, %s", name);
	if (err)
		return;
	destroy.qp_handle = response.qp_handle;
	NEED(!command(IB_USER_VERBS_CMD_DESTROY_QP, &destroy, sizeof(destroy),
		      &response, 8));
}

#define RAW_QP(name, ...) \
	try_raw_qp(name, &(struct mlx4_ib_create_qp){ \
		.buf_addr = (uintptr_t)memory, \
		.db_addr = (uintptr_t)memory + MEMORY - PAGE, \
		.log_sq_bb_count = 6, .log_sq_stride = 6, ## __VA_ARGS__ }, 0)

#pragma GCC diagnostic ignored "-Woverride-init"

static void try_raw_qps(void)
{
	const struct mlx4_ib_create_qp good = {
		.buf_addr = (uintptr_t)memory,
		.db_addr = (uintptr_t)memory + MEMORY - PAGE,
		.log_sq_bb_count = 6,
		.log_sq_stride = 6,
	};

	RAW_QP("good");
	try_raw_qp("private data too long", &good, 8);
	try_raw_qp("no private data", &good, -(int)sizeof(good));
	try_raw_qp("half the private data", &good, -16);
	RAW_QP("no buffer", .buf_addr = 0);
	RAW_QP("unmapped buffer", .buf_addr = 1ul << 45);
	RAW_QP("no doorbell", .db_addr = 0);
	RAW_QP("doorbell at an odd place", .db_addr = (uintptr_t)memory + 2);
	RAW_QP("one block", .log_sq_bb_count = 0);
	RAW_QP("15", .log_sq_bb_count = 15);
	RAW_QP("31 blocks", .log_sq_bb_count = 31);
	RAW_QP("32 blocks", .log_sq_bb_count = 32);
	RAW_QP("255 blocks", .log_sq_bb_count = 255);
	RAW_QP("stride 0", .log_sq_stride = 0);
	RAW_QP("stride 5", .log_sq_stride = 5);
	RAW_QP("stride 10", .log_sq_stride = 10, .log_sq_bb_count = 2);
	RAW_QP("stride 11", .log_sq_stride = 11);
	RAW_QP("stride 255", .log_sq_stride = 255);
	RAW_QP("no prefetch", .sq_no_prefetch = 1);
	RAW_QP("reserved octet", .reserved = 1);
	RAW_QP("inline receive", .inl_recv_sz = 64);
	RAW_QP("odd inline receive", .inl_recv_sz = 65);
	RAW_QP("long inline receive", .inl_recv_sz = 5000);
}

static void try_raw_handles(void)
{
	struct ib_uverbs_dealloc_pd no_pd = { .pd_handle = 0x7fffffff };
	struct ib_uverbs_dealloc_pd not_pd = { .pd_handle = cq->handle };
	struct ib_uverbs_destroy_cq no_cq = { .cq_handle = ~0u };
	struct ib_uverbs_dereg_mr no_mr = { .mr_handle = 0 };
	char response[64];

	say(command(IB_USER_VERBS_CMD_DEALLOC_PD, &no_pd, sizeof(no_pd), NULL,
		    0), "raw/dealloc_pd, no such handle");
	say(command(IB_USER_VERBS_CMD_DEALLOC_PD, &not_pd, sizeof(not_pd),
		    NULL, 0), "raw/dealloc_pd, handle of a CQ");
	say(command(IB_USER_VERBS_CMD_DESTROY_CQ, &no_cq, sizeof(no_cq),
		    response, 8), "raw/destroy_cq, no such handle");
	no_mr.mr_handle = pd->handle;
	say(command(IB_USER_VERBS_CMD_DEREG_MR, &no_mr, sizeof(no_mr), NULL,
		    0), "raw/dereg_mr, handle of a PD");
}

static void try_ioctls(void)
{
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attr[4];
	} cmd = { .hdr = { .length = sizeof(cmd.hdr),
			   .driver_id = RDMA_DRIVER_MLX4 } };
	unsigned int i;

	TRY(ioctl(ctx->cmd_fd, 0, &cmd), "ioctl/unknown");
	TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, NULL), "ioctl/NULL");
	for (i = 0; i < 20; i++) {
		cmd.hdr.object_id = i;
		cmd.hdr.method_id = 100;
		TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd),
		    "ioctl/object %u, unknown method", i);
		cmd.hdr.method_id = 0;
		TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd),
		    "ioctl/object %u, first method, empty", i);
	}
	cmd.hdr.object_id = 0xfff;
	TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd), "ioctl/unknown object");
	cmd.hdr.object_id = 0x1000;
	TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd), "ioctl/driver object");
	cmd.hdr.object_id = 0;
	cmd.hdr.length = 4;
	TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd), "ioctl/short");
	cmd.hdr.length = sizeof(cmd);
	cmd.hdr.num_attrs = 100;
	TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd), "ioctl/attributes");
	cmd.hdr.num_attrs = 0;
	cmd.hdr.length = sizeof(cmd.hdr);
	cmd.hdr.driver_id = RDMA_DRIVER_MLX5;
	TRY(ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &cmd), "ioctl/other driver");
}

void try_raw(void)
{
	try_frames();
	try_raw_cqs();
	try_raw_qps();
	try_raw_handles();
	try_ioctls();
}

/* ---- Mappings ---- */

static void try_mmap_one(const char *name, size_t length, int prot, int flags,
			 off_t offset)
{
	void *p;

	errno = 0;
	p = mmap(NULL, length, prot, flags, ctx->cmd_fd, offset);
	say(p == MAP_FAILED ? errno_of(-1) : 0, "mmap/%s", name);
	if (p != MAP_FAILED)
		munmap(p, length);
}

void try_mmap(void)
{
	const int w = PROT_WRITE;

	try_mmap_one("doorbells", PAGE, w, MAP_SHARED, 0);
	try_mmap_one("doorbells to read", PAGE, PROT_READ, MAP_SHARED, 0);
	try_mmap_one("doorbells, no rights", PAGE, PROT_NONE, MAP_SHARED, 0);
	try_mmap_one("doorbells to run", PAGE, w | PROT_EXEC, MAP_SHARED, 0);
	try_mmap_one("doorbells, private", PAGE, w, MAP_PRIVATE, 0);
	try_mmap_one("doorbells, two pages", 2 * PAGE, w, MAP_SHARED, 0);
	try_mmap_one("one octet", 1, w, MAP_SHARED, 0);
	try_mmap_one("BlueFlame", PAGE, w, MAP_SHARED, PAGE);
	try_mmap_one("BlueFlame to read", PAGE, PROT_READ, MAP_SHARED, PAGE);
	try_mmap_one("BlueFlame, private", PAGE, w, MAP_PRIVATE, PAGE);
	try_mmap_one("BlueFlame, two pages", 2 * PAGE, w, MAP_SHARED, PAGE);
	try_mmap_one("page 2", PAGE, w, MAP_SHARED, 2 * PAGE);
	try_mmap_one("page 4", PAGE, w, MAP_SHARED, 4 * PAGE);
	try_mmap_one("page 255", PAGE, w, MAP_SHARED, 255 * PAGE);
	try_mmap_one("page 256", PAGE, w, MAP_SHARED, 256 * PAGE);
	try_mmap_one("far away", PAGE, w, MAP_SHARED, 1l << 40);
}
