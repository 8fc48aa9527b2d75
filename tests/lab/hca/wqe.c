/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work queue entries: fetching, parsing, and moving the data they describe.
 *
 * Segment layouts: include/linux/mlx4/qp.h. A send WQE is posted when the top
 * bit of its first word equals the lap of the ring, (index / size) & 1; receive
 * WQEs are posted by counting up the doorbell record.
 */
#include <string.h>

#include "core.h"
#include "qp.h"

#define CTRL_SIZE     16
#define DATAGRAM_SIZE 48
#define SEGMENT       16u                /* unit of WQE sizes; a data segment */
#define INLINE_BIT    0x80000000u
#define INLINE_LIMIT  64u               /* inline data stays in its 64 octets */

enum {
    CTRL_OWNER     = 1u << 31,
    CTRL_FENCE     = 1 << 6,
    CTRL_CQ_UPDATE = 3 << 2,
    CTRL_SOLICITED = 1 << 1,
    CTRL_LOOPBACK  = 1 << 0,
};

static uint64_t sq_slot(const HcaQp *qp, uint16_t index)
{
    return qp->sq_offset +
           ((uint64_t)(index & (qp->sq_count - 1)) << qp->sq_shift);
}

static void wqe_parse(const HcaQp *qp, HcaWqe *wqe);

static bool owner_posted(const HcaQp *qp, uint16_t index, const uint8_t *ctrl)
{
    bool owner = hca_get32(ctrl) & CTRL_OWNER;

    return owner == !!(index & qp->sq_count);
}

HcaFetch hca_sq_peek(Hca *hca, HcaQp *qp, uint16_t index)
{
    uint8_t ctrl[4];

    if (!hca_mtt_read(hca, &qp->mtt, sq_slot(qp, index), ctrl, sizeof(ctrl))) {
        return HCA_FETCH_FAULT;
    }
    return owner_posted(qp, index, ctrl) ? HCA_FETCH_OK : HCA_FETCH_EMPTY;
}

/*
 * The control segment first, then the rest: the consumer may be writing this
 * very WQE, and sets the owner bit last.
 */
HcaFetch hca_sq_fetch(Hca *hca, HcaQp *qp, uint16_t index, HcaWqe *wqe)
{
    uint64_t slot;
    uint32_t size;

    wqe->valid = false;
    slot = sq_slot(qp, index);
    if (!hca_mtt_read(hca, &qp->mtt, slot, wqe->raw, CTRL_SIZE)) {
        return HCA_FETCH_FAULT;
    }
    if (!owner_posted(qp, index, wqe->raw)) {
        return HCA_FETCH_EMPTY;
    }
    size = (wqe->raw[7] & 0x3f) * SEGMENT;
    wqe->index = index;
    wqe->size = CTRL_SIZE;
    if (size < CTRL_SIZE || size > 1u << qp->sq_shift) {
        hca_guest_error(hca, "QP %06x: WQE %04x of %u octets", qp->qpn, index,
                        size);
        wqe_parse(qp, wqe);
        wqe->syndrome = HCA_SYN_LOCAL_QP_OP;
        return HCA_FETCH_OK;
    }
    if (size > CTRL_SIZE &&
        !hca_mtt_read(hca, &qp->mtt, slot + CTRL_SIZE, wqe->raw + CTRL_SIZE,
                      size - CTRL_SIZE)) {
        return HCA_FETCH_FAULT;
    }
    wqe->size = size;
    wqe_parse(qp, wqe);
    return HCA_FETCH_OK;
}

void hca_sq_accept(HcaQp *qp, const uint8_t *raw, size_t len)
{
    uint16_t index = hca_get32(raw) >> 8;
    uint32_t size = (raw[7] & 0x3f) * SEGMENT;

    if (index != qp->sq_next || !owner_posted(qp, index, raw) ||
        size < CTRL_SIZE || size > len || size > 1u << qp->sq_shift) {
        return;
    }
    memcpy(qp->wqe.raw, raw, size);
    qp->wqe.index = index;
    qp->wqe.size = size;
    wqe_parse(qp, &qp->wqe);
}

/* ---- Data segments of a send WQE ---- */

