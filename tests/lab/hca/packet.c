/* SPDX-License-Identifier: GPL-2.0-only */
/* Building and parsing InfiniBand packets. */
#include <string.h>

#include "core.h"
#include "packet.h"

#define BTH_SIZE 12

static const uint16_t op_info[HCA_BTH_OPERATION + 1] = {
    [HCA_OP_SEND_FIRST]       = HCA_OP_SEND | HCA_OP_START,
    [HCA_OP_SEND_MIDDLE]      = HCA_OP_SEND,
    [HCA_OP_SEND_LAST]        = HCA_OP_SEND | HCA_OP_END,
    [HCA_OP_SEND_LAST_IMM]    = HCA_OP_SEND | HCA_OP_END | HCA_OP_IMM,
    [HCA_OP_SEND_ONLY]        = HCA_OP_SEND | HCA_OP_START | HCA_OP_END,
    [HCA_OP_SEND_ONLY_IMM]    = HCA_OP_SEND | HCA_OP_START | HCA_OP_END |
                                HCA_OP_IMM,
    [HCA_OP_SEND_LAST_INVAL]  = HCA_OP_SEND | HCA_OP_END | HCA_OP_IETH,
    [HCA_OP_SEND_ONLY_INVAL]  = HCA_OP_SEND | HCA_OP_START | HCA_OP_END |
                                HCA_OP_IETH,
    [HCA_OP_WRITE_FIRST]      = HCA_OP_WRITE | HCA_OP_START | HCA_OP_RETH,
    [HCA_OP_WRITE_MIDDLE]     = HCA_OP_WRITE,
    [HCA_OP_WRITE_LAST]       = HCA_OP_WRITE | HCA_OP_END,
    [HCA_OP_WRITE_LAST_IMM]   = HCA_OP_WRITE | HCA_OP_END | HCA_OP_IMM,
    [HCA_OP_WRITE_ONLY]       = HCA_OP_WRITE | HCA_OP_START | HCA_OP_END |
                                HCA_OP_RETH,
    [HCA_OP_WRITE_ONLY_IMM]   = HCA_OP_WRITE | HCA_OP_START | HCA_OP_END |
                                HCA_OP_RETH | HCA_OP_IMM,
    [HCA_OP_READ_REQUEST]     = HCA_OP_VALID | HCA_OP_RETH,
    [HCA_OP_READ_RESP_FIRST]  = HCA_OP_RESPONSE | HCA_OP_AETH | HCA_OP_START,
    [HCA_OP_READ_RESP_MIDDLE] = HCA_OP_RESPONSE,
    [HCA_OP_READ_RESP_LAST]   = HCA_OP_RESPONSE | HCA_OP_AETH | HCA_OP_END,
    [HCA_OP_READ_RESP_ONLY]   = HCA_OP_RESPONSE | HCA_OP_AETH | HCA_OP_START |
                                HCA_OP_END,
    [HCA_OP_ACK]              = HCA_OP_RESPONSE | HCA_OP_AETH,
    [HCA_OP_ATOMIC_ACK]       = HCA_OP_RESPONSE | HCA_OP_AETH |
                                HCA_OP_ATOMICACK,
    [HCA_OP_COMPARE_SWAP]     = HCA_OP_VALID | HCA_OP_ATOMICETH,
    [HCA_OP_FETCH_ADD]        = HCA_OP_VALID | HCA_OP_ATOMICETH,
};

unsigned hca_op_info(uint8_t opcode)
{
    unsigned info = op_info[opcode & HCA_BTH_OPERATION];

    return info ? info | HCA_OP_VALID : 0;
}

/* Which operations each transport defines (IBTA table 38). */
static bool op_defined(uint8_t opcode)
{
    uint8_t op = opcode & HCA_BTH_OPERATION;

    switch (opcode & HCA_BTH_TRANSPORT) {
    case HCA_BTH_RC:
    case HCA_BTH_XRC:
        return hca_op_info(op) != 0;
    case HCA_BTH_UC:
        return op <= HCA_OP_WRITE_ONLY_IMM;
    case HCA_BTH_UD:
        return op == HCA_OP_SEND_ONLY || op == HCA_OP_SEND_ONLY_IMM;
    default:
        return false;
    }
}

