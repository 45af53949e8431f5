//! Whether the plane views that a statement reads can be read. That one can is kept for each state of the plane.
//!
//! A view that would be refused by itself is closed: no error of its own text reaches a caller, who did not write it. The
//! statement that reads open views is proved with them, each time. Where it is refused, the views are proved again: what closes
//! one, a function or a setting, need not change the plane.

use super::gated::Admitted;
use super::limits;
use super::pipeline::{self, Subject};
use crate::attach::{self, GatedView};
use crate::catalog::plane::Plane;
use crate::catalog::views::PlaneView;
use crate::error::{Refusal, StageResult, State, class_of, packed_class};
use crate::gate::{self, Gated};
use crate::pgx::names::quote_identifier;
use crate::pgx::query::outputs::ColumnFacts;
use crate::timings::Stopwatch;
use std::rc::Rc;

/// Most levels of views over views.
const DEEPEST: usize = 8;

/// Most views within one another that are looked through to find that out.
const MOST_OPEN: usize = 64;

const TOO_DEEP: &str = "the view is too complex: more than 8 levels of views";

/// The views that a text reads, each behind those that it reads itself.
///
/// # Errors
/// 55000 for one that is closed.
pub(super) fn read_by(gated: &Gated, plane: &Plane, watch: &mut Stopwatch) -> StageResult<Vec<GatedView>> {
    let mut search = Search { plane, above: Vec::new(), found: Vec::new() };
    search.read(gated, watch)?;
    Ok(search.into_views())
}

/// What a statement's refusal is to its caller: that a view is closed, if one of those that it reads is. They are given each behind
/// those that it reads itself.
pub(super) fn blamed(plane: &Plane, views: &[GatedView], refusal: Refusal, watch: &mut Stopwatch) -> Refusal {
    if !is_of_text(&refusal) {
        return refusal;
    }
    for GatedView { view, .. } in views {
        match problem(plane, view, watch) {
            Ok(None) => {}
            Ok(Some(reason)) => return closed(&view.name, &reason),
            // Of the moment, such as the deadline.
            Err(_) => return refusal,
        }
    }
    refusal
}

/// The columns of a view as its text gives them now, whatever they were.
///
/// # Errors
/// Those of `ask`, for the view's own text.
pub fn columns(plane: &Plane, view: &Rc<PlaneView>, watch: &mut Stopwatch) -> StageResult<Vec<ColumnFacts>> {
    Search { plane, above: Vec::new(), found: Vec::new() }.columns(view, watch)
}

/// Why a view cannot be read, if it cannot. It is proved again.
///
/// # Errors
/// Only those that say nothing of the view, such as a cancel.
pub fn problem(plane: &Plane, view: &Rc<PlaneView>, watch: &mut Stopwatch) -> StageResult<Option<String>> {
    Search { plane, above: Vec::new(), found: Vec::new() }.problem(view, watch)
}

/// Whether a view can be read, as far as it is known; it is proved if it is not.
///
/// # Errors
/// Those of `problem`.
pub fn is_open(plane: &Plane, view: &Rc<PlaneView>, watch: &mut Stopwatch) -> StageResult<bool> {
    Ok(view.is_open() || problem(plane, view, watch)?.is_none())
}

struct Search<'p> {
    plane: &'p Plane,
    /// The views within which this one was named, the outermost first.
    above: Vec<String>,
    /// Those that are done, in order, each with its levels.
    found: Vec<(GatedView, usize)>,
}

impl<'p> Search<'p> {
    /// Finds the views that a text names, and those below them. Gives how many levels they are.
    fn read(&mut self, gated: &Gated, watch: &mut Stopwatch) -> StageResult<usize> {
        let mut levels = 0;
        for view in attach::named(self.plane, gated.relations()) {
            let known = self.found.iter().find(|(known, _)| known.view.name == view.name).map(|(_, levels)| *levels);
            let own = match known {
                Some(own) => own,
                None => {
                    self.refuse_circle(view)?;
                    // The most bytes may be fewer than when it was proved.
                    let gated = admit(view).map_err(|refusal| closed(&view.name, &refusal.message))?;
                    // Of two that are closed the lower one is named, whether or not the upper one was looked at before.
                    let own = self.descend(view, |search| search.read(&gated, watch))?.saturating_add(1);
                    self.settled(view, watch)?;
                    self.found.push((GatedView { view: Rc::clone(view), gated }, own));
                    own
                }
            };
            levels = levels.max(own);
        }
        Ok(levels)
    }

