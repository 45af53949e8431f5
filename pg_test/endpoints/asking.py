"""Questions over the demo's schema to a model behind an endpoint: a plane for them, and what became of each.

What a call may end in is a document or an error with a SQLSTATE that docs/reference-sqlstates.md names; what it may hold is none of the values
that other brands have and the asker's has not.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from recorder import Exchange, Recorder
from splitplane_test.cluster import ROOT, Cluster
from splitplane_test.plane import Plane
from splitplane_test.session import call
from splitplane_test.standin.asked import GENERATION, VALIDATION

from pg_test.worlds import restaurant

DATABASE = "endpoints"
CALLER = "endpoints_app"
TENANT, BUSINESS, SUBJECT = "brand-a", "headquarters", "u-1001"
# The part of the plane that small models on slow machines are asked of: prompts of some 2,000 tokens instead of 5,000.
CORE = ("stores", "orders", "order_items", "menu_items")
# Names that only other brands' rows hold, their totals, and what is outside the plane for everybody.
FOREIGN = """
    WITH named(tenant, value) AS (
        SELECT tenant_id, tenant_id FROM public.brands UNION ALL SELECT tenant_id, name FROM public.brands
        UNION ALL SELECT tenant_id, name FROM public.businesses UNION ALL SELECT tenant_id, name FROM public.stores
        UNION ALL SELECT tenant_id, name FROM public.menu_items)
    SELECT value FROM named WHERE tenant <> %(tenant)s EXCEPT SELECT value FROM named WHERE tenant = %(tenant)s
    UNION SELECT full_name FROM public.customers
    UNION SELECT sum(total)::text FROM public.orders WHERE tenant_id <> %(tenant)s GROUP BY ROLLUP (tenant_id)
    UNION SELECT sum(total)::text FROM public.orders WHERE tenant_id <> %(tenant)s AND status = 'completed' GROUP BY ROLLUP (tenant_id)
    UNION SELECT sum(total)::text FROM public.orders"""
# Refusals of the third layer, before anything runs.
PROOF_STATES = ("0A000", "42501", "42P01", "42703", "42601", "42883", "42702", "42803", "42804", "54001", "54000", "54011", "54023", "22023")
MODEL_STATES = ("38000", "08006", "57014", "53400")
STAGES = ("validation", "writing", "proof", "run", "answered")


def is_documented(sqlstate: str) -> bool:
    """Whether the reference names the SQLSTATE in a heading, or its whole class."""
    text = (ROOT / "docs/reference-sqlstates.md").read_text().partition("## Of the administration functions")[0]
    headings = " ".join(line for line in text.splitlines() if line.startswith("### "))
    return sqlstate in re.findall(r"\b[0-9A-Z]{5}\b", headings) or sqlstate[:2] in re.findall(r"\bClass (\w\w)\b", headings)


@dataclass
class Outcome:
    """What became of one question."""

    question: str
    seconds: float
    document: dict | None = None
    sqlstate: str = ""
    message: str = ""
    fields: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    began: float = 0.0

    @property
    def word(self) -> str:
        return self.document["outcome"] if self.document else self.sqlstate

    def of(self, task: str) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.task == task]

    @property
    def verdict_seconds(self) -> float | None:
        """From the call's beginning to the last verdict, or to what stands in the place of one; None where none came."""
        ended = [exchange.ended for exchange in self.of(VALIDATION) if exchange.status == 200]
        return max(ended) - self.began if ended else None

    @property
    def verdict(self) -> str:
        """What the model's last verdict was; empty where it gave none."""
        said = [exchange.said for exchange in self.of(VALIDATION) if exchange.said]
        return str(said[-1].get("verdict", "")) if said else ""

    @property
    def stage(self) -> str:
        """Where it ended: one of STAGES."""
        if self.word == "answered":
            return "answered"
        if self.document or self.sqlstate in MODEL_STATES and not self._was_allowed:
            return "writing" if self._was_allowed else "validation"
        if self.sqlstate in MODEL_STATES:
            return "run" if self.sqlstate in ("57014", "53400") and self._is_written else "writing"
        return "proof" if self.sqlstate in PROOF_STATES else "run"

    @property
    def _was_allowed(self) -> bool:
        return self.verdict == "allow" or not self.of(VALIDATION)

    @property
    def _is_written(self) -> bool:
        return any(exchange.said and exchange.said.get("sql") for exchange in self.of(GENERATION))

    def texts(self) -> str:
        """All that the caller was shown but for what the model wrote of itself: names in SQL are no rows."""
        shown = {name: value for name, value in (self.document or {}).items() if name != "sql"}
        return json.dumps(shown, ensure_ascii=False) + self.message + self.fields


