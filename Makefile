# Everything runs in this checkout: tools/setup.sh puts PostgreSQL, cargo-pgrx and a Python environment into .tools/,
# and each target starts throwaway servers of its own on unix sockets. Root or sudo is needed once, for compilers.

PYTHON := .tools/venv/bin/python
SUITES := unit pg regress grammar analytics attacks standin words wire upgrade sidechannels endurance fuzz purefuzz ablation docs
# Not in `make test`: a server of our own build with assertions, Valgrind, Miri. Half an hour and more together.
MORE_SUITES := assertions memory pure

.PHONY: help setup build test $(SUITES:%=test-%) $(MORE_SUITES:%=test-%) demo demo-shell bench fuzz endurance interrupts site lint format clean

help:
	@echo 'make test        every suite; `make test-<suite>` for one of: $(SUITES) $(MORE_SUITES)'
	@echo 'make demo        the restaurant group, step by step (BEDROCK=1 asks the real Amazon Bedrock); `make demo-shell` for a psql prompt on it'
	@echo 'make bench       tables of measurements, some sixteen minutes'
	@echo 'make fuzz        generated SQL, then the pure code under libFuzzer, for MINUTES=10; `make endurance` for 64 clients'
	@echo 'make interrupts  how long each admitted call runs before it heeds a cancel, some forty minutes'
	@echo 'make build       the extension, installed into .tools/pg15'
	@echo 'make site        the manual as a site in target/site/html, its links checked'
	@echo 'make lint        formatting and clippy, warnings are errors'
	@echo 'make clean       build results; `rm -rf .tools` for the rest'

setup:
	@tools/setup.sh

build: setup
	@tools/install-extension.sh

# All suites run even when one fails; the summary at the end says which did.
test: build
	@tools/run-suites.sh $(SUITES)

test-unit: setup
	@tools/run-suites.sh unit

test-pg: setup
	@tools/run-suites.sh pg

test-pure: setup
	@tools/run-suites.sh pure

test-standin: setup
	@tools/run-suites.sh standin

test-purefuzz: setup
	@tools/run-suites.sh purefuzz

test-regress test-grammar test-analytics test-attacks test-words test-wire test-upgrade test-sidechannels test-endurance test-assertions test-memory test-fuzz test-ablation test-docs: test-%: build
	@tools/run-suites.sh $*

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

bench: build
	@$(PYTHON) bench/run.py

# The manual as a site in target/site/html, with its links checked; mdBook is built into .tools once.
site: setup
	@$(PYTHON) docs/make_site.py

lint: setup
	cargo fmt --check
	cargo clippy --all-targets --no-default-features --features http -- -D warnings
	cargo clippy --lib --features pg_test -- -D warnings
	cargo clippy --lib --features ablation -- -D warnings
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	RUSTFLAGS='--cfg fuzzing' cargo clippy --release --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz -- -D warnings

format:
	cargo fmt
	cargo fmt --manifest-path fuzz/Cargo.toml

clean:
	cargo clean
	rm -rf .tools/pg15-test .tools/pg15-ablation .tools/pg15-checked-test .tools/log
