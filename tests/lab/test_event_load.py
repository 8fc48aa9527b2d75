# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's events may cost dom0."""

import contextlib
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


@pytest.mark.exhaustive(when=nodes.is_pv)
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


def times_until_the_end(host, domid):
    """What dom0 does while the guest's device is Connected: it looks whether
    that is still so, and prints the time, in seconds."""
    return host.start(
        "timeout 60 sh -c 'while [ $(xenstore-read backend/vib/%s/0/state) = 4 "
        "]; do cut -d \" \" -f 1 /proc/uptime; sleep 0.1; done'" % domid)


@contextlib.contextmanager
def event_budget(host, thousandths):
    usual = host.out("cat " + BUDGET)
    host.run("echo %d >%s" % (thousandths, BUDGET))
    try:
        yield
    finally:
        host.run("echo %s >%s" % (usual, BUDGET))


@contextlib.contextmanager
def storm(host, node):
    """
    A guest that has events as fast as it can. In the end it loses its device
    within half a minute, nothing is left, and it has the device again.
    """
    process = node.start("exec timeout 60 %s storm 30" % PROGRAM)
    try:
        yield
    finally:
        began = time.monotonic()
        host.run("xenib detach --force --timeout 10 " + node.domain)
        took = time.monotonic() - began
        node.run("pkill -KILL -x event_load", check=False)
        process.wait(timeout=90)
        nodes.assert_idle(host, devices=1)
        nodes.attach(host, node)
    assert took < 30


def check_storm(host, node):
    """
    The guest is moderated, and disconnected if it goes on. dom0 works
    meanwhile. What an emulated HCA can do is far below the budget, so that is
    made small.
    """
    domid = nodes.domid(host, node)
    nodes.install_program("event_load", node)
    with event_budget(host, 1), \
            nodes.allowed(host, "rogue frontend: event storm"):
        dom0_works = times_until_the_end(host, domid)
        with storm(host, node):
            times = [float(t) for t in dom0_works.communicate()[0].split()]
            log = host.out("dmesg")
            device = nodes.device(host, node)
    assert dom0_works.returncode == 0, "the storm went on"
    assert max(b - a for a, b in zip(times, times[1:])) < 5
    assert "event storm" in device["error"]
    assert device["counters"]["throttled"]
    moderated, ended = (float(re.findall(
        r"\[ *(\d+\.\d+)\] vib vib-%s-0: .*%s" % (domid, text), log)[-1])
        for text in ("moderating the guest's CQs", "event storm"))
    assert 4 < ended - moderated < 15


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_storm_ends(guests, dom0):
    check_storm(dom0[1], guests[1])
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
        PROGRAM, min(quotas["cqs"] - nodes.DEVICE["cqs"], quotas["qps"])))
    assert out.splitlines()[-1] == "0 failures", out
    host.run("timeout 30 ibv_devinfo")
    nodes.assert_idle(host)
