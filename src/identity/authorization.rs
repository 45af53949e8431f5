//! The authorization header: `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, read strictly.

use super::ContextError;
use super::canonical::{ALGORITHM, TERMINATOR};
use super::header::{self, AUTHORIZATION};

/// The parts of an authorization header, claimed and not yet believed.
pub(super) struct Authorization {
    pub(super) key_id: String,
    /// `YYYYMMDD`, to be compared with the day of `x-amz-date`.
    pub(super) day: String,
    pub(super) region: String,
    /// Lower-case, ascending, each once.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
}

/// Longest region name, in bytes.
const MAX_REGION_BYTES: usize = 64;

impl Authorization {
    /// Reads the header; `service` is the one that the credential scope must name.
    pub(super) fn parse(text: &str, service: &str) -> Result<Self, ContextError> {
        let refuse = ContextError::Authorization;
        let (algorithm, rest) = text.split_once(' ').ok_or(refuse("no credential"))?;
        if algorithm != ALGORITHM {
            return Err(refuse("unknown algorithm"));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim_matches(' ').split_once('=').ok_or(refuse("a part is no name=value"))?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(refuse("an unknown part")),
            };
            if slot.replace(value).is_some() {
                return Err(refuse("a part is given twice"));
            }
        }
        let (key_id, day, region) = parse_credential(credential.ok_or(refuse("no credential"))?, service)?;
        Ok(Self {
            key_id,
            day,
            region,
            signed_headers: parse_signed_headers(signed_headers.ok_or(refuse("no signed headers"))?)?,
            signature: parse_signature(signature.ok_or(refuse("no signature"))?)?,
        })
    }
}

/// Reads `key id/day/region/service/aws4_request`. The key id is the first part because it may hold no slash.
fn parse_credential(text: &str, service: &str) -> Result<(String, String, String), ContextError> {
    let mut parts = text.split('/');
    let (Some(key_id), Some(day), Some(region), Some(named), Some(terminator), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ContextError::Scope("not of five parts"));
    };
    if !header::is_key_id(key_id) {
        return Err(ContextError::Authorization("not a key id"));
    }
    if named != service {
        return Err(ContextError::Scope("for another service"));
    }
    if terminator != TERMINATOR {
        return Err(ContextError::Scope("not terminated by aws4_request"));
    }
    if region.is_empty()
        || region.len() > MAX_REGION_BYTES
        || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return Err(ContextError::Scope("not a region"));
    }
    Ok((key_id.to_owned(), day.to_owned(), region.to_owned()))
}

/// Reads `a;b;c`: strictly ascending, hence each name once, in the one order that can have been signed.
fn parse_signed_headers(text: &str) -> Result<Vec<String>, ContextError> {
    let names: Vec<&str> = text.split(';').collect();
    if names.iter().any(|name| header::check_name(name).as_deref() != Ok(*name)) {
        return Err(ContextError::SignedHeaders("a name is not a lower-case header name"));
    }
    if names.contains(&AUTHORIZATION) {
        return Err(ContextError::SignedHeaders("the authorization header cannot sign itself"));
    }
    if !names.is_sorted_by(|left, right| left < right) {
        return Err(ContextError::SignedHeaders("not in ascending order, or a name twice"));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Reads 64 lower-case hexadecimal digits.
fn parse_signature(text: &str) -> Result<[u8; 32], ContextError> {
    const REFUSAL: ContextError = ContextError::Authorization("the signature is not 64 lower-case hexadecimal digits");
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(REFUSAL);
    }
    let mut signature = [0; 32];
    hex::decode_to_slice(text, &mut signature).map_err(|_| REFUSAL)?;
    Ok(signature)
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;

    const SCOPE: &str = "AK1/20261122/eu-west-1/splitplane/aws4_request";
    const HEADERS: &str = "host;x-amz-date";

    fn parse(text: &str) -> Result<Authorization, ContextError> {
        Authorization::parse(text, "splitplane")
    }

    fn header(credential: &str, headers: &str, signature: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={headers}, Signature={signature}")
    }

    #[test]
    fn reads_the_form_that_signers_write() {
        let signature = "0f".repeat(32);
        for text in [header(SCOPE, HEADERS, &signature), header(SCOPE, HEADERS, &signature).replace(", ", ",")] {
            let read = parse(&text).unwrap();
            assert_eq!(
                (read.key_id.as_str(), read.day.as_str(), read.region.as_str()),
                ("AK1", "20261122", "eu-west-1")
            );
            assert_eq!(read.signed_headers, ["host", "x-amz-date"]);
            assert_eq!(read.signature, [0x0f; 32]);
        }
    }

    #[test]
    fn rejects_other_algorithms() {
        let good = header(SCOPE, HEADERS, &"0f".repeat(32));
        for algorithm in
            ["AWS4-HMAC-MD5", "AWS4-HMAC-SHA512", "aws4-hmac-sha256", "AWS4-ECDSA-P256-SHA256", "Bearer", ""]
        {
            assert!(parse(&good.replace(ALGORITHM, algorithm)).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn rejects_broken_parts() {
        let signature = "0f".repeat(32);
        let good = header(SCOPE, HEADERS, &signature);
        for text in [
            String::new(),
            ALGORITHM.to_owned(),
            format!("{good}, Signature={signature}"),
            format!("{good}, Extra=1"),
            format!("{good},"),
            good.replace("Signature=", "signature="),
            good.replace(", SignedHeaders=host;x-amz-date", ""),
            format!(" {good}"),
        ] {
            assert!(parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rejects_other_scopes() {
        for credential in [
            "AK1/20261122/eu-west-1/s3/aws4_request",
            "AK1/20261122/eu-west-1/splitplane/aws4",
            "AK1/20261122/eu-west-1/splitplane",
            "AK1/x/20261122/eu-west-1/splitplane/aws4_request",
            "AK1/20261122//splitplane/aws4_request",
            "AK1/20261122/eu west/splitplane/aws4_request",
            "/20261122/eu-west-1/splitplane/aws4_request",
            "x' UNION SELECT 'beta' --/20261122/eu-west-1/splitplane/aws4_request",
            "AK1/20261122/eu-west-1/splitplane/aws4_request/",
            "AK1 /20261122/eu-west-1/splitplane/aws4_request",
        ] {
            assert!(parse(&header(credential, HEADERS, &"0f".repeat(32))).is_err(), "{credential:?}");
        }
    }

    #[test]
    fn rejects_signed_headers_out_of_form() {
        for headers in [
            "",
            "x-amz-date;host",
            "host;host;x-amz-date",
            "Host;x-amz-date",
            "host;;x-amz-date",
            "host;x-amz-date;",
            "host x-amz-date",
            "authorization;host;x-amz-date",
            "host;x-amz-date;x-splitplane-unknown",
        ] {
            assert!(
                matches!(parse(&header(SCOPE, headers, &"0f".repeat(32))), Err(ContextError::SignedHeaders(_))),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn rejects_signatures_out_of_form() {
        for signature in [
            "",
            "0f",
            &"0F".repeat(32),
            &"0f".repeat(33),
            &"0f".repeat(31),
            &"0g".repeat(32),
            &format!(" {}", "0f".repeat(32)),
        ] {
            assert!(parse(&header(SCOPE, HEADERS, signature)).is_err(), "{signature:?}");
        }
    }
}
