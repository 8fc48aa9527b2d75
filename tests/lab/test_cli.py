# SPDX-License-Identifier: GPL-2.0-only
"""xenib, the dom0 command, as a user meets it."""

import json
import os
import re

import pytest

import nodes


@pytest.mark.parametrize("arguments, status, words", [
    ("", 2, "Usage: xenib COMMAND [ARGUMENTS]"),
    ("frobnicate", 2, "xenib: no such command: frobnicate"),
    ("attach", 2, "xenib attach: DOMAIN is missing"),
    ("attach --contexts 0 guest1", 2,
     'xenib: --contexts: "0" is not a number in 1 .. 256'),
    ("attach --contexts many guest1", 2,
     'xenib: --contexts: "many" is not a number in 1 .. 256'),
    ("attach --guid 3=auto guest1", 2,
     'xenib: --guid: "3" is not a port in 1 .. 2'),
    ("attach --pkeys 0x8000 guest1", 2,
     'xenib: --pkeys: "0x8000" is not a list of P_Keys in 0x0001 .. 0x7fff'),
    ("attach no-such-domain", 1, "xenib: no such domain: no-such-domain"),
    ("attach 4242", 1, "xenib: no such domain: 4242"),
    ("attach --devid 0 guest1", 3,
     "has device 0 (backend Connected): detach it first"),
    ("attach --devid 1 --hca mlx4_9 guest1", 1,
     "xenib: no such HCA: mlx4_9; there is "),
    ("attach --devid 1 --hca guid:2:3 guest1", 1,
     'xenib: "guid:2:3" has no GUID like that of '),
    ("attach --devid 1 --uuid 1-2 guest1", 1,
     'xenib: "1-2" is not a UUID like '),
    ("detach --devid 7 guest1", 3, " has no device 7\n"),
    ("detach no-such-domain", 3, "xenib: no such domain: no-such-domain"),
    ("limit --contexts 8 guest1", 1,
     "xenib: contexts cannot change while a device is attached"),
    ("limit --devid 7 --qps 8 guest1", 1, " has no device 7\n"),
    ("limit guest1", 2, "xenib limit: no quota is given"),
    ("list no-such-domain", 1, "xenib: no such domain: no-such-domain"),
])
def test_errors_name_the_thing(guest, dom0, arguments, status, words):
    done = dom0[0].run("xenib " + arguments, check=False)
    assert done.returncode == status, done.stdout
    assert words in done.stdout


def test_help_names_every_command(dom0):
    found = re.findall(r"^  (\w+) +[A-Z]", dom0[0].out("xenib help"), re.M)
    assert found == ["attach", "detach", "limit", "list", "top", "show",
                     "metrics", "doctor", "help"]


@pytest.mark.parametrize("command, options", [
    ("attach", ["hca", "devid", "uuid", "persist", "wait", "timeout", "guid",
                "node-guid", "pkeys", "ips", "mad-rate", "mad-pm", "contexts",
                "pds", "mrs", "cqs", "qps", "srqs", "mws", "xrcds", "pages",
                "mcast"]),
    ("detach", ["devid", "persist", "force", "timeout"]),
    ("limit", ["devid", "timeout", "pds", "mrs", "cqs", "qps", "srqs", "mws",
               "xrcds", "pages", "mcast"]),
    ("list", ["long", "json", "watch"]),
    ("top", ["delay"]),
    ("show", ["qps"]),
    ("metrics", []),
    ("doctor", []),
    ("help", []),
])
def test_help_names_every_option(dom0, command, options):
    text = dom0[0].out("xenib help " + command)
    assert text.split()[:3] == ["Usage:", "xenib", command]
    # Each explained where a line or a word of a row of options begins.
    assert re.findall(r"(?:^|  |, )--([\w-]+)", text, re.M) == options
    if command != "help":
        assert dom0[0].out("xenib %s --help" % command) == text


def test_version(dom0):
    assert re.fullmatch(r"xenib \d+\.\d+\.\d+", dom0[0].out("xenib --version"))


def hca(host):
    """Name, node GUID and PCI address of a host's only HCA."""
    name, = host.out("ls /sys/class/infiniband").split()
    path = "/sys/class/infiniband/" + name
    return (name, host.out("cat %s/node_guid" % path),
            os.path.basename(host.out("readlink %s/device" % path)))


