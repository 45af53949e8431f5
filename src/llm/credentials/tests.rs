//! The credential chain against servers on loopback that play AWS. Each case is a process of its own, since the chain
//! reads the process environment; what is kept, and for how long, is tested with sources of the tests' own.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::future::ProvideCredentials as Provided;

use super::*;
use crate::llm::http;
use crate::llm::http::server::{Server, answer, hang, run, within};

const SECRET: &str = "tests/only+secret";
const EXPIRATION: &str = "2199-01-01T00:00:00Z";
const NONE: &str = "the model cannot be called: no AWS credentials were found (environment, profile, web identity, container, instance metadata)";
const ROLE: &str = "arn:aws:iam::123456789012:role/analyst";

/// A folder of its own for the files of one case, gone at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("splitplane-home-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(path.join(".aws/sso/cache")).unwrap();
        Self(path)
    }

    fn with(self, name: &str, content: &str) -> Self {
        std::fs::write(self.0.join(name), content).unwrap();
        self
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a process with this environment finds: `key id | token | region | endpoint`, or the error's text.
fn found(home: &Home, variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "llm::credentials::tests::child", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", &home.0)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!printed.contains(SECRET), "{printed}");
    let found = printed.lines().find_map(|line| line.split_once("found: ")).unwrap_or_else(|| panic!("{printed}"));
    found.1.to_owned()
}

#[test]
#[ignore = "run by the other tests, with an environment of their choice"]
fn child() {
    let account = Account::new(http::client().unwrap(), &std::env::var("CHILD_REGION").unwrap_or_default());
    let begun = Instant::now();
    let outcome = run(async {
        let credentials = account.credentials(within(10_000), SystemTime::now()).await?;
        let around = account.surroundings(within(10_000)).await?;
        let (key, token) =
            (credentials.access_key_id().to_owned(), credentials.session_token().unwrap_or("-").to_owned());
        assert_eq!(credentials.secret_access_key(), SECRET);
        assert!(!format!("{credentials:?} {account:?}").contains(SECRET));
        let endpoint = around.endpoint.as_deref().unwrap_or("-");
        Ok::<_, ModelError>(format!("{key} | {token} | {} | {endpoint}", around.region))
    });
    // Far below the deadline, also where nothing answers.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    println!("found: {}", outcome.unwrap_or_else(|error| error.to_string()));
}

fn answer_json(stream: &mut std::net::TcpStream, key_id: &str) -> bool {
    let body = format!(
        r#"{{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "{key_id}", "SecretAccessKey": "{SECRET}", "Token": "a-token",
            "Expiration": "{EXPIRATION}", "LastUpdated": "2020-01-01T00:00:00Z"}}"#
    );
    answer(stream, 200, &[("content-type", "application/json")], body.as_bytes())
}

/// Plays STS: `AssumeRole` and `AssumeRoleWithWebIdentity`.
fn sts() -> Server {
    Server::start(|_, request, stream| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let action = form.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap().to_owned();
        let body = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><AssumedRoleUser>\
             <AssumedRoleId>A:b</AssumedRoleId><Arn>{ROLE}/b</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIA{action}</AccessKeyId>\
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>a-token</SessionToken><Expiration>{EXPIRATION}</Expiration>\
             </Credentials></{action}Result></{action}Response>"
        );
        answer(stream, 200, &[("content-type", "text/xml")], body.as_bytes())
    })
}

#[test]
fn finds_keys_in_the_environment() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_REGION", "eu-west-1")];
    assert_eq!(found(&Home::new(), &keys), "AKIAENV | - | eu-west-1 | -");
    let more =
        [("AWS_SESSION_TOKEN", "a-token"), ("CHILD_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL", "https://a.example")];
    let all = [&keys[..], &more].concat();
    assert_eq!(found(&Home::new(), &all), "AKIAENV | a-token | eu-central-1 | https://a.example");
}

#[test]
fn finds_keys_region_and_endpoint_in_a_profile() {
    let home = Home::new()
        .with(".aws/credentials", &format!("[analyst]\naws_access_key_id = AKIAFILE\naws_secret_access_key = {SECRET}\n"))
        .with(
            ".aws/config",
            "[profile analyst]\nregion = ap-south-1\nservices = dev\n[services dev]\nbedrock_runtime =\n  endpoint_url = https://dev.example\n",
        );
    assert_eq!(found(&home, &[("AWS_PROFILE", "analyst")]), "AKIAFILE | - | ap-south-1 | https://dev.example");
    // A profile that is named but missing ends the search: the next source would be another identity.
    let error = found(&home, &[("AWS_PROFILE", "nobody"), ("AWS_REGION", "us-east-1")]);
    assert_eq!(
        error,
        "the model cannot be called: AWS credentials could not be loaded from profile: its configuration cannot be used"
    );
}

