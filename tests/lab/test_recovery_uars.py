# SPDX-License-Identifier: GPL-2.0-only
"""Whose the doorbell pages are when an HCA, or its driver, has gone and come
back. On host2 only: OpenSM runs on host1."""

import contextlib
import re

import pytest

import nodes

pytestmark = pytest.mark.breaks_hcas


def uars(host, node):
    """The indices of a guest's doorbell pages."""
    return {uar["index"] for uar in nodes.device(host, node)["uars"]}


def restart_hca(host):
    """A fatal error, and the reset that follows."""
    name = host.out("ls /sys/class/infiniband")
    before = host.out("stat -c %%i /sys/class/infiniband/%s/" % name)
    with nodes.allowed(host, nodes.HCA_FATAL):
        nodes.set_hca(host, "catastrophe", True)
        host.run("for i in $(seq 300); do now=$(stat -c %%i "
                 "/sys/class/infiniband/*/ 2>/dev/null); [ -n \"$now\" ] && "
                 "[ \"$now\" != %s ] && exit 0; sleep 0.2; done; exit 1" %
                 before)
    nodes.wait_active(host, timeout=60)


def test_driver_reload_gives_the_devices_back(guest, pvh, dom0):
    """mlx4_ib alone: mlx4_core has kept the pages reserved all the time."""
    host = dom0[1]
    before = [uars(host, node) for node in (guest[1], pvh[1])]
    with nodes.allowed(host, nodes.HCA_REMOVED, 2):
        host.run("rmmod mlx4_ib && modprobe mlx4_ib")
    for node in host, guest[1], pvh[1]:
        nodes.wait_active(node, timeout=60)
    assert [uars(host, node) for node in (guest[1], pvh[1])] == before
    for pair in guest, pvh:
        nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    nodes.assert_idle(host)


def test_quarantine_outlives_a_restart(guest, pvh, dom0):
    """Nobody else has what a guest without its device may still have mapped."""
    host, node = dom0[1], guest[1]
    his = uars(host, node)
    host.run("xenib detach " + node.domain)
    with nodes.allowed(host, nodes.HCA_REMOVED):
        restart_hca(host)
    nodes.wait_active(pvh[1], timeout=60)
    host.run("xenib detach %s && xenib attach --wait %s" % (
        pvh[1].domain, pvh[1].domain))
    assert not uars(host, pvh[1]) & his
    nodes.attach(host, node)
    assert uars(host, node) == his
    nodes.assert_idle(host)


def test_the_hca_comes_without_the_pages(guest, pvh, dom0):
    """
    To a backend that waits for it. Here the HCA never restarted, and xenstore
    says that it has: so the guest's pages are reserved, and seem to be somebody
    else's. That guest gets nothing but by a detach, which needs no force.
    """
    host, node = dom0[1], guest[1]
    before = uars(host, node)
    host.run("rmmod xen_ibback && rmmod mlx4_ib && "
             "xenstore-write backend/vib/%s/0/hca-instance 1" %
             nodes.domid(host, node))
    with nodes.allowed(host, "no usable HCA", 2):
        nodes.load_backend(host)
    with contextlib.ExitStack() as stack:
        stack.enter_context(nodes.allowed(
            host, "another user has 32 of its doorbell pages"))
        stack.enter_context(nodes.allowed(host, "went to another user", 32))
        host.run("modprobe mlx4_ib")
        nodes.wait_active(host, timeout=60)
    nodes.wait_active(pvh[1], timeout=60)
    assert nodes.device(host, node)["backend_state"] == "Closed"
    host.run("xenib detach " + node.domain)
    nodes.attach(host, node)
    assert not uars(host, node) & before
    for pair in guest, pvh:
        nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    nodes.assert_idle(host)


@pytest.fixture
def greedy(dom0):
    """A process of dom0 that has opened its HCA as often as that goes."""
    host = dom0[1]
    nodes.install_program("open_all", host)
    processes = []

    def start():
        process = host.start("exec /root/open_all")
        processes.append(process)
        assert int(process.stdout.readline()) > 500

    yield start
    host.run("pkill -x open_all", check=False)
    for process in processes:
        process.wait(timeout=60)


def test_pages_that_somebody_else_got_first(guest, pvh, dom0, greedy):
    """
    The backend is not there while the HCA restarts, and a process of dom0 opens
    it a thousand times: its pages are those of the guests. The guests get
    nothing, and the kernel log says which domain can harm whom.
    """
    host = dom0[1]
    host.run("rmmod xen_ibback")
    restart_hca(host)
    greedy()
    lost = "doorbell page %d went to another user .* domain %s,"
    taken = [(uar, nodes.domid(host, node))
             for node in (guest[1], pvh[1]) for uar in uars(host, node)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(nodes.allowed(
            host, "another user has 32 of its doorbell pages", 2))
        stack.enter_context(nodes.allowed(
            host, "went to another user", len(taken)))
        nodes.load_backend(host)
    log = host.out("dmesg")
    for page in taken:
        assert re.search(lost % page, log), page
    for node in guest[1], pvh[1]:
        device = nodes.device(host, node)
        assert "another user has 32 of its doorbell pages" in device["error"]
        assert device["backend_state"] not in ("Connected", "InitWait")


def test_and_gets_new_ones(guest, pvh, dom0):
    """After that process has gone, and a detach."""
    host = dom0[1]
    for node in guest[1], pvh[1]:
        host.run("xenib detach " + node.domain)
        nodes.attach(host, node)
    for pair in guest, pvh:
        nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    nodes.assert_idle(host)
