# SPDX-License-Identifier: GPL-2.0-only
"""Processes, modules and domains that come and go, and leave nothing behind."""

import json
import time

import nodes

# What an attached device holds without any process: its slab of UARs, and the
# grants of its ring and event area.
ATTACHED = {"devices", "uars", "grants"}
# What a detached one leaves until its domain is gone: the guest may still have
# the UARs mapped.
DETACHED = {"uars"}


def totals(host):
    """The backend's counters over all guests: name -> number."""
    return json.loads(host.out("xenib list --json"))["totals"]


def assert_idle(host, timeout=15, but=ATTACHED):
    """Every object, page and grant is given back, soon."""
    deadline = time.monotonic() + timeout
    while True:
        held = {k: v for k, v in totals(host).items() if v and k not in but}
        if not held:
            return
        assert time.monotonic() < deadline, "%s still holds %s" % (host, held)
        time.sleep(0.2)


def assert_works(guest):
    nodes.run_pair(*guest, "ibv_rc_pingpong -n 100")


def traffic(server, client):
    """An endless ib_write_bw; returns the two processes, data flowing."""
    far = nodes.start_server(server, "ib_write_bw -F --run_infinitely")
    near = client.start("exec ib_write_bw -F --run_infinitely " + server.name)
    client.run("for i in $(seq 100); do rdma res show mr | grep -q ib_write_bw "
               "&& break; sleep 0.1; done; sleep 2; pgrep -x ib_write_bw")
    return far, near


def end(guest, *processes):
    for node in guest:
        node.run("pkill -KILL -x ib_write_bw", check=False)
    for process in processes:
        process.wait(timeout=60)


def test_process_exit_gives_everything_back(guest, dom0):
    assert_works(guest)
    for host in dom0:
        assert_idle(host)


def test_sigkill_during_traffic(guest, dom0):
    processes = traffic(*guest)
    assert totals(dom0[1])["qps"] > 0
    end(guest, *processes)
    for host in dom0:
        assert_idle(host)
    assert_works(guest)


def test_detach_during_traffic_and_attach_again(guest, dom0):
    processes = traffic(*guest)
    dom0[1].run("xenib detach guest1")
    end(guest, *processes)
    assert_idle(dom0[1], but=DETACHED)
    dom0[1].run("xenib attach --wait --timeout 120 guest1")
    nodes.wait_active(guest[1])
    assert_works(guest)


def test_frontend_reloaded_twenty_times(guest, dom0):
    node = guest[1]
    for _ in range(20):
        node.run("rmmod xen_ibfront && insmod %s/xen-ibfront.ko" % nodes.MODULES)
        nodes.wait_active(node)
    assert_idle(dom0[1])
    assert_works(guest)


def test_backend_reloaded_twenty_times(guest, dom0):
    host = dom0[1]
    for _ in range(20):
        host.run("rmmod xen_ibback && insmod %s/xen-ibback.ko" % nodes.MODULES)
        nodes.wait_active(guest[1])
    assert_idle(host)
    assert_works(guest)


def test_destroy_during_traffic(guest, dom0):
    """The last of this file: the guest of host2 is a new one afterwards."""
    host, node = dom0[1], guest[1]
    processes = traffic(*guest)
    host.run("xl destroy guest1")
    end(guest[:1])
    processes[1].kill()
    processes[1].wait()
    processes[0].wait(timeout=60)
    assert_idle(host, timeout=30, but=())
    assert host.run("xenstore-exists /local/domain/0/backend/vib",
                    check=False).returncode != 0 or \
        host.out("xenstore-ls /local/domain/0/backend/vib") == ""
    host.run("rmmod xen_ibback && insmod %s/xen-ibback.ko" % nodes.MODULES)
    nodes.run_pair(dom0[0], host, "ibv_rc_pingpong -n 100")
    host.run("xl create /etc/lab/guests/guest1.cfg")
    nodes.lab("wait", node.name)
    nodes.attach(host, node)
    assert_works(guest)
