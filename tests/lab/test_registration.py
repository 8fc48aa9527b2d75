# SPDX-License-Identifier: GPL-2.0-only
"""What a registration costs, and that what is kept of it harms nobody."""

import pytest

import nodes
from test_datapath import hypercalls, requests, trace_of

GRANT_TABLE_OP = 20
FEW, MANY = 5, 65
PAGES = 2048
PAGES_PER_GRANT_OP = 128
AREAS, AREA_PAGES = 20, 128
REGISTER_MANY = "mr_check many %d %d" % (AREAS, AREA_PAGES << 12)
SLACK = 12      # calls of Xen by dom0 for what else it does: packets of ssh


def cost(host, node, times):
    """Of registering the same so many times: requests, and calls of Xen by
    dom0 and the guest for grants."""
    before = requests(host, node)
    trace = trace_of(host, node,
                     "/root/register_again %d %d" % (times, PAGES << 12))
    domid = int(nodes.domid(host, node))
    return (requests(host, node) - before,
            hypercalls(trace, 0, [GRANT_TABLE_OP]),
            hypercalls(trace, domid, [GRANT_TABLE_OP]))


def test_registered_again(guests, dom0):
    """One request each way, and no grant. The first time the grants of the
    region come in pages of operations."""
    host, node = dom0[0], guests[0]
    nodes.install_program("register_again", node)
    none, one, few, many = (cost(host, node, times)
                            for times in (0, 1, FEW, MANY))
    print(none, one, few, many)
    assert many[0] - few[0] == 2 * (MANY - FEW)
    for again in 1, 2:
        assert many[again] - few[again] <= (MANY - FEW) / 2
    # They are mapped and unmapped, and there are pages of the directory.
    first = min(found[1] for found in (one, few, many)) - none[1]
    assert 0 < first <= 2 * PAGES / PAGES_PER_GRANT_OP + 3 + SLACK


def test_memory_changes(guests):
    """Whatever the process does to it between two registrations"""
    node = guests[0]
    nodes.install_program("mr_check", node)
    node.run("/root/mr_check changes", timeout=120)


def used(host, node):
    """Pages that the guest has registered, or its queues have."""
    return nodes.device(host, node)["counters"]["pages"]


@pytest.fixture
def checked(guest, dom0):
    nodes.install_program("mr_check", guest[0])
    return dom0[0], guest[0]


def test_limit_on_locked_memory(checked):
    """What is kept counts, and gives way: each area would fit alone."""
    node = checked[1]
    node.run("cp /root/mr_check /tmp/ && ulimit -l %d && setpriv "
             "--reuid=65534 --regid=65534 --clear-groups /tmp/%s </dev/null" %
             (2 * AREA_PAGES << 2, REGISTER_MANY), timeout=60)


def test_quota(checked):
    """The same with the quota of pages"""
    host, node = checked
    before = nodes.device(host, node)["quotas"]["pages"]
    host.run("xenib limit --pages %d guest1" %
             (used(host, node) + 2 * AREA_PAGES))
    try:
        node.run("/root/%s </dev/null" % REGISTER_MANY, timeout=60)
    finally:
        host.run("xenib limit --pages %d guest1" % before)


def test_memory_is_wanted(checked):
    """The kernel asks for memory back: what is kept comes, though the process
    goes on. When that ends all the rest comes."""
    host, node = checked
    base = used(host, node)
    process = node.start("rm -f /root/enough; until [ -e /root/enough ]; do "
                         "sleep 0.2; done | /root/" + REGISTER_MANY)
    try:
        assert process.stdout.readline() == "registered\n"
        assert used(host, node) >= base + AREAS * AREA_PAGES
        nodes.wait_for(
            lambda: node.run("echo 2 >/proc/sys/vm/drop_caches") and
            used(host, node), lambda pages: pages < base + AREA_PAGES)
    finally:
        node.run("touch /root/enough")
    assert process.wait(timeout=60) == 0
    assert used(host, node) == base


# Takes nine tenths of what is free, and gives them back, again and again.
PRESSURE = """
rm -f /root/enough
mkdir -p /root/much
mount -t tmpfs -o size=100% tmpfs /root/much
until [ -e /root/enough ]; do
    free=$(awk '/^MemAvailable/ { print int($2 / 1138) }' /proc/meminfo)
    dd if=/dev/zero of=/root/much/file bs=1M count=$free 2>/dev/null
    rm /root/much/file
done
umount /root/much
"""


@pytest.mark.exhaustive
def test_minutes_under_pressure(guests, dom0):
    """A guest registers, deregisters, frees and forks, short of memory."""
    host, node = dom0[0], guests[0]
    nodes.install_program("mr_check", node)
    base = used(host, node)
    pressure = node.start(PRESSURE)
    try:
        print(node.out("/root/mr_check churn 150", timeout=300))
    finally:
        node.run("touch /root/enough")
        pressure.wait(timeout=60)
    assert used(host, node) == base
