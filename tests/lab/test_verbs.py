# SPDX-License-Identifier: GPL-2.0-only
"""Verbs that no stock program tries: the same natively and in guests."""

import pytest

import nodes


@pytest.fixture(params=["native", "guest", "pvh"])
def node(request):
    node = request.getfixturevalue(request.param)[0]
    nodes.install_program("verbs_check", node)
    return node


def test_verbs(node):
    assert node.out(
        "timeout 100 /root/verbs_check").splitlines()[-1] == "0 failures"


def test_what_a_killed_process_leaves_is_gone(node):
    for _ in range(2):
        done = node.run("timeout 100 /root/verbs_check leave", check=False)
        assert "0 failures" in done.stdout.splitlines(), done.stdout
    assert node.out(
        "timeout 100 /root/verbs_check").splitlines()[-1] == "0 failures"
