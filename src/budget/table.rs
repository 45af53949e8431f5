//! The table of what is used and reserved, in one block of words, as it lies in shared memory.
//!
//! Slots with open addressing by a key that is a digest. What is reserved counts as used until it is settled, so that callers who
//! come together cannot use more than there is. A reservation that is held over the end of its window counts in the next one as
//! well; what was used there is settled there.

use super::window::Window;

/// Words before the slots: whether counting is impossible, when room was last looked for, slots in use.
pub const HEADER_WORDS: usize = 4;
/// Words of a slot.
pub const SLOT_WORDS: usize = 12;

/// Whose amount it is: a digest of database, tenant and measure. Not all zero.
pub type Key = [u64; 4];

/// What is counted for one key, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Whose it is.
    pub key: Key,
    /// For which time.
    pub window: Window,
    /// What was used in it.
    pub used: u64,
    /// What may be used by calls that are running.
    pub reserved: u64,
    /// What the file says was used: no less than used and reserved together.
    pub kept: u64,
    /// By how much more it may say when it is written.
    pub block: u64,
    /// The budget.
    pub amount: u64,
}

impl Slot {
    fn from_words(words: &[u64; SLOT_WORDS]) -> Option<Self> {
        let [a, b, c, d, start, period, used, reserved, kept, block, amount, _] = *words;
        let key = [a, b, c, d];
        let window = Window { start: start.cast_signed(), period: period.cast_signed() };
        (key != [0; 4]).then_some(Slot { key, window, used, reserved, kept, block, amount })
    }

    fn words(&self) -> [u64; SLOT_WORDS] {
        let [a, b, c, d] = self.key;
        let Window { start, period } = self.window;
        let (start, period) = (start.cast_unsigned(), period.cast_unsigned());
        [a, b, c, d, start, period, self.used, self.reserved, self.kept, self.block, self.amount, 0]
    }

    fn held(&self) -> u64 {
        self.used.saturating_add(self.reserved)
    }

    /// What the file is to say when it is written now.
    #[must_use]
    pub fn next_kept(&self) -> u64 {
        self.held().max(self.held().saturating_add(self.block).min(self.amount))
    }

    /// Whether the file says too little, or more than a hundredth of the amount too much.
    fn is_to_be_kept(&self) -> bool {
        let over = self.kept.saturating_sub(self.held());
        self.kept < self.held() || over > self.block.saturating_mul(2)
    }

    /// Goes on to the window of `now`. One that lies ahead, under a clock that has been set back, goes on.
    fn roll(&mut self, now: i64, period: i64) {
        let window = Window::at(now, period);
        if self.window.period != window.period || self.window.start < window.start {
            (self.window, self.used, self.kept) = (window, 0, 0);
        }
    }
}

/// A budget, and how much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whose it is.
    pub key: Key,
    /// Of how much.
    pub amount: u64,
    /// For how many microseconds.
    pub period: i64,
    /// By how much more the file may say.
    pub block: u64,
    /// How much is wanted.
    pub want: u64,
    /// Whether it is used at once, and not reserved.
    pub is_spent: bool,
}

/// Why a wish is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The budget is used up until then.
    Used(i64),
    /// What is left is reserved, and the window ends then.
    Reserved(i64),
    /// It is more than the budget.
    TooLarge,
    /// No slot is free; one will be then.
    NoSlot(i64),
}

/// The block of words.
pub struct Table<'a> {
    header: &'a mut [u64; HEADER_WORDS],
    slots: &'a mut [[u64; SLOT_WORDS]],
    /// Slots that may be in use.
    most: usize,
}

/// Words for a table of so many slots: half of the places stay free.
#[must_use]
pub const fn words(most: usize) -> usize {
    most.saturating_mul(2).saturating_add(1).saturating_mul(SLOT_WORDS).saturating_add(HEADER_WORDS)
}

