//! The order of a type's values, and the operators that ask for it.

use super::flags::c_int;
use pgrx::pg_sys;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Order {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Order {
    /// The one that a name of a function of ours says.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "less" => Order::Less,
            "less_equal" => Order::LessOrEqual,
            "equal" => Order::Equal,
            "greater_equal" => Order::GreaterOrEqual,
            "greater" => Order::Greater,
            _ => return None,
        })
    }

    /// The same with the sides changed.
    pub fn swapped(self) -> Self {
        match self {
            Order::Less => Order::Greater,
            Order::LessOrEqual => Order::GreaterOrEqual,
            Order::Equal => Order::Equal,
            Order::GreaterOrEqual => Order::LessOrEqual,
            Order::Greater => Order::Less,
        }
    }
}

/// The operators `>=` and `<=` by which values of a type are put in order.
pub fn range_operators(type_oid: pg_sys::Oid) -> Option<[pg_sys::Oid; 2]> {
    Some([operator_of_order(Order::GreaterOrEqual, type_oid)?, operator_of_order(Order::LessOrEqual, type_oid)?])
}

/// What an operator asks of two values, the left one of this type, by the order of that type.
pub fn place_in_order(operator: pg_sys::Oid, type_oid: pg_sys::Oid) -> Option<Order> {
    let family = order_of(type_oid)?;
    // SAFETY: a catalog look-up.
    let strategy = unsafe { pg_sys::get_op_opfamily_strategy(operator, family) };
    ORDERS.iter().find(|(_, number)| i32::try_from(*number) == Ok(strategy)).map(|(order, _)| *order)
}

/// The operator that asks that of two values of a type.
pub fn operator_of_order(order: Order, type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    operator_of_family(order_of(type_oid)?, order, type_oid)
}

/// The operators that put texts in the order of their bytes: those of text itself where a collation does, else those of
/// text_pattern_ops. An index of the same kind is what both need.
pub fn of_bytes(collation: pg_sys::Oid) -> impl Fn(Order) -> Option<pg_sys::Oid> {
    let family = if is_c(collation) { order_of(pg_sys::TEXTOID) } else { Some(pg_sys::TEXT_PATTERN_BTREE_FAM_OID) };
    move |order| operator_of_family(family?, order, pg_sys::TEXTOID)
}

/// Whether a collation puts texts in the order of their bytes.
pub(super) fn is_c(collation: pg_sys::Oid) -> bool {
    if collation == pg_sys::InvalidOid {
        return false;
    }
    // SAFETY: a catalog look-up, for which there must be such a collation.
    #[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
    return unsafe { pg_sys::lc_collate_is_c(collation) };
    // SAFETY: the same; what is looked up lives as long as the session.
    #[cfg(any(feature = "pg18", feature = "pg19"))]
    unsafe {
        (*pg_sys::pg_newlocale_from_collation(collation)).collate_is_c
    }
}

fn operator_of_family(family: pg_sys::Oid, order: Order, type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let strategy =
        ORDERS.iter().find(|(known, _)| *known == order).and_then(|(_, number)| i16::try_from(*number).ok())?;
    // SAFETY: a catalog look-up.
    let found = unsafe { pg_sys::get_opfamily_member(family, type_oid, type_oid, strategy) };
    (found != pg_sys::InvalidOid).then_some(found)
}

const ORDERS: [(Order, u32); 5] = [
    (Order::Less, pg_sys::BTLessStrategyNumber),
    (Order::LessOrEqual, pg_sys::BTLessEqualStrategyNumber),
    (Order::Equal, pg_sys::BTEqualStrategyNumber),
    (Order::GreaterOrEqual, pg_sys::BTGreaterEqualStrategyNumber),
    (Order::Greater, pg_sys::BTGreaterStrategyNumber),
];

/// The operator family of a type's own order.
fn order_of(type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let flags = const { c_int(pg_sys::TYPECACHE_BTREE_OPFAMILY) };
    // SAFETY: a type cache look-up; entries are never freed.
    let entry = unsafe { pg_sys::lookup_type_cache(type_oid, flags).as_ref() }?;
    (entry.btree_opf != pg_sys::InvalidOid).then_some(entry.btree_opf)
}
