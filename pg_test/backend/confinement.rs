//! The confined section: what it is inside, and that nothing of it is left outside, whatever way it ends.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{LONG, World, assert_accepted, assert_refused, text, told};
    use crate::error::{Refusal, StageResult, State};
    use crate::pgx::pg_try::catch;
    use crate::pgx::section::confine::{self, Confinement, ConfinementPlan};
    use crate::pgx::server;
    use crate::run;
    use pgrx::prelude::*;
    use std::ffi::CStr;
    use std::rc::Rc;

    const SETTINGS: [&CStr; 14] = [
        c"client_min_messages",
        c"search_path",
        c"row_security",
        c"standard_conforming_strings",
        c"DateStyle",
        c"IntervalStyle",
        c"TimeZone",
        c"extra_float_digits",
        c"bytea_output",
        c"transform_null_equals",
        c"work_mem",
        c"temp_file_limit",
        c"default_text_search_config",
        c"jit",
    ];

    /// Everything that the section must put back.
    #[derive(Debug, PartialEq)]
    struct Session {
        user: (u32, i32),
        read_only: bool,
        nesting: i32,
        memory: usize,
        owner: usize,
        snapshot: usize,
        exceptions: usize,
        address_space: (u64, u64),
        settings: Vec<Option<String>>,
    }

    fn address_space() -> (u64, u64) {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
        (limit.rlim_cur, limit.rlim_max)
    }

    fn state() -> Session {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
            Session {
                user: (user.to_u32(), context),
                read_only: pg_sys::XactReadOnly,
                nesting: pg_sys::GetCurrentTransactionNestLevel(),
                memory: pg_sys::CurrentMemoryContext as usize,
                owner: pg_sys::CurrentResourceOwner as usize,
                snapshot: pg_sys::GetActiveSnapshot() as usize,
                exceptions: pg_sys::PG_exception_stack as usize,
                address_space: address_space(),
                settings: SETTINGS.iter().map(|name| server::option(name)).collect(),
            }
        }
    }

    fn claims() -> (Option<String>, Option<String>) {
        (text("SELECT splitplane.claim('tenant')"), text("SELECT splitplane.claim_list('stores')::text"))
    }

    /// A session that has every setting otherwise than the section wants it.
    const CONTRARY: &str = "
        SET LOCAL search_path = public, pg_catalog; SET LOCAL row_security = on; SET LOCAL DateStyle = 'German, DMY';
        SET LOCAL IntervalStyle = 'sql_standard'; SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL extra_float_digits = 0;
        SET LOCAL bytea_output = 'escape'; SET LOCAL transform_null_equals = on; SET LOCAL work_mem = '77kB';
        SET LOCAL jit = on; SET LOCAL client_min_messages = 'notice'";
    /// One more, which 19 no longer has otherwise.
    const CONTRARY_STRINGS: &str =
        if cfg!(feature = "pg19") { "" } else { "SET LOCAL standard_conforming_strings = off" };

    fn make_contrary() {
        Spi::run(CONTRARY).unwrap();
        Spi::run(CONTRARY_STRINGS).unwrap();
    }

    /// Runs `body` confined and asserts that all is as it was.
    fn leaves_no_trace<T>(
        what: &str,
        body: impl for<'c> FnOnce(&'c Confinement<'c>) -> StageResult<T>,
    ) -> StageResult<T> {
        let world = World::bare();
        make_contrary();
        assert_eq!(claims(), (None, None), "{what}: claims before");
        let before = state();
        let result = world.confined(body);
        assert_eq!(state(), before, "{what}");
        assert_eq!(claims(), (None, None), "{what}: claims after");
        assert_eq!(unsafe { pg_sys::QueryCancelPending }, 0, "{what}: a cancel is left");
        // The transaction goes on and may write.
        Spi::run("CREATE TABLE public.afterwards (a int); INSERT INTO public.afterwards VALUES (1); DROP TABLE public.afterwards").unwrap();
        assert_accepted(what, world.confined(|_| Ok(())));
        result
    }

    #[pg_test]
    fn section_is_confined() {
        let world = World::bare();
        make_contrary();
        let before = state();
        let (inside, claims) = assert_accepted("inside", world.confined(|_| Ok((state(), claims()))));
        assert_eq!(inside.user.0, server::role(c"splitplane_reader").unwrap().to_u32());
        let restricted = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION) as i32;
        assert_eq!(inside.user.1 & restricted, restricted);
        assert!(inside.read_only && !before.read_only);
        assert_eq!(inside.nesting, before.nesting + 1);
        assert_ne!(inside.memory, before.memory);
        assert_ne!(inside.snapshot, before.snapshot);
        assert!(inside.address_space.0 < before.address_space.0, "there is no ceiling");
        let mut wanted =
            ["error", "pg_catalog, pg_temp", "on", "on", "ISO, MDY", "postgres", "UTC", "1", "hex", "off"].iter();
        assert!(
            inside.settings.iter().zip(&mut wanted).all(|(is, wanted)| is.as_deref() == Some(*wanted)),
            "{inside:?}"
        );
        let reset = server::reset_value(c"work_mem").unwrap().into_string().unwrap();
        assert_eq!(inside.settings[10], Some(reset));
        assert_eq!(inside.settings[13].as_deref(), Some("off"));
        assert_eq!(claims, (Some("42".to_owned()), Some("{1,2,3}".to_owned())));
    }

    #[pg_test]
    fn section_admits_no_writing() {
        Spi::run("CREATE TABLE public.target (a int); GRANT ALL ON public.target TO splitplane_reader").unwrap();
        for sql in [
            "INSERT INTO public.target VALUES (1)",
            "CREATE TEMP TABLE t (a int)",
            "SELECT nextval('public.numbers')",
            "SET ROLE postgres",
            "SELECT set_config('role', 'postgres', true)",
            "SELECT set_config('session_authorization', 'postgres', true)",
            "SET TRANSACTION READ WRITE",
            "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ] {
            let result = leaves_no_trace(sql, |_| {
                Spi::run(sql).map_err(|error| Refusal::new(State::Internal, error.to_string()))
            });
            assert!(result.is_err(), "accepted: {sql}");
        }
        assert_eq!(text("SELECT count(*)::text FROM public.target").as_deref(), Some("0"));
    }

    #[pg_test]
    fn leaves_no_trace_after_a_value() {
        assert_eq!(assert_accepted("value", leaves_no_trace("value", |_| Ok(7))), 7);
    }

    #[pg_test]
    fn leaves_no_trace_after_a_refusal() {
        let result = leaves_no_trace("refusal", |_| Err::<(), _>(Refusal::construct("this")));
        assert_refused("refusal", result, State::NotAdmitted, "this is not admitted");
    }

    #[pg_test]
    fn leaves_no_trace_after_an_error() {
        let result = leaves_no_trace("error", |_| Ok(text("SELECT (1 / 0)::text")));
        let refusal = result.unwrap_err();
        assert_eq!(PgSqlErrorCode::from(refusal.state.code()), PgSqlErrorCode::ERRCODE_DIVISION_BY_ZERO);
        assert_eq!(refusal.message, "division by zero");
    }

    /// Only what is about the caller's own text and rows is reported, and what a function says of itself.
    #[pg_test]
    fn tells_no_message_of_another_class() {
        for (raise, sqlstate, is_told) in [
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '22012'", "22012", true),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '53400'", "53400", true),
            // What a function raises is its own, though it is no defect of the server's.
            ("RAISE EXCEPTION 'inner' USING ERRCODE = 'XX000'", "P0001", true),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = 'P0001'", "P0001", true),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '23505'", "23505", true),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '58030'", "58030", true),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '25006'", "0A000", true),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '3F000'", "42501", false),
            ("RAISE EXCEPTION 'inner' USING ERRCODE = '40001'", "40001", true),
            // By C code.
            ("PERFORM float8_accum(ARRAY[1.0], 2)", "XX000", false),
        ] {
            let sql = format!("DO $$ BEGIN {raise}; END $$");
            let refusal = leaves_no_trace(raise, |_| {
                Spi::run(&sql).map_err(|error| Refusal::new(State::Internal, error.to_string()))
            })
            .unwrap_err();
            assert_eq!(refusal.state.sqlstate(), sqlstate, "{raise}: {}", told(&refusal));
            assert_eq!(refusal.message.contains("inner"), is_told, "{raise}: {}", told(&refusal));
        }
    }

    #[pg_test]
    fn leaves_no_trace_after_a_panic() {
        let result = leaves_no_trace("panic", |_| -> StageResult<()> { panic!("a defect with a path /build/src") });
        let refusal = result.unwrap_err();
        assert_eq!((refusal.state, refusal.message.contains("/root")), (State::Internal, false), "{}", told(&refusal));
    }

    /// An ERROR before the section catches any: the subtransaction that is open is rolled back, and not the caller's own.
    #[pg_test]
    fn leaves_no_trace_after_an_error_at_its_very_start() {
        Spi::run("CREATE TABLE public.kept (a int)").unwrap();
        let outermost = state();
        unsafe { pg_sys::BeginInternalSubTransaction(std::ptr::null()) };
        Spi::run("INSERT INTO public.kept VALUES (1)").unwrap();
        let before = state();
        let raised = catch(confine::raise_between);
        assert_eq!(raised.err().map(|error| error.code), Some(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR as i32));
        assert_eq!(state(), before);
        assert_eq!(text("SELECT count(*)::text FROM public.kept").as_deref(), Some("1"), "the caller's own was undone");
        // What an EXCEPTION block of the caller's does: it undoes its own, and that is the one that is open.
        unsafe {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            pg_sys::MemoryContextSwitchTo(outermost.memory as pg_sys::MemoryContext);
            pg_sys::CurrentResourceOwner = outermost.owner as pg_sys::ResourceOwner;
        }
        assert_eq!(state(), outermost);
        assert_eq!(text("SELECT count(*)::text FROM public.kept").as_deref(), Some("0"));
        let world = World::bare();
        assert_accepted("afterwards", world.confined(|_| Ok(())));
    }

    fn cancel() {
        unsafe {
            pg_sys::InterruptPending = 1;
            pg_sys::QueryCancelPending = 1;
        }
    }

    #[pg_test]
    fn leaves_no_trace_after_a_cancel() {
        let result = leaves_no_trace("cancel", |_| {
            cancel();
            pgrx::check_for_interrupts!();
            Ok(())
        });
        let code = PgSqlErrorCode::from(result.unwrap_err().state.code());
        assert_eq!(code, PgSqlErrorCode::ERRCODE_QUERY_CANCELED);
    }

    /// The user's cancel is the user's: it must still hit the statement that it was meant for.
    #[pg_test]
    fn keeps_a_cancel_that_nobody_has_seen() {
        let world = World::bare();
        let result = world.confined(|_| {
            cancel();
            Ok(())
        });
        let pending = unsafe { pg_sys::QueryCancelPending };
        unsafe { pg_sys::QueryCancelPending = 0 };
        assert!(pending == 1 || result.is_err(), "the cancel is lost");
    }

    #[pg_test]
    fn leaves_no_trace_after_an_error_deep_below() {
        let result = leaves_no_trace("deep", |_| {
            let deep = "DO $$ DECLARE c refcursor; BEGIN OPEN c FOR SELECT g FROM generate_series(1, 9) g; FETCH c INTO STRICT c;
                BEGIN PERFORM set_config('work_mem', '99kB', false); PERFORM 1 / 0; END; END $$";
            Spi::run(deep).map_err(|error| Refusal::new(State::Internal, error.to_string()))
        });
        assert!(result.is_err());
    }

    #[pg_test]
    fn undoes_the_settings_that_a_query_makes() {
        let made = "SELECT set_config('work_mem', '99kB', false), set_config('search_path', 'public', false), set_config('a.b', 'c', false)";
        assert_accepted(
            "kept",
            leaves_no_trace("settings", |_| {
                Spi::run(made).map_err(|error| Refusal::new(State::Internal, error.to_string()))
            }),
        );
        let error = format!("{made}; SELECT 1 / 0");
        assert!(
            leaves_no_trace("settings, then an error", |_| Spi::run(&error)
                .map_err(|error| Refusal::new(State::Internal, error.to_string())))
            .is_err()
        );
        assert_eq!(text("SELECT nullif(current_setting('a.b', true), '')"), None);
    }

    fn plan(world: &World, deadline: i32, growth: usize) -> ConfinementPlan {
        ConfinementPlan {
            reader: world.plane.reader,
            settings: Vec::new(),
            deadline,
            growth,
            allowed: Vec::new(),
            travel: None,
        }
    }

    fn wait() {
        for _ in 0..600 {
            pgrx::check_for_interrupts!();
            unsafe { pg_sys::pg_usleep(5_000) };
        }
    }

    #[pg_test]
    fn ends_at_its_deadline_and_leaves_no_trace() {
        let world = World::bare();
        let before = state();
        let result = confine::confine(&plan(&world, 30, usize::MAX), Rc::clone(&world.principal), |_| {
            wait();
            Ok(())
        });
        assert_refused("deadline", result, State::Cancelled, "splitplane.deadline");
        assert_eq!(state(), before);
        assert_eq!(claims(), (None, None));
        assert_eq!(unsafe { pg_sys::QueryCancelPending }, 0);
        // Nothing is left that could end what comes later.
        unsafe { pg_sys::pg_usleep(60_000) };
        pgrx::check_for_interrupts!();
    }

    /// A deadline that passes as the body returns counts, and its cancel does not hit the next statement.
    #[pg_test]
    fn ends_at_a_deadline_that_nobody_has_seen() {
        let world = World::bare();
        let result = confine::confine(&plan(&world, 20, usize::MAX), Rc::clone(&world.principal), |_| {
            let started = std::time::Instant::now();
            while started.elapsed().as_millis() < 60 {
                std::hint::spin_loop();
            }
            Ok(())
        });
        assert_refused("deadline", result, State::Cancelled, "splitplane.deadline");
        pgrx::check_for_interrupts!();
    }

    #[pg_test]
    fn ends_when_memory_grows_and_leaves_no_trace() {
        let world = World::bare();
        let before = state();
        let result = confine::confine(&plan(&world, LONG, 16 << 20), Rc::clone(&world.principal), |_| {
            let grown = vec![1u8; 64 << 20];
            wait();
            Ok(grown.len())
        });
        assert_refused("memory", result, State::Limit, "splitplane.max_memory");
        assert_eq!(state(), before);
        pgrx::check_for_interrupts!();
        let small = confine::confine(&plan(&world, LONG, 16 << 20), Rc::clone(&world.principal), |_| {
            unsafe { pg_sys::pg_usleep(120_000) };
            pgrx::check_for_interrupts!();
            Ok(())
        });
        assert_accepted("small", small);
    }

    /// One step that is too large, between two looks of the watch: an ordinary error, and the limit is lifted again.
    #[pg_test]
    fn ends_at_the_ceiling_and_leaves_no_trace() {
        let world = World::bare();
        let before = state();
        let result = confine::confine(&plan(&world, LONG, 16 << 20), Rc::clone(&world.principal), |_| {
            Ok(text("SELECT length(repeat('x', 300000000))::text"))
        });
        let code = PgSqlErrorCode::from(result.unwrap_err().state.code());
        assert!(
            matches!(
                code,
                PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY | PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED
            ),
            "{code}"
        );
        assert_eq!(state(), before);
        assert_eq!(text("SELECT length(repeat('x', 300000000))::text").as_deref(), Some("300000000"));
    }

    #[pg_test]
    fn refuses_to_be_nested_and_keeps_the_outer_claims() {
        let world = World::bare();
        let (nested, kept) = assert_accepted(
            "outer",
            world.confined(|_| {
                let nested = run::confined(&world.plane, Rc::clone(&world.principal), LONG, |_| Ok(()));
                Ok((nested, claims()))
            }),
        );
        assert_refused("inner", nested, State::Unsafe, "from within ask");
        assert_eq!(kept.0.as_deref(), Some("42"));
        assert_eq!(claims(), (None, None));
        assert_accepted("again", world.confined(|_| Ok(())));
    }

    #[pg_test]
    fn takes_a_new_principal_for_each_section() {
        let world = World::bare();
        let other = crate::backend_tests::support::principal("7", r#"{"stores": "9"}"#);
        for (principal, wanted) in [(&world.principal, "42"), (&other, "7"), (&world.principal, "42")] {
            let seen = run::confined(&world.plane, Rc::clone(principal), LONG, |_| Ok(claims()));
            assert_eq!(assert_accepted("claims", seen).0.as_deref(), Some(wanted));
        }
    }

    /// A scalar is a list of one; a list is no scalar; what is not there is NULL.
    #[pg_test]
    fn claims_keep_their_shape() {
        let world = World::bare();
        let principal =
            crate::backend_tests::support::principal("42", r#"{"stores": [], "region": "eu", "flag": true}"#);
        let read =
            |sql: &'static str| run::confined(&world.plane, Rc::clone(&principal), LONG, |_| Ok(text(sql))).unwrap();
        assert_eq!(read("SELECT splitplane.claim('stores')"), None);
        assert_eq!(read("SELECT splitplane.claim_list('stores')::text").as_deref(), Some("{}"));
        assert_eq!(read("SELECT splitplane.claim_list('region')::text").as_deref(), Some("{eu}"));
        assert_eq!(read("SELECT splitplane.claim('flag')").as_deref(), Some("true"));
        assert_eq!(read("SELECT splitplane.claim('business')"), None);
        assert_eq!(read("SELECT splitplane.claim_list('nothing')::text"), None);
        assert_eq!(read("SELECT splitplane.claim('Tenant')"), None);
        assert_eq!(read("SELECT splitplane.claim(NULL)"), None);
    }

    /// Hundreds of calls in one transaction: what the section holds goes with it.
    #[pg_test]
    fn leaks_no_memory_over_many_sections() {
        let world = World::new();
        let used = || unsafe { pg_sys::MemoryContextMemAllocated(pg_sys::TopTransactionContext, true) };
        let call = |sql: &str| assert_accepted(sql, world.rows(sql));
        (0..20).for_each(|_| drop(call("SELECT * FROM orders o JOIN stores s USING (store_id)")));
        let before = used();
        for _ in 0..200 {
            call("SELECT * FROM orders o JOIN stores s USING (store_id)");
            drop(world.rows("SELECT 1 / (total - total) FROM orders"));
        }
        let grown = used().saturating_sub(before);
        assert!(grown < 400 * 1_024, "{grown} bytes over 400 sections");
    }
}
