//! A plane as bytes is the plane, and what is watched counts.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::World;
    use crate::catalog::plane::PlaneRelation;
    use crate::catalog::relations::{Packed, Relations};
    use crate::catalog::rows;
    use crate::catalog::sorted::{Names, Oids};
    use crate::pgx::rows::primary_key;
    use crate::pgx::server;
    use crate::pgx::shmem::facts::{self, Watched};
    use pgrx::prelude::*;
    use std::rc::Rc;

    fn register() -> (u32, u32) {
        let table = server::own_relation(c"relations").unwrap();
        (table.to_u32(), primary_key(table).unwrap().to_u32())
    }

    fn bytes(relations: &Relations) -> Vec<u8> {
        let print = |relation: &Rc<PlaneRelation>| (relation.oid.to_u32(), rows::of_relation(register(), relation.oid));
        let prints = relations.iter().map(print).collect();
        relations.with_packed(&prints, |packed| Ok(postcard::to_allocvec(&packed).unwrap())).unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Relations {
        Relations::unpack(postcard::from_bytes::<Packed<'_>>(bytes).unwrap(), register())
    }

    fn all(relations: &Relations) -> Vec<String> {
        relations.iter().map(|relation| format!("{relation:?}")).collect()
    }

    #[pg_test]
    fn relations_come_out_as_they_went_in() {
        let plane = World::new().plane;
        let there = unpacked(&bytes(&plane.relations));
        assert_eq!(all(&there), all(&plane.relations));
        assert!(!all(&there).is_empty() && !there.has_changed());
        for relation in plane.relations.iter() {
            for found in [
                there.get(&relation.name),
                there.of_table(relation.oid),
                there.qualified(&relation.schema, &relation.table),
            ] {
                assert_eq!(found.map(|found| found.oid), Some(relation.oid), "{}", relation.name);
            }
            assert!(there.get(&format!("{}s", relation.name)).is_none_or(|found| found.oid != relation.oid));
        }
        assert!(
            there.get("").is_none()
                && there.of_table(pg_sys::InvalidOid).is_none()
                && there.qualified("", "").is_none()
        );
    }

    /// Nothing else about the table has changed than what each statement says, and no cache is told of the last.
    #[pg_test]
    fn a_relation_that_has_changed_is_not_found() {
        let plane = World::new().plane;
        let known = bytes(&plane.relations);
        for (number, change) in [
            "ALTER TABLE public.orders ADD COLUMN added int",
            "ALTER TABLE public.orders DISABLE ROW LEVEL SECURITY",
            "CREATE POLICY more ON public.orders USING (true)",
            "GRANT SELECT ON public.orders TO PUBLIC",
            "ALTER TABLE public.orders ALTER COLUMN added SET DEFAULT 1",
            "UPDATE splitplane.relations SET private_columns = '{}' WHERE relation = 'public.orders'::regclass",
            "UPDATE pg_catalog.pg_policy SET polqual = polqual WHERE polrelid = 'public.orders'::regclass",
        ]
        .into_iter()
        .enumerate()
        {
            let before = if number == 0 { known.clone() } else { bytes(&plane.relations) };
            assert!(unpacked(&before).get("orders").is_some(), "before {change}");
            Spi::run(change).unwrap();
            let there = unpacked(&before);
            assert!(there.get("stores").is_some() && !there.has_changed(), "{change}");
            assert!(there.get("orders").is_none() && there.has_changed(), "{change}");
        }
        let last = bytes(&plane.relations);
        Spi::run("CREATE TABLE public.unrelated (a int); ANALYZE public.orders").unwrap();
        assert!(unpacked(&last).get("orders").is_some(), "statistics are no change");
    }

    #[pg_test]
    fn sets_hold_what_they_were_made_of() {
        let names = ["", "a", "ab", "b", "zz", "\u{e4}"];
        let made: Names = names.iter().rev().map(|name| (*name).to_owned()).collect();
        assert!(made.iter().eq(names));
        assert!(names.iter().all(|name| made.contains(name)));
        assert!(["A", "aa", "abc", "z", "zzz"].iter().all(|name| !made.contains(name)));
        assert!(!Names::default().contains("") && Names::default().iter().next().is_none());
        let oids: Oids = [7, 3, 7, 4_294_967_295].map(pg_sys::Oid::from).into_iter().collect();
        assert!(oids.iter().map(|oid| oid.to_u32()).eq([3, 7, 4_294_967_295]));
        assert!(oids.contains(&7.into()) && !oids.contains(&8.into()));
    }

    /// Bytes of another count are not given out, and those of other databases stay where they are.
    #[pg_test]
    fn bytes_are_given_out_at_their_count() {
        // No databases of this server have these numbers.
        let (one, other) = (4_000_000_001, 4_000_000_002);
        let counted = |database| facts::count(database).unwrap();
        assert!(facts::put(one, counted(one), b"first of one"));
        assert!(facts::put(other, counted(other), b"other"));
        assert!(facts::put(one, counted(one), b"one"));
        assert_eq!(facts::get(one, Some(counted(one))).as_deref(), Some(&b"one"[..]));
        assert_eq!(facts::get(other, Some(counted(other))).as_deref(), Some(&b"other"[..]));
        facts::changed(one);
        assert_eq!(facts::get(one, Some(counted(one))), None);
        assert_eq!(facts::get(other, Some(counted(other))).as_deref(), Some(&b"other"[..]));
        let before = facts::without_room();
        assert!(!facts::put(one, counted(one), &vec![0; facts::size() + 1]));
        assert_eq!(facts::without_room(), before + 1);
        facts::changed_everywhere();
        assert_eq!(facts::get(other, Some(counted(other))), None);
        assert!(facts::put(one, counted(one), &vec![1; facts::size()]), "what is not given out makes room");
        facts::changed(one);
    }

    #[pg_test]
    fn what_is_watched_counts() {
        let things =
            [Watched::relation(5, 4_000_000_000), Watched::relation(6, 4_000_000_000), Watched::cached(5, 1, 2)];
        assert!(things[0] != things[1] && things[0] != things[2]);
        facts::watch(things);
        assert!(things.iter().all(|thing| facts::is_watched(*thing)));
        assert!(facts::watch(things), "the second time they were watched before");
        let others = (0..1_000).filter(|number| facts::is_watched(Watched::relation(7, 3_000_000_000 + number)));
        assert!(others.count() < 200, "few others share their bits");
    }
}
