# SPDX-License-Identifier: GPL-2.0-only
"""The manual pages of the modules and of the library against the code: each
names all that there is of its kind, and nothing that is not there. This needs
neither a lab nor a compiler."""

import glob
import json
import os
import re

import pytest

import nodes
from test_version import PAGES, read

VIBIF = "include/xen/interface/io/vibif.h"
HEADER = "include/xenib.h"

# Of each page of a module: its sources, and what its names in C begin with
MODULES = {"xen-ibback.4": ("backend", "ibback"),
           "xen-ibfront.4": ("frontend", "ibfront")}
BOTH = pytest.mark.parametrize("page", MODULES)


# ---- What C says ----

def code(path):
    """A C file without its comments."""
    return re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)


def all_code(page):
    """That of a module, of all its files."""
    return "\n".join(code(path) for path in sorted(glob.glob(
        MODULES[page][0] + "/**/*.[ch]", root_dir=nodes.TOP, recursive=True)))


def rows(path, macro):
    """The names in a list X(ID, name, ...)."""
    listed = re.search(r"^#define %s\(X\)(.*?[^\\])$" % macro, read(path),
                       re.M | re.S)[1]
    return set(re.findall(r"X\(\w+, (\w+)", listed))


def number(path, macro):
    value = re.search(r"^#define\s+%s\s+(.*?)\s*(?:/\*.*)?$" % macro,
                      read(path), re.M)[1]
    if value.isidentifier():
        return number(path, value)
    base, shift = re.fullmatch(r"\(?(\d+)U?L*(?: << (\d+)\))?", value).groups()
    return int(base) << int(shift or 0)


def one_line(text):
    return " ".join(text.split())


# ---- What a page says ----

def page_of(name):
    """A page, its continued lines put together."""
    return read("docs/man/" + name).replace("\\\n", "")


def plain(text):
    """What a reader sees of a word."""
    text = re.sub(r"\\f.|\\%", "", text)
    return text.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")


def parts(text, macro):
    """What stands under each heading."""
    pieces = re.split(r"^\.%s (.*)\n" % macro, text, flags=re.M)
    return {plain(heading.strip('"')): body
            for heading, body in zip(pieces[1::2], pieces[2::2])}


def section(page, heading):
    return parts(page_of(page), "SH")[heading]


def words(text):
    """A text without its macros, in one line."""
    return one_line(plain(re.sub(r"^\.[A-Z]+ ?", "", text, flags=re.M)))


def tags(text, depth=0):
    """The lines with the tags of paragraphs, in so many lists."""
    found, level = [], 0
    lines = iter(text.splitlines())
    for line in lines:
        level += (line == ".RS") - (line == ".RE")
        if line == ".TP" and level == depth:
            found.append(next(lines))
    return found


def fonts(tag):
    """The macro of a line, and its arguments."""
    macro, rest = tag.split(None, 1)
    return macro[1:], [plain(quoted or bare) for quoted, bare in
                       re.findall(r'"([^"]*)"|(\S+)', rest)]


def names(text, depth=0):
    """What the tags name; of those with a part that stands for something, the
    rest."""
    found = set()
    for macro, args in map(fonts, tags(text, depth)):
        if macro in ("B", "I"):
            found.add(" ".join(args))
        elif macro in ("BR", "IR"):
            found.update(args[0::2])
        else:
            found.add("".join(args[macro == "IB"::2]))
    return found


def patterns(tag):
    """What messages look like that a tag names."""
    macro, args = fonts(tag)
    if macro == "B":
        args = [" ".join(args)]
    if macro == "BR":
        return list(map(re.escape, args[0::2]))
    literal = macro == "IB"
    pattern = ""
    for arg in args:
        literal = not literal
        pattern += re.escape(arg) if literal else ".+"
    # A long one is not told to its end.
    return [re.sub(r"\\\.\\\.\\\.$", ".*", pattern)]


# ---- The modules ----

LOGS = re.compile(r"\b((?:dev|pr|ibdev)_(?:crit|err|warn|notice|info)"
                  r"(?:_ratelimited)?|xenbus_dev_(?:error|fatal)|ibfront_fail)"
                  r"\(")
STRING = r'"(?:[^"\\]|\\.)*"'
STRINGS = re.compile(r"(?:VIBIF_\w+\s+)*%s(?:\s+(?:%s|VIBIF_\w+))*" % (
    STRING, STRING))