impl<'a> Table<'a> {
    /// The table in these words, which are as many as [`words`] says. All zero is an empty one.
    #[must_use]
    pub fn over(words: &'a mut [u64], most: usize) -> Option<Self> {
        let (header, rest) = words.split_first_chunk_mut::<HEADER_WORDS>()?;
        let (slots, _) = rest.as_chunks_mut::<SLOT_WORDS>();
        (slots.len() > most).then_some(Table { header, slots, most })
    }

    /// Whether nothing can be counted.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.header.first() != Some(&0)
    }

    /// From now on nothing can be counted, or it can again.
    pub fn close(&mut self, is_closed: bool) {
        if let Some(flag) = self.header.first_mut() {
            *flag = u64::from(is_closed);
        }
    }

    fn count(&self) -> usize {
        self.header.get(2).and_then(|count| usize::try_from(*count).ok()).unwrap_or(usize::MAX)
    }

    fn set_count(&mut self, count: usize) {
        if let Some(place) = self.header.get_mut(2) {
            *place = u64::try_from(count).unwrap_or(u64::MAX);
        }
    }

    fn home(&self, key: &Key) -> usize {
        let places = u64::try_from(self.slots.len()).unwrap_or(1).max(1);
        usize::try_from(key.first().copied().unwrap_or(0) % places).unwrap_or(0)
    }

    fn next(&self, place: usize) -> usize {
        if place.saturating_add(1) < self.slots.len() { place.saturating_add(1) } else { 0 }
    }

    fn at(&self, place: usize) -> Option<Slot> {
        self.slots.get(place).and_then(Slot::from_words)
    }

    fn write(&mut self, place: usize, slot: Option<&Slot>) {
        if let Some(words) = self.slots.get_mut(place) {
            *words = slot.map_or([0; SLOT_WORDS], Slot::words);
        }
    }

    /// Where a key is, or would be.
    fn find(&self, key: &Key) -> (usize, Option<Slot>) {
        let mut place = self.home(key);
        // There is always a free place.
        while let Some(slot) = self.at(place) {
            if slot.key == *key {
                return (place, Some(slot));
            }
            place = self.next(place);
        }
        (place, None)
    }

    /// What is counted for a key, if anything is.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Slot> {
        self.find(key).1
    }

    /// Those in use.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + Clone {
        self.slots.iter().filter_map(Slot::from_words)
    }

    /// Takes a slot out; those behind it that belong before move up.
    fn remove(&mut self, place: usize) {
        let (mut hole, mut place) = (place, place);
        loop {
            place = self.next(place);
            let Some(slot) = self.at(place) else { break };
            let home = self.home(&slot.key);
            // Whether `home` lies outside of what is between the hole and the slot, around the end.
            let stays = if hole < place { hole < home && home <= place } else { hole < home || home <= place };
            if !stays {
                self.write(hole, Some(&slot));
                hole = place;
            }
        }
        self.write(hole, None);
        self.set_count(self.count().saturating_sub(1));
    }

    /// Takes out what counts for nothing any more, at most once a second.
    fn sweep(&mut self, now: i64) {
        let second = now.div_euclid(super::window::SECOND).cast_unsigned();
        match self.header.get_mut(1) {
            Some(swept) if *swept != second => *swept = second,
            _ => return,
        }
        let mut place = 0;
        while place < self.slots.len() {
            match self.at(place) {
                Some(slot) if slot.reserved == 0 && (slot.used == 0 || slot.window.is_over(now)) => self.remove(place),
                _ => place = place.saturating_add(1),
            }
        }
    }

    /// Room for wishes that have no slot yet, as far as there can be. What is made afterwards is not taken out again.
    fn make_room(&mut self, wishes: &[Wish], now: i64) {
        let fresh = wishes.iter().filter(|wish| self.find(&wish.key).1.is_none()).count();
        if self.count().saturating_add(fresh) > self.most {
            self.sweep(now);
        }
    }

    fn no_slot(&self, now: i64) -> Shortage {
        let ends = self.slots().map(|slot| slot.window.end()).filter(|end| *end > now);
        Shortage::NoSlot(ends.min().unwrap_or(now))
    }

    /// The slot of a wish in the window of now; made if there is none.
    fn enter(&mut self, wish: &Wish, now: i64) -> Result<(usize, Slot), Shortage> {
        let (place, found) = self.find(&wish.key);
        let mut slot = match found {
            Some(slot) => slot,
            None => {
                if self.count() >= self.most {
                    return Err(self.no_slot(now));
                }
                self.set_count(self.count().saturating_add(1));
                let window = Window::at(now, wish.period);
                let (block, amount) = (wish.block, wish.amount);
                Slot { key: wish.key, window, used: 0, reserved: 0, kept: 0, block, amount }
            }
        };
        slot.roll(now, wish.period);
        (slot.block, slot.amount) = (wish.block, wish.amount);
        self.write(place, Some(&slot));
        Ok((place, slot))
    }

    /// Grants all wishes or none. Gives whether the file is to be written before anything is spent.
    ///
    /// # Errors
    /// The place of the first wish that cannot be granted, and why.
    pub fn reserve(&mut self, wishes: &[Wish], now: i64) -> Result<bool, (usize, Shortage)> {
        self.make_room(wishes, now);
        for (number, wish) in wishes.iter().enumerate() {
            let (_, slot) = self.enter(wish, now).map_err(|shortage| (number, shortage))?;
            let end = slot.window.end();
            let fits = |held: u64| held.checked_add(wish.want).is_some_and(|sum| sum <= wish.amount);
            let shortage = match () {
                () if !fits(0) => Some(Shortage::TooLarge),
                () if !fits(slot.used) => Some(Shortage::Used(end)),
                () if !fits(slot.held()) => Some(Shortage::Reserved(end)),
                () => None,
            };
            if let Some(shortage) = shortage {
                return Err((number, shortage));
            }
        }
        // Each has its slot, or nothing is granted.
        if let Some(number) = wishes.iter().position(|wish| self.find(&wish.key).1.is_none()) {
            return Err((number, self.no_slot(now)));
        }
        let mut is_to_be_kept = false;
        for wish in wishes {
            let (place, Some(mut slot)) = self.find(&wish.key) else { continue };
            if wish.is_spent {
                slot.used = slot.used.saturating_add(wish.want);
            } else {
                slot.reserved = slot.reserved.saturating_add(wish.want);
            }
            is_to_be_kept |= slot.kept < slot.held();
            self.write(place, Some(&slot));
        }
        Ok(is_to_be_kept)
    }

    /// Takes back what was granted, as if it had never been.
    pub fn withdraw(&mut self, wishes: &[Wish]) {
        for wish in wishes {
            let (place, Some(mut slot)) = self.find(&wish.key) else { continue };
            if wish.is_spent {
                slot.used = slot.used.saturating_sub(wish.want);
            } else {
                slot.reserved = slot.reserved.saturating_sub(wish.want);
            }
            self.write(place, Some(&slot));
        }
    }

    /// Gives a reservation back, less what was used of it. Gives whether the file is to be written.
    pub fn settle(&mut self, key: &Key, reserved: u64, used: u64, now: i64) -> bool {
        let (place, Some(mut slot)) = self.find(key) else { return false };
        slot.roll(now, slot.window.period);
        slot.reserved = slot.reserved.saturating_sub(reserved);
        slot.used = slot.used.saturating_add(used);
        self.write(place, Some(&slot));
        slot.is_to_be_kept()
    }

    /// The file has been written.
    pub fn mark_kept(&mut self) {
        for words in self.slots.iter_mut() {
            if let Some(mut slot) = Slot::from_words(words) {
                slot.kept = slot.next_kept();
                *words = slot.words();
            }
        }
    }

    /// Empties the table and puts these into it; `false` if they do not all fit.
    pub fn restore(&mut self, slots: impl IntoIterator<Item = Slot>) -> bool {
        self.header.fill(0);
        self.slots.fill([0; SLOT_WORDS]);
        for slot in slots {
            if self.count() >= self.most {
                return false;
            }
            let (place, found) = self.find(&slot.key);
            self.set_count(self.count().saturating_add(usize::from(found.is_none())));
            self.write(place, Some(&slot));
        }
        true
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
