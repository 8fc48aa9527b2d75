/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory protection (MPT) and translation (MTT). Both tables live in ICM and
 * are read at every access: the driver writes MTTs, and re-registers MPTs,
 * directly in that memory.
 */
#include <string.h>

#include "device.h"

/* Offsets and flags of an MPT entry, struct mlx4_mpt_entry */
#define MPT_FLAGS          0x00
#define MPT_KEY            0x08
#define MPT_PD             0x0c
#define MPT_START          0x10
#define MPT_LENGTH         0x18
#define MPT_MTT            0x2c                /* after lkey, win_cnt and mtt_rep */
#define MPT_ENTITY_SIZE    0x38

#define MPT_STATUS(flags)  ((flags) >> 28)     /* 0 hardware, 3 free, 15 software */
#define MPT_STATUS_HW      0x0
#define MPT_STATUS_FREE    0x3
#define MPT_STATUS_SW      0xf
#define MPT_FLAG_PHYSICAL  (1u << 9)
#define MPT_FLAG_REGION    (1u << 8)
#define MPT_PD_MASK        0xffffffu

#define MTT_PRESENT        1u
#define MTT_ADDR_MASK      (~0xfffull)
#define MIN_PAGE_SHIFT     12
#define MAX_PAGE_SHIFT     31

static bool mtt_entry(Hca *hca, uint64_t table_offset, uint64_t index,
                      uint64_t *addr)
{
    uint8_t raw[8];
    uint64_t entry;

    if (!hca_icm_read(hca, hca->mtt_base + table_offset + index * 8, raw, 8)) {
        return false;
    }
    entry = hca_get64(raw);
    *addr = entry & MTT_ADDR_MASK;
    return entry & MTT_PRESENT;
}

static bool bus_transfer(Hca *hca, uint64_t addr, void *buf, size_t len,
                         bool write)
{
    return write ? hca->bus->dma_write(hca->opaque, addr, buf, len)
                 : hca->bus->dma_read(hca->opaque, addr, buf, len);
}

static bool mtt_transfer(Hca *hca, const HcaMtt *mtt, uint64_t offset,
                         uint8_t *buf, size_t len, bool write)
{
    uint64_t page_size;

    if (mtt->page_shift < MIN_PAGE_SHIFT || mtt->page_shift > MAX_PAGE_SHIFT) {
        return false;
    }
    page_size = 1ull << mtt->page_shift;
    while (len) {
        uint64_t in_page = offset & (page_size - 1);
        size_t n = page_size - in_page < len ? page_size - in_page : len;
        uint64_t addr;

        if (!mtt_entry(hca, mtt->addr, offset >> mtt->page_shift, &addr) ||
            !bus_transfer(hca, addr + in_page, buf, n, write)) {
            return false;
        }
        offset += n;
        buf += n;
        len -= n;
    }
    return true;
}

bool hca_mtt_read(Hca *hca, const HcaMtt *mtt, uint64_t offset, void *buf,
                  size_t len)
{
    return mtt_transfer(hca, mtt, offset, buf, len, false);
}

bool hca_mtt_write(Hca *hca, const HcaMtt *mtt, uint64_t offset,
                   const void *buf, size_t len)
{
    return mtt_transfer(hca, mtt, offset, (uint8_t *)(uintptr_t)buf, len, true);
}

/* What a granted range translates to. */
typedef struct Region {
    bool     physical;
    HcaMtt   mtt;
    uint64_t offset;                           /* of the range within the MTT */
} Region;

static bool read_mpt(Hca *hca, uint32_t index, uint8_t mpt[HCA_MPT_SIZE])
{
    return hca_icm_read(hca, hca->dmpt_base + (uint64_t)index * HCA_MPT_SIZE,
                        mpt, HCA_MPT_SIZE);
}

static bool refuse(Hca *hca, const HcaMrRange *r, const char *why)
{
    hca_guest_error(hca, "key 0x%08x va 0x%llx len 0x%llx: %s", r->key,
                    (unsigned long long)r->va, (unsigned long long)r->len, why);
    return false;
}

