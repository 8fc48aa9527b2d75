/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Completion queues. The consumer index lives in a doorbell record in host
 * memory, which is read only when the queue seems full; the index that comes
 * with an arm doorbell decides whether an event is due at once.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define CQE_SIZE           32
#define CQE_OWNER          0x80
#define CQE_SEND           0x40
#define CQE_OPCODE_ERROR   0x1e
#define CQE_OPCODE_RESIZE  0x16
#define CQE_FRESH          0xcc                /* no opcode; the hardware's in round one */
#define QPN_XRC            (1u << 23)
#define INDEX_MASK         0xffffffu

/* struct mlx4_cq_context */
#define CQC_FLAGS          0x00
#define CQC_PAGE_OFFSET    0x0a
#define CQC_SIZE_UAR       0x0c
#define CQC_PERIOD         0x10
#define CQC_MAX_COUNT      0x12
#define CQC_EQN            0x17
#define CQC_LOG_PAGE       0x18
#define CQC_MTT_H          0x1b
#define CQC_MTT_L          0x1c
#define CQC_LAST_NOTIFIED  0x20
#define CQC_SOLICITED      0x24
#define CQC_CONSUMER       0x28
#define CQC_PRODUCER       0x2c
#define CQC_DB_REC         0x38

#define CQ_FLAG_COLLAPSED  (1u << 18)
#define CQ_FLAG_OVERRUN_OK (1u << 17)
#define CQ_STATUS_OVERFLOW (9u << 28)
#define CQ_STATE_FIRED     (10u << 8)
#define CQ_STATE_ARMED     (9u << 8)
#define CQ_STATE_ARMED_SOL (6u << 8)

#define CQ_SYNDROME_OVERRUN 1
#define CQ_SYNDROME_ACCESS 2

/* For a processor under emulation to take the interrupt */
#define EARLY_EVENT_NS     10000000ull

/* Commands of the arm doorbell, bits 25:24 */
#define DB_NEXT_SOLICITED  1
#define DB_NEXT            2

/* Opcodes of receive completions that carry no immediate */
#define RECV_SEND          1

bool hca_cq_init(Hca *hca)
{
    hca->tables->cq = calloc((size_t)1 << hca->log_num_cqs,
                             sizeof(*hca->tables->cq));
    return hca->tables->cq != NULL;
}

void hca_cq_reset(Hca *hca)
{
    HcaTables *t = hca->tables;

    if (t->cq) {
        for (uint32_t i = 0; i < 1u << hca->log_num_cqs; i++) {
            free(t->cq[i]);
        }
    }
    free(t->cq);
    t->cq = NULL;
    t->cq_pending = NULL;
}

static HcaCq *get_cq(Hca *hca, uint32_t cqn)
{
    HcaTables *t = hca->tables;

    return t->cq && cqn < 1u << hca->log_num_cqs ? t->cq[cqn] : NULL;
}

bool hca_cq_valid(Hca *hca, uint32_t cqn)
{
    HcaCq *cq = get_cq(hca, cqn);

    return cq && !cq->error;
}

/* ---- Events and moderation ---- */

static void unpend(Hca *hca, HcaCq *cq)
{
    HcaCq **p = &hca->tables->cq_pending;

    if (!cq->pending) {
        return;
    }
    while (*p != cq) {
        p = &(*p)->next_pending;
    }
    *p = cq->next_pending;
    cq->pending = false;
}

static void fire(Hca *hca, HcaCq *cq)
{
    cq->arm = HCA_CQ_UNARMED;
    cq->arm_sn = (cq->arm_sn + 1) & 3;
    cq->last_notified = cq->producer;
    cq->waiting = 0;
    unpend(hca, cq);
    hca_eq_completion(hca, cq->eqn, cq->cqn);
}

