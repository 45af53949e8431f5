//! A LIST-partitioned table whose partitions are foreign tables, as a directory from values of its key to tables of data servers.

use crate::pgx::flags::c_int;
use crate::pgx::node::text;
use crate::pgx::section::stage;
use pgrx::{PgList, pg_sys};
use std::ffi::CString;

/// One partition, as the catalog has it now.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The foreign table.
    pub table: pg_sys::Oid,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its server.
    pub server: pg_sys::Oid,
    /// The server's name.
    pub server_name: String,
    /// The table's schema on the data server.
    pub remote_schema: String,
    /// The table's name there.
    pub remote_name: String,
}

/// A column of a leaf.
#[derive(Debug, Clone)]
pub struct LeafColumn {
    /// Its number.
    pub attribute: i16,
    /// Its type.
    pub type_oid: pg_sys::Oid,
    /// Its name on the data server.
    pub remote_name: String,
}

/// What a value of the key leads to.
pub enum Found {
    /// The partition that has it.
    Leaf(Leaf),
    /// No partition has it.
    Nothing,
    /// The table is no such directory, or the partition no foreign table.
    Unfit(&'static str),
}

const LOCK: i32 = c_int(pg_sys::AccessShareLock);

/// Where the rows are whose key, the column `attribute` of type `type_oid`, has that value. Without a value it is the first partition,
/// whichever that is: a condition that compares with NULL lets no row through.
pub fn find(parent: pg_sys::Oid, attribute: i16, type_oid: pg_sys::Oid, value: Option<pg_sys::Datum>) -> Found {
    // Also planning may ask a data server.
    stage::set_remote();
    let Some(key) = key(parent) else { return Found::Unfit("it is not partitioned by LIST of one column") };
    if key.attribute != attribute {
        return Found::Unfit("it is partitioned by another column than the tenant's");
    }
    let found = match value {
        None => Ok(first_partition(parent)),
        Some(value) => partition_of(parent, &key, type_oid, value),
    };
    let table = match found {
        Ok(Some(table)) => table,
        Ok(None) => return Found::Nothing,
        Err(reason) => return Found::Unfit(reason),
    };
    leaf(table).map_or(Found::Unfit("a partition of it is not a foreign table of postgres_fdw"), Found::Leaf)
}

/// The column of a leaf that has this name.
pub fn column(leaf: &Leaf, name: &str) -> Option<LeafColumn> {
    let name = CString::new(name).ok()?;
    // SAFETY: catalog look-ups of a NUL-terminated name.
    let attribute = unsafe { pg_sys::get_attnum(leaf.table, name.as_ptr()) };
    if attribute <= 0 {
        return None;
    }
    // SAFETY: a column that is there; the options are a list of DefElem.
    let (type_oid, options) =
        unsafe { (pg_sys::get_atttype(leaf.table, attribute), pg_sys::GetForeignColumnOptions(leaf.table, attribute)) };
    // SAFETY: as above.
    let remote_name = unsafe { option(options, "column_name") };
    let remote_name = remote_name.unwrap_or_else(|| name.to_string_lossy().into_owned());
    Some(LeafColumn { attribute, type_oid, remote_name })
}

struct Key {
    attribute: i16,
    collation: pg_sys::Oid,
}

fn key(parent: pg_sys::Oid) -> Option<Key> {
    let cache = crate::pgx::flags::cache(pg_sys::SysCacheIdentifier::PARTRELID);
    // SAFETY: a cache of the catalog; what is read is copied before the entry is released. The arrays have one element each.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(parent));
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_partitioned_table>(tuple);
        let is_list = (*form).partstrat.cast_unsigned() == b'l' && (*form).partnatts == 1;
        let attribute = (*form).partattrs.values.as_slice(1).first().copied();
        let mut is_null = true;
        let number = pg_sys::Anum_pg_partitioned_table_partcollation;
        let collations =
            pg_sys::SysCacheGetAttr(cache, tuple, i16::try_from(number).unwrap_or_default(), &raw mut is_null);
        let collation = (!is_null)
            .then(|| (*collations.cast_mut_ptr::<pg_sys::oidvector>()).values.as_slice(1).first().copied())
            .flatten();
        pg_sys::ReleaseSysCache(tuple);
        Some(Key { attribute: attribute.filter(|number| is_list && *number > 0)?, collation: collation? })
    }
}

