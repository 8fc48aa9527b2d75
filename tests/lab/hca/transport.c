/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine under the QPs: run list, timers, the way out to the wire or back
 * to ourselves, and the way in.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "qp.h"

#define RUN_BUDGET    256                      /* packets per hca_qp_run() */
#define PACKET_BUDGET 32                       /* and per packet received */
#define TURN          16                 /* packets a QP may send in one turn */
#define MAX_DELAYED   1024
#define FLUSH_POLL    5000000ull               /* ns */

enum { PORT_INIT = 2, PORT_ARMED = 3, PORT_ACTIVE = 4 };

static void held_free(HcaHeldList *list)
{
    HcaHeld *held;

    while ((held = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, link);
        free(held);
    }
}

void hca_transport_init(Hca *hca)
{
    HcaQps *qps = hca->qps;

    if (!qps->loop.stqh_last) {
        STAILQ_INIT(&qps->loop);
        STAILQ_INIT(&qps->delayed);
    }
    held_free(&qps->loop);
    held_free(&qps->delayed);
    qps->num_delayed = 0;
    TAILQ_INIT(&qps->run);
    TAILQ_INIT(&qps->timed);
    for (unsigned port = 0; port <= HCA_NUM_PORTS; port++) {
        TAILQ_INIT(&qps->blocked[port]);
        qps->tx_ready[port] = true;
    }
    qps->next_deadline = HCA_NEVER;
}

/* ---- Run list ---- */

static HcaQpList *sched_list(Hca *hca, HcaQp *qp)
{
    return qp->sched_where == HCA_SCHED_BLOCKED ?
           &hca->qps->blocked[qp->path.port] : &hca->qps->run;
}

void hca_qp_unschedule(Hca *hca, HcaQp *qp)
{
    if (qp->sched_where != HCA_SCHED_NONE) {
        TAILQ_REMOVE(sched_list(hca, qp), qp, sched);
        qp->sched_where = HCA_SCHED_NONE;
    }
}

static void sched_insert(Hca *hca, HcaQp *qp, HcaSched where)
{
    hca_qp_unschedule(hca, qp);
    qp->sched_where = where;
    TAILQ_INSERT_TAIL(sched_list(hca, qp), qp, sched);
}

void hca_qp_schedule(Hca *hca, HcaQp *qp)
{
    if (qp->sched_where != HCA_SCHED_RUN) {
        sched_insert(hca, qp, HCA_SCHED_RUN);
    }
}

bool hca_tx_ready(Hca *hca, HcaQp *qp)
{
    if (hca->qps->tx_ready[qp->path.port]) {
        return true;
    }
    sched_insert(hca, qp, HCA_SCHED_BLOCKED);
    return false;
}

void hca_qp_wire_ready(Hca *hca, unsigned port)
{
    HcaQp *qp;

    if (!hca->qps || port < 1 || port > HCA_NUM_PORTS) {
        return;
    }
    hca->qps->tx_ready[port] = true;
    while ((qp = TAILQ_FIRST(&hca->qps->blocked[port]))) {
        hca_qp_schedule(hca, qp);
    }
    hca_transport_drain(hca, RUN_BUDGET);
}

/* ---- Timers ---- */

/* The earliest deadline may be stale, and then only costs a look. */
void hca_qp_set_timer(Hca *hca, HcaQp *qp, uint64_t deadline)
{
    HcaQps *qps = hca->qps;

    if (qp->deadline == HCA_NEVER && deadline != HCA_NEVER) {
        TAILQ_INSERT_TAIL(&qps->timed, qp, timed);
    } else if (qp->deadline != HCA_NEVER && deadline == HCA_NEVER) {
        TAILQ_REMOVE(&qps->timed, qp, timed);
    }
    qp->deadline = deadline;
    if (deadline < qps->next_deadline) {
        qps->next_deadline = deadline;
        hca_update_timer(hca);
    }
}

