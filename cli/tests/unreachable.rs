//! A fabric that is not there: exit 5 with a hint within 3 s, whatever is wrong with it.

mod support;

use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};
use support::Cli;

/// The promise, and what starting a process on a busy machine may add.
const LIMIT: Duration = Duration::from_millis(3_000 + 1_500);

const COMMANDS: &[&[&str]] = &[
    &["vmix", "cut", "my", "--input", "1"],
    &["vmix", "cut", "my", "--deadline", "60s"],
    &["vmix", "test", "my"],
    &["status"],
    &["node", "list"],
    &["witness", "log"],
    &["witness", "head"],
    &["witness", "verify"],
    &["witness", "tail"],
    &["trust", "list"],
    &["trust", "revoke", "eve"],
];

fn each_is_unreachable(cli: &Cli, url: &str) {
    thread::scope(|scope| {
        for line in COMMANDS {
            scope.spawn(move || {
                let began = Instant::now();
                let ran = cli.run(line.iter().chain(&["--nats", url])).expect(5);
                let took = began.elapsed();
                assert!(took < LIMIT, "{line:?} took {took:?}");
                assert!(ran.stderr.contains("error: ") && ran.stderr.contains("hint: "), "{line:?}: {}", ran.stderr);
            });
        }
    });
}

#[test]
fn nobody_listens() {
    let cli = Cli::initialised();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    each_is_unreachable(&cli, &format!("nats://127.0.0.1:{port}"));
}

#[test]
fn somebody_listens_and_never_speaks() {
    let cli = Cli::initialised();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    each_is_unreachable(&cli, &format!("nats://{}", listener.local_addr().unwrap()));
}

#[test]
fn somebody_speaks_garbage() {
    let cli = Cli::initialised();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                // The client may hang up at any time.
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                let _ = stream.read(&mut [0; 64]);
            });
        }
    });
    each_is_unreachable(&cli, &format!("nats://{address}"));
}

#[test]
fn the_document_says_that_nothing_was_sent() {
    let cli = Cli::initialised();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("nats://127.0.0.1:{port}");
    let document = cli.run(["vmix", "cut", "my", "--json", "--nats", &url]).expect(5).json();
    assert_eq!(document["status"], json!("not_sent"));
    assert_eq!(document["error"]["code"], json!("unreachable"));
    assert_eq!((&document["operation"], &document["instance"]), (&json!("vmix.cut"), &json!("my")));
    assert!(document["command_id"].is_string() && document["trace_id"].is_string());
    assert!(document["witness"].is_null() && document["result_witness"].is_null() && document.get("result").is_none());
    let status = cli.run(["status", "--json", "--nats", &url]).expect(5).json();
    assert_eq!(status["status"], json!("down"));
}
