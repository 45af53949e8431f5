#!/usr/bin/env bash
# Unpacks what some tests need beside PostgreSQL into .tools/extras: PgBouncer, from Debian's package.
#
# Unpacked, not installed: Debian's package of PgBouncer starts a service. A second run checks and returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

extras="$TOOLS/extras"
# With the shared libraries that PgBouncer wants and this machine may lack.
packages=(pgbouncer libc-ares2 libevent-2.1-7)

works() {
    LD_LIBRARY_PATH="$extras/usr/lib/$(uname -m)-linux-gnu" "$extras/usr/sbin/pgbouncer" --version >/dev/null 2>&1
}

works && exit 0
say "unpacking PgBouncer into .tools"
scratch="$(mktemp -d "$TOOLS/extras.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
(cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${packages[@]}") ||
    { printf 'error: apt-get download failed; refresh the package lists with apt-get update\n' >&2; exit "$UNREACHABLE"; }
for deb in "$scratch"/*.deb; do
    dpkg-deb -x "$deb" "$scratch/tree"
done
rm -rf "$scratch/tree"/{etc,lib,usr/share}
# Servers run as another user when we are root: that user must be able to read and enter everything here.
chmod -R a+rX "$scratch/tree"
rm -rf "$extras"
mv "$scratch/tree" "$extras"
works || die "PgBouncer in $extras does not run"
