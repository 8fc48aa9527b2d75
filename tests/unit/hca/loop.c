/* SPDX-License-Identifier: GPL-2.0-only */
#include "loop.h"

#define STRIDE 128u                            /* of send WQEs; receive WQEs take 32 */

void loop_up(Loop *l)
{
    memset(l, 0, sizeof(*l));
    l->d = drv_up(false);
    l->next_mpt = 0x20;
    l->next_qpn = 0x80;
    assert_int_equal(eq_create(l->d, &l->eq, LOOP_EQN, 6, 1), 0);
    assert_int_equal(drv_cmd(l->d, 0x012, 0, LOOP_EQN, ~1ull, NULL), 0);
    assert_int_equal(cq_create(l->d, &l->cq, LOOP_CQN, 6, LOOP_EQN, 0), 0);
    for (unsigned port = 1; port <= HCA_NUM_PORTS; port++) {
        HcaPort *p = &l->d->hca->port[port];

        p->wire_up = p->init = true;
        p->state = 4;
        p->lid = LOOP_LID * port;
        p->lmc = 4;
    }
}

void loop_down(Loop *l)
{
    drv_no_model_error(l->d);
    drv_free(l->d);
}

void loop_pump(Loop *l)
{
    for (unsigned i = 0; i < 1000; i++) {
        hca_run(l->d->hca);
    }
}

void loop_tick(Loop *l)
{
    assert_true(l->d->timer != UINT64_MAX);
    if (l->d->timer > l->d->now) {
        l->d->now = l->d->timer;
    }
    hca_timer(l->d->hca);
    loop_pump(l);
}

/* ---- Regions and windows ---- */

static uint32_t write_mpt(Loop *l, uint8_t mpt[64])
{
    uint32_t index = l->next_mpt++;

    hca_put32(mpt + 8, index);
    assert_int_equal(drv_box(l->d, 0x00d, 0, index, mpt, 64, NULL), 0);
    return index << 8;
}

void loop_mr(Loop *l, LoopMr *mr, uint64_t len, uint32_t pd, uint32_t rights)
{
    uint8_t mpt[64] = { 0 };
    unsigned pages = (len + 4095) / 4096;

    mr->addr = drv_alloc(l->d, len, 4096);
    mr->va = VA_OF(mr->addr);
    mr->len = len;
    hca_put32(mpt, 0xfu << 28 | 1 << 17 | 1 << 8 | rights);
    hca_put32(mpt + 12, pd | 3 << 24);
    hca_put64(mpt + 16, mr->va);
    hca_put64(mpt + 24, len);
    hca_put64(mpt + 44, drv_mtt(l->d, mr->addr, pages, 12));
    hca_put32(mpt + 56, 12);
    mr->key = write_mpt(l, mpt);
}

uint32_t loop_mw(Loop *l, uint32_t pd, int type)
{
    uint8_t mpt[64] = { 0 };

    hca_put32(mpt + 12, pd);
    if (type == 2) {
        hca_put32(mpt, 3u << 28);
        hca_put32(mpt + 4, 1 << 7);
        hca_put32(mpt + 12, pd | 3 << 24);
    }
    return write_mpt(l, mpt);
}

uint8_t loop_hw2sw(Loop *l, uint32_t key)
{
    return drv_cmd(l->d, 0x00f, 1, key >> 8, 0, NULL);
}

/* ---- Queue pairs ---- */

uint8_t loop_modify(LoopQp *qp, uint16_t op, uint32_t optpar,
                    const uint8_t *context)
{
    uint8_t box[8 + HCA_QPC_SIZE] = { 0 };

    if (!context) {
        return drv_cmd(qp->l->d, op, 0, qp->qpn, 0, NULL);
    }
    hca_put32(box, optpar);
    memcpy(box + 8, context, HCA_QPC_SIZE);
    return drv_box(qp->l->d, op, 0, qp->qpn, box, sizeof(box), NULL);
}

