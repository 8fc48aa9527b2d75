# SPDX-License-Identifier: GPL-2.0-only
"""The C unit tests that `make unit-programs` built, one program a case."""

import glob
import os
import subprocess

import pytest

import nodes

ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), ".."))
PROGRAMS = sorted(path for path in glob.glob(os.path.join(
    ROOT, "build/unit/*/test_*")) if not path.endswith(".o"))


def test_unit_programs_were_built():
    assert PROGRAMS, "no programs in build/unit: run make unit-programs"


@pytest.mark.parametrize("program", PROGRAMS,
                         ids=lambda path: os.path.relpath(
                             path, os.path.join(ROOT, "build/unit")))
def test_unit(program):
    done = subprocess.run([nodes.LAB, "build-sh", "--", program], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
