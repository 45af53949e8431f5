#!/usr/bin/env bash
# Builds what every package of splitplane holds, for one PostgreSQL, and lays it out in a folder.
#
#   tools/stage.sh [--pg-config FILE] FOLDER
#
#   FOLDER/lib/splitplane.so        stripped
#   FOLDER/share/extension/..       control file and scripts
#   FOLDER/major                    PostgreSQL's major
#
# The same commit gives the same bytes in any folder, with the same compilers. For that, paths of this machine are kept out of the
# library: by RUSTFLAGS from Rust code, and by CFLAGS from C code, which pgrx and aws-lc have. Other flags would build every crate
# anew, so this has target folders of its own, in target/deb.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$ROOT"

config="$PG_CONFIG"
if [ "${1:-}" = --pg-config ]; then
    config="${2:?--pg-config needs a file}"
    shift 2
fi
[ $# = 1 ] || die "usage: tools/stage.sh [--pg-config FILE] FOLDER"
folder="$1"
# cargo-pgrx runs it from other folders.
config="$(command -v -- "$config")" || die "there is no pg_config: PG_CONFIG=FILE says where it is"
config="$(realpath --no-symlinks "$config")"

version="$("$config" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9][0-9a-z.]*\).*/\1/p')"
[ -n "$version" ] || die "$config does not tell a version of PostgreSQL"
major="${version%%[!0-9]*}"
grep -q "^pg$major = \[\"server\"" Cargo.toml || die "splitplane cannot be built for PostgreSQL $major"
[ -f "$("$config" --includedir-server)/postgres.h" ] ||
    die "the headers of PostgreSQL $major are not there: Debian has them in postgresql-server-dev-$major"
# Whatever the caller's umask is: servers read these files as another user.
umask 022

# Each major has a folder of its own: cargo gives the library the same name in each, and would build it anew after every change of major.
export CARGO_TARGET_DIR="$PACKAGE_TARGET/cargo-$major"
export PGRX_HOME="$PACKAGE_TARGET/pgrx-$major"
# That of tools/setup.sh, or the user's own: who only builds the extension for a server needs nothing else of it.
[ -x "$CARGO_PGRX" ] || CARGO_PGRX="$(command -v cargo-pgrx || true)"
[ "$("${CARGO_PGRX:-false}" pgrx --version 2>/dev/null)" = "cargo-pgrx $PGRX_VERSION" ] ||
    die "cargo-pgrx $PGRX_VERSION is needed: run tools/setup.sh, or cargo install cargo-pgrx --version =$PGRX_VERSION --locked"
# Written only when it changes: the bindings are made anew from then on.
if ! grep -qsF "\"$config\"" "$PGRX_HOME/config.toml"; then
    rm -rf "$PGRX_HOME"
    mkdir -p "$PGRX_HOME"
    "$CARGO_PGRX" pgrx init --no-run "--pg$major" "$config" >/dev/null
    grep -qsF "\"$config\"" "$PGRX_HOME/config.toml" || die "cargo pgrx init did not take $config"
fi

same_bytes_flags
# cargo-pgrx finds the SQL in a section that nothing refers to.
rust_flags+=$'\x1f''-C'$'\x1f''link-arg=-Wl,--no-gc-sections'
# PostgreSQL's headers: macros in them name their own file. They may be the project's, through a link, or the machine's.
remap "$("$config" --includedir-server)" "/usr/include/postgresql/$major/server"

scratch="$(mktemp -d "$PACKAGE_TARGET/stage.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
same_bytes "$CARGO_PGRX" pgrx package --features "pg$major" --pg-config "$config" --out-dir "$scratch/made"

mkdir -p "$scratch/out/lib" "$scratch/out/share/extension"
library="$(find "$scratch/made" -name splitplane.so)"
control="$(find "$scratch/made" -name splitplane.control)"
strip --strip-unneeded --remove-section=.comment --remove-section=.note -o "$scratch/out/lib/splitplane.so" "$library"
cp "$(dirname "$control")"/splitplane* "$scratch/out/share/extension/"
# The extension whose function postgres_fdw sends, and the script for data servers.
cp remote/splitplane_* "$scratch/out/share/extension/"
printf '%s\n' "$major" >"$scratch/out/major"
find "$scratch/out" -type f -exec chmod 644 {} +
chmod 755 "$scratch/out"
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
mv "$scratch/out" "$folder"
