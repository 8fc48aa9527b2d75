# SPDX-License-Identifier: GPL-2.0-only
#
# make              modules for KDIR, the library, the dom0 command and daemon
# make install      the same, installed (DESTDIR, PREFIX, LIBDIR)
# make userspace    all but the modules; so does
#                   make install-userspace
# make modules-all  modules for the kernels of three Debian releases, in build/
# make packages     Debian packages in build/packages/SUITE (default: trixie)
# make demo         the whole idea, on any Debian machine without an HCA
# make bench        what verbs and perftest cost, with a report: build/results/bench.html
# make quick        what needs no lab: units, sparse and the linters
# make check        every test, and a sample of what takes long
# make check-all    every test in full
# make check-packages  packages for three Debian releases, their kernels, upgrades
# make soak         deaths at random under load, SECONDS=60 (SEED=n: those again)
# make mutants      deletes checks, and tells which no test misses
# make fuzz         runs the fuzzers, SECONDS=60 each, or FUZZ=name alone

PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
UDEVDIR ?= $(PREFIX)/lib/udev/rules.d
KDIR ?= /lib/modules/$(shell uname -r)/build
LAB := tests/lab/lab
APT_INSTALL := DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends
OVERLAY := build/lab-overlay
SUITES := bookworm trixie forky
SUITE ?= trixie
SECONDS ?= 60
MODULE_SOURCES = Kbuild frontend/Kbuild backend/Kbuild \
	$(filter-out %.mod.c,$(wildcard $(foreach d,frontend backend,$d/*.[ch] $d/*/*.[ch]))) \
	include/compat.h include/vib_names.h include/vib_trace.h include/xenib_version.h \
	include/xen/interface/io/vibif.h
