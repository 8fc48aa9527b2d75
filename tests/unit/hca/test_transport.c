/* SPDX-License-Identifier: GPL-2.0-only */
/* The transport: data, order, loss, errors. Two engines back to back. */
#include "engine.h"

#define ALL (HCA_ACCESS_LOCAL_READ | HCA_ACCESS_LOCAL_WRITE | \
             HCA_ACCESS_REMOTE_READ | HCA_ACCESS_REMOTE_WRITE | HCA_ACCESS_ATOMIC)
#define BUF (64u << 10)

typedef struct Bed {
    Node *a, *b;
    Qp *qa, *qb;
    uint64_t sa, sb;                           /* buffers */
    uint32_t ka, kb;                           /* their keys */
} Bed;

static const uint32_t sizes[] = {
    0, 1, 2, 3, 4, 63, 64, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025,
    4095, 4096, 4097, 20000, 65536,
};
#define NUM_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void fill(uint8_t *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        p[i] = (i * 7 + (i >> 8) + seed) & 0xff;
    }
}

static void bed_nodes(Bed *t)
{
    memset(t, 0, sizeof(*t));
    nodes_create(&t->a, &t->b);
    t->sa = mem_alloc(t->a, BUF + 64, 4096);
    t->sb = mem_alloc(t->b, BUF + 64, 4096);
    t->ka = mr_create(t->a, t->sa, BUF + 64, ALL);
    t->kb = mr_create(t->b, t->sb, BUF + 64, ALL);
}

static void bed_up(Bed *t, const QpAttr *attr)
{
    bed_nodes(t);
    qp_pair(t->a, t->b, attr, &t->qa, &t->qb);
    pump(t->a);
}

static void bed_down(Bed *t)
{
    if (t->qa) {
        qp_destroy_test(t->qa);
    }
    if (t->qb) {
        qp_destroy_test(t->qb);
    }
    nodes_free(t->a, t->b);
}

static Sge sge_a(const Bed *t, uint32_t off, uint32_t len)
{
    return (Sge) { t->sa + off, len, t->ka };
}

static Sge sge_b(const Bed *t, uint32_t off, uint32_t len)
{
    return (Sge) { t->sb + off, len, t->kb };
}

static void expect_send(Node *n, uint8_t opcode, uint16_t index)
{
    const HcaCqe *c = poll_cq(n);

    assert_non_null(c);
    assert_true(c->is_send);
    assert_int_equal(c->syndrome, 0);
    assert_int_equal(c->opcode, opcode);
    assert_int_equal(c->wqe_index, index);
}

static const HcaCqe *expect_recv(Node *n, uint8_t opcode, uint32_t len)
{
    const HcaCqe *c = poll_cq(n);

    assert_non_null(c);
    assert_false(c->is_send);
    assert_int_equal(c->syndrome, 0);
    assert_int_equal(c->opcode, opcode);
    assert_int_equal(c->byte_cnt, len);
    return c;
}

static void expect_error(Node *n, bool is_send, uint8_t syndrome)
{
    const HcaCqe *c = poll_cq(n);

    assert_non_null(c);
    assert_int_equal(c->is_send, is_send);
    assert_int_equal(c->syndrome, syndrome);
}

/* What port 1 has counted of an error of the transport. */
static uint32_t diag(Node *n, HcaDiag what)
{
    return n->hca.diag[1][what / 4];
}

static void expect_none(Node *n)
{
    assert_null(poll_cq(n));
}

static const QpAttr rc = {
    .service = HCA_ST_RC, .psn = 0xfffffe, .timeout = 14, .retry = 7,
    .rnr_retry = 7,
};
static const QpAttr uc = { .service = HCA_ST_UC, .psn = 5 };

/* ---- Send and receive ---- */

static void check_sends(const QpAttr *attr)
{
    Bed t;

    bed_up(&t, attr);
    for (unsigned i = 0; i < NUM_SIZES; i++) {
        uint32_t len = sizes[i], half = len / 2;
        Sge in[2] = { sge_b(&t, 1, half + 1), sge_b(&t, half + 2, len - half) };
        Wr wr = {
            .opcode = i & 1 ? HCA_WR_SEND_IMM : HCA_WR_SEND, .imm = 0xabcd00 + i,
            .solicited = i & 2,
            .sge = { sge_a(&t, 3, half), sge_a(&t, 3 + half, len - half) },
            .num_sge = 2,
        };
        const HcaCqe *c;

        fill(t.a->mem + t.sa, BUF, i);
        memset(t.b->mem + t.sb, 0xee, BUF + 64);
        post_recv(t.qb, in, 2);
        post_send(t.qa, &wr);
        pump(t.a);
        expect_send(t.a, wr.opcode, i);
        c = expect_recv(t.b, i & 1 ? HCA_RECV_SEND_IMM : HCA_RECV_SEND, len);
        assert_int_equal(c->imm, i & 1 ? 0xabcd00 + i : c->imm);
        assert_int_equal(c->solicited, !!(i & 2));
        assert_int_equal(c->wqe_index, i);
        assert_memory_equal(t.b->mem + t.sb + 1, t.a->mem + t.sa + 3, len);
        assert_int_equal(t.b->mem[t.sb + 1 + len], 0xee);
    }
    expect_none(t.a);
    expect_none(t.b);
    bed_down(&t);
}

static void test_rc_send(void **state)
{
    (void)state;
    check_sends(&rc);
    QpAttr big = rc;
    big.mtu = 5;
    check_sends(&big);
}

static void test_uc_send(void **state)
{
    (void)state;
    check_sends(&uc);
}

static void test_inline_blueflame(void **state)
{
    Bed t;
    uint8_t data[160];

    (void)state;
    bed_up(&t, &rc);
    fill(data, sizeof(data), 9);
    for (uint32_t len = 0; len <= 160; len++) {
        Sge in = sge_b(&t, 0, 200);
        Wr wr = {
            .opcode = HCA_WR_SEND, .is_inline = true, .inline_data = data,
            .inline_len = len, .blueflame = len & 1,
        };

        post_recv(t.qb, &in, 1);
        post_send(t.qa, &wr);
        pump(t.a);
        expect_send(t.a, HCA_WR_SEND, len);
        expect_recv(t.b, HCA_RECV_SEND, len);
        assert_memory_equal(t.b->mem + t.sb, data, len);
    }
    bed_down(&t);
}

/* A 2-octet ping-pong step is done within the doorbell, one packet each way. */
static void test_step_in_doorbell(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };
    Sge in;

    (void)state;
    bed_up(&t, &rc);
    in = sge_b(&t, 0, 2);
    wr.sge[0] = sge_a(&t, 0, 2);
    post_recv(t.qb, &in, 1);
    post_send(t.qa, &wr);
    assert_int_equal(t.a->sent, 1);
    assert_false(t.a->scheduled);
    pump(t.a);
    assert_int_equal(t.a->sent, 1);
    assert_int_equal(t.b->sent, 1);
    expect_send(t.a, HCA_WR_SEND, 0);
    bed_down(&t);
}

/* ---- RDMA ---- */

static void check_writes(const QpAttr *attr)
{
    Bed t;

    bed_up(&t, attr);
    for (unsigned i = 0; i < NUM_SIZES; i++) {
        uint32_t len = sizes[i];
        Wr wr = {
            .opcode = i & 1 ? HCA_WR_RDMA_WRITE_IMM : HCA_WR_RDMA_WRITE,
            .imm = i, .raddr = t.sb + 5, .rkey = t.kb,
            .sge = { sge_a(&t, 0, len) }, .num_sge = 1,
        };

        fill(t.a->mem + t.sa, BUF, i);
        memset(t.b->mem + t.sb, 0xee, BUF + 64);
        if (i & 1) {
            post_recv(t.qb, NULL, 0);
        }
        post_send(t.qa, &wr);
        pump(t.a);
        expect_send(t.a, wr.opcode, i);
        if (i & 1) {
            assert_int_equal(expect_recv(t.b, HCA_RECV_RDMA_WRITE_IMM,
                                         len)->imm, i);
        }
        expect_none(t.b);
        assert_memory_equal(t.b->mem + t.sb + 5, t.a->mem + t.sa, len);
        assert_int_equal(t.b->mem[t.sb + 4], 0xee);
        assert_int_equal(t.b->mem[t.sb + 5 + len], 0xee);
    }
    bed_down(&t);
}

