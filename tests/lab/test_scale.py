# SPDX-License-Identifier: GPL-2.0-only
"""Queries, many objects, and memory of every kind: as natively."""

import errno

import nodes

# Where a guest's answers are not the HCA's. Its quotas:
QUOTAS = {
    "max_qp": 4096, "max_cq": 4096, "max_srq": 1024, "max_mr": 8192,
    "max_pd": 1024, "max_res_rd_atom": 4096 * 16,
    "max_total_mcast_qp_attach": 1024,
}
# No extensions for kernel users, no raw packets, which IB ports have not:
HIDDEN_CAPS = 1 << 21 | 1 << 26
# And neither time stamps nor raw packet QPs, which are refused as elsewhere:
REFUSED = {
    "completion_timestamp_mask": "0",
    "cq.wc_flag7": str(errno.EOPNOTSUPP),
    "qp.type8": str(errno.EOPNOTSUPP),
}


def test_scale(native, guest, pvh):
    outputs = nodes.run_at_once("scale_check", native[0], guest[0], pvh[1])
    for lines, huge in zip(outputs, ["yes", "no", "yes"]):
        assert "huge pages: " + huge in lines


def test_queries_tell_the_truth(dom0, guest, pvh):
    expected, *found = (
        dict(line.split(" ", 1) for line in lines[:-1])
        for lines in nodes.run_at_once("query_check", dom0[0], guest[0],
                                       pvh[0]))
    expected.update((name, hex(quota)) for name, quota in QUOTAS.items())
    for name in "device_cap_flags", "device_cap_flags_ex":
        assert int(expected[name], 16) & HIDDEN_CAPS
        expected[name] = hex(int(expected[name], 16) & ~HIDDEN_CAPS)
    expected.update(REFUSED)
    assert found == [expected, expected]
