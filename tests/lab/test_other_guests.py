# SPDX-License-Identifier: GPL-2.0-only
"""The modules in guests with the kernels of other Debian releases (that of
host1 has one, that of host2 the other), and in HVM guests. All their kernels
fill memory that is not in use, which shows who hands it on."""

import concurrent.futures
import os

import pytest

import ipoib
import nodes
import test_node
import test_storage
# With the guests of this file
from test_guest import (  # noqa: F401
    test_devinfo_shows_an_active_port_with_the_hosts_lid)

pytestmark = pytest.mark.replaces_guests

BUILT = os.path.join(nodes.TOP, "build/kernels")
PROGRAMS = ["ibv_rc_pingpong -e", "ibv_uc_pingpong", "ibv_ud_pingpong -e",
            "ibv_srq_pingpong -e", "ib_write_bw -F -n 200"]

BOOT = """
cd /root && xl destroy %(domain)s &&
sed "s/^extra = 'console=hvc0/& slub_debug=P,kmalloc-*/; %(changes)s" \
	/etc/lab/guests/%(domain)s.cfg >%(domain)s.cfg &&
xl create %(domain)s.cfg
"""
OTHER_KERNEL = ("s,/boot/vmlinux,/root/vmlinux.gz,; "
                "s,/usr/lib/lab/initrd,/root/initrd,")
HVM = "s,^type = .*,type = 'hvm',; s,/boot/vmlinux,/boot/vmlinuz-$(uname -r),"


def boot(host, node, changes):
    """Boot a guest with another configuration."""
    host.run(BOOT % {"domain": node.domain, "changes": changes})
    nodes.lab("wait", node.name)


def boot_kernel(host, node, suite, version, vmlinux, initrd):
    """Boot a guest with another kernel and the frontend built for that."""
    nodes.lab("cp", vmlinux, initrd, "%s:/root/" % host)
    boot(host, node, OTHER_KERNEL)
    assert node.out("uname -r") == version
    nodes.lab("cp", "%s/%s/frontend/xen-ibfront.ko" % (BUILT, suite),
              "%s:%s/" % (node, nodes.MODULES))


def boot_hvm(host, node):
    boot(host, node, HVM)
    assert "paravirtualized kernel on Xen HVM" in node.out("dmesg")


# With --exhaustive, each kernel in guests of both kinds
KINDS = ["pv-pvh", "hvm", *(pytest.param(kind, marks=pytest.mark.exhaustive)
                            for kind in ("pv", "pvh"))]


@pytest.fixture(scope="module", params=KINDS)
def guests(request, dom0, guest, pvh):
    """Pairs of guests that differ from those of all other tests."""
    pair = {"pv-pvh": (guest[0], pvh[1]), "pv": guest}.get(request.param, pvh)
    jobs = [(boot_hvm, *both) for both in zip(dom0, pair)]
    if request.param != "hvm":
        kernels = [line.split() for line in
                   nodes.lab("build", "kernels").stdout.splitlines()]
        jobs = [(boot_kernel, host, node, *kernel) for host, node, kernel in
                zip(dom0, pair, kernels)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(*job) for job in jobs]:
            job.result()
    for host, node in zip(dom0, pair):
        nodes.load_frontend(node)
        nodes.attach(host, node)
    return pair


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guests, program):
    nodes.run_pair(*guests, program)


def test_queries_tell_nothing_stale(guests):
    nodes.run_at_once("stale_check", *guests)


def has_usual_kernel(item):
    return item.callspec.params["guests"] == "hvm"


@pytest.mark.exhaustive(when=has_usual_kernel)
def test_full_node(guests):
    """Management, IPoIB, and connections by its addresses."""
    with ipoib.interfaces(*guests) as ends:
        test_node.test_subnet_administration(ends)
        ends[1].ping(ends[0].v4, "-q -c 3 -i 0.2 -s 1900")
        for name in "rping", "udaddy":
            test_node.run(ends, test_node.PROGRAMS[name])


@pytest.mark.exhaustive
@pytest.mark.parametrize("protocol", ["nvme", "iser", "nfs"])
def test_storage_protocol(guests, protocol):
    with ipoib.interfaces(*guests) as ends:
        test_storage.serve(ends, protocol)


def test_frontend_reloaded(guests, exhaustive):
    for node in guests:
        for _ in range(5 if exhaustive else 1):
            nodes.reload_frontend(node)
    nodes.run_pair(*guests, "ibv_rc_pingpong -e")


def test_nothing_is_left_by_detach_and_rmmod(guests, dom0):
    for host, node in zip(dom0, guests):
        others = len(nodes.xenib_list(host)["devices"]) - 1
        host.run("xenib detach " + node.domain)
        assert node.out("ls /sys/class/infiniband") == ""
        node.run("rmmod xen_ibfront")
        nodes.assert_idle(host, devices=others)
