# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's events may cost dom0."""

import re
import time

import pytest

import nodes

pytestmark = pytest.mark.usefixtures("guest", "pvh")

SECONDS = 8
# Of one processor, in thousandths: what a guest's events may take
BUDGET = "/sys/module/xen_ibback/parameters/event_budget"
# The entries of the queue of asynchronous events that guests may fill
ASYNC_EVENTS = 384
PROGRAM = "/root/event_load"


def counters(host, node):
    return nodes.device(host, node)["counters"]


def test_honest_guest_stays_below_half(guests, dom0):
    """64 queue pairs, each asleep until its event comes."""
    host, node = dom0[0], guests[0]
    nodes.install_program("event_load", node)
    before, began = counters(host, node), time.monotonic()
    out = node.out("timeout 60 %s work %d" % (PROGRAM, SECONDS))
    after, took = counters(host, node), time.monotonic() - began
    assert out.splitlines()[-1] == "0 failures", out
    events = int(re.search(r"(\d+) events", out)[1])
    # Both completions of a message may have one event, or one each
    assert events > 64 * SECONDS, out
    assert after["events"] - before["events"] >= events
    share = (after["event_ns"] - before["event_ns"]) / 1e9 / took
    print("%d events, %.1f %% of a processor" % (events, 100 * share))
    assert 0 < share < int(host.out("cat " + BUDGET)) / 1000 / 2
    assert after["throttled"] == before["throttled"]


def watch_storm(host, node):
    """The device when it was first moderated, and when it was disconnected; and
    how long dom0 took to tell, at most, in seconds."""
    seen = {"slowest": 0}
    deadline = time.monotonic() + 25
    while "end" not in seen:
        began = time.monotonic()
        assert began < deadline, seen
        device = nodes.device(host, node)
        seen["slowest"] = max(seen["slowest"], time.monotonic() - began)
        if device["counters"]["throttled"]:
            seen.setdefault("moderated", device)
        if device["backend-state"] != "Connected":
            seen["end"] = device
        time.sleep(0.3)
    return seen


def test_storm_ends(guests, dom0):
    """
    A guest that has events as fast as it can is moderated, and disconnected if
    it goes on. dom0 works meanwhile, and nothing is left. What an emulated HCA
    can do is far below the budget, so that is made small.
    """
    host, node = dom0[1], guests[1]
    nodes.install_program("event_load", node)
    usual = host.out("cat " + BUDGET)
    host.run("echo 1 >" + BUDGET)
    storm = node.start("exec timeout 60 %s storm 30" % PROGRAM)
    try:
        assert storm.stdout.readline().strip() == "begins"
        with nodes.allowed(host, "rogue frontend: event storm"):
            seen = watch_storm(host, node)
    finally:
        host.run("echo %s >%s" % (usual, BUDGET))
    assert seen["moderated"]["backend-state"] == "Connected"
    assert "event storm" in seen["end"]["error"]
    assert seen["slowest"] < 10
    began = time.monotonic()
    host.run("xenib detach --force --timeout 10 " + node.domain)
    assert time.monotonic() - began < 30
    node.run("pkill -KILL -x event_load", check=False)
    storm.wait(timeout=90)
    nodes.assert_idle(host, devices=1)
    nodes.attach(host, node)
    nodes.run_pair(*guests, "ibv_rc_pingpong -n 100")


def test_errors_of_all_queues_at_once(guests, dom0):
    """
    As many as the default quotas allow, all CQs with an error at the same
    moment: each is told, no command of the HCA is lost, nobody else notices.
    """
    host, node = dom0[1], guests[1]
    quotas = nodes.device(host, node)["quotas"]
    assert quotas["cqs"] + quotas["qps"] + quotas["srqs"] < ASYNC_EVENTS
    nodes.install_program("event_load", node)
    out = node.out("timeout 100 %s overrun %d" % (
        PROGRAM, min(quotas["cqs"], quotas["qps"])))
    assert out.splitlines()[-1] == "0 failures", out
    host.run("timeout 30 ibv_devinfo")
    nodes.assert_idle(host)
