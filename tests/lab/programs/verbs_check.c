// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs that no stock program tries: re-registration, memory windows,
 * shared XRC domains, and resizing a CQ that holds completions. Says what is
 * not as mlx4_ib has it, and exits with 1 then. Needs one active port.
 *
 * usage: verbs_check [leave]
 * leave: end by being killed, with objects of every kind left behind
 */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <infiniband/mlx4dv.h>

#include "check.h"

#define SIZE		65536
#define CQ_ENTRIES	100

static struct ibv_context *ctx;
static struct ibv_pd *pd, *other_pd;
static struct ibv_cq *cq;
static uint16_t lid;

/* SIZE octets, all of them @c, with the rights @prot of mmap(). */
static char *memory(int prot, char c)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED);
	memset(p, c, SIZE);
	NEED(!mprotect(p, SIZE, prot));
	return p;
}

static struct ibv_qp *create_qp(struct ibv_pd *in_pd)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = {
			.max_send_wr = CQ_ENTRIES,
			.max_recv_wr = 1,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *qp = ibv_create_qp(in_pd, &attr);

	NEED(qp);
	return qp;
}

/* Two connected QPs, the near one in the PD of all that is local. */
static struct pair connect_pair(struct ibv_pd *far_pd)
{
	struct pair p = { create_qp(pd), create_qp(far_pd) };

	connect_qps(p.near, p.far, lid);
	return p;
}

static int completion(uint64_t *wr_id)
{
	struct ibv_wc wc = {};
	int status = next_wc(cq, &wc);

	if (wr_id)
		*wr_id = wc.wr_id;
	return status;
}

static void post_write(struct ibv_qp *qp, uint64_t wr_id, struct ibv_mr *from,
		       void *to, uint32_t rkey, uint32_t length)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)from->addr,
		.length = length,
		.lkey = from->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = wr_id,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)to, .rkey = rkey },
	}, *bad;

	NEED(!ibv_post_send(qp, &wr, &bad));
}

/* Write through QPs that then go, as an error would end them anyway. */
static int write_once(struct ibv_pd *far_pd, struct ibv_mr *from, void *to,
		      uint32_t rkey, uint32_t length)
{
	struct pair p = connect_pair(far_pd);
	int status;

	post_write(p.near, 0, from, to, rkey, length);
	status = completion(NULL);
	destroy_pair(p);
	return status;
}

static int rereg_errno(struct ibv_mr *mr, int flags, void *addr, size_t length,
		       int access)
{
	errno = 0;
	return ibv_rereg_mr(mr, flags, NULL, addr, length, access) ? errno : 0;
}

