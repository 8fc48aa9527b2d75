# SPDX-License-Identifier: GPL-2.0-only
"""The nodes of a lab: names, roles, addresses, and how they are wired."""

import re

from .util import UsageError

MAX_MACHINES = 2                # of each kind
MAX_GUESTS = 60
GUEST_TYPES = ("pv", "pvh", "hvm")     # as xl calls them
GATEWAY = "10.77.255.254"       # the build machine's end of the bridge


class Node:
    """One machine or guest.

    role: "dom0", "native" or "guest"; host: the dom0's name, for guests.
    """

    def __init__(self, name, role, addr, mac, host=None, domain=None):
        self.name = name
        self.role = role
        self.addr = addr
        self.mac = mac
        self.host = host
        self.domain = domain

    @property
    def is_machine(self):
        """True for a QEMU process, False for a guest of Xen."""
        return self.role != "guest"


def _machine(role, i):
    """Machine i of hosts or natives; natives count from 101 on the bridge."""
    number = i if role == "dom0" else 100 + i
    name = ("host%d" if role == "dom0" else "native%d") % i
    return Node(name, role, "10.77.0.%d" % number,
                "52:54:00:77:00:%02x" % number)


def _guest(host, i, g):
    return Node("%s-guest%d" % (host.name, g), "guest", "10.77.%d.%d" % (i, g),
                "00:16:3e:77:%02x:%02x" % (i, g), host.name, "guest%d" % g)


def nodes(config):
    """Every node of a lab, machines first."""
    numbers = range(1, config["machines"] + 1)
    result = []
    if config["hosts"]:
        result += [_machine("dom0", i) for i in numbers]
    if config["natives"]:
        result += [_machine("native", i) for i in numbers]
    if config["hosts"]:
        result += [_guest(_machine("dom0", i), i, g) for i in numbers
                   for g in range(1, config["guests"] + 1)]
    return result


def find(all_nodes, name):
    """The node of that name, or an error that lists what there is."""
    for node in all_nodes:
        if node.name == name:
            return node
    raise UsageError("no node %r in this lab; there are: %s" %
                     (name, " ".join(n.name for n in all_nodes)))


def number(node):
    """Which machine of its kind, or which guest of its host, from 1."""
    return int(re.search(r"\d+$", node.name).group())


def guest_type(config, guest):
    """Of GUEST_TYPES: the guests of a host have the lab's types in turn."""
    types = config["type"].split(",")
    return types[(number(guest) - 1) % len(types)]


def _crossed(config):
    """Whether the second ports reach machines of the other kind."""
    return config["machines"] > 1 and config["hosts"] and config["natives"]


def cable(config, node, port):
    """The name of the cable at a port of a machine's HCA, and whether this is
    the end that listens.

    The first ports are those of two of a kind, and so are the second ones if
    there is but one kind; else these are of the two machines of a number. A
    single machine's ports reach each other.
    """
    kind = "host" if node.role == "dom0" else "native"
    if config["machines"] == 1:
        return kind, port == 1
    if port == 2 and _crossed(config):
        return "host-native-%d" % number(node), node.role == "dom0"
    return "%s-%d" % (kind, port), number(node) == 1


def managed(config, node):
    """The ports of a machine, as words, by which it manages a subnet: one
    machine for each."""
    if config["machines"] == 1:
        return "1"
    ports = []
    if number(node) == 1:
        ports.append("1")
    if node.role == "dom0" if _crossed(config) else number(node) == 1:
        ports.append("2")
    return " ".join(ports)


def node_guid(node):
    """The HCA's node GUID; its ports have the two numbers after it."""
    kind = 0x10 if node.role == "dom0" else 0x20
    return "0x0002c9030000%x%x" % (kind, number(node) * 16)
