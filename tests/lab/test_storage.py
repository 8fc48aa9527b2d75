# SPDX-License-Identifier: GPL-2.0-only
"""
The kernel's storage protocols over RDMA: what a node serves to another is what
that finds there, and what it writes there arrives.
"""

import pytest

import ipoib
import nodes
import storage

# Server and client, as fixtures and places in them, and the port by which they
# reach each other
PAIRS = {
    "native": ("native", 0, "native", 1, 1),
    "pvh-pv": ("pvh", 0, "guest", 1, 1),
    "pv-pvh": ("guest", 0, "pvh", 1, 1),
    "one-host": ("guest", 0, "pvh", 0, 1),
    "pv-dom0": ("guest", 0, "dom0", 0, 1),
    "dom0-pv": ("dom0", 0, "guest", 0, 1),
    "pvh-native": ("pvh", 0, "native", 0, 2),
    "native-pv": ("native", 0, "guest", 0, 2),
}

# What `make check` does: pairs, and with which protocols
SAMPLE = {
    "pvh-pv": {"nvme", "iser", "nfs"},
}


def is_left_out(item):
    params = item.callspec.params
    return params["protocol"] not in SAMPLE.get(params["ends"], ())


sampled = pytest.mark.exhaustive(when=is_left_out)


@pytest.fixture(scope="module", params=PAIRS)
def ends(request):
    """The IPoIB interfaces of a server and a client."""
    with ipoib.pair(request, *PAIRS[request.param]) as found:
        yield found


def requests(end):
    """How many requests a guest has made of the backend."""
    if not end.is_guest:
        return 0
    return nodes.device(end.machine, end.node)["counters"]["requests"]


def content(mib):
    """A command that prints so much, nothing of it twice."""
    return "seq 10000000 99999999 | head -c %dM" % mib


def cksum(node, command):
    return node.out(command + " | cksum", timeout=300)


def check_content(node, command, mib):
    """What a command prints is that."""
    assert cksum(node, command) == cksum(node, content(mib))


def check_disk(ends, where, mib):
    """Written by the client it is at the server, and is read again, with no
    request to a backend meanwhile."""
    server, client = ends
    wanted = cksum(server.node, content(mib))
    before = [requests(end) for end in ends]
    client.node.run("%s | dd of=%s bs=1M iflag=fullblock oflag=direct" % (
        content(mib), where), timeout=300)
    assert cksum(server.node, "head -c %dM /srv/storage/disk" % mib) == wanted
    assert cksum(client.node, "dd if=%s bs=1M count=%d iflag=direct" % (
        where, mib) + " status=none") == wanted
    assert [requests(end) for end in ends] == before


# %(where)s = the disk, %(content)s = a command
FILE_SYSTEM = """
set -e
mkfs.ext4 -q %(where)s
mkdir -p /mnt/disk
mount %(where)s /mnt/disk
%(content)s >/mnt/disk/large
for i in $(seq 100); do
	echo $i >/mnt/disk/$i
done
umount /mnt/disk
mount -o ro %(where)s /mnt/disk
trap 'umount /mnt/disk' EXIT
%(content)s | cmp - /mnt/disk/large
[ "$(cd /mnt/disk && cat $(seq 100))" = "$(seq 100)" ]
"""


def check_file_system(client, where, mib):
    client.node.run(FILE_SYSTEM % {"where": where, "content": content(mib)},
                    timeout=300)


def serve_disk(ends, protocol, mib):
    """A disk, by NVMe or iSER"""
    server, client = ends
    with storage.served(protocol, server, 2 * mib):
        with storage.connected(protocol, server, client) as where:
            check_disk(ends, where, mib)
            check_file_system(client, where, mib)


@sampled
@pytest.mark.parametrize("protocol", ["nvme", "iser"])
def test_disk(ends, protocol, exhaustive):
    serve_disk(ends, protocol, 64 if exhaustive else 16)


# %(where)s = a folder of the server's, %(content)s = a command
COPY = """
set -e
%(content)s >%(where)s/large
sync %(where)s/large
for i in $(seq 100); do
	echo $i >%(where)s/$i
done
echo 3 >/proc/sys/vm/drop_caches
%(content)s | cmp - %(where)s/large
[ "$(cd %(where)s && cat $(seq 100))" = "$(seq 100)" ]
"""


