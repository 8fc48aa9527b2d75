# SPDX-License-Identifier: GPL-2.0-only
"""What `lab check-logs` takes for trouble."""

import re
import types

import pytest

import test_man
from lib import logs

FATAL = "[ 9.1] mlx4_core 0000:00:04.0: Internal error detected:"
ALLOW = "[ 9.0] LAB: allow %d mlx4_core .*: Internal error detected"
FORBID = "[ 9.2] LAB: forbid mlx4_core .*: Internal error detected"


class FakeLab:
    """A guest with these lines in its console and in dmesg."""

    def __init__(self, console, dmesg=()):
        self.nodes = [types.SimpleNamespace(name="host1-guest1", host="host1",
                                            role="guest", is_machine=False)]
        self.lines = {"console": console, "dmesg": dmesg}

    def console(self, _):
        return "".join(line + "\n" for line in self.lines["console"])

    def output(self, _, command):
        return "".join(line + "\n" for line in self.lines[command[0]])


def check(console, dmesg=()):
    return [line for _, line in logs.check(FakeLab(console, dmesg))]


# What our drivers print without a level in the console
OURS = [
    "vib vib-1-0: 71 rogue frontend: request ring overrun",
    "vib vib-1-0: cannot unmap 3 grants",
    "vib vib-1-0: cannot unmap grant handle 7 [-3]",
    "vib vib-1-0: HCA keeps QP 3 [-16]",
    "vib vib-1-0: HCA keeps QP 3 in a multicast group [-16]",
    "vib vib-1-0: 2 the guest has removed its side; detach it",
    "vib vib-0: cannot destroy object 3: -5",
    "vib vib-0: backend did not answer operation 3 in 60 s; closing",
    "vib vib-0: backend sent bad doorbell pages; closing",
    "vib vib-0: backend did not close in 5000 ms",
]


@pytest.mark.parametrize("line", OURS)
def test_lines_are_those_of_our_drivers(line):
    said = re.sub(r"^vib vib-\S+: (\d+ )?", "", line)
    known = [re.escape(message).replace("X", ".+") for page in test_man.MODULES
             for message in test_man.messages(page)]
    assert any(re.fullmatch(pattern, said) for pattern in known)


@pytest.mark.parametrize("line", [
    *OURS, FATAL, "Oops: 0000 [#1]", "LAB: failed: xl create guest1",
    "[ 9.1] ib0: Budget exhausted after napi rescheduled",
])
def test_trouble_is_found(line):
    assert check(["harmless", line]) == [line]


def test_what_our_drivers_log_as_an_error_is_trouble():
    line = "[ 1.0] vib vib-1-0: 22 reading ring-ref"
    assert check([line], ["<6>" + line]) == []
    assert check([line], ["<3>" + line]) == [line]
    assert check([], ["<3>[ 1.0] usb 1-1: anything"]) == []


def test_a_test_allows_what_it_provokes():
    assert check([ALLOW % 1, FATAL, FORBID]) == []
    # What one log has allowed is the same in another, which may begin later.
    assert check([ALLOW % 1, FATAL, FORBID], ["<4>" + FATAL]) == []
    error = "[ 9.1] vib vib-1-0: 19 HCA is gone"
    marked = ["[ 9.0] LAB: allow 1 HCA is gone", error,
              "[ 9.2] LAB: forbid HCA is gone"]
    assert check(marked, ["<3>" + error]) == []
    assert check([error], [marked[0], "<3>" + error, marked[2]]) == []


def test_nothing_else_is_allowed():
    again = FATAL.replace("9.1", "9.3")
    assert check([ALLOW % 1, FATAL, again, FORBID]) == [again]
    assert check([ALLOW % 2, FATAL, FORBID, again]) == [again]
    assert check([FATAL, ALLOW % 2, again, FORBID]) == [FATAL]
    assert check([ALLOW % 1, "BUG: no", FORBID]) == ["BUG: no"]
    assert check([ALLOW % 1, "Linux version 6.12", FATAL]) == [FATAL]
