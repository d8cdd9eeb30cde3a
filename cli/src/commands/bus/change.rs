//! Signed changes of runs: start, cancel, resume, rollback.

use super::{follow, known};
use crate::{
    CliError,
    client::{Client, Outgoing},
    clock,
    context::Context,
};
use clap::ArgMatches;
use if_home::keys;
use if_schemas::{
    CommandId, Envelope, Head, Payload, RunChange, RunOp, SigningKey, TraceId, head::Verdict, run::Outcome, subject,
    wire::Submission,
};
use serde_json::json;
use std::time::Duration;

/// Who signs, and for how long what is signed may be on its way.
pub struct Signing<'a> {
    pub key: &'a SigningKey,
    pub trace: TraceId,
    pub deadline_us: i64,
}

impl Signing<'_> {
    /// Gives the id of the change and the head of its entry.
    pub async fn submit(
        &self,
        client: &mut Client,
        op: RunOp,
        payload: Option<Payload>,
    ) -> Result<(CommandId, Head), CliError> {
        let issued_at = clock::now();
        let id = clock::command_id(issued_at)?;
        let deadline = issued_at.saturating_add_us(self.deadline_us);
        let committed = payload.as_ref().map(Payload::hash);
        let change = RunChange { id, trace: self.trace, issued_at, deadline, op, payload: committed };
        let submission = Submission { envelope: Envelope::seal(&change, self.key)?, payload };
        let deadline = Duration::from_micros(u64::try_from(self.deadline_us).unwrap_or(0));
        let outgoing = Outgoing {
            subject: subject::RUN,
            submission: &submission,
            id,
            dry_run: false,
            deadline,
            trace: Some(self.trace),
        };
        let receipt = client.submit(&outgoing).await?.receipt;
        match (receipt.verdict, receipt.head) {
            (Verdict::Accepted, Some(head)) => Ok((id, head)),
            (Verdict::Rejected(reject), _) => Err(reject.into()),
            _ => Err(CliError::damaged("the receipt does not answer what was asked")),
        }
    }
}

pub fn run(context: &Context, verb: &str, m: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let key = keys::read(&config.witness.signing_key)?;
    let text = m.get_one::<String>("run").map(String::as_str).unwrap_or_default();
    let rollback = m.try_get_one::<bool>("rollback").ok().flatten().is_some_and(|r| *r);
    context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let run = known::find(&mut client, text).await?;
        let trace = known::read(&mut client, run).await?.trace;
        let op = match verb {
            "cancel" => RunOp::Cancel { run, rollback },
            "resume" => RunOp::Resume { run },
            _ => RunOp::Rollback { run },
        };
        let signing = Signing { key: &key, trace, deadline_us: context.deadline_us(&config) };
        let (_, head) = signing.submit(&mut client, op, None).await?;
        if context.globals.no_wait {
            let document = json!({"run": run, "asked": verb, "witness": {"index": head.index, "hash": head.hash}});
            return if context.out.is_json() {
                context.out.document(&document)
            } else {
                context.out.text(&format!("{verb} of run {run}: asked for by entry #{}", head.index))
            };
        }
        let wanted: &[Outcome] = match verb {
            "cancel" if rollback => &[Outcome::RolledBack],
            "cancel" => &[Outcome::Cancelled],
            "resume" => &[Outcome::Succeeded],
            _ => &[Outcome::RolledBack],
        };
        follow::to_the_end(context, &mut client, run, wanted).await
    })
}
