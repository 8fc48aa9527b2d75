/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports: their link, what passes it in which state, and their tables. */
#include <string.h>

#include "device.h"

#define STATE_DOWN         1
#define STATE_INIT         2
#define STATE_ARMED        3
#define STATE_ACTIVE       4
#define PHYS_POLLING       2
#define PHYS_DISABLED      3
#define PHYS_LINK_UP       5

#define SUBTYPE_DOWN       1
#define SUBTYPE_ACTIVE     4

#define VL_MANAGEMENT      15
#define LRH_OCTETS         8

/* SL to VL mapping, system image GUID, extended speeds, client reregistration */
#define CAP_MASK           (1u << 6 | 1u << 11 | 1u << 14 | 1u << 25)

/* SET_PORT, modifier 0: bits of the first word */
#define SET_PORT_RESET_QKEY 1u
#define SET_PORT_MTU       (1u << 22)

void hca_port_reset(Hca *hca)
{
    for (unsigned i = 1; i <= HCA_NUM_PORTS; i++) {
        bool wire_up = hca->port[i].wire_up;
        HcaPort port = {
            .wire_up = wire_up,
            .state = STATE_DOWN,
            .phys_state = PHYS_DISABLED,
            .mtu = HCA_MTU_4096,
            .gid_prefix = 0xfe80000000000000ull,
            .guid = { hca->config.node_guid + i },
            .pkey = { 0xffff },
        };

        hca->port[i] = port;
        memset(&hca->tables->sma[i], 0, sizeof(hca->tables->sma[i]));
        hca->tables->sma[i].cap_mask = CAP_MASK;
        hca->tables->sma[i].link_down_default = PHYS_POLLING;
        hca->tables->sma[i].link_width_enabled = 3;
        hca->tables->sma[i].link_speed_enabled = 7;
        hca->tables->sma[i].op_vls = 4;
        hca->tables->sma[i].error_thresholds = 0x88;
        hca->tables->sma[i].subnet_timeout = 18;
        for (unsigned sl = 0; sl < 16; sl++) {
            hca->tables->sma[i].sl2vl[sl / 2] |= (sl & 7) << (sl & 1 ? 0 : 4);
        }
        hca->bus->wire_enable(hca->opaque, i, false);
    }
    memset(hca->tables->node_desc, 0, sizeof(hca->tables->node_desc));
    strcpy(hca->tables->node_desc, "xenib ConnectX-3 model");
}

void hca_port_update(Hca *hca, unsigned i)
{
    HcaPort *port = &hca->port[i];
    bool enabled = port->init && port->phys_state != PHYS_DISABLED;
    bool up = enabled && port->wire_up;
    uint8_t old = port->state;

    if (port->init && up) {
        port->phys_state = PHYS_LINK_UP;
    } else if (enabled) {
        port->phys_state = PHYS_POLLING;
    } else if (!port->init) {
        port->phys_state = PHYS_DISABLED;
    }
    if (up == (old > STATE_DOWN)) {
        return;
    }
    port->state = up ? STATE_INIT : STATE_DOWN;
    hca_log(hca, HCA_LOG_TRACE, "port %u: link %s", i, up ? "up" : "down");
    if (!up) {
        hca->tables->sma[i].link_downed += hca->tables->sma[i].link_downed < 255;
        if (old == STATE_ACTIVE) {
            hca_eq_port(hca, i, SUBTYPE_DOWN);
        }
    }
}

bool hca_port_set_state(Hca *hca, unsigned i, uint8_t state)
{
    HcaPort *port = &hca->port[i];

    switch (state) {
    case STATE_DOWN:
        if (port->state > STATE_DOWN) {        /* both ends train anew */
            uint8_t old = port->state;

            port->state = STATE_INIT;
            hca->bus->wire_enable(hca->opaque, i, false);
            hca->bus->wire_enable(hca->opaque, i, true);
            if (old == STATE_ACTIVE) {
                hca_eq_port(hca, i, SUBTYPE_DOWN);
            }
        }
        return true;
    case STATE_ARMED:
        if (port->state != STATE_INIT && port->state != STATE_ARMED) {
            return false;
        }
        port->state = STATE_ARMED;
        return true;
    case STATE_ACTIVE:
        if (port->state != STATE_ARMED && port->state != STATE_ACTIVE) {
            return false;
        }
        if (port->state == STATE_ARMED) {
            port->state = STATE_ACTIVE;
            hca_eq_port(hca, i, SUBTYPE_ACTIVE);
        }
        return true;
    default:
        return false;
    }
}

