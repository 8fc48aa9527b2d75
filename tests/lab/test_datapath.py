# SPDX-License-Identifier: GPL-2.0-only
"""The data path costs no ring request and no hypercall."""

import base64
import collections
import struct

import nodes

PING_PONGS = 10000

# xen/include/public/trace.h
TRC_SCHED_SWITCH = 0x0002800a        # prev domain, vcpu, next domain, vcpu
TRC_PV_HYPERCALL = 0x0020100d        # number in the low 20 bits
TRC_HVM_SVM_EXIT = 0x00081003        # exit code
TRC_HVM_VMX_EXIT = 0x00081002        # exit reason in the low 31 bits
TRC_HVM_VMMCALL = 0x00082012         # number
TRC_CPU_CHANGE = 0x0001f003
TRC_CLASSES = 0x0002f000 | 0x0020f000 | 0x0008f000
TRC_64_FLAG = 0x100

# Exits for which a guest does nothing: physical interrupts, the guest being
# ready for a virtual one, and the first use of the FPU after another domain had
# the processor.
NATURAL = {("svm", 0x60), ("svm", 0x64), ("svm", 0x47),
           ("vmx", 1), ("vmx", 7), ("vmx", 0)}
# Those that are hypercalls, which have a record of their own.
HYPERCALLS = {("svm", 0x81), ("vmx", 18)}

SECONDS = 3


def requests(host, node):
    """Ring requests that a guest has sent since it was attached."""
    return nodes.device(host, node)["counters"]["requests"]


def test_ping_pongs_send_no_ring_request(guests, dom0):
    def total():
        return [requests(*ends) for ends in zip(dom0, guests)]

    def cost(count):
        before = total()
        nodes.run_pair(*guests, "ib_send_lat -F -n %d" % count, timeout=300)
        return [n - m for n, m in zip(total(), before)]

    few = cost(100)
    assert min(few) > 0
    assert cost(100 + PING_PONGS) == few


def what_the_guest_did(event, extra):
    """What a trace record tells of a guest: ("pv", hypercall), ("hvm",
    hypercall), (processor, exit); None if nothing."""
    event &= ~TRC_64_FLAG
    if event == TRC_PV_HYPERCALL:
        return "pv", extra[0] & 0xfffff
    if event == TRC_HVM_VMMCALL:
        return "hvm", extra[0]
    if event == TRC_HVM_SVM_EXIT:
        return "svm", extra[0]
    if event == TRC_HVM_VMX_EXIT:
        return "vmx", extra[0] & 0x7fffffff
    return None


def entries_to_xen(trace, domid):
    """
    How often a domain made each hypercall, and for a PVH domain also how often
    it left for Xen for each other reason of its own: Counter by
    what_the_guest_did().
    """
    running = {}
    cpu = 0
    count = collections.Counter()
    at = 0
    while at + 4 <= len(trace):
        head, = struct.unpack_from("<I", trace, at)
        event, words = head & 0xfffffff, head >> 28 & 7
        at += 12 if head >> 31 else 4
        extra = struct.unpack_from("<%dI" % words, trace, at)
        at += 4 * words
        if event == TRC_CPU_CHANGE:
            cpu = extra[0]
        elif event == TRC_SCHED_SWITCH:
            running[cpu] = extra[2]
        elif running.get(cpu) == domid:
            count[what_the_guest_did(event, extra)] += 1
    return collections.Counter({what: n for what, n in count.items()
                                if what and what not in
                                NATURAL | HYPERCALLS})


def traced(host, domid):
    host.run("rm -f /tmp/trace; xentrace -D -e 0x%x -T %d /tmp/trace" % (
        TRC_CLASSES, SECONDS), timeout=60)
    trace = base64.b64decode(host.out("base64 -w0 /tmp/trace", timeout=120))
    return entries_to_xen(trace, domid)


def test_ping_pongs_make_no_hypercall(guests, dom0):
    """
    A guest that polls makes the hypercalls of its timer tick and no others,
    and a PVH guest has no other reason to leave for Xen: its doorbells do not.
    So a process that only spins is the measure for one that ping-pongs: the
    same hypercalls at the same rate, and far fewer than there are messages.
    """
    host, node = dom0[0], guests[0]
    domid = int(host.out("xl domid " + node.domain))

    spin = node.start("exec timeout 60 sh -c 'while :; do :; done'")
    idle = traced(host, domid)
    spin.kill()
    node.run("pkill -f 'while :'", check=False)
    spin.wait()

    # Not perftest: it records a time for each message, in memory that is new
    # to it, and a PV guest's page faults are hypercalls.
    program = "ibv_rc_pingpong -s 2 -n 10000000"
    server = nodes.start_server(guests[1], program)
    client = node.start("exec %s %s" % (program, guests[1].name))
    node.run("sleep 5; pgrep -x ibv_rc_pingpong")
    busy = traced(host, domid)
    for side in guests:
        side.run("pkill -KILL -x ibv_rc_pingpong", check=False)
    for process in (server, client):
        process.wait(timeout=60)

    print("spinning:", dict(idle), "ping-pong:", dict(busy))
    assert any(way in ("pv", "hvm") for way, _ in idle), \
        "the trace shows no hypercall of the guest at all"
    assert sum(busy.values()) <= 1.25 * sum(idle.values()) + 50
    assert set(busy) <= set(idle) | {n for n in busy if busy[n] < 10}
