//! One POST against servers that behave, and against servers that do not.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Server, answer, cut, hang, run, runtime, within};
use super::*;

fn url(server: &Server) -> Url {
    Url::parse(&server.url("/path?key=in-the-query")).unwrap()
}

async fn post_to(url: Url, milliseconds: u64) -> Result<Response, ModelError> {
    post(&client().unwrap(), url, HeaderMap::new(), b"{}".to_vec(), within(milliseconds)).await
}

fn posted(server: &Server, milliseconds: u64) -> Result<Response, ModelError> {
    run(post_to(url(server), milliseconds))
}

fn assert_lost(outcome: Result<Response, ModelError>, expected: &str) {
    let error = outcome.unwrap_err();
    let ModelError::Unreachable { step, detail } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*step, expected, "{detail}");
    assert!(!detail.is_empty() && detail.len() <= MAX_DETAIL_BYTES, "{detail}");
    assert!(!detail.contains("key") && !detail.contains(char::is_control), "{detail}");
}

#[test]
fn sends_exactly_what_it_is_given_and_reads_the_answer() {
    let server = Server::start(|_, _, stream| {
        answer(stream, 200, &[("X-Amzn-Thing", "a b"), ("X-Bin", "\u{80}")], b"{\"a\":1}")
    });
    let mut headers = HeaderMap::new();
    headers.insert("x-key", secret_value("the key", "it").unwrap());
    let response = run(async { post(&client().unwrap(), url(&server), headers, b"{}".to_vec(), within(2_000)).await });
    let response = response.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (200, &b"{\"a\":1}"[..]));
    assert_eq!(response.header("x-amzn-thing").as_deref(), Some("a b"));
    assert_eq!((response.header("x-bin"), response.header("x-other")), (None, None));
    assert_eq!(format!("{response:?}"), "Response { status: 200, bytes: 7, .. }");
    let seen = server.seen();
    let names: Vec<&str> = seen[0].headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["accept", "content-length", "host", "user-agent", "x-key"]);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/path?key=in-the-query"));
    assert_eq!((seen[0].header("x-key"), seen[0].body.as_slice()), ("the key", &b"{}"[..]));
    assert_eq!(seen[0].header("host"), format!("127.0.0.1:{}", server.port));
}

#[test]
fn uses_a_connection_again_while_it_is_open() {
    let server = Server::answering(200, b"{}");
    let (runtime, client) = (runtime(), client().unwrap());
    for _ in 0..3 {
        let call = post(&client, url(&server), HeaderMap::new(), Vec::new(), within(2_000));
        assert_eq!(runtime.block_on(call).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.seen().iter().map(|request| request.connection).collect::<Vec<_>>(), [0, 0, 0]);
}

#[test]
fn notices_a_connection_that_was_closed_while_nobody_looked() {
    let server = Server::start(|_, _, stream| {
        answer(stream, 200, &[], b"{}");
        false
    });
    let (runtime, client) = (runtime(), client().unwrap());
    for number in 0..10 {
        let call = post(&client, url(&server), HeaderMap::new(), Vec::new(), within(2_000));
        assert_eq!(runtime.block_on(call).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(server.seen()[number].connection, number);
    }
}

#[test]
fn keeps_the_deadline_before_within_and_between_the_bytes() {
    let silent = Server::start(|_, _, stream| hang(stream));
    let half = Server::start(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").unwrap();
        hang(stream)
    });
    let drip = Server::start(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n").unwrap();
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    });
    for server in [&silent, &half, &drip] {
        let begun = Instant::now();
        assert_eq!(posted(server, 200).unwrap_err(), ModelError::Deadline);
        let taken = begun.elapsed();
        assert!(taken >= Duration::from_millis(200) && taken < Duration::from_millis(1_500), "{taken:?}");
    }
    assert_eq!(posted(&silent, 0).unwrap_err(), ModelError::Deadline);
}

#[test]
fn names_the_step_at_which_a_connection_is_lost() {
    let mut refused = Url::parse("http://127.0.0.1:1/?key=in-the-query").unwrap();
    assert_lost(run(post_to(refused.clone(), 2_000)), CONNECTING);
    refused.set_host(Some("no-such-host.invalid")).unwrap();
    assert_lost(run(post_to(refused, 5_000)), CONNECTING);
    assert_lost(posted(&Server::start(|_, _, _| false), 2_000), SENDING);
    assert_lost(posted(&Server::start(|_, _, stream| cut(stream, b"\x07SSH-2.0\r\n\0\x1b[2J")), 2_000), SENDING);
    assert_lost(posted(&Server::start(|_, _, stream| cut(stream, b"HTTP/1.1 200 OK\r\ncont")), 2_000), SENDING);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"output\":";
    assert_lost(posted(&Server::start(|_, _, stream| cut(stream, half)), 2_000), READING);
    let half = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"ou\r\n";
    assert_lost(posted(&Server::start(|_, _, stream| cut(stream, half)), 2_000), READING);
    let nonsense = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    assert_lost(posted(&Server::start(|_, _, stream| cut(stream, nonsense)), 2_000), READING);
}

