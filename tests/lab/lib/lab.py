# SPDX-License-Identifier: GPL-2.0-only
"""One lab: its state folder, what runs in it, and talking to its nodes.

The state folder is all there is to know about a lab:
    lab.json        what was asked for, written first
    up              exists once everything came up
    procs/NAME      "pid start-time" of every process the lab started
    console-NAME    the console of each machine
    ctl-NAME        ssh's control socket for each node
    key, ssh_config, known_hosts, host_key
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import time

from . import topology
from .util import (CHECKOUT, LabError, is_alive, key_of, last_lines, locked,
                   read_text, start_time, stop_process)

SSH_CONFIG = """\
Host *
	User root
	IdentityFile {dir}/key
	IdentitiesOnly yes
	GlobalKnownHostsFile /dev/null
	UserKnownHostsFile {dir}/known_hosts
	StrictHostKeyChecking yes
	ControlPath {dir}/ctl-%n
	ControlMaster no
	BatchMode yes
	LogLevel ERROR
	ConnectTimeout 20
	ServerAliveInterval 15
	ServerAliveCountMax 8
	KexAlgorithms curve25519-sha256
	GSSAPIAuthentication no
"""


def default_dir():
    """The state folder: one lab per checkout and user unless XENIB_LAB."""
    path = os.environ.get("XENIB_LAB")
    if not path:
        path = "/run/xenib-lab/" + key_of(CHECKOUT, os.getuid())[:8]
    path = os.path.abspath(path)
    if len(path) > 60:
        raise LabError("the lab folder %s is longer than 60 characters; Unix "
                       "sockets in it would not fit: set XENIB_LAB" % path)
    return path


class Lab:
    """A lab that exists, or (create) one that is about to."""

    def __init__(self):
        self.dir = default_dir()
        try:
            with open(self.file("lab.json")) as f:
                self.config = json.load(f)
        except (OSError, ValueError):
            self.config = None
        self.nodes = topology.nodes(self.config) if self.config else []

    def file(self, name):
        return os.path.join(self.dir, name)

    @property
    def netns(self):
        return "xenib-" + key_of(self.dir)[:8]

    def lock(self):
        """Held while a lab is made or taken down."""
        return locked(self.dir + ".lock")

    def require(self):
        """Fail unless there is a lab to talk to."""
        if not self.config:
            raise LabError("no lab is up (%s): run \"lab up\" first" %
                           self.dir)
        return self

    def create(self, config):
        """Begin a new lab: an empty state folder with its configuration."""
        os.makedirs(self.file("procs"), mode=0o700)
        self.config = config
        self.nodes = topology.nodes(config)
        with open(self.file("lab.json"), "w") as f:
            json.dump(config, f, indent=1)

    def node(self, name):
        self.require()
        return topology.find(self.nodes, name)

    def machines(self):
        return [n for n in self.nodes if n.is_machine]

    def guests_of(self, node):
        return [n for n in self.nodes if n.host == node.name]

    # Processes

    def in_netns(self, argv):
        return ["ip", "netns", "exec", self.netns] + argv

    def spawn(self, name, argv, output):
        """Start a process in the lab's network and remember it."""
        with open(output, "wb") as out:
            proc = subprocess.Popen(self.in_netns(argv), stdout=out,
                                    stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL,
                                    start_new_session=True)
        with open(self.file("procs/" + name), "w") as f:
            f.write("%d %s" % (proc.pid, start_time(proc.pid)))
        return proc

    def process(self, name):
        """(pid, start time) of a process of the lab; None if none."""
        try:
            pid, started = read_text(self.file("procs/" + name)).split()
            return int(pid), int(started)
        except (OSError, ValueError):
            return None

    def runs(self, name):
        found = self.process(name)
        return bool(found) and is_alive(*found)

    def is_whole(self):
        """True if it came up and every machine still runs."""
        return (os.path.exists(self.file("up")) and
                all(self.runs(n.name) for n in self.machines()))

    def end_processes(self):
        """End exactly the processes that this lab started."""
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self.file("procs"))
            for name in sorted(names, reverse=True):     # ssh before QEMU
                found = self.process(name)
                if found:
                    stop_process(*found)

    def destroy(self):
        """End what this lab started and remove what it made."""
        self.end_processes()
        subprocess.run(["ip", "netns", "del", self.netns],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.config, self.nodes = None, []

    # Nodes

    def write_ssh_config(self):
        text = SSH_CONFIG.format(dir=self.dir)
        for node in self.nodes:
            text += "Host %s\n\tHostName %s\n" % (node.name, node.addr)
        with open(self.file("ssh_config"), "w") as f:
            f.write(text)

    def ssh_argv(self, *args):
        return ["ssh", "-F", self.file("ssh_config")] + list(args)

    def connect(self, node, timeout=5.0):
        """Make sure the node's control connection is there. Returns None, or
        why it could not be made within `timeout` seconds."""
        ctl = self.file("ctl-" + node.name)
        proc_name = "ssh-" + node.name
        log = self.file("log-" + proc_name)
        deadline = time.monotonic() + timeout
        machine = node.name if node.is_machine else node.host
        if not self.runs(machine):
            return "%s is not running" % machine
        with locked(self.file("lock-" + node.name), quiet=True):
            if os.path.exists(ctl) and self.runs(proc_name):
                return None
            while True:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(ctl)
                proc = self.spawn(proc_name, self.ssh_argv("-M", "-N",
                                                           node.name), log)
                while proc.poll() is None and time.monotonic() < deadline + 20:
                    if os.path.exists(ctl):
                        return None
                    time.sleep(0.02)
                if proc.poll() is None:
                    proc.kill()
                    proc.wait()
                if time.monotonic() > deadline:
                    return last_lines(log, 3) or "no answer"
                time.sleep(0.5)

    def disconnect(self, node):
        """Drop the control connection, as after a reboot of the node."""
        found = self.process("ssh-" + node.name)
        if found:
            stop_process(*found)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file("ctl-" + node.name))

    def remote_argv(self, node, command, *options):
        """The ssh command line that runs exactly these words on the node."""
        why = self.connect(node)
        if why:
            raise LabError("%s does not answer: %s" % (node.name, why))
        return self.ssh_argv(*options, node.name, "--", shlex.join(command))

    def output(self, node, command, timeout=60, check=True, data=None):
        """What a command prints on the node; its failure is a LabError."""
        try:
            done = subprocess.run(self.remote_argv(node, command), input=data,
                                  stdout=subprocess.PIPE, timeout=timeout,
                                  stderr=subprocess.STDOUT,
                                  **({} if data is not None else
                                     {"stdin": subprocess.DEVNULL}))
        except subprocess.TimeoutExpired:
            raise LabError("%s: %s took longer than %d s" %
                           (node.name, shlex.join(command), timeout))
        text = done.stdout.decode(errors="replace")
        if check and done.returncode:
            raise LabError("%s: %s: status %d: %s" %
                           (node.name, shlex.join(command), done.returncode,
                            text.strip()))
        return text

    def console(self, node):
        """The console text of a node so far."""
        if node.is_machine:
            with contextlib.suppress(OSError):
                text = read_text(self.file("console-" + node.name))
                return text.replace("\r", "")
            return ""
        return self.output(self.node(node.host), ["cat", guest_log(node)],
                           check=False).replace("\r", "")


def guest_log(node):
    """Where dom0's xenconsoled keeps a guest's console."""
    return "/var/log/xen/console/guest-%s.log" % node.domain
