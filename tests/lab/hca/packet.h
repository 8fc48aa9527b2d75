/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * InfiniBand packets: headers as IBTA volume 1, chapters 7 to 9 lay them out.
 *
 * On our wire a packet runs from the LRH to the ICRC. The four octets of the
 * ICRC are present, because PktLen and PayLen count them, and are zero: the
 * wire is a socket and has its own integrity. There is no VCRC.
 */
#ifndef XENIB_HCA_PACKET_H
#define XENIB_HCA_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HCA_LRH_SIZE  8
#define HCA_GRH_SIZE  40
#define HCA_ICRC_SIZE 4
#define HCA_PSN_MASK  0xffffffu

/* LRH: what follows it */
enum { HCA_LNH_BTH = 2, HCA_LNH_GRH = 3 };

#define HCA_LID_PERMISSIVE     0xffff
#define HCA_LID_MULTICAST_BASE 0xc000
#define HCA_QPN_MULTICAST      0xffffffu
#define HCA_VL_MANAGEMENT      15

/* BTH opcode: transport in bits 7:5, operation in bits 4:0 */
enum {
    HCA_BTH_RC  = 0x00,
    HCA_BTH_UC  = 0x20,
    HCA_BTH_UD  = 0x60,
    HCA_BTH_XRC = 0xa0,
    HCA_BTH_TRANSPORT = 0xe0,
    HCA_BTH_OPERATION = 0x1f,
};

enum {
    HCA_OP_SEND_FIRST        = 0x00,
    HCA_OP_SEND_MIDDLE       = 0x01,
    HCA_OP_SEND_LAST         = 0x02,
    HCA_OP_SEND_LAST_IMM     = 0x03,
    HCA_OP_SEND_ONLY         = 0x04,
    HCA_OP_SEND_ONLY_IMM     = 0x05,
    HCA_OP_WRITE_FIRST       = 0x06,
    HCA_OP_WRITE_MIDDLE      = 0x07,
    HCA_OP_WRITE_LAST        = 0x08,
    HCA_OP_WRITE_LAST_IMM    = 0x09,
    HCA_OP_WRITE_ONLY        = 0x0a,
    HCA_OP_WRITE_ONLY_IMM    = 0x0b,
    HCA_OP_READ_REQUEST      = 0x0c,
    HCA_OP_READ_RESP_FIRST   = 0x0d,
    HCA_OP_READ_RESP_MIDDLE  = 0x0e,
    HCA_OP_READ_RESP_LAST    = 0x0f,
    HCA_OP_READ_RESP_ONLY    = 0x10,
    HCA_OP_ACK               = 0x11,
    HCA_OP_ATOMIC_ACK        = 0x12,
    HCA_OP_COMPARE_SWAP      = 0x13,
    HCA_OP_FETCH_ADD         = 0x14,
    HCA_OP_SEND_LAST_INVAL   = 0x16,
    HCA_OP_SEND_ONLY_INVAL   = 0x17,
};

/* What an operation is made of; see hca_op_info(). */
enum {
    HCA_OP_VALID     = 1 << 0,
    HCA_OP_RETH      = 1 << 1,
    HCA_OP_ATOMICETH = 1 << 2,
    HCA_OP_AETH      = 1 << 3,
    HCA_OP_ATOMICACK = 1 << 4,
    HCA_OP_IMM       = 1 << 5,
    HCA_OP_IETH      = 1 << 6,
    HCA_OP_PAYLOAD   = 1 << 7,
    HCA_OP_RESPONSE  = 1 << 8,
    HCA_OP_SEND      = 1 << 9,       /* consumes a receive WQE from its start */
    HCA_OP_WRITE     = 1 << 10,
    HCA_OP_START     = 1 << 11,         /* first or only packet of a message */
    HCA_OP_END       = 1 << 12,         /* last or only packet of a message */
};

/* AETH syndromes (IBTA 9.7.5.2.1); an ACK says "no credit limit" */
enum {
    HCA_AETH_ACK           = 0x1f,
    HCA_AETH_RNR           = 0x20,
    HCA_AETH_NAK_SEQUENCE  = 0x60,
    HCA_AETH_NAK_INVALID   = 0x61,
    HCA_AETH_NAK_ACCESS    = 0x62,
    HCA_AETH_NAK_OPERATION = 0x63,
    HCA_AETH_KIND          = 0x60,
};

/* A packet, parsed or about to be built; numbers in host order. */
typedef struct HcaPacket {
    uint8_t  vl, sl;                    /* 4 bits each */
    uint16_t dlid, slid;
    const uint8_t *grh;                 /* HCA_GRH_SIZE octets, or NULL */
    uint8_t  opcode;                    /* whole octet of the BTH */
    bool     solicited;
    bool     migrate;
    bool     ack_request;
    uint16_t pkey;
    uint32_t dest_qpn;                  /* 24 bits, as are all QPNs and PSNs */
    uint32_t psn;
    /* DETH */
    uint32_t qkey, src_qpn;
    /* XRCETH */
    uint32_t xrc_srqn;
    /* RETH, AtomicETH */
    uint64_t va;
    uint32_t rkey;
    uint32_t dma_len;
    uint64_t swap_add, compare;
    /* AETH, AtomicAckETH */
    uint8_t  syndrome;
    uint32_t msn;
    uint64_t atomic_value;
    /* ImmDt, or the rkey of the IETH */
    uint32_t imm;
    const uint8_t *payload;             /* parsed only, */
    uint32_t payload_len;
    size_t len;                         /* as is that of the whole packet */
} HcaPacket;

/* HCA_OP_* flags of an operation (low five bits of opcode), 0: undefined. */
unsigned hca_op_info(uint8_t opcode);

/* Signed distance from b to a on the 24-bit circle of PSNs. */
static inline int32_t hca_psn_diff(uint32_t a, uint32_t b)
{
    uint32_t d = (a - b) & HCA_PSN_MASK;

    return d & 0x800000 ? (int32_t)d - 0x1000000 : (int32_t)d;
}

/*
 * Parse len octets; every length is checked against len. The result points
 * into buf. false: malformed, or a transport or operation we do not know.
 */
bool hca_packet_parse(HcaPacket *pkt, const uint8_t *buf, size_t len);

/*
 * Write all headers up to the payload; buf has room for HCA_MAX_PACKET octets.
 * Returns their length, where the caller puts the payload.
 */
size_t hca_packet_headers(const HcaPacket *pkt, uint8_t *buf);

/*
 * Having written headers and payload: pad, add the ICRC, fill in the length
 * fields. Returns the length of the packet.
 */
size_t hca_packet_finish(uint8_t *buf, size_t header_len, size_t payload_len);

#endif
