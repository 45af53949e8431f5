//! The principal: a registered combination of tenant, business and subject, with its claims.
//!
//! A signature proves who sent the ids; only the register proves that they may be used together.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::header::{BUSINESS, OWN_PREFIX, SUBJECT, TENANT};
use super::{ContextError, VerifiedIdentity};

/// In a registered business or subject: any value, none included.
pub const ANY: &str = "*";

/// Longest claims of one principal, in bytes of their JSON text.
const MAX_CLAIMS_BYTES: usize = 1024 * 1024;
/// Longest claim name, in bytes.
const MAX_CLAIM_NAME_BYTES: usize = 63;

/// One candidate row of the register, as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PrincipalRow {
    pub tenant: String,
    /// A business or [`ANY`].
    pub business: String,
    /// A subject or [`ANY`].
    pub subject: String,
    /// JSON text of an object: claim name to scalar or array of scalars.
    pub claims: String,
    pub enabled: bool,
}

/// Shows which row it is; claims stay out of logs.
impl fmt::Debug for PrincipalRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PrincipalRow")
            .field("tenant", &self.tenant)
            .field("business", &self.business)
            .field("subject", &self.subject)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// The value of a claim, as text that PostgreSQL casts to the column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    Scalar(String),
    List(Vec<String>),
}

/// Requires: a verified identity that the register admits. Produced by [`Principal::resolve`] alone.
pub struct Principal {
    identity: VerifiedIdentity,
    /// The registered claims, without tenant, business and subject.
    claims: BTreeMap<String, Claim>,
}

impl Principal {
    /// Resolves an identity against its candidate rows: those of its tenant whose business and subject are the
    /// identity's own or [`ANY`].
    ///
    /// The most specific row decides alone: business and subject named, then the business, then the subject, then
    /// neither. A disabled row that decides refuses, whatever wider rows say.
    ///
    /// # Errors
    /// No row, a disabled row, claims that cannot be carried over exactly, or rows that answer another question.
    pub fn resolve(identity: VerifiedIdentity, rows: Vec<PrincipalRow>) -> Result<Self, ContextError> {
        let row = decisive(&identity, rows)?;
        Ok(Self { claims: parse_claims(&row.claims)?, identity })
    }

    /// Whether it still is one, by the candidate rows of now.
    ///
    /// # Errors
    /// As [`Principal::resolve`].
    pub fn check_again(&self, rows: Vec<PrincipalRow>) -> Result<(), ContextError> {
        decisive(&self.identity, rows).map(|_| ())
    }

    #[must_use]
    pub fn tenant(&self) -> &str {
        self.identity.tenant()
    }

    /// Empty when the context names none.
    #[must_use]
    pub fn business(&self) -> &str {
        self.identity.business()
    }

    /// Empty when the context names none.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.identity.subject()
    }

    #[must_use]
    pub fn identity(&self) -> &VerifiedIdentity {
        &self.identity
    }

    /// A claim by its exact name. `None` is a claim that this principal does not have, an empty business or subject
    /// included: nothing may be scoped by a value that is not there.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Claim> {
        let own = match name {
            "tenant" => self.tenant(),
            "business" => self.business(),
            "subject" => self.subject(),
            _ => return self.claims.get(name).cloned(),
        };
        if own.is_empty() { None } else { Some(Claim::Scalar(own.to_owned())) }
    }

    /// The names of the registered claims, in order, without tenant, business and subject.
    pub fn claim_names(&self) -> impl Iterator<Item = &str> {
        self.claims.keys().map(String::as_str)
    }
}

/// Shows who it is and the names of the claims, not their values.
impl fmt::Debug for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Principal")
            .field("identity", &self.identity)
            .field("claims", &self.claims.keys())
            .finish()
    }
}

