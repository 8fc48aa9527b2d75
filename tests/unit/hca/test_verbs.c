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

/*
 * A target's send queue is never initialised; remote access is checked by its
 * SRQ's PD.
 */
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

/* ---- Memory windows ---- */

#define WRITE_READ (1u << 30 | 1u << 29)       /* rights in a bind segment */

typedef struct Bind {
    uint32_t rights, rkey;
    int type;
    bool zero_based;
    uint64_t va, len;
} Bind;

/* Bind on a QP, to a region; syndrome as expected. */
static void bind(LoopQp *qp, const Bind *b, const LoopMr *mr, uint8_t syndrome)
{
    uint8_t seg[32] = { 0 };

    hca_put32(seg, b->rights);
    hca_put32(seg + 4, (b->type == 2 ? 1u << 31 : 0) |
              (b->zero_based ? 1u << 30 : 0));
    hca_put32(seg + 8, b->rkey);
    hca_put32(seg + 12, mr->key);
    hca_put64(seg + 16, b->va);
    hca_put64(seg + 24, b->len);
    loop_post(qp, HCA_WR_BIND_MW, 0, 0, seg, sizeof(seg), NULL, 0);
    loop_expect(qp->l, qp->qpn, true, HCA_WR_BIND_MW, syndrome);
}

static void local_inval(LoopQp *qp, uint32_t key, uint8_t syndrome)
{
    uint8_t seg[32] = { 0 };

    hca_put32(seg + 8, key);
    loop_post(qp, HCA_WR_LOCAL_INVAL, 0, 0, seg, sizeof(seg), NULL, 0);
    loop_expect(qp->l, qp->qpn, true, HCA_WR_LOCAL_INVAL, syndrome);
}

typedef struct MwBed {
    Loop l;
    LoopQp a, b;                               /* a accesses memory through b */
    LoopMr src, dst;
} MwBed;

static void mw_pair(MwBed *t)
{
    loop_pair(&t->l, &t->a, &t->b, &rc);
}

static void mw_up(MwBed *t)
{
    loop_up(&t->l);
    mw_pair(t);
    loop_mr(&t->l, &t->src, 4096, LOOP_PD, LOOP_ALL);
    loop_mr(&t->l, &t->dst, 3 * 4096, LOOP_PD, LOOP_ALL);
}

static void mw_write(MwBed *t, uint64_t raddr, uint32_t rkey, bool ok)
{
    loop_rdma(&t->a, HCA_WR_RDMA_WRITE, raddr, rkey, 0, &t->src, 64);
    loop_expect(&t->l, t->a.qpn, true, HCA_WR_RDMA_WRITE,
                ok ? 0 : HCA_SYN_REMOTE_ACCESS);
    if (!ok) {
        loop_reset(&t->a);
        loop_reset(&t->b);
        mw_pair(t);
    }
}

static void test_mw_type1(void **state)
{
    MwBed t;
    Bind b = { .rights = WRITE_READ, .type = 1, .len = 100 };
    LoopMr window;
    uint32_t mw;

    (void)state;
    mw_up(&t);
    mw = loop_mw(&t.l, LOOP_PD, 1);
    mw_write(&t, t.dst.va, mw, false);         /* not bound yet */
    b.rkey = mw + 1;
    b.va = t.dst.va + 4090;
    bind(&t.b, &b, &t.dst, 0);
    memset(drv_ptr(t.l.d, t.src.addr), 0x77, 64);
    mw_write(&t, b.va + 36, b.rkey, true);
    assert_int_equal(drv_ptr(t.l.d, t.dst.addr)[4090 + 36], 0x77);
    assert_int_equal(drv_ptr(t.l.d, t.dst.addr)[4090 + 99], 0x77);
    mw_write(&t, b.va + 37, b.rkey, false);    /* one octet too far */
    mw_write(&t, b.va - 1, b.rkey, false);
    mw_write(&t, b.va, mw, false);             /* the key before */
    loop_rdma(&t.a, HCA_WR_ATOMIC_FA, t.dst.va + 4096, b.rkey, 0, &t.src, 8);
    loop_expect(&t.l, t.a.qpn, true, 0, HCA_SYN_REMOTE_ACCESS);
    loop_reset(&t.a);
    loop_reset(&t.b);
    mw_pair(&t);
    /* a window is no local key; a region with windows stays */
    window = t.dst;
    window.key = b.rkey;
    loop_post(&t.a, HCA_WR_SEND, 0, 0, NULL, 0, &window, 8);
    loop_expect(&t.l, t.a.qpn, true, 0, HCA_SYN_LOCAL_PROT);
    loop_reset(&t.a);
    loop_reset(&t.b);
    mw_pair(&t);
    assert_int_equal(loop_hw2sw(&t.l, t.dst.key), HCA_CMD_REG_BOUND);
    b.rkey++;                                  /* bound anew, then unbound */
    bind(&t.b, &b, &t.dst, 0);
    b.len = 0;
    b.rkey++;
    bind(&t.b, &b, &t.dst, 0);
    mw_write(&t, b.va, b.rkey, false);
    assert_int_equal(loop_hw2sw(&t.l, t.dst.key), 0);
    assert_int_equal(loop_hw2sw(&t.l, b.rkey), 0);
    assert_int_equal(loop_hw2sw(&t.l, b.rkey), HCA_CMD_BAD_RES_STATE);
    loop_down(&t.l);
}

