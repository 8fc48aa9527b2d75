/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults in MADs, for tests: which of those that the HCA sends get lost, go out
 * twice, or go out late. Managers and connections have retries of their own.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "packet.h"

#define MAD_SIZE           256
#define MAD_CLASS          1
#define MAD_ATTR           16

const char *hca_parse_number(const char *s, int base, unsigned long max,
                             char end, unsigned long *value)
{
    char *rest;

    if (!isxdigit((unsigned char)*s)) {
        return NULL;
    }
    *value = strtoul(s, &rest, base);
    return *value >= 1 && *value <= max && *rest == end ? rest + 1 : NULL;
}

bool hca_set_mad_fault(Hca *hca, HcaMadFault fault, const char *text,
                       uint64_t delay_ns)
{
    unsigned long class, attr = 0, n;
    bool every;

    if (!*text) {
        hca->mad_rule[fault].left = 0;
        return true;
    }
    text = hca_parse_number(text, 16, 0xff, ':', &class);
    if (text && !strncmp(text, "*:", 2)) {
        text += 2;
    } else if (text) {
        text = hca_parse_number(text, 16, 0xffff, ':', &attr);
    }
    every = text && *text == '/';
    if (!text || !hca_parse_number(text + every, 10, UINT32_MAX, '\0', &n)) {
        return false;
    }
    hca->mad_rule[fault] = (HcaMadRule) {
        .class = class, .attr = attr, .every = every ? n : 0, .left = n,
        .delay_ns = delay_ns,
    };
    return true;
}

void hca_get_mad_fault(const Hca *hca, HcaMadFault fault,
                       char text[HCA_MAD_FAULT_MAX])
{
    const HcaMadRule *r = &hca->mad_rule[fault];
    char attr[5] = "*";

    text[0] = '\0';
    if (r->left) {
        if (r->attr) {
            snprintf(attr, sizeof(attr), "%x", r->attr);
        }
        snprintf(text, HCA_MAD_FAULT_MAX, "%x:%s:%s%" PRIu32, r->class, attr,
                 r->every ? "/" : "", r->every ? r->every : r->left);
    }
}

uint64_t hca_mad_faults(const Hca *hca)
{
    return hca->mad_faults;
}

const HcaMadRule *hca_mad_fault(Hca *hca, HcaMadFault fault, const uint8_t *buf,
                                size_t len)
{
    HcaMadRule *r = &hca->mad_rule[fault];
    HcaPacket pkt;

    if (!r->left || !hca_packet_parse(&pkt, buf, len) || pkt.dest_qpn > 1 ||
        pkt.payload_len != MAD_SIZE || pkt.payload[MAD_CLASS] != r->class ||
        (r->attr && hca_get16(pkt.payload + MAD_ATTR) != r->attr)) {
        return NULL;
    }
    if (--r->left) {
        return NULL;
    }
    r->left = r->every;
    hca->mad_faults++;
    return r;
}
