//! Sending something signed and getting the broker's signed receipt.
//!
//! Anybody on the bus may answer too, with garbage, with an old receipt, or with a refusal it provoked by sending a
//! spoiled copy of our message. So the first answer does not count but the first that binds the broker to this very
//! submission: one that names its id and, unless it is about a dry run, the entry it became.

use super::Client;
use crate::{CliError, Exit};
use if_bus::BusError;
use if_schemas::{
    CommandId, Envelope, TraceId,
    head::{Bearing, Receipt},
    wire::{Message as _, Submission},
};
use std::time::Duration;
use tokio::time::Instant;

/// Even for the shortest deadline the receipt is awaited this long: it says that the deadline passed.
const RECEIPT_MIN: Duration = Duration::from_secs(1);
/// After an answer that binds nobody, how long a better one may take.
const DOUBT_WINDOW: Duration = Duration::from_secs(1);

/// What is sent, and what its receipt must name.
pub struct Outgoing<'a> {
    pub subject: &'a str,
    pub submission: &'a Submission,
    pub id: CommandId,
    pub dry_run: bool,
    pub deadline: Duration,
    pub trace: Option<TraceId>,
}

/// A receipt of this very submission, its signature checked.
#[derive(Debug, Clone)]
pub struct Submitted {
    pub receipt: Receipt,
    /// From sending to the receipt.
    pub took: Duration,
}

/// What one answer is worth.
#[derive(Debug)]
enum Answer {
    /// The broker's word on this submission.
    Binding(Receipt),
    /// The broker's word, but not provably on this submission; or "nobody listens".
    Doubtful(Result<Receipt, CliError>),
    /// Not the broker's word.
    Noise(CliError),
}

impl Client {
    /// Sends a submission and verifies its receipt. The broker must answer within `deadline` or the reach time-out.
    pub async fn submit(&mut self, out: &Outgoing<'_>) -> Result<Submitted, CliError> {
        let bytes = out.submission.to_message()?;
        let sent = Instant::now();
        let give_up = sent + self.reach_left().min(out.deadline.max(RECEIPT_MIN));
        let asking = self.bus.request_many(out.subject, bytes, out.trace);
        let asked = tokio::time::timeout_at(give_up, asking).await;
        let mut answers = asked.map_err(|_| self.unanswered(out, sent.elapsed()))??;
        let (mut decide_at, mut doubtful, mut noise) = (give_up, None, None);
        // The clock is asked each time: a flood of answers must not hold the decision up.
        while Instant::now() < decide_at
            && let Ok(Some(message)) = tokio::time::timeout_at(decide_at, answers.next()).await
            && let Ok(answer) = tokio::time::timeout_at(give_up, self.weigh(&message.payload, out)).await
        {
            match answer {
                Answer::Binding(receipt) => {
                    self.reached = true;
                    return Ok(Submitted { receipt, took: sent.elapsed() });
                }
                Answer::Doubtful(outcome) if doubtful.is_none() => {
                    doubtful = Some((outcome, sent.elapsed()));
                    decide_at = give_up.min(Instant::now() + DOUBT_WINDOW);
                }
                Answer::Doubtful(_) => {}
                Answer::Noise(error) => noise = noise.or(Some(error)),
            }
        }
        match (doubtful, noise) {
            (Some((outcome, took)), _) => outcome.map(|receipt| Submitted { receipt, took }),
            (None, Some(error)) => Err(error),
            (None, None) => Err(self.unanswered(out, sent.elapsed())),
        }
    }

    async fn weigh(&mut self, bytes: &[u8], out: &Outgoing<'_>) -> Answer {
        if bytes.is_empty() {
            return Answer::Doubtful(Err(nobody(out)));
        }
        let envelope = match Envelope::from_message(bytes) {
            Ok(envelope) => envelope,
            Err(e) => return Answer::Noise(CliError::damaged(format!("the answer is no receipt: {e}"))),
        };
        match self.open_from_broker::<Receipt>(&envelope).await {
            Ok(receipt) => classify(receipt, out),
            Err(error) => Answer::Noise(error),
        }
    }

    /// Without an answer nobody knows whether it arrived.
    fn unanswered(&self, out: &Outgoing, after: Duration) -> CliError {
        let error = match self.bus.link().borrow().up {
            true => BusError::Timeout { subject: out.subject.into(), after },
            false => BusError::Down { url: self.bus.url().into(), why: "the connection was lost".into() },
        };
        let error = CliError::from(error);
        let id = out.id;
        CliError { message: format!("{}; it may still be admitted", error.message), ..error }.code("no_receipt").hint(
            format!("once the fabric is back, `ifctl witness show {id}` says what became of it; see `ifctl status`"),
        )
    }
}

/// The server says so where nobody listens; but anybody can send what looks like it.
fn nobody(out: &Outgoing) -> CliError {
    let error = CliError::from(BusError::NoResponders { subject: out.subject.into() });
    let hint = error.hint.clone().unwrap_or_default();
    error
        .code("no_broker")
        .hint(format!("{hint}; then `ifctl witness show {}` says whether it was admitted after all", out.id))
}

fn classify(receipt: Receipt, out: &Outgoing) -> Answer {
    match receipt.bearing(out.id, out.dry_run) {
        Bearing::Binding => Answer::Binding(receipt),
        Bearing::Doubtful => Answer::Doubtful(Ok(receipt)),
        Bearing::None(why) => Answer::Noise(CliError::damaged(format!("a receipt does not answer {}: {why}", out.id))),
    }
}

impl CliError {
    /// True if nothing of what was to be sent can have arrived.
    pub fn never_arrived(&self) -> bool {
        self.exit == Exit::Unreachable && self.code == "unreachable"
    }
}

#[cfg(test)]
mod tests;
