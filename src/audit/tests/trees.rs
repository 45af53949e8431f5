//! Roots and proofs against vectors of others, and against the definition as RFC 6962 writes it.

use crate::audit::hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
use crate::audit::tree::{FRONTIER_BYTES, Frontier, inclusion_proofs, is_included};
use proptest::prelude::*;

/// The leaves and roots of certificate-transparency's own tests (merkletree/merkle_tree_test.cc).
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// MTH of RFC 6962, 2.1, as it stands there.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            node_hash(&naive_root(&leaves[..half]), &naive_root(&leaves[half..]))
        }
    }
}

/// PATH of RFC 6962, 2.1.1.
fn naive_path(at: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (mut path, beside) = if at < half {
        (naive_path(at, left), naive_root(right))
    } else {
        (naive_path(at - half, right), naive_root(left))
    };
    path.push(beside);
    path
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier
}

fn proofs(leaves: &[Hash], wanted: &[u64]) -> (Hash, Vec<Vec<Hash>>) {
    let mut rest = leaves.iter();
    inclusion_proofs(leaves.len() as u64, wanted, &mut || Ok(*rest.next().unwrap())).unwrap()
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    let mut tree = Frontier::new();
    assert_eq!(tree.root(), EMPTY_ROOT);
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        tree.push(leaf_hash(&hex::decode(leaf).unwrap()));
        assert_eq!(hex::encode(tree.root()), root);
    }
}

#[test]
fn roots_and_proofs_are_the_definition_for_all_small_sizes() {
    for size in 0..70 {
        let leaves = leaves(size);
        let root = naive_root(&leaves);
        assert_eq!(frontier(&leaves).root(), root);
        let all: Vec<u64> = (0..size as u64).collect();
        let (found, paths) = proofs(&leaves, &all);
        assert_eq!(found, root);
        for (at, path) in paths.iter().enumerate() {
            assert_eq!(*path, naive_path(at, &leaves), "{at} of {size}");
            assert!(is_included(&leaves[at], at as u64, size as u64, path, &root));
        }
    }
}

#[test]
fn a_frontier_comes_back_from_its_bytes() {
    let tree = frontier(&leaves(37));
    let bytes = tree.to_bytes();
    assert_eq!(bytes.len(), FRONTIER_BYTES);
    assert_eq!(std::mem::size_of::<Frontier>(), FRONTIER_BYTES);
    let mut back = Frontier::from_bytes(&bytes).unwrap();
    assert_eq!(back, tree);
    back.push(leaf_hash(b"next"));
    let mut longer = leaves(37);
    longer.push(leaf_hash(b"next"));
    assert_eq!(back.root(), naive_root(&longer));

    assert_eq!(Frontier::from_bytes(&bytes[1..]), None);
    let mut spare = bytes;
    spare[8 + 32] = 1;
    assert_eq!(Frontier::from_bytes(&spare), None, "bit 1 of 37 is not set");
}

#[test]
fn proofs_are_refused_for_leaves_that_are_not_there() {
    let mut next = || -> std::io::Result<Hash> { panic!("nothing is read") };
    assert!(inclusion_proofs(3, &[3], &mut next).is_err());
    assert!(inclusion_proofs(0, &[0], &mut next).is_err());
    assert!(inclusion_proofs(9, &[4, 4], &mut next).is_err());
    assert_eq!(inclusion_proofs(0, &[], &mut next).unwrap().0, EMPTY_ROOT);
}

proptest! {
    #[test]
    fn another_leaf_place_size_proof_or_root_is_not_included(
        size in 1_usize..300, at in any::<prop::sample::Index>(), change in 0..6, byte in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(size);
        let at = at.index(size);
        let (mut root, mut found) = proofs(&leaves, &[at as u64]);
        let (mut leaf, mut sequence, mut proof) = (leaves[at], at as u64, found.remove(0));
        let mut size = size as u64;
        prop_assert!(is_included(&leaf, sequence, size, &proof, &root));
        match change {
            0 => leaf[byte.index(32)] ^= 1,
            1 => root[byte.index(32)] ^= 1,
            2 if !proof.is_empty() => { let step = byte.index(proof.len()); proof[step][0] ^= 1; }
            2 => proof.push(root),
            3 => sequence = size,
            4 => proof.push(leaf),
            // Another size may have the same path, and is told apart by the root that belongs to it.
            _ => { size += 1; root = frontier(&leaves).root(); root[0] ^= 1; }
        }
        prop_assert!(!is_included(&leaf, sequence, size, &proof, &root));
    }

    #[test]
    fn proofs_of_some_leaves_are_those_of_each(size in 1_usize..200, wanted in prop::collection::btree_set(0_u64..200, 0..20)) {
        let leaves = leaves(size);
        let wanted: Vec<u64> = wanted.into_iter().filter(|leaf| *leaf < size as u64).collect();
        let (root, found) = proofs(&leaves, &wanted);
        prop_assert_eq!(root, naive_root(&leaves));
        for (leaf, proof) in wanted.iter().zip(found) {
            prop_assert_eq!(proof, naive_path(usize::try_from(*leaf).unwrap(), &leaves));
        }
    }
}
