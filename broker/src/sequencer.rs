//! The one writer. Takes what is waiting, decides each in order, appends all as one batch with one fsync,
//! and only then lets anything out.

use crate::{
    BrokerError, clock,
    presence::{Call, Presence},
    publisher::{DurableEntry, Publication, Publisher, Reply, Target, Then},
    shared::{Shared, View},
    windows,
};
use if_core::{
    Action, Decision, Input, Prior, State, VerifiedChange, VerifiedCommand, VerifiedFinance, VerifiedResult,
    VerifiedRun, decide,
};
use if_schemas::{
    Body, Code, CommandId, Entry, Envelope, FinanceOp, Hash, Head, PublicKey, Reject, Timestamp, finance::BudgetAlert,
    head::Verdict,
};
use if_witness::{Batch, Log, NewEntry};
use std::{collections::HashMap, sync::Arc, time::Instant};
use tokio::sync::mpsc;

mod periods;
mod runs;

pub use runs::priced;

/// Verified inputs waiting for the sequencer.
pub const SEQUENCER_QUEUE: usize = 4_096;
/// Most inputs in one batch: bounds how long the first of them waits for the last.
const BATCH_INPUTS_MAX: usize = 512;
/// Commands in flight at which new ones are refused as `overloaded`: bounds the broker's memory.
const IN_FLIGHT_MAX: usize = 50_000;
/// Overdue commands settled per tick.
const OVERDUE_MAX: usize = 256;
/// Entries between two snapshots: bounds what a start has to replay.
const SNAPSHOT_EVERY: u64 = 20_000;

/// What wakes the sequencer.
pub enum Signal {
    Submission(Box<Job>),
    Tick,
    /// Finish what is queued, write a snapshot, end.
    Stop,
}

/// A proven submission and where its answer goes.
pub struct Job {
    pub input: Proven,
    pub reply: Option<String>,
    /// Its share of the intake, free again once it is decided.
    pub _bytes: tokio::sync::OwnedSemaphorePermit,
}

pub enum Proven {
    Command(VerifiedCommand),
    Trust(VerifiedChange),
    Finance(VerifiedFinance),
    Result(VerifiedResult),
    Run(VerifiedRun),
}

impl Proven {
    fn command(&self) -> CommandId {
        match self {
            Proven::Command(c) => c.command().id,
            Proven::Trust(t) => t.change().id,
            Proven::Finance(f) => f.change().id,
            Proven::Result(r) => r.result().command,
            Proven::Run(r) => r.change().id,
        }
    }
    fn hash(&self) -> Hash {
        match self {
            Proven::Command(c) => c.hash(),
            Proven::Trust(t) => t.hash(),
            Proven::Finance(f) => f.hash(),
            Proven::Result(r) => r.hash(),
            Proven::Run(r) => r.hash(),
        }
    }
    fn signer(&self) -> Option<PublicKey> {
        match self {
            Proven::Command(c) => Some(c.signer()),
            Proven::Result(r) => Some(r.signer()),
            Proven::Run(r) => Some(r.signer()),
            Proven::Trust(_) | Proven::Finance(_) => None,
        }
    }
}

pub struct Sequencer {
    pub log: Log,
    pub state: State,
    pub shared: Arc<Shared>,
    pub presence: Arc<Presence>,
    pub publisher: Publisher,
    /// Where the publisher waits for the connection.
    pub runtime: tokio::runtime::Handle,
    pub last_snapshot: u64,
}

/// What this batch adds, until it is durable.
#[derive(Default)]
struct Pending {
    entries: Vec<NewEntry>,
    publications: Vec<Publication>,
    /// Ids this batch logged: the store does not have them yet.
    seen: HashMap<CommandId, Vec<Seen>>,
    alerts: Vec<BudgetAlert>,
    trust_changed: bool,
    /// Budgets, prices or rates are others than before.
    money_changed: bool,
    /// Runs are others than before.
    runs_changed: bool,
}

