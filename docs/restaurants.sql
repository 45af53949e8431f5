--
-- PostgreSQL database dump
--

\restrict restaurants

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: audit; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA audit;


--
-- Name: citext; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;


--
-- Name: EXTENSION citext; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';


--
-- Name: member_role; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.member_role AS ENUM (
    'owner',
    'analyst',
    'store_manager'
);


--
-- Name: money_amount; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.money_amount AS numeric(12,2)
	CONSTRAINT money_amount_check CHECK ((VALUE >= (0)::numeric));


--
-- Name: order_status; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.order_status AS ENUM (
    'open',
    'paid',
    'cancelled'
);


--
-- Name: payment_method; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.payment_method AS ENUM (
    'cash',
    'card',
    'gift_card'
);


--
-- Name: percentage; Type: DOMAIN; Schema: public; Owner: -
--

CREATE DOMAIN public.percentage AS numeric(5,2)
	CONSTRAINT percentage_check CHECK (((VALUE >= (0)::numeric) AND (VALUE <= (100)::numeric)));


--
-- Name: store_status; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.store_status AS ENUM (
    'planned',
    'open',
    'closed'
);


--
-- Name: record_change(); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.record_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO audit.changes (change_id, brand_id, table_name, changed_at, old_row)
    SELECT coalesce(max(change_id), 0) + 1, OLD.brand_id, TG_TABLE_NAME, now(), to_jsonb(OLD) FROM audit.changes;
    RETURN NEW;
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: changes; Type: TABLE; Schema: audit; Owner: -
--

CREATE TABLE audit.changes (
    change_id bigint NOT NULL,
    brand_id integer,
    table_name text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    old_row jsonb
);


--
-- Name: logins; Type: TABLE; Schema: audit; Owner: -
--

CREATE TABLE audit.logins (
    login_id bigint NOT NULL,
    user_id integer NOT NULL,
    logged_in_at timestamp with time zone NOT NULL,
    success boolean NOT NULL
);


--
-- Name: allergens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.allergens (
    allergen_code text NOT NULL,
    name text NOT NULL
);


--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    api_key_id integer NOT NULL,
    brand_id integer NOT NULL,
    label text NOT NULL,
    key_hash text NOT NULL
);


--
-- Name: brands; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.brands (
    brand_id integer NOT NULL,
    name text NOT NULL,
    country_code character(2) NOT NULL,
    currency_code character(3) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    webhook_secret text NOT NULL
);


--
-- Name: countries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.countries (
    country_code character(2) NOT NULL,
    name text NOT NULL
);


--
-- Name: couriers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.couriers (
    courier_id integer NOT NULL,
    brand_id integer NOT NULL,
    name text NOT NULL
);


--
-- Name: currencies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.currencies (
    currency_code character(3) NOT NULL,
    name text NOT NULL
);


--
-- Name: customers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.customers (
    customer_id integer NOT NULL,
    brand_id integer NOT NULL,
    email public.citext,
    city text,
    joined_on date NOT NULL
);


--
-- Name: orders; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.orders (
    order_id integer NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    brand_id integer NOT NULL,
    store_id integer NOT NULL,
    customer_id integer,
    status public.order_status NOT NULL,
    total public.money_amount NOT NULL
)
PARTITION BY RANGE (ordered_at);


--
-- Name: COLUMN orders.total; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.orders.total IS 'Tax included, in the currency of the brand';


--
-- Name: daily_sales; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.daily_sales AS
 SELECT o.brand_id,
    o.store_id,
    ((o.ordered_at AT TIME ZONE 'UTC'::text))::date AS day,
    count(*) AS orders,
    sum((o.total)::numeric) AS revenue
   FROM public.orders o
  WHERE (o.status = 'paid'::public.order_status)
  GROUP BY o.brand_id, o.store_id, (((o.ordered_at AT TIME ZONE 'UTC'::text))::date);


--
-- Name: deliveries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.deliveries (
    delivery_id integer NOT NULL,
    order_id integer NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    courier_id integer,
    address text NOT NULL,
    minutes integer
);


--
-- Name: employees; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.employees (
    employee_id integer NOT NULL,
    brand_id integer NOT NULL,
    store_id integer NOT NULL,
    job text NOT NULL,
    hourly_wage public.money_amount NOT NULL
);


--
-- Name: franchisees; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.franchisees (
    franchisee_id integer NOT NULL,
    brand_id integer NOT NULL,
    name text NOT NULL
);


--
-- Name: gift_cards; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.gift_cards (
    gift_card_id integer NOT NULL,
    brand_id integer NOT NULL,
    code text NOT NULL,
    balance public.money_amount NOT NULL
);


--
-- Name: ingredients; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ingredients (
    ingredient_id integer NOT NULL,
    brand_id integer NOT NULL,
    name text NOT NULL,
    unit text NOT NULL
);


--
-- Name: invoice_lines; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invoice_lines (
    invoice_id integer NOT NULL,
    line_no integer NOT NULL,
    ingredient_id integer NOT NULL,
    amount public.money_amount NOT NULL
);


--
-- Name: invoices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.invoices (
    invoice_id integer NOT NULL,
    brand_id integer NOT NULL,
    supplier_id integer NOT NULL,
    due_on date NOT NULL
);


--
-- Name: item_allergens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.item_allergens (
    item_id integer NOT NULL,
    allergen_code text NOT NULL
);


--
-- Name: item_categories; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.item_categories (
    category_id integer NOT NULL,
    brand_id integer,
    name text NOT NULL
);


--
-- Name: TABLE item_categories; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.item_categories IS 'Categories of everyone (no brand) and those that a brand made for itself';


--
-- Name: items; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.items (
    item_id integer NOT NULL,
    brand_id integer NOT NULL,
    category_id integer NOT NULL,
    name text NOT NULL,
    price public.money_amount NOT NULL
);


--
-- Name: jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.jobs (
    job_id bigint NOT NULL,
    queue text NOT NULL,
    payload jsonb NOT NULL
);


--
-- Name: loyalty_accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.loyalty_accounts (
    account_id integer NOT NULL,
    customer_id integer NOT NULL,
    points integer NOT NULL
);


--
-- Name: loyalty_movements; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.loyalty_movements (
    movement_id integer NOT NULL,
    account_id integer NOT NULL,
    points integer NOT NULL,
    moved_at timestamp with time zone NOT NULL
);


--
-- Name: memberships; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.memberships (
    brand_id integer NOT NULL,
    user_id integer NOT NULL,
    role public.member_role NOT NULL,
    store_id integer
);


--
-- Name: menu_items; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.menu_items (
    section_id integer NOT NULL,
    item_id integer NOT NULL
);


