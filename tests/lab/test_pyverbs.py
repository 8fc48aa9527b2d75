# SPDX-License-Identifier: GPL-2.0-only
"""rdma-core's own Python tests, unmodified, natively and in a guest."""

import json
import os

import nodes

RESULTS = os.path.join(nodes.HERE, "..", "..", "build", "results")

# As tests/run_tests.py of rdma-core, but the outcome of each test is printed
# as JSON in the last line.
RUNNER = r"""
import importlib.machinery, json, sys, unittest
sys.path.insert(0, "/root/tests")
sys.argv = ["run_tests.py", "--dev", "mlx4_0"]
from args_parser import parser

outcome = {}

class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        outcome.setdefault(test.id(), "ok")
    def addSkip(self, test, reason):
        outcome[test.id()] = "skipped: " + reason
    def addFailure(self, test, err):
        super().addFailure(test, err)
        outcome[test.id()] = "failed"
    def addError(self, test, err):
        super().addError(test, err)
        outcome[test.id()] = "failed"
    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            outcome[test.id()] = "failed"

tests = importlib.machinery.SourceFileLoader(
    "tests", "/root/tests/__init__.py").load_module()
parser.parse_args()
unittest.main(module=tests, exit=False,
              testRunner=unittest.TextTestRunner(resultclass=Result))
print()
print(json.dumps(outcome))
"""


def run_suite(node):
    """The suite's outcome on a node: test -> "ok", "failed", "skipped: why"."""
    done = node.run(
        "rm -rf /root/tests && cp -r /usr/share/doc/rdma-core/tests /root && "
        "gunzip -qf $(find /root/tests -name '*.gz') && "
        "echo 64 > /proc/sys/vm/nr_hugepages; cd /root && "
        "timeout 240 python3 - <<'EOF' 2>&1\n%s\nEOF" % RUNNER, timeout=300)
    return json.loads(done.stdout.strip().splitlines()[-1]), done.stdout


def test_outcome_in_the_guest_is_native(native, guest):
    expected, _ = run_suite(native[0])
    found, output = run_suite(guest[0])
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, "pyverbs.json"), "w",
              encoding="utf-8") as f:
        json.dump({name: {"native": expected.get(name), "pv": found.get(name)}
                   for name in sorted(set(expected) | set(found))}, f, indent=1)
    assert "ok" in expected.values()
    assert "failed" not in expected.values()
    different = {name: (expected.get(name), found.get(name))
                 for name in set(expected) | set(found)
                 if expected.get(name) != found.get(name)}
    assert not different, output
