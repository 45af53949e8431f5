//! The C entry points of `ask`, `ask_rows` and `ask_dry_run`: arguments in, document or rows or one clean ERROR out.
//!
//! Arguments are measured before they are unpacked, and whatever goes wrong below (refusal, PostgreSQL ERROR, panic)
//! leaves through `raise`, so that no DETAIL, HINT, CONTEXT or backtrace crosses to the caller.

use super::flags;
use super::functions::interface::exported;
use super::pg_try::{catch, raise};
use super::section::deadline::CallClock;
use super::section::pin::Pinned;
use super::section::session_growth;
use super::server_errors::from_own;
use super::sink::{QueryMemory, TupleRows};
use crate::error::{Refusal, StageResult, State};
use crate::identity::MAX_CONTEXT_BYTES;
use pgrx::{FromDatum, pg_guard, pg_sys};
use std::ffi::{CStr, CString, c_int};
use std::sync::OnceLock;

exported!(ask = ask_wrapper);
exported!(ask_dry_run = ask_dry_run_wrapper);
exported!(ask_rows = ask_rows_wrapper);
exported!(rate = rate_wrapper);

/// Which function was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryPoint {
    /// `ask`.
    Ask,
    /// `ask_rows`.
    AskRows,
    /// `ask_dry_run`.
    AskDryRun,
}

impl EntryPoint {
    /// All of them.
    pub const ALL: [EntryPoint; 3] = [EntryPoint::Ask, EntryPoint::AskRows, EntryPoint::AskDryRun];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            EntryPoint::Ask => "ask",
            EntryPoint::AskRows => "ask_rows",
            EntryPoint::AskDryRun => "ask_dry_run",
        }
    }
}

/// The arguments of the three entry points.
pub struct Request {
    /// JSON text of the signed headers.
    pub context: Option<String>,
    /// The question in words.
    pub question: Option<String>,
    /// SQL that an LLM outside wrote.
    pub sql: Option<String>,
    /// Id of the conversation that the question belongs to.
    pub conversation: Option<String>,
}

/// The arguments of `rate`.
pub struct Rating {
    /// Which answer.
    pub query_id: Option<String>,
    /// Whether it was right.
    pub good: Option<bool>,
    /// In words.
    pub note: Option<String>,
    /// JSON text of headers that are signed for the id.
    pub context: Option<String>,
}

/// The (type, modifier) pairs of a column definition list.
pub type WantedColumns<'a> = &'a [(pg_sys::Oid, i32)];

/// What the entry points call, and the limits that they hold.
pub struct Entries {
    /// Answers with a JSON document.
    pub ask: fn(Request) -> StageResult<String>,
    /// Answers with rows, made in the memory of the calling query.
    pub ask_rows: for<'q> fn(Request, WantedColumns<'_>, QueryMemory<'q>) -> StageResult<TupleRows<'q>>,
    /// Answers with what would be run.
    pub ask_dry_run: fn(Request) -> StageResult<String>,
    /// Rates an answer.
    pub rate: fn(Rating) -> StageResult<()>,
    /// Called first.
    pub begin: fn(EntryPoint),
    /// Called last, before anything is given to the caller, with the refusal if there is one; gives the one to raise.
    pub end: fn(Option<Refusal>) -> Option<Refusal>,
    /// Refuses in a database whose objects are of another version than this library.
    pub check_version: fn() -> StageResult<()>,
    /// Longest question or SQL, in bytes.
    pub max_text_bytes: fn() -> usize,
    /// Milliseconds that a call may take.
    pub deadline: fn() -> i32,
    /// Memory that a call may take, in bytes.
    pub max_memory: fn() -> usize,
    /// Bytes by which a session may grow before it ends; `None` for any.
    pub max_session_growth: fn() -> Option<usize>,
}

static ENTRIES: OnceLock<Entries> = OnceLock::new();

/// Takes them; called once from `_PG_init`.
pub fn init(entries: Entries) {
    ENTRIES.get_or_init(|| entries);
}

fn entries() -> StageResult<&'static Entries> {
    ENTRIES.get().ok_or_else(|| Refusal::proof("the entry points were not given at load"))
}

/// Refuses in a database whose objects are of another version than this library.
pub(super) fn check_version() -> StageResult<()> {
    (entries()?.check_version)()
}

/// `ask(jsonb, text, text, uuid) RETURNS jsonb`.
#[pg_guard]
unsafe extern "C-unwind" fn ask_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    answered(EntryPoint::Ask, || {
        // SAFETY: declared in SQL with these three arguments and a fourth.
        let mut request = unsafe { request(call) }?;
        // SAFETY: the fourth is a uuid.
        request.conversation = unsafe { conversation(call) }?;
        (entries()?.ask)(request)
    })
}

/// `ask_dry_run(jsonb, text, text) RETURNS jsonb`.
#[pg_guard]
unsafe extern "C-unwind" fn ask_dry_run_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: declared in SQL with these three arguments.
    answered(EntryPoint::AskDryRun, || (entries()?.ask_dry_run)(unsafe { request(call) }?))
}

