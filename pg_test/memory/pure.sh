#!/usr/bin/env bash
# The code that needs no server: it holds no `unsafe`, and its unit tests run under AddressSanitizer and under Miri.
#
#   pg_test/memory/pure.sh [forbid | asan | miri]...      by default all three
#
# asan and miri want a nightly toolchain; the components that are missing are fetched with rustup. Miri runs every unit
# test but those of slow-under-miri.txt; MIRI_TESTS names others instead. The last line is `N passed, N failed`, of unit
# tests and controls. Controls: mistakes in planted.rs beside this file, each of which must end the program with its report.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/common.sh"
cd "$ROOT" || exit 1

host="$(rustc -vV | sed -n 's/^host: //p')"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/pure"
planted=(--quiet --no-default-features --features ablation --example planted)
passed=0
failed=0
said="$(mktemp)"
trap 'rm -f "$said"' EXIT

good() { passed=$((passed + 1)); echo "ok     $*"; }
bad() { failed=$((failed + 1)); echo "FAILED $*"; }

# Runs unit tests and adds up what they printed; a run that printed no result has failed.
tests() {
    local line ran=no
    "$@" 2>&1 | tee "$said"
    while read -r line; do
        ran=yes
        passed=$((passed + ${line% *}))
        failed=$((failed + ${line#* }))
    done < <(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' "$said")
    if [ "$ran" = no ] || grep -qE 'ERROR: AddressSanitizer|Undefined Behavior' "$said"; then bad "$*"; fi
}

# control MISTAKE TEXT COMMAND...: the command, given the mistake, must fail and say the text.
control() {
    local mistake="$1" text="$2"
    shift 2
    if "$@" -- "$mistake" >"$said" 2>&1 || ! grep -q "$text" "$said"; then
        tail -n 20 "$said"
        bad "control: $mistake is reported"
    else
        good "control: $mistake is reported ($text)"
    fi
}

need() {
    rustup component add --toolchain nightly "$@" >"$said" 2>&1 && return
    tail -n 3 "$said"
    # 77 is "could not run" to tools/run-suites.sh; what has failed before stays a failure.
    [ "$failed" = 0 ] || die "no nightly toolchain with $*"
    echo "there is no nightly toolchain with $*"
    exit 77
}

# What is forbidden cannot be allowed again by an attribute further in, as what is denied can.
forbid() {
    say "no unsafe code in what is built without a server"
    if cargo rustc --quiet --lib --crate-type lib --no-default-features --features http -- -F unsafe_code; then
        good "the library builds with unsafe code forbidden"
    else
        bad "the library builds with unsafe code forbidden"
    fi
    if cargo rustc "${planted[@]}" -- -F unsafe_code >"$said" 2>&1 || ! grep -q unsafe_code "$said"; then
        bad "control: unsafe code that is allowed by attribute is refused"
    else
        good "control: unsafe code that is allowed by attribute is refused"
    fi
}

# The standard library is built anew, so that it is instrumented and checks its preconditions too.
asan() {
    say "unit tests under AddressSanitizer, with the checks of undefined behaviour that the compiler has"
    need rust-src
    local flags="-Zsanitizer=address -Zub-checks=yes -Zextra-const-ub-checks -Coverflow-checks=yes"
    local run=(env RUSTFLAGS="$flags" ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 cargo +nightly)
    local where=(-Zbuild-std --target "$host")
    control freed heap-use-after-free "${run[@]}" run "${where[@]}" "${planted[@]}"
    control past heap-buffer-overflow "${run[@]}" run "${where[@]}" "${planted[@]}"
    # Instrumented code is not quick, which two tests ask of it.
    tests "${run[@]}" test "${where[@]}" --quiet --no-default-features --features http --lib -- --skip is_quick_on
}

# Miri takes ten seconds where the tests take a few milliseconds.
miri() {
    say "unit tests under Miri"
    need miri rust-src
    local run=(env PROPTEST_CASES=2 MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri)
    control freed "Undefined Behavior" "${run[@]}" run "${planted[@]}"
    control past "Undefined Behavior" "${run[@]}" run "${planted[@]}"
    control aliased "Undefined Behavior" "${run[@]}" run "${planted[@]}"
    local test=("${run[@]}" test --no-default-features --lib -- --exact)
    local chosen=() one
    cargo test --quiet --no-default-features --lib -- --list >"$said"
    if [ -n "${MIRI_TESTS-}" ]; then
        read -ra chosen <<<"$MIRI_TESTS"
        for one in "${chosen[@]}"; do
            grep -qxF "$one: test" "$said" || bad "no unit test is called $one"
        done
    else
        local slow
        while read -r slow; do
            grep -qxF "$slow: test" "$said" || bad "slow-under-miri.txt names no test: $slow"
            chosen+=(--skip "$slow")
        done < <(grep -v '^#' pg_test/memory/slow-under-miri.txt)
        say "without the $((${#chosen[@]} / 2)) tests of slow-under-miri.txt"
    fi
    tests "${test[@]}" "${chosen[@]}" -Zunstable-options --report-time
}

for part in "${@:-forbid asan miri}"; do
    for one in $part; do
        case "$one" in forbid | asan | miri) "$one" ;; *) die "no such part: $one" ;; esac
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
