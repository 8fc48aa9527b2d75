/* SPDX-License-Identifier: GPL-2.0-only */
/* Event and completion queues. */
#include "driver.h"

#define EQN 9u
#define CQN 0x85u

static const HcaCqe plain = { .qpn = 0x123, .is_send = true, .opcode = 0x0a,
                              .wqe_index = 7, .byte_cnt = 99 };

static void test_eq_ring(void **state)
{
    for (int wide = 0; wide < 2; wide++) {
        Drv *d = drv_up(wide);
        TestEq eq;

        (void)state;
        assert_int_equal(eq_create(d, &eq, EQN, 3, 1), 0);
        assert_null(eq_poll(&eq));
        assert_int_equal(drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_COMM_EST,
                                 NULL), 0);
        for (unsigned round = 0; round < 20; round++) {
            unsigned irqs = d->irqs[1];

            hca_event(d->hca, HCA_EVENT_COMM_EST, 0, round);
            assert_int_equal(d->irqs[1], irqs + 1);
            hca_event(d->hca, HCA_EVENT_COMM_EST, 3, round + 100);
            assert_int_equal(d->irqs[1], irqs + 1);    /* fired, not armed */
            assert_int_equal(hca_get32(eq_poll(&eq) + 4), round);
            assert_int_equal(eq_poll(&eq)[3], 3);
            assert_null(eq_poll(&eq));
            eq_doorbell(&eq, true);
        }
        /* an unmapped type goes nowhere */
        hca_event(d->hca, HCA_EVENT_PATH_MIG, 0, 1);
        assert_null(eq_poll(&eq));
        drv_free(d);
    }
}

static void test_eq_arm_late(void **state)
{
    Drv *d = drv_up(false);
    TestEq eq;

    (void)state;
    eq_create(d, &eq, EQN, 3, 1);
    drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_COMM_EST, NULL);
    hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 1);
    hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 2);
    eq_poll(&eq);
    assert_int_equal(d->irqs[1], 1);
    eq_doorbell(&eq, true);                    /* the second is still there */
    assert_int_equal(d->irqs[1], 2);
    eq_poll(&eq);
    eq_doorbell(&eq, false);
    hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 3);
    assert_int_equal(d->irqs[1], 2);
    drv_free(d);
}

static uint32_t eq_flags(Drv *d, uint32_t eqn)
{
    uint8_t out[HCA_MAILBOX_SIZE];

    assert_int_equal(drv_box(d, 0x015, 0, eqn, NULL, 0, out), 0);
    return hca_get32(out);
}

/*
 * With eight entries the ninth event is lost, even if the driver has read the
 * first eight but not said so; and so is a command's completion.
 */
static void test_eq_overflow(void **state)
{
    for (int wide = 0; wide < 2; wide++) {
        Drv *d = drv_up(wide);
        TestEq eq, other;

        (void)state;
        eq_create(d, &eq, EQN, 3, 1);
        eq_create(d, &other, EQN + 1, 3, 2);
        drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_COMM_EST |
                1u << HCA_EVENT_CMD, NULL);
        drv_cmd(d, 0x012, 0, EQN + 1, 1u << HCA_EVENT_EQ_OVERFLOW, NULL);
        for (unsigned i = 0; i < 8; i++) {
            hca_event(d->hca, HCA_EVENT_COMM_EST, 0, i);
        }
        assert_int_equal(hca_eq_overflows(d->hca), 0);
        assert_int_equal(eq_flags(d, EQN) >> 28, 0);
        drv_no_model_error(d);
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(hca_get32(eq_poll(&eq) + 4), i);
        }
        drv_post_event(d, 0x031, 0x1f, 0, 0x4321);
        assert_false(drv_busy(d));
        assert_int_equal(hca_eq_overflows(d->hca), 1);
        assert_int_equal(eq_flags(d, EQN) >> 28, 9);
        drv_model_error(d, "hca: EQ 9 overflow: event 0xa lost");
        assert_int_equal(eq_poll(&other)[1], HCA_EVENT_EQ_OVERFLOW);
        hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 8);
        assert_int_equal(hca_eq_overflows(d->hca), 2);
        assert_null(eq_poll(&other));          /* once */
        assert_null(eq_poll(&eq));
        eq_doorbell(&eq, true);
        hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 9);
        assert_int_equal(hca_get32(eq_poll(&eq) + 4), 9);
        assert_null(eq_poll(&eq));
        assert_int_equal(eq_flags(d, EQN) >> 28, 9);
        assert_int_equal(hca_eq_overflows(d->hca), 2);
        drv_free(d);
    }
}

