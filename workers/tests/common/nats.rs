//! A nats-server of the test's own, on a free loopback port, gone with the test.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

pub struct Nats {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Nats {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (child, port) = spawn(&dir, -1);
        Self { child, port, dir }
    }
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
    /// Again on the same port, with nothing remembered.
    pub fn restart(&mut self) {
        self.child = spawn(&self.dir, i32::from(self.port)).0;
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(dir: &tempfile::TempDir, port: i32) -> (Child, u16) {
    let binary =
        std::env::var_os("IF_NATS_SERVER").expect("set IF_NATS_SERVER to a nats-server binary (`make test` does)");
    let mut child = Command::new(&binary)
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
        .arg(dir.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; set IF_NATS_SERVER to a nats-server binary", binary.display()));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut bound = 0;
    for line in lines.by_ref() {
        let Ok(line) = line else { break };
        if let Some((_, address)) = line.split_once("Listening for client connections on ") {
            bound = address.rsplit(':').next().unwrap().trim().parse().unwrap();
        }
        if line.contains("Server is ready") {
            // Keeps the pipe empty, so that the server never blocks on it.
            std::thread::spawn(move || lines.for_each(drop));
            return (child, bound);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("nats-server ended before it was ready");
}
