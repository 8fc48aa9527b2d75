/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory regions: every rule of protection, and translation. */
#include "driver.h"

#define PD         0x1234
#define INDEX      0x25u
#define KEY        0x77u
#define LKEY       (INDEX << 8 | KEY)
#define VA         0x7f0000001234ull
#define PAGES      4
#define LENGTH     0x2000u
#define ALL_RIGHTS 0xfc00u

typedef struct Mpt {
    uint32_t flags, pd, shift;
    uint64_t va, len, mtt;
} Mpt;

static void put_mpt(const Mpt *m, uint8_t mpt[64])
{
    memset(mpt, 0, 64);
    hca_put32(mpt, m->flags);
    hca_put32(mpt + 8, KEY << 24 | INDEX);
    hca_put32(mpt + 12, m->pd | 3u << 24);
    hca_put64(mpt + 16, m->va);
    hca_put64(mpt + 24, m->len);
    hca_put64(mpt + 44, m->mtt);
    hca_put32(mpt + 56, m->shift);
}

static uint8_t sw2hw(Drv *d, const Mpt *m)
{
    uint8_t mpt[64];

    put_mpt(m, mpt);
    return drv_box(d, 0x00d, 0, INDEX, mpt, sizeof(mpt), NULL);
}

/* A region of four scattered pages whose first octet is at VA. */
static Mpt region(Drv *d, uint64_t page[PAGES])
{
    Mpt m = { .flags = 0xfu << 28 | 1 << 17 | 1 << 8 | ALL_RIGHTS, .pd = PD,
              .shift = 12, .va = VA, .len = LENGTH };

    for (unsigned i = 0; i < PAGES; i++) {
        drv_alloc(d, 4096, 4096);              /* a gap */
        page[i] = drv_alloc(d, 4096, 4096);
        if (i == 0) {
            m.mtt = drv_mtt(d, page[i], 1, 12);
        } else {
            drv_mtt(d, page[i], 1, 12);
        }
    }
    return m;
}

static HcaMrRange range_of(uint64_t va, uint64_t len)
{
    return (HcaMrRange) { .key = LKEY, .pd = PD, .va = va, .len = len,
                          .access = HCA_ACCESS_LOCAL_READ |
                                    HCA_ACCESS_LOCAL_WRITE };
}

static void test_translation(void **state)
{
    Drv *d = drv_up(false);
    uint8_t out[LENGTH], in[LENGTH];
    uint64_t page[PAGES];
    Mpt m = region(d, page);
    HcaMrRange r = range_of(VA, LENGTH);

    (void)state;
    assert_int_equal(sw2hw(d, &m), 0);
    for (unsigned i = 0; i < LENGTH; i++) {
        out[i] = i * 7 + i / 256;
    }
    assert_true(hca_mr_write(d->hca, &r, out));
    assert_memory_equal(drv_ptr(d, page[0] + 0x234), out, 4096 - 0x234);
    assert_memory_equal(drv_ptr(d, page[1]), out + 4096 - 0x234, 4096);
    assert_memory_equal(drv_ptr(d, page[2]), out + 8192 - 0x234, 0x234);
    assert_true(hca_mr_read(d->hca, &r, in));
    assert_memory_equal(in, out, LENGTH);
    /* the driver changes an MTT entry in memory: seen at once */
    hca_put64(drv_ptr(d, d->icm + MTT_BASE + m.mtt + 8), page[3] | 1);
    drv_ptr(d, page[3])[0] = 0xee;
    r = range_of(VA + 4096 - 0x234, 1);
    assert_true(hca_mr_read(d->hca, &r, in));
    assert_int_equal(in[0], 0xee);
    /* entry not present; page outside memory */
    hca_put64(drv_ptr(d, d->icm + MTT_BASE + m.mtt + 8), page[3]);
    assert_false(hca_mr_read(d->hca, &r, in));
    hca_put64(drv_ptr(d, d->icm + MTT_BASE + m.mtt + 8), 0x1000 | 1);
    assert_false(hca_mr_read(d->hca, &r, in));
    drv_free(d);
}

static void test_rights(void **state)
{
    static const uint32_t rights[] = {
        HCA_ACCESS_LOCAL_READ, HCA_ACCESS_LOCAL_WRITE, HCA_ACCESS_REMOTE_READ,
        HCA_ACCESS_REMOTE_WRITE, HCA_ACCESS_ATOMIC,
    };
    Drv *d = drv_up(false);
    uint64_t page[PAGES];
    Mpt m = region(d, page);

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        m.flags = 0xfu << 28 | 1 << 8 | rights[i];
        assert_int_equal(sw2hw(d, &m), 0);
        for (unsigned k = 0; k < 5; k++) {
            HcaMrRange r = range_of(VA, 8);

            r.access = rights[k];
            assert_int_equal(hca_mr_check(d->hca, &r), i == k);
            r.access |= rights[i];
            assert_int_equal(hca_mr_check(d->hca, &r), i == k);
        }
        assert_int_equal(drv_cmd(d, 0x00f, 1, INDEX, 0, NULL), 0);
    }
    drv_free(d);
}

