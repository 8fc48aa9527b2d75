/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the HCA model: state shared by its files and the calls between them.
 *
 * Calls go one way: glue -> regs -> cmd -> objects (mr, eq, cq, srq, qp, mcg,
 * mad) -> icm -> bus. Contexts of EQ, CQ, SRQ and QP are kept here, as the
 * silicon keeps them in its caches; MTT and MPT entries are read from ICM at
 * every access, because the driver may write them there directly.
 */
#ifndef XENIB_HCA_CORE_H
#define XENIB_HCA_CORE_H

#include "hca.h"

/* ---- Firmware command interface (cmd.c) ---- */

/* Command status octet, include/linux/mlx4/cmd.h */
enum {
    HCA_CMD_OK             = 0x00,
    HCA_CMD_INTERNAL_ERR   = 0x01,
    HCA_CMD_BAD_OP         = 0x02,
    HCA_CMD_BAD_PARAM      = 0x03,
    HCA_CMD_BAD_SYS_STATE  = 0x04,
    HCA_CMD_BAD_RESOURCE   = 0x05,
    HCA_CMD_RESOURCE_BUSY  = 0x06,
    HCA_CMD_EXCEED_LIM     = 0x08,
    HCA_CMD_BAD_RES_STATE  = 0x09,
    HCA_CMD_BAD_INDEX      = 0x0a,
    HCA_CMD_BAD_NVMEM      = 0x0b,
    HCA_CMD_ICM_ERROR      = 0x0c,
    HCA_CMD_BAD_QP_STATE   = 0x10,
    HCA_CMD_BAD_SEG_PARAM  = 0x20,
    HCA_CMD_REG_BOUND      = 0x21,
    HCA_CMD_BAD_PKT        = 0x30,
    HCA_CMD_BAD_SIZE       = 0x40,
};

#define HCA_MAILBOX_SIZE 4096

/* One command, copied from the HCR before it runs. */
typedef struct HcaCmd {
    uint16_t op;
    uint8_t  op_modifier;
    uint32_t in_modifier;
    uint64_t in_param;                         /* immediate, or in[] was read from it */
    uint64_t out_param;                        /* immediate result, or out[] goes there */
    uint64_t delay_ns;                         /* a handler may have it answered later */
    uint8_t  in[HCA_MAILBOX_SIZE];             /* valid when the table says has_inbox */
    uint8_t  out[HCA_MAILBOX_SIZE];            /* zeroed; written when has_outbox and OK */
} HcaCmd;

/* Handlers return a status octet and touch nothing when it is not OK. */
typedef uint8_t HcaCmdFn(Hca *hca, HcaCmd *cmd);

/* The transport's (qp.c, srq.c, mcg.c); those of the device side are in device.h. */
HcaCmdFn hca_cmd_modify_qp;                    /* every opcode that changes a QP's state */
HcaCmdFn hca_cmd_query_qp;
HcaCmdFn hca_cmd_conf_special_qp;
HcaCmdFn hca_cmd_suspend_qp, hca_cmd_unsuspend_qp, hca_cmd_update_qp;
HcaCmdFn hca_cmd_sw2hw_srq, hca_cmd_hw2sw_srq, hca_cmd_query_srq, hca_cmd_arm_srq;
HcaCmdFn hca_cmd_read_mcg, hca_cmd_write_mcg, hca_cmd_mgid_hash;
HcaCmdFn hca_cmd_query_if_stat, hca_cmd_diag_rprt;

/* ---- The machine's memory, and errors of the model (dma.c) ---- */

/* Whose address it is, for messages: "WQE of QP", "data of key" and the like. */
typedef struct HcaUser {
    const char *what;
    uint32_t number;
} HcaUser;

/* false when any octet lies outside memory, which is an error of the model. */
bool hca_dma_read(Hca *hca, HcaUser user, uint64_t addr, void *buf, size_t len);
bool hca_dma_write(Hca *hca, HcaUser user, uint64_t addr, const void *buf,
                   size_t len);

