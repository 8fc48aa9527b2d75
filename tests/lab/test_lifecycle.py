# SPDX-License-Identifier: GPL-2.0-only
"""Processes, modules and domains that come and go, and leave nothing behind.
Each pair of guests is tried while the other is attached, and left alone."""

import pytest

import nodes
from nodes import assert_idle, totals

# More than is moved to set a connection up.
TRAFFIC = 1 << 20       # octets

pytestmark = pytest.mark.usefixtures("guest", "pvh")


def assert_works(guests):
    nodes.run_pair(*guests, "ibv_rc_pingpong -n 100")


def traffic(host, server, client):
    """An endless ib_write_bw to a server from a client on that host; returns
    the two processes, data flowing."""
    far = nodes.start_server(server, "ib_write_bw -F --run_infinitely")
    near = client.start("exec ib_write_bw -F --run_infinitely " + server.name)
    nodes.wait_moving(host, TRAFFIC)
    return far, near


def end(guests, *processes):
    for node in guests:
        node.run("pkill -KILL -x ib_write_bw", check=False)
    for process in processes:
        process.wait(timeout=60)


def attach_again(host, guests):
    nodes.attach(host, guests[1])
    assert_works(guests)


def test_process_exit_gives_everything_back(guests, dom0):
    assert_works(guests)
    for host in dom0:
        assert_idle(host)


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_sigkill_during_traffic(guests, dom0):
    processes = traffic(dom0[1], *guests)
    assert totals(dom0[1])["qps"] > 0
    end(guests, *processes)
    for host in dom0:
        assert_idle(host)
    assert_works(guests)


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_detach_during_traffic_and_attach_again(guests, dom0):
    processes = traffic(dom0[1], *guests)
    dom0[1].run("xenib detach " + guests[1].domain)
    end(guests, *processes)
    assert_idle(dom0[1], devices=1)
    attach_again(dom0[1], guests)


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_forced_detach_of_a_paused_guest(guests, dom0):
    """It comes to itself with its device gone, and processes still using it."""
    host, domain = dom0[1], guests[1].domain
    processes = traffic(dom0[1], *guests)
    host.run("xl pause %s && xenib detach --force --timeout 1 %s; status=$?; "
             "xl unpause %s; exit $status" % (domain, domain, domain))
    end(guests, *processes)
    assert_idle(host, devices=1)
    attach_again(host, guests)


@pytest.fixture
def times(exhaustive):
    """How often modules are reloaded."""
    return 20 if exhaustive else 5


def test_frontend_reloaded_many_times(guests, dom0, times):
    node = guests[1]
    for _ in range(times):
        nodes.reload_frontend(node)
    assert_idle(dom0[1])
    assert_works(guests)


def test_backend_reloaded_many_times(guest, pvh, dom0, times):
    host = dom0[1]
    for _ in range(times):
        host.run("rmmod xen_ibback")
        nodes.load_backend(host)
        for node in guest[1], pvh[1]:
            nodes.wait_active(node)
    assert_idle(host)
    for pair in guest, pvh:
        assert_works(pair)


def test_destroy_during_traffic(guests, dom0):
    """The last of this file: the guests of host2 are new ones afterwards."""
    host, node = dom0[1], guests[1]
    domid = nodes.domid(host, node)
    processes = traffic(dom0[1], *guests)
    host.run("xl destroy " + node.domain)
    end(guests[:1])
    processes[1].kill()
    processes[1].wait()
    processes[0].wait(timeout=60)
    assert_idle(host, timeout=30, devices=1, domains=1)
    assert host.run("xenstore-exists /local/domain/0/backend/vib/" + domid,
                    check=False).returncode != 0
    host.run("rmmod xen_ibback")
    nodes.load_backend(host)
    nodes.run_pair(dom0[0], host, "ibv_rc_pingpong -n 100")
    host.run("xl create /etc/lab/guests/%s.cfg" % node.domain)
    nodes.lab("wait", node.name)
    nodes.load_frontend(node)
    attach_again(host, guests)
