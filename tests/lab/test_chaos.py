# SPDX-License-Identifier: GPL-2.0-only
"""
Deaths at random moments of guests, processes, devices, modules, links and HCAs
under load of all kinds. Whom a death does not concern goes on undisturbed, whom
it does works again afterwards, and nothing is left of what was there.
"""

import collections
import contextlib
import os
import random
import re
import time

import pytest

import nodes
import test_events
import test_kverbs
import test_recovery_uars
import test_soak
import test_xenibd

pytestmark = pytest.mark.breaks_hcas

SAMPLE_SECONDS, SECONDS = 40, 900
# How long others talk, in which the death comes after so much at most
TALK, LATEST = 12, 6
PORT = 18700

Guest = collections.namedtuple("Guest", "host node")

# Verbs without end, all of which cost a request
CHURN = """
import pyverbs.enums as e
from pyverbs.cq import CQ
from pyverbs.device import Context, get_device_list
from pyverbs.mr import MR
from pyverbs.pd import PD
from pyverbs.qp import QP, QPCap, QPInitAttr
context = Context(name=get_device_list()[0].name.decode())
print("working", flush=True)
while True:
    pd, cq = PD(context), CQ(context, 10)
    mr = MR(pd, 1 << 20, e.IBV_ACCESS_LOCAL_WRITE)
    qp = QP(pd, QPInitAttr(qp_type=e.IBV_QPT_RC, scq=cq, rcq=cq, cap=QPCap()))
    for thing in qp, mr, cq, pd:
        thing.close()
"""
ASK = """
rm -f /root/enough
until [ -e /root/enough ]; do timeout 5 saquery NR; done >/dev/null 2>&1
"""
PROGRAMS = "'traffic|python3|saquery'"


# Deaths: each a context that is entered with it, and left when all is as before

def come_back(guest):
    """It boots, and has nothing of what it had."""
    test_xenibd.come_up(guest.node)
    nodes.attach(*guest)
    nodes.install_program("traffic", guest.node)


def create(guest):
    guest.host.run("xl create /etc/lab/guests/%s.cfg" % guest.node.domain)
    come_back(guest)


@contextlib.contextmanager
def destroyed(guest):
    guest.host.run("xl destroy " + guest.node.domain)
    yield
    create(guest)


def domid_or_none(guest):
    return guest.host.run("xl domid %s 2>/dev/null" % guest.node.domain,
                          check=False).stdout.strip()


@contextlib.contextmanager
def ends_itself(guest, command):
    """Until its domain is another or none; its connection goes with it."""
    before = domid_or_none(guest)
    process = guest.node.start(command)
    nodes.wait_for(lambda: domid_or_none(guest), lambda now: now != before, 60)
    process.kill()
    process.wait()
    yield


@contextlib.contextmanager
def rebooted(guest):
    with ends_itself(guest, "busybox reboot -f"):
        yield
    come_back(guest)


@contextlib.contextmanager
def panicked(guest):
    for words in "Kernel panic", "Call Trace":
        guest.node.run("echo '<2>LAB: allow 1 %s' >/dev/kmsg" % words)
    with ends_itself(guest, "echo c >/proc/sysrq-trigger"):
        yield
    create(guest)


@contextlib.contextmanager
def detached(guest):
    guest.host.run("xenib detach " + guest.node.domain)
    yield
    nodes.attach(*guest)


@contextlib.contextmanager
def detached_by_force(guest):
    guest.host.run("xl pause {0} && xenib detach --force --timeout 1 {0}; "
                   "status=$?; xl unpause {0}; exit $status".format(
                       guest.node.domain))
    yield
    nodes.attach(*guest)


@contextlib.contextmanager
def without_the_frontend(guest):
    guest.node.run("rmmod xen_ibfront")
    yield
    guest.node.run("insmod %s/xen-ibfront.ko" % nodes.MODULES)
    nodes.wait_active(guest.node)


@contextlib.contextmanager
def killed(guest):
    guest.node.run("pkill -KILL " + PROGRAMS)
    yield


@contextlib.contextmanager
def without_the_subnet_manager(_):
    host = nodes.Node("host1")
    test_events.stop_opensm(host)
    yield
    host.run("/usr/lib/lab/opensm")
    nodes.wait_active(host)


@contextlib.contextmanager
def without_the_backend(guest):
    guest.host.run("rmmod xen_ibback")
    yield
    nodes.load_backend(guest.host)


@contextlib.contextmanager
def unplugged(guest):
    test_events.set_link(guest.host, False)
    yield
    test_events.set_link(guest.host, True)
    nodes.wait_active(guest.host)


@contextlib.contextmanager
def hca_failed(guest):
    with nodes.allowed(guest.host, nodes.HCA_REMOVED, 2):
        test_recovery_uars.restart_hca(guest.host)
    yield


# These concern one guest, or nobody who has a connection already.
OF_ONE = [destroyed, rebooted, panicked, detached, detached_by_force,
          without_the_frontend, killed, without_the_subnet_manager]
# These concern all guests of a host.
OF_HOST = [without_the_backend, unplugged, hca_failed]


# What is done meanwhile

def end(processes, *on):
    """What still lives of programs that know no end; the connection of one on
    a guest that has gone does not know that."""
    for guest in on:
        guest.node.run("touch /root/enough; pkill -KILL " + PROGRAMS,
                       check=False)
    for process in processes:
        process.kill()
        process.wait(timeout=60)