uint64_t hca_qp_next_deadline(Hca *hca)
{
    return hca->qps ? hca->qps->next_deadline : HCA_NEVER;
}

static void wire_send(Hca *hca, unsigned port, const uint8_t *pkt, size_t len);

static uint64_t release_delayed(Hca *hca, uint64_t now)
{
    HcaQps *qps = hca->qps;
    HcaHeld *held;

    while ((held = STAILQ_FIRST(&qps->delayed))) {
        if (held->deadline > now) {
            return held->deadline;
        }
        STAILQ_REMOVE_HEAD(&qps->delayed, link);
        qps->num_delayed--;
        if (held->to_wire) {
            wire_send(hca, held->port, held->data, held->len);
            free(held);
        } else {
            STAILQ_INSERT_TAIL(&qps->loop, held, link);
        }
    }
    return HCA_NEVER;
}

void hca_qp_timer(Hca *hca, uint64_t now_ns)
{
    HcaQps *qps = hca->qps;
    HcaQp *qp, *next;
    uint64_t deadline;

    if (!qps) {
        return;
    }
    deadline = release_delayed(hca, now_ns);
    for (qp = TAILQ_FIRST(&qps->timed); qp; qp = next) {
        next = TAILQ_NEXT(qp, timed);
        if (qp->deadline > now_ns) {
            continue;
        }
        hca_qp_set_timer(hca, qp, HCA_NEVER);
        if (qp->state == HCA_QP_ERR) {
            hca_qp_schedule(hca, qp);
        } else {
            hca_requester_timeout(hca, qp);
        }
    }
    TAILQ_FOREACH(qp, &qps->timed, timed) {
        deadline = qp->deadline < deadline ? qp->deadline : deadline;
    }
    qps->next_deadline = deadline;
    hca_transport_drain(hca, RUN_BUDGET);
    hca_update_timer(hca);
}

/* ---- Out ---- */

static void wire_send(Hca *hca, unsigned port, const uint8_t *pkt, size_t len)
{
    if (!hca->port[port].wire_up) {
        return;
    }
    hca->port[port].tx_packets++;
    hca->port[port].tx_octets += len;
    if (!hca->bus->wire_send(hca->opaque, port, pkt, len)) {
        hca->qps->tx_ready[port] = false;
    }
}

static HcaHeld *hold(unsigned port, const uint8_t *pkt, size_t len,
                     bool to_wire, uint32_t sender)
{
    HcaHeld *held = malloc(sizeof(*held) + len);

    if (held) {
        *held = (HcaHeld) {
            .port = port, .to_wire = to_wire, .sender = sender, .len = len,
        };
        memcpy(held->data, pkt, len);
    }
    return held;
}

/* In the order of their deadlines. */
static void insert_delayed(Hca *hca, HcaHeld *held)
{
    HcaHeld *after = NULL, *other;
    HcaQps *qps = hca->qps;

    STAILQ_FOREACH(other, &qps->delayed, link) {
        if (other->deadline > held->deadline) {
            break;
        }
        after = other;
    }
    if (after) {
        STAILQ_INSERT_AFTER(&qps->delayed, after, held, link);
    } else {
        STAILQ_INSERT_HEAD(&qps->delayed, held, link);
    }
    qps->num_delayed++;
    if (held->deadline < qps->next_deadline) {
        qps->next_deadline = held->deadline;
        hca_update_timer(hca);
    }
}

/*
 * One copy of a packet to one place, late by delay or, if that is 0, as faults
 * want it. Out of memory is a lost packet.
 */
