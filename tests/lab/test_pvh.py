# SPDX-License-Identifier: GPL-2.0-only
"""Where the doorbell pages of a PVH guest are in its memory."""

import re

import pytest

import nodes

PAGE = 4096
NOTHING = "0xFFFFFFFF"      # what is read where there is nothing


@pytest.fixture
def uars(pvh, dom0):
    """Guest addresses of the doorbell pages of host2's guest; the BlueFlame
    page of each follows it."""
    device = nodes.device(dom0[1], pvh[1])
    return [(device["uar_gfn_base"] + 2 * i) * PAGE
            for i in range(len(device["uars"]))]


def read(node, first, count):
    """A word of each of so many pages, as the guest's processor reads them."""
    return node.out("for i in $(seq 0 %d); do busybox devmem "
                    "$((%d + i * %d)) 32; done" % (
                        count - 1, first, PAGE)).split()


def test_memory_types(pvh, uars):
    """Doorbells are not cached, and what goes to BlueFlame is combined."""
    node = pvh[1]
    process = nodes.start_server(node, "timeout 60 ibv_rc_pingpong")
    lines = node.out("cat /sys/kernel/debug/x86/pat_memtype_list")
    node.run("pkill -x ibv_rc_pingpong")
    process.wait(timeout=60)
    types = {int(start, 16): kind for start, kind in
             re.findall(r"mem 0x(\w+)-\w+\] (\S+)", lines)}
    mapped = [at for at in uars if at in types]
    assert {types[at] for at in mapped} == {"uncached-minus"}, lines
    # The guest's kernel has one, too, and does without BlueFlame.
    assert sorted(types.get(at + PAGE, "") for at in mapped) == [
        "", "write-combining"], lines


def test_detached_pages_are_out_of_reach(pvh, dom0, uars):
    host, node = dom0[1], pvh[1]
    pages = 2 * len(uars)
    assert NOTHING not in read(node, uars[0], pages)
    assert read(node, uars[0] + pages * PAGE, 1) == [NOTHING]
    host.run("xenib detach " + node.domain)
    assert read(node, uars[0], pages) == pages * [NOTHING]
    nodes.attach(host, node)
    assert NOTHING not in read(node, uars[0], pages)
