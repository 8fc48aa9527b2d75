# SPDX-License-Identifier: GPL-2.0-only
"""The HCA model under the stock drivers, before any module of ours."""

import pytest

import nodes

PROGRAMS = [
    "ibv_rc_pingpong", "ibv_uc_pingpong", "ibv_ud_pingpong",
    "ibv_srq_pingpong", "ibv_rc_pingpong -e", "ibv_rc_pingpong -s 70000 -n 50",
    "ib_send_lat -F -n 200", "ib_send_lat -F -n 100 -c UD",
    "ib_write_bw -F -n 200", "ib_read_bw -F -n 200",
    "ib_atomic_lat -F -n 200", "ib_send_bw -F -n 100 -e",
    "ibv_xsrq_pingpong", "ib_send_lat -F -n 100 -c XRC",
]


@pytest.fixture(params=["native", "dom0"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(pair, program):
    nodes.run_pair(*pair, program)


def test_subnet_manager_is_found(pair):
    for node in pair:
        out = node.out("sminfo")
        assert "SMINFO_MASTER" in out, out


def test_lids_come_from_the_subnet_manager(pair):
    lids = {nodes.lid(node) for node in pair}
    assert len(lids) == 2 and 0 not in lids, lids


def test_ibping(pair):
    server, client = pair
    process = server.start("timeout 60 ibping -S")
    lid = nodes.lid(server)
    try:
        out = client.out("for i in $(seq 20); do ibping -c 1 %s >/dev/null "
                         "2>&1 && break; sleep 0.2; done; ibping -f -c 5 %s" %
                         (lid, lid))
        assert " 5 received, 0% packet loss" in out, out
    finally:
        server.run("pkill -x ibping", check=False)
        process.wait(timeout=30)
