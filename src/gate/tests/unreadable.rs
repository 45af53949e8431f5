//! Honest PostgreSQL that sqlparser 0.63 does not read, even respelt. The refusal must not call it a syntax error. If
//! one of these begins to pass, move it to the honest queries.

use super::super::GateErrorKind;
use super::refused;

#[test]
fn says_that_the_gate_cannot_read_it() {
    for sql in ["SELECT collation for (a) FROM t", "SELECT * FROM t WHERE a IN ((SELECT 1), 2)"] {
        assert_eq!(refused(sql), Some(GateErrorKind::UnsupportedByGate), "{sql}");
    }
}
