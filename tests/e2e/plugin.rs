//! Executable plugins: a real broker, a real worker and a plugin in Python that can misbehave in every way.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use if_bus::Subscription;
use if_harness::{fabric::Fabric, pager};
use if_schemas::{
    Body, Command, Effect, Entry, Envelope, Payload, ResultEvent, Status, TrustChange, TrustOp,
    head::Verdict,
    outcome::Progress,
    payload::Arguments,
    presence::InstanceState,
    query::{NODES, NodesAnswer},
    subject,
    wire::{Committed, Message as _, Submission},
};
use if_tests::{InProcess, world};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, time::Duration};
use tokio::time::Instant;

/// Longest wait for something that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fabric in this process whose worker finds the plugin while it runs.
struct Stage {
    fabric: InProcess,
    folder: PathBuf,
}

/// What came of a command.
struct Ended {
    status: Status,
    document: Value,
    progress: Vec<String>,
}

impl Stage {
    async fn start() -> Result<Self> {
        let fabric = InProcess::start(true).await?;
        let folder = pager::install(&fabric.home.plugins_dir())?;
        std::fs::write(fabric.home.providers_dir().join("pager.yaml"), "instances:\n  main: {room: attic}\n")?;
        Ok(Self { fabric, folder })
    }

    /// Started, trusted and connected.
    async fn trusted() -> Result<Self> {
        let stage = Self::start().await?;
        stage.until(InstanceState::BadConfig).await?;
        stage.trust().await?;
        stage.until(InstanceState::Ok).await?;
        Ok(stage)
    }

    async fn trust(&self) -> Result<()> {
        let op = TrustOp::Pin { plugin: "pager".parse()?, hash: if_plugin_files::content_hash(&self.folder)? };
        let (id, issued_at) = (world::new_command_id(), world::now());
        let change = TrustChange { id, issued_at, deadline: issued_at.saturating_add_us(5_000_000), op };
        let submission = Submission { envelope: Envelope::seal(&change, &self.fabric.keys.admin)?, payload: None };
        let receipt = self.fabric.client.send_raw(subject::TRUST, submission.to_message()?).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        Ok(())
    }

    /// Waits until the instance is in `state`; gives what it says.
    async fn until(&self, state: InstanceState) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let nodes: NodesAnswer = self.fabric.client.query(NODES, &()).await?;
            let mut all = nodes.nodes.into_iter().flat_map(|n| n.instances);
            let found = all.find(|i| i.provider.as_str() == "pager");
            match found {
                Some(i) if i.state == state => return Ok(i.detail.unwrap_or_default()),
                other => ensure!(Instant::now() < deadline, "pager/main did not become {state:?}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn command(&self, verb: &str, effect: Effect, time: Duration) -> Result<(Command, Payload)> {
        let (mut command, _) = self.fabric.client.command(&format!("chat.{verb}"), effect)?;
        let text = Map::from_iter([("text".to_string(), json!("hello"))]);
        let args = if verb == "send" { text } else { Map::new() };
        let payload = Payload::new(&Arguments { args, why: None, cause: None }, world::new_salt())?;
        command.provider = "pager".parse()?;
        command.payload = payload.hash();
        command.deadline = command.issued_at.saturating_add_us(i64::try_from(time.as_micros())?);
        Ok((command, payload))
    }

    async fn run(&self, verb: &str, effect: Effect) -> Result<Ended> {
        self.run_within(verb, effect, Duration::from_secs(10)).await
    }

    async fn run_within(&self, verb: &str, effect: Effect, time: Duration) -> Result<Ended> {
        let (command, payload) = self.command(verb, effect, time)?;
        let mut events = self.fabric.client.events(&command).await?;
        let receipt = self.fabric.client.send(&command, payload, &self.fabric.keys.admin).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "{verb}: {:?}", receipt.verdict);
        tokio::time::timeout(PATIENCE, self.ended(&command, &mut events)).await.with_context(|| verb.to_string())?
    }

