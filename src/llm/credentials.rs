//! Who we are to AWS: region, credentials and configured endpoint, by the standard chain of the AWS SDK for Rust.
//!
//! Credentials come from the first of: environment, profile (static keys, SSO, assume-role), web identity, container
//! (ECS, EKS Pod Identity), instance metadata (IMDSv2). They are loaded when the first call is signed and again five
//! minutes before they expire; all of it is bounded by the call's deadline. Two sources are left out on purpose:
//! `credential_process`, which would fork a program from a database backend, and `aws login`.
//!
//! A secret is never formatted: errors name the source that failed and nothing of what it said.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, Region, ecs, imds};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{timeout, timeout_at};

use super::ModelError;
use connector::Connector;

pub(super) mod api_key;
mod connector;
#[cfg(test)]
mod tests;

/// Instance metadata is one hop away: it answers at once, or it is not there.
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);
/// Most that a whole conversation with instance metadata may take (a token, then what was asked for).
const METADATA_OPERATION_TIMEOUT: Duration = Duration::from_secs(2);
/// Most that the whole chain may take, however far the deadline: assume-role over SSO has three round trips.
const CHAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// How long before their expiry credentials are loaded again.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// How long credentials are kept that say nothing of an expiry, such as static keys of a profile, which may be edited.
const UNDATED: Duration = Duration::from_secs(15 * 60);

/// What the environment, the profile and the platform say.
pub struct Account {
    http: reqwest::Client,
    /// The configured region; empty means the chain's.
    region: String,
    surroundings: OnceCell<Surroundings>,
    kept: Mutex<Option<Kept>>,
}

/// What is looked up once per [`Account`].
pub struct Surroundings {
    /// AWS region.
    pub region: String,
    /// Endpoint of Bedrock's runtime by environment or profile, not checked yet.
    pub endpoint: Option<String>,
    /// Whether FIPS endpoints are asked for.
    pub use_fips: bool,
    /// Whether dual-stack endpoints are asked for.
    pub use_dual_stack: bool,
    /// Makes the sources anew for each load: a profile's provider never reads its file twice.
    sources: Box<dyn Fn() -> Sources + Send + Sync>,
}

/// Sources of credentials in their order, each with a name for errors.
type Sources = Vec<(&'static str, SharedCredentialsProvider)>;

/// Credentials and when to load them again.
struct Kept {
    credentials: Credentials,
    until: SystemTime,
}

impl Account {
    /// Makes an account that nothing is known of yet.
    #[must_use]
    pub fn new(http: reqwest::Client, region: &str) -> Self {
        Self { http, region: region.to_owned(), surroundings: OnceCell::new(), kept: Mutex::new(None) }
    }

    /// Region and endpoint, looked up at the first call that succeeds.
    ///
    /// # Errors
    /// `ModelError::Configuration` if there is no region anywhere, `ModelError::Deadline`.
    pub async fn surroundings(&self, deadline: Instant) -> Result<&Surroundings, ModelError> {
        let look = self.surroundings.get_or_try_init(|| look_around(&self.http, &self.region));
        bounded(deadline, "looking up the AWS region", look).await
    }

    /// Credentials that are good for a call now.
    ///
    /// # Errors
    /// `ModelError::Configuration` if no source has any or one failed, `ModelError::Deadline`.
    pub async fn credentials(&self, deadline: Instant, now: SystemTime) -> Result<Credentials, ModelError> {
        let surroundings = self.surroundings(deadline).await?;
        bounded(deadline, "loading AWS credentials", self.keep(&*surroundings.sources, now)).await
    }

    /// Drops the credentials: AWS says that they have expired, whatever they say.
    pub fn forget(&self) {
        if let Ok(mut kept) = self.kept.try_lock() {
            *kept = None;
        }
    }

    /// An account in the region `us-east-1` with sources of the tests' own.
    #[cfg(test)]
    pub(super) fn of(http: reqwest::Client, sources: Sources) -> Self {
        let region = "us-east-1".to_owned();
        let sources = Box::new(move || sources.clone());
        let around = Surroundings { region, endpoint: None, use_fips: false, use_dual_stack: false, sources };
        Self { surroundings: OnceCell::new_with(Some(around)), ..Self::new(http, "us-east-1") }
    }

    /// Whether credentials are kept.
    #[cfg(test)]
    pub(super) fn is_loaded(&self) -> bool {
        self.kept.try_lock().is_ok_and(|kept| kept.is_some())
    }

    /// Two calls that start side by side load once: the second waits for the first.
    async fn keep(
        &self,
        sources: &(dyn Fn() -> Sources + Send + Sync),
        now: SystemTime,
    ) -> Result<Credentials, ModelError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.until) {
            return Ok(kept.credentials.clone());
        }
        match load(&sources()).await {
            Ok(credentials) => {
                let until =
                    credentials.expiry().map_or(now + UNDATED, |expiry| expiry.checked_sub(EARLY).unwrap_or(now));
                *kept = Some(Kept { credentials: credentials.clone(), until });
                Ok(credentials)
            }
            Err(error) => kept.as_ref().and_then(|kept| kept.still_valid(now)).ok_or(error),
        }
    }
}

