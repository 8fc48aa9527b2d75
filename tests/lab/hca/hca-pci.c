/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HCA model as a QEMU PCI device (QEMU 10.0).
 *
 *   -device xenib-hca,node-guid=0x...,wire1=CHARDEV,wire2=CHARDEV
 *
 * node-guid: of the HCA; its ports have the two numbers that follow.
 * wire1, wire2: stream character devices (a socket whose other end is another
 *   model's); a port without one has no cable. Packets travel framed by a
 *   big-endian word with their length, or with CONTROL set to tell whether the
 *   sender's port is enabled: the link is up while both are.
 *
 * trace: log every command (to QEMU's log; broken rules go there with
 *   -d guest_errors, unknown commands with -d unimp). Errors of the model,
 *   lines with "hca: ", always go to standard error.
 *
 * For tests, by QMP's qom-set on the device: drop1, drop2, duplicate1,
 * duplicate2, delay1, delay2 (the next N packets sent; a new setting replaces
 * all), delay-ns (how long they are held back, default 1 ms), link1, link2
 * (false: cable pulled), catastrophe (true: internal error), fail-command
 * ("OP:N:STATUS": the Nth command from now with this opcode fails so), drop-mad,
 * duplicate-mad, delay-mad ("CLASS:ATTR:N", "CLASS:ATTR:/N": which MADs sent),
 * early-cq-event (true: an event for each CQ before SW2HW_CQ is answered),
 * mute-ports (true: no events of ports but of their tables), and guid-cap
 * (GUIDCap of the ports). By qom-get: eq-overflows (events that found their
 * queue full), mad-faults (MADs that were lost, sent twice or held back so).
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "chardev/char-fe.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/vmstate.h"

#include "hca.h"

#define TYPE_XENIB_HCA "xenib-hca"
OBJECT_DECLARE_SIMPLE_TYPE(XenibHca, XENIB_HCA)

#define MSIX_TABLE_OFFSET  0x7c000             /* in BAR 0, as the silicon has them */
#define MSIX_PBA_OFFSET    0x7d000
#define PCIE_CAP_OFFSET    0x60
#define MSIX_CAP_OFFSET    0x9c

#define FRAME_HEADER       4
#define FRAME_CONTROL      0x80000000u
#define FRAME_ENABLED      1u
#define SEND_HIGH_MARK     (256 * KiB)
#define SEND_LOW_MARK      (64 * KiB)

typedef struct Wire {
    XenibHca *owner;
    unsigned port;
    CharBackend chr;
    bool open, plugged;
    bool enabled;                              /* our port */
    bool peer_enabled;
    bool throttled;
    guint watch;
    GByteArray *send;                          /* queued, from send_pos on */
    unsigned send_pos;
    uint8_t frame[FRAME_HEADER + HCA_MAX_PACKET];
    unsigned received;
} Wire;

struct XenibHca {
    PCIDevice parent_obj;

    MemoryRegion config, uar;
    Hca *hca;
    uint64_t node_guid;
    QEMUTimer *timer;
    QEMUBH *bh;
    Wire wire[HCA_NUM_PORTS];
    uint64_t delay_ns;
    bool trace;
};

/* ---- The bus that the model sees ---- */

static bool hca_pci_dma(XenibHca *s, uint64_t addr, void *buf, size_t len,
                        DMADirection dir)
{
    /* Memory only: a device register reached by DMA could call back in here. */
    MemTxAttrs attrs = { .memory = 1 };

    return pci_dma_rw(PCI_DEVICE(s), addr, buf, len, dir, attrs) == MEMTX_OK;
}

static bool hca_pci_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    return hca_pci_dma(opaque, addr, buf, len, DMA_DIRECTION_TO_DEVICE);
}

static bool hca_pci_dma_write(void *opaque, uint64_t addr, const void *buf,
                              size_t len)
{
    return hca_pci_dma(opaque, addr, (void *)(uintptr_t)buf, len,
                       DMA_DIRECTION_FROM_DEVICE);
}

