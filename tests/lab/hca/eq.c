/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event queues: rings of events in host memory. Bit 7 of an entry's last octet
 * tells whose it is and changes its meaning with each round, so a new queue is
 * first filled with entries that are the hardware's in round one.
 *
 * How far the driver has read, only its doorbell tells. An event for a queue
 * that is full up to there is lost, be it a command's completion, and the
 * context says so from then on; unless the context told the HCA not to look,
 * which then writes over what is not read. The queue goes on with the first
 * event after the next doorbell.
 */
#include <string.h>

#include "device.h"

#define EQE_SIZE           32
#define EQE_OWNER          0x80
#define INDEX_MASK         0xffffffu

/* struct mlx4_eq_context */
#define EQC_FLAGS          0x00
#define EQC_PAGE_OFFSET    0x0a
#define EQC_LOG_SIZE       0x0c
#define EQC_INTR           0x17
#define EQC_LOG_PAGE       0x18
#define EQC_MTT_H          0x1b
#define EQC_MTT_L          0x1c
#define EQC_CONSUMER       0x28
#define EQC_PRODUCER       0x2c

#define EQ_FLAG_OVERRUN_OK (1u << 17)
#define EQ_STATUS_OVERFLOW 9                   /* bits 31:28; as of mthca */
#define EQ_STATUS_WRITE_FAIL 10
#define EQ_STATE(flags)    ((flags) >> 8 & 0xf)
#define EQ_STATE_ARMED     9
#define EQ_STATE_FIRED     10
#define EQ_STATE_ALWAYS    11

#define DB_ARM             (1u << 31)

void hca_eq_reset(Hca *hca)
{
    HcaTables *t = hca->tables;

    memset(t->eq, 0, sizeof(t->eq));
    for (unsigned i = 0; i < 64; i++) {
        t->event_eqn[i] = -1;
    }
}

static unsigned entry_size(Hca *hca)
{
    return hca->tables->eqe64 ? 2 * EQE_SIZE : EQE_SIZE;
}

static void fire(Hca *hca, HcaEq *eq)
{
    if (EQ_STATE(eq->flags) != EQ_STATE_ALWAYS) {
        eq->armed = false;
    }
    hca->bus->msix(hca->opaque, eq->intr);
}

static bool full(const HcaEq *eq)
{
    return ((eq->producer - eq->consumer) & INDEX_MASK) >= 1u << eq->log_size;
}

/* Another queue may hear of it, if the driver has chosen one for that. */
static void lose(Hca *hca, unsigned eqn, HcaEq *eq, uint8_t type)
{
    bool first = !eq->overflow;

    eq->overflow = true;
    eq->status = EQ_STATUS_OVERFLOW;
    hca->eq_overflows++;
    hca_error(hca, HCA_ERROR_EQ, "EQ %u overflow: event 0x%x lost", eqn, type);
    if (first && hca->tables->event_eqn[HCA_EVENT_EQ_OVERFLOW] != (int)eqn) {
        hca_event(hca, HCA_EVENT_EQ_OVERFLOW, 0, eqn);
    }
}

/* eqe has all but the owner bit. */
static void push(Hca *hca, unsigned eqn, uint8_t eqe[EQE_SIZE])
{
    HcaEq *eq = &hca->tables->eq[eqn];
    uint32_t size = 1u << eq->log_size;
    uint32_t index = eq->producer & (size - 1);
    unsigned stride = entry_size(hca);

    if (!eq->valid) {
        hca_guest_error(hca, "event 0x%x for EQ %u, which is not there",
                        eqe[1], eqn);
        return;
    }
    if (full(eq) && !(eq->flags & EQ_FLAG_OVERRUN_OK)) {
        lose(hca, eqn, eq, eqe[1]);
        return;
    }
    eqe[EQE_SIZE - 1] = eq->producer & size ? EQE_OWNER : 0;
    if (!hca_mtt_write(hca, &eq->mtt, (uint64_t)index * stride + stride - EQE_SIZE,
                       eqe, EQE_SIZE)) {
        hca_guest_error(hca, "EQ %u: entry %u not writable", eqn, index);
        eq->status = EQ_STATUS_WRITE_FAIL;
        return;
    }
    eq->producer = (eq->producer + 1) & INDEX_MASK;
    if (eq->armed) {
        fire(hca, eq);
    }
}

