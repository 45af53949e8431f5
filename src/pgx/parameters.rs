//! Claims as typed parameters of a statement.

use super::key_forms::{KeyRange, LeadingValues};
use super::section::confine::Confinement;
use super::types::{array_type, from_text, to_text};
use crate::error::{Refusal, StageResult, State};
use pgrx::pg_sys;
use std::marker::PhantomData;

/// A parameter whose value the planner may rely on.
const CONSTANT: u16 = {
    assert!(pg_sys::PARAM_FLAG_CONST <= u16::MAX as u32);
    pg_sys::PARAM_FLAG_CONST as u16
};

struct Parameter {
    type_oid: pg_sys::Oid,
    /// Value and its text; `None` is NULL.
    value: Option<(pg_sys::Datum, String)>,
    /// Keys of a parent: their text says how many they are, and nothing else is equal to them.
    is_of_keys: bool,
}

impl Parameter {
    fn text(&self) -> Option<&str> {
        self.value.as_ref().map(|(_, text)| text.as_str())
    }
}

/// The parameters of one statement: types and values in order of their numbers. The values are in the section's memory.
pub struct Parameters<'c> {
    values: Vec<Parameter>,
    section: PhantomData<&'c ()>,
}

impl<'c> Parameters<'c> {
    /// None yet.
    pub fn new(_confinement: &'c Confinement<'c>) -> Self {
        Parameters { values: Vec::new(), section: PhantomData }
    }

    /// Adds a value of `type_oid` given as text and returns its number, from 1. An equal one is used again.
    ///
    /// A text that the type does not accept is PostgreSQL's own error, of class 22.
    pub fn add(&mut self, type_oid: pg_sys::Oid, text: String) -> StageResult<usize> {
        if let Some(number) = self.known(type_oid, Some(&text)) {
            return Ok(number);
        }
        if text.contains('\0') {
            return Err(Refusal::new(State::Argument, "a claim holds a zero byte"));
        }
        let datum = from_text(type_oid, &text);
        self.values.push(Parameter { type_oid, value: Some((datum, text)), is_of_keys: false });
        Ok(self.values.len())
    }

    /// Adds an array of `element`s with the first column of a parent's keys and returns its number, from 1.
    pub fn add_keys(&mut self, element: pg_sys::Oid, keys: &LeadingValues, shown: String) -> StageResult<usize> {
        let type_oid =
            array_type(element).ok_or_else(|| Refusal::proof("a key's column has a type without an array type"))?;
        let value = Some((keys.array(element), shown));
        self.values.push(Parameter { type_oid, value, is_of_keys: true });
        Ok(self.values.len())
    }

    /// Adds the bounds of a key's first column as values of `type_oid` and returns their numbers, from 1; `None` if the type does not
    /// have them.
    pub fn add_range(&mut self, type_oid: pg_sys::Oid, range: &KeyRange) -> Option<[usize; 2]> {
        let [least, greatest] = range.values(type_oid)?;
        Some([(least, "(least key)"), (greatest, "(greatest key)")].map(|(value, shown)| {
            self.values.push(Parameter { type_oid, value: Some((value, shown.to_owned())), is_of_keys: true });
            self.values.len()
        }))
    }

    /// Adds a NULL of `type_oid` and returns its number, from 1. An equal one is used again.
    pub fn add_null(&mut self, type_oid: pg_sys::Oid) -> usize {
        self.known(type_oid, None).unwrap_or_else(|| {
            self.values.push(Parameter { type_oid, value: None, is_of_keys: false });
            self.values.len()
        })
    }

    fn known(&self, type_oid: pg_sys::Oid, text: Option<&str>) -> Option<usize> {
        let is_same = |known: &Parameter| !known.is_of_keys && known.type_oid == type_oid && known.text() == text;
        let index = self.values.iter().position(is_same);
        index.map(|index| index + 1)
    }

    /// A value by its number; `None` for NULL.
    pub fn datum(&self, number: usize) -> Option<pg_sys::Datum> {
        let parameter = number.checked_sub(1).and_then(|index| self.values.get(index))?;
        parameter.value.as_ref().map(|(datum, _)| *datum)
    }

    /// A value by its number, as its type writes it; `None` for NULL.
    pub fn written(&self, number: usize) -> Option<String> {
        let parameter = number.checked_sub(1).and_then(|index| self.values.get(index))?;
        parameter.value.as_ref().map(|(datum, _)| to_text(parameter.type_oid, *datum))
    }

    /// The types in order.
    pub fn types(&self) -> Vec<pg_sys::Oid> {
        self.values.iter().map(|parameter| parameter.type_oid).collect()
    }

    /// (type name, value as text) in order, for `ask_dry_run`.
    pub fn shown(&self, name: impl Fn(pg_sys::Oid) -> String) -> Vec<(String, String)> {
        self.values
            .iter()
            .map(|parameter| (name(parameter.type_oid), parameter.text().unwrap_or("NULL").to_owned()))
            .collect()
    }

    /// PostgreSQL's form; every value is a constant for the planner. Without any it is NULL, as PostgreSQL's own callers have it:
    /// a list of none is copied to NULL, which a planner of another extension may not expect behind a list.
    pub(super) fn bound(&self) -> StageResult<pg_sys::ParamListInfo> {
        if self.values.is_empty() {
            return Ok(std::ptr::null_mut());
        }
        let count = i32::try_from(self.values.len()).map_err(|_| Refusal::proof("too many parameters"))?;
        // SAFETY: makeParamList allocates `count` entries after the header.
        let list = unsafe { pg_sys::makeParamList(count) };
        // SAFETY: as above.
        let entries = unsafe { (*list).params.as_mut_slice(self.values.len()) };
        for (entry, parameter) in entries.iter_mut().zip(&self.values) {
            entry.value = parameter.value.as_ref().map_or(pg_sys::Datum::from(0), |(datum, _)| *datum);
            entry.isnull = parameter.value.is_none();
            entry.pflags = CONSTANT;
            entry.ptype = parameter.type_oid;
        }
        Ok(list)
    }
}

/// A PostgreSQL array literal of the values.
pub fn array_literal(values: &[String]) -> String {
    let mut literal = String::from("{");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            literal.push(',');
        }
        literal.push('"');
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}
