/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MAD_IFC: the subnet and performance management agents. The driver passes in
 * the MADs that QP0 and QP1 received, and its own questions about the ports.
 * Attributes: InfiniBand Architecture Specification 1.3, 14.2.5 and 16.1.3.
 */
#include <string.h>

#include "device.h"


#define MAD_SIZE           256

/* The common header and the SMP's */
#define MAD_CLASS          1
#define MAD_METHOD         3
#define MAD_STATUS         4
#define MAD_ATTR           16
#define MAD_ATTR_MOD       20
#define SMP_MKEY           24
#define MAD_DATA           64                  /* of an SMP and of a PMA MAD */
#define SMP_DATA_SIZE      64

#define CLASS_SMP_LID      0x01
#define CLASS_SMP_DIRECTED 0x81
#define CLASS_PERF         0x04
#define METHOD_GET         0x01
#define METHOD_SET         0x02
#define METHOD_TRAP_REPRESS 0x07
#define METHOD_GET_RESP    0x81
#define STATUS_OK          0
#define STATUS_BAD_METHOD  0x0008
#define STATUS_BAD_ATTR    0x000c
#define STATUS_BAD_VALUE   0x001c

#define OPMOD_IGNORE_MKEY  1

#define NODE_TYPE_CA       1
#define VENDOR_ID          0x0002c9u
#define REVISION           0
#define LINK_WIDTH         3                   /* 1x, 4x */
#define LINK_WIDTH_4X      2
#define LINK_SPEED         7                   /* 2.5, 5, 10 Gb/s */
#define LINK_SPEED_QDR     4
#define LINK_SPEED_FDR     1                   /* extended */
#define VL_CAP             4                   /* VL 0 to 7 */
#define GUIDS_PER_BLOCK    8
#define PKEYS_PER_BLOCK    32
#define STATE_DOWN         1
#define PHYS_POLLING       2
#define PHYS_DISABLED      3
#define LID_UNICAST_END    0xc000

/* An agent answers in out (its data zeroed) and returns the MAD status. */
typedef struct Query {
    Hca *hca;
    unsigned port;                             /* that the MAD came in by */
    bool set;
    uint32_t attr_mod;
    const uint8_t *in;                         /* attribute data */
    uint8_t *out;
} Query;

static uint16_t node_description(const Query *q)
{
    if (q->set) {
        return STATUS_BAD_ATTR;
    }
    memcpy(q->out, q->hca->tables->node_desc, 64);
    return STATUS_OK;
}

static uint16_t node_info(const Query *q)
{
    uint64_t guid = q->hca->config.node_guid;

    if (q->set) {
        return STATUS_BAD_ATTR;
    }
    q->out[0] = 1;                             /* base and class version */
    q->out[1] = 1;
    q->out[2] = NODE_TYPE_CA;
    q->out[3] = HCA_NUM_PORTS;
    hca_put64(q->out + 4, guid);               /* system image */
    hca_put64(q->out + 12, guid);
    hca_put64(q->out + 20, guid + q->port);
    hca_put16(q->out + 28, HCA_NUM_PKEYS);
    hca_put16(q->out + 30, HCA_PCI_DEVICE);
    hca_put32(q->out + 32, REVISION);
    hca_put32(q->out + 36, (uint32_t)q->port << 24 | VENDOR_ID);
    return STATUS_OK;
}

static uint16_t guid_info(const Query *q)
{
    uint64_t *guid = q->hca->port[q->port].guid;
    unsigned first = q->attr_mod * GUIDS_PER_BLOCK;
    uint32_t changed = 0;

    if (q->attr_mod >= HCA_NUM_GIDS / GUIDS_PER_BLOCK ||
        first >= q->hca->guid_cap) {
        return STATUS_BAD_VALUE;
    }
    guid += first;
    for (unsigned i = 0; i < GUIDS_PER_BLOCK; i++) {
        /* The first is the port's own */
        if (q->set && first + i && first + i < q->hca->guid_cap) {
            changed |= (uint32_t)(guid[i] != hca_get64(q->in + 8 * i)) << i;
            guid[i] = hca_get64(q->in + 8 * i);
        }
        hca_put64(q->out + 8 * i, guid[i]);
    }
    if (changed) {
        hca_eq_port_table(q->hca, q->port, HCA_PMC_GUID_INFO, q->attr_mod,
                          changed);
    }
    return STATUS_OK;
}

