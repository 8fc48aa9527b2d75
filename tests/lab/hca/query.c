/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the device tells about itself, and the commands that start and stop it.
 * Only what the model does is announced. Offsets as in Linux' mlx4/fw.c.
 */
#include <string.h>

#include "device.h"

#define FW_PAGES           256
#define CMD_IF_REV         3
#define LOG_MAX_CMDS       4
#define DEV_CAP_FLAG(n)    (1ull << (n))

/* Bits of the 64-bit capability word, MLX4_DEV_CAP_FLAG_* */
#define DEV_CAP_FLAGS \
    (DEV_CAP_FLAG(0) |     /* RC */ \
     DEV_CAP_FLAG(1) |     /* UC */ \
     DEV_CAP_FLAG(2) |     /* UD */ \
     DEV_CAP_FLAG(3) |     /* XRC */ \
     DEV_CAP_FLAG(6) |     /* SRQ */ \
     DEV_CAP_FLAG(8) |     /* P_Key violation counter */ \
     DEV_CAP_FLAG(9) |     /* Q_Key violation counter */ \
     DEV_CAP_FLAG(16) |    /* memory windows */ \
     DEV_CAP_FLAG(17) |    /* automatic path migration */ \
     DEV_CAP_FLAG(18) |    /* atomics */ \
     DEV_CAP_FLAG(20) |    /* port check of UD address vectors */ \
     DEV_CAP_FLAG(21) |    /* UD multicast */ \
     DEV_CAP_FLAG(32) |    /* unicast loopback */ \
     DEV_CAP_FLAG(48) |    /* counters of flows */ \
     DEV_CAP_FLAG(59) |    /* events of port management */ \
     DEV_CAP_FLAG(61) |    /* 64-octet EQE */ \
     DEV_CAP_FLAG(62))     /* 64-octet CQE */

/* Base memory management extensions, MLX4_BMME_FLAG_* */
#define BMME_FLAGS \
    (1u << 1 |             /* windows of type 2B */ \
     1u << 6 |             /* local invalidate */ \
     1u << 7 |             /* remote invalidate */ \
     1u << 9 |             /* windows of type 2 */ \
     1u << 10 |            /* reserved lkey */ \
     1u << 11)             /* fast registration */

/* A word of which the driver reads one bit */
#define DIAG_PER_PORT      (1u << 17)

/* The INIT_HCA mailbox */
#define INIT_HCA_FLAGS     0x014
#define INIT_HCA_QPC       0x030
#define INIT_HCA_LOG_QP    0x037
#define INIT_HCA_LOG_SRQ   0x04f
#define INIT_HCA_LOG_CQ    0x057
#define INIT_HCA_CQE_EQE   0x058
#define INIT_HCA_STRIDE    0x05b
#define INIT_HCA_LOG_EQ    0x087
#define INIT_HCA_RDMARC    0x090
#define INIT_HCA_MC        0x0c0
#define INIT_HCA_LOG_MCE   0x0d3
#define INIT_HCA_LOG_MCH   0x0d7
#define INIT_HCA_UC_STEER  0x0d8
#define INIT_HCA_LOG_MCT   0x0db
#define INIT_HCA_DMPT      0x0f0
#define INIT_HCA_LOG_MPT   0x0fb
#define INIT_HCA_MTT       0x100
#define INIT_HCA_CMPT      0x108
#define INIT_HCA_LOG_UAR   0x12a
#define INIT_HCA_UAR_PAGE  0x12b

#define FLAG_BIG_ENDIAN    (1u << 1)
#define FLAG_COUNTERS      (1u << 4)
#define FLAG_FLOW_STEERING (1u << 6)
#define CQE64              (1u << 6)
#define EQE64              (1u << 5)
#define UC_STEERING        (1u << 3)

