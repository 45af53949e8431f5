#!/usr/bin/env bash
# Everything that can be said of the tree without a server: formatting, lints, unit tests, dependencies, other majors.
#
#   tools/check.sh [CHECK]...     all, or those whose name begins with one of the words
#
# A control stands beside each tool: a planted defect that must make it red by the rules of this project. The last line is
# `N passed, N failed, N not run`. What needs files that no registry gives here is NOT RUN, with the reason, and not red: the
# exit status is 0 when something passed and nothing failed, and 77, with the reasons as the last line, when nothing could be
# run. For a failure, and for a name that matches nothing, it is 1.
set -uo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT" || exit 1

cargo_deny="$TOOLS/cargo/bin/cargo-deny"
wanted=("$@")
passed=0
failed=0
not_run=0
reasons=
scratch="$(mktemp -d "$TOOLS/check.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
said="$scratch/said"

# Whether the caller wants the check of this name.
asked() {
    local word
    [ "${#wanted[@]}" -gt 0 ] || return 0
    for word in "${wanted[@]}"; do
        [[ "$1" != "$word"* ]] || return 0
    done
    return 1
}

good() {
    passed=$((passed + 1))
    printf 'ok      %-46s %4d s\n' "$1" $((SECONDS - began))
}

bad() {
    failed=$((failed + 1))
    tail -n 60 "$said"
    printf 'FAILED  %s\n' "$1"
}

left_out() {
    not_run=$((not_run + 1))
    reasons+="${reasons:+; }$1: $2"
    printf 'NOT RUN %s: %s\n' "$1" "$2"
}

# check NAME COMMAND...: the command must succeed. What it printed is shown when it does not.
check() {
    local name="$1" began=$SECONDS
    shift
    asked "$name" || return 0
    if "$@" >"$said" 2>&1; then good "$name"; else bad "$name"; fi
}

# control NAME TEXT FILE EDIT COMMAND...: the command must succeed, and with the edit (of sed) in the file fail and say the
# text. The file is put back.
control() {
    local name="control: $1" text="$2" file="$3" edit="$4" began=$SECONDS
    shift 4
    asked "$name" || return 0
    cp "$file" "$scratch/before"
    if ! "$@" >"$said" 2>&1; then
        bad "$name (red without the defect)"
    elif sed -i "$edit" "$file" && "$@" >"$said" 2>&1; then
        bad "$name (green with the defect)"
    elif ! grep -q -- "$text" "$said"; then
        bad "$name (red for another reason)"
    else
        good "$name"
    fi
    cp "$scratch/before" "$file"
}

clippy() { cargo clippy --quiet --locked "$@" -- -D warnings; }

# As libFuzzer's build sees them, so that what only fuzzing uses is linted as well.
clippy_fuzzers() {
    RUSTFLAGS='--cfg fuzzing' cargo clippy --quiet --release --locked --manifest-path fuzz/Cargo.toml \
        --target-dir "$CARGO_TARGET_DIR/fuzz" -- -D warnings
}

# one_fact [FOLDER]: the compiler of rust-toolchain.toml is the one that Cargo.toml promises, and the fuzzers' package has the
# versions and features of dependencies that the extension's has.
one_fact() {
    "$VENV/bin/python" - "${1:-.}" <<'PYTHON'
import os
import sys
import tomllib

def read(path):
    with open(os.path.join(sys.argv[1], path), "rb") as file:
        return tomllib.load(file)

crate, pure, toolchain = read("Cargo.toml"), read("fuzz/pure/Cargo.toml"), read("rust-toolchain.toml")
wanted = {name: of for name, of in crate["dependencies"].items() if not (isinstance(of, dict) and of.get("optional"))}
wrong = []
if crate["package"]["rust-version"] != toolchain["toolchain"]["channel"]:
    wrong.append("rust-version of Cargo.toml is not the channel of rust-toolchain.toml")
if pure["dependencies"] != wanted:
    wrong.append("the dependencies of fuzz/pure/Cargo.toml are not those of Cargo.toml that a build without a server has")
if any(pure["package"][fact] != crate["package"][fact] for fact in ("name", "version", "edition", "license")):
    wrong.append("the package of fuzz/pure/Cargo.toml is not that of Cargo.toml")
print("\n".join(wrong))
sys.exit(bool(wrong))
PYTHON
}

