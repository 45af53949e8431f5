//! A proved tree that is kept: what it gives, each time, and to whom; and which constants keep a statement from being kept.

#[pgrx::pg_schema]
mod tests {
    use crate::attach::{Attached, Claims};
    use crate::backend_tests::support::{LONG, World, assert_accepted, principal};
    use crate::error::{StageResult, State};
    use crate::identity::Principal;
    use crate::numbers::WideNumbers;
    use crate::pgx::raw::TextConstant;
    use crate::pgx::sink::{Caps, Sink};
    use crate::pgx::{parse, skeletons};
    use crate::prove::{self, KeptProof};
    use crate::{run, trust};
    use pgrx::prelude::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::rc::Rc;

    const SQL: &str =
        "SELECT s.city, o.order_id, o.total FROM orders AS o JOIN stores AS s USING (store_id) ORDER BY 2";
    const SHOWN: &str = "as it was shown";

    /// A statement, proved and kept in a section of its own.
    fn kept(world: &World, sql: &str) -> KeptProof {
        let kept = world.confined(|confinement| {
            let Attached { grafted, fences, views, parameters, .. } = world.attach(confinement, sql)?;
            let known = |query: crate::pgx::query::QueryView<'_>| prove::refuse_strangers(query, &world.plane);
            let analysed = parse::analyse(grafted, &parameters, &world.plane.name_scope(), known)?;
            let tree = prove::prove_tree(trust::trust(analysed, &world.plane)?, fences, views, &world.plane)?;
            Ok(tree.keep(confinement).unwrap())
        });
        kept.unwrap()
    }

    /// What it gives to one principal, in a section of its own.
    fn rows(world: &World, kept: &KeptProof, principal: &Rc<Principal>) -> StageResult<Value> {
        run::confined(&world.plane, Rc::clone(principal), LONG, |confinement| {
            kept.lock(confinement);
            let parameters = kept.bind(confinement, &world.plane, Claims::Of(principal))?.expect("the same fences");
            let proven = kept.tree(confinement, SHOWN)?.with_row_security(&world.plane)?;
            let planned = proven.plan(&parameters, &world.plane)?;
            let caps = Caps { rows: 10_000, bytes: 10_000_000 };
            let mut sink = Sink::json(caps, WideNumbers::Number, &world.plane.extensions.answers);
            run::run(planned, &mut sink)?;
            Ok(serde_json::from_str(&sink.into_json()?.text).unwrap())
        })
    }

    /// Grafting changes the tree that it is given: it is never the one that is kept. A few are kept, and no long one.
    #[pg_test]
    fn a_skeleton_is_parsed_once_and_given_out_as_a_copy() {
        let world = World::bare();
        let skeleton = "WITH a AS (SELECT 1 AS x WHERE 'own' <> '') SELECT * FROM (SELECT 1) AS answer";
        let (found, counts) = assert_accepted(
            "skeletons",
            world.confined(|confinement| {
                let mut counts = vec![skeletons::count()];
                let mut found = Vec::new();
                for word in ["one", "two", "three"] {
                    let untrusted = parse::parse_one(confinement, &format!("SELECT '{word}' FROM a"))?;
                    let grafted = parse::graft(confinement, skeleton, untrusted, SHOWN)?;
                    let texts = grafted.texts().into_iter().map(|text| (text.value, text.place));
                    found.push(texts.collect::<BTreeMap<String, i32>>());
                    counts.push(skeletons::count());
                }
                for number in 0..100 {
                    let text = format!("SELECT {number} FROM (SELECT 1) AS answer");
                    skeletons::parsed(confinement, &text, |text| parse::parse_one(confinement, text))?;
                    counts.push(skeletons::count());
                }
                let long = format!("SELECT * FROM (SELECT 1) AS answer -- {}", "x".repeat(17_000));
                skeletons::parsed(confinement, &long, |text| parse::parse_one(confinement, text))?;
                counts.push(skeletons::count());
                Ok((found, counts))
            }),
        );
        for (word, texts) in ["one", "two", "three"].into_iter().zip(found) {
            // By where the grammar found them, and nothing of the statement before.
            let own = i32::try_from(skeleton.find("'own'").unwrap()).unwrap();
            assert_eq!(
                texts,
                BTreeMap::from([("own".to_owned(), own), (String::new(), own + 9), (word.to_owned(), 7)])
            );
        }
        assert_eq!((counts[0], counts[1], counts[3]), (0, 1, 1));
        assert_eq!((counts[103], counts[104]), (32, 32), "no more than a few, and no long one");
    }