fn first_partition(parent: pg_sys::Oid) -> Option<pg_sys::Oid> {
    with_partitions(parent, |partitions| {
        let count = usize::try_from(partitions.nparts).unwrap_or_default();
        // SAFETY: as many partitions as it says.
        let tables =
            unsafe { std::slice::from_raw_parts(partitions.oids, if partitions.oids.is_null() { 0 } else { count }) };
        tables.first().copied()
    })
}

fn partition_of(
    parent: pg_sys::Oid,
    key: &Key,
    type_oid: pg_sys::Oid,
    value: pg_sys::Datum,
) -> Result<Option<pg_sys::Oid>, &'static str> {
    // SAFETY: an entry of a cache that lives as long as the backend.
    let entry = unsafe { &mut *pg_sys::lookup_type_cache(type_oid, const { c_int(pg_sys::TYPECACHE_CMP_PROC_FINFO) }) };
    if entry.cmp_proc_finfo.fn_oid == pg_sys::InvalidOid {
        return Err("values of its key's type have no order");
    }
    let mut collation = key.collation;
    Ok(with_partitions(parent, |partitions| {
        let bounds = partitions.boundinfo;
        // SAFETY: the bounds of a LIST-partitioned table that is open; its datums are in the order of the type's own comparison, which
        // `protect_remote` has seen to.
        let index = unsafe {
            if bounds.is_null() {
                return None;
            }
            let mut is_equal = false;
            let place = pg_sys::partition_list_bsearch(
                &raw mut entry.cmp_proc_finfo,
                &raw mut collation,
                bounds,
                value,
                &raw mut is_equal,
            );
            match usize::try_from(place) {
                Ok(place) if is_equal => *(*bounds).indexes.add(place),
                _ => (*bounds).default_index,
            }
        };
        let index =
            usize::try_from(index).ok().filter(|index| *index < usize::try_from(partitions.nparts).unwrap_or(0))?;
        // SAFETY: one of as many partitions as it says.
        Some(unsafe { *partitions.oids.add(index) })
    }))
}

fn with_partitions<T>(parent: pg_sys::Oid, body: impl FnOnce(&pg_sys::PartitionDescData) -> Option<T>) -> Option<T> {
    // SAFETY: a partitioned table, open while its partitions are looked at; an ERROR closes it with the section.
    unsafe {
        let relation = pg_sys::try_table_open(parent, LOCK);
        if relation.is_null() {
            return None;
        }
        let partitions = pg_sys::RelationGetPartitionDesc(relation, true);
        let found = if partitions.is_null() { None } else { body(&*partitions) };
        // The lock is kept to the end of the section, as that of any table that the statement reads.
        pg_sys::table_close(relation, 0);
        found
    }
}

/// A foreign table of postgres_fdw; `None` for any other relation.
pub fn leaf(table: pg_sys::Oid) -> Option<Leaf> {
    // SAFETY: catalog look-ups; NULL for what is not there, else texts that end in a zero byte; the options are a list of DefElem.
    unsafe {
        if pg_sys::get_rel_relkind(table).cast_unsigned() != b'f' {
            return None;
        }
        let foreign = pg_sys::GetForeignTable(table);
        let server = pg_sys::GetForeignServer((*foreign).serverid);
        let wrapper = pg_sys::GetForeignDataWrapper((*server).fdwid);
        if text((*wrapper).fdwname).as_deref() != Some("postgres_fdw") {
            return None;
        }
        let schema = text(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(table)))?;
        let name = text(pg_sys::get_rel_name(table))?;
        let options = (*foreign).options;
        Some(Leaf {
            table,
            server: (*server).serverid,
            server_name: text((*server).servername)?,
            remote_schema: option(options, "schema_name").unwrap_or_else(|| schema.clone()),
            remote_name: option(options, "table_name").unwrap_or_else(|| name.clone()),
            schema,
            name,
        })
    }
}

/// A text option.
///
/// # Safety
/// NIL or a list of DefElem with texts.
unsafe fn option(options: *mut pg_sys::List, name: &str) -> Option<String> {
    // SAFETY: the caller's promise.
    unsafe {
        let options = PgList::<pg_sys::DefElem>::from_pg(options);
        let mut named = options.iter_ptr().filter(|element| text((**element).defname).as_deref() == Some(name));
        named.next().and_then(|element| text(pg_sys::defGetString(element)))
    }
}
