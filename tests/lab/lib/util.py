# SPDX-License-Identifier: GPL-2.0-only
"""What every part of the lab needs: errors, progress, processes, locks."""

import contextlib
import fcntl
import functools
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

LAB_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHECKOUT = os.path.dirname(os.path.dirname(LAB_DIR))
CACHE = os.path.abspath(os.environ.get("XENIB_CACHE") or "/var/cache/xenib")
SUITE = "trixie"


class LabError(Exception):
    """Something failed; the text names it. The command exits 1."""


class UsageError(Exception):
    """The caller asked for something that makes no sense. Exit 2."""


_start = time.monotonic()
_print_lock = threading.Lock()


def progress(text):
    """One line of progress, with the seconds since the command began."""
    with _print_lock:
        print("[%6.1fs] %s" % (time.monotonic() - _start, text),
              file=sys.stderr, flush=True)


def run(argv, log=None, what=None, **kw):
    """Run argv to its end; failure is a LabError with the last output lines.

    With `log`, output goes to that file, else it is captured and returned.
    """
    kw.setdefault("stdin", subprocess.DEVNULL)
    if log:
        with open(log, "ab") as out:
            status = subprocess.run(argv, stdout=out,
                                    stderr=subprocess.STDOUT, **kw).returncode
        text = None
    else:
        done = subprocess.run(argv, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **kw)
        status, text = done.returncode, done.stdout.decode(errors="replace")
    if status:
        tail = last_lines(log, 60) if log else text
        raise LabError("%s failed with status %d:\n%s" %
                       (what or " ".join(argv), status, tail.rstrip()))
    return text


def last_lines(path, count):
    """The last `count` lines of a text file, "" when it does not exist."""
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.path.getsize(path) - 65536))
            lines = f.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(line.rstrip() for line in lines[-count:])


def key_of(*parts):
    """A short name for what was made from these texts or bytes."""
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        h.update(b"%d:" % len(data) + data)
    return h.hexdigest()[:16]


def _apt_entries(text, one_line):
    """The entries of a file of apt sources, each: field -> value."""
    if one_line:
        for line in text.splitlines():
            found = re.match(r"\s*(\S+)\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)(.*)",
                             line.partition("#")[0])
            if found:
                names = "types", "options", "uris", "suites", "components"
                entry = dict(zip(names, found.groups("")))
                key = re.search(r"signed-by=(\S+)", entry["options"])
                yield dict(entry, **{"signed-by": key[1]} if key else {})
        return
    for stanza in re.split(r"\n\s*\n", text):
        fields = re.findall(r"^(\S+?):((?:.*)(?:\n[ \t].*)*)", stanza,
                            re.MULTILINE)
        yield {name.lower(): value.strip() for name, value in fields}


def _is_debian(entry):
    """Whether an entry is of a whole release of Debian: not one of updates,
    nor anybody else's, whose keys are not Debian's."""
    suites = entry.get("suites", "").split()
    return ("deb" in entry.get("types", "").split() and
            "main" in entry.get("components", "").split() and
            entry.get("enabled", "yes").lower() not in ("no", "false", "0") and
            "debian-archive" in entry.get("signed-by", "debian-archive") and
            any(re.fullmatch(r"\w+", suite) for suite in suites))


@functools.cache
def mirror(apt="/etc/apt"):
    """The Debian mirror: XENIB_MIRROR, or what this machine's apt uses."""
    chosen = os.environ.get("XENIB_MIRROR")
    if chosen:
        return chosen
    paths = [os.path.join(apt, "sources.list")] + sorted(
        glob.glob(os.path.join(apt, "sources.list.d/*.list")) +
        glob.glob(os.path.join(apt, "sources.list.d/*.sources")))
    for path in filter(os.path.exists, paths):
        for entry in _apt_entries(read_text(path), path.endswith(".list")):
            if _is_debian(entry):
                return entry["uris"].split()[0].rstrip("/")
    raise LabError("no Debian mirror in %s: name one in XENIB_MIRROR" % apt)


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def read_text(path):
    return read_bytes(path).decode(errors="replace")


@contextlib.contextmanager
def locked(path, quiet=False):
    """Hold an exclusive lock on the file `path`, made when missing; unless
    quiet, say so when that takes waiting."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not quiet:
                progress("waiting for another lab command (%s)" % path)
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def cached(name, what, make):
    """The directory CACHE/name; make(tmp_dir) fills it when it is missing."""
    path = os.path.join(CACHE, name)
    if os.path.isdir(path):
        return path
    if os.getuid():
        raise LabError("%s is not in %s: root makes it with \"lab build\"" %
                       (what, CACHE))
    with locked(os.path.join(CACHE, "locks", name + ".lock")):
        if os.path.isdir(path):
            return path
        progress("building %s" % what)
        begin = time.monotonic()
        tmp = path + ".tmp"
        shutil.rmtree(tmp, ignore_errors=True)
        os.makedirs(tmp)
        try:
            make(tmp)
            os.rename(tmp, path)
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            raise
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(tmp + ".log")
        progress("built %s in %.0f s" % (what, time.monotonic() - begin))
    return path


def start_time(pid):
    """When a process started (clock ticks since boot), None if it is gone."""
    try:
        fields = read_text("/proc/%d/stat" % pid).rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def is_alive(pid, started):
    """True if pid is still the process that started at `started`."""
    return started is not None and start_time(pid) == started


def stop_process(pid, started, grace=3.0):
    """End exactly this process, politely and then for good."""
    for sig, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if not is_alive(pid, started):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)
        deadline = time.monotonic() + wait
        while is_alive(pid, started) and time.monotonic() < deadline:
            time.sleep(0.02)
