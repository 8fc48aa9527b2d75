# SPDX-License-Identifier: GPL-2.0-only
"""No domain and no hypervisor has complained about anything. Their
logs are in build/results/logs then."""

import pytest

import nodes

pytestmark = pytest.mark.reads_logs


def test_no_complaint_in_any_log(lab):
    done = nodes.lab("check-logs", "--save", nodes.RESULTS + "/logs",
                     check=False)
    assert done.returncode == 0, done.stdout
