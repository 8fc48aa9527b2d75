# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages of the checkout, each release's made in a tree of its own."""

import os
import re
import shutil
import subprocess

from . import tree
from .util import CHECKOUT, SUITE, progress, read_text, run

BUILT = os.path.join(CHECKOUT, "build/packages")


def _sources():
    """Every file that git has, or would have."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], cwd=CHECKOUT, check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    return [name for name in listed.split("\0") if name and
            os.path.exists(os.path.join(CHECKOUT, name))]


def _edit(path, pattern, new):
    text, count = re.subn(pattern, new, read_text(path), count=1, flags=re.M)
    assert count, "%s has no %s" % (path, pattern)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def build(suite=SUITE, version=None, out=None):
    """Make the packages of one release; returns the folder that they are in.

    A release's packages have its number in their versions, which are greater
    on a newer release: its libraries are others. `version` is another one
    than the checkout's, for tests of an upgrade.
    """
    out = out or os.path.join(BUILT, suite)
    source = os.path.join(out, "xenib")
    log = out + ".log"
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    with open(log, "wb"):
        pass
    for name in _sources():
        to = os.path.join(source, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy2(os.path.join(CHECKOUT, name), to, follow_symlinks=False)
    header = os.path.join(source, "include/xenib_version.h")
    if version:
        _edit(header, r'XENIB_VERSION\s.*', 'XENIB_VERSION "%s"' % version)
    _edit(os.path.join(source, "debian/changelog"), r"\((.*)\) .*;",
          r"(%s+deb%d) %s;" % (version or r"\1", tree.DEBIAN[suite], suite))
    name = "packages-" + suite
    run(tree.argv(["dpkg-buildpackage", "-us", "-uc"], source, [out], name),
        log=log, what="dpkg-buildpackage for " + suite,
        env=tree.environment(name))
    shutil.rmtree(source)
    progress("the packages are in %s" % os.path.relpath(out))
    return out
