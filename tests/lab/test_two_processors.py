# SPDX-License-Identifier: GPL-2.0-only
"""
What one processor hides, as guest and dom0 take turns there: a host with two,
where both run at once.
"""

import pytest

import nodes
from test_event_load import check_storm

pytestmark = [pytest.mark.exhaustive, pytest.mark.has_another_lab]

GUESTS = nodes.Node("host1-guest1"), nodes.Node("host1-guest2")


@pytest.fixture(scope="module")
def host():
    """One host with a PV and a PVH guest, attached; each has two."""
    nodes.lab("down")
    nodes.lab("up", "--machines", "1", "--no-native", "--smp", "2",
              "--guests", "2", "--type", "pv,pvh")
    host = nodes.Node("host1")
    nodes.wait_active(host)
    nodes.load_backend(host)
    for guest in GUESTS:
        nodes.load_frontend(guest)
        nodes.attach(host, guest)
    yield host
    nodes.lab("down")


def test_each_has_two_processors(host):
    assert [node.out("nproc") for node in (host, *GUESTS)] == ["2"] * 3


@pytest.mark.parametrize("guest", GUESTS, ids=("pv", "pvh"))
def test_storm_ends(host, guest):
    check_storm(host, guest)
    nodes.run_pair(*GUESTS, "ibv_rc_pingpong -n 100")


def test_no_complaint_in_any_log(host):
    done = nodes.lab("check-logs", check=False)
    assert done.returncode == 0, done.stdout
