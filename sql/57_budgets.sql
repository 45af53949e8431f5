-- Budgets of tenants and prices of models. What is used is counted by the library, in shared memory and in a file of
-- the data directory, and not here: a rollback gives nothing back.

-- Numbers are in millionths, so that the library adds whole numbers.
CREATE TABLE splitplane.budget_limits (
    tenant text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('calls', 'model_calls', 'tokens', 'cost', 'run_seconds')),
    amount bigint NOT NULL CHECK (amount >= 0),
    period interval NOT NULL,
    microseconds bigint NOT NULL CHECK (microseconds > 0),
    PRIMARY KEY (tenant, measure)
);
COMMENT ON TABLE splitplane.budget_limits IS
    'Budgets as set_budget sets them, in millionths; ''*'' is the default of every tenant.';

CREATE TABLE splitplane.prices (
    model text PRIMARY KEY,
    input bigint NOT NULL CHECK (input >= 0),
    output bigint NOT NULL CHECK (output >= 0)
);
COMMENT ON TABLE splitplane.prices IS 'Prices of models as set_price sets them, in millionths for a million tokens.';

REVOKE ALL ON splitplane.budget_limits, splitplane.prices FROM PUBLIC;
GRANT SELECT ON splitplane.budget_limits, splitplane.prices TO splitplane_admin;

SELECT pg_catalog.pg_extension_config_dump('splitplane.budget_limits', '');
SELECT pg_catalog.pg_extension_config_dump('splitplane.prices', '');

-- A session remembers that there are none, and those of tenants that it has met. Prices are read for every question.
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON splitplane.budget_limits
    FOR EACH STATEMENT EXECUTE FUNCTION splitplane._on_config_change();

