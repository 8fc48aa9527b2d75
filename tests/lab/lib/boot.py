# SPDX-License-Identifier: GPL-2.0-only
"""lab up: from cached artefacts to nodes that answer."""

import contextlib
import fcntl
import io
import os
import re
import tarfile
import threading
import time

from . import images, qemu, topology, tree
from .util import (CACHE, CHECKOUT, LAB_DIR, LabError, last_lines, progress,
                   read_bytes, read_text, run)

OVERLAY = os.path.join(CHECKOUT, "build/lab-overlay")
NODE_DIR = os.path.join(LAB_DIR, "lib/node")

# Why each is missing under emulation: with SMAP Xen's PV dom0 dies at once,
# with MONITOR Xen faults in its idle loop now and then, with AVX/XSAVE vector
# state is corrupted across Xen's context switches, and with SHA-NI Linux's
# sha256-ni fails its self-test. TCG does not have the last four, and would say
# so each time.
TCG_CPU = ("EPYC,-smap,-monitor,-avx,-avx2,-f16c,-fma,-xsave,-xsaveopt,"
           "-xsavec,-xgetbv1,-sha-ni,-misalignsse,-osvw,-topoext,-nrip-save")

# With --count: how long an instruction takes, 2^2 ns. Timers then expire after
# the same number of instructions, however busy the build machine is.
ICOUNT = "shift=2"

# Seconds, generous: a busy build machine takes several times the usual.
TURN_TIMEOUT = 180      # until other labs on this machine have booted
BOOT_TIMEOUT = 300      # until a machine says that it is ready
SSH_TIMEOUT = 180       # until it then answers ssh
GUEST_TIMEOUT = 300     # until a guest answers, after its host, and
EACH_GUEST = 60         # as much more for each guest of that host
HCA_TIMEOUT = 180       # until the HCA's driver is loaded
SUBNET_TIMEOUT = 120    # until OpenSM has made every port active

SSHD_CONFIG = """\
HostKey /etc/ssh/lab_host_key
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
MaxSessions 500
MaxStartups 100
Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv PATH=/usr/lib/xen-4.20/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:\
/usr/bin:/sbin:/bin LANG=C.UTF-8
"""

# For every kernel. The processor that is emulated speculates on nothing, and
# what Xen and Linux do about it costs a fifth of a host's boot. Linux 7.2 on
# AMD reads a register of the chipset, which a PV guest has not, and dies.
LINUX_OPTIONS = ("panic=-1 mitigations=off "
                 "initcall_blacklist=print_s5_reset_status_mmio")
XEN_OPTIONS = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all "
               "spec-ctrl=no gnttab_max_frames=256 "
               "gnttab_max_maptrack_frames=4096 tbuf_size=256")

GUEST_CONFIG = """\
name = '{domain}'
type = '{type}'
kernel = '{kernel}'
ramdisk = '/usr/lib/lab/initrd'
extra = 'console=hvc0 {words}'
memory = {memory}
vcpus = {smp}
tsc_mode = 'native'
max_grant_frames = 256
on_crash = '{on_crash}'
vif = ['type=vif,mac={mac},bridge=xenbr0,script=/etc/xen/scripts/vif-lab']
vga = 'none'
vnc = 0
"""
# The disks are not among the first four, for which libxl would give an HVM
# guest emulated ones, too, and refuses to as they are read-only.
GUEST_CONFIG += """\
disk = ['format=raw,vdev=xvde,access={access},backendtype=phy,\
script=/etc/xen/scripts/block-lab,target={root}',
        'format=raw,vdev=xvdf,access=r,backendtype=phy,\
script=/etc/xen/scripts/block-lab,target=/dev/vdb']
"""

# What addresses belong to: Linux and udev name it.
SYSTEMD_INTERFACE = {"dom0": "xenbr0", "guest": "enX0"}

