# SPDX-License-Identifier: GPL-2.0-only
"""The modules in guests with the kernels of other Debian releases (that of
host1 has one, that of host2 the other), HVM guests among them. Their kernels
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
HVM = "s,^type = .*,type = 'hvm',; s,/boot/vmlinux,%s,"
OTHER_KERNEL = "s,/usr/lib/lab/initrd,/root/initrd,; "


def boot(host, node, changes):
    """Boot a guest with another configuration."""
    host.run(BOOT % {"domain": node.domain, "changes": changes})
    # A firmware and a compressed kernel take an emulated processor long.
    nodes.lab("wait", "--timeout", "300", node.name)


def boot_hvm(host, node, kernel="/boot/vmlinuz-$(uname -r)", changes=""):
    """Boot an HVM guest, whose firmware wants a bzImage."""
    boot(host, node, changes + HVM % kernel)
    assert "paravirtualized kernel on Xen HVM" in node.out("dmesg")


def boot_kernel(host, node, hvm, suite, version, vmlinux, vmlinuz, initrd):
    """Boot a guest with another kernel and the frontend built for that."""
    kernel = vmlinuz if hvm else vmlinux
    nodes.lab("cp", kernel, initrd, "%s:/root/" % host)
    kernel = "/root/" + os.path.basename(kernel)
    if hvm:
        boot_hvm(host, node, kernel, OTHER_KERNEL)
    else:
        boot(host, node, OTHER_KERNEL + "s,/boot/vmlinux,%s," % kernel)
    assert node.out("uname -r") == version
    nodes.lab("cp", "%s/%s/frontend/xen-ibfront.ko" % (BUILT, suite),
              "%s:%s/" % (node, nodes.MODULES))


@pytest.fixture(scope="module", params=[
    "pv-hvm", *(pytest.param(kinds, marks=pytest.mark.exhaustive)
                for kinds in ("hvm-pvh", "pvh-pv"))])
def guests(request, dom0, guest, pvh):
    """Pairs of guests that differ from those of all other tests. Their kinds,
    each with each kernel."""
    kinds = request.param.split("-")
    pair = [(guest if kind == "pv" else pvh)[i] for i, kind in enumerate(kinds)]
    kernels = [line.split() for line in
               nodes.lab("build", "kernels").stdout.splitlines()]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(boot_kernel, host, node, kind == "hvm", *kernel)
                    for host, node, kind, kernel in
                    zip(dom0, pair, kinds, kernels)]:
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
        test_storage.serve(ends[::-1], protocol)


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
