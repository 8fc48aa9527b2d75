/* SPDX-License-Identifier: GPL-2.0-only */
/* Verbs beyond the plain: XRC, memory windows, path migration. */
#include "loop.h"

static const LoopQpAttr rc = { .service = HCA_ST_RC, .psn = 0xfffff0,
                               .retry = 2, .timeout = 10 };

/* ---- XRC ---- */

#define XRCD     9u
#define XRCD_PD  0x77u                         /* the kernel's, of no region */
#define SRQN     0x41u

/* An SRQ of 16 WQEs of 32 octets, one of them posted. */
static void xrc_srq(Loop *l, uint64_t *db, const LoopMr *mr, uint16_t xrcd)
{
    uint64_t buf = drv_alloc(l->d, 4096, 4096);
    uint8_t c[48] = { 0 };

    *db = drv_alloc(l->d, 8, 8);
    for (unsigned i = 0; i < 16; i++) {
        uint8_t *wqe = drv_ptr(l->d, buf + 32 * i);

        hca_put16(wqe + 2, (i + 1) & 15);
        hca_put32(wqe + 16, 256);
        hca_put32(wqe + 20, mr->key);
        hca_put64(wqe + 24, mr->va);
    }
    hca_put32(c, 4u << 24 | SRQN);
    c[4] = 1;
    hca_put16(c + 6, xrcd);
    hca_put32(c + 8, LOOP_CQN);
    hca_put32(c + 20, drv_mtt(l->d, buf, 1, 12));
    hca_put32(c + 24, LOOP_PD);
    hca_put64(c + 40, *db);
    assert_int_equal(drv_box(l->d, 0x035, 0, SRQN, c, sizeof(c), NULL), 0);
    hca_put32(drv_ptr(l->d, *db), 1);
}

static void xrc_pair(Loop *l, LoopQp *ini, LoopQp *tgt)
{
    LoopQpAttr attr = rc, target = rc;

    attr.service = target.service = HCA_ST_XRC;
    target.target = true;
    target.pd = XRCD_PD;
    target.xrcd = XRCD;
    loop_qp(l, ini, &attr);
    loop_qp(l, tgt, &target);
    loop_connect(ini, tgt->qpn, &attr);
    loop_connect(tgt, ini->qpn, &target);
}

/* A target has no queues; its SRQ's PD is what remote access is checked by. */
static void test_xrc(void **state)
{
    Loop l;
    LoopQp ini, tgt;
    LoopMr src, dst;
    uint64_t db;
    const uint8_t *c;

    (void)state;
    loop_up(&l);
    loop_mr(&l, &src, 4096, LOOP_PD, LOOP_ALL);
    loop_mr(&l, &dst, 4096, LOOP_PD, LOOP_ALL);
    xrc_srq(&l, &db, &dst, XRCD);
    xrc_pair(&l, &ini, &tgt);
    loop_pump(&l);
    assert_null(cq_poll(&l.cq));               /* no send queue was looked at */
    memset(drv_ptr(l.d, src.addr), 0x5a, 256);
    loop_post(&ini, HCA_WR_SEND, 0, SRQN, NULL, 0, &src, 100);
    c = loop_expect(&l, tgt.qpn, false, HCA_RECV_SEND, 0);
    assert_int_equal(hca_get32(c + 8) & 0xffffff, SRQN);
    loop_expect(&l, ini.qpn, true, HCA_WR_SEND, 0);
    assert_int_equal(drv_ptr(l.d, dst.addr)[99], 0x5a);
    loop_rdma(&ini, HCA_WR_RDMA_WRITE, dst.va + 1000, dst.key, SRQN, &src, 256);
    loop_expect(&l, ini.qpn, true, HCA_WR_RDMA_WRITE, 0);
    assert_int_equal(drv_ptr(l.d, dst.addr)[1255], 0x5a);
    loop_rdma(&ini, HCA_WR_RDMA_READ, dst.va, dst.key, SRQN, &src, 2000);
    loop_expect(&l, ini.qpn, true, HCA_WR_RDMA_READ, 0);
    assert_int_equal(drv_ptr(l.d, src.addr)[1255], 0x5a);
    assert_int_equal(drv_ptr(l.d, src.addr)[1256], 0);
    loop_rdma(&ini, HCA_WR_ATOMIC_FA, dst.va + 2048, dst.key, SRQN, &src, 8);
    loop_expect(&l, ini.qpn, true, HCA_WR_ATOMIC_FA, 0);
    assert_int_equal(drv_ptr(l.d, dst.addr)[2048], 1);
    assert_int_equal(loop_events(&l, HCA_EVENT_WQ_ACCESS_ERROR), 0);
    /* another PD's region, though of the target's own PD */
    loop_mr(&l, &dst, 4096, XRCD_PD, LOOP_ALL);
    loop_rdma(&ini, HCA_WR_RDMA_READ, dst.va, dst.key, SRQN, &src, 8);
    loop_expect(&l, ini.qpn, true, 0, HCA_SYN_REMOTE_ACCESS);
    loop_down(&l);
}

/* A receive WQE that fails is reported with the SRQ's number; wrong domains. */
static void test_xrc_errors(void **state)
{
    Loop l;
    LoopQp ini, tgt;
    LoopMr src, dst;
    uint64_t db;
    const uint8_t *c;

    (void)state;
    loop_up(&l);
    loop_mr(&l, &src, 4096, LOOP_PD, LOOP_ALL);
    loop_mr(&l, &dst, 4096, LOOP_PD, LOOP_ALL);
    xrc_srq(&l, &db, &dst, XRCD);
    xrc_pair(&l, &ini, &tgt);
    loop_post(&ini, HCA_WR_SEND, 0, SRQN, NULL, 0, &src, 300);
    c = loop_expect(&l, tgt.qpn, false, 0, HCA_SYN_LOCAL_LENGTH);
    assert_int_equal(hca_get32(c + 8) & 0xffffff, SRQN);
    loop_expect(&l, ini.qpn, true, 0, HCA_SYN_REMOTE_INVAL);
    loop_reset(&ini);
    loop_reset(&tgt);
    assert_int_equal(drv_cmd(l.d, 0x036, 1, SRQN, 0, NULL), 0);
    xrc_srq(&l, &db, &dst, XRCD + 1);
    xrc_pair(&l, &ini, &tgt);
    loop_rdma(&ini, HCA_WR_RDMA_WRITE, dst.va, dst.key, SRQN, &src, 8);
    loop_expect(&l, ini.qpn, true, 0, HCA_SYN_REMOTE_ACCESS);
    loop_down(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xrc),
        cmocka_unit_test(test_xrc_errors),
    };

    return cmocka_run_group_tests_name("verbs", tests, NULL, NULL);
}