static void test_write(void **state)
{
    (void)state;
    check_writes(&rc);
    check_writes(&uc);
}

static void test_read(void **state)
{
    Bed t;

    (void)state;
    bed_up(&t, &rc);
    for (unsigned i = 0; i < NUM_SIZES; i++) {
        uint32_t len = sizes[i];
        Wr wr = {
            .opcode = HCA_WR_RDMA_READ, .raddr = t.sb + 1, .rkey = t.kb,
            .sge = { sge_a(&t, 0, len / 3), sge_a(&t, len / 3, len - len / 3) },
            .num_sge = 2,
        };

        if (!len) {
            wr.num_sge = 0;
        }
        if (len && len < 3) {
            wr.sge[0] = wr.sge[1];
            wr.num_sge = 1;
        }
        fill(t.b->mem + t.sb, BUF, i);
        memset(t.a->mem + t.sa, 0xee, BUF + 64);
        post_send(t.qa, &wr);
        pump(t.a);
        expect_send(t.a, HCA_WR_RDMA_READ, i);
        assert_memory_equal(t.a->mem + t.sa, t.b->mem + t.sb + 1, len);
        assert_int_equal(t.a->mem[t.sa + len], 0xee);
    }
    expect_none(t.b);
    bed_down(&t);
}

static void put_le64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        p[i] = v >> 8 * i;
    }
}

static void test_atomics(void **state)
{
    Bed t;
    uint8_t expect[8];
    Wr wr = { .opcode = HCA_WR_ATOMIC_FA, .swap_add = 3, .num_sge = 1 };

    (void)state;
    bed_up(&t, &rc);
    wr.raddr = t.sb + 8;
    wr.rkey = t.kb;
    wr.sge[0] = sge_a(&t, 16, 8);
    put_le64(t.b->mem + t.sb + 8, 40);
    post_send(t.qa, &wr);
    pump(t.a);
    expect_send(t.a, HCA_WR_ATOMIC_FA, 0);
    put_le64(expect, 40);
    assert_memory_equal(t.a->mem + t.sa + 16, expect, 8);
    put_le64(expect, 43);
    assert_memory_equal(t.b->mem + t.sb + 8, expect, 8);

    wr.opcode = HCA_WR_ATOMIC_CS;
    wr.compare = 42;
    wr.swap_add = 1;
    post_send(t.qa, &wr);                      /* does not match */
    wr.compare = 43;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_send(t.a, HCA_WR_ATOMIC_CS, 1);
    expect_send(t.a, HCA_WR_ATOMIC_CS, 2);
    assert_memory_equal(t.a->mem + t.sa + 16, expect, 8);
    put_le64(expect, 1);
    assert_memory_equal(t.b->mem + t.sb + 8, expect, 8);

    wr.raddr++;                                /* not aligned */
    post_send(t.qa, &wr);
    pump(t.a);
    expect_error(t.a, true, HCA_SYN_REMOTE_INVAL);
    bed_down(&t);
}

/* More reads than the responder keeps, a fence, and completions in order. */
static void test_many_reads(void **state)
{
    Bed t;

    (void)state;
    bed_up(&t, &rc);
    fill(t.b->mem + t.sb, BUF, 1);
    for (unsigned i = 0; i < 20; i++) {
        Wr wr = {
            .opcode = HCA_WR_RDMA_READ, .raddr = t.sb + 3000 * i, .rkey = t.kb,
            .sge = { sge_a(&t, 3000 * i, 3000) }, .num_sge = 1,
            .unsignalled = i != 19, .quiet = true,
        };

        post_send(t.qa, &wr);
    }
    Wr wr = {
        .opcode = HCA_WR_RDMA_WRITE, .raddr = t.sb, .rkey = t.kb, .fence = true,
        .sge = { sge_a(&t, 59999, 1) }, .num_sge = 1,
    };
    post_send(t.qa, &wr);
    pump(t.a);
    expect_send(t.a, HCA_WR_RDMA_READ, 19);
    expect_send(t.a, HCA_WR_RDMA_WRITE, 20);
    assert_memory_equal(t.a->mem + t.sa + 1, t.b->mem + t.sb + 1, 59999);
    assert_int_equal(t.b->mem[t.sb], t.a->mem[t.sa + 59999]);
    bed_down(&t);
}

/* ---- Loss ---- */

static void mixed_traffic(Bed *t)
{
    static const uint8_t ops[] = {
        HCA_WR_SEND, HCA_WR_RDMA_READ, HCA_WR_RDMA_WRITE_IMM, HCA_WR_ATOMIC_FA,
        HCA_WR_RDMA_WRITE, HCA_WR_SEND_IMM, HCA_WR_RDMA_READ, HCA_WR_ATOMIC_FA,
    };

    fill(t->a->mem + t->sa, BUF, 3);
    fill(t->b->mem + t->sb, BUF, 4);
    put_le64(t->b->mem + t->sb + 40000, 0);
    for (unsigned i = 0; i < sizeof(ops); i++) {
        Wr wr = {
            .opcode = ops[i], .imm = i, .rkey = t->kb, .num_sge = 1,
            .raddr = t->sb + 20000 + 1000 * i, .quiet = true,
            .sge = { sge_a(t, 1000 * i, 700) },
        };

        if (ops[i] == HCA_WR_ATOMIC_FA) {
            wr.raddr = t->sb + 40000;
            wr.swap_add = 1;
            wr.sge[0].len = 8;
        } else if (ops[i] != HCA_WR_RDMA_READ && ops[i] != HCA_WR_RDMA_WRITE) {
            Sge in = sge_b(t, 1000 * i, 900);

            post_recv(t->qb, &in, 1);
        }
        post_send(t->qa, &wr);
    }
    ring(t->qa);
}

static void check_mixed(Bed *t)
{
    uint8_t expect[8];
    uint8_t *a = t->a->mem + t->sa, *b = t->b->mem + t->sb;

    for (unsigned i = 0; i < 8; i++) {
        const HcaCqe *c = poll_cq(t->a);

        assert_non_null(c);
        assert_int_equal(c->syndrome, 0);
        assert_int_equal(c->wqe_index, i);
    }
    expect_none(t->a);
    expect_recv(t->b, HCA_RECV_SEND, 700);
    assert_int_equal(expect_recv(t->b, HCA_RECV_RDMA_WRITE_IMM, 700)->imm, 2);
    assert_int_equal(expect_recv(t->b, HCA_RECV_SEND_IMM, 700)->imm, 5);
    expect_none(t->b);
    put_le64(expect, 2);
    assert_memory_equal(b + 40000, expect, 8);
    put_le64(expect, 0);
    assert_memory_equal(a + 3000, expect, 8);
    put_le64(expect, 1);
    assert_memory_equal(a + 7000, expect, 8);
    assert_memory_equal(b, a, 700);
    assert_memory_equal(b + 22000, a + 2000, 700);
    assert_memory_equal(b + 24000, a + 4000, 700);
    assert_memory_equal(b + 5000, a + 5000, 700);
    assert_memory_equal(a + 1000, b + 21000, 700);
    assert_memory_equal(a + 6000, b + 26000, 700);
}

/* Lose each packet of an exchange in turn, in each direction. */
static void test_drop_each(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned k = 0; k < 40; k++) {
            Bed t;
            Node *n;

            bed_up(&t, &rc);
            n = side ? t.b : t.a;
            n->wire_room = 1;                  /* packet by packet */
            mixed_traffic(&t);
            while (n->sent < k && step(n)) {
                continue;
            }
            n->hca.faults.drop[0] = 1;
            n->wire_room = WIRE_ROOM;
            settle(t.a, 20);
            n->hca.faults.drop[0] = 0;
            check_mixed(&t);
            bed_down(&t);
        }
    }
}

static void test_duplicates(void **state)
{
    Bed t;

    (void)state;
    bed_up(&t, &rc);
    t.a->hca.faults.duplicate[0] = 1000;
    t.b->hca.faults.duplicate[0] = 1000;
    mixed_traffic(&t);
    settle(t.a, 20);
    check_mixed(&t);
    assert_true(diag(t.b, HCA_DIAG_RQ_DUP) > 0);
    assert_int_equal(diag(t.b, HCA_DIAG_RQ_OOS), 0);
    bed_down(&t);
}

