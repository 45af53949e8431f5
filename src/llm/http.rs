//! One POST over HTTP/1.1, bounded in time and bytes.
//!
//! Written for a runtime of a single thread that is driven in slices: nothing here blocks but the resolver, which tokio
//! runs on a thread of its own, and a call that is dropped leaves nothing behind but its connection's closing. Only
//! connections that are idle in the client's pool outlive a call.
//!
//! No proxy is used, whatever `HTTPS_PROXY` says: a variable in the environment of a database server must not reroute
//! questions. A VPC endpoint or a gateway is configured as the endpoint itself. Redirects are not followed, cookies are
//! not kept, and certificates are checked against those of the system (or of `SSL_CERT_FILE`).

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use tokio::time::timeout_at;
use url::Url;

use super::ModelError;

#[cfg(test)]
pub(super) mod server;
#[cfg(test)]
mod tests;

/// Largest body of a 200, in bytes. The replies that are asked for have some kilobytes.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How much of any other response is read: enough for its error code.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// Longest `detail` of an error, in bytes.
const MAX_DETAIL_BYTES: usize = 300;
/// An endpoint that is there answers its handshake sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Below the idle time-outs of the load balancers in front of the usual endpoints, so that few connections are found
/// closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);
/// Validation and generation run side by side; beyond that connections need not be kept.
const IDLE_CONNECTIONS: usize = 4;

/// No connection was made.
pub const CONNECTING: &str = "connecting";
/// The connection was lost before the head of a response came.
pub const SENDING: &str = "sending the request";
/// The connection was lost in the middle of a response.
pub const READING: &str = "reading the response";

/// A response that came whole (of one that is no 200, as much of the body as has the reason).
pub struct Response {
    /// HTTP status.
    pub status: u16,
    headers: HeaderMap,
    /// At most [`MAX_BODY_BYTES`].
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, by lower-case name. None too if it is not visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Takes the response apart into status, headers and body.
    pub(super) fn into_parts(self) -> (u16, HeaderMap, Vec<u8>) {
        (self.status, self.headers, self.body)
    }
}

/// Shows the size of the body alone: a reply is not for a log.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Makes a client, which is a pool of connections. Reads the system's certificates and makes no connection.
///
/// Where the system has no certificates at all the client trusts none: it still serves an endpoint on loopback without
/// TLS.
///
/// # Errors
/// `ModelError::Configuration` if TLS cannot be set up.
pub fn client() -> Result<reqwest::Client, ModelError> {
    builder()
        .build()
        .or_else(|_| builder().tls_certs_only([]).build())
        .map_err(|_| ModelError::Configuration("TLS cannot be set up".to_owned()))
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("splitplane/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
}

/// Sends one POST and reads the whole response.
///
/// # Errors
/// - `ModelError::Deadline` when the deadline passes, at whatever step;
/// - `ModelError::Unreachable` when there is no connection, or it is lost before the response is whole;
/// - `ModelError::Reply` for a 200 whose body is larger than [`MAX_BODY_BYTES`].
pub async fn post(
    client: &reqwest::Client,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    deadline: Instant,
) -> Result<Response, ModelError> {
    let request = client
        .post(url)
        .headers(headers)
        .body(body)
        .build()
        .map_err(|_| ModelError::Configuration("the request cannot be built".to_owned()))?;
    timeout_at(deadline.into(), execute(client, request)).await.map_err(|_| ModelError::Deadline)?
}

/// Sends a request and reads the whole response, with no limit of time.
pub(super) async fn execute(client: &reqwest::Client, request: reqwest::Request) -> Result<Response, ModelError> {
    notice_closed_connections().await;
    let mut response = client.execute(request).await.map_err(|error| unreachable(SENDING, error))?;
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let cap = if status == 200 { MAX_BODY_BYTES } else { MAX_ERROR_BYTES };
    let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if status == 200 && announced > cap {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.min(cap));
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(READING, error))? {
        let room = cap - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            if status == 200 {
                return Err(too_large());
            }
            break;
        }
    }
    Ok(Response { status, headers, body })
}

fn too_large() -> ModelError {
    ModelError::Reply("it is larger than 4 MiB")
}

/// Lets the pool see what happened while the runtime was not driven.
///
/// Between two calls of a backend nothing polls its connections, so one that the endpoint closed long ago still looks
/// idle, and a request sent on it is lost. Each yield polls the sockets once and then runs the connections' tasks.
async fn notice_closed_connections() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

fn unreachable(step: &'static str, error: reqwest::Error) -> ModelError {
    let step = if error.is_connect() { CONNECTING } else { step };
    ModelError::Unreachable { step, detail: detail(&error.without_url()) }
}

/// An error and its causes in one line for the log. None of them prints a header, a body or, with the URL taken out, a
/// query; control characters of a peer that does not speak HTTP are dropped.
fn detail(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.extend(part.chars().filter(|character| !character.is_control()));
        }
        cause = error.source();
    }
    let end = (0..=MAX_DETAIL_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}

/// Marks a header's value as secret, so that nothing prints it.
///
/// # Errors
/// `ModelError::Configuration`, which says what it was, if the value is not visible ASCII.
pub(super) fn secret_value(text: &str, what: &str) -> Result<HeaderValue, ModelError> {
    let mut value = HeaderValue::from_str(text)
        .ok()
        .filter(|_| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
        .ok_or_else(|| ModelError::Configuration(format!("{what} holds characters that no HTTP header may hold")))?;
    value.set_sensitive(true);
    Ok(value)
}
