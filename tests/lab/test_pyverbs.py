# SPDX-License-Identifier: GPL-2.0-only
"""rdma-core's own Python tests, unmodified: in the guests as natively."""

import concurrent.futures
import json
import os

import pytest

import ipoib
import nodes

RUNNER = os.path.join(nodes.HERE, "programs/run_pyverbs.py")
DOCUMENT = os.path.join(nodes.TOP, "docs/pyverbs.md")
KINDS = ("native", "pv", "pvh")

RUN = """
rm -rf /root/pyverbs && mkdir /root/pyverbs &&
cp -r /usr/share/doc/rdma-core/tests /root/pyverbs &&
gunzip $(find /root/pyverbs -name '*.gz') || exit 1
echo 4 > /proc/sys/vm/nr_hugepages || echo "no huge pages, as in any PV guest"
timeout %d python3 /root/run_pyverbs.py /root/pyverbs --dev mlx4_0 2>&1
status=$?
echo 0 > /proc/sys/vm/nr_hugepages
exit $status
"""
TIMEOUT = 400


def run_suite(node):
    """The suite's outcome on a node, test -> "ok", "failed" or "skipped: why",
    and everything that it printed."""
    nodes.lab("cp", RUNNER, "%s:/root/" % node)
    done = node.run(RUN % TIMEOUT, check=False, timeout=TIMEOUT + 60)
    outcome = dict(json.loads(line.split(" ", 1)[1])
                   for line in done.stdout.splitlines()
                   if line.startswith("RESULT "))
    if done.returncode:
        outcome["the whole run"] = "status %d" % done.returncode
    return outcome, done.stdout


def word(outcome):
    """An outcome without its reason."""
    return outcome.partition(": ")[0]


HEAD = """\
# rdma-core's own Python tests

Debian 13's rdma-core ships the tests of its Python bindings (pyverbs). `make
check` runs them unmodified on a machine without Xen, in a PV guest and in a
PVH guest, all on the HCA model, and compares the outcomes with each other and
with this table. What it found is in `build/results/pyverbs.md`, to be copied
here if it has changed on purpose, and in `build/results/pyverbs.json`.
"""


def document(table):
    """The text of docs/pyverbs.md for test -> kind -> outcome."""
    lines = [HEAD, "| | native | PV guest | PVH guest |", "|---|---|---|---|"]
    for want in ("ok", "skipped", "failed"):
        lines.append("| %s | %s |" % (want, " | ".join(
            str(sum(word(row[kind]) == want for row in table.values()))
            for kind in KINDS)))
    lines += ["", "| Test | native | PV | PVH | why it is skipped |",
              "|---|---|---|---|---|"]
    for test, row in sorted(table.items()):
        reasons = {kind: row[kind].partition(": ")[2] for kind in KINDS}
        why = reasons["native"] or reasons["pv"]
        why += "".join("; %s: %s" % (kind.upper(), reason)
                       for kind, reason in reasons.items()
                       if reason not in ("", why))
        lines.append("| %s | %s | %s |" % (
            test.removeprefix("tests."),
            " | ".join(word(row[kind]) for kind in KINDS),
            why.replace("|", "\\|")))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def suites(native, guest, pvh):
    """kind -> (outcomes, output); the three run at the same time, each on a
    machine of its own."""
    where = dict(zip(KINDS, (native[0], guest[0], pvh[1])))
    # The CM's tests need IPoIB.
    with (ipoib.interfaces(*where.values()),
          concurrent.futures.ThreadPoolExecutor(len(where)) as pool):
        return dict(zip(where, pool.map(run_suite, where.values())))


@pytest.fixture(scope="module")
def table(suites):
    """test -> kind -> outcome, which is also written to build/results."""
    tests = sorted({test for found, _ in suites.values() for test in found})
    table = {test: {kind: suites[kind][0].get(test, "did not run")
                    for kind in KINDS} for test in tests}
    os.makedirs(nodes.RESULTS, exist_ok=True)
    with open(os.path.join(nodes.RESULTS, "pyverbs.json"), "w",
              encoding="utf-8") as f:
        json.dump(table, f, indent=1)
    with open(os.path.join(nodes.RESULTS, "pyverbs.md"), "w",
              encoding="utf-8") as f:
        f.write(document(table))
    return table


def test_native_passes(suites):
    found, output = suites["native"]
    bad = [test for test in found if word(found[test]) not in ("ok", "skipped")]
    assert not bad, "%s\n%s" % (bad, output)
    cm = {found[test] for test in found if ".test_rdmacm.CMTestCase." in test}
    assert cm == {"ok"}, cm     # Without an IPoIB interface they are skipped


@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_guest_is_as_native(suites, table, kind):
    """The same tests pass, and the same are skipped."""
    different = {test: row for test, row in table.items()
                 if word(row[kind]) != word(row["native"])}
    assert not different, "%s\n%s" % (different, suites[kind][1])


def test_document_is_true(table):
    with open(DOCUMENT, encoding="utf-8") as f:
        assert f.read() == document(table), "see build/results/pyverbs.md"
