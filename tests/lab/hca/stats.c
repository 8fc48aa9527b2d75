/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the HCA counts for its driver, but for what a port's manager asks:
 * traffic by the counter that a QP's path names, and errors of the transport.
 *
 * Layouts: struct mlx4_counter, include/linux/mlx4/device.h, and the offsets
 * that drivers/infiniband/hw/mlx4/main.c has for diag_basic and its like.
 */
#include "core.h"
#include "qp.h"

#define IF_STAT_RESET      (1u << 31)

/* Offsets in the mailbox of QUERY_IF_STAT; its mode is 0: these four alone */
enum {
    IF_STAT_NUM_IFC        = 0x04,
    IF_STAT_RX_PACKETS     = 0x10,
    IF_STAT_RX_OCTETS      = 0x18,
    IF_STAT_TX_PACKETS     = 0x20,
    IF_STAT_TX_OCTETS      = 0x28,
};

void hca_count_tx(Hca *hca, const HcaQp *qp, size_t len)
{
    HcaFlow *flow = &hca->flow[qp->path.counter];

    if (hca->count_flows) {
        flow->tx_packets++;
        flow->tx_octets += len;
    }
}

void hca_count_rx(Hca *hca, const HcaQp *qp, const HcaPacket *pkt)
{
    HcaFlow *flow = &hca->flow[qp->path.counter];

    if (hca->count_flows) {
        flow->rx_packets++;
        flow->rx_octets += pkt->len;
    }
}

void hca_diag(Hca *hca, const HcaQp *qp, HcaDiag what)
{
    hca->diag[qp->path.port][what / 4]++;
}

void hca_diag_completion(Hca *hca, const HcaQp *qp, const HcaCqe *cqe)
{
    static const struct {
        uint8_t syndrome;
        HcaDiag rq, sq;                        /* HCA_DIAG_NONE: not counted */
    } table[] = {
        { HCA_SYN_LOCAL_LENGTH, HCA_DIAG_RQ_LLE, HCA_DIAG_SQ_LLE },
        { HCA_SYN_LOCAL_QP_OP, HCA_DIAG_RQ_LQPOE, HCA_DIAG_SQ_LQPOE },
        { HCA_SYN_LOCAL_PROT, HCA_DIAG_RQ_LPE, HCA_DIAG_SQ_LPE },
        { HCA_SYN_FLUSH, HCA_DIAG_RQ_WRFE, HCA_DIAG_SQ_WRFE },
        { HCA_SYN_MW_BIND, HCA_DIAG_NONE, HCA_DIAG_SQ_MWBE },
        { HCA_SYN_BAD_RESPONSE, HCA_DIAG_NONE, HCA_DIAG_SQ_BRE },
        { HCA_SYN_REMOTE_INVAL, HCA_DIAG_NONE, HCA_DIAG_SQ_RIRE },
        { HCA_SYN_REMOTE_ACCESS, HCA_DIAG_NONE, HCA_DIAG_SQ_RAE },
        { HCA_SYN_REMOTE_OP, HCA_DIAG_NONE, HCA_DIAG_SQ_ROE },
        { HCA_SYN_RETRY_EXCEEDED, HCA_DIAG_NONE, HCA_DIAG_SQ_TREE },
        { HCA_SYN_RNR_EXCEEDED, HCA_DIAG_NONE, HCA_DIAG_SQ_RREE },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        HcaDiag what = cqe->is_send ? table[i].sq : table[i].rq;

        if (table[i].syndrome == cqe->syndrome && what != HCA_DIAG_NONE) {
            hca_diag(hca, qp, what);
        }
    }
}

/* ---- Commands ---- */

/* in_modifier: the counter, and whether it is to start anew. */
uint8_t hca_cmd_query_if_stat(Hca *hca, HcaCmd *cmd)
{
    uint32_t index = cmd->in_modifier & ~IF_STAT_RESET;
    HcaFlow *flow = &hca->flow[index % HCA_NUM_FLOWS];

    if (index >= HCA_NUM_FLOWS) {
        return HCA_CMD_BAD_INDEX;
    }
    hca_put32(cmd->out + IF_STAT_NUM_IFC, 1);
    hca_put64(cmd->out + IF_STAT_RX_PACKETS, flow->rx_packets);
    hca_put64(cmd->out + IF_STAT_RX_OCTETS, flow->rx_octets);
    hca_put64(cmd->out + IF_STAT_TX_PACKETS, flow->tx_packets);
    hca_put64(cmd->out + IF_STAT_TX_OCTETS, flow->tx_octets);
    if (cmd->in_modifier & IF_STAT_RESET) {
        *flow = (HcaFlow) { 0 };
    }
    return HCA_CMD_OK;
}

/* in_modifier: the port, 0 for all. Modifier 2: errors of the transport. */
uint8_t hca_cmd_diag_rprt(Hca *hca, HcaCmd *cmd)
{
    uint32_t port = cmd->in_modifier, sum;

    if (port > HCA_NUM_PORTS) {
        return HCA_CMD_BAD_INDEX;
    }
    for (unsigned i = 0; cmd->op_modifier == 2 && i < HCA_DIAG_WORDS; i++) {
        sum = hca->diag[1][i] + hca->diag[2][i];
        hca_put32(cmd->out + 4 * i, port ? hca->diag[port][i] : sum);
    }
    return HCA_CMD_OK;
}
