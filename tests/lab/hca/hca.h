/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of the ConnectX-3 HCA (PCI 15b3:1003), independent of any emulator.
 *
 * The owner (QEMU glue, unit test, fuzzer) supplies a bus and feeds register
 * accesses, packets and time; the model never blocks, never allocates without
 * bound and never aborts on guest input. It is not thread safe: the owner
 * serialises all calls (QEMU: the big lock).
 */
#ifndef XENIB_HCA_H
#define XENIB_HCA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HCA_PCI_VENDOR     0x15b3
#define HCA_PCI_DEVICE     0x1003
#define HCA_NUM_PORTS      2
#define HCA_NUM_GIDS       128                 /* GUIDs of a port, empty ones too */
#define HCA_BAR0_SIZE      (1u << 20)          /* device configuration */
#define HCA_PAGE_SHIFT     12
#define HCA_NUM_UARS       1024                /* UAR pages, then as many BlueFlame pages */
#define HCA_BAR2_SIZE      (2u * HCA_NUM_UARS << HCA_PAGE_SHIFT)
#define HCA_NUM_MSIX       16
#define HCA_MAX_PACKET     (4096 + 256)        /* payload of the largest MTU and all headers */

typedef struct Hca Hca;

typedef enum HcaLogLevel {
    HCA_LOG_ERROR,                             /* no test may pass with one */
    HCA_LOG_GUEST_ERROR,                       /* the driver broke a rule of the device */
    HCA_LOG_UNIMP,                             /* a feature the model lacks was asked for */
    HCA_LOG_TRACE,
} HcaLogLevel;

/*
 * What the model needs of the machine around it. Addresses are bus (machine)
 * addresses. DMA returns false when any octet lies outside memory.
 */