# Tracked or new, by ending or by first line; where git does not answer for this folder, by ending alone.
shell_scripts() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        {
            git ls-files --cached --others --exclude-standard '*.sh'
            # In the first line alone: a page may show a script.
            git grep --untracked -nIE '^#!/.*[/ ](ba)?sh$' | sed -n 's/:1:#!.*//p'
        } | sort -u
    else
        find . \( -name .tools -o -name target \) -prune -o -name '*.sh' -print | sort
    fi
}

# lint_shell [FOLDER]. In a shell of its own, which goes into the folder.
lint_shell() (
    cd "${1:-.}" || exit
    mapfile -t scripts < <(shell_scripts)
    [ "${#scripts[@]}" -ge 5 ] || { echo "no shell scripts found: is this a clone?"; exit 1; }
    "$VENV/bin/shellcheck" "${scripts[@]}"
)

deny() { "$cargo_deny" --locked --manifest-path "$1" --config deny.toml check --hide-inclusion-graph "${@:2}"; }

# The database of advisories is a git repository; where it cannot be had, nothing is known, and that is what is said.
advisories() {
    local name='dependencies: advisories' began=$SECONDS manifest
    asked "$name" || return 0
    if ! timeout 120 "$cargo_deny" --locked --config deny.toml fetch db >"$said" 2>&1; then
        left_out "$name" "the database cannot be fetched"
        return
    fi
    for manifest in Cargo.toml fuzz/Cargo.toml; do
        "$cargo_deny" --locked --offline --manifest-path "$manifest" --config deny.toml check --hide-inclusion-graph advisories \
            >"$said" 2>&1 || { bad "$name"; return; }
    done
    good "$name"
}

# The same code against the headers of another major. Warnings are errors here too.
major() {
    local name="PostgreSQL $1" began=$SECONDS status
    asked "$name" || return 0
    tools/check-tools.sh headers >"$said" 2>&1
    status=$?
    if [ "$status" = "$UNREACHABLE" ]; then
        left_out "$name" "$(sed -n 's/^error: //p' "$said" | tail -n 1)"
    elif [ "$status" = 0 ] && PGRX_HOME="$PG_HEADERS" clippy --no-default-features --features "pg$1" --lib >"$said" 2>&1; then
        good "$name"
    else
        bad "$name"
    fi
}

# A package of a few lines with our lints: a control by clippy or cargo-deny takes a second.
tiny_package() {
    local name
    for name in tiny other openssl-sys elsewhere; do
        mkdir -p "$scratch/$name/src"
        printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2024"\nlicense = "Apache-2.0"\npublish = false\n' "$name" \
            >"$scratch/$name/Cargo.toml"
        : >"$scratch/$name/src/lib.rs"
    done
    {
        printf '\n[workspace]\n\n'
        # The tables of lints, and nothing else, of the crate itself.
        awk '/^\[/ { ours = /^\[lints/ } ours' Cargo.toml
        printf '\n[dependencies]\nother = { path = "../other" }\n'
    } >>"$scratch/tiny/Cargo.toml"
    printf 'pub fn first(of: &[u8]) -> Option<u8> {\n    of.first().copied()\n}\n' >"$scratch/tiny/src/lib.rs"
    commit "$scratch/elsewhere"
}

commit() {
    git -C "$1" init --quiet --initial-branch=main && git -C "$1" add --all &&
        git -C "$1" -c user.name=check -c user.email=check@localhost -c commit.gpgsign=false commit --quiet --message planted
}

tiny_clippy() { cargo clippy --quiet --manifest-path "$scratch/tiny/Cargo.toml" --target-dir "$scratch/target" -- -D warnings; }

