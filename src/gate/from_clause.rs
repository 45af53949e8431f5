//! The FROM clause: tables, functions, derived tables and the joins between them.

use sqlparser::ast::{Join, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::aliases::table_alias;
use super::error::{GateError, GateResult, refuse_if};
use super::names;
use super::walk::{Task, Walk};

impl<'a> Walk<'a> {
    pub(super) fn joined(&mut self, table: &'a TableWithJoins) -> GateResult<()> {
        let TableWithJoins { relation, joins } = table;
        self.tasks.push(Task::Factor(relation));
        for Join { relation, global, join_operator } in joins {
            refuse_if(*global, "GLOBAL JOIN")?;
            self.tasks.push(Task::Factor(relation));
            match join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint)
                | JoinOperator::CrossJoin(constraint) => match constraint {
                    JoinConstraint::On(expression) => self.push(expression),
                    JoinConstraint::Using(columns) => {
                        for column in columns {
                            names::parts(column)?;
                        }
                    }
                    JoinConstraint::Natural | JoinConstraint::None => {}
                },
                JoinOperator::Semi(_)
                | JoinOperator::LeftSemi(_)
                | JoinOperator::RightSemi(_)
                | JoinOperator::Anti(_)
                | JoinOperator::LeftAnti(_)
                | JoinOperator::RightAnti(_)
                | JoinOperator::CrossApply
                | JoinOperator::OuterApply
                | JoinOperator::AsOf { .. }
                | JoinOperator::StraightJoin(_)
                | JoinOperator::ArrayJoin
                | JoinOperator::LeftArrayJoin
                | JoinOperator::InnerArrayJoin => return Err(GateError::construct("a join of another dialect")),
            }
        }
        Ok(())
    }

    pub(super) fn factor(&mut self, factor: &'a TableFactor) -> GateResult<()> {
        let alias = match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                refuse_if(sample.is_some(), "TABLESAMPLE")?;
                refuse_if(version.is_some(), "FOR SYSTEM_TIME")?;
                let extras = !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty();
                refuse_if(extras || json_path.is_some(), "a table hint")?;
                match args {
                    Some(args) => {
                        names::function(name)?;
                        refuse_if(args.settings.is_some(), "SETTINGS")?;
                        self.function_args(&args.args)?;
                    }
                    None => {
                        refuse_if(*with_ordinality, "WITH ORDINALITY on a table")?;
                        self.relation(names::relation(name)?);
                    }
                }
                alias
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                refuse_if(sample.is_some(), "TABLESAMPLE")?;
                self.tasks.push(Task::Query(subquery));
                alias
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality: _, alias } => {
                names::function(name)?;
                self.function_args(args)?;
                alias
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality: _ } => {
                refuse_if(*with_offset || with_offset_alias.is_some(), "WITH OFFSET")?;
                self.push_all(array_exprs);
                alias
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.joined(table_with_joins)?;
                alias
            }
            TableFactor::TableFunction { .. } => return Err(GateError::construct("TABLE(..) in FROM")),
            TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } => {
                return Err(GateError::construct("JSON_TABLE"));
            }
            TableFactor::XmlTable { .. } => return Err(GateError::construct("XMLTABLE")),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } | TableFactor::UnpivotExpr { .. } => {
                return Err(GateError::construct("PIVOT or UNPIVOT"));
            }
            TableFactor::MatchRecognize { .. } => return Err(GateError::construct("MATCH_RECOGNIZE")),
            TableFactor::SemanticView { .. } => return Err(GateError::construct("SEMANTIC_VIEW")),
        };
        alias.as_ref().map_or(Ok(()), table_alias)
    }
}
