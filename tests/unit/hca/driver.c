/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver.h"

#define HCR       0x80680u
#define HCR_GO    (1u << 23)
#define HCR_E     (1u << 22)
#define HCR_T     (1u << 21)

static uint32_t swap32(uint32_t v)
{
    return __builtin_bswap32(v);
}

/* ---- The bus ---- */

static uint8_t *range(Drv *d, uint64_t addr, size_t len)
{
    if (d->has_low && addr <= LOW_SIZE && len <= LOW_SIZE - addr) {
        return d->low + addr;
    }
    if (addr < MEM_BASE || addr - MEM_BASE > MEM_SIZE ||
        len > MEM_SIZE - (addr - MEM_BASE)) {
        return NULL;
    }
    return d->mem + (addr - MEM_BASE);
}

static bool bus_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    uint8_t *p = range(opaque, addr, len);

    if (p) {
        memcpy(buf, p, len);
    }
    return p != NULL;
}

static bool bus_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    uint8_t *p = range(opaque, addr, len);

    if (p) {
        memcpy(p, buf, len);
    }
    return p != NULL;
}

static void bus_msix(void *opaque, unsigned vector)
{
    Drv *d = opaque;

    if (vector < HCA_NUM_MSIX) {
        d->irqs[vector]++;
    }
}

static void bus_clear_int(void *opaque)
{
    ((Drv *)opaque)->clears++;
}

static uint64_t bus_now(void *opaque)
{
    return ((Drv *)opaque)->now;
}

static void bus_timer(void *opaque, uint64_t deadline)
{
    ((Drv *)opaque)->timer = deadline;
}

static void bus_schedule(void *opaque)
{
    (void)opaque;
}

static bool bus_wire_send(void *opaque, unsigned port, const void *pkt,
                          size_t len)
{
    (void)opaque;
    (void)port;
    (void)pkt;
    (void)len;
    return true;
}

static void bus_wire_enable(void *opaque, unsigned port, bool enable)
{
    ((Drv *)opaque)->enabled[port] = enable;
}

static void bus_log(void *opaque, HcaLogLevel level, const char *fmt, va_list ap)
{
    Drv *d = opaque;
    va_list again;

    if (level == HCA_LOG_ERROR) {
        va_copy(again, ap);
        vsnprintf(d->model_error, sizeof(d->model_error), fmt, again);
        va_end(again);
        d->model_errors++;
    }
    d->guest_errors += level == HCA_LOG_GUEST_ERROR;
    d->unimplemented += level == HCA_LOG_UNIMP;
    if (getenv("HCA_TEST_LOG")) {
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
    }
}

void drv_model_error(Drv *d, const char *wanted)
{
    assert_string_equal(d->model_error, wanted);
    d->model_error[0] = '\0';
    d->now += 1000000000;                      /* so that the next is told */
}

void drv_no_model_error(Drv *d)
{
    assert_string_equal(d->model_error, "");
}

uint8_t *drv_ptr(Drv *d, uint64_t bus_addr)
{
    uint8_t *p = range(d, bus_addr, 1);

    assert_non_null(p);
    return p;
}

uint64_t drv_alloc(Drv *d, size_t len, size_t align)
{
    uint64_t addr = (d->brk + align - 1) & ~(uint64_t)(align - 1);

    assert_true(addr + len <= MEM_BASE + MEM_SIZE);
    d->brk = addr + len;
    return addr;
}

/* ---- Commands ---- */

static uint32_t reg_read(Drv *d, uint32_t offset)
{
    return swap32(hca_config_read(d->hca, offset));
}

static void reg_write(Drv *d, uint32_t offset, uint32_t value)
{
    hca_config_write(d->hca, offset, swap32(value));
}

/* mlx4's cmd_pending(), but for the toggle bit */
bool drv_busy(Drv *d)
{
    return reg_read(d, HCR + 0x18) & HCR_GO;
}

static void post(Drv *d, uint16_t op, uint8_t op_mod, uint32_t in_mod,
                 uint64_t in_param, uint64_t out_param, uint16_t token,
                 bool event)
{
    assert_false(drv_busy(d));
    d->toggle = !d->toggle;
    reg_write(d, HCR + 0x00, in_param >> 32);
    reg_write(d, HCR + 0x04, (uint32_t)in_param);
    reg_write(d, HCR + 0x08, in_mod);
    reg_write(d, HCR + 0x0c, out_param >> 32);
    reg_write(d, HCR + 0x10, (uint32_t)out_param);
    reg_write(d, HCR + 0x14, (uint32_t)token << 16);
    reg_write(d, HCR + 0x18, HCR_GO | (d->toggle ? HCR_T : 0) |
              (event ? HCR_E : 0) | (uint32_t)op_mod << 12 | op);
}

