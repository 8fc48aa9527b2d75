/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue pairs and the IB transport: what qp.c, wqe.c, requester.c,
 * responder.c, ud.c, srq.c, mcg.c and transport.c share.
 *
 * Work flows without recursion: an entry point (doorbell, packet, timer,
 * command) changes the state of a QP and puts it on the run list; then
 * hca_transport_drain() gives each listed QP a turn and delivers loopback
 * packets until nothing is left or its budget is spent.
 */
#ifndef XENIB_HCA_QP_H
#define XENIB_HCA_QP_H

#include <sys/queue.h>

#include "core.h"
#include "packet.h"

/* QP states, include/linux/mlx4/qp.h */
enum {
    HCA_QP_RST = 0,
    HCA_QP_INIT = 1,
    HCA_QP_RTR = 2,
    HCA_QP_RTS = 3,
    HCA_QP_SQER = 4,
    HCA_QP_SQD = 5,
    HCA_QP_ERR = 6,
    HCA_QP_SQ_DRAINING = 7,
};

/* Path migration, as in bits 12:11 of the context's flags (IBTA 17.2.8) */
enum {
    HCA_PM_ARMED = 0,
    HCA_PM_REARM = 1,
    HCA_PM_MIGRATED = 3,
};

/* Services, as in bits 23:16 of the context's flags */
enum {
    HCA_ST_RC = 0,
    HCA_ST_UC = 1,
    HCA_ST_UD = 3,
    HCA_ST_XRC = 6,
    HCA_ST_MLX = 7,
};

/* Send opcodes of a WQE and of its completion */
enum {
    HCA_WR_NOP = 0x00,
    HCA_WR_SEND_INVAL = 0x01,
    HCA_WR_RDMA_WRITE = 0x08,
    HCA_WR_RDMA_WRITE_IMM = 0x09,
    HCA_WR_SEND = 0x0a,
    HCA_WR_SEND_IMM = 0x0b,
    HCA_WR_RDMA_READ = 0x10,
    HCA_WR_ATOMIC_CS = 0x11,
    HCA_WR_ATOMIC_FA = 0x12,
    HCA_WR_BIND_MW = 0x18,
    HCA_WR_FAST_REG = 0x19,
    HCA_WR_LOCAL_INVAL = 0x1b,
};

/* Receive opcodes of a completion */
enum {
    HCA_RECV_RDMA_WRITE_IMM = 0,
    HCA_RECV_SEND = 1,
    HCA_RECV_SEND_IMM = 2,
    HCA_RECV_SEND_INVAL = 3,
};

/* Completion syndromes, include/linux/mlx4/cq.h */
enum {
    HCA_SYN_OK = 0,
    HCA_SYN_LOCAL_LENGTH = 0x01,
    HCA_SYN_LOCAL_QP_OP = 0x02,
    HCA_SYN_LOCAL_PROT = 0x04,
    HCA_SYN_FLUSH = 0x05,
    HCA_SYN_MW_BIND = 0x06,
    HCA_SYN_BAD_RESPONSE = 0x10,
    HCA_SYN_REMOTE_INVAL = 0x12,
    HCA_SYN_REMOTE_ACCESS = 0x13,
    HCA_SYN_REMOTE_OP = 0x14,
    HCA_SYN_RETRY_EXCEEDED = 0x15,
    HCA_SYN_RNR_EXCEEDED = 0x16,
};

#define HCA_QPC_SIZE      248           /* struct mlx4_qp_context */
#define HCA_SRQC_SIZE     48            /* struct mlx4_srq_context */
#define HCA_MAX_WQE       1024          /* octets; 63 units of 16 fit */
#define HCA_SEND_WINDOW   64            /* WQEs in flight of a QP */
#define HCA_PACKET_WINDOW 256           /* unacknowledged packets of a QP */
#define HCA_MAX_RD_ATOMIC 16            /* responder resources of a QP */
/* queued responses of a QP: > 2 * HCA_MAX_RD_ATOMIC */
#define HCA_RESPONSES     48
#define HCA_LOG_MAX_LEN   30   /* longest message: 2^22 PSNs at the least MTU */
#define HCA_LKEY_END      0x100         /* ends a list of receive segments */
#define HCA_NEVER         UINT64_MAX

/* A send WQE, copied from the queue (or BlueFlame) once. */
typedef struct HcaWqe {
    bool     valid;
    uint16_t index;                     /* producer counter it was posted at */
    uint8_t  opcode;                    /* HCA_WR_* */
    bool     signalled, solicited, fence, loopback;
    uint32_t flags;                     /* third word of the control segment */
    uint32_t imm;                       /* immediate, or rkey to invalidate */
    uint64_t raddr;
    uint32_t rkey;
    uint64_t swap_add, compare;
    uint8_t  syndrome;            /* why it cannot be executed, or HCA_SYN_OK */
    uint16_t data;                      /* offset of the first data segment */
    uint16_t size;                      /* octets valid in raw */
    uint32_t len;                       /* total of the data segments */
    uint8_t  raw[HCA_MAX_WQE];
} HcaWqe;

