//! Mistakes on purpose, one each for the checks of pg_test/memory: a detector that misses its own is asleep.
//!
//! SQL functions `planted.<name>()` of test builds. tools/run_pg_tests.py leaves them alone, since they are no tests.

#[pgrx::pg_schema]
mod planted {
    use pgrx::prelude::*;
    use std::hint::black_box;

    /// More than the server rounds a block up to by itself.
    const SIZE: usize = 100;

    /// Parses in a memory context of its own and looks at the tree when that is gone: what a view of a tree that
    /// outlived its confinement would do.
    #[pg_extern]
    fn walks_a_freed_tree() -> bool {
        // SAFETY: none, on purpose; the context is made, left and deleted here.
        unsafe {
            let context = pg_sys::AllocSetContextCreateExtended(
                pg_sys::CurrentMemoryContext,
                c"planted".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
            );
            let before = pg_sys::MemoryContextSwitchTo(context);
            let list = pg_sys::pg_parse_query(c"SELECT 1 + 2".as_ptr());
            let statement = (*(*list).elements).ptr_value.cast::<pg_sys::RawStmt>();
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextDelete(context);
            black_box(statement).read_volatile().stmt_len > 0
        }
    }

    /// Reads one byte past what was asked of palloc.
    #[pg_extern]
    fn reads_past_a_block() -> bool {
        // SAFETY: none, on purpose; the byte lies within what palloc took from malloc.
        unsafe {
            let block = pg_sys::palloc0(SIZE).cast::<u8>();
            let found = black_box(block).add(SIZE).read_volatile() == 0;
            pg_sys::pfree(block.cast());
            found
        }
    }

    /// Writes one byte past what was asked of palloc: the guard byte of a server with assertions.
    #[pg_extern]
    fn writes_past_a_block() {
        // SAFETY: none, on purpose; the byte is the guard's, or lies within what palloc took from malloc.
        unsafe {
            let block = pg_sys::palloc0(SIZE).cast::<u8>();
            black_box(block).add(SIZE).write_volatile(0);
            pg_sys::pfree(block.cast());
        }
    }

    /// Decides by uninitialised memory.
    #[pg_extern]
    fn decides_by_chance() -> bool {
        // SAFETY: none, on purpose.
        unsafe {
            let block = pg_sys::palloc(SIZE).cast::<u8>();
            let chance = black_box(block).read_volatile() == 1;
            pg_sys::pfree(block.cast());
            if chance { black_box(true) } else { black_box(false) }
        }
    }

    /// Reads memory of Rust's own allocator after it was given back.
    #[pg_extern]
    fn reads_a_freed_box() -> bool {
        let pointer = Box::into_raw(Box::new([1_u64; SIZE]));
        // SAFETY: none for the read, on purpose.
        unsafe {
            drop(Box::from_raw(pointer));
            black_box(pointer).cast::<u64>().add(SIZE / 2).read_volatile() == 1
        }
    }

    /// Allocates in a critical section, which a server with assertions ends the backend for.
    #[pg_extern]
    fn breaks_an_assertion() {
        // SAFETY: without assertions the section is left as it was entered.
        unsafe {
            pg_sys::CritSectionCount += 1;
            pg_sys::pfree(pg_sys::palloc(SIZE));
            pg_sys::CritSectionCount -= 1;
        }
    }
}
