# SPDX-License-Identifier: GPL-2.0-only
"""There is one version. What cannot read it from its header repeats it."""

import glob
import os
import re

import pytest

import nodes


def read(path):
    with open(os.path.join(nodes.TOP, path), encoding="utf-8") as f:
        return f.read()


def version():
    return re.search(r'^#define XENIB_VERSION\s+"(\d+\.\d+\.\d+)"$',
                     read("include/xenib_version.h"), re.M)[1]


PAGES = sorted(glob.glob("docs/man/*.[1-9]", root_dir=nodes.TOP))


@pytest.mark.parametrize("path", PAGES)
def test_man_page(path):
    heading = re.search(r'^\.TH \S+ \d \S+ "(.*?)" ', read(path), re.M)
    assert heading[1] == "xenib " + version()


def test_debian_changelog():
    assert read("debian/changelog").startswith("xenib (%s) " % version())


def in_tree(*command):
    return nodes.lab("build-sh", "--", *command, timeout=300).stdout


def test_library_and_command():
    made = in_tree("sh", "-ec", "make -s userspace PREFIX=/usr; "
                   "ls userlib; LD_LIBRARY_PATH=userlib tools/xenib --version; "
                   "PKG_CONFIG_PATH=userlib pkg-config --modversion libxenib")
    lines = made.split("\n")
    assert "libxenib.so.1." + version() in lines
    assert "xenib " + version() in lines
    assert version() in lines


@pytest.mark.parametrize("module", ["frontend/xen-ibfront",
                                    "backend/xen-ibback"])
def test_module(module):
    path = "build/kernels/trixie/%s.ko" % module
    assert in_tree("modinfo", "-F", "version", path).strip() == version()
