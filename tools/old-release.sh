#!/usr/bin/env bash
# Builds a released version from its commit, with the cargo-pgrx of that commit, into .tools/releases/VERSION.
#
#   tools/old-release.sh VERSION
#
# Only a library that was built from that commit shows what an upgrade meets: that of today under the SQL of then is something
# else. The folder gets splitplane.so, the control file and the install script; with them there, this does nothing.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

version="${1:?a version of sql/versions}"
read -r commit digest < <(sed -n "s/^$version //p" sql/versions) || die "sql/versions has no version $version"
release="$TOOLS/releases/$version"
script="splitplane--$version.sql"

is_whole() { [ -f "$release/splitplane.so" ] && printf '%s  %s\n' "$digest" "$release/$script" | sha256sum --check --quiet >/dev/null 2>&1; }
unreachable() { printf 'error: %s\n' "$*" >&2; exit "$UNREACHABLE"; }

# What has changed since may be seen in the caller's settings, and is not meant for that build.
without_ours() { env -u CARGO_TARGET_DIR -u PGRX_HOME -u SPLITPLANE_PG_MAJOR "$@"; }

! is_whole || exit 0
[ "$PG_MAJOR" = 15 ] || unreachable "splitplane $version is for PostgreSQL 15 alone"
git cat-file -e "$commit^{commit}" 2>/dev/null || unreachable "commit $commit of splitplane $version is not in this clone"
[ -f "$PG_TREE/complete" ] || die "run tools/setup.sh first"

source="$release/source"
[ ! -e "$source" ] || git worktree remove --force "$source" 2>/dev/null || rm -rf "$source"
rm -rf "$release"
mkdir -p "$release"
say "building splitplane $version from its commit (some minutes, once)"
# By force: one whose folder was deleted is still registered.
git worktree add --force --quiet --detach "$source" "$commit"
trap 'git worktree remove --force "$source"' EXIT

# The server and, where the version is the same, cargo-pgrx are those of this checkout.
mkdir -p "$source/.tools/cargo/bin"
cp -a "$PG_TREE" "$source/.tools/pg$PG_MAJOR"
find "$source/.tools" -name 'splitplane*' -delete
pgrx="$(sed -n 's/^PGRX_VERSION=//p' "$source/tools/common.sh")"
if [ "$("$CARGO_PGRX" pgrx --version 2>/dev/null)" = "cargo-pgrx $pgrx" ]; then
    cp "$CARGO_PGRX" "$source/.tools/cargo/bin/"
else
    without_ours cargo install cargo-pgrx --version "=$pgrx" --locked --quiet --root "$source/.tools/cargo" ||
        unreachable "cargo-pgrx $pgrx, with which splitplane $version is built, could not be fetched"
fi
(cd "$source" && without_ours cargo fetch --locked --quiet) || unreachable "what splitplane $version is built from could not be fetched"
without_ours env PGRX_HOME="$source/.tools/pgrx" bash -c "
    mkdir -p '$source/.tools/pgrx'
    cd '$source' && .tools/cargo/bin/cargo-pgrx pgrx init --no-run --pg$PG_MAJOR '$source/.tools/pg$PG_MAJOR/usr/lib/postgresql/$PG_MAJOR/bin/pg_config' >/dev/null"
(cd "$source" && without_ours tools/install-extension.sh)

built="$source/.tools/pg$PG_MAJOR/usr"
cp "$built/share/postgresql/$PG_MAJOR/extension/splitplane.control" "$release/"
# What that build generates, but for the order of what its comments name, is the frozen script: that is what was released.
cp "sql/$script" "$release/"
cp "$built/lib/postgresql/$PG_MAJOR/lib/splitplane.so" "$release/splitplane.so.new"
mv "$release/splitplane.so.new" "$release/splitplane.so"
is_whole || die "the build of splitplane $version is not what sql/versions says"
