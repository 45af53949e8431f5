#!/usr/bin/env bash
# Brings what a package of one major is built with: cargo-pgrx, and the headers of a major that the project has a server of.
#
#   tools/package-setup.sh [MAJOR]
set -euo pipefail
unset SPLITPLANE_PG_MAJOR
major="${1:-}"
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case "${major:-$PG_MAJOR}" in
    # Its own development package is the machine's to install; compilers and cargo-pgrx come with the first major.
    16 | 18) exec tools/setup.sh ;;
    *) SPLITPLANE_PG_MAJOR="${major:-$PG_MAJOR}" exec tools/setup.sh ;;
esac
