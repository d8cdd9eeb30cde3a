//! Messages as the rest of the fabric sees them, and the trace id they carry.

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt;
use if_schemas::TraceId;

/// W3C trace context header.
const TRACEPARENT: &str = "traceparent";

#[derive(Debug, Clone)]
pub struct Message {
    pub subject: String,
    pub payload: Bytes,
    pub reply: Option<String>,
    /// A hint for logs; the signed body has the one that counts.
    pub trace: Option<TraceId>,
}

impl From<async_nats::Message> for Message {
    fn from(m: async_nats::Message) -> Self {
        let trace = m.headers.as_ref().and_then(read_trace);
        Self { subject: m.subject.to_string(), payload: m.payload, reply: m.reply.map(|r| r.to_string()), trace }
    }
}

/// A subscription. Bounded by [`crate::connect::SUBSCRIPTION_CAPACITY`]; the client drops what exceeds it and says so in the log.
pub struct Subscription(pub(crate) async_nats::Subscriber);

impl Subscription {
    /// The next message; none once the bus is closed.
    pub async fn next(&mut self) -> Option<Message> {
        self.0.next().await.map(Message::from)
    }
    pub async fn unsubscribe(mut self) {
        // Fails only when the connection is closed, and then nothing is subscribed any more.
        let _ = self.0.unsubscribe().await;
    }
}

pub(crate) fn trace_headers(trace: TraceId) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let id = trace.to_string();
    headers.insert(TRACEPARENT, format!("00-{id}-{}-01", &id[16..]).as_str());
    headers
}

fn read_trace(headers: &HeaderMap) -> Option<TraceId> {
    headers.get(TRACEPARENT)?.as_str().split('-').nth(1)?.parse().ok()
}
