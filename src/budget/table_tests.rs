//! Tests of the table.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::budget::amount::{ONE, whole};
use crate::budget::file;
use crate::budget::window::SECOND;
use proptest::prelude::*;

const DAY: i64 = 86_400 * SECOND;

fn wish(number: u64, amount: u64, want: u64) -> Wish {
    let key = [number, 1, 2, 3];
    Wish { key, amount, period: DAY, block: amount / 200, want, is_spent: false }
}

fn spent(wish: Wish) -> Wish {
    Wish { is_spent: true, ..wish }
}

fn empty(most: usize) -> Vec<u64> {
    vec![0; words(most)]
}

#[test]
fn grants_exactly_the_amount() {
    let mut memory = empty(4);
    let mut table = Table::over(&mut memory, 4).unwrap();
    let call = spent(wish(1, whole(100), ONE));
    for _ in 0..100 {
        assert!(table.reserve(&[call], 5).is_ok());
    }
    assert_eq!(table.reserve(&[call], 5), Err((0, Shortage::Used(DAY))));
    assert_eq!(table.get(&call.key).unwrap().used, whole(100));
    assert!(table.reserve(&[call], DAY).is_ok(), "the next window");
    assert_eq!(table.get(&call.key).unwrap().used, ONE);
}

#[test]
fn grants_all_or_nothing_and_says_what_is_short() {
    let mut memory = empty(4);
    let mut table = Table::over(&mut memory, 4).unwrap();
    let (first, second) = (wish(1, 100, 60), wish(2, 100, 101));
    assert_eq!(table.reserve(&[first, second], 0), Err((1, Shortage::TooLarge)));
    assert_eq!(table.get(&first.key).unwrap().reserved, 0);
    assert!(table.reserve(&[first], 0).is_ok());
    assert_eq!(table.reserve(&[first], 0), Err((0, Shortage::Reserved(DAY))));
    table.settle(&first.key, 60, 10, 0);
    assert!(table.reserve(&[first], 0).is_ok(), "what was not used is given back");
    table.settle(&first.key, 60, 60, 0);
    assert_eq!(table.reserve(&[first], 0), Err((0, Shortage::Used(DAY))));
    assert!(table.reserve(&[wish(1, 130, 60)], 0).is_ok(), "a changed amount counts at once, and what is used goes on");
    let shorter = Wish { period: DAY / 2, ..wish(1, 100, 30) };
    assert!(table.reserve(&[shorter], 0).is_ok(), "another period begins anew");
}

#[test]
fn what_is_held_over_the_end_of_a_window_counts_in_the_next() {
    let mut memory = empty(4);
    let mut table = Table::over(&mut memory, 4).unwrap();
    let held = wish(1, 100, 70);
    assert!(table.reserve(&[held], DAY - 1).is_ok());
    assert_eq!(table.reserve(&[held], DAY), Err((0, Shortage::Reserved(2 * DAY))));
    table.settle(&held.key, 70, 5, DAY);
    let slot = table.get(&held.key).unwrap();
    assert_eq!((slot.used, slot.reserved, slot.window.start), (5, 0, DAY));
    assert!(table.reserve(&[held], DAY - 1).is_ok(), "a clock that was set back");
    assert_eq!(table.get(&held.key).unwrap().window.start, DAY, "does not open the window before");
}

#[test]
fn full_of_slots_that_count_refuses_others_until_a_window_ends() {
    let mut memory = empty(3);
    let mut table = Table::over(&mut memory, 3).unwrap();
    for number in 1..=3 {
        assert!(table.reserve(&[spent(wish(number, 100, 1))], 0).is_ok());
    }
    let further = spent(wish(9, 100, 1));
    assert_eq!(table.reserve(&[further], SECOND), Err((0, Shortage::NoSlot(DAY))));
    assert!(table.reserve(&[spent(wish(2, 100, 1))], SECOND).is_ok(), "who has one goes on");
    assert!(table.reserve(&[further], DAY).is_ok());
    assert_eq!(table.slots().count(), 1);
}

