# SPDX-License-Identifier: GPL-2.0-only
"""What an InfiniBand node does beyond verbs: management, the connection
manager with the programs of rdmacm-utils, IPoIB. Every pair of nodes is to do
the same."""

import collections
import contextlib
import ipaddress
import json
import re

import pytest

import ipoib
import nodes

# Which two nodes, as fixtures and places in them: server and client; and by
# which port they reach each other
PAIRS = {
    "native": ("native", 0, "native", 1, 1),
    "dom0": ("dom0", 0, "dom0", 1, 1),
    "dom0-native": ("dom0", 0, "native", 0, 2),
    "pv-dom0": ("guest", 0, "dom0", 0, 1),
    "pvh-pv": ("pvh", 0, "guest", 1, 1),
    "native-pvh": ("native", 0, "pvh", 0, 2),
    "one-host": ("guest", 1, "pvh", 1, 1),
}

# What `make check` does with most pairs: programs, groups, tests. Between dom0
# and native it does all.
SAMPLE = {
    "native": {
        "rping", "cmtime", "test_subnet_manager", "test_errors_are_counted",
        "test_ping_sizes", "test_iperf3"},
    "dom0": {
        "ucmatose", "udaddy", "rstream", "test_port_counters",
        "test_ip_multicast", "test_connected_mode"},
    "pv-dom0": {
        "rping", "udaddy", "rdma_client", "cmtime", "test_rcopy",
        "test_ping_sizes", "test_all_nodes_group", "test_ip_multicast",
        "test_iperf3"},
    "pvh-pv": {
        "rping-ipv6", "ucmatose-ipv6", "rstream", "test_ibstat",
        "test_subnet_administration", "test_port_counters", "test_ping_sizes",
        "test_connected_mode"},
    "native-pvh": {
        "rping", "udaddy", "udpong", "ib_send_bw", "rdma_xclient",
        "ff0e::77:1", "test_errors_are_counted", "test_ping_sizes",
        "test_ipv6"},
    "one-host": {"rping", "test_ping_sizes"},
}


def is_left_out(item):
    """Of make check, since it is none of the samples."""
    params = item.callspec.params
    sample = SAMPLE.get(params["ends"])
    return sample is not None and not sample & {
        params.get("name"), params.get("group"), item.originalname}


pytestmark = pytest.mark.exhaustive(when=is_left_out)


@pytest.fixture(scope="module", params=PAIRS)
def ends(request):
    """The IPoIB interfaces of a server and a client."""
    with ipoib.pair(request, *PAIRS[request.param]) as found:
        found[1].ping(found[0].v4, "-c 1")      # the paths are looked up
        yield found


# ---- Management ----

def test_ibstat(ends):
    for end in ends:
        out = end.node.out("ibstat mlx4_0 %d" % end.port)
        assert "State: Active" in out and "Base lid: %d" % end.lid in out, out


def test_subnet_administration(ends):
    """Records of the SA: nodes and a path between the two."""
    server, client = ends
    where = "-C mlx4_0 -P %d " % client.port
    out = client.node.out("saquery %sNR" % where)
    assert {end.lid for end in ends} <= {
        int(lid) for lid in re.findall(r"\blid\.+(\d+)", out)}, out
    out = client.node.out("saquery %sPR --src-to-dst %d:%d" % (
        where, client.lid, server.lid))
    assert re.search(r"dlid\.+%d\b" % server.lid, out), out


def test_port_counters(ends):
    """What two nodes of one HCA tell each other does not leave it."""
    server, client = ends

    def sent():
        out = client.node.out("perfquery -x -C mlx4_0 -P %d %d %d" % (
            client.port, client.lid, client.port))
        return int(re.search(r"PortXmitPkts:\.+(\d+)", out)[1])

    before = sent()
    client.ping(server.v4, "-q -c 20 -i 0.01")
    leave = client.machine.name != server.machine.name
    assert (sent() - before >= 20) == leave


