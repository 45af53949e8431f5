//! Looks at the rows that leave the scans of armed relations, in the executor, below everything else.
//!
//! While `SETTING` names armed relations, each scan node of one of them checks again every row that passed its
//! conditions: a row whose scope column holds the reserved value is reported. The plan is not changed in any way, rows
//! that the scan's own conditions drop are not looked at, and nothing happens at all while the setting is empty. Leader
//! and parallel workers do the same (worker_settings.rs).

use super::{node_plan, worker_settings};
use crate::error::Refusal;
use crate::pgx::section::token;
use crate::pgx::{pg_try, server};
use pgrx::{FromDatum, PgList, PgMemoryContexts, pg_guard, pg_sys};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

/// Name of the setting: `relation:attribute:type:value in hex`, separated by commas. Empty outside a confined section.
pub const SETTING: &CStr = c"splitplane.worker_tripwires";

static mut ARMED: *mut c_char = std::ptr::null_mut();
/// Says what becomes of a statement that touched a reserved row; given at `init`.
static ON_TOUCH: OnceLock<fn(pg_sys::Oid) -> Refusal> = OnceLock::new();
static mut PREVIOUS_START: pg_sys::ExecutorStart_hook_type = None;

type Next = unsafe extern "C-unwind" fn(*mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot;

/// One armed relation.
struct Wire {
    relation: pg_sys::Oid,
    attribute: i16,
    value: Value,
}

/// A reserved value, in the forms of the types that may be armed.
#[derive(Clone)]
enum Value {
    Small(i16),
    Integer(i32),
    Big(i64),
    Text(Vec<u8>),
    Uuid([u8; 16]),
}

/// One scan node under watch.
struct Watch {
    next: Next,
    relation: pg_sys::Oid,
    /// Index of the scope column in the scan's slot; `None` when the scan does not even read it.
    place: Option<usize>,
    value: Value,
}

thread_local! {
    /// By the node's address. The pointers are to `Watched::watches`, whose drop takes them out.
    static NODES: RefCell<HashMap<usize, *const Watch>> = RefCell::new(HashMap::new());
    /// The node that was looked at last: most rows come from the scan that the row before came from.
    static LAST: Cell<(usize, *const Watch)> = const { Cell::new((0, std::ptr::null())) };
}

/// What lives as long as one execution.
struct Watched(Vec<(usize, Box<Watch>)>);

impl Drop for Watched {
    fn drop(&mut self) {
        LAST.with(|last| last.set((0, std::ptr::null())));
        NODES.with(|nodes| {
            if let Ok(mut nodes) = nodes.try_borrow_mut() {
                for (node, _) in &self.0 {
                    nodes.remove(node);
                }
            }
        });
    }
}

/// Defines the setting and takes its place in the executor; called from `_PG_init`.
pub fn init(on_touch: fn(pg_sys::Oid) -> Refusal) {
    ON_TOUCH.get_or_init(|| on_touch);
    // SAFETY: a static that lives as long as the library; `_PG_init` runs once, in a process with one
    // thread, before the hook is called.
    unsafe {
        let description = c"Armed relations of a confined call; set by splitplane alone.";
        worker_settings::define_text(SETTING, description, &raw mut ARMED);
        PREVIOUS_START = pg_sys::ExecutorStart_hook;
        pg_sys::ExecutorStart_hook = Some(on_start);
    }
}

unsafe extern "C-unwind" {
    /// pgrx's own binding would catch an ERROR and raise it again without what pgrx has no place for.
    #[link_name = "standard_ExecutorStart"]
    fn own_start(description: *mut pg_sys::QueryDesc, flags: c_int);
}

/// Between PostgreSQL's own functions, so that an ERROR may jump across it: nothing here has a destructor, and nothing
/// here raises but the guarded function below.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn on_start(description: *mut pg_sys::QueryDesc, flags: c_int) {
    // SAFETY: the hook chain of PostgreSQL; afterwards the description has its state tree.
    unsafe {
        if token::is_node() {
            node_plan::check((*description).plannedstmt);
        }
        match PREVIOUS_START {
            Some(previous) => previous(description, flags),
            None => own_start(description, flags),
        }
        if !ARMED.is_null() && *ARMED != 0 {
            watch_armed(description);
        }
    }
}