/* The armed event is due: now, or when moderation says so. */
static void due(Hca *hca, HcaCq *cq)
{
    if (cq->period_us == 0 || cq->max_count <= 1 ||
        cq->waiting >= cq->max_count) {
        fire(hca, cq);
    } else if (!cq->pending) {
        cq->deadline = hca->bus->now_ns(hca->opaque) + cq->period_us * 1000ull;
        cq->pending = true;
        cq->next_pending = hca->tables->cq_pending;
        hca->tables->cq_pending = cq;
        hca_update_timer(hca);
    }
}

void hca_cq_timer(Hca *hca, uint64_t now_ns)
{
    HcaCq *cq = hca->tables->cq_pending;

    while (cq) {
        HcaCq *next = cq->next_pending;

        if (cq->deadline <= now_ns) {
            fire(hca, cq);
        }
        cq = next;
    }
}

uint64_t hca_cq_next_deadline(Hca *hca)
{
    uint64_t first = UINT64_MAX;

    for (HcaCq *cq = hca->tables->cq_pending; cq; cq = cq->next_pending) {
        if (cq->deadline < first) {
            first = cq->deadline;
        }
    }
    return first;
}

static bool is_after(uint32_t a, uint32_t b)
{
    uint32_t distance = (a - b) & INDEX_MASK;

    return distance != 0 && distance <= INDEX_MASK / 2;
}

/* The index that the driver has seen, or has been told of. */
static uint32_t last_noticed(const HcaCq *cq)
{
    return is_after(cq->last_notified, cq->consumer) ? cq->last_notified
                                                     : cq->consumer;
}

/* An event is due for entries beyond it. */
static bool unnoticed(const HcaCq *cq, uint32_t producer)
{
    return is_after(producer, last_noticed(cq));
}

/*
 * The sequence number tells a second request of the same event, rung before
 * the driver saw the first, from a request of the next: the former is void.
 */
void hca_cq_doorbell(Hca *hca, uint32_t uar, uint32_t word0, uint32_t word1)
{
    HcaCq *cq = get_cq(hca, word0 & INDEX_MASK);
    unsigned sn = word0 >> 28 & 3;
    unsigned command = word0 >> 24 & 7;

    if (!cq || cq->uar != uar) {
        hca_guest_error(hca, "UAR 0x%x rings CQ 0x%x, which is not its own",
                        uar, word0 & INDEX_MASK);
        return;
    }
    if (cq->error || ((sn + 1) & 3) == cq->arm_sn) {
        return;
    }
    cq->arm_sn = sn;
    cq->consumer = word1 & INDEX_MASK;
    cq->waiting = unnoticed(cq, cq->producer)
                ? (cq->producer - last_noticed(cq)) & INDEX_MASK : 0;
    if (command == DB_NEXT) {
        cq->arm = HCA_CQ_ARMED;
        if (unnoticed(cq, cq->producer)) {
            due(hca, cq);
        }
    } else if (command == DB_NEXT_SOLICITED) {
        cq->arm = HCA_CQ_ARMED_SOLICITED;
        if (unnoticed(cq, cq->solicited)) {
            due(hca, cq);
        }
    } else {
        hca_guest_error(hca, "CQ 0x%x: doorbell command %u", cq->cqn, command);
    }
}

/* ---- Completions ---- */

static void fail(Hca *hca, HcaCq *cq, uint8_t syndrome)
{
    hca_guest_error(hca, "CQ 0x%x: %s", cq->cqn,
                    syndrome == CQ_SYNDROME_OVERRUN ? "overrun"
                                                    : "memory not writable");
    cq->error = true;
    cq->arm = HCA_CQ_UNARMED;
    unpend(hca, cq);
    hca_event(hca, HCA_EVENT_CQ_ERROR, syndrome, cq->cqn);
}

static bool full(const HcaCq *cq)
{
    return ((cq->producer - cq->consumer) & INDEX_MASK) >= 1u << cq->log_size;
}