impl Sequencer {
    /// Runs until `Stop`, the queue closes, or the log cannot be written.
    pub fn run(mut self, mut queue: mpsc::Receiver<Signal>) -> Result<(), BrokerError> {
        let mut signals = Vec::with_capacity(BATCH_INPUTS_MAX);
        loop {
            signals.clear();
            let received = queue.blocking_recv_many(&mut signals, BATCH_INPUTS_MAX);
            let stop = received == 0 || signals.iter().any(|s| matches!(s, Signal::Stop));
            self.shared
                .metrics
                .queue_depth
                .with_label_values(&["sequencer"])
                .set(i64::try_from(queue.len()).unwrap_or(i64::MAX));
            let pending = self.decide_all(signals.drain(..))?;
            self.commit(pending, stop)?;
            if stop {
                return Ok(());
            }
        }
    }

    fn decide_all(&mut self, signals: impl Iterator<Item = Signal>) -> Result<Pending, BrokerError> {
        let mut pending = Pending::default();
        for signal in signals {
            match signal {
                Signal::Submission(job) => self.take(*job, &mut pending)?,
                Signal::Tick => self.settle_overdue(&mut pending)?,
                Signal::Stop => {}
            }
        }
        Ok(pending)
    }

    fn take(&mut self, job: Job, pending: &mut Pending) -> Result<(), BrokerError> {
        let Job { input, reply, _bytes } = job;
        let (command, hash, signer) = (input.command(), input.hash(), input.signer());
        let is_request = !matches!(input, Proven::Result(_));
        let prior = self.prior(&command, &hash, pending)?;
        let full = self.state.in_flight().len() >= IN_FLIGHT_MAX;
        if full && prior == Prior::Nothing && matches!(input, Proven::Command(_)) {
            let reject = Reject::new(Code::Overloaded, format!("{IN_FLIGHT_MAX} commands are in flight"))
                .hint("wait until some of them are done");
            self.shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
            let verdict = Verdict::Rejected(reject);
            pending.publications.push(Publication::reply(Reply {
                to: reply,
                command: Some(command),
                head: None,
                verdict,
            }));
            return Ok(());
        }
        let input = match input {
            Proven::Command(c) => {
                let (served, pricing) = self.presence.served(&Call::of(c.command(), c.payload()));
                Input::Command { command: c, prior, served, pricing }
            }
            Proven::Trust(change) => Input::Trust { change, prior },
            Proven::Finance(change) => {
                let zone_known = match &change.change().op {
                    FinanceOp::SetBudget(budget) => windows::zone(&budget.zone).is_some(),
                    _ => true,
                };
                Input::Finance { change, prior, zone_known }
            }
            Proven::Result(result) => Input::Result { result, prior },
            Proven::Run(change) => {
                let asked = runs::asked(&self.presence, &change);
                Input::Run { change, prior, asked }
            }
        };
        let origin = Origin { command, is_request, hash: Some(hash), signer, reply: Some(reply) };
        self.carry_out(clock::now(), input, origin, pending)
    }

    fn settle_overdue(&mut self, pending: &mut Pending) -> Result<(), BrokerError> {
        let now = clock::now();
        for command in self.state.overdue(now, OVERDUE_MAX) {
            let origin = Origin { command, is_request: false, hash: None, signer: None, reply: None };
            self.carry_out(now, Input::Overdue { command }, origin, pending)?;
        }
        self.turn_runs(now, pending)
    }

    fn carry_out(
        &mut self,
        now: Timestamp,
        input: Input,
        origin: Origin,
        pending: &mut Pending,
    ) -> Result<(), BrokerError> {
        self.begin_windows(now, pending)?;
        let (entry, verdict, head, then) = match decide(&self.state, now, input) {
            Decision::Answer { verdict, head } => (None, verdict, head, None),
            Decision::Append { body, payload, verdict, then } => {
                let (entry, head, then) = self.append(now, body, payload, then, &origin, &verdict, pending)?;
                (Some(entry), verdict, Some(head), then)
            }
        };
        if let Verdict::Rejected(reject) = &verdict {
            self.shared.metrics.rejects.with_label_values(&[reject.code.as_str()]).inc();
        }
        let reply = origin.reply.map(|to| Reply { to, command: Some(origin.command), head, verdict });
        pending.publications.push(Publication { reply, entry, then });
        // A new budget begins its first window at once, a run that waited goes on.
        self.begin_windows(now, pending)?;
        if pending.runs_changed { self.turn_runs(now, pending) } else { Ok(()) }
    }

