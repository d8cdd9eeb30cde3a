//! Broker, worker and nats-server as processes of their own, each killed and started again by hand.

use crate::{Client, Keys, world};
use anyhow::{Context, Result, ensure};
use if_harness::{
    fabric::bin_dir,
    nats::{NatsServer, wait_for},
};
use if_schemas::{CommandId, SigningKey, query::NODES, query::NodesAnswer};
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

const START: Duration = Duration::from_secs(20);

pub struct Killed(pub Child);

impl Killed {
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

pub struct Processes {
    broker: Killed,
    worker: Killed,
    nats: NatsServer,
    url: String,
    dir: tempfile::TempDir,
}

impl Processes {
    pub async fn start() -> Result<Self> {
        Self::start_with(|_| Ok(())).await
    }

    /// With more in the home directory, from the beginning.
    pub async fn start_with(more: impl FnOnce(&if_home::Home) -> Result<()>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let home = world::make_home(dir.path(), &Keys::default())?;
        std::fs::create_dir_all(home.providers_dir())?;
        std::fs::write(home.providers_dir().join("noop.yaml"), "instances:\n  main: {}\n")?;
        more(&home)?;
        let nats = NatsServer::start()?;
        let url = nats.url();
        let broker = broker(&dir, &url)?;
        let worker = worker(&dir, &url)?;
        let this = Self { broker, worker, nats, url, dir };
        let client = this.client().await?;
        let served = async {
            loop {
                let nodes: Result<NodesAnswer> = client.query(NODES, &()).await;
                if nodes.is_ok_and(|n| n.nodes.iter().any(|n| !n.instances.is_empty())) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(START, served).await.context("the fabric does not start")?;
        Ok(this)
    }

    pub async fn client(&self) -> Result<Client> {
        Client::connect(&self.url, Keys::default().broker.public()).await
    }

    pub fn operator(&self) -> SigningKey {
        Keys::default().operator
    }

    pub fn kill_broker(&mut self) -> Result<()> {
        self.broker.kill()?;
        self.broker = broker(&self.dir, &self.url)?;
        Ok(())
    }

    pub fn kill_worker(&mut self) -> Result<()> {
        self.worker.kill()?;
        self.worker = worker(&self.dir, &self.url)?;
        Ok(())
    }

    pub fn kill_nats(&mut self) -> Result<()> {
        self.nats.restart()
    }

    /// What the worker executed, over all its lives.
    pub fn executions(&self) -> Result<Vec<(CommandId, String)>> {
        let text = std::fs::read_to_string(self.dir.path().join("executions"))?;
        let parse = |line: &str| {
            let (id, operation) = line.split_once(' ').context("a torn line")?;
            Ok((id.parse()?, operation.to_string()))
        };
        text.lines().map(parse).collect()
    }

    /// Kills everything; gives the home directory.
    pub fn stop(mut self) -> Result<tempfile::TempDir> {
        self.broker.kill()?;
        self.worker.kill()?;
        Ok(std::mem::replace(&mut self.dir, tempfile::tempdir()?))
    }
}

fn broker(dir: &tempfile::TempDir, url: &str) -> Result<Killed> {
    spawn(bin_dir()?.join("if-broker"), dir, &["--home", &dir.path().to_string_lossy(), "--nats", url], "broker.log")
}

fn worker(dir: &tempfile::TempDir, url: &str) -> Result<Killed> {
    let file = dir.path().join("executions");
    let home = dir.path().to_string_lossy();
    spawn(bin_dir()?.join("if-test-worker"), dir, &[&home, url, &file.to_string_lossy()], "worker.log")
}

fn spawn(binary: PathBuf, dir: &tempfile::TempDir, args: &[&str], log: &str) -> Result<Killed> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.path().join(log))?;
    ensure!(binary.exists(), "{} is missing: run `cargo build --workspace`", binary.display());
    Ok(Killed(Command::new(binary).args(args).stdout(Stdio::null()).stderr(log).spawn()?))
}

/// A broker of which one waits for the end.
pub struct Mortal {
    child: Killed,
    said: Option<std::thread::JoinHandle<String>>,
}

impl Mortal {
    /// `before`: the words that start it otherwise than directly.
    pub fn start(before: &[String], home: &std::path::Path, url: &str) -> Result<Self> {
        let broker = bin_dir()?.join("if-broker").to_string_lossy().into_owned();
        let words = [before, &[broker]].concat();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--home", &home.to_string_lossy(), "--nats", url]);
        let mut child = Killed(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?);
        let mut stderr = child.0.stderr.take().context("stderr")?;
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
            text
        });
        Ok(Self { child, said: Some(said) })
    }

    /// Waits until it ends by itself; its exit code and what it said.
    pub fn end(mut self) -> Result<(i32, String)> {
        let status = wait_for("the broker's end", START, || self.child.0.try_wait().ok().flatten())?;
        let said = self.said.take().context("ended once")?;
        Ok((status.code().unwrap_or(-1), said.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?))
    }
}

/// Runs the broker until it ends by itself; its exit code and what it said.
pub fn broker_ends(home: &std::path::Path, url: &str) -> Result<(i32, String)> {
    Mortal::start(&[], home, url)?.end()
}
