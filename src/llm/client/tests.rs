//! Whole calls over sockets: signatures, keys, retries, forms, deadlines.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::net::TcpStream;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::llm::credentials::Account;
use crate::llm::http::server::{Request, Server, answer, cut, hang, run, runtime, within};
use crate::llm::meter::Spent;
use crate::llm::refused::Cause;
use crate::llm::signing::tests::{credentials, verifies};
use crate::llm::{Shape, Usage};

mod learning;
mod settings;

/// As any; a stand-in does not care, and forced tools are preferred with it.
const MODEL: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";
const SECRET: &str = "tests/only+secret";
/// Tests do not wait for seconds; `retry` tests those.
const QUICK: Pauses = Pauses { refusal: Duration::from_millis(100), loss: Duration::from_millis(20) };
const KEY: &str = "the-api-key-of-the-tests";

fn prompt() -> Prompt {
    let schema = json!({
        "type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"], "additionalProperties": false,
    });
    let shape = Shape { name: "write_sql", description: "Writes SQL.", schema };
    Prompt {
        system: "Write SQL.".to_owned(),
        lasting: String::new(),
        user: "Zürich – 東京 🍜?".to_owned(),
        shape,
        max_tokens: 100,
    }
}

fn converse(form: Form) -> Vec<u8> {
    let (content, reason) = match form {
        Form::Tool => {
            (json!({"toolUse": {"toolUseId": "t", "name": "write_sql", "input": {"sql": "SELECT 1"}}}), "tool_use")
        }
        Form::Native | Form::Object => (json!({"text": "{\"sql\": \"SELECT 1\"}"}), "end_turn"),
    };
    let usage = json!({"inputTokens": 3, "outputTokens": 4, "totalTokens": 7});
    json!({"output": {"message": {"role": "assistant", "content": [content]}}, "stopReason": reason, "usage": usage})
        .to_string()
        .into_bytes()
}

fn chat() -> Vec<u8> {
    let message = json!({"role": "assistant", "content": "{\"sql\": \"SELECT 1\"}"});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4});
    json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).to_string().into_bytes()
}

fn expected() -> Reply {
    Reply { value: json!({"sql": "SELECT 1"}), usage: Usage { input_tokens: 3, output_tokens: 4 } }
}

fn ok(stream: &mut TcpStream) -> bool {
    answer(stream, 200, &[], &converse(Form::Tool))
}

fn fails(stream: &mut TcpStream, status: u16, error: &str) -> bool {
    answer(stream, status, &[("x-amzn-errortype", error)], b"{\"message\": \"no\"}")
}

fn bedrock(server: &Server) -> ModelSettings {
    ModelSettings {
        provider: Provider::Bedrock,
        model: MODEL.to_owned(),
        endpoint: server.url(""),
        region: "us-east-1".to_owned(),
        ..ModelSettings::default()
    }
}

fn no_environment(_: &str) -> Option<String> {
    None
}

/// A client of Bedrock whose credentials are the tests' own.
fn signing_client(settings: &ModelSettings) -> Client {
    let mut client = Client::open_in(settings, &no_environment).unwrap();
    client.pauses = QUICK;
    let source = SharedCredentialsProvider::new(credentials("AKIATESTS", SECRET, Some("the/session+token==")));
    let Access::Bedrock(access) = &mut client.access else {
        panic!("not Bedrock");
    };
    access.account = Account::of(client.http.clone(), vec![("tests", source)]);
    client
}

fn complete(client: &Client, milliseconds: u64) -> Result<Reply, ModelError> {
    run(client.complete(Task::Write, &prompt(), within(milliseconds), &Cell::default()))
}

fn assert_refused(error: &ModelError, with: u16, named: &str) {
    let ModelError::Refused { status, code, .. } = error else { panic!("{error:?}") };
    assert_eq!((*status, code.as_str()), (with, named));
}

/// Asserts that a request carries a whole signature over what came in.
fn assert_signed(request: &Request) {
    assert!(verifies(request, SECRET, "us-east-1"), "{request:?}");
    assert_eq!(request.header("x-amz-security-token"), "the/session+token==");
    assert!(request.header("authorization").contains("x-amz-security-token"));
}

#[test]
fn signs_a_call_to_bedrock_and_reads_the_reply() {
    let server = Server::start(|_, _, stream| ok(stream));
    assert_eq!(complete(&signing_client(&bedrock(&server)), 5_000).unwrap(), expected());
    let seen = server.seen();
    assert_signed(&seen[0]);
    assert_eq!(seen[0].path, "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse");
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[0].body).unwrap()["messages"][0]["content"][0]["text"],
        "Zürich – 東京 🍜?"
    );
    let mut changed = seen[0].clone();
    changed.body.push(b' ');
    assert!(!verifies(&changed, SECRET, "us-east-1"));
}

