# SPDX-License-Identifier: GPL-2.0-only
"""docs/architecture.md says what a kind of object touches. XRC domains, which
other objects use, are held to it."""

import os
import subprocess

import nodes

TOUCHED = """backend/Kbuild backend/hca.h backend/ibback.h backend/verbs.c
    backend/mlx4/xrcd.c backend/xrcd.c
    frontend/Kbuild frontend/ibfront.h frontend/xrcd.c""".split()


def names(path, word):
    with open(os.path.join(nodes.TOP, path), encoding="utf-8") as f:
        return word in f.read().lower()


def test_no_other_file_names_xrc_domains():
    sources = subprocess.check_output(["make", "-s", "module-sources"],
                                      cwd=nodes.TOP, text=True).split()
    assert sorted(TOUCHED) == sorted(
        path for path in sources
        if path.startswith(("backend/", "frontend/")) and names(path, "xrcd"))
