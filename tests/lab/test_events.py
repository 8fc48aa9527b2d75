# SPDX-License-Identifier: GPL-2.0-only
"""Completion and asynchronous events: the same natively and in guests."""

import collections

import pytest

import nodes

# What is told of a new subnet manager's work. It has another LID itself, and
# GIDs are others too, but of that Linux tells no process natively either:
# mlx4_ib raises no SM change, and the core keeps GID changes of InfiniBand
# ports to itself.
SUBNET = "P_Key change", "LID change", "client reregistration"

# For OpenSM: one more partition, another subnet prefix.
PARTITIONS = "Default=0x7fff,ipoib:ALL=full;\\nTest=0x0123:ALL=full;\\n"
CONFIGURATION = "subnet_prefix 0xfec0000000000001\\n"


@pytest.mark.parametrize("program", ["channels_check", "events_check"])
def test_events(native, guest, pvh, program):
    nodes.run_at_once(program, native[1], guest[0], pvh[1])


def stop_opensm(machine):
    machine.run("killall -w opensm")


def set_link(machine, plugged):
    nodes.set_hca(machine, "link1", plugged)


def change_subnets(machine):
    """Another OpenSM, which does not like what the last one has set up."""
    machine.run(
        "printf '%s' >/root/partitions && printf '%s' >/root/opensm.conf && "
        "sed -i 's/ 0x00/ 0x01/g' /var/cache/opensm-*/guid2lid && "
        "/usr/lib/lab/opensm -F /root/opensm.conf -P /root/partitions" %
        (PARTITIONS, CONFIGURATION))


def restore_subnets(machine):
    machine.run("sed -i 's/ 0x01/ 0x00/g' /var/cache/opensm-*/guid2lid && "
                "/usr/lib/lab/opensm")


def on_both_ports(names):
    return {"%s, port %d" % (name, port) for name in names for port in (1, 2)}


def test_port_events(native, dom0, guest, pvh):
    """
    All processes are told what a subnet manager changes, and a cable, a guest's
    no more often than dom0's; those of a guest that was paused meanwhile,
    afterwards and once.
    """
    machines = native[0], dom0[0]
    watches = [nodes.Watch(node)
               for node in (native[0], dom0[0], guest[0], pvh[0])]
    *running, paused = watches
    told = {watch: collections.Counter() for watch in watches}
    changed = on_both_ports(SUBNET)

    def expect(events, of):
        for watch in of:
            seen = watch.take(events)
            assert set(seen) == events, (watch.node, seen)
            told[watch] += seen

    lids = [nodes.lid(node) for node in machines]
    dom0[0].run("xl pause " + pvh[0].domain)
    for machine in machines:
        stop_opensm(machine)
        set_link(machine, False)
    expect({"port error, port 1"}, running)
    for machine in machines:
        set_link(machine, True)
        change_subnets(machine)
    expect(changed | {"port active, port 1"}, running)
    dom0[0].run("xl unpause " + pvh[0].domain)
    expect(changed | {"port error, port 1", "port active, port 1"}, [paused])
    assert set(told[paused].values()) == {1}, told[paused]
    nodes.run_pair(*guest, "ibv_rc_pingpong -n 100 -g 0")
    for node in native[0], guest[0], pvh[0]:
        out = node.out("ibv_devinfo -v")
        assert "fec0:0000:0000:0001" in out, out
        assert node.out("cat /sys/class/infiniband/*/ports/1/pkeys/1") == \
            "0x8123"
    for machine in machines:
        stop_opensm(machine)
        restore_subnets(machine)
    expect(changed, watches)
    for watch in watches:
        watch.stop()
    _, host, *guests = watches
    for watch in guests:
        assert told[watch] <= told[host], (watch.node, told[watch], told[host])
    assert lids == [nodes.lid(node) for node in machines]
    for pair in native, guest, pvh:
        nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