TOOLS_SOURCES = Makefile $(wildcard $(addsuffix /*.[ch],userlib tools daemon) include/*.h \
	include/xen/interface/io/*.h) userlib/Makefile userlib/libxenib.map \
	userlib/libxenib.pc.in tools/Makefile tools/xenib-metrics.service.in daemon/Makefile \
	daemon/xenibd.service.in

all: modules userspace

userspace: lib tools daemon

modules:
	@test -d $(KDIR) || { echo "no kernel headers at KDIR=$(KDIR);" \
		"install linux-headers-$$(uname -r) or name another KDIR" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

lib:
	$(MAKE) -C userlib

tools: lib
	$(MAKE) -C tools

daemon: lib
	$(MAKE) -C daemon

install: modules install-userspace
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install INSTALL_MOD_PATH=$(DESTDIR)
	install -D -m 644 -t $(DESTDIR)$(MANDIR)/man4 docs/man/xen-ibback.4 docs/man/xen-ibfront.4
	install -D -m 644 -t $(DESTDIR)$(UDEVDIR) frontend/75-xenib.rules

install-userspace: userspace
	$(MAKE) -C userlib install
	$(MAKE) -C tools install
	$(MAKE) -C daemon install

# What a packager needs to have the modules built elsewhere
module-sources:
	@printf '%s\n' $(MODULE_SOURCES)

clean-userspace:
	$(MAKE) -C userlib clean
	$(MAKE) -C tools clean
	$(MAKE) -C daemon clean

clean: clean-userspace
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	rm -rf build/unit build/kernels build/tools build/packages build/rogue build/kverbs build/arena $(OVERLAY)

# What the lab's nodes get on top of Debian, built by Debian 13's own compiler
# in the lab's build tree. Modules go where insmod is told to find them:
# without depmod, so nothing loads before a test or the demo says so.
overlay: modules-trixie rogue kverbs arena
	$(LAB) build-sh -- $(MAKE) userspace WERROR=-Werror
	rm -rf $(OVERLAY)
	install -D -t $(OVERLAY)/usr/lib/xenib \
		$(addprefix build/,rogue/xen-ibrogue.ko kverbs/xen-ibkverbs.ko arena/xen-ibarena.ko \
		$(addprefix kernels/trixie/,backend/xen-ibback.ko frontend/xen-ibfront.ko))
	$(LAB) build-sh -- $(MAKE) install-userspace DESTDIR=$(CURDIR)/$(OVERLAY) PREFIX=/usr

# Both modules for the kernel of each release, by its own compiler, from a copy
# of the sources: any warning is an error, and so is sparse's, where that is.
modules-all: $(SUITES:%=modules-%)

modules-trixie rogue kverbs arena: SPARSE := C=1 CF=-Wsparse-error
$(SUITES:%=modules-%): modules-%: lab-deps
	mkdir -p build/kernels/$*
	cp -u --parents -t build/kernels/$* $(MODULE_SOURCES)
	$(LAB) build-sh --suite $* -- sh -c '$(MAKE) -j$$(nproc) -C $$KDIR W=1 KCFLAGS=-Werror \
		$(SPARSE) M=$(CURDIR)/build/kernels/$* modules && \
		strip -g build/kernels/$*/*/*.ko'

# The library and its programs with the oldest Xen that they support, Debian 12's
tools-bookworm: lab-deps
	mkdir -p build/tools/bookworm
	cp -u --parents -t build/tools/bookworm $(TOOLS_SOURCES)
	$(LAB) build-sh --suite bookworm -- $(MAKE) -C build/tools/bookworm userspace WERROR=-Werror

# For tests only: the hostile guest's, and users in the kernel of verbs and of memory
rogue kverbs arena: lab-deps
	mkdir -p build/$@
	cp -u -t build/$@ tests/lab/$@/*
	$(LAB) build-sh -- sh -c '$(MAKE) -C $$KDIR W=1 KCFLAGS=-Werror \
		$(SPARSE) M=$(CURDIR)/build/$@ modules && \
		strip -g build/$@/xen-ib$@.ko'

# What needs no lab, and after the first time no root either
quick: modules-trixie unit lint

unit: unit-programs
	$(LAB) build-sh -- $(MAKE) -s -C tests/unit run

unit-programs: lab-deps
	$(LAB) build-sh -- sh -c '$(MAKE) -j$$(nproc) -C tests/unit'

lint: lab-deps
	$(LAB) build-sh --suite lint -- tests/lint

# The lab command is Python, and a bare Debian has none.
lab-deps:
	command -v /usr/bin/python3 >/dev/null || \
		{ apt-get update -q && $(APT_INSTALL) python3; }
	$(LAB) deps

check-deps: lab-deps
	dpkg -s python3-pytest >/dev/null 2>&1 || $(APT_INSTALL) python3-pytest

check check-all: check-deps overlay unit-programs modules-all tools-bookworm
	/usr/bin/python3 -m pytest -p no:cacheprovider --durations=25 \
		$(if $(filter check-all,$@),--exhaustive) tests

soak: check-deps overlay
	XENIB_SOAK_SECONDS=$(SECONDS) XENIB_SEED=$(SEED) /usr/bin/python3 -m pytest \
		-p no:cacheprovider tests/lab/test_chaos.py tests/lab/test_logs.py

packages: lab-deps
	$(LAB) packages --suite $(SUITE)

check-packages: check-deps
	/usr/bin/python3 -m pytest -p no:cacheprovider --durations=25 --packages \
		tests/test_packages.py

mutants: check-deps overlay unit-programs
	$(LAB) build-sh -- tests/mutants unit
	/usr/bin/python3 tests/mutants lab

fuzz: lab-deps
	$(LAB) build-sh --suite fuzz -- tests/fuzz --seconds $(SECONDS) $(FUZZ)

demo: overlay
	tests/lab/demo

bench: overlay
	tests/lab/bench

.PHONY: all userspace modules module-sources modules-all $(SUITES:%=modules-%) lib tools daemon tools-bookworm install install-userspace clean clean-userspace overlay rogue kverbs arena quick unit unit-programs lint lab-deps check-deps check check-all soak packages check-packages mutants fuzz demo bench