/// Puts the check before the scans of armed relations.
#[pg_guard]
unsafe extern "C-unwind" fn watch_armed(description: *mut pg_sys::QueryDesc) {
    // SAFETY: called with the setting's value, and a description that has its state tree.
    unsafe {
        let wires = parse(&CStr::from_ptr(ARMED).to_string_lossy());
        let mut visit = WireVisit { wires, found: Vec::new() };
        visit_node((*description).planstate, (&raw mut visit).cast());
        if visit.found.is_empty() {
            return;
        }
        let context = (*(*description).estate).es_query_cxt;
        let watched = PgMemoryContexts::For(context).leak_and_drop_on_delete(Watched(visit.found));
        for (node, watch) in &(*watched).0 {
            NODES.with(|nodes| nodes.borrow_mut().insert(*node, &raw const **watch));
            let node = *node as *mut pg_sys::PlanState;
            // The first call goes through a check of PostgreSQL's own, which then takes this one.
            (*node).ExecProcNodeReal = Some(next_watched);
        }
    }
}

/// What cannot be read is not left out: the setting is ours alone.
fn parse(text: &str) -> Vec<Wire> {
    let wire = |entry: &str| {
        let mut parts = entry.split(':');
        let relation = pg_sys::Oid::from(parts.next()?.parse::<u32>().ok()?);
        let attribute = parts.next()?.parse().ok()?;
        let type_oid = pg_sys::Oid::from(parts.next()?.parse::<u32>().ok()?);
        let bytes = hex::decode(parts.next()?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let value = match type_oid {
            pg_sys::INT2OID => Value::Small(text.parse().ok()?),
            pg_sys::INT4OID => Value::Integer(text.parse().ok()?),
            pg_sys::INT8OID => Value::Big(text.parse().ok()?),
            pg_sys::UUIDOID => Value::Uuid(*uuid::Uuid::parse_str(&text).ok()?.as_bytes()),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => Value::Text(text.into_bytes()),
            _ => return None,
        };
        Some(Wire { relation, attribute, value })
    };
    text.split(',')
        .map(|entry| wire(entry).unwrap_or_else(|| pgrx::error!("an armed relation cannot be read")))
        .collect()
}

struct WireVisit {
    wires: Vec<Wire>,
    found: Vec<(usize, Box<Watch>)>,
}

type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::PlanState, *mut c_void) -> bool;

unsafe extern "C-unwind" {
    #[cfg_attr(not(feature = "pg15"), link_name = "planstate_tree_walker_impl")]
    fn planstate_tree_walker(node: *mut pg_sys::PlanState, walker: Walker, context: *mut c_void) -> bool;
}

#[pg_guard]
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn visit_node(node: *mut pg_sys::PlanState, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: nodes of a state tree that was just made, and the visit that `on_start` began.
    unsafe {
        let visit = &mut *context.cast::<WireVisit>();
        if let Some(watch) = watch(node, &visit.wires) {
            visit.found.push((node as usize, Box::new(watch)));
        }
        pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| planstate_tree_walker(node, visit_node, context))
    }
}

/// The watch over a node, if it scans an armed relation.
unsafe fn watch(node: *mut pg_sys::PlanState, wires: &[Wire]) -> Option<Watch> {
    // SAFETY: the tag says what the node is; the plan belongs to it.
    unsafe {
        let tag = (*node).type_;
        if !matches!(
            tag,
            pg_sys::NodeTag::T_SeqScanState
                | pg_sys::NodeTag::T_SampleScanState
                | pg_sys::NodeTag::T_IndexScanState
                | pg_sys::NodeTag::T_IndexOnlyScanState
                | pg_sys::NodeTag::T_BitmapHeapScanState
                | pg_sys::NodeTag::T_TidScanState
                | pg_sys::NodeTag::T_TidRangeScanState
        ) {
            return None;
        }
        let relation = (*node.cast::<pg_sys::ScanState>()).ss_currentRelation;
        if relation.is_null() {
            return None;
        }
        let wire = wires.iter().find(|wire| wire.relation == (*relation).rd_id)?;
        let place = if tag == pg_sys::NodeTag::T_IndexOnlyScanState {
            let place = place_in_index((*node).plan.cast(), wire.attribute);
            // A fence always reads the column. Without it only the reader is stopped: a function that runs with its
            // owner's rights reads as its author meant.
            if place.is_none() && Some(pg_sys::GetUserId()) != server::role(c"splitplane_reader") {
                return None;
            }
            place
        } else {
            usize::try_from(wire.attribute).ok()?.checked_sub(1)
        };
        let next = (*node).ExecProcNodeReal?;
        Some(Watch { next, relation: wire.relation, place, value: wire.value.clone() })
    }
}

