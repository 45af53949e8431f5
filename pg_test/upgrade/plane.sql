-- What an administrator calls to make a plane of those tables, and whom he lets call splitplane's functions. Written for 0.1.0;
-- 0.2.0 takes the same calls. Verified queries and metrics are in planes.py.
SELECT splitplane.admit('1', claims => '{"stores": [1, 2], "teams": ["red", "blue"], "devices": ["00000000-0000-4000-8000-000000000001"]}');
SELECT splitplane.admit('2', claims => '{"stores": [3], "teams": "blue", "devices": ["00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"]}');
SELECT splitplane.admit('3', '2026-11-02', claims => '{"stores": [0, 1, 2, 3], "teams": [], "devices": []}');
SELECT splitplane.admit('4');
SELECT splitplane.expel('4');

-- Found by protect, and put back by unprotect.
GRANT SELECT ON ledgers TO splitplane_reader;

SELECT splitplane.protect('orders', '{"tenant_id": "tenant"}', columns => ARRAY['order_id', 'note', 'customer_email'], private_columns => ARRAY['customer_email']);
SELECT splitplane.protect('branches', '{"tenant": "tenant"}');
SELECT splitplane.protect('visits', '{"tenant": "tenant"}');
SELECT splitplane.protect('shifts', '{"tenant": "tenant"}');
SELECT splitplane.protect('accounts', '{"tenant": "tenant"}');
SELECT splitplane.protect('ledgers', '{"tenant": "tenant"}', columns => ARRAY['note']);
SELECT splitplane.protect('plans', '{"tenant": "tenant"}');
SELECT splitplane.protect('badges', '{"tenant": "tenant"}');
SELECT splitplane.protect('members', '{"tenant": "tenant", "member": "subject"}');
SELECT splitplane.protect('days', '{"tenant": "tenant", "day": "business"}');
SELECT splitplane.protect('stores', '{"tenant": "tenant", "store_id": "stores"}');
SELECT splitplane.protect('tickets', '{"tenant": "tenant", "team": "teams"}');
SELECT splitplane.protect('devices', '{"tenant": "tenant", "device": "devices"}');
SELECT splitplane.protect('"Odd Schema"."Odd ""Table"""', '{"Tenant \"Id\"": "tenant"}', name => 'odd');
SELECT splitplane.protect('events', '{"tenant": "tenant"}');
SELECT splitplane.protect('reviews', '{"tenant": "tenant"}');
SELECT splitplane.share('rates');
SELECT splitplane.share('notices');
-- Made and taken away again, so that what unprotect puts back is looked at as well.
SELECT splitplane.protect('vault', '{"note": "tenant"}');
SELECT splitplane.unprotect('vault');

SELECT splitplane.allow_function('shout(text)');
SELECT splitplane.allow_function('pg_catalog.random()');
SELECT splitplane.allow_function('whisper(text)');
SELECT splitplane.disallow_function('whisper(text)');

SELECT splitplane.tripwire_row('orders') \gexec
SELECT splitplane.arm_tripwire('orders');

-- As a call leaves it.
INSERT INTO splitplane.conversations VALUES ('00000000-0000-4000-8000-00000000000c', '1', '2026-11-01', '', now());
INSERT INTO splitplane.conversation_turns (conversation, asked_at, question, sql)
VALUES ('00000000-0000-4000-8000-00000000000c', now(), 'How many orders are there?', 'SELECT count(*) FROM orders');

GRANT splitplane_caller TO app;
GRANT splitplane_admin TO administrator;
GRANT USAGE ON SCHEMA splitplane TO signer, team_lead, auditor;
-- Of a function that gets an argument, and of others.
GRANT EXECUTE ON FUNCTION splitplane.sign TO signer;
GRANT EXECUTE ON FUNCTION splitplane.sign TO team_lead WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION splitplane.sign FROM splitplane_admin;
GRANT EXECUTE ON FUNCTION splitplane.describe TO auditor;
REVOKE EXECUTE ON FUNCTION splitplane.validate FROM splitplane_admin;
GRANT SELECT ON splitplane.principals TO auditor;
GRANT SELECT (key_id, tenants) ON splitplane.keys TO auditor;
REVOKE SELECT ON splitplane.metrics FROM splitplane_admin;
