//! One function per question.

use super::{NoAnswer, Queries};
use crate::clock;
use if_schemas::{
    CommandId, Entry, Hash, Head, KeyId, Money,
    query::{
        ENTRIES_CHUNK_BYTES, EntriesAnswer, EntriesQuery, EntryRef, HeadAnswer, HeadQuery, LOG_ROWS_MAX, LedgerRow,
        LogAnswer, LogQuery, MemberRow, NodesAnswer, PayloadHex, RawEntry, ShowAnswer, ShownEntry, StatusAnswer,
        TrustAnswer,
    },
};
use if_witness::Filter;

impl Queries {
    pub(super) fn head(&self, q: HeadQuery) -> Result<HeadAnswer, NoAnswer> {
        let newest = self.shared.view.load().head;
        let head = match q.index {
            Some(index) if index < newest.index => {
                let (bytes, entry) = self.entry(index)?;
                Head { log: newest.log, index, hash: Entry::hash_bytes(&bytes), at: entry.at }
            }
            _ => newest,
        };
        let head = self.shared.sign_head(&head)?;
        Ok(HeadAnswer { head, broker: self.shared.key.public() })
    }

    pub(super) fn status(&self) -> Result<StatusAnswer, NoAnswer> {
        let view = self.shared.view.load_full();
        let micros = |amount_micros, currency| Money { amount_micros, currency };
        Ok(StatusAnswer {
            version: env!("CARGO_PKG_VERSION").into(),
            log: view.head.log,
            head: EntryRef { index: view.head.index, hash: view.head.hash },
            head_at: view.head.at,
            in_flight: view.in_flight as u64,
            counts: view.counts.settled.iter().map(|(s, n)| (*s, *n)).collect(),
            admitted: view.counts.admitted,
            rejected: view.counts.rejected,
            uptime_us: clock::now().since_us(self.shared.started_at),
            ledger: view
                .ledger
                .accounts()
                .map(|(c, a)| LedgerRow { reserved: micros(a.reserved_micros, c), posted: micros(a.posted_micros, c) })
                .collect(),
        })
    }

    pub(super) fn trust(&self) -> Result<TrustAnswer, NoAnswer> {
        let trust = self.shared.trust();
        let row = |(key_id, s): (&KeyId, &if_schemas::trust::Standing)| MemberRow {
            key_id: *key_id,
            member: s.member.clone(),
            added: s.added,
            revoked: s.revoked,
        };
        let mut members: Vec<_> = trust.members().map(row).collect();
        members.sort_by_key(|m| (m.added, m.key_id));
        Ok(TrustAnswer { members })
    }

    pub(super) fn nodes(&self) -> Result<NodesAnswer, NoAnswer> {
        Ok(NodesAnswer { nodes: self.presence.rows() })
    }

    pub(super) fn entries(&self, q: &EntriesQuery) -> Result<EntriesAnswer, NoAnswer> {
        let head = self.shared.view.load().head.index;
        let last = q.to.unwrap_or(head).min(head);
        let rows = self.reader.range(q.from, last, ENTRIES_CHUNK_BYTES, q.payloads)?;
        let entries = rows.into_iter().map(|r| RawEntry { entry: r.bytes, payload: r.payload }).collect();
        Ok(EntriesAnswer { from: q.from, entries, head })
    }

    /// Genesis and trust changes from entry `from` on, as many as fit: what one folds to know whom to obey.
    pub(super) fn trust_entries(&self, from: u64) -> Result<EntriesAnswer, NoAnswer> {
        let view = self.shared.view.load_full();
        let indexes = self.shared.trust().entries();
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for index in indexes.range(from..).copied() {
            let entry = self
                .reader
                .entry(index)?
                .ok_or_else(|| NoAnswer::new(format!("entry {index} is missing"), "run `if-broker fsck`"))?;
            bytes += entry.len();
            if bytes > ENTRIES_CHUNK_BYTES && !entries.is_empty() {
                break;
            }
            entries.push(RawEntry { entry, payload: None });
        }
        Ok(EntriesAnswer { from, entries, head: view.head.index })
    }

