//! Sets that are made once and looked into often, in one or two pieces of memory each: a backend gets them by copying bytes.

use pgrx::pg_sys::Oid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Object identifiers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Oids(Vec<u32>);

impl Oids {
    /// Whether it is one of them.
    pub fn contains(&self, oid: &Oid) -> bool {
        self.0.binary_search(&oid.to_u32()).is_ok()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Oid> {
        self.0.iter().map(|oid| Oid::from(*oid))
    }
}

impl FromIterator<Oid> for Oids {
    fn from_iter<T: IntoIterator<Item = Oid>>(oids: T) -> Self {
        let sorted: BTreeSet<u32> = oids.into_iter().map(Oid::to_u32).collect();
        Oids(sorted.into_iter().collect())
    }
}

/// Names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Names {
    /// One after the other, in order.
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Names {
    fn get(&self, place: usize) -> Option<&str> {
        let end = usize::try_from(*self.ends.get(place)?).ok()?;
        let start = match place.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        self.text.get(start..end)
    }

    /// Whether it is one of them.
    pub fn contains(&self, name: &str) -> bool {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle).map(|known| known.cmp(name)) {
                Some(std::cmp::Ordering::Equal) => return true,
                Some(std::cmp::Ordering::Less) => low = middle + 1,
                Some(std::cmp::Ordering::Greater) => high = middle,
                None => return false,
            }
        }
        false
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|place| self.get(place))
    }
}

impl FromIterator<String> for Names {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        let mut made = Names::default();
        for name in names.into_iter().collect::<BTreeSet<String>>() {
            made.text.push_str(&name);
            // A catalog's names are far from 4 GB; one that does not fit is in no set.
            made.ends.push(u32::try_from(made.text.len()).unwrap_or(0));
        }
        made
    }
}
