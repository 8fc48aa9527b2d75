/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers, the command interface, context memory, what the device tells. */
#include "driver.h"

#define HCR        0x80680u
#define OWNER      0x8069cu
#define RESET      0xf0010u
#define SEMAPHORE  0xf03fcu

static void test_registers(void **state)
{
    Drv *d = drv_bare();

    (void)state;
    assert_int_equal(hca_config_read(d->hca, OWNER), 0);
    assert_int_not_equal(hca_config_read(d->hca, OWNER), 0);
    assert_int_equal(hca_config_read(d->hca, SEMAPHORE), 0);
    assert_int_not_equal(hca_config_read(d->hca, SEMAPHORE), 0);
    hca_config_write(d->hca, RESET, __builtin_bswap32(1));
    assert_int_equal(hca_config_read(d->hca, SEMAPHORE), 0);
    assert_int_not_equal(hca_config_read(d->hca, OWNER), 0);
    hca_config_write(d->hca, OWNER, 0);
    assert_int_equal(hca_config_read(d->hca, OWNER), 0);
    d->clears = 0;
    hca_config_write(d->hca, HCA_CLEAR_INT_OFFSET, 1);
    assert_int_equal(d->clears, 1);
    for (uint32_t off = 0; off < HCA_BAR0_SIZE; off += 4) {
        if (off != OWNER && off != SEMAPHORE) {
            assert_int_equal(hca_config_read(d->hca, off), 0);
        }
    }
    drv_free(d);
}

static void test_order(void **state)
{
    uint8_t out[HCA_MAILBOX_SIZE], m[HCA_MAILBOX_SIZE];
    Drv *d = drv_bare();

    (void)state;
    assert_int_equal(drv_box(d, 0x003, 0, 0, NULL, 0, out), HCA_CMD_BAD_SYS_STATE);
    assert_int_equal(drv_cmd(d, 0xff6, 0, 0, 0, NULL), HCA_CMD_BAD_NVMEM);
    assert_int_equal(drv_box(d, 0x004, 0, 0, NULL, 0, out), 0);
    assert_int_equal(hca_get16(out), 256);
    assert_int_equal(hca_get16(out + 2), 2);
    assert_int_equal(hca_get16(out + 10), 3);
    drv_start_fw(d);
    assert_int_equal(drv_cmd(d, 0x009, 0, 1, 0, NULL), HCA_CMD_BAD_SYS_STATE);
    assert_int_equal(drv_cmd(d, 0x008, 0, 0, 0, NULL), HCA_CMD_BAD_SYS_STATE);
    drv_map_icm(d);
    drv_default_init(d, m);
    assert_int_equal(drv_init_hca(d, m), 0);
    assert_int_equal(drv_init_hca(d, m), HCA_CMD_BAD_SYS_STATE);
    assert_int_equal(drv_cmd(d, 0xffe, 0, 0, 0, NULL), HCA_CMD_BAD_SYS_STATE);
    assert_int_equal(drv_cmd(d, 0xffb, 0, 0, 0, NULL), HCA_CMD_BAD_SYS_STATE);
    assert_int_equal(drv_box(d, 0x00b, 0, 0, NULL, 0, out), 0);
    assert_memory_equal(out + 0x10, m + 0x10, 0x1f0);
    assert_int_equal(drv_cmd(d, 0x008, 0, 0, 0, NULL), 0);
    assert_int_equal(drv_box(d, 0x00b, 0, 0, NULL, 0, out), HCA_CMD_BAD_SYS_STATE);
    assert_int_equal(drv_init_hca(d, m), 0);
    drv_free(d);
}

static void test_bad_commands(void **state)
{
    uint64_t out;
    Drv *d = drv_up(false);

    (void)state;
    assert_int_equal(drv_cmd(d, 0x7ff, 0, 0, 0, NULL), HCA_CMD_BAD_OP);
    assert_int_equal(drv_cmd(d, 0x000, 0, 0, 0, NULL), HCA_CMD_BAD_OP);
    assert_true(d->unimplemented >= 2);
    /* mailboxes: misaligned, outside memory */
    out = d->outbox + 8;
    assert_int_equal(drv_cmd(d, 0x003, 0, 0, 0, &out), HCA_CMD_BAD_PARAM);
    out = 0x1000;
    assert_int_equal(drv_cmd(d, 0x003, 0, 0, 0, &out), HCA_CMD_INTERNAL_ERR);
    assert_int_equal(drv_cmd(d, 0x00d, 0, 99, d->inbox + 4, NULL),
                     HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_cmd(d, 0x00d, 0, 99, ~0xfffull, NULL),
                     HCA_CMD_INTERNAL_ERR);
    out = d->outbox;
    assert_int_equal(drv_cmd(d, 0x043, 0, 3, 0, &out), HCA_CMD_BAD_INDEX);
    out = d->outbox;
    assert_int_equal(drv_cmd(d, 0x043, 0, 0, 0, &out), HCA_CMD_BAD_INDEX);
    out = d->outbox;
    assert_int_equal(drv_cmd(d, 0x034, 2, 7 << 8, 0, &out), HCA_CMD_BAD_INDEX);
    out = 0;
    assert_int_equal(drv_cmd(d, 0x04d, 0, 1, 0, &out), 0);
    assert_int_equal(out, 1);
    drv_free(d);
}

