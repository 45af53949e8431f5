//! Questions and SQL beside the tree: the log's entries hold what proves a text, and a file of texts holds the text, so that it
//! can be erased.

use super::entry::TextHash;
use super::hash::hmac_sha256;
use serde_json::Value;
use zeroize::Zeroizing;

/// What is derived from the server's secret says this first.
const PURPOSE: &[u8] = b"splitplane audit text\0";

/// `audit_text = hash`: HMAC under a key of the server's secret and the entry's random bytes, so that who has not the secret
/// cannot try guesses.
#[must_use]
pub fn hashed(secret: &[u8; 32], random: &[u8; 16], text: &str) -> TextHash {
    let key = Zeroizing::new(hmac_sha256(secret, &[PURPOSE, random]));
    TextHash { hmac: hmac_sha256(&key, &[text.as_bytes()]), kept: false }
}

/// The texts of one entry as they lie in the file of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTexts {
    /// 32 random bytes, made for this entry alone.
    pub key: [u8; 32],
    /// The question.
    pub question: Option<String>,
    /// The SQL.
    pub sql: Option<String>,
}

impl KeptTexts {
    /// What the entry says of one of the texts.
    #[must_use]
    pub fn hash(&self, text: &str) -> TextHash {
        TextHash { hmac: hmac_sha256(&self.key, &[text.as_bytes()]), kept: true }
    }

    /// The line in the file of texts, without its newline.
    #[must_use]
    pub fn line(&self, sequence: u64) -> String {
        let mut line = format!("{{\"sequence\":{sequence},\"key\":\"{}\"", hex::encode(self.key));
        for (name, text) in [("question", &self.question), ("sql", &self.sql)] {
            if let Some(text) = text {
                line.push_str(&format!(",\"{name}\":{}", Value::from(text.as_str())));
            }
        }
        line.push('}');
        line
    }

    /// Reads [`KeptTexts::line`]: `None` for everything else.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<(u64, Self)> {
        let text = std::str::from_utf8(line).ok()?;
        let value: Value = serde_json::from_str(text).ok()?;
        let member = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let sequence = value.get("sequence")?.as_u64()?;
        let key = super::hash::from_hex(&member("key")?)?;
        let texts = Self { key, question: member("question"), sql: member("sql") };
        (texts.line(sequence) == text).then_some((sequence, texts))
    }
}

/// What stands in the place of an erased line: blanks of the same length, so that no other line moves.
#[must_use]
pub fn erased(length: usize) -> String {
    " ".repeat(length)
}

/// Whether a line (without its newline) is one that was erased.
#[must_use]
pub fn is_erased(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == b' ')
}

/// A sentence without what lies between its first quotation mark and its last: a quotation may hold such marks itself.
#[must_use]
pub fn without_quotations(sentence: &str) -> String {
    /// Stands for what was quoted.
    const QUOTED: &str = "\"…\"";
    let Some((before, rest)) = sentence.split_once('"') else { return sentence.to_owned() };
    let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
    format!("{before}{QUOTED}{after}")
}
