//! The fold of the log. Everything here can be rebuilt from the entries; a rebuild is byte-identical.

use crate::{
    Book, Budgets, Ledger, LedgerError, Runs, Window, admission,
    budget::{AccountError, Hold, Spender},
    finance, guards,
    runs::{self, Held, Share},
    settlement,
};
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Envelope, FinanceChange, Hash, KeyId, Kind, Money, Name, OperationId,
    Reject, ResultEvent, Role, RunChange, RunOp, SchemaError, Settlement, Status, Timestamp, TraceId, Trust, codec,
    finance::{BudgetAlert, BudgetKey},
    limits::RESULT_GRACE_US,
    price::Quote,
    run::StepQuote,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An entry that does not follow from the state before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("index {found} where {expected} was due")]
    Index { expected: u64, found: u64 },
    #[error("prev is {found}, the entry before has hash {expected}")]
    Chain { expected: Hash, found: Hash },
    #[error("time {found} is before the previous entry's {previous}")]
    Time { previous: Timestamp, found: Timestamp },
    #[error("the first entry is not a genesis, or a later one is")]
    Genesis,
    #[error("{0}")]
    Schema(#[from] SchemaError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    #[error("{0}")]
    Budget(#[from] AccountError),
    #[error("command {0} is in flight already")]
    Duplicate(CommandId),
    #[error("command {0} is not in flight")]
    NotInFlight(CommandId),
    #[error("not allowed: {0}")]
    NotAllowed(Reject),
    #[error("{0}")]
    Rule(&'static str),
}

/// An admitted command without settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    pub index: u64,
    pub entry: Hash,
    pub admitted_at: Timestamp,
    pub actor: KeyId,
    pub trace: TraceId,
    pub operation: OperationId,
    pub provider: Name,
    pub instance: Name,
    /// The member that executes it.
    pub worker: Name,
    pub effect: Effect,
    pub deadline: Timestamp,
    pub reserved: Money,
    /// None where the operation is free.
    pub quote: Option<Quote>,
    /// What it holds, in each budget it falls under.
    pub holds: Vec<Hold>,
    /// There where it is part of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

impl InFlight {
    /// When the broker gives up waiting for a result.
    pub fn overdue_at(&self) -> Timestamp {
        self.deadline.saturating_add_us(RESULT_GRACE_US)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub admitted: u64,
    pub rejected: u64,
    pub settled: BTreeMap<Status, u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    log: Option<Hash>,
    next: u64,
    head: Option<Hash>,
    at: Timestamp,
    trust: Trust,
    in_flight: BTreeMap<CommandId, InFlight>,
    ledger: Ledger,
    budgets: Budgets,
    book: Book,
    #[serde(default, skip_serializing_if = "Runs::is_empty")]
    runs: Runs,
    counts: Counts,
    /// Index over `in_flight` by when the broker gives up; derived, so not in snapshots.
    #[serde(skip)]
    due: BTreeSet<(Timestamp, CommandId)>,
}

impl State {
    /// Hash of entry 0; none before genesis.
    pub fn log(&self) -> Option<Hash> {
        self.log
    }
    /// Index of the next entry.
    pub fn next(&self) -> u64 {
        self.next
    }
    /// Hash the next entry must name as `prev`.
    pub fn prev(&self) -> Hash {
        self.head.unwrap_or(Hash::ZERO)
    }
    /// Time of the newest entry.
    pub fn at(&self) -> Timestamp {
        self.at
    }
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
    pub fn in_flight(&self) -> &BTreeMap<CommandId, InFlight> {
        &self.in_flight
    }
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }
    /// Prices and exchange rates set in the log.
    pub fn book(&self) -> &Book {
        &self.book
    }
    pub fn runs(&self) -> &Runs {
        &self.runs
    }
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Commands the broker has to settle itself at `now`, most overdue first, at most `limit`.
    pub fn overdue(&self, now: Timestamp, limit: usize) -> Vec<CommandId> {
        self.due.iter().take_while(|(at, _)| *at < now).take(limit).map(|(_, id)| *id).collect()
    }

    /// Bytes of a snapshot, the same for the same log.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, SchemaError> {
        codec::encode("state", self)
    }

    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SchemaError> {
        let mut state: Self = codec::decode("state", bytes)?;
        state.due = state.in_flight.iter().map(|(id, f)| (f.overdue_at(), *id)).collect();
        Ok(state)
    }

    /// Makes `body` the next entry at `now` (never before the previous entry).
    pub fn draft(&self, now: Timestamp, body: Body) -> Entry {
        Entry::new(self.next, self.prev(), now.max(self.at), body)
    }

    /// Folds one entry whose exact bytes have `hash`. Signatures are checked elsewhere (admission or [`crate::audit`]);
    /// every other rule is checked here, for the broker and the auditor alike. On error the state is unusable.
    /// Returns the alerts that became due: each threshold of a budget once per window.
    pub fn apply(&mut self, entry: &Entry, hash: Hash) -> Result<Vec<BudgetAlert>, ApplyError> {
        self.check_place(entry)?;
        match &entry.body {
            Body::Genesis { envelope } => self.trust = Trust::from_genesis(envelope)?,
            Body::Admitted { envelope, worker, reserved, quote } => {
                self.admit(entry, hash, envelope, worker, (*reserved, quote.as_ref()))?
            }
            Body::Rejected { envelope, .. } => self.reject(envelope)?,
            Body::Completed { envelope, settlement } => self.complete(entry, envelope, settlement)?,
            Body::Unresolved { command, status, settlement, .. } => {
                self.unresolve(entry, command, *status, settlement)?
            }
            Body::Late { envelope } => self.late(envelope)?,
            Body::Trust { envelope } => self.change_trust(entry, envelope)?,
            Body::Finance { envelope } => self.change_finance(entry, envelope)?,
            Body::Period { budget, start, end } => self.begin(entry, budget, Window { start: *start, end: *end })?,
            Body::Run { envelope, quotes } => self.change_run(entry, envelope, quotes)?,
            Body::Lease { run } => {
                self.runs.check_lease(run, entry.at).map_err(ApplyError::Rule)?;
                self.runs.lease(run, entry.index);
            }
            Body::RunOver { run, outcome, by } => {
                self.runs.check_over(run, (*outcome, *by), entry.at).map_err(ApplyError::Rule)?;
                let freed = self.runs.over(run, *outcome, (entry.index, entry.at));
                self.free(freed)?;
            }
        }
        self.budgets.check()?;
        self.log.get_or_insert(hash);
        self.next += 1;
        self.head = Some(hash);
        self.at = entry.at;
        Ok(self.budgets.take_alerts(entry.index))
    }

    fn check_place(&self, entry: &Entry) -> Result<(), ApplyError> {
        if entry.index != self.next {
            return Err(ApplyError::Index { expected: self.next, found: entry.index });
        }
        if entry.prev != self.prev() {
            return Err(ApplyError::Chain { expected: self.prev(), found: entry.prev });
        }
        if entry.at < self.at {
            return Err(ApplyError::Time { previous: self.at, found: entry.at });
        }
        if matches!(entry.body, Body::Genesis { .. }) != (entry.index == 0) {
            return Err(ApplyError::Genesis);
        }
        Ok(())
    }

    fn admit(
        &mut self,
        entry: &Entry,
        hash: Hash,
        envelope: &Envelope,
        worker: &Name,
        (reserved, quote): (Money, Option<&Quote>),
    ) -> Result<(), ApplyError> {
        let c: Command = envelope.read_unverified()?;
        admission::may_send(self, &envelope.key(), &c, entry.at).map_err(ApplyError::NotAllowed)?;
        self.trust.authorize_node(worker, &c.provider, &c.instance).map_err(ApplyError::NotAllowed)?;
        if c.dry_run {
            return Err(ApplyError::Rule("a dry run was admitted"));
        }
        if c.deadline < entry.at {
            return Err(ApplyError::Rule("a command was admitted after its deadline"));
        }
        if self.in_flight.contains_key(&c.id) {
            return Err(ApplyError::Duplicate(c.id));
        }
        self.check_quote(&c.provider, reserved, quote)?;
        guards::check(self, &c, quote, entry.at).map_err(ApplyError::NotAllowed)?;
        let holds = match quote {
            None => Vec::new(),
            Some(_) => {
                let operator = admission::payer(self, &envelope.key(), &c).map_err(ApplyError::NotAllowed)?;
                let spender = Spender::of(&c, operator, reserved);
                admission::plan(self, &c, &spender, entry.at).map_err(ApplyError::NotAllowed)?
            }
        };
        let share = admission::share(self, &c, reserved).map_err(ApplyError::NotAllowed)?;
        let kept = admission::kept(self, &c).cloned();
        self.free(kept.into_iter().collect())?;
        self.budgets.hold(&holds)?;
        self.ledger.reserve(reserved)?;
        let flight = InFlight {
            index: entry.index,
            entry: hash,
            admitted_at: entry.at,
            actor: envelope.key(),
            trace: c.trace,
            operation: c.operation,
            provider: c.provider,
            instance: c.instance,
            worker: worker.clone(),
            effect: c.effect,
            deadline: c.deadline,
            reserved,
            quote: quote.cloned(),
            holds,
            share,
        };
        if let Some(share) = &flight.share {
            self.runs.begin(share, c.id, entry.index);
        }
        self.due.insert((flight.overdue_at(), c.id));
        self.in_flight.insert(c.id, flight);
        self.counts.admitted += 1;
        Ok(())
    }

    /// What is reserved is the worst case of the quote; nothing else has a price.
    fn check_quote(&self, provider: &Name, reserved: Money, quote: Option<&Quote>) -> Result<(), ApplyError> {
        let Some(quote) = quote else {
            let rule = ApplyError::Rule("something is reserved without a quote");
            return if reserved == Money::FREE { Ok(()) } else { Err(rule) };
        };
        quote.check()?;
        if quote.worst_case() != Ok(reserved) {
            return Err(ApplyError::Rule("the reservation is not the worst case of the quote"));
        }
        self.book.check_quote(provider, quote).map_err(ApplyError::Rule)
    }

    fn reject(&mut self, envelope: &Envelope) -> Result<(), ApplyError> {
        envelope.check_frame()?;
        self.trust.claimed(envelope).map_err(ApplyError::NotAllowed)?;
        if !matches!(envelope.kind(), Kind::Command | Kind::Trust | Kind::Finance | Kind::Result | Kind::Run) {
            return Err(ApplyError::Rule(
                "only commands, changes of trust, finance or runs and results are refused in the log",
            ));
        }
        self.counts.rejected += 1;
        Ok(())
    }

    fn complete(&mut self, entry: &Entry, envelope: &Envelope, settlement: &Settlement) -> Result<(), ApplyError> {
        let r: ResultEvent = envelope.read_unverified()?;
        let flight = self.in_flight.get(&r.command).ok_or(ApplyError::NotInFlight(r.command))?;
        settlement::check_result(&self.trust, flight, &envelope.key(), &r).map_err(ApplyError::NotAllowed)?;
        if settlement.posted != r.cost {
            return Err(ApplyError::Rule("the amount posted is not the result's cost"));
        }
        self.settle(entry, &r.command, r.status, settlement)
    }

    fn unresolve(
        &mut self,
        entry: &Entry,
        command: &CommandId,
        status: Status,
        settlement: &Settlement,
    ) -> Result<(), ApplyError> {
        let flight = self.in_flight.get(command).ok_or(ApplyError::NotInFlight(*command))?;
        if entry.at < flight.overdue_at() {
            return Err(ApplyError::Rule("a command was given up before it was overdue"));
        }
        if status != Status::Indeterminate {
            return Err(ApplyError::Rule("without a result the status can only be indeterminate"));
        }
        if settlement.posted != flight.reserved {
            return Err(ApplyError::Rule("without a result the whole reservation is posted"));
        }
        self.settle(entry, command, status, settlement)
    }

    fn settle(
        &mut self,
        entry: &Entry,
        command: &CommandId,
        status: Status,
        settlement: &Settlement,
    ) -> Result<(), ApplyError> {
        let flight = self.in_flight.remove(command).ok_or(ApplyError::NotInFlight(*command))?;
        self.due.remove(&(flight.overdue_at(), *command));
        self.ledger.settle(flight.reserved, settlement)?;
        let moved = flight.holds.iter().filter_map(|h| self.budgets.get(&h.budget));
        if moved.into_iter().any(|account| !account.is_in_window(entry.at)) {
            return Err(ApplyError::Rule("a settlement moves a budget outside of its window"));
        }
        self.budgets.settle(&flight.holds, settlement)?;
        if let Some(share) = &flight.share {
            self.runs.settle(share, (status, settlement), entry.index);
        }
        *self.counts.settled.entry(status).or_default() += 1;
        Ok(())
    }

    fn late(&mut self, envelope: &Envelope) -> Result<(), ApplyError> {
        let r: ResultEvent = envelope.read_unverified()?;
        let signer = self.trust.claimed(envelope).map_err(ApplyError::NotAllowed)?;
        if !signer.is_active() || signer.member.role != Role::Worker {
            return Err(ApplyError::Rule("a late result that no active worker signed"));
        }
        if self.in_flight.contains_key(&r.command) {
            return Err(ApplyError::Rule("a late result for a command still in flight"));
        }
        Ok(())
    }

    fn change_trust(&mut self, entry: &Entry, envelope: &Envelope) -> Result<(), ApplyError> {
        let change: if_schemas::TrustChange = envelope.read_unverified()?;
        self.trust.check_change(&envelope.key(), &change).map_err(ApplyError::NotAllowed)?;
        self.trust.apply_change(&envelope.key(), &change, entry.index);
        Ok(())
    }

    fn change_finance(&mut self, entry: &Entry, envelope: &Envelope) -> Result<(), ApplyError> {
        let change: FinanceChange = envelope.read_unverified()?;
        let checked = finance::check_change(&self.trust, &self.budgets, &self.book, &envelope.key(), &change);
        checked.map_err(ApplyError::NotAllowed)?;
        Ok(finance::apply_change(&mut self.budgets, &mut self.book, &change.op, entry.index)?)
    }

    fn change_run(&mut self, entry: &Entry, envelope: &Envelope, quotes: &[StepQuote]) -> Result<(), ApplyError> {
        let change: RunChange = envelope.read_unverified()?;
        let signer = envelope.key();
        self.runs.check(&self.trust, &signer, &change, entry.at).map_err(ApplyError::NotAllowed)?;
        let held = self.keep(&signer, &change, quotes, entry.at)?;
        let freed = self.runs.apply(&self.trust, envelope, &change, held, (entry.index, entry.at));
        self.free(freed)
    }

    /// Reserves what an order keeps for its steps.
    fn keep(
        &mut self,
        signer: &KeyId,
        change: &RunChange,
        quotes: &[StepQuote],
        at: Timestamp,
    ) -> Result<BTreeMap<u32, Held>, ApplyError> {
        let order = match &change.op {
            RunOp::Start(order) => order,
            _ if quotes.is_empty() => return Ok(BTreeMap::new()),
            _ => return Err(ApplyError::Rule("something is kept for what is no order")),
        };
        for StepQuote { target, quote, .. } in quotes {
            let reserved = quote.worst_case().map_err(|_| ApplyError::Rule("a quote that cannot be counted"))?;
            self.check_quote(&target.provider, reserved, Some(quote))?;
        }
        let operator = self.trust.claimed_name(signer).map_err(ApplyError::NotAllowed)?;
        let money = (&self.book, &mut self.budgets, &mut self.ledger);
        runs::keep(money, (operator, order), quotes, at).map_err(ApplyError::NotAllowed)
    }

    /// Lets go of what was kept for steps.
    fn free(&mut self, freed: Vec<Held>) -> Result<(), ApplyError> {
        for Held { reserved, holds } in freed {
            let nothing = settlement::of_nothing(reserved);
            self.ledger.settle(reserved, &nothing)?;
            self.budgets.settle(&holds, &nothing)?;
        }
        Ok(())
    }

    fn begin(&mut self, entry: &Entry, budget: &BudgetKey, window: Window) -> Result<(), ApplyError> {
        self.budgets.check_window(budget, window, entry.at).map_err(ApplyError::Rule)?;
        Ok(self.budgets.begin(budget, window)?)
    }
}
