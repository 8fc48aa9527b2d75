/* SPDX-License-Identifier: GPL-2.0-only */
#include "engine.h"

uint64_t test_now;

/* ---- Stand-ins for the device side ---- */

static bool mem_range(Node *n, uint64_t addr, size_t len)
{
    return addr <= MEM_SIZE && len <= MEM_SIZE - addr && n->mem;
}

static bool fake_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    Node *n = opaque;

    if (!mem_range(n, addr, len)) {
        return false;
    }
    memcpy(buf, n->mem + addr, len);
    return true;
}

static bool fake_dma_write(void *opaque, uint64_t addr, const void *buf,
                           size_t len)
{
    Node *n = opaque;

    if (!mem_range(n, addr, len)) {
        return false;
    }
    memcpy(n->mem + addr, buf, len);
    return true;
}

bool hca_mtt_read(Hca *hca, const HcaMtt *mtt, uint64_t offset, void *buf,
                  size_t len)
{
    return fake_dma_read(hca->opaque, mtt->addr + offset, buf, len);
}

bool hca_icm_read(Hca *hca, uint64_t addr, void *buf, size_t len)
{
    return fake_dma_read(hca->opaque, addr, buf, len);
}

bool hca_icm_write(Hca *hca, uint64_t addr, const void *buf, size_t len)
{
    return fake_dma_write(hca->opaque, addr, buf, len);
}

static Mr *mr_lookup(Hca *hca, const HcaMrRange *r)
{
    Node *n = hca->opaque;

    for (unsigned i = 0; i < n->num_mrs; i++) {
        Mr *mr = &n->mr[i];

        if (mr->key == r->key && mr->pd == r->pd &&
            (mr->access & r->access) == r->access && r->va >= mr->va &&
            r->len <= mr->len && r->va - mr->va <= mr->len - r->len) {
            return mr;
        }
    }
    return NULL;
}

bool hca_mr_check(Hca *hca, const HcaMrRange *r)
{
    return r->len == 0 || mr_lookup(hca, r);
}

bool hca_mr_read(Hca *hca, const HcaMrRange *r, void *buf)
{
    Mr *mr = r->len ? mr_lookup(hca, r) : NULL;

    return !r->len || (mr && fake_dma_read(hca->opaque,
                                           mr->addr + (r->va - mr->va), buf,
                                           r->len));
}

bool hca_mr_write(Hca *hca, const HcaMrRange *r, const void *buf)
{
    Mr *mr = r->len ? mr_lookup(hca, r) : NULL;

    return !r->len || (mr && fake_dma_write(hca->opaque,
                                            mr->addr + (r->va - mr->va), buf,
                                            r->len));
}

/* Tested on the whole device. */
bool hca_mw_bind(Hca *hca, const HcaBind *bind)
{
    (void)hca;
    (void)bind;
    return true;
}

bool hca_mr_fast_register(Hca *hca, const HcaFastReg *reg)
{
    (void)hca;
    (void)reg;
    return true;
}

bool hca_mr_invalidate(Hca *hca, uint32_t key, uint32_t pd, uint32_t qpn)
{
    (void)hca;
    (void)key;
    (void)pd;
    (void)qpn;
    return true;
}

void hca_event(Hca *hca, uint8_t type, uint8_t subtype, uint32_t number)
{
    Node *n = hca->opaque;

    (void)subtype;
    if (n->num_events < NUM_EVENTS) {
        n->event[n->num_events++] = (Event) { type, number };
    }
}

bool hca_cq_valid(Hca *hca, uint32_t cqn)
{
    Node *n = hca->opaque;

    return cqn == TEST_CQ && !n->cq_broken;
}

bool hca_cq_push(Hca *hca, uint32_t cqn, const HcaCqe *cqe)
{
    Node *n = hca->opaque;

    if (!hca_cq_valid(hca, cqn)) {
        return false;
    }
    if (n->cq_head - n->cq_tail == NUM_CQES) {
        n->cq_broken = true;
        return false;
    }
    n->cqe[n->cq_head++ % NUM_CQES] = *cqe;
    return true;
}

bool hca_port_gid(Hca *hca, unsigned port, unsigned index, uint8_t gid[16])
{
    hca_put64(gid, hca->port[port].gid_prefix);
    hca_put64(gid + 8, hca->port[port].guid[index & 127]);
    return hca->port[port].guid[index & 127] != 0;
}

int hca_port_pkey_match(Hca *hca, unsigned port, uint16_t pkey)
{
    for (int i = 0; i < 128; i++) {
        if (hca_pkey_equal(hca->port[port].pkey[i], pkey)) {
            return i;
        }
    }
    return -1;
}