# What an administrator sets up in dom0, and what the lab has beyond that:
# guests' consoles, and a subnet manager that starts when the HCA is there.
SYSTEMD_FILES = {
    "etc/systemd/network/xenbr0.netdev": """\
[Match]
KernelCommandLine=lab.role=dom0
[NetDev]
Name=xenbr0
Kind=bridge
""",
    "etc/systemd/network/uplink.network": """\
[Match]
Driver=virtio_net
[Network]
Bridge=xenbr0
""",
    "etc/default/xen": 'XENCONSOLED_ARGS="--log=all"\n',
    "etc/tmpfiles.d/lab.conf": "d /var/log/xen/console\n",
    "etc/systemd/system/opensm.service.d/lab.conf": """\
[Unit]
ConditionKernelCommandLine=lab.role=dom0
After=rdma-hw.target
""",
}


class LabFiles:
    """The archive of lab files that each node unpacks over its root."""

    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)

    def add(self, name, data, mode=0o644):
        info = tarfile.TarInfo(name)
        info.mode, info.size = mode, len(data)
        self.tar.addfile(info, io.BytesIO(data))

    def link(self, name, target):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self.tar.addfile(info)


def add_overlay(tar):
    """Add everything under build/lab-overlay, owned by root."""
    def own(info):
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        return info
    for entry in sorted(os.listdir(OVERLAY)):
        tar.add(os.path.join(OVERLAY, entry), entry, filter=own)


def _words(lab, node):
    """What its kernel's command line says of a node."""
    words = "%s lab.name=%s lab.role=%s lab.addr=%s" % (
        LINUX_OPTIONS, node.name, node.role, node.addr)
    if lab.config["systemd"]:
        # The address is networkd's to set, and not in the tar: that is the
        # same for a host and its guests.
        words += " lab.systemd systemd.hostname=%s" % node.name
        words += " ip=%s:::255.255.0.0::%s:none" % (
            node.addr, SYSTEMD_INTERFACE[node.role])
    return words


def _guest_config(lab, node):
    kind = topology.guest_type(lab.config, node)
    # An HVM guest's firmware boots a bzImage, which unpacks itself.
    kernel = ("/boot/vmlinuz-" + tree.kernel_version() if kind == "hvm" else
              "/boot/vmlinux")
    systemd = lab.config["systemd"]
    return GUEST_CONFIG.format(
        domain=node.domain, kernel=kernel, words=_words(lab, node),
        mac=node.mac, type=kind, smp=lab.config["smp"],
        root="/dev/disk/by-id/virtio-" + node.domain if systemd else "/dev/vda",
        access="w" if systemd else "r",
        on_crash="restart" if systemd else "destroy",
        memory=lab.config["guest_memory"]).encode()


def _add_init(lab, machine, files):
    """What nodes without systemd boot with."""
    for name in ("init", "hca", "opensm"):
        files.add("usr/lib/lab/" + name,
                  read_bytes(os.path.join(NODE_DIR, name)), 0o755)
    files.add("etc/lab/subnets",
              topology.managed(lab.config, machine).encode())
    if os.path.isdir(OVERLAY):
        add_overlay(files.tar)


def _add_systemd(lab, machine, files):
    """What others boot with: also their guests have these files."""
    for name, text in SYSTEMD_FILES.items():
        files.add(name, text.encode())
    files.link("etc/systemd/system/rdma-hw.target.wants/opensm.service",
               "/usr/lib/systemd/system/opensm.service")
    for guest in lab.guests_of(machine):
        files.link("etc/xen/auto/%s.cfg" % guest.domain,
                   "/etc/lab/guests/%s.cfg" % guest.domain)


def _write_files(lab, machine):
    """The archive for one machine and its guests."""
    files = LabFiles(lab.file("files-%s.tar" % machine.name))
    if machine.role == "dom0":
        files.add("usr/lib/lab/initrd", read_bytes(images.initrd()))
        for name in ("block", "vif"):
            files.add("etc/xen/scripts/%s-lab" % name,
                      read_bytes(os.path.join(NODE_DIR, name)), 0o755)
        for guest in lab.guests_of(machine):
            files.add("etc/lab/guests/%s.cfg" % guest.domain,
                      _guest_config(lab, guest))
    hosts = "127.0.0.1 localhost\n" + "".join(
        "%s %s\n" % (n.addr, n.name) for n in lab.nodes)
    files.add("etc/hosts", hosts.encode())
    files.add("etc/ssh/sshd_config", SSHD_CONFIG.encode())
    files.add("etc/ssh/lab_host_key", read_bytes(lab.file("host_key")), 0o600)
    # The nodes reach each other by ssh as the build machine reaches them.
    files.add("root/.ssh/authorized_keys", read_bytes(lab.file("key.pub")),
              0o600)
    files.add("root/.ssh/id_ed25519", read_bytes(lab.file("key")), 0o600)
    files.add("root/.ssh/known_hosts", read_bytes(lab.file("known_hosts")))
    if lab.config["systemd"]:
        _add_systemd(lab, machine, files)
    else:
        _add_init(lab, machine, files)
    files.tar.close()


