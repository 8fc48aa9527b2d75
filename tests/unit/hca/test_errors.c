/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors of the model: what no driver may let the HCA do. */
#include "loop.h"

static const LoopQpAttr rc = { .service = HCA_ST_RC, .retry = 2, .timeout = 10 };
static const HcaCqe plain = { .qpn = 0x123, .is_send = true, .opcode = 0x0a };

/* A device with memory at address 0. */
static Drv *up(void)
{
    Drv *d = drv_up(false);

    d->has_low = true;
    return d;
}

static void up_with_qps(Loop *l)
{
    loop_up(l);
    l->d->has_low = true;
}

/* The MTT entry that was written last. */
static uint8_t *last_mtt(Drv *d)
{
    return drv_ptr(d, d->icm + MTT_BASE + 8ull * (d->next_mtt - 1));
}

/* Silicon has memory there: the access is made. */
static void test_page_0(void **state)
{
    HcaUser user = { "thing", 0x12 };
    uint8_t octet = 0x5a;
    Drv *d = up();

    (void)state;
    assert_true(hca_dma_write(d->hca, user, 4095, &octet, 1));
    drv_model_error(d, "hca: model error: write of machine page 0, "
                    "address 0xfff: thing 0x12");
    assert_int_equal(d->low[4095], 0x5a);
    d->low[7] = 0x77;
    assert_true(hca_dma_read(d->hca, user, 7, &octet, 1));
    drv_model_error(d, "hca: model error: read of machine page 0, "
                    "address 0x7: thing 0x12");
    assert_int_equal(octet, 0x77);
    assert_true(hca_dma_write(d->hca, user, 4096, &octet, 1));
    assert_true(hca_dma_read(d->hca, user, 4096, &octet, 1));
    drv_no_model_error(d);
    drv_free(d);
}

/* An MTT entry may be anything: what was in that memory before. */
static void test_outside(void **state)
{
    HcaMtt mtt = { .user = { "WQE of QP", 0x41 }, .page_shift = 12 };
    HcaUser user = { "thing", 0x12 };
    Drv *d = up();
    uint8_t octet = 0;

    (void)state;
    assert_false(hca_dma_read(d->hca, user, 1ull << 40, &octet, 1));
    drv_model_error(d, "hca: model error: read outside memory, "
                    "address 0x10000000000: thing 0x12");
    assert_false(hca_dma_write(d->hca, user, LOW_SIZE, &octet, 1));
    drv_model_error(d, "hca: model error: write outside memory, "
                    "address 0x2000: thing 0x12");
    mtt.addr = drv_mtt(d, 0x5a5a5a5a5a5a5000, 1, 12);
    assert_false(hca_mtt_read(d->hca, &mtt, 0x10, &octet, 1));
    drv_model_error(d, "hca: model error: read outside memory, "
                    "address 0x5a5a5a5a5a5a5010: WQE of QP 0x41");
    drv_free(d);
}

/* A few lines of each kind in a second. */
static void test_rate(void **state)
{
    HcaUser user = { "thing", 1 };
    Drv *d = up();
    uint8_t octet;
    unsigned first;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        hca_dma_read(d->hca, user, 0, &octet, 1);
    }
    first = d->model_errors;
    assert_in_range(first, 1, 20);
    hca_error(d->hca, HCA_ERROR_MTT, "another kind");
    assert_int_equal(d->model_errors, first + 1);
    d->now += 999999999;
    hca_dma_read(d->hca, user, 0, &octet, 1);
    assert_int_equal(d->model_errors, first + 1);
    d->now++;
    hca_dma_read(d->hca, user, 0, &octet, 1);
    assert_int_equal(d->model_errors, first + 2);
    drv_free(d);
}

