# SPDX-License-Identifier: GPL-2.0-only
"""The xenib lab: two Xen hosts, their guests and two native machines."""
