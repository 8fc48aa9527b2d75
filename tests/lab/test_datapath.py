# SPDX-License-Identifier: GPL-2.0-only
"""The data path costs no ring request and no hypercall."""

import base64
import collections
import json
import struct

import nodes

PING_PONGS = 10000

# xen/include/public/trace.h
TRC_SCHED_SWITCH = 0x0002800a        # prev domain, vcpu, next domain, vcpu
TRC_PV_HYPERCALL = 0x0020100d        # number in the low 20 bits
TRC_CPU_CHANGE = 0x0001f003
TRC_CLASSES = 0x0002f000 | 0x0020f000
TRC_64_FLAG = 0x100

SECONDS = 3


def requests(host):
    """Ring requests that the one device has sent since it was attached."""
    device, = json.loads(host.out("xenib list --json"))["devices"]
    return device["counters"]["requests"]


def test_ping_pongs_send_no_ring_request(guest, dom0):
    def cost(count):
        before = [requests(host) for host in dom0]
        nodes.run_pair(*guest, "ib_send_lat -F -n %d" % count, timeout=300)
        return [requests(host) - n for host, n in zip(dom0, before)]

    few = cost(100)
    assert min(few) > 0
    assert cost(100 + PING_PONGS) == few


def hypercalls(trace, domid):
    """How often a PV domain made each hypercall: Counter by number."""
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
        elif event & ~TRC_64_FLAG == TRC_PV_HYPERCALL and \
                running.get(cpu) == domid:
            count[extra[0] & 0xfffff] += 1
    return count


def traced(host, domid):
    host.run("rm -f /tmp/trace; xentrace -D -e 0x%x -T %d /tmp/trace" % (
        TRC_CLASSES, SECONDS), timeout=60)
    trace = base64.b64decode(host.out("base64 -w0 /tmp/trace", timeout=120))
    return hypercalls(trace, domid)


def test_ping_pongs_make_no_hypercall(guest, dom0):
    """
    A guest that polls makes the hypercalls of its timer tick and no others.
    So a process that only spins is the measure for one that ping-pongs: the
    same hypercalls at the same rate, and far fewer than there are messages.
    """
    host, node = dom0[0], guest[0]
    domid = int(host.out("xl domid guest1"))

    spin = node.start("exec timeout 60 sh -c 'while :; do :; done'")
    idle = traced(host, domid)
    spin.kill()
    node.run("pkill -f 'while :'", check=False)
    spin.wait()

    # Not perftest: it records a time for each message, in memory that is new
    # to it, and a PV guest's page faults are hypercalls.
    program = "ibv_rc_pingpong -s 2 -n 10000000"
    server = nodes.start_server(guest[1], program)
    client = node.start("exec %s %s" % (program, guest[1].name))
    node.run("sleep 5; pgrep -x ibv_rc_pingpong")
    busy = traced(host, domid)
    for side in guest:
        side.run("pkill -KILL -x ibv_rc_pingpong", check=False)
    for process in (server, client):
        process.wait(timeout=60)

    print("spinning:", dict(idle), "ping-pong:", dict(busy))
    assert idle, "the trace shows no hypercall of the guest at all"
    assert sum(busy.values()) <= 1.25 * sum(idle.values()) + 50
    assert set(busy) <= set(idle) | {n for n in busy if busy[n] < 10}
