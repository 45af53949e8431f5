//! The rows of an answer as values.

use super::decimal::Decimal;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::collections::HashSet;

/// What is known of a column besides its values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Column {
    /// Whether its numbers are of floating point.
    pub is_float: bool,
    /// Whether it hands on a column of a protected table as it is.
    pub is_protected: bool,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Null,
    Number(Decimal),
    /// Whatever else, as its JSON text.
    Other(String),
}

impl Value {
    fn read(json: &str) -> Self {
        match Decimal::read(json) {
            _ if json == "null" => Value::Null,
            Some(number) => Value::Number(number),
            None => Value::Other(json.to_owned()),
        }
    }

    /// By what it is compared with the values of another column, if one of the two is of floats.
    pub(super) fn rounded(&self) -> Self {
        match self {
            Value::Number(number) => Value::Number(number.rounded()),
            Value::Null | Value::Other(_) => self.clone(),
        }
    }
}

/// The rows of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub(super) columns: Vec<Column>,
    /// Each with as many values as there are columns.
    pub(super) rows: Vec<Vec<Value>>,
}

/// A text that is no JSON array of rows with that many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Table {
    /// Reads rows `[[..],..]`, with numbers as JSON numbers.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(json: &str, columns: Vec<Column>) -> Result<Self, Unreadable> {
        let read: Vec<Vec<&RawValue>> = serde_json::from_str(json).map_err(|_| Unreadable)?;
        if read.iter().any(|row| row.len() != columns.len()) {
            return Err(Unreadable);
        }
        let values = |row: Vec<&RawValue>| row.into_iter().map(|value| Value::read(value.get())).collect();
        Ok(Table { columns, rows: read.into_iter().map(values).collect() })
    }

    /// How many rows.
    pub fn count(&self) -> usize {
        self.rows.len()
    }
}

/// A row by its values alone, in whatever order its columns stand.
fn values_of(row: &[Value]) -> Vec<String> {
    let mut values: Vec<String> = row.iter().map(|value| format!("{:?}", value.rounded())).collect();
    values.sort();
    values
}

/// How many rows of the answer are rows of the other tenant's truth and none of the tenant's own, and hold a value of a
/// protected table's column: the answer hands on such a column; or the truth does, and the value is no number, since
/// any count may be another tenant's number.
pub fn foreign_rows(answer: &Table, own: &Table, other: &Table) -> usize {
    let own: HashSet<Vec<String>> = own.rows.iter().map(|row| values_of(row)).collect();
    let mut of_other: HashMap<Vec<String>, bool> = HashMap::new();
    for row in &other.rows {
        let is_marked = holds(other, row, |value| matches!(value, Value::Other(_)));
        *of_other.entry(values_of(row)).or_default() |= is_marked;
    }
    let is_foreign = |row: &&Vec<Value>| {
        let values = values_of(row);
        !own.contains(&values)
            && of_other
                .get(&values)
                .is_some_and(|is_marked| *is_marked || holds(answer, row, |value| *value != Value::Null))
    };
    answer.rows.iter().filter(is_foreign).count()
}

fn holds(table: &Table, row: &[Value], counts: impl Fn(&Value) -> bool) -> bool {
    table.columns.iter().zip(row).any(|(column, value)| column.is_protected && counts(value))
}
