#!/usr/bin/env bash
# postgres_fdw through PgBouncer in transaction mode: other clients of the pool do not find their tables any more.
#
# Version: PgBouncer 1.18 and PostgreSQL 15 with postgres_fdw (packages pgbouncer, postgresql-15), of Debian 12.
#
# Behaviour: when postgres_fdw connects it says SET search_path = pg_catalog, SET timezone = 'GMT' and more of the kind, for the session, and it never takes
# them back, since the session is its own. In transaction mode it is PgBouncer's: the next client that gets this server connection has the
# search path pg_catalog, and its unqualified names are not found. The time zone is put right, since PostgreSQL reports it to PgBouncer.
# The other way round, postgres_fdw's own transactions come to server connections in which nothing was set: a view there that shows its session's search
# path gives another one for the same foreign table.
#
# Output seen:
#   before postgres_fdw came: orders 3, search path "$user", public, time zone Etc/UTC
#   after: ERROR: relation "orders" does not exist, search path pg_catalog, time zone Etc/UTC
#   what postgres_fdw finds: pg_catalog, and in a new server connection "$user", public
# shellcheck source=tools/finding-server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/finding-server.sh"

unpack pgbouncer libc-ares2 libevent-2.1-7
start_server timezone=Etc/UTC
POOL="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
cat >"$FOLDER/pooler.ini" <<I
[databases]
there = host=127.0.0.1 port=$PGPORT dbname=there user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $POOL
unix_socket_dir =
auth_type = any
admin_users = postgres
pool_mode = transaction
default_pool_size = 1
ignore_startup_parameters = extra_float_digits, options
logfile = $FOLDER/data/pooler.log
pidfile = $FOLDER/data/pooler.pid
I
chmod a+r "$FOLDER/pooler.ini"
as_server env LD_LIBRARY_PATH="$FOLDER/tree/usr/lib/$(uname -m)-linux-gnu" "$FOLDER/tree/usr/sbin/pgbouncer" -q -d "$FOLDER/pooler.ini"
leave_both() { kill "$(cat "$FOLDER/data/pooler.pid")" 2>/dev/null || true; leave; }
trap leave_both EXIT

sql -c "CREATE DATABASE there"
sql -d there -c "CREATE TABLE orders AS SELECT generate_series(1, 3) AS id" \
    -c "CREATE VIEW path AS SELECT current_setting('search_path') AS path"
sql <<S
CREATE EXTENSION postgres_fdw;
CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '$POOL', dbname 'there');
CREATE USER MAPPING FOR postgres SERVER there OPTIONS (user 'postgres');
CREATE FOREIGN TABLE path (path text) SERVER there;
S
pooled() { "$BINARIES/psql" -XqAt -h 127.0.0.1 -p "$POOL" -d "$1" -c "$2" 2>&1 | head -1 | tr -s ' '; }
seen() { echo "$(pooled there 'SELECT count(*) FROM orders'), search path $(pooled there 'SHOW search_path'), time zone $(pooled there 'SHOW timezone')"; }

before="$(seen)"
# The pool has one server connection. Two transactions of one session: the second after PgBouncer has closed that one.
sql -v pool="$POOL" >"$FOLDER/data/found" <<S
SELECT path FROM path;
\! "$BINARIES/psql" -XqAt -h 127.0.0.1 -p $POOL -d pgbouncer -c "RECONNECT there" -c "WAIT_CLOSE there"
SELECT path FROM path;
S
found="$(paste -sd '|' "$FOLDER/data/found")"
sql -c "SELECT path FROM path" >/dev/null
# shellcheck disable=SC2016
expect "what postgres_fdw leaves in a pool, and finds there" \
    'before postgres_fdw came: orders 3, search path "$user", public, time zone Etc/UTC
after: ERROR: relation "orders" does not exist, search path pg_catalog, time zone Etc/UTC
what postgres_fdw finds: pg_catalog, and in a new server connection "$user", public' \
    "before postgres_fdw came: orders $before
after: $(seen)
what postgres_fdw finds: ${found%%|*}, and in a new server connection ${found##*|}"