void hca_eq_doorbell(Hca *hca, uint32_t eqn, uint32_t value)
{
    HcaEq *eq;

    if (eqn >= 1u << HCA_LOG_MAX_EQS || !hca->tables->eq[eqn].valid) {
        hca_guest_error(hca, "doorbell of EQ %u, which is not there", eqn);
        return;
    }
    eq = &hca->tables->eq[eqn];
    eq->consumer = value & INDEX_MASK;
    eq->overflow = false;
    if (value & DB_ARM) {
        eq->armed = true;
        if (eq->consumer != eq->producer) {
            fire(hca, eq);
        }
    }
}

void hca_eq_completion(Hca *hca, uint8_t eqn, uint32_t cqn)
{
    uint8_t eqe[EQE_SIZE] = { [1] = HCA_EVENT_COMP };

    hca_put32(eqe + 4, cqn);
    push(hca, eqn, eqe);
}

static void push_async(Hca *hca, uint8_t eqe[EQE_SIZE])
{
    int eqn = hca->tables->event_eqn[eqe[1] & 63];

    if (eqn >= 0) {
        push(hca, eqn, eqe);
    }
}

/* A CQ's syndrome is carried beside its number, all others in the subtype. */
void hca_event(Hca *hca, uint8_t type, uint8_t subtype, uint32_t number)
{
    uint8_t eqe[EQE_SIZE] = { [1] = type };

    hca_put32(eqe + 4, number);
    eqe[type == HCA_EVENT_CQ_ERROR ? 15 : 3] = subtype;
    push_async(hca, eqe);
}

void hca_eq_command(Hca *hca, uint16_t token, uint8_t status, uint64_t out_param)
{
    uint8_t eqe[EQE_SIZE] = { [1] = HCA_EVENT_CMD };

    hca_put16(eqe + 6, token);
    eqe[15] = status;
    hca_put64(eqe + 16, out_param);
    push_async(hca, eqe);
}

static void push_port(Hca *hca, uint8_t eqe[EQE_SIZE])
{
    if (!hca->mute_ports) {
        push_async(hca, eqe);
    }
}

void hca_eq_port(Hca *hca, unsigned port, uint8_t subtype)
{
    uint8_t eqe[EQE_SIZE] = { [1] = HCA_EVENT_PORT_CHANGE, [3] = subtype };

    hca_put32(eqe + 12, (uint32_t)port << 28);
    push_port(hca, eqe);
}

void hca_eq_port_info(Hca *hca, unsigned port, uint32_t changed)
{
    uint8_t eqe[EQE_SIZE] = { [1] = HCA_EVENT_PORT_MNG_CHG,
                              [3] = HCA_PMC_PORT_INFO, [7] = port };
    const HcaPort *p = &hca->port[port];

    hca_put16(eqe + 8, p->sm_lid);
    hca_put16(eqe + 10, p->lid);
    hca_put32(eqe + 12, changed);
    eqe[19] = p->sm_sl;
    hca_put64(eqe + 20, p->gid_prefix);
    push_port(hca, eqe);
}

void hca_eq_port_table(Hca *hca, unsigned port, uint8_t subtype, uint32_t block,
                       uint32_t changed)
{
    uint8_t eqe[EQE_SIZE] = { [1] = HCA_EVENT_PORT_MNG_CHG, [3] = subtype,
                              [7] = port };

    hca_put32(eqe + 8, block);
    hca_put32(eqe + 12, changed);
    push_async(hca, eqe);
}

/* ---- Commands. in_modifier is the EQ's number. ---- */

static HcaEq *get_eq(Hca *hca, uint32_t eqn)
{
    return eqn < 1u << hca->log_num_eqs ? &hca->tables->eq[eqn] : NULL;
}

static bool fill(Hca *hca, const HcaEq *eq)
{
    uint64_t octets = (uint64_t)entry_size(hca) << eq->log_size;
    uint8_t page[1 << HCA_PAGE_SHIFT];

    memset(page, 0xff, sizeof(page));
    for (uint64_t off = 0; off < octets; off += sizeof(page)) {
        uint64_t n = octets - off;

        if (!hca_mtt_write(hca, &eq->mtt, off, page,
                           n < sizeof(page) ? n : sizeof(page))) {
            return false;
        }
    }
    return true;
}

