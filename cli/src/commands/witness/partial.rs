//! Verifying a range that does not begin at entry 0. Its chain, times, trust and signatures are proven; settlements of
//! commands admitted before the range cannot be matched with their admission, nor commands of runs ordered before it with
//! their order. Whose turn it was, the whole log says.

use super::{against::SavedHead, finder::Finder};
use if_core::{Damage, audit::open_head};
use if_schemas::{
    Body, Command, CommandId, Entry, Envelope, FinanceChange, Hash, Head, Name, ResultEvent, RunChange, RunOp,
    Timestamp, Trust, export::Header, query::RawEntry, run,
};
use std::collections::BTreeMap;

pub struct Partial {
    log: Hash,
    next: u64,
    prev: Hash,
    at: Timestamp,
    trust: Option<Trust>,
    /// Index of the newest trust record from before the range.
    newest_trust: u64,
    /// Admissions inside the range, by hash: a result must name one of these or one from before.
    admitted: BTreeMap<Hash, (Command, Name)>,
    /// Orders inside the range, by run.
    orders: BTreeMap<CommandId, Envelope>,
    /// Commands of runs that were ordered before the range.
    pub unordered: u64,
    pub signatures: u64,
    pub payloads: u64,
    pub saved: Option<SavedHead>,
    pub finder: Option<Finder>,
}

impl Partial {
    pub fn new(header: &Header, mut saved: Option<SavedHead>, finder: Option<Finder>) -> Self {
        if let Some(saved) = &mut saved {
            saved.note(header.from.saturating_sub(1), header.prev);
        }
        Self {
            log: header.log,
            next: header.from,
            prev: header.prev,
            at: Timestamp(i64::MIN),
            trust: None,
            newest_trust: 0,
            admitted: BTreeMap::new(),
            orders: BTreeMap::new(),
            unordered: 0,
            signatures: 0,
            payloads: 0,
            saved,
            finder,
        }
    }

    pub fn log(&self) -> Hash {
        self.log
    }
    pub fn trust(&self) -> Result<&Trust, Damage> {
        self.trust.as_ref().ok_or_else(|| Damage {
            index: 0,
            what: "the file has no genesis: nobody's signature can be checked".into(),
        })
    }

    /// Entry 0, then the trust entries before the range, oldest first.
    pub fn history(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let first = self.trust.is_none();
        let entry = Entry::decode(bytes)
            .map_err(|e| Damage { index: if first { 0 } else { self.newest_trust + 1 }, what: e.to_string() })?;
        let damage = |what: String| Damage { index: entry.index, what };
        match (&entry.body, &mut self.trust) {
            (Body::Genesis { envelope }, None) if entry.index == 0 => {
                if Entry::hash_bytes(bytes) != self.log {
                    return Err(damage("the genesis in the file is not the one the log is named by".into()));
                }
                self.trust = Some(Trust::from_genesis(envelope).map_err(|e| damage(e.to_string()))?);
            }
            (Body::Trust { envelope }, Some(trust)) if entry.index > self.newest_trust && entry.index < self.next => {
                trust.replay(envelope, entry.index).map_err(|r| damage(r.to_string()))?;
                self.newest_trust = entry.index;
            }
            _ => return Err(damage("it does not belong among the trust records before the range".into())),
        }
        self.signatures += 1;
        Ok(())
    }

    /// The next entry of the range.
    pub fn push(&mut self, raw: &RawEntry) -> Result<(), Damage> {
        let index = self.next;
        let damage = |what: String| Damage { index, what };
        let entry = Entry::decode(&raw.entry).map_err(|e| damage(e.to_string()))?;
        if entry.index != index {
            return Err(damage(format!("index {} where {index} was due", entry.index)));
        }
        if entry.prev != self.prev {
            return Err(damage(format!("prev is {}, the entry before has hash {}", entry.prev, self.prev)));
        }
        if entry.at < self.at {
            return Err(damage(format!("time {} is before the previous entry's {}", entry.at, self.at)));
        }
        let hash = Entry::hash_bytes(&raw.entry);
        self.check_body(&entry, hash).map_err(damage)?;
        if let Some(payload) = &raw.payload {
            let commitment = entry.body.committed_payload().map_err(|e| damage(e.to_string()))?;
            let commitment = commitment.ok_or_else(|| damage("it has a payload it does not commit to".into()))?;
            payload.check(&commitment).map_err(|e| damage(e.to_string()))?;
            self.payloads += 1;
        }
        self.saved.iter_mut().for_each(|s| s.note(index, hash));
        self.finder.iter_mut().for_each(|f| f.note(&entry, hash));
        (self.next, self.prev, self.at) = (index + 1, hash, entry.at);
        Ok(())
    }

