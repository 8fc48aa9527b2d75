/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory protection (MPT) and translation (MTT). Both tables live in ICM and
 * are read at every access: the driver writes MTTs, and re-registers MPTs,
 * directly in that memory.
 *
 * A window is an MPT without MPT_FLAG_REGION. While it is bound, the fields of
 * translation say what it is bound to: the region's key, and the address there
 * of its first octet. A region counts the windows bound to it.
 */
#include <string.h>

#include "device.h"

/* Offsets and flags of an MPT entry, struct mlx4_mpt_entry */
#define MPT_FLAGS          0x00
#define MPT_QPN            0x04                /* a bound window of type 2 */
#define MPT_KEY            0x08
#define MPT_PD             0x0c
#define MPT_START          0x10
#define MPT_LENGTH         0x18
#define MPT_LKEY           0x20                /* bound window: MPT_KEY of the region */
#define MPT_WIN_COUNT      0x24
#define MPT_MTT            0x2c                /* bound window: address in the region */
#define MPT_MTT_SIZE       0x34                /* entries, for fast registration */
#define MPT_ENTITY_SIZE    0x38

#define MPT_STATUS(flags)  ((flags) >> 28)     /* 0 hardware, 3 free, 15 software */
#define MPT_STATUS_HW      0x0
#define MPT_STATUS_FREE    0x3
#define MPT_STATUS_SW      0xf
#define MPT_FLAG_PHYSICAL  (1u << 9)
#define MPT_FLAG_REGION    (1u << 8)
#define MPT_PERMISSIONS    0xfc00u
#define MPT_PD_MASK        0xffffffu
#define MPT_PD_INVALIDATE  (3u << 24)          /* may be; of windows: type 2 */
#define MPT_PD_FAST_REG    (1u << 27)
#define MPT_INDEX_MASK     0xffffffu           /* MPT_KEY without the key octet */

#define MTT_PRESENT        1u
#define MTT_ADDR_MASK      (~0xfffull)
#define MIN_PAGE_SHIFT     12
#define MAX_PAGE_SHIFT     31

/*
 * The entry for octet offset. Silicon too stops at one that is not present. It
 * is an error of the model all the same: the driver has let the HCA beyond the
 * end of a buffer, where the next entry may be somebody else's.
 */
static bool mtt_entry(Hca *hca, const HcaMtt *mtt, uint64_t offset,
                      uint64_t *addr)
{
    uint64_t at = mtt->addr + (offset >> mtt->page_shift) * 8;
    uint8_t raw[8] = { 0 };
    uint64_t entry;

    if (hca_icm_read(hca, hca->mtt_base + at, raw, 8)) {
        entry = hca_get64(raw);
        *addr = entry & MTT_ADDR_MASK;
        if (entry & MTT_PRESENT) {
            return true;
        }
    }
    hca_error(hca, HCA_ERROR_MTT,
              "model error: MTT entry 0x%llx not present, offset 0x%llx: %s 0x%x",
              (unsigned long long)at / 8, (unsigned long long)offset,
              mtt->user.what, mtt->user.number);
    return false;
}

