//! Sending what this node signs to the broker, and waiting for the broker's word on it.

use crate::node::Node;
use if_bus::BusError;
use if_schemas::{
    CommandId, Envelope, TraceId, Verifier,
    head::{Bearing, Receipt},
    wire::Message as _,
};
use tokio::time::Instant;

/// One submission, ready to be sent.
pub struct Letter<'a> {
    pub subject: &'a str,
    pub bytes: Vec<u8>,
    pub id: CommandId,
    pub trace: TraceId,
}

impl Letter<'_> {
    /// The receipt; none if none came by `give_up`: then it may have been admitted or not. The same bytes may be sent again.
    pub async fn submit(self, node: &Node, broker: &Verifier, give_up: Instant) -> Result<Option<Receipt>, BusError> {
        let mut answers = node.bus.request_many(self.subject, self.bytes, Some(self.trace)).await?;
        let mut doubtful = None;
        while let Ok(Some(message)) = tokio::time::timeout_at(give_up, answers.next()).await {
            match weigh(&message.payload, broker, self.id) {
                Some((receipt, Bearing::Binding)) => return Ok(Some(receipt)),
                Some((receipt, Bearing::Doubtful)) => doubtful = Some(receipt),
                _ => {}
            }
        }
        Ok(doubtful)
    }
}

/// Anybody may answer: only what the broker signed counts.
fn weigh(bytes: &[u8], broker: &Verifier, id: CommandId) -> Option<(Receipt, Bearing)> {
    let receipt: Receipt = Envelope::from_message(bytes).ok()?.open_with(broker).ok()?;
    let bearing = receipt.bearing(id, false);
    Some((receipt, bearing))
}
