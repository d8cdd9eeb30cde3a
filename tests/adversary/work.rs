//! Work items put on the queue by somebody else than the broker: a worker executes none of them.

use anyhow::{Context, Result};
use if_schemas::{
    Body, Effect, Entry, Envelope, Hash, Head, Money, Payload, SigningKey, Status, subject,
    wire::{Committed, Message as _},
};
use if_tests::{InProcess, world};

/// An admission that never happened, as well made as an attacker can make it.
fn forged(fabric: &InProcess, operator: &SigningKey, broker: &SigningKey) -> Result<Vec<u8>> {
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let entry = Entry::new(
        1,
        Hash([1; 32]),
        world::now(),
        Body::Admitted {
            envelope: Envelope::seal(&c, operator)?,
            worker: "node".parse()?,
            reserved: Money::FREE,
            quote: None,
        },
    );
    item(&entry, payload, broker, operator)
}

fn item(entry: &Entry, payload: Payload, broker: &SigningKey, operator: &SigningKey) -> Result<Vec<u8>> {
    let bytes = entry.encode()?;
    let head = Head { log: Hash([2; 32]), index: entry.index, hash: Entry::hash_bytes(&bytes), at: entry.at };
    let head = Envelope::seal(&head, broker)?;
    Ok(Committed { entry: bytes, head, payload: Some(payload), signer: Some(operator.public()), order: None }
        .to_message()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn injected_work_is_not_executed() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let k = &fabric.keys;
    let to = subject::work(&"noop".parse()?, &"main".parse()?);
    let attempts = [
        forged(&fabric, &k.operator, &k.stranger)?,
        forged(&fabric, &k.stranger, &k.stranger)?,
        forged(&fabric, &k.operator, &k.worker)?,
        // Even the broker's key does not make a stranger an operator, nor an entry part of this log.
        forged(&fabric, &k.stranger, &k.broker)?,
        forged(&fabric, &k.operator, &k.broker)?,
        b"not work at all".to_vec(),
    ];
    for (n, bytes) in attempts.into_iter().enumerate() {
        fabric.client.bus.publish_work(&to, &format!("injected-{n}"), bytes).await?;
    }
    // The queue is in order: once this is done, the others were looked at.
    let (.., status) = fabric.client.run("noop.fire", Effect::Once, &k.operator).await?;
    assert_eq!(status, Status::Succeeded);
    assert_eq!(fabric.executions(), 1);
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_work_played_back_is_not_executed_again() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    let mut entries = fabric.client.bus.subscribe(subject::WITNESS_ENTRY).await?;
    fabric.client.bus.flush().await?;
    fabric.client.run("noop.fire", Effect::Once, &fabric.keys.operator).await?;
    let recorded = entries.next().await.context("the admission")?.payload;
    let to = subject::work(&"noop".parse()?, &"main".parse()?);
    fabric.client.bus.publish_work(&to, "played-back-1", recorded.to_vec()).await?;
    fabric.client.run("noop.fire", Effect::Once, &fabric.keys.operator).await?;
    assert_eq!(fabric.executions(), 2, "two commands, two executions");
    // Nor by a worker that was restarted since: its journal knows.
    fabric.stop_worker().await?;
    fabric.start_worker().await?;
    fabric.client.bus.publish_work(&to, "played-back-2", recorded.to_vec()).await?;
    fabric.client.run("noop.fire", Effect::Once, &fabric.keys.operator).await?;
    assert_eq!(fabric.executions(), 3);
    fabric.stop().await?;
    Ok(())
}
