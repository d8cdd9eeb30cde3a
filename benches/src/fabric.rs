//! Latency and throughput of a whole fabric: real nats-server, broker and worker in this process, no-op adapter.

use crate::report::{Report, Series, per_second};
use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use if_schemas::{
    Command, Effect, Envelope, Payload, SigningKey, Status,
    head::{Receipt, Verdict},
    presence::{Announcement, InstancePresence, InstanceState, ProviderPresence},
    query::{NODES, NodesAnswer},
    subject,
    wire::{Message as _, Submission},
};
use if_tests::{Client, InProcess, client::ANSWER_TIMEOUT, world};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

const LATENCY_SAMPLES: usize = 2_000;
const WARM_UP: usize = 200;
const ADMISSIONS: usize = 40_000;
const PIPELINE: usize = 15_000;
/// Commands under way at once in the throughput figures.
const CONCURRENCY: usize = 256;
const BASELINE_SUBJECT: &str = "bench.echo";

fn submission(command: &Command, payload: Payload, key: &SigningKey) -> Result<Vec<u8>> {
    Ok(Submission { envelope: Envelope::seal(command, key)?, payload: Some(payload) }.to_message()?)
}

/// Somebody who answers every request with its own bytes, through the same server.
async fn echo(fabric: &InProcess) -> Result<tokio::task::JoinHandle<()>> {
    let responder = Client::connect(&fabric.nats.url(), fabric.keys.broker.public()).await?;
    let mut requests = responder.bus.subscribe(BASELINE_SUBJECT).await?;
    responder.bus.flush().await?;
    Ok(tokio::spawn(async move {
        while let Some(message) = requests.next().await {
            let bytes = message.payload.to_vec();
            if responder.bus.reply(&message, bytes).await.is_err() {
                return;
            }
        }
    }))
}

/// Latency of request and reply of the same size, nothing else.
async fn raw(fabric: &InProcess, bytes: usize, samples: usize) -> Result<Series> {
    let echo = echo(fabric).await?;
    let mut took = Vec::with_capacity(samples);
    for _ in 0..samples {
        let start = Instant::now();
        fabric.client.bus.request(BASELINE_SUBJECT, vec![0; bytes], ANSWER_TIMEOUT).await?;
        took.push(start.elapsed());
    }
    echo.abort();
    Ok(Series::new(took))
}

