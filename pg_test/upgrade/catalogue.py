"""Everything that PostgreSQL knows of an installed splitplane, in words that mean the same in every database, and how two differ.

Objects are named as pg_identify_object does. OIDs, moments and sealed secrets are left out; what an OID stands for is not.
"""

from __future__ import annotations

import json

_ABSENT = "(nothing)"

# What belongs to the extension, and beside it what it makes or changes outside of itself.
_WITH = """
WITH ours AS MATERIALIZED (
    SELECT d.classid, d.objid FROM pg_depend AS d
    WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'splitplane') AND d.deptype = 'e'
),
planes AS MATERIALIZED (SELECT r.relation::oid AS relation FROM splitplane.relations AS r),
classes AS MATERIALIZED (
    SELECT c.* FROM pg_class AS c
    WHERE c.relnamespace = 'splitplane'::regnamespace OR c.oid IN (SELECT relation FROM planes)
       OR EXISTS (SELECT FROM ours AS o WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid)
)
"""


def _sorted(acl: str) -> str:
    """An access list without the order in which it was granted; NULL, which means the default, stays NULL."""
    return f"(SELECT array_agg(i::text ORDER BY i::text) FROM unnest({acl}) AS i)"


def _name(class_id: str, object_id: str, sub_id: str = "0") -> str:
    # Triggers of foreign keys and TOAST tables are called by OIDs.
    return f"(SELECT format('%s %s', i.type, regexp_replace(i.identity, '(RI_\\w+|pg_toast)_\\d+', '\\1')) FROM pg_identify_object({class_id}, {object_id}, {sub_id}) AS i)"