--
-- Name: menu_sections; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.menu_sections (
    section_id integer NOT NULL,
    menu_id integer NOT NULL,
    title text NOT NULL
);


--
-- Name: menus; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.menus (
    menu_id integer NOT NULL,
    brand_id integer NOT NULL,
    name text NOT NULL,
    valid_from date NOT NULL
);


--
-- Name: modifiers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.modifiers (
    modifier_id integer NOT NULL,
    item_id integer NOT NULL,
    name text NOT NULL,
    price public.money_amount NOT NULL
);


--
-- Name: order_line_modifiers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.order_line_modifiers (
    line_id integer NOT NULL,
    modifier_id integer NOT NULL
);


--
-- Name: order_lines; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.order_lines (
    line_id integer NOT NULL,
    order_id integer NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    item_id integer NOT NULL,
    quantity integer NOT NULL,
    price public.money_amount NOT NULL
);


--
-- Name: orders_2026_q3; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.orders_2026_q3 (
    order_id integer NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    brand_id integer NOT NULL,
    store_id integer NOT NULL,
    customer_id integer,
    status public.order_status NOT NULL,
    total public.money_amount NOT NULL
);


--
-- Name: orders_2026_q4; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.orders_2026_q4 (
    order_id integer NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    brand_id integer NOT NULL,
    store_id integer NOT NULL,
    customer_id integer,
    status public.order_status NOT NULL,
    total public.money_amount NOT NULL
);


--
-- Name: payments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.payments (
    payment_id integer NOT NULL,
    order_id integer NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    method public.payment_method NOT NULL,
    amount public.money_amount NOT NULL,
    processor_token text
);


--
-- Name: purchase_orders; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.purchase_orders (
    purchase_order_id integer NOT NULL,
    store_id integer,
    supplier_id integer,
    ordered_on date NOT NULL,
    total public.money_amount NOT NULL
);


--
-- Name: refunds; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refunds (
    refund_id integer NOT NULL,
    payment_id integer NOT NULL,
    amount public.money_amount NOT NULL,
    reason text NOT NULL
);


--
-- Name: shifts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.shifts (
    shift_id integer NOT NULL,
    employee_id integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    hours numeric(4,2) NOT NULL
);


--
-- Name: stock_levels; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stock_levels (
    store_id integer NOT NULL,
    ingredient_id integer NOT NULL,
    quantity numeric(10,2) NOT NULL
);


--
-- Name: stores; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stores (
    store_id integer NOT NULL,
    brand_id integer NOT NULL,
    franchisee_id integer,
    name text NOT NULL,
    city text NOT NULL,
    status public.store_status NOT NULL
);


--
-- Name: suppliers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.suppliers (
    supplier_id integer NOT NULL,
    brand_id integer NOT NULL,
    name text NOT NULL
);


--
-- Name: tax_rates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tax_rates (
    country_code character(2) NOT NULL,
    kind text NOT NULL,
    rate public.percentage NOT NULL
);


--
-- Name: till_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.till_counts (
    till_count_id integer NOT NULL,
    store_id integer NOT NULL,
    counted_on date NOT NULL,
    difference numeric(8,2) NOT NULL
);


--
-- Name: TABLE till_counts; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.till_counts IS 'What was in the till at closing time, against what should have been';


--
-- Name: COLUMN till_counts.difference; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.till_counts.difference IS 'Negative: money was missing';


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    user_id integer NOT NULL,
    email public.citext NOT NULL,
    display_name text NOT NULL,
    password_hash text NOT NULL,
    totp_secret text
);


--
-- Name: orders_2026_q3; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders ATTACH PARTITION public.orders_2026_q3 FOR VALUES FROM ('2026-07-01 00:00:00+00') TO ('2026-10-01 00:00:00+00');


--
-- Name: orders_2026_q4; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders ATTACH PARTITION public.orders_2026_q4 FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');


--
-- Data for Name: changes; Type: TABLE DATA; Schema: audit; Owner: -
--

COPY audit.changes (change_id, brand_id, table_name, changed_at, old_row) FROM stdin;
1	1	items	2026-09-02 10:00:00+00	{"price": 9.5, "item_id": 1}
2	2	items	2026-09-03 10:00:00+00	{"price": 9.5, "item_id": 2}
3	3	items	2026-09-04 10:00:00+00	{"price": 9.5, "item_id": 3}
4	\N	items	2026-09-05 10:00:00+00	{"price": 9.5, "item_id": 4}
5	1	items	2026-09-06 10:00:00+00	{"price": 9.5, "item_id": 5}
6	2	items	2026-09-07 10:00:00+00	{"price": 9.5, "item_id": 6}
7	3	items	2026-09-08 10:00:00+00	{"price": 9.5, "item_id": 7}
8	\N	items	2026-09-09 10:00:00+00	{"price": 9.5, "item_id": 8}
\.


--
-- Data for Name: logins; Type: TABLE DATA; Schema: audit; Owner: -
--

COPY audit.logins (login_id, user_id, logged_in_at, success) FROM stdin;
1	2	2026-11-20 08:00:00+00	t
2	3	2026-11-20 09:00:00+00	t
3	4	2026-11-20 10:00:00+00	t
4	5	2026-11-20 11:00:00+00	t
5	6	2026-11-20 12:00:00+00	f
6	1	2026-11-20 13:00:00+00	t
7	2	2026-11-20 14:00:00+00	t
8	3	2026-11-20 15:00:00+00	t
\.


--
-- Data for Name: allergens; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.allergens (allergen_code, name) FROM stdin;
GLU	Gluten
MLK	Milk
NUT	Nuts
\.


--
-- Data for Name: api_keys; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.api_keys (api_key_id, brand_id, label, key_hash) FROM stdin;
1	1	point of sale	sha256$1
2	2	point of sale	sha256$2
3	3	point of sale	sha256$3
\.


--
-- Data for Name: brands; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.brands (brand_id, name, country_code, currency_code, created_at, webhook_secret) FROM stdin;
1	North Noodles	GB	GBP	2025-01-10 09:00:00+00	whsec-one
2	Burger Bay	DE	EUR	2025-03-01 09:00:00+00	whsec-two
3	Curry Corner	JP	JPY	2026-02-01 09:00:00+00	whsec-three
\.


--
-- Data for Name: countries; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.countries (country_code, name) FROM stdin;
GB	United Kingdom
DE	Germany
JP	Japan
\.


--
-- Data for Name: couriers; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.couriers (courier_id, brand_id, name) FROM stdin;
1	1	Courier 1
2	2	Courier 2
3	3	Courier 3
\.


