# SPDX-License-Identifier: GPL-2.0-only
"""The root image every node boots, its kernel, Xen, and the initramfs; and
the kernels of other suites, with which guests boot the same image."""

import functools
import gzip
import inspect
import lzma
import os
import shutil
import struct

from . import tree
from .util import (LAB_DIR, SUITE, LabError, UsageError, cached, key_of, mirror,
                   read_bytes, read_text, run)

PACKAGES = """
    linux-image-amd64 xen-hypervisor-4.20-amd64 xen-utils-4.20 xenstore-utils
    qemu-system-xen
    kmod procps psmisc iproute2 iputils-ping busybox-static pciutils ethtool
    openssh-server strace python3-minimal
    rdma-core libibverbs1 ibverbs-providers ibverbs-utils rdmacm-utils
    python3-pyverbs
    perftest opensm infiniband-diags
    iperf3 nfs-kernel-server nvme-cli open-iscsi e2fsprogs
""".split()

# The root of nodes with systemd: what an administrator of a host installs, and
# what the tests look with. Packages of ours come later, and so does what DKMS
# builds, for which there are no headers here.
SYSTEMD_PACKAGES = """
    linux-image-amd64 xen-system-amd64
    systemd-sysv udev dbus kmod procps iproute2 iputils-ping
    openssh-server dkms openssl
    rdma-core ibverbs-providers ibverbs-utils rdmacm-utils
    opensm infiniband-diags prometheus-node-exporter prometheus
""".split()
# What costs time and shows nothing
MASKED = """
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
    e2scrub_all.timer e2scrub_reap.service fstrim.timer
    systemd-networkd-wait-online.service getty@tty1.service
    prometheus.service
""".split()

# Loaded by the initramfs, with what they depend on, in this order.
MODULES = {
    "virtio": ["virtio_pci", "virtio_blk", "virtio_net", "ext4", "overlay"],
    "xen": ["xen-blkfront", "xen-netfront", "ext4", "overlay"],
}
# Loaded later, from the root; a kernel of another suite brings them along.
LATER_MODULES = """
    ib_uverbs ib_umad rdma_ucm ib_ipoib
    rpcrdma nfsd nfsv4 nvme-rdma nvmet-rdma
    ib_isert ib_iser ib_srpt ib_srp target_core_file sd_mod loop
""".split()
BUSYBOX_LINKS = "sh mount insmod sleep cat cp mkdir tar switch_root".split()
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
XZ_MAGIC = b"\xfd7zXZ\0"


def extra_packages():
    """EXTRA_PACKAGES of the environment, as a sorted list."""
    names = sorted(set(os.environ.get("EXTRA_PACKAGES", "").split()))
    for name in names:
        if name.startswith("-") or "," in name or "/" in name:
            raise UsageError("EXTRA_PACKAGES: %r is no package name" % name)
    return names


def _vmlinux(vmlinuz, dest, workdir):
    """Unpack the ELF kernel from a bzImage (boot protocol 2.08 and later):
    Xen and QEMU would unpack it at each boot, slowly under emulation."""
    data = read_bytes(vmlinuz)
    offset, length = struct.unpack_from("<II", data, 0x248)
    begin = ((data[0x1f1] or 4) + 1) * 512 + offset
    payload = data[begin:begin + length]
    if payload.startswith(XZ_MAGIC):
        with open(dest, "wb") as f:
            f.write(lzma.LZMADecompressor().decompress(payload))
        return
    if not payload.startswith(ZSTD_MAGIC):
        raise LabError("%s is compressed neither by zstd nor by xz" % vmlinuz)
    packed = os.path.join(workdir, "payload.zst")
    with open(packed, "wb") as f:
        f.write(payload[:-4])        # the last word is the unpacked size
    root = tree.path()
    run([os.path.join(root, "lib64/ld-linux-x86-64.so.2"), "--library-path",
         os.path.join(root, "usr/lib/x86_64-linux-gnu"),
         os.path.join(root, "usr/bin/zstd"), "-q", "-d", "-f", packed,
         "-o", dest])
    os.unlink(packed)


