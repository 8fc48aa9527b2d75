# SPDX-License-Identifier: GPL-2.0-only
"""xenibd gives guests of host2 their devices. Both kinds of guest are tried at
once, for each of them boots four times."""

import concurrent.futures
import re
import shlex

import pytest

import nodes

GUESTS_D = "/etc/xenib/guests.d"
LOG = "/run/xenibd.log"


def at_once(function, items):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, items))


class Xenibd:
    """The daemon on a host without systemd."""

    def __init__(self, host):
        self.host = host

    def start(self):
        self.host.run("setsid xenibd >>%s 2>&1 </dev/null & "
                      "echo $! >/run/xenibd.pid" % LOG)

    def stop(self):
        self.host.run("pid=$(cat /run/xenibd.pid); kill $pid && "
                      "while kill -0 $pid 2>/dev/null; do sleep 0.1; done")

    def said(self):
        return self.host.out("cat " + LOG)

    def wait_said(self, words, count=1):
        nodes.wait_for(self.said, lambda said: said.count(words) >= count, 60)

    def wait_devices(self, read, wanted):
        """Until that is what is read; what it has said belongs to that."""
        nodes.wait_for(lambda: (read(), self.said()),
                       lambda found: found[0] == wanted, 60)

    def write(self, name, text):
        """A file of guests.d, whole at once."""
        self.host.run("cd %s && printf %%s %s >.new && mv .new %s" % (
            GUESTS_D, shlex.quote(text), name))

    def give(self, node, text="contexts = 4\n"):
        self.write(node.domain + ".conf",
                   "[guest]\nname = %s\n[device]\n%s" % (node.domain, text))

    def remove(self, name="*"):
        self.host.run("rm -f %s/%s" % (GUESTS_D, name))


@pytest.fixture(scope="module")
def both(guest, pvh):
    return guest[1], pvh[1]


@pytest.fixture(scope="module")
def host(dom0):
    return dom0[1]


@pytest.fixture(scope="module")
def xenibd(host, both):
    """With no files, and no guest has a device. In the end each has what other
    tests expect, and its domain has had nothing else."""
    for node in both:
        host.run("xenib detach " + node.domain)
    daemon = Xenibd(host)
    daemon.remove()
    daemon.start()
    yield daemon
    daemon.stop()
    daemon.remove()
    for node in both:
        if contexts(host, node) != {0: 32}:
            create_anew(host, node)
            nodes.attach(host, node)


def devices(host, node):
    """What a guest has, but for its place: device number -> who and quotas."""
    return {d["devid"]: {key: d[key] for key in
                         ("hca_guid", "node_guid", "ips", "quotas")} |
            {"ports": [(port["guid"], port["pkeys"]) for port in d["ports"]]}
            for d in nodes.xenib_list(host)["devices"]
            if d["domain"] == node.domain}


def contexts(host, node):
    return {devid: d["quotas"]["contexts"]
            for devid, d in devices(host, node).items()}


def come_up(node):
    nodes.lab("wait", node.name)
    nodes.load_frontend(node)


def create_anew(host, node):
    host.run("xl destroy %s && xl create /etc/lab/guests/%s.cfg" % (
        node.domain, node.domain), timeout=300)
    come_up(node)


def reboot(host, node):
    """From inside. The connection goes down with the guest."""
    before = nodes.domid(host, node)
    process = node.start("busybox reboot -f")
    nodes.wait_for(lambda: host.run("xl domid %s | grep -vx %s" % (
        node.domain, before), check=False).returncode, lambda rc: not rc, 120)
    process.kill()
    process.wait()
    come_up(node)


def test_file(host, both, xenibd):
    """A file gives a guest that runs its device."""
    for node in both:
        xenibd.give(node)
    for node in both:
        nodes.wait_active(node)
        assert contexts(host, node) == {0: 4}
    nodes.run_pair(*both, "ibv_rc_pingpong -n 100")