#[test]
fn signs_exactly_the_path_of_an_arn_below_a_base_path() {
    let server = Server::start(|_, _, stream| ok(stream));
    let model = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6";
    let settings = ModelSettings {
        model: model.to_owned(),
        endpoint: server.url("/proxy"),
        structured_output: StructuredOutput::Tool,
        ..bedrock(&server)
    };
    complete(&signing_client(&settings), 5_000).unwrap();
    let seen = server.seen();
    assert_signed(&seen[0]);
    assert!(seen[0].path.starts_with("/proxy/model/arn%3Aaws%3Abedrock%3A"), "{}", seen[0].path);
}

#[test]
fn retries_throttling_and_faults_signed_anew_on_one_connection() {
    let server = Server::start(|number, _, stream| match number {
        0 => answer(stream, 429, &[("x-amzn-errortype", "ThrottlingException"), ("retry-after", "1")], b"{}"),
        1 => fails(stream, 503, "ServiceUnavailableException"),
        _ => ok(stream),
    });
    let begun = Instant::now();
    assert_eq!(complete(&signing_client(&bedrock(&server)), 10_000).unwrap(), expected());
    assert!(begun.elapsed() >= Duration::from_secs(1) && begun.elapsed() < Duration::from_secs(3));
    let seen = server.seen();
    seen.iter().for_each(assert_signed);
    assert_eq!((seen.len(), seen[2].connection), (3, 0));
    assert_ne!(seen[0].header("x-amz-date"), seen[1].header("x-amz-date"));
    assert_ne!(seen[0].header("authorization"), seen[1].header("authorization"));
    assert!(seen.iter().all(|request| request.body == seen[0].body));
}

#[test]
fn gives_up_after_three_attempts_and_says_why() {
    for (status, error) in [
        (408, "ModelTimeoutException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (502, ""),
        (503, "ServiceUnavailableException"),
        (504, ""),
        (529, ""),
    ] {
        let server = Server::start(move |_, _, stream| match error {
            "" => answer(stream, status, &[], b"{}"),
            error => fails(stream, status, error),
        });
        let outcome = complete(&signing_client(&bedrock(&server)), 10_000);
        assert_refused(&outcome.unwrap_err(), status, error);
        assert_eq!(server.seen().len(), MAX_ATTEMPTS as usize);
    }
}

#[test]
fn asks_once_where_asking_again_cannot_help() {
    for (status, error) in [
        (400, "ValidationException"),
        (401, "UnauthorizedException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (409, "ConflictException"),
        (201, ""),
        (204, ""),
        (302, ""),
        (307, ""),
        (505, ""),
    ] {
        let server = Server::start(move |_, _, stream| match (status, error) {
            (204, _) => cut(stream, b"HTTP/1.1 204 X\r\n\r\n"),
            (_, "") => answer(stream, status, &[("location", "http://127.0.0.1:1/")], b"{}"),
            (_, _) => fails(stream, status, error),
        });
        let outcome = complete(&signing_client(&bedrock(&server)), 5_000);
        assert_refused(&outcome.unwrap_err(), status, error);
        assert_eq!(server.seen().len(), 1, "{status}");
    }
    let unpaid = Server::start(|_, _, stream| answer(stream, 429, &[("x-should-retry", "false")], b"{}"));
    assert_refused(&complete(&signing_client(&bedrock(&unpaid)), 5_000).unwrap_err(), 429, "");
    assert_eq!(unpaid.seen().len(), 1);
}

/// What a meter has of one call whose first answers have a status.
fn billed(status: u16, times: usize) -> Spent {
    let server = Server::start(move |number, _, stream| match number < times {
        true => answer(stream, status, &[], b"{}"),
        false => ok(stream),
    });
    let client = signing_client(&bedrock(&server));
    let most = Spent { calls: 9, usage: Usage { input_tokens: 1_000_000, output_tokens: 1_000_000 } };
    let meter = Meter::new(most);
    client.watched_by(Some(Arc::clone(&meter)));
    complete(&client, 5_000).unwrap();
    meter.spent()[0].1
}

#[test]
fn tries_that_may_have_been_billed_count_with_the_most() {
    for status in [429, 503, 529] {
        assert_eq!(billed(status, 2), Spent { calls: 1, usage: expected().usage }, "{status}");
    }
    for status in [408, 424, 500, 502, 504] {
        let spent = billed(status, 2);
        assert_eq!((spent.calls, spent.usage.output_tokens), (3, 2 * 100 + 4), "{status}");
        assert!(spent.usage.input_tokens > 2 * HIDDEN_TOKENS, "{status}");
    }
}

#[test]
fn retries_a_lost_connection_but_no_broken_reply() {
    let server = Server::start(|number, _, stream| number > 1 && ok(stream));
    assert_eq!(complete(&signing_client(&bedrock(&server)), 5_000).unwrap(), expected());
    assert_eq!(server.seen().len(), 3);
    let server = Server::start(|_, _, stream| cut(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"out"));
    let error = complete(&signing_client(&bedrock(&server)), 5_000).unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { step: http::READING, .. }), "{error:?}");
    assert_eq!(server.seen().len(), 1);
    let settings = ModelSettings { endpoint: "http://127.0.0.1:1".to_owned(), ..bedrock(&server) };
    let error = complete(&signing_client(&settings), 5_000).unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { step: http::CONNECTING, .. }), "{error:?}");
}

