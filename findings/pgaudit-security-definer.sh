#!/usr/bin/env bash
# pgaudit writes no line of a table that is read with another role's rights.
#
# Version: pgaudit 1.7.0-2 (package postgresql-15-pgaudit) with PostgreSQL 15, both of Debian 12.
#
# Behaviour: with pgaudit.log = 'all', and an auditing role (pgaudit.role) that has SELECT on table t, a SECURITY DEFINER function
# reads t. When a role calls it that is no superuser and no member of the function's owner, neither the session's READ line of t nor
# the OBJECT line is written. When a member of the owner or a superuser calls the same function, both are.
#
# Output seen (AUDIT lines that name public.t):
#   caller: 0
#   member of the owner: 2
#   superuser: 2
# shellcheck source=tools/finding-server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/finding-server.sh"

unpack postgresql-15-pgaudit
[ "$(find "$FOLDER/tree/usr/share/doc/postgresql-15-pgaudit" -name 'changelog.Debian.gz' -exec zcat {} + | head -1 | cut -d' ' -f2)" = "(1.7.0-2)" ] ||
    echo "note: another version of pgaudit than 1.7.0-2" >&2
start_server shared_preload_libraries=pgaudit
sql <<'S'
CREATE EXTENSION pgaudit;
CREATE ROLE owner;
CREATE ROLE auditor;
CREATE ROLE caller LOGIN;
CREATE ROLE member LOGIN IN ROLE owner;
CREATE TABLE t (i int);
ALTER TABLE t OWNER TO owner;
GRANT SELECT ON t TO auditor;
CREATE FUNCTION f() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM public.t); END';
ALTER FUNCTION f() OWNER TO owner;
ALTER SYSTEM SET pgaudit.log = 'all';
ALTER SYSTEM SET pgaudit.log_relation = on;
ALTER SYSTEM SET pgaudit.role = 'auditor';
SELECT FROM pg_reload_conf();
S
# Sessions get the settings from the postmaster, which tells in the log that it has them.
for _ in $(seq 300); do
    ! grep -q 'parameter "pgaudit.role" changed' "$FOLDER/data/log" || break
    sleep 0.1
done
lines() { # AUDIT lines of t that a call of f by this role writes
    local before
    before="$(wc -l <"$FOLDER/data/log")"
    sql -U "$1" -c "SELECT FROM f()"
    tail -n "+$((before + 1))" "$FOLDER/data/log" | grep -c 'AUDIT:.*TABLE,public\.t,' || true
}
expect "AUDIT lines of a table read by a SECURITY DEFINER function" "caller: 0
member of the owner: 2
superuser: 2" "caller: $(lines caller)
member of the owner: $(lines member)
superuser: $(lines postgres)"
