/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports: link and states, tables, and the management agents. */
#include "driver.h"

#define EQN        9u
#define GET        1
#define SET        2
#define SMP        0x01
#define DIRECTED   0x81
#define PERF       0x04
#define PORT_INFO  0x15

typedef struct Mad {
    uint8_t class, method;
    uint16_t attr;
    uint32_t mod;
    uint64_t mkey;
    unsigned port;
    bool check_mkey;
    uint8_t data[64];
} Mad;

static uint8_t mad_raw(Drv *d, const Mad *m, uint8_t out[HCA_MAILBOX_SIZE])
{
    uint8_t in[256] = { 1, m->class, 1, m->method };

    hca_put64(in + 8, 0x1122334455667788ull);
    hca_put16(in + 16, m->attr);
    hca_put32(in + 20, m->mod);
    hca_put64(in + 24, m->mkey);
    memcpy(in + 64, m->data, 64);
    memset(in + 128, 0xa5, 128);               /* paths */
    return drv_box(d, 0x024, m->check_mkey ? 4 : 3, m->port, in, sizeof(in), out);
}

/* The MAD status; the attribute's data goes to data. */
static uint16_t mad(Drv *d, Mad *m, uint8_t data[64])
{
    uint8_t out[HCA_MAILBOX_SIZE];

    assert_int_equal(mad_raw(d, m, out), 0);
    assert_int_equal(out[3], 0x81);
    assert_int_equal(hca_get64(out + 8), 0x1122334455667788ull);
    if (m->class == SMP || m->class == DIRECTED) {
        assert_int_equal(out[128], 0xa5);      /* the route stays */
        assert_int_equal(out[255], 0xa5);
    }
    memcpy(data, out + 64, 64);
    return hca_get16(out + 4);
}

static void get_port_info(Drv *d, unsigned port, uint8_t data[64])
{
    Mad m = { .class = SMP, .method = GET, .attr = PORT_INFO, .port = port };

    assert_int_equal(mad(d, &m, data), 0);
}

static uint16_t set_port_info(Drv *d, unsigned port, const uint8_t data[64])
{
    Mad m = { .class = DIRECTED, .method = SET, .attr = PORT_INFO, .mod = port,
              .port = port };
    uint8_t out[64];

    memcpy(m.data, data, 64);
    return mad(d, &m, out);
}

/* What OpenSM writes: LIDs, MTU, VLs; then a state. */
static uint16_t bring(Drv *d, unsigned port, uint8_t port_state)
{
    uint8_t info[64];

    get_port_info(d, port, info);
    hca_put16(info + 16, 0x20 + port);
    hca_put16(info + 18, 1);
    info[32] = port_state;
    info[33] = 0;
    info[36] = 4 << 4;
    return set_port_info(d, port, info);
}

static Drv *with_eq(TestEq *eq)
{
    Drv *d = drv_up(true);

    assert_int_equal(eq_create(d, eq, EQN, 4, 0), 0);
    assert_int_equal(drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_PORT_CHANGE, NULL),
                     0);
    return d;
}

static void test_link(void **state)
{
    uint8_t info[64];
    const uint8_t *e;
    TestEq eq;
    Drv *d = with_eq(&eq);

    (void)state;
    hca_wire_link(d->hca, 1, true);
    get_port_info(d, 1, info);
    assert_int_equal(info[32] & 0xf, 1);       /* nobody opened the port */
    assert_int_equal(drv_cmd(d, 0x009, 0, 1, 0, NULL), 0);
    assert_true(d->enabled[1]);
    assert_false(d->enabled[2]);
    get_port_info(d, 1, info);
    assert_int_equal(info[32] & 0xf, 2);
    assert_int_equal(info[33] >> 4, 5);
    assert_int_equal(bring(d, 1, 4), 0x1c);    /* not from INIT */
    assert_int_equal(bring(d, 1, 2), 0x1c);
    assert_int_equal(bring(d, 1, 3), 0);
    assert_null(eq_poll(&eq));
    assert_int_equal(bring(d, 1, 4), 0);
    e = eq_poll(&eq);
    assert_int_equal(e[1], HCA_EVENT_PORT_CHANGE);
    assert_int_equal(e[3], 4);
    assert_int_equal(hca_get32(e + 12) >> 28, 1);
    assert_int_equal(bring(d, 1, 0), 0);       /* no change */
    assert_null(eq_poll(&eq));
    hca_wire_link(d->hca, 1, false);
    e = eq_poll(&eq);
    assert_int_equal(e[3], 1);
    get_port_info(d, 1, info);
    assert_int_equal(info[32] & 0xf, 1);
    assert_int_equal(info[33] >> 4, 2);
    assert_int_equal(hca_get16(info + 16), 0x21);              /* the LID stays */
    assert_int_equal(bring(d, 1, 3), 0x1c);
    hca_wire_link(d->hca, 1, true);
    get_port_info(d, 1, info);
    assert_int_equal(info[32] & 0xf, 2);
    assert_int_equal(drv_cmd(d, 0x00a, 0, 1, 0, NULL), 0);
    assert_false(d->enabled[1]);
    get_port_info(d, 1, info);
    assert_int_equal(info[33] >> 4, 3);
    assert_int_equal(drv_cmd(d, 0x009, 0, 3, 0, NULL), HCA_CMD_BAD_INDEX);
    assert_int_equal(drv_cmd(d, 0x00a, 0, 0, 0, NULL), HCA_CMD_BAD_INDEX);
    hca_wire_link(d->hca, 0, true);
    hca_wire_link(d->hca, 3, true);
    drv_free(d);
}

