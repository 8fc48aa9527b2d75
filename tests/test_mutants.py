# SPDX-License-Identifier: GPL-2.0-only
"""Each check that a unit program guards is deleted once, and missed. The checks
that take a lab to miss are tried by `make mutants`."""

import os
import subprocess

import nodes

MUTANTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mutants")


def test_deleted_checks_are_missed():
    done = subprocess.run([nodes.LAB, "build-sh", "--", MUTANTS, "unit"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600,
                          check=False)
    assert done.returncode == 0, done.stdout
