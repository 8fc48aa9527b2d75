# SPDX-License-Identifier: GPL-2.0-only
"""The Debian packages: made in a tree that makes them, and installed in one
that has nothing else. Both are as they were after each command.

`make check` tries Debian 13 with its own kernel; `make check-packages` tries
all releases, with their kernels for the cloud and their backported ones.
"""

import functools
import glob
import os
import subprocess

import pytest

import nodes
from lib import packages, tree
from test_version import version

NAMES = ("libxenib1", "libxenib-dev", "xenib-dkms", "xenib-utils")
MORE = [pytest.param(suite, marks=pytest.mark.packages)
        for suite in tree.DEBIAN if suite != packages.SUITE]
SUITES = pytest.mark.parametrize("suite", [packages.SUITE] + MORE)
OLD = "0.0.9"
TESTS = os.path.join(nodes.TOP, "debian/tests")

# What every script begins with. Some kernels have only their headers here. dkms
# takes one without modules for removed: it runs no depmod then, and a newer one
# deletes what depmod has made. So each gets an empty module, and depmod.
BEGIN = """
export DEBIAN_FRONTEND=noninteractive
own=$(ls /lib/modules | grep -v cloud | sort -V | head -n 1)
all=$(ls /lib/modules)
only() {
	for k in $all; do test "$k" = "$1" || rm -r /lib/modules/"$k"; done
	all=$1
}
files() {
	find / -xdev ! -path '/tmp/*' ! -path '/var/cache/*' ! -path '/var/log/*' \
		! -path '/var/lib/dpkg/*' ! -path '/var/lib/apt/*' \
		! -path "$PWD/*" ! -path '/var/lib/dkms/mok.*' | sort
}
install() { apt-get install -q -y --no-install-recommends "$@"; }
has_modules() {		# of this kernel, of this version
	for m in xen-ibfront xen-ibback; do
		modinfo -k "$1" "$m"
		test "$(modinfo -k "$1" -F version "$m")" = "$2"
		modinfo -k "$1" -F vermagic "$m" | grep -qF "$1 "
		modinfo -k "$1" -F signer "$m" | grep -q 'DKMS module signing key'
	done
	modinfo -k "$1" -F alias xen-ibfront | grep -qx 'xen:vib'
	modinfo -k "$1" -F alias xen-ibback | grep -qx 'xen-backend:vib'
}
gone() {		# all of it
	apt-get purge -q -y %s
	files >/tmp/after
	diff /tmp/before /tmp/after
}
mkdir -p /var/lib/dkms
for k in $all; do
	mkdir -p /lib/modules/"$k"/kernel
	as -o /lib/modules/"$k"/kernel/other.ko </dev/null
	depmod "$k"
done
""" % " ".join(NAMES)


@functools.cache
def built(suite, version=None):
    """The folder of a release's packages, made when they are asked for."""
    out = os.path.join(packages.BUILT, suite + ("-old" if version else ""))
    return packages.build(suite, version, out)


def debs(suite, old=None):
    return [glob.glob("%s/%s_*.deb" % (built(suite, old), name))[0]
            for name in NAMES]


def run(name, command, limit):
    done = subprocess.run(
        tree.argv(command, packages.BUILT, [nodes.TOP], name), check=False,
        env=tree.environment(name), stdin=subprocess.DEVNULL, timeout=limit,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def clean(suite, script, *args, limit=900):
    """Run a script where nothing of ours is installed."""
    return run("clean-" + suite,
               ["sh", "-euxc", BEGIN + script, "sh", *args], limit)


@SUITES
def test_lintian(suite):
    """By the release's own lintian, which may know an older policy only."""
    changes, = glob.glob(built(suite) + "/*.changes")
    said = run("packages-" + suite,
               ["lintian", "--allow-root", "--fail-on", "error,warning",
                "--suppress-tags", "newer-standards-version", changes], 300)
    assert said == ""


@SUITES
def test_build_with_the_library(suite):
    """debian/tests/build is autopkgtest's, which has no tree."""
    run("packages-" + suite,
        ["sh", "-euxc", 'tests=$1; shift; dpkg -i "$@"; sh -eu "$tests"/build',
         "sh", TESTS, *debs(suite)[:2]], 120)


def test_install_and_purge():
    """With the release's own kernel: both modules, signed, and the command
    work, and nothing is left of them."""
    clean(packages.SUITE, """
only "$own"
files >/tmp/before
version=$1 tests=$2; shift 2
install "$@"
has_modules "$own" "$version"
test "$(xenib --version)" = "xenib $version"
test "$(pkg-config --modversion libxenib)" = "$version"
sh -eu "$tests"/cli
gone
""", version(), TESTS, *debs(packages.SUITE))


def test_nothing_is_loaded():
    """Packages of modules neither load nor unload any."""
    for deb in debs(packages.SUITE):
        scripts = nodes.lab("build-sh", "--", "sh", "-ec",
                            "dpkg-deb --ctrl-tarfile %s | tar -xO --wildcards "
                            "--exclude=./control --exclude=./md5sums '*'" %
                            deb).stdout
        for word in ("modprobe", "insmod", "rmmod"):
            assert word not in scripts


@pytest.mark.packages
@SUITES
def test_every_kernel(suite):
    """Also for one whose headers come later."""
    said = clean(suite, """
new=$(ls /lib/modules | grep cloud | sort -V | head -n 1)
mv /lib/modules/"$new" /tmp/new
version=$1; shift
install "$@"
mv /tmp/new /lib/modules/"$new"
run-parts --exit-on-error --arg="$new" /etc/kernel/header_postinst.d
for k in $all; do has_modules "$k" "$version"; done
echo "kernels:" $all
""", version(), debs(suite)[2], limit=1800)
    kernels = said.rpartition("\nkernels:")[2].split()
    # Each release's own and that for the cloud, and of backports the same
    assert len(kernels) == (4 if suite in tree.BACKPORTS else 2), kernels


@pytest.mark.packages
@SUITES
def test_upgrade(suite):
    clean(suite, """
only "$own"
files >/tmp/before
old=$1 version=$2 tests=$3; shift 3
install "$1" "$2" "$3" "$4"; shift 4
has_modules "$own" "$old"
install "$@"
has_modules "$own" "$version"
dkms status | grep "xenib.*$version.*installed"
if dkms status | grep -F "$old"; then exit 1; fi
test ! -e /usr/src/xenib-"$old"
sh -eu "$tests"/cli
gone
""", OLD, version(), TESTS, *debs(suite, OLD), *debs(suite), limit=900)