--
-- Data for Name: currencies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.currencies (currency_code, name) FROM stdin;
GBP	Pound sterling
EUR	Euro
JPY	Yen
\.


--
-- Data for Name: customers; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.customers (customer_id, brand_id, email, city, joined_on) FROM stdin;
1	2	Customer1@example.com	Hamburg	2026-01-02
2	3	Customer2@example.com	Osaka	2026-01-03
3	1	Customer3@example.com	Leeds	2026-01-04
4	2	Customer4@example.com	Hamburg	2026-01-05
5	3	Customer5@example.com	Osaka	2026-01-06
6	1	Customer6@example.com	Leeds	2026-01-07
7	2	Customer7@example.com	Hamburg	2026-01-08
8	3	Customer8@example.com	Osaka	2026-01-09
9	1	Customer9@example.com	Leeds	2026-01-10
10	2	Customer10@example.com	Hamburg	2026-01-11
11	3	Customer11@example.com	Osaka	2026-01-12
12	1	Customer12@example.com	Leeds	2026-01-13
\.


--
-- Data for Name: deliveries; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.deliveries (delivery_id, order_id, ordered_at, courier_id, address, minutes) FROM stdin;
1	1	2026-07-11 12:00:00+00	2	1 Example Street	21
2	2	2026-07-17 12:00:00+00	1	2 Example Street	22
3	4	2026-07-29 12:00:00+00	\N	4 Example Street	24
4	5	2026-08-04 12:00:00+00	1	5 Example Street	25
5	7	2026-08-16 12:00:00+00	2	7 Example Street	27
6	8	2026-08-22 12:00:00+00	\N	8 Example Street	28
7	10	2026-09-03 12:00:00+00	3	10 Example Street	30
8	11	2026-09-09 12:00:00+00	1	11 Example Street	31
9	13	2026-09-21 12:00:00+00	2	13 Example Street	33
10	14	2026-09-27 12:00:00+00	1	14 Example Street	34
11	16	2026-10-09 12:00:00+00	\N	16 Example Street	36
12	17	2026-10-15 12:00:00+00	1	17 Example Street	37
13	19	2026-10-27 12:00:00+00	2	19 Example Street	39
14	20	2026-11-02 12:00:00+00	\N	20 Example Street	40
15	22	2026-11-14 12:00:00+00	3	22 Example Street	42
16	23	2026-11-20 12:00:00+00	1	23 Example Street	43
\.


--
-- Data for Name: employees; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.employees (employee_id, brand_id, store_id, job, hourly_wage) FROM stdin;
12	1	1	cook	24.00
6	1	1	cook	18.00
7	1	2	waiter	19.00
1	1	2	waiter	13.00
8	1	3	cook	20.00
2	1	3	cook	14.00
9	2	4	waiter	21.00
3	2	4	waiter	15.00
10	2	5	cook	22.00
4	2	5	cook	16.00
11	3	6	waiter	23.00
5	3	6	waiter	17.00
\.


--
-- Data for Name: franchisees; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.franchisees (franchisee_id, brand_id, name) FROM stdin;
1	1	Noodles of York Ltd
2	2	Bay Hamburg GmbH
3	2	Bay Bremen GmbH
4	3	Corner Osaka KK
\.


--
-- Data for Name: gift_cards; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.gift_cards (gift_card_id, brand_id, code, balance) FROM stdin;
1	2	GIFT-10007919	5.00
2	3	GIFT-10015838	10.00
3	1	GIFT-10023757	15.00
4	2	GIFT-10031676	20.00
5	3	GIFT-10039595	25.00
6	1	GIFT-10047514	30.00
\.


--
-- Data for Name: ingredients; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.ingredients (ingredient_id, brand_id, name, unit) FROM stdin;
1	1	Flour	kg
2	1	Tea	kg
3	2	Buns	piece
4	2	Fish	kg
5	3	Rice	kg
\.


--
-- Data for Name: invoice_lines; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.invoice_lines (invoice_id, line_no, ingredient_id, amount) FROM stdin;
1	1	1	120.00
1	2	1	30.00
2	1	2	80.00
3	1	3	100.00
3	2	4	50.00
4	1	5	9000.00
\.


--
-- Data for Name: invoices; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.invoices (invoice_id, brand_id, supplier_id, due_on) FROM stdin;
1	1	1	2026-11-15
2	1	2	2026-11-20
3	2	3	2026-11-18
4	3	4	2026-11-30
\.


--
-- Data for Name: item_allergens; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.item_allergens (item_id, allergen_code) FROM stdin;
1	GLU
2	GLU
4	GLU
4	MLK
5	GLU
7	GLU
8	MLK
\.


--
-- Data for Name: item_categories; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.item_categories (category_id, brand_id, name) FROM stdin;
1	\N	Food
2	\N	Drinks
3	1	Ramen
4	2	Burgers
5	3	Curries
\.


--
-- Data for Name: items; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.items (item_id, brand_id, category_id, name, price) FROM stdin;
1	1	3	Miso ramen	11.00
2	1	3	Shoyu ramen	12.50
3	1	2	Green tea	2.50
4	2	4	Bay burger	9.90
5	2	4	Fish burger	10.90
6	2	2	Cola	3.00
7	3	5	Katsu curry	980.00
8	3	2	Lassi	400.00
\.


--
-- Data for Name: jobs; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.jobs (job_id, queue, payload) FROM stdin;
1	mail	{"to": "customer1@example.com"}
2	mail	{"to": "customer2@example.com"}
3	mail	{"to": "customer3@example.com"}
4	mail	{"to": "customer4@example.com"}
\.


--
-- Data for Name: loyalty_accounts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.loyalty_accounts (account_id, customer_id, points) FROM stdin;
1	1	10
2	2	20
3	3	30
4	4	40
5	5	50
6	6	60
7	7	70
8	8	80
9	9	90
10	10	100
11	11	110
12	12	120
\.


--
-- Data for Name: loyalty_movements; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.loyalty_movements (movement_id, account_id, points, moved_at) FROM stdin;
1	2	5	2026-08-02 12:00:00+00
2	3	5	2026-08-03 12:00:00+00
3	4	5	2026-08-04 12:00:00+00
4	5	5	2026-08-05 12:00:00+00
5	6	5	2026-08-06 12:00:00+00
6	7	5	2026-08-07 12:00:00+00
7	8	5	2026-08-08 12:00:00+00
8	9	5	2026-08-09 12:00:00+00
9	10	5	2026-08-10 12:00:00+00
10	11	5	2026-08-11 12:00:00+00
11	12	5	2026-08-12 12:00:00+00
12	1	5	2026-08-13 12:00:00+00
13	2	5	2026-08-14 12:00:00+00
14	3	5	2026-08-15 12:00:00+00
15	4	5	2026-08-16 12:00:00+00
16	5	5	2026-08-17 12:00:00+00
17	6	5	2026-08-18 12:00:00+00
18	7	5	2026-08-19 12:00:00+00
19	8	5	2026-08-20 12:00:00+00
20	9	5	2026-08-21 12:00:00+00
21	10	5	2026-08-22 12:00:00+00
22	11	5	2026-08-23 12:00:00+00
23	12	5	2026-08-24 12:00:00+00
24	1	5	2026-08-25 12:00:00+00
\.


