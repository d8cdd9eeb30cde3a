//! A running fabric of real parts, and a simulated vMix, for tests of the command line.

use super::{Cli, Ran, binary};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longest wait for something that happens by itself.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running fabric, stopped at the end.
pub struct Fabric {
    pub cli: Cli,
}

impl Fabric {
    pub fn up() -> Self {
        let fabric = Self { cli: Cli::initialised() };
        // Ports of its own: a test at the same time would take 4222 and 9464 while a part of this one is down.
        fabric.cli.run(["up", "--detach", "--port", "0", "--http", "127.0.0.1:0"]).expect(0);
        fabric
    }

    pub fn pids(&self) -> Value {
        serde_json::from_slice::<Value>(&fs::read(self.cli.home().join("run/fabric.json")).unwrap()).unwrap()["pids"]
            .clone()
    }

    pub fn url(&self) -> String {
        let file: Value = serde_json::from_slice(&fs::read(self.cli.home().join("run/fabric.json")).unwrap()).unwrap();
        file["nats_url"].as_str().unwrap().to_string()
    }

    pub fn with_vmix() -> (Self, Vmix) {
        let (fabric, vmix) = (Self::up(), Vmix::start());
        let added = fabric.add(&vmix).expect(0).json();
        assert_eq!((&added["fabric_up"], &added["state"]), (&json!(true), &json!("ok")), "{added}");
        (fabric, vmix)
    }

    pub fn add(&self, vmix: &Vmix) -> Ran {
        let (http, tcp) = (vmix.http_port.to_string(), vmix.tcp_port.to_string());
        self.cli.run(["vmix", "add", "myvmix", "--host", "127.0.0.1", "--port", &http, "--tcp-port", &tcp, "--json"])
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        // By hand and without asserting: a failing test must not leave processes behind.
        let _ = self.cli.command(["down"]).output();
    }
}

pub struct Vmix {
    pub child: Child,
    pub http_port: u64,
    pub tcp_port: u64,
}

impl Vmix {
    pub fn start() -> Self {
        let mut child = Command::new(sibling("if-sim"))
            .args(["vmix", "--http-port", "0", "--tcp-port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap();
        let port = |name: &str| listening[name].as_u64().unwrap();
        Self { http_port: port("http_port"), tcp_port: port("tcp_port"), child }
    }
}

impl Drop for Vmix {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn sibling(name: &str) -> PathBuf {
    let path = binary().with_file_name(name);
    assert!(path.exists(), "{} is missing: run ops/binaries (or cargo build --workspace)", path.display());
    path
}

pub fn is_alive(pid: &Value) -> bool {
    let pid = pid.as_i64().and_then(|p| i32::try_from(p).ok()).and_then(rustix::process::Pid::from_raw).unwrap();
    // A process that has ended and that nobody has waited for does not run any more.
    let is_zombie =
        || fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).is_ok_and(|s| s.contains(") Z "));
    rustix::process::test_kill_process(pid).is_ok() && !is_zombie()
}

pub fn signal(pid: i64, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come true within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
