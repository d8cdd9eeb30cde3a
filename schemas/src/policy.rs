//! Classes of commands that guardians must agree to, whoever sends them.

use crate::{
    Effect, Grant, Money, Name, OperationId, SchemaError,
    limits::POLICY_GRANTS_MAX,
    price::{Quote, Unit},
    run::Guard,
};
use serde::{Deserialize, Serialize};

/// One rule of trust: what it covers is only done as a step of a run, once its guardians agreed to exactly that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Commands that one of these covers. What only reads is never guarded.
    pub operations: Vec<Grant>,
    /// Only what moves, or may cost, more than this.
    pub above: Option<Money>,
    pub guard: Guard,
}

impl Policy {
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.operations.is_empty() {
            return Err(SchemaError::invalid("policy", "no operations", "name what it covers, like payment.*"));
        }
        if self.operations.len() > POLICY_GRANTS_MAX {
            let bytes = self.operations.len();
            return Err(SchemaError::TooLarge { what: "operations of a policy", bytes, limit: POLICY_GRANTS_MAX });
        }
        if self.above.is_some_and(|above| above.amount_micros < 0) {
            return Err(SchemaError::invalid("policy", "a negative amount", "use 0 or more"));
        }
        self.guard.check()
    }

    /// Is the command one of its kind? What it moves is another question.
    pub fn covers(&self, effect: Effect, operation: &OperationId, provider: &Name, instance: &Name) -> bool {
        effect != Effect::Read && self.operations.iter().any(|grant| grant.covers(operation, provider, instance))
    }
}

/// What a command moves or may cost, whichever is more, in the currency of its quote; none where it is free.
pub fn at_stake(quote: Option<&Quote>) -> Option<Money> {
    let quote = quote?;
    let moved = quote.lines.iter().filter(|line| line.rate.unit == Unit::Amount).map(|line| line.most).max();
    let moved = moved.map_or(0, |micros| i64::try_from(micros).unwrap_or(i64::MAX));
    let cost = quote.worst_case().map_or(i64::MAX, |cost| cost.amount_micros);
    Some(Money { amount_micros: moved.max(cost), currency: quote.currency })
}
