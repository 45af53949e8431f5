#!/usr/bin/env bash
# Runs the named test suites one after the other, whatever becomes of each, and ends with one line per suite.
#
#   tools/run-suites.sh [--test NAME] SUITE...
#
# --test runs one test of one suite by its name; pg_test/README.md says what a name is in each. A name that matches nothing
# is a failure. SKIP=SUITE[,SUITE] leaves suites out. A suite that cannot run here ends with status 77 and the reason as its
# last line; it is printed as NOT RUN. The last line names every suite that failed, did not run or was left out.
# Exit status: 0 when all passed or were left out, 1 when one failed, 2 when one did not run. The output of each suite is kept
# in .tools/log/SUITE.log.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT" || exit 1

python="$VENV/bin/python"
logs="$TOOLS/log$major_suffix"
# A suite that hangs must fail, not stop the others from being run. Some are slow by nature.
limit=1200
slow=7200

not_run() { printf '%s\n' "$*"; exit "$NOT_RUN"; }

need_cargo() { command -v cargo >/dev/null || not_run "there is no cargo in PATH"; }
need_python() { "$python" -c 'import splitplane_test' 2>/dev/null || not_run "the Python environment is not there: run tools/setup.sh"; }

# The server, and the extension in it.
need_server() {
    local tree="${SPLITPLANE_PG_TREE:-$PG_TREE}"
    need_python
    [ -f "$tree/complete" ] || not_run "the project's PostgreSQL is not there: run tools/setup.sh"
    [ -f "$tree/usr/lib/postgresql/$PG_MAJOR/lib/splitplane.so" ] ||
        not_run "splitplane is not installed there: run tools/install-extension.sh"
}

# PgBouncer. What cannot be fetched is NOT RUN, what does not work is a failure.
need_extras() {
    local status=0
    tools/extras.sh || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "PgBouncer could not be fetched (tools/extras.sh)"
    [ "$status" = 0 ] || exit "$status"
}

# Prometheus and the exporters, likewise.
need_monitoring() {
    local status=0
    tools/monitoring-tools.sh || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "Prometheus and its exporters could not be fetched (tools/monitoring-tools.sh)"
    [ "$status" = 0 ] || exit "$status"
}

# Servers that answer for a model, and weights. What of them could not be had is said by the tests of it.
need_endpoints() {
    local status=0
    tools/endpoint-tools.sh || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "neither servers for models nor weights could be fetched (tools/endpoint-tools.sh)"
    [ "$status" = 0 ] || exit "$status"
}

# The released version, built from its commit.
need_release() {
    local status=0
    [ "$PG_MAJOR" = 15 ] || not_run "splitplane $1 is for PostgreSQL 15 alone"
    tools/old-release.sh "$1" || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "splitplane $1 could not be built here (tools/old-release.sh)"
    [ "$status" = 0 ] || exit "$status"
}

# PostgreSQL 17 beside 15, each with a build of its own.
need_later_major() {
    local status=0
    [ "$PG_MAJOR" = 15 ] || not_run "pg_upgrade is tested from PostgreSQL 15 on"
    env -u CARGO_TARGET_DIR -u PGRX_HOME SPLITPLANE_PG_MAJOR=17 tools/setup.sh || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "PostgreSQL 17 could not be fetched (tools/other-release.sh)"
    [ "$status" = 0 ] || exit "$status"
    env -u CARGO_TARGET_DIR -u PGRX_HOME SPLITPLANE_PG_MAJOR=17 tools/install-extension.sh ${QUICK:+--quick} || exit
}

# A PostgreSQL with Citus, which CITUS_PG_CONFIG names by its pg_config, and splitplane built for its major.
need_citus() {
    local named="${CITUS_PG_CONFIG:-}" share version
    [ -n "$named" ] || not_run "CITUS_PG_CONFIG does not name the pg_config of a PostgreSQL that has Citus"
    if ! version="$("$named" --version 2>/dev/null)" || ! share="$("$named" --sharedir 2>/dev/null)"; then
        not_run "CITUS_PG_CONFIG=$named is no pg_config"
    fi
    [ -f "$share/extension/citus.control" ] || not_run "there is no Citus in the PostgreSQL of $named"
    # "PostgreSQL 17.12 (Debian ..)"
    version="${version#PostgreSQL }"
    SPLITPLANE_PG_MAJOR="${version%%[!0-9]*}"
    export SPLITPLANE_PG_MAJOR
    local status=0
    env -u CARGO_TARGET_DIR -u PGRX_HOME tools/setup.sh || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "PostgreSQL $SPLITPLANE_PG_MAJOR could not be fetched (tools/other-release.sh)"
    [ "$status" = 0 ] || exit "$status"
    env -u CARGO_TARGET_DIR -u PGRX_HOME tools/install-extension.sh ${QUICK:+--quick} || exit
}

