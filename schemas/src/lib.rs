//! The wire and log contract of InfraFabric. Pure: no IO, no clock, no randomness, no async.
//!
//! `schemas/README.md` specifies every format here in prose; `schemas/vectors/` holds golden bytes.

pub mod batch;
pub mod bytes;
pub mod cause;
pub mod codec;
pub mod command;
pub mod entry;
pub mod envelope;
pub mod error;
pub mod export;
pub mod finance;
pub mod head;
pub mod ids;
pub mod key;
pub mod limits;
pub mod member;
pub mod money;
pub mod name;
pub mod outcome;
pub mod payload;
pub mod plan;
pub mod presence;
pub mod price;
pub mod query;
pub mod reject;
pub mod run;
pub mod state;
pub mod subject;
pub mod tariff;
pub mod time;
pub mod trust;
pub mod watch;
pub mod wire;

pub use bytes::{Hash, KeyId, PublicKey, Salt, Signature};
pub use cause::Cause;
pub use command::{Command, Effect};
pub use entry::{Body, Entry, Settlement};
pub use envelope::{Draft, Envelope, Kind, Signed};
pub use error::SchemaError;
pub use finance::{FinanceChange, FinanceOp};
pub use head::Head;
pub use ids::{CommandId, TraceId};
pub use key::{SigningKey, Verifier};
pub use member::{Grant, Member, Role, TrustChange, TrustOp};
pub use money::{Currency, Money};
pub use name::{Name, OperationId};
pub use outcome::{Leg, Outcome, ResultEvent, Route, RouteMode, Status};
pub use payload::Payload;
pub use plan::Plan;
pub use reject::{Code, Reject};
pub use run::{Order, RunChange, RunOp};
pub use time::Timestamp;
pub use trust::{Pin, Trust};
pub use watch::{StateMatch, Target};
