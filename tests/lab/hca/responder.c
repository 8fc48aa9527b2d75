/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receive side of a connected QP (IBTA 9.7.4 to 9.9): PSN order, receive
 * WQEs, remote memory access, acknowledgements and their replay.
 *
 * What is owed to the requester waits in qp->resp, in order; RDMA read data is
 * read from memory packet by packet as the wire takes it.
 */
#include <string.h>

#include "core.h"
#include "qp.h"

static bool reliable(const HcaQp *qp)
{
    return qp->service != HCA_ST_UC;
}

/* ---- Responses ---- */

static HcaResponse *resp_at(HcaQp *qp, uint32_t n)
{
    return &qp->resp[n % HCA_RESPONSES];
}

static void resp_push(Hca *hca, HcaQp *qp, const HcaResponse *resp)
{
    HcaResponse *last = resp_at(qp, qp->resp_head - 1);

    if (qp->resp_head != qp->resp_tail && resp->kind == HCA_RESP_ACK &&
        last->kind == HCA_RESP_ACK && last->syndrome == HCA_AETH_ACK) {
        *last = *resp;                         /* the later one says it all */
    } else if (qp->resp_head - qp->resp_tail < HCA_RESPONSES) {
        *resp_at(qp, qp->resp_head++) = *resp;
    }
    hca_qp_schedule(hca, qp);
}

static void send_ack(Hca *hca, HcaQp *qp, uint32_t psn, uint8_t syndrome)
{
    HcaResponse resp = {
        .kind = HCA_RESP_ACK, .psn = psn, .msn = qp->msn, .syndrome = syndrome,
    };

    if (reliable(qp)) {
        resp_push(hca, qp, &resp);
    }
}

static void send_response(Hca *hca, HcaQp *qp, HcaPacket *pkt,
                          const HcaMrRange *data)
{
    uint8_t *buf = hca->qps->tx, grh[HCA_GRH_SIZE];
    uint32_t len = data ? data->len : 0;
    size_t header;

    pkt->opcode |= qp->service == HCA_ST_XRC ? HCA_BTH_XRC : HCA_BTH_RC;
    pkt->dest_qpn = qp->remote_qpn;
    hca_tx_path(hca, qp, pkt, grh);
    header = hca_packet_headers(pkt, buf);
    if (len && !hca_mr_read(hca, data, buf + header)) {
        pkt->opcode = (pkt->opcode & HCA_BTH_TRANSPORT) | HCA_OP_ACK;
        pkt->syndrome = HCA_AETH_NAK_ACCESS;
        header = hca_packet_headers(pkt, buf);
        len = 0;
        hca_qp_fail(hca, qp, HCA_EVENT_WQ_ACCESS_ERROR);
        qp->resp_tail = qp->resp_head;
    }
    hca_tx(hca, qp, buf, hca_packet_finish(buf, header, len), false);
}

/* The next packet of a read; true when it was the last. */
static bool send_read_packet(Hca *hca, HcaQp *qp, HcaResponse *resp)
{
    uint32_t len = resp->len < qp->mtu ? resp->len : qp->mtu;
    bool first = !resp->started, last = len == resp->len;
    HcaMrRange range = {
        .key = resp->rkey, .pd = resp->pd, .qpn = qp->qpn,
        .access = HCA_ACCESS_REMOTE_READ, .va = resp->va, .len = len,
    };
    HcaPacket pkt = {
        .opcode = first ? (last ? HCA_OP_READ_RESP_ONLY :
                           HCA_OP_READ_RESP_FIRST) :
                  (last ? HCA_OP_READ_RESP_LAST : HCA_OP_READ_RESP_MIDDLE),
        .psn = resp->psn, .msn = resp->msn, .syndrome = HCA_AETH_ACK,
    };

    resp->started = true;
    resp->psn = (resp->psn + 1) & HCA_PSN_MASK;
    resp->va += len;
    resp->len -= len;
    send_response(hca, qp, &pkt, &range);
    return last;
}