# The environment of clients/mcp, with --node Node's client as well.
need_mcp() {
    local status=0
    tools/mcp-setup.sh "$@" || status=$?
    [ "$status" != "$UNREACHABLE" ] || not_run "what clients/mcp and its tests need could not be fetched (tools/mcp-setup.sh)"
    [ "$status" = 0 ] || exit "$status"
}

# suite NAME [TEST]
suite() {
    local name="$1" test="${2:-}"
    case "$name" in
        check) need_cargo; need_python; [ -x "$TOOLS/cargo/bin/cargo-deny" ] || not_run "cargo-deny is not there: run tools/check-tools.sh" ;;
        unit | purefuzz | pure) need_cargo ;;
        audit | pg | assertions | memory) need_cargo; need_python ;;
        released | lifecycle | clients) need_cargo; need_server ;;
        fuzz | ablation) need_cargo; need_server ;;
        standin | packages) need_python ;;
        pg17 | majors | citus) need_cargo; need_python ;;
        *) need_server ;;
    esac
    case "$name" in
        check) exec tools/check.sh ${test:+"$test"} ;;
        unit) exec cargo test --no-default-features --features http --quiet ${test:+"$test"} ;;
        pg) exec "$python" tools/run_pg_tests.py ${test:+"$test"} ;;
        regress) exec "$python" pg_test/regress/run.py ${test:+"$test"} ;;
        grammar) exec "$python" pg_test/grammar/run.py ${test:+--only "$test"} ;;
        analytics) exec "$python" pg_test/analytics/run.py ${test:+--only "$test"} ;;
        attacks) exec "$python" pg_test/attacks/run.py ${test:+--only "$test"} ;;
        # The longest, which waits more than it works: two processes, each with servers of its own, one file in one of them.
        wire)
            [ -z "$test" ] || exec "$python" -m pytest -k "$test" pg_test/wire
            exec "$python" -m pytest --numprocesses 2 --dist loadfile pg_test/wire
            ;;
        audit | standin | words | upgrade | endurance) exec "$python" -m pytest ${test:+-k "$test"} "pg_test/$name" ;;
        clients-python) exec "$python" -m pytest ${test:+-k "$test"} pg_test/clients ;;
        clients) exec "$python" -m pytest ${test:+-k "$test"} pg_test/clients_more ;;
        released)
            need_release 0.1.0
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/released
            ;;
        lifecycle)
            need_later_major
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/lifecycle
            ;;
        citus)
            need_citus
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/citus
            ;;
        front)
            need_extras
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/front
            ;;
        monitoring)
            need_monitoring
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/monitoring
            ;;
        endpoints)
            need_endpoints
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/endpoints
            ;;
        sidechannels)
            need_extras
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/sidechannels
            ;;
        mcp)
            need_mcp
            exec "$TOOLS/mcp/bin/python" -m pytest ${test:+-k "$test"} --ignore=pg_test/mcp/test_node.py pg_test/mcp
            ;;
        mcp-node)
            need_mcp --node
            exec "$TOOLS/mcp/bin/python" -m pytest ${test:+-k "$test"} pg_test/mcp/test_node.py
            ;;
        assertions)
            need_extras
            exec "$python" pg_test/memory/assertions.py ${test:+"$test"}
            ;;
        memory) exec "$python" pg_test/memory/run.py ${test:+--only "$test"} ;;
        pure)
            [ -z "$test" ] || exec env MIRI_TESTS="$test" pg_test/memory/pure.sh miri
            exec pg_test/memory/pure.sh
            ;;
        fuzz) exec "$python" pg_test/fuzz/run.py ${test:+--only "$test"} ;;
        purefuzz) exec "$python" fuzz/run.py ${test:+--targets "$test"} ;;
        ablation) exec "$python" pg_test/ablation/run.py ${test:+--only "$test"} ;;
        packages)
            "$python" pg_test/packages/roots.py || exit
            exec "$python" -m pytest ${test:+-k "$test"} pg_test/packages
            ;;
        docs) exec "$python" docs/run_examples.py ${test:+"$test"} ;;
        pg17)
            [ -z "$test" ] || die "pg17 is made of suites: name one of them, as in make test-regress PG=17 TEST=$test"
            exec tools/other-major.sh 17
            ;;
        majors) exec tools/test-majors.sh ${test:+"$test"} ;;
    esac
    die "no suite is called $name"
}