def _make_root(packages, tmp, *options):
    """A root of these packages, with the kernel for which modules are built
    also unpacked; returns its folder, and the kernel's version."""
    root = os.path.join(tmp, "root")
    tree.mmdebstrap(SUITE, packages, root, *options,
                    log=tmp + ".log", what="mmdebstrap of the root image")
    versions = os.listdir(os.path.join(root, "lib/modules"))
    if versions != [tree.kernel_version()]:
        raise LabError(
            "the root image has kernel %s, the build tree %s: Debian released"
            " a new one in between; remove %s and try again" %
            (" ".join(versions), tree.kernel_version(), tree.path()))
    boot = os.path.join(root, "boot")
    _vmlinux(os.path.join(boot, "vmlinuz-" + versions[0]),
             os.path.join(boot, "vmlinux"), tmp)
    for name in os.listdir(os.path.join(root, "etc/ssh")):
        if name.startswith("ssh_host_"):
            os.unlink(os.path.join(root, "etc/ssh", name))
    return root, versions[0]


def _make_disk(root, tmp, more_mb, *options):
    """root.img, with a root and so much space in it."""
    image = os.path.join(tmp, "root.img")
    size = int(run(["du", "-sxm", root]).split()[0])
    with open(image, "wb") as f:
        f.truncate((size * 5 // 4 + more_mb) << 20)
    run(["mkfs.ext4", "-q", "-m", "0", *options, "-d", root, image])


def _make_image(tmp):
    root, version = _make_root(PACKAGES + extra_packages(), tmp)
    boot = os.path.join(root, "boot")
    shutil.copy(os.path.join(boot, "vmlinux"), tmp)
    with gzip.open(os.path.join(boot, "xen-4.20-amd64.gz")) as src, \
            open(os.path.join(tmp, "xen"), "wb") as dst:
        shutil.copyfileobj(src, dst)
    _make_disk(root, tmp, 64, "-O", "^has_journal")
    parts = os.path.join(tmp, "initrd-parts")
    os.mkdir(parts)
    shutil.copy(os.path.join(root, "bin/busybox"), parts)
    _unpack_boot_modules(os.path.join(root, "lib/modules", version), parts,
                         MODULES)
    shutil.rmtree(root)


def _make_systemd_image(tmp):
    root, _ = _make_root(
        SYSTEMD_PACKAGES + extra_packages(), tmp,
        '--customize-hook=chroot "$1" systemctl enable systemd-networkd',
        '--customize-hook=chroot "$1" systemctl mask ' + " ".join(MASKED))
    # Dumps of memory of guests go there when the host shuts down.
    _make_disk(root, tmp, 4096)
    shutil.rmtree(root)


def _module_order(lib, names):
    """The files of the modules and their dependencies, in order."""
    deps, by_name = {}, {}
    for line in read_text(os.path.join(lib, "modules.dep")).splitlines():
        path, _, rest = line.partition(":")
        deps[path] = rest.split()
        by_name[os.path.basename(path).partition(".")[0]] = path
    order = []
    for name in names:
        if name not in by_name:
            continue                # built into the kernel
        # modules.dep lists the nearest dependency first
        for path in list(reversed(deps[by_name[name]])) + [by_name[name]]:
            if path not in order:
                order.append(path)
    # ext4 finds crc32c by name at run time, not as a symbol
    crc = [by_name[n] for n in ("crc32c_generic",) if n in by_name]
    return crc + [path for path in order if path not in crc]


def _unpack_modules(lib, names, dest):
    """Unpack modules and their dependencies; the files, in loading order."""
    files = []
    for path in _module_order(lib, names):
        files.append(os.path.basename(path).partition(".")[0] + ".ko")
        unpack = lzma.open if path.endswith(".xz") else open
        with unpack(os.path.join(lib, path), "rb") as src, \
                open(os.path.join(dest, files[-1]), "wb") as dst:
            shutil.copyfileobj(src, dst)
    return files


def _unpack_boot_modules(lib, parts, kinds):
    """The modules that an initramfs loads on each kind of node, in order."""
    dest = os.path.join(parts, "modules")
    os.mkdir(dest)
    for kind in kinds:
        files = _unpack_modules(lib, MODULES[kind], dest)
        with open(os.path.join(dest, kind), "w") as f:
            f.writelines(name + "\n" for name in files)


def _make_kernel(suite, tmp):
    root, version = tree.path(suite), tree.kernel_version(suite)
    lib = os.path.join(root, "lib/modules", version)
    vmlinuz = os.path.join(lib, "vmlinuz")
    if not os.path.exists(vmlinuz):         # before Debian 14
        vmlinuz = os.path.join(root, "boot/vmlinuz-" + version)
    shutil.copy(vmlinuz, os.path.join(tmp, "vmlinuz"))
    vmlinux = os.path.join(tmp, "vmlinux")
    _vmlinux(vmlinuz, vmlinux, tmp)
    # On its way to a host size counts most, and Xen unpacks this fast.
    with open(vmlinux, "rb") as src, \
            gzip.open(vmlinux + ".gz", "wb", 6) as dst:
        shutil.copyfileobj(src, dst)
    os.unlink(vmlinux)
    _unpack_boot_modules(lib, tmp, ["xen"])
    later = os.path.join(tmp, "lib/modules", version)
    os.makedirs(later)
    _unpack_modules(lib, LATER_MODULES, later)
    tree.run_in(["depmod", "-b", tmp, version], tmp)


def kernel(suite):
    """The folder with another suite's vmlinux.gz, the vmlinuz it comes from,
    and its initramfs's parts."""
    key = key_of(os.path.basename(os.path.dirname(tree.path(suite))),
                 MODULES, LATER_MODULES, inspect.getsource(_make_kernel))
    return cached("kernel-%s-%s" % (suite, key), "the kernel of " + suite,
                  functools.partial(_make_kernel, suite))


def image():
    """The folder with root.img, vmlinux, xen and the initramfs's parts."""
    key = key_of(mirror(), SUITE, " ".join(PACKAGES),
                 " ".join(extra_packages()), tree.kernel_version(),
                 *map(inspect.getsource, (_make_root, _make_disk,
                                          _make_image)))
    return cached("image-" + key, "the root image", _make_image)


def root_image(systemd):
    """The folder with the root.img of nodes without or with systemd. Kernel,
    Xen and the initramfs are the same."""
    if not systemd:
        return image()
    key = key_of(mirror(), SUITE, " ".join(SYSTEMD_PACKAGES),
                 " ".join(extra_packages() + MASKED), tree.kernel_version(),
                 *map(inspect.getsource, (_make_root, _make_disk,
                                          _make_systemd_image)))
    return cached("image-systemd-" + key, "the root image with systemd",
                  _make_systemd_image)


def _cpio_entry(name, mode, data=b"", nlink=1):
    """One member of a newc archive, the format Linux unpacks."""
    raw = name.encode() + b"\0"
    fields = (0, mode, 0, 0, nlink, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def _cpio_tree(parts, name):
    """The members for a folder of `parts` and all that is in it."""
    path = os.path.join(parts, name)
    if not os.path.isdir(path):
        return [_cpio_entry(name, 0o100644, read_bytes(path))]
    return sum([_cpio_tree(parts, os.path.join(name, entry))
                for entry in sorted(os.listdir(path))],
               [_cpio_entry(name, 0o40755, nlink=2)])


def _make_initrd(suite, tmp):
    parts = os.path.join(image(), "initrd-parts")
    out = [_cpio_entry(d, 0o40755, nlink=2) for d in
           "bin dev proc sys ro rw mnt".split()]
    out.append(_cpio_entry("bin/busybox", 0o100755,
                           read_bytes(os.path.join(parts, "busybox"))))
    out += [_cpio_entry("bin/" + name, 0o120777, b"busybox")
            for name in BUSYBOX_LINKS]
    if suite == SUITE:
        out += _cpio_tree(parts, "modules")
    else:
        out += _cpio_tree(kernel(suite), "modules")
        out += _cpio_tree(kernel(suite), "lib")
    out.append(_cpio_entry("init", 0o100755, read_bytes(INITRAMFS_INIT)))
    out.append(_cpio_entry("TRAILER!!!", 0))
    data = b"".join(out)
    with open(os.path.join(tmp, "initrd"), "wb") as f:
        f.write(data if suite == SUITE else gzip.compress(data, 6))


INITRAMFS_INIT = os.path.join(LAB_DIR, "lib/node/initramfs-init")


def initrd(suite=SUITE):
    """The initramfs, one for machines and guests alike."""
    key = key_of(os.path.basename(image()), read_bytes(INITRAMFS_INIT),
                 "" if suite == SUITE else os.path.basename(kernel(suite)))
    return os.path.join(cached("initrd-" + key, "the initramfs",
                               functools.partial(_make_initrd, suite)),
                        "initrd")
