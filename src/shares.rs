//! Whose entry goes when a list that all tenants of a session share is full. Pure, and tested without a server.
//!
//! A tenant that has more than a quarter of the room gives up its own oldest entry. One that has less takes the place of a tenant that
//! has more, and only where none has, that of the oldest entry of all. So a tenant that has kept no more than a quarter loses some of it
//! only in a session where at least four others have kept something.

/// An entry: whose it is, and its size.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    pub tenant: &'a str,
    pub bytes: usize,
}

/// What a list has room for.
#[derive(Clone, Copy)]
pub struct Room {
    pub entries: usize,
    pub bytes: usize,
}

impl Room {
    /// The place of the entry that goes first so that another fits in; `None` where it does, or where there is none. `held` begins
    /// with the oldest.
    pub fn leaver<'a>(self, held: &[Held<'a>], newcomer: Held<'a>) -> Option<usize> {
        if self.holds(held.iter().copied().chain([newcomer])) {
            return None;
        }
        let share = Room { entries: self.entries / 4, bytes: self.bytes / 4 };
        let has_more =
            |tenant: &str| !share.holds(held.iter().copied().chain([newcomer]).filter(|entry| entry.tenant == tenant));
        let oldest = |is_its: &dyn Fn(&str) -> bool| held.iter().position(|entry| is_its(entry.tenant));
        let own = if has_more(newcomer.tenant) { oldest(&|tenant| tenant == newcomer.tenant) } else { None };
        own.or_else(|| oldest(&has_more)).or_else(|| oldest(&|_| true))
    }

    fn holds<'a>(self, entries: impl Iterator<Item = Held<'a>>) -> bool {
        let (count, bytes) = entries.fold((0_usize, 0_usize), |(count, bytes), entry| {
            (count.saturating_add(1), bytes.saturating_add(entry.bytes))
        });
        count <= self.entries && bytes <= self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { entries: 8, bytes: 800 };

    fn held<'a>(tenants: &[&'a str], bytes: usize) -> Vec<Held<'a>> {
        tenants.iter().map(|&tenant| Held { tenant, bytes }).collect()
    }

    fn leaver(tenants: &[&str], newcomer: &str) -> Option<usize> {
        ROOM.leaver(&held(tenants, 1), Held { tenant: newcomer, bytes: 1 })
    }

    #[test]
    fn nothing_goes_while_there_is_room() {
        assert_eq!(leaver(&[], "a"), None);
        assert_eq!(leaver(&["a"; 7], "a"), None);
    }

    #[test]
    fn a_tenant_with_more_than_its_share_gives_up_its_own() {
        assert_eq!(leaver(&["b", "b", "a", "a", "a", "c", "c", "d"], "a"), Some(2));
        assert_eq!(
            leaver(&["b", "a", "a", "c", "c", "d", "d", "e"], "a"),
            Some(1),
            "with the one that comes it has more"
        );
    }

    #[test]
    fn a_tenant_with_less_takes_the_place_of_one_with_more() {
        assert_eq!(leaver(&["b", "c", "c", "c", "c", "c", "c", "b"], "a"), Some(1));
        assert_eq!(leaver(&["b", "b", "c", "c", "d", "d", "e", "e"], "a"), Some(0), "none has more");
    }

    #[test]
    fn bytes_count_likewise() {
        let mut full = held(&["b", "a", "c"], 100);
        full.push(Held { tenant: "a", bytes: 500 });
        assert_eq!(ROOM.leaver(&full, Held { tenant: "a", bytes: 100 }), Some(1));
        assert_eq!(ROOM.leaver(&full, Held { tenant: "b", bytes: 100 }), Some(1));
        assert_eq!(ROOM.leaver(&[], Held { tenant: "a", bytes: 900 }), None, "nothing that could go");
    }
}
