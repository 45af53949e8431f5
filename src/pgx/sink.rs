//! Where the rows of a statement go: to JSON text or to tuples, within the caps of an answer.

use super::encoders::Encoder;
use super::types::{base_type, column_types};
use super::unpacked;
use crate::answer_text::{AnswerText, Full};
use crate::error::{Refusal, StageResult, State};
use crate::numbers::{self, WideNumbers};
use pgrx::{PgMemoryContexts, pg_guard, pg_sys};
use std::borrow::Cow;
use std::collections::HashMap;
use std::marker::PhantomData;

/// Caps of one answer.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Rows.
    pub rows: usize,
    /// Bytes of the rows as JSON, or as tuples with compression undone.
    pub bytes: usize,
}

/// Where rows go: `'p` is the plane's life, `'q` that of the query that calls `ask_rows`.
pub struct Sink<'p, 'q> {
    caps: Caps,
    target: Target<'p, 'q>,
    rows: usize,
    bytes: usize,
    truncated: bool,
    /// Memory for the rows was refused.
    without_memory: bool,
}

enum Target<'p, 'q> {
    Json { text: AnswerText, form: JsonForm<'p> },
    Tuples { tuples: Vec<pg_sys::HeapTuple>, memory: QueryMemory<'q>, reader: Option<RowReader<'p>> },
}

/// How rows are written as JSON: each value as PostgreSQL's own `to_json` gives it, but for wide numbers as text and for types that
/// are shown by a function of theirs.
struct JsonForm<'p> {
    numbers: WideNumbers,
    shown_by: &'p HashMap<pg_sys::Oid, pg_sys::Oid>,
    encoders: Vec<Encoder>,
    scratch: pg_sys::MemoryContext,
}

/// Reads along as tuples are taken: each row as a JSON array, with numbers as numbers.
struct RowReader<'p> {
    form: JsonForm<'p>,
    row: AnswerText,
    read: &'p mut dyn FnMut(&str),
}

/// Rows as the text of a JSON array of arrays.
pub struct JsonRows {
    /// `[[..],..]`.
    pub text: String,
    /// Number of rows in it.
    pub count: usize,
    /// Whether there were more.
    pub truncated: bool,
    /// The columns whose numbers stand between quotes.
    quoted: Vec<bool>,
}

impl JsonRows {
    /// The text with all numbers as JSON numbers.
    pub fn with_numbers(&self) -> Cow<'_, str> {
        if self.quoted.contains(&true) {
            Cow::Owned(numbers::as_numbers(&self.text, &self.quoted))
        } else {
            Cow::Borrowed(&self.text)
        }
    }
}

/// The memory of the query that calls `ask_rows`, which outlives the call.
#[derive(Clone, Copy)]
pub struct QueryMemory<'q> {
    context: pg_sys::MemoryContext,
    query: PhantomData<&'q ()>,
}

impl QueryMemory<'_> {
    /// # Safety
    /// The context is there for as long as the type says.
    pub(super) unsafe fn new(context: pg_sys::MemoryContext) -> Self {
        QueryMemory { context, query: PhantomData }
    }

    pub(super) fn context(self) -> pg_sys::MemoryContext {
        self.context
    }
}

/// Rows as tuples in the memory of the calling query.
pub struct TupleRows<'q> {
    pub(super) tuples: Vec<pg_sys::HeapTuple>,
    bytes: usize,
    query: PhantomData<&'q ()>,
}