pub async fn latency(report: &mut Report) -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let (command, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
    let size = submission(&command, payload, &fabric.keys.operator)?.len();
    let baseline = raw(&fabric, size, LATENCY_SAMPLES).await?;
    let mut events = fabric.client.events(&command).await?;
    let mut took = Vec::with_capacity(LATENCY_SAMPLES);
    for n in 0..WARM_UP + LATENCY_SAMPLES {
        let start = Instant::now();
        let (command, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
        let receipt = fabric.client.send(&command, payload, &fabric.keys.operator).await?;
        anyhow::ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        let (_, status) = fabric.client.result(&mut events, &command.id).await?;
        anyhow::ensure!(status == Status::Succeeded, "{status:?}");
        if n >= WARM_UP {
            took.push(start.elapsed());
        }
    }
    let took = Series::new(took);
    for (q, limit) in [(0.5, 10.0), (0.99, 30.0)] {
        let (ours, theirs) = (took.quantile(q), baseline.quantile(q));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        report.row(
            &format!("full command, concurrency 1, p{}", q * 100.0),
            format!("{} us = {ratio:.1} x", ours.as_micros()),
            format!("raw NATS request/reply {} us", theirs.as_micros()),
            &format!("<= {limit} x"),
            ratio <= limit,
        );
    }
    fabric.stop().await?;
    Ok(())
}

/// A worker that is announced and takes no work: what is left is admission.
async fn announce(fabric: &InProcess) -> Result<()> {
    let (_, to, bytes) = world::free_tariff(&fabric.keys.worker, "noop", "noop.set", 0)?;
    fabric.client.bus.publish(&to, bytes, None).await?;
    for sequence in 0..200 {
        fabric.client.bus.publish("if.presence.node", announcement(&fabric.keys.worker, sequence)?, None).await?;
        let nodes: NodesAnswer = fabric.client.query(NODES, &()).await?;
        if !nodes.nodes.is_empty() {
            return Ok(());
        }
    }
    anyhow::bail!("the announcement was not taken in")
}

pub async fn admission(report: &mut Report) -> Result<()> {
    let fabric = InProcess::start(false).await?;
    announce(&fabric).await?;
    // Signed beforehand: the generator shares the machine, and an operator's CPU is not the broker's.
    let mut messages = Vec::with_capacity(ADMISSIONS);
    for _ in 0..ADMISSIONS {
        let (mut command, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
        command.deadline = command.issued_at.saturating_add_us(600_000_000);
        messages.push(submission(&command, payload, &fabric.keys.operator)?);
    }
    let keep_alive = keep_announcing(&fabric);
    let subject = subject::command(&"noop".parse()?, &"main".parse()?, &"noop.set".parse()?);
    let broker = fabric.keys.broker.public();
    let start = Instant::now();
    let mut answers = stream::iter(messages)
        .map(|bytes| fabric.client.bus.request(&subject, bytes, ANSWER_TIMEOUT))
        .buffer_unordered(CONCURRENCY);
    let mut accepted = 0u64;
    while let Some(answer) = answers.next().await {
        // Every receipt is read, one in 64 verified: the rest is the operators' CPU.
        let envelope = Envelope::from_message(&answer?)?;
        let receipt: Receipt =
            if accepted.is_multiple_of(64) { envelope.open(&broker)? } else { envelope.read_unverified()? };
        anyhow::ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        accepted += 1;
    }
    let took = start.elapsed();
    drop(answers);
    keep_alive.abort();
    let rate = per_second(accepted, took);
    let baseline = raw_throughput(&fabric).await?;
    report.row(
        "admission (verified, hashed, fsynced, receipt signed)",
        format!("{rate:.0} /s"),
        format!("raw NATS request/reply {baseline:.0} /s"),
        ">= 10,000 /s",
        rate >= 10_000.0,
    );
    fabric.stop().await?;
    Ok(())
}

fn keep_announcing(fabric: &InProcess) -> tokio::task::JoinHandle<()> {
    let (bus, key) = (fabric.client.bus.clone(), SigningKey::from_seed(&world::seed(4)));
    tokio::spawn(async move {
        for sequence in 1_000.. {
            let Ok(bytes) = announcement(&key, sequence) else { return };
            if bus.publish("if.presence.node", bytes, None).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
}

fn announcement(key: &SigningKey, sequence: u64) -> Result<Vec<u8>> {
    let now = world::now();
    let announcement = Announcement {
        node: "node".parse()?,
        version: "0".into(),
        at: now,
        sequence,
        leaving: false,
        instances: vec![InstancePresence {
            provider: "noop".parse()?,
            instance: "main".parse()?,
            state: InstanceState::Ok,
            detail: None,
            since: now,
            simulated: true,
        }],
        providers: vec![ProviderPresence {
            provider: "noop".parse()?,
            operations: vec![("noop.set".parse()?, Effect::Idempotent)],
            tariff: Some(world::free_tariff(key, "noop", "noop.set", sequence)?.0),
        }],
    };
    Ok(Envelope::seal(&announcement, key)?.to_message()?)
}

async fn raw_throughput(fabric: &InProcess) -> Result<f64> {
    let echo = echo(fabric).await?;
    let start = Instant::now();
    let mut answers = stream::iter(0..ADMISSIONS)
        .map(|_| fabric.client.bus.request(BASELINE_SUBJECT, vec![0; 500], ANSWER_TIMEOUT))
        .buffer_unordered(CONCURRENCY);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    let rate = per_second(ADMISSIONS as u64, start.elapsed());
    echo.abort();
    Ok(rate)
}

pub async fn pipeline(report: &mut Report) -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let mut prepared = Vec::with_capacity(PIPELINE);
    let mut open = HashSet::with_capacity(PIPELINE);
    let mut events = None;
    for _ in 0..PIPELINE {
        let (mut command, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
        command.deadline = command.issued_at.saturating_add_us(600_000_000);
        open.insert(command.id);
        if events.is_none() {
            events = Some(fabric.client.events(&command).await?);
        }
        prepared.push(submission(&command, payload, &fabric.keys.operator)?);
    }
    let mut events = events.context("no commands")?;
    let subject = subject::command(&"noop".parse()?, &"main".parse()?, &"noop.set".parse()?);
    let client = fabric.client.clone();
    let start = Instant::now();
    let sender = tokio::spawn(async move {
        let mut answers = stream::iter(prepared)
            .map(|bytes| client.bus.request(&subject, bytes, ANSWER_TIMEOUT))
            .buffer_unordered(CONCURRENCY);
        while let Some(answer) = answers.next().await {
            let receipt: Receipt = Envelope::from_message(&answer?)?.read_unverified()?;
            anyhow::ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        }
        anyhow::Ok(())
    });
    while !open.is_empty() {
        let next = tokio::time::timeout(ANSWER_TIMEOUT, events.next()).await;
        let left = open.len();
        let message = next.with_context(|| format!("{left} of {PIPELINE} results did not come"))?.context("closed")?;
        if message.subject.ends_with(".result") {
            let committed = if_schemas::wire::Committed::from_message(&message.payload)?;
            if let if_schemas::Body::Completed { envelope, .. } = if_schemas::Entry::decode(&committed.entry)?.body {
                let result: if_schemas::ResultEvent = envelope.read_unverified()?;
                open.remove(&result.command);
            }
        }
    }
    let rate = per_second(PIPELINE as u64, start.elapsed());
    sender.await??;
    report.row(
        "full pipeline (two signed entries, settlement)",
        format!("{rate:.0} commands/s"),
        "see admission".into(),
        ">= 3,000 /s",
        rate >= 3_000.0,
    );
    fabric.stop().await?;
    Ok(())
}
