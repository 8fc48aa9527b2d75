# SPDX-License-Identifier: GPL-2.0-only
"""Guests that have a device are suspended: for a checkpoint, to be saved, to
move. The device goes before, and nothing of it is left. In the same domain it
comes back by itself, in another when it is attached."""

import contextlib

import pytest

import ipoib
import nodes
import test_kverbs
import test_identity
import test_other_guests
import test_xenibd
from test_recovery import FATAL

# What make check does
SAMPLE = "test_saved_and_restored", "guest"


def is_left_out(item):
    return (item.originalname, item.callspec.params["pair"]) != SAMPLE


pytestmark = pytest.mark.exhaustive(when=is_left_out)

# What xenbus and PM say, in three lines, of a device that a new domain has not
LOST = (r"vib vib-0: (2 reading other end details|"
        r"PM: (dpm_run_callback|failed to restore))")

# What PM says when the device keeps a domain from being suspended
REFUSED = r"vib vib-0: PM: device_prepare\(\): ibfront_prepare"

# A PV guest cannot migrate in one step.
SAVE = "xl save %s /tmp/saved"
RESTORE = "xl restore /tmp/saved && rm /tmp/saved"
CARRY = SAVE + " && ssh %s 'cat >/tmp/saved && " + RESTORE + (
    "' </tmp/saved && rm /tmp/saved")
MIGRATE = "xl migrate %s %s"


def run(host, command):
    host.run(command, timeout=300)


def create(host, node):
    """As the lab has it."""
    run(host, "xl create /etc/lab/guests/%s.cfg" % node.domain)
    nodes.lab("wait", node.name)
    nodes.load_frontend(node)
    nodes.attach(host, node)


def memory(host, node):
    return int(host.out("xl list %s | awk 'END { print $3 }'" % node.domain))


@contextlib.contextmanager
def small(host, node):
    """For a while, dom0 has room for a guest that is saved."""
    before = memory(host, node)
    host.run("xl mem-set %s 384m" % node.domain)
    nodes.wait_for(lambda: memory(host, node), lambda mb: mb <= 400)
    yield
    host.run("xl mem-set %s %dm" % (node.domain, before))


@pytest.fixture(scope="module", params=["guest", "pvh", pytest.param(
    "hvm", marks=pytest.mark.replaces_guests)])
def pair(request, guest, pvh, dom0):
    found = guest if request.param == "guest" else pvh
    for host, node in zip(dom0, found):
        if request.param == "hvm":
            test_other_guests.boot_hvm(host, node)
            nodes.load_frontend(node)
            nodes.attach(host, node)
    with small(dom0[1], found[1]):
        yield found


@contextlib.contextmanager
def in_use(pair, moves=False):
    """The second one's device is taken from a process with queue pairs, which
    is told so, and from IPoIB. Afterwards there is another that works."""
    ends = [ipoib.Interface(node) for node in pair]
    ends[1].ping(ends[0].v4, "-q -c 3 -i 0.2")
    watch = nodes.Watch(pair[1])
    yield
    told = {FATAL: 1, "0 failures": 1}
    assert watch.take(set(told), timeout=60) == told
    watch.process.wait(timeout=60)
    nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    before = ends[1].lid
    ends[1].up()
    # IPoIB keeps the LID of a GID until its interface goes down.
    if moves:
        assert ends[0].lid_of(ends[1]) == before != ends[1].lid
        pair[0].run("ip link set %s down" % ends[0].name)
        ends[0].up()
    ends[1].ping(ends[0].v4, "-q -c 3 -i 0.2")
    for node in pair:
        ipoib.down(node)


def assert_gone(host, domid):
    """Nothing keeps a domain from being destroyed, and its device from being
    removed. Another one has a device there."""
    nodes.assert_idle(host, devices=1, domains=1)
    nodes.wait_for(lambda: host.run("xl list " + domid, check=False),
                   lambda done: done.returncode != 0, 15)


def test_checkpoint(pair, dom0):
    """The same domain goes on."""
    host, node = dom0[1], pair[1]
    with in_use(pair):
        run(host, "xl save -c %s /dev/null" % node.domain)
        nodes.wait_active(node, timeout=60)
    nodes.assert_idle(host)


def test_saved_and_restored(pair, dom0):
    host, node = dom0[1], pair[1]
    domid = nodes.domid(host, node)
    with in_use(pair):
        # It runs again without one, and says so.
        with nodes.allowed(node, LOST, 3):
            run(host, SAVE % node.domain)
            assert_gone(host, domid)
            run(host, RESTORE)
        nodes.attach(host, node)
    nodes.assert_idle(host)


def test_attached_before_it_runs_again(pair, dom0):
    """What xenibd does."""
    host, node = dom0[1], pair[1]
    with in_use(pair):
        run(host, SAVE % node.domain)
        run(host, "xl restore -p /tmp/saved && rm /tmp/saved && "
            "xenib attach %s && xl unpause %s" % (node.domain, node.domain))
        nodes.wait_active(node, timeout=60)
    nodes.assert_idle(host)


def test_refused(pair, dom0):
    """A user in the kernel keeps the device, and may need a thread that is
    frozen: the guest runs on. The device comes back when it has let go."""
    host, node = dom0[1], pair[1]
    node.run("insmod %s/xen-ibkverbs.ko" % nodes.MODULES)
    holder = node.start("echo hold | tee " + test_kverbs.RUN)
    nodes.wait_for(lambda: node.out("dmesg"),
                   lambda text: "xen-ibkverbs: holding" in text)
    with nodes.allowed(node, REFUSED):
        done = host.run("xl save %s /dev/null" % node.domain, check=False,
                        timeout=300)
        assert done.returncode, done.stdout
    node.run("pkill -x tee")
    holder.wait(timeout=60)
    nodes.wait_active(node, timeout=60)
    nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    node.run("rmmod xen_ibkverbs")
    nodes.assert_idle(host)


class Moved(nodes.Node):
    """A guest of another host has that name's guest beside it."""
    domain = "moved"


@pytest.fixture
def room(pair, guest, pvh, dom0):
    """On host1, where one guest less is for a while."""
    other = guest[0] if pair is pvh else pvh[0]
    dom0[0].run("xl destroy " + other.domain)
    yield
    create(dom0[0], other)


@pytest.fixture
def daemon(pair, room, dom0):
    """On host1, which is to give the guest a device."""
    found = test_xenibd.Xenibd(dom0[0])
    found.remove()
    found.write("moved.conf", "[guest]\nuuid = %s\n[device]\n" %
                nodes.device(dom0[1], pair[1])["uuid"])
    found.start()
    yield found
    found.stop()
    found.remove()


@pytest.mark.usefixtures("daemon")
def test_moved_to_another_host_and_back(pair, guest, dom0):
    """There xenibd attaches it, before it runs and while the host that it comes
    from has its GID; and here somebody does who comes later."""
    there, here = dom0
    move = CARRY if pair is guest else MIGRATE
    node, moved = pair[1], Moved(pair[1].name)
    domid, gid = nodes.domid(here, node), test_identity.gid(node)
    with in_use(pair, moves=True):
        here.run("xl rename %s %s" % (node.domain, moved.domain))
        run(here, move % (moved.domain, there))
        assert_gone(here, domid)
        nodes.wait_active(node, timeout=60)
        assert test_identity.gid(node) == gid
    nodes.assert_idle(there)
    with nodes.allowed(node, LOST, 3):
        run(there, move % (moved.domain, here))
        here.run("xl rename %s %s" % (moved.domain, node.domain))
    nodes.attach(here, node)
    nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    assert_gone(there, "none")
    nodes.assert_idle(here)
