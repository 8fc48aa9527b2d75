# SPDX-License-Identifier: GPL-2.0-only
"""
Runs the tests that rdma-core ships for its Python bindings as its own
run_tests.py does, but some at a time in a process of their own, and prints a
line RESULT with each test's outcome as JSON at once: so a crash hides only the
few after it. Python's start is paid for once, with fork.

run_pyverbs.py FOLDER [run_tests.py's arguments]; FOLDER has a folder "tests".

These processes never collect cycles and end without tidying up. Python's
collector clears the weak references first by which pyverbs' Context knows what
it has to destroy before it closes the device. With destructors left to the
collector, the device is closed too early, its completion queues are destroyed
through a freed context (EBADF, or a crash), and errno is lost wherever the
collector happened to run. So a skipped test may leave its device open, and
the processes that may have a device open at a time are few in a guest.
"""

import gc
import json
import os
import sys
import unittest

AT_A_TIME = 8       # tests in one process


class Result(unittest.TextTestResult):
    """Also reports each test's outcome when it has ended."""

    def startTest(self, test):
        super().startTest(test)
        self.outcome = "ok"

    def stopTest(self, test):
        super().stopTest(test)
        self.report(test, self.outcome)

    def report(self, test, outcome):
        self.stream.flush()
        print("\nRESULT %s" % json.dumps([test.id(), outcome]), flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome = "skipped: " + reason

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcome = "failed"

    def addError(self, test, err):
        super().addError(test, err)
        self.outcome = "failed"
        if not isinstance(test, unittest.TestCase):     # setUpClass and such
            self.report(test, self.outcome)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.outcome = "failed"

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.outcome = "failed as expected"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.outcome = "failed"


def tests_of(suite):
    """The tests of a suite of suites, in order."""
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from tests_of(entry)
        else:
            yield entry


def run(tests):
    """Run tests in a child; returns whether it ended as it ought to."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        gc.disable()
        unittest.TextTestRunner(resultclass=Result, verbosity=2).run(
            unittest.TestSuite(tests))
        sys.stdout.flush()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        print("\nCRASH, status %d, after %s" % (status, tests[0].id()))
    return not status


def main():
    folder = sys.argv.pop(1)
    sys.path[:0] = [folder, os.path.join(folder, "tests")]
    from args_parser import parser
    import tests
    parser.parse_args()
    everything = list(tests_of(unittest.defaultTestLoader.loadTestsFromModule(
        tests)))
    whole = [run(everything[i:i + AT_A_TIME])
             for i in range(0, len(everything), AT_A_TIME)]
    sys.exit(not all(whole))


if __name__ == "__main__":
    main()