typedef enum HcaErrorKind {
    HCA_ERROR_PAGE_0,                          /* DMA to the first page of memory */
    HCA_ERROR_OUTSIDE,                         /* DMA to where no memory is */
    HCA_ERROR_MTT,                             /* an entry that is not present */
    HCA_ERROR_EQ,                              /* an event lost */
    HCA_ERROR_KINDS
} HcaErrorKind;

typedef struct HcaErrorRate {
    uint64_t since;                            /* ns */
    unsigned lines;
} HcaErrorRate;

/*
 * A line that makes any test fail: sooner or later somebody's memory is read or
 * overwritten, or an event lost. Of each kind there are a few in a second, and
 * further ones are not told.
 */
void hca_error(Hca *hca, HcaErrorKind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- ICM, translation and protection (icm.c, mr.c) ---- */

/* A queue buffer as its context describes it. */
typedef struct HcaMtt {
    HcaUser  user;
    uint64_t addr;                             /* offset of the first entry within the MTT table, in octets (8 an entry) */
    uint8_t  page_shift;
} HcaMtt;

/*
 * Queue memory through its MTT. offset counts from the start of the first
 * page; false when an entry is absent (an error of the model, too) or DMA fails.
 */
bool hca_mtt_read(Hca *hca, const HcaMtt *mtt, uint64_t offset, void *buf, size_t len);
bool hca_mtt_write(Hca *hca, const HcaMtt *mtt, uint64_t offset, const void *buf, size_t len);

/* Access rights, bit positions as in the MPT flags (mlx4 MLX4_PERM_*). */
enum {
    HCA_ACCESS_LOCAL_READ   = 1 << 10,
    HCA_ACCESS_LOCAL_WRITE  = 1 << 11,
    HCA_ACCESS_REMOTE_READ  = 1 << 12,
    HCA_ACCESS_REMOTE_WRITE = 1 << 13,
    HCA_ACCESS_ATOMIC       = 1 << 14,
    HCA_ACCESS_BIND_MW      = 1 << 15,
};

typedef struct HcaMrRange {
    uint32_t key;                              /* lkey or rkey as the consumer wrote it */
    uint32_t pd;                               /* of the QP (24 bits) */
    uint32_t qpn;                              /* for type 2 memory windows */
    uint32_t access;                           /* rights that must all be present */
    bool     reserved_lkey_ok;                 /* the QP may use the reserved lkey */
    uint64_t va;
    uint64_t len;                              /* 0 is always granted */
} HcaMrRange;

/* Key, PD, bounds and rights of the whole range, nothing transferred. */
bool hca_mr_check(Hca *hca, const HcaMrRange *range);
/* Check, then transfer range->len octets. false: protection error (or DMA failed). */
bool hca_mr_read(Hca *hca, const HcaMrRange *range, void *buf);
bool hca_mr_write(Hca *hca, const HcaMrRange *range, const void *buf);

/* What a BIND_MW work request asks. */
typedef struct HcaBind {
    uint32_t new_rkey;                         /* its index names the window */
    uint32_t lkey;                             /* of the region; unused when len is 0 */
    uint32_t pd, qpn;                          /* of the QP */
    uint32_t access;                           /* HCA_ACCESS_REMOTE_*, HCA_ACCESS_ATOMIC */
    bool     type2, zero_based;
    uint64_t va, len;                          /* len 0 unbinds a window of type 1 */
} HcaBind;

/* What a fast registration asks. */
typedef struct HcaFastReg {
    uint32_t new_key, pd, access;
    uint64_t pages;                            /* bus address of the list of pages */
    uint64_t va, len;
    uint32_t page_shift;
} HcaFastReg;

/* false: against a rule; then nothing changes. */
bool hca_mw_bind(Hca *hca, const HcaBind *bind);
bool hca_mr_fast_register(Hca *hca, const HcaFastReg *reg);
/* Window of type 2 or region, by an operation of this QP or of its peer. */
bool hca_mr_invalidate(Hca *hca, uint32_t key, uint32_t pd, uint32_t qpn);

/* ICM itself by device virtual address: contexts that must live there. */
bool hca_icm_read(Hca *hca, uint64_t icm_addr, void *buf, size_t len);
bool hca_icm_write(Hca *hca, uint64_t icm_addr, const void *buf, size_t len);

/* ---- Event queues (eq.c) ---- */

/* Event types, include/linux/mlx4/device.h enum mlx4_event. */
enum {
    HCA_EVENT_COMP            = 0x00,
    HCA_EVENT_PATH_MIG        = 0x01,
    HCA_EVENT_COMM_EST        = 0x02,
    HCA_EVENT_SQ_DRAINED      = 0x03,
    HCA_EVENT_SRQ_QP_LAST_WQE = 0x13,
    HCA_EVENT_SRQ_LIMIT       = 0x14,
    HCA_EVENT_CQ_ERROR        = 0x04,
    HCA_EVENT_WQ_CATAS_ERROR  = 0x05,
    HCA_EVENT_PATH_MIG_FAILED = 0x07,
    HCA_EVENT_WQ_INVAL_REQ_ERROR = 0x10,
    HCA_EVENT_WQ_ACCESS_ERROR = 0x11,
    HCA_EVENT_SRQ_CATAS_ERROR = 0x12,
    HCA_EVENT_LOCAL_CATAS_ERROR = 0x08,
    HCA_EVENT_PORT_CHANGE     = 0x09,
    HCA_EVENT_CMD             = 0x0a,
    HCA_EVENT_EQ_OVERFLOW     = 0x0f,
    HCA_EVENT_PORT_MNG_CHG    = 0x1d,
};

/* Asynchronous event about a QP, SRQ or CQ number, to the EQ that MAP_EQ chose. */
void hca_event(Hca *hca, uint8_t type, uint8_t subtype, uint32_t number);

/* ---- Completion queues (cq.c) ---- */

/* A completion in host order; cq.c lays out the CQE (32 or 64 octets). */
typedef struct HcaCqe {
    uint32_t qpn;                              /* My_QPN, 24 bits */
    uint32_t imm;                              /* immediate or invalidated rkey, host order */
    uint32_t src_qpn;                          /* UD: rqpn; 24 bits */
    bool     grh;                              /* UD: 40 octets of GRH precede the data */
    uint8_t  path_bits;                        /* low 7 bits of the destination LID */
    uint16_t slid;
    uint8_t  sl;
    uint16_t pkey_index;
    uint32_t srqn;                             /* SRQ/XRC receive: number, else 0 */
    uint32_t byte_cnt;
    uint16_t wqe_index;
    bool     is_send;
    uint8_t  opcode;                           /* MLX4_OPCODE_* (send) or MLX4_RECV_OPCODE_* */
    uint8_t  syndrome;                         /* 0, or MLX4_CQE_SYNDROME_*: an error CQE */
    uint8_t  vendor_err;
    bool     solicited;                        /* counts for "next solicited" arming */
    uint64_t timestamp_ns;
} HcaCqe;

/* CQ exists, is in hardware ownership and has not overrun. */
bool hca_cq_valid(Hca *hca, uint32_t cqn);
/*
 * Append; fires the armed event. An overrun raises CQ_ERROR and puts the CQ in
 * error. false when the CQ is absent or in error: the QP must go to Error.
 */
bool hca_cq_push(Hca *hca, uint32_t cqn, const HcaCqe *cqe);

/* ---- Ports (port.c) ---- */

typedef struct HcaPort {
    bool     wire_up;                          /* cable and peer present */
    bool     init;                             /* INIT_PORT done */
    uint8_t  state;                            /* IB port state: 1 down .. 4 active */
    uint8_t  phys_state;
    uint8_t  mtu;                              /* active, IB code 1..5 */
    uint16_t lid;
    uint8_t  lmc;
    uint16_t sm_lid;
    uint8_t  sm_sl;
    uint64_t gid_prefix;
    uint64_t guid[HCA_NUM_GIDS];               /* GUIDInfo; [0] is the port GUID */
    uint16_t pkey[128];
    uint16_t pkey_violations, qkey_violations;
    uint64_t tx_packets, rx_packets, tx_octets, rx_octets;
} HcaPort;

/* A GID of the table, 16 octets in network order; false when index is out of range or empty. */
bool hca_port_gid(Hca *hca, unsigned port, unsigned index, uint8_t gid[16]);
/* Index of a matching P_Key with full/limited membership rules (IBTA 10.9.3), or -1. */
int hca_port_pkey_match(Hca *hca, unsigned port, uint16_t pkey);

/* ---- QPs and the transport (qp.c, requester.c, responder.c, ...) ---- */

void hca_qp_init(Hca *hca);                    /* at hca_new and reset: forget all */
void hca_qp_free(Hca *hca);                    /* at hca_free: give back hca->qps itself */
void hca_qp_doorbell(Hca *hca, uint32_t uar, uint32_t qpn);
/* len octets of a WQE written to a BlueFlame register of this UAR. */
void hca_qp_blueflame(Hca *hca, uint32_t uar, const void *wqe, size_t len);
void hca_qp_packet(Hca *hca, unsigned port, const uint8_t *pkt, size_t len);
void hca_qp_wire_ready(Hca *hca, unsigned port);
void hca_qp_run(Hca *hca);                     /* continue work cut short by the budget */
void hca_qp_timer(Hca *hca, uint64_t now_ns);  /* retransmission, RNR, held-back packets */
uint64_t hca_qp_next_deadline(Hca *hca);       /* UINT64_MAX: none */
/* A CQ or SRQ in use? HW2SW of it is refused as RESOURCE_BUSY. */
bool hca_qp_uses_cq(Hca *hca, uint32_t cqn);

/* ---- Counters (stats.c) ---- */

#define HCA_NUM_FLOWS 256

/* Traffic of the QPs whose paths name this counter: whole packets, as sent. */
typedef struct HcaFlow {
    uint64_t rx_packets, rx_octets, tx_packets, tx_octets;
} HcaFlow;

/*
 * Errors of the transport, by their offset in the mailbox of DIAG_RPRT: of the
 * receive and send queues, by completions and by packets.
 */
typedef enum HcaDiag {
    HCA_DIAG_RQ_LLE   = 0x000,                 /* local length */
    HCA_DIAG_SQ_LLE   = 0x004,
    HCA_DIAG_RQ_LQPOE = 0x008,                 /* local QP operation */
    HCA_DIAG_SQ_LQPOE = 0x00c,
    HCA_DIAG_RQ_LPE   = 0x018,                 /* local protection */
    HCA_DIAG_SQ_LPE   = 0x01c,
    HCA_DIAG_RQ_WRFE  = 0x020,                 /* flushed */
    HCA_DIAG_SQ_WRFE  = 0x024,
    HCA_DIAG_SQ_MWBE  = 0x02c,                 /* window binding */
    HCA_DIAG_SQ_BRE   = 0x034,                 /* bad response */
    HCA_DIAG_SQ_RIRE  = 0x044,                 /* remote invalid request */
    HCA_DIAG_RQ_RIRE  = 0x048,
    HCA_DIAG_SQ_RAE   = 0x04c,                 /* remote access */
    HCA_DIAG_RQ_RAE   = 0x050,
    HCA_DIAG_SQ_ROE   = 0x054,                 /* remote operation */
    HCA_DIAG_SQ_TREE  = 0x05c,                 /* transport retries exceeded */
    HCA_DIAG_SQ_RREE  = 0x064,                 /* RNR retries exceeded */
    HCA_DIAG_RQ_RNR   = 0x068,                 /* RNR NAKs */
    HCA_DIAG_SQ_RNR   = 0x06c,
    HCA_DIAG_RQ_OOS   = 0x100,                 /* out of sequence */
    HCA_DIAG_SQ_OOS   = 0x104,
    HCA_DIAG_RQ_UDSDPRD = 0x118,               /* datagrams without a receive */
    HCA_DIAG_RQ_DUP   = 0x130,                 /* duplicates */
    HCA_DIAG_SQ_TO    = 0x134,                 /* timeouts */
    HCA_DIAG_NONE     = 0x138,
} HcaDiag;

#define HCA_DIAG_WORDS (HCA_DIAG_NONE / 4)

/* ---- Faults in MADs (fault.c) ---- */

typedef struct HcaMadRule {
    uint8_t  class;
    uint16_t attr;                             /* 0: all */
    uint32_t every;                            /* 0: only once */
    uint32_t left;                             /* MADs up to the next; 0: none */
    uint64_t delay_ns;
} HcaMadRule;

/* The rule by which a packet to be sent meets this fault, or NULL. */
const HcaMadRule *hca_mad_fault(Hca *hca, HcaMadFault fault, const uint8_t *buf,
                                size_t len);
/*
 * A number from 1 to max at s, without space or sign, and end behind it: what
 * follows that; else NULL. For the texts that set faults.
 */
const char *hca_parse_number(const char *s, int base, unsigned long max,
                             char end, unsigned long *value);

/* ---- The device ---- */

typedef struct HcaTables HcaTables;            /* device.h */
typedef struct HcaQps HcaQps;                  /* qp.h */

struct Hca {
    HcaConfig config;
    const HcaBus *bus;
    void *opaque;
    HcaTables *tables;
    HcaQps *qps;
    HcaPort port[HCA_NUM_PORTS + 1];           /* numbered from 1 */
    bool early_cq_event;                       /* hca_set_early_cq_event() */
    bool mute_ports;                           /* hca_set_mute_ports() */
    uint8_t guid_cap;                          /* hca_set_guid_cap() */
    uint64_t eq_overflows;                     /* events lost */
    HcaErrorRate error_rate[HCA_ERROR_KINDS];
    HcaFaults faults;
    HcaMadRule mad_rule[HCA_MAD_FAULTS];
    uint64_t mad_faults;                       /* MADs that met one */
    bool count_flows;                          /* as INIT_HCA says */
    HcaFlow flow[HCA_NUM_FLOWS];
    uint32_t diag[HCA_NUM_PORTS + 1][HCA_DIAG_WORDS];
    struct {
        uint16_t op;
        uint8_t  status;
        uint32_t nth;                          /* from now; 0: none to fail */
    } fail_command;
    /* From INIT_HCA, for bounds: */
    uint8_t log_num_qps, log_num_srqs, log_num_cqs, log_num_eqs, log_num_mpts;
    uint8_t log_mc_entry_size, log_mc_hash_size, log_mc_table_size;
    uint64_t qpc_base, rdmarc_base, mc_base, dmpt_base, mtt_base, cmpt_base;
    bool running;                              /* between INIT_HCA and CLOSE_HCA */
};

void hca_log(Hca *hca, HcaLogLevel level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define hca_guest_error(hca, ...) hca_log(hca, HCA_LOG_GUEST_ERROR, __VA_ARGS__)

/* Re-arms the bus timer with the earliest deadline of all users. */
void hca_update_timer(Hca *hca);

/* Big-endian fields of contexts, WQEs and packets. */
static inline uint16_t hca_get16(const void *p)
{
    const uint8_t *b = p;

    return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t hca_get32(const void *p)
{
    const uint8_t *b = p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t hca_get64(const void *p)
{
    return (uint64_t)hca_get32(p) << 32 | hca_get32((const uint8_t *)p + 4);
}

static inline void hca_put16(void *p, uint16_t v)
{
    uint8_t *b = p;

    b[0] = v >> 8;
    b[1] = v;
}

static inline void hca_put32(void *p, uint32_t v)
{
    hca_put16(p, v >> 16);
    hca_put16((uint8_t *)p + 2, v);
}

static inline void hca_put64(void *p, uint64_t v)
{
    hca_put32(p, v >> 32);
    hca_put32((uint8_t *)p + 4, v);
}

#endif
