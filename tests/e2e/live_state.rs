//! The live state of instances on the bus: retained, signed, and there again after whatever happened to the server.

use anyhow::{Context, Result, ensure};
use if_bus::StateWatch;
use if_schemas::{
    Effect, Envelope,
    state::{ABOUT, StateReport},
    wire::Message as _,
};
use if_tests::InProcess;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

struct Reader {
    watch: StateWatch,
    known: BTreeMap<String, Option<Value>>,
}

impl Reader {
    async fn open(fabric: &InProcess) -> Result<Self> {
        let watch = fabric.client.bus.watch_state(&"noop".parse()?, &"main".parse()?, ">").await?;
        Ok(Self { watch, known: BTreeMap::new() })
    }

    /// Reads until `holds`.
    async fn until(
        &mut self,
        fabric: &InProcess,
        holds: impl Fn(&BTreeMap<String, Option<Value>>) -> bool,
    ) -> Result<()> {
        let reading = async {
            while !holds(&self.known) {
                let message = self.watch.next().await?;
                let report: StateReport =
                    Envelope::from_message(&message.payload)?.open(&fabric.keys.worker.public())?;
                ensure!(report.node.as_str() == "node" && report.instance.as_str() == "main", "{report:?}");
                self.known.insert(report.path, report.value);
            }
            Ok(())
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.with_context(|| format!("it did not come true: {:?}", self.known))?
    }
}

fn is(known: &BTreeMap<String, Option<Value>>, path: &str, value: &Value) -> bool {
    known.get(path).and_then(Option::as_ref) == Some(value)
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_there_for_who_comes_late_and_follows_what_happens() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let fresh = json!({"fresh": true, "truncated": false});
    let mut early = Reader::open(&fabric).await?;
    early.until(&fabric, |known| is(known, "executions", &json!(0)) && is(known, ABOUT, &fresh)).await?;
    let (command, _, _) = fabric.client.run("noop.set", Effect::Idempotent, &fabric.keys.operator).await?;
    let id = json!(command.id.to_string());
    let after = |known: &BTreeMap<String, Option<Value>>| {
        is(known, "executions", &json!(1)) && is(known, "last.noop=2Eset", &id)
    };
    early.until(&fabric, after).await?;
    let mut late = Reader::open(&fabric).await?;
    ensure!(late.watch.pending >= 3, "retained values: {}", late.watch.pending);
    late.until(&fabric, |known| after(known) && is(known, ABOUT, &fresh)).await?;
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_subscribers_get_what_changes_on_the_subject_of_the_path() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    Reader::open(&fabric).await?.until(&fabric, |known| is(known, "executions", &json!(0))).await?;
    let mut changes = fabric.client.bus.subscribe("if.state.noop.main.executions").await?;
    fabric.client.bus.flush().await?;
    fabric.client.run("noop.set", Effect::Idempotent, &fabric.keys.operator).await?;
    let message = tokio::time::timeout(PATIENCE, changes.next()).await?.context("closed")?;
    let report: StateReport = Envelope::from_message(&message.payload)?.open(&fabric.keys.worker.public())?;
    ensure!(report.value == Some(json!(1)), "{report:?}");
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_everything_is_told_again() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    fabric.client.run("noop.set", Effect::Idempotent, &fabric.keys.operator).await?;
    Reader::open(&fabric).await?.until(&fabric, |known| is(known, "executions", &json!(1))).await?;
    fabric.nats.restart()?;
    let told = async {
        loop {
            // Until the broker has made the bucket again there is nothing to read from.
            if let Ok(mut reader) = Reader::open(&fabric).await {
                return reader.until(&fabric, |known| is(known, "executions", &json!(1))).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.context("the bucket did not come back")??;
    fabric.stop().await?;
    Ok(())
}
