/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue pairs: their table, their contexts and the commands that move them
 * from state to state.
 *
 * Layout of the context: struct mlx4_qp_context, include/linux/mlx4/qp.h. The
 * octets the driver wrote are kept; QUERY_QP returns them with what has moved
 * since (state, PSNs, counters) put in.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "qp.h"

/* Offsets in the context */
enum {
    QPC_FLAGS        = 0,
    QPC_PD           = 4,
    QPC_MTU_MSGMAX   = 8,
    QPC_RQ_SIZE      = 9,
    QPC_SQ_SIZE      = 10,
    QPC_RLKEY        = 11,
    QPC_USR_PAGE     = 12,
    QPC_LOCAL_QPN    = 16,
    QPC_REMOTE_QPN   = 20,
    QPC_PRI_PATH     = 24,
    QPC_ALT_PATH     = 68,
    QPC_PARAMS1      = 112,
    QPC_NEXT_PSN     = 120,
    QPC_CQN_SEND     = 124,
    QPC_LAST_ACKED   = 136,
    QPC_SSN          = 140,
    QPC_PARAMS2      = 144,
    QPC_RNR_NEXTRECV = 148,
    QPC_XRCD         = 152,
    QPC_CQN_RECV     = 156,
    QPC_DB_REC       = 160,
    QPC_QKEY         = 168,
    QPC_SRQN         = 172,
    QPC_MSN          = 176,
    QPC_RQ_COUNTER   = 180,
    QPC_SQ_COUNTER   = 182,
    QPC_LOG_PAGE     = 200,
    QPC_MTT_H        = 203,
    QPC_MTT_L        = 204,
};

/* Offsets in a path */
enum {
    PATH_PKEY_INDEX    = 3,
    PATH_COUNTER_INDEX = 4,
    PATH_GRH_MYLMC     = 5,
    PATH_RLID          = 6,
    PATH_ACKTO         = 8,
    PATH_MGID_INDEX    = 9,
    PATH_HOP_LIMIT     = 11,
    PATH_TCLASS_FLOW   = 12,
    PATH_RGID          = 16,
    PATH_SCHED_QUEUE   = 32,
    PATH_SIZE          = 44,
};

enum {
    FLAGS_PM = 3 << 11,
    PARAMS1_FRE = 1 << 11,                     /* fast registration */
    PARAMS2_RRE = 1 << 15,
    PARAMS2_RWE = 1 << 14,
    PARAMS2_RAE = 1 << 13,
    PARAMS2_RIC = 1 << 4,
};

enum {
    OPTPAR_ALT_PATH      = 1 << 0,
    OPTPAR_RRE           = 1 << 1,
    OPTPAR_RAE           = 1 << 2,
    OPTPAR_RWE           = 1 << 3,
    OPTPAR_PKEY_INDEX    = 1 << 4,
    OPTPAR_Q_KEY         = 1 << 5,
    OPTPAR_RNR_TIMEOUT   = 1 << 6,
    OPTPAR_PRI_PATH      = 1 << 7,
    OPTPAR_SRA_MAX       = 1 << 8,
    OPTPAR_RRA_MAX       = 1 << 9,
    OPTPAR_PM_STATE      = 1 << 10,
    OPTPAR_RETRY_COUNT   = 1 << 12,
    OPTPAR_RNR_RETRY     = 1 << 13,
    OPTPAR_ACK_TIMEOUT   = 1 << 14,
    OPTPAR_SCHED_QUEUE   = 1 << 16,
    OPTPAR_COUNTER_INDEX = 1 << 20,
};

#define OPTPAR_ACCESS  (OPTPAR_RRE | OPTPAR_RAE | OPTPAR_RWE)
#define OPTPAR_COMMON  (OPTPAR_ACCESS | OPTPAR_PKEY_INDEX | OPTPAR_Q_KEY | \
                        OPTPAR_COUNTER_INDEX)
#define OPTPAR_RUNNING (OPTPAR_ACCESS | OPTPAR_ALT_PATH | OPTPAR_Q_KEY | \
                        OPTPAR_RNR_TIMEOUT | OPTPAR_PM_STATE)

