# SPDX-License-Identifier: GPL-2.0-only
"""The linters of `make lint` find nothing."""

import os

import pytest

import nodes

LINT = os.path.join(nodes.TOP, "tests/lint")


@pytest.mark.parametrize("linter", ["checkpatch", "shellcheck", "flake8"])
def test_lint(linter):
    done = nodes.lab("build-sh", "--suite", "lint", "--", LINT, linter,
                     check=False, timeout=600)
    assert done.returncode == 0, done.stdout
