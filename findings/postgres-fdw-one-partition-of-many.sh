#!/usr/bin/env bash
# postgres_fdw: an aggregate or a join over a partitioned table fetches the rows, also where one foreign partition is left.
#
# Version: PostgreSQL 15 with postgres_fdw (package postgresql-15), of Debian 12.
#
# Behaviour: a table is partitioned by LIST, its partitions are foreign tables, and a condition with a constant leaves one of them. The
# plan has one foreign scan and nothing else of the other partitions. Even so count(*), and a join with another such table, are done
# here over all rows of that partition, with enable_partitionwise_aggregate and enable_partitionwise_join on as well; the same query that
# names the partition itself is done over there, and one row comes back. It is the partitioned table's scan, with one child, that stands
# between: PostgreSQL takes it out of the plan only after it has decided what a foreign server does. GROUP BY the column that it is partitioned
# by, which changes nothing in the answer, has the count done over there.
#
# Output seen (what is asked of the other server, 10,000 rows of tenant 1):
#   count over the parent: SELECT NULL FROM public.orders_1 WHERE ((tenant = 1)) (rows 10000)
#   count over the partition: SELECT count(*) FROM public.orders_1 WHERE ((tenant = 1)) (rows 1)
#   count over the parent, grouped by the key: SELECT count(*), tenant FROM public.orders_1 WHERE ((tenant = 1)) GROUP BY 2 (rows 1)
#   join over the parents: 2 foreign scans
#   join over the partitions: 1 foreign scan
# shellcheck source=tools/finding-server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/finding-server.sh"

start_server enable_partitionwise_aggregate=on enable_partitionwise_join=on
sql -c "CREATE DATABASE there"
sql -d there <<'S'
CREATE TABLE orders_1 AS SELECT 1 AS tenant, i AS id, i % 7 AS store FROM generate_series(1, 10000) AS i;
CREATE TABLE orders_2 AS SELECT 2 AS tenant, i AS id, i % 7 AS store FROM generate_series(1, 10000) AS i;
CREATE TABLE stores_1 AS SELECT 1 AS tenant, i AS store FROM generate_series(0, 6) AS i;
CREATE TABLE stores_2 AS SELECT 2 AS tenant, i AS store FROM generate_series(0, 6) AS i;
ANALYZE;
S
sql <<S
CREATE EXTENSION postgres_fdw;
CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '$PGPORT', dbname 'there', use_remote_estimate 'true');
CREATE USER MAPPING FOR postgres SERVER there;
CREATE TABLE orders (tenant int NOT NULL, id int, store int) PARTITION BY LIST (tenant);
CREATE TABLE stores (tenant int NOT NULL, store int) PARTITION BY LIST (tenant);
CREATE FOREIGN TABLE orders_1 PARTITION OF orders FOR VALUES IN (1) SERVER there;
CREATE FOREIGN TABLE orders_2 PARTITION OF orders FOR VALUES IN (2) SERVER there;
CREATE FOREIGN TABLE stores_1 PARTITION OF stores FOR VALUES IN (1) SERVER there;
CREATE FOREIGN TABLE stores_2 PARTITION OF stores FOR VALUES IN (2) SERVER there;
S

plan() { sql -c "EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off, SUMMARY off) $1"; }
# What is asked of the other server, and how many rows it gives.
asked() {
    plan "$1" | python3 -c '
import re, sys
text = sys.stdin.read()
rows = re.search(r"Foreign Scan.*\(actual rows=(\d+)", text)[1]
print(re.search(r"Remote SQL: (.*)", text)[1], f"(rows {rows})")'
}
scans() { plan "$1" | grep -c 'Foreign Scan'; }

[ "$(sql -c "SELECT count(*) FROM orders WHERE tenant = 1" -c "SELECT count(*) FROM orders_1 WHERE tenant = 1")" = $'10000\n10000' ]
expect "what an aggregate over one foreign partition asks for" \
    "count over the parent: SELECT NULL FROM public.orders_1 WHERE ((tenant = 1)) (rows 10000)
count over the partition: SELECT count(*) FROM public.orders_1 WHERE ((tenant = 1)) (rows 1)
count over the parent, grouped by the key: SELECT count(*), tenant FROM public.orders_1 WHERE ((tenant = 1)) GROUP BY 2 (rows 1)" \
    "count over the parent: $(asked "SELECT count(*) FROM orders WHERE tenant = 1")
count over the partition: $(asked "SELECT count(*) FROM orders_1 WHERE tenant = 1")
count over the parent, grouped by the key: $(asked "SELECT count(*) FROM orders WHERE tenant = 1 GROUP BY tenant")"
joined="USING (tenant, store) WHERE tenant = 1"
expect "a join over one foreign partition of each" \
    "join over the parents: 2 foreign scans
join over the partitions: 1 foreign scan" \
    "join over the parents: $(scans "SELECT * FROM orders JOIN stores $joined") foreign scans
join over the partitions: $(scans "SELECT * FROM orders_1 JOIN stores_1 $joined") foreign scan"