uint8_t hca_cmd_query_fw(Hca *hca, HcaCmd *cmd)
{
    uint8_t *o = cmd->out;

    (void)hca;
    hca_put16(o + 0x00, FW_PAGES);
    hca_put16(o + 0x02, 2);                    /* firmware 2.42.5000 */
    hca_put16(o + 0x04, 5000);
    hca_put16(o + 0x06, 42);
    hca_put16(o + 0x0a, CMD_IF_REV);
    o[0x0f] = LOG_MAX_CMDS;
    hca_put64(o + 0x20, HCA_CLEAR_INT_OFFSET); /* all in BAR 0 */
    hca_put64(o + 0x30, HCA_CATAS_OFFSET);
    hca_put32(o + 0x38, HCA_CATAS_DWORDS);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_run_fw(Hca *hca, HcaCmd *cmd)
{
    (void)cmd;
    if (hca->tables->fa_pages < FW_PAGES) {
        return HCA_CMD_BAD_NVMEM;
    }
    hca->tables->fw_running = true;
    return HCA_CMD_OK;
}

uint8_t hca_cmd_unmap_fa(Hca *hca, HcaCmd *cmd)
{
    (void)cmd;
    if (hca->running) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    hca->tables->fw_running = false;
    hca->tables->fa_pages = 0;
    return HCA_CMD_OK;
}

static void put_limits(uint8_t *o)
{
    o[0x10] = HCA_LOG_MAX_SRQ_SIZE;
    o[0x11] = HCA_LOG_MAX_QP_SIZE;
    o[0x12] = HCA_LOG_RSVD_QPS;
    o[0x13] = HCA_LOG_MAX_QPS;
    o[0x14] = 6 << 4;                          /* log reserved SRQs */
    o[0x15] = HCA_LOG_MAX_SRQS;
    o[0x19] = HCA_LOG_MAX_CQ_SIZE;
    o[0x1a] = 7;                               /* log reserved CQs */
    o[0x1b] = HCA_LOG_MAX_CQS;
    o[0x1d] = HCA_LOG_MAX_MPTS;
    o[0x1e] = 3;                               /* log reserved EQs */
    o[0x1f] = HCA_LOG_MAX_EQS;
    o[0x20] = 4 << 4;                          /* log reserved MTTs */
    o[0x22] = HCA_LOG_RSVD_MPTS;
    o[0x29] = 4;                               /* log outstanding reads, requester */
    o[0x2b] = 4;                               /* and responder, of a QP */
    o[0x2f] = 4 + HCA_LOG_MAX_QPS;             /* and of all */
    o[0x35] = 15;                              /* local CA ACK delay */
    o[0x36] = HCA_MTU_4096 << 4 | 3;
    o[0x37] = 8 << 4 | HCA_NUM_PORTS;
    o[0x38] = HCA_LOG_MAX_MSG;
    o[0x3b] = 7;                               /* log GIDs */
    o[0x3f] = 7;                               /* log P_Keys */
    o[0x51] = 62;                              /* S/G entries and octets of a send WQE */
    hca_put16(o + 0x52, 1008);
    o[0x55] = 32;                              /* of a receive WQE */
    hca_put16(o + 0x56, 512);
    o[0x61] = 8;                               /* log QPs of a multicast group */
    o[0x63] = HCA_LOG_MAX_MCGS;
    o[0x65] = 15;                              /* log PDs */
    o[0x67] = 16;                              /* log XRC domains */
    hca_put32(o + 0x68, HCA_NUM_FLOWS);
}

uint8_t hca_cmd_query_dev_cap(Hca *hca, HcaCmd *cmd)
{
    uint8_t *o = cmd->out;

    (void)hca;
    put_limits(o);
    hca_put32(o + 0x40, (uint32_t)(DEV_CAP_FLAGS >> 32));
    hca_put32(o + 0x44, (uint32_t)DEV_CAP_FLAGS);
    o[0x48] = HCA_RSVD_UARS << 4;
    o[0x49] = 2;                               /* UARs: 1 MB << 2 */
    o[0x4b] = HCA_PAGE_SHIFT;
    o[0x4c] = 0x80;                            /* BlueFlame */
    o[0x4d] = 9;                               /* log register size */
    o[0x4e] = 3;                               /* log registers of a page */
    o[0x4f] = 10;                              /* log pages */
    hca_put16(o + 0x80, 32);                   /* ICM entry sizes: RDMARC */
    hca_put16(o + 0x82, 256);                  /* QPC */
    hca_put16(o + 0x84, 256);                  /* AUXC */
    hca_put16(o + 0x86, 64);                   /* ALTC */
    hca_put16(o + 0x88, 128);                  /* EQC */
    hca_put16(o + 0x8a, 128);                  /* CQC */
    hca_put16(o + 0x8c, 128);                  /* SRQC */
    hca_put16(o + 0x8e, 64);                   /* cMPT */
    hca_put16(o + 0x90, 8);                    /* MTT */
    hca_put16(o + 0x92, HCA_MPT_SIZE);
    hca_put32(o + 0x94, BMME_FLAGS);
    hca_put32(o + 0x98, HCA_RESERVED_LKEY);
    hca_put32(o + 0x9c, DIAG_PER_PORT);
    hca_put64(o + 0xa0, HCA_MAX_ICM_SIZE);
    return HCA_CMD_OK;
}

/* The board's name, each word of it swapped, as the firmware has it. */
uint8_t hca_cmd_query_adapter(Hca *hca, HcaCmd *cmd)
{
    static const char board[16] = "XENIB-MODEL-CX3";
    uint8_t *id = cmd->out + 0x20 + 0xd0;

    (void)hca;
    for (unsigned i = 0; i < sizeof(board); i++) {
        id[i ^ 3] = board[i];
    }
    return HCA_CMD_OK;
}

uint8_t hca_cmd_query_port(Hca *hca, HcaCmd *cmd)
{
    uint32_t port = cmd->in_modifier & 0xff;
    uint8_t *o = cmd->out;

    if (port < 1 || port > HCA_NUM_PORTS) {
        return HCA_CMD_BAD_INDEX;
    }
    o[0x00] = (hca->port[port].state > 1) << 7 | 1;    /* link, InfiniBand only */
    o[0x01] = HCA_MTU_4096;
    hca_put16(o + 0x02, 0x2000);
    o[0x06] = 3;                               /* 1x and 4x */
    o[0x07] = 7 << 4 | 7;                      /* log GIDs, log P_Keys */
    o[0x0a] = 7 << 4 | 7;                      /* log VLANs and MACs: none used */
    o[0x0b] = 8;                               /* VLs */
    hca_put64(o + 0x10, (hca->config.node_guid + port) & 0xffffffffffffull);
    return HCA_CMD_OK;
}

/* Modifier 0 overrides settings that the model has not; 2 asks a port's GUID. */
uint8_t hca_cmd_mod_stat_cfg(Hca *hca, HcaCmd *cmd)
{
    uint32_t port = cmd->in_modifier >> 8 & 0xff;
    uint64_t guid;

    if (cmd->op_modifier == 0) {
        return HCA_CMD_OK;
    }
    if (cmd->op_modifier != 2) {
        return HCA_CMD_BAD_OP;
    }
    if (port < 1 || port > HCA_NUM_PORTS) {
        return HCA_CMD_BAD_INDEX;
    }
    guid = hca->config.node_guid + port;
    hca_put32(cmd->out + 0x14, guid >> 32);
    hca_put32(cmd->out + 0x1c, (uint32_t)guid);
    return HCA_CMD_OK;
}

static uint8_t check_init(const uint8_t *m)
{
    uint32_t flags = hca_get32(m + INIT_HCA_FLAGS);

    if (m[0] != 2 || (flags & (FLAG_BIG_ENDIAN | FLAG_FLOW_STEERING)) ||
        (m[INIT_HCA_UC_STEER] & UC_STEERING) || m[INIT_HCA_STRIDE] ||
        (m[INIT_HCA_UAR_PAGE] != 0) || (m[INIT_HCA_LOG_UAR] & 0xf) > 10) {
        return HCA_CMD_BAD_PARAM;
    }
    if ((m[INIT_HCA_LOG_QP] & 0x1f) > HCA_LOG_MAX_QPS ||
        (m[INIT_HCA_LOG_SRQ] & 0x1f) > HCA_LOG_MAX_SRQS ||
        (m[INIT_HCA_LOG_CQ] & 0x1f) > HCA_LOG_MAX_CQS ||
        (m[INIT_HCA_LOG_EQ] & 0x1f) > HCA_LOG_MAX_EQS ||
        (m[INIT_HCA_LOG_MPT] & 0x3f) > HCA_LOG_MAX_MPTS ||
        (m[INIT_HCA_LOG_MCT] & 0x1f) > HCA_LOG_MAX_MCGS) {
        return HCA_CMD_EXCEED_LIM;
    }
    if ((m[INIT_HCA_LOG_MCE] & 0x1f) < 6 || (m[INIT_HCA_LOG_MCE] & 0x1f) > 12 ||
        (m[INIT_HCA_LOG_MCH] & 0x1f) > (m[INIT_HCA_LOG_MCT] & 0x1f)) {
        return HCA_CMD_BAD_PARAM;
    }
    return HCA_CMD_OK;
}

uint8_t hca_cmd_init_hca(Hca *hca, HcaCmd *cmd)
{
    HcaTables *t = hca->tables;
    const uint8_t *m = cmd->in;
    uint8_t status = check_init(m);

    if (hca->running) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    if (status != HCA_CMD_OK) {
        return status;
    }
    hca->log_num_qps = m[INIT_HCA_LOG_QP] & 0x1f;
    hca->log_num_srqs = m[INIT_HCA_LOG_SRQ] & 0x1f;
    hca->log_num_cqs = m[INIT_HCA_LOG_CQ] & 0x1f;
    hca->log_num_eqs = m[INIT_HCA_LOG_EQ] & 0x1f;
    hca->log_num_mpts = m[INIT_HCA_LOG_MPT] & 0x3f;
    hca->log_mc_entry_size = m[INIT_HCA_LOG_MCE] & 0x1f;
    hca->log_mc_hash_size = m[INIT_HCA_LOG_MCH] & 0x1f;
    hca->log_mc_table_size = m[INIT_HCA_LOG_MCT] & 0x1f;
    hca->qpc_base = hca_get64(m + INIT_HCA_QPC) & ~0x1full;
    hca->rdmarc_base = hca_get64(m + INIT_HCA_RDMARC) & ~0x1full;
    hca->mc_base = hca_get64(m + INIT_HCA_MC);
    hca->dmpt_base = hca_get64(m + INIT_HCA_DMPT);
    hca->mtt_base = hca_get64(m + INIT_HCA_MTT);
    hca->cmpt_base = hca_get64(m + INIT_HCA_CMPT);
    t->cqe64 = m[INIT_HCA_CQE_EQE] & CQE64;
    t->eqe64 = m[INIT_HCA_CQE_EQE] & EQE64;
    hca->count_flows = hca_get32(m + INIT_HCA_FLAGS) & FLAG_COUNTERS;
    memcpy(t->init_hca, m, sizeof(t->init_hca));
    if (!hca_cq_init(hca)) {
        return HCA_CMD_INTERNAL_ERR;
    }
    hca->running = true;
    return HCA_CMD_OK;
}

uint8_t hca_cmd_query_hca(Hca *hca, HcaCmd *cmd)
{
    memcpy(cmd->out, hca->tables->init_hca, sizeof(hca->tables->init_hca));
    memset(cmd->out, 0, 0x10);                 /* no global capabilities, no clock */
    return HCA_CMD_OK;
}

uint8_t hca_cmd_close_hca(Hca *hca, HcaCmd *cmd)
{
    (void)cmd;
    if (!hca->running) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    hca->running = false;
    hca_qp_init(hca);
    hca_cq_reset(hca);
    hca_eq_reset(hca);
    hca_port_reset(hca);
    hca_update_timer(hca);
    return HCA_CMD_OK;
}
