//! Hashes of RFC 6962: SHA-256, with one byte before it that tells a leaf from a node.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// 32 bytes: a leaf, a node, a root.
pub type Hash = [u8; 32];

/// The root of the tree without leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The hash of an entry: its line's bytes, without the newline that ends it.
#[must_use]
pub fn leaf_hash(line: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(line).finalize().into()
}

/// The hash over two subtrees.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right).finalize().into()
}

/// HMAC-SHA-256 over pieces that follow each other, under a key of at most 64 bytes.
#[must_use]
pub fn hmac_sha256<const N: usize>(key: &[u8; N], pieces: &[&[u8]]) -> Hash {
    let mut mac = KeyedHash::new(key);
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finish()
}

/// The same over pieces that come one after the other.
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// Over nothing yet.
    #[must_use]
    pub fn new<const N: usize>(key: &[u8; N]) -> Self {
        const { assert!(N <= 64) };
        // A key shorter than a block is filled up with zeros: so says RFC 2104.
        let mut block = Zeroizing::new([0_u8; 64]);
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        KeyedHash(Hmac::new((&*block).into()))
    }

    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// Over all of them.
    #[must_use]
    pub fn finish(self) -> Hash {
        self.0.finalize().into_bytes().into()
    }
}

/// The bytes that exactly `2 * N` lower-case hexadecimal digits name.
#[must_use]
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
