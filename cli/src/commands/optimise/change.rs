//! One signed change of budgets, prices or rates, from signing to its durable entry.

use crate::{
    CliError,
    client::{Client, Outgoing},
    clock,
    context::Context,
    output::{table, value},
};
use if_home::keys;
use if_schemas::{
    CommandId, Envelope, Head, SigningKey,
    finance::{FinanceChange, FinanceOp},
    head::Verdict,
    subject,
    wire::Submission,
};
use serde_json::{Value, json};
use std::time::Duration;

/// A change that is in the log.
struct Done {
    id: CommandId,
    op: FinanceOp,
    text: String,
    head: Head,
}

/// Signs and sends the changes in order, each with what to say about it. Stops at the first that is refused.
pub fn run(context: &Context, changes: Vec<(FinanceOp, String)>) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let key = keys::read(&config.witness.signing_key)?;
    let deadline_us = context.deadline_us(&config);
    let done = context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let mut done = Vec::new();
        for (op, text) in changes {
            let (id, head) = submit(&mut client, &key, &op, deadline_us).await?;
            done.push(Done { id, op, text, head });
        }
        Ok(done)
    })?;
    show(context, &done)
}

async fn submit(
    client: &mut Client,
    key: &SigningKey,
    op: &FinanceOp,
    deadline_us: i64,
) -> Result<(CommandId, Head), CliError> {
    let issued_at = clock::now();
    let id = clock::command_id(issued_at)?;
    let change = FinanceChange { id, issued_at, deadline: issued_at.saturating_add_us(deadline_us), op: op.clone() };
    let submission = Submission { envelope: Envelope::seal(&change, key)?, payload: None };
    let deadline = Duration::from_micros(u64::try_from(deadline_us).unwrap_or(0));
    let outgoing =
        Outgoing { subject: subject::FINANCE, submission: &submission, id, dry_run: false, deadline, trace: None };
    let receipt = client.submit(&outgoing).await?.receipt;
    match (receipt.verdict, receipt.head) {
        (Verdict::Accepted, Some(head)) => Ok((id, head)),
        (Verdict::Rejected(reject), _) => Err(reject.into()),
        _ => Err(CliError::damaged("the receipt does not answer what was asked")),
    }
}

fn show(context: &Context, done: &[Done]) -> Result<(), CliError> {
    if context.out.is_json() {
        let row = |d: &Done| {
            json!({
                "command_id": d.id,
                "operation": d.op.operation(),
                "status": "applied",
                "change": d.op,
                "witness": {"index": d.head.index, "hash": d.head.hash},
            })
        };
        return context.out.document(&json!({"changes": done.iter().map(row).collect::<Vec<Value>>()}));
    }
    let style = context.out.style();
    for d in done {
        let witness = ("witness".to_string(), format!("#{} {}", d.head.index, value::short(d.head.hash)));
        let line = format!("{}: {}\n", style.green(d.op.operation()), d.text);
        context.out.text(&format!("{line}{}", table::fields(style, "  ", &[witness])))?;
    }
    Ok(())
}
