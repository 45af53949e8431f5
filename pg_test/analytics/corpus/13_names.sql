--@ name-qualified-table ordered
SELECT channel, COUNT(*) AS n FROM public.orders GROUP BY channel ORDER BY channel;

--@ name-qualified-columns ordered
SELECT public.orders.order_id, public.orders.total FROM public.orders WHERE public.orders.store_id = 17 ORDER BY public.orders.order_id LIMIT 10;

--@ name-qualified-with-alias ordered
SELECT o.channel, SUM(o.total) AS revenue FROM public.orders AS o GROUP BY o.channel ORDER BY o.channel;

--@ name-table-name-as-qualifier ordered
SELECT orders.channel, SUM(orders.total) AS revenue FROM public.orders GROUP BY orders.channel ORDER BY orders.channel;

--@ name-qualified-star ordered
SELECT public.stores.*, businesses.name AS business_name FROM public.stores JOIN public.businesses ON public.businesses.business_id = public.stores.business_id ORDER BY public.stores.store_id LIMIT 5;

--@ name-qualified-join ordered
SELECT public.stores.city, SUM(public.orders.total) AS revenue FROM public.orders JOIN public.stores ON public.orders.store_id = public.stores.store_id GROUP BY public.stores.city ORDER BY revenue DESC, public.stores.city;

--@ name-qualified-in-cte-of-that-name ordered
WITH orders AS (SELECT public.orders.store_id, public.orders.total FROM public.orders WHERE public.orders.status = 'completed')
SELECT store_id, SUM(orders.total) AS revenue FROM orders GROUP BY store_id ORDER BY store_id LIMIT 30;

--@ name-qualified-beside-cte-of-that-name
WITH orders AS (SELECT 1 AS total)
SELECT (SELECT SUM(total) FROM orders) AS from_cte, (SELECT SUM(public.orders.total) FROM public.orders) AS from_table;

--@ name-qualified-correlated ordered
SELECT public.stores.store_id, (SELECT COUNT(*) FROM public.orders WHERE public.orders.store_id = public.stores.store_id) AS n FROM public.stores ORDER BY 1 LIMIT 20;

--@ name-alias-of-other-table ordered
SELECT orders.city, COUNT(stores.order_id) AS n FROM orders stores JOIN stores orders ON orders.store_id = stores.store_id GROUP BY orders.city ORDER BY orders.city;

--@ name-alias-equals-hidden-table
SELECT COUNT(*) AS n FROM stores AS bank_accounts WHERE bank_accounts.seats > 50;

--@ name-column-alias-equals-table ordered
SELECT store_id AS stores, COUNT(*) AS orders, SUM(total) AS payments FROM orders GROUP BY store_id ORDER BY orders DESC, stores LIMIT 10;

--@ name-mixed-case-table ordered
SELECT "Score", COUNT(*) AS n FROM "GuestFeedback" GROUP BY "Score" ORDER BY "Score";

--@ name-mixed-case-qualified ordered
SELECT public."GuestFeedback"."storeId", AVG(public."GuestFeedback"."Score") AS avg FROM public."GuestFeedback" GROUP BY public."GuestFeedback"."storeId" ORDER BY 1;

--@ name-mixed-case-alias ordered
SELECT F."storeId", MAX(f."leftAt") AS "Last Feedback", COUNT(*) AS "Number of ""votes""" FROM "GuestFeedback" F GROUP BY F."storeId" ORDER BY 3 DESC, 1;

--@ name-upper-case-everything ordered
SELECT STORE_ID, COUNT(*) AS N FROM ORDERS WHERE STATUS = 'completed' GROUP BY STORE_ID ORDER BY N DESC, STORE_ID LIMIT 10;

--@ name-quoted-lower-case ordered
SELECT "store_id", SUM("total") AS "revenue" FROM "orders" GROUP BY "store_id" ORDER BY "revenue" DESC, "store_id" LIMIT 10;

--@ name-quoted-alias-with-spaces ordered
SELECT s.city AS "City", SUM(o.total) AS "Total Revenue ($)", COUNT(*) AS "# of orders" FROM orders AS o JOIN stores AS s ON s.store_id = o.store_id GROUP BY s.city ORDER BY "Total Revenue ($)" DESC, "City";

--@ name-reserved-words-quoted ordered
SELECT "order".order_id AS "select", "order".total AS "from" FROM orders AS "order" WHERE "order".store_id = 17 ORDER BY "select" LIMIT 8;

--@ name-unicode-alias ordered
SELECT channel AS "канал", SUM(total) AS "выручка", COUNT(*) AS zählung FROM orders GROUP BY channel ORDER BY channel;

--@ name-table-alias-columns ordered
SELECT t.a, t.b FROM (SELECT store_id, COUNT(*) FROM orders GROUP BY store_id) AS t(a, b) ORDER BY t.b DESC, t.a LIMIT 10;

--@ name-base-table-column-aliases ordered same
SELECT r.s, r.n FROM tax_rates AS r(s, n) ORDER BY r.s;
--@plain
SELECT r.state AS s, r.state_name AS n FROM tax_rates AS r ORDER BY r.state;

--@ name-shadowed-by-subquery-alias ordered
SELECT orders.store_id, orders.n FROM (SELECT store_id, COUNT(*) AS n FROM orders GROUP BY store_id) AS orders ORDER BY orders.n DESC, orders.store_id LIMIT 10;

--@ name-select-star-alias ordered
SELECT o.*, s.city FROM orders o JOIN stores s USING (store_id) WHERE o.store_id = 17 ORDER BY o.order_id LIMIT 5;

--@ name-count-star-of-alias
SELECT COUNT(o.*) AS rows, COUNT(DISTINCT s.*) AS stores, COUNT(DISTINCT o) AS orders FROM orders o JOIN stores s USING (store_id) WHERE o.store_id IN (17, 42);

--@ name-whole-row-null-test
SELECT COUNT(*) AS without_feedback FROM orders o LEFT JOIN "GuestFeedback" f ON f."orderId" = o.order_id WHERE f IS NULL;

--@ name-comments-everywhere ordered
-- Revenue by state, completed orders only
SELECT /* the state */ s.state, -- two letters
       SUM(o.total) /* with tax */ AS revenue
FROM orders o -- all orders
JOIN stores s ON s.store_id = o.store_id /* nested /* comment */ here */
WHERE o.status = 'completed' -- 'not open'
GROUP BY s.state
ORDER BY revenue DESC, s.state; -- done

--@ name-leading-comment-no-semicolon ordered
/* Question: how many stores per state?
   Model: unknown; DROP TABLE orders; */
SELECT state, COUNT(*) AS stores FROM stores GROUP BY state ORDER BY state

--@ name-trailing-semicolon-spaces ordered same
SELECT state FROM tax_rates ORDER BY state  ;  

--@ name-no-semicolon-one-line
SELECT count(*) FROM payments

--@ name-strange-layout ordered
select
	method,count( * )as n
	,sum(amount)amount from payments
group by method order by
n desc,method

--@ name-keywords-as-columns ordered
SELECT c.day, c.weekday AS name, o.total AS value FROM calendar c JOIN orders o ON o.business_date = c.day WHERE o.store_id = 42 ORDER BY c.day, o.order_id LIMIT 10;

--@ name-table-statement ordered
TABLE menu_items ORDER BY item_id LIMIT 5;

--@ name-table-statement-qualified-in-cte
WITH t AS (TABLE public.voids) SELECT COUNT(*) AS n, SUM(amount) AS amount FROM t;
