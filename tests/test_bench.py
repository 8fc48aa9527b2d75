# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmark says of what it has measured, without a lab."""

import json
import os
import re

import pytest

import nodes
import timing


def test_interval_of_a_median():
    """By the table of the sign test"""
    values = [5, 3, 9, 1, 7, 11, 13, 2, 8]
    assert timing.median_interval(values[:5]) is None
    assert timing.median_interval(values[:6]) == (1, 11)
    assert timing.median_interval(values[:8]) == (1, 13)
    assert timing.median_interval(values) == (2, 11)
    assert timing.median_interval(range(1, 101)) == (40, 61)


def test_ratio():
    """Of neighbours, whatever the drift; it says when it is none."""
    native = [100, 200, 400, 100, 300, 500, 200, 100, 100]
    found = timing.ratio([1.02 * x for x in native], native)
    assert timing.ratio_text(found) == "1.02 (1.02 to 1.02)"
    wide = timing.ratio([x * (1 + i / 20) for i, x in enumerate(native)],
                        native)
    assert timing.ratio_text(wide) == "none: 1.05 to 1.35"
    few = timing.ratio([1, None, 3, 4, 5, 6, None, None], 8 * [1])
    assert timing.ratio_text(few) == "none: 5 measured"


def test_points_are_different():
    """Each series, and each of its points, is another command."""
    commands = [command for series in timing.SERIES
                for command in series.points.values()]
    assert len(set(commands)) == len(commands)


KINDS = ["native", "dom0", "pv", "pvh"]


def a_result():
    """As tests/lab/bench writes it: two verbs, and one series of two points."""
    figures = {kind: [100 + i for i in range(9)] for kind in KINDS}
    ratios = {kind: timing.ratio(figures[kind], figures["native"])
              for kind in KINDS[1:]}
    return {
        "version": 1, "kinds": KINDS, "rounds": 9, "commit": "<commit>",
        "calls": ["ibv_poll_cq"], "data_path": {kind: [218] for kind in KINDS},
        "verbs": {name: {kind: {
            "process": 300, "kernel": 4000, "xen": 50000, "dom0": 6000,
            "others": -1} for kind in KINDS}
            for name in ("Query a port", "Register 1 MiB")},
        "series": [{"name": "Send, latency", "unit": "cycles",
                    "variable": "octets", "points": [
                        {"at": at, "figures": figures, "ratios": ratios}
                        for at in (2, 256)]}],
        "published": [{"who": "W & H", "what": "as fast", "source": "there"}],
    }


@pytest.mark.exhaustive
def test_report():
    """It says all, of nothing more than what it is given, in one file."""
    os.makedirs(nodes.RESULTS, exist_ok=True)
    names = [os.path.join("build/results", "test-report." + ext)
             for ext in ("json", "html")]
    with open(os.path.join(nodes.TOP, names[0]), "w", encoding="ascii") as f:
        json.dump(a_result(), f)
    nodes.lab("build-sh", "--suite", "report", "--", "python3",
              "tests/lab/report.py", *names)
    with open(os.path.join(nodes.TOP, names[1]), encoding="utf-8") as f:
        page = f.read()
    assert page.count("<img ") == 3
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    for text in ("Query a port", "60\u202f299", "Send, latency, 256 octets",
                 "1.00 (1.00 to 1.00)", "W &amp; H", "&lt;commit&gt;"):
        assert text in page, text
