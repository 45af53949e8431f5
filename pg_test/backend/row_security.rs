//! The proof of row-level security when the cached plane says all is well and the table says otherwise.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{Broken, World, assert_accepted, assert_refused};
    use crate::error::State;
    use pgrx::prelude::*;

    const ORDERS: &str = "SELECT order_id FROM orders";
    const TENANT: &str = "tenant_id = (SELECT splitplane.claim('tenant')::int4)";
    const STORES: &str = "splitplane.among(store_id, (SELECT splitplane.claim_list('stores')::int4[]))";

    /// Proves with the plane as it was loaded before `change`.
    fn refuses_after(change: &str, words: &str) {
        let world = World::new();
        assert_accepted("before", world.prove(ORDERS));
        Spi::run(change).unwrap();
        assert_refused(change, world.prove(ORDERS), State::OutsidePlane, words);
    }

    fn scope_policy(condition: &str) -> String {
        format!(
            "DROP POLICY splitplane_scope ON public.orders; CREATE POLICY splitplane_scope ON public.orders
                 AS RESTRICTIVE FOR SELECT TO splitplane_reader USING ({condition})"
        )
    }

    #[pg_test]
    fn refuses_when_the_scope_policy_is_gone() {
        refuses_after("DROP POLICY splitplane_scope ON public.orders", "row-level security does not cover orders");
    }

    #[pg_test]
    fn refuses_when_row_security_is_off() {
        refuses_after("ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY", "row-level security was not applied");
    }

    #[pg_test]
    fn refuses_when_the_reader_bypasses_row_security() {
        refuses_after("ALTER ROLE splitplane_reader BYPASSRLS", "row-level security does not cover orders");
    }

    #[pg_test]
    fn refuses_when_the_reader_owns_the_table() {
        refuses_after(
            "GRANT CREATE ON SCHEMA public TO splitplane_reader; ALTER TABLE public.orders OWNER TO splitplane_reader",
            "row-level security does not cover orders",
        );
    }

    #[pg_test]
    fn refuses_when_one_of_two_tables_is_unfenced() {
        let world = World::new();
        Spi::run("ALTER TABLE public.stores DISABLE ROW LEVEL SECURITY").unwrap();
        let both = "SELECT 1 FROM orders, stores";
        assert_refused(both, world.prove(both), State::OutsidePlane, "row-level security does not cover stores");
        assert_accepted("the other", world.prove(ORDERS));
    }

    #[pg_test]
    fn refuses_when_the_scope_policy_is_permissive() {
        refuses_after(
            &format!(
                "{}; ALTER POLICY splitplane_read ON public.orders USING (true)",
                scope_policy(&format!("{TENANT} AND {STORES}")).replace("RESTRICTIVE", "PERMISSIVE")
            ),
            "row-level security does not cover orders",
        );
    }

    #[pg_test]
    fn refuses_when_the_scope_policy_is_not_for_the_reader() {
        refuses_after(
            &scope_policy(&format!("{TENANT} AND {STORES}")).replace("splitplane_reader", "splitplane_caller"),
            "row-level security does not cover orders",
        );
    }

    #[pg_test]
    fn refuses_when_the_scope_condition_is_another() {
        let world = World::new();
        Spi::run(
            "CREATE FUNCTION public.claim(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT '7' $$;
             CREATE FUNCTION public.among(int, int[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$",
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
            format!("tenant_id <> (SELECT splitplane.claim('tenant')::int4) AND {STORES}"),
            format!("store_id = (SELECT splitplane.claim('tenant')::int4) AND {STORES}"),
            format!("tenant_id = (SELECT splitplane.claim('business')::int4) AND {STORES}"),
            format!("tenant_id = (SELECT splitplane.claim('tenant ')::int4) AND {STORES}"),
            format!("tenant_id = (SELECT splitplane.claim(status)::int4) AND {STORES}"),
            format!("tenant_id = (SELECT public.claim('tenant')::int4) AND {STORES}"),
            format!("tenant_id = (SELECT current_setting('app.tenant')::int4) AND {STORES}"),
            format!("tenant_id = tenant_id AND {STORES}"),
            format!("tenant_id::text = (SELECT splitplane.claim('tenant')) AND {STORES}"),
            format!("{TENANT} AND public.among(store_id, (SELECT splitplane.claim_list('stores')::int4[]))"),
            format!("{TENANT} AND store_id = ANY ((SELECT splitplane.claim_list('stores'))::int4[])"),
            format!("{TENANT} AND splitplane.among(store_id, (SELECT splitplane.claim_list('shops')::int4[]))"),
            format!("{TENANT} AND splitplane.among(order_id, (SELECT splitplane.claim_list('stores')::int4[]))"),
            format!("{TENANT} AND splitplane.among(store_id, '{{1,2}}')"),
            format!("{TENANT} AND NOT {STORES}"),
        ] {
            Spi::run(&scope_policy(&condition)).unwrap();
            assert_refused(
                &condition,
                world.prove(ORDERS),
                State::OutsidePlane,
                "row-level security does not cover orders",
            );
        }
        // The same words again, and beside what narrows further.
        for condition in [format!("{TENANT} AND {STORES}"), format!("{STORES} AND {TENANT} AND total > 3")] {
            Spi::run(&scope_policy(&condition)).unwrap();
            assert_accepted(&condition, world.prove(ORDERS));
        }
    }

    /// The claim must be what is compared, not merely be mentioned.
    #[pg_test]
    fn refuses_when_the_scope_condition_only_mentions_the_claim() {
        let world = World::new();
        let mut accepted = Vec::new();
        for condition in [
            format!("tenant_id = (SELECT coalesce(splitplane.claim('tenant')::int4, 7)) AND {STORES}"),
            format!("tenant_id = (SELECT CASE WHEN splitplane.claim('tenant') IS NULL THEN 1 ELSE 7 END) AND {STORES}"),
            format!("tenant_id = (SELECT splitplane.claim('tenant')::int4 * 0 + 7) AND {STORES}"),
            format!("tenant_id = (SELECT tenant_id + 0 * splitplane.claim('tenant')::int4) AND {STORES}"),
            format!("tenant_id + 0 = (SELECT splitplane.claim('tenant')::int4 + 0 * tenant_id) AND {STORES}"),
            format!("abs(tenant_id) = (SELECT splitplane.claim('tenant')::int4) AND {STORES}"),
            format!("tenant_id = (SELECT abs(splitplane.claim('tenant')::int4)) AND {STORES}"),
            format!("{TENANT} AND splitplane.among(abs(store_id), (SELECT splitplane.claim_list('stores')::int4[]))"),
            format!("tenant_id = (SELECT 7 WHERE splitplane.claim('tenant') IS NOT NULL) AND {STORES}"),
            format!(
                "tenant_id = (SELECT count(*)::int4 FROM public.hidden WHERE splitplane.claim('tenant') = '42') AND {STORES}"
            ),
            format!(
                "{TENANT} AND splitplane.among(store_id, (SELECT array_append(splitplane.claim_list('stores')::int4[], 4)))"
            ),
        ] {
            Spi::run(&scope_policy(&condition)).unwrap();
            if world.prove(ORDERS).is_ok() {
                accepted.push(condition);
            }
        }
        assert!(accepted.is_empty(), "accepted: {accepted:#?}");
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
        let harmful = || as_owner("ALTER POLICY splitplane_scope ON public.orders USING (true)");
        let broken = Broken { before_rewriting: Some(&harmful), ..Broken::default() };
        assert_refused(
            "harmful",
            world.prove_broken(ORDERS, &broken),
            State::OutsidePlane,
            "row-level security does not cover",
        );
    }

    #[pg_test]
    fn sees_no_need_for_row_security_on_a_shared_table() {
        let world = World::new();
        let facts = assert_accepted("countries", world.prove("SELECT * FROM countries"));
        assert_eq!(facts.relations, ["countries"]);
    }
}
