# SPDX-License-Identifier: GPL-2.0-only
"""
A hostile guest: what its frontend tries is in programs/rogue_attacks.py, with
the answer that each request must get. Here is what the rest of the machine
must see of it: everything is given back, dom0 says no more than it should, and
its HCA and the other guest's work.
"""

import os
import re
import sys

import pytest

import ipoib
import nodes
import test_cm
import test_multicast
import test_node

PROGRAMS = os.path.join(nodes.HERE, "programs")
sys.path.insert(0, PROGRAMS)

import rogue_attacks  # noqa: E402  (found by the line above)

# What dom0's log may have after an attack: regular expressions, each of which
# must match a line behind the device's name, while each line must match one.
OVERRUN = ["71 rogue frontend: request ring overrun"]
VERSION = ["71 frontend speaks version 0, backend 1"]
LOGGED = {
    "overrun": OVERRUN,
    "one_too_many": OVERRUN,
    "stale_ring": ["116 request ring is not a new one"],
    "state_ping_pong": VERSION,
    "bad_announcements": VERSION + [
        r"71 frontend speaks version \d+, backend 1",
        r"22 req-ring-page-order is \d+, valid range is 0 - 4",
        r"3 mapping in shared page 1073741823 from domain \d+",
        "2 mapping the request ring",
        "22 reading req-ring-ref1",
        "22 binding event channel 4000",
        "22 reading req-event-channel",
        r"22 evt-page-order is \d+, valid range is 1 - 4",
        "2 mapping the event area",
        "22 reading evt-page-ref7",
        r"\d+ binding event channel 4294967295"],
    "one_page_of_many": [
        r"3 mapping in shared page 1073741823 from domain \d+",
        "2 mapping the request ring", "2 mapping the event area"],
    "mad_overrun": ["71 rogue frontend: MAD area overrun"],
    "used_mad_area": ["116 MAD area is not a new one"],
    "bad_mad_announcements": [
        r"22 mad-page-order is 5, valid range is 1 - 4",
        r"3 mapping in shared page 1073741823 from domain \d+",
        "2 mapping the MAD area",
        "22 reading mad-page-ref7",
        r"\d+ binding event channel 4294967295"],
    "removes_its_directory": ["2 the guest has removed its side; detach it"],
}


class Attacker:
    """A guest with a hostile frontend, and an honest guest beside it."""

    def __init__(self, host, node, other):
        self.host, self.node, self.other = host, node, other
        node.run("modprobe xen-evtchn && insmod %s/xen-ibrogue.ko" %
                 nodes.MODULES)
        nodes.lab("cp", PROGRAMS + "/rogue.py", PROGRAMS + "/rogue_attacks.py",
                  node.name + ":/root/")
        self.attach()

    def attach(self):
        self.host.run("xenib attach %s %s" % (" ".join(
            "--%s %d" % quota for quota in rogue_attacks.QUOTAS.items()),
            self.node.domain))

    def detach(self):
        self.host.run("xenib detach --timeout 20 " + self.node.domain)

    def end(self):
        self.detach()
        self.node.run("rmmod xen_ibrogue")

    def start(self, name):
        return self.node.start("timeout 100 python3 /root/rogue_attacks.py " +
                               name)

    def log(self):
        return [line for line in self.host.out("dmesg").splitlines()
                if " LAB: " not in line and " refused: " not in line]

    def mark(self, word):
        """As nodes.allowed(), but what there may be is looked at here."""
        self.host.run("echo '<2>LAB: %s vib vib-' >/dev/kmsg" % word)


def assert_logged(lines, expected):
    lines = [re.sub(r"^\[[^]]*\] (vib vib-\d+-0: )?", "", line)
             for line in lines]
    for line in lines:
        assert any(re.fullmatch(e, line) for e in expected), lines
    for e in expected:
        assert any(re.fullmatch(e, line) for line in lines), (e, lines)


