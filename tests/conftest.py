# SPDX-License-Identifier: GPL-2.0-only
"""What all tests share: one running lab, and the closing lines."""

import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lab"))

import nodes  # noqa: E402  (found by the line above)


def pytest_addoption(parser):
    parser.addoption("--exhaustive", action="store_true",
                     help="every test, not a sample of what takes long")
    parser.addoption("--packages", action="store_true",
                     help="packages of every release, and their upgrades")
    parser.addoption("--keep", action="store_true",
                     help="leave the lab running (lab down ends it); the next "
                     "run uses it, with what make overlay has built since")


# Marks of tests after which the lab is not what it was, or that want to see all
# that has been done in it; in this order they run when all others have.
LAST = {
    "breaks_hcas": "stops everything",
    "replaces_guests": "boots other guests in place of those of the lab",
    "reads_logs": "looks for what all other tests have caused",
    "has_another_lab": "takes the lab down and has one of its own",
}


# Marks of tests that run only when an option of that name says so
ON_DEMAND = ("exhaustive", "packages")

# Of these, those after which there is nothing to keep
SPOIL = ("breaks_hcas", "replaces_guests", "has_another_lab")

NOTES = pytest.StashKey[list]()     # what pytest says in the end


def pytest_configure(config):
    config.stash[NOTES] = []
    for name in ON_DEMAND:
        config.addinivalue_line("markers", "%s(when): only with --%s, all of "
                                "them or when(item)" % (name, name))
    for item in LAST.items():
        config.addinivalue_line("markers", "%s: %s" % item)


@pytest.fixture(scope="session")
def exhaustive(pytestconfig):
    """Whether what a test repeats is to be repeated often."""
    return pytestconfig.getoption("--exhaustive")


def boot_lab(notes, *options):
    """One that is up will do, if it can be made as good as new."""
    def up():
        nodes.lab("up", "--guests", "2", "--type", "pv,pvh", *options)

    was_there = nodes.lab_state()["nodes"]
    up()
    if was_there:
        try:
            nodes.reset_lab()
        except (AssertionError, subprocess.SubprocessError) as e:
            notes.append("the lab that was up could not be used: %s" % e)
            nodes.lab("down")
            up()


@pytest.fixture(scope="session")
def lab(request):
    """Two hosts with a PV and a PVH guest each, and both without Xen."""
    notes = request.config.stash[NOTES]
    # Large files do not fit into small guests.
    boot_lab(notes, *("--guest-memory 1024".split()
                      if request.config.getoption("--exhaustive") else ()))
    yield nodes
    spoilt = [item.name for item in request.session.items
              if any(item.get_closest_marker(name) for name in SPOIL)]
    keep = request.config.getoption("--keep")
    if keep and not spoilt:
        notes.append("the lab is still up; tests/lab/lab down ends it")
        return
    nodes.lab("down")
    if keep:
        notes.append("the lab is not kept after " + spoilt[0])


def active_pair(*names):
    """Two nodes whose ports are active."""
    pair = tuple(nodes.Node(name) for name in names)
    for node in pair:
        nodes.wait_active(node)
    return pair


@pytest.fixture(scope="session")
def native(lab):
    return active_pair("native1", "native2")


@pytest.fixture(scope="session")
def dom0(lab):
    return active_pair("host1", "host2")


@pytest.fixture(scope="session")
def backend(dom0):
    """Both hosts, with xen-ibback."""
    for host in dom0:
        nodes.load_backend(host)
    return dom0


def attached_pair(hosts, guest):
    """The guests of that name on both hosts, attached."""
    pair = tuple(nodes.Node("%s-%s" % (host, guest)) for host in hosts)
    for host, node in zip(hosts, pair):
        nodes.load_frontend(node)
        nodes.attach(host, node)
    return pair


@pytest.fixture(scope="session")
def guest(backend):
    """The PV guests, attached."""
    return attached_pair(backend, "guest1")


@pytest.fixture(scope="session")
def pvh(backend):
    """The PVH guests, attached."""
    return attached_pair(backend, "guest2")


@pytest.fixture(params=["guest", "pvh"])
def guests(request):
    """Both pairs in turn."""
    return request.getfixturevalue(request.param)


def is_on_demand(item, name):
    """Whether one of its marks says so; a mark may have a condition."""
    return any("when" not in mark.kwargs or mark.kwargs["when"](item)
               for mark in item.iter_markers(name))


def leave_out(config, items, name):
    """Deselect what is marked so, unless there is the option."""
    if config.getoption("--" + name):
        return
    out = [item for item in items if is_on_demand(item, name)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_collection_modifyitems(config, items):
    """What other tests would not survive comes last."""
    for name in ON_DEMAND:
        leave_out(config, items, name)
    items.sort(key=lambda item: [bool(item.get_closest_marker(name))
                                 for name in reversed(LAST)])


def pytest_terminal_summary(terminalreporter):
    count = {k: len(terminalreporter.stats.get(k, ()))
             for k in ("passed", "failed", "error", "skipped")}
    line = "%d passed, %d failed" % (count["passed"],
                                     count["failed"] + count["error"])
    if count["skipped"]:
        line += ", %d skipped" % count["skipped"]
    terminalreporter.ensure_newline()
    for note in terminalreporter.config.stash[NOTES]:
        terminalreporter.write_line(note)
    terminalreporter.write_line(line)
