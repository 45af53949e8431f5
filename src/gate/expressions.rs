//! Expressions: which kinds are admitted, and where their parts lie. What an expression may call, cast to or compare
//! with is decided on PostgreSQL's trees, so the list is wide: all that PostgreSQL itself has.

use sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, Expr, ExtractSyntax, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Interval, Subscript,
    TypedString, Value, WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use super::error::{GateError, GateResult, refuse_if};
use super::walk::{Task, Walk, wildcard};
use super::{keywords, names, types};

impl<'a> Walk<'a> {
    /// Admits one expression and queues its parts.
    pub(super) fn expression(&mut self, expression: &'a Expr) -> GateResult<()> {
        match expression {
            Expr::Identifier(name) => {
                if name.quote_style.is_some() || !keywords::is_an_expression(&name.value) {
                    names::column(name)?;
                }
            }
            Expr::CompoundIdentifier(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index == 0 { names::column(part)? } else { names::label(part)? }
                }
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.push(root);
                for access in access_chain {
                    match access {
                        AccessExpr::Dot(Expr::Identifier(name)) => names::label(name)?,
                        AccessExpr::Dot(expression) => self.push(expression),
                        AccessExpr::Subscript(Subscript::Index { index }) => self.push(index),
                        AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                            refuse_if(stride.is_some(), "an array slice with a stride")?;
                            self.push_all(lower_bound);
                            self.push_all(upper_bound);
                        }
                    }
                }
            }
            Expr::IsFalse(operand)
            | Expr::IsNotFalse(operand)
            | Expr::IsTrue(operand)
            | Expr::IsNotTrue(operand)
            | Expr::IsNull(operand)
            | Expr::IsNotNull(operand)
            | Expr::IsUnknown(operand)
            | Expr::IsNotUnknown(operand)
            | Expr::IsJson { expr: operand, kind: _, unique_keys: _, negated: _ }
            | Expr::IsNormalized { expr: operand, form: _, negated: _ }
            | Expr::UnaryOp { op: _, expr: operand }
            | Expr::Nested(operand) => self.push(operand),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => self.pair(left, right),
            Expr::InList { expr, list, negated: _ } => {
                self.push(expr);
                self.push_all(list);
            }
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.push(expr);
                self.tasks.push(Task::Query(subquery));
            }
            Expr::Between { expr, negated: _, low, high } => {
                self.push(expr);
                self.pair(low, high);
            }
            Expr::BinaryOp { left, op, right } => {
                operator(op)?;
                self.pair(left, right);
            }
            Expr::AnyOp { left, compare_op, right, is_some: _ } | Expr::AllOp { left, compare_op, right } => {
                operator(compare_op)?;
                self.pair(left, right);
            }
            Expr::Like { negated: _, any: _, expr, pattern, escape_char }
            | Expr::ILike { negated: _, any: _, expr, pattern, escape_char }
            | Expr::SimilarTo { negated: _, expr, pattern, escape_char } => {
                self.pair(expr, pattern);
                self.push_all(escape_char.as_deref());
            }
            Expr::Cast { kind, expr, data_type, format } => {
                match kind {
                    CastKind::Cast | CastKind::DoubleColon => {}
                    CastKind::TryCast | CastKind::SafeCast => return Err(GateError::construct("TRY_CAST")),
                }
                refuse_if(format.is_some(), "CAST .. FORMAT")?;
                types::admit(data_type)?;
                self.push(expr);
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.pair(timestamp, time_zone),
            Expr::Extract { field: _, syntax, expr } => {
                refuse_if(*syntax != ExtractSyntax::From, "EXTRACT with a comma")?;
                self.push(expr);
            }
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => {
                let plain = matches!(field, CeilFloorKind::DateTimeField(DateTimeField::NoDateTime));
                refuse_if(!plain, "CEIL or FLOOR to a unit")?;
                self.push(expr);
            }
            Expr::Position { expr, r#in } => self.pair(expr, r#in),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.push(expr);
                self.push_all(substring_from.as_deref());
                self.push_all(substring_for.as_deref());
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => {
                self.push(expr);
                self.push_all(trim_what.as_deref());
                self.push_all(trim_characters.iter().flatten());
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                self.pair(expr, overlay_what);
                self.push(overlay_from);
                self.push_all(overlay_for.as_deref());
            }
            Expr::Collate { expr, collation } => {
                names::function(collation)?;
                self.push(expr);
            }
            Expr::Value(value) => constant(&value.value)?,
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax }) => {
                refuse_if(*uses_odbc_syntax, "an ODBC escape")?;
                types::admit(data_type)?;
                constant(&value.value)?;
            }
            Expr::Interval(Interval {
                value,
                leading_field: _,
                leading_precision: _,
                last_field: _,
                fractional_seconds_precision: _,
            }) => self.push(value),
            Expr::Function(function) => self.function(function)?,
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.push_all(operand.as_deref());
                for CaseWhen { condition, result } in conditions {
                    self.pair(condition, result);
                }
                self.push_all(else_result.as_deref());
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.tasks.push(Task::Query(subquery)),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => self.push_all(sets.iter().flatten()),
            Expr::Tuple(elements) | Expr::Array(Array { elem: elements, named: _ }) => self.push_all(elements),
            Expr::Wildcard(_) => {}
            Expr::QualifiedWildcard(name, _) => {
                names::parts(name)?;
            }
            Expr::JsonAccess { .. }
            | Expr::InUnnest { .. }
            | Expr::RLike { .. }
            | Expr::Convert { .. }
            | Expr::Prefixed { .. }
            | Expr::Struct { .. }
            | Expr::Named { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::MatchAgainst { .. }
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::Lambda(_)
            | Expr::MemberOf(_) => return Err(GateError::construct("an expression of another dialect")),
        }
        Ok(())
    }

    fn pair(&mut self, left: &'a Expr, right: &'a Expr) {
        self.push(left);
        self.push(right);
    }

    fn function(&mut self, function: &'a Function) -> GateResult<()> {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } =
            function;
        names::function(name)?;
        refuse_if(*uses_odbc_syntax, "an ODBC escape")?;
        refuse_if(!matches!(parameters, FunctionArguments::None), "a parametric function")?;
        refuse_if(null_treatment.is_some(), "IGNORE NULLS or RESPECT NULLS")?;
        match args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => self.tasks.push(Task::Query(query)),
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }) => {
                self.function_args(args)?;
                for clause in clauses {
                    self.argument_clause(clause)?;
                }
            }
        }
        self.order_by_items(within_group)?;
        self.push_all(filter.as_deref());
        match over {
            Some(WindowType::WindowSpec(window)) => self.window(window),
            Some(WindowType::NamedWindow(name)) => names::column(name),
            None => Ok(()),
        }
    }

    fn argument_clause(&mut self, clause: &'a FunctionArgumentClause) -> GateResult<()> {
        match clause {
            FunctionArgumentClause::OrderBy(items) => self.order_by_items(items),
            FunctionArgumentClause::JsonNullClause(_) => Ok(()),
            FunctionArgumentClause::JsonReturningClause(returning) => types::admit(&returning.data_type),
            FunctionArgumentClause::IgnoreOrRespectNulls(_)
            | FunctionArgumentClause::Where(_)
            | FunctionArgumentClause::Limit(_)
            | FunctionArgumentClause::OnOverflow(_)
            | FunctionArgumentClause::Having(_)
            | FunctionArgumentClause::Separator(_) => {
                Err(GateError::construct("an argument clause of another dialect"))
            }
        }
    }

    pub(super) fn function_args(&mut self, args: &'a [FunctionArg]) -> GateResult<()> {
        for arg in args {
            let value = match arg {
                FunctionArg::Named { name, arg, operator: _ } => {
                    names::label(name)?;
                    arg
                }
                FunctionArg::ExprNamed { name, arg, operator: _ } => {
                    self.push(name);
                    arg
                }
                FunctionArg::Unnamed(arg) => arg,
            };
            match value {
                FunctionArgExpr::Expr(expression) => self.push(expression),
                FunctionArgExpr::QualifiedWildcard(name) => {
                    names::parts(name)?;
                }
                FunctionArgExpr::Wildcard => {}
                FunctionArgExpr::WildcardWithOptions(options) => wildcard(options)?,
            }
        }
        Ok(())
    }

    pub(super) fn window(&mut self, window: &'a WindowSpec) -> GateResult<()> {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = window;
        if let Some(name) = window_name {
            names::column(name)?;
        }
        self.push_all(partition_by);
        self.order_by_items(order_by)?;
        if let Some(WindowFrame { units: _, start_bound, end_bound }) = window_frame {
            for bound in std::iter::once(start_bound).chain(end_bound) {
                match bound {
                    WindowFrameBound::CurrentRow => {}
                    WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => {
                        self.push_all(offset.as_deref());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Operators that are words in PostgreSQL's grammar or made of operator characters; others are of other dialects.
fn operator(operator: &BinaryOperator) -> GateResult<()> {
    let foreign = matches!(
        operator,
        BinaryOperator::Xor
            | BinaryOperator::DuckIntegerDivide
            | BinaryOperator::MyIntegerDivide
            | BinaryOperator::Match
            | BinaryOperator::Regexp
            | BinaryOperator::Glob
            | BinaryOperator::Assignment
    );
    refuse_if(foreign, "an operator of another dialect")
}

fn constant(value: &Value) -> GateResult<()> {
    match value {
        Value::Number(_, _)
        | Value::SingleQuotedString(_)
        | Value::DollarQuotedString(_)
        | Value::EscapedStringLiteral(_)
        | Value::NationalStringLiteral(_)
        | Value::HexStringLiteral(_)
        | Value::SingleQuotedByteStringLiteral(_)
        | Value::Boolean(_)
        | Value::Null => Ok(()),
        Value::Placeholder(_) => Err(GateError::Parameter),
        Value::TripleSingleQuotedString(_)
        | Value::TripleDoubleQuotedString(_)
        | Value::UnicodeStringLiteral(_)
        | Value::DoubleQuotedByteStringLiteral(_)
        | Value::TripleSingleQuotedByteStringLiteral(_)
        | Value::TripleDoubleQuotedByteStringLiteral(_)
        | Value::SingleQuotedRawStringLiteral(_)
        | Value::DoubleQuotedRawStringLiteral(_)
        | Value::TripleSingleQuotedRawStringLiteral(_)
        | Value::TripleDoubleQuotedRawStringLiteral(_)
        | Value::QuoteDelimitedStringLiteral(_)
        | Value::NationalQuoteDelimitedStringLiteral(_)
        | Value::DoubleQuotedString(_) => Err(GateError::construct("a constant of another dialect")),
    }
}
