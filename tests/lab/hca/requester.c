/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The send side of a QP: doorbells, work requests in flight, acknowledgements,
 * retransmission and completion (IBTA chapter 9.7, 9.8).
 *
 * Each WQE begun takes a slot in qp->ops until it completes, in order. The
 * WQE stays in the queue, since the consumer may not reuse it before that, and
 * is read again when it must be sent again.
 */
#include <string.h>

#include "core.h"
#include "qp.h"

#define DOORBELL_BUDGET  32             /* packets sent inside one MMIO write */
#define ACK_INTERVAL     16            /* packets between requests for an ACK */
#define MAX_PSNS         0x7fffffu             /* in flight: half the circle */
#define TIMEOUT_UNIT     4096                  /* ns */
/*
 * The least retransmission timeout. IBTA lets it be up to four times the value
 * asked for; emulated hosts stall longer than any wire, so there is a floor.
 */
#define TIMEOUT_FACTOR   4
#define TIMEOUT_FLOOR    200000000ull          /* ns */

/* RNR NAK timer field in units of 10 us, IBTA table 45 */
static const uint32_t rnr_delay[32] = {
    65536, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384,
    512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576,
    32768, 49152,
};

static bool reliable(const HcaQp *qp)
{
    return qp->service == HCA_ST_RC || qp->service == HCA_ST_XRC;
}

static HcaSendOp *op_at(HcaQp *qp, uint32_t n)
{
    return &qp->ops[n % HCA_SEND_WINDOW];
}

void hca_requester_reset(HcaQp *qp)
{
    qp->op_head = qp->op_tail = qp->op_tx = qp->op_packet = 0;
    qp->responses_pending = 0;
    qp->rnr_waiting = false;
    qp->rnr_window = 0;
    qp->sq_rung |= qp->sq_next != qp->sq_done;
    qp->sq_next = qp->sq_done;
    qp->wqe.valid = false;
    qp->read_wqe.valid = false;
}

/* The oldest operation not done; op_head when all are. */
static uint32_t first_open(HcaQp *qp)
{
    uint32_t n = qp->op_tail;

    while (n != qp->op_head && op_at(qp, n)->done) {
        n++;
    }
    return n;
}

/* ---- Completion ---- */

static void send_complete(Hca *hca, HcaQp *qp, uint16_t index, uint8_t opcode,
                          uint32_t len, uint8_t syndrome)
{
    HcaCqe cqe = {
        .qpn = qp->qpn, .is_send = true, .opcode = opcode, .byte_cnt = len,
        .wqe_index = index, .syndrome = syndrome,
    };

    qp->sq_done = index + 1;
    hca_qp_complete(hca, qp, qp->cqn_send, &cqe);
}

/* End the SQ at a WQE: unreliable services keep their receive side. */
static void send_fail(Hca *hca, HcaQp *qp, const HcaSendOp *op)
{
    send_complete(hca, qp, op->wqe_index, op->opcode, 0, op->error);
    if (reliable(qp)) {
        hca_qp_fail(hca, qp, -1);
    } else if (qp->state != HCA_QP_ERR) {
        qp->state = HCA_QP_SQER;
        hca_requester_reset(qp);
        hca_qp_set_timer(hca, qp, HCA_NEVER);
        hca_qp_schedule(hca, qp);
    }
}

static void arm_timer(Hca *hca, HcaQp *qp)
{
    uint64_t delay;

    if (!reliable(qp) || qp->op_tail == qp->op_head || !qp->path.ack_timeout) {
        hca_qp_set_timer(hca, qp, HCA_NEVER);
        return;
    }
    delay = (uint64_t)TIMEOUT_UNIT * TIMEOUT_FACTOR << qp->path.ack_timeout;
    if (delay < TIMEOUT_FLOOR) {
        delay = TIMEOUT_FLOOR;
    }
    hca_qp_set_timer(hca, qp, hca->bus->now_ns(hca->opaque) + delay);
}

