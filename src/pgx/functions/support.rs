//! What the planner asks of support functions.

use pgrx::{PgList, pg_sys};

/// The function and its first two arguments, where an index is looked for that begins with the first.
///
/// # Safety
/// A request of the planner's.
pub(super) unsafe fn of_first_argument(
    request: &pg_sys::SupportRequestIndexCondition,
) -> Option<(pg_sys::Oid, *mut pg_sys::Node, *mut pg_sys::Node)> {
    // SAFETY: the node is the call that the planner looks at.
    unsafe {
        if request.indexarg != 0 || (*request.node).type_ != pg_sys::NodeTag::T_FuncExpr {
            return None;
        }
        let call = request.node.cast::<pg_sys::FuncExpr>();
        let arguments = PgList::<pg_sys::Node>::from_pg((*call).args);
        Some(((*call).funcid, arguments.get_ptr(0)?, arguments.get_ptr(1)?))
    }
}
