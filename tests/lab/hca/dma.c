/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every access to the machine's memory, and errors of the model: what silicon
 * would do without a word, though no driver can want it.
 */
#include <stdio.h>

#include "core.h"

#define PAGE_SIZE          (1ull << HCA_PAGE_SHIFT)
#define ERROR_PERIOD       1000000000ull       /* ns */
#define ERROR_LINES        8                   /* of each kind, in a period */

void hca_error(Hca *hca, HcaErrorKind kind, const char *fmt, ...)
{
    uint64_t now = hca->bus->now_ns(hca->opaque);
    HcaErrorRate *rate = &hca->error_rate[kind];
    char text[160];
    va_list ap;

    if (now - rate->since >= ERROR_PERIOD) {
        rate->since = now;
        rate->lines = 0;
    }
    if (rate->lines == ERROR_LINES) {
        return;
    }
    rate->lines++;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    hca_log(hca, HCA_LOG_ERROR, "hca: %s", text);
}

/*
 * Nobody owns page 0: its address is what a field has that was not set. Memory
 * is there, though, and silicon would use it.
 */
static void watch(Hca *hca, HcaUser user, uint64_t addr, const char *access)
{
    if (addr < PAGE_SIZE) {
        hca_error(hca, HCA_ERROR_PAGE_0,
                  "model error: %s of machine page 0, address 0x%x: %s 0x%x",
                  access, (unsigned)addr, user.what, user.number);
    }
}

/* Neither has a driver reason to name an address where there is no memory. */
static bool outcome(Hca *hca, HcaUser user, uint64_t addr, const char *access,
                    bool ok)
{
    if (!ok) {
        hca_error(hca, HCA_ERROR_OUTSIDE,
                  "model error: %s outside memory, address 0x%llx: %s 0x%x",
                  access, (unsigned long long)addr, user.what, user.number);
    }
    return ok;
}

bool hca_dma_read(Hca *hca, HcaUser user, uint64_t addr, void *buf, size_t len)
{
    watch(hca, user, addr, "read");
    return outcome(hca, user, addr, "read",
                   hca->bus->dma_read(hca->opaque, addr, buf, len));
}

bool hca_dma_write(Hca *hca, HcaUser user, uint64_t addr, const void *buf,
                   size_t len)
{
    watch(hca, user, addr, "write");
    return outcome(hca, user, addr, "write",
                   hca->bus->dma_write(hca->opaque, addr, buf, len));
}
