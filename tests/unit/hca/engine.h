/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two transport engines back to back, with simple stand-ins for the device
 * side (translation, protection, CQs, events, ports), and a small verbs layer
 * that writes queues as the drivers do.
 */
#ifndef XENIB_TEST_ENGINE_H
#define XENIB_TEST_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "qp.h"

#define MEM_SIZE   (8u << 20)
#define NUM_CQES   4096
#define NUM_EVENTS 256
#define NUM_MRS    32
#define TEST_PD    0x111
#define TEST_UAR   5
#define TEST_CQ    0x40
#define TEST_QKEY  0x1234
#define WIRE_ROOM  100000

typedef struct Mr {
    uint32_t key, pd, access;
    uint64_t va, len, addr;
} Mr;

typedef struct Event {
    uint8_t type;
    uint32_t number;
} Event;

typedef struct Wired {
    struct Wired *next;
    unsigned port;
    size_t len;
    uint8_t data[];
} Wired;

typedef struct Node {
    Hca hca;
    HcaBus bus;
    struct Node *peer;
    uint8_t *mem;
    uint64_t brk;
    uint32_t next_qpn, next_srqn;
    HcaCqe cqe[NUM_CQES];
    unsigned cq_head, cq_tail;
    bool cq_broken;
    Event event[NUM_EVENTS];
    unsigned num_events;
    Mr mr[NUM_MRS];
    unsigned num_mrs;
    Wired *wire, **wire_end;                   /* on its way to the peer */
    unsigned wire_len, wire_room;
    unsigned sent;                             /* packets ever put on the wire */
    unsigned errors;                           /* guest errors logged */
    unsigned model_errors;
    bool scheduled;
    uint64_t timer;
} Node;

typedef struct Srq {
    Node *node;
    uint32_t srqn;
    uint32_t count, shift;
    uint64_t buf, db;
    uint16_t head, tail, counter;
} Srq;

typedef struct Qp {
    Node *node;
    uint32_t qpn;
    uint8_t service;
    uint32_t sq_count, sq_shift, rq_count, rq_shift;
    uint64_t buf, sq, rq, db;
    uint32_t sq_head, rq_head;
    Srq *srq;
} Qp;

typedef struct Sge {
    uint64_t addr;
    uint32_t len, lkey;
} Sge;

typedef struct Wr {
    uint8_t opcode;
    bool unsignalled, solicited, fence, is_inline, blueflame, quiet;
    uint32_t imm;
    uint64_t raddr;
    uint32_t rkey;
    uint64_t swap_add, compare;
    Sge sge[4];
    unsigned num_sge;
    const uint8_t *inline_data;
    uint32_t inline_len;
    /* UD */
    uint32_t av_pd;                            /* 0: TEST_PD */
    uint8_t av_port;                           /* 0: 1 */
    uint16_t dlid;
    bool grh;
    uint8_t gid_index;
    uint8_t dgid[16];
    uint32_t dqpn, qkey;
    uint32_t xrc_srqn;
} Wr;

extern uint64_t test_now;

void nodes_create(Node **a, Node **b);
void nodes_free(Node *a, Node *b);
/* Move one packet, or run scheduled work, of either; false: all is still. */
bool step(Node *a);
/* Move packets and run scheduled work until all is still; time stands. */
void pump(Node *a);
/* pump(), and let time pass to the next timer, while any is armed. */
void settle(Node *a, unsigned max_timers);

uint64_t mem_alloc(Node *n, size_t len, size_t align);
/* A region at va == offset of mem; access in HCA_ACCESS_*. Returns its key. */
uint32_t mr_create(Node *n, uint64_t addr, uint64_t len, uint32_t access);

uint8_t run_cmd(Node *n, HcaCmdFn *fn, uint16_t op, uint32_t modifier, HcaCmd *cmd);

typedef struct QpAttr {
    uint8_t service;
    uint8_t log_sq, log_rq;                    /* 0: 6 */
    Srq *srq;
    uint8_t mtu;                               /* IB code, 0: 1 (256 octets) */
    uint32_t psn;                              /* of both sides */
    uint8_t timeout, retry, rnr_retry;         /* as given */
    uint32_t access;                           /* params2 bits; 0: all */
    uint32_t pd;                               /* 0: TEST_PD */
    uint32_t xrcd;
    const uint8_t *dgid;                       /* 16 octets; NULL: no GRH */
    uint8_t mgid_index;                        /* as the context has it */
} QpAttr;

Qp *qp_create(Node *n, const QpAttr *attr);
void qp_connect(Qp *qp, uint16_t dlid, uint32_t remote_qpn, const QpAttr *attr);
/* Created and connected: a on node na to b on node nb. */
void qp_pair(Node *na, Node *nb, const QpAttr *attr, Qp **a, Qp **b);
void qp_destroy_test(Qp *qp);
uint8_t qp_modify(Qp *qp, uint16_t op, uint32_t optpar, uint8_t *context);
uint8_t qp_state(Qp *qp);
Srq *srq_create(Node *n, uint8_t log_size, uint32_t cqn, uint16_t xrcd);
void srq_destroy(Srq *srq);

void post_send(Qp *qp, const Wr *wr);
void ring(Qp *qp);
void post_recv(Qp *qp, const Sge *sge, unsigned num);
void post_srq(Srq *srq, const Sge *sge, unsigned num);
/* Next completion, NULL when there is none. */
const HcaCqe *poll_cq(Node *n);
unsigned count_events(Node *n, uint8_t type, uint32_t number);

#endif
