# SPDX-License-Identifier: GPL-2.0-only
"""Unmodified programs in the guests, over the two modules."""

import collections
import json
import time

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


COUNTERS = "rx_octets", "rx_packets", "tx_octets", "tx_packets"
PORT = "/sys/class/infiniband/*/ports/1"


def files(node, directory):
    """What is in each file of a directory of port 1."""
    lines = node.out("cd %s/%s && grep -H . *" % (PORT, directory))
    return dict(line.split(":") for line in lines.splitlines())


def own_counters(node):
    """What a guest's port 1 has in counters/, hw_counters/ and for `rdma`."""
    pma = files(node, "counters")
    statistic = json.loads(node.out("rdma -j statistic show link"))
    return ({"rx_octets": 4 * int(pma["port_rcv_data"]),
             "rx_packets": int(pma["port_rcv_packets"]),
             "tx_octets": 4 * int(pma["port_xmit_data"]),
             "tx_packets": int(pma["port_xmit_packets"])},
            {name: int(value)
             for name, value in files(node, "hw_counters").items()
             if name != "lifespan"},
            {name: statistic[0][name] for name in COUNTERS})


def test_own_traffic_is_seen(guests, dom0):
    """A guest sees what dom0 sees of it, everywhere where Linux has it."""
    octets = 200 << 16
    before = own_counters(guests[1])
    nodes.run_pair(*guests, "ib_write_bw -F -n 200 -s %d" % (1 << 16))
    time.sleep(0.2)             # for a new reading
    counters = nodes.device(dom0[1], guests[1])["counters"]
    for now, then in zip(own_counters(guests[1]), before):
        assert octets < now["tx_octets"] - then["tx_octets"] < 1.5 * octets
        for name in COUNTERS:
            # Of packets, a PMA has words of four octets
            assert 0 <= counters[name] - now[name] < 4, (name, now, counters)


def test_what_is_not_counted(guests):
    """Errors are the HCA port's, and zero here; unicast and multicast are not
    counted apart, and not there."""
    for node in guests:
        counters = files(node, "counters")
        assert counters["symbol_error"] == "0"
        assert not [name for name in counters if "cast" in name]


def test_user_space_is_stock(guests):
    for node in guests:
        out = node.out("dpkg --verify libibverbs1 ibverbs-providers perftest")
        assert out == ""


def test_devinfo_shows_an_active_port_with_the_hosts_lid(guests, dom0):
    for host, node in zip(dom0, guests):
        lid = nodes.lid(host)
        out = node.out("ibv_devinfo -v")
        assert "PORT_ACTIVE" in out
        assert lid and "port_lid:\t\t%d" % lid in out, out