/* Octets of all extended headers of an opcode. */
static size_t extended_len(uint8_t opcode, unsigned info)
{
    size_t len = 0;

    if ((opcode & HCA_BTH_TRANSPORT) == HCA_BTH_UD) {
        len += 8;
    }
    if ((opcode & HCA_BTH_TRANSPORT) == HCA_BTH_XRC &&
        !(info & HCA_OP_RESPONSE)) {
        len += 4;
    }
    len += info & HCA_OP_RETH ? 16 : 0;
    len += info & HCA_OP_ATOMICETH ? 28 : 0;
    len += info & HCA_OP_AETH ? 4 : 0;
    len += info & HCA_OP_ATOMICACK ? 8 : 0;
    len += info & (HCA_OP_IMM | HCA_OP_IETH) ? 4 : 0;
    return len;
}

static const uint8_t *parse_extended(HcaPacket *pkt, const uint8_t *p,
                                     unsigned info)
{
    if ((pkt->opcode & HCA_BTH_TRANSPORT) == HCA_BTH_UD) {
        pkt->qkey = hca_get32(p);
        pkt->src_qpn = hca_get32(p + 4) & 0xffffff;
        p += 8;
    }
    if ((pkt->opcode & HCA_BTH_TRANSPORT) == HCA_BTH_XRC &&
        !(info & HCA_OP_RESPONSE)) {
        pkt->xrc_srqn = hca_get32(p) & 0xffffff;
        p += 4;
    }
    if (info & (HCA_OP_RETH | HCA_OP_ATOMICETH)) {
        pkt->va = hca_get64(p);
        pkt->rkey = hca_get32(p + 8);
        p += 12;
    }
    if (info & HCA_OP_RETH) {
        pkt->dma_len = hca_get32(p);
        p += 4;
    }
    if (info & HCA_OP_ATOMICETH) {
        pkt->swap_add = hca_get64(p);
        pkt->compare = hca_get64(p + 8);
        p += 16;
    }
    if (info & HCA_OP_AETH) {
        pkt->syndrome = p[0];
        pkt->msn = hca_get32(p) & 0xffffff;
        p += 4;
    }
    if (info & HCA_OP_ATOMICACK) {
        pkt->atomic_value = hca_get64(p);
        p += 8;
    }
    if (info & (HCA_OP_IMM | HCA_OP_IETH)) {
        pkt->imm = hca_get32(p);
        p += 4;
    }
    return p;
}

bool hca_packet_parse(HcaPacket *pkt, const uint8_t *buf, size_t len)
{
    const uint8_t *bth;
    size_t pktlen, header = HCA_LRH_SIZE + BTH_SIZE, pad;
    unsigned info;

    memset(pkt, 0, sizeof(*pkt));
    if (len < header + HCA_ICRC_SIZE || len > HCA_MAX_PACKET) {
        return false;
    }
    pktlen = (hca_get16(buf + 4) & 0x7ff) * 4u;
    if (pktlen != len) {
        return false;
    }
    pkt->vl = buf[0] >> 4;
    pkt->sl = buf[1] >> 4;
    pkt->dlid = hca_get16(buf + 2);
    pkt->slid = hca_get16(buf + 6);
    bth = buf + HCA_LRH_SIZE;
    switch (buf[1] & 3) {
    case HCA_LNH_BTH:
        break;
    case HCA_LNH_GRH:
        header += HCA_GRH_SIZE;
        if (len < header + HCA_ICRC_SIZE || bth[0] >> 4 != 6) {
            return false;
        }
        pkt->grh = bth;
        bth += HCA_GRH_SIZE;
        break;
    default:
        return false;
    }
    pkt->opcode = bth[0];
    if (!op_defined(pkt->opcode)) {
        return false;
    }
    info = hca_op_info(pkt->opcode);
    header += extended_len(pkt->opcode, info);
    pad = bth[1] >> 4 & 3;
    if (len < header + pad + HCA_ICRC_SIZE) {
        return false;
    }
    pkt->solicited = bth[1] & 0x80;
    pkt->migrate = bth[1] & 0x40;
    pkt->pkey = hca_get16(bth + 2);
    pkt->dest_qpn = hca_get32(bth + 4) & 0xffffff;
    pkt->ack_request = bth[8] & 0x80;
    pkt->psn = hca_get32(bth + 8) & HCA_PSN_MASK;
    pkt->payload = parse_extended(pkt, bth + BTH_SIZE, info);
    pkt->payload_len = len - header - pad - HCA_ICRC_SIZE;
    pkt->len = len;
    return true;
}