/* The event that tells of it may be meant for the very queue that is full. */
static void test_eq_overflow_itself(void **state)
{
    Drv *d = drv_up(false);
    TestEq eq;

    (void)state;
    eq_create(d, &eq, EQN, 3, 1);
    drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_COMM_EST |
            1u << HCA_EVENT_EQ_OVERFLOW, NULL);
    for (unsigned i = 0; i < 9; i++) {
        hca_event(d->hca, HCA_EVENT_COMM_EST, 0, i);
    }
    assert_int_equal(hca_eq_overflows(d->hca), 1);
    drv_free(d);
}

static void test_eq_overrun_allowed(void **state)
{
    uint8_t c[64] = { 0 };
    Drv *d = drv_up(false);
    TestEq eq = { .d = d, .eqn = EQN, .log_size = 3 };

    (void)state;
    eq.buf = drv_alloc(d, 4096, 4096);
    hca_put32(c, 9 << 8 | 1 << 17);
    c[0x0c] = 3;
    hca_put32(c + 0x1c, drv_mtt(d, eq.buf, 1, 12));
    assert_int_equal(drv_box(d, 0x013, 0, EQN, c, sizeof(c), NULL), 0);
    drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_COMM_EST, NULL);
    for (unsigned i = 0; i < 10; i++) {
        hca_event(d->hca, HCA_EVENT_COMM_EST, 0, i);
    }
    assert_int_equal(hca_eq_overflows(d->hca), 0);
    assert_int_equal(eq_flags(d, EQN) >> 28, 0);
    assert_int_equal(hca_get32(drv_ptr(d, eq.buf + 4)), 8);
    assert_int_equal(hca_get32(drv_ptr(d, eq.buf + 32 + 4)), 9);
    assert_int_equal(hca_get32(drv_ptr(d, eq.buf + 64 + 4)), 2);
    drv_free(d);
}

static void test_eq_commands(void **state)
{
    Drv *d = drv_up(false);
    uint8_t out[HCA_MAILBOX_SIZE], c[64] = { 0 }, db[4] = { 0 };
    unsigned errors;
    TestEq eq;

    (void)state;
    assert_int_equal(eq_create(d, &eq, 1u << LOG_EQS, 2, 1), HCA_CMD_BAD_INDEX);
    assert_int_equal(eq_create(d, &eq, EQN, 0, 1), HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_cmd(d, 0x012, 0, EQN, 1, NULL), HCA_CMD_BAD_RES_STATE);
    assert_int_equal(eq_create(d, &eq, EQN, 2, 1), 0);
    assert_int_equal(eq_create(d, &eq, EQN, 2, 1), HCA_CMD_BAD_RES_STATE);
    c[0x0c] = 2;
    hca_put32(c + 0x1c, 0x80000);              /* entries not present */
    assert_int_equal(drv_box(d, 0x013, 0, EQN + 1, c, 64, NULL),
                     HCA_CMD_BAD_SEG_PARAM);
    c[0x0c] = 31;
    assert_int_equal(drv_box(d, 0x013, 0, EQN + 1, c, 64, NULL),
                     HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_box(d, 0x015, 0, EQN, NULL, 0, out), 0);
    assert_int_equal(out[0x0c], 2);
    assert_int_equal(out[0x17], 1);
    assert_int_equal(drv_cmd(d, 0x014, 1, EQN, 0, NULL), 0);
    assert_int_equal(drv_cmd(d, 0x014, 1, EQN, 0, NULL), HCA_CMD_BAD_RES_STATE);
    assert_int_equal(drv_box(d, 0x015, 0, EQN, NULL, 0, out),
                     HCA_CMD_BAD_RES_STATE);
    errors = d->guest_errors;
    hca_uar_write(d->hca, (uint64_t)(EQN / 4) << 12 | 0x808, db, 4);
    hca_uar_write(d->hca, 900ull << 12 | 0x808, db, 4);
    assert_int_equal(d->guest_errors, errors + 2);
    drv_free(d);
}