#[test]
fn slots_that_count_nothing_make_room() {
    let mut memory = empty(2);
    let mut table = Table::over(&mut memory, 2).unwrap();
    assert_eq!(table.reserve(&[wish(1, 10, 11)], 0), Err((0, Shortage::TooLarge)));
    assert_eq!(table.reserve(&[wish(2, 10, 11)], 0), Err((0, Shortage::TooLarge)));
    assert!(table.reserve(&[wish(3, 10, 10)], SECOND).is_ok());
    assert!(table.get(&[3, 1, 2, 3]).is_some());
}

#[test]
fn closes_and_opens() {
    let mut memory = empty(2);
    let mut table = Table::over(&mut memory, 2).unwrap();
    assert!(!table.is_closed());
    table.close(true);
    assert!(table.is_closed());
    assert!(table.restore([]));
    assert!(!table.is_closed());
    assert!(Table::over(&mut [0; 3], 2).is_none() && Table::over(&mut [0; HEADER_WORDS + SLOT_WORDS], 1).is_none());
}

#[test]
fn does_not_restore_more_than_it_holds() {
    let mut memory = empty(2);
    let window = Window::at(0, DAY);
    let slot = |number| Slot { key: [number, 0, 0, 1], window, used: 1, reserved: 0, kept: 1, block: 0, amount: 5 };
    let mut table = Table::over(&mut memory, 2).unwrap();
    assert!(table.restore([slot(1), slot(2)]));
    assert!(!table.restore([slot(1), slot(2), slot(3)]));
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Reserve(u64, u64),
    Settle(prop::sample::Index, u64),
    Wait(i64),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..6, 1_u64..400).prop_map(|(who, want)| Step::Reserve(who, want)),
        4 => (any::<prop::sample::Index>(), 0_u64..=100).prop_map(|(which, share)| Step::Settle(which, share)),
        1 => (0_i64..DAY).prop_map(Step::Wait),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever happens in whatever order: never more than the amount; never less after a crash than was used; at most a hundredth
    /// more, besides what was reserved.
    #[test]
    fn holds_every_budget(steps in steps(), amount in 200_u64..2_000) {
        let mut memory = empty(8);
        let mut table = Table::over(&mut memory, 8).unwrap();
        let mut disk = file::encode(7, std::iter::empty()).unwrap();
        let mut held: Vec<Wish> = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Reserve(who, want) => {
                    let wish = wish(who, amount, want);
                    let before = table.get(&wish.key);
                    match table.reserve(&[wish], now) {
                        Ok(is_to_be_kept) => {
                            held.push(wish);
                            if is_to_be_kept {
                                disk = file::encode(7, table.slots()).unwrap();
                                table.mark_kept();
                            }
                        }
                        Err(_) => {
                            let is_short = want > amount || before.is_some_and(|slot| {
                                let used = if slot.window == Window::at(now, DAY) { slot.used } else { 0 };
                                used + slot.reserved + want > amount
                            });
                            prop_assert!(is_short);
                        }
                    }
                }
                Step::Settle(which, share) if !held.is_empty() => {
                    let wish = held.swap_remove(which.index(held.len()));
                    if table.settle(&wish.key, wish.want, wish.want * share / 100, now) {
                        disk = file::encode(7, table.slots()).unwrap();
                        table.mark_kept();
                    }
                }
                Step::Settle(..) => {}
                Step::Wait(time) => now += time,
                Step::Crash => {
                    let before: Vec<Slot> = table.slots().collect();
                    let kept = file::decode(&disk).unwrap();
                    prop_assert!(table.restore(kept.slots.into_iter().filter(|slot| !slot.window.is_over(now))));
                    held.clear();
                    for slot in before.into_iter().filter(|slot| !slot.window.is_over(now)) {
                        let after = table.get(&slot.key).map_or(0, |after| after.used);
                        prop_assert!(after >= slot.used);
                        prop_assert!(after <= slot.used + slot.reserved + amount / 100, "{} {:?}", after, slot);
                    }
                }
            }
            for slot in table.slots() {
                prop_assert!(slot.used + slot.reserved <= amount, "{:?}", slot);
            }
            let reserved: u64 = table.slots().map(|slot| slot.reserved).sum();
            prop_assert_eq!(reserved, held.iter().map(|wish| wish.want).sum::<u64>());
        }
    }

    /// The table finds what a map finds, whatever was taken out between.
    #[test]
    fn finds_what_was_put_in(keys in prop::collection::vec((0_u64..12, any::<bool>()), 1..300)) {
        let mut memory = empty(12);
        let mut table = Table::over(&mut memory, 12).unwrap();
        let mut known = std::collections::BTreeMap::new();
        for (key, is_put) in keys {
            // Many share a home.
            let wish = Wish { key: [key % 3, key, 0, 1], ..spent(wish(0, 1_000, 1)) };
            if is_put {
                prop_assert!(table.reserve(&[wish], 0).is_ok());
                *known.entry(wish.key).or_insert(0) += 1;
            } else if known.remove(&wish.key).is_some() {
                let (place, found) = table.find(&wish.key);
                prop_assert!(found.is_some());
                table.remove(place);
            }
            prop_assert_eq!(table.slots().count(), known.len());
            prop_assert_eq!(table.count(), known.len());
            for (key, used) in &known {
                prop_assert_eq!(table.get(key).map(|slot| slot.used), Some(*used));
            }
        }
    }

    /// What cannot be kept is withdrawn.
    #[test]
    fn withdraws_what_was_granted(wants in prop::collection::vec((1_u64..50, any::<bool>()), 1..5)) {
        let mut memory = empty(8);
        let mut table = Table::over(&mut memory, 8).unwrap();
        let wishes: Vec<Wish> = (1..).zip(&wants).map(|(number, (want, is_spent))| {
            Wish { is_spent: *is_spent, ..wish(number, 1_000, *want) }
        }).collect();
        prop_assert!(table.reserve(&wishes, 0).unwrap());
        table.withdraw(&wishes);
        prop_assert!(table.slots().all(|slot| slot.used == 0 && slot.reserved == 0));
    }
}

