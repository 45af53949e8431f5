#!/usr/bin/env bash
# psycopg: after Cursor.stream() the first statement of a pipeline is executed, and its answer cannot be read.
#
# Version: psycopg 3.3.9 (binary). The statement runs and is committed; the program sees an error. Whoever tries again runs it
# twice. A statement between the two avoids it.
#
# Output:
#   stream, pipeline: InternalError, executed 1
#   stream, statement, pipeline: read [1], executed 1
# shellcheck source=findings/server.sh
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

start_server
count_calls
python_with 'psycopg[binary]==3.3.9'
seen="$(for between in "" ", statement"; do
    told="$("$FOLDER/python/bin/python" - "$URL" "$between" <<'P'
import sys

import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    with connection.cursor() as cursor:
        list(cursor.stream("SELECT 1"))
    if sys.argv[2]:
        connection.execute("SELECT 1")
    try:
        with connection.pipeline():
            cursor = connection.execute("SELECT min(i) FROM asked()")
        print("read", [row[0] for row in cursor.fetchall()])
    except psycopg.Error as error:
        print(type(error).__name__)
P
)"
    echo "stream$between, pipeline: $told, executed $(calls)"
done)"
expect "a pipeline after stream()" "stream, pipeline: InternalError, executed 1
stream, statement, pipeline: read [1], executed 1" "$seen"
