# SPDX-License-Identifier: GPL-2.0-only
"""
As a new administrator does it, on nodes with systemd and udev: the packages,
one file, and then whatever happens to guests and their host. The devices come
back each time.

DKMS builds the modules elsewhere, for it would take an emulated processor very
long: in a root with nothing but the kernel's headers.
"""

import concurrent.futures
import os
import re
import shutil
import time

import pytest

import nodes
import test_packages
from lib import packages

pytestmark = [pytest.mark.exhaustive, pytest.mark.has_another_lab,
              pytest.mark.usefixtures("installed")]

HOST = nodes.Node("host1")
GUESTS = nodes.Node("host1-guest1"), nodes.Node("host1-guest2")
ALL = (HOST,) + GUESTS
DKMS = os.path.join(packages.BUILT, "dkms")
CONTEXTS = 8

FILE = """\
[guest]
name = guest*
[device]
contexts = %d
""" % CONTEXTS

NETWORK = """\
[Match]
Name=ib0
[Network]
Address=10.78.0.%d/24
"""


def at_once(function, *items):
    with concurrent.futures.ThreadPoolExecutor(len(items[0])) as pool:
        return list(pool.map(function, *items))


def build_modules():
    """What DKMS makes of the package on a machine with the same kernel."""
    shutil.rmtree(DKMS, ignore_errors=True)
    test_packages.clean(packages.SUITE, """
only "$own"
install "$1"
cp -r /lib/modules/"$own"/updates/dkms "$2"
""", test_packages.debs(packages.SUITE)[2], DKMS)


def copy_modules():
    """To the host, which then knows them; guests have the same files, for
    depmod takes an emulated processor a minute."""
    where = "/lib/modules/" + HOST.out("uname -r")
    HOST.run("mkdir %s/updates" % where)
    nodes.lab("cp", DKMS, "%s:%s/updates/" % (HOST, where))
    HOST.run("depmod", timeout=600)
    for guest in GUESTS:
        guest.run("scp -q -r -p '%s:%s/updates' '%s:%s/modules.*' %s/" % (
            HOST, where, HOST, where, where))


def install_packages():
    """In dom0, by apt: also when they are there already."""
    nodes.lab("cp", *test_packages.debs(packages.SUITE),
              "%s:/root/debs/" % HOST)
    HOST.run("apt-get install -q -y --reinstall /root/debs/libxenib1_*.deb "
             "/root/debs/xenib-*.deb", timeout=600)


def write(node, path, text):
    node.run("printf %%s '%s' >%s" % (text, path))


def set_up(node):
    """The host has the packages. Guests are without a compiler, as README has
    it; and they get an address for IPoIB."""
    if node == HOST:
        node.run("mkdir /root/debs")
        install_packages()
        return
    nodes.lab("cp", os.path.join(nodes.TOP, "frontend/75-xenib.rules"),
              "%s:/usr/lib/udev/rules.d/" % node)
    write(node, "/etc/systemd/network/ib0.network",
          NETWORK % (1 + GUESTS.index(node)))
    node.run("udevadm control --reload; networkctl reload")


@pytest.fixture(scope="module")
def installed():
    """All but the file."""
    build_modules()
    nodes.lab("down")
    nodes.lab("up", "--machines", "1", "--no-native", "--systemd", "--smp", "2",
              "--guests", "2")
    copy_modules()
    at_once(set_up, ALL)
    yield
    nodes.lab("down")


def wait_connected(guest, timeout=60):
    """Until a guest has what the file says, and reaches the other by IPoIB."""
    begin = time.monotonic()
    nodes.wait_active(guest, timeout)
    assert nodes.device(HOST, guest)["quotas"]["contexts"] == CONTEXTS
    ping = "ip -br addr; ping -q -c 1 -w 5 10.78.0.%d" % (
        2 - GUESTS.index(guest))
    nodes.wait_for(lambda: guest.run(ping, check=False),
                   lambda done: not done.returncode, timeout)
    print("%s: connected after %.0f s" % (guest, time.monotonic() - begin))


def wait_all_connected():
    for guest in GUESTS:
        nodes.wait_active(guest, 60)
    for guest in GUESTS:
        wait_connected(guest)
    nodes.run_pair(*GUESTS, "ibv_rc_pingpong -n 100")


def said(unit="xenibd"):
    return HOST.out("journalctl -q -b -o cat -u " + unit)


def loaded(node):
    return set(node.out("cut -d ' ' -f 1 /proc/modules").split())


def test_one_file_is_all():
    """Guests that run have their devices by it, and rdma-core has loaded what
    belongs to InfiniBand."""
    assert HOST.out("systemctl is-enabled xenibd") == "enabled"
    assert HOST.out("systemctl is-active xenibd") == "active"
    assert "xen_ibback" in loaded(HOST)
    write(HOST, "/etc/xenib/guests.d/all.conf", FILE)
    wait_all_connected()
    for guest in GUESTS:
        assert {"xen_ibfront", "ib_umad", "rdma_ucm", "ib_ipoib"} <= loaded(
            guest)
        guest.run("systemctl is-active rdma-hw.target")


