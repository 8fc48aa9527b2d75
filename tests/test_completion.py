# SPDX-License-Identifier: GPL-2.0-only
"""What bash offers after a part of a command line of xenib."""

import pytest

import nodes

# $@ are the words so far; the cursor is at the end of the last.
COMPLETE = """
make -s userspace >&2
PATH=$PWD/tools:$PATH LD_LIBRARY_PATH=userlib
export LD_LIBRARY_PATH
xl() { printf '%s\\n' 'Name ID' 'Domain-0 0' 'web1 3' 'web2 4' '(null) 5'; }
. tools/xenib.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_xenib
echo "${COMPREPLY[@]}"
"""


def offered(*words):
    return nodes.lab("build-sh", "--", "bash", "-c", COMPLETE, "bash", "xenib",
                     *words, timeout=300).stdout.split()


@pytest.mark.parametrize("words, expected", [
    ([""], ["attach", "detach", "limit", "list", "top", "show",
            "metrics", "doctor", "help", "--help", "--version"]),
    (["de"], ["detach"]),
    (["help", "a"], ["attach"]),
    (["detach", "--"], ["--devid", "--persist", "--force", "--timeout"]),
    (["limit", "--t"], ["--timeout"]),
    (["limit", "--pages", ""], []),
    (["limit", "--pages", "1", "w"], ["web1", "web2"]),
    (["list", "--l"], ["--long"]),
    (["list", "--w"], ["--watch"]),
    (["list", "--watch", "w"], ["web1", "web2"]),
    (["top", "--d"], ["--delay"]),
    (["top", "--delay", ""], []),
    (["top", ""], ["web1", "web2"]),
    (["attach", "--p"], ["--persist", "--pkeys", "--pds", "--pages"]),
    (["attach", ""], ["web1", "web2"]),
    (["attach", "web2"], ["web2"]),
    (["attach", "--wait", "w"], ["web1", "web2"]),
    (["attach", "--persist", "w"], ["web1", "web2"]),
    (["attach", "--guid", "s"], ["sm", "shared"]),
    (["attach", "--node-guid", "s"], ["shared"]),
    (["attach", "--devid", ""], []),
    (["attach", "--uuid", ""], []),
    (["detach", "web1", "w"], ["web1", "web2"]),
    (["attach", "--pkeys", ""], []),
    (["attach", "--i"], ["--ips"]),
    (["attach", "--ips", ""], []),
    (["attach", "--mad"], ["--mad-rate", "--mad-pm"]),
    (["attach", "--mad-rate", ""], []),
    (["attach", "--mad-pm", "o"], ["on", "off"]),
], ids=lambda value: " ".join(value))
def test_completion(words, expected):
    assert offered(*words) == expected