/* A gap is noticed by the next packet, the end of a message by the clock. */
static void test_loss_counted(void **state)
{
    Wr wr = { .opcode = HCA_WR_RDMA_WRITE, .num_sge = 1 };
    Bed t;

    (void)state;
    bed_up(&t, &rc);
    wr.raddr = t.sb;
    wr.rkey = t.kb;
    wr.sge[0] = sge_a(&t, 0, 1024);
    t.a->hca.faults.drop[0] = 1;
    post_send(t.qa, &wr);
    settle(t.a, 5);
    expect_send(t.a, HCA_WR_RDMA_WRITE, 0);
    assert_int_equal(diag(t.b, HCA_DIAG_RQ_OOS), 1);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_OOS), 1);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_TO), 0);
    wr.sge[0].len = 8;
    t.a->hca.faults.drop[0] = 1;
    post_send(t.qa, &wr);
    settle(t.a, 5);
    expect_send(t.a, HCA_WR_RDMA_WRITE, 1);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_TO), 1);
    assert_int_equal(diag(t.b, HCA_DIAG_RQ_OOS), 1);
    assert_int_equal(diag(t.b, HCA_DIAG_RQ_DUP), 0);
    bed_down(&t);
}

static void test_delay(void **state)
{
    Bed t;

    (void)state;
    bed_up(&t, &rc);
    t.a->hca.faults.delay[0] = 3;
    t.a->hca.faults.delay_ns = 1000000;
    t.b->hca.faults.delay[0] = 2;
    t.b->hca.faults.delay_ns = 900000000;      /* beyond the timeout */
    mixed_traffic(&t);
    settle(t.a, 50);
    check_mixed(&t);
    bed_down(&t);
}

static void test_random_loss(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 100; round++) {
        Bed t;

        bed_up(&t, &rc);
        mixed_traffic(&t);
        for (unsigned i = 0; i < 6; i++) {
            t.a->hca.faults.drop[0] = rand() % 3;
            t.b->hca.faults.drop[0] = rand() % 3;
            t.b->hca.faults.duplicate[0] = rand() % 3;
            settle(t.a, 1);
        }
        t.a->hca.faults.drop[0] = t.b->hca.faults.drop[0] = 0;
        settle(t.a, 30);
        check_mixed(&t);
        bed_down(&t);
    }
}

static void test_retry_exceeded(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };

    (void)state;
    bed_up(&t, &rc);
    wr.sge[0] = sge_a(&t, 0, 10);
    t.a->hca.faults.drop[0] = 100000;
    post_send(t.qa, &wr);
    post_send(t.qa, &wr);
    settle(t.a, 7);
    expect_none(t.a);
    settle(t.a, 1);
    expect_error(t.a, true, HCA_SYN_RETRY_EXCEEDED);
    expect_error(t.a, true, HCA_SYN_FLUSH);
    assert_int_equal(qp_state(t.qa), HCA_QP_ERR);
    assert_int_equal(t.a->hca.faults.drop[0], 100000 - 16);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_TO), 8);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_TREE), 1);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_WRFE), 1);
    assert_int_equal(diag(t.a, HCA_DIAG_RQ_WRFE), 0);
    bed_down(&t);
}

/* ---- Receiver not ready ---- */

static void test_rnr(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };
    Sge in;

    (void)state;
    bed_up(&t, &rc);
    wr.sge[0] = sge_a(&t, 0, 1000);
    in = sge_b(&t, 0, 1000);
    post_send(t.qa, &wr);
    post_send(t.qa, &wr);
    settle(t.a, 5);
    expect_none(t.a);
    post_recv(t.qb, &in, 1);
    settle(t.a, 5);
    expect_send(t.a, HCA_WR_SEND, 0);
    expect_none(t.a);
    post_recv(t.qb, &in, 1);
    settle(t.a, 5);
    expect_send(t.a, HCA_WR_SEND, 1);
    expect_recv(t.b, HCA_RECV_SEND, 1000);
    expect_recv(t.b, HCA_RECV_SEND, 1000);
    bed_down(&t);
}

/* A receiver that was not ready is asked by one message, not by a queueful. */
static void test_rnr_window(void **state)
{
    unsigned sent;
    Sge in;
    Bed t;

    (void)state;
    bed_up(&t, &rc);
    in = sge_b(&t, 0, 1024);
    Wr wr = {
        .opcode = HCA_WR_SEND, .sge = { sge_a(&t, 0, 1024) }, .num_sge = 1,
    };
    for (unsigned i = 0; i < 20; i++) {
        post_send(t.qa, &wr);                  /* of four packets each */
    }
    pump(t.a);
    for (unsigned i = 0; i < 5; i++) {
        sent = t.a->sent;
        settle(t.a, 1);
        assert_int_equal(t.a->sent - sent, 4);
    }
    for (unsigned i = 0; i < 20; i++) {
        post_recv(t.qb, &in, 1);
    }
    sent = t.a->sent;
    settle(t.a, 1);
    assert_int_equal(t.a->sent - sent, 80);
    for (unsigned i = 0; i < 20; i++) {
        expect_send(t.a, HCA_WR_SEND, i);
        expect_recv(t.b, HCA_RECV_SEND, 1024);
    }
    bed_down(&t);
}

static void test_rnr_exceeded(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND };
    QpAttr attr = rc;

    (void)state;
    attr.rnr_retry = 2;
    bed_up(&t, &attr);
    post_send(t.qa, &wr);
    settle(t.a, 10);
    expect_error(t.a, true, HCA_SYN_RNR_EXCEEDED);
    assert_int_equal(diag(t.b, HCA_DIAG_RQ_RNR), 3);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_RNR), 3);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_RREE), 1);
    assert_int_equal(qp_state(t.qa), HCA_QP_ERR);
    assert_int_equal(qp_state(t.qb), HCA_QP_RTS);
    bed_down(&t);
}

/* ---- Errors ---- */

static void test_remote_access(void **state)
{
    static const struct {
        uint8_t opcode;
        int32_t offset;
        uint32_t len, key_off, access, syndrome;
    } cases[] = {
        { HCA_WR_RDMA_WRITE, 0, 8, 1, 0, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_RDMA_WRITE, BUF, 65, 0, 0, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_RDMA_WRITE, -1, 1, 0, 0, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_RDMA_READ, BUF, 65, 0, 0, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_RDMA_READ, 0, 8, 0, 1u << 14, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_RDMA_WRITE, 0, 8, 0, 1u << 15, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_ATOMIC_FA, 0, 8, 0, 3u << 14, HCA_SYN_REMOTE_ACCESS },
        { HCA_WR_ATOMIC_FA, 0, 8, 7, 0, HCA_SYN_REMOTE_ACCESS },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Bed t;
        QpAttr attr = rc;

        attr.access = cases[i].access;
        bed_up(&t, &attr);
        Wr wr = {
            .opcode = cases[i].opcode, .raddr = t.sb + cases[i].offset,
            .rkey = t.kb + cases[i].key_off, .num_sge = 1,
            .sge = { sge_a(&t, 0, cases[i].len) },
        };
        post_send(t.qa, &wr);
        wr.rkey = t.kb;
        post_send(t.qa, &wr);
        pump(t.a);
        expect_error(t.a, true, cases[i].syndrome);
        expect_error(t.a, true, HCA_SYN_FLUSH);
        assert_int_equal(qp_state(t.qa), HCA_QP_ERR);
        assert_int_equal(qp_state(t.qb), HCA_QP_ERR);
        assert_int_equal(count_events(t.b, HCA_EVENT_WQ_ACCESS_ERROR,
                                      t.qb->qpn), 1);
        assert_int_equal(diag(t.a, HCA_DIAG_SQ_RAE), 1);
        assert_int_equal(diag(t.b, HCA_DIAG_RQ_RAE), 1);
        bed_down(&t);
    }
}

