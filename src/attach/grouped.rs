//! The columns in GROUP BY, with its lists and sets: which stand in all of them, as a primary key must.

use super::level::Level;
use crate::pgx::interrupts;
use crate::pgx::raw::{RawKind, RawNode, RawSelect};
use std::collections::{HashMap, HashSet};

/// How deep lists and sets may stand in one another.
const DEEPEST: usize = 16;

/// The columns in GROUP BY, or in one of its sets, as written, ordinals and output names resolved.
#[derive(Default)]
pub(super) struct Grouped {
    qualified: HashSet<(String, String)>,
    unqualified: HashSet<String>,
    /// Of each of these one set is taken at a time.
    sets: Vec<Vec<Grouped>>,
}

/// What an item of GROUP BY may mean besides itself.
struct Outputs<'l, 't> {
    list: Vec<(Option<String>, RawNode<'t>)>,
    by_name: HashMap<String, RawNode<'t>>,
    level: &'l Level,
}

impl<'t> Outputs<'_, 't> {
    /// The output in this place, unless a star before it hides which that is.
    fn at(&self, position: i32) -> Option<RawNode<'t>> {
        let index = usize::try_from(position).ok()?.checked_sub(1)?;
        let before = self.list.get(..=index)?;
        let is_known = !before.iter().any(|(_, value)| value.is_star());
        before.last().map(|(_, value)| *value).filter(|_| is_known)
    }
}

impl Grouped {
    /// `None` where one of several sets holds anything but columns: that may come down to a column all the same, and what it is
    /// in the other sets is not known.
    pub(super) fn read(select: RawSelect<'_>, items: &[RawNode<'_>], level: &Level) -> Option<Self> {
        let list = select.output_names();
        let mut by_name = HashMap::new();
        for (name, value) in &list {
            if let Some(name) = name {
                // Of two with one name PostgreSQL takes neither.
                by_name.entry(name.clone()).or_insert(*value);
            }
        }
        let mut grouped = Grouped::default();
        grouped.read_items(items, &Outputs { list, by_name, level }, false, 0)?;
        Some(grouped)
    }

    /// `is_optional`: there are sets without these items.
    fn read_items(
        &mut self,
        items: &[RawNode<'_>],
        outputs: &Outputs<'_, '_>,
        is_optional: bool,
        depth: usize,
    ) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        let deeper = depth.saturating_add(1);
        for item in items {
            interrupts::check();
            if let Some(members) = item.grouped_list() {
                self.read_items(&members, outputs, is_optional, deeper)?;
                continue;
            }
            let Some((sets, has_empty)) = item.grouping_sets() else {
                if !self.read_item(*item, outputs) && is_optional {
                    return None;
                }
                continue;
            };
            if sets.len() == 1 && !has_empty {
                self.read_items(&sets, outputs, is_optional, deeper)?;
                continue;
            }
            let mut read = Vec::with_capacity(sets.len().saturating_add(1));
            read.extend(has_empty.then(Grouped::default));
            for set in sets {
                let mut grouped = Grouped::default();
                grouped.read_items(&[set], outputs, true, deeper)?;
                read.push(grouped);
            }
            self.sets.push(read);
        }
        Some(())
    }

    /// Whether the item is a column, and nothing else.
    fn read_item(&mut self, item: RawNode<'_>, outputs: &Outputs<'_, '_>) -> bool {
        if let RawKind::Constant(Some(position)) = item.kind() {
            return outputs.at(position).is_some_and(|value| self.take(value).is_some());
        }
        let Some(name) = self.take(item) else { return false };
        // A bare name means a column of FROM, if there is one, and else an output.
        match name.and_then(|name| Some((outputs.level.has_column(&name), outputs.by_name.get(&name)?))) {
            Some((Some(false) | None, value)) => self.take(*value).is_some(),
            Some((Some(true), _)) | None => true,
        }
    }

    /// Notes a column reference, if it is one; gives its name when that stands alone.
    fn take(&mut self, node: RawNode<'_>) -> Option<Option<String>> {
        let RawKind::ColumnRef(reference) = node.kind() else { return None };
        if reference.is_star() {
            return None;
        }
        let mut names = reference.names();
        let column = names.pop()?;
        Some(match names.pop() {
            Some(alias) => {
                self.qualified.insert((alias, column));
                None
            }
            None => {
                self.unqualified.insert(column.clone());
                Some(column)
            }
        })
    }

    /// Whether a column of `alias` is in GROUP BY, and in each set.
    pub(super) fn holds(&self, alias: &str, column: &str, level: &Level) -> bool {
        self.qualified.contains(&(alias.to_owned(), column.to_owned()))
            || self.unqualified.contains(column) && level.is_own(alias, column)
            || self.sets.iter().any(|sets| sets.iter().all(|set| set.holds(alias, column, level)))
    }

    /// Whether a column of `alias` is in GROUP BY, or may be in one of the sets.
    pub(super) fn mentions(&self, alias: &str, column: &str, level: &Level) -> bool {
        self.holds(alias, column, level)
            || self
                .sets
                .iter()
                .flatten()
                .any(|set| set.unqualified.contains(column) || set.mentions(alias, column, level))
    }
}
