-- What the clients' tests ask besides the world of the wire tests: values that floating point does not hold.
CREATE TABLE figures (tenant_id text NOT NULL, whole bigint, exact numeric, lists numeric[], ratio double precision, small integer, part text,
                      document jsonb, at timestamptz);
INSERT INTO figures VALUES ('brand-a', 9007199254740993, 12345678901234567890.12345678901234567890, '{1.50,NULL,9007199254740993}', 0.1, 7,
                            E'O''Brien\n東', '{"held": 1.5, "wide": 9007199254740993}', '2026-01-01 00:00:00.123456+00');
SELECT splitplane.protect('figures', '{"tenant_id": "tenant"}');

-- Numbers as texts.
CREATE ROLE texts LOGIN IN ROLE splitplane_caller;
ALTER ROLE texts SET splitplane.json_numbers = 'text';
-- Whose errors show bound values.
CREATE ROLE telling LOGIN IN ROLE splitplane_caller;
ALTER ROLE telling SET log_parameter_max_length_on_error = -1;

-- A question that needs no model.
SELECT splitplane.verify_query('sales', 'How many sales were there?', 'SELECT count(*) FROM sales');
