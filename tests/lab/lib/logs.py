# SPDX-License-Identifier: GPL-2.0-only
"""Looking for trouble in the logs of every node."""

import os
import re

from .util import LabError, read_text

TROUBLE = re.compile(
    r"\bBUG\b|\bWARNING\b|\bOops\b|refcount_t|\blockdep\b|possible recursive|"
    r"inconsistent lock|circular locking|suspicious RCU|rcu.*\bstall|"
    r"soft lockup|hard LOCKUP|general protection|Call Trace|hung task|"
    r"blocked for more than|segfault|use-after-free|double free|"
    r"unreferenced object|Bad page|bad page|BUG:|\bleak|"
    r"trap invalid opcode|traps:|unhandled|Internal error|"
    r"Kernel panic|Panic on CPU|"
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
    (r"mlx4_core \S+: Internal error detected",
     "the HCA model was told to fail, by its property catastrophe"),
]]

# What QEMU prints when the HCA model was let do what no driver may want
# (HCA_LOG_ERROR in tests/lab/hca). Its other lines are no concern of ours.
MODEL_ERROR = re.compile(r"\bhca: ")


def _text(lab, node):
    """All logs of one node."""
    text = lab.console(node)
    try:
        text += lab.output(node, ["dmesg"])
        if node.role == "dom0":
            text += lab.output(node, ["xl", "dmesg"])
            text += lab.output(node, [
                "sh", "-c", "cat /var/log/xen/console/*.log 2>/dev/null; :"])
    except LabError as e:
        text += "\nBUG: %s\n" % str(e).splitlines()[0]
    return text


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


def check(lab, save=None):
    """(node name, line) for each line that tells of trouble, once each; the
    whole of each node's logs goes to the folder `save`, if there is one."""
    if save:
        os.makedirs(save, exist_ok=True)
    found = []
    seen = set()
    # Guests first: dom0 has their consoles too, and those of guests gone.
    for node in reversed(lab.nodes):
        text = _text(lab, node)
        _save(save, node.name, text)
        if node.is_machine:
            found += _model_errors(lab, node, save)
        for line in text.splitlines():
            line = line.strip()
            key = (node.host or node.name, line)
            if (TROUBLE.search(line) and key not in seen and
                    not any(p.search(line) for p, _ in ALLOWED)):
                seen.add(key)
                found.append((node.name, line))
    return found