#[test]
fn assumes_the_role_of_a_profile() {
    let sts = sts();
    let home = Home::new().with(
        ".aws/config",
        &format!(
            "[default]\nregion = us-east-1\nrole_arn = {ROLE}\nsource_profile = base\n\
             [profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {SECRET}\n"
        ),
    );
    let printed = found(&home, &[("AWS_ENDPOINT_URL_STS", &sts.url(""))]);
    assert_eq!(printed, "ASIAAssumeRole | a-token | us-east-1 | -");
    assert!(sts.seen()[0].header("authorization").contains("Credential=AKIABASE/"));
}

#[test]
fn assumes_a_role_with_a_web_identity() {
    let sts = sts();
    let home = Home::new().with("token", "a-web-identity");
    let token = home.path("token");
    let mut variables = vec![("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), ("AWS_ROLE_ARN", ROLE)];
    let url = sts.url("");
    variables.extend([("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL_STS", url.as_str())]);
    assert_eq!(found(&home, &variables), "ASIAAssumeRoleWithWebIdentity | a-token | us-east-1 | -");
    assert!(String::from_utf8_lossy(&sts.seen()[0].body).contains("WebIdentityToken=a-web-identity"));
}

#[test]
fn finds_the_credentials_of_a_sign_on() {
    let portal = Server::start(|_, _, stream| {
        let body = format!(
            r#"{{"roleCredentials": {{"accessKeyId": "ASIASSO", "secretAccessKey": "{SECRET}", "sessionToken": "a-token",
                "expiration": 7226582400000}}}}"#
        );
        answer(stream, 200, &[("content-type", "application/json")], body.as_bytes())
    });
    let home = Home::new().with(
        ".aws/config",
        "[default]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = analyst\n\
             [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example/start\n",
    );
    let token = format!(
        r#"{{"accessToken": "an-access-token", "expiresAt": "{EXPIRATION}", "region": "us-east-1",
                            "startUrl": "https://corp.example/start"}}"#
    );
    // `aws sso login` names it after the SHA-1 of the session's name.
    let home = home.with(".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json", &token);
    let printed = found(&home, &[("AWS_ENDPOINT_URL_SSO", &portal.url(""))]);
    assert_eq!(printed, "ASIASSO | a-token | us-east-1 | -");
    assert_eq!(portal.seen()[0].header("x-amz-sso_bearer_token"), "an-access-token");
}

#[test]
fn finds_the_credentials_of_a_container() {
    let container = Server::start(|_, request, stream| {
        if request.header("authorization") == "the-container-token" {
            answer_json(stream, "ASIACONTAINER")
        } else {
            answer(stream, 401, &[], b"{}")
        }
    });
    let url = container.url("/v2/credentials");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-container-token"),
        ("AWS_REGION", "us-east-1"),
    ];
    assert_eq!(found(&Home::new(), &variables), "ASIACONTAINER | a-token | us-east-1 | -");
    let error = found(&Home::new(), &[variables[0], variables[2], ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another")]);
    assert_eq!(error, "the model cannot be called: AWS credentials could not be loaded from container: it failed");
}

#[test]
fn finds_region_and_credentials_in_instance_metadata() {
    let metadata = Server::start(|_, request, stream| match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => {
            answer(stream, 200, &[("x-aws-ec2-metadata-token-ttl-seconds", "21600")], b"a-metadata-token")
        }
        (_, _) if request.header("x-aws-ec2-metadata-token") != "a-metadata-token" => answer(stream, 401, &[], b""),
        ("GET", "/latest/meta-data/placement/region") => answer(stream, 200, &[], b"sa-east-1"),
        ("GET", path) if path.ends_with("/analyst") || path.ends_with("/analyst/") => {
            answer_json(stream, "ASIAINSTANCE")
        }
        ("GET", path) if path.contains("/iam/security-credentials") => answer(stream, 200, &[], b"analyst"),
        (_, _) => answer(stream, 404, &[], b""),
    });
    let url = metadata.url("/");
    let variables = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    assert_eq!(found(&Home::new(), &variables), "ASIAINSTANCE | a-token | sa-east-1 | -");
}

#[test]
fn waits_only_a_moment_for_metadata_that_does_not_answer() {
    let silent = Server::start(|_, _, stream| hang(stream));
    for url in [silent.url("/"), "http://127.0.0.1:1/".to_owned()] {
        let metadata = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
        let no_region =
            "the model cannot be called: no AWS region was found (settings, environment, profile, instance metadata)";
        assert_eq!(found(&Home::new(), &metadata), no_region);
        assert_eq!(found(&Home::new(), &[&metadata[..], &[("AWS_REGION", "us-east-1")]].concat()), NONE);
    }
}