static void test_mw_type2(void **state)
{
    MwBed t;
    Bind b = { .rights = WRITE_READ, .type = 2, .len = 4096,
               .zero_based = true };
    LoopQp c, e;
    uint32_t mw;

    (void)state;
    mw_up(&t);
    mw = loop_mw(&t.l, LOOP_PD, 2);
    b.rkey = mw | 0x55;
    b.va = t.dst.va + 4000;
    bind(&t.b, &b, &t.dst, 0);
    memset(drv_ptr(t.l.d, t.src.addr), 0x33, 64);
    mw_write(&t, 4032, b.rkey, true);          /* counted from the window's start */
    assert_int_equal(drv_ptr(t.l.d, t.dst.addr)[4000 + 4032 + 63], 0x33);
    /* of another QP of the same PD */
    loop_pair(&t.l, &c, &e, &rc);
    loop_rdma(&c, HCA_WR_RDMA_WRITE, 0, b.rkey, 0, &t.src, 8);
    loop_expect(&t.l, c.qpn, true, 0, HCA_SYN_REMOTE_ACCESS);
    /* local invalidation; only once, and then it may be bound again */
    local_inval(&t.b, b.rkey, 0);
    assert_int_equal(loop_hw2sw(&t.l, t.src.key), 0);
    loop_mr(&t.l, &t.src, 4096, LOOP_PD, LOOP_ALL);
    b.rkey++;
    bind(&t.b, &b, &t.dst, 0);
    /* remote invalidation */
    loop_recv(&t.b, &t.dst, 64);
    loop_post(&t.a, HCA_WR_SEND_INVAL, b.rkey, 0, NULL, 0, &t.src, 64);
    assert_int_equal(hca_get32(loop_expect(&t.l, t.b.qpn, false,
                                           HCA_RECV_SEND_INVAL, 0) + 4),
                     b.rkey);
    loop_expect(&t.l, t.a.qpn, true, HCA_WR_SEND_INVAL, 0);
    assert_int_equal(loop_events(&t.l, HCA_EVENT_WQ_ACCESS_ERROR), 1); /* e's */
    mw_write(&t, 0, b.rkey, false);
    assert_int_equal(loop_hw2sw(&t.l, t.dst.key), 0);
    assert_int_equal(loop_hw2sw(&t.l, mw), 0);
    loop_down(&t.l);
}