#[test]
fn speaks_no_http_where_tls_is_asked_for() {
    let server = Server::answering(200, b"{}");
    let mut secure = url(&server);
    secure.set_scheme("https").unwrap();
    assert_lost(run(post_to(secure, 5_000)), CONNECTING);
    assert!(server.seen().is_empty());
}

/// Sends a body of 50 MB for as long as the client reads it, and counts it.
fn flood(announced: bool) -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let server = Server::start(move |_, _, stream| {
        let head = if announced { "content-length: 52428800" } else { "transfer-encoding: chunked" };
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).unwrap();
        let chunk = vec![b' '; 65_536];
        for _ in 0..800 {
            let framed = if announced { chunk.clone() } else { [b"10000\r\n", chunk.as_slice(), b"\r\n"].concat() };
            if stream.write_all(&framed).is_err() {
                break;
            }
            counter.fetch_add(chunk.len(), Ordering::SeqCst);
        }
        false
    });
    (server, sent)
}

#[test]
fn stops_reading_a_body_at_the_cap() {
    for announced in [true, false] {
        let (server, sent) = flood(announced);
        assert_eq!(posted(&server, 10_000).unwrap_err(), too_large());
        std::thread::sleep(Duration::from_millis(100));
        // The cap, and what the two sockets' buffers took unread.
        assert!(sent.load(Ordering::SeqCst) < 24 * 1024 * 1024, "{sent:?}");
    }
    let largest = Server::start(|_, _, stream| answer(stream, 200, &[], &vec![b' '; MAX_BODY_BYTES]));
    assert_eq!(posted(&largest, 10_000).unwrap().body.len(), MAX_BODY_BYTES);
    let larger = Server::start(|_, _, stream| answer(stream, 200, &[], &vec![b' '; MAX_BODY_BYTES + 1]));
    assert_eq!(posted(&larger, 10_000).unwrap_err(), too_large());
}

#[test]
fn reads_of_an_error_no_more_than_its_beginning() {
    let server = Server::start(|_, _, stream| answer(stream, 500, &[], &vec![b'e'; 1_000_000]));
    let response = posted(&server, 5_000).unwrap();
    assert_eq!((response.status, response.body.len()), (500, MAX_ERROR_BYTES));
    assert_eq!(response.body, vec![b'e'; MAX_ERROR_BYTES]);
}

#[test]
fn follows_no_redirect() {
    let elsewhere = Server::answering(200, b"{}");
    let location = elsewhere.url("/");
    let server = Server::start(move |_, _, stream| answer(stream, 307, &[("location", &location)], b""));
    assert_eq!(posted(&server, 2_000).unwrap().status, 307);
    assert!(elsewhere.seen().is_empty() && server.seen().len() == 1);
}

#[test]
fn closes_the_connection_of_a_call_that_is_dropped() {
    let (report, closed) = std::sync::mpsc::channel();
    let report = std::sync::Mutex::new(report);
    let server = Server::start(move |_, _, stream| {
        report.lock().unwrap().send(hang(stream)).unwrap();
        false
    });
    let (runtime, client) = (runtime(), client().unwrap());
    runtime.block_on(async {
        let call = post(&client, url(&server), HeaderMap::new(), Vec::new(), within(30_000));
        assert!(timeout_at((Instant::now() + Duration::from_millis(100)).into(), call).await.is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    assert!(closed.recv_timeout(Duration::from_secs(5)).unwrap());
}

#[test]
fn rejects_a_secret_that_is_no_header_and_does_not_repeat_it() {
    for text in ["a\nb", "a\r\nx-other: b", "a\0", "sch\u{fc}ssel", "\u{7f}", "\t"] {
        let error = secret_value(text, "the API key").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model cannot be called: the API key holds characters that no HTTP header may hold"
        );
    }
    let value = secret_value("the key", "it").unwrap();
    assert_eq!(format!("{value:?}"), "Sensitive");
}

/// An environment that would send the call elsewhere, or leave it without certificates, in a process of its own.
#[test]
fn heeds_no_proxy_and_needs_no_certificates_on_loopback() {
    let (server, proxy) = (Server::answering(200, b"{}"), Server::answering(502, b""));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "llm::http::tests::child", "--ignored", "--nocapture"]);
    child
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .env("CHILD_URL", server.url("/child"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url(""));
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(proxy.seen().is_empty());
    assert_eq!(server.seen()[0].path, "/child");
}

#[test]
#[ignore = "run by heeds_no_proxy_and_needs_no_certificates_on_loopback"]
fn child() {
    let url = std::env::var("CHILD_URL").unwrap();
    assert_eq!(run(post_to(Url::parse(&url).unwrap(), 5_000)).unwrap().status, 200);
    assert_lost(run(post_to(Url::parse(&url.replace("http:", "https:")).unwrap(), 5_000)), CONNECTING);
}
