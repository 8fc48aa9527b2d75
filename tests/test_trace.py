# SPDX-License-Identifier: GPL-2.0-only
"""What the proof of the data path reads out of Xen's trace."""

import struct

import pytest

import test_datapath as datapath

DOMID = 3
PAGE_FAULT, PTWR, MATH = 4, 11, 8       # of TRC_PV_ENTRY


def record(event, *extra, time=1):
    return struct.pack("<IQ%dI" % len(extra),
                       1 << 31 | len(extra) << 28 | event, time, *extra)


def switch(domid):
    return record(datapath.TRC_SCHED_SWITCH, 32767, 0, domid, 0)


def entries(*records):
    """Those of a domain that then runs."""
    trace = record(datapath.TRC_CPU_CHANGE, 0, 0) + switch(DOMID)
    return dict(datapath.entries_to_xen(trace + b"".join(records), DOMID))


@pytest.mark.parametrize("event, extra, what", [
    (datapath.TRC_PV_HYPERCALL, (29,), ("pv", 29)),
    (datapath.TRC_PV_TRAP | datapath.TRC_64_FLAG, (1, 2, 0x800d),
     ("pv trap", 13)),
    (datapath.TRC_PV_ENTRY + PAGE_FAULT | datapath.TRC_64_FLAG, (1, 2, 3, 4, 5),
     ("pv entry", PAGE_FAULT)),
    (datapath.TRC_PV_ENTRY + PTWR, (1, 2), ("pv entry", PTWR)),
    (datapath.TRC_HVM_VMMCALL, (29,), ("hvm", 29)),
    (datapath.TRC_HVM_SVM_EXIT | datapath.TRC_64_FLAG, (0x400, 1, 2),
     ("svm", 0x400)),
])
def test_every_way_into_xen_counts(event, extra, what):
    assert entries(record(event, *extra), record(event, *extra)) == {what: 2}
    assert entries(switch(0), record(event, *extra)) == {}


def test_what_a_guest_is_not_to_blame_for():
    assert entries(record(datapath.TRC_PV_ENTRY + MATH),
                   record(datapath.TRC_HVM_SVM_EXIT, 0x60)) == {}


def test_lost_records_are_noticed():
    with pytest.raises(AssertionError, match="lost"):
        entries(record(datapath.TRC_LOST_RECORDS, 5, 0, 1, 0))
    # Those of before
    assert entries(record(datapath.TRC_LOST_RECORDS, 5, 0, 0, 0)) == {}


def test_duration():
    event = datapath.TRC_PV_HYPERCALL
    without = struct.pack("<2I", 1 << 28 | event, 29)
    assert datapath.duration(record(event, 1, time=1000) + without +
                             record(event, 1, time=1500)) == 500