static bool lookup(Hca *hca, const HcaMrRange *r, Region *region)
{
    uint32_t hw_key = r->key << 24 | r->key >> 8;
    uint8_t mpt[HCA_MPT_SIZE];
    uint32_t flags, shift;
    uint64_t start, length;

    if (r->reserved_lkey_ok && r->key == HCA_RESERVED_LKEY) {
        if (r->access & ~(uint32_t)(HCA_ACCESS_LOCAL_READ |
                                    HCA_ACCESS_LOCAL_WRITE)) {
            return refuse(hca, r, "remote access by the reserved lkey");
        }
        region->physical = true;
        return true;
    }
    if (!hca->running ||
        !read_mpt(hca, hw_key & ((1u << hca->log_num_mpts) - 1), mpt)) {
        return refuse(hca, r, "no such key");
    }
    flags = hca_get32(mpt + MPT_FLAGS);
    if (MPT_STATUS(flags) != MPT_STATUS_HW || !(flags & MPT_FLAG_REGION) ||
        hca_get32(mpt + MPT_KEY) != hw_key) {
        return refuse(hca, r, "no such key");
    }
    if ((hca_get32(mpt + MPT_PD) & MPT_PD_MASK) != (r->pd & MPT_PD_MASK)) {
        return refuse(hca, r, "another PD's");
    }
    if ((flags & r->access) != r->access) {
        return refuse(hca, r, "right missing");
    }
    start = hca_get64(mpt + MPT_START);
    length = hca_get64(mpt + MPT_LENGTH);
    if (r->va < start || r->va - start > length ||
        r->len > length - (r->va - start)) {
        return refuse(hca, r, "out of bounds");
    }
    region->physical = flags & MPT_FLAG_PHYSICAL;
    if (!region->physical) {
        shift = hca_get32(mpt + MPT_ENTITY_SIZE);
        if (shift < MIN_PAGE_SHIFT || shift > MAX_PAGE_SHIFT) {
            return refuse(hca, r, "page size");
        }
        region->mtt.page_shift = shift;
        region->mtt.addr = hca_get64(mpt + MPT_MTT);
        region->offset = r->va - (start >> shift << shift);
    }
    return true;
}

bool hca_mr_check(Hca *hca, const HcaMrRange *range)
{
    Region region;

    return range->len == 0 || lookup(hca, range, &region);
}

static bool mr_transfer(Hca *hca, const HcaMrRange *range, void *buf, bool write)
{
    Region region;

    if (range->len == 0) {
        return true;
    }
    if (!lookup(hca, range, &region)) {
        return false;
    }
    if (region.physical) {
        return bus_transfer(hca, range->va, buf, range->len, write);
    }
    return mtt_transfer(hca, &region.mtt, region.offset, buf, range->len, write);
}

bool hca_mr_read(Hca *hca, const HcaMrRange *range, void *buf)
{
    return mr_transfer(hca, range, buf, false);
}

bool hca_mr_write(Hca *hca, const HcaMrRange *range, const void *buf)
{
    return mr_transfer(hca, range, (void *)(uintptr_t)buf, true);
}

/* ---- Commands. in_modifier is the MPT's index. ---- */

static bool mpt_index_ok(Hca *hca, const HcaCmd *cmd)
{
    return cmd->in_modifier < 1u << hca->log_num_mpts;
}

static bool write_mpt_status(Hca *hca, uint32_t index, const uint8_t *mpt,
                             unsigned status)
{
    uint8_t first = (uint8_t)(status << 4 | (mpt[0] & 0xf));

    return hca_icm_write(hca, hca->dmpt_base + (uint64_t)index * HCA_MPT_SIZE,
                         &first, 1);
}

/* Memory that was never an MPT is zero, which also reads as "hardware". */
static bool mpt_in_hw(const uint8_t *mpt)
{
    uint32_t flags = hca_get32(mpt + MPT_FLAGS);

    return MPT_STATUS(flags) != MPT_STATUS_SW && (flags & MPT_FLAG_REGION);
}