/* Retire what is done at the tail, and report the error that got there. */
static void complete_ops(Hca *hca, HcaQp *qp)
{
    HcaSendOp op;

    while (qp->op_tail != qp->op_head) {
        op = *op_at(qp, qp->op_tail);
        if (op.error) {
            send_fail(hca, qp, &op);
            return;
        }
        if (!op.done) {
            break;
        }
        if (qp->op_tx == qp->op_tail) {
            qp->op_tx++;
            qp->op_packet = 0;
        }
        qp->op_tail++;
        if (op.signalled) {
            send_complete(hca, qp, op.wqe_index, op.opcode, op.len, HCA_SYN_OK);
            if (qp->state == HCA_QP_ERR) {
                return;
            }
        } else {
            qp->sq_done = op.wqe_index + 1;
        }
    }
    if (qp->state == HCA_QP_SQ_DRAINING && qp->op_tail == qp->op_head) {
        qp->state = HCA_QP_SQD;
        if (qp->sqd_event) {
            hca_event(hca, HCA_EVENT_SQ_DRAINED, 0, qp->qpn);
        }
    }
}

/* ---- Beginning work requests ---- */

static bool is_response_op(uint8_t opcode)
{
    return opcode == HCA_WR_RDMA_READ || opcode == HCA_WR_ATOMIC_CS ||
           opcode == HCA_WR_ATOMIC_FA;
}

/* The WQE at sq_next, unless BlueFlame brought it. */
static bool fetch_next(Hca *hca, HcaQp *qp)
{
    if (qp->wqe.valid && qp->wqe.index == qp->sq_next) {
        return true;
    }
    if (!qp->sq_rung) {
        return false;
    }
    switch (hca_sq_fetch(hca, qp, qp->sq_next, &qp->wqe)) {
    case HCA_FETCH_OK:
        return true;
    case HCA_FETCH_FAULT:
        hca_qp_fail(hca, qp, HCA_EVENT_WQ_CATAS_ERROR);
        return false;
    default:
        qp->sq_rung = false;
        return false;
    }
}

/* Take the next WQE into flight; false: there is none, or it has to wait. */
static bool begin_op(Hca *hca, HcaQp *qp)
{
    HcaWqe *wqe = &qp->wqe;
    uint32_t packets;
    HcaSendOp *op;

    if (qp->state != HCA_QP_RTS ||
        qp->op_head - qp->op_tail == HCA_SEND_WINDOW || !fetch_next(hca, qp)) {
        return false;
    }
    /* What changes keys waits for all that may still be sent again. */
    if (!wqe->syndrome && hca_wqe_is_local(wqe) && qp->op_head != qp->op_tail) {
        return false;
    }
    if (!wqe->syndrome &&
        ((wqe->fence && qp->responses_pending) ||
         (is_response_op(wqe->opcode) &&
          qp->responses_pending >= qp->max_rd_atomic))) {
        return false;
    }
    packets = wqe->len ? (wqe->len + qp->mtu - 1) / qp->mtu : 1;
    if (qp->service == HCA_ST_UD || qp->service == HCA_ST_MLX) {
        packets = 1;
    }
    if (!wqe->syndrome && qp->op_head != qp->op_tail &&
        ((qp->next_psn - op_at(qp, qp->op_tail)->psn) & HCA_PSN_MASK) +
        packets > MAX_PSNS) {
        return false;
    }
    op = op_at(qp, qp->op_head++);
    *op = (HcaSendOp) {
        .wqe_index = qp->sq_next++, .opcode = wqe->opcode,
        .signalled = wqe->signalled, .error = wqe->syndrome,
        .response = is_response_op(wqe->opcode), .psn = qp->next_psn,
        .len = wqe->len,
    };
    if (op->error) {
        return true;
    }
    if (op->opcode == HCA_WR_NOP || hca_wqe_is_local(wqe)) {
        op->error = op->opcode == HCA_WR_NOP ? HCA_SYN_OK :
                    hca_wqe_run_local(hca, qp, wqe);
        op->done = !op->error;
        return true;
    }
    op->packets = packets;
    qp->next_psn = (qp->next_psn + op->packets) & HCA_PSN_MASK;
    qp->responses_pending += op->response;
    return true;
}

/* ---- Sending ---- */

