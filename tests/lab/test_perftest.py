# SPDX-License-Identifier: GPL-2.0-only
"""
perftest's whole matrix between a PV and a PVH guest, over the wire: every
program, transport and way to run it. What perftest itself refuses, it refuses
natively too. Debian 13's perftest (25.01) does not check data.

`make check` runs a sample: every program and transport once, in one of the ways
and from one of the kinds of clients, and every refusal once.
"""

import functools
import itertools
import math

import pytest

import nodes

MTU = 2048
COUNT = 20          # iterations; five with all sizes

VERBS = ("send", "write", "read", "atomic")
TRANSPORTS = ("RC", "UC", "UD", "XRC")
WAYS = {
    "poll": "-n %d" % COUNT,
    "events": "-e -n %d" % COUNT,
    "inline": "-I 200 -s 200 -n %d" % COUNT,
    "srq": "--use-srq -n %d" % COUNT,
    "4 QPs": "-q 4 -n %d" % COUNT,
    "both ways": "-b -n %d" % COUNT,
    "all sizes": "-a -n 5",
}
QPS = {"4 QPs": 4}


def transport_refusal(verb, transport):
    """What perftest says when it has no such transport for a verb."""
    if transport == "UC" and verb in ("read", "atomic"):
        return "UC connection not possible in READ/ATOMIC verbs"
    if transport == "UD" and verb != "send":
        return "UD connection only possible in SEND verb"
    return None


def way_refusal(verb, kind, way):
    """What perftest says when a program cannot be run in some way."""
    if way == "events" and verb == "write":
        return "Events feature not available on WRITE verb"
    if way == "inline" and verb in ("read", "atomic"):
        return "Inline feature not available on READ/Atomic verbs"
    if way == "srq" and verb != "send":
        return "Using SRQ only avavilible in SEND tests"
    if way == "4 QPs" and kind == "lat":
        return "Multiple QPs only available on bw tests"
    if way == "both ways" and kind == "lat":
        return "Bidirectional is only available in BW test"
    if way == "all sizes" and verb == "atomic":
        return "Message size cannot be changed for Atomic tests"
    return None


# (verb, kind, transport, way), and for what perftest refuses its words: for a
# transport once, for a way once with RC.
ACCEPTED = []
REFUSED = {}
for verb, kind, transport in itertools.product(VERBS, ("lat", "bw"),
                                               TRANSPORTS):
    if transport_refusal(verb, transport):
        REFUSED[verb, kind, transport, "poll"] = transport_refusal(verb,
                                                                   transport)
        continue
    for way in WAYS:
        if not way_refusal(verb, kind, way):
            ACCEPTED.append((verb, kind, transport, way))
        elif transport == "RC":
            REFUSED[verb, kind, transport, way] = way_refusal(verb, kind, way)


# Each kind of guest in turn is the client, who does most of the work.
CLIENTS = ("pv", "pvh")


def sample():
    """(client, case) of `make check`; over all programs each way occurs."""
    chosen = set()
    of_program = itertools.groupby(ACCEPTED, lambda case: case[:3])
    for i, (_, cases) in enumerate(of_program):
        cases = list(cases)
        chosen.add((CLIENTS[i % len(CLIENTS)], cases[i % len(cases)]))
    for case in {words: case for case, words in REFUSED.items()}.values():
        chosen.add(("pv", case))
    return chosen


SAMPLE = sample()


def cases_of(client, cases):
    """Parameters of a test; what is not in the sample is marked."""
    return [pytest.param(client, case, marks=() if (client, case) in SAMPLE
                         else pytest.mark.exhaustive) for case in cases]


def name(param):
    """What a test's name has for its case; a client's kind stays as it is."""
    if isinstance(param, str):
        return param
    return "-".join(param).replace(" ", "_")


def command(case):
    """-F: no matter that the processor's clock varies. -C: times in cycles (the
    titles still say usec), for measuring that clock takes time for each row."""
    verb, kind, transport, way = case
    return "ib_%s_%s -F %s-c %s %s" % (
        verb, kind, "-C " if kind == "lat" else "", transport, WAYS[way])


def run_cases(pair, cases):
    """case -> what became of it on the server, and on the client"""
    return dict(zip(cases, nodes.run_pairs(*pair, [command(c) for c in cases])))


@pytest.fixture(scope="module")
def chosen(request):
    """chosen(client): its cases among the tests of this run."""
    params = [item.callspec.params for item in request.session.items
              if item.module is request.module]
    return lambda client: [p["case"] for p in params if p["client"] == client]


@pytest.fixture(scope="module")
def outcomes(guest, pvh, chosen):
    """outcomes(client): what became of all its cases; they run when they are
    first asked for."""
    pairs = {"pv": (pvh[1], guest[0]), "pvh": (guest[1], pvh[0])}
    return functools.cache(
        lambda client: run_cases(pairs[client], chosen(client)))


@pytest.fixture(scope="module")
def native_outcomes(native, chosen):
    return run_cases(native, [c for c in chosen("pv") if c in REFUSED])


def assert_table(case, output):
    """A row for every size, of the right count, in it only true numbers."""
    _, kind, transport, way = case
    rows = nodes.perftest_rows(output)
    if way == "all sizes":
        last = MTU if transport == "UD" else 1 << 23
        sizes = [1 << i for i in range(1, last.bit_length())]
        assert [row["#bytes"] for row in rows] == sizes, output
    for row in rows:
        assert row["#iterations"] == QPS.get(way, 1) * (
            5 if way == "all sizes" else COUNT), output
        # The deviation overflows an int of perftest's when it is in cycles.
        assert all(math.isfinite(x) for title, x in row.items()
                   if title != "t_stdev[usec]"), output
    # In a busy machine perftest may not be able to tell what a cycle is. It
    # then says so, and all rates are 0. Otherwise the rate of messages has the
    # digits to be none: a few octets in a slow while are 0.00 MiB/s.
    column = "t_typical[usec]" if kind == "lat" else "MsgRate[Mpps]"
    if "Correlation coefficient" not in output:
        assert all(row[column] > 0 for row in rows), output


@pytest.mark.parametrize("client, case", [
    param for client in CLIENTS for param in cases_of(client, ACCEPTED)],
    ids=name)
def test_completes(outcomes, client, case):
    pair = outcomes(client)[case]
    assert all(pair), "not run: refused, or a pair before it hung: %s" % (pair,)
    for side in pair:
        assert side["status"] == 0, side["output"]
    assert_table(case, pair[1]["output"])


@pytest.mark.parametrize("client, case", cases_of("pv", REFUSED), ids=name)
def test_is_refused_as_natively(outcomes, native_outcomes, client, case):
    for server, peer in (native_outcomes[case], outcomes(client)[case]):
        assert server and server["status"] not in (0, "hung"), server
        assert REFUSED[case] in server["output"]
        assert peer is None