static uint16_t pkey_table(const Query *q)
{
    unsigned block = q->attr_mod & 0xffff;
    uint16_t *pkey = q->hca->port[q->port].pkey;
    uint32_t changed = 0;

    if (block >= HCA_NUM_PKEYS / PKEYS_PER_BLOCK) {
        return STATUS_BAD_VALUE;
    }
    pkey += block * PKEYS_PER_BLOCK;
    for (unsigned i = 0; i < PKEYS_PER_BLOCK; i++) {
        if (q->set) {
            changed |= (uint32_t)(pkey[i] != hca_get16(q->in + 2 * i)) << i;
            pkey[i] = hca_get16(q->in + 2 * i);
        }
        hca_put16(q->out + 2 * i, pkey[i]);
    }
    if (changed) {
        hca_eq_port_table(q->hca, q->port, HCA_PMC_PKEY_TABLE, block, changed);
    }
    return STATUS_OK;
}

static uint16_t sl_to_vl(const Query *q)
{
    uint8_t *table = q->hca->tables->sma[q->port].sl2vl;

    if (q->set) {
        memcpy(table, q->in, 8);
    }
    memcpy(q->out, table, 8);
    return STATUS_OK;
}

static uint16_t vl_arbitration(const Query *q)
{
    unsigned block = q->attr_mod >> 16;
    uint8_t *table;

    if (block < 1 || block > 4) {
        return STATUS_BAD_VALUE;
    }
    table = q->hca->tables->sma[q->port].vl_arb[block - 1];
    if (q->set) {
        memcpy(table, q->in, 64);
    }
    memcpy(q->out, table, 64);
    return STATUS_OK;
}

/* ---- PortInfo ---- */

static void get_port_info(Hca *hca, unsigned i, bool hide_mkey, unsigned local,
                          uint8_t *o)
{
    const HcaPort *p = &hca->port[i];
    bool up = p->state > STATE_DOWN;

    hca_put64(o, hide_mkey ? 0 : hca->tables->sma[i].mkey);
    hca_put64(o + 8, p->gid_prefix);
    hca_put16(o + 16, p->lid);
    hca_put16(o + 18, p->sm_lid);
    hca_put32(o + 20, hca->tables->sma[i].cap_mask);
    hca_put16(o + 26, hca->tables->sma[i].mkey_lease);
    o[28] = local;
    o[29] = hca->tables->sma[i].link_width_enabled;
    o[30] = LINK_WIDTH;
    o[31] = LINK_WIDTH_4X;
    o[32] = LINK_SPEED << 4 | p->state;
    o[33] = p->phys_state << 4 | hca->tables->sma[i].link_down_default;
    o[34] = hca->tables->sma[i].mkey_prot << 6 | p->lmc;
    o[35] = (up ? LINK_SPEED_QDR : 1) << 4 |
            hca->tables->sma[i].link_speed_enabled;
    o[36] = p->mtu << 4 | p->sm_sl;
    o[37] = VL_CAP << 4;
    o[38] = hca->tables->sma[i].vl_high_limit;
    o[39] = 8;                                 /* entries for VL arbitration */
    o[40] = 8;
    o[41] = HCA_MTU_4096;
    o[43] = hca->tables->sma[i].op_vls << 4;
    hca_put16(o + 44, hca->tables->sma[i].mkey_violations);
    hca_put16(o + 46, p->pkey_violations);
    hca_put16(o + 48, p->qkey_violations);
    o[50] = hca->guid_cap;
    o[51] = hca->tables->sma[i].subnet_timeout;
    o[52] = 16;                                /* response time */
    o[53] = hca->tables->sma[i].error_thresholds;
    o[62] = (up ? LINK_SPEED_FDR : 0) << 4 | LINK_SPEED_FDR;
    o[63] = LINK_SPEED_FDR;
}

static bool port_info_ok(const uint8_t *in)
{
    uint16_t lid = hca_get16(in + 16), sm_lid = hca_get16(in + 18);
    unsigned mtu = in[36] >> 4, state = in[32] & 0xf, phys = in[33] >> 4;
    unsigned vls = in[43] >> 4;

    return lid > 0 && lid < LID_UNICAST_END && sm_lid < LID_UNICAST_END &&
           mtu >= 1 && mtu <= HCA_MTU_4096 && state <= 4 && state != 2 &&
           phys <= PHYS_DISABLED && vls <= VL_CAP;
}

/* What of this Set will have to be told, HCA_PORT_* */
static uint32_t port_info_changes(const HcaPort *p, const uint8_t *in)
{
    return (p->sm_lid != hca_get16(in + 18) ? HCA_PORT_SM_LID : 0) |
           (p->gid_prefix != hca_get64(in + 8) ? HCA_PORT_GID_PREFIX : 0) |
           (p->lid != hca_get16(in + 16) ? HCA_PORT_LID : 0) |
           (in[51] & 0x80 ? HCA_PORT_REREGISTER : 0) |
           (p->sm_sl != (in[36] & 0xf) ? HCA_PORT_SM_SL : 0);
}