static void check_rereg(void)
{
	const int trans = IBV_REREG_MR_CHANGE_TRANSLATION;
	char *a = memory(PROT_READ | PROT_WRITE, 'a');
	char *x = memory(PROT_READ | PROT_WRITE, 'x');
	char *y = memory(PROT_READ | PROT_WRITE, 'y');
	struct ibv_mr *from = ibv_reg_mr(pd, a, SIZE, 0);
	struct ibv_mr *mr = ibv_reg_mr(pd, x, SIZE, ALL_RIGHTS);
	uint32_t rkey;

	NEED(from && mr);
	rkey = mr->rkey;
	/* Other pages, and not page by page */
	EXPECT(ibv_rereg_mr(mr, trans, NULL, y + 100, 20000, 0), 0);
	EXPECT(mr->rkey, rkey);
	EXPECT(munmap(x, SIZE), 0);
	EXPECT(write_once(pd, from, y + 100, rkey, 20000), IBV_WC_SUCCESS);
	EXPECT(y[99], 'y');
	EXPECT(y[100], 'a');
	EXPECT(y[20099], 'a');
	EXPECT(y[20100], 'y');
	EXPECT(write_once(pd, from, y + 100, rkey, 20001),
	       IBV_WC_REM_ACCESS_ERR);
	/* Fewer rights, and again more */
	EXPECT(rereg_errno(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, 0, 0), 0);
	EXPECT(write_once(pd, from, y + 100, rkey, 1), IBV_WC_REM_ACCESS_ERR);
	EXPECT(rereg_errno(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, 0,
			   ALL_RIGHTS), 0);
	/* Another PD, which then is in use */
	EXPECT(ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_PD, other_pd, NULL, 0, 0),
	       0);
	EXPECT(write_once(pd, from, y + 100, rkey, 1), IBV_WC_REM_ACCESS_ERR);
	EXPECT(write_once(other_pd, from, y + 100, rkey, 1), IBV_WC_SUCCESS);
	EXPECT(ibv_dealloc_pd(other_pd), EBUSY);
	/* All at once */
	EXPECT(ibv_rereg_mr(mr, trans | IBV_REREG_MR_CHANGE_PD |
			    IBV_REREG_MR_CHANGE_ACCESS, pd, y, SIZE,
			    ALL_RIGHTS), 0);
	EXPECT(ibv_dealloc_pd(other_pd), 0);
	NEED(other_pd = ibv_alloc_pd(ctx));
	EXPECT(write_once(pd, from, y, rkey, SIZE), IBV_WC_SUCCESS);
	EXPECT(memcmp(y, a, SIZE), 0);
	EXPECT(ibv_dereg_mr(mr), 0);
	EXPECT(ibv_dereg_mr(from), 0);
	munmap(a, SIZE);
	munmap(y, SIZE);
}

static void check_rereg_errors(void)
{
	const int trans = IBV_REREG_MR_CHANGE_TRANSLATION;
	const int access = IBV_REREG_MR_CHANGE_ACCESS;
	char *w = memory(PROT_READ | PROT_WRITE, 'w');
	char *r = memory(PROT_READ, 'r');
	struct ibv_mr *mr;

	NEED(mr = ibv_reg_mr(pd, r, SIZE, IBV_ACCESS_REMOTE_READ));
	EXPECT(rereg_errno(mr, access, NULL, 0, IBV_ACCESS_LOCAL_WRITE),
	       EACCES);
	/* Although the new pages could be written */
	EXPECT(rereg_errno(mr, access | trans, w, SIZE,
			   IBV_ACCESS_LOCAL_WRITE), EPERM);
	EXPECT(ibv_dereg_mr(mr), 0);

	NEED(mr = ibv_reg_mr(pd, w, SIZE, IBV_ACCESS_LOCAL_WRITE));
	EXPECT(rereg_errno(mr, access, NULL, 0, IBV_ACCESS_REMOTE_WRITE),
	       EINVAL);
	EXPECT(rereg_errno(mr, trans, r, SIZE, 0), EFAULT);
	EXPECT(ibv_dereg_mr(mr), 0);
	munmap(w, SIZE);
	munmap(r, SIZE);
}

static void bind_window(struct ibv_qp *qp, struct ibv_mw *mw,
			struct ibv_mr *mr, void *addr, size_t length)
{
	struct ibv_mw_bind bind = {
		.send_flags = IBV_SEND_SIGNALED,
		.bind_info = {
			.mr = mr,
			.addr = (uintptr_t)addr,
			.length = length,
			.mw_access_flags = IBV_ACCESS_REMOTE_WRITE,
		},
	};

	NEED(!ibv_bind_mw(qp, mw, &bind));
	EXPECT(completion(NULL), IBV_WC_SUCCESS);
}

