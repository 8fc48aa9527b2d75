# SPDX-License-Identifier: GPL-2.0-only
"""Nodes of a running lab, and pairs of programs between two of them."""

import collections
import contextlib
import functools
import glob
import json
import os
import re
import shlex
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "lab")
TOP = os.path.normpath(os.path.join(HERE, "../.."))
RESULTS = os.path.join(TOP, "build/results")


def lab(*args, check=True, timeout=900):
    """Run the lab command; its progress goes to our standard error."""
    return subprocess.run([LAB, *args], check=check, timeout=timeout,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True)


# When a test is to run with --exhaustive only, as guests of the other kind show
# what it is about just as well

def is_pv(item):
    return item.callspec.params["guests"] == "guest"


def is_pvh(item):
    return item.callspec.params["guests"] == "pvh"


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
    lab("build-sh", "--", "gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
        "-std=gnu11", "-o", path,
        *sorted(glob.glob("%s/%s*.c" % (PROGRAMS, name), root_dir=TOP)),
        PROGRAMS + "/check.c", "-lmlx4", "-libverbs", "-lpthread")
    return os.path.join(TOP, path)


def install_program(name, *on):
    """Put a program of ours on nodes, as /root/NAME."""
    for node in on:
        lab("cp", compile_program(name), "%s:/root/%s" % (node, name))


def run_at_once(name, *on):
    """Run a program of ours on nodes at once, each without a failure; returns
    the lines that each printed."""
    install_program(name, *on)
    processes = [node.start("timeout 100 /root/" + name) for node in on]
    outputs = [process.communicate(timeout=150)[0].splitlines()
               for process in processes]
    for node, lines in zip(on, outputs):
        assert lines and lines[-1] == "0 failures", (node, lines)
    return outputs


