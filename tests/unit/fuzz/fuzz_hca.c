/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HCA model: commands with any mailbox, work requests, packets from the
 * wire, doorbells, registers, and memory that changes below it. As long as
 * nobody but the owners of queue pairs and the wire has done anything, memory of
 * another protection domain stays as it is.
 */
#include "fuzz.h"
#include "loop.h"
#include "packet.h"

#define MAX_STEPS  64
#define OTHER_PD   0x4321u
#define CANARY     0xc5
#define WQE_AREA   4096u

static Loop l;
static LoopQp qp[4];
static LoopMr mr, others;
static bool privileged;                        /* somebody was who may do anything */

static const LoopQpAttr attrs[] = {
    { .service = HCA_ST_RC, .psn = 0xfffff0, .retry = 2, .timeout = 10 },
    { .service = HCA_ST_UC, .psn = 7 },
    { .service = HCA_ST_UD, .psn = 7 },
};

static LoopQp *choose_qp(void)
{
    return &qp[fuzz_below(4)];
}

/* Let it work, but not for ever. */
static void run(void)
{
    for (unsigned i = 0; i < 20; i++) {
        hca_run(l.d->hca);
    }
}

/* ---- Who may do anything ---- */

static uint32_t choose_number(void)
{
    static const uint32_t numbers[] = {
        LOOP_CQN, LOOP_EQN, 0x40, 0x41, 0x20, 0x21, 1, 2, 0, 0x80, 0x81, 0x82,
    };
    unsigned i = fuzz_8();

    return i < 0xf0 ? numbers[i % (sizeof(numbers) / sizeof(numbers[0]))]
                    : fuzz_32();
}

static uint16_t choose_command(void)
{
    static const uint16_t high[] = { 0xffd, 0xffc, 0xffb, 0xffa, 0xff9, 0xff6,
                                     0xffe, 0xfff };
    unsigned op = fuzz_8();

    return op < 0x80 ? op : high[op % 8];
}

/* With what the last one has answered for a mailbox, or an empty one */
static void command(void)
{
    unsigned how = fuzz_8();
    uint16_t op = choose_command();
    uint32_t number = choose_number();
    uint64_t out = l.d->outbox;
    uint8_t *in = drv_ptr(l.d, l.d->inbox);

    privileged = true;
    if (drv_busy(l.d)) {
        return;
    }
    if (how & 1) {
        memcpy(in, drv_ptr(l.d, l.d->outbox), HCA_MAILBOX_SIZE);
    } else if (how & 2) {
        memset(in, 0, HCA_MAILBOX_SIZE);
    }
    fuzz_alter(in, how & 4 ? 64 : 512);
    drv_cmd(l.d, op, how >> 4, number, how & 8 ? fuzz_32() : l.d->inbox, &out);
}

static void registers(void)
{
    uint32_t offset = fuzz_32() % HCA_BAR0_SIZE & ~3u;

    privileged = true;
    hca_config_read(l.d->hca, offset);
    hca_config_write(l.d->hca, offset, fuzz_32());
}

/* Tables, and queues of events and completions */
static void memory(void)
{
    uint64_t where[] = { l.d->icm + MTT_BASE, l.d->icm + DMPT_BASE + 64 * 0x20,
                         l.d->icm + MC_BASE, l.d->icm + RDMARC_BASE, l.eq.buf,
                         l.cq.buf, l.cq.db };

    privileged = true;
    fuzz_alter(drv_ptr(l.d, where[fuzz_below(7)]), 512);
}

static void faults(void)
{
    HcaFaults f = { { 0 }, { 0 }, { 0 }, 1000 };
    char text[HCA_MAD_FAULT_MAX];
    unsigned mad_class = fuzz_8();

    f.drop[0] = fuzz_below(4);
    f.duplicate[0] = fuzz_below(4);
    f.delay[0] = fuzz_below(4);
    hca_set_faults(l.d->hca, &f);
    snprintf(text, sizeof(text), "%x:*:/%u", mad_class, fuzz_8());
    hca_set_mad_fault(l.d->hca, fuzz_below(HCA_MAD_FAULTS), text, 1000);
    hca_set_guid_cap(l.d->hca, fuzz_8());
}

/* ---- Owners of queue pairs ---- */

static void post(void)
{
    static const uint16_t lengths[] = { 0, 8, 64, 256, 1024, 4096 };
    LoopQp *q = choose_qp();
    uint8_t opcode = fuzz_8(), extra[64] = { 0 };
    bool own = fuzz_8() < 0xc0, own_data = fuzz_8() < 0xc0;
    unsigned imm = fuzz_8(), units = fuzz_below(5);

    hca_put64(extra, own ? mr.va + fuzz_16() : others.va);
    hca_put32(extra + 8, own ? mr.key : others.key);
    if (q->service == HCA_ST_UD) {
        hca_put32(extra, 1u << 24);            /* port 1 */
        hca_put16(extra + 10, LOOP_LID);
        hca_put32(extra + 32, qp[3].qpn);
    }
    fuzz_alter(extra, sizeof(extra));
    loop_queue(q, opcode, imm, 0, extra, 16 * units, own_data ? &mr : &others,
               lengths[fuzz_below(6)]);
}

static void receive(void)
{
    LoopQp *q = choose_qp();
    bool own = fuzz_8() < 0xc0;

    loop_recv(q, own ? &mr : &others, fuzz_16());
}

