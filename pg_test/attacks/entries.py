"""The two attack files: how an entry is read, and what text it sends.

`catalogue.jsonl` is the catalogue the project was given, unchanged; `own.jsonl` holds the project's own attacks in the
same form. What is too large or too deep there is a little over a bound of ours, and harms no server that lacks the bound.
Fields: `id`, `category`, `title`, `expect` (reject, own_rows_only, bounded), and

    sql            what the model wrote; `{db}` stands for the database's name
    sql_gen        prefix + repeat * n + suffix + repeat2 * n + tail, for texts too long to write down
    session_setup  run by the caller before the call: a poisoned session is the caller's right, a leak is not
    context        in `own.jsonl` a twist of forging.py; in the catalogue headers of another product (forging.TRANSLATION)
    states         (own) SQLSTATEs that may be seen beside those of the design: PostgreSQL's own word on honest mistakes
    rows           (own) the only rows that may be answered; a refusal is then a failure too
    compare        (own) false: the answer is not compared with the single-tenant database (random, time of day)
    refused        (own, and REFUSED) the only SQLSTATEs that it may end in: the bound's, and the deadline's where the
                   bound is one on memory that grows
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from splitplane_test.cluster import FORCED_PARALLEL

FOLDER = Path(__file__).resolve().parent

# The plane of this suite: table -> the columns untrusted SQL may name. Everything else in schema.sql stays outside.
PLANE = {
    "stores": ["store_id", "name", "city"],
    "customers": ["customer_id", "full_name", "email", "birth_date", "prefs"],
    "menu_items": ["item_id", "name", "price_cents", "description"],
    "orders": ["order_id", "store_id", "customer_id", "status", "total_cents", "note", "placed_at", "tags"],
    "order_items": ["order_item_id", "order_id", "item_id", "qty", "unit_price_cents"],
    "events": ["event_id", "kind", "payload", "at"],
    "inventory": ["item_id", "on_hand", "memo"],
}

# A relation that views alone can read: its columns of the plane, and its rows. One own row is filtered by the view.
HIDDEN = "CREATE TABLE public.wallets (wallet_id int, tenant_id text NOT NULL, iban text NOT NULL);"
HIDDEN_ROWS = (
    "INSERT INTO public.wallets VALUES (1, 'acme', 'GB00ACME000000001111'), (2, 'acme', 'GB00ACME000000002222'), (3, 'acme', 'SECRET-CANARY-iban'),"
    " (101, 'beta', 'CANARY-B-iban-777777')"
)
# Plane views, in the order in which they are defined.
VIEWS = {
    "store_totals": "SELECT store_id, count(*) AS orders, sum(total_cents) AS cents FROM orders GROUP BY store_id",
    "masked_wallets": "SELECT wallet_id, right(iban, 4) AS last_four FROM wallets WHERE length(reverse(upper(iban))) = 20",
    "big_stores": "SELECT s.name, t.cents FROM store_totals t JOIN stores s USING (store_id) WHERE t.orders > 1",
    "paid_orders": "SELECT o.order_id, o.note, count(*) AS payments, sum(p.cents) AS cents FROM payments p JOIN orders o USING (order_id) GROUP BY o.order_id, o.note",
    "masked_deposits": "SELECT deposit_id, right(account, 4) AS last_four, cents FROM deposits WHERE length(reverse(upper(account))) = 20",
}

# Relations of other scopes: the table, its scope, its columns in the plane, and the rows that are none of a tenant's. Of templates
# the rows without a tenant are everybody's; tasks are bound by an exclusive claim alone.
SCOPED = {
    "templates": (
        "CREATE TABLE public.templates (template_id int PRIMARY KEY, tenant_id text, body text NOT NULL, size int NOT NULL);"
        " CREATE INDEX ON public.templates (tenant_id);"
        " INSERT INTO public.templates VALUES (1, NULL, 'welcome', 3), (2, NULL, '17', 5), (3, 'acme', 'own', 7), (4, 'acme', '23', 11),"
        " (101, 'beta', 'CANARY-B-template-777777', 13), (102, 'beta', 'CANARY-B-template-888888', 0)",
        {"tenant_id": "tenant or null"},
        ["template_id", "body", "size"],
        "tenant_id <> '{tenant}'",
    ),
    "tasks": (
        "CREATE TABLE public.tasks (task_id int PRIMARY KEY, project_id int NOT NULL, title text NOT NULL, hours int NOT NULL);"
        " CREATE INDEX ON public.tasks (project_id);"
        " INSERT INTO public.tasks VALUES (1, 1, 'paint', 2), (2, 2, '19', 4), (3, 2, 'saw', 6),"
        " (101, 3, 'CANARY-B-task-777777', 8), (102, 3, 'CANARY-B-task-888888', 0)",
        {"project_id": "projects"},
        ["task_id", "title", "hours"],
        "(project_id = 3) <> ('{tenant}' = 'beta')",
    ),
}

# Tables whose rows belong to those of others. `made` makes and fills a table, `keys` adds its foreign keys, `through` are its parents, `columns` those of the plane, and `foreign` its rows that are none of a tenant's. Rows over 200 are
# nobody's: no parent, one that is gone, a part of a key, or parents of two tenants.
@dataclass(frozen=True)
class Child:
    made: str
    keys: str
    through: tuple[str, ...]
    columns: tuple[str, ...]
    foreign: str
    # A parent that is made for it: its columns besides the tenant, by protect.
    protect: tuple[str, ...] | None = None
    # Views alone can read it.
    is_hidden: bool = False


BY_NUMBER = "({id} > 200 OR ({id} > 100) <> ('{{tenant}}' = 'beta'))"
CHILDREN = {
    "payments": Child(
        "CREATE TABLE public.payments (payment_id int PRIMARY KEY, order_id int, method text NOT NULL, cents int NOT NULL);"
        " CREATE INDEX ON public.payments (order_id);"
        " INSERT INTO public.payments VALUES (1, 1, 'card', 500), (2, 2, '17', 700), (3, 2, 'cash', 1100),"
        " (101, 101, 'CANARY-B-payment-777777', 1300), (102, 102, 'CANARY-B-payment-888888', 0), (201, NULL, 'CANARY-B-payment-999999', 0)",
        "ALTER TABLE public.payments ADD FOREIGN KEY (order_id) REFERENCES public.orders",
        ("orders",),
        ("payment_id", "order_id", "method", "cents"),
        BY_NUMBER.format(id="payment_id"),
    ),
    # A chain, with the key outside the plane and a row whose parent is gone.
    "refunds": Child(
        "CREATE TABLE public.refunds (refund_id int PRIMARY KEY, payment_id bigint NOT NULL, reason text NOT NULL, cents int NOT NULL);"
        " CREATE INDEX ON public.refunds (payment_id);"
        " INSERT INTO public.refunds VALUES (1, 1, 'late', 5), (2, 3, '23', 7),"
        " (101, 101, 'CANARY-B-refund-777777', 11), (102, 102, 'CANARY-B-refund-888888', 0), (201, 9999, 'CANARY-B-refund-999999', 0)",
        "ALTER TABLE public.refunds ADD FOREIGN KEY (payment_id) REFERENCES public.payments NOT VALID",
        ("payments",),
        ("refund_id", "reason", "cents"),
        BY_NUMBER.format(id="refund_id"),
    ),
    # One that views alone can read. An own row is filtered by the view.
    "deposits": Child(
        "CREATE TABLE public.deposits (deposit_id int PRIMARY KEY, payment_id int NOT NULL, account text NOT NULL, cents int NOT NULL);"
        " CREATE INDEX ON public.deposits (payment_id);"
        " INSERT INTO public.deposits VALUES (1, 1, 'GB00ACME000000003333', 4), (2, 3, 'GB00ACME000000004444', 6), (3, 3, 'SECRET-CANARY-account', 0),"
        " (101, 101, 'CANARY-B-deposit-7777', 8), (102, 102, 'CANARY-B-deposit-888', 0)",
        "ALTER TABLE public.deposits ADD FOREIGN KEY (payment_id) REFERENCES public.payments",
        ("payments",),
        ("deposit_id", "account", "cents"),
        BY_NUMBER.format(id="deposit_id"),
        is_hidden=True,
    ),
    # A key that is a text.
    "regions": Child(
        "CREATE TABLE public.regions (code varchar(20) PRIMARY KEY, tenant_id text NOT NULL, label text NOT NULL);"
        " INSERT INTO public.regions VALUES ('north', 'acme', 'own'), ('north ', 'beta', 'CANARY-B-region-1'), ('North', 'beta', 'CANARY-B-region-2'), ('', 'acme', 'own too')",
        "SELECT 1",
        (),
        ("code", "label"),
        "tenant_id <> '{tenant}'",
        ("code", "label"),
    ),
    "region_notes": Child(
        "CREATE TABLE public.region_notes (note_id int PRIMARY KEY, code text, note text NOT NULL, size int NOT NULL);"
        " CREATE INDEX ON public.region_notes (code);"
        " INSERT INTO public.region_notes VALUES (1, 'north', 'snow', 2), (2, '', '37', 4),"
        " (101, 'north ', 'CANARY-B-note-777777', 6), (102, 'North', 'CANARY-B-note-888888', 0), (201, NULL, 'CANARY-B-note-999999', 0)",
        "ALTER TABLE public.region_notes ADD FOREIGN KEY (code) REFERENCES public.regions",
        ("regions",),
        ("note_id", "note", "size"),
        BY_NUMBER.format(id="note_id"),
    ),
    # Two parents.
    "visits": Child(
        "CREATE TABLE public.visits (visit_id int PRIMARY KEY, store_id int, customer_id int, remark text NOT NULL, minutes int NOT NULL);"
        " CREATE INDEX ON public.visits (store_id); CREATE INDEX ON public.visits (customer_id);"
        " INSERT INTO public.visits VALUES (1, 1, 1, 'both', 2), (2, 2, NULL, '29', 4), (3, NULL, 2, 'customer', 6),"
        " (101, 101, 101, 'CANARY-B-visit-777777', 8), (102, 101, NULL, 'CANARY-B-visit-888888', 0),"
        " (201, 1, 101, 'CANARY-B-visit-of-two-1', 0), (202, 101, 1, 'CANARY-B-visit-of-two-2', 0), (203, NULL, NULL, 'CANARY-B-visit-of-nobody', 0)",
        "ALTER TABLE public.visits ADD FOREIGN KEY (store_id) REFERENCES public.stores, ADD FOREIGN KEY (customer_id) REFERENCES public.customers",
        ("stores", "customers"),
        ("visit_id", "store_id", "customer_id", "remark", "minutes"),
        BY_NUMBER.format(id="visit_id"),
    ),
    "shelves": Child(
        "CREATE TABLE public.shelves (aisle text, shelf int, tenant_id text NOT NULL, label text NOT NULL, PRIMARY KEY (aisle, shelf));"
        " INSERT INTO public.shelves VALUES ('a', 1, 'acme', 'own'), ('b', 2, 'acme', 'own too'), ('a', 2, 'beta', 'CANARY-B-shelf-1'),"
        " ('b', 1, 'beta', 'CANARY-B-shelf-2')",
        "SELECT 1",
        (),
        ("label", "shelf"),
        "tenant_id <> '{tenant}'",
        ("label", "shelf"),
    ),
    # A key of two columns, of which each part is also that of another tenant.
    "crates": Child(
        "CREATE TABLE public.crates (crate_id int PRIMARY KEY, aisle text, shelf int, content text NOT NULL, weight int NOT NULL) PARTITION BY RANGE (crate_id);"
        " CREATE TABLE public.crates_low PARTITION OF public.crates FOR VALUES FROM (0) TO (150);"
        " CREATE TABLE public.crates_high PARTITION OF public.crates FOR VALUES FROM (150) TO (300);"
        " CREATE INDEX ON public.crates (aisle, shelf);"
        " INSERT INTO public.crates VALUES (1, 'a', 1, 'flour', 3), (2, 'b', 2, '31', 5),"
        " (101, 'a', 2, 'CANARY-B-crate-777777', 7), (102, 'b', 1, 'CANARY-B-crate-888888', 0), (201, 'a', NULL, 'CANARY-B-crate-999999', 0),"
        " (202, NULL, 1, 'CANARY-B-crate-666666', 0)",
        "ALTER TABLE public.crates ADD FOREIGN KEY (aisle, shelf) REFERENCES public.shelves",
        ("shelves",),
        ("crate_id", "content", "weight"),
        BY_NUMBER.format(id="crate_id"),
    ),
    "seats": Child(
        "CREATE TABLE public.seats (person_id uuid NOT NULL, tenant_id text NOT NULL, role text NOT NULL, PRIMARY KEY (person_id, tenant_id));"
        " INSERT INTO public.seats VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'own'), ('00000000-0000-4000-8000-000000000002', 'beta', 'CANARY-B-seat'),"
        " ('00000000-0000-4000-8000-000000000003', 'acme', 'own too'), ('00000000-0000-4000-8000-000000000003', 'beta', 'CANARY-B-seat-of-two')",
        "SELECT 1",
        (),
        ("person_id", "role"),
        "tenant_id <> '{tenant}'",
        ("person_id", "role"),
    ),
    # People behind a table of memberships.
    "people": Child(
        "CREATE TABLE public.people (person_id uuid PRIMARY KEY, nick text NOT NULL, age int NOT NULL, pin text DEFAULT 'SECRET-CANARY-pin');"
        " INSERT INTO public.people VALUES ('00000000-0000-4000-8000-000000000001', 'ann', 30), ('00000000-0000-4000-8000-000000000002', 'CANARY-B-person-777777', 0),"
        " ('00000000-0000-4000-8000-000000000003', '41', 50), ('00000000-0000-4000-8000-000000000004', 'CANARY-B-person-of-nobody', 0)",
        "ALTER TABLE public.seats ADD FOREIGN KEY (person_id) REFERENCES public.people",
        ("seats",),
        ("person_id", "nick", "age"),
        "age = 0 AND ('{tenant}' <> 'beta' OR nick LIKE '%nobody') OR age = 30 AND '{tenant}' = 'beta'",
    ),
}

# Entries of the catalogue that a bound of ours stops.
REFUSED = {
    **dict.fromkeys(("DS-004", "DS-008", "DS-012", "DS-013", "DS-017", "DS-060", "DS-061"), ["54001"]),
    **dict.fromkeys(("DS-028", "DS-039"), ["53400"]),
}

_QUALIFIED = re.compile(r'\b(\w+)\s+public\.(\w+)|,\s*public\.(\w+)', re.IGNORECASE)
_READS = re.compile(r"^\s*(select|with|\(|table|values)\b", re.IGNORECASE)


def load() -> list[dict]:
    """Every entry of both files, in order; two entries of one id are an error."""
    entries, seen = [], set()
    for name in ("catalogue.jsonl", "own.jsonl"):
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            entry = json.loads(line.replace("force_parallel_mode", FORCED_PARALLEL))
            if entry["id"] in seen:
                raise ValueError(f"{name}: {entry['id']} is there twice")
            seen.add(entry["id"])
            if entry["id"] in REFUSED:
                entry["refused"] = REFUSED[entry["id"]]
            entries.append(entry)
    return entries


def text_of(entry: dict, database: str) -> str | None:
    """The SQL this entry sends, or None when it attacks by its context alone."""
    if "sql_gen" in entry:
        made = entry["sql_gen"]
        text = (
            made["prefix"]
            + made["repeat"] * made["n"]
            + made["suffix"]
            + made.get("repeat2", "") * made["n"]
            + made.get("tail", "")
        )
    elif "sql" in entry:
        text = entry["sql"]
    else:
        return None
    return text.replace("{db}", database)


def may_answer_own_rows(text: str) -> bool:
    """Whether a `reject` entry may also be answered with own rows.

    It may when all that is wrong with it is the qualification of plane relations: `FROM public.orders` is a natural
    spelling, and the plane can give it the meaning of `orders`.
    """
    places = text.lower().count("public.")
    if places == 0 or not _READS.match(text):
        return False
    for word, joined, listed in _QUALIFIED.findall(text):
        if (joined or listed).lower() not in PLANE:
            return False
        if joined and word.lower() not in ("from", "join"):
            return False
        places -= 1
    return places == 0