def attack(a, name, between=None, after=None):
    """One attack; `between` is called with what it says when it waits. Returns
    what else it says."""
    before, begin = nodes.totals(a.host), len(a.log())
    a.mark("allow 1000")
    process = a.start(name)
    if between:
        said = process.stdout.readline()
        try:
            between(said.strip())
        finally:
            a.node.run("touch " + rogue_attacks.GO)
    output = process.communicate(timeout=130)[0]
    if process.returncode:
        # So that the next one begins with nothing
        a.node.run("xenstore-write device/vib/0/state 6", check=False)
    assert process.returncode == 0 and name + ": ok" in output, output
    if after:
        after()
    nodes.wait_totals(a.host, before)
    assert_logged(a.log()[begin:], LOGGED.get(name, []))
    a.mark("forbid")
    for node in a.host, a.other:
        assert "PORT_ACTIVE" in node.out("ibv_devinfo -i 1"), node
    return output


@pytest.fixture(scope="module")
def attacker(request, dom0, guest, pvh):
    """On host2 one guest turns hostile, and an honest one again."""
    node, other = guest[1], pvh[1]
    if request.param == "pvh":
        node, other = other, node
    dom0[1].run("xenib detach " + node.domain)
    node.run("rmmod xen_ibfront")
    a = Attacker(dom0[1], node, other)
    yield a
    a.end()
    nodes.load_frontend(node)
    nodes.attach(dom0[1], node)


# What has a test of its own below, and what a PVH guest tries, too
OWN = {"crowded_group", "removes_its_directory", "handles_of_others",
       "doorbells_of_others_queues", "memberships_of_others",
       "claims_addresses"}
ALSO_PVH = {"overrun", "bad_grants", "quotas", "writes_want_writable_grants",
            "grants_in_use", "changing_requests", "requests_while_closing",
            "doorbells_of_others", "mads_are_answered", "mad_overrun",
            "forged_connections"}


@pytest.mark.parametrize("attacker, name", [
    (kind, name) for kind in ("pv", "pvh") for name in rogue_attacks.ATTACKS
    if name not in OWN and (kind == "pv" or name in ALSO_PVH)],
    indirect=["attacker"], scope="module")
def test_attack(attacker, name):
    attack(attacker, name)


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_multicast_group_has_room_for_others(attacker):
    def join(said):
        assert said == "members: 16"
        test_multicast.run(attacker.host, [attacker.host, attacker.other])
    attack(attacker, "crowded_group", join)


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_other_guests_objects_and_work(attacker):
    """While another works, an attacker looks for its objects, and rings its
    doorbells for whatever there is near its own queues."""
    other = attacker.other
    server = nodes.start_server(other, "timeout 90 ibv_rc_pingpong -n 100000")
    client = other.start("timeout 90 ibv_rc_pingpong -n 100000 " + other.name)
    try:
        nodes.wait_for(lambda: nodes.totals(attacker.host)["qps"],
                       lambda qps: qps >= 2, 15)
        for name in "handles_of_others", "doorbells_of_others_queues":
            attack(attacker, name)
            assert client.poll() is None, client.communicate()[0]
    finally:
        other.run("pkill -x ibv_rc_pingpong")
        for process in server, client:
            process.wait(timeout=60)
    nodes.run_pair(other, other, "ibv_rc_pingpong -n 100")


MADS = ("mad_tx", "mad_rx", "mad_refused", "mad_dropped")


def grown(a, name, *counters):
    """An attack: what it says, and by how much these counters of the guest's
    have grown."""
    def read():
        found = nodes.device(a.host, a.node)["counters"]
        return [found[counter] for counter in counters]
    before = read()
    said = attack(a, name)
    return said, [now - then for now, then in zip(read(), before)]


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_failures_are_counted(attacker):
    """Each request that is refused, and no other."""
    assert grown(attacker, "unknown_operations", "requests", "errors")[1] == \
        [7, 7]
    assert grown(attacker, "full_ring", "requests", "errors")[1] == [32, 0]


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_mads_are_counted(attacker):
    """What is not for guests does not reach the fabric."""
    sent, received, refused, dropped = grown(attacker, "mads_are_answered",
                                             *MADS)[1]
    assert sent and received and not refused and not dropped
    # It ends with one that is allowed, and most of it is not answered
    sent, received, refused, dropped = grown(attacker, "mads_are_refused",
                                             *MADS)[1]
    assert (sent, dropped) == (1, 0) and refused > 10 * received
    assert received == len(rogue_attacks.FORBIDDEN_QUESTIONS) + 5


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_messages_of_the_cm_are_counted(attacker):
    """Each lie is refused, and nothing else is."""
    said, counts = grown(attacker, "forged_connections", *MADS)
    sent, received, refused, dropped = counts
    assert refused == int(re.search(r"refused: (\d+)", said)[1]), counts
    # One question, and what comes back to who has sent it
    assert sent == received and not dropped, counts


