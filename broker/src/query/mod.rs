//! The read side: questions on `if.query.<what>`, answered from durable state only. Nothing here can change anything.

mod answer;
mod money;
mod rows;
mod runs;
mod spend;

use crate::{presence::Presence, shared::Shared};
use if_bus::{Bus, BusError, Message};
use if_schemas::{codec, query::Answer, subject};
use if_witness::Reader;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Questions answered at once; more wait in the subscription.
const CONCURRENT_MAX: usize = 8;

/// What answers are made from.
pub struct Queries {
    pub bus: Bus,
    pub shared: Arc<Shared>,
    pub presence: Arc<Presence>,
    pub reader: Reader,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    message: String,
    hint: Option<String>,
}

impl NoAnswer {
    fn new(message: impl Into<String>, hint: &str) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

impl<E: std::error::Error> From<E> for NoAnswer {
    fn from(e: E) -> Self {
        Self { message: e.to_string(), hint: None }
    }
}

impl Queries {
    /// Answers until the bus closes.
    pub async fn listen(self) -> Result<(), BusError> {
        let mut questions = self.bus.subscribe(subject::QUERIES).await?;
        let this = Arc::new(self);
        let slots = Arc::new(Semaphore::new(CONCURRENT_MAX));
        while let Some(message) = questions.next().await {
            let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
            let this = this.clone();
            tokio::task::spawn_blocking(move || {
                let bytes = this.answer(&message);
                tokio::runtime::Handle::current().spawn(async move {
                    if let Err(error) = this.bus.reply(&message, bytes).await {
                        tracing::warn!(%error, subject = message.subject, "could not answer");
                    }
                    drop(slot);
                });
            });
        }
        Ok(())
    }

    fn answer(&self, message: &Message) -> Vec<u8> {
        use if_schemas::query as q;
        let what = message.subject.strip_prefix("if.query.").unwrap_or_default();
        match what {
            q::HEAD => json(optional(message).and_then(|question| self.head(question.unwrap_or_default()))),
            q::STATUS => json(self.status()),
            q::TRUST => json(self.trust()),
            q::NODES => json(self.nodes()),
            q::BUDGETS => json(self.budgets()),
            q::RATES => json(self.rates()),
            q::RUNS => json(self.runs()),
            q::RUN_ENTRIES => msgpack(question(message).and_then(|question| self.run_entries(&question))),
            q::TARIFF => json(question(message).and_then(|question| self.tariff(&question))),
            q::SPEND => json(question(message).and_then(|question| self.spend(&question))),
            q::LOG => json(question(message).and_then(|question| self.log(&question))),
            q::SHOW => json(question(message).and_then(|question: q::ShowQuery| self.show(&question.id))),
            q::ENTRIES => msgpack(question(message).and_then(|question| self.entries(&question))),
            q::TRUST_ENTRIES => {
                let from = |q: Option<q::EntriesQuery>| q.map_or(0, |q| q.from);
                msgpack(optional(message).and_then(|question| self.trust_entries(from(question))))
            }
            other => json::<()>(Err(NoAnswer::new(format!("there is no query {other:?}"), "see schemas/README.md"))),
        }
    }
}

fn question<T: serde::de::DeserializeOwned>(message: &Message) -> Result<T, NoAnswer> {
    Ok(serde_json::from_slice(&message.payload)?)
}

/// A question that may be left out: an empty message asks the same as `null`.
fn optional<T: serde::de::DeserializeOwned>(message: &Message) -> Result<Option<T>, NoAnswer> {
    if message.payload.is_empty() { Ok(None) } else { question(message) }
}

fn to_answer<T>(result: Result<T, NoAnswer>) -> Answer<T> {
    match result {
        Ok(value) => Answer::Ok(value),
        Err(NoAnswer { message, hint }) => Answer::Error { message, hint },
    }
}

fn json<T: Serialize>(result: Result<T, NoAnswer>) -> Vec<u8> {
    serde_json::to_vec(&to_answer(result)).unwrap_or_else(|e| e.to_string().into_bytes())
}

fn msgpack<T: Serialize>(result: Result<T, NoAnswer>) -> Vec<u8> {
    codec::encode("answer", &to_answer(result)).unwrap_or_else(|e| e.to_string().into_bytes())
}
