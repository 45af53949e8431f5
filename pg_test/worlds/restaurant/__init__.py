"""A restaurant group with three brands: the plane of the demo, of the suite analytics, and of what asks its corpus.

schema.sql and generate.sql know nothing of splitplane; register.sql puts the tables into the plane. generate.sql takes the
psql variable `scale`, of which 1 is 200,000 orders.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TABLES = (FOLDER / "schema.sql", FOLDER / "generate.sql")
REGISTER = FOLDER / "register.sql"