void loop_query(LoopQp *qp, uint8_t context[HCA_QPC_SIZE])
{
    uint8_t out[HCA_MAILBOX_SIZE];

    assert_int_equal(drv_box(qp->l->d, 0x022, 0, qp->qpn, NULL, 0, out), 0);
    memcpy(context, out + 8, HCA_QPC_SIZE);
}

void loop_reset(LoopQp *qp)
{
    assert_int_equal(loop_modify(qp, 0x021, 0, NULL), 0);
}

void loop_qp(Loop *l, LoopQp *qp, const LoopQpAttr *attr)
{
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    uint64_t buf = drv_alloc(l->d, 4096, 4096);

    *qp = (LoopQp) { .l = l, .qpn = l->next_qpn++, .service = attr->service };
    if (attr->target) {
        qp->qpn |= 1u << 23;
    }
    qp->sq = buf;
    qp->rq = buf + LOOP_SQ * STRIDE;
    qp->db = drv_alloc(l->d, 8, 8);
    for (unsigned i = 0; i < LOOP_SQ && !attr->target; i++) {
        drv_ptr(l->d, qp->sq)[i * STRIDE] = 0x80;
    }
    hca_put32(c, (uint32_t)attr->service << 16 | 3 << 11);
    hca_put32(c + 4, attr->pd ? attr->pd : LOOP_PD);
    c[8] = 1 << 5 | 30;
    c[9] = attr->service == HCA_ST_XRC || attr->no_rq ? 0xfc : 4 << 3 | 1;
    c[10] = 4 << 3 | (attr->target ? 1 : 3);   /* 32 octets suffice for none */
    hca_put32(c + 12, LOOP_UAR);
    hca_put32(c + 112, l->fast_reg ? 1 << 11 : 0);
    hca_put32(c + 124, LOOP_CQN);
    hca_put32(c + 144, attr->srqn ? 1 << 4 : 0);
    hca_put32(c + 152, attr->xrcd);
    hca_put32(c + 156, LOOP_CQN);
    hca_put64(c + 160, attr->no_rq ? 0 : qp->db);
    hca_put32(c + 172, attr->srqn);
    hca_put32(c + 204, drv_mtt(l->d, buf, 1, 12));
    assert_int_equal(loop_modify(qp, 0x019, 0, c), 0);
}

static void put_path(uint8_t *p, uint16_t dlid, uint8_t timeout)
{
    hca_put16(p + 6, dlid);
    p[5] = dlid & 0xf;                         /* source: the same LID */
    p[8] = timeout << 3;
    p[32] = dlid >= 2 * LOOP_LID ? 0xc3 : 0x83;
}

void loop_connect(LoopQp *qp, uint32_t remote_qpn, const LoopQpAttr *attr)
{
    uint16_t dlid = attr->dlid ? attr->dlid : LOOP_LID;
    uint8_t c[HCA_QPC_SIZE] = { 0 };

    c[8] = 1 << 5 | 30;
    hca_put32(c + 20, remote_qpn);
    put_path(c + 24, dlid, 0);
    put_path(c + 68, attr->alt_dlid, attr->timeout);
    hca_put32(c + 144, 7 << 13 | 3 << 21);
    hca_put32(c + 148, 1u << 24 | attr->psn);
    assert_int_equal(loop_modify(qp, 0x01a, (attr->alt_dlid ? 1 : 0) | 1 << 1 |
                                 1 << 2 | 1 << 3 | 1 << 6 | 1 << 7 | 1 << 9,
                                 c), 0);
    memset(c, 0, sizeof(c));
    put_path(c + 24, dlid, attr->timeout);
    hca_put32(c + 112, 2 << 21 | attr->retry << 16 | 7 << 13);
    hca_put32(c + 120, attr->psn);
    assert_int_equal(loop_modify(qp, 0x01b, 1 << 8 | 1 << 12 | 1 << 13 |
                                 1 << 14, c), 0);
}