#[test]
fn making_room_takes_no_slot_of_the_same_reservation() {
    let mut memory = empty(3);
    let mut table = Table::over(&mut memory, 3).unwrap();
    // Two that count for nothing any more, and one place.
    assert!(table.reserve(&[spent(wish(8, 9, 1)), spent(wish(9, 9, 1))], 0).is_ok());
    let pair = [spent(wish(1, 9, 4)), wish(2, 9, 4)];
    assert!(table.reserve(&pair, DAY).is_ok());
    assert_eq!((table.get(&pair[0].key).unwrap().used, table.get(&pair[1].key).unwrap().reserved), (4, 4));
    let others = [wish(3, 9, 1), wish(4, 9, 1)];
    assert!(matches!(table.reserve(&others, DAY), Err((1, Shortage::NoSlot(_)))), "what is held stays");
    assert_eq!((table.get(&pair[0].key).unwrap().used, table.get(&pair[1].key).unwrap().reserved), (4, 4));
}

proptest! {
    /// Whatever is granted is counted, with few places and windows that end.
    #[test]
    fn what_is_granted_is_counted(steps in prop::collection::vec((0_u64..6, 1_usize..4, 0_i64..3, any::<bool>()), 1..60), most in 1_usize..6) {
        let mut memory = empty(most);
        let mut table = Table::over(&mut memory, most).unwrap();
        let mut now = 0;
        for (first, count, days, is_spent) in steps {
            now += days * DAY + 2 * SECOND;
            let wishes: Vec<Wish> = (first..).take(count).map(|number| Wish { is_spent, ..wish(number, 1_000, 1) }).collect();
            let held = |table: &Table<'_>| -> Vec<u64> {
                wishes.iter().map(|wish| table.get(&wish.key).filter(|slot| !slot.window.is_over(now)).map_or(0, |slot| slot.held())).collect()
            };
            let before = held(&table);
            let granted = table.reserve(&wishes, now).is_ok();
            let after = held(&table);
            if granted {
                prop_assert!(wishes.iter().all(|wish| table.get(&wish.key).is_some()));
                // A reservation of an earlier window counts in the new one, so that more may be held than was seen before.
                prop_assert!(before.iter().zip(&after).all(|(before, after)| *after > *before), "{before:?} {after:?}");
            }
            prop_assert!(table.slots().count() <= most);
        }
    }
}
