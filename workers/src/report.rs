//! Results: made, signed, and sent until the broker's signed receipt says that they are in the log.

use crate::{
    clock::{self, Backoff},
    inbox::{Finished, Started},
    intake::{Assignment, REMEMBER_US},
    node::Node,
};
use if_bus::BusError;
use if_engine::Metered;
use if_schemas::{
    Code, CommandId, Envelope, Hash, Money, Name, Outcome, Payload, Reject, ResultEvent, Route, SchemaError, Status,
    Timestamp, TraceId,
    head::{Receipt, Verdict},
    outcome::Failure,
    price::{PriceError, Quote, Usage},
    subject,
    wire::{Message, Submission},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Longest wait for one receipt.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between attempts: doubles from the first to the second figure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What became of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    pub status: Status,
    pub outcome: Outcome,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub attempt: u32,
    pub simulated: bool,
    pub metered: Metered,
    /// Where it went, if not to its instance alone.
    pub route: Option<Route>,
}

impl Ending {
    pub fn failure(status: Status, failure: Failure, started_at: Timestamp, attempt: u32, simulated: bool) -> Self {
        let finished_at = clock::now().max(started_at);
        let (outcome, metered) = (Outcome::Error(failure), Metered::Nothing);
        Self { status, outcome, started_at, finished_at, attempt, simulated, metered, route: None }
    }

    /// It began, and nobody knows what it used.
    #[must_use]
    pub fn used_unknown(self) -> Self {
        Self { metered: Metered::Unknown, ..self }
    }

    pub fn code(&self) -> &str {
        match &self.outcome {
            Outcome::Result(_) => "",
            Outcome::Error(failure) => &failure.code,
        }
    }
}

/// Whom a result is about and where it goes.
struct About<'a> {
    command: CommandId,
    entry: Hash,
    trace: TraceId,
    provider: &'a Name,
    instance: &'a Name,
    deadline: Timestamp,
    quote: Option<&'a Quote>,
}

/// The signed result of an assignment.
pub fn seal(node: &Node, a: &Assignment, ending: &Ending) -> Result<Arc<Finished>, SchemaError> {
    let about = About {
        command: a.command,
        entry: a.entry,
        trace: a.trace,
        provider: &a.provider,
        instance: &a.instance,
        deadline: a.deadline,
        quote: a.quote.as_ref(),
    };
    sealed(node, &about, ending)
}

/// The only true result of a `once` or paid command that an earlier process began: nobody can know.
pub fn seal_interrupted(node: &Node, s: &Started) -> Result<Arc<Finished>, SchemaError> {
    debug_assert!(s.runs_once());
    let failure = Failure {
        code: "interrupted".into(),
        message: format!("the worker stopped while it was executing the command on {}/{}", s.provider, s.instance),
        hint: Some("look at the target to see whether it happened; it is not tried again".into()),
    };
    let ending = Ending::failure(Status::Indeterminate, failure, s.started_at, s.attempt, s.simulated).used_unknown();
    let about = About {
        command: s.command,
        entry: s.entry,
        trace: s.trace,
        provider: &s.provider,
        instance: &s.instance,
        deadline: s.deadline,
        quote: s.quote.as_ref(),
    };
    sealed(node, &about, &ending)
}

fn sealed(node: &Node, about: &About<'_>, ending: &Ending) -> Result<Arc<Finished>, SchemaError> {
    let no_random =
        SchemaError::Invalid { what: "salt", value: String::new(), rule: "the system gives no random numbers" };
    let salt = clock::salt().ok_or(no_random)?;
    let payload = match Payload::new(&ending.outcome, salt) {
        Err(SchemaError::TooLarge { bytes, limit, .. }) => {
            Payload::new(&too_large(&ending.outcome, bytes, limit), salt)?
        }
        other => other?,
    };
    let bill = Bill::of(about.quote, &ending.metered)?;
    let event = ResultEvent {
        command: about.command,
        entry: about.entry,
        status: ending.status,
        started_at: ending.started_at,
        finished_at: ending.finished_at,
        attempt: ending.attempt,
        simulated: ending.simulated,
        cost: bill.cost,
        price_table: about.quote.map(|q| q.table.clone()),
        usage: bill.usage,
        payload: payload.hash(),
        route: ending.route.clone(),
    };
    let submission =
        Submission { envelope: Envelope::seal(&event, &node.key)?, payload: Some(payload) }.to_message()?;
    Ok(Arc::new(Finished {
        command: about.command,
        trace: about.trace,
        provider: about.provider.clone(),
        instance: about.instance.clone(),
        deadline: about.deadline,
        submission,
    }))
}

/// What a call costs by its quote; the broker and every auditor compute the same.
#[derive(Debug, PartialEq, Eq)]
struct Bill {
    cost: Money,
    /// None where nobody knows, or nothing is counted.
    usage: Option<Usage>,
}

impl Bill {
    fn of(quote: Option<&Quote>, metered: &Metered) -> Result<Self, SchemaError> {
        let Some(quote) = quote else { return Ok(Self { cost: Money::FREE, usage: None }) };
        let usage = match metered {
            Metered::Nothing => Some(Usage::new()),
            Metered::Known(usage) => Some(usage.clone()),
            Metered::Unknown => None,
        };
        // A usage beyond what can be counted is as good as none.
        if let Some(cost) = usage.as_ref().and_then(|usage| quote.cost(usage).ok()) {
            return Ok(Self { cost, usage });
        }
        let rule = "its worst case must be countable";
        let bad = |e: PriceError| SchemaError::Invalid { what: "quote", value: e.to_string(), rule };
        Ok(Self { cost: quote.worst_case().map_err(bad)?, usage: None })
    }
}

