# SPDX-License-Identifier: GPL-2.0-only
"""
What operations cost in instructions, by who executes them: a host with one
processor that counts them.
"""

import json

import pytest

import nodes

pytestmark = [pytest.mark.exhaustive, pytest.mark.has_another_lab]

HOST = nodes.Node("host1")
NODES = {"dom0": HOST, "pv": nodes.Node("host1-guest1"),
         "pvh": nodes.Node("host1-guest2")}


def marks():
    return [json.loads(line) for line in
            nodes.lab("marks", HOST.name).stdout.splitlines()]


def run_counted(node, what, few, many):
    """The pairs of marks of a program, one before and one after each step."""
    done = len(marks())
    node.run("/root/counted %s %d %d 1" % (what, few, many), timeout=300)
    found = marks()[done:]
    return list(zip(found[::2], found[1::2]))


@pytest.fixture(scope="module")
def domains():
    """One host with a PV and a PVH guest, attached: which name each has among
    the marks."""
    nodes.lab("down")
    nodes.lab("up", "--count", "--machines", "1", "--no-native",
              "--guests", "2", "--type", "pv,pvh")
    nodes.wait_active(HOST)
    nodes.load_backend(HOST)
    for guest in "pv", "pvh":
        nodes.load_frontend(NODES[guest])
        nodes.attach(HOST, NODES[guest])
    nodes.install_program("counted", *NODES.values())
    yield {run_counted(node, "loop", 1, 2)[0][0]["domain"]: name
           for name, node in NODES.items()}
    nodes.lab("down")


def difference(before, after, domains):
    """What was executed between two marks: who -> number."""
    def sums(mark):
        yield "xen", mark["xen"]
        yield "process", mark["process"]
        for number, counts in mark["domains"].items():
            for part, count in counts.items():
                yield "%s %s" % (domains.get(number, number), part), count

    first = dict(sums(before))
    return {who: n - first.get(who, 0) for who, n in sums(after)}


def costs(domains, node, what, few, many):
    """
    What each step costs each time, who -> number: the slope between few times
    and many, without what happens once.
    """
    found = [difference(*pair, domains) for pair in
             run_counted(node, what, few, many)]
    half = len(found) // 2
    return [{who: (often[who] - seldom.get(who, 0)) / (many - few)
             for who in often}
            for seldom, often in zip(found[:half], found[half:])]


def total(domains, node, what, few, many):
    cost, = costs(domains, node, what, few, many)
    print(node, what, {who: round(n) for who, n in cost.items() if n >= 1})
    return sum(cost.values())


@pytest.mark.parametrize("name", NODES)
def test_loop(domains, name):
    """Two instructions each time, and no instruction too few or too many."""
    cost, = costs(domains, NODES[name], "loop", 10**6, 10**7)
    assert cost["process"] == 2


def test_each_domain_is_another(domains):
    assert sorted(domains.values()) == sorted(NODES)


@pytest.mark.parametrize("name", ("pv", "pvh"))
def test_data_path_is_dom0s(domains, name):
    """To post and to poll is the same in a guest's process as in dom0's, to the
    instruction."""
    guest, dom0 = ([round(cost["process"]) for cost in
                    costs(domains, node, "message", 200, 1200)]
                   for node in (NODES[name], HOST))
    assert len(guest) == 3
    assert guest == dom0


# 1 MiB and 4 KiB, as counted.c has them
PAGES_MORE = 255
MOST_AGAIN = 1.35


@pytest.mark.parametrize("name", ("pv", "pvh"))
def test_registered_again(domains, name):
    """What a guest registers again costs for each page no more than dom0's
    does, nearly. And that costs something."""
    guest, dom0 = (
        (total(domains, node, "reg_1m", 20, 120) -
         total(domains, node, "reg_4k", 20, 120)) / PAGES_MORE
        for node in (NODES[name], HOST))
    print("for each page:", guest, dom0)
    assert dom0 > 1
    assert guest <= MOST_AGAIN * dom0


def test_null_verb(domains):
    """Printed, for docs/performance.md"""
    for node in NODES.values():
        assert total(domains, node, "query_port", 200, 1200) > 0
