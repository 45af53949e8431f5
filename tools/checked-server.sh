#!/usr/bin/env bash
# Builds a PostgreSQL with assertions and with Valgrind's client requests into .tools/pg15-checked, from Debian's source.
#
# Debug checks are then on in memory too: palloc'd blocks have guard bytes, freed ones are overwritten, and Valgrind
# knows each of them. The archive keeps the source of the point release but not always that of security updates; a
# source below the floor is built all the same, and its number is raised, since the library refuses to load otherwise.
# What the floor stands for (CVE-2026-116327) is then missing, so no statement about error texts rests on this server.
# One assertion of the server's own is widened: it fails for any subtransaction that is rolled back while a transaction
# commits, without splitplane for an EXCEPTION block of PL/pgSQL in a deferred trigger. A second run checks and returns; an
# edit of this file makes it anew.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tree="$PG_CHECKED_TREE"
stamp="$(sha256sum <"${BASH_SOURCE[0]}")"
[ ! -f "$tree/complete" ] || [ "$(cat "$tree/complete")" != "$stamp" ] || exit 0

unreachable() { printf 'error: %s\n' "$*" >&2; exit "$UNREACHABLE"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
needed=(valgrind bison flex libicu-dev liblz4-dev libssl-dev libxml2-dev libzstd-dev zlib1g-dev tzdata)
if ! dpkg-query -W -f '${db:Status-Status}\n' "${needed[@]}" 2>/dev/null | awk '$0 != "installed" { bad = 1 } END { exit bad || NR < n }' n="${#needed[@]}"; then
    say "installing ${needed[*]}"
    install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${needed[@]}")
    # Fetched first: an archive that does not answer is no defect, a package that cannot be installed is one.
    { as_root apt-get update -qq && as_root "${install[@]}" --download-only </dev/null >/dev/null; } ||
        unreachable "the package archive does not give ${needed[*]}"
    as_root "${install[@]}" </dev/null >/dev/null
fi

scratch="$(mktemp -d "$TOOLS/checked.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT

# Lists of our own: machines seldom have source lists, and apt's sandbox user cannot write into this checkout.
mkdir -p "$scratch"/lists/partial "$scratch"/cache/archives/partial "$scratch/sources"
for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -f "$list" ] || sed -E 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$list" >"$scratch/sources/$(basename "$list")"
done
archive() {
    "$1" -qq -o APT::Sandbox::User="$(id -un)" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$scratch/sources" \
        -o Dir::State::lists="$scratch/lists" -o Dir::Cache="$scratch/cache" "${@:2}"
}
mv "$scratch/sources/sources.list" "$scratch/sources/machine.list" 2>/dev/null || true
archive apt-get update || unreachable "the package archive does not answer"
versions="$(archive apt-cache showsrc "postgresql-$PG_MAJOR" | sed -n 's/^Version: //p' | sort -Vru)" || true
source=
for version in $versions; do
    say "fetching the source of PostgreSQL $version"
    if (cd "$scratch" && archive apt-get source --download-only "postgresql-$PG_MAJOR=$version") 2>"$scratch/said"; then
        source="$(ls "$scratch"/postgresql-*.orig.tar.*)"
        break
    fi
    grep '^E:' "$scratch/said" | sed 's/ [^ ]*:\/\/[^ ]*\// /' >&2 || true
done
[ -n "$source" ] || unreachable "the package archive gives no source of PostgreSQL $PG_MAJOR"

tar -xf "$source" -C "$scratch"
cd "$scratch/postgresql-$PG_MAJOR".*/
minor="$(sed -n "s/^PACKAGE_VERSION='\(.*\)'/\1/p" configure)"
if ! dpkg --compare-versions "$minor" ge "$PG_FLOOR"; then
    say "its number is raised from $minor to $PG_FLOOR"
    sed -i "s/^PACKAGE_VERSION='$minor'/PACKAGE_VERSION='$PG_FLOOR'/" configure
fi
# `BeginInternalSubTransaction` admits both states; what asserts the state that rolling back returns to forgot them.
transactions=src/backend/access/transam/xact.c
sed -i 's/s->blockState == TBLOCK_STARTED);/s->blockState == TBLOCK_STARTED || s->blockState == TBLOCK_END || s->blockState == TBLOCK_PREPARE);/' "$transactions"
[ "$(grep -c 'TBLOCK_STARTED || s->blockState == TBLOCK_END' "$transactions")" = 1 ] || die "$transactions is not as it was"
say "building it with assertions (some minutes, once)"
# The layout of Debian's packages, so that everything that takes a tree takes this one. Optimised a little: Valgrind's
# reports stay readable, and the suites' limits in seconds hold.
./configure --quiet --prefix="/usr/lib/postgresql/$PG_MAJOR" --datadir="/usr/share/postgresql/$PG_MAJOR" \
    --includedir="/usr/include/postgresql/$PG_MAJOR" --disable-rpath --with-system-tzdata=/usr/share/zoneinfo \
    --with-extra-version=" (source of $minor, with assertions)" --without-readline \
    --with-icu --with-libxml --with-openssl --with-lz4 --with-zstd \
    --enable-cassert --enable-debug CFLAGS='-O1 -g -fno-omit-frame-pointer -DUSE_VALGRIND'
# shellcheck disable=SC2016
export LD_RUN_PATH='$ORIGIN/../lib'
for part in . contrib; do
    make -C "$part" -s -j"$(nproc)" >"$scratch/made" 2>&1 || { tail -n 30 "$scratch/made"; die "the build failed"; }
    make -C "$part" -s install DESTDIR="$scratch/tree" >"$scratch/made" 2>&1 || { tail -n 30 "$scratch/made"; die "it cannot be installed"; }
done
cp src/tools/valgrind.supp "$scratch/tree/valgrind.supp"
chmod -R a+rX "$scratch/tree"
echo "$stamp" >"$scratch/tree/complete"
rm -rf "$tree" "$tree-test"
mv "$scratch/tree" "$tree"
say "ready: $("$tree/usr/lib/postgresql/$PG_MAJOR/bin/postgres" --version)"
