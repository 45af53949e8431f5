//! Rows of a table by the key of an index, without a plan: what every call or every session reads of the catalog and of our own
//! tables. A scan sees what is committed now, whatever snapshot the transaction has.

use crate::error::StageResult;
use crate::pgx::flags::c_int;
use crate::pgx::jsonb;
use crate::pgx::server::own_relation;
use crate::pgx::spi::read::broken;
use crate::pgx::types::attribute;
use pgrx::{FromDatum, IntoDatum, pg_sys};
use std::ffi::CStr;
use std::hash::{DefaultHasher, Hasher};
use std::ops::ControlFlow;

/// A table, an index of it, and the columns that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'a> {
    /// The table.
    pub table: pg_sys::Oid,
    /// An index that begins with the columns.
    pub index: pg_sys::Oid,
    /// Column numbers of the table, and the value that each must have.
    pub keys: &'a [(i16, Key<'a>)],
}

/// A value that a column of an index must have.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// Of type oid.
    Oid(pg_sys::Oid),
    /// Of type text.
    Text(&'a str),
}

/// A row while a scan stands on it.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

/// What `read` makes of the rows of a table of ours, by the columns that its primary key begins with.
///
/// # Errors
/// XX000 where the table or its key is not there.
pub fn find_own<T>(
    table: &CStr,
    keys: &[(i16, Key<'_>)],
    read: impl FnMut(&Row) -> StageResult<T>,
) -> StageResult<Vec<T>> {
    let found = own_relation(table).and_then(|table| Some((table, primary_key(table)?)));
    let (table, index) = found.ok_or_else(|| broken("a table of the extension is missing"))?;
    find(Keyed { table, index, keys }, read)
}

/// The index of a table's primary key, whatever it is called.
pub fn primary_key(table: pg_sys::Oid) -> Option<pg_sys::Oid> {
    const LOCK: i32 = c_int(pg_sys::AccessShareLock);
    // SAFETY: a table that is open while its index is looked up.
    unsafe {
        let relation = pg_sys::try_table_open(table, LOCK);
        if relation.is_null() {
            return None;
        }
        #[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
        let index = pg_sys::RelationGetPrimaryKeyIndex(relation);
        #[cfg(any(feature = "pg18", feature = "pg19"))]
        let index = pg_sys::RelationGetPrimaryKeyIndex(relation, false);
        pg_sys::table_close(relation, LOCK);
        (index != pg_sys::InvalidOid).then_some(index)
    }
}

/// The values of a column of type regclass in all rows of a table.
pub fn relations_in(table: pg_sys::Oid, column: &str) -> StageResult<Vec<pg_sys::Oid>> {
    let mut found = Vec::new();
    scan(table, None, &mut |row| {
        found.push(row.get(column, pg_sys::REGCLASSOID));
        ControlFlow::Continue(())
    });
    found.into_iter().filter_map(StageResult::transpose).collect()
}

/// What `read` makes of each row.
pub fn find<T>(keyed: Keyed<'_>, mut read: impl FnMut(&Row) -> StageResult<T>) -> StageResult<Vec<T>> {
    let mut found = Vec::new();
    scan(keyed.table, Some((keyed.index, keyed.keys)), &mut |row| {
        found.push(read(row));
        ControlFlow::Continue(())
    });
    found.into_iter().collect()
}

/// Whether a table has rows.
pub fn has_rows(table: pg_sys::Oid) -> bool {
    let mut any = false;
    scan(table, None, &mut |_| {
        any = true;
        ControlFlow::Break(())
    });
    any
}

/// What the rows are like, as a number that is another one when a row was changed, added or taken away: place and inserting
/// transaction of each version. VACUUM and ANALYZE, which write statistics into a row as it stands, do not count as a change.
/// 0 if there is none.
pub fn print(keyed: Keyed<'_>) -> u64 {
    printed(keyed.table, Some((keyed.index, keyed.keys)))
}

/// The same of all rows of a table.
pub fn print_of_table(table: pg_sys::Oid) -> u64 {
    printed(table, None)
}

fn printed(table: pg_sys::Oid, by: Option<(pg_sys::Oid, &[(i16, Key<'_>)])>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut any = false;
    scan(table, by, &mut |row| {
        any = true;
        // SAFETY: a tuple of the table, with its header.
        unsafe {
            let place = (*row.tuple).t_self;
            hasher.write_u16(place.ip_blkid.bi_hi);
            hasher.write_u16(place.ip_blkid.bi_lo);
            hasher.write_u16(place.ip_posid);
            hasher.write_u32((*(*row.tuple).t_data).t_choice.t_heap.t_xmin.into());
        }
        ControlFlow::Continue(())
    });
    if any { hasher.finish() } else { 0 }
}

/// Calls `visit` on each row until it breaks off; on none if the table is not there any more.
fn scan(
    table: pg_sys::Oid,
    by: Option<(pg_sys::Oid, &[(i16, Key<'_>)])>,
    visit: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) {
    const LOCK: i32 = c_int(pg_sys::AccessShareLock);
    // SAFETY: a scan of the latest snapshot; what it gives is read before the next row, and an ERROR releases all of it. An index
    // is of the table, and its first columns are those of the keys.
    unsafe {
        let relation = pg_sys::try_table_open(table, LOCK);
        if relation.is_null() {
            return;
        }
        let (index, mut keys) = match by {
            Some((index, keys)) => (index, scan_keys(index, keys)),
            None => (pg_sys::InvalidOid, Vec::new()),
        };
        let scan = pg_sys::systable_beginscan(
            relation,
            index,
            by.is_some(),
            std::ptr::null_mut(),
            i32::try_from(keys.len()).unwrap_or(0),
            keys.as_mut_ptr(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() || visit(&Row { tuple, descriptor: (*relation).rd_att }).is_break() {
                break;
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, LOCK);
    }
}

/// # Safety
/// The index has at least as many columns, of the keys' types.
unsafe fn scan_keys(index: pg_sys::Oid, keys: &[(i16, Key<'_>)]) -> Vec<pg_sys::ScanKeyData> {
    const OIDEQ: u32 = 184;
    const TEXTEQ: u32 = 67;
    const LOCK: i32 = c_int(pg_sys::AccessShareLock);
    // SAFETY: the caller's promise; the scan locks the index itself.
    unsafe {
        let opened = pg_sys::index_open(index, LOCK);
        let made = keys.iter().enumerate().map(|(place, (attribute, key))| {
            let mut made = pg_sys::ScanKeyData::default();
            let (function, value) = match key {
                Key::Oid(oid) => (OIDEQ, pg_sys::Datum::from(*oid)),
                Key::Text(text) => (TEXTEQ, text.into_datum().unwrap_or(pg_sys::Datum::from(0))),
            };
            pg_sys::ScanKeyEntryInitialize(
                &raw mut made,
                0,
                *attribute,
                const { pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber },
                pg_sys::InvalidOid,
                // The order of the index is that of its own collation.
                *(*opened).rd_indcollation.add(place),
                function.into(),
                value,
            );
            made
        });
        let made = made.collect();
        pg_sys::index_close(opened, LOCK);
        made
    }
}

impl Row {
    /// A column's value; `None` for NULL.
    ///
    /// # Errors
    /// XX000 where the table has no such column of this type, as for all of these.
    fn datum(&self, column: &str, type_oid: pg_sys::Oid) -> StageResult<Option<pg_sys::Datum>> {
        // SAFETY: the descriptor of the open table; the index is in range, and names are NUL-terminated.
        let is_it = |index: &i32| unsafe {
            let known = attribute(self.descriptor, *index);
            !known.attisdropped
                && known.atttypid == type_oid
                && CStr::from_ptr(known.attname.data.as_ptr()).to_bytes() == column.as_bytes()
        };
        // SAFETY: as above.
        let place = (0..unsafe { (*self.descriptor).natts }).find(is_it);
        let number = place.ok_or_else(|| broken("a table of the extension lacks a column"))?.saturating_add(1);
        let mut is_null = false;
        // SAFETY: the tuple is one of the table's, the column one of its.
        let value = unsafe { pg_sys::heap_getattr(self.tuple, number, self.descriptor, &mut is_null) };
        Ok((!is_null).then_some(value))
    }

    fn get<T: FromDatum>(&self, column: &str, type_oid: pg_sys::Oid) -> StageResult<Option<T>> {
        let value = self.datum(column, type_oid)?;
        // SAFETY: a value of the type that `T` is read from, which its callers below see to.
        Ok(value.and_then(|value| unsafe { T::from_polymorphic_datum(value, false, type_oid) }))
    }

    /// Of type text.
    pub fn text(&self, column: &str) -> StageResult<Option<String>> {
        self.get(column, pg_sys::TEXTOID)
    }

    /// Of type bytea.
    pub fn bytes(&self, column: &str) -> StageResult<Option<Vec<u8>>> {
        self.get(column, pg_sys::BYTEAOID)
    }

    /// Of type integer.
    pub fn number(&self, column: &str) -> StageResult<Option<i32>> {
        self.get(column, pg_sys::INT4OID)
    }

    /// Of type bigint.
    pub fn large_number(&self, column: &str) -> StageResult<Option<i64>> {
        self.get(column, pg_sys::INT8OID)
    }

    /// Of type boolean.
    pub fn flag(&self, column: &str) -> StageResult<Option<bool>> {
        self.get(column, pg_sys::BOOLOID)
    }

    /// Of type timestamptz, in microseconds since 1970; infinity is the last or first of them.
    pub fn moment(&self, column: &str) -> StageResult<Option<i64>> {
        const SINCE_1970: i64 = 946_684_800_000_000;
        let value = self.datum(column, pg_sys::TIMESTAMPTZOID)?;
        // An infinite one is the largest or smallest number, and stays it.
        Ok(value.map(|value| value.value() as i64).map(|moment| match moment {
            i64::MIN | i64::MAX => moment,
            _ => moment.saturating_add(SINCE_1970),
        }))
    }

    /// Of type jsonb, as text.
    pub fn json(&self, column: &str) -> StageResult<Option<String>> {
        // SAFETY: the value is of type jsonb.
        Ok(self.datum(column, pg_sys::JSONBOID)?.map(|value| unsafe { jsonb::text(value) }))
    }

    /// Of type text[]; one of several dimensions, or with a NULL in it, cannot be read.
    pub fn texts(&self, column: &str) -> StageResult<Option<Vec<String>>> {
        let Some(value) = self.datum(column, pg_sys::TEXTARRAYOID)? else { return Ok(None) };
        // SAFETY: the value is an array of text.
        let (dimensions, texts) = unsafe {
            let array = pg_sys::pg_detoast_datum(value.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            ((*array).ndim, Vec::<Option<String>>::from_polymorphic_datum(array.into(), false, pg_sys::TEXTARRAYOID))
        };
        let texts = texts.filter(|_| dimensions <= 1).and_then(|texts| texts.into_iter().collect());
        texts.map(Some).ok_or_else(|| broken("an array of the extension's cannot be read"))
    }
}