static uint16_t set_port_info(Hca *hca, unsigned i, const uint8_t *in)
{
    HcaPort *p = &hca->port[i];
    unsigned state = in[32] & 0xf, phys = in[33] >> 4;
    uint32_t changed;

    if (!port_info_ok(in)) {
        return STATUS_BAD_VALUE;
    }
    changed = port_info_changes(p, in);
    hca->tables->sma[i].mkey = hca_get64(in);
    p->gid_prefix = hca_get64(in + 8);
    p->lid = hca_get16(in + 16);
    p->sm_lid = hca_get16(in + 18);
    hca->tables->sma[i].mkey_lease = hca_get16(in + 26);
    if (in[29]) {
        hca->tables->sma[i].link_width_enabled = in[29] & LINK_WIDTH;
    }
    if (in[33] & 0xf) {
        hca->tables->sma[i].link_down_default = in[33] & 0xf;
    }
    hca->tables->sma[i].mkey_prot = in[34] >> 6;
    p->lmc = in[34] & 7;
    if (in[35] & 0xf) {
        hca->tables->sma[i].link_speed_enabled = in[35] & LINK_SPEED;
    }
    p->mtu = in[36] >> 4;
    p->sm_sl = in[36] & 0xf;
    hca->tables->sma[i].vl_high_limit = in[38];
    if (in[43] >> 4) {
        hca->tables->sma[i].op_vls = in[43] >> 4;
    }
    hca->tables->sma[i].mkey_violations = hca_get16(in + 44);
    p->pkey_violations = hca_get16(in + 46);
    p->qkey_violations = hca_get16(in + 48);
    hca->tables->sma[i].subnet_timeout = in[51] & 0x1f;
    hca->tables->sma[i].error_thresholds = in[53];
    if (changed) {
        hca_eq_port_info(hca, i, changed);
    }
    if (phys == PHYS_DISABLED || phys == PHYS_POLLING) {
        hca_port_set_phys(hca, i, phys == PHYS_POLLING);
    }
    if (state && !hca_port_set_state(hca, i, state)) {
        return STATUS_BAD_VALUE;
    }
    return STATUS_OK;
}

static uint16_t port_info(const Query *q)
{
    unsigned i = q->attr_mod & 0xff ? q->attr_mod & 0xff : q->port;
    uint64_t key = hca_get64(q->in - MAD_DATA + SMP_MKEY);
    uint16_t status = STATUS_OK;

    if (i > HCA_NUM_PORTS) {
        return STATUS_BAD_VALUE;
    }
    if (q->set) {
        status = set_port_info(q->hca, i, q->in);
    }
    get_port_info(q->hca, i, q->hca->tables->sma[i].mkey_prot &&
                  key != q->hca->tables->sma[i].mkey, q->port, q->out);
    return status;
}

/* A vendor's attribute that mlx4_ib asks for when it sees a 10 Gb/s lane. */
static uint16_t extended_port_info(const Query *q)
{
    return q->set ? STATUS_BAD_ATTR : STATUS_OK;
}

/* ---- Performance ---- */

static uint16_t perf_class_info(const Query *q)
{
    if (q->set) {
        return STATUS_BAD_ATTR;
    }
    q->out[0] = 1;
    q->out[1] = 1;
    hca_put16(q->out + 2, 1u << 9);            /* extended width counters */
    q->out[7] = 18;                            /* response time */
    return STATUS_OK;
}

enum { TX_OCTETS, RX_OCTETS, TX_PACKETS, RX_PACKETS, NUM_COUNTERS };

/* Counters since their last clearing; those that clear names start anew. */
static bool counters(const Query *q, unsigned clear, uint64_t c[NUM_COUNTERS])
{
    unsigned i = q->in[1];
    uint64_t *base;

    if (i < 1 || i > HCA_NUM_PORTS) {
        return false;
    }
    c[TX_OCTETS] = q->hca->port[i].tx_octets / 4;
    c[RX_OCTETS] = q->hca->port[i].rx_octets / 4;
    c[TX_PACKETS] = q->hca->port[i].tx_packets;
    c[RX_PACKETS] = q->hca->port[i].rx_packets;
    base = q->hca->tables->sma[i].counter_base;
    for (unsigned k = 0; k < NUM_COUNTERS; k++) {
        if (clear >> k & 1) {
            base[k] = c[k];
        }
        c[k] -= base[k];
    }
    q->out[1] = i;
    return true;
}