static void send_copy(Hca *hca, unsigned port, const uint8_t *pkt, size_t len,
                      bool to_wire, uint32_t sender, uint64_t delay)
{
    HcaQps *qps = hca->qps;
    HcaHeld *held;

    if (qps->num_delayed >= MAX_DELAYED) {
        delay = 0;
    } else if (!delay && hca->faults.delay[port - 1]) {
        hca->faults.delay[port - 1]--;
        delay = hca->faults.delay_ns;
    }
    if (delay) {
        held = hold(port, pkt, len, to_wire, sender);
        if (held) {
            held->deadline = hca->bus->now_ns(hca->opaque) + delay;
            insert_delayed(hca, held);
        }
    } else if (to_wire) {
        wire_send(hca, port, pkt, len);
    } else if ((held = hold(port, pkt, len, false, sender))) {
        STAILQ_INSERT_TAIL(&qps->loop, held, link);
    }
}

static bool lid_is_mine(const HcaPort *port, uint16_t lid)
{
    return port->lid && lid < HCA_LID_MULTICAST_BASE &&
           (lid & ~((1u << port->lmc) - 1)) == port->lid;
}

void hca_tx(Hca *hca, const HcaQp *qp, const uint8_t *pkt, size_t len,
            bool loopback)
{
    unsigned port = qp->path.port;
    uint8_t needed = pkt[0] >> 4 == HCA_VL_MANAGEMENT ? PORT_INIT : PORT_ACTIVE;
    uint16_t dlid = hca_get16(pkt + 2);
    bool multicast = dlid >= HCA_LID_MULTICAST_BASE &&
                     dlid != HCA_LID_PERMISSIVE;
    const HcaMadRule *late;
    int copies = 1;

    if (hca->port[port].state < needed) {
        return;
    }
    hca_count_tx(hca, qp, len);
    if (hca->faults.drop[port - 1]) {
        hca->faults.drop[port - 1]--;
        return;
    }
    if (hca_mad_fault(hca, HCA_MAD_DROP, pkt, len)) {
        return;
    }
    if (hca->faults.duplicate[port - 1]) {
        hca->faults.duplicate[port - 1]--;
        copies = 2;
    } else if (hca_mad_fault(hca, HCA_MAD_DUPLICATE, pkt, len)) {
        copies = 2;
    }
    late = hca_mad_fault(hca, HCA_MAD_DELAY, pkt, len);
    loopback |= lid_is_mine(&hca->port[port], dlid);
    while (copies--) {
        if (loopback || multicast) {
            send_copy(hca, port, pkt, len, false, qp->qpn,
                      late ? late->delay_ns : 0);
        }
        if (!loopback) {
            send_copy(hca, port, pkt, len, true, qp->qpn,
                      late ? late->delay_ns : 0);
        }
    }
}

bool hca_grh_build(Hca *hca, unsigned port, uint8_t grh[HCA_GRH_SIZE],
                   uint8_t gid_index, uint32_t tclass_flow, uint8_t hop_limit,
                   const uint8_t dgid[16])
{
    memset(grh, 0, HCA_GRH_SIZE);
    hca_put32(grh, 6u << 28 | tclass_flow);
    grh[6] = 0x1b;                             /* next header: IBA transport */
    grh[7] = hop_limit;
    memcpy(grh + 24, dgid, 16);
    return hca_port_gid(hca, port, gid_index, grh + 8);
}

void hca_tx_path(Hca *hca, HcaQp *qp, HcaPacket *pkt, uint8_t grh[HCA_GRH_SIZE])
{
    const HcaPath *path = &qp->path;
    const HcaPort *port = &hca->port[path->port];

    pkt->sl = path->sl;
    pkt->dlid = path->dlid;
    pkt->slid = port->lid | (path->path_bits & ((1u << port->lmc) - 1));
    pkt->pkey = port->pkey[path->pkey_index];
    pkt->migrate = qp->pm == HCA_PM_MIGRATED;
    if (path->grh) {
        hca_grh_build(hca, path->port, grh, path->gid_index, path->tclass_flow,
                      path->hop_limit, path->dgid);
        pkt->grh = grh;
    }
}

/* ---- In ---- */