void hca_port_set_phys(Hca *hca, unsigned i, bool enable)
{
    if (hca->port[i].init) {
        hca->port[i].phys_state = enable ? PHYS_POLLING : PHYS_DISABLED;
        hca->bus->wire_enable(hca->opaque, i, enable);
        hca_port_update(hca, i);
    }
}

static bool port_ok(unsigned port)
{
    return port >= 1 && port <= HCA_NUM_PORTS;
}

void hca_wire_link(Hca *hca, unsigned port, bool up)
{
    if (port_ok(port)) {
        hca->port[port].wire_up = up;
        hca_port_update(hca, port);
    }
}

void hca_wire_ready(Hca *hca, unsigned port)
{
    if (port_ok(port) && hca->running) {
        hca_qp_wire_ready(hca, port);
    }
}

/* Before the port is armed, management packets on VL 15 pass and no others. */
void hca_wire_receive(Hca *hca, unsigned i, const void *pkt, size_t len)
{
    HcaPort *port = &hca->port[port_ok(i) ? i : 0];

    if (!port_ok(i) || !hca->running || len < LRH_OCTETS ||
        len > HCA_MAX_PACKET || port->state == STATE_DOWN ||
        (port->state == STATE_INIT &&
         *(const uint8_t *)pkt >> 4 != VL_MANAGEMENT)) {
        return;
    }
    port->rx_packets++;
    port->rx_octets += len;
    hca_qp_packet(hca, i, pkt, len);
}

bool hca_port_gid(Hca *hca, unsigned port, unsigned index, uint8_t gid[16])
{
    if (!port_ok(port) || index >= HCA_NUM_GIDS ||
        hca->port[port].guid[index] == 0) {
        return false;
    }
    hca_put64(gid, hca->port[port].gid_prefix);
    hca_put64(gid + 8, hca->port[port].guid[index]);
    return true;
}

int hca_port_pkey_match(Hca *hca, unsigned port, uint16_t pkey)
{
    if (!port_ok(port) || !(pkey & 0x7fff)) {
        return -1;
    }
    for (unsigned i = 0; i < HCA_NUM_PKEYS; i++) {
        uint16_t own = hca->port[port].pkey[i];

        if ((own & 0x7fff) == (pkey & 0x7fff) && ((own | pkey) & 0x8000)) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- Commands. in_modifier is the port's number. ---- */

uint8_t hca_cmd_init_port(Hca *hca, HcaCmd *cmd)
{
    HcaPort *port = &hca->port[port_ok(cmd->in_modifier) ? cmd->in_modifier : 0];

    if (!port_ok(cmd->in_modifier)) {
        return HCA_CMD_BAD_INDEX;
    }
    port->init = true;
    port->phys_state = PHYS_POLLING;
    hca->bus->wire_enable(hca->opaque, cmd->in_modifier, true);
    hca_port_update(hca, cmd->in_modifier);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_close_port(Hca *hca, HcaCmd *cmd)
{
    if (!port_ok(cmd->in_modifier)) {
        return HCA_CMD_BAD_INDEX;
    }
    hca->port[cmd->in_modifier].init = false;
    hca->bus->wire_enable(hca->opaque, cmd->in_modifier, false);
    hca_port_update(hca, cmd->in_modifier);
    return HCA_CMD_OK;
}

/* Modifier 0, InfiniBand: capability mask, MTU and VL limits, Q_Key counter. */
uint8_t hca_cmd_set_port(Hca *hca, HcaCmd *cmd)
{
    uint32_t flags = hca_get32(cmd->in);
    unsigned mtu = flags >> 12 & 0xf;

    if (!port_ok(cmd->in_modifier)) {
        return HCA_CMD_BAD_INDEX;
    }
    if (cmd->op_modifier != 0) {
        return HCA_CMD_BAD_OP;
    }
    if ((flags & SET_PORT_MTU) && (mtu < 1 || mtu > HCA_MTU_4096)) {
        return HCA_CMD_BAD_PARAM;
    }
    if (flags & SET_PORT_RESET_QKEY) {
        hca->port[cmd->in_modifier].qkey_violations = 0;
    }
    hca->tables->sma[cmd->in_modifier].cap_mask = hca_get32(cmd->in + 4);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_sense_port(Hca *hca, HcaCmd *cmd)
{
    (void)hca;
    if (!port_ok(cmd->in_modifier)) {
        return HCA_CMD_BAD_INDEX;
    }
    cmd->out_param = 1;                        /* InfiniBand */
    return HCA_CMD_OK;
}

uint8_t hca_cmd_set_node(Hca *hca, HcaCmd *cmd)
{
    memcpy(hca->tables->node_desc, cmd->in, sizeof(hca->tables->node_desc));
    return HCA_CMD_OK;
}