def test_subnet_manager(ends):
    """Guests have no QP0, by which it is asked."""
    for end in ends:
        if not end.is_guest:
            out = end.node.out("sminfo -C mlx4_0 -P %d" % end.port)
            assert "SMINFO_MASTER" in out, out


def errors(end):
    """What a node's HCA port counts of errors."""
    found, = json.loads(end.node.out("rdma -j statistic show link mlx4_0/%d" %
                                     end.port))
    return found


def test_errors_are_counted(ends):
    """At the end of rping, each side has a receive that is flushed."""
    watched = [end for end in ends if not end.is_guest]
    before = [errors(end)["rq_num_wrfe"] for end in watched]
    run(ends, PROGRAMS["rping"])
    for end, count in zip(watched, before):
        assert errors(end)["rq_num_wrfe"] > count
        assert end.node.out(
            "cat /sys/class/infiniband/mlx4_0/ports/%d/hw_counters/rq_num_wrfe"
            % end.port) == str(errors(end)["rq_num_wrfe"])


# ---- The connection manager ----

# A program's words on the server and on the client, and what the client says.
# {0} is the server's IPv4 address, {1} its IPv6 address. stop: the server would
# go on for ever.
Program = collections.namedtuple(
    "Program", "server client says port stop listens",
    defaults=("", 7471, None, nodes.CM))

RPING = "-V -v -C 10 -S 4000"
STREAM = "-T v -I 20 -C 5 -S 5000"
PONG = "-C 200 -S 1000"
# With queue pairs, always: guests may not name any that they do not have.
CMTIME = "cmtime -q 0"
# perftest's server and client agree to go on, and only then does the server
# listen for the connection of the test itself. Who is refused tries again and
# crashes (perftest 25.01). So the client asks slowly.
SLOWLY = ("strace -o /dev/null -P /dev/infiniband/rdma_cm"
          " -e inject=write:delay_enter=100000 ")
PROGRAMS = {
    "rping": Program("rping -s -a {0} " + RPING, "rping -c -a {0} " + RPING,
                     "ping data: rdma-ping-9", 7174),
    "rping-ipv6": Program("rping -s -a {1} " + RPING,
                          "rping -c -a {1} " + RPING,
                          "ping data: rdma-ping-9", 7174),
    "ucmatose": Program("ucmatose -c 4 -C 20 -S 5000",
                        "ucmatose -c 4 -C 20 -S 5000 -s {0}",
                        "return status 0"),
    "ucmatose-ipv6": Program("ucmatose -c 4 -b ::0",
                             "ucmatose -c 4 -s {1}", "return status 0"),
    "udaddy": Program("udaddy -c 4 -C 20", "udaddy -c 4 -C 20 -s {0}",
                      "return status 0", 7174),
    "rstream": Program("rstream " + STREAM, "rstream -s {0} " + STREAM,
                       "4.8k"),
    "riostream": Program("riostream " + STREAM, "riostream -s {0} " + STREAM,
                         "4.8k"),
    "udpong": Program("udpong -T b -b {0} " + PONG,
                      "udpong -T b -s {0} " + PONG,
                      "custom", 7174, "udpong", nodes.UDP),
    "rdma_client": Program("rdma_server", "rdma_client -s {0}",
                           "rdma_client: end 0"),
    "rdma_xclient": Program("rdma_xserver -c x", "rdma_xclient -c x -s {0}",
                            "rdma_xclient: end 0"),
    "cmtime": Program("%s -c 50" % CMTIME, "%s -c 50 -s {0}" % CMTIME,
                      "disconnect"),
    "ib_send_bw": Program("ib_send_bw -R -F -n 200",
                          SLOWLY + "ib_send_bw -R -F -n 200 {0}", "#bytes",
                          18515),
    "ib_read_lat": Program("ib_read_lat -R -F -n 200",
                           SLOWLY + "ib_read_lat -R -F -n 200 {0}", "#bytes",
                           18515),
}


