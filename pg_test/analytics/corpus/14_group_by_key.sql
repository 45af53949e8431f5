--@ key-single ordered
SELECT c.customer_id, c.tier, c.joined_on, COUNT(o.order_id) AS orders
FROM customers c JOIN orders o ON o.customer_id = c.customer_id
GROUP BY c.customer_id
ORDER BY orders DESC, c.customer_id
LIMIT 20;

--@ key-single-without-alias ordered
SELECT employees.employee_id, full_name, job, COUNT(shift_id) AS shifts
FROM employees LEFT JOIN shifts ON shifts.employee_id = employees.employee_id
GROUP BY employees.employee_id
ORDER BY shifts DESC, employees.employee_id
LIMIT 20;

--@ key-single-having ordered
SELECT b.business_id, b.name, b.region, SUM(o.total) AS revenue
FROM businesses b JOIN stores s USING (business_id) JOIN orders o USING (store_id)
GROUP BY b.business_id
HAVING SUM(o.total) > 100 AND b.kind <> 'none'
ORDER BY revenue DESC, b.business_id;

--@ key-composite-full ordered
SELECT s.tenant_id, s.store_id, s.name, s.city, SUM(o.total) AS revenue
FROM stores s JOIN orders o ON o.tenant_id = s.tenant_id AND o.store_id = s.store_id
GROUP BY s.tenant_id, s.store_id
ORDER BY revenue DESC, s.store_id
LIMIT 20;

--@ key-composite-id-only ordered
SELECT s.store_id, s.name, s.city, SUM(o.total) AS revenue
FROM stores s JOIN orders o ON o.store_id = s.store_id
GROUP BY s.store_id
ORDER BY revenue DESC, s.store_id
LIMIT 20;
--@plain
SELECT s.store_id, s.name, s.city, SUM(o.total) AS revenue
FROM stores s JOIN orders o ON o.store_id = s.store_id
GROUP BY s.tenant_id, s.store_id
ORDER BY revenue DESC, s.store_id
LIMIT 20;

--@ key-composite-expression ordered
SELECT m.item_id, upper(m.name) AS name, m.price - m.cost AS margin, SUM(oi.quantity) AS sold, SUM(oi.quantity) * (m.price - m.cost) AS profit
FROM menu_items m JOIN order_items oi ON oi.item_id = m.item_id
WHERE NOT oi.voided
GROUP BY m.item_id
ORDER BY profit DESC, m.item_id;
--@plain
SELECT m.item_id, upper(m.name) AS name, m.price - m.cost AS margin, SUM(oi.quantity) AS sold, SUM(oi.quantity) * (m.price - m.cost) AS profit
FROM menu_items m JOIN order_items oi ON oi.item_id = m.item_id
WHERE NOT oi.voided
GROUP BY m.tenant_id, m.item_id
ORDER BY profit DESC, m.item_id;

--@ key-composite-left-join ordered
SELECT s.store_id, s.name, s.seats, COUNT(v.void_id) AS voids, COALESCE(SUM(v.amount), 0) AS amount
FROM stores s LEFT JOIN voids v ON v.store_id = s.store_id
GROUP BY s.store_id
ORDER BY voids DESC, s.store_id
LIMIT 25;
--@plain
SELECT s.store_id, s.name, s.seats, COUNT(v.void_id) AS voids, COALESCE(SUM(v.amount), 0) AS amount
FROM stores s LEFT JOIN voids v ON v.store_id = s.store_id
GROUP BY s.tenant_id, s.store_id
ORDER BY voids DESC, s.store_id
LIMIT 25;

--@ key-ordinal ordered
SELECT s.store_id, s.city, COUNT(*) AS n FROM stores s JOIN orders o USING (store_id) GROUP BY 1, s.tenant_id ORDER BY n DESC, 1 LIMIT 10;
--@plain
SELECT s.store_id, s.city, COUNT(*) AS n FROM stores s JOIN orders o USING (store_id) GROUP BY s.store_id, s.city ORDER BY n DESC, 1 LIMIT 10;

--@ key-ordinal-single ordered
SELECT b.business_id, b.name, COUNT(s.store_id) AS stores FROM businesses b LEFT JOIN stores s ON s.business_id = b.business_id GROUP BY 1 ORDER BY 1;