static void hca_pci_msix(void *opaque, unsigned vector)
{
    PCIDevice *pdev = PCI_DEVICE(opaque);

    if (!msix_enabled(pdev)) {
        pci_irq_assert(pdev);
    } else if (vector < HCA_NUM_MSIX) {
        msix_notify(pdev, vector);
    }
}

static void hca_pci_clear_int(void *opaque)
{
    pci_irq_deassert(PCI_DEVICE(opaque));
}

static uint64_t hca_pci_now_ns(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void hca_pci_timer(void *opaque, uint64_t deadline_ns)
{
    XenibHca *s = opaque;

    if (deadline_ns >= INT64_MAX) {
        timer_del(s->timer);
    } else {
        timer_mod(s->timer, deadline_ns);
    }
}

static void hca_pci_schedule(void *opaque)
{
    XenibHca *s = opaque;

    qemu_bh_schedule(s->bh);
}

static void hca_pci_log(void *opaque, HcaLogLevel level, const char *fmt,
                        va_list ap)
{
    XenibHca *s = opaque;
    bool wanted = level == HCA_LOG_GUEST_ERROR ? qemu_loglevel_mask(LOG_GUEST_ERROR)
                : level == HCA_LOG_UNIMP ? qemu_loglevel_mask(LOG_UNIMP)
                : s->trace;
    g_autofree char *text = NULL;

    if (level == HCA_LOG_ERROR) {
        error_vreport(fmt, ap);
    } else if (wanted) {
        text = g_strdup_vprintf(fmt, ap);
        qemu_log("xenib-hca %016" PRIx64 ": %s\n", s->node_guid, text);
    }
}

/* ---- Wires ---- */

static unsigned wire_queued(const Wire *w)
{
    return w->send->len - w->send_pos;
}

static gboolean wire_writable(void *unused, GIOCondition cond, void *opaque);

static void wire_flush(Wire *w)
{
    while (w->open && wire_queued(w)) {
        int n = qemu_chr_fe_write(&w->chr, w->send->data + w->send_pos,
                                  wire_queued(w));

        if (n <= 0) {
            if (!w->watch) {
                w->watch = qemu_chr_fe_add_watch(&w->chr, G_IO_OUT | G_IO_HUP,
                                                 wire_writable, w);
            }
            return;
        }
        w->send_pos += n;
    }
    if (!wire_queued(w)) {
        g_byte_array_set_size(w->send, 0);
        w->send_pos = 0;
    } else if (w->send_pos > SEND_HIGH_MARK) {
        g_byte_array_remove_range(w->send, 0, w->send_pos);
        w->send_pos = 0;
    }
}

static gboolean wire_writable(void *unused, GIOCondition cond, void *opaque)
{
    Wire *w = opaque;

    w->watch = 0;
    wire_flush(w);
    if (w->throttled && wire_queued(w) < SEND_LOW_MARK) {
        w->throttled = false;
        hca_wire_ready(w->owner->hca, w->port);
    }
    return G_SOURCE_REMOVE;
}

static void wire_queue(Wire *w, uint32_t header, const void *data, size_t len)
{
    uint8_t raw[FRAME_HEADER];

    if (!w->open) {
        return;
    }
    stl_be_p(raw, header);
    g_byte_array_append(w->send, raw, sizeof(raw));
    g_byte_array_append(w->send, data, len);
    if (!w->watch) {
        wire_flush(w);
    }
}

static bool hca_pci_wire_send(void *opaque, unsigned port, const void *pkt,
                              size_t len)
{
    XenibHca *s = opaque;
    Wire *w = &s->wire[port - 1];

    if (len <= HCA_MAX_PACKET && w->plugged) {
        wire_queue(w, len, pkt, len);
    }
    w->throttled |= wire_queued(w) > SEND_HIGH_MARK;
    return !w->throttled;
}

static void wire_tell(Wire *w)
{
    bool enabled = w->enabled && w->plugged;

    wire_queue(w, FRAME_CONTROL | (enabled ? FRAME_ENABLED : 0), NULL, 0);
}

static void hca_pci_wire_enable(void *opaque, unsigned port, bool enable)
{
    XenibHca *s = opaque;
    Wire *w = &s->wire[port - 1];

    if (w->enabled != enable) {
        w->enabled = enable;
        wire_tell(w);
    }
}

static void wire_update(Wire *w)
{
    hca_wire_link(w->owner->hca, w->port,
                  w->open && w->plugged && w->peer_enabled);
}

static void wire_frame(Wire *w, uint32_t header)
{
    if (header & FRAME_CONTROL) {
        w->peer_enabled = header & FRAME_ENABLED;
        wire_update(w);
    } else if (w->plugged) {
        hca_wire_receive(w->owner->hca, w->port, w->frame + FRAME_HEADER,
                         header);
    }
}

static int wire_can_read(void *opaque)
{
    return 64 * KiB;
}

static void wire_read(void *opaque, const uint8_t *buf, int size)
{
    Wire *w = opaque;

    while (size > 0) {
        uint32_t need = FRAME_HEADER, header = 0, n;

        if (w->received >= FRAME_HEADER) {
            header = ldl_be_p(w->frame);
            if (!(header & FRAME_CONTROL)) {
                need += header;
            }
            if (need > sizeof(w->frame)) {
                error_report("xenib-hca: wire %u: frame of %u octets, "
                             "disconnecting", w->port, header);
                qemu_chr_fe_disconnect(&w->chr);
                return;
            }
        }
        n = MIN((uint32_t)size, need - w->received);
        memcpy(w->frame + w->received, buf, n);
        w->received += n;
        buf += n;
        size -= n;
        if (w->received < need) {
            continue;
        }
        if (need == FRAME_HEADER) {            /* just the header: maybe all */
            header = ldl_be_p(w->frame);
            if (!(header & FRAME_CONTROL) && header) {
                continue;
            }
        }
        w->received = 0;
        wire_frame(w, header);
    }
}

static void wire_event(void *opaque, QEMUChrEvent event)
{
    Wire *w = opaque;

    if (event == CHR_EVENT_OPENED) {
        w->open = true;
        w->received = 0;
        wire_tell(w);
    } else if (event == CHR_EVENT_CLOSED) {
        w->open = false;
        w->peer_enabled = false;
        g_byte_array_set_size(w->send, 0);
        w->send_pos = 0;
        if (w->watch) {
            g_source_remove(w->watch);
            w->watch = 0;
        }
        wire_update(w);
        if (w->throttled) {
            w->throttled = false;
            hca_wire_ready(w->owner->hca, w->port);
        }
    }
}

/* ---- What the CPU reaches ---- */

static uint64_t config_read(void *opaque, hwaddr addr, unsigned size)
{
    XenibHca *s = opaque;

    return hca_config_read(s->hca, addr);
}

static void config_write(void *opaque, hwaddr addr, uint64_t value,
                         unsigned size)
{
    XenibHca *s = opaque;

    hca_config_write(s->hca, addr, value);
}

static const MemoryRegionOps config_ops = {
    .read = config_read,
    .write = config_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static uint64_t uar_read(void *opaque, hwaddr addr, unsigned size)
{
    XenibHca *s = opaque;
    uint8_t data[8] = { 0 };

    hca_uar_read(s->hca, addr, data, size);
    return ldn_le_p(data, size);
}

static void uar_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    XenibHca *s = opaque;
    uint8_t data[8];

    stn_le_p(data, size, value);
    hca_uar_write(s->hca, addr, data, size);
}

static const MemoryRegionOps uar_ops = {
    .read = uar_read,
    .write = uar_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

static void timer_due(void *opaque)
{
    XenibHca *s = opaque;

    hca_timer(s->hca);
}

static void run(void *opaque)
{
    XenibHca *s = opaque;

    hca_run(s->hca);
}

static const HcaBus hca_pci_bus = {
    .dma_read = hca_pci_dma_read,
    .dma_write = hca_pci_dma_write,
    .msix = hca_pci_msix,
    .clear_int = hca_pci_clear_int,
    .now_ns = hca_pci_now_ns,
    .timer = hca_pci_timer,
    .schedule = hca_pci_schedule,
    .wire_send = hca_pci_wire_send,
    .wire_enable = hca_pci_wire_enable,
    .log = hca_pci_log,
};

/* ---- Lifetime ---- */

static void realize_bars(PCIDevice *pdev, Error **errp)
{
    XenibHca *s = XENIB_HCA(pdev);

    memory_region_init_io(&s->config, OBJECT(s), &config_ops, s,
                          "xenib-hca-config", HCA_BAR0_SIZE);
    memory_region_init_io(&s->uar, OBJECT(s), &uar_ops, s,
                          "xenib-hca-uar", HCA_BAR2_SIZE);
    if (msix_init(pdev, HCA_NUM_MSIX, &s->config, 0, MSIX_TABLE_OFFSET,
                  &s->config, 0, MSIX_PBA_OFFSET, MSIX_CAP_OFFSET, errp) < 0) {
        return;
    }
    for (unsigned i = 0; i < HCA_NUM_MSIX; i++) {
        msix_vector_use(pdev, i);
    }
    pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_MEM_TYPE_64, &s->config);
    pci_register_bar(pdev, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, &s->uar);
}

static void realize_wires(XenibHca *s)
{
    for (unsigned i = 0; i < HCA_NUM_PORTS; i++) {
        Wire *w = &s->wire[i];

        w->owner = s;
        w->port = i + 1;
        w->plugged = true;
        w->send = g_byte_array_new();
    }
}

static void xenib_hca_realize(PCIDevice *pdev, Error **errp)
{
    ERRP_GUARD();
    XenibHca *s = XENIB_HCA(pdev);
    HcaConfig config = { .node_guid = s->node_guid };

    if (!s->node_guid || s->node_guid > UINT64_MAX - HCA_NUM_PORTS) {
        error_setg(errp, "node-guid must lie between 1 and 2^64 - %d",
                   HCA_NUM_PORTS + 1);
        return;
    }
    pci_config_set_interrupt_pin(pdev->config, 1);
    if (pcie_endpoint_cap_init(pdev, PCIE_CAP_OFFSET) < 0) {
        error_setg(errp, "no PCI Express capability");
        return;
    }
    realize_bars(pdev, errp);
    if (*errp) {
        pcie_cap_exit(pdev);
        return;
    }
    s->delay_ns = SCALE_MS;
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, timer_due, s);
    s->bh = qemu_bh_new_guarded(run, s, &DEVICE(s)->mem_reentrancy_guard);
    realize_wires(s);
    s->hca = hca_new(&config, &hca_pci_bus, s);
    if (!s->hca) {
        error_setg(errp, "not enough memory for the HCA model");
        return;
    }
    for (unsigned i = 0; i < HCA_NUM_PORTS; i++) {
        qemu_chr_fe_set_handlers(&s->wire[i].chr, wire_can_read, wire_read,
                                 wire_event, NULL, &s->wire[i], NULL, true);
    }
}

