//! The confined section: where untrusted SQL is parsed, analysed, proved, planned and run.
//!
//! While `confine`'s closure runs, this backend is in a subtransaction that is rolled back, read-only, under
//! the reader role in a restricted operation, with every setting that gives text its meaning pinned, under the call's
//! own clock, and with the principal's claims, or none, visible to the policies. On every path out (value, refusal, ERROR,
//! cancel) all of it is undone, in this order: claims, clock, subtransaction (role, read-only flag, locks, snapshots,
//! temporary files, memory, and last the settings: what the server says while it cleans up is still not for the client).
//!
//! Of a call that other servers of a cluster took part in, and that went well, the subtransaction is released instead: to roll it
//! back Citus would first send each of them a cancel over a connection of its own. It changed nothing that could be kept; role,
//! flag, snapshot, memory and settings are put back one by one, each server empties the token that it was sent when the
//! subtransaction is released there, and locks stay until the transaction ends.

use super::claims::{self, ClaimsGuard};
use super::deadline::{Deadline, Expired};
use super::pin::{Setting, pin};
use super::stage;
use super::token;
use super::travel::{self, Sent, Travel};
use super::{allocator, stack};
use crate::error::{Refusal, StageResult, State};
use crate::identity::principal::Principal;
use crate::pgx::flags;
use crate::pgx::pg_try::{catch, expect_role};
use crate::pgx::routines;
use crate::pgx::server_errors::{Circumstances, Speaker, of_statement};
use pgrx::pg_sys;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// Another role than the session's, which can change neither roles nor what outlives the statement.
const RESTRICTED: c_int = flags::c_int(pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION);

/// What the section is set up with.
pub struct ConfinementPlan {
    /// Role that untrusted SQL runs as.
    pub reader: pg_sys::Oid,
    /// (setting, value) pairs, pinned in this order.
    pub settings: Vec<Setting>,
    /// Milliseconds that are left of the call.
    pub deadline: i32,
    /// Bytes by which the backend may grow.
    pub growth: usize,
    /// Functions outside pg_catalog that a DBA allowed.
    pub allowed: Vec<pg_sys::Oid>,
    /// How other servers of a cluster, which keep rows of the plane, learn of the call.
    pub travel: Option<Travel>,
}

impl ConfinementPlan {
    /// Whether a function that a DBA allowed runs as its owner.
    fn has_definers(&self) -> bool {
        self.allowed.iter().any(|function| routines::runs_as_owner(*function))
    }
}

/// Proof that the section is entered; only `confine` makes one, and it cannot outlive the closure.
pub struct Confinement<'c> {
    section: PhantomData<&'c mut ()>,
}

/// Runs `body` confined. Refusals of `body` and errors of PostgreSQL both come back as refusals.
///
/// Without a principal no claim is held, and the policies hide every row of a protected relation but those without a tenant where
/// the scope shows these to everybody.
pub fn confine<T>(
    plan: &ConfinementPlan,
    principal: impl Into<Option<Rc<Principal>>>,
    body: impl for<'c> FnOnce(&'c Confinement<'c>) -> StageResult<T>,
) -> StageResult<T> {
    let held = ClaimsGuard::hold(principal.into())
        .ok_or_else(|| Refusal::new(State::Unsafe, "ask cannot be called from within ask"))?;
    allocator::hold_reserve()?;
    stack::map()?;
    let mut section = Section { held, clock: None, outside: Outside::enter() };
    let reach_workers = section.held.reach_workers;
    let clock = &mut section.clock;
    let sent = &mut section.outside.sent;
    let result = catch(|| {
        *clock = Some(Deadline::start(plan.deadline, plan.growth));
        *sent = set_up(plan, reach_workers)?;
        let confinement = Confinement { section: PhantomData };
        body(&confinement)
    });
    drop(section.held);
    let expired = section.clock.and_then(Deadline::stop);
    let stage = stage::reached();
    // A claim that a data server has taken goes with its savepoint.
    let is_remote = stage::was_remote();
    let went_well = expired.is_none() && !is_remote && matches!(result, Ok(Ok(_)));
    let released =
        section.outside.sent.filter(|_| went_well).map(|sent| catch(|| section.outside.prepare_release(sent)));
    let result = match released {
        Some(Ok(())) => {
            section.outside.release();
            result
        }
        None => {
            section.outside.leave();
            result
        }
        Some(Err(error)) => {
            section.outside.leave();
            Err(error)
        }
    };
    match (result, expired) {
        (Ok(Err(refusal)), None) => Err(refusal),
        (Ok(Ok(value)), None) => Ok(value),
        (_, Some(Expired::Deadline)) => Err(Refusal::late()),
        (_, Some(Expired::Memory)) => Err(Refusal::over_memory()),
        (_, Some(Expired::NoMemory)) => Err(Refusal::out_of_memory()),
        (Err(error), None) => {
            let speaker = if error.place.is_of_another {
                Speaker::Definer
            } else if error.place.may_be_worker && plan.has_definers() {
                Speaker::Worker
            } else {
                Speaker::Reader
            };
            Err(of_statement(&error, &Circumstances { stage, speaker, is_remote }))
        }
    }
}

