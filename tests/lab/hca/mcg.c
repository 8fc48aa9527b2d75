/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multicast groups: a hash table with overflow chains, kept in ICM by the
 * driver (drivers/net/ethernet/mellanox/mlx4/mcg.c) through READ_MCG and
 * WRITE_MCG. An entry is struct mlx4_mgm: next index << 6, protocol << 30 |
 * member count, eight octets reserved, the MGID, then the member QPNs.
 */
#include <string.h>

#include "core.h"
#include "qp.h"

#define MGM_GID         16
#define MGM_QPS         32
#define MGM_COUNT_MASK  0xffffff
#define MGM_BLOCK_LOOP  (1u << 30)             /* in a member: not from itself */
#define MGM_CHAIN_LIMIT 1024                   /* entries looked at per packet */

static bool mcg_entry(Hca *hca, uint32_t index, bool write, uint8_t *buf)
{
    uint64_t addr = hca->mc_base + ((uint64_t)index << hca->log_mc_entry_size);
    size_t size = (size_t)1 << hca->log_mc_entry_size;

    if (index >> hca->log_mc_table_size || size > HCA_MAILBOX_SIZE ||
        size < MGM_QPS) {
        return false;
    }
    return write ? hca_icm_write(hca, addr, buf, size) :
           hca_icm_read(hca, addr, buf, size);
}

static uint16_t mgid_hash(Hca *hca, const uint8_t *mgid)
{
    uint32_t h = 0;
    unsigned bits = hca->log_mc_hash_size < 16 ? hca->log_mc_hash_size : 16;

    for (int i = 0; i < 16; i += 2) {
        h = h * 31 + hca_get16(mgid + i);
    }
    return (h ^ h >> 16) & ((1u << bits) - 1);
}

uint8_t hca_cmd_read_mcg(Hca *hca, HcaCmd *cmd)
{
    return mcg_entry(hca, cmd->in_modifier, false, cmd->out) ? HCA_CMD_OK :
           HCA_CMD_BAD_INDEX;
}

uint8_t hca_cmd_write_mcg(Hca *hca, HcaCmd *cmd)
{
    if (cmd->op_modifier) {
        return HCA_CMD_BAD_PARAM;              /* promiscuous: Ethernet only */
    }
    return mcg_entry(hca, cmd->in_modifier, true, cmd->in) ? HCA_CMD_OK :
           HCA_CMD_BAD_INDEX;
}

uint8_t hca_cmd_mgid_hash(Hca *hca, HcaCmd *cmd)
{
    cmd->out_param = mgid_hash(hca, cmd->in);
    return HCA_CMD_OK;
}

static void deliver_members(Hca *hca, unsigned port, const HcaPacket *pkt,
                            uint32_t sender, const uint8_t *entry)
{
    uint32_t count = hca_get32(entry + 4) & MGM_COUNT_MASK, member, max;
    HcaQp *qp;

    max = (((uint32_t)1 << hca->log_mc_entry_size) - MGM_QPS) / 4;
    for (uint32_t i = 0; i < count && i < max; i++) {
        member = hca_get32(entry + MGM_QPS + 4 * i);
        if ((member & MGM_BLOCK_LOOP) && sender &&
            sender == (member & 0xffffff)) {
            continue;
        }
        qp = hca_qp_find(hca, member & 0xffffff);
        if (qp && qp->service == HCA_ST_UD) {
            hca_ud_receive(hca, qp, port, pkt);
        }
    }
}

void hca_multicast_deliver(Hca *hca, unsigned port, const HcaPacket *pkt,
                           uint32_t sender)
{
    uint8_t entry[HCA_MAILBOX_SIZE];
    const uint8_t *mgid;
    uint32_t index;

    if (!pkt->grh || !hca->running) {
        return;
    }
    mgid = pkt->grh + 24;
    index = mgid_hash(hca, mgid);
    for (unsigned n = 0; n < MGM_CHAIN_LIMIT; n++) {
        if (!mcg_entry(hca, index, false, entry) ||
            !(hca_get32(entry + 4) & MGM_COUNT_MASK)) {
            return;
        }
        if (!memcmp(entry + MGM_GID, mgid, 16)) {
            deliver_members(hca, port, pkt, sender, entry);
            return;
        }
        index = hca_get32(entry) >> 6;
        if (!index) {
            return;
        }
    }
}
