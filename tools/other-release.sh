#!/usr/bin/env bash
# Unpacks PostgreSQL as another Debian release has it into .tools, with every shared library that it needs; the machine gets nothing.
#
# The programs are told where their own loader and libraries lie (patchelf), so that they run beside those of the machine's release,
# without root and without a root folder. What is compiled here runs in them: their C library is the newer one. Called by setup.sh.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The release that has a major as packages. An older one than the machine's would not load what is compiled here.
declare -A releases=([17]=trixie [18]=sid [19]=experimental)
release="${releases[$PG_MAJOR]:-}"
[ -n "$release" ] || die "no newer Debian release is known that has PostgreSQL $PG_MAJOR as packages"
# shellcheck source=/dev/null
own="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"

# Unpacked here, and moved to $PG_TREE by the caller.
tree="${1:?folder to unpack into}"
shift
scratch="$(mktemp -d "$TOOLS/release.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT

# The machine's own sources, of the other release.
mkdir -p "$scratch"/lists/partial "$scratch"/cache/archives/partial "$scratch/sources" "$scratch/debs"
: >"$scratch/preferences"
case "$release" in
    sid | experimental)
        # Nothing stands beside these for updates, and what experimental lacks is in sid.
        mirror="$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null || true; } |
            sed -nE '/security/d; s,^(deb |URIs: )(.* )?([a-z+]+://[^ ]+).*,\3,p' | head -n 1)"
        [ -n "$mirror" ] || die "the machine has no sources of Debian packages"
        for suite in sid experimental; do
            [ "$suite:$release" = experimental:sid ] || printf 'deb [signed-by=%s] %s %s main\n' \
                /usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$suite"
        done >"$scratch/sources/machine.list"
        # Of experimental, what is made of the server's own source and nothing else.
        printf 'Package: src:postgresql-%s\nPin: release a=%s\nPin-Priority: 990\n' "$PG_MAJOR" "$release" >"$scratch/preferences"
        ;;
    *)
        for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
            name="$(basename "$list")"
            [ ! -f "$list" ] || sed "s/\b$own\b/$release/g" "$list" >"$scratch/sources/${name/#sources.list/machine.list}"
        done
        ;;
esac
: >"$scratch/status"
archive() {
    "$1" -qq -o APT::Sandbox::User="$(id -un)" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$scratch/sources" \
        -o Dir::Etc::preferences="$scratch/preferences" -o Dir::State::lists="$scratch/lists" \
        -o Dir::State::status="$scratch/status" -o Dir::Cache="$scratch/cache" "${@:2}"
}
say "unpacking PostgreSQL $PG_MAJOR of Debian's release $release into .tools"
archive apt-get update || { printf 'error: the package archive has no release %s\n' "$release" >&2; exit "$UNREACHABLE"; }
candidate="$(archive apt-cache policy "postgresql-$PG_MAJOR" | sed -n 's/^ *Candidate: //p')"
dpkg --compare-versions "${candidate:-0}" ge "$PG_OLDEST" ||
    die "release $release offers PostgreSQL ${candidate:-none}; at least $PG_OLDEST is needed"
# Extensions that the release does not have for this major are left out, and so are the tests that want them.
wanted=()
for package in "$@"; do
    candidate="$(archive apt-cache policy "$package" | sed -n 's/^ *Candidate: //p')"
    if [ "${candidate:-(none)}" != '(none)' ]; then
        wanted+=("$package")
    fi
done
set -- "${wanted[@]}"

# Libraries alone: no compiler of plans, no Perl, nothing that only rasters need.
mapfile -t libraries < <(archive apt-get -s --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
    grep -E '^(lib|zlib)' | grep -vE '^lib(llvm|gdal|sfcgal|perl|debconf|json-perl)')
(cd "$scratch/debs" && archive apt-get download "$@" "postgresql-server-dev-$PG_MAJOR" libpq-dev "${libraries[@]}")
for deb in "$scratch/debs"/*.deb; do
    dpkg-deb -x "$deb" "$tree"
done
# A server without this file compiles no plans.
rm -f "$tree/usr/lib/postgresql/$PG_MAJOR/lib/llvmjit.so"
rm -rf "${tree:?}"/{etc,var,run,usr/bin,usr/sbin,usr/share/{doc,locale,man,lintian,bug}}

# Where a program looks for what it is linked with; what it loads later looks there as well.
machine="$(uname -m)-linux-gnu"
interpreter="$(find "$tree/usr" -name 'ld-linux-*.so.*' -print -quit)"
[ -n "$interpreter" ] || die "release $release brings no loader"
interpreter="$PG_TREE${interpreter#"$tree"}"
while IFS= read -r program; do
    patchelf --print-interpreter "$program" >/dev/null 2>&1 || continue
    patchelf --set-interpreter "$interpreter" "$program"
    patchelf --force-rpath --set-rpath "$PG_TREE/usr/lib/$machine" "$program"
done < <(find "$tree/usr/lib/postgresql/$PG_MAJOR" -type f -perm -u+x)