typedef struct Segment {
    bool     is_inline;
    uint32_t len;
    uint32_t lkey;
    uint64_t addr;                           /* or offset in raw, when inline */
} Segment;

/*
 * The segment at *pos, which moves on. 1: got one, 0: no more, -1: malformed.
 */
static int next_segment(const HcaWqe *wqe, uint16_t *pos, Segment *seg)
{
    const uint8_t *p = wqe->raw + *pos;
    uint32_t count, room;

    if (*pos + SEGMENT > wqe->size) {
        return 0;
    }
    count = hca_get32(p);
    seg->is_inline = count & INLINE_BIT;
    if (!seg->is_inline) {
        seg->len = count ? count : INLINE_BIT; /* zero means 2^31 */
        seg->lkey = hca_get32(p + 4);
        seg->addr = hca_get64(p + 8);
        *pos += SEGMENT;
        return 1;
    }
    seg->len = count & ~INLINE_BIT;
    seg->addr = *pos + 4u;
    room = INLINE_LIMIT - (seg->addr & (INLINE_LIMIT - 1));
    if (seg->len > room || seg->addr + seg->len > wqe->size) {
        return -1;
    }
    *pos = (seg->addr + seg->len + SEGMENT - 1) & ~(SEGMENT - 1);
    return 1;
}

static uint8_t sum_segments(HcaWqe *wqe)
{
    uint16_t pos = wqe->data;
    uint64_t total = 0;
    Segment seg;
    int r;

    while ((r = next_segment(wqe, &pos, &seg)) > 0) {
        total += seg.len;
    }
    if (r < 0) {
        return HCA_SYN_LOCAL_QP_OP;
    }
    if (total > 1u << 31) {
        return HCA_SYN_LOCAL_LENGTH;
    }
    wqe->len = total;
    return HCA_SYN_OK;
}

/* Size of the segments between control and data, 0xff: no such operation. */
static uint8_t extra_size(const HcaQp *qp, uint8_t opcode)
{
    bool connected = qp->service == HCA_ST_RC || qp->service == HCA_ST_UC ||
                     qp->service == HCA_ST_XRC;
    bool reliable = connected && qp->service != HCA_ST_UC;

    switch (opcode) {
    case HCA_WR_NOP:
        return 0;
    case HCA_WR_SEND:
    case HCA_WR_SEND_IMM:
        return qp->service == HCA_ST_UD ? DATAGRAM_SIZE : 0;
    case HCA_WR_SEND_INVAL:
        return reliable ? 0 : 0xff;
    case HCA_WR_RDMA_WRITE:
    case HCA_WR_RDMA_WRITE_IMM:
        return connected ? 16 : 0xff;
    case HCA_WR_RDMA_READ:
        return reliable ? 16 : 0xff;
    case HCA_WR_ATOMIC_CS:
    case HCA_WR_ATOMIC_FA:
        return reliable ? 32 : 0xff;
    case HCA_WR_BIND_MW:
    case HCA_WR_LOCAL_INVAL:
        return connected ? 32 : 0xff;
    case HCA_WR_FAST_REG:
        return qp->fast_reg ? 48 : 0xff;
    default:
        return 0xff;
    }
}

static uint8_t parse_body(const HcaQp *qp, HcaWqe *wqe)
{
    uint8_t extra = extra_size(qp, wqe->opcode), syndrome;
    const uint8_t *raw = wqe->raw;

    if (extra == 0xff || CTRL_SIZE + extra > wqe->size) {
        return HCA_SYN_LOCAL_QP_OP;
    }
    wqe->data = CTRL_SIZE + extra;
    if (wqe->opcode == HCA_WR_NOP || hca_wqe_is_local(wqe)) {
        return HCA_SYN_OK;
    }
    if (extra == 16 || extra == 32) {
        wqe->raddr = hca_get64(raw + 16);
        wqe->rkey = hca_get32(raw + 24);
    }
    if (extra == 32) {
        wqe->swap_add = hca_get64(raw + 32);
        wqe->compare = hca_get64(raw + 40);
    }
    syndrome = sum_segments(wqe);
    if (syndrome) {
        return syndrome;
    }
    if (extra == 32 && wqe->len != 8) {
        return HCA_SYN_LOCAL_LENGTH;
    }
    if (qp->service != HCA_ST_UD && qp->service != HCA_ST_MLX &&
        wqe->len > 1u << qp->log_max_msg) {
        return HCA_SYN_LOCAL_LENGTH;
    }
    return HCA_SYN_OK;
}

