"""Answers of many rows: a sorted result that is cut, and a document of a thousand rows of ten columns.

`ask` fetches its document as text, and by hand rows as the driver has them. What the document itself costs PostgreSQL, to take a text
for jsonb and to print it, is measured beside the rows by hand and belongs to them.
"""

from builds import NOW
from rounds import AGAIN, HAND, in_turn
from session import Asker, connect
from table import NOW_HAND, Report, progress

MAX_ROWS = 1_000
SORTED = "SELECT order_id, ordered_at, total FROM orders WHERE order_id <= {last} ORDER BY total DESC, order_id"
SORTED_ROWS = 23_000
SORTED_TARGET = 1.15
# Each column of a type that is often seen.
WIDE = (
    "SELECT order_id, store_id, customer_id, ordered_at, status, total, total * 2 AS twice, ordered_at::date AS day,"
    " 'table ' || store_id AS place, total > 50 AS large FROM orders WHERE order_id <= {last} ORDER BY order_id"
)
WIDE_TARGET = 1.5


def measure(clusters, dbname: str, big_share: int, rounds: int, report: Report) -> None:
    """big_share  tenant 1 holds one order in this many"""
    report.heading("documents", "Answers of many rows")
    sorted_sql, wide_sql = SORTED.format(last=SORTED_ROWS * big_share), WIDE.format(last=MAX_ROWS * big_share)
    askers = {build: Asker(cluster, dbname, 1, [sorted_sql, wide_sql]) for build, cluster in clusters.items()}
    hands = {way: connect(clusters[NOW], dbname) for way in (HAND, AGAIN)}
    of_tenant = {sql: sql.replace("WHERE", "WHERE tenant_id = 1 AND") for sql in (sorted_sql, wide_sql)}
    for asker in askers.values():
        document, wide = asker.ask(sorted_sql), asker.ask(wide_sql)
        if not document["truncated"] or len(document["rows"]) != MAX_ROWS or wide["truncated"] or len(wide["rows"]) != MAX_ROWS:
            raise SystemExit("the documents do not have the rows that are measured")
    found = hands[HAND].execute(f"SELECT count(*) FROM ({of_tenant[sorted_sql]}) AS q").fetchone()[0]
    # The document stands in the session, so that sending it is not measured.
    for hand in hands.values():
        hand.execute("SELECT set_config('bench.document', %s, false)", (askers[NOW].ask_text(wide_sql),))

    def by_hand(hand) -> None:
        hand.execute(f"{of_tenant[wide_sql]} LIMIT {MAX_ROWS}").fetchall()
        hand.execute("SELECT current_setting('bench.document')::jsonb::text").fetchall()

    cut = {way: lambda hand=hand: hand.execute(f"{of_tenant[sorted_sql]} LIMIT {MAX_ROWS + 1}").fetchall() for way, hand in hands.items()}
    whole = {way: lambda hand=hand: by_hand(hand) for way, hand in hands.items()}
    for build, asker in askers.items():
        cut[build] = lambda asker=asker: asker.ask_text(sorted_sql)
        whole[build] = lambda asker=asker: asker.ask_text(wide_sql)
    progress(f"answers of many rows, {rounds} rounds")
    times = in_turn({"cut": cut, "whole": whole}, rounds, before=lambda: [asker.refresh() for asker in askers.values()], calls=3)
    report.times(f"ORDER BY over {found:,} rows cut at {MAX_ROWS:,}, by hand LIMIT {MAX_ROWS + 1:,}", times["cut"], target=(NOW_HAND, SORTED_TARGET))
    report.times(f"{MAX_ROWS:,} rows of 10 columns, by hand LIMIT, fetch, jsonb_in, jsonb_out", times["whole"], target=(NOW_HAND, WIDE_TARGET))
    for connection in (*hands.values(), *askers.values()):
        connection.close()
