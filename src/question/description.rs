//! `describe()` in parts, for a prompt that holds only those that matter.
//!
//! Kept for each state of the plane. Comments and enum labels can change without invalidating the plane, so a digest
//! of them is computed each time, which is cheaper than the description.

use super::registered::texts;
use crate::catalog::current_plane;
use crate::catalog::plane::Plane;
use crate::catalog::row::{text, unreadable};
use crate::error::StageResult;
use crate::llm::relevance::Part;
use crate::pgx::spi::read::Lookup;
use std::cell::RefCell;
use std::rc::Rc;

/// What the parts were made from: the plane, and the digest of what it does not hold.
type Known = (Rc<Plane>, Vec<Vec<Option<String>>>, Rc<Vec<Part>>);

thread_local! {
    static CACHE: RefCell<Option<Known>> = const { RefCell::new(None) };
    static DIGEST: Lookup = const { Lookup::new(DIGEST_SQL, 0) };
    static PARTS: Lookup = const { Lookup::new(PARTS_SQL, 0) };
}

const PARTS_SQL: &str = "SELECT p.name, p.text, pg_catalog.to_json(p.refers_to)::pg_catalog.text \
     FROM splitplane._describe_parts() AS p";

const DIGEST_SQL: &str = "SELECT \
     (SELECT pg_catalog.sum(pg_catalog.hashtextextended(d.description, d.objoid::pg_catalog.int8 + d.objsubid))::pg_catalog.text \
        FROM splitplane.relations AS r JOIN pg_catalog.pg_description AS d ON d.objoid = r.relation \
         AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass), \
     (SELECT pg_catalog.sum(pg_catalog.hashtextextended(d.description, d.objoid::pg_catalog.int8))::pg_catalog.text \
        FROM splitplane.functions AS f JOIN pg_catalog.pg_description AS d ON d.objoid = f.function \
         AND d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass), \
     (SELECT pg_catalog.sum(pg_catalog.hashtextextended(e.enumlabel::pg_catalog.text, e.oid::pg_catalog.int8))::pg_catalog.text \
        FROM pg_catalog.pg_enum AS e)";

/// The parts in the order of `describe()`. Must be called as the extension's owner.
pub fn parts() -> StageResult<Rc<Vec<Part>>> {
    let plane = current_plane()?;
    let digest = DIGEST.with(|lookup| lookup.rows(&[]))?;
    let known = CACHE.with(|cache| match &*cache.borrow() {
        Some((of, known, parts)) if Rc::ptr_eq(of, &plane) && *known == digest => Some(Rc::clone(parts)),
        Some(_) | None => None,
    });
    if let Some(parts) = known {
        return Ok(parts);
    }
    let parts = Rc::new(read()?);
    CACHE.with(|cache| *cache.borrow_mut() = Some((plane, digest, Rc::clone(&parts))));
    Ok(parts)
}

fn read() -> StageResult<Vec<Part>> {
    PARTS
        .with(|lookup| lookup.rows(&[]))?
        .iter()
        .map(|row| {
            let [name, description, refers_to] = row.as_slice() else { return Err(unreadable()) };
            Ok(Part { name: text(name)?, text: text(description)?, references: texts(refers_to)? })
        })
        .collect()
}
