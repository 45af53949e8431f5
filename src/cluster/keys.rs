//! The cluster's key file: its name, the key that signs, and at most one more that is still accepted.
//!
//!     cluster shop
//!     key 2026-11 64 hexadecimal digits
//!     key 2026-05 64 hexadecimal digits
//!
//! Whatever does not read exactly so is refused as a whole, so that no server goes on with half a file.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Longest name of a cluster or a key, in bytes.
const MAX_NAME_BYTES: usize = 63;
/// Longest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 4_096;

/// What a key's check value is the MAC of: no token begins so.
const CHECK: &[u8] = b"splitplane cluster key check";

/// One key.
pub struct ClusterKey {
    /// Its name, which a token says.
    pub id: String,
    pub(super) secret: Zeroizing<[u8; 32]>,
}

impl ClusterKey {
    /// By which the keys of two servers are compared without being shown.
    #[must_use]
    pub fn check(&self) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()).map(|mac| mac.chain_update(CHECK).finalize());
        mac.map(|mac| hex::encode(mac.into_bytes()).chars().take(16).collect()).unwrap_or_default()
    }
}

/// The keys of a cluster.
pub struct ClusterKeys {
    /// The cluster's name: a token of another one is refused, also under the same key.
    pub cluster: String,
    /// The first one signs.
    signing: ClusterKey,
    /// Accepted as well while keys are changed.
    earlier: Option<ClusterKey>,
}

/// Why a key file cannot be used. Never shows what the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// It does not begin with the cluster's name.
    #[error("its first line must be `cluster NAME`")]
    Cluster,
    /// A line that is no key.
    #[error("each further line must be `key ID HEX`, with 64 hexadecimal digits")]
    Key,
    /// None, or more than two keys.
    #[error("it must have one key or two")]
    Count,
    /// Two keys of one name or of one value.
    #[error("its two keys must differ in name and value")]
    Twice,
}

impl ClusterKeys {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let cluster = lines.next().and_then(|line| line.strip_prefix("cluster ")).ok_or(KeyFileError::Cluster)?;
        if !is_name(cluster) {
            return Err(KeyFileError::Cluster);
        }
        let mut keys = lines.map(key).collect::<Result<Vec<_>, _>>()?.into_iter();
        let (Some(signing), earlier, None) = (keys.next(), keys.next(), keys.next()) else {
            return Err(KeyFileError::Count);
        };
        if earlier.as_ref().is_some_and(|earlier| earlier.id == signing.id || earlier.secret == signing.secret) {
            return Err(KeyFileError::Twice);
        }
        Ok(Self { cluster: cluster.to_owned(), signing, earlier })
    }

    /// The key that signs.
    pub fn signing(&self) -> &ClusterKey {
        &self.signing
    }

    /// The key of a name, if it is accepted.
    pub fn named(&self, id: &str) -> Option<&ClusterKey> {
        self.all().find(|key| key.id == id)
    }

    /// All that are accepted, the one that signs first.
    pub fn all(&self) -> impl Iterator<Item = &ClusterKey> {
        std::iter::once(&self.signing).chain(&self.earlier)
    }
}

/// Shows names alone.
impl fmt::Debug for ClusterKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.all().map(|key| key.id.as_str()).collect();
        formatter
            .debug_struct("ClusterKeys")
            .field("cluster", &self.cluster)
            .field("keys", &ids)
            .finish_non_exhaustive()
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.bytes().all(is_letter)
}

fn key(line: &str) -> Result<ClusterKey, KeyFileError> {
    let (id, digits) = line.strip_prefix("key ").and_then(|rest| rest.split_once(' ')).ok_or(KeyFileError::Key)?;
    let mut secret = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(digits, secret.as_mut_slice()).map_err(|_| KeyFileError::Key)?;
    if !is_name(id) {
        return Err(KeyFileError::Key);
    }
    Ok(ClusterKey { id: id.to_owned(), secret })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(byte: u8) -> String {
        hex::encode([byte; 32])
    }

    #[test]
    fn reads_one_key_or_two() {
        let one = ClusterKeys::parse(&format!("# keys\ncluster shop\n\nkey a {}\n", digits(1))).unwrap();
        assert_eq!((one.cluster.as_str(), one.signing().id.as_str()), ("shop", "a"));
        assert!(one.named("b").is_none());
        let two = ClusterKeys::parse(&format!("cluster shop\nkey a {}\nkey b {}", digits(1), digits(2))).unwrap();
        assert_eq!(two.all().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(*two.named("b").unwrap().secret, [2; 32]);
        assert!(!format!("{two:?}").contains("0202"));
        let checks: Vec<String> = two.all().map(ClusterKey::check).collect();
        assert!(checks[0] != checks[1] && checks.iter().all(|check| check.len() == 16));
        assert_eq!(checks[0], one.signing().check());
    }

    #[test]
    fn rejects_everything_else() {
        let (one, two, three) = (digits(1), digits(2), digits(3));
        for (text, error) in [
            (String::new(), KeyFileError::Cluster),
            (format!("key a {one}"), KeyFileError::Cluster),
            (format!("cluster \nkey a {one}"), KeyFileError::Cluster),
            (format!("cluster sh.op\nkey a {one}"), KeyFileError::Cluster),
            ("cluster shop".to_owned(), KeyFileError::Count),
            (format!("cluster shop\nkey a {one}\nkey b {two}\nkey c {three}"), KeyFileError::Count),
            (format!("cluster shop\nkey a {one}\nkey a {two}"), KeyFileError::Twice),
            (format!("cluster shop\nkey a {one}\nkey b {one}"), KeyFileError::Twice),
            (format!("cluster shop\nkey {one}"), KeyFileError::Key),
            (format!("cluster shop\nkey a {one}00"), KeyFileError::Key),
            (format!("cluster shop\nkey a {}", &one[1..]), KeyFileError::Key),
            (format!("cluster shop\nkey a.b {one}"), KeyFileError::Key),
            (format!("cluster shop\nkey a  {one}"), KeyFileError::Key),
            (format!("cluster shop\nkey a {one}\nmore"), KeyFileError::Key),
        ] {
            assert_eq!(ClusterKeys::parse(&text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}") {
            let _ = ClusterKeys::parse(&text);
        }
    }
}
