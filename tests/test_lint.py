# SPDX-License-Identifier: GPL-2.0-only
"""The linters of `make lint` find nothing."""

import os
import subprocess

import pytest

import nodes

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lint")


@pytest.mark.parametrize("linter", ["checkpatch", "shellcheck", "flake8"])
def test_lint(linter):
    done = subprocess.run([nodes.LAB, "build-sh", "--suite", "lint", "--",
                           LINT, linter], text=True, check=False, timeout=600,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
