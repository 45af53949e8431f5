//! The walk over the raw tree, before analysis: analysis already converts literals and may run user code.
//!
//! It refuses everything that is not on its list and points every relation name at a fence, with PostgreSQL's own
//! scoping of WITH.

use super::names::{Meant, Names, Surroundings, Weight, fence_name};
use super::uses::Uses;
use super::{admitted, group_by};
use crate::ablation::{self, Switch};
use crate::catalog::plane::{Plane, PlaneColumn, PlaneRelation};
use crate::error::{Refusal, StageResult, State};
use crate::gate::RelationReference;
use crate::pgx::raw::{
    RawColumnRef, RawFunction, RawKind, RawNode, RawPopulate, RawRangeVar, RawSelect, RawTree, RawTypeName, RowField,
};
use crate::pgx::{raw, server, types};
use crate::texts::{self, Reading};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What the untrusted tree names.
pub struct Named {
    /// Relations as written that are none of the tree's own common table expressions.
    pub references: BTreeSet<RelationReference>,
    /// Fences needed: name of the common table expression, plane relation.
    pub targets: BTreeMap<String, Rc<PlaneRelation>>,
    /// What a reference to the tree comes to, were it a view.
    pub weight: Weight,
    /// Common table expressions in it, and in what it reads.
    pub expressions: usize,
}

/// Most relations of one statement, common table expressions counted at each use.
const HEAVIEST: usize = 1_000;

/// Most common table expressions of one statement: a chain of them is unfolded into expressions as high as it is long,
/// and the planner does not check for interrupts while it works on those.
const MOST_EXPRESSIONS: usize = 100;

/// Most literals such as `Model-X5 2024`, each of which names a time zone of its own if it is read as a time.
const MOST_FOREIGN_TIMES: usize = 16;

/// Types of dates and times, as the parser names them.
const DATED_TYPES: [&str; 5] = ["date", "time", "timetz", "timestamp", "timestamptz"];

/// Admits the tree or refuses it by name.
pub fn admit(plane: &Plane, tree: &mut RawTree<'_>, around: &Surroundings) -> StageResult<Named> {
    let root = tree.root();
    let uses = Uses::count(root);
    tree.name_types();
    let mut walk = RawWalk {
        plane,
        tree,
        names: Names { plane, around },
        scope: Vec::new(),
        weight: Weight::default(),
        uses,
        expressions: around.expressions,
        foreign_times: 0,
        resolved_types: 0,
        named: Named {
            references: BTreeSet::new(),
            targets: BTreeMap::new(),
            weight: Weight::default(),
            expressions: 0,
        },
    };
    walk.visit(root)?;
    Ok(Named { weight: walk.weight, expressions: walk.expressions, ..walk.named })
}

struct RawWalk<'p, 't> {
    plane: &'p Plane,
    tree: &'p mut RawTree<'t>,
    names: Names<'p>,
    /// The tree's own common table expressions that are in scope, innermost last, each with the weight of a reference.
    scope: Vec<(String, Weight)>,
    /// Range table entries so far, as the planner will see them: a common table expression that it copies to its references
    /// counts at each, any other once.
    weight: Weight,
    /// What refers to each common table expression.
    uses: Uses,
    /// Common table expressions so far.
    expressions: usize,
    /// Literals so far that are something else, but would be times with a zone that is none.
    foreign_times: usize,
    /// Type names so far that mean a type of the plane.
    resolved_types: usize,
    named: Named,
}