static void check_windows(void)
{
	char *a = memory(PROT_READ | PROT_WRITE, 'a');
	char *x = memory(PROT_READ | PROT_WRITE, 'x');
	struct ibv_mr *from = ibv_reg_mr(pd, a, SIZE, 0);
	struct ibv_mr *mr = ibv_reg_mr(pd, x, SIZE, IBV_ACCESS_LOCAL_WRITE |
				       IBV_ACCESS_MW_BIND);
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_1);
	struct pair p = connect_pair(pd);

	NEED(from && mr && mw);
	bind_window(p.far, mw, mr, x + 4095, 4098);
	post_write(p.near, 0, from, x + 4095, mw->rkey, 4098);
	EXPECT(completion(NULL), IBV_WC_SUCCESS);
	EXPECT(x[4094], 'x');
	EXPECT(x[4095], 'a');
	EXPECT(x[8192], 'a');
	EXPECT(x[8193], 'x');
	EXPECT(ibv_dereg_mr(mr), EBUSY);
	EXPECT(ibv_dealloc_pd(pd), EBUSY);
	post_write(p.near, 0, from, x + 4095, mw->rkey, 4099);
	EXPECT(completion(NULL), IBV_WC_REM_ACCESS_ERR);
	destroy_pair(p);
	EXPECT(ibv_dealloc_mw(mw), 0);
	EXPECT(ibv_dereg_mr(mr), 0);
	EXPECT(ibv_dereg_mr(from), 0);
	munmap(a, SIZE);
	munmap(x, SIZE);
}

static struct ibv_xrcd *open_xrcd(struct ibv_context *in_ctx, int fd, int flags)
{
	struct ibv_xrcd_init_attr attr = {
		.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS,
		.fd = fd,
		.oflags = flags,
	};

	errno = 0;
	return ibv_open_xrcd(in_ctx, &attr);
}

static struct ibv_qp *create_target(struct ibv_xrcd *xrcd)
{
	struct ibv_qp_init_attr_ex attr = {
		.qp_type = IBV_QPT_XRC_RECV,
		.comp_mask = IBV_QP_INIT_ATTR_XRCD,
		.xrcd = xrcd,
	};
	struct ibv_qp *qp = ibv_create_qp_ex(ctx, &attr);

	NEED(qp);
	return qp;
}

static struct ibv_srq *create_xrc_srq(struct ibv_xrcd *xrcd)
{
	struct ibv_srq_init_attr_ex attr = {
		.attr = { .max_wr = 100, .max_sge = 2 },
		.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD |
			IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ,
		.srq_type = IBV_SRQT_XRC,
		.pd = pd,
		.xrcd = xrcd,
		.cq = cq,
	};
	struct ibv_srq *srq = ibv_create_srq_ex(ctx, &attr);

	NEED(srq);
	return srq;
}

/* A target QP lives on when who created it has closed it, if others opened it. */
static void check_xrc(void)
{
	struct ibv_context *ctx2 = ibv_open_device(ctx->device);
	char name[] = "/tmp/verbs_check.XXXXXX";
	struct ibv_qp_open_attr open_attr = {
		.comp_mask = IBV_QP_OPEN_ATTR_NUM | IBV_QP_OPEN_ATTR_XRCD |
			IBV_QP_OPEN_ATTR_TYPE,
		.qp_type = IBV_QPT_XRC_RECV,
	};
	struct ibv_qp_init_attr init_attr;
	struct ibv_xrcd *xrcd, *xrcd2;
	struct ibv_qp *qp, *qp2;
	struct ibv_qp_attr attr;
	struct ibv_srq *srq;
	int fd = mkstemp(name);

	NEED(ctx2 && fd >= 0 && !unlink(name));
	EXPECT(open_xrcd(ctx, fd, 0), NULL);
	EXPECT(errno, EAGAIN);
	NEED(xrcd = open_xrcd(ctx, fd, O_CREAT));
	NEED(xrcd2 = open_xrcd(ctx2, fd, 0));
	qp = create_target(xrcd);
	srq = create_xrc_srq(xrcd);
	qp_to_init(qp);
	open_attr.qp_num = qp->qp_num;
	open_attr.xrcd = xrcd2;
	NEED(qp2 = ibv_open_qp(ctx2, &open_attr));
	EXPECT(ibv_close_xrcd(xrcd), EBUSY);
	EXPECT(ibv_destroy_qp(qp), 0);
	EXPECT(ibv_destroy_srq(srq), 0);
	EXPECT(ibv_close_xrcd(xrcd), 0);
	EXPECT(ibv_query_qp(qp2, &attr, IBV_QP_STATE | IBV_QP_PORT, &init_attr),
	       0);
	EXPECT(attr.qp_state, IBV_QPS_INIT);
	EXPECT(attr.port_num, 1);
	EXPECT(ibv_destroy_qp(qp2), 0);
	EXPECT(ibv_close_xrcd(xrcd2), 0);
	EXPECT(ibv_close_device(ctx2), 0);
	close(fd);
}

