# SPDX-License-Identifier: GPL-2.0-only
"""vibif.h against what repeats its numbers where no compiler looks: the manual
page, and the hostile guest's program, which runs in a guest without the
header."""

import os
import re

import pytest

import nodes
from programs import rogue

OPERATIONS = """QUERY_DEVICE QUERY_PORT QUERY_GID QUERY_PKEY ALLOC_CONTEXT
    ALLOC_PD REG_MR REREG_MR CREATE_CQ MODIFY_CQ RESIZE_CQ CREATE_SRQ MODIFY_SRQ
    QUERY_SRQ CREATE_QP MODIFY_QP QUERY_QP ATTACH_MCAST DETACH_MCAST DESTROY
    ALLOC_XRCD ALLOC_MW SET_ADDRS QUERY_COUNTERS""".split()
OF_ROGUE = {
    "PAGE": "PAGE_SIZE", "SLOT": "SLOT_SIZE",
    "GREFS_PER_PAGE": "GREFS_PER_PAGE", "HAS_RQ": "QP_HAS_RQ",
    **{name: "OP_" + name for name in OPERATIONS},
    **{name: "ACCESS_" + name for name in (
        "LOCAL_WRITE", "REMOTE_WRITE", "REMOTE_READ", "REMOTE_ATOMIC",
        "MW_BIND")},
    **{name: "MR_" + name for name in (
        "WRITABLE", "REREG_TRANS", "REREG_PD", "REREG_ACCESS", "SHARE")},
    **{name: "QPT_" + name for name in ("RC", "UC", "UD", "XRC_INI",
                                        "XRC_TGT")},
}
LIMITS = ["MAX_CONTEXTS", "MAX_QUOTA", "MAX_EVENT_SOURCES", "OP_MAX"]

PROGRAM = """
#include <stdio.h>
#include <xen/interface/io/vibif.h>
#define SAY(name)		printf("%%s %%u\\n", #name, VIBIF_##name);
#define QUOTA(id, name, value)	printf("%%s %%u\\n", #name, value);
int main(void)
{
	%s
	VIBIF_QUOTAS(QUOTA)
}
"""


@pytest.fixture(scope="module")
def values():
    """The header's numbers by name, without VIBIF_; quotas in small letters."""
    source = os.path.join(nodes.TOP, "build/unit/vibif_values.c")
    os.makedirs(os.path.dirname(source), exist_ok=True)
    with open(source, "w", encoding="utf-8") as f:
        f.write(PROGRAM % "\n\t".join("SAY(%s)" % name for name in (
            *OF_ROGUE.values(), *LIMITS)))
    program = source[:-2]
    done = nodes.lab("build-sh", "--", "sh", "-ec",
                     "cc -I%s/include -o %s %s; %s" % (
                         nodes.TOP, program, source, program),
                     timeout=60)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: int(value) for name, value in lines}


def test_hostile_guest_speaks_the_protocol(values):
    assert {name: getattr(rogue, name) for name in OF_ROGUE} == {
        name: values[value] for name, value in OF_ROGUE.items()}
    assert sorted(rogue.OPERATIONS) == list(range(1, values["OP_MAX"] + 1))


def test_manual_page_knows_the_quotas(values):
    with open(os.path.join(nodes.TOP, "docs/man/xenib.8"),
              encoding="utf-8") as f:
        page = f.read()
    quotas = {name: value for name, value in values.items() if name.islower()}
    attach, told = re.search(r'^\.SS "xenib attach.*?(?=^\.SS )', page,
                             re.M | re.S)[0], {}
    for part in re.split(r"^\.(?:TP|PP|SS|SH)", attach, flags=re.M):
        names = [name for name in re.findall(r"^\.B.* \\-\\-.*", part, re.M)
                 for name in re.findall(r"\\-\\-(\w+)", name)
                 if name in quotas]
        if names:
            default = part[part.index("by default"):].split(".")[0]
            told.update(zip(names, map(int, re.findall(r"\d+", default)),
                            strict=True))
    assert told == quotas
    assert "1 to %d, by default" % values["MAX_CONTEXTS"] in page
    assert "numbers from 1 to %d" % values["MAX_QUOTA"] in page
    assert "add up to more than %d" % values["MAX_EVENT_SOURCES"] in page
