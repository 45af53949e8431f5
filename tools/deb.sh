#!/usr/bin/env bash
# Builds the Debian package of one major: target/deb/postgresql-NN-splitplane_VERSION_ARCH.deb.
#
#   tools/deb.sh [MAJOR]
#
# The library is built by tools/stage.sh. The package is put together here, with dpkg-deb alone: what it depends on is written by
# hand, since what debhelper's helpers write depends on the machine that they run on. Names, order, owners, modes and times are
# fixed, so that the same commit gives the same bytes.
set -euo pipefail
# The major of the package is not that of the tests, and may be one that they have no server of.
unset SPLITPLANE_PG_MAJOR
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$ROOT"

# Counts the packages of one version. Back to 1 with the next.
revision=1

[ $# -le 1 ] || die "usage: tools/deb.sh [MAJOR]"
major="${1:-$PG_MAJOR}"
floor="$(package_floor "$major")"
config="$(package_pg_config "$major")"
for program in dpkg-deb strip readelf; do
    command -v "$program" >/dev/null || die "there is no $program: Debian has it in dpkg and binutils"
done
SOURCE_DATE_EPOCH="$(package_epoch)"
export SOURCE_DATE_EPOCH

stage="$PACKAGE_TARGET/stage/$major"
tools/stage.sh --pg-config "$config" "$stage"

version="$(package_version)-$revision"
architecture="$(dpkg --print-architecture)"
package="postgresql-$major-splitplane"
umask 022
scratch="$(mktemp -d "$PACKAGE_TARGET/package.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
root="$scratch/root"
documents="$root/usr/share/doc/$package"
mkdir -p "$root/DEBIAN" "$root/usr/lib/postgresql/$major/lib" "$root/usr/share/postgresql/$major/extension" "$documents/docs"
cp "$stage/lib/splitplane.so" "$root/usr/lib/postgresql/$major/lib/"
cp "$stage"/share/extension/* "$root/usr/share/postgresql/$major/extension/"

# README.md leads to the pages of docs and to these.
cp README.md SECURITY.md CONTRIBUTING.md "$documents/"
pages=(docs/*.md docs/*.svg docs/*.sql)
# What somebody has lying about there belongs to no package.
! is_clone || mapfile -t pages < <(git ls-files -- "${pages[@]}")
cp "${pages[@]}" "$documents/docs/"
gzip -9n <CHANGELOG.md >"$documents/changelog.gz"
{
    printf 'splitplane (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' packaging/deb/control.in)" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$documents/changelog.Debian.gz"
"$(package_python)" tools/linked_crates.py "$major" --sbom "$documents/sbom.cdx.json" --copyright "$documents/copyright"

depends="postgresql-$major (>= $floor), $(package_libraries "$stage/lib/splitplane.so")"
# Since Debian 13 names such as US/Eastern are in a package that the server's does not depend on.
recommends=
[ "$major" -lt 17 ] || recommends='Recommends: tzdata-legacy'

find "$root" -type f -exec chmod 644 {} +
find "$root" -type d -exec chmod 755 {} +
# In kibibytes, each file rounded up, a folder counting one.
size="$(find "$root/usr" -type f -printf '%s\n' -o -type d -printf '1024\n' | awk '{ all += int(($1 + 1023) / 1024) } END { print all }')"
sed "s/@MAJOR@/$major/g; s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/
    s/@DEPENDS@/$depends/; s/@RECOMMENDS@/$recommends/; /^\$/d" packaging/deb/control.in >"$root/DEBIAN/control"
for script in postinst prerm; do
    sed "s/@MAJOR@/$major/g" "packaging/deb/$script.in" >"$root/DEBIAN/$script"
    chmod 755 "$root/DEBIAN/$script"
done
(cd "$root" && find usr -type f -print | LC_ALL=C sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
# Only times that are later than the epoch would be put back by dpkg-deb.
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

deb="$PACKAGE_TARGET/${package}_${version}_$architecture.deb"
package_build "$root" "$scratch/made.deb"
mv "$scratch/made.deb" "$deb"
sha256sum "${deb#"$ROOT/"}"
