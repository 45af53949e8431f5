//! Checks for interrupts (cancel, deadline, terminated session) in work of our own that may take long.

/// Raises PostgreSQL's own ERROR when the call is to end. Where nothing is asked for it costs a read.
pub fn check() {
    pgrx::check_for_interrupts!();
}