def wait_for(read, holds, timeout=30):
    """Read something until that holds for it; fails with what it was last."""
    deadline = time.monotonic() + timeout
    while not holds(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


class Watch:
    """A process that says what happens to the ports and the HCA of a node."""

    def __init__(self, node):
        install_program("events_check", node)
        self.node = node
        self.seen = []
        self.process = node.start("exec /root/events_check watch")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.take({"watching"})

    def _read(self):
        for line in self.process.stdout:
            self.seen.append(line.strip())

    def take(self, wanted, timeout=30, quiet=1):
        """Wait for all that is wanted, and then until nothing more comes for
        some seconds; returns all that came, each with how often it did."""
        deadline = time.monotonic() + timeout
        while not wanted <= set(self.seen) and time.monotonic() < deadline:
            time.sleep(0.05)
        count = -1
        while count != len(self.seen):
            count = len(self.seen)
            time.sleep(quiet)
        found, self.seen = collections.Counter(self.seen), []
        return found

    def stop(self):
        self.node.run("killall events_check")
        self.process.wait(timeout=60)


def lid(node):
    """Of a node's first port."""
    return int(node.out("cat /sys/class/infiniband/*/ports/1/lid"), 16)


def set_hca(machine, name, value):
    """Set a property of a machine's HCA model: a fault."""
    lab("qmp", machine.name, "qom-set", json.dumps(
        {"path": "/machine/peripheral/hca", "property": name, "value": value}))


def get_hca(machine, name):
    """What a property of a machine's HCA model is."""
    return json.loads(lab("qmp", machine.name, "qom-get", json.dumps(
        {"path": "/machine/peripheral/hca", "property": name})).stdout)


@contextlib.contextmanager
def losing(machines, one_in, mads="7:*"):
    """For a while, HCAs lose one of so many MADs: those of the connection
    manager, or of another class and attribute."""
    before = {m: get_hca(m, "mad-faults") for m in machines}
    try:
        for machine in machines:
            set_hca(machine, "drop-mad", "%s:/%d" % (mads, one_in))
        yield
    finally:
        for machine in machines:
            set_hca(machine, "drop-mad", "")
    for machine in machines:
        assert get_hca(machine, "mad-faults") > before[machine], machine


def port_counters(machine):
    """What port 1 of a machine's HCA has moved: name -> number, data in words
    of four octets."""
    return {name: int(value) for name, value in re.findall(
        r"^(\w+):\.*(\d+)$", machine.out("perfquery -x"), re.MULTILINE)}


def wait_moving(machine, octets=1 << 12, timeout=30):
    """Wait until a machine's port 1 has sent so many octets more."""
    begin = port_counters(machine)["PortXmitData"]
    wait_for(lambda: 4 * (port_counters(machine)["PortXmitData"] - begin),
             lambda moved: moved >= octets, timeout)


@contextlib.contextmanager
def allowed(node, pattern, count=1, timeout=30):
    """
    What is done in this context makes a node log so many lines of that kind,
    waits for them, and has them allowed. One more is trouble for `lab
    check-logs`, as it is at any other time.
    """
    def mark(word):
        node.run("echo %s >/dev/kmsg" % shlex.quote("<2>LAB: %s %s" % (
            word, pattern)))

    def matching():
        lines = node.out("dmesg").splitlines()
        return [line for line in lines
                if re.search(pattern, line) and "LAB: " not in line]

    before = set(matching())
    mark("allow %d" % count)
    yield
    wait_for(lambda: set(matching()) - before,
             lambda new: len(new) >= count, timeout)
    mark("forbid")


# What mlx4_core logs for a fatal error, and then xen-ibback for each guest
HCA_FATAL = r"mlx4_core \S+: Internal error detected"
HCA_REMOVED = r"vib vib-\S+ \d+ HCA has been removed"

PORT = 18515    # of perftest and the ping-pongs alike

# Does somebody listen on a port, of TCP or UDP (hexadecimal there) or of the
# RDMA connection manager?
TCP = 'grep -qs ":%(port)04X 0*:0000 0A" /proc/net/tcp /proc/net/tcp6'
UDP = 'grep -qs ":%(port)04X 0*:0000 07" /proc/net/udp /proc/net/udp6'
CM = 'rdma resource show cm_id | grep -q "LISTEN .*:%(port)d\\>"'

# Starts the server and says READY once it listens, so that the client need not
# guess.
SERVER = """
%(command)s & pid=$!
while kill -0 $pid 2>/dev/null; do
	%(listens)s && break
	sleep 0.1
done
echo READY
wait $pid
"""


def start_server(node, command, port=PORT, listens=TCP):
    """Start a shell command on a node; returns the process once it listens on
    the port, or has ended (then its output is still to be read)."""
    process = node.start(SERVER % {"command": command,
                                   "listens": listens % {"port": port}})
    while True:
        line = process.stdout.readline()
        if not line or line.strip().endswith("READY"):
            return process


def run_pair(server, client, command, timeout=120):
    """
    Run a command on the server, and the same with the server's name on the
    client. Returns the client's output; either side's failure is an error that
    shows both outputs.
    """
    return run_apart(server, command, client, "%s %s" % (command, server.name),
                     timeout)[1]


def run_apart(server, command, client, client_command, timeout=120, stop=None,
              **where):
    """
    Run a command on the server, and another on the client once the first
    listens (where: start_server()'s port and listens). Of a server that goes on
    for ever, stop is the name. Returns both outputs; either side's failure is
    an error that shows them.
    """
    limit = "timeout %d " % timeout
    process = start_server(server, limit + command, **where)
    done = client.run(limit + client_command, check=False,
                      timeout=timeout + 30)
    if stop:
        server.run("pkill -x " + stop, check=False)
    rest, _ = process.communicate(timeout=timeout + 30)
    if done.returncode or (process.returncode and not stop):
        raise AssertionError(
            "client %s: %s: status %d:\n%s\nserver %s: %s: status %d:\n%s" % (
                client, client_command, done.returncode, done.stdout,
                server, command, process.returncode, rest))
    return rest, done.stdout


RUNNER = os.path.join(HERE, "programs/run_pairs.py")
CONTROL_PORT = 18600


def run_pairs(server, client, commands):
    """
    Run commands in turn on both nodes, with the server's name on the client.
    Returns for each what became of it on the server, and on the client, as
    programs/run_pairs.py has it.
    """
    for node in server, client:
        lab("cp", RUNNER, "%s:/root/" % node)
    words = "%d '%s'" % (CONTROL_PORT, json.dumps(commands))
    process = server.start("python3 /root/run_pairs.py server " + words)
    done = client.run("python3 /root/run_pairs.py %s %s" % (server, words),
                      timeout=900)
    output, _ = process.communicate(timeout=60)
    return list(zip(json.loads(output.splitlines()[-1]),
                    json.loads(done.stdout.splitlines()[-1])))


def perftest_rows(output):
    """The rows of a perftest table, each: column title -> number."""
    titles = None
    rows = []
    for line in output.splitlines():
        if line.strip().startswith("#bytes"):
            titles = re.split(r"\s{2,}|\t+| (?=#)", line.strip())
        elif titles and re.match(r"\s*\d+\s", line):
            rows.append(dict(zip(titles, (float(x) for x in line.split()))))
    if not rows:
        raise AssertionError("no result in\n" + output)
    return rows


def perftest_row(output):
    """The last row of a perftest table."""
    return perftest_rows(output)[-1]


MODULES = "/usr/lib/xenib"


def load_backend(host, guests=(), parameters=""):
    """Load xen-ibback in a dom0 whose HCA is up, with these attached guests."""
    host.run("insmod %s/xen-ibback.ko %s" % (MODULES, parameters))
    for guest in guests:
        wait_active(guest, 60)


def reload_backend(host, guests, parameters=""):
    """Load it anew."""
    host.run("rmmod xen_ibback")
    load_backend(host, guests, parameters)


def load_frontend(guest):
    """Load xen-ibfront in a guest."""
    guest.run("modprobe ib_uverbs && insmod %s/xen-ibfront.ko" % MODULES)


def reload_frontend(guest, parameters=""):
    """Load xen-ibfront anew in a guest that has its HCA."""
    guest.run("rmmod xen_ibfront && insmod %s/xen-ibfront.ko %s" % (
        MODULES, parameters))
    wait_active(guest)


def attach(host, guest, quotas=()):
    """Give a guest with the frontend module its HCA, with quotas of its own
    (name -> number) or the default ones."""
    options = "".join("--%s %d " % item for item in dict(quotas).items())
    host.run("xenib attach --wait --timeout 120 %s%s" % (options, guest.domain))
    wait_active(guest)


@contextlib.contextmanager
def attached_with(quotas, host, guest):
    """For a while, an attached guest has other quotas than the default ones."""
    def attach_anew(quotas):
        host.run("xenib detach " + guest.domain)
        attach(host, guest, quotas)

    attach_anew(quotas)
    try:
        yield
    finally:
        attach_anew(())


def wait_active(node, timeout=30):
    """Wait until port 1 is active; fails with what ibv_devinfo shows."""
    node.run("for i in $(seq %d); do "
             "ibv_devinfo -i 1 2>&1 | grep -q PORT_ACTIVE && exit 0; "
             "sleep 0.2; done; ibv_devinfo -i 1; exit 1" % (5 * timeout),
             timeout=4 * timeout)


@contextlib.contextmanager
def with_arena(guest, mb):
    """For a while, the frontend may use so much."""
    reload_frontend(guest, "arena_mb=%d" % mb)
    try:
        yield
    finally:
        reload_frontend(guest)


def is_loaded(node, module):
    return not node.run("test -d /sys/module/" + module, check=False).returncode


def lab_state():
    """What `lab status` tells."""
    return json.loads(lab("status", "--json", check=False).stdout)


def reset_lab():
    """
    Take from a lab that is up what tests have left there, and give it what
    `make overlay` has built since. An AssertionError says what stands in the
    way.
    """
    by_role = collections.defaultdict(list)
    for row in lab_state()["nodes"]:
        assert row["state"] == "up", "%(name)s is %(state)s" % row
        by_role[row["role"]].append(Node(row["name"]))
    for host in by_role["dom0"]:
        if is_loaded(host, "xen_ibback"):
            for found in xenib_list(host)["devices"]:
                host.run("xenib detach --devid %d %s" % (
                    found["devid"], found["domain"]))
            host.run("rmmod xen_ibback")
    for guest in by_role["guest"]:
        for module in ("xen_ibfront", "xen_ibkverbs", "xen_ibrogue"):
            if is_loaded(guest, module):
                guest.run("rmmod " + module)
    lab("install")


def domid(host, guest):
    """The number of a guest's domain, as xl prints it."""
    return host.out("xl domid " + guest.domain)


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


def wait_totals(host, wanted, timeout=15):
    """Until the backend's counters are so, or 0; fails with those that are
    not, each with what it should be."""
    def odd():
        return {k: (v, wanted.get(k, 0)) for k, v in totals(host).items()
                if v != wanted.get(k, 0)}

    wait_for(odd, lambda found: not found, timeout)


# What an attached device holds without any process. The guest's ib_mad has, at
# each of the two ports, a PD and a CQ of 2048 entries, which are 32 pages, with
# a page of doorbell records: so there are the context of the guest's kernel and
# the arena's first 4 MiB, which are a region in a PD of their own, and one in
# each of the others. The grants are those pages, and what is shared with the
# backend: the ring (2), the event area (8) and the MAD area (16).
CQ_PAGES = 2 * (32 + 1)
PAGES = 1024 + CQ_PAGES
DEVICE = {"devices": 1, "contexts": 1, "cqs": 2, "pds": 1 + 2, "mrs": 1 + 2,
          "pages": PAGES, "grants": PAGES + 2 + 8 + 16}
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
    wait_totals(host, idle, timeout)