static Drv *with_queues(TestEq *eq, TestCq *cq, unsigned log_cq, uint32_t flags,
                        bool wide)
{
    Drv *d = drv_up(wide);

    assert_int_equal(eq_create(d, eq, EQN, 6, 1), 0);
    assert_int_equal(drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_CQ_ERROR, NULL), 0);
    assert_int_equal(cq_create(d, cq, CQN, log_cq, EQN, flags), 0);
    return d;
}

static void test_cqe_layout(void **state)
{
    HcaCqe recv = {
        .qpn = 0x812345 & 0x7fffff, .src_qpn = 0xabcdef, .grh = true,
        .path_bits = 0x25, .slid = 0x1234, .sl = 9, .pkey_index = 3,
        .byte_cnt = 0x11223344, .wqe_index = 0x5566, .opcode = 1, .srqn = 0x77,
    };
    HcaCqe failed = { .qpn = 0x10, .wqe_index = 0x42, .is_send = true,
                      .syndrome = 0x15, .vendor_err = 0x81 };

    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        TestEq eq;
        TestCq cq;
        Drv *d = with_queues(&eq, &cq, 4, 0, wide);
        const uint8_t *c;

        assert_null(cq_poll(&cq));
        assert_true(hca_cq_push(d->hca, CQN, &recv));
        c = cq_poll(&cq);
        assert_int_equal(hca_get32(c), 0x012345);
        assert_int_equal(hca_get32(c + 4), 3);
        assert_int_equal(hca_get32(c + 8), 0xa5abcdef);
        assert_int_equal(hca_get16(c + 12), 9 << 12);
        assert_int_equal(hca_get16(c + 14), 0x1234);
        assert_int_equal(hca_get32(c + 20), 0x11223344);
        assert_int_equal(hca_get16(c + 24), 0x5566);
        assert_int_equal(c[31], 1);
        recv.opcode = 2;
        recv.imm = 0xfeedface;
        assert_true(hca_cq_push(d->hca, CQN, &recv));
        assert_int_equal(hca_get32(cq_poll(&cq) + 4), 0xfeedface);
        recv.qpn |= 1u << 23;                  /* XRC: the SRQ's number */
        assert_true(hca_cq_push(d->hca, CQN, &recv));
        assert_int_equal(hca_get32(cq_poll(&cq) + 8) & 0xffffff, 0x77);
        assert_true(hca_cq_push(d->hca, CQN, &failed));
        c = cq_poll(&cq);
        assert_int_equal(hca_get32(c), 0x10);
        assert_int_equal(hca_get16(c + 24), 0x42);
        assert_int_equal(c[26], 0x81);
        assert_int_equal(c[27], 0x15);
        assert_int_equal(c[31], 0x40 | 0x1e);
        recv.opcode = 1;
        recv.qpn &= ~(1u << 23);
        drv_free(d);
    }
}

static unsigned comps(TestEq *eq)
{
    unsigned n = 0;
    const uint8_t *e;

    while ((e = eq_poll(eq))) {
        n += e[1] == HCA_EVENT_COMP && hca_get32(e + 4) == CQN;
    }
    eq_doorbell(eq, true);
    return n;
}