/* ---- Errors ---- */

/* The request is bad: tell the requester, and stop. */
static void refuse(Hca *hca, HcaQp *qp, uint8_t nak, int event)
{
    if (!reliable(qp)) {
        qp->rx_kind = 0;                       /* UC: the message is dropped */
        return;
    }
    if (nak == HCA_AETH_NAK_INVALID || nak == HCA_AETH_NAK_ACCESS) {
        hca_diag(hca, qp, nak == HCA_AETH_NAK_ACCESS ? HCA_DIAG_RQ_RAE :
                 HCA_DIAG_RQ_RIRE);
    }
    send_ack(hca, qp, qp->epsn, nak);
    hca_qp_fail(hca, qp, event);
}

/* Receive completions are of the SRQ's own CQ for XRC. */
static uint32_t recv_cq(const HcaQp *qp)
{
    return qp->service == HCA_ST_XRC && qp->recv_srq ? qp->recv_srq->cqn :
           qp->cqn_recv;
}

static void recv_complete(Hca *hca, HcaQp *qp, uint8_t opcode,
                          const HcaPacket *pkt, uint8_t syndrome)
{
    HcaCqe cqe = {
        .qpn = qp->qpn, .imm = pkt ? pkt->imm : 0, .src_qpn = qp->remote_qpn,
        .slid = qp->path.dlid, .sl = qp->path.sl,
        .pkey_index = qp->path.pkey_index,
        .srqn = qp->recv_srq ? qp->recv_srq->srqn : 0,
        .byte_cnt = qp->rx_len, .wqe_index = qp->recv.index, .opcode = opcode,
        .syndrome = syndrome, .solicited = pkt && pkt->solicited,
    };

    qp->recv.valid = false;
    hca_qp_complete(hca, qp, recv_cq(qp), &cqe);
}

/* Flush receive WQEs of a QP in error; false: out of budget. */
static bool recv_flush(Hca *hca, HcaQp *qp, int *budget)
{
    bool had_srq = qp->has_srq;

    if (qp->state != HCA_QP_ERR) {
        return true;
    }
    qp->rx_len = 0;
    while (qp->recv.valid || (!had_srq && qp->rq_count &&
                              hca_recv_take(hca, qp, NULL) == HCA_FETCH_OK)) {
        if ((*budget)-- <= 0) {
            return false;
        }
        recv_complete(hca, qp, HCA_RECV_SEND, NULL, HCA_SYN_FLUSH);
        if (!hca_cq_valid(hca, recv_cq(qp))) {
            break;
        }
    }
    if (had_srq && !qp->last_wqe) {
        qp->last_wqe = true;
        hca_event(hca, HCA_EVENT_SRQ_QP_LAST_WQE, 0, qp->qpn);
    }
    return true;
}

bool hca_responder_run(Hca *hca, HcaQp *qp, int *budget)
{
    HcaResponse *resp;
    HcaPacket pkt;

    while (qp->resp_tail != qp->resp_head) {
        if (*budget <= 0) {
            return false;
        }
        (*budget)--;
        resp = resp_at(qp, qp->resp_tail);
        if (resp->kind == HCA_RESP_READ) {
            if (!hca_tx_ready(hca, qp)) {
                return true;
            }
            if (send_read_packet(hca, qp, resp) &&
                qp->resp_tail != qp->resp_head) {
                qp->resp_tail++;
            }
            continue;
        }
        pkt = (HcaPacket) {
            .opcode = resp->kind == HCA_RESP_ATOMIC ? HCA_OP_ATOMIC_ACK :
                      HCA_OP_ACK,
            .psn = resp->psn, .msn = resp->msn, .syndrome = resp->syndrome,
            .atomic_value = resp->value,
        };
        qp->resp_tail++;
        send_response(hca, qp, &pkt, NULL);
    }
    return recv_flush(hca, qp, budget);
}

