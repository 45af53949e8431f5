#!/usr/bin/env bash
# PostgreSQL: two dates are equal to one moment in a zone that left out a day, and a join of the two loses rows.
#
# Version: PostgreSQL 15.20 of Debian 12 (the same with 17.12 of Debian 13).
#
# Behaviour: Samoa went from 2011-12-29 to 2011-12-31. In Pacific/Apia both 2011-12-30 and 2011-12-31 begin at the same moment, so
# `date = timestamptz` is true of both. The operator is in a B-tree operator family with `date = date`, where equality is taken
# to be transitive: of `a.d = m.z AND b.d = m.z` the planner derives `a.d = b.d`, joins by that, and two of the four pairs are gone. With
# `b.d + 0`, the control, it derives nothing, and all four are there. In UTC both forms give one pair.
#
# Output seen:
#   Pacific/Apia: 2 pairs, 4 with an expression
#   UTC: 1 pairs, 1 with an expression
# shellcheck source=tools/finding-server.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tools/finding-server.sh"

start_server
sql <<'S'
CREATE TABLE a (d date);
CREATE TABLE b (d date);
CREATE TABLE m (z timestamptz);
INSERT INTO a SELECT date '2011-12-28' + n FROM generate_series(1, 4) AS n;
INSERT INTO b SELECT d FROM a;
S
pairs() { # in this time zone, of the moment at which 2011-12-31 begins there
    sql -At <<S
SET TIME ZONE '$1';
TRUNCATE m;
INSERT INTO m VALUES ('2011-12-31 00:00');
SELECT '$1: ' || (SELECT count(*) FROM a, b, m WHERE a.d = m.z AND b.d = m.z) || ' pairs, '
    || (SELECT count(*) FROM a, b, m WHERE a.d = m.z AND b.d + 0 = m.z) || ' with an expression';
S
}
expect "pairs of dates that are equal to one moment" "Pacific/Apia: 2 pairs, 4 with an expression
UTC: 1 pairs, 1 with an expression" "$(pairs Pacific/Apia)
$(pairs UTC)"