static void read_consumer(Hca *hca, HcaCq *cq)
{
    HcaUser user = { "doorbell record of CQ", cq->cqn };
    uint8_t raw[4];

    if (hca_dma_read(hca, user, cq->db_rec, raw, sizeof(raw))) {
        cq->consumer = hca_get32(raw) & INDEX_MASK;
    }
}

/* cqe has all but the owner bit. */
static bool append(Hca *hca, HcaCq *cq, uint8_t cqe[CQE_SIZE])
{
    unsigned stride = hca->tables->cqe64 ? 2 * CQE_SIZE : CQE_SIZE;
    uint32_t size = 1u << cq->log_size;
    uint32_t index = cq->producer & (size - 1);

    if (cq->flags & CQ_FLAG_COLLAPSED) {
        index = 0;
    } else if (full(cq)) {
        read_consumer(hca, cq);
        if (full(cq) && !(cq->flags & CQ_FLAG_OVERRUN_OK)) {
            fail(hca, cq, CQ_SYNDROME_OVERRUN);
            return false;
        }
    }
    if (cq->producer & size) {
        cqe[CQE_SIZE - 1] |= CQE_OWNER;
    }
    if (!hca_mtt_write(hca, &cq->mtt, (uint64_t)index * stride + stride - CQE_SIZE,
                       cqe, CQE_SIZE)) {
        fail(hca, cq, CQ_SYNDROME_ACCESS);
        return false;
    }
    cq->producer = (cq->producer + 1) & INDEX_MASK;
    return true;
}

static void put_cqe(const HcaCqe *c, uint8_t cqe[CQE_SIZE])
{
    bool has_imm = c->is_send || c->opcode != RECV_SEND;
    uint32_t remote = c->qpn & QPN_XRC && !c->is_send ? c->srqn : c->src_qpn;

    memset(cqe, 0, CQE_SIZE);
    hca_put32(cqe, c->qpn & INDEX_MASK);
    hca_put16(cqe + 24, c->wqe_index);
    hca_put32(cqe + 8, (uint32_t)c->grh << 31 |
              (uint32_t)(c->path_bits & 0x7f) << 24 | (remote & INDEX_MASK));
    if (c->syndrome) {
        cqe[26] = c->vendor_err;
        cqe[27] = c->syndrome;
        cqe[31] = CQE_OPCODE_ERROR | (c->is_send ? CQE_SEND : 0);
        return;
    }
    hca_put32(cqe + 4, has_imm ? c->imm : c->pkey_index);
    hca_put16(cqe + 12, (uint16_t)(c->sl << 12));
    hca_put16(cqe + 14, c->slid);
    hca_put32(cqe + 20, c->byte_cnt);
    cqe[31] = (c->opcode & 0x1f) | (c->is_send ? CQE_SEND : 0);
}

bool hca_cq_push(Hca *hca, uint32_t cqn, const HcaCqe *c)
{
    HcaCq *cq = get_cq(hca, cqn);
    uint8_t cqe[CQE_SIZE];

    if (!cq || cq->error) {
        return false;
    }
    put_cqe(c, cqe);
    if (!append(hca, cq, cqe)) {
        return false;
    }
    cq->waiting++;
    if (c->solicited || c->syndrome) {
        cq->solicited = cq->producer;
    }
    if (cq->arm == HCA_CQ_ARMED ||
        (cq->arm == HCA_CQ_ARMED_SOLICITED && cq->solicited == cq->producer)) {
        due(hca, cq);
    }
    return true;
}

/* ---- Commands. in_modifier is the CQ's number. ---- */

/*
 * All entries the hardware's for the round that begins at index first: the
 * inverse of the owner bit that a completion there will have.
 */
