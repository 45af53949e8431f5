#!/usr/bin/env bash
# Prints the major of PostgreSQL that everything here is built for and runs on unless SPLITPLANE_PG_MAJOR names another.
#
# It is that of the machine's own release, whose packages are then its server. This is the one place that knows the rule; shell
# tools, the Makefile and the test library ask it.
set -euo pipefail

if [ -n "${SPLITPLANE_PG_MAJOR:-}" ]; then
    printf '%s\n' "$SPLITPLANE_PG_MAJOR"
    exit
fi
# shellcheck source=/dev/null
case "$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_CODENAME:-}")" in
    bookworm) major=15 ;;
    trixie) major=17 ;;
    *)
        # Another release: the newest server that is installed, else the one that the release calls "postgresql".
        major="$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'postgresql-[0-9][0-9]' 2>/dev/null |
            sed -n 's/^installed postgresql-\([0-9]*\)$/\1/p' | sort -n | tail -n 1)"
        [ -n "$major" ] || major="$(apt-cache policy postgresql 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*\)+.*/\1/p')"
        ;;
esac
printf '%s\n' "${major:-15}"