static void test_cq_arming(void **state)
{
    HcaCqe solicited = plain, failed = plain;
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 4, 0, true);

    (void)state;
    solicited.solicited = true;
    failed.syndrome = 5;
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 0);           /* never armed */
    cq_arm(&cq, false);
    assert_int_equal(comps(&eq), 1);           /* for what was there */
    cq_poll(&cq);
    cq.sn++;
    cq_arm(&cq, false);
    assert_int_equal(comps(&eq), 0);
    hca_cq_push(d->hca, CQN, &plain);
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 1);           /* once an arming */
    cq_arm(&cq, false);                        /* rung again for the same event */
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 0);
    cq.sn++;
    cq_poll(&cq);
    cq_arm(&cq, false);                        /* of the rest none told the third */
    assert_int_equal(comps(&eq), 1);
    cq.sn++;
    cq_arm(&cq, false);                        /* all told of, though not taken */
    assert_int_equal(comps(&eq), 0);
    while (cq_poll(&cq)) {
    }
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 1);
    cq.sn++;
    cq_poll(&cq);
    cq_arm(&cq, true);                         /* solicited ones only */
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 0);
    hca_cq_push(d->hca, CQN, &solicited);
    assert_int_equal(comps(&eq), 1);
    cq.sn++;
    while (cq_poll(&cq)) {
    }
    hca_cq_push(d->hca, CQN, &solicited);
    hca_cq_push(d->hca, CQN, &plain);
    cq_arm(&cq, true);
    assert_int_equal(comps(&eq), 1);
    cq.sn++;
    while (cq_poll(&cq)) {
    }
    cq_arm(&cq, true);
    hca_cq_push(d->hca, CQN, &failed);         /* an error counts as solicited */
    assert_int_equal(comps(&eq), 1);
    drv_free(d);
}

static void test_cq_doorbell_owner(void **state)
{
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 4, 0, false);
    unsigned errors = d->guest_errors;
    uint8_t db[8];

    (void)state;
    cq.uar = 201;
    cq_arm(&cq, false);
    assert_int_equal(d->guest_errors, errors + 1);
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 0);
    cq.uar = 200;
    cq.cqn = CQN + 1;
    cq_arm(&cq, false);
    cq.cqn = 0xffffff;
    cq_arm(&cq, false);
    assert_int_equal(d->guest_errors, errors + 3);
    /* a doorbell in halves, as a 32-bit CPU writes it */
    hca_put32(db, 1u << 28 | 2u << 24 | CQN);
    hca_put32(db + 4, 0);
    hca_uar_write(d->hca, (200ull << 12) + 0x20, db, 4);
    assert_int_equal(comps(&eq), 0);
    hca_uar_write(d->hca, (200ull << 12) + 0x24, db + 4, 4);
    assert_int_equal(comps(&eq), 1);
    drv_free(d);
}

static void test_cq_overrun(void **state)
{
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 2, 0, false);
    uint8_t out[HCA_MAILBOX_SIZE];
    const uint8_t *e;

    (void)state;
    for (unsigned i = 0; i < 50; i++) {        /* the record is looked at in time */
        assert_true(hca_cq_push(d->hca, CQN, &plain));
        assert_non_null(cq_poll(&cq));
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_true(hca_cq_push(d->hca, CQN, &plain));
    }
    assert_null(eq_poll(&eq));
    assert_false(hca_cq_push(d->hca, CQN, &plain));
    e = eq_poll(&eq);
    assert_int_equal(e[1], HCA_EVENT_CQ_ERROR);
    assert_int_equal(hca_get32(e + 4), CQN);
    assert_int_equal(e[15], 1);
    assert_false(hca_cq_valid(d->hca, CQN));
    while (cq_poll(&cq)) {
    }
    assert_false(hca_cq_push(d->hca, CQN, &plain));            /* for good */
    assert_null(eq_poll(&eq));
    assert_int_equal(drv_box(d, 0x018, 0, CQN, NULL, 0, out), 0);
    assert_int_equal(out[0] >> 4, 9);
    drv_free(d);
}