/* A receive WQE: its scatter list. */
typedef struct HcaRecv {
    bool     valid;
    uint16_t index;
    uint16_t size;                      /* octets of segments in raw */
    uint32_t pd;
    bool     reserved_lkey_ok;
    uint8_t  raw[HCA_MAX_WQE];
} HcaRecv;

/* A WQE in flight. The WQE itself stays in the queue until completed. */
typedef struct HcaSendOp {
    uint16_t wqe_index;
    uint8_t  opcode;
    bool     signalled;
    bool     response;                  /* read or atomic: done by a response */
    bool     done;
    uint8_t  error;                 /* syndrome to end with; HCA_SYN_OK: none */
    uint32_t psn;                       /* of its first packet */
    uint32_t packets;                   /* PSNs it takes, >= 1; 0: none (NOP) */
    uint32_t acked;                 /* PSNs acknowledged, or responses placed */
    uint32_t len;
} HcaSendOp;

typedef enum HcaRespKind {
    HCA_RESP_ACK,
    HCA_RESP_READ,
    HCA_RESP_ATOMIC,
} HcaRespKind;

/* A response the responder owes. */
typedef struct HcaResponse {
    HcaRespKind kind;
    uint8_t  syndrome;
    uint32_t psn, msn;
    uint64_t va;                        /* read: next octet to send */
    uint32_t rkey, len;                 /* read: octets left */
    uint32_t pd;                        /* read: that rkey must be of */
    bool     started;                   /* read: first packet sent */
    uint64_t value;                     /* atomic */
} HcaResponse;

typedef struct HcaPath {
    uint8_t  port;
    uint8_t  sl;
    bool     grh;
    uint8_t  path_bits;
    uint16_t dlid;
    uint8_t  gid_index;
    bool     force_gid;                 /* datagrams have it, whatever they say */
    uint8_t  hop_limit;
    uint32_t tclass_flow;
    uint8_t  dgid[16];
    uint8_t  pkey_index;
    uint8_t  ack_timeout;               /* 4.096 us << n; 0: never */
    uint8_t  counter;
} HcaPath;

typedef struct HcaSrq {
    uint32_t srqn;
    uint8_t  context[HCA_SRQC_SIZE];    /* as SW2HW_SRQ gave it */
    uint32_t pd, cqn;
    uint16_t xrcd;
    uint8_t  log_size, shift;
    HcaMtt   mtt;
    uint64_t db_addr;
    uint16_t head;                      /* index of the next WQE */
    uint16_t taken;                     /* WQEs consumed, modulo 2^16 */
    uint16_t posted;                    /* doorbell record, as last read */
    uint16_t limit;                     /* 0: not armed */
    bool     error;
} HcaSrq;

typedef enum HcaSched {
    HCA_SCHED_NONE,
    HCA_SCHED_RUN,
    HCA_SCHED_BLOCKED,
} HcaSched;

