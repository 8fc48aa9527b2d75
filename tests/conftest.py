# SPDX-License-Identifier: GPL-2.0-only
"""What all tests share: one running lab, and the closing line."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lab"))

import nodes  # noqa: E402  (found by the line above)


@pytest.fixture(scope="session")
def lab():
    """Two hosts with a guest each, and both machines without Xen."""
    nodes.lab("up", "--guests", "1")
    yield nodes
    nodes.lab("down")


def active_pair(*names):
    """Two nodes whose ports are active."""
    pair = tuple(nodes.Node(name) for name in names)
    for node in pair:
        nodes.wait_active(node)
    return pair


@pytest.fixture(scope="session")
def native(lab):
    return active_pair("native1", "native2")


@pytest.fixture(scope="session")
def dom0(lab):
    return active_pair("host1", "host2")


@pytest.fixture(scope="session")
def guest(dom0):
    """The guests, attached."""
    pair = nodes.Node("host1-guest1"), nodes.Node("host2-guest1")
    for host, node in zip(dom0, pair):
        nodes.load_backend(host)
        nodes.attach(host, node)
    return pair


def pytest_collection_modifyitems(items):
    """Logs are read when all else has run."""
    items.sort(key=lambda item: "test_logs" in item.nodeid)


def pytest_terminal_summary(terminalreporter):
    count = {k: len(terminalreporter.stats.get(k, ()))
             for k in ("passed", "failed", "error", "skipped")}
    line = "%d passed, %d failed" % (count["passed"],
                                     count["failed"] + count["error"])
    if count["skipped"]:
        line += ", %d skipped" % count["skipped"]
    terminalreporter.ensure_newline()
    terminalreporter.write_line(line)
