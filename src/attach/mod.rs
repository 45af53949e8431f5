//! Layer 3 on PostgreSQL's raw tree: refuse what is not admitted, point names at the plane, attach the fences.
//!
//! Requires: a gated text. Produces: `Attached`, the trusted skeleton with the untrusted tree as its derived table.
//! Nothing untrusted is printed back into SQL that runs; the text made here is for showing only.

mod admitted;
mod binding;
mod directed;
mod group_by;
mod grouped;
mod level;
mod names;
mod raw_walk;
mod skeleton;
mod uses;
mod views;

use crate::catalog::plane::{Plane, PlaneColumn, PlaneRelation};
use crate::error::{Refusal, StageResult};
use crate::gate::Gated;
use crate::identity::principal::Principal;
use crate::pgx::key_forms::{KeyRange, LeadingValues};
use crate::pgx::names::quote_identifier;
use crate::pgx::parameters::Parameters;
use crate::pgx::parse::{self, Grafted};
use crate::pgx::query::BaseScan;
use crate::pgx::raw::{RawKind, RawTree};
use crate::pgx::section::confine::Confinement;
use names::{Surroundings, Weight};
use std::collections::BTreeMap;
use std::rc::Rc;

pub use views::{AttachedView, GatedView, named};

// What the walk found, for the tests alone.
#[cfg(feature = "pg_test")]
pub(crate) fn walk_tree(plane: &Plane, untrusted: &mut RawTree<'_>) -> StageResult<raw_walk::Named> {
    raw_walk::admit(plane, untrusted, &Surroundings::default())
}

/// What the fences compare with.
#[derive(Clone, Copy)]
pub enum Claims<'p> {
    /// A verified principal's claims.
    Of(&'p Principal),
    /// None yet: a statement is to be proved, not run. The fences compare with NULL and let no row through.
    Unknown,
}

/// What was collected of the keys of parents: by the numbers of the links.
pub type Keys = BTreeMap<i32, LinkKeys>;

/// The keys of one link.
pub struct LinkKeys {
    /// How many rows of the parent have one.
    pub count: usize,
    /// The values of their first column, if a condition on each of them is of use.
    pub leading: Option<LeadingValues>,
    /// Between which values they lie, if that is of use.
    pub range: Option<KeyRange>,
}

/// What fences are made of besides their relations.
#[derive(Clone, Copy)]
struct Known<'a> {
    plane: &'a Plane,
    claims: Claims<'a>,
    keys: &'a Keys,
}

/// One common table expression of ours and what the proof must find in it.
#[derive(Clone)]
pub struct Fence {
    /// Its name in the skeleton.
    pub name: String,
    /// The plane relation.
    pub relation: Rc<PlaneRelation>,
    /// The analysed form that it must come down to.
    pub scan: BaseScan,
}

/// The statement with its fences, not analysed yet.
pub struct Attached<'c> {
    /// The grafted tree.
    pub grafted: Grafted<'c>,
    /// The fences, in the order of the skeleton's WITH.
    pub fences: Vec<Fence>,
    /// The views, in the order of the WITH that stands above the statement.
    pub views: Vec<AttachedView>,
    /// The claims that the fences compare with.
    pub parameters: Parameters<'c>,
    /// The plane SQL as text, to show.
    pub shown: String,
}