    fn check_body(&mut self, entry: &Entry, hash: Hash) -> Result<(), String> {
        let trust = self.trust.as_mut().ok_or("the file has no genesis before it")?;
        if let Body::Trust { envelope } = &entry.body {
            trust.replay(envelope, entry.index).map_err(|r| r.to_string())?;
            self.signatures += 1;
            return Ok(());
        }
        let Some(envelope) = entry.body.envelope() else { return Ok(()) };
        let key = trust.claimed(envelope).map_err(|r| r.to_string())?.member.key;
        envelope.verify(&key).map_err(|e| e.to_string())?;
        self.signatures += 1;
        match &entry.body {
            Body::Genesis { .. } => Err("a genesis that is not the first entry".into()),
            Body::Admitted { worker, .. } => {
                let command: Command = envelope.read_unverified().map_err(|e| e.to_string())?;
                self.unordered += may_send(trust, &self.orders, envelope, &command)?;
                if command.dry_run || command.deadline < entry.at {
                    return Err("a dry run, or a command past its deadline, was admitted".into());
                }
                let serves = trust.authorize_node(worker, &command.provider, &command.instance);
                serves.map_err(|r| r.to_string())?;
                self.admitted.insert(hash, (command, worker.clone()));
                Ok(())
            }
            Body::Completed { settlement, .. } => {
                let result: ResultEvent = envelope.read_unverified().map_err(|e| e.to_string())?;
                if settlement.posted != result.cost {
                    return Err("the amount posted is not the result's cost".into());
                }
                let Some((command, worker)) = self.admitted.remove(&result.entry) else { return Ok(()) };
                if command.id != result.command {
                    return Err(format!(
                        "its result is for {}, the admission it names is of {}",
                        result.command, command.id
                    ));
                }
                let settles = trust.authorize_result(&envelope.key(), &worker, &command.provider, &command.instance);
                settles.map_err(|r| r.to_string())
            }
            Body::Finance { .. } => {
                let change: FinanceChange = envelope.read_unverified().map_err(|e| e.to_string())?;
                change.op.check().map_err(|e| e.to_string())
            }
            Body::Run { .. } => {
                let change: RunChange = envelope.read_unverified().map_err(|e| e.to_string())?;
                change.check().map_err(|e| e.to_string())?;
                active(trust, envelope)?;
                if matches!(change.op, RunOp::Start(_)) {
                    self.orders.insert(change.id, envelope.clone());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The signed head must be exactly where the range ends.
    pub fn check_head(&self, envelope: &Envelope) -> Result<Head, Damage> {
        let damage = |what: String| Damage { index: self.next.saturating_sub(1), what };
        let head = open_head(self.trust()?, envelope).map_err(|e| damage(e.to_string()))?;
        if head.log != self.log || head.index + 1 != self.next || head.hash != self.prev {
            return Err(damage(format!("the signed head says entry {} has hash {}", head.index, head.hash)));
        }
        Ok(head)
    }
}

/// By a grant, or by the order of a run. 1 if that order is before the range: then only its sender can be checked.
fn may_send(
    trust: &Trust,
    orders: &BTreeMap<CommandId, Envelope>,
    envelope: &Envelope,
    command: &Command,
) -> Result<u64, String> {
    let checked = match &command.run {
        None => trust.authorize(&envelope.key(), command),
        Some(step) => match orders.get(&step.run) {
            Some(order) => run::authorize(trust, &envelope.key(), command, step, Some(order)),
            None => return active(trust, envelope).map(|()| 1),
        },
    };
    checked.map(|()| 0).map_err(|r| r.to_string())
}

fn active(trust: &Trust, envelope: &Envelope) -> Result<(), String> {
    trust.claimed(envelope).and_then(|standing| trust.active(standing)).map(drop).map_err(|r| r.to_string())
}
