# SPDX-License-Identifier: GPL-2.0-only
"""Guests that have a device are suspended: for a checkpoint, to be saved, to
move. The device goes before, and nothing of it is left. In the same domain it
comes back by itself, in another when it is attached."""

import contextlib

import pytest

import ipoib
import nodes
import test_other_guests
from test_recovery import FATAL

# What make check does
SAMPLE = "test_saved_and_restored", "guest"


def is_left_out(item):
    return (item.originalname, item.callspec.params["pair"]) != SAMPLE


pytestmark = pytest.mark.exhaustive(when=is_left_out)

# What xenbus and PM say, in three lines, of a device that a new domain has not
LOST = (r"vib vib-0: (2 reading other end details|"
        r"PM: (dpm_run_callback|failed to restore))")

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


@pytest.fixture(scope="module", params=["guest", "pvh", pytest.param(
    "hvm", marks=pytest.mark.replaces_guests)])
def pair(request, guest, pvh, dom0):
    if request.param != "hvm":
        return {"guest": guest, "pvh": pvh}[request.param]
    for host, node in zip(dom0, pvh):
        test_other_guests.boot_hvm(host, node)
        nodes.load_frontend(node)
        nodes.attach(host, node)
    return pvh


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
    # IPoIB keeps the LID of a GID until its interface goes down.
    if moves:
        pair[0].run("ip link set %s down" % ends[0].name)
        ends[0].up()
    ends[1].up()
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
        # Attached before the guest runs again, it may be taken for the old one
        with nodes.allowed(node, LOST, 3):
            run(host, SAVE % node.domain)
            assert_gone(host, domid)
            run(host, RESTORE)
        nodes.attach(host, node)
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


@pytest.mark.usefixtures("room")
def test_moved_to_another_host_and_back(pair, guest, dom0):
    there, here = dom0
    move = CARRY if pair is guest else MIGRATE
    node, moved = pair[1], Moved(pair[1].name)
    domid = nodes.domid(here, node)
    with in_use(pair, moves=True):
        with nodes.allowed(node, LOST, 3):
            here.run("xl rename %s %s" % (node.domain, moved.domain))
            run(here, move % (moved.domain, there))
            assert_gone(here, domid)
        nodes.attach(there, moved)
    nodes.assert_idle(there)
    with nodes.allowed(node, LOST, 3):
        run(there, move % (moved.domain, here))
        here.run("xl rename %s %s" % (moved.domain, node.domain))
    nodes.attach(here, node)
    nodes.run_pair(*pair, "ibv_rc_pingpong -n 100")
    assert_gone(there, "none")
    nodes.assert_idle(here)