impl TupleRows<'_> {
    /// How many.
    pub fn count(&self) -> usize {
        self.tuples.len()
    }

    /// With compression undone.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<'p, 'q> Sink<'p, 'q> {
    /// Rows as JSON, in which `shown_by` has the functions of types that are shown by one.
    pub fn json(caps: Caps, numbers: WideNumbers, shown_by: &'p HashMap<pg_sys::Oid, pg_sys::Oid>) -> Self {
        let form = JsonForm::new(numbers, shown_by);
        Self::to(caps, Target::Json { text: AnswerText::new("[", caps.bytes), form })
    }

    /// Rows as tuples, copied to memory that outlives the section.
    pub fn tuples(caps: Caps, memory: QueryMemory<'q>) -> Self {
        Self::to(caps, Target::Tuples { tuples: Vec::new(), memory, reader: None })
    }

    /// The same; `read` is given each row that is taken as JSON.
    pub fn tuples_read(
        caps: Caps,
        memory: QueryMemory<'q>,
        shown_by: &'p HashMap<pg_sys::Oid, pg_sys::Oid>,
        read: &'p mut dyn FnMut(&str),
    ) -> Self {
        let form = JsonForm::new(WideNumbers::Number, shown_by);
        // A row is read when the caps have admitted its tuple.
        let reader = Some(RowReader { form, row: AnswerText::new("", usize::MAX), read });
        Self::to(caps, Target::Tuples { tuples: Vec::new(), memory, reader })
    }

    fn to(caps: Caps, target: Target<'p, 'q>) -> Self {
        Sink { caps, target, rows: 0, bytes: 0, truncated: false, without_memory: false }
    }

    /// The rows of a JSON sink.
    pub fn into_json(self) -> StageResult<JsonRows> {
        if self.without_memory {
            return Err(Refusal::out_of_memory());
        }
        match self.target {
            Target::Json { text, form } => {
                let quoted = form.encoders.iter().map(Encoder::quotes).collect();
                Ok(JsonRows { text: text.ended(']'), count: self.rows, truncated: self.truncated, quoted })
            }
            Target::Tuples { .. } => Err(Refusal::proof("the rows went to another sink")),
        }
    }

    /// How many rows it takes of the executor: one more than it keeps, to know that there are more.
    pub(super) fn most_rows(&self) -> Option<i64> {
        i64::try_from(self.caps.rows).ok()?.checked_add(1)
    }

    /// The rows of a tuple sink; refuses when there were more than the caps allow, since a row set cannot say so.
    pub fn into_tuples(self) -> StageResult<TupleRows<'q>> {
        if self.without_memory {
            return Err(Refusal::out_of_memory());
        }
        if self.truncated {
            return Err(Refusal::new(
                State::Limit,
                "the answer is larger than splitplane.max_rows or splitplane.max_bytes allows; add LIMIT or aggregate",
            ));
        }
        match self.target {
            Target::Tuples { tuples, .. } => Ok(TupleRows { tuples, bytes: self.bytes, query: PhantomData }),
            Target::Json { .. } => Err(Refusal::proof("the rows went to another sink")),
        }
    }
}

/// A sink as the executor knows it.
#[repr(C)]
pub(super) struct Receiver<'a, 'p, 'q> {
    interface: pg_sys::DestReceiver,
    sink: &'a mut Sink<'p, 'q>,
}

impl<'a, 'p, 'q> Receiver<'a, 'p, 'q> {
    /// To be kept where it is while the executor runs.
    pub(super) fn new(sink: &'a mut Sink<'p, 'q>) -> Self {
        let interface = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(start),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        Receiver { interface, sink }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(receiver: *mut pg_sys::DestReceiver, _operation: i32, descriptor: pg_sys::TupleDesc) {
    // SAFETY: the executor hands back the receiver that it was given.
    let sink = unsafe { &mut *(*receiver.cast::<Receiver>()).sink };
    let form = match &mut sink.target {
        Target::Json { form, .. } => form,
        Target::Tuples { reader: Some(reader), .. } => &mut reader.form,
        Target::Tuples { reader: None, .. } => return,
    };
    // SAFETY: a descriptor of the executor, in the section's memory.
    unsafe { form.start(descriptor) };
}

#[pg_guard]
unsafe extern "C-unwind" fn end(_receiver: *mut pg_sys::DestReceiver) {}

#[pg_guard]
unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, receiver: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: the executor hands back the receiver that it was given.
    let sink = unsafe { &mut *(*receiver.cast::<Receiver>()).sink };
    if sink.rows >= sink.caps.rows {
        sink.truncated = true;
        return false;
    }
    // SAFETY: a slot of the executor that holds a row.
    match unsafe { sink.take(slot) } {
        Ok(()) => true,
        Err(Full::Cap) => {
            sink.truncated = true;
            false
        }
        Err(Full::Memory) => {
            sink.without_memory = true;
            false
        }
    }
}

impl<'p> JsonForm<'p> {
    fn new(numbers: WideNumbers, shown_by: &'p HashMap<pg_sys::Oid, pg_sys::Oid>) -> Self {
        JsonForm { numbers, shown_by, encoders: Vec::new(), scratch: std::ptr::null_mut() }
    }

    /// # Safety
    /// The current memory context is there as long as rows are taken.
    unsafe fn start(&mut self, descriptor: pg_sys::TupleDesc) {
        let as_text = self.numbers == WideNumbers::Text;
        // SAFETY: the caller's promise; the scratch context is a child of the current one.
        unsafe {
            self.scratch = pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"splitplane encoding".as_ptr(),
                0,
                8 * 1_024,
                8 * 1_024 * 1_024,
            );
            self.encoders.extend(column_types(descriptor).into_iter().map(|(type_oid, _)| {
                Encoder::new(type_oid, self.shown_by.get(&base_type(type_oid)).copied(), as_text)
            }));
        }
    }

