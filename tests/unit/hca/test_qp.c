/* SPDX-License-Identifier: GPL-2.0-only */
/* QP contexts, states and commands; packet headers. */
#include "engine.h"

static const QpAttr rc = {
    .service = HCA_ST_RC, .psn = 0x123456, .timeout = 14, .retry = 5,
    .rnr_retry = 6,
};

/* Command by command: the states it is good in, and where it leads. */
static void test_states(void **state)
{
    static const struct {
        uint16_t op;
        uint8_t from, to;                      /* from: bit per state */
    } rules[] = {
        { 0x2d, 1 << HCA_QP_INIT, HCA_QP_INIT },
        { 0x1a, 1 << HCA_QP_INIT, HCA_QP_RTR },
        { 0x1b, 1 << HCA_QP_RTR, HCA_QP_RTS },
        { 0x1c, 1 << HCA_QP_RTS, HCA_QP_RTS },
        { 0x1d, 1 << HCA_QP_SQER, HCA_QP_RTS },
        { 0x1e, 0xfe, HCA_QP_ERR },
        { 0x1f, 1 << HCA_QP_RTS, HCA_QP_SQ_DRAINING },
        { 0x20, 1 << HCA_QP_SQD, HCA_QP_RTS },
        { 0x38, 1 << HCA_QP_SQD, HCA_QP_SQD },
        { 0x19, 0, HCA_QP_INIT },
        { 0x77, 0, 0 },
    };
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    Node *a, *b;

    (void)state;
    nodes_create(&a, &b);
    for (unsigned r = 0; r < sizeof(rules) / sizeof(rules[0]); r++) {
        for (unsigned s = 1; s < 8; s++) {
            Qp *qp = qp_create(a, &rc);
            HcaQp *q = hca_qp_find(&a->hca, qp->qpn);
            uint8_t status;

            q->state = s;
            status = qp_modify(qp, rules[r].op, 0, c);
            assert_int_equal(status == HCA_CMD_OK, rules[r].from >> s & 1);
            assert_int_equal(q->state, status ? s : rules[r].to);
            qp_destroy_test(qp);
        }
    }
    nodes_free(a, b);
}

static void test_reset(void **state)
{
    Node *a, *b;
    Qp *qp;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    (void)state;
    assert_non_null(cmd);
    nodes_create(&a, &b);
    qp = qp_create(a, &rc);
    assert_int_equal(qp_modify(qp, 0x21, 0, NULL), HCA_CMD_OK);
    assert_int_equal(qp_modify(qp, 0x21, 0, NULL), HCA_CMD_OK);
    assert_int_equal(qp_modify(qp, 0x1e, 0, NULL), HCA_CMD_BAD_QP_STATE);
    assert_int_equal(run_cmd(a, hca_cmd_query_qp, 0x22, qp->qpn, cmd),
                     HCA_CMD_BAD_QP_STATE);
    free(qp);
    free(cmd);
    nodes_free(a, b);
}

/* Numbers that share a place in the table are not one QP. */
static void test_aliases(void **state)
{
    Node *a, *b;
    Qp *qp;

    (void)state;
    nodes_create(&a, &b);
    qp = qp_create(a, &rc);
    assert_non_null(hca_qp_find(&a->hca, qp->qpn));
    assert_null(hca_qp_find(&a->hca, qp->qpn + 0x10000));
    qp->qpn += 0x10000;
    assert_int_equal(qp_modify(qp, 0x1e, 0, NULL), HCA_CMD_BAD_QP_STATE);
    uint8_t c[HCA_QPC_SIZE] = { 0 };
    assert_int_not_equal(qp_modify(qp, 0x19, 0, c), HCA_CMD_OK);
    qp->qpn -= 0x10000;
    qp_destroy_test(qp);
    nodes_free(a, b);
}

static void test_bad_context(void **state)
{
    Node *a, *b;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    (void)state;
    assert_non_null(cmd);
    nodes_create(&a, &b);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *c = cmd->in + 8;

        memset(cmd->in, 0, sizeof(cmd->in));
        hca_put32(c + 124, TEST_CQ);
        hca_put32(c + 156, TEST_CQ);
        c[10] = 6 << 3 | 4;
        switch (i) {
        case 0:
            hca_put32(c, 5 << 16);             /* no such service */
            break;
        case 1:
            hca_put32(c + 124, TEST_CQ + 1);
            break;
        case 2:
            hca_put32(c + 156, TEST_CQ + 1);
            break;
        default:
            hca_put32(c + 144, 1 << 4);        /* an SRQ that is not */
            hca_put32(c + 172, 77);
            break;
        }
        assert_int_equal(run_cmd(a, hca_cmd_modify_qp, 0x19, 0x500, cmd),
                         HCA_CMD_BAD_PARAM);
        assert_null(hca_qp_find(&a->hca, 0x500));
    }
    assert_int_equal(run_cmd(a, hca_cmd_modify_qp, 0x19, 0, cmd),
                     HCA_CMD_BAD_INDEX);
    free(cmd);
    nodes_free(a, b);
}

