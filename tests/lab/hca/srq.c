/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared receive queues: contexts and commands. Taking WQEs from them is in
 * wqe.c. Layout: struct mlx4_srq_context, drivers/net/.../mlx4/mlx4.h.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "qp.h"

/* Offsets in the context */
enum {
    SRQC_STATE_SIZE_SRQN = 0,
    SRQC_LOG_STRIDE      = 4,
    SRQC_XRCD            = 6,
    SRQC_CQN             = 8,
    SRQC_LOG_PAGE        = 16,
    SRQC_MTT_H           = 19,
    SRQC_MTT_L           = 20,
    SRQC_PD              = 24,
    SRQC_LIMIT           = 28,
    SRQC_WQE_CNT         = 30,
    SRQC_WQE_COUNTER     = 34,
    SRQC_DB_REC          = 40,
};

#define SRQ_STATE_ERROR 0x1u                   /* context bits 31:28 */

HcaSrq *hca_srq_find(Hca *hca, uint32_t srqn)
{
    void **slot = hca_slot(&hca->qps->srq_slots, srqn, false);

    return slot ? *slot : NULL;
}

void hca_srq_reset(Hca *hca)
{
    HcaSlots *slots = &hca->qps->srq_slots;

    for (unsigned i = 0; i < 4096; i++) {
        for (unsigned j = 0; slots->page[i] && j < 4096; j++) {
            free(slots->page[i][j]);
        }
    }
    hca_slots_free(slots);
}

static void srq_decode(HcaSrq *srq)
{
    const uint8_t *c = srq->context;

    srq->log_size = c[SRQC_STATE_SIZE_SRQN] & 0xf;
    srq->shift = (c[SRQC_LOG_STRIDE] & 7) + 4;
    srq->xrcd = hca_get16(c + SRQC_XRCD);
    srq->cqn = hca_get32(c + SRQC_CQN) & 0xffffff;
    srq->mtt.user = (HcaUser) { "WQE of SRQ", srq->srqn };
    srq->mtt.addr = (uint64_t)c[SRQC_MTT_H] << 32 | hca_get32(c + SRQC_MTT_L);
    srq->mtt.page_shift = (c[SRQC_LOG_PAGE] & 0x1f) + HCA_PAGE_SHIFT;
    srq->pd = hca_get32(c + SRQC_PD) & 0xffffff;
    srq->db_addr = hca_get64(c + SRQC_DB_REC);
}

uint8_t hca_cmd_sw2hw_srq(Hca *hca, HcaCmd *cmd)
{
    uint32_t srqn = cmd->in_modifier & 0xffffff;
    HcaSrq *srq;
    void **slot;

    if (!hca->running || srqn >> hca->log_num_srqs) {
        return HCA_CMD_BAD_INDEX;
    }
    slot = hca_slot(&hca->qps->srq_slots, srqn, true);
    if (!slot) {
        return HCA_CMD_EXCEED_LIM;
    }
    if (*slot) {
        return HCA_CMD_BAD_RES_STATE;
    }
    srq = calloc(1, sizeof(*srq));
    if (!srq) {
        return HCA_CMD_EXCEED_LIM;
    }
    srq->srqn = srqn;
    memcpy(srq->context, cmd->in, HCA_SRQC_SIZE);
    srq_decode(srq);
    if (srq->shift < 5) {
        hca_guest_error(hca, "SRQ %06x: stride below 32", srqn);
        free(srq);
        return HCA_CMD_BAD_PARAM;
    }
    *slot = srq;
    return HCA_CMD_OK;
}

static void srq_query(const HcaSrq *srq, uint8_t *c)
{
    memcpy(c, srq->context, HCA_SRQC_SIZE);
    if (srq->error) {
        c[SRQC_STATE_SIZE_SRQN] |= SRQ_STATE_ERROR << 4;
    }
    hca_put16(c + SRQC_LIMIT, srq->limit);
    hca_put16(c + SRQC_WQE_CNT, srq->posted - srq->taken);
    hca_put16(c + SRQC_WQE_COUNTER, srq->taken);
}

uint8_t hca_cmd_hw2sw_srq(Hca *hca, HcaCmd *cmd)
{
    HcaSrq *srq = hca_srq_find(hca, cmd->in_modifier & 0xffffff);
    HcaQp *qp;

    if (!srq) {
        return HCA_CMD_BAD_RES_STATE;
    }
    TAILQ_FOREACH(qp, &hca->qps->all, all) {
        if (qp->has_srq && qp->srqn == srq->srqn) {
            return HCA_CMD_RESOURCE_BUSY;
        }
        /* An XRC target holds one of its WQEs at most: it dies with the SRQ. */
        if (qp->recv_srq == srq) {
            qp->recv_srq = NULL;
            qp->recv.valid = false;
        }
    }
    srq_query(srq, cmd->out);
    *hca_slot(&hca->qps->srq_slots, srq->srqn, false) = NULL;
    free(srq);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_query_srq(Hca *hca, HcaCmd *cmd)
{
    HcaSrq *srq = hca_srq_find(hca, cmd->in_modifier & 0xffffff);

    if (!srq) {
        return HCA_CMD_BAD_RES_STATE;
    }
    srq_query(srq, cmd->out);
    return HCA_CMD_OK;
}

/* in_param: the watermark; an event when fewer WQEs than that are left. */
uint8_t hca_cmd_arm_srq(Hca *hca, HcaCmd *cmd)
{
    HcaSrq *srq = hca_srq_find(hca, cmd->in_modifier & 0xffffff);

    if (!srq) {
        return HCA_CMD_BAD_RES_STATE;
    }
    if (cmd->in_param > 1u << srq->log_size) {
        return HCA_CMD_BAD_PARAM;
    }
    srq->limit = cmd->in_param;
    return HCA_CMD_OK;
}