static void test_init_hca_limits(void **state)
{
    static const struct {
        unsigned offset;
        uint8_t value, status;
    } bad[] = {
        { 0x000, 1, HCA_CMD_BAD_PARAM },       /* version */
        { 0x017, 2, HCA_CMD_BAD_PARAM },       /* big endian host */
        { 0x017, 0x40, HCA_CMD_BAD_PARAM },    /* flow steering */
        { 0x037, HCA_LOG_MAX_QPS + 1, HCA_CMD_EXCEED_LIM },
        { 0x04f, HCA_LOG_MAX_SRQS + 1, HCA_CMD_EXCEED_LIM },
        { 0x057, HCA_LOG_MAX_CQS + 1, HCA_CMD_EXCEED_LIM },
        { 0x087, HCA_LOG_MAX_EQS + 1, HCA_CMD_EXCEED_LIM },
        { 0x087, 0x1f, HCA_CMD_EXCEED_LIM },
        { 0x0fb, HCA_LOG_MAX_MPTS + 1, HCA_CMD_EXCEED_LIM },
        { 0x0db, HCA_LOG_MAX_MCGS + 1, HCA_CMD_EXCEED_LIM },
        { 0x0d3, 3, HCA_CMD_BAD_PARAM },       /* entry too small */
        { 0x0d7, 7, HCA_CMD_BAD_PARAM },       /* hash above the table */
        { 0x05b, 0x11, HCA_CMD_BAD_PARAM },    /* strides */
        { 0x12b, 4, HCA_CMD_BAD_PARAM },       /* 64 KB UARs */
    };
    uint8_t m[HCA_MAILBOX_SIZE];
    Drv *d = drv_bare();

    (void)state;
    drv_start_fw(d);
    drv_map_icm(d);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        drv_default_init(d, m);
        m[bad[i].offset] = bad[i].value;
        assert_int_equal(drv_init_hca(d, m), bad[i].status);
    }
    drv_default_init(d, m);
    assert_int_equal(drv_init_hca(d, m), 0);
    drv_free(d);
}

static void test_capabilities(void **state)
{
    uint8_t out[HCA_MAILBOX_SIZE];
    Drv *d = drv_up(false);

    (void)state;
    assert_int_equal(drv_box(d, 0x003, 0, 0, NULL, 0, out), 0);
    assert_int_equal(out[0x37] & 0xf, HCA_NUM_PORTS);
    assert_int_equal(1u << ((out[0x49] & 0x3f) + 20), HCA_BAR2_SIZE / 2);
    assert_int_equal(hca_get16(out + 0x90), 8);
    assert_int_equal(hca_get16(out + 0x92), HCA_MPT_SIZE);
    assert_int_equal(hca_get32(out + 0x98), HCA_RESERVED_LKEY);
    assert_true(hca_get32(out + 0x44) & 1);
    assert_true(hca_get32(out + 0x40) & 1 << (48 - 32));
    assert_int_equal(hca_get32(out + 0x68), HCA_NUM_FLOWS);
    assert_true(hca_get32(out + 0x9c) & 1 << 17);
    assert_int_equal(drv_box(d, 0x043, 0, 2, NULL, 0, out), 0);
    assert_int_equal(out[0], 1);               /* down, InfiniBand */
    assert_int_equal(drv_box(d, 0x034, 2, 1 << 8, NULL, 0, out), 0);
    assert_int_equal((uint64_t)hca_get32(out + 0x14) << 32 |
                     hca_get32(out + 0x1c), NODE_GUID + 1);
    assert_int_equal(drv_box(d, 0x006, 0, 0, NULL, 0, out), 0);
    assert_int_equal(out[0x20 + 0xd0 + 3], 'X');
    drv_free(d);
}