/* Same partition, and not both limited members (IBTA 10.9.3). */
bool hca_pkey_equal(uint16_t a, uint16_t b)
{
    return (a & 0x7fff) && !((a ^ b) & 0x7fff) && ((a | b) & 0x8000);
}

static bool path_matches(Hca *hca, const HcaPath *path, unsigned port,
                         const HcaPacket *pkt)
{
    uint8_t gid[16];

    if (path->port != port || path->dlid != pkt->slid) {
        return false;
    }
    if (path->grh != (pkt->grh != NULL)) {
        return false;
    }
    /* Both GIDs are those of the connection (IBTA 9.6.1.2) */
    if (path->grh && (memcmp(pkt->grh + 8, path->dgid, sizeof(gid)) ||
                      !hca_port_gid(hca, port, path->gid_index, gid) ||
                      memcmp(pkt->grh + 24, gid, sizeof(gid)))) {
        return false;
    }
    if (!hca_pkey_equal(hca->port[port].pkey[path->pkey_index], pkt->pkey)) {
        hca_count_violation(&hca->port[port].pkey_violations);
        return false;
    }
    return true;
}

/* Did the packet come the right way? The peer's migration takes us along. */
static bool path_admits(Hca *hca, HcaQp *qp, unsigned port, const HcaPacket *pkt)
{
    if (qp->pm == HCA_PM_ARMED && pkt->migrate) {
        if (path_matches(hca, &qp->alt_path, port, pkt)) {
            hca_qp_migrate(hca, qp);
            return true;
        }
        if (!qp->pm_refused) {
            qp->pm_refused = true;
            hca_event(hca, HCA_EVENT_PATH_MIG_FAILED, 0, qp->qpn);
        }
        return false;
    }
    if (!path_matches(hca, &qp->path, port, pkt)) {
        return false;
    }
    if (qp->pm == HCA_PM_REARM && !pkt->migrate) {
        hca_qp_set_pm(qp, HCA_PM_ARMED);
    }
    return true;
}

static void deliver_connected(Hca *hca, HcaQp *qp, unsigned port,
                              const HcaPacket *pkt)
{
    static const uint8_t transports[] = {
        [HCA_ST_RC] = HCA_BTH_RC, [HCA_ST_UC] = HCA_BTH_UC,
        [HCA_ST_XRC] = HCA_BTH_XRC,
    };

    if ((pkt->opcode & HCA_BTH_TRANSPORT) != transports[qp->service] ||
        !hca_qp_can_receive(qp) || !path_admits(hca, qp, port, pkt)) {
        return;
    }
    hca_count_rx(hca, qp, pkt);
    if (qp->state == HCA_QP_RTR && !qp->comm_est) {
        qp->comm_est = true;
        hca_event(hca, HCA_EVENT_COMM_EST, 0, qp->qpn);
    }
    if (hca_op_info(pkt->opcode) & HCA_OP_RESPONSE) {
        hca_requester_response(hca, qp, pkt);
    } else {
        hca_responder_request(hca, qp, pkt);
    }
}

/* QPN 0 and 1 of a port are QPs of the block CONF_SPECIAL_QP chose. */
static HcaQp *packet_qp(Hca *hca, unsigned port, uint32_t qpn)
{
    uint32_t base = hca->qps->special_qpn;

    if (qpn > 1) {
        return hca_qp_find(hca, qpn);
    }
    return base ? hca_qp_find(hca, base + 2 * qpn + port - 1) : NULL;
}

static bool accepted(const HcaPort *port, const HcaPacket *pkt, bool looped)
{
    bool mine = looped || lid_is_mine(port, pkt->dlid);

    if (pkt->vl == HCA_VL_MANAGEMENT) {
        return port->state >= PORT_INIT && pkt->dest_qpn == 0 &&
               (mine || pkt->dlid == HCA_LID_PERMISSIVE);
    }
    return port->state >= PORT_ARMED && pkt->dest_qpn != 0 &&
           (mine || (pkt->dlid >= HCA_LID_MULTICAST_BASE &&
                     pkt->dlid != HCA_LID_PERMISSIVE));
}

