//! From entries to rows: one row per operation, joined with what became of it.

use super::{NoAnswer, Queries};
use if_schemas::{
    Body, Command, CommandId, Entry, FinanceChange, Hash, KeyId, Kind, Money, Name, ResultEvent, RunChange, Timestamp,
    TraceId, TrustChange,
    query::{EntryRef, LogRow},
};

/// What an envelope says about the operation it belongs to.
#[derive(Default)]
struct About {
    command: Option<CommandId>,
    trace: Option<TraceId>,
    operation: String,
    provider: Option<Name>,
    instance: Option<Name>,
}

/// How an operation ended.
struct Ending {
    status: String,
    at: Timestamp,
    cost: Option<Money>,
    simulated: bool,
    entry: EntryRef,
}

impl Queries {
    pub(super) fn entry(&self, index: u64) -> Result<(Vec<u8>, Entry), NoAnswer> {
        let missing = || NoAnswer::new(format!("entry {index} is missing"), "run `if-broker fsck`");
        let bytes = self.reader.entry(index)?.ok_or_else(missing)?;
        let entry = Entry::decode(&bytes)?;
        Ok((bytes, entry))
    }

    pub(super) fn command_of(&self, index: u64) -> Result<Option<CommandId>, NoAnswer> {
        Ok(about(&self.entry(index)?.1.body)?.command)
    }

    pub(super) fn row(&self, index: u64) -> Result<LogRow, NoAnswer> {
        let (bytes, entry) = self.entry(index)?;
        let about = about(&entry.body)?;
        let actor = entry.body.envelope().map(if_schemas::Envelope::key);
        let ending = match (&entry.body, &about.command) {
            (Body::Admitted { .. }, Some(command)) => self.ending(command)?,
            _ => None,
        };
        let (status, code) = match &entry.body {
            Body::Rejected { reject, .. } => ("rejected".to_string(), Some(reject.code.as_str().to_string())),
            Body::Admitted { .. } => (ending.as_ref().map_or("pending".into(), |e| e.status.clone()), None),
            _ => ("applied".into(), None),
        };
        Ok(LogRow {
            index,
            hash: Entry::hash_bytes(&bytes),
            at: entry.at,
            command: about.command,
            trace: about.trace,
            operation: about.operation,
            provider: about.provider,
            instance: about.instance,
            actor,
            actor_name: actor.and_then(|k| self.name(&k)),
            status,
            code,
            simulated: ending.as_ref().is_some_and(|e| e.simulated),
            result: ending.as_ref().map(|e| e.entry),
            cost: ending.as_ref().and_then(|e| e.cost),
            duration_us: ending.as_ref().map(|e| e.at.since_us(entry.at)),
        })
    }

    pub(super) fn name(&self, key: &KeyId) -> Option<Name> {
        self.shared.trust().standing(key).map(|s| s.member.name.clone())
    }

    /// The entry that settled a command.
    fn ending(&self, command: &CommandId) -> Result<Option<Ending>, NoAnswer> {
        for record in self.reader.command_records(command)? {
            let (bytes, entry) = self.entry(record.index)?;
            let (status, cost, simulated) = match &entry.body {
                Body::Completed { envelope, settlement } => {
                    let r: ResultEvent = envelope.read_unverified()?;
                    (r.status, Some(settlement.posted), r.simulated)
                }
                Body::Unresolved { status, settlement, .. } => (*status, Some(settlement.posted), false),
                _ => continue,
            };
            let hash: Hash = Entry::hash_bytes(&bytes);
            let entry_ref = EntryRef { index: record.index, hash };
            return Ok(Some(Ending {
                status: status.as_str().into(),
                at: entry.at,
                cost,
                simulated,
                entry: entry_ref,
            }));
        }
        Ok(None)
    }
}

fn about(body: &Body) -> Result<About, NoAnswer> {
    if let Body::Unresolved { command, .. } = body {
        return Ok(About { command: Some(*command), operation: "unresolved".into(), ..About::default() });
    }
    let Some(envelope) = body.envelope() else {
        return Ok(About { operation: body.name().into(), ..About::default() });
    };
    Ok(match envelope.kind() {
        Kind::Command => {
            let c: Command = envelope.read_unverified()?;
            About {
                command: Some(c.id),
                trace: Some(c.trace),
                operation: c.operation.to_string(),
                provider: Some(c.provider),
                instance: Some(c.instance),
            }
        }
        Kind::Trust => {
            let t: TrustChange = envelope.read_unverified()?;
            About { command: Some(t.id), operation: t.op.operation().into(), ..About::default() }
        }
        Kind::Finance => {
            let f: FinanceChange = envelope.read_unverified()?;
            About { command: Some(f.id), operation: f.op.operation().into(), ..About::default() }
        }
        Kind::Run => {
            let r: RunChange = envelope.read_unverified()?;
            let operation = r.op.operation().into();
            About { command: Some(r.id), trace: Some(r.trace), operation, ..About::default() }
        }
        Kind::Result => {
            let r: ResultEvent = envelope.read_unverified()?;
            About { command: Some(r.command), operation: "result".into(), ..About::default() }
        }
        other => About { operation: other.as_str().into(), ..About::default() },
    })
}