/* Errors of the transport: of each port, and of both. */
static void test_diag(void **state)
{
    uint8_t out[HCA_MAILBOX_SIZE], init[HCA_MAILBOX_SIZE];
    Drv *d = drv_up(false);

    (void)state;
    assert_true(d->hca->count_flows);
    assert_int_equal(drv_cmd(d, 0x008, 0, 0, 0, NULL), 0);
    drv_default_init(d, init);
    init[0x17] = 0;
    assert_int_equal(drv_init_hca(d, init), 0);
    assert_false(d->hca->count_flows);
    d->hca->diag[1][HCA_DIAG_SQ_TO / 4] = 5;
    d->hca->diag[2][HCA_DIAG_SQ_TO / 4] = 6;
    for (unsigned port = 0; port <= 2; port++) {
        assert_int_equal(drv_box(d, 0x030, 2, port, NULL, 0, out), 0);
        assert_int_equal(hca_get32(out + 0x134), port ? 4 + port : 11);
        assert_int_equal(hca_get32(out + 0x130), 0);
    }
    assert_int_equal(drv_box(d, 0x030, 1, 1, NULL, 0, out), 0);
    assert_int_equal(hca_get32(out + 0x134), 0);
    assert_int_equal(drv_box(d, 0x030, 2, 3, NULL, 0, out), HCA_CMD_BAD_INDEX);
    d->hca->flow[3].tx_packets = 1;
    hca_config_write(d->hca, RESET, __builtin_bswap32(1));
    assert_int_equal(d->hca->diag[1][HCA_DIAG_SQ_TO / 4], 0);
    assert_int_equal(d->hca->flow[3].tx_packets, 0);
    drv_free(d);
}

static uint8_t map_icm(Drv *d, uint64_t virt, uint64_t addr_log)
{
    uint8_t box[16];

    hca_put64(box, virt);
    hca_put64(box + 8, addr_log);
    return drv_box(d, 0xffa, 0, 1, box, sizeof(box), NULL);
}

static void test_icm(void **state)
{
    uint8_t data[32], back[32], box[32];
    Drv *d = drv_bare();
    uint64_t a, b, aux = 0;

    (void)state;
    drv_start_fw(d);
    a = drv_alloc(d, 65536, 65536);
    b = drv_alloc(d, 8192, 8192);
    assert_int_equal(map_icm(d, 0, a), HCA_CMD_BAD_PARAM);     /* no size yet */
    assert_int_equal(drv_cmd(d, 0xffd, 0, 0, 0, &aux), HCA_CMD_EXCEED_LIM);
    aux = 0;
    assert_int_equal(drv_cmd(d, 0xffd, 0, 0, HCA_MAX_ICM_SIZE + 1, &aux),
                     HCA_CMD_EXCEED_LIM);
    aux = 0;
    assert_int_equal(drv_cmd(d, 0xffd, 0, 0, 1u << 30, &aux), 0);
    assert_int_equal(map_icm(d, 0x200000 - 4096, b), 0);       /* across a leaf */
    assert_int_equal(map_icm(d, 0x200000, a | 4), 0);
    assert_int_equal(map_icm(d, 0x200000, a | 4), HCA_CMD_BAD_PARAM);
    assert_int_equal(map_icm(d, 0x20f000, b), HCA_CMD_BAD_PARAM);
    assert_int_equal(map_icm(d, 0x300008, b), HCA_CMD_BAD_PARAM);
    assert_int_equal(map_icm(d, 0x300000, (b + 4096) | 4), HCA_CMD_BAD_PARAM);
    assert_int_equal(map_icm(d, 0x300000, b | 0x100), HCA_CMD_BAD_PARAM);
    assert_int_equal(map_icm(d, 0x300000, b | 60), HCA_CMD_BAD_PARAM);
    assert_int_equal(map_icm(d, 1ull << 40, b), HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_box(d, 0xffa, 0, 0, box, 16, NULL), HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_box(d, 0xffa, 0, 257, box, 16, NULL), HCA_CMD_BAD_PARAM);

    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = i + 1;
    }
    assert_true(hca_icm_write(d->hca, 0x200000 - 16, data, 32));
    assert_memory_equal(drv_ptr(d, b + 4080), data, 16);
    assert_memory_equal(drv_ptr(d, a), data + 16, 16);
    assert_true(hca_icm_read(d->hca, 0x200000 - 16, back, 32));
    assert_memory_equal(back, data, 32);
    assert_false(hca_icm_read(d->hca, 0x210000 - 16, back, 32));
    assert_false(hca_icm_read(d->hca, UINT64_MAX - 7, back, 8));

    /* a bad second entry undoes the first */
    hca_put64(box, 0x400000);
    hca_put64(box + 8, a);
    hca_put64(box + 16, 0x200000);
    hca_put64(box + 24, b);
    assert_int_equal(drv_box(d, 0xffa, 0, 2, box, 32, NULL), HCA_CMD_BAD_PARAM);
    assert_false(hca_icm_read(d->hca, 0x400000, back, 8));

    assert_int_equal(drv_cmd(d, 0xff9, 0, 64, 0x200000, NULL), 0);
    assert_false(hca_icm_read(d->hca, 0x200000, back, 8));
    assert_true(hca_icm_read(d->hca, 0x200000 - 16, back, 16));
    assert_int_equal(drv_cmd(d, 0xff9, 0, 1, 0x200001, NULL), HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_cmd(d, 0xff9, 0, UINT32_MAX, 0, NULL), 0);
    assert_false(hca_icm_read(d->hca, 0x200000 - 16, back, 16));
    drv_free(d);
}

