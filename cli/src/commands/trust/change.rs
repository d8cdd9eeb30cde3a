//! One signed change of trust, from signing to its durable entry.

use crate::{
    CliError,
    client::{Client, Outgoing},
    clock,
    commands::guard,
    context::Context,
    output::{table, value},
};
use if_home::keys;
use if_schemas::{
    CommandId, Envelope, Head, SigningKey, TrustChange, TrustOp, head::Verdict, subject, wire::Submission,
};
use serde_json::json;
use std::time::Duration;

/// A change that is in the log.
pub struct Change {
    pub id: CommandId,
    pub op: TrustOp,
    pub head: Head,
    pub took: Duration,
}

/// Signs with this machine's operator key and sends what `op` gives.
pub fn run(context: &Context, op: impl AsyncFnOnce(&mut Client) -> Result<TrustOp, CliError>) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let key = keys::read(&config.witness.signing_key)?;
    let change = context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let op = op(&mut client).await?;
        submit(&mut client, &key, op, context.deadline_us(&config)).await
    })?;
    show(context, &change)
}

pub async fn submit(client: &mut Client, key: &SigningKey, op: TrustOp, deadline_us: i64) -> Result<Change, CliError> {
    let issued_at = clock::now();
    let id = clock::command_id(issued_at)?;
    let change = TrustChange { id, issued_at, deadline: issued_at.saturating_add_us(deadline_us), op: op.clone() };
    let submission = Submission { envelope: Envelope::seal(&change, key)?, payload: None };
    let deadline = Duration::from_micros(u64::try_from(deadline_us).unwrap_or(0));
    let outgoing =
        Outgoing { subject: subject::TRUST, submission: &submission, id, dry_run: false, deadline, trace: None };
    let submitted = client.submit(&outgoing).await?;
    match (submitted.receipt.verdict, submitted.receipt.head) {
        (Verdict::Accepted, Some(head)) => Ok(Change { id, op, head, took: submitted.took }),
        (Verdict::Rejected(reject), _) => Err(reject.into()),
        _ => Err(CliError::damaged("the receipt does not answer what was asked")),
    }
}

pub fn show(context: &Context, change: &Change) -> Result<(), CliError> {
    let text = match &change.op {
        TrustOp::Add(m) => format!("{} is {} now, key id {}", m.name, m.role.as_str(), m.key.key_id()),
        TrustOp::Revoke(key) => format!("key {key} is revoked"),
        TrustOp::Rotate(key) => format!("your key is {} now", key.key_id()),
        TrustOp::Pin { plugin, hash } => format!("the plugin {plugin} is trusted while its files have the hash {hash}"),
        TrustOp::Unpin { plugin } => format!("the plugin {plugin} is not trusted any more"),
        TrustOp::Guard { name, policy } => format!("the policy {name} holds: {}", guard::policy::text(policy)),
        TrustOp::Unguard { name } => format!("the policy {name} has ended"),
    };
    if context.out.is_json() {
        let took = i64::try_from(change.took.as_micros()).unwrap_or(i64::MAX);
        return context.out.document(&json!({
            "command_id": change.id,
            "operation": change.op.operation(),
            "status": "applied",
            "witness": {"index": change.head.index, "hash": change.head.hash},
            "timing_us": {"admit": took},
            "result": text,
        }));
    }
    let style = context.out.style();
    let rows = [
        ("witness", format!("#{} {}", change.head.index, value::short(change.head.hash))),
        ("command", change.id.to_string()),
    ];
    context.out.text(&format!(
        "{}: {text}\n{}",
        style.green(change.op.operation()),
        table::fields(style, "  ", &rows.map(|(n, v)| (n.to_string(), v)))
    ))
}