/* Each rule of binding; a refusal ends the QP. */
static void test_mw_bind_rules(void **state)
{
    enum { REGION_RIGHTS, REGION_PD, WINDOW_PD, BOUNDS, BELOW, TYPE, KEY,
           NO_LENGTH, TWICE, INDEX, NO_LOCAL_WRITE, READ_ONLY_OK, CASES };

    (void)state;
    for (int i = 0; i < CASES; i++) {
        MwBed t;
        Bind b = { .rights = WRITE_READ, .type = 2, .len = 4096 };
        LoopMr mr;
        bool ok = i == READ_ONLY_OK;
        uint32_t rights = LOOP_ALL;

        mw_up(&t);
        if (i == REGION_RIGHTS) {
            rights &= ~(uint32_t)HCA_ACCESS_BIND_MW;
        } else if (i == NO_LOCAL_WRITE || i == READ_ONLY_OK) {
            rights = HCA_ACCESS_LOCAL_READ | HCA_ACCESS_BIND_MW;
            b.rights = ok ? 1u << 29 : 1u << 31;
        }
        loop_mr(&t.l, &mr, 8192, i == REGION_PD ? 1 : LOOP_PD, rights);
        b.rkey = loop_mw(&t.l, i == WINDOW_PD ? 1 : LOOP_PD, 2) + 7;
        b.va = mr.va + (i == BOUNDS ? 4097 : 4096);
        b.va = i == BELOW ? mr.va - 1 : b.va;
        b.type = i == TYPE ? 1 : 2;
        b.len = i == NO_LENGTH ? 0 : 4096;
        mr.key ^= i == KEY;
        b.rkey += i == INDEX ? 1u << (LOG_MPTS + 8) : 0;
        if (i == TWICE) {
            bind(&t.b, &b, &mr, 0);
        }
        bind(&t.b, &b, &mr, ok ? 0 : HCA_SYN_MW_BIND);
        assert_int_equal(loop_hw2sw(&t.l, mr.key),
                         ok || i == TWICE ? HCA_CMD_REG_BOUND : 0);
        loop_down(&t.l);
    }
}

static void test_invalidate_rules(void **state)
{
    MwBed t;
    Bind b = { .rights = WRITE_READ, .type = 2, .len = 4096 };
    LoopQp c, e;

    (void)state;
    mw_up(&t);
    loop_pair(&t.l, &c, &e, &rc);
    b.rkey = loop_mw(&t.l, LOOP_PD, 2);
    b.va = t.dst.va;
    local_inval(&t.a, b.rkey, HCA_SYN_MW_BIND);        /* free */
    bind(&t.b, &b, &t.dst, 0);
    local_inval(&c, b.rkey, HCA_SYN_MW_BIND);          /* another QP's */
    local_inval(&t.b, t.dst.key, HCA_SYN_MW_BIND);     /* has a window */
    loop_reset(&t.a);
    loop_reset(&t.b);
    mw_pair(&t);
    /* refused to a peer: he learns, and we */
    loop_events(&t.l, HCA_EVENT_WQ_ACCESS_ERROR);
    loop_recv(&t.b, &t.src, 64);
    loop_post(&t.a, HCA_WR_SEND_INVAL, b.rkey, 0, NULL, 0, &t.src, 8);
    loop_expect(&t.l, t.b.qpn, false, 0, HCA_SYN_FLUSH);
    loop_expect(&t.l, t.a.qpn, true, 0, HCA_SYN_REMOTE_ACCESS);
    assert_int_equal(loop_events(&t.l, HCA_EVENT_WQ_ACCESS_ERROR), 1);
    /* a region without windows may be invalidated, and is then of no use */
    loop_reset(&t.a);
    loop_reset(&t.b);
    mw_pair(&t);
    local_inval(&t.b, t.src.key, 0);
    loop_post(&t.a, HCA_WR_SEND, 0, 0, NULL, 0, &t.src, 8);
    loop_expect(&t.l, t.a.qpn, true, 0, HCA_SYN_LOCAL_PROT);
    assert_int_equal(loop_hw2sw(&t.l, t.src.key), 0);
    loop_down(&t.l);
}

