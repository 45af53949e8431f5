"""What budgets cost a call: the same text in two databases that are alike but for them, asked in turn in one run.

All five measures are set, with amounts that refuse nothing and are so large that the file is hardly written: what that costs is a matter of
the disk.
"""

from builds import NOW
from rounds import AGAIN, HAND, in_turn
from session import Asker, connect, install
from table import Report, progress

WITHOUT, WITH = "without budgets", "with budgets"
DATABASES = {WITHOUT: "unbudgeted", WITH: "budgeted"}
AMOUNTS = {"calls": 100_000_000, "model_calls": 100_000_000, "tokens": 1e12, "cost": 1e9, "run_seconds": 1e9}
TARGET = 1.02
SQL = "SELECT city FROM stores WHERE store_id = 1"
BY_HAND = "SELECT city FROM stores WHERE tenant_id = 1 AND store_id = 1"


def load(cluster, database: str, budgets: dict[str, float]) -> None:
    cluster.createdb(database)
    with connect(cluster, database) as admin:
        admin.execute("CREATE TABLE stores (tenant_id int, store_id int, city text NOT NULL, PRIMARY KEY (tenant_id, store_id))")
        admin.execute("INSERT INTO stores SELECT t, s, 'city ' || s FROM generate_series(1, 100) t, generate_series(1, 20) s")
        plane = install(cluster, database)
        plane.protect("stores", {"tenant_id": "tenant"})
        admin.execute("SELECT splitplane.admit('1')")
        for measure, amount in budgets.items():
            admin.execute("SELECT splitplane.set_budget('*', %s, %s::numeric, '1000 days')", (measure, amount))
        admin.execute("VACUUM ANALYZE")


def measure(clusters, rounds: int, calls: int, report: Report) -> None:
    report.heading("budgets", "A warm call where its tenant has budgets, and where nobody has any")
    cluster = clusters[NOW]
    load(cluster, DATABASES[WITHOUT], {})
    load(cluster, DATABASES[WITH], AMOUNTS)
    progress(f"warm calls with and without budgets, {rounds} rounds of {calls}")
    askers = {way: Asker(cluster, database, 1, [SQL]) for way, database in DATABASES.items()}
    hands = {way: connect(cluster, DATABASES[WITHOUT]) for way in (HAND, AGAIN)}
    ways = {way: lambda hand=hand: hand.execute(BY_HAND).fetchall() for way, hand in hands.items()}
    ways |= {way: lambda asker=asker: asker.ask(SQL) for way, asker in askers.items()}

    def refresh() -> None:
        for asker in askers.values():
            asker.refresh()

    found = in_turn({SQL: ways}, rounds, before=refresh, calls=calls)[SQL]
    ratio, name = found.ratio(WITH, WITHOUT), "with / without"
    report.row(WITHOUT, "us", {HAND: found.us(HAND), NOW: found.us(WITHOUT)}, again=found.again)
    report.row(f"{WITH}, {ratio:.3f} times", "us", {NOW: found.us(WITH)}, {name: ratio}, (name, TARGET), again=found.again)
    for connection in (*hands.values(), *askers.values()):
        connection.close()
