//! The Merkle tree of RFC 6962 (2.1) over the entries' hashes: roots, growth, inclusion proofs.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use std::io;

/// Subtrees that a tree of up to 2^64 - 1 leaves is made of.
const LEVELS: usize = 64;
/// Bytes of [`Frontier::to_bytes`].
pub const FRONTIER_BYTES: usize = 8 + LEVELS * 32;

/// All that the tree must remember to grow: its size, and the root of each complete subtree that stands for a bit of the size.
///
/// Plain numbers without pointers, 2056 bytes: it may lie in shared memory, and every pattern of bits is a value.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// `roots[n]` is over 2^n leaves, and counts only when bit n of the size is set; else zeros.
    roots: [Hash; LEVELS],
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Frontier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Frontier").field("size", &self.size).field("root", &hex::encode(self.root())).finish()
    }
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, roots: [[0; 32]; LEVELS] }
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the end. A tree of 2^64 - 1 leaves takes no more, which no log lives to see.
    pub fn push(&mut self, leaf: Hash) {
        let Some(size) = self.size.checked_add(1) else { return };
        let mut carried = leaf;
        // As in adding 1 to the size: each set bit from the lowest on is carried.
        for (level, root) in self.roots.iter_mut().enumerate() {
            if self.size >> level & 1 == 0 {
                *root = carried;
                break;
            }
            carried = node_hash(root, &carried);
            *root = [0; 32];
        }
        self.size = size;
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        let present = self.roots.iter().enumerate().filter(|(level, _)| self.size >> level & 1 == 1);
        let joined = present
            .fold(None, |right: Option<Hash>, (_, left)| Some(right.map_or(*left, |right| node_hash(left, &right))));
        joined.unwrap_or(EMPTY_ROOT)
    }

    /// Size (big-endian) and roots.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.roots.iter().for_each(|root| bytes.extend_from_slice(root));
        bytes
    }

    /// What [`Frontier::to_bytes`] gave. `None` for another length, and where a root stands for a bit that is not set: no more
    /// can be told, so what is read from a file is to be compared with the hashes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; FRONTIER_BYTES] = bytes.try_into().ok()?;
        let (size, roots) = bytes.split_first_chunk::<8>()?;
        let mut frontier = Self { size: u64::from_be_bytes(*size), ..Self::new() };
        for (level, (to, from)) in frontier.roots.iter_mut().zip(roots.as_chunks::<32>().0).enumerate() {
            if frontier.size >> level & 1 == 1 {
                *to = *from;
            } else if *from != [0; 32] {
                return None;
            }
        }
        Some(frontier)
    }
}

/// The inclusion proofs (from the leaf upwards) of some leaves in the tree of the first `size`, and its root; reads each hash
/// once, in order. `wanted` must ascend and be below `size`, else the error is `InvalidInput`.
///
/// `next` gives the hashes from number 0 on.
pub fn inclusion_proofs(
    size: u64,
    wanted: &[u64],
    next: &mut dyn FnMut() -> io::Result<Hash>,
) -> io::Result<(Hash, Vec<Vec<Hash>>)> {
    let ascends = wanted.is_sorted_by(|one, other| one < other);
    if !ascends || wanted.last().is_some_and(|last| *last >= size) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut proofs = vec![Vec::new(); wanted.len()];
    let root = if size == 0 { EMPTY_ROOT } else { subtree(0, size, wanted, &mut proofs, next)? };
    Ok((root, proofs))
}

/// The root over the leaves from `first` on; adds to each proof the roots of the halves that its leaf is not in.
fn subtree(
    first: u64,
    size: u64,
    wanted: &[u64],
    proofs: &mut [Vec<Hash>],
    next: &mut dyn FnMut() -> io::Result<Hash>,
) -> io::Result<Hash> {
    if size <= 1 {
        return next();
    }
    let half = split(size);
    let middle = first + half;
    let (left_wanted, right_wanted) = wanted.split_at(wanted.partition_point(|leaf| *leaf < middle));
    let (left_proofs, right_proofs) = proofs.split_at_mut(left_wanted.len());
    let left = subtree(first, half, left_wanted, left_proofs, next)?;
    let right = subtree(middle, size - half, right_wanted, right_proofs, next)?;
    left_proofs.iter_mut().for_each(|proof| proof.push(right));
    right_proofs.iter_mut().for_each(|proof| proof.push(left));
    Ok(node_hash(&left, &right))
}

/// The largest power of two below a size of at least 2.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Whether the leaf of this number is in the tree of this size and root. Source: RFC 9162, 2.1.3.2.
#[must_use]
pub fn is_included(leaf: &Hash, sequence: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if sequence >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (sequence, size - 1, *leaf);
    for beside in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(beside, &hash);
            // A subtree without a right half is its own parent: up to where it is a right child.
            let levels = if at & 1 == 1 { 0 } else { at.trailing_zeros() };
            (at, last) = (at.checked_shr(levels).unwrap_or(0), last.checked_shr(levels).unwrap_or(0));
        } else {
            hash = node_hash(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}
