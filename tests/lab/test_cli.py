# SPDX-License-Identifier: GPL-2.0-only
"""xenib, the dom0 command, as a user meets it."""

import json

import pytest

import nodes


@pytest.mark.parametrize("arguments, status, words", [
    ("", 2, "usage"),
    ("frobnicate", 2, "frobnicate"),
    ("attach", 2, "DOMAIN"),
    ("attach --contexts 0 guest1", 2, "contexts"),
    ("attach --contexts many guest1", 2, "many"),
    ("attach no-such-domain", 1, "no-such-domain"),
    ("attach 4242", 1, "4242"),
    ("attach guest1", 1, "already"),
    ("attach --devid 1 --hca mlx4_9 guest1", 1, "mlx4_9"),
    ("detach --devid 7 guest1", 1, "7"),
    ("detach no-such-domain", 1, "no-such-domain"),
    ("list no-such-domain", 1, "no-such-domain"),
])
def test_errors_name_the_thing(guest, dom0, arguments, status, words):
    done = dom0[0].run("xenib " + arguments, check=False)
    assert done.returncode == status, done.stdout
    assert words.lower() in done.stdout.lower()


@pytest.mark.parametrize("arguments", [
    "help", "help attach", "attach --help", "--version"])
def test_help_succeeds(dom0, arguments):
    assert dom0[0].out("xenib " + arguments)


def test_attach_without_the_backend(backend):
    host = backend[1]
    host.run("rmmod xen_ibback")
    done = host.run("xenib attach --devid 3 guest1", check=False)
    nodes.load_backend(host)
    assert done.returncode == 1
    assert "xen-ibback" in done.stdout


def test_list_tells_names_and_states(guest, pvh, dom0):
    devices = json.loads(dom0[0].out("xenib list --json"))["devices"]
    assert [(d["domain"], d["backend-state"], d["frontend-state"])
            for d in devices] == [("guest1", "Connected", "Connected"),
                                  ("guest2", "Connected", "Connected")]
    # Where its doorbell pages are only a PVH guest needs to be told.
    assert [bool(d["uar-gfn-base"]) for d in devices] == [False, True]
    text = dom0[0].out("xenib list")
    assert "guest1" in text and "guest2" in text and "Connected" in text