/* A receive WQE failed under the data: its completion says why. */
static void recv_error(Hca *hca, HcaQp *qp, uint8_t syndrome)
{
    uint8_t nak = syndrome == HCA_SYN_LOCAL_LENGTH ? HCA_AETH_NAK_INVALID :
                  HCA_AETH_NAK_OPERATION;

    send_ack(hca, qp, qp->epsn, nak);
    recv_complete(hca, qp, HCA_RECV_SEND, NULL, syndrome);
    hca_qp_fail(hca, qp, -1);
}

/* ---- Requests ---- */

/* The SRQ the packet's data is to be received through, if any. */
static bool find_srq(Hca *hca, HcaQp *qp, const HcaPacket *pkt, HcaSrq **srq)
{
    *srq = NULL;
    if (qp->service == HCA_ST_XRC) {
        *srq = hca_srq_find(hca, pkt->xrc_srqn);
        return *srq && (*srq)->xrcd == qp->xrcd;
    }
    if (qp->has_srq) {
        *srq = hca_srq_find(hca, qp->srqn);
        return *srq != NULL;
    }
    return true;
}

/* Have a receive WQE in qp->recv, or refuse the packet; false: refused. */
static bool need_recv(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    HcaSrq *srq;

    if (!find_srq(hca, qp, pkt, &srq)) {
        refuse(hca, qp, HCA_AETH_NAK_INVALID, HCA_EVENT_WQ_INVAL_REQ_ERROR);
        return false;
    }
    switch (hca_recv_take(hca, qp, srq)) {
    case HCA_FETCH_OK:
        return true;
    case HCA_FETCH_EMPTY:
        if (reliable(qp)) {
            hca_diag(hca, qp, HCA_DIAG_RQ_RNR);
            send_ack(hca, qp, qp->epsn, HCA_AETH_RNR | qp->min_rnr_timer);
            qp->nak_sent = true;
        }
        return false;
    default:
        refuse(hca, qp, HCA_AETH_NAK_OPERATION, HCA_EVENT_WQ_CATAS_ERROR);
        hca_qp_fail(hca, qp, HCA_EVENT_WQ_CATAS_ERROR);
        return false;
    }
}

/* Does the packet continue what came before, with a legal length? */
static bool in_sequence(const HcaQp *qp, const HcaPacket *pkt, unsigned info)
{
    unsigned kind = info & (HCA_OP_SEND | HCA_OP_WRITE);

    if (!kind) {
        return !qp->rx_kind && !pkt->payload_len;
    }
    if (info & HCA_OP_START ? qp->rx_kind != 0 : qp->rx_kind != kind) {
        return false;
    }
    if (!(info & HCA_OP_END)) {
        return pkt->payload_len == qp->mtu;
    }
    return pkt->payload_len <= qp->mtu &&
           (pkt->payload_len || info & HCA_OP_START);
}

/* A SEND packet; false: not accepted. */
static bool receive_send(Hca *hca, HcaQp *qp, const HcaPacket *pkt,
                         unsigned info)
{
    uint8_t syndrome, opcode;

    if (info & HCA_OP_START) {
        if (!need_recv(hca, qp, pkt)) {
            return false;
        }
        qp->rx_len = 0;
    }
    if (!qp->recv.valid) {                     /* its SRQ has gone */
        refuse(hca, qp, HCA_AETH_NAK_OPERATION, HCA_EVENT_WQ_CATAS_ERROR);
        return false;
    }
    syndrome = hca_recv_scatter(hca, &qp->recv, qp->qpn, qp->rx_len,
                                pkt->payload, pkt->payload_len);
    if (syndrome) {
        recv_error(hca, qp, syndrome);
        return false;
    }
    qp->rx_len += pkt->payload_len;
    if (info & HCA_OP_END && info & HCA_OP_IETH &&
        !hca_mr_invalidate(hca, pkt->imm, qp->recv.pd, qp->qpn)) {
        refuse(hca, qp, HCA_AETH_NAK_ACCESS, HCA_EVENT_WQ_ACCESS_ERROR);
        return false;
    }
    if (info & HCA_OP_END) {
        opcode = info & HCA_OP_IMM ? HCA_RECV_SEND_IMM :
                 info & HCA_OP_IETH ? HCA_RECV_SEND_INVAL : HCA_RECV_SEND;
        recv_complete(hca, qp, opcode, pkt, HCA_SYN_OK);
    }
    return true;
}

