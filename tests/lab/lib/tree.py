# SPDX-License-Identifier: GPL-2.0-only
"""The build tree: a Debian 13 root in which everything is compiled.

Modules must be built with the compiler of the kernel they are for, and the
result must not depend on the build machine. Commands run in it by chroot, in
a mount namespace of their own, so nothing stays mounted on the machine.
"""

import os
import subprocess

from .util import (CACHE, CHECKOUT, MIRROR, SUITE, LabError, cached, key_of,
                   run)

PACKAGES = """
    gcc make libc6-dev dpkg-dev pkgconf sparse kmod xz-utils bzip2 zstd
    linux-headers-amd64 libxen-dev libcmocka-dev libibverbs-dev
    meson ninja-build python3 python3-venv python3-pycotap
    libglib2.0-dev zlib1g-dev libfdt-dev seabios qemu-system-data
""".split()

# QEMU's source comes along while apt's lists are there.
FETCH_QEMU = ('chroot "$1" sh -c "cd /usr/src && '
              'apt-get source -q --download-only qemu"')

# $1 = tree, $2 = working directory, $3 = the number of folders to bind,
# then these, then the command.
ENTER = r"""
tree=$1 dir=$2 n=$3; shift 3
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
mount -t sysfs -o ro sysfs "$tree/sys"
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
while [ "$n" -gt 0 ]; do
	mkdir -p "$tree$1"
	mount --rbind "$1" "$tree$1"
	shift; n=$((n - 1))
done
exec chroot "$tree" sh -c 'cd "$1" && shift && exec "$@"' sh "$dir" "$@"
"""


def sources(suite=SUITE):
    """What mmdebstrap and apt read: Debian's own mirror and nothing else.

    Only the suite itself, which changes with point releases: the headers in
    the tree and the kernel in the nodes then come from the same version.
    """
    return ["deb %s %s main" % (MIRROR, suite),
            "deb-src %s %s main" % (MIRROR, suite)]


def _key():
    return key_of(MIRROR, SUITE, " ".join(PACKAGES), FETCH_QEMU)


def _make(tmp):
    root = os.path.join(tmp, "root")
    run(["mmdebstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES),
         "--customize-hook=" + FETCH_QEMU, SUITE, root] + sources(),
        log=tmp + ".log", what="mmdebstrap of the build tree")


def path():
    """The root of the build tree, made when missing (about a minute)."""
    return os.path.join(cached("tree-" + _key(), "the build tree", _make),
                        "root")


def kernel_version():
    """The kernel version the tree's headers are for."""
    names = os.listdir(os.path.join(path(), "lib/modules"))
    if len(names) != 1:
        raise LabError("the build tree has %d kernel versions, not one: %s" %
                       (len(names), " ".join(names)))
    return names[0]


def argv(command, cwd, binds=()):
    """The command line that runs `command` in the tree, with cwd inside."""
    binds = list(binds)
    return (["unshare", "-m", "--propagation", "private", "sh", "-ec", ENTER,
             "sh", path(), cwd, str(len(binds))] + binds + list(command))


def environment():
    """The environment of commands in the tree: the caller's, made safe."""
    env = dict(os.environ)
    env.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                    "/sbin:/bin", HOME="/root", LC_ALL="C.UTF-8", TMPDIR="/tmp")
    env.setdefault("KDIR", "/lib/modules/%s/build" % kernel_version())
    return env


def shell(command):
    """Run a command in the tree, in the checkout or the folder below it
    where the caller stands; returns its exit status."""
    here = os.getcwd()
    if here != CHECKOUT and not here.startswith(CHECKOUT + "/"):
        here = CHECKOUT
    return subprocess.run(argv(command, here, [CHECKOUT]),
                          env=environment()).returncode


def run_in(command, cwd, log=None, what=None):
    """Run a command in the tree with the cache bound at its own path."""
    return run(argv(command, cwd, [CACHE]), log=log, what=what,
               env=environment())
