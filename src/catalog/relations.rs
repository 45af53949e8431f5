//! The relations of a plane. Of those that other backends have derived, each is unpacked, and compared with the catalog, when
//! it is first looked for: what a session pays is by the relations that it names.

use super::relation::PlaneRelation;
use super::rows;
use crate::ablation::{self, Switch};
use crate::error::StageResult;
use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;

/// The relations, in order of their names.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    places: Vec<Place>,
    unpacked: Vec<OnceCell<Option<Rc<PlaneRelation>>>>,
    /// Plane name, schema and table of each, one after the other.
    names: String,
    /// Each as bytes.
    bytes: Vec<u8>,
    /// `splitplane.relations` and its primary key's index, where the relations came as bytes.
    register: (u32, u32),
    /// Whether one was not as the catalog has it now.
    has_changed: Cell<bool>,
}

/// Where a relation lies.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    oid: u32,
    /// Where its plane name, schema and table end in the names.
    ends: [u32; 3],
    /// Where its bytes end.
    end: u32,
    /// What its rows in the catalog were like before it was read.
    print: u64,
}

/// The same as bytes that hold no address.
#[derive(Serialize, Deserialize)]
pub(crate) struct Packed<'a> {
    places: Vec<Place>,
    names: &'a str,
    bytes: &'a [u8],
}

impl Relations {
    /// Those that this session has derived itself.
    pub fn new(relations: impl IntoIterator<Item = Rc<PlaneRelation>>) -> Self {
        let mut relations: Vec<Rc<PlaneRelation>> = relations.into_iter().collect();
        relations.sort_by(|one, other| one.name.cmp(&other.name));
        let mut made = Relations::default();
        for relation in relations {
            let ends = [&relation.name, &relation.schema, &relation.table].map(|name| {
                made.names.push_str(name);
                offset(made.names.len())
            });
            made.places.push(Place { oid: relation.oid.to_u32(), ends, end: 0, print: 0 });
            made.unpacked.push(OnceCell::from(Some(relation)));
        }
        made
    }

    /// Those that another session has derived.
    pub(crate) fn unpack(packed: Packed<'_>, register: (u32, u32)) -> Self {
        Relations {
            unpacked: packed.places.iter().map(|_| OnceCell::new()).collect(),
            places: packed.places,
            names: packed.names.to_owned(),
            bytes: packed.bytes.to_vec(),
            register,
            has_changed: Cell::new(false),
        }
    }

    /// As bytes, each with what its rows in the catalog were like before it was read.
    pub(crate) fn with_packed<T>(
        &self,
        prints: &HashMap<u32, u64>,
        body: impl FnOnce(Packed<'_>) -> StageResult<T>,
    ) -> StageResult<T> {
        let mut bytes = Vec::new();
        let mut places = self.places.clone();
        for (index, place) in places.iter_mut().enumerate() {
            if let Some(relation) = self.at(index) {
                bytes.extend(postcard::to_allocvec(&**relation).map_err(|_| super::row::unreadable())?);
            }
            place.end = offset(bytes.len());
            // One that was not there then is found to have changed.
            place.print = prints.get(&place.oid).copied().unwrap_or_default();
        }
        body(Packed { places, names: &self.names, bytes: &bytes })
    }

    /// Whether one that was looked for was not as the catalog has it now. It counts as absent.
    pub fn has_changed(&self) -> bool {
        self.has_changed.get()
    }

    /// The relation of a plane name.
    pub fn get(&self, name: &str) -> Option<&Rc<PlaneRelation>> {
        let by_name = |place: &usize| self.name(*place, 0).map(|known| known.cmp(name));
        let (mut low, mut high) = (0, self.places.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match by_name(&middle)? {
                std::cmp::Ordering::Equal => return self.at(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The relation of a table.
    pub fn of_table(&self, table: Oid) -> Option<&Rc<PlaneRelation>> {
        let table = table.to_u32();
        let mut places = self.places.iter().enumerate().filter(|(_, place)| place.oid == table);
        places.find_map(|(index, _)| self.at(index))
    }

    /// The relation of a table's name.
    pub fn qualified(&self, schema: &str, table: &str) -> Option<&Rc<PlaneRelation>> {
        let is_it = |index: &usize| self.name(*index, 2) == Some(table) && self.name(*index, 1) == Some(schema);
        (0..self.places.len()).find(is_it).and_then(|index| self.at(index))
    }

    /// All of them, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<PlaneRelation>> {
        (0..self.places.len()).filter_map(|index| self.at(index))
    }

    fn name(&self, index: usize, part: usize) -> Option<&str> {
        let place = self.places.get(index)?;
        let start = match part.checked_sub(1) {
            Some(before) => *place.ends.get(before)?,
            None => match index.checked_sub(1) {
                Some(before) => *self.places.get(before)?.ends.last()?,
                None => 0,
            },
        };
        self.names.get(usize::try_from(start).ok()?..usize::try_from(*place.ends.get(part)?).ok()?)
    }

    fn at(&self, index: usize) -> Option<&Rc<PlaneRelation>> {
        self.unpacked.get(index)?.get_or_init(|| self.unpacked_at(index)).as_ref()
    }

    fn unpacked_at(&self, index: usize) -> Option<Rc<PlaneRelation>> {
        let place = self.places.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.places.get(before)?.end,
            None => 0,
        };
        let bytes = self.bytes.get(usize::try_from(start).ok()?..usize::try_from(place.end).ok()?)?;
        let relation = postcard::from_bytes(bytes).ok();
        let is_same =
            || ablation::is_off(Switch::Shared) || rows::of_relation(self.register, place.oid.into()) == place.print;
        let relation = relation.filter(|_| is_same());
        if relation.is_none() {
            self.has_changed.set(true);
        }
        relation.map(Rc::new)
    }
}

/// A plane is far from 4 GB; what does not fit is not found again.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