static void test_local_errors(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };
    Sge in;

    (void)state;
    bed_up(&t, &rc);
    in = sge_b(&t, 0, 100);
    post_recv(t.qb, &in, 1);
    wr.sge[0] = sge_a(&t, 0, 8);
    post_send(t.qa, &wr);
    wr.sge[0].lkey++;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_send(t.a, HCA_WR_SEND, 0);          /* what came before completes */
    expect_error(t.a, true, HCA_SYN_LOCAL_PROT);
    bed_down(&t);

    /* UC: the send queue alone is in error, and can be restarted. */
    bed_up(&t, &uc);
    wr.sge[0] = sge_a(&t, 0, 8);
    wr.sge[0].lkey++;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_error(t.a, true, HCA_SYN_LOCAL_PROT);
    assert_int_equal(qp_state(t.qa), HCA_QP_SQER);
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    assert_int_equal(qp_modify(t.qa, 0x1d, 0, c), HCA_CMD_OK);
    in = sge_b(&t, 0, 100);
    post_recv(t.qb, &in, 1);
    wr.sge[0].lkey--;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_send(t.a, HCA_WR_SEND, 1);
    expect_recv(t.b, HCA_RECV_SEND, 8);
    bed_down(&t);
}

static void test_receive_errors(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };
    Sge in;

    (void)state;
    bed_up(&t, &rc);                           /* too long */
    in = sge_b(&t, 0, 99);
    wr.sge[0] = sge_a(&t, 0, 100);
    post_recv(t.qb, &in, 1);
    post_recv(t.qb, &in, 1);
    post_send(t.qa, &wr);
    pump(t.a);
    expect_error(t.a, true, HCA_SYN_REMOTE_INVAL);
    expect_error(t.b, false, HCA_SYN_LOCAL_LENGTH);
    expect_error(t.b, false, HCA_SYN_FLUSH);
    bed_down(&t);

    bed_up(&t, &rc);                           /* bad lkey */
    in = sge_b(&t, 0, 100);
    in.lkey++;
    wr.sge[0] = sge_a(&t, 0, 100);
    post_recv(t.qb, &in, 1);
    post_send(t.qa, &wr);
    pump(t.a);
    expect_error(t.a, true, HCA_SYN_REMOTE_OP);
    expect_error(t.b, false, HCA_SYN_LOCAL_PROT);
    bed_down(&t);

    bed_up(&t, &rc);                           /* read into a bad lkey */
    wr.opcode = HCA_WR_RDMA_READ;
    wr.raddr = t.sb;
    wr.rkey = t.kb;
    wr.sge[0] = sge_a(&t, 0, 100);
    wr.sge[0].lkey++;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_error(t.a, true, HCA_SYN_LOCAL_PROT);
    assert_int_equal(qp_state(t.qa), HCA_QP_ERR);
    bed_down(&t);
}

static void test_flush(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1, .unsignalled = true };
    Sge in;

    (void)state;
    bed_up(&t, &rc);
    in = sge_a(&t, 0, 64);
    wr.sge[0] = sge_a(&t, 0, 8);
    t.a->hca.faults.drop[0] = 1000;
    for (unsigned i = 0; i < 40; i++) {
        post_recv(t.qa, &in, 1);
        post_send(t.qa, &wr);
    }
    assert_int_equal(qp_modify(t.qa, 0x1e, 0, NULL), HCA_CMD_OK);
    pump(t.a);
    unsigned sends = 0, recvs = 0;
    const HcaCqe *c;
    while ((c = poll_cq(t.a))) {
        assert_int_equal(c->syndrome, HCA_SYN_FLUSH);
        assert_int_equal(c->wqe_index, c->is_send ? sends : recvs);
        sends += c->is_send;
        recvs += !c->is_send;
    }
    assert_int_equal(sends, 40);
    assert_int_equal(recvs, 40);
    /* Posted in the Error state: flushed too. */
    post_send(t.qa, &wr);
    post_recv(t.qa, &in, 1);
    settle(t.a, 2);
    expect_error(t.a, true, HCA_SYN_FLUSH);
    expect_error(t.a, false, HCA_SYN_FLUSH);
    assert_int_equal(diag(t.a, HCA_DIAG_SQ_WRFE), 41);
    assert_int_equal(diag(t.a, HCA_DIAG_RQ_WRFE), 41);
    bed_down(&t);
}

static void test_cq_error(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_RDMA_WRITE, .num_sge = 1 };

    (void)state;
    bed_up(&t, &rc);
    wr.raddr = t.sb;
    wr.rkey = t.kb;
    wr.sge[0] = sge_a(&t, 0, 8);
    t.a->cq_broken = true;
    post_send(t.qa, &wr);
    pump(t.a);
    assert_int_equal(qp_state(t.qa), HCA_QP_ERR);
    assert_int_equal(count_events(t.a, HCA_EVENT_WQ_CATAS_ERROR, t.qa->qpn), 1);
    t.a->cq_broken = false;
    bed_down(&t);
}

static void test_doorbell_rules(void **state)
{
    Bed t;
    Wr wr = { .opcode = HCA_WR_RDMA_WRITE, .num_sge = 1, .quiet = true };

    (void)state;
    bed_up(&t, &rc);
    wr.raddr = t.sb;
    wr.rkey = t.kb;
    wr.sge[0] = sge_a(&t, 0, 8);
    post_send(t.qa, &wr);
    hca_qp_doorbell(&t.a->hca, TEST_UAR + 1, t.qa->qpn);
    hca_qp_doorbell(&t.a->hca, TEST_UAR, t.qa->qpn + 1);
    hca_qp_doorbell(&t.a->hca, TEST_UAR, 0xffffff);
    pump(t.a);
    expect_none(t.a);
    assert_int_equal(t.a->errors, 3);
    ring(t.qa);
    pump(t.a);
    expect_send(t.a, HCA_WR_RDMA_WRITE, 0);
    ring(t.qa);                                /* nothing posted: nothing done */
    pump(t.a);
    expect_none(t.a);
    bed_down(&t);
}

/* A WQE that lies about itself ends the QP, not the model. */
static void test_bad_wqes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        Bed t;
        Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1, .quiet = true };
        uint8_t *w;

        bed_up(&t, &rc);
        wr.sge[0] = sge_a(&t, 0, 8);
        w = t.a->mem + t.qa->sq;
        post_send(t.qa, &wr);
        switch (i) {
        case 0:
            w[7] = 0;                          /* no size */
            break;
        case 1:
            w[7] = 63;                         /* beyond the stride */
            break;
        case 2:
            w[3] = 0x1e;                       /* no such opcode */
            break;
        case 3:
            hca_put32(w + 16, 0x80000000u | 60); /* inline out of its 64 */
            break;
        case 4:
            w[3] = HCA_WR_ATOMIC_CS;           /* too short for it */
            break;
        default:
            w[3] = HCA_WR_RDMA_READ;
            w[7] = 1;
            break;
        }
        ring(t.qa);
        pump(t.a);
        expect_error(t.a, true, HCA_SYN_LOCAL_QP_OP);
        bed_down(&t);
    }
}

/* ---- Datagrams ---- */

static const QpAttr ud = { .service = HCA_ST_UD, .psn = 1, .mtu = 5 };

static void test_ud(void **state)
{
    Bed t;

    (void)state;
    bed_up(&t, &ud);
    for (unsigned i = 0; i < NUM_SIZES && sizes[i] <= 2048; i++) {
        Sge in = sge_b(&t, 0, 40 + sizes[i]);
        Wr wr = {
            .opcode = i & 1 ? HCA_WR_SEND_IMM : HCA_WR_SEND, .imm = 77,
            .dlid = t.b->hca.port[1].lid, .dqpn = t.qb->qpn,
            .qkey = i & 2 ? TEST_QKEY : 0x80000000u, .grh = i & 4,
            .sge = { sge_a(&t, 0, sizes[i]) }, .num_sge = 1,
        };
        const HcaCqe *c;

        fill(t.a->mem + t.sa, BUF, i);
        hca_port_gid(&t.b->hca, 1, 0, wr.dgid);
        post_recv(t.qb, &in, 1);
        post_send(t.qa, &wr);
        pump(t.a);
        expect_send(t.a, wr.opcode, i);
        c = expect_recv(t.b, i & 1 ? HCA_RECV_SEND_IMM : HCA_RECV_SEND,
                        40 + sizes[i]);
        assert_int_equal(c->src_qpn, t.qa->qpn);
        assert_int_equal(c->slid, t.a->hca.port[1].lid);
        assert_int_equal(c->grh, !!(i & 4));
        assert_memory_equal(t.b->mem + t.sb + 40, t.a->mem + t.sa, sizes[i]);
        if (i & 4) {
            uint8_t sgid[16];

            hca_port_gid(&t.a->hca, 1, 0, sgid);
            assert_memory_equal(t.b->mem + t.sb + 8, sgid, 16);
            assert_memory_equal(t.b->mem + t.sb + 24, wr.dgid, 16);
        }
    }
    bed_down(&t);
}

