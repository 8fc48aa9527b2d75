/* SPDX-License-Identifier: GPL-2.0-only */
/* Lifetime, logging, and the one timer that all users of time share. */
#include <stdlib.h>
#include <string.h>

#include "device.h"

void hca_log(Hca *hca, HcaLogLevel level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    hca->bus->log(hca->opaque, level, fmt, ap);
    va_end(ap);
}

void hca_update_timer(Hca *hca)
{
    uint64_t deadline = hca_qp_next_deadline(hca);
    uint64_t cq = hca_cq_next_deadline(hca);
    uint64_t cmd = hca->tables->cmd_deadline;

    deadline = cq < deadline ? cq : deadline;
    hca->bus->timer(hca->opaque, cmd < deadline ? cmd : deadline);
}

/* All but what survives a software reset: wires, ownership, the semaphore's giver. */
void hca_soft_reset(Hca *hca)
{
    HcaTables *t = hca->tables;

    hca->running = false;
    t->fatal = false;
    t->cmd_deadline = UINT64_MAX;
    t->fw_running = false;
    t->semaphore = false;
    t->fa_pages = 0;
    t->aux_pages = 0;
    memset(t->hcr, 0, sizeof(t->hcr));
    memset(t->catas, 0, sizeof(t->catas));
    memset(hca->flow, 0, sizeof(hca->flow));
    memset(hca->diag, 0, sizeof(hca->diag));
    memset(t->cq_doorbell, 0, sizeof(t->cq_doorbell));
    for (unsigned i = 0; i < HCA_NUM_UARS; i++) {
        free(t->blueflame[i]);
        t->blueflame[i] = NULL;
    }
    hca_qp_init(hca);
    hca_cq_reset(hca);
    hca_eq_reset(hca);
    hca_port_reset(hca);
    hca_icm_set_size(hca, 0);
    hca->bus->clear_int(hca->opaque);
    hca_update_timer(hca);
}

void hca_reset(Hca *hca)
{
    hca->tables->owned = false;
    memset(&hca->faults, 0, sizeof(hca->faults));
    memset(&hca->fail_command, 0, sizeof(hca->fail_command));
    memset(hca->mad_rule, 0, sizeof(hca->mad_rule));
    hca->mad_faults = 0;
    hca->early_cq_event = false;
    hca->mute_ports = false;
    hca->guid_cap = HCA_NUM_GIDS;
    hca->eq_overflows = 0;
    hca_soft_reset(hca);
}

Hca *hca_new(const HcaConfig *config, const HcaBus *bus, void *opaque)
{
    Hca *hca = calloc(1, sizeof(*hca));

    if (!hca) {
        return NULL;
    }
    hca->config = *config;
    hca->bus = bus;
    hca->opaque = opaque;
    hca->tables = calloc(1, sizeof(*hca->tables));
    if (!hca->tables) {
        free(hca);
        return NULL;
    }
    hca_reset(hca);
    return hca;
}

void hca_free(Hca *hca)
{
    if (!hca) {
        return;
    }
    hca_reset(hca);
    hca_qp_free(hca);
    free(hca->tables);
    free(hca);
}

void hca_timer(Hca *hca)
{
    uint64_t now = hca->bus->now_ns(hca->opaque);

    hca_cmd_timer(hca, now);
    hca_cq_timer(hca, now);
    hca_qp_timer(hca, now);
    hca_update_timer(hca);
}

void hca_run(Hca *hca)
{
    hca_qp_run(hca);
}

void hca_set_faults(Hca *hca, const HcaFaults *faults)
{
    hca->faults = *faults;
}

void hca_set_early_cq_event(Hca *hca, bool on)
{
    hca->early_cq_event = on;
}

bool hca_get_early_cq_event(const Hca *hca)
{
    return hca->early_cq_event;
}

void hca_set_mute_ports(Hca *hca, bool on)
{
    hca->mute_ports = on;
}

bool hca_get_mute_ports(const Hca *hca)
{
    return hca->mute_ports;
}

bool hca_set_guid_cap(Hca *hca, uint8_t cap)
{
    if (cap < 1 || cap > HCA_NUM_GIDS) {
        return false;
    }
    hca->guid_cap = cap;
    return true;
}

uint8_t hca_get_guid_cap(const Hca *hca)
{
    return hca->guid_cap;
}

uint64_t hca_eq_overflows(const Hca *hca)
{
    return hca->eq_overflows;
}

void hca_catastrophe(Hca *hca)
{
    HcaTables *t = hca->tables;

    for (unsigned i = 0; i < HCA_CATAS_DWORDS; i++) {
        t->catas[i] = 0xdead0000u | i;
    }
    t->fatal = true;
    t->cmd_deadline = UINT64_MAX;              /* never to be answered */
    hca->running = false;
    hca_qp_init(hca);
    for (unsigned port = 1; port <= HCA_NUM_PORTS; port++) {
        hca->port[port].init = false;
        hca_port_update(hca, port);
    }
    hca_update_timer(hca);
}