typedef struct Transition {
    uint16_t op;
    uint16_t from;                             /* bit per state allowed */
    uint8_t  to;
    uint32_t optpar;                           /* optional parameters obeyed */
} Transition;

#define IN(state) (1 << (state))
#define ANY_STATE 0xff

/* Optional parameters by transition: IBTA table 91 as the driver uses them. */
static const Transition transitions[] = {
    { 0x19, IN(HCA_QP_RST), HCA_QP_INIT, 0 },
    { 0x2d, IN(HCA_QP_INIT), HCA_QP_INIT, OPTPAR_COMMON | OPTPAR_SCHED_QUEUE },
    { 0x1a, IN(HCA_QP_INIT), HCA_QP_RTR,
      OPTPAR_COMMON | OPTPAR_RUNNING | OPTPAR_PRI_PATH | OPTPAR_RRA_MAX |
      OPTPAR_SCHED_QUEUE },
    { 0x1b, IN(HCA_QP_RTR), HCA_QP_RTS,
      OPTPAR_RUNNING | OPTPAR_SRA_MAX | OPTPAR_RETRY_COUNT | OPTPAR_RNR_RETRY |
      OPTPAR_ACK_TIMEOUT },
    { 0x1c, IN(HCA_QP_RTS), HCA_QP_RTS, OPTPAR_RUNNING },
    { 0x1d, IN(HCA_QP_SQER), HCA_QP_RTS, OPTPAR_RUNNING },
    { 0x1e, ANY_STATE & ~IN(HCA_QP_RST), HCA_QP_ERR, 0 },
    { 0x1f, IN(HCA_QP_RTS), HCA_QP_SQ_DRAINING, 0 },
    { 0x20, IN(HCA_QP_SQD), HCA_QP_RTS, OPTPAR_RUNNING },
    { 0x38, IN(HCA_QP_SQD), HCA_QP_SQD,
      OPTPAR_RUNNING | OPTPAR_PKEY_INDEX | OPTPAR_PRI_PATH | OPTPAR_SRA_MAX |
      OPTPAR_RRA_MAX | OPTPAR_RETRY_COUNT | OPTPAR_RNR_RETRY |
      OPTPAR_ACK_TIMEOUT | OPTPAR_SCHED_QUEUE | OPTPAR_COUNTER_INDEX },
    { 0x21, ANY_STATE, HCA_QP_RST, 0 },
};

/* ---- Table ---- */

void **hca_slot(HcaSlots *slots, uint32_t number, bool create)
{
    void ***page = &slots->page[number >> 12 & 0xfff];

    if (!*page) {
        if (!create) {
            return NULL;
        }
        *page = calloc(4096, sizeof(**page));
        if (!*page) {
            return NULL;
        }
    }
    return *page + (number & 0xfff);
}

void hca_slots_free(HcaSlots *slots)
{
    for (unsigned i = 0; i < 4096; i++) {
        free(slots->page[i]);
        slots->page[i] = NULL;
    }
}

/* The context table is indexed by the low bits; the number has 24. */
static uint32_t qp_index(Hca *hca, uint32_t qpn)
{
    uint8_t bits = hca->log_num_qps < 24 ? hca->log_num_qps : 24;

    return qpn & ((1u << bits) - 1);
}

HcaQp *hca_qp_find(Hca *hca, uint32_t qpn)
{
    void **slot = hca_slot(&hca->qps->qp_slots, qp_index(hca, qpn), false);
    HcaQp *qp = slot ? *slot : NULL;

    return qp && qp->qpn == qpn ? qp : NULL;
}

static HcaQp *qp_create(Hca *hca, uint32_t qpn)
{
    void **slot = hca_slot(&hca->qps->qp_slots, qp_index(hca, qpn), true);
    HcaQp *qp;

    if (!slot || *slot) {
        return NULL;
    }
    qp = calloc(1, sizeof(*qp));
    if (!qp) {
        return NULL;
    }
    qp->qpn = qpn;
    qp->deadline = HCA_NEVER;
    *slot = qp;
    TAILQ_INSERT_TAIL(&hca->qps->all, qp, all);
    return qp;
}