static void test_ud_rules(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        Bed t;
        Sge in;
        bool local = false;

        bed_up(&t, &ud);
        in = sge_b(&t, 0, 4096);
        Wr wr = {
            .opcode = HCA_WR_SEND, .dlid = t.b->hca.port[1].lid,
            .dqpn = t.qb->qpn, .qkey = TEST_QKEY, .sge = { sge_a(&t, 0, 8) },
            .num_sge = 1,
        };
        if (i) {
            post_recv(t.qb, &in, 1);
        }
        switch (i) {
        case 0:                                /* no receive: dropped */
            break;
        case 1:
            wr.qkey++;
            break;
        case 2:
            t.b->hca.port[1].pkey[0] = 0x8001;
            break;
        case 3:
            wr.dlid++;
            break;
        case 4:
            t.b->hca.port[1].state = 2;
            break;
        case 5:
            wr.av_pd = TEST_PD + 1;
            local = true;
            break;
        case 6:                                /* with that port's GIDs */
            wr.av_port = 2;
            local = true;
            break;
        default:
            wr.sge[0].len = 2049;
            break;
        }
        post_send(t.qa, &wr);
        pump(t.a);
        if (local) {
            expect_error(t.a, true, HCA_SYN_LOCAL_QP_OP);
        } else if (i == 7) {
            expect_error(t.a, true, HCA_SYN_LOCAL_LENGTH);
        } else {
            expect_send(t.a, HCA_WR_SEND, 0);
        }
        expect_none(t.b);
        assert_int_equal(t.b->hca.port[1].qkey_violations, i == 1);
        assert_int_equal(t.b->hca.port[1].pkey_violations, i == 2);
        assert_int_equal(diag(t.b, HCA_DIAG_RQ_UDSDPRD), i == 0);
        assert_int_equal(diag(t.a, HCA_DIAG_SQ_LQPOE), local);
        assert_int_equal(diag(t.a, HCA_DIAG_SQ_LLE), i == 7);
        bed_down(&t);
    }
}

/* Whole packets count, by the counter in the QP's path, once enabled. */
static void test_ud_flows(void **state)
{
    Sge in;
    Bed t;

    (void)state;
    bed_up(&t, &ud);
    in = sge_b(&t, 0, 4096);
    Wr wr = {
        .opcode = HCA_WR_SEND, .dlid = t.b->hca.port[1].lid,
        .dqpn = t.qb->qpn, .qkey = TEST_QKEY, .sge = { sge_a(&t, 0, 101) },
        .num_sge = 1,
    };
    hca_qp_find(&t.a->hca, t.qa->qpn)->path.counter = 9;
    hca_qp_find(&t.b->hca, t.qb->qpn)->path.counter = 255;
    for (unsigned i = 0; i < 4; i++) {
        t.a->hca.count_flows = t.b->hca.count_flows = i;
        wr.grh = i == 2;
        wr.qkey = TEST_QKEY + (i == 3);        /* of no QP: only sent */
        hca_port_gid(&t.b->hca, 1, 0, wr.dgid);
        post_recv(t.qb, &in, 1);
        post_send(t.qa, &wr);
        pump(t.a);
    }
    assert_int_equal(t.a->hca.flow[9].tx_packets, 3);
    assert_int_equal(t.a->hca.flow[9].tx_octets, 3 * (28 + 104 + 4) + 40);
    assert_int_equal(t.a->hca.flow[9].rx_packets, 0);
    assert_int_equal(t.b->hca.flow[255].rx_packets, 2);
    assert_int_equal(t.b->hca.flow[255].rx_octets, 2 * (28 + 104 + 4) + 40);
    assert_int_equal(t.b->hca.flow[255].tx_octets, 0);
    bed_down(&t);
}

/* A datagram's destination is a GID of the port; its source, one of the sender's. */
static void test_ud_gids(void **state)
{
    static const struct {
        uint8_t mgid_index;                    /* of the QP's context */
        uint8_t av_index, dgid_index;
        int from;                              /* -1: it cannot be sent */
        bool arrives;
    } cases[] = {
        { 0, 0, 0, 0, true },
        { 0, 5, 5, 5, true },
        { 5, 0, 5, 0, true },
        { 0x85, 0, 0, 5, true },               /* forced, whatever is asked for */
        { 0x80, 5, 0, 0, true },
        { 0, 6, 0, -1, false },                /* an empty entry */
        { 0x86, 0, 0, -1, false },
        { 0, 0, 6, 0, false },                 /* not the receiver's */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        QpAttr attr = ud;
        Bed t;
        Sge in;
        uint8_t gid[16];

        attr.mgid_index = cases[i].mgid_index;
        bed_up(&t, &attr);
        t.a->hca.port[1].guid[5] = 0xa5;
        t.b->hca.port[1].guid[5] = 0xb5;
        in = sge_b(&t, 0, 4096);
        Wr wr = {
            .opcode = HCA_WR_SEND, .dlid = t.b->hca.port[1].lid,
            .dqpn = t.qb->qpn, .qkey = TEST_QKEY, .grh = true,
            .gid_index = cases[i].av_index,
            .sge = { sge_a(&t, 0, 8) }, .num_sge = 1,
        };
        hca_port_gid(&t.b->hca, 1, cases[i].dgid_index, wr.dgid);
        post_recv(t.qb, &in, 1);
        post_send(t.qa, &wr);
        pump(t.a);
        if (cases[i].from < 0) {
            expect_error(t.a, true, HCA_SYN_LOCAL_QP_OP);
        } else {
            expect_send(t.a, HCA_WR_SEND, 0);
        }
        if (cases[i].arrives) {
            expect_recv(t.b, HCA_RECV_SEND, 48);
            hca_port_gid(&t.a->hca, 1, cases[i].from, gid);
            assert_memory_equal(t.b->mem + t.sb + 8, gid, 16);
        } else {
            expect_none(t.b);
        }
        bed_down(&t);
    }
}

/* A connection's packets have the GIDs that both its ends were told. */
static void test_rc_gids(void **state)
{
    static const struct {
        uint8_t index_a, index_b;              /* of each end's own GID */
        uint8_t peer_a, peer_b;                /* which it takes for the peer's */
        bool works;
    } cases[] = {
        { 0, 0, 0, 0, true },
        { 5, 0, 0, 5, true },
        { 5, 5, 5, 5, true },
        { 0, 0, 0, 5, false },                 /* another source */
        { 0, 5, 0, 0, false },                 /* another destination */
        { 0, 6, 6, 0, false },                 /* the receiver has none there */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        QpAttr attr = rc;
        uint8_t gid[16];
        Sge in;
        Bed t;

        bed_nodes(&t);
        t.a->hca.port[1].guid[5] = 0xa5;
        t.b->hca.port[1].guid[5] = 0xb5;
        t.qa = qp_create(t.a, &rc);
        t.qb = qp_create(t.b, &rc);
        attr.dgid = gid;
        attr.mgid_index = cases[i].index_a;
        hca_port_gid(&t.b->hca, 1, cases[i].peer_a, gid);
        qp_connect(t.qa, t.b->hca.port[1].lid, t.qb->qpn, &attr);
        attr.mgid_index = cases[i].index_b;
        hca_port_gid(&t.a->hca, 1, cases[i].peer_b, gid);
        qp_connect(t.qb, t.a->hca.port[1].lid, t.qa->qpn, &attr);
        in = sge_b(&t, 0, 8);
        Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1,
                  .sge = { sge_a(&t, 0, 8) } };
        post_recv(t.qb, &in, 1);
        post_send(t.qa, &wr);
        settle(t.a, 8);
        if (cases[i].works) {
            expect_send(t.a, HCA_WR_SEND, 0);
            expect_recv(t.b, HCA_RECV_SEND, 8);
        } else {
            expect_error(t.a, true, HCA_SYN_RETRY_EXCEEDED);
            expect_none(t.b);
        }
        bed_down(&t);
    }
}

