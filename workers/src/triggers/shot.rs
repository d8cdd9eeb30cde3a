//! The command of a rule: checked once, then signed with the trigger's own key and sent each time it fires.

use super::causes::Origin;
use crate::{clock, node::Node, submit::Letter};
use if_home::{
    Trigger,
    triggers::{Run, Target},
};
use if_manifest::ProviderSpec;
use if_schemas::{
    Cause, Command, CommandId, Effect, Envelope, Head, Payload, Reject, SchemaError, SigningKey, TraceId,
    head::{Receipt, Verdict},
    payload::Arguments,
    subject,
    wire::{Message as _, Submission},
};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for a receipt.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(3);

/// A command ready to be sent.
pub struct Shot {
    run: Run,
    effect: Effect,
    args: Map<String, Value>,
    deadline: Duration,
    key: SigningKey,
}

/// What became of sending it.
#[derive(Debug)]
pub enum Landed {
    Admitted(CommandId, Head),
    Refused(Reject),
}

#[derive(Debug, thiserror::Error)]
pub enum ShotError {
    #[error("the operating system gives no random numbers")]
    Random,
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Bus(#[from] if_bus::BusError),
    #[error("the broker is not known yet")]
    NoTrust,
    #[error("no receipt within {} s; it may still be admitted", RECEIPT_TIMEOUT.as_secs())]
    NoReceipt,
}

impl Shot {
    /// Checks the command against what its provider can do.
    pub fn new(trigger: &Trigger, spec: &ProviderSpec, key: SigningKey) -> Result<Self, String> {
        let run = trigger.run.clone();
        let operation = spec.operation(run.operation.as_str()).ok_or_else(|| {
            let known = spec.operations.iter().map(|o| o.id.as_str());
            let near = if_manifest::args::nearest(run.operation.as_str(), known);
            let hint = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            format!("{} has no operation {}{hint}", spec.id, run.operation)
        })?;
        let args = operation.check(&run.args).map_err(|e| e.to_string())?;
        Ok(Self { effect: operation.effect, run, args, deadline: trigger.deadline, key })
    }

    pub fn target(&self) -> &Target {
        &self.run.target
    }

    /// Sends it and waits for the broker's word on it.
    pub async fn fire(&self, node: &Node, cause: Cause, origin: Option<Origin>) -> Result<Landed, ShotError> {
        let broker = node.trust.current().ok_or(ShotError::NoTrust)?.broker.clone();
        let trace = match origin {
            Some(origin) => origin.trace,
            None => TraceId::from_bytes(clock::random().ok_or(ShotError::Random)?),
        };
        let arguments = Arguments { args: self.args.clone(), why: None, cause: Some(cause) };
        let payload = Payload::new(&arguments, clock::salt().ok_or(ShotError::Random)?)?;
        let command = self.command(trace, &payload)?;
        let to = subject::command(&command.provider, &command.instance, &command.operation);
        let submission = Submission { envelope: Envelope::seal(&command, &self.key)?, payload: Some(payload) };
        let give_up = Instant::now() + RECEIPT_TIMEOUT.min(self.deadline);
        let letter = Letter { subject: &to, bytes: submission.to_message()?, id: command.id, trace };
        let receipt = letter.submit(node, &broker, give_up).await?.ok_or(ShotError::NoReceipt)?;
        landed(receipt, command.id)
    }

    fn command(&self, trace: TraceId, payload: &Payload) -> Result<Command, ShotError> {
        let issued_at = clock::now();
        let millis = u64::try_from(issued_at.0 / 1_000).unwrap_or(0);
        Ok(Command {
            id: CommandId::new(millis, clock::random().ok_or(ShotError::Random)?),
            trace,
            issued_at,
            deadline: issued_at.saturating_add_us(i64::try_from(self.deadline.as_micros()).unwrap_or(i64::MAX)),
            operation: self.run.operation.clone(),
            provider: self.run.target.provider.clone(),
            instance: self.run.target.instance.clone(),
            effect: self.effect,
            dry_run: false,
            session: None,
            payload: payload.hash(),
            run: None,
        })
    }
}

fn landed(receipt: Receipt, id: CommandId) -> Result<Landed, ShotError> {
    match (receipt.verdict, receipt.head) {
        (Verdict::Accepted, Some(head)) => Ok(Landed::Admitted(id, head)),
        (Verdict::Rejected(reject), _) => Ok(Landed::Refused(reject)),
        _ => Err(ShotError::NoReceipt),
    }
}
