# SPDX-License-Identifier: GPL-2.0-only
"""
Connections of guests: the stock communication manager, mostly by the GIDs of
both ends, which needs no IP addresses. (test_node.py has those.)
"""

import contextlib
import itertools

import pytest

import ipoib
import nodes

# {0} is the GID of its own end. One connection for each listener that ends it.
TALK = "ucmatose -P ib -f gid -b {0} -c %d -C %d -S %d"
# The list of IDs leaves out those without IP addresses, the sum does not.
LISTENS = '! rdma resource show | grep -q "cm_id 0"'


class End:
    """A node, and what its first port is called."""

    def __init__(self, node):
        self.node = node
        node.run("modprobe rdma_ucm")
        self.gid = node.out("cat /sys/class/infiniband/*/ports/1/gids/0")

    def __repr__(self):
        return self.node.name

    def command(self, words, to=None):
        command = words.format(self.gid)
        return command + " -s " + to.gid if to else command

    def listen(self, words, timeout=60):
        return nodes.start_server(self.node, "timeout %d %s" % (
            timeout, self.command(words)), listens=LISTENS)


@pytest.fixture(scope="module")
def ends(dom0, guest, pvh):
    """dom0 of two hosts, and two guests of each, with GIDs of their own."""
    found = {
        "dom0": End(dom0[0]), "pv": End(guest[0]), "pvh": End(pvh[0]),
        "other dom0": End(dom0[1]), "other pv": End(guest[1]),
        "other pvh": End(pvh[1]),
    }
    yield found
    for end in found.values():
        end.node.run("rmmod rdma_ucm rdma_cm iw_cm ib_cm")


def refused(host, guest):
    """How many of its MADs were."""
    return nodes.device(host, guest)["counters"]["mad_refused"]


def talk(server, client, words, timeout=60):
    said = nodes.run_apart(server.node, server.command(words), client.node,
                           client.command(words, server), timeout,
                           listens=LISTENS)
    for output in said:
        assert "data transfers complete" in output, said
        assert "return status 0" in output, said


# In make check each kind of node is a server and a client, on one host and two.
@pytest.mark.parametrize("server, client", [
    ("pv", "dom0"), ("dom0", "pvh"), ("pvh", "pv"), ("pv", "pv"),
    ("pv", "other pvh"), ("other dom0", "pv"),
    *(pytest.param(*pair, marks=pytest.mark.exhaustive) for pair in [
        ("dom0", "pv"), ("pvh", "dom0"), ("pv", "pvh"), ("pv", "other pv"),
        ("other pvh", "pv"), ("pvh", "other dom0")])])
def test_connect(ends, server, client):
    """Between guests, and with dom0, of one host and of two."""
    talk(ends[server], ends[client], TALK % (4, 5, 4000))


def test_one_port_number(ends):
    """The same one is listened to everywhere, and each client reaches whom it
    meant: that server ends, and the others go on waiting."""
    words = TALK % (1, 1, 100)
    names = ["dom0", "pv", "pvh", "other pv"]
    servers = {name: ends[name].listen(words) for name in names}
    for server, client in zip(names, ["pvh", "dom0", "other dom0", "pv"]):
        done = ends[client].node.run(
            "timeout 30 " + ends[client].command(words, ends[server]),
            check=False)
        assert not done.returncode, (server, client, done.stdout)
        output, _ = servers.pop(server).communicate(timeout=30)
        assert "return status 0" in output, (server, client, output)
        for name, process in servers.items():
            assert process.poll() is None, (server, client, name)


def test_nobody_listens(ends):
    """The guest says so itself, at once."""
    for server, client in (("pv", "dom0"), ("dom0", "pvh"), ("pvh", "pv")):
        done = ends[client].node.run(
            "timeout 15 " + ends[client].command(TALK % (1, 1, 100),
                                                 ends[server]), check=False)
        assert "RDMA_CM_EVENT_REJECTED, error: 8" in done.stdout, done.stdout


@pytest.mark.exhaustive
@pytest.mark.parametrize("server, client", [
    ("other pv", "pvh"), ("pv", "dom0"), ("dom0", "pv"), ("pvh", "pv")])
def test_loss(ends, dom0, server, client):
    """What is lost is sent again, and is the same connection."""
    machines = dom0[:2 if "other" in server else 1]
    with nodes.losing(machines, 10):
        talk(ends[server], ends[client], TALK % (20, 1, 100), 60)
    for end in ends.values():
        assert "cm_id 0" in end.node.out("rdma resource show")