static void xenib_hca_exit(PCIDevice *pdev)
{
    XenibHca *s = XENIB_HCA(pdev);

    for (unsigned i = 0; i < HCA_NUM_PORTS; i++) {
        Wire *w = &s->wire[i];

        if (w->watch) {
            g_source_remove(w->watch);
            w->watch = 0;
        }
        qemu_chr_fe_deinit(&w->chr, false);
        w->open = false;
    }
    hca_free(s->hca);
    for (unsigned i = 0; i < HCA_NUM_PORTS; i++) {
        g_byte_array_free(s->wire[i].send, true);
    }
    qemu_bh_delete(s->bh);
    timer_free(s->timer);
    msix_uninit(pdev, &s->config, &s->config);
    pcie_cap_exit(pdev);
}

static void xenib_hca_reset(DeviceState *dev)
{
    XenibHca *s = XENIB_HCA(dev);

    hca_reset(s->hca);
    msix_reset(PCI_DEVICE(dev));
}

/* ---- Faults, set by tests ---- */

static void set_fault(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    unsigned port = name[strlen(name) - 1] - '1';
    HcaFaults faults = { .delay_ns = s->delay_ns };
    uint32_t count;

    if (!visit_type_uint32(v, name, &count, errp)) {
        return;
    }
    if (!s->hca) {
        error_setg(errp, "%s: the device is not realized", name);
        return;
    }
    if (g_str_has_prefix(name, "drop")) {
        faults.drop[port] = count;
    } else if (g_str_has_prefix(name, "duplicate")) {
        faults.duplicate[port] = count;
    } else {
        faults.delay[port] = count;
    }
    hca_set_faults(s->hca, &faults);
}

