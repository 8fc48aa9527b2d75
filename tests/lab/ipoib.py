# SPDX-License-Identifier: GPL-2.0-only
"""IPoIB interfaces of nodes, and their addresses."""

import contextlib
import ipaddress
import re

import nodes

# %(index)d = %(port)d from 0; %(v4)s, %(v6)s = its addresses. Says the name,
# the link-local address and the LID. Whether others have these addresses is not
# looked for, which would take seconds.
UP = """
modprobe -a ib_ipoib rdma_ucm ib_umad || exit 1
for net in /sys/class/net/*; do
	[ "$(cat $net/type)" = 32 ] && [ "$(cat $net/dev_port)" = %(index)d ] &&
		dev=${net##*/}
done
echo 0 >/proc/sys/net/ipv6/conf/$dev/accept_dad
ip link set $dev up &&
ip addr replace %(v4)s/16 dev $dev &&
ip addr replace %(v6)s/64 dev $dev nodad || exit 1
for i in $(seq 300); do
	own=$(ip -6 -o addr show dev $dev scope link -tentative)
	if grep -qs 1 /sys/class/net/$dev/carrier && [ "$own" ]; then
		echo $dev $own $(cat /sys/class/infiniband/*/ports/%(port)d/lid)
		exit
	fi
	sleep 0.1
done
ip addr show $dev
exit 1
"""


class Interface:
    """The interface of a node's port, with addresses of its own: those that it
    has on the bridge, with other first words."""

    def __init__(self, node, port=1):
        self.node = node
        self.port = port
        number = node.out("getent ahostsv4 %s" % node).split()[0].split(".")[2:]
        self.v4 = "10.%d.%s" % (77 + port, ".".join(number))
        self.v6 = "fd%d::%s" % (77 + port, ":".join(number))
        self.is_guest = "-guest" in node.name
        # whose HCA it uses
        self.machine = nodes.Node(node.name.partition("-")[0])
        self.up()

    def up(self):
        """Also anew, when the device has gone and come."""
        said = self.node.out(UP % {"port": self.port, "index": self.port - 1,
                                   "v4": self.v4, "v6": self.v6}).split()
        self.name, self.lid = said[0], int(said[-1], 16)
        self.local = said[4].partition("/")[0]

    def mtu(self):
        return int(self.node.out("cat /sys/class/net/%s/mtu" % self.name))

    def set_mode(self, mode, mtu):
        """"datagram" or "connected", which allows for a larger MTU."""
        self.node.run("echo %s >/sys/class/net/%s/mode && "
                      "ip link set %s mtu %d" % (mode, self.name, self.name,
                                                 mtu))

    def lid_of(self, other):
        """To which LID it sends what is for the other one's GID."""
        gid = ipaddress.IPv6Address(other.node.out(
            "cat /sys/class/infiniband/*/ports/%d/gids/0" % other.port))
        text = self.node.out("cat /sys/kernel/debug/ipoib/%s_path" % self.name)
        return {ipaddress.IPv6Address(to): int(lid, 16) for to, lid in
                re.findall(r"GID: (\S+)\n.*\n +DLID: +(\S+)", text)}[gid]

    def ping(self, to, *options):
        """Ping an address from this interface, without a loss; the output."""
        out = self.node.out("ping -W 10 -I %s %s %s" % (
            self.name, " ".join(options), to))
        assert " 0% packet loss" in out, out
        return out


@contextlib.contextmanager
def interfaces(*of, port=1):
    """For a while, nodes have IPoIB on a port: their interfaces."""
    try:
        yield [Interface(node, port) for node in of]
    finally:
        for node in of:
            down(node)


@contextlib.contextmanager
def pair(request, server, i, client, k, port):
    """The same for two, each named by a fixture and its place in that."""
    of = [request.getfixturevalue(server)[i],
          request.getfixturevalue(client)[k]]
    with interfaces(*of, port=port) as found:
        yield found


def down(node):
    """In a guest the arena keeps its size until the device goes."""
    node.run("modprobe -r ib_ipoib")
    if nodes.is_loaded(node, "xen_ibfront"):
        nodes.reload_frontend(node)
