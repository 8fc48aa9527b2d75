# SPDX-License-Identifier: GPL-2.0-only
"""Unmodified programs in the guests, over the two modules."""

import collections

import pytest

import nodes
from test_native import PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guests, program):
    nodes.run_pair(*guests, program)


def test_traffic_is_counted(guests, dom0):
    """The HCA counts what the client writes, and its headers, for both."""
    def counters():
        return [collections.Counter(nodes.device(host, node)["counters"])
                for host, node in zip(dom0, guests)]

    octets = 200 << 16
    before = counters()
    nodes.run_pair(*guests, "ib_write_bw -F -n 200 -s %d" % (1 << 16))
    server, client = (now - then for now, then in zip(counters(), before))
    for of, way in (server, "rx"), (client, "tx"):
        assert octets < of[way + "_octets"] < 1.5 * octets, (of, way)
        assert of[way + "_packets"] >= octets >> 12, (of, way)
    assert 0 < server["tx_packets"] < client["tx_packets"], (server, client)


def test_user_space_is_stock(guests):
    for node in guests:
        out = node.out("dpkg --verify libibverbs1 ibverbs-providers perftest")
        assert out == ""


def test_devinfo_shows_an_active_port_with_the_hosts_lid(guests, dom0):
    for host, node in zip(dom0, guests):
        lid = int(host.out("cat /sys/class/infiniband/*/ports/1/lid"), 16)
        out = node.out("ibv_devinfo -v")
        assert "PORT_ACTIVE" in out
        assert lid and "port_lid:\t\t%d" % lid in out, out
