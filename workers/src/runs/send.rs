//! From what is to be done to what this node signs.

use crate::{clock, node::Node, submit::Letter};
use if_bus::BusError;
use if_orchestrator::{Doing, Given, History};
use if_schemas::{
    Command, CommandId, Envelope, Payload, RunChange, RunOp, SchemaError, Timestamp,
    head::{Receipt, Verdict},
    payload::Arguments,
    plan::{Args, Phase},
    run::StepRef,
    subject,
    wire::{Message as _, Submission},
};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for a receipt.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a note may be on its way, microseconds.
const NOTE_LIFE_US: i64 = 30_000_000;

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the operating system gives no random numbers")]
    Random,
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the broker is not known yet")]
    NoTrust,
    #[error("the plan has no such command")]
    NoLeaf,
    #[error("no receipt within {} s; it may still be admitted", RECEIPT_TIMEOUT.as_secs())]
    NoReceipt,
}

/// Signed, with where it goes. The same bytes may be sent again.
pub struct Signed {
    pub id: CommandId,
    subject: String,
    bytes: Vec<u8>,
    trace: if_schemas::TraceId,
}

/// None for what is only waited for.
pub fn sign(node: &Node, known: &History, doing: &Doing) -> Result<Option<Signed>, SendError> {
    match doing {
        Doing::Send { id, step, phase, way, args, deadline } => {
            command(node, known, *id, (*step, *phase, *way), args, *deadline).map(Some)
        }
        Doing::Note { id, note, facts } => {
            let payload = facts
                .as_ref()
                .map(|f| Payload::new(f, clock::salt().ok_or(SendError::Random)?).map_err(SendError::from));
            let payload = payload.transpose()?;
            let issued_at = clock::now();
            let change = RunChange {
                id: *id,
                trace: known.trace,
                issued_at,
                deadline: issued_at.saturating_add_us(NOTE_LIFE_US),
                op: RunOp::Note { run: known.run, after: known.next.saturating_sub(1), note: note.clone() },
                payload: payload.as_ref().map(Payload::hash),
            };
            let submission = Submission { envelope: Envelope::seal(&change, &node.key)?, payload };
            let bytes = submission.to_message()?;
            Ok(Some(Signed { id: *id, subject: subject::RUN.into(), bytes, trace: known.trace }))
        }
        Doing::Watch { .. } | Doing::WakeAt(_) => Ok(None),
    }
}

fn command(
    node: &Node,
    known: &History,
    id: CommandId,
    (step, phase, way): (u32, Phase, u16),
    given: &Given,
    deadline: Timestamp,
) -> Result<Signed, SendError> {
    let (leaf, path) = known.tree.find(step, phase, way).ok_or(SendError::NoLeaf)?;
    let payload = match given {
        Given::Open(args) => {
            let arguments = Arguments { args: args.clone(), why: None, cause: None };
            Payload::new(&arguments, clock::salt().ok_or(SendError::Random)?)?
        }
        Given::Fixed => fixed(known, step, phase, way).ok_or(SendError::NoLeaf)?.clone(),
    };
    let place = StepRef {
        run: known.run,
        step,
        phase,
        way,
        open: leaf.payload.is_none(),
        guard: leaf.guard.clone(),
        path: path.clone(),
    };
    let command = Command {
        id,
        trace: known.trace,
        issued_at: clock::now(),
        deadline: deadline.min(known.order.until),
        operation: leaf.operation.clone(),
        provider: leaf.provider.clone(),
        instance: leaf.instance.clone(),
        effect: leaf.effect,
        dry_run: false,
        session: known.order.session.clone(),
        payload: payload.hash(),
        run: Some(Box::new(place)),
    };
    let subject = subject::command(&command.provider, &command.instance, &command.operation);
    let submission = Submission { envelope: Envelope::seal(&command, &node.key)?, payload: Some(payload) };
    Ok(Signed { id, subject, bytes: submission.to_message()?, trace: known.trace })
}

/// The payload in the plan.
fn fixed(known: &History, step: u32, phase: Phase, way: u16) -> Option<&Payload> {
    let step = known.progress.plan().steps.get(usize::try_from(step).ok()?)?;
    let call = match phase {
        Phase::Do => step.call(),
        Phase::Undo => step.undo_calls().into_iter().find(|(number, _)| *number == way).map(|(_, call)| call),
    }?;
    match &call.args {
        Args::Fixed(payload) => Some(payload),
        Args::Open(_) => None,
    }
}

/// What the broker says to it.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// It is in the log, admitted or refused: the entry will tell.
    Logged,
    /// It is not: to be sent anew, later.
    NotLogged,
}

impl Signed {
    pub async fn submit(self, node: &Node) -> Result<Said, SendError> {
        let broker = node.trust.current().ok_or(SendError::NoTrust)?.broker.clone();
        let Self { id, subject, bytes, trace } = self;
        let letter = Letter { subject: &subject, bytes, id, trace };
        let receipt = letter.submit(node, &broker, Instant::now() + RECEIPT_TIMEOUT).await?;
        let Receipt { verdict, head, .. } = receipt.ok_or(SendError::NoReceipt)?;
        if let Verdict::Rejected(reject) = &verdict {
            tracing::warn!(%id, code = reject.code.as_str(), hint = reject.hint, "refused: {reject}");
        }
        Ok(if head.is_some() { Said::Logged } else { Said::NotLogged })
    }
}