--
-- Data for Name: memberships; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.memberships (brand_id, user_id, role, store_id) FROM stdin;
1	1	owner	\N
1	2	store_manager	2
2	3	owner	\N
2	4	store_manager	4
1	5	analyst	\N
2	5	analyst	\N
3	6	owner	\N
\.


--
-- Data for Name: menu_items; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.menu_items (section_id, item_id) FROM stdin;
1	1
1	2
2	3
3	4
3	5
4	6
5	7
5	8
\.


--
-- Data for Name: menu_sections; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.menu_sections (section_id, menu_id, title) FROM stdin;
1	1	Bowls
2	1	Drinks
3	2	Burgers
4	2	Drinks
5	3	All
\.


--
-- Data for Name: menus; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.menus (menu_id, brand_id, name, valid_from) FROM stdin;
1	1	Autumn	2026-09-01
2	2	Main	2026-01-01
3	3	Main	2026-02-01
\.


--
-- Data for Name: modifiers; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.modifiers (modifier_id, item_id, name, price) FROM stdin;
1	1	Large	1.50
2	2	Large	1.50
3	3	Large	1.50
4	4	Large	1.50
5	5	Large	1.50
6	6	Large	1.50
7	7	Large	1.50
8	8	Large	1.50
\.


--
-- Data for Name: order_line_modifiers; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.order_line_modifiers (line_id, modifier_id) FROM stdin;
36	1
30	1
21	1
3	1
42	3
33	3
15	3
9	3
27	4
12	4
39	6
24	6
6	6
18	7
\.


--
-- Data for Name: order_lines; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.order_lines (line_id, order_id, ordered_at, item_id, quantity, price) FROM stdin;
1	1	2026-07-11 12:00:00+00	4	2	9.90
2	1	2026-07-11 12:00:00+00	6	2	3.00
3	2	2026-07-17 12:00:00+00	1	1	11.00
4	2	2026-07-17 12:00:00+00	3	1	2.50
5	3	2026-07-23 12:00:00+00	4	2	9.90
6	3	2026-07-23 12:00:00+00	6	2	3.00
7	4	2026-07-29 12:00:00+00	7	1	980.00
8	5	2026-08-04 12:00:00+00	1	2	11.00
9	5	2026-08-04 12:00:00+00	3	2	2.50
10	6	2026-08-10 12:00:00+00	1	1	11.00
11	6	2026-08-10 12:00:00+00	3	1	2.50
12	7	2026-08-16 12:00:00+00	4	2	9.90
13	7	2026-08-16 12:00:00+00	6	2	3.00
14	8	2026-08-22 12:00:00+00	1	1	11.00
15	8	2026-08-22 12:00:00+00	3	1	2.50
16	9	2026-08-28 12:00:00+00	4	2	9.90
17	9	2026-08-28 12:00:00+00	6	2	3.00
18	10	2026-09-03 12:00:00+00	7	1	980.00
19	11	2026-09-09 12:00:00+00	1	2	11.00
20	11	2026-09-09 12:00:00+00	3	2	2.50
21	12	2026-09-15 12:00:00+00	1	1	11.00
22	12	2026-09-15 12:00:00+00	3	1	2.50
23	13	2026-09-21 12:00:00+00	4	2	9.90
24	13	2026-09-21 12:00:00+00	6	2	3.00
25	14	2026-09-27 12:00:00+00	1	1	11.00
26	14	2026-09-27 12:00:00+00	3	1	2.50
27	15	2026-10-03 12:00:00+00	4	2	9.90
28	15	2026-10-03 12:00:00+00	6	2	3.00
29	16	2026-10-09 12:00:00+00	7	1	980.00
30	17	2026-10-15 12:00:00+00	1	2	11.00
31	17	2026-10-15 12:00:00+00	3	2	2.50
32	18	2026-10-21 12:00:00+00	1	1	11.00
33	18	2026-10-21 12:00:00+00	3	1	2.50
34	19	2026-10-27 12:00:00+00	4	2	9.90
35	19	2026-10-27 12:00:00+00	6	2	3.00
36	20	2026-11-02 12:00:00+00	1	1	11.00
37	20	2026-11-02 12:00:00+00	3	1	2.50
38	21	2026-11-08 12:00:00+00	4	2	9.90
39	21	2026-11-08 12:00:00+00	6	2	3.00
40	22	2026-11-14 12:00:00+00	7	1	980.00
41	23	2026-11-20 12:00:00+00	1	2	11.00
42	23	2026-11-20 12:00:00+00	3	2	2.50
43	24	2026-11-26 12:00:00+00	1	1	11.00
44	24	2026-11-26 12:00:00+00	3	1	2.50
\.


--
-- Data for Name: orders_2026_q3; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.orders_2026_q3 (order_id, ordered_at, brand_id, store_id, customer_id, status, total) FROM stdin;
12	2026-09-15 12:00:00+00	1	1	3	paid	13.50
11	2026-09-09 12:00:00+00	1	1	6	paid	27.00
6	2026-08-10 12:00:00+00	1	1	3	paid	13.50
5	2026-08-04 12:00:00+00	1	1	6	paid	27.00
14	2026-09-27 12:00:00+00	1	2	3	paid	13.50
8	2026-08-22 12:00:00+00	1	2	3	cancelled	13.50
2	2026-07-17 12:00:00+00	1	2	3	paid	13.50
13	2026-09-21 12:00:00+00	2	4	4	paid	25.80
7	2026-08-16 12:00:00+00	2	4	4	paid	25.80
1	2026-07-11 12:00:00+00	2	4	4	paid	25.80
9	2026-08-28 12:00:00+00	2	5	4	paid	25.80
3	2026-07-23 12:00:00+00	2	5	4	paid	25.80
10	2026-09-03 12:00:00+00	3	6	2	paid	980.00
4	2026-07-29 12:00:00+00	3	6	2	paid	980.00
\.


