# SPDX-License-Identifier: GPL-2.0-only
"""
Who is in which group of the subnet, where users of one port share what the
subnet manager takes for one member. The groups are those of IPoIB in guests;
what that does otherwise is in test_node.py.
"""

import pytest

import ipoib
import nodes
import test_events
from test_node import members, port_gid, receive, send, wait_members


@pytest.fixture(scope="module")
def users(dom0, guest, pvh):
    """Of one port: dom0, and guests of both kinds."""
    with ipoib.interfaces(dom0[0], guest[0], pvh[0]) as found:
        wait_members(found[0], set())
        yield found


def stop(user, process):
    """End what receive() has started there."""
    user.node.run("pkill -f [I]P_ADD_MEMBERSHIP")
    process.wait(timeout=60)


def test_members(users):
    """A port is in a group as long as one of its users is, who go in turn."""
    port = {port_gid(users[0])}
    processes = [receive(user) for user in users]
    for user, process in zip(users, processes):
        wait_members(users[0], port)
        stop(user, process)
    wait_members(users[0], set())


def test_members_of_another_subnet_manager(users):
    """One that has restarted knows of none, and the guests join again."""
    dom0, *guests = users
    processes = [receive(user) for user in guests]
    wait_members(dom0, {port_gid(dom0)})
    test_events.stop_opensm(dom0.node)
    dom0.node.run("/usr/lib/lab/opensm")
    wait_members(dom0, {port_gid(dom0)})
    send(dom0, *processes)
    wait_members(dom0, set())


def test_members_of_a_port_that_was_unplugged(users):
    """The same."""
    dom0, *guests = users
    processes = [receive(user) for user in guests]
    test_events.set_link(dom0.node, False)
    test_events.set_link(dom0.node, True)
    nodes.wait_active(dom0.node)
    wait_members(dom0, {port_gid(dom0)})
    send(dom0, *processes)
    wait_members(dom0, set())


def test_members_without_the_frontend(users):
    """When it goes so do they, and dom0's stays."""
    dom0, pv, _ = users
    processes = [receive(user) for user in (dom0, pv)]
    wait_members(dom0, {port_gid(dom0)})
    nodes.reload_frontend(pv.node)
    send(dom0, processes[0])
    wait_members(dom0, set())
    stop(pv, processes[1])
    pv.up()


@pytest.mark.exhaustive
def test_members_without_the_backend(users):
    """The same, and dom0 notices nothing."""
    dom0, *guests = users
    processes = [receive(user) for user in users]
    wait_members(dom0, {port_gid(dom0)})
    dom0.node.run("rmmod xen_ibback")
    assert members(dom0) == {port_gid(dom0)}
    send(dom0, processes.pop(0))
    wait_members(dom0, set())
    nodes.load_backend(dom0.node)
    for user, process in zip(guests, processes):
        stop(user, process)
        nodes.wait_active(user.node, 60)
        user.up()


@pytest.mark.exhaustive
def test_members_that_die(users):
    """A guest that is destroyed leaves its groups."""
    dom0, _, pvh = users
    host = dom0.node
    process = receive(pvh)
    wait_members(dom0, {port_gid(dom0)})
    host.run("xl destroy " + pvh.node.domain)
    wait_members(dom0, set(), timeout=10)
    process.kill()
    process.wait(timeout=60)
    host.run("xl create /etc/lab/guests/%s.cfg" % pvh.node.domain)
    nodes.lab("wait", pvh.node.name)
    nodes.load_frontend(pvh.node)
    nodes.attach(host, pvh.node)
    pvh.up()
