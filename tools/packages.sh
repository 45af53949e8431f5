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