static bool bus_transfer(Hca *hca, HcaUser user, uint64_t addr, void *buf,
                         size_t len, bool write)
{
    return write ? hca_dma_write(hca, user, addr, buf, len)
                 : hca_dma_read(hca, user, addr, buf, len);
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

        if (!mtt_entry(hca, mtt, offset, &addr) ||
            !bus_transfer(hca, mtt->user, addr + in_page, buf, n, write)) {
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
    uint64_t offset;                           /* within the MTT; physical: address */
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

static uint32_t hw_key(uint32_t key)
{
    return key << 24 | key >> 8;
}

/* The entry a key's index names, whatever its state. */
static bool read_by_key(Hca *hca, uint32_t hw, uint8_t mpt[HCA_MPT_SIZE])
{
    return hca->running &&
           read_mpt(hca, hw & ((1u << hca->log_num_mpts) - 1), mpt);
}

static bool write_by_key(Hca *hca, uint32_t hw, const uint8_t mpt[HCA_MPT_SIZE])
{
    uint32_t index = hw & ((1u << hca->log_num_mpts) - 1);

    return hca_icm_write(hca, hca->dmpt_base + (uint64_t)index * HCA_MPT_SIZE,
                         mpt, HCA_MPT_SIZE);
}

/* A region or window that is in use under this very key. */
static bool read_valid(Hca *hca, uint32_t hw, uint8_t mpt[HCA_MPT_SIZE])
{
    return hw && read_by_key(hca, hw, mpt) &&
           MPT_STATUS(hca_get32(mpt + MPT_FLAGS)) == MPT_STATUS_HW &&
           hca_get32(mpt + MPT_KEY) == hw;
}

static bool is_region(const uint8_t *mpt)
{
    return hca_get32(mpt + MPT_FLAGS) & MPT_FLAG_REGION;
}

static bool is_type2(const uint8_t *mpt)
{
    return hca_get32(mpt + MPT_PD) & MPT_PD_INVALIDATE;
}

static bool same_pd(const uint8_t *mpt, uint32_t pd)
{
    return ((hca_get32(mpt + MPT_PD) ^ pd) & MPT_PD_MASK) == 0;
}

static bool in_bounds(const uint8_t *mpt, uint64_t va, uint64_t len)
{
    uint64_t start = hca_get64(mpt + MPT_START);
    uint64_t length = hca_get64(mpt + MPT_LENGTH);

    return va >= start && va - start <= length && len <= length - (va - start);
}

static bool lookup(Hca *hca, const HcaMrRange *r, Region *region)
{
    uint8_t mpt[HCA_MPT_SIZE];
    uint64_t va = r->va, start;
    uint32_t flags, shift;

    if (r->reserved_lkey_ok && r->key == HCA_RESERVED_LKEY) {
        if (r->access & ~(uint32_t)(HCA_ACCESS_LOCAL_READ |
                                    HCA_ACCESS_LOCAL_WRITE)) {
            return refuse(hca, r, "remote access by the reserved lkey");
        }
        region->physical = true;
        region->offset = r->va;
        return true;
    }
    if (!read_valid(hca, hw_key(r->key), mpt)) {
        return refuse(hca, r, "no such key");
    }
    if (!same_pd(mpt, r->pd)) {
        return refuse(hca, r, "another PD's");
    }
    if ((hca_get32(mpt + MPT_FLAGS) & r->access) != r->access) {
        return refuse(hca, r, "right missing");
    }
    if (!in_bounds(mpt, va, r->len)) {
        return refuse(hca, r, "out of bounds");
    }
    if (!is_region(mpt)) {
        if (is_type2(mpt) && hca_get32(mpt + MPT_QPN) != r->qpn) {
            return refuse(hca, r, "bound to another QP");
        }
        va = hca_get64(mpt + MPT_MTT) + (va - hca_get64(mpt + MPT_START));
        if (!read_valid(hca, hca_get32(mpt + MPT_LKEY), mpt) ||
            !is_region(mpt) || !in_bounds(mpt, va, r->len)) {
            return refuse(hca, r, "the window's region has gone");
        }
    }
    flags = hca_get32(mpt + MPT_FLAGS);
    start = hca_get64(mpt + MPT_START);
    region->physical = flags & MPT_FLAG_PHYSICAL;
    region->offset = va;
    if (!region->physical) {
        shift = hca_get32(mpt + MPT_ENTITY_SIZE);
        if (shift < MIN_PAGE_SHIFT || shift > MAX_PAGE_SHIFT) {
            return refuse(hca, r, "page size");
        }
        region->mtt.page_shift = shift;
        region->mtt.addr = hca_get64(mpt + MPT_MTT);
        region->offset = va - (start >> shift << shift);
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
    HcaUser user = { "data of key", range->key };
    Region region;

    if (range->len == 0) {
        return true;
    }
    if (!lookup(hca, range, &region)) {
        return false;
    }
    if (region.physical) {
        return bus_transfer(hca, user, region.offset, buf, range->len, write);
    }
    region.mtt.user = user;
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

/* ---- Windows, fast registration, invalidation ---- */

static void count_window(Hca *hca, uint32_t region_key, int change)
{
    uint8_t mpt[HCA_MPT_SIZE];
    uint32_t count;

    if (read_valid(hca, region_key, mpt)) {
        count = hca_get32(mpt + MPT_WIN_COUNT);
        if (change > 0 || count) {
            hca_put32(mpt + MPT_WIN_COUNT, count + change);
            write_by_key(hca, region_key, mpt);
        }
    }
}

/* Forget what a window is bound to, if anything. */
static void unbind(Hca *hca, uint8_t window[HCA_MPT_SIZE])
{
    if (hca_get64(window + MPT_LENGTH)) {
        count_window(hca, hca_get32(window + MPT_LKEY), -1);
        hca_put64(window + MPT_LENGTH, 0);
    }
}

/* May the window be bound to this part of this region? */
static bool region_bindable(Hca *hca, const HcaBind *b)
{
    uint32_t needed = HCA_ACCESS_BIND_MW;
    uint8_t mpt[HCA_MPT_SIZE];

    if (b->access & (HCA_ACCESS_REMOTE_WRITE | HCA_ACCESS_ATOMIC)) {
        needed |= HCA_ACCESS_LOCAL_WRITE;
    }
    return read_valid(hca, hw_key(b->lkey), mpt) && is_region(mpt) &&
           same_pd(mpt, b->pd) &&
           (hca_get32(mpt + MPT_FLAGS) & needed) == needed &&
           in_bounds(mpt, b->va, b->len);
}

bool hca_mw_bind(Hca *hca, const HcaBind *b)
{
    uint32_t key = hw_key(b->new_rkey);
    uint8_t mpt[HCA_MPT_SIZE];
    uint32_t flags;

    if (!read_by_key(hca, key, mpt) || is_region(mpt) || !same_pd(mpt, b->pd) ||
        !key || ((hca_get32(mpt + MPT_KEY) ^ key) & MPT_INDEX_MASK) ||
        is_type2(mpt) != b->type2 || (b->type2 && !b->len)) {
        hca_guest_error(hca, "bind: 0x%08x is no such window", b->new_rkey);
        return false;
    }
    flags = hca_get32(mpt + MPT_FLAGS);
    if (MPT_STATUS(flags) != (b->type2 ? MPT_STATUS_FREE : MPT_STATUS_HW)) {
        hca_guest_error(hca, "bind: window 0x%08x is bound", b->new_rkey);
        return false;
    }
    if (b->len && !region_bindable(hca, b)) {
        hca_guest_error(hca, "bind: window 0x%08x to region 0x%08x: no right, "
                        "or out of bounds", b->new_rkey, b->lkey);
        return false;
    }
    unbind(hca, mpt);
    hca_put32(mpt + MPT_FLAGS, (flags & ~(MPT_PERMISSIONS | 0xfu << 28)) |
              (b->access & MPT_PERMISSIONS));
    hca_put32(mpt + MPT_QPN, b->qpn);
    hca_put32(mpt + MPT_KEY, key);
    hca_put64(mpt + MPT_START, b->zero_based ? 0 : b->va);
    hca_put64(mpt + MPT_LENGTH, b->len);
    hca_put32(mpt + MPT_LKEY, hw_key(b->lkey));
    hca_put64(mpt + MPT_MTT, b->va);
    if (!write_by_key(hca, key, mpt)) {
        return false;
    }
    if (b->len) {
        count_window(hca, hw_key(b->lkey), 1);
    }
    return true;
}

bool hca_mr_invalidate(Hca *hca, uint32_t key, uint32_t pd, uint32_t qpn)
{
    uint8_t mpt[HCA_MPT_SIZE];

    if (!read_valid(hca, hw_key(key), mpt) || !same_pd(mpt, pd) ||
        !(hca_get32(mpt + MPT_PD) & MPT_PD_INVALIDATE) ||
        (is_region(mpt) ? hca_get32(mpt + MPT_WIN_COUNT) != 0
                        : hca_get32(mpt + MPT_QPN) != qpn)) {
        hca_guest_error(hca, "key 0x%08x may not be invalidated by QP %06x",
                        key, qpn);
        return false;
    }
    if (!is_region(mpt)) {
        unbind(hca, mpt);
    }
    mpt[0] = MPT_STATUS_FREE << 4 | (mpt[0] & 0xf);
    return write_by_key(hca, hw_key(key), mpt);
}

/* The list of pages becomes the region's MTT entries. */
static bool copy_pages(Hca *hca, const HcaFastReg *f, uint64_t table_offset,
                       uint64_t n)
{
    HcaUser user = { "list of pages of key", f->new_key };
    uint8_t entry[8];

    for (uint64_t i = 0; i < n; i++) {
        if (!hca_dma_read(hca, user, f->pages + 8 * i, entry, 8) ||
            !hca_icm_write(hca, hca->mtt_base + table_offset + 8 * i, entry,
                           8)) {
            return false;
        }
    }
    return true;
}

bool hca_mr_fast_register(Hca *hca, const HcaFastReg *f)
{
    uint32_t key = hw_key(f->new_key);
    uint8_t mpt[HCA_MPT_SIZE];
    uint64_t page, pages;
    uint32_t flags;

    if (!read_by_key(hca, key, mpt) || !is_region(mpt) ||
        !same_pd(mpt, f->pd) || !key ||
        ((hca_get32(mpt + MPT_KEY) ^ key) & MPT_INDEX_MASK) ||
        !(hca_get32(mpt + MPT_PD) & MPT_PD_FAST_REG) ||
        MPT_STATUS(hca_get32(mpt + MPT_FLAGS)) != MPT_STATUS_FREE ||
        f->page_shift < MIN_PAGE_SHIFT || f->page_shift > MAX_PAGE_SHIFT) {
        hca_guest_error(hca, "fast registration: 0x%08x is not free for it",
                        f->new_key);
        return false;
    }
    page = 1ull << f->page_shift;
    pages = (f->len >> f->page_shift) +
            ((f->va & (page - 1)) + (f->len & (page - 1)) + page - 1) / page;
    if (!f->len || f->len > UINT64_MAX - f->va ||
        pages > hca_get32(mpt + MPT_MTT_SIZE) ||
        !copy_pages(hca, f, hca_get64(mpt + MPT_MTT), pages)) {
        hca_guest_error(hca, "fast registration of 0x%08x: %llu pages",
                        f->new_key, (unsigned long long)pages);
        return false;
    }
    flags = hca_get32(mpt + MPT_FLAGS) & ~(MPT_PERMISSIONS | 0xfu << 28);
    hca_put32(mpt + MPT_FLAGS, flags | (f->access & MPT_PERMISSIONS));
    hca_put32(mpt + MPT_KEY, key);
    hca_put64(mpt + MPT_START, f->va);
    hca_put64(mpt + MPT_LENGTH, f->len);
    hca_put32(mpt + MPT_ENTITY_SIZE, f->page_shift);
    return write_by_key(hca, key, mpt);
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
    return MPT_STATUS(hca_get32(mpt + MPT_FLAGS)) != MPT_STATUS_SW &&
           hca_get32(mpt + MPT_KEY) != 0;
}

/* Does the entry's status fit what it describes? */
static bool mpt_well_formed(const uint8_t *mpt)
{
    uint32_t flags = hca_get32(mpt + MPT_FLAGS);
    uint32_t shift = hca_get32(mpt + MPT_ENTITY_SIZE);
    bool is_free = MPT_STATUS(flags) == MPT_STATUS_FREE;

    if (!(flags & MPT_FLAG_REGION)) {
        return is_free == is_type2(mpt) && !(flags & MPT_PERMISSIONS);
    }
    if (is_free) {
        return !(flags & MPT_FLAG_PHYSICAL) &&
               hca_get32(mpt + MPT_PD) & MPT_PD_FAST_REG;
    }
    return (flags & MPT_FLAG_PHYSICAL) ||
           (shift >= MIN_PAGE_SHIFT && shift <= MAX_PAGE_SHIFT);
}

uint8_t hca_cmd_sw2hw_mpt(Hca *hca, HcaCmd *cmd)
{
    uint32_t flags = hca_get32(cmd->in + MPT_FLAGS);
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
    if (!mpt_well_formed(cmd->in)) {
        return HCA_CMD_BAD_PARAM;
    }
    if (MPT_STATUS(flags) != MPT_STATUS_FREE) {
        cmd->in[0] &= 0xf;                     /* owned by hardware */
    }
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
    if (!is_region(cmd->out)) {
        unbind(hca, cmd->out);
    } else if (hca_get32(cmd->out + MPT_WIN_COUNT)) {
        return HCA_CMD_REG_BOUND;
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