static void test_disable(void **state)
{
    uint8_t info[64];
    TestEq eq;
    Drv *d = with_eq(&eq);

    (void)state;
    hca_wire_link(d->hca, 2, true);
    drv_cmd(d, 0x009, 0, 2, 0, NULL);
    assert_int_equal(bring(d, 2, 3), 0);
    get_port_info(d, 2, info);
    info[32] = 0;
    info[33] = 3 << 4;                         /* ibportstate disable */
    assert_int_equal(set_port_info(d, 2, info), 0);
    assert_false(d->enabled[2]);
    get_port_info(d, 2, info);
    assert_int_equal(info[32] & 0xf, 1);
    assert_int_equal(info[33] >> 4, 3);
    info[32] = 0;
    info[33] = 2 << 4;                         /* enable: polling */
    assert_int_equal(set_port_info(d, 2, info), 0);
    assert_true(d->enabled[2]);
    get_port_info(d, 2, info);
    assert_int_equal(info[32] & 0xf, 2);
    drv_free(d);
}

static void test_port_info_values(void **state)
{
    static const struct {
        unsigned offset;
        uint8_t value;
    } bad[] = {
        { 16, 0xc0 },                          /* a multicast LID */
        { 18, 0xff },
        { 36, 0x60 }, { 36, 0x00 },            /* MTU */
        { 32, 0x05 }, { 32, 0x02 },            /* state */
        { 33, 0x60 },
        { 43, 0x50 },                          /* VLs */
    };
    uint8_t info[64], was[64];
    TestEq eq;
    Drv *d = with_eq(&eq);

    (void)state;
    hca_wire_link(d->hca, 1, true);
    drv_cmd(d, 0x009, 0, 1, 0, NULL);
    assert_int_equal(bring(d, 1, 0), 0);
    get_port_info(d, 1, was);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memcpy(info, was, 64);
        info[32] = info[33] = 0;
        info[bad[i].offset] = bad[i].value;
        assert_int_equal(set_port_info(d, 1, info), 0x1c);
        get_port_info(d, 1, info);
        assert_memory_equal(info, was, 64);
    }
    memcpy(info, was, 64);
    info[32] = info[33] = 0;
    hca_put16(info + 16, 0);                   /* no LID */
    assert_int_equal(set_port_info(d, 1, info), 0x1c);
    drv_free(d);
}