/*
 * Remote access rights of the QP and of the region, over the whole range. *pd
 * is the PD that counts: the SRQ's, for XRC.
 */
static bool remote_allowed(Hca *hca, HcaQp *qp, const HcaPacket *pkt,
                           uint32_t access, uint64_t len, uint32_t *pd)
{
    HcaMrRange range = {
        .key = pkt->rkey, .pd = qp->pd, .qpn = qp->qpn, .access = access,
        .va = pkt->va, .len = len,
    };
    HcaSrq *srq;

    if (qp->service == HCA_ST_XRC) {
        if (!find_srq(hca, qp, pkt, &srq)) {
            return false;
        }
        range.pd = srq->pd;
    }
    *pd = range.pd;
    return qp->remote_access & access && hca_mr_check(hca, &range);
}

static bool receive_write(Hca *hca, HcaQp *qp, const HcaPacket *pkt,
                          unsigned info)
{
    HcaMrRange range;

    if (info & HCA_OP_START) {
        if (pkt->dma_len > 1u << HCA_LOG_MAX_LEN ||
            (info & HCA_OP_END && pkt->dma_len != pkt->payload_len)) {
            refuse(hca, qp, HCA_AETH_NAK_INVALID, HCA_EVENT_WQ_INVAL_REQ_ERROR);
            return false;
        }
        if (!remote_allowed(hca, qp, pkt, HCA_ACCESS_REMOTE_WRITE,
                            pkt->dma_len, &qp->rx_pd)) {
            refuse(hca, qp, HCA_AETH_NAK_ACCESS, HCA_EVENT_WQ_ACCESS_ERROR);
            return false;
        }
        qp->rx_va = pkt->va;
        qp->rx_rkey = pkt->rkey;
        qp->rx_left = pkt->dma_len;
        qp->rx_len = 0;
    }
    if (pkt->payload_len > qp->rx_left ||
        (info & HCA_OP_END && pkt->payload_len != qp->rx_left)) {
        refuse(hca, qp, HCA_AETH_NAK_INVALID, HCA_EVENT_WQ_INVAL_REQ_ERROR);
        return false;
    }
    /* No WQE for the immediate: the packet comes again, so nothing moves. */
    if (info & HCA_OP_IMM && !need_recv(hca, qp, pkt)) {
        return false;
    }
    range = (HcaMrRange) {
        .key = qp->rx_rkey, .pd = qp->rx_pd, .qpn = qp->qpn,
        .access = HCA_ACCESS_REMOTE_WRITE, .va = qp->rx_va,
        .len = pkt->payload_len,
    };
    if (range.len && !hca_mr_write(hca, &range, pkt->payload)) {
        refuse(hca, qp, HCA_AETH_NAK_ACCESS, HCA_EVENT_WQ_ACCESS_ERROR);
        return false;
    }
    qp->rx_va += range.len;
    qp->rx_left -= range.len;
    qp->rx_len += range.len;
    if (info & HCA_OP_IMM) {
        recv_complete(hca, qp, HCA_RECV_RDMA_WRITE_IMM, pkt, HCA_SYN_OK);
    }
    return true;
}

/* PSNs a read of len octets takes. */
static uint32_t read_packets(const HcaQp *qp, uint32_t len)
{
    return len ? (len + qp->mtu - 1) / qp->mtu : 1;
}

static void push_read(Hca *hca, HcaQp *qp, const HcaPacket *pkt, uint32_t pd)
{
    HcaResponse resp = {
        .kind = HCA_RESP_READ, .psn = pkt->psn, .msn = qp->msn,
        .va = pkt->va, .rkey = pkt->rkey, .len = pkt->dma_len, .pd = pd,
    };

    resp_push(hca, qp, &resp);
}

