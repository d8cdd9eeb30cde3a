//! The fabric as a client sees it. Nothing that arrives is believed before its signature leads back to `genesis.bin`.

mod await_result;
mod proof;
mod state;
mod stats;
mod stream;
mod submit;
mod trust;

pub use await_result::{Awaited, Ending, Settled};
pub use state::SNAPSHOT_TIMEOUT;
pub use stats::Rules;
pub use stream::stream_entries;
pub use submit::Outgoing;
pub use trust::{TrustView, read_genesis};

use crate::CliError;
use if_bus::{Bus, ConnectOptions};
use if_home::Home;
use if_schemas::{
    Entry, codec,
    query::{Answer, EntriesAnswer, EntriesQuery, RawEntry},
    subject,
};
use serde::{Serialize, de::DeserializeOwned};
use std::time::{Duration, Instant};

/// Connecting and getting the first answer may take this long in all: a dead fabric is reported within 3 s.
pub const REACH_TIMEOUT: Duration = Duration::from_millis(2_800);
/// Least time an answer is waited for, however late the connection came.
const ANSWER_MIN: Duration = Duration::from_millis(300);
/// How long a question may take once the fabric is known to answer.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Most answers the trust history may come in.
const TRUST_CHUNKS_MAX: usize = 1_000;

pub struct Client {
    pub bus: Bus,
    pub trust: TrustView,
    started: Instant,
    reached: bool,
}

impl Client {
    pub async fn connect(home: &Home, options: &ConnectOptions) -> Result<Self, CliError> {
        let started = Instant::now();
        let trust = TrustView::new(read_genesis(&home.genesis_file())?)?;
        let bus = Bus::connect(options).await?;
        Ok(Self { bus, trust, started, reached: false })
    }

    /// Time left to prove that the fabric is there.
    fn reach_left(&self) -> Duration {
        REACH_TIMEOUT.saturating_sub(self.started.elapsed()).max(ANSWER_MIN)
    }

    /// Asks the read side something whose answer is read by the caller.
    pub async fn question<Q: Serialize>(&mut self, what: &'static str, question: &Q) -> Result<bytes::Bytes, CliError> {
        self.ask(what, to_json(question)?).await
    }

    async fn ask(&mut self, what: &str, question: Vec<u8>) -> Result<bytes::Bytes, CliError> {
        let timeout = if self.reached { QUERY_TIMEOUT } else { self.reach_left() };
        let answer = self.bus.request(&subject::query(what), question, timeout).await?;
        self.reached = true;
        Ok(answer)
    }

    /// Asks the read side a question without parameters.
    pub async fn query<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<T, CliError> {
        self.query_with(what, &()).await
    }

    /// Asks the read side. The answer is the broker's word; what matters in it is signed and checked by the caller.
    pub async fn query_with<Q: Serialize, T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        question: &Q,
    ) -> Result<T, CliError> {
        let bytes = self.ask(what, to_json(question)?).await?;
        unwrap(from_json(what, &bytes)?)
    }

    pub async fn entries(&mut self, question: &EntriesQuery) -> Result<EntriesAnswer, CliError> {
        let bytes = self.ask(if_schemas::query::ENTRIES, to_json(question)?).await?;
        unwrap(codec::decode("entries answer", &bytes)?)
    }

    /// Entry 0 and all trust entries, oldest first.
    pub async fn trust_entries(&mut self) -> Result<Vec<RawEntry>, CliError> {
        let mut all: Vec<RawEntry> = Vec::new();
        for _ in 0..TRUST_CHUNKS_MAX {
            let from = all.last().map_or(Ok(0), |raw| Entry::decode(&raw.entry).map(|entry| entry.index + 1))?;
            let question = to_json(&EntriesQuery { from, to: None, payloads: false })?;
            let bytes = self.ask(if_schemas::query::TRUST_ENTRIES, question).await?;
            let answer: EntriesAnswer = unwrap(codec::decode("trust entries", &bytes)?)?;
            let is_last = answer.is_last_chunk();
            all.extend(answer.entries);
            if is_last {
                return Ok(all);
            }
        }
        Err(CliError::damaged(format!("the trust history does not end after {TRUST_CHUNKS_MAX} answers")))
    }

    /// Brings trust up to the newest entry, each change checked against the one before, from the genesis on.
    pub async fn refresh_trust(&mut self) -> Result<(), CliError> {
        let entries = self.trust_entries().await?;
        self.trust.fold(entries.iter().map(|e| e.entry.as_slice()))
    }
}

/// One `entries` question on a connection shared by several at once.
pub async fn ask_entries(bus: &Bus, question: &EntriesQuery) -> Result<EntriesAnswer, CliError> {
    let bytes = bus.request(&subject::query(if_schemas::query::ENTRIES), to_json(question)?, QUERY_TIMEOUT).await?;
    unwrap(codec::decode("entries answer", &bytes)?)
}

/// One question without parameters on a connection shared by several at once.
pub async fn ask<T: DeserializeOwned>(bus: &Bus, what: &str) -> Result<T, CliError> {
    let bytes = bus.request(&subject::query(what), to_json(&())?, QUERY_TIMEOUT).await?;
    unwrap(from_json(what, &bytes)?)
}

fn from_json<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<Answer<T>, CliError> {
    serde_json::from_slice(bytes).map_err(|e| CliError::failed(format!("the answer to {what:?} cannot be read: {e}")))
}

fn to_json<Q: Serialize>(question: &Q) -> Result<Vec<u8>, CliError> {
    serde_json::to_vec(question).map_err(|e| CliError::failed(format!("the question cannot be written: {e}")))
}

pub(crate) fn unwrap<T>(answer: Answer<T>) -> Result<T, CliError> {
    match answer {
        Answer::Ok(value) => Ok(value),
        // The broker answers so where the question names nothing that exists.
        Answer::Error { message, hint } => {
            Err(CliError::new(crate::Exit::Usage, message).code("not_found").hint_opt(hint))
        }
    }
}
