//! Misbehaves as `SPLITPLANE_FUZZ_PLANT` says once it reads a word that only coverage leads to: each must be found.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use splitplane_fuzz::{planted, watch};

/// Found byte by byte, or not at all: by chance it takes 2^48 tries.
const WORD: [u8; 6] = *b"plane!";

fuzz_target!(init: watch::begin(), |data: &[u8]| watch::unit(data.len(), || {
    // Leaves at the first byte that differs, each a branch of its own.
    for (index, letter) in WORD.iter().enumerate() {
        if black_box(data.get(index)) != Some(black_box(letter)) {
            return;
        }
        reached(index);
    }
    misbehave();
}));

/// A place in the code for each letter, so that a letter more is news to the coverage.
fn reached(index: usize) {
    match index {
        0 => black_box(1),
        1 => black_box(20),
        2 => black_box(300),
        3 => black_box(4_000),
        4 => black_box(50_000),
        _ => black_box(600_000),
    };
}

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
        let started = std::time::Instant::now();
        while started.elapsed().as_secs() < 4 {
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
