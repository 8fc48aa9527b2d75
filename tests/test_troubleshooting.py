# SPDX-License-Identifier: GPL-2.0-only
"""What docs/troubleshooting.md quotes is said by somebody, and where it points
to is there."""

import glob
import os
import re

import nodes
from test_man import STRING, code
from test_version import read

PAGE = "docs/troubleshooting.md"
# Of other programs, as they say it
OTHERS = {
    "Module xen-ibback not found", "Key was rejected by service",
    "No IB devices found", "Cannot allocate memory",
    "local catastrophic error", "RDMA_CM_EVENT_REJECTED, error: 8",
    "RDMA_CM_EVENT_UNREACHABLE",
    # Programs, for which the column says what one sees of them
    "xenib list", "ibv_devinfo", "dmesg",
}


def said():
    """All strings of our C, each put together, one a line."""
    text = "\n".join(
        code(path) for folder in ("backend", "frontend", "userlib", "tools")
        for path in glob.glob(folder + "/**/*.[ch]", root_dir=nodes.TOP,
                              recursive=True))
    text = re.sub(r'"\s+"', "", text)
    return "\n".join(re.findall(STRING, text))


def quoted():
    """What first columns quote, with … for what differs."""
    for row in re.findall(r"^\| (.*?) \|", read(PAGE), re.M):
        yield from re.findall("`(.*?)`", row)


def test_quoted_messages_exist():
    own = [text for text in quoted() if text not in OTHERS]
    assert len(own) > 15
    lines = said()
    assert [text for text in own if not re.search(
        ".*".join(re.escape(part) for part in text.split("…")), lines)] == []


def test_no_other_is_left_over():
    assert OTHERS <= set(quoted())


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)", read(PAGE))
    assert links
    assert [link for link in links if not os.path.exists(
        os.path.join(nodes.TOP, "docs", link))] == []
