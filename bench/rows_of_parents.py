"""What it costs that a foreign key says whose a row is: the same queries over a table by protect_through and over a copy with a tenant column.

    python bench/rows_of_parents.py [--rounds N]

Ratios of interleaved calls, over tenants with more and more parent rows and two layouts: each tenant's keys lie together, as
after a load by tenant; or they are anywhere, the worst case. In the last columns no splitplane is at work: by hand, the keys are
collected by `= ANY (ARRAY(SELECT ..))` or the rows by a join, whichever is quicker. A machine that is busy otherwise shows in "A/A".
"""

import argparse
from statistics import geometric_mean

from rounds import Times, in_turn
from session import ask, connect, context, install
from splitplane_test.cluster import Cluster
from table import Table, progress, verdict

# Tenants by their number of parent rows, each of which has two children; the rest belongs to small tenants. 302,400 rows in all.
PARENTS = {1: 100, 2: 1_000, 3: 10_000, 4: 100_000}
ALL_PARENTS = 151_200
TARGETS = {100: 1.3, 1_000: 1.3, 10_000: 1.5, 100_000: 2.5}
LAYOUTS = {"together": "i", "anywhere": "random()"}
QUERIES = (
    "SELECT count(*), sum(price * quantity) FROM {lines}",
    "SELECT item, sum(quantity) FROM {lines} WHERE price > 50 GROUP BY item ORDER BY 2 DESC, 1 LIMIT 10",
    "SELECT line_id, item, quantity FROM {lines} ORDER BY line_id LIMIT 20",
    "SELECT o.store, sum(l.price) FROM {lines} l JOIN {orders} o USING (order_id) GROUP BY 1 ORDER BY 1",
    "SELECT line_id, item FROM {lines} l WHERE order_id = (SELECT min(order_id) FROM {orders} o)",
    "SELECT item, avg(price) FROM {lines} GROUP BY item HAVING count(*) > 3 ORDER BY 1",
    "SELECT o.order_id, count(l.line_id) FROM {orders} o LEFT JOIN {lines} l USING (order_id) WHERE o.store = 3 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
    "SELECT count(*) FROM {lines} a JOIN {lines} b USING (order_id) WHERE a.line_id < b.line_id AND a.item < 20",
)
PLANE = {
    "through": {"lines": "lines", "orders": "orders"},
    "copied": {"lines": "copied", "orders": "orders"},
    "A/A": {"lines": "copied", "orders": "orders"},
}
COLUMNS = "line_id, order_id, item, quantity, price"
OF_TENANT = {
    "hand": {
        "copied": f"(SELECT {COLUMNS} FROM copied WHERE tenant_id = {{tenant}}) AS",
        "any": f"(SELECT {COLUMNS} FROM lines WHERE order_id = ANY (ARRAY(SELECT p.order_id FROM orders p WHERE p.tenant_id = {{tenant}}))) AS",
        "join": "(SELECT l.line_id, l.order_id, l.item, l.quantity, l.price FROM lines l JOIN orders p USING (order_id) WHERE p.tenant_id = {tenant}) AS",
    },
    "orders": "(SELECT order_id, store FROM orders WHERE tenant_id = {tenant}) AS",
}