static void test_cq_overrun_allowed(void **state)
{
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 2, 1u << 17, false);

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        assert_true(hca_cq_push(d->hca, CQN, &plain));
    }
    assert_null(eq_poll(&eq));
    drv_free(d);
}

static void test_cq_unwritable(void **state)
{
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 2, 0, false);

    (void)state;
    memset(drv_ptr(d, d->icm + MTT_BASE), 0, 4096);
    assert_false(hca_cq_push(d->hca, CQN, &plain));
    assert_false(hca_cq_valid(d->hca, CQN));
    drv_free(d);
}

static void test_cq_moderation(void **state)
{
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 6, 0, true);
    uint8_t c[64] = { 0 };

    (void)state;
    hca_put16(c + 0x10, 50);                   /* microseconds */
    hca_put16(c + 0x12, 4);                    /* completions */
    assert_int_equal(drv_box(d, 0x02c, 1, CQN, c, sizeof(c), NULL), 0);
    cq_arm(&cq, false);
    for (unsigned i = 0; i < 3; i++) {
        hca_cq_push(d->hca, CQN, &plain);
        assert_int_equal(comps(&eq), 0);
    }
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 1);
    assert_int_equal(hca_cq_next_deadline(d->hca), UINT64_MAX);
    while (cq_poll(&cq)) {
    }
    cq.sn++;
    cq_arm(&cq, false);
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 0);
    assert_int_equal(d->timer, d->now + 50000);
    d->now += 49999;
    hca_timer(d->hca);
    assert_int_equal(comps(&eq), 0);
    d->now += 1;
    hca_timer(d->hca);
    assert_int_equal(comps(&eq), 1);
    /* what was polled before the arming does not count, what is there does */
    for (unsigned i = 0; i < 10; i++) {
        hca_cq_push(d->hca, CQN, &plain);
        cq_poll(&cq);
    }
    cq_poll(&cq);
    cq.sn++;
    cq_arm(&cq, false);
    hca_cq_push(d->hca, CQN, &plain);
    hca_cq_push(d->hca, CQN, &plain);
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(comps(&eq), 0);
    d->now += 50000;
    hca_timer(d->hca);
    assert_int_equal(comps(&eq), 1);
    while (cq_poll(&cq)) {
    }
    for (unsigned i = 0; i < 4; i++) {
        hca_cq_push(d->hca, CQN, &plain);
    }
    cq.sn++;
    cq_arm(&cq, false);
    assert_int_equal(comps(&eq), 1);
    /* destroyed with the timer running */
    cq.sn++;
    while (cq_poll(&cq)) {
    }
    cq_arm(&cq, false);
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(drv_cmd(d, 0x017, 1, CQN, 0, NULL), 0);
    d->now += 100000;
    hca_timer(d->hca);
    assert_int_equal(comps(&eq), 0);
    drv_free(d);
}

