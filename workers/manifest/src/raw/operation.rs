//! One operation.

use super::{ErrorRule, Extract, Pagination, Param, Poll, Request, Response, Retry};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// One line of help.
    pub summary: String,
    pub effect: Effect,
    /// `free`, or how a call is measured. Must be said: an unknown price is a refusal, never zero.
    pub price: Price,
    #[serde(default)]
    pub params: IndexMap<String, Param>,
    /// Template over `args` and `instance`: said before the command is sent, for what costs money or cannot be undone.
    #[serde(default)]
    pub notice: Option<String>,
    pub request: Request,
    #[serde(default)]
    pub response: Response,
    /// Before the provider's own rules.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    #[serde(default)]
    pub idempotency: Idempotency,
    #[serde(default)]
    pub pagination: Option<Pagination>,
    /// Ask until it is done: the request only starts the work.
    #[serde(default)]
    pub poll: Option<Poll>,
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Names of arguments and result fields. A result has `[redacted]` in their place before it is signed and logged. An
    /// argument is in the payload of its command, which can be erased, and is shown as `[redacted]`.
    #[serde(default)]
    pub redact: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Repeating reaches the same state.
    Idempotent,
    /// Must not happen twice.
    Once,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Price {
    Free,
    Metered(Metered),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metered {
    pub sku: SkuName,
    /// The most a call can use, by unit.
    pub most: IndexMap<Unit, Most>,
    /// What a call did use, read from the response, by unit. A unit that is not here counts as `most`.
    #[serde(default)]
    pub used: IndexMap<Unit, Extract>,
}

/// Which row of `prices.yaml` a call uses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SkuName {
    Fixed(String),
    Argument(String),
}

/// The units of `if_schemas::price::Unit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Call,
    Message,
    Minute,
    Hour,
    InputToken,
    CachedInputToken,
    OutputToken,
    Amount,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Most {
    Fixed(u64),
    /// The number an argument gives; where it is not given, the limit of the SKU.
    Argument(String),
    /// One token for each byte of these arguments, and `extra` for what the provider adds.
    TextBytes {
        arguments: Vec<String>,
        extra: u64,
    },
    Money {
        amount: String,
        currency: String,
    },
    /// Minutes of a duration argument, rounded up.
    MinutesOf(String),
}

/// How the provider knows a request it has seen. The key is made from the command id before the first byte is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Idempotency {
    #[default]
    None,
    /// Name of the header that holds the key.
    Header(String),
    /// Name of the body or form field (query parameter where there is no body) that holds the key.
    Field(String),
}