# Floods, and what speaks in others' names
LOUD = ("forged_connections", "connection_flood", "mad_flood",
        "mads_are_refused", "mads_in_bad_slots", "memberships")


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_others_connect_meanwhile(attacker):
    """dom0 connects with itself again and again, and another guest listens:
    neither notices anything of what the attacker sends."""
    own, other = (test_cm.End(node) for node in (attacker.host,
                                                 attacker.other))
    words = test_cm.TALK % (1, 1, 100)
    own.node.run("rm -f /root/enough")
    waiting = other.listen(words, timeout=600)
    loop = own.node.start(test_cm.LOOP.format(
        server=own.command(words), client=own.command(words, own)))
    try:
        for name in LOUD:
            attack(attacker, name)
            assert waiting.poll() is None, (name, waiting.stdout.read())
        test_cm.wait_connected([own])
    finally:
        own.node.run("touch /root/enough")
        said, _ = loop.communicate(timeout=200)
        done = own.node.run("timeout 30 " + own.command(words, other),
                            check=False)
        if done.returncode:
            other.node.run("pkill -x ucmatose", check=False)
        output, _ = waiting.communicate(timeout=60)
        for end in own, other:
            end.node.run("rmmod rdma_ucm rdma_cm iw_cm ib_cm")
        own.node.run("rm /root/enough")
    assert said.endswith("LOOP ended\n"), said
    assert not done.returncode, done.stdout
    assert "return status 0" in output, output


@pytest.fixture
def named(attacker):
    """IPoIB interfaces of dom0 and of the guest beside the hostile one, which
    have found each other."""
    with ipoib.interfaces(attacker.host, attacker.other) as pair:
        for interface, peer in zip(pair, reversed(pair)):
            interface.ping(peer.v4, "-c 1")
        yield pair


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_addresses_of_others(attacker, named):
    """Who is called by an address that the attacker says it has is who had it
    before: dom0, and another guest."""
    def call(said):
        assert said == "claimed"
        for server, client in zip(named, reversed(named)):
            test_cm.ask(server, client, server.v4)
    call("claimed")
    attacker.node.run("echo %s >%s" % (" ".join(i.v4 for i in named),
                                       rogue_attacks.CLAIMS))
    attack(attacker, "claims_addresses", call)


@pytest.mark.parametrize("attacker", ["pv"], indirect=True)
def test_groups_of_others(attacker, named):
    """The port stays in dom0's group, whatever the attacker leaves."""
    own, other = named
    process = test_node.receive(own)
    port = {test_node.port_gid(own)}
    test_node.wait_members(own, port)

    def look(said):
        assert said == "left"
        assert test_node.members(own) == port
    attack(attacker, "memberships_of_others", look)
    assert test_node.members(own) == port
    test_node.send(other, process)
    test_node.wait_members(own, set())


@pytest.mark.parametrize("attacker", ["pv", "pvh"], indirect=True)
def test_guest_that_removes_its_directory(attacker):
    """The backend keeps the nodes, so that a detach closes the doorbells; they
    are nobody else's before the guest is gone."""
    host, node = attacker.host, attacker.node
    uars = nodes.totals(host)["uars"]

    def detach(said):
        device = nodes.wait_for(
            lambda: nodes.device(host, node),
            lambda device: device["backend_state"] == "Closed", 15)
        assert device["uars"] and device["error"], device
        attacker.detach()
        assert nodes.totals(host)["uars"] == uars
    attack(attacker, "removes_its_directory", detach, attacker.attach)