static void qp_destroy(Hca *hca, HcaQp *qp)
{
    void **slot = hca_slot(&hca->qps->qp_slots, qp_index(hca, qp->qpn), false);

    *slot = NULL;
    hca_qp_unschedule(hca, qp);
    hca_qp_set_timer(hca, qp, HCA_NEVER);
    TAILQ_REMOVE(&hca->qps->all, qp, all);
    free(qp);
}

void hca_qp_init(Hca *hca)
{
    HcaQp *qp;

    if (!hca->qps) {
        hca->qps = calloc(1, sizeof(*hca->qps));
        if (!hca->qps) {
            return;
        }
        TAILQ_INIT(&hca->qps->all);
        hca_transport_init(hca);
    }
    while ((qp = TAILQ_FIRST(&hca->qps->all))) {
        qp_destroy(hca, qp);
    }
    hca_srq_reset(hca);
    hca_slots_free(&hca->qps->qp_slots);
    hca_transport_init(hca);
    hca->qps->special_qpn = 0;
}

void hca_qp_free(Hca *hca)
{
    if (hca->qps) {
        hca_qp_init(hca);
        free(hca->qps);
        hca->qps = NULL;
    }
}

bool hca_qp_uses_cq(Hca *hca, uint32_t cqn)
{
    HcaQp *qp;

    TAILQ_FOREACH(qp, &hca->qps->all, all) {
        if (qp->cqn_send == cqn || qp->cqn_recv == cqn) {
            return true;
        }
    }
    return false;
}

bool hca_qp_can_receive(const HcaQp *qp)
{
    return qp->state >= HCA_QP_RTR && qp->state != HCA_QP_ERR;
}

bool hca_qp_can_send(const HcaQp *qp)
{
    return qp->state == HCA_QP_RTS || qp->state == HCA_QP_SQ_DRAINING;
}

/* ---- Context ---- */

static void update32(uint8_t *dst, const uint8_t *src, uint32_t mask)
{
    hca_put32(dst, (hca_get32(dst) & ~mask) | (hca_get32(src) & mask));
}

void hca_path_decode(HcaPath *path, const uint8_t *raw)
{
    path->port = raw[PATH_SCHED_QUEUE] & 0x40 ? 2 : 1;
    path->sl = raw[PATH_SCHED_QUEUE] >> 2 & 0xf;
    path->grh = raw[PATH_GRH_MYLMC] & 0x80;
    path->path_bits = raw[PATH_GRH_MYLMC] & 0x7f;
    path->dlid = hca_get16(raw + PATH_RLID);
    path->gid_index = raw[PATH_MGID_INDEX] & 0x7f;
    path->force_gid = raw[PATH_MGID_INDEX] & 0x80;
    path->hop_limit = raw[PATH_HOP_LIMIT];
    path->tclass_flow = hca_get32(raw + PATH_TCLASS_FLOW) & 0xfffffff;
    memcpy(path->dgid, raw + PATH_RGID, 16);
    path->pkey_index = raw[PATH_PKEY_INDEX] & 0x7f;
    path->ack_timeout = raw[PATH_ACKTO] >> 3;
    path->counter = raw[PATH_COUNTER_INDEX];
}

/*
 * Where the queues lie in the buffer: the one of larger stride comes first.
 *
 * There is no size that means "none". What is written for the RQ counts unless
 * the service or an SRQ make it needless: for such QPs the drivers write 0xfc,
 * which is 2^15 WQEs of 256 octets for others.
 */
static void decode_queues(HcaQp *qp)
{
    const uint8_t *c = qp->context;
    bool has_rq = qp->service != HCA_ST_XRC && !qp->has_srq;

    qp->rq_shift = (c[QPC_RQ_SIZE] & 7) + 4;
    qp->sq_shift = (c[QPC_SQ_SIZE] & 7) + 4;
    qp->rq_count = has_rq ? 1u << (c[QPC_RQ_SIZE] >> 3 & 0xf) : 0;
    qp->sq_count = 1u << (c[QPC_SQ_SIZE] >> 3 & 0xf);
    qp->sq_offset = qp->rq_offset = 0;
    if (has_rq && qp->rq_shift > qp->sq_shift) {
        qp->sq_offset = qp->rq_count << qp->rq_shift;
    } else if (has_rq) {
        qp->rq_offset = qp->sq_count << qp->sq_shift;
    }
}

