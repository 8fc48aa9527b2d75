/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Datagrams: UD queue pairs, whose WQEs carry an address vector, and the MLX
 * transport of QP0 and QP1, whose WQEs carry the whole header as inline data
 * (build_mlx_header() in drivers/infiniband/hw/mlx4/qp.c) and end with four
 * octets in place of the ICRC.
 */
#include <string.h>

#include "core.h"
#include "qp.h"

/* Offsets in a WQE: control segment, then struct mlx4_wqe_datagram_seg */
enum {
    AV_PORT_PD   = 16 + 0,
    AV_G_SLID    = 16 + 5,
    AV_DLID      = 16 + 6,
    AV_GID_INDEX = 16 + 9,
    AV_HOP_LIMIT = 16 + 11,
    AV_SL_FLOW   = 16 + 12,
    AV_DGID      = 16 + 16,
    DSEG_DQPN    = 16 + 32,
    DSEG_QKEY    = 16 + 36,
};

#define AV_FORCE_LOOPBACK (1u << 31)
#define AV_GRH            0x80

/* Flags word of struct mlx4_wqe_mlx_seg */
enum {
    MLX_VL15 = 1 << 17,
    MLX_SLR  = 1 << 16,                        /* source LID as the header has it */
};

static uint32_t port_mtu(const HcaPort *port)
{
    return port->mtu >= 1 && port->mtu <= 5 ? 128u << port->mtu : 256;
}

static uint8_t send_ud(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t psn)
{
    const uint8_t *raw = wqe->raw;
    uint32_t port_pd = hca_get32(raw + AV_PORT_PD), port = port_pd >> 24 & 3;
    uint32_t flow = hca_get32(raw + AV_SL_FLOW);
    uint32_t qkey = hca_get32(raw + DSEG_QKEY);
    uint8_t *buf = hca->qps->tx, grh[HCA_GRH_SIZE], syndrome;
    HcaPort *p = &hca->port[qp->path.port];
    HcaPacket pkt = {
        .opcode = HCA_BTH_UD | (wqe->opcode == HCA_WR_SEND_IMM ?
                                HCA_OP_SEND_ONLY_IMM : HCA_OP_SEND_ONLY),
        .sl = flow >> 28, .dlid = hca_get16(raw + AV_DLID),
        .slid = p->lid | (raw[AV_G_SLID] & ((1u << p->lmc) - 1)),
        .solicited = wqe->solicited, .migrate = true,
        .pkey = p->pkey[qp->path.pkey_index],
        .dest_qpn = hca_get32(raw + DSEG_DQPN) & 0xffffff,
        .psn = psn, .qkey = qkey & 1u << 31 ? qp->qkey : qkey,
        .src_qpn = qp->qpn, .imm = wqe->imm,
    };
    size_t header;

    if ((port_pd & 0xffffff) != qp->pd || port != qp->path.port) {
        hca_guest_error(hca, "QP %06x: address vector of PD %06x, port %u",
                        qp->qpn, port_pd & 0xffffff, port);
        return HCA_SYN_LOCAL_QP_OP;
    }
    if (wqe->len > port_mtu(p)) {
        return HCA_SYN_LOCAL_LENGTH;
    }
    if (raw[AV_G_SLID] & AV_GRH) {
        if (!hca_grh_build(hca, port, grh, qp->path.force_gid ?
                           qp->path.gid_index : raw[AV_GID_INDEX] & 0x7f,
                           flow & 0xfffffff, raw[AV_HOP_LIMIT],
                           raw + AV_DGID)) {
            return HCA_SYN_LOCAL_QP_OP;
        }
        pkt.grh = grh;
    }
    header = hca_packet_headers(&pkt, buf);
    syndrome = hca_wqe_gather(hca, qp, wqe, 0, wqe->len, buf + header);
    if (!syndrome) {
        hca_tx(hca, qp, buf, hca_packet_finish(buf, header, wqe->len),
               port_pd & AV_FORCE_LOOPBACK);
    }
    return syndrome;
}

static uint8_t send_mlx(Hca *hca, HcaQp *qp, const HcaWqe *wqe)
{
    HcaPort *port = &hca->port[qp->path.port];
    uint8_t *buf = hca->qps->tx, syndrome, op;
    uint32_t len = wqe->len - HCA_ICRC_SIZE, header = HCA_LRH_SIZE + 12 + 8;

    if (wqe->len < header + HCA_ICRC_SIZE ||
        len > HCA_MAX_PACKET - HCA_ICRC_SIZE - 3) {
        return HCA_SYN_LOCAL_LENGTH;
    }
    syndrome = hca_wqe_gather(hca, qp, wqe, 0, len, buf);
    if (syndrome) {
        return syndrome;
    }
    if ((buf[1] & 3) == HCA_LNH_GRH) {
        header += HCA_GRH_SIZE;
    }
    op = buf[header - 20];                     /* BTH and DETH end the header */
    if (op == (HCA_BTH_UD | HCA_OP_SEND_ONLY_IMM)) {
        header += 4;
    }
    if (len < header || (op & HCA_BTH_TRANSPORT) != HCA_BTH_UD ||
        (buf[1] & 3) < HCA_LNH_BTH) {
        hca_guest_error(hca, "QP %06x: header of no datagram", qp->qpn);
        return HCA_SYN_LOCAL_QP_OP;
    }
    buf[0] &= 0x0f;
    if (wqe->flags & MLX_VL15) {
        buf[0] |= HCA_VL_MANAGEMENT << 4;
    }
    if (!(wqe->flags & MLX_SLR)) {
        hca_put16(buf + 6, port->lid |
                  (hca_get16(buf + 6) & ((1u << port->lmc) - 1)));
    }
    hca_tx(hca, qp, buf, hca_packet_finish(buf, header, len - header),
           wqe->loopback);
    return HCA_SYN_OK;
}

