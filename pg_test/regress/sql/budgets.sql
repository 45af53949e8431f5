-- Budgets and prices: setting and clearing them, who may, what each mistake is told, and what a caller is told.
\set SHOW_CONTEXT never
\set VERBOSITY default
\c - dba

SELECT splitplane.set_budget('*', 'calls', 2, '100 days');
SELECT splitplane.set_budget('t1', 'tokens', 1000000, '1 day');
SELECT splitplane.set_budget('nobody-yet', 'cost', 12.345678, '1 week 2 hours');
SELECT splitplane.set_budget('t1', 'run_seconds', 0.5, interval '1 second');
SELECT splitplane.set_price('some-model', 3, 15.25);
SELECT splitplane.set_price('some-model', 0, 0.000001);
-- The default shows for each registered tenant without one of its own.
SELECT tenant, measure, amount, period, used, reserved, resets_at > now() AS later FROM splitplane.budgets ORDER BY 1, 2;
SELECT * FROM splitplane.prices;
-- Windows begin at whole multiples from 2000-01-01 UTC.
SELECT measure, (extract(epoch FROM resets_at - timestamptz '2000-01-01 00:00+00') % extract(epoch FROM period))::int AS rest
FROM splitplane.budgets WHERE tenant = 't1' ORDER BY 1;
-- Again: replaces it.
SELECT splitplane.set_budget('t1', 'tokens', 5, '2 days');
SELECT amount, period FROM splitplane.budgets WHERE tenant = 't1' AND measure = 'tokens';
SELECT splitplane.clear_budget('t1', 'tokens'), splitplane.clear_budget('t1', 'run_seconds'), splitplane.clear_budget('nobody-yet', 'cost');
SELECT splitplane.clear_budget('t1', 'tokens');

-- Malformed arguments.
SELECT splitplane.set_budget(NULL, 'calls', 1, '1 day');
SELECT splitplane.set_budget('', 'calls', 1, '1 day');
SELECT splitplane.set_budget(E't\n', 'calls', 1, '1 day');
SELECT splitplane.set_budget('t1', NULL, 1, '1 day');
SELECT splitplane.set_budget('t1', 'Calls', 1, '1 day');
SELECT splitplane.set_budget('t1', 'dollars', 1, '1 day');
SELECT splitplane.set_budget('t1', 'calls', NULL, '1 day');
SELECT splitplane.set_budget('t1', 'calls', -1, '1 day');
SELECT splitplane.set_budget('t1', 'calls', 'NaN', '1 day');
SELECT splitplane.set_budget('t1', 'calls', 'Infinity', '1 day');
SELECT splitplane.set_budget('t1', 'calls', '-Infinity', '1 day');
SELECT splitplane.set_budget('t1', 'calls', 1e12 + 1, '1 day');
SELECT splitplane.set_budget('t1', 'cost', 0.0000001, '1 day');
SELECT splitplane.set_budget('t1', 'calls', 1, NULL);
SELECT splitplane.set_budget('t1', 'calls', 1, '1 month');
SELECT splitplane.set_budget('t1', 'calls', 1, '1 year');
SELECT splitplane.set_budget('t1', 'calls', 1, '1 month -29 days');
SELECT splitplane.set_budget('t1', 'calls', 1, '0');
SELECT splitplane.set_budget('t1', 'calls', 1, '-1 day');
SELECT splitplane.set_budget('t1', 'calls', 1, '0.9 seconds');
SELECT splitplane.set_budget('t1', 'calls', 1, '3661 days');
SELECT splitplane.clear_budget('t1', 'dollars');
SELECT splitplane.clear_budget(NULL, 'calls');
SELECT splitplane.set_price(NULL, 1, 1);
SELECT splitplane.set_price('', 1, 1);
SELECT splitplane.set_price('m', NULL, 1);
SELECT splitplane.set_price('m', 1, -1);
SELECT splitplane.set_price('m', 1, 'NaN');
SELECT count(*) FROM splitplane.budget_limits;

-- Nobody but administrators.
\c - app
SELECT splitplane.set_budget('t1', 'calls', 1000, '1 day');
SELECT splitplane.clear_budget('*', 'calls');
SELECT splitplane.set_price('m', 1, 1);
SELECT * FROM splitplane.budgets;
SELECT * FROM splitplane.budget_limits;
SELECT * FROM splitplane.prices;
SELECT splitplane._budgets();
SELECT splitplane._budget_use('t1', 'calls', 1);
SELECT splitplane._budget_needs();
\c - dba
INSERT INTO splitplane.budget_limits VALUES ('t1', 'calls', 1, '1 day', 1);
SELECT splitplane._budget_use('t1', 'calls', 1);

-- Two calls for each tenant, and the refusal; the message says how many seconds are left.
\c - app
SELECT test.rows('SELECT count(*) FROM orders', '42');
SELECT ask_dry_run(test.ctx('SELECT 1', '42'), sql => 'SELECT 1') ->> 'outcome' AS outcome;
\set VERBOSITY sqlstate
SELECT test.rows('SELECT count(*) FROM orders', '42');
SELECT ask_dry_run(test.ctx('SELECT 1', '42'), sql => 'SELECT 1');
\set VERBOSITY default
SELECT test.rows('SELECT count(*) FROM orders', '7');
\c - dba
SELECT tenant, used, reserved FROM splitplane.budgets ORDER BY 1;
-- A rollback gives nothing back, and neither does clearing and setting it again.
SELECT splitplane.clear_budget('*', 'calls');
SELECT splitplane.set_budget('*', 'calls', 3, '100 days');
SELECT tenant, amount, used FROM splitplane.budgets ORDER BY 1;