static void test_event_completion(void **state)
{
    TestEq eq;
    Drv *d = drv_up(true);
    const uint8_t *eqe;

    (void)state;
    assert_int_equal(eq_create(d, &eq, 9, 3, 2), 0);
    assert_int_equal(drv_cmd(d, 0x012, 0, 9, 1ull << HCA_EVENT_CMD, NULL), 0);
    drv_post_event(d, 0x031, 0x1f, 0, 0x4321);
    eqe = eq_poll(&eq);
    assert_non_null(eqe);
    assert_int_equal(eqe[1], HCA_EVENT_CMD);
    assert_int_equal(hca_get16(eqe + 6), 0x4321);
    assert_int_equal(eqe[15], 0);
    assert_int_equal(d->irqs[2], 1);
    drv_post_event(d, 0x7ff, 0, 0, 0x4322);
    eqe = eq_poll(&eq);
    assert_non_null(eqe);
    assert_int_equal(eqe[15], HCA_CMD_BAD_OP);
    assert_int_equal(d->irqs[2], 1);           /* not armed since */
    assert_null(eq_poll(&eq));
    drv_free(d);
}

static void assert_to_fail(Drv *d, const char *wanted)
{
    char text[HCA_FAIL_COMMAND_MAX];

    hca_get_fail_command(d->hca, text);
    assert_string_equal(text, wanted);
}

/* The second SW2HW_CQ fails, has done nothing, and is the only one. */
static void test_fail_command(void **state)
{
    uint8_t out[HCA_MAILBOX_SIZE];
    Drv *d = drv_up(false);
    TestEq eq;
    TestCq cq;

    (void)state;
    assert_int_equal(eq_create(d, &eq, 9, 3, 2), 0);
    assert_to_fail(d, "");
    assert_true(hca_set_fail_command(d->hca, "16:2:8"));
    assert_to_fail(d, "16:2:8");
    assert_int_equal(cq_create(d, &cq, 0x85, 3, 9, 0), 0);
    assert_int_equal(drv_cmd(d, 0x031, 0, 0, 0, NULL), 0);
    assert_to_fail(d, "16:1:8");
    assert_int_equal(cq_create(d, &cq, 0x86, 3, 9, 0), HCA_CMD_EXCEED_LIM);
    assert_to_fail(d, "");
    assert_int_equal(drv_box(d, 0x018, 0, 0x86, NULL, 0, out),
                     HCA_CMD_BAD_RES_STATE);
    assert_int_equal(cq_create(d, &cq, 0x86, 3, 9, 0), 0);
    assert_int_equal(drv_box(d, 0x018, 0, 0x86, NULL, 0, out), 0);
    /* a closing command that fails leaves the CQ in use */
    assert_true(hca_set_fail_command(d->hca, "0x017:1:0x06"));
    assert_int_equal(drv_box(d, 0x017, 0, 0x86, NULL, 0, out),
                     HCA_CMD_RESOURCE_BUSY);
    assert_int_equal(drv_box(d, 0x017, 0, 0x86, NULL, 0, out), 0);
    drv_free(d);
}

static void test_fail_command_event(void **state)
{
    Drv *d = drv_up(false);
    const uint8_t *eqe;
    TestEq eq;

    (void)state;
    assert_int_equal(eq_create(d, &eq, 9, 3, 2), 0);
    assert_int_equal(drv_cmd(d, 0x012, 0, 9, 1ull << HCA_EVENT_CMD, NULL), 0);
    assert_true(hca_set_fail_command(d->hca, "31:1:1"));
    drv_post_event(d, 0x031, 0x1f, 0, 0x4321);
    eqe = eq_poll(&eq);
    assert_non_null(eqe);
    assert_int_equal(hca_get16(eqe + 6), 0x4321);
    assert_int_equal(eqe[15], HCA_CMD_INTERNAL_ERR);
    drv_post_event(d, 0x031, 0x1f, 0, 0x4322);
    assert_int_equal(eq_poll(&eq)[15], 0);
    drv_free(d);
}

