//! The NATS micro-service verbs (ADR-32): `$SRV.PING|INFO|STATS`, so that `nats service ls` finds this process.

use crate::{Bus, BusError, Message, Subscription};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;

/// Questions waiting to be answered; more are not read from their subscriptions until there is room.
const QUEUE: usize = 64;
/// Pause before the subscriptions are made again after they could not be made.
const RETRY: Duration = Duration::from_secs(1);

/// Who answers. `name` and `id` are subject tokens: letters, digits, `_` and `-`; `version` is a semantic version.
#[derive(Debug, Clone)]
pub struct ServiceInfo {
    pub name: String,
    /// Differs between instances of the service.
    pub id: String,
    pub version: String,
    pub description: String,
    pub metadata: BTreeMap<String, String>,
    pub endpoints: Vec<Endpoint>,
}

/// A subject the service listens on.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoint {
    pub name: String,
    pub subject: String,
    /// None where every instance gets every message.
    pub queue_group: Option<String>,
}

/// Counters of one endpoint since the process started, in the order of [`ServiceInfo::endpoints`].
#[derive(Debug, Clone, Default)]
pub struct EndpointStats {
    pub num_requests: u64,
    pub num_errors: u64,
    /// Empty if there was none.
    pub last_error: String,
    /// Sum over all requests.
    pub processing_time: Duration,
    /// Anything else worth showing.
    pub data: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    const ALL: [Verb; 3] = [Verb::Ping, Verb::Info, Verb::Stats];
    fn as_str(self) -> &'static str {
        match self {
            Verb::Ping => "PING",
            Verb::Info => "INFO",
            Verb::Stats => "STATS",
        }
    }
}

/// Answers until `shutdown` resolves or the bus is closed. `stats` is called for each `STATS` question and must not
/// block.
pub async fn run(
    bus: Bus,
    info: ServiceInfo,
    stats: impl Fn() -> Vec<EndpointStats> + Send + Sync,
    shutdown: impl Future<Output = ()> + Send,
) {
    let started = now_text();
    let answering = async {
        let (sender, mut questions) = mpsc::channel(QUEUE);
        // Kept until the end: dropping it stops the readers.
        let _readers = subscribe_all(&bus, &info, &sender).await;
        while let Some((verb, message)) = questions.recv().await {
            let answer = answer(verb, &info, &started, &stats);
            if let Err(error) = bus.reply(&message, answer).await {
                tracing::debug!(%error, "service question not answered");
            }
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = answering => {}
    }
}

async fn subscribe_all(bus: &Bus, info: &ServiceInfo, to: &mpsc::Sender<(Verb, Message)>) -> tokio::task::JoinSet<()> {
    let mut readers = tokio::task::JoinSet::new();
    for verb in Verb::ALL {
        let all = format!("$SRV.{}", verb.as_str());
        let named = format!("{all}.{}", info.name);
        let exact = format!("{named}.{}", info.id);
        for subject in [all, named, exact] {
            let subscription = loop {
                match bus.subscribe(&subject).await {
                    Ok(subscription) => break subscription,
                    Err(error) => note_retry(&subject, &error).await,
                }
            };
            readers.spawn(read(verb, subscription, to.clone()));
        }
    }
    readers
}

async fn note_retry(subject: &str, error: &BusError) {
    tracing::warn!(subject, %error, "service verbs not answered yet");
    tokio::time::sleep(RETRY).await;
}

async fn read(verb: Verb, mut subscription: Subscription, to: mpsc::Sender<(Verb, Message)>) {
    while let Some(message) = subscription.next().await {
        if to.send((verb, message)).await.is_err() {
            return;
        }
    }
}

fn answer(verb: Verb, info: &ServiceInfo, started: &str, stats: &impl Fn() -> Vec<EndpointStats>) -> Vec<u8> {
    let mut document = json!({
        "type": format!("io.nats.micro.v1.{}_response", verb.as_str().to_ascii_lowercase()),
        "name": info.name,
        "id": info.id,
        "version": info.version,
        "metadata": info.metadata,
    });
    match verb {
        Verb::Ping => {}
        Verb::Info => {
            document["description"] = json!(info.description);
            document["endpoints"] = info.endpoints.iter().map(endpoint_info).collect();
        }
        Verb::Stats => {
            document["started"] = json!(started);
            document["endpoints"] = info.endpoints.iter().zip(stats()).map(|(e, s)| endpoint_stats(e, &s)).collect();
        }
    }
    document.to_string().into_bytes()
}

fn endpoint_info(e: &Endpoint) -> Value {
    json!({"name": e.name, "subject": e.subject, "queue_group": queue_group(e), "metadata": {}})
}

fn endpoint_stats(e: &Endpoint, s: &EndpointStats) -> Value {
    let total = u64::try_from(s.processing_time.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "name": e.name,
        "subject": e.subject,
        "queue_group": queue_group(e),
        "num_requests": s.num_requests,
        "num_errors": s.num_errors,
        "last_error": s.last_error,
        // Nanoseconds.
        "processing_time": total,
        "average_processing_time": total.checked_div(s.num_requests).unwrap_or(0),
        "data": s.data,
    })
}

fn queue_group(e: &Endpoint) -> &str {
    e.queue_group.as_deref().unwrap_or_default()
}

/// Now, RFC 3339.
fn now_text() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    if_schemas::Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)).to_string()
}
