"""Facts that SQL and the library both know: sql/11_facts.sql and the Rust sources hold the same lists.

The Rust side is found by what it says, not by where it stands, so that moving a file needs no change here.
"""

import re

import pytest

from planes import ROOT

SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.rs"))}


def found(pattern: str, at_least: int = 1) -> list[str]:
    """What the pattern captures in the sources; too few matches mean that the code has changed and the test is blind."""
    matches = [match for text in SOURCES.values() for match in re.findall(pattern, text, re.S)]
    assert len(matches) >= at_least, f"the sources hold nothing like {pattern}"
    return matches


def one_source(name: str) -> str:
    (path,) = (ROOT / "src").rglob(name)
    return path.read_text(encoding="utf-8")


def type_names(arms: str) -> set[str]:
    return {name.lower() for name in re.findall(r"pg_sys::(\w+?)OID", arms)}


@pytest.fixture(scope="module")
def facts(fresh):
    with fresh.admin() as admin:
        yield admin


def test_identity_claims(facts):
    (claims,) = facts.execute("SELECT splitplane._identity_claims()").fetchone()
    lists = found(r'"tenant"\s*[|,]\s*"business"[^)\]]*', at_least=2)
    assert all(re.findall(r'"([a-z]+)"', each) == claims for each in lists), lists


def test_form_of_a_claim_name(facts):
    """SQL's form is the narrower one, so that what admit takes can be used as a claim."""
    (longest,) = found(r"MAX_CLAIM_NAME_BYTES: usize = (\d+)")
    check = "SELECT splitplane._check_claim_name(%s)"
    facts.execute(check, ("a" * int(longest),))
    for refused in ("a" * (int(longest) + 1), "", "1a", "A", "a-b", None):
        with pytest.raises(Exception, match="is not a lower-case identifier"):
            facts.execute(check, (refused,))


def test_form_of_an_identity_value(facts):
    """A principal that can be admitted can ask: one rule, but for '*', which means any."""
    (longest,) = found(r"MAX_IDENTITY_BYTES: usize = (\d+)")
    assert int(longest) == 256
    check = "SELECT splitplane._check_identity('tenant', %s)"
    for taken in ("", "*", "brand-a", "Chicago North", "x" * 256):
        facts.execute(check, (taken,))
    for refused in ("x" * 257, "a*", " a", "a ", "a  b", "a\tb", None):
        with pytest.raises(Exception, match="tenant "):
            facts.execute(check, (refused,))


def test_form_of_a_key_id(facts):
    """The table and create_key have one form, and layer 1 takes every key id of that form."""
    (constraint,) = facts.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'keys_key_id_check'").fetchone()
    (body,) = facts.execute("SELECT prosrc FROM pg_proc WHERE proname = '_add_key'").fetchone()
    form = re.search(r"~ '(\^[^']+)'", constraint)[1]
    assert f"!~ '{form}'" in body
    (longest,) = found(r"MAX_KEY_ID_BYTES: usize = (\d+)")
    (others,) = found(r"fn is_key_id.*?is_ascii_alphanumeric\(\) \|\| matches!\(byte, ([^)]*)\)")
    alphabet, most = re.fullmatch(r"\^\[([^]]+)\]\{\d+,(\d+)\}\$", form).groups()
    assert int(most) <= int(longest)
    assert set(alphabet.replace("A-Z", "").replace("a-z", "").replace("0-9", "")) <= set(re.findall(r"b'(.)'", others))


def test_types_of_scope_columns(facts):
    """Those that in_scope compares. Enums have no OID of their own, and an arm of their own there."""
    sql = {row[0] for row in facts.execute("SELECT t.typname FROM splitplane._scope_type_facts() AS f JOIN pg_type AS t ON t.oid = f.type")}
    (arms,) = found(r"((?:\s*pg_sys::\w+OID(?: \| pg_sys::\w+OID)* => Form::\w+,)+\s*_ if types::is_enum\(type_oid\) => Form::Label,)")
    assert sql == type_names(arms) | {"anyenum"}


def test_types_of_tripwires(facts):
    """Those that the executor hook compares."""
    sql = {row[0] for row in facts.execute("SELECT t.typname FROM splitplane._scope_type_facts() AS f JOIN pg_type AS t ON t.oid = f.type WHERE f.reserved IS NOT NULL")}
    (arms,) = found(r"((?:\s*pg_sys::\w+OID(?: \| pg_sys::\w+OID)* => Value::\w+\([^\n]*\),)+)")
    assert sql == type_names(arms)


def test_reserved_values_are_of_their_types(facts):
    """Also when the type writes them, since that text is compared."""
    for name, reserved in facts.execute("SELECT f.type::regtype::text, f.reserved FROM splitplane._scope_type_facts() AS f WHERE f.reserved IS NOT NULL").fetchall():
        assert facts.execute(f"SELECT '{reserved}'::{name}::text").fetchone() == (reserved,)