/* As mlx4_ib takes the entries over: up to the resize entry, then the new buffer. */
static void test_cq_resize(void **state)
{
    static const unsigned sizes[] = { 5, 2, 3, 6, 2 };
    TestEq eq;
    TestCq cq;
    Drv *d = with_queues(&eq, &cq, 3, 0, true);
    uint32_t made = 0, seen = 0;

    (void)state;
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        TestCq bigger = cq;
        HcaCqe e = plain;
        const uint8_t *cqe;
        uint8_t c[64];

        for (unsigned i = 0; i < 9; i++) {
            e.byte_cnt = made++;
            assert_true(hca_cq_push(d->hca, CQN, &e));
            if (i < 7) {
                assert_int_equal(hca_get32(cq_poll(&cq) + 20), seen++);
            }
        }
        bigger.log_size = sizes[s];
        bigger.buf = drv_alloc(d, (size_t)cq.stride << sizes[s], 4096);
        cq_context(&bigger, c, 0, EQN);
        assert_int_equal(drv_box(d, 0x02c, 0, CQN, c, sizeof(c), NULL), 0);
        e.byte_cnt = made++;
        assert_true(hca_cq_push(d->hca, CQN, &e));             /* to the new one */
        while ((cqe = cq_poll(&cq))) {
            if ((cqe[31] & 0x1f) == 0x16) {
                break;
            }
            assert_int_equal(hca_get32(cqe + 20), seen++);
        }
        assert_non_null(cqe);
        bigger.consumer = cq.consumer;
        cq = bigger;
        assert_int_equal(hca_get32(cq_poll(&cq) + 20), seen++);
        assert_null(cq_poll(&cq));
        assert_int_equal(made, seen);
    }
    /* too small for what waits */
    for (unsigned i = 0; i < 4; i++) {
        hca_cq_push(d->hca, CQN, &plain);
    }
    {
        uint8_t c[64];

        cq_context(&cq, c, 0, EQN);
        assert_int_equal(drv_box(d, 0x02c, 0, CQN, c, sizeof(c), NULL),
                         HCA_CMD_BAD_SIZE);
        assert_int_equal(drv_box(d, 0x02c, 7, CQN, c, sizeof(c), NULL),
                         HCA_CMD_BAD_OP);
    }
    drv_free(d);
}

static void test_cq_commands(void **state)
{
    TestEq eq;
    TestCq cq, other;
    Drv *d = with_queues(&eq, &cq, 4, 0, false);
    uint8_t out[HCA_MAILBOX_SIZE], c[64];

    (void)state;
    assert_int_equal(cq_create(d, &other, 1u << LOG_CQS, 2, EQN, 0),
                     HCA_CMD_BAD_INDEX);
    assert_int_equal(cq_create(d, &other, CQN, 2, EQN, 0), HCA_CMD_BAD_RES_STATE);
    assert_int_equal(cq_create(d, &other, CQN + 1, 2, EQN + 1, 0),
                     HCA_CMD_BAD_RESOURCE);
    other = cq;
    cq_context(&other, c, 0, EQN);
    c[0x0c] = HCA_LOG_MAX_CQ_SIZE + 1;
    assert_int_equal(drv_box(d, 0x016, 0, CQN + 1, c, 64, NULL), HCA_CMD_BAD_PARAM);
    cq_context(&other, c, 0, EQN);
    hca_put32(c + 0x0c, 4u << 24 | HCA_NUM_UARS);
    assert_int_equal(drv_box(d, 0x016, 0, CQN + 1, c, 64, NULL), HCA_CMD_BAD_PARAM);
    cq_context(&other, c, 0, EQN);
    c[0x3f] = 4;                               /* doorbell record misaligned */
    assert_int_equal(drv_box(d, 0x016, 0, CQN + 1, c, 64, NULL), HCA_CMD_BAD_PARAM);
    cq_context(&other, c, 0, EQN);
    hca_put32(c + 0x1c, 0x80000);
    assert_int_equal(drv_box(d, 0x016, 0, CQN + 1, c, 64, NULL),
                     HCA_CMD_BAD_SEG_PARAM);
    assert_false(hca_cq_valid(d->hca, CQN + 1));
    assert_false(hca_cq_valid(d->hca, UINT32_MAX));
    hca_cq_push(d->hca, CQN, &plain);
    assert_int_equal(drv_box(d, 0x017, 0, CQN, NULL, 0, out), 0);
    assert_int_equal(hca_get32(out + 0x2c), 1);
    assert_int_equal(drv_cmd(d, 0x017, 1, CQN, 0, NULL), HCA_CMD_BAD_RES_STATE);
    assert_int_equal(drv_cmd(d, 0x017, 1, 0x100000, 0, NULL), HCA_CMD_BAD_INDEX);
    assert_false(hca_cq_push(d->hca, CQN, &plain));
    drv_free(d);
}