--@ key-in-cte ordered
WITH per_customer AS (
    SELECT c.customer_id, c.tier, c.birth_year, SUM(o.total) AS spent
    FROM customers c JOIN orders o ON o.customer_id = c.customer_id
    WHERE o.status = 'completed'
    GROUP BY c.customer_id
)
SELECT tier, COUNT(*) AS n, ROUND(AVG(spent), 2) AS avg_spent, MIN(birth_year) AS oldest FROM per_customer GROUP BY tier ORDER BY tier;

--@ key-in-subquery ordered
SELECT t.city, MAX(t.n) AS most
FROM (SELECT s.store_id, s.city, COUNT(*) AS n FROM stores s JOIN orders o ON o.store_id = s.store_id GROUP BY s.store_id) t
GROUP BY t.city ORDER BY t.city;
--@plain
SELECT t.city, MAX(t.n) AS most
FROM (SELECT s.store_id, s.city, COUNT(*) AS n FROM stores s JOIN orders o ON o.store_id = s.store_id GROUP BY s.tenant_id, s.store_id) t
GROUP BY t.city ORDER BY t.city;

--@ key-in-lateral ordered
SELECT b.code, x.store_id, x.name, x.n
FROM businesses b CROSS JOIN LATERAL (
    SELECT s.store_id, s.name, COUNT(*) AS n FROM stores s JOIN orders o ON o.store_id = s.store_id
    WHERE s.business_id = b.business_id GROUP BY s.store_id ORDER BY n DESC, s.store_id LIMIT 2) x
ORDER BY b.code, x.n DESC, x.store_id;
--@plain
SELECT b.code, x.store_id, x.name, x.n
FROM businesses b CROSS JOIN LATERAL (
    SELECT s.store_id, s.name, COUNT(*) AS n FROM stores s JOIN orders o ON o.store_id = s.store_id
    WHERE s.business_id = b.business_id GROUP BY s.tenant_id, s.store_id ORDER BY n DESC, s.store_id LIMIT 2) x
ORDER BY b.code, x.n DESC, x.store_id;

--@ key-order-by-other-column ordered
SELECT s.store_id, COUNT(*) AS n FROM public.stores s JOIN public.orders o ON o.store_id = s.store_id GROUP BY s.store_id ORDER BY s.city, s.opened_on, s.store_id LIMIT 30;
--@plain
SELECT s.store_id, COUNT(*) AS n FROM public.stores s JOIN public.orders o ON o.store_id = s.store_id GROUP BY s.tenant_id, s.store_id ORDER BY s.city, s.opened_on, s.store_id LIMIT 30;

--@ key-three-columns ordered
SELECT oi.order_id, oi.line_no, oi.quantity, oi.unit_price, COUNT(v.void_id) AS voids
FROM order_items oi LEFT JOIN voids v ON v.order_id = oi.order_id AND v.line_no = oi.line_no
WHERE oi.store_id = 17
GROUP BY oi.order_id, oi.line_no
ORDER BY oi.order_id, oi.line_no
LIMIT 30;
--@plain
SELECT oi.order_id, oi.line_no, oi.quantity, oi.unit_price, COUNT(v.void_id) AS voids
FROM order_items oi LEFT JOIN voids v ON v.order_id = oi.order_id AND v.line_no = oi.line_no
WHERE oi.store_id = 17
GROUP BY oi.tenant_id, oi.order_id, oi.line_no
ORDER BY oi.order_id, oi.line_no
LIMIT 30;

--@ key-two-tables ordered
SELECT s.store_id, s.name AS store, b.business_id, b.name AS business, COUNT(o.order_id) AS n
FROM stores s JOIN businesses b ON b.business_id = s.business_id LEFT JOIN orders o ON o.store_id = s.store_id
GROUP BY s.store_id, b.business_id
ORDER BY n DESC, s.store_id LIMIT 15;
--@plain
SELECT s.store_id, s.name AS store, b.business_id, b.name AS business, COUNT(o.order_id) AS n
FROM stores s JOIN businesses b ON b.business_id = s.business_id LEFT JOIN orders o ON o.store_id = s.store_id
GROUP BY s.tenant_id, s.store_id, b.business_id
ORDER BY n DESC, s.store_id LIMIT 15;

--@ key-window-over-group ordered
SELECT e.employee_id, e.full_name, COUNT(o.order_id) AS checks, RANK() OVER (PARTITION BY e.job ORDER BY COUNT(o.order_id) DESC, e.hired_on, e.employee_id) AS place
FROM employees e LEFT JOIN orders o ON o.employee_id = e.employee_id
WHERE e.job IN ('server', 'cashier')
GROUP BY e.employee_id
ORDER BY checks DESC, e.employee_id LIMIT 30;

