//! Signs with the crate aws-sigv4, the signer of the AWS SDK for Rust:
//!
//!     cargo run -- AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]
//!
//! The key is in SPLITPLANE_KEY_ID and SPLITPLANE_SECRET. Prints the context, which is good for one call.

use std::env;
use std::error::Error;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use serde_json::{Map, Value};

fn signed_context(
    audience: &str,
    tenant: &str,
    text: &str,
    business: &str,
    subject: &str,
) -> Result<Value, Box<dyn Error>> {
    let identity =
        Credentials::new(env::var("SPLITPLANE_KEY_ID")?, env::var("SPLITPLANE_SECRET")?, None, None, "environment")
            .into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("splitplane")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let nonce = uuid::Uuid::new_v4().to_string();
    let mut headers = vec![("x-splitplane-tenant", tenant), ("x-splitplane-nonce", &nonce)];
    let optional = [("x-splitplane-business", business), ("x-splitplane-subject", subject)];
    headers.extend(optional.into_iter().filter(|(_, value)| !value.is_empty()));
    let uri = format!("https://{audience}/ask");
    let request = SignableRequest::new("POST", &uri, headers.iter().copied(), SignableBody::Bytes(text.as_bytes()))?;
    let (added, _) = sign(request, &parameters)?.into_parts();
    // It returns only what it adds.
    let all = headers.into_iter().chain(added.headers());
    Ok(Value::Object(all.map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    arguments.resize(5, String::new());
    let [audience, tenant, text, business, subject] = &arguments[..] else {
        return Err("AUDIENCE TENANT TEXT [BUSINESS [SUBJECT]]".into());
    };
    println!("{}", signed_context(audience, tenant, text, business, subject)?);
    Ok(())
}
