# SPDX-License-Identifier: GPL-2.0-only
"""The HCA refuses a command, or has an event when nobody expects one."""

import pytest

import nodes

# enum MLX4_CMD_* and CMD_STAT_*
SW2HW_MPT, SW2HW_CQ, WRITE_MCG, SW2HW_SRQ, RST2INIT_QP, INIT2RTR_QP = (
    0x0d, 0x16, 0x26, 0x35, 0x19, 0x1a)
BAD_PARAM = 0x03


def pending(machine):
    """Which failure the HCA still has to come."""
    return nodes.get_hca(machine, "fail-command")


def fail_next(machine, command):
    nodes.set_hca(machine, "fail-command", "%x:1:%x" % (command, BAD_PARAM))


@pytest.mark.parametrize("command", [SW2HW_MPT, SW2HW_CQ, RST2INIT_QP,
                                     INIT2RTR_QP])
def test_refused_command_leaves_nothing(guests, dom0, command):
    """A verb fails, and what had been made for it is given back."""
    host, node = dom0[0], guests[0]
    fail_next(host, command)
    done = node.run("timeout 30 ibv_rc_pingpong -n 100 & sleep 1; "
                    "timeout 30 ibv_rc_pingpong -n 100 localhost; "
                    "killall ibv_rc_pingpong; wait", check=False)
    assert pending(host) == "", "no such command came"
    assert "Couldn't" in done.stdout or "Failed" in done.stdout, done.stdout
    nodes.assert_idle(host)
    nodes.run_pair(*guests, "ibv_rc_pingpong -n 100")


def test_event_of_a_cq_that_is_being_created(guests, dom0):
    """Before mlx4_core has all that it needs for one."""
    host, node = dom0[0], guests[0]
    nodes.install_program("channels_check", node)
    nodes.set_hca(host, "early-cq-event", True)
    try:
        nodes.run_pair(*guests, "ibv_rc_pingpong -e -n 100")
        node.run("for i in $(seq 5); do ibv_rc_pingpong -e -n 10 & sleep 1; "
                 "ibv_rc_pingpong -e -n 10 localhost || exit 1; wait; done")
    finally:
        nodes.set_hca(host, "early-cq-event", False)
    host.run("ibv_devinfo")
    nodes.assert_idle(host)


def test_group_that_keeps_a_member(guest, pvh, dom0):
    """
    The HCA does not take a QP out of its multicast group when the guest loses
    its device: the QP is in Reset, its memory is given back, and datagrams to
    the group harm nobody. Its number is all that is left.
    """
    host, node, other = dom0[1], guest[1], pvh[1]
    nodes.install_program("member", node, other)
    member = node.start("exec /root/member")
    assert member.stdout.readline().strip() == "joined"
    fail_next(host, WRITE_MCG)
    with nodes.allowed(host, "HCA keeps QP .* in a multicast group"):
        host.run("xenib detach " + node.domain)
    assert pending(host) == "", "no such command came"
    node.run("pkill -KILL -x member", check=False)
    member.wait(timeout=60)
    found = nodes.totals(host)
    assert found["stuck"] == 1
    # The rest is the other guest's
    names = "qps", "cqs", "pds", "mrs", "pages", "contexts", "mcast"
    assert {name: found[name] for name in names} == \
        {name: nodes.DEVICE.get(name, 0) for name in names}
    out = other.out("timeout 60 /root/member send")
    assert out.splitlines()[-1] == "0 failures", out
    nodes.run_pair(*pvh, "ibv_rc_pingpong -n 100")
    # Only a new backend forgets that something is stuck
    host.run("rmmod xen_ibback")
    nodes.load_backend(host)
    nodes.wait_active(other)
    nodes.attach(host, node)
    nodes.assert_idle(host)
