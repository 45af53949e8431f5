#!/usr/bin/env bash
# The suites that say most of a major, on each of the majors that `make test` leaves out; ends with a table and one line.
#
#   tools/test-majors.sh [MAJOR]...
#
# A server comes from another Debian release (tools/other-release.sh), 16 from a package for Python (tools/wheel-server.sh).
# Where its minor is below the floor, the library is built with the feature old_minors. A major that cannot be fetched is NOT
# RUN with the reason, and so is the whole when none could be run. Exit status: 0 when all that ran passed, 1 when one failed,
# 77 when none ran.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

majors=("$@")
[ "${#majors[@]}" -gt 0 ] || majors=(16 18 19)
logs="$TOOLS/log/majors"
mkdir -p "$logs"
passed=0 failed=0 not_run=0
table=() reasons=
for major in "${majors[@]}"; do
    status=0
    tools/other-major.sh "$major" 2>&1 | tee "$logs/$major.log" || status=$?
    version="$("$TOOLS/pg$major/usr/lib/postgresql/$major/bin/postgres" --version 2>/dev/null |
        sed -n 's/^postgres (PostgreSQL) \([^ ]*\).*/\1/p')" || true
    case "$status" in
        0) passed=$((passed + 1)) ;;
        "$NOT_RUN")
            not_run=$((not_run + 1))
            reason="$(tail -n 1 "$logs/$major.log")"
            reasons+="${reasons:+; }$major: $reason"
            table+=("$(printf '%-8s %-11s NOT RUN  %s' "$major" '' "$reason")")
            continue
            ;;
        *) failed=$((failed + 1)) ;;
    esac
    # The lines of run-suites.sh's own summary; none where the build failed.
    rows="$(sed -n '/^======== summary$/,$p' "$logs/$major.log" | grep -E '^[a-z0-9]+ +(passed|FAILED|NOT RUN|SKIPPED)' || true)"
    while IFS= read -r row; do
        table+=("$(printf '%-8s %s' "${version:-$major}" "${row:-no suite ran: FAILED}")")
    done <<<"$rows"
done

printf '\n%-8s %s\n' major suite
printf '%s\n' "${table[@]}"
printf '%d majors passed, %d failed, %d not run%s\n' "$passed" "$failed" "$not_run" "${reasons:+ ($reasons)}"
[ "$failed" = 0 ] || exit 1
[ "$passed" -gt 0 ] || exit "$NOT_RUN"
