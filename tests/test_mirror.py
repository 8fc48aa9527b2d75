# SPDX-License-Identifier: GPL-2.0-only
"""Which mirror the lab takes from the build machine's apt sources."""

import pytest

from lib import util

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
OTHERS = ("deb [signed-by=/etc/apt/keyrings/x.gpg] "
          "https://x.example/debian a main")

DEB822 = """\
# Types: deb
Types: deb deb-src
# URIs: http://old.example/debian
URIs: http://new.example/debian/
 http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: %s
""" % KEYRING
SECURITY = """\
Types: deb
URIs: http://new.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """mirror(file=text, ...): what is found with just these sources."""
    monkeypatch.delenv("XENIB_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()

    def found(files):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        util.mirror.cache_clear()
        return util.mirror(str(tmp_path))

    yield found
    util.mirror.cache_clear()


@pytest.mark.parametrize("files, want", [
    ({"sources.list": "deb http://one.example/debian trixie main"},
     "http://one.example/debian"),
    ({"sources.list": "# deb http://no.example/debian trixie main\n"
      "deb-src http://no.example/debian trixie main\n"
      "deb http://no.example/debian-security trixie-security main\n"
      "deb [arch=amd64 signed-by=%s] http://one.example/debian/ stable "
      "main contrib # no.example" % KEYRING}, "http://one.example/debian"),
    ({"sources.list.d/debian.sources": SECURITY + "\n" + DEB822},
     "http://new.example/debian"),
    ({"sources.list.d/a.list": OTHERS, "sources.list.d/b.list.disabled":
      "deb http://no.example/debian trixie main",
      "sources.list.d/debian.sources": DEB822}, "http://new.example/debian"),
    ({"sources.list": "", "sources.list.d/a.sources": "Enabled: no\n" + DEB822,
      "sources.list.d/b.list": "deb http://one.example/debian trixie main"},
     "http://one.example/debian"),
])
def test_mirror_of_apt(mirror, files, want):
    assert mirror(files) == want


def test_no_mirror(mirror):
    with pytest.raises(util.LabError, match="XENIB_MIRROR"):
        mirror({"sources.list": OTHERS})


def test_variable_comes_first(mirror, monkeypatch):
    monkeypatch.setenv("XENIB_MIRROR", "http://mine.example/debian")
    assert mirror({"sources.list": "deb http://one.example/debian a main"}) \
        == "http://mine.example/debian"
