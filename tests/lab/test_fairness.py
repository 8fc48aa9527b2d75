# SPDX-License-Identifier: GPL-2.0-only
"""
What one guest's flood does to another guest's verbs. A guest that does no more
than compute takes the processor from others, too, and that is for Xen's
scheduler to share: so that is what a flood is compared with.
"""

import contextlib
import shlex
import statistics

import pytest

import nodes

pytestmark = pytest.mark.exhaustive

COMPUTING = "for i in 1 2 3 4; do while :; do :; done & done; wait"
FLOODS = {
    "verbs": "for i in $(seq 16); do /root/null_verbs 1000000000 & done; wait",
    "events": "/root/event_load storm 10000",
    "mads": "for i in 1 2 3 4; do while :; do saquery NR; done & done; wait",
}
# So many times what it is beside a guest that computes
MOST = 1.5
PAIRS, CALLS = 25, 30


@contextlib.contextmanager
def running(node, name, command):
    """Yields a function that stops it or lets it go on, by a signal."""
    def tell(signal):
        node.run("kill -%s -$(cat /root/%s)" % (signal, name))

    node.run("rm -f /root/" + name)
    process = node.start("exec setsid --wait sh -c %s >/dev/null 2>&1" %
                         shlex.quote("echo $$ >/root/%s; %s" % (name, command)))
    try:
        node.run("until [ -s /root/%s ]; do sleep 0.1; done" % name, timeout=30)
        tell("STOP")
        yield tell
    finally:
        tell("KILL")
        process.wait(timeout=60)


def latency_ns(tell, node):
    tell("CONT")
    found = int(node.out("/root/latency %d" % CALLS))
    tell("STOP")
    return found


@pytest.mark.parametrize("what", FLOODS)
def test_flood(dom0, guest, pvh, what):
    """In pairs, one right after the other, for the machine is not steady."""
    host, flooding, other = dom0[1], pvh[1], guest[1]
    nodes.install_program("null_verbs", flooding)
    nodes.install_program("event_load", flooding)
    nodes.install_program("latency", other)
    flooding.run("modprobe ib_umad")
    with running(flooding, "flood", FLOODS[what]) as flood, \
         running(flooding, "computing", COMPUTING) as computing:
        ratios = [latency_ns(flood, other) / latency_ns(computing, other)
                  for _ in range(PAIRS)]
    print(what, ["%.2f" % ratio for ratio in sorted(ratios)])
    flooding.run("rmmod ib_umad")
    assert statistics.median(ratios) <= MOST, sorted(ratios)
    nodes.assert_idle(host)