/* The event is there before the command is answered, but only if asked for. */
static void test_cq_early_event(void **state)
{
    TestEq eq, async;
    TestCq cq = { .cqn = CQN, .uar = 200, .log_size = 3, .stride = 32, .sn = 1 };
    Drv *d = drv_up(false);
    const uint8_t *eqe;
    uint8_t out[HCA_MAILBOX_SIZE];

    (void)state;
    eq_create(d, &eq, EQN, 3, 1);
    eq_create(d, &async, EQN + 1, 3, 2);
    drv_cmd(d, 0x012, 0, EQN + 1, 1u << HCA_EVENT_CMD, NULL);
    cq.d = d;
    cq.buf = drv_alloc(d, 4096, 4096);
    cq.db = drv_alloc(d, 8, 8);
    cq_context(&cq, drv_ptr(d, d->inbox), 0, EQN);
    drv_post_event(d, 0x016, CQN, d->inbox, 1);
    assert_int_equal(eq_poll(&async)[1], HCA_EVENT_CMD);
    assert_null(eq_poll(&eq));
    assert_int_equal(drv_box(d, 0x017, 0, CQN, NULL, 0, out), 0);

    hca_set_early_cq_event(d->hca, true);
    cq_context(&cq, drv_ptr(d, d->inbox), 0, EQN);
    drv_post_event(d, 0x016, CQN, d->inbox, 2);
    eqe = eq_poll(&eq);
    assert_non_null(eqe);
    assert_int_equal(eqe[1], HCA_EVENT_COMP);
    assert_int_equal(hca_get32(eqe + 4), CQN);
    assert_int_equal(d->irqs[1], 1);
    assert_true(drv_busy(d));
    hca_timer(d->hca);                         /* too early */
    assert_null(eq_poll(&async));
    assert_in_range(d->timer, d->now + 1000000, d->now + 1000000000);
    d->now = d->timer;
    hca_timer(d->hca);
    eqe = eq_poll(&async);
    assert_non_null(eqe);
    assert_int_equal(hca_get16(eqe + 6), 2);
    assert_int_equal(eqe[15], 0);
    assert_false(drv_busy(d));
    assert_int_equal(d->timer, UINT64_MAX);
    assert_int_equal(drv_box(d, 0x017, 0, CQN, NULL, 0, out), 0);

    /* a refused command has no event, and is not late; a reset ends all */
    cq_context(&cq, drv_ptr(d, d->inbox), 0, EQN + 2);
    drv_post_event(d, 0x016, CQN, d->inbox, 3);
    assert_int_equal(eq_poll(&async)[15], HCA_CMD_BAD_RESOURCE);
    assert_null(eq_poll(&eq));
    cq_context(&cq, drv_ptr(d, d->inbox), 0, EQN);
    drv_post_event(d, 0x016, CQN, d->inbox, 4);
    assert_true(drv_busy(d));
    hca_config_write(d->hca, 0xf0010, __builtin_bswap32(1));
    assert_false(drv_busy(d));
    assert_int_equal(d->timer, UINT64_MAX);
    assert_true(hca_get_early_cq_event(d->hca));
    hca_reset(d->hca);
    assert_false(hca_get_early_cq_event(d->hca));
    drv_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq_ring),
        cmocka_unit_test(test_eq_arm_late),
        cmocka_unit_test(test_eq_overflow),
        cmocka_unit_test(test_eq_overflow_itself),
        cmocka_unit_test(test_eq_overrun_allowed),
        cmocka_unit_test(test_eq_commands),
        cmocka_unit_test(test_cqe_layout),
        cmocka_unit_test(test_cq_arming),
        cmocka_unit_test(test_cq_doorbell_owner),
        cmocka_unit_test(test_cq_overrun),
        cmocka_unit_test(test_cq_overrun_allowed),
        cmocka_unit_test(test_cq_unwritable),
        cmocka_unit_test(test_cq_moderation),
        cmocka_unit_test(test_cq_resize),
        cmocka_unit_test(test_cq_commands),
        cmocka_unit_test(test_cq_early_event),
    };

    return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
