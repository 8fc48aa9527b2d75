# SPDX-License-Identifier: GPL-2.0-only
#
# Fuzzers, in the folder with whose stand-ins they are linked. Usually they have
# a main() that repeats the corpora. tests/fuzz names libFuzzer in FUZZ_LINK,
# and in FUZZ_COVER how to compile what it is to get to know.

FUZZ_LINK ?=
FUZZ_COVER ?=
FUZZ_MAIN = $(OUT)/fuzz.o $(if $(FUZZ_LINK),,$(OUT)/replay.o)
FUZZ_REPLAY = set -e; for f in $(FUZZERS); do \
	timeout 120 $$f $(FUZZ_DIR)/corpus/$$(basename $$f).hex; done
