//! Collects the keys of a parent's rows out of a query on it.

use super::functions::stored::{plain, uuid};
use super::key_forms::{KeyForm, KeyRange, LeadingValues};
use super::plan::Planned;
use super::types::column_types;
use super::unpacked;
use crate::error::{Refusal, StageResult};
use crate::key_set::{KeySet, KeySetBuilder};
use pgrx::{pg_guard, pg_sys};

/// Keys as they come.
pub struct KeySink {
    /// Bytes that the set may take.
    most: usize,
    /// Keys up to which the values of the first column are kept.
    most_leading: usize,
    forms: Vec<KeyForm>,
    keys: KeySetBuilder,
    count: usize,
    /// The first column's values, in the section's memory; `None` once there are more than `most_leading`.
    leading: Option<Vec<pg_sys::Datum>>,
    /// The first column's range, if it is a number.
    range: Option<KeyRange>,
    /// The section's memory.
    memory: pg_sys::MemoryContext,
    key: Vec<u8>,
    is_full: bool,
    is_unlike: bool,
}

/// The keys of one link.
pub struct CollectedKeys {
    /// The set.
    pub set: KeySet,
    /// Rows that have a key; rows of several members may have the same.
    pub count: usize,
    /// The first column's values.
    pub leading: Option<LeadingValues>,
    /// The first column's range, if it is a number and there is a key.
    pub range: Option<KeyRange>,
}

#[cfg(feature = "ablation")]
impl CollectedKeys {
    /// A set that has every key, in the place of what was collected.
    pub fn every_key() -> KeySet {
        KeySet::of_every_key()
    }
}

impl KeySink {
    /// An empty one.
    pub fn new(most: usize, most_leading: usize) -> Self {
        KeySink {
            most,
            most_leading,
            forms: Vec::new(),
            keys: KeySetBuilder::new(true),
            count: 0,
            leading: Some(Vec::new()),
            range: None,
            // SAFETY: a global of the backend; in the section it is the section's memory.
            memory: unsafe { pg_sys::CurrentMemoryContext },
            key: Vec::new(),
            is_full: false,
            is_unlike: false,
        }
    }

    /// Runs a query whose columns are those of a key. `seed`: where in the set a key lies must not be known to who chose it.
    pub fn collect(mut self, planned: Planned<'_>, seed: u64) -> StageResult<CollectedKeys> {
        let interface = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(start),
            rShutdown: Some(end),
            rDestroy: Some(end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        let mut receiver = Receiver { interface, sink: &mut self };
        // SAFETY: the receiver outlives the run on this stack.
        unsafe { planned.execute_into((&raw mut receiver).cast(), None) };
        if self.is_unlike {
            return Err(Refusal::proof("a key has a column of a type that none is made of"));
        }
        if self.is_full {
            return Err(Refusal::over_memory());
        }
        let leading = self.leading.zip(self.forms.first().copied());
        Ok(CollectedKeys {
            set: self.keys.finish(seed),
            count: self.count,
            leading: leading.map(|(values, form)| LeadingValues::new(form, values)),
            range: self.range,
        })
    }

    /// Takes one row; one with a NULL has no key.
    unsafe fn take(&mut self, slot: *mut pg_sys::TupleTableSlot) {
        let count = self.forms.len();
        // SAFETY: a slot that holds a row of `count` columns at least, made available before they are read.
        let (values, nulls) = unsafe {
            unpacked::read_all(slot);
            (
                std::slice::from_raw_parts((*slot).tts_values, count),
                std::slice::from_raw_parts((*slot).tts_isnull, count),
            )
        };
        if nulls.contains(&true) {
            return;
        }
        let (Some(form), Some(first)) = (self.forms.first().copied(), values.first().copied()) else { return };
        // SAFETY: values of the types that the forms were made for.
        unsafe {
            if count == 1 && form.is_number() {
                self.keys.add_integer(form.number(first));
            } else {
                self.key.clear();
                for (form, value) in self.forms.iter().zip(values) {
                    form.append(*value, &mut self.key);
                }
                self.keys.add_text(&self.key);
            }
        }
        if form.is_number() {
            // SAFETY: as above.
            unsafe { self.range.get_or_insert(KeyRange::of(form, first)).extend(first) };
        }
        self.count += 1;
        if self.count > self.most_leading {
            self.leading = None;
        }
        if let Some(leading) = &mut self.leading {
            // SAFETY: as above; the executor's own memory goes with its run.
            leading.push(if form.is_number() { first } else { unsafe { copied(form, first, self.memory) } });
        }
    }
}

/// A copy of a value that is passed by reference.
unsafe fn copied(form: KeyForm, value: pg_sys::Datum, memory: pg_sys::MemoryContext) -> pg_sys::Datum {
    // SAFETY: the caller's promise; a uuid has 16 bytes, a varlena says how many it has.
    unsafe {
        let (source, length) = if form == KeyForm::Uuid {
            (value.cast_mut_ptr::<u8>(), uuid(value).len())
        } else {
            let stored = plain(value);
            (stored.cast::<u8>(), pgrx::varlena::varsize_any(stored))
        };
        let copy = pg_sys::MemoryContextAlloc(memory, length).cast::<u8>();
        copy.copy_from_nonoverlapping(source, length);
        pg_sys::Datum::from(copy)
    }
}

#[repr(C)]
struct Receiver<'s> {
    interface: pg_sys::DestReceiver,
    sink: &'s mut KeySink,
}

#[pg_guard]
unsafe extern "C-unwind" fn start(receiver: *mut pg_sys::DestReceiver, _operation: i32, descriptor: pg_sys::TupleDesc) {
    // SAFETY: the executor hands back the receiver that it was given, with a descriptor of its own.
    let (sink, types) = unsafe { (&mut *(*receiver.cast::<Receiver>()).sink, column_types(descriptor)) };
    let forms: Option<Vec<KeyForm>> = types.into_iter().map(|(type_oid, _)| KeyForm::of(type_oid)).collect();
    sink.is_unlike = forms.as_ref().is_none_or(Vec::is_empty);
    sink.forms = forms.unwrap_or_default();
    sink.keys = KeySetBuilder::new(matches!(sink.forms.as_slice(), [form] if form.is_number()));
}

#[pg_guard]
unsafe extern "C-unwind" fn end(_receiver: *mut pg_sys::DestReceiver) {}

#[pg_guard]
unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, receiver: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: the executor hands back the receiver that it was given.
    let sink = unsafe { &mut *(*receiver.cast::<Receiver>()).sink };
    if sink.is_unlike {
        return false;
    }
    // SAFETY: a slot of the executor that holds a row.
    unsafe { sink.take(slot) };
    sink.is_full = sink.keys.size() > sink.most;
    !sink.is_full
}
