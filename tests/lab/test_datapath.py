# SPDX-License-Identifier: GPL-2.0-only
"""The data path costs no ring request and no hypercall, and what is told of a
completion no more than one."""

import base64
import collections
import re
import struct

import pytest

import ipoib
import nodes
import storage

PING_PONGS = 10000

# xen/include/public/trace.h
TRC_SCHED_SWITCH = 0x0002800a        # prev domain, vcpu, next domain, vcpu
TRC_LOST_RECORDS = 0x0001f001        # how many, domain, since when (2 words)
TRC_CPU_CHANGE = 0x0001f003
TRC_PV_ENTRY = 0x00201000            # what a PV domain enters Xen for
TRC_PV_TRAP = TRC_PV_ENTRY + 3       # address, vector in the low 15 bits
TRC_PV_MATH_STATE_RESTORE = TRC_PV_ENTRY + 8
TRC_PV_HYPERCALL = TRC_PV_ENTRY + 13    # number in the low 20 bits
TRC_HVM_SVM_EXIT = 0x00081003        # exit code
TRC_HVM_VMX_EXIT = 0x00081002        # exit reason in the low 31 bits
TRC_HVM_VMMCALL = 0x00082012         # number
TRC_CLASSES = 0x0002f000 | 0x0020f000 | 0x0008f000
TRC_64_FLAG = 0x100

# Exits for which a guest does nothing: physical interrupts, the guest being
# ready for a virtual one, and the first use of the FPU after another domain had
# the processor.
NATURAL = {("svm", 0x60), ("svm", 0x64), ("svm", 0x47),
           ("vmx", 1), ("vmx", 7), ("vmx", 0),
           ("pv entry", TRC_PV_MATH_STATE_RESTORE - TRC_PV_ENTRY)}
# Those that are hypercalls, which have a record of their own.
HYPERCALLS = {("svm", 0x81), ("vmx", 18)}

SECONDS = 3         # that are traced at least
# What a busy guest may do more often than an idle one: a quarter, and as much
# as this for each message.
FEW = 0.05
MESSAGES = 1000


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
    """What a trace record tells of a guest: ("pv", hypercall), ("pv trap",
    vector), ("pv entry", which other kind: a page fault, an emulation), ("hvm",
    hypercall), (processor, exit); None if nothing."""
    event &= ~TRC_64_FLAG
    if event == TRC_PV_HYPERCALL:
        return "pv", extra[0] & 0xfffff
    if event == TRC_PV_TRAP:
        return "pv trap", extra[-1] & 0x7fff
    if event & ~0xff == TRC_PV_ENTRY:
        return "pv entry", event - TRC_PV_ENTRY
    if event == TRC_HVM_VMMCALL:
        return "hvm", extra[0]
    if event == TRC_HVM_SVM_EXIT:
        return "svm", extra[0]
    if event == TRC_HVM_VMX_EXIT:
        return "vmx", extra[0] & 0x7fffffff
    return None


def records(trace):
    """Each record of a trace: (event, its time, what it has more)."""
    at = cycles = 0
    while at + 4 <= len(trace):
        head, = struct.unpack_from("<I", trace, at)
        at += 4
        if head >> 31:
            cycles, = struct.unpack_from("<Q", trace, at)
            at += 8
        words = head >> 28 & 7
        yield (head & 0xfffffff, cycles,
               struct.unpack_from("<%dI" % words, trace, at))
        at += 4 * words


def entries_to_xen(trace, domid):
    """
    How often a domain entered Xen for each reason of its own: Counter by
    what_the_guest_did().
    """
    running = {}
    cpu = 0
    begin = next(cycles for _, cycles, _ in records(trace) if cycles)
    count = collections.Counter()
    for event, _, extra in records(trace):
        assert (event != TRC_LOST_RECORDS or
                extra[2] | extra[3] << 32 < begin), "Xen lost records"
        if event == TRC_CPU_CHANGE:
            cpu = extra[0]
        elif event == TRC_SCHED_SWITCH:
            running[cpu] = extra[2]
        elif running.get(cpu) == domid:
            count[what_the_guest_did(event, extra)] += 1
    return collections.Counter({what: n for what, n in count.items()
                                if what and what not in
                                NATURAL | HYPERCALLS})


def duration(trace):
    """How many cycles a trace is long."""
    times = [cycles for _, cycles, _ in records(trace) if cycles]
    return max(times) - min(times)


# Counts packets that port 1 sends, all of them within the trace: for some
# seconds, and until there are enough or it has taken too long.
TRACE = """
sent() { cat /sys/class/infiniband/mlx4_0/ports/1/counters/port_xmit_packets; }
rm -f /tmp/trace
xentrace -D -e 0x%x /tmp/trace & trace=$!
until [ -s /tmp/trace ]; do sleep 0.1; done
before=$(sent) n=0
while [ $n -lt %d ] || [ $((after - before)) -lt %d -a $n -lt 20 ]; do
	sleep 1
	after=$(sent) n=$((n + 1))
done
kill $trace
wait $trace
echo sent $((after - before))
"""


