# SPDX-License-Identifier: GPL-2.0-only
"""The HCA breaks, and is reset by its driver."""

import contextlib

import pytest

import nodes
import test_cm
import test_identity
import test_recovery_uars

pytestmark = pytest.mark.breaks_hcas

FATAL = "local catastrophic error, port 0"     # as ibv_event_type_str() has it
# What udev makes of the HCA's name, after it has been registered
RENAMED = "ibp0s4"


def hca_name(machine):
    return machine.out("ls /sys/class/infiniband")


@pytest.fixture
def renamed(dom0, guest, pvh):
    """The HCA of host2 had been renamed when its guests were attached."""
    host = dom0[1]
    for node in guest[1], pvh[1]:
        host.run("xenib detach " + node.domain)
    host.run("rdma dev set %s name %s" % (hca_name(host), RENAMED))
    for node in guest[1], pvh[1]:
        nodes.attach(host, node)
    assert hca_name(host) == RENAMED


@pytest.mark.usefixtures("renamed")
def test_hca_fails_and_comes_back(native, dom0, guest, pvh):
    """Processes are told and can clean up; devices are there again, although
    the HCA that comes back has the name that mlx4 gives it."""
    machines = native[1], dom0[1]
    watches = [nodes.Watch(node) for node in (native[1], guest[1], pvh[1])]
    with contextlib.ExitStack() as stack:
        for machine in machines:
            stack.enter_context(nodes.allowed(machine, nodes.HCA_FATAL))
        stack.enter_context(nodes.allowed(dom0[1], nodes.HCA_REMOVED, 2))
        for machine in machines:
            nodes.set_hca(machine, "catastrophe", True)
        for watch in watches:
            told = {FATAL: 1, "0 failures": 1}
            assert watch.take(set(told), timeout=60) == told, watch.node
        for node in native[1], dom0[1], guest[1], pvh[1]:
            nodes.wait_active(node, timeout=60)
    assert hca_name(dom0[1]) != RENAMED
    for pair in native, guest, pvh:
        nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    nodes.assert_idle(dom0[1])


def test_port_comes_up_unnoticed(dom0, guest, pvh):
    """As it does while mlx4 does not listen to the HCA yet. Guests get GIDs of
    their own nevertheless, and the subnet manager answers them."""
    host = dom0[1]
    nodes.set_hca(host, "mute-ports", True)
    try:
        with nodes.allowed(host, nodes.HCA_REMOVED, 2):
            test_recovery_uars.restart_hca(host)
        for node in guest[1], pvh[1]:
            nodes.wait_active(node, timeout=60)
            test_identity.wait_state(host, node, "alias")
    finally:
        nodes.set_hca(host, "mute-ports", False)
    ends = [test_cm.End(node) for node in (pvh[1], guest[1])]
    test_cm.talk(*ends, test_cm.TALK % (1, 1, 100))
    for end in ends:
        end.node.run("rmmod rdma_ucm rdma_cm iw_cm ib_cm")


@pytest.mark.exhaustive
def test_hca_goes_while_guests_connect(dom0, guest, pvh):
    """With it goes what the backend has put before its driver, and messages of
    the CM are on the way: once the driver is reloaded, once the HCA breaks."""
    host, words = dom0[1], test_cm.TALK % (1, 1, 100)
    # The test before may have left them the port's GID, until the subnet
    # manager answers again.
    for node in pvh[1], guest[1]:
        test_identity.wait_state(host, node, "alias", 100)
    ends = server, client = [test_cm.End(node) for node in (pvh[1], guest[1])]
    processes = [
        server.node.start(test_cm.AGAIN % server.command(words)),
        client.node.start(test_cm.AGAIN % client.command(words, server))]
    try:
        test_cm.wait_connected(ends)
        with nodes.allowed(host, nodes.HCA_REMOVED, 2):
            host.run("rmmod mlx4_ib && modprobe mlx4_ib")
        for end in ends:
            nodes.wait_active(end.node, timeout=60)
        test_cm.wait_connected(ends)
        with nodes.allowed(host, nodes.HCA_REMOVED, 2):
            test_recovery_uars.restart_hca(host)
        for end in ends:
            nodes.wait_active(end.node, timeout=60)
        test_cm.wait_connected(ends)
    finally:
        for end in ends:
            end.node.run("touch /root/enough")
        for process in processes:
            print(process.communicate(timeout=30)[0])
        for end in ends:
            end.node.run("rm /root/enough && "
                         "rmmod rdma_ucm rdma_cm iw_cm ib_cm")
    nodes.assert_idle(host)