void hca_update_timer(Hca *hca)
{
    Node *n = hca->opaque;

    n->timer = hca_qp_next_deadline(hca);
}

void hca_log(Hca *hca, HcaLogLevel level, const char *fmt, ...)
{
    Node *n = hca->opaque;
    va_list ap;

    n->errors += level == HCA_LOG_GUEST_ERROR;
    n->model_errors += level == HCA_LOG_ERROR;
    if (getenv("HCA_TEST_LOG")) {
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
        va_end(ap);
    }
}

static uint64_t fake_now(void *opaque)
{
    (void)opaque;
    return test_now;
}

static void fake_schedule(void *opaque)
{
    ((Node *)opaque)->scheduled = true;
}

static bool fake_wire_send(void *opaque, unsigned port, const void *pkt,
                           size_t len)
{
    Node *n = opaque;
    Wired *w = malloc(sizeof(*w) + len);

    assert_non_null(w);
    w->next = NULL;
    w->port = port;
    w->len = len;
    memcpy(w->data, pkt, len);
    *n->wire_end = w;
    n->wire_end = &w->next;
    n->wire_len++;
    n->sent++;
    return n->wire_len < n->wire_room;
}

/* ---- Nodes ---- */

static Node *node_create(unsigned id)
{
    Node *n = calloc(1, sizeof(*n));

    assert_non_null(n);
    n->mem = calloc(1, MEM_SIZE);
    assert_non_null(n->mem);
    n->brk = 4096;
    n->next_qpn = 0x80;
    n->next_srqn = 1;
    n->wire_end = &n->wire;
    n->wire_room = WIRE_ROOM;
    n->timer = UINT64_MAX;
    n->bus = (HcaBus) {
        .dma_read = fake_dma_read, .dma_write = fake_dma_write,
        .now_ns = fake_now, .schedule = fake_schedule,
        .wire_send = fake_wire_send,
    };
    n->hca.bus = &n->bus;
    n->hca.opaque = n;
    n->hca.running = true;
    n->hca.log_num_qps = 16;
    n->hca.log_num_srqs = 12;
    n->hca.log_mc_entry_size = 8;
    n->hca.log_mc_table_size = 8;
    n->hca.log_mc_hash_size = 7;
    n->hca.mc_base = mem_alloc(n, 256 << 8, 4096);
    for (unsigned p = 1; p <= HCA_NUM_PORTS; p++) {
        n->hca.port[p] = (HcaPort) {
            .wire_up = true, .init = true, .state = 4, .mtu = 4,
            .lid = 0x10 * p + id, .gid_prefix = 0xfe80000000000000ull,
            .guid = { 0x0002c90300000000ull + id * 16 + p },
            .pkey = { 0xffff },
        };
    }
    hca_qp_init(&n->hca);
    return n;
}

void nodes_create(Node **a, Node **b)
{
    test_now = 1000000;
    *a = node_create(1);
    *b = node_create(2);
    (*a)->peer = *b;
    (*b)->peer = *a;
}

static void node_free(Node *n)
{
    Wired *w;

    hca_qp_free(&n->hca);
    while ((w = n->wire)) {
        n->wire = w->next;
        free(w);
    }
    free(n->mem);
    free(n);
}

void nodes_free(Node *a, Node *b)
{
    assert_int_equal(a->model_errors + b->model_errors, 0);
    node_free(a);
    node_free(b);
}

static bool move_one(Node *n)
{
    Wired *w = n->wire;

    if (n->scheduled) {
        n->scheduled = false;
        hca_qp_run(&n->hca);
        return true;
    }
    if (!w) {
        return false;
    }
    n->wire = w->next;
    if (!n->wire) {
        n->wire_end = &n->wire;
    }
    n->wire_len--;
    hca_qp_packet(&n->peer->hca, w->port, w->data, w->len);
    free(w);
    if (n->wire_len == 0) {
        hca_qp_wire_ready(&n->hca, 1);
        hca_qp_wire_ready(&n->hca, 2);
    }
    return true;
}

bool step(Node *a)
{
    return move_one(a) || move_one(a->peer);
}

void pump(Node *a)
{
    unsigned limit = 1000000;

    while (limit && step(a)) {
        limit--;
    }
    assert_int_not_equal(limit, 0);
}

