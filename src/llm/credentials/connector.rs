//! The AWS SDK's HTTP, done by the client that does ours: one TLS stack, one pool, the same caps and no proxy.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use tokio::time::timeout;

use crate::llm::ModelError;
use crate::llm::http;

/// Speaks HTTP for the credential sources.
#[derive(Clone)]
pub(super) struct Connector {
    client: reqwest::Client,
    limit: Option<Duration>,
}

impl Connector {
    pub(super) fn new(client: reqwest::Client) -> Self {
        Self { client, limit: None }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl HttpClient for Connector {
    /// Where both of the SDK's limits are set, which they are for metadata services, their sum bounds the call.
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limit = settings.connect_timeout().zip(settings.read_timeout()).map(|(connect, read)| connect + read);
        SharedHttpConnector::new(Self { client: self.client.clone(), limit })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { client, limit } = self.clone();
        HttpConnectorFuture::new(async move {
            let request = outgoing(request)?;
            let call = http::execute(&client, request);
            let response = match limit {
                Some(limit) => timeout(limit, call).await.map_err(|error| ConnectorError::timeout(error.into()))?,
                None => call.await,
            };
            incoming(response.map_err(failure)?)
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let body = request.body().bytes().map(<[u8]>::to_vec);
    let body = body.ok_or_else(|| ConnectorError::user("a streaming body".into()))?;
    reqwest::Request::try_from(request.map(|_| body)).map_err(|error| ConnectorError::user(error.without_url().into()))
}

fn incoming(response: http::Response) -> Result<HttpResponse, ConnectorError> {
    let (status, headers, body) = response.into_parts();
    let status = status.try_into().map_err(|_| ConnectorError::user("a status out of range".into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            let appended = response.headers_mut().try_append(name.as_str().to_owned(), value.to_owned());
            appended.map_err(|error| ConnectorError::user(error.into()))?;
        }
    }
    Ok(response)
}

fn failure(error: ModelError) -> ConnectorError {
    match error {
        ModelError::Unreachable { .. } => ConnectorError::io(error.into()),
        ModelError::Deadline => ConnectorError::timeout(error.into()),
        ModelError::Refused { .. }
        | ModelError::Later { .. }
        | ModelError::Reply(_)
        | ModelError::Configuration(_)
        | ModelError::Budget => ConnectorError::user(error.into()),
    }
}
