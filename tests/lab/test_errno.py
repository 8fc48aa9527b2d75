# SPDX-License-Identifier: GPL-2.0-only
"""Bad arguments: the errno of each case is the same natively and in guests."""

import pytest

import nodes

MIN_CASES = 1000

# Where a guest is to differ: case -> what it gets instead of success
EXPLAINED = {
    # Raw packets are not for guests
    "create_qp/type 8": "EOPNOTSUPP",
    # Nor are the Q_Keys of management datagrams
    "modify_qp/Q_Key 0x80000000": "EPERM",
    "modify_qp/Q_Key 0xffffffff": "EPERM",
    # A guest's port has one GID, at index 0
    "modify_qp/route, GID that is empty": "EINVAL",
    "modify_qp/route, last GID": "EINVAL",
    # The backend lets no region go around the end of all addresses
    "reg_mr/iova around the end": "EINVAL",
    # Natively this changes nothing; the program believes the QP to be in RTR
    "modify_qp/INIT to RTR, mask 0x4000 more, alt_pkey_index 128": "EINVAL",
    "modify_qp/INIT to RTR, mask 0x4000 more, alt_pkey_index 65535": "EINVAL",
}


def table(node):
    """What bad_args says on a node: case -> errno. Names occur once."""
    nodes.install_program("bad_args", node)
    lines = node.out("timeout 100 /root/bad_args").splitlines()
    cases = dict(line.rsplit(": ", 1) for line in lines)
    assert len(cases) == len(lines) and cases.pop("end") == "ok", lines[-3:]
    return cases


@pytest.fixture(scope="module")
def specification(native):
    return table(native[0])


def test_cases_say_something(specification):
    assert len(specification) >= MIN_CASES
    assert {"ok", "EINVAL", "EFAULT", "ENOSPC", "EBUSY", "EPERM",
            "EOPNOTSUPP"} <= set(specification.values())


def test_errno(specification, guests):
    cases = table(guests[0])
    assert list(cases) == list(specification)
    assert {name: errno for name, errno in cases.items()
            if errno != specification[name]} == EXPLAINED