void settle(Node *a, unsigned max_timers)
{
    Node *b = a->peer;
    uint64_t t;

    pump(a);
    while (max_timers--) {
        t = a->timer < b->timer ? a->timer : b->timer;
        if (t == UINT64_MAX) {
            return;
        }
        test_now = t > test_now ? t : test_now;
        hca_qp_timer(&a->hca, test_now);
        hca_qp_timer(&b->hca, test_now);
        pump(a);
    }
}

uint64_t mem_alloc(Node *n, size_t len, size_t align)
{
    uint64_t addr = (n->brk + align - 1) & ~(uint64_t)(align - 1);

    assert_true(addr + len <= MEM_SIZE);
    n->brk = addr + len;
    return addr;
}

uint32_t mr_create(Node *n, uint64_t addr, uint64_t len, uint32_t access)
{
    Mr *mr = &n->mr[n->num_mrs];

    assert_true(n->num_mrs < NUM_MRS);
    *mr = (Mr) {
        .key = 0x1000 + 0x100 * n->num_mrs++, .pd = TEST_PD, .access = access,
        .va = addr, .len = len, .addr = addr,
    };
    return mr->key;
}

uint8_t run_cmd(Node *n, HcaCmdFn *fn, uint16_t op, uint32_t modifier,
                HcaCmd *cmd)
{
    cmd->op = op;
    cmd->in_modifier = modifier;
    return fn(&n->hca, cmd);
}

/* ---- Queue pairs ---- */

static void set_path(uint8_t *p, uint16_t dlid, const QpAttr *attr)
{
    p[5] = attr->dgid ? 0x80 : 0;
    hca_put16(p + 6, dlid);
    p[8] = attr->timeout << 3;
    p[9] = attr->mgid_index;
    if (attr->dgid) {
        memcpy(p + 16, attr->dgid, 16);
    }
    p[32] = 0x83;                              /* port 1, SL 0 */
}

uint8_t qp_modify(Qp *qp, uint16_t op, uint32_t optpar, uint8_t *context)
{
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    uint8_t status;

    assert_non_null(cmd);
    hca_put32(cmd->in, optpar);
    if (context) {
        memcpy(cmd->in + 8, context, HCA_QPC_SIZE);
    }
    status = run_cmd(qp->node, hca_cmd_modify_qp, op, qp->qpn, cmd);
    free(cmd);
    return status;
}

Qp *qp_create(Node *n, const QpAttr *attr)
{
    Qp *qp = calloc(1, sizeof(*qp));
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    uint8_t log_sq = attr->log_sq ? attr->log_sq : 6;
    uint8_t log_rq = attr->log_rq ? attr->log_rq : 6;

    assert_non_null(qp);
    qp->node = n;
    qp->qpn = n->next_qpn++;
    qp->service = attr->service;
    qp->srq = attr->srq;
    qp->sq_shift = 8;
    qp->rq_shift = 6;
    qp->sq_count = 1u << log_sq;
    qp->rq_count = attr->srq ? 0 : 1u << log_rq;
    qp->buf = mem_alloc(n, (qp->sq_count << 8) + (qp->rq_count << 6), 4096);
    qp->sq = qp->buf;
    qp->rq = qp->buf + (qp->sq_count << 8);
    qp->db = mem_alloc(n, 8, 8);
    for (unsigned i = 0; i < qp->sq_count; i++) {
        n->mem[qp->sq + (i << qp->sq_shift)] = 0x80;
    }
    hca_put32(c, (uint32_t)attr->service << 16 | 3 << 11);
    hca_put32(c + 4, attr->pd ? attr->pd : TEST_PD);
    c[8] = 1 << 5 | 30;
    c[9] = attr->srq ? 0xfc : log_rq << 3 | 2;
    c[10] = log_sq << 3 | 4;
    hca_put32(c + 12, TEST_UAR);
    hca_put32(c + 124, TEST_CQ);
    hca_put32(c + 152, attr->xrcd);
    hca_put32(c + 156, TEST_CQ);
    hca_put64(c + 160, qp->db);
    hca_put32(c + 168, TEST_QKEY);
    if (attr->srq) {
        hca_put32(c + 144, 1 << 4);
        hca_put32(c + 172, 1 << 24 | attr->srq->srqn);
    }
    hca_put32(c + 204, qp->buf);
    assert_int_equal(qp_modify(qp, 0x19, 0, c), HCA_CMD_OK);
    return qp;
}

