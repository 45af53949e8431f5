//! Where calls go and what lets them in: SigV4 or a bearer key for Bedrock, a key or nothing for the others.

use std::fmt;
use std::time::{Instant, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::OnceCell;
use url::Url;
use zeroize::Zeroizing;

use crate::llm::credentials::Account;
use crate::llm::credentials::api_key::{ApiKey, Environment};
use crate::llm::endpoint::Endpoint;
use crate::llm::http::secret_value;
use crate::llm::{ModelError, ModelSettings, signing};

/// Azure takes a key in a header of its own.
const AZURE_HOSTS: &str = ".azure.com";
const AZURE_HEADER: HeaderName = HeaderName::from_static("api-key");
/// Bedrock's answers to credentials that are over, although they may not say so themselves.
const EXPIRED: [&str; 2] = ["ExpiredTokenException", "ExpiredToken"];

/// How one provider is reached.
pub(super) enum Access {
    Bedrock(Box<BedrockAccess>),
    OpenAi(OpenAiAccess),
}

pub(super) struct BedrockAccess {
    /// By setting or environment.
    configured: Option<Endpoint>,
    /// By profile or region, once it was looked up.
    found: OnceCell<Endpoint>,
    key: Option<ApiKey>,
    pub(super) account: Account,
}

pub(super) struct OpenAiAccess {
    endpoint: Endpoint,
    key: Option<ApiKey>,
}

impl Access {
    pub(super) fn bedrock(
        http: &reqwest::Client,
        settings: &ModelSettings,
        environment: Environment<'_>,
    ) -> Result<Self, ModelError> {
        // The SDK takes no notice of a switch that it cannot read, and the call would go to another endpoint than meant.
        for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", IGNORE_ENDPOINTS] {
            switch(name, environment)?;
        }
        let names = ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"];
        let names = if switch(IGNORE_ENDPOINTS, environment)? { &[][..] } else { &names };
        let key = ApiKey::find(&settings.api_key_file, "AWS_BEARER_TOKEN_BEDROCK", environment)?;
        if let Some(key) = &key {
            bearer(&key.read()?)?;
        }
        Ok(Self::Bedrock(Box::new(BedrockAccess {
            configured: configured_endpoint(&settings.endpoint, names, environment)?,
            found: OnceCell::new(),
            key,
            account: Account::new(http.clone(), &settings.region),
        })))
    }

    pub(super) fn openai(settings: &ModelSettings, environment: Environment<'_>) -> Result<Self, ModelError> {
        let endpoint = configured_endpoint(&settings.endpoint, &["OPENAI_BASE_URL"], environment)?;
        let access = OpenAiAccess {
            endpoint: endpoint.unwrap_or_else(Endpoint::openai),
            key: ApiKey::find(&settings.api_key_file, "OPENAI_API_KEY", environment)?,
        };
        access.header()?;
        Ok(Self::OpenAi(access))
    }

    /// Where calls go. Looks up the region, once, if the endpoint depends on it.
    pub(super) async fn endpoint(&self, deadline: Instant) -> Result<&Endpoint, ModelError> {
        match self {
            Self::Bedrock(access) => access.endpoint(deadline).await,
            Self::OpenAi(access) => Ok(&access.endpoint),
        }
    }

    /// The headers of one attempt, dated now.
    pub(super) async fn headers(&self, url: &Url, body: &[u8], deadline: Instant) -> Result<HeaderMap, ModelError> {
        let authorization = match self {
            Self::Bedrock(access) => match &access.key {
                Some(key) => Some((AUTHORIZATION, bearer(&key.read()?)?)),
                None => return access.sign(url, body, deadline).await,
            },
            Self::OpenAi(access) => access.header()?,
        };
        let content_type = (CONTENT_TYPE, HeaderValue::from_static(signing::JSON));
        Ok([content_type].into_iter().chain(authorization).collect())
    }

    /// Acts on an error code: credentials that AWS reports as expired are loaded again for the next call.
    pub(super) fn heed(&self, code: &str) {
        match self {
            Self::Bedrock(access) if EXPIRED.contains(&code) => access.account.forget(),
            Self::Bedrock(_) | Self::OpenAi(_) => {}
        }
    }
}

impl BedrockAccess {
    async fn endpoint(&self, deadline: Instant) -> Result<&Endpoint, ModelError> {
        if let Some(endpoint) = &self.configured {
            return Ok(endpoint);
        }
        let find = || async {
            let around = self.account.surroundings(deadline).await?;
            match &around.endpoint {
                Some(text) => Endpoint::parse(text),
                None => Endpoint::bedrock(&around.region, around.use_fips, around.use_dual_stack),
            }
        };
        self.found.get_or_try_init(find).await
    }

    async fn sign(&self, url: &Url, body: &[u8], deadline: Instant) -> Result<HeaderMap, ModelError> {
        let region = &self.account.surroundings(deadline).await?.region;
        let credentials = self.account.credentials(deadline, SystemTime::now()).await?;
        signing::sign(url, body, &credentials, region, SystemTime::now())
    }
}

impl OpenAiAccess {
    /// The key's header; none without a key, as local servers are called.
    fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, ModelError> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let key = key.read()?;
        if self.endpoint.host().ends_with(AZURE_HOSTS) {
            return Ok(Some((AZURE_HEADER, secret_value(&key, "the API key")?)));
        }
        Ok(Some((AUTHORIZATION, bearer(&key)?)))
    }
}

const IGNORE_ENDPOINTS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// The endpoint of a setting, or of the first variable that has one.
fn configured_endpoint(
    setting: &str,
    names: &[&str],
    environment: Environment<'_>,
) -> Result<Option<Endpoint>, ModelError> {
    if !setting.is_empty() {
        return Endpoint::parse(setting).map(Some);
    }
    let mut texts = names.iter().filter_map(|name| environment(name)).filter(|text| !text.is_empty());
    texts.next().map(|text| Endpoint::parse(&text)).transpose()
}

fn switch(name: &str, environment: Environment<'_>) -> Result<bool, ModelError> {
    let text = environment(name).unwrap_or_default();
    if text.is_empty() || text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else {
        Err(ModelError::Configuration(format!("{name} is neither true nor false")))
    }
}

fn bearer(key: &str) -> Result<HeaderValue, ModelError> {
    secret_value(&Zeroizing::new(format!("Bearer {key}")), "the API key")
}

/// Shows the provider alone.
impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bedrock(_) => formatter.write_str("Bedrock"),
            Self::OpenAi(_) => formatter.write_str("OpenAi"),
        }
    }
}