static void wqe_parse(const HcaQp *qp, HcaWqe *wqe)
{
    const uint8_t *raw = wqe->raw;

    wqe->valid = true;
    wqe->opcode = hca_get32(raw) & 0x1f;
    wqe->fence = raw[7] & CTRL_FENCE;
    wqe->flags = hca_get32(raw + 8);
    wqe->signalled = wqe->flags & CTRL_CQ_UPDATE;
    wqe->solicited = wqe->flags & CTRL_SOLICITED;
    wqe->loopback = wqe->flags & CTRL_LOOPBACK;
    wqe->imm = hca_get32(raw + 12);
    wqe->len = 0;
    if (qp->service == HCA_ST_MLX) {
        wqe->opcode = HCA_WR_SEND;
    }
    wqe->syndrome = parse_body(qp, wqe);
}

bool hca_wqe_is_local(const HcaWqe *wqe)
{
    return wqe->opcode == HCA_WR_BIND_MW || wqe->opcode == HCA_WR_FAST_REG ||
           wqe->opcode == HCA_WR_LOCAL_INVAL;
}

/* Bits 31:27 of the first word of the bind and fast registration segments */
static uint32_t segment_access(const uint8_t *seg)
{
    static const uint32_t rights[] = {
        HCA_ACCESS_LOCAL_READ, HCA_ACCESS_LOCAL_WRITE, HCA_ACCESS_REMOTE_READ,
        HCA_ACCESS_REMOTE_WRITE, HCA_ACCESS_ATOMIC,
    };
    uint32_t flags = hca_get32(seg), access = 0;

    for (unsigned i = 0; i < 5; i++) {
        access |= flags & 1u << (27 + i) ? rights[i] : 0;
    }
    return access;
}

/* struct mlx4_wqe_bind_seg, mlx4_wqe_local_inval_seg, mlx4_wqe_fmr_seg */
uint8_t hca_wqe_run_local(Hca *hca, HcaQp *qp, const HcaWqe *wqe)
{
    const uint8_t *seg = wqe->raw + CTRL_SIZE;
    HcaBind bind;
    HcaFastReg reg;
    bool ok;

    switch (wqe->opcode) {
    case HCA_WR_BIND_MW:
        bind = (HcaBind) {
            .new_rkey = hca_get32(seg + 8), .lkey = hca_get32(seg + 12),
            .pd = qp->pd, .qpn = qp->qpn,
            .access = segment_access(seg) & ~(uint32_t)(HCA_ACCESS_LOCAL_READ |
                                                        HCA_ACCESS_LOCAL_WRITE),
            .type2 = hca_get32(seg + 4) & 1u << 31,
            .zero_based = hca_get32(seg + 4) & 1u << 30,
            .va = hca_get64(seg + 16), .len = hca_get64(seg + 24),
        };
        ok = hca_mw_bind(hca, &bind);
        break;
    case HCA_WR_FAST_REG:
        reg = (HcaFastReg) {
            .access = segment_access(seg), .new_key = hca_get32(seg + 4),
            .pd = qp->pd, .pages = hca_get64(seg + 8),
            .va = hca_get64(seg + 16), .len = hca_get64(seg + 24),
            .page_shift = hca_get32(seg + 36),
        };
        ok = !hca_get32(seg + 32) && hca_mr_fast_register(hca, &reg);
        break;
    default:
        ok = hca_mr_invalidate(hca, hca_get32(seg + 8), qp->pd, qp->qpn);
        break;
    }
    return ok ? HCA_SYN_OK : HCA_SYN_MW_BIND;
}

static HcaMrRange local_range(const HcaQp *qp, const Segment *seg,
                              uint32_t access)
{
    return (HcaMrRange) {
        .key = seg->lkey, .pd = qp->pd, .qpn = qp->qpn, .access = access,
        .reserved_lkey_ok = qp->reserved_lkey,
    };
}