def test_every_name_of_the_hca_is_known(guest, dom0):
    name, guid, pci = hca(dom0[0])
    short = guid.replace(":", "")
    # The device is there already, which is looked at after the HCA.
    for known in (name, "guid:" + guid, "guid:" + short, "guid:0x" + short,
                  "pci:" + pci, "pci:" + pci.partition(":")[2]):
        done = dom0[0].run("xenib attach --devid 0 --hca %s guest1" % known,
                           check=False)
        assert done.returncode == 3
        assert "already attached" in done.stdout
    for unknown in ("x" + name, "guid:" + short[:-4] + "0000", "pci:1" + pci,
                    guid, pci):
        done = dom0[0].run("xenib attach --hca %s guest1" % unknown,
                           check=False)
        assert done.returncode == 1
        assert done.stdout == (
            "xenib: no such HCA: %s; there is %s (guid %s, pci %s)\n" % (
                unknown, name, guid, pci))


def test_hca_with_an_ethernet_port(guest, dom0):
    """Not one that the backend could drive, but the port is looked at first."""
    host = dom0[0]
    host.run("modprobe rdma_rxe && rdma link add rxe0 type rxe netdev eth0")
    try:
        done = host.run("xenib attach --devid 1 --hca rxe0 guest1", check=False)
        log = host.out("dmesg | grep rxe0")
    finally:
        host.run("rdma link delete rxe0")
    assert done.returncode == 1
    assert ("rxe0 cannot be given to guests: port 1 is Ethernet, and all ports "
            "must be InfiniBand" in done.stdout)
    assert ("rxe0: not offered to guests: port 1 is Ethernet, and all ports "
            "must be InfiniBand" in log)


def test_uuid(guest, dom0):
    """As the hypervisor has it, and no other guest's."""
    host, node = dom0[0], guest[0]
    uuid = nodes.device(host, node)["uuid"]
    assert uuid == host.out("xenstore-read /local/domain/%s/vm" % nodes.domid(
        host, node)).removeprefix("/vm/")
    done = host.run("xenib attach --devid 0 --uuid %s guest1" % uuid,
                    check=False)
    assert done.returncode == 3
    done = host.run("xenib attach --devid 1 --uuid %s guest2" % uuid,
                    check=False)
    assert done.returncode == 1
    assert " is not the one that is meant: it has another UUID" in done.stdout


def test_several_domains(guest, pvh, dom0):
    rows = dom0[0].out("xenib list guest2 guest1").splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["guest2", "guest1"]
    done = dom0[0].run("xenib attach --devid 0 guest2 no-such-domain guest1",
                       check=False)
    assert done.returncode == 1
    assert re.findall(r"xenib: (already|no such)", done.stdout) == [
        "already", "no such", "already"]


def test_limit(guest, dom0):
    """Quotas change under a guest that runs, for what it wants from then on.
    Its ib_mad has CQs already."""
    host, node = dom0[0], guest[0]
    device = nodes.device(host, node)
    before, held = device["quotas"], device["counters"]["cqs"]
    assert held
    try:
        host.run("xenib limit --cqs %d guest1" % held)
        assert nodes.device(host, node)["quotas"] == dict(before, cqs=held)
        done = node.run("ibv_rc_pingpong", check=False)
        assert "Couldn't create CQ" in done.stdout
        counters = nodes.device(host, node)["counters"]
        assert counters["cqs"] == held
        assert counters["refused_cqs"] == device["counters"]["refused_cqs"] + 1
        assert "refused: over its limit of cqs, %d" % held in host.out("dmesg")
        assert re.search(r"^ +cqs +\d+ of %d, \d+ refused$" % held, host.out(
            "xenib show guest1"), re.M)
    finally:
        host.run("xenib limit --cqs %d guest1" % before["cqs"])
    assert nodes.device(host, node)["quotas"] == before
    nodes.run_pair(*guest, "ibv_rc_pingpong -n 10")


def samples(text):
    """Those of a text for Prometheus, which refuses all of it for a mistake:
    name, labels -> value."""
    found, family = {}, None
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("#"):
            family = re.fullmatch(r"# HELP (xenib_[a-z_]+) [^\\]+\.", line)[1]
            assert family not in [name for name, _ in found], "in two parts"
            kind = "counter" if family.endswith("_total") else "gauge"
            assert next(lines) == "# TYPE %s %s" % (family, kind)
            continue
        name, labels, value = re.fullmatch(
            r'(\w+)(?:\{(\w+="(?:[^"\\]|\\["\\n])*"'
            r'(?:,\w+="(?:[^"\\]|\\["\\n])*")*)\})? ([0-9.]+)', line).groups()
        assert name == family
        assert (name, labels) not in found
        found[name, labels] = float(value)
    return found