uint8_t hca_cmd_sw2hw_eq(Hca *hca, HcaCmd *cmd)
{
    HcaEq *slot = get_eq(hca, cmd->in_modifier);
    const uint8_t *c = cmd->in;
    HcaEq eq = { .valid = true };

    if (!slot) {
        return HCA_CMD_BAD_INDEX;
    }
    if (slot->valid) {
        return HCA_CMD_BAD_RES_STATE;
    }
    eq.flags = hca_get32(c + EQC_FLAGS);
    eq.armed = EQ_STATE(eq.flags) == EQ_STATE_ARMED ||
               EQ_STATE(eq.flags) == EQ_STATE_ALWAYS;
    eq.log_size = c[EQC_LOG_SIZE] & 0x1f;
    eq.intr = c[EQC_INTR];
    eq.mtt.user = (HcaUser) { "EQE of EQ", cmd->in_modifier };
    eq.mtt.page_shift = (c[EQC_LOG_PAGE] & 0x1f) + HCA_PAGE_SHIFT;
    eq.mtt.addr = ((uint64_t)c[EQC_MTT_H] << 32 | hca_get32(c + EQC_MTT_L)) &
                  ~7ull;
    if (eq.log_size == 0 || eq.log_size > HCA_LOG_MAX_EQ_SIZE ||
        hca_get16(c + EQC_PAGE_OFFSET) != 0) {
        return HCA_CMD_BAD_PARAM;
    }
    if (!fill(hca, &eq)) {
        return HCA_CMD_BAD_SEG_PARAM;
    }
    *slot = eq;
    return HCA_CMD_OK;
}

static void put_context(const HcaEq *eq, uint8_t *c)
{
    uint32_t state = EQ_STATE(eq->flags) == EQ_STATE_ALWAYS ? EQ_STATE_ALWAYS
                   : eq->armed ? EQ_STATE_ARMED : EQ_STATE_FIRED;

    hca_put32(c + EQC_FLAGS, (eq->flags & 0x0ffff0ffu) | state << 8 |
              (uint32_t)eq->status << 28);
    c[EQC_LOG_SIZE] = eq->log_size;
    c[EQC_INTR] = eq->intr;
    c[EQC_LOG_PAGE] = eq->mtt.page_shift - HCA_PAGE_SHIFT;
    c[EQC_MTT_H] = eq->mtt.addr >> 32;
    hca_put32(c + EQC_MTT_L, (uint32_t)eq->mtt.addr);
    hca_put32(c + EQC_CONSUMER, eq->consumer);
    hca_put32(c + EQC_PRODUCER, eq->producer);
}

uint8_t hca_cmd_query_eq(Hca *hca, HcaCmd *cmd)
{
    HcaEq *eq = get_eq(hca, cmd->in_modifier);

    if (!eq) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!eq->valid) {
        return HCA_CMD_BAD_RES_STATE;
    }
    put_context(eq, cmd->out);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_hw2sw_eq(Hca *hca, HcaCmd *cmd)
{
    HcaEq *eq = get_eq(hca, cmd->in_modifier);

    if (!eq) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!eq->valid) {
        return HCA_CMD_BAD_RES_STATE;
    }
    put_context(eq, cmd->out);
    memset(eq, 0, sizeof(*eq));
    return HCA_CMD_OK;
}

/* in_param: a bit for each event type; in_modifier: EQ, bit 31 to unmap. */
uint8_t hca_cmd_map_eq(Hca *hca, HcaCmd *cmd)
{
    uint32_t eqn = cmd->in_modifier & 0x3ff;
    HcaEq *eq = get_eq(hca, eqn);
    bool unmap = cmd->in_modifier >> 31;

    if (!eq) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!eq->valid && !unmap) {
        return HCA_CMD_BAD_RES_STATE;
    }
    for (unsigned i = 0; i < 64; i++) {
        if (cmd->in_param >> i & 1) {
            hca->tables->event_eqn[i] = unmap ? -1 : (int16_t)eqn;
        }
    }
    return HCA_CMD_OK;
}
