# SPDX-License-Identifier: GPL-2.0-only
"""Every octet that every opcode moves, at every edge, between all kinds of
ends; see programs/traffic.c."""

import re

import pytest

import nodes

# Which ends: two fixtures, and which node of each.
ENDS = {
    "native": ("native", 0, "native", 1),
    "pv": ("guest", 0, "guest", 1),
    "pvh": ("pvh", 0, "pvh", 1),
    "pv to pvh": ("guest", 0, "pvh", 1),
    "pv to pvh of one host": ("guest", 0, "pvh", 0),
}


@pytest.mark.parametrize("ends", ENDS)
def test_every_octet(request, ends):
    near, i, far, k = ENDS[ends]
    pair = (request.getfixturevalue(far)[k], request.getfixturevalue(near)[i])
    nodes.install_program("traffic", *pair)
    for node in pair:
        # Linux turns them off where memory is small; PV guests have none.
        node.run("cd /sys/kernel/mm/transparent_hugepage && "
                 "echo madvise >enabled || true")
    out = nodes.run_pair(*pair, "/root/traffic")
    assert out.splitlines()[-1] == "0 failures", out
    counts = dict(re.findall(r"^(\w+:\d+) +(\d+) messages", out, re.M))
    assert {name.split(":")[0] for name in counts} == {
        "rc", "uc", "ud", "srq", "xrc"}
    assert min(int(n) for n in counts.values()) > 300, out
    # The edge between two huge pages is among the edges.
    huge = int(re.search(r"(\d+) KiB of huge pages", out).group(1))
    assert (huge == 0) == (near == "guest"), out