class Asking(Plane):
    """The demo's database, asked through whatever endpoint a session is given."""

    @classmethod
    def make(cls, cluster: Cluster, tables: Sequence[str] = (), scale: float = 0.01) -> Asking:
        """On a new server. `tables`: those that stay in the plane; all when there are none."""
        made = cls.install(
            cluster,
            DATABASE,
            key_id="AKENDPOINTS",
            before=[*restaurant.TABLES, "VACUUM (ANALYZE)"],
            after=[restaurant.REGISTER],
            caller=CALLER,
            variables={"scale": scale},
            tenants=["brand-a", "brand-b", "brand-c"],
        )
        if tables:
            made.run("SELECT count(splitplane.unprotect(relation)) FROM splitplane.relations WHERE name <> ALL(%s)", list(tables))
        made.foreign = [row[0] for row in made.admin_rows(FOREIGN, {"tenant": TENANT})]
        return made

    def admin_rows(self, statement: str, arguments=None) -> list[tuple]:
        with self.admin() as connection:
            return connection.execute(statement, arguments).fetchall()

    def key_file(self, key: str) -> str:
        """A file with the key that only the server's user may read."""
        path = Path(self.cluster.base) / f"key-{len(list(Path(self.cluster.base).glob('key-*')))}"
        path.write_text(key + "\n")
        path.chmod(0o600)
        owner = os.stat(self.cluster.data_dir)
        os.chown(path, owner.st_uid, owner.st_gid)
        return str(path)

    @contextmanager
    def through(self, program, model: str = "small", **settings: str) -> Iterator[Session]:
        """A session whose questions go to a program, with a recorder between."""
        with Recorder(program.endpoint) as recorder:
            user = self.role(
                splitplane__provider="openai",
                splitplane__endpoint=recorder.endpoint,
                splitplane__model=model,
                splitplane__api_key_file=self.key_file(program.key),
                **{"splitplane__deadline": "300s", **settings},
            )
            with self.connect(user) as connection:
                yield Session(self, connection, recorder)

    def leaked(self, text: str) -> list[str]:
        """What of others stands in a text."""
        return [value for value in self.foreign if value in text and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)]


class Session:
    """A session of a calling role."""

    def __init__(self, plane: Asking, connection: psycopg.Connection, recorder: Recorder):
        self.plane, self.connection, self.recorder = plane, connection, recorder

    def ask(self, question: str, conversation: str | None = None) -> Outcome:
        """One question of the brand's headquarters, and what went to the model and came back for it."""
        context = self.plane.sign(question, TENANT, BUSINESS, SUBJECT, conversation=conversation)
        self.recorder.taken()
        began = time.monotonic()
        outcome = Outcome(question, 0.0, began=began)
        try:
            outcome.document = call(self.connection, context, question=question, conversation=conversation)
        except psycopg.Error as error:
            diag = error.diag
            outcome.sqlstate, outcome.message = error.sqlstate or "", diag.message_primary or str(error)
            outcome.fields = " ".join(text for text in (diag.message_detail, diag.message_hint, diag.context) if text)
        outcome.seconds = time.monotonic() - began
        outcome.exchanges = self.recorder.taken()
        return outcome
