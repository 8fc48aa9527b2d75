/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device's context memory. Its virtual address space is given a size by
 * SET_ICM_SIZE and pages of host memory by MAP_ICM; a lookup is two indexings.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define PAGE_SIZE          (1ull << HCA_PAGE_SHIFT)
#define PAGE_MASK          (PAGE_SIZE - 1)
#define LEAF_PAGES         (1u << HCA_ICM_LEAF_SHIFT)
#define LEAF_SHIFT         (HCA_PAGE_SHIFT + HCA_ICM_LEAF_SHIFT)
#define MAX_CHUNKS         (HCA_MAILBOX_SIZE / 16)

/*
 * A leaf more than asked for: mlx4_core maps contexts for 1024 EQs at the end of
 * a space that it sized for as many as it uses.
 */
bool hca_icm_set_size(Hca *hca, uint64_t size)
{
    HcaIcm *icm = &hca->tables->icm;
    size_t num = size ? (size >> LEAF_SHIFT) + 2 : 0;
    HcaIcmLeaf **leaf = NULL;

    if (num) {
        leaf = calloc(num, sizeof(*leaf));
        if (!leaf) {
            return false;
        }
    }
    for (size_t i = 0; i < icm->num_leaves; i++) {
        free(icm->leaf[i]);
    }
    free(icm->leaf);
    icm->leaf = leaf;
    icm->num_leaves = num;
    icm->size = (uint64_t)num << LEAF_SHIFT;
    return true;
}

static uint64_t icm_page(const HcaIcm *icm, uint64_t addr)
{
    HcaIcmLeaf *leaf;

    if (addr >= icm->size) {
        return 0;
    }
    leaf = icm->leaf[addr >> LEAF_SHIFT];
    return leaf ? leaf->page[(addr >> HCA_PAGE_SHIFT) & (LEAF_PAGES - 1)] : 0;
}

static bool icm_map_page(HcaIcm *icm, uint64_t addr, uint64_t bus_addr)
{
    HcaIcmLeaf **leaf = &icm->leaf[addr >> LEAF_SHIFT];

    if (!*leaf) {
        *leaf = calloc(1, sizeof(**leaf));
        if (!*leaf) {
            return false;
        }
    }
    (*leaf)->page[(addr >> HCA_PAGE_SHIFT) & (LEAF_PAGES - 1)] =
        bus_addr | HCA_ICM_PRESENT;
    (*leaf)->count++;
    return true;
}

static void icm_unmap_page(HcaIcm *icm, uint64_t addr)
{
    HcaIcmLeaf **leaf = &icm->leaf[addr >> LEAF_SHIFT];
    uint64_t *page;

    if (!*leaf) {
        return;
    }
    page = &(*leaf)->page[(addr >> HCA_PAGE_SHIFT) & (LEAF_PAGES - 1)];
    if (*page) {
        *page = 0;
        if (--(*leaf)->count == 0) {
            free(*leaf);
            *leaf = NULL;
        }
    }
}

static HcaUser icm_user(uint64_t icm_addr)
{
    return (HcaUser) { "context memory page", icm_addr >> HCA_PAGE_SHIFT };
}

bool hca_icm_read(Hca *hca, uint64_t icm_addr, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len) {
        uint64_t page = icm_page(&hca->tables->icm, icm_addr);
        uint64_t in_page = icm_addr & PAGE_MASK;
        size_t n = PAGE_SIZE - in_page < len ? PAGE_SIZE - in_page : len;

        if (!page || !hca_dma_read(hca, icm_user(icm_addr),
                                   (page & ~PAGE_MASK) + in_page, p, n)) {
            return false;
        }
        icm_addr += n;
        p += n;
        len -= n;
    }
    return true;
}

bool hca_icm_write(Hca *hca, uint64_t icm_addr, const void *buf, size_t len)
{
    const uint8_t *p = buf;

    while (len) {
        uint64_t page = icm_page(&hca->tables->icm, icm_addr);
        uint64_t in_page = icm_addr & PAGE_MASK;
        size_t n = PAGE_SIZE - in_page < len ? PAGE_SIZE - in_page : len;

        if (!page || !hca_dma_write(hca, icm_user(icm_addr),
                                    (page & ~PAGE_MASK) + in_page, p, n)) {
            return false;
        }
        icm_addr += n;
        p += n;
        len -= n;
    }
    return true;
}

/* One entry of a MAP_* mailbox: virtual address, bus address with log2(pages) below. */
typedef struct Chunk {
    uint64_t virt, bus_addr, size;
} Chunk;

static bool get_chunk(const HcaCmd *cmd, unsigned i, Chunk *c)
{
    uint64_t word = hca_get64(cmd->in + 16 * i + 8);
    unsigned log_pages = word & 0xff;

    c->virt = hca_get64(cmd->in + 16 * i);
    c->bus_addr = word & ~PAGE_MASK;
    if ((word & PAGE_MASK) > 0xff || log_pages > 24) {
        return false;
    }
    c->size = PAGE_SIZE << log_pages;
    return (c->bus_addr & (c->size - 1)) == 0;
}