static uint32_t saturated(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint16_t port_counters(const Query *q)
{
    unsigned select = hca_get16(q->in + 2);
    uint64_t c[NUM_COUNTERS];

    if (!counters(q, q->set ? select >> 12 : 0, c)) {
        return STATUS_BAD_VALUE;
    }
    hca_put16(q->out + 2, select);
    if (q->set && (select & 1u << 2)) {
        q->hca->tables->sma[q->in[1]].link_downed = 0;
    }
    q->out[7] = q->hca->tables->sma[q->in[1]].link_downed;
    for (unsigned k = 0; k < NUM_COUNTERS; k++) {
        hca_put32(q->out + 24 + 4 * k, saturated(c[k]));
    }
    return STATUS_OK;
}

static uint16_t port_counters_extended(const Query *q)
{
    unsigned select = hca_get16(q->in + 2);
    uint64_t c[NUM_COUNTERS];

    if (!counters(q, q->set ? select & 0xf : 0, c)) {
        return STATUS_BAD_VALUE;
    }
    hca_put16(q->out + 2, select);
    for (unsigned k = 0; k < NUM_COUNTERS; k++) {
        hca_put64(q->out + 8 + 8 * k, c[k]);
    }
    return STATUS_OK;
}

/* ---- Dispatch ---- */

typedef struct Attribute {
    uint16_t id;
    uint16_t (*run)(const Query *q);
} Attribute;

static const Attribute smp_attributes[] = {
    { 0x0010, node_description },
    { 0x0011, node_info },
    { 0x0014, guid_info },
    { 0x0015, port_info },
    { 0x0016, pkey_table },
    { 0x0017, sl_to_vl },
    { 0x0018, vl_arbitration },
    { 0xff90, extended_port_info },
    { 0, NULL },
};

static const Attribute perf_attributes[] = {
    { 0x0001, perf_class_info },
    { 0x0012, port_counters },
    { 0x001d, port_counters_extended },
    { 0, NULL },
};

/* Reading needs no key up to protection level 1, writing always does. */
static bool mkey_ok(Hca *hca, const HcaCmd *cmd, unsigned port, bool set)
{
    uint64_t mkey = hca->tables->sma[port].mkey;

    if ((cmd->op_modifier & OPMOD_IGNORE_MKEY) || mkey == 0 ||
        mkey == hca_get64(cmd->in + SMP_MKEY)) {
        return true;
    }
    if (!set && hca->tables->sma[port].mkey_prot < 2) {
        return true;
    }
    hca->tables->sma[port].mkey_violations +=
        hca->tables->sma[port].mkey_violations < UINT16_MAX;
    return false;
}

static uint16_t run_attribute(const Attribute *table, uint16_t id,
                              const Query *q)
{
    for (const Attribute *a = table; a->run; a++) {
        if (a->id == id) {
            return a->run(q);
        }
    }
    return STATUS_BAD_ATTR;
}

/* in_modifier: port, and the source LID above; mailboxes: a MAD each. */
uint8_t hca_cmd_mad_ifc(Hca *hca, HcaCmd *cmd)
{
    unsigned port = cmd->in_modifier & 0xff;
    uint8_t class = cmd->in[MAD_CLASS], method = cmd->in[MAD_METHOD];
    bool smp = class == CLASS_SMP_LID || class == CLASS_SMP_DIRECTED;
    Query q = {
        .hca = hca,
        .port = port,
        .set = method == METHOD_SET,
        .attr_mod = hca_get32(cmd->in + MAD_ATTR_MOD),
        .in = cmd->in + MAD_DATA,
        .out = cmd->out + MAD_DATA,
    };
    uint16_t status;

    if (port < 1 || port > HCA_NUM_PORTS) {
        return HCA_CMD_BAD_INDEX;
    }
    memcpy(cmd->out, cmd->in, MAD_SIZE);       /* a directed route's paths too */
    memset(q.out, 0, smp ? SMP_DATA_SIZE : MAD_SIZE - MAD_DATA);
    if (method == METHOD_TRAP_REPRESS) {
        return HCA_CMD_OK;                     /* no trap is ever repeated */
    }
    if (smp && !mkey_ok(hca, cmd, port, q.set)) {
        return HCA_CMD_BAD_PKT;
    }
    if (method != METHOD_GET && method != METHOD_SET) {
        status = STATUS_BAD_METHOD;
    } else if (smp) {
        status = run_attribute(smp_attributes, hca_get16(cmd->in + MAD_ATTR), &q);
    } else if (class == CLASS_PERF) {
        status = run_attribute(perf_attributes, hca_get16(cmd->in + MAD_ATTR), &q);
    } else {
        status = STATUS_BAD_ATTR;
    }
    cmd->out[MAD_METHOD] = METHOD_GET_RESP;
    hca_put16(cmd->out + MAD_STATUS, status);
    return HCA_CMD_OK;
}
