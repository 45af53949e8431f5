//! What rows of the catalog, and of small tables of our own, are like, as a number that is another one when a row was changed,
//! added or taken away: place and inserting transaction of each version. VACUUM and ANALYZE, which write statistics into a row as
//! it stands, do not count as a change.

use pgrx::pg_sys;
use std::hash::{DefaultHasher, Hasher};

/// The rows of a table with one key.
#[derive(Debug, Clone, Copy)]
pub struct Keyed {
    /// The table.
    pub table: pg_sys::Oid,
    /// An index that begins with the key.
    pub index: pg_sys::Oid,
    /// The key's column.
    pub attribute: i16,
}

/// Of the rows whose column of type `oid` has that value, as the catalog is now.
pub fn with_key(keyed: Keyed, key: pg_sys::Oid) -> u64 {
    const OIDEQ: u32 = 184;
    let mut scan_key = pg_sys::ScanKeyData::default();
    // SAFETY: the column is of type oid, as the caller says; strategy 3 is equality in a btree.
    unsafe {
        pg_sys::ScanKeyInit(
            &raw mut scan_key,
            keyed.attribute,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            OIDEQ.into(),
            key.into(),
        );
    }
    scanned(keyed.table, keyed.index, &mut [scan_key])
}

/// Of all rows of a table, as they are now; 0 if there is none.
pub fn of_table(table: pg_sys::Oid) -> u64 {
    scanned(table, pg_sys::InvalidOid, &mut [])
}

fn scanned(table: pg_sys::Oid, index: pg_sys::Oid, keys: &mut [pg_sys::ScanKeyData]) -> u64 {
    const LOCK: i32 = pg_sys::AccessShareLock as i32;
    let mut hasher = DefaultHasher::new();
    let mut any = false;
    // SAFETY: a scan of the latest snapshot; what it gives is read before the next row. An ERROR releases all of it.
    unsafe {
        let relation = pg_sys::table_open(table, LOCK);
        let scan = pg_sys::systable_beginscan(
            relation,
            index,
            index != pg_sys::InvalidOid,
            std::ptr::null_mut(),
            i32::try_from(keys.len()).unwrap_or(0),
            keys.as_mut_ptr(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            any = true;
            let place = (*tuple).t_self;
            hasher.write_u16(place.ip_blkid.bi_hi);
            hasher.write_u16(place.ip_blkid.bi_lo);
            hasher.write_u16(place.ip_posid);
            hasher.write_u32((*(*tuple).t_data).t_choice.t_heap.t_xmin.into());
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, LOCK);
    }
    if any { hasher.finish() } else { 0 }
}
