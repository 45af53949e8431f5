//! C2SP signed notes with Ed25519: a text, an empty line, a line for each signature.
//!
//! Source: <https://c2sp.org/signed-note>. A note is taken when it has one signature of the key that is asked for, and every
//! line of its signatures is well formed; signatures of others (witnesses) may stand beside it.

use super::files::LogId;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The kind of a key and its signatures in C2SP: Ed25519.
const KIND: u8 = 0x01;
/// What an SPKI of Ed25519 begins with (RFC 8410): SEQUENCE, the algorithm's identifier, BIT STRING of 33 bytes.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Begins a line of a signature.
const DASH: &str = "— ";
/// The longest note that is read. Bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// How much of a file of notes, or of its end, is whole: up to the empty line after the last note. Bytes.
#[must_use]
pub fn whole(notes: &[u8]) -> usize {
    let mut whole = 0;
    let mut end = 0_usize;
    let mut is_signature = false;
    for line in notes.split_inclusive(|byte| *byte == b'\n') {
        end = end.saturating_add(line.len());
        // Another empty line stands before the signatures.
        if line == b"\n" && is_signature {
            whole = end;
        }
        is_signature = line.starts_with(DASH.as_bytes()) && line.ends_with(b"\n");
    }
    whole
}

/// Why a note or a key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Not of the form of a signed note.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// No signature of this key.
    #[error("the note has no signature of this key")]
    Unsigned,
    /// A signature of this key that does not match.
    #[error("the signature does not match")]
    Signature,
    /// What is signed is neither a checkpoint nor a tenant's head.
    #[error("unknown statement: {0}")]
    Statement(&'static str),
    /// Not a key line as `doctor()` shows it.
    #[error("malformed key: {0}")]
    Key(&'static str),
}

/// Signs a log's notes.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

/// Checks a log's notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    log: LogId,
    key: [u8; 32],
}

impl SigningKey {
    /// The key of a log, of 32 random bytes. An error only where the library cannot make it.
    pub fn from_seed(log: LogId, seed: &[u8; 32]) -> Result<Self, NoteError> {
        const FAILED: NoteError = NoteError::Key("no key can be made of the seed");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| FAILED)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| FAILED)?;
        Ok(Self { pair, public: VerifyingKey { log, key } })
    }

    /// The key that checks.
    #[must_use]
    pub fn verifying(&self) -> &VerifyingKey {
        &self.public
    }

    /// The note of a statement's text, which ends in a newline.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut signature = self.public.id().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n{DASH}{} {}\n", self.public.log.origin(), STANDARD.encode(signature))
    }
}

impl VerifyingKey {
    /// Whose notes it checks.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.log
    }

    /// The first four bytes of SHA-256 over name, newline, kind and key.
    fn id(&self) -> [u8; 4] {
        let hash =
            Sha256::new().chain_update(self.log.origin()).chain_update([b'\n', KIND]).chain_update(self.key).finalize();
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// `name+id+key`, which `--key` and libraries for notes read.
    #[must_use]
    pub fn line(&self) -> String {
        let typed: Vec<u8> = std::iter::once(KIND).chain(self.key).collect();
        format!("{}+{}+{}", self.log.origin(), hex::encode(self.id()), STANDARD.encode(typed))
    }

    /// Reads [`VerifyingKey::line`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        // Base64 has pluses of its own.
        let mut parts = line.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("not of the form name+id+key"));
        };
        let log = LogId::from_origin(name).ok_or(NoteError::Key("the name is no log of splitplane"))?;
        let typed = STANDARD.decode(key).map_err(|_| NoteError::Key("the key is not in base64"))?;
        let [KIND, key @ ..] = typed.as_slice() else { return Err(NoteError::Key("not a key of Ed25519")) };
        let key = key.try_into().map_err(|_| NoteError::Key("not a key of 32 bytes"))?;
        let found = Self { log, key };
        if id.to_ascii_lowercase() != hex::encode(found.id()) {
            return Err(NoteError::Key("the id is not that of name and key"));
        }
        Ok(found)
    }

    /// The key for openssl and others: SubjectPublicKeyInfo in PEM.
    #[must_use]
    pub fn spki_pem(&self) -> String {
        let spki: Vec<u8> = SPKI.iter().chain(&self.key).copied().collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki))
    }

    /// The text of a note that this key has signed, with its last newline.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut found = false;
        for line in signatures {
            let (name, id, signature) = signature_line(line)?;
            if name != self.log.origin() || id != self.id() {
                continue;
            }
            if found {
                return Err(NoteError::Malformed("two signatures of one key"));
            }
            let key = UnparsedPublicKey::new(&ED25519, self.key);
            key.verify(text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            found = true;
        }
        if found { Ok(text) } else { Err(NoteError::Unsigned) }
    }
}

/// The text with its last newline, and the lines of its signatures.
fn split(note: &str) -> Result<(&str, Vec<&str>), NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Malformed("too long"));
    }
    if note.chars().any(|character| character < ' ' && character != '\n') {
        return Err(NoteError::Malformed("a control character"));
    }
    // The last empty line: the text may have some.
    let at = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before signatures"))?;
    let (text, rest) = note.split_at(at.saturating_add(1));
    let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
    let lines = lines.ok_or(NoteError::Malformed("the last line is not ended"))?;
    Ok((text, lines.split('\n').collect()))
}

/// Name, id of the key, and signature of a line.
fn signature_line(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), NoteError> {
    const WRONG: NoteError = NoteError::Malformed("a line of a signature");
    let (name, signature) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(WRONG)?;
    if name.is_empty() || name.contains(|one: char| one.is_whitespace() || one == '+') {
        return Err(WRONG);
    }
    let bytes = STANDARD.decode(signature).map_err(|_| WRONG)?;
    let (id, signature) = bytes.split_first_chunk::<4>().ok_or(WRONG)?;
    if signature.is_empty() { Err(WRONG) } else { Ok((name, *id, signature.to_vec())) }
}