    async fn ended(&self, command: &Command, events: &mut Subscription) -> Result<Ended> {
        let mut progress = Vec::new();
        while let Some(message) = events.next().await {
            if message.subject.ends_with(".progress") {
                let said: Progress =
                    Envelope::from_message(&message.payload)?.open(&self.fabric.keys.worker.public())?;
                progress.push(said.message);
            } else if message.subject.ends_with(".result") {
                let committed = Committed::from_message(&message.payload)?;
                let Body::Completed { envelope, .. } = Entry::decode(&committed.entry)?.body else { continue };
                let result: ResultEvent = envelope.open(&self.fabric.keys.worker.public())?;
                if result.command == command.id {
                    let document = committed.payload.context("a result has a document")?.read()?;
                    return Ok(Ended { status: result.status, document, progress });
                }
            }
        }
        anyhow::bail!("the connection closed")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_runs_once_it_is_trusted_and_no_longer_than_it_is_the_same() -> Result<()> {
    let stage = Stage::start().await?;
    let detail = stage.until(InstanceState::BadConfig).await?;
    assert!(detail.contains("not trusted"), "{detail}");
    let refused = stage.run("send", Effect::Once).await?;
    assert_eq!(refused.status, Status::Failed);
    assert!(refused.document.to_string().contains("ifctl plugin trust pager"), "{}", refused.document);
    let work = stage.fabric.home.plugins_data_dir().join("pager/main");
    assert!(!work.exists(), "nothing of it was started");

    stage.trust().await?;
    stage.until(InstanceState::Ok).await?;
    let sent = stage.run("send", Effect::Once).await?;
    assert_eq!((sent.status, sent.progress), (Status::Succeeded, vec!["dialling".to_string()]), "{}", sent.document);
    assert!(sent.document.to_string().contains("attic"), "{}", sent.document);
    assert_eq!(std::fs::read_to_string(work.join("sent.txt"))?, "hello\n");

    // A file beside the program, which Python would import.
    std::fs::write(stage.folder.join("random.py"), "")?;
    let detail = stage.until(InstanceState::BadConfig).await?;
    assert!(detail.contains("changed since it was trusted"), "{detail}");
    let refused = stage.run("send", Effect::Once).await?;
    assert_eq!(refused.status, Status::Failed, "{}", refused.document);
    assert_eq!(std::fs::read_to_string(work.join("sent.txt"))?, "hello\n", "nothing more was sent");
    stage.fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_does_wrong_ends_its_process_and_not_the_worker() -> Result<()> {
    let stage = Stage::trusted().await?;
    let begun = Instant::now();
    let hung = stage.run_within("hang", Effect::Idempotent, Duration::from_secs(1)).await?;
    assert_eq!(hung.status, Status::Indeterminate, "{}", hung.document);
    assert!(begun.elapsed() < Duration::from_secs(4), "the deadline did not hold: {:?}", begun.elapsed());
    let crashed = stage.run("crash", Effect::Once).await?;
    assert_eq!(crashed.status, Status::Indeterminate, "{}", crashed.document);
    assert!(crashed.document.to_string().contains("plugin_ended"), "{}", crashed.document);
    for verb in ["garbage", "huge"] {
        stage.until(InstanceState::Ok).await?;
        let broke = stage.run(verb, Effect::Read).await?;
        assert_eq!(broke.status, Status::Failed, "{}", broke.document);
        assert!(broke.document.to_string().contains("broke the protocol"), "{}", broke.document);
    }
    // Started again each time, and as good as new.
    stage.until(InstanceState::Ok).await?;
    let memory = stage.run("memory", Effect::Read).await?;
    assert!(memory.document.to_string().contains("\"refused\":true"), "{}", memory.document);
    assert_eq!(stage.run("send", Effect::Once).await?.status, Status::Succeeded);
    let (_, _, status) = stage.fabric.client.run("noop.set", Effect::Idempotent, &stage.fabric.keys.operator).await?;
    assert_eq!(status, Status::Succeeded, "other instances go on");
    stage.fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_sees_nothing_of_the_worker() -> Result<()> {
    let stage = Stage::trusted().await?;
    let seen = stage.run("status", Effect::Read).await?;
    let text = seen.document.to_string();
    assert_eq!(seen.status, Status::Succeeded, "{text}");
    assert!(std::env::vars().any(|(name, _)| name.starts_with("CARGO_")), "there is something it must not get");
    assert!(!text.contains("CARGO_") && text.contains("\"LANG\":\"C.UTF-8\""), "{text}");
    let home = stage.fabric.home.root().display().to_string();
    assert!(!text.contains(&format!("{home}/worker")), "a file of the worker was passed on: {text}");
    stage.fabric.stop().await?;
    Ok(())
}

/// The whole of it through the command line: found without a restart, trusted, changed, trusted anew, not trusted.
#[test]
fn trust_is_given_and_taken_with_the_command_line() -> Result<()> {
    let mut fabric = Fabric::up()?;
    let home = fabric.home().to_path_buf();
    let folder = pager::install(&home.join("plugins"))?;
    std::fs::write(home.join("providers/pager.yaml"), "instances:\n  main: {}\n")?;
    let state = |fabric: &Fabric| -> Result<Value> {
        let list = fabric.json(&["plugin", "list"])?;
        Ok(list["plugins"][0]["state"].clone())
    };
    fabric.wait_instance("pager", "main", "bad_config")?;
    assert_eq!(state(&fabric)?, "not_trusted");
    let trusted = fabric.json(&["plugin", "trust", "pager", "--yes"])?;
    assert_eq!(trusted["operation"], "trust.pin", "{trusted}");
    fabric.wait_instance("pager", "main", "ok")?;
    assert_eq!(state(&fabric)?, "trusted");
    let file = folder.join("pager.py");
    std::fs::write(&file, std::fs::read_to_string(&file)?.replace("pager 7", "pager 8"))?;
    fabric.wait_instance("pager", "main", "bad_config")?;
    assert_eq!(state(&fabric)?, "changed_since_trusted");
    fabric.run(&["plugin", "trust", "pager", "--yes"])?.expect(0)?;
    fabric.wait_instance("pager", "main", "ok")?;
    fabric.run(&["plugin", "untrust", "pager"])?.expect(0)?;
    fabric.wait_instance("pager", "main", "bad_config")?;
    fabric.run(&["plugin", "untrust", "pager"])?.expect(3)?;
    let log = fabric.run(&["witness", "log", "--operation", "trust.pin"])?.expect(0)?;
    assert_eq!(log.stdout.matches("trust.pin").count(), 2, "{}", log.stdout);
    fabric.run(&["witness", "verify"])?.expect(0)?;
    fabric.stop()
}