void qp_connect(Qp *qp, uint16_t dlid, uint32_t remote_qpn, const QpAttr *attr)
{
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    uint32_t access = attr->access ? attr->access : 7u << 13;

    c[8] = (attr->mtu ? attr->mtu : 1) << 5 | 30;
    hca_put32(c + 20, remote_qpn);
    set_path(c + 24, dlid, attr);
    hca_put32(c + 144, access | 3 << 21);      /* 8 responder resources */
    hca_put32(c + 148, 1u << 24 | attr->psn);  /* RNR timer 10 us */
    assert_int_equal(qp_modify(qp, 0x1a, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 |
                               1 << 7 | 1 << 9, c), HCA_CMD_OK);
    memset(c, 0, sizeof(c));
    set_path(c + 24, dlid, attr);
    hca_put32(c + 112, 2 << 21 | attr->retry << 16 | attr->rnr_retry << 13);
    hca_put32(c + 120, attr->psn);
    assert_int_equal(qp_modify(qp, 0x1b, 1 << 8 | 1 << 12 | 1 << 13 | 1 << 14,
                               c), HCA_CMD_OK);
}

void qp_pair(Node *na, Node *nb, const QpAttr *attr, Qp **a, Qp **b)
{
    QpAttr without = *attr;

    without.srq = NULL;
    *a = qp_create(na, &without);
    *b = qp_create(nb, attr);
    qp_connect(*a, nb->hca.port[1].lid, (*b)->qpn, attr);
    qp_connect(*b, na->hca.port[1].lid, (*a)->qpn, attr);
}

void qp_destroy_test(Qp *qp)
{
    assert_int_equal(qp_modify(qp, 0x21, 0, NULL), HCA_CMD_OK);
    free(qp);
}

uint8_t qp_state(Qp *qp)
{
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    uint8_t state = 0;

    assert_non_null(cmd);
    if (run_cmd(qp->node, hca_cmd_query_qp, 0x22, qp->qpn, cmd) == HCA_CMD_OK) {
        state = cmd->out[8] >> 4;
    }
    free(cmd);
    return state;
}

/* ---- Posting ---- */

static uint32_t put_inline(uint8_t *wqe, uint32_t pos, const uint8_t *data,
                           uint32_t len)
{
    uint32_t room, part;

    do {
        room = 64 - ((pos + 4) & 63);
        part = len < room ? len : room;
        hca_put32(wqe + pos, 0x80000000u | part);
        memcpy(wqe + pos + 4, data, part);
        pos += 4 + part;
        data += part;
        len -= part;
    } while (len);
    return (pos + 15) & ~15u;
}

static uint32_t put_extra(Qp *qp, const Wr *wr, uint8_t *wqe)
{
    uint32_t pos = 16;

    if (qp->service == HCA_ST_UD) {
        hca_put32(wqe + 16, (wr->av_port ? wr->av_port : 1u) << 24 |
                            (wr->av_pd ? wr->av_pd : TEST_PD));
        wqe[21] = wr->grh ? 0x80 : 0;
        hca_put16(wqe + 22, wr->dlid);
        wqe[25] = wr->gid_index;
        memcpy(wqe + 32, wr->dgid, 16);
        hca_put32(wqe + 48, wr->dqpn);
        hca_put32(wqe + 52, wr->qkey);
        return 64;
    }
    switch (wr->opcode) {
    case HCA_WR_ATOMIC_CS:
    case HCA_WR_ATOMIC_FA:
        hca_put64(wqe + 32, wr->swap_add);
        hca_put64(wqe + 40, wr->compare);
        pos += 16;
        /* fall through */
    case HCA_WR_RDMA_READ:
    case HCA_WR_RDMA_WRITE:
    case HCA_WR_RDMA_WRITE_IMM:
        hca_put64(wqe + 16, wr->raddr);
        hca_put32(wqe + 24, wr->rkey);
        pos += 16;
        break;
    default:
        break;
    }
    return pos;
}

void ring(Qp *qp)
{
    hca_qp_doorbell(&qp->node->hca, TEST_UAR, qp->qpn);
}

