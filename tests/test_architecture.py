# SPDX-License-Identifier: GPL-2.0-only
"""docs/architecture.md says what a kind of object touches, and where what is
mlx4's stands. XRC domains, which other objects use, are held to the first."""

import os
import subprocess

import nodes

TOUCHED = """backend/Kbuild backend/hca.h backend/ibback.h backend/verbs.c
    backend/mlx4/xrcd.c backend/xrcd.c
    frontend/Kbuild frontend/ibfront.h frontend/xrcd.c""".split()


def names(path, word):
    with open(os.path.join(nodes.TOP, path), encoding="utf-8") as f:
        return word in f.read().lower()


def naming(word):
    """The modules' files that have a word."""
    sources = subprocess.check_output(["make", "-s", "module-sources"],
                                      cwd=nodes.TOP, text=True).split()
    return sorted(path for path in sources
                  if path.startswith(("backend/", "frontend/")) and
                  names(path, word))


def test_no_other_file_names_xrc_domains():
    assert naming("xrcd") == sorted(TOUCHED)


def test_no_other_file_names_mlx4():
    """But those of the two providers, and those that register them."""
    assert [path for path in naming("mlx4") if "/mlx4/" not in path] == [
        "backend/Kbuild", "backend/providers.c",
        "frontend/Kbuild", "frontend/provider.h"]