void loop_pair(Loop *l, LoopQp *a, LoopQp *b, const LoopQpAttr *attr)
{
    loop_qp(l, a, attr);
    loop_qp(l, b, attr);
    loop_connect(a, b->qpn, attr);
    loop_connect(b, a->qpn, attr);
}

/* ---- Work ---- */

void loop_queue(LoopQp *qp, uint8_t opcode, uint32_t imm, uint32_t srqn,
                const void *extra, size_t extra_len, const LoopMr *mr,
                uint32_t len)
{
    uint8_t *slot = drv_ptr(qp->l->d, qp->sq + qp->sq_head % LOOP_SQ * STRIDE);
    uint32_t size = 16 + extra_len + (mr ? 16 : 0);
    uint8_t wqe[STRIDE] = { 0 }, bell[4];

    hca_put32(wqe, (qp->sq_head & LOOP_SQ ? 1u << 31 : 0) | opcode);
    wqe[7] = size / 16;
    hca_put32(wqe + 8, 0xc | srqn << 8);
    hca_put32(wqe + 12, imm);
    if (extra_len) {
        memcpy(wqe + 16, extra, extra_len);
    }
    if (mr) {
        hca_put32(wqe + 16 + extra_len, len);
        hca_put32(wqe + 20 + extra_len, mr->key);
        hca_put64(wqe + 24 + extra_len, mr->va);
    }
    memcpy(slot, wqe, sizeof(wqe));
    qp->sq_head++;
    hca_put32(bell, qp->qpn << 8);
    hca_uar_write(qp->l->d->hca, (LOOP_UAR << 12) + 0x14, bell, 4);
}

void loop_post(LoopQp *qp, uint8_t opcode, uint32_t imm, uint32_t srqn,
               const void *extra, size_t extra_len, const LoopMr *mr,
               uint32_t len)
{
    loop_queue(qp, opcode, imm, srqn, extra, extra_len, mr, len);
    loop_pump(qp->l);
}

void loop_rdma(LoopQp *qp, uint8_t opcode, uint64_t raddr, uint32_t rkey,
               uint32_t srqn, const LoopMr *mr, uint32_t len)
{
    bool atomic = opcode == HCA_WR_ATOMIC_CS || opcode == HCA_WR_ATOMIC_FA;
    uint8_t seg[32] = { 0 };

    hca_put64(seg, raddr);
    hca_put32(seg + 8, rkey);
    hca_put64(seg + 16, 1);                    /* swap or add */
    loop_post(qp, opcode, 0, srqn, seg, atomic ? 32 : 16, mr, len);
}

void loop_recv(LoopQp *qp, const LoopMr *mr, uint32_t len)
{
    uint8_t *wqe = drv_ptr(qp->l->d, qp->rq + qp->rq_head % 16 * 32);

    memset(wqe, 0, 32);
    hca_put32(wqe, len);
    hca_put32(wqe + 4, mr->key);
    hca_put64(wqe + 8, mr->va);
    hca_put32(wqe + 20, HCA_LKEY_END);
    qp->rq_head++;
    hca_put32(drv_ptr(qp->l->d, qp->db), qp->rq_head);
}

const uint8_t *loop_expect(Loop *l, uint32_t qpn, bool is_send, uint8_t opcode,
                           uint8_t syndrome)
{
    const uint8_t *c = cq_poll(&l->cq);

    assert_non_null(c);
    assert_int_equal(hca_get32(c) & 0xffffff, qpn);
    assert_int_equal(!!(c[31] & 0x40), is_send);
    if (syndrome) {
        assert_int_equal(c[31] & 0x1f, 0x1e);
        assert_int_equal(c[27], syndrome);
    } else {
        assert_int_equal(c[31] & 0x1f, opcode);
    }
    return c;
}

unsigned loop_events(Loop *l, uint8_t type)
{
    const uint8_t *e;
    unsigned n = 0;

    while ((e = eq_poll(&l->eq))) {
        n += e[1] == type;
    }
    eq_doorbell(&l->eq, true);
    return n;
}