static uint8_t request_opcode(uint8_t wr, bool first, bool last)
{
    static const uint8_t send[] = {
        HCA_OP_SEND_MIDDLE, HCA_OP_SEND_FIRST, HCA_OP_SEND_LAST,
        HCA_OP_SEND_ONLY,
    };
    static const uint8_t write[] = {
        HCA_OP_WRITE_MIDDLE, HCA_OP_WRITE_FIRST, HCA_OP_WRITE_LAST,
        HCA_OP_WRITE_ONLY,
    };
    int i = first | last << 1;

    switch (wr) {
    case HCA_WR_RDMA_READ:
        return HCA_OP_READ_REQUEST;
    case HCA_WR_ATOMIC_CS:
        return HCA_OP_COMPARE_SWAP;
    case HCA_WR_ATOMIC_FA:
        return HCA_OP_FETCH_ADD;
    case HCA_WR_RDMA_WRITE:
        return write[i];
    case HCA_WR_RDMA_WRITE_IMM:
        return last ? write[i] + 1 : write[i];
    case HCA_WR_SEND_IMM:
        return last ? send[i] + 1 : send[i];
    case HCA_WR_SEND_INVAL:
        return !last ? send[i] :
               first ? HCA_OP_SEND_ONLY_INVAL : HCA_OP_SEND_LAST_INVAL;
    default:
        return send[i];
    }
}

static uint8_t transport_bits(const HcaQp *qp)
{
    return qp->service == HCA_ST_UC ? HCA_BTH_UC :
           qp->service == HCA_ST_XRC ? HCA_BTH_XRC : HCA_BTH_RC;
}

/* One packet of a request of a connected service; a syndrome. */
static uint8_t send_request(Hca *hca, HcaQp *qp, const HcaSendOp *op)
{
    const HcaWqe *wqe = &qp->wqe;
    uint8_t *buf = hca->qps->tx, grh[HCA_GRH_SIZE], syndrome;
    uint32_t offset = op->response ? op->acked * qp->mtu :
                      qp->op_packet * qp->mtu;
    uint32_t left = op->len - offset, len = left < qp->mtu ? left : qp->mtu;
    bool first = qp->op_packet == 0;
    bool last = op->response || qp->op_packet + 1 == op->packets;
    uint32_t nth = op->response ? op->acked : qp->op_packet;
    HcaPacket pkt = {
        .opcode = transport_bits(qp) | request_opcode(op->opcode, first, last),
        .solicited = last && wqe->solicited,
        .dest_qpn = qp->remote_qpn,
        .psn = (op->psn + nth) & HCA_PSN_MASK,
        .ack_request = reliable(qp) &&
                       (last || qp->op_packet % ACK_INTERVAL == ACK_INTERVAL - 1),
        .xrc_srqn = wqe->flags >> 8,
        .va = wqe->raddr + (op->opcode == HCA_WR_RDMA_READ ? offset : 0),
        .rkey = wqe->rkey,
        .dma_len = op->opcode == HCA_WR_RDMA_READ ? left : op->len,
        .swap_add = wqe->swap_add, .compare = wqe->compare,
        .imm = wqe->imm,
    };
    size_t header;

    if (op->response) {
        len = 0;
    }
    hca_tx_path(hca, qp, &pkt, grh);
    header = hca_packet_headers(&pkt, buf);
    syndrome = hca_wqe_gather(hca, qp, wqe, offset, len, buf + header);
    if (!syndrome) {
        hca_tx(hca, qp, buf, hca_packet_finish(buf, header, len),
               wqe->loopback);
    }
    return syndrome;
}

/* May the next packet of op go out, or must acknowledgements come first? */
static bool window_open(HcaQp *qp, const HcaSendOp *op)
{
    const HcaSendOp *tail = op_at(qp, qp->op_tail);

    return !reliable(qp) || op->response ||
           hca_psn_diff(op->psn + qp->op_packet, tail->psn + tail->acked) <
           HCA_PACKET_WINDOW;
}

/* Send one packet of the operation at op_tx. */
static void send_op(Hca *hca, HcaQp *qp, HcaSendOp *op)
{
    if (!qp->wqe.valid || qp->wqe.index != op->wqe_index) {
        if (hca_sq_fetch(hca, qp, op->wqe_index, &qp->wqe) != HCA_FETCH_OK ||
            qp->wqe.syndrome || qp->wqe.len != op->len ||
            qp->wqe.opcode != op->opcode) {
            hca_guest_error(hca, "QP %06x: WQE %04x changed in flight",
                            qp->qpn, op->wqe_index);
            hca_qp_fail(hca, qp, HCA_EVENT_WQ_CATAS_ERROR);
            return;
        }
    }
    if (qp->service == HCA_ST_UD || qp->service == HCA_ST_MLX) {
        op->error = hca_ud_send(hca, qp, &qp->wqe, op->psn);
    } else {
        op->error = send_request(hca, qp, op);
    }
    if (op->error) {
        return;
    }
    if (op->response || ++qp->op_packet == op->packets) {
        qp->op_tx++;
        qp->op_packet = 0;
        op->done = !reliable(qp);
    }
    if (qp->deadline == HCA_NEVER) {
        arm_timer(hca, qp);
    }
}