/* The kernel's fast registration: pages by work request. */
static void test_fast_register(void **state)
{
    MwBed t;
    uint8_t mpt[64] = { 0 }, seg[48] = { 0 };
    uint64_t pages, list;
    uint32_t key = 0x60 << 8;

    (void)state;
    mw_up(&t);
    pages = drv_alloc(t.l.d, 3 * 4096, 4096);
    list = drv_alloc(t.l.d, 64, 64);
    hca_put32(mpt, 3u << 28 | 1 << 17 | 1 << 8);
    hca_put32(mpt + 8, 0x60);
    hca_put32(mpt + 12, LOOP_PD | 1 << 27 | 1 << 28 | 3 << 24);
    hca_put64(mpt + 44, drv_mtt(t.l.d, 0, 2, 12));
    hca_put32(mpt + 52, 2);
    assert_int_equal(drv_box(t.l.d, 0x00d, 0, 0x60, mpt, 64, NULL), 0);
    hca_put64(drv_ptr(t.l.d, list), (pages + 8192) | 1);
    hca_put64(drv_ptr(t.l.d, list + 8), pages | 1);
    hca_put32(seg, 1u << 30 | 1u << 28);       /* remote and local write */
    hca_put32(seg + 4, key + 3);
    hca_put64(seg + 8, list);
    hca_put64(seg + 16, 0x100ff8);
    hca_put64(seg + 24, 4096);
    hca_put32(seg + 36, 12);
    loop_post(&t.b, HCA_WR_FAST_REG, 0, 0, seg, 48, NULL, 0);
    loop_expect(&t.l, t.b.qpn, true, 0, HCA_SYN_LOCAL_QP_OP); /* not for users */
    loop_reset(&t.a);
    loop_reset(&t.b);
    t.l.fast_reg = true;
    mw_pair(&t);
    loop_post(&t.b, HCA_WR_FAST_REG, 0, 0, seg, 48, NULL, 0);
    loop_expect(&t.l, t.b.qpn, true, HCA_WR_FAST_REG, 0);
    memset(drv_ptr(t.l.d, t.src.addr), 0x99, 64);
    mw_write(&t, 0x100ff8, key + 3, true);
    assert_int_equal(drv_ptr(t.l.d, pages + 8192)[0xff8], 0x99);
    assert_int_equal(drv_ptr(t.l.d, pages)[55], 0x99);
    assert_int_equal(drv_ptr(t.l.d, pages)[56], 0);
    local_inval(&t.b, key + 3, 0);
    mw_write(&t, 0x100ff8, key + 3, false);
    hca_put64(seg + 24, 8192);                 /* three pages into two entries */
    loop_post(&t.b, HCA_WR_FAST_REG, 0, 0, seg, 48, NULL, 0);
    loop_expect(&t.l, t.b.qpn, true, 0, HCA_SYN_MW_BIND);
    loop_down(&t.l);
}

/* ---- Path migration ---- */

#define ALT_LID   (2 * LOOP_LID)               /* of port 2 */
#define OPT_ALT   (1u << 0)
#define OPT_PM    (1u << 10)

static uint8_t set_pm(LoopQp *qp, uint8_t pm)
{
    uint8_t c[HCA_QPC_SIZE] = { 0 };

    hca_put32(c, (uint32_t)pm << 11);
    return loop_modify(qp, 0x01c, OPT_PM, c);
}

/* State of migration, and the LIDs of primary and alternate path. */
static void expect_paths(LoopQp *qp, uint8_t pm, uint16_t primary,
                         uint16_t alternate)
{
    uint8_t c[HCA_QPC_SIZE];

    loop_query(qp, c);
    assert_int_equal(hca_get32(c) >> 11 & 3, pm);
    assert_int_equal(hca_get16(c + 24 + 6), primary);
    assert_int_equal(hca_get16(c + 68 + 6), alternate);
    assert_int_equal(c[24 + 32], primary >= ALT_LID ? 0xc3 : 0x83);
}

static void exchange(MwBed *t)
{
    loop_rdma(&t->a, HCA_WR_RDMA_WRITE, t->dst.va, t->dst.key, 0, &t->src, 64);
    loop_expect(&t->l, t->a.qpn, true, HCA_WR_RDMA_WRITE, 0);
}

