# SPDX-License-Identifier: GPL-2.0-only
"""What root sees, in dom0 and in a guest, of verbs, events and states: traces
and debugfs of both modules. docs/observing.md tells how to use them."""

import collections
import contextlib
import re

import pytest

import nodes
import test_lifecycle

BACK, FRONT = "xen-ibback", "xen-ibfront"

Event = collections.namedtuple("Event", "name what fields")


def parse_trace(text):
    """The events of a trace. What stands there without a name is `what`."""
    kept, written = re.search(r"entries-written: (\d+)/(\d+)", text).groups()
    assert kept == written, "events were lost"
    events = []
    for name, line in re.findall(r": (vib_\w+): (.*)$", text, re.MULTILINE):
        words = [word.partition("=") for word in line.split()]
        events.append(Event(name, "".join(w for w, _, v in words if not v),
                            {w: v for w, _, v in words if v}))
    return events


@contextlib.contextmanager
def traced(node, module):
    """Trace a module; in the end the list that this yields has the events."""
    events = []
    enable = "events/%s/enable" % module.replace("-", "_")
    node.run("cd /sys/kernel/tracing && echo >trace && echo 1 >" + enable)
    try:
        yield events
    finally:
        text = node.out("cd /sys/kernel/tracing && echo 0 >%s && cat trace" %
                        enable)
    events += parse_trace(text)


def of_domain(events, domain):
    return [e for e in events if e.fields["domid"] == domain]


def by_id(events):
    """Requests and responses, in order, of each id."""
    found = collections.defaultdict(list)
    for e in events:
        if e.name in ("vib_request", "vib_response"):
            fields = {k: v for k, v in e.fields.items() if k != "domid"}
            found[fields.pop("id")].append((e.name, e.what, fields))
    return found


def numbers_of(events, operation):
    """Of the objects that were created: handle -> number."""
    return {e.fields["handle"]: e.fields["number"] for e in events
            if e.name == "vib_response" and e.what == operation and
            e.fields["status"] == "0"}


def events_of(events):
    """Of each object's handle, the bits of all its events."""
    bits = collections.defaultdict(int)
    for e in events:
        if e.name == "vib_event":
            bits[e.fields["handle"]] |= int(e.fields["bits"], 16)
    return bits