static void attach(Node *n, const uint8_t mgid[16], const uint32_t *qpn,
                   unsigned num)
{
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    uint32_t hash;

    assert_non_null(cmd);
    memcpy(cmd->in, mgid, 16);
    assert_int_equal(run_cmd(n, hca_cmd_mgid_hash, 0x27, 0, cmd), HCA_CMD_OK);
    hash = cmd->out_param;
    assert_true(hash < 128);
    /* In an overflow entry behind another group in the hash slot. */
    memset(cmd->in, 0, sizeof(cmd->in));
    hca_put32(cmd->in, 200 << 6);
    hca_put32(cmd->in + 4, 1);
    cmd->in[16] = 0xff;
    assert_int_equal(run_cmd(n, hca_cmd_write_mcg, 0x26, hash, cmd),
                     HCA_CMD_OK);
    memset(cmd->in, 0, sizeof(cmd->in));
    hca_put32(cmd->in + 4, num);
    memcpy(cmd->in + 16, mgid, 16);
    for (unsigned i = 0; i < num; i++) {
        hca_put32(cmd->in + 32 + 4 * i, qpn[i]);
    }
    assert_int_equal(run_cmd(n, hca_cmd_write_mcg, 0x26, 200, cmd), HCA_CMD_OK);
    assert_int_equal(run_cmd(n, hca_cmd_read_mcg, 0x25, 200, cmd), HCA_CMD_OK);
    assert_memory_equal(cmd->out, cmd->in, 256);
    assert_int_equal(run_cmd(n, hca_cmd_read_mcg, 0x25, 256, cmd),
                     HCA_CMD_BAD_INDEX);
    free(cmd);
}

static void test_multicast(void **state)
{
    static const uint8_t mgid[16] = { 0xff, 0x12, 0x40, 0x1b, 0xff, 0xff };
    Bed t;
    Qp *other;
    Sge ina, inb;
    Wr wr = {
        .opcode = HCA_WR_SEND, .dlid = 0xc001, .dqpn = 0xffffff,
        .qkey = TEST_QKEY, .grh = true, .num_sge = 1,
    };

    (void)state;
    bed_up(&t, &ud);
    other = qp_create(t.a, &ud);
    qp_connect(other, 0, 0, &ud);
    memcpy(wr.dgid, mgid, 16);
    ina = sge_a(&t, 1000, 200);
    inb = sge_b(&t, 1000, 200);
    wr.sge[0] = sge_a(&t, 0, 50);
    attach(t.b, mgid, &t.qb->qpn, 1);
    attach(t.a, mgid, (uint32_t []) { t.qa->qpn | 1u << 30, other->qpn }, 2);
    post_recv(t.qa, &ina, 1);
    post_recv(other, &ina, 1);
    post_recv(t.qb, &inb, 1);
    post_send(t.qa, &wr);
    pump(t.a);
    /* The sender blocked its own; its neighbour and the peer have it. */
    expect_send(t.a, HCA_WR_SEND, 0);
    assert_int_equal(expect_recv(t.a, HCA_RECV_SEND, 90)->qpn, other->qpn);
    expect_none(t.a);
    assert_true(expect_recv(t.b, HCA_RECV_SEND, 90)->grh);
    expect_none(t.b);
    qp_destroy_test(other);
    bed_down(&t);
}

/* QP1 as the MAD layer uses it: the whole header inline, ICRC at the end. */
static void test_mlx(void **state)
{
    static const QpAttr mlx = { .service = HCA_ST_MLX, .mtu = 5 };
    Bed t;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    uint8_t head[256] = { 0 }, *w;
    size_t header, len;
    HcaPacket pkt = {
        .sl = 1, .slid = 0, .opcode = HCA_BTH_UD | HCA_OP_SEND_ONLY,
        .pkey = 0xffff, .dest_qpn = 1, .psn = 9, .qkey = TEST_QKEY,
        .src_qpn = 1,
    };
    const HcaCqe *c;

    (void)state;
    assert_non_null(cmd);
    bed_nodes(&t);
    t.a->next_qpn = t.b->next_qpn = 0x4a;      /* base 0x48, QP1 of port 1 */
    assert_int_equal(run_cmd(t.a, hca_cmd_conf_special_qp, 0x23, 0x48, cmd), 0);
    assert_int_equal(run_cmd(t.b, hca_cmd_conf_special_qp, 0x23, 0x48, cmd), 0);
    assert_int_not_equal(run_cmd(t.b, hca_cmd_conf_special_qp, 0x23, 0x49, cmd),
                         0);
    free(cmd);
    t.qa = qp_create(t.a, &mlx);
    t.qb = qp_create(t.b, &mlx);
    qp_connect(t.qa, 0, 0, &mlx);
    qp_connect(t.qb, 0, 0, &mlx);
    Sge in = sge_b(&t, 0, 296);
    post_recv(t.qb, &in, 1);
    fill(t.a->mem + t.sa, 256, 5);
    pkt.dlid = t.b->hca.port[1].lid;
    header = hca_packet_headers(&pkt, head);
    assert_int_equal(header, 28);
    w = t.a->mem + t.qa->sq;
    memset(w, 0, 256);
    len = hca_packet_finish(head, header, 100);
    assert_int_equal(len, 132);
    hca_put32(w + 16, 0x80000000u | 28);
    memcpy(w + 20, head, 28);
    hca_put32(w + 48, 256);
    hca_put32(w + 52, t.ka);
    hca_put64(w + 56, t.sa);
    hca_put32(w + 64, 0x80000000u | 4);
    hca_put32(w + 8, 0xc | 1 << 8);
    hca_put16(w + 12, pkt.dlid);
    w[7] = 5;
    w[3] = HCA_WR_SEND;
    ring(t.qa);
    pump(t.a);
    expect_send(t.a, HCA_WR_SEND, 0);
    c = expect_recv(t.b, HCA_RECV_SEND, 296);
    assert_int_equal(c->src_qpn, 1);
    assert_int_equal(c->sl, 1);
    assert_int_equal(c->slid, t.a->hca.port[1].lid);
    assert_memory_equal(t.b->mem + t.sb + 40, t.a->mem + t.sa, 256);
    bed_down(&t);
}

/* A UD QP sends MADs to QP1 of the other side. */
static void bed_mads(Bed *t)
{
    static const QpAttr from = { .service = HCA_ST_UD, .mtu = 4 };
    static const QpAttr to = { .service = HCA_ST_MLX, .mtu = 5 };
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    assert_non_null(cmd);
    bed_nodes(t);
    t->b->next_qpn = 0x4a;                     /* base 0x48, QP1 of port 1 */
    assert_int_equal(run_cmd(t->b, hca_cmd_conf_special_qp, 0x23, 0x48, cmd), 0);
    free(cmd);
    t->qa = qp_create(t->a, &from);
    t->qb = qp_create(t->b, &to);
    qp_connect(t->qa, 0, 0, &from);
    qp_connect(t->qb, 0, 0, &to);
    for (unsigned i = 0; i < 8; i++) {
        Sge in = sge_b(t, 0, 296);

        post_recv(t->qb, &in, 1);
    }
}

/* How many have come by now. */
static unsigned mads_received(Bed *t)
{
    Sge in = sge_b(t, 0, 296);
    unsigned n = 0;

    pump(t->a);
    while (poll_cq(t->b)) {
        post_recv(t->qb, &in, 1);
        n++;
    }
    return n;
}

static void post_packet(Bed *t, uint32_t dqpn, uint8_t class, uint16_t attr,
                        uint32_t len)
{
    Wr wr = {
        .opcode = HCA_WR_SEND, .dlid = t->b->hca.port[1].lid, .dqpn = dqpn,
        .qkey = TEST_QKEY, .unsignalled = true, .sge = { sge_a(t, 0, len) },
        .num_sge = 1,
    };

    t->a->mem[t->sa + 1] = class;
    hca_put16(t->a->mem + t->sa + 16, attr);
    post_send(t->qa, &wr);
    pump(t->a);
}

