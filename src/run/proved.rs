//! Statements that this session has proved, kept for when they come again.
//!
//! What is kept is the analysed tree, as it was proved and before row-level security is applied; never a plan, a value of a claim, or
//! anything of a row. A text is kept when it comes for the second time. It is found again for
//!
//! - the same text, compared as a whole, the same tenant, and the same column types asked for;
//! - on the same ground: the very plane, with its reader, tripwires, functions and views; the same settings pinned; and nothing told
//!   since of functions, operators, types, casts, collations, aggregates, constraints or enums, whichever;
//! - with claims that give the same fences, down to the numbers of their parameters;
//!
//! and the ground is looked at once more when all tables of the tree are locked, since a change may have been waited for. Then a copy
//! of the tree goes on to row-level security and its proof, planning and the proof of the plan, as any other does.
//!
//! Nothing is kept, and nothing found, of a statement whose constants hang on the moment ('today'), that needs keys of parents, or that
//! is of nobody; nor in a transaction that has changed something itself. Another tenant's statement is never found, or the time that
//! the proof takes would tell that it was sent. The places are shared by all tenants of the session, by `shares`: a statement that is
//! not found any more may tell that others were active in it, and about how much; nothing of their texts or rows.

use crate::ablation::{self, Switch};
use crate::attach::Claims;
use crate::catalog::if_current_plane;
use crate::catalog::plane::Plane;
use crate::gate::Gated;
use crate::identity::principal::Principal;
use crate::pgx::hooks::invalidation;
use crate::pgx::query::outputs::ColumnFacts;
use crate::pgx::section::confine::Confinement;
use crate::pgx::section::pin::Setting;
use crate::pgx::server;
use crate::prove::KeptProof;
use crate::shares::{Held, Room};
use pgrx::pg_sys::{self, Oid};
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

/// Most statements that are kept.
const MOST: usize = 32;
/// Most bytes that they take together.
const MOST_BYTES: usize = 1_024 * 1_024;
/// Most bytes of one.
const LARGEST: usize = 256 * 1_024;
/// What there is room for.
const ROOM: Room = Room { entries: MOST, bytes: MOST_BYTES };
/// Bytes that a column takes, about, besides its names.
const COLUMN_BYTES: usize = 128;

/// A statement, as it was proved.
pub(super) struct KeptStatement {
    pub(super) proof: KeptProof,
    /// The plane SQL as text.
    pub(super) shown: String,
    pub(super) columns: Vec<(String, Oid)>,
    pub(super) column_facts: Vec<ColumnFacts>,
}

impl KeptStatement {
    /// The bytes that it takes, with its own text and the tenant's name.
    fn bytes(&self, sought: Sought<'_>) -> usize {
        let columns =
            self.columns.iter().map(|(name, _)| name).chain(self.column_facts.iter().map(|facts| &facts.name));
        let columns = columns.map(|name| name.len().saturating_add(COLUMN_BYTES)).sum::<usize>();
        let texts = [self.shown.as_str(), sought.gated.sql(), sought.principal.tenant()];
        let texts = texts.into_iter().map(str::len).sum::<usize>();
        self.proof.bytes().saturating_add(columns).saturating_add(texts)
    }
}

/// Names and values of settings.
type Settings = [Setting];

/// What all that is kept rests on.
struct Ground {
    /// Nothing else can come to lie where it lay.
    plane: Weak<Plane>,
    /// The count of what was told.
    changes: u64,
    settings: Vec<Setting>,
    /// Of builds for tests.
    switches: String,
}

impl Ground {
    fn is(&self, plane: &Rc<Plane>, settings: &Settings, switches: &str) -> bool {
        std::ptr::eq(self.plane.as_ptr(), Rc::as_ptr(plane))
            && self.changes == invalidation::changes()
            && self.settings == settings
            && self.switches == switches
    }

    /// Whether plane and catalog are what they were: messages of other sessions are taken in first.
    fn is_there(&self) -> bool {
        let plane = self.plane.upgrade().and_then(|plane| if_current_plane(&plane));
        plane.is_some() && self.changes == invalidation::changes()
    }
}

/// Whose statement it is, which, and with which column types asked for.
struct Entry {
    tenant: String,
    gated: Rc<Gated>,
    columns: Option<Vec<(Oid, i32)>>,
    statement: Rc<KeptStatement>,
    bytes: usize,
    /// Whose claims it was proved with, for the switch that takes them.
    #[cfg(feature = "ablation")]
    principal: Rc<Principal>,
}

#[derive(Default)]
struct Cache {
    ground: Option<Rc<Ground>>,
    /// The last one used is the last.
    entries: Vec<Entry>,
}

thread_local! {
    // When the process ends, its memory contexts go with it, and none of them may be touched any more.
    static CACHE: ManuallyDrop<RefCell<Cache>> = ManuallyDrop::new(RefCell::default());
}

