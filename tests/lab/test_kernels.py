# SPDX-License-Identifier: GPL-2.0-only
"""The modules in guests with the kernels of other Debian releases: that of
host1 has one, that of host2 the other. The PV guests have not their own kernel
any more after this, so it runs when all else has."""

import concurrent.futures
import os

import pytest

import nodes
# With the guests of this file
from test_guest import (  # noqa: F401
    test_devinfo_shows_an_active_port_with_the_hosts_lid)

BUILT = os.path.join(nodes.HERE, "../../build/kernels")
PROGRAMS = ["ibv_rc_pingpong -e", "ibv_uc_pingpong", "ibv_ud_pingpong -e",
            "ibv_srq_pingpong -e", "ib_write_bw -F -n 200"]

BOOT = """
cd /root/%(suite)s && xl destroy %(domain)s &&
sed "s,/boot/vmlinux,$PWD/vmlinux.gz,; s,/usr/lib/lab/initrd,$PWD/initrd," \
	/etc/lab/guests/%(domain)s.cfg >guest.cfg &&
xl create guest.cfg
"""


def boot(host, node, suite, version, vmlinux, initrd):
    """Boot a guest with another kernel, and attach it with the frontend that
    was built for that."""
    host.run("mkdir /root/" + suite)
    nodes.lab("cp", vmlinux, initrd, "%s:/root/%s/" % (host, suite))
    host.run(BOOT % {"suite": suite, "domain": node.domain})
    nodes.lab("wait", node.name)
    assert node.out("uname -r") == version
    nodes.lab("cp", "%s/%s/frontend/xen-ibfront.ko" % (BUILT, suite),
              "%s:%s/" % (node, nodes.MODULES))
    nodes.load_frontend(node)
    nodes.attach(host, node)


@pytest.fixture(scope="module")
def guests(dom0, guest, pvh):
    """The PV guests, with the other kernels."""
    kernels = [line.split() for line in
               nodes.lab("build", "kernels").stdout.splitlines()]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(boot, host, node, *kernel)
                    for host, node, kernel in zip(dom0, guest, kernels)]:
            job.result()
    return guest


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guests, program):
    nodes.run_pair(*guests, program)


def test_frontend_reloaded_five_times(guests):
    for node in guests:
        for _ in range(5):
            nodes.reload_frontend(node)
    nodes.run_pair(*guests, "ibv_rc_pingpong -e")


def test_nothing_is_left_by_detach_and_rmmod(guests, dom0):
    for host, node in zip(dom0, guests):
        host.run("xenib detach " + node.domain)
        assert node.out("ls /sys/class/infiniband") == ""
        node.run("rmmod xen_ibfront")
    for host in dom0:
        nodes.assert_idle(host, devices=1)