uint8_t drv_cmd(Drv *d, uint16_t op, uint8_t op_mod, uint32_t in_mod,
                uint64_t in_param, uint64_t *out_param)
{
    uint32_t status;

    post(d, op, op_mod, in_mod, in_param, out_param ? *out_param : 0, 0xffff,
         false);
    status = reg_read(d, HCR + 0x18);
    assert_false(status & HCR_GO);
    assert_int_equal(!!(status & HCR_T), d->toggle);
    if (out_param) {
        *out_param = (uint64_t)reg_read(d, HCR + 0x0c) << 32 |
                     reg_read(d, HCR + 0x10);
    }
    return status >> 24;
}

uint8_t drv_box(Drv *d, uint16_t op, uint8_t op_mod, uint32_t in_mod,
                const void *in, size_t len, uint8_t *out)
{
    uint64_t out_param = out ? d->outbox : 0;
    uint8_t status;

    memset(drv_ptr(d, d->inbox), 0, HCA_MAILBOX_SIZE);
    memset(drv_ptr(d, d->outbox), 0x5a, HCA_MAILBOX_SIZE);
    if (in) {
        memcpy(drv_ptr(d, d->inbox), in, len);
    }
    status = drv_cmd(d, op, op_mod, in_mod, in ? d->inbox : 0, &out_param);
    if (out) {
        memcpy(out, drv_ptr(d, d->outbox), HCA_MAILBOX_SIZE);
    }
    return status;
}

void drv_post_event(Drv *d, uint16_t op, uint32_t in_mod, uint64_t in_param,
                    uint16_t token)
{
    post(d, op, 0, in_mod, in_param, 0, token, true);
}

/* ---- Bringing it up ---- */

Drv *drv_bare(void)
{
    HcaConfig config = { .node_guid = NODE_GUID };
    Drv *d = calloc(1, sizeof(*d));

    assert_non_null(d);
    d->mem = calloc(1, MEM_SIZE);
    assert_non_null(d->mem);
    d->brk = MEM_BASE;
    d->timer = UINT64_MAX;
    d->bus = (HcaBus) {
        .dma_read = bus_read, .dma_write = bus_write, .msix = bus_msix,
        .clear_int = bus_clear_int, .now_ns = bus_now, .timer = bus_timer,
        .schedule = bus_schedule, .wire_send = bus_wire_send,
        .wire_enable = bus_wire_enable, .log = bus_log,
    };
    d->inbox = drv_alloc(d, HCA_MAILBOX_SIZE, HCA_MAILBOX_SIZE);
    d->outbox = drv_alloc(d, HCA_MAILBOX_SIZE, HCA_MAILBOX_SIZE);
    d->hca = hca_new(&config, &d->bus, d);
    assert_non_null(d->hca);
    return d;
}

void drv_free(Drv *d)
{
    hca_free(d->hca);
    free(d->mem);
    free(d);
}

void drv_start_fw(Drv *d)
{
    uint64_t fa = drv_alloc(d, 1u << 20, 1u << 20);
    uint8_t box[16] = { 0 };

    hca_put64(box + 8, fa | 8);                /* 256 pages */
    assert_int_equal(drv_box(d, 0xfff, 0, 1, box, sizeof(box), NULL), 0);
    assert_int_equal(drv_cmd(d, 0xff6, 0, 0, 0, NULL), 0);
}

void drv_map_icm(Drv *d)
{
    uint8_t box[16] = { 0 };
    uint64_t aux = 0;

    assert_int_equal(drv_cmd(d, 0xffd, 0, 0, ICM_SIZE, &aux), 0);
    assert_true(aux > 0);
    d->icm = drv_alloc(d, ICM_SIZE, ICM_SIZE);
    hca_put64(box + 8, d->icm | 10);           /* 4 MB at 0 */
    assert_int_equal(drv_box(d, 0xffa, 0, 1, box, sizeof(box), NULL), 0);
}

void drv_default_init(Drv *d, uint8_t m[HCA_MAILBOX_SIZE])
{
    memset(m, 0, HCA_MAILBOX_SIZE);
    m[0] = 2;
    m[0x17] = 1 << 4;                          /* count flows */
    hca_put64(m + 0x30, QPC_BASE);
    m[0x37] = LOG_QPS;
    m[0x4f] = LOG_SRQS;
    m[0x57] = LOG_CQS;
    m[0x58] = d->cqe64 ? 0x60 : 0;
    m[0x87] = LOG_EQS;
    hca_put64(m + 0x90, RDMARC_BASE);
    hca_put64(m + 0xc0, MC_BASE);
    m[0xd3] = 9;
    m[0xd7] = 5;
    m[0xdb] = 6;
    hca_put64(m + 0xf0, DMPT_BASE);
    m[0xfb] = LOG_MPTS;
    hca_put64(m + 0x100, MTT_BASE);
    m[0x12a] = 10;
}

uint8_t drv_init_hca(Drv *d, const uint8_t *mailbox)
{
    return drv_box(d, 0x007, 0, 0, mailbox, HCA_MAILBOX_SIZE, NULL);
}

