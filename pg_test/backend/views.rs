//! The proof of plane views, with the code before it broken: the mark of a barrier, and the fences within a view.

#[pgrx::pg_schema]
mod tests {
    use crate::attach::{self, Attached, Claims, GatedView, Keys};
    use crate::backend_tests::support::{World, assert_accepted, assert_refused, gated};
    use crate::catalog::current_plane;
    use crate::error::{StageResult, State};
    use crate::pgx::parse;
    use crate::prove::{self, ProofFacts};
    use crate::trust;
    use pgrx::prelude::*;
    use std::rc::Rc;

    const UNPROVED: &str = "could not be proved";
    const READS: &str = "SELECT store_id FROM plain JOIN barred USING (store_id)";

    /// `plain` over what every statement may read, `barred` over what is hidden.
    fn world() -> World {
        let world = World::new();
        Spi::run(
            "SELECT splitplane.define_view('plain', 'SELECT store_id, total FROM orders');
             SELECT splitplane.protect('public.stores', '{\"tenant_id\": \"tenant\"}', ARRAY['store_id', 'city'], hidden => true);
             SELECT splitplane.define_view('barred', 'SELECT store_id, left(city, 1) AS c FROM stores WHERE city IS NOT NULL')",
        )
        .unwrap();
        World { plane: current_plane().unwrap(), ..world }
    }

    /// Proves a statement over both views, with what `change` does to our own work.
    fn proves(
        world: &World,
        has_barriers: bool,
        change: impl Fn(&mut Attached<'_>),
        between: impl Fn(),
    ) -> StageResult<ProofFacts> {
        let view = |name: &str| {
            let view = Rc::clone(&world.plane.views[name]);
            GatedView { gated: gated(&view.sql), view }
        };
        let views = [view("barred"), view("plain")];
        world.confined(|confinement| {
            let claims = Claims::Of(&world.principal);
            let mut attached =
                attach::attach(confinement, &gated(READS), &views, &world.plane, claims, &Keys::new(), None)?;
            change(&mut attached);
            let Attached { grafted, fences, views, parameters, .. } = attached;
            let mut analysed = parse::analyse(grafted, &parameters, &world.plane.name_scope(), |query| {
                prove::refuse_strangers(query, &world.plane)
            })?;
            if has_barriers {
                analysed.put_barriers(&["barred"]);
            }
            between();
            let proven = prove::prove(trust::trust(analysed, &world.plane)?, fences, views, &world.plane)?;
            Ok(proven.facts().clone())
        })
    }

    #[pg_test]
    fn proves_the_views_that_we_wrote() {
        let world = world();
        let facts = assert_accepted(READS, proves(&world, true, |_| {}, || {}));
        assert_eq!(facts.relations, ["orders", "barred", "plain"]);
    }

    #[pg_test]
    fn refuses_a_view_over_hidden_rows_without_a_barrier() {
        let world = world();
        assert_refused(READS, proves(&world, false, |_| {}, || {}), State::OutsidePlane, UNPROVED);
    }

    #[pg_test]
    fn refuses_other_fences_within_a_view() {
        let world = world();
        let other = |change: fn(&mut Attached<'_>)| {
            assert_refused(READS, proves(&world, true, change, || {}), State::OutsidePlane, UNPROVED);
        };
        // One that we did not write, one too many, and another's.
        other(|attached| attached.views[0].fences[0].scan.conditions.clear());
        other(|attached| attached.views[0].fences[0].scan.columns.clear());
        other(|attached| attached.views[0].fences[0].name = "other".to_owned());
        other(|attached| {
            let fence = attached.fences.remove(0);
            attached.views[0].fences.push(fence);
        });
        other(|attached| attached.views.swap(0, 1));
        other(|attached| {
            attached.views.pop();
        });
    }

    #[pg_test]
    fn refuses_fences_that_are_not_known() {
        let world = world();
        // They are then part of the statement, which may hold neither a parameter nor a table.
        let unknown = |attached: &mut Attached<'_>| attached.views[0].fences.clear();
        assert_refused(READS, proves(&world, true, unknown, || {}), State::NotAdmitted, "a parameter such as $1");
    }

    #[pg_test]
    fn refuses_hidden_rows_without_row_security() {
        let world = world();
        let without = || {
            Spi::run("ALTER TABLE public.stores DISABLE ROW LEVEL SECURITY").unwrap();
        };
        // Done before the section, whose role may not.
        without();
        assert_refused(
            READS,
            proves(&world, true, |_| {}, || {}),
            State::Unsafe,
            "row-level security of a plane relation is not as splitplane made it",
        );
    }
}
