#!/usr/bin/env bash
# Builds an image volume of one major: target/deb/splitplane-VERSION-pgNN-ARCH.oci.tar. Nothing is pushed.
#
#   tools/oci.sh [MAJOR]
set -euo pipefail
unset SPLITPLANE_PG_MAJOR
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$ROOT"

[ $# -le 1 ] || die "usage: tools/oci.sh [MAJOR]"
major="${1:-18}"
package_floor "$major" >/dev/null
[ "$major" -ge 18 ] || die "PostgreSQL $major has no extension_control_path, so it finds nothing in a volume: 18 or newer is needed"
config="$(package_pg_config "$major")"
SOURCE_DATE_EPOCH="$(package_epoch)"
export SOURCE_DATE_EPOCH

stage="$PACKAGE_TARGET/stage/$major"
tools/stage.sh --pg-config "$config" "$stage"
case "$(uname -m)" in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) die "splitplane is not built for $(uname -m)" ;;
esac
version="$(package_version)"
file="$PACKAGE_TARGET/splitplane-$version-pg$major-$architecture.oci.tar"
licences="$(mktemp -d "$PACKAGE_TARGET/licences.XXXXXX")"
trap 'rm -rf "$licences"' EXIT
python="$(package_python)"
cp LICENSE "$licences/"
"$python" tools/linked_crates.py "$major" --sbom "$licences/sbom.cdx.json" --copyright "$licences/copyright"
"$python" tools/oci.py "$stage" "$file" --major "$major" --version "$version" --architecture "$architecture" --licences "$licences"
sha256sum "${file#"$ROOT/"}"
