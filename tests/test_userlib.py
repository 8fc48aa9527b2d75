# SPDX-License-Identifier: GPL-2.0-only
"""What a program that is linked with libxenib sees of it."""

import re

import nodes
from test_version import read


def exported(library):
    """The names that a library defines for others."""
    done = nodes.lab("build-sh", "--", "sh", "-ec",
                     "make -s -C userlib; nm --defined-only --extern-only %s "
                     "userlib/%s" % ("--dynamic" if ".so" in library else "",
                                     library), timeout=120)
    return set(re.findall(r" [A-Z] (\w+)", done.stdout)) - {"XENIB_1"}


def test_a_library_defines_the_api_and_nothing_else():
    api = set(re.findall(r"^\w.*?\b(xenib_\w+)\(", read("include/xenib.h"),
                         re.M))
    names = re.findall(r"\b(xenib_\w+);", read("userlib/libxenib.map"))
    assert set(names) == api
    assert exported("libxenib.a") == api
    assert exported("libxenib.so") == api
