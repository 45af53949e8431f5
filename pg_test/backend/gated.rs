//! What the gate has admitted is known again for the same tenant, text and limits, and for nobody else.

#[pgrx::pg_schema]
mod tests {
    use crate::gate::Limits;
    use crate::run::admit_known;
    use pgrx::prelude::*;
    use std::rc::Rc;

    const SQL: &str = "SELECT 1 AS known_again";

    #[pg_test]
    fn a_text_is_known_again_for_the_same_tenant_alone() {
        let admit = |tenant, limits: Limits| admit_known(SQL, tenant, limits).unwrap().gated;
        let first = admit(Some("42"), Limits::default());
        assert!(Rc::ptr_eq(&first, &admit(Some("42"), Limits::default())), "the control");
        assert!(!Rc::ptr_eq(&first, &admit(Some("7"), Limits::default())), "another tenant");
        assert!(!Rc::ptr_eq(&first, &admit(None, Limits::default())), "nobody");
        let other = Limits { max_joins: 3, ..Limits::default() };
        assert!(!Rc::ptr_eq(&first, &admit(Some("42"), other)), "other limits");
        assert_eq!(*first, *admit(Some("7"), Limits::default()));
    }

    /// What the limits of now refuse is refused, whatever was known under others.
    #[pg_test]
    fn limits_hold_for_a_known_text() {
        assert!(admit_known(SQL, Some("42"), Limits::default()).is_ok());
        let short = Limits { max_bytes: SQL.len() - 1, ..Limits::default() };
        assert!(admit_known(SQL, Some("42"), short).is_err());
    }

    #[pg_test]
    fn what_is_kept_is_bounded() {
        let admit = |sql: &str| admit_known(sql, Some("42"), Limits::default()).unwrap().gated;
        let first = admit(SQL);
        for number in 0..40 {
            admit(&format!("SELECT {number}"));
        }
        assert!(!Rc::ptr_eq(&first, &admit(SQL)), "the oldest went");
        let long = format!("SELECT '{}'", "x".repeat(9_000));
        assert!(!Rc::ptr_eq(&admit(&long), &admit(&long)), "a long one is not kept");
        for _ in 0..2 {
            assert!(admit_known("SELECT 1; SELECT 2", Some("42"), Limits::default()).is_err());
        }
    }
}
