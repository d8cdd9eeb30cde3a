//! Questions to the read side (`if.query.<what>`) and their answers. JSON both ways, except entry bytes (MessagePack).

use crate::{
    CommandId, Currency, Envelope, Hash, KeyId, Member, Money, Name, OperationId, Payload, Status, Timestamp, TraceId,
    finance::{Budget, ExchangeRate, PriceOverride},
    plan::Phase,
    presence::{InstancePresence, ProviderPresence},
    price::{Meter, PriceTable},
    run::Outcome,
    tariff::ArgumentDefaults,
    wire::Committed,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `head` → [`HeadAnswer`] · `entries`, `trust_entries` → [`EntriesAnswer`] (MessagePack) · `log` → [`LogAnswer`] · `show` → [`ShowAnswer`]
/// · `trust` → [`TrustAnswer`] · `nodes` → [`NodesAnswer`] · `status` → [`StatusAnswer`] · `budgets` → [`BudgetsAnswer`]
/// · `tariff` → [`TariffAnswer`] · `spend` → [`SpendAnswer`] · `rates` → [`RatesAnswer`]
/// · `runs` → [`RunsAnswer`] · `run_entries` → [`RunEntriesAnswer`] (MessagePack).
pub const HEAD: &str = "head";
pub const ENTRIES: &str = "entries";
pub const LOG: &str = "log";
pub const SHOW: &str = "show";
pub const TRUST: &str = "trust";
pub const TRUST_ENTRIES: &str = "trust_entries";
pub const NODES: &str = "nodes";
pub const STATUS: &str = "status";
pub const BUDGETS: &str = "budgets";
pub const TARIFF: &str = "tariff";
pub const SPEND: &str = "spend";
pub const RATES: &str = "rates";
pub const RUNS: &str = "runs";
pub const RUN_ENTRIES: &str = "run_entries";

/// Most entry bytes in one `entries` answer, bytes.
pub const ENTRIES_CHUNK_BYTES: usize = 524_288;
/// Most rows in one `log` answer.
pub const LOG_ROWS_MAX: usize = 1_000;

/// An answer: the value, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<T> {
    Ok(T),
    Error { message: String, hint: Option<String> },
}

/// Which entry to sign a head of: `index`, or the newest. An empty message or `null` asks for the newest too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadQuery {
    pub index: Option<u64>,
}

/// That entry, signed by the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadAnswer {
    pub head: Envelope,
    pub broker: crate::PublicKey,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntriesQuery {
    pub from: u64,
    /// Last index wanted, inclusive; none for as far as the chunk goes.
    pub to: Option<u64>,
    /// Send payloads along.
    pub payloads: bool,
}

/// Consecutive entries from `from`, or of the trust history those. Empty if there is none yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntriesAnswer {
    pub from: u64,
    pub entries: Vec<RawEntry>,
    /// Index of the newest durable entry when this was answered.
    pub head: u64,
}

