/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firmware command interface. A command is copied out of the HCR and its
 * mailbox once, run to its end, and answered in the HCR and, when the driver
 * asked so, by an event.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "device.h"

#define HCR_STATUS         6
#define HCR_GO             (1u << 23)
#define HCR_EVENT          (1u << 22)
#define HCR_TOGGLE         (1u << 21)
#define MAILBOX_ALIGN      0xfffull

/* Which values of the opcode modifier come with a mailbox. */
typedef enum Box {
    BOX_NONE,
    BOX_ALWAYS,
    BOX_OPMOD_0,
    BOX_NOT_OPMOD_0,
} Box;

/* What must have happened before. */
typedef enum Needs {
    NEEDS_NOTHING,
    NEEDS_FW,                                  /* RUN_FW */
    NEEDS_HCA,                                 /* INIT_HCA */
} Needs;

typedef struct Command {
    HcaCmdFn *run;
    Box in, out;
    Needs needs;
} Command;

static uint8_t cmd_nothing(Hca *hca, HcaCmd *cmd)
{
    (void)hca;
    (void)cmd;
    return HCA_CMD_OK;
}

static const Command commands[0x1000] = {
    /* firmware and device */
    [0x004] = { hca_cmd_query_fw, BOX_NONE, BOX_ALWAYS, NEEDS_NOTHING },
    [0xfff] = { hca_cmd_map_fa, BOX_ALWAYS, BOX_NONE, NEEDS_NOTHING },
    [0xffe] = { hca_cmd_unmap_fa, BOX_NONE, BOX_NONE, NEEDS_NOTHING },
    [0xff6] = { hca_cmd_run_fw, BOX_NONE, BOX_NONE, NEEDS_NOTHING },
    [0x034] = { hca_cmd_mod_stat_cfg, BOX_OPMOD_0, BOX_NOT_OPMOD_0, NEEDS_FW },
    [0x003] = { hca_cmd_query_dev_cap, BOX_NONE, BOX_ALWAYS, NEEDS_FW },
    [0x006] = { hca_cmd_query_adapter, BOX_NONE, BOX_ALWAYS, NEEDS_FW },
    [0x007] = { hca_cmd_init_hca, BOX_ALWAYS, BOX_NONE, NEEDS_FW },
    [0x008] = { hca_cmd_close_hca, BOX_NONE, BOX_NONE, NEEDS_FW },
    [0x00b] = { hca_cmd_query_hca, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x030] = { hca_cmd_diag_rprt, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x031] = { cmd_nothing, BOX_NONE, BOX_NONE, NEEDS_FW },         /* NOP */
    [0x054] = { hca_cmd_query_if_stat, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    /* context memory */
    [0xffd] = { hca_cmd_set_icm_size, BOX_NONE, BOX_NONE, NEEDS_FW },
    [0xffc] = { hca_cmd_map_icm_aux, BOX_ALWAYS, BOX_NONE, NEEDS_FW },
    [0xffb] = { hca_cmd_unmap_icm_aux, BOX_NONE, BOX_NONE, NEEDS_FW },
    [0xffa] = { hca_cmd_map_icm, BOX_ALWAYS, BOX_NONE, NEEDS_FW },
    [0xff9] = { hca_cmd_unmap_icm, BOX_NONE, BOX_NONE, NEEDS_FW },
    /* ports and management */
    [0x043] = { hca_cmd_query_port, BOX_NONE, BOX_ALWAYS, NEEDS_FW },
    [0x009] = { hca_cmd_init_port, BOX_NONE, BOX_NONE, NEEDS_HCA },
    [0x00a] = { hca_cmd_close_port, BOX_NONE, BOX_NONE, NEEDS_HCA },
    [0x00c] = { hca_cmd_set_port, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x04d] = { hca_cmd_sense_port, BOX_NONE, BOX_NONE, NEEDS_FW },
    [0x05a] = { hca_cmd_set_node, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x024] = { hca_cmd_mad_ifc, BOX_ALWAYS, BOX_ALWAYS, NEEDS_HCA },
    /* translation and protection */
    [0x00d] = { hca_cmd_sw2hw_mpt, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x00e] = { hca_cmd_query_mpt, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x00f] = { hca_cmd_hw2sw_mpt, BOX_NONE, BOX_OPMOD_0, NEEDS_HCA },
    [0x010] = { hca_cmd_read_mtt, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x011] = { hca_cmd_write_mtt, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x02f] = { cmd_nothing, BOX_NONE, BOX_NONE, NEEDS_HCA },        /* SYNC_TPT: no cache */
    /* event queues */
    [0x012] = { hca_cmd_map_eq, BOX_NONE, BOX_NONE, NEEDS_HCA },
    [0x013] = { hca_cmd_sw2hw_eq, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x014] = { hca_cmd_hw2sw_eq, BOX_NONE, BOX_OPMOD_0, NEEDS_HCA },
    [0x015] = { hca_cmd_query_eq, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    /* completion queues */
    [0x016] = { hca_cmd_sw2hw_cq, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x017] = { hca_cmd_hw2sw_cq, BOX_NONE, BOX_OPMOD_0, NEEDS_HCA },
    [0x018] = { hca_cmd_query_cq, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x02c] = { hca_cmd_modify_cq, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    /* shared receive queues */
    [0x035] = { hca_cmd_sw2hw_srq, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x036] = { hca_cmd_hw2sw_srq, BOX_NONE, BOX_OPMOD_0, NEEDS_HCA },
    [0x037] = { hca_cmd_query_srq, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x040] = { hca_cmd_arm_srq, BOX_NONE, BOX_NONE, NEEDS_HCA },
    /* queue pairs */
    [0x019] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* RST2INIT */
    [0x01a] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* INIT2RTR */
    [0x01b] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* RTR2RTS */
    [0x01c] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* RTS2RTS */
    [0x01d] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* SQERR2RTS */
    [0x01e] = { hca_cmd_modify_qp, BOX_NONE, BOX_NONE, NEEDS_HCA },    /* 2ERR */
    [0x01f] = { hca_cmd_modify_qp, BOX_NONE, BOX_NONE, NEEDS_HCA },    /* RTS2SQD */
    [0x020] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* SQD2RTS */
    [0x021] = { hca_cmd_modify_qp, BOX_NONE, BOX_NONE, NEEDS_HCA },    /* 2RST */
    [0x02d] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* INIT2INIT */
    [0x038] = { hca_cmd_modify_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },  /* SQD2SQD */
    [0x022] = { hca_cmd_query_qp, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x023] = { hca_cmd_conf_special_qp, BOX_NONE, BOX_NONE, NEEDS_HCA },
    [0x032] = { hca_cmd_suspend_qp, BOX_NONE, BOX_NONE, NEEDS_HCA },
    [0x033] = { hca_cmd_unsuspend_qp, BOX_NONE, BOX_NONE, NEEDS_HCA },
    [0x061] = { hca_cmd_update_qp, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    /* multicast */
    [0x025] = { hca_cmd_read_mcg, BOX_NONE, BOX_ALWAYS, NEEDS_HCA },
    [0x026] = { hca_cmd_write_mcg, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
    [0x027] = { hca_cmd_mgid_hash, BOX_ALWAYS, BOX_NONE, NEEDS_HCA },
};

static bool has_box(Box box, const HcaCmd *cmd)
{
    switch (box) {
    case BOX_ALWAYS:
        return true;
    case BOX_OPMOD_0:
        return cmd->op_modifier == 0;
    case BOX_NOT_OPMOD_0:
        return cmd->op_modifier != 0;
    default:
        return false;
    }
}

static uint8_t execute(Hca *hca, HcaCmd *cmd)
{
    const Command *c = &commands[cmd->op];
    bool out = has_box(c->out, cmd);
    uint64_t out_box = cmd->out_param;
    HcaUser user = { "mailbox of command", cmd->op };
    uint8_t status;

    if (!c->run) {
        hca_log(hca, HCA_LOG_UNIMP, "command 0x%x unknown", cmd->op);
        return HCA_CMD_BAD_OP;
    }
    if ((c->needs != NEEDS_NOTHING && !hca->tables->fw_running) ||
        (c->needs == NEEDS_HCA && !hca->running)) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    if ((has_box(c->in, cmd) && (cmd->in_param & MAILBOX_ALIGN)) ||
        (out && (out_box & MAILBOX_ALIGN))) {
        return HCA_CMD_BAD_PARAM;
    }
    if (has_box(c->in, cmd) &&
        !hca_dma_read(hca, user, cmd->in_param, cmd->in, sizeof(cmd->in))) {
        return HCA_CMD_INTERNAL_ERR;
    }
    if (out) {
        memset(cmd->out, 0, sizeof(cmd->out));
    }
    cmd->out_param = 0;
    status = c->run(hca, cmd);
    if (status == HCA_CMD_OK && out &&
        !hca_dma_write(hca, user, out_box, cmd->out, sizeof(cmd->out))) {
        status = HCA_CMD_INTERNAL_ERR;
    }
    return status;
}

/* ---- The command that is to fail ---- */

bool hca_set_fail_command(Hca *hca, const char *text)
{
    unsigned long op, nth, status;

    if (!*text) {
        hca->fail_command.nth = 0;
        return true;
    }
    text = hca_parse_number(text, 16, 0xfff, ':', &op);
    text = text ? hca_parse_number(text, 10, UINT32_MAX, ':', &nth) : NULL;
    if (!text || !hca_parse_number(text, 16, 0xff, '\0', &status)) {
        return false;
    }
    hca->fail_command.op = op;
    hca->fail_command.nth = nth;
    hca->fail_command.status = status;
    return true;
}

void hca_get_fail_command(const Hca *hca, char text[HCA_FAIL_COMMAND_MAX])
{
    text[0] = '\0';
    if (hca->fail_command.nth) {
        snprintf(text, HCA_FAIL_COMMAND_MAX, "%x:%" PRIu32 ":%x",
                 hca->fail_command.op, hca->fail_command.nth,
                 hca->fail_command.status);
    }
}

static bool must_fail(Hca *hca, uint16_t op)
{
    return hca->fail_command.nth && hca->fail_command.op == op &&
           --hca->fail_command.nth == 0;
}

static void answer(Hca *hca)
{
    HcaTables *t = hca->tables;
    uint32_t word = t->hcr[HCR_STATUS];
    uint16_t token = t->hcr[5] >> 16;
    HcaCmd *cmd = &t->cmd;

    t->hcr[3] = cmd->out_param >> 32;
    t->hcr[4] = (uint32_t)cmd->out_param;
    t->hcr[HCR_STATUS] = (uint32_t)t->cmd_status << 24 | (word & HCR_TOGGLE);
    if (word & HCR_EVENT) {
        hca_eq_command(hca, token, t->cmd_status, cmd->out_param);
    }
}

void hca_cmd_timer(Hca *hca, uint64_t now_ns)
{
    if (hca->tables->cmd_deadline <= now_ns) {
        hca->tables->cmd_deadline = UINT64_MAX;
        answer(hca);
    }
}

void hca_cmd_post(Hca *hca)
{
    HcaTables *t = hca->tables;
    uint32_t word = t->hcr[HCR_STATUS];
    HcaCmd *cmd = &t->cmd;

    if (t->cmd_deadline != UINT64_MAX) {
        hca_guest_error(hca, "command 0x%x while another runs", word & 0xfff);
        return;
    }
    cmd->in_param = (uint64_t)t->hcr[0] << 32 | t->hcr[1];
    cmd->in_modifier = t->hcr[2];
    cmd->out_param = (uint64_t)t->hcr[3] << 32 | t->hcr[4];
    cmd->op = word & 0xfff;
    cmd->op_modifier = word >> 12 & 0xf;
    cmd->delay_ns = 0;

    t->cmd_status = must_fail(hca, cmd->op) ? hca->fail_command.status
                                            : execute(hca, cmd);
    hca_log(hca, HCA_LOG_TRACE,
            "command 0x%x mod 0x%x/0x%x in 0x%llx: status 0x%x", cmd->op,
            cmd->op_modifier, cmd->in_modifier,
            (unsigned long long)cmd->in_param, t->cmd_status);
    if (cmd->delay_ns) {
        t->cmd_deadline = hca->bus->now_ns(hca->opaque) + cmd->delay_ns;
        hca_update_timer(hca);
    } else {
        answer(hca);
    }
}
