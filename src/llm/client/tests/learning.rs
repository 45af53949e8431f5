//! What is learned from refusals, and what is not.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use super::*;

/// Refuses forced tools as Bedrock does, and has structured output.
fn without_tools(request: &Request, stream: &mut TcpStream) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    if body.get("toolConfig").is_none() {
        return answer(stream, 200, &[], &converse(Form::Native));
    }
    let message = b"{\"message\": \"This model doesn't support the toolConfig.toolChoice.tool field.\"}";
    answer(stream, 400, &[("x-amzn-errortype", "ValidationException")], message)
}

#[test]
fn tries_the_other_form_once_and_remembers_it_by_model_and_purpose() {
    let server = Server::start(|_, request, stream| without_tools(request, stream));
    let settings = ModelSettings { validator_model: "amazon.nova-lite-v1:0".to_owned(), ..bedrock(&server) };
    let client = signing_client(&settings);
    for _ in 0..2 {
        assert_eq!(complete(&client, 5_000).unwrap(), expected());
    }
    assert_eq!(server.seen().len(), 3);
    let notes = client.take_notes();
    assert!(notes.len() == 1 && notes[0].contains("with structured output to write for an hour"), "{notes:?}");
    run(client.complete(Task::Validate, &prompt(), within(5_000), &Cell::default())).unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 5);
    assert!(seen[4].path.contains("nova-lite"));
    seen.iter().for_each(assert_signed);
}

#[test]
fn keeps_to_a_form_that_is_configured_and_to_two_forms_at_most() {
    let server = Server::start(|_, request, stream| without_tools(request, stream));
    let settings = ModelSettings { structured_output: StructuredOutput::Tool, ..bedrock(&server) };
    assert_refused(&complete(&signing_client(&settings), 5_000).unwrap_err(), 400, "ValidationException");
    assert_eq!(server.seen().len(), 1);
    let neither = Server::start(|_, _, stream| {
        let message = b"{\"message\": \"This model doesn't support toolChoice, nor the outputConfig.\"}";
        answer(stream, 400, &[("x-amzn-errortype", "ValidationException")], message)
    });
    let client = signing_client(&bedrock(&neither));
    assert_refused(&complete(&client, 5_000).unwrap_err(), 400, "ValidationException");
    assert_eq!(neither.seen().len(), 2);
    assert!(client.take_notes().is_empty());
    assert!(complete(&client, 5_000).is_err());
    assert_eq!(neither.seen().len(), 4, "nothing was learned");
    let settings = ModelSettings { structured_output: StructuredOutput::Native, ..bedrock(&server) };
    assert_eq!(complete(&signing_client(&settings), 5_000).unwrap(), expected());
}

fn openai(server: &Server) -> ModelSettings {
    ModelSettings {
        provider: Provider::OpenAi,
        model: "prod".to_owned(),
        endpoint: server.url("/v1"),
        ..ModelSettings::default()
    }
}

