//! Comparisons of numbers and enums, which PostgreSQL does not mark leakproof.
//!
//! | operators | why no value makes them raise an error (15 to 19) |
//! |---|---|
//! | `numeric`: `=`, `<`, `<=`, `>`, `>=` | numeric.c, `cmp_numerics`: NaN and the infinities have branches of their own, and all other numbers are compared digit by digit in the form that they are stored in. Nothing is computed, and there is no `ereport`. Reading a value that is stored apart is the same for every leakproof operator of text |
//! | enums: `=` | enum.c, `enum_eq`: whether two OIDs are equal |
//!
//! Enums in their order are left as they are: `enum_cmp_internal` looks a value up in the catalog, and raises an error for one that
//! is not there. Which it does depends on the number of the value. `<>` finds nothing in an index.

use super::{LONGEST_LIST, stored};
use crate::catalog::plane::Plane;
use crate::pgx::query::condition::{AnyComparison, Bound, Original, Part, Replacement, Test};
use crate::pgx::query::{QueryNode, QueryView};
use crate::pgx::types;
use pgrx::pg_sys::{self, Oid};

/// What takes the place of a comparison of a column that an index has, if anything does; the comparison stays beside it. Nothing where
/// the value is a query's, as for moments.
pub(super) fn in_place_of<'t>(
    condition: QueryNode<'t>,
    plane: &Plane,
    scopes: &[QueryView<'t>],
) -> Option<Replacement<'t>> {
    let AnyComparison { side: column, order, values } = condition.any_comparison()?;
    let type_oid = compared_type(column)?;
    let is_plain = |value: &QueryNode<'t>| compared_type(*value) == Some(type_oid) && !value.holds_query();
    if values.len() > LONGEST_LIST
        || !column.is_own_column()
        || !values.iter().all(is_plain)
        || !stored::column(column, scopes, plane).is_some_and(|column| column.is_indexed)
    {
        return None;
    }
    let test = Test::Function(plane.comparisons.of(order, type_oid)?);
    let part = |value| vec![Part { column, test, bound: Bound::Value { value, calls: Vec::new() } }];
    Some(Replacement { alternatives: values.into_iter().map(part).collect(), original: Original::Kept })
}

/// The type by which an expression is compared, if it is one of those above.
fn compared_type(node: QueryNode<'_>) -> Option<Oid> {
    let type_oid = types::base_type(node.expression_type());
    (type_oid == pg_sys::NUMERICOID || types::is_enum(type_oid)).then_some(type_oid)
}