static void test_query(void **state)
{
    Node *a, *b;
    Qp *qa, *qb;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));
    const uint8_t *c = cmd->out + 8;
    Wr wr = { .opcode = HCA_WR_SEND };

    (void)state;
    assert_non_null(cmd);
    nodes_create(&a, &b);
    qp_pair(a, b, &rc, &qa, &qb);
    post_recv(qb, NULL, 0);
    post_send(qa, &wr);
    pump(a);
    assert_int_equal(run_cmd(a, hca_cmd_query_qp, 0x22, qa->qpn, cmd), 0);
    assert_int_equal(c[0] >> 4, HCA_QP_RTS);
    assert_int_equal(hca_get32(c + 20), qb->qpn);
    assert_int_equal(hca_get32(c + 120), 0x123457);
    assert_int_equal(hca_get32(c + 112) >> 16 & 7, 5);
    assert_int_equal(hca_get32(c + 112) >> 13 & 7, 6);
    assert_int_equal(hca_get32(c + 112) >> 21 & 7, 2);
    assert_int_equal(hca_get32(c + 144) >> 21 & 7, 3);
    assert_int_equal(c[24 + 8] >> 3, 14);
    assert_int_equal(hca_get16(c + 182), 1);
    assert_int_equal(run_cmd(b, hca_cmd_query_qp, 0x22, qb->qpn, cmd), 0);
    assert_int_equal(hca_get32(c + 148), 1u << 24 | 0x123457);
    assert_int_equal(hca_get32(c + 176), 1);
    assert_int_equal(hca_get16(c + 180), 1);
    free(cmd);
    qp_destroy_test(qa);
    qp_destroy_test(qb);
    nodes_free(a, b);
}

/* A parameter changes only when its bit in the mask says so. */
static void test_optpar(void **state)
{
    static const struct {
        uint32_t optpar, offset, mask;
    } fields[] = {
        { 1 << 1, 144, 1 << 15 }, { 1 << 3, 144, 1 << 14 },
        { 1 << 2, 144, 1 << 13 }, { 1 << 5, 168, 0xffffffff },
        { 1 << 6, 148, 0x1fu << 24 }, { 1 << 8, 112, 7 << 21 },
        { 1 << 9, 144, 7 << 21 }, { 1 << 12, 112, 7 << 16 },
        { 1 << 13, 112, 7 << 13 }, { 1 << 14, 32, 0xf8u << 24 },
        { 1 << 4, 24, 0xff }, { 1 << 10 | 1 << 0, 0, 3 << 11 },
        { 1 << 0, 84, 0xffffffff }, { 1 << 16, 56, 0x3fu << 24 },
    };
    Node *a, *b;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    (void)state;
    assert_non_null(cmd);
    nodes_create(&a, &b);
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (unsigned given = 0; given < 2; given++) {
            Qp *qp = qp_create(a, &rc);
            uint8_t c[HCA_QPC_SIZE];
            uint32_t old, now;

            qp_connect(qp, 2, 3, &rc);
            hca_qp_find(&a->hca, qp->qpn)->state = HCA_QP_SQD;
            assert_int_equal(run_cmd(a, hca_cmd_query_qp, 0x22, qp->qpn, cmd),
                             0);
            old = hca_get32(cmd->out + 8 + fields[i].offset) & fields[i].mask;
            for (unsigned j = 0; j < HCA_QPC_SIZE; j++) {
                c[j] = ~cmd->out[8 + j];
            }
            assert_int_equal(qp_modify(qp, 0x38, given ? fields[i].optpar : 0,
                                       c), HCA_CMD_OK);
            assert_int_equal(run_cmd(a, hca_cmd_query_qp, 0x22, qp->qpn, cmd),
                             0);
            now = hca_get32(cmd->out + 8 + fields[i].offset) & fields[i].mask;
            assert_int_equal(now, given ? ~old & fields[i].mask : old);
            qp_destroy_test(qp);
        }
    }
    free(cmd);
    nodes_free(a, b);
}