uint8_t hca_cmd_sw2hw_mpt(Hca *hca, HcaCmd *cmd)
{
    uint32_t flags = hca_get32(cmd->in + MPT_FLAGS);
    uint32_t shift = hca_get32(cmd->in + MPT_ENTITY_SIZE);
    uint32_t mask = (1u << hca->log_num_mpts) - 1;
    uint8_t old[HCA_MPT_SIZE];

    if (!mpt_index_ok(hca, cmd) || cmd->in_modifier < 1u << HCA_LOG_RSVD_MPTS) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!read_mpt(hca, cmd->in_modifier, old)) {
        return HCA_CMD_ICM_ERROR;
    }
    if (mpt_in_hw(old)) {
        return HCA_CMD_BAD_RES_STATE;
    }
    if ((hca_get32(cmd->in + MPT_KEY) & mask) != cmd->in_modifier) {
        return HCA_CMD_BAD_PARAM;
    }
    if (!(flags & MPT_FLAG_REGION) || MPT_STATUS(flags) == MPT_STATUS_FREE) {
        hca_log(hca, HCA_LOG_UNIMP, "SW2HW_MPT: %s",
                flags & MPT_FLAG_REGION ? "fast registration" : "memory window");
        return HCA_CMD_BAD_PARAM;
    }
    if (!(flags & MPT_FLAG_PHYSICAL) &&
        (shift < MIN_PAGE_SHIFT || shift > MAX_PAGE_SHIFT)) {
        return HCA_CMD_BAD_PARAM;
    }
    cmd->in[0] &= 0xf;                         /* owned by hardware */
    return hca_icm_write(hca, hca->dmpt_base +
                         (uint64_t)cmd->in_modifier * HCA_MPT_SIZE,
                         cmd->in, HCA_MPT_SIZE) ? HCA_CMD_OK : HCA_CMD_ICM_ERROR;
}

uint8_t hca_cmd_hw2sw_mpt(Hca *hca, HcaCmd *cmd)
{
    if (!mpt_index_ok(hca, cmd)) {
        return HCA_CMD_BAD_INDEX;
    }
    if (!read_mpt(hca, cmd->in_modifier, cmd->out)) {
        return HCA_CMD_ICM_ERROR;
    }
    if (!mpt_in_hw(cmd->out)) {
        return HCA_CMD_BAD_RES_STATE;
    }
    return write_mpt_status(hca, cmd->in_modifier, cmd->out, MPT_STATUS_SW)
        ? HCA_CMD_OK : HCA_CMD_ICM_ERROR;
}

uint8_t hca_cmd_query_mpt(Hca *hca, HcaCmd *cmd)
{
    if (!mpt_index_ok(hca, cmd)) {
        return HCA_CMD_BAD_INDEX;
    }
    return read_mpt(hca, cmd->in_modifier, cmd->out) ? HCA_CMD_OK
                                                     : HCA_CMD_ICM_ERROR;
}

/* READ_MTT: in_param is the first entry's number, in_modifier how many. */
uint8_t hca_cmd_read_mtt(Hca *hca, HcaCmd *cmd)
{
    uint32_t n = cmd->in_modifier;

    if (n == 0 || n > HCA_MAILBOX_SIZE / 8 || cmd->in_param > UINT32_MAX) {
        return HCA_CMD_BAD_PARAM;
    }
    return hca_icm_read(hca, hca->mtt_base + cmd->in_param * 8, cmd->out, n * 8)
        ? HCA_CMD_OK : HCA_CMD_ICM_ERROR;
}

/* WRITE_MTT: the mailbox has the first entry's number, 8 octets unused, the entries. */
uint8_t hca_cmd_write_mtt(Hca *hca, HcaCmd *cmd)
{
    uint64_t first = hca_get64(cmd->in);
    uint32_t n = cmd->in_modifier;

    if (n == 0 || n > HCA_MAILBOX_SIZE / 8 - 2 || first > UINT32_MAX) {
        return HCA_CMD_BAD_PARAM;
    }
    return hca_icm_write(hca, hca->mtt_base + first * 8, cmd->in + 16, n * 8)
        ? HCA_CMD_OK : HCA_CMD_ICM_ERROR;
}
