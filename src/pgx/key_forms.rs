//! How values of a key's columns are compared: as whole numbers or as bytes, which are equal where PostgreSQL's operator for the
//! foreign key says so. The types are those of `splitplane._key_class`.

use super::functions::stored::{plain, unblanked, uuid};
use super::types;
use pgrx::{FromDatum, pg_sys};

/// The form of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pgx) enum KeyForm {
    Small,
    Integer,
    Big,
    Date,
    Timestamp,
    Uuid,
    Text,
    /// Blanks at the end do not count.
    Blanked,
}

impl KeyForm {
    /// That of a type, domains taken off; `None` for one that no key is made of.
    pub(in crate::pgx) fn of(type_oid: pg_sys::Oid) -> Option<Self> {
        Some(match types::base_type(type_oid) {
            pg_sys::INT2OID => KeyForm::Small,
            pg_sys::INT4OID => KeyForm::Integer,
            pg_sys::INT8OID => KeyForm::Big,
            pg_sys::DATEOID => KeyForm::Date,
            pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => KeyForm::Timestamp,
            pg_sys::UUIDOID => KeyForm::Uuid,
            pg_sys::BYTEAOID | pg_sys::TEXTOID | pg_sys::VARCHAROID => KeyForm::Text,
            pg_sys::BPCHAROID => KeyForm::Blanked,
            _ => return None,
        })
    }

    /// Whether values are numbers.
    pub(in crate::pgx) fn is_number(self) -> bool {
        !matches!(self, KeyForm::Uuid | KeyForm::Text | KeyForm::Blanked)
    }

    /// The value as a number.
    ///
    /// # Safety
    /// A value of the form's type, which is a number.
    #[inline]
    pub(in crate::pgx) unsafe fn number(self, value: pg_sys::Datum) -> i64 {
        // SAFETY: the datum is of the type that the form stands for, each of which is passed by value.
        unsafe {
            match self {
                KeyForm::Small => i64::from(i16::from_datum(value, false).unwrap_or_default()),
                KeyForm::Big | KeyForm::Timestamp => i64::from_datum(value, false).unwrap_or_default(),
                _ => i64::from(i32::from_datum(value, false).unwrap_or_default()),
            }
        }
    }

    /// Appends the value, with its length where that is not fixed: of two keys with as many columns of the same forms, the bytes
    /// are equal if the values are.
    ///
    /// # Safety
    /// A value of the form's type.
    pub(in crate::pgx) unsafe fn append(self, value: pg_sys::Datum, key: &mut Vec<u8>) {
        let mut append = |bytes: &[u8]| {
            key.extend_from_slice(&bytes.len().to_le_bytes());
            key.extend_from_slice(bytes);
        };
        // SAFETY: the datum is of the type that the form stands for.
        unsafe {
            match self {
                KeyForm::Uuid => append(uuid(value)),
                KeyForm::Text | KeyForm::Blanked => {
                    let stored = plain(value);
                    let bytes = pgrx::varlena::varlena_to_byte_slice(stored);
                    append(if self == KeyForm::Blanked { unblanked(bytes) } else { bytes });
                    if !std::ptr::eq(stored, value.cast_mut_ptr()) {
                        pg_sys::pfree(stored.cast());
                    }
                }
                _ => append(&self.number(value).to_le_bytes()),
            }
        }
    }
}

/// The value of another type of the same class as one of `type_oid`; `None` where that has none of that number.
///
/// # Safety
/// A value of the form's type.
pub(in crate::pgx) unsafe fn converted(
    form: KeyForm,
    value: pg_sys::Datum,
    type_oid: pg_sys::Oid,
) -> Option<pg_sys::Datum> {
    let number = || {
        // SAFETY: the caller's promise.
        unsafe { form.number(value) }
    };
    match KeyForm::of(type_oid)? {
        KeyForm::Small if form != KeyForm::Small => i16::try_from(number()).ok().map(pg_sys::Datum::from),
        KeyForm::Integer if form != KeyForm::Integer => i32::try_from(number()).ok().map(pg_sys::Datum::from),
        KeyForm::Big if form != KeyForm::Big => Some(pg_sys::Datum::from(number())),
        // The classes of text are the same on disk.
        _ => Some(value),
    }
}

/// The least and the greatest value of a key's first column, which is a number.
#[derive(Debug, Clone, Copy)]
pub struct KeyRange {
    form: KeyForm,
    least: pg_sys::Datum,
    greatest: pg_sys::Datum,
}

impl KeyRange {
    /// That of one value of the form's type, which is a number.
    pub(in crate::pgx) fn of(form: KeyForm, value: pg_sys::Datum) -> Self {
        KeyRange { form, least: value, greatest: value }
    }

    /// Takes one more value in.
    ///
    /// # Safety
    /// A value of the form's type.
    pub(in crate::pgx) unsafe fn extend(&mut self, value: pg_sys::Datum) {
        // SAFETY: the caller's promise, for this value and those before.
        let [number, least, greatest] =
            [value, self.least, self.greatest].map(|value| unsafe { self.form.number(value) });
        if number < least {
            self.least = value;
        }
        if number > greatest {
            self.greatest = value;
        }
    }

    /// Which part of the numbers from the least to the greatest so many keys are.
    #[expect(clippy::cast_precision_loss, reason = "an estimate has fewer digits")]
    pub fn density(&self, keys: usize) -> f64 {
        // SAFETY: values of the form's type.
        let [least, greatest] = [self.least, self.greatest].map(|value| i128::from(unsafe { self.form.number(value) }));
        (keys as f64 / (greatest - least + 1) as f64).min(1.0)
    }

    /// Both as values of a type of the same class; `None` if it does not have them.
    pub(super) fn values(&self, type_oid: pg_sys::Oid) -> Option<[pg_sys::Datum; 2]> {
        // SAFETY: values of the form's type.
        let converted = |value| unsafe { converted(self.form, value, type_oid) };
        Some([converted(self.least)?, converted(self.greatest)?])
    }
}

/// Values of a key's first column, in the section's memory.
pub struct LeadingValues {
    form: KeyForm,
    values: Vec<pg_sys::Datum>,
}

impl LeadingValues {
    /// Values of the form's type.
    pub(in crate::pgx) fn new(form: KeyForm, values: Vec<pg_sys::Datum>) -> Self {
        LeadingValues { form, values }
    }

    /// An array of them as values of a type of the same class, leaving out those that it does not have.
    pub(in crate::pgx) fn array(&self, element: pg_sys::Oid) -> pg_sys::Datum {
        // SAFETY: values of the form's type.
        let mut values: Vec<pg_sys::Datum> =
            self.values.iter().filter_map(|value| unsafe { converted(self.form, *value, element) }).collect();
        let (mut length, mut by_value, mut alignment) = (0, false, 0);
        let count = i32::try_from(values.len()).unwrap_or(0);
        // SAFETY: `count` values of the element type, none of them NULL.
        unsafe {
            pg_sys::get_typlenbyvalalign(element, &raw mut length, &raw mut by_value, &raw mut alignment);
            let array =
                pg_sys::construct_array(values.as_mut_ptr(), count, element, i32::from(length), by_value, alignment);
            pg_sys::Datum::from(array)
        }
    }
}
