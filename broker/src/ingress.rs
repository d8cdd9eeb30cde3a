//! From the bus to the sequencer: bounded intake, signature checks in tasks of their own on all cores.
//! Messages of one subscription keep their order; a full intake answers `overloaded` at once.
//!
//! A check costs about 40 us of CPU: short enough for a task. Handing it to a thread would cost a wake-up, which takes as
//! long as the check.

use crate::{
    presence::{Call, Presence},
    publisher::{Publication, Publisher, Reply},
    sequencer::{self, Job, Proven, Signal},
    shared::Shared,
};
use futures::FutureExt;
use if_bus::{Bus, BusError, Message, Subscription};
use if_core::{VerifiedChange, VerifiedCommand, VerifiedFinance, VerifiedResult, VerifiedRun, verify};
use if_schemas::{
    Code, Kind, Payload, Reject,
    head::Verdict,
    limits::MESSAGE_MAX_BYTES,
    plan::Args,
    subject,
    wire::{Message as _, Submission},
};
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};

/// Messages of one subscription being checked or waiting for a place with the sequencer.
const INTAKE_MAX: usize = 1_024;
/// Bytes of those messages together, and of those the sequencer has not decided yet. They are below 1 KiB as a rule, so this stops only who sends large ones in masses.
const INTAKE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A message on its way, with its share of [`INTAKE_BYTES_MAX`].
struct Checking {
    check: JoinHandle<(Message, Result<Proven, Reject>)>,
    bytes: OwnedSemaphorePermit,
}

/// Takes in what is sent to the broker.
pub struct Ingress {
    pub shared: Arc<Shared>,
    pub presence: Arc<Presence>,
    pub sequencer: mpsc::Sender<Signal>,
    pub publisher: Publisher,
}

impl Ingress {
    /// Subscribes to everything the broker takes in, until the bus closes.
    pub async fn listen(self, bus: Bus) -> Result<(), BusError> {
        let commands = bus.subscribe(subject::COMMANDS).await?;
        let results = bus.subscribe(subject::RESULTS).await?;
        let runs = bus.subscribe(subject::RUNS).await?;
        tokio::join!(self.take_in(commands), self.take_in(results), self.take_in(runs));
        Ok(())
    }

    async fn take_in(&self, subscription: Subscription) {
        let (checking, checked) = mpsc::channel(INTAKE_MAX);
        tokio::join!(self.check(subscription, checking), self.forward(checked));
    }

    async fn check(&self, mut subscription: Subscription, checking: mpsc::Sender<Checking>) {
        let room = Arc::new(Semaphore::new(INTAKE_BYTES_MAX));
        while let Some(message) = subscription.next().await {
            let depth = i64::try_from(INTAKE_MAX - checking.capacity()).unwrap_or(i64::MAX);
            self.shared.metrics.queue_depth.with_label_values(&["ingress"]).set(depth);
            let bytes = u32::try_from(message.payload.len()).unwrap_or(u32::MAX);
            match (checking.try_reserve(), room.clone().try_acquire_many_owned(bytes)) {
                (Ok(place), Ok(bytes)) => {
                    let shared = self.shared.clone();
                    let check = tokio::spawn(async move {
                        let proven = verify(&shared, &message);
                        (message, proven)
                    });
                    place.send(Checking { check, bytes });
                }
                _ => self.answer_overloaded(message),
            }
        }
    }

    /// Hands on what was checked, in the order in which it came.
    async fn forward(&self, mut checked: mpsc::Receiver<Checking>) {
        while let Some(checking) = checked.recv().await {
            let (message, proven) = match checking.check.await {
                Ok(done) => done,
                Err(error) => {
                    tracing::error!(%error, "a check ended without a verdict; its sender gets no answer");
                    continue;
                }
            };
            self.hand_on(message, proven, checking.bytes).await;
        }
    }

    /// What an order wants to have reserved has to be known before it is refused for that.
    async fn settle_order(&self, change: &VerifiedRun) {
        let nothing = Payload::empty();
        for (_, call) in sequencer::priced(change) {
            let payload = match &call.args {
                Args::Fixed(payload) => payload,
                Args::Open(_) => &nothing,
            };
            let (provider, instance) = (&call.target.provider, &call.target.instance);
            self.presence.settle(&Call { provider, instance, operation: &call.operation, payload }).await;
        }
    }

    /// To the sequencer, or back to the sender.
    async fn hand_on(&self, message: Message, proven: Result<Proven, Reject>, bytes: OwnedSemaphorePermit) {
        let reply = message.reply.clone();
        match &proven {
            Ok(Proven::Command(c)) => self.presence.settle(&Call::of(c.command(), c.payload())).await,
            Ok(Proven::Run(change)) => self.settle_order(change).await,
            _ => {}
        }
        let refused = match proven {
            // Waits where the sequencer is behind: the bounded intake then fills and answers `overloaded`.
            Ok(input) => {
                self.sequencer.send(Signal::Submission(Box::new(Job { input, reply, _bytes: bytes }))).await.err().map(
                    |_| {
                        Reject::new(Code::Unavailable, "the broker is stopping or its log is closed")
                            .hint("see the broker's log; the same bytes sent again get their answer once it runs")
                    },
                )
            }
            Err(reject) => Some(reject),
        };
        if let Some(reject) = refused {
            self.refuse(message, reject).await;
        }
    }

    /// A full intake is answered without waiting; if even the connection is full the sender's own time-out speaks.
    fn answer_overloaded(&self, message: Message) {
        let reject = Reject::new(Code::Overloaded, "the broker has more to do than it can take in")
            .hint("send it again in a moment");
        self.shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
        let reply = Reply { to: message.reply, command: None, head: None, verdict: Verdict::Rejected(reject) };
        let _ = self.publisher.publish_all(vec![Publication::reply(reply)]).now_or_never();
    }

    /// Not proven to be anybody's: counted and answered, not logged.
    async fn refuse(&self, message: Message, reject: Reject) {
        tracing::warn!(code = %reject.code, subject = message.subject, "refused: {reject}");
        self.shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
        let reply = Reply { to: message.reply, command: None, head: None, verdict: Verdict::Rejected(reject) };
        self.publisher.publish_all(vec![Publication::reply(reply)]).await;
    }
}

fn verify(shared: &Shared, message: &Message) -> Result<Proven, Reject> {
    if message.payload.len() > MESSAGE_MAX_BYTES {
        let text = format!("the message has {} bytes, the limit is {MESSAGE_MAX_BYTES}", message.payload.len());
        return Err(Reject::new(Code::TooLarge, text));
    }
    let submission = Submission::from_message(&message.payload)?;
    let trust = shared.trust();
    let is_result = message.subject.starts_with("if.result.");
    match verify::kind(&submission) {
        Kind::Command if !is_result => {
            VerifiedCommand::verify(&trust, submission, &message.subject).map(Proven::Command)
        }
        Kind::Trust if message.subject == subject::TRUST => {
            VerifiedChange::verify(&trust, submission).map(Proven::Trust)
        }
        Kind::Finance if message.subject == subject::FINANCE => {
            VerifiedFinance::verify(&trust, submission).map(Proven::Finance)
        }
        Kind::Run if message.subject == subject::RUN => VerifiedRun::verify(&trust, submission).map(Proven::Run),
        Kind::Result if is_result => VerifiedResult::verify(&trust, submission).map(Proven::Result),
        kind => {
            let text = format!("a {} does not belong on {}", kind.as_str(), message.subject);
            Err(Reject::new(Code::SubjectMismatch, text))
        }
    }
}