static bool fill(Hca *hca, const HcaMtt *mtt, unsigned log_size, uint32_t first)
{
    unsigned stride = hca->tables->cqe64 ? 2 * CQE_SIZE : CQE_SIZE;
    uint32_t size = 1u << log_size;
    uint32_t start = first & (size - 1);
    uint8_t page[1 << HCA_PAGE_SHIFT];
    uint32_t per_page = sizeof(page) / stride;

    for (uint32_t i = 0; i < size; i += per_page) {
        uint32_t n = size - i < per_page ? size - i : per_page;

        memset(page, CQE_FRESH, sizeof(page));
        for (uint32_t j = 0; j < n; j++) {
            bool round = !!(first & size) ^ (i + j < start);

            if (round) {
                page[j * stride + stride - 1] &= ~CQE_OWNER;
            }
        }
        if (!hca_mtt_write(hca, mtt, (uint64_t)i * stride, page, n * stride)) {
            return false;
        }
    }
    return true;
}

static HcaMtt get_mtt(const uint8_t *c, uint32_t cqn)
{
    HcaMtt mtt = {
        .user = { "CQE of CQ", cqn },
        .page_shift = (c[CQC_LOG_PAGE] & 0x1f) + HCA_PAGE_SHIFT,
        .addr = ((uint64_t)c[CQC_MTT_H] << 32 | hca_get32(c + CQC_MTT_L)) & ~7ull,
    };

    return mtt;
}

uint8_t hca_cmd_sw2hw_cq(Hca *hca, HcaCmd *cmd)
{
    HcaTables *t = hca->tables;
    const uint8_t *c = cmd->in;
    uint32_t size_uar = hca_get32(c + CQC_SIZE_UAR);
    HcaCq cq = {
        .cqn = cmd->in_modifier,
        .flags = hca_get32(c + CQC_FLAGS),
        .uar = size_uar & INDEX_MASK,
        .eqn = c[CQC_EQN],
        .log_size = size_uar >> 24 & 0x1f,
        .arm_sn = 1,
        .mtt = get_mtt(c, cmd->in_modifier),
        .db_rec = hca_get64(c + CQC_DB_REC),
        .period_us = hca_get16(c + CQC_PERIOD),
        .max_count = hca_get16(c + CQC_MAX_COUNT),
    };
    HcaCq *copy;

    if (cq.cqn >= 1u << hca->log_num_cqs) {
        return HCA_CMD_BAD_INDEX;
    }
    if (t->cq[cq.cqn]) {
        return HCA_CMD_BAD_RES_STATE;
    }
    if (cmd->op_modifier != 0 || cq.log_size > HCA_LOG_MAX_CQ_SIZE ||
        cq.uar >= HCA_NUM_UARS || (cq.db_rec & 7) ||
        hca_get16(c + CQC_PAGE_OFFSET) != 0) {
        return HCA_CMD_BAD_PARAM;
    }
    if (!t->eq[cq.eqn].valid) {
        return HCA_CMD_BAD_RESOURCE;
    }
    if (!fill(hca, &cq.mtt, cq.log_size, 0)) {
        return HCA_CMD_BAD_SEG_PARAM;
    }
    copy = malloc(sizeof(*copy));
    if (!copy) {
        return HCA_CMD_INTERNAL_ERR;
    }
    *copy = cq;
    t->cq[cq.cqn] = copy;
    if (hca->early_cq_event) {
        hca_eq_completion(hca, cq.eqn, cq.cqn);
        cmd->delay_ns = EARLY_EVENT_NS;
    }
    return HCA_CMD_OK;
}

