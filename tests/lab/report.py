# SPDX-License-Identifier: GPL-2.0-only
"""
Draws what tests/lab/bench has found: one page, with nothing outside it.

report.py JSON HTML
"""

import base64
import html
import io
import json
import statistics
import sys

import matplotlib

import timing

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (after the line above)
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

NAMES = {"native": "native", "dom0": "dom0", "pv": "PV guest",
         "pvh": "PVH guest"}
COLOURS = {"native": "#222222", "dom0": "#e69f00", "pv": "#0072b2",
           "pvh": "#009e73"}
WHO = {"process": ("the process", "#0072b2"),
       "kernel": ("its kernel", "#56b4e9"),
       "xen": ("Xen", "#d55e00"), "dom0": ("dom0", "#e69f00"),
       "others": ("others meanwhile", "#bbbbbb")}

STYLE = """
body { font: 16px/1.5 sans-serif; color: #222; max-width: 62em;
       margin: 2em auto; padding: 0 1em; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5em; }
.sub { color: #666; margin-top: 0; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .25em .8em; text-align: right;
         border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; }
.none { color: #999; } img { max-width: 100%; }
.plots { display: grid; gap: 1em;
         grid-template-columns: repeat(auto-fill, minmax(26em, 1fr)); }
"""


def esc(text):
    return html.escape(str(text))


def image(figure, what):
    data = io.StringIO()
    figure.savefig(data, format="svg", bbox_inches="tight")
    plt.close(figure)
    return '<img alt="%s" src="data:image/svg+xml;base64,%s">' % (
        esc(what), base64.b64encode(data.getvalue().encode()).decode())


def table(titles, rows):
    """Cells that begin with "none" are grey."""
    def cell(tag, text):
        kind = ' class="none"' if str(text).startswith("none") else ""
        return "<%s%s>%s</%s>" % (tag, kind, esc(text), tag)

    return "<table>\n<tr>%s</tr>\n%s</table>\n" % (
        "".join(cell("th", title) for title in titles),
        "".join("<tr>%s</tr>\n" % "".join(cell("td", text) for text in row)
                for row in rows))


def thousands(n):
    return "{:,}".format(round(n)).replace(",", "\u202f")


def bars(verbs, kinds):
    """Who executes what a verb takes: a bar of each kind."""
    figure, axes = plt.subplots(figsize=(9, 0.25 * len(verbs) * len(kinds) + 1))
    ticks = {}
    y = 0
    for name, costs in verbs.items():
        for kind in kinds:
            left = 0
            for who, (label, colour) in WHO.items():
                n = max(costs[kind][who], 0)
                axes.barh(y, n, left=left, color=colour,
                          label=label if not ticks else None)
                left += n
            ticks[y] = "%s: %s" % (name, NAMES[kind])
            y += 1
        y += 0.7
    axes.set_yticks(list(ticks), ticks.values(), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("instructions")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: thousands(n)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return image(figure, "Instructions of each verb, by who executes them")


def median(figures):
    known = [figure for figure in figures if figure]
    return statistics.median(known) if known else float("nan")


def curves(series, kinds):
    """Medians of each kind; the bars are the intervals of the medians."""
    figure, axes = plt.subplots(figsize=(5, 3.4))
    at = [point["at"] for point in series["points"]]
    for i, kind in enumerate(kinds):
        found = [point["figures"][kind] for point in series["points"]]
        middles = [median(figures) for figures in found]
        ends = [timing.median_interval([f for f in figures if f]) or (m, m)
                for figures, m in zip(found, middles)]
        # A little apart, so that none hides another
        axes.errorbar([x * (1 + 0.04 * i) for x in at], middles,
                      yerr=[[m - low for m, (low, _) in zip(middles, ends)],
                            [high - m for m, (_, high) in zip(middles, ends)]],
                      color=COLOURS[kind], label=NAMES[kind], marker="o",
                      markersize=3, linewidth=1, capsize=2)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(at, [str(x) for x in at], fontsize=8)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(series["variable"])
    axes.set_ylabel(series["unit"], fontsize=8)
    axes.set_title(series["name"], fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return image(figure, series["name"])


def sections(found):
    kinds = found["kinds"]
    names = [NAMES[kind] for kind in kinds]
    yield "<h1>xenib: what it costs</h1>\n"
    yield "<p class=sub>Commit %s. Each figure of part 3 was measured %d " \
        "times.</p>\n" % (esc(found["commit"]), found["rounds"])
    yield "<p>There is no HCA but a model, and no processor but an emulated " \
        "one. Counts of instructions are exact. Times are not: only a ratio " \
        "of neighbouring measurements says something, and one whose interval " \
        "is wider than %.0f %% to a side is none.</p>\n" % (
            100 * timing.WIDEST)
    yield "<h2>1. To send and to receive</h2>\n<p>Instructions of the " \
        "process for each message of 8 octets, in which no other part of " \
        "the system has one.</p>\n"
    yield table(["", *names], [
        [call, *(found["data_path"][kind][i] for kind in kinds)]
        for i, call in enumerate(found["calls"])])
    yield "<h2>2. Verbs that the kernel executes</h2>\n<p>Instructions of " \
        "all, for each time. Memory that is not registered again is mapped " \
        "and touched before; that is not counted.</p>\n"
    for much in False, True:
        yield bars({name: costs for name, costs in found["verbs"].items()
                    if ("1 MiB" in name) == much}, kinds)
    yield table(["", *names, *("%s : native" % NAMES[kind]
                               for kind in kinds[1:])], [
        [name, *(thousands(sum(costs[kind].values())) for kind in kinds),
         *("%.2f" % (sum(costs[kind].values()) /
                     sum(costs["native"].values())) for kind in kinds[1:])]
        for name, costs in found["verbs"].items()])
    yield "<h2>3. perftest</h2>\n<p>Medians, and the intervals in which " \
        "they lie with 95 %.</p>\n<div class=plots>\n"
    for series in found["series"]:
        if len(series["points"]) > 1:
            yield curves(series, kinds)
    yield "</div>\n<p>Ratios to native:</p>\n"
    yield table(["", *names[1:]], [
        ["%s, %d %s" % (series["name"], point["at"], series["variable"]),
         *(timing.ratio_text(point["ratios"][kind]) for kind in kinds[1:])]
        for series in found["series"] for point in series["points"]])
    yield "<h2>4. What others have published</h2>\n<p>Measured on hardware " \
        "of their time.</p>\n<ul>\n"
    for one in found["published"]:
        yield "<li><b>%s</b>: %s <span class=sub>(%s)</span></li>\n" % (
            esc(one["who"]), esc(one["what"]), esc(one["source"]))
    yield "</ul>\n"


def main():
    with open(sys.argv[1], encoding="ascii") as f:
        found = json.load(f)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write('<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">\n'
                '<title>xenib: what it costs</title>\n<style>%s</style>\n' %
                STYLE)
        f.writelines(sections(found))
        f.write("</html>\n")


if __name__ == "__main__":
    sys.exit(main())
