#!/usr/bin/env bash
# The code that needs no server: it holds no `unsafe`, and its unit tests run under AddressSanitizer and under Miri.
#
#   pg_test/memory/pure.sh [forbid | asan | miri]...      by default all three
#
# The last line is `N passed, N failed`, of unit tests under both.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/common.sh"
cd "$ROOT" || exit 1

host="$(rustc -vV | sed -n 's/^host: //p')"
passed=0
failed=0
count() {
    local line
    while read -r line; do
        passed=$((passed + ${line% *}))
        failed=$((failed + ${line#* }))
    done < <(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' "$1")
}
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
must() { "$@" || { failed=$((failed + 1)); echo "FAILED $*"; }; }

# `forbid` cannot be taken back by an attribute, as `deny` can. Control: the same on the whole extension finds src/pgx.
forbid() {
    say "no unsafe code without the server's side"
    must env CARGO_TARGET_DIR="$CARGO_TARGET_DIR/pure" cargo rustc --quiet --lib --crate-type lib --no-default-features --features http -- -F unsafe_code
    if [ -z "$(grep -rl 'allow(unsafe_code)' src/pgx)" ] || ! grep -rl 'allow(unsafe_code)' src | grep -v '^src/pgx/' | awk 'END { exit NR > 0 }'; then
        echo "FAILED: unsafe code is allowed outside src/pgx"
        failed=$((failed + 1))
    fi
}
