# SPDX-License-Identifier: GPL-2.0-only
"""
The verbs as a user in the guest's kernel has them: tests/lab/kverbs, a module
of which each test is one write to a file in debugfs.
"""

import re

import pytest

import nodes

RUN = "/sys/kernel/debug/xen-ibkverbs/*/run"
TESTS = "rc", "uc", "ud", "srq", "flush", "moved"
ENDED = re.compile(r"xen-ibkverbs: load ended (\w+): (\d+) posted, "
                   r"(\d+) completed, (\d+) flushed, (\d+) bad")


class Kernel:
    """The module in a guest, and the guest's host."""

    def __init__(self, host, node):
        self.host, self.node = host, node

    def lines(self):
        return [line for line in self.node.out("dmesg").splitlines()
                if "xen-ibkverbs: " in line]

    def run(self, name):
        """Run a test of the module's; if it fails, with what it logged."""
        before = len(self.lines())
        done = self.node.run("echo %s | tee %s" % (name, RUN), check=False)
        assert not done.returncode, "%s: %s\n%s" % (
            name, done.stdout, "\n".join(self.lines()[before:]))

    def load(self, timeout=30):
        """Have messages flow without end."""
        self.ended = len(ENDED.findall("\n".join(self.lines())))
        begin = self.sent()
        self.run("load")
        nodes.wait_for(self.sent, lambda sent: sent >= begin + 10, timeout)

    def sent(self):
        """Packets, as dom0 counts them."""
        return nodes.device(self.host, self.node)["counters"]["tx_packets"]

    def end(self, timeout=30):
        """Wait for the load's end: all that was posted has come back. Returns
        how much of it was flushed."""
        found = nodes.wait_for(
            lambda: ENDED.findall("\n".join(self.lines()))[self.ended:],
            bool, timeout)
        (how, posted, completed, flushed, bad), = found
        assert (how, completed, bad) == ("well", posted, "0"), found
        return int(flushed)

    def again(self):
        """What a new device does."""
        nodes.wait_active(self.node)
        self.run("rc")


@pytest.fixture
def kernel(guests, dom0):
    """It leaves the guest a device of which the kernel has nothing open."""
    host, node = dom0[1], guests[1]
    node.run("insmod %s/xen-ibkverbs.ko" % nodes.MODULES)
    yield Kernel(host, node)
    node.run("rmmod xen_ibkverbs")
    host.run("xenib detach " + node.domain, check=False)
    nodes.attach(host, node)


@pytest.mark.parametrize("name", TESTS)
def test_verbs(kernel, name):
    kernel.run(name)


@pytest.mark.exhaustive(when=nodes.is_pvh)
def test_load(kernel):
    kernel.load()
    kernel.run("stop")
    kernel.end()


@pytest.mark.exhaustive(when=nodes.is_pvh)
def test_detach_under_load(kernel):
    """Whoever waits for a completion gets it, though the HCA is gone."""
    kernel.load()
    kernel.host.run("xenib detach " + kernel.node.domain)
    assert kernel.end() > 0
    nodes.attach(kernel.host, kernel.node)
    kernel.again()


@pytest.mark.exhaustive(when=nodes.is_pvh)
def test_backend_reloaded_under_load(kernel):
    kernel.load()
    kernel.host.run("rmmod xen_ibback")
    assert kernel.end() > 0
    nodes.load_backend(kernel.host)
    kernel.again()


@pytest.mark.exhaustive(when=nodes.is_pvh)
def test_frontend_reloaded_under_load(kernel):
    kernel.load()
    nodes.reload_frontend(kernel.node)
    assert kernel.end() > 0
    kernel.again()


@pytest.mark.exhaustive(when=nodes.is_pv)
def test_everything_is_given_back(kernel, dom0):
    """All but what the kernel itself has, which is there before."""
    before = nodes.totals(dom0[1])
    for name in TESTS:
        kernel.run(name)
    assert nodes.totals(dom0[1]) == before
