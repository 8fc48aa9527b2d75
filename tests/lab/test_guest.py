# SPDX-License-Identifier: GPL-2.0-only
"""Unmodified programs in the guests, over the two modules."""

import pytest

import nodes
from test_native import PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guests, program):
    nodes.run_pair(*guests, program)


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
