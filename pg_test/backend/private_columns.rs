//! Which statements touch a private column, in every place where an expression can stand, and which only seem to.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted};
    use pgrx::prelude::*;

    /// `guests.email` and `guests.phone` are private, and `countries.name`; `orders` and `stores` have none.
    fn world() -> World {
        let world = World::new();
        Spi::run(
            "CREATE TABLE public.guests (tenant_id int NOT NULL, guest_id int PRIMARY KEY, store_id int NOT NULL,
                                         name text NOT NULL, email text NOT NULL, phone text);
             INSERT INTO public.guests SELECT 42, n, n, 'guest ' || n, n || '@example', '+49 ' || n FROM generate_series(1, 5) AS n;
             SELECT splitplane.protect('public.guests', '{\"tenant_id\": \"tenant\"}',
                                       ARRAY['guest_id', 'store_id', 'name', 'email', 'phone'], private_columns => ARRAY['email', 'phone']);
             SELECT splitplane.share('public.countries', private_columns => ARRAY['name'])",
        )
        .unwrap();
        World { plane: crate::catalog::current_plane().unwrap(), principal: world.principal }
    }

    fn assert_touches(cases: &[(&str, &[&str])]) {
        let world = world();
        for (sql, expected) in cases {
            let facts = assert_accepted(sql, world.prove(sql));
            assert_eq!(facts.private, *expected, "{sql}");
        }
    }

    const EMAIL: &[&str] = &["guests.email"];
    const ALL: &[&str] = &["guests.email", "guests.phone"];
    const NONE: &[&str] = &[];

    #[pg_test]
    fn sees_a_private_column_wherever_it_is_named() {
        assert_touches(&[
            ("SELECT email FROM guests", EMAIL),
            ("SELECT g.email FROM public.guests AS g", EMAIL),
            ("SELECT public.guests.email FROM public.guests", EMAIL),
            ("SELECT e FROM guests AS g(a, b, c, e)", EMAIL),
            ("SELECT f FROM guests AS g(a, b, c, e, f)", &["guests.phone"]),
            ("SELECT upper(left(email, 1)) FROM guests", EMAIL),
            ("SELECT count(*) FROM guests WHERE email LIKE 'a%'", EMAIL),
            ("SELECT count(*) FROM guests GROUP BY email", EMAIL),
            ("SELECT count(*) FROM guests GROUP BY GROUPING SETS ((email), ())", EMAIL),
            ("SELECT store_id FROM guests GROUP BY store_id HAVING max(email) > 'a'", EMAIL),
            ("SELECT guest_id FROM guests ORDER BY email", EMAIL),
            ("SELECT DISTINCT ON (email) guest_id FROM guests", EMAIL),
            ("SELECT row_number() OVER (PARTITION BY email) FROM guests", EMAIL),
            ("SELECT row_number() OVER w FROM guests WINDOW w AS (ORDER BY email)", EMAIL),
            ("SELECT count(DISTINCT email) FROM guests", EMAIL),
            ("SELECT count(*) FILTER (WHERE email > 'a') FROM guests", EMAIL),
            ("SELECT string_agg(name, ',' ORDER BY email) FROM guests", EMAIL),
            ("SELECT mode() WITHIN GROUP (ORDER BY email) FROM guests", EMAIL),
            ("SELECT CASE WHEN email IS NULL THEN 1 END FROM guests", EMAIL),
            ("SELECT ARRAY[name, email] FROM guests", EMAIL),
            ("SELECT (ROW(guest_id, email) = ROW(1, 'a')) FROM guests", EMAIL),
            ("SELECT name FROM guests LIMIT (SELECT length(max(email)) FROM guests)", EMAIL),
            ("SELECT email, phone FROM guests", ALL),
        ]);
    }

    #[pg_test]
    fn sees_a_private_column_through_joins() {
        assert_touches(&[
            ("SELECT o.total FROM orders o JOIN guests g ON g.email = o.status", EMAIL),
            (
                "SELECT o.total FROM orders o LEFT JOIN guests g ON g.store_id = o.store_id AND g.phone IS NULL",
                &["guests.phone"],
            ),
            ("SELECT a.name FROM guests a JOIN guests b USING (email)", EMAIL),
            ("SELECT a.name FROM guests a FULL JOIN guests b USING (email)", EMAIL),
            ("SELECT email FROM guests a FULL JOIN (SELECT status AS email FROM orders) b USING (email)", EMAIL),
            ("SELECT count(*) FROM guests NATURAL JOIN (SELECT status AS phone FROM orders) o", &["guests.phone"]),
            ("SELECT j.email FROM (guests g JOIN stores s USING (store_id)) AS j", EMAIL),
            ("SELECT j.email FROM (guests g FULL JOIN stores s USING (store_id)) AS j", EMAIL),
            ("SELECT j FROM (guests g JOIN stores s USING (store_id)) AS j", ALL),
            (
                "SELECT count(j) FROM ((guests g JOIN stores s USING (store_id)) FULL JOIN orders o USING (store_id)) AS j",
                ALL,
            ),
            ("SELECT * FROM stores JOIN guests USING (store_id)", ALL),
            (
                "SELECT s.city FROM stores s, LATERAL (SELECT g.email FROM guests g WHERE g.store_id = s.store_id) l",
                EMAIL,
            ),
            ("SELECT l.n FROM guests g, LATERAL (SELECT length(g.email) AS n) l", EMAIL),
            ("SELECT n FROM guests g, LATERAL generate_series(1, length(g.email)) AS n", EMAIL),
            ("SELECT v FROM guests g, LATERAL (VALUES (g.email)) AS l(v)", EMAIL),
            ("SELECT name FROM countries c JOIN stores s ON true", &["countries.name"]),
            ("SELECT g.email, c.name FROM guests g CROSS JOIN countries c", &["countries.name", "guests.email"]),
        ]);
    }

    #[pg_test]
    fn sees_a_private_column_through_subqueries_and_with() {
        assert_touches(&[
            ("SELECT count(*) FROM (SELECT * FROM guests) g", ALL),
            ("SELECT g.name FROM (SELECT name, email FROM guests) g", EMAIL),
            ("SELECT x FROM (SELECT email AS x FROM guests) g", EMAIL),
            ("SELECT 1 WHERE EXISTS (SELECT 1 FROM guests WHERE email = 'a')", EMAIL),
            ("SELECT total FROM orders WHERE status IN (SELECT email FROM guests)", EMAIL),
            ("SELECT total FROM orders o WHERE status = ANY (ARRAY(SELECT phone FROM guests))", &["guests.phone"]),
            ("SELECT (SELECT max(email) FROM guests)", EMAIL),
            ("SELECT (SELECT o.status FROM orders o WHERE o.status = g.email LIMIT 1) FROM guests g", EMAIL),
            ("SELECT (SELECT (SELECT (SELECT g.email))) FROM guests g", EMAIL),
            ("SELECT status FROM orders UNION SELECT email FROM guests", EMAIL),
            ("SELECT name FROM guests EXCEPT ALL (SELECT name FROM guests INTERSECT SELECT email FROM guests)", EMAIL),
            ("WITH g AS (SELECT email FROM guests) SELECT count(*) FROM g", EMAIL),
            ("WITH guests AS (SELECT * FROM guests) SELECT guest_id FROM guests", ALL),
            ("WITH g AS (SELECT email AS x FROM guests), h AS (SELECT x AS y FROM g) SELECT y FROM h", EMAIL),
            ("WITH g AS MATERIALIZED (SELECT email FROM guests) SELECT 1", EMAIL),
            ("WITH RECURSIVE t(x) AS (SELECT email FROM guests UNION SELECT x FROM t) SELECT count(*) FROM t", EMAIL),
            (
                "WITH RECURSIVE t(x) AS (SELECT name FROM guests UNION SELECT g.email FROM t JOIN guests g ON g.name = t.x) SELECT x FROM t",
                EMAIL,
            ),
            (
                "SELECT 1 FROM stores WHERE store_id = (WITH q AS (SELECT store_id, phone FROM guests) SELECT max(store_id) FROM q)",
                &["guests.phone"],
            ),
            ("TABLE guests", ALL),
        ]);
    }

    #[pg_test]
    fn counts_a_whole_row_as_all_of_its_columns() {
        assert_touches(&[
            ("SELECT g FROM guests g", ALL),
            ("SELECT count(g) FROM guests g", ALL),
            ("SELECT to_json(g) FROM guests g", ALL),
            ("SELECT g.* FROM guests g JOIN stores s USING (store_id)", ALL),
            ("SELECT 1 FROM guests g WHERE g IS NOT NULL", ALL),
            ("SELECT (g).email FROM guests g", EMAIL),
            ("SELECT (g).name FROM guests g", NONE),
            ("SELECT (SELECT g) FROM guests g", ALL),
            ("SELECT count(s) FROM (SELECT name FROM guests) s", NONE),
            ("SELECT count(o) FROM orders o JOIN guests g USING (store_id)", NONE),
        ]);
    }

    #[pg_test]
    fn leaves_statements_alone_that_name_none() {
        assert_touches(&[
            ("SELECT 1", NONE),
            ("SELECT count(*) FROM guests", NONE),
            ("SELECT name, guest_id FROM guests ORDER BY name", NONE),
            ("SELECT s.city, count(*) FROM stores s JOIN guests g USING (store_id) GROUP BY s.city", NONE),
            ("SELECT s.city FROM stores s FULL JOIN guests g USING (store_id)", NONE),
            (
                "SELECT store_id FROM stores s FULL JOIN guests g USING (store_id) FULL JOIN orders o USING (store_id)",
                NONE,
            ),
            ("SELECT city FROM stores NATURAL JOIN guests", NONE),
            ("SELECT c.code FROM countries c CROSS JOIN guests g WHERE g.name = c.code", NONE),
            ("SELECT j.city FROM (guests g JOIN stores s USING (store_id)) AS j", NONE),
            ("SELECT n.email FROM (SELECT name AS email FROM guests) n", NONE),
            ("WITH guests AS (SELECT status AS email FROM orders) SELECT email FROM guests", NONE),
            ("WITH g AS (SELECT guest_id, store_id, name FROM guests) SELECT * FROM g", NONE),
            ("SELECT name FROM guests g WHERE EXISTS (SELECT 1 FROM orders o WHERE o.store_id = g.store_id)", NONE),
            ("SELECT total FROM orders WHERE store_id IN (SELECT store_id FROM guests)", NONE),
            ("SELECT 'email' AS email FROM guests", NONE),
        ]);
    }
}