static unsigned send_mad(Bed *t, uint8_t class, uint16_t attr)
{
    post_packet(t, 1, class, attr, 256);
    return mads_received(t);
}

/* MADs of a class and attribute are lost, doubled or late, and no others. */
static void test_mad_faults(void **state)
{
    char text[HCA_MAD_FAULT_MAX];
    Hca *hca;
    Bed t;

    (void)state;
    bed_mads(&t);
    hca = &t.a->hca;
    assert_true(hca_set_mad_fault(hca, HCA_MAD_DROP, "7:10:2", 0));
    assert_int_equal(send_mad(&t, 7, 0x10), 1);
    assert_int_equal(send_mad(&t, 7, 0x11), 1);
    assert_int_equal(send_mad(&t, 3, 0x10), 1);
    post_packet(&t, 1, 7, 0x10, 255);          /* no MAD */
    post_packet(&t, 2, 7, 0x10, 256);          /* to no manager */
    assert_int_equal(mads_received(&t), 1);
    hca_get_mad_fault(hca, HCA_MAD_DROP, text);
    assert_string_equal(text, "7:10:1");
    assert_int_equal(send_mad(&t, 7, 0x10), 0);
    assert_int_equal(send_mad(&t, 7, 0x10), 1);
    hca_get_mad_fault(hca, HCA_MAD_DROP, text);
    assert_string_equal(text, "");
    assert_int_equal(hca_mad_faults(hca), 1);
    /* one in three of a class, for ever */
    assert_true(hca_set_mad_fault(hca, HCA_MAD_DROP, "7:*:/3", 0));
    for (unsigned i = 1; i <= 9; i++) {
        assert_int_equal(send_mad(&t, 7, 0x10 + i), i % 3 ? 1 : 0);
        assert_int_equal(send_mad(&t, 4, 0x10 + i), 1);
    }
    assert_int_equal(hca_mad_faults(hca), 4);
    assert_true(hca_set_mad_fault(hca, HCA_MAD_DROP, "", 0));
    /* other kinds at the same time */
    assert_true(hca_set_mad_fault(hca, HCA_MAD_DUPLICATE, "3:*:1", 0));
    assert_true(hca_set_mad_fault(hca, HCA_MAD_DELAY, "7:15:1", 1000000));
    assert_int_equal(send_mad(&t, 3, 0x35), 2);
    assert_int_equal(send_mad(&t, 3, 0x35), 1);
    assert_int_equal(send_mad(&t, 7, 0x15), 0);
    assert_int_equal(send_mad(&t, 7, 0x15), 1);
    /* what is held back for less time comes first */
    assert_true(hca_set_mad_fault(hca, HCA_MAD_DELAY, "7:15:1", 500000));
    assert_int_equal(send_mad(&t, 7, 0x15), 0);
    test_now += 500000;
    hca_qp_timer(hca, test_now);
    assert_int_equal(mads_received(&t), 1);
    test_now += 500000;
    hca_qp_timer(hca, test_now);
    assert_int_equal(mads_received(&t), 1);
    assert_int_equal(hca_mad_faults(hca), 7);
    bed_down(&t);
}

static void test_mad_fault_text(void **state)
{
    static const char *const wrong[] = {
        "7", "7:10", "7:10:", "7:10:0", "7:10:/0", "7:10:/", "7:10:1 ",
        " 7:10:1", "0:10:1", "100:10:1", "7:0:1", "7:10000:1", "7:*", "7:**:1",
        "*:10:1", "7:10:4294967296", "7:10:-1", "7:10:/-1", "7::1", "7:10:a",
    };
    static Hca hca;
    char text[HCA_MAD_FAULT_MAX];

    (void)state;
    assert_true(hca_set_mad_fault(&hca, HCA_MAD_DELAY, "ff:ffff:/4294967295",
                                  1));
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(hca_set_mad_fault(&hca, HCA_MAD_DELAY, wrong[i], 1));
        hca_get_mad_fault(&hca, HCA_MAD_DELAY, text);
        assert_string_equal(text, "ff:ffff:/4294967295");
    }
    assert_true(hca_set_mad_fault(&hca, HCA_MAD_DELAY, "81:*:9", 1));
    hca_get_mad_fault(&hca, HCA_MAD_DELAY, text);
    assert_string_equal(text, "81:*:9");
    hca_get_mad_fault(&hca, HCA_MAD_DROP, text);
    assert_string_equal(text, "");
}

/* ---- Loopback ---- */

static void test_loopback(void **state)
{
    Bed t;

    (void)state;
    bed_nodes(&t);
    qp_pair(t.a, t.a, &rc, &t.qa, &t.qb);
    for (unsigned i = 0; i < NUM_SIZES; i++) {
        uint32_t len = sizes[i] / 2;
        Sge in = sge_a(&t, BUF / 2, len);
        Wr wr = {
            .opcode = HCA_WR_SEND, .sge = { sge_a(&t, 0, len) }, .num_sge = 1,
        };
        unsigned seen = 0;
        const HcaCqe *c;

        fill(t.a->mem + t.sa, BUF / 2, i);
        post_recv(t.qb, &in, 1);
        post_send(t.qa, &wr);
        pump(t.a);
        while ((c = poll_cq(t.a))) {
            assert_int_equal(c->syndrome, 0);
            seen |= c->is_send ? 1 : 2;
        }
        assert_int_equal(seen, 3);
        assert_memory_equal(t.a->mem + t.sa, t.a->mem + t.sa + BUF / 2, len);
    }
    assert_int_equal(t.a->sent, 0);
    bed_down(&t);
}

/* ---- Shared receive queues ---- */

static void test_srq(void **state)
{
    Bed t;
    Srq *srq;
    QpAttr attr = rc;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };

    (void)state;
    assert_non_null(cmd);
    bed_nodes(&t);
    srq = srq_create(t.b, 4, 0, 0);
    attr.srq = srq;
    qp_pair(t.a, t.b, &attr, &t.qa, &t.qb);
    wr.sge[0] = sge_a(&t, 0, 300);
    fill(t.a->mem + t.sa, BUF, 1);
    for (unsigned i = 0; i < 12; i++) {
        Sge in = sge_b(&t, 1000 * i, 300);

        post_srq(srq, &in, 1);
    }
    cmd->in_param = 10;
    assert_int_equal(run_cmd(t.b, hca_cmd_arm_srq, 0x40, srq->srqn, cmd), 0);
    for (unsigned i = 0; i < 12; i++) {
        const HcaCqe *c;

        post_send(t.qa, &wr);
        pump(t.a);
        expect_send(t.a, HCA_WR_SEND, i);
        c = expect_recv(t.b, HCA_RECV_SEND, 300);
        assert_int_equal(c->wqe_index, 3 * i % 16);
        assert_int_equal(c->srqn, srq->srqn);
        assert_memory_equal(t.b->mem + t.sb + 1000 * i, t.a->mem + t.sa, 300);
        assert_int_equal(count_events(t.b, HCA_EVENT_SRQ_LIMIT, srq->srqn),
                         i >= 2);
    }
    post_send(t.qa, &wr);                      /* empty: RNR */
    settle(t.a, 3);
    expect_none(t.a);
    assert_int_equal(run_cmd(t.b, hca_cmd_query_srq, 0x37, srq->srqn, cmd), 0);
    assert_int_equal(hca_get16(cmd->out + 28), 0);
    assert_int_equal(run_cmd(t.b, hca_cmd_hw2sw_srq, 0x36, srq->srqn, cmd),
                     HCA_CMD_RESOURCE_BUSY);
    assert_int_equal(qp_modify(t.qb, 0x1e, 0, NULL), HCA_CMD_OK);
    pump(t.a);
    assert_int_equal(count_events(t.b, HCA_EVENT_SRQ_QP_LAST_WQE, t.qb->qpn), 1);
    expect_none(t.b);
    bed_down(&t);
    free(srq);
    free(cmd);
}