static void put_context(Hca *hca, HcaCq *cq, uint8_t *c)
{
    uint32_t state = cq->arm == HCA_CQ_ARMED ? CQ_STATE_ARMED
                   : cq->arm == HCA_CQ_ARMED_SOLICITED ? CQ_STATE_ARMED_SOL
                   : CQ_STATE_FIRED;

    read_consumer(hca, cq);
    hca_put32(c + CQC_FLAGS, (cq->flags & 0x0ffff0ffu) | state |
              (cq->error ? CQ_STATUS_OVERFLOW : 0));
    hca_put32(c + CQC_SIZE_UAR, (uint32_t)cq->log_size << 24 | cq->uar);
    hca_put16(c + CQC_PERIOD, cq->period_us);
    hca_put16(c + CQC_MAX_COUNT, cq->max_count);
    c[CQC_EQN] = cq->eqn;
    c[CQC_LOG_PAGE] = cq->mtt.page_shift - HCA_PAGE_SHIFT;
    c[CQC_MTT_H] = cq->mtt.addr >> 32;
    hca_put32(c + CQC_MTT_L, (uint32_t)cq->mtt.addr);
    hca_put32(c + CQC_LAST_NOTIFIED, cq->last_notified);
    hca_put32(c + CQC_SOLICITED, cq->solicited);
    hca_put32(c + CQC_CONSUMER, cq->consumer);
    hca_put32(c + CQC_PRODUCER, cq->producer);
    hca_put64(c + CQC_DB_REC, cq->db_rec);
}

uint8_t hca_cmd_query_cq(Hca *hca, HcaCmd *cmd)
{
    HcaCq *cq = get_cq(hca, cmd->in_modifier);

    if (cmd->in_modifier >= 1u << hca->log_num_cqs) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!cq) {
        return HCA_CMD_BAD_RES_STATE;
    }
    put_context(hca, cq, cmd->out);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_hw2sw_cq(Hca *hca, HcaCmd *cmd)
{
    HcaCq *cq = get_cq(hca, cmd->in_modifier);

    if (cmd->in_modifier >= 1u << hca->log_num_cqs) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!cq) {
        return HCA_CMD_BAD_RES_STATE;
    }
    if (hca_qp_uses_cq(hca, cmd->in_modifier)) {
        return HCA_CMD_RESOURCE_BUSY;
    }
    put_context(hca, cq, cmd->out);
    unpend(hca, cq);
    free(cq);
    hca->tables->cq[cmd->in_modifier] = NULL;
    return HCA_CMD_OK;
}

/*
 * The last entry of the old buffer says that the new one takes over; it counts
 * as a completion, so the next goes to the new buffer one index further.
 */
static uint8_t resize(Hca *hca, HcaCq *cq, const uint8_t *c)
{
    unsigned log_size = hca_get32(c + CQC_SIZE_UAR) >> 24 & 0x1f;
    HcaMtt mtt = get_mtt(c, cq->cqn);
    uint8_t cqe[CQE_SIZE] = { 0 };

    if (log_size > HCA_LOG_MAX_CQ_SIZE || (cq->flags & CQ_FLAG_COLLAPSED)) {
        return HCA_CMD_BAD_PARAM;
    }
    read_consumer(hca, cq);
    if (((cq->producer - cq->consumer) & INDEX_MASK) >= 1u << log_size) {
        return HCA_CMD_BAD_SIZE;
    }
    if (!fill(hca, &mtt, log_size, (cq->producer + 1) & INDEX_MASK)) {
        return HCA_CMD_BAD_SEG_PARAM;
    }
    cqe[31] = CQE_OPCODE_RESIZE;
    if (!append(hca, cq, cqe)) {
        return HCA_CMD_BAD_RES_STATE;
    }
    cq->mtt = mtt;
    cq->log_size = log_size;
    return HCA_CMD_OK;
}

/* op_modifier 0: resize, 1: moderation */
uint8_t hca_cmd_modify_cq(Hca *hca, HcaCmd *cmd)
{
    HcaCq *cq = get_cq(hca, cmd->in_modifier);

    if (cmd->in_modifier >= 1u << hca->log_num_cqs) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!cq || cq->error) {
        return HCA_CMD_BAD_RES_STATE;
    }
    switch (cmd->op_modifier) {
    case 0:
        return resize(hca, cq, cmd->in);
    case 1:
        cq->period_us = hca_get16(cmd->in + CQC_PERIOD);
        cq->max_count = hca_get16(cmd->in + CQC_MAX_COUNT);
        return HCA_CMD_OK;
    default:
        return HCA_CMD_BAD_OP;
    }
}
