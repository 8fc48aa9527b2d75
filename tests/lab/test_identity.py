# SPDX-License-Identifier: GPL-2.0-only
"""Who a guest is: GIDs of its own, from the subnet manager, and P_Keys."""

import contextlib
import re

import pytest

import nodes

OWN = "--guid 1=auto --node-guid auto "
NO_GUID = "0000:0000:0000:0000"


def attach(host, guest, options):
    host.run("xenib attach --wait --timeout 120 %s %s" % (
        options, guest.domain))
    nodes.wait_active(guest)


def port(host, guest, number=1):
    """What `xenib list` says of a port."""
    return nodes.device(host, guest)["ports"][number - 1]


def gid(node, number=1):
    """As sysfs has it, in full."""
    return node.out("cat /sys/class/infiniband/*/ports/%d/gids/0" % number)


def guid(address):
    return address[-19:]


def wait_state(host, guest, state, timeout=30):
    nodes.wait_for(lambda: port(host, guest),
                   lambda said: said["gid_state"] == state, timeout)


@contextlib.contextmanager
def attached_as(host, guests, options):
    """For a while, guests are attached with these options."""
    for guest in guests:
        host.run("xenib detach " + guest.domain)
    try:
        for guest in guests:
            attach(host, guest, options)
        yield
    finally:
        for guest in guests:
            host.run("xenib detach " + guest.domain)
            nodes.attach(host, guest)


@pytest.fixture(scope="module")
def own(dom0, guest, pvh):
    """A PV and a PVH guest of one host, with GIDs of their own."""
    with attached_as(dom0[0], (guest[0], pvh[0]), OWN):
        for node in guest[0], pvh[0]:
            wait_state(dom0[0], node, "alias")
        yield guest[0], pvh[0]


def known_guids(host):
    """All GUIDs that the subnet manager has for the host's port 1."""
    text = host.out("saquery GIR %d/0" % nodes.lid(host))
    found = re.findall(r"0x([0-9a-f]{16})", text)
    return {":".join(re.findall("....", number)) for number in found}


def test_each_has_a_gid_of_its_own(dom0, own):
    host = dom0[0]
    gids = {gid(node) for node in (host, *own)}
    assert len(gids) == 3
    for node in own:
        said = port(host, node)
        assert said["gid"] == gid(node)
        assert said["guid"] == guid(gid(node))
        # Locally administered
        assert int(said["guid"][:2], 16) & 3 == 2
        assert guid(gid(node)) in known_guids(host)
        assert node.out("cat /sys/class/infiniband/*/node_guid") == \
            nodes.device(host, node)["node_guid"]


def test_others_are_not_seen(own):
    for node in own:
        found = set(node.out(
            "cat /sys/class/infiniband/*/ports/1/gids/* 2>/dev/null;"
            "true").split())
        assert {guid(address) for address in found} <= {
            guid(gid(node)), NO_GUID}


def test_it_stays_the_same(dom0, own):
    before = gid(own[0])
    dom0[0].run("xenib detach " + own[0].domain)
    nodes.wait_for(lambda: known_guids(dom0[0]),
                   lambda known: guid(before) not in known)
    attach(dom0[0], own[0], OWN)
    wait_state(dom0[0], own[0], "alias")
    assert gid(own[0]) == before


@pytest.mark.parametrize("command", [
    "ibv_rc_pingpong -g 0 -n 100", "ibv_uc_pingpong -g 0 -n 100",
    "ibv_ud_pingpong -g 0 -n 100", "ib_send_lat -x 0 -n 100 -F",
])
def test_traffic(dom0, own, command):
    nodes.run_pair(*own, command)
    nodes.run_pair(dom0[0], own[0], command)


def test_no_datagram_has_another_source(own):
    nodes.run_at_once("gid_check", *own)


def test_reloaded_backend_finds_it(dom0, own):
    host = dom0[0]
    before = [gid(node) for node in own]
    host.run("rmmod xen_ibback")
    nodes.load_backend(host)
    for node, address in zip(own, before):
        nodes.wait_active(node)
        wait_state(host, node, "alias")
        assert gid(node) == address


def test_asked_for_twice(dom0, guest, pvh):
    """The subnet manager chooses for the second."""
    wanted = "0200:0000:0000:abcd"
    host = dom0[0]
    with attached_as(host, (guest[0], pvh[0]), "--guid 1=" + wanted):
        wait_state(host, guest[0], "alias")
        wait_state(host, pvh[0], "assigned")
        assert guid(gid(guest[0])) == wanted
        assert guid(gid(pvh[0])) not in (wanted, guid(gid(host)))
        nodes.run_pair(guest[0], pvh[0], "ibv_rc_pingpong -g 0 -n 100")


def sweep(host):
    """Have OpenSM read what ports are like."""
    host.run("killall -HUP opensm; sleep 5")


def test_subnet_manager_that_gives_none(dom0, guest):
    host = dom0[0]
    nodes.set_hca(host, "guid-cap", 1)
    try:
        sweep(host)
        # Not the GUID that it has had: the subnet manager keeps that.
        with attached_as(host, guest[:1], "--guid 1=0200:0000:0000:beef"):
            wait_state(host, guest[0], "refused")
            assert gid(guest[0]) == gid(host)
            nodes.run_pair(host, guest[0], "ibv_rc_pingpong -g 0 -n 100")
    finally:
        nodes.set_hca(host, "guid-cap", 128)
        sweep(host)


def test_table_that_was_lost(dom0, guest):
    """OpenSM believes that the HCA has what never reached it, and sets only
    what changes: so it is after an HCA's restart that it did not notice."""
    manager, host = dom0
    wanted = "0200:0000:0000:1057"
    failures = "grep -c 'completed in error.*SubnSet(GUIDInfo)' " \
        "/var/log/opensm-port1.log; true"
    before = int(manager.out(failures))
    host.run("xenib detach " + guest[1].domain)
    try:
        with nodes.losing([manager], 1, "81:14"):
            host.run("xenib attach --guid 1=%s %s" % (wanted, guest[1].domain))
            nodes.wait_for(lambda: int(manager.out(failures)),
                           lambda found: found > before)
            assert wanted in known_guids(host)
            assert port(host, guest[1])["gid_state"] == "pending"
        wait_state(host, guest[1], "alias")
        nodes.wait_active(guest[1])
        assert guid(gid(guest[1])) == wanted
        nodes.run_pair(manager, guest[1], "ibv_rc_pingpong -g 0 -n 100")
    finally:
        host.run("xenib detach " + guest[1].domain)
        nodes.attach(host, guest[1])


def test_pkeys(dom0, guest):
    """Those of the list, in its order; 0x8001 nobody has."""
    host = dom0[0]
    with attached_as(host, guest[:1], "--pkeys 0x8001,0xffff"):
        assert port(host, guest[0])["pkeys"] == "0x8001,0xffff"
        keys = guest[0].out("cat /sys/class/infiniband/*/ports/1/pkeys/*")
        assert keys.split() == ["0x0000", "0xffff"]
        for index, works in (0, False), (1, True):
            server = nodes.start_server(host,
                                        "timeout 60 ib_send_lat -n 100 -F")
            client = guest[0].run(
                "timeout 60 ib_send_lat --pkey_index %d -n 100 -F %s" % (
                    index, host), check=False)
            rest, _ = server.communicate(timeout=90)
            assert (client.returncode == 0) == works, (client.stdout, rest)
