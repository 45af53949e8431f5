# A plain PostgreSQL 15 of Debian's in a temporary folder, without splitplane; sourced by the findings, never run.
# shellcheck shell=bash
#
# After `start_server [setting=value]...` a server listens on 127.0.0.1 and in a socket folder; PGHOST, PGPORT, PGUSER and
# PGDATABASE lead psql to it, URL holds the same as an address. Server and folder go when the script ends.
set -euo pipefail

FOLDER="$(mktemp -d /tmp/finding.XXXXXX)"
chmod 755 "$FOLDER"
SERVER_USER="$(id -un)"
[ "$(id -u)" != 0 ] || SERVER_USER=nobody
BINARIES="$FOLDER/tree/usr/lib/postgresql/15/bin"

as_server() {
    if [ "$(id -u)" = 0 ]; then runuser -u "$SERVER_USER" -- env HOME="$FOLDER" "$@"; else "$@"; fi
}

leave() {
    [ ! -e "$FOLDER/data/postmaster.pid" ] || as_server "$BINARIES/pg_ctl" -D "$FOLDER/data" -m immediate -s stop || true
    rm -rf "$FOLDER"
}
trap leave EXIT

# Unpacks Debian's packages; nothing is installed.
unpack() {
    mkdir -p "$FOLDER/packages"
    (cd "$FOLDER/packages" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$@")
    local deb
    for deb in "$FOLDER"/packages/*.deb; do dpkg-deb -x "$deb" "$FOLDER/tree"; done
    rm -rf "$FOLDER/packages"
    chmod -R a+rX "$FOLDER/tree"
}

start_server() {
    local setting options=""
    unpack postgresql-15 postgresql-client-15
    mkdir "$FOLDER/data" "$FOLDER/socket"
    [ "$(id -u)" != 0 ] || chown "$SERVER_USER" "$FOLDER/data" "$FOLDER/socket"
    export PGHOST="$FOLDER/socket" PGUSER=postgres PGDATABASE=postgres PGOPTIONS=
    PGPORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    export PGPORT URL="postgresql://postgres@127.0.0.1:$PGPORT/postgres"
    as_server "$BINARIES/initdb" -D "$FOLDER/data" -U postgres -A trust -E UTF8 --no-locale >/dev/null
    for setting in "$@"; do options+=" -c $setting"; done
    as_server "$BINARIES/pg_ctl" -D "$FOLDER/data" -l "$FOLDER/data/log" -w -s \
        -o "-p $PGPORT -k $FOLDER/socket -c listen_addresses=127.0.0.1$options" start
}

sql() { "$BINARIES/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }

# A Python environment with these packages.
python_with() {
    python3 -m venv "$FOLDER/python"
    "$FOLDER/python/bin/pip" -q --disable-pip-version-check install "$@"
}

# Compares what was seen with what the opening comment says.
expect() {
    local what="$1" wanted="$2" seen="$3"
    if [ "$wanted" != "$seen" ]; then
        printf '%s\nexpected:\n%s\nseen:\n%s\n' "CHANGED: $what" "$wanted" "$seen" >&2
        exit 1
    fi
    printf '%s\n%s\n' "as before: $what" "$seen"
}

# A set-returning function that counts its calls, as a single-use context would.
count_calls() {
    sql -c "CREATE SEQUENCE calls" -c "CREATE FUNCTION asked() RETURNS TABLE (i int) LANGUAGE plpgsql VOLATILE AS
        'BEGIN PERFORM nextval(''calls''); RETURN QUERY SELECT generate_series(1, 100); END'"
}

calls() { sql -c "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM calls" -c "SELECT FROM setval('calls', 1, false)" | head -1; }