def run(ends, program, timeout=100):
    """Run a program between two nodes; what both said."""
    addresses = ends[0].v4, ends[0].v6
    said = nodes.run_apart(ends[0].node, program.server.format(*addresses),
                           ends[1].node, program.client.format(*addresses),
                           timeout, port=program.port,
                           listens=program.listens, stop=program.stop)
    assert program.says in said[1], said
    return said


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(ends, name):
    run(ends, PROGRAMS[name])


def test_rcopy(ends):
    server, client = ends
    client.node.run("head -c 3000001 /dev/urandom >/root/sent")
    run(ends, Program("rcopy", "rcopy /root/sent {0}:/root/got", "bytes",
                      stop="rcopy", port=7427))
    sums = [node.out("cksum </root/%s" % name)
            for node, name in ((client.node, "sent"), (server.node, "got"))]
    assert sums[0] == sums[1]
    client.node.run("rm /root/sent")
    server.node.run("rm /root/got")


@pytest.mark.parametrize("group", ["239.77.1.1", "ff0e::77:1"])
def test_multicast_group(ends, group):
    """mckey joins the group of an IP address, by the connection manager."""
    server, client = ends
    bind = [end.v6 if ":" in group else end.v4 for end in ends]
    process = server.node.start("exec stdbuf -oL timeout 60 mckey -m %s -b %s" %
                                (group, bind[0]))
    said = ""
    while "receiving data transfers" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    out = client.node.out("timeout 60 mckey -s -m %s -b %s" % (group, bind[1]))
    rest, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said + rest
    assert "data transfers complete" in rest and "return status 0" in out, (
        said + rest, out)


# ---- One of so many MADs of the connection manager is lost ----

# What a guest has of QPs allows for 100 connections. Each is made twice.
@pytest.mark.parametrize("times, count, one_in", [
    (1, 30, 20), pytest.param(5, 100, 100, marks=pytest.mark.exhaustive)])
def test_connections_with_loss(ends, times, count, one_in):
    """So many connects and disconnects: none hangs, none is left."""
    words = "%s -c %d" % (CMTIME, count)
    with nodes.losing([end.machine for end in ends], one_in):
        for _ in range(times):
            run(ends, Program(words, words + " -s {0}", "disconnect"), 280)
    for end in ends:
        out = end.node.out("rdma resource show cm_id")
        assert "cmtime" not in out, out


# ---- IPoIB ----

def test_ping_sizes(ends, exhaustive):
    """Every size to the MTU goes in one packet, one more in none, and much more
    in several."""
    server, client = ends
    most = client.mtu() - 28                # headers of IPv4 and ICMP
    assert most == 2044 - 28
    sizes = range(most + 1) if exhaustive else [
        *range(0, most, 201), *range(most - 3, most + 1)]
    client.node.run(
        "for s in %s; do ping -q -M do -c 1 -W 5 -s $s %s >/root/ping || "
        "{ echo size $s; cat /root/ping; exit 1; }; done" % (
            " ".join(map(str, sizes)), server.v4), timeout=400)
    done = client.node.run("ping -M do -c 1 -s %d %s" % (most + 1, server.v4),
                           check=False)
    assert done.returncode and "too long" in done.stdout, done.stdout
    client.ping(server.v4, "-q -c 3 -i 0.2 -s 20000")


def test_ipv6(ends):
    server, client = ends
    client.ping(server.v6, "-q -c 3 -i 0.2 -s 1900")
    client.ping("%s%%%s" % (server.local, client.name), "-q -c 3 -i 0.2")


def test_all_nodes_group(ends):
    """A ping to the group of all nodes is answered by the other one, too."""
    server, client = ends
    out = client.node.out("ping -c 2 -i 0.5 -W 5 -I %s ff02::1%%%s" % (
        client.name, client.name))
    assert "from %s%%" % server.local in out, out


