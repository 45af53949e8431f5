//! Plane views: each becomes a common table expression of its own, after the fences and above the statement.
//!
//! A view's text was written by an administrator. It is walked, analysed and proved as a model's is all the same, and put in
//! as a tree: a table or a function may be another one since the view was defined.

use super::names::Surroundings;
use super::raw_walk;
use super::{Fence, Known};
use crate::catalog::plane::{Plane, PlaneRelation};
use crate::catalog::views::PlaneView;
use crate::error::{Refusal, StageResult, State};
use crate::gate::{Gated, RelationReference};
use crate::pgx::names::quote_identifier;
use crate::pgx::parameters::Parameters;
use crate::pgx::parse;
use crate::pgx::raw::RawTree;
use crate::pgx::section::confine::Confinement;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Most references to relations of a view, once the views that it reads are put in.
const MOST_FENCES: usize = 64;

/// A view with its text as the gate admitted it.
#[derive(Clone)]
pub struct GatedView {
    /// The view.
    pub view: Rc<PlaneView>,
    /// Its text.
    pub gated: Gated,
}

/// A view that was attached, and what the proof must find in its place.
#[derive(Clone)]
pub struct AttachedView {
    /// The view.
    pub view: Rc<PlaneView>,
    /// The fences of its own WITH, which nothing else can name: those of hidden relations. Where there are any, its query is the
    /// derived table of a query of ours, and that a security barrier.
    pub fences: Vec<Fence>,
}

/// The views that a text names: bare names alone mean views.
pub fn named<'p>(plane: &'p Plane, references: &BTreeSet<RelationReference>) -> Vec<&'p Rc<PlaneView>> {
    let bare = references.iter().filter(|reference| reference.database.is_none() && reference.schema.is_none());
    bare.filter_map(|reference| plane.views.get(&reference.name)).collect()
}

/// A view as a tree, with what it reads.
pub(super) struct Walked<'c> {
    pub(super) of: GatedView,
    pub(super) tree: RawTree<'c>,
    /// The hidden relations that it reads itself, by the names of their fences.
    hidden: BTreeMap<String, Rc<PlaneRelation>>,
}

/// Walks the trees of views, each after those that it reads, and adds the fences that they need to `targets`.
pub(super) fn walk<'c>(
    confinement: &'c Confinement<'c>,
    plane: &Plane,
    views: &[GatedView],
    targets: &mut BTreeMap<String, Rc<PlaneRelation>>,
) -> StageResult<(Vec<Walked<'c>>, Surroundings)> {
    let mut around = Surroundings { expressions: views.len(), is_view: true, ..Surroundings::default() };
    let mut walked = Vec::with_capacity(views.len());
    for of in views {
        let mut tree = parse::parse_one(confinement, of.gated.sql())?;
        let named = raw_walk::admit(plane, &mut tree, &around)?;
        if named.references != *of.gated.relations() {
            return Err(super::read_differently());
        }
        if named.weight.fences > MOST_FENCES {
            return Err(Refusal::new(
                State::TooComplex,
                format!("the view is too complex: more than {MOST_FENCES} relations once the views in it are put in"),
            ));
        }
        around.expressions = named.expressions;
        around.views.insert(of.view.name.clone(), named.weight);
        let (hidden, visible): (BTreeMap<_, _>, BTreeMap<_, _>) =
            named.targets.into_iter().partition(|(_, relation)| relation.is_hidden);
        targets.extend(visible);
        walked.push(Walked { of: of.clone(), tree, hidden });
    }
    around.is_view = false;
    Ok((walked, around))
}

/// The statement below the views, as a tree and as text to show.
pub(super) fn put<'c>(
    confinement: &'c Confinement<'c>,
    walked: Vec<Walked<'c>>,
    untrusted: RawTree<'c>,
    gated: &Gated,
    known: Known<'_>,
    parameters: &mut Parameters<'_>,
) -> StageResult<(RawTree<'c>, String, Vec<AttachedView>)> {
    let mut skeleton = Vec::with_capacity(walked.len());
    let mut shown = Vec::with_capacity(walked.len());
    let mut trees = Vec::with_capacity(walked.len());
    let mut attached = Vec::with_capacity(walked.len());
    for Walked { of, tree, hidden } in walked {
        let before = format!("{} AS NOT MATERIALIZED (", quote_identifier(&of.view.name));
        skeleton.push(format!("{before}{})", super::skeleton::PLACEHOLDER));
        if hidden.is_empty() {
            shown.push(of.gated.within(&before, ")"));
            trees.push(tree);
            attached.push(AttachedView { view: of.view, fences: Vec::new() });
            continue;
        }
        // What is shown goes to callers, who do not learn the names of what is hidden.
        shown.push(format!("{before}/* a view over hidden relations */)"));
        let (fences, around) = super::skeleton::build(&hidden, known, parameters)?;
        trees.push(parse::assemble(confinement, &around, None, tree)?);
        attached.push(AttachedView { view: of.view, fences });
    }
    let skeleton = format!("WITH {} SELECT * FROM ({}) AS answer", skeleton.join(", "), super::skeleton::PLACEHOLDER);
    let shown = gated.within(&format!("WITH {}\nSELECT * FROM (", shown.join(",\n     ")), ") AS answer");
    Ok((parse::assemble(confinement, &skeleton, Some(trees), untrusted)?, shown, attached))
}
