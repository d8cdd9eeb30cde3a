//! Sending something signed and getting the broker's signed receipt.

use super::Client;
use crate::{CliError, Exit};
use if_bus::BusError;
use if_schemas::{
    CommandId, Envelope, TraceId,
    head::Receipt,
    wire::{Message as _, Submission},
};
use std::time::{Duration, Instant};

/// Even for the shortest deadline the receipt is awaited this long: it says that the deadline passed.
const RECEIPT_MIN: Duration = Duration::from_secs(1);

/// A receipt of this very submission, its signature checked.
#[derive(Debug, Clone)]
pub struct Submitted {
    pub receipt: Receipt,
    /// From sending to the receipt.
    pub took: Duration,
}

impl Client {
    /// Sends a submission and verifies its receipt. The broker must answer within `deadline` or the reach time-out.
    pub async fn submit(
        &mut self,
        subject: &str,
        submission: &Submission,
        id: CommandId,
        deadline: Duration,
        trace: Option<TraceId>,
    ) -> Result<Submitted, CliError> {
        let bytes = submission.to_message()?;
        let timeout = self.reach_left().min(deadline.max(RECEIPT_MIN));
        let sent = Instant::now();
        let answer = self.bus.request_traced(subject, bytes, timeout, trace).await.map_err(|e| unanswered(e, id))?;
        let took = sent.elapsed();
        self.reached = true;
        let receipt: Receipt = self.open_from_broker(&Envelope::from_message(&answer)?).await?;
        match receipt.command {
            Some(command) if command != id => {
                Err(CliError::damaged(format!("the receipt is for command {command}, this is {id}")))
            }
            _ => Ok(Submitted { receipt, took }),
        }
    }
}

/// Without an answer nobody knows whether it arrived, except where there is nobody it could have arrived at.
fn unanswered(error: BusError, id: CommandId) -> CliError {
    let never_sent = matches!(error, BusError::NoResponders { .. } | BusError::Refused { .. });
    let base = CliError::from(error);
    if never_sent || base.exit != Exit::Unreachable {
        return base;
    }
    CliError { message: format!("{}; the command may still be admitted", base.message), ..base }
        .code("no_receipt")
        .hint(format!("once the fabric is back, `ifctl witness show {id}` says what became of it; see `ifctl status`"))
}