/// Attaches the fences of every plane relation that the gated text names, itself or through `views`: each of those stands behind
/// the ones that it reads. `most_rows` is where the statement cuts its answer by itself.
///
/// # Errors
/// 42P01, 42501, 0A000 by name; 42601 from PostgreSQL's parser; 28000 when the principal lacks a claim.
pub fn attach<'c>(
    confinement: &'c Confinement<'c>,
    gated: &Gated,
    views: &[GatedView],
    plane: &Plane,
    claims: Claims<'_>,
    keys: &Keys,
    most_rows: Option<usize>,
) -> StageResult<Attached<'c>> {
    let mut untrusted = parse::parse_one(confinement, gated.sql())?;
    let mut targets = BTreeMap::new();
    let (walked, around) = views::walk(confinement, plane, views, &mut targets)?;
    let named = admit(plane, &mut untrusted, &around)?;
    if named.references != *gated.relations() {
        return Err(read_differently());
    }
    targets.extend(named.targets);
    let mut parameters = Parameters::new(confinement);
    let known = Known { plane, claims, keys };
    let (fences, mut skeleton) = skeleton::build(&targets, known, &mut parameters)?;
    if let Some(most) = most_rows {
        skeleton = skeleton::cut(&skeleton, most);
    }
    if walked.is_empty() {
        let shown = skeleton::show(&skeleton, gated);
        directed::check_servers(fences.iter())?;
        let grafted = parse::graft(confinement, &skeleton, untrusted, &shown)?;
        return Ok(Attached { grafted, fences, views: Vec::new(), parameters, shown });
    }
    let (below, shown, views) = views::put(confinement, walked, untrusted, gated, known, &mut parameters)?;
    directed::check_servers(fences.iter().chain(views.iter().flat_map(|view| &view.fences)))?;
    let shown = skeleton::show_text(&skeleton, &shown);
    let grafted = parse::graft(confinement, &skeleton, below, &shown)?;
    Ok(Attached { grafted, fences, views, parameters, shown })
}

/// The parameters of a statement that was attached before, for these claims; `None` where its fences would be others. Of keys of
/// parents nothing is known here: a fence that needs some is another one.
///
/// # Errors
/// 28000 when the principal lacks a claim.
pub fn bind_again<'c>(
    confinement: &'c Confinement<'c>,
    fences: &[Fence],
    views: &[AttachedView],
    plane: &Plane,
    claims: Claims<'_>,
) -> StageResult<Option<Parameters<'c>>> {
    let mut parameters = Parameters::new(confinement);
    let known = Known { plane, claims, keys: &Keys::new() };
    // In the order in which they were built.
    for fence in fences.iter().chain(views.iter().flat_map(|view| &view.fences)) {
        if !skeleton::is_same(fence, known, &mut parameters)? {
            return Ok(None);
        }
    }
    Ok(Some(parameters))
}

fn read_differently() -> Refusal {
    Refusal::new(crate::error::State::NotAdmitted, "SQL that two parsers read differently is not admitted in the plane")
        .with_detail("gate and raw tree name different relations")
}

/// A query of our own for some columns of one relation, all rows that its fence lets through.
///
/// # Errors
/// 28000 when the principal lacks a claim.
pub fn attach_columns<'c>(
    confinement: &'c Confinement<'c>,
    relation: &PlaneRelation,
    columns: &[PlaneColumn],
    plane: &Plane,
    claims: Claims<'_>,
    keys: &Keys,
) -> StageResult<Attached<'c>> {
    let columns = columns.to_vec();
    let relation = Rc::new(PlaneRelation { columns, ..relation.clone() });
    let query = parse::parse_one(confinement, &format!("SELECT * FROM {}", quote_identifier(&relation.name)))?;
    let targets = BTreeMap::from([(relation.name.clone(), relation)]);
    let mut parameters = Parameters::new(confinement);
    let (fences, skeleton) = skeleton::build(&targets, Known { plane, claims, keys }, &mut parameters)?;
    let grafted = parse::graft(confinement, &skeleton, query, &skeleton)?;
    Ok(Attached { grafted, fences, views: Vec::new(), parameters, shown: skeleton })
}

/// Refuses, by the construct's name where there is one, a tree that PostgreSQL parsed and the gate could not read.
pub fn refuse_by_name(plane: &Plane, untrusted: &mut RawTree<'_>) -> StageResult<()> {
    // What the views come to matters for nothing here.
    let views = plane.views.keys().map(|name| (name.clone(), Weight::default())).collect();
    admit(plane, untrusted, &Surroundings { views, ..Surroundings::default() }).map(|_| ())
}

fn admit(plane: &Plane, untrusted: &mut RawTree<'_>, around: &Surroundings) -> StageResult<raw_walk::Named> {
    let name = match untrusted.root().kind() {
        RawKind::Select(_) => return raw_walk::admit(plane, untrusted, around),
        RawKind::Other(tag) => admitted::refused(tag),
        _ => None,
    };
    Err(Refusal::construct(name.unwrap_or("a statement that is no SELECT")))
}
