//! Sending what a rule does, signed with the trigger's own key, and the broker's word on it.

use super::{
    causes::Origin,
    what::{Firing, Signed, What},
};
use crate::{clock, node::Node, submit::Letter};
use if_schemas::{
    Cause, CommandId, Head, Reject, SchemaError, SigningKey, TraceId,
    head::{Receipt, Verdict},
    wire::Message as _,
};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for a receipt.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Something ready to be sent.
pub struct Shot {
    pub what: What,
    pub deadline: Duration,
    pub key: SigningKey,
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
    /// Sends it and waits for the broker's word on it.
    pub async fn fire(&self, node: &Node, cause: Cause, origin: Option<Origin>) -> Result<Landed, ShotError> {
        let broker = node.trust.current().ok_or(ShotError::NoTrust)?.broker.clone();
        let trace = match origin {
            Some(origin) => origin.trace,
            None => TraceId::from_bytes(clock::random().ok_or(ShotError::Random)?),
        };
        let firing = Firing { trace, cause, deadline: self.deadline };
        let Signed { id, subject, submission } = self.what.sign(firing, &self.key)?;
        let give_up = Instant::now() + RECEIPT_TIMEOUT.min(self.deadline);
        let letter = Letter { subject: &subject, bytes: submission.to_message()?, id, trace };
        let receipt = letter.submit(node, &broker, give_up).await?.ok_or(ShotError::NoReceipt)?;
        landed(receipt, id)
    }
}

fn landed(receipt: Receipt, id: CommandId) -> Result<Landed, ShotError> {
    match (receipt.verdict, receipt.head) {
        (Verdict::Accepted, Some(head)) => Ok(Landed::Admitted(id, head)),
        (Verdict::Rejected(reject), _) => Ok(Landed::Refused(reject)),
        _ => Err(ShotError::NoReceipt),
    }
}
