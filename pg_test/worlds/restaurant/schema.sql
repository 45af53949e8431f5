-- The demo database of a restaurant group: three brands share every table, one text column tells them apart.
--
-- The shapes are the ones a grown application has: surrogate keys that count from 1 in every tenant (PRIMARY KEY (tenant_id, id)) beside keys
-- that are unique over all tenants (PRIMARY KEY (id)), an enum, a CHECK on a text status, json, arrays, a partitioned table, a table with
-- mixed-case names, two tables that belong to nobody, and one table that no analyst may ever see.
--
-- Store, order and menu item numbers repeat from brand to brand on purpose: a join that forgets the tenant column is right inside the plane and
-- wrong everywhere else.

CREATE TYPE order_channel AS ENUM ('dine_in', 'takeaway', 'delivery', 'catering');
CREATE TYPE loyalty_tier AS ENUM ('basic', 'silver', 'gold', 'platinum');

CREATE TABLE brands (
    tenant_id    text PRIMARY KEY,
    name         text NOT NULL,
    cuisine      text NOT NULL,
    founded_on   date NOT NULL,
    headquarters text NOT NULL
);

CREATE TABLE businesses (
    business_id  integer PRIMARY KEY,
    tenant_id    text NOT NULL REFERENCES brands,
    code         text NOT NULL,
    name         text NOT NULL,
    region       text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('company', 'franchise')),
    royalty_rate numeric(5,4) NOT NULL,
    since        date NOT NULL,
    UNIQUE (tenant_id, code)
);

CREATE TABLE stores (
    tenant_id   text NOT NULL REFERENCES brands,
    store_id    integer NOT NULL,
    business_id integer NOT NULL REFERENCES businesses,
    name        text NOT NULL,
    city        text NOT NULL,
    state       text NOT NULL,
    time_zone   text NOT NULL,
    opened_on   date NOT NULL,
    closed_on   date,
    seats       integer NOT NULL,
    features    text[] NOT NULL,
    hours       jsonb NOT NULL,
    latitude    double precision NOT NULL,
    longitude   double precision NOT NULL,
    PRIMARY KEY (tenant_id, store_id)
);
CREATE INDEX ON stores (tenant_id, business_id);

CREATE TABLE menu_items (
    tenant_id       text NOT NULL REFERENCES brands,
    item_id         integer NOT NULL,
    name            text NOT NULL,
    category        text NOT NULL,
    price           numeric(8,2) NOT NULL,
    cost            numeric(8,2) NOT NULL,
    tags            text[] NOT NULL,
    nutrition       jsonb NOT NULL,
    available_from  date NOT NULL,
    discontinued_on date,
    PRIMARY KEY (tenant_id, item_id)
);

CREATE TABLE customers (
    customer_id      bigint PRIMARY KEY,
    tenant_id        text NOT NULL REFERENCES brands,
    home_store_id    integer NOT NULL,
    full_name        text NOT NULL,
    email            text NOT NULL,
    phone            text NOT NULL,
    birth_year       smallint,
    joined_on        date NOT NULL,
    tier             loyalty_tier NOT NULL,
    marketing_opt_in boolean NOT NULL,
    preferences      jsonb NOT NULL,
    FOREIGN KEY (tenant_id, home_store_id) REFERENCES stores
);
CREATE INDEX ON customers (tenant_id, customer_id);
CREATE INDEX ON customers (tenant_id, home_store_id);

CREATE TABLE employees (
    employee_id integer PRIMARY KEY,
    tenant_id   text NOT NULL REFERENCES brands,
    store_id    integer NOT NULL,
    manager_id  integer REFERENCES employees,
    full_name   text NOT NULL,
    national_id text NOT NULL,
    job         text NOT NULL CHECK (job IN ('manager', 'cook', 'server', 'cashier')),
    hired_on    date NOT NULL,
    left_on     date,
    hourly_rate numeric(6,2) NOT NULL,
    FOREIGN KEY (tenant_id, store_id) REFERENCES stores
);
CREATE INDEX ON employees (tenant_id, store_id);
CREATE INDEX ON employees (tenant_id, manager_id);

CREATE TABLE shifts (
    tenant_id   text NOT NULL,
    shift_id    bigint NOT NULL,
    store_id    integer NOT NULL,
    employee_id integer NOT NULL REFERENCES employees,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    break_time  interval NOT NULL,
    PRIMARY KEY (tenant_id, shift_id),
    FOREIGN KEY (tenant_id, store_id) REFERENCES stores
);
CREATE INDEX ON shifts (tenant_id, store_id, starts_at);

CREATE TABLE orders (
    tenant_id     text NOT NULL REFERENCES brands,
    order_id      bigint NOT NULL,
    store_id      integer NOT NULL,
    customer_id   bigint REFERENCES customers,
    employee_id   integer NOT NULL REFERENCES employees,
    ordered_at    timestamptz NOT NULL,
    closed_at     timestamptz,
    business_date date NOT NULL,
    channel       order_channel NOT NULL,
    status        text NOT NULL CHECK (status IN ('open', 'completed', 'cancelled', 'refunded')),
    guests        smallint NOT NULL,
    subtotal      numeric(10,2) NOT NULL,
    discount      numeric(10,2) NOT NULL,
    tax           numeric(10,2) NOT NULL,
    total         numeric(10,2) NOT NULL,
    details       jsonb NOT NULL,
    PRIMARY KEY (tenant_id, order_id),
    FOREIGN KEY (tenant_id, store_id) REFERENCES stores
);
CREATE INDEX ON orders (tenant_id, store_id, ordered_at);
CREATE INDEX ON orders (tenant_id, ordered_at);
CREATE INDEX ON orders (tenant_id, customer_id);

