//! A disk that does not take writes: the broker ends with a clear error, and works again once the disk does.

use anyhow::{Context, Result, ensure};
use if_harness::nats::NatsServer;
use if_home::Home;
use if_schemas::{Effect, Head, Payload, head::Receipt, payload::Arguments};
use if_tests::processes::{Killed, Mortal, broker_ends};
use if_tests::{Client, Keys, world};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Small enough to be full soon, large enough for the files of an empty log.
const SMALL_BYTES: u64 = 24 * 1024 * 1024;
const LARGE_BYTES: u64 = 128 * 1024 * 1024;
/// Of each command, so that the disk is full after some dozens.
const PAYLOAD_BYTES: usize = 400_000;
/// Commands that must be enough to fill it.
const COMMANDS_MAX: usize = 200;
/// How long a broker may take to answer after its start.
const START: Duration = Duration::from_secs(20);

/// A file system of its own for one directory, in a mount namespace that lasts as long as this.
struct SmallDisk {
    holder: Killed,
    dir: String,
}

impl SmallDisk {
    fn new(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.to_string_lossy().into_owned();
        let script =
            format!("mount -t tmpfs -o size={SMALL_BYTES} none '{dir}' && echo mounted && exec sleep infinity");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--propagation", "private", "sh", "-c", &script]);
        let mut holder = Killed(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        let mut said = String::new();
        BufReader::new(holder.0.stdout.take().context("stdout")?).read_line(&mut said)?;
        ensure!(said == "mounted\n", "user namespaces are needed: {said:?}");
        Ok(Self { holder, dir })
    }

    /// The words that run a program where this disk is mounted.
    fn enter(&self) -> Vec<String> {
        let words = ["nsenter", "--preserve-credentials", "--user", "--mount", "--target"];
        words.iter().map(ToString::to_string).chain([self.holder.0.id().to_string()]).collect()
    }

    fn remount(&self, options: &str) -> Result<()> {
        let words = self.enter();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["mount", "-o", &format!("remount,{options}"), &self.dir]);
        ensure!(command.status()?.success(), "remounting {} with {options} failed", self.dir);
        Ok(())
    }
}

/// A log on a small disk, and an operator of it.
struct Scene {
    disk: SmallDisk,
    home: Home,
    nats: NatsServer,
    client: Client,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let keys = Keys::default();
        let home = world::make_home(dir.path(), &keys)?;
        let disk = SmallDisk::new(&home.witness_dir())?;
        let nats = NatsServer::start()?;
        let client = Client::connect(&nats.url(), keys.broker.public()).await?;
        Ok(Self { disk, home, nats, client, _dir: dir })
    }

    async fn broker(&self) -> Result<Mortal> {
        let broker = Mortal::start(&self.disk.enter(), self.home.root(), &self.nats.url())?;
        let answers = async {
            while self.client.head().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(START, answers).await.context("the broker does not answer")?;
        Ok(broker)
    }

    /// One command with a large payload. Nobody serves its instance: it is refused, which is logged all the same.
    async fn command(&self) -> Result<Receipt> {
        let (mut command, _) = self.client.command("noop.set", Effect::Idempotent)?;
        let args = Arguments { args: serde_json::Map::new(), why: Some("x".repeat(PAYLOAD_BYTES)), cause: None };
        let payload = Payload::new(&args, world::new_salt())?;
        command.payload = payload.hash();
        self.client.send(&command, payload, &Keys::default().operator).await
    }

    /// Sends until there is no receipt; the heads of all receipts.
    async fn until_refused_by_the_disk(&self) -> Result<Vec<Head>> {
        let mut heads = Vec::new();
        for _ in 0..COMMANDS_MAX {
            match self.command().await {
                Ok(receipt) => heads.push(receipt.head.context("logged")?),
                Err(_) => return Ok(heads),
            }
        }
        anyhow::bail!("{COMMANDS_MAX} commands did not fill the disk")
    }

    /// Every receipt is in the log, and the log takes more.
    async fn recovered(&self, receipts: &[Head]) -> Result<()> {
        let _broker = self.broker().await?;
        let last = receipts.last().context("no receipt before the disk failed")?;
        ensure!(self.client.head().await? >= last.index, "receipts are missing from the log");
        for head in receipts {
            let hash = self.client.entry_hash(head.index).await?;
            ensure!(hash == head.hash, "the receipt of entry {} is not in the log", head.index);
        }
        ensure!(self.command().await?.head.context("logged")?.index > last.index);
        Ok(())
    }
}

fn closed_clearly((code, text): (i32, String), cause: &str) {
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("witness") && text.contains(cause) && text.contains("hint:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_closes_the_log_until_there_is_space_again() -> Result<()> {
    let scene = Scene::new().await?;
    let broker = scene.broker().await?;
    let receipts = scene.until_refused_by_the_disk().await?;
    closed_clearly(broker.end()?, "No space left");
    scene.disk.remount(&format!("size={LARGE_BYTES}"))?;
    scene.recovered(&receipts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_a_clear_error_until_it_is_writable_again() -> Result<()> {
    let scene = Scene::new().await?;
    let broker = scene.broker().await?;
    let receipts = vec![scene.command().await?.head.context("logged")?];
    drop(broker);
    scene.disk.remount("ro")?;
    closed_clearly(Mortal::start(&scene.disk.enter(), scene.home.root(), &scene.nats.url())?.end()?, "Read-only");
    scene.disk.remount("rw")?;
    scene.recovered(&receipts).await
}

#[test]
fn a_data_directory_that_cannot_be_written_is_a_clear_error() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let home = world::make_home(dir.path(), &Keys::default())?;
    let nats = NatsServer::start()?;
    // A file where the directory should be: refused whoever runs the test, root included.
    std::fs::write(home.witness_dir(), b"not a directory")?;
    let (code, text) = broker_ends(home.root(), &nats.url())?;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("witness") && text.contains("hint:"), "{text}");
    Ok(())
}

#[test]
fn a_log_of_another_broker_is_refused() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let home = world::make_home(dir.path(), &Keys::default())?;
    let nats = NatsServer::start()?;
    let key = home.key_file("broker");
    std::fs::remove_file(&key)?;
    std::fs::remove_file(if_home::keys::public_file(&key))?;
    if_home::keys::write_new(&key, &world::seed(77))?;
    let (code, text) = broker_ends(home.root(), &nats.url())?;
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("names another broker key") && text.contains("hint:"), "{text}");
    Ok(())
}