    /// Makes the next entry in memory: state first, disk in [`Sequencer::commit`], the world after that.
    #[allow(clippy::too_many_arguments)]
    fn append(
        &mut self,
        now: Timestamp,
        body: Body,
        payload: Option<if_schemas::Payload>,
        action: Option<Action>,
        origin: &Origin,
        verdict: &Verdict,
        pending: &mut Pending,
    ) -> Result<(DurableEntry, Head, Option<Then>), BrokerError> {
        let entry = self.state.draft(now, body);
        let bytes = entry.encode()?;
        let hash = Entry::hash_bytes(&bytes);
        let (before, run_before) = (self.target(&origin.command), self.run_of(&origin.command));
        pending.alerts.extend(self.state.apply(&entry, hash).map_err(BrokerError::Invariant)?);
        pending.money_changed |= moves_money(&entry.body);
        let run = run_before.or_else(|| self.run_of(&origin.command));
        pending.runs_changed |= moves_runs(&entry.body) || run.is_some();
        let head = Head { log: self.state.log().unwrap_or(hash), index: entry.index, hash, at: entry.at };
        if let Some(envelope_hash) = origin.hash {
            let reject = match verdict {
                Verdict::Rejected(reject) => Some(reject.clone()),
                _ => None,
            };
            let seen = Seen { envelope: envelope_hash, head, reject, is_request: origin.is_request };
            pending.seen.entry(origin.command).or_default().push(seen);
        }
        let then = match action {
            Some(Action::Dispatch) => {
                let order = self.order(&origin.command).map(Box::new);
                self.target(&origin.command).map(|target| Then::Dispatch { command: origin.command, target, order })
            }
            Some(Action::AnnounceResult(command)) => before.map(|target| Then::AnnounceResult { command, target }),
            Some(Action::TrustChanged) => {
                pending.trust_changed = true;
                None
            }
            Some(Action::FinanceChanged | Action::RunChanged) | None => None,
        };
        self.count(&entry.body);
        let also = self.also(&entry.body, run);
        let (bytes_out, payload_out) = (bytes.clone(), payload.clone());
        let durable = DurableEntry { head, bytes: bytes_out, payload: payload_out, signer: origin.signer, also };
        pending.entries.push(NewEntry { entry, bytes, hash, payload });
        Ok((durable, head, then))
    }

    fn target(&self, command: &CommandId) -> Option<Target> {
        self.state.in_flight().get(command).map(|f| Target {
            provider: f.provider.clone(),
            instance: f.instance.clone(),
            operation: f.operation.clone(),
            trace: f.trace,
        })
    }

    /// The run of a command in flight.
    fn run_of(&self, command: &CommandId) -> Option<CommandId> {
        self.state.in_flight().get(command)?.share.as_ref().map(|share| share.run)
    }

    /// What the operator signed, where the command is part of a run: workers check it themselves.
    fn order(&self, command: &CommandId) -> Option<Envelope> {
        let share = self.state.in_flight().get(command)?.share.as_ref()?;
        self.state.runs().get(&share.run).map(|run| run.ordered().clone())
    }

    fn count(&self, body: &Body) {
        let status = match body {
            Body::Completed { envelope, .. } => {
                envelope.read_unverified().ok().map(|r: if_schemas::ResultEvent| r.status)
            }
            Body::Unresolved { status, .. } => Some(*status),
            _ => None,
        };
        if let Some(status) = status {
            self.shared.metrics.results.with_label_values(&[status.as_str()]).inc();
        }
    }