def _make_keys(lab):
    for name in ("key", "host_key"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "xenib-lab",
             "-f", lab.file(name)])
    public = read_text(lab.file("host_key.pub")).split()[:2]
    with open(lab.file("known_hosts"), "w") as f:
        f.write("* %s\n" % " ".join(public))


def _make_network(lab):
    """A network namespace with one bridge, and a tap for each machine."""
    ns = lab.netns
    run(["ip", "netns", "add", ns])
    lines = ["link set lo up",
             "link add br0 type bridge forward_delay 0 stp_state 0",
             "addr add %s/16 dev br0" % topology.GATEWAY,
             "link set br0 up"]
    for node in lab.machines():
        lines += ["tuntap add dev %s mode tap" % node.name,
                  "link set %s master br0 up" % node.name]
    run(["ip", "-n", ns, "-batch", "-"], stdin=None,
        input="\n".join(lines).encode(), what="making the lab's network")


def _wires(lab, node):
    """Chardevs for the HCA's two ports."""
    args = []
    for port in (1, 2):
        cable, listens = topology.cable(lab.config, node, port)
        args += ["-chardev", "socket,id=wire%d,path=%s,%s" %
                 (port, lab.file("wire-" + cable),
                  "server=on,wait=off" if listens else "reconnect-ms=200")]
    return args


def _disks(lab, node):
    """Two read-only disks, or with systemd one that is QEMU's until it ends,
    and one for each guest: only what is written takes space."""
    argv = []

    def add(name, path, option):
        argv.extend(["-drive", "if=none,format=raw,id=%s,file=%s,%s" %
                     (name, path, option), "-device",
                     "virtio-blk-pci,romfile=,drive=%s,serial=%s" %
                     (name, name)])

    systemd = lab.config["systemd"]
    root = os.path.join(images.root_image(systemd), "root.img")
    add("vda", root, "snapshot=on" if systemd else "read-only=on")
    add("vdb", lab.file("files-%s.tar" % node.name), "read-only=on")
    for guest in lab.guests_of(node) if systemd else ():
        add(guest.domain, root, "snapshot=on")
    return argv


def qemu_argv(lab, node):
    """QEMU's whole command line for one machine."""
    c, art = lab.config, images.image()
    words = _words(lab, node)
    argv = ["taskset", "-c", _processors(lab, node), "nice", "-n", "-10"] + \
        qemu.command() + [
        "-name", node.name, "-M", "q35", "-nodefaults", "-no-user-config",
        "-display", "none", "-smp", str(c["smp"]),
        "-m", "%dM" % c["memory"],
        "-serial", "file:" + lab.file("console-" + node.name),
        "-qmp", "unix:%s,server=on,wait=off" % lab.file("qmp-" + node.name),
        "-netdev", "tap,id=n0,ifname=%s,script=no,downscript=no" % node.name,
        "-device", "virtio-net-pci,netdev=n0,romfile=,mac=" + node.mac]
    if c["accel"] == "kvm":
        argv += ["-accel", "kvm", "-cpu", "host"]
    else:
        argv += ["-accel", "tcg,thread=%s" %
                 ("single" if c["count"] else "multi"), "-cpu", TCG_CPU]
    if c["count"]:
        argv += ["-icount", ICOUNT, "-plugin", "%s,marks=%s" %
                 (qemu.plugin(), lab.file("marks-" + node.name))]
    # Only with systemd a machine boots more than once.
    argv += [] if c["systemd"] else ["-no-reboot"]
    argv += _disks(lab, node)
    vmlinux = os.path.join(art, "vmlinux")
    if node.role == "dom0":
        argv += ["-kernel", os.path.join(art, "xen"), "-append",
                 "%s dom0_mem=%dM,max:%dM dom0_max_vcpus=%d" %
                 (XEN_OPTIONS, c["dom0_memory"], c["dom0_memory"], c["smp"]),
                 "-initrd", "%s console=hvc0 %s,%s" %
                 (vmlinux, words, images.initrd())]
    else:
        argv += ["-kernel", vmlinux, "-initrd", images.initrd(), "-append",
                 "console=ttyS0 " + words]
    if c["hca"]:
        argv += _wires(lab, node)
        argv += ["-device",
                 "xenib-hca,id=hca,wire1=wire1,wire2=wire2,node-guid=" +
                 topology.node_guid(node)]
    return argv


