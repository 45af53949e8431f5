//! Type names. Which types may be used is decided on PostgreSQL's trees; here only those forms pass that PostgreSQL has,
//! none of which holds an expression.

use sqlparser::ast::{ArrayElemTypeDef, DataType};

use super::error::{GateError, GateResult};
use super::names;

/// Refuses the types of other dialects, in particular those that hold columns, and so expressions.
pub(super) fn admit(data_type: &DataType) -> GateResult<()> {
    let mut data_type = data_type;
    loop {
        match data_type {
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::Qualified(element, _)) => {
                data_type = element;
            }
            DataType::Custom(name, _) => return names::function(name),
            DataType::Character(_)
            | DataType::Char(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
            | DataType::Varchar(_)
            | DataType::Uuid
            | DataType::Binary(_)
            | DataType::Bytes(_)
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Dec(_)
            | DataType::Float(_)
            | DataType::Int2(_)
            | DataType::SmallInt(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Int8(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::Float4
            | DataType::Real
            | DataType::Float8
            | DataType::DoublePrecision
            | DataType::Bool
            | DataType::Boolean
            | DataType::Date
            | DataType::Time(_, _)
            | DataType::Timestamp(_, _)
            | DataType::Interval { .. }
            | DataType::JSON
            | DataType::JSONB
            | DataType::Regclass
            | DataType::Text
            | DataType::Bytea
            | DataType::Bit(_)
            | DataType::BitVarying(_)
            | DataType::VarBit(_)
            | DataType::GeometricType(_)
            | DataType::TsVector
            | DataType::TsQuery => return Ok(()),
            // Words that are types elsewhere and would be PostgreSQL type names of a schema's own.
            _ => return Err(GateError::construct("a type that PostgreSQL does not have")),
        }
    }
}