--
-- Data for Name: orders_2026_q4; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.orders_2026_q4 (order_id, ordered_at, brand_id, store_id, customer_id, status, total) FROM stdin;
24	2026-11-26 12:00:00+00	1	1	3	cancelled	13.50
23	2026-11-20 12:00:00+00	1	1	6	paid	27.00
18	2026-10-21 12:00:00+00	1	1	3	paid	13.50
17	2026-10-15 12:00:00+00	1	1	6	paid	27.00
20	2026-11-02 12:00:00+00	1	2	3	paid	13.50
19	2026-10-27 12:00:00+00	2	4	4	paid	25.80
21	2026-11-08 12:00:00+00	2	5	4	paid	25.80
15	2026-10-03 12:00:00+00	2	5	4	paid	25.80
22	2026-11-14 12:00:00+00	3	6	2	paid	980.00
16	2026-10-09 12:00:00+00	3	6	2	cancelled	980.00
\.


--
-- Data for Name: payments; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.payments (payment_id, order_id, ordered_at, method, amount, processor_token) FROM stdin;
12	12	2026-09-15 12:00:00+00	cash	13.50	\N
11	11	2026-09-09 12:00:00+00	gift_card	27.00	\N
6	6	2026-08-10 12:00:00+00	cash	13.50	\N
5	5	2026-08-04 12:00:00+00	gift_card	27.00	\N
14	14	2026-09-27 12:00:00+00	gift_card	13.50	\N
2	2	2026-07-17 12:00:00+00	gift_card	13.50	\N
13	13	2026-09-21 12:00:00+00	card	25.80	tok-13
7	7	2026-08-16 12:00:00+00	card	25.80	tok-7
1	1	2026-07-11 12:00:00+00	card	25.80	tok-1
9	9	2026-08-28 12:00:00+00	cash	25.80	\N
3	3	2026-07-23 12:00:00+00	cash	25.80	\N
10	10	2026-09-03 12:00:00+00	card	980.00	tok-10
4	4	2026-07-29 12:00:00+00	card	980.00	tok-4
23	23	2026-11-20 12:00:00+00	gift_card	27.00	\N
18	18	2026-10-21 12:00:00+00	cash	13.50	\N
17	17	2026-10-15 12:00:00+00	gift_card	27.00	\N
20	20	2026-11-02 12:00:00+00	gift_card	13.50	\N
19	19	2026-10-27 12:00:00+00	card	25.80	tok-19
21	21	2026-11-08 12:00:00+00	cash	25.80	\N
15	15	2026-10-03 12:00:00+00	cash	25.80	\N
22	22	2026-11-14 12:00:00+00	card	980.00	tok-22
\.


--
-- Data for Name: purchase_orders; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.purchase_orders (purchase_order_id, store_id, supplier_id, ordered_on, total) FROM stdin;
1	1	1	2026-10-01	120.00
2	2	2	2026-10-05	80.00
3	\N	1	2026-10-09	400.00
4	4	3	2026-10-02	150.00
5	\N	3	2026-10-12	90.00
6	6	4	2026-10-03	9000.00
\.


--
-- Data for Name: refunds; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.refunds (refund_id, payment_id, amount, reason) FROM stdin;
1	5	2.00	cold
2	6	2.00	cold
3	7	2.00	cold
4	9	2.00	cold
5	10	2.00	cold
\.


--
-- Data for Name: shifts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.shifts (shift_id, employee_id, started_at, hours) FROM stdin;
1	2	2026-11-02 16:00:00+00	5.00
2	3	2026-11-03 00:00:00+00	6.00
3	4	2026-11-03 08:00:00+00	7.00
4	5	2026-11-03 16:00:00+00	8.00
5	6	2026-11-04 00:00:00+00	4.00
6	7	2026-11-04 08:00:00+00	5.00
7	8	2026-11-04 16:00:00+00	6.00
8	9	2026-11-05 00:00:00+00	7.00
9	10	2026-11-05 08:00:00+00	8.00
10	11	2026-11-05 16:00:00+00	4.00
11	12	2026-11-06 00:00:00+00	5.00
12	1	2026-11-06 08:00:00+00	6.00
13	2	2026-11-06 16:00:00+00	7.00
14	3	2026-11-07 00:00:00+00	8.00
15	4	2026-11-07 08:00:00+00	4.00
16	5	2026-11-07 16:00:00+00	5.00
17	6	2026-11-08 00:00:00+00	6.00
18	7	2026-11-08 08:00:00+00	7.00
19	8	2026-11-08 16:00:00+00	8.00
20	9	2026-11-09 00:00:00+00	4.00
21	10	2026-11-09 08:00:00+00	5.00
22	11	2026-11-09 16:00:00+00	6.00
23	12	2026-11-10 00:00:00+00	7.00
24	1	2026-11-10 08:00:00+00	8.00
\.


--
-- Data for Name: stock_levels; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.stock_levels (store_id, ingredient_id, quantity) FROM stdin;
2	1	21.00
1	1	11.00
2	2	22.00
1	2	12.00
5	3	53.00
4	3	43.00
5	4	54.00
4	4	44.00
6	5	65.00
\.


--
-- Data for Name: stores; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.stores (store_id, brand_id, franchisee_id, name, city, status) FROM stdin;
1	1	\N	Noodles Leeds	Leeds	open
2	1	1	Noodles York	York	open
3	1	1	Noodles Hull	Hull	planned
4	2	2	Bay Hamburg	Hamburg	open
5	2	3	Bay Bremen	Bremen	open
6	3	4	Corner Osaka	Osaka	open
\.


--
-- Data for Name: suppliers; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.suppliers (supplier_id, brand_id, name) FROM stdin;
1	1	Mill Ltd
2	1	Tea Ltd
3	2	Baker GmbH
4	3	Rice KK
\.


--
-- Data for Name: tax_rates; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.tax_rates (country_code, kind, rate) FROM stdin;
GB	standard	20.00
DE	standard	19.00
DE	reduced	7.00
JP	standard	10.00
\.


--
-- Data for Name: till_counts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.till_counts (till_count_id, store_id, counted_on, difference) FROM stdin;
1	2	2026-11-02	0.00
2	3	2026-11-03	0.00
3	4	2026-11-04	0.00
4	5	2026-11-05	0.00
5	6	2026-11-06	-1.50
6	1	2026-11-07	0.00
7	2	2026-11-08	0.00
8	3	2026-11-09	0.00
9	4	2026-11-10	0.00
10	5	2026-11-11	-1.50
11	6	2026-11-12	0.00
12	1	2026-11-13	0.00
13	2	2026-11-14	0.00
14	3	2026-11-15	0.00
15	4	2026-11-16	-1.50
16	5	2026-11-17	0.00
17	6	2026-11-18	0.00
18	1	2026-11-19	0.00
\.


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.users (user_id, email, display_name, password_hash, totp_secret) FROM stdin;
1	user1@example.com	User 1	pbkdf2$1	\N
2	user2@example.com	User 2	pbkdf2$2	totp-2
3	user3@example.com	User 3	pbkdf2$3	\N
4	user4@example.com	User 4	pbkdf2$4	totp-4
5	user5@example.com	User 5	pbkdf2$5	\N
6	user6@example.com	User 6	pbkdf2$6	totp-6
\.


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (change_id);