    pub(super) fn log(&self, q: &LogQuery) -> Result<LogAnswer, NoAnswer> {
        let actor = q.actor.as_deref().map(|a| self.actor(a)).transpose()?;
        let filter = Filter {
            operation: q.operation.clone(),
            provider: q.provider.as_ref().map(ToString::to_string),
            instance: q.instance.as_ref().map(ToString::to_string),
            actor,
            trace: q.trace,
            status: q.status.clone(),
            since: q.since,
            until: q.until,
            limit: q.limit.clamp(1, LOG_ROWS_MAX),
        };
        let (indexes, more) = self.reader.query(&filter)?;
        let mut rows = indexes.into_iter().map(|index| self.row(index)).collect::<Result<Vec<_>, _>>()?;
        rows.reverse();
        Ok(LogAnswer { rows, more })
    }

    pub(super) fn actor(&self, text: &str) -> Result<KeyId, NoAnswer> {
        if let Ok(key) = text.parse::<KeyId>() {
            return Ok(key);
        }
        let trust = self.shared.trust();
        let named = trust.members().filter(|(_, s)| s.member.name.as_str() == text);
        // The active one if there is one, else the newest of that name.
        let found = named.max_by_key(|(_, s)| (s.is_active(), s.added)).map(|(k, _)| *k);
        found.ok_or_else(|| NoAnswer::new(format!("no member is named {text:?}"), "see `ifctl trust list`"))
    }

    /// All entries of one operation.
    pub(super) fn show(&self, id: &str) -> Result<ShowAnswer, NoAnswer> {
        let (command, index) = self.find(id)?;
        let indexes = match command {
            Some(command) => self.reader.command_records(&command)?.into_iter().map(|r| r.index).collect(),
            None => vec![index],
        };
        let first = indexes.first().copied().unwrap_or(index);
        let entries = indexes.into_iter().map(|i| self.shown(i)).collect::<Result<Vec<_>, _>>()?;
        Ok(ShowAnswer { row: self.row(first)?, entries })
    }

    fn shown(&self, index: u64) -> Result<ShownEntry, NoAnswer> {
        let (bytes, entry) = self.entry(index)?;
        let payload = self.reader.payload(index)?;
        let trust = self.shared.trust();
        let signer = entry.body.envelope().and_then(|e| trust.standing(&e.key())).map(|s| s.member.clone());
        Ok(ShownEntry {
            index,
            hash: if_schemas::Entry::hash_bytes(&bytes),
            bytes_hex: hex::encode(&bytes),
            payload: payload.map(|p| PayloadHex { salt: p.salt, bytes_hex: hex::encode(&p.bytes) }),
            signer,
        })
    }

    /// The command and the entry `id` names.
    fn find(&self, id: &str) -> Result<(Option<CommandId>, u64), NoAnswer> {
        let unknown = || {
            NoAnswer::new(
                format!("nothing in the log is named {id:?}"),
                "use a command id (or the start of one), an index like #12, or an entry hash",
            )
        };
        let digits = id.strip_prefix('#').unwrap_or(id);
        if let Ok(hash) = id.parse::<Hash>() {
            let index = self.reader.index_of(&hash)?.ok_or_else(unknown)?;
            return Ok((self.command_of(index)?, index));
        }
        if id.starts_with('#') || (digits.len() < 8 && digits.parse::<u64>().is_ok()) {
            let index = digits.parse::<u64>().map_err(|_| unknown())?;
            if index > self.shared.view.load().head.index {
                return Err(unknown());
            }
            return Ok((self.command_of(index)?, index));
        }
        let prefix: String = id.chars().filter(|c| *c != '-').collect::<String>().to_lowercase();
        let matches = self.reader.commands_with_prefix(&prefix, 2)?;
        match matches.as_slice() {
            [] => Err(unknown()),
            [command] => {
                let first = self.reader.command_records(command)?.first().map(|r| r.index).ok_or_else(unknown)?;
                Ok((Some(*command), first))
            }
            _ => Err(NoAnswer::new(format!("{id:?} is the start of more than one command id"), "give more of it")),
        }
    }
}