/* The queues' page, the doorbell records, and doorbells of any kind */
static void ring(void)
{
    LoopQp *q = choose_qp();
    unsigned size = 1u << fuzz_below(4);
    uint8_t data[8];

    fuzz_alter(drv_ptr(l.d, q->sq), WQE_AREA);
    fuzz_alter(drv_ptr(l.d, q->db), 8);
    hca_put32(data, q->qpn << 8);
    fuzz_alter(data, sizeof(data));
    hca_uar_write(l.d->hca, fuzz_8() < 0x80 ? (LOOP_UAR << 12) + 0x14 :
                  fuzz_32() % HCA_BAR2_SIZE & ~(size - 1), data, size);
}

static void read_uar(void)
{
    unsigned size = 1u << fuzz_below(4);
    uint8_t data[8];

    hca_uar_read(l.d->hca, fuzz_32() % HCA_BAR2_SIZE & ~(size - 1), data, size);
}

/* ---- The wire ---- */

/* What is taken for a packet's payload lies in it, with padding and ICRC. */
static void check_parsed(const uint8_t *buf, size_t len)
{
    HcaPacket p;

    if (!hca_packet_parse(&p, buf, len)) {
        return;
    }
    assert_in_range(p.payload - buf, HCA_LRH_SIZE + 12, len - HCA_ICRC_SIZE);
    assert_in_range(p.payload_len, 0, len - (p.payload - buf) - HCA_ICRC_SIZE);
    assert_in_range(len - (p.payload - buf) - HCA_ICRC_SIZE - p.payload_len,
                    0, 3);
}

static void packet(void)
{
    static const uint16_t lengths[] = { 0, 1, 64, 256, 1024, 4096 };
    LoopQp *q = choose_qp();
    unsigned how = fuzz_8(), opcode = fuzz_8();
    HcaPacket p = {
        .dlid = LOOP_LID, .slid = LOOP_LID, .opcode = opcode, .pkey = 0xffff,
        .dest_qpn = q->qpn, .ack_request = how & 1, .src_qpn = 5,
        .psn = attrs[q - qp > 1 ? q - qp - 1 : 0].psn + fuzz_below(8),
        .va = how & 2 ? others.va : mr.va, .rkey = how & 2 ? others.key : mr.key,
        .dma_len = lengths[how >> 2 & 3], .syndrome = how & 0x60,
    };
    uint8_t buf[HCA_MAX_PACKET] = { 0 }, *exact;
    size_t len = lengths[fuzz_below(6)], head;

    if (how & 0x80) {
        p.dest_qpn = how & 1;                  /* QP 0 or 1 */
        p.vl = how & 1 ? 0 : HCA_VL_MANAGEMENT;
        p.opcode = HCA_BTH_UD | HCA_OP_SEND_ONLY;
        p.qkey = 0x80010000;
        len = 256;
    }
    head = hca_packet_headers(&p, buf);
    if (how & 0x80) {
        static const uint8_t classes[] = { 0x01, 0x81, 0x03, 0x04, 0x07, 0x32 };

        buf[head] = 1;
        buf[head + 1] = classes[fuzz_below(6)];
        buf[head + 2] = 1;
        buf[head + 3] = 1 + fuzz_below(2);
        hca_put16(buf + head + 16, fuzz_8());
    }
    len = hca_packet_finish(buf, head, len);
    fuzz_alter(buf, len < 128 ? len : 128);
    if (how & 0x10) {
        len = fuzz_16() % (len + 1);
        if (how & 1) {                         /* and it says so itself */
            len &= ~(size_t)3;
            hca_put16(buf + 4, len / 4);
        }
    }
    exact = malloc(len ? len : 1);             /* whose end can be noticed */
    memcpy(exact, buf, len);
    check_parsed(exact, len);
    hca_wire_receive(l.d->hca, 1 + fuzz_below(2), exact, len);
    free(exact);
}

static void step(void)
{
    unsigned what = fuzz_8();

    switch (what >> 4) {
    case 0: case 1: case 2:
        post();
        break;
    case 3:
        receive();
        break;
    case 4: case 5: case 6:
        packet();
        break;
    case 7: case 8:
        ring();
        break;
    case 9:
        l.d->now += 1000ull << what % 16 * 2;
        hca_timer(l.d->hca);
        break;
    case 10:
        hca_wire_link(l.d->hca, 1 + (what & 1), what & 2);
        hca_wire_ready(l.d->hca, 1 + (what & 1));
        break;
    case 11:
        read_uar();
        break;
    case 12:
        memory();
        break;
    case 13:
        registers();
        break;
    case 14:
        command();
        break;
    default:
        faults();
    }
    run();
}

void fuzz_run(void)
{
    unsigned i;

    loop_up(&l);
    privileged = false;
    loop_mr(&l, &mr, 16384, LOOP_PD, LOOP_ALL);
    loop_mr(&l, &others, 8192, OTHER_PD, LOOP_ALL);
    memset(drv_ptr(l.d, others.addr), CANARY, others.len);
    loop_pair(&l, &qp[0], &qp[1], &attrs[0]);
    for (i = 2; i < 4; i++) {
        loop_qp(&l, &qp[i], &attrs[i - 1]);
        loop_connect(&qp[i], qp[i].qpn, &attrs[i - 1]);
    }
    for (i = 0; i < MAX_STEPS && fuzz_more(); i++) {
        step();
    }
    for (i = 0; i < others.len && !privileged; i++) {
        assert_int_equal(drv_ptr(l.d, others.addr)[i], CANARY);
    }
    drv_free(l.d);
}