    fn into_views(self) -> Vec<GatedView> {
        self.found.into_iter().map(|(view, _)| view).collect()
    }

    fn refuse_circle(&self, view: &PlaneView) -> StageResult<()> {
        if self.above.contains(&view.name) {
            return Err(Refusal::new(State::Argument, format!("view \"{}\" would read itself", view.name)).of_view());
        }
        Ok(())
    }

    /// Runs `body` within a view, which must not read itself.
    fn descend<T>(&mut self, view: &PlaneView, body: impl FnOnce(&mut Self) -> StageResult<T>) -> StageResult<T> {
        self.refuse_circle(view)?;
        // Only tables that were changed by hand hold such a chain.
        if self.above.len() > MOST_OPEN {
            return Err(Refusal::new(State::TooComplex, TOO_DEEP));
        }
        self.above.push(view.name.clone());
        let result = body(self);
        self.above.pop();
        result
    }

    /// Refuses a view that is closed.
    fn settled(&mut self, view: &Rc<PlaneView>, watch: &mut Stopwatch) -> StageResult<()> {
        if view.is_open() {
            return Ok(());
        }
        match self.problem(view, watch)? {
            None => Ok(()),
            Some(reason) => Err(closed(&view.name, &reason)),
        }
    }

    fn problem(&mut self, view: &Rc<PlaneView>, watch: &mut Stopwatch) -> StageResult<Option<String>> {
        view.settle(false);
        let problem = match self.columns(view, watch) {
            Ok(columns) => difference(view, &columns),
            Err(refusal) if is_of_text(&refusal) => Some(refusal.message),
            Err(refusal) => return Err(refusal),
        };
        view.settle(problem.is_none());
        Ok(problem)
    }

    fn columns(&mut self, view: &Rc<PlaneView>, watch: &mut Stopwatch) -> StageResult<Vec<ColumnFacts>> {
        let own = admit(view)?;
        // Those below it are looked at first, so that their errors are not taken for this one's.
        self.descend(view, |search| {
            let mut below = Search { plane: search.plane, above: search.above.clone(), found: Vec::new() };
            if below.read(&own, watch)? >= DEEPEST {
                return Err(Refusal::new(State::TooComplex, TOO_DEEP));
            }
            let mut views = below.into_views();
            let below = views.clone();
            views.push(GatedView { view: Rc::clone(view), gated: own });
            let all = gate::admit(&format!("SELECT * FROM {}", quote_identifier(&view.name)), &limits::limits())
                .map_err(pipeline::from_gate)?;
            let subject = Subject { plane: search.plane, principal: None, columns: None };
            let all = Admitted { gated: Rc::new(all), was_known: false };
            pipeline::with_views(&all, &views, subject, watch, |statement, _| Ok(statement.column_facts))
                .map_err(|refusal| blamed(search.plane, &below, refusal, watch))
        })
    }
}

fn admit(view: &PlaneView) -> StageResult<Gated> {
    gate::admit(&view.sql, &limits::limits()).map_err(pipeline::from_gate)
}

fn difference(view: &PlaneView, columns: &[ColumnFacts]) -> Option<String> {
    let is_same = columns.len() == view.columns.len()
        && columns
            .iter()
            .zip(&view.columns)
            .all(|(now, then)| now.name == then.name && Some(now.type_oid) == then.type_oid);
    (!is_same).then(|| "its columns have other names or types than when it was defined".to_owned())
}

/// Whether a refusal is over the text and what it names, and not over the moment.
fn is_of_text(refusal: &Refusal) -> bool {
    match refusal.state {
        State::OutsidePlane
        | State::UnknownRelation
        | State::NotAdmitted
        | State::Syntax
        | State::TooComplex
        | State::ResultShape => true,
        // A circle is no one view's.
        State::Argument => !refusal.is_of_view,
        State::Server(code) => [*b"42", *b"22", *b"0A"].iter().any(|class| class_of(code) == packed_class(class)),
        // A view that it reads is closed.
        State::Unsafe => refusal.is_of_view,
        State::Identity
        | State::Limit
        | State::Cancelled
        | State::ModelUnreachable
        | State::ModelRefused
        | State::DataServer
        | State::UnknownObject
        | State::DuplicateObject
        | State::Internal => false,
    }
}

fn closed(name: &str, reason: &str) -> Refusal {
    Refusal::new(
        State::Unsafe,
        format!("view \"{name}\" cannot be read as it was defined: splitplane.doctor() says what to do"),
    )
    .with_detail(reason)
    .of_view()
}
