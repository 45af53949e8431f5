//! Errors of PostgreSQL's that the extension tells apart by their words: each is brought about on the server, so that a major
//! with other words is found.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_refused, text, told, unproved_rows};
    use crate::error::{Missing, Refusal, SHUT_MESSAGE, StageResult, State, class_of, packed, packed_class};
    use crate::pgx::parameters::Parameters;
    use crate::pgx::pg_try::{Place, catch, expect_role, raise};
    use pgrx::prelude::*;

    /// The refusal of a statement that is run as it stands, without gate, walk and proof.
    fn refused(sql: &str) -> Refusal {
        let world = World::bare();
        let rows = world.confined(|confinement| unproved_rows(confinement, sql, &Parameters::new(confinement)));
        rows.err().unwrap_or_else(|| panic!("accepted: {sql}"))
    }

    /// The same, of a statement that fails before its names are looked up or that has none to be told of.
    fn raised(sql: &str) -> StageResult<()> {
        World::bare().confined(|_| Ok(text(sql))).map(drop)
    }

    fn server(sqlstate: &[u8; 5]) -> State {
        State::Server(packed(sqlstate))
    }

    #[pg_test]
    fn recognises_a_search_query_that_is_too_deep() {
        let sql = "SELECT (repeat('!', 40) || 'a')::tsquery::text";
        assert_refused(
            sql,
            raised(sql),
            State::TooComplex,
            if cfg!(any(feature = "pg15", all(feature = "old_minors", not(feature = "pg19")))) {
                "a text search query is too complex | tsquery stack too small"
            } else {
                "a text search query is too complex | tsquery is too complex"
            },
        );
    }

    /// Names in literals, which are looked up during analysis: one answer, whatever the catalog holds.
    #[pg_test]
    fn recognises_the_look_up_of_a_name() {
        for (sql, words) in [
            ("SELECT 'elsewhere.public.orders'::regclass", "cross-database references"),
            ("SELECT 'a.b.c.d'::regclass", "improper "),
            ("SELECT 'a.b.c.d'::regproc", "improper "),
            ("SELECT 'a.b.c.d'::regconfig", "improper "),
            ("SELECT 'nowhere.at_all'::regclass", ""),
            ("SELECT 'nothing'::regconfig", ""),
        ] {
            let refusal = refused(sql);
            let told = told(&refusal);
            let is_general = refusal.message == Refusal::catalog_object().message;
            let detail = refusal.detail.unwrap_or_default();
            assert!(is_general && (detail.starts_with(words) || words.is_empty()), "{sql}: {told}");
        }
    }

    /// What is wrong with the caller's own values is said, also where PostgreSQL calls it a syntax error.
    #[pg_test]
    fn recognises_what_is_wrong_with_a_value() {
        for (sql, words) in [
            ("SELECT int4range(1, 2, 'x')", "invalid range bound flags"),
            ("SELECT ts_headline('simple', 'a', 'a'::tsquery, 'MaxWords')", "invalid parameter list format"),
            ("SELECT (v || '')::jsonpath FROM (VALUES ('$.')) AS t(v)", "of jsonpath input"),
            ("SELECT (v || '')::jsonpath FROM (VALUES ('$.a b')) AS t(v)", "of jsonpath input"),
        ] {
            let refusal = refused(sql);
            assert!(refusal.state == server(b"42601") && refusal.message.contains(words), "{sql}: {}", told(&refusal));
        }
    }

    /// So is what cannot be found out of the types of its values.
    #[pg_test]
    fn recognises_what_a_type_lacks() {
        for sql in
            ["SELECT array_position(ARRAY['{}'::json], '{}'::json)", "SELECT ARRAY['{}'::json] = ARRAY['{}'::json]"]
        {
            let refusal = refused(sql);
            let is_told = refusal.message.starts_with("could not identify an equality operator for type json");
            assert!(refusal.state == State::OutsidePlane && is_told, "{sql}: {}", told(&refusal));
        }
    }

    /// The control: names of class 42 that are not the caller's are not passed on.
    #[pg_test]
    fn passes_on_no_name_of_anothers() {
        Spi::run(
            "CREATE FUNCTION public.broken() RETURNS int LANGUAGE plpgsql AS
                 'BEGIN RETURN (SELECT a FROM public.nowhere); END';
             CREATE FUNCTION public.worded(text) RETURNS int LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION USING ERRCODE = ''42501'', MESSAGE = $1; END';
             GRANT EXECUTE ON FUNCTION public.broken(), public.worded(text) TO splitplane_reader",
        )
        .unwrap();
        let refusal = refused("SELECT public.broken()");
        let is_general = refusal.message.starts_with("a policy or function that the statement needs has failed");
        assert!(refusal.state == server(b"42P01") && is_general, "{}", told(&refusal));
        // Words that are like those of errors about a value, under another SQLSTATE or in another place.
        for (sql, words) in [
            ("SELECT set_config('role', 'postgres', true)", "a policy or function"),
            ("SELECT pg_catalog.pg_read_file('invalid of jsonpath input')", "a policy or function"),
        ] {
            let refusal = refused(sql);
            assert!(
                class_of(refusal.state.code()) == packed_class(b"42") && refusal.message.starts_with(words),
                "{}",
                told(&refusal)
            );
        }
        // What a function says of itself is passed on.
        let refusal = refused("SELECT public.worded('no such thing')");
        assert!(refusal.state == server(b"42501") && refusal.message == "no such thing", "{}", told(&refusal));
    }

    /// A cast to a domain: what is said is of the value, without the check's name.
    #[pg_test]
    fn recognises_the_violation_of_a_domain() {
        Spi::run(
            "CREATE DOMAIN public.small AS int CONSTRAINT named_by_the_dba CHECK (VALUE < 10);
             CREATE DOMAIN public.there AS int NOT NULL",
        )
        .unwrap();
        let refusal = raised("SELECT '70'::public.small::text").unwrap_err();
        let told_of_check = told(&refusal);
        assert_eq!(refusal.message, "value for domain public.small violates one of its checks", "{told_of_check}");
        assert!(refusal.state == server(b"23514"), "{told_of_check}");
        let refusal = raised("SELECT (NULL::int)::public.there::text").unwrap_err();
        let told_of_null = told(&refusal);
        assert_eq!(refusal.message, "domain public.there does not allow null values", "{told_of_null}");
        assert!(refusal.state == server(b"23502"), "{told_of_null}");
    }

    /// A constraint of a table, which is another's.
    #[pg_test]
    fn passes_on_no_constraint_of_a_table() {
        Spi::run(
            "CREATE TABLE public.checked (a int CONSTRAINT named_by_the_dba CHECK (a < 10), b int NOT NULL);
             GRANT INSERT ON public.checked TO splitplane_reader",
        )
        .unwrap();
        for values in ["70, 1", "1, NULL"] {
            let raised = World::bare().confined(|_| {
                unsafe { pg_sys::XactReadOnly = false };
                Ok(Spi::run(&format!("INSERT INTO public.checked VALUES ({values})")).is_ok())
            });
            let refusal = raised.unwrap_err();
            let told = told(&refusal);
            assert!(told.contains("checked"), "{told}");
            let is_general = refusal.message.starts_with("a policy or function that the statement needs has failed");
            assert!(class_of(refusal.state.code()) == packed_class(b"23") && is_general, "{told}");
        }
    }

    /// The tripwire's own words are known by who raised them, and not by what they say.
    #[pg_test]
    fn recognises_the_tripwire_and_none_that_speaks_like_it() {
        let ours: StageResult<()> = World::bare().confined(|_| raise(Refusal::new(State::Unsafe, SHUT_MESSAGE)));
        assert_refused("ours", ours, State::Unsafe, SHUT_MESSAGE);
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION '{SHUT_MESSAGE}' USING ERRCODE = '55000'; END $$");
        let refusal = World::bare().confined(|_| Ok(Spi::run(&sql).is_ok())).unwrap_err();
        assert_eq!(refusal.state, server(b"55000"), "{}", told(&refusal));
        assert!(!refusal.message.contains("tripwire"), "{}", told(&refusal));
    }

    /// What PostgreSQL has internal errors for although it is about values, and what it finds out of rows alone.
    #[pg_test]
    fn recognises_what_is_no_defect() {
        for (sql, state, words, servers_own) in [
            (
                "SELECT npoints(polygon(70000000, '<(0,0),1>'::circle))",
                State::Limit,
                "a value is larger than PostgreSQL can hold",
                "invalid memory alloc request size",
            ),
            (
                "SELECT ROW(1, 'a'::text) < t.r FROM (SELECT ROW(1, 2) AS r UNION ALL SELECT ROW('a'::text, 2)) AS t
                 WHERE length(t.r::text) > 4",
                server(b"42804"),
                "rows whose columns are of different types cannot be compared",
                "cannot compare ",
            ),
            // From 16 on the schema is none of its own cases.
            if cfg!(feature = "pg15") {
                (
                    "SELECT ('nowhere.' || v)::regconfig::text FROM (VALUES ('a')) AS t(v)",
                    State::OutsidePlane,
                    "a schema that is looked up during execution is not in the plane",
                    "schema \"nowhere\" does not exist",
                )
            } else {
                (
                    "SELECT ('nowhere.' || v)::regconfig::text FROM (VALUES ('a')) AS t(v)",
                    server(b"42704"),
                    "a policy or function that the statement needs has failed; the server log has the details",
                    "text search configuration \"nowhere.a\" does not exist",
                )
            },
        ] {
            let refusal = refused(sql);
            let told = told(&refusal);
            let detail = refusal.detail.unwrap_or_default();
            assert!(
                refusal.state == state && refusal.message == words && detail.starts_with(servers_own),
                "{sql}: {told}"
            );
        }
    }

    /// Names that were not found, for the hint with the plane's spelling.
    #[pg_test]
    fn recognises_the_name_that_is_missing() {
        let relation = |name: &str| Some(Missing::Relation(name.to_owned()));
        let column = |name: &str| Some(Missing::Column(name.to_owned()));
        for (sql, expected) in [
            ("SELECT \"A b\".x FROM (VALUES (1)) AS t(x)", relation("A b")),
            ("SELECT Xy FROM (VALUES (1)) AS t(x)", column("xy")),
            ("SELECT t.\"Xy\" FROM (VALUES (1)) AS t(x)", column("Xy")),
            ("SELECT 1 / 0", None),
        ] {
            let refusal = refused(sql);
            assert_eq!(refusal.missing, expected, "{sql}: {}", told(&refusal));
        }
    }

    /// A name in the words of a function is not looked for in the plane.
    #[pg_test]
    fn takes_no_name_out_of_a_functions_words() {
        let sql = "DO $$ BEGIN RAISE EXCEPTION 'column \"Xy\" does not exist' USING ERRCODE = '42703'; END $$";
        let refusal = World::bare().confined(|_| Ok(Spi::run(sql).is_ok())).unwrap_err();
        assert_eq!((refusal.missing, refusal.message.as_str()), (None, "column \"Xy\" does not exist"));
    }

    fn as_role<T>(role: pg_sys::Oid, body: impl FnOnce() -> T) -> T {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
            pg_sys::SetUserIdAndSecContext(role, context);
        }
        let result = body();
        unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
        result
    }

    fn divide() -> Option<i32> {
        unsafe { pgrx::direct_function_call(pg_sys::int4div, &[1.into_datum(), 0.into_datum()]) }
    }

    /// What is seen within one catch: any report under another role, whatever came after it, and none from before or from a catch
    /// within it.
    #[pg_test]
    fn sees_another_role_to_the_end_of_a_catch() {
        let own = unsafe { pg_sys::GetUserId() };
        let reader = Spi::get_one::<pg_sys::Oid>("SELECT 'splitplane_reader'::regrole::oid").unwrap().unwrap();
        let place = |before: &dyn Fn()| -> Place {
            let caught = catch(|| {
                expect_role(own);
                before();
                divide()
            });
            caught.err().unwrap().place
        };
        assert!(!place(&|| {}).is_of_another);
        assert!(place(&|| as_role(reader, || pgrx::warning!("under another role"))).is_of_another);
        assert!(!place(&|| pgrx::warning!("under its own")).is_of_another);
        assert!(!place(&|| {}).is_of_another, "what an earlier catch saw is gone");
        let within = || {
            let inner = catch(|| {
                expect_role(own);
                as_role(reader, divide)
            });
            unsafe { pg_sys::SetUserIdAndSecContext(own, 0) };
            assert!(inner.err().unwrap().place.is_of_another);
        };
        assert!(!place(&within).is_of_another, "what a catch within it saw is not its own");
        let around = || {
            as_role(reader, || pgrx::warning!("under another role"));
            assert!(!place(&|| {}).is_of_another);
        };
        assert!(place(&around).is_of_another, "what it saw is known again behind a catch within it");
        // Of what is not seen nothing is known.
        let unseen = catch(|| {
            expect_role(own);
            raise(Refusal::new(State::Unsafe, "nobody sees this"))
        });
        assert!(unseen.err().unwrap().place.is_of_another);
    }

    /// SQLSTATEs that pgrx has no name for are PostgreSQL's own all the same, as caught and as raised.
    #[pg_test]
    fn keeps_every_sqlstate() {
        for code in ["45000", "22ZZZ", "22P07", "P0001", "ZZ001", "0A001"] {
            let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '{code}'; END $$");
            let refusal = World::bare().confined(|_| Ok(Spi::run(&sql).is_ok())).unwrap_err();
            assert_eq!((refusal.state.sqlstate().as_str(), refusal.message.as_str()), (code, "not today"));
        }
        let sql = "DO $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'XX000'; END $$";
        let refusal = World::bare().confined(|_| Ok(Spi::run(sql).is_ok())).unwrap_err();
        assert_eq!(refusal.state, server(b"P0001"));
    }
}
