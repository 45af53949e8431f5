//! Parsing, analysing and rewriting with PostgreSQL's own code, inside the confined section.

use super::flags::c_int;
use super::hooks::analysis::AnalysisGuard;
use super::node::{TreeNode, nodes};
use super::parameters::Parameters;
use super::query::{QueryView, drop_presence_conditions, put_barriers};
use super::raw::{self, RawNode, RawTree, TextConstant};
use super::section::confine::Confinement;
use super::section::pin::Pinned;
use super::section::stage::{self, Stage};
use super::skeletons;
use crate::error::{Refusal, StageResult, State};
use pgrx::{PgList, pg_sys};
use std::collections::HashSet;
use std::ffi::CString;
use std::num::NonZeroU64;

/// A text that PostgreSQL's C code can read for as long as the section lasts.
#[derive(Clone, Copy)]
pub struct SourceText<'c> {
    pointer: *const std::ffi::c_char,
    section: std::marker::PhantomData<&'c ()>,
}

impl<'c> SourceText<'c> {
    /// Copies `text` into the section's memory.
    pub fn copy(_confinement: &'c Confinement<'c>, text: &str) -> StageResult<Self> {
        if text.contains('\0') {
            return Err(Refusal::new(State::Argument, "the SQL holds a zero byte"));
        }
        Ok(SourceText { pointer: raw::palloc_text(text), section: std::marker::PhantomData })
    }

    pub(super) fn as_pointer(self) -> *const std::ffi::c_char {
        self.pointer
    }
}

fn raw_statements<'c>(text: SourceText<'c>) -> Vec<RawNode<'c>> {
    // SAFETY: a NUL-terminated text; the trees are made in the section's memory context.
    let statements: Vec<RawNode<'c>> = unsafe { nodes(pg_sys::pg_parse_query(text.as_pointer())) };
    statements.into_iter().filter_map(|statement| statement.downcast::<pg_sys::RawStmt>()?.stmt()).collect()
}

/// Parses exactly one statement; a syntax error is PostgreSQL's own (42601).
pub fn parse_one<'c>(confinement: &'c Confinement<'c>, sql: &str) -> StageResult<RawTree<'c>> {
    stage::set(Stage::Parsing);
    let text = SourceText::copy(confinement, sql)?;
    match raw_statements(text).as_slice() {
        [statement] => Ok(RawTree::new(*statement)),
        [] => Err(Refusal::new(State::Syntax, "the SQL holds no statement")),
        _ => Err(Refusal::new(State::NotAdmitted, "more than one statement is not admitted in the plane")),
    }
}

/// The skeleton with the untrusted tree as its derived table.
pub struct Grafted<'c> {
    statement: RawTree<'c>,
    text: SourceText<'c>,
}

/// Takes our own skeleton and grafts the untrusted tree onto it.
///
/// `shown` is the text of the whole statement, as views of running statements show it.
pub fn graft<'c>(
    confinement: &'c Confinement<'c>,
    skeleton: &str,
    untrusted: RawTree<'c>,
    shown: &str,
) -> StageResult<Grafted<'c>> {
    let mut outer = skeletons::parsed(confinement, skeleton, |text| parse_one(confinement, text))?;
    outer.graft(untrusted)?;
    Ok(Grafted { statement: outer, text: SourceText::copy(confinement, shown)? })
}

impl Grafted<'_> {
    /// The literals in quotes of all its texts, as long as it is not analysed.
    pub fn texts(&self) -> Vec<TextConstant> {
        let mut found = Vec::new();
        self.statement.root().collect_texts(&mut found);
        found
    }
}

/// A skeleton of ours as a tree, with a query in each of its common table expressions and one as its derived table.
pub fn assemble<'c>(
    confinement: &'c Confinement<'c>,
    skeleton: &str,
    expressions: Option<Vec<RawTree<'c>>>,
    derived: RawTree<'c>,
) -> StageResult<RawTree<'c>> {
    let mut outer = skeletons::parsed(confinement, skeleton, |text| parse_one(confinement, text))?;
    if let Some(expressions) = expressions {
        outer.put_expressions(expressions)?;
    }
    outer.graft(derived)?;
    Ok(outer)
}

/// Where names are looked up while a statement is analysed.
#[derive(Debug)]
pub struct NameScope {
    /// The value of `search_path`.
    pub path: CString,
    /// The types besides PostgreSQL's own whose literals may be read; `None` where no schema of others is on the path.
    pub types: Option<HashSet<pg_sys::Oid>>,
}