/// What is undone when the section ends. Fields are dropped in their order, so that it is the same where something unwinds.
struct Section {
    held: ClaimsGuard,
    /// Started where an ERROR is caught already.
    clock: Option<Deadline>,
    outside: Outside,
}

/// What has to be put back, and the open subtransaction.
struct Outside {
    user: pg_sys::Oid,
    context: c_int,
    /// What other servers of the cluster were sent.
    sent: Option<Sent>,
    memory: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
    section: pg_sys::MemoryContext,
}

impl Outside {
    /// Opens the subtransaction. What may raise comes before that: an ERROR that left a subtransaction of ours open would have
    /// an EXCEPTION block around the call roll it back in the place of its own.
    fn enter() -> Self {
        // SAFETY: reads of this backend's own globals.
        let (memory, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
        let (user, context) = user_and_context();
        // SAFETY: the new context is a child of the one that is current, with which it goes if the next step raises.
        let section = unsafe {
            pg_sys::AllocSetContextCreateInternal(
                memory,
                c"splitplane confined section".as_ptr(),
                0,
                8 * 1_024,
                8 * 1_024 * 1_024,
            )
        };
        // SAFETY: called inside a transaction, from a function that is not parallel safe.
        unsafe { pg_sys::BeginInternalSubTransaction(std::ptr::null()) };
        // SAFETY: the context was just made.
        unsafe { pg_sys::MemoryContextSwitchTo(section) };
        Outside { user, context, sent: None, memory, owner, section }
    }

    /// Ends the subtransaction; an ERROR in that is the caller's.
    fn leave(self) {
        ManuallyDrop::new(self).put_back();
    }

    /// Puts back what only a rollback puts back by itself. Where this fails, `leave` does it all.
    fn prepare_release(&self, sent: Sent) {
        // SAFETY: those that were current before the section, whose own snapshot is the one that is active.
        unsafe {
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            pg_sys::PopActiveSnapshot();
        }
        sent.take_back();
    }

    /// Ends the subtransaction, of which nothing is to be undone any more; an ERROR in that is the caller's.
    fn release(self) {
        let outside = ManuallyDrop::new(self);
        // SAFETY: ends the subtransaction opened in `enter`, inside which nothing else is open; it restores the read-only flag and
        // the settings that were pinned.
        unsafe { pg_sys::ReleaseCurrentSubTransaction() };
        outside.put_memory_back();
    }

    fn put_back(&self) {
        // The settings are undone by the subtransaction's end as well, and only there: with `client_min_messages` put back
        // before it, the client would be sent "temporary file: path .., size .." of a call that failed.
        // SAFETY: ends the subtransaction opened in `enter`; it restores role, read-only flag, snapshots, locks, and every
        // setting changed in it, also a query's own.
        unsafe { pg_sys::RollbackAndReleaseCurrentSubTransaction() };
        self.put_memory_back();
    }

    fn put_memory_back(&self) {
        // SAFETY: both were current in `enter` and outlive the call.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.memory);
            pg_sys::CurrentResourceOwner = self.owner;
        }
        // SAFETY: nothing made in the section is used after it: results were copied to Rust's heap or `memory`.
        unsafe { pg_sys::MemoryContextDelete(self.section) };
    }
}

impl Drop for Outside {
    /// While something unwinds. An ERROR more would end the process, and the one that unwinds says more.
    fn drop(&mut self) {
        let _ = catch(|| self.put_back());
    }
}

/// Opens the subtransaction and raises where nothing of the section's catches it, for the test that it is closed all the same.
#[cfg(feature = "pg_test")]
pub(crate) fn raise_between() {
    let _outside = Outside::enter();
    pgrx::error!("raised between the subtransaction's start and the section");
}

fn user_and_context() -> (pg_sys::Oid, c_int) {
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    // SAFETY: two valid places to write to.
    unsafe { pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context) };
    (user, context)
}

fn set_up(plan: &ConfinementPlan, reach_workers: bool) -> StageResult<Option<Sent>> {
    for (name, value) in &plan.settings {
        pin(name, value);
    }
    if !reach_workers {
        // A worker's fences would let no row through.
        pin(c"max_parallel_workers_per_gather", c"0");
    }
    // A parallel worker of a call that is nobody's finds no claims, and must find no token of the session's either.
    pin(token::SETTING, c"");
    let travel = plan.travel.as_ref();
    let sent = travel.map(|travel| travel::send(travel, &plan.settings, plan.deadline)).transpose()?;
    // SAFETY: inside the internal subtransaction, whose end restores the flag.
    unsafe { pg_sys::XactReadOnly = true };
    let (_, context) = user_and_context();
    // SAFETY: the reader's OID came from the catalog; the subtransaction's end restores user and context.
    unsafe { pg_sys::SetUserIdAndSecContext(plan.reader, context | RESTRICTED) };
    expect_role(plan.reader);
    // SAFETY: inside a transaction; the subtransaction's end pops it.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
    Ok(sent)
}

/// Registers the last line of defence: claims never survive a transaction.
pub fn init_backend() {
    use std::cell::Cell;
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    if DONE.with(|done| done.replace(true)) {
        return;
    }
    // SAFETY: the callback lives as long as the library.
    unsafe { pg_sys::RegisterXactCallback(Some(forget_claims), std::ptr::null_mut()) };
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn forget_claims(_event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    claims::clear();
}
