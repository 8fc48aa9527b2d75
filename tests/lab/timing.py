# SPDX-License-Identifier: GPL-2.0-only
"""
perftest on four kinds of machines in one lab, and what is known of a ratio.

No time of an emulated machine means anything, and its speed drifts. So the
kinds are measured in turn, often, and what is compared was measured right after
each other.
"""

import collections
import math
import statistics

import nodes
from nodes import Node

# Server and client of each kind
PAIRS = {
    "native": (Node("native1"), Node("native2")),
    "dom0": (Node("host1"), Node("host2")),
    "pv": (Node("host1-guest1"), Node("host2-guest1")),
    "pvh": (Node("host1-guest2"), Node("host2-guest2")),
}

# Which machines these run on; the others are stopped meanwhile.
MACHINES = {kind: tuple(node.name.split("-")[0] for node in pair)
            for kind, pair in PAIRS.items()}

# A series is a plot: a program against what is varied, with its words for that
# and the column of perftest's table.
Series = collections.namedtuple("Series", "name unit variable points column")

LATENCY, LATENCY_UNIT = "t_typical[usec]", "cycles of the emulated processor"
BANDWIDTH, BANDWIDTH_UNIT = "BW average[MiB/sec]", "MiB/s of the emulated wire"
SIZES = (2, 256, 4096, 65536)
LARGER_SIZES = (256, 4096, 65536, 1 << 20)
MANY_QPS = (1, 4, 16, 64)


# -C: in cycles (the titles still say usec), for measuring the processor's clock
# takes time
def latency(verb, name, words="", sizes=SIZES):
    return Series(name, LATENCY_UNIT, "octets", {
        size: "ib_%s_lat -F -C -s %d -n %d %s" % (
            verb, size, 200 if size > 4096 else 1000, words)
        for size in sizes}, LATENCY)


# No more sends than perftest posts receives (512): else how often the receiver
# was not ready is what is measured.
def bandwidth(verb, name):
    return Series(name, BANDWIDTH_UNIT, "octets", {
        size: "ib_%s_bw -F -s %d -n %d" % (
            verb, size, 100 if size > 65536 else
            500 if size > 4096 or verb == "send" else 3000)
        for size in LARGER_SIZES}, BANDWIDTH)


SERIES = [
    latency("send", "Send, latency"),
    latency("write", "RDMA write, latency"),
    latency("read", "RDMA read, latency"),
    # perftest sends 8 octets, whatever it is told
    Series("Atomic, latency", LATENCY_UNIT, "octets",
           {8: "ib_atomic_lat -F -C -n 1000"}, LATENCY),
    latency("send", "Send, latency with events", "-e", (2,)),
    bandwidth("send", "Send, bandwidth"),
    bandwidth("write", "RDMA write, bandwidth"),
    bandwidth("read", "RDMA read, bandwidth"),
    # 64 octets: of smaller ones perftest prints too few digits.
    Series("RDMA write of 64 octets, bandwidth", BANDWIDTH_UNIT, "QPs",
           {qps: "ib_write_bw -F -s 64 -q %d -n %d" % (qps, 4000 // qps + 100)
            for qps in MANY_QPS}, BANDWIDTH),
]

# How wide a ratio's interval may be, to each side, for the ratio to be one
WIDEST = 0.05


def median_interval(values):
    """
    An interval in which the median lies with 95 % or more, by the sign test: it
    takes no shape of the distribution for granted. None of less than six.
    """
    values = sorted(values)
    n = len(values)
    below = 0
    while 2 * sum(math.comb(n, i) for i in range(below + 1)) <= 0.05 * 2 ** n:
        below += 1
    return (values[below - 1], values[-below]) if below else None


def ratio(figures, native):
    """
    What is known of a ratio from neighbouring measurements, of which one may be
    None: its median, its interval, and whether that is narrow enough.
    """
    found = [a / b for a, b in zip(figures, native) if a and b]
    interval = median_interval(found)
    if not interval:
        return {"measured": len(found), "holds": False}
    middle = statistics.median(found)
    low, high = interval
    return {"measured": len(found), "ratio": middle, "low": low, "high": high,
            "holds": max(high / middle, middle / low) <= 1 + WIDEST}


def ratio_text(found):
    """A ratio as a person would say it."""
    if "ratio" not in found:
        return "none: %d measured" % found["measured"]
    if not found["holds"]:
        return "none: %(low).2f to %(high).2f" % found
    return "%(ratio).2f (%(low).2f to %(high).2f)" % found


class Timed:
    """Such a lab, from the moment that it is up; down() ends it."""

    def __init__(self):
        nodes.lab("down")
        nodes.lab("up", "--guests", "2", "--type", "pv,pvh")
        self.running = None
        for kind in "native", "dom0":
            for node in PAIRS[kind]:
                nodes.wait_active(node)
        for i, host in enumerate(PAIRS["dom0"]):
            nodes.load_backend(host)
            for kind in "pv", "pvh":
                nodes.load_frontend(PAIRS[kind][i])
                nodes.attach(host, PAIRS[kind][i])

    @staticmethod
    def down():
        nodes.lab("down")

    def _run_only(self, machines):
        """Idle machines take processor time, too, Xen more than Linux, and that
        would tell in the figures of those that are measured."""
        if self.running == machines:
            return
        for name in {m for pair in MACHINES.values() for m in pair}:
            nodes.lab("qmp", name, "cont" if name in machines else "stop")
        self.running = machines

    def _measure(self, kind, series):
        """
        A figure for each point. perftest measures the processor's clock before
        it starts and prints inf when the machine was too busy for that: such a
        run has none.
        """
        self._run_only(MACHINES[kind])
        found = []
        for command, outcomes in zip(series.points.values(), nodes.run_pairs(
                *PAIRS[kind], list(series.points.values()))):
            for outcome in outcomes:
                assert outcome and outcome["status"] == 0, (kind, command,
                                                            outcomes)
            figure = nodes.perftest_row(outcomes[1]["output"])[series.column]
            good = math.isfinite(figure) and figure > 0
            found.append(figure if good else None)
        return found

    def measure(self, series, kinds, rounds):
        """Figures: point -> kind -> one for each round, or None. Each second
        round goes backwards, so that a drift evens out."""
        figures = {point: {kind: [] for kind in kinds}
                   for point in series.points}
        for i in range(rounds):
            for kind in kinds[::-1] if i % 2 else kinds:
                for point, figure in zip(series.points,
                                         self._measure(kind, series)):
                    figures[point][kind].append(figure)
        return figures
