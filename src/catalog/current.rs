//! The plane of this session as it is now: kept until something that it was made from has changed, taken from another backend if one
//! has made it (`shared`), and made anew if not (`load`).

use super::plane::Plane;
use super::shared::{self, Before};
use super::{load, version};
use crate::error::StageResult;
use crate::pgx::hooks::invalidation;
use crate::pgx::pg_try;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// One that is kept.
#[derive(Clone)]
struct Kept {
    plane: Rc<Plane>,
    /// At which count of the server's changes it was made; `None` without shared memory.
    count: Option<u64>,
    /// Whether this session has made it itself.
    is_own: bool,
}

thread_local! {
    /// How often a plane was taken or made.
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    static CACHE: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// A number that is another one when the plane that is kept is.
pub(super) fn generation() -> u64 {
    GENERATION.with(Cell::get)
}

/// The plane as it is now, or 55000 while a finding that breaks isolation is open. Must be called as the owner.
pub fn current() -> StageResult<Rc<Plane>> {
    plane(false)
}

/// The same as this session makes it itself, for whoever changes or checks it.
pub fn own() -> StageResult<Rc<Plane>> {
    plane(true)
}

/// The plane that `known` is, if that is the one as it is now: messages of other sessions are taken in first. Nothing is read.
pub fn if_current(known: &Plane) -> Option<Rc<Plane>> {
    // Before the messages, as in `plane`.
    let count = shared::count();
    let is_stale = invalidation::is_stale();
    let kept = CACHE.with(|cache| cache.borrow().clone())?;
    let is_good = !is_stale && kept.count == count && !kept.plane.relations.has_changed();
    (is_good && std::ptr::eq(&raw const *kept.plane, known)).then_some(kept.plane)
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
    // Before messages are accepted: what has counted by now may be told by one that comes later, and is then counted once more.
    let count = shared::count();
    let is_stale = invalidation::is_stale();
    let kept = CACHE.with(|cache| cache.borrow().clone());
    let is_good = |kept: &Kept| {
        !is_stale && kept.count == count && !kept.plane.relations.has_changed() && (kept.is_own || !must_be_own)
    };
    if let Some(kept) = kept.filter(is_good) {
        return Ok(kept.plane);
    }
    CACHE.with(|cache| *cache.borrow_mut() = None);
    let sharing = count.filter(|_| shared::is_possible());
    let taken = sharing.filter(|_| !must_be_own).map(taken).transpose()?.flatten();
    let kept = match taken {
        Some(plane) => Kept { plane, count, is_own: false },
        None => Kept { plane: made(sharing)?, count, is_own: true },
    };
    CACHE.with(|cache| *cache.borrow_mut() = Some(kept.clone()));
    GENERATION.with(|generation| generation.set(generation.get().saturating_add(1)));
    Ok(kept.plane)
}

/// What another backend has made, if the catalog is as it was.
fn taken(count: u64) -> StageResult<Option<Rc<Plane>>> {
    let Some(found) = shared::find(count) else { return Ok(None) };
    // Watched before it is compared: a change that comes in between makes the result stale at once.
    invalidation::watch(found.watched.clone());
    invalidation::mark_fresh();
    if !found.holds(count) {
        invalidation::mark_stale();
        return Ok(None);
    }
    pg_try::debug("the plane was taken from another session");
    let database_settings = load::database_settings().inspect_err(|_| invalidation::mark_stale())?;
    Ok(Some(Rc::new(Plane { database_settings, ..found.plane })))
}

/// What this session makes, and gives to the others if it can.
fn made(count: Option<u64>) -> StageResult<Rc<Plane>> {
    pg_try::debug("the plane is read from the catalog");
    // Watched before it is read, as above.
    let relations = load::watched_relations()?;
    invalidation::watch_relations(&relations);
    invalidation::mark_fresh();
    let make = || {
        version::check()?;
        let before = Before::read(count)?.filter(|_| !load::has_left_behind().unwrap_or(true));
        let plane = load::load()?;
        let watched = load::watched(&relations, &plane)?;
        // What was not watched until now may have changed while it was read; who comes next can share it.
        let was_watched = watched.everywhere(plane.builtins.functions.iter());
        if let Some(before) = before.filter(|_| was_watched)
            && let Err(refusal) = shared::share(&plane, &watched, before)
        {
            pg_try::debug(&format!("the plane is not shared: {}", refusal.message));
        }
        invalidation::watch(watched);
        Ok(Rc::new(plane))
    };
    make().inspect_err(|_| invalidation::mark_stale())
}
