# SPDX-License-Identifier: GPL-2.0-only
"""A verb costs one notification and one wake-up each way, and no second
hand-over in dom0."""

import contextlib
import re

import nodes
from test_datapath import EVENT_CHANNEL_OP, hypercalls, requests, trace_of

PROGRAM = "null_verbs"
FEW, MANY = 100, 600    # times two verbs
SLACK = 0.05            # for each verb, of what else happens meanwhile

ON = """
cd /sys/kernel/tracing && echo >trace
echo '%s' >events/sched/sched_wakeup/filter
echo 1 >events/sched/sched_wakeup/enable
echo 1 >events/workqueue/workqueue_execute_start/enable
"""
OFF = """
cd /sys/kernel/tracing
echo 0 >events/workqueue/workqueue_execute_start/enable
echo 0 >events/sched/sched_wakeup/enable
echo 0 >events/sched/sched_wakeup/filter
cat trace
"""


@contextlib.contextmanager
def traced(node, who):
    """Trace what a kernel's workqueues execute, and when it wakes those whose
    name is like that; the list that this yields has both in the end, each as
    what it is and the rest of its line."""
    events = []
    node.run(ON % ('comm ~ "%s"' % who))
    try:
        yield events
    finally:
        text = node.out(OFF)
    kept, written = re.search(r"entries-written: (\d+)/(\d+)", text).groups()
    assert kept == written, "events were lost"
    events += re.findall(r": (sched_wakeup|workqueue_execute_start): (.*)$",
                         text, re.MULTILINE)


def count(events, kind, what=""):
    return sum(name == kind and what in line for name, line in events)


def cost(host, node, times):
    """Of running the program: how often what happened."""
    domid = int(nodes.domid(host, node))
    before = requests(host, node)
    with traced(host, "kworker/u*") as back, traced(node, PROGRAM) as front:
        trace = trace_of(host, node, "/root/%s %d" % (PROGRAM, times))
    return {
        "requests": requests(host, node) - before,
        "guest notifies": hypercalls(trace, domid, [EVENT_CHANNEL_OP]),
        "dom0 notifies": hypercalls(trace, 0, [EVENT_CHANNEL_OP]),
        "works": count(back, "workqueue_execute_start", "[xen_ibback]"),
        "workers woken": count(back, "sched_wakeup"),
        "process woken": count(front, "sched_wakeup"),
    }


def test_one_notification_and_one_wakeup_each_way(guests, dom0):
    host, node = dom0[0], guests[0]
    nodes.install_program(PROGRAM, node)
    few, many = (cost(host, node, times) for times in (FEW, MANY))
    more = {what: many[what] - few[what] for what in few}
    print(few, many)
    verbs = more.pop("requests")
    assert verbs == 2 * (MANY - FEW), more
    # Who finds the answer there already is not woken.
    for what, times in more.items():
        assert verbs / 2 < times <= (1 + SLACK) * verbs, (what, verbs, more)
