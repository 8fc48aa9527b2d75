# SPDX-License-Identifier: GPL-2.0-only
"""Nodes of a running lab, and pairs of programs between two of them."""

import functools
import glob
import json
import os
import re
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "lab")


def lab(*args, check=True, timeout=900):
    """Run the lab command; its progress goes to our standard error."""
    return subprocess.run([LAB, *args], check=check, timeout=timeout,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True)


class Node:
    """One machine of the lab, reached by `lab exec`."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    @property
    def domain(self):
        """What a guest is called in its dom0."""
        return self.name.split("-", 1)[1]

    def argv(self, command):
        return [LAB, "exec", self.name, "--", "sh", "-c", command]

    def run(self, command, check=True, timeout=120):
        """Run a shell command; returns the finished process, output merged."""
        done = subprocess.run(self.argv(command), timeout=timeout, text=True,
                              stdin=subprocess.DEVNULL, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if check and done.returncode:
            raise AssertionError("%s: %s: status %d\n%s" % (
                self.name, command, done.returncode, done.stdout))
        return done

    def out(self, command, timeout=120):
        return self.run(command, timeout=timeout).stdout.strip()

    def start(self, command):
        """Start a shell command; the caller waits for the process."""
        return subprocess.Popen(self.argv(command), text=True, errors="replace",
                                stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)


PROGRAMS = "tests/lab/programs"


@functools.cache
def compile_program(name):
    """Compile PROGRAMS/NAME*.c for the nodes; returns where it lies."""
    path = "build/" + name
    top = os.path.join(HERE, "../..")
    lab("build-sh", "--", "gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
        "-std=gnu11", "-o", path,
        *sorted(glob.glob("%s/%s*.c" % (PROGRAMS, name), root_dir=top)),
        PROGRAMS + "/check.c", "-libverbs", "-lpthread")
    return os.path.join(top, path)


def install_program(name, *on):
    """Put a program of ours on nodes, as /root/NAME."""
    for node in on:
        lab("cp", compile_program(name), "%s:/root/%s" % (node, name))


PORT = 18515    # of perftest and the ping-pongs alike

# Starts the server and says READY once it listens on the port (hexadecimal,
# as /proc/net/tcp has it), so that the client need not guess.
SERVER = """
%(command)s & pid=$!
while kill -0 $pid 2>/dev/null; do
	grep -qs ":%(port)04X 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 && break
	sleep 0.1
done
echo READY
wait $pid
"""


def start_server(node, command, port=PORT):
    """Start a shell command on a node; returns the process once it listens on
    the port, or has ended (then its output is still to be read)."""
    process = node.start(SERVER % {"command": command, "port": port})
    while True:
        line = process.stdout.readline()
        if not line or line.strip() == "READY":
            return process


def run_pair(server, client, command, timeout=120):
    """
    Run a command on the server, and the same with the server's name on the
    client. Returns the client's output; either side's failure is an error that
    shows both outputs.
    """
    command = "timeout %d %s" % (timeout, command)
    process = start_server(server, command)
    done = client.run("%s %s" % (command, server.name), check=False,
                      timeout=timeout + 30)
    rest, _ = process.communicate(timeout=timeout + 30)
    if done.returncode or process.returncode:
        raise AssertionError(
            "%s\nclient %s, status %d:\n%s\nserver %s, status %d:\n%s" % (
                command, client, done.returncode, done.stdout,
                server, process.returncode, rest))
    return done.stdout


def perftest_row(output):
    """The last row of a perftest table: column title -> number."""
    titles = None
    row = None
    for line in output.splitlines():
        if line.strip().startswith("#bytes"):
            titles = re.split(r"\s{2,}|\t+| (?=#)", line.strip())
        elif titles and re.match(r"\s*\d+\s", line):
            row = line.split()
    if not titles or not row:
        raise AssertionError("no result in\n" + output)
    return dict(zip(titles, (float(x) for x in row)))


MODULES = "/usr/lib/xenib"


def load_backend(host):
    """Load xen-ibback in a dom0 whose HCA is up."""
    host.run("insmod %s/xen-ibback.ko" % MODULES)


def attach(host, guest):
    """Give a guest its HCA: frontend module first, then the device."""
    guest.run("modprobe ib_uverbs && insmod %s/xen-ibfront.ko" % MODULES)
    host.run("xenib attach --wait --timeout 120 %s" % guest.domain)
    wait_active(guest)


def wait_active(node, timeout=30):
    """Wait until port 1 is active; fails with what ibv_devinfo shows."""
    node.run("for i in $(seq %d); do ibv_devinfo -i 1 2>&1 | grep -q PORT_ACTIVE && "
             "exit 0; sleep 0.2; done; ibv_devinfo -i 1; exit 1" % (5 * timeout),
             timeout=4 * timeout)


def xenib_list(host):
    """What `xenib list` tells: the devices, and the backend's totals."""
    return json.loads(host.out("xenib list --json"))


def device(host, guest):
    """The one device of a guest, as `xenib list` has it."""
    found, = [d for d in xenib_list(host)["devices"]
              if d["domain"] == guest.domain]
    return found


def totals(host):
    """The backend's counters over all guests: name -> number."""
    return xenib_list(host)["totals"]


# What an attached device holds without any process: the grants of its ring
# (2 pages) and its event area (8).
DEVICE = {"devices": 1, "grants": 10}
# What a domain holds until it is gone, attached or detached: it may still have
# the doorbell pages mapped.
DOMAIN = {"uars": 32}


def assert_idle(host, devices=2, domains=2, timeout=15):
    """
    Every object, page and grant is given back, soon, but for what so many
    attached devices, and domains that once were attached, hold by themselves.
    """
    idle = {k: v * devices for k, v in DEVICE.items()}
    idle.update((k, v * domains) for k, v in DOMAIN.items())
    deadline = time.monotonic() + timeout
    while True:
        odd = {k: v for k, v in totals(host).items() if v != idle.get(k, 0)}
        if not odd:
            return
        assert time.monotonic() < deadline, "%s still holds %s, not %s" % (
            host, odd, idle)
        time.sleep(0.2)