impl EntriesAnswer {
    /// False if there may be more after these. A chunk that ends for want of room is never half empty: no entry is that
    /// long.
    pub fn is_last_chunk(&self) -> bool {
        self.entries.iter().map(|e| e.entry.len()).sum::<usize>() < ENTRIES_CHUNK_BYTES / 2
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawEntry {
    #[serde(with = "serde_bytes")]
    pub entry: Vec<u8>,
    pub payload: Option<Payload>,
}

/// Filters are joined by "and".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogQuery {
    pub operation: Option<String>,
    pub provider: Option<Name>,
    pub instance: Option<Name>,
    /// A [`Status`], `pending` or `rejected`.
    pub status: Option<String>,
    /// Member name or key id.
    pub actor: Option<String>,
    pub trace: Option<TraceId>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Newest rows first taken, at most [`LOG_ROWS_MAX`].
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAnswer {
    /// Oldest first.
    pub rows: Vec<LogRow>,
    /// There are older rows that match.
    pub more: bool,
}

/// One operation (command, trust change or genesis) with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    pub index: u64,
    pub hash: Hash,
    pub at: Timestamp,
    pub command: Option<CommandId>,
    pub trace: Option<TraceId>,
    pub operation: String,
    pub provider: Option<Name>,
    pub instance: Option<Name>,
    pub actor: Option<KeyId>,
    pub actor_name: Option<Name>,
    /// A [`Status`] text, `pending`, `rejected` or `applied` (trust, genesis).
    pub status: String,
    /// Reject code.
    pub code: Option<String>,
    pub simulated: bool,
    pub result: Option<EntryRef>,
    pub cost: Option<Money>,
    /// From admission to result, microseconds.
    pub duration_us: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRef {
    pub index: u64,
    pub hash: Hash,
}

/// `id`: a command id, a unique prefix of one, an entry index (`#12` or `12`), or an entry hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowQuery {
    pub id: String,
}

/// All entries of one operation, oldest first, with payloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowAnswer {
    pub row: LogRow,
    /// Exact entry bytes in hex, with payloads.
    pub entries: Vec<ShownEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownEntry {
    pub index: u64,
    pub hash: Hash,
    pub bytes_hex: String,
    pub payload: Option<PayloadHex>,
    pub signer: Option<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadHex {
    pub salt: crate::Salt,
    pub bytes_hex: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustAnswer {
    pub members: Vec<MemberRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    pub key_id: KeyId,
    pub member: Member,
    /// Index of the entry that added it.
    pub added: u64,
    /// Index of the entry that revoked it.
    pub revoked: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodesAnswer {
    pub nodes: Vec<NodeRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    pub node: Name,
    pub key_id: KeyId,
    pub version: String,
    pub last_seen: Timestamp,
    pub instances: Vec<InstancePresence>,
    pub providers: Vec<ProviderPresence>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    pub version: String,
    pub log: Hash,
    pub head: EntryRef,
    pub head_at: Timestamp,
    pub in_flight: u64,
    pub counts: Vec<(Status, u64)>,
    pub admitted: u64,
    pub rejected: u64,
    /// Microseconds since the broker started.
    pub uptime_us: i64,
    /// By currency.
    pub ledger: Vec<LedgerRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    pub reserved: Money,
    pub posted: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetsAnswer {
    /// The currency reports are made in.
    pub reporting: Currency,
    pub budgets: Vec<BudgetRow>,
}

/// `limit = available + reserved + posted`, in the budget's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRow {
    pub budget: Budget,
    pub available: Money,
    /// Held by commands in flight.
    pub reserved: Money,
    /// Spent in this window.
    pub posted: Money,
    /// None until the first one began.
    pub window: Option<WindowRow>,
    /// Highest percentage told in this window; 0 for none.
    pub alerted: u8,
    /// Index of the entry that made it.
    pub entry: u64,
}

/// From `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRow {
    pub start: Timestamp,
    pub end: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffQuery {
    pub provider: Name,
    pub instance: Name,
}

/// How commands for an instance are priced now, unless an operator has set a price: see [`RatesAnswer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TariffAnswer {
    /// The member that says so.
    pub node: Name,
    pub hash: Hash,
    /// `None`: free. What is not here has no known price.
    pub operations: BTreeMap<OperationId, Option<Meter>>,
    pub table: Option<PriceTable>,
    /// What the instance gives for arguments that are left out.
    pub defaults: ArgumentDefaults,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    Provider,
    /// `provider/instance`
    Instance,
    Operation,
    /// The SKU.
    Model,
    /// `2026-11-22` in the zone of the question.
    Day,
    /// A member's name.
    Operator,
    Session,
}

/// Spending on paid commands by when it was settled. Filters are joined by "and".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpendQuery {
    /// Inclusive.
    pub since: Option<Timestamp>,
    /// Inclusive.
    pub until: Option<Timestamp>,
    pub provider: Option<Name>,
    pub instance: Option<Name>,
    pub operation: Option<String>,
    /// Member name or key id.
    pub operator: Option<String>,
    pub session: Option<Name>,
    pub group_by: Vec<GroupBy>,
    /// IANA time zone of days; UTC where it is not given.
    pub zone: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendAnswer {
    pub reporting: Currency,
    /// By group, in the order of the groups.
    pub rows: Vec<SpendRow>,
    /// Of all rows; with no filter and no times, `posted` is the ledger's.
    pub total: SpendRow,
    /// Index of the newest entry that was read.
    pub head: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendRow {
    /// One text for each item of `group_by`; empty text where a command has none (a session).
    pub group: Vec<String>,
    /// Paid commands settled.
    pub count: u64,
    /// By currency.
    pub posted: Vec<Money>,
    /// Paid commands in flight: not counted in a question about the past.
    pub pending: u64,
    /// What they hold, by currency.
    pub reserved: Vec<Money>,
}

/// Runs that go on, and the newest of those that ended; the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunsAnswer {
    pub runs: Vec<RunRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub run: CommandId,
    /// Index of the entry that began it.
    pub index: u64,
    /// Index of the newest entry that changed anything of it.
    pub newest: u64,
    pub trace: TraceId,
    pub profile: Name,
    /// Who ordered it; none if no member has that key.
    pub operator: Option<Name>,
    /// The key of who carries it out.
    pub delegate: KeyId,
    pub started_at: Timestamp,
    pub until: Timestamp,
    pub standing: RunStanding,
    pub phase: Phase,
    pub cancelled: bool,
    /// It has ended, and who carried it out has said what was done.
    pub explained: bool,
    pub steps: u32,
    /// Steps that wait for guardians.
    pub awaiting: Vec<u32>,
    pub in_flight: u32,
    pub max_cost: Option<Money>,
    /// Spent so far, in the currency of `max_cost`.
    pub posted: Option<Money>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStanding {
    Waiting,
    Going,
    Ended { outcome: Outcome, at: Timestamp },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEntriesQuery {
    pub run: CommandId,
    /// Index of the first entry wanted.
    pub from: u64,
}

/// Every entry that belongs to a run, in the order of the log, with payloads: its changes, its commands and their results.
/// As many as fit; the rest is asked for from `next` on. Each with the broker's word on it: who acts on them may not have to
/// believe the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntriesAnswer {
    pub entries: Vec<Committed>,
    /// Where to go on; none if these are all up to `head`.
    pub next: Option<u64>,
    /// Index of the newest durable entry when this was answered.
    pub head: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatesAnswer {
    pub reporting: Currency,
    pub rates: Vec<ExchangeRate>,
    pub prices: Vec<PriceRow>,
}

/// A price set by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    pub price: PriceOverride,
    /// Its name in quotes: `log#17`.
    pub version: String,
    /// Index of the entry that set it.
    pub entry: u64,
}