# Copies of the files that `one_fact` compares.
facts() {
    mkdir -p "$scratch/facts/fuzz/pure"
    cp Cargo.toml rust-toolchain.toml "$scratch/facts/" && cp fuzz/pure/Cargo.toml "$scratch/facts/fuzz/pure/"
}

# Scripts without a defect: in a clone, tracked and new, with an ending and without; in a clone, all new; outside of a clone.
# shellcheck disable=SC2016
shell_folders() {
    local folder number
    for folder in tracked new unpacked; do
        mkdir -p "$scratch/$folder"
        for number in 1 2 3 4 5; do
            printf '#!/usr/bin/env bash\necho "$1"\n' >"$scratch/$folder/$number.sh"
        done
    done
    commit "$scratch/tracked"
    cp "$scratch/tracked/1.sh" "$scratch/tracked/new-one.sh"
    cp "$scratch/tracked/1.sh" "$scratch/tracked/without-ending"
    git -C "$scratch/new" init --quiet --initial-branch=main
    echo '# Nothing is ignored.' >"$scratch/new/.gitignore"
}

# This checkout may be a clone around the folder; git must not look up to it.
lint_unpacked() { GIT_CEILING_DIRECTORIES="$scratch" lint_shell "$scratch/unpacked"; }

# By deny.toml as it is. The lock file follows from what the package depends on at the moment.
tiny_deny() {
    cargo generate-lockfile --quiet --manifest-path "$scratch/tiny/Cargo.toml" &&
        "$cargo_deny" --manifest-path "$scratch/tiny/Cargo.toml" --config deny.toml check --hide-inclusion-graph "$@"
}

# The extension's own dependencies by deny.toml as it is, but that git finds another database at the address in it.
planted_advisories() {
    rm -rf "$scratch/advisories/.git" "$scratch/fetched"
    commit "$scratch/advisories" &&
        sed "s|^db-path = .*|db-path = \"$scratch/fetched\"|" deny.toml >"$scratch/deny.toml" && grep -q fetched "$scratch/deny.toml" &&
        GIT_CONFIG_COUNT=1 GIT_CONFIG_VALUE_0="$(sed -n 's/^db-urls = \["\(.*\)"\]/\1/p' deny.toml)" \
            GIT_CONFIG_KEY_0="url.file://$scratch/advisories.insteadOf" \
            "$cargo_deny" --locked --config "$scratch/deny.toml" check --hide-inclusion-graph advisories
}