typedef struct HcaBus {
    bool (*dma_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    bool (*dma_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
    /* The message of a vector, or INTx asserted while MSI-X is off. */
    void (*msix)(void *opaque, unsigned vector);
    void (*clear_int)(void *opaque);           /* deassert INTx */
    uint64_t (*now_ns)(void *opaque);
    /* One timer: call hca_timer() at deadline_ns; UINT64_MAX disarms. */
    void (*timer)(void *opaque, uint64_t deadline_ns);
    /* Call hca_run() soon, outside the current call. */
    void (*schedule)(void *opaque);
    /*
     * Queue a packet (LRH .. VCRC excluded) on a port's wire, numbered from 1.
     * Always taken. Returns false once the queue is over its mark: send no new
     * requests until hca_wire_ready().
     */
    bool (*wire_send)(void *opaque, unsigned port, const void *pkt, size_t len);
    /* Our end of the cable: the port tries to bring the link up, or not. */
    void (*wire_enable)(void *opaque, unsigned port, bool enable);
    void (*log)(void *opaque, HcaLogLevel level, const char *fmt, va_list ap);
} HcaBus;

typedef struct HcaConfig {
    uint64_t node_guid;                        /* port GUIDs are node_guid + port */
} HcaConfig;

/* Bus and opaque must outlive the model; NULL when out of memory. */
Hca *hca_new(const HcaConfig *config, const HcaBus *bus, void *opaque);
void hca_free(Hca *hca);
void hca_reset(Hca *hca);

/* BAR0, naturally aligned accesses of 4 octets, value as the CPU sees it. */
uint32_t hca_config_read(Hca *hca, uint32_t offset);
void hca_config_write(Hca *hca, uint32_t offset, uint32_t value);

/*
 * BAR2: UAR pages (doorbells, clock reads), then BlueFlame pages.
 * size 1, 2, 4 or 8; data as the octets appear on the bus.
 */
void hca_uar_read(Hca *hca, uint64_t offset, void *data, unsigned size);
void hca_uar_write(Hca *hca, uint64_t offset, const void *data, unsigned size);

void hca_timer(Hca *hca);
void hca_run(Hca *hca);
void hca_wire_ready(Hca *hca, unsigned port);
void hca_wire_receive(Hca *hca, unsigned port, const void *pkt, size_t len);
/* Cable plugged, the peer present and its port enabled, or not. */
void hca_wire_link(Hca *hca, unsigned port, bool up);

/* Faults on demand, for tests. A count of n means: the next n packets sent on port. */
typedef struct HcaFaults {
    uint32_t drop[HCA_NUM_PORTS];
    uint32_t duplicate[HCA_NUM_PORTS];
    uint32_t delay[HCA_NUM_PORTS];             /* packets held back delay_ns each */
    uint64_t delay_ns;
} HcaFaults;

void hca_set_faults(Hca *hca, const HcaFaults *faults);
/*
 * One command to come is refused: "OP:N:STATUS", the Nth from now with this
 * opcode, is answered with this status, both hexadecimal, and not executed.
 * Then, and by "", there is none to refuse. false: no such text; nothing
 * changes.
 */
#define HCA_FAIL_COMMAND_FORM \
    "OP:N:STATUS, with OP (1 to fff) and STATUS (1 to ff) hexadecimal and N " \
    "from 1, such as 16:1:8"
#define HCA_FAIL_COMMAND_MAX 24                /* octets of the text, at most */

bool hca_set_fail_command(Hca *hca, const char *text);
/* What is still to come, in the same form. */
void hca_get_fail_command(const Hca *hca, char text[HCA_FAIL_COMMAND_MAX]);
/*
 * MADs among those that this HCA sends, of a class: "CLASS:ATTR:N" is the Nth
 * from now, "CLASS:ATTR:/N" every Nth. ATTR is an attribute, or * for all; both
 * are hexadecimal. By "" there are none. One setting for each kind of fault;
 * delay_ns is how long late MADs are held back. false: no such text; nothing
 * changes.
 */
#define HCA_MAD_FAULT_FORM \
    "CLASS:ATTR:N or CLASS:ATTR:/N, with CLASS (1 to ff) and ATTR (1 to ffff, " \
    "or *) hexadecimal and N from 1, such as 7:10:1 or 7:*:/100"
#define HCA_MAD_FAULT_MAX 24                   /* octets of the text, at most */

typedef enum HcaMadFault {
    HCA_MAD_DROP,
    HCA_MAD_DUPLICATE,
    HCA_MAD_DELAY,
    HCA_MAD_FAULTS
} HcaMadFault;

bool hca_set_mad_fault(Hca *hca, HcaMadFault fault, const char *text,
                       uint64_t delay_ns);
/* What is still to come, in the same form. */
void hca_get_mad_fault(const Hca *hca, HcaMadFault fault,
                       char text[HCA_MAD_FAULT_MAX]);
/* How many MADs met such a fault, since the device was made or reset. */
uint64_t hca_mad_faults(const Hca *hca);

/*
 * Post a completion event for each new CQ as soon as the HCA owns it, and answer
 * the command some milliseconds later: time for the driver to handle the event.
 */
void hca_set_early_cq_event(Hca *hca, bool on);
bool hca_get_early_cq_event(const Hca *hca);
/* Lose the events of ports, but for those of their tables. */
void hca_set_mute_ports(Hca *hca, bool on);
bool hca_get_mute_ports(const Hca *hca);
/*
 * GUIDCap of the ports: how many GUIDs the subnet manager may set, its own
 * included. Those beyond stay what they are. false: not in 1 .. HCA_NUM_GIDS.
 */
bool hca_set_guid_cap(Hca *hca, uint8_t cap);
uint8_t hca_get_guid_cap(const Hca *hca);
/* Events that found their EQ full, since the device was made or reset. */
uint64_t hca_eq_overflows(const Hca *hca);
/* A catastrophic error: internal error buffer filled, no command answered. */
void hca_catastrophe(Hca *hca);

#endif