static uint8_t *build_extended(const HcaPacket *pkt, uint8_t *p, unsigned info)
{
    if ((pkt->opcode & HCA_BTH_TRANSPORT) == HCA_BTH_UD) {
        hca_put32(p, pkt->qkey);
        hca_put32(p + 4, pkt->src_qpn);
        p += 8;
    }
    if ((pkt->opcode & HCA_BTH_TRANSPORT) == HCA_BTH_XRC &&
        !(info & HCA_OP_RESPONSE)) {
        hca_put32(p, pkt->xrc_srqn);
        p += 4;
    }
    if (info & (HCA_OP_RETH | HCA_OP_ATOMICETH)) {
        hca_put64(p, pkt->va);
        hca_put32(p + 8, pkt->rkey);
        p += 12;
    }
    if (info & HCA_OP_RETH) {
        hca_put32(p, pkt->dma_len);
        p += 4;
    }
    if (info & HCA_OP_ATOMICETH) {
        hca_put64(p, pkt->swap_add);
        hca_put64(p + 8, pkt->compare);
        p += 16;
    }
    if (info & HCA_OP_AETH) {
        hca_put32(p, (uint32_t)pkt->syndrome << 24 | pkt->msn);
        p += 4;
    }
    if (info & HCA_OP_ATOMICACK) {
        hca_put64(p, pkt->atomic_value);
        p += 8;
    }
    if (info & (HCA_OP_IMM | HCA_OP_IETH)) {
        hca_put32(p, pkt->imm);
        p += 4;
    }
    return p;
}

size_t hca_packet_headers(const HcaPacket *pkt, uint8_t *buf)
{
    uint8_t *bth = buf + HCA_LRH_SIZE;

    buf[0] = pkt->vl << 4;
    buf[1] = pkt->sl << 4 | (pkt->grh ? HCA_LNH_GRH : HCA_LNH_BTH);
    hca_put16(buf + 2, pkt->dlid);
    hca_put16(buf + 4, 0);
    hca_put16(buf + 6, pkt->slid);
    if (pkt->grh) {
        memcpy(bth, pkt->grh, HCA_GRH_SIZE);
        bth += HCA_GRH_SIZE;
    }
    bth[0] = pkt->opcode;
    bth[1] = (pkt->solicited ? 0x80 : 0) | (pkt->migrate ? 0x40 : 0);
    hca_put16(bth + 2, pkt->pkey);
    hca_put32(bth + 4, pkt->dest_qpn);
    hca_put32(bth + 8, pkt->psn | (pkt->ack_request ? 1u << 31 : 0));
    return build_extended(pkt, bth + BTH_SIZE, hca_op_info(pkt->opcode)) - buf;
}

size_t hca_packet_finish(uint8_t *buf, size_t header_len, size_t payload_len)
{
    size_t pad = -payload_len & 3, len = header_len + payload_len + pad;
    uint8_t *bth = buf + HCA_LRH_SIZE;

    memset(buf + len, 0, HCA_ICRC_SIZE);
    memset(buf + len - pad, 0, pad);
    len += HCA_ICRC_SIZE;
    hca_put16(buf + 4, len / 4);
    if ((buf[1] & 3) == HCA_LNH_GRH) {
        hca_put16(bth + 4, len - HCA_LRH_SIZE - HCA_GRH_SIZE);
        bth += HCA_GRH_SIZE;
    }
    bth[1] = (bth[1] & 0xcf) | pad << 4;
    return len;
}