/* What is set anew is told: attributes of PortInfo, entries of tables. */
static void test_management_events(void **state)
{
    Mad m = { .class = SMP, .method = GET, .attr = 0x16, .port = 1 };
    uint8_t info[64], out[64];
    const uint8_t *e;
    TestEq eq;
    Drv *d = drv_up(true);

    (void)state;
    assert_int_equal(eq_create(d, &eq, EQN, 4, 0), 0);
    assert_int_equal(drv_cmd(d, 0x012, 0, EQN, 1u << HCA_EVENT_PORT_MNG_CHG,
                             NULL), 0);
    hca_wire_link(d->hca, 1, true);
    drv_cmd(d, 0x009, 0, 1, 0, NULL);
    assert_int_equal(bring(d, 1, 0), 0);
    e = eq_poll(&eq);
    assert_int_equal(e[1], HCA_EVENT_PORT_MNG_CHG);
    assert_int_equal(e[3], HCA_PMC_PORT_INFO);
    assert_int_equal(e[7], 1);
    assert_int_equal(hca_get16(e + 8), 1);
    assert_int_equal(hca_get16(e + 10), 0x21);
    assert_int_equal(hca_get32(e + 12), HCA_PORT_SM_LID | HCA_PORT_LID);
    assert_int_equal(bring(d, 1, 3), 0);       /* nothing but the state */
    assert_null(eq_poll(&eq));
    get_port_info(d, 1, info);
    hca_put64(info + 8, 0xfec0000000000000ull);
    info[32] = info[33] = 0;
    info[36] |= 5;
    info[51] |= 0x80;
    assert_int_equal(set_port_info(d, 1, info), 0);
    e = eq_poll(&eq);
    assert_int_equal(hca_get32(e + 12), HCA_PORT_GID_PREFIX |
                     HCA_PORT_REREGISTER | HCA_PORT_SM_SL);
    assert_int_equal(e[19], 5);
    assert_int_equal(hca_get64(e + 20), 0xfec0000000000000ull);
    hca_set_mute_ports(d->hca, true);
    assert_int_equal(set_port_info(d, 1, info), 0);
    assert_null(eq_poll(&eq));
    hca_set_mute_ports(d->hca, false);
    assert_int_equal(set_port_info(d, 1, info), 0);
    e = eq_poll(&eq);
    assert_int_equal(hca_get32(e + 12), HCA_PORT_REREGISTER);
    /* P_Keys */
    assert_int_equal(mad(d, &m, m.data), 0);
    m.method = SET;
    assert_int_equal(mad(d, &m, out), 0);
    assert_null(eq_poll(&eq));
    hca_put16(m.data + 2 * 3, 0x8123);
    assert_int_equal(mad(d, &m, out), 0);
    e = eq_poll(&eq);
    assert_int_equal(e[3], HCA_PMC_PKEY_TABLE);
    assert_int_equal(hca_get32(e + 8), 0);
    assert_int_equal(hca_get32(e + 12), 1 << 3);
    /* GUIDs; the port's own stays */
    m = (Mad) { .class = SMP, .method = SET, .attr = 0x14, .port = 1 };
    hca_put64(m.data, 77);
    hca_put64(m.data + 16, 78);
    assert_int_equal(mad(d, &m, out), 0);
    e = eq_poll(&eq);
    assert_int_equal(e[3], HCA_PMC_GUID_INFO);
    assert_int_equal(hca_get32(e + 12), 1 << 2);
    assert_null(eq_poll(&eq));
    drv_free(d);
}