void post_send(Qp *qp, const Wr *wr)
{
    uint8_t wqe[256] = { 0 };
    uint8_t *slot = qp->node->mem + qp->sq +
                    ((qp->sq_head & (qp->sq_count - 1)) << qp->sq_shift);
    uint32_t pos, owner = qp->sq_head & qp->sq_count ? 0x80000000u : 0;

    pos = put_extra(qp, wr, wqe);
    if (wr->is_inline) {
        pos = put_inline(wqe, pos, wr->inline_data, wr->inline_len);
    }
    for (unsigned i = 0; i < wr->num_sge; i++, pos += 16) {
        hca_put32(wqe + pos, wr->sge[i].len ? wr->sge[i].len : 0x80000000u);
        hca_put32(wqe + pos + 4, wr->sge[i].lkey);
        hca_put64(wqe + pos + 8, wr->sge[i].addr);
    }
    assert_true(pos <= sizeof(wqe));
    hca_put32(wqe, owner | wr->opcode |
              (wr->blueflame ? (qp->sq_head & 0xffff) << 8 : 0));
    hca_put32(wqe + 4, (wr->blueflame ? qp->qpn << 8 : 0) |
              (wr->fence ? 0x40 : 0) | pos / 16);
    hca_put32(wqe + 8, (wr->unsignalled ? 0 : 0xc) | (wr->solicited ? 2 : 0) |
              wr->xrc_srqn << 8);
    hca_put32(wqe + 12, wr->imm);
    memcpy(slot, wqe, sizeof(wqe));
    qp->sq_head++;
    if (wr->blueflame) {
        /* What counts is the copy: the queue keeps only the owner bit. */
        memset(slot + 4, 0xee, sizeof(wqe) - 4);
        hca_qp_blueflame(&qp->node->hca, TEST_UAR, wqe, (pos + 63) & ~63u);
        memcpy(slot, wqe, sizeof(wqe));
    } else if (!wr->quiet) {
        ring(qp);
    }
}

static void put_list(uint8_t *p, const Sge *sge, unsigned num, unsigned max)
{
    for (unsigned i = 0; i < num; i++) {
        hca_put32(p + 16 * i, sge[i].len);
        hca_put32(p + 16 * i + 4, sge[i].lkey);
        hca_put64(p + 16 * i + 8, sge[i].addr);
    }
    if (num < max) {
        hca_put32(p + 16 * num, 0);
        hca_put32(p + 16 * num + 4, HCA_LKEY_END);
    }
}

void post_recv(Qp *qp, const Sge *sge, unsigned num)
{
    uint8_t *p = qp->node->mem + qp->rq +
                 ((qp->rq_head & (qp->rq_count - 1)) << qp->rq_shift);

    put_list(p, sge, num, 4);
    qp->rq_head++;
    hca_put32(qp->node->mem + qp->db, qp->rq_head & 0xffff);
}

Srq *srq_create(Node *n, uint8_t log_size, uint32_t cqn, uint16_t xrcd)
{
    Srq *srq = calloc(1, sizeof(*srq));
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    assert_non_null(srq);
    assert_non_null(cmd);
    srq->node = n;
    srq->srqn = n->next_srqn++;
    srq->count = 1u << log_size;
    srq->shift = 6;
    srq->buf = mem_alloc(n, srq->count << 6, 4096);
    srq->db = mem_alloc(n, 8, 8);
    for (unsigned i = 0; i < srq->count; i++) {
        /* A shuffled ring, to see that links are followed. */
        hca_put16(n->mem + srq->buf + (i << 6) + 2, (i + 3) & (srq->count - 1));
    }
    srq->tail = srq->count - 3;
    hca_put32(cmd->in, (uint32_t)log_size << 24 | srq->srqn);
    cmd->in[4] = 2;
    hca_put16(cmd->in + 6, xrcd);
    hca_put32(cmd->in + 8, cqn);
    hca_put32(cmd->in + 20, srq->buf);
    hca_put32(cmd->in + 24, TEST_PD);
    hca_put64(cmd->in + 40, srq->db);
    assert_int_equal(run_cmd(n, hca_cmd_sw2hw_srq, 0x35, srq->srqn, cmd),
                     HCA_CMD_OK);
    free(cmd);
    return srq;
}

void srq_destroy(Srq *srq)
{
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    assert_non_null(cmd);
    assert_int_equal(run_cmd(srq->node, hca_cmd_hw2sw_srq, 0x36, srq->srqn,
                             cmd), HCA_CMD_OK);
    free(cmd);
    free(srq);
}

void post_srq(Srq *srq, const Sge *sge, unsigned num)
{
    uint8_t *p = srq->node->mem + srq->buf + (srq->head << srq->shift);

    assert_int_not_equal(srq->head, srq->tail);
    srq->head = hca_get16(p + 2);
    put_list(p + 16, sge, num, 3);
    hca_put32(srq->node->mem + srq->db, ++srq->counter);
}

const HcaCqe *poll_cq(Node *n)
{
    return n->cq_tail == n->cq_head ? NULL : &n->cqe[n->cq_tail++ % NUM_CQES];
}

unsigned count_events(Node *n, uint8_t type, uint32_t number)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n->num_events; i++) {
        count += n->event[i].type == type && n->event[i].number == number;
    }
    return count;
}
