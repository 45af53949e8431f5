//! The plane of this session as it is now: kept until something that it was made from has changed, taken from another backend if one
//! has made it (`shared`), and made anew if not (`load`).

use super::plane::Plane;
use super::shared::{self, Found};
use super::{load, version};
use crate::error::StageResult;
use crate::pgx::hooks::invalidation;
use crate::pgx::pg_try;
use std::cell::RefCell;
use std::rc::Rc;

/// One that is kept.
#[derive(Clone)]
struct Kept {
    plane: Rc<Plane>,
    /// At which count of the server's changes it was made; `None` where none is looked at.
    count: Option<u64>,
    /// Whether this session has made it itself.
    is_own: bool,
}

thread_local! {
    static CACHE: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// The plane as it is now, or 55000 while a finding that breaks isolation is open. Must be called as the owner.
pub fn current() -> StageResult<Rc<Plane>> {
    plane(false)
}

/// The same as this session makes it itself, for whoever changes or checks it.
pub fn own() -> StageResult<Rc<Plane>> {
    plane(true)
}

/// The same once `known` was found not to be as the catalog has it.
pub fn renewed(known: &Plane) -> StageResult<Rc<Plane>> {
    if known.relations.has_changed() {
        invalidation::mark_stale();
    }
    plane(known.relations.has_changed())
}

fn plane(must_be_own: bool) -> StageResult<Rc<Plane>> {
    invalidation::register();
    let is_stale = invalidation::is_stale();
    let count = shared::count();
    let kept = CACHE.with(|cache| cache.borrow().clone());
    if let Some(kept) =
        kept.filter(|kept| !is_stale && !kept.plane.relations.has_changed() && (kept.is_own || !must_be_own))
    {
        // In a transaction that has changed something itself, and on a standby, the messages to this session are all there is.
        if count.is_none() || kept.count.is_none() || kept.count == count {
            return Ok(kept.plane);
        }
    }
    CACHE.with(|cache| *cache.borrow_mut() = None);
    let found = count.filter(|_| !must_be_own).and_then(shared::find);
    let kept = match found {
        Some(found) => Kept { plane: taken(found)?, count, is_own: false },
        None => Kept { plane: made(count)?, count, is_own: true },
    };
    CACHE.with(|cache| *cache.borrow_mut() = Some(kept.clone()));
    Ok(kept.plane)
}

/// What another backend has made.
fn taken(found: Found) -> StageResult<Rc<Plane>> {
    pg_try::debug("the plane was taken from another session");
    let Found { mut plane, watched, has_extensions } = found;
    invalidation::watch(watched);
    invalidation::mark_fresh();
    let finished = || {
        if has_extensions {
            plane.extensions = load::extensions()?;
        }
        plane.database_settings = load::database_settings()?;
        Ok(Rc::new(plane))
    };
    finished().inspect_err(|_| invalidation::mark_stale())
}

/// What this session makes, and gives to the others if it can.
fn made(count: Option<u64>) -> StageResult<Rc<Plane>> {
    pg_try::debug("the plane is read from the catalog");
    // Watched before it is read: a change that comes in between makes the result stale at once.
    let relations = load::watched_relations()?;
    invalidation::watch_relations(&relations);
    invalidation::mark_fresh();
    let make = || {
        version::check()?;
        let plane = load::load()?;
        let watched = load::watched(&relations, &plane)?;
        // What was not watched until now may have changed while it was read; who comes next can share it.
        let was_watched = watched.everywhere(plane.builtins.functions.iter());
        if let Some(count) = count.filter(|_| was_watched) {
            shared::share(&plane, &watched, count)?;
        }
        invalidation::watch(watched);
        Ok(Rc::new(plane))
    };
    make().inspect_err(|_| invalidation::mark_stale())
}
