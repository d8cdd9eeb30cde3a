//! Signed hints of how far a command is. Nothing depends on them, so nothing waits for them.

use crate::{clock, intake::Assignment, node::Node};
use futures::FutureExt;
use if_schemas::{
    Envelope,
    outcome::Progress,
    subject::{self, EventKind},
    wire::Message,
};
use serde_json::Value;

/// Publishes `started` (sequence 0) or progress. A lost one is logged, no more.
pub fn publish(node: &Node, a: &Assignment, sequence: u32, message: String, data: Option<Value>) {
    if !node.bus.link().borrow().up {
        return;
    }
    let kind = if sequence == 0 { EventKind::Started } else { EventKind::Progress };
    let progress = Progress { command: a.command, sequence, at: clock::now(), message, data };
    let sealed = Envelope::seal(&progress, &node.key).and_then(|e| e.to_message());
    let bytes = match sealed {
        Ok(bytes) => bytes,
        Err(error) => return tracing::warn!(command = %a.command, %error, "progress report dropped"),
    };
    let subject = subject::event(&a.provider, &a.instance, &a.operation, kind);
    match node.bus.publish(&subject, bytes, Some(a.trace)).now_or_never() {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(command = %a.command, %error, "progress report not sent"),
        None => tracing::debug!(command = %a.command, "progress report not sent: the connection is behind"),
    }
}