static void test_mailbox_and_icm(void **state)
{
    uint8_t box[16] = { 0 };
    Drv *d = up();
    uint64_t out = 0;

    (void)state;
    assert_int_equal(drv_cmd(d, 0x012, 0, 9, 1, NULL), HCA_CMD_BAD_RES_STATE);
    drv_no_model_error(d);                     /* it has no mailbox */
    drv_cmd(d, 0x015, 0, 9, 0, &out);          /* nothing to write: no such EQ */
    drv_no_model_error(d);
    drv_cmd(d, 0x00b, 0, 0, 0, &out);
    drv_model_error(d, "hca: model error: write of machine page 0, "
                    "address 0x0: mailbox of command 0xb");
    hca_put64(box, 0x400000);
    assert_int_equal(drv_box(d, 0xffa, 0, 1, box, sizeof(box), NULL), 0);
    drv_no_model_error(d);
    assert_true(hca_icm_read(d->hca, 0x400010, box, 8));
    drv_model_error(d, "hca: model error: read of machine page 0, "
                    "address 0x10: context memory page 0x400");
    drv_free(d);
}

static void test_eq(void **state)
{
    Drv *d = up();
    uint8_t out[HCA_MAILBOX_SIZE];
    TestEq eq;

    (void)state;
    assert_int_equal(eq_create(d, &eq, 9, 3, 1), 0);
    assert_int_equal(drv_cmd(d, 0x012, 0, 9, 1u << HCA_EVENT_COMM_EST, NULL),
                     0);
    hca_put64(last_mtt(d), 1);
    hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 1);
    drv_model_error(d, "hca: model error: write of machine page 0, "
                    "address 0x0: EQE of EQ 0x9");
    hca_put64(last_mtt(d), eq.buf);
    hca_event(d->hca, HCA_EVENT_COMM_EST, 0, 1);
    drv_model_error(d, "hca: model error: MTT entry 0x0 not present, "
                    "offset 0x20: EQE of EQ 0x9");
    assert_int_equal(drv_box(d, 0x014, 0, 9, NULL, 0, out), 0);
    assert_int_equal(out[0] >> 4, 10);         /* write failure */
    drv_free(d);
}

static void test_cq(void **state)
{
    uint8_t c[64];
    TestEq eq;
    TestCq cq;
    Drv *d = up();

    (void)state;
    eq_create(d, &eq, 9, 3, 1);
    assert_int_equal(cq_create(d, &cq, 0x85, 1, 9, 0), 0);
    hca_put64(last_mtt(d), cq.buf);
    assert_false(hca_cq_push(d->hca, 0x85, &plain));
    drv_model_error(d, "hca: model error: MTT entry 0x1 not present, "
                    "offset 0x0: CQE of CQ 0x85");
    /* read as the queue seems full */
    cq_create(d, &cq, 0x86, 1, 9, 0);
    cq_context(&cq, c, 0, 9);
    hca_put64(c + 0x38, 0x40);
    assert_int_equal(drv_box(d, 0x016, 0, 0x87, c, sizeof(c), NULL), 0);
    assert_true(hca_cq_push(d->hca, 0x87, &plain));
    assert_true(hca_cq_push(d->hca, 0x87, &plain));
    drv_no_model_error(d);
    assert_false(hca_cq_push(d->hca, 0x87, &plain));
    drv_model_error(d, "hca: model error: read of machine page 0, "
                    "address 0x40: doorbell record of CQ 0x87");
    drv_free(d);
}

/* The region's pages are at fault, not its key. */
static void test_data(void **state)
{
    HcaMrRange r = { .pd = LOOP_PD, .access = HCA_ACCESS_LOCAL_READ };
    uint8_t data[8], *entry;
    char text[120];
    LoopMr mr;
    Loop l;

    (void)state;
    up_with_qps(&l);
    loop_mr(&l, &mr, 8192, LOOP_PD, LOOP_ALL);
    entry = last_mtt(l.d);
    r.key = mr.key;
    r.va = mr.va + 4096 + 16;
    r.len = sizeof(data);
    hca_put64(entry, 1);
    assert_true(hca_mr_read(l.d->hca, &r, data));
    snprintf(text, sizeof(text), "hca: model error: read of machine page 0, "
             "address 0x10: data of key 0x%x", mr.key);
    drv_model_error(l.d, text);
    hca_put64(entry, mr.addr + 4096);
    assert_false(hca_mr_read(l.d->hca, &r, data));
    snprintf(text, sizeof(text), "hca: model error: MTT entry 0x%x not present, "
             "offset 0x1010: data of key 0x%x", l.d->next_mtt - 1, mr.key);
    drv_model_error(l.d, text);
    r.key = HCA_RESERVED_LKEY;
    r.reserved_lkey_ok = true;
    r.va = 0x20;
    assert_true(hca_mr_read(l.d->hca, &r, data));
    drv_model_error(l.d, "hca: model error: read of machine page 0, "
                    "address 0x20: data of key 0xf00");
    /* what protection refuses does not come so far */
    r.reserved_lkey_ok = false;
    assert_false(hca_mr_read(l.d->hca, &r, data));
    loop_down(&l);
}