# Each: the object, then what is said of it as one JSON object.
_FACTS = {
    "extension": """
        SELECT 'extension splitplane', jsonb_build_object('version', e.extversion, 'owner', e.extowner::regrole, 'schema', e.extnamespace::regnamespace,
                   'relocatable', e.extrelocatable, 'comment', obj_description(e.oid, 'pg_extension'),
                   'dumped', (SELECT jsonb_object_agg(c.id::regclass, c.condition) FROM unnest(e.extconfig, e.extcondition) AS c(id, condition)))
        FROM pg_extension AS e WHERE e.extname = 'splitplane'""",
    "member": f"SELECT {_name('o.classid', 'o.objid')}, jsonb_build_object('exists', true) FROM ours AS o",
    "function": f"""
        SELECT p.oid::regprocedure::text,
               to_jsonb(p) - ARRAY['oid', 'proacl', 'proargdefaults', 'proargtypes', 'proallargtypes', 'prosqlbody']
               || jsonb_build_object('pronamespace', p.pronamespace::regnamespace, 'proowner', p.proowner::regrole, 'prorettype', p.prorettype::regtype,
                      'prolang', (SELECT l.lanname FROM pg_language AS l WHERE l.oid = p.prolang), 'provariadic', p.provariadic::regtype,
                      'arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid), 'body', pg_get_function_sqlbody(p.oid),
                      'comment', obj_description(p.oid, 'pg_proc'), 'acl', {_sorted('p.proacl')})
        FROM pg_proc AS p
        WHERE p.pronamespace = 'splitplane'::regnamespace OR EXISTS (SELECT FROM ours AS o WHERE o.classid = 'pg_proc'::regclass AND o.objid = p.oid)""",
    "relation": f"""
        SELECT c.oid::regclass::text,
               jsonb_build_object('kind', c.relkind, 'owner', c.relowner::regrole, 'persistence', c.relpersistence, 'row security', c.relrowsecurity,
                   'forced', c.relforcerowsecurity, 'options', c.reloptions, 'replica identity', c.relreplident, 'has index', c.relhasindex,
                   'method', (SELECT a.amname FROM pg_am AS a WHERE a.oid = c.relam), 'comment', obj_description(c.oid, 'pg_class'), 'acl', {_sorted('c.relacl')},
                   'view', CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
                   'index', (SELECT to_jsonb(i) - ARRAY['indexrelid', 'indrelid', 'indclass', 'indcollation', 'indexprs', 'indpred']
                                    || jsonb_build_object('definition', pg_get_indexdef(i.indexrelid)) FROM pg_index AS i WHERE i.indexrelid = c.oid),
                   'sequence', (SELECT to_jsonb(s) - ARRAY['seqrelid', 'seqtypid'] FROM pg_sequence AS s WHERE s.seqrelid = c.oid))
        FROM classes AS c""",
    "column": f"""
        SELECT format('%s.%I', a.attrelid::regclass, a.attname),
               to_jsonb(a) - ARRAY['attrelid', 'atttypid', 'attcollation', 'attacl', 'attoptions']
               || jsonb_build_object('type', format_type(a.atttypid, a.atttypmod), 'acl', {_sorted('a.attacl')}, 'comment', col_description(a.attrelid, a.attnum),
                      'collation', (SELECT l.collname FROM pg_collation AS l WHERE l.oid = a.attcollation),
                      -- PostgreSQL's own count of changes to the type of rows.
                      'options', (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\\_attver=%'),
                      'default', (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum))
        FROM pg_attribute AS a JOIN classes AS c ON c.oid = a.attrelid WHERE a.attnum > 0""",
    "constraint": """
        SELECT format('%s of %s', c.conname, c.conrelid::regclass),
               jsonb_build_object('definition', pg_get_constraintdef(c.oid), 'validated', c.convalidated, 'deferrable', c.condeferrable,
                                  'comment', obj_description(c.oid, 'pg_constraint'))
        FROM pg_constraint AS c WHERE c.conrelid IN (SELECT oid FROM classes)""",
    "trigger": """
        SELECT CASE WHEN t.tgisinternal THEN format('%s of %s', t.tgfoid::regproc, t.tgrelid::regclass) ELSE format('%s of %s', t.tgname, t.tgrelid::regclass) END,
               jsonb_build_object('enabled', t.tgenabled, 'definition', CASE WHEN NOT t.tgisinternal THEN pg_get_triggerdef(t.oid) END)
        FROM pg_trigger AS t WHERE t.tgrelid IN (SELECT oid FROM classes)""",
    "policy": """
        SELECT format('%s of %s', p.polname, p.polrelid::regclass),
               jsonb_build_object('permissive', p.polpermissive, 'command', p.polcmd, 'using', pg_get_expr(p.polqual, p.polrelid),
                                  'check', pg_get_expr(p.polwithcheck, p.polrelid), 'roles', ARRAY(SELECT r::regrole::text FROM unnest(p.polroles) AS r ORDER BY 1))
        FROM pg_policy AS p""",
    "type": f"""
        SELECT t.oid::regtype::text, jsonb_build_object('kind', t.typtype, 'category', t.typcategory, 'owner', t.typowner::regrole, 'acl', {_sorted('t.typacl')})
        FROM pg_type AS t WHERE t.typnamespace = 'splitplane'::regnamespace""",
    "schema": f"""
        SELECT n.nspname, jsonb_build_object('owner', n.nspowner::regrole, 'acl', {_sorted('n.nspacl')}, 'comment', obj_description(n.oid, 'pg_namespace'))
        FROM pg_namespace AS n WHERE n.nspname NOT LIKE 'pg\\_%'""",
    "initial privileges": f"""
        SELECT {_name('i.classoid', 'i.objoid', 'i.objsubid')}, jsonb_build_object('kind', i.privtype, 'acl', {_sorted('i.initprivs')})
        FROM pg_init_privs AS i WHERE i.privtype = 'e'""",
    "dependency": f"""
        SELECT format('%s on %s', {_name('d.classid', 'd.objid', 'd.objsubid')}, {_name('d.refclassid', 'd.refobjid', 'd.refobjsubid')}),
               jsonb_build_object(d.deptype::text, true)
        FROM pg_depend AS d
        WHERE (d.classid, d.objid) IN (SELECT classid, objid FROM ours) OR (d.refclassid, d.refobjid) IN (SELECT classid, objid FROM ours)
           OR d.classid = 'pg_policy'::regclass""",
    "role's dependency": f"""
        SELECT format('%s on %s', {_name('d.classid', 'd.objid', 'd.objsubid')}, d.refobjid::regrole), jsonb_build_object(d.deptype::text, true)
        FROM pg_shdepend AS d
        WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND d.refclassid = 'pg_authid'::regclass""",
    "role": """
        SELECT r.rolname, to_jsonb(r) - ARRAY['oid', 'rolpassword', 'rolvaliduntil'] FROM pg_roles AS r WHERE r.rolname NOT LIKE 'pg\\_%'""",
    "membership": """
        SELECT format('%s in %s', m.member::regrole, m.roleid::regrole), jsonb_build_object('grantor', m.grantor::regrole, 'may grant', m.admin_option)
        FROM pg_auth_members AS m""",
    "default privileges": f"""
        SELECT format('%s of %s', d.defaclobjtype, d.defaclrole::regrole), jsonb_build_object('acl', {_sorted('d.defaclacl')}) FROM pg_default_acl AS d""",
    # What the tables hold. The fingerprints are made of OIDs: that one is the present one is what counts.
    "key": "SELECT k.key_id, to_jsonb(k) - ARRAY['sealed', 'not_before', 'not_after', 'created_at', 'revoked_at'] FROM splitplane.keys AS k",
    "principal": "SELECT format('%s %s %s', p.tenant, p.business, p.subject), to_jsonb(p) FROM splitplane.principals AS p",
    "claim": "SELECT c.claim, to_jsonb(c) FROM splitplane.claims AS c",
    "registration": """
        SELECT r.name, to_jsonb(r) - 'saved' || jsonb_build_object('is unchanged', f.fingerprint IS NOT DISTINCT FROM r.saved ->> 'fingerprint')
                       || (r.saved - ARRAY['fingerprint', 'reader_fingerprint', 'numbers_of'])
        FROM splitplane.relations AS r LEFT JOIN splitplane._fences AS f ON f.relation = r.relation""",
    "allowed function": "SELECT f.signature, f.saved FROM splitplane.allowed_functions AS f",
    "allowed extension": "SELECT e.extension, jsonb_build_object('is allowed', true) || e.saved FROM splitplane.allowed_extensions AS e",
    "verified query": "SELECT q.name, to_jsonb(q) - 'changed_at' FROM splitplane.verified_queries AS q",
    "metric": "SELECT m.name, to_jsonb(m) - 'changed_at' FROM splitplane.metrics AS m",
    "view": "SELECT v.name, to_jsonb(v) - 'changed_at' FROM splitplane.views AS v",
    "tripwire": "SELECT t.relation::text, to_jsonb(t) - 'armed_at' FROM splitplane.tripwires AS t",
    "conversation": "SELECT c.conversation::text, to_jsonb(c) - 'last_used_at' FROM splitplane.conversations AS c",
    "turn": "SELECT t.turn::text, to_jsonb(t) - 'asked_at' FROM splitplane.conversation_turns AS t",
    "finding": "SELECT format('%s %s', d.object, d.finding), to_jsonb(d) FROM splitplane.doctor() AS d",
    "description": "SELECT 'the plane', jsonb_build_object('text', splitplane.describe())",
}


