#!/usr/bin/env bash
# postgres_fdw: a condition on a column of type name is never sent, so a catalog over there is fetched as a whole.
#
# Version: PostgreSQL 15 with postgres_fdw (package postgresql-15), of Debian 12.
#
# Behaviour: IMPORT FOREIGN SCHEMA gives a catalog's columns the types that they have, among them name. relname = 'orders' is then
# evaluated here over every row of pg_class, and a join of two catalogs by names is as well; oid = 1259 beside it is sent. Declared as text,
# over the same remote column, the same condition is sent, and one row comes back. What decides is the collation: name has "C", so that the
# constant has another one than the database's default, and postgres_fdw sends no constant that has.
#
# Output seen (what is asked of the other server; 500 tables there):
#   by name, as imported: SELECT relname, relkind FROM pg_catalog.pg_class (rows more than 500)
#   by oid, as imported: SELECT relname, relkind FROM pg_catalog.pg_class WHERE ((oid = 1259::oid)) (rows 1)
#   by name, as text: SELECT relname, relkind FROM pg_catalog.pg_class WHERE ((relname = 'table_7')) (rows 1)
# shellcheck source=tools/finding-server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/finding-server.sh"

start_server
sql -c "CREATE DATABASE there"
sql -d there -c "DO 'BEGIN FOR i IN 1..500 LOOP EXECUTE format(''CREATE TABLE table_%s ()'', i); END LOOP; END'" -c "ANALYZE pg_class"
sql <<S
CREATE EXTENSION postgres_fdw;
CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '$PGPORT', dbname 'there');
CREATE USER MAPPING FOR postgres SERVER there;
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA pg_catalog LIMIT TO (pg_class) FROM SERVER there INTO imported;
CREATE FOREIGN TABLE as_text (oid oid, relname text, relkind "char") SERVER there OPTIONS (schema_name 'pg_catalog', table_name 'pg_class');
S

# What is asked of the other server, and how many rows it gives.
asked() {
    sql -c "EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off, SUMMARY off) SELECT relname, relkind FROM $1" | python3 -c '
import re, sys
text = sys.stdin.read()
rows = int(re.search(r"actual rows=(\d+)", text)[1]) + sum(map(int, re.findall(r"Rows Removed by Filter: (\d+)", text)))
print(re.search(r"Remote SQL: (.*)", text)[1], "(rows", "more than 500)" if rows > 500 else f"{rows})")'
}

answer="SELECT relname FROM"
[ "$(sql -c "$answer imported.pg_class WHERE relname = 'table_7'" -c "$answer as_text WHERE relname = 'table_7'")" = $'table_7\ntable_7' ]
expect "what a condition on a column of type name asks for" \
    "by name, as imported: SELECT relname, relkind FROM pg_catalog.pg_class (rows more than 500)
by oid, as imported: SELECT relname, relkind FROM pg_catalog.pg_class WHERE ((oid = 1259::oid)) (rows 1)
by name, as text: SELECT relname, relkind FROM pg_catalog.pg_class WHERE ((relname = 'table_7')) (rows 1)" \
    "by name, as imported: $(asked "imported.pg_class WHERE relname = 'table_7'")
by oid, as imported: $(asked "imported.pg_class WHERE oid = 1259")
by name, as text: $(asked "as_text WHERE relname = 'table_7'")"