static void qp_decode(HcaQp *qp)
{
    const uint8_t *c = qp->context;
    uint32_t params1 = hca_get32(c + QPC_PARAMS1);
    uint32_t params2 = hca_get32(c + QPC_PARAMS2);
    uint8_t mtu = c[QPC_MTU_MSGMAX] >> 5;

    qp->service = hca_get32(c + QPC_FLAGS) >> 16 & 0xff;
    qp->pd = hca_get32(c + QPC_PD) & 0xffffff;
    qp->uar = hca_get32(c + QPC_USR_PAGE) & 0xffffff;
    qp->cqn_send = hca_get32(c + QPC_CQN_SEND) & 0xffffff;
    qp->cqn_recv = hca_get32(c + QPC_CQN_RECV) & 0xffffff;
    qp->srqn = hca_get32(c + QPC_SRQN) & 0xffffff;
    qp->has_srq = params2 & PARAMS2_RIC;
    qp->qkey = hca_get32(c + QPC_QKEY);
    qp->remote_qpn = hca_get32(c + QPC_REMOTE_QPN) & 0xffffff;
    qp->xrcd = hca_get32(c + QPC_XRCD) & 0xffff;
    qp->reserved_lkey = c[QPC_RLKEY] & 0x10;
    qp->fast_reg = params1 & PARAMS1_FRE;
    hca_path_decode(&qp->path, c + QPC_PRI_PATH);
    hca_path_decode(&qp->alt_path, c + QPC_ALT_PATH);
    qp->pm = (hca_get32(c + QPC_FLAGS) & FLAGS_PM) >> 11;
    qp->mtu = mtu >= 1 && mtu <= 5 ? 128u << mtu : 256;
    qp->log_max_msg = c[QPC_MTU_MSGMAX] & 0x1f;
    if (qp->log_max_msg > HCA_LOG_MAX_LEN) {
        qp->log_max_msg = HCA_LOG_MAX_LEN;
    }
    qp->retry_count = params1 >> 16 & 7;
    qp->rnr_retry = params1 >> 13 & 7;
    qp->max_rd_atomic = 1u << (params1 >> 21 & 7);
    qp->max_dest_rd_atomic = 1u << (params2 >> 21 & 7);
    if (qp->max_dest_rd_atomic > HCA_MAX_RD_ATOMIC) {
        qp->max_dest_rd_atomic = HCA_MAX_RD_ATOMIC;
    }
    qp->remote_access = (params2 & PARAMS2_RRE ? HCA_ACCESS_REMOTE_READ : 0) |
                        (params2 & PARAMS2_RWE ? HCA_ACCESS_REMOTE_WRITE : 0) |
                        (params2 & PARAMS2_RAE ? HCA_ACCESS_ATOMIC : 0);
    qp->min_rnr_timer = c[QPC_RNR_NEXTRECV] & 0x1f;
    qp->mtt.user = (HcaUser) { "WQE of QP", qp->qpn };
    qp->mtt.addr = (uint64_t)c[QPC_MTT_H] << 32 | hca_get32(c + QPC_MTT_L);
    qp->mtt.page_shift = (c[QPC_LOG_PAGE] & 0x1f) + HCA_PAGE_SHIFT;
    qp->db_addr = hca_get64(c + QPC_DB_REC);
    decode_queues(qp);
}

/* Bits of the primary path: all but P_Key index, timeout and counter. */
static void merge_path(uint8_t *dst, const uint8_t *src)
{
    uint8_t pkey = dst[PATH_PKEY_INDEX], ackto = dst[PATH_ACKTO];
    uint8_t counter = dst[PATH_COUNTER_INDEX];

    memcpy(dst, src, PATH_SIZE);
    dst[PATH_PKEY_INDEX] = pkey;
    dst[PATH_ACKTO] = ackto;
    dst[PATH_COUNTER_INDEX] = counter;
}