# Entered again under `timeout`, which runs programs and not shell functions.
if [ "${1:-}" = --one ]; then
    suite "$2" "${3:-}"
fi

chosen_test=
if [ "${1:-}" = --test ]; then
    chosen_test="${2:?--test needs a name}"
    shift 2
    [ $# = 1 ] || die "--test runs one test of one suite: name the suite"
fi

IFS=, read -ra left_out <<<"${SKIP:-}"
for name in "${left_out[@]}"; do
    [[ " $* " == *" $name "* ]] || die "SKIP names a suite that is not to be run: $name"
done
is_left_out() { [[ ",${SKIP:-}," == *",$1,"* ]]; }

child=
# A suite owns a server: it is told to go and waited for, so that nothing is left running.
leave() {
    trap - INT TERM HUP
    [ -z "$child" ] || { kill -TERM "$child"; wait "$child"; } 2>/dev/null
    exit 130
}
trap leave INT TERM HUP

if [[ " $* " == *" check "* && " $* " == *" unit "* ]] && ! is_left_out unit; then export UNIT_RUNS_APART=1; fi

mkdir -p "$logs"
summary=() passed=() failed=() missing=() skipped=()
for name in "$@"; do
    printf '\n======== %s\n' "$name"
    if is_left_out "$name"; then
        skipped+=("$name")
        summary+=("$(printf '%-12s SKIPPED' "$name")")
        continue
    fi
    began=$SECONDS
    case "$name" in assertions | memory | pure | pg17 | majors | released | lifecycle | packages | clients | endpoints | citus) patience=$slow ;; *) patience=$limit ;; esac
    exec {out}> >(tee "$logs/$name.log")
    tee=$!
    timeout --foreground --kill-after=60 "$patience" "$0" --one "$name" "$chosen_test" >&"$out" 2>&1 &
    child=$!
    exec {out}>&-
    wait "$child"
    status=$?
    child=
    wait "$tee"
    last="$(grep -v '^[[:space:]]*$' "$logs/$name.log" | tail -n 1 | sed 's/^[= ]*//; s/[= ]*$//')"
    # Rust prints one result for each test binary; the last one alone would hide the others. A name that is in none passes there.
    if [ "$name" = unit ] && [ "$status" != "$NOT_RUN" ]; then
        last="$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' "$logs/$name.log" |
            awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed", passed, failed }')"
        [ "$last" != "0 passed, 0 failed" ] || status=1
    fi
    case "$status" in
        0) verdict=passed passed+=("$name") ;;
        "$NOT_RUN") verdict="NOT RUN" missing+=("$name ($last)") ;;
        124 | 137) verdict="FAILED (not done after $patience s)" failed+=("$name") ;;
        *) verdict=FAILED failed+=("$name") ;;
    esac
    summary+=("$(printf '%-12s %-8s %5d s   %s' "$name" "$verdict" $((SECONDS - began)) "$last")")
done

# listed TITLE SUITE...: nothing when there is none.
listed() {
    local title="$1" joined
    shift
    [ $# = 0 ] || { joined="$(printf ', %s' "$@")"; printf '; %s: %s' "$title" "${joined#, }"; }
}

printf '\n======== summary\n'
printf '%s\n' "${summary[@]}"
printf '%d passed%s%s%s\n' "${#passed[@]}" "$(listed FAILED "${failed[@]}")" "$(listed 'NOT RUN' "${missing[@]}")" "$(listed SKIPPED "${skipped[@]}")"
[ "${#failed[@]}" = 0 ] || exit 1
[ "${#missing[@]}" = 0 ] || exit 2