/// `ask_rows(jsonb, text, text) RETURNS SETOF record`, in materialise mode.
#[pg_guard]
unsafe extern "C-unwind" fn ask_rows_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    observed(EntryPoint::AskRows, || {
        // SAFETY: declared in SQL with these three arguments.
        let request = unsafe { request(call) }?;
        // SAFETY: a set-returning function is called with a ReturnSetInfo, or with none.
        let wanted = unsafe { Wanted::read(call) }?;
        // SAFETY: a memory context of the caller's query, which outlives this call.
        let memory = unsafe { QueryMemory::new((*(*wanted.info).econtext).ecxt_per_query_memory) };
        let rows = (entries()?.ask_rows)(request, &wanted.columns, memory)?;
        // SAFETY: the descriptor and memory context are those of the caller's query.
        unsafe { wanted.deliver(&rows, memory) };
        Ok(())
    });
    // SAFETY: the result of a materialised set is passed in the ReturnSetInfo.
    unsafe { (*call).isnull = true };
    pg_sys::Datum::from(0usize)
}

/// `rate(uuid, boolean, text, jsonb) RETURNS void`.
#[pg_guard]
unsafe extern "C-unwind" fn rate_wrapper(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    guarded(|| {
        // SAFETY: declared in SQL with these four arguments.
        let rating = unsafe { rating(call) }?;
        (entries()?.rate)(rating)
    });
    pg_sys::Datum::from(0usize)
}

/// What the caller's session must not do to the extension's own queries: end it at the first error, refuse it its own
/// views, write their trees to the log, keep their values, compile them, or start workers for them.
const FOR_THE_CALL: [(&CStr, &CStr); 9] = [
    (c"exit_on_error", c"off"),
    (c"restrict_nonsystem_relation_kind", c""),
    (c"quote_all_identifiers", c"off"),
    (c"debug_print_parse", c"off"),
    (c"debug_print_rewritten", c"off"),
    (c"debug_print_plan", c"off"),
    // It keeps the values that conditions compare with, where every role may read them.
    (c"pg_qualstats.enabled", c"off"),
    (c"jit", c"off"),
    // Of the confined statement it is the server's.
    (c"max_parallel_workers_per_gather", c"0"),
];

/// Runs it with the caller's session out of the way; whatever goes wrong leaves as one clean ERROR.
pub(super) fn guarded<T>(body: impl FnOnce() -> StageResult<T>) -> T {
    let before = session_growth::begin_call();
    let result = catch(|| {
        let _pinned = Pinned::all(&FOR_THE_CALL);
        body()
    });
    if let Some(entries) = ENTRIES.get() {
        session_growth::end_call(before, (entries.max_memory)(), (entries.max_session_growth)());
    }
    match result {
        Ok(Ok(value)) => value,
        Ok(Err(refusal)) => raise(refusal),
        Err(error) => raise(from_own(&error)),
    }
}

/// The same for an entry point: whoever watches learns of its beginning and its end, and may turn the end into a refusal.
fn observed<T>(entry_point: EntryPoint, body: impl FnOnce() -> StageResult<T>) -> T {
    guarded(|| {
        let entries = entries()?;
        (entries.begin)(entry_point);
        let clock = CallClock::start((entries.deadline)());
        let result = catch(body).unwrap_or_else(|error| Err(from_own(&error)));
        let is_late = clock.stop();
        let result = result.map_err(|refusal| if is_late { refusal.at_deadline() } else { refusal });
        let (value, refusal) = match result {
            Ok(value) => (Some(value), None),
            Err(refusal) => (None, Some(refusal)),
        };
        match ((entries.end)(refusal), value) {
            (None, Some(value)) => Ok(value),
            (Some(refusal), _) => Err(refusal),
            (None, None) => Err(Refusal::internal("the refusal of a call was lost")),
        }
    })
}

