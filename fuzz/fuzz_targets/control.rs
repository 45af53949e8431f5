//! Misbehaves as `SPLITPLANE_FUZZ_PLANT` says once it reads a word that only traced comparisons lead to: each must be found.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use splitplane_fuzz::{planted, watch};

// `plane it`: two words of four bytes. A seed has the first, and the traced comparisons give the second; by chance it
// takes 2^32 tries.
fuzz_target!(init: watch::begin(), |data: &[u8]| watch::unit(data.len(), || {
    let Some((first, rest)) = data.split_first_chunk::<4>() else { return };
    if u32::from_le_bytes(*first) != u32::from_le_bytes(*b"plan") {
        return;
    }
    let Some(second) = rest.first_chunk::<4>() else { return };
    if u32::from_le_bytes(*second) == u32::from_le_bytes(*b"e it") {
        misbehave();
    }
}));

fn misbehave() {
    if planted::is("panic") {
        let nothing: Option<u8> = black_box(None);
        black_box(nothing.unwrap());
    } else if planted::is("overflow") {
        black_box(black_box(usize::MAX) + black_box(1));
    } else if planted::is("recursion") {
        black_box(deep(black_box(u64::MAX)));
    } else if planted::is("allocation") {
        black_box(vec![1_u8; black_box(64 << 20)]);
    } else if planted::is("growth") {
        let mut kept = Vec::new();
        while black_box(true) {
            kept.push(black_box(vec![1_u8; 1 << 16]));
        }
    } else if planted::is("slow") {
        let started = watch::processor_time();
        while (watch::processor_time() - started).as_secs() < 3 {
            black_box(0);
        }
    } else if planted::is("hang") {
        while black_box(true) {}
    }
}

#[inline(never)]
fn deep(left: u64) -> u64 {
    let frame = black_box([left; 64]);
    if left == 0 { 0 } else { deep(left - 1) + frame[usize::try_from(left % 64).unwrap_or(0)] }
}