impl Kept {
    /// The credentials while they are dated and not expired: a source that is down for a moment costs no call.
    fn still_valid(&self, now: SystemTime) -> Option<Credentials> {
        self.credentials.expiry().is_some_and(|expiry| now < expiry).then(|| self.credentials.clone())
    }
}

/// Shows the region alone.
impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Account").field("region", &self.region).finish_non_exhaustive()
    }
}

async fn look_around(http: &reqwest::Client, region: &str) -> Result<Surroundings, ModelError> {
    let connector = Connector::new(http.clone());
    let configuration = ProviderConfig::without_region().with_http_client(connector.clone());
    let metadata = imds::Client::builder()
        .configure(&configuration)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .operation_timeout(METADATA_OPERATION_TIMEOUT)
        .max_attempts(2)
        .build();
    let region = if region.is_empty() {
        RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::builder().configure(&configuration).build())
            .or_else(imds::region::Builder::default().configure(&configuration).imds_client(metadata.clone()).build())
            .region()
            .await
            // A variable that is set to nothing names no region.
            .filter(|region| !region.as_ref().trim().is_empty())
    } else {
        Some(Region::new(region.to_owned()))
    };
    let region = region.ok_or_else(|| {
        ModelError::Configuration(
            "no AWS region was found (settings, environment, profile, instance metadata)".to_owned(),
        )
    })?;
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .http_client(connector.clone())
        .region(region.clone())
        .no_credentials()
        .load()
        .await;
    // Spelled as the section of a profile is: the crate makes `bedrock-runtime` of the service's id, which AWS's own
    // reference of service sections does not know.
    let key = ServiceConfigKey::builder().service_id("bedrock_runtime").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let of_service = key.build().ok().and_then(|key| shared.service_config()?.load_config(key));
    Ok(Surroundings {
        region: region.to_string(),
        endpoint: of_service.or_else(|| shared.endpoint_url().map(str::to_owned)),
        use_fips: shared.use_fips().unwrap_or(false),
        use_dual_stack: shared.use_dual_stack().unwrap_or(false),
        sources: Box::new(move || {
            // The configuration keeps the profile that it has read, too.
            let fresh = ProviderConfig::without_region().with_http_client(connector.clone());
            sources(&fresh.with_region(Some(region.clone())), metadata.clone())
        }),
    })
}

/// The sources of the SDK's default chain, in its order, each with a name for errors.
fn sources(configuration: &ProviderConfig, metadata: imds::Client) -> Sources {
    let environment = EnvironmentVariableCredentialsProvider::new();
    let profile = ProfileFileCredentialsProvider::builder().configure(configuration).build();
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(configuration).build();
    let container = ecs::EcsCredentialsProvider::builder().configure(configuration).build();
    let instance =
        imds::credentials::ImdsCredentialsProvider::builder().configure(configuration).imds_client(metadata).build();
    vec![
        ("environment", SharedCredentialsProvider::new(environment)),
        ("profile", SharedCredentialsProvider::new(profile)),
        ("web identity", SharedCredentialsProvider::new(web_identity)),
        ("container", SharedCredentialsProvider::new(container)),
        ("instance metadata", SharedCredentialsProvider::new(instance)),
    ]
}

/// A source that has nothing hands on to the next; one that is configured and fails ends the search: the next
/// would be someone else.
async fn load(sources: &[(&'static str, SharedCredentialsProvider)]) -> Result<Credentials, ModelError> {
    for (name, source) in sources {
        let reason = match source.provide_credentials().await {
            Ok(credentials) => return Ok(credentials),
            Err(CredentialsError::CredentialsNotLoaded(_)) => continue,
            Err(CredentialsError::ProviderTimedOut(_)) => "it took too long",
            Err(CredentialsError::InvalidConfiguration(_)) => "its configuration cannot be used",
            Err(_) => "it failed",
        };
        return Err(ModelError::Configuration(format!("AWS credentials could not be loaded from {name}: {reason}")));
    }
    Err(ModelError::Configuration(
        "no AWS credentials were found (environment, profile, web identity, container, instance metadata)".to_owned(),
    ))
}

/// Runs a look-up until the deadline, or for as long as the chain may take if that is sooner.
async fn bounded<T>(
    deadline: Instant,
    what: &str,
    lookup: impl Future<Output = Result<T, ModelError>>,
) -> Result<T, ModelError> {
    let lookup = timeout(CHAIN_TIMEOUT, lookup);
    let inside = timeout_at(deadline.into(), lookup).await.map_err(|_| ModelError::Deadline)?;
    inside.unwrap_or_else(|_| Err(ModelError::Configuration(format!("{what} took too long"))))
}