impl NameScope {
    /// PostgreSQL's own names.
    pub fn own() -> Self {
        NameScope { path: c"pg_catalog, pg_temp".to_owned(), types: None }
    }
}

/// An analysed query with the text and parameters it belongs to.
pub struct Analysed<'c> {
    query: QueryView<'c>,
    text: SourceText<'c>,
    /// All tables were locked before the snapshot was taken.
    keeps_snapshot: bool,
}

/// Locks a table as reading it does, to the end of the section.
pub fn lock(_confinement: &Confinement<'_>, relation: pg_sys::Oid) {
    // SAFETY: a relation's OID; where it is gone meanwhile, what names it next says so.
    unsafe { pg_sys::LockRelationOid(relation, const { c_int(pg_sys::AccessShareLock) }) };
}

/// Takes a snapshot anew: waiting for a lock may have taken long.
pub fn renew_snapshot(_confinement: &Confinement<'_>) {
    take_snapshot();
}

fn take_snapshot() {
    // SAFETY: in the section; pops the snapshot that `confine` pushed (nothing else is pushed between) and pushes a newer one.
    unsafe {
        pg_sys::PopActiveSnapshot();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
}

/// Analyses the grafted tree. Names are looked up in `scope` here alone: planned and run is what was found.
///
/// No user code runs here: the raw walk admitted every type, function and operator name. Where schemas of extensions are in the
/// scope, others may have put functions and operators of such names there, which take a type of their own: its input function, or
/// the check of a domain in it, would run on a literal of the text. So the tree is analysed without its literals first; `known`
/// refuses what it finds that is not in the plane; and of the types that are not, no input function is called.
///
/// The second time the same is found: names are looked up in caches that the first time filled, and messages of other sessions that
/// would empty them are taken in with locks alone, which are all held.
pub fn analyse<'c>(
    grafted: Grafted<'c>,
    parameters: &Parameters<'c>,
    scope: &NameScope,
    known: impl FnOnce(QueryView<'_>) -> StageResult<()>,
) -> StageResult<Analysed<'c>> {
    stage::set(Stage::Analysing);
    let guard = scope.types.as_ref().map(|types| AnalysisGuard::admit(types.iter().copied()));
    if guard.is_some() {
        known(analysed(&grafted.statement.without_texts(), grafted.text, parameters, scope)?)?;
    }
    let query = analysed(&grafted.statement, grafted.text, parameters, scope)?;
    drop(guard);
    stage::set(Stage::Beyond);
    Ok(Analysed { query, text: grafted.text, keeps_snapshot: false })
}

fn analysed<'c>(
    tree: &RawTree<'c>,
    text: SourceText<'c>,
    parameters: &Parameters<'c>,
    scope: &NameScope,
) -> StageResult<QueryView<'c>> {
    let types = parameters.types();
    let count = i32::try_from(types.len()).map_err(|_| Refusal::proof("too many parameters"))?;
    let mut statement = pg_sys::RawStmt {
        type_: pg_sys::NodeTag::T_RawStmt,
        stmt: tree.root().as_pointer(),
        stmt_location: 0,
        stmt_len: 0,
    };
    let pinned = Pinned::all(&[(c"search_path", scope.path.as_c_str())]);
    // SAFETY: the tree is whole, the text NUL-terminated, and `types` holds `count` entries.
    let query = unsafe {
        pg_sys::parse_analyze_fixedparams(
            &raw mut statement,
            text.as_pointer(),
            types.as_ptr(),
            count,
            std::ptr::null_mut(),
        )
    };
    drop(pinned);
    // SAFETY: what analysis just made, in the section's memory.
    unsafe { QueryView::from_pointer(query) }.ok_or_else(|| Refusal::proof("analysis produced no query"))
}

impl<'c> Analysed<'c> {
    /// A copy of what was analysed before.
    pub(super) fn of_copy(confinement: &'c Confinement<'c>, query: QueryView<'c>, text: &str) -> StageResult<Self> {
        let text = SourceText::copy(confinement, text)?;
        stage::set(Stage::Beyond);
        Ok(Analysed { query, text, keeps_snapshot: false })
    }

