#!/usr/bin/env bash
# Unpacks what some tests need beside PostgreSQL into .tools/, from Debian's packages.
#
#   tools/extras.sh [pgbouncer | haproxy]     pgbouncer, into .tools/extras; haproxy, into .tools/haproxy
#
# Unpacked, not installed: Debian's packages start services. A second run checks and returns. Exit status 3 where a package cannot be
# fetched.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

program="${1:-pgbouncer}"
case "$program" in
    # With the shared libraries that PgBouncer wants and this machine may lack.
    pgbouncer) folder="$TOOLS/extras" version=--version packages=(pgbouncer libc-ares2 libevent-2.1-7) ;;
    haproxy) folder="$TOOLS/haproxy" version=-v packages=() ;;
    *) die "unknown program $program" ;;
esac

works() {
    LD_LIBRARY_PATH="$folder/usr/lib/$(uname -m)-linux-gnu" "$folder/usr/sbin/$program" "$version" >/dev/null 2>&1
}

works && exit 0
say "unpacking $program into .tools"
scratch="$(mktemp -d "$TOOLS/extras.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
# All that an installation would bring, whatever the release calls it.
[ "$program" = pgbouncer ] || mapfile -t packages < <(apt-get -qq -s --no-install-recommends install "$program" 2>/dev/null | awk '$1 == "Inst" { print $2 }')
{ [ "${#packages[@]}" -gt 0 ] && (cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${packages[@]}"); } ||
    { printf 'error: apt-get download failed; refresh the package lists with apt-get update\n' >&2; exit "$UNREACHABLE"; }
for deb in "$scratch"/*.deb; do
    dpkg-deb -x "$deb" "$scratch/tree"
done
rm -rf "$scratch/tree"/{etc,lib,usr/share}
# Servers run as another user when we are root: that user must be able to read and enter everything here.
chmod -R a+rX "$scratch/tree"
rm -rf "$folder"
mv "$scratch/tree" "$folder"
works || die "$program in $folder does not run"