# Python programs, in shell's single quotes
RECEIVER = """
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{group}", 5077))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
             socket.inet_aton("{group}") + socket.inet_aton("{address}"))
print("joined", flush=True)
s.settimeout(90)
print(s.recv(2000).decode())
"""
SENDER = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
             socket.inet_aton("{address}"))
while True:
    s.sendto(b"hello", ("{group}", 5077))
    time.sleep(0.1)
"""
GROUP = "239.77.1.2"
MGID = "ff12:401b:ffff::f4d:102"


def port_gid(end):
    """GID 0 of the HCA's port, by which the SA knows the members of groups,
    also for guests."""
    return ipaddress.ip_address(end.machine.out(
        "cat /sys/class/infiniband/*/ports/%d/gids/0" % end.port))


def members(end):
    """Who receives what is sent to GROUP, None if there is no SA. It tells that
    those only who have its key."""
    done = end.machine.run("saquery --smkey 1 -C mlx4_0 -P %d -m" % end.port,
                           check=False)
    if done.returncode:
        return None
    return {ipaddress.ip_address(gid) for gid, state in re.findall(
        r"MGID\.+%s\n.*\n\s*PortGid\.+(\S+)\n\s*ScopeState\.+(\S+)" % MGID,
        done.stdout) if int(state, 16) & 1}


def wait_members(end, wanted, timeout=30):
    """Until the subnet manager has those ports in GROUP."""
    nodes.wait_for(lambda: members(end), lambda found: found == wanted,
                   timeout)


def receive(end):
    """A process that is in GROUP until it has received something."""
    process = end.node.start("exec timeout 100 python3 -c '%s'" %
                             RECEIVER.format(group=GROUP, address=end.v4))
    assert process.stdout.readline() == "joined\n"
    return process


def send(end, *receivers):
    """Send to GROUP until those processes have received it."""
    sender = end.node.start("exec timeout 100 python3 -c '%s'" % SENDER.format(
        group=GROUP, address=end.v4))
    try:
        for process in receivers:
            assert process.communicate(timeout=120)[0] == "hello\n"
    finally:
        end.node.run("pkill -f [I]P_MULTICAST_IF", check=False)
        sender.wait(timeout=60)


def test_ip_multicast(ends):
    """A receiver is in the group as long as it wants."""
    for receiver, sender in ends, reversed(ends):
        wait_members(sender, set())
        process = receive(receiver)
        wait_members(sender, {port_gid(receiver)})
        send(sender, process)
    wait_members(sender, set())


def iperf3(ends, words, family=4):
    """What iperf3 tells in the end, after a second."""
    server, client = ends
    _, out = nodes.run_apart(
        server.node, "iperf3 -s -1", client.node, "iperf3 -J -t 1 %s -c %s" % (
            words, server.v4 if family == 4 else server.v6), port=5201)
    return json.loads(out)["end"]


def test_iperf3(ends):
    for words, family in ("", 4), ("-R", 6), ("--bidir", 4):
        end = iperf3(ends, words, family)
        assert end["sum_received"]["bytes"] > 1 << 16, end
    end = iperf3(ends, "-u -b 2M -l 1400")
    assert end["sum"]["packets"] > 100, end
    assert end["sum"]["lost_packets"] < end["sum"]["packets"] / 10, end


@contextlib.contextmanager
def connected(ends):
    for end in ends:
        end.set_mode("connected", 65520)
    yield
    for end in ends:
        end.set_mode("datagram", 2044)


def test_connected_mode(ends):
    server, client = ends
    with connected(ends):
        client.ping(server.v4, "-c 1")
        client.ping(server.v4, "-q -M do -c 3 -i 0.2 -s %d" % (65520 - 28))
        end = iperf3(ends, "")
        assert end["sum_received"]["bytes"] > 1 << 16, end
    client.ping(server.v4, "-q -c 3 -i 0.2 -s 1900")
