# SPDX-License-Identifier: GPL-2.0-only
"""Guests of both kinds on both hosts, each talking to each other one."""

import itertools
import re

import pytest

import nodes

SECONDS = 300
PORT = 18600
# What each pair moves at least in a second, each way: a tenth of what it does
# on a slow machine. It shows that none stalls, and says nothing of speed.
FLOOR = {"messages": 5, "octets": 20000}


def talk(seconds, port, server, client):
    command = "timeout %d /root/traffic -p %d" % (seconds + 120, port)
    return (nodes.start_server(server, command, port),
            client.start("%s -n %d %s" % (command, seconds, server)))


def moved(out):
    """What went each way: [(messages, octets), (messages, octets)]."""
    return [tuple(map(int, found)) for found in re.findall(
        r"^from the \w+: (\d+) messages, (\d+) octets", out, re.M)]


@pytest.mark.exhaustive
def test_all_pairs(guest, pvh, dom0, capsys):
    """Every octet is checked, and all is given back in the end."""
    nodes.install_program("traffic", *guest, *pvh)
    for host in dom0:
        nodes.assert_idle(host)
    pairs = list(itertools.combinations(guest + pvh, 2))
    running = [talk(SECONDS, PORT + i, *pair) for i, pair in enumerate(pairs)]
    results = [[end.communicate(timeout=SECONDS + 180)[0] for end in ends]
               for ends in running]
    with capsys.disabled():
        for (server, client), outs in zip(pairs, results):
            print("\n%s to %s, and back: (messages, octets) %s" % (
                client, server, moved(outs[1])), end="")
    for pair, ends, outs in zip(pairs, running, results):
        for node, end, out in zip(pair, ends, outs):
            assert end.returncode == 0, \
                "%s: status %d\n%s" % (node, end.returncode, out)
        ways = moved(outs[1])
        assert len(ways) == 2, outs[1]
        for messages, octets in ways:
            assert messages >= SECONDS * FLOOR["messages"], outs[1]
            assert octets >= SECONDS * FLOOR["octets"], outs[1]
    for host in dom0:
        nodes.assert_idle(host)