def _console_tail(lab, node, count=25):
    """The end of a node's console, for an error message."""
    try:
        text = "\n".join(lab.console(node).splitlines()[-count:])
    except LabError as e:
        text = str(e)
    return "--- console of %s, last lines ---\n%s" % (node.name, text)


def _processors(lab, node):
    """Which of the build machine's processors a machine runs on: its pair's
    other half has none of them. Two machines that ping-pong then never share
    one, and the packet that wakes a machine's main thread interrupts only
    the processor thread that waits for it. A machine with more processors
    than that half has all of them: two that wait for each other's interrupts
    on one processor need a time slice for each."""
    cpus = sorted(os.sched_getaffinity(0))
    mine = cpus[topology.number(node) % 2::2]
    if len(mine) < lab.config["smp"]:
        mine = cpus
    return ",".join(str(cpu) for cpu in mine)


def _favour_device_thread(lab, node):
    """Let QEMU's main thread, which moves packets between HCAs, preempt the
    processor threads. When more of these spin than the build machine has
    cores, a packet otherwise waits for a whole time slice: hundreds of
    microseconds, and not the same in two runs."""
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(lab.process(node.name)[0], policy,
                              os.sched_param(1))
    except OSError as e:
        progress("%s: no real-time priority (%s): latencies will scatter" %
                 (node.name, e.strerror))


def _wait_machine(lab, node):
    """Until its console says ready; its end or a panic ends the wait."""
    deadline = time.monotonic() + BOOT_TIMEOUT
    while True:
        text = lab.console(node)
        if re.search(r"LAB: ready|^%s login:" % node.name, text, re.M):
            break
        bad = re.search(r"LAB: failed.*|Kernel panic.*|Panic on CPU.*", text)
        why = bad.group().strip() if bad else None
        if not lab.runs(node.name):
            why = "QEMU ended: " + last_lines(lab.file("log-" + node.name), 5)
        elif time.monotonic() > deadline:
            why = "not up after %d s" % BOOT_TIMEOUT
        if why:
            raise LabError("%s: %s\n%s" % (node.name, why,
                                           _console_tail(lab, node)))
        time.sleep(0.1)
    _favour_device_thread(lab, node)
    why = lab.connect(node, SSH_TIMEOUT)
    if why:
        raise LabError("%s booted, but ssh does not answer: %s\n%s" %
                       (node.name, why, _console_tail(lab, node)))
    progress("%s: up" % node.name)


def _wait_guest(lab, node):
    """Until the guest answers ssh; a failed xl create ends the wait."""
    deadline = (time.monotonic() + GUEST_TIMEOUT +
                EACH_GUEST * lab.config["guests"])
    host = lab.node(node.host)
    while True:
        why = lab.connect(node, 1)
        if not why:
            progress("%s: up" % node.name)
            return
        if re.search(r"LAB: failed: xl create %s\b" % node.domain,
                     lab.console(host)):
            raise LabError("%s: xl create failed\n%s" %
                           (node.name, _console_tail(lab, host)))
        if not lab.runs(host.name) or time.monotonic() > deadline:
            raise LabError("%s: no ssh: %s\n%s" % (node.name, why,
                                                   _console_tail(lab, node)))


