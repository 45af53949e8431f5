//! Sealing of key secrets at rest: XChaCha20-Poly1305 under a master key that never enters the database.
//!
//! A sealed secret is bound to its key id: moved to another row, it does not open. Its layout is one version byte, the
//! nonce of 24 bytes, and the ciphertext with its tag of 16.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use thiserror::Error;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// Shorter than a sealed secret can be.
    #[error("the sealed secret is truncated")]
    Truncated,
    /// Sealed by a version that this one does not know.
    #[error("the sealed secret is of an unknown version")]
    UnknownVersion,
    /// Altered, of another key id, or sealed under another master key.
    #[error("the sealed secret does not open under this key file and key id")]
    Unauthentic,
    /// Opened, but it is no text. Does not happen to what [`seal`] made.
    #[error("the sealed secret is not text")]
    NotText,
}

/// Seals a secret. `nonce` must be fresh from a cryptographic random source for every call; 24 random bytes need no
/// counting. The result is empty only if the cipher refuses the length, some 256 GiB, and then opens as truncated.
#[must_use]
pub fn seal(master: &[u8; 32], nonce: [u8; 24], key_id: &str, secret: &str) -> Vec<u8> {
    let aad = associated_data(key_id);
    let payload = Payload { msg: secret.as_bytes(), aad: &aad };
    match XChaCha20Poly1305::new(master.into()).encrypt(&XNonce::from(nonce), payload) {
        Ok(ciphertext) => [&[VERSION], nonce.as_slice(), ciphertext.as_slice()].concat(),
        Err(_) => Vec::new(),
    }
}

/// Opens a sealed secret.
///
/// # Errors
/// See [`SealError`].
pub fn open(master: &[u8; 32], key_id: &str, sealed: &[u8]) -> Result<Zeroizing<String>, SealError> {
    let (version, rest) = sealed.split_first().ok_or(SealError::Truncated)?;
    if *version != VERSION {
        return Err(SealError::UnknownVersion);
    }
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Truncated)?;
    let aad = associated_data(key_id);
    let opened = XChaCha20Poly1305::new(master.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Unauthentic)?;
    let text = std::str::from_utf8(&opened).map_err(|_| SealError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The version is authenticated along with the key id, so neither can be swapped.
fn associated_data(key_id: &str) -> Vec<u8> {
    [&[VERSION], key_id.as_bytes()].concat()
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MASTER: [u8; 32] = [7; 32];

    #[test]
    fn opens_only_what_was_sealed_for_the_key_id() {
        let sealed = seal(&MASTER, [1; 24], "AK1", "the secret");
        assert_eq!(open(&MASTER, "AK1", &sealed).unwrap().as_str(), "the secret");
        assert_eq!(open(&MASTER, "AK2", &sealed).unwrap_err(), SealError::Unauthentic);
        assert_eq!(open(&[8; 32], "AK1", &sealed).unwrap_err(), SealError::Unauthentic);
        assert!(!sealed.windows(10).any(|window| window == b"the secret"));
        assert_eq!(sealed.len(), 1 + 24 + "the secret".len() + 16);
    }

    #[test]
    fn rejects_truncation_and_other_versions() {
        let sealed = seal(&MASTER, [1; 24], "AK1", "the secret");
        for length in 0..sealed.len() {
            assert!(open(&MASTER, "AK1", &sealed[..length]).is_err());
        }
        assert_eq!(open(&MASTER, "AK1", &[]).unwrap_err(), SealError::Truncated);
        assert_eq!(open(&MASTER, "AK1", &[2; 60]).unwrap_err(), SealError::UnknownVersion);
    }

    proptest! {
        #[test]
        fn any_changed_bit_refuses(secret in ".{0,60}", position in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut sealed = seal(&MASTER, [3; 24], "AK1", &secret);
            let opened = open(&MASTER, "AK1", &sealed).unwrap();
            prop_assert_eq!(opened.as_str(), secret.as_str());
            let position = position.index(sealed.len());
            sealed[position] ^= 1 << bit;
            prop_assert!(open(&MASTER, "AK1", &sealed).is_err());
        }

        #[test]
        fn never_panics(sealed in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(open(&MASTER, "AK1", &sealed).is_err());
        }
    }
}
