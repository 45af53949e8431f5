//! Collects the keys of parents' rows, for relations whose rows belong to those of others.
//!
//! Each parent is queried in the same confined section as the statement, through the same stages: its fence is attached, proved and
//! evaluated as that of any relation. All of it, the statement included, runs under one snapshot, taken when every table that is
//! read has been locked: between two snapshots a row could change hands.

#[cfg(feature = "ablation")]
use crate::ablation::{self, Switch};
use crate::attach::{self, Attached, Claims, GatedView, Keys, LinkKeys};
use crate::catalog::plane::{Link, Plane, PlaneRelation};
use crate::error::{Refusal, StageResult};
use crate::gate::Gated;
#[cfg(feature = "ablation")]
use crate::pgx::key_sink::CollectedKeys;
use crate::pgx::key_sink::KeySink;
use crate::pgx::parse;
use crate::pgx::query::QueryView;
use crate::pgx::section::claims;
use crate::pgx::section::confine::Confinement;
use crate::pgx::server;
use crate::{prove, settings, trust};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Keys up to which the planner is given them one by one, and the share of all keys of the parent: with more of them it is quicker
/// to look up the key of each row than to look for the rows of each key.
const MOST_LEADING: usize = 10_000;
const LEADING_SHARE: f64 = 0.02;

/// Keys from which on, and the part of the numbers between the least and the greatest from which on, the planner is given that range
/// instead: to read all of an index between two keys is quicker than to look for each, if not many others lie between.
const LEAST_IN_RANGE: usize = 16;
const DENSE: f64 = 0.3;

/// The part of splitplane.max_memory that the keys of one link may take.
const SHARE_OF_MEMORY: usize = 4;

/// Whether a statement reads a relation whose rows belong to those of others.
pub(super) fn are_needed(gated: &Gated, views: &[GatedView], plane: &Plane) -> bool {
    named(gated, views, plane).any(|relation| !relation.links.is_empty())
}

/// Whether it reads a relation that data servers keep: which table of which server that is hangs on the directory of the moment.
pub(super) fn are_of_data_servers(gated: &Gated, views: &[GatedView], plane: &Plane) -> bool {
    named(gated, views, plane).any(|relation| relation.is_remote)
}

/// Collects the keys of every link that the statement's relations need, those of parents first.
pub(super) fn collect<'c>(
    confinement: &'c Confinement<'c>,
    gated: &Gated,
    views: &[GatedView],
    plane: &Plane,
    claims: Claims<'_>,
) -> StageResult<Keys> {
    let mut collector = Collector { confinement, plane, claims, keys: Keys::new(), open: BTreeSet::new() };
    let relations: Vec<&Rc<PlaneRelation>> = named(gated, views, plane).collect();
    let mut locked = BTreeSet::new();
    relations.iter().try_for_each(|relation| collector.lock(relation, &mut locked))?;
    parse::renew_snapshot(confinement);
    relations.iter().try_for_each(|relation| collector.relation(relation))?;
    Ok(collector.keys)
}

/// The relations that a statement and its views name, hidden ones too: whether it may is decided where the names are resolved, and
/// what does not exist is refused there.
fn named<'p>(
    gated: &'p Gated,
    views: &'p [GatedView],
    plane: &'p Plane,
) -> impl Iterator<Item = &'p Rc<PlaneRelation>> {
    let texts = std::iter::once(gated).chain(views.iter().map(|view| &view.gated));
    texts.flat_map(Gated::relations).filter_map(|reference| match &reference.schema {
        Some(schema) => plane.qualified_of_view(schema, &reference.name),
        None => plane.relation_of_view(&reference.name),
    })
}

/// The part of a parent's rows that have been collected, by the server's statistics; all where it has none.
fn share(count: usize, rows: f64) -> f64 {
    // An estimate has fewer digits.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let count = count as f64;
    if rows > count { count / rows } else { 1.0 }
}

struct Collector<'c, 'p> {
    confinement: &'c Confinement<'c>,
    plane: &'p Plane,
    claims: Claims<'p>,
    keys: Keys,
    /// Relations whose keys are being collected: a circle of parents has no end.
    open: BTreeSet<u32>,
}

impl Collector<'_, '_> {
    fn parent(&self, link: &Link) -> StageResult<Rc<PlaneRelation>> {
        let parent = self.plane.of_table(link.parent).filter(|parent| !parent.is_shared);
        parent.map(Rc::clone).ok_or_else(|| Refusal::proof("a parent is not in the plane"))
    }

    /// Locks a relation that has parents, and these.
    fn lock(&self, relation: &PlaneRelation, locked: &mut BTreeSet<u32>) -> StageResult<()> {
        if locked.insert(relation.oid.to_u32()) {
            parse::lock(self.confinement, relation.oid);
        }
        let parents = relation.links.iter().map(|link| self.parent(link));
        let parents = parents.collect::<StageResult<Vec<_>>>()?;
        let unlocked = parents.into_iter().filter(|parent| !locked.contains(&parent.oid.to_u32()));
        unlocked.collect::<Vec<_>>().into_iter().try_for_each(|parent| self.lock(&parent, locked))
    }

    fn relation(&mut self, relation: &PlaneRelation) -> StageResult<()> {
        if relation.links.is_empty() {
            return Ok(());
        }
        if !self.open.insert(relation.oid.to_u32()) {
            return Err(Refusal::proof("a relation is its own parent"));
        }
        for link in &relation.links {
            if !self.keys.contains_key(&link.number) {
                let parent = self.parent(link)?;
                self.relation(&parent)?;
                self.link(link, &parent)?;
            }
        }
        self.open.remove(&relation.oid.to_u32());
        Ok(())
    }

    fn link(&mut self, link: &Link, parent: &PlaneRelation) -> StageResult<()> {
        let columns = &link.parent_columns;
        let Attached { grafted, fences, parameters, .. } =
            attach::attach_columns(self.confinement, parent, columns, self.plane, self.claims, &self.keys)?;
        let known = |query: QueryView<'_>| prove::refuse_strangers(query, self.plane);
        let analysed = parse::analyse(grafted, &parameters, &self.plane.name_scope(), known)?.under_this_snapshot();
        let planned = prove::prove(trust::trust(analysed, self.plane)?, fences, Vec::new(), self.plane)?
            .plan(&parameters, self.plane)?;
        let seed = getrandom::u64().map_err(Refusal::no_random_bytes)?;
        let most = settings::max_memory() / SHARE_OF_MEMORY;
        let collected = KeySink::new(most, MOST_LEADING).collect(planned, seed)?;
        let share = share(collected.count, server::estimated_rows(parent.oid));
        let density = collected.range.map(|range| range.density(collected.count));
        let is_dense = collected.count >= LEAST_IN_RANGE && density.is_some_and(|density| density >= DENSE);
        let leading = collected.leading.filter(|_| share <= LEADING_SHARE && !is_dense);
        // Of the rows in the range, which the planner knows, those that have a key of the set.
        let kept = if leading.is_some() { share } else { density.map_or(share, |density| share.max(density)) };
        self.keys.insert(link.number, LinkKeys { count: collected.count, leading, range: collected.range });
        #[cfg(feature = "ablation")]
        if ablation::is_off(Switch::Keys) {
            return claims::hold_keys(link.number, CollectedKeys::every_key(), kept);
        }
        claims::hold_keys(link.number, collected.set, kept)
    }
}