static void merge_optional(uint8_t *dst, const uint8_t *src, uint32_t optpar)
{
    uint8_t *path = dst + QPC_PRI_PATH;
    const uint8_t *from = src + QPC_PRI_PATH;
    static const struct {
        uint32_t optpar, offset, mask;
    } words[] = {
        { OPTPAR_RRE, QPC_PARAMS2, PARAMS2_RRE },
        { OPTPAR_RWE, QPC_PARAMS2, PARAMS2_RWE },
        { OPTPAR_RAE, QPC_PARAMS2, PARAMS2_RAE },
        { OPTPAR_RRA_MAX, QPC_PARAMS2, 7 << 21 },
        { OPTPAR_SRA_MAX, QPC_PARAMS1, 7 << 21 },
        { OPTPAR_RETRY_COUNT, QPC_PARAMS1, 7 << 16 },
        { OPTPAR_RNR_RETRY, QPC_PARAMS1, 7 << 13 },
        { OPTPAR_RNR_TIMEOUT, QPC_RNR_NEXTRECV, 0x1fu << 24 },
        { OPTPAR_Q_KEY, QPC_QKEY, 0xffffffff },
        { OPTPAR_PM_STATE, QPC_FLAGS, FLAGS_PM },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (optpar & words[i].optpar) {
            update32(dst + words[i].offset, src + words[i].offset,
                     words[i].mask);
        }
    }
    if (optpar & OPTPAR_PRI_PATH) {
        merge_path(path, from);
    }
    if (optpar & OPTPAR_ALT_PATH) {
        memcpy(dst + QPC_ALT_PATH, src + QPC_ALT_PATH, PATH_SIZE);
    }
    if (optpar & OPTPAR_PKEY_INDEX) {
        path[PATH_PKEY_INDEX] = from[PATH_PKEY_INDEX];
    }
    if (optpar & OPTPAR_ACK_TIMEOUT) {
        path[PATH_ACKTO] = (path[PATH_ACKTO] & 7) | (from[PATH_ACKTO] & 0xf8);
    }
    if (optpar & OPTPAR_SCHED_QUEUE) {
        path[PATH_SCHED_QUEUE] = from[PATH_SCHED_QUEUE];
    }
    if (optpar & OPTPAR_COUNTER_INDEX) {
        path[PATH_COUNTER_INDEX] = from[PATH_COUNTER_INDEX];
    }
}

/* ---- Path migration ---- */

void hca_qp_set_pm(HcaQp *qp, uint8_t pm)
{
    uint32_t flags = hca_get32(qp->context + QPC_FLAGS) & ~(uint32_t)FLAGS_PM;

    qp->pm = pm;
    qp->pm_refused = false;
    hca_put32(qp->context + QPC_FLAGS, flags | (uint32_t)pm << 11);
}

void hca_qp_migrate(Hca *hca, HcaQp *qp)
{
    uint8_t *primary = qp->context + QPC_PRI_PATH;
    uint8_t *alternate = qp->context + QPC_ALT_PATH, old[PATH_SIZE];

    hca_qp_unschedule(hca, qp);                /* its port may change */
    memcpy(old, primary, PATH_SIZE);
    memcpy(primary, alternate, PATH_SIZE);
    memcpy(alternate, old, PATH_SIZE);
    hca_path_decode(&qp->path, primary);
    hca_path_decode(&qp->alt_path, alternate);
    hca_qp_set_pm(qp, HCA_PM_MIGRATED);
    hca_event(hca, HCA_EVENT_PATH_MIG, 0, qp->qpn);
    hca_qp_schedule(hca, qp);
}

/* May the state of migration be set so? To arm takes an alternate path. */
static bool pm_allowed(const HcaQp *qp, const uint8_t *context, uint32_t optpar)
{
    uint8_t pm = (hca_get32(context + QPC_FLAGS) & FLAGS_PM) >> 11;
    const uint8_t *from = optpar & OPTPAR_ALT_PATH ? context : qp->context;

    return !(optpar & OPTPAR_PM_STATE) || pm == HCA_PM_MIGRATED ||
           (pm != 2 && hca_get16(from + QPC_ALT_PATH + PATH_RLID));
}

/* ---- State changes ---- */