Drv *drv_up(bool cqe64)
{
    uint8_t mailbox[HCA_MAILBOX_SIZE];
    Drv *d = drv_bare();

    d->cqe64 = cqe64;
    drv_start_fw(d);
    drv_map_icm(d);
    drv_default_init(d, mailbox);
    assert_int_equal(drv_init_hca(d, mailbox), 0);
    return d;
}

uint64_t drv_mtt(Drv *d, uint64_t addr, unsigned n, unsigned page_shift)
{
    uint64_t first = (uint64_t)d->next_mtt * 8;

    for (unsigned i = 0; i < n; i++) {
        hca_put64(drv_ptr(d, d->icm + MTT_BASE + first + 8 * i),
                  (addr + ((uint64_t)i << page_shift)) | 1);
    }
    d->next_mtt += n;
    assert_true(d->next_mtt * 8 <= DMPT_BASE - MTT_BASE);
    return first;
}

/* ---- Event queues ---- */

uint8_t eq_create(Drv *d, TestEq *eq, uint32_t eqn, unsigned log_size,
                  uint8_t vector)
{
    unsigned stride = d->cqe64 ? 64 : 32;
    size_t len = (size_t)stride << log_size;
    uint8_t c[64] = { 0 };
    unsigned pages = (len + 4095) / 4096;

    *eq = (TestEq) { .d = d, .eqn = eqn, .log_size = log_size };
    eq->buf = drv_alloc(d, len, 4096);
    hca_put32(c, 9 << 8);                      /* armed */
    c[0x0c] = log_size;
    c[0x17] = vector;
    hca_put32(c + 0x1c, drv_mtt(d, eq->buf, pages, 12));
    return drv_box(d, 0x013, 0, eqn, c, sizeof(c), NULL);
}

const uint8_t *eq_poll(TestEq *eq)
{
    unsigned stride = eq->d->cqe64 ? 64 : 32;
    uint32_t size = 1u << eq->log_size;
    const uint8_t *eqe = drv_ptr(eq->d, eq->buf) +
                         (eq->consumer & (size - 1)) * stride + stride - 32;

    if (!!(eqe[31] & 0x80) != !!(eq->consumer & size)) {
        return NULL;
    }
    eq->consumer++;
    return eqe;
}

void eq_doorbell(TestEq *eq, bool arm)
{
    uint8_t value[4];

    hca_put32(value, (eq->consumer & 0xffffff) | (uint32_t)arm << 31);
    hca_uar_write(eq->d->hca, ((uint64_t)(eq->eqn / 4) << 12) + 0x800 +
                  8 * (eq->eqn % 4), value, 4);
}

/* ---- Completion queues ---- */

void cq_context(TestCq *cq, uint8_t c[64], uint32_t flags, uint8_t eqn)
{
    unsigned pages = (((size_t)cq->stride << cq->log_size) + 4095) / 4096;

    memset(c, 0, 64);
    hca_put32(c, flags);
    hca_put32(c + 0x0c, cq->log_size << 24 | cq->uar);
    c[0x17] = eqn;
    hca_put32(c + 0x1c, drv_mtt(cq->d, cq->buf, pages, 12));
    hca_put64(c + 0x38, cq->db);
}

uint8_t cq_create(Drv *d, TestCq *cq, uint32_t cqn, unsigned log_size,
                  uint8_t eqn, uint32_t flags)
{
    uint8_t c[64];

    *cq = (TestCq) { .d = d, .cqn = cqn, .uar = 200, .log_size = log_size,
                     .stride = d->cqe64 ? 64 : 32, .sn = 1 };
    cq->buf = drv_alloc(d, (size_t)cq->stride << log_size, 4096);
    cq->db = drv_alloc(d, 8, 8);
    cq_context(cq, c, flags, eqn);
    return drv_box(d, 0x016, 0, cqn, c, sizeof(c), NULL);
}

const uint8_t *cq_poll(TestCq *cq)
{
    uint32_t size = 1u << cq->log_size;
    const uint8_t *cqe = drv_ptr(cq->d, cq->buf) +
                         (cq->consumer & (size - 1)) * cq->stride +
                         cq->stride - 32;

    if (!!(cqe[31] & 0x80) != !!(cq->consumer & size)) {
        return NULL;
    }
    cq->consumer++;
    hca_put32(drv_ptr(cq->d, cq->db), cq->consumer & 0xffffff);
    return cqe;
}

void cq_arm(TestCq *cq, bool solicited)
{
    uint8_t value[8];

    hca_put32(value, cq->sn << 28 | (solicited ? 1u : 2u) << 24 | cq->cqn);
    hca_put32(value + 4, cq->consumer & 0xffffff);
    hca_uar_write(cq->d->hca, ((uint64_t)cq->uar << 12) + 0x20, value, 8);
}