/* Entries beyond context memory are not present either. */
static void test_mtt_outside(void **state)
{
    HcaMtt mtt = { .user = { "WQE of QP", 0x41 }, .page_shift = 12,
                   .addr = ICM_SIZE };
    Drv *d = up();
    uint8_t octet;

    (void)state;
    assert_false(hca_mtt_read(d->hca, &mtt, 0x1234, &octet, 1));
    drv_model_error(d, "hca: model error: MTT entry 0x80001 not present, "
                    "offset 0x1234: WQE of QP 0x41");
    drv_free(d);
}

static void test_qp(void **state)
{
    LoopQp a, b;
    LoopMr mr;
    char text[120];
    Loop l;

    (void)state;
    up_with_qps(&l);
    loop_mr(&l, &mr, 4096, LOOP_PD, LOOP_ALL);
    loop_pair(&l, &a, &b, &rc);                /* b's entry is the last */
    hca_put64(last_mtt(l.d), b.sq);
    loop_recv(&b, &mr, 64);
    loop_post(&a, HCA_WR_SEND, 0, 0, NULL, 0, &mr, 64);
    snprintf(text, sizeof(text), "hca: model error: MTT entry 0x%x not present, "
             "offset 0x800: WQE of QP 0x%x", l.d->next_mtt - 1, b.qpn);
    drv_model_error(l.d, text);
    loop_expect(&l, a.qpn, true, 0, HCA_SYN_REMOTE_OP);
    assert_int_equal(loop_events(&l, HCA_EVENT_WQ_CATAS_ERROR), 1);
    loop_reset(&a);
    loop_reset(&b);
    loop_down(&l);
}

#define SRQN 0x41u

static void srq_without_record(Loop *l)
{
    uint8_t c[48] = { 0 };

    hca_put32(c, 4u << 24 | SRQN);
    c[4] = 1;
    hca_put32(c + 20, drv_mtt(l->d, drv_alloc(l->d, 4096, 4096), 1, 12));
    assert_int_equal(drv_box(l->d, 0x035, 0, SRQN, c, sizeof(c), NULL), 0);
}

static void test_doorbell_records(void **state)
{
    LoopQp qp;
    HcaSrq *srq;
    Loop l;

    (void)state;
    up_with_qps(&l);
    loop_qp(&l, &qp, &rc);
    hca_qp_find(l.d->hca, qp.qpn)->db_addr = 8;
    assert_int_equal(hca_recv_take(l.d->hca, hca_qp_find(l.d->hca, qp.qpn),
                                   NULL), HCA_FETCH_EMPTY);
    drv_model_error(l.d, "hca: model error: read of machine page 0, "
                    "address 0x8: doorbell record of QP 0x80");
    srq_without_record(&l);
    srq = hca_srq_find(l.d->hca, SRQN);
    assert_int_equal(hca_recv_take(l.d->hca, hca_qp_find(l.d->hca, qp.qpn),
                                   srq), HCA_FETCH_EMPTY);
    drv_model_error(l.d, "hca: model error: read of machine page 0, "
                    "address 0x0: doorbell record of SRQ 0x41");
    loop_reset(&qp);
    loop_down(&l);
}

/*
 * 0xfc for the receive queue of a QP without SRQ: 2^15 WQEs of 256 octets,
 * before the send queue, and posted by what memory holds at address 0.
 */