/// Where an index-only scan has a column of its table.
unsafe fn place_in_index(plan: *mut pg_sys::IndexOnlyScan, attribute: i16) -> Option<usize> {
    // SAFETY: the scan's own list of target entries.
    unsafe {
        PgList::<pg_sys::TargetEntry>::from_pg((*plan).indextlist)
            .iter_ptr()
            .find(|entry| {
                let expression = (**entry).expr.cast::<pg_sys::Var>();
                (*expression).xpr.type_ == pg_sys::NodeTag::T_Var && (*expression).varattno == attribute
            })
            .and_then(|entry| usize::try_from((*entry).resno).ok()?.checked_sub(1))
    }
}

/// The node's own function, and then the check.
///
/// Between the executor's C functions, so that an ERROR of the node's may jump across it: nothing here has a destructor,
/// and nothing here raises but the two guarded functions below.
#[allow(ffi_unwind_calls)]
unsafe extern "C-unwind" fn next_watched(node: *mut pg_sys::PlanState) -> *mut pg_sys::TupleTableSlot {
    // SAFETY: only nodes in NODES have this function, and the watch lives as long as the node.
    unsafe {
        let (last, known) = LAST.with(Cell::get);
        let watch = if last == node as usize { known } else { find(node) };
        let slot = ((*watch).next)(node);
        if slot.is_null() || u32::from((*slot).tts_flags) & pg_sys::TTS_FLAG_EMPTY != 0 {
            return slot;
        }
        // A scan that has just returned a row still holds it in its slot, before projection.
        let row = (*node.cast::<pg_sys::ScanState>()).ss_ScanTupleSlot;
        let is_clear = (*watch).place.is_some_and(|place| {
            usize::try_from((*row).tts_nvalid).unwrap_or(0) > place
                && is_other(*(*row).tts_values.add(place), *(*row).tts_isnull.add(place), &(*watch).value)
        });
        if !is_clear {
            look(row, watch);
        }
        slot
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn find(node: *mut pg_sys::PlanState) -> *const Watch {
    let found = NODES.with(|nodes| nodes.borrow().get(&(node as usize)).copied());
    let watch = found.unwrap_or_else(|| pgrx::error!("a watched scan is not known"));
    LAST.with(|last| last.set((node as usize, watch)));
    watch
}

/// Whether a value at hand is another than the reserved one. `false` also where only the server's functions can decide.
unsafe fn is_other(datum: pg_sys::Datum, is_null: bool, value: &Value) -> bool {
    if is_null {
        return true;
    }
    // SAFETY: the datum is of the value's type.
    unsafe {
        match value {
            Value::Small(wanted) => i16::from_datum(datum, false) != Some(*wanted),
            Value::Integer(wanted) => i32::from_datum(datum, false) != Some(*wanted),
            Value::Big(wanted) => i64::from_datum(datum, false) != Some(*wanted),
            Value::Uuid(wanted) => std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16) != wanted,
            Value::Text(wanted) => {
                let stored = datum.cast_mut_ptr::<pg_sys::varlena>();
                !pgrx::varlena::varatt_is_1b_e(stored)
                    && !pgrx::varlena::varatt_is_4b_c(stored)
                    && pgrx::varlena::varlena_to_byte_slice(stored) != wanted.as_slice()
            }
        }
    }
}

/// The full check; raises when the row is a reserved one.
#[pg_guard]
unsafe extern "C-unwind" fn look(row: *mut pg_sys::TupleTableSlot, watch: *const Watch) {
    // SAFETY: the slot and the watch of the scan that returned the row; the column exists and is of the value's type.
    let (is_clear, relation) = unsafe {
        let watch = &*watch;
        let is_clear = watch.place.is_some_and(|place| {
            if usize::try_from((*row).tts_nvalid).unwrap_or(0) <= place {
                pg_sys::slot_getsomeattrs_int(row, i32::try_from(place + 1).unwrap_or(i32::from(i16::MAX)));
            }
            let (datum, is_null) = (*(*row).tts_values.add(place), *(*row).tts_isnull.add(place));
            match &watch.value {
                Value::Text(_) if !is_null => {
                    let plain = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
                    is_other(pg_sys::Datum::from(plain), false, &watch.value)
                }
                value => is_other(datum, is_null, value),
            }
        });
        (is_clear, watch.relation)
    };
    if !is_clear {
        match ON_TOUCH.get() {
            Some(on_touch) => pg_try::raise(on_touch(relation)),
            None => pgrx::error!("a reserved row was touched"),
        }
    }
}
