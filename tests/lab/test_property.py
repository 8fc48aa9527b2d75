# SPDX-License-Identifier: GPL-2.0-only
"""
Random sequences of verbs end in the same way natively and in guests.

XENIB_SEED and XENIB_STEPS choose the sequence; a run that decides about a
change has always the same one. A step that ends otherwise in a guest is shown
with what preceded it.
"""

import itertools
import os
import re

import pytest

import nodes

SEED = int(os.environ.get("XENIB_SEED") or 1)
SAMPLE_STEPS, STEPS = 4000, 10000
SECONDS_PER_STEP = 0.03
CONTEXT = 40            # lines

AGAIN = "XENIB_SEED=%d XENIB_STEPS=%d pytest tests/lab/test_property.py"


@pytest.fixture
def steps(exhaustive):
    return int(os.environ.get("XENIB_STEPS") or
               (STEPS if exhaustive else SAMPLE_STEPS))


def first_difference(want, got):
    """None, or where two outputs part, for a reader."""
    for i, (a, b) in enumerate(itertools.zip_longest(want, got)):
        if a != b:
            return "\n".join([*want[max(0, i - CONTEXT):i],
                              "native: %s" % a, "guest:  %s" % b])
    return None


# What libmlx4 itself prints has QPNs in it.
LIBRARY = re.compile(r"mlx4: local QP operation err \(QPN [^)]*\)\n")


def outputs(on, steps):
    """What the program says on each of the nodes, at the same time; also
    kept in build/results."""
    command = "timeout %d /root/verbs_random %d %d; echo status $?" % (
        60 + steps * SECONDS_PER_STEP, SEED, steps)
    running = [node.start(command) for node in on]
    texts = [LIBRARY.sub("", process.communicate()[0]) for process in running]
    os.makedirs(nodes.RESULTS, exist_ok=True)
    for node, text in zip(on, texts):
        with open("%s/property-%s.log" % (nodes.RESULTS, node), "w") as log:
            log.write(text)
    return [text.splitlines() for text in texts]


def test_same_verbs_same_results(native, guest, pvh, steps):
    on = native[0], guest[0], pvh[0]
    nodes.install_program("verbs_random", *on)
    want, *others = outputs(on, steps)
    assert want[-1] == "status 0" and len(want) > steps, want[-CONTEXT:]
    for node, got in zip(on[1:], others):
        where = first_difference(want, got)
        assert not where, "%s\n%s\n%s" % (node, where, AGAIN % (SEED, steps))