/* Flush what is posted; false: out of budget. */
static bool flush_sq(Hca *hca, HcaQp *qp, int *budget)
{
    while (qp->sq_rung) {
        if (hca_sq_peek(hca, qp, qp->sq_done) != HCA_FETCH_OK) {
            qp->sq_rung = false;
            break;
        }
        if ((*budget)-- <= 0) {
            return false;
        }
        send_complete(hca, qp, qp->sq_done, HCA_WR_NOP, 0, HCA_SYN_FLUSH);
        qp->sq_next = qp->sq_done;
        if (!hca_cq_valid(hca, qp->cqn_send)) {
            break;
        }
    }
    return true;
}

bool hca_requester_run(Hca *hca, HcaQp *qp, int *budget)
{
    HcaSendOp *op;

    if (qp->state == HCA_QP_ERR || qp->state == HCA_QP_SQER) {
        return flush_sq(hca, qp, budget);
    }
    while (hca_qp_can_send(qp) && !qp->rnr_waiting) {
        if (*budget <= 0) {
            return false;
        }
        if (qp->rnr_window &&
            (int32_t)(qp->op_tx - first_open(qp)) >= qp->rnr_window) {
            break;
        }
        if (qp->op_tx == qp->op_head && !begin_op(hca, qp)) {
            break;
        }
        op = op_at(qp, qp->op_tx);
        if (op->error) {
            complete_ops(hca, qp);
            break;
        }
        if (op->done) {
            qp->op_tx++;
        } else if (!window_open(qp, op) || !hca_tx_ready(hca, qp)) {
            break;
        } else {
            send_op(hca, qp, op);
        }
        (*budget)--;
        complete_ops(hca, qp);
    }
    if (qp->state == HCA_QP_SQ_DRAINING) {
        complete_ops(hca, qp);
    }
    return true;
}

/* ---- Acknowledgements ---- */

/* Send again from operation n on, at its first packet not acknowledged. */
static void restart(Hca *hca, HcaQp *qp, uint32_t n)
{
    qp->op_tx = n;
    qp->op_packet = op_at(qp, n)->response ? 0 : op_at(qp, n)->acked;
    hca_qp_schedule(hca, qp);
}

/*
 * Everything up to and with psn has arrived. Returns the number of a read or
 * atomic among it whose response is missing, else op_head.
 */
static uint32_t ack_through(HcaQp *qp, uint32_t psn)
{
    HcaSendOp *op;
    int32_t d;

    for (uint32_t n = qp->op_tail; n != qp->op_head; n++) {
        op = op_at(qp, n);
        if (op->done) {
            continue;
        }
        d = hca_psn_diff(psn, op->psn);
        if (op->error || d < 0) {
            break;
        }
        if (op->response) {
            return n;
        }
        if ((uint32_t)d + 1 >= op->packets) {
            op->acked = op->packets;
            op->done = true;
        } else {
            op->acked = (uint32_t)d + 1 > op->acked ? (uint32_t)d + 1 : op->acked;
            break;
        }
    }
    return qp->op_head;
}

static void fail_first_open(Hca *hca, HcaQp *qp, uint8_t syndrome)
{
    uint32_t n = first_open(qp);

    if (n != qp->op_head) {
        op_at(qp, n)->error = syndrome;
        qp->op_tx = n;
    }
    complete_ops(hca, qp);
}

static void retry(Hca *hca, HcaQp *qp)
{
    if (qp->retries_left) {
        qp->retries_left--;
    } else if (qp->pm == HCA_PM_ARMED) {
        hca_qp_migrate(hca, qp);
        qp->retries_left = qp->retry_count;
    } else {
        fail_first_open(hca, qp, HCA_SYN_RETRY_EXCEEDED);
        return;
    }
    restart(hca, qp, first_open(qp));
    arm_timer(hca, qp);
}