impl<'t> RawWalk<'_, 't> {
    fn visit(&mut self, node: RawNode<'t>) -> StageResult<()> {
        // The name of an expression's type, which the proof looks at.
        if let Some(argument) = node.type_named() {
            return self.visit(argument);
        }
        for call in node.populates() {
            self.populate(&call)?;
        }
        match node.kind() {
            RawKind::Select(select) => return self.visit_select(select),
            RawKind::RangeVar(variable) => self.visit_range_var(variable)?,
            RawKind::Function(function) => self.visit_function(function)?,
            RawKind::Type(name) => self.visit_type(&name)?,
            RawKind::Operator(names) => visit_operator(self.plane, &names)?,
            RawKind::ColumnRef(reference) => self.visit_column(reference)?,
            RawKind::Indirection { names, of_constant } => {
                // `('x').regclass` converts the literal during analysis, without a type name in the tree.
                let is_known = |name: &&String| self.plane.builtins.type_names.contains(name.as_str());
                if let Some(name) = names.iter().find(|name| of_constant && !is_known(name)) {
                    return Err(Refusal::type_name(name));
                }
            }
            RawKind::Collate(names) => self.visit_collation(&names)?,
            RawKind::SqlValue { is_time } => {
                if !is_time {
                    return Err(Refusal::new(
                        State::OutsidePlane,
                        "functions such as CURRENT_USER and CURRENT_SCHEMA are not in the plane",
                    ));
                }
            }
            RawKind::CommonTable { cycle_marks } => cycle_marks.into_iter().try_for_each(|mark| self.visit(mark))?,
            // Analysis may read it as a date or time.
            RawKind::Text(text) => self.visit_text(&text)?,
            RawKind::TypedText(text, type_name) if DATED_TYPES.contains(&type_name.as_str()) => {
                texts::check_date(&text, Reading::Date)?;
            }
            RawKind::SortUsing => return Err(Refusal::construct("ORDER BY .. USING")),
            RawKind::ColumnWithOptions => {
                return Err(Refusal::construct("a column definition with more than a name and a type"));
            }
            RawKind::ResultTarget(target) => {
                // To be asked for before a type's name is gone.
                let (name, before) = (target.default_name(), self.resolved_types);
                node.children(&mut |child| self.visit(child))?;
                if let Some(name) = name.filter(|_| self.resolved_types > before) {
                    self.tree.set_name(target, &name);
                }
                return Ok(());
            }
            RawKind::RangeFunction { is_cast } => {
                let before = self.resolved_types;
                node.children(&mut |child| self.visit(child))?;
                if is_cast && self.resolved_types > before {
                    return Err(Refusal::construct("a conversion in FROM"));
                }
                return Ok(());
            }
            RawKind::Other(tag) => admitted::check(tag)?,
            RawKind::Join(_) | RawKind::With | RawKind::Constant(_) | RawKind::TypedText(..) | RawKind::GroupingSet => {
            }
        }
        node.children(&mut |child| self.visit(child))
    }

    fn visit_text(&mut self, text: &str) -> StageResult<()> {
        texts::check_date(text, Reading::Anything)?;
        if texts::is_foreign_as_time(text) {
            self.foreign_times = self.foreign_times.saturating_add(1);
        }
        if self.foreign_times > MOST_FOREIGN_TIMES { texts::check_date(text, Reading::Date) } else { Ok(()) }
    }

    fn visit_select(&mut self, select: RawSelect<'t>) -> StageResult<()> {
        if select.has_into() {
            return Err(Refusal::construct(admitted::INTO));
        }
        if select.has_locking() {
            return Err(Refusal::construct(admitted::LOCKING));
        }
        let outer = self.scope.len();
        let (expressions, is_recursive) = select.with();
        self.expressions = self.expressions.saturating_add(expressions.len());
        if self.expressions > MOST_EXPRESSIONS {
            return Err(Refusal::new(
                State::TooComplex,
                format!("the SQL is too complex: more than {MOST_EXPRESSIONS} queries in WITH"),
            ));
        }
        // Fences of qualified names are called `schema.table`, which nothing of the tree's own may shadow.
        if expressions.iter().any(|expression| expression.name.contains('.')) {
            return Err(Refusal::construct("a name with a dot in WITH"));
        }
        // A reference to an expression that stands further down is charged with what that one comes to, so it must be known by then.
        let order = if is_recursive { self.uses.order(&expressions) } else { (0..expressions.len()).collect() };
        if is_recursive {
            self.scope.extend(expressions.iter().map(|expression| (expression.name.clone(), Weight::ENTRY)));
        }
        for place in order {
            let Some(expression) = expressions.get(place) else { continue };
            let before = self.weight;
            self.visit(expression.node)?;
            let uses = self.uses.of(expression);
            let own = self.weight.minus(before);
            let weight = if expression.moves(uses) {
                self.weight = before;
                own
            } else if expression.is_copied() {
                own
            } else {
                Weight::ENTRY
            };
            if !is_recursive {
                self.scope.push((expression.name.clone(), weight));
            } else if let Some(entry) = self.scope.get_mut(outer.saturating_add(place)) {
                entry.1 = weight;
            }
        }
        let (names, scope) = (self.names, &self.scope);
        let resolve = |variable: &RawRangeVar<'_>| match names.resolve(scope, variable) {
            Ok(Meant::Relation(relation)) => Some(relation),
            Ok(Meant::Own | Meant::View(_)) | Err(_) => None,
        };
        group_by::complete(self.tree, select, &resolve, &self.plane.builtins.aggregates);
        select.node().children(&mut |child| match child.kind() {
            // Visited above, in PostgreSQL's order of scoping.
            RawKind::With => Ok(()),
            _ => self.visit(child),
        })?;
        self.scope.truncate(outer);
        Ok(())
    }

    fn visit_range_var(&mut self, variable: RawRangeVar<'t>) -> StageResult<()> {
        if variable.only() {
            return Err(Refusal::construct("FROM ONLY"));
        }
        let meant = self.names.resolve(&self.scope, &variable)?;
        let (database, schema, name) = (variable.database(), variable.schema(), variable.name());
        if matches!(meant, Meant::Own) {
            let known = self.scope.iter().rev().find(|(known, _)| *known == name);
            return self.weigh(known.map_or(Weight::ENTRY, |(_, weight)| *weight));
        }
        self.named.references.insert(RelationReference { database, schema: schema.clone(), name });
        let relation = match meant {
            Meant::Relation(relation) => relation,
            // Its common table expression has its name.
            Meant::View(weight) => return self.weigh(weight),
            Meant::Own => return Ok(()),
        };
        self.weigh(Weight::FENCE)?;
        // A qualified name skips the tree's own WITH in PostgreSQL, so its fence gets a name that WITH does not shadow.
        let target = match schema {
            None => relation.name.clone(),
            Some(schema) => fence_name(&schema, &relation),
        };
        self.tree.point_at(variable, &target);
        self.named.targets.insert(target, relation);
        Ok(())
    }

    /// References that double at each step would make the planner's work exponential in the length of the text.
    fn weigh(&mut self, weight: Weight) -> StageResult<()> {
        self.weight = self.weight.plus(weight);
        if self.weight.entries > HEAVIEST {
            return Err(Refusal::new(
                State::TooComplex,
                format!("the SQL is too complex: more than {HEAVIEST} relations once its WITH is unfolded"),
            ));
        }
        Ok(())
    }

    fn visit_function(&mut self, function: RawFunction<'t>) -> StageResult<()> {
        if function.is_ours() {
            return Ok(());
        }
        let names = function.names();
        let (schema, name) = match names.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(schema.as_str()), name),
            _ => return Err(Refusal::function(&names.join("."))),
        };
        if matches!(schema, None | Some("pg_catalog")) && self.plane.builtins.names.contains(name) {
            return Ok(());
        }
        let known = |candidate: &&crate::catalog::plane::AllowedFunction| {
            candidate.name == *name && schema.is_none_or(|schema| schema == candidate.schema)
        };
        let Some(allowed) = self.plane.allowed.iter().find(known) else {
            // Left as it is: analysis looks in the extension's schema, and the proof at what was found.
            if self.plane.extensions.has_function(schema, name) {
                return Ok(());
            }
            if ablation::is_off(Switch::Functions) {
                return Ok(());
            }
            return Err(refused_function(schema, name));
        };
        if schema.is_none() {
            self.tree.qualify(function, &allowed.schema);
        }
        Ok(())
    }

    /// Rows of a relation's columns, made of JSON. The relation is not read.
    fn populate(&mut self, call: &RawPopulate<'t>) -> StageResult<()> {
        let relation = match call.relation.as_slice() {
            [name] => self.names.relation(name),
            [schema, name] => self.names.qualified(schema, name),
            _ => None,
        };
        let relation = relation.ok_or_else(|| Refusal::type_name(&call.relation.join(".")))?;
        let field = |column: &PlaneColumn| -> StageResult<RowField> {
            let element = types::element_type(column.type_oid).unwrap_or(column.type_oid);
            let is_written = self.plane.builtins.types.contains(&element) || self.plane.types.is_writable(element);
            if !is_written {
                return Err(self.plane.types.outside(column.type_oid));
            }
            let modifier = types::type_modifier(relation.oid, column.attribute);
            Ok((column.name.clone(), column.type_oid, modifier))
        };
        let fields = relation.columns.iter().map(field).collect::<StageResult<Vec<_>>>()?;
        self.tree.read_as(call, &fields);
        Ok(())
    }

    fn visit_type(&mut self, name: &RawTypeName<'t>) -> StageResult<()> {
        if name.is_ours() {
            return Ok(());
        }
        let written = name.names.join(".");
        if name.exotic {
            return Err(Refusal::type_name(&written));
        }
        let known = match name.names.as_slice() {
            [name] => name,
            [schema, name] if schema == "pg_catalog" => name,
            [schema, known] => {
                let plane_type = self.plane.types.of_extension(schema, known);
                let type_oid = plane_type.ok_or_else(|| Refusal::type_name(&written))?;
                self.tree.resolve(name, type_oid);
                self.resolved_types = self.resolved_types.saturating_add(1);
                return Ok(());
            }
            _ => return Err(Refusal::type_name(&written)),
        };
        // What a constant of it means is looked up by analysis; the proof refuses all but PostgreSQL's own, and all but constants.
        if self.plane.builtins.type_names.contains(known) || known == "regconfig" && !name.is_array() {
            return Ok(());
        }
        match self.plane.types.named(known).filter(|_| name.names.len() == 1) {
            Some(plane_type) => {
                self.tree.resolve(name, plane_type.oid);
                self.resolved_types = self.resolved_types.saturating_add(1);
                Ok(())
            }
            None => Err(Refusal::type_name(&written)),
        }
    }

    fn visit_collation(&self, names: &[String]) -> StageResult<()> {
        let known = match names {
            [name] => self.plane.builtins.collation_names.contains(name),
            [schema, name] => schema == "pg_catalog" && self.plane.builtins.collation_names.contains(name),
            _ => false,
        };
        if known {
            return Ok(());
        }
        Err(Refusal::new(
            State::OutsidePlane,
            format!("collation \"{}\" is not in the plane", crate::error::clip(&names.join("."))),
        ))
    }

    fn visit_column(&mut self, reference: RawColumnRef<'t>) -> StageResult<()> {
        let names = reference.names();
        let qualification = if reference.is_star() { names.len() } else { names.len().saturating_sub(1) };
        match (qualification, names.as_slice()) {
            (0 | 1, _) => Ok(()),
            (2, [schema, table, ..]) if self.names.qualified(schema, table).is_some() => {
                self.tree.drop_qualifier(reference);
                Ok(())
            }
            (3, [database, schema, table, ..])
                if server::database_name() == *database && self.names.qualified(schema, table).is_some() =>
            {
                self.tree.drop_qualifier(reference);
                self.tree.drop_qualifier(reference);
                Ok(())
            }
            _ => Err(Refusal::new(
                State::UnknownRelation,
                format!("missing FROM-clause entry for \"{}\"", crate::error::clip(&names.join("."))),
            )),
        }
    }
}

/// Functions that the plane has in some places are refused in words that say where.
fn refused_function(schema: Option<&str>, name: &str) -> Refusal {
    let is_built_in = matches!(schema, None | Some("pg_catalog"));
    if is_built_in && name == "pg_typeof" {
        return Refusal::construct(
            "pg_typeof outside the statement's own select list, a cast to text, ||, concat, format, IS NULL and a comparison with \
             another pg_typeof",
        );
    }
    if is_built_in && raw::POPULATES.contains(&name) {
        return Refusal::construct(&format!("{name} other than in FROM, of NULL::relation and one JSON value,"));
    }
    Refusal::function(&schema.into_iter().chain([name]).collect::<Vec<_>>().join("."))
}

fn visit_operator(plane: &Plane, names: &[String]) -> StageResult<()> {
    match names {
        [] | [_] => Ok(()),
        [schema, _] if schema == "pg_catalog" || ablation::is_off(Switch::Functions) => Ok(()),
        [schema, _] if plane.extensions.has_schema(schema) => Ok(()),
        _ => Err(Refusal::operator(&names.join("."))),
    }
}
