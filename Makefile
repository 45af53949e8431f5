# Everything runs in this checkout: tools/setup.sh puts PostgreSQL, cargo-pgrx and a Python environment into .tools/,
# and each target starts throwaway servers of its own on unix sockets. Root or sudo is needed once, for compilers.

PYTHON := .tools/venv/bin/python
# PG=17 on the command line: everything on that major; else on that of the machine's own release. After 15 come the suites
# that say most of 17; after 17 nothing, since 15 has no newer release whose libraries it could bring along.
ifeq ($(origin PG),command line)
export SPLITPLANE_PG_MAJOR := $(PG)
endif
OTHER_MAJOR := $(if $(filter 15,$(or $(SPLITPLANE_PG_MAJOR),$(shell tools/pg-major.sh))),pg17)
# Suite `front` takes fences away in the build that `ablation` makes.
SUITES := check unit audit pg regress grammar analytics attacks standin words wire clients-python upgrade sidechannels monitoring endurance fuzz purefuzz ablation front docs $(OTHER_MAJOR)
# Not in `make test`: a server of our own build with assertions, Valgrind, Miri, which take half an hour and more together; the released
# version, built from its commit; dumps, pg_upgrade and backups, which need two majors; packages, with root folders of
# Debian releases; the suites that say most of a major on 16, 18 and 19; programs in other languages, with compilers and libraries
# of theirs; the MCP server, which has an environment of its own;
# small real models on servers of others, which are built; Citus, of an installation that CITUS_PG_CONFIG names.
MORE_SUITES := assertions memory pure released lifecycle packages majors clients mcp mcp-node endpoints citus

.PHONY: help all install deb oci setup check-tools build check test $(SUITES:%=test-%) $(MORE_SUITES:%=test-%) demo demo-shell bench bench-tpch fuzz endurance interrupts site format clean

help:
	@echo 'make test        every suite; `make test-<suite>` for one of: $(SUITES) $(MORE_SUITES)'
	@echo '                 PG=17 on the command line, here and for build and demo: on PostgreSQL 17'
	@echo 'make check       formatting, lints, unit tests, dependencies, other majors: no server, some minutes the first time'
	@echo '                 `make test-<suite> TEST=NAME` for one test of it (pg_test/README.md); SKIP=SUITE,.. leaves suites out'
	@echo 'make demo        the restaurant group, step by step (BEDROCK=1 asks the real Amazon Bedrock); `make demo-shell` for a psql prompt on it'
	@echo 'make bench       tables of measurements, some forty minutes; BASELINE=COMMIT measures the build of that commit beside this one,'
	@echo '                 SAVE=FILE keeps the figures; `make bench-tpch` likewise for the queries of TPC-H'
	@echo 'make fuzz        generated SQL, then the pure code under libFuzzer, for MINUTES=10; `make endurance` for 64 clients'
	@echo 'make interrupts  how long each admitted call runs until it checks for interrupts, some forty minutes'
	@echo 'make build       the extension as it ships, installed into .tools/pgNN; QUICK=1, here and for tests, builds it faster'
	@echo 'make deb         the Debian packages (one of splitplane-audit), in target/deb; PG=17, or another major with its development package. `make oci PG=18` an image volume'
	@echo 'make all         with PG_CONFIG=FILE, and then `make install`: into a PostgreSQL that is there, as `pgxn install` does it; DESTDIR=FOLDER'
	@echo 'make site        the manual as a site in target/site/html, its links checked'
	@echo 'make format      the Rust sources, as `make check` wants them'
	@echo 'make clean       build results; `rm -rf .tools` for the rest'

# Into a PostgreSQL that is there, as an extension's Makefile does it: `make PG_CONFIG=.. all`, then `make PG_CONFIG=.. install`.
PG_CONFIG ?= pg_config
all:
	@env -u SPLITPLANE_PG_MAJOR tools/stage.sh --pg-config "$(PG_CONFIG)" target/deb/stage/own
	@tools/stage-audit.sh target/deb/stage/own

install:
	@env -u SPLITPLANE_PG_MAJOR tools/install-stage.sh "$(PG_CONFIG)" target/deb/stage/own "$(DESTDIR)"

# Packages, of the project's major or of PG=NN. The server of a major that the project has none of is the machine's.
deb:
	@tools/package-setup.sh $(PG)
	@tools/deb.sh $(PG)
	@tools/audit-deb.sh

oci:
	@tools/package-setup.sh $(or $(PG),18)
	@tools/oci.sh $(PG)

setup:
	@tools/setup.sh

build: setup
	@tools/install-extension.sh $(if $(QUICK),--quick)

# What only the check needs, and a demo does not.
check-tools: setup
	@tools/check-tools.sh

check: check-tools
	@tools/check.sh

# One test by name: TEST=NAME on the command line, and not from the environment, where it may mean anything.
ONE_TEST = $(if $(filter command,$(firstword $(origin TEST))),--test '$(TEST)')

# All suites run even when one fails; the summary at the end says which did. Exit status 2: one could not run.
test: build check-tools
	@tools/run-suites.sh $(ONE_TEST) $(SUITES)

test-check: check-tools
	@tools/run-suites.sh $(ONE_TEST) check

# These build what they need, or need no server.
UNINSTALLED := unit audit pg pure standin purefuzz pg17 majors citus
$(UNINSTALLED:%=test-%): test-%: setup
	@tools/run-suites.sh $(ONE_TEST) $*

test-packages:
	@tools/setup.sh --package-tests
	@tools/run-suites.sh $(ONE_TEST) packages

$(filter-out test-check test-packages $(UNINSTALLED:%=test-%),$(SUITES:%=test-%) $(MORE_SUITES:%=test-%)): test-%: build
	@tools/run-suites.sh $(ONE_TEST) $*

demo: build
	@$(PYTHON) demo/run.py

demo-shell: build
	@$(PYTHON) demo/run.py --shell

# Longer than `make test` does it: MINUTES of fuzzing, a quarter of them for the pure code; MINUTES of 64 clients.
MINUTES ?= 10
fuzz: build
	@$(PYTHON) pg_test/fuzz/run.py --minutes $$(awk 'BEGIN { print $(MINUTES) * 3 / 4 }')
	@$(PYTHON) fuzz/run.py --minutes $$(awk 'BEGIN { print $(MINUTES) / 4 }')

endurance: build
	@$(PYTHON) pg_test/endurance/run.py --minutes $(MINUTES)

# The longest processor time between two looks for interrupts, of every admitted call; some forty minutes.
interrupts: build
	@$(PYTHON) pg_test/interrupts/run.py

# BASELINE=COMMIT: the build of that commit stands beside this one, and both are measured in turn; ten minutes more the first time.
# SAVE=FILE: the figures as JSON, of which docs/draw_charts.py draws.
BENCH_OPTIONS = $(if $(BASELINE),--baseline $(BASELINE)) $(if $(SAVE),--save $(SAVE))
bench: build
	@$(PYTHON) bench/run.py $(BENCH_OPTIONS)

bench-tpch: build
	@tools/setup.sh --generator
	@$(PYTHON) bench/tpch.py $(BENCH_OPTIONS)

# The manual as a site in target/site/html, with its links checked; mdBook is built into .tools once.
site: setup
	@$(PYTHON) docs/make_site.py

format:
	cargo fmt
	cargo fmt --manifest-path fuzz/Cargo.toml

clean:
	cargo clean
	rm -rf .tools/pg*-test .tools/pg*-ablation .tools/log
