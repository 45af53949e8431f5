//! What the answers to questions in words read of the catalog, and the proof without a principal.

#[pgrx::pg_schema]
mod tests {
    use crate::api::registration;
    use crate::attach::Claims;
    use crate::backend_tests::support::{LONG, World, assert_accepted, assert_refused, gated, unproved_rows};
    use crate::error::State;
    use crate::question::{description, registered};
    use crate::run;
    use pgrx::prelude::*;
    use std::rc::Rc;

    #[pg_test]
    fn loads_what_is_registered_and_notices_a_change() {
        World::new();
        Spi::run(
            "SELECT splitplane.verify_query('b', 'How many?', 'SELECT count(*) FROM orders', ARRAY['Wie viele?', 'a \"b\", {c}']);
             SELECT splitplane.verify_query('a', 'Which?', 'SELECT city FROM stores');
             SELECT splitplane.define_metric('revenue', 'SELECT sum(total) FROM orders', 'All of it', ARRAY['sales'])",
        )
        .unwrap();
        let known = registered::current().unwrap();
        assert_eq!(known.catalogue.exact("which").unwrap().name, "a");
        let query = known.catalogue.exact("HOW MANY").unwrap();
        assert_eq!((query.question.as_str(), query.sql.as_str()), ("How many?", "SELECT count(*) FROM orders"));
        assert_eq!(query.synonyms, ["Wie viele?", "a \"b\", {c}"]);
        let metric = &known.metrics[0];
        assert_eq!((metric.name.as_str(), metric.sql.as_str()), ("revenue", "SELECT sum(total) FROM orders"));
        assert_eq!((metric.description.as_str(), metric.synonyms.as_slice()), ("All of it", &["sales".to_owned()][..]));
        assert!(Rc::ptr_eq(&known, &registered::current().unwrap()));

        Spi::run("SELECT splitplane.unverify_query('b')").unwrap();
        let left = registered::current().unwrap();
        assert!(left.catalogue.exact("How many?").is_none() && left.catalogue.exact("Which?").is_some());
        Spi::run("UPDATE splitplane.metrics SET description = 'by hand'").unwrap();
        assert_eq!(registered::current().unwrap().metrics[0].description, "by hand");
        Spi::run("TRUNCATE splitplane.metrics").unwrap();
        assert!(registered::current().unwrap().metrics.is_empty());
        // What the plane is made of makes them be read again too.
        let before = registered::current().unwrap();
        Spi::run("SELECT splitplane.unprotect('public.stores')").unwrap();
        assert!(!Rc::ptr_eq(&before, &registered::current().unwrap()));
    }

    #[pg_test]
    fn parts_add_up_to_the_description() {
        World::new();
        Spi::run(
            "CREATE TABLE public.lines (tenant_id int NOT NULL, line_id int PRIMARY KEY, order_id int REFERENCES public.orders,
                                        before int REFERENCES public.lines);
             COMMENT ON TABLE public.lines IS E'one\\n  hidden line';
             SELECT splitplane.protect('public.lines', '{\"tenant_id\": \"tenant\"}', name => 'order_lines');
             CREATE FUNCTION public.net(numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT $1';
             SELECT splitplane.allow_function('public.net(numeric)')",
        )
        .unwrap();
        let parts = description::parts().unwrap();
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["countries", "order_lines", "orders", "stores", "net"]);
        assert_eq!(parts[1].references, ["orders"]);
        assert!(parts[1].text.starts_with("table order_lines -- one hidden line\n"), "{}", parts[1].text);
        assert!(parts[2].references.is_empty() && parts[4].references.is_empty());
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        let whole = Spi::get_one::<String>("SELECT splitplane.describe()").unwrap().unwrap();
        assert_eq!(texts.join("\n"), whole);
        // A comment counts at once.
        Spi::run("COMMENT ON TABLE public.stores IS 'where it is'").unwrap();
        assert!(description::parts().unwrap()[3].text.starts_with("table stores -- where it is\n"));
    }

    #[pg_test]
    fn proves_without_a_principal() {
        let world = World::new();
        for sql in ["SELECT 1", "SELECT * FROM orders JOIN stores USING (store_id)", "SELECT name FROM countries"] {
            assert_accepted(sql, registration::prove(sql));
        }
        assert_refused("hidden", registration::prove("SELECT * FROM hidden"), State::UnknownRelation, "hidden");
        assert_refused(
            "secret",
            registration::prove("SELECT secret FROM orders"),
            State::Server(PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN as i32),
            "secret",
        );
        assert_refused("write", registration::prove("DELETE FROM orders"), State::NotAdmitted, "DELETE");
        assert_refused("function", registration::prove("SELECT pg_sleep(1)"), State::OutsidePlane, "pg_sleep");
        // Afterwards a call with a principal sees its rows as before.
        assert_eq!(world.rows("SELECT count(*) > 0 FROM orders").unwrap(), serde_json::json!([[true]]));
    }

    /// Should such a statement ever be run, the fences and the policies each let no row through.
    #[pg_test]
    fn shows_no_row_without_claims() {
        let world = World::new();
        let rows = run::confined(&world.plane, None, LONG, |confinement| {
            let gated = gated("SELECT count(*) FROM orders");
            let statement = run::prove(confinement, &gated, &[], &world.plane, Claims::Unknown, None, |_| {})?;
            assert_eq!(
                statement.parameters.shown(crate::pgx::names::type_name),
                [("integer".to_owned(), "NULL".to_owned()), ("integer[]".to_owned(), "NULL".to_owned())]
            );
            let planned = statement.plan(&world.plane)?;
            let mut sink = crate::pgx::sink::Sink::json(
                crate::pgx::sink::Caps { rows: 10, bytes: 1_000 },
                crate::numbers::WideNumbers::Number,
                &world.plane.extensions.answers,
            );
            run::run(planned, &mut sink)?;
            Ok(sink.into_json()?.text)
        });
        assert_eq!(rows.unwrap(), "[[0]]");
        // Unfenced, with the policies alone.
        let unfenced = run::confined(&world.plane, None, LONG, |confinement| {
            unproved_rows(
                confinement,
                "SELECT count(*) FROM public.orders",
                &crate::pgx::parameters::Parameters::new(confinement),
            )
        });
        assert_eq!(unfenced.unwrap(), serde_json::json!([[0]]));
    }

    /// A section without claims is a call like any other: none can be entered within it.
    #[pg_test]
    fn cannot_be_nested() {
        let world = World::new();
        let nested = run::confined(&world.plane, None, LONG, |_| {
            Ok(world.confined(|_| Ok(())).is_err() && run::confined(&world.plane, None, LONG, |_| Ok(())).is_err())
        });
        assert!(nested.unwrap());
        assert_accepted("after it", world.confined(|_| Ok(())));
    }
}