/// The row that decides: the most specific one, if it is enabled.
fn decisive(identity: &VerifiedIdentity, rows: Vec<PrincipalRow>) -> Result<PrincipalRow, ContextError> {
    let mut decisive: Option<((bool, bool), PrincipalRow)> = None;
    for row in rows {
        let named = specificity(identity, &row)?;
        match &decisive {
            Some((best, _)) if *best == named => {
                return Err(ContextError::PrincipalRows("two rows for one combination"));
            }
            Some((best, _)) if *best > named => {}
            Some(_) | None => decisive = Some((named, row)),
        }
    }
    let (_, row) = decisive.ok_or(ContextError::UnknownPrincipal)?;
    if row.enabled { Ok(row) } else { Err(ContextError::DisabledPrincipal) }
}

/// Whether a row names the identity's business and its subject. A row that does neither match nor say "any" has no
/// business among the candidates: the look-up is broken, and nothing it says is used.
fn specificity(identity: &VerifiedIdentity, row: &PrincipalRow) -> Result<(bool, bool), ContextError> {
    let names = |registered: &str, own: &str| match registered {
        ANY => Ok(false),
        _ if registered == own => Ok(true),
        _ => Err(ContextError::PrincipalRows("a row of another principal")),
    };
    if row.tenant != identity.tenant() {
        return Err(ContextError::PrincipalRows("a row of another tenant"));
    }
    Ok((names(&row.business, identity.business())?, names(&row.subject, identity.subject())?))
}

/// Reads registered claims: an object of scalars and arrays of scalars, with names that are not reserved.
///
/// Public so that `admit` can refuse what `ask` would refuse.
///
/// # Errors
/// [`ContextError::Claims`].
pub fn check_claims(json: &str) -> Result<(), ContextError> {
    parse_claims(json).map(drop)
}

fn parse_claims(json: &str) -> Result<BTreeMap<String, Claim>, ContextError> {
    if json.len() > MAX_CLAIMS_BYTES {
        return Err(ContextError::Claims("too large"));
    }
    let Ok(Value::Object(object)) = serde_json::from_str(json) else {
        return Err(ContextError::Claims("not a JSON object"));
    };
    object
        .into_iter()
        .map(|(name, value)| {
            check_claim_name(&name)?;
            let claim = match value {
                Value::Array(values) => Claim::List(values.into_iter().map(scalar).collect::<Result<_, _>>()?),
                value => Claim::Scalar(scalar(value)?),
            };
            Ok((name, claim))
        })
        .collect()
}

fn check_claim_name(name: &str) -> Result<(), ContextError> {
    if name.is_empty() || name.len() > MAX_CLAIM_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(ContextError::Claims("a name is empty, too long or holds a control character"));
    }
    let is_reserved = |header: &str| header.strip_prefix(OWN_PREFIX).is_some_and(|own| name.eq_ignore_ascii_case(own));
    if [TENANT, BUSINESS, SUBJECT].into_iter().any(is_reserved) {
        return Err(ContextError::Claims("tenant, business and subject come from the context alone"));
    }
    Ok(())
}