static void test_bounds(void **state)
{
    static const struct {
        uint64_t va, len;
        bool ok;
    } cases[] = {
        { VA, LENGTH, true },
        { VA, LENGTH + 1, false },
        { VA - 1, 1, false },
        { VA - 1, 2, false },
        { VA + LENGTH - 1, 1, true },
        { VA + LENGTH - 1, 2, false },
        { VA + LENGTH, 1, false },
        { VA + LENGTH, 0, true },
        { 0, 0, true },                        /* nothing is always granted */
        { VA, UINT64_MAX, false },
        { VA + 1, UINT64_MAX - VA, false },
        { UINT64_MAX, 1, false },
        { UINT64_MAX, UINT64_MAX, false },
    };
    Drv *d = drv_up(false);
    uint64_t page[PAGES];
    Mpt m = region(d, page);

    (void)state;
    assert_int_equal(sw2hw(d, &m), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HcaMrRange r = range_of(cases[i].va, cases[i].len);

        assert_int_equal(hca_mr_check(d->hca, &r), cases[i].ok);
    }
    drv_free(d);
}

static void test_keys(void **state)
{
    Drv *d = drv_up(false);
    uint64_t page[PAGES];
    Mpt m = region(d, page);
    HcaMrRange r = range_of(VA, 8);

    (void)state;
    assert_false(hca_mr_check(d->hca, &r));    /* not there yet */
    assert_int_equal(sw2hw(d, &m), 0);
    assert_true(hca_mr_check(d->hca, &r));
    r.key = LKEY ^ 1;                          /* key octet */
    assert_false(hca_mr_check(d->hca, &r));
    r.key = LKEY + (1u << (8 + LOG_MPTS));     /* index beyond the table */
    assert_false(hca_mr_check(d->hca, &r));
    r.key = (INDEX + 1) << 8 | KEY;            /* memory that was never an MPT */
    assert_false(hca_mr_check(d->hca, &r));
    r.key = 0;
    assert_false(hca_mr_check(d->hca, &r));
    r.key = LKEY;
    r.pd = PD + 1;
    assert_false(hca_mr_check(d->hca, &r));
    r.pd = PD | 1u << 20;                      /* all 24 bits count */
    assert_false(hca_mr_check(d->hca, &r));
    r.pd = PD;
    assert_true(hca_mr_check(d->hca, &r));
    /* given up: no access, though the entry is still there */
    assert_int_equal(drv_cmd(d, 0x00f, 1, INDEX, 0, NULL), 0);
    assert_false(hca_mr_check(d->hca, &r));
    assert_int_equal(drv_cmd(d, 0x00f, 1, INDEX, 0, NULL),
                     HCA_CMD_BAD_RES_STATE);
    /* re-registration: the driver hands it over by its first octet */
    drv_ptr(d, d->icm + DMPT_BASE + INDEX * 64)[0] = 0;
    assert_true(hca_mr_check(d->hca, &r));
    assert_int_equal(drv_cmd(d, 0x008, 0, 0, 0, NULL), 0);     /* CLOSE_HCA */
    assert_false(hca_mr_check(d->hca, &r));
    drv_free(d);
}

static void test_reserved_lkey(void **state)
{
    Drv *d = drv_up(false);
    uint64_t page = drv_alloc(d, 4096, 4096);
    HcaMrRange r = range_of(page + 8, 4);
    uint8_t data[4];

    (void)state;
    r.key = HCA_RESERVED_LKEY;
    drv_ptr(d, page)[8] = 0x42;
    assert_false(hca_mr_read(d->hca, &r, data));
    r.reserved_lkey_ok = true;
    assert_true(hca_mr_read(d->hca, &r, data));
    assert_int_equal(data[0], 0x42);
    r.access = HCA_ACCESS_REMOTE_READ;         /* never from outside */
    assert_false(hca_mr_read(d->hca, &r, data));
    r.access = HCA_ACCESS_LOCAL_READ;
    r.va = 0x10;                               /* not memory */
    assert_false(hca_mr_read(d->hca, &r, data));
    drv_free(d);
}