/* Reads and atomics not yet answered stay below what the QP allows. */
static bool resources_left(HcaQp *qp)
{
    unsigned used = 0;

    for (uint32_t n = qp->resp_tail; n != qp->resp_head; n++) {
        used += resp_at(qp, n)->kind != HCA_RESP_ACK;
    }
    return used < qp->max_dest_rd_atomic;
}

static bool receive_read(Hca *hca, HcaQp *qp, const HcaPacket *pkt,
                         uint32_t *pd)
{
    if (pkt->dma_len > 1u << HCA_LOG_MAX_LEN || !resources_left(qp)) {
        refuse(hca, qp, HCA_AETH_NAK_INVALID, HCA_EVENT_WQ_INVAL_REQ_ERROR);
        return false;
    }
    if (!remote_allowed(hca, qp, pkt, HCA_ACCESS_REMOTE_READ, pkt->dma_len,
                        pd)) {
        refuse(hca, qp, HCA_AETH_NAK_ACCESS, HCA_EVENT_WQ_ACCESS_ERROR);
        return false;
    }
    return true;
}

/* Values in memory are in the order of the host, little endian. */
static bool do_atomic(Hca *hca, HcaQp *qp, const HcaPacket *pkt, uint32_t pd,
                      uint64_t *original)
{
    HcaMrRange range = {
        .key = pkt->rkey, .pd = pd, .qpn = qp->qpn,
        .access = HCA_ACCESS_ATOMIC, .va = pkt->va, .len = 8,
    };
    uint8_t mem[8];
    uint64_t value = 0;

    if (!hca_mr_read(hca, &range, mem)) {
        return false;
    }
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | mem[i];
    }
    *original = value;
    if ((pkt->opcode & HCA_BTH_OPERATION) == HCA_OP_FETCH_ADD) {
        value += pkt->swap_add;
    } else if (value == pkt->compare) {
        value = pkt->swap_add;
    } else {
        return true;
    }
    for (int i = 0; i < 8; i++) {
        mem[i] = value >> 8 * i;
    }
    return hca_mr_write(hca, &range, mem);
}

static bool receive_atomic(Hca *hca, HcaQp *qp, const HcaPacket *pkt,
                           uint64_t *original)
{
    uint32_t pd;

    if (pkt->va & 7 || !resources_left(qp)) {
        refuse(hca, qp, HCA_AETH_NAK_INVALID, HCA_EVENT_WQ_INVAL_REQ_ERROR);
        return false;
    }
    if (!remote_allowed(hca, qp, pkt, HCA_ACCESS_ATOMIC, 8, &pd) ||
        !do_atomic(hca, qp, pkt, pd, original)) {
        refuse(hca, qp, HCA_AETH_NAK_ACCESS, HCA_EVENT_WQ_ACCESS_ERROR);
        return false;
    }
    return true;
}

static void push_atomic(Hca *hca, HcaQp *qp, uint32_t psn, uint64_t value)
{
    HcaResponse resp = {
        .kind = HCA_RESP_ATOMIC, .psn = psn, .msn = qp->msn,
        .syndrome = HCA_AETH_ACK, .value = value,
    };

    resp_push(hca, qp, &resp);
}

