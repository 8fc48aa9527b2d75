# SPDX-License-Identifier: GPL-2.0-only
"""
Management datagrams of guests: the stock programs of infiniband-diags ask what
they may ask, with the answers that dom0 gets, and are told at once what they
may not.
"""

import contextlib
import time

import pytest

import nodes

# A LID that nobody has: whoever asks there waits
NOBODY = 0xbff0


def counters(host, guest):
    """What the backend has counted of a guest's MADs."""
    return {name: value
            for name, value in nodes.device(host, guest)["counters"].items()
            if name.startswith("mad_")}


@pytest.fixture(scope="module")
def umad(dom0, guest, pvh):
    """A PV guest and a PVH guest of one host that have umad."""
    pair = guest[0], pvh[0]
    for node in (*dom0, *pair):
        node.run("modprobe ib_umad")
    return pair


@contextlib.contextmanager
def asking(node):
    """Questions from a guest all the time, and some without an answer."""
    process = node.start("for i in 1 2 3; do timeout 60 ibping -L %d & done; "
                         "while saquery NR; do :; done; wait" % NOBODY)
    time.sleep(1)
    try:
        yield
    finally:
        node.run("killall ibping", check=False)
        process.communicate(timeout=60)


def test_ibstat(umad):
    for node in umad:
        assert "State: Active" in node.out("ibstat")


def test_saquery(dom0, umad):
    """The subnet's nodes, links and paths, of which there are so many that the
    answer takes many segments."""
    for what in "NR", "PIR", "LR", "PR":
        expected = sorted(dom0[0].out("saquery " + what).splitlines())
        assert len(expected) > 4, expected
        for node in umad:
            assert sorted(node.out("saquery " + what).splitlines()) == \
                expected, what


def test_perfquery(dom0, umad):
    """Counters of the guest's own port, which is the HCA's, and of others'."""
    for node in umad:
        for of in "", *("%d 1" % nodes.lid(host) for host in dom0):
            assert "PortXmitData" in node.out("perfquery " + of)


def test_ibping(dom0, umad):
    server = dom0[1].start("exec timeout 100 ibping -S")
    try:
        for node in umad:
            output = node.out("ibping -c 5 -L %d" % nodes.lid(dom0[1]))
            assert " 0% packet loss" in output, output
    finally:
        dom0[1].run("killall ibping")
        server.wait(timeout=60)


def told_that_there_is_no_such(node, program):
    """It fails, and not because nobody has answered."""
    done = node.run(program, check=False)
    assert done.returncode
    assert "completed with error status 0xc" in done.stdout, done.stdout


def test_refused(dom0, umad):
    """What would change something is not sent, and fails without waiting."""
    for node in umad:
        before = counters(dom0[0], node)
        told_that_there_is_no_such(
            node, "perfquery -e -R %d 1" % nodes.lid(dom0[0]))
        after = counters(dom0[0], node)
        assert after["mad_refused"] == before["mad_refused"] + 1
        assert after["mad_dropped"] == before["mad_dropped"]


def test_no_subnet_management(dom0, umad):
    """What needs QP 0 fails without waiting, and nothing of it is sent."""
    for node in umad:
        before = counters(dom0[0], node)
        for program in ("smpquery -e nodeinfo %d" % nodes.lid(dom0[0]),
                        "smpquery -e -D nodeinfo 0", "sminfo -e"):
            told_that_there_is_no_such(node, program)
        assert counters(dom0[0], node) == before


def test_partitions(dom0, umad):
    """A guest whose only P_Key the port has not: it reaches the subnet manager,
    and nobody else."""
    host, node = dom0[0], umad[0]
    host.run("xenib detach " + node.domain)
    host.run("xenib attach --wait --pkeys 0x8123 " + node.domain)
    nodes.wait_active(node)
    try:
        assert sorted(node.out("saquery NR").splitlines()) == sorted(
            host.out("saquery NR").splitlines())
        assert not counters(host, node)["mad_dropped"]
        assert node.run("perfquery -t 100 %d 1" % nodes.lid(host),
                        check=False).returncode
        # One that was sent would have been answered. What the guest sends by
        # itself, to the SA a second after an event of a port, is.
        assert counters(host, node)["mad_dropped"] > 0
    finally:
        host.run("xenib detach " + node.domain)
        nodes.attach(host, node)


def test_detach_under_load(dom0, umad):
    """Neither end waits for questions that have no answer."""
    host = dom0[0]
    for node in umad:
        with asking(node):
            host.run("xenib detach --timeout 20 " + node.domain)
        nodes.attach(host, node)
        assert "PortXmitData" in node.out("perfquery")
    nodes.assert_idle(host)


def test_reload_under_load(dom0, umad):
    """Of the frontend in each guest, then of the backend for both."""
    host = dom0[0]
    for node in umad:
        with asking(node):
            nodes.reload_frontend(node)
        assert "PortXmitData" in node.out("perfquery")
    with asking(umad[0]), asking(umad[1]):
        host.run("rmmod xen_ibback")
    nodes.load_backend(host)
    for node in umad:
        nodes.wait_active(node)
        assert "PortXmitData" in node.out("perfquery")
    nodes.assert_idle(host)