def traced(host, domid, packets):
    """What a domain entered Xen for, in how many cycles, and how many packets
    the host's HCA sent meanwhile, at least."""
    out = host.out(TRACE % (TRC_CLASSES, SECONDS, packets), timeout=200)
    trace = base64.b64decode(host.out("base64 -w0 /tmp/trace", timeout=120))
    return (entries_to_xen(trace, domid), duration(trace),
            int(re.search(r"^sent (\d+)$", out, re.M).group(1)))


def test_ping_pongs_make_no_hypercall(guests, dom0):
    """
    A guest that polls enters Xen for its timer tick and for nothing else: its
    doorbells make no hypercall, trap nowhere and are emulated by nobody. So a
    process that only spins is the measure for one that ping-pongs, and what
    that does more is far less than one entry for each message.
    """
    host, node = dom0[0], guests[0]
    domid = int(nodes.domid(host, node))

    spin = node.start("exec timeout 60 sh -c 'while :; do :; done'")
    idle, idle_time, _ = traced(host, domid, 0)
    spin.kill()
    node.run("pkill -f 'while :'", check=False)
    spin.wait()

    # Not perftest: it records a time for each message, in memory that is new
    # to it, and a PV guest's page faults are hypercalls.
    program = "ibv_rc_pingpong -s 2 -n 10000000"
    server = nodes.start_server(guests[1], program)
    client = node.start("exec %s %s" % (program, guests[1].name))
    nodes.wait_moving(host)
    busy, busy_time, sent = traced(host, domid, 2 * MESSAGES)
    for side in guests:
        side.run("pkill -KILL -x ibv_rc_pingpong", check=False)
    for process in (server, client):
        process.wait(timeout=60)

    # It sends a message and acknowledges one in turn.
    messages = sent // 2
    usual = 1.25 * busy_time / idle_time
    more = {way: busy[way] - usual * idle[way] for way in busy
            if busy[way] > usual * idle[way]}
    print("%d messages; spinning: %s; ping-pong: %s" % (
        messages, dict(idle), dict(busy)))
    assert any(way in ("pv", "hvm") for way, _ in idle), \
        "the trace shows no hypercall of the guest at all"
    assert messages >= MESSAGES, messages
    assert sum(more.values()) <= FEW * messages, (messages, more)


# ---- Users that are told of their completions ----

# xen/include/public/xen.h: what no message may cost, and what it may cost once
MEMORY = {1: "mmu_update", 12: "memory_op", 14: "update_va_mapping",
          20: "grant_table_op", 26: "mmuext_op"}
EVENT_CHANNEL_OP = 32
TIMES = 1000

TRACE_UNTIL = """
rm -f /tmp/trace /tmp/enough
xentrace -D -e 0x%x /tmp/trace & trace=$!
until [ -s /tmp/trace ]; do sleep 0.1; done
echo tracing
until [ -e /tmp/enough ]; do sleep 0.1; done
kill $trace
wait $trace
"""


def trace_of(host, node, command):
    """Xen's trace while a command runs on a guest."""
    process = host.start(TRACE_UNTIL % TRC_CLASSES)
    while process.stdout.readline() != "tracing\n":
        assert process.poll() is None
    node.run(command, timeout=200)
    host.run("touch /tmp/enough")
    process.communicate(timeout=60)
    return base64.b64decode(host.out("base64 -w0 /tmp/trace", timeout=120))


def hypercalls(trace, domid, numbers):
    count = entries_to_xen(trace, domid)
    return sum(count[way, number] for way in ("pv", "hvm")
               for number in numbers)


def check_cost(host, node, command, completions):
    """What a command of the guest costs more when it does its work TIMES more
    often, with so many completions each time."""
    domid = int(nodes.domid(host, node))
    found = []
    for count in 100, 100 + TIMES:
        before = requests(host, node)
        trace = trace_of(host, node, command % count)
        found.append((requests(host, node) - before,
                      hypercalls(trace, domid, MEMORY),
                      hypercalls(trace, domid, [EVENT_CHANNEL_OP]),
                      hypercalls(trace, 0, [EVENT_CHANNEL_OP])))
    more = [many - few for few, many in zip(*found)]
    print("%s: %s" % (command, found))
    assert more[0] == 0, found
    assert more[1] <= FEW * TIMES, found
    for events in more[2:]:
        assert events <= (completions + FEW) * TIMES, found


@pytest.fixture
def far(guests, dom0):
    """IPoIB of a dom0 that is not the guest's, and of the guest."""
    with ipoib.interfaces(dom0[1], guests[0]) as found:
        yield found


@pytest.mark.exhaustive
def test_cost_of_a_disk(far, dom0):
    """Each read of a block is one completion of a message received, and one of
    the command sent."""
    server, client = far
    with storage.served("nvme", server, 16):
        with storage.connected("nvme", server, client) as where:
            check_cost(dom0[0], client.node,
                       "dd if=%s of=/dev/null bs=4k count=%%d iflag=direct" %
                       where, 2)


@pytest.mark.exhaustive
def test_cost_of_rping(far, dom0):
    """Each round is two messages sent and two received."""
    server, client = far
    process = nodes.start_server(
        server.node, "timeout 300 rping -s -P -a %s" % server.v4, port=7174,
        listens=nodes.CM)
    try:
        check_cost(dom0[0], client.node,
                   "rping -c -C %%d -S 64 -a %s" % server.v4, 4)
    finally:
        server.node.run("pkill -x rping", check=False)
        process.communicate(timeout=60)