def test_types_of_the_plane(facts):
    """A column's type is safe if the allowlist of built-in functions has it. That has pseudo-types and regconfig besides."""
    allowed = {row[2] for row in facts.execute(one_source("functions.sql")).fetchall() if row[0] == "type"}
    pseudo = {row[0] for row in facts.execute("SELECT typname FROM pg_type WHERE typtype = 'p'").fetchall()}
    safe = {row[0] for row in facts.execute("SELECT t.typname FROM pg_type AS t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND splitplane._type_is_safe(t.oid)").fetchall()}
    assert len(safe) > 80
    # PostgreSQL subscripts int2vector like an array of smallint. It can be registered, and every use of it is refused.
    assert {name for name in allowed - pseudo if name.lstrip("_") != "regconfig"} == safe - {"int2vector", "_int2vector"}


def test_settings_of_the_self_test_are_those_of_the_confined_section(facts):
    """The values must be printed alike on both sides; the time zone and lc_monetary are set within the self-test."""
    (table,) = found(r"FIXED: \[\(&CStr, &CStr\); \d+\] = \[(.*?)\n\];")
    pinned = dict(re.findall(r'\(c"([^"]+)", c"([^"]*)"\)', table))
    assert len(pinned) > 20
    (config,) = facts.execute("SELECT proconfig FROM pg_proc WHERE oid = 'splitplane.selftest(text[],regclass[],integer)'::regprocedure").fetchone()
    own = dict(entry.split("=", 1) for entry in config)
    # The owner reads the truth without row-level security, and the others are not fixed: they come from the server.
    for name in ("row_security", "TimeZone", "lc_monetary"):
        del own[name]
    assert {name: pinned.get(name) for name in own} == own


def test_powers_of_roles(fresh, facts):
    """Each attribute of a role that PostgreSQL has is either on the list or harmless; the extension's roles have none."""
    columns = {row[0] for row in facts.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'pg_authid'::regclass AND attnum > 0 AND atttypid = 'bool'::regtype").fetchall()}
    listed = {row[0] for row in facts.execute("SELECT remedy FROM splitplane._role_powers('postgres')").fetchall()}
    options = {"rolcanlogin": "NOLOGIN", "rolsuper": "NOSUPERUSER", "rolcreatedb": "NOCREATEDB", "rolcreaterole": "NOCREATEROLE",
               "rolreplication": "NOREPLICATION", "rolbypassrls": "NOBYPASSRLS"}
    assert listed == set(options.values())
    assert columns - options.keys() == {"rolinherit"}, "rolinherit says how memberships work, and the reader has none"
    held = "SELECT count(*) FROM unnest(splitplane._own_roles()) AS r(name) CROSS JOIN splitplane._role_powers(r.name) AS p WHERE p.held IS NOT FALSE"
    assert facts.execute(held).fetchone() == (0,)
    assert facts.execute("SELECT count(*) FROM splitplane._role_powers('postgres') AS p WHERE p.held").fetchone() == (6,), "the control: a superuser made by initdb has all"
    assert facts.execute("SELECT count(*) FROM splitplane._role_powers('no such role') AS p WHERE p.held").fetchone() == (0,)


def test_placeholders_of_the_self_test(facts):
    """Every one of a shape is filled in, and a name that holds braces is not filled in again."""
    names = '{"table": "\\"{columns}\\"", "qualified": "q", "name": "m", "columns": "c", "counts": "n", "sample": "s", "probe": "p", "values": "v"}'
    known = set(facts.execute("SELECT array_agg(k) FROM jsonb_object_keys(%s::jsonb) AS k", (names,)).fetchone()[0])
    shapes = facts.execute("SELECT template, splitplane._selftest_fill(template, %s) FROM splitplane._selftest_shapes()", (names,)).fetchall()
    assert len(shapes) == 11
    for template, text in shapes:
        assert set(re.findall(r"\{([^}]*)\}", template)) <= known
        assert text.replace('"{columns}"', "t").count("{") == 0
        assert '"{columns}"' in text or "{table}" not in template


def test_every_finding_of_doctor_is_provoked():
    """The words of each sentence that doctor() can say stand in what a regression suite prints, or in a test.

    That the finding comes when it should, and that its fix mends it, is for those suites to show.
    """
    printed = "".join(path.read_text() for path in (ROOT / "pg_test/regress/expected").glob("*.out"))
    printed += "".join(path.read_text() for path in (ROOT / "pg_test").glob("*/test_*.py"))
    findings = []
    for path in sorted((ROOT / "sql").glob("6?_*.sql")):
        text = re.sub(r"(?m)^\s*--.*$|^COMMENT ON [^;]*;", "", path.read_text())
        # Of a literal over several lines the parts between what is filled in.
        literals = re.findall(r"'((?:[^']|'')*)'", re.sub(r"'\s*\n\s*'", "", text))
        findings += [literal.replace("''", "'") for literal in literals if re.match(r"[A-Z%]|splitplane_reader ", literal) and re.search(r"[a-z][.,:]( |$)", literal) and not literal.startswith(("SELECT f.", "SELECT p.", "SELECT EXISTS (", "SELECT pg_catalog.format(", "SELECT $1,", "What is wrong with"))]
    assert len(findings) > 45, "the control: they are found"
    parts = [part.strip(" .,:") for said in findings for part in re.split(r"%(?:\d\$)?[sIL]", said)]
    missing = [part for part in parts if len(part) > 8 and part not in printed]
    assert missing == []
