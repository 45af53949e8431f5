#!/usr/bin/env bash
# Installs what tools/stage.sh built into the PostgreSQL of a pg_config, as `make install` of an extension does.
#
#   tools/install-stage.sh PG_CONFIG STAGE [DESTDIR]
#
# A file is put beside its place and renamed: a server that runs has the library mapped, and would crash if its bytes changed.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

config="${1:?a pg_config}"
stage="${2:?what tools/stage.sh made}"
destination="${3:-}"
[ -f "$stage/major" ] || die "nothing is built: run \`make all PG_CONFIG=$config\` first"
built="$(cat "$stage/major")"
major="$("$config" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')"
[ "$built" = "$major" ] || die "what is built is for PostgreSQL $built, and $config is of ${major:-none}: run \`make all\` with it first"

# put FOLDER DESTINATION MODE
put() {
    install -d "$destination$2"
    for file in "$1"/*; do
        install -m "$3" "$file" "$destination$2/.${file##*/}.new"
        mv -f "$destination$2/.${file##*/}.new" "$destination$2/${file##*/}"
        printf '%s\n' "$destination$2/${file##*/}"
    done
}
put "$stage/lib" "$("$config" --pkglibdir)" 644
put "$stage/share/extension" "$("$config" --sharedir)/extension" 644
[ ! -d "$stage/bin" ] || put "$stage/bin" "$("$config" --bindir)" 755