/* The packet with the PSN expected. */
static void receive_expected(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    unsigned info = hca_op_info(pkt->opcode);
    uint32_t packets = 1, pd = 0;
    uint64_t original = 0;
    bool ok;

    if (!in_sequence(qp, pkt, info)) {
        refuse(hca, qp, HCA_AETH_NAK_INVALID, HCA_EVENT_WQ_INVAL_REQ_ERROR);
        return;
    }
    if (info & HCA_OP_SEND) {
        ok = receive_send(hca, qp, pkt, info);
    } else if (info & HCA_OP_WRITE) {
        ok = receive_write(hca, qp, pkt, info);
    } else if (info & HCA_OP_RETH) {
        ok = receive_read(hca, qp, pkt, &pd);
        packets = read_packets(qp, pkt->dma_len);
    } else {
        ok = receive_atomic(hca, qp, pkt, &original);
    }
    if (!ok) {
        return;
    }
    qp->nak_sent = false;
    qp->epsn = (qp->epsn + packets) & HCA_PSN_MASK;
    qp->rx_kind = info & HCA_OP_END ? 0 : info & (HCA_OP_SEND | HCA_OP_WRITE);
    if (!qp->rx_kind) {
        qp->msn = (qp->msn + 1) & 0xffffff;
    }
    if (info & HCA_OP_RETH && !(info & HCA_OP_WRITE)) {
        push_read(hca, qp, pkt, pd);
    } else if (info & HCA_OP_ATOMICETH) {
        qp->atomics[qp->atomic_next].valid = true;
        qp->atomics[qp->atomic_next].psn = pkt->psn;
        qp->atomics[qp->atomic_next].value = original;
        qp->atomic_next = (qp->atomic_next + 1) % HCA_MAX_RD_ATOMIC;
        push_atomic(hca, qp, pkt->psn, original);
    } else if (pkt->ack_request) {
        send_ack(hca, qp, pkt->psn, HCA_AETH_ACK);
    }
}

/*
 * A request seen before: nothing is executed twice, but the answer may have
 * been lost. The requester starts over from here, so later answers are void.
 */
static void receive_duplicate(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    unsigned info = hca_op_info(pkt->opcode);
    uint32_t pd;

    if (info & (HCA_OP_SEND | HCA_OP_WRITE)) {
        send_ack(hca, qp, (qp->epsn - 1) & HCA_PSN_MASK, HCA_AETH_ACK);
        return;
    }
    if (info & HCA_OP_RETH) {
        if (pkt->dma_len > 1u << HCA_LOG_MAX_LEN ||
            hca_psn_diff(pkt->psn + read_packets(qp, pkt->dma_len), qp->epsn) >
            0 || !remote_allowed(hca, qp, pkt, HCA_ACCESS_REMOTE_READ,
                                 pkt->dma_len, &pd)) {
            return;
        }
        while (qp->resp_head != qp->resp_tail &&
               hca_psn_diff(resp_at(qp, qp->resp_head - 1)->psn, pkt->psn) >= 0) {
            qp->resp_head--;
        }
        push_read(hca, qp, pkt, pd);
        return;
    }
    for (int i = 0; i < HCA_MAX_RD_ATOMIC; i++) {
        if (qp->atomics[i].valid && qp->atomics[i].psn == pkt->psn) {
            push_atomic(hca, qp, pkt->psn, qp->atomics[i].value);
            return;
        }
    }
}

/* UC: a gap drops the message it is in; the next first packet resumes. */
static void receive_unreliable(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    unsigned info = hca_op_info(pkt->opcode);

    if (pkt->psn != qp->epsn || info & HCA_OP_START) {
        qp->rx_kind = 0;
        if (!(info & HCA_OP_START)) {
            qp->epsn = (pkt->psn + 1) & HCA_PSN_MASK;
            return;
        }
        qp->epsn = pkt->psn;
    }
    receive_expected(hca, qp, pkt);
    qp->epsn = (pkt->psn + 1) & HCA_PSN_MASK;
}

void hca_responder_request(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    int32_t d = hca_psn_diff(pkt->psn, qp->epsn);

    if (!reliable(qp)) {
        receive_unreliable(hca, qp, pkt);
    } else if (d == 0) {
        receive_expected(hca, qp, pkt);
    } else if (d < 0) {
        hca_diag(hca, qp, HCA_DIAG_RQ_DUP);
        receive_duplicate(hca, qp, pkt);
    } else if (!qp->nak_sent) {
        qp->nak_sent = true;
        hca_diag(hca, qp, HCA_DIAG_RQ_OOS);
        send_ack(hca, qp, qp->epsn, HCA_AETH_NAK_SEQUENCE);
    }
}
