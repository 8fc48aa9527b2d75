# SPDX-License-Identifier: GPL-2.0-only
"""What each verb of the lab command does; each returns an exit status."""

import concurrent.futures
import io
import json
import os
import shutil
import socket
import sys
import tarfile

from . import boot, images, logs, packages, qemu, tree
from .lab import Lab, guest_log
from .util import LabError, UsageError, progress, read_text, run

PROGRAMS = {            # what the lab runs on the build machine: its package
    "mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs", "ip": "iproute2",
    "ssh": "openssh-client", "ssh-keygen": "openssh-client",
    "scp": "openssh-client", "unshare": "util-linux",
}


def _in_range(name, value, low, high):
    if not low <= value <= high:
        raise UsageError("%s is %d; the range is %d to %d" %
                         (name, value, low, high))


def _config(args):
    """The configuration `lab up` asks for, checked."""
    _in_range("--guests", args.guests, 0, boot.topology.MAX_GUESTS)
    _in_range("--smp", args.smp, 1, 8)
    _in_range("--dom0-memory", args.dom0_memory, 512, 16384)
    _in_range("--guest-memory", args.guest_memory, 128, 16384)
    _in_range("--machines", args.machines, 1, boot.topology.MAX_MACHINES)
    for kind in args.type.split(","):
        if kind not in boot.topology.GUEST_TYPES:
            raise UsageError("--type: %r is no type of guest; there are: %s" %
                             (kind, " ".join(boot.topology.GUEST_TYPES)))
    if args.count and args.smp != 1:
        raise UsageError("--count is for machines with one processor")
    if args.systemd and not args.no_native:
        raise UsageError("--systemd is for hosts and guests: add --no-native")
    hosts = not args.native_only
    guests = args.guests if hosts else 0
    need = args.dom0_memory + guests * (args.guest_memory + 24) + 320
    memory = args.memory or max(2048, need)
    _in_range("--memory", memory, need if hosts else 512, 1 << 20)
    return {"hosts": hosts, "natives": not args.no_native, "guests": guests,
            "machines": args.machines, "type": args.type, "smp": args.smp,
            "memory": memory, "dom0_memory": args.dom0_memory,
            "guest_memory": args.guest_memory, "systemd": args.systemd,
            "count": args.count,
            "hca": qemu.has_model() and not args.no_hca,
            "qemu": os.path.basename(os.path.dirname(qemu.binary())),
            "image": os.path.basename(images.root_image(args.systemd))}


def _missing():
    return sorted({package for program, package in PROGRAMS.items()
                   if not shutil.which(program)})


def deps(args):
    """Install what the lab needs on the build machine."""
    missing = _missing()
    if not missing or os.getuid():      # who may not, only enters the trees
        return
    progress("installing %s" % " ".join(missing))
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run(["apt-get", "update", "-q"], env=env)
    run(["apt-get", "install", "-q", "-y", "--no-install-recommends"] +
        missing, env=env)


def _require_deps():
    missing = _missing()
    if missing:
        raise LabError("this machine lacks %s: run \"lab deps\"" %
                       " ".join(missing))


def up(args):
    _require_deps()
    config = _config(args)
    lab = Lab()
    with lab.lock():
        if lab.config:
            old = {k: lab.config.get(k) for k in config}
            if lab.is_whole() and old == config:
                progress("the lab is up already")
                return
            if lab.is_whole():
                raise LabError(
                    "a lab with other options is up (%s); run \"lab down\" "
                    "first" % ", ".join("%s: %s, wanted %s" % (
                        k, old[k], config[k]) for k in config
                        if old[k] != config[k]))
            progress("removing what is left of an earlier lab")
        lab.destroy()
        boot.up(lab, config)


def down(args):
    lab = Lab()
    lab.end_processes()         # a lab up in progress then fails at once
    with lab.lock():
        lab.destroy()


def _node_state(lab, node):
    """"up", "down" (nothing there) or "stuck" (there, but no answer)."""
    if node.is_machine and not lab.runs(node.name):
        return "down"
    try:
        lab.output(node, ["true"], timeout=20)
        return "up"
    except LabError:
        return "stuck" if node.is_machine else "down"


def status(args):
    lab = Lab()
    if not lab.config:
        if args.json:
            print(json.dumps({"up": False, "dir": lab.dir, "nodes": []}))
        else:
            print("no lab is up (%s)" % lab.dir)
        return 1
    with concurrent.futures.ThreadPoolExecutor(len(lab.nodes) + 1) as pool:
        states = list(pool.map(lambda n: _node_state(lab, n), lab.nodes))
    rows = [{"name": n.name, "role": n.role, "address": n.addr, "state": s,
             "host": n.host} for n, s in zip(lab.nodes, states)]
    whole = lab.is_whole() and set(states) <= {"up"}
    if args.json:
        print(json.dumps({"up": whole, "dir": lab.dir, "netns": lab.netns,
                          "config": lab.config, "nodes": rows}, indent=1))
    else:
        for row in rows:
            print("%-16s %-7s %-12s %s" % (row["name"], row["role"],
                                           row["address"], row["state"]))
    return 0 if whole else 1


