#!/usr/bin/env bash
# Builds the extension and installs it into the project's own PostgreSQL tree, never into the machine's.
#
#   tools/install-extension.sh [--release | --quick | --debug] [--test | --ablation] [--checked] [--features "a b"]
#
# --release, the default, is the library that ships: what is tested and measured is what is installed elsewhere.
# --quick takes the profile `testing` instead, which is built anew in a fraction of the time, for trying things out.
# --test builds the #[pg_test] functions in and installs into a second tree, so that the first never holds test code.
# --checked is for the server with assertions (tools/checked-server.sh), in trees of its own.
# --ablation builds the switches of src/ablation.rs in, in a debug build and for a third tree, where nothing else looks.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

profile=(--release)
features=
test=()
base="$PG_TREE"
suffix=
while [ $# -gt 0 ]; do
    case "$1" in
        --release) profile=(--release) ;;
        --quick) profile=(--profile testing) ;;
        --debug) profile=() ;;
        --features) features="${2:?--features needs a value}"; shift ;;
        --test)
            test=(--test)
            features="$features pg_test"
            suffix=-test
            ;;
        --checked) base="$PG_CHECKED_TREE" ;;
        --ablation)
            profile=()
            features="$features ablation"
            suffix=-ablation
            ;;
        *) die "unknown option $1" ;;
    esac
    shift
done

tree="$base$suffix"
[[ "$features" != *ablation* || "$tree" = "$PG_ABLATION_TREE" ]] || die "the feature ablation is for --ablation"
[ "$features" = "${features/old_minors/}" ] || die "the feature old_minors goes with a tree whose minor needs it"
[ ! -f "$base/old-minor" ] || features="$features old_minors"
[ -x "$CARGO_PGRX" ] && [ -f "$base/complete" ] || die "run tools/setup.sh first"
if [ "$tree" != "$base" ] && [ ! -f "$tree/complete" ]; then
    rm -rf "$tree"
    cp -a "$base" "$tree"
fi

# Readable whatever the caller's umask is: servers run as another user when we are root.
umask 022
scripts="$tree/usr/share/postgresql/$PG_MAJOR/extension"
before=$(mktemp)
trap 'rm -f "$before"' EXIT
"$CARGO_PGRX" pgrx install "${profile[@]}" "${test[@]}" --features "pg$PG_MAJOR $features" \
    --pg-config "$tree/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
# The extension whose function postgres_fdw sends, and the script for data servers.
install -m 644 remote/splitplane_* "$scripts/"
# Scripts that this did not write would make a server here offer what a new one does not.
find "$scripts" -name 'splitplane--*.sql' ! -newer "$before" -delete
