# SPDX-License-Identifier: GPL-2.0-only
"""Runs last: no domain and no hypervisor has complained about anything."""

import nodes


def test_no_complaint_in_any_log(lab):
    done = nodes.lab("check-logs", check=False)
    assert done.returncode == 0, done.stdout