/* Two QPs with an alternate path on port 2, armed. */
static void apm_up(MwBed *t, uint16_t alt_of_b)
{
    LoopQpAttr a = rc, b = rc;

    a.alt_dlid = ALT_LID;
    b.alt_dlid = alt_of_b;
    loop_up(&t->l);
    loop_mr(&t->l, &t->src, 4096, LOOP_PD, LOOP_ALL);
    loop_mr(&t->l, &t->dst, 4096, LOOP_PD, LOOP_ALL);
    loop_qp(&t->l, &t->a, &a);
    loop_qp(&t->l, &t->b, &b);
    loop_connect(&t->a, t->b.qpn, &a);
    loop_connect(&t->b, t->a.qpn, &b);
    exchange(t);
    expect_paths(&t->a, HCA_PM_MIGRATED, LOOP_LID, ALT_LID);
    assert_int_equal(set_pm(&t->a, HCA_PM_REARM), 0);
    exchange(t);                               /* the peer is not ready */
    expect_paths(&t->a, HCA_PM_REARM, LOOP_LID, ALT_LID);
    expect_paths(&t->b, HCA_PM_MIGRATED, LOOP_LID, alt_of_b);
    assert_int_equal(set_pm(&t->b, HCA_PM_REARM), 0);
    exchange(t);
    expect_paths(&t->a, HCA_PM_ARMED, LOOP_LID, ALT_LID);
    expect_paths(&t->b, HCA_PM_ARMED, LOOP_LID, alt_of_b);
    loop_events(&t->l, HCA_EVENT_PATH_MIG);
}

static void test_apm_asked(void **state)
{
    MwBed t;

    (void)state;
    apm_up(&t, ALT_LID);
    assert_int_equal(set_pm(&t.a, HCA_PM_MIGRATED), 0);
    assert_int_equal(loop_events(&t.l, HCA_EVENT_PATH_MIG), 1);
    exchange(&t);                              /* takes the peer along */
    assert_int_equal(loop_events(&t.l, HCA_EVENT_PATH_MIG), 1);
    expect_paths(&t.a, HCA_PM_MIGRATED, ALT_LID, LOOP_LID);
    expect_paths(&t.b, HCA_PM_MIGRATED, ALT_LID, LOOP_LID);
    /* and back: a second time takes a second arming */
    assert_int_equal(set_pm(&t.a, HCA_PM_MIGRATED), 0);
    expect_paths(&t.a, HCA_PM_MIGRATED, ALT_LID, LOOP_LID);
    assert_int_equal(set_pm(&t.b, HCA_PM_REARM), 0);
    assert_int_equal(set_pm(&t.a, HCA_PM_REARM), 0);
    exchange(&t);
    assert_int_equal(set_pm(&t.b, HCA_PM_MIGRATED), 0);
    loop_recv(&t.a, &t.src, 64);
    loop_post(&t.b, HCA_WR_SEND, 0, 0, NULL, 0, &t.dst, 8);
    loop_expect(&t.l, t.a.qpn, false, HCA_RECV_SEND, 0);
    loop_expect(&t.l, t.b.qpn, true, HCA_WR_SEND, 0);
    expect_paths(&t.a, HCA_PM_MIGRATED, LOOP_LID, ALT_LID);
    assert_int_equal(loop_events(&t.l, HCA_EVENT_PATH_MIG), 2);
    loop_down(&t.l);
}

/* Retries are exhausted on the primary path: no error, but the other path. */
static void test_apm_automatic(void **state)
{
    HcaFaults faults = { .drop = { 1000000, 0 } };
    MwBed t;

    (void)state;
    apm_up(&t, ALT_LID);
    hca_set_faults(t.l.d->hca, &faults);
    loop_rdma(&t.a, HCA_WR_RDMA_WRITE, t.dst.va, t.dst.key, 0, &t.src, 64);
    for (unsigned i = 0; i < rc.retry; i++) {
        loop_tick(&t.l);
        expect_paths(&t.a, HCA_PM_ARMED, LOOP_LID, ALT_LID);
    }
    assert_null(cq_poll(&t.l.cq));
    loop_tick(&t.l);
    loop_expect(&t.l, t.a.qpn, true, HCA_WR_RDMA_WRITE, 0);
    expect_paths(&t.a, HCA_PM_MIGRATED, ALT_LID, LOOP_LID);
    expect_paths(&t.b, HCA_PM_MIGRATED, ALT_LID, LOOP_LID);
    assert_int_equal(loop_events(&t.l, HCA_EVENT_PATH_MIG), 2);
    /* the second time there is nowhere to go */
    faults.drop[1] = 1000000;
    hca_set_faults(t.l.d->hca, &faults);
    loop_rdma(&t.a, HCA_WR_RDMA_WRITE, t.dst.va, t.dst.key, 0, &t.src, 64);
    for (unsigned i = 0; i <= rc.retry; i++) {
        assert_null(cq_poll(&t.l.cq));
        loop_tick(&t.l);
    }
    loop_expect(&t.l, t.a.qpn, true, 0, HCA_SYN_RETRY_EXCEEDED);
    loop_down(&t.l);
}

