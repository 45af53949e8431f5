--@ arr-contains ordered
SELECT store_id, features FROM stores WHERE features @> ARRAY['patio', 'bar'] ORDER BY store_id;

--@ arr-overlap
SELECT COUNT(*) AS n FROM menu_items WHERE tags && '{vegan,spicy}'::text[];

--@ arr-any ordered
SELECT item_id, name, price FROM menu_items WHERE 'vegetarian' = ANY(tags) AND NOT 'spicy' = ANY(tags) ORDER BY item_id;

--@ arr-unnest ordered
SELECT modifier, COUNT(*) AS n FROM order_items oi, unnest(oi.modifiers) AS modifier GROUP BY modifier ORDER BY n DESC, modifier;

--@ arr-unnest-select-list ordered
SELECT feature, COUNT(*) AS stores FROM (SELECT unnest(features) AS feature FROM stores) f GROUP BY feature ORDER BY stores DESC, feature;

--@ arr-unnest-ordinality ordered
SELECT s.store_id, f.feature, f.pos FROM stores s CROSS JOIN LATERAL unnest(s.features) WITH ORDINALITY AS f(feature, pos) WHERE s.store_id <= 20 ORDER BY s.store_id, f.pos;

--@ arr-unnest-two ordered same
SELECT * FROM unnest(ARRAY[1, 2, 3], ARRAY['a', 'b']) AS t(n, letter) ORDER BY n;

--@ arr-functions ordered
SELECT item_id, cardinality(tags) AS c, array_length(tags, 1) AS len, array_to_string(tags, '|', '-') AS text, array_position(tags, 'spicy') AS pos, array_append(tags, 'new') AS appended, array_remove(tags, 'vegan') AS removed, tags || ARRAY['x', 'y'] AS joined, tags[1] AS first
FROM menu_items ORDER BY item_id;

--@ arr-slice-and-subscript ordered
SELECT store_id, features[1:2] AS two, features[array_upper(features, 1)] AS last, array_ndims(features) AS dims FROM stores WHERE cardinality(features) > 1 ORDER BY store_id LIMIT 20;

--@ arr-string-to-array ordered
SELECT (string_to_array(name, ' '))[1] AS first_word, COUNT(*) AS n FROM menu_items GROUP BY 1 ORDER BY 2 DESC, 1;

--@ arr-agg-distinct ordered
SELECT o.store_id, array_agg(DISTINCT o.channel ORDER BY o.channel) AS channels, array_agg(DISTINCT o.guests ORDER BY o.guests DESC) AS guests FROM orders o WHERE o.store_id <= 20 GROUP BY o.store_id ORDER BY o.store_id;

--@ arr-of-rows-two-dim same
SELECT ARRAY[[1, 2], [3, 4]] AS m, array_dims(ARRAY[[1, 2], [3, 4]]) AS d, '{1,2,3}'::int[] AS lit, array_prepend(0, ARRAY[1, 2]) AS longer, ARRAY[]::text[] = '{}' AS empty;

--@ arr-in-list-parameterised ordered
SELECT channel, COUNT(*) AS n FROM orders WHERE store_id = ANY ('{1,5,17,42,99}'::int[]) GROUP BY channel ORDER BY channel;

--@ arr-generate-subscripts ordered
SELECT s.store_id, i, s.features[i] AS feature FROM stores s, generate_subscripts(s.features, 1) AS i WHERE s.store_id = 17 OR s.store_id = 42 ORDER BY s.store_id, i;

--@ arr-intersection-through-set ordered
SELECT item_id, ARRAY(SELECT unnest(tags) INTERSECT SELECT unnest(ARRAY['vegan', 'spicy']) ORDER BY 1) AS wanted FROM menu_items ORDER BY item_id;