# What sed and the planted scripts are given is theirs to expand.
# shellcheck disable=SC2016
controls() {
    local advisory="$scratch/advisories/crates/subtle/RUSTSEC-2026-0001.md"
    tiny_package
    local code="$scratch/tiny/src/lib.rs" manifest="$scratch/tiny/Cargo.toml"

    control rustfmt '^Diff in' "$code" '$a pub fn badly( )  { }' \
        rustfmt --check --edition 2024 --config-path rustfmt.toml "$code"
    control 'clippy, a warning' 'unused variable' "$code" '$a pub fn warns() { let unused = 1; }' tiny_clippy
    control 'clippy, our lints' 'clippy::unwrap-used' "$code" \
        '$a pub fn unwraps(of: &[u8]) -> u8 { of.first().copied().unwrap() }' tiny_clippy

    facts
    control 'one fact, the compiler' 'rust-version of Cargo.toml' "$scratch/facts/rust-toolchain.toml" \
        's/^channel = .*/channel = "1.0"/' one_fact "$scratch/facts"
    control 'one fact, a dependency' 'dependencies of fuzz/pure' "$scratch/facts/Cargo.toml" 's/^subtle = .*/subtle = "2.5"/' \
        one_fact "$scratch/facts"
    control 'one fact, the package' 'package of fuzz/pure' "$scratch/facts/fuzz/pure/Cargo.toml" \
        's/^version = .*/version = "0.0.1"/' one_fact "$scratch/facts"

    printf '#!/usr/bin/env bash\necho "$1"\n' >"$scratch/planted.sh"
    control shellcheck SC2086 "$scratch/planted.sh" '$a cat $1' "$VENV/bin/shellcheck" "$scratch/planted.sh"
    shell_folders
    control 'shell scripts, tracked' SC2086 "$scratch/tracked/2.sh" '$a cat $1' lint_shell "$scratch/tracked"
    control 'shell scripts, new' SC2086 "$scratch/tracked/new-one.sh" '$a cat $1' lint_shell "$scratch/tracked"
    control 'shell scripts, by the first line' SC2086 "$scratch/tracked/without-ending" '$a cat $1' lint_shell "$scratch/tracked"
    control 'shell scripts, outside of a clone' SC2086 "$scratch/unpacked/2.sh" '$a cat $1' lint_unpacked
    control 'shell scripts, none found' 'no shell scripts found' "$scratch/new/.gitignore" '$a *.sh' lint_shell "$scratch/new"
    printf 'print("planted")\n' >"$scratch/planted.py"
    control ruff F821 "$scratch/planted.py" '$a print(never_defined)' \
        "$VENV/bin/ruff" check --no-cache --config pyproject.toml "$scratch/planted.py"

    control 'cargo-deny, a licence' GPL-3.0-only "$scratch/other/Cargo.toml" 's/Apache-2.0/GPL-3.0-only/' tiny_deny licenses
    control 'cargo-deny, a ban' 'openssl-sys' "$manifest" '$a openssl-sys = { path = "../openssl-sys" }' tiny_deny bans
    control 'cargo-deny, a source' 'source-not-allowed' "$manifest" "\$a elsewhere = { git = \"file://$scratch/elsewhere\" }" \
        tiny_deny sources

    mkdir -p "$(dirname "$advisory")"
    cat >"$advisory" <<'ADVISORY'
```toml
[advisory]
id = "RUSTSEC-2026-0001"
package = "subtle"
date = "2026-01-01"

[versions]
patched = [">= 0.0.1"]
```

# Planted

For a control of `make check`.
ADVISORY
    control 'cargo-deny, an advisory' RUSTSEC-2026-0001 "$advisory" 's/^patched = .*/patched = []/' planted_advisories
}

check 'rustfmt: the crate' cargo fmt --check
check 'rustfmt: the fuzzers' cargo fmt --check --manifest-path fuzz/Cargo.toml
check 'one fact in two files' one_fact
check 'shellcheck' lint_shell
check 'ruff' "$VENV/bin/ruff" check --no-cache .
controls
check 'dependencies: licences, bans, sources' deny Cargo.toml --deny license-not-encountered licenses bans sources
check 'dependencies: those of the fuzzers' deny fuzz/Cargo.toml licenses bans sources
advisories
check 'clippy: the pure modules' clippy --all-targets --no-default-features
check 'clippy: with http' clippy --all-targets --no-default-features --features http
check 'clippy: the switches of tests' clippy --all-targets --no-default-features --features ablation
check "clippy: PostgreSQL $PG_MAJOR" clippy --lib --no-default-features --features "pg$PG_MAJOR"
check 'clippy: pg_test' clippy --lib --no-default-features --features "pg$PG_MAJOR pg_test"
check 'clippy: ablation' clippy --lib --no-default-features --features "pg$PG_MAJOR ablation"
check 'clippy: old minors' clippy --lib --no-default-features --features "pg$PG_MAJOR old_minors"
check 'clippy: the fuzzers' clippy_fuzzers
# Beside the suite of that name they would run twice.
[ -n "${UNIT_RUNS_APART:-}" ] || check 'unit tests' cargo test --no-default-features --features http --quiet --locked
for other in 16 18; do
    [ "$other" = "$PG_MAJOR" ] || major "$other"
done

printf '%d passed, %d failed, %d not run\n' "$passed" "$failed" "$not_run"
[ "$failed" = 0 ] || exit 1
[ "$passed" = 0 ] || exit 0
[ "$not_run" -gt 0 ] || exit 1
printf '%s\n' "$reasons"
exit "$NOT_RUN"