static void test_uses_cq(void **state)
{
    Node *a, *b;
    Qp *qp;

    (void)state;
    nodes_create(&a, &b);
    assert_false(hca_qp_uses_cq(&a->hca, TEST_CQ));
    qp = qp_create(a, &rc);
    assert_true(hca_qp_uses_cq(&a->hca, TEST_CQ));
    qp_destroy_test(qp);
    assert_false(hca_qp_uses_cq(&a->hca, TEST_CQ));
    nodes_free(a, b);
}

static void test_comm_est(void **state)
{
    Node *a, *b;
    Qp *qa, *qb;
    Wr wr = { .opcode = HCA_WR_SEND };

    (void)state;
    nodes_create(&a, &b);
    qp_pair(a, b, &rc, &qa, &qb);
    hca_qp_find(&b->hca, qb->qpn)->state = HCA_QP_RTR;
    post_recv(qb, NULL, 0);
    post_recv(qb, NULL, 0);
    post_send(qa, &wr);
    post_send(qa, &wr);
    pump(a);
    assert_int_equal(count_events(b, HCA_EVENT_COMM_EST, qb->qpn), 1);
    qp_destroy_test(qa);
    qp_destroy_test(qb);
    nodes_free(a, b);
}

static void test_srq_commands(void **state)
{
    Node *a, *b;
    Srq *srq;
    HcaCmd *cmd = calloc(1, sizeof(*cmd));

    (void)state;
    assert_non_null(cmd);
    nodes_create(&a, &b);
    srq = srq_create(a, 5, 0, 0);
    assert_int_equal(run_cmd(a, hca_cmd_sw2hw_srq, 0x35, srq->srqn, cmd),
                     HCA_CMD_BAD_RES_STATE);
    assert_int_equal(run_cmd(a, hca_cmd_sw2hw_srq, 0x35, 1 << 12, cmd),
                     HCA_CMD_BAD_INDEX);
    cmd->in_param = 33;
    assert_int_equal(run_cmd(a, hca_cmd_arm_srq, 0x40, srq->srqn, cmd),
                     HCA_CMD_BAD_PARAM);
    cmd->in_param = 20;
    assert_int_equal(run_cmd(a, hca_cmd_arm_srq, 0x40, srq->srqn, cmd), 0);
    assert_int_equal(run_cmd(a, hca_cmd_query_srq, 0x37, srq->srqn, cmd), 0);
    assert_int_equal(hca_get16(cmd->out + 28), 20);
    assert_int_equal(run_cmd(a, hca_cmd_query_srq, 0x37, 99, cmd),
                     HCA_CMD_BAD_RES_STATE);
    srq_destroy(srq);
    free(cmd);
    nodes_free(a, b);
}

/* Every opcode survives building and parsing, and no cut of it does. */
static void test_packets(void **state)
{
    static const uint8_t transports[] = { 0x00, 0x20, 0x60, 0xa0 };
    uint8_t grh[HCA_GRH_SIZE] = { 0x60 }, buf[512];
    unsigned good = 0;

    (void)state;
    for (unsigned i = 0; i < 4 * 32 * 2; i++) {
        HcaPacket in = {
            .sl = 3, .dlid = 0x1234, .slid = 0x4321, .pkey = 0x8001,
            .opcode = transports[i / 64] | (i / 2 & 31), .dest_qpn = 0xabcdef,
            .psn = 0xfedcba, .solicited = true, .ack_request = true,
            .grh = i & 1 ? grh : NULL,
        }, out;
        size_t header = hca_packet_headers(&in, buf), len;

        memset(buf + header, 0x5a, 7);
        len = hca_packet_finish(buf, header, 7);
        assert_int_equal(len % 4, 0);
        if (!hca_packet_parse(&out, buf, len)) {
            continue;
        }
        good++;
        assert_int_equal(out.payload_len, 7);
        assert_ptr_equal(out.payload, buf + header);
        assert_int_equal(out.psn, in.psn);
        assert_int_equal(out.dest_qpn, in.dest_qpn);
        assert_int_equal(out.opcode, in.opcode);
        assert_true(out.solicited && out.ack_request);
        assert_int_equal(out.grh != NULL, i & 1);
        for (size_t cut = 0; cut < len; cut++) {
            assert_false(hca_packet_parse(&out, buf, cut));
        }
    }
    assert_int_equal(good, 2 * (23 + 12 + 2 + 23));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_bad_context),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_optpar),
        cmocka_unit_test(test_uses_cq),
        cmocka_unit_test(test_comm_est),
        cmocka_unit_test(test_srq_commands),
        cmocka_unit_test(test_packets),
    };

    return cmocka_run_group_tests_name("qp", tests, NULL, NULL);
}