def serve_files(ends, mib):
    """Files, by NFS"""
    server, client = ends
    with storage.served("nfs", server, 1):
        with storage.connected("nfs", server, client) as where:
            client.node.run(COPY % {"where": where, "content": content(mib)},
                            timeout=600)
            check_content(server.node, "cat /srv/storage/large", mib)
            assert server.node.out("cat /srv/storage/77") == "77"
            client.node.run("rm %s/[0-9]* %s/large" % (where, where))


@sampled
@pytest.mark.parametrize("protocol", ["nfs"])
def test_files(ends, protocol, exhaustive):
    serve_files(ends, 256 if exhaustive else 16)


def serve(ends, protocol):
    """Whatever it serves, enough of it to fill an arena"""
    if protocol == "nfs":
        serve_files(ends, 64)
    else:
        serve_disk(ends, protocol, 16)


# ---- In mid-transfer the backend of a guest goes and comes ----

@pytest.fixture
def across(guest, dom0):
    """A guest, and a dom0 that is not its own."""
    with ipoib.interfaces(guest[0], dom0[1]) as found:
        yield found


@pytest.fixture
def reload(dom0, guest, pvh):
    """A function: while a command of a client's writes, reload the backend of
    the guest; returns the command's status and output."""
    def reload(client, command, end):
        process = client.node.start(command)
        nodes.wait_moving(client.machine, 1 << 22)
        dom0[0].run("rmmod xen_ibback")
        assert process.poll() is None, process.communicate()
        nodes.load_backend(dom0[0], (guest[0], pvh[0]))
        end.up()
        said, _ = process.communicate(timeout=300)
        return process.returncode, said
    return reload


MIB = 64        # enough to be in the middle of it
WRITE = content(MIB) + " | dd of=%s bs=1M iflag=fullblock "


@pytest.mark.exhaustive
@pytest.mark.parametrize("whose", ["server", "client"])
def test_files_go_on(across, reload, whose):
    """NFS waits and goes on by itself."""
    server, client = across if whose == "server" else across[::-1]
    with storage.served("nfs", server, 1):
        with storage.connected("nfs", server, client) as where:
            status, said = reload(client, WRITE % (where + "/large") +
                                  "conv=fsync", across[0])
            assert status == 0, said
            check_content(server.node, "cat /srv/storage/large", MIB)
            client.node.run("rm %s/large" % where)


@pytest.mark.exhaustive
def test_target_goes_on(across, reload):
    """So does NVMe when the target is in the guest."""
    target, initiator = across
    with storage.served("nvme", target, MIB):
        with storage.connected("nvme", target, initiator) as where:
            status, said = reload(initiator, WRITE % where + "oflag=direct",
                                  target)
            assert status == 0, said
            check_content(target.node, "cat /srv/storage/disk", MIB)
            check_disk((target, initiator), where, 16)


@pytest.mark.exhaustive
def test_initiator_connects_again(across, reload):
    """When the initiator is in the guest, its disk goes with the HCA."""
    initiator, target = across
    with storage.served("nvme", target, MIB):
        with storage.connected("nvme", target, initiator) as where:
            status, said = reload(initiator, WRITE % where + "oflag=direct",
                                  initiator)
            assert status != 0, said
        with storage.connected("nvme", target, initiator) as where:
            check_disk((target, initiator), where, 16)


# ---- With little memory for the HCA ----

SMALL = 32      # MiB, of which IPoIB has most


@pytest.mark.exhaustive
@pytest.mark.parametrize("protocol", ["nvme", "iser", "nfs"])
@pytest.mark.parametrize("whose", ["server", "client"])
def test_small_arena(guest, dom0, protocol, whose):
    """What waits for room gets it."""
    with (nodes.with_arena(guest[0], SMALL),
          ipoib.interfaces(guest[0], dom0[1]) as ends):
        if whose == "client":
            ends = ends[::-1]
        serve(ends, protocol)