/* XRC: the packet names the SRQ, which names CQ and domain. */
static void test_xrc(void **state)
{
    Bed t;
    Srq *srq;
    QpAttr attr = rc;
    Wr wr = { .opcode = HCA_WR_SEND, .num_sge = 1 };
    Sge in;

    (void)state;
    bed_nodes(&t);
    attr.service = HCA_ST_XRC;
    attr.xrcd = 9;
    srq = srq_create(t.b, 4, TEST_CQ, 9);
    qp_pair(t.a, t.b, &attr, &t.qa, &t.qb);
    in = sge_b(&t, 0, 1000);
    post_srq(srq, &in, 1);
    wr.sge[0] = sge_a(&t, 0, 1000);
    wr.xrc_srqn = srq->srqn;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_send(t.a, HCA_WR_SEND, 0);
    assert_int_equal(expect_recv(t.b, HCA_RECV_SEND, 1000)->srqn, srq->srqn);
    wr.xrc_srqn++;
    post_send(t.qa, &wr);
    pump(t.a);
    expect_error(t.a, true, HCA_SYN_REMOTE_INVAL);
    bed_down(&t);
    free(srq);
}

/* ---- Flow ---- */

/* A full wire stops requests and read data, never acknowledgements. */
static void test_throttle(void **state)
{
    Bed t;
    Sge in;

    (void)state;
    bed_up(&t, &rc);
    t.a->wire_room = t.b->wire_room = 4;
    in = sge_b(&t, 0, 30000);
    fill(t.a->mem + t.sa, BUF, 1);
    Wr wr = {
        .opcode = HCA_WR_SEND, .sge = { sge_a(&t, 0, 30000) }, .num_sge = 1,
    };
    Wr rd = {
        .opcode = HCA_WR_RDMA_READ, .raddr = t.sb, .rkey = t.kb,
        .sge = { sge_a(&t, 30000, 30000) }, .num_sge = 1,
    };
    post_recv(t.qb, &in, 1);
    post_send(t.qa, &wr);
    post_send(t.qa, &rd);
    assert_true(t.a->sent <= 4);
    pump(t.a);
    expect_send(t.a, HCA_WR_SEND, 0);
    expect_send(t.a, HCA_WR_RDMA_READ, 1);
    expect_recv(t.b, HCA_RECV_SEND, 30000);
    assert_memory_equal(t.a->mem + t.sa, t.a->mem + t.sa + 30000, 30000);
    bed_down(&t);
}

/* Both ways at once, many WQEs, laps of the rings. */
static void test_stream(void **state)
{
    Bed t;
    unsigned done_a = 0, done_b = 0, posted = 0, guard = 0;

    (void)state;
    bed_up(&t, &rc);
    fill(t.a->mem + t.sa, BUF, 1);
    while ((done_a < 2000 || done_b < 2000) && guard++ < 100000) {
        const HcaCqe *c;

        for (; posted < 2000 && posted - (done_a < done_b ? done_a : done_b) < 30;
             posted++) {
            Sge ra = sge_a(&t, 32768, 2000), rb = sge_b(&t, 32768, 2000);
            Wr wr = {
                .opcode = HCA_WR_SEND, .num_sge = 1,
                .sge = { sge_a(&t, 0, 1 + posted % 1999) },
            };

            post_recv(t.qa, &ra, 1);
            post_recv(t.qb, &rb, 1);
            post_send(t.qa, &wr);
            wr.sge[0] = sge_b(&t, 0, 1 + posted % 1999);
            post_send(t.qb, &wr);
        }
        pump(t.a);
        while ((c = poll_cq(t.a))) {
            assert_int_equal(c->syndrome, 0);
            done_a += c->is_send;
        }
        while ((c = poll_cq(t.b))) {
            assert_int_equal(c->syndrome, 0);
            done_b += c->is_send;
        }
    }
    assert_int_equal(done_a, 2000);
    assert_int_equal(done_b, 2000);
    bed_down(&t);
}

static void test_sqd(void **state)
{
    Bed t;
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    Wr wr = { .opcode = HCA_WR_RDMA_WRITE, .num_sge = 1 };

    (void)state;
    assert_non_null(cmd);
    bed_up(&t, &rc);
    wr.raddr = t.sb;
    wr.rkey = t.kb;
    wr.sge[0] = sge_a(&t, 0, 8);
    post_send(t.qa, &wr);
    cmd->op = 0x1f;
    cmd->in_modifier = t.qa->qpn | 1u << 31;
    assert_int_equal(hca_cmd_modify_qp(&t.a->hca, cmd), HCA_CMD_OK);
    assert_int_equal(qp_state(t.qa), HCA_QP_SQ_DRAINING);
    post_send(t.qa, &wr);                      /* waits */
    pump(t.a);
    expect_send(t.a, HCA_WR_RDMA_WRITE, 0);
    expect_none(t.a);
    assert_int_equal(qp_state(t.qa), HCA_QP_SQD);
    assert_int_equal(count_events(t.a, HCA_EVENT_SQ_DRAINED, t.qa->qpn), 1);
    assert_int_equal(qp_modify(t.qa, 0x20, 0, c), HCA_CMD_OK);
    pump(t.a);
    expect_send(t.a, HCA_WR_RDMA_WRITE, 1);
    bed_down(&t);
    free(cmd);
}

/* ---- Garbage ---- */

static void test_garbage(void **state)
{
    Bed t;
    uint8_t pkt[HCA_MAX_PACKET];

    (void)state;
    srand(7);
    bed_up(&t, &rc);
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = rand() % 400;

        for (size_t j = 0; j < len; j++) {
            pkt[j] = rand();
        }
        if (len >= 28 && rand() % 8) {         /* plausible headers */
            len &= ~3u;
            pkt[0] &= 0x0f;
            pkt[1] = (pkt[1] & 0xf0) | (rand() % 8 ? 2 : 3);
            hca_put16(pkt + 2, t.b->hca.port[1].lid);
            hca_put16(pkt + 4, len / 4);
            hca_put16(pkt + 6, t.a->hca.port[1].lid);
            pkt[8] = rand() % 0x18;
            hca_put16(pkt + 10, 0xffff);
            hca_put32(pkt + 12, t.qb->qpn);
            hca_put32(pkt + 16, 0xfffffe + rand() % 4 - 2);
        }
        hca_qp_packet(&t.b->hca, 1, pkt, len);
        pump(t.a);
    }
    bed_down(&t);

    for (unsigned i = 0; i < 2000; i++) {      /* random WQEs, all services */
        static const uint8_t services[] = { 0, 1, 3, 6, 7 };
        QpAttr attr = rc;

        attr.service = services[i % 5];
        bed_up(&t, &attr);
        for (unsigned k = 0; k < 4; k++) {
            uint8_t *w = t.a->mem + t.qa->sq + 256 * k;

            for (unsigned j = 0; j < 256; j++) {
                w[j] = rand();
            }
            w[0] &= 0x7f;
            w[3] = rand() % 32;
            w[7] = rand() % 17;
            if (rand() % 2) {
                hca_put32(w + 20, t.ka);
                hca_put32(w + 16, rand() % 5000);
                hca_put64(w + 24, t.sa);
            }
            hca_qp_blueflame(&t.a->hca, TEST_UAR, w, rand() % 257);
        }
        ring(t.qa);
        settle(t.a, 10);
        bed_down(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rc_send),
        cmocka_unit_test(test_uc_send),
        cmocka_unit_test(test_inline_blueflame),
        cmocka_unit_test(test_step_in_doorbell),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_many_reads),
        cmocka_unit_test(test_drop_each),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_loss_counted),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_random_loss),
        cmocka_unit_test(test_retry_exceeded),
        cmocka_unit_test(test_rnr),
        cmocka_unit_test(test_rnr_window),
        cmocka_unit_test(test_rnr_exceeded),
        cmocka_unit_test(test_remote_access),
        cmocka_unit_test(test_local_errors),
        cmocka_unit_test(test_receive_errors),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_cq_error),
        cmocka_unit_test(test_doorbell_rules),
        cmocka_unit_test(test_bad_wqes),
        cmocka_unit_test(test_ud),
        cmocka_unit_test(test_ud_rules),
        cmocka_unit_test(test_ud_flows),
        cmocka_unit_test(test_ud_gids),
        cmocka_unit_test(test_rc_gids),
        cmocka_unit_test(test_multicast),
        cmocka_unit_test(test_mlx),
        cmocka_unit_test(test_mad_faults),
        cmocka_unit_test(test_mad_fault_text),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_srq),
        cmocka_unit_test(test_xrc),
        cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_sqd),
        cmocka_unit_test(test_garbage),
    };

    return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