static bool context_valid(Hca *hca, const HcaQp *qp)
{
    switch (qp->service) {
    case HCA_ST_RC:
    case HCA_ST_UC:
    case HCA_ST_UD:
    case HCA_ST_XRC:
    case HCA_ST_MLX:
        break;
    default:
        hca_guest_error(hca, "QP %06x: service %u is unknown", qp->qpn,
                        qp->service);
        return false;
    }
    if (!hca_cq_valid(hca, qp->cqn_send) || !hca_cq_valid(hca, qp->cqn_recv)) {
        hca_guest_error(hca, "QP %06x: CQ %06x or %06x is not valid",
                        qp->qpn, qp->cqn_send, qp->cqn_recv);
        return false;
    }
    if (qp->has_srq && !hca_srq_find(hca, qp->srqn)) {
        hca_guest_error(hca, "QP %06x: SRQ %06x is not valid", qp->qpn,
                        qp->srqn);
        return false;
    }
    return true;
}

static uint8_t qp_rst2init(Hca *hca, uint32_t qpn, const uint8_t *context)
{
    HcaQp *qp;

    if (!hca->running || qpn == 0 || qpn > 0xffffff) {
        return HCA_CMD_BAD_INDEX;
    }
    qp = qp_create(hca, qpn);
    if (!qp) {
        return HCA_CMD_BAD_QP_STATE;
    }
    memcpy(qp->context, context, HCA_QPC_SIZE);
    qp_decode(qp);
    if (!context_valid(hca, qp)) {
        qp_destroy(hca, qp);
        return HCA_CMD_BAD_PARAM;
    }
    qp->state = HCA_QP_INIT;
    return HCA_CMD_OK;
}

/* What INIT2RTR and RTR2RTS always set. */
static void merge_required(HcaQp *qp, uint8_t to, const uint8_t *src)
{
    if (qp->state == HCA_QP_INIT && to == HCA_QP_RTR) {
        qp->context[QPC_MTU_MSGMAX] = src[QPC_MTU_MSGMAX];
        update32(qp->context + QPC_REMOTE_QPN, src + QPC_REMOTE_QPN, 0xffffff);
        update32(qp->context + QPC_RNR_NEXTRECV, src + QPC_RNR_NEXTRECV,
                 HCA_PSN_MASK);
        merge_path(qp->context + QPC_PRI_PATH, src + QPC_PRI_PATH);
        qp->epsn = hca_get32(src + QPC_RNR_NEXTRECV) & HCA_PSN_MASK;
    } else if (qp->state == HCA_QP_RTR && to == HCA_QP_RTS) {
        qp->next_psn = hca_get32(src + QPC_NEXT_PSN) & HCA_PSN_MASK;
    }
}

static void qp_enter(Hca *hca, HcaQp *qp, uint8_t to, bool event)
{
    qp->state = to;
    switch (to) {
    case HCA_QP_RTS:
        qp->retries_left = qp->retry_count;
        qp->rnr_left = qp->rnr_retry;
        break;
    case HCA_QP_SQ_DRAINING:
        qp->sqd_event = event;
        break;
    default:
        break;
    }
    hca_qp_schedule(hca, qp);
}

