"""What a condition costs under row-level security: by hand, with row-level security alone, and asked.

One table of 1.2 million rows with a large tenant of 200,000, and an index of (tenant, column) for each column but three. Each spelling is run in
turn by hand (as a superuser, with the tenant's condition), with a policy of PostgreSQL's own (as a role that it binds), and by ask. What a
call costs over one row is taken off.
"""
from builds import NOW
from rounds import AGAIN, HAND, in_turn
from session import CALLER, Asker, connect, install
from table import Report, progress

DATABASE = "conditions"
RLS = "row-level security"

COLUMNS = {
    "day": "date",
    "local_time": "timestamp",
    "moment": "timestamptz",
    "name": 'text COLLATE "C"',
    "price": "numeric(8, 2)",
    "status": "state",
}
# Without an index: what is said of them may take no longer than what was asked.
WITHOUT_INDEX = {"remark": 'text COLLATE "C"', "seen": "timestamp", "noted": "timestamptz"}
SPELLINGS = (
    "day >= current_date - 7",
    "day >= current_date - interval '7 days'",
    "day >= now() - interval '7 days'",
    "day BETWEEN date_trunc('month', now()) AND now()",
    "date_trunc('month', day) = date_trunc('month', current_date)",
    "local_time >= current_date - 7",
    "local_time >= now() - interval '7 days'",
    "local_time::date = current_date - 3",
    "date_trunc('month', local_time) = date_trunc('month', now())",
    "moment >= current_date - interval '7 days'",
    "moment::date = current_date - 3",
    "date_trunc('day', moment) = date_trunc('day', now())",
    "extract(year FROM day) = 2001",
    "extract(year FROM day) = extract(year FROM current_date) - 1",
    "extract(year FROM moment) = 2001",
    "to_char(day, 'YYYY-MM') = '2001-03'",
    "to_char(moment, 'YYYY-MM-DD') = '2001-03-31'",
    "name LIKE 'guest 1234%'",
    "price = 12.34",
    "price BETWEEN 12.30 AND 12.40",
    "price > 999.5",
    "price > 1",
    "price IN (12.34, 56.78, 90.12)",
    "status = 'lost'",
    "status = 'open'",
    "status IN ('lost', 'void')",
    "remark LIKE 'guest 1234%'",
    "seen >= current_date - 7",
    "seen::date = current_date - 3",
    "date_trunc('month', seen) = date_trunc('month', now())",
    "extract(year FROM seen) = 2001",
    "extract(year FROM seen) > 2001",
    "to_char(seen, 'YYYY-MM') = '2001-03'",
    "noted >= current_date - interval '7 days'",
    "noted > '2001-01-01'::timestamp",
    "date_trunc('day', noted) = date_trunc('day', now())",
    "date_trunc('day', noted) > '2001-01-01'",
)
COUNT = "SELECT count(*), min(visit_id) FROM {table} WHERE {condition}"
FREE = "visit_id = 1"


def load(admin) -> None:
    admin.execute("CREATE TYPE state AS ENUM ('open', 'paid', 'lost', 'void')")
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in (COLUMNS | WITHOUT_INDEX).items())
    for table in ("visits", "secured"):
        admin.execute(
            f"CREATE TABLE {table} (tenant_id int NOT NULL, visit_id int NOT NULL, {columns}, PRIMARY KEY (tenant_id, visit_id))"
        )
    admin.execute(
        "INSERT INTO visits SELECT CASE WHEN i % 6 = 0 THEN 1 ELSE 2 + i % 50 END, i, current_date - i / 1000,"
        " localtimestamp - i * interval '85 seconds', now() - i * interval '85 seconds', 'guest ' || i, (i::bigint * 7919 % 100000) / 100.0,"
        " CASE WHEN i % 2400 = 0 THEN 'lost' WHEN i % 2400 = 6 THEN 'void' WHEN i % 4 < 2 THEN 'open' ELSE 'paid' END::state,"
        " 'guest ' || i, localtimestamp - i * interval '85 seconds', now() - i * interval '85 seconds'"
        " FROM generate_series(1, 1200000) AS i"
    )
    # The same moments in both.
    admin.execute("INSERT INTO secured TABLE visits")
    for table in ("visits", "secured"):
        for column in COLUMNS:
            admin.execute(f"CREATE INDEX ON {table} (tenant_id, {column})")
    admin.execute("ALTER TABLE secured ENABLE ROW LEVEL SECURITY")
    admin.execute("CREATE POLICY own ON secured USING (tenant_id = 1)")
    admin.execute(f"GRANT SELECT ON secured TO {CALLER}")
    admin.execute("VACUUM ANALYZE")
    admin.execute("SELECT splitplane.admit('1')")
    admin.execute("SELECT splitplane.protect('visits', '{\"tenant_id\": \"tenant\"}')")


def measure(clusters, rounds: int, report: Report) -> None:
    for build, cluster in clusters.items():
        progress(f"1.2 million rows for conditions, {build}")
        cluster.createdb(DATABASE)
        install(cluster, DATABASE)
        with connect(cluster, DATABASE) as admin:
            load(admin)
    asked = {condition: COUNT.format(table="visits", condition=condition) for condition in (FREE, *SPELLINGS)}
    askers = {build: Asker(cluster, DATABASE, 1, list(asked.values())) for build, cluster in clusters.items()}
    hand, again, secured = connect(clusters[NOW], DATABASE), connect(clusters[NOW], DATABASE), connect(clusters[NOW], DATABASE, CALLER)
    tasks = {}
    for condition, text in asked.items():
        by_hand = COUNT.format(table="visits", condition=f"tenant_id = 1 AND ({condition})")
        alone = COUNT.format(table="secured", condition=condition)
        tasks[condition] = {
            HAND: lambda t=by_hand: hand.execute(t).fetchall(),
            AGAIN: lambda t=by_hand: again.execute(t).fetchall(),
            RLS: lambda t=alone: secured.execute(t).fetchall(),
            **{build: lambda t=text, asker=asker: asker.ask(t)["rows"] for build, asker in askers.items()},
        }
        answers = {way: [list(row) for row in call()] for way, call in tasks[condition].items()}
        # Builds load within the same minute; a row that lies at a bound of now() may be of one of them alone.
        if any(answers[way] != answers[HAND] for way in (AGAIN, RLS, NOW)):
            raise SystemExit(f"the ways have different answers: {answers}")
    progress(f"{len(tasks)} conditions, {rounds} rounds")
    found = in_turn(tasks, rounds, before=lambda: [asker.refresh() for asker in askers.values()], warm=True)
    report.heading("conditions", f"Conditions over 200,000 rows of a tenant, less what a call takes over one row; {RLS} alone beside them")
    free = found.pop(FREE)
    for condition, times in found.items():
        values = {way: times.ms(way) - free.ms(way) for way in (HAND, *clusters)}
        report.row(condition, "ms", values, again=times.again)
        report.remark(f"    with {RLS} alone {times.ms(RLS) - free.ms(RLS):.2f}")
    for connection in (hand, again, secured, *askers.values()):
        connection.close()