/* Waits until the HCA has written so many completions that are not polled. */
static void wait_for_cqes(unsigned int nr)
{
	time_t end = time(NULL) + CHECK_TIMEOUT_S;
	struct mlx4dv_cq dv = {};
	struct mlx4dv_obj obj = { .cq = { .in = cq, .out = &dv } };
	struct mlx4_cqe *cqe;
	unsigned int last;

	NEED(!mlx4dv_init_obj(&obj, MLX4DV_OBJ_CQ));
	last = be32toh(*dv.set_ci_db) + nr - 1;
	/* Of 64 octets a CQE is the second half; the owner changes each round. */
	cqe = dv.buf.buf + (last % dv.cqe_cnt + 1) * dv.cqe_size - sizeof(*cqe);
	while (!(cqe->owner_sr_opcode & MLX4_CQE_OWNER_MASK) !=
	       !(last & dv.cqe_cnt)) {
		NEED(time(NULL) < end);
		usleep(1000);
	}
}

/* What a CQ holds is there, and in order, when its size has changed. */
static void check_resize(void)
{
	char *a = memory(PROT_READ | PROT_WRITE, 'a');
	struct ibv_mr *mr = ibv_reg_mr(pd, a, SIZE, ALL_RIGHTS);
	struct pair p = connect_pair(pd);
	uint64_t posted = 0, seen, wr_id;
	int sizes[] = { 3000, 40, CQ_ENTRIES };
	unsigned int i;

	NEED(mr);
	for (i = 0, seen = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		while (posted < seen + 30)
			post_write(p.near, posted++, mr, a, mr->rkey, 8);
		wait_for_cqes(posted - seen);
		EXPECT(ibv_resize_cq(cq, sizes[i]), 0);
		EXPECT_CMP(cq->cqe, >=, sizes[i]);
		while (seen < posted - 10 + i) {
			EXPECT(completion(&wr_id), IBV_WC_SUCCESS);
			EXPECT(wr_id, seen);
			seen++;
		}
	}
	EXPECT_CMP(ibv_resize_cq(cq, 1 << 22), !=, 0);
	while (seen < posted) {
		EXPECT(completion(&wr_id), IBV_WC_SUCCESS);
		EXPECT(wr_id, seen);
		seen++;
	}
	destroy_pair(p);
	EXPECT(ibv_dereg_mr(mr), 0);
	munmap(a, SIZE);
}

static void leave(void)
{
	char *x = memory(PROT_READ | PROT_WRITE, 'x');
	struct ibv_mr *mr = ibv_reg_mr(pd, x, SIZE, IBV_ACCESS_LOCAL_WRITE |
				       IBV_ACCESS_MW_BIND);
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_1);
	struct ibv_xrcd *xrcd = open_xrcd(ctx, -1, O_CREAT);
	struct pair p = connect_pair(pd);

	NEED(mr && mw && xrcd);
	bind_window(p.far, mw, mr, x, SIZE);
	qp_to_init(create_target(xrcd));
	create_xrc_srq(xrcd);
	NEED(!failures);
	fflush(stdout);
	raise(SIGKILL);
}

int main(int argc, char **argv)
{
	ctx = open_hca();
	lid = port_lid(ctx);
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(other_pd = ibv_alloc_pd(ctx));
	NEED(cq = ibv_create_cq(ctx, CQ_ENTRIES, NULL, NULL, 0));
	check_resize();
	check_rereg();
	check_rereg_errors();
	check_windows();
	check_xrc();
	if (verdict())
		return 1;
	if (argc > 1 && !strcmp(argv[1], "leave"))
		leave();
	return 0;
}
