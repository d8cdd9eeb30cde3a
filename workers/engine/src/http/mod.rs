//! HTTP: the engine that executes manifests, and a bounded GET for native adapters.
//!
//! A command goes `run` → `request` (what is sent) → `ask` (tries) → `exchange` (one request: limits, hosts,
//! credentials, redirects) → the transport, and back through `response`, `classify` and `extract`.

mod adapter;
mod ask;
mod body;
pub mod cases;
mod classify;
mod client;
mod clock;
mod context;
mod engine;
mod exchange;
mod extract;
mod failure;
mod get;
mod link;
mod login;
mod pages;
mod poll;
mod rate;
mod request;
mod response;
mod retry;
mod run;
mod save;
mod scrub;
mod sse;
mod stream;
mod tls;
mod usage;
mod xml;

pub use adapter::{HttpAdapter, HttpProvider, VERIFY_EVERY};
pub use body::UPLOAD_MAX_BYTES;
pub use client::Client;
pub use clock::{Clock, SkippingClock, SystemClock};
pub use context::idempotency_key;
pub use engine::Engine;
pub use get::{BODY_MAX_BYTES, HttpClient, HttpError};
pub use login::LoginRequests;
pub use pages::PAGES_MAX;
pub use run::ANSWER_TIME;
pub use scrub::Scrubber;
pub use sse::EVENT_MAX_BYTES;
pub use tls::{TlsError, TlsSettings};