/* Survives the driver's reset, so that bringing it up again can fail. */
static void test_fail_command_text(void **state)
{
    static const char *const wrong[] = {
        "16", "16:1", "16:1:", "16:1:8 ", " 16:1:8", "16:1:8:", "0:1:8",
        "1000:1:8", "16:0:8", "16:-1:8", "16:a:8", "16:4294967296:8", "16:1:0",
        "16:1:100", "-16:1:8", "x:1:8", "16::8", ":1:8",
    };
    char text[HCA_MAD_FAULT_MAX];
    Drv *d = drv_up(false);

    (void)state;
    assert_true(hca_set_fail_command(d->hca, "fff:4294967295:ff"));
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(hca_set_fail_command(d->hca, wrong[i]));
        assert_to_fail(d, "fff:4294967295:ff");
    }
    hca_config_write(d->hca, RESET, __builtin_bswap32(1));
    assert_to_fail(d, "fff:4294967295:ff");
    assert_true(hca_set_fail_command(d->hca, ""));
    assert_to_fail(d, "");
    hca_set_fail_command(d->hca, "31:1:1");
    hca_set_mad_fault(d->hca, HCA_MAD_DROP, "7:*:1", 0);
    hca_reset(d->hca);
    assert_to_fail(d, "");
    hca_get_mad_fault(d->hca, HCA_MAD_DROP, text);
    assert_string_equal(text, "");
    drv_free(d);
}

static void test_catastrophe(void **state)
{
    Drv *d = drv_up(false);

    (void)state;
    assert_int_equal(hca_config_read(d->hca, HCA_CATAS_OFFSET), 0);
    hca_catastrophe(d->hca);
    assert_int_not_equal(hca_config_read(d->hca, HCA_CATAS_OFFSET), 0);
    hca_config_write(d->hca, HCR + 0x18, __builtin_bswap32(1u << 23 | 0x031));
    assert_int_not_equal(hca_config_read(d->hca, HCR + 0x18) &
                         __builtin_bswap32(1u << 23), 0);
    hca_config_write(d->hca, RESET, __builtin_bswap32(1));
    assert_int_equal(hca_config_read(d->hca, HCA_CATAS_OFFSET), 0);
    d->toggle = false;
    d->brk = d->outbox + HCA_MAILBOX_SIZE;
    drv_start_fw(d);
    drv_free(d);
}

/* Whatever is asked, the answer is a status. */
static void test_garbage(void **state)
{
    Drv *d = drv_up(true);
    uint8_t box[256], out[HCA_MAILBOX_SIZE];
    uint8_t data[8];
    TestEq eq;

    (void)state;
    srand(1);
    eq_create(d, &eq, 8, 4, 0);
    drv_cmd(d, 0x012, 0, 8, UINT64_MAX, NULL);
    for (unsigned i = 0; i < 60000; i++) {
        uint16_t op = rand() % 8 ? rand() % 0x70 : rand() & 0xfff;
        uint32_t mod = rand() % (rand() % 2 ? 40 : RAND_MAX);

        if (op == 0x008 || op == 0xff9 || op == 0xffd || op == 0xffb ||
            op == 0xffe) {
            continue;                          /* would end the fun early */
        }
        for (unsigned k = 0; k < sizeof(box); k++) {
            box[k] = rand() % 3 ? 0 : rand();
        }
        drv_box(d, op, rand() % 4, mod, box, sizeof(box), out);
        for (unsigned k = 0; k < sizeof(data); k++) {
            data[k] = rand() % 3 ? 0 : rand();
        }
        hca_uar_write(d->hca, (uint64_t)(rand() % HCA_BAR2_SIZE) & ~7ull, data,
                      8);
        hca_uar_write(d->hca, ((uint64_t)(rand() % 64) << 12) +
                      (rand() % 2 ? 0x20 : 0x800 + 8 * (rand() % 5)), data,
                      rand() % 2 ? 4 : 8);
        d->now += 1000;
        if (d->timer <= d->now) {
            hca_timer(d->hca);
        }
    }
    drv_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bad_commands),
        cmocka_unit_test(test_init_hca_limits),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_diag),
        cmocka_unit_test(test_icm),
        cmocka_unit_test(test_event_completion),
        cmocka_unit_test(test_fail_command),
        cmocka_unit_test(test_fail_command_event),
        cmocka_unit_test(test_fail_command_text),
        cmocka_unit_test(test_catastrophe),
        cmocka_unit_test(test_garbage),
    };

    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
