//! Budgets in one backend: what a call reserves and gives back, and what a rollback does not.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{assert_accepted, assert_refused};
    use crate::budget::amount::{Measure, ONE, whole};
    use crate::budget::{self, Request, Use};
    use crate::calls;
    use crate::error::State;
    use crate::llm::{ModelError, Reported, Usage};
    use crate::pgx::entry::EntryPoint;
    use pgrx::prelude::*;

    /// Windows that no other test has: counts outlive a rollback.
    const PERIOD: i64 = 777 * 86_400 * 1_000_000;

    fn set(tenant: &str, measure: &str, amount: u32) {
        Spi::run(&format!("SELECT splitplane.set_budget('{tenant}', '{measure}', {amount}, '777 days')")).unwrap();
    }

    fn used(tenant: &str, measure: Measure) -> (u64, u64) {
        let Use { used, reserved, .. } = budget::use_of(tenant, measure, PERIOD).unwrap();
        (used, reserved)
    }

    fn begin() {
        calls::begin(EntryPoint::Ask);
    }

    fn end() {
        budget::settle(&calls::end().unwrap());
    }

    fn request(input_tokens: u64, output_tokens: u64) -> Request {
        Request { model: "m".to_owned(), input_tokens, output_tokens }
    }

    #[pg_test]
    fn budgets_count_calls_and_give_seconds_back() {
        set("bt-calls", "calls", 2);
        set("bt-calls", "run_seconds", 1_000);
        Spi::run("SET splitplane.deadline = '20s'").unwrap();
        for number in 1..=2 {
            begin();
            assert_accepted("within", budget::admit("bt-calls"));
            assert_eq!(used("bt-calls", Measure::Calls), (number * ONE, 0));
            assert_eq!(used("bt-calls", Measure::RunSeconds).1, whole(20));
            end();
            assert_eq!(used("bt-calls", Measure::RunSeconds).1, 0);
        }
        begin();
        assert_refused("beyond", budget::admit("bt-calls"), State::Limit, "the budget of calls is used up");
        end();
        assert_eq!(used("bt-calls", Measure::Calls), (2 * ONE, 0));
        assert!(used("bt-calls", Measure::RunSeconds).0 > 0);
    }

    #[pg_test]
    fn budgets_of_models_are_settled_by_what_was_spent() {
        set("bt-models", "tokens", 10_000);
        set("bt-models", "model_calls", 100);
        begin();
        assert_accepted("let in", budget::admit("bt-models"));
        let none = budget::meter().unwrap().begin("m", Usage { input_tokens: 1, output_tokens: 0 });
        assert_eq!(none.unwrap_err(), ModelError::Budget, "nothing is reserved yet");
        assert_accepted("reserved", budget::reserve(&[request(100, 20), request(200, 40)]));
        // Each is sent three times at most.
        assert_eq!(used("bt-models", Measure::Tokens), (0, whole(3 * 360)));
        assert_eq!(used("bt-models", Measure::ModelCalls), (0, whole(6)));
        assert_accepted("once is enough", budget::reserve(&[request(1_000_000, 1)]));
        let meter = budget::meter().unwrap();
        meter
            .begin("m", Usage { input_tokens: 100, output_tokens: 20 })
            .unwrap()
            .charged(Reported { input_tokens: Some(70), output_tokens: Some(3) });
        end();
        assert_eq!(used("bt-models", Measure::Tokens), (whole(73), 0));
        assert_eq!(used("bt-models", Measure::ModelCalls), (ONE, 0));
        begin();
        assert_accepted("let in", budget::admit("bt-models"));
        assert_refused(
            "too large",
            budget::reserve(&[request(10_000, 1)]),
            State::Limit,
            "smaller than what one call may need",
        );
        end();
        assert_eq!(used("bt-models", Measure::Tokens), (whole(73), 0));
    }

    #[pg_test]
    fn budgets_of_cost_need_a_price() {
        set("bt-cost", "cost", 1_000);
        begin();
        assert_accepted("let in", budget::admit("bt-cost"));
        assert_refused("unpriced", budget::reserve(&[request(100, 20)]), State::Unsafe, "no price");
        Spi::run("SELECT splitplane.set_price('m', 3, 15)").unwrap();
        assert_accepted("priced", budget::reserve(&[request(1_000_000, 0)]));
        let (spent, reserved) = used("bt-cost", Measure::Cost);
        assert!(spent == 0 && (whole(9)..=whole(9) + 1).contains(&reserved), "{reserved}");
        drop(budget::meter().unwrap().begin("m", Usage { input_tokens: 2_000_000, output_tokens: 0 }).unwrap());
        end();
        assert_eq!(used("bt-cost", Measure::Cost), (whole(6), 0), "what was not answered counts in full");
    }

    #[pg_test]
    fn budgets_of_one_tenant_are_no_others() {
        set("*", "calls", 1);
        set("bt-own", "calls", 2);
        for (tenant, calls) in [("bt-one", 1), ("bt-two", 1), ("bt-own", 2)] {
            for _ in 0..calls {
                begin();
                assert_accepted(tenant, budget::admit(tenant));
                end();
            }
            begin();
            assert_refused(tenant, budget::admit(tenant), State::Limit, "used up");
            end();
        }
        assert!(budget::meter().is_none());
    }
}
