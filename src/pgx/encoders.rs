//! A value's JSON, byte for byte as PostgreSQL's own `to_json` gives it. What `to_json` finds out at every value, which
//! of its ways the type goes, is found out once for a column.
//!
//! Source: json.c of 15 to 19 (`json_categorize_type`, `datum_to_json_internal`). Types that are not named here go
//! through their output function or through `to_json` itself.

use super::functions::extent;
use super::types::{base_type, has_way_to_json, is_wide_number};
use super::unpacked;
use crate::answer_text::{AnswerText, Full};
use crate::numbers::{self, Piece};
use pgrx::pg_sys;
use std::ffi::{CStr, c_char};

/// What makes JSON of the values of one column.
pub(crate) struct Encoder {
    /// What makes a text of a value whose type has no JSON that may be made.
    shown_by: Option<pg_sys::Oid>,
    /// The type below domains; of a value that is shown by a function, text.
    type_oid: pg_sys::Oid,
    /// Whether numbers are put between quotes.
    quotes: bool,
    way: Way,
}

/// How a value becomes JSON.
enum Way {
    Bool,
    Int2,
    Int4,
    Int8,
    /// What the output function writes, between quotes if it is no number: infinities and NaN.
    Number(Function),
    /// The value's bytes are the text: `text`, `varchar`, `bpchar`.
    Text,
    /// The value's bytes are the JSON: `json`.
    Json,
    Uuid,
    /// `date`, `timestamp`, `timestamptz`: as ISO 8601 has them.
    Moment,
    /// What the output function writes, as a string.
    Written(Function),
    /// What the output function writes is JSON: `jsonb`.
    WrittenJson(Function),
    /// `to_json` itself: arrays, rows, types with a cast to JSON.
    ToJson(Function),
}

type Function = Box<pg_sys::FmgrInfo>;

impl Encoder {
    /// For values of that type; in the current memory context, which is there as long as it is used.
    pub(crate) fn new(type_oid: pg_sys::Oid, shown_by: Option<pg_sys::Oid>, as_text: bool) -> Self {
        let declared = if shown_by.is_some() { pg_sys::TEXTOID } else { type_oid };
        let type_oid = base_type(declared);
        let way = match type_oid {
            pg_sys::BOOLOID => Way::Bool,
            pg_sys::INT2OID => Way::Int2,
            pg_sys::INT4OID => Way::Int4,
            pg_sys::INT8OID => Way::Int8,
            pg_sys::FLOAT4OID | pg_sys::FLOAT8OID | pg_sys::NUMERICOID => Way::Number(output(type_oid)),
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Way::Text,
            pg_sys::UUIDOID => Way::Uuid,
            pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Way::Moment,
            pg_sys::JSONOID => Way::Json,
            pg_sys::JSONBOID => Way::WrittenJson(output(type_oid)),
            _ if has_way_to_json(type_oid) => Way::ToJson(to_json(declared)),
            _ => Way::Written(output(type_oid)),
        };
        Encoder { shown_by, type_oid, quotes: as_text && is_wide_number(declared), way }
    }

    /// Whether numbers are put between quotes.
    pub(super) fn quotes(&self) -> bool {
        self.quotes
    }