def test_metrics(guest, pvh, dom0):
    host = dom0[0]
    nodes.run_pair(*guest, "ibv_rc_pingpong -n 10")
    said = samples(host.out("xenib metrics"))
    assert said["xenib_backend_up", None] == 1
    for device in nodes.xenib_list(host)["devices"]:
        own = 'domain="%(domain)s",domid="%(domid)d",devid="%(devid)d"' % device
        for name, quota in device["quotas"].items():
            resource = '%s,resource="%s"' % (own, name)
            assert said["xenib_quota", resource] == quota
            assert ("xenib_used", resource) in said
        assert said["xenib_requests_total", own] > 0
        info, = [labels for name, labels in said
                 if name == "xenib_device_info" and labels.startswith(own)]
        assert 'uuid="%s"' % device["uuid"] in info
        assert info.endswith('backend="Connected",frontend="Connected"')
    assert said["xenib_devices", None] == 2
    assert said["xenib_maptrack_limit", None] % 256 == 0
    assert said["xenib_grants", None] < said["xenib_maptrack_limit", None]


def test_doctor(guest, pvh, dom0):
    host = dom0[0]
    assert host.out("xenib doctor") == "Nothing is wrong here."
    host.run("xenib limit --pages 67108864 guest1")
    try:
        done = host.run("xenib doctor", check=False)
    finally:
        host.run("xenib limit --pages 65536 guest1")
    assert done.returncode == 1
    assert re.fullmatch(
        r"device 0 of domain \d+, guest1 may have 67108864 pages, and the "
        r"guest can grant 131072: max_grant_frames=131073 in its .*\n"
        r"guests may have 67174400 pages mapped, .*\n", done.stdout)


def test_top(guest, pvh, dom0):
    """A guest that moves something stands above one that does not, as long as
    it does, with what the HCA counts."""
    host = dom0[0]
    top = host.start("timeout -s INT 30 xenib top --delay 1")
    nodes.run_pair(*guest, "ibv_rc_pingpong -n 200")
    blocks = top.communicate(timeout=60)[0].split("\n\n")
    assert len(blocks) > 5
    rows = [[line.split() for line in block.splitlines()[1:]]
            for block in blocks]
    assert [{row[0] for row in block} for block in rows[:-1]] == [
        {"guest1", "guest2"}] * (len(blocks) - 1)
    busy = [block[0] for block in rows[:-1] if int(block[0][2])]
    assert busy and {row[0] for row in busy} == {"guest1"}
    assert any(int(row[3]) and int(row[4]) and int(row[5]) for row in busy)


def test_attach_without_the_backend(backend):
    host = backend[1]
    host.run("rmmod xen_ibback")
    done = host.run("xenib attach --devid 3 guest1", check=False)
    sick = host.run("xenib doctor", check=False)
    nodes.load_backend(host)
    assert sick.returncode == 1
    assert "xen-ibback is not loaded: modprobe xen-ibback\n" in sick.stdout
    assert done.returncode == 1
    assert "xen-ibback" in done.stdout


def test_list_tells_names_and_states(guest, pvh, dom0):
    name, guid, _ = hca(dom0[0])
    devices = json.loads(dom0[0].out("xenib list --json"))["devices"]
    assert [(d["domain"], d["devid"], d["hca"], d["hca_guid"],
             d["backend_state"], d["frontend_state"]) for d in devices] == [
                 (guest, 0, name, guid, "Connected", "Connected")
                 for guest in ("guest1", "guest2")]
    # Where its doorbell pages are only a PVH guest needs to be told.
    assert [bool(d["uar_gfn_base"]) for d in devices] == [False, True]
    rows = [line.split() for line in dom0[0].out("xenib list").splitlines()]
    assert rows[0] == ["Domain", "ID", "Dev", "HCA", "Backend", "Frontend",
                       "UARs"]
    assert rows[1:] == [
        [d["domain"], str(d["domid"]), "0", name, "Connected", "Connected",
         str(len(d["uars"]))] for d in devices]
