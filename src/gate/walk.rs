//! Walks the tree of a query: every clause through an allowlist, every relation through PostgreSQL's scoping of CTEs.
//!
//! Nothing recurses: pending nodes lie on a heap stack, so a tree of any height is walked in constant stack. The
//! structures are taken apart field by field, without `..`, so that a field or variant that a later sqlparser adds
//! does not compile until a rule for it is written.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Cte, Distinct, Expr, Fetch, GroupByExpr, LimitClause, NamedWindowDefinition, NamedWindowExpr, Offset, OrderBy,
    OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Query, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, TableFactor, Values,
    WildcardAdditionalOptions, With,
};

use super::aliases::table_alias;
use super::error::{GateError, GateResult, refuse_if};
use super::names::{self, RelationReference};

/// What is still to be done, last in first out.
pub(super) enum Task<'a> {
    Query(&'a Query),
    Body(&'a SetExpr),
    Factor(&'a TableFactor),
    Expression(&'a Expr),
    /// The CTE just walked becomes visible to its later siblings.
    RevealCte,
    /// The query is done: its CTEs go out of scope.
    LeaveQuery,
}

/// The CTEs of one WITH clause; the first `visible` of them may be named.
struct Scope {
    names: Vec<String>,
    visible: usize,
}

/// The walk's state.
pub(super) struct Walk<'a> {
    pub(super) tasks: Vec<Task<'a>>,
    scopes: Vec<Scope>,
    relations: BTreeSet<RelationReference>,
}

/// The relations that the query names, if all its nodes are admitted.
pub(super) fn relations(query: &Query) -> GateResult<BTreeSet<RelationReference>> {
    let mut walk = Walk { tasks: vec![Task::Query(query)], scopes: Vec::new(), relations: BTreeSet::new() };
    while let Some(task) = walk.tasks.pop() {
        match task {
            Task::Query(query) => walk.query(query)?,
            Task::Body(body) => walk.body(body)?,
            Task::Factor(factor) => walk.factor(factor)?,
            Task::Expression(expression) => walk.expression(expression)?,
            Task::RevealCte => {
                if let Some(scope) = walk.scopes.last_mut() {
                    scope.visible = scope.visible.saturating_add(1);
                }
            }
            Task::LeaveQuery => {
                walk.scopes.pop();
            }
        }
    }
    Ok(walk.relations)
}

impl<'a> Walk<'a> {
    pub(super) fn push(&mut self, expression: &'a Expr) {
        self.tasks.push(Task::Expression(expression));
    }

    pub(super) fn push_all(&mut self, expressions: impl IntoIterator<Item = &'a Expr>) {
        self.tasks.extend(expressions.into_iter().map(Task::Expression));
    }

    fn query(&mut self, query: &'a Query) -> GateResult<()> {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        refuse_if(!locks.is_empty(), "FOR UPDATE or FOR SHARE")?;
        refuse_if(for_clause.is_some(), "FOR XML or FOR JSON")?;
        refuse_if(settings.is_some(), "SETTINGS")?;
        refuse_if(format_clause.is_some(), "FORMAT")?;
        refuse_if(!pipe_operators.is_empty(), "a pipe operator")?;
        self.tasks.push(Task::LeaveQuery);
        self.tasks.push(Task::Body(body));
        if let Some(order_by) = order_by {
            self.order_by(order_by)?;
        }
        if let Some(limit) = limit_clause {
            self.limit(limit)?;
        }
        if let Some(Fetch { with_ties: _, percent, quantity }) = fetch {
            refuse_if(*percent, "FETCH .. PERCENT")?;
            self.push_all(quantity);
        }
        let scope = match with {
            Some(with) => self.with(with)?,
            None => Scope { names: Vec::new(), visible: 0 },
        };
        self.scopes.push(scope);
        Ok(())
    }

    /// Queues the CTEs so that each is walked when exactly the earlier ones are visible, or all if RECURSIVE.
    fn with(&mut self, with: &'a With) -> GateResult<Scope> {
        let With { with_token: _, recursive, cte_tables } = with;
        let mut names = Vec::with_capacity(cte_tables.len());
        for Cte { alias, query: _, from, materialized: _, closing_paren_token: _ } in cte_tables {
            refuse_if(from.is_some(), "FROM after a CTE")?;
            table_alias(alias)?;
            names.push(names::fold(&alias.name));
        }
        for cte in cte_tables.iter().rev() {
            if !recursive {
                self.tasks.push(Task::RevealCte);
            }
            self.tasks.push(Task::Query(&cte.query));
        }
        let visible = if *recursive { names.len() } else { 0 };
        Ok(Scope { names, visible })
    }

    fn body(&mut self, body: &'a SetExpr) -> GateResult<()> {
        let kind = match body {
            SetExpr::Select(select) => return self.select(select),
            SetExpr::Query(query) => {
                self.tasks.push(Task::Query(query));
                return Ok(());
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                match op {
                    SetOperator::Union | SetOperator::Except | SetOperator::Intersect => {}
                    SetOperator::Minus => return Err(GateError::construct("MINUS")),
                }
                match set_quantifier {
                    SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => {}
                    SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                        return Err(GateError::construct("BY NAME"));
                    }
                }
                self.tasks.push(Task::Body(left));
                self.tasks.push(Task::Body(right));
                return Ok(());
            }
            SetExpr::Values(Values { explicit_row, value_keyword, rows }) => {
                refuse_if(*explicit_row || *value_keyword, "VALUES of another dialect")?;
                for row in rows {
                    self.push_all(&row.content);
                }
                return Ok(());
            }
            // `tokens` spells the honest ones as SELECT; what is left keeps no quotes on its name.
            SetExpr::Table(_) => return Err(GateError::construct("TABLE in this place")),
            SetExpr::Insert(_) => "INSERT",
            SetExpr::Update(_) => "UPDATE",
            SetExpr::Delete(_) => "DELETE",
            SetExpr::Merge(_) => "MERGE",
        };
        Err(GateError::NotSelect { kind: kind.to_owned() })
    }

    fn select(&mut self, select: &'a Select) -> GateResult<()> {
        let Select {
            select_token: _,
            // Comments that another engine would execute.
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        refuse_if(into.is_some(), "SELECT INTO")?;
        refuse_if(select_modifiers.is_some() || value_table_mode.is_some(), "a SELECT modifier")?;
        refuse_if(top.is_some(), "TOP")?;
        refuse_if(exclude.is_some(), "EXCLUDE")?;
        refuse_if(!lateral_views.is_empty(), "LATERAL VIEW")?;
        refuse_if(prewhere.is_some(), "PREWHERE")?;
        refuse_if(!connect_by.is_empty(), "CONNECT BY")?;
        refuse_if(!cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty(), "SORT BY")?;
        refuse_if(qualify.is_some(), "QUALIFY")?;
        refuse_if(*flavor != SelectFlavor::Standard, "a query that begins with FROM")?;
        match distinct {
            Some(Distinct::On(expressions)) => self.push_all(expressions),
            Some(Distinct::Distinct | Distinct::All) | None => {}
        }
        for item in projection {
            self.select_item(item)?;
        }
        for table in from {
            self.joined(table)?;
        }
        self.push_all(selection);
        self.push_all(having);
        match group_by {
            GroupByExpr::Expressions(expressions, modifiers) => {
                refuse_if(!modifiers.is_empty(), "GROUP BY .. WITH")?;
                self.push_all(expressions);
            }
            GroupByExpr::All(_) => return Err(GateError::construct("GROUP BY ALL")),
        }
        for NamedWindowDefinition(name, window) in named_window {
            names::column(name)?;
            match window {
                NamedWindowExpr::WindowSpec(window) => self.window(window)?,
                NamedWindowExpr::NamedWindow(_) => return Err(GateError::construct("WINDOW without parentheses")),
            }
        }
        Ok(())
    }

    fn select_item(&mut self, item: &'a SelectItem) -> GateResult<()> {
        match item {
            SelectItem::UnnamedExpr(expression) => self.push(expression),
            SelectItem::ExprWithAlias { expr, alias } => {
                names::label(alias)?;
                self.push(expr);
            }
            SelectItem::ExprWithAliases { .. } => return Err(GateError::construct("an alias list")),
            SelectItem::QualifiedWildcard(kind, options) => {
                wildcard(options)?;
                match kind {
                    SelectItemQualifiedWildcardKind::ObjectName(name) => {
                        names::parts(name)?;
                    }
                    SelectItemQualifiedWildcardKind::Expr(expression) => self.push(expression),
                }
            }
            SelectItem::Wildcard(options) => wildcard(options)?,
        }
        Ok(())
    }

    pub(super) fn order_by_items(&mut self, items: &'a [OrderByExpr]) -> GateResult<()> {
        for OrderByExpr { expr, options, with_fill } in items {
            let OrderByOptions { sort, nulls_first: _ } = options;
            refuse_if(matches!(sort, Some(OrderBySort::Using(_))), "ORDER BY .. USING")?;
            refuse_if(with_fill.is_some(), "WITH FILL")?;
            self.push(expr);
        }
        Ok(())
    }

    fn order_by(&mut self, order_by: &'a OrderBy) -> GateResult<()> {
        let OrderBy { kind, interpolate } = order_by;
        refuse_if(interpolate.is_some(), "INTERPOLATE")?;
        match kind {
            OrderByKind::Expressions(items) => self.order_by_items(items),
            OrderByKind::All(_) => Err(GateError::construct("ORDER BY ALL")),
        }
    }

    fn limit(&mut self, limit: &'a LimitClause) -> GateResult<()> {
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                refuse_if(!limit_by.is_empty(), "LIMIT .. BY")?;
                self.push_all(limit);
                if let Some(Offset { value, rows: _ }) = offset {
                    self.push(value);
                }
                Ok(())
            }
            LimitClause::OffsetCommaLimit { .. } => Err(GateError::construct("LIMIT with a comma")),
        }
    }

    /// Notes a relation unless it is a CTE in scope; a CTE's name matches an unqualified reference only.
    pub(super) fn relation(&mut self, relation: RelationReference) {
        let is_cte = relation.schema.is_none()
            && self.scopes.iter().any(|scope| scope.names.iter().take(scope.visible).any(|cte| *cte == relation.name));
        if !is_cte {
            self.relations.insert(relation);
        }
    }
}

pub(super) fn wildcard(options: &WildcardAdditionalOptions) -> GateResult<()> {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    let present = opt_ilike.is_some()
        || opt_exclude.is_some()
        || opt_except.is_some()
        || opt_replace.is_some()
        || opt_rename.is_some()
        || opt_alias.is_some();
    refuse_if(present, "an option after *")
}