static void set_delay_ns(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    visit_type_uint64(v, name, &XENIB_HCA(obj)->delay_ns, errp);
}

static void set_link(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    Wire *w = &s->wire[name[strlen(name) - 1] - '1'];
    bool plugged;

    if (!visit_type_bool(v, name, &plugged, errp)) {
        return;
    }
    if (!s->hca) {
        error_setg(errp, "%s: the device is not realized", name);
        return;
    }
    w->plugged = plugged;
    wire_tell(w);
    wire_update(w);
}

static void set_catastrophe(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    bool on;

    if (visit_type_bool(v, name, &on, errp) && on && s->hca) {
        hca_catastrophe(s->hca);
    }
}

static char *get_fail_command(Object *obj, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    char text[HCA_FAIL_COMMAND_MAX] = "";

    if (s->hca) {
        hca_get_fail_command(s->hca, text);
    }
    return g_strdup(text);
}

static void set_fail_command(Object *obj, const char *text, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);

    if (!s->hca) {
        error_setg(errp, "fail-command: the device is not realized");
    } else if (!hca_set_fail_command(s->hca, text)) {
        error_setg(errp, "fail-command: \"%s\" is neither empty nor "
                   HCA_FAIL_COMMAND_FORM, text);
    }
}

/* By the order of HcaMadFault */
static const char *const mad_faults[HCA_MAD_FAULTS] = {
    "drop-mad", "duplicate-mad", "delay-mad",
};

