//! Commands that must be refused: with which code, logged or not, counted, and never executed.

use anyhow::Result;
use if_schemas::{
    Effect, Envelope, Payload, TrustChange, TrustOp,
    head::{Receipt, Verdict},
    subject,
    wire::{Message as _, Submission},
};
use if_tests::{Client, InProcess};

fn code(receipt: &Receipt) -> &'static str {
    match &receipt.verdict {
        Verdict::Rejected(reject) => reject.code.as_str(),
        Verdict::Accepted => "accepted",
        Verdict::WouldAccept { .. } => "would_accept",
    }
}

/// Refused with `expected`, counted under it, logged or not, and nothing executed.
async fn refused(fabric: &InProcess, subject: &str, bytes: Vec<u8>, expected: &str, logged: bool) -> Result<()> {
    let series = format!("if_rejects_total{{code=\"{expected}\"}}");
    let (before, counted) = (fabric.client.head().await?, fabric.metric(&series).await?);
    let receipt = fabric.client.send_raw(subject, bytes).await?;
    assert_eq!(code(&receipt), expected);
    assert_eq!(receipt.head.is_some(), logged, "{expected}: in the log");
    assert_eq!(fabric.client.head().await? - before, u64::from(logged), "{expected}: entries added");
    assert_eq!(fabric.metric(&series).await?, counted + 1, "{expected}: counted");
    assert_eq!(fabric.executions(), 0, "{expected}: nothing executed");
    Ok(())
}

fn message(envelope: Envelope, payload: Payload) -> Result<Vec<u8>> {
    Ok(Submission { envelope, payload: Some(payload) }.to_message()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn forgeries_are_refused_and_not_logged() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let subject = Client::subject(&c);

    let stranger = Envelope::seal(&c, &fabric.keys.stranger)?;
    refused(&fabric, &subject, message(stranger.clone(), payload.clone())?, "unknown_key", false).await?;

    // The stranger's signature under the operator's key id: the id is 16 bytes inside the encoded envelope.
    let claimed = replace(&stranger.encode()?, &fabric.keys.stranger.id().0, &fabric.keys.operator.id().0);
    refused(&fabric, &subject, message(Envelope::decode(&claimed)?, payload.clone())?, "bad_signature", false).await?;

    // One byte of the signed body: the instance becomes another one.
    let good = Envelope::seal(&c, &fabric.keys.operator)?.encode()?;
    let tampered = replace(&good, b"main", b"mein");
    refused(&fabric, &subject, message(Envelope::decode(&tampered)?, payload.clone())?, "bad_signature", false).await?;

    // Other arguments under a good signature.
    let other = Payload { bytes: [payload.bytes.clone(), vec![0]].concat(), ..payload.clone() };
    refused(&fabric, &subject, message(Envelope::decode(&good)?, other)?, "payload_mismatch", false).await?;

    // A good command on another instance's subject.
    let elsewhere = subject.replace(".main.", ".other.");
    refused(&fabric, &elsewhere, message(Envelope::decode(&good)?, payload.clone())?, "subject_mismatch", false)
        .await?;

    // A future version.
    let version = replace(&message(Envelope::decode(&good)?, payload)?, &[0xa1, b'v', 1], &[0xa1, b'v', 2]);
    refused(&fabric, &subject, version, "unsupported_version", false).await?;
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn authentic_but_wrong_commands_are_refused_and_logged() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let operator = &fabric.keys.operator;
    let second = 1_000_000;

    let (mut c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    c.issued_at = c.issued_at.saturating_add_us(-9 * second);
    c.deadline = c.issued_at.saturating_add_us(second);
    refused(&fabric, &Client::subject(&c), message(Envelope::seal(&c, operator)?, payload)?, "expired", true).await?;

    let (mut c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    c.issued_at = c.issued_at.saturating_add_us(-40 * second);
    c.deadline = c.deadline.saturating_add_us(60 * second);
    refused(&fabric, &Client::subject(&c), message(Envelope::seal(&c, operator)?, payload)?, "clock_skew", true)
        .await?;

    let (mut c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    c.instance = "nobody".parse()?;
    refused(&fabric, &Client::subject(&c), message(Envelope::seal(&c, operator)?, payload)?, "no_worker", true).await?;

    let (mut c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    c.provider = "other".parse()?;
    refused(&fabric, &Client::subject(&c), message(Envelope::seal(&c, operator)?, payload)?, "not_allowed", true)
        .await?;

    let (c, payload) = fabric.client.command("noop.fire", Effect::Read)?;
    refused(&fabric, &Client::subject(&c), message(Envelope::seal(&c, operator)?, payload)?, "effect_mismatch", true)
        .await?;

    // A worker's key is good, but a worker gives no orders.
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let envelope = Envelope::seal(&c, &fabric.keys.worker)?;
    refused(&fabric, &Client::subject(&c), message(envelope, payload)?, "not_allowed", true).await?;

    let (c, _) = fabric.client.command("noop.fire", Effect::Once)?;
    let op = TrustOp::Revoke(fabric.keys.admin.id());
    let change = TrustChange { id: c.id, issued_at: c.issued_at, deadline: c.deadline, op };
    let bytes = Submission { envelope: Envelope::seal(&change, operator)?, payload: None }.to_message()?;
    refused(&fabric, subject::TRUST, bytes, "not_allowed", true).await?;
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_command_gets_its_first_receipt_and_runs_once() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let mut events = fabric.client.events(&c).await?;
    let bytes = message(Envelope::seal(&c, &fabric.keys.operator)?, payload.clone())?;
    let first = fabric.client.send_raw(&Client::subject(&c), bytes.clone()).await?;
    fabric.client.result(&mut events, &c.id).await?;
    let head = fabric.client.head().await?;
    for _ in 0..20 {
        assert_eq!(fabric.client.send_raw(&Client::subject(&c), bytes.clone()).await?, first);
    }
    assert_eq!(fabric.client.head().await?, head, "a replay is not logged");

    let mut changed = c.clone();
    changed.deadline = changed.deadline.saturating_add_us(1);
    let receipt = fabric.client.send(&changed, payload, &fabric.keys.operator).await?;
    assert_eq!(code(&receipt), "id_reused");
    assert_eq!(fabric.executions(), 1);
    fabric.stop().await?;
    Ok(())
}

/// The same receipt also from a broker that was restarted in between: replay protection is a projection of the log.
#[tokio::test(flavor = "multi_thread")]
async fn replay_protection_survives_a_restart() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    let (c, payload) = fabric.client.command("noop.fire", Effect::Once)?;
    let mut events = fabric.client.events(&c).await?;
    let bytes = message(Envelope::seal(&c, &fabric.keys.operator)?, payload)?;
    let first = fabric.client.send_raw(&Client::subject(&c), bytes.clone()).await?;
    fabric.client.result(&mut events, &c.id).await?;
    fabric.stop_broker().await?;
    fabric.start_broker().await?;
    assert_eq!(fabric.client.send_raw(&Client::subject(&c), bytes).await?, first);
    assert_eq!(fabric.executions(), 1);
    fabric.stop().await?;
    Ok(())
}

/// `bytes` with the only occurrence of `from` replaced.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut places = bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(i, _)| i);
    let at = places.next().expect("the bytes to replace are there");
    let mut out = bytes.to_vec();
    out[at..at + to.len()].copy_from_slice(to);
    out
}
