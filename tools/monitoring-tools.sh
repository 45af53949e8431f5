#!/usr/bin/env bash
# Unpacks what the suite `monitoring` needs beside PostgreSQL into .tools/monitoring: Prometheus with promtool, and both exporters,
# from Debian's packages.
#
# Unpacked, not installed: Debian's packages start services. A second run checks and returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

programs="$TOOLS/monitoring"
packages=(prometheus prometheus-sql-exporter prometheus-postgres-exporter)

works() {
    local program
    for program in prometheus promtool prometheus-sql-exporter prometheus-postgres-exporter; do
        "$programs/usr/bin/$program" --help >/dev/null 2>&1 || return 1
    done
}

works && exit 0
say "unpacking Prometheus and its exporters into .tools"
scratch="$(mktemp -d "$TOOLS/monitoring.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
# Debian 13 has promtool in a package of its own.
if apt-cache show promtool >/dev/null 2>&1; then
    packages+=(promtool)
fi
(cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${packages[@]}") ||
    { printf 'error: apt-get download failed; refresh the package lists with apt-get update\n' >&2; exit "$UNREACHABLE"; }
for deb in "$scratch"/*.deb; do
    dpkg-deb -x "$deb" "$scratch/tree"
done
# Prometheus serves its web pages from usr/share, which no test looks at.
rm -rf "$scratch/tree"/{etc,lib,usr/share,usr/lib/systemd}
# The exporters run as another user when we are root: that user must be able to read and enter everything here.
chmod -R a+rX "$scratch/tree"
rm -rf "$programs"
mv "$scratch/tree" "$programs"
works || die "Prometheus or an exporter in $programs does not run"
