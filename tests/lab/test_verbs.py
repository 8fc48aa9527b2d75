# SPDX-License-Identifier: GPL-2.0-only
"""Verbs that no stock program tries: the same natively and in a guest."""

import os

import pytest

import nodes

SOURCE = "tests/lab/programs/verbs_check.c"
PROGRAM = "build/verbs_check"


@pytest.fixture(scope="session")
def program(lab):
    nodes.lab("build-sh", "--", "gcc", "-O1", "-g", "-Wall", "-Wextra",
              "-Werror", "-std=gnu11", "-o", PROGRAM, SOURCE, "-libverbs")
    return os.path.join(nodes.HERE, "../..", PROGRAM)


@pytest.fixture(params=["native", "guest"])
def node(request, program):
    node = request.getfixturevalue(request.param)[0]
    nodes.lab("cp", program, "%s:/root/verbs_check" % node)
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
