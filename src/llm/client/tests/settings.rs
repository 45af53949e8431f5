//! What a client makes of settings, keys and the environment.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use super::*;

#[test]
fn a_bearer_key_takes_the_place_of_the_signature() {
    let server = Server::start(|_, _, stream| ok(stream));
    let environment = |name: &str| (name == "AWS_BEARER_TOKEN_BEDROCK").then(|| KEY.to_owned());
    // No region and no credentials are looked for.
    let settings = ModelSettings { region: String::new(), ..bedrock(&server) };
    let client = Client::open_in(&settings, &environment).unwrap();
    assert_eq!(complete(&client, 2_000).unwrap(), expected());
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), format!("Bearer {KEY}"));
    assert!(seen[0].headers.keys().all(|name| !name.starts_with("x-amz")));
    assert_eq!(seen[0].header("content-type"), "application/json");
}

#[test]
fn calls_other_endpoints_with_a_key_or_without() {
    let server = Server::start(|_, _, stream| answer(stream, 200, &[], &chat()));
    let url = server.url("/v1");
    let open = |key: Option<&'static str>| {
        let settings =
            ModelSettings { provider: Provider::OpenAi, model: "gpt-5".to_owned(), ..ModelSettings::default() };
        let environment = |name: &str| match name {
            "OPENAI_BASE_URL" => Some(url.clone()),
            "OPENAI_API_KEY" => key.map(str::to_owned),
            _ => None,
        };
        Client::open_in(&settings, &environment).unwrap()
    };
    assert_eq!(complete(&open(Some(KEY)), 2_000).unwrap(), expected());
    assert_eq!(complete(&open(None), 2_000).unwrap(), expected());
    let seen = server.seen();
    assert_eq!(seen[0].path, "/v1/chat/completions");
    assert_eq!(seen[0].header("authorization"), format!("Bearer {KEY}"));
    assert!(!seen[1].headers.contains_key("authorization") && !seen[1].headers.contains_key("api-key"));
}

#[test]
fn gives_azure_the_key_in_its_own_header_and_to_nobody_else() {
    let headers = |endpoint: &str| {
        let settings = ModelSettings {
            provider: Provider::OpenAi,
            model: "gpt-5".to_owned(),
            endpoint: endpoint.to_owned(),
            ..ModelSettings::default()
        };
        let environment = |name: &str| (name == "OPENAI_API_KEY").then(|| KEY.to_owned());
        let client = Client::open_in(&settings, &environment).unwrap();
        let url = Url::parse(endpoint).unwrap();
        run(client.access.headers(&url, b"{}", within(1_000))).unwrap()
    };
    for host in ["acme.openai.azure.com", "acme.services.ai.azure.com", "ACME.OpenAI.Azure.com"] {
        let headers = headers(&format!("https://{host}/openai/v1"));
        assert_eq!((headers.get("api-key").unwrap().to_str().unwrap(), headers.len()), (KEY, 2));
        assert!(!format!("{headers:?}").contains(KEY));
    }
    for host in ["api.openai.com", "azure.com.evil.example", "evilazure.com", "azure.com"] {
        let headers = headers(&format!("https://{host}/v1"));
        assert!(headers.get("api-key").is_none() && !format!("{headers:?}").contains(KEY));
        assert_eq!(headers.get("authorization").unwrap().to_str().unwrap(), format!("Bearer {KEY}"));
    }
}

