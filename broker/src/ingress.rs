//! From the bus to the sequencer: bounded intake, signature checks on threads of their own.
//! Messages of one subject keep their order; full queues answer `overloaded` at once.

use crate::{
    publisher::{Publication, Reply},
    sequencer::{Job, Signal},
    shared::Shared,
};
use if_bus::{Bus, BusError, Message, Subscription};
use if_core::{VerifiedChange, VerifiedCommand, VerifiedResult, verify};
use if_schemas::{
    Code, Kind, Reject,
    head::Verdict,
    limits::MESSAGE_MAX_BYTES,
    subject,
    wire::{Message as _, Submission},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    thread,
};
use tokio::sync::mpsc;

/// Messages waiting for one verifier thread. With messages of at most 768 KiB in the worst case this bounds memory;
/// in practice they are below 1 KiB.
const VERIFIER_QUEUE: usize = 512;
/// Most verifier threads.
const VERIFIERS_MAX: usize = 4;

/// Hands messages to verifier threads.
pub struct Ingress {
    shared: Arc<Shared>,
    verifiers: Vec<mpsc::Sender<Message>>,
    publisher: mpsc::Sender<Publication>,
}

impl Ingress {
    pub fn start(
        shared: Arc<Shared>,
        sequencer: mpsc::Sender<Signal>,
        publisher: mpsc::Sender<Publication>,
    ) -> Result<Self, std::io::Error> {
        let count = thread::available_parallelism().map_or(1, |n| n.get()).min(VERIFIERS_MAX);
        let start = |number: usize| {
            let (sender, receiver) = mpsc::channel(VERIFIER_QUEUE);
            let verifier =
                Verifier { shared: shared.clone(), sequencer: sequencer.clone(), publisher: publisher.clone() };
            let thread = thread::Builder::new().name(format!("verify-{number}"));
            thread.spawn(move || verifier.run(receiver)).map(|_| sender)
        };
        let verifiers = (0..count).map(start).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { shared, verifiers, publisher })
    }

    /// Subscribes to everything the broker takes in and feeds it to the verifiers until the bus closes.
    pub async fn listen(self, bus: Bus) -> Result<(), BusError> {
        let commands = bus.subscribe(subject::COMMANDS).await?;
        let results = bus.subscribe(subject::RESULTS).await?;
        let this = Arc::new(self);
        let (a, b) = tokio::join!(this.pump(commands), this.pump(results));
        a.and(b)
    }

    async fn pump(&self, mut subscription: Subscription) -> Result<(), BusError> {
        while let Some(message) = subscription.next().await {
            self.offer(message);
        }
        Ok(())
    }

    fn offer(&self, message: Message) {
        let mut hasher = DefaultHasher::new();
        message.subject.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % self.verifiers.len() as u64).unwrap_or(0);
        let verifier = &self.verifiers[lane];
        let depth = i64::try_from(VERIFIER_QUEUE - verifier.capacity()).unwrap_or(i64::MAX);
        self.shared.metrics.queue_depth.with_label_values(&["ingress"]).set(depth);
        if let Err(refused) = verifier.try_send(message) {
            answer_overloaded(&self.shared, &self.publisher, refused.into_inner());
        }
    }
}

/// A full queue is answered without waiting; if even the publisher is full the sender's own time-out speaks.
fn answer_overloaded(shared: &Shared, publisher: &mpsc::Sender<Publication>, message: Message) {
    let reject = Reject::new(Code::Overloaded, "the broker has more to do than it can take in")
        .hint("send it again in a moment");
    shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
    let reply = Reply { to: message.reply, command: None, head: None, verdict: Verdict::Rejected(reject) };
    let _ = publisher.try_send(Publication::reply(reply));
}

struct Verifier {
    shared: Arc<Shared>,
    sequencer: mpsc::Sender<Signal>,
    publisher: mpsc::Sender<Publication>,
}

impl Verifier {
    fn run(self, mut queue: mpsc::Receiver<Message>) {
        while let Some(message) = queue.blocking_recv() {
            let reply = message.reply.clone();
            match self.verify(&message) {
                Ok(input) => {
                    // Waits where the sequencer is behind: the bounded queue before us then fills and answers `overloaded`.
                    let job = Job { input, reply: reply.clone() };
                    if self.sequencer.blocking_send(Signal::Submission(Box::new(job))).is_err() {
                        let reject = Reject::new(Code::Unavailable, "the broker is stopping or its log is closed")
                            .hint("see the broker's log; the same bytes sent again get their answer once it runs");
                        self.refuse(&message, reply, reject);
                    }
                }
                Err(reject) => self.refuse(&message, reply, reject),
            }
        }
    }

    fn verify(&self, message: &Message) -> Result<crate::sequencer::Proven, Reject> {
        use crate::sequencer::Proven;
        if message.payload.len() > MESSAGE_MAX_BYTES {
            let text = format!("the message has {} bytes, the limit is {MESSAGE_MAX_BYTES}", message.payload.len());
            return Err(Reject::new(Code::TooLarge, text));
        }
        let submission = Submission::from_message(&message.payload)?;
        let trust = self.shared.trust();
        let is_result = message.subject.starts_with("if.result.");
        match verify::kind(&submission) {
            Kind::Command if !is_result => {
                VerifiedCommand::verify(&trust, submission, &message.subject).map(Proven::Command)
            }
            Kind::Trust if message.subject == subject::TRUST => {
                VerifiedChange::verify(&trust, submission).map(Proven::Trust)
            }
            Kind::Result if is_result => VerifiedResult::verify(&trust, submission).map(Proven::Result),
            kind => Err(Reject::new(
                Code::SubjectMismatch,
                format!("a {} does not belong on {}", kind.as_str(), message.subject),
            )),
        }
    }

    /// Not proven to be anybody's: counted and answered, not logged.
    fn refuse(&self, message: &Message, to: Option<String>, reject: Reject) {
        tracing::warn!(code = %reject.code, subject = message.subject, "refused: {reject}");
        self.shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
        self.shared.metrics.commands.with_label_values(&["rejected"]).inc();
        let reply = Reply { to, command: None, head: None, verdict: Verdict::Rejected(reject) };
        // With the publisher full the answer is dropped: the sender's time-out speaks.
        let _ = self.publisher.try_send(Publication::reply(reply));
    }
}