/// The exact text of a scalar. A number that is no 64-bit integer is refused: the JSON reader would round it, and two
/// ids must not become one. Such a value can be registered as a string.
fn scalar(value: Value) -> Result<String, ContextError> {
    match value {
        Value::String(text) if text.contains('\0') => Err(ContextError::Claims("a value holds a zero byte")),
        Value::String(text) => Ok(text),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Ok(integer.to_string()),
            (None, Some(integer)) => Ok(integer.to_string()),
            (None, None) => Err(ContextError::Claims("a number is not an integer of 64 bits; write it as a string")),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(ContextError::Claims("a value is neither a scalar nor an array of scalars"))
        }
    }
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use crate::identity::testing::{self, identity_of};

    fn row(business: &str, subject: &str, claims: &str, enabled: bool) -> PrincipalRow {
        PrincipalRow {
            tenant: testing::TENANT.to_owned(),
            business: business.to_owned(),
            subject: subject.to_owned(),
            claims: claims.to_owned(),
            enabled,
        }
    }

    fn resolve(rows: Vec<PrincipalRow>) -> Result<Principal, ContextError> {
        Principal::resolve(identity_of("chicago", "u-17"), rows)
    }

    fn with_claims(claims: &str) -> Result<Principal, ContextError> {
        resolve(vec![row("chicago", "u-17", claims, true)])
    }

    #[test]
    fn the_most_specific_row_decides_in_any_order() {
        let ladder = [("chicago", "u-17"), ("chicago", "*"), ("*", "u-17"), ("*", "*")];
        for from in 0..ladder.len() {
            let mut rows: Vec<_> = ladder[from..]
                .iter()
                .enumerate()
                .map(|(step, (business, subject))| row(business, subject, &format!("{{\"step\":{step}}}"), step == 0))
                .collect();
            for _ in 0..rows.len() {
                rows.rotate_left(1);
                let principal = resolve(rows.clone()).unwrap();
                assert_eq!(principal.claim("step"), Some(Claim::Scalar("0".to_owned())), "{rows:?}");
            }
        }
    }

    #[test]
    fn rejects_a_disabled_row_that_decides() {
        let rows = vec![row("*", "*", "{}", true), row("chicago", "u-17", "{}", false)];
        assert_eq!(resolve(rows).unwrap_err(), ContextError::DisabledPrincipal);
    }

    #[test]
    fn rejects_no_row_and_rows_of_others() {
        assert_eq!(resolve(vec![]).unwrap_err(), ContextError::UnknownPrincipal);
        let mut foreign = row("*", "*", "{}", true);
        foreign.tenant = "brand-b".to_owned();
        for rows in [
            vec![foreign],
            vec![row("boston", "*", "{}", true)],
            vec![row("*", "u-18", "{}", true), row("*", "*", "{}", true)],
            vec![row("Chicago", "u-17", "{}", true)],
            vec![row("*", "*", "{}", true), row("*", "*", "{}", true)],
        ] {
            assert!(matches!(resolve(rows), Err(ContextError::PrincipalRows(_))));
        }
    }

    #[test]
    fn an_empty_business_matches_only_empty_or_any() {
        for business in ["", "*"] {
            let principal = Principal::resolve(identity_of("", ""), vec![row(business, "*", "{}", true)]).unwrap();
            assert_eq!((principal.claim("business"), principal.claim("subject")), (None, None));
            assert_eq!(principal.claim("tenant"), Some(Claim::Scalar(testing::TENANT.to_owned())));
        }
        assert!(Principal::resolve(identity_of("", ""), vec![row("chicago", "*", "{}", true)]).is_err());
    }

    #[test]
    fn keeps_the_exact_text_of_claims() {
        let principal = with_claims(
            r#"{"stores": [1, "02", 9007199254740993, -5, 18446744073709551615, true], "none": [], "one": 7, "word": " a'b "}"#,
        )
        .unwrap();
        let list = ["1", "02", "9007199254740993", "-5", "18446744073709551615", "true"].map(str::to_owned).to_vec();
        assert_eq!(principal.claim("stores"), Some(Claim::List(list)));
        assert_eq!(principal.claim("none"), Some(Claim::List(vec![])));
        assert_eq!(principal.claim("one"), Some(Claim::Scalar("7".to_owned())));
        assert_eq!(principal.claim("word"), Some(Claim::Scalar(" a'b ".to_owned())));
        assert_eq!(principal.claim("Stores"), None);
        assert_eq!(principal.claim_names().collect::<Vec<_>>(), ["none", "one", "stores", "word"]);
        assert!(!format!("{principal:?}").contains("9007199254740993"));
    }

    #[test]
    fn rejects_claims_that_cannot_be_carried_exactly() {
        for claims in [
            "",
            "null",
            "[]",
            "1",
            "{",
            r#"{"a":null}"#,
            r#"{"a":{}}"#,
            r#"{"a":[[1]]}"#,
            r#"{"a":[null]}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":18446744073709551616}"#,
            r#"{"a":-9223372036854775809}"#,
            r#"{"a":[0.1]}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"":1}"#,
            r#"{"a\n":1}"#,
            r#"{"tenant":"brand-b"}"#,
            r#"{"Tenant":"brand-b"}"#,
            r#"{"business":"x"}"#,
            r#"{"subject":["x"]}"#,
        ] {
            assert!(matches!(with_claims(claims), Err(ContextError::Claims(_))), "{claims}");
            assert!(check_claims(claims).is_err());
        }
    }
}