uint8_t hca_ud_send(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t psn)
{
    return qp->service == HCA_ST_MLX ? send_mlx(hca, qp, wqe) :
           send_ud(hca, qp, wqe, psn);
}

/* A GRH to a port's LID names one of the port's GIDs. */
static bool dgid_is_mine(Hca *hca, unsigned number, const HcaPacket *pkt)
{
    uint8_t gid[16];

    for (unsigned i = 0; i < HCA_NUM_GIDS; i++) {
        if (hca_port_gid(hca, number, i, gid) &&
            !memcmp(gid, pkt->grh + 24, sizeof(gid))) {
            return true;
        }
    }
    return false;
}

/* P_Key and Q_Key; *pkey_index is for the completion. */
static bool keys_match(Hca *hca, HcaQp *qp, HcaPort *port, unsigned number,
                       const HcaPacket *pkt, int *pkey_index)
{
    *pkey_index = qp->path.pkey_index;
    if (pkt->vl == HCA_VL_MANAGEMENT) {
        return true;
    }
    if (qp->service == HCA_ST_MLX) {
        *pkey_index = hca_port_pkey_match(hca, number, pkt->pkey);
    } else if (!hca_pkey_equal(port->pkey[*pkey_index], pkt->pkey)) {
        *pkey_index = -1;
    }
    if (*pkey_index < 0) {
        hca_count_violation(&port->pkey_violations);
        return false;
    }
    if (pkt->qkey != qp->qkey) {
        hca_count_violation(&port->qkey_violations);
        return false;
    }
    return true;
}

static uint8_t place_datagram(Hca *hca, HcaQp *qp, const HcaPacket *pkt)
{
    uint8_t syndrome = HCA_SYN_OK;

    if (pkt->grh) {
        syndrome = hca_recv_scatter(hca, &qp->recv, qp->qpn, 0, pkt->grh,
                                    HCA_GRH_SIZE);
    }
    return syndrome ? syndrome :
           hca_recv_scatter(hca, &qp->recv, qp->qpn, HCA_GRH_SIZE,
                            pkt->payload, pkt->payload_len);
}

void hca_ud_receive(Hca *hca, HcaQp *qp, unsigned number, const HcaPacket *pkt)
{
    HcaPort *port = &hca->port[number];
    HcaSrq *srq = qp->has_srq ? hca_srq_find(hca, qp->srqn) : NULL;
    int pkey_index;
    HcaCqe cqe;

    if (!hca_qp_can_receive(qp) || qp->path.port != number ||
        (pkt->opcode & HCA_BTH_TRANSPORT) != HCA_BTH_UD ||
        (pkt->grh && pkt->dest_qpn != HCA_QPN_MULTICAST &&
         !dgid_is_mine(hca, number, pkt)) ||
        !keys_match(hca, qp, port, number, pkt, &pkey_index)) {
        return;
    }
    hca_count_rx(hca, qp, pkt);
    switch (hca_recv_take(hca, qp, srq)) {
    case HCA_FETCH_OK:
        break;
    case HCA_FETCH_FAULT:
        hca_qp_fail(hca, qp, HCA_EVENT_WQ_CATAS_ERROR);
        return;
    default:
        hca_diag(hca, qp, HCA_DIAG_RQ_UDSDPRD);
        return;                                /* nowhere to put it: dropped */
    }
    cqe = (HcaCqe) {
        .qpn = qp->qpn, .imm = pkt->imm, .src_qpn = pkt->src_qpn,
        .grh = pkt->grh != NULL, .slid = pkt->slid, .sl = pkt->sl,
        .path_bits = pkt->dlid & ((1u << port->lmc) - 1),
        .pkey_index = pkey_index, .srqn = srq ? srq->srqn : 0,
        .byte_cnt = pkt->payload_len + HCA_GRH_SIZE,
        .wqe_index = qp->recv.index,
        .opcode = hca_op_info(pkt->opcode) & HCA_OP_IMM ? HCA_RECV_SEND_IMM :
                  HCA_RECV_SEND,
        .syndrome = place_datagram(hca, qp, pkt), .solicited = pkt->solicited,
    };
    qp->recv.valid = false;
    hca_qp_complete(hca, qp, qp->cqn_recv, &cqe);
    if (cqe.syndrome) {
        hca_qp_fail(hca, qp, -1);
    }
}
