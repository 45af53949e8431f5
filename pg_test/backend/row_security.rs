//! The proof of row-level security when the cached plane says all is well and the table says otherwise.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{Broken, World, assert_accepted, assert_refused, explanation};
    use crate::error::State;
    use pgrx::prelude::*;

    const ORDERS: &str = "SELECT order_id FROM orders";
    const TENANT: &str = "splitplane.in_scope(tenant_id, 'tenant')";
    const STORES: &str = "splitplane.in_scope(store_id, 'stores')";
    const NOT_FIRST: &str = "row-level security does not begin with the scope of orders";

    /// Proves with the plane as it was loaded before `change`.
    fn refuses_after(change: &str, words: &str) {
        let world = World::new();
        assert_accepted("before", world.prove(ORDERS));
        Spi::run(change).unwrap();
        assert_refused(change, world.prove(ORDERS), State::Unsafe, words);
    }

    fn scope_policy(condition: &str) -> String {
        format!(
            "DROP POLICY \"!splitplane_scope\" ON public.orders; CREATE POLICY \"!splitplane_scope\" ON public.orders
                 AS RESTRICTIVE FOR SELECT TO splitplane_reader USING ({condition})"
        )
    }

    #[pg_test]
    fn refuses_when_the_scope_policy_is_gone() {
        refuses_after("DROP POLICY \"!splitplane_scope\" ON public.orders", NOT_FIRST);
    }

    #[pg_test]
    fn refuses_when_row_security_is_off() {
        refuses_after("ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY", "row-level security was not applied");
    }

    #[pg_test]
    fn refuses_when_the_reader_bypasses_row_security() {
        refuses_after("ALTER ROLE splitplane_reader BYPASSRLS", NOT_FIRST);
    }

    #[pg_test]
    fn refuses_when_the_reader_owns_the_table() {
        refuses_after(
            "GRANT CREATE ON SCHEMA public TO splitplane_reader; ALTER TABLE public.orders OWNER TO splitplane_reader",
            NOT_FIRST,
        );
    }

    #[pg_test]
    fn refuses_when_one_of_two_tables_is_unfenced() {
        let world = World::new();
        Spi::run("ALTER TABLE public.stores DISABLE ROW LEVEL SECURITY").unwrap();
        let both = "SELECT 1 FROM orders, stores";
        assert_refused(
            both,
            world.prove(both),
            State::Unsafe,
            "row-level security does not begin with the scope of stores",
        );
        assert_accepted("the other", world.prove(ORDERS));
    }

    #[pg_test]
    fn refuses_when_the_scope_policy_is_permissive() {
        refuses_after(
            &format!(
                "{}; ALTER POLICY splitplane_read ON public.orders USING (true)",
                scope_policy(&format!("{TENANT} AND {STORES}")).replace("RESTRICTIVE", "PERMISSIVE")
            ),
            NOT_FIRST,
        );
    }

    #[pg_test]
    fn refuses_when_the_scope_policy_is_not_for_the_reader() {
        refuses_after(
            &scope_policy(&format!("{TENANT} AND {STORES}")).replace("splitplane_reader", "splitplane_caller"),
            NOT_FIRST,
        );
    }

    #[pg_test]
    fn refuses_when_the_scope_condition_is_another() {
        let world = World::new();
        Spi::run(
            "CREATE FUNCTION public.in_scope(int, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
             CREATE FUNCTION public.tenant() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'tenant' $$",
        )
        .unwrap();
        for condition in [
            "true".to_owned(),
            TENANT.to_owned(),
            STORES.to_owned(),
            format!("({TENANT} AND {STORES}) OR true"),
            format!("{TENANT} OR {STORES}"),
            format!("NOT ({TENANT} AND {STORES})"),
            format!("NOT ({TENANT}) AND {STORES}"),
            format!("({TENANT}) IS NOT FALSE AND {STORES}"),
            format!("coalesce({TENANT}, true) AND {STORES}"),
            format!("CASE WHEN {TENANT} THEN true ELSE true END AND {STORES}"),
            format!("tenant_id = 7 AND {STORES}"),
            format!("tenant_id = splitplane.claim('tenant')::int4 AND {STORES}"),
            format!("tenant_id = (SELECT splitplane.claim('tenant')::int4) AND {STORES}"),
            format!("splitplane.in_scope(store_id, 'tenant') AND {STORES}"),
            format!("splitplane.in_scope(tenant_id, 'business') AND {STORES}"),
            format!("splitplane.in_scope(tenant_id, 'tenant ') AND {STORES}"),
            format!("splitplane.in_scope(tenant_id, status) AND {STORES}"),
            format!("splitplane.in_scope(tenant_id, public.tenant()) AND {STORES}"),
            format!("splitplane.in_scope(tenant_id, 'ten' || 'ant') AND {STORES}"),
            format!("splitplane.in_scope(tenant_id + 0, 'tenant') AND {STORES}"),
            format!("splitplane.in_scope(abs(tenant_id), 'tenant') AND {STORES}"),
            format!("splitplane.in_scope(tenant_id::int8, 'tenant') AND {STORES}"),
            format!("splitplane.in_scope((SELECT tenant_id), 'tenant') AND {STORES}"),
            format!("public.in_scope(tenant_id, 'tenant') AND {STORES}"),
            format!("{TENANT} AND splitplane.in_scope(store_id, 'shops')"),
            format!("{TENANT} AND splitplane.in_scope(order_id, 'stores')"),
            format!("{TENANT} AND NOT {STORES}"),
            format!("{TENANT} AND {TENANT}"),
            // Besides what narrows further, this policy holds nothing of another tenant.
            format!("{STORES} AND {TENANT} AND total > 3"),
            format!("total > 3 AND {STORES} AND {TENANT}"),
            format!("{TENANT} AND {STORES} AND {TENANT}"),
        ] {
            Spi::run(&scope_policy(&condition)).unwrap();
            assert_refused(&condition, world.prove(ORDERS), State::Unsafe, NOT_FIRST);
        }
        // The same words again.
        for condition in [format!("{TENANT} AND {STORES}"), format!("{STORES} AND {TENANT}")] {
            Spi::run(&scope_policy(&condition)).unwrap();
            assert_accepted(&condition, world.prove(ORDERS));
        }
    }

    /// `"tenant or null"` is one form; anything that is wider, and the form where the scope does not say so, is not it.
    #[pg_test]
    fn refuses_when_the_condition_with_rows_of_everybody_is_another() {
        let world = World::with("tenant or null");
        let everybody = format!("{TENANT} OR tenant_id IS NULL");
        for condition in [
            TENANT.to_owned(),
            format!("{everybody} OR true"),
            format!("{everybody} OR {STORES}"),
            format!("{TENANT} OR tenant_id IS NOT NULL"),
            format!("{TENANT} OR store_id IS NULL"),
            format!("{TENANT} OR order_id IS NULL"),
            format!("{TENANT} OR ROW(tenant_id) IS NULL"),
            format!("{TENANT} OR (tenant_id + 0) IS NULL"),
            format!("tenant_id IS NULL OR {TENANT}"),
            format!("NOT {TENANT} OR tenant_id IS NULL"),
            format!("{TENANT} OR NOT (tenant_id IS NULL)"),
            format!("({everybody}) IS NOT FALSE"),
            format!("{TENANT} OR NULL::boolean"),
            "splitplane.in_scope(store_id, 'tenant') OR tenant_id IS NULL".to_owned(),
            "splitplane.in_scope(tenant_id, 'business') OR tenant_id IS NULL".to_owned(),
            format!("{STORES} OR tenant_id IS NULL"),
            format!("({everybody}) OR tenant_id IS NULL OR tenant_id = 7"),
        ] {
            Spi::run(&scope_policy(&condition)).unwrap();
            assert_refused(&condition, world.prove(ORDERS), State::Unsafe, NOT_FIRST);
        }
        Spi::run(&scope_policy(&everybody)).unwrap();
        assert_accepted(&everybody, world.prove(ORDERS));
        let plain = World::with("tenant");
        Spi::run(&scope_policy(&everybody)).unwrap();
        assert_refused("not said", plain.prove(ORDERS), State::Unsafe, NOT_FIRST);
        Spi::run(&scope_policy(TENANT)).unwrap();
        assert_accepted("plain", plain.prove(ORDERS));
    }

    /// PostgreSQL orders restrictive policies by name and evaluates them in that order.
    #[pg_test]
    fn refuses_when_another_policy_stands_before_the_scope() {
        for (name, is_accepted) in [
            (" before", false),
            ("!", false),
            ("!splitplane_scop", false),
            ("!splitplane_scope1", true),
            ("a", true),
            ("A", true),
            ("0", true),
        ] {
            let world = World::new();
            Spi::run(&format!(
                "CREATE POLICY \"{name}\" ON public.orders AS RESTRICTIVE TO splitplane_reader USING (total > 0)"
            ))
            .unwrap();
            let proved = world.prove(ORDERS);
            if is_accepted {
                assert_accepted(name, proved);
            } else {
                assert_refused(name, proved, State::Unsafe, NOT_FIRST);
            }
            Spi::run("DROP TABLE public.orders, public.stores, public.countries, public.hidden; DELETE FROM splitplane.relations").unwrap();
        }
    }

    /// The condition of splitplane_closed is taken out of the plan only where it is, word for word, what protect made.
    #[pg_test]
    fn keeps_every_condition_but_its_own_in_the_plan() {
        let world = World::new();
        let plan = |world: &World| explanation(world, ORDERS);
        assert!(!plan(&world).contains("pg_policy"), "{}", plan(&world));
        let presence = |relation: &str, policy: &str, more: &str| {
            format!(
                "EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = '{relation}'::regclass AND p.polname = '{policy}'{more})"
            )
        };
        for (condition, is_kept) in [
            (presence("public.orders", "!splitplane_scope", ""), false),
            (presence("public.stores", "!splitplane_scope", ""), true),
            (presence("public.orders", "splitplane_scope", ""), true),
            (presence("public.orders", "!splitplane_scope", " AND p.polpermissive"), true),
            (format!("NOT {}", presence("public.orders", "!splitplane_scope", "")), true),
            (format!("{} OR total > 0", presence("public.orders", "!splitplane_scope", "")), true),
            (format!("{} AND total > 0", presence("public.orders", "!splitplane_scope", "")), true),
        ] {
            Spi::run(&format!("ALTER POLICY splitplane_closed ON public.orders USING ({condition})")).unwrap();
            assert_eq!(plan(&world).contains("pg_policy"), is_kept, "{condition}\n{}", plan(&world));
        }
    }

    /// A policy that changes while the statement is under way: the plane was read before, the rewriter reads after.
    #[pg_test]
    fn refuses_when_the_policy_changes_between_analysis_and_rewriting() {
        let world = World::new();
        let as_owner = |change: &str| {
            let (mut user, mut context) = (pg_sys::InvalidOid, 0);
            unsafe {
                pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
                pg_sys::SetUserIdAndSecContext(pg_sys::GetSessionUserId(), 0);
                pg_sys::XactReadOnly = false;
            }
            Spi::run(change).unwrap();
            unsafe {
                pg_sys::XactReadOnly = true;
                pg_sys::SetUserIdAndSecContext(user, context);
            }
        };
        let harmless = || as_owner("ALTER POLICY splitplane_read ON public.orders USING (true)");
        let broken = Broken { before_rewriting: Some(&harmless), ..Broken::default() };
        assert_accepted("harmless", world.prove_broken(ORDERS, &broken));
        let harmful = || as_owner("ALTER POLICY \"!splitplane_scope\" ON public.orders USING (true)");
        let broken = Broken { before_rewriting: Some(&harmful), ..Broken::default() };
        assert_refused("harmful", world.prove_broken(ORDERS, &broken), State::Unsafe, NOT_FIRST);
    }

    #[pg_test]
    fn sees_no_need_for_row_security_on_a_shared_table() {
        let world = World::new();
        let facts = assert_accepted("countries", world.prove("SELECT * FROM countries"));
        assert_eq!(facts.relations, ["countries"]);
    }
}
