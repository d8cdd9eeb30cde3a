//! `if-sim` as a program: what it prints, and what it refuses.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(5);

/// A running `if-sim`, killed when the test is over.
struct Sim {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Sim {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_if-sim"))
            .args(["vmix", "--http-port", "0", "--tcp-port", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(listening: &Value) -> BufReader<TcpStream> {
    let port = u16::try_from(listening["tcp_port"].as_u64().unwrap()).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    BufReader::new(stream)
}

fn reply(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    line
}

#[test]
fn it_prints_its_ports_and_every_function() {
    let mut sim = Sim::start(&["--inputs", "7", "--vmix-version", "28.0.0.1", "--program", "5", "--delay-ms", "0"]);
    let listening = sim.line();
    assert_eq!((&listening["event"], &listening["peer"]), (&json!("listening"), &json!("vmix")));
    assert_ne!(listening["http_port"], listening["tcp_port"]);
    let mut client = connect(&listening);
    assert_eq!(reply(&mut client), "VERSION OK 28.0.0.1\r\n");
    client.get_mut().write_all(b"TALLY\r\nFUNCTION Fade Input=2&Duration=10\r\nFUNCTION Nonsense\r\n").unwrap();
    assert_eq!(reply(&mut client), "TALLY OK 0200100\r\n");
    assert_eq!(
        sim.line(),
        json!({"event": "function", "via": "tcp", "function": "Fade", "params": {"Input": "2", "Duration": "10"}, "modelled": true})
    );
    assert_eq!(
        sim.line(),
        json!({"event": "function", "via": "tcp", "function": "Nonsense", "params": {}, "modelled": false})
    );
}

#[test]
fn faults_can_be_chosen() {
    let mut sim = Sim::start(&["--tcp-fault", "garbage"]);
    let mut client = connect(&sim.line());
    let mut bytes = Vec::new();
    client.read_until(b'\n', &mut bytes).unwrap();
    assert!(String::from_utf8(bytes).is_err());
}

#[test]
fn what_it_cannot_do_it_refuses() {
    let refused = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_if-sim")).arg("vmix").args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, _) = refused(&["--tcp-port", "70000"]);
    assert_eq!(code, Some(2));
    let (code, message) = refused(&["--inputs", "1001", "--tcp-port", "0", "--http-port", "0"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("vMix has at most 1000"), "{message}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, message) = refused(&["--tcp-port", &port, "--http-port", "0"]);
    assert_eq!(code, Some(1));
    assert!(message.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{message}");
}