--
-- Name: logins logins_pkey; Type: CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.logins
    ADD CONSTRAINT logins_pkey PRIMARY KEY (login_id);


--
-- Name: allergens allergens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.allergens
    ADD CONSTRAINT allergens_pkey PRIMARY KEY (allergen_code);


--
-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (api_key_id);


--
-- Name: brands brands_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.brands
    ADD CONSTRAINT brands_pkey PRIMARY KEY (brand_id);


--
-- Name: countries countries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.countries
    ADD CONSTRAINT countries_pkey PRIMARY KEY (country_code);


--
-- Name: couriers couriers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.couriers
    ADD CONSTRAINT couriers_pkey PRIMARY KEY (courier_id);


--
-- Name: currencies currencies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.currencies
    ADD CONSTRAINT currencies_pkey PRIMARY KEY (currency_code);


--
-- Name: customers customers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (customer_id);


--
-- Name: deliveries deliveries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (delivery_id);


--
-- Name: employees employees_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_pkey PRIMARY KEY (employee_id);


--
-- Name: franchisees franchisees_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.franchisees
    ADD CONSTRAINT franchisees_pkey PRIMARY KEY (franchisee_id);


--
-- Name: gift_cards gift_cards_code_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gift_cards
    ADD CONSTRAINT gift_cards_code_key UNIQUE (code);


--
-- Name: gift_cards gift_cards_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gift_cards
    ADD CONSTRAINT gift_cards_pkey PRIMARY KEY (gift_card_id);


--
-- Name: ingredients ingredients_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingredients
    ADD CONSTRAINT ingredients_pkey PRIMARY KEY (ingredient_id);


--
-- Name: invoice_lines invoice_lines_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_pkey PRIMARY KEY (invoice_id, line_no);


--
-- Name: invoices invoices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (invoice_id);


--
-- Name: item_allergens item_allergens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.item_allergens
    ADD CONSTRAINT item_allergens_pkey PRIMARY KEY (item_id, allergen_code);


--
-- Name: item_categories item_categories_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.item_categories
    ADD CONSTRAINT item_categories_pkey PRIMARY KEY (category_id);


--
-- Name: items items_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (item_id);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (job_id);


--
-- Name: loyalty_accounts loyalty_accounts_customer_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_accounts
    ADD CONSTRAINT loyalty_accounts_customer_id_key UNIQUE (customer_id);


--
-- Name: loyalty_accounts loyalty_accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_accounts
    ADD CONSTRAINT loyalty_accounts_pkey PRIMARY KEY (account_id);


--
-- Name: loyalty_movements loyalty_movements_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_movements
    ADD CONSTRAINT loyalty_movements_pkey PRIMARY KEY (movement_id);


--
-- Name: memberships memberships_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (brand_id, user_id);


--
-- Name: menu_items menu_items_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menu_items
    ADD CONSTRAINT menu_items_pkey PRIMARY KEY (section_id, item_id);


--
-- Name: menu_sections menu_sections_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menu_sections
    ADD CONSTRAINT menu_sections_pkey PRIMARY KEY (section_id);


--
-- Name: menus menus_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menus
    ADD CONSTRAINT menus_pkey PRIMARY KEY (menu_id);


--
-- Name: modifiers modifiers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.modifiers
    ADD CONSTRAINT modifiers_pkey PRIMARY KEY (modifier_id);


--
-- Name: order_line_modifiers order_line_modifiers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.order_line_modifiers
    ADD CONSTRAINT order_line_modifiers_pkey PRIMARY KEY (line_id, modifier_id);


--
-- Name: order_lines order_lines_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_pkey PRIMARY KEY (line_id);


--
-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (order_id, ordered_at);


--
-- Name: orders_2026_q3 orders_2026_q3_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders_2026_q3
    ADD CONSTRAINT orders_2026_q3_pkey PRIMARY KEY (order_id, ordered_at);


--
-- Name: orders_2026_q4 orders_2026_q4_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders_2026_q4
    ADD CONSTRAINT orders_2026_q4_pkey PRIMARY KEY (order_id, ordered_at);


--
-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (payment_id);


--
-- Name: purchase_orders purchase_orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchase_orders
    ADD CONSTRAINT purchase_orders_pkey PRIMARY KEY (purchase_order_id);


--
-- Name: refunds refunds_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (refund_id);


--
-- Name: shifts shifts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_pkey PRIMARY KEY (shift_id);


--
-- Name: stock_levels stock_levels_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stock_levels
    ADD CONSTRAINT stock_levels_pkey PRIMARY KEY (store_id, ingredient_id);


--
-- Name: stores stores_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stores
    ADD CONSTRAINT stores_pkey PRIMARY KEY (store_id);


--
-- Name: suppliers suppliers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppliers
    ADD CONSTRAINT suppliers_pkey PRIMARY KEY (supplier_id);


--
-- Name: tax_rates tax_rates_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tax_rates
    ADD CONSTRAINT tax_rates_pkey PRIMARY KEY (country_code, kind);


--
-- Name: till_counts till_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.till_counts
    ADD CONSTRAINT till_counts_pkey PRIMARY KEY (till_count_id);


--
-- Name: users users_email_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);


--
-- Name: couriers_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX couriers_brand_id_idx ON public.couriers USING btree (brand_id);


--
-- Name: customers_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX customers_brand_id_idx ON public.customers USING btree (brand_id);


--
-- Name: deliveries_courier_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX deliveries_courier_id_idx ON public.deliveries USING btree (courier_id);


--
-- Name: deliveries_order_id_ordered_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX deliveries_order_id_ordered_at_idx ON public.deliveries USING btree (order_id, ordered_at);


--
-- Name: employees_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX employees_brand_id_idx ON public.employees USING btree (brand_id);


--
-- Name: franchisees_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX franchisees_brand_id_idx ON public.franchisees USING btree (brand_id);


--
-- Name: gift_cards_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX gift_cards_brand_id_idx ON public.gift_cards USING btree (brand_id);


--
-- Name: ingredients_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ingredients_brand_id_idx ON public.ingredients USING btree (brand_id);


--
-- Name: invoices_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX invoices_brand_id_idx ON public.invoices USING btree (brand_id);


