# SPDX-License-Identifier: GPL-2.0-only
"""Queries, many objects, and memory of every kind: as natively."""

import contextlib
import errno
import ipaddress
import re

import nodes

# As many as scale_check has at once, and a few.
THOUSANDS = {"cqs": 1100, "qps": 1100}

# Of memory there is for one region at least: half of a guest's.
MIN_MIB = 192

# Where a guest's answers are not the HCA's. Its quotas:
QUOTAS = {
    "max_qp": "qps", "max_cq": "cqs", "max_srq": "srqs", "max_mr": "mrs",
    "max_pd": "pds", "max_total_mcast_qp_attach": "mcast",
}
# What it may have in one multicast group, see backend/ibback.h
GROUP_QPS = 16
# No raw packets, which IB ports have not:
HIDDEN_CAPS = 1 << 26
# The subnet managers on its ports are dom0's
IS_SM = 1 << 1
# What is at an index where a port has no GID
NO_GID = "fe80::"
# And neither time stamps nor raw packet QPs, which are refused as elsewhere:
REFUSED = {
    "completion_timestamp_mask": "0",
    "cq.wc_flag7": str(errno.EOPNOTSUPP),
    "qp.type8": str(errno.EOPNOTSUPP),
}


def test_scale(native, guest, pvh, dom0):
    with contextlib.ExitStack() as stack:
        for host, node in (dom0[0], guest[0]), (dom0[1], pvh[1]):
            stack.enter_context(nodes.attached_with(THOUSANDS, host, node))
        outputs = nodes.run_at_once("scale_check", native[0], guest[0], pvh[1])
    for lines, huge in zip(outputs, ["yes", "no", "yes"]):
        assert "huge pages: " + huge in lines
        size, = [int(line.split()[3]) for line in lines if "an MR of" in line]
        assert size >= MIN_MIB, lines


def identity(device, answers):
    """Answers of its own: a node GUID and one GID at each port, to which the
    HCA's tables of GIDs are cut."""
    own = {name: NO_GID for name in answers
           if re.fullmatch(r"port[12]\.gid[0-9]+", name)}
    for number, port in enumerate(device["ports"], 1):
        assert port["gid_state"] == "alias"
        own["port%d.gid0" % number] = str(ipaddress.ip_address(port["gid"]))
    guid = bytes.fromhex(device["node_guid"].replace(":", ""))
    own["node_guid"] = hex(int.from_bytes(guid, "little"))
    return own


def test_queries_tell_the_truth(dom0, guest, pvh):
    expected, *found = (
        dict(line.split(" ", 1) for line in lines[:-1])
        for lines in nodes.run_at_once("query_check", dom0[0], guest[0],
                                       pvh[0]))
    quotas = [nodes.device(dom0[0], node)["quotas"]
              for node in (guest[0], pvh[0])]
    assert quotas[0] == quotas[1]
    expected.update((name, hex(quotas[0][quota]))
                    for name, quota in QUOTAS.items())
    expected["max_mcast_qp_attach"] = hex(GROUP_QPS)
    expected["max_res_rd_atom"] = hex(
        int(expected["max_qp_rd_atom"], 16) * quotas[0]["qps"])
    for name in "device_cap_flags", "device_cap_flags_ex":
        assert int(expected[name], 16) & HIDDEN_CAPS
        expected[name] = hex(int(expected[name], 16) & ~HIDDEN_CAPS)
    for name in "port1.port_cap_flags", "port2.port_cap_flags":
        expected[name] = hex(int(expected[name], 16) & ~IS_SM)
    expected.update(REFUSED)
    for node, answers in zip((guest[0], pvh[0]), found):
        expected.update(identity(nodes.device(dom0[0], node), expected))
        assert [(name, answers.get(name), expected.get(name))
                for name in sorted(answers.keys() | expected.keys())
                if answers.get(name) != expected.get(name)] == []