CREATE TABLE order_items (
    tenant_id  text NOT NULL,
    order_id   bigint NOT NULL,
    line_no    smallint NOT NULL,
    store_id   integer NOT NULL,
    item_id    integer NOT NULL,
    quantity   smallint NOT NULL,
    unit_price numeric(8,2) NOT NULL,
    line_total numeric(10,2) NOT NULL,
    modifiers  text[] NOT NULL,
    voided     boolean NOT NULL,
    PRIMARY KEY (tenant_id, order_id, line_no),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders,
    FOREIGN KEY (tenant_id, item_id) REFERENCES menu_items
);
CREATE INDEX ON order_items (tenant_id, item_id);
CREATE INDEX ON order_items (tenant_id, store_id);

CREATE TABLE payments (
    payment_id bigint PRIMARY KEY,
    tenant_id  text NOT NULL,
    store_id   integer NOT NULL,
    order_id   bigint NOT NULL,
    method     text NOT NULL CHECK (method IN ('card', 'cash', 'gift_card', 'mobile')),
    amount     numeric(10,2) NOT NULL,
    tip        numeric(10,2) NOT NULL,
    paid_at    timestamptz NOT NULL,
    card       json,
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders
);
CREATE INDEX ON payments (tenant_id, order_id);
CREATE INDEX ON payments (tenant_id, store_id, paid_at);

CREATE TABLE discounts (
    discount_id bigint PRIMARY KEY,
    tenant_id   text NOT NULL,
    store_id    integer NOT NULL,
    order_id    bigint NOT NULL,
    code        text NOT NULL,
    amount      numeric(10,2) NOT NULL,
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders
);
CREATE INDEX ON discounts (tenant_id, order_id);
CREATE INDEX ON discounts (tenant_id, store_id);

CREATE TABLE voids (
    tenant_id   text NOT NULL,
    void_id     bigint NOT NULL,
    store_id    integer NOT NULL,
    order_id    bigint NOT NULL,
    line_no     smallint NOT NULL,
    employee_id integer NOT NULL REFERENCES employees,
    amount      numeric(10,2) NOT NULL,
    reason      text,
    voided_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, void_id),
    FOREIGN KEY (tenant_id, order_id, line_no) REFERENCES order_items
);
CREATE INDEX ON voids (tenant_id, order_id, line_no);
CREATE INDEX ON voids (tenant_id, store_id);

CREATE TABLE store_targets (
    tenant_id      text NOT NULL,
    store_id       integer NOT NULL,
    month          date NOT NULL,
    revenue_target numeric(12,2) NOT NULL,
    PRIMARY KEY (tenant_id, store_id, month),
    FOREIGN KEY (tenant_id, store_id) REFERENCES stores
);

CREATE TABLE app_events (
    tenant_id   text NOT NULL,
    event_id    bigint NOT NULL,
    store_id    integer NOT NULL,
    customer_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind        text NOT NULL,
    payload     jsonb NOT NULL,
    PRIMARY KEY (tenant_id, event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE app_events_2026_01 PARTITION OF app_events FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE app_events_2026_02 PARTITION OF app_events FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00');
CREATE TABLE app_events_2026_03 PARTITION OF app_events FOR VALUES FROM ('2026-03-01 00:00+00') TO ('2026-04-01 00:00+00');
CREATE TABLE app_events_2026_04 PARTITION OF app_events FOR VALUES FROM ('2026-04-01 00:00+00') TO ('2026-05-01 00:00+00');
CREATE TABLE app_events_2026_05 PARTITION OF app_events FOR VALUES FROM ('2026-05-01 00:00+00') TO ('2026-06-01 00:00+00');
CREATE TABLE app_events_2026_06 PARTITION OF app_events FOR VALUES FROM ('2026-06-01 00:00+00') TO ('2026-07-01 00:00+00');
CREATE TABLE app_events_other PARTITION OF app_events DEFAULT;
CREATE INDEX ON app_events (tenant_id, store_id, occurred_at);
CREATE INDEX ON app_events (tenant_id, customer_id, occurred_at);

-- As an ORM makes them: every name needs quotes.
CREATE TABLE "GuestFeedback" (
    "tenantId"   text NOT NULL,
    "feedbackId" bigint NOT NULL,
    "storeId"    integer NOT NULL,
    "orderId"    bigint NOT NULL,
    "Score"      smallint NOT NULL CHECK ("Score" BETWEEN 1 AND 5),
    "Comment"    text,
    "leftAt"     timestamptz NOT NULL,
    PRIMARY KEY ("tenantId", "feedbackId")
);
CREATE INDEX ON "GuestFeedback" ("tenantId", "storeId");

CREATE TABLE calendar (
    day           date PRIMARY KEY,
    weekday       text NOT NULL,
    is_weekend    boolean NOT NULL,
    holiday       text,
    fiscal_year   integer NOT NULL,
    fiscal_period integer NOT NULL
);

CREATE TABLE tax_rates (
    state      text PRIMARY KEY,
    state_name text NOT NULL,
    rate       numeric(6,4) NOT NULL
);

-- Not in the plane, whatever is asked.
CREATE TABLE bank_accounts (
    tenant_id text NOT NULL REFERENCES brands,
    iban      text PRIMARY KEY,
    balance   numeric(14,2) NOT NULL
);

\ir comments.sql