@pytest.mark.exhaustive
def test_guest_is_created_anew(host, both, xenibd):
    at_once(lambda node: create_anew(host, node), both)
    for node in both:
        nodes.wait_active(node)
        assert contexts(host, node) == {0: 4}
    nodes.run_pair(*both, "ibv_rc_pingpong -n 100")


def test_by_hand_and_broken_file(host, both, xenibd):
    """A broken file names its line and widens nothing, also not by a file for
    all. What was detached by hand comes when the file is mended."""
    name = "%s.conf" % both[0].domain
    xenibd.give(both[0], "contexts = many\n")
    xenibd.wait_said('%s/%s:4: contexts: "many" is not a number in 1 .. 256' % (
        GUESTS_D, name))
    xenibd.write("all.conf", "[guest]\nname = *\n[device]\ncontexts = 9\n")
    for node in both:
        host.run("xenib detach " + node.domain)
    xenibd.wait_said("detached by hand", 2)
    # What is given after that, has been looked at after that.
    xenibd.give(both[1], "devid = 1\ncontexts = 2\n")
    xenibd.wait_devices(lambda: contexts(host, both[1]), {1: 2})
    assert contexts(host, both[0]) == {}
    xenibd.give(both[0], "contexts = 3\n")
    xenibd.wait_devices(lambda: contexts(host, both[0]), {0: 3})


def give_all(host, both, xenibd, devid):
    """Another device for each, attached by a file."""
    xenibd.remove()
    for node in both:
        xenibd.give(node, "devid = %d\ncontexts = 2\n" % devid)
        # It is there before that is said.
        xenibd.wait_said("device %d: attached to domain %s: contexts=2" % (
            devid, nodes.domid(host, node)))


@pytest.mark.exhaustive
def test_backend_and_hca_change_while_it_runs(host, both, xenibd):
    """The devices stay, and xenibd sees no reason to do anything."""
    give_all(host, both, xenibd, 2)
    said = xenibd.said()
    name = host.out("ls /sys/class/infiniband")
    before = [devices(host, node) for node in both]
    host.run("rdma dev set %s name ibp0s4" % name)
    nodes.reload_backend(host, both)
    host.run("rdma dev set ibp0s4 name " + name)
    nodes.reload_backend(host, both)
    assert [devices(host, node) for node in both] == before
    assert xenibd.said() == said


def test_reboot(host, both, xenibd):
    """Guests have the same devices again, also those attached by hand, and
    although xenibd was started anew meanwhile."""
    give_all(host, both, xenibd, 3)
    xenibd.remove()
    for i, node in enumerate(both):
        host.run("xenib attach --devid 7 --pages 5000 --pkeys 0x7fff,0xffff "
                 "--guid 2=sm --ips 10.9.8.%d %s" % (i + 1, node.domain))
    xenibd.wait_said("device 7: attached by hand", 2)
    before = [devices(host, node) for node in both]
    assert all({3, 7} <= set(found) for found in before)
    said = xenibd.said()
    xenibd.stop()
    assert [devices(host, node) for node in both] == before
    xenibd.start()
    at_once(lambda node: reboot(host, node), both)
    xenibd.wait_devices(lambda: [devices(host, node) for node in both], before)
    for node in both:
        nodes.wait_active(node)
    more = xenibd.said()[len(said):]
    assert len(re.findall("attached to domain", more)) == sum(map(len, before))
    assert "by hand" not in more


def test_destroyed_without_a_file(host, both, xenibd):
    """A guest that is created anew has nothing of what it had."""
    at_once(lambda node: create_anew(host, node), both)
    xenibd.give(both[0], "")
    nodes.wait_active(both[0])
    assert contexts(host, both[0]) == {0: 32}
    assert contexts(host, both[1]) == {}
    xenibd.give(both[1], "")
    nodes.wait_active(both[1])
    assert contexts(host, both[1]) == {0: 32}