# {server} and {client} connect with each other, again and again. The first
# connection that fails ends the loop, which says how both programs ended. The
# server's time begins long before the client's.
LOOP = """
while ! [ -e /root/enough ]; do
	timeout 120 stdbuf -oL {server} & pid=$!
	while kill -0 $pid 2>/dev/null; do
		rdma resource show | grep -q "cm_id 0" || break
		sleep 0.1
	done
	timeout 60 {client} || {{ echo "client: $?"; failed=1; }}
	wait $pid || {{ echo "server: $?"; failed=1; }}
	[ -z "$failed" ] || exit 1
	touch /root/connected
done
echo LOOP ended
"""

# The same command as long as the test lasts, whether it fails or not
AGAIN = """
while ! [ -e /root/enough ]; do
	timeout 10 %s && touch /root/connected || sleep 1
done
"""


def wait_connected(ends):
    """Until LOOP or AGAIN has connected anew, on each of them."""
    for end in ends:
        end.node.run("rm -f /root/connected")
    for end in ends:
        end.node.run("timeout 100 sh -c "
                     "'until [ -e /root/connected ]; do sleep 0.2; done'")


def test_unload_under_load(ends, dom0, exhaustive):
    """The backend goes and comes while guests connect, and dom0 with itself:
    dom0 notices nothing, and guests connect again."""
    own, pv, pvh = (ends[name] for name in ("dom0", "pv", "pvh"))
    words = TALK % (1, 1, 100)
    # Without the backend, requests for guests come to dom0's listeners.
    apart = words + " -p 7472"
    dom0[0].run("rm -f /root/enough")
    loop = dom0[0].start(LOOP.format(server=own.command(apart),
                                     client=own.command(apart, own)))
    others = [pvh.node.start(AGAIN % pvh.command(words)),
              pv.node.start(AGAIN % pv.command(words, pvh))]
    try:
        wait_connected((own, pv, pvh))
        for _ in range(5 if exhaustive else 1):
            nodes.reload_backend(dom0[0], (pv.node, pvh.node))
            wait_connected((own, pv, pvh))
    finally:
        for end in (own, pv, pvh):
            end.node.run("touch /root/enough")
        said, _ = loop.communicate(timeout=200)
        print(said)
        for process in others:
            process.communicate(timeout=30)
        for end in (own, pv, pvh):
            end.node.run("rm /root/enough")
    assert said.endswith("LOOP ended\n")
    talk(pv, pvh, words)
    talk(own, pv, words)


def test_off(ends, dom0):
    """Guests have no connections with cm=off, and all else that they have.
    What is none of the modes is refused."""
    host, pv = dom0[0], ends["pv"]
    both = pv.node, ends["pvh"].node
    host.run("rmmod xen_ibback")
    with nodes.allowed(host, r"xen-ibback: cm=hock is none of"):
        done = host.run("insmod %s/xen-ibback.ko cm=hock" % nodes.MODULES,
                        check=False)
    assert "Invalid" in done.stdout, done.stdout
    nodes.load_backend(host, both, "cm=off")
    try:
        before = refused(host, pv.node)
        done = pv.node.run("timeout 3 " + pv.command(TALK % (1, 1, 100),
                                                     ends["dom0"]),
                           check=False)
        assert done.returncode, done.stdout
        assert refused(host, pv.node) > before
    finally:
        nodes.reload_backend(host, both)
    talk(ends["dom0"], pv, TALK % (1, 1, 100))


@pytest.mark.exhaustive
def test_own(ends, dom0):
    """With cm=own guests have connections, and dom0 has none. The backend has
    to be loaded before ib_cm."""
    host, pv, pvh = dom0[0], ends["pv"], ends["pvh"]
    both = pv.node, pvh.node
    words = TALK % (2, 2, 100)
    with nodes.allowed(host, "cm=own: another has the CM of port 1"):
        nodes.reload_backend(host, both, "cm=own")
    try:
        done = pv.node.run("timeout 5 " + pv.command(words, pvh), check=False)
        assert done.returncode, done.stdout
        talk(ends["dom0"], ends["other dom0"], words)
        host.run("rmmod rdma_ucm rdma_cm iw_cm ib_cm")
        nodes.reload_backend(host, both, "cm=own")
        host.run("modprobe rdma_ucm")
        talk(pv, pvh, words)
        talk(pvh, ends["other dom0"], words)
        done = host.run("timeout 5 " + ends["dom0"].command(words, pv),
                        check=False)
        assert done.returncode, done.stdout
    finally:
        host.run("rmmod rdma_ucm rdma_cm iw_cm ib_cm")
        nodes.reload_backend(host, both)
        host.run("modprobe rdma_ucm")
    talk(ends["dom0"], pv, words)