--
-- Name: item_categories_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX item_categories_brand_id_idx ON public.item_categories USING btree (brand_id);


--
-- Name: items_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX items_brand_id_idx ON public.items USING btree (brand_id);


--
-- Name: loyalty_movements_account_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX loyalty_movements_account_id_idx ON public.loyalty_movements USING btree (account_id);


--
-- Name: memberships_user_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_user_id_idx ON public.memberships USING btree (user_id);


--
-- Name: menu_sections_menu_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX menu_sections_menu_id_idx ON public.menu_sections USING btree (menu_id);


--
-- Name: menus_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX menus_brand_id_idx ON public.menus USING btree (brand_id);


--
-- Name: modifiers_item_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX modifiers_item_id_idx ON public.modifiers USING btree (item_id);


--
-- Name: order_lines_order_id_ordered_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX order_lines_order_id_ordered_at_idx ON public.order_lines USING btree (order_id, ordered_at);


--
-- Name: orders_brand_id_ordered_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX orders_brand_id_ordered_at_idx ON ONLY public.orders USING btree (brand_id, ordered_at);


--
-- Name: orders_2026_q3_brand_id_ordered_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX orders_2026_q3_brand_id_ordered_at_idx ON public.orders_2026_q3 USING btree (brand_id, ordered_at);


--
-- Name: orders_2026_q4_brand_id_ordered_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX orders_2026_q4_brand_id_ordered_at_idx ON public.orders_2026_q4 USING btree (brand_id, ordered_at);


--
-- Name: payments_order_id_ordered_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX payments_order_id_ordered_at_idx ON public.payments USING btree (order_id, ordered_at);


--
-- Name: purchase_orders_store_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX purchase_orders_store_id_idx ON public.purchase_orders USING btree (store_id);


--
-- Name: purchase_orders_supplier_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX purchase_orders_supplier_id_idx ON public.purchase_orders USING btree (supplier_id);


--
-- Name: refunds_payment_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX refunds_payment_id_idx ON public.refunds USING btree (payment_id);


--
-- Name: shifts_employee_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX shifts_employee_id_idx ON public.shifts USING btree (employee_id);


--
-- Name: stores_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX stores_brand_id_idx ON public.stores USING btree (brand_id);


--
-- Name: suppliers_brand_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX suppliers_brand_id_idx ON public.suppliers USING btree (brand_id);


--
-- Name: orders_2026_q3_brand_id_ordered_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.orders_brand_id_ordered_at_idx ATTACH PARTITION public.orders_2026_q3_brand_id_ordered_at_idx;


--
-- Name: orders_2026_q3_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.orders_pkey ATTACH PARTITION public.orders_2026_q3_pkey;


--
-- Name: orders_2026_q4_brand_id_ordered_at_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.orders_brand_id_ordered_at_idx ATTACH PARTITION public.orders_2026_q4_brand_id_ordered_at_idx;


--
-- Name: orders_2026_q4_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.orders_pkey ATTACH PARTITION public.orders_2026_q4_pkey;


--
-- Name: items record_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER record_change AFTER UPDATE ON public.items FOR EACH ROW EXECUTE FUNCTION audit.record_change();


--
-- Name: logins logins_user_id_fkey; Type: FK CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.logins
    ADD CONSTRAINT logins_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);


--
-- Name: api_keys api_keys_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: brands brands_country_code_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.brands
    ADD CONSTRAINT brands_country_code_fkey FOREIGN KEY (country_code) REFERENCES public.countries(country_code);


--
-- Name: brands brands_currency_code_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.brands
    ADD CONSTRAINT brands_currency_code_fkey FOREIGN KEY (currency_code) REFERENCES public.currencies(currency_code);


--
-- Name: couriers couriers_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.couriers
    ADD CONSTRAINT couriers_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: customers customers_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: deliveries deliveries_courier_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_courier_id_fkey FOREIGN KEY (courier_id) REFERENCES public.couriers(courier_id);


--
-- Name: deliveries deliveries_order_id_ordered_at_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_order_id_ordered_at_fkey FOREIGN KEY (order_id, ordered_at) REFERENCES public.orders(order_id, ordered_at);


--
-- Name: employees employees_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: employees employees_store_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.employees
    ADD CONSTRAINT employees_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id);


--
-- Name: franchisees franchisees_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.franchisees
    ADD CONSTRAINT franchisees_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: gift_cards gift_cards_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gift_cards
    ADD CONSTRAINT gift_cards_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: ingredients ingredients_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingredients
    ADD CONSTRAINT ingredients_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: invoice_lines invoice_lines_ingredient_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_ingredient_id_fkey FOREIGN KEY (ingredient_id) REFERENCES public.ingredients(ingredient_id);


--
-- Name: invoice_lines invoice_lines_invoice_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES public.invoices(invoice_id);


--
-- Name: invoices invoices_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: invoices invoices_supplier_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_supplier_id_fkey FOREIGN KEY (supplier_id) REFERENCES public.suppliers(supplier_id);


--
-- Name: item_allergens item_allergens_allergen_code_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.item_allergens
    ADD CONSTRAINT item_allergens_allergen_code_fkey FOREIGN KEY (allergen_code) REFERENCES public.allergens(allergen_code);


--
-- Name: item_allergens item_allergens_item_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.item_allergens
    ADD CONSTRAINT item_allergens_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.items(item_id);


--
-- Name: item_categories item_categories_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.item_categories
    ADD CONSTRAINT item_categories_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: items items_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: items items_category_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_category_id_fkey FOREIGN KEY (category_id) REFERENCES public.item_categories(category_id);


--
-- Name: loyalty_accounts loyalty_accounts_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_accounts
    ADD CONSTRAINT loyalty_accounts_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(customer_id);


--
-- Name: loyalty_movements loyalty_movements_account_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.loyalty_movements
    ADD CONSTRAINT loyalty_movements_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.loyalty_accounts(account_id);


--
-- Name: memberships memberships_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: memberships memberships_store_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id);


--
-- Name: memberships memberships_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);


--
-- Name: menu_items menu_items_item_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menu_items
    ADD CONSTRAINT menu_items_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.items(item_id);


--
-- Name: menu_items menu_items_section_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menu_items
    ADD CONSTRAINT menu_items_section_id_fkey FOREIGN KEY (section_id) REFERENCES public.menu_sections(section_id);


--
-- Name: menu_sections menu_sections_menu_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menu_sections
    ADD CONSTRAINT menu_sections_menu_id_fkey FOREIGN KEY (menu_id) REFERENCES public.menus(menu_id);


--
-- Name: menus menus_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.menus
    ADD CONSTRAINT menus_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: modifiers modifiers_item_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.modifiers
    ADD CONSTRAINT modifiers_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.items(item_id);


