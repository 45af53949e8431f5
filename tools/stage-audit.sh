#!/usr/bin/env bash
# Builds the program that verifies audit logs, for packages and `make install`: FOLDER/bin/splitplane-audit, stripped.
#
#   tools/stage-audit.sh FOLDER
#
# It knows nothing of PostgreSQL, so it is one for all majors. The same commit gives the same bytes, as in tools/stage.sh.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$ROOT"

[ $# = 1 ] || die "usage: tools/stage-audit.sh FOLDER"
folder="$1"
umask 022
export CARGO_TARGET_DIR="$PACKAGE_TARGET/cargo-audit"
same_bytes_flags
same_bytes cargo build --quiet --release --locked --no-default-features --bin splitplane-audit
mkdir -p "$folder/bin"
strip --strip-unneeded --remove-section=.comment --remove-section=.note -o "$folder/bin/splitplane-audit.new" \
    "$CARGO_TARGET_DIR/release/splitplane-audit"
chmod 755 "$folder/bin/splitplane-audit.new"
mv "$folder/bin/splitplane-audit.new" "$folder/bin/splitplane-audit"
