#!/usr/bin/env bash
# Data frame readers that run the query that they are given more than once.
#
# Versions: connectorx 0.4.6 with pandas 3.1.1, dask 2026.8.0 with SQLAlchemy 2.1.9 and psycopg2 2.9.13; PostgreSQL 15 of
# Debian 12. Neither says so where the query is passed; one whose function has an effect, or that is good for one execution,
# has it twice or fails. Each count is of executions of one volatile function in one call of the reader.
#
# Output:
#   connectorx, pandas 2
#   connectorx, arrow 1
#   connectorx, pandas, 2 partitions 4
#   dask, 2 partitions 4
#   pandas 1
# connectorx counts the rows first for pandas; with partition_on it asks for least and greatest value, counts, and runs each
# partition. dask reads a head for the types, least and greatest value, and each partition.
# shellcheck source=findings/server.sh
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

start_server
count_calls
python_with connectorx==0.4.6 pandas==3.1.1 pyarrow==26.0.1 'dask[dataframe]==2026.8.0' sqlalchemy==2.1.9 psycopg2-binary==2.9.13
read_with() { "$FOLDER/python/bin/python" -W ignore -c "$2" "$URL" >/dev/null; echo "$1 $(calls)"; }
seen="$(
    read_with "connectorx, pandas" 'import sys, connectorx; connectorx.read_sql(sys.argv[1], "SELECT i FROM asked()")'
    read_with "connectorx, arrow" 'import sys, connectorx; connectorx.read_sql(sys.argv[1], "SELECT i FROM asked()", return_type="arrow")'
    read_with "connectorx, pandas, 2 partitions" \
        'import sys, connectorx; connectorx.read_sql(sys.argv[1], "SELECT i FROM asked()", partition_on="i", partition_num=2)'
    read_with "dask, 2 partitions" 'import sys, dask.dataframe, sqlalchemy
from sqlalchemy import column, func, select
query = select(column("i")).select_from(func.asked().table_valued("i"))
dask.dataframe.read_sql_query(query, sys.argv[1].replace("postgresql", "postgresql+psycopg2"), index_col="i", npartitions=2).compute()'
    read_with "pandas" 'import sys, pandas, sqlalchemy
pandas.read_sql("SELECT i FROM asked()", sqlalchemy.create_engine(sys.argv[1].replace("postgresql", "postgresql+psycopg2")))'
)"
expect "executions of one query" "connectorx, pandas 2
connectorx, arrow 1
connectorx, pandas, 2 partitions 4
dask, 2 partitions 4
pandas 1" "$seen"
