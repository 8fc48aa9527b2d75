# SPDX-License-Identifier: GPL-2.0-only
"""The memory that a guest's kernel maps for the HCA. What a mapping does is
tried by a module, tests/lab/arena/xen-ibarena.c."""

import contextlib

import pytest

import nodes

pytestmark = pytest.mark.usefixtures("guest", "pvh")

CHUNK = 4               # MiB
PAGES = 256             # of a MiB
PDS = nodes.DEVICE["pds"]       # the arena's own, and those of ib_mad


@contextlib.contextmanager
def user(node, arena_mb):
    """A user in the kernel, after it has tried everything."""
    failed = node.run("insmod %s/xen-ibarena.ko arena_mb=%d" %
                      (nodes.MODULES, arena_mb), check=False).returncode
    lines = said(node)
    try:
        assert not failed, lines
        yield
    finally:
        node.run("rmmod xen_ibarena", check=False)


def said(node):
    return [line for line in node.out("dmesg").splitlines()
            if "xen-ibarena: line" in line]


def used(host, node):
    return nodes.device(host, node)["counters"]


@pytest.mark.parametrize("arena_mb", [CHUNK, 4 * CHUNK])
def test_mappings(guests, dom0, arena_mb):
    """All that a mapping promises, until there is no room and again. Of the
    guest's pages each counts once, whoever reaches it."""
    host, node = dom0[0], guests[0]
    with nodes.with_arena(node, arena_mb):
        assert used(host, node)["pages"] == nodes.PAGES
        chunks = arena_mb // CHUNK
        with user(node, arena_mb):
            held = used(host, node)
            assert held["pages"] == arena_mb * PAGES + nodes.CQ_PAGES
            # Each chunk, and a share of it for each other PD
            assert (held["mrs"], held["pds"]) == ((PDS + 1) * chunks, PDS + 1)
        held = used(host, node)
        assert (held["mrs"], held["pds"]) == (PDS * chunks, PDS)
        assert held["mws"] == 0
    nodes.assert_idle(host)


@pytest.mark.parametrize("quotas", [{"mrs": 3 * (PDS + 1) - 1},
                                    {"pages": 10 * PAGES}], ids=str)
def test_grows_no_further_than_quotas_let_it(guest, dom0, quotas):
    """What was begun of a chunk is given back, here and in dom0."""
    host, node = dom0[0], guest[0]
    with nodes.attached_with(quotas, host, node), nodes.with_arena(node, 16):
        with user(node, 2 * CHUNK):
            held = used(host, node)
            assert held["pages"] == 2 * CHUNK * PAGES + nodes.CQ_PAGES
            assert held["mrs"] == 2 * (PDS + 1)
    nodes.assert_idle(host)


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_processes_do_not_use_it(guests, dom0):
    """Their memory is granted as it is, also what there is no room for."""
    host, node = dom0[0], guests[0]
    with nodes.with_arena(node, CHUNK), user(node, CHUNK):
        nodes.run_pair(node, node, "ib_write_bw -F -s %d -n 5" % (8 << 20))
        assert used(host, node)["pages"] == nodes.PAGES
    nodes.assert_idle(host)


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_detach_and_attach_again(guests, dom0):
    """The user is told to go, and back it tries everything again."""
    host, node = dom0[0], guests[0]
    with nodes.with_arena(node, CHUNK), user(node, CHUNK):
        host.run("xenib detach " + node.domain)
        nodes.assert_idle(host, devices=1)
        nodes.attach(host, node)
        assert used(host, node)["pages"] == nodes.PAGES
        assert said(node) == []
    nodes.assert_idle(host)