#[test]
fn finds_the_endpoint_in_settings_environment_and_region() {
    let find = |settings: ModelSettings, variables: &[(&str, &str)]| {
        let lookup =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        let client = Client::open_in(&settings, &lookup)?;
        run(async { Ok(client.access.endpoint(within(5_000)).await?.url("/")) })
    };
    let bedrock = |endpoint: &str| ModelSettings {
        provider: Provider::Bedrock,
        model: MODEL.to_owned(),
        endpoint: endpoint.to_owned(),
        region: "eu-central-1".to_owned(),
        ..ModelSettings::default()
    };
    let both = [("AWS_ENDPOINT_URL", "https://b.example"), ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://a.example")];
    assert_eq!(find(bedrock("https://c.example/"), &both).unwrap(), "https://c.example/");
    assert_eq!(find(bedrock(""), &both).unwrap(), "https://a.example/");
    assert_eq!(find(bedrock(""), &both[..1]).unwrap(), "https://b.example/");
    let ignored = [both[0], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
    assert_eq!(find(bedrock(""), &ignored).unwrap(), "https://bedrock-runtime.eu-central-1.amazonaws.com/");
    let openai = || ModelSettings { provider: Provider::OpenAi, model: "m".to_owned(), ..ModelSettings::default() };
    assert_eq!(find(openai(), &both).unwrap(), "https://api.openai.com/v1/");
    for variables in [
        [("AWS_ENDPOINT_URL", "not-a-url")],
        [("AWS_ENDPOINT_URL", "http://bedrock.example")],
        [("AWS_USE_FIPS_ENDPOINT", "yes")],
        [("AWS_USE_DUALSTACK_ENDPOINT", "1")],
    ] {
        let error = find(bedrock(""), &variables).unwrap_err();
        assert!(matches!(error, ModelError::Configuration(_)), "{error:?}");
    }
}

#[test]
fn opens_nothing_that_could_not_be_called() {
    let openai = ModelSettings { provider: Provider::OpenAi, model: "m".to_owned(), ..ModelSettings::default() };
    let bedrock = ModelSettings { provider: Provider::Bedrock, model: MODEL.to_owned(), ..ModelSettings::default() };
    let text = str::to_owned;
    for settings in [
        ModelSettings::default(),
        ModelSettings { model: String::new(), ..openai.clone() },
        ModelSettings { guardrail: text("gr1abc"), ..openai.clone() },
        ModelSettings { endpoint: text("http://api.example"), ..openai.clone() },
        ModelSettings { endpoint: text("https://user:the-password@api.example"), ..openai.clone() },
        ModelSettings { api_key_file: text("/nonexistent"), ..openai },
        ModelSettings { model: String::new(), ..bedrock.clone() },
        ModelSettings { model: String::new(), validator_model: text(MODEL), ..bedrock.clone() },
        ModelSettings { model: text("a b"), ..bedrock.clone() },
        ModelSettings { validator_model: text("../x?"), ..bedrock.clone() },
        ModelSettings { guardrail: text("GR?"), ..bedrock.clone() },
        ModelSettings { guardrail: text("gr1"), guardrail_version: text("latest"), ..bedrock.clone() },
        ModelSettings { api_key_file: text("/"), ..bedrock.clone() },
    ] {
        let error = Client::open_in(&settings, &no_environment).unwrap_err();
        assert!(
            matches!(&error, ModelError::Configuration(text) if !text.contains("the-password")),
            "{settings:?}: {error:?}"
        );
    }
    let environment = |_: &str| Some("a\nkey".to_owned());
    let error =
        Client::open_in(&ModelSettings { endpoint: text("https://a.example"), ..bedrock.clone() }, &environment);
    assert!(!error.unwrap_err().to_string().contains("a\nkey"));
    let client = Client::open_in(&bedrock, &no_environment).unwrap();
    assert_eq!((client.model(Task::Write), client.model(Task::Validate)), (MODEL, MODEL));
}

#[test]
fn prints_no_secret() {
    let server = Server::start(|_, _, stream| cut(stream, b"nonsense"));
    let environment = |name: &str| (name == "AWS_BEARER_TOKEN_BEDROCK").then(|| KEY.to_owned());
    let with_key = Client::open_in(&bedrock(&server), &environment).unwrap();
    let signing = signing_client(&bedrock(&server));
    for client in [&with_key, &signing] {
        let error = complete(client, 5_000).unwrap_err();
        let printed = format!("{client:?} {error:?} {error}");
        for secret in [SECRET, KEY, "session+token", "Zürich"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
    assert_eq!(
        format!("{signing:?}"),
        format!("Client {{ access: Bedrock, model: {MODEL:?}, validator_model: {MODEL:?}, .. }}")
    );
}