--@ key-shared-table ordered
SELECT t.state, t.state_name, t.rate, COUNT(s.store_id) AS stores FROM tax_rates t LEFT JOIN stores s ON s.state = t.state GROUP BY t.state ORDER BY t.state;

--@ key-quoted ordered
SELECT f."feedbackId", f."Comment", f."Score", COUNT(oi.line_no) AS lines
FROM "GuestFeedback" f JOIN order_items oi ON oi.order_id = f."orderId"
GROUP BY f."feedbackId" ORDER BY lines DESC, f."feedbackId" LIMIT 15;
--@plain
SELECT f."feedbackId", f."Comment", f."Score", COUNT(oi.line_no) AS lines
FROM "GuestFeedback" f JOIN order_items oi ON oi.order_id = f."orderId"
GROUP BY f."tenantId", f."feedbackId" ORDER BY lines DESC, f."feedbackId" LIMIT 15;

--@ key-correlated-in-select ordered
SELECT c.customer_id, c.tier, (SELECT MAX(o2.total) FROM orders o2 WHERE o2.customer_id = c.customer_id) AS max_check, SUM(o.total) AS spent
FROM customers c JOIN orders o USING (customer_id)
GROUP BY c.customer_id
ORDER BY spent DESC, c.customer_id LIMIT 10;

--@ key-case-and-json ordered
SELECT c.customer_id, CASE WHEN c.preferences->>'diet' IS NULL THEN 'any' ELSE c.preferences->>'diet' END AS diet, COUNT(*) AS n
FROM customers c JOIN orders o ON o.customer_id = c.customer_id
GROUP BY c.customer_id ORDER BY n DESC, c.customer_id LIMIT 12;

--@ key-inside-shadowing-cte ordered
WITH stores AS (SELECT * FROM stores WHERE closed_on IS NULL)
SELECT stores.store_id, stores.city, COUNT(*) AS n FROM stores JOIN orders ON orders.store_id = stores.store_id GROUP BY stores.store_id, stores.city ORDER BY n DESC, stores.store_id LIMIT 10;

--@ key-merged-using-column ordered
SELECT customer_id, c.tier, c.joined_on, COUNT(*) AS n FROM customers c JOIN orders o USING (customer_id) GROUP BY customer_id ORDER BY n DESC, customer_id LIMIT 10;

--@ key-merged-using-column-composite ordered
SELECT store_id, s.name, s.city, COUNT(*) AS n FROM stores s JOIN orders o USING (store_id) GROUP BY store_id ORDER BY n DESC, store_id LIMIT 10;
--@plain
SELECT store_id, s.name, s.city, COUNT(*) AS n FROM stores s JOIN orders o USING (store_id) GROUP BY store_id, s.name, s.city ORDER BY n DESC, store_id LIMIT 10;

--@ key-select-star-of-table ordered
SELECT b.*, COUNT(s.store_id) AS stores FROM businesses b LEFT JOIN stores s ON s.business_id = b.business_id GROUP BY b.business_id ORDER BY b.business_id;

--@ key-select-star-composite ordered
SELECT s.*, COUNT(o.order_id) AS orders FROM stores s LEFT JOIN orders o ON o.store_id = s.store_id GROUP BY s.store_id ORDER BY s.store_id LIMIT 5;
--@plain
SELECT s.*, COUNT(o.order_id) AS orders FROM stores s LEFT JOIN orders o ON o.store_id = s.store_id GROUP BY s.tenant_id, s.store_id ORDER BY s.store_id LIMIT 5;

--@ key-json-column-has-no-equality ordered
SELECT p.payment_id, p.method, p.card->>'network' AS network, p.amount, COUNT(oi.line_no) AS lines
FROM payments p JOIN order_items oi ON oi.order_id = p.order_id
WHERE p.card IS NOT NULL
GROUP BY p.payment_id
ORDER BY lines DESC, p.payment_id LIMIT 10;

--@ key-order-with-items ordered
SELECT o.order_id, o.ordered_at, o.channel, o.total, COUNT(oi.line_no) AS lines, SUM(oi.quantity) AS pieces
FROM orders o JOIN order_items oi ON oi.order_id = o.order_id
GROUP BY o.order_id
ORDER BY o.total DESC, o.order_id LIMIT 15;
--@plain
SELECT o.order_id, o.ordered_at, o.channel, o.total, COUNT(oi.line_no) AS lines, SUM(oi.quantity) AS pieces
FROM orders o JOIN order_items oi ON oi.order_id = o.order_id
GROUP BY o.tenant_id, o.order_id
ORDER BY o.total DESC, o.order_id LIMIT 15;

