# Shared by the shell tools; sourced, never run. Defines where everything of this project's own lives.
# shellcheck shell=bash
# Those that source it read the variables.
# shellcheck disable=SC2034

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
TOOLS="$ROOT/.tools"
PG_MAJOR=15
# Below 15.20 an error message can carry a row past row-level security (CVE-2026-116327).
PG_FLOOR=15.20
PGRX_VERSION=0.18.1

PG_TREE="$TOOLS/pg$PG_MAJOR"
PG_TEST_TREE="$TOOLS/pg$PG_MAJOR-test"
PG_ABLATION_TREE="$TOOLS/pg$PG_MAJOR-ablation"
PG_CHECKED_TREE="$TOOLS/pg$PG_MAJOR-checked"
PG_HEADERS="$TOOLS/headers"
PG_CONFIG="$PG_TREE/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
VENV="$TOOLS/venv"
CARGO_PGRX="$TOOLS/cargo/bin/cargo-pgrx"

export PGRX_HOME="$TOOLS/pgrx"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}"
# These two would point pgrx at another server than the project's.
unset PGRX_PG_CONFIG_PATH PGRX_PG_CONFIG_AS_ENV

# The exit status of a step whose files no registry gives; what needs them is then NOT RUN.
UNREACHABLE=3
# That of a suite that cannot run here, with the reason as its last line.
NOT_RUN=77

say() { printf '== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
