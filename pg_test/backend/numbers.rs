//! Numbers of PostgreSQL's that no binding has, written by hand for each major: the server that runs must have the same.

#[pgrx::pg_schema]
mod tests {
    use crate::backend_tests::support::{World, assert_accepted};
    use crate::pgx::section::deadline::{USER_TIMEOUT, identifiers};
    use crate::pgx::shmem::ADDIN_SHMEM_INIT_LOCK;
    use pgrx::prelude::*;
    use std::ffi::CStr;

    /// The lock of that number is the one that is meant.
    #[pg_test]
    fn number_of_the_add_in_lock() {
        let number = u16::try_from(ADDIN_SHMEM_INIT_LOCK).unwrap();
        let name = unsafe { CStr::from_ptr(pg_sys::GetLWLockIdentifier(pg_sys::PG_WAIT_LWLOCK, number)) };
        assert_eq!(name.to_str(), Ok("AddinShmemInit"));
    }

    /// PostgreSQL gives an extension's timeouts the numbers from USER_TIMEOUT on, one after the other. With a smaller number than
    /// that both would be one of its own; with a larger one they would begin below it.
    #[pg_test]
    fn number_of_the_first_timeout() {
        assert_accepted("a section", World::bare().confined(|_| Ok(())));
        // Without a call there is no third.
        assert_eq!(identifiers(), [USER_TIMEOUT, USER_TIMEOUT + 1, -1]);
    }

    /// The tables of the catalog whose rows a shared plane is compared with, by names: the index is the table's, and begins with
    /// the column.
    #[pg_test]
    fn numbers_of_the_catalog() {
        use crate::catalog::rows;
        for ((table, index, column), name, column_name) in [
            (rows::RELATIONS, "pg_class", "oid"),
            (rows::ATTRIBUTES, "pg_attribute", "attrelid"),
            (rows::POLICIES, "pg_policy", "polrelid"),
            (rows::GENERATED, "pg_attrdef", "adrelid"),
            (rows::ROLES, "pg_authid", "oid"),
            (rows::EXTENSIONS, "pg_extension", "oid"),
            (rows::DB_ROLE_SETTING, "pg_db_role_setting", "setdatabase"),
        ] {
            let sql = format!(
                "SELECT i.indexrelid = {index} AND i.indkey[0] = {column} AND a.attname = '{column_name}' \
                 FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_attribute AS a \
                 ON a.attrelid = i.indrelid AND a.attnum = {column} \
                 WHERE i.indrelid = {table} AND i.indrelid = 'pg_catalog.{name}'::regclass AND i.indexrelid = {index}"
            );
            assert_eq!(Spi::get_one::<bool>(&sql), Ok(Some(true)), "{name}");
        }
    }
}