static HcaMadFault mad_fault(const char *name)
{
    HcaMadFault fault = 0;

    while (strcmp(mad_faults[fault], name)) {
        fault++;
    }
    return fault;
}

static void get_mad_fault(Object *obj, Visitor *v, const char *name,
                          void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    char text[HCA_MAD_FAULT_MAX] = "", *p = text;

    if (s->hca) {
        hca_get_mad_fault(s->hca, mad_fault(name), text);
    }
    visit_type_str(v, name, &p, errp);
}

static void set_mad_fault(Object *obj, Visitor *v, const char *name,
                          void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    g_autofree char *text = NULL;

    if (!visit_type_str(v, name, &text, errp)) {
        return;
    }
    if (!s->hca) {
        error_setg(errp, "%s: the device is not realized", name);
    } else if (!hca_set_mad_fault(s->hca, mad_fault(name), text, s->delay_ns)) {
        error_setg(errp, "%s: \"%s\" is neither empty nor "
                   HCA_MAD_FAULT_FORM, name, text);
    }
}

static void get_mad_faults(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    uint64_t count = s->hca ? hca_mad_faults(s->hca) : 0;

    visit_type_uint64(v, name, &count, errp);
}

static bool get_early_cq_event(Object *obj, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);

    return s->hca && hca_get_early_cq_event(s->hca);
}

static void set_early_cq_event(Object *obj, bool on, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);

    if (s->hca) {
        hca_set_early_cq_event(s->hca, on);
    } else {
        error_setg(errp, "early-cq-event: the device is not realized");
    }
}

static bool get_mute_ports(Object *obj, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);

    return s->hca && hca_get_mute_ports(s->hca);
}

static void set_mute_ports(Object *obj, bool on, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);

    if (s->hca) {
        hca_set_mute_ports(s->hca, on);
    } else {
        error_setg(errp, "mute-ports: the device is not realized");
    }
}

static void get_guid_cap(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    uint8_t cap = s->hca ? hca_get_guid_cap(s->hca) : 0;

    visit_type_uint8(v, name, &cap, errp);
}