def messages(page):
    """What the module logs, with X for what it fills in."""
    text = all_code(page)
    macros = dict(re.findall(r'^#define (VIBIF_\w+)\s+"([^"]*)"', read(VIBIF),
                             re.M))
    for call in LOGS.finditer(text):
        said = STRINGS.search(text[call.end():text.index(";\n", call.end())])
        # Neither declared nor passed on
        if not said or "%pV" in said[0]:
            continue
        said = "".join(macros.get(part) or part[1:-1] for part in
                       re.findall(STRING + r"|VIBIF_\w+", said[0]))
        if call[1] == "ibfront_fail":
            said += "; closing"
        said = said.removesuffix("\\n").removeprefix("xen-ibback: ")
        yield re.sub(r"%\d*[lz]*[a-z]", "X", said)


@BOTH
def test_messages(page):
    logged = set(messages(page))
    known = {pattern for tag in tags(section(page, "MESSAGES"))
             for pattern in patterns(tag)}
    assert len(logged) > 10

    def fit(pattern, message):
        return re.fullmatch(pattern, message)

    assert [m for m in logged if not any(fit(p, m) for p in known)] == []
    assert [p for p in known if not any(fit(p, m) for m in logged)] == []


def test_what_makes_a_frontend_rogue():
    said = words(section("xen-ibback.4", "MESSAGES"))
    causes = re.findall(r'ibback_dev_rogue\([^;]*?"([^"]+)"\)',
                        all_code("xen-ibback.4"))
    assert causes
    assert [cause for cause in causes if cause not in said] == []


@BOTH
def test_parameters(page):
    text = all_code(page)
    described = dict(re.findall(r'MODULE_PARM_DESC\((\w+),\s*"(.*?)"\)', text,
                                re.S))
    declared = set(re.findall(r"\bmodule_param(?:_\w+)?\((\w+),", text))
    told = section(page, "PARAMETERS")
    assert declared
    assert declared == set(described)
    assert {name.rstrip("=") for name in names(told)} == declared
    synopsis = words(section(page, "SYNOPSIS"))
    assert set(re.findall(r"\[(\w+)=", synopsis)) == declared
    for name, about in described.items():
        ranged = re.search(r"\((\d+) ?- ?(\d+), default (\d+)\)", about)
        if not ranged:
            continue
        assert "%s to %s, by default %s." % ranged.groups() in words(told)
        assert "static unsigned int %s = %s;" % (name, ranged[3]) in text


def test_values_of_cm():
    text = code("backend/gsi_hook.c")
    modes = re.findall(r'"(\w+)"', re.search(
        r"ibback_hook_modes\[\] = \{(.*?)\}", text)[1])
    default = re.search(r'ibback_hook_param = "(\w+)"', text)[1]
    told = section("xen-ibback.4", "PARAMETERS")
    assert names(told, 1) == set(modes)
    by_mode = re.split(r"^\.TP\n\.B (\w+)$", told, flags=re.M)
    assert [mode for mode, about in zip(by_mode[1::2], by_mode[2::2])
            if "(default)" in about] == [default]


def fields():
    """The nodes in xenstore: of every device, of backends, of frontends."""
    field = re.compile(r'^#define VIBIF_FIELD_\w+\s+"([^"]+)"', re.M)
    text = read(VIBIF)
    listed = text[text.index("/* Of every xenbus device */"):]
    found = [set(field.findall(part)) for part in
             re.split(r"^/\* Of .*", listed, flags=re.M)[1:4]]
    assert all(found)
    assert set.union(*found) == set(field.findall(text))
    return found


def test_nodes_of_the_backend():
    every, backends, _ = fields()
    quotas = {"max-" + name for name in rows(VIBIF, "VIBIF_QUOTAS")}
    assert names(section("xen-ibback.4", "XENSTORE")) == (
        every - {"backend", "backend-id"} | backends | quotas)


def test_nodes_of_the_frontend():
    every, _, frontends = fields()
    assert names(section("xen-ibfront.4", "XENSTORE")) == (
        every - {"frontend", "frontend-id", "online"} | frontends)


def test_counters_of_the_backend():
    resources = rows(VIBIF, "VIBIF_QUOTAS")
    attributes = set(re.findall(r"DEVICE_ATTR_RO\((\w+)\)",
                                code("backend/stats.c")))
    told = parts(section("xen-ibback.4", "SYSFS"), "SS")
    assert {path: names(text) for path, text in told.items()} == {
        "/sys/bus/xen-backend/devices/vib-DOMID-DEVID/statistics":
            resources | {name + "_max" for name in resources} | attributes |
            {"refused_" + name for name in resources |
             rows("backend/ibback.h", "IBBACK_LIMITS")} |
            rows("backend/ibback.h", "IBBACK_COUNTERS") |
            rows("backend/hca.h", "IBBACK_FLOW_COUNTS"),
        "/sys/bus/xen-backend/drivers/vib":
            resources | rows("backend/ibback.h", "IBBACK_TOTALS"),
    }