# ---- By IP addresses, where GIDs do not tell guests apart ----

ASK = "udaddy -c 1 -C 5"    # by service ID: datagrams
CALL = "rping -C 5"
PORT = {"port": 7174, "listens": nodes.CM}      # both programs'


@pytest.fixture(scope="module")
def named(ends):
    """IPoIB interfaces of dom0 and two guests of a host."""
    with ipoib.interfaces(*(ends[name].node
                            for name in ("dom0", "pv", "pvh"))) as found:
        yield found


@contextlib.contextmanager
def attached_anew(host, interface, options):
    """For a while, a guest is attached with these options; its interface."""
    guest = interface.node
    host.run("xenib detach " + guest.domain)
    try:
        host.run("xenib attach --wait %s %s" % (options, guest.domain))
        nodes.wait_active(guest)
        yield ipoib.Interface(guest)
    finally:
        host.run("xenib detach " + guest.domain)
        nodes.attach(host, guest)


@contextlib.contextmanager
def one_more(interface):
    """For a while, an interface has one more address, which is this."""
    address = "10.78.200.9"
    command = "ip addr %%s %s/16 dev %s" % (address, interface.name)
    interface.node.run(command % "add")
    yield address
    interface.node.run(command % "del")


def ask(server, client, address):
    """Who is called by the address answers."""
    nodes.run_apart(server.node, ASK, client.node, "%s -s %s" % (ASK, address),
                    30, **PORT)


def is_not_called(server, command, client, client_command):
    """The client fails, and the server goes on waiting; the client's words."""
    process = nodes.start_server(server.node, "timeout 60 " + command, **PORT)
    done = client.node.run("timeout 3 " + client_command, check=False)
    assert done.returncode, done.stdout
    assert process.poll() is None, process.stdout.read()
    server.node.run("pkill -x " + command.split()[0])
    process.wait(timeout=30)
    return done.stdout


def test_addresses_that_guests_say(named):
    """They come and go, and one that another has had is this one's then."""
    own, pv, pvh = named
    ask(pv, own, pv.v4)
    with one_more(pv) as address:
        ask(pv, own, address)
    with one_more(pvh) as address:
        ask(pvh, pv, address)


def test_addresses_that_are_given(named, dom0):
    """A guest that was given some has no others: from there it calls nobody,
    and is not called."""
    own, pv, pvh = named
    with attached_anew(dom0[0], pv, "--ips " + pv.v4) as pv:
        assert nodes.device(dom0[0], pv.node)["ips"] == pv.v4
        ask(pv, own, pv.v4)
        ask(pvh, pv, pvh.v4)
        with one_more(pv) as other:
            for words in ((ASK, "%s -s %s -b %s" % (ASK, own.v4, other)),
                          ("%s -s -a %s" % (CALL, own.v4),
                           "%s -c -a %s -I %s" % (CALL, own.v4, other))):
                before = refused(dom0[0], pv.node)
                is_not_called(own, words[0], pv, words[1])
                assert refused(dom0[0], pv.node) > before
            said = is_not_called(pv, ASK, own, "%s -s %s" % (ASK, other))
            assert "UNREACHABLE" in said, said


@pytest.mark.exhaustive
def test_a_shared_gid(named, dom0):
    """Who has the GID of the HCA's port is called by his addresses, and with
    one port number so is everybody who has it."""
    own, pv, pvh = named
    # Their link-local addresses are the same.
    for user in pv, pvh:
        user.node.run("sysctl -q net.ipv6.conf.default.accept_dad=0")
    with attached_anew(dom0[0], pv, "--guid shared") as pv, \
            attached_anew(dom0[0], pvh, "--guid shared") as pvh:
        users = [own, pv, pvh]
        for server, client in itertools.permutations(users, 2):
            others = [user for user in users if user is not server]
            waiting = [nodes.start_server(
                user.node, "timeout 60 %s -s -a %s" % (CALL, user.v4), **PORT)
                for user in others]
            nodes.run_apart(server.node, "%s -s -a %s" % (CALL, server.v4),
                            client.node, "%s -c -a %s" % (CALL, server.v4),
                            30, **PORT)
            for user, process in zip(others, waiting):
                assert process.poll() is None, process.stdout.read()
                user.node.run("pkill -x rping")
                process.wait(timeout=30)
            ask(server, client, server.v4)
    for user in pv, pvh:
        user.node.run("sysctl -q net.ipv6.conf.default.accept_dad=1")