def test_trace_of_verbs_and_events(guests, dom0):
    """Both sides see the same requests and responses, each request with one
    response, the numbers that processes see, and what these waited for."""
    host, node = dom0[0], guests[0]
    with traced(host, BACK) as back, traced(node, FRONT) as front:
        out = nodes.run_pair(node, node, "ibv_rc_pingpong -e -n 100")
    back = of_domain(back, nodes.domid(host, node))
    assert front and of_domain(front, "0") == front

    requests = by_id(front)
    assert requests == by_id(back)
    for id, seen in requests.items():
        assert [name for name, _, _ in seen] == \
            ["vib_request", "vib_response"] * (len(seen) // 2), (id, seen)
        assert [what for _, what, _ in seen[::2]] == \
            [what for _, what, _ in seen[1::2]], (id, seen)

    qpn = re.search(r"local address: .*QPN 0x0*(\w+)", out).group(1)
    assert "0x" + qpn in numbers_of(back, "CREATE_QP").values()

    cqs = numbers_of(back, "CREATE_CQ")
    taken, told = events_of(front), events_of(back)
    assert sum(1 for cq in cqs if taken[cq] == 1) >= 2, (cqs, taken)
    for handle, bits in taken.items():
        assert bits & ~told[handle] == 0, (handle, taken, told)


def states(events, name):
    return [e.what for e in events if e.name == name]


def test_trace_of_states(guest, dom0):
    """The walks of both sides while the guest loses its device and gets it."""
    host, node = dom0[0], guest[0]
    with traced(host, BACK) as back, traced(node, FRONT) as front:
        host.run("xenib detach " + node.domain)
        nodes.attach(host, node)
    back = of_domain(back, nodes.domid(host, node))
    assert states(back, "vib_state") == [
        "Closing", "Closed", "InitWait", "Connected"]
    assert states(front, "vib_state") == ["Closed", "Initialised", "Connected"]
    assert "Closed" in states(back, "vib_otherend_state")
    assert "InitWait" in states(front, "vib_otherend_state")


def directory(module, device):
    return "/sys/kernel/debug/%s/%s" % (module, device)


def in_dom0(host, node):
    return directory(BACK, "vib-%s-0" % nodes.domid(host, node))


IN_GUEST = directory(FRONT, "vib-0")


def table(node, path):
    """The lines below the head, each: title -> word; what follows the last
    title belongs to it."""
    head, *lines = node.out("cat " + path).splitlines()
    titles = head.split()
    rows = [line.split(maxsplit=len(titles) - 1) for line in lines]
    return [dict(zip(titles, row)) for row in rows]


def test_who_has_a_number(guests, pvh, dom0):
    """A QPN leads to the guest that has it, and to all that it uses."""
    host, node = dom0[0], guests[0]
    # What the guest's kernel has
    before = table(host, in_dom0(host, node) + "/objects")
    server = node.start("exec stdbuf -oL ibv_rc_pingpong")
    try:
        line = server.stdout.readline()
        qpn = re.search(r"QPN 0x0*(\w+)", line).group(1)
        found = host.out("grep -rw 0x%s /sys/kernel/debug/%s" % (qpn, BACK))
        (path, row), = [line.split(":", 1) for line in found.splitlines()
                        if ":QP " in line]
        assert path == in_dom0(host, node) + "/objects"
        objects = [row for row in table(host, path) if row not in before]
        shown = host.out("xenib show --qps " + node.domain)
    finally:
        node.run("pkill -x ibv_rc_pingpong")
        server.wait(timeout=60)
    kinds = {row["handle"]: row["kind"] for row in objects}
    qp, = [row for row in objects if row["kind"] == "QP"]
    uses = [use.split(":") for use in qp["uses"].split()]
    assert [kind for kind, _ in uses] == ["context", "PD", "CQ", "CQ"]
    assert (qp["type"], qp["state"]) == ("RC", "INIT")
    assert re.search(r"^ +QP %d +RC +INIT +uses context:" % int(qpn, 16), shown,
                     re.M)
    assert all(kinds[handle] == kind for kind, handle in uses)
    assert sorted(kinds.values()) == ["CQ", "MR", "PD", "QP", "context"]
    nodes.assert_idle(host)
    assert table(host, path) == before


MAKE_CQS = """
from pyverbs.cq import CQ
from pyverbs.device import Context, get_device_list
context = Context(name=get_device_list()[0].name.decode())
print("working", flush=True)
while True:
    CQ(context, 10).close()
"""

# Until there is a request like that in flight for some time
SEEN = "timeout 60 sh -c 'until grep -E \"%s\" %s/requests; do :; done'"


def test_requests_in_flight(guest, dom0):
    """While the HCA takes 10 ms to make a CQ, both sides show the request."""
    host, node = dom0[0], guest[0]
    nodes.set_hca(host, "early-cq-event", True)
    maker = node.start("exec python3 -c '%s'" % MAKE_CQS)
    try:
        assert maker.stdout.readline() == "working\n"
        seen = [n.start(SEEN % (r"CREATE_CQ .* ([5-9]|[0-9]+[0-9])$", path))
                for n, path in ((host, in_dom0(host, node)), (node, IN_GUEST))]
        outputs = [process.communicate(timeout=90)[0] for process in seen]
        assert "executing" in outputs[0] and outputs[1], outputs
    finally:
        nodes.set_hca(host, "early-cq-event", False)
        node.run("pkill -x python3")
        maker.wait(timeout=60)
    nodes.assert_idle(host)
    for n, path in (host, in_dom0(host, node)), (node, IN_GUEST):
        assert table(n, path + "/requests") == []
    rings = [{row["name"]: row["value"] for row in table(n, path + "/io_ring")}
             for n, path in ((host, in_dom0(host, node)), (node, IN_GUEST))]
    assert rings[0]["req_prod"] == rings[0]["req_cons"] == \
        rings[0]["rsp_prod"] == rings[1]["req_prod"] == rings[1]["rsp_cons"]
    assert int(rings[0]["req_prod"]) > 0
    assert rings[1]["free"] == rings[1]["slots"]


READ = """
while [ ! -e /run/stop-reading ]; do
	cat /sys/kernel/debug/%s/*/* 2>/dev/null
	sleep 0.02
done | wc -l
"""


@pytest.mark.exhaustive
def test_reading_at_any_moment(guest, dom0, exhaustive):
    """While devices come and go, and processes work and lose them."""
    host, node = dom0[1], guest[1]
    readers = [n.start(READ % module)
               for n, module in ((host, BACK), (node, FRONT))]
    try:
        for _ in range(3 if exhaustive else 1):
            processes = test_lifecycle.traffic(host, *guest)
            host.run("xenib detach " + node.domain)
            test_lifecycle.end(guest, *processes)
            nodes.attach(host, node)
            nodes.run_pair(*guest, "ibv_rc_pingpong -n 100")
    finally:
        for n in host, node:
            n.run("touch /run/stop-reading")
        lines = [int(r.communicate(timeout=60)[0]) for r in readers]
        for n in host, node:
            n.run("rm /run/stop-reading")
    assert min(lines) > 100, lines
    nodes.assert_idle(host)