static void test_no_rq(void **state)
{
    LoopQpAttr none = rc;
    uint8_t *wqe;
    LoopQp a, b;
    LoopMr mr;
    Loop l;

    (void)state;
    none.no_rq = true;
    up_with_qps(&l);
    loop_mr(&l, &mr, 4096, LOOP_PD, LOOP_ALL);
    loop_qp(&l, &a, &rc);
    loop_qp(&l, &b, &none);
    loop_connect(&a, b.qpn, &rc);
    loop_connect(&b, a.qpn, &none);
    drv_no_model_error(l.d);
    memset(drv_ptr(l.d, mr.addr), 0x5a, 64);
    wqe = drv_ptr(l.d, b.sq + 256);            /* the RQ's second */
    memset(wqe, 0, 32);
    hca_put32(wqe, 64);
    hca_put32(wqe + 4, mr.key);
    hca_put64(wqe + 8, mr.va + 1024);
    hca_put32(wqe + 20, HCA_LKEY_END);
    memcpy(drv_ptr(l.d, b.sq), wqe, 32);
    l.d->low[3] = 2;
    for (unsigned i = 0; i < 2; i++) {
        loop_post(&a, HCA_WR_SEND, 0, 0, NULL, 0, &mr, 64);
        loop_expect(&l, b.qpn, false, HCA_RECV_SEND, 0);
        loop_expect(&l, a.qpn, true, HCA_WR_SEND, 0);
        assert_int_equal(drv_ptr(l.d, mr.addr + 1024)[63], 0x5a);
        drv_ptr(l.d, mr.addr + 1024)[63] = 0;
    }
    drv_model_error(l.d, "hca: model error: read of machine page 0, "
                    "address 0x0: doorbell record of QP 0x81");
    loop_post(&b, HCA_WR_SEND, 0, 0, NULL, 0, &mr, 64);
    drv_model_error(l.d, "hca: model error: MTT entry 0x804 not present, "
                    "offset 0x800000: WQE of QP 0x81");
    assert_int_equal(loop_events(&l, HCA_EVENT_WQ_CATAS_ERROR), 1);
    loop_reset(&a);
    loop_reset(&b);
    loop_down(&l);
}

static void assert_queues(Loop *l, const LoopQpAttr *attr, uint32_t rq_count,
                          uint32_t sq_offset)
{
    uint8_t c[HCA_QPC_SIZE];
    LoopQp qp;
    HcaQp *hw;

    loop_qp(l, &qp, attr);
    hw = hca_qp_find(l->d->hca, qp.qpn);
    assert_int_equal(hw->rq_count, rq_count);
    assert_int_equal(hw->sq_offset, sq_offset);
    loop_query(&qp, c);
    assert_int_equal(c[9], 0xfc);
    loop_reset(&qp);
}

/* For XRC and with an SRQ the very same has no meaning. */
static void test_needless_rq(void **state)
{
    LoopQpAttr attr = rc;
    Loop l;

    (void)state;
    attr.no_rq = true;
    up_with_qps(&l);
    srq_without_record(&l);
    assert_queues(&l, &attr, 1 << 15, 1 << 23);
    attr.service = HCA_ST_UC;
    assert_queues(&l, &attr, 1 << 15, 1 << 23);
    attr.service = HCA_ST_UD;
    assert_queues(&l, &attr, 1 << 15, 1 << 23);
    attr.srqn = SRQN;
    assert_queues(&l, &attr, 0, 0);
    attr.service = HCA_ST_RC;
    assert_queues(&l, &attr, 0, 0);
    attr.service = HCA_ST_XRC;
    attr.srqn = 0;
    assert_queues(&l, &attr, 0, 0);
    loop_down(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_0),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_mailbox_and_icm),
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_cq),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_mtt_outside),
        cmocka_unit_test(test_qp),
        cmocka_unit_test(test_doorbell_records),
        cmocka_unit_test(test_no_rq),
        cmocka_unit_test(test_needless_rq),
    };

    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
