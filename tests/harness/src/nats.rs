//! A real nats-server on a free loopback port, stopped by pid.

use crate::process;
use anyhow::{Context, bail};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long the server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(10);

pub struct NatsServer {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl NatsServer {
    /// Starts with JetStream and without credentials.
    pub fn start() -> anyhow::Result<Self> {
        let (port, dir) = (process::free_port()?, tempfile::tempdir()?);
        Ok(Self { child: spawn(port, dir.path())?, port, dir })
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server (SIGKILL) and starts another on the same port. Memory streams are gone.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(self.port, self.dir.path())?;
        Ok(())
    }
}

/// Gives a server that is ready.
fn spawn(port: u16, dir: &Path) -> anyhow::Result<Child> {
    let mut child = Command::new(binary()?)
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(dir)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("nats-server does not start")?;
    let stderr = child.stderr.take().context("no stderr")?;
    let (sender, ready) = std::sync::mpsc::channel();
    // Reads on for ever, so that the server never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains("Server is ready") {
                let _ = sender.send(());
            }
        }
    });
    if ready.recv_timeout(START_TIMEOUT).is_ok() {
        return Ok(child);
    }
    child.kill()?;
    child.wait()?;
    bail!("nats-server did not become ready within {START_TIMEOUT:?}")
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server binary: `IF_NATS_SERVER`, then PATH.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("IF_NATS_SERVER").map(PathBuf::from).filter(|p| p.exists()) {
        return Ok(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|d| d.join("nats-server")).find(|p| p.exists());
    found.context("nats-server is not here: run `make setup`, or set IF_NATS_SERVER")
}

/// Polls `check` until it gives a value; an error with `what` after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("{what} did not happen within {limit:?}");
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