--@ key-self-join ordered
SELECT m.employee_id, m.full_name, COUNT(e.employee_id) AS reports, MAX(e.hourly_rate) - m.hourly_rate AS gap
FROM employees m JOIN employees e ON e.manager_id = m.employee_id
GROUP BY m.employee_id
ORDER BY reports DESC, m.employee_id LIMIT 20;

--@ key-self-join-both ordered
SELECT e.employee_id, e.full_name, m.full_name AS boss, COUNT(sh.shift_id) AS shifts
FROM employees e LEFT JOIN employees m ON m.employee_id = e.manager_id LEFT JOIN shifts sh ON sh.employee_id = e.employee_id
GROUP BY e.employee_id, m.employee_id
ORDER BY shifts DESC, e.employee_id LIMIT 20;

--@ key-dependent-column-in-subquery ordered
SELECT s.store_id, s.name, (SELECT t.rate FROM tax_rates t WHERE t.state = s.state) AS tax_rate, SUM(o.tax) AS tax
FROM stores s JOIN orders o ON o.store_id = s.store_id
GROUP BY s.store_id
ORDER BY tax DESC, s.store_id LIMIT 10;
--@plain
SELECT s.store_id, s.name, (SELECT t.rate FROM tax_rates t WHERE t.state = s.state) AS tax_rate, SUM(o.tax) AS tax
FROM stores s JOIN orders o ON o.store_id = s.store_id
GROUP BY s.tenant_id, s.store_id
ORDER BY tax DESC, s.store_id LIMIT 10;

--@ key-in-union-branch ordered
SELECT b.business_id, b.name, COUNT(s.store_id) AS n FROM businesses b JOIN stores s USING (business_id) WHERE b.kind = 'franchise' GROUP BY b.business_id
UNION ALL
SELECT b.business_id, b.name || ' (company)', COUNT(s.store_id) FROM businesses b JOIN stores s USING (business_id) WHERE b.kind = 'company' GROUP BY b.business_id
ORDER BY 1;

--@ key-qualified-table ordered
SELECT public.businesses.business_id, public.businesses.name, COUNT(*) AS stores
FROM public.businesses JOIN public.stores ON public.stores.business_id = public.businesses.business_id
GROUP BY public.businesses.business_id
ORDER BY public.businesses.business_id;

--@ key-having-dependent-aggregate ordered
SELECT m.item_id, m.name, m.category FROM menu_items m JOIN order_items oi ON oi.item_id = m.item_id GROUP BY m.item_id HAVING SUM(oi.line_total) > 20 * m.price AND m.category IN ('main', 'drink') ORDER BY m.category, m.name, m.item_id;
--@plain
SELECT m.item_id, m.name, m.category FROM menu_items m JOIN order_items oi ON oi.item_id = m.item_id GROUP BY m.tenant_id, m.item_id HAVING SUM(oi.line_total) > 20 * m.price AND m.category IN ('main', 'drink') ORDER BY m.category, m.name, m.item_id;

--@ key-inner-name-is-the-subquerys-own ordered
SELECT p.payment_id, EXISTS (SELECT card FROM payments WHERE payment_id = -1) AS found, SUM(p.amount) AS paid
FROM payments p GROUP BY p.payment_id ORDER BY paid DESC, p.payment_id LIMIT 20;

--@ key-output-named-like-a-json-column ordered
SELECT p.payment_id, COUNT(*) AS card, SUM(p.amount) AS paid FROM payments p GROUP BY p.payment_id ORDER BY card, paid DESC, p.payment_id LIMIT 20;

--@ key-merged-name-of-the-other-side ordered
SELECT order_id, COUNT(*) AS total FROM order_items LEFT JOIN orders USING (tenant_id, order_id)
GROUP BY order_id ORDER BY total DESC, order_id LIMIT 20;

--@ key-field-of-whole-row ordered
SELECT c.customer_id, (c).tier, (SELECT MAX(o.total) FROM orders o WHERE o.customer_id = c.customer_id AND c.tier IS NOT NULL) AS best
FROM customers c
GROUP BY c.customer_id
ORDER BY c.customer_id
LIMIT 20;

--@ key-correlated-aggregate ordered
SELECT b.business_id, (SELECT COUNT(s.store_id || b.name) FROM stores s WHERE s.business_id = b.business_id) AS stores
FROM businesses b
GROUP BY b.business_id
ORDER BY b.business_id;
