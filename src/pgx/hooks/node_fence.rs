//! The fences of the reader on the nodes of a cluster, whatever stands on their tables.
//!
//! Citus makes each policy of a table a permissive one on its shards, and shards are moved, split and made anew. So on a server
//! with a cluster key the fence of a table is added here as a restrictive one for `splitplane_reader`: the policy
//! `splitplane_read`, if it is made of the extension's own conditions, and `false` if there is none such. What the
//! reader reads without any row-level security is refused.
//!
//! PostgreSQL asks whenever it applies row-level security: in sessions of the reader and under SET ROLE, in functions that
//! run as their owner, in parallel workers, and where Citus runs a part of a statement in the coordinator's own session. On
//! a server without a cluster key nothing is added and nothing looked up.

use crate::error::{Refusal, State};
use crate::pgx::node::TreeNode;
use crate::pgx::pg_try::raise;
use crate::pgx::query::{QueryNode, is_own_fence};
use crate::pgx::section::token;
use crate::pgx::server;
use pgrx::{PgList, pg_guard, pg_sys};
use std::ffi::CStr;
use std::sync::OnceLock;

/// The policy that is the fence.
const FENCE: &CStr = c"splitplane_read";
/// What a policy is for that is FOR SELECT.
const FOR_SELECT: u8 = b'r';

static STANDS: OnceLock<fn() -> bool> = OnceLock::new();
static mut POLICIES_BEFORE: pg_sys::row_security_policy_hook_type = None;
static mut PERMISSIONS_BEFORE: pg_sys::ExecutorCheckPerms_hook_type = None;

/// Takes its places; called once from `_PG_init`. `stands` says no only in a build for tests.
pub fn init(stands: fn() -> bool) {
    STANDS.get_or_init(|| stands);
    // SAFETY: `_PG_init` runs once, in a process with one thread, before the hooks are called.
    unsafe {
        POLICIES_BEFORE = pg_sys::row_security_policy_hook_restrictive;
        pg_sys::row_security_policy_hook_restrictive = Some(on_policies);
        PERMISSIONS_BEFORE = pg_sys::ExecutorCheckPerms_hook;
        pg_sys::ExecutorCheckPerms_hook = Some(on_permissions);
    }
}

/// Whether this server is a node, whose fences are added here.
fn is_fenced() -> bool {
    token::is_node() && STANDS.get().is_none_or(|stands| stands())
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_policies(
    command: pg_sys::CmdType::Type,
    relation: pg_sys::Relation,
) -> *mut pg_sys::List {
    // SAFETY: the hook chain of PostgreSQL with its own arguments; lists of policies in the current memory.
    unsafe {
        let others = POLICIES_BEFORE.map_or(std::ptr::null_mut(), |before| before(command, relation));
        let fence = fence(command, relation);
        if fence.is_null() { others } else { pg_sys::lappend(others, fence.cast()) }
    }
}

/// The restrictive policy of the reader on a table; NULL where this server is no node. PostgreSQL applies it to the role that
/// it names and to its members.
#[pg_guard]
unsafe extern "C-unwind" fn fence(
    command: pg_sys::CmdType::Type,
    relation: pg_sys::Relation,
) -> *mut pg_sys::RowSecurityPolicy {
    if !is_fenced() {
        return std::ptr::null_mut();
    }
    let Some(reader) = server::role(c"splitplane_reader") else { return std::ptr::null_mut() };
    // SAFETY: an open relation; the new policy is in the current memory, as those are that PostgreSQL reads from the catalog.
    unsafe {
        let condition = if command == pg_sys::CmdType::CMD_SELECT { condition(relation) } else { None };
        let policy = pg_sys::palloc0(size_of::<pg_sys::RowSecurityPolicy>()).cast::<pg_sys::RowSecurityPolicy>();
        let mut roles = [pg_sys::Datum::from(reader)];
        (*policy).policy_name = pg_sys::pstrdup(FENCE.as_ptr());
        (*policy).polcmd = FOR_SELECT.cast_signed();
        (*policy).roles = pg_sys::construct_array_builtin(roles.as_mut_ptr(), 1, pg_sys::OIDOID);
        (*policy).qual = condition.unwrap_or_else(|| pg_sys::makeBoolConst(false, false).cast());
        policy
    }
}

/// The condition of the table's policy `splitplane_read`, if it is one of the extension's own.
unsafe fn condition(relation: pg_sys::Relation) -> Option<*mut pg_sys::Expr> {
    // SAFETY: an open relation with row-level security; its policies are what PostgreSQL read of them.
    unsafe {
        let known = (*relation).rd_rsdesc;
        if known.is_null() {
            return None;
        }
        let policies = PgList::<pg_sys::RowSecurityPolicy>::from_pg((*known).policies);
        let is_fence = |policy: &*mut pg_sys::RowSecurityPolicy| {
            CStr::from_ptr((**policy).policy_name) == FENCE && (**policy).polcmd.cast_unsigned() == FOR_SELECT
        };
        let found = policies.iter_ptr().find(is_fence);
        let condition = (*found?).qual;
        let node = QueryNode::from_pointer(condition.cast())?;
        is_own_fence(node).then_some(condition)
    }
}

#[cfg(feature = "pg15")]
/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_permissions(entries: *mut pg_sys::List, raises: bool) -> bool {
    // SAFETY: the hook chain of PostgreSQL with its own arguments.
    unsafe {
        if is_fenced() {
            check(entries, std::ptr::null_mut());
        }
        PERMISSIONS_BEFORE.is_none_or(|before| before(entries, raises))
    }
}

#[cfg(not(feature = "pg15"))]
/// Between PostgreSQL's own functions, so that an ERROR may jump across it.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_permissions(
    entries: *mut pg_sys::List,
    permissions: *mut pg_sys::List,
    raises: bool,
) -> bool {
    // SAFETY: the hook chain of PostgreSQL with its own arguments.
    unsafe {
        if is_fenced() {
            check(entries, permissions);
        }
        PERMISSIONS_BEFORE.is_none_or(|before| before(entries, permissions, raises))
    }
}

