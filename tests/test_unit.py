# SPDX-License-Identifier: GPL-2.0-only
"""The C unit tests that `make unit-programs` built, one program a case."""

import glob
import os

import pytest

import nodes

BUILT = os.path.join(nodes.TOP, "build/unit")
PROGRAMS = sorted(path for path in glob.glob(BUILT + "/*/test_*")
                  if not path.endswith(".o"))


def test_unit_programs_were_built():
    assert PROGRAMS, "no programs in build/unit: run make unit-programs"


@pytest.mark.parametrize("program", PROGRAMS,
                         ids=lambda path: os.path.relpath(path, BUILT))
def test_unit(program):
    done = nodes.lab("build-sh", "--", program, check=False, timeout=300)
    assert done.returncode == 0, done.stdout