def load(admin, order: str) -> None:
    admin.execute("CREATE TABLE orders (order_id int PRIMARY KEY, tenant_id int NOT NULL, store int)")
    admin.execute("SELECT setseed(0.3)")
    limits = " ".join(f"WHEN i <= {sum(list(PARENTS.values())[:n])} THEN {n}" for n in PARENTS)
    admin.execute(
        f"INSERT INTO orders SELECT row_number() OVER (ORDER BY {order}), CASE {limits} ELSE 5 + i / 100 END, (random() * 20)::int"
        f" FROM generate_series(1, {ALL_PARENTS}) AS i"
    )
    admin.execute(
        "CREATE TABLE lines (line_id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders, item int, quantity int, price numeric(8, 2))"
    )
    admin.execute(
        "INSERT INTO lines SELECT row_number() OVER (ORDER BY o.order_id), o.order_id, (random() * 300)::int, (random() * 5)::int,"
        " (random() * 100)::numeric(8, 2) FROM orders o, generate_series(1, 2)"
    )
    admin.execute(
        "CREATE TABLE copied AS SELECT l.*, o.tenant_id FROM lines l JOIN orders o USING (order_id) ORDER BY line_id"
    )
    admin.execute("ALTER TABLE copied ADD PRIMARY KEY (line_id), ALTER tenant_id SET NOT NULL")
    for index in ("orders (tenant_id)", "lines (order_id)", "copied (tenant_id)", "copied (order_id)"):
        admin.execute(f"CREATE INDEX ON {index}")
    admin.execute("VACUUM ANALYZE")
    admin.execute("SELECT splitplane.admit(n::text) FROM generate_series(1, 4) n")
    admin.execute("SELECT splitplane.protect('orders', '{\"tenant_id\": \"tenant\"}')")
    admin.execute(
        "SELECT splitplane.protect('copied', '{\"tenant_id\": \"tenant\"}', ARRAY['line_id', 'order_id', 'item', 'quantity', 'price'])"
    )
    admin.execute("SELECT splitplane.protect_through('lines', 'orders')")


def by_hand(query: str, tenant: int, way: str) -> str:
    """The query over derived tables that hold the tenant's rows."""
    text = query
    for name, derived in (("lines", OF_TENANT["hand"][way]), ("orders", OF_TENANT["orders"])):
        derived = derived.format(tenant=tenant)
        # A table without an alias needs one here.
        for after in (" a", " b", " l", " o"):
            text = text.replace(f"{{{name}}}{after} ", f"{derived}{after} ").replace(
                f"{{{name}}}{after})", f"{derived}{after})"
            )
        text = text.replace(f"{{{name}}}", f"{derived} d")
    return text


def timed(ways, rounds: int) -> Times:
    """The times of each way, called in turn; the answers must be equal."""
    answers = [call() for call in ways.values()]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit(f"the ways have different answers: {answers}")
    return in_turn({"": ways}, rounds)[""]


def one_tenant(admin, app, tenant: int, rounds: int) -> tuple[float, float, float]:
    """Geometric means over the queries: protect_through and A/A against a copied column, and by hand against one by hand."""
    asked, again, hand = [], [], []
    for query in QUERIES:
        texts = {way: query.format(**names) for way, names in PLANE.items()}
        signed = {text: context(admin, tenant, text) for text in texts.values()}
        took = timed(
            {way: lambda text=text: ask(app, signed[text], text)["rows"] for way, text in texts.items()}, rounds
        )
        asked.append(took.ratio("through", "copied"))
        again.append(took.ratio("A/A", "copied"))
        plain = {way: by_hand(query, tenant, way) for way in OF_TENANT["hand"]}
        took = timed({way: lambda text=text: admin.execute(text).fetchall() for way, text in plain.items()}, rounds)
        hand.append(min(took.ratio("any", "copied"), took.ratio("join", "copied")))
    return geometric_mean(asked), geometric_mean(again), geometric_mean(hand)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    table = Table(["parent rows of the tenant", "ask / copied", "target", "verdict", "A/A", "by hand / copied by hand"])
    with Cluster({"shared_buffers": "256MB"}) as cluster:
        for layout, order in LAYOUTS.items():
            cluster.createdb(layout)
            install(cluster, layout, "bench_app")
            admin, app = connect(cluster, layout), connect(cluster, layout, "bench_app")
            load(admin, order)
            table.heading(f"keys {layout}")
            for tenant, parents in PARENTS.items():
                progress(f"{parents} parent rows, {layout}")
                asked, again, hand = one_tenant(admin, app, tenant, options.rounds)
                target = TARGETS[parents]
                table.row(
                    f"{parents:,}",
                    f"{asked:.2f}",
                    f"<= {target}",
                    verdict(asked, target),
                    f"{again:.2f}",
                    f"{hand:.2f}",
                )
            admin.close()
            app.close()
    table.print()


if __name__ == "__main__":
    main()