def test_attributes_of_the_frontend():
    counters = code("frontend/counters.c")
    device = "/sys/class/infiniband/mlx4_N"
    told = parts(section("xen-ibfront.4", "SYSFS"), "SS")
    assert {path: names(text) for path, text in told.items()} == {
        device: set(re.findall(r"DEVICE_ATTR_RO\((\w+)\)",
                               all_code("xen-ibfront.4"))),
        device + "/ports/PORT/hw_counters":
            set(re.findall(r'\.name = "(\w+)"', counters)),
        device + "/ports/PORT/counters":
            set(re.findall(r"\bpma->(\w+) =", counters)),
    }


def titles(text, function):
    """The titles of a file in debugfs, or of its lines where each has one."""
    body = re.search(r"^static int %s\(.*?^}" % function, text,
                     re.M | re.S)[0]
    found = re.search(r'seq_puts\(m, "(.*?)\\n"\)', body)[1].split()
    if found == ["name", "value"]:
        found = re.findall(r'seq_printf\(m, "(\w+) %u', body)
    return set(found)


@BOTH
def test_debugfs(page):
    folder, prefix = MODULES[page]
    text = code(folder + "/debugfs.c")
    files = re.findall(r'debugfs_create_file\("(\w+)"', text)
    told = parts(section(page, "DEBUGFS"), "SS")
    assert files
    assert {name: names(about) for name, about in told.items()} == {
        name: titles(text, "%s_%s_show" % (prefix, name)) for name in files}
    assert "/sys/kernel/debug/%s/vib-" % page[:-2] in words(
        section(page, "DEBUGFS"))


@BOTH
def test_tracepoints(page):
    text = code("include/vib_trace.h")
    told = section(page, "TRACEPOINTS")
    events = re.findall(r"^(?:TRACE_EVENT\(|DEFINE_EVENT\(\w+, )(\w+),", text,
                        re.M)
    assert events
    assert names(told) == set(events)
    system = re.search(r"TRACE_SYSTEM (\w+)$",
                       read(MODULES[page][0] + "/trace.h"), re.M)[1]
    assert "/sys/kernel/tracing/events/%s " % system in words(told)


def test_fields_of_tracepoints():
    told = words(section("xen-ibback.4", "TRACEPOINTS"))
    fields_of = set(re.findall(r"__field\(\w+, (\w+)\)",
                               code("include/vib_trace.h")))
    assert fields_of
    assert [name for name in fields_of
            if not re.search(r"\b%s\b" % name, told)] == []


@BOTH
def test_alias(page):
    alias = re.search(r'MODULE_ALIAS\("(.*?)"\)', all_code(page))[1]
    assert alias in words(section(page, "LOADING AND UNLOADING"))


EVENTS = "backend/events.c"
STATS = "backend/stats.c"