static void test_tables(void **state)
{
    uint8_t out[64], gid[16];
    Mad m = { .class = SMP, .method = GET, .attr = 0x11, .port = 2 };
    Drv *d = drv_up(false);

    (void)state;
    assert_int_equal(mad(d, &m, out), 0);      /* NodeInfo */
    assert_int_equal(out[2], 1);
    assert_int_equal(out[3], HCA_NUM_PORTS);
    assert_int_equal(hca_get64(out + 12), NODE_GUID);
    assert_int_equal(hca_get64(out + 20), NODE_GUID + 2);
    assert_int_equal(out[36], 2);
    m.attr = 0x10;
    assert_int_equal(mad(d, &m, out), 0);
    assert_memory_equal(out, "xenib", 5);

    m.attr = 0x14;                             /* GUIDInfo */
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get64(out), NODE_GUID + 2);
    assert_true(hca_port_gid(d->hca, 2, 0, gid));
    assert_int_equal(hca_get64(gid), 0xfe80000000000000ull);
    assert_false(hca_port_gid(d->hca, 2, 3, gid));
    m.method = SET;
    hca_put64(m.data, 0x5555);
    hca_put64(m.data + 24, 0x1234);
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get64(out), NODE_GUID + 2);           /* its own stays */
    assert_true(hca_port_gid(d->hca, 2, 3, gid));
    assert_int_equal(hca_get64(gid + 8), 0x1234);
    assert_false(hca_port_gid(d->hca, 1, 3, gid));
    assert_false(hca_port_gid(d->hca, 2, 128, gid));
    assert_false(hca_port_gid(d->hca, 3, 0, gid));
    /* With a smaller GUIDCap what lies beyond cannot be set. */
    assert_false(hca_set_guid_cap(d->hca, 0));
    assert_false(hca_set_guid_cap(d->hca, 129));
    assert_int_equal(hca_get_guid_cap(d->hca), 128);
    assert_true(hca_set_guid_cap(d->hca, 3));
    hca_put64(m.data + 16, 0x2222);
    hca_put64(m.data + 24, 0x3333);
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get64(out + 16), 0x2222);
    assert_int_equal(hca_get64(out + 24), 0x1234);
    m.mod = 1;
    assert_int_equal(mad(d, &m, out), 0x1c);
    m.attr = PORT_INFO;
    m.method = GET;
    m.mod = 0;
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(out[50], 3);
    hca_set_guid_cap(d->hca, 128);
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(out[50], 128);
    m.attr = 0x14;
    m.mod = 16;
    assert_int_equal(mad(d, &m, out), 0x1c);
    m.mod = UINT32_MAX;
    assert_int_equal(mad(d, &m, out), 0x1c);

    m = (Mad) { .class = SMP, .method = SET, .attr = 0x16, .port = 1, .mod = 1 };
    hca_put16(m.data + 2, 0x8042);
    hca_put16(m.data + 4, 0x0043);
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_port_pkey_match(d->hca, 1, 0xffff), 0);
    assert_int_equal(hca_port_pkey_match(d->hca, 1, 0x7fff), 0);
    assert_int_equal(hca_port_pkey_match(d->hca, 1, 0x0042), 33);
    assert_int_equal(hca_port_pkey_match(d->hca, 1, 0x8043), 34);
    assert_int_equal(hca_port_pkey_match(d->hca, 1, 0x0043), -1);  /* both limited */
    assert_int_equal(hca_port_pkey_match(d->hca, 1, 0x8000), -1);
    assert_int_equal(hca_port_pkey_match(d->hca, 2, 0x0042), -1);
    assert_int_equal(hca_port_pkey_match(d->hca, 0, 0xffff), -1);
    m.mod = 4;
    assert_int_equal(mad(d, &m, out), 0x1c);

    m = (Mad) { .class = SMP, .method = GET, .attr = 0x17, .port = 1 };
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(out[0], 0x01);            /* SL n to VL n mod 8 */
    assert_int_equal(out[4], 0x01);
    m = (Mad) { .class = SMP, .method = GET, .attr = 0x18, .port = 1 };
    assert_int_equal(mad(d, &m, out), 0x1c);
    m.mod = 1 << 16;
    assert_int_equal(mad(d, &m, out), 0);
    m = (Mad) { .class = SMP, .method = GET, .attr = 0x99, .port = 1 };
    assert_int_equal(mad(d, &m, out), 0x0c);
    m = (Mad) { .class = SMP, .method = GET, .attr = PORT_INFO, .port = 1, .mod = 3 };
    assert_int_equal(mad(d, &m, out), 0x1c);
    drv_free(d);
}

static void test_mkey(void **state)
{
    uint8_t info[64], out[HCA_MAILBOX_SIZE];
    Mad m = { .class = SMP, .method = SET, .attr = PORT_INFO, .port = 1,
              .check_mkey = true };
    Drv *d = drv_up(false);

    (void)state;
    get_port_info(d, 1, info);
    hca_put64(info, 0xfeed);
    hca_put16(info + 16, 5);
    info[32] = info[33] = 0;
    info[34] = 1 << 6;                         /* protection level 1 */
    memcpy(m.data, info, 64);
    assert_int_equal(mad_raw(d, &m, out), 0);  /* none set before */
    assert_int_equal(mad_raw(d, &m, out), HCA_CMD_BAD_PKT);
    m.mkey = 0xfeed;
    assert_int_equal(mad_raw(d, &m, out), 0);
    m.method = GET;
    m.mkey = 0;
    assert_int_equal(mad_raw(d, &m, out), 0);
    assert_int_equal(hca_get64(out + 64), 0);  /* but not shown */
    m.method = SET;
    m.mkey = 0xfeed;
    m.data[34] = 2 << 6;
    assert_int_equal(mad_raw(d, &m, out), 0);
    m.method = GET;
    m.mkey = 1;
    assert_int_equal(mad_raw(d, &m, out), HCA_CMD_BAD_PKT);
    m.check_mkey = false;                      /* the driver's own question */
    assert_int_equal(mad_raw(d, &m, out), 0);
    drv_free(d);
}