    /// Rewriting and planning change the tree that they are given: it is never the one that is kept.
    #[pg_test]
    fn it_gives_the_same_rows_each_time() {
        let world = World::new();
        let kept = kept(&world, SQL);
        let wanted = world.rows(SQL).unwrap();
        assert!(wanted.as_array().unwrap().len() > 5);
        for _ in 0..4 {
            assert_eq!(rows(&world, &kept, &world.principal).unwrap(), wanted);
        }
        assert!(kept.bytes() > 1_024 && kept.bytes() < 256 * 1_024, "{}", kept.bytes());
    }

    #[pg_test]
    fn it_gives_everyone_their_own_rows() {
        let world = World::new();
        let kept = kept(&world, SQL);
        let own = rows(&world, &kept, &world.principal).unwrap();
        let other = World { plane: Rc::clone(&world.plane), principal: principal("7", r#"{"stores": [1, 4]}"#) };
        assert_eq!(rows(&world, &kept, &other.principal).unwrap(), other.rows(SQL).unwrap());
        let none = principal("7", r#"{"stores": []}"#);
        assert_eq!(rows(&world, &kept, &none).unwrap(), json!([]));
        assert_eq!(rows(&world, &kept, &world.principal).unwrap(), own);
        let lacking = principal("7", "{}");
        assert!(rows(&world, &kept, &lacking).is_err(), "a principal without the claim");
    }

    /// The policy is gone since it was proved, and nobody has looked: what is proved at each call finds it.
    #[pg_test]
    fn row_level_security_is_proved_each_time() {
        let world = World::new();
        let kept = kept(&world, SQL);
        assert!(rows(&world, &kept, &world.principal).is_ok());
        for change in [
            "ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;
             ALTER POLICY \"!splitplane_scope\" ON public.orders USING (true)",
            "DROP POLICY \"!splitplane_scope\" ON public.orders",
        ] {
            Spi::run(change).unwrap();
            let refusal = rows(&world, &kept, &world.principal).unwrap_err();
            assert_eq!(refusal.state, State::Unsafe, "{change}: {}", refusal.message);
        }
    }

    fn lasts(world: &World, sql: &str, texts: Option<&[TextConstant]>) -> bool {
        let lasts = world.confined(|confinement| {
            let Attached { grafted, parameters, .. } = world.attach(confinement, sql)?;
            let own = grafted.texts();
            let known = |query: crate::pgx::query::QueryView<'_>| prove::refuse_strangers(query, &world.plane);
            let analysed = parse::analyse(grafted, &parameters, &world.plane.name_scope(), known)?;
            Ok(analysed.query().is_lasting(texts.unwrap_or(&own)))
        });
        lasts.unwrap_or_else(|refusal| panic!("{sql}: {}", refusal.message))
    }

    #[pg_test]
    fn a_date_that_is_none_of_the_texts_does_not_last() {
        let world = World::new();
        let dated = "SELECT count(*) FROM orders WHERE date '2026-01-01' < current_date";
        assert!(lasts(&world, dated, None), "the control");
        assert!(!lasts(&world, dated, Some(&[])));
        let elsewhere = [TextConstant { place: 3, value: "2026-01-01".to_owned() }];
        assert!(!lasts(&world, dated, Some(&elsewhere)));
        assert!(lasts(&world, "SELECT 1, 'now', interval '1 day' FROM orders", Some(&[])), "no such constant");
    }

    /// By type: what its input function makes of a text hangs on the text alone, or it is known here what else it hangs on.
    #[pg_test]
    fn constants_of_other_types_last_or_do_not() {
        let world = World::new();
        for lasting in [
            "1",
            "'a'::text",
            "'1.5'::numeric",
            "'{1,2}'::int[]",
            "'[1,2)'::int4range",
            "'1 day'::interval",
            "NULL::date",
            "'{\"a\": 1}'::jsonb",
            "'00000000-0000-0000-0000-000000000000'::uuid",
            "'{2026-01-01}'::date[]",
            "'[2026-01-01,)'::daterange",
            "'t'::bool",
        ] {
            assert!(lasts(&world, &format!("SELECT {lasting} AS a FROM orders"), None), "{lasting}");
        }
        for other in [
            "'today'::date",
            "'{today}'::date[]",
            "'{\"to\\day\"}'::date[]",
            "'[yesterday,)'::daterange",
            "'NOW'::timestamp",
            "'tomorrow'::timestamptz",
            "'now'::time",
            "'10:00'::timetz",
            "'1.50'::money",
            "'{[now,)}'::tstzmultirange",
        ] {
            assert!(!lasts(&world, &format!("SELECT {other} AS a FROM orders"), None), "{other}");
        }
    }
}
