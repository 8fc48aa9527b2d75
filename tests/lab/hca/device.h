/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device side of the HCA model: registers, command interface, ICM, event
 * and completion queues, ports. Private to the files that core.h lists as its
 * owners; the transport sees core.h only.
 *
 * Register and mailbox layouts: drivers/net/ethernet/mellanox/mlx4/{fw,cmd,eq,
 * cq,mr,reset,catas}.c and include/linux/mlx4/ in Linux 6.12.
 */
#ifndef XENIB_HCA_DEVICE_H
#define XENIB_HCA_DEVICE_H

#include "core.h"

/* ---- Limits, as QUERY_DEV_CAP announces them (log2 where named so) ---- */

#define HCA_LOG_MAX_QPS        18
#define HCA_LOG_MAX_SRQS       16
#define HCA_LOG_MAX_CQS        16
#define HCA_LOG_MAX_EQS        8
#define HCA_LOG_MAX_MPTS       19
#define HCA_LOG_MAX_MCGS       13
#define HCA_LOG_MAX_CQ_SIZE    18
#define HCA_LOG_MAX_EQ_SIZE    20
#define HCA_LOG_MAX_QP_SIZE    14
#define HCA_LOG_MAX_SRQ_SIZE   14
#define HCA_LOG_MAX_MSG        30
#define HCA_LOG_RSVD_QPS       6
#define HCA_LOG_RSVD_MPTS      4
#define HCA_RSVD_UARS          2
#define HCA_MAX_ICM_SIZE       (1ull << 35)
#define HCA_RESERVED_LKEY      0x00000f00u     /* last of the reserved MPTs */
#define HCA_MPT_SIZE           64
#define HCA_NUM_PKEYS          128
#define HCA_MTU_4096           5               /* IB code */

/* ---- Registers ---- */

#define HCA_CATAS_OFFSET       0x1f000u
#define HCA_CATAS_DWORDS       16
#define HCA_CLEAR_INT_OFFSET   0xf00d8u

/* ---- Event queue ---- */

typedef struct HcaEq {
    bool     valid;
    bool     armed;
    bool     overflow;                         /* since the last doorbell */
    uint8_t  status;                           /* EQ_STATUS_*, until HW2SW_EQ */
    uint8_t  intr;
    uint8_t  log_size;
    uint32_t flags;                            /* as SW2HW_EQ gave them */
    uint32_t consumer, producer;               /* 24 bits count */
    HcaMtt   mtt;
} HcaEq;

/* ---- Completion queue ---- */

typedef enum HcaCqArm {
    HCA_CQ_UNARMED,
    HCA_CQ_ARMED_SOLICITED,
    HCA_CQ_ARMED,
} HcaCqArm;

typedef struct HcaCq {
    uint32_t cqn;
    uint32_t flags;                            /* overrun ignore, collapsed */
    uint32_t uar;
    uint8_t  eqn;
    uint8_t  log_size;
    bool     error;
    HcaCqArm arm;
    uint8_t  arm_sn;                           /* 2 bits: of the next event */
    HcaMtt   mtt;
    uint64_t db_rec;
    uint32_t consumer;                         /* last seen, 24 bits */
    uint32_t producer;                         /* 24 bits */
    uint32_t solicited;                        /* producer after the last solicited CQE */
    uint32_t last_notified;
    /* Moderation: an event when max_count are waiting or period_us has passed. */
    uint16_t period_us, max_count;
    uint32_t waiting;
    uint64_t deadline;                         /* UINT64_MAX: none */
    struct HcaCq *next_pending;                /* list of CQs with a deadline */
    bool     pending;
} HcaCq;

/* ---- BlueFlame: a WQE arrives in pieces of up to 8 octets ---- */

#define HCA_BF_REG_SIZE        512             /* two buffers used in turn */
#define HCA_BF_BUF_SIZE        (HCA_BF_REG_SIZE / 2)
#define HCA_BF_BUFS            ((1 << HCA_PAGE_SHIFT) / HCA_BF_BUF_SIZE)

typedef struct HcaBlueFlame {
    uint8_t  data[1 << HCA_PAGE_SHIFT];
    uint16_t filled[HCA_BF_BUFS];              /* contiguous octets from the start */
} HcaBlueFlame;

/* ---- ICM: pages of host memory behind the device's virtual addresses ---- */

#define HCA_ICM_LEAF_SHIFT     9               /* pages of a leaf */
#define HCA_ICM_PRESENT        1u

typedef struct HcaIcmLeaf {
    uint64_t page[1 << HCA_ICM_LEAF_SHIFT];    /* bus address, or 0: absent; low bit: present */
    unsigned count;
} HcaIcmLeaf;

typedef struct HcaIcm {
    uint64_t size;                             /* of the address space, octets */
    HcaIcmLeaf **leaf;
    size_t   num_leaves;
} HcaIcm;