    /// The analysed tree.
    pub fn query(&self) -> QueryView<'c> {
        self.query
    }

    /// The same statement, to run under the snapshot that is active: the caller has locked its tables before that was taken.
    #[must_use]
    pub fn under_this_snapshot(self) -> Self {
        Analysed { keeps_snapshot: true, ..self }
    }

    /// The same statement with another tree in the place of its own.
    #[must_use]
    pub fn with_query(self, query: QueryView<'c>) -> Self {
        Analysed { query, ..self }
    }

    /// Makes a security barrier of what these views read, which stand in the WITH above the statement.
    pub fn put_barriers(&mut self, views: &[&str]) {
        let Some(around) = self.query.derived() else { return };
        for view in views.iter().filter_map(|name| around.expression(name)) {
            // SAFETY: the tree is this value's, and no field of it is kept.
            unsafe { put_barriers(view) };
        }
    }

    /// Converts the result columns to `expected` (type, modifier), as assignment would.
    pub fn coerce_columns(&mut self, expected: &[(pg_sys::Oid, i32)]) -> StageResult<()> {
        // SAFETY: the query is whole; its target list holds TargetEntry nodes.
        let entries = unsafe { PgList::<pg_sys::TargetEntry>::from_pg((*self.query.as_pointer()).targetList) };
        if entries.len() != expected.len() {
            return Err(Refusal::new(
                State::ResultShape,
                format!("the answer has {} columns, the column definition list {}", entries.len(), expected.len()),
            ));
        }
        for (number, (entry, (type_oid, modifier))) in entries.iter_ptr().zip(expected).enumerate() {
            // SAFETY: the entry's expression is analysed, and conversion makes a new node around it.
            let converted = unsafe {
                let expression = (*entry).expr.cast::<pg_sys::Node>();
                pg_sys::coerce_to_target_type(
                    std::ptr::null_mut(),
                    expression,
                    pg_sys::exprType(expression),
                    *type_oid,
                    *modifier,
                    pg_sys::CoercionContext::COERCION_ASSIGNMENT,
                    pg_sys::CoercionForm::COERCE_IMPLICIT_CAST,
                    -1,
                )
            };
            if converted.is_null() {
                return Err(Refusal::new(
                    State::ResultShape,
                    format!("column {} of the answer does not fit the type in the column definition list", number + 1),
                ));
            }
            // SAFETY: the entry belongs to the query.
            unsafe { (*entry).expr = converted.cast() };
        }
        Ok(())
    }

    /// Applies rules and row-level security as the current (reader) role.
    pub fn rewrite(self) -> StageResult<Rewritten<'c>> {
        // SAFETY: the query is whole; the rewriter takes it over.
        let list = unsafe { PgList::<pg_sys::Query>::from_pg(pg_sys::pg_rewrite_query(self.query.as_pointer())) };
        // SAFETY: what the rewriter just made, in the section's memory.
        let mut queries = list.iter_ptr().filter_map(|query| unsafe { QueryView::from_pointer(query) });
        // Analysis may have waited for a lock; a snapshot older than that would see a rewritten table as empty.
        if !self.keeps_snapshot {
            take_snapshot();
        }
        match (queries.next(), queries.next()) {
            (Some(query), None) => Ok(Rewritten { query, text: self.text }),
            _ => Err(Refusal::proof("rewriting did not produce exactly one query")),
        }
    }
}

/// A query with row-level security applied.
pub struct Rewritten<'c> {
    query: QueryView<'c>,
    text: SourceText<'c>,
}

impl<'c> Rewritten<'c> {
    /// The rewritten tree.
    pub fn query(&self) -> QueryView<'c> {
        self.query
    }

    /// Takes the conditions out of row-level security that say no more than that the policy `policy` is there, of each of the
    /// fences.
    pub fn drop_presence_conditions(&mut self, policy: &str) {
        for expression in self.query.fences() {
            // SAFETY: the tree is this value's, and no field of it is kept.
            unsafe { drop_presence_conditions(expression, policy) };
        }
    }

    /// Has modules that count statements know this one by that text and number. They keep the text that a statement comes with as
    /// it is when they have none of its number.
    pub fn count_as(&mut self, confinement: &'c Confinement<'c>, text: &str, number: NonZeroU64) -> StageResult<()> {
        self.text = SourceText::copy(confinement, text)?;
        let query = self.query.as_pointer();
        // SAFETY: the tree is this value's, and no field of it is kept. Place and length 0 are the text as a whole.
        unsafe {
            (*query).queryId = query_id(number);
            (*query).stmt_location = 0;
            (*query).stmt_len = 0;
        }
        Ok(())
    }

    pub(super) fn text(&self) -> SourceText<'c> {
        self.text
    }
}

#[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
fn query_id(number: NonZeroU64) -> u64 {
    number.get()
}

/// Signed since 18.
#[cfg(any(feature = "pg18", feature = "pg19"))]
fn query_id(number: NonZeroU64) -> i64 {
    number.get().cast_signed()
}