class Load:
    """
    A guest that moves data, and does one of three things more as fast as it
    can: verbs, MADs, and messages of its kernel. All at once are more than one
    emulated processor does in time.
    """
    KINDS = "verbs", "MADs", "kernel"

    def __init__(self, kind, guest, peer):
        self.guest, self.peer, self.kernel = guest, peer, None
        self.processes = [*test_soak.talk(600, PORT, peer.node, guest.node)]
        if kind == "verbs":
            self.processes.append(guest.node.start(
                "exec python3 -c '%s'" % CHURN))
            assert self.processes[-1].stdout.readline() == "working\n"
        elif kind == "MADs":
            guest.node.run("modprobe ib_umad")
            self.processes.append(guest.node.start(ASK))
        else:
            guest.node.run("insmod %s/xen-ibkverbs.ko" % nodes.MODULES)
            self.kernel = test_kverbs.Kernel(*guest)
            self.kernel.load()

    def end(self):
        """When all is as before. A guest may be another, without a module."""
        end(self.processes, self.guest, self.peer)
        if self.kernel and nodes.is_loaded(self.guest.node, "xen_ibkverbs"):
            self.guest.node.run("rmmod xen_ibkverbs")
            self.kernel.end()
            # Of the arena its kernel has what it has needed.
            self.guest.host.run("xenib detach " + self.guest.node.domain)
            nodes.attach(*self.guest)


def assert_octets(talkers):
    """They have ended well: every octet was right."""
    outs = [talker.communicate(timeout=180)[0] for talker in talkers]
    for talker, out in zip(talkers, outs):
        assert talker.returncode == 0, "\n".join(outs)
    assert all(messages for messages, _ in test_soak.moved(outs[1])), outs[1]


def left(host):
    """What a host has besides the backend's own account: nodes of domains in
    xenstore, interrupts, and objects of the HCA."""
    live = set(host.out("xl list | awk 'NR > 1 { print $2 }'").split())
    of = set(host.out("xenstore-list backend/vib").split())
    return {"domains": of - live,
            "interrupts": host.out("grep -c vib /proc/interrupts"),
            "objects": re.sub(r"^\d+: \S+:", "", host.out("rdma resource"))}


class Chaos:
    def __init__(self, hosts, guests, seed):
        self.hosts, self.guests = hosts, guests
        self.random = random.Random(seed)
        self.usual = {host: left(host) for host in hosts}
        self.deaths = collections.Counter()
        self.requests = 0
        nodes.install_program("traffic", *(guest.node for guest in guests))

    def sent(self):
        """Requests of all guests, since each was attached."""
        return sum(nodes.device(*guest)["counters"]["requests"]
                   for guest in self.guests)

    def one(self, death, guest, kind):
        others = [other for other in self.guests if other != guest]
        self.random.shuffle(others)
        peer, *others = others
        concerns = death in OF_HOST and any(
            other.host == guest.host for other in others)
        begun = self.sent()
        load = Load(kind, guest, peer)
        talkers = test_soak.talk(TALK, PORT + 1,
                                 *(other.node for other in others))
        time.sleep(self.random.uniform(0, LATEST))
        self.requests += self.sent() - begun
        with death(guest):
            if concerns:
                end(talkers, *others)
            else:
                assert_octets(talkers)
        load.end()
        self.again((guest, peer), others)
        self.deaths[death.__name__] += 1

    def again(self, *pairs):
        """All have devices that work, and nothing is left."""
        for guest in self.guests:
            nodes.wait_active(guest.node, 60)
        for pair in pairs:
            assert_octets(test_soak.talk(2, PORT,
                                         *(each.node for each in pair)))
        for host in self.hosts:
            nodes.assert_idle(host)
            nodes.wait_for(lambda: left(host),
                           lambda found: found == self.usual[host])


def options(exhaustive):
    """How long, and from which seed"""
    return (int(os.environ.get("XENIB_SOAK_SECONDS") or
                (SECONDS if exhaustive else SAMPLE_SECONDS)),
            int(os.environ.get("XENIB_SEED") or random.randrange(1 << 32)))


def test_deaths(guest, pvh, dom0, capsys, exhaustive):
    seconds, seed = options(exhaustive)
    chaos = Chaos(dom0, [Guest(host, node) for pair in (guest, pvh)
                         for host, node in zip(dom0, pair)], seed)
    until, kinds = time.monotonic() + seconds, []
    try:
        while time.monotonic() < until:
            # All kinds in another order, again and again
            kinds = kinds or chaos.random.sample(OF_ONE + OF_HOST,
                                                 len(OF_ONE + OF_HOST))
            death, victim = kinds.pop(), chaos.random.choice(chaos.guests)
            # OpenSM runs on host1, and ends with the HCA.
            if death is hca_failed and victim.host == dom0[0]:
                victim, = [g for g in chaos.guests if g.host == dom0[1] and
                           g.node.domain == victim.node.domain]
            load = chaos.random.choice(Load.KINDS)
            with capsys.disabled():
                print("\n%s, with data and %s: %s" % (
                    victim.node, load, death.__name__), end="", flush=True)
            chaos.one(death, victim, load)
    finally:
        with capsys.disabled():
            print("\nseed %d: %d deaths (%s), %d requests" % (
                seed, chaos.deaths.total(), ", ".join(
                    "%s: %d" % item for item in chaos.deaths.items()),
                chaos.requests), end="")