/*
 * A refusal takes long over our wire, and what is sent meanwhile is in vain:
 * start anew with one operation, and one more for each acknowledgement.
 */
static void receiver_not_ready(Hca *hca, HcaQp *qp, uint8_t timer)
{
    uint32_t n = first_open(qp);

    if (n == qp->op_head) {
        return;
    }
    if (!qp->rnr_left) {
        fail_first_open(hca, qp, HCA_SYN_RNR_EXCEEDED);
        return;
    }
    if (qp->rnr_retry != 7) {                  /* seven: for ever */
        qp->rnr_left--;
    }
    restart(hca, qp, n);
    qp->rnr_waiting = true;
    qp->rnr_window = 1;
    hca_qp_set_timer(hca, qp, hca->bus->now_ns(hca->opaque) +
                     rnr_delay[timer] * 10000ull);
}

static void negative_ack(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    switch (pkt->syndrome) {
    case HCA_AETH_NAK_SEQUENCE:
        hca_diag(hca, qp, HCA_DIAG_SQ_OOS);
        retry(hca, qp);
        break;
    case HCA_AETH_NAK_INVALID:
        fail_first_open(hca, qp, HCA_SYN_REMOTE_INVAL);
        break;
    case HCA_AETH_NAK_ACCESS:
        fail_first_open(hca, qp, HCA_SYN_REMOTE_ACCESS);
        break;
    case HCA_AETH_NAK_OPERATION:
        fail_first_open(hca, qp, HCA_SYN_REMOTE_OP);
        break;
    default:
        fail_first_open(hca, qp, HCA_SYN_BAD_RESPONSE);
        break;
    }
}

static void progress(Hca *hca, HcaQp *qp)
{
    qp->retries_left = qp->retry_count;
    qp->rnr_left = qp->rnr_retry;
    if (qp->rnr_window && ++qp->rnr_window == HCA_SEND_WINDOW) {
        qp->rnr_window = 0;
    }
    complete_ops(hca, qp);
    if (qp->state != HCA_QP_ERR) {
        arm_timer(hca, qp);
        hca_qp_schedule(hca, qp);
    }
}

static void acknowledge(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    uint8_t kind = pkt->syndrome & HCA_AETH_KIND;
    uint32_t missing;

    missing = ack_through(qp, kind ? (pkt->psn - 1) & HCA_PSN_MASK : pkt->psn);
    if (missing != qp->op_head) {
        /* A response was lost on the way: ask again, unless we do already. */
        if ((int32_t)(qp->op_tx - missing) > 0) {
            restart(hca, qp, missing);
        }
        complete_ops(hca, qp);
        return;
    }
    if (!kind) {
        progress(hca, qp);
        return;
    }
    complete_ops(hca, qp);
    if (qp->state == HCA_QP_ERR) {
        return;
    }
    if (kind == HCA_AETH_RNR) {
        hca_diag(hca, qp, HCA_DIAG_SQ_RNR);
        receiver_not_ready(hca, qp, pkt->syndrome & 0x1f);
    } else {
        negative_ack(hca, qp, pkt);
    }
}

/* Is this packet the one that operation op waits for, of the right size? */
static bool response_fits(const HcaQp *qp, const HcaSendOp *op,
                          const HcaPacket *pkt)
{
    uint8_t o = pkt->opcode & HCA_BTH_OPERATION;
    bool last = op->acked + 1 == op->packets;

    if (op->opcode != HCA_WR_RDMA_READ) {
        return o == HCA_OP_ATOMIC_ACK;
    }
    if (last) {
        return (o == HCA_OP_READ_RESP_LAST || o == HCA_OP_READ_RESP_ONLY) &&
               pkt->payload_len == op->len - op->acked * qp->mtu;
    }
    return (o == HCA_OP_READ_RESP_FIRST || o == HCA_OP_READ_RESP_MIDDLE) &&
           pkt->payload_len == qp->mtu;
}

