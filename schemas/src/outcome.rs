//! What became of a command: the worker's signed statement.

use crate::{CommandId, Hash, Kind, Money, Name, Signed, Timestamp, price::Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The final status of a command. Unknown is a state of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The effect was confirmed.
    Succeeded,
    /// The provider refused, or the effect was seen not to have happened.
    Failed,
    /// Nobody can know whether it happened.
    Indeterminate,
    /// The deadline passed before it started; it was not executed.
    Expired,
}

impl Status {
    pub const ALL: [Status; 4] = [Status::Succeeded, Status::Failed, Status::Indeterminate, Status::Expired];
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Indeterminate => "indeterminate",
            Status::Expired => "expired",
        }
    }
}

/// The signed body of a result. The document (result or error) is the detached payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultEvent {
    pub command: CommandId,
    /// Hash of the entry that admitted the command: ties the result to one place of one log.
    pub entry: Hash,
    pub status: Status,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// How many times the work was delivered, from 1.
    pub attempt: u32,
    /// The target was a simulator.
    pub simulated: bool,
    pub cost: Money,
    /// Version of the price table the cost was computed with; none where the operation is free.
    pub price_table: Option<String>,
    /// What was used, where the admission has a quote: `cost` is what it costs by that quote. None there means that
    /// nobody knows, and `cost` is the whole reservation. None where the operation is free.
    pub usage: Option<Usage>,
    /// `Payload::hash` of the [`Outcome`].
    pub payload: Hash,
    /// Where it went; none where the instance named by the command executed it alone, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

/// How the backup of an instance is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteMode {
    /// Only where the main instance cannot.
    #[default]
    Failover,
    /// Both, always.
    Mirror,
}

impl RouteMode {
    pub const ALL: [RouteMode; 2] = [RouteMode::Failover, RouteMode::Mirror];
    pub fn as_str(self) -> &'static str {
        match self {
            RouteMode::Failover => "failover",
            RouteMode::Mirror => "mirror",
        }
    }
}

/// Where a command went whose instance has a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub mode: RouteMode,
    /// The instance that the command names.
    pub main: Leg,
    pub backup: Leg,
}

/// What became of a command on one of two instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    pub instance: Name,
    /// None: nothing was sent there.
    pub status: Option<Status>,
    /// Code of the failure, or the state of the instance that was not sent anything; none where it succeeded.
    pub code: Option<String>,
}

impl Leg {
    /// `myvmix: succeeded`, `myvmix: not sent (disconnected)`, `myvmix: failed (not_confirmed)`.
    fn text(&self) -> String {
        let status = self.status.map_or("not sent", Status::as_str);
        let code = self.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        format!("{}: {status}{code}", self.instance)
    }
}

impl Route {
    /// A mirrored command that one of the two was not sent.
    pub fn is_degraded(&self) -> bool {
        self.mode == RouteMode::Mirror && (self.main.status.is_none() || self.backup.status.is_none())
    }

    /// One line for people.
    pub fn text(&self) -> String {
        let degraded = if self.is_degraded() { ", degraded" } else { "" };
        let both = format!("{}; {}", self.main.text(), self.backup.text());
        match (self.mode, self.backup.status) {
            (RouteMode::Failover, Some(_)) => format!("executed on backup {}: {both}", self.backup.instance),
            (RouteMode::Failover, None) => format!("backup not used: {both}"),
            (RouteMode::Mirror, _) => format!("mirrored{degraded}: {both}"),
        }
    }
}

impl Signed for ResultEvent {
    const KIND: Kind = Kind::Result;
}

/// The payload of a result: exactly one of a result and a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The confirmed result document; its shape is the operation's.
    Result(Value),
    Error(Failure),
}

/// Why an operation did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Stable snake_case code: see `docs/errors`.
    pub code: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// An unlogged hint of how far a running command is. Signed by the worker, sent on the event subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub command: CommandId,
    /// Counts up from 0; `started` is 0.
    pub sequence: u32,
    pub at: Timestamp,
    pub message: String,
    pub data: Option<Value>,
}

impl Signed for Progress {
    const KIND: Kind = Kind::Progress;
}
