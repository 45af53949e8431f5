//! SigV4 over one call to Bedrock, as every AWS SDK signs it.
//!
//! What is signed is what is sent: the URL as reqwest parsed it, the bytes of the body, and the content type. The path in
//! that URL is percent-encoded once, and SigV4 (for every service but S3) encodes it once more.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::ModelError;
use super::http::secret_value;

#[cfg(test)]
pub(super) mod tests;

/// Signing name of both Bedrock's control plane and its runtime.
const SERVICE: &str = "bedrock";
/// Content type of every call.
pub(super) const JSON: &str = "application/json";

/// Gives the headers of a signed POST: content type, date, session token if there is one, authorization. `host` is
/// signed too, and the HTTP client adds it.
///
/// # Errors
/// `ModelError::Configuration` if the URL is none, or the credentials do not fit in a header.
pub fn sign(
    url: &Url,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<HeaderMap, ModelError> {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now)
        .settings(settings())
        .build()
        .map_err(|_| unsignable())?
        .into();
    let headers = [(CONTENT_TYPE.as_str(), JSON)];
    let request = SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(body))
        .map_err(|_| unsignable())?;
    let (instructions, _) = sign_request(request, &parameters).map_err(|_| unsignable())?.into_parts();
    let mut signed = HeaderMap::new();
    signed.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in instructions.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsignable())?;
        signed.insert(name, secret_value(value, "the signature")?);
    }
    Ok(signed)
}

/// All of them are the crate's defaults today; Bedrock's signature depends on them, so they are said.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.session_token_mode = SessionTokenMode::Include;
    settings
}

fn unsignable() -> ModelError {
    ModelError::Configuration("the request cannot be signed with these credentials".to_owned())
}
