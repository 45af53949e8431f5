#!/usr/bin/env bash
# curl signs, psql asks. The request goes nowhere: curl prints the headers as soon as something has accepted its connection, here a
# socket of PostgreSQL, which hangs up on it and logs "invalid length of startup packet". Neither secret nor context is on a command line.
set -euo pipefail

sql='SELECT count(*) AS orders, sum(total) AS revenue FROM orders'

signed() {
    curl --silent --verbose --unix-socket "${PGHOST:-/var/run/postgresql}/.s.PGSQL.${PGPORT:-5432}" http://shop/ask \
        --aws-sigv4 aws:amz:us-east-1:splitplane --config <(printf 'user = "AKSPSHOP2026:%s"\n' "$SPLITPLANE_SECRET") \
        --header 'x-splitplane-tenant: brand-a' \
        --header "x-splitplane-nonce: $(openssl rand -hex 16)" \
        --data-binary "$sql" 2>&1 || true
}

# The headers as curl wrote them, "> name: value" a line, become the context.
HEADERS="$(signed)" QUERY="$sql" psql -qAt -v ON_ERROR_STOP=1 'dbname=shop user=analytics_app' <<'SQL'
\getenv headers HEADERS
\getenv sql QUERY
SELECT jsonb_object_agg(header[1], header[2]) AS context
  FROM regexp_matches(:'headers', '^> ([^: ]+): ?([^\r\n]*)', 'gn') AS header \gset
SELECT ask(:'context'::text::jsonb, sql => :'sql') -> 'rows';
SQL