def exec_(args):
    lab = Lab()
    argv = lab.remote_argv(lab.node(args.node), args.command)
    os.execvp(argv[0], argv)


def ssh(args):
    lab = Lab()
    node = lab.node(args.node)
    why = lab.connect(node)
    if why:
        raise LabError("%s does not answer: %s" % (node.name, why))
    argv = lab.ssh_argv("-t", node.name)
    os.execvp(argv[0], argv)


def console(args):
    lab = Lab()
    node = lab.node(args.node)
    if not args.follow:
        sys.stdout.write(lab.console(node))
    elif node.is_machine:
        os.execvp("tail", ["tail", "-n", "+1", "-F",
                           lab.file("console-" + node.name)])
    else:
        argv = lab.remote_argv(lab.node(node.host),
                               ["tail", "-n", "+1", "-F", guest_log(node)])
        os.execvp(argv[0], argv)


def dmesg(args):
    lab = Lab()
    sys.stdout.write(lab.output(lab.node(args.node), ["dmesg"]))


def marks(args):
    lab = Lab()
    node = lab.node(args.node)
    if not node.is_machine or not lab.config["count"]:
        raise UsageError("%s is no machine that was started with --count" %
                         node.name)
    sys.stdout.write(read_text(lab.file("marks-" + node.name)))


def wait(args):
    _in_range("--timeout", args.timeout, 1, 3600)
    lab = Lab()
    node = lab.node(args.node)
    lab.disconnect(node)
    why = lab.connect(node, args.timeout)
    if why:
        raise LabError("%s does not answer after %d s: %s" %
                       (node.name, args.timeout, why))


def qmp(args):
    """One command to QEMU's monitor."""
    lab = Lab()
    node = lab.node(args.node)
    if not node.is_machine:
        raise UsageError("%s is a guest; QEMU runs %s" %
                         (node.name, node.host))
    try:
        request = {"execute": args.command,
                   "arguments": json.loads(args.arguments)}
    except ValueError as e:
        raise UsageError("the arguments are no JSON: %s" % e)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        try:
            s.connect(lab.file("qmp-" + node.name))
            stream = s.makefile("rw")
            answer = _qmp_ask(stream, {"execute": "qmp_capabilities"})
            answer = _qmp_ask(stream, request)
        except OSError as e:
            raise LabError("%s: QEMU does not answer: %s" % (node.name, e))
    print(json.dumps(answer.get("return", answer.get("error")), indent=1))
    return 1 if "error" in answer else 0


def _qmp_ask(stream, request):
    """Send one request; its answer, past greetings and events."""
    stream.write(json.dumps(request) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "return" in answer or "error" in answer:
            return answer
    raise OSError("it closed the connection")


def cp(args):
    lab = Lab().require()
    sides = args.source + [args.target]
    names = []
    for side in sides:
        head, colon, _ = side.partition(":")
        if colon and "/" not in head:
            names.append(lab.node(head))
    if not names:
        raise UsageError("neither side is NODE:PATH")
    for node in names:
        why = lab.connect(node)
        if why:
            raise LabError("%s does not answer: %s" % (node.name, why))
    argv = ["scp", "-q", "-r", "-p", "-F", lab.file("ssh_config")] + sides
    os.execvp(argv[0], argv)


def install(args):
    """Copy the overlay onto running nodes."""
    if not os.path.isdir(boot.OVERLAY):
        raise LabError("there is no %s" % boot.OVERLAY)
    lab = Lab().require()
    nodes = [lab.node(n) for n in args.node] or lab.nodes
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        boot.add_overlay(tar)
    for node in nodes:
        lab.output(node, ["tar", "-x", "-C", "/"], data=data.getvalue())


def check_logs(args):
    lab = Lab().require()
    found = logs.check(lab, args.save)
    for node, line in found:
        print("%s: %s" % (node, line))
    if found:
        raise LabError("%d lines in the nodes' logs tell of trouble" %
                       len(found))


def build(args):
    _require_deps()
    if args.what in ("tree", "all"):
        tree.path()
    if args.what == "tree":
        tree.path(tree.LINT)
    if args.what == "all":
        # QEMU is all processor, the image mostly download: side by side.
        tree.path()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for job in [pool.submit(qemu.binary), pool.submit(images.initrd)]:
                job.result()
    elif args.what == "images":
        images.initrd()
    elif args.what == "qemu":
        print(qemu.binary())
    elif args.what == "kernels":
        for suite in tree.KERNEL_SUITES:
            folder = images.kernel(suite)
            print(suite, tree.kernel_version(suite),
                  os.path.join(folder, "vmlinux.gz"),
                  os.path.join(folder, "vmlinuz"), images.initrd(suite))


def build_packages(args):
    if not os.getuid():
        _require_deps()
    packages.build(args.suite)


def build_sh(args):
    if not os.getuid():
        _require_deps()
    return tree.shell(args.command or ["bash"], args.suite)
