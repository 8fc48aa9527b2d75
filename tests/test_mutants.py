# SPDX-License-Identifier: GPL-2.0-only
"""Each check that a unit program guards is deleted once, and missed. The checks
that take a lab to miss are tried by `make mutants`."""

import os

import nodes

MUTANTS = os.path.join(nodes.TOP, "tests/mutants")


def test_deleted_checks_are_missed():
    done = nodes.lab("build-sh", "--", MUTANTS, "unit", check=False,
                     timeout=600)
    assert done.returncode == 0, done.stdout
