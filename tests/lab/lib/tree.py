# SPDX-License-Identifier: GPL-2.0-only
"""The build trees: a Debian 13 root in which everything is compiled, one of
each other release of Debian whose kernel guests are to run, and small ones for
single purposes. For Debian packages, each release has one that makes them, and
one as a user's machine is before they are installed.

Modules must be built with the compiler of the kernel they are for, and the
result must not depend on the build machine. Commands run in a tree by chroot,
in a mount namespace of their own, so nothing stays mounted on the machine; a
user who is not root has a user namespace of his own, too.
"""

import functools
import os
import subprocess

from .util import (CACHE, CHECKOUT, SUITE, LabError, cached, key_of, mirror,
                   run)

PACKAGES = """
    gcc make libc6-dev dpkg-dev pkgconf sparse kmod xz-utils bzip2 zstd
    linux-headers-amd64 libxen-dev libcmocka-dev libibverbs-dev
    meson ninja-build python3 python3-venv python3-pycotap
    libglib2.0-dev zlib1g-dev libfdt-dev seabios qemu-system-data
""".split()

# The other suites, and what of them it takes to build modules for their kernel
# and to boot it.
KERNEL_SUITES = ("bookworm", "forky")
KERNEL_PACKAGES = """
    gcc make linux-headers-amd64 linux-image-amd64 initramfs-tools
""".split()
# libxenib is to build with Debian 12's Xen, too.
MORE_PACKAGES = {"bookworm": ["libc6-dev", "libxen-dev"]}

# Of that kernel's modules, all that a guest could need.
KERNEL_FILES = ["path-exclude=*/lib/modules/*/kernel/*"] + [
    "path-include=*/lib/modules/*/kernel/" + pattern for pattern in
    ("arch/*", "block/t10-pi*", "crypto/*", "drivers/block/*",
     "drivers/infiniband/core/*", "drivers/infiniband/ulp/*",
     "drivers/net/xen*", "drivers/nvme/*", "drivers/scsi/*",
     "drivers/target/*", "fs/*", "lib/*", "net/*")]

# Debian has the kernel's own checkpatch.pl nowhere but in its whole source.
CHECKPATCH = "/usr/src/scripts/checkpatch.pl"
FETCH_CHECKPATCH = r"""chroot "$1" sh -ec '
cd /tmp
source=$(apt-cache depends linux-source | sed -n "s/.*Depends: //p")
apt-get download -q "$source"
dpkg-deb --fsys-tarfile "$source"_*.deb |
	tar -x -O "./usr/src/$source.tar.xz" |
	tar -x -J -C /usr/src --strip-components=1 --wildcards \
		"*/scripts/checkpatch.pl" "*/scripts/spelling.txt" \
		"*/scripts/const_structs.checkpatch"
rm "$source"_*.deb
'"""

# What serves one purpose has a tree of its own, so that nothing else waits for
# it: what reads the sources only, libFuzzer, which comes with clang, and what
# draws. Each has its packages, and hooks.
LINT, FUZZ, REPORT = "lint", "fuzz", "report"
SINGLE = {
    LINT: ("flake8 perl shellcheck xz-utils", [FETCH_CHECKPATCH]),
    FUZZ: ("clang libc6-dev libclang-rt-dev libcmocka-dev libxen-dev make "
           "python3-minimal", []),
    REPORT: ("python3-matplotlib", []),
}

# Debian packages are made and tried in trees of their own, for the same reason,
# called packages-SUITE and clean-SUITE, of these suites by their number.
DEBIAN = {"bookworm": 12, SUITE: 13, "forky": 14}
PACKAGING = """
    build-essential debhelper dh-dkms fakeroot libxen-dev lintian pkgconf
""".split()
# What our packages depend on has to be there, for a clean tree has no lists of
# packages. Nothing that they do not depend on may be, but for the headers and
# openssl, with which DKMS makes its key.
CLEAN = """
    dkms linux-headers-amd64 linux-headers-cloud-amd64 libxen-dev openssl
    pkgconf
""".split()
# Users of a release have its backported kernels, too.
BACKPORTS = {suite: suite + "-backports" for suite in ("bookworm", SUITE)}
GET_BACKPORTS = ('chroot "$1" apt-get install -y -q --no-install-recommends '
                 '-t %s linux-headers-amd64')

# QEMU's source comes along while apt's lists are there.
FETCH_QEMU = ('chroot "$1" sh -c "cd /usr/src && '
              'apt-get source -q --download-only qemu"')

# $1 = tree, $2 = working directory, $3 = the number of folders to bind,
# then these, then the command.
ENTER = r"""
tree=$1 dir=$2 n=$3; shift 3
root=$tree/tmp
bind() {
	mkdir -p "$root$2"
	mount --rbind "$1" "$root$2"
}
mount -t tmpfs -o mode=755 tmpfs "$root"
%s
for d in dev proc sys; do bind "/$d" "/$d"; done
mount -o remount,bind,ro "$root/sys"
while [ "$n" -gt 0 ]; do
	bind "$1" "$1"
	shift; n=$((n - 1))
done
exec chroot "$root" sh -c 'cd "$1" && shift && exec "$@"' sh "$dir" "$@"
"""

# A root in memory, with the tree's programs and what it takes to run them: so
# nothing is written to the tree, and a user who may only read it can enter it.
READ = r"""mkdir -m 1777 "$root/tmp"
cp -P "$tree"/*bin "$tree"/lib* "$root"
for d in usr etc; do bind "$tree/$d" "/$d"; done"""