uint8_t hca_wqe_gather(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t offset,
                       uint32_t len, uint8_t *dst)
{
    uint16_t pos = wqe->data;
    HcaMrRange range;
    uint32_t part;
    Segment seg;

    while (len && next_segment(wqe, &pos, &seg) > 0) {
        if (offset >= seg.len) {
            offset -= seg.len;
            continue;
        }
        part = seg.len - offset < len ? seg.len - offset : len;
        if (seg.is_inline) {
            memcpy(dst, wqe->raw + seg.addr + offset, part);
        } else {
            range = local_range(qp, &seg, HCA_ACCESS_LOCAL_READ);
            range.va = seg.addr + offset;
            range.len = part;
            if (!hca_mr_read(hca, &range, dst)) {
                return HCA_SYN_LOCAL_PROT;
            }
        }
        dst += part;
        len -= part;
        offset = 0;
    }
    return len ? HCA_SYN_LOCAL_LENGTH : HCA_SYN_OK;
}

uint8_t hca_wqe_scatter(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t offset,
                        const uint8_t *src, uint32_t len)
{
    uint16_t pos = wqe->data;
    HcaMrRange range;
    uint32_t part;
    Segment seg;

    while (len && next_segment(wqe, &pos, &seg) > 0) {
        if (seg.is_inline) {
            if (seg.len) {
                return HCA_SYN_LOCAL_QP_OP;    /* nowhere to put it */
            }
            continue;
        }
        if (offset >= seg.len) {
            offset -= seg.len;
            continue;
        }
        part = seg.len - offset < len ? seg.len - offset : len;
        range = local_range(qp, &seg, HCA_ACCESS_LOCAL_WRITE);
        range.va = seg.addr + offset;
        range.len = part;
        if (!hca_mr_write(hca, &range, src)) {
            return HCA_SYN_LOCAL_PROT;
        }
        src += part;
        len -= part;
        offset = 0;
    }
    return len ? HCA_SYN_LOCAL_LENGTH : HCA_SYN_OK;
}

/* ---- Receive WQEs ---- */

static HcaFetch recv_from_rq(Hca *hca, HcaQp *qp)
{
    HcaUser user = { "doorbell record of QP", qp->qpn };
    HcaRecv *recv = &qp->recv;
    uint32_t size;
    uint64_t slot;
    uint8_t db[4];

    if (!qp->rq_count) {
        return HCA_FETCH_EMPTY;
    }
    if (qp->rq_posted == qp->rq_done) {
        if (!hca_dma_read(hca, user, qp->db_addr, db, sizeof(db))) {
            return HCA_FETCH_FAULT;
        }
        qp->rq_posted = hca_get32(db);
        if (qp->rq_posted == qp->rq_done) {
            return HCA_FETCH_EMPTY;
        }
        if ((uint16_t)(qp->rq_posted - qp->rq_done) > qp->rq_count) {
            hca_guest_error(hca, "QP %06x: RQ counter %04x leaps over the "
                            "queue", qp->qpn, qp->rq_posted);
            qp->rq_posted = qp->rq_done;
            return HCA_FETCH_FAULT;
        }
    }
    slot = qp->rq_offset +
           ((uint64_t)(qp->rq_done & (qp->rq_count - 1)) << qp->rq_shift);
    size = 1u << qp->rq_shift;
    if (size > HCA_MAX_WQE) {
        size = HCA_MAX_WQE;
    }
    if (!hca_mtt_read(hca, &qp->mtt, slot, recv->raw, size)) {
        return HCA_FETCH_FAULT;
    }
    recv->index = qp->rq_done++;
    recv->size = size;
    recv->pd = qp->pd;
    recv->reserved_lkey_ok = qp->reserved_lkey;
    return HCA_FETCH_OK;
}

