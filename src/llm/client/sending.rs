//! One request on its way: sent, perhaps again after a pause, and what came back of it.

use std::time::{Duration, Instant, SystemTime};

use reqwest::header::HeaderMap;
use tokio::time::sleep;
use url::Url;
use zeroize::Zeroizing;

use super::{Client, DynDialect, HIDDEN_TOKENS, MAX_ATTEMPTS, configuration, retry};
use crate::llm::http::{self, Response};
use crate::llm::meter::Begun;
use crate::llm::refused::{self, Cause};
use crate::llm::{ModelError, Usage};

/// Judges an answer by status and body.
type IsFinal<'r> = Box<dyn Fn(u16, &[u8]) -> bool + Send + Sync + 'r>;

/// What is sent.
pub(super) struct Request<'r> {
    /// Reads the errors.
    pub(super) dialect: &'r DynDialect,
    /// Below the endpoint's base path.
    pub(super) path: String,
    /// JSON.
    pub(super) body: String,
    /// The model that is paid for it, and most tokens of its reply.
    pub(super) metered: Option<(&'r str, u64)>,
    /// The end of all tries together.
    pub(super) deadline: Instant,
    /// Whether an answer (status, body) says that the same request would be refused again.
    pub(super) is_final: IsFinal<'r>,
}

/// A response with what it answers.
pub(super) struct Answer {
    pub(super) response: Response,
    /// The URL, which holds no secret.
    address: String,
    /// What was sent and must not be repeated.
    secrets: Vec<Zeroizing<String>>,
    /// Of a 200 that somebody watches.
    pub(super) begun: Option<Begun>,
}

/// What a response that is no 200 says.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) cause: Cause,
    /// For the log.
    pub(super) detail: String,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.response.body
    }

    pub(super) fn refusal(&self, dialect: &DynDialect) -> Refusal {
        let Answer { response, address, secrets, .. } = self;
        let status = response.status;
        let code = dialect.error_code(&|name| response.header(name), &response.body);
        let sentence = refused::sentence(&response.body);
        let cause = Cause::of(status, &code, &sentence);
        let mut detail = format!("the endpoint says: \"{}\"", refused::loggable(&sentence, secrets));
        // A wrong base URL and a wrong model look alike from within.
        if status == 404 {
            detail.push_str("; URL: ");
            detail.push_str(address);
        }
        Refusal { status, code, cause, detail }
    }
}

impl Client {
    /// Sends a request up to [`MAX_ATTEMPTS`] times, signed anew each time, and gives the last response, whatever its
    /// status. Whoever waits drops this future when the caller is gone, in a pause as well: nothing is sent after it.
    ///
    /// # Errors
    /// `ModelError::Later` for a pause that the deadline would cut off: it is not begun.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<Answer, ModelError> {
        let mut attempt = 1;
        loop {
            let outcome = self.send_once(request).await;
            let Some(pause) = self.pause_after(attempt, request, &outcome)? else {
                return outcome;
            };
            if request.deadline.saturating_duration_since(Instant::now()) <= pause {
                let Refusal { status, code, detail, .. } = outcome?.refusal(request.dialect);
                self.access.heed(&code);
                return Err(ModelError::Later { seconds: whole_seconds(pause), status, code, detail });
            }
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait before a request is sent again; none if it would not help or was sent often enough.
    fn pause_after(
        &self,
        attempt: u32,
        request: &Request<'_>,
        outcome: &Result<Answer, ModelError>,
    ) -> Result<Option<Duration>, ModelError> {
        if attempt >= MAX_ATTEMPTS {
            return Ok(None);
        }
        match outcome {
            Ok(answer) if retry::may_pass(answer.status()) => {
                let header = |name: &str| answer.response.header(name);
                if retry::is_advised_against(&header) || (request.is_final)(answer.status(), answer.body()) {
                    return Ok(None);
                }
                self.pauses.after_refusal(attempt, retry::asked(&header, SystemTime::now())).map(Some)
            }
            // A reply that broke off was paid for, and the next may break off as late.
            Err(ModelError::Unreachable { step, .. }) if *step != http::READING => {
                self.pauses.after_loss(attempt).map(Some)
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }

    async fn send_once(&self, request: &Request<'_>) -> Result<Answer, ModelError> {
        let Request { path, body, metered, deadline, .. } = request;
        let url = Url::parse(&self.access.endpoint(*deadline).await?.url(path))
            .map_err(|_| configuration("the endpoint gives no usable URL"))?;
        let headers = self.access.headers(&url, body.as_bytes(), *deadline).await?;
        let (address, secrets) = (url.to_string(), secrets(&headers));
        let begun = metered.map(|(model, output)| self.begin(model, body, output)).transpose()?.flatten();
        match http::post(&self.http, url, headers, body.as_bytes().to_vec(), *deadline).await {
            Ok(response) if response.status == 200 => Ok(Answer { response, address, secrets, begun }),
            Ok(response) => {
                // What is dropped counts with the most that it may have cost.
                if !retry::may_be_billed(response.status) {
                    begun.into_iter().for_each(Begun::free);
                }
                Ok(Answer { response, address, secrets, begun: None })
            }
            Err(error) => {
                if matches!(error, ModelError::Unreachable { step: http::CONNECTING, .. }) {
                    begun.into_iter().for_each(Begun::free);
                }
                Err(error)
            }
        }
    }

    /// A request to a model begins, if anybody watches. A token of a text is at least one byte of it.
    fn begin(&self, model: &str, body: &str, output_tokens: u64) -> Result<Option<Begun>, ModelError> {
        let input_tokens = u64::try_from(body.len()).unwrap_or(u64::MAX).saturating_add(HIDDEN_TOKENS);
        self.meter().map(|meter| meter.begin(model, Usage { input_tokens, output_tokens })).transpose()
    }
}

/// Rounded up.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// The key, session token or signature in the headers of a request.
fn secrets(headers: &HeaderMap) -> Vec<Zeroizing<String>> {
    let values = headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
    values
        .map(|value| {
            let last = value.rsplit(' ').next().unwrap_or(value);
            Zeroizing::new(last.strip_prefix("Signature=").unwrap_or(last).to_owned())
        })
        .collect()
}
