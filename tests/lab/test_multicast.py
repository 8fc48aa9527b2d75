# SPDX-License-Identifier: GPL-2.0-only
"""Multicast and datagrams with a GRH, within an HCA and across the wire."""

import nodes

PROGRAM = "/root/multicast_check"


def run(sender, receivers):
    """A sender, and a process on each of the receivers' nodes."""
    nodes.install_program("multicast_check", *{sender, *receivers})
    processes = [node.start("exec timeout 60 %s receive" % PROGRAM)
                 for node in receivers]
    addresses = [process.stdout.readline().strip() for process in processes]
    done = sender.run("timeout 60 %s send %s" % (PROGRAM, " ".join(addresses)),
                      check=False)
    said = [("sender", sender, done.stdout)] + [
        ("receiver", node, process.communicate(timeout=90)[0])
        for node, process in zip(receivers, processes)]
    assert all(text == "0 failures\n" for *_, text in said), said


def test_between_natives(native):
    run(native[0], native)


def test_between_guests(guest, pvh):
    run(guest[0], [*guest, *pvh])
    run(pvh[1], [*guest, *pvh])
