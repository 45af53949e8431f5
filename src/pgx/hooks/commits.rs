//! Counts the transactions that changed something which a plane was derived from, when they commit: whoever made the change, whether
//! or not any other session is there, and whether or not the session lives on.
//!
//! What a transaction has changed is what it tells other sessions' caches. The count moves once its changes can be seen, so bytes
//! that were made at the new count hold them, and before the others are told; and once more when they have been.

use super::invalidation;
use crate::pgx::flags::cache;
use crate::pgx::server;
use crate::pgx::shmem::facts::{self, Watched};
use pgrx::{pg_guard, pg_sys};
use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_void};

static mut PREVIOUS: pg_sys::ProcessUtility_hook_type = None;

unsafe extern "C-unwind" {
    /// pgrx's own binding would catch an ERROR and raise it again without what pgrx has no place for.
    #[link_name = "standard_ProcessUtility"]
    fn own_utility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        destination: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

/// What the transaction that is about to commit has changed.
#[derive(Default)]
struct Changes {
    things: Vec<Watched>,
    /// Something that every plane of this database counts on.
    here: bool,
    /// The same of all databases.
    everywhere: bool,
}

/// More than that counts as everything.
const MOST: usize = 4_096;

thread_local! {
    static CHANGES: RefCell<Changes> = RefCell::new(Changes::default());
    /// Whether the transaction has made or changed a policy, of which no cache is told: one of ours on a table outside the plane can
    /// close it.
    static POLICY: Cell<bool> = const { Cell::new(false) };
    static AGAIN: Cell<Counts> = const { Cell::new(Counts::None) };
}

/// Takes its places; called once from `_PG_init` in the postmaster, whose children have them as well.
pub fn init() {
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hooks are called.
    unsafe {
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
        pg_sys::RegisterResourceReleaseCallback(Some(on_release), std::ptr::null_mut());
        PREVIOUS = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(on_utility);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    match event {
        pg_sys::XactEvent::XACT_EVENT_PRE_COMMIT => {
            let mut changes = changes();
            changes.here |= POLICY.take();
            CHANGES.with(|kept| *kept.borrow_mut() = changes);
        }
        pg_sys::XactEvent::XACT_EVENT_COMMIT => {
            let counts = CHANGES.with(|kept| kept.take().counts());
            counts.count();
            AGAIN.with(|again| again.set(counts));
        }
        // One that is prepared counts when it is committed.
        pg_sys::XactEvent::XACT_EVENT_ABORT | pg_sys::XactEvent::XACT_EVENT_PREPARE => {
            CHANGES.with(|kept| drop(kept.take()));
            POLICY.set(false);
        }
        _ => {}
    }
}

fn changes() -> Changes {
    let mut changes = Changes::default();
    // SAFETY: a transaction that is about to commit, at its top level; the messages are a copy in its memory.
    let messages = unsafe {
        let mut messages = std::ptr::null_mut();
        let mut ignored = false;
        let count = pg_sys::xactGetCommittedInvalidationMessages(&raw mut messages, &raw mut ignored);
        match usize::try_from(count) {
            Ok(count) if count > 0 && !messages.is_null() => std::slice::from_raw_parts(messages, count),
            _ => return changes,
        }
    };
    for message in messages.iter().take(MOST) {
        changes.note(message);
    }
    changes.here |= messages.len() > MOST;
    changes.everywhere |= messages.len() > MOST;
    changes
}

impl Changes {
    fn counts(&self) -> Counts {
        if self.everywhere {
            Counts::Everywhere
        } else if self.here || self.things.iter().any(|thing| facts::is_watched(*thing)) {
            Counts::Here
        } else {
            Counts::None
        }
    }

    fn note(&mut self, message: &pg_sys::SharedInvalidationMessage) {
        const TYPES: i32 = cache(pg_sys::SysCacheIdentifier::TYPEOID);
        const FUNCTIONS: i32 = cache(pg_sys::SysCacheIdentifier::PROCOID);
        const RELATION: i32 = -2;
        const WHOLE_CATALOG: i32 = -1;
        // SAFETY: the first byte says which of the union it is. Source: sinval.h.
        unsafe {
            match i32::from(message.id) {
                WHOLE_CATALOG => {
                    self.here = true;
                    self.everywhere |= message.cat.dbId == pg_sys::InvalidOid;
                }
                RELATION if message.rc.relId == pg_sys::InvalidOid => self.here = true,
                RELATION => self.things.push(Watched::relation(message.rc.dbId.to_u32(), message.rc.relId.to_u32())),
                known @ (TYPES | FUNCTIONS) => {
                    self.things.push(Watched::cached(message.cc.dbId.to_u32(), known, message.cc.hashValue));
                }
                known if invalidation::CATALOG.contains(&known) => {
                    self.here = true;
                    self.everywhere |= message.cc.dbId == pg_sys::InvalidOid;
                }
                _ => {}
            }
        }
    }
}

/// Which counts move.
#[derive(Debug, Clone, Copy, Default)]
enum Counts {
    #[default]
    None,
    Here,
    Everywhere,
}

impl Counts {
    fn count(self) {
        match self {
            Counts::None => {}
            Counts::Here => facts::changed(server::database_oid()),
            Counts::Everywhere => facts::changed_everywhere(),
        }
    }
}

/// Once the others have been told, it is counted again: what was made in between may hold what a cache still had.
#[pg_guard]
unsafe extern "C-unwind" fn on_release(
    phase: pg_sys::ResourceReleasePhase::Type,
    _is_commit: bool,
    is_top_level: bool,
    _argument: *mut c_void,
) {
    if is_top_level && phase == pg_sys::ResourceReleasePhase::RESOURCE_RELEASE_AFTER_LOCKS {
        AGAIN.with(Cell::take).count();
    }
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls, clippy::too_many_arguments)]
unsafe extern "C-unwind" fn on_utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    destination: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the hook chain of PostgreSQL with its own arguments; a utility statement has a tree.
    unsafe {
        let tree = (*statement).utilityStmt.cast::<pg_sys::TransactionStmt>();
        let is_policy = match (*tree).type_ {
            pg_sys::NodeTag::T_CreatePolicyStmt | pg_sys::NodeTag::T_AlterPolicyStmt => true,
            pg_sys::NodeTag::T_RenameStmt => {
                (*tree.cast::<pg_sys::RenameStmt>()).renameType == pg_sys::ObjectType::OBJECT_POLICY
            }
            _ => false,
        };
        let is_counted = match (*tree).type_ {
            pg_sys::NodeTag::T_TransactionStmt => {
                (*tree).kind == pg_sys::TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED
            }
            // Another database may get the number of this one.
            pg_sys::NodeTag::T_DropdbStmt => true,
            _ => false,
        };
        let next = PREVIOUS.unwrap_or(own_utility);
        next(statement, text, read_only_tree, context, parameters, environment, destination, completion);
        POLICY.set(POLICY.get() || is_policy);
        if is_counted {
            // What a prepared transaction changed is not known here. It may have been prepared before the server's last start.
            facts::changed_everywhere();
        }
    }
}