/* sender: the QPN, for a packet looped back; 0: from the wire. */
static void deliver(Hca *hca, unsigned port, const uint8_t *buf, size_t len,
                    uint32_t sender)
{
    HcaPacket pkt;
    HcaQp *qp;

    if (!hca_packet_parse(&pkt, buf, len)) {
        hca_log(hca, HCA_LOG_TRACE, "port %u: malformed packet of %zu octets",
                port, len);
        return;
    }
    if (!accepted(&hca->port[port], &pkt, sender)) {
        return;
    }
    if (pkt.dest_qpn == HCA_QPN_MULTICAST) {
        hca_multicast_deliver(hca, port, &pkt, sender);
        return;
    }
    qp = packet_qp(hca, port, pkt.dest_qpn);
    if (!qp || (pkt.dest_qpn > 1 && qp->service == HCA_ST_MLX)) {
        return;
    }
    if (qp->service == HCA_ST_UD || qp->service == HCA_ST_MLX) {
        hca_ud_receive(hca, qp, port, &pkt);
    } else {
        deliver_connected(hca, qp, port, &pkt);
    }
}

void hca_qp_packet(Hca *hca, unsigned port, const uint8_t *pkt, size_t len)
{
    HcaHeld *held;

    if (!hca->qps || port < 1 || port > HCA_NUM_PORTS || len > HCA_MAX_PACKET) {
        return;
    }
    if (hca->qps->draining) {                  /* a wire that answers at once */
        held = hold(port, pkt, len, false, 0);
        if (held) {
            STAILQ_INSERT_TAIL(&hca->qps->loop, held, link);
        }
        return;
    }
    hca->qps->draining = true;
    deliver(hca, port, pkt, len, 0);
    hca->qps->draining = false;
    hca_transport_drain(hca, PACKET_BUDGET);
}

/* ---- Turns ---- */

static void turn(Hca *hca, HcaQp *qp, int *budget)
{
    int quantum = *budget < TURN ? *budget : TURN, left = quantum;
    bool done;

    hca_qp_unschedule(hca, qp);
    done = hca_responder_run(hca, qp, &left);
    if (done && qp->sched_where != HCA_SCHED_BLOCKED) {
        done = hca_requester_run(hca, qp, &left);
    }
    if (!done) {
        hca_qp_schedule(hca, qp);
    } else if (qp->state == HCA_QP_ERR && qp->rq_count) {
        /* Receives posted from now on ring no bell, yet must be flushed. */
        hca_qp_set_timer(hca, qp, hca->bus->now_ns(hca->opaque) + FLUSH_POLL);
    }
    /* A turn costs one even if it sent nothing: no list goes round for ever. */
    *budget -= quantum - left > 0 ? quantum - left : 1;
}

void hca_transport_drain(Hca *hca, int budget)
{
    HcaQps *qps = hca->qps;
    HcaHeld *held;
    HcaQp *qp;

    if (qps->draining) {
        return;
    }
    qps->draining = true;
    while (budget > 0) {
        held = STAILQ_FIRST(&qps->loop);
        if (held) {
            STAILQ_REMOVE_HEAD(&qps->loop, link);
            deliver(hca, held->port, held->data, held->len, held->sender);
            free(held);
            budget--;
            continue;
        }
        qp = TAILQ_FIRST(&qps->run);
        if (!qp) {
            break;
        }
        turn(hca, qp, &budget);
    }
    qps->draining = false;
    if (!STAILQ_EMPTY(&qps->loop) || !TAILQ_EMPTY(&qps->run)) {
        hca->bus->schedule(hca->opaque);
    }
}

void hca_qp_run(Hca *hca)
{
    if (hca->qps) {
        hca_transport_drain(hca, RUN_BUDGET);
    }
}
