# SPDX-License-Identifier: GPL-2.0-only
"""Verbs that no stock program tries: the same natively and in guests."""

import pytest

import nodes

# As the shell has it of a process that ended by it
SIGKILLED = 128 + 9


@pytest.fixture(params=["native", "guest", "pvh"])
def node(request):
    node = request.getfixturevalue(request.param)[0]
    nodes.install_program("verbs_check", node)
    return node


def check(node, argument=""):
    """Run verbs_check without a failure; returns its exit status."""
    # With two commands the shell is there to tell of the signal.
    done = node.run("timeout 100 /root/verbs_check %s; exit $?" % argument,
                    check=False)
    said = [line for line in done.stdout.splitlines() if line != "Killed"]
    assert said == ["0 failures"], (done.returncode, done.stdout)
    return done.returncode


def held(node):
    """What the kernel of a node holds: "mlx4_0: pd 3 cq 2 ..."."""
    return node.out("rdma resource show")


def test_verbs(node):
    assert check(node) == 0


def test_what_a_killed_process_leaves_is_gone(node, dom0, guest, pvh):
    before = held(node)
    assert check(node, "leave") == SIGKILLED
    assert held(node) == before
    nodes.assert_idle(dom0[0])
    assert check(node) == 0
