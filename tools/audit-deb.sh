#!/usr/bin/env bash
# Builds the Debian package of the program that verifies audit logs: target/deb/splitplane-audit_VERSION_ARCH.deb.
#
#   tools/audit-deb.sh
#
# It depends on no PostgreSQL: it is for the machine that keeps the checkpoints. Put together as in tools/deb.sh.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$ROOT"

# Counts the packages of one version. Back to 1 with the next.
revision=1

[ $# = 0 ] || die "usage: tools/audit-deb.sh"
for program in dpkg-deb strip readelf; do
    command -v "$program" >/dev/null || die "there is no $program: Debian has it in dpkg and binutils"
done
SOURCE_DATE_EPOCH="$(package_epoch)"
export SOURCE_DATE_EPOCH
umask 022
mkdir -p "$PACKAGE_TARGET"
stage="$PACKAGE_TARGET/stage/audit"
tools/stage-audit.sh "$stage"

package=splitplane-audit
version="$(package_version)-$revision"
architecture="$(dpkg --print-architecture)"
scratch="$(mktemp -d "$PACKAGE_TARGET/package.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
root="$scratch/root"
documents="$root/usr/share/doc/$package"
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$documents"
cp "$stage/bin/splitplane-audit" "$root/usr/bin/"
cp docs/audit.md "$documents/"
gzip -9n <CHANGELOG.md >"$documents/changelog.gz"
{
    printf 'splitplane (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' packaging/audit/control.in)" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$documents/changelog.Debian.gz"
"$(package_python)" tools/linked_crates.py audit --sbom "$documents/sbom.cdx.json" --copyright "$documents/copyright"

find "$root" -type f -exec chmod 644 {} +
find "$root" -type d -exec chmod 755 {} +
chmod 755 "$root/usr/bin/splitplane-audit"
size="$(find "$root/usr" -type f -printf '%s\n' -o -type d -printf '1024\n' | awk '{ all += int(($1 + 1023) / 1024) } END { print all }')"
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/
    s/@DEPENDS@/$(package_libraries "$root/usr/bin/splitplane-audit")/" packaging/audit/control.in >"$root/DEBIAN/control"
(cd "$root" && find usr -type f -print | LC_ALL=C sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

deb="$PACKAGE_TARGET/${package}_${version}_$architecture.deb"
package_build "$root" "$scratch/made.deb"
mv "$scratch/made.deb" "$deb"
sha256sum "${deb#"$ROOT/"}"