fn answered(entry_point: EntryPoint, body: impl FnOnce() -> StageResult<String>) -> pg_sys::Datum {
    observed(entry_point, || {
        let document = CString::new(body()?).map_err(|_| Refusal::internal("the document holds a NUL character"))?;
        // SAFETY: jsonb's input function on a NUL-terminated text.
        Ok(unsafe {
            pg_sys::DirectFunctionCall1Coll(
                Some(jsonb_input),
                pg_sys::InvalidOid,
                pg_sys::Datum::from(document.as_ptr()),
            )
        })
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn jsonb_input(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called with one C string, as jsonb_in expects.
    unsafe { pg_sys::jsonb_in(call) }
}

unsafe fn request(call: pg_sys::FunctionCallInfo) -> StageResult<Request> {
    super::section::confine::init_backend();
    super::section::allocator::hold_reserve()?;
    // SAFETY: the three arguments of the declaration.
    let arguments = unsafe { (*call).args.as_slice(3) };
    let [context, question, sql] = arguments else {
        return Err(Refusal::new(State::Argument, "ask takes a context, a question and an SQL text"));
    };
    // SAFETY: jsonb and text arguments, as declared.
    unsafe {
        Ok(Request {
            context: context_text(context)?,
            question: text(question, "question")?,
            sql: text(sql, "SQL")?,
            conversation: None,
        })
    }
}

/// The fourth argument of `ask`.
unsafe fn conversation(call: pg_sys::FunctionCallInfo) -> StageResult<Option<String>> {
    // SAFETY: the four arguments of the declaration, the last a uuid.
    unsafe { Ok((*call).args.as_slice(4).last().and_then(|argument| uuid_text(argument))) }
}

unsafe fn rating(call: pg_sys::FunctionCallInfo) -> StageResult<Rating> {
    // SAFETY: the four arguments of the declaration.
    let arguments = unsafe { (*call).args.as_slice(4) };
    let [query_id, good, note, context] = arguments else {
        return Err(Refusal::new(State::Argument, "rate takes a query_id, a verdict, a note and a context"));
    };
    // SAFETY: uuid, boolean, text and jsonb arguments, as declared.
    unsafe {
        Ok(Rating {
            query_id: uuid_text(query_id),
            good: bool::from_datum(good.value, good.isnull),
            note: text(note, "note")?,
            context: context_text(context)?,
        })
    }
}

unsafe fn uuid_text(argument: &pg_sys::NullableDatum) -> Option<String> {
    // SAFETY: a uuid, or NULL.
    let id = unsafe { pgrx::Uuid::from_datum(argument.value, argument.isnull) };
    id.map(|id| uuid::Uuid::from_bytes(*id.as_bytes()).to_string())
}

unsafe fn context_text(argument: &pg_sys::NullableDatum) -> StageResult<Option<String>> {
    if argument.isnull {
        return Ok(None);
    }
    // SAFETY: a jsonb datum, measured before it is unpacked.
    unsafe {
        if pg_sys::toast_raw_datum_size(argument.value) > MAX_CONTEXT_BYTES {
            return Err(Refusal::new(State::Argument, "the context is too large"));
        }
        Ok(Some(super::jsonb::text(argument.value)))
    }
}

unsafe fn text(argument: &pg_sys::NullableDatum, what: &str) -> StageResult<Option<String>> {
    if argument.isnull {
        return Ok(None);
    }
    // SAFETY: a text datum, measured before it is unpacked.
    unsafe {
        let limit = (entries()?.max_text_bytes)();
        if pg_sys::toast_raw_datum_size(argument.value) > limit.saturating_add(pg_sys::VARHDRSZ) {
            return Err(Refusal::new(State::TooComplex, format!("the {what} is longer than {limit} bytes")));
        }
        let text = String::from_datum(argument.value, false);
        text.map(Some).ok_or_else(|| Refusal::new(State::Argument, format!("the {what} cannot be read")))
    }
}

/// The caller takes a set as a whole.
const MATERIALIZE: c_int = flags::c_int(pg_sys::SetFunctionReturnMode::SFRM_Materialize);
/// The caller may go back in it.
const MATERIALIZE_RANDOM: c_int = flags::c_int(pg_sys::SetFunctionReturnMode::SFRM_Materialize_Random);

/// What the caller's column definition list asks for.
struct Wanted {
    info: *mut pg_sys::ReturnSetInfo,
    columns: Vec<(pg_sys::Oid, i32)>,
}

impl Wanted {
    unsafe fn read(call: pg_sys::FunctionCallInfo) -> StageResult<Self> {
        let refused = || {
            Refusal::new(
                State::NotAdmitted,
                "ask_rows needs a column definition list: SELECT * FROM ask_rows(..) AS t(city text, revenue numeric)",
            )
        };
        // SAFETY: `resultinfo` is NULL or a node.
        unsafe {
            let info = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            if info.is_null()
                || (*info).type_ != pg_sys::NodeTag::T_ReturnSetInfo
                || (*info).expectedDesc.is_null()
                || (*info).allowedModes & MATERIALIZE == 0
            {
                return Err(refused());
            }
            let descriptor = (*info).expectedDesc;
            let columns = super::types::column_types(descriptor);
            Ok(Wanted { info, columns })
        }
    }

    unsafe fn deliver(&self, rows: &TupleRows<'_>, memory: QueryMemory<'_>) {
        // SAFETY: store and descriptor are made in the query's memory, as materialise mode asks.
        unsafe {
            let outside = pg_sys::MemoryContextSwitchTo(memory.context());
            let random = (*self.info).allowedModes & MATERIALIZE_RANDOM != 0;
            let store = pg_sys::tuplestore_begin_heap(random, false, pg_sys::work_mem);
            for tuple in &rows.tuples {
                pg_sys::tuplestore_puttuple(store, *tuple);
                pg_sys::heap_freetuple(*tuple);
            }
            (*self.info).returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
            (*self.info).setResult = store;
            (*self.info).setDesc = pg_sys::CreateTupleDescCopy((*self.info).expectedDesc);
            pg_sys::MemoryContextSwitchTo(outside);
        }
    }
}
