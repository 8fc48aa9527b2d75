# SPDX-License-Identifier: GPL-2.0-only
"""What processes in a guest can do to each other, and to their kernel."""

import nodes


def test_a_flood_leaves_others_their_share(guests):
    nodes.run_at_once("share_check", guests[0])