def exported(node):
    """What its node exporter tells."""
    return HOST.out("python3 -c 'import urllib.request as r; print(r.urlopen("
                    "\"http://%s:9100/metrics\").read().decode())'" % node)


def test_exporter_in_guests():
    for guest in GUESTS:
        text = exported(guest)
        assert ('node_scrape_collector_success{collector="infiniband"} 1' in
                text), text
        for name in ("port_data_received_bytes_total", "info"):
            assert re.search(r'^node_infiniband_%s{.*device="mlx4_0"' % name,
                             text, re.MULTILINE), text


def test_metrics_of_the_host():
    """The timer has them in time, and Prometheus takes them."""
    text = nodes.wait_for(
        lambda: exported(HOST),
        lambda text: re.search('^xenib_device_info{.*"guest1"', text, re.M), 90)
    assert "node_textfile_scrape_error 0" in text
    HOST.run("promtool check metrics "
             "</var/lib/prometheus/node-exporter/xenib.prom")


def shut_down(guest):
    guest.run("systemctl reboot")


def xl_reboot(guest):
    HOST.run("xl reboot " + guest.domain)


def crash(guest):
    guest.run("echo '<2>LAB: allow 9 Kernel panic|Call Trace' >/dev/kmsg")
    guest.start("echo c >/proc/sysrq-trigger")


def create_anew(guest):
    """With another UUID"""
    HOST.run("xl destroy %s && xl create /etc/xen/auto/%s.cfg" % (
        guest.domain, guest.domain), timeout=300)


def anew(way, guest):
    before = nodes.domid(HOST, guest)
    way(guest)
    nodes.wait_for(lambda: HOST.run("xl domid %s | grep -vx %s" % (
        guest.domain, before), check=False).returncode, lambda rc: not rc, 180)
    nodes.lab("wait", "--timeout", "300", guest.name)


WAYS = [(shut_down, xl_reboot), (crash, create_anew)]


@pytest.mark.parametrize("ways", WAYS, ids=lambda ways: "-".join(
    way.__name__ for way in ways))
def test_guest_comes_back(ways):
    """One guest in one way, the other in the other"""
    count = said().count("attached to domain")
    at_once(anew, ways, GUESTS)
    wait_all_connected()
    assert said().count("attached to domain") == count + 2


def test_hca_restart():
    with nodes.allowed(HOST, nodes.HCA_FATAL), \
            nodes.allowed(HOST, nodes.HCA_REMOVED, len(GUESTS)):
        nodes.set_hca(HOST, "catastrophe", True)
    # With one HCA there is no subnet manager elsewhere, and Debian's ends.
    nodes.wait_for(lambda: HOST.run("ibstat -p", check=False).stdout,
                   lambda out: out.count("0x") == 2, 60)
    HOST.run("systemctl restart opensm")
    wait_all_connected()
    assert HOST.out("ls /sys/class/infiniband").startswith("ibp")


def test_hca_is_renamed():
    name = HOST.out("ls /sys/class/infiniband")
    assert name.startswith("ibp")
    HOST.run("rdma dev set %s name other" % name)
    HOST.run("modprobe -r xen-ibback && modprobe xen-ibback")
    wait_all_connected()
    assert nodes.device(HOST, GUESTS[0])["hca"] == "other"


def test_upgrade():
    """xenibd begins anew and leaves alone what is there; the module is loaded
    anew, by hand."""
    pid = HOST.out("systemctl show -P MainPID xenibd")
    count = said().count("attached to domain")
    install_packages()
    assert HOST.out("systemctl is-active xenibd") == "active"
    assert HOST.out("systemctl show -P MainPID xenibd") != pid
    HOST.run("modprobe -r xen-ibback && modprobe xen-ibback")
    wait_all_connected()
    assert said().count("attached to domain") == count


def logins():
    return nodes.lab("console", HOST.name).stdout.count("host1 login:")


def test_host_reboot():
    """Debian's xendomains saves the guests, and restores them."""
    count = logins()
    HOST.start("systemctl reboot")
    nodes.wait_for(logins, lambda found: found > count, 600)
    for node in ALL:
        nodes.lab("wait", "--timeout", "300", node.name)
    wait_all_connected()
    assert said().count("attached to domain") == 2


def test_no_unit_has_failed():
    for node in ALL:
        assert node.out("systemctl --failed --plain --no-legend") == ""
    assert HOST.out("systemd-analyze verify --man=no xenibd.service "
                    "xenib-metrics.service xenib-metrics.timer") == ""
    print(HOST.out("systemd-analyze security --no-pager xenibd.service | "
                   "tail -n 1"))


def test_no_complaint_in_any_log():
    done = nodes.lab("check-logs", check=False)
    assert done.returncode == 0, done.stdout