def _wait_hca(lab, node):
    """Until the HCA's drivers are loaded on a machine."""
    script = ("n=0; until [ -e /run/lab/hca ]; do n=$((n + 1)); "
              "[ $n -lt %d ] || exit 1; sleep 0.2; done; cat /run/lab/hca" %
              (HCA_TIMEOUT * 5))
    found = lab.output(node, ["sh", "-c", script], HCA_TIMEOUT + 30).strip()
    if not found.startswith("mlx4_"):
        raise LabError("%s: the HCA's drivers did not come up (%s):\n%s" % (
            node.name, found, lab.output(node, [
                "sh", "-c", "dmesg | grep -i -E 'mlx4|infiniband' | tail"])))
    progress("%s: %s is there" % (node.name, found))


def _wait_active(lab, node):
    """Until both ports of a machine are active, which is OpenSM's work."""
    script = ("n=0; until state=$(cat /sys/class/infiniband/*/ports/*/state) "
              "&& ! echo \"$state\" | grep -qv ACTIVE; do "
              "n=$((n + 1)); [ $n -lt %d ] || exit 1; "
              "sleep 0.2; done 2>/dev/null" % (SUBNET_TIMEOUT * 5))
    try:
        lab.output(node, ["sh", "-c", script], SUBNET_TIMEOUT + 30)
    except LabError:
        raise LabError(
            "%s: after %d s not every port is active:\n%s%s" % (
                node.name, SUBNET_TIMEOUT, lab.output(node, [
                    "sh", "-c", "grep . /sys/class/infiniband/*/ports/*/state"],
                    check=False), "".join(
                    "--- OpenSM on %s, last lines ---\n%s" % (
                        manager.name, lab.output(manager, [
                            "sh", "-c", "tail -n 6 /var/log/opensm-port*.log"],
                            check=False)) for manager in _managers(lab))))


def _managers(lab):
    """The machines that manage a subnet."""
    return [node for node in lab.machines()
            if topology.managed(lab.config, node)]


def _bring_up_subnets(lab):
    """The HCAs of all machines, and the subnets between them."""
    if not lab.config["systemd"]:
        _parallel([(_wait_hca, lab, node) for node in lab.machines()])
        _parallel([(lab.output, node, ["/usr/lib/lab/opensm"], 60)
                   for node in _managers(lab)])
    _parallel([(_wait_active, lab, node) for node in lab.machines()])
    progress("every port is active")


def _parallel(jobs):
    """Run jobs, each a function and its arguments, at once; the first error
    is raised when all have ended."""
    errors = []

    def one(job):
        try:
            job[0](*job[1:])
        except Exception as e:              # re-raised below
            errors.append(e)

    threads = [threading.Thread(target=one, args=(job,), daemon=True)
               for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


def up(lab, config):
    """Boot a new lab; fails with the console's last lines."""
    # Everything that may have to be built comes before anything is started.
    images.initrd()
    qemu.binary()
    config["accel"] = "tcg" if config["count"] else qemu.accelerator()
    with _own_turn():
        _boot(lab, config)


@contextlib.contextmanager
def _own_turn():
    """Boot one lab at a time: two at once take longer than one after the
    other. A boot that takes very long is not waited for."""
    os.makedirs(os.path.join(CACHE, "locks"), exist_ok=True)
    with open(os.path.join(CACHE, "locks", "boot.lock"), "w") as f:
        deadline = time.monotonic() + TURN_TIMEOUT
        waited = False
        while time.monotonic() < deadline:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    progress("waiting for another lab to boot")
                waited = True
                time.sleep(0.5)
        yield


def _boot(lab, config):
    """Start every machine and wait until all of it answers."""
    lab.create(config)
    progress("starting %s (%s%s)" % (" ".join(n.name for n in lab.machines()),
             config["accel"], ", HCA model" if config["hca"] else ""))
    _make_keys(lab)
    lab.write_ssh_config()
    _make_network(lab)
    for node in lab.machines():
        _write_files(lab, node)
        lab.spawn(node.name, qemu_argv(lab, node),
                  lab.file("log-" + node.name))
    _parallel([(_wait_machine, lab, node) for node in lab.machines()])
    jobs = [(_wait_guest, lab, node) for node in lab.nodes
            if not node.is_machine]
    if lab.config["hca"]:
        jobs.append((_bring_up_subnets, lab))
    _parallel(jobs)
    with open(lab.file("up"), "w"):
        pass
    progress("the lab is up: %s" % " ".join(n.name for n in lab.nodes))