#[test]
fn says_that_there_are_none_or_which_source_failed_and_repeats_nothing() {
    let region = ("AWS_REGION", "us-east-1");
    assert_eq!(found(&Home::new(), &[region]), NONE);
    let failed = "the model cannot be called: AWS credentials could not be loaded from";
    let half = [region, ("AWS_ACCESS_KEY_ID", "AKIAHALF")];
    assert_eq!(found(&Home::new(), &half), NONE);
    let loops = Home::new().with(
        ".aws/config",
        &format!("[default]\nrole_arn = {ROLE}\nsource_profile = other\n[profile other]\nrole_arn = {ROLE}\nsource_profile = default\n"),
    );
    assert!(found(&loops, &[region]).starts_with(&format!("{failed} profile: ")));
    let garbage = Home::new().with(".aws/credentials", &format!("[default\naws_secret_access_key = {SECRET}"));
    assert!(found(&garbage, &[region]).starts_with(&format!("{failed} profile: ")));
}

#[test]
fn starts_no_program() {
    let home = Home::new();
    let touched = home.path("touched");
    let home = home.with(
        ".aws/config",
        &format!("[default]\nregion = us-east-1\ncredential_process = /usr/bin/touch {touched}\n"),
    );
    let error = found(&home, &[]);
    assert!(
        error.starts_with("the model cannot be called: AWS credentials could not be loaded from profile: "),
        "{error}"
    );
    assert!(!std::path::Path::new(&touched).exists());
}

/// A source that counts how often it is asked, and can be made to fail.
#[derive(Debug)]
struct Counting {
    asked: Arc<AtomicUsize>,
    expiry: Option<SystemTime>,
    fails_from: usize,
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        let count = self.asked.fetch_add(1, Ordering::SeqCst);
        if count >= self.fails_from {
            return Provided::ready(Err(CredentialsError::provider_error(SECRET)));
        }
        let mut credentials = Credentials::builder()
            .access_key_id(format!("ASIA{count}"))
            .secret_access_key(SECRET)
            .provider_name("tests");
        credentials.set_expiry(self.expiry);
        Provided::ready(Ok(credentials.build()))
    }
}

fn account(expiry: Option<SystemTime>, fails_from: usize) -> (Account, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let source = SharedCredentialsProvider::new(Counting { asked: Arc::clone(&asked), expiry, fails_from });
    (Account::of(http::client().unwrap(), vec![("counting", source)]), asked)
}

#[test]
fn loads_once_until_five_minutes_before_the_expiry() {
    let begun = SystemTime::now();
    let (account, asked) = account(Some(begun + Duration::from_secs(3_600)), 2);
    let key_at = |seconds| {
        let credentials = run(account.credentials(within(1_000), begun + Duration::from_secs(seconds)));
        credentials.map(|credentials| credentials.access_key_id().to_owned())
    };
    for seconds in [0, 1_000, 3_299] {
        assert_eq!(key_at(seconds).unwrap(), "ASIA0");
    }
    assert_eq!(key_at(3_301).unwrap(), "ASIA1");
    // From here on the source fails: what it gave is used to its end, and not beyond.
    assert_eq!(key_at(3_599).unwrap(), "ASIA1");
    let error = key_at(3_600).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model cannot be called: AWS credentials could not be loaded from counting: it failed"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert!(!format!("{account:?} {error:?}").contains(SECRET));
}

#[test]
fn loads_undated_credentials_again_after_a_while_and_forgotten_ones_at_once() {
    let begun = SystemTime::now();
    let (account, asked) = account(None, 3);
    let ask = |seconds| run(account.credentials(within(1_000), begun + Duration::from_secs(seconds)));
    ask(0).unwrap();
    ask(899).unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    ask(901).unwrap();
    account.forget();
    ask(902).unwrap();
    account.forget();
    assert!(ask(903).is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

/// A source that never answers.
#[derive(Debug)]
struct Silent;

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(std::future::pending())
    }
}

#[test]
fn keeps_the_deadline_while_a_source_is_silent_and_holds_no_lock_afterwards() {
    let account = Account::of(http::client().unwrap(), vec![("silent", SharedCredentialsProvider::new(Silent))]);
    for _ in 0..2 {
        let begun = Instant::now();
        let error = run(account.credentials(within(100), SystemTime::now())).unwrap_err();
        assert_eq!(error, ModelError::Deadline);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    assert!(account.kept.try_lock().is_ok());
}
