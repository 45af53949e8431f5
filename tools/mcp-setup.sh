#!/usr/bin/env bash
# The environment of clients/mcp and its tests in .tools/mcp, and with --node Node's client in .tools/mcp-node.
#
# A second run checks and returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

environment="$TOOLS/mcp"
node="$TOOLS/mcp-node"

unreachable() { printf 'error: %s\n' "$1" >&2; exit "$UNREACHABLE"; }

pip() { "$environment/bin/python" -m pip --disable-pip-version-check "$@"; }

python_environment() {
    local wanted=(tools/requirements-mcp.txt pg_test/pyproject.toml clients/mcp/pyproject.toml)
    if cat "${wanted[@]}" | cmp -s - "$environment/requirements.installed" &&
        "$environment/bin/python" -c 'import sys; sys.exit(sys.prefix != sys.argv[1])' "$environment" 2>/dev/null; then
        return
    fi
    say "making the Python environment of clients/mcp in .tools/mcp"
    rm -rf "$environment"
    "$VENV/bin/python" -m venv "$environment"
    pip install --quiet -r tools/requirements-mcp.txt || unreachable "pip could not install tools/requirements-mcp.txt"
    pip install --quiet --no-build-isolation --no-deps --no-index --editable pg_test --editable clients/mcp
    cat "${wanted[@]}" >"$environment/requirements.installed"
}

node_client() {
    if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
        unreachable "there is no node with npm in PATH"
    fi
    ! cmp -s pg_test/mcp/package-lock.json "$node/lock.installed" || return 0
    say "fetching Node's client into .tools/mcp-node"
    rm -rf "$node"
    mkdir -p "$node"
    cp pg_test/mcp/package.json pg_test/mcp/package-lock.json "$node"
    npm ci --prefix "$node" --silent --no-audit --no-fund --ignore-scripts || unreachable "npm could not fetch the client"
    cp "$node/package-lock.json" "$node/lock.installed"
}

python_environment
[ "${1:-}" != --node ] || node_client