static void test_physical(void **state)
{
    Drv *d = drv_up(false);
    uint64_t page = drv_alloc(d, 4096, 4096);
    Mpt m = { .flags = 0xfu << 28 | 1 << 9 | 1 << 8 | ALL_RIGHTS, .pd = PD,
              .len = UINT64_MAX };
    HcaMrRange r = range_of(page, 4);
    uint8_t data[4];

    (void)state;
    assert_int_equal(sw2hw(d, &m), 0);
    drv_ptr(d, page)[0] = 0x24;
    assert_true(hca_mr_read(d->hca, &r, data));
    assert_int_equal(data[0], 0x24);
    r.pd++;
    assert_false(hca_mr_read(d->hca, &r, data));
    drv_free(d);
}

static void test_commands(void **state)
{
    Drv *d = drv_up(false);
    uint64_t page[PAGES];
    Mpt m = region(d, page), bad;
    uint8_t mpt[64], out[HCA_MAILBOX_SIZE];

    (void)state;
    put_mpt(&m, mpt);
    assert_int_equal(drv_box(d, 0x00d, 0, 1u << LOG_MPTS, mpt, 64, NULL),
                     HCA_CMD_BAD_INDEX);
    assert_int_equal(drv_box(d, 0x00d, 0, 3, mpt, 64, NULL), HCA_CMD_BAD_INDEX);
    assert_int_equal(drv_box(d, 0x00d, 0, INDEX + 1, mpt, 64, NULL),
                     HCA_CMD_BAD_PARAM);
    bad = m;
    bad.shift = 11;
    assert_int_equal(sw2hw(d, &bad), HCA_CMD_BAD_PARAM);
    bad.shift = 32;
    assert_int_equal(sw2hw(d, &bad), HCA_CMD_BAD_PARAM);
    bad = m;
    bad.flags &= ~(1u << 8);                   /* a window */
    assert_int_equal(sw2hw(d, &bad), HCA_CMD_BAD_PARAM);
    bad.flags = m.flags & ~(0xcu << 28);       /* fast registration */
    assert_int_equal(sw2hw(d, &bad), HCA_CMD_BAD_PARAM);
    assert_int_equal(sw2hw(d, &m), 0);
    assert_int_equal(sw2hw(d, &m), HCA_CMD_BAD_RES_STATE);
    assert_int_equal(drv_box(d, 0x00e, 0, INDEX, NULL, 0, out), 0);
    assert_int_equal(out[0] >> 4, 0);
    assert_memory_equal(out + 1, mpt + 1, 63);
    assert_int_equal(drv_box(d, 0x00f, 0, INDEX, NULL, 0, out), 0);
    assert_memory_equal(out + 1, mpt + 1, 63);
    assert_int_equal(drv_box(d, 0x00e, 0, INDEX, NULL, 0, out), 0);
    assert_int_equal(out[0] >> 4, 0xf);
    assert_int_equal(drv_box(d, 0x00e, 0, UINT32_MAX, NULL, 0, out),
                     HCA_CMD_BAD_INDEX);
    drv_free(d);
}

static void test_mtt_commands(void **state)
{
    Drv *d = drv_up(false);
    uint8_t box[16 + 24], out[HCA_MAILBOX_SIZE];
    uint64_t first = 100;

    (void)state;
    hca_put64(box, first);
    for (unsigned i = 0; i < 3; i++) {
        hca_put64(box + 16 + 8 * i, 0x123000 + i * 4096 + 1);
    }
    assert_int_equal(drv_box(d, 0x011, 0, 3, box, sizeof(box), NULL), 0);
    assert_int_equal(hca_get64(drv_ptr(d, d->icm + MTT_BASE + 102 * 8)),
                     0x125001);
    {
        uint64_t out_param = d->outbox;

        assert_int_equal(drv_cmd(d, 0x010, 0, 3, first, &out_param), 0);
        memcpy(out, drv_ptr(d, d->outbox), sizeof(out));
    }
    assert_memory_equal(out, box + 16, 24);
    assert_int_equal(drv_box(d, 0x011, 0, 0, box, 16, NULL), HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_box(d, 0x011, 0, 511, box, 16, NULL), HCA_CMD_BAD_PARAM);
    hca_put64(box, 1ull << 31);
    assert_int_equal(drv_box(d, 0x011, 0, 1, box, 24, NULL), HCA_CMD_ICM_ERROR);
    hca_put64(box, UINT64_MAX / 8);
    assert_int_equal(drv_box(d, 0x011, 0, 1, box, 24, NULL), HCA_CMD_BAD_PARAM);
    drv_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translation),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_reserved_lkey),
        cmocka_unit_test(test_physical),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_mtt_commands),
    };

    return cmocka_run_group_tests_name("mr", tests, NULL, NULL);
}