    /// Appends the value's JSON, unless the text would be longer than its cap: a large value must not be copied only to
    /// be thrown away.
    ///
    /// # Safety
    ///
    /// A value of the type that the encoder was made for, and not NULL. Memory for it is of the current context.
    pub(crate) unsafe fn append(&mut self, value: pg_sys::Datum, text: &mut AnswerText) -> Result<(), Full> {
        // SAFETY: the caller's promise, and a function of one argument of the value's type that gives text. Each way is
        // that of the value's type below domains, which are stored as what they are over.
        unsafe {
            let value = match self.shown_by {
                Some(function) => pg_sys::OidFunctionCall1Coll(function, pg_sys::InvalidOid, value),
                None => value,
            };
            match &mut self.way {
                Way::Bool => text.push(if value.value() == 0 { "false" } else { "true" }),
                Way::Int2 => text.push_integer(i64::from(value.value() as i16)),
                Way::Int4 => text.push_integer(i64::from(value.value() as i32)),
                Way::Int8 if self.quotes => text.push_quoted_integer(value.value() as i64),
                Way::Int8 => text.push_integer(value.value() as i64),
                Way::Text => text.push_string(&String::from_utf8_lossy(bytes_within(value, text.room())?)),
                Way::Json => text.push(&String::from_utf8_lossy(bytes_within(value, text.room())?)),
                Way::Uuid => {
                    let id = uuid::Uuid::from_bytes(*value.cast_mut_ptr::<[u8; 16]>());
                    text.push_quoted(id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
                }
                Way::Moment => {
                    let mut buffer = [0 as c_char; pg_sys::MAXDATELEN as usize + 1];
                    let zone = std::ptr::null();
                    pg_sys::JsonEncodeDateTime(buffer.as_mut_ptr(), value, self.type_oid, zone);
                    text.push_quoted(&CStr::from_ptr(buffer.as_ptr()).to_string_lossy())
                }
                Way::Number(function) => {
                    room_for_digits(value, self.type_oid, text.room())?;
                    let written = written(function, value).to_string_lossy();
                    if self.quotes || !is_number(&written) { text.push_quoted(&written) } else { text.push(&written) }
                }
                Way::Written(function) => text.push_string(&written(function, value).to_string_lossy()),
                Way::WrittenJson(function) => {
                    room_for_digits(value, self.type_oid, text.room())?;
                    text.push(&written(function, value).to_string_lossy())
                }
                Way::ToJson(function) => {
                    room_for_digits(value, self.type_oid, text.room())?;
                    let json = pg_sys::FunctionCall1Coll(&raw mut **function, pg_sys::InvalidOid, value);
                    let json = String::from_utf8_lossy(bytes_within(json, text.room())?);
                    if self.quotes { push_numbers_quoted(text, &json) } else { text.push(&json) }
                }
            }
        }
    }
}

/// Whether what an output function of numbers wrote is a number and none of the words.
fn is_number(written: &str) -> bool {
    let first = written.strip_prefix('-').unwrap_or(written).bytes().next();
    first.is_some_and(|byte| byte.is_ascii_digit())
}

/// The bytes of a text of at most so many.
unsafe fn bytes_within<'v>(value: pg_sys::Datum, room: usize) -> Result<&'v [u8], Full> {
    // SAFETY: the caller's promise: a value of variable length. It is measured before it is unpacked.
    unsafe { if unpacked::size(value) > room { Err(Full::Cap) } else { Ok(unpacked::contents(value)) } }
}

/// Refuses a value whose digits alone have no room.
unsafe fn room_for_digits(value: pg_sys::Datum, type_oid: pg_sys::Oid, room: usize) -> Result<(), Full> {
    // SAFETY: the caller's promise: a value of that type.
    if unsafe { extent::digits_size(value, type_oid) } > room { Err(Full::Cap) } else { Ok(()) }
}

/// Appends a value's JSON with its numbers between quotes.
fn push_numbers_quoted(text: &mut AnswerText, json: &str) -> Result<(), Full> {
    numbers::pieces(json).try_for_each(|piece| match piece {
        Piece::Number(number) => text.push_quoted(number),
        Piece::Other(other) => text.push(other),
    })
}

unsafe fn written<'v>(function: &mut Function, value: pg_sys::Datum) -> &'v CStr {
    // SAFETY: an output function of the value's type, which gives a NUL-terminated text in the current memory context.
    unsafe { CStr::from_ptr(pg_sys::OutputFunctionCall(&raw mut **function, value)) }
}

fn output(type_oid: pg_sys::Oid) -> Function {
    let (mut function, mut varies) = (pg_sys::InvalidOid, false);
    // SAFETY: two valid places to write to.
    unsafe { pg_sys::getTypeOutputInfo(type_oid, &raw mut function, &raw mut varies) };
    looked_up(function)
}

fn to_json(type_oid: pg_sys::Oid) -> Function {
    const TO_JSON: u32 = 3176;
    let mut function = looked_up(pg_sys::Oid::from(TO_JSON));
    // SAFETY: `to_json` is built in; the call expression only gives it the argument's type.
    unsafe {
        let argument = pg_sys::makeNullConst(type_oid, -1, pg_sys::InvalidOid);
        let arguments = pg_sys::lappend(std::ptr::null_mut(), argument.cast());
        let call = pg_sys::makeFuncExpr(
            pg_sys::Oid::from(TO_JSON),
            pg_sys::JSONOID,
            arguments,
            pg_sys::InvalidOid,
            pg_sys::InvalidOid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        );
        function.fn_expr = call.cast();
    }
    function
}

fn looked_up(function: pg_sys::Oid) -> Function {
    let mut information = Box::new(pg_sys::FmgrInfo::default());
    // SAFETY: a place to write to, which stays where it is.
    unsafe { pg_sys::fmgr_info_cxt(function, &raw mut *information, pg_sys::CurrentMemoryContext) };
    information
}