# Where packages are made or installed, all of the tree is there and can be
# written to. It goes to memory, and is forgotten in the end.
CHANGE = r"""mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$root/upper,workdir=$root/work" \
	overlay "$root/root"
root=$root/root"""


def mmdebstrap(suite, packages, root, *options, more=(), **kw):
    """Make a root of these packages.

    Debian's own mirror and nothing else; only the suite itself, which changes
    with point releases: the headers in the tree and the kernel in the nodes
    then come from the same version. INITRD=No: nothing here boots from
    Debian's own initramfs. Hooks can install from `more` suites.
    """
    run(["mmdebstrap", "--variant=minbase", "--include=" + ",".join(packages),
         *options, suite, root] +
        ["%s %s %s main" % (kind, mirror(), name)
         for name in (suite, *more) for kind in ("deb", "deb-src")],
        env=dict(os.environ, INITRD="No"), **kw)


def _make(tmp):
    mmdebstrap(SUITE, PACKAGES, os.path.join(tmp, "root"),
               "--customize-hook=" + FETCH_QEMU, log=tmp + ".log",
               what="mmdebstrap of the build tree")


def _kernel_packages(suite):
    return KERNEL_PACKAGES + MORE_PACKAGES.get(suite, [])


def _make_for_kernel(suite, tmp):
    # Testing's lists expire in a week, also on a mirror that is a snapshot.
    mmdebstrap(suite, _kernel_packages(suite), os.path.join(tmp, "root"),
               "--aptopt=Acquire::Check-Valid-Until false",
               *["--dpkgopt=" + line for line in KERNEL_FILES],
               log=tmp + ".log", what="mmdebstrap of the tree of " + suite)


def _make_single(name, tmp):
    packages, hooks = SINGLE[name]
    mmdebstrap(SUITE, packages.split(), os.path.join(tmp, "root"),
               *["--customize-hook=" + hook for hook in hooks],
               log=tmp + ".log", what="mmdebstrap of the tree " + name)


def _make_for_packages(name, packages, suite, more, tmp):
    mmdebstrap(suite, packages, os.path.join(tmp, "root"),
               "--aptopt=Acquire::Check-Valid-Until false",
               *["--customize-hook=" + GET_BACKPORTS % m for m in more],
               more=more, log=tmp + ".log",
               what="mmdebstrap of the tree " + name)


def _path_for_packages(name):
    kind, _, suite = name.partition("-")
    packages, more = PACKAGING, []
    if kind == "clean":
        packages, more = CLEAN, [BACKPORTS[suite]] if suite in BACKPORTS else []
    key = key_of(mirror(), suite, " ".join(packages + more), GET_BACKPORTS)
    return cached("tree-%s-%s" % (name, key), "the tree " + name,
                  functools.partial(_make_for_packages, name, packages, suite,
                                    more))


def path(suite=SUITE):
    """The root of the build tree, made when missing (about a minute)."""
    if suite in SINGLE:
        packages, hooks = SINGLE[suite]
        key = key_of(mirror(), SUITE, packages, *hooks)
        found = cached("tree-%s-%s" % (suite, key), "the tree " + suite,
                       functools.partial(_make_single, suite))
    elif "-" in suite:
        found = _path_for_packages(suite)
    elif suite == SUITE:
        key = key_of(mirror(), SUITE, " ".join(PACKAGES), FETCH_QEMU)
        found = cached("tree-" + key, "the build tree", _make)
    else:
        key = key_of(mirror(), suite,
                     " ".join(_kernel_packages(suite) + KERNEL_FILES))
        found = cached("tree-%s-%s" % (suite, key), "the tree of " + suite,
                       functools.partial(_make_for_kernel, suite))
    return os.path.join(found, "root")


def kernel_version(suite=SUITE):
    """The kernel version the tree's headers are for."""
    names = os.listdir(os.path.join(path(suite), "lib/modules"))
    if len(names) != 1:
        raise LabError("the tree of %s has %d kernel versions, not one: %s" %
                       (suite, len(names), " ".join(names)))
    return names[0]


def argv(command, cwd, binds=(), suite=SUITE):
    """The command line that runs `command` in the tree, with cwd inside."""
    binds = list(binds)
    own = ["--map-root-user"] if os.getuid() else []
    script = ENTER % (CHANGE if "-" in suite else READ)
    return (["unshare", "-m", "--propagation", "private", *own, "sh", "-ec",
             script, "sh", path(suite), cwd, str(len(binds))] + binds +
            list(command))


def environment(suite=SUITE):
    """The environment of commands in the tree: the caller's, made safe."""
    env = dict(os.environ)
    env.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                    "/sbin:/bin", HOME="/tmp", LC_ALL="C.UTF-8", TMPDIR="/tmp")
    if suite not in SINGLE and "-" not in suite:
        env.setdefault("KDIR", "/lib/modules/%s/build" % kernel_version(suite))
    return env


def shell(command, suite=SUITE):
    """Run a command in the tree, in the checkout or the folder below it
    where the caller stands; returns its exit status."""
    here = os.getcwd()
    if here != CHECKOUT and not here.startswith(CHECKOUT + "/"):
        here = CHECKOUT
    return subprocess.run(argv(command, here, [CHECKOUT], suite),
                          env=environment(suite)).returncode


def run_in(command, cwd, log=None, what=None):
    """Run a command in the tree with the cache bound at its own path."""
    return run(argv(command, cwd, [CACHE]), log=log, what=what,
               env=environment())
