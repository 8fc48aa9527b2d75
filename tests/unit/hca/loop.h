/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Verbs on one whole device: queue pairs that reach each other by loopback,
 * through real tables of regions, over ports 1 and 2.
 */
#ifndef XENIB_TEST_LOOP_H
#define XENIB_TEST_LOOP_H

#include "driver.h"
#include "qp.h"

#define LOOP_EQN   9u
#define LOOP_CQN   0x85u
#define LOOP_UAR   5u
#define LOOP_PD    0x1234u
#define LOOP_LID   0x10u                       /* of port 1, 16 LIDs; port 2: 0x20 */
#define LOOP_SQ    16u                         /* WQEs of a queue */
#define LOOP_ALL   0xfc00u                     /* all rights of a region */

typedef struct Loop {
    Drv *d;
    TestEq eq;
    TestCq cq;
    uint32_t next_mpt, next_qpn;
    bool fast_reg;                             /* QPs may register fast */
} Loop;

typedef struct LoopMr {
    uint64_t addr;                             /* bus address; va is VA_OF(addr) */
    uint64_t va, len;
    uint32_t key;
} LoopMr;

typedef struct LoopQp {
    Loop *l;
    uint32_t qpn;
    uint8_t service;
    uint64_t sq, rq, db;
    uint16_t sq_head, rq_head;
} LoopQp;

typedef struct LoopQpAttr {
    uint8_t service;
    uint32_t pd, xrcd;                         /* pd 0: LOOP_PD */
    uint32_t srqn;                             /* 0: none */
    uint32_t psn;
    bool target;                               /* of XRC: its queues are never used */
    bool no_rq;                                /* nor an SRQ: a driver's mistake */
    uint8_t retry, timeout;
    uint16_t dlid;                             /* 0: LOOP_LID */
    uint16_t alt_dlid;                         /* not 0: alternate path, armed */
} LoopQpAttr;

/* Addresses of the consumer are not those of the bus. */
#define VA_OF(addr) ((addr) + 0x7f0000000000ull)

void loop_up(Loop *l);
void loop_down(Loop *l);
/* Let everything come to rest; time stands. */
void loop_pump(Loop *l);
/* Let time pass to the next timer. */
void loop_tick(Loop *l);

void loop_mr(Loop *l, LoopMr *mr, uint64_t len, uint32_t pd, uint32_t rights);
/* A memory window, of type 1 or 2; returns its first R_Key. */
uint32_t loop_mw(Loop *l, uint32_t pd, int type);
uint8_t loop_hw2sw(Loop *l, uint32_t key);

void loop_qp(Loop *l, LoopQp *qp, const LoopQpAttr *attr);
void loop_connect(LoopQp *qp, uint32_t remote_qpn, const LoopQpAttr *attr);
void loop_pair(Loop *l, LoopQp *a, LoopQp *b, const LoopQpAttr *attr);
uint8_t loop_modify(LoopQp *qp, uint16_t op, uint32_t optpar,
                    const uint8_t *context);
/* The context, as QUERY_QP returns it. */
void loop_query(LoopQp *qp, uint8_t context[HCA_QPC_SIZE]);
void loop_reset(LoopQp *qp);

/*
 * Post a WQE: extra goes between control and data segment. mr may be NULL.
 * loop_post() lets everything come to rest.
 */
void loop_queue(LoopQp *qp, uint8_t opcode, uint32_t imm, uint32_t srqn,
                const void *extra, size_t extra_len, const LoopMr *mr,
                uint32_t len);
void loop_post(LoopQp *qp, uint8_t opcode, uint32_t imm, uint32_t srqn,
               const void *extra, size_t extra_len, const LoopMr *mr,
               uint32_t len);
void loop_rdma(LoopQp *qp, uint8_t opcode, uint64_t raddr, uint32_t rkey,
               uint32_t srqn, const LoopMr *mr, uint32_t len);
void loop_recv(LoopQp *qp, const LoopMr *mr, uint32_t len);

/* The next completion must be this one; syndrome 0: a good one of opcode. */
const uint8_t *loop_expect(Loop *l, uint32_t qpn, bool is_send, uint8_t opcode,
                           uint8_t syndrome);
/* Asynchronous events of a type since the last call. */
unsigned loop_events(Loop *l, uint8_t type);

#endif
