//! A broker on a large log: start-up, memory, filtered queries, follower replay against a plain JetStream replay.

use crate::{
    process::{release_bin, resident_mib},
    report::{Report, Series, per_second},
    synthetic::Synthetic,
};
use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use if_harness::nats::NatsServer;
use if_schemas::{
    Timestamp, codec,
    query::{Answer, ENTRIES, EntriesAnswer, EntriesQuery, LOG, LogAnswer, LogQuery},
    subject,
};
use if_tests::{Client, client::ANSWER_TIMEOUT};
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Entries replayed for the comparison.
const REPLAY: u64 = 200_000;
/// Chunks asked for ahead.
const PIPELINED: usize = 4;
const START_TIMEOUT: Duration = Duration::from_secs(60);

struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub async fn run(log: &Synthetic, report: &mut Report) -> Result<()> {
    let nats = NatsServer::start()?;
    let client = Client::connect(&nats.url(), log.keys.broker.public()).await?;
    let start = Instant::now();
    let broker = Command::new(release_bin("if-broker")?)
        .args(["--home", &log.home.root().to_string_lossy(), "--nats", &nats.url()])
        .stderr(Stdio::null())
        .spawn()
        .map(Broker)?;
    while client.head().await.is_err() {
        anyhow::ensure!(start.elapsed() < START_TIMEOUT, "the broker does not start");
    }
    let took = start.elapsed();
    report.row(
        &format!("broker start-up with {} entries, to the first answer", log.entries),
        format!("{} ms", took.as_millis()),
        "replays what came after the newest snapshot".into(),
        "<= 1 s",
        took <= Duration::from_secs(1),
    );
    let rss = resident_mib(broker.0.id())?;
    report.row("broker idle, resident", format!("{rss} MiB"), "just started on that log".into(), "<= 64 MB", rss <= 61);
    queries(log, &client, report).await?;
    replay(log, &nats, &client, report).await?;
    let rss = resident_mib(broker.0.id())?;
    report.row(
        "broker resident after queries and a replay",
        format!("{rss} MiB"),
        String::new(),
        "(for information)",
        true,
    );
    Ok(())
}

async fn queries(log: &Synthetic, client: &Client, report: &mut Report) -> Result<()> {
    let text = |t: &str| Some(t.to_string());
    let middle = Timestamp(log.first.0 + i64::try_from(log.entries)? * 25);
    let base = || LogQuery { limit: 100, ..LogQuery::default() };
    let cases = [
        ("newest 100", base()),
        ("operation, rare", LogQuery { operation: text("noop.rare"), ..base() }),
        ("status failed, rare", LogQuery { status: text("failed"), ..base() }),
        (
            "operation and instance, before the middle",
            LogQuery { operation: text("noop.fire"), instance: Some("i4".parse()?), until: Some(middle), ..base() },
        ),
        ("two rare conditions, few rows", LogQuery { operation: text("noop.set"), status: text("failed"), ..base() }),
    ];
    for (what, query) in cases {
        let mut took = Vec::new();
        let mut rows = 0;
        for _ in 0..20 {
            let start = Instant::now();
            let answer: LogAnswer = client.query(LOG, &query).await?;
            took.push(start.elapsed());
            rows = answer.rows.len();
        }
        let p50 = Series::new(took).quantile(0.5);
        let measured = format!("{:.1} ms for {rows} rows", p50.as_secs_f64() * 1e3);
        report.row(
            &format!("witness log: {what}"),
            measured,
            format!("{} entries", log.entries),
            "<= 20 ms",
            p50 <= Duration::from_millis(20),
        );
    }
    Ok(())
}

async fn replay(log: &Synthetic, nats: &NatsServer, client: &Client, report: &mut Report) -> Result<()> {
    let count = REPLAY.min(log.entries - 1);
    let start = Instant::now();
    let mut got = 0;
    // Chunk borders are not known in advance, so each request follows the previous answer's length.
    let mut bytes = Vec::with_capacity(usize::try_from(count)?);
    while got < count {
        let question = serde_json::to_vec(&EntriesQuery { from: got, to: Some(count - 1), payloads: false })?;
        let answer = client.bus.request(&subject::query(ENTRIES), question, ANSWER_TIMEOUT).await?;
        let Answer::Ok(answer): Answer<EntriesAnswer> = codec::decode("entries", &answer)? else {
            anyhow::bail!("no entries")
        };
        anyhow::ensure!(!answer.entries.is_empty(), "the log ended early");
        got += answer.entries.len() as u64;
        bytes.extend(answer.entries.into_iter().map(|e| e.entry));
    }
    let ours = per_second(count, start.elapsed());
    let theirs = jetstream(nats, bytes).await?;
    let share = ours / theirs;
    report.row(
        "follower replay",
        format!("{ours:.0} entries/s = {:.0} %", share * 100.0),
        format!("plain JetStream ordered replay {theirs:.0} /s"),
        ">= 70 %",
        share >= 0.7,
    );
    Ok(())
}

/// The same bytes through a JetStream file stream and its ordered consumer.
async fn jetstream(nats: &NatsServer, entries: Vec<Vec<u8>>) -> Result<f64> {
    use async_nats::jetstream::{consumer, stream::Config};
    let connection = async_nats::connect(nats.url()).await?;
    let jetstream = async_nats::jetstream::new(connection);
    let count = entries.len() as u64;
    let config = Config { name: "BENCH".into(), subjects: vec!["bench.entry".into()], ..Config::default() };
    let target = jetstream.create_stream(config).await?;
    let mut published = stream::iter(entries)
        .map(|bytes| {
            let jetstream = jetstream.clone();
            async move { anyhow::Ok(jetstream.publish("bench.entry", bytes.into()).await?.await?) }
        })
        .buffered(PIPELINED * 64);
    while let Some(ack) = published.next().await {
        ack?;
    }
    let start = Instant::now();
    let consumer = target.create_consumer(consumer::pull::OrderedConfig::default()).await?;
    let mut messages = consumer.messages().await?;
    for _ in 0..count {
        messages.next().await.context("the stream ended")??;
    }
    Ok(per_second(count, start.elapsed()))
}
