#!/usr/bin/env bash
# Runs the named test suites one after the other, whatever becomes of each, and ends with one line per suite.
# The exit status is 0 only when all passed. Each suite's output is kept in .tools/log/<suite>.log.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT" || exit 1

python="$VENV/bin/python"
logs="$TOOLS/log"
# A suite that hangs must fail, not stop the others from being run. Some are slow by nature.
limit=1200
slow=7200

suite() {
    case "$1" in
        unit) exec cargo test --no-default-features --features http --quiet ;;
        pg) exec "$python" tools/run_pg_tests.py ;;
        regress) exec "$python" pg_test/run_regress.py ;;
        grammar) exec "$python" pg_test/grammar/run.py ;;
        analytics) exec "$python" pg_test/analytics/run.py ;;
        attacks) exec "$python" pg_test/attacks/run.py ;;
        standin) exec "$python" -m pytest -q -p no:cacheprovider pg_test/standin ;;
        words) exec "$python" -m pytest -q -p no:cacheprovider pg_test/words ;;
        wire) exec "$python" -m pytest -q -p no:cacheprovider pg_test/wire ;;
        upgrade) exec "$python" -m pytest -q -p no:cacheprovider pg_test/upgrade ;;
        sidechannels)
            tools/extras.sh || exit 1
            exec "$python" -m pytest -q -p no:cacheprovider pg_test/sidechannels
            ;;
        endurance) exec "$python" -m pytest -q -p no:cacheprovider pg_test/endurance ;;
        assertions)
            tools/extras.sh || exit 1
            exec "$python" pg_test/memory/assertions.py
            ;;
        memory) exec "$python" pg_test/memory/run.py ;;
        pure) exec pg_test/memory/pure.sh ;;
        fuzz) exec "$python" pg_test/fuzz/run.py ;;
        purefuzz) exec "$python" fuzz/run.py ;;
        ablation) exec "$python" pg_test/ablation/run.py ;;
        docs) exec "$python" docs/run_examples.py ;;
        *) die "no suite is called $1" ;;
    esac
}

# Entered again under `timeout`, which runs programs and not shell functions.
if [ "${1:-}" = --one ]; then
    suite "$2"
fi

child=
# A suite owns a server: it is told to go and waited for, so that nothing is left running.
leave() {
    trap - INT TERM HUP
    [ -z "$child" ] || { kill -TERM "$child"; wait "$child"; } 2>/dev/null
    exit 130
}
trap leave INT TERM HUP

mkdir -p "$logs"
summary=()
failed=0
for name in "$@"; do
    printf '\n======== %s\n' "$name"
    began=$SECONDS
    case "$name" in assertions | memory | pure) patience=$slow ;; *) patience=$limit ;; esac
    exec {out}> >(tee "$logs/$name.log")
    tee=$!
    timeout --foreground --kill-after=60 "$patience" "$0" --one "$name" >&"$out" 2>&1 &
    child=$!
    exec {out}>&-
    wait "$child"
    status=$?
    child=
    wait "$tee"
    case "$status" in
        0) verdict=passed ;;
        124 | 137) verdict="FAILED (not done after $patience s)" ;;
        *) verdict=FAILED ;;
    esac
    [ "$status" = 0 ] || failed=1
    last="$(grep -v '^[[:space:]]*$' "$logs/$name.log" | tail -n 1 | tr -d '=' | sed 's/^ *//; s/ *$//')"
    # Rust prints one result for each test binary; the last one alone would hide the others.
    if [ "$name" = unit ]; then
        last="$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' "$logs/$name.log" |
            awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed", passed, failed }')"
    fi
    summary+=("$(printf '%-10s %-8s %5d s   %s' "$name" "$verdict" $((SECONDS - began)) "$last")")
done

printf '\n======== summary\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