static void test_apm_refused(void **state)
{
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    MwBed t;

    (void)state;
    apm_up(&t, ALT_LID + 1);                   /* expects another sender */
    assert_int_equal(set_pm(&t.a, HCA_PM_MIGRATED), 0);
    loop_events(&t.l, HCA_EVENT_PATH_MIG);
    loop_rdma(&t.a, HCA_WR_RDMA_WRITE, t.dst.va, t.dst.key, 0, &t.src, 64);
    loop_tick(&t.l);
    assert_int_equal(loop_events(&t.l, HCA_EVENT_PATH_MIG_FAILED), 1);
    expect_paths(&t.b, HCA_PM_ARMED, LOOP_LID, ALT_LID + 1);
    loop_reset(&t.a);
    loop_reset(&t.b);
    mw_pair(&t);
    assert_int_equal(set_pm(&t.a, HCA_PM_REARM), HCA_CMD_BAD_PARAM);
    hca_put16(c + 68 + 6, ALT_LID);
    hca_put32(c, 2u << 11);
    assert_int_equal(loop_modify(&t.a, 0x01c, OPT_PM | OPT_ALT, c),
                     HCA_CMD_BAD_PARAM);
    hca_put32(c, 1u << 11);
    assert_int_equal(loop_modify(&t.a, 0x01c, OPT_PM | OPT_ALT, c), 0);
    loop_down(&t.l);
}

/* ---- Garbage ---- */

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 32;
}

/*
 * Work requests about keys with random fields, and entries of the tables with
 * random bits: nothing may crash, hang, or reach memory that is not there.
 */
static void test_garbage_keys(void **state)
{
    static const uint8_t opcodes[] = {
        HCA_WR_BIND_MW, HCA_WR_LOCAL_INVAL, HCA_WR_FAST_REG, HCA_WR_SEND_INVAL,
        HCA_WR_RDMA_WRITE, HCA_WR_RDMA_READ,
    };
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        MwBed t;
        uint32_t keys[4];

        mw_up(&t);
        t.l.fast_reg = true;
        keys[0] = loop_mw(&t.l, LOOP_PD, 1);
        keys[1] = loop_mw(&t.l, LOOP_PD, 2);
        keys[2] = t.src.key;
        keys[3] = t.dst.key;
        for (unsigned i = 0; i < 200; i++) {
            uint32_t key = keys[next_random(&seed) % 4];
            uint8_t seg[48];

            for (unsigned j = 0; j < sizeof(seg); j += 4) {
                uint32_t r = next_random(&seed);

                hca_put32(seg + j, r & 1 ? r : r & 2 ? key : r >> 24);
            }
            if (i & 2) {                       /* nearly right */
                hca_put32(seg + 8, key);
                hca_put32(seg + 12, t.dst.key);
                hca_put64(seg + 16, t.dst.va + next_random(&seed) % 64);
                hca_put64(seg + 24, next_random(&seed) % 4096);
            }
            loop_post(i & 1 ? &t.a : &t.b,
                      opcodes[next_random(&seed) % sizeof(opcodes)], key, 0,
                      seg, 16 * (1 + next_random(&seed) % 3), &t.src, 64);
            drv_ptr(t.l.d, t.l.d->icm + DMPT_BASE + (key >> 8) * 64)
                [next_random(&seed) % 64] ^= 1 << (next_random(&seed) & 7);
            while (cq_poll(&t.l.cq)) {
            }
            if (i % 2 == 0) {
                loop_reset(&t.a);
                loop_reset(&t.b);
                mw_pair(&t);
            }
        }
        drv_free(t.l.d);                       /* errors of the model are fine */
    }
}

