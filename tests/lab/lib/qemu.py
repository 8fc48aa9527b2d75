# SPDX-License-Identifier: GPL-2.0-only
"""QEMU: Debian 13's source with the HCA model compiled in, and a plugin.

Two steps, both cached: the whole of QEMU once, and a relink of seconds when
only tests/lab/hca or the plugin changed.
"""

import glob
import os
import shutil
import subprocess
import tempfile

from . import tree
from .util import CACHE, LAB_DIR, cached, key_of, locked, read_bytes

HCA_DIR = os.path.join(LAB_DIR, "hca")
PLUGIN = os.path.join(LAB_DIR, "count/count.c")
OPTIONS = """
    --target-list=x86_64-softmmu --without-default-features --enable-tcg
    --enable-kvm --enable-plugins --disable-install-blobs --disable-docs
    --disable-download --disable-debug-info
""".split()

# In the tree: $1 = where the source goes, then configure's options.
# Debian's source lacks the firmware images; nothing here uses them, but
# meson wants to see the files.
# VMRUN delivers an interrupt to an SVM guest (a PVH or HVM guest of Xen) and
# leaves its vector in exception_index as well: if an exit request of another
# thread is seen next, the interrupt is delivered once more, whatever the guest
# does by then. One line less, and it is delivered once.
MAKE_BASE = r"""
cd "$1"; shift
dpkg-source --no-check -x /usr/src/qemu_*.dsc src
cd src
svm=target/i386/tcg/system/svm_helper.c
cp $svm svm_helper.orig
sed -i '/case SVM_EVTINJ_TYPE_INTR:/,/break;/{/exception_index = vector/d}' $svm
[ $(diff svm_helper.orig $svm | grep -c '^<') = 1 ]
for f in $(grep -o "edk2-[a-z0-9_-]*\.fd" pc-bios/meson.build | sort -u); do
	[ -e pc-bios/$f.bz2 ] || : > pc-bios/$f.bz2
done
mkdir hw/xenib-hca
echo "# nothing yet" > hw/xenib-hca/meson.build
echo "subdir('xenib-hca')" >> hw/meson.build
./configure "$@"
make -j2 qemu-system-x86_64
"""


# In the tree: $1 = the source folder of QEMU.
MAKE_PLUGIN = r"""
gcc -O2 -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror -shared -fPIC \
	-I"$1/include/qemu" $(pkg-config --cflags glib-2.0) -o count.so count.c
"""


def _base_key():
    return key_of(os.path.basename(os.path.dirname(tree.path())), MAKE_BASE,
                  " ".join(OPTIONS))


def _make_base(tmp):
    # configure records absolute names, so build where the result will stay.
    final = tmp[:-len(".tmp")] + ".d"
    shutil.rmtree(final, ignore_errors=True)
    os.makedirs(final)
    tree.run_in(["sh", "-ec", MAKE_BASE, "sh", final] + OPTIONS, CACHE,
                log=tmp + ".log", what="building QEMU")


def _base():
    """The source folder of a QEMU that is configured and compiled."""
    path = cached("qemu-base-" + _base_key(), "QEMU (some minutes)",
                  _make_base)
    return os.path.join(path + ".d", "src")


def has_model():
    """The model counts as there once it has its PCI glue."""
    return os.path.exists(os.path.join(HCA_DIR, "hca-pci.c"))


def _model():
    """The HCA model's sources by name; none while it has no PCI glue."""
    if not has_model():
        return {}
    paths = [p for ext in "ch" for p in
             glob.glob(os.path.join(HCA_DIR, "*." + ext))]
    return {os.path.basename(p): read_bytes(p) for p in sorted(paths)}


def _sync_model(src, model):
    """Make hw/xenib-hca hold exactly these files; leave equal ones alone, so
    that only what changed is compiled."""
    dest = os.path.join(src, "hw/xenib-hca")
    units = "".join("  '%s',\n" % n for n in model if n.endswith(".c"))
    files = dict(model)
    files["meson.build"] = (
        "system_ss.add(when: 'CONFIG_PCI', if_true: files(\n%s))\n" % units
        if units else "# nothing yet\n").encode()
    for old in set(os.listdir(dest)) - set(files):
        os.unlink(os.path.join(dest, old))
    for name, data in files.items():
        path = os.path.join(dest, name)
        if not os.path.exists(path) or read_bytes(path) != data:
            with open(path, "wb") as f:
                f.write(data)


def _prune(keep, count=12):
    """Remove the oldest linked QEMUs; each is some 20 MB."""
    found = sorted(glob.glob(os.path.join(CACHE, "qemu-bin-*")),
                   key=os.path.getmtime)
    for path in found[:-count]:
        if path != keep and not path.endswith(".tmp"):
            shutil.rmtree(path, ignore_errors=True)


def binary():
    """The path of a QEMU that has the model as it is in the checkout."""
    model = _model()
    key = key_of(_base_key(), MAKE_PLUGIN, read_bytes(PLUGIN),
                 *[x for item in model.items() for x in item])

    def make(tmp):
        src = _base()
        with locked(os.path.join(CACHE, "locks", "qemu-build.lock")):
            _sync_model(src, model)
            tree.run_in(["make", "-j2", "qemu-system-x86_64"],
                        os.path.join(src, "build"), log=tmp + ".log",
                        what="compiling the HCA model into QEMU")
            shutil.copy(os.path.join(src, "build/qemu-system-x86_64"), tmp)
        shutil.copy(PLUGIN, tmp)
        tree.run_in(["sh", "-ec", MAKE_PLUGIN, "sh", src], tmp,
                    log=tmp + ".log", what="compiling the plugin")

    path = cached("qemu-bin-" + key, "QEMU with the HCA model" if model
                  else "QEMU without an HCA model", make)
    _prune(path)
    return os.path.join(path, "qemu-system-x86_64")


def plugin():
    """The path of the plugin that counts instructions."""
    return os.path.join(os.path.dirname(binary()), "count.so")


def command():
    """QEMU's command line up to its machine options. It runs with the
    libraries of the build tree, whatever the build machine has."""
    root = tree.path()
    return [os.path.join(root, "lib64/ld-linux-x86-64.so.2"),
            "--library-path", os.path.join(root, "usr/lib/x86_64-linux-gnu"),
            binary(),
            "-L", os.path.join(root, "usr/share/qemu"),
            "-L", os.path.join(root, "usr/share/seabios")]


def _kvm_runs():
    """Does a guest of one instruction really run under KVM?"""
    boot = b"\xb0\x10\xe6\xf4\xf4"          # mov al,16; out 0xf4,al; hlt
    with tempfile.NamedTemporaryFile() as f:
        f.write(boot.ljust(510, b"\0") + b"\x55\xaa")
        f.flush()
        argv = command() + [
            "-nodefaults", "-no-user-config", "-display", "none", "-M", "q35",
            "-accel", "kvm", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            "-drive", "file=%s,format=raw" % f.name]
        try:
            status = subprocess.run(argv, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL,
                                    timeout=10).returncode
        except subprocess.TimeoutExpired:
            return False
    return status == (16 << 1 | 1)


def accelerator():
    """"kvm" where the processor has it and a guest runs, else "tcg".

    /dev/kvm alone means little: it may open where nothing can run.
    """
    with open("/proc/cpuinfo") as f:
        flags = next((line.split() for line in f
                      if line.startswith("flags")), [])
    if not {"svm", "vmx"} & set(flags) or not os.path.exists("/dev/kvm"):
        return "tcg"
    return "kvm" if _kvm_runs() else "tcg"