static void set_guid_cap(Object *obj, Visitor *v, const char *name,
                         void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    uint8_t cap;

    if (!visit_type_uint8(v, name, &cap, errp)) {
        return;
    }
    if (!s->hca) {
        error_setg(errp, "guid-cap: the device is not realized");
    } else if (!hca_set_guid_cap(s->hca, cap)) {
        error_setg(errp, "guid-cap: %u is not in 1 .. %u", cap, HCA_NUM_GIDS);
    }
}

static void get_eq_overflows(Object *obj, Visitor *v, const char *name,
                             void *opaque, Error **errp)
{
    XenibHca *s = XENIB_HCA(obj);
    uint64_t count = s->hca ? hca_eq_overflows(s->hca) : 0;

    visit_type_uint64(v, name, &count, errp);
}

static const Property xenib_hca_properties[] = {
    DEFINE_PROP_UINT64("node-guid", XenibHca, node_guid, 0x0002c90300001000),
    DEFINE_PROP_BOOL("trace", XenibHca, trace, false),
    DEFINE_PROP_CHR("wire1", XenibHca, wire[0].chr),
    DEFINE_PROP_CHR("wire2", XenibHca, wire[1].chr),
};

static const VMStateDescription xenib_hca_vmstate = {
    .name = TYPE_XENIB_HCA,
    .unmigratable = 1,
};

static void xenib_hca_class_init(ObjectClass *klass, void *data)
{
    static const char *const faults[] = {
        "drop1", "drop2", "duplicate1", "duplicate2", "delay1", "delay2",
    };
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = xenib_hca_realize;
    k->exit = xenib_hca_exit;
    k->vendor_id = HCA_PCI_VENDOR;
    k->device_id = HCA_PCI_DEVICE;
    k->subsystem_vendor_id = HCA_PCI_VENDOR;
    k->subsystem_id = 0x0055;
    k->revision = 0;
    k->class_id = PCI_CLASS_NETWORK_OTHER;
    dc->desc = "ConnectX-3 HCA model";
    dc->vmsd = &xenib_hca_vmstate;
    device_class_set_legacy_reset(dc, xenib_hca_reset);
    device_class_set_props(dc, xenib_hca_properties);
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        object_class_property_add(klass, faults[i], "uint32", NULL, set_fault,
                                  NULL, NULL);
    }
    object_class_property_add(klass, "delay-ns", "uint64", NULL, set_delay_ns,
                              NULL, NULL);
    object_class_property_add(klass, "link1", "bool", NULL, set_link, NULL, NULL);
    object_class_property_add(klass, "link2", "bool", NULL, set_link, NULL, NULL);
    object_class_property_add(klass, "catastrophe", "bool", NULL,
                              set_catastrophe, NULL, NULL);
    object_class_property_add_str(klass, "fail-command", get_fail_command,
                                  set_fail_command);
    for (unsigned i = 0; i < ARRAY_SIZE(mad_faults); i++) {
        object_class_property_add(klass, mad_faults[i], "str", get_mad_fault,
                                  set_mad_fault, NULL, NULL);
    }
    object_class_property_add(klass, "mad-faults", "uint64", get_mad_faults,
                              NULL, NULL, NULL);
    object_class_property_add_bool(klass, "early-cq-event", get_early_cq_event,
                                   set_early_cq_event);
    object_class_property_add_bool(klass, "mute-ports", get_mute_ports,
                                   set_mute_ports);
    object_class_property_add(klass, "guid-cap", "uint8", get_guid_cap,
                              set_guid_cap, NULL, NULL);
    object_class_property_add(klass, "eq-overflows", "uint64", get_eq_overflows,
                              NULL, NULL, NULL);
}

static const TypeInfo xenib_hca_info = {
    .name = TYPE_XENIB_HCA,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(XenibHca),
    .class_init = xenib_hca_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

static void xenib_hca_register(void)
{
    type_register_static(&xenib_hca_info);
}

type_init(xenib_hca_register)