--
-- Name: order_line_modifiers order_line_modifiers_line_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.order_line_modifiers
    ADD CONSTRAINT order_line_modifiers_line_id_fkey FOREIGN KEY (line_id) REFERENCES public.order_lines(line_id);


--
-- Name: order_line_modifiers order_line_modifiers_modifier_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.order_line_modifiers
    ADD CONSTRAINT order_line_modifiers_modifier_id_fkey FOREIGN KEY (modifier_id) REFERENCES public.modifiers(modifier_id);


--
-- Name: order_lines order_lines_item_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.items(item_id);


--
-- Name: order_lines order_lines_order_id_ordered_at_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_order_id_ordered_at_fkey FOREIGN KEY (order_id, ordered_at) REFERENCES public.orders(order_id, ordered_at);


--
-- Name: orders orders_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.orders
    ADD CONSTRAINT orders_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: orders orders_customer_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.orders
    ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(customer_id);


--
-- Name: orders orders_store_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.orders
    ADD CONSTRAINT orders_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id);


--
-- Name: payments payments_order_id_ordered_at_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_order_id_ordered_at_fkey FOREIGN KEY (order_id, ordered_at) REFERENCES public.orders(order_id, ordered_at);


--
-- Name: purchase_orders purchase_orders_store_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchase_orders
    ADD CONSTRAINT purchase_orders_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id);


--
-- Name: purchase_orders purchase_orders_supplier_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.purchase_orders
    ADD CONSTRAINT purchase_orders_supplier_id_fkey FOREIGN KEY (supplier_id) REFERENCES public.suppliers(supplier_id);


--
-- Name: refunds refunds_payment_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(payment_id);


--
-- Name: shifts shifts_employee_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_employee_id_fkey FOREIGN KEY (employee_id) REFERENCES public.employees(employee_id);


--
-- Name: stock_levels stock_levels_ingredient_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stock_levels
    ADD CONSTRAINT stock_levels_ingredient_id_fkey FOREIGN KEY (ingredient_id) REFERENCES public.ingredients(ingredient_id);


--
-- Name: stock_levels stock_levels_store_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stock_levels
    ADD CONSTRAINT stock_levels_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id);


--
-- Name: stores stores_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stores
    ADD CONSTRAINT stores_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: stores stores_franchisee_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stores
    ADD CONSTRAINT stores_franchisee_id_fkey FOREIGN KEY (franchisee_id) REFERENCES public.franchisees(franchisee_id);


--
-- Name: suppliers suppliers_brand_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.suppliers
    ADD CONSTRAINT suppliers_brand_id_fkey FOREIGN KEY (brand_id) REFERENCES public.brands(brand_id);


--
-- Name: tax_rates tax_rates_country_code_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tax_rates
    ADD CONSTRAINT tax_rates_country_code_fkey FOREIGN KEY (country_code) REFERENCES public.countries(country_code);


--
-- Name: till_counts till_counts_store_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.till_counts
    ADD CONSTRAINT till_counts_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.stores(store_id);


--
-- Name: SCHEMA audit; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA audit TO restaurants_app;


--
-- Name: TABLE logins; Type: ACL; Schema: audit; Owner: -
--

GRANT INSERT ON TABLE audit.logins TO restaurants_app;


--
-- Name: TABLE allergens; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.allergens TO restaurants_app;


--
-- Name: TABLE api_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_keys TO restaurants_app;


--
-- Name: TABLE brands; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.brands TO restaurants_app;


--
-- Name: TABLE countries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.countries TO restaurants_app;


--
-- Name: TABLE couriers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.couriers TO restaurants_app;


--
-- Name: TABLE currencies; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.currencies TO restaurants_app;


--
-- Name: TABLE customers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.customers TO restaurants_app;


--
-- Name: TABLE orders; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.orders TO restaurants_app;


--
-- Name: TABLE daily_sales; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.daily_sales TO restaurants_app;
GRANT SELECT ON TABLE public.daily_sales TO PUBLIC;


--
-- Name: TABLE deliveries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO restaurants_app;


--
-- Name: TABLE employees; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.employees TO restaurants_app;


--
-- Name: TABLE franchisees; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.franchisees TO restaurants_app;


--
-- Name: TABLE gift_cards; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.gift_cards TO restaurants_app;


--
-- Name: TABLE ingredients; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ingredients TO restaurants_app;


--
-- Name: TABLE invoice_lines; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.invoice_lines TO restaurants_app;


--
-- Name: TABLE invoices; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.invoices TO restaurants_app;


--
-- Name: TABLE item_allergens; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.item_allergens TO restaurants_app;


--
-- Name: TABLE item_categories; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.item_categories TO restaurants_app;


--
-- Name: TABLE items; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.items TO restaurants_app;


--
-- Name: TABLE jobs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.jobs TO restaurants_app;


--
-- Name: TABLE loyalty_accounts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.loyalty_accounts TO restaurants_app;


--
-- Name: TABLE loyalty_movements; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.loyalty_movements TO restaurants_app;


--
-- Name: TABLE memberships; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.memberships TO restaurants_app;


--
-- Name: TABLE menu_items; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.menu_items TO restaurants_app;


--
-- Name: TABLE menu_sections; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.menu_sections TO restaurants_app;


--
-- Name: TABLE menus; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.menus TO restaurants_app;


--
-- Name: TABLE modifiers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.modifiers TO restaurants_app;


--
-- Name: TABLE order_line_modifiers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.order_line_modifiers TO restaurants_app;


--
-- Name: TABLE order_lines; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.order_lines TO restaurants_app;


--
-- Name: TABLE orders_2026_q3; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.orders_2026_q3 TO restaurants_app;


--
-- Name: TABLE orders_2026_q4; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.orders_2026_q4 TO restaurants_app;


--
-- Name: TABLE payments; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.payments TO restaurants_app;


--
-- Name: TABLE purchase_orders; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.purchase_orders TO restaurants_app;


--
-- Name: TABLE refunds; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.refunds TO restaurants_app;


--
-- Name: TABLE shifts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.shifts TO restaurants_app;


--
-- Name: TABLE stock_levels; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stock_levels TO restaurants_app;


--
-- Name: TABLE stores; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.stores TO restaurants_app;


--
-- Name: TABLE suppliers; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.suppliers TO restaurants_app;


--
-- Name: TABLE tax_rates; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tax_rates TO restaurants_app;


--
-- Name: TABLE till_counts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.till_counts TO restaurants_app;


--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.users TO restaurants_app;


--
-- PostgreSQL database dump complete
--

\unrestrict restaurants