/// What is asked: a text that the gate has let through, by whom, with which column types.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) gated: &'a Rc<Gated>,
    pub(super) principal: &'a Rc<Principal>,
    pub(super) columns: Option<&'a [(Oid, i32)]>,
}

/// A statement that may be found, or kept once it was proved.
pub(super) struct Candidate<'a> {
    sought: Sought<'a>,
    ground: Rc<Ground>,
}

impl<'a> Candidate<'a> {
    /// `None` for one of which nothing is kept. What changes from here on counts.
    pub(super) fn new(sought: Sought<'a>, plane: &Plane, settings: &Settings) -> Option<Self> {
        // A type of someone's may have conversions of its own.
        let is_built_in = |(type_oid, _): &(Oid, i32)| type_oid.to_u32() < pg_sys::FirstNormalObjectId;
        if server::has_written() || !sought.columns.is_none_or(|columns| columns.iter().all(is_built_in)) {
            return None;
        }
        let plane = if_current_plane(plane)?;
        Some(Candidate { sought, ground: CACHE.with(|cache| cache.borrow_mut().ground(&plane, settings)) })
    }

    /// Its text.
    pub(super) fn gated(&self) -> &'a Gated {
        self.sought.gated
    }

    /// The same statement as it was proved before, if it was and all of it still holds. Its tables are locked then.
    pub(super) fn find(&self, confinement: &Confinement<'_>) -> Option<Found> {
        let found = CACHE.with(|cache| cache.borrow_mut().find(self.sought))?;
        found.statement.proof.lock(confinement);
        self.ground.is_there().then_some(found)
    }

    /// Keeps what was proved since, if nothing has changed since.
    pub(super) fn keep(&self, statement: KeptStatement) {
        if self.ground.is_there() {
            CACHE.with(|cache| cache.borrow_mut().keep(self, statement));
        }
    }
}

/// A statement that was found.
pub(super) struct Found {
    pub(super) statement: Rc<KeptStatement>,
    #[cfg(feature = "ablation")]
    principal: Rc<Principal>,
}

impl Found {
    /// The claims that it is to run with: the asker's.
    pub(super) fn claims<'p>(&'p self, asker: &'p Principal) -> Claims<'p> {
        #[cfg(feature = "ablation")]
        if ablation::is_off(Switch::Kept) {
            return Claims::Of(&self.principal);
        }
        Claims::Of(asker)
    }
}

impl Cache {
    /// The ground as it is now. All that stands on another is dropped.
    fn ground(&mut self, plane: &Rc<Plane>, settings: &Settings) -> Rc<Ground> {
        let switches = ablation::off();
        if let Some(known) = self.ground.as_ref().filter(|known| known.is(plane, settings, &switches)) {
            return Rc::clone(known);
        }
        self.entries.clear();
        let (plane, settings) = (Rc::downgrade(plane), settings.to_vec());
        let ground = Rc::new(Ground { plane, changes: invalidation::changes(), settings, switches });
        self.ground = Some(Rc::clone(&ground));
        ground
    }

    fn place(&self, sought: Sought<'_>) -> Option<usize> {
        self.entries.iter().rposition(|entry| {
            ablation::is_off(Switch::Kept)
                || entry.gated.sql() == sought.gated.sql()
                    && entry.tenant == sought.principal.tenant()
                    && entry.columns.as_deref() == sought.columns
        })
    }

    fn find(&mut self, sought: Sought<'_>) -> Option<Found> {
        let entry = self.entries.remove(self.place(sought)?);
        let found = Found {
            statement: Rc::clone(&entry.statement),
            #[cfg(feature = "ablation")]
            principal: Rc::clone(&entry.principal),
        };
        self.entries.push(entry);
        Some(found)
    }

    /// Which of the statements goes first for another.
    fn leaver(&self, newcomer: Held<'_>) -> Option<usize> {
        let held: Vec<Held<'_>> =
            self.entries.iter().map(|entry| Held { tenant: &entry.tenant, bytes: entry.bytes }).collect();
        ROOM.leaver(&held, newcomer)
    }

    fn keep(&mut self, candidate: &Candidate<'_>, statement: KeptStatement) {
        let sought = candidate.sought;
        if !self.ground.as_ref().is_some_and(|ground| Rc::ptr_eq(ground, &candidate.ground)) {
            return;
        }
        // One with other parameters, for other claims.
        if let Some(place) = self.place(sought) {
            self.entries.remove(place);
        }
        let bytes = statement.bytes(sought);
        if bytes > LARGEST {
            return;
        }
        let newcomer = Held { tenant: sought.principal.tenant(), bytes };
        while let Some(place) = self.leaver(newcomer) {
            self.entries.remove(place);
        }
        self.entries.push(Entry {
            tenant: sought.principal.tenant().to_owned(),
            gated: Rc::clone(sought.gated),
            columns: sought.columns.map(<[_]>::to_vec),
            statement: Rc::new(statement),
            bytes,
            #[cfg(feature = "ablation")]
            principal: Rc::clone(sought.principal),
        });
    }
}
