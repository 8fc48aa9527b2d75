# SPDX-License-Identifier: GPL-2.0-only
"""What processes in a guest can do to each other, and to their kernel."""

import re

import nodes


def test_a_flood_leaves_others_their_share(guests):
    nodes.run_at_once("share_check", guests[0])


def test_fork_and_mprotect_after_a_forced_detach(guest, dom0):
    """The guest may not map the doorbell pages now, and has not noticed."""
    host, node = dom0[1], guest[1]
    nodes.install_program("fork_check", node)
    process = node.start("timeout 100 /root/fork_check /root/detached")
    said = process.stdout.readline()
    host.run("xenib detach --force --timeout 1 " + node.domain)
    node.run("touch /root/detached")
    said += process.communicate(timeout=120)[0]
    assert said.splitlines() == ["ready", "0 failures"]
    assert not re.findall("WARNING|BUG|multicall", node.out("dmesg"))
    node.run("rm /root/detached")
    nodes.attach(host, node)