static uint8_t place_response(Hca *hca, HcaQp *qp, HcaSendOp *op,
                              const HcaPacket *pkt)
{
    uint8_t value[8];

    if (!qp->read_wqe.valid || qp->read_wqe.index != op->wqe_index) {
        if (hca_sq_fetch(hca, qp, op->wqe_index, &qp->read_wqe) !=
            HCA_FETCH_OK || qp->read_wqe.syndrome) {
            return HCA_SYN_LOCAL_QP_OP;
        }
    }
    if (op->opcode == HCA_WR_RDMA_READ) {
        return hca_wqe_scatter(hca, qp, &qp->read_wqe, op->acked * qp->mtu,
                               pkt->payload, pkt->payload_len);
    }
    /* Atomics work on values in the order of the host, little endian. */
    for (int i = 0; i < 8; i++) {
        value[i] = pkt->atomic_value >> 8 * i;
    }
    return hca_wqe_scatter(hca, qp, &qp->read_wqe, 0, value, sizeof(value));
}

static void response_data(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    uint32_t n = qp->op_tail;
    HcaSendOp *op;
    int32_t d;

    while (n != qp->op_head && (op_at(qp, n)->done || !op_at(qp, n)->response)) {
        n++;
    }
    if (n == qp->op_head) {
        return;
    }
    op = op_at(qp, n);
    d = hca_psn_diff(pkt->psn, op->psn + op->acked);
    if (d < 0 || op->error) {
        return;
    }
    if (d > 0) {
        if ((int32_t)(qp->op_tx - n) > 0) {
            restart(hca, qp, n);
        }
        return;
    }
    ack_through(qp, (op->psn - 1) & HCA_PSN_MASK);
    op->error = response_fits(qp, op, pkt) ? place_response(hca, qp, op, pkt) :
                HCA_SYN_BAD_RESPONSE;
    if (!op->error && ++op->acked == op->packets) {
        op->done = true;
        qp->responses_pending--;
        qp->read_wqe.valid = false;
    }
    progress(hca, qp);
}

void hca_requester_response(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    if (!reliable(qp) || !hca_qp_can_send(qp) || qp->op_tail == qp->op_head) {
        return;
    }
    /* A ghost of the past, or of something never sent? */
    if (hca_psn_diff(pkt->psn, op_at(qp, qp->op_tail)->psn) < 0 ||
        hca_psn_diff(pkt->psn, qp->next_psn) >= 0) {
        return;
    }
    if ((pkt->opcode & HCA_BTH_OPERATION) == HCA_OP_ACK) {
        acknowledge(hca, qp, pkt);
    } else {
        response_data(hca, qp, pkt);
    }
}

void hca_requester_timeout(Hca *hca, HcaQp *qp)
{
    if (!hca_qp_can_send(qp) || qp->op_tail == qp->op_head) {
        return;
    }
    if (qp->rnr_waiting) {
        qp->rnr_waiting = false;
        hca_qp_schedule(hca, qp);
    } else if (qp->sched_where == HCA_SCHED_NONE) {
        hca_diag(hca, qp, HCA_DIAG_SQ_TO);
        retry(hca, qp);
    } else {
        arm_timer(hca, qp);             /* ours to send, not theirs to answer */
    }
}

/* ---- Doorbells ---- */

static HcaQp *doorbell_qp(Hca *hca, uint32_t uar, uint32_t qpn)
{
    HcaQp *qp = hca->qps ? hca_qp_find(hca, qpn) : NULL;

    if (!qp) {
        hca_guest_error(hca, "doorbell of QP %06x, which is not", qpn);
        return NULL;
    }
    if (qp->uar != uar) {
        hca_guest_error(hca, "doorbell of QP %06x through UAR %u, not %u",
                        qpn, uar, qp->uar);
        return NULL;
    }
    return qp;
}

void hca_qp_doorbell(Hca *hca, uint32_t uar, uint32_t qpn)
{
    HcaQp *qp = doorbell_qp(hca, uar, qpn);

    if (qp) {
        qp->sq_rung = true;
        hca_qp_schedule(hca, qp);
        hca_transport_drain(hca, DOORBELL_BUDGET);
    }
}

void hca_qp_blueflame(Hca *hca, uint32_t uar, const void *wqe, size_t len)
{
    HcaQp *qp;

    if (len < 16) {
        return;
    }
    qp = doorbell_qp(hca, uar, hca_get32((const uint8_t *)wqe + 4) >> 8);
    if (qp) {
        if (qp->state == HCA_QP_RTS) {
            hca_sq_accept(qp, wqe, len);
        }
        qp->sq_rung = true;
        hca_qp_schedule(hca, qp);
        hca_transport_drain(hca, DOORBELL_BUDGET);
    }
}