@pytest.mark.parametrize("page, said, path, macro, unit", [
    ("xen-ibback.4", "once every %d milliseconds", EVENTS, "LATE_MS", 1),
    ("xen-ibback.4", "some %d events a second", EVENTS, "MODERATED_RATE", 1),
    ("xen-ibback.4", "its budget for %d seconds", EVENTS, "MODERATED_S", 1),
    ("xen-ibback.4", "in %d more seconds", EVENTS, "MAX_STRIKES", 1),
    ("xen-ibback.4", "In %d seconds no more than", STATS, "REFUSED_S", 1),
    ("xen-ibback.4", "no more than %d such lines", STATS, "REFUSED_LINES", 1),
    ("xen-ibback.4", "at most %d in one", "backend/ibback.h",
     "IBBACK_MAX_GROUP_QPS", 1),
    ("xen-ibback.4", "at most %d established", "backend/gsi_cm.c",
     "MAX_CM_IDS", 1),
    ("xen-ibback.4", "%d for each event", EVENTS, "HCA_DRIVER_NS", 1),
    ("xen-ibback.4", "is from 1 to %d, the others", VIBIF,
     "VIBIF_MAX_CONTEXTS", 1),
    ("xen-ibback.4", "are from 0 to %d,", VIBIF, "VIBIF_MAX_QUOTA", 1),
    ("xen-ibback.4", "taken from the guest: 1 to %d, by", VIBIF,
     "VIBIF_MAX_MAD_RATE", 1),
    ("xen-ibback.4", "000, by default %d.", VIBIF, "VIBIF_DEFAULT_MAD_RATE",
     1),
    ("xen-ibback.4", "Up to %d may come at once", VIBIF, "VIBIF_MAD_BURST", 1),
    ("xen-ibback.4", "among the %d that may wait", VIBIF,
     "VIBIF_MAD_TRANSACTIONS", 1),
    ("xen-ibfront.4", "answers nothing for %d seconds", "frontend/ibfront.h",
     "IBFRONT_TIMEOUT_S", 1),
    ("xen-ibfront.4", "waits up to %d seconds", "frontend/ibfront.h",
     "IBFRONT_CLOSE_TIMEOUT_MS", 1000),
])
def test_numbers(page, said, path, macro, unit):
    assert said % (number(path, macro) // unit) in words(page_of(page))


# ---- The library ----

LIBRARY = "libxenib.3"
PROTOTYPE = re.compile(r"^[a-z][^;{}#]*?\bxenib_\w+\([^;]*?\);", re.M)
TYPE = re.compile(r"^(?:struct|enum) \w+ \{.*?^\};", re.M | re.S)


def functions():
    return set(re.findall(r"\b(xenib_\w+)\(", code(HEADER)))


def test_functions():
    exported = set(re.findall(r"(xenib_\w+);", read("userlib/libxenib.map")))
    assert functions() == exported
    assert set(re.findall(r"xenib_\w+", section(LIBRARY, "NAME"))) == exported
    assert names(section(LIBRARY, "FUNCTIONS")) == exported


def test_prototypes():
    told = plain(section(LIBRARY, "SYNOPSIS"))
    declared = set(map(one_line, PROTOTYPE.findall(code(HEADER))))
    assert len(declared) == len(functions())
    assert set(map(one_line, PROTOTYPE.findall(told))) == declared


def test_types():
    told = plain(section(LIBRARY, "DATA TYPES"))
    defined = set(map(one_line, TYPE.findall(code(HEADER))))
    assert defined
    assert set(map(one_line, TYPE.findall(told))) == defined


def test_members():
    for name, about in parts(section(LIBRARY, "DATA TYPES"), "SS").items():
        if not name.startswith("struct "):
            continue
        members = re.search(r"^%s \{(.*?)^\};" % name, code(HEADER),
                            re.M | re.S)[1]
        assert names(about) == set(re.findall(r"(\w+)(?:\[\w+\])*;",
                                              members)), name


def test_constants():
    """All names in capitals, and no name that the header has not."""
    text, told = code(HEADER), plain(page_of(LIBRARY))
    assert set(re.findall(r"\bXENIB_\w+", told)) == \
        set(re.findall(r"\bXENIB_\w+", text)) - {"XENIB_H"}
    assert set(re.findall(r"\bxenib_\w+", told)) <= \
        set(re.findall(r"\bxenib_\w+", text))
    valued = re.findall(r"^\.B (XENIB_\w+)\n\((\d+)\)", page_of(LIBRARY), re.M)
    assert {name for name, _ in valued} >= {
        "XENIB_MAX_DEVID", "XENIB_MAX_CONTEXTS", "XENIB_MAX_QUOTA",
        "XENIB_MAX_PKEYS", "XENIB_MAX_IPS", "XENIB_DEFAULT_TIMEOUT"}
    assert valued == [(name, str(number(HEADER, name))) for name, _ in valued]


def test_sources_of_a_guid():
    about = parts(section(LIBRARY, "DATA TYPES"), "SS")["struct xenib_guid"]
    assert names(about, 1) == set(re.findall(r"\bXENIB_GUID_\w+",
                                             code(HEADER)))


def test_errors():
    """Those that the header names for a function, the page names, too."""
    told = re.split(r"^\.TP\n\.BR (xenib_\w+) \(\)$",
                    section(LIBRARY, "FUNCTIONS"), flags=re.M)
    told = {name: names(about, 1) for name, about in
            zip(told[1::2], told[2::2])}
    promised = {}
    for comment in re.findall(r"/\*\*(.*?)\*/", read(HEADER), re.S):
        name = re.match(r"[\s*]*(xenib_\w+) - ", comment)
        if name:
            promised[name[1]] = set(re.findall(r"\bE[A-Z]{3,}\b", comment))
    assert set(promised) == functions()
    assert {name: errors - told[name] for name, errors in promised.items()
            if errors - told[name]} == {}


# ---- The daemon ----

CONF = "xenib.conf.5"


def literals(path, pattern):
    """What strings of a C file there are at (.*) of a pattern."""
    return set(re.findall(pattern, code(path)))


def test_keys():
    told = parts(section(CONF, "FILES OF GUESTS.D"), "SS")
    keys = literals("daemon/settings.c", r'strcmp\(key, "([\w-]+)"\)')
    options = literals("tools/args.c", r'\{ "([\w-]+)", set_\w+ \}')
    assert {"uuid", "name"} < keys and {"hca", "devid"} < options
    assert names(told["[guest]"]) == {"uuid", "name"}
    assert names(told["[device]"]) == options | rows(VIBIF, "VIBIF_QUOTAS")
    told = parts(section(CONF, "XENIB.CONF"), "SS")
    assert names(told["[xenibd]"]) == keys - {"uuid", "name"} - options
    sections = literals("daemon/settings.c", r'\[SECTION_\w+\] = "(\w+)"')
    assert sections == set(re.findall(r"^\.SS \"\[(\w+)\]\"",
                                      page_of(CONF), re.M))


def test_options_are_those_of_attach():
    told = words(parts(section("xenib.8", "COMMANDS"), "SS")[
        "xenib attach [OPTIONS] DOMAIN..."])
    for name in literals("tools/args.c", r'\{ "([\w-]+)", set_\w+ \}'):
        assert "--" + name in told


@pytest.mark.parametrize("page, said, path, macro, unit", [
    ("xenibd.8", "up to %d devices at once", "daemon/xenibd.c", "MAX_JOBS", 1),
    (CONF, "1 to %d, by default 30", "tools/args.h", "ARGS_MAX_TIMEOUT", 1),
    (CONF, "as quotas, up to %d.", "daemon/settings.c", "MAX_TOTAL_PAGES", 1),
])
def test_numbers_of_the_daemon(page, said, path, macro, unit):
    assert said % (number(path, macro) // unit) in words(page_of(page))


def test_times():
    text, told = code("daemon/xenibd.h"), words(page_of("xenibd.8"))
    for macro, said in (("RESTART_TIME", "again within %s seconds"),
                        ("MAX_DELAY", "up to %s seconds")):
        assert said % re.search(r"#define %s\s+\((\d+) \* SECOND\)" % macro,
                                text)[1] in told


# ---- The command ----

def test_metrics():
    """All counters of a device are told to Prometheus, under names that the
    page has."""
    text = code("tools/metrics.c")
    counters, host = (
        dict(re.findall(r'\{ "(\w+)", "(xenib_\w+)"', table))
        for table in re.split(r"host_gauges\[\] = ", text)[:2])
    assert set(counters) == (rows("backend/ibback.h", "IBBACK_COUNTERS") |
                             rows("backend/hca.h", "IBBACK_FLOW_COUNTS"))
    assert set(host) == rows("backend/ibback.h", "IBBACK_TOTALS")
    told = parts(section("xenib.8", "COMMANDS"), "SS")["xenib metrics"]
    assert names(told) == set(re.findall(r'"(xenib_\w+)"', text))


def test_dashboard_has_metrics_that_are_there():
    panels = json.loads(read("docs/dashboard.json"))["panels"]
    used = set(re.findall(r"xenib_\w+", " ".join(
        target["expr"] for panel in panels for target in panel["targets"])))
    assert len(used) > 10
    assert used <= set(re.findall(r'"(xenib_\w+)"', code("tools/metrics.c")))


# ---- All pages ----

@pytest.mark.parametrize("path", PAGES)
def test_installed(path):
    """By make install; and by a package, which dh_missing tells of what
    make install-userspace installs."""
    name = os.path.basename(path)
    made = {part: read(part) for part in ("Makefile", "daemon/Makefile",
                                          "tools/Makefile",
                                          "userlib/Makefile")}
    by = [part for part, text in made.items()
          if re.search(r"^\tinstall .*docs/man/%s\b" % re.escape(name), text,
                       re.M)]
    assert len(by) == 1
    if by == ["Makefile"]:
        assert path in read("debian/xenib-dkms.manpages").split()


@pytest.mark.parametrize("path", PAGES)
def test_links(path):
    name = os.path.basename(path)
    others = {"%s.%s" % (plain(other), number_) for other, number_ in
              re.findall(r"^\.BR (\S+) \((\d)\)", page_of(name), re.M)}
    ours = {other for other in others if re.match(r"(lib)?xen-?ib", other)}
    assert {"docs/man/" + other for other in ours} <= set(PAGES)
    assert "](%s)" % path in read("README.md")
    if name == "xenib.8":
        assert ours | {name} == set(map(os.path.basename, PAGES))