    /// Commit order, with what a crash at each point leaves behind:
    fn commit(&mut self, pending: Pending, stop: bool) -> Result<(), BrokerError> {
        let Pending { entries, publications, alerts, trust_changed, money_changed, runs_changed, .. } = pending;
        if !entries.is_empty() || stop {
            // 1. One write, one fsync. A crash before or inside leaves a prefix of whole batches: nothing of this one
            //    was answered or published, senders ask again. An error leaves disk and memory apart: the process ends.
            let due = self.state.next() >= self.last_snapshot + SNAPSHOT_EVERY
                || (stop && self.state.next() > self.last_snapshot);
            let snapshot = if due { Some((self.state.next() - 1, self.state.to_snapshot()?)) } else { None };
            let timer = Instant::now();
            self.log.append(Batch { entries, snapshot })?;
            self.shared.metrics.commit_seconds.observe(timer.elapsed().as_secs_f64());
            if due {
                self.last_snapshot = self.state.next();
            }
            // 2. Show the new state. A crash here loses only memory.
            self.show(trust_changed, money_changed, runs_changed);
        }
        // 3. Let receipts, work and events out. A crash before any of them: the sender asks again and gets the receipt
        //    from the log; unsettled work is published at the next start; followers read by index.
        self.runtime.block_on(self.publisher.publish_all(publications));
        if !alerts.is_empty() {
            self.runtime.block_on(self.publisher.alert(&alerts));
        }
        Ok(())
    }

    fn show(&self, trust_changed: bool, money_changed: bool, runs_changed: bool) {
        if trust_changed {
            self.shared.trust.store(Arc::new(self.state.trust().clone()));
        }
        let before = self.shared.view.load_full();
        let known = (!money_changed).then(|| before.money.clone());
        let runs = (!runs_changed).then(|| before.runs.clone());
        if let Some(view) = View::of(&self.state, known, runs) {
            let metrics = &self.shared.metrics;
            metrics.log_index.set(i64::try_from(view.head.index).unwrap_or(i64::MAX));
            metrics.in_flight.set(i64::try_from(view.in_flight).unwrap_or(i64::MAX));
            if money_changed {
                metrics.show_budgets(&view.money.budgets);
            }
            self.shared.view.store(Arc::new(view));
        }
    }

    /// What the log, or this batch, already holds under the id.
    fn prior(&self, command: &CommandId, envelope: &Hash, pending: &Pending) -> Result<Prior, BrokerError> {
        let here = pending.seen.get(command).map_or(&[][..], Vec::as_slice);
        if let Some(seen) = here.iter().find(|s| s.envelope == *envelope) {
            return Ok(Prior::Same { head: seen.head, reject: seen.reject.clone() });
        }
        let records = self.log.reader().command_records(command)?;
        if let Some(record) = records.iter().find(|r| r.envelope_hash == Some(*envelope)) {
            return self.receipt_of(record.index).map(|(head, reject)| Prior::Same { head, reject });
        }
        // A result may name any id; only what an operator sent uses one up.
        let used = here.iter().any(|s| s.is_request) || records.iter().any(|r| r.is_request);
        Ok(if used { Prior::Different } else { Prior::Nothing })
    }

    fn receipt_of(&self, index: u64) -> Result<(Head, Option<Reject>), BrokerError> {
        let bytes = self.log.reader().entry(index)?.unwrap_or_default();
        let entry = Entry::decode(&bytes)?;
        let log = self.state.log().unwrap_or(Hash::ZERO);
        let reject = match entry.body {
            Body::Rejected { reject, .. } => Some(reject),
            _ => None,
        };
        Ok((Head { log, index, hash: Entry::hash_bytes(&bytes), at: entry.at }, reject))
    }
}

/// May budgets, prices or rates be others after this entry?
fn moves_money(body: &Body) -> bool {
    match body {
        Body::Finance { .. } | Body::Period { .. } => true,
        Body::Run { .. } | Body::RunOver { .. } => true,
        Body::Admitted { reserved, .. } => !reserved.is_zero(),
        Body::Completed { settlement, .. } | Body::Unresolved { settlement, .. } => {
            !settlement.posted.is_zero() || !settlement.voided.is_zero()
        }
        _ => false,
    }
}

/// May a run be another one after this entry?
fn moves_runs(body: &Body) -> bool {
    matches!(body, Body::Run { .. } | Body::Lease { .. } | Body::RunOver { .. })
}

/// What this batch logged under an id.
struct Seen {
    envelope: Hash,
    head: Head,
    reject: Option<Reject>,
    is_request: bool,
}

/// Where an input came from.
struct Origin {
    command: CommandId,
    /// A command or a trust change, not a result.
    is_request: bool,
    hash: Option<Hash>,
    signer: Option<PublicKey>,
    /// Outer none: nobody asked (overdue). Inner none: the sender wants no answer.
    reply: Option<Option<String>>,
}
