#!/usr/bin/env bash
# Brings what reads audit logs and is not ours into .tools/audit: Python's sigstore and pymerkle, Go with golang.org/x/mod.
#
#   tools/audit-libraries.sh [python | go]...     by default both
#
# Unpacked, not installed. Exit status 3: something could not be fetched. A second run checks and returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

audit="$TOOLS/audit"
mkdir -p "$audit"
unreachable() { printf 'error: %s\n' "$*" >&2; exit "$UNREACHABLE"; }

python() {
    "$audit/venv/bin/python" -c 'import sigstore, pymerkle' 2>/dev/null && return
    say "sigstore and pymerkle into .tools/audit"
    rm -rf "$audit/venv"
    python3 -m venv "$audit/venv"
    "$audit/venv/bin/pip" --quiet --disable-pip-version-check install sigstore==4.5.1 pymerkle==7.0.0 cryptography==50.0.2 ||
        { rm -rf "$audit/venv"; unreachable "pip could not install sigstore and pymerkle"; }
}

go() {
    [ ! -x "$audit/go/bin/go" ] || return 0
    say "Go of Debian's packages into .tools/audit"
    local compiler scratch deb
    compiler="$(apt-cache depends golang-go 2>/dev/null | sed -n 's/^ *Depends: \(golang-[0-9.]*-go\)$/\1/p' | head -n 1)"
    [ -n "$compiler" ] || unreachable "apt knows no golang-go; refresh the package lists with apt-get update"
    scratch="$(mktemp -d "$audit/go.XXXXXX")"
    (cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$compiler" "${compiler%-go}-src" golang-golang-x-mod-dev) ||
        { rm -rf "$scratch"; unreachable "apt-get download failed; refresh the package lists with apt-get update"; }
    for deb in "$scratch"/*.deb; do
        dpkg-deb -x "$deb" "$scratch/tree"
    done
    mkdir "$scratch/tree/bin"
    compiler="${compiler%-go}"
    # Its folder is found through links that begin at the machine's root: it is told where it is.
    printf '#!/bin/sh\nGOROOT="%s" GOPATH="%s" GO111MODULE=off GOFLAGS= GOCACHE="%s" CGO_ENABLED=0 exec "%s" "$@"\n' \
        "$audit/go/usr/lib/go-${compiler#golang-}" "$audit/go/usr/share/gocode" "$audit/cache" \
        "$audit/go/usr/lib/go-${compiler#golang-}/bin/go" >"$scratch/tree/bin/go"
    chmod 755 "$scratch/tree/bin/go"
    rm -rf "$audit/go"
    mv "$scratch/tree" "$audit/go"
    rm -rf "$scratch"
    "$audit/go/bin/go" version >/dev/null || die "Go in $audit does not run"
}

for part in "${@:-python go}"; do
    for one in $part; do
        case "$one" in python | go) "$one" ;; *) die "no such part: $one" ;; esac
    done
done
