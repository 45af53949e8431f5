#!/usr/bin/env bash
# The suites that say most of another major of PostgreSQL, on a server and with a build of its own.
#
#   tools/other-major.sh MAJOR
#
# Exit status and last line are those of tools/run-suites.sh; 77 where its server cannot be fetched.
set -euo pipefail
# What was set up for the first major is none of this one's.
unset SPLITPLANE_PG_TREE
export SPLITPLANE_PG_MAJOR="${1:?a major}"
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

status=0
tools/setup.sh || status=$?
if [ "$status" = "$UNREACHABLE" ]; then
    printf 'PostgreSQL %s could not be fetched (tools/other-release.sh)\n' "$PG_MAJOR"
    exit "$NOT_RUN"
fi
[ "$status" = 0 ] || exit "$status"
# As it ships: its dependencies are those that the first major was built with.
tools/install-extension.sh ${QUICK:+--quick}
SKIP='' exec tools/run-suites.sh pg regress analytics attacks
