//! Mistakes on purpose, for the controls of pure.sh: `planted freed`, `planted past`, `planted aliased`.
//!
//! An example and not a test, so that nothing builds it unasked; its feature is in no release.
#![allow(unsafe_code)]

use std::hint::black_box;

fn main() {
    let bytes = vec![1_u8; 64].into_boxed_slice();
    let pointer = Box::into_raw(bytes).cast::<u8>();
    let found = match std::env::args().nth(1).as_deref() {
        Some("freed") => {
            // SAFETY: none for the read, on purpose.
            unsafe {
                drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(pointer, 64)));
                black_box(pointer).read_volatile()
            }
        }
        // SAFETY: none, on purpose: one byte past the end.
        Some("past") => unsafe { black_box(pointer).add(64).read_volatile() },
        Some("aliased") => {
            // SAFETY: none, on purpose: two exclusive references to one byte. Only Miri can see it.
            let (first, second) = unsafe { (&mut *pointer, &mut *pointer) };
            *second = 2;
            *first = 3;
            *second
        }
        _ => 0,
    };
    println!("found {found}");
}
