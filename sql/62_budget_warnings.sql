-- Findings about budgets that refuse every call, and models without any.

CREATE FUNCTION splitplane._budget_findings() RETURNS TABLE (severity text, object text, finding text, fix text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH needs AS MATERIALIZED (SELECT n.measure, n.most FROM splitplane._budget_needs() AS n)
    SELECT 'warning', format('budget of %s of tenant %s', b.measure, b.tenant),
           format('It is smaller than what one call reserves, %s: calls that need it are refused (53400).',
                  trim_scale(n.most / 1000000::numeric)),
           format('-- raise it (set_budget), or: SELECT splitplane.clear_budget(%L, %L);', b.tenant, b.measure)
    FROM splitplane.budget_limits AS b JOIN needs AS n ON n.measure = b.measure
    -- An amount of 0 is meant.
    WHERE b.amount > 0 AND b.amount < n.most
    UNION ALL
    SELECT 'warning', format('budget of cost of tenant %s', b.tenant),
           'A model that splitplane asks has no price: questions that need a model are refused (55000).',
           '-- SELECT splitplane.set_price(model, input, output); with the names in splitplane.model and '
           'splitplane.validator_model'
    FROM splitplane.budget_limits AS b JOIN needs AS n ON n.measure = b.measure
    WHERE b.measure = 'cost' AND n.most IS NULL
    UNION ALL
    SELECT 'info', 'splitplane.budgets',
           'A model is configured, and nothing limits what a tenant may spend on it.',
           '-- for example: SELECT splitplane.set_budget(''*'', ''tokens'', 10000000, ''1 day'');'
    FROM needs AS n
    WHERE n.measure = 'tokens'
      AND NOT EXISTS (SELECT FROM splitplane.budget_limits AS b
                      WHERE b.measure IN ('model_calls', 'tokens', 'cost') AND b.tenant = '*')
$$;
REVOKE ALL ON FUNCTION splitplane._budget_findings() FROM PUBLIC;