def snapshot(connection) -> dict[tuple[str, str, str], str]:
    """(kind, object, what is said) and the value, of the database that a superuser is connected to."""
    # Names are then written with their schema, whatever the database's search_path.
    connection.execute("SET search_path = pg_catalog, pg_temp")
    found: dict[tuple[str, str, str], str] = {}
    for kind, query in _FACTS.items():
        # 0.1.0 has no such table.
        added = {"claim": "splitplane.claims", "view": "splitplane.views", "allowed extension": "splitplane.allowed_extensions"}.get(kind)
        if added and connection.execute("SELECT to_regclass(%s)", (added,)).fetchone() == (None,):
            continue
        # A role's dependency of one kind on several objects of one name cannot be told apart, and need not be.
        for name, facts in connection.execute(_WITH + query).fetchall():
            for attribute, value in facts.items():
                found[kind, name, attribute] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    connection.execute("RESET search_path")
    return found


def differences(one: dict, other: dict, first: str, second: str, ignored=()) -> list[str]:
    """What is not the same, one line each; `ignored` holds kinds, and pairs of a kind and what is said."""
    lines = []
    for key in sorted(one.keys() | other.keys()):
        kind, name, attribute = key
        here, there = one.get(key, _ABSENT), other.get(key, _ABSENT)
        if here != there and kind not in ignored and (kind, attribute) not in ignored:
            here, there = _where_they_part(here, there)
            lines.append(f"{kind} {name}, {attribute}: {here!r} in the {first}, {there!r} in the {second}")
    return lines


def _where_they_part(one: str, other: str) -> tuple[str, str]:
    """Of long texts, the part that begins a little before the first difference."""
    common = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    start = max(0, common - 60) if max(len(one), len(other)) > 200 else 0
    return one[start : start + 200], other[start : start + 200]