struct HcaTables {
    /* registers */
    uint32_t hcr[7];                           /* host order: word 0 is the first dword */
    bool     owned;
    bool     semaphore;
    bool     fatal;
    uint32_t catas[HCA_CATAS_DWORDS];
    HcaCmd   cmd;
    uint8_t  cmd_status;                       /* of one not yet answered */
    uint64_t cmd_deadline;                     /* when it is; UINT64_MAX: there is none */
    /* firmware */
    uint32_t fa_pages, aux_pages;
    bool     fw_running;
    uint8_t  init_hca[512];                    /* its mailbox, for QUERY_HCA */
    char     node_desc[64];
    HcaIcm   icm;
    /* queues */
    HcaEq    eq[1 << HCA_LOG_MAX_EQS];
    int16_t  event_eqn[64];                    /* by event type; -1: none */
    bool     cqe64, eqe64;
    HcaCq  **cq;                               /* by number; NULL before INIT_HCA */
    HcaCq   *cq_pending;
    uint32_t cq_doorbell[HCA_NUM_UARS];        /* first half of a split doorbell */
    HcaBlueFlame *blueflame[HCA_NUM_UARS];
    /* management, by port */
    struct {
        uint64_t mkey;
        uint8_t  mkey_prot;
        uint16_t mkey_lease, mkey_violations;
        uint32_t cap_mask;
        uint8_t  link_down_default;
        uint8_t  link_width_enabled, link_speed_enabled;
        uint8_t  vl_high_limit, op_vls;
        uint8_t  subnet_timeout, error_thresholds;
        uint8_t  sl2vl[8];
        uint8_t  vl_arb[4][64];
        uint64_t counter_base[4];              /* PMA: values at the last clear */
        uint8_t  link_downed;
    } sma[HCA_NUM_PORTS + 1];
};

/* ---- hca.c ---- */

void hca_soft_reset(Hca *hca);                 /* the reset register */

/* ---- cmd.c ---- */

void hca_cmd_post(Hca *hca);                   /* the go bit was written to the HCR */
void hca_cmd_timer(Hca *hca, uint64_t now_ns); /* answer what is due */
/* Handlers of the device side; HcaCmdFn contract in core.h. */
HcaCmdFn hca_cmd_query_fw, hca_cmd_map_fa, hca_cmd_unmap_fa, hca_cmd_run_fw;
HcaCmdFn hca_cmd_query_dev_cap, hca_cmd_query_adapter, hca_cmd_query_port;
HcaCmdFn hca_cmd_mod_stat_cfg;
HcaCmdFn hca_cmd_init_hca, hca_cmd_close_hca, hca_cmd_query_hca;
HcaCmdFn hca_cmd_set_icm_size, hca_cmd_map_icm, hca_cmd_unmap_icm;
HcaCmdFn hca_cmd_map_icm_aux, hca_cmd_unmap_icm_aux;
HcaCmdFn hca_cmd_sw2hw_mpt, hca_cmd_hw2sw_mpt, hca_cmd_query_mpt;
HcaCmdFn hca_cmd_read_mtt, hca_cmd_write_mtt;
HcaCmdFn hca_cmd_sw2hw_eq, hca_cmd_hw2sw_eq, hca_cmd_query_eq, hca_cmd_map_eq;
HcaCmdFn hca_cmd_sw2hw_cq, hca_cmd_hw2sw_cq, hca_cmd_query_cq, hca_cmd_modify_cq;
HcaCmdFn hca_cmd_init_port, hca_cmd_close_port, hca_cmd_set_port, hca_cmd_sense_port;
HcaCmdFn hca_cmd_set_node, hca_cmd_mad_ifc;

/* ---- icm.c ---- */

bool hca_icm_set_size(Hca *hca, uint64_t size); /* forgets all mappings */

/* ---- eq.c ---- */

/* Attributes, MLX4_EQ_PORT_INFO_*, and subtypes, MLX4_DEV_PMC_SUBTYPE_* */
enum {
    HCA_PORT_SM_LID     = 1 << 0,
    HCA_PORT_GID_PREFIX = 1 << 1,
    HCA_PORT_LID        = 1 << 2,
    HCA_PORT_REREGISTER = 1 << 3,
    HCA_PORT_SM_SL      = 1 << 4,
    HCA_PMC_GUID_INFO   = 0x14,
    HCA_PMC_PORT_INFO   = 0x15,
    HCA_PMC_PKEY_TABLE  = 0x16,
};

void hca_eq_reset(Hca *hca);
void hca_eq_doorbell(Hca *hca, uint32_t eqn, uint32_t value);
void hca_eq_completion(Hca *hca, uint8_t eqn, uint32_t cqn);
void hca_eq_command(Hca *hca, uint16_t token, uint8_t status, uint64_t out_param);
/* subtype 1: down, 4: active */
void hca_eq_port(Hca *hca, unsigned port, uint8_t subtype);
/*
 * Port management has changed something. changed: bit per attribute of
 * PortInfo (HCA_PORT_*), or per entry of a block of a table.
 */
void hca_eq_port_info(Hca *hca, unsigned port, uint32_t changed);
void hca_eq_port_table(Hca *hca, unsigned port, uint8_t subtype, uint32_t block,
                       uint32_t changed);

/* ---- cq.c ---- */

bool hca_cq_init(Hca *hca);                    /* at INIT_HCA; false: out of memory */
void hca_cq_reset(Hca *hca);
void hca_cq_doorbell(Hca *hca, uint32_t uar, uint32_t word0, uint32_t word1);
void hca_cq_timer(Hca *hca, uint64_t now_ns);
uint64_t hca_cq_next_deadline(Hca *hca);

/* ---- port.c ---- */

void hca_port_reset(Hca *hca);
void hca_port_update(Hca *hca, unsigned port); /* after a change of wire or INIT_PORT */
/* state as PortInfo sets it: 1 down, 3 armed, 4 active; false: no such transition */
bool hca_port_set_state(Hca *hca, unsigned port, uint8_t state);
void hca_port_set_phys(Hca *hca, unsigned port, bool enable);

#endif