/* ---- Counters ---- */

static void query_flow(Loop *l, uint32_t modifier, HcaFlow *flow)
{
    uint8_t out[HCA_MAILBOX_SIZE];

    assert_int_equal(drv_box(l->d, 0x054, 0, modifier, NULL, 0, out), 0);
    assert_int_equal(out[3], 0);               /* mode: basic */
    *flow = (HcaFlow) {
        .rx_packets = hca_get64(out + 16), .rx_octets = hca_get64(out + 24),
        .tx_packets = hca_get64(out + 32), .tx_octets = hca_get64(out + 40),
    };
}

/*
 * The counter comes with INIT2RTR, if that says so; changing it later is for
 * the send queue when drained.
 */
static void test_flows(void **state)
{
    uint8_t c[HCA_QPC_SIZE] = { 0 }, out[HCA_MAILBOX_SIZE];
    HcaFlow a, b, none;
    LoopQp qa, qb;
    LoopMr mr;
    Loop l;

    (void)state;
    loop_up(&l);
    loop_mr(&l, &mr, 4096, LOOP_PD, LOOP_ALL);
    loop_qp(&l, &qa, &rc);
    loop_qp(&l, &qb, &rc);
    c[24 + 4] = 7;
    c[24 + 32] = 0x83;
    assert_int_equal(loop_modify(&qa, 0x02d, 1 << 20, c), 0);
    c[24 + 4] = 8;
    assert_int_equal(loop_modify(&qb, 0x02d, 1 << 20, c), 0);
    c[24 + 4] = 9;
    assert_int_equal(loop_modify(&qb, 0x02d, 0, c), 0);
    loop_connect(&qa, qb.qpn, &rc);
    loop_connect(&qb, qa.qpn, &rc);
    loop_recv(&qb, &mr, 1000);
    loop_post(&qa, HCA_WR_SEND, 0, 0, NULL, 0, &mr, 1000);
    loop_expect(&l, qb.qpn, false, HCA_RECV_SEND, 0);
    loop_expect(&l, qa.qpn, true, HCA_WR_SEND, 0);
    query_flow(&l, 7, &a);
    query_flow(&l, 8, &b);
    assert_int_equal(a.tx_packets, 4);         /* MTU 256 */
    assert_int_equal(a.tx_octets, 4 * 24 + 1000);
    assert_int_equal(a.rx_packets, 1);
    assert_int_equal(a.rx_octets, 28);         /* the acknowledgement */
    assert_memory_equal(&b, &((HcaFlow) { 4, 4 * 24 + 1000, 1, 28 }),
                        sizeof(b));
    query_flow(&l, 0, &none);
    assert_int_equal(none.tx_packets + none.rx_packets, 0);
    query_flow(&l, 9, &none);
    assert_int_equal(none.tx_packets + none.rx_packets, 0);
    /* read and clear */
    query_flow(&l, 7 | 1u << 31, &a);
    assert_int_equal(a.tx_packets, 4);
    query_flow(&l, 7, &a);
    assert_int_equal(a.tx_packets + a.rx_octets, 0);
    query_flow(&l, 8, &b);
    assert_int_equal(b.rx_packets, 4);
    query_flow(&l, 255, &none);
    assert_int_equal(drv_box(l.d, 0x054, 0, 256, NULL, 0, out),
                     HCA_CMD_BAD_INDEX);
    loop_down(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xrc),
        cmocka_unit_test(test_xrc_errors),
        cmocka_unit_test(test_mw_type1),
        cmocka_unit_test(test_mw_type2),
        cmocka_unit_test(test_mw_bind_rules),
        cmocka_unit_test(test_invalidate_rules),
        cmocka_unit_test(test_fast_register),
        cmocka_unit_test(test_apm_asked),
        cmocka_unit_test(test_apm_automatic),
        cmocka_unit_test(test_apm_refused),
        cmocka_unit_test(test_garbage_keys),
        cmocka_unit_test(test_flows),
    };

    return cmocka_run_group_tests_name("verbs", tests, NULL, NULL);
}
