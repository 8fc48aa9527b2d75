# SPDX-License-Identifier: GPL-2.0-only
"""Looking for trouble in the logs of every node."""

import collections
import os
import re

from .util import LabError, read_text

TROUBLE = re.compile(
    r"\bBUG\b|\bWARNING\b|\bOops\b|refcount_t|\blockdep\b|possible recursive|"
    r"inconsistent lock|circular locking|suspicious RCU|rcu.*\bstall|"
    r"soft lockup|hard LOCKUP|general protection|Call Trace|hung task|"
    r"blocked for more than|segfault|use-after-free|double free|"
    r"unreferenced object|Bad page|bad page|BUG:|\bleak|"
    r"Budget exhausted after napi rescheduled|"
    r"trap invalid opcode|traps:|unhandled|Internal error|"
    r"Kernel panic|Panic on CPU|LAB: .*failed|"
    r"rogue frontend|cannot destroy object|cannot unmap|did not answer|"
    r"HCA keeps|removed its side|did not close in|backend sent|"
    r"\(XEN\).*(error|\bfault|Assertion|WARN|Xen call trace|bad|crash)",
    re.IGNORECASE)

# Lines that match and are harmless, each with the reason.
ALLOWED = [(re.compile(pattern), reason) for pattern, reason in [
    (r"AMD Zen1 (DIV0|FPDSS) bug detected",
     "a property of the processor that is emulated"),
    (r"PCI: Using host bridge windows from ACPI; if necessary",
     "the kernel's standing advice on every machine"),
    (r"AMD IOMMUv2 functionality not available .* This is not a bug",
     "what Linux 6.1 says where there is no such IOMMU"),
    (r"libxl__build_device_model_args_new: .*Only 4 emulated IDE disks",
     "an HVM guest's disks are not to be emulated"),
    (r"\(XEN\) d0v\d+ Error mfn 00100: rd=d\d+ od=",
     "test_rogue grants that frame, which is not the guest's"),
]]

# What QEMU prints when the HCA model was let do what no driver may want
# (HCA_LOG_ERROR in tests/lab/hca). Its other lines are no concern of ours.
MODEL_ERROR = re.compile(r"\bhca: ")

# What our drivers log as an error is trouble, whatever it says. Only dmesg
# tells of levels: 3 is KERN_ERR.
OURS = re.compile(r"\bvib vib-|xen[-_]ib(front|back)")
LEVEL = re.compile(r"^<(\d+)>")
KERN_ERR = 3

# A test that provokes a line says so in the log itself, by nodes.allowed(): so
# many lines until "forbid" may match.
MARK = re.compile(r"LAB: (?:allow (\d+)|forbid) (.*)")


class _Allowances:
    """What the marks above a line of a log allow."""

    def __init__(self):
        self.left = {}

    def is_mark(self, line):
        """Obey a line if it is a mark."""
        if "Linux version" in line:             # a domain that is new
            self.left.clear()
        mark = MARK.search(line)
        if mark and mark[1]:
            self.left[mark[2]] = int(mark[1])
        elif mark:
            self.left.pop(mark[2], None)
        return bool(mark)

    def allow(self, line):
        """Whether one more such line may be there."""
        for pattern, left in self.left.items():
            if left and re.search(pattern, line):
                self.left[pattern] -= 1
                return True
        return False


def _is_trouble(line, level):
    return bool(TROUBLE.search(line) or
                level <= KERN_ERR and OURS.search(line)) and \
        not any(p.search(line) for p, _ in ALLOWED)


def _texts(lab, node):
    """All logs of one node, one after the other."""
    yield lab.console(node)
    try:
        yield lab.output(node, ["dmesg", "--raw"])
        if node.role == "dom0":
            yield lab.output(node, ["xl", "dmesg"])
            yield lab.output(node, [
                "sh", "-c", "cat /var/log/xen/console/*.log 2>/dev/null; :"])
    except LabError as e:
        yield "BUG: %s\n" % str(e).splitlines()[0]


def _save(folder, name, text):
    if folder:
        with open(os.path.join(folder, name + ".log"), "w") as f:
            f.write(text)


def _model_errors(lab, node, save):
    """Errors of a machine's HCA model."""
    text = read_text(lab.file("log-" + node.name))
    _save(save, node.name + "-qemu", text)
    return [(node.name, line) for line in text.splitlines()
            if MODEL_ERROR.search(line)]


def _troubles(text, seen):
    """The lines of a log that tell of trouble and are not among those seen,
    which they then are, as are those that a test has allowed."""
    allowances = _Allowances()
    for line in text.splitlines():
        level = LEVEL.match(line)
        line = LEVEL.sub("", line).strip()
        if allowances.is_mark(line) or line in seen:
            continue
        if allowances.allow(line):
            seen.add(line)
        elif _is_trouble(line, int(level[1]) & 7 if level else 7):
            seen.add(line)
            yield line


def check(lab, save=None):
    """(node name, line) for each line that tells of trouble, once each; the
    whole of each node's logs goes to the folder `save`, if there is one."""
    if save:
        os.makedirs(save, exist_ok=True)
    found = []
    seen = collections.defaultdict(set)
    # Guests first: dom0 has their consoles too, and those of guests gone.
    for node in reversed(lab.nodes):
        texts = list(_texts(lab, node))
        _save(save, node.name, "".join(texts))
        if node.is_machine:
            found += _model_errors(lab, node, save)
        for text in texts:
            found += [(node.name, line) for line in
                      _troubles(text, seen[node.host or node.name])]
    return found
