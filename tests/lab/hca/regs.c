/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the CPU reaches: BAR0 with the command register, reset, ownership and
 * error buffer; BAR2 with the doorbells of the UAR pages and the BlueFlame pages.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define HCR_BASE           0x80680u
#define HCR_WORDS          7
#define HCR_GO             (1u << 23)
#define OWNER_REG          0x8069cu
#define RESET_REG          0xf0010u
#define RESET_VALUE        1u                  /* big endian, as all registers are */
#define SEMAPHORE_REG      0xf03fcu

#define UAR_SEND_DOORBELL  0x14u
#define UAR_CQ_DOORBELL    0x20u
#define UAR_EQ_DOORBELL    0x800u
#define UAR_EQS            4u                  /* EQ doorbells of a UAR page, 8 octets apart */

static uint32_t swap32(uint32_t v)
{
    return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

uint32_t hca_config_read(Hca *hca, uint32_t offset)
{
    HcaTables *t = hca->tables;
    uint32_t value = 0;

    if (offset >= HCR_BASE && offset < HCR_BASE + 4 * HCR_WORDS) {
        value = t->hcr[(offset - HCR_BASE) / 4];
    } else if (offset >= HCA_CATAS_OFFSET &&
               offset < HCA_CATAS_OFFSET + 4 * HCA_CATAS_DWORDS) {
        value = t->catas[(offset - HCA_CATAS_OFFSET) / 4];
    } else if (offset == OWNER_REG) {
        value = t->owned;
        t->owned = true;
    } else if (offset == SEMAPHORE_REG) {
        value = t->semaphore;
        t->semaphore = true;
    }
    return swap32(value);
}

void hca_config_write(Hca *hca, uint32_t offset, uint32_t value)
{
    HcaTables *t = hca->tables;

    value = swap32(value);
    if (offset >= HCR_BASE && offset < HCR_BASE + 4 * HCR_WORDS) {
        unsigned word = (offset - HCR_BASE) / 4;

        t->hcr[word] = value;
        if (word == HCR_WORDS - 1 && (value & HCR_GO) && !t->fatal) {
            hca_cmd_post(hca);
        }
    } else if (offset == RESET_REG && value == RESET_VALUE) {
        hca_soft_reset(hca);
    } else if (offset == OWNER_REG) {
        t->owned = value != 0;
    } else if (offset == SEMAPHORE_REG) {
        t->semaphore = value != 0;
    } else if (offset == HCA_CLEAR_INT_OFFSET ||
               offset == HCA_CLEAR_INT_OFFSET + 4) {
        hca->bus->clear_int(hca->opaque);
    } else {
        hca_log(hca, HCA_LOG_UNIMP, "write to register 0x%x", offset);
    }
}

void hca_uar_read(Hca *hca, uint64_t offset, void *data, unsigned size)
{
    (void)hca;
    (void)offset;
    memset(data, 0, size);                     /* doorbells are write only */
}

static void doorbell(Hca *hca, uint32_t uar, uint32_t reg, const void *data,
                     unsigned size)
{
    HcaTables *t = hca->tables;

    if (reg == UAR_SEND_DOORBELL && size == 4) {
        hca_qp_doorbell(hca, uar, hca_get32(data) >> 8);
    } else if (reg == UAR_CQ_DOORBELL && size == 8) {
        hca_cq_doorbell(hca, uar, hca_get32(data),
                        hca_get32((const uint8_t *)data + 4));
    } else if (reg == UAR_CQ_DOORBELL && size == 4) {
        t->cq_doorbell[uar] = hca_get32(data);
    } else if (reg == UAR_CQ_DOORBELL + 4 && size == 4) {
        hca_cq_doorbell(hca, uar, t->cq_doorbell[uar], hca_get32(data));
    } else if (reg >= UAR_EQ_DOORBELL && reg % 8 == 0 && size == 4 &&
               reg < UAR_EQ_DOORBELL + 8 * UAR_EQS) {
        hca_eq_doorbell(hca, uar * UAR_EQS + (reg - UAR_EQ_DOORBELL) / 8,
                        hca_get32(data));
    } else {
        hca_guest_error(hca, "UAR 0x%x: no register of %u octets at 0x%x",
                        uar, size, reg);
    }
}

/*
 * The CPU copies whole 64-octet lines in order, so a WQE is there once the
 * lines that its control segment's size calls for have arrived.
 */
static void blueflame(Hca *hca, uint32_t uar, uint32_t reg, const void *data,
                      unsigned size)
{
    HcaBlueFlame *bf = hca->tables->blueflame[uar];
    unsigned buf = reg / HCA_BF_BUF_SIZE;
    unsigned start = reg % HCA_BF_BUF_SIZE;
    const uint8_t *wqe;
    size_t len;

    if (!bf) {
        bf = hca->tables->blueflame[uar] = calloc(1, sizeof(*bf));
        if (!bf) {
            return;
        }
    }
    if (start == 0) {
        bf->filled[buf] = 0;
    }
    if (start != bf->filled[buf]) {
        return;                                /* the tail of a WQE already taken */
    }
    memcpy(bf->data + reg, data, size);
    bf->filled[buf] += size;
    if (bf->filled[buf] < 8) {
        return;
    }
    wqe = bf->data + buf * HCA_BF_BUF_SIZE;
    len = (size_t)(wqe[7] & 0x3f) * 16;
    if (len == 0 || len > HCA_BF_BUF_SIZE) {
        hca_guest_error(hca, "BlueFlame 0x%x: WQE of %zu octets", uar, len);
        bf->filled[buf] = HCA_BF_BUF_SIZE;
    } else if (bf->filled[buf] >= ((len + 63) & ~(size_t)63)) {
        bf->filled[buf] = HCA_BF_BUF_SIZE;
        hca_qp_blueflame(hca, uar, wqe, len);
    }
}

void hca_uar_write(Hca *hca, uint64_t offset, const void *data, unsigned size)
{
    uint64_t page = offset >> HCA_PAGE_SHIFT;
    uint32_t reg = offset & ((1u << HCA_PAGE_SHIFT) - 1);

    if (!hca->running || page >= 2 * HCA_NUM_UARS || size > 8 ||
        reg % size != 0) {
        return;
    }
    if (page < HCA_NUM_UARS) {
        doorbell(hca, page, reg, data, size);
    } else {
        blueflame(hca, page - HCA_NUM_UARS, reg, data, size);
    }
}