    /// Appends a row as a JSON array.
    ///
    /// # Safety
    /// A slot that holds a row of the descriptor.
    unsafe fn append(&mut self, slot: *mut pg_sys::TupleTableSlot, text: &mut AnswerText) -> Result<(), Full> {
        text.push("[")?;
        // SAFETY: the caller's promise; scratch memory is reset per row.
        unsafe { append_row(slot, &mut self.encoders, self.scratch, text) }
    }
}

impl RowReader<'_> {
    /// # Safety
    /// A slot that holds a row of the descriptor.
    unsafe fn read(&mut self, slot: *mut pg_sys::TupleTableSlot) -> Result<(), Full> {
        self.row.truncate(0);
        // SAFETY: the caller's promise.
        unsafe { self.form.append(slot, &mut self.row) }?;
        (self.read)(self.row.text());
        Ok(())
    }
}

impl Sink<'_, '_> {
    /// Takes one row, whole or not at all.
    unsafe fn take(&mut self, slot: *mut pg_sys::TupleTableSlot) -> Result<(), Full> {
        match &mut self.target {
            Target::Json { text, form } => {
                let before = text.length();
                let separated = if self.rows > 0 { text.push(",") } else { Ok(()) };
                // SAFETY: a slot that holds a row.
                let taken = separated.and_then(|()| unsafe { form.append(slot, text) });
                if let Err(full) = taken {
                    text.truncate(before);
                    return Err(full);
                }
            }
            Target::Tuples { tuples, memory, reader } => {
                tuples.try_reserve(1).map_err(|_| Full::Memory)?;
                // SAFETY: a slot that holds a row.
                let unpacked = unsafe { unpacked::of_row(slot) };
                if self.bytes.saturating_add(unpacked.values) > self.caps.bytes {
                    return Err(Full::Cap);
                }
                // SAFETY: copies the row, with values kept out of line brought in, to the caller's memory.
                let tuple = unsafe { PgMemoryContexts::For(memory.context).switch_to(|_| flat_copy(slot)) };
                // SAFETY: the copy just made.
                let stored = unsafe { (*tuple).t_len } as usize;
                // A compressed value is what the caller reads of it.
                self.bytes = self.bytes.saturating_add(stored).saturating_add(unpacked.surplus);
                if self.bytes > self.caps.bytes {
                    return Err(Full::Cap);
                }
                if let Some(reader) = reader {
                    // SAFETY: a slot that holds a row.
                    unsafe { reader.read(slot) }?;
                }
                tuples.push(tuple);
            }
        }
        self.rows += 1;
        Ok(())
    }
}

/// Appends the values of one row and the bracket that closes it.
unsafe fn append_row(
    slot: *mut pg_sys::TupleTableSlot,
    encoders: &mut [Encoder],
    scratch: pg_sys::MemoryContext,
    text: &mut AnswerText,
) -> Result<(), Full> {
    let mut taken = Ok(());
    // SAFETY: the caller's promise; every attribute is made available before it is read.
    unsafe {
        unpacked::read_all(slot);
        let outside = pg_sys::MemoryContextSwitchTo(scratch);
        for (index, encoder) in encoders.iter_mut().enumerate() {
            let separated = if index > 0 { text.push(",") } else { Ok(()) };
            taken = separated.and_then(|()| {
                if *(*slot).tts_isnull.add(index) {
                    text.push("null")
                } else {
                    encoder.append(*(*slot).tts_values.add(index), text)
                }
            });
            if taken.is_err() {
                break;
            }
        }
        pg_sys::MemoryContextSwitchTo(outside);
        pg_sys::MemoryContextReset(scratch);
    }
    taken.and_then(|()| text.push("]"))
}

unsafe extern "C-unwind" {
    fn toast_flatten_tuple(tuple: pg_sys::HeapTuple, descriptor: pg_sys::TupleDesc) -> pg_sys::HeapTuple;
}

#[allow(ffi_unwind_calls)]
unsafe fn flat_copy(slot: *mut pg_sys::TupleTableSlot) -> pg_sys::HeapTuple {
    // SAFETY: a slot that holds a row; the copy is ours.
    unsafe {
        let copy = pg_sys::ExecCopySlotHeapTuple(slot);
        let external = u32::from((*(*copy).t_data).t_infomask) & pg_sys::HEAP_HASEXTERNAL != 0;
        if !external {
            return copy;
        }
        let descriptor = (*slot).tts_tupleDescriptor;
        pg_sys::submodules::ffi::pg_guard_ffi_boundary(|| toast_flatten_tuple(copy, descriptor))
    }
}