typedef struct HcaQp {
    TAILQ_ENTRY(HcaQp) all;
    TAILQ_ENTRY(HcaQp) sched;        /* run list, or blocked list of its port */
    TAILQ_ENTRY(HcaQp) timed;
    HcaSched sched_where;
    uint64_t deadline;                  /* HCA_NEVER: not on the timer list */

    /* Context as the driver wrote it, and the fields decoded from it. */
    uint8_t  context[HCA_QPC_SIZE];
    uint32_t qpn;
    uint8_t  state;
    uint8_t  service;
    uint32_t pd, uar, cqn_send, cqn_recv, srqn, qkey, remote_qpn, xrcd;
    bool     has_srq;
    bool     reserved_lkey, fast_reg;   /* what the kernel's QPs may do */
    HcaPath  path, alt_path;
    uint8_t  pm;                        /* HCA_PM_* */
    bool     pm_refused;                /* the event has been raised */
    uint32_t mtu;                       /* octets */
    uint8_t  log_max_msg;
    uint8_t  retry_count, rnr_retry;
    uint8_t  max_rd_atomic, max_dest_rd_atomic;
    uint32_t remote_access;          /* HCA_ACCESS_REMOTE_* granted by the QP */
    uint8_t  min_rnr_timer;
    HcaMtt   mtt;
    uint64_t db_addr;
    /* rq_count 0: no such queue */
    uint32_t sq_offset, sq_count, rq_offset, rq_count;
    uint8_t  sq_shift, rq_shift;

    /* Requester. [op_tail, op_head) are in flight, op_tx is being sent. */
    uint16_t sq_next;                   /* next WQE to fetch */
    uint16_t sq_done;                   /* WQEs completed or flushed */
    bool     sq_rung;                   /* there may be WQEs at sq_next */
    uint32_t next_psn;
    uint32_t op_head, op_tail, op_tx;   /* free-running, modulo the window */
    uint32_t op_packet;                 /* next packet of op_tx */
    HcaSendOp ops[HCA_SEND_WINDOW];
    uint8_t  responses_pending;         /* reads and atomics in flight */
    uint8_t  retries_left, rnr_left;
    bool     rnr_waiting;
    uint8_t  rnr_window;                /* operations allowed in flight; 0: all */
    bool     sqd_event;
    HcaWqe   wqe;                       /* of op_tx */
    HcaWqe   read_wqe;                  /* of the read being answered */

    /* Responder */
    uint16_t rq_done;                   /* receive WQEs consumed */
    uint16_t rq_posted;                 /* doorbell record, as last read */
    uint32_t epsn;
    uint32_t msn;
    bool     nak_sent;
    bool     comm_est;
    bool     last_wqe;                  /* event sent */
    unsigned rx_kind;              /* HCA_OP_SEND or _WRITE in progress, or 0 */
    uint32_t rx_len;                    /* octets placed of this message */
    uint64_t rx_va;                     /* RDMA write in progress */
    uint32_t rx_rkey, rx_left, rx_pd;
    HcaRecv  recv;
    HcaSrq  *recv_srq;                  /* where recv came from, or NULL */
    uint32_t resp_head, resp_tail;
    HcaResponse resp[HCA_RESPONSES];
    uint32_t atomic_next;
    struct {
        bool     valid;
        uint32_t psn;
        uint64_t value;
    } atomics[HCA_MAX_RD_ATOMIC];
} HcaQp;

typedef TAILQ_HEAD(HcaQpList, HcaQp) HcaQpList;

/* A packet kept: looped back, or delayed by a fault. */
typedef struct HcaHeld {
    STAILQ_ENTRY(HcaHeld) link;
    uint64_t deadline;                  /* delayed packets */
    uint8_t  port;
    bool     to_wire;                   /* delayed: else looped back */
    uint32_t sender;                    /* QPN, for multicast */
    size_t   len;
    uint8_t  data[];
} HcaHeld;

typedef STAILQ_HEAD(HcaHeldList, HcaHeld) HcaHeldList;

/* Sparse table of pointers by a 24-bit number. */
typedef struct HcaSlots {
    void **page[4096];
} HcaSlots;

struct HcaQps {
    HcaSlots qp_slots, srq_slots;
    HcaQpList all, run, timed;
    HcaQpList blocked[HCA_NUM_PORTS + 1];
    bool     tx_ready[HCA_NUM_PORTS + 1];
    uint64_t next_deadline;
    HcaHeldList loop;
    HcaHeldList delayed;
    unsigned num_delayed;
    bool     draining;
    uint32_t special_qpn;               /* CONF_SPECIAL_QP base; 0: none */
    uint8_t  tx[HCA_MAX_PACKET];
};

/* ---- qp.c ---- */

/* NULL when no such QP exists; qpn is the full 24-bit number. */
HcaQp *hca_qp_find(Hca *hca, uint32_t qpn);
/* Slot of a number, made when create; NULL: absent, or out of memory. */
void **hca_slot(HcaSlots *slots, uint32_t number, bool create);
void hca_slots_free(HcaSlots *slots);
void hca_path_decode(HcaPath *path, const uint8_t *raw);
/*
 * To the Error state. event: an HCA_EVENT_* for the consumer, or -1 when a
 * completion has told him already.
 */
void hca_qp_fail(Hca *hca, HcaQp *qp, int event);
/* Carry on over the alternate path, and tell the consumer. */
void hca_qp_migrate(Hca *hca, HcaQp *qp);
void hca_qp_set_pm(HcaQp *qp, uint8_t pm);
/* Append a completion; the QP fails when its CQ does. */
void hca_qp_complete(Hca *hca, HcaQp *qp, uint32_t cqn, const HcaCqe *cqe);
bool hca_qp_can_receive(const HcaQp *qp);
bool hca_qp_can_send(const HcaQp *qp);

/* ---- wqe.c ---- */

typedef enum HcaFetch {
    HCA_FETCH_OK,
    HCA_FETCH_EMPTY,
    HCA_FETCH_FAULT,                    /* the queue cannot be read */
} HcaFetch;

/* Owner bit of the WQE at the producer counter says posted? */
HcaFetch hca_sq_peek(Hca *hca, HcaQp *qp, uint16_t index);
/*
 * Read and parse a posted WQE. Of a malformed one (HCA_FETCH_OK, syndrome set)
 * opcode and flags are valid.
 */