fn open(settings: &ModelSettings) -> Client {
    let mut client = Client::open_in(settings, &no_environment).unwrap();
    client.pauses = QUICK;
    client
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn says(stream: &mut TcpStream, status: u16, message: &str) -> bool {
    answer(stream, status, &[], json!({"error": {"message": message}}).to_string().as_bytes())
}

/// Calls of one client that end well, and what came in.
fn asked_twice(server: &Server) -> Vec<Value> {
    let client = open(&openai(server));
    for _ in 0..2 {
        assert_eq!(complete(&client, 5_000).unwrap(), expected());
    }
    server.seen().iter().map(body).collect()
}

#[test]
fn leaves_out_a_temperature_that_is_refused() {
    let server = Server::start(|_, request, stream| match body(request).get("temperature") {
        Some(_) => says(stream, 400, "prod does not support temperature=0. Only temperature=1 is supported."),
        None => answer(stream, 200, &[], &chat()),
    });
    let seen = asked_twice(&server);
    assert_eq!(seen.len(), 3);
    assert!(seen[0].get("temperature").is_some() && seen[2].get("temperature").is_none());
    assert_eq!(seen[0].get("response_format"), seen[2].get("response_format"), "the form stays");
}

#[test]
fn renames_a_limit_that_is_refused() {
    let server = Server::start(|_, request, stream| match body(request).get("max_tokens") {
        Some(_) => says(stream, 400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        None => answer(stream, 200, &[], &chat()),
    });
    let seen = asked_twice(&server);
    assert_eq!(
        (seen.len(), &seen[1]["max_completion_tokens"], &seen[2]["max_completion_tokens"]),
        (3, &json!(100), &json!(100))
    );
}

fn calling() -> Vec<u8> {
    let function = json!({"name": "write_sql", "arguments": "{\"sql\": \"SELECT 1\"}"});
    let message = json!({"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4});
    json!({"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage}).to_string().into_bytes()
}

#[test]
fn changes_the_form_after_422_500_and_501_at_once() {
    for (status, message) in [
        (
            422,
            "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': 'Input should be 'text''}]",
        ),
        (500, "create() got an unexpected keyword argument 'response_format'"),
        (501, "grammar is not implemented"),
    ] {
        let server = Server::start(move |_, request, stream| match body(request).get("tools") {
            None => says(stream, status, message),
            Some(_) => answer(stream, 200, &[], &calling()),
        });
        assert_eq!(asked_twice(&server).len(), 3, "{status}");
    }
    // A fault that names nothing of ours is one that may pass.
    let server = Server::start(|number, _, stream| match number {
        0 => says(stream, 500, "out of memory"),
        _ => answer(stream, 200, &[], &chat()),
    });
    assert_eq!(asked_twice(&server).len(), 3);
    assert!(server.seen().iter().all(|request| body(request).get("response_format").is_some()), "nothing was learned");
}

/// Knows the type `json_object` and no `json_schema`, as llama-cpp-python says it, and answers an object by `held`.
fn objects(held: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> Server {
    Server::start(move |_, request, stream| match body(request) {
        sent if sent.get("tools").is_some() => answer(stream, 200, &[], &calling()),
        sent if sent["response_format"]["type"] == "json_object" => held(stream),
        _ => says(
            stream,
            500,
            "[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]",
        ),
    })
}

#[test]
fn asks_for_the_object_that_an_endpoint_names() {
    let server = objects(|stream| answer(stream, 200, &[], &chat()));
    let seen = asked_twice(&server);
    let types: Vec<&Value> = seen.iter().map(|body| &body["response_format"]["type"]).collect();
    assert_eq!(types, ["json_schema", "json_object", "json_object"]);
    assert!(seen[1]["response_format"]["schema"].is_object());
    // Where it is configured, at once and in no other way.
    let settings = ModelSettings { structured_output: StructuredOutput::JsonObject, ..openai(&server) };
    assert_eq!(complete(&open(&settings), 5_000).unwrap(), expected());
    assert_eq!(server.seen().len(), 4);
    let strict = Server::start(|_, _, stream| says(stream, 400, "response_format of type json_object is unknown"));
    let settings = ModelSettings { structured_output: StructuredOutput::JsonObject, ..openai(&strict) };
    assert_refused(&complete(&open(&settings), 5_000).unwrap_err(), 400, "");
    assert_eq!(strict.seen().len(), 1);
}

#[test]
fn calls_a_tool_where_the_object_has_no_schema() {
    let other =
        br#"{"choices": [{"message": {"role": "assistant", "content": "{\"query\": 1}"}, "finish_reason": "stop"}]}"#;
    let refuses = |stream: &mut TcpStream| says(stream, 422, "response_format.schema: extra inputs are not permitted");
    let disregards = |stream: &mut TcpStream| answer(stream, 200, &[], other);
    for server in [objects(refuses), objects(disregards)] {
        let seen = asked_twice(&server);
        assert_eq!(seen.len(), 4, "three requests, and one by what was learned");
        assert!(seen[3].get("tools").is_some());
    }
    // A reply that was cut off is none that takes no notice.
    let cut =
        br#"{"choices": [{"message": {"role": "assistant", "content": "{\"sql\": \""}, "finish_reason": "length"}]}"#;
    let server = objects(|stream| answer(stream, 200, &[], cut));
    assert!(matches!(complete(&open(&openai(&server)), 5_000), Err(ModelError::Refused { .. } | ModelError::Reply(_))));
    assert_eq!(server.seen().len(), 2);
}

/// Answers a forced tool in words, and keeps to a schema.
fn wordy(request: &Request, stream: &mut TcpStream) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let words = json!({"role": "assistant", "content": [{"text": "SELECT 1, I suppose."}]});
    let usage = json!({"inputTokens": 3, "outputTokens": 4, "totalTokens": 7});
    let spoken = json!({"output": {"message": words}, "stopReason": "end_turn", "usage": usage});
    match body.get("toolConfig") {
        Some(_) => answer(stream, 200, &[], spoken.to_string().as_bytes()),
        None => answer(stream, 200, &[], &converse(Form::Native)),
    }
}

#[test]
fn asks_in_the_other_form_where_the_forced_call_is_missing() {
    let server = Server::start(|_, request, stream| wordy(request, stream));
    let client = signing_client(&bedrock(&server));
    let paid = Cell::default();
    assert_eq!(run(client.complete(Task::Write, &prompt(), within(5_000), &paid)).unwrap(), expected());
    let both = Usage { input_tokens: 6, output_tokens: 8 };
    assert_eq!(paid.get(), Spent { calls: 2, usage: both }, "both replies are paid for");
    complete(&client, 5_000).unwrap();
    assert_eq!(server.seen().len(), 3);
    // Not where it is configured.
    let settings = ModelSettings { structured_output: StructuredOutput::Tool, ..bedrock(&server) };
    assert!(matches!(complete(&signing_client(&settings), 5_000), Err(ModelError::Reply("it called no tool"))));
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn keeps_nothing_that_did_not_help_and_shows_both_answers_to_the_log() {
    let server = Server::start(|number, _, stream| match number % 2 {
        0 => says(stream, 400, "temperature must be 1"),
        _ => says(stream, 400, "and anyway you may not"),
    });
    let client = open(&openai(&server));
    for turn in 1..=2 {
        let error = complete(&client, 5_000).unwrap_err();
        assert_refused(&error, 400, "");
        let detail = error.detail().unwrap();
        assert!(
            detail.contains("temperature must be 1") && detail.contains("sent again without temperature"),
            "{detail}"
        );
        assert!(detail.contains("you may not"), "{detail}");
        assert_eq!(server.seen().len(), 2 * turn);
    }
    assert!(body(&server.seen()[2]).get("temperature").is_some() && client.take_notes().is_empty());
}

/// Forgets everything.
struct Forgetful;

impl Lessons for Forgetful {
    fn recall(&self, _: &[u8; 32]) -> Option<Variation> {
        None
    }

    fn keep(&self, _: &[u8; 32], _: Variation) {}

    fn forget(&self, _: &[u8; 32]) {}
}

#[test]
fn works_without_memory_and_shares_one_that_lasts() {
    let server = Server::start(|_, request, stream| without_tools(request, stream));
    let client = signing_client(&bedrock(&server)).learning_into(Box::new(Forgetful));
    for turn in 1..=2 {
        assert_eq!(complete(&client, 5_000).unwrap(), expected());
        assert_eq!(server.seen().len(), 2 * turn, "nothing is kept");
    }
    struct Shared(Arc<OwnLessons>);
    impl Lessons for Shared {
        fn recall(&self, key: &[u8; 32]) -> Option<Variation> {
            self.0.recall(key)
        }
        fn keep(&self, key: &[u8; 32], variation: Variation) {
            self.0.keep(key, variation);
        }
        fn forget(&self, key: &[u8; 32]) {
            self.0.forget(key);
        }
    }
    let lessons = Arc::new(OwnLessons::default());
    for _ in 0..2 {
        let client = signing_client(&bedrock(&server)).learning_into(Box::new(Shared(Arc::clone(&lessons))));
        assert_eq!(complete(&client, 5_000).unwrap(), expected());
    }
    assert_eq!(server.seen().len(), 4 + 3, "the second client knows what the first learned");
    let elsewhere = Server::start(|_, request, stream| without_tools(request, stream));
    let client = signing_client(&bedrock(&elsewhere)).learning_into(Box::new(Shared(lessons)));
    complete(&client, 5_000).unwrap();
    assert_eq!(elsewhere.seen().len(), 2, "of another endpoint nothing is known");
}

/// A form that was learned, and whose replies cannot be used, is learned no longer: one odd reply does not count for an hour.
#[test]
fn forgets_what_does_not_serve() {
    let server = Server::start(|number, request, stream| match number {
        0 | 1 | 3.. => without_tools(request, stream),
        _ => answer(stream, 200, &[], b"{}"),
    });
    let client = signing_client(&bedrock(&server));
    complete(&client, 5_000).unwrap();
    assert!(matches!(complete(&client, 5_000), Err(ModelError::Reply(_))));
    assert_eq!(server.seen().len(), 3, "by the form that was learned");
    complete(&client, 5_000).unwrap();
    assert_eq!(server.seen().len(), 5, "and anew");
}

/// What is configured is not left out, so that nothing is sent twice for it.
#[test]
fn keeps_a_temperature_that_is_configured() {
    let server = Server::start(|_, _, stream| says(stream, 400, "prod does not support this temperature"));
    let settings = ModelSettings { request_fields: "{\"temperature\": 0.5}".to_owned(), ..openai(&server) };
    assert_refused(&complete(&open(&settings), 5_000).unwrap_err(), 400, "");
    let seen = server.seen();
    assert!(seen.len() == 1 && body(&seen[0])["temperature"] == 0.5);
}

#[test]
fn sends_what_is_configured() {
    let server = Server::start(|_, _, stream| answer(stream, 200, &[], &chat()));
    let settings = ModelSettings {
        most_tokens: MostTokens { verdict: 50, sql: 70, answer: 90 },
        effort: "low".to_owned(),
        service_tier: "flex".to_owned(),
        request_fields: "{\"top_k\": 1}".to_owned(),
        ..openai(&server)
    };
    let client = open(&settings);
    for task in [Task::Validate, Task::Write, Task::Narrate] {
        run(client.complete(task, &prompt(), within(5_000), &Cell::default())).unwrap();
    }
    let seen: Vec<Value> = server.seen().iter().map(body).collect();
    assert_eq!(seen.iter().map(|body| body["max_tokens"].as_u64().unwrap()).collect::<Vec<_>>(), [50, 70, 90]);
    assert!(
        seen.iter()
            .all(|body| body["reasoning_effort"] == "low" && body["service_tier"] == "flex" && body["top_k"] == 1)
    );
    let settings = ModelSettings { request_fields: "{\"messages\": []}".to_owned(), ..settings };
    assert!(matches!(Client::open_in(&settings, &no_environment), Err(ModelError::Configuration(_))));
}
