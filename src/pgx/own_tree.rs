//! A copy of one of PostgreSQL's trees that outlives the section in which it was made.

use pgrx::pg_sys;
use std::ffi::CStr;

/// A tree in a memory context of its own, which is freed with it. No part of it is ever given out or changed: what changes a tree, as
/// PostgreSQL's rewriter and planner do, gets a copy.
pub(super) struct OwnTree {
    context: pg_sys::MemoryContext,
    root: *mut pg_sys::Node,
}

impl OwnTree {
    /// Copies a tree; `None` where PostgreSQL has no copy of it. `name` is that of the memory context.
    ///
    /// # Safety
    /// A whole tree of PostgreSQL's, inside a section.
    pub(super) unsafe fn of(name: &'static CStr, root: *mut pg_sys::Node) -> Option<Self> {
        // SAFETY: the context is a child of the section's, with which it goes if copying raises an ERROR. It becomes one of those that
        // last as long as the session only once it holds the tree.
        let kept = unsafe {
            let context =
                pg_sys::AllocSetContextCreateInternal(pg_sys::CurrentMemoryContext, name.as_ptr(), 0, 1_024, 8 * 1_024);
            let outside = pg_sys::MemoryContextSwitchTo(context);
            let root = pg_sys::copyObjectImpl(root.cast()).cast::<pg_sys::Node>();
            pg_sys::MemoryContextSwitchTo(outside);
            pg_sys::MemoryContextSetParent(context, pg_sys::CacheMemoryContext);
            OwnTree { context, root }
        };
        (!kept.root.is_null()).then_some(kept)
    }

    /// A copy in the memory that is current.
    pub(super) fn copy(&self) -> *mut pg_sys::Node {
        // SAFETY: a whole tree, which nobody changes.
        unsafe { pg_sys::copyObjectImpl(self.root.cast()).cast() }
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        // SAFETY: the context is this value's.
        unsafe { pg_sys::MemoryContextMemAllocated(self.context, true) }
    }
}

impl Drop for OwnTree {
    fn drop(&mut self) {
        // SAFETY: the context is this value's, and nothing of it was given out.
        unsafe { pg_sys::MemoryContextDelete(self.context) };
    }
}
