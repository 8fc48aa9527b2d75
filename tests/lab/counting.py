# SPDX-License-Identifier: GPL-2.0-only
"""
What a step of programs/counted.c costs in instructions, by who executes them: a
lab of machines with one processor, which count them.
"""

import json

import nodes

# What counts is the same program on each of these; on machines of their own are
# native and host1.
KINDS = {"native": nodes.Node("native1"), "dom0": nodes.Node("host1"),
         "pv": nodes.Node("host1-guest1"), "pvh": nodes.Node("host1-guest2")}
GUESTS = ("pv", "pvh")


class Counted:
    """Such a lab, from the moment that it is up; down() ends it."""

    def __init__(self):
        nodes.lab("down")
        nodes.lab("up", "--count", "--machines", "1", "--guests", "2",
                  "--type", ",".join(GUESTS))
        for kind in "native", "dom0":
            nodes.wait_active(KINDS[kind])
        nodes.load_backend(KINDS["dom0"])
        for kind in GUESTS:
            nodes.load_frontend(KINDS[kind])
            nodes.attach(KINDS["dom0"], KINDS[kind])
        nodes.install_program("counted", *KINDS.values())
        # What each is called in the marks of its machine
        self.domains = {kind: self._run(kind, "loop", 1, 2)[0][0]["domain"]
                        for kind in KINDS}

    @staticmethod
    def down():
        nodes.lab("down")

    @staticmethod
    def _marks(machine):
        return [json.loads(line) for line in
                nodes.lab("marks", machine).stdout.splitlines()]

    def _run(self, kind, what, few, many):
        """The pairs of marks of the program, one before and one after each
        step."""
        node = KINDS[kind]
        machine = node.name.split("-")[0]
        done = len(self._marks(machine))
        node.run("/root/counted %s %d %d 1" % (what, few, many), timeout=300)
        found = self._marks(machine)[done:]
        return list(zip(found[::2], found[1::2]))

    def _difference(self, kind, before, after):
        """What was executed between two marks: who -> number. The process is
        the one that said so; its domain's other processes are others."""
        def sums(mark):
            parts = {"process": mark["process"], "kernel": 0, "xen":
                     mark["xen"], "dom0": 0, "others": -mark["process"]}
            for name, counts in mark["domains"].items():
                rest = "others"
                if name == self.domains[kind]:
                    parts["kernel"] += counts["kernel"]
                    parts["others"] += counts["processes"]
                    continue
                if kind in GUESTS and name == self.domains["dom0"]:
                    rest = "dom0"
                parts[rest] += sum(counts.values())
            return parts

        first = sums(before)
        return {who: n - first[who] for who, n in sums(after).items()}

    def costs(self, kind, what, few, many):
        """
        What each step costs each time, who -> number: the slope between few
        times and many, without what happens once. Who: process, kernel (under
        it), xen, dom0 (of a guest's; all of it), others.
        """
        found = [self._difference(kind, *pair)
                 for pair in self._run(kind, what, few, many)]
        half = len(found) // 2
        return [{who: (often[who] - seldom[who]) / (many - few)
                 for who in often}
                for seldom, often in zip(found[:half], found[half:])]

    def cost(self, kind, what, few, many):
        """The same of what has one step."""
        cost, = self.costs(kind, what, few, many)
        return cost
