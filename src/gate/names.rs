//! Names as PostgreSQL folds them.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::error::{GateError, GateResult};
use super::keywords;

/// NAMEDATALEN - 1.
const LONGEST_NAME: usize = 63;

/// A relation that a statement names, folded as PostgreSQL folds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationReference {
    /// The database, if the statement gives one.
    pub database: Option<String>,
    /// The qualification, if the statement gives one.
    pub schema: Option<String>,
    pub name: String,
}

/// An identifier as PostgreSQL keeps it: unquoted ASCII letters in lower case, cut to 63 bytes between characters.
pub(super) fn fold(identifier: &Ident) -> String {
    let mut name = identifier.value.clone();
    if identifier.quote_style.is_none() {
        name.make_ascii_lowercase();
    }
    if name.len() > LONGEST_NAME {
        let mut end = LONGEST_NAME;
        while !name.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        name.truncate(end);
    }
    name
}

/// An identifier where PostgreSQL takes any word if it follows AS or a dot: only strings are no names.
pub(super) fn label(identifier: &Ident) -> GateResult<()> {
    match identifier.quote_style {
        None | Some('"') => Ok(()),
        // sqlparser takes a constant for an alias; where PostgreSQL has a type before it, `words` left the constant alone.
        Some(_) => Err(GateError::syntax("syntax error at a string constant")),
    }
}

/// An identifier where PostgreSQL takes no reserved word.
pub(super) fn column(identifier: &Ident) -> GateResult<()> {
    label(identifier)?;
    if identifier.quote_style.is_none() && !keywords::names_a_column(&identifier.value) {
        return Err(GateError::syntax_near("syntax error", &identifier.value));
    }
    Ok(())
}

/// The parts of a dotted name.
pub(super) fn parts(name: &ObjectName) -> GateResult<Vec<&Ident>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(identifier) => label(identifier).map(|()| identifier),
            ObjectNamePart::Function(_) => Err(GateError::construct("a computed name")),
        })
        .collect()
}

/// The name of a function, a type, a collation or an operator.
pub(super) fn function(name: &ObjectName) -> GateResult<()> {
    let parts = parts(name)?;
    if let Some(first) = parts.first()
        && first.quote_style.is_none()
        && !keywords::names_a_function(&first.value)
    {
        return Err(GateError::syntax_near("syntax error", &first.value));
    }
    Ok(())
}

/// The name of a relation.
pub(super) fn relation(name: &ObjectName) -> GateResult<RelationReference> {
    let parts = parts(name)?;
    if let Some(first) = parts.first() {
        if first.quote_style.is_none() && keywords::is_an_expression(&first.value) {
            return Err(GateError::construct("an SQL value function in FROM"));
        }
        column(first)?;
    }
    match parts.as_slice() {
        [name] => Ok(RelationReference { database: None, schema: None, name: fold(name) }),
        [schema, name] => Ok(RelationReference { database: None, schema: Some(fold(schema)), name: fold(name) }),
        [database, schema, name] => {
            Ok(RelationReference { database: Some(fold(database)), schema: Some(fold(schema)), name: fold(name) })
        }
        _ => Err(GateError::construct("a relation name with more than three parts")),
    }
}
