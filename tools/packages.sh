# What the tools that make packages share; sourced after common.sh, never run.
# shellcheck shell=bash

# Below which minor of a major splitplane refuses. A package must not be installable there.
package_floor() {
    SPLITPLANE_PG_MAJOR="${1:-none}" bash -c 'source "$1/tools/common.sh" && echo "$PG_FLOOR"' - "$ROOT" 2>/dev/null ||
        die "splitplane has no package for PostgreSQL ${1:-(none)}: a major from 15 to 19 is wanted"
}

# package_pg_config MAJOR: of the project's own server, or of the machine's development package, in this order. Headers of a minor that
# splitplane does not run on are refused: a library may need what only they have.
package_pg_config() {
    local config version floor older=
    floor="$(package_floor "$1")"
    for config in "$TOOLS/pg$1/usr/lib/postgresql/$1/bin/pg_config" "/usr/lib/postgresql/$1/bin/pg_config"; do
        [ -x "$config" ] || continue
        [ -f "$("$config" --includedir-server)/postgres.h" ] || continue
        version="$("$config" --version | sed -n 's/^PostgreSQL \([0-9][^ ]*\).*/\1/p')"
        # Debian sorts a tilde before everything, as a beta is before the first release.
        if dpkg --compare-versions "$(sed -E 's/(beta|rc|devel)/~\1/' <<<"$version")" ge "$floor"; then
            printf '%s\n' "$config"
            return
        fi
        older=" of $floor or newer (those that are here are of $version)"
    done
    die "there are no headers of PostgreSQL $1$older: install postgresql-server-dev-$1"
}

is_clone() { [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$ROOT" ]; }

# When everything in a package was made: the last commit.
package_epoch() {
    if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
        printf '%s\n' "$SOURCE_DATE_EPOCH"
    elif is_clone; then
        git log -1 --format=%ct
    else
        die "this is no git clone, so SOURCE_DATE_EPOCH must say of when the package is, in seconds since 1970"
    fi
}

package_version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# Of tools/setup.sh, or any that is new enough: these tools need nothing but the standard library.
package_python() {
    local python
    for python in "$VENV/bin/python" python3 /usr/bin/python3; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$python"
            return
        fi
    done
    die "Python 3.11 or newer is needed"
}

# remap FROM TO: keeps a path of this machine out of what is built. The last that matches counts.
remap() { rust_flags+="${rust_flags:+$'\x1f'}--remap-path-prefix=$1=$2"; c_flags+="${c_flags:+ }-ffile-prefix-map=$1=$2"; }

# Sets rust_flags and c_flags so that no path of this machine shows in what is built. The folders of crates exist once they are
# fetched. Their name holds the registry that this machine uses, hence one flag for each.
same_bytes_flags() {
    local crates
    case "$ROOT" in *[[:space:]]*) die "a package cannot be built in a folder whose name has a space" ;; esac
    cargo fetch --locked --quiet
    rust_flags=
    c_flags=
    for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
        remap "${crates%/}" /registry
    done
    remap "$(rustc --print sysroot)" /rust
    # A registry may lie in the checkout.
    remap "$ROOT" /splitplane
}

# same_bytes COMMAND...: builds with these flags. Nothing that is built is dated, and cargo would build all C code anew with each commit.
same_bytes() {
    env -u SOURCE_DATE_EPOCH -u RUSTFLAGS -u CFLAGS_x86_64_unknown_linux_gnu -u CFLAGS_aarch64_unknown_linux_gnu -u HOST_CFLAGS -u TARGET_CFLAGS \
        CARGO_ENCODED_RUSTFLAGS="$rust_flags" CFLAGS="$c_flags" "$@"
}

# What the .deb packages are compressed and owned by: one thread, since how many there are would show in the bytes.
package_build() { dpkg-deb --root-owner-group -Zxz -z6 --threads-max=1 --build "$1" "$2" >/dev/null; }

# package_needs FILE PREFIX: the highest version of a library's symbols that a file asks for.
package_needs() {
    readelf --version-info --wide "$1" | grep -oE "\b$2_[0-9][0-9.]*" | sed "s/^$2_//" | sort -uV | tail -n 1
}

# package_libraries FILE: the packages of the shared libraries that it needs, as Depends has them.
package_libraries() {
    local library depends
    depends="libc6 (>= $(package_needs "$1" GLIBC))"
    while IFS= read -r library; do
        case "$library" in
            libc.so.6 | libm.so.6 | ld-linux-*.so.*) ;;
            libgcc_s.so.1) depends="libgcc-s1 (>= $(package_needs "$1" GCC)), $depends" ;;
            *) die "${1##*/} needs $library: which package has it is to be written down in tools/packages.sh" ;;
        esac
    done < <(readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    printf '%s\n' "$depends"
}