HcaFetch hca_sq_fetch(Hca *hca, HcaQp *qp, uint16_t index, HcaWqe *wqe);
/* Use a WQE that came through BlueFlame, if it is what the queue holds next. */
void hca_sq_accept(HcaQp *qp, const uint8_t *raw, size_t len);
/* Copy [offset, offset + len) of the gathered data; a syndrome. */
uint8_t hca_wqe_gather(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t offset,
                       uint32_t len, uint8_t *dst);
/* Operations on our own tables of memory: no packet, no data segment. */
bool hca_wqe_is_local(const HcaWqe *wqe);
uint8_t hca_wqe_run_local(Hca *hca, HcaQp *qp, const HcaWqe *wqe);
/* Place read or atomic results into the data segments of a send WQE. */
uint8_t hca_wqe_scatter(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t offset,
                        const uint8_t *src, uint32_t len);

/* Take the next WQE of the RQ or SRQ into qp->recv, unless one is there. */
HcaFetch hca_recv_take(Hca *hca, HcaQp *qp, HcaSrq *srq);
/* Place data; HCA_SYN_LOCAL_LENGTH when it does not fit. */
uint8_t hca_recv_scatter(Hca *hca, const HcaRecv *recv, uint32_t qpn,
                         uint32_t offset, const uint8_t *src, uint32_t len);

/* ---- requester.c ---- */

/* Send until idle or blocked; false: out of budget, call again. */
bool hca_requester_run(Hca *hca, HcaQp *qp, int *budget);
void hca_requester_response(Hca *hca, HcaQp *qp, const HcaPacket *pkt);
void hca_requester_timeout(Hca *hca, HcaQp *qp);
/* Forget what is in flight (error): what is not completed will be flushed. */
void hca_requester_reset(HcaQp *qp);

/* ---- responder.c ---- */

void hca_responder_request(Hca *hca, HcaQp *qp, const HcaPacket *pkt);
/* Send queued responses, flush if in error; false: out of budget. */
bool hca_responder_run(Hca *hca, HcaQp *qp, int *budget);

/* ---- ud.c ---- */

/* Send one UD or MLX WQE; a syndrome. */
uint8_t hca_ud_send(Hca *hca, HcaQp *qp, const HcaWqe *wqe, uint32_t psn);
void hca_ud_receive(Hca *hca, HcaQp *qp, unsigned port, const HcaPacket *pkt);

/* ---- stats.c ---- */

/* A packet that this QP sends, or is given. */
void hca_count_tx(Hca *hca, const HcaQp *qp, size_t len);
void hca_count_rx(Hca *hca, const HcaQp *qp, const HcaPacket *pkt);
void hca_diag(Hca *hca, const HcaQp *qp, HcaDiag what);
void hca_diag_completion(Hca *hca, const HcaQp *qp, const HcaCqe *cqe);

/* ---- srq.c, mcg.c ---- */

HcaSrq *hca_srq_find(Hca *hca, uint32_t srqn);
void hca_srq_reset(Hca *hca);
/* Deliver a multicast packet to the attached QPs. sender: QPN, looped; or 0. */
void hca_multicast_deliver(Hca *hca, unsigned port, const HcaPacket *pkt,
                           uint32_t sender);

/* ---- transport.c ---- */

void hca_transport_init(Hca *hca);
/* QP has work: give it a turn in the next drain. */
void hca_qp_schedule(Hca *hca, HcaQp *qp);
void hca_qp_unschedule(Hca *hca, HcaQp *qp);
void hca_qp_set_timer(Hca *hca, HcaQp *qp, uint64_t deadline);
/* Run what is scheduled, within a budget of packets; the rest via the bus. */
void hca_transport_drain(Hca *hca, int budget);
/* Room on the wire for new requests? If not, the QP waits for it. */
bool hca_tx_ready(Hca *hca, HcaQp *qp);
/*
 * Send a whole packet (hca_packet_finish() done) out of the QP's port: to the
 * wire, to ourselves, or both.
 */
void hca_tx(Hca *hca, const HcaQp *qp, const uint8_t *pkt, size_t len,
            bool loopback);
/* Fill the fields of the LRH, GRH and P_Key that the QP's path decides. */
void hca_tx_path(Hca *hca, HcaQp *qp, HcaPacket *pkt,
                 uint8_t grh[HCA_GRH_SIZE]);
/* A GRH but for its PayLen. */
bool hca_grh_build(Hca *hca, unsigned port, uint8_t grh[HCA_GRH_SIZE],
                   uint8_t gid_index, uint32_t tclass_flow, uint8_t hop_limit,
                   const uint8_t dgid[16]);
bool hca_pkey_equal(uint16_t a, uint16_t b);

/* Counters of PortInfo stick at their maximum. */
static inline void hca_count_violation(uint16_t *counter)
{
    *counter += *counter != 0xffff;
}

#endif
