--@ text-like ordered
SELECT store_id, name FROM stores WHERE name LIKE 'Chicago%' ORDER BY store_id;

--@ text-ilike ordered
SELECT item_id, name FROM menu_items WHERE name ILIKE '%burger%' OR name ILIKE '%BOWL%' ORDER BY item_id;

--@ text-not-like-escape ordered
SELECT store_id, name FROM stores WHERE name NOT LIKE '%\_%' ESCAPE '\' AND name LIKE '%!#1%' ESCAPE '!' ORDER BY store_id;

--@ text-like-column-pattern ordered
SELECT s.store_id, s.name, s.city FROM stores s WHERE s.name LIKE s.city || ' %' AND s.name LIKE '%' || s.store_id ORDER BY s.store_id LIMIT 30;

--@ text-like-any ordered
SELECT store_id, city FROM stores WHERE city LIKE ANY (ARRAY['San%', 'New%', '%ton']) ORDER BY store_id;

--@ text-regex-match ordered
SELECT store_id, name FROM stores WHERE name ~ '^(Chicago|Denver) (Station|Airport)' ORDER BY store_id;

--@ text-regex-case-insensitive ordered
SELECT reason, COUNT(*) AS n FROM voids WHERE reason ~* '^wrong' GROUP BY reason ORDER BY reason;

--@ text-regex-negated
SELECT COUNT(*) AS n FROM stores WHERE name !~ '\d{2}$' AND name !~* 'airport';

--@ text-regexp-replace ordered
SELECT store_id, regexp_replace(name, '\s+#(\d+)$', ' no. \1') AS pretty, regexp_replace(name, '[aeiou]', '*', 'g') AS hidden FROM stores ORDER BY store_id LIMIT 10;

--@ text-regexp-matches ordered
SELECT s.store_id, m[1] AS place, m[2]::int AS number FROM stores s CROSS JOIN LATERAL regexp_matches(s.name, '^(.*) #(\d+)$') AS m ORDER BY s.store_id LIMIT 15;

--@ text-regexp-match-function ordered
SELECT item_id, (regexp_match(name, '(\w+)\s+\d+$'))[1] AS dish, regexp_count(name, 'e') AS es, regexp_substr(name, '\d+') AS digits, regexp_like(name, 'Soup') AS soup FROM menu_items ORDER BY item_id;

--@ text-regexp-split ordered
SELECT word, COUNT(*) AS n FROM menu_items m CROSS JOIN LATERAL regexp_split_to_table(lower(m.name), '\s+') AS word GROUP BY word HAVING COUNT(*) > 1 ORDER BY n DESC, word;

--@ text-string-to-table ordered
SELECT w.word, COUNT(*) AS n FROM menu_items m, string_to_table(m.name, ' ') AS w(word) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 12;

--@ text-similar-to ordered
SELECT store_id, city FROM stores WHERE city SIMILAR TO '(Chi|Hou)%' ORDER BY store_id;

--@ text-functions ordered
SELECT item_id, upper(name) AS u, lower(name) AS l, initcap(lower(name)) AS i, length(name) AS len, char_length(name) AS cl, octet_length(name) AS ol, reverse(name) AS rev, left(name, 3) AS l3, right(name, 2) AS r2
FROM menu_items ORDER BY item_id LIMIT 10;

--@ text-substring-position ordered
SELECT store_id, substring(name FROM 1 FOR 4) AS a, substring(name, '#\d+') AS b, position('#' IN name) AS p, strpos(name, ' ') AS s, split_part(name, ' ', 2) AS second, overlay(name PLACING 'XX' FROM 2 FOR 3) AS o
FROM stores ORDER BY store_id LIMIT 10;

--@ text-trim-pad ordered same
SELECT trim(BOTH ' ' FROM '  x ') AS t, ltrim('xxabc', 'x') AS lt, rtrim('abc  ') AS rt, btrim('--a--', '-') AS bt, lpad('7', 3, '0') AS lp, rpad('ab', 5, '.') AS rp, repeat('ab', 3) AS r, translate('12345', '143', 'ax') AS tr, replace('a-b-c', '-', '') AS re, ascii('A') AS a, chr(233) AS e, starts_with('splitplane', 'split') AS sw;

--@ text-concat ordered
SELECT concat(s.city, ', ', s.state) AS place, concat_ws(' / ', b.region, NULL, b.code) AS tag, format('%s (%s stores)', s.city, COUNT(*)) AS label
FROM stores s JOIN businesses b USING (business_id) GROUP BY s.city, s.state, b.region, b.code ORDER BY 1, 2;

--@ text-concat-operator ordered
SELECT store_id || ': ' || name || coalesce(' (closed ' || closed_on || ')', '') AS label FROM stores ORDER BY store_id LIMIT 35;

--@ text-md5-hash ordered
SELECT md5(name) AS hash, encode(sha256(convert_to(city, 'UTF8')), 'hex') AS sha FROM stores ORDER BY store_id LIMIT 3;

--@ text-quote-in-literal ordered same
SELECT 'it''s' AS a, E'tab\there' AS b, $$dollar 'quoted'$$ AS c, $tag$with $$ inside$tag$ AS d, 'two'
 ' parts' AS f;

--@ text-collate ordered
SELECT city, COUNT(*) AS n FROM stores GROUP BY city ORDER BY city COLLATE "C" DESC;

--@ text-case-insensitive-group ordered
SELECT COALESCE(INITCAP(LOWER(reason)), 'Unknown') AS reason, COUNT(*) AS n, SUM(amount) AS amount FROM voids GROUP BY 1 ORDER BY n DESC, 1;

--@ text-prefix-operator ordered
SELECT code, COUNT(*) AS n FROM discounts WHERE code ^@ 'VIP' OR starts_with(code, 'LUN') GROUP BY code ORDER BY code;

--@ text-full-text ordered
SELECT "feedbackId", "Comment" FROM "GuestFeedback" WHERE to_tsvector('english', coalesce("Comment", '')) @@ websearch_to_tsquery('english', 'slow service') ORDER BY "feedbackId" LIMIT 20;

--@ text-null-handling ordered
SELECT COALESCE(reason, 'n/a') AS reason, NULLIF(TRIM(reason), '') IS NULL AS missing, COUNT(*) AS n FROM voids GROUP BY 1, 2 ORDER BY 1;

--@ text-to-number ordered same
SELECT to_number('12,454.8-', '99G999D9S') AS n, to_char(1234.5, '9,999.99') AS c, to_char(0.25 * 100, 'FM990.0%') AS pct, to_char(485, 'RN') AS roman, to_hex(255) AS hex;