/* Pages that the mailbox of MAP_FA or MAP_ICM_AUX gives; 0: malformed. */
static uint32_t count_pages(const HcaCmd *cmd)
{
    uint64_t pages = 0;
    Chunk c;

    if (cmd->in_modifier == 0 || cmd->in_modifier > MAX_CHUNKS) {
        return 0;
    }
    for (unsigned i = 0; i < cmd->in_modifier; i++) {
        if (!get_chunk(cmd, i, &c)) {
            return 0;
        }
        pages += c.size >> HCA_PAGE_SHIFT;
    }
    return pages > UINT32_MAX ? 0 : (uint32_t)pages;
}

uint8_t hca_cmd_map_fa(Hca *hca, HcaCmd *cmd)
{
    uint32_t pages = count_pages(cmd);

    if (hca->tables->fw_running) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    if (!pages || pages > UINT32_MAX - hca->tables->fa_pages) {
        return HCA_CMD_BAD_PARAM;
    }
    hca->tables->fa_pages += pages;
    return HCA_CMD_OK;
}

uint8_t hca_cmd_map_icm_aux(Hca *hca, HcaCmd *cmd)
{
    uint32_t pages = count_pages(cmd);

    if (!pages || pages > UINT32_MAX - hca->tables->aux_pages) {
        return HCA_CMD_BAD_PARAM;
    }
    hca->tables->aux_pages += pages;
    return HCA_CMD_OK;
}

uint8_t hca_cmd_unmap_icm_aux(Hca *hca, HcaCmd *cmd)
{
    (void)cmd;
    if (hca->running) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    hca->tables->aux_pages = 0;
    return HCA_CMD_OK;
}

/* in_param: octets of the address space; answer: pages the device wants for itself. */
uint8_t hca_cmd_set_icm_size(Hca *hca, HcaCmd *cmd)
{
    if (hca->running) {
        return HCA_CMD_BAD_SYS_STATE;
    }
    if (cmd->in_param == 0 || cmd->in_param > HCA_MAX_ICM_SIZE) {
        return HCA_CMD_EXCEED_LIM;
    }
    if (!hca_icm_set_size(hca, cmd->in_param)) {
        return HCA_CMD_INTERNAL_ERR;
    }
    cmd->out_param = (cmd->in_param >> 25) + 1;
    return HCA_CMD_OK;
}

static bool chunk_is_free(const HcaIcm *icm, const Chunk *c)
{
    if ((c->virt & PAGE_MASK) || c->virt >= icm->size ||
        c->size > icm->size - c->virt) {
        return false;
    }
    for (uint64_t off = 0; off < c->size; off += PAGE_SIZE) {
        if (icm_page(icm, c->virt + off)) {
            return false;
        }
    }
    return true;
}

static void unmap_range(HcaIcm *icm, uint64_t virt, uint64_t size)
{
    for (uint64_t off = 0; off < size && virt + off < icm->size;
         off += PAGE_SIZE) {
        icm_unmap_page(icm, virt + off);
    }
}

static bool map_chunk(HcaIcm *icm, const Chunk *c)
{
    for (uint64_t off = 0; off < c->size; off += PAGE_SIZE) {
        if (!icm_map_page(icm, c->virt + off, c->bus_addr + off)) {
            unmap_range(icm, c->virt, off);
            return false;
        }
    }
    return true;
}

uint8_t hca_cmd_map_icm(Hca *hca, HcaCmd *cmd)
{
    HcaIcm *icm = &hca->tables->icm;
    Chunk c;
    unsigned i;

    if (cmd->in_modifier == 0 || cmd->in_modifier > MAX_CHUNKS) {
        return HCA_CMD_BAD_PARAM;
    }
    for (i = 0; i < cmd->in_modifier; i++) {
        if (!get_chunk(cmd, i, &c) || !chunk_is_free(icm, &c) ||
            !map_chunk(icm, &c)) {
            break;
        }
    }
    if (i == cmd->in_modifier) {
        return HCA_CMD_OK;
    }
    hca_guest_error(hca, "MAP_ICM: entry %u: bad or taken address", i);
    while (i--) {
        get_chunk(cmd, i, &c);
        unmap_range(icm, c.virt, c.size);
    }
    return HCA_CMD_BAD_PARAM;
}

/* in_param: first virtual address; in_modifier: pages. Absent pages are skipped. */
uint8_t hca_cmd_unmap_icm(Hca *hca, HcaCmd *cmd)
{
    HcaIcm *icm = &hca->tables->icm;

    if ((cmd->in_param & PAGE_MASK) || cmd->in_param >= icm->size) {
        return HCA_CMD_BAD_PARAM;
    }
    unmap_range(icm, cmd->in_param,
                (uint64_t)cmd->in_modifier << HCA_PAGE_SHIFT);
    return HCA_CMD_OK;
}