static void test_counters(void **state)
{
    Mad m = { .class = PERF, .method = GET, .attr = 1, .port = 1 };
    uint8_t out[64];
    Drv *d = drv_up(false);

    (void)state;
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get16(out + 2), 1 << 9);
    d->hca->port[1].tx_octets = 4000;
    d->hca->port[1].rx_octets = 1ull << 40;
    d->hca->port[1].tx_packets = 10;
    d->hca->port[1].rx_packets = 20;
    m.attr = 0x12;
    assert_int_equal(mad(d, &m, out), 0x1c);   /* no port selected */
    m.data[1] = 1;
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get32(out + 24), 1000);
    assert_int_equal(hca_get32(out + 28), UINT32_MAX);         /* stuck */
    assert_int_equal(hca_get32(out + 36), 20);
    m.attr = 0x1d;
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get64(out + 16), 1ull << 38);
    m.method = SET;                            /* clear one */
    m.data[3] = 2;
    assert_int_equal(mad(d, &m, out), 0);
    assert_int_equal(hca_get64(out + 8), 1000);
    assert_int_equal(hca_get64(out + 16), 0);
    m.data[1] = 9;
    assert_int_equal(mad(d, &m, out), 0x1c);
    m = (Mad) { .class = 0x21, .method = GET, .attr = 1, .port = 1 };
    assert_int_equal(mad(d, &m, out), 0x0c);
    m = (Mad) { .class = SMP, .method = 0x7f, .attr = 0x11, .port = 1 };
    assert_int_equal(mad(d, &m, out), 0x08);
    drv_free(d);
}

static void test_set_port(void **state)
{
    uint8_t box[64] = { 0 }, info[64];
    Drv *d = drv_up(false);

    (void)state;
    hca_put32(box, 1u << 22 | 5 << 12 | 8 << 4);
    hca_put32(box + 4, 0x02004842);
    assert_int_equal(drv_box(d, 0x00c, 0, 1, box, sizeof(box), NULL), 0);
    get_port_info(d, 1, info);
    assert_int_equal(hca_get32(info + 20), 0x02004842);
    hca_put32(box, 1u << 22 | 6 << 12);
    assert_int_equal(drv_box(d, 0x00c, 0, 1, box, sizeof(box), NULL),
                     HCA_CMD_BAD_PARAM);
    assert_int_equal(drv_box(d, 0x00c, 1, 1, box, sizeof(box), NULL),
                     HCA_CMD_BAD_OP);
    assert_int_equal(drv_box(d, 0x00c, 0, 3, box, sizeof(box), NULL),
                     HCA_CMD_BAD_INDEX);
    d->hca->port[1].qkey_violations = 7;
    hca_put32(box, 1);
    assert_int_equal(drv_box(d, 0x00c, 0, 1, box, sizeof(box), NULL), 0);
    assert_int_equal(d->hca->port[1].qkey_violations, 0);
    drv_free(d);
}

static void test_wire_filter(void **state)
{
    uint8_t pkt[64] = { 0 };
    TestEq eq;
    Drv *d = with_eq(&eq);

    (void)state;
    hca_wire_receive(d->hca, 1, pkt, sizeof(pkt));
    assert_int_equal(d->hca->port[1].rx_packets, 0);           /* down */
    hca_wire_link(d->hca, 1, true);
    drv_cmd(d, 0x009, 0, 1, 0, NULL);
    hca_wire_receive(d->hca, 1, pkt, sizeof(pkt));
    assert_int_equal(d->hca->port[1].rx_packets, 0);           /* data in INIT */
    pkt[0] = 0xf0;
    hca_wire_receive(d->hca, 1, pkt, sizeof(pkt));
    assert_int_equal(d->hca->port[1].rx_packets, 1);           /* VL 15 */
    hca_wire_receive(d->hca, 1, pkt, 7);
    hca_wire_receive(d->hca, 1, pkt, 0);
    hca_wire_receive(d->hca, 0, pkt, sizeof(pkt));
    hca_wire_receive(d->hca, 3, pkt, sizeof(pkt));
    assert_int_equal(d->hca->port[1].rx_packets, 1);
    bring(d, 1, 3);
    pkt[0] = 0;
    hca_wire_receive(d->hca, 1, pkt, sizeof(pkt));
    assert_int_equal(d->hca->port[1].rx_packets, 2);
    assert_int_equal(d->hca->port[1].rx_octets, 2 * sizeof(pkt));
    drv_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_disable),
        cmocka_unit_test(test_port_info_values),
        cmocka_unit_test(test_management_events),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_mkey),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_set_port),
        cmocka_unit_test(test_wire_filter),
    };

    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
