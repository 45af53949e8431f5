--@ json-operators ordered
SELECT details->>'device' AS device, COUNT(*) AS n, AVG((details->>'wait_minutes')::int) AS wait FROM orders GROUP BY 1 ORDER BY 1;

--@ json-path-arrow ordered
SELECT details#>>'{delivery,partner}' AS partner, ROUND(AVG((details->'delivery'->>'distance_km')::numeric), 3) AS km, COUNT(*) AS n
FROM orders WHERE details ? 'delivery' GROUP BY 1 ORDER BY 1;

--@ json-subscript ordered
SELECT store_id, hours['open'] AS opens, hours['close'] #>> '{}' AS closes FROM stores WHERE hours['open'] = '"07:00"' ORDER BY store_id;

--@ json-containment
SELECT COUNT(*) AS n FROM orders WHERE details @> '{"device": "app"}' AND NOT details @> '{"notes": ["birthday"]}';

--@ json-exists-any ordered
SELECT item_id, name FROM menu_items WHERE nutrition->'allergens' ?| ARRAY['gluten', 'nuts'] AND NOT nutrition->'allergens' ?& ARRAY['gluten', 'milk'] ORDER BY item_id;

--@ json-array-elements ordered
SELECT note, COUNT(*) AS n FROM orders o CROSS JOIN LATERAL jsonb_array_elements_text(o.details->'notes') AS note GROUP BY note ORDER BY note;

--@ json-array-elements-ordinality ordered
SELECT o.order_id, n.note, n.position FROM orders o, jsonb_array_elements_text(o.details->'notes') WITH ORDINALITY AS n(note, position) WHERE n.position = 2 ORDER BY o.order_id LIMIT 20;

--@ json-array-length ordered
SELECT jsonb_array_length(details->'notes') AS notes, COUNT(*) AS n FROM orders GROUP BY 1 ORDER BY 1;

--@ json-each ordered
SELECT e.key, jsonb_typeof(e.value) AS type, COUNT(*) AS n FROM orders o CROSS JOIN LATERAL jsonb_each(o.details) AS e GROUP BY 1, 2 ORDER BY 1, 2;

--@ json-each-text ordered
SELECT s.store_id, e.key, e.value FROM stores s, jsonb_each_text(s.hours) e WHERE s.store_id <= 20 ORDER BY s.store_id, e.key;

--@ json-object-keys ordered
SELECT k, COUNT(*) AS n FROM customers c, jsonb_object_keys(c.preferences) AS k GROUP BY k ORDER BY k;

--@ json-to-recordset ordered
SELECT r.label, COUNT(o.order_id) AS n
FROM jsonb_to_recordset('[{"label": "small", "low": 0, "high": 20}, {"label": "large", "low": 20, "high": 100000}]') AS r(label text, low numeric, high numeric)
JOIN orders o ON o.total >= r.low AND o.total < r.high
GROUP BY r.label ORDER BY r.label;

--@ json-to-record ordered
SELECT o.order_id, d.device, d.wait_minutes, d.notes
FROM orders o CROSS JOIN LATERAL jsonb_to_record(o.details) AS d(device text, wait_minutes int, notes text[])
ORDER BY d.wait_minutes DESC, o.order_id LIMIT 15;

--@ json-text-column-json ordered
SELECT card->>'network' AS network, COUNT(*) AS n, SUM(amount) AS amount FROM payments WHERE card IS NOT NULL GROUP BY card->>'network' ORDER BY n DESC, network;

--@ json-extract-path ordered
SELECT json_extract_path_text(card, 'network') AS network, COUNT(DISTINCT json_extract_path_text(card, 'last4')) AS cards FROM payments WHERE method = 'card' GROUP BY 1 ORDER BY 1;

--@ json-build-object ordered
SELECT jsonb_build_object('store', s.store_id, 'city', s.city, 'features', to_jsonb(s.features), 'open', s.closed_on IS NULL) AS doc FROM stores s ORDER BY s.store_id LIMIT 12;

--@ json-agg ordered
SELECT b.code, jsonb_agg(jsonb_build_object('id', s.store_id, 'city', s.city) ORDER BY s.store_id) FILTER (WHERE s.store_id <= 60) AS stores
FROM businesses b LEFT JOIN stores s USING (business_id) GROUP BY b.code ORDER BY b.code;

--@ json-object-agg
SELECT json_object_agg(channel, n ORDER BY channel) AS by_channel, jsonb_object_agg(channel, n) AS again FROM (SELECT channel, COUNT(*) AS n FROM orders GROUP BY channel) t;

--@ json-row-to-json ordered
SELECT row_to_json(t) AS line FROM (SELECT channel, COUNT(*) AS n, SUM(total) AS revenue FROM orders GROUP BY channel ORDER BY channel) t;

--@ json-whole-row ordered
SELECT to_jsonb(m) - 'nutrition' - 'tenant_id' AS item FROM menu_items m ORDER BY m.item_id LIMIT 6;

--@ json-whole-row-of-table ordered
SELECT row_to_json(stores) AS store FROM stores ORDER BY store_id LIMIT 4;

--@ json-path-query ordered
SELECT o.order_id, jsonb_path_query_first(o.details, '$.delivery.distance_km') AS km FROM orders o WHERE jsonb_path_exists(o.details, '$.delivery ? (@.distance_km > 10)') ORDER BY o.order_id LIMIT 20;

--@ json-path-match
SELECT COUNT(*) FILTER (WHERE details @? '$.delivery ? (@.partner == "own")') AS own, COUNT(*) FILTER (WHERE details @@ '$.wait_minutes > 30') AS slow FROM orders;

--@ json-set-and-merge ordered
SELECT store_id, jsonb_set(hours, '{open}', '"08:00"') || jsonb_build_object('sunday', 'closed') AS new_hours, hours - 'close' AS without, jsonb_pretty(hours) AS pretty FROM stores ORDER BY store_id LIMIT 5;

--@ json-null-vs-missing ordered
SELECT preferences->'diet' = 'null' AS json_null, preferences->>'diet' IS NULL AS sql_null, COUNT(*) AS n FROM customers GROUP BY 1, 2 ORDER BY 1, 2;

--@ json-cast ordered
SELECT (preferences->'favourite_item')::int AS item_id, COUNT(*) AS fans FROM customers GROUP BY 1 ORDER BY fans DESC, 1 LIMIT 10;
