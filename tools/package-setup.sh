#!/usr/bin/env bash
# Brings what a package of one major is built with: compilers, cargo-pgrx, and headers where the project unpacks a server of that major.
#
#   tools/package-setup.sh [MAJOR]
set -euo pipefail
unset SPLITPLANE_PG_MAJOR
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$ROOT"

major="${1:-$PG_MAJOR}"
package_floor "$major" >/dev/null
# The machine's own development package will do, whether or not the project knows the major otherwise.
if ! (package_pg_config "$major") >/dev/null 2>&1 && SPLITPLANE_PG_MAJOR="$major" bash -c 'source tools/common.sh' 2>/dev/null; then
    export SPLITPLANE_PG_MAJOR="$major"
fi
exec tools/setup.sh
