//! A server on loopback for the tests of this layer: real sockets, and every byte of an answer in the test's hands.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What came in.
#[derive(Debug, Clone)]
pub(in crate::llm) struct Request {
    /// Counts connections from 0.
    pub connection: usize,
    pub method: String,
    /// With the query, as it was sent.
    pub path: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Writes an answer to the n-th request of the server, counted from 0; false closes the connection.
type Script = dyn Fn(usize, &Request, &mut TcpStream) -> bool + Send + Sync;

pub(in crate::llm) struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub fn start(script: impl Fn(usize, &Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (script, to_see, to_stop): (Arc<Script>, _, _) =
            (Arc::new(script), Arc::clone(&seen), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                if to_stop.load(Ordering::SeqCst) {
                    return;
                }
                let (script, seen, stream) = (Arc::clone(&script), Arc::clone(&to_see), stream.unwrap());
                std::thread::spawn(move || serve(connection, stream, &*script, &seen));
            }
        });
        Self { port, seen, stopped }
    }

    /// Answers every request with one status and body.
    pub fn answering(status: u16, body: &'static [u8]) -> Self {
        Self::start(move |_, _, stream| answer(stream, status, &[], body))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(connection: usize, mut stream: TcpStream, script: &Script, seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(connection, &mut reader) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        if !script(number, &request, &mut stream) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read(connection: usize, reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut parts = line.split_whitespace();
    let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        assert!(headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()).is_none(), "{name} twice");
    }
    let length = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { connection, method, path, headers, body })
}

/// Writes a whole answer and keeps the connection.
pub(in crate::llm) fn answer(stream: &mut TcpStream, status: u16, headers: &[(&str, &str)], body: &[u8]) -> bool {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_ok()
}

/// Writes what it is given and closes the connection.
pub(in crate::llm) fn cut(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let _ = stream.write_all(bytes);
    false
}

/// Says nothing until the other side closes, for half a minute at most; true if it did.
pub(in crate::llm) fn hang(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    matches!(stream.read(&mut [0]), Ok(0))
}

/// A runtime as a backend has it: one thread.
pub(in crate::llm) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs one future on a runtime of its own.
pub(in crate::llm) fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

pub(in crate::llm) fn within(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}