#[test]
fn begins_no_pause_that_the_deadline_would_cut_off() {
    for (status, header, value, wanted) in [
        (429, "retry-after", "60", 60..=60),
        (503, "retry-after-ms", "61500", 62..=62),
        (429, "retry-after", "Fri, 31 Dec 2100 23:59:59 GMT", 86_400..=86_400),
        (529, "x-none", "", 1..=1),
    ] {
        let server = Server::start(move |_, _, stream| answer(stream, status, &[(header, value)], b"{}"));
        let mut client = signing_client(&bedrock(&server));
        client.pauses = Pauses::default();
        let begun = Instant::now();
        let error = complete(&client, 450).unwrap_err();
        let ModelError::Later { seconds, status: told, .. } = &error else { panic!("{error:?}") };
        assert!(*told == status && wanted.contains(seconds), "{error:?}");
        assert!(error.to_string().contains(&format!("in {seconds} s")), "{error}");
        assert!(begun.elapsed() < Duration::from_millis(400) && server.seen().len() == 1, "{status}");
    }
    // What the deadline has room for is waited for.
    let server = Server::start(|number, _, stream| match number {
        0 => answer(stream, 429, &[("retry-after-ms", "150")], b"{}"),
        _ => ok(stream),
    });
    let begun = Instant::now();
    assert_eq!(complete(&signing_client(&bedrock(&server)), 2_000).unwrap(), expected());
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[test]
fn sends_nothing_more_once_the_caller_is_gone() {
    let server = Server::start(|_, _, stream| fails(stream, 503, "ServiceUnavailableException"));
    let client = signing_client(&bedrock(&server));
    let seen = |patience: u64| {
        run(async {
            let (prompt, paid) = (prompt(), Cell::default());
            let asked = client.complete(Task::Write, &prompt, within(5_000), &paid);
            let _ = tokio::time::timeout(Duration::from_millis(patience), asked).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            server.seen().len()
        })
    };
    // Dropped in the first pause, which is 50 ms at least.
    assert_eq!(seen(40), 1);
    assert_eq!(seen(5_000), 1 + MAX_ATTEMPTS as usize, "the control");
}

#[test]
fn keeps_one_deadline_over_all_attempts() {
    let server = Server::start(|number, _, stream| if number == 0 { fails(stream, 503, "X") } else { hang(stream) });
    let begun = Instant::now();
    assert_eq!(complete(&signing_client(&bedrock(&server)), 800).unwrap_err(), ModelError::Deadline);
    assert!(begun.elapsed() < Duration::from_secs(2) && server.seen().len() == 2);
    assert_eq!(complete(&signing_client(&bedrock(&server)), 0).unwrap_err(), ModelError::Deadline);
}

#[test]
fn two_calls_of_one_client_run_side_by_side_and_then_share_connections() {
    let server = Server::start(|_, _, stream| {
        std::thread::sleep(Duration::from_millis(300));
        ok(stream)
    });
    let (runtime, client, prompt) = (runtime(), signing_client(&bedrock(&server)), prompt());
    for _ in 0..2 {
        let begun = Instant::now();
        runtime.block_on(async {
            let (deadline, paid) = (within(5_000), Cell::default());
            let mut verdict = std::pin::pin!(client.complete(Task::Validate, &prompt, deadline, &paid));
            let mut sql = std::pin::pin!(client.complete(Task::Write, &prompt, deadline, &paid));
            let (mut first, mut second) = (None, None);
            std::future::poll_fn(|context| {
                use std::task::Poll;
                if first.is_none()
                    && let Poll::Ready(reply) = verdict.as_mut().poll(context)
                {
                    first = Some(reply.unwrap());
                }
                if second.is_none()
                    && let Poll::Ready(reply) = sql.as_mut().poll(context)
                {
                    second = Some(reply.unwrap());
                }
                if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        assert!(begun.elapsed() < Duration::from_millis(550), "{:?}", begun.elapsed());
    }
    assert!(server.seen().iter().all(|request| request.connection < 2) && server.seen().len() == 4);
}

#[test]
fn asks_the_guardrail_with_the_same_signature_and_retries() {
    let server = Server::start(|number, request, stream| match number {
        0 => fails(stream, 429, "ThrottlingException"),
        _ if String::from_utf8_lossy(&request.body).contains("bad") => {
            answer(stream, 200, &[], b"{\"action\": \"GUARDRAIL_INTERVENED\"}")
        }
        1 => answer(stream, 200, &[], b"{\"action\": \"NONE\"}"),
        3 => fails(stream, 403, "AccessDeniedException"),
        _ => answer(stream, 200, &[], b"{}"),
    });
    let arn = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1abc";
    let settings = ModelSettings { guardrail: arn.to_owned(), ..bedrock(&server) };
    let client = signing_client(&settings);
    let guard = |question: &str| run(client.guard(question, within(5_000)));
    assert!(guard("good").unwrap());
    assert!(!guard("bad").unwrap());
    assert_refused(&guard("good").unwrap_err(), 403, "AccessDeniedException");
    assert!(matches!(guard("good"), Err(ModelError::Reply(_))));
    let seen = server.seen();
    seen.iter().for_each(assert_signed);
    let path = "/guardrail/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aguardrail%2Fgr1abc/version/DRAFT/apply";
    assert!(seen.len() == 5 && seen.iter().all(|request| request.path == path));
    assert_eq!(run(signing_client(&bedrock(&server)).guard("bad", within(0))), Ok(true));
    assert_eq!(server.seen().len(), 5);
}

#[test]
fn loads_credentials_again_that_aws_calls_expired() {
    let server = Server::start(
        |number, _, stream| {
            if number == 0 { fails(stream, 403, "ExpiredTokenException") } else { ok(stream) }
        },
    );
    let client = signing_client(&bedrock(&server));
    assert!(complete(&client, 5_000).is_err());
    let Access::Bedrock(access) = &client.access else {
        panic!("not Bedrock");
    };
    assert!(!access.account.is_loaded());
    assert_eq!(complete(&client, 5_000).unwrap(), expected());
    assert!(access.account.is_loaded());
}

#[test]
fn the_log_has_the_providers_words_and_the_url_of_what_was_not_found() {
    let said = |status: u16, message: &str| {
        let body = json!({ "message": message }).to_string().into_bytes();
        let named = [("x-amzn-errortype", "ResourceNotFoundException")];
        let server = Server::start(move |_, _, stream| answer(stream, status, &named, &body));
        let error = complete(&signing_client(&bedrock(&server)), 5_000).unwrap_err();
        (error.to_string(), error.detail().unwrap().to_owned(), server.url(""))
    };
    let retired = "This model version has reached the end of its life.";
    let (told, logged, url) = said(404, retired);
    assert!(
        told.contains(Cause::EndOfLife.sentence()) && told.contains("(HTTP 404, ResourceNotFoundException)"),
        "{told}"
    );
    let path = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse";
    assert_eq!(logged, format!("the endpoint says: \"{retired}\"; URL: {url}{path}"));
    let (_, logged, _) = said(400, retired);
    assert_eq!(logged, format!("the endpoint says: \"{retired}\""), "the URL is of use on 404 alone");
    let (told, logged, _) =
        said(403, "arn:aws:bedrock:us-east-1:123456789012:x is not authorized, see https://a.example");
    assert!(
        logged.contains("123456789012") && !told.contains("1234") && !told.contains("arn") && !told.contains("://")
    );
    let (_, logged, _) = said(400, &"long ".repeat(10_000));
    assert!(logged.chars().count() < 550 && logged.contains(&"long ".repeat(99)), "{logged}");
}

#[test]
fn what_was_sent_in_secret_is_not_logged_when_it_is_echoed() {
    let echo = Server::start(|_, request, stream| {
        let seen = format!("{:?} {}", request.headers, request.header("authorization"));
        answer(stream, 401, &[], json!({ "message": seen }).to_string().as_bytes())
    });
    let environment = |name: &str| (name == "AWS_BEARER_TOKEN_BEDROCK").then(|| KEY.to_owned());
    let with_key = Client::open_in(&bedrock(&echo), &environment).unwrap();
    for client in [&with_key, &signing_client(&bedrock(&echo))] {
        let error = complete(client, 5_000).unwrap_err();
        let logged = error.detail().unwrap();
        assert!(logged.contains("***") && logged.contains("content-type"), "{logged}");
        let seen = echo.seen();
        let signature = seen.last().unwrap().header("authorization").rsplit("Signature=").next().unwrap().to_owned();
        for secret in [SECRET, KEY, "the/session+token==", signature.trim_start_matches("Bearer ")] {
            assert!(!logged.contains(secret), "{secret} in {logged}");
        }
    }
}