-- What is used and reserved of a budget in its present window, in millionths, and when that ends, in microseconds since
-- 2000-01-01 UTC.
CREATE FUNCTION splitplane._budget_use(
    tenant text, measure text, microseconds bigint, OUT used bigint, OUT reserved bigint, OUT resets_at bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'splitplane_2__budget_use';
REVOKE ALL ON FUNCTION splitplane._budget_use(text, text, bigint) FROM PUBLIC;

-- What one call reserves of each measure, in millionths; `most` is NULL for a cost without a price. Measures of models
-- are left out where no model is configured.
CREATE FUNCTION splitplane._budget_needs(OUT measure text, OUT most bigint) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'splitplane_2__budget_needs';
REVOKE ALL ON FUNCTION splitplane._budget_needs() FROM PUBLIC;

-- A number as millionths, if it can be one.
CREATE FUNCTION splitplane._millionths(what text, amount numeric) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- NaN and infinity are larger than every number.
    IF amount IS NULL OR amount < 0 OR amount > 1000000000000 THEN
        RAISE EXCEPTION '% must be a number from 0 to 1000000000000', what USING ERRCODE = '22023';
    END IF;
    IF amount <> trunc(amount, 6) THEN
        RAISE EXCEPTION '% has more than six digits behind the point', what USING ERRCODE = '22023';
    END IF;
    RETURN (amount * 1000000)::bigint;
END
$$;
REVOKE ALL ON FUNCTION splitplane._millionths(text, numeric) FROM PUBLIC;

CREATE FUNCTION splitplane._check_budget(tenant text, measure text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._check_identity('tenant', tenant);
    IF tenant = '' THEN
        RAISE EXCEPTION 'tenant is empty' USING ERRCODE = '22023';
    END IF;
    IF measure IS NULL OR measure NOT IN ('calls', 'model_calls', 'tokens', 'cost', 'run_seconds') THEN
        RAISE EXCEPTION 'measure must be calls, model_calls, tokens, cost or run_seconds' USING ERRCODE = '22023';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane._check_budget(text, text) FROM PUBLIC;

CREATE FUNCTION splitplane.set_budget(tenant text, measure text, amount numeric, period interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('set_budget', jsonb_build_object(
        'tenant', set_budget.tenant, 'measure', set_budget.measure, 'amount', set_budget.amount,
        'period', set_budget.period));
    PERFORM splitplane._check_budget(tenant, measure);
    IF period IS NULL OR NOT isfinite(period) OR period < interval '1 second' OR period > interval '3660 days' THEN
        RAISE EXCEPTION 'period must be an interval from 1 second to 3660 days' USING ERRCODE = '22023';
    END IF;
    -- They have no fixed length.
    IF extract(year FROM period) <> 0 OR extract(month FROM period) <> 0 THEN
        RAISE EXCEPTION 'period must not have months or years: give it in days' USING ERRCODE = '22023';
    END IF;
    INSERT INTO splitplane.budget_limits AS b (tenant, measure, amount, period, microseconds)
    VALUES (set_budget.tenant, set_budget.measure, splitplane._millionths('amount', set_budget.amount),
            set_budget.period, (extract(epoch FROM set_budget.period) * 1000000)::bigint)
    ON CONFLICT ON CONSTRAINT budget_limits_pkey DO UPDATE
        SET amount = excluded.amount, period = excluded.period, microseconds = excluded.microseconds;
END
$$;
REVOKE ALL ON FUNCTION splitplane.set_budget(text, text, numeric, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.set_budget(text, text, numeric, interval) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.set_budget(text, text, numeric, interval) IS
    'How much a tenant may use in each period, which begin at whole multiples from 2000-01-01 UTC. '
    'Tenant ''*'' is the default of every tenant; measures are calls, model_calls, tokens, cost and run_seconds.';

CREATE FUNCTION splitplane.clear_budget(tenant text, measure text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('clear_budget', jsonb_build_object(
        'tenant', clear_budget.tenant, 'measure', clear_budget.measure));
    PERFORM splitplane._check_budget(tenant, measure);
    DELETE FROM splitplane.budget_limits AS b
     WHERE b.tenant = clear_budget.tenant AND b.measure = clear_budget.measure;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no budget of % for tenant "%"', measure, tenant USING ERRCODE = '42704';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION splitplane.clear_budget(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.clear_budget(text, text) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.clear_budget(text, text) IS
    'Takes a budget away. A tenant''s own then gives way to the default, if there is one.';

CREATE FUNCTION splitplane.set_price(model text, input numeric, output numeric) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM splitplane._administration('set_price', jsonb_build_object(
        'model', set_price.model, 'input', set_price.input, 'output', set_price.output));
    IF model IS NULL OR model = '' THEN
        RAISE EXCEPTION 'model is NULL or empty' USING ERRCODE = '22023';
    END IF;
    INSERT INTO splitplane.prices AS p (model, input, output)
    VALUES (set_price.model, splitplane._millionths('input', set_price.input),
            splitplane._millionths('output', set_price.output))
    ON CONFLICT ON CONSTRAINT prices_pkey DO UPDATE SET input = excluded.input, output = excluded.output;
END
$$;
REVOKE ALL ON FUNCTION splitplane.set_price(text, numeric, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane.set_price(text, numeric, numeric) TO splitplane_admin;
COMMENT ON FUNCTION splitplane.set_price(text, numeric, numeric) IS
    'What a model costs for a million tokens that it reads (input) and writes (output), in your currency.';

-- Every budget that is set, and for each registered tenant the default where it has none of its own. The view calls it
-- as whoever reads the view.
CREATE FUNCTION splitplane._budgets()
RETURNS TABLE (tenant text, measure text, amount numeric, period interval, used numeric, reserved numeric,
               resets_at timestamptz)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.tenant, b.measure, trim_scale(b.amount / 1000000::numeric), b.period,
           trim_scale(u.used / 1000000::numeric), trim_scale(u.reserved / 1000000::numeric),
           timestamptz '2000-01-01 00:00:00+00'
           + make_interval(days => (u.resets_at / 86400000000)::integer,
                           secs => (u.resets_at % 86400000000) / 1000000::double precision)
    FROM (
        SELECT l.tenant, l.measure, l.amount, l.period, l.microseconds FROM splitplane.budget_limits AS l
        UNION ALL
        SELECT p.tenant, l.measure, l.amount, l.period, l.microseconds
        FROM (SELECT DISTINCT r.tenant FROM splitplane.principals AS r) AS p
        JOIN splitplane.budget_limits AS l ON l.tenant = '*'
        WHERE NOT EXISTS (SELECT FROM splitplane.budget_limits AS o
                          WHERE o.tenant = p.tenant AND o.measure = l.measure)
    ) AS b
    CROSS JOIN LATERAL splitplane._budget_use(b.tenant, b.measure, b.microseconds) AS u
$$;
REVOKE ALL ON FUNCTION splitplane._budgets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION splitplane._budgets() TO splitplane_admin;

CREATE VIEW splitplane.budgets AS
    SELECT b.tenant, b.measure, b.amount, b.period, b.used, b.reserved, b.resets_at FROM splitplane._budgets() AS b;
COMMENT ON VIEW splitplane.budgets IS
    'What each tenant may use, has used and has reserved in the present window; ''*'' is the default of every tenant.';
REVOKE ALL ON splitplane.budgets FROM PUBLIC;
GRANT SELECT ON splitplane.budgets TO splitplane_admin;