uint8_t hca_cmd_modify_qp(Hca *hca, HcaCmd *cmd)
{
    uint32_t qpn = cmd->in_modifier & 0xffffff, optpar;
    const Transition *t = NULL;
    const uint8_t *context = cmd->in + 8;
    bool was_armed;
    HcaQp *qp;

    for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
        if (transitions[i].op == cmd->op) {
            t = &transitions[i];
        }
    }
    if (!t) {
        return HCA_CMD_BAD_OP;
    }
    qp = hca_qp_find(hca, qpn);
    if (!((qp ? 1 << qp->state : 1 << HCA_QP_RST) & t->from)) {
        hca_guest_error(hca, "QP %06x: command %#x in state %d", qpn, cmd->op,
                        qp ? qp->state : HCA_QP_RST);
        return HCA_CMD_BAD_QP_STATE;
    }
    if (t->to == HCA_QP_RST) {
        if (qp) {
            qp_destroy(hca, qp);
        }
        return HCA_CMD_OK;
    }
    if (!qp) {
        return qp_rst2init(hca, qpn, context);
    }
    if (t->to == HCA_QP_ERR) {
        hca_qp_fail(hca, qp, -1);
    } else {
        optpar = hca_get32(cmd->in) & t->optpar;
        if (!pm_allowed(qp, context, optpar)) {
            hca_guest_error(hca, "QP %06x: armed without a path", qpn);
            return HCA_CMD_BAD_PARAM;
        }
        was_armed = qp->pm == HCA_PM_ARMED;
        hca_qp_unschedule(hca, qp);            /* its port may change */
        merge_required(qp, t->to, context);
        merge_optional(qp->context, context, optpar);
        qp_decode(qp);
        qp_enter(hca, qp, t->to, cmd->in_modifier >> 31);
        if (was_armed && qp->pm == HCA_PM_MIGRATED) {
            hca_qp_migrate(hca, qp);
        }
    }
    hca_transport_drain(hca, 0);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_query_qp(Hca *hca, HcaCmd *cmd)
{
    HcaQp *qp = hca_qp_find(hca, cmd->in_modifier & 0xffffff);
    uint8_t *c = cmd->out + 8;
    uint32_t flags, acked;

    if (!qp) {
        return HCA_CMD_BAD_QP_STATE;
    }
    memcpy(c, qp->context, HCA_QPC_SIZE);
    flags = hca_get32(c + QPC_FLAGS) & 0x0fffffff;
    hca_put32(c + QPC_FLAGS, flags | (uint32_t)qp->state << 28);
    hca_put32(c + QPC_LOCAL_QPN, qp->qpn);
    hca_put32(c + QPC_NEXT_PSN, qp->next_psn);
    acked = qp->op_tail == qp->op_head ? qp->next_psn :
            qp->ops[qp->op_tail % HCA_SEND_WINDOW].psn;
    hca_put32(c + QPC_LAST_ACKED, (acked - 1) & HCA_PSN_MASK);
    hca_put32(c + QPC_SSN, qp->sq_next & HCA_PSN_MASK);
    hca_put32(c + QPC_RNR_NEXTRECV,
              (uint32_t)qp->min_rnr_timer << 24 | qp->epsn);
    hca_put32(c + QPC_MSN, qp->msn);
    hca_put16(c + QPC_RQ_COUNTER, qp->rq_done);
    hca_put16(c + QPC_SQ_COUNTER, qp->sq_next);
    return HCA_CMD_OK;
}

uint8_t hca_cmd_conf_special_qp(Hca *hca, HcaCmd *cmd)
{
    uint32_t base = cmd->in_modifier & 0xffffff;

    if (base & 7) {
        return HCA_CMD_BAD_PARAM;
    }
    hca->qps->special_qpn = base;
    return HCA_CMD_OK;
}

/* A suspended QP neither sends nor receives; no driver of ours does it. */
uint8_t hca_cmd_suspend_qp(Hca *hca, HcaCmd *cmd)
{
    (void)cmd;
    hca_log(hca, HCA_LOG_UNIMP, "SUSPEND_QP is not modelled");
    return HCA_CMD_BAD_OP;
}

uint8_t hca_cmd_unsuspend_qp(Hca *hca, HcaCmd *cmd)
{
    return hca_cmd_suspend_qp(hca, cmd);
}

/* Only Ethernet attributes can be updated by the drivers; none applies here. */
uint8_t hca_cmd_update_qp(Hca *hca, HcaCmd *cmd)
{
    return hca_qp_find(hca, cmd->in_modifier & 0xffffff) ? HCA_CMD_OK :
           HCA_CMD_BAD_QP_STATE;
}

void hca_qp_fail(Hca *hca, HcaQp *qp, int event)
{
    if (qp->state == HCA_QP_ERR) {
        return;
    }
    qp->state = HCA_QP_ERR;
    hca_requester_reset(qp);
    hca_qp_set_timer(hca, qp, HCA_NEVER);
    if (event >= 0) {
        hca_event(hca, event, 0, qp->qpn);
    }
    hca_qp_schedule(hca, qp);
}

void hca_qp_complete(Hca *hca, HcaQp *qp, uint32_t cqn, const HcaCqe *cqe)
{
    hca_diag_completion(hca, qp, cqe);
    if (!hca_cq_push(hca, cqn, cqe)) {
        hca_qp_fail(hca, qp, HCA_EVENT_WQ_CATAS_ERROR);
    }
}