/// What happened is known although the document about it does not fit.
fn too_large(outcome: &Outcome, bytes: usize, limit: usize) -> Outcome {
    match outcome {
        Outcome::Result(_) => Outcome::Result(json!({"omitted": "result_too_large", "bytes": bytes, "limit": limit})),
        Outcome::Error(failure) => Outcome::Error(Failure {
            code: failure.code.clone(),
            message: Value::from(failure.message.chars().take(1_000).collect::<String>()).to_string(),
            hint: None,
        }),
    }
}

/// How sending a result ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// In the log.
    Accepted,
    /// Refused for good.
    Rejected(Reject),
    /// Nobody answered until nobody waits any more.
    GaveUp,
}

/// Sends until the broker has it, and then records that it has.
pub async fn deliver(node: &Node, finished: &Finished) -> Reported {
    let give_up = finished.deadline.saturating_add_us(REMEMBER_US);
    let reported = tokio::time::timeout(clock::until(give_up), send(node, finished)).await.unwrap_or(Reported::GaveUp);
    let (command, trace) = (finished.command, finished.trace);
    match &reported {
        Reported::Accepted => tracing::debug!(%command, trace_id = %trace, "result is in the log"),
        Reported::Rejected(reject) => {
            let code = reject.code.as_str();
            tracing::error!(%command, trace_id = %trace, code, "the broker refused the result: {reject}");
        }
        Reported::GaveUp => tracing::error!(%command, trace_id = %trace, "the broker did not take the result in time"),
    }
    if reported != Reported::GaveUp
        && let Err(error) = node.inbox.acked(command, finished.deadline).await
    {
        // Costs one more harmless sending after a restart.
        tracing::warn!(%command, %error, "not recorded that the result was taken");
    }
    reported
}

async fn send(node: &Node, finished: &Finished) -> Reported {
    let subject = subject::result(&finished.provider, &finished.instance);
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    loop {
        let bytes = finished.submission.clone();
        let answer = node.bus.request_traced(&subject, bytes, RECEIPT_TIMEOUT, Some(finished.trace)).await;
        match read_receipt(node, finished.command, answer) {
            Ok(Verdict::Accepted | Verdict::WouldAccept { .. }) => return Reported::Accepted,
            Ok(Verdict::Rejected(reject)) if !is_temporary(reject.code) => return Reported::Rejected(reject),
            Ok(Verdict::Rejected(reject)) => {
                tracing::warn!(command = %finished.command, %reject, "result not taken yet")
            }
            Err(error) => tracing::warn!(command = %finished.command, %error, "result not taken yet"),
        }
        tokio::time::sleep(backoff.step()).await;
    }
}

/// Nothing was logged and the same bytes may be taken later.
fn is_temporary(code: Code) -> bool {
    matches!(code, Code::Overloaded | Code::Unavailable)
}

#[derive(Debug, thiserror::Error)]
enum ReceiptError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the receipt is not one of the broker: {0}")]
    Forged(#[from] SchemaError),
    #[error("the receipt is for another command")]
    Other,
    #[error("the broker's key is not known yet")]
    NoTrust,
}

fn read_receipt(
    node: &Node,
    command: CommandId,
    answer: Result<bytes::Bytes, BusError>,
) -> Result<Verdict, ReceiptError> {
    let answer = answer?;
    let trust = node.trust.current().ok_or(ReceiptError::NoTrust)?;
    let receipt: Receipt = Envelope::from_message(&answer)?.open_with(&trust.broker)?;
    if receipt.command != Some(command) {
        return Err(ReceiptError::Other);
    }
    Ok(receipt.verdict)
}

/// Sends what an earlier process left behind: results the broker may not know, and the answer to `once` commands that
/// were begun and not finished. Bounded by what the inbox holds; what is not sent when the node stops is there next
/// time.
pub async fn deliver_left_over(node: Arc<Node>) {
    tokio::select! {
        () = node.stop.cancelled() => {}
        () = deliver_all(&node) => {}
    }
}

async fn deliver_all(node: &Node) {
    if node.trust.ready().await.is_none() {
        return;
    }
    let mut left = node.inbox.unreported();
    for started in node.inbox.take_interrupted() {
        let finished = match seal_interrupted(node, &started) {
            Ok(finished) => finished,
            Err(error) => {
                tracing::error!(command = %started.command, %error, "no result for an interrupted command");
                continue;
            }
        };
        tracing::warn!(command = %started.command, trace_id = %started.trace, "interrupted in an earlier process");
        if let Err(error) = node.inbox.finished(finished.clone(), true).await {
            tracing::error!(command = %started.command, %error, "result not recorded");
        }
        node.metrics.executed(Status::Indeterminate, 0);
        left.push(finished);
    }
    for finished in left {
        let reported = deliver(node, &finished).await;
        tracing::info!(command = %finished.command, ?reported, "result of an earlier process");
    }
}
