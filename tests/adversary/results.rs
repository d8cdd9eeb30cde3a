//! Results that must not settle anything, and presence that must not be believed.

use anyhow::{Context, Result};
use if_schemas::{
    Command, Effect, Envelope, Head, Money, Payload, ResultEvent, SigningKey, Status, Timestamp,
    head::{Receipt, Verdict},
    outcome::Outcome,
    presence::{Announcement, InstancePresence, InstanceState, ProviderPresence},
    query::{NODES, NodesAnswer},
    subject,
    wire::{Message as _, Submission},
};
use if_tests::{InProcess, world};

fn code(receipt: &Receipt) -> &'static str {
    match &receipt.verdict {
        Verdict::Rejected(reject) => reject.code.as_str(),
        _ => "accepted",
    }
}

fn result(command: &Command, head: &Head, status: Status, key: &SigningKey) -> Result<Vec<u8>> {
    let payload = Payload::new(&Outcome::Result(serde_json::json!({})), world::new_salt())?;
    let body = ResultEvent {
        command: command.id,
        entry: head.hash,
        status,
        started_at: world::now(),
        finished_at: world::now(),
        attempt: 1,
        simulated: true,
        cost: Money::FREE,
        price_table: None,
        usage: None,
        payload: payload.hash(),
        route: None,
    };
    Ok(Submission { envelope: Envelope::seal(&body, key)?, payload: Some(payload) }.to_message()?)
}

fn announcement(provider: &str, at: Timestamp, sequence: u64) -> Result<Announcement> {
    Ok(Announcement {
        node: "node".parse()?,
        version: "0".into(),
        at,
        sequence,
        leaving: false,
        instances: vec![InstancePresence {
            provider: provider.parse()?,
            instance: "main".parse()?,
            state: InstanceState::Ok,
            detail: None,
            since: at,
            simulated: true,
        }],
        providers: vec![ProviderPresence {
            provider: provider.parse()?,
            operations: vec![("noop.fire".parse()?, Effect::Once)],
            tariff: Some(world::free_tariff(&if_tests::Keys::default().worker, "noop", "noop.fire", 0)?.0),
        }],
    })
}

/// A worker that only announces itself: commands are admitted and nobody executes them.
async fn announce(fabric: &InProcess, key: &SigningKey, a: &Announcement) -> Result<NodesAnswer> {
    let bytes = Envelope::seal(a, key)?.to_message()?;
    fabric.client.bus.publish("if.presence.node", bytes, None).await?;
    fabric.client.bus.flush().await?;
    fabric.client.query(NODES, &()).await
}

async fn until_served(fabric: &InProcess, sequence: u64) -> Result<()> {
    let a = announcement("noop", world::now(), sequence)?;
    let (_, to, bytes) = world::free_tariff(&fabric.keys.worker, "noop", "noop.fire", sequence)?;
    fabric.client.bus.publish(&to, bytes, None).await?;
    for _ in 0..200 {
        if !announce(fabric, &fabric.keys.worker, &a).await?.nodes.is_empty() {
            return Ok(());
        }
    }
    anyhow::bail!("the announcement was not taken in")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_worker_settles_a_command() -> Result<()> {
    let fabric = InProcess::start(false).await?;
    until_served(&fabric, 1).await?;
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let receipt = fabric.client.send(&c, payload, &fabric.keys.operator).await?;
    let head = receipt.head.context("admitted")?;
    let to = subject::result(&c.provider, &c.instance);

    // The operator itself, a worker of other instances, a stranger.
    let own = result(&c, &head, Status::Succeeded, &fabric.keys.operator)?;
    assert_eq!(code(&fabric.client.send_raw(&to, own).await?), "wrong_worker");
    let other = result(&c, &head, Status::Succeeded, &fabric.keys.other_worker)?;
    let before = fabric.client.head().await?;
    assert_eq!(code(&fabric.client.send_raw(&to, other.clone()).await?), "wrong_worker");
    assert_eq!(fabric.client.head().await?, before + 1, "an authentic refusal is logged");
    assert_eq!(code(&fabric.client.send_raw(&to, other).await?), "wrong_worker");
    assert_eq!(fabric.client.head().await?, before + 1, "its repeat is not");
    let forged = result(&c, &head, Status::Succeeded, &fabric.keys.stranger)?;
    assert_eq!(code(&fabric.client.send_raw(&to, forged).await?), "unknown_key");

    // Then the right one, and only once.
    let right = result(&c, &head, Status::Failed, &fabric.keys.worker)?;
    let first = fabric.client.send_raw(&to, right.clone()).await?;
    assert_eq!(code(&first), "accepted");
    assert_eq!(fabric.client.send_raw(&to, right).await?, first);
    let second = result(&c, &head, Status::Succeeded, &fabric.keys.worker)?;
    fabric.client.send_raw(&to, second).await?;
    let status: if_schemas::query::StatusAnswer = fabric.client.query("status", &()).await?;
    assert_eq!(status.counts, vec![(Status::Failed, 1)], "the first result stands");
    fabric.stop().await?;
    Ok(())
}

/// A worker that knows an id before its operator uses it cannot use it up.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_does_not_use_up_the_id_it_names() -> Result<()> {
    let fabric = InProcess::start(false).await?;
    until_served(&fabric, 1).await?;
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let nowhere = Head { log: if_schemas::Hash([0; 32]), index: 0, hash: if_schemas::Hash([0; 32]), at: world::now() };
    let early = result(&c, &nowhere, Status::Succeeded, &fabric.keys.worker)?;
    let to = subject::result(&c.provider, &c.instance);
    assert_eq!(code(&fabric.client.send_raw(&to, early).await?), "unknown_command");
    let receipt = fabric.client.send(&c, payload, &fabric.keys.operator).await?;
    assert_eq!(code(&receipt), "accepted");
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_is_believed_only_from_workers_for_what_they_may_serve() -> Result<()> {
    let fabric = InProcess::start(false).await?;
    let now = world::now();
    let a = announcement("noop", now, 1)?;
    assert!(announce(&fabric, &fabric.keys.stranger, &a).await?.nodes.is_empty(), "a stranger");
    assert!(announce(&fabric, &fabric.keys.operator, &a).await?.nodes.is_empty(), "an operator");
    assert!(announce(&fabric, &fabric.keys.other_worker, &a).await?.nodes.is_empty(), "not its instance");
    let old = announcement("noop", now.saturating_add_us(-60_000_000), 1)?;
    assert!(announce(&fabric, &fabric.keys.worker, &old).await?.nodes.is_empty(), "an old recording");
    until_served(&fabric, 1).await?;
    fabric.stop().await?;
    Ok(())
}