static HcaFetch srq_refresh(Hca *hca, HcaSrq *srq)
{
    HcaUser user = { "doorbell record of SRQ", srq->srqn };
    uint8_t db[4];

    if (!hca_dma_read(hca, user, srq->db_addr, db, sizeof(db))) {
        return HCA_FETCH_FAULT;
    }
    srq->posted = hca_get32(db);
    if ((uint16_t)(srq->posted - srq->taken) > 1u << srq->log_size) {
        hca_guest_error(hca, "SRQ %06x: counter %04x leaps over the queue",
                        srq->srqn, srq->posted);
        srq->posted = srq->taken;
        return HCA_FETCH_FAULT;
    }
    return HCA_FETCH_OK;
}

static HcaFetch recv_from_srq(Hca *hca, HcaRecv *recv, HcaSrq *srq)
{
    uint32_t size = 1u << srq->shift;
    uint8_t next[SEGMENT];
    uint64_t slot;

    if (srq->error) {
        return HCA_FETCH_FAULT;
    }
    if ((srq->posted == srq->taken || srq->limit) &&
        srq_refresh(hca, srq) != HCA_FETCH_OK) {
        return HCA_FETCH_FAULT;
    }
    if (srq->posted == srq->taken) {
        return HCA_FETCH_EMPTY;
    }
    slot = (uint64_t)srq->head << srq->shift;
    size = size > HCA_MAX_WQE ? HCA_MAX_WQE : size;
    if (!hca_mtt_read(hca, &srq->mtt, slot, next, sizeof(next)) ||
        !hca_mtt_read(hca, &srq->mtt, slot + SEGMENT, recv->raw,
                      size - SEGMENT)) {
        return HCA_FETCH_FAULT;
    }
    recv->index = srq->head;
    recv->size = size - SEGMENT;
    recv->pd = srq->pd;
    recv->reserved_lkey_ok = true;
    srq->head = hca_get16(next + 2) & ((1u << srq->log_size) - 1);
    srq->taken++;
    if (srq->limit && (uint16_t)(srq->posted - srq->taken) < srq->limit) {
        srq->limit = 0;
        hca_event(hca, HCA_EVENT_SRQ_LIMIT, 0, srq->srqn);
    }
    return HCA_FETCH_OK;
}

HcaFetch hca_recv_take(Hca *hca, HcaQp *qp, HcaSrq *srq)
{
    HcaFetch r;

    if (qp->recv.valid) {
        return HCA_FETCH_OK;
    }
    if (!srq) {
        r = recv_from_rq(hca, qp);
    } else {
        r = recv_from_srq(hca, &qp->recv, srq);
        if (r == HCA_FETCH_OK) {
            qp->recv.reserved_lkey_ok = qp->reserved_lkey;
        } else if (r == HCA_FETCH_FAULT && !srq->error) {
            srq->error = true;
            hca_event(hca, HCA_EVENT_SRQ_CATAS_ERROR, 0, srq->srqn);
        }
    }
    qp->recv.valid = r == HCA_FETCH_OK;
    qp->recv_srq = srq;
    return r;
}

uint8_t hca_recv_scatter(Hca *hca, const HcaRecv *recv, uint32_t qpn,
                         uint32_t offset, const uint8_t *src, uint32_t len)
{
    uint32_t count, part;
    HcaMrRange range;
    const uint8_t *p;

    for (uint16_t pos = 0; len && pos + SEGMENT <= recv->size; pos += SEGMENT) {
        p = recv->raw + pos;
        count = hca_get32(p) & ~INLINE_BIT;
        if (hca_get32(p + 4) == HCA_LKEY_END && !count) {
            break;
        }
        if (offset >= count) {
            offset -= count;
            continue;
        }
        part = count - offset < len ? count - offset : len;
        range = (HcaMrRange) {
            .key = hca_get32(p + 4), .pd = recv->pd, .qpn = qpn,
            .access = HCA_ACCESS_LOCAL_WRITE,
            .reserved_lkey_ok = recv->reserved_lkey_ok,
            .va = hca_get64(p + 8) + offset, .len = part,
        };
        if (!hca_mr_write(hca, &range, src)) {
            return HCA_SYN_LOCAL_PROT;
        }
        src += part;
        len -= part;
        offset = 0;
    }
    return len ? HCA_SYN_LOCAL_LENGTH : HCA_SYN_OK;
}