/// Refuses what the reader would read without row-level security. Partitions and children are read as what their parent is.
#[pg_guard]
unsafe extern "C-unwind" fn check(entries: *mut pg_sys::List, permissions: *mut pg_sys::List) {
    let Some(reader) = server::role(c"splitplane_reader") else { return };
    // SAFETY: the range table of a plan, and what is asked of its entries.
    unsafe {
        let entries = PgList::<pg_sys::RangeTblEntry>::from_pg(entries);
        let permissions = PgList::<pg_sys::Node>::from_pg(permissions);
        for entry in entries.iter_ptr() {
            let Some(user) = asked_for(entry, &permissions) else { continue };
            let user = if user == pg_sys::InvalidOid { server::current_user() } else { user };
            let relation = (*entry).relid;
            if user != reader || is_system_catalog(relation) {
                continue;
            }
            token::limit(reader);
            if is_without_fence(relation, reader) {
                raise(Refusal::new(
                    State::Unsafe,
                    "a table has no row-level security on the server that keeps its rows: splitplane.doctor() says which",
                ));
            }
        }
    }
}

/// As whom an entry of the range table is to be read; `None` for one that is not asked for by itself.
#[cfg(feature = "pg15")]
unsafe fn asked_for(entry: *mut pg_sys::RangeTblEntry, _permissions: &PgList<pg_sys::Node>) -> Option<pg_sys::Oid> {
    // SAFETY: an entry of a range table.
    unsafe {
        let is_asked = (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION && (*entry).requiredPerms != 0;
        is_asked.then_some((*entry).checkAsUser)
    }
}

/// As whom an entry of the range table is to be read; `None` for one that is not asked for by itself.
#[cfg(not(feature = "pg15"))]
unsafe fn asked_for(entry: *mut pg_sys::RangeTblEntry, permissions: &PgList<pg_sys::Node>) -> Option<pg_sys::Oid> {
    // SAFETY: an entry of a range table, whose number is that of a node of the other list, from 1, or 0.
    unsafe {
        let place = usize::try_from((*entry).perminfoindex).ok()?.checked_sub(1)?;
        let asked = permissions.get_ptr(place)?.cast::<pg_sys::RTEPermissionInfo>();
        let is_asked = (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION && (*asked).requiredPerms != 0;
        is_asked.then_some((*asked).checkAsUser)
    }
}

/// One of PostgreSQL's own, whose rows are no tenant's.
fn is_system_catalog(relation: pg_sys::Oid) -> bool {
    relation.to_u32() < pg_sys::FirstNormalObjectId
}

/// A table, or what holds rows like one, that row-level security does not bind the reader on. A view's tables are asked for by
/// themselves.
fn is_without_fence(relation: pg_sys::Oid, reader: pg_sys::Oid) -> bool {
    // SAFETY: catalog look-ups, without an error where there is no such relation.
    unsafe {
        let kind = pg_sys::get_rel_relkind(relation).cast_unsigned();
        kind != pg_sys::RELKIND_VIEW
            && u32::try_from(pg_sys::check_enable_rls(relation, reader, true))
                != Ok(pg_sys::CheckEnableRlsResult::RLS_ENABLED)
    }
}
